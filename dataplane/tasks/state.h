#pragma once

// The answer to STATE_GET: network elements, reports, generic objects, destinations, tasks in
// order of arrival, then STATE_END with counts and digest. Produced message by message, because the socket takes only so
// many. Nothing may be removed from the store while a stream is under way (a fail-safe may bury
// tasks).

#include "dataplane/tasks/task_table.h"
#include "shared/digest.h"

struct state_stream {
	const struct task_table *task_table;
	struct digest *digest;
	uint32_t request;
	enum {
		STATE_NES,
		STATE_REPORTS,
		STATE_OBJECTS,
		STATE_DESTINATIONS,
		STATE_TASKS,
		STATE_TAIL,
		STATE_DONE
	} stage;
	const void *at; // next object of the stage
	struct channel_state_end end; // its `whole` is the caller's, after state_begin
};

// 0 or NOMEM.
[[nodiscard]] int state_begin(struct state_stream *s, const struct task_table *task_table, uint32_t request);
// Size of the next message, 0 when all were given out, or an error.
[[nodiscard]] int state_next(
	struct state_stream *s, uint64_t now_ms, uint8_t *out, size_t capacity);
void state_end(struct state_stream *s); // frees; a zeroed or ended stream is fine
