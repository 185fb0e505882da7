#include "dataplane/follow/bindings.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/follow/latency.h"
#include "shared/pdu.h"

// Objects by a number that is never used twice.
struct keyed {
	struct keyed *hash_next;
	uint64_t key;
};

struct keys {
	struct keyed **bucket;
	uint32_t n_buckets, n;
};

struct bound { // one rule
	struct keyed id;
	struct bound *next, *previous; // of its task
	struct bound_task *task;
	struct binding binding; // holds its select
	uint32_t number;	// of the rule
	uint8_t links;
	uint64_t put;	   // before that many publications
	uint64_t until_ns; // of the rule
};

struct bound_task {
	struct keyed subscription;
	struct bindings *of;
	struct task_entry *task; // in the store until bindings_end
	struct bound *first;
	struct bound *left; // out of the table; until the grace period is over
	struct filter also; // what the task asks for beside its session
	bool has_also, ended;
	uint64_t from_ns;
	struct subscription_state state;
	bool queued, told;
	bool over, ends; // the last session was released, and no other came; that is to be told
	enum bound_news last;	 // told
	struct bound_task *news_next;
	bool stale; // its rules are still its predecessor's
	struct bound_task *stale_next;
};

struct bindings {
	struct table_builder *builder;
	struct reconcile *reconcile;
	struct follower *follower;
	struct keys tasks, rules;
	uint64_t subscriptions; // numbers given
	bool unsettled, losing;
	uint32_t *spare; // numbers of rules that are free again
	uint32_t n_spare, max_spare, numbers;
	struct follower_change *waiting;	   // not applied yet
	struct follower_change *done, **done_last; // applied; until they are in force
	struct follower_change *later, **later_last; // what is gone before it was in force
	uint64_t published;
	int changed;				   // since it was last told; not lost by a failure
	struct bound *left;			   // of tasks that go on
	struct bound_task *news, **news_last;
	struct bound_task *stale;
	struct latency latency;
};

// ---- keys ----

static struct keyed **place(const struct keys *k, uint64_t key)
{
	return &k->bucket[(key * 0x9e3779b97f4a7c15u >> 32) & (k->n_buckets - 1)];
}

static struct keyed *keys_find(const struct keys *k, uint64_t key)
{
	struct keyed *o = k->n ? *place(k, key) : NULL;

	while (o && o->key != key)
		o = o->hash_next;
	return o;
}

static int keys_add(struct keys *k, struct keyed *o)
{
	if (k->n == k->n_buckets) {
		struct keys grown = {.n_buckets = k->n_buckets ? k->n_buckets * 2 : 256};
		grown.bucket = calloc(grown.n_buckets, sizeof(struct keyed *));
		if (!grown.bucket)
			return POI_ERR_NOMEM;
		for (uint32_t i = 0; i < k->n_buckets; i++)
			for (struct keyed *at = k->bucket[i], *next; at; at = next) {
				next = at->hash_next;
				struct keyed **to = place(&grown, at->key);
				at->hash_next = *to;
				*to = at;
			}
		free(k->bucket);
		grown.n = k->n;
		*k = grown;
	}
	struct keyed **to = place(k, o->key);
	o->hash_next = *to;
	*to = o;
	k->n++;
	return POI_OK;
}

static void keys_remove(struct keys *k, struct keyed *o)
{
	struct keyed **at = place(k, o->key);

	while (*at != o)
		at = &(*at)->hash_next;
	*at = o->hash_next;
	k->n--;
}

// ---- life ----

struct bindings *bindings_new(struct table_builder *builder, struct reconcile *reconcile)
{
	struct bindings *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->builder = builder;
	b->reconcile = reconcile;
	b->done_last = &b->done;
	b->later_last = &b->later;
	b->news_last = &b->news;
	return b;
}

static void changes_free(struct follower_change *c)
{
	for (struct follower_change *next; c; c = next) {
		next = c->next;
		follower_change_free(c);
	}
}

static void bounds_free(struct bound *b)
{
	for (struct bound *next; b; b = next) {
		next = b->next;
		pdr_select_drop(b->binding.select);
		free(b);
	}
}

void bindings_free(struct bindings *b)
{
	if (!b)
		return;
	changes_free(b->waiting);
	changes_free(b->later);
	changes_free(b->done);
	bounds_free(b->left);
	free(b->tasks.bucket);
	free(b->rules.bucket);
	free(b->spare);
	free(b);
}

void bindings_follower(struct bindings *b, struct follower *f)
{
	b->follower = f;
}

bool bindings_followed(const struct bindings *b)
{
	return b->follower != NULL;
}

int bindings_follow_fd(const struct bindings *b)
{
	return b->follower ? follower_fd(b->follower) : -1;
}

// ---- tasks ----

