// Compares the stored tasks with the match table, a part at a time.

#include "dataplane/tasks/reconcile.h"

// Sums the digests of all rules of the task; returns the number of rules.
static uint32_t digest_of(const struct reconcile *r, const struct task_entry *t, uint64_t *sum)
{
	struct rule rule;

	*sum = 0;
	if (!task_entry_sees_packets(t))
		return 0;
	if (t->resources->bound)
		return r->bound(r->bindings, t->resources->bound, sum);
	rule_make(r->task_table, r->links, t, &rule);
	*sum = table_rule_digest(&rule);
	return 1;
}

void reconcile_begin(struct reconcile *r)
{
	if (r->scanning)
		return;
	r->scanning = true;
	r->scan++;
	r->sum = 0;
	r->n = 0;
	*task_table_cursor(r->task_table, TASK_TABLE_CURSOR_RECONCILE) =
		task_entry_first(r->task_table);
}

static void count(struct reconcile *r, struct task_entry *t)
{
	if (!t->resources || t->resources->scan == r->scan)
		return;
	uint64_t sum;
	t->resources->scan = r->scan;
	r->n += digest_of(r, t, &sum);
	r->sum += sum;
}

bool reconcile_step(struct reconcile *r, uint32_t budget)
{
	struct task_entry **at = task_table_cursor(r->task_table, TASK_TABLE_CURSOR_RECONCILE);

	if (!r->scanning)
		return false;
	for (; *at && budget > 0; budget--) {
		count(r, *at);
		*at = task_entry_next(*at);
	}
	if (*at)
		return false;
	r->scanning = false;
	return true;
}

void reconcile_leaves(struct reconcile *r, const struct task_entry *t)
{
	if (!r->scanning || !t->resources || t->resources->scan != r->scan)
		return;
	uint64_t sum;
	r->n -= digest_of(r, t, &sum);
	r->sum -= sum;
}

void reconcile_rule(
	struct reconcile *r, const struct task_entry *t, const struct rule *rule, int step)
{
	if (!r->scanning || t->resources->scan != r->scan)
		return;
	uint64_t digest = table_rule_digest(rule);
	r->sum += step > 0 ? digest : -digest;
	r->n += (uint32_t)step;
}

void reconcile_enters(struct reconcile *r, struct task_entry *t)
{
	if (!r->scanning || !t->resources)
		return;
	t->resources->scan = 0; // one that comes back after a failure was taken out of the sum
	count(r, t);
}

bool reconcile_agrees(const struct reconcile *r, const struct table *t)
{
	return r->sum == table_digest(t) && r->n == table_rules(t);
}
