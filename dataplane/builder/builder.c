#include "dataplane/builder/builder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "dataplane/follow/bindings.h"
#include "dataplane/match/link_class.h"
#include "dataplane/tasks/reconcile.h"
#include "dataplane/tasks/rules.h"
#include "shared/log.h"

struct builder {
	struct link_classes links;
	struct task_table *task_table;
	struct reconcile reconcile;
	uint64_t copies_lost; // by all tasks, when their walk for losses began
	uint32_t losing;      // tasks that are losing copies
	bool losses_walking;
	struct table_builder *builder;
	struct bindings *bindings;
	bool measure; // the next commit is of what signalling said just now
	struct table_rcu *table_rcu;
	struct task_counters_owner *slots;
	struct deliver *deliver;
	struct reporter *reporter;
	uint64_t serial; // of X2 tasks
	uint64_t generation;
	bool dirty;
	struct leaving *pending;	   // until the next grace period
	struct leaving *draining;	   // until delivery has settled their copies
	struct destination_entry *removed; // until the next grace period; linked by link.next
	uint32_t n_draining;
	struct table_fold *fold;
	pthread_t fold_thread;
	int fold_fd;
};

struct builder *builder_new(
	const struct config_dataplane *config, struct task_counters_owner *slots)
{
	struct builder *e = calloc(1, sizeof(*e));
	uint64_t seed[2];

	if (!e)
		return NULL;
	e->slots = slots;
	e->links = link_classes_of(config);
	e->fold_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->task_table = task_table_new();
	e->reconcile = (struct reconcile){.task_table = e->task_table, .links = &e->links};
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		e->builder = table_builder_new(seed);
	if (e->builder)
		e->bindings = bindings_new(e->builder, &e->reconcile);
	e->reconcile.bound = bindings_digest;
	e->reconcile.bindings = e->bindings;
	const struct table *first = e->builder ? table_commit(e->builder, 0) : NULL;
	if (first)
		e->table_rcu = table_rcu_new(first);
	if (e->fold_fd < 0 || !e->task_table || !e->table_rcu || !e->bindings) {
		builder_free(e);
		return NULL;
	}
	return e;
}

static void leaving_drop(struct leaving *l)
{
	if (!l)
		return;
	free(l->x2);
	bindings_drop(l->bound);
	free(l);
}

void builder_free(struct builder *e)
{
	if (!e)
		return;
	if (e->fold) {
		pthread_join(e->fold_thread, NULL);
		table_fold_finish(e->builder, e->fold);
	}
	for (struct leaving *l = e->pending, *next; l; l = next) {
		next = l->next;
		leaving_drop(l);
	}
	for (struct leaving *l = e->draining, *next; l; l = next) {
		next = l->next;
		leaving_drop(l);
	}
	while (e->removed) {
		struct destination_entry *d = e->removed;
		e->removed = (struct destination_entry *)d->link.next;
		destination_entry_free(d);
	}
	table_rcu_free(e->table_rcu);
	table_builder_free(e->builder);
	task_table_free(e->task_table, leaving_drop);
	bindings_free(e->bindings);
	if (e->fold_fd >= 0)
		close(e->fold_fd);
	free(e);
}

struct table_rcu *builder_table_rcu(struct builder *e)
{
	return e->table_rcu;
}

void builder_deliver(struct builder *e, struct deliver *d)
{
	e->deliver = d;
}

void builder_reporter(struct builder *e, struct reporter *r)
{
	e->reporter = r;
}

const struct link_classes *builder_link_classes(const struct builder *e)
{
	return &e->links;
}

void builder_follower(struct builder *e, struct follower *f)
{
	bindings_follower(e->bindings, f);
}

const struct task_table *builder_task_table(const struct builder *e)
{
	return e->task_table;
}

uint64_t builder_generation(const struct builder *e)
{
	return e->generation;
}

int builder_fold_fd(const struct builder *e)
{
	return e->fold_fd;
}

