// Joins sessions with the subscriptions that they satisfy, and parts them.

#include "dataplane/session/session_binding_internal.h"

struct membership *membership_new(struct sessions *st, struct session *s, struct subscription *w)
{
	struct membership *b = session_alloc(&st->memory, sizeof(*b));

	if (!b)
		return NULL;
	b->session = s->index;
	b->subscription = w;
	SLIST_INSERT_HEAD(&s->memberships, b, of_session);
	LIST_INSERT_HEAD(&w->memberships, b, of_subscription);
	return b;
}

void membership_unlink(struct sessions *st, struct session *s, struct membership *b)
{
	SLIST_REMOVE(&s->memberships, b, membership, of_session);
	LIST_REMOVE(b, of_subscription);
	b->subscription->sessions -= b->counts;
	b->subscription->n_unsure -= b->unsure;
	b->subscription->n_unseen -= b->unseen;
	session_release(&st->memory, b->ref);
	session_release(&st->memory, b);
}

// Without room to do it at the end it is done at once.
void membership_release(struct sessions *st, const struct membership *b)
{
	struct binding_set *all = st->bindings;

	for (uint32_t i = 0; i < b->n; i++) {
		if (array_room(&st->memory, (void **)&all->release, &all->release_size,
			    all->n_release + 1, sizeof(*all->release)))
			all->release[all->n_release++] = b->ref[i];
		else
			binding_drop(st, b->ref[i].index, false, b->ref[i].n9);
	}
}

void memberships_released(struct sessions *st)
{
	struct binding_set *all = st->bindings;

	for (uint32_t i = 0; i < all->n_release; i++)
		binding_drop(st, all->release[i].index, false, all->release[i].n9);
	all->n_release = 0;
}

void membership_drop(struct sessions *st, struct membership *b)
{
	struct session *s = session_table_get(&st->sessions, b->session);

	for (uint32_t i = 0; i < b->n; i++)
		binding_drop(st, b->ref[i].index, true, b->ref[i].n9);
	membership_unlink(st, s, b);
}

void memberships_end(struct sessions *st, struct session *s, bool lost, bool released)
{
	for (struct membership *b; (b = SLIST_FIRST(&s->memberships));) {
		if (lost)
			b->subscription->lost = true;
		if (released && b->counts && b->subscription->sessions == 1 &&
			subscription_had_all(b->subscription))
			b->subscription->ended = true;
		subscription_mark(st, b->subscription);
		membership_release(st, b);
		membership_unlink(st, s, b);
	}
}
