#include "dataplane/capture.h"

#include <sched.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_mbuf.h>

#include "dataplane/header_report.h"
#include "shared/channel.h"

#define LINE 64
#define READY_SIZE \
	(COPY_DESTINATIONS_MAX * COPY_KINDS * 2) // each ring is in it at most twice: see stream_cut
#define HEADER_MAX 320				 // what every known receiver takes of a PDU header
#define SWEEP 64 // rings looked at when the pool is empty, per copy refused

struct copy_ring {
	// Written by the worker.
	struct capture *capture;
	struct segment *open; // NULL: none
	uint32_t open_copies; // descriptors written; those behind open->pushed are not published
	uint32_t open_end;    // octets written
	uint64_t quota;
	uint32_t max_pdu;
	uint32_t mask;	  // of `at`
	uint64_t touched; // burst number of the last push
	uint8_t minor;
	_Atomic uint32_t opened; // segments ever; worker release, deliver acquire
	_Atomic uint64_t offered, pushed, pushed_octets; // single writer, relaxed readers
	_Atomic uint64_t lost[LOSS_COUNT];
	// Written by deliver, but `armed`, which the worker takes back.
	alignas(LINE) _Atomic uint64_t
		released_octets; // deliver release, worker acquire: `at` is free
	_Atomic uint64_t released;
	_Atomic uint32_t returned; // segments given back; deliver release, worker acquire
	_Atomic uint32_t armed;
	uint32_t deliver;
	void *owner;
	struct segment *at[]; // by sequence number
};

struct return_ring {			     // deliver -> worker, one per delivery thread
	alignas(LINE) _Atomic uint32_t head; // written by deliver, release; worker acquire
	alignas(LINE) uint32_t tail;	     // the worker's own
	struct segment **at;
};

struct ready_queue {			     // worker -> deliver
	alignas(LINE) _Atomic uint32_t head; // written by the worker, release; deliver acquire
	alignas(LINE) _Atomic uint32_t tail; // deliver's own, relaxed
	struct copy_ring *at[READY_SIZE];
};

struct capture {
	struct capture_settings s;
	uint32_t n_segments;
	uint32_t n_free;
	uint32_t return_mask;
	uint32_t sweep_at;
	uint32_t n_touched;
	_Atomic uint32_t sweeping; // the worker looks at rings that no table may name any more
	uint64_t burst;		   // from 1: a new ring was touched in none
	struct copy_ring
		*touched[2 * PACKET_BURST * RULE_DESTINATIONS_MAX + 2 * RULE_DESTINATIONS_MAX];
	struct segment **free; // a stack: the segment used last is the warmest
	struct segment *segments;
	uint8_t *octets;
	struct return_ring back[CAPTURE_DELIVER_MAX];
	struct ready_queue *ready; // n_deliver
	struct copy_ring *_Atomic ring[COPY_DESTINATIONS_MAX][COPY_KINDS];
};

// Every counter here has one writer; relaxed, because readers compare sums only at rest.
static inline void count(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(
		to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void count_slot(uint64_t *to, uint64_t n)
{
	__atomic_store_n(to, *to + n, __ATOMIC_RELAXED);
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_DONTDUMP); // intercepted content never reaches a core file
	return p;
}

static int make_pool(struct capture *c)
{
	uint32_t n = c->n_segments, size = 1;

	while (size < n)
		size *= 2;
	c->return_mask = size - 1;
	c->octets = map((size_t)n * SEGMENT_SIZE);
	c->segments = map(n * sizeof(*c->segments));
	c->free = calloc(n, sizeof(struct segment *));
	c->ready = map(c->s.n_deliver * sizeof(*c->ready));
	if (!c->octets || !c->segments || !c->free || !c->ready)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < c->s.n_deliver; i++) {
		c->back[i].at = calloc(size, sizeof(struct segment *));
		if (!c->back[i].at)
			return POI_ERR_NOMEM;
	}
	// The last pushed is the first taken, so a lightly loaded pool stays in its first segments.
	for (uint32_t i = n; i-- > 0;)
		c->free[c->n_free++] = &c->segments[i];
	return 0;
}

