// Octet 0 seeds the port, octet 1 the settings; then packets: a length, a step of time, a frame. No
// handle comes back twice or never, what comes back is what went in, and bounds hold.

#include <stdlib.h>
#include <string.h>

#include "dataplane/worker/fragment.h"
#include "dataplane/packet/parse.h"
#include "tests/unit/dataplane/packet/frames.h"

#define PACKETS 256u

enum place { UNKNOWN, HELD, BACK };

struct world {
	struct fragment_table *t;
	struct port_traits port;
	uint64_t now_ns;
	uint32_t held;
	uint8_t *octets[PACKETS];
	uint32_t length[PACKETS];
	uint64_t time_ns[PACKETS];
	enum place place[PACKETS];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static void take(struct world *w)
{
	for (const struct fragment_release *r; (r = fragment_take(w->t));) {
		uint8_t **slot = r->packet;
		size_t i = (size_t)(slot - w->octets);
		must(i < PACKETS && w->place[i] == HELD);
		must(r->view.data == w->octets[i] && r->time_ns == w->time_ns[i]);
		must(r->origin == &w->port && r->in_force == i);
		const struct packet_layer *l = &r->view.layer[r->view.n_layers - 1];
		must(r->outcome == PACKET_FRAGMENT_HELD || r->outcome == PACKET_FRAGMENT_EXPIRED ||
			r->outcome == PACKET_FRAGMENT_LIMIT);
		must((r->outcome == PACKET_FRAGMENT_HELD) ==
			((l->flags & LAYER_PORTS_FOLLOWED) != 0));
		w->place[i] = BACK;
		w->held--;
	}
	must(fragment_held(w->t) == w->held);
}

static void put(struct world *w, unsigned i)
{
	struct packet_view v = {
		.data = w->octets[i], .length = w->length[i], .total = w->length[i]};
	struct fragment_burst b = {
		.wants_ports = true, .origin = &w->port, .in_force = i, .now_ns = w->now_ns};
	void *packet = &w->octets[i];

	w->time_ns[i] = w->now_ns;
	if (!parse_burst(&w->port, &v, 1))
		return;
	if (fragment_resolve(w->t, &v, &packet, 1, &b)) {
		must(v.outcome == PACKET_FRAGMENT_HELD);
		must(v.layer[v.n_layers - 1].flags & LAYER_FRAGMENT_LATER);
		w->place[i] = HELD;
		w->held++;
	}
	take(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	const struct fragment_settings s = {.datagrams = 4 + (size > 1 ? data[1] & 15 : 0),
		.holds = 4 + (size > 1 ? data[1] >> 5 : 0),
		.holds_per_datagram = 3,
		.timeout_ns = 100000,
		.hold_ns = 1000,
		.seed = {0x9e3779b97f4a7c15, 0xd6e8feb86659fd93}};
	unsigned n = 0;

	if (size < 2)
		return 0;
	struct rng r = {.s = data[0]};
	memset(&w, 0, sizeof(w));
	port_random(&w.port, &r);
	w.now_ns = 1000000;
	w.t = fragment_table_new(&s);
	must(w.t);
	for (size_t at = 2; at + 2 <= size && n < PACKETS; n++) {
		uint32_t length = data[at];
		w.now_ns += data[at + 1] * 16u;
		at += 2;
		if (length > size - at)
			length = (uint32_t)(size - at);
		w.octets[n] = malloc(length ? length : 1); // exact, so that sanitizers see the end
		w.length[n] = length;
		memcpy(w.octets[n], data + at, length);
		at += length;
		put(&w, n);
		must(w.held <= s.holds);
	}
	fragment_expire(w.t, w.now_ns, true);
	take(&w);
	must(w.held == 0);
	for (unsigned i = 0; i < n; i++)
		free(w.octets[i]);
	fragment_table_free(w.t);
	return 0;
}
