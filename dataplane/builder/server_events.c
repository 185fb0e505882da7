// Events of the dataplane: kept until a controller has done what follows from them.

#include "dataplane/builder/server_internal.h"

#include <stdio.h>
#include <string.h>

#include "shared/log.h"
#include "shared/now.h"

struct client *server_controller(const struct server *s)
{
	for (uint32_t i = 0; i < s->n_clients; i++)
		if (s->clients[i]->role == CHANNEL_ROLE_CONTROL && !s->clients[i]->dead)
			return s->clients[i];
	return NULL;
}

static void send_event(
	struct server *s, struct client *c, uint32_t number, const struct channel_event *e)
{
	client_send(
		c, s->out, channel_encode_event(s->out, sizeof(s->out), CHANNEL_EVENT, number, e));
}

static struct kept_event *kept(struct server *s, uint32_t i)
{
	return &s->events[(s->first_event + i) % EVENTS_KEPT];
}

void server_event(struct server *s, const struct channel_event *e)
{
	struct client *c = server_controller(s);

	server_keep_event(s, e);
	if (!c || (!c->informed && e->kind != EVENT_FAIL_SAFE))
		return;
	struct kept_event *k = kept(s, s->n_events - 1);
	k->sent = true;
	send_event(s, c, k->number, e);
}

void server_keep_event(struct server *s, const struct channel_event *e)
{
	if (!++s->event_number)
		s->event_number = 1;
	*kept(s, s->n_events) = (struct kept_event){.number = s->event_number, .event = *e};
	if (s->n_events < EVENTS_KEPT)
		s->n_events++;
	else
		s->first_event = (s->first_event + 1) % EVENTS_KEPT;
}

void server_events_unsent(struct server *s)
{
	for (uint32_t i = 0; i < s->n_events; i++)
		kept(s, i)->sent = false;
}

void server_replay(struct server *s, struct client *c, uint8_t kind)
{
	for (uint32_t i = 0; i < s->n_events; i++) {
		struct kept_event *k = kept(s, i);
		if (k->sent || (kind && k->event.kind != kind))
			continue;
		k->sent = true;
		send_event(s, c, k->number, &k->event);
	}
}

// A fail-safe is sent ahead of what was kept before it: what was not sent stays.
bool server_events_done(struct server *s, uint32_t number)
{
	uint32_t n = s->n_events;
	bool left = false;

	s->n_events = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct kept_event *k = kept(s, i);
		if (k->sent && (int32_t)(number - k->number) >= 0)
			continue;
		left |= k->left;
		if (s->n_events != i)
			*kept(s, s->n_events) = *k;
		s->n_events++;
	}
	return !left;
}

void server_event_text(struct server *s, int kind, const char *text)
{
	struct channel_event e = {.kind = (uint8_t)kind, .time_ns = now_wall_ns()};

	snprintf(e.text, sizeof(e.text), "%s", text);
	log_kind(WARNING, SELF_CHECK, "%s", e.text);
	server_event(s, &e);
}

static void send_now(void *context, struct channel_event *e)
{
	struct server *s = context;
	struct client *c = server_controller(s);

	e->time_ns = now_wall_ns();
	if (c)
		send_event(s, c, 0, e);
}

void server_conditions(struct server *s)
{
	struct channel_event ledger = {
		.kind = s->ledger.fault ? EVENT_LEDGER_FAULT : EVENT_LEDGER_CLEAR};
	bool wrong = s->generation.fault || s->scan.fault;
	struct channel_event matching = {
		.kind = wrong ? EVENT_SECURITY_FAULT : EVENT_SECURITY_CLEAR};

	snprintf(ledger.text, sizeof(ledger.text), "%s",
		s->ledger.fault ? TEXT_DIFFERS : TEXT_BALANCES);
	snprintf(matching.text, sizeof(matching.text), "%s",
		s->generation.fault ? TEXT_OLD_TABLE
		: wrong		    ? TEXT_WRONG_TABLE
				    : TEXT_RIGHT);
	struct channel_event fragments = {
		.kind = s->fragments.reported ? EVENT_FRAGMENTS_LOST : EVENT_FRAGMENTS_CLEAR};
	snprintf(fragments.text, sizeof(fragments.text), "%s",
		s->fragments.reported ? TEXT_FRAGMENTS : TEXT_NO_FRAGMENTS);
	send_now(s, &ledger);
	send_now(s, &matching);
	send_now(s, &fragments);
	ports_conditions(s->with.ports, send_now, s);
}
