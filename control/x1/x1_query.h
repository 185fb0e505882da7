#pragma once

// Requests for information about one object (TS 103 221-1 clause 6.4): GetTaskDetails,
// GetDestinationDetails, GetNEStatus. The lists are in x1_list.h.

#include "control/state/control.h"
#include "control/xml/x1_encode.h"

struct exchange;

// Executes such a request.
void x1_query_request(struct exchange *x, const struct x1_message *m);

// Writers of parts of answers, used by lists too.
struct x1_asked { // the dataplane's status of a task
	bool known;
	uint64_t x2_octets, x3_octets, last_intercept_ns;
	bool follows; // followed by session or subscriber, and the requester's minor has the status
	uint32_t sessions;
};
void x1_asked_set(struct x1_asked *a, const struct channel_task_status *status);
// Writes one task; `minor` is the requester's.
void x1_query_put_task(struct x1_buffer *b, const struct registry *r, unsigned minor,
	const struct registry_task *t, const struct x1_asked *a);
void x1_query_put_destination(struct x1_buffer *b, const struct config_delivery *c,
	const struct registry_destination *d);
void x1_query_put_ne(struct x1_buffer *b, struct control *c, uint16_t ne);
