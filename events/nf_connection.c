// One connection of a network function.

#include "events/nf_connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 1024u // octets of one answer
#define ERROR_MAX 480u	 // of it, of the error's text before it is escaped

struct place {
	uint64_t id;
	bool answered, later;
	char *error; // own allocation; NULL: none
};

struct nf_connection {
	int fd;
	uid_t uid;
	uint64_t since_ms, stuck_ms;
	// places[first % WINDOW] is the oldest without an answer sent; numbers run modulo 2^16
	uint16_t first, next;
	struct place places[NF_CONNECTION_WINDOW];
	size_t in, line; // octets in `buffer`; of them the line at hand with its newline
	size_t out;
	bool ended; // the peer sends no more
	char answers[NF_CONNECTION_OUT];
	char buffer[NF_CONNECTION_LINE_MAX + 1];
};

struct nf_connection *nf_connection_new(int fd, uid_t uid, uint64_t now_ms)
{
	struct nf_connection *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->uid = uid;
	c->since_ms = now_ms;
	return c;
}

void nf_connection_free(struct nf_connection *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < NF_CONNECTION_WINDOW; i++)
		free(c->places[i].error);
	close(c->fd);
	explicit_bzero(c->buffer, sizeof(c->buffer));
	free(c);
}

int nf_connection_fd(const struct nf_connection *c)
{
	return c->fd;
}

uid_t nf_connection_uid(const struct nf_connection *c)
{
	return c->uid;
}

uint64_t nf_connection_since_ms(const struct nf_connection *c)
{
	return c->since_ms;
}

uint64_t nf_connection_stuck_ms(const struct nf_connection *c)
{
	return c->stuck_ms;
}

bool nf_connection_writes(const struct nf_connection *c)
{
	return c->out > 0;
}

bool nf_connection_has_room(const struct nf_connection *c)
{
	uint16_t waiting = (uint16_t)(c->next - c->first);

	return waiting < NF_CONNECTION_WINDOW && NF_CONNECTION_OUT - c->out >= 2 * ANSWER_MAX;
}

bool nf_connection_reads(const struct nf_connection *c)
{
	return !c->ended && c->in < sizeof(c->buffer) && nf_connection_has_room(c);
}

bool nf_connection_waits(const struct nf_connection *c)
{
	return c->first != c->next;
}

bool nf_connection_over(const struct nf_connection *c)
{
	return c->ended && !nf_connection_waits(c) && !memchr(c->buffer, '\n', c->in);
}

bool nf_connection_gone(const struct nf_connection *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return c->ended || (poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

int nf_connection_read(struct nf_connection *c)
{
	if (c->ended || c->in == sizeof(c->buffer))
		return POI_OK;
	ssize_t n = recv(c->fd, c->buffer + c->in, sizeof(c->buffer) - c->in, MSG_DONTWAIT);
	c->ended = n == 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? POI_OK : POI_ERR_CLOSED;
	c->in += (size_t)n;
	return POI_OK;
}

char *nf_connection_line(struct nf_connection *c, size_t *length, int *error)
{
	*error = POI_OK;
	if (c->line > 0 || !nf_connection_has_room(c))
		return NULL;
	const char *end = memchr(c->buffer, '\n', c->in);
	if (!end) {
		*error = c->in == sizeof(c->buffer) ? POI_ERR_TOO_LARGE : POI_OK;
		return NULL;
	}
	c->line = (size_t)(end - c->buffer) + 1;
	*length = c->line - 1;
	return c->buffer;
}

void nf_connection_done(struct nf_connection *c)
{
	c->in -= c->line;
	memmove(c->buffer, c->buffer + c->line, c->in);
	explicit_bzero(c->buffer + c->in, c->line);
	c->line = 0;
}

// ---- answers ----

static struct place *place_of(struct nf_connection *c, uint16_t number)
{
	return (uint16_t)(number - c->first) < (uint16_t)(c->next - c->first)
		       ? &c->places[number % NF_CONNECTION_WINDOW]
		       : NULL;
}

static void put(struct nf_connection *c, const char *text, size_t length)
{
	if (length > NF_CONNECTION_OUT - c->out)
		return; // has_room left enough for all that may come
	memcpy(c->answers + c->out, text, length);
	c->out += length;
}

// Escapes what JSON wants escaped; ours are short texts of printable ASCII.
static void escape(const char *text, char out[2 * ERROR_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < ERROR_MAX && text[i]; i++) {
		if (text[i] == '"' || text[i] == '\\')
			out[n++] = '\\';
		out[n++] = (char)(text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
	}
	out[n] = 0;
}

static void put_answer(struct nf_connection *c, const struct place *p)
{
	char line[ANSWER_MAX + 64], error[2 * ERROR_MAX + 1];
	int n;

	if (p->error) {
		escape(p->error, error);
		n = snprintf(line, sizeof(line), "{\"id\":%" PRIu64 ",\"error\":\"%s\"}\n", p->id,
			error);
	} else {
		n = snprintf(line, sizeof(line), "{\"id\":%" PRIu64 ",\"%s\":true}\n", p->id,
			p->later ? "later" : "ok");
	}
	put(c, line, (size_t)n);
}

uint16_t nf_connection_begin(struct nf_connection *c, uint64_t id)
{
	struct place *p = &c->places[c->next % NF_CONNECTION_WINDOW];

	free(p->error);
	*p = (struct place){.id = id};
	return c->next++;
}

void nf_connection_answer(struct nf_connection *c, uint16_t number, const char *error, bool later)
{
	struct place *p = place_of(c, number);

	if (!p || p->answered)
		return;
	p->answered = true;
	p->error = error ? strndup(error, ERROR_MAX) : NULL;
	p->later = later || (error && !p->error); // without memory for its text it may come again
	while (c->first != c->next && c->places[c->first % NF_CONNECTION_WINDOW].answered) {
		struct place *oldest = &c->places[c->first++ % NF_CONNECTION_WINDOW];
		put_answer(c, oldest);
		free(oldest->error);
		*oldest = (struct place){0};
	}
}

void nf_connection_later(struct nf_connection *c)
{
	for (uint16_t i = c->first; i != c->next; i++)
		nf_connection_answer(c, i, NULL, true);
}

void nf_connection_say(struct nf_connection *c, const char *line)
{
	put(c, line, strlen(line));
	put(c, "\n", 1);
}

int nf_connection_flush(struct nf_connection *c, uint64_t now_ms)
{
	while (c->out > 0) {
		ssize_t n = send(c->fd, c->answers, c->out, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (!c->stuck_ms)
				c->stuck_ms = now_ms;
			return POI_OK;
		}
		if (n <= 0)
			return POI_ERR_CLOSED;
		c->stuck_ms = 0;
		c->out -= (size_t)n;
		memmove(c->answers, c->answers + n, c->out);
	}
	c->stuck_ms = 0;
	return POI_OK;
}
