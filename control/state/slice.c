// Steps pieces of long work in turn until the budget of a turn of the event loop is used up.
#include "control/state/slice.h"

#include <stdlib.h>

#include "shared/now.h"

#define BETWEEN_LOOKS 16u // objects of one piece of work between two looks at the clock

struct slices {
	struct event *turn;
	TAILQ_HEAD(, slice) queue;
	struct slice *current; // whose step is being called
	uint32_t limit, busiest;
	uint64_t busiest_us;
};

static uint64_t cpu_us(void)
{
	return now_thread_ns() / 1000;
}

static void go_on(struct slices *s)
{
	static const struct timeval at_once = {0};

	// Runs behind all events that are ready.
	if (!TAILQ_EMPTY(&s->queue) && !evtimer_pending(s->turn, NULL))
		evtimer_add(s->turn, &at_once);
}

static void queue(struct slices *s, struct slice *w)
{
	if (w->queued)
		return;
	w->queued = true;
	TAILQ_INSERT_TAIL(&s->queue, w, entry);
}

static void unqueue(struct slices *s, struct slice *w)
{
	if (!w->queued)
		return;
	w->queued = false;
	TAILQ_REMOVE(&s->queue, w, entry);
}

// Returns whether `w` is to be stepped again. It may be freed where it is not.
static bool step_once(struct slices *s, struct slice *w)
{
	s->current = w;
	enum slice_result result = w->step(w->context);
	bool there = s->current == w; // it was not ended by its own step
	s->current = NULL;

	if (!there || result == SLICE_MORE)
		return there;
	unqueue(s, w);
	if (result == SLICE_WAIT)
		return false;
	w->begun = false;
	if (w->done)
		w->done(w->context);
	return false;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct slices *s = arg;
	uint64_t start = cpu_us(), now = start;
	uint32_t n = 0;
	struct slice *w;

	while ((w = TAILQ_FIRST(&s->queue)) && n < s->limit && now - start < SLICE_TURN_US) {
		bool more = true;
		for (uint32_t i = 0; i < BETWEEN_LOOKS && n < s->limit && more; i++, n++)
			more = step_once(s, w);
		if (more) { // the next one's turn
			unqueue(s, w);
			queue(s, w);
		}
		now = cpu_us();
	}
	s->busiest = n > s->busiest ? n : s->busiest;
	s->busiest_us = now - start > s->busiest_us ? now - start : s->busiest_us;
	go_on(s);
}

struct slices *slices_new(struct event_base *base)
{
	struct slices *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	TAILQ_INIT(&s->queue);
	s->limit = UINT32_MAX;
	s->turn = evtimer_new(base, on_turn, s);
	if (s->turn)
		return s;
	free(s);
	return NULL;
}

void slices_free(struct slices *s)
{
	if (!s)
		return;
	event_free(s->turn);
	free(s);
}

void slices_limit(struct slices *s, uint32_t objects)
{
	s->limit = objects;
}

uint32_t slices_busiest(const struct slices *s)
{
	return s->busiest;
}

uint64_t slices_busiest_us(const struct slices *s)
{
	return s->busiest_us;
}

void slices_forget_busiest(struct slices *s)
{
	s->busiest = 0;
	s->busiest_us = 0;
}

void slice_begin(struct slices *s, struct slice *w, enum slice_result (*step)(void *context),
	void (*done)(void *context), void *context)
{
	*w = (struct slice){.step = step, .done = done, .context = context, .begun = true};
	queue(s, w);
	go_on(s);
}

void slice_wake(struct slices *s, struct slice *w)
{
	if (!w->begun)
		return;
	queue(s, w);
	go_on(s);
}

void slice_end(struct slices *s, struct slice *w)
{
	if (!w->begun)
		return;
	unqueue(s, w);
	w->begun = false;
	if (s->current == w)
		s->current = NULL;
}

void slice_finish(struct slices *s, struct slice *w, uint64_t until_ms)
{
	while (w->begun && step_once(s, w) && now_monotonic_ms() < until_ms)
		;
}
