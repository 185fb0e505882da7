#pragma once

// HTTP/1.1 server side of one connection, without sockets: octets in, requests out. Strict as TS
// 103 221-1 clause 7.2.2 wants it: POST to one path, no transfer coding, no pipelining, no folded
// or nameless header fields. Not thread-safe.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http1;

enum http1_event {
	HTTP1_MORE,	// nothing complete yet
	HTTP1_CONTINUE, // the peer waits for "100 Continue"; feed on after it is sent
	HTTP1_REQUEST,	// complete: http1_body
	HTTP1_REFUSED,	// http1_status has the reason; answer, then close
};

enum http1_phase {
	HTTP1_IDLE, // no octet of a request yet
	HTTP1_HEADER,
	HTTP1_BODY,
	HTTP1_DONE, // a request is complete: octets before http1_next are pipelining
};

// The same for reading one path: GET without a body, 405 for every other method. NULL: no memory.
struct http1 *http1_new_get(const char *path, uint32_t header_max);
// `path` is copied; limits in octets. NULL: no memory.
struct http1 *http1_new(const char *path, uint32_t header_max, uint32_t body_max);
void http1_free(struct http1 *h);
enum http1_event http1_feed(struct http1 *h, const char *octets, size_t length);
enum http1_phase http1_phase(const struct http1 *h);
const char *http1_body(const struct http1 *h, size_t *length); // valid until http1_next or free
unsigned http1_status(const struct http1 *h);		       // 400, 404, 405 ...
bool http1_keep_alive(const struct http1 *h);
void http1_next(struct http1 *h); // the response is on its way: expect another request

struct http1_head {
	unsigned status;
	size_t length;	   // octets of the body
	const char *type;  // its Content-Type, NULL: none
	const char *allow; // answered with 405
	bool keep_alive;
};

// The header of a response, zero-terminated in `out` (256 octets are enough); returns its length, 0 when
// it does not fit.
size_t http1_response_head_of(const struct http1_head *head, char *out, size_t size);
// The same of an X1 response, zero-terminated in `out` (256 octets are enough); returns its length.
size_t http1_response_head(
	unsigned status, size_t body_length, bool keep_alive, char *out, size_t size);
