// Counts the packets of flows and finds those whose summary reports are due.
#include "dataplane/report/report_flow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "shared/hash_index.h"
#include "shared/hash_table.h"
#include "shared/pdu.h"

#define NONE HASH_NONE
#define NEVER UINT64_MAX
#define NS_PER_S 1000000000ull
#define CLOSE_NS (NS_PER_S / 2)
#define SESSIONS_MAX UINT32_MAX // each has a context

struct timer { // first in what it belongs to
	uint64_t due;
	uint32_t at; // in the heap; NONE: not waiting
	bool session;
};

struct session { // one task's, in one sequence context: of the task, or of a session that it
		 // follows
	struct timer timer;
	struct hash_link by_task;
	const struct x2_task *task;
	LIST_ENTRY(session) in_sessions;
	uint64_t packets, bytes; // since the last report by a session trigger
	uint32_t flows;		 // first of its flows
};

struct flow {
	struct timer timer;
	struct session *session;
	uint64_t timer_due; // NEVER: none
	uint64_t seen;	    // monotonic
	uint64_t first_ns, last_ns;
	uint64_t packets, bytes; // since the last report
	struct header_facts facts;
	struct hash_number link;
	uint32_t older, newer; // by last packet; `newer` also links free ones
	uint32_t next, prev;   // of its session
	bool fin, closing;
};
static_assert(sizeof(struct flow) <= 200, "bounded memory for each flow");

struct report_flows {
	struct report_flow_settings s;
	struct flow *flow; // s.flows
	struct hash_index table;
	uint32_t fresh; // flows below were used once
	uint32_t free;	// list
	uint32_t oldest, newest;
	struct hash_table by_task; // by slot and context
	LIST_HEAD(, session) sessions;
	struct timer **heap;
	uint32_t n_heap, heap_size, n_sessions;
	struct report_flow_counts counts;
};

size_t report_flow_octets(uint32_t flows)
{
	return sizeof(struct flow) + sizeof(struct timer *) +
	       (hash_index_bytes(flows) + flows - 1) / flows;
}

struct report_flows *report_flows_new(const struct report_flow_settings *s)
{
	struct report_flows *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->s = *s;
	r->free = r->oldest = r->newest = NONE;
	r->heap_size = s->flows;
	r->flow = calloc(s->flows, sizeof(*r->flow));
	r->heap = calloc(r->heap_size, sizeof(struct timer *));
	if (s->flows == 0 || !r->flow || !r->heap || hash_table_init(&r->by_task, SESSIONS_MAX))
		goto fail;
	const struct hash_index_settings table = {.limit = s->flows,
		.first = &r->flow[0].link,
		.stride = sizeof(*r->flow),
		.seed = s->seed};
	if (hash_index_init(&r->table, &table))
		goto fail;
	return r;
fail:
	report_flows_free(r);
	return NULL;
}

void report_flows_free(struct report_flows *r)
{
	if (!r)
		return;
	for (struct session *s; (s = LIST_FIRST(&r->sessions));) {
		LIST_REMOVE(s, in_sessions);
		free(s);
	}
	free(r->flow);
	hash_index_free(&r->table);
	free(r->heap);
	hash_table_free(&r->by_task);
	free(r);
}

struct report_flow_counts report_flows_counts(const struct report_flows *r)
{
	return r->counts;
}

// --- timers: a binary heap, the earliest on top ---

static void heap_set(struct report_flows *r, uint32_t at, struct timer *t)
{
	r->heap[at] = t;
	t->at = at;
}

static void heap_move(struct report_flows *r, struct timer *t)
{
	uint32_t at = t->at;

	while (at > 0 && r->heap[(at - 1) / 2]->due > t->due) {
		heap_set(r, at, r->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child + 1 < r->n_heap && r->heap[child + 1]->due < r->heap[child]->due)
			child++;
		if (child >= r->n_heap || r->heap[child]->due >= t->due)
			break;
		heap_set(r, at, r->heap[child]);
		at = child;
	}
	heap_set(r, at, t);
}

// There is room: a place is kept for each flow and each session.
static void timer_set(struct report_flows *r, struct timer *t, uint64_t due)
{
	t->due = due;
	if (t->at == NONE)
		heap_set(r, r->n_heap++, t);
	heap_move(r, t);
}

static void timer_cancel(struct report_flows *r, struct timer *t)
{
	if (t->at == NONE)
		return;
	uint32_t at = t->at;
	struct timer *last = r->heap[--r->n_heap];
	t->at = NONE;
	if (last == t)
		return;
	heap_set(r, at, last);
	heap_move(r, last);
}

// --- reports ---

