// A line of a stream: how far its segments are sent and acknowledged, and what goes back to the
// worker's pool.

#include "dataplane/deliver/stream_internal.h"

#include <stdlib.h>
#include <string.h>

struct stream_line *stream_line(struct stream *s, uint32_t worker, enum copy_kind k)
{
	return &s->line[(k == COPY_X2 ? 0 : s->n_workers) + worker];
}

// The oldest of the segments kept goes back to the pool.
void line_drop_held(struct stream_line *l)
{
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): held is there while n_held > 0
	copy_ring_give_back(l->ring, l->held[0]);
	l->held_from++;
	if (--l->n_held > 0) {
		memmove(l->held, l->held + 1, l->n_held * sizeof(struct segment *));
		return;
	}
	free(l->held);
	l->held = NULL;
}

enum copy_kind line_kind(const struct stream_line *l)
{
	const struct stream *s = l->stream;
	uint32_t at = (uint32_t)(l - s->line), n = s->n_workers;

	if (l->spool)
		return (enum copy_kind)(at - n * COPY_KINDS);
	return at < n ? COPY_X2 : COPY_X3;
}

void line_activate(struct stream_line *l, uint64_t since_ns)
{
	if (!l->active) {
		l->active = true;
		l->stream->n_active++;
	}
	l->since_ns = since_ns;
}

static struct segment *segment_at(struct stream_line *l, uint32_t sequence)
{
	if (sequence - l->held_from < l->n_held)
		// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as above
		return l->held[sequence - l->held_from];
	if (!l->spool)
		return copy_ring_segment(l->ring, sequence);
	return sequence - l->ack_segment < l->spool->opened - l->ack_segment
		       ? l->spool->block[sequence % SPOOL_LOADED].segment
		       : NULL;
}

struct view line_view(struct stream_line *l, uint32_t sequence)
{
	struct view v = {.segment = segment_at(l, sequence)};

	if (!v.segment)
		return v;
	// In this order: a segment seen closed has its last `pushed`.
	v.closed = atomic_load_explicit(&v.segment->closed, memory_order_acquire);
	v.pushed = atomic_load_explicit(&v.segment->pushed, memory_order_acquire);
	v.end = v.pushed ? v.segment->copy[v.pushed - 1].end : 0;
	return v;
}

void line_keep(struct stream_line *l)
{
	if (!l->spool)
		copy_ring_accounted(l->ring, l->ack_segment, l->ack_copy);
}

// The oldest segment is wholly accounted for and gets no more: back to the pool.
static void release_segment(struct stream_line *l)
{
	if (l->spool) {
		spool_block_free(&l->spool->block[l->ack_segment % SPOOL_LOADED]);
		l->spool->done++;
	} else if (l->n_held > 0) {
		line_drop_held(l);
	} else if (l->freed == l->ack_segment) {
		copy_ring_release_segment(l->ring);
		l->freed++;
	}
	l->ack_segment++;
	l->ack_copy = 0;
	line_keep(l);
}

bool line_spool_accounted(const struct stream_line *l)
{
	const struct stream *s = l->stream;
	enum copy_kind k = line_kind(l);
	const struct spooled *p = &s->spooled[k];

	return !p->storing && STAILQ_EMPTY(&p->stored) &&
	       s->line[s->n_workers * COPY_KINDS + k].ack_segment == p->opened;
}

// Segments that were moved to the spool; false while the oldest is still on its way.
static bool give_back_gap(struct stream_line *l)
{
	const struct spooled *p = &l->stream->spooled[line_kind(l)];

	while (in_gap(l, l->ack_segment)) {
		bool storing = p->storing && &l->stream->line[p->store_line] == l;
		if (storing && l->ack_segment + 1 == l->gap_to)
			return false;
		if (l->send_segment == l->ack_segment) {
			l->send_segment++;
			l->send_offset = 0;
		}
		release_segment(l);
	}
	// There may be another when nothing of this one can come again: what is sent anew after a
	// cut goes before the gap, or from the spool, and never in between.
	if (!l->spool && (int32_t)(l->ack_segment - l->gap_to) >= 0 && line_spool_accounted(l))
		l->gap_from = l->gap_to;
	return true;
}

void line_give_back(struct stream_line *l)
{
	for (;;) {
		if (!give_back_gap(l))
			return;
		struct view v = line_view(l, l->ack_segment);
		if (!v.segment || !v.closed || l->ack_copy != v.pushed)
			return;
		if (l->send_segment == l->ack_segment) {
			if (l->send_offset != v.end)
				return;
			l->send_segment++;
			l->send_offset = 0;
		}
		release_segment(l);
	}
}