static void news(struct bindings *b, struct bound_task *t)
{
	if (t->queued)
		return;
	t->queued = true;
	t->news_next = NULL;
	*b->news_last = t;
	b->news_last = &t->news_next;
}

static void news_forget(struct bindings *b, struct bound_task *t)
{
	struct bound_task **at = &b->news;

	if (!t->queued)
		return;
	while (*at != t)
		at = &(*at)->news_next;
	*at = t->news_next;
	if (b->news_last == &t->news_next)
		b->news_last = at;
	t->queued = false;
}

int bindings_begin(
	struct bindings *b, struct task_entry *task, uint64_t from_ns, struct bound_task **out)
{
	struct bound_task *t = calloc(1, sizeof(*t));
	const struct filter *f = &task->filter;

	if (!t)
		return POI_ERR_NOMEM;
	t->subscription.key = ++b->subscriptions;
	t->of = b;
	t->task = task;
	t->from_ns = from_ns;
	t->also = *f;
	t->has_also = f->kinds != 0;
	if (keys_add(&b->tasks, &t->subscription)) {
		free(t);
		return POI_ERR_NOMEM;
	}
	uint8_t direction = f->kinds & FILTER_DIRECTION ? f->direction : FILTER_ANY_DIRECTION;
	if (f->kinds & (FILTER_TEID | FILTER_FTEID))
		direction |= SUBSCRIPTION_TUNNELS;
	if (follower_subscribe(b->follower, t->subscription.key, task->session, direction)) {
		keys_remove(&b->tasks, &t->subscription);
		free(t);
		return POI_ERR_NOMEM;
	}
	b->unsettled = true;
	table_expect(b->builder, true);
	news(b, t);
	*out = t;
	return POI_OK;
}

static bool same_filter(const struct filter *a, const struct filter *b)
{
	uint8_t x[FILTER_ENCODED_MAX], y[FILTER_ENCODED_MAX];
	struct wire_writer v = wire_writer_of(x, sizeof(x)), w = wire_writer_of(y, sizeof(y));

	filter_encode(&v, a);
	filter_encode(&w, b);
	return v.at - x == w.at - y && memcmp(x, y, (size_t)(v.at - x)) == 0;
}

bool bindings_take_over(struct bindings *b, struct bound_task *t, struct task_entry *task)
{
	if (!task->session || t->ended || !session_target_equal(t->task->session, task->session) ||
		!same_filter(&t->also, &task->filter))
		return false;
	t->task = task;
	t->told = false;
	news(b, t);
	if (!t->stale) {
		t->stale = true;
		t->stale_next = b->stale;
		b->stale = t;
	}
	return true;
}

static void stale_forget(struct bindings *b, struct bound_task *t)
{
	for (struct bound_task **at = &b->stale; *at; at = &(*at)->stale_next)
		if (*at == t) {
			*at = t->stale_next;
			break;
		}
	t->stale = false;
}

// Room was made when the number was given out.
static void number_give(struct bindings *b, uint32_t number)
{
	b->spare[b->n_spare++] = number;
}

static int number_take(struct bindings *b, uint32_t *number)
{
	if (b->n_spare > 0) {
		*number = b->spare[--b->n_spare];
		return POI_OK;
	}
	if (b->numbers == b->max_spare) {
		uint32_t n = b->max_spare ? b->max_spare * 2 : 256;
		uint32_t *grown = realloc(b->spare, n * sizeof(*grown));
		if (!grown)
			return POI_ERR_NOMEM;
		b->spare = grown;
		b->max_spare = n;
	}
	*number = ++b->numbers;
	return POI_OK;
}

// Out of the table; what it names stays until the grace period is over.
static void unbind(struct bindings *b, struct bound *o, struct bound **left)
{
	(void)table_remove(b->builder, rule_key_bound(o->number));
	number_give(b, o->number);
	keys_remove(&b->rules, &o->id);
	if (o->next)
		o->next->previous = o->previous;
	if (o->previous)
		o->previous->next = o->next;
	else
		o->task->first = o->next;
	o->next = *left;
	*left = o;
}

void bindings_end(struct bindings *b, struct bound_task *t)
{
	while (t->first)
		unbind(b, t->first, &t->left);
	follower_unsubscribe(b->follower, t->subscription.key);
	keys_remove(&b->tasks, &t->subscription);
	table_expect(b->builder, b->tasks.n > 0);
	news_forget(b, t);
	stale_forget(b, t);
	b->unsettled = true;
	t->ended = true;
	t->task = NULL;
}

void bindings_drop(struct bound_task *t)
{
	if (!t)
		return;
	if (!t->ended) // the process ends
		news_forget(t->of, t);
	bounds_free(t->first);
	bounds_free(t->left);
	free(t);
}

uint32_t bindings_sessions(const struct bound_task *t)
{
	return t->state.sessions;
}

