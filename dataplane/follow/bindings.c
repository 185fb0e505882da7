// Keeps tasks by session, and applies the follower's changes of their sessions.

#include "dataplane/follow/bindings_internal.h"

#include <stdlib.h>
#include <string.h>

#define ANY_NUMBER UINT32_MAX // tasks are bounded by their store, rules by the follower's memory

struct bindings *bindings_new(struct table_builder *builder, struct reconcile *reconcile)
{
	struct bindings *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->builder = builder;
	b->reconcile = reconcile;
	STAILQ_INIT(&b->waiting);
	STAILQ_INIT(&b->done);
	STAILQ_INIT(&b->later);
	TAILQ_INIT(&b->pending);
	LIST_INIT(&b->late_tasks);
	TAILQ_INIT(&b->no_packet);
	LIST_INIT(&b->new_tasks);
	if (hash_table_init(&b->tasks, ANY_NUMBER) == POI_OK &&
		hash_table_init(&b->rules, ANY_NUMBER) == POI_OK &&
		hash_table_init(&b->sessions, ANY_NUMBER) == POI_OK)
		return b;
	bindings_free(b);
	return NULL;
}

static void changes_free(struct follower_changes *changes)
{
	for (struct follower_change *c; (c = STAILQ_FIRST(changes));) {
		STAILQ_REMOVE_HEAD(changes, link);
		follower_change_free(c);
	}
}

void bindings_free(struct bindings *b)
{
	if (!b)
		return;
	changes_free(&b->waiting);
	changes_free(&b->later);
	changes_free(&b->done);
	bindings_free_rules(&b->left);
	hash_table_free(&b->tasks);
	hash_table_free(&b->rules);
	bindings_sessions_give(b);
	hash_table_free(&b->sessions);
	free(b->spare);
	free(b);
}

void bindings_follower(struct bindings *b, struct follower *f)
{
	b->follower = f;
}

void bindings_counters(struct bindings *b, struct task_counters_owner *counters)
{
	b->counters = counters;
}

void bindings_reporter(struct bindings *b, struct reporter *r)
{
	b->reporter = r;
}

void bindings_patience(struct bindings *b, const struct bindings_patience *p)
{
	b->patience = *p;
}

bool bindings_followed(const struct bindings *b)
{
	return b->follower != NULL;
}

int bindings_follow_fd(const struct bindings *b)
{
	return b->follower ? follower_fd(b->follower) : -1;
}

static int subscribe(
	struct bindings *b, struct bound_task *t, const struct session_target *targets, uint32_t n)
{
	const struct task_entry *task = t->task;
	const struct filter *f = &task->filter;
	uint8_t direction = f->kinds & FILTER_DIRECTION ? f->direction : FILTER_ANY_DIRECTION;

	if (f->kinds & (FILTER_TEID | FILTER_FTEID) ||
		alternatives_sum(task_entry_alternatives(task), task->alternatives_length).tunnels)
		direction |= SUBSCRIPTION_TUNNELS;
	t->subscription = ++b->subscriptions;
	if (hash_table_add(
		    &b->tasks, &t->by_subscription, bindings_hash(&b->tasks, t->subscription)))
		return POI_ERR_NOMEM;
	if (follower_subscribe(b->follower, t->subscription, targets, n, direction)) {
		hash_table_remove(&b->tasks, &t->by_subscription);
		return POI_ERR_NOMEM;
	}
	t->follows = true;
	b->unfinished = true;
	table_expect(b->builder, true);
	bindings_note(b, t);
	return POI_OK;
}

static int task_begin(struct bindings *b, struct bound_task *t)
{
	struct session_target *targets;
	int n = task_entry_targets(t->task, &targets);
	int r = n < 0 ? n : bindings_own(b, t);

	if (r == POI_OK && n > 0)
		r = subscribe(b, t, targets, (uint32_t)n);
	if (n > 0)
		explicit_bzero(targets, (size_t)n * sizeof(*targets));
	free(targets);
	return r;
}

int bindings_begin(
	struct bindings *b, struct task_entry *task, uint64_t from_ns, struct bound_task **out)
{
	struct bound_task *t = calloc(1, sizeof(*t));

	if (!t)
		return POI_ERR_NOMEM;
	t->of = b;
	t->task = task;
	t->from_ns = from_ns;
	t->also = task->filter;
	t->has_also = task->filter.kinds != 0;
	LIST_INSERT_HEAD(&b->new_tasks, t, of_late);
	int r = task_begin(b, t);
	if (r == POI_OK) {
		*out = t;
		return POI_OK;
	}
	for (struct bound_rule *o; (o = LIST_FIRST(&t->rules));) {
		bindings_remove(b, o, &b->left);
		o->task = NULL; // it leaves with the next publication
	}
	bindings_late_forget(t);
	free(t);
	return r;
}

static bool same_filter(const struct filter *a, const struct filter *b)
{
	uint8_t x[FILTER_ENCODED_MAX], y[FILTER_ENCODED_MAX];
	struct wire_writer v = wire_writer_of(x, sizeof(x)), w = wire_writer_of(y, sizeof(y));

	filter_encode(&v, a);
	filter_encode(&w, b);
	return v.at - x == w.at - y && memcmp(x, y, (size_t)(v.at - x)) == 0;
}

