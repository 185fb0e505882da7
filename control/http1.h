#pragma once

// HTTP/1.1 server side of one connection, without sockets: octets in, requests out. Strict as TS
// 103 221-1 clause 7.2.2 wants it: POST to one path, no transfer coding, no pipelining. Not
// thread-safe.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http1;

enum http1_event {
	HTTP1_MORE,	// nothing complete yet
	HTTP1_CONTINUE, // the peer waits for "100 Continue"; feed on after it is sent
	HTTP1_REQUEST,	// complete: http1_body
	HTTP1_REFUSED,	// http1_status says why; answer, then close
};

enum http1_phase {
	HTTP1_IDLE, // no octet of a request yet
	HTTP1_HEADER,
	HTTP1_BODY,
	HTTP1_DONE, // a request is complete: octets before http1_next are pipelining
};

// `path` is copied; limits in octets. NULL: no memory.
struct http1 *http1_new(const char *path, uint32_t header_max, uint32_t body_max);
void http1_free(struct http1 *h);
enum http1_event http1_feed(struct http1 *h, const char *octets, size_t length);
enum http1_phase http1_phase(const struct http1 *h);
const char *http1_body(const struct http1 *h, size_t *length); // valid until http1_next or free
unsigned http1_status(const struct http1 *h);		       // 400, 404, 405 ...
bool http1_keep_alive(const struct http1 *h);
void http1_next(struct http1 *h); // the response is on its way: expect another request

// The header of a response, zero-terminated in `out` (256 octets are enough); returns its length.
size_t http1_response_head(
	unsigned status, size_t body_length, bool keep_alive, char *out, size_t size);
