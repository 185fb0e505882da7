#pragma once

// X1 servers: sockets, TLS, deadlines and caps; one per network element. HTTP/1.1 in http1, HTTP/2
// in http2, chosen by ALPN. Single-threaded on the given event loop.

#include <event2/event.h>

#include "control/http/http.h"
#include "shared/config.h"

struct listener;

struct listener_counters {
	uint64_t accepted, refused_limit, handshake_failed, handshake_timeout;
	uint64_t header_timeout, body_timeout, idle_closed, body_too_large, header_too_large;
	uint64_t bad_request, wrong_method, wrong_path, requests, responses;
	uint64_t http2_flood;
	uint64_t unknown_name; // of handshake_failed: no network element of that server name
};

// Listens for every network element of `config`, which is kept by reference until the next
// listener_configure. Elements with the same address share its socket and are selected by the
// server name (SNI) that the peer asks for. NULL with `why` on failure: address in use, unreadable
// key ...
struct listener *listener_new(struct event_base *base, const struct config *config,
	http_handler handler, void *context, char *why, size_t why_size);

// Switches to `config`: opens what is new, reads all certificates again and adopts paths, server
// names and limits for new connections (timeouts for the open ones of HTTP/1.1 too). Idle
// connections are closed and the others end behind their requests under way, so that every peer
// comes back under the new rules. `config` carries every network element of the old one at the same
// index and address; new ones follow. One that was removed is kept there by the caller and served
// until restart. On failure nothing changes and the old configuration stays referenced; on success
// the caller may free the old one. 0, POI_ERR_INVALID (elements moved), POI_ERR_TLS, POI_ERR_IO,
// POI_ERR_NOMEM; `why` names the key to change.
[[nodiscard]] int listener_configure(
	struct listener *l, const struct config *config, char *why, size_t why_size);
const struct listener_counters *listener_counters(const struct listener *l);
void listener_free(struct listener *l);
