#include "control/http/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "shared/error.h"

#define OUTPUT_SIZE 32768 // two full frames
#define GOAWAY_SIZE 17
#define CONTINUATIONS_MAX 8
#define ACKS_MAX 100
#define GLITCHES_MAX 100 // a minute
#define PROGRESS 65536	 // octets of a response that renew its deadline
#define MINUTE 60000

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
	bool post, path_right, want_continue;
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

static void count(struct http2 *h, struct rate *r, int64_t span, uint32_t most)
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
	count(h, &h->glitches, MINUTE, GLITCHES_MAX);
}

static void move(struct http2 *h, struct stream *s, enum phase phase)
{
	TAILQ_REMOVE(&h->streams[s->phase], s, entry);
	s->phase = phase;
	TAILQ_INSERT_TAIL(&h->streams[phase], s, entry);
}

static void drop(char *octets, size_t length)
{
	if (octets != NULL)
		explicit_bzero(octets, length);
	free(octets);
}

static void drop_body(struct http2 *h, struct stream *s)
{
	*h->settings.bodies -= s->length;
	drop(s->body, s->length);
	s->body = NULL;
	s->length = s->capacity = 0;
}

static void drop_taken(struct http2 *h)
{
	*h->settings.bodies -= h->taken_length;
	drop(h->taken, h->taken_length);
	h->taken = NULL;
	h->taken_length = 0;
}

static void drop_out(struct http2 *h, struct stream *s)
{
	if (s->out == NULL)
		return;
	// What was framed was wiped then: tens of mebibytes are not wiped in one turn.
	explicit_bzero(s->out + s->out_done, s->out_length - s->out_done);
	free(s->out);
	s->out = NULL;
	if (h->settings.leaving != NULL)
		*h->settings.leaving -= s->out_length;
}

static void remove_stream(struct http2 *h, struct stream *s)
{
	TAILQ_REMOVE(&h->streams[s->phase], s, entry);
	if (s->phase == ARRIVING || s->phase == READY)
		h->pending--;
	drop_body(h, s);
	drop_out(h, s);
	free(s);
	h->idle_since = h->now;
}

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

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
		.value = (uint8_t *)(uintptr_t)value,
		.namelen = strlen(name),
		.valuelen = strlen(value)};
}

static void decimal(size_t n, char out[static 24])
{
	char digits[24];
	int used = 0;

	do
		digits[used++] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	for (int i = 0; i < used; i++)
		out[i] = digits[used - 1 - i];
	out[used] = '\0';
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *context)
{
	const struct stream *s = source->ptr;
	size_t left = s->out_length - s->out_done;

	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (length >= left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)(length < left ? length : left);
}

