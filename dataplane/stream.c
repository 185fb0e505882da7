#include "dataplane/stream.h"

#include <stdlib.h>
#include <string.h>

#define TURN 16u	   // records before another line of the same kind gets its turn
#define RECORDS_MAX 65536u // outstanding records; sending pauses until the oldest is acknowledged
#define NO_LINE UINT32_MAX

struct stream_line {
	struct stream *stream;
	struct copy_ring *ring; // NULL: this kind is not delivered
	uint32_t send_segment, send_offset;
	uint32_t ack_segment, ack_copy; // first copy not settled
	uint64_t since_ns;		// no unsent octet is older
	bool active;			// not armed: to be looked at
};

struct record {
	uint64_t tls_end;
	uint32_t line, segment, offset;
};

struct stream {
	struct settled *book;
	void *owner;
	struct settled_counts counts;
	uint32_t n_lines; // X2 lines of all workers, then X3 lines
	uint32_t n_workers;
	uint32_t n_active;
	uint32_t mid;	       // the line whose PDU is only partly sent, or NO_LINE
	uint32_t last;	       // the line that sent last
	uint32_t turns;	       // records in a row from `last`
	struct record *record; // ring
	uint32_t record_size, record_head, record_tail;
	struct stream_line line[];
};

struct stream *stream_new(uint32_t n_workers, struct settled *book, void *owner)
{
	uint32_t n = n_workers * COPY_KINDS;
	struct stream *s = calloc(1, sizeof(*s) + n * sizeof(struct stream_line));

	if (!s)
		return NULL;
	s->book = book;
	s->owner = owner;
	s->n_lines = n;
	s->n_workers = n_workers;
	s->mid = NO_LINE;
	for (uint32_t i = 0; i < n; i++)
		s->line[i].stream = s;
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_lines; i++)
		copy_ring_free(s->line[i].ring);
	free(s->record);
	free(s);
}

void *stream_owner(const struct stream *s)
{
	return s->owner;
}

struct stream_line *stream_line(struct stream *s, uint32_t worker, enum copy_kind k)
{
	return &s->line[(k == COPY_X2 ? 0 : s->n_workers) + worker];
}

void stream_attach(struct stream *s, struct stream_line *l, struct copy_ring *r)
{
	l->ring = r;
}

struct copy_ring *stream_ring(const struct stream_line *l)
{
	return l->ring;
}

static void activate(struct stream_line *l, uint64_t since_ns)
{
	if (!l->active) {
		l->active = true;
		l->stream->n_active++;
	}
	l->since_ns = since_ns;
}

struct stream *stream_wake(struct stream_line *l, uint64_t since_ns)
{
	if (!l->active)
		activate(l, since_ns);
	return l->stream;
}

struct view { // a segment as it is now
	struct segment *segment;
	uint32_t pushed, end;
	bool closed;
};

static struct view look(struct stream_line *l, uint32_t sequence)
{
	struct view v = {.segment = copy_ring_segment(l->ring, sequence)};

