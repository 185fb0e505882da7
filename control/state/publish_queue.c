// Queues to the dataplane: messages to be sent, and requests that wait for their answer.
#include "control/state/publish_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "shared/now.h"

#define LAST_MS 500

uint32_t publish_next(struct publish *p)
{
	if (!++p->request)
		p->request = 1; // 0 is for events
	return p->request;
}

static int pending_grow(struct publish *p)
{
	uint32_t slots = p->pending_slots * 2;

	if (slots > 1u << 24)
		return POI_ERR_LIMIT;
again:;
	struct pending *table = calloc(slots, sizeof(*table));
	if (!table)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < p->pending_slots; i++) {
		const struct pending *from = &p->pending[i];
		if (!from->used)
			continue;
		struct pending *to = &table[from->request & (slots - 1)];
		if (to->used) { // two requests further apart than the table is long
			free(table);
			slots *= 2;
			if (slots > 1u << 24)
				return POI_ERR_LIMIT;
			goto again;
		}
		*to = *from;
	}
	free(p->pending);
	p->pending = table;
	p->pending_slots = slots;
	return 0;
}

static int pending_add(struct publish *p, uint32_t request, publish_done done, void *context)
{
	while (p->pending[request & (p->pending_slots - 1)].used) {
		int rc = pending_grow(p);
		if (rc)
			return rc;
	}
	p->pending[request & (p->pending_slots - 1)] = (struct pending){
		.done = done, .context = context, .request = request, .used = true};
	p->pending_used++;
	return 0;
}

bool publish_answered(struct publish *p, uint32_t request, struct pending *out)
{
	struct pending *at = &p->pending[request & (p->pending_slots - 1)];

	if (!at->used || at->request != request)
		return false;
	*out = *at;
	at->used = false;
	p->pending_used--;
	return true;
}

void publish_close_pending(struct publish *p)
{
	// The callbacks may look at the publisher: it is down already and takes nothing new.
	struct pending *table = p->pending;
	uint32_t slots = p->pending_slots, newest = p->request;

	if (!p->pending_used)
		return;
	p->pending = calloc(64, sizeof(*p->pending));
	if (!p->pending)
		abort(); // 1.5 KiB: nothing reasonable is left to do
	p->pending_slots = 64;
	p->pending_used = 0;
	// Oldest first, as they were asked.
	for (uint32_t i = 1; i <= slots; i++) {
		const struct pending *at = &table[(newest + i) & (slots - 1)];
		if (at->used && at->done)
			at->done(at->context, POI_ERR_CLOSED, NULL);
	}
	free(table);
}

int publish_post(struct publish *p, int length)
{
	if (length < 0)
		return length;
	struct outgoing *o = malloc(sizeof(*o) + (size_t)length);
	if (!o)
		return POI_ERR_NOMEM;
	o->length = (uint32_t)length;
	memcpy(o->octets, p->scratch, (size_t)length);
	STAILQ_INSERT_TAIL(&p->outgoing, o, entry);
	event_active(p->writable, EV_WRITE, 0);
	return 0;
}

// Always by way of the queue and the loop: an answer to a caller never comes out of its own call.
int publish_submit(struct publish *p, int length, publish_done done, void *context)
{
	if (length < 0)
		return length;
	if (p->state == PUBLISH_DOWN)
		return POI_ERR_CLOSED;
	struct outgoing *o = malloc(sizeof(*o) + (size_t)length);
	if (!o)
		return POI_ERR_NOMEM;
	int rc = pending_add(p, p->request, done, context);
	if (rc) {
		free(o);
		return rc;
	}
	o->length = (uint32_t)length;
	memcpy(o->octets, p->scratch, (size_t)length);
	STAILQ_INSERT_TAIL(&p->outgoing, o, entry);
	if (p->state != PUBLISH_HELLO) // nothing may overtake the hello
		event_active(p->writable, EV_WRITE, 0);
	return 0;
}

int publish_flush(struct publish *p)
{
	struct outgoing *o;

	while ((o = STAILQ_FIRST(&p->outgoing)) != NULL) {
		int rc = channel_send(p->fd, o->octets, o->length);
		if (rc == POI_ERR_AGAIN) {
			event_add(p->writable, NULL);
			return 0;
		}
		if (rc)
			return rc;
		STAILQ_REMOVE_HEAD(&p->outgoing, entry);
		free(o);
	}
	return 0;
}

void publish_flush_last(struct publish *p)
{
	const uint64_t until = now_monotonic_ms() + LAST_MS;

	while (p->state > PUBLISH_HELLO && !publish_flush(p) && !STAILQ_EMPTY(&p->outgoing)) {
		uint64_t now = now_monotonic_ms();
		struct pollfd writable = {.fd = p->fd, .events = POLLOUT};
		if (now >= until || poll(&writable, 1, (int)(until - now)) <= 0)
			return;
	}
}

void publish_drop_outgoing(struct publish *p)
{
	struct outgoing *o;

	while ((o = STAILQ_FIRST(&p->outgoing)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->outgoing, entry);
		free(o);
	}
}
