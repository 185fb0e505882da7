// HTTP/1.1 without sockets: bytes to one request, and the head of a response.
#include "control/http/http1.h"

#include "control/http/media_type.h"

#include <ctype.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_KEPT 32
#define VALUE_MAX_KEPT 128
#define BLANK_LINES_MAX 2 // before a request (RFC 9112 section 2.2: at least one is ignored)

struct http1 {
	llhttp_t parser;
	llhttp_settings_t settings;
	char *path;
	uint32_t header_max, body_max;
	size_t header; // octets of the request line and header fields so far
	enum http1_phase phase;
	unsigned status; // 0 while nothing is wrong
	bool get;	 // GET is meant, else POST
	bool want_continue, announced, keep_alive;
	bool has_host, has_length, has_transfer_encoding;
	bool line_begins, has_request_line, head_over; // of the lines so far
	unsigned blank_lines;			       // before the request line
	enum media_type media;
	char url[1024];
	size_t url_length;
	char name[NAME_MAX_KEPT];
	size_t name_length;
	char value[VALUE_MAX_KEPT];
	size_t value_length;
	char *body;
	size_t body_length, body_capacity;
};

static int refuse(struct http1 *h, unsigned status)
{
	if (h->status == 0)
		h->status = status;
	return HPE_USER;
}

static int count_header(struct http1 *h, size_t length)
{
	h->header += length;
	return h->header > h->header_max ? refuse(h, 431) : 0;
}

// Keeps what fits and counts all of it, so that a longer text never equals a shorter one.
static void keep(char *to, size_t capacity, size_t *used, const char *at, size_t length)
{
	for (size_t i = 0; i < length; i++, (*used)++) {
		if (*used < capacity - 1)
			to[*used] = at[i];
	}
	to[*used < capacity - 1 ? *used : capacity - 1] = '\0';
}

static int on_url(llhttp_t *p, const char *at, size_t length)
{
	struct http1 *h = p->data;

	keep(h->url, sizeof(h->url), &h->url_length, at, length);
	return count_header(h, length);
}

static bool is_token(char c) // RFC 9110 section 5.6.2
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

// White space before the colon is an octet of the name to the parser.
static int on_name(llhttp_t *p, const char *at, size_t length)
{
	struct http1 *h = p->data;

	for (size_t i = 0; i < length; i++) {
		if (!is_token(at[i]))
			return refuse(h, 400);
	}
	keep(h->name, sizeof(h->name), &h->name_length, at, length);
	return count_header(h, length);
}

static int on_value(llhttp_t *p, const char *at, size_t length)
{
	struct http1 *h = p->data;

	keep(h->value, sizeof(h->value), &h->value_length, at, length);
	return count_header(h, length);
}

// A value that was cut may hide its charset.
static void read_type(struct http1 *h)
{
	h->media = h->value_length < sizeof(h->value) ? media_type_read(h->value, h->value_length)
						      : MEDIA_OTHER;
	if (h->media == MEDIA_OTHER)
		refuse(h, 415);
}

static int on_field(llhttp_t *p) // a header field is complete
{
	struct http1 *h = p->data;
	const char *value = h->value;

	if (strcasecmp(h->name, "content-type") == 0) {
		read_type(h);
	} else if (strcasecmp(h->name, "content-encoding") == 0 &&
		   strcasecmp(value, "identity") != 0) {
		refuse(h, 415);
	} else if (strcasecmp(h->name, "expect") == 0) {
		if (strcasecmp(value, "100-continue") == 0)
			h->want_continue = true;
		else
			refuse(h, 417);
	} else if (strcasecmp(h->name, "transfer-encoding") == 0) {
		h->has_transfer_encoding = true;
	} else if (strcasecmp(h->name, "content-length") == 0) {
		h->has_length = true;
	} else if (strcasecmp(h->name, "host") == 0) {
		if (h->has_host)
			refuse(h, 400);
		h->has_host = true;
	}
	h->name_length = h->value_length = 0;
	h->name[0] = h->value[0] = '\0';
	return count_header(h, 4); // colon, space, line end
}

