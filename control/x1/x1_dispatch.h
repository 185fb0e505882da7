#pragma once

// From a decoded request container to its response: who may ask (TS 103 221-1 clause 8.2.4, table
// 46), what is executed, and when the answer leaves. Each message is checked, executed and answered
// by itself; the response container leaves when all are answered. A state change is answered once
// the dataplane has it in force; what is not done within TIME1 is answered `Acknowledged` and
// reported when it is (clause 5.2.2).
//
// Containers are taken together once per turn of the event loop, so that the audit lines of all
// their state changes reach the disk with one fdatasync, before any of them is executed.

#include "control/state/control.h"
#include "control/http/http.h"
#include "control/xml/x1_decode.h"

struct x1_dispatch;

// `c` and the decoders are kept by reference: `strict` serves the network elements that require
// UUIDs of version 4.
struct x1_dispatch *x1_dispatch_new(
	struct control *c, struct x1_decoder *plain, struct x1_decoder *strict);
// Refuses what still waits with 503. The channel must be down already (publish_free).
void x1_dispatch_free(struct x1_dispatch *d);
// From now on nothing is executed, and what is cut off is refused with 503 instead of answered.
void x1_dispatch_stop(struct x1_dispatch *d);

// An http_handler; `context` is the dispatcher.
void x1_dispatch_request(
	void *context, struct http_exchange *x, const struct http_request *request);
// The same from a container (owned from here on): for tests.
void x1_dispatch_container(struct x1_dispatch *d, struct http_exchange *x,
	const struct http_request *request, struct x1_container *container);