struct capture *capture_new(const struct capture_settings *s)
{
	if (s->n_deliver == 0 || s->n_deliver > CAPTURE_DELIVER_MAX ||
		s->pool_octets < SEGMENT_SIZE || s->pool_octets / SEGMENT_SIZE > UINT32_MAX / 2)
		return NULL;
	struct capture *c = aligned_alloc(LINE, (sizeof(*c) + LINE - 1) / LINE * LINE);
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->s = *s;
	c->burst = 1;
	c->n_segments = (uint32_t)(s->pool_octets / SEGMENT_SIZE);
	if (make_pool(c)) {
		capture_free(c);
		return NULL;
	}
	return c;
}

static void unmap(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	unmap(c->octets, (size_t)c->n_segments * SEGMENT_SIZE);
	unmap(c->segments, c->n_segments * sizeof(*c->segments));
	unmap(c->ready, c->s.n_deliver * sizeof(*c->ready));
	for (uint32_t i = 0; i < c->s.n_deliver; i++)
		free(c->back[i].at);
	free(c->free);
	free(c);
}

// The ring's owner is told once; it asks again with copy_ring_arm. The caller has put a full fence
// between its last store to the ring and this look at `armed` (partner: copy_ring_arm).
static void notify(struct capture *c, struct copy_ring *r)
{
	if (!atomic_load_explicit(&r->armed, memory_order_relaxed) ||
		!atomic_exchange_explicit(&r->armed, 0, memory_order_acq_rel))
		return;
	struct ready_queue *q = &c->ready[r->deliver];
	uint32_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
	q->at[head % READY_SIZE] = r;
	atomic_store_explicit(&q->head, head + 1, memory_order_release);
}

// Publishes what was written to the ring since the last time.
static void publish(struct copy_ring *r)
{
	if (r->open)
		atomic_store_explicit(&r->open->pushed, r->open_copies, memory_order_release);
}

static void close_segment(struct copy_ring *r)
{
	publish(r);
	atomic_store_explicit(&r->open->closed, 1, memory_order_release);
	r->open = NULL;
}

// What delivery threads have given back since; true when there is a free segment now.
static bool refill(struct capture *c)
{
	for (uint32_t i = 0; i < c->s.n_deliver; i++) {
		struct return_ring *b = &c->back[i];
		uint32_t head = atomic_load_explicit(&b->head, memory_order_acquire);
		for (; b->tail != head; b->tail++)
			c->free[c->n_free++] = b->at[b->tail & c->return_mask];
	}
	return c->n_free > 0;
}

// The pool is empty: segments that lie open, wholly delivered, with destinations that have gone
// quiet are closed, so that deliver gives them back. A bounded look each time.
static void sweep(struct capture *c)
{
	struct copy_ring *closed[SWEEP];
	unsigned n = 0;

	// Pairs with capture_detach, which waits for the end of a sweep that may have seen the
	// ring.
	atomic_store_explicit(&c->sweeping, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < SWEEP; i++) {
		uint32_t at = c->sweep_at++ % (COPY_DESTINATIONS_MAX * COPY_KINDS);
		struct copy_ring *r = atomic_load_explicit(
			&c->ring[at / COPY_KINDS][at % COPY_KINDS], memory_order_acquire);
		if (!r || !r->open ||
			atomic_load_explicit(&r->released, memory_order_relaxed) !=
				atomic_load_explicit(&r->pushed, memory_order_relaxed))
			continue;
		close_segment(r);
		closed[n++] = r;
	}
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < n; i++)
		notify(c, closed[i]);
	atomic_store_explicit(&c->sweeping, 0, memory_order_release);
}

static int open_segment(struct capture *c, struct copy_ring *r)
{
	uint32_t opened = atomic_load_explicit(&r->opened, memory_order_relaxed);

	if (opened - atomic_load_explicit(&r->returned, memory_order_acquire) > r->mask)
		return LOSS_BUFFER_FULL;
	// Each time, not only when the stack is empty: else every segment of the pool would be touched
	// before one is used again, and memory and cache with it.
	if (!refill(c)) {
		sweep(c);
		return LOSS_NO_MEMORY;
	}
	struct segment *s = c->free[--c->n_free];
	s->octets = c->octets + (size_t)(s - c->segments) * SEGMENT_SIZE;
	atomic_store_explicit(&s->pushed, 0, memory_order_relaxed);
	atomic_store_explicit(&s->closed, 0, memory_order_relaxed);
	r->at[opened & r->mask] = s;
	r->open = s;
	r->open_copies = 0;
	r->open_end = 0;
	atomic_store_explicit(&r->opened, opened + 1, memory_order_release);
	return -1;
}

