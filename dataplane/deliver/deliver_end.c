// One end of a destination: its state, and what is reported of it where it is one of a set.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>

#include "shared/now.h"

// The place of this end's faults. NULL: there is none, and no room for one.
static struct mdf_end_fault *fault_of(struct mdf_destination *m, const struct id16 *did)
{
	struct mdf_end_fault *free_place = NULL;

	for (uint32_t i = 0; i < sizeof(m->end_fault) / sizeof(m->end_fault[0]); i++) {
		struct mdf_end_fault *f = &m->end_fault[i];
		if (f->n > 0 && id_equal(&f->did, did))
			return f;
		if (f->n == 0 && !free_place)
			free_place = f;
	}
	if (free_place)
		free_place->did = *did;
	return free_place;
}

// The end is down from the first connection that has it so. Under the lock.
static void begin_fault(struct mdf_connection *c, const struct mdf_end *e)
{
	struct mdf_end_fault *f = fault_of(c->destination, &e->place.did);
	const struct mdf_destination *m = c->destination;
	char text[128];

	if (c->dest.n_ends == 0 || !f || f->n++ > 0)
		return;
	if (m->made > 1)
		snprintf(text, sizeof(text), "connection %u of %u: %s", c->number + 1u, m->made,
			e->reason);
	else
		snprintf(text, sizeof(text), "%s", e->reason);
	mdf_end_post_locked(c, EVENT_END_DOWN, &e->place.did, text);
}

// And up again when none has. Under the lock.
static void end_fault(struct mdf_connection *c, const struct mdf_end *e, const char *text)
{
	struct mdf_end_fault *f = fault_of(c->destination, &e->place.did);

	if (f && f->n > 0 && --f->n == 0)
		mdf_end_post_locked(c, EVENT_END_UP, &e->place.did, text);
}

void mdf_end_set_down(struct mdf_connection *c, struct mdf_end *e, uint64_t now, uint64_t since,
	const char *reason)
{
	bool fresh = !e->down;

	e->down = true;
	pthread_mutex_lock(&c->deliver->lock);
	e->state = DESTINATION_DOWN;
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	if (fresh) {
		e->down_since_ns = now_wall_ns() - (now - since);
		begin_fault(c, e);
	}
	pthread_mutex_unlock(&c->deliver->lock);
}

static void set_good(
	struct mdf_connection *c, struct mdf_end *e, enum destination_state s, const char *text)
{
	bool was_down = e->down;

	e->down = false;
	pthread_mutex_lock(&c->deliver->lock);
	e->state = (uint8_t)s;
	e->down_since_ns = 0;
	e->reason[0] = 0;
	if (was_down)
		end_fault(c, e, text);
	pthread_mutex_unlock(&c->deliver->lock);
}

void mdf_end_set_up(struct mdf_connection *c, struct mdf_end *e)
{
	uint64_t down = e->down ? now_wall_ns() - e->down_since_ns : 0;
	char text[128];

	snprintf(text, sizeof(text), "it stands again, after %llu.%03llu s",
		(unsigned long long)(down / NS_PER_S),
		(unsigned long long)(down % NS_PER_S / NS_PER_MS));
	set_good(c, e, DESTINATION_UP, text);
}

void mdf_end_set_connecting(struct mdf_connection *c, struct mdf_end *e)
{
	if (!e->down && e->state == DESTINATION_IDLE)
		set_good(c, e, DESTINATION_CONNECTING, "");
}

void mdf_end_set_idle(struct mdf_connection *c, struct mdf_end *e, const char *why)
{
	set_good(c, e, DESTINATION_IDLE, why);
}

bool mdf_connection_all_down(const struct mdf_connection *c)
{
	for (uint32_t i = 0; i < c->n_ends; i++)
		if (!c->end[i].down)
			return false;
	return true;
}
