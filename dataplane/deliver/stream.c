// Chooses the next bytes of a connection: the line whose turn it is, and the length of the record.

#include "dataplane/deliver/stream.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/deliver/stream_internal.h"

#define IN_A_ROW 16u	   // records before another line of the same kind gets its turn
#define RECORDS_MAX 65536u // outstanding records; sending pauses until the oldest is acknowledged
#define NO_LINE UINT32_MAX

struct stream *stream_new(uint32_t n_workers, struct copy_outcomes *book, void *owner)
{
	uint32_t n = n_workers * COPY_KINDS + COPY_KINDS;
	struct stream *s = calloc(1, sizeof(*s) + n * sizeof(struct stream_line));

	if (!s)
		return NULL;
	s->book = book;
	s->counts = &s->own;
	s->owner = owner;
	s->n_lines = n;
	s->n_workers = n_workers;
	s->share = 1;
	s->mid = NO_LINE;
	for (uint32_t i = 0; i < n; i++)
		s->line[i].stream = s;
	for (uint32_t k = 0; k < COPY_KINDS; k++) {
		STAILQ_INIT(&s->spooled[k].stored);
		s->line[n_workers * COPY_KINDS + k].spool = &s->spooled[k];
	}
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_lines; i++) {
		struct stream_line *l = &s->line[i];
		while (l->n_held > 0)
			line_drop_held(l);
		copy_ring_free(l->ring);
	}
	for (uint32_t k = 0; k < COPY_KINDS; k++) {
		struct spooled *p = &s->spooled[k];
		for (uint32_t i = 0; i < SPOOL_LOADED; i++)
			spool_block_free(&p->block[i]);
		while (!STAILQ_EMPTY(&p->stored))
			spooled_drop(p);
		free(p->store_runs);
	}
	free(s->record);
	free(s);
}

void stream_share(struct stream *s, uint32_t n)
{
	s->share = n > 0 ? n : 1;
}

void stream_times(struct stream *s, struct delivery_times *times)
{
	s->times = times;
}

void *stream_owner(const struct stream *s)
{
	return s->owner;
}

void stream_count_in(struct stream *s, struct copy_outcome_counts *counts, uint64_t before)
{
	s->counts = counts;
	s->before = before;
}

void stream_attach(struct stream *s, struct stream_line *l, struct copy_ring *r)
{
	l->ring = r;
	if (r && copy_ring_segment(r, 0) && !l->active)
		line_activate(l, 0);
}

struct copy_ring *stream_ring(const struct stream_line *l)
{
	return l->ring;
}

struct stream *stream_wake(struct stream_line *l, uint64_t since_ns)
{
	if (!l->active)
		line_activate(l, since_ns);
	return l->stream;
}