	if (!v.segment)
		return v;
	// In this order: a segment seen closed has its last `pushed`.
	v.closed = atomic_load_explicit(&v.segment->closed, memory_order_acquire);
	v.pushed = atomic_load_explicit(&v.segment->pushed, memory_order_acquire);
	v.end = v.pushed ? v.segment->copy[v.pushed - 1].end : 0;
	return v;
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

static uint32_t copy_start(const struct segment *s, uint32_t index)
{
	return index ? s->copy[index - 1].end : 0;
}

static bool is_edge(const struct view *v, uint32_t offset)
{
	return copy_start(v->segment, copy_at(v, offset)) == offset;
}

// The oldest segment is wholly settled and will get no more: back to the pool.
static void give_back(struct stream_line *l)
{
	for (;;) {
		struct view v = look(l, l->ack_segment);
		if (!v.segment || !v.closed || l->ack_copy != v.pushed)
			return;
		if (l->send_segment == l->ack_segment) {
			if (l->send_offset != v.end)
				return;
			l->send_segment++;
			l->send_offset = 0;
		}
		copy_ring_release_segment(l->ring);
		l->ack_segment++;
		l->ack_copy = 0;
	}
}

// Settles every copy that lies wholly before this position.
static void settle(struct stream_line *l, uint32_t segment, uint32_t offset, int as)
{
	struct stream *s = l->stream;
	uint64_t octets = 0, copies = 0;

	for (;;) {
		struct view v = look(l, l->ack_segment);
		if (!v.segment || (int32_t)(segment - l->ack_segment) < 0)
			break;
		bool whole = (int32_t)(segment - l->ack_segment) > 0;
		uint32_t end = whole ? v.end : offset;
		uint32_t start = copy_start(v.segment, l->ack_copy);
		for (; l->ack_copy < v.pushed && v.segment->copy[l->ack_copy].end <= end;
			l->ack_copy++) {
			const struct copy_descriptor *c = &v.segment->copy[l->ack_copy];
			settled_add(s->book, c->slot, as, c->payload);
			settled_count(&s->counts, as, c->payload);
			copies++;
		}
		octets += copy_start(v.segment, l->ack_copy) - start;
		uint32_t before = l->ack_segment;
		give_back(l);
		if (!whole || l->ack_segment == before)
			break;
	}
	if (copies > 0)
		copy_ring_release(l->ring, octets, copies);
}

// The unsent octets of the line in one segment; moves over segments that are done. False when there
// are none: the line is then armed.
static bool unsent(struct stream_line *l, struct view *v)
{
	for (;;) {
		*v = look(l, l->send_segment);
		if (v->segment && v->end > l->send_offset)
			return true;
		if (v->segment && v->closed) {
			l->send_segment++;
			l->send_offset = 0;
			give_back(l);
			continue;
		}
		if (copy_ring_arm(l->ring, l->send_segment, v->pushed)) {
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

// A line other than `but` that should send now; X2 lines first, X3 lines in turn. NO_LINE when
// none.
static uint32_t pick(struct stream *s, uint32_t but, uint64_t now, uint64_t flush)
{
	for (uint32_t i = 0; s->n_active > 0 && i < s->n_lines; i++) {
		uint32_t at = i;
		if (i >= s->n_workers && s->last >= s->n_workers && s->n_workers > 1) {
			uint32_t from = s->last - s->n_workers + (s->turns >= TURN ? 1 : 0);
			at = s->n_workers + (from + i - s->n_workers) % s->n_workers;
		}
		struct stream_line *l = &s->line[at];
		struct view v;
		if (at != but && l->active && unsent(l, &v) && is_due(l, &v, now, flush))
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

// A PDU is partly sent: only its line may go on, at once when somebody else is waiting for the
// edge.
static bool next_mid(
	struct stream *s, uint64_t now, uint64_t flush, bool edge, struct stream_piece *out)
{
	struct stream_line *l = &s->line[s->mid];
	struct view v = look(l, l->send_segment);
	bool x3 = s->mid >= s->n_workers;
	uint32_t other = pick(s, s->mid, now, flush);
	bool yield =
		edge || (other != NO_LINE && (s->turns >= TURN || (x3 && other < s->n_workers)));

	if (!yield && other == NO_LINE && !is_due(l, &v, now, flush))
		return false;
	*out = (struct stream_piece){.octets = v.segment->octets + l->send_offset,
		.length = cut_length(l, &v, yield || !is_due(l, &v, now, flush)),
		.line = s->mid};
	l->since_ns = now; // what stays behind is taken for as young as this look at it
	return true;
}

bool stream_next(
	struct stream *s, uint64_t now_ns, uint64_t flush_ns, bool edge, struct stream_piece *out)
{
	if (s->record_head - s->record_tail >= RECORDS_MAX)
		return false;
	if (s->mid != NO_LINE)
		return next_mid(s, now_ns, flush_ns, edge, out);
	if (edge)
		return false;
	uint32_t at = pick(s, NO_LINE, now_ns, flush_ns);
	if (at == NO_LINE)
		return false;
	struct stream_line *l = &s->line[at];
	struct view v = look(l, l->send_segment);
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

int stream_sent(struct stream *s, const struct stream_piece *p, uint64_t tls_end)
{
	struct stream_line *l = &s->line[p->line];

	if (s->record_head - s->record_tail == s->record_size && grow_records(s))
		return POI_ERR_NOMEM;
	if (s->last != p->line)
		s->turns = 0;
	s->turns += s->turns < TURN;
	s->last = p->line;
	l->send_offset += p->length;
	struct view v = look(l, l->send_segment);
	s->mid = is_edge(&v, l->send_offset) ? NO_LINE : p->line;
	s->record[s->record_head++ & (s->record_size - 1)] = (struct record){.tls_end = tls_end,
		.line = p->line,
		.segment = l->send_segment,
		.offset = l->send_offset};
	return 0;
}

bool stream_acked(struct stream *s, uint64_t tls_offset)
{
	bool any = false;

	while (s->record_tail != s->record_head) {
		const struct record *r = &s->record[s->record_tail & (s->record_size - 1)];
		if (r->tls_end > tls_offset)
			break;
		settle(&s->line[r->line], r->segment, r->offset, SETTLED_ACKNOWLEDGED);
		s->record_tail++;
		any = true;
	}
	return any;
}

void stream_cut(struct stream *s, bool resend)
{
	s->record_tail = s->record_head;
	s->mid = NO_LINE;
	s->turns = 0;
	for (uint32_t i = 0; i < s->n_lines; i++) {
		struct stream_line *l = &s->line[i];
		if (!l->ring)
			continue;
		if (!resend)
			settle(l, l->send_segment, l->send_offset, SETTLED_IN_DOUBT);
		struct view v = look(l, l->ack_segment);
		l->send_segment = l->ack_segment;
		l->send_offset = v.segment ? copy_start(v.segment, l->ack_copy) : 0;
		if (v.segment && (v.pushed != l->ack_copy || v.closed))
			activate(l, 0);
	}
}

void stream_discard(struct stream *s, enum copy_loss why)
{
	stream_cut(s, false);
	for (uint32_t i = 0; i < s->n_lines; i++) {
		struct stream_line *l = &s->line[i];
		while (l->ring) {
			struct view v = look(l, l->ack_segment);
			if (!v.segment || (v.pushed == l->ack_copy && !v.closed))
				break;
			l->send_segment = l->ack_segment;
			l->send_offset = v.end;
			settle(l, l->ack_segment, v.end, why);
		}
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
	for (uint32_t i = 0; i < s->n_lines; i++) {
		struct stream_line *l = &s->line[i];
		if (!l->ring)
			continue;
		give_back(l);
		struct view v = look(l, l->ack_segment);
		if (v.segment && v.pushed != l->ack_copy)
			return false;
	}
	return true;
}

void stream_balance(const struct stream *s, struct copy_balance *add, uint64_t *queued_octets)
{
	struct copy_ring_counts n = {0};

	for (uint32_t i = 0; i < s->n_lines; i++)
		if (s->line[i].ring)
			copy_ring_counts(s->line[i].ring, &n);
	settled_sum(&s->counts, add);
	add->offered += n.offered;
	add->queued += n.pushed - n.released;
	for (int i = 0; i < LOSS_COUNT; i++)
		add->lost[i] += n.lost[i];
	*queued_octets += n.queued_octets;
}
