#include "dataplane/session/session_binding_internal.h"

// Joins sessions with the subscriptions that they satisfy, and parts them.

struct bond *bond_new(struct sessions *st, struct session *s, struct subscription *w)
{
	struct bond *b = session_alloc(&st->memory, sizeof(*b));

	if (!b)
		return NULL;
	b->session = s->number;
	b->subscription = w;
	b->next_of_session = s->bonds;
	s->bonds = b;
	b->next = w->bonds;
	if (b->next)
		b->next->previous = b;
	w->bonds = b;
	return b;
}

void bond_unlink(struct sessions *st, struct session *s, struct bond *b)
{
	struct bond **at = &s->bonds;

	while (*at != b)
		at = &(*at)->next_of_session;
	*at = b->next_of_session;
	*(b->previous ? &b->previous->next : &b->subscription->bonds) = b->next;
	if (b->next)
		b->next->previous = b->previous;
	b->subscription->sessions -= b->counts;
	b->subscription->n_unsure -= b->unsure;
	session_release(&st->memory, b->hold);
	session_release(&st->memory, b);
}

// Without room to do it at the end it is done at once.
void bond_release(struct sessions *st, const struct bond *b)
{
	struct bound_set *all = st->bounds;

	for (uint32_t i = 0; i < b->n; i++) {
		if (array_room(&st->memory, (void **)&all->release, &all->release_size,
			    all->n_release + 1, sizeof(*all->release)))
			all->release[all->n_release++] = b->hold[i];
		else
			bound_drop(st, b->hold[i].number, false, b->hold[i].n9);
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
		bound_drop(st, b->hold[i].number, true, b->hold[i].n9);
	bond_unlink(st, s, b);
}

void bonds_end(struct sessions *st, struct session *s, bool lost, bool released)
{
	while (s->bonds) {
		struct bond *b = s->bonds;
		if (lost)
			b->subscription->lost = true;
		if (released && b->counts && b->subscription->sessions == 1)
			b->subscription->ended = true;
		subscription_mark(st, b->subscription);
		bond_release(st, b);
		bond_unlink(st, s, b);
	}
}
