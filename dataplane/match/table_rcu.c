// Publishes tables to the workers and waits for their grace periods.

#include "dataplane/match/table_rcu.h"

#include <stdlib.h>

#define _LGPL_SOURCE // the small inline forms: a quiescent state is a load and a compare
#include <urcu/urcu-qsbr.h>

struct table_rcu {
	_Alignas(64) const struct table *current;
};

struct table_rcu *table_rcu_new(const struct table *first)
{
	struct table_rcu *rcu = aligned_alloc(64, sizeof(*rcu));

	if (!rcu)
		return NULL;
	rcu->current = first;
	return rcu;
}

void table_rcu_free(struct table_rcu *rcu)
{
	free(rcu);
}

void table_rcu_reader_enter(struct table_rcu *rcu)
{
	(void)rcu;
	urcu_qsbr_register_thread();
}

void table_rcu_reader_leave(struct table_rcu *rcu)
{
	(void)rcu;
	urcu_qsbr_unregister_thread();
}

const struct table *table_rcu_table(const struct table_rcu *rcu)
{
	return rcu_dereference(rcu->current);
}

void table_rcu_quiescent(struct table_rcu *rcu)
{
	(void)rcu;
	urcu_qsbr_quiescent_state();
}

void table_rcu_offline(struct table_rcu *rcu)
{
	(void)rcu;
	urcu_qsbr_thread_offline();
}

void table_rcu_online(struct table_rcu *rcu)
{
	(void)rcu;
	urcu_qsbr_thread_online();
}

const struct table *table_rcu_publish(struct table_rcu *rcu, const struct table *next)
{
	const struct table *old = rcu_xchg_pointer(&rcu->current, next);

	urcu_qsbr_synchronize_rcu();
	return old;
}
