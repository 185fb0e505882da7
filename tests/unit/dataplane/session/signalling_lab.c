#include "tests/unit/dataplane/session/signalling_lab.h"

#include <stdlib.h>
#include <string.h>

#include "shared/pdu.h"

// ---- octets ----

void lab_octets(struct lab *l, const void *octets, uint32_t n)
{
	if (n)
		memcpy(l->octets + l->n, octets, n);
	l->n += n;
}

void lab_u8(struct lab *l, uint8_t v)
{
	lab_octets(l, &v, 1);
}

void lab_u16(struct lab *l, uint16_t v)
{
	lab_u8(l, (uint8_t)(v >> 8));
	lab_u8(l, (uint8_t)v);
}

void lab_u32(struct lab *l, uint32_t v)
{
	lab_u16(l, (uint16_t)(v >> 16));
	lab_u16(l, (uint16_t)v);
}

void lab_u64(struct lab *l, uint64_t v)
{
	lab_u32(l, (uint32_t)(v >> 32));
	lab_u32(l, (uint32_t)v);
}

static void set16(struct lab *l, uint32_t at, uint32_t v)
{
	l->octets[at] = (uint8_t)(v >> 8);
	l->octets[at + 1] = (uint8_t)v;
}

static void address(struct lab *l, uint32_t a)
{
	lab_u32(l, a);
}

static void tbcd(struct lab *l, const char *digits)
{
	for (size_t i = 0, n = strlen(digits); i < n; i += 2)
		lab_u8(l,
			(uint8_t)((digits[i] - '0') | (i + 1 < n ? digits[i + 1] - '0' : 15) << 4));
}

// ---- PFCP ----

void lab_pfcp(struct lab *l, uint8_t type, uint32_t sequence)
{
	l->n = l->depth = 0;
	lab_u8(l, 0x20);
	lab_u8(l, type);
	lab_u16(l, 0);
	lab_u32(l, sequence << 8);
}

void lab_pfcp_session(struct lab *l, uint8_t type, uint64_t seid, uint32_t sequence)
{
	l->n = l->depth = 0;
	lab_u8(l, 0x21);
	lab_u8(l, type);
	lab_u16(l, 0);
	lab_u64(l, seid);
	lab_u32(l, sequence << 8);
}

void lab_end(struct lab *l)
{
	set16(l, 2, l->n - 4);
}

void lab_open(struct lab *l, uint16_t type)
{
	lab_u16(l, type);
	l->open[l->depth++] = l->n;
	lab_u16(l, 0);
}

void lab_close(struct lab *l)
{
	uint32_t at = l->open[--l->depth];

	set16(l, at, l->n - at - 2);
}

void lab_ie8(struct lab *l, uint16_t type, uint8_t v)
{
	lab_open(l, type);
	lab_u8(l, v);
	lab_close(l);
}

void lab_ie16(struct lab *l, uint16_t type, uint16_t v)
{
	lab_open(l, type);
	lab_u16(l, v);
	lab_close(l);
}

void lab_ie32(struct lab *l, uint16_t type, uint32_t v)
{
	lab_open(l, type);
	lab_u32(l, v);
	lab_close(l);
}

void lab_text(struct lab *l, uint16_t type, const char *text)
{
	lab_open(l, type);
	lab_octets(l, text, (uint32_t)strlen(text));
	lab_close(l);
}

void lab_node(struct lab *l, uint32_t a)
{
	lab_open(l, 60);
	lab_u8(l, 0);
	address(l, a);
	lab_close(l);
}

void lab_f_seid(struct lab *l, uint64_t seid, uint32_t a)
{
	lab_open(l, 57);
	lab_u8(l, 2);
	lab_u64(l, seid);
	address(l, a);
	lab_close(l);
}

void lab_f_teid(struct lab *l, uint32_t teid, uint32_t a)
{
	lab_open(l, 21);
	lab_u8(l, 1);
	lab_u32(l, teid);
	address(l, a);
	lab_close(l);
}

void lab_choose(struct lab *l, int id)
{
	lab_open(l, 21);
	lab_u8(l, id < 0 ? 5 : 13);
	if (id >= 0)
		lab_u8(l, (uint8_t)id);
	lab_close(l);
}

void lab_ue(struct lab *l, uint32_t a)
{
	lab_open(l, 93);
	lab_u8(l, 2);
	address(l, a);
	lab_close(l);
}

void lab_outer(struct lab *l, uint32_t teid, uint32_t a)
{
	lab_open(l, 84);
	lab_u16(l, 0x0100);
	lab_u32(l, teid);
	address(l, a);
	lab_close(l);
}