// Room for `size` octets at the ring's end: NULL with `loss` set when there is none.
static uint8_t *reserve(struct capture *c, struct copy_ring *r, size_t size, int *loss)
{
	if (size > SEGMENT_SIZE || (r->max_pdu > 0 && size > r->max_pdu)) {
		*loss = LOSS_PDU_TOO_LARGE;
		return NULL;
	}
	uint64_t queued = atomic_load_explicit(&r->pushed_octets, memory_order_relaxed) -
			  atomic_load_explicit(&r->released_octets, memory_order_relaxed);
	if (queued + size > r->quota) {
		*loss = LOSS_BUFFER_FULL;
		return NULL;
	}
	if (r->open && (r->open_copies == SEGMENT_COPIES || SEGMENT_SIZE - r->open_end < size))
		close_segment(r);
	if (!r->open) {
		*loss = open_segment(c, r);
		if (!r->open)
			return NULL;
	}
	return r->open->octets + r->open_end;
}

static void commit(struct capture *c, struct copy_ring *r, const struct copy_descriptor *d)
{
	uint32_t size = d->end;

	r->open_end += size;
	r->open->copy[r->open_copies++] = (struct copy_descriptor){
		.end = r->open_end, .slot = d->slot, .payload = d->payload};
	count(&r->pushed, 1);
	count(&r->pushed_octets, size);
	if (r->touched != c->burst) {
		r->touched = c->burst;
		c->touched[c->n_touched++] = r;
	}
}

static void publish_touched(struct capture *c)
{
	for (uint32_t i = 0; i < c->n_touched; i++)
		publish(c->touched[i]);
	// Pairs with the fence in copy_ring_arm: either we see `armed`, or deliver sees what we
	// pushed.
	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t i = 0; i < c->n_touched; i++)
		notify(c, c->touched[i]);
	c->n_touched = 0;
	c->burst++;
}

struct extent { // the payload of a hit, in octets of its frame
	uint32_t start;
	uint32_t length;
	uint16_t format;
	bool cut;
};

// Which octets of the frame are the payload (formats: table 5.4.1-1). For GTP-U the extent of the
// message decides, not the inner length field: a packet that lies about its own length is delivered
// as it was seen.
static struct extent extent_of(
	const struct capture *c, const struct hit *h, const struct packet_view *v)
{
	uint8_t wanted = h->rule->payload_format ? h->rule->payload_format : c->s.payload_format;
	bool ip_only = wanted == PDU_FORMAT_IPV4 || wanted == PDU_FORMAT_IPV6;
	struct extent e = {.length = v->total, .format = PDU_FORMAT_ETHERNET};

	if (h->layer == HIT_WHOLE_FRAME)
		return e;
	if (h->tunnelled && (v->flags & VIEW_GTPU) && (wanted == 0 || wanted == PDU_FORMAT_GTPU)) {
		e.start = v->gtp;
		e.length = v->gtp_length;
		e.format = PDU_FORMAT_GTPU;
		e.cut = v->layer[v->gtp_outer].flags & LAYER_CUT;
	} else if (h->tunnelled && (v->flags & VIEW_GTPU) && (v->flags & VIEW_UNSTRUCTURED) &&
		   ip_only) {
		e.start = v->gtp + v->gtp_header;
		e.length = v->gtp_length > v->gtp_header ? v->gtp_length - v->gtp_header : 0;
		e.format = PDU_FORMAT_UNSTRUCTURED;
		e.cut = v->layer[v->gtp_outer].flags & LAYER_CUT;
	} else if (h->layer < v->n_layers) {
		const struct packet_layer *l = &v->layer[h->layer];
		e.cut = l->flags & LAYER_CUT;
		if (wanted != PDU_FORMAT_ETHERNET) {
			e.start = l->l3;
			e.length = l->length;
			e.format = l->family == 4 ? PDU_FORMAT_IPV4 : PDU_FORMAT_IPV6;
		}
	}
	e.cut = e.cut || (uint64_t)e.start + e.length > v->total;
	return e;
}

