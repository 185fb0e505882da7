// Makes PDUs of hits in the worker's rings.

#include "dataplane/capture/capture.h"

#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/capture/capture_attributes.h"
#include "dataplane/capture/capture_extent.h"
#include "dataplane/capture/capture_internal.h"
#include "dataplane/capture/header_report.h"
#include "shared/channel.h"
#include "shared/record.h"

#define AXRI_MAX (CONFIG_HEADER_MAX / 32) // further tasks in one PDU
#define TOGETHER 256u // hits of a burst among which tasks of one packet are put together

static inline void count_slot(uint64_t *to, uint64_t n)
{
	__atomic_store_n(to, *to + n, __ATOMIC_RELAXED);
}

// The ring is published, and its owner notified, at the end of the burst.
static inline void touch(struct capture *c, struct copy_ring *r)
{
	if (r->touched == c->burst)
		return;
	r->touched = c->burst;
	c->touched[c->n_touched++] = r;
}

static inline size_t largest_pdu(const struct copy_ring *r)
{
	return r->max_pdu > 0 && r->max_pdu < SEGMENT_SIZE ? r->max_pdu : SEGMENT_SIZE;
}

// Room for a PDU of `size` octets at the ring's end, and for the descriptors of its `copies`: NULL
// with `loss` set when there is none.
static uint8_t *reserve(
	struct capture *c, struct copy_ring *r, size_t size, unsigned copies, int *loss)
{
	if (size > largest_pdu(r)) {
		*loss = LOSS_PDU_TOO_LARGE;
		return NULL;
	}
	uint64_t queued = atomic_load_explicit(&r->pushed_octets, memory_order_relaxed) -
			  atomic_load_explicit(&r->released_octets, memory_order_relaxed);
	if (queued + size > r->quota) {
		*loss = LOSS_BUFFER_FULL;
		return NULL;
	}
	if (r->open &&
		(r->open_copies + copies > SEGMENT_COPIES || SEGMENT_SIZE - r->open_end < size)) {
		ring_close_segment(r);
		// Notify delivery even if the pool is empty: it frees the segment only when it
		// visits the ring.
		touch(c, r);
	}
	if (!r->open) {
		*loss = capture_open_segment(c, r, size);
		if (!r->open)
			return NULL;
	}
	return r->open->octets + r->open_end;
}

static void publish_touched(struct capture *c)
{
	for (uint32_t i = 0; i < c->n_touched; i++)
		ring_publish(c->touched[i]);
	// Pairs with the fence in copy_ring_arm: either we see `armed`, or deliver sees what we
	// pushed.
	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t i = 0; i < c->n_touched; i++)
		ring_notify(c, c->touched[i]);
	c->n_touched = 0;
	c->burst++;
}

struct share { // a task that a PDU is a copy of
	struct slot_counters *counters;
	uint32_t slot;
};

struct shortened {	 // what a destination takes of a record
	uint32_t length; // of the whole record
	struct record_short stays;
};

struct job { // one PDU on its way to the destinations of its tasks
	struct share of;
	const struct share *more; // n_more: the tasks of its attributes 21
	unsigned n_more;
	const uint8_t *octets;		   // the payload, or NULL: `extent` of `view` and `mbuf`
	const struct shortened *shortened; // NULL, or what is the payload instead
	const struct packet_view *view;
	const void *mbuf;
	struct extent extent;
	struct pdu_head head;
	size_t head_size;
};

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

static bool job_payload(uint8_t *to, const struct job *j)
{
	if (j->view)
		return put_payload(to, &j->extent, j->view, j->mbuf);
	if (j->shortened)
		record_short_write(j->octets, j->shortened->length, &j->shortened->stays, to);
	else // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): no view, so octets
		memcpy(to, j->octets, j->extent.length);
	return true;
}

static void count_cut(const struct job *j)
{
	count_slot(&j->of.counters->cut, 1);
	for (unsigned i = 0; i < j->n_more; i++)
		count_slot(&j->more[i].counters->cut, 1);
}

static void count_offered(struct copy_ring *r, const struct job *j)
{
	count_slot(&j->of.counters->offered, 1);
	for (unsigned i = 0; i < j->n_more; i++)
		count_slot(&j->more[i].counters->offered, 1);
	if (j->extent.cut == EXTENT_TAKEN)
		count_cut(j);
	count(&r->offered, 1 + j->n_more);
}

static void count_lost(struct copy_ring *r, const struct job *j, int loss)
{
	count_slot(&j->of.counters->lost[loss], 1);
	for (unsigned i = 0; i < j->n_more; i++)
		count_slot(&j->more[i].counters->lost[loss], 1);
	count(&r->lost[loss], 1 + j->n_more);
}