static void contexts_give(struct builder *e, const struct leaving *l)
{
	if (l->kinds & DELIVERY_X2)
		task_counters_context_give(e->slots, l->context[COPY_X2]);
	if (l->kinds & DELIVERY_X3)
		task_counters_context_give(e->slots, l->context[COPY_X3]);
}

// Slot and contexts for a task; `slot` is the predecessor's, or NULL for a new one.
static int hold_take(
	struct builder *e, const struct channel_task *t, const uint32_t *slot, struct leaving **out)
{
	struct leaving *l = calloc(1, sizeof(*l));
	int r = POI_OK;

	if (!l)
		return POI_ERR_NOMEM;
	for (uint8_t k = 0; k < COPY_KINDS && r == POI_OK; k++) {
		uint8_t bit = k == COPY_X2 ? DELIVERY_X2 : DELIVERY_X3;
		if (!(t->delivery & bit))
			continue;
		r = task_counters_context_take(
			e->slots, k, &t->header_xid, t->correlation, &l->context[k]);
		if (r == POI_OK)
			l->kinds |= bit;
	}
	if (r == POI_OK && (t->delivery & DELIVERY_X2 || t->matched_length > 0)) {
		l->x2 = x2_task_new(t, ++e->serial);
		r = l->x2 ? POI_OK : POI_ERR_NOMEM;
	}
	if (r == POI_OK && slot)
		l->slot = *slot;
	else if (r == POI_OK)
		r = task_counters_take(e->slots, &l->slot);
	if (r != POI_OK) {
		contexts_give(e, l);
		leaving_drop(l);
		return r;
	}
	*out = l;
	return POI_OK;
}

static void hold_leave(struct builder *e, struct leaving *l, bool keeps_slot)
{
	l->keeps_slot = keeps_slot;
	if (l->x2)
		l->x2->leaving = true;
	l->next = e->pending;
	e->pending = l;
}

static int task_check(const struct builder *e, const struct channel_task *t)
{
	const char *why;

	if (!ne_entry_find(e->task_table, &t->ne))
		return POI_ERR_NOT_FOUND;
	if (t->session.kinds && !bindings_followed(e->bindings))
		return POI_ERR_UNSUPPORTED;
	if (t->delivery == 0 || t->delivery > (DELIVERY_X2 | DELIVERY_X3) ||
		t->n_destinations == 0 || t->n_destinations > RULE_DESTINATIONS_MAX ||
		(t->delivery & DELIVERY_X2 && !x2_task_valid(t)))
		return POI_ERR_INVALID;
	for (uint8_t i = 0; i < t->n_destinations; i++) {
		if (!destination_entry_find(e->task_table, &t->ne, &t->did[i]))
			return POI_ERR_NOT_FOUND;
		for (uint8_t k = 0; k < i; k++)
			if (id_equal(&t->did[i], &t->did[k]))
				return POI_ERR_INVALID;
	}
	return channel_task_check(t, &why);
}

// The element was heard of: a task given to an element whose fail-safe has fired starts its
// deadline anew, so that no task is ever without one.
static void rearm(struct builder *e, const struct id16 *ne, uint64_t now_ms)
{
	struct ne_entry *n = ne_entry_find(e->task_table, ne);

	if (n && !n->armed)
		(void)ne_entry_heard(e->task_table, ne, now_ms);
}

// Fills what the rule knows of its X2 side.
static void x2_complete(struct x2_task *x, const struct rule *r)
{
	if (!x)
		return;
	x->slot = r->slot;
	x->context = r->context_x2;
	x->n_destinations = r->n_destinations;
	memcpy(x->destination, r->destination, sizeof(x->destination));
}

// Before it is published; `old` is the version it replaces, or NULL.
static void reports_begin(struct builder *e, struct x2_task *x, struct leaving *old)
{
	if (old && old->x2)
		old->x2->successor = x;
	if (e->reporter && x && x->report == REPORT_PDSR)
		reporter_join(e->reporter);
}

