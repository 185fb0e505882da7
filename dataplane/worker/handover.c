// Deals a burst out to the workers that its packets belong to.

#include "dataplane/worker/handover.h"

#include <stdlib.h>
#include <string.h>
#include <rte_mbuf.h>

#include "shared/packet_buffers.h"

struct handover {
	uint32_t n_workers;
	struct handover_worker worker[CONFIG_WORKERS_MAX];
};

struct handover_ring *handover_ring_new(uint32_t slots)
{
	size_t octets = sizeof(struct handover_ring) + slots * sizeof(struct handed);
	struct handover_ring *r = aligned_alloc(64, (octets + 63) / 64 * 64);

	if (!r)
		return NULL;
	memset(r, 0, octets);
	r->mask = slots - 1;
	return r;
}

void handover_ring_free(struct handover_ring *r)
{
	struct rte_mbuf *m;
	uint64_t ns;

	if (!r)
		return;
	while (handover_ring_take(r, &m, &ns, 1))
		rte_pktmbuf_free(m);
	free(r);
}

// Rings of one port: so many buffers can wait in them that it always has three quarters to receive.
static uint32_t slots_of(const struct handover_settings *s)
{
	uint32_t rings[CONFIG_PORTS_MAX] = {0}, most = 1, slots = HANDOVER_SLOTS_MAX;

	for (uint32_t w = 0; w < s->n_workers; w++)
		for (uint32_t i = 0; i < s->n_handed[w]; i++) {
			uint32_t n = ++rings[s->lanes[w][s->n_lanes[w] + i].place];
			most = n > most ? n : most;
		}
	while (slots * most > (s->mbufs ? s->mbufs / 4 : most * PACKET_BUFFERS_HANDED))
		slots /= 2;
	return slots;
}

static int make_worker(struct handover_worker *h, const struct handover_settings *s, uint32_t self)
{
	h->spread = (struct spread){.seed = {s->seed[0], s->seed[1]}, .n_workers = s->n_workers};
	h->self = self;
	h->n_out = s->n_lanes[self] * s->n_workers;
	h->out = calloc(h->n_out + 1u, sizeof(struct handover_ring *));
	h->in = calloc(s->n_handed[self] + 1u, sizeof(*h->in));
	return h->out && h->in ? POI_OK : POI_ERR_NOMEM;
}

// The ring belongs to its consumer.
static int make_ring(
	struct handover *h, const struct handover_settings *s, uint32_t worker, uint32_t handed)
{
	struct handover_worker *to = &h->worker[worker];
	const struct lane *l = &s->lanes[worker][s->n_lanes[worker] + handed];
	struct handover_in *in = &to->in[handed];

	in->lane = l;
	in->ring = handover_ring_new(slots_of(s));
	if (!in->ring)
		return POI_ERR_NOMEM;
	to->n_in = handed + 1;
	h->worker[l->from_worker].out[l->from_lane * s->n_workers + worker] = in->ring;
	return POI_OK;
}

int handover_new(const struct handover_settings *s, struct handover **out)
{
	struct handover *h = calloc(1, sizeof(*h));
	int e = h ? POI_OK : POI_ERR_NOMEM;

	*out = NULL;
	if (e == POI_OK && slots_of(s) < HANDOVER_SLOTS_MIN)
		e = POI_ERR_INVALID;
	if (e == POI_OK)
		h->n_workers = s->n_workers;
	for (uint32_t w = 0; w < s->n_workers && e == POI_OK; w++)
		e = make_worker(&h->worker[w], s, w);
	for (uint32_t w = 0; w < s->n_workers && e == POI_OK; w++)
		for (uint32_t i = 0; i < s->n_handed[w] && e == POI_OK; i++)
			e = make_ring(h, s, w, i);
	if (e == POI_OK)
		*out = h;
	else
		handover_free(h);
	return e;
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	for (uint32_t w = 0; w < h->n_workers; w++) {
		for (uint32_t i = 0; i < h->worker[w].n_in; i++)
			handover_ring_free(h->worker[w].in[i].ring);
		free(h->worker[w].in);
		free(h->worker[w].out);
	}
	free(h);
}

static bool hands_over(const struct handover_worker *h)
{
	for (uint32_t i = 0; i < h->n_out; i++)
		if (h->out[i])
			return true;
	return false;
}

struct handover_worker *handover_of(struct handover *h, uint32_t worker)
{
	struct handover_worker *w = h ? &h->worker[worker] : NULL;

	return w && (w->n_in > 0 || hands_over(w)) ? w : NULL;
}

static __attribute__((noinline)) void drop(
	struct rte_mbuf *m, const struct lane *lane, struct worker_counters *c)
{
	c->received++;
	c->outcome[PACKET_HANDOVER_FULL]++;
	c->handover_full[lane->place]++;
	rte_pktmbuf_free(m);
}

// Outer headers, and the addresses inside: they lie in the second line.
static inline void prefetch_user(const uint8_t *data)
{
	rte_prefetch0(data);
	rte_prefetch0(data + 64);
}

uint16_t handover_burst(struct handover_worker *h, const struct lane *lane, uint32_t number,
	struct rte_mbuf **mbufs, uint16_t n, uint64_t now_ns, struct worker_counters *c)
{
	struct handover_ring *const *out = &h->out[number * h->spread.n_workers];
	uint32_t owner[PACKET_BURST], touched = 0;
	uint16_t staying = 0;

	for (unsigned i = 0; i < n; i++)
		prefetch_user(rte_pktmbuf_mtod(mbufs[i], const uint8_t *));
	for (unsigned i = 0; i < n; i++)
		owner[i] = spread_owner(&h->spread, &lane->traits,
			rte_pktmbuf_mtod(mbufs[i], const uint8_t *),
			rte_pktmbuf_data_len(mbufs[i]));
	for (unsigned i = 0; i < n; i++) {
		if (owner[i] == SPREAD_STAYS || owner[i] == h->self) {
			mbufs[staying++] = mbufs[i];
			continue;
		}
		touched |= 1u << owner[i];
		if (__builtin_expect(!handover_ring_put(out[owner[i]], mbufs[i], now_ns), 0))
			drop(mbufs[i], lane, c);
	}
	h->n_dirty = 0;
	for (; touched; touched &= touched - 1)
		h->dirty[h->n_dirty++] =
			number * h->spread.n_workers + (uint32_t)__builtin_ctz(touched);
	return staying;
}

_Static_assert(CONFIG_WORKERS_MAX <= 32, "a bit for each worker");

void handover_publish(struct handover_worker *h)
{
	for (uint32_t i = 0; i < h->n_dirty; i++)
		handover_ring_publish(h->out[h->dirty[i]]);
	h->n_dirty = 0;
}

void handover_leave(struct handover_worker *h)
{
	for (uint32_t i = 0; i < h->n_out; i++)
		if (h->out[i])
			handover_ring_close(h->out[i]);
}

void handover_leave_from(struct handover *h, uint32_t first)
{
	for (uint32_t w = first; h && w < h->n_workers; w++)
		handover_leave(&h->worker[w]);
}

bool handover_ended(const struct handover_worker *h)
{
	for (uint32_t i = 0; i < h->n_in; i++)
		if (!handover_ring_ended(h->in[i].ring))
			return false;
	return true;
}