// One PDU, but a copy for each task that it names: behind the first descriptor, which has its
// octets, one without any for each further task. They are published, acknowledged, spooled and lost
// together, because all of them end at the same octet.
static void commit(struct capture *c, struct copy_ring *r, const struct job *j, uint32_t size)
{
	struct copy_descriptor *d = &r->open->copy[r->open_copies];

	r->open_end += size;
	*d = (struct copy_descriptor){r->open_end, j->of.slot, j->extent.length};
	for (unsigned i = 0; i < j->n_more; i++)
		d[1 + i] = (struct copy_descriptor){r->open_end, j->more[i].slot, j->extent.length};
	r->open_copies += 1 + j->n_more;
	count(&r->pushed_octets, size);
	// Partner: the next process, which reads the copies before it.
	atomic_store_explicit(&r->pushed,
		atomic_load_explicit(&r->pushed, memory_order_relaxed) + 1 + j->n_more,
		memory_order_release);
	touch(c, r);
}

// False: it is lost.
static bool copy_to(struct capture *c, struct copy_ring *r, struct job *j)
{
	int loss = LOSS_TRUNCATED_FRAME;
	size_t size = j->head_size + j->extent.length;

	count_offered(r, j);
	bool refused = j->extent.cut == EXTENT_CUT;
	uint8_t *out = refused ? NULL : reserve(c, r, size, 1 + j->n_more, &loss);
	if (out && !job_payload(out + j->head_size, j)) {
		loss = LOSS_TRUNCATED_FRAME; // what was reserved is simply not committed
		out = NULL;
	}
	if (!out) {
		count_lost(r, j, loss);
		return false;
	}
	j->head.minor = r->minor;
	pdu_head_write(out, &c->s.origin, &j->head);
	commit(c, r, j, (uint32_t)size);
	return true;
}

static inline struct copy_ring *ring_of(struct capture *c, uint16_t destination, enum copy_kind k)
{
	return atomic_load_explicit(&c->ring[destination][k], memory_order_acquire);
}

struct copy_targets {
	const uint16_t *destination;
	unsigned n;
};

static void copy_to_all(
	struct capture *c, const struct copy_targets *to, enum copy_kind k, struct job *j)
{
	j->head_size = pdu_head_size(&c->s.origin, &j->head);
	for (unsigned i = 0; i < to->n; i++) {
		struct copy_ring *r = ring_of(c, to->destination[i], k);
		if (r)
			(void)copy_to(c, r, j);
	}
}

static size_t fixed_size(const struct capture *c)
{
	return pdu_head_size(&c->s.origin, &(struct pdu_head){0});
}

// One X2 PDU of a task, without attributes of a packet.
static void x2_job(
	struct capture *c, const struct x2_task *t, const struct capture_record *x, struct job *j)
{
	*j = (struct job){.of = {slot_counters_of(c->s.slots, t->slot), t->slot},
		.octets = x->octets,
		.extent.length = x->length};
	count_slot(&j->of.counters->x2_octets, x->length);
	j->head = (struct pdu_head){
		.type = PDU_X2,
		.direction = x->direction,
		.format = PDU_FORMAT_33128,
		.payload_length = x->length,
		.xid = t->header_xid,
		.correlation = x->correlation,
		.sequence = (*slot_sequence_of(c->s.slots, x->context))++,
		.time_ns = x->time_ns,
		.extra = t->matched,
		.extra_length = attributes_matched_length(t, fixed_size(c), c->s.max_header),
	};
}

// A task names at most RULE_DESTINATIONS_MAX rings: leaves room for the next one's.
static void x2_done(struct capture *c)
{
	if (c->n_touched > PACKET_BURST * RULE_DESTINATIONS_MAX)
		publish_touched(c);
}

void capture_report(
	struct capture *c, const struct x2_task *t, const struct xiri *x, uint64_t time_ns)
{
	uint8_t room[XIRI_MAX];
	struct xiri report = *x;
	struct attributes extra;
	struct job j;

	report.release = c->s.xiri_release;
	const uint8_t *octets = xiri_write(room, &report);
	x2_job(c, t,
		&(struct capture_record){.octets = octets,
			.length = (uint32_t)(room + XIRI_MAX - octets),
			.direction = x->facts.direction,
			.context = t->context,
			.correlation = t->correlation,
			.time_ns = time_ns},
		&j);
	if (c->s.attributes & CAPTURE_ADDRESSES) {
		attributes_begin(&extra, fixed_size(c), c->s.max_header);
		attributes_addresses(&extra, &x->facts);
		attributes_matched(&extra, t);
		j.head.extra = extra.octets;
		j.head.extra_length = extra.length;
	}
	copy_to_all(c, &(struct copy_targets){t->destination, t->n_destinations}, COPY_X2, &j);
	x2_done(c);
}