static bool put_payload(
	uint8_t *to, const struct extent *e, const struct packet_view *v, const void *mbuf)
{
	const void *from = v->data + e->start;

	if (e->start + e->length > v->length)
		from = rte_pktmbuf_read(mbuf, e->start, e->length, to);
	if (!from)
		return false;
	if (from != to)
		memcpy(to, from, e->length);
	return true;
}

static void lose(struct copy_ring *r, struct slot_counters *n, int loss)
{
	count_slot(&n->lost[loss], 1);
	count(&r->lost[loss], 1);
}

struct job { // one PDU on its way to the destinations of its task
	struct slot_counters *counters;
	uint32_t slot;
	const uint8_t *octets; // the payload, or NULL: `extent` of `view` and `mbuf`
	const struct packet_view *view;
	const void *mbuf;
	struct extent extent;
	struct pdu_head head;
	size_t head_size;
};

static bool job_payload(uint8_t *to, const struct job *j)
{
	if (!j->octets)
		return put_payload(to, &j->extent, j->view, j->mbuf);
	memcpy(to, j->octets, j->extent.length);
	return true;
}

static void copy_to(struct capture *c, struct copy_ring *r, struct job *j)
{
	int loss = LOSS_TRUNCATED_FRAME;
	size_t size = j->head_size + j->extent.length;

	count_slot(&j->counters->offered, 1);
	count(&r->offered, 1);
	uint8_t *out = j->extent.cut ? NULL : reserve(c, r, size, &loss);
	if (out && !job_payload(out + j->head_size, j)) {
		loss = LOSS_TRUNCATED_FRAME; // what was reserved is simply not committed
		out = NULL;
	}
	if (!out) {
		lose(r, j->counters, loss);
		return;
	}
	j->head.minor = r->minor;
	pdu_head_write(out, &c->s.origin, &j->head);
	commit(c, r,
		&(struct copy_descriptor){
			.end = (uint32_t)size, .slot = j->slot, .payload = j->extent.length});
}

static inline struct copy_ring *ring_of(struct capture *c, uint16_t destination, enum copy_kind k)
{
	return atomic_load_explicit(&c->ring[destination][k], memory_order_acquire);
}

// As many of the task's attributes 17 as keep the header within HEADER_MAX, but at least one.
static uint16_t matched_within(const struct capture *c, const struct x2_task *t)
{
	size_t fixed = pdu_head_size(&c->s.origin, &(struct pdu_head){0});
	uint16_t length = 0;

	if (fixed + t->matched_length <= HEADER_MAX)
		return t->matched_length;
	while (length < t->matched_length) {
		uint16_t next = (uint16_t)(length + 4 + wire_load16(t->matched + length + 2));
		if (length > 0 && fixed + next > HEADER_MAX)
			break;
		length = next;
	}
	return length;
}

void capture_report(
	struct capture *c, const struct x2_task *t, const struct xiri *x, uint64_t time_ns)
{
	uint8_t room[XIRI_MAX];
	struct xiri told = *x;
	struct job j = {.slot = t->slot, .counters = slot_counters_of(c->s.slots, t->slot)};

	told.release = c->s.xiri_release;
	j.octets = xiri_write(room, &told);
	j.extent.length = (uint32_t)(room + XIRI_MAX - j.octets);
	count_slot(&j.counters->x2_octets, j.extent.length);
	j.head = (struct pdu_head){
		.type = PDU_X2,
		.direction = x->facts.direction,
		.format = PDU_FORMAT_33128,
		.payload_length = j.extent.length,
		.xid = t->header_xid,
		.correlation = t->correlation,
		.sequence = (*slot_sequence_of(c->s.slots, t->context))++,
		.time_ns = time_ns,
		.extra = t->matched,
		.extra_length = matched_within(c, t),
	};
	j.head_size = pdu_head_size(&c->s.origin, &j.head);
	for (unsigned i = 0; i < t->n_destinations; i++) {
		struct copy_ring *r = ring_of(c, t->destination[i], COPY_X2);
		if (r)
			copy_to(c, r, &j);
	}
	// A task names at most RULE_DESTINATIONS_MAX rings: room for the next one's.
	if (c->n_touched > PACKET_BURST * RULE_DESTINATIONS_MAX)
		publish_touched(c);
}