static void number(struct lab *l, const char *digits)
{
	if (!digits)
		return;
	lab_u8(l, (uint8_t)((strlen(digits) + 1) / 2));
	tbcd(l, digits);
}

void lab_identities(struct lab *l, const struct lab_identities *all)
{
	lab_open(l, 141);
	lab_u8(l, (uint8_t)((all->imsi ? 1 : 0) | (all->imei ? 2 : 0) | (all->msisdn ? 4 : 0) |
			    (all->nai ? 8 : 0)));
	number(l, all->imsi);
	number(l, all->imei);
	number(l, all->msisdn);
	if (all->nai) {
		lab_u8(l, (uint8_t)strlen(all->nai));
		lab_octets(l, all->nai, (uint32_t)strlen(all->nai));
	}
	lab_close(l);
}

void lab_user(struct lab *l, const char *imsi)
{
	lab_open(l, 141);
	lab_u8(l, 1);
	lab_u8(l, 8);
	tbcd(l, imsi);
	lab_close(l);
}

// ---- GTPv2-C ----

void lab_gtpv2(struct lab *l, uint8_t type, uint32_t teid, uint32_t sequence)
{
	l->n = l->depth = 0;
	lab_u8(l, 0x48);
	lab_u8(l, type);
	lab_u16(l, 0);
	lab_u32(l, teid);
	lab_u32(l, sequence << 8);
}

void lab_gtpv2_end(struct lab *l)
{
	set16(l, 2, l->n - 4);
}

void lab_gtpv2_open(struct lab *l, uint8_t type, uint8_t instance)
{
	lab_u8(l, type);
	l->open[l->depth++] = l->n;
	lab_u16(l, 0);
	lab_u8(l, instance);
}

static void gtpv2_close(struct lab *l)
{
	uint32_t at = l->open[--l->depth];

	set16(l, at, l->n - at - 3);
}

void lab_gtpv2_ie8(struct lab *l, uint8_t type, uint8_t v)
{
	lab_gtpv2_open(l, type, 0);
	lab_u8(l, v);
	if (type == 2)
		lab_u8(l, 0);
	gtpv2_close(l);
}

void lab_gtpv2_f_teid(struct lab *l, uint8_t instance, uint8_t interface, uint32_t teid, uint32_t a)
{
	lab_gtpv2_open(l, 87, instance);
	lab_u8(l, (uint8_t)(0x80 | interface));
	lab_u32(l, teid);
	address(l, a);
	gtpv2_close(l);
}

void lab_gtpv2_imsi(struct lab *l, const char *digits)
{
	lab_gtpv2_open(l, 1, 0);
	tbcd(l, digits);
	gtpv2_close(l);
}

void lab_gtpv2_paa(struct lab *l, uint32_t a)
{
	lab_gtpv2_open(l, 79, 0);
	lab_u8(l, 1);
	address(l, a);
	gtpv2_close(l);
}

void lab_gtpv2_close(struct lab *l)
{
	gtpv2_close(l);
}

// ---- RADIUS ----

void lab_radius(struct lab *l, uint8_t code, uint8_t identifier)
{
	static const uint8_t authenticator[16];

	l->n = l->depth = 0;
	lab_u8(l, code);
	lab_u8(l, identifier);
	lab_u16(l, 0);
	lab_octets(l, authenticator, 16);
}

void lab_radius_end(struct lab *l)
{
	set16(l, 2, l->n);
}

void lab_attribute(struct lab *l, uint8_t type, const void *octets, uint8_t n)
{
	lab_u8(l, type);
	lab_u8(l, (uint8_t)(n + 2));
	lab_octets(l, octets, n);
}

// ---- the world ----

static int on_bind(void *context, uint64_t subscription, const struct binding *b)
{
	struct world *w = context;

	if (w->refuse > 0) {
		w->refuse--;
		return POI_ERR_NOMEM;
	}
	if (w->n_bound == WORLD_BOUND_MAX) {
		w->broken = true;
		return 0;
	}
	for (uint32_t i = 0; i < w->n_bound; i++)
		w->broken = w->broken || w->bound[i].b.id == b->id;
	w->bound[w->n_bound++] = (struct world_bound){subscription, *b};
	if (b->select)
		pdr_select_hold(b->select);
	w->binds++;
	return 0;
}

static void on_unbind(void *context, uint64_t subscription, uint64_t binding)
{
	struct world *w = context;

	w->unbinds++;
	for (uint32_t i = 0; i < w->n_bound; i++)
		if (w->bound[i].subscription == subscription && w->bound[i].b.id == binding) {
			if (w->bound[i].b.select)
				pdr_select_drop(w->bound[i].b.select);
			w->bound[i] = w->bound[--w->n_bound];
			return;
		}
	w->broken = true;
}

