// One connection of the channel: what waits is kept and sent in order.

#include "dataplane/builder/client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/log.h"

#define CONTROL_QUEUE_MAX (16u * 1024 * 1024)
#define OBSERVER_QUEUE_MAX (2u * 1024 * 1024)

struct outgoing {
	STAILQ_ENTRY(outgoing) next;
	size_t length;
	uint8_t octets[];
};

struct client *client_new(int fd, uint64_t now_ms)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->box = -1;
	c->opened_ms = now_ms;
	STAILQ_INIT(&c->outgoing);
	return c;
}

bool client_waits(const struct client *c)
{
	return !STAILQ_EMPTY(&c->outgoing);
}

static void drop_first(struct client *c)
{
	struct outgoing *o = STAILQ_FIRST(&c->outgoing);

	STAILQ_REMOVE_HEAD(&c->outgoing, next);
	c->queued -= o->length;
	free(o);
}

void client_free(struct client *c)
{
	if (!c)
		return;
	while (client_waits(c))
		drop_first(c);
	state_end(&c->stream);
	close(c->fd);
	if (c->box >= 0)
		close(c->box);
	free(c);
}

static void enqueue(struct client *c, const uint8_t *datagram, size_t length)
{
	size_t limit = c->role == CHANNEL_ROLE_CONTROL ? CONTROL_QUEUE_MAX : OBSERVER_QUEUE_MAX;
	struct outgoing *o = NULL;

	if (c->queued + length <= limit)
		o = malloc(sizeof(*o) + length);
	if (!o) {
		log_warning("channel: %s client is not reading, disconnecting it",
			c->role == CHANNEL_ROLE_CONTROL ? "controller" : "observer");
		c->dead = true;
		return;
	}
	o->length = length;
	memcpy(o->octets, datagram, length);
	STAILQ_INSERT_TAIL(&c->outgoing, o, next);
	c->queued += length;
}

void client_send(struct client *c, const uint8_t *datagram, int length)
{
	if (c->dead || c->gone)
		return;
	if (length <= 0) {
		log_error("channel: a message cannot be encoded: %s", poi_error_text(length));
		c->dead = true;
		return;
	}
	int e = client_waits(c) ? POI_ERR_AGAIN : channel_send(c->fd, datagram, (size_t)length);
	if (e == POI_ERR_AGAIN)
		enqueue(c, datagram, (size_t)length);
	else if (e == POI_ERR_CLOSED)
		c->gone = true;
	else if (e != POI_OK)
		c->dead = true;
}

void client_flush(struct client *c)
{
	while (client_waits(c) && !c->dead) {
		const struct outgoing *o = STAILQ_FIRST(&c->outgoing);
		int e = channel_send(c->fd, o->octets, o->length);
		if (e == POI_ERR_AGAIN)
			return;
		if (e == POI_ERR_CLOSED)
			c->gone = true;
		else if (e != POI_OK)
			c->dead = true;
		drop_first(c);
	}
}