static uint64_t period_of(const struct session *s)
{
	return s->task->triggers.timer_s * NS_PER_S;
}

static void report(struct report_flows *r, struct flow *f, enum summary_trigger why, bool session,
	uint64_t time_ns)
{
	if (f->packets == 0 && why != SUMMARY_END && f->session->task->triggers.skip_empty)
		return;
	if (f->packets == 0)
		f->first_ns = f->last_ns;
	struct xiri x = {.facts = f->facts,
		.trigger = (uint8_t)why,
		.session = session,
		.first_ns = f->first_ns - f->first_ns % 1000, // reports have microseconds
		.last_ns = f->last_ns - f->last_ns % 1000,
		.packets = f->packets,
		.bytes = f->bytes};
	f->packets = 0;
	f->bytes = 0;
	r->s.sink(r->s.context, f->session->task, &x, time_ns);
}

// A trigger that applies to the session reports each of its open flows.
static void session_report(
	struct report_flows *r, struct session *s, enum summary_trigger why, uint64_t time_ns)
{
	s->packets = 0;
	s->bytes = 0;
	for (uint32_t i = s->flows; i != NONE; i = r->flow[i].next)
		report(r, &r->flow[i], why, true, time_ns);
}

// --- the table ---

static bool same_flow(const struct header_facts *a, const struct header_facts *b)
{
	return memcmp(a->address, b->address, sizeof(a->address)) == 0 && a->sport == b->sport &&
	       a->dport == b->dport && a->family == b->family && a->protocol == b->protocol &&
	       a->direction == b->direction && a->flags == b->flags;
}

static uint64_t hash_of(
	const struct report_flows *r, const struct x2_task *t, const struct header_facts *f)
{
	uint64_t words[6];

	_Static_assert(sizeof(f->address) == 32, "four words");
	memcpy(words, f->address, sizeof(f->address));
	words[4] = (uint64_t)f->sport << 48 | (uint64_t)f->dport << 32 |
		   (uint64_t)f->protocol << 24 | (uint64_t)f->direction << 16 |
		   (uint64_t)f->family << 8 | f->flags;
	words[5] = (uint64_t)t->context << 32 | t->slot;
	return hash_index_hash(&r->table, words, 6);
}

static uint32_t find(
	const struct report_flows *r, const struct session *s, const struct header_facts *f)
{
	uint32_t i = hash_index_first(&r->table, hash_of(r, s->task, f));

	while (i != HASH_NONE && !(r->flow[i].session == s && same_flow(&r->flow[i].facts, f)))
		i = r->flow[i].link.next;
	return i;
}

static void age_out(struct report_flows *r, struct flow *f)
{
	*(f->older == NONE ? &r->oldest : &r->flow[f->older].newer) = f->newer;
	*(f->newer == NONE ? &r->newest : &r->flow[f->newer].older) = f->older;
}

static void age_in(struct report_flows *r, struct flow *f)
{
	uint32_t i = (uint32_t)(f - r->flow);

	f->older = r->newest;
	f->newer = NONE;
	*(r->newest == NONE ? &r->oldest : &r->flow[r->newest].newer) = i;
	r->newest = i;
}

static void flow_end(struct report_flows *r, struct flow *f, uint64_t time_ns)
{
	uint32_t i = (uint32_t)(f - r->flow);
	struct session *s = f->session;

	report(r, f, SUMMARY_END, false, time_ns);
	hash_index_remove(&r->table, i, hash_of(r, s->task, &f->facts));
	age_out(r, f);
	*(f->prev == NONE ? &s->flows : &r->flow[f->prev].next) = f->next;
	if (f->next != NONE)
		r->flow[f->next].prev = f->prev;
	timer_cancel(r, &f->timer);
	f->newer = r->free;
	r->free = i;
	r->counts.live--;
	r->counts.ended++;
}

static struct flow *flow_new(struct report_flows *r, struct session *s,
	const struct header_digest *d, const struct moment *now)
{
	if (r->free == NONE && r->fresh == r->s.flows) {
		r->counts.evicted++;
		flow_end(r, &r->flow[r->oldest], now->real_ns);
	}
	uint32_t i = r->free != NONE ? r->free : r->fresh++;
	struct flow *f = &r->flow[i];
	if (i == r->free)
		r->free = f->newer;
	uint64_t period = period_of(s);
	bool timed = period > 0 && !s->task->triggers.session;
	*f = (struct flow){.timer.at = NONE,
		.session = s,
		.timer_due = timed ? now->mono_ns + period : NEVER,
		.facts = d->facts,
		.next = s->flows,
		.prev = NONE};
	f->facts.tcp = 0;
	hash_index_add(&r->table, i, hash_of(r, s->task, &d->facts));
	if (s->flows != NONE)
		r->flow[s->flows].prev = i;
	s->flows = i;
	age_in(r, f);
	uint64_t idle = now->mono_ns + r->s.idle_ns;
	timer_set(r, &f->timer, f->timer_due < idle ? f->timer_due : idle);
	r->counts.live++;
	r->counts.started++;
	return f;
}