// After the grace period: the last summaries are queued before anything is answered or given back.
static void reports_end(struct builder *e)
{
	if (!e->reporter)
		return;
	for (struct leaving *l = e->pending; l; l = l->next)
		if (l->x2 && l->x2->report == REPORT_PDSR)
			reporter_leave(e->reporter, l->x2);
	reporter_settle(e->reporter);
}

// The task's rules leave the table with the next commit.
static void rules_leave(struct builder *e, const struct leaving *hold)
{
	if (hold->bound)
		bindings_end(e->bindings, hold->bound);
	else
		(void)table_remove(e->builder, rule_key_own(hold->slot));
	e->dirty = true;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Its own rule takes the place of the old one's; the rules of a session task come with the commit.
static int rules_enter(struct builder *e, struct task_entry *task, struct leaving *old)
{
	struct leaving *hold = task->hold;
	struct rule rule;

	rule_make(e->task_table, &e->links, task, &rule);
	x2_complete(hold->x2, &rule);
	if (old && old->bound && bindings_take_over(e->bindings, old->bound, task)) {
		hold->bound = old->bound;
		old->bound = NULL;
		e->dirty = true;
		return POI_OK;
	}
	int r = task->session ? bindings_begin(e->bindings, task, now_ns(), &hold->bound)
			      : table_put(e->builder, &rule);
	if (r == POI_OK && old && (old->bound || hold->bound))
		rules_leave(e, old);
	e->dirty |= r == POI_OK;
	return r;
}

static int task_put(struct builder *e, const struct channel_task *t, uint64_t now_ms)
{
	struct task_entry *old = task_entry_find(e->task_table, &t->ne, &t->xid);
	bool live = old && !old->tombstone;
	struct leaving *hold;
	int r = task_check(e, t);

	if (r != POI_OK)
		return r;
	struct task_entry *task = task_entry_make(t);
	if (!task)
		return POI_ERR_NOMEM;
	const struct ne_entry *ne = ne_entry_find(e->task_table, &t->ne);
	task->payload_format = ne->payload_format;
	task->axri = ne->axri;
	r = hold_take(e, t, live ? &old->hold->slot : NULL, &hold);
	if (r != POI_OK)
		goto no_hold;
	task->hold = hold;
	if (old)
		reconcile_leaves(&e->reconcile, old);
	r = task_entry_insert(e->task_table, task, old);
	if (r != POI_OK)
		goto no_place;
	r = rules_enter(e, task, live ? old->hold : NULL);
	if (r != POI_OK)
		goto no_rule;
	reports_begin(e, hold->x2, live ? old->hold : NULL);
	if (live) {
		hold->loss = old->hold->loss; // the slot's counters go on
		hold_leave(e, old->hold, true);
	}
	if (old)
		reconcile_enters(&e->reconcile, task);
	task_entry_free(old);
	rearm(e, &t->ne, now_ms);
	return POI_OK;
no_rule:
	if (!old)
		task_entry_take(e->task_table, task);
	else
		(void)task_entry_insert(e->task_table, old, task); // a swap: cannot fail
no_place:
	if (old)
		reconcile_enters(&e->reconcile, old);
	contexts_give(e, hold);
	if (!live)
		task_counters_give(e->slots, hold->slot);
	leaving_drop(hold);
no_hold:
	task_entry_free(task);
	return r;
}

static void not_losing(struct builder *e, const struct leaving *hold)
{
	e->losing -= hold->loss.active;
}

static int task_remove(struct builder *e, const struct channel_object *o)
{
	struct task_entry *t = task_entry_find(e->task_table, &o->ne, &o->id);

	if (!t)
		return POI_ERR_NOT_FOUND;
	reconcile_leaves(&e->reconcile, t);
	if (t->hold) {
		not_losing(e, t->hold);
		rules_leave(e, t->hold);
		hold_leave(e, t->hold, false);
	}
	task_entry_take(e->task_table, t);
	task_entry_free(t);
	return POI_OK;
}

static int destination_put(struct builder *e, const struct channel_destination *d)
{
	struct destination_entry *o = destination_entry_find(e->task_table, &d->ne, &d->did);
	bool known = o != NULL;
	uint16_t index = known ? o->index : 0;
	int r;

	if (!ne_entry_find(e->task_table, &d->ne))
		return POI_ERR_NOT_FOUND;
	// One removed in the same batch must be gone from delivery before it comes again.
	if (!known && e->removed) {
		r = builder_commit(e);
		if (r != POI_OK)
			return r;
	}
	r = known ? deliver_modify(e->deliver, index, d) : deliver_add(e->deliver, d, &index);
	if (r != POI_OK)
		return r;
	r = destination_entry_put(e->task_table, d, &o);
	if (r == POI_OK)
		o->index = index;
	else if (!known)
		deliver_remove(e->deliver, index);
	return r;
}

static int destination_remove(struct builder *e, const struct channel_object *o)
{
	struct destination_entry *d;
	int r = destination_entry_take(e->task_table, &o->ne, &o->id, &d);

	if (r != POI_OK)
		return r;
	d->link.next = (struct entry_link *)e->removed;
	e->removed = d;
	return POI_OK;
}

#define DECODE(name, m)                                     \
	do {                                                \
		r = channel_decode_##name(body, length, m); \
		if (r != POI_OK)                            \
			return r;                           \
	} while (0)

int builder_apply(
	struct builder *e, uint16_t id, const uint8_t *body, size_t length, uint64_t now_ms)
{
	union {
		struct channel_ne ne;
		struct channel_heard heard;
		struct channel_destination destination;
		struct channel_task task;
		struct channel_object object;
		struct channel_memo memo;
	} m;
	int r;

	switch (id) {
	case CHANNEL_NE_PUT:
		DECODE(ne, &m.ne);
		return ne_entry_put(e->task_table, &m.ne, now_ms);
	case CHANNEL_NE_HEARD:
		DECODE(heard, &m.heard);
		return ne_entry_heard(e->task_table, &m.heard.ne, now_ms);
	case CHANNEL_DESTINATION_PUT:
		DECODE(destination, &m.destination);
		return destination_put(e, &m.destination);
	case CHANNEL_DESTINATION_REMOVE:
		DECODE(object, &m.object);
		return destination_remove(e, &m.object);
	case CHANNEL_TASK_PUT:
		DECODE(task, &m.task);
		return task_put(e, &m.task, now_ms);
	case CHANNEL_TASK_REMOVE:
		DECODE(object, &m.object);
		return task_remove(e, &m.object);
	case CHANNEL_MEMO_PUT:
		DECODE(memo, &m.memo);
		return task_table_memo_put(e->task_table, &m.memo);
	case CHANNEL_TOMBSTONE_CLEAR:
		DECODE(object, &m.object);
		return task_table_tombstone_clear(e->task_table, &m.object.ne, &m.object.id);
	default:
		return POI_ERR_UNSUPPORTED;
	}
}

// After a grace period: no worker can push for these any more.
static void grace_over(struct builder *e)
{
	reports_end(e);
	bindings_in_force(e->bindings, e->measure, now_ns());
	e->measure = false;
	for (struct leaving *l = e->pending, *next; l; l = next) {
		next = l->next;
		contexts_give(e, l);
		if (l->keeps_slot) {
			leaving_drop(l);
			continue;
		}
		free(l->x2);
		l->x2 = NULL;
		bindings_drop(l->bound);
		l->bound = NULL;
		l->next = e->draining;
		e->draining = l;
		e->n_draining++;
	}
	e->pending = NULL;
	while (e->removed) {
		struct destination_entry *d = e->removed;
		e->removed = (struct destination_entry *)d->link.next;
		deliver_remove(e->deliver, d->index);
		destination_entry_free(d);
	}
}

static void *fold_run(void *argument)
{
	struct builder *e = argument;

	table_fold_run(e->fold);
	(void)eventfd_write(e->fold_fd, 1);
	return NULL;
}

static void fold_start(struct builder *e)
{
	if (e->fold)
		return;
	e->fold = table_fold_begin(e->builder);
	if (!e->fold || pthread_create(&e->fold_thread, NULL, fold_run, e) == 0)
		return;
	// Without a thread it takes the builder's time: late answers, but no growing delta.
	table_fold_run(e->fold);
	table_fold_finish(e->builder, e->fold);
	e->fold = NULL;
	e->dirty = true;
}

static int commit(struct builder *e)
{
	int changes = bindings_apply(e->bindings);

	if (changes < 0)
		return changes;
	e->dirty |= changes > 0;
	if (e->dirty) {
		const struct table *next = table_commit(e->builder, e->generation + 1);
		if (!next)
			return POI_ERR_NOMEM;
		const struct table *old = table_rcu_publish(e->table_rcu, next);
		e->generation++;
		e->dirty = false;
		table_retire(e->builder, old);
		fold_start(e);
	}
	grace_over(e);
	return POI_OK;
}

int builder_commit(struct builder *e)
{
	int r;

	// What a new task's sessions are known by must be in force with it.
	bindings_wait_done(e->bindings);
	r = commit(e);
	// What came and went is in that table; more of it that came meanwhile has its next turn.
	if (r == POI_OK && bindings_wait(e->bindings))
		r = commit(e);
	return r;
}

int builder_follow_fd(const struct builder *e)
{
	return bindings_follow_fd(e->bindings);
}

void builder_follow(struct builder *e)
{
	e->measure = true;
	if (builder_commit(e) != POI_OK)
		log_error("no memory to publish the match table; trying again");
}

bool builder_news(struct builder *e, struct bound_report *out)
{
	return bindings_next_report(e->bindings, out);
}

void builder_retell(struct builder *e)
{
	bindings_report_again(e->bindings);
}

void builder_followed(const struct builder *e, struct bindings_counts *out)
{
	bindings_counts(e->bindings, out);
}

void builder_folded(struct builder *e)
{
	eventfd_t done;

	if (eventfd_read(e->fold_fd, &done) != 0 || !e->fold)
		return;
	pthread_join(e->fold_thread, NULL);
	table_fold_finish(e->builder, e->fold);
	e->fold = NULL;
	e->dirty = true;
	if (builder_commit(e) != POI_OK)
		log_error("no memory to publish the match table; trying again");
}

bool builder_fail_safe(struct builder *e, uint64_t now_ms, struct id16 *ne)
{
	struct ne_entry *n = ne_entry_fire(e->task_table, now_ms);

	if (!n)
		return false;
	*ne = n->ne;
	for (struct task_entry *t = task_entry_first(e->task_table); t; t = task_entry_next(t)) {
		if (t->tombstone || !id_equal(&t->link.ne, ne))
			continue;
		reconcile_leaves(&e->reconcile, t);
		struct leaving *hold = task_entry_bury(e->task_table, t);
		not_losing(e, hold);
		rules_leave(e, hold);
		hold_leave(e, hold, false);
	}
	if (builder_commit(e) != POI_OK)
		log_error("no memory to publish the match table; trying again");
	return true;
}

uint64_t builder_next_deadline(const struct builder *e, uint64_t now_ms)
{
	uint64_t least = UINT64_MAX;

	for (const struct ne_entry *n = ne_entry_first(e->task_table); n; n = n->next) {
		uint64_t left = ne_entry_remaining(n, now_ms);
		if (left < least)
			least = left;
	}
	return least;
}

static uint64_t lost(const uint64_t *by_reason)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOSS_COUNT; i++)
		sum += by_reason[i];
	return sum;
}