static void on_state(void *context, uint64_t subscription, const struct subscription_state *state)
{
	struct world *w = context;

	if (subscription < 64)
		w->state[subscription] = *state;
}

static void on_over(void *context, uint64_t correlation)
{
	struct world *w = context;

	w->over[w->n_over++ & 63] = correlation;
}

struct sessions_settings world_settings(struct world *w)
{
	return (struct sessions_settings){SESSIONS_DEFAULTS,
		.seed = {0x0123456789abcdefull, 0xfedcba9876543210ull},
		.sink = {on_bind, on_unbind, on_state, w, on_over}};
}

void world_make(struct world *w, const struct sessions_settings *s)
{
	struct sessions_settings settings = world_settings(w);

	memset(w, 0, sizeof(*w));
	w->now_ns = 1000000000000ull;
	w->store = sessions_new(s ? s : &settings);
	if (!w->store)
		abort();
}

void world_end(struct world *w)
{
	sessions_free(w->store);
	for (uint32_t i = 0; i < w->n_bound; i++)
		if (w->bound[i].b.select)
			pdr_select_drop(w->bound[i].b.select);
}

static struct signalling_end end_of(uint32_t a, uint16_t port)
{
	struct signalling_end e = {.address.family = 4, .port = port};

	for (unsigned i = 0; i < 4; i++)
		e.address.b[i] = (uint8_t)(a >> (24 - 8 * i));
	return e;
}

void world_take(struct world *w, const struct lab *l, uint8_t protocol, uint32_t from, uint32_t to)
{
	static const uint16_t port[] = {8805, 2123, 1813};
	uint8_t *octets = malloc(l->n ? l->n : 1); // its end is guarded by the sanitizers
	struct signalling_packet p = {.time_ns = w->now_ns += 100000,
		.protocol = protocol,
		.source = end_of(from, port[protocol]),
		.destination = end_of(to, port[protocol]),
		.octets = octets,
		.length = l->n};

	if (!octets)
		abort();
	memcpy(octets, l->octets, l->n);
	sessions_take(w->store, &p);
	free(octets);
}

void world_pass(struct world *w, uint64_t ns)
{
	w->now_ns += ns;
	sessions_tick(w->store, w->now_ns);
}

int world_subscribe_imsi(struct world *w, uint64_t subscription, const char *imsi)
{
	struct session_target t = {.kinds = SESSION_IMSI};

	strcpy(t.imsi, imsi);
	return sessions_subscribe(w->store, subscription, &t, FILTER_ANY_DIRECTION);
}

int world_subscribe_seid(struct world *w, uint64_t subscription, uint64_t seid, uint32_t a)
{
	struct session_target t = {.kinds = SESSION_FSEID, .seid = seid};

	if (a)
		t.seid_v4 = end_of(a, 0).address;
	return sessions_subscribe(w->store, subscription, &t, FILTER_ANY_DIRECTION);
}

static bool is_at(const struct ip_prefix *p, uint32_t a)
{
	struct signalling_end e = end_of(a, 0);

	return p->family == 4 && p->length == 32 && memcmp(p->b, e.address.b, 4) == 0;
}

bool world_tunnel(const struct world *w, uint64_t subscription, uint8_t link, uint8_t direction,
	uint32_t teid, uint32_t a)
{
	for (uint32_t i = 0; i < w->n_bound; i++) {
		const struct binding *b = &w->bound[i].b;
		if (w->bound[i].subscription == subscription && b->kind == BINDING_TUNNEL &&
			b->link == link && b->direction == direction && b->teid == teid &&
			is_at(&b->prefix, a))
			return true;
	}
	return false;
}

bool world_address(const struct world *w, uint64_t subscription, uint32_t a)
{
	for (uint32_t i = 0; i < w->n_bound; i++)
		if (w->bound[i].subscription == subscription &&
			w->bound[i].b.kind == BINDING_ADDRESS &&
			w->bound[i].b.link == CONFIG_LINK_N6 && is_at(&w->bound[i].b.prefix, a))
			return true;
	return false;
}

uint32_t world_bound_by(const struct world *w, uint64_t subscription)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_bound; i++)
		n += w->bound[i].subscription == subscription;
	return n;
}

struct session_counts world_counts(const struct world *w)
{
	struct session_counts c;

	sessions_counts(w->store, &c);
	return c;
}
