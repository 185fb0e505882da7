// Moves segments of a stream to the spool and back, and keeps their counts.

#include <stdlib.h>

#include "dataplane/deliver/stream_internal.h"

void spooled_discard(struct stream *s, struct spooled *p, enum copy_loss why)
{
	uint64_t copies = 0, octets = 0, sent = 0;

	for (; !STAILQ_EMPTY(&p->stored); spooled_drop(p)) {
		const struct runs *oldest = STAILQ_FIRST(&p->stored);
		octets += oldest->octets;
		sent += oldest->sent;
		for (uint32_t i = 0; i < oldest->n; i++) {
			const struct run *r = &oldest->run[i];
			for (uint32_t c = 0; c < r->copies; c++) {
				copy_outcomes_add(s->book, r->slot, why, 0);
				copy_outcomes_count(s->counts, why, 0);
			}
			copies += r->copies;
		}
	}
	add_to(&p->copies, -copies);
	add_to(&p->octets, -octets);
	add_to(&s->unsettled, -sent);
}

void spooled_discard_found(struct stream *s, struct spooled *p, enum copy_loss why)
{
	for (uint64_t i = 0; i < p->found_left; i++)
		copy_outcomes_count(s->counts, why, 0);
	add_to(&p->copies, -p->found_left);
	p->found_left = 0;
}

void stream_spool_use(struct stream *s)
{
	s->spools = true;
}

// The first segment of the line that may go to the spool now, and from which copy on. What is sent
// in part, or was sent and is not yet acknowledged, stays.
static bool movable(struct stream_line *l, bool connected, uint32_t *sequence, uint32_t *from)
{
	*from = 0;
	if (has_gap(l)) {
		*sequence = l->gap_to;
	} else if (connected) {
		*sequence = l->send_segment + 1;
	} else {
		struct view v = line_view(l, l->ack_segment);
		if (!v.segment || l->send_segment != l->ack_segment ||
			l->send_offset != copy_start(v.segment, l->ack_copy))
			return false;
		*sequence = l->ack_segment;
		*from = l->ack_copy;
	}
	struct view v = line_view(l, *sequence);
	return v.segment && v.closed && v.pushed > *from;
}

static struct runs *runs_of(const struct view *v, uint32_t from)
{
	struct runs *r = malloc(sizeof(*r) + (v->pushed - from) * sizeof(struct run));

	if (!r)
		return NULL;
	r->octets = v->end - copy_start(v->segment, from);
	r->sent = v->segment->sent > from ? v->segment->sent - from : 0;
	r->n = 0;
	for (uint32_t i = from; i < v->pushed; i++) {
		uint32_t slot = v->segment->copy[i].slot;
		if (r->n == 0 || r->run[r->n - 1].slot != slot)
			r->run[r->n++] = (struct run){.slot = slot};
		r->run[r->n - 1].copies++;
	}
	struct runs *less = realloc(r, sizeof(*r) + r->n * sizeof(struct run));
	return less ? less : r;
}

static void wait_from(struct stream_line *l, uint32_t sequence, uint64_t now_ns)
{
	l->waits = sequence;
	l->waits_ns = now_ns;
}

bool stream_spool_waits(struct stream *s, enum copy_kind k, bool connected, uint64_t now_ns,
	uint64_t age_ns)
{
	bool any = false;

	for (uint32_t w = 0; w < s->n_workers; w++) {
		struct stream_line *l = stream_line(s, w, k);
		uint32_t sequence, from;
		bool movable_now = l->ring && movable(l, connected, &sequence, &from);
		if (!movable_now)
			l->waits_ns = 0;
		else if (!l->waits_ns || l->waits != sequence)
			wait_from(l, sequence, now_ns);
		any = any || (movable_now && now_ns - l->waits_ns >= age_ns);
	}
	return any;
}

