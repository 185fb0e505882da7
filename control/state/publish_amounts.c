// Notes what the dataplane has counted of each task, so that the amounts since a task's activation go
// on when another dataplane counts from 0.

#include "control/state/publish_internal.h"

#define ROUND_MS 1000	 // between two rounds
#define ROUND_TASKS 512u // asked for in one

static struct task_amounts sum_of(const struct registry_task *t)
{
	const struct task_amounts *a = &t->before, *b = &t->counted;

	return (struct task_amounts){.x2_octets = a->x2_octets + b->x2_octets,
		.x3_octets = a->x3_octets + b->x3_octets,
		.last_intercept_ns = b->last_intercept_ns ? b->last_intercept_ns
							  : a->last_intercept_ns};
}

struct task_amounts publish_amounts_of(const struct registry_task *t)
{
	return sum_of(t);
}

void publish_amounts_restarted(struct registry_task *t)
{
	t->before = sum_of(t);
	t->counted = (struct task_amounts){0};
}

void publish_amounts_note(struct publish *p, struct channel_task_status *status)
{
	int32_t ne = registry_ne_index(p->registry, &status->ne);
	struct registry_task *t =
		ne < 0 ? NULL : registry_task_find(p->registry, (uint16_t)ne, &status->xid);

	if (!t)
		return;
	if (t->dataplane == registry_dataplane(p->registry)) // else its replay has not come to it
		t->counted = (struct task_amounts){
			status->x2_octets, status->x3_octets, status->last_intercept_ns};
	struct task_amounts sum = sum_of(t);
	status->x2_octets = sum.x2_octets;
	status->x3_octets = sum.x3_octets;
	status->last_intercept_ns = sum.last_intercept_ns;
}

// The next task in turn, over all network elements; NULL at the end of a walk.
static struct registry_task *next_task(struct publish *p)
{
	struct publish_amounts *a = &p->amounts;

	while (a->ne < registry_nes(p->registry)) {
		if (!a->walking)
			registry_cursor_begin(p->registry, a->ne, &a->cursor);
		a->walking = true;
		struct registry_task *t = registry_cursor_task(&a->cursor);
		if (t)
			return t;
		registry_cursor_end(&a->cursor);
		a->walking = false;
		a->ne++;
	}
	a->ne = 0;
	return NULL;
}

static void on_round(evutil_socket_t fd, short what, void *arg)
{
	struct publish *p = arg;

	if (p->question.hung) // what waits is enough
		return;
	for (uint32_t i = 0; i < ROUND_TASKS && p->state == PUBLISH_READY; i++) {
		const struct registry_task *t = next_task(p);
		if (!t || publish_task_status(p, t->ne, &t->xid, NULL, NULL))
			return;
	}
}

int publish_amounts_start(struct publish *p)
{
	const struct timeval round = {ROUND_MS / 1000, ROUND_MS % 1000 * 1000};

	p->amounts.round = event_new(p->base, -1, EV_PERSIST, on_round, p);
	return p->amounts.round && !event_add(p->amounts.round, &round) ? 0 : POI_ERR_NOMEM;
}

void publish_amounts_stop(struct publish *p)
{
	if (p->amounts.walking)
		registry_cursor_end(&p->amounts.cursor);
	if (p->amounts.round)
		event_free(p->amounts.round);
	p->amounts = (struct publish_amounts){0};
}