static void respond(struct http2 *h, struct stream *s, unsigned status)
{
	static const nghttp2_extpri in_turns = {
		.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
	char code[24], octets[24];
	nghttp2_nv fields[3];
	size_t n = 0;
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = on_read};

	decimal(status, code);
	decimal(s->out_length, octets);
	fields[n++] = field(":status", code);
	fields[n++] = field("content-length", octets);
	if (s->out_length > 0)
		fields[n++] = field("content-type", "application/xml");
	else if (status == 405)
		fields[n++] = field("allow", "POST");
	move(h, s, WRITING);
	s->deadline = h->now + (int64_t)h->limits.body_timeout * 1000;
	// A long response and short ones take turns.
	(void)nghttp2_session_change_extpri_stream_priority(h->session, s->id, &in_turns, 1);
	if (nghttp2_submit_response(
		    h->session, s->id, fields, n, s->out_length > 0 ? &body : NULL) != 0)
		(void)nghttp2_submit_rst_stream(
			h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

static void refuse(struct http2 *h, struct stream *s, unsigned status)
{
	if (s->phase != ARRIVING)
		return;
	h->pending--;
	s->status = status;
	drop_body(h, s);
	if (h->settings.refused != NULL)
		h->settings.refused(h->settings.context, status);
	respond(h, s, status);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http2 *h = context;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || h->flooded)
		return 0;
	// A stream that was reset still costs us until its request is answered.
	struct stream *s = h->pending < h->limits.streams ? calloc(1, sizeof(*s)) : NULL;
	if (s == NULL) {
		(void)nghttp2_submit_rst_stream(
			session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	h->pending++;
	s->id = frame->hd.stream_id;
	s->deadline = INT64_MAX;
	TAILQ_INSERT_TAIL(&h->streams[ARRIVING], s, entry);
	(void)nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

static bool is(const uint8_t *at, size_t length, const char *text)
{
	return length == strlen(text) && memcmp(at, text, length) == 0;
}

static bool is_xml(const char *type, size_t length)
{
	size_t n = 0;

	while (n < length && strchr("; \t", type[n]) == NULL)
		n++;
	return (n == 15 && strncasecmp(type, "application/xml", n) == 0) ||
	       (n == 8 && strncasecmp(type, "text/xml", n) == 0);
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
	} else if (is(name.base, name.len, "content-type")) {
		if (!is_xml(text, value.len))
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

static void send_continue(struct http2 *h, const struct stream *s)
{
	nghttp2_nv fields[] = {field(":status", "100")};

	(void)nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, s->id, NULL, fields, 1, NULL);
}

static void on_request_header(struct http2 *h, struct stream *s, bool complete)
{
	s->deadline = h->now + (int64_t)h->limits.body_timeout * 1000;
	if (s->header > h->limits.header)
		refuse(h, s, 431);
	else if (!s->post)
		refuse(h, s, 405);
	else if (!s->path_right)
		refuse(h, s, 404);
	else if (s->status != 0)
		refuse(h, s, s->status);
	else if (s->want_continue && !complete)
		send_continue(h, s);
}

static void on_complete(struct http2 *h, struct stream *s)
{
	if (s->phase == ARRIVING)
		move(h, s, READY);
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
			refuse(h, s, 431);
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
		count(h, &h->resets, 10000, h->limits.resets);
		break;
	case NGHTTP2_SETTINGS: // the library refuses an acknowledgement that nothing asked for
		if (!ack)
			count(h, &h->settings_frames, MINUTE, h->limits.settings);
		break;
	case NGHTTP2_PING:
		count(h, &h->pings, MINUTE, h->limits.pings);
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

// Memory follows what has arrived, not what was announced.
static bool append(struct stream *s, const uint8_t *octets, size_t length)
{
	if (s->capacity - s->length < length) {
		size_t capacity = s->capacity == 0 ? 1024 : s->capacity;
		while (capacity - s->length < length)
			capacity *= 2;
		char *larger = malloc(capacity);
		if (larger == NULL)
			return false;
		if (s->length > 0)
			memcpy(larger, s->body, s->length);
		drop(s->body, s->length);
		s->body = larger;
		s->capacity = capacity;
	}
	memcpy(s->body + s->length, octets, length);
	s->length += length;
	return true;
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
		refuse(h, s, 413);
	else if (*held + length > h->settings.bodies_max || !append(s, octets, length))
		refuse(h, s, 503);
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
		remove_stream(h, s);
	}
	return 0;
}

// Resets that a peer provokes cost as much as those it sends.
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http2 *h = context;
	const nghttp2_frame_hd *hd = &frame->hd;

	if (hd->type == NGHTTP2_RST_STREAM)
		count(h, &h->resets, 10000, h->limits.resets);
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
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
	nghttp2_session_callbacks_set_unpack_extension_callback(c, on_unknown_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
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
			remove_stream(h, s);
	}
	drop_taken(h);
	drop(h->out, h->out_length);
	free(h->path);
	free(h);
}

int http2_feed(struct http2 *h, const char *octets, size_t length, int64_t now)
{
	h->now = now;
	drop_taken(h);
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

	drop_taken(h);
	if (s == NULL || h->ended)
		return false;
	move(h, s, TAKEN);
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
		drop(body, length);
		return;
	}
	s->out = body;
	s->out_length = body != NULL ? length : 0;
	if (h->settings.leaving != NULL)
		*h->settings.leaving += s->out_length;
	respond(h, s, status);
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
	drop(h->out, h->out_length);
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
