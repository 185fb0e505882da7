#pragma once

// Events of network functions, for tests of the session store.

#include <string.h>

#include "tests/unit/dataplane/session/signalling_lab.h"

static inline struct ip_address event_address(uint32_t a)
{
	struct ip_address out = {.family = 4};

	for (unsigned i = 0; i < 4; i++)
		out.b[i] = (uint8_t)(a >> (24 - 8 * i));
	return out;
}

static inline struct ip_prefix event_prefix(uint32_t a)
{
	struct ip_prefix out = {.family = 4, .length = 32};

	memcpy(out.b, event_address(a).b, 4);
	return out;
}

static inline struct f_seid event_seid(uint64_t seid, uint32_t address)
{
	return (struct f_seid){.seid = seid, .v4 = event_address(address)};
}

// `imsi` may be NULL, `ue` 0: none.
static inline struct session_event event_is(const char *name, const char *imsi, uint32_t ue)
{
	struct session_event e = {.kind = SESSION_EVENT_IS,
		.name = name,
		.name_length = (uint16_t)strlen(name),
		.n_addresses = ue != 0,
		.address = {event_prefix(ue)}};

	if (imsi)
		strcpy(e.user.imsi.text, imsi);
	return e;
}

static inline struct session_event event_ends(const char *name)
{
	return (struct session_event){
		.kind = SESSION_EVENT_ENDS, .name = name, .name_length = (uint16_t)strlen(name)};
}

static inline void event_tunnel(
	struct session_event *e, bool uplink, uint32_t teid, uint32_t address)
{
	struct tunnel_end *end = uplink ? &e->uplink[e->n_uplink++] : &e->downlink[e->n_downlink++];

	*end = (struct tunnel_end){.teid = teid, .v4 = event_address(address)};
}

// 0.1 ms later than the message before. Returns its result.
static inline int event_take_at(struct world *world, struct session_event *e)
{
	world->now_ns += 100000;
	e->time_ns = world->now_ns;
	e->result = -1000;
	sessions_event(world->store, e);
	return e->result;
}