// ---- rules ----

static void rule_of(const struct bindings *b, const struct bound *o, struct rule *r)
{
	const struct bound_task *t = o->task;
	const struct binding *by = &o->binding;

	rule_make(b->reconcile->task_table, b->reconcile->links, t->task, r);
	r->binding = o->number;
	r->links = o->links;
	r->also = t->has_also ? &t->also : NULL;
	r->select = by->select;
	r->select_digest = by->select ? pdr_select_digest(by->select) : 0;
	r->from_ns = by->from_ns > t->from_ns ? by->from_ns : t->from_ns;
	r->until_ns = o->until_ns;
	r->direction = by->direction;
	r->filter = (struct filter){0};
	if (by->way == BINDING_ADDRESS) {
		r->filter.kinds = FILTER_ADDRESS;
		r->filter.n_address = 1;
		r->filter.address[0] = by->prefix;
		return;
	}
	struct ip_address own = {.family = by->prefix.family};
	memcpy(own.b, by->prefix.b, sizeof(own.b));
	r->filter.kinds = FILTER_FTEID;
	r->filter.teid = by->teid;
	if (own.family == 4)
		r->filter.fteid_v4 = own;
	else
		r->filter.fteid_v6 = own;
}

uint32_t bindings_digest(const void *of, const struct bound_task *t, uint64_t *sum)
{
	const struct bindings *b = of;
	uint32_t n = 0;

	*sum = 0;
	for (const struct bound *o = t->first; o; o = o->next, n++) {
		struct rule rule;
		rule_of(b, o, &rule);
		*sum += table_rule_digest(&rule);
	}
	return n;
}

// 1: a rule was put; 0: none is wanted there.
static int bind(struct bindings *b, struct bound_task *t, const struct binding *binding)
{
	uint8_t links = link_class_bind_session(b->reconcile->links, binding->way == BINDING_TUNNEL,
		binding->link, binding->tunnels);
	struct bound *o;
	struct rule rule;

	if (links == 0 || keys_find(&b->rules, binding->id))
		return 0;
	o = calloc(1, sizeof(*o));
	if (!o)
		return POI_ERR_NOMEM;
	*o = (struct bound){.id.key = binding->id,
		.task = t,
		.binding = *binding,
		.links = links,
		.put = b->published};
	if (number_take(b, &o->number)) {
		free(o);
		return POI_ERR_NOMEM;
	}
	rule_of(b, o, &rule);
	if (keys_add(&b->rules, &o->id))
		goto no_key;
	if (table_put(b->builder, &rule))
		goto no_rule;
	(void)pdr_select_hold(o->binding.select);
	reconcile_rule(b->reconcile, t->task, &rule, 1);
	o->next = t->first;
	if (t->first)
		t->first->previous = o;
	t->first = o;
	return 1;
no_rule:
	keys_remove(&b->rules, &o->id);
no_key:
	number_give(b, o->number);
	free(o);
	return POI_ERR_NOMEM;
}

static void all_news(struct bindings *b)
{
	for (uint32_t i = 0; i < b->tasks.n_buckets; i++)
		for (struct keyed *k = b->tasks.bucket[i]; k; k = k->hash_next)
			news(b, (struct bound_task *)k);
}

static int release(struct bindings *b, struct bound *o)
{
	struct rule rule;

	rule_of(b, o, &rule);
	reconcile_rule(b->reconcile, o->task->task, &rule, -1);
	unbind(b, o, &b->left);
	return 1;
}

// It came and went within one turn: packets of that time may be held, and no table has had it. One
// table has it as what it was; NOMEM.
static int outlive(struct bindings *b, struct bound *o, uint64_t until_ns)
{
	struct rule before, after;

	rule_of(b, o, &before);
	o->until_ns = until_ns;
	rule_of(b, o, &after);
	if (table_put(b->builder, &after)) {
		o->until_ns = 0;
		return POI_ERR_NOMEM;
	}
	reconcile_rule(b->reconcile, o->task->task, &before, -1);
	reconcile_rule(b->reconcile, o->task->task, &after, 1);
	return 1;
}

static bool came_and_went(const struct bindings *b, const struct bound *o, uint64_t until_ns)
{
	return o->put == b->published && !o->until_ns && until_ns >= o->binding.from_ns &&
	       until_ns >= o->task->from_ns;
}

static int apply(struct bindings *b, const struct follower_change *c)
{
	struct bound_task *t = (struct bound_task *)keys_find(&b->tasks, c->subscription);
	struct bound *o;

	switch (c->kind) {
	case FOLLOWER_BIND:
		return t ? bind(b, t, &c->binding) : 0;
	case FOLLOWER_UNBIND:
		o = (struct bound *)keys_find(&b->rules, c->binding.id);
		if (!o)
			return 0;
		return came_and_went(b, o, c->binding.from_ns)
			       ? outlive(b, o, c->binding.from_ns)
			       : release(b, o);
	case FOLLOWER_LOSS:
		b->losing = c->state.unsure;
		all_news(b);
		return 0;
	default:
		if (!t)
			return 0;
		if (c->state.ended)
			t->over = t->ends = true;
		if (c->state.sessions > 0)
			t->over = t->ends = false;
		t->state = c->state;
		news(b, t);
		return 0;
	}
}