static bool same_criteria(const struct task_entry *a, const struct task_entry *b)
{
	if (!a->session != !b->session || a->alternatives_length != b->alternatives_length)
		return false;
	if (!a->session)
		return a->alternatives_length &&
		       !memcmp(task_entry_alternatives(a), task_entry_alternatives(b),
			       a->alternatives_length);
	return session_target_equal(a->session, b->session) && same_filter(&a->filter, &b->filter);
}

bool bindings_take_over(struct bindings *b, struct bound_task *t, struct task_entry *task)
{
	if (t->ended || !same_criteria(t->task, task))
		return false;
	struct task_entry *before = t->task;
	t->task = task;
	if (bindings_sessions_renew(b, t)) {
		t->task = before;
		return false;
	}
	t->reported = false;
	if (t->follows)
		bindings_note(b, t);
	if (!t->stale) {
		t->stale = true;
		LIST_INSERT_HEAD(&b->stale, t, of_stale);
	}
	return true;
}

void bindings_end(struct bindings *b, struct bound_task *t)
{
	while (!LIST_EMPTY(&t->rules))
		bindings_remove(b, LIST_FIRST(&t->rules), &t->left);
	bindings_sessions_end(b, t);
	if (t->follows) {
		follower_unsubscribe(b->follower, t->subscription);
		hash_table_remove(&b->tasks, &t->by_subscription);
		table_expect(b->builder, b->tasks.n > 0);
		b->unfinished = true;
	}
	bindings_forget_note(b, t);
	bindings_forget_stale(t);
	bindings_late_forget(t);
	t->ended = true;
	t->task = NULL;
}

void bindings_drop(struct bound_task *t)
{
	if (!t)
		return;
	if (!t->ended) { // the process ends
		bindings_late_forget(t);
		bindings_forget_note(t->of, t);
		bindings_sessions_forget(t->of, t);
	}
	bindings_free_rules(&t->rules);
	bindings_free_rules(&t->left);
	free(t);
}

static struct bound_task *find_task(const struct bindings *b, uint64_t subscription)
{
	struct hash_link *l = hash_table_first(&b->tasks, bindings_hash(&b->tasks, subscription));

	for (; l; l = hash_table_next(l)) {
		struct bound_task *t = HASH_OBJECT(l, struct bound_task, by_subscription);
		if (t->subscription == subscription)
			return t;
	}
	return NULL;
}

static int apply(struct bindings *b, const struct follower_change *c)
{
	struct bound_task *t = find_task(b, c->subscription);
	struct bound_rule *o;

	switch (c->kind) {
	case FOLLOWER_BIND:
		return t ? bindings_bind(b, t, &c->binding) : 0;
	case FOLLOWER_UNBIND:
		o = bindings_find(b, c->binding.id);
		return o ? bindings_unbind(b, o, c->binding.from_ns) : 0;
	case FOLLOWER_OVER:
		bindings_session_over(b, c->binding.correlation);
		return 0;
	case FOLLOWER_LOSS:
		b->losing = c->state.unsure;
		bindings_note_all(b);
		return 0;
	default:
		if (!t)
			return 0;
		if (c->state.ended)
			t->over = t->ends = true;
		if (c->state.sessions > 0)
			t->over = t->ends = false;
		t->state = c->state;
		bindings_note(b, t);
		return 0;
	}
}

void bindings_wait_done(struct bindings *b)
{
	if (!b->unfinished)
		return;
	follower_wait_done(b->follower);
	b->unfinished = false;
}

// Where a change goes that was applied (`rc`).
static void keep(struct bindings *b, struct follower_change *c, int rc)
{
	if (c->kind == FOLLOWER_UNBIND && bindings_find(b, c->binding.id))
		STAILQ_INSERT_TAIL(&b->later, c, link);
	else if (c->kind == FOLLOWER_BIND && rc > 0)
		STAILQ_INSERT_TAIL(&b->done, c, link);
	else
		follower_change_free(c);
}

int bindings_apply(struct bindings *b)
{
	if (bindings_renew(b))
		return POI_ERR_NOMEM;
	if (b->follower)
		follower_changes(b->follower, &b->waiting);
	for (struct follower_change *c; (c = STAILQ_FIRST(&b->waiting));) {
		int rc = apply(b, c);
		if (rc < 0)
			return rc;
		b->changed += rc;
		STAILQ_REMOVE_HEAD(&b->waiting, link);
		keep(b, c, rc);
	}
	int changed = b->changed;
	b->changed = 0;
	return changed;
}

void bindings_in_force(struct bindings *b, bool measure, uint64_t now_ns)
{
	const struct follower_change *c;

	STAILQ_FOREACH (c, &b->done, link) {
		if (measure && now_ns > c->binding.from_ns)
			latency_note(&b->latency, now_ns - c->binding.from_ns);
		struct bound_rule *o = bindings_find(b, c->binding.id);
		if (o)
			bindings_late_judge(b, o, now_ns);
	}
	bindings_late_settle(b);
	if (b->follower)
		follower_in_force(b->follower);
	changes_free(&b->done);
	bindings_free_rules(&b->left);
	bindings_sessions_give(b);
	b->published++;
	STAILQ_CONCAT(&b->later, &b->waiting); // before what waits
	STAILQ_CONCAT(&b->waiting, &b->later);
}

bool bindings_need_commit(const struct bindings *b)
{
	return !STAILQ_EMPTY(&b->waiting);
}