// A record to one destination, with what that takes of it. True: without some of its members.
static bool record_to(
	struct capture *c, struct copy_ring *r, const struct job *whole, unsigned kind)
{
	const uint32_t length = whole->extent.length;
	const size_t largest = largest_pdu(r), head = whole->head_size;
	struct shortened s = {.length = length};
	struct job j = *whole;

	if (head + length > largest &&
		record_shorten(kind, j.octets, length,
			largest > head ? (uint32_t)(largest - head) : 0, &s.stays) == POI_OK) {
		j.shortened = &s;
		j.extent.length = j.head.payload_length = s.stays.length;
	}
	return copy_to(c, r, &j) && j.shortened;
}

unsigned capture_record(
	struct capture *c, const struct x2_task *t, const struct capture_record *record)
{
	unsigned shortened = 0;
	struct job j;

	x2_job(c, t, record, &j);
	j.head_size = pdu_head_size(&c->s.origin, &j.head);
	for (unsigned i = 0; i < t->n_destinations; i++) {
		struct copy_ring *r = ring_of(c, t->destination[i], COPY_X2);
		if (r)
			shortened += record_to(c, r, &j, record->kind);
	}
	x2_done(c);
	return shortened;
}

void capture_report_lost(struct capture *c, const struct x2_task *t)
{
	const struct job j = {.of = {slot_counters_of(c->s.slots, t->slot), t->slot}};

	for (unsigned i = 0; i < t->n_destinations; i++) {
		struct copy_ring *r = ring_of(c, t->destination[i], COPY_X2);
		if (!r)
			continue;
		count_offered(r, &j);
		count_lost(r, &j, LOSS_REPORT_FULL);
	}
}

void capture_publish(struct capture *c)
{
	if (c->n_touched > 0)
		publish_touched(c);
}

void capture_set_origin(struct capture *c, const struct pdu_origin *origin)
{
	c->s.origin = *origin;
}

bool capture_takes(const struct capture *c, enum copy_kind k)
{
	return k == COPY_X2 || !c->s.x2_only;
}

struct burst {
	const struct hit *hits;
	unsigned n_hits;
	const struct packet_view *views;
	void *const *mbufs;
	uint64_t time_ns;
	uint64_t merged[TOGETHER / 64]; // hits whose content went in the PDU of an earlier one
};

static void hit_header(struct capture *c, const struct burst *b, const struct hit *h)
{
	const struct packet_view *v = &b->views[h->packet];
	const struct x2_task *t = h->rule->x2;

	if (t->report != REPORT_PDSR) {
		struct xiri x = {.trigger = SUMMARY_NONE};
		if (header_facts_of(&x.facts, h, v))
			capture_report(c, t, &x, b->time_ns);
		return;
	}
	struct header_facts facts;
	if (!header_facts_of(&facts, h, v))
		return;
	struct header_digest *d = c->s.reports ? report_ring_next(c->s.reports) : NULL;
	if (d)
		*d = (struct header_digest){.task = t, .time_ns = b->time_ns, .facts = facts};
	else
		capture_report_lost(c, t);
}

static uint8_t format_wanted(const struct capture *c, const struct rule *r)
{
	uint8_t wanted = r->payload_format ? r->payload_format : c->s.payload_format;

	return wanted == CONFIG_FORMAT_AUTOMATIC ? 0 : wanted;
}

static inline struct share share_of(struct capture *c, const struct rule *r)
{
	return (struct share){slot_counters_of(c->s.slots, r->slot), r->slot};
}

// The number is taken once, before the queue that may drop: the same for every destination, and a
// loss is visible to each of them as a gap (clause 5.3.9).
static inline uint32_t next_x3(struct capture *c, const struct rule *r)
{
	return (*slot_sequence_of(c->s.slots, r->context_x3))++;
}

static inline void content_job(
	struct capture *c, const struct burst *b, const struct hit *h, struct job *j)
{
	const struct rule *rule = h->rule;
	const struct packet_view *v = &b->views[h->packet];

	*j = (struct job){.of = share_of(c, rule),
		.view = v,
		.mbuf = b->mbufs[h->packet],
		.extent = extent_of(format_wanted(c, rule), h, v)};
	count_slot(&j->of.counters->x3_octets, j->extent.length);
	j->head = (struct pdu_head){
		.type = PDU_X3,
		.direction = h->direction,
		.format = j->extent.format,
		.payload_length = j->extent.length,
		.xid = rule->header_xid,
		.correlation = rule->correlation,
		.sequence = next_x3(c, rule),
		.time_ns = b->time_ns,
	};
}

