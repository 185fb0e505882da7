// Events of the dataplane: sent to the controller, or kept while none is there.

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

static void send_event(struct server *s, struct client *c, const struct channel_event *e)
{
	client_send(c, s->out, channel_encode_event(s->out, sizeof(s->out), CHANNEL_EVENT, 0, e));
}

void server_event(struct server *s, const struct channel_event *e)
{
	struct client *c = server_controller(s);

	if (c && (c->informed || e->kind == EVENT_FAIL_SAFE)) {
		send_event(s, c, e);
		return;
	}
	server_keep_event(s, e);
}

void server_keep_event(struct server *s, const struct channel_event *e)
{
	s->events[(s->first_event + s->n_events) % EVENTS_KEPT] = *e;
	if (s->n_events < EVENTS_KEPT)
		s->n_events++;
	else
		s->first_event = (s->first_event + 1) % EVENTS_KEPT;
}

void server_replay(struct server *s, struct client *c, uint8_t kind)
{
	uint32_t n = s->n_events;

	s->n_events = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct channel_event e = s->events[(s->first_event + i) % EVENTS_KEPT];
		if (!kind || e.kind == kind)
			send_event(s, c, &e);
		else
			s->events[(s->first_event + s->n_events++) % EVENTS_KEPT] = e;
	}
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
		send_event(s, c, e);
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
	send_now(s, &ledger);
	send_now(s, &matching);
	ports_conditions(s->with.ports, send_now, s);
}
