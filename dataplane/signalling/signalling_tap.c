// Copies the signalling of a burst into the worker's ring.

#include "dataplane/signalling/signalling_tap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <rte_mbuf.h>

#include "shared/wire.h"

#define DATAGRAM_MAX 65535u
#define PROTOCOL_UDP 17

_Static_assert((int)CONFIG_PFCP == SIGNALLING_PFCP && (int)CONFIG_GTPV2C == SIGNALLING_GTPV2C &&
		       (int)CONFIG_RADIUS == SIGNALLING_RADIUS,
	"the configuration's words are the decoders' protocols");

struct signalling_tap {
	struct signalling_ring *ring;
	// Written by the worker alone, relaxed: statistics, and a hint.
	_Atomic uint64_t cut, strangers, heard;
	uint8_t scratch[DATAGRAM_MAX];
};

struct signalling_tap *signalling_tap_new(struct signalling_ring *ring)
{
	struct signalling_tap *t = calloc(1, sizeof(*t));

	if (t)
		t->ring = ring;
	return t;
}

void signalling_tap_free(struct signalling_tap *t)
{
	free(t);
}

uint64_t signalling_tap_cut(const struct signalling_tap *t)
{
	return atomic_load_explicit(&t->cut, memory_order_relaxed);
}

uint64_t signalling_tap_strangers(const struct signalling_tap *t)
{
	return atomic_load_explicit(&t->strangers, memory_order_relaxed);
}

uint64_t signalling_tap_heard(const struct signalling_tap *t)
{
	return atomic_load_explicit(&t->heard, memory_order_relaxed);
}

static struct ip_address address_of(uint8_t family, const uint8_t *octets)
{
	struct ip_address a = {.family = family};

	memcpy(a.b, octets, family == 4 ? 4 : 16);
	return a;
}

// Fragments inside a wrapping are not reassembled. Outermost ones are reassembly's, which counts
// its losses.
static bool is_wrapped_first(const struct packet_view *v, const struct packet_layer *l)
{
	return v->n_layers > 1 && l->flags & LAYER_FRAGMENT_FIRST;
}

// The datagram's content, contiguous; NULL when the frame lacks some of it.
static const uint8_t *content(struct signalling_tap *t, const struct packet_view *v,
	const struct packet_layer *l, const struct rte_mbuf *m, uint32_t *length)
{
	uint32_t at = l->l4 + 8u;

	if (at > v->length || l->flags & LAYER_FRAGMENT_FIRST)
		return NULL;
	uint16_t claimed = wire_load16(v->data + l->l4 + 4);
	if (claimed < 8 || l->l4 + claimed > l->l3 + (uint32_t)l->length)
		return NULL;
	*length = claimed - 8u;
	if (at + *length <= v->length)
		return v->data + at;
	if (!m || at + *length > v->total)
		return NULL;
	return rte_pktmbuf_read(m, at, *length, t->scratch);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(
		to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed);
}

void signalling_tap_lost(struct signalling_tap *t, uint64_t n)
{
	add(&t->cut, n);
}

static void take(struct signalling_tap *t, const struct signalling_shown *shown,
	const struct packet_view *v, const struct rte_mbuf *m, unsigned protocol, uint64_t time_ns)
{
	const struct packet_layer *l = &v->layer[v->n_layers - 1];
	const uint8_t *source = v->data + l->l3 + l->source;
	struct signalling_packet p = {
		.time_ns = time_ns,
		.protocol = (uint8_t)protocol,
		.source = {address_of(l->family, source), l->sport},
		.destination = {address_of(l->family, source + l->address_length), l->dport},
	};

	if (!signalling_believed(shown, v)) {
		add(&t->strangers, 1);
		return;
	}
	atomic_store_explicit(&t->heard, time_ns, memory_order_relaxed);
	p.octets = content(t, v, l, m, &p.length);
	if (p.octets)
		(void)signalling_ring_push(t->ring, &p);
	else
		add(&t->cut, 1);
}

void signalling_tap_burst(struct signalling_tap *t, const struct signalling_shown *shown,
	const struct packet_view *views, void *const *mbufs, unsigned n, uint64_t time_ns)
{
	for (unsigned i = 0; i < n; i++) {
		const struct packet_view *v = &views[i];
		// A user's packet in a tunnel is no signalling of the network's.
		if (v->n_layers == 0 || v->flags & VIEW_GTPU)
			continue;
		const struct packet_layer *l = &v->layer[v->n_layers - 1];
		if (l->protocol != PROTOCOL_UDP || !(l->flags & LAYER_PORTS) ||
			(l->flags & (LAYER_FRAGMENT_FIRST | LAYER_FRAGMENT_LATER) &&
				!is_wrapped_first(v, l)))
			continue;
		unsigned protocol = signalling_protocol_of(shown->protocols, l->sport, l->dport);
		if (__builtin_expect(protocol != SIGNALLING_PROTOCOLS, 0))
			take(t, shown, v, mbufs[i], protocol, time_ns);
	}
}