static inline void content_push(struct capture *c, const struct rule *r, struct job *j)
{
	copy_to_all(c, &(struct copy_targets){r->destination, r->n_destinations}, COPY_X3, j);
}

static void hit_content(struct capture *c, const struct burst *b, const struct hit *h)
{
	struct job j;

	content_job(c, b, h, &j);
	content_push(c, h->rule, &j);
}

// Nothing in a PDU but its attributes 21 would differ.
static bool goes_with(const struct hit *a, const struct hit *b)
{
	const struct rule *r = a->rule, *s = b->rule;

	return s->axri && s->delivery == r->delivery && s->payload_format == r->payload_format &&
	       b->layer == a->layer && b->direction == a->direction &&
	       b->tunnelled == a->tunnelled && s->n_destinations == r->n_destinations &&
	       memcmp(s->destination, r->destination,
		       r->n_destinations * sizeof(r->destination[0])) == 0;
}

// Names further tasks of this packet in the PDU, as many as its header takes; the others will have
// another one. Hits of one packet stand side by side.
static void join_others(
	struct capture *c, struct burst *b, unsigned at, struct attributes *extra, struct job *j)
{
	struct share *more = (struct share *)j->more;
	const struct hit *h = &b->hits[at];

	for (unsigned i = at + 1; i < b->n_hits && i < TOGETHER && j->n_more < AXRI_MAX &&
				  b->hits[i].packet == h->packet;
		i++) {
		const struct rule *r = b->hits[i].rule;
		const struct x2_task *matched = c->s.attributes & CAPTURE_MATCHED ? r->x2 : NULL;
		if (b->merged[i / 64] >> (i % 64) & 1 || !goes_with(h, &b->hits[i]) ||
			!attributes_fit_task(extra, matched))
			continue;
		const struct attribute_axri a = {r->header_xid, r->correlation, next_x3(c, r)};
		attributes_task(extra, &a, matched);
		more[j->n_more] = share_of(c, r);
		count_slot(&more[j->n_more++].counters->x3_octets, j->extent.length);
		b->merged[i / 64] |= UINT64_C(1) << (i % 64);
	}
}

static void hit_content_more(struct capture *c, struct burst *b, unsigned at)
{
	const struct hit *h = &b->hits[at];
	struct attributes extra;
	struct share more[AXRI_MAX];
	struct header_facts facts;
	struct job j;

	content_job(c, b, h, &j);
	j.more = more;
	attributes_begin(&extra, fixed_size(c), c->s.max_header);
	if (c->s.attributes & CAPTURE_ADDRESSES && header_facts_of(&facts, h, &b->views[h->packet]))
		attributes_addresses(&extra, &facts);
	if (c->s.attributes & CAPTURE_MATCHED && h->rule->x2)
		attributes_matched(&extra, h->rule->x2);
	if (h->rule->axri)
		join_others(c, b, at, &extra, &j);
	j.head.extra = extra.octets;
	j.head.extra_length = extra.length;
	content_push(c, h->rule, &j);
}

static void capture_hit(struct capture *c, struct burst *b, unsigned at)
{
	const struct hit *h = &b->hits[at];
	struct slot_counters *n = slot_counters_of(c->s.slots, h->rule->slot);

	count_slot(&n->matched, 1);
	__atomic_store_n(&n->last_ns, b->time_ns, __ATOMIC_RELAXED);
	if (h->rule->binding)
		slot_bound_hit(c->s.slots, h->rule->binding, b->time_ns);
	if (h->rule->delivery & DELIVERY_X3) {
		if (!h->rule->axri && !c->s.attributes)
			hit_content(c, b, h);
		else if (at >= TOGETHER || !(b->merged[at / 64] >> (at % 64) & 1))
			hit_content_more(c, b, at);
	}
	if (h->rule->delivery & DELIVERY_X2 && h->rule->x2)
		hit_header(c, b, h);
}

void capture_burst(struct capture *c, const struct hit *hits, unsigned n_hits,
	const struct packet_view *views, void *const *mbufs, uint64_t time_ns)
{
	struct burst b = {hits, n_hits, views, mbufs, time_ns, {0}};

	for (unsigned i = 0; i < n_hits; i++) {
		capture_hit(c, &b, i);
		// One rule names at most RULE_DESTINATIONS_MAX rings: room for the next hit's.
		if (c->n_touched > PACKET_BURST * RULE_DESTINATIONS_MAX)
			publish_touched(c);
	}
	capture_publish(c);
	if (c->s.reports)
		report_ring_publish(c->s.reports);
}
