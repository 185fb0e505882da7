// Joins sessions with the subscriptions that they satisfy, and parts them.

#include "dataplane/session/session_binding_internal.h"

struct bond *bond_new(struct sessions *st, struct session *s, struct subscription *w)
{
	struct bond *b = session_alloc(&st->memory, sizeof(*b));

	if (!b)
		return NULL;
	b->session = s->number;
	b->subscription = w;
	SLIST_INSERT_HEAD(&s->bonds, b, of_session);
	LIST_INSERT_HEAD(&w->bonds, b, of_subscription);
	return b;
}

void bond_unlink(struct sessions *st, struct session *s, struct bond *b)
{
	SLIST_REMOVE(&s->bonds, b, bond, of_session);
	LIST_REMOVE(b, of_subscription);
	b->subscription->sessions -= b->counts;
	b->subscription->n_unsure -= b->unsure;
	session_release(&st->memory, b->ref);
	session_release(&st->memory, b);
}

// Without room to do it at the end it is done at once.
void bond_release(struct sessions *st, const struct bond *b)
{
	struct bound_set *all = st->bounds;

	for (uint32_t i = 0; i < b->n; i++) {
		if (array_room(&st->memory, (void **)&all->release, &all->release_size,
			    all->n_release + 1, sizeof(*all->release)))
			all->release[all->n_release++] = b->ref[i];
		else
			bound_drop(st, b->ref[i].number, false, b->ref[i].n9);
	}
}

void bonds_released(struct sessions *st)
{
	struct bound_set *all = st->bounds;

	for (uint32_t i = 0; i < all->n_release; i++)
		bound_drop(st, all->release[i].number, false, all->release[i].n9);
	all->n_release = 0;
}

void bond_drop(struct sessions *st, struct bond *b)
{
	struct session *s = session_table_get(&st->sessions, b->session);

	for (uint32_t i = 0; i < b->n; i++)
		bound_drop(st, b->ref[i].number, true, b->ref[i].n9);
	bond_unlink(st, s, b);
}

void bonds_end(struct sessions *st, struct session *s, bool lost, bool released)
{
	for (struct bond *b; (b = SLIST_FIRST(&s->bonds));) {
		if (lost)
			b->subscription->lost = true;
		if (released && b->counts && b->subscription->sessions == 1)
			b->subscription->ended = true;
		subscription_mark(st, b->subscription);
		bond_release(st, b);
		bond_unlink(st, s, b);
	}
}