// --- sessions ---

static uint64_t task_hash(const struct report_flows *r, const struct x2_task *t)
{
	return hash_table_hash(&r->by_task, (const uint64_t[]){t->slot, t->context}, 2);
}

static struct session *session_of(const struct report_flows *r, const struct x2_task *t)
{
	struct hash_link *l = hash_table_first(&r->by_task, task_hash(r, t));

	for (; l; l = hash_table_next(l)) {
		struct session *s = HASH_OBJECT(l, struct session, by_task);
		if (s->task->slot == t->slot && s->task->context == t->context)
			return s;
	}
	return NULL;
}

static void session_timer(struct report_flows *r, struct session *s, uint64_t now)
{
	if (s->task->triggers.session && period_of(s) > 0)
		timer_set(r, &s->timer, now + period_of(s));
	else
		timer_cancel(r, &s->timer);
}

static struct session *session_new(
	struct report_flows *r, const struct x2_task *t, const struct moment *now)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (r->s.flows + r->n_sessions + 1 > r->heap_size) {
		uint32_t size = r->heap_size * 2;
		struct timer **heap = realloc(r->heap, size * sizeof(struct timer *));
		if (!heap) {
			free(s);
			return NULL;
		}
		r->heap = heap;
		r->heap_size = size;
	}
	r->n_sessions++;
	s->timer = (struct timer){.at = NONE, .session = true};
	s->task = t;
	s->flows = NONE;
	LIST_INSERT_HEAD(&r->sessions, s, in_sessions);
	// There is room for as many as there can be contexts.
	(void)!hash_table_add(&r->by_task, &s->by_task, task_hash(r, t));
	session_timer(r, s, now->mono_ns);
	return s;
}

// The task was replaced: what is counted stays, the new triggers count from here.
static void session_switch(struct report_flows *r, struct session *s, const struct x2_task *t,
	const struct moment *now)
{
	const struct channel_triggers *was = &s->task->triggers, *is = &t->triggers;
	bool same = was->timer_s == is->timer_s && was->packets == is->packets &&
		    was->bytes == is->bytes && was->session == is->session;

	s->task = t;
	if (same)
		return;
	bool timed = period_of(s) > 0 && !t->triggers.session;
	s->packets = 0;
	s->bytes = 0;
	session_timer(r, s, now->mono_ns);
	for (uint32_t i = s->flows; i != NONE; i = r->flow[i].next) {
		struct flow *f = &r->flow[i];
		f->timer_due = timed ? now->mono_ns + period_of(s) : NEVER;
		if (f->timer_due < f->timer.due)
			timer_set(r, &f->timer, f->timer_due);
	}
}

static void session_end(struct report_flows *r, struct session *s, uint64_t time_ns)
{
	while (s->flows != NONE)
		flow_end(r, &r->flow[s->flows], time_ns);
	timer_cancel(r, &s->timer);
	hash_table_remove(&r->by_task, &s->by_task);
	LIST_REMOVE(s, in_sessions);
	r->n_sessions--;
	free(s);
}

// --- what happens ---

static struct header_facts reversed(const struct header_facts *f)
{
	struct header_facts back = *f;
	uint8_t n = f->family == 4 ? 4 : 16;

	memcpy(back.address, f->address + n, n);
	memcpy(back.address + n, f->address, n);
	back.sport = f->dport;
	back.dport = f->sport;
	if (f->direction == PDU_DIRECTION_TO_TARGET)
		back.direction = PDU_DIRECTION_FROM_TARGET;
	else if (f->direction == PDU_DIRECTION_FROM_TARGET)
		back.direction = PDU_DIRECTION_TO_TARGET;
	return back;
}

static void flow_close(struct report_flows *r, struct flow *f, uint64_t now)
{
	if (f->closing)
		return;
	f->closing = true;
	if (now + CLOSE_NS < f->timer.due)
		timer_set(r, &f->timer, now + CLOSE_NS);
}

static void look_for_the_end(
	struct report_flows *r, struct flow *f, uint8_t tcp, const struct moment *now)
{
	struct header_facts back = reversed(&f->facts);
	uint32_t i = find(r, f->session, &back);
	struct flow *other = i == NONE ? NULL : &r->flow[i];