void bindings_settle(struct bindings *b)
{
	if (!b->unsettled)
		return;
	follower_settle(b->follower);
	b->unsettled = false;
}

// The rules of tasks that took over from their predecessors; NOMEM.
static int renew(struct bindings *b)
{
	while (b->stale) {
		struct bound_task *t = b->stale;
		for (struct bound *o = t->first; o; o = o->next) {
			struct rule rule;
			rule_of(b, o, &rule);
			if (table_put(b->builder, &rule))
				return POI_ERR_NOMEM;
			b->changed++;
		}
		stale_forget(b, t);
	}
	return POI_OK;
}

int bindings_apply(struct bindings *b)
{
	struct follower_change **end = &b->waiting;

	if (!b->follower)
		return 0;
	if (renew(b))
		return POI_ERR_NOMEM;
	while (*end)
		end = &(*end)->next;
	*end = follower_changes(b->follower);
	while (b->waiting) {
		struct follower_change *c = b->waiting;
		int rc = apply(b, c);
		if (rc < 0)
			return rc;
		b->changed += rc;
		b->waiting = c->next;
		c->next = NULL;
		if (c->kind == FOLLOWER_UNBIND && keys_find(&b->rules, c->binding.id)) {
			*b->later_last = c;
			b->later_last = &c->next;
		} else if (c->kind == FOLLOWER_BIND && rc > 0) {
			*b->done_last = c;
			b->done_last = &c->next;
		} else {
			follower_change_free(c);
		}
	}
	int changed = b->changed;
	b->changed = 0;
	return changed;
}

void bindings_settled(struct bindings *b, bool measure, uint64_t now_ns)
{
	for (const struct follower_change *c = b->done; c && measure; c = c->next)
		if (now_ns > c->binding.from_ns)
			latency_note(&b->latency, now_ns - c->binding.from_ns);
	changes_free(b->done);
	b->done = NULL;
	b->done_last = &b->done;
	bounds_free(b->left);
	b->left = NULL;
	b->published++;
	if (!b->later)
		return;
	*b->later_last = b->waiting;
	b->waiting = b->later;
	b->later = NULL;
	b->later_last = &b->later;
}

bool bindings_wait(const struct bindings *b)
{
	return b->waiting != NULL;
}

// ---- what is told ----

static enum bound_news condition(const struct bindings *b, const struct bound_task *t)
{
	if (t->state.unsure || b->losing)
		return BOUND_UNSURE;
	return t->state.bound_once ? BOUND_FOLLOWED : BOUND_WAITING;
}

bool bindings_news(struct bindings *b, struct bound_report *out)
{
	while (b->news) {
		struct bound_task *t = b->news;
		enum bound_news now = condition(b, t);
		*out = (struct bound_report){.ne = t->task->link.ne,
			.xid = t->task->link.id,
			.sessions = t->state.sessions};
		if (!t->told || t->last != now) {
			t->told = true;
			t->last = out->news = now;
			return true;
		}
		news_forget(b, t);
		// In doubt there may be another session that was not seen.
		bool ended = t->ends && now != BOUND_UNSURE;
		t->ends = t->ends && !ended;
		if (ended) {
			out->news = BOUND_ENDED;
			return true;
		}
	}
	return false;
}

void bindings_retell(struct bindings *b)
{
	for (uint32_t i = 0; i < b->tasks.n_buckets; i++)
		for (struct keyed *k = b->tasks.bucket[i]; k; k = k->hash_next) {
			struct bound_task *t = (struct bound_task *)k;
			t->told = false;
			t->ends = t->over;
			news(b, t);
		}
}

void bindings_counts(const struct bindings *b, struct bindings_counts *out)
{
	*out = (struct bindings_counts){
		.tasks = b->tasks.n,
		.rules = b->rules.n,
		.measured = b->latency.n,
		.p50_ns = latency_percentile(&b->latency, 50),
		.p99_ns = latency_percentile(&b->latency, 99),
		.most_ns = b->latency.most_ns,
	};
	for (uint32_t i = 0; i < b->tasks.n_buckets; i++)
		for (const struct keyed *k = b->tasks.bucket[i]; k; k = k->hash_next) {
			enum bound_news now = condition(b, (const struct bound_task *)k);
			out->waiting += now == BOUND_WAITING;
			out->unsure += now == BOUND_UNSURE;
		}
}
