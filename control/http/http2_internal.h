#pragma once

// Inside HTTP/2, from top to bottom: http2.c (the session), http2_receive.c (frames of the peer)
// and http2_stream.c (one request and its response).

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "control/http/http2.h"
#include "control/http/media_type.h"

#define MINUTE 60000
#define GLITCHES_MAX 100 // a minute

enum phase {
	ARRIVING, // header or body
	READY,	  // complete, not yet taken
	TAKEN,	  // the response is awaited
	WRITING,
	PHASES,
};

struct stream {
	TAILQ_ENTRY(stream) entry; // in http2.streams[phase]
	enum phase phase;
	int32_t id;
	unsigned status; // of the refusal; 0 while nothing is wrong
	int64_t deadline;
	size_t header; // octets of the header list, counted as RFC 9113 section 6.5.2 does
	bool post, path_right, https, want_continue;
	enum media_type media;
	char *body;
	size_t length, capacity;
	size_t discarded;
	char *out;
	size_t out_length, out_done, out_mark;
};

TAILQ_HEAD(streams, stream);

struct rate {
	int64_t since;
	uint32_t count;
};

struct http2 {
	nghttp2_session *session;
	char *path;
	struct config_limits limits;
	struct http2_settings settings;
	struct streams streams[PHASES];
	uint32_t pending; // requests not answered, also of streams that are gone meanwhile
	int64_t now;
	int64_t header_since; // a header block is arriving; 0: none
	int64_t idle_since;
	bool greeted; // the preface has come
	bool ended, flooded;
	struct rate resets, settings_frames, pings, glitches;
	uint64_t credit; // WINDOW_UPDATE frames that our DATA frames give reason for
	char *taken;	 // body of the request taken last
	size_t taken_length;
	char *out;
	size_t out_length, out_done;
};

// http2_stream.c
// Wipes and frees octets of a peer; NULL is legal.
void http2_drop(char *octets, size_t length);
void http2_drop_taken(struct http2 *h);
struct stream *stream_add(struct http2 *h, int32_t id); // NULL: no memory
void stream_remove(struct http2 *h, struct stream *s);
void stream_move(struct http2 *h, struct stream *s, enum phase phase);
// Appends to the body. False: no memory.
[[nodiscard]] bool stream_append(struct stream *s, const uint8_t *octets, size_t length);
void stream_respond(struct http2 *h, struct stream *s, unsigned status);
// Answers a request that is still arriving; what follows of it is thrown away.
void stream_refuse(struct http2 *h, struct stream *s, unsigned status);
void stream_continue(struct http2 *h, const struct stream *s);

// http2_receive.c
// Counts an event of a kind of which a peer may have `most` in `span`; more are a flood.
void http2_count(struct http2 *h, struct rate *r, int64_t span, uint32_t most);
void http2_receive_callbacks(nghttp2_session_callbacks *c);