	if (tcp & TCP_FIN)
		f->fin = true;
	if (!(tcp & TCP_RST) && !(f->fin && other && other->fin))
		return;
	flow_close(r, f, now->mono_ns);
	if (other)
		flow_close(r, other, now->mono_ns);
}

static void triggers(struct report_flows *r, struct flow *f, bool fresh, uint64_t time_ns)
{
	struct session *s = f->session;
	const struct channel_triggers *t = &s->task->triggers;
	uint64_t packets = t->session ? s->packets : f->packets;
	uint64_t bytes = t->session ? s->bytes : f->bytes;
	enum summary_trigger why = SUMMARY_NONE;

	if (t->packets > 0 && packets >= t->packets)
		why = SUMMARY_PACKETS;
	else if (t->bytes > 0 && bytes >= t->bytes)
		why = SUMMARY_BYTES;
	if (fresh)
		report(r, f, SUMMARY_START, false, time_ns);
	if (why != SUMMARY_NONE && t->session)
		session_report(r, s, why, time_ns);
	else if (why != SUMMARY_NONE && !fresh)
		report(r, f, why, false, time_ns);
}

int report_flows_packet(
	struct report_flows *r, const struct header_digest *d, const struct moment *now)
{
	struct session *s = session_of(r, d->task);

	if (!s)
		s = session_new(r, d->task, now);
	if (!s)
		return POI_ERR_NOMEM;
	if (s->task != d->task && d->task->version > s->task->version)
		session_switch(r, s, d->task, now);
	uint32_t i = find(r, s, &d->facts);
	struct flow *f = i == NONE ? NULL : &r->flow[i];
	if (f && f->closing && d->facts.tcp & TCP_SYN) { // the ports are used again
		flow_end(r, f, now->real_ns);
		f = NULL;
	}
	bool fresh = !f;
	if (fresh) {
		f = flow_new(r, s, d, now);
	} else if (r->newest != i) {
		age_out(r, f);
		age_in(r, f);
	}
	f->seen = now->mono_ns;
	if (f->packets == 0) {
		f->first_ns = d->time_ns;
		f->last_ns = d->time_ns;
	} else { // workers are not read in the order of their packets
		f->first_ns = d->time_ns < f->first_ns ? d->time_ns : f->first_ns;
		f->last_ns = d->time_ns > f->last_ns ? d->time_ns : f->last_ns;
	}
	f->packets++;
	f->bytes += d->facts.size;
	s->packets++;
	s->bytes += d->facts.size;
	triggers(r, f, fresh, d->time_ns);
	if (d->facts.tcp & (TCP_FIN | TCP_RST))
		look_for_the_end(r, f, d->facts.tcp, now);
	return POI_OK;
}

static void flow_due(struct report_flows *r, struct flow *f, const struct moment *now)
{
	uint64_t idle = f->seen + r->s.idle_ns;

	if (f->closing || idle <= now->mono_ns) {
		flow_end(r, f, now->real_ns);
		return;
	}
	if (f->timer_due <= now->mono_ns) {
		report(r, f, SUMMARY_TIMER, false, now->real_ns);
		f->timer_due += period_of(f->session);
		if (f->timer_due <= now->mono_ns) // we were away for longer than a period
			f->timer_due = now->mono_ns + period_of(f->session);
	}
	timer_set(r, &f->timer, f->timer_due < idle ? f->timer_due : idle);
}

void report_flows_tick(struct report_flows *r, const struct moment *now)
{
	while (r->n_heap > 0 && r->heap[0]->due <= now->mono_ns) {
		struct timer *t = r->heap[0];
		if (!t->session) {
			flow_due(r, (struct flow *)t, now);
			continue;
		}
		struct session *s = (struct session *)t;
		session_report(r, s, SUMMARY_TIMER, now->real_ns);
		uint64_t next = t->due + period_of(s);
		timer_set(r, t, next > now->mono_ns ? next : now->mono_ns + period_of(s));
	}
}

void report_flows_leave(struct report_flows *r, const struct x2_task *old,
	const struct x2_task *successor, const struct moment *now)
{
	struct session *s = session_of(r, old);

	if (!s)
		return;
	if (!successor || successor->context != old->context) // it goes on under other numbers
		session_end(r, s, now->real_ns);
	else if (s->task->version < successor->version)
		session_switch(r, s, successor, now);
}

void report_flows_end(struct report_flows *r, const struct moment *now)
{
	// NOLINTBEGIN(clang-analyzer-unix.Malloc): each takes itself off the list
	while (!LIST_EMPTY(&r->sessions))
		session_end(r, LIST_FIRST(&r->sessions), now->real_ns);
	// NOLINTEND(clang-analyzer-unix.Malloc)
}