// The rings of the kind hold a 1/`part` of their room together (0: whatever they hold).
static bool holds_part(const struct stream *s, enum copy_kind k, uint32_t part)
{
	struct copy_ring_counts n = {0};
	uint64_t room = 0;

	for (uint32_t w = 0; w < s->n_workers; w++) {
		const struct copy_ring *r = s->line[w + k * s->n_workers].ring;
		if (!r)
			continue;
		copy_ring_counts(r, &n);
		room = copy_ring_room(r);
	}
	return room > 0 && (part == 0 || n.queued_octets >= room / part / s->share);
}

bool stream_spool_take(
	struct stream *s, enum copy_kind k, bool connected, uint32_t part, struct spool_job *job)
{
	struct spooled *p = &s->spooled[k];

	if (p->storing || !holds_part(s, k, part))
		return false;
	for (uint32_t w = 0; w < s->n_workers; w++) {
		struct stream_line *l = stream_line(s, w, k);
		uint32_t sequence;
		if (!l->ring)
			continue;
		line_give_back(l);
		if (!movable(l, connected, &sequence, &job->from))
			continue;
		struct view v = line_view(l, sequence);
		p->store_runs = runs_of(&v, job->from);
		if (!p->store_runs)
			return false;
		if (!has_gap(l))
			l->gap_from = sequence;
		l->gap_to = sequence + 1;
		p->storing = true;
		p->store_line = (uint32_t)(l - s->line);
		p->store_from = job->from;
		job->segment = v.segment;
		job->line = p->store_line;
		return true;
	}
	return false;
}

// Stored segments leave memory at once, even if earlier ones wait for their acknowledgement: else a
// stalled reader would use up the slots of the ring while the disk has room.
static void free_gap(struct stream_line *l)
{
	uint32_t n = l->gap_from - l->freed;

	if ((int32_t)n > 0) {
		l->held = malloc(n * sizeof(struct segment *));
		if (!l->held)
			return; // in order, then, when they are acknowledged
		for (uint32_t i = 0; i < n; i++)
			l->held[i] = copy_ring_segment(l->ring, l->freed + i);
		l->held_from = l->freed;
		l->n_held = n;
		copy_ring_forget(l->ring, n);
		l->freed += n;
	}
	for (; in_gap(l, l->freed); l->freed++)
		copy_ring_release_segment(l->ring);
}

bool stream_spool_stored(struct stream *s, enum copy_kind k, bool good)
{
	struct spooled *p = &s->spooled[k];
	struct stream_line *l = &s->line[p->store_line];
	struct view v = line_view(l, l->gap_to - 1);
	struct runs *r = p->store_runs;

	p->storing = false;
	p->store_runs = NULL;
	if (!good) { // it stays where it is
		free(r);
		l->gap_to--;
		line_activate(l, l->since_ns);
		return false;
	}
	STAILQ_INSERT_TAIL(&p->stored, r, next);
	uint64_t octets = r->octets, copies = v.pushed - p->store_from;
	add_to(&p->copies, copies);
	add_to(&p->octets, octets);
	copy_ring_release(l->ring, octets, copies);
	if (in_gap(l, l->ack_segment))
		l->ack_copy = 0;
	line_keep(l);
	free_gap(l);
	line_give_back(l);
	return true;
}

static bool is_before_gap(const struct stream_line *l)
{
	return has_gap(l) && (int32_t)(l->gap_from - l->ack_segment) > 0;
}

bool stream_spool_has_front(struct stream *s, enum copy_kind k)
{
	bool any = false;

	for (uint32_t w = 0; w < s->n_workers; w++) {
		struct stream_line *l = stream_line(s, w, k);
		if (!l->ring)
			continue;
		line_give_back(l);
		any = any || is_before_gap(l);
	}
	return any;
}

// The piece is in the file: it is queued there, and owed there.
static void kept(struct stream_line *l, const struct view *v)
{
	struct spooled *p = &l->stream->spooled[line_kind(l)];
	uint64_t octets = v->end - copy_start(v->segment, l->ack_copy);
	uint64_t copies = v->pushed - l->ack_copy;

	add_to(&p->copies, copies);
	add_to(&p->octets, octets);
	copy_ring_release(l->ring, octets, copies);
	l->ack_copy = v->pushed;
	l->send_segment = l->ack_segment;
	l->send_offset = v->end;
	line_keep(l);
	line_give_back(l);
}

