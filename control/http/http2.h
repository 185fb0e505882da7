#pragma once

// HTTP/2 server side of one connection, without sockets: octets in, requests out, responses in,
// octets out. What TS 103 221-1 clause 7.2.2 wants of HTTP, over RFC 9113. A peer that makes work
// without asking anything is counted: beyond the limits the session ends with ENHANCE_YOUR_CALM.
// Times are milliseconds of one monotonic clock. Not thread-safe.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"

struct http2;

struct http2_settings {
	const char *path;		    // copied
	const struct config_limits *limits; // copied; the timeouts are seconds
	size_t *bodies;	   // octets of request bodies held by all sessions that share this counter
	size_t bodies_max; // a request that would exceed it is answered 503
	size_t *leaving; // octets of responses that have not left yet, of all of them; NULL: not counted
	// Called for each request that was refused with this HTTP status.
	void (*refused)(void *context, unsigned status);
	void *context;
};

struct http2_request {
	int32_t stream;
	const char *body; // valid until the next http2_request, http2_feed or http2_free
	size_t length;
};

enum http2_late {
	HTTP2_ON_TIME,
	HTTP2_LATE_HEADER, // the session has ended
	HTTP2_LATE_BODY,   // streams were reset, the session goes on
	HTTP2_LATE_IDLE,   // the session has ended
};

// NULL: no memory.
struct http2 *http2_new(const struct http2_settings *settings, int64_t now);
void http2_free(struct http2 *h);

// Octets of the peer, in any portions. Returns 0, or POI_ERR_LIMIT when they were a flood, or
// POI_ERR_INVALID when they are not HTTP/2; then the session has ended (a GOAWAY is in its output)
// and further octets are thrown away.
[[nodiscard]] int http2_feed(struct http2 *h, const char *octets, size_t length, int64_t now);

// Takes the next complete request; false when there is none. Each one taken is answered exactly
// once with http2_respond, in any order and at any time.
bool http2_request(struct http2 *h, struct http2_request *r);

// Answers the request that came on `stream`. `body` comes from malloc (or is NULL) and is the session's
// from here on; what has left of it is wiped. Harmless when the peer has reset the stream meanwhile.
void http2_respond(struct http2 *h, int32_t stream, unsigned status, char *body, size_t length,
	int64_t now);

// The octets to be sent next, zero-length when there are none for now; the same ones (and perhaps
// more behind) until http2_sent reports that the first `n` were sent.
const char *http2_output(struct http2 *h, size_t *length, int64_t now);
void http2_sent(struct http2 *h, size_t n);

// The last octets of the output are the last ones of the session.
bool http2_ended(const struct http2 *h);
// It ended for a flood, which http2_feed or http2_output have seen.
bool http2_flooded(const struct http2 *h);
// No request is under way.
bool http2_idle(const struct http2 *h);
// Ends the session behind the requests that are under way.
void http2_finish(struct http2 *h);

// When http2_expire has to be called next; INT64_MAX: not before something happens.
int64_t http2_deadline(const struct http2 *h);
enum http2_late http2_expire(struct http2 *h, int64_t now);

const char *http2_library(void); // version of the HTTP/2 library