static bool settled(const struct builder *e, uint32_t slot)
{
	struct slot_counters c;
	struct copy_balance b = {0};

	task_counters_read(e->slots, slot, &c);
	deliver_slot_balance(e->deliver, slot, &b);
	return b.acknowledged + b.in_doubt + copy_balance_lost(&b) >= c.offered - lost(c.lost);
}

uint32_t builder_drain(struct builder *e)
{
	for (struct leaving **at = &e->draining; *at;) {
		struct leaving *l = *at;
		if (!settled(e, l->slot)) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		deliver_slot_reset(e->deliver, l->slot);
		task_counters_give(e->slots, l->slot);
		free(l);
		e->n_draining--;
	}
	return e->n_draining;
}

bool builder_reconcile(struct builder *e, uint32_t budget, bool *agrees)
{
	reconcile_begin(&e->reconcile);
	if (!reconcile_step(&e->reconcile, budget))
		return false;
	// What is not published yet cannot be in the table: the next walk will see it.
	*agrees = e->dirty || reconcile_agrees(&e->reconcile, table_rcu_table(e->table_rcu));
	return true;
}

// Fills what `t` has lost so far and by which reason most of it.
static uint64_t losses_of(const struct builder *e, const struct task_entry *t, uint8_t *reason)
{
	struct copy_balance b = {0};
	struct slot_counters c;

	deliver_slot_balance(e->deliver, t->hold->slot, &b);
	task_counters_read(e->slots, t->hold->slot, &c);
	*reason = 0;
	for (unsigned i = 0; i < LOSS_COUNT; i++) {
		b.lost[i] += c.lost[i];
		if (b.lost[i] > b.lost[*reason])
			*reason = (uint8_t)i;
	}
	return copy_balance_lost(&b);
}