void capture_report_lost(struct capture *c, const struct x2_task *t)
{
	struct slot_counters *n = slot_counters_of(c->s.slots, t->slot);

	for (unsigned i = 0; i < t->n_destinations; i++) {
		struct copy_ring *r = ring_of(c, t->destination[i], COPY_X2);
		if (!r)
			continue;
		count_slot(&n->offered, 1);
		count(&r->offered, 1);
		lose(r, n, LOSS_REPORT_FULL);
	}
}

void capture_publish(struct capture *c)
{
	if (c->n_touched > 0)
		publish_touched(c);
}

bool capture_takes(const struct capture *c, enum copy_kind k)
{
	return k == COPY_X2 || !c->s.x2_only;
}

static void hit_header(
	struct capture *c, const struct hit *h, const struct packet_view *v, uint64_t time_ns)
{
	const struct x2_task *t = h->rule->x2;

	if (t->report != REPORT_PDSR) {
		struct xiri x = {.trigger = SUMMARY_NONE};
		if (header_facts_of(&x.facts, h, v))
			capture_report(c, t, &x, time_ns);
		return;
	}
	struct header_facts facts;
	if (!header_facts_of(&facts, h, v))
		return;
	struct header_digest *d = c->s.reports ? report_ring_next(c->s.reports) : NULL;
	if (d)
		*d = (struct header_digest){.task = t, .time_ns = time_ns, .facts = facts};
	else
		capture_report_lost(c, t);
}

static void hit_content(struct capture *c, const struct hit *h, const struct packet_view *v,
	const void *mbuf, uint64_t time_ns)
{
	const struct rule *rule = h->rule;
	struct job j = {.slot = rule->slot,
		.counters = slot_counters_of(c->s.slots, rule->slot),
		.view = v,
		.mbuf = mbuf,
		.extent = extent_of(c, h, v)};

	count_slot(&j.counters->x3_octets, j.extent.length);
	// Taken once, before the queue that may drop: the same for every destination, and a loss is
	// visible to each of them as a gap (clause 5.3.9).
	uint32_t sequence = (*slot_sequence_of(c->s.slots, rule->context_x3))++;
	j.head = (struct pdu_head){
		.type = PDU_X3,
		.direction = h->direction,
		.format = j.extent.format,
		.payload_length = j.extent.length,
		.xid = rule->header_xid,
		.correlation = rule->correlation,
		.sequence = sequence,
		.time_ns = time_ns,
	};
	j.head_size = pdu_head_size(&c->s.origin, &j.head);
	for (unsigned i = 0; i < rule->n_destinations; i++) {
		struct copy_ring *r = ring_of(c, rule->destination[i], COPY_X3);
		if (r)
			copy_to(c, r, &j);
	}
}

static void capture_hit(struct capture *c, const struct hit *h, const struct packet_view *v,
	const void *mbuf, uint64_t time_ns)
{
	struct slot_counters *n = slot_counters_of(c->s.slots, h->rule->slot);

	count_slot(&n->matched, 1);
	__atomic_store_n(&n->last_ns, time_ns, __ATOMIC_RELAXED);
	if (h->rule->delivery & DELIVERY_X3)
		hit_content(c, h, v, mbuf, time_ns);
	if (h->rule->delivery & DELIVERY_X2 && h->rule->x2)
		hit_header(c, h, v, time_ns);
}

void capture_burst(struct capture *c, const struct hit *hits, unsigned n_hits,
	const struct packet_view *views, void *const *mbufs, uint64_t time_ns)
{
	for (unsigned i = 0; i < n_hits; i++) {
		capture_hit(c, &hits[i], &views[hits[i].packet], mbufs[hits[i].packet], time_ns);
		// One rule names at most RULE_DESTINATIONS_MAX rings: room for the next hit's.
		if (c->n_touched > PACKET_BURST * RULE_DESTINATIONS_MAX)
			publish_touched(c);
	}
	capture_publish(c);
	if (c->s.reports)
		report_ring_publish(c->s.reports);
}

struct copy_ring *copy_ring_new(struct capture *c, const struct copy_ring_settings *s)
{
	uint32_t size = 4;