// The copy in hand ended; one of an earlier process belongs to no task of ours.
static void account_copy(struct stream_line *l, const struct copy_descriptor *c, int as)
{
	struct stream *s = l->stream;

	if (!l->spool || !l->spool->block[l->ack_segment % SPOOL_LOADED].recovered)
		copy_outcomes_add(s->book, c->slot, as, c->payload);
	copy_outcomes_count(s->counts, as, c->payload);
}

struct timing {
	struct stream_line *l;
	const struct segment *segment;
	struct delivery_times *times;
};

struct timed { // a copy, how long it took, and where that is counted
	uint32_t copy;
	unsigned place;
	uint64_t ns;
};

// A copy without octets of its own was received with the PDU that it shares.
static struct timed time_of(const struct timing *t, uint32_t copy, unsigned near)
{
	const struct segment *g = t->segment;
	const struct stream *s = t->l->stream;
	uint32_t i = copy, unknown = 0; // the spool has PDUs of all workers

	while (i > 0 && g->copy[i - 1].end == g->copy[copy].end)
		i--;
	uint64_t received =
		pdu_time(g->octets + copy_start(g, i), t->l->spool ? &unknown : &t->l->time_at);
	uint64_t ns = s->wall_ns > received ? s->wall_ns - received : 0;
	return (struct timed){copy, delivery_place(ns, near), ns};
}

// Counts the copies behind `a`, up to `b`. They were received in order, and are acknowledged
// together: where both are in one place so are those between, whose times are taken for evenly
// spread.
static void note_between(const struct timing *t, struct timed a, struct timed b)
{
	uint64_t n = b.copy - a.copy;

	while (n > 1 && a.place != b.place) {
		struct timed middle = time_of(t, a.copy + (uint32_t)n / 2, a.place);
		note_between(t, a, middle);
		a = middle;
		n = b.copy - a.copy;
	}
	if (n > 0)
		delivery_times_note(t->times, b.place, n, (n - 1) * ((a.ns + b.ns) / 2) + b.ns);
}

// Counts how long copies [first, end) of the segment took.
static void note_times(struct stream_line *l, const struct segment *g, uint32_t first, uint32_t end)
{
	enum copy_kind k = line_kind(l);
	const struct timing t = {l, g, &l->stream->times[k]};

	if (first == end)
		return;
	struct timed a = time_of(&t, first, l->stream->times_hint[k]);
	struct timed b = time_of(&t, end - 1, a.place);
	delivery_times_note(t.times, a.place, 1, a.ns);
	note_between(&t, a, b);
	l->stream->times_hint[k] = b.place;
}

static void release(struct stream_line *l, uint64_t octets, uint64_t copies, bool recovered)
{
	if (!l->spool) {
		copy_ring_release(l->ring, octets, copies);
	} else {
		add_to(&l->spool->copies, -copies);
		add_to(&l->spool->octets, recovered ? 0 : -octets);
	}
}

static bool is_recovered(const struct stream_line *l, uint32_t segment)
{
	return l->spool && l->spool->block[segment % SPOOL_LOADED].recovered;
}

void line_note_sent(struct stream_line *l, uint32_t segment, uint32_t n)
{
	struct segment *g = segment_at(l, segment);

	if (!g || n <= g->sent)
		return;
	if (!is_recovered(l, segment))
		add_to(&l->stream->unsettled, n - g->sent);
	g->sent = n;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void line_account(struct stream_line *l, uint32_t segment, uint32_t offset, int as)
{
	const bool timed = as == COPY_ACKNOWLEDGED && l->stream->times && l->stream->wall_ns > 0;

	for (;;) {
		if (!give_back_gap(l))
			break;
		struct view v = line_view(l, l->ack_segment);
		if (!v.segment || (int32_t)(segment - l->ack_segment) < 0)
			break;
		bool recovered = is_recovered(l, l->ack_segment);
		uint32_t sent = v.segment->sent;
		bool all = (int32_t)(segment - l->ack_segment) > 0;
		uint32_t end = all ? v.end : offset, first = l->ack_copy;
		uint32_t start = copy_start(v.segment, first);
		for (; l->ack_copy < v.pushed && v.segment->copy[l->ack_copy].end <= end;
			l->ack_copy++)
			account_copy(l, &v.segment->copy[l->ack_copy], as);
		if (timed)
			note_times(l, v.segment, first, l->ack_copy);
		if (!recovered)
			add_to(&l->stream->unsettled,
				-(uint64_t)(least(l->ack_copy, sent) - least(first, sent)));
		if (l->ack_copy > first) {
			release(l, copy_start(v.segment, l->ack_copy) - start, l->ack_copy - first,
				recovered);
			line_keep(l);
		}
		uint32_t before = l->ack_segment;
		line_give_back(l);
		if (!all || l->ack_segment == before)
			break;
	}
}

void spooled_drop(struct spooled *p)
{
	struct runs *r = STAILQ_FIRST(&p->stored);

	STAILQ_REMOVE_HEAD(&p->stored, next);
	free(r);
}