int stream_spool_keep(
	struct stream *s, enum copy_kind k, bool front, const struct stream_keeper *to)
{
	for (uint32_t w = 0; w < s->n_workers; w++) {
		struct stream_line *l = stream_line(s, w, k);
		while (l->ring) {
			line_give_back(l);
			struct view v = line_view(l, l->ack_segment);
			if (!v.segment || v.pushed == l->ack_copy || (front && !is_before_gap(l)))
				break;
			int error = to->store(
				to->context, v.segment, l->ack_copy, (uint32_t)(l - s->line));
			if (error)
				return error;
			kept(l, &v);
		}
	}
	return 0;
}

uint32_t stream_spool_skip(const struct stream *s, enum copy_kind k)
{
	const struct spooled *p = &s->spooled[k];
	const struct stream_line *l = &s->line[s->n_workers * COPY_KINDS + k];

	if (l->ack_segment == p->opened)
		return 0;
	return p->block[l->ack_segment % SPOOL_LOADED].skipped + l->ack_copy;
}

void stream_spool_leave(struct stream *s, enum copy_kind k)
{
	s->spooled[k].left = true;
}

bool stream_spool_wants(const struct stream *s, enum copy_kind k)
{
	const struct spooled *p = &s->spooled[k];
	const struct stream_line *l = &s->line[s->n_workers * COPY_KINDS + k];

	return (!STAILQ_EMPTY(&p->stored) || p->recovering) &&
	       p->opened - l->ack_segment < SPOOL_LOADED;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void stream_spool_loaded(
	struct stream *s, enum copy_kind k, const struct spool_block *b, int result)
{
	struct spooled *p = &s->spooled[k];

	p->recovering = p->recovering && (result == 0 ? b->recovered : result != POI_ERR_AGAIN);
	if (!p->recovering) // the file held fewer copies than its head states
		spooled_discard_found(s, p, LOSS_SPOOL);
	if (result == POI_ERR_NOMEM)
		return; // again later
	if (result != 0) {
		if (!b->recovered)
			spooled_discard(s, p, LOSS_SPOOL);
		else
			spooled_discard_found(s, p, LOSS_SPOOL);
		return;
	}
	if (!b->recovered && !STAILQ_EMPTY(&p->stored)) {
		b->segment->sent = STAILQ_FIRST(&p->stored)->sent;
		spooled_drop(p);
	}
	if (b->recovered)
		p->found_left -= lesser(b->segment->pushed, p->found_left);
	p->block[p->opened++ % SPOOL_LOADED] = *b;
	line_activate(&s->line[s->n_workers * COPY_KINDS + k], 0);
}

uint32_t stream_spool_done(struct stream *s, enum copy_kind k)
{
	uint32_t n = s->spooled[k].done;

	s->spooled[k].done = 0;
	return n;
}

void stream_spool_recovering(struct stream *s, enum copy_kind k, uint64_t copies)
{
	struct spooled *p = &s->spooled[k];

	p->recovering = true;
	p->found_left = copies;
	add_to(&p->found, copies);
	add_to(&p->copies, copies);
}

uint64_t stream_spool_holds(const struct stream *s)
{
	uint64_t sum = 0;

	for (enum copy_kind k = 0; k < COPY_KINDS; k++)
		sum += atomic_load_explicit(&s->spooled[k].copies, memory_order_relaxed);
	return sum;
}

uint64_t stream_spool_found(const struct stream *s)
{
	uint64_t sum = 0;

	for (enum copy_kind k = 0; k < COPY_KINDS; k++)
		sum += atomic_load_explicit(&s->spooled[k].found, memory_order_relaxed);
	return sum;
}
