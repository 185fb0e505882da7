// The rings of a destination: how much they hold, and which of its connections each belongs to.

#include "dataplane/deliver/deliver_internal.h"

#include <stdlib.h>

static bool takes(uint8_t delivery, enum copy_kind k)
{
	return delivery & (k == COPY_X2 ? DELIVERY_X2 : DELIVERY_X3);
}

// X2 of each worker in turn, then X3: with as many connections as there are rings each has its own,
// and with one worker and two of them X2 and X3 have. The reporter's belong to the first.
bool deliver_carries(const struct mdf_connection *c, uint32_t worker, enum copy_kind k)
{
	const struct deliver *d = c->deliver;
	uint32_t place = worker + (k == COPY_X3 ? d->n_content : 0);

	if (!capture_takes(d->captures[worker], k))
		return false;
	if (!capture_takes(d->captures[worker], COPY_X3))
		place = 0;
	return place % c->destination->n == c->number;
}

void deliver_rings_divide(struct mdf_connection *c)
{
	c->kinds = 0;
	for (uint32_t w = 0; w < c->deliver->n_workers; w++) {
		c->kinds |= deliver_carries(c, w, COPY_X2) ? DELIVERY_X2 : 0;
		c->kinds |= deliver_carries(c, w, COPY_X3) ? DELIVERY_X3 : 0;
	}
}

// With a spool a ring has room for a segment that can go there, beside one that is sent in part,
// one that is being filled, and what TCP holds.
static uint64_t least_quota(const struct mdf_connection *c)
{
	bool spool = c->deliver->spooler && c->settings.spool > 0;

	return (spool ? SPOOL_SEGMENTS_MIN : 1) * (uint64_t)SEGMENT_SIZE;
}

// Sets what the rings of a kind may hold together, whichever worker fills them; where both kinds
// are delivered an eighth is kept for X2, so that content never crowds it out. The first ring of
// the kind begins it anew.
static void begin_quota(const struct mdf_connection *c, enum copy_kind k, uint8_t delivery)
{
	uint64_t quota = c->settings.buffer, least = 0;

	for (uint32_t w = 0; w < c->deliver->n_workers; w++)
		least += capture_takes(c->deliver->captures[w], k) ? least_quota(c) : 0;
	if (takes(delivery, COPY_X2) && takes(delivery, COPY_X3))
		quota = k == COPY_X2 ? quota / 8 : quota - quota / 8;
	c->destination->quota[k] = (struct copy_quota){.octets = quota > least ? quota : least};
}

static struct copy_ring *make_ring(struct mdf_connection *c, uint32_t worker, enum copy_kind k)
{
	struct copy_quota *quota = &c->destination->quota[k];
	struct copy_ring_settings s = {.quota = quota->octets,
		.shared = quota,
		.max_pdu = c->settings.max_pdu,
		.deliver = c->thread->number,
		.minor = c->settings.minor,
		.owner = stream_line(c->stream, worker, k),
		.kept = deliver_kept_number(c),
		.kind = k};
	return copy_ring_new(c->deliver->captures[worker], &s);
}

// Returns one connection's new rings, by line; NULL when out of memory.
static struct copy_ring **make(struct mdf_connection *c, uint8_t delivery)
{
	uint32_t n = c->deliver->n_workers;
	struct copy_ring **rings = calloc((size_t)n * COPY_KINDS, sizeof(struct copy_ring *));

	for (uint32_t i = 0; rings && i < n * COPY_KINDS; i++) {
		uint32_t worker = i / COPY_KINDS;
		enum copy_kind k = (enum copy_kind)(i % COPY_KINDS);
		if (!takes(delivery, k) || !deliver_carries(c, worker, k) ||
			stream_ring(stream_line(c->stream, worker, k)))
			continue;
		rings[i] = make_ring(c, worker, k);
		if (rings[i])
			continue;
		while (i-- > 0)
			copy_ring_free(rings[i]);
		free(rings);
		return NULL;
	}
	return rings;
}

static void undo(struct copy_ring **rings, uint32_t n)
{
	for (uint32_t i = 0; rings && i < n; i++)
		copy_ring_free(rings[i]);
	free(rings);
}

int deliver_rings_make(struct mdf_destination *m, uint8_t delivery, struct copy_ring ***rings)
{
	struct mdf_connection *c = m->first;
	uint32_t n = c->deliver->n_workers * COPY_KINDS, had[COPY_KINDS], made = 0;

	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		had[k] = m->quota[k].n;
		if (had[k] == 0)
			begin_quota(c, k, delivery);
	}
	for (; c && (rings[made] = make(c, delivery)); c = c->sibling)
		made++;
	if (!c)
		return 0;
	while (made-- > 0)
		undo(rings[made], n);
	for (enum copy_kind k = 0; k < COPY_KINDS; k++)
		m->quota[k].n = had[k];
	return POI_ERR_NOMEM;
}

void deliver_rings_attach(struct mdf_connection *c, uint8_t delivery)
{
	for (uint32_t w = 0; w < c->deliver->n_workers; w++) {
		for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
			struct copy_ring *r = stream_ring(stream_line(c->stream, w, k));
			if (r && takes(delivery, k))
				capture_attach(c->deliver->captures[w], c->index, k, r);
			else if (r)
				capture_detach(c->deliver->captures[w], c->index, k);
		}
	}
}
