// Attempts at the addresses of a destination, the pause between them, what is reported of them, and
// how often one that stands is looked at.

#include "dataplane/deliver/deliver_internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "shared/now.h"
#include "tests/unit/dataplane/deliver/deliver_bed.h"

#define SECOND 1000000000ull
#define HOLES 3

// A listener whose queue is full: to the end that connects it does not answer.
struct hole {
	int listener, filler[HOLES];
};

static void hole_open(struct hole *h, const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;

	inet_pton(AF_INET, address, &a.sin_addr);
	h->listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(h->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	cr_assert_eq(bind(h->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(h->listener, 0), 0);
	for (int i = 0; i < HOLES; i++) {
		h->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(h->filler[i], (struct sockaddr *)&a, sizeof(a));
	}
}

static void hole_close(struct hole *h)
{
	for (int i = 0; i < HOLES; i++)
		close(h->filler[i]);
	close(h->listener);
}

static void bed_make(struct bed *b)
{
	char why[200] = "";

	b->deliver = deliver_new(&b->config, &b->capture, 1, why, sizeof(why));
	cr_assert_not_null(b->deliver, "%s", why);
}

static struct mdf_connection *named(struct bed *b, uint16_t port)
{
	struct channel_destination dest = {
		.delivery = DELIVERY_X3, .host = "localhost", .port = port, .did.b[0] = 1};
	uint16_t index = 0;

	cr_assert_eq(deliver_add(b->deliver, &dest, &index), 0);
	b->rule[0].destination[0] = index;
	return b->deliver->connection[index];
}

// 127.0.0.`last` in this order, ends with 0.
static void answer(struct mdf_connection *c, const uint8_t *last, uint64_t now)
{
	struct resolve_answer a = {.token = c->serial << 16 | c->questions, .ttl = RESOLVE_TTL_MIN};

	for (; *last; last++)
		a.address[a.n++] = (struct ip_address){.family = 4, .b = {127, 0, 0, *last}};
	mdf_connection_resolved(c, &a, now);
}

// Runs the connection, `skew` ns ahead of the clock, until it is up or the time is over. Each
// question gets the same answer.
static bool comes_up(struct mdf_connection *c, const uint8_t *last, unsigned ms, uint64_t skew)
{
	for (unsigned i = 0; i < ms && !c->up_at; i++, usleep(1000)) {
		uint64_t now = now_monotonic_ns() + skew;
		mdf_connection_timers(c, now);
		if (c->end[0].resolving)
			answer(c, last, now);
		mdf_connection_ready(c, 0, now);
	}
	return c->up_at > 0;
}

static uint32_t faults(struct bed *b, struct channel_event *last)
{
	struct channel_event e;
	uint32_t n = 0;

	while (deliver_next_event(b->deliver, &e)) {
		if (e.kind != EVENT_DESTINATION_DOWN)
			continue;
		n++;
		*last = e;
	}
	return n;
}

// A dead address before a live one costs neither a fault nor a pause.
Test(deliver_attempt, a_refused_address_is_passed_over, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct channel_event e;

	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	bed_make(b);
	struct mdf_connection *c = named(b, m.port);
	cr_assert(comes_up(c, (const uint8_t[]){2, 3, 1, 0}, 3000, 0));
	cr_assert_eq(faults(b, &e), 0);
	cr_assert_eq(c->end[0].peer.b[3], 1);
	bed_free(b);
	lab_mdf_stop(&m);
}

// However long the pause has become: each answer begins with the dead address.
Test(deliver_attempt, a_new_answer_does_not_begin_again, .timeout = 60)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	const uint8_t order[] = {2, 1, 0};

	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	uint16_t port = m.port;
	lab_mdf_stop(&m);
	bed_make(b);
	struct mdf_connection *c = named(b, port);
	for (uint64_t skew = 0; c->end[0].failures < 8; skew += 40 * SECOND)
		cr_assert_not(comes_up(c, order, 20, skew));
	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, port);
	bool up = false;
	for (int i = 0; i < 6 && !up; i++) // the answer has run out at each of them
		up = comes_up(c, order, 300, (1000 + 40 * (uint64_t)i) * SECOND);
	cr_assert(up);
	bed_free(b);
	lab_mdf_stop(&m);
}

// RFC 8305: an address that does not answer is raced after 250 ms.
Test(deliver_attempt, silent_addresses_are_raced, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct hole h[2];
	struct channel_event e;

	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	hole_open(&h[0], "127.0.0.2", m.port);
	hole_open(&h[1], "127.0.0.3", m.port);
	bed_make(b);
	struct mdf_connection *c = named(b, m.port);
	uint64_t began = now_monotonic_ns();
	cr_assert(comes_up(c, (const uint8_t[]){2, 3, 1, 0}, 3500, 0));
	uint64_t took = now_monotonic_ns() - began;
	cr_assert_geq(took, SECOND / 2, "%lu", took);
	cr_assert_lt(took, 3 * SECOND, "%lu", took); // one attempt alone would last 4 s
	cr_assert_eq(faults(b, &e), 0);
	WAIT_FOR(m.connections > 0, 2000); // TLS's client is up before its server
	cr_assert_eq(m.connections, 1);
	bed_free(b);
	hole_close(&h[0]);
	hole_close(&h[1]);
	lab_mdf_stop(&m);
}