// The path of a request target in origin or absolute form (RFC 9112 section 3.2); NULL where its
// authority is none.
static const char *target_path(const struct http1 *h)
{
	const char *scheme = h->get ? "http://" : "https://", *authority = h->url + strlen(scheme);

	if (strncasecmp(h->url, scheme, strlen(scheme)) != 0)
		return h->url;
	size_t n = strcspn(authority, "/?#");
	if (n == 0 || memchr(authority, '@', n) != NULL)
		return NULL;
	return authority[n] != '\0' ? authority + n : "/";
}

static unsigned judge(struct http1 *h)
{
	const char *path = target_path(h);
	const llhttp_t *p = &h->parser;

	if (p->http_major != 1)
		return 505;
	if (p->method != (h->get ? HTTP_GET : HTTP_POST))
		return 405;
	if (path == NULL)
		return 400;
	if (h->url_length >= sizeof(h->url) || strcmp(path, h->path) != 0)
		return 404;
	if (h->has_transfer_encoding)
		return 501;
	if (p->http_minor >= 1 && !h->has_host)
		return 400;
	if (h->status != 0)
		return h->status;
	if (!h->has_length && !h->get)
		return 411;
	return p->content_length > h->body_max ? 413 : 0;
}

static int on_headers(llhttp_t *p)
{
	struct http1 *h = p->data;

	h->status = judge(h);
	if (h->status != 0)
		return -1;
	h->phase = HTTP1_BODY;
	h->keep_alive = llhttp_should_keep_alive(p) != 0;
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t length)
{
	struct http1 *h = p->data;

	if (length > h->body_max - h->body_length)
		return refuse(h, 413);
	if (h->body_capacity - h->body_length < length) {
		// Memory follows what has arrived, not what was announced.
		size_t capacity = h->body_capacity == 0 ? 4096 : h->body_capacity;
		while (capacity - h->body_length < length)
			capacity *= 2;
		char *larger = realloc(h->body, capacity);
		if (larger == NULL)
			return refuse(h, 503);
		h->body = larger;
		h->body_capacity = capacity;
	}
	memcpy(h->body + h->body_length, at, length);
	h->body_length += length;
	return 0;
}

static int on_complete(llhttp_t *p)
{
	struct http1 *h = p->data;

	if (!media_type_fits(h->media, h->body, h->body_length))
		return refuse(h, 415);
	h->phase = HTTP1_DONE;
	return HPE_PAUSED;
}

struct http1 *http1_new(const char *path, uint32_t header_max, uint32_t body_max)
{
	struct http1 *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->path = strdup(path);
	if (h->path == NULL) {
		free(h);
		return NULL;
	}
	h->header_max = header_max;
	h->body_max = body_max;
	llhttp_settings_init(&h->settings);
	h->settings.on_url = on_url;
	h->settings.on_header_field = on_name;
	h->settings.on_header_value = on_value;
	h->settings.on_header_value_complete = on_field;
	h->settings.on_headers_complete = on_headers;
	h->settings.on_body = on_body;
	h->settings.on_message_complete = on_complete;
	http1_next(h);
	return h;
}

struct http1 *http1_new_get(const char *path, uint32_t header_max)
{
	struct http1 *h = http1_new(path, header_max, 0);

	if (h != NULL)
		h->get = true;
	return h;
}

static void drop_body(struct http1 *h)
{
	if (h->body != NULL)
		explicit_bzero(h->body, h->body_length);
	free(h->body);
	h->body = NULL;
	h->body_length = h->body_capacity = 0;
}

void http1_free(struct http1 *h)
{
	if (h == NULL)
		return;
	drop_body(h);
	free(h->path);
	free(h);
}

void http1_next(struct http1 *h)
{
	llhttp_init(&h->parser, HTTP_REQUEST, &h->settings);
	h->parser.data = h;
	drop_body(h);
	h->header = h->url_length = h->name_length = h->value_length = 0;
	h->url[0] = h->name[0] = h->value[0] = '\0';
	h->phase = HTTP1_IDLE;
	h->status = 0;
	h->want_continue = h->announced = h->keep_alive = false;
	h->has_host = h->has_length = h->has_transfer_encoding = false;
	h->line_begins = true;
	h->has_request_line = h->head_over = false;
	h->blank_lines = 0;
	h->media = MEDIA_XML;
}

