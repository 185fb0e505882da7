#include "dataplane/reconcile.h"

static uint64_t digest_of(const struct reconcile *r, const struct store_task *t)
{
	struct rule rule;

	rule_make(r->store, r->links, t, &rule);
	return table_rule_digest(&rule);
}

void reconcile_begin(struct reconcile *r)
{
	if (r->walking)
		return;
	r->walking = true;
	r->round++;
	r->sum = 0;
	r->n = 0;
	*store_cursor(r->store, STORE_CURSOR_RECONCILE) = store_task_first(r->store);
}

static void count(struct reconcile *r, struct store_task *t)
{
	if (!t->hold || t->hold->round == r->round)
		return;
	t->hold->round = r->round;
	r->sum += digest_of(r, t);
	r->n++;
}

bool reconcile_step(struct reconcile *r, uint32_t budget)
{
	struct store_task **at = store_cursor(r->store, STORE_CURSOR_RECONCILE);

	if (!r->walking)
		return false;
	for (; *at && budget > 0; budget--) {
		count(r, *at);
		*at = store_task_next(*at);
	}
	if (*at)
		return false;
	r->walking = false;
	return true;
}

void reconcile_leaves(struct reconcile *r, const struct store_task *t)
{
	if (!r->walking || !t->hold || t->hold->round != r->round)
		return;
	r->sum -= digest_of(r, t);
	r->n--;
}

void reconcile_enters(struct reconcile *r, struct store_task *t)
{
	if (!r->walking || !t->hold)
		return;
	t->hold->round = 0; // one that comes back after a failure was taken out of the sum
	count(r, t);
}

bool reconcile_agrees(const struct reconcile *r, const struct table *t)
{
	return r->sum == table_digest(t) && r->n == table_rules(t);
}