	if (s->deliver >= c->s.n_deliver)
		return NULL;
	// Twice the segments that full ones would need: small bursts between sweeps close early.
	while (size < 2 * (s->quota / SEGMENT_SIZE + 2) && size < 1u << 30)
		size *= 2;
	size_t octets = sizeof(struct copy_ring) + size * sizeof(struct segment *);
	struct copy_ring *r = aligned_alloc(LINE, (octets + LINE - 1) / LINE * LINE);
	if (!r)
		return NULL;
	memset(r, 0, octets);
	r->capture = c;
	r->quota = s->quota;
	r->max_pdu = s->max_pdu;
	r->minor = s->minor;
	r->deliver = s->deliver;
	r->owner = s->owner;
	r->mask = size - 1;
	r->armed = 1;
	return r;
}

void capture_attach(struct capture *c, uint16_t destination, enum copy_kind k, struct copy_ring *r)
{
	atomic_store_explicit(&c->ring[destination][k], r, memory_order_release);
}

void capture_detach(struct capture *c, uint16_t destination, enum copy_kind k)
{
	atomic_store_explicit(&c->ring[destination][k], NULL, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); // pairs with sweep, which ends in a microsecond
	while (atomic_load_explicit(&c->sweeping, memory_order_acquire))
		sched_yield();
}

void copy_ring_free(struct copy_ring *r)
{
	if (!r)
		return;
	while (r->returned != r->opened)
		copy_ring_release_segment(r);
	free(r);
}

void *copy_ring_owner(const struct copy_ring *r)
{
	return r->owner;
}

struct copy_ring *capture_ready(struct capture *c, uint32_t deliver)
{
	struct ready_queue *q = &c->ready[deliver];
	uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&q->head, memory_order_acquire))
		return NULL;
	struct copy_ring *r = q->at[tail % READY_SIZE];
	atomic_store_explicit(&q->tail, tail + 1, memory_order_relaxed);
	return r;
}

static bool has_news(struct copy_ring *r, uint32_t seen_segment, uint32_t seen_copies)
{
	struct segment *s = copy_ring_segment(r, seen_segment);

	return s && (atomic_load_explicit(&s->closed, memory_order_acquire) ||
			    atomic_load_explicit(&s->pushed, memory_order_acquire) != seen_copies);
}

bool copy_ring_arm(struct copy_ring *r, uint32_t seen_segment, uint32_t seen_copies)
{
	atomic_store_explicit(&r->armed, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); // pairs with publish_touched and sweep
	if (!has_news(r, seen_segment, seen_copies))
		return true;
	// When the worker was faster the ring already stands in the ready queue.
	return !atomic_exchange_explicit(&r->armed, 0, memory_order_acq_rel);
}

struct segment *copy_ring_segment(struct copy_ring *r, uint32_t sequence)
{
	uint32_t opened = atomic_load_explicit(&r->opened, memory_order_acquire);

	return (int32_t)(opened - sequence) > 0 ? r->at[sequence & r->mask] : NULL;
}

void copy_ring_give_back(struct copy_ring *r, struct segment *s)
{
	struct return_ring *b = &r->capture->back[r->deliver];
	uint32_t head = atomic_load_explicit(&b->head, memory_order_relaxed);

	b->at[head & r->capture->return_mask] = s;
	atomic_store_explicit(&b->head, head + 1, memory_order_release);
}

void copy_ring_forget(struct copy_ring *r, uint32_t n)
{
	uint32_t returned = atomic_load_explicit(&r->returned, memory_order_relaxed);

	atomic_store_explicit(&r->returned, returned + n, memory_order_release);
}

void copy_ring_release_segment(struct copy_ring *r)
{
	uint32_t returned = atomic_load_explicit(&r->returned, memory_order_relaxed);

	copy_ring_give_back(r, r->at[returned & r->mask]);
	copy_ring_forget(r, 1);
}

void copy_ring_release(struct copy_ring *r, uint64_t octets, uint64_t copies)
{
	count(&r->released_octets, octets);
	count(&r->released, copies);
}

static uint64_t load(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

void copy_ring_counts(const struct copy_ring *r, struct copy_ring_counts *add)
{
	add->offered += load(&r->offered);
	for (int i = 0; i < LOSS_COUNT; i++)
		add->lost[i] += load(&r->lost[i]);
	// Released first: a copy released in between must not make `queued` negative.
	uint64_t released = load(&r->released), released_octets = load(&r->released_octets);
	add->released += released;
	add->pushed += load(&r->pushed);
	add->queued_octets += load(&r->pushed_octets) - released_octets;
}
