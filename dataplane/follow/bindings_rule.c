// Makes rules of the match table of the follower's changes of a task's sessions.

#include "dataplane/follow/bindings_internal.h"

#include <stdlib.h>
#include <string.h>

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

static void rule_of(const struct bindings *b, const struct bound_rule *o, struct rule *r)
{
	const struct bound_task *t = o->task;
	const struct binding *by = &o->binding;

	rule_make(b->reconcile->task_table, b->reconcile->links, t->task, r);
	r->binding = o->number;
	if (o->own) {
		r->alternative = o->alternative;
		r->links = o->links;
		r->filter = *o->own;
		return;
	}
	if (o->session) {
		r->correlation = o->session->correlation;
		r->context_x2 = o->session->context[COPY_X2];
		r->context_x3 = o->session->context[COPY_X3];
		r->x2 = o->session->x2 ? o->session->x2 : r->x2;
	}
	r->links = o->links;
	r->also = t->has_also ? &t->also : NULL;
	r->select = by->select;
	r->select_digest = by->select ? pdr_select_digest(by->select) : 0;
	r->from_ns = bindings_since(t, by);
	r->until_ns = o->until_ns;
	r->direction = by->direction;
	r->filter = (struct filter){0};
	if (by->kind == BINDING_ADDRESS) {
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
	const struct bound_rule *o;
	LIST_FOREACH (o, &t->rules, of_task) {
		struct rule rule;
		rule_of(b, o, &rule);
		*sum += table_rule_digest(&rule);
		n++;
	}
	return n;
}

struct bound_rule *bindings_find(const struct bindings *b, uint64_t binding)
{
	struct hash_link *l = hash_table_first(&b->rules, bindings_hash(&b->rules, binding));

	for (; l; l = hash_table_next(l)) {
		struct bound_rule *o = HASH_OBJECT(l, struct bound_rule, by_id);
		if (o->binding.id == binding)
			return o;
	}
	return NULL;
}

int bindings_bind(struct bindings *b, struct bound_task *t, const struct binding *binding)
{
	uint8_t links = link_class_bind_session(b->reconcile->links,
		binding->kind == BINDING_TUNNEL, binding->link, binding->tunnels);
	struct bound_rule *o;
	struct rule rule;

	if (links == 0 || bindings_find(b, binding->id))
		return 0;
	o = calloc(1, sizeof(*o));
	if (!o)
		return POI_ERR_NOMEM;
	*o = (struct bound_rule){
		.task = t, .binding = *binding, .links = links, .put = b->published};
	o->gone_ns = bindings_late_mark(b, t, binding);
	if (number_take(b, &o->number)) {
		free(o);
		return POI_ERR_NOMEM;
	}
	if (bindings_session_of(b, t, binding->correlation, &o->session))
		goto no_key;
	rule_of(b, o, &rule);
	if (hash_table_add(&b->rules, &o->by_id, bindings_hash(&b->rules, binding->id)))
		goto no_key;
	if (table_put(b->builder, &rule))
		goto no_rule;
	(void)pdr_select_hold(o->binding.select);
	reconcile_rule(b->reconcile, t->task, &rule, 1);
	LIST_INSERT_HEAD(&t->rules, o, of_task);
	bindings_session_ref(o->session);
	bindings_quiet_watch(b, o);
	return 1;
no_rule:
	hash_table_remove(&b->rules, &o->by_id);
no_key:
	number_give(b, o->number);
	free(o);
	return POI_ERR_NOMEM;
}

void bindings_free_rules(struct bound_rules *rules)
{
	for (struct bound_rule *o; (o = LIST_FIRST(rules));) {
		LIST_REMOVE(o, of_task);
		pdr_select_drop(o->binding.select);
		free(o->own);
		free(o);
	}
}

static int put_own(struct bindings *b, struct bound_task *t, const struct filter *f, uint8_t place,
	uint8_t links)
{
	struct bound_rule *o = calloc(1, sizeof(*o));
	struct rule rule;

	if (!o)
		return POI_ERR_NOMEM;
	o->task = t;
	o->alternative = place;
	o->links = links;
	o->own = malloc(sizeof(*o->own));
	if (!o->own || number_take(b, &o->number)) {
		free(o->own);
		free(o);
		return POI_ERR_NOMEM;
	}
	*o->own = *f;
	rule_of(b, o, &rule);
	if (table_put(b->builder, &rule)) {
		number_give(b, o->number);
		free(o->own);
		free(o);
		return POI_ERR_NOMEM;
	}
	LIST_INSERT_HEAD(&t->rules, o, of_task);
	return POI_OK;
}

int bindings_own(struct bindings *b, struct bound_task *t)
{
	const struct task_entry *task = t->task;
	const uint8_t *octets = task_entry_alternatives(task);
	struct wire_reader r = wire_reader_of(octets, task->alternatives_length);
	bool tunnels = alternatives_sum(octets, task->alternatives_length).tunnels;
	uint8_t links = link_class_bind_any(b->reconcile->links, tunnels);

	for (uint8_t place = 1; !r.error && wire_left(&r) > 0; place++) {
		struct alternative a;
		alternative_decode(&r, &a);
		if (!a.filter.kinds)
			continue;
		t->owns = true;
		if (put_own(b, t, &a.filter, place, links))
			return POI_ERR_NOMEM;
	}
	return r.error;
}

void bindings_remove(struct bindings *b, struct bound_rule *o, struct bound_rules *left)
{
	(void)table_remove(b->builder, rule_key_bound(o->number));
	number_give(b, o->number);
	if (!o->own)
		hash_table_remove(&b->rules, &o->by_id);
	LIST_REMOVE(o, of_task);
	LIST_INSERT_HEAD(left, o, of_task);
	bindings_quiet_forget(b, o);
	bindings_session_unref(b, o->session);
}

static int release(struct bindings *b, struct bound_rule *o)
{
	struct rule rule;

	rule_of(b, o, &rule);
	reconcile_rule(b->reconcile, o->task->task, &rule, -1);
	bindings_remove(b, o, &b->left);
	return 1;
}

// Keeps a rule added and removed within one iteration, or two: packets of that time may be held,
// and no table has had it, or one that a worker may have passed over. A grace period proves that
// the worker reads no older table any more, not that it read that one before the next came. It
// stays until two tables have had it, as what it was; NOMEM.
static int outlive(struct bindings *b, struct bound_rule *o, uint64_t until_ns)
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

static bool had_two_tables(const struct bindings *b, const struct bound_rule *o)
{
	return b->published - o->put > 1;
}

int bindings_unbind(struct bindings *b, struct bound_rule *o, uint64_t until_ns)
{
	if (had_two_tables(b, o))
		return release(b, o);
	if (o->until_ns) // it waits for the second one
		return 1;
	if (until_ns < o->binding.from_ns || until_ns < o->task->from_ns)
		return release(b, o);
	return outlive(b, o, until_ns);
}

void bindings_forget_stale(struct bound_task *t)
{
	if (t->stale)
		LIST_REMOVE(t, of_stale);
	t->stale = false;
}

int bindings_renew(struct bindings *b)
{
	for (struct bound_task *t; (t = LIST_FIRST(&b->stale));) {
		const struct bound_rule *o;
		LIST_FOREACH (o, &t->rules, of_task) {
			struct rule rule;
			rule_of(b, o, &rule);
			if (table_put(b->builder, &rule))
				return POI_ERR_NOMEM;
			b->changed++;
		}
		bindings_forget_stale(t);
	}
	return POI_OK;
}
