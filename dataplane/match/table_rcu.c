#include "dataplane/match/table_rcu.h"

#include <stdlib.h>

#define _LGPL_SOURCE // the small inline forms: a quiescent state is a load and a compare
#include <urcu/urcu-qsbr.h>

struct live {
	_Alignas(64) const struct table *current;
};

struct live *live_new(const struct table *first)
{
	struct live *l = aligned_alloc(64, sizeof(*l));

	if (!l)
		return NULL;
	l->current = first;
	return l;
}

void live_free(struct live *l)
{
	free(l);
}

void live_reader_enter(struct live *l)
{
	(void)l;
	urcu_qsbr_register_thread();
}

void live_reader_leave(struct live *l)
{
	(void)l;
	urcu_qsbr_unregister_thread();
}

const struct table *live_table(const struct live *l)
{
	return rcu_dereference(l->current);
}

void live_quiescent(struct live *l)
{
	(void)l;
	urcu_qsbr_quiescent_state();
}

void live_offline(struct live *l)
{
	(void)l;
	urcu_qsbr_thread_offline();
}

void live_online(struct live *l)
{
	(void)l;
	urcu_qsbr_thread_online();
}

const struct table *live_publish(struct live *l, const struct table *next)
{
	const struct table *old = rcu_xchg_pointer(&l->current, next);

	urcu_qsbr_synchronize_rcu();
	return old;
}
