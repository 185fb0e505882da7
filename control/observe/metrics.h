#pragma once

// OpenMetrics over HTTP/1.1: <runtime-dir>/metrics.sock (mode 0600) and, where configured, TCP on
// loopback. GET /metrics, one request a connection; on the event loop of X1, so everything is
// bounded: 8 connections at a time (a newcomer takes the place of the oldest), 2 KiB of request, 5
// seconds for it and as long for the answer, and the dataplane is asked no more than twice a
// second.

#include "control/state/control.h"
#include "control/http/listener.h"

struct metrics;

// `l` may be NULL. NULL with `why` when a socket cannot be made. The run-time folder is this
// process's own already: a socket that lies there is a dead one's.
struct metrics *metrics_new(
	struct control *c, const struct listener *l, char *why, size_t why_size);
void metrics_free(struct metrics *m);
