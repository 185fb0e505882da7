#pragma once

// Long work in slices: the walks over all tasks share one budget of CPU time a turn of the event
// loop, so that X1, the dataplane and the watchdog are served between them. Single-threaded.

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define SLICE_TURN_US 5000 // CPU time of all pieces of work in a turn of the loop

enum slice_result {
	SLICE_MORE, // step again
	SLICE_WAIT, // step again after slice_wake
	SLICE_DONE, // the work is over: `done` is called
};

struct slice { // one piece of work, a member of its owner's object
	TAILQ_ENTRY(slice) entry;
	enum slice_result (*step)(void *context); // does one object; may end or free its own slice
	void (*done)(void *context);		  // may free the slice; NULL: nothing to do
	void *context;
	bool begun, queued;
};

struct slices;

struct slices *slices_new(struct event_base *base); // NULL: no memory
void slices_free(struct slices *s);		    // what is not over is forgotten
// Bounds a turn by `objects` beside its time. For tests: no clock decides then.
void slices_limit(struct slices *s, uint32_t objects);
uint32_t slices_busiest(const struct slices *s);    // objects of the busiest turn
uint64_t slices_busiest_us(const struct slices *s); // CPU time of it
void slices_forget_busiest(struct slices *s);

// Begins a piece of work; its step is first called with a later turn.
void slice_begin(struct slices *s, struct slice *w, enum slice_result (*step)(void *context),
	void (*done)(void *context), void *context);
void slice_wake(struct slices *s, struct slice *w);
// Ends it without calling `done`. Legal for one that never began or is over.
void slice_end(struct slices *s, struct slice *w);
// Does the rest of it at once, for an orderly stop: until it is over, waits, or `until_ms`
// (monotonic).
void slice_finish(struct slices *s, struct slice *w, uint64_t until_ms);