static bool loss_event(
	struct builder *e, struct task_entry *t, const struct builder_losses *l, bool may_tell)
{
	struct loss_debounce *w = &t->hold->loss;
	struct channel_event event = {.ne = t->link.ne, .id = t->link.id};
	bool was = w->active;
	uint64_t total = losses_of(e, t, &event.loss);
	enum loss_change change = loss_debounce_look(w, total, l->now_ms, may_tell);

	e->losing += (uint32_t)w->active - (uint32_t)was;
	if (change == LOSS_SAME)
		return false;
	event.kind = change == LOSS_OVER ? EVENT_TASK_CLEAR : EVENT_TASK_LOSS;
	event.copies = total - w->before;
	l->tell(l->context, &event);
	return true;
}

bool builder_losses(struct builder *e, const struct builder_losses *l)
{
	struct task_entry **at = task_table_cursor(e->task_table, TASK_TABLE_CURSOR_LOSSES);
	uint32_t events = 0;

	if (!e->losses_walking) {
		if (l->copies_lost == e->copies_lost && e->losing == 0)
			return true;
		e->losses_walking = true;
		e->copies_lost = l->copies_lost;
		*at = task_entry_first(e->task_table);
	}
	for (uint32_t n = 0; *at && n < l->tasks; n++) {
		struct task_entry *t = *at;
		*at = task_entry_next(t);
		if (t->hold)
			events += loss_event(e, t, l, events < l->events);
	}
	e->losses_walking = *at != NULL;
	return !e->losses_walking;
}

void builder_task_status(
	const struct builder *e, const struct channel_object *of, struct channel_task_status *out)
{
	const struct task_entry *t = task_entry_find(e->task_table, &of->ne, &of->id);
	struct slot_counters c;

	*out = (struct channel_task_status){.ne = of->ne, .xid = of->id};
	if (!t || !t->hold) {
		out->result = POI_ERR_NOT_FOUND;
		return;
	}
	struct copy_balance *b = &out->copies;
	// Settled copies first: offered grows before anything settles, so queued is never negative.
	deliver_slot_balance(e->deliver, t->hold->slot, b);
	task_counters_read(e->slots, t->hold->slot, &c);
	b->matched = c.matched;
	b->offered = c.offered;
	for (int i = 0; i < LOSS_COUNT; i++)
		b->lost[i] += c.lost[i];
	uint64_t gone = b->acknowledged + b->in_doubt + copy_balance_lost(b);
	b->queued = gone < b->offered ? b->offered - gone : 0;
	out->x2_octets = c.x2_octets;
	out->x3_octets = c.x3_octets;
	out->last_intercept_ns = c.last_ns;
	out->follows = t->hold->bound != NULL;
	out->sessions = t->hold->bound ? bindings_sessions(t->hold->bound) : 0;
}
