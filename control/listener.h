#pragma once

// X1 servers: sockets, TLS, deadlines and caps; one per network element. HTTP/1.1 in http1, HTTP/2 in
// http2, chosen by ALPN. Single-threaded on the given event loop.

#include <event2/event.h>

#include "control/http.h"
#include "shared/config.h"

struct listener;

struct listener_counters {
	uint64_t accepted, refused_limit, handshake_failed, handshake_timeout;
	uint64_t header_timeout, body_timeout, idle_closed, body_too_large, header_too_large;
	uint64_t bad_request, wrong_method, wrong_path, requests, responses;
	uint64_t http2_flood;
};

// Listens for every network element of `config` (kept by reference). NULL with `why` on failure:
// address in use, unreadable key ...
struct listener *listener_new(struct event_base *base, const struct config *config,
	http_handler handler, void *context, char *why, size_t why_size);
// Reads certificates again for new connections; on failure the old ones stay. 0 or POI_ERR_TLS.
[[nodiscard]] int listener_reload(struct listener *l, char *why, size_t why_size);
const struct listener_counters *listener_counters(const struct listener *l);
void listener_free(struct listener *l);
