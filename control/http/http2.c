// An HTTP/2 session without sockets: octets in and out of the library, its end, and its deadlines.
#include "control/http/http2_internal.h"

#include <stdlib.h>
#include <string.h>

#include "shared/error.h"

#define OUTPUT_SIZE 32768 // two full frames
#define GOAWAY_SIZE 17
#define CONTINUATIONS_MAX 8
#define ACKS_MAX 100
#define PROGRESS 65536 // octets of a response that renew its deadline

// Nothing of the library is asked after this: a session that met an error may be inconsistent. The
// last frame is written by hand behind whole frames.
static void end(struct http2 *h, uint32_t code)
{
	if (h->ended)
		return;
	h->ended = true;
	if (h->out == NULL)
		h->out = malloc(OUTPUT_SIZE + GOAWAY_SIZE);
	if (h->out == NULL)
		return;
	uint32_t last = (uint32_t)nghttp2_session_get_last_proc_stream_id(h->session);
	const uint8_t frame[GOAWAY_SIZE] = {0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0,
		(uint8_t)(last >> 24), (uint8_t)(last >> 16), (uint8_t)(last >> 8), (uint8_t)last,
		(uint8_t)(code >> 24), (uint8_t)(code >> 16), (uint8_t)(code >> 8), (uint8_t)code};
	memcpy(h->out + h->out_length, frame, sizeof(frame));
	h->out_length += sizeof(frame);
}

// Resets that a peer provokes cost as much as those it sends.
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http2 *h = context;
	const nghttp2_frame_hd *hd = &frame->hd;

	if (hd->type == NGHTTP2_RST_STREAM)
		http2_count(h, &h->resets, 10000, h->limits.resets);
	else if (hd->type == NGHTTP2_DATA)
		h->credit += 2 + hd->length / 1024;
	return 0;
}

static ssize_t on_send(
	nghttp2_session *session, const uint8_t *octets, size_t length, int flags, void *context)
{
	struct http2 *h = context;

	if (OUTPUT_SIZE - h->out_length < length)
		return NGHTTP2_ERR_WOULDBLOCK;
	memcpy(h->out + h->out_length, octets, length);
	h->out_length += length;
	return (ssize_t)length;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
	size_t length, nghttp2_data_source *source, void *context)
{
	struct http2 *h = context;
	struct stream *s = source->ptr;

	if (OUTPUT_SIZE - h->out_length < 9 + length)
		return NGHTTP2_ERR_WOULDBLOCK;
	memcpy(h->out + h->out_length, head, 9);
	memcpy(h->out + h->out_length + 9, s->out + s->out_done, length);
	h->out_length += 9 + length;
	explicit_bzero(s->out + s->out_done, length);
	s->out_done += length;
	if (s->out_done - s->out_mark >= PROGRESS) {
		s->out_mark = s->out_done;
		s->deadline = h->now + (int64_t)h->limits.body_timeout * 1000;
	}
	return 0;
}

static int set_callbacks(nghttp2_session_callbacks **made)
{
	nghttp2_session_callbacks *c;

	if (nghttp2_session_callbacks_new(&c) != 0)
		return POI_ERR_NOMEM;
	http2_receive_callbacks(c);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
	nghttp2_session_callbacks_set_send_callback(c, on_send);
	nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
	*made = c;
	return 0;
}

static int make_session(struct http2 *h)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	nghttp2_settings_entry own[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->limits.streams},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, h->limits.header},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};
	int rc = POI_ERR_NOMEM;

	if (set_callbacks(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		goto out;
	nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
	nghttp2_option_set_no_closed_streams(option, 1);
	for (int type = NGHTTP2_CONTINUATION + 1; type <= 255; type++)
		nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
	// Ours is the one that counts; the library's own would end the session without a trace.
	nghttp2_option_set_stream_reset_rate_limit(option, 1000000, 1000000);
	if (nghttp2_session_server_new2(&h->session, callbacks, h, option) == 0 &&
		nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, own, 3) == 0)
		rc = 0;
out:
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return rc;
}

struct http2 *http2_new(const struct http2_settings *settings, int64_t now)
{
	struct http2 *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	for (int i = 0; i < PHASES; i++)
		TAILQ_INIT(&h->streams[i]);
	h->settings = *settings;
	h->limits = *settings->limits;
	h->now = h->idle_since = now;
	h->credit = GLITCHES_MAX; // a peer may widen its windows to begin with
	h->path = strdup(settings->path);
	if (h->path == NULL || make_session(h) != 0) {
		http2_free(h);
		return NULL;
	}
	return h;
}

void http2_free(struct http2 *h)
{
	if (h == NULL)
		return;
	nghttp2_session_del(h->session);
	for (int i = 0; i < PHASES; i++) {
		for (struct stream *s; (s = TAILQ_FIRST(&h->streams[i])) != NULL;)
			// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes itself off the list
			stream_remove(h, s);
	}
	http2_drop_taken(h);
	http2_drop(h->out, h->out_length);
	free(h->path);
	free(h);
}

