// The parser's short way for plain frames against its way through the layers: the same views.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/parse.h"
#include "tests/unit/dataplane/packet/frames.h"

static void user_packet(struct frame *f, struct rng *r)
{
	uint8_t protocol = rng_below(r, 8) ? (rng_below(r, 2) ? 17 : 6) : (uint8_t)rng_below(r, 60);

	if (rng_below(r, 2))
		frame_ipv4(f, 0x0a000001, 0x0a000002, protocol);
	else
		frame_ipv6(f, 1, 2, protocol);
	if (protocol == 6)
		frame_tcp(f, 1000, 443);
	else
		frame_udp(f, 1000, rng_below(r, 16) ? 53 : 2152);
	frame_zero(f, rng_below(r, 40));
}

// As most frames of a user plane are, with a damage or none.
static void tunnelled(struct frame *f, struct rng *r)
{
	f->n = f->n_fix = 0;
	if (rng_below(r, 4)) {
		frame_ethernet(f, rng_below(r, 2) ? 0x0800 : 0x86dd);
	} else {
		frame_ethernet(f, 0x8100);
		frame_vlan(f, rng_below(r, 2) ? 0x0800 : 0x86dd);
	}
	if (f->b[f->n - 2] == 8)
		frame_ipv4(f, 0xc6336401, 0xc6336402, 17);
	else
		frame_ipv6(f, 3, 4, 17);
	frame_udp(f, 2152, 2152);
	switch (rng_below(r, 4)) {
	case 0:
		frame_gtpu(f, 255, 7);
		break;
	case 1: // a sequence number
		frame_gtpu(f, 255, 7);
		f->b[f->n - 8] |= (uint8_t)(1 + rng_below(r, 7));
		frame_zero(f, 4);
		break;
	default:
		frame_gtpu_session(f, 7, (uint8_t)rng_below(r, 2), (uint8_t)rng_below(r, 64));
		break;
	}
	user_packet(f, r);
	frame_finish(f);
	uint32_t whole = f->n;
	if (rng_below(r, 4) == 0)
		frame_zero(f, rng_below(r, 12));
	for (unsigned i = rng_below(r, 3); i; i--)
		f->b[rng_below(r, whole < 120 ? whole : 120)] = (uint8_t)rng_next(r);
	if (rng_below(r, 4) == 0)
		f->n = rng_below(r, f->n + 1);
}

static uint64_t first_of(const uint8_t *address, uint8_t family)
{
	uint64_t x = 0;

	if (family == 4)
		return (uint64_t)address[0] << 24 | (uint64_t)address[1] << 16 |
		       (uint64_t)address[2] << 8 | address[3];
	for (unsigned i = 8; i-- > 0;)
		x = x << 8 | address[i];
	return x;
}

// The fields that sifting reads of a view agree with its layers.
static void check_shape(const struct packet_view *v, const uint8_t *frame, unsigned *shapes)
{
	bool gtp = v->shape & SHAPE_GTP;
	const struct packet_layer *user = &v->layer[gtp], *carrier = &v->layer[0];
	const uint8_t *a = frame + user->l3 + user->source;

	shapes[v->shape & 7]++;
	cr_assert_eq(v->flags & VIEW_GTPU ? 0 : v->teid, 0);
	if (v->shape == SHAPE_OTHER)
		return;
	cr_assert_eq(v->n_layers, gtp ? 2 : 1);
	cr_assert_eq(!(v->flags & VIEW_GTPU), !gtp);
	cr_assert_eq(v->shape & (SHAPE_V4 | SHAPE_V6), user->family == 4 ? SHAPE_V4 : SHAPE_V6);
	cr_assert_eq(v->end[0], first_of(a, user->family));
	cr_assert_eq(v->end[1], first_of(a + user->address_length, user->family));
	cr_assert(user->flags == LAYER_PORTS && (user->protocol == 6 || user->protocol == 17));
	cr_assert_eq(!(v->shape & SHAPE_CARRIER6), !(gtp && carrier->family == 6));
	if (gtp && carrier->family == 4)
		cr_assert_arr_eq(&v->carrier, frame + carrier->l3 + 12, 8);
	if (gtp)
		cr_assert(carrier->flags & LAYER_CARRIER && v->n_nested == 0);
}

Test(parse_short, the_short_way_sees_what_the_long_one_sees)
{
	struct rng r = {.s = 20};
	unsigned tunnels = 0, shapes[8] = {0};

	for (unsigned i = 0; i < 200000; i++) {
		struct frame f;
		struct port_traits port;
		struct packet_view slow;
		memset(&f, 0, sizeof(f));
		port_random(&port, &r);
		if (i & 1)
			frame_random(&f, &r);
		else
			tunnelled(&f, &r);
		struct packet_view fast;
		memset(&fast, 0x5a, sizeof(fast));
		uint8_t *copy = malloc(f.n ? f.n : 1); // of exactly that size
		memcpy(copy, f.b, f.n);
		fast.data = copy;
		fast.length = fast.total = f.n;
		parse_burst(&port, &fast, 1);
		free(copy);
		memset(&slow, 0xa5, sizeof(slow));
		slow.data = f.b;
		slow.length = slow.total = f.n;
		parse_by_layers(&port, &slow);
		cr_assert(views_equal(&fast, &slow), "frame %u: %s and %s", i,
			packet_outcome_name(fast.outcome), packet_outcome_name(slow.outcome));
		check_shape(&fast, f.b, shapes);
		cr_assert_eq(slow.shape, SHAPE_OTHER);
		tunnels += fast.outcome == PACKET_GTPU && fast.n_layers == 2;
	}
	cr_assert_gt(tunnels, 30000);
	cr_assert(shapes[SHAPE_PLAIN4] > 1000 && shapes[SHAPE_PLAIN6] > 1000);
	cr_assert(shapes[SHAPE_GTP4] > 10000 && shapes[SHAPE_GTP6] > 10000);
}

static const struct port_traits tunnels = {.tunnel = CONFIG_TUNNEL_GTPU};

// Parts of a frame that lie elsewhere are not looked at by either.
Test(parse_short, the_short_way_reads_what_is_contiguous)
{
	struct rng r = {.s = 21};

	for (unsigned i = 0; i < 20000; i++) {
		struct frame f;
		struct packet_view fast, slow;
		memset(&f, 0, sizeof(f));
		memset(&fast, 0x5a, sizeof(fast));
		tunnelled(&f, &r);
		uint32_t here = rng_below(&r, f.n + 1);
		uint8_t *copy = malloc(here ? here : 1);
		memcpy(copy, f.b, here);
		fast.data = copy;
		fast.length = here;
		fast.total = f.n;
		slow = fast;
		parse_burst(&tunnels, &fast, 1);
		parse_by_layers(&tunnels, &slow);
		cr_assert(views_equal(&fast, &slow), "frame %u", i);
		free(copy);
	}
}
