// Sequences of signalling datagrams against the session store: octet 0 chooses the bounds; then
// packets of (protocol and ends, a step of time, length of 16 bits, octets). Whatever comes: no
// binding has the number of another one, what is unbound was bound, a watch that comes now is told
// the same as one that was there from the start, bounds of memory hold, and when the store ends
// nothing is left.

#include <stdlib.h>
#include <string.h>

#include "dataplane/session/session.h"

#define BOUND_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct told {
		uint64_t subscription;
		struct binding b;
		uint64_t digest;
	} told[BOUND_MAX];
	uint32_t n;
	uint64_t newest;
};

static void must(bool what)
{
	if (!what)
		abort();
}

static int on_bind(void *context, uint64_t subscription, const struct binding *b)
{
	struct world *w = context;

	must(b->id > w->newest);
	w->newest = b->id;
	if (w->n == BOUND_MAX)
		return POI_ERR_NOMEM;
	w->told[w->n++] =
		(struct told){subscription, *b, b->select ? pdr_select_digest(b->select) : 0};
	return 0;
}

static void on_unbind(void *context, uint64_t subscription, uint64_t binding)
{
	struct world *w = context;

	for (uint32_t i = 0; i < w->n; i++)
		if (w->told[i].subscription == subscription && w->told[i].b.id == binding) {
			w->told[i] = w->told[--w->n];
			return;
		}
	abort();
}

static void on_state(void *context, uint64_t subscription, const struct subscription_state *s)
{
	must(!s->sessions || s->bound_once);
}

static void forget(struct world *w, uint64_t subscription)
{
	for (uint32_t i = 0; i < w->n;)
		if (w->told[i].subscription == subscription)
			w->told[i] = w->told[--w->n];
		else
			i++;
}

static bool same(const struct told *a, const struct told *b)
{
	return a->b.kind == b->b.kind && a->b.direction == b->b.direction && a->b.link == b->b.link &&
	       a->b.teid == b->b.teid && a->digest == b->digest &&
	       memcmp(&a->b.prefix, &b->b.prefix, sizeof(a->b.prefix)) == 0;
}

static bool each_has_its_like(const struct world *w, uint64_t of, uint64_t in)
{
	for (uint32_t i = 0; i < w->n; i++) {
		bool found = w->told[i].subscription != of;
		for (uint32_t j = 0; j < w->n && !found; j++)
			found = w->told[j].subscription == in && same(&w->told[i], &w->told[j]);
		if (!found)
			return false;
	}
	return true;
}

static void targets(struct session_target t[4])
{
	memset(t, 0, 4 * sizeof(*t));
	t[0].kinds = SESSION_IMSI;
	strcpy(t[0].imsi, "001010000000001");
	t[1].kinds = SESSION_FSEID;
	t[1].seid = 0x11;
	t[2].kinds = SESSION_NI;
	t[2].ni_length = 8;
	memcpy(t[2].ni, "internet", 8);
	t[3].kinds = SESSION_FSEID | SESSION_PDR;
	t[3].seid = 0x21;
	t[3].pdr = 2;
}

static void end_of(struct signalling_end *e, unsigned which)
{
	static const uint16_t port[] = {8805, 2123, 1813, 9000};

	*e = (struct signalling_end){.address.family = 4, .port = port[which >> 2 & 3]};
	e->address.b[0] = 10;
	e->address.b[3] = (uint8_t)(1 + (which & 3));
}

static void compare(struct sessions *st, struct world *w)
{
	struct session_target t[4];

	if (w->n > BOUND_MAX / 2)
		return;
	targets(t);
	for (uint64_t i = 0; i < 4; i++) {
		must(sessions_subscribe(st, 100 + i, &t[i], FILTER_ANY_DIRECTION) == 0);
		while (sessions_walk(st, 1))
			;
		must(each_has_its_like(w, i, 100 + i) && each_has_its_like(w, 100 + i, i));
		must(sessions_unsubscribe(st, 100 + i) == 0);
		forget(w, 100 + i);
	}
}

static void play(struct sessions *st, struct world *w, const uint8_t *data, size_t size)
{
	uint64_t now_ns = 1000000000;

	while (size >= 4) {
		struct signalling_packet p = {.protocol = data[0] % 3};
		size_t length = (size_t)data[2] << 8 | data[3];
		now_ns += (uint64_t)data[1] * data[1] * data[1] * 20000; // up to 330 s
		end_of(&p.source, data[0] >> 2);
		end_of(&p.destination, (data[0] >> 2) ^ 1);
		data += 4;
		size -= 4;
		length = length < size ? length : size;
		uint8_t *octets = malloc(length + !length);
		must(octets != NULL);
		memcpy(octets, data, length);
		p.time_ns = now_ns;
		p.octets = octets;
		p.length = (uint32_t)length;
		sessions_take(st, &p);
		free(octets);
		data += length;
		size -= length;
		compare(st, w);
	}
	sessions_tick(st, now_ns + 1000000);
}

// Memory of the empty store: the bounds are for the rest.
static uint64_t memory_fixed(void)
{
	const struct sessions_settings s = {SESSIONS_DEFAULTS, .seed = {3, 4}};
	static struct session_counts c;

	if (c.octets > 0)
		return c.octets;
	struct sessions *st = sessions_new(&s);
	must(st != NULL);
	sessions_counts(st, &c);
	sessions_free(st);
	return c.octets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct sessions_settings s = {
		SESSIONS_DEFAULTS, .seed = {3, 4}, .sink = {.bind = on_bind, .unbind = on_unbind, .state = on_state, .context = &w}};
	struct session_target t[4];
	struct session_counts c;

	if (size < 1)
		return 0;
	memset(&w, 0, sizeof(w));
	s.sessions_max = data[0] & 1 ? 3 : 1000;
	s.memory_max = memory_fixed() + (data[0] & 2 ? 400 << 10 : 64 << 20);
	s.age_ns = 600000000000ull;
	struct sessions *st = sessions_new(&s);
	must(st != NULL);
	targets(t);
	for (uint64_t i = 0; i < 4; i++)
		must(sessions_subscribe(st, i, &t[i], FILTER_ANY_DIRECTION) == 0);
	play(st, &w, data + 1, size - 1);
	sessions_counts(st, &c);
	must(c.sessions <= s.sessions_max && c.octets <= s.memory_max);
	sessions_free(st);
	return 0;
}
