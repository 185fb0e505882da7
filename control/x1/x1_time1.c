// TIME1, counted from a request's arrival. Messages in progress or not executed are then answered
// `Acknowledged`, or with the information at hand (TS 103 221-1 clause 5.2.2).
#include "control/x1/x1_internal.h"

#include <stdlib.h>

#include "shared/log.h"
#include "shared/now.h"

#define LATE_OCTETS_MAX ((size_t)64 << 20) // bodies of requests that outlive their answers

static void end_operations(struct exchange *x)
{
	struct x1_operation *op, *next;

	for (op = LIST_FIRST(&x->operations); op; op = next) {
		next = LIST_NEXT(op, entry);
		op->kind->time_up(op);
	}
}

// Answers a change that was not executed. Returns true if it is still to be executed.
static bool answer_unexecuted(struct exchange *x, uint32_t index, bool room)
{
	const struct x1_message *m = &x->container->messages[index];
	bool ready = publish_state(x->dispatch->control->publish) == PUBLISH_READY;

	if (x1_adds(m->type) && !ready) { // refused at once
		x1_execute(x, index);
		return false;
	}
	x1_heard(x, index);
	if (!room) {
		x1_answer(x, m, x1_generic_error(m->type),
			"too many requests wait for the dataplane");
		return false;
	}
	x1_acknowledge(x, m);
	x1_note_unbegun(x, m);
	return true;
}

// Answers the rest of the container; sets x->late if changes are still to be executed.
static void answer_rest(struct exchange *x, bool blocked)
{
	struct x1_dispatch *d = x->dispatch;
	uint32_t n = x->container->n_messages;
	bool late = false, room = d->late_octets + x->octets <= LATE_OCTETS_MAX;
	const char *text;

	// The reason for its wait is the reason of the refusal.
	if (blocked && !x1_waits_past_time1(x, x->done))
		x1_execute(x, x->done++);
	x->owed = calloc(n, sizeof(*x->owed));
	for (uint32_t i = x->done; i < n; i++) {
		const struct x1_message *m = &x->container->messages[i];

		if (!x1_is_change(m->type) || x1_check(x, i, &text))
			x1_execute(x, i);
		else if (answer_unexecuted(x, i, room && x->owed))
			late = x->owed[i] = true;
	}
	end_operations(x); // ends queries
	x->late = late;
	if (late)
		d->late_octets += x->octets;
	x->waiting--; // every message of the container is answered
}

static void on_time1(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *x = arg;
	bool blocked = x->place == X1_BLOCKED;

	x->waiting++; // held: the last answer must not free it inside this loop
	x1_unqueue(x);
	end_operations(x);
	if (x->done < x->container->n_messages)
		answer_rest(x, blocked);
	if (!--x->waiting)
		x1_respond(x);
}

// Fires shortly before TIME1, so that the answer arrives in time.
bool x1_time1_start(struct exchange *x)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];
	int64_t ms = (int64_t)ne->x1.time1 * 900 -
		     (int64_t)((now_monotonic_ns() - x->received_ns) / 1000000);

	if (ms < 1)
		ms = 1;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	x->deadline = evtimer_new(x->dispatch->control->base, on_time1, x);
	return x->deadline && !evtimer_add(x->deadline, &tv);
}
