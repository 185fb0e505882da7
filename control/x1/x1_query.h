#pragma once

// Requests for information about one object (TS 103 221-1 clause 6.4): GetTaskDetails,
// GetDestinationDetails, GetNEStatus. What only the dataplane knows of a task (amounts, last
// intercept) is asked there first. The lists are in x1_list.h.

#include "control/state/control.h"
#include "control/xml/x1_encode.h"

struct x1_query;

// Asks for everything the answer needs. `done` is called once when it is there, never from inside
// this call; without a dataplane it is there at once: *ready is set and `done` is not called.
// `id` is the XID or DID of the requests that carry one. NULL when out of memory.
struct x1_query *x1_query_start(struct control *c, enum x1_request_type type, uint16_t ne,
	const struct id16 *id, void (*done)(void *context), void *context, bool *ready);
// The requester knows TaskStatusExtensions (V1.14 on).
void x1_query_extended(struct x1_query *q);
// Writes the whole message, with what is known so far. Returns 0 or the error code to answer
// (2020, 2040) when the object is gone; nothing is written then.
[[nodiscard]] int x1_query_write(
	struct x1_query *q, struct x1_buffer *b, const struct x1_envelope *e);
// `done` is not called any more.
void x1_query_free(struct x1_query *q);

// The parts of answers, for lists too.
struct x1_asked { // what the dataplane said of a task
	bool known;
	uint64_t x2_octets, x3_octets, last_intercept_ns;
	bool follows; // by session or subscriber, and the requester knows where to read it
	uint32_t sessions;
};
void x1_asked_set(struct x1_asked *a, const struct channel_task_status *status);
void x1_query_put_task(
	struct x1_buffer *b, const struct registry_task *t, const struct x1_asked *a);
void x1_query_put_destination(struct x1_buffer *b, const struct registry_destination *d);
void x1_query_put_ne(struct x1_buffer *b, struct registry *r, uint16_t ne);