// Returns false for what the parser accepts and RFC 9112 does not: a field line that begins with
// white space (section 5.2, obs-fold) or with its colon (section 5.1), more than two blank lines
// before a request.
static bool lines_are_good(struct http1 *h, const char *octets, size_t length)
{
	for (size_t i = 0; i < length && !h->head_over; i++) {
		char c = octets[i];

		if (c == '\r')
			continue;
		if (c == '\n') {
			if (h->line_begins && !h->has_request_line &&
				++h->blank_lines > BLANK_LINES_MAX)
				return false;
			h->head_over = h->line_begins && h->has_request_line;
			h->has_request_line = h->has_request_line || !h->line_begins;
			h->line_begins = true;
			continue;
		}
		if (h->line_begins && h->has_request_line && strchr(" \t:", c) != NULL && c != '\0')
			return false;
		h->line_begins = false;
	}
	return true;
}

static enum http1_event refused(struct http1 *h, unsigned status)
{
	if (h->status == 0)
		h->status = h->has_transfer_encoding ? 501 : status;
	h->keep_alive = false;
	return HTTP1_REFUSED;
}

enum http1_event http1_feed(struct http1 *h, const char *octets, size_t length)
{
	if (h->phase == HTTP1_DONE) // clause 7.2.2: no pipelining
		return refused(h, 400);
	if (length > 0 && h->phase == HTTP1_IDLE)
		h->phase = HTTP1_HEADER;
	if (!lines_are_good(h, octets, length))
		return refused(h, 400);
	llhttp_errno_t result = llhttp_execute(&h->parser, octets, length);
	if (h->status == 0 && h->phase == HTTP1_DONE) {
		const char *end = llhttp_get_error_pos(&h->parser);
		// The message's last octet itself may be named as the place of the pause.
		if (result != HPE_OK && end != NULL && end < octets + length)
			return refused(h, 400);
		return HTTP1_REQUEST;
	}
	if (result != HPE_OK)
		return refused(h, 400);
	// llhttp checks field by field: one that never ends is seen here.
	if (h->phase == HTTP1_HEADER && h->header > h->header_max)
		return refused(h, 431);
	if (h->phase == HTTP1_BODY && h->want_continue && !h->announced) {
		h->announced = true;
		if (h->body_length == 0)
			return HTTP1_CONTINUE;
	}
	return HTTP1_MORE;
}

enum http1_phase http1_phase(const struct http1 *h)
{
	return h->phase;
}

const char *http1_body(const struct http1 *h, size_t *length)
{
	*length = h->body_length;
	return h->body != NULL ? h->body : "";
}

unsigned http1_status(const struct http1 *h)
{
	return h->status;
}

bool http1_keep_alive(const struct http1 *h)
{
	return h->keep_alive;
}

static const char *reason(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 411:
		return "Length Required";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 417:
		return "Expectation Failed";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Error";
	}
}

size_t http1_response_head_of(const struct http1_head *h, char *out, size_t size)
{
	char allow[32] = "", type[96] = "";

	if (h->status == 405)
		snprintf(allow, sizeof(allow), "Allow: %s\r\n", h->allow);
	if (h->type != NULL)
		snprintf(type, sizeof(type), "Content-Type: %s\r\n", h->type);
	int n = snprintf(out, size, "HTTP/1.1 %u %s\r\n%s%sContent-Length: %zu\r\n%s\r\n",
		h->status, reason(h->status), allow, type, h->length,
		h->keep_alive ? "" : "Connection: close\r\n");

	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

size_t http1_response_head(
	unsigned status, size_t body_length, bool keep_alive, char *out, size_t size)
{
	const struct http1_head h = {.status = status,
		.length = body_length,
		.type = body_length != 0 ? "application/xml" : NULL,
		.allow = "POST",
		.keep_alive = keep_alive};

	return http1_response_head_of(&h, out, size);
}