// Index of the first copy that ends behind `offset`: the one that the octet at `offset` belongs to.
static uint32_t copy_at(const struct view *v, uint32_t offset)
{
	uint32_t low = 0, high = v->pushed;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (v->segment->copy[middle].end <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// The unsent octets of the line in one segment; moves over segments that are done. False when there
// are none: the line is then armed.
static bool unsent(struct stream_line *l, struct view *v)
{
	for (;;) {
		if (in_gap(l, l->send_segment))
			return false;
		*v = line_view(l, l->send_segment);
		if (v->segment && v->end > l->send_offset)
			return true;
		if (v->segment && v->closed) {
			l->send_segment++;
			l->send_offset = 0;
			line_give_back(l);
			continue;
		}
		if (l->spool || copy_ring_arm(l->ring, l->send_segment, v->pushed)) {
			l->active = false;
			l->stream->n_active--;
			return false;
		}
	}
}

static bool is_due(const struct stream_line *l, const struct view *v, uint64_t now, uint64_t flush)
{
	return v->closed || v->end - l->send_offset >= STREAM_RECORD || now - l->since_ns >= flush;
}

static bool has_part_before_gap(const struct stream_line *l)
{
	return has_gap(l) && (int32_t)(l->gap_from - l->send_segment) > 0;
}

// Something was spooled and not yet sent on this connection.
static bool spool_pending(const struct stream *s, enum copy_kind k)
{
	const struct spooled *p = &s->spooled[k];
	const struct stream_line *l = &s->line[s->n_workers * COPY_KINDS + k];

	return p->storing || !STAILQ_EMPTY(&p->stored) || l->send_segment != p->opened;
}

// The order of one context's PDUs: what lies before the gap, what was spooled, what came later.
static bool may_send(struct stream *s, struct stream_line *l)
{
	enum copy_kind k = line_kind(l);

	if (!l->spool) {
		// Not before its last block is acknowledged: should the reader stall now, what
		// follows can still go to the spool. And not past a gap that is still there: it
		// would be taken for the edge of what may be moved, once it was sent in part.
		if (has_gap(l) && line_spool_accounted(l))
			line_give_back(l);
		return !has_gap(l) || has_part_before_gap(l);
	}
	for (uint32_t w = 0; w < s->n_workers; w++) {
		const struct stream_line *ring = stream_line(s, w, k);
		if (ring->ring && has_part_before_gap(ring))
			return false;
	}
	return true;
}

// The kernel's buffer alone must not use up the room of a kind: beside what it holds a segment of
// each ring has to get full that can go to the spool.
static bool is_held_by_tcp(const struct stream_line *l)
{
	const uint64_t least =
		copy_ring_sharers(l->ring) * SPOOL_SEGMENTS_MIN * (uint64_t)SEGMENT_SIZE;
	const uint64_t others = least / SPOOL_SEGMENTS_MIN * (SPOOL_SEGMENTS_MIN - 1);
	uint64_t room = copy_ring_room(l->ring);

	uint64_t most = room >= least && room - others < room / 2 ? room - others : room / 2;

	return l->stream->in_flight[line_kind(l)] >= most / l->stream->share;
}

// The line at place `i` of the order of turns: X2 before X3, the spool before the rings, which
// of X3 take turns.
static uint32_t in_turn(const struct stream *s, uint32_t i)
{
	uint32_t n = s->n_workers;

	if (i == 0 || i == n + 1)
		return n * COPY_KINDS + (i > 0);
	if (i <= n)
		return i - 1;
	i -= n + 2;
	if (s->last < n || s->last >= n * COPY_KINDS)
		return n + i;
	// NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there is a worker
	return n + (s->last - n + (s->in_a_row >= IN_A_ROW) + i) % n;
}

// A line other than `but` that should send now. NO_LINE when none.
static uint32_t pick(struct stream *s, uint32_t but, uint64_t now, uint64_t flush)
{
	for (uint32_t i = 0; s->n_active > 0 && i < s->n_lines; i++) {
		uint32_t at = in_turn(s, i);
		struct stream_line *l = &s->line[at];
		struct view v;
		if (at != but && l->active && may_send(s, l) &&
			(l->spool || !s->spools || !is_held_by_tcp(l)) && unsent(l, &v) &&
			is_due(l, &v, now, flush))
			return at;
	}
	return NO_LINE;
}

// How much of the line goes into the next record. With `edge` it ends at a PDU edge when there is
// one within reach, as early as the PDU being sent allows.
static uint32_t cut_length(const struct stream_line *l, const struct view *v, bool edge)
{
	uint32_t length = v->end - l->send_offset;

	if (edge)
		length = v->segment->copy[copy_at(v, l->send_offset)].end - l->send_offset;
	return length < STREAM_RECORD ? length : STREAM_RECORD;
}

// Continues a PDU that is partly sent. Only its line may send, without delay if another sender
// waits for the PDU's edge.
static bool next_mid(
	struct stream *s, uint64_t now, uint64_t flush, bool edge, struct stream_piece *out)
{
	struct stream_line *l = &s->line[s->mid];
	struct view v = line_view(l, l->send_segment);
	bool x3 = line_kind(l) == COPY_X3;
	uint32_t other = pick(s, s->mid, now, flush);
	bool yield = edge ||
		     (other != NO_LINE && (s->in_a_row >= IN_A_ROW ||
						  (x3 && line_kind(&s->line[other]) == COPY_X2)));

	if (!yield && other == NO_LINE && !is_due(l, &v, now, flush))
		return false;
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has unsent octets
	*out = (struct stream_piece){.octets = v.segment->octets + l->send_offset,
		.length = cut_length(l, &v, yield || !is_due(l, &v, now, flush)),
		.line = s->mid};
	l->since_ns = now; // what stays behind is taken for as young as this look at it
	return true;
}

bool stream_next(
	struct stream *s, uint64_t now_ns, uint64_t flush_ns, bool edge, struct stream_piece *out)
{
	// A PDU that is sent in part is always finished: nothing can be acknowledged before.
	if (s->mid != NO_LINE)
		return next_mid(s, now_ns, flush_ns, edge, out);
	if (edge || s->record_head - s->record_tail >= RECORDS_MAX)
		return false;
	uint32_t at = pick(s, NO_LINE, now_ns, flush_ns);
	if (at == NO_LINE)
		return false;
	struct stream_line *l = &s->line[at];
	struct view v = line_view(l, l->send_segment);
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has unsent octets
	*out = (struct stream_piece){.octets = v.segment->octets + l->send_offset,
		.length = cut_length(l, &v, false),
		.line = at};
	l->since_ns = now_ns;
	return true;
}

bool stream_at_edge(const struct stream *s)
{
	return s->mid == NO_LINE;
}

static int grow_records(struct stream *s)
{
	uint32_t size = s->record_size ? s->record_size * 2 : 64;
	struct record *bigger = malloc(size * sizeof(*bigger));

	if (!bigger)
		return POI_ERR_NOMEM;
	uint32_t n = s->record_head - s->record_tail;
	for (uint32_t i = 0; i < n; i++)
		bigger[i] = s->record[(s->record_tail + i) & (s->record_size - 1)];
	free(s->record);
	s->record = bigger;
	s->record_size = size;
	s->record_tail = 0;
	s->record_head = n;
	return 0;
}

// Octets that may be without a mark behind them: an eighth of what rings that share a quota, or a
// spool, can hold in memory, so that what is acknowledged leaves while the rest is filled.
static uint64_t mark_share(const struct stream_line *l)
{
	uint64_t room = l->spool ? SPOOL_LOADED * (uint64_t)SEGMENT_SIZE : copy_ring_room(l->ring);

	return l->spool ? room / 8 : room / 8 / l->stream->share;
}

static void count_sent(struct stream *s, struct stream_line *l, uint32_t length)
{
	uint64_t *unmarked = &s->unmarked_octets[l->spool != NULL][line_kind(l)];

	if (!l->spool)
		s->in_flight[line_kind(l)] += length;
	*unmarked += length;
	s->unmarked = true;
	s->presses |= *unmarked >= mark_share(l) ||
		      s->record_head - s->record_tail >= RECORDS_MAX / 8;
}

// Between two marks nothing is acknowledged: records of one line in a row are as good as one.
static bool join_record(struct stream *s, const struct record *r)
{
	struct record *last = &s->record[(s->record_head - 1) & (s->record_size - 1)];

	if (!s->marks || !s->unmarked || s->record_head == s->record_tail || last->line != r->line)
		return false;
	last->tls_end = r->tls_end;
	last->segment = r->segment;
	last->offset = r->offset;
	last->length += r->length;
	return true;
}

int stream_sent(struct stream *s, const struct stream_piece *p, uint64_t tls_end)
{
	struct stream_line *l = &s->line[p->line];

	if (s->record_head - s->record_tail == s->record_size && grow_records(s))
		return POI_ERR_NOMEM;
	if (s->last != p->line)
		s->in_a_row = 0;
	s->in_a_row += s->in_a_row < IN_A_ROW;
	s->last = p->line;
	l->send_offset += p->length;
	struct view v = line_view(l, l->send_segment);
	uint32_t whole = copy_at(&v, l->send_offset);
	s->mid = copy_start(v.segment, whole) == l->send_offset ? NO_LINE : p->line;
	line_note_sent(l, l->send_segment, whole);
	struct record r = {.tls_end = tls_end,
		.line = p->line,
		.segment = l->send_segment,
		.offset = l->send_offset,
		.length = p->length};
	if (!join_record(s, &r))
		s->record[s->record_head++ & (s->record_size - 1)] = r;
	count_sent(s, l, p->length);
	return 0;
}

void stream_settle_by_marks(struct stream *s, bool on)
{
	s->marks = on;
}

void stream_mark(struct stream *s)
{
	s->unmarked = s->presses = false;
	memset(s->unmarked_octets, 0, sizeof(s->unmarked_octets));
}

enum stream_want stream_wants_mark(struct stream *s, bool idle)
{
	if (!s->unmarked)
		return STREAM_MARK_NONE;
	bool waits = s->presses;
	for (uint32_t i = 0; idle && i < s->n_lines && !waits; i++) {
		struct stream_line *l = &s->line[i];
		waits = l->active &&
			(!may_send(s, l) || (!l->spool && s->spools && is_held_by_tcp(l)));
	}
	return waits ? STREAM_MARK_SOON : STREAM_MARK_LATER;
}

bool stream_acked(struct stream *s, uint64_t tls_offset)
{
	bool any = false;

	while (s->record_tail != s->record_head) {
		const struct record *r = &s->record[s->record_tail & (s->record_size - 1)];
		if (r->tls_end > tls_offset)
			break;
		struct stream_line *l = &s->line[r->line];
		if (!l->spool)
			s->in_flight[line_kind(l)] -= r->length;
		line_account(l, r->segment, r->offset, COPY_ACKNOWLEDGED);
		s->record_tail++;
		any = true;
	}
	return any;
}

bool stream_acked_at(struct stream *s, uint64_t tls_offset, uint64_t wall_ns)
{
	s->wall_ns = wall_ns;
	bool any = stream_acked(s, tls_offset);
	s->wall_ns = 0;
	return any;
}

void stream_cut(struct stream *s, bool resend)
{
	s->record_tail = s->record_head;
	stream_mark(s);
	s->mid = NO_LINE;
	s->in_a_row = 0;
	memset(s->in_flight, 0, sizeof(s->in_flight));
	for (uint32_t i = 0; i < s->n_lines; i++) {
		struct stream_line *l = &s->line[i];
		if (!l->ring && !l->spool)
			continue;
		if (!resend)
			line_account(l, l->send_segment, l->send_offset, COPY_IN_DOUBT);
		struct view v = line_view(l, l->ack_segment);
		l->send_segment = l->ack_segment;
		l->send_offset = v.segment ? copy_start(v.segment, l->ack_copy) : 0;
		if (v.segment && (v.pushed != l->ack_copy || v.closed))
			line_activate(l, 0);
	}
}

void stream_discard(struct stream *s, enum copy_loss why)
{
	stream_cut(s, false);
	for (uint32_t i = 0; i < s->n_lines; i++) {
		struct stream_line *l = &s->line[i];
		while (l->ring || (l->spool && !l->spool->left)) {
			line_give_back(l);
			struct view v = line_view(l, l->ack_segment);
			if (!v.segment || (v.pushed == l->ack_copy && !v.closed))
				break;
			l->send_segment = l->ack_segment;
			l->send_offset = v.end;
			line_account(l, l->ack_segment, v.end, why);
		}
	}
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		if (!s->spooled[k].left) {
			spooled_discard(s, &s->spooled[k], why);
			spooled_discard_found(s, &s->spooled[k], why);
		}
		s->spooled[k].recovering = false;
	}
}

bool stream_active(const struct stream *s)
{
	return s->n_active > 0;
}

bool stream_outstanding(const struct stream *s)
{
	return s->record_head != s->record_tail;
}

bool stream_empty(struct stream *s)
{
	if (stream_outstanding(s))
		return false;
	for (enum copy_kind k = 0; k < COPY_KINDS; k++)
		if (spool_pending(s, k) || s->spooled[k].recovering)
			return false;
	for (uint32_t i = 0; i < s->n_lines; i++) {
		struct stream_line *l = &s->line[i];
		if (!l->ring)
			continue;
		line_give_back(l);
		struct view v = line_view(l, l->ack_segment);
		if (v.segment && v.pushed != l->ack_copy)
			return false;
	}
	return true;
}

void stream_balance(const struct stream *s, struct copy_balance *add, uint64_t *queued_octets)
{
	struct copy_ring_counts n = {0};
	uint64_t spooled = 0;

	for (uint32_t i = 0; i < s->n_lines; i++)
		if (s->line[i].ring)
			copy_ring_counts(s->line[i].ring, &n);
	for (enum copy_kind k = 0; k < COPY_KINDS; k++) {
		const struct spooled *p = &s->spooled[k];
		add->offered += atomic_load_explicit(&p->found, memory_order_relaxed);
		spooled += atomic_load_explicit(&p->copies, memory_order_relaxed);
		n.queued_octets += atomic_load_explicit(&p->octets, memory_order_relaxed);
	}
	// Read once, and never more than is kept: both sums stay what they are together.
	uint64_t kept = n.pushed - n.released + spooled;
	uint64_t sent = atomic_load_explicit(&s->unsettled, memory_order_relaxed);
	sent = sent < kept ? sent : kept;
	copy_outcomes_sum(s->counts, add);
	add->offered += n.offered + s->before;
	add->queued += kept - sent;
	add->in_doubt += sent;
	add->unsettled += sent;
	for (int i = 0; i < LOSS_COUNT; i++)
		add->lost[i] += n.lost[i];
	*queued_octets += n.queued_octets;
}