// A fault is reported once all have failed, with a reason.
Test(deliver_attempt, all_must_fail_for_a_fault, .timeout = 30)
{
	struct bed *b = bed_new();
	struct hole h;
	struct channel_event e;

	hole_open(&h, "127.0.0.3", 4444);
	bed_make(b);
	struct mdf_connection *c = named(b, 4444);
	cr_assert_not(comes_up(c, (const uint8_t[]){2, 3, 0}, 600, 0));
	cr_assert_eq(faults(b, &e), 0);
	cr_assert_eq(c->state, DESTINATION_CONNECTING);
	cr_assert_not(comes_up(c, (const uint8_t[]){2, 3, 0}, 100, 5 * SECOND));
	cr_assert_eq(faults(b, &e), 1);
	cr_assert_not_null(strstr(e.text, "addresses"), "%s", e.text);
	bed_free(b);
	hole_close(&h);
}

// The other address of a name is tried at once, before a cut is a fault; the good one goes first
// afterwards.
Test(deliver_attempt, a_cut_goes_on_at_another_address, .timeout = 30)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	struct hole h;
	struct channel_event e;
	const uint8_t order[] = {3, 1, 0};

	lab_mdf_start(&m, &b->pki, "DNS:localhost", NULL, 0);
	hole_open(&h, "127.0.0.3", m.port);
	bed_make(b);
	struct mdf_connection *c = named(b, m.port);
	cr_assert(comes_up(c, order, 3000, 0));
	uint64_t later = 8 * SECOND; // it has proved itself
	mdf_connection_down(c, now_monotonic_ns() + later, "cut");
	cr_assert_eq(c->state, DESTINATION_CONNECTING);
	cr_assert_eq(faults(b, &e), 0);
	cr_assert(comes_up(c, order, 3000, later));
	cr_assert_eq(c->end[0].peer.b[3], 1);
	cr_assert_eq(faults(b, &e), 0);
	bed_free(b);
	hole_close(&h);
	lab_mdf_stop(&m);
}

// While copies wait the pause is at most 2 s, whatever happened before; without any it grows.
Test(deliver_attempt, copies_that_wait_shorten_the_pause, .timeout = 30)
{
	struct bed *b = bed_new();
	struct copy_ring *r;

	bed_make(b);
	uint16_t index = add(b, 1, 1);
	b->rule[0].destination[0] = index;
	struct mdf_connection *c = b->deliver->connection[index];
	uint64_t now = 1000 * SECOND;
	for (int i = 0; i < 40; i++, now += SECOND)
		mdf_connection_timers(c, now);
	cr_assert_geq(c->end[0].failures, 5);
	for (; c->end[0].attempt_at < now + 3 * SECOND; now += SECOND)
		mdf_connection_timers(c, now);
	push(b, 0);
	while ((r = capture_ready(b->capture, 0)))
		stream_wake(copy_ring_owner(r), 0);
	mdf_connection_timers(c, now);
	cr_assert_leq(c->end[0].attempt_at, now + 2 * SECOND);
	for (int i = 0; i < 40; i++) {
		now = c->end[0].attempt_at;
		mdf_connection_timers(c, now);
		cr_assert_leq(
			c->end[0].attempt_at, now + 2 * SECOND, "failure %u", c->end[0].failures);
	}
	bed_free(b);
}

// One that stands and owes nothing is looked at rarely, and at once when there is something.
Test(deliver_attempt, a_steady_link_is_looked_at_rarely)
{
	struct bed *b = bed_new();
	struct lab_mdf m;
	uint64_t now = 1000 * SECOND;

	lab_mdf_start(&m, &b->pki, "IP:127.0.0.1", NULL, 0);
	bed_make(b);
	uint16_t index = add(b, m.port, 1);
	struct mdf_connection *c = b->deliver->connection[index];
	cr_assert_eq(mdf_connection_look_at(c), 0, "there is no connection");
	mdf_connection_timers(c, now);
	if (!c->up_at) // a quick MDF has answered already
		cr_assert_eq(mdf_connection_look_at(c), 0, "its handshake is under way");
	for (int i = 0; i < 5000 && !c->up_at; i++, usleep(1000))
		mdf_connection_ready(c, 0, now);
	cr_assert_eq(c->state, DESTINATION_UP);
	mdf_connection_timers(c, now);
	mdf_connection_receive(c, now); // nothing more is there to read
	cr_assert_eq(mdf_connection_look_at(c), now + SECOND);
	c->keepalive_at = now + SECOND / 2;
	cr_assert_eq(mdf_connection_look_at(c), c->keepalive_at);
	c->keepalive_at = now + 60 * SECOND;
	c->keepalive_next++;
	cr_assert_eq(mdf_connection_look_at(c), 0, "an answer is waited for");
	c->keepalive_next--;
	c->remove_until = now + SECOND;
	cr_assert_eq(mdf_connection_look_at(c), 0, "it drains");
	c->remove_until = 0;
	b->rule[0].destination[0] = index;
	push(b, 0);
	struct copy_ring *r = capture_ready(b->capture, 0);
	stream_wake(copy_ring_owner(r), 0);
	cr_assert_eq(mdf_connection_look_at(c), 0, "there is something to send");
	bed_free(b);
	lab_mdf_stop(&m);
}
