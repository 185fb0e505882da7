#pragma once

// The last count of copies held by delivery, by destination: in a small file of the run-time
// folder, mapped, so that it is there after kill -9 of this process and of poi-control. Counts
// alone: no content and no target. The next process reads it once. One thread.

#include <stdbool.h>
#include <stdint.h>

#include "shared/channel.h"

struct last_known;

// Reads what an earlier process that did not end orderly has left in `folder`, and begins anew.
// NULL when the file cannot be made, with errno.
struct last_known *last_known_open(const char *folder);
// `orderly`: what was held is accounted for, and the next process has nothing to report. NULL
// allowed.
void last_known_close(struct last_known *l, bool orderly);

// Returns the earlier process's lost copies, each once, as events: of a destination, with the count
// in `copies`; of a network element (`id` is zero) where none was counted, with an unknown number.
// False: no more.
bool last_known_next(struct last_known *l, struct channel_event *out);
void last_known_forget(struct last_known *l); // it was taken over: nothing of it is lost by count

// A new count: begin, once for each destination, end. The count before holds until the end, and
// that of the earlier process until last_known_next has returned false.
void last_known_begin(struct last_known *l);
void last_known_put(
	struct last_known *l, const struct id16 *ne, const struct id16 *did, uint64_t queued);
void last_known_end(struct last_known *l, uint64_t wall_ns);
