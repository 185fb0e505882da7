// One request and its response over HTTP/2: their phases, their memory, and what is submitted for
// them.
#include "control/http/http2_internal.h"

#include <stdlib.h>
#include <string.h>

void stream_move(struct http2 *h, struct stream *s, enum phase phase)
{
	TAILQ_REMOVE(&h->streams[s->phase], s, entry);
	s->phase = phase;
	TAILQ_INSERT_TAIL(&h->streams[phase], s, entry);
}

void http2_drop(char *octets, size_t length)
{
	if (octets != NULL)
		explicit_bzero(octets, length);
	free(octets);
}

static void drop_body(struct http2 *h, struct stream *s)
{
	*h->settings.bodies -= s->length;
	http2_drop(s->body, s->length);
	s->body = NULL;
	s->length = s->capacity = 0;
}

void http2_drop_taken(struct http2 *h)
{
	*h->settings.bodies -= h->taken_length;
	http2_drop(h->taken, h->taken_length);
	h->taken = NULL;
	h->taken_length = 0;
}

static void drop_out(struct http2 *h, struct stream *s)
{
	if (s->out == NULL)
		return;
	// Framed octets were wiped then: tens of mebibytes are not wiped in one iteration.
	explicit_bzero(s->out + s->out_done, s->out_length - s->out_done);
	free(s->out);
	s->out = NULL;
	if (h->settings.leaving != NULL)
		*h->settings.leaving -= s->out_length;
}

void stream_remove(struct http2 *h, struct stream *s)
{
	TAILQ_REMOVE(&h->streams[s->phase], s, entry);
	if (s->phase == ARRIVING || s->phase == READY)
		h->pending--;
	drop_body(h, s);
	drop_out(h, s);
	free(s);
	h->idle_since = h->now;
}

struct stream *stream_add(struct http2 *h, int32_t id)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	h->pending++;
	s->id = id;
	s->media = MEDIA_XML;
	s->deadline = INT64_MAX;
	TAILQ_INSERT_TAIL(&h->streams[ARRIVING], s, entry);
	return s;
}

// Memory follows what has arrived, not what was announced.
bool stream_append(struct stream *s, const uint8_t *octets, size_t length)
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
		http2_drop(s->body, s->length);
		s->body = larger;
		s->capacity = capacity;
	}
	memcpy(s->body + s->length, octets, length);
	s->length += length;
	return true;
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

void stream_respond(struct http2 *h, struct stream *s, unsigned status)
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
	stream_move(h, s, WRITING);
	s->deadline = h->now + (int64_t)h->limits.body_timeout * 1000;
	// A long response and short ones take turns.
	(void)nghttp2_session_change_extpri_stream_priority(h->session, s->id, &in_turns, 1);
	if (nghttp2_submit_response(
		    h->session, s->id, fields, n, s->out_length > 0 ? &body : NULL) != 0)
		(void)nghttp2_submit_rst_stream(
			h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

void stream_refuse(struct http2 *h, struct stream *s, unsigned status)
{
	if (s->phase != ARRIVING)
		return;
	h->pending--;
	s->status = status;
	drop_body(h, s);
	if (h->settings.refused != NULL)
		h->settings.refused(h->settings.context, status);
	stream_respond(h, s, status);
}

void stream_continue(struct http2 *h, const struct stream *s)
{
	nghttp2_nv fields[] = {field(":status", "100")};

	(void)nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, s->id, NULL, fields, 1, NULL);
}
