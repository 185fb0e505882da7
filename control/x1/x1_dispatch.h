#pragma once

// Turns a decoded request container into its response: checks each message's sender (TS 103 221-1
// clause 8.2.4, table 46), executes it, and answers it by itself. The response container is sent
// when all messages are answered. A state change is answered when the dataplane has it in force. A
// change that is not done within TIME1 is answered `Acknowledged` and reported when done (clause
// 5.2.2).
//
// Containers are taken together once per turn of the event loop, so that the audit lines of all
// their state changes reach the disk with one fdatasync, before any of them is executed.

#include "control/state/control.h"
#include "control/http/http.h"
#include "control/xml/x1_decode.h"

struct x1_dispatch;

// Creates a dispatcher, or returns NULL. It keeps references to `c` and the decoders; `strict`
// decodes for network elements that require UUIDs of version 4.
struct x1_dispatch *x1_dispatch_new(
	struct control *c, struct x1_decoder *plain, struct x1_decoder *strict);
// Frees the dispatcher; waiting exchanges are refused with 503. The channel must be closed already
// (publish_free).
void x1_dispatch_free(struct x1_dispatch *d);
// Stops execution for good. Interrupted exchanges are refused with 503 instead of answered.
void x1_dispatch_stop(struct x1_dispatch *d);

// Receives a request as an http_handler; `context` is the dispatcher.
void x1_dispatch_request(
	void *context, struct http_exchange *x, const struct http_request *request);
// Does the same with a decoded container, which the dispatcher owns from here on. For tests.
void x1_dispatch_container(struct x1_dispatch *d, struct http_exchange *x,
	const struct http_request *request, struct x1_container *container);