int http2_feed(struct http2 *h, const char *octets, size_t length, int64_t now)
{
	h->now = now;
	http2_drop_taken(h);
	if (h->ended)
		return 0;
	ssize_t n = nghttp2_session_mem_recv(h->session, (const uint8_t *)octets, length);
	if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
		h->flooded = true;
	if (h->flooded) {
		end(h, NGHTTP2_ENHANCE_YOUR_CALM);
		return POI_ERR_LIMIT;
	}
	if (n < 0) {
		end(h, n == NGHTTP2_ERR_NOMEM ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_PROTOCOL_ERROR);
		return POI_ERR_INVALID;
	}
	return 0;
}

bool http2_request(struct http2 *h, struct http2_request *r)
{
	struct stream *s = TAILQ_FIRST(&h->streams[READY]);

	http2_drop_taken(h);
	if (s == NULL || h->ended)
		return false;
	stream_move(h, s, TAKEN);
	h->taken = s->body;
	h->taken_length = s->length;
	s->body = NULL;
	s->length = s->capacity = 0;
	*r = (struct http2_request){.stream = s->id,
		.body = h->taken != NULL ? h->taken : "",
		.length = h->taken_length};
	return true;
}

void http2_respond(
	struct http2 *h, int32_t stream, unsigned status, char *body, size_t length, int64_t now)
{
	struct stream *s = NULL;

	h->now = now;
	h->pending--;
	if (!h->ended)
		s = nghttp2_session_get_stream_user_data(h->session, stream);
	if (s == NULL || s->phase != TAKEN) {
		http2_drop(body, length);
		return;
	}
	s->out = body;
	s->out_length = body != NULL ? length : 0;
	if (h->settings.leaving != NULL)
		*h->settings.leaving += s->out_length;
	stream_respond(h, s, status);
}

const char *http2_output(struct http2 *h, size_t *length, int64_t now)
{
	h->now = now;
	*length = 0;
	if (h->out_done == h->out_length && !h->ended && nghttp2_session_want_write(h->session)) {
		h->out_done = h->out_length = 0;
		if (h->out == NULL)
			h->out = malloc(OUTPUT_SIZE + GOAWAY_SIZE);
		if (h->out == NULL) {
			h->ended = true;
			return "";
		}
		int rc = nghttp2_session_send(h->session);
		if (rc != 0 || h->flooded)
			end(h, h->flooded ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_INTERNAL_ERROR);
	}
	*length = h->out_length - h->out_done;
	return h->out != NULL ? h->out + h->out_done : "";
}

void http2_sent(struct http2 *h, size_t n)
{
	h->out_done += n;
	if (h->out_done < h->out_length)
		return;
	http2_drop(h->out, h->out_length);
	h->out = NULL;
	h->out_length = h->out_done = 0;
}

bool http2_ended(const struct http2 *h)
{
	return h->ended ||
	       (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session));
}

bool http2_flooded(const struct http2 *h)
{
	return h->flooded;
}

bool http2_idle(const struct http2 *h)
{
	for (int i = 0; i < PHASES; i++) {
		if (!TAILQ_EMPTY(&h->streams[i]))
			return false;
	}
	return h->header_since == 0 && h->pending == 0;
}

void http2_finish(struct http2 *h)
{
	if (!h->ended)
		(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
			nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL,
			0);
}

// The phase's own limit of a connection without streams under way.
static int64_t quiet_deadline(const struct http2 *h)
{
	if (h->header_since != 0)
		return h->header_since + (int64_t)h->limits.header_timeout * 1000;
	if (!h->greeted)
		return h->idle_since + (int64_t)h->limits.header_timeout * 1000;
	return http2_idle(h) ? h->idle_since + (int64_t)h->limits.idle_timeout * 1000 : INT64_MAX;
}

int64_t http2_deadline(const struct http2 *h)
{
	const struct stream *s;
	int64_t first = quiet_deadline(h);

	if (h->ended)
		return INT64_MAX;
	TAILQ_FOREACH(s, &h->streams[ARRIVING], entry)
	first = s->deadline < first ? s->deadline : first;
	TAILQ_FOREACH(s, &h->streams[WRITING], entry)
	first = s->deadline < first ? s->deadline : first;
	return first;
}

static bool reset_late(struct http2 *h, enum phase phase)
{
	bool any = false;
	struct stream *s;

	TAILQ_FOREACH(s, &h->streams[phase], entry)
	{
		if (s->deadline > h->now)
			continue;
		s->deadline = INT64_MAX;
		any = true;
		(void)nghttp2_submit_rst_stream(
			h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
	}
	return any;
}

enum http2_late http2_expire(struct http2 *h, int64_t now)
{
	h->now = now;
	if (h->ended)
		return HTTP2_ON_TIME;
	if (quiet_deadline(h) <= now) {
		bool header = h->header_since != 0 || !h->greeted;
		end(h, NGHTTP2_NO_ERROR);
		return header ? HTTP2_LATE_HEADER : HTTP2_LATE_IDLE;
	}
	bool late = reset_late(h, ARRIVING);
	late = reset_late(h, WRITING) || late;
	return late ? HTTP2_LATE_BODY : HTTP2_ON_TIME;
}

const char *http2_library(void)
{
	return nghttp2_version(0)->version_str;
}
