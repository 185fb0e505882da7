#pragma once

// Start of the tests of one file about sessions of events: the session of pfcp_bed's first
// subscriber, as a network function shows it.

#include "tests/unit/dataplane/session/pfcp_bed.h"
#include "tests/unit/dataplane/session/session_events.h"

static inline void begin_correlating(void)
{
	struct sessions_settings s = world_settings(&w);

	s.correlate = true;
	world_make(&w, &s);
}

// The same session as pfcp_play's `one`, with its tunnels.
static inline struct session_event alice(void)
{
	struct session_event e = event_is("smf-1/imsi-1-5", one.imsi, one.ue);

	event_tunnel(&e, true, one.uplink, N3_UPF);
	event_tunnel(&e, false, 0x501, GNB_A);
	return e;
}

static inline int take(struct session_event *e)
{
	return event_take_at(&w, e);
}

static inline int ends(const char *name)
{
	struct session_event e = event_ends(name);

	return take(&e);
}

static inline void subscribe(uint64_t subscription, const struct session_target *t)
{
	cr_assert_eq(sessions_subscribe(w.store, subscription, t, FILTER_ANY_DIRECTION), 0);
}

static inline bool bound_to_all(uint64_t subscription)
{
	return uplink(&one, subscription) && downlink(subscription, 0x501, GNB_A) &&
	       world_address(&w, subscription, one.ue) && world_bound_by(&w, subscription) == 3;
}

// True if all bindings have this correlation ID.
static inline bool all(uint64_t correlation)
{
	for (uint32_t i = 0; i < w.n_bound; i++)
		if (w.bound[i].b.correlation != correlation)
			return false;
	return w.n_bound > 0 && correlation != 0;
}

static inline struct session_event known_by_all(void)
{
	struct session_event e = alice();

	strcpy(e.user.msisdn.text, "491700000001");
	strcpy(e.user.imei.text, "4901542032375186");
	e.user.nai = (struct span){(const uint8_t *)"alice@example.org", 17};
	e.cp = event_seid(one.cp, SMF);
	e.up = event_seid(one.up, UPF);
	return e;
}
