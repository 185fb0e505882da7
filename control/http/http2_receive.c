// Handles a peer's HTTP/2 frames: header fields, bodies, and frames that cost time without a
// request.
#include "control/http/http2_internal.h"

#include <string.h>
#include <strings.h>

void http2_count(struct http2 *h, struct rate *r, int64_t span, uint32_t most)
{
	if (h->now - r->since >= span) {
		r->since = h->now;
		r->count = 0;
	}
	if (++r->count > most)
		h->flooded = true;
}

static void glitch(struct http2 *h)
{
	http2_count(h, &h->glitches, MINUTE, GLITCHES_MAX);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http2 *h = context;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || h->flooded)
		return 0;
	// A stream that was reset still costs us until its request is answered.
	struct stream *s =
		h->pending < h->limits.streams ? stream_add(h, frame->hd.stream_id) : NULL;
	if (s == NULL) {
		(void)nghttp2_submit_rst_stream(
			session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	(void)nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

static bool is(const uint8_t *at, size_t length, const char *text)
{
	return length == strlen(text) && memcmp(at, text, length) == 0;
}

static void keep_status(struct stream *s, unsigned status)
{
	if (s->status == 0)
		s->status = status;
}

// The library has checked that it is a number and compares it with the octets that arrive.
static void take_length(struct http2 *h, struct stream *s, const char *digits, size_t n)
{
	uint64_t length = 0;

	for (size_t i = 0; i < n && length <= h->limits.body; i++)
		length = length * 10 + (uint64_t)(digits[i] - '0');
	if (length > h->limits.body)
		keep_status(s, 413);
}

static void take_field(struct http2 *h, struct stream *s, nghttp2_vec name, nghttp2_vec value)
{
	const char *text = (const char *)value.base;

	if (is(name.base, name.len, ":method")) {
		s->post = is(value.base, value.len, "POST");
	} else if (is(name.base, name.len, ":path")) {
		s->path_right = is(value.base, value.len, h->path);
	} else if (is(name.base, name.len, ":scheme")) {
		s->https = value.len == 5 && strncasecmp(text, "https", 5) == 0;
	} else if (is(name.base, name.len, ":authority")) {
		if (memchr(text, '@', value.len) != NULL) // RFC 9113 section 8.3.1
			keep_status(s, 400);
	} else if (is(name.base, name.len, "content-type")) {
		s->media = media_type_read(text, value.len);
		if (s->media == MEDIA_OTHER)
			keep_status(s, 415);
	} else if (is(name.base, name.len, "content-encoding")) {
		if (value.len != 8 || strncasecmp(text, "identity", 8) != 0)
			keep_status(s, 415);
	} else if (is(name.base, name.len, "expect")) {
		if (value.len == 12 && strncasecmp(text, "100-continue", 12) == 0)
			s->want_continue = true;
		else
			keep_status(s, 417);
	} else if (is(name.base, name.len, "content-length")) {
		take_length(h, s, text, value.len);
	}
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
	nghttp2_rcbuf *value, uint8_t flags, void *context)
{
	struct http2 *h = context;
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (s == NULL || h->flooded)
		return 0;
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
	s->header += n.len + v.len + 32;
	// Few octets on the wire can name a large field many times over.
	if (s->header / 8 > h->limits.header)
		h->flooded = true;
	else if (s->header <= h->limits.header && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		take_field(h, s, n, v); // trailers are counted and otherwise ignored
	return 0;
}

// RFC 9113 section 8.2.1: a field with an impossible name or value makes the request malformed. The
// library would drop the field and go on.
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
	nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *context)
{
	struct http2 *h = context;
	struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (s == NULL || h->flooded)
		return 0;
	s->header += nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len + 32;
	if (s->header / 8 > h->limits.header)
		h->flooded = true;
	keep_status(s, 400);
	return 0;
}

static void on_request_header(struct http2 *h, struct stream *s, bool complete)
{
	s->deadline = h->now + (int64_t)h->limits.body_timeout * 1000;
	if (s->header > h->limits.header)
		stream_refuse(h, s, 431);
	else if (!s->post)
		stream_refuse(h, s, 405);
	else if (!s->path_right)
		stream_refuse(h, s, 404);
	else if (!s->https)
		stream_refuse(h, s, 400);
	else if (s->status != 0)
		stream_refuse(h, s, s->status);
	else if (s->want_continue && !complete)
		stream_continue(h, s);
}

static void on_complete(struct http2 *h, struct stream *s)
{
	if (s->phase == ARRIVING && !media_type_fits(s->media, s->body, s->length))
		stream_refuse(h, s, 415);
	else if (s->phase == ARRIVING)
		stream_move(h, s, READY);
}

static void on_request_frame(struct http2 *h, const nghttp2_frame *frame)
{
	struct stream *s = nghttp2_session_get_stream_user_data(h->session, frame->hd.stream_id);
	bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (frame->hd.type == NGHTTP2_HEADERS)
		h->header_since = 0;
	else if (!last && frame->hd.length <= frame->data.padlen)
		glitch(h); // empty DATA
	if (s == NULL)
		return;
	if (frame->hd.type == NGHTTP2_HEADERS && s->phase == ARRIVING) {
		if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
			on_request_header(h, s, last);
		else if (s->header > h->limits.header)
			stream_refuse(h, s, 431);
		else if (s->status != 0) // trailers
			stream_refuse(h, s, s->status);
	}
	if (last)
		on_complete(h, s);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http2 *h = context;
	bool ack = frame->hd.flags & NGHTTP2_FLAG_ACK;

	h->greeted = true;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		on_request_frame(h, frame);
		break;
	case NGHTTP2_RST_STREAM:
		http2_count(h, &h->resets, 10000, h->limits.resets);
		break;
	case NGHTTP2_SETTINGS: // the library refuses an acknowledgement that nothing asked for
		if (!ack)
			http2_count(h, &h->settings_frames, MINUTE, h->limits.settings);
		break;
	case NGHTTP2_PING:
		http2_count(h, &h->pings, MINUTE, h->limits.pings);
		break;
	case NGHTTP2_WINDOW_UPDATE:
		if (h->credit > 0)
			h->credit--;
		else
			glitch(h);
		break;
	case NGHTTP2_PRIORITY:
		break;
	default: // GOAWAY and what is not for a server
		glitch(h);
	}
	return 0;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *context)
{
	struct http2 *h = context;

	if (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_CONTINUATION) {
		if (h->header_since == 0)
			h->header_since = h->now;
	} else {
		h->header_since = 0;
	}
	if (hd->type == NGHTTP2_PRIORITY) // ignored, whether it is right or not
		glitch(h);
	return 0;
}

static int on_unknown_frame(
	nghttp2_session *session, void **payload, const nghttp2_frame_hd *hd, void *context)
{
	glitch(context);
	return NGHTTP2_ERR_CANCEL; // and go on
}

static int on_invalid_frame(
	nghttp2_session *session, const nghttp2_frame *frame, int error, void *context)
{
	struct http2 *h = context;

	h->header_since = 0;
	glitch(h);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *octets,
	size_t length, void *context)
{
	struct http2 *h = context;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	size_t *held = h->settings.bodies;

	if (s == NULL || h->flooded)
		return 0;
	if (s->phase != ARRIVING) {
		// Refused. Some clients lose the answer when the rest is reset at once.
		s->discarded += length;
		if (s->discarded > h->limits.body)
			(void)nghttp2_submit_rst_stream(
				session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
		return 0;
	}
	if (length > h->limits.body - s->length)
		stream_refuse(h, s, 413);
	else if (*held + length > h->settings.bodies_max || !stream_append(s, octets, length))
		stream_refuse(h, s, 503);
	else
		*held += length;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
	struct http2 *h = context;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (s != NULL) {
		(void)nghttp2_session_set_stream_user_data(session, id, NULL);
		stream_remove(h, s);
	}
	return 0;
}

void http2_receive_callbacks(nghttp2_session_callbacks *c)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
	nghttp2_session_callbacks_set_unpack_extension_callback(c, on_unknown_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
}
