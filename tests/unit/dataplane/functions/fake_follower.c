// Stands for the follower's thread: sessions of events have their results at once.

#include "functions_bed.h"

struct fake_follower fake;

void follower_event(struct follower *f, struct session_event *e)
{
	unsigned i = 0;

	(void)f;
	e->correlation = 0;
	e->result = POI_ERR_NOMEM;
	if (fake.deaf)
		return;
	fake.lost += e->kind == SESSION_EVENT_FUNCTION_LOST;
	fake.back += e->kind == SESSION_EVENT_FUNCTION_BACK;
	e->result = 0;
	if (e->kind == SESSION_EVENT_FUNCTION_LOST || e->kind == SESSION_EVENT_FUNCTION_BACK)
		return;
	fake.n_events++; // of sessions
	fake.last = *e;
	if (e->name_length)
		memcpy(fake.name, e->name, e->name_length);
	fake.name[e->name_length] = 0;
	fake.last.name = fake.name;
	fake.ended += e->kind == SESSION_EVENT_ENDS;
	while (i < fake.n_sessions && strcmp(fake.session[i].name, fake.name) != 0)
		i++;
	if (e->kind == SESSION_EVENT_ENDS && i < fake.n_sessions) // the next of its name is new
		fake.session[i] = fake.session[--fake.n_sessions];
	if (e->kind != SESSION_EVENT_IS)
		return;
	if (fake.full) {
		e->result = POI_ERR_NOMEM;
		return;
	}
	if (i == fake.n_sessions && i < 64) {
		strcpy(fake.session[i].name, fake.name);
		fake.session[i].correlation = fake.next++;
		fake.n_sessions++;
	}
	e->correlation = i < 64 ? fake.session[i].correlation : 0;
}

void follower_wait_done(struct follower *f)
{
	(void)f;
}
