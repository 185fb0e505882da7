#pragma once

// Builds signalling datagrams for tests, and a sink that remembers what is bound.

#include "dataplane/session/session.h"

struct lab {
	uint8_t octets[4096];
	uint32_t n;
	uint32_t open[8]; // places of the lengths of open groups
	uint32_t depth;
};

void lab_pfcp(struct lab *l, uint8_t type, uint32_t sequence); // node message
void lab_pfcp_session(struct lab *l, uint8_t type, uint64_t seid, uint32_t sequence);
void lab_end(struct lab *l); // sets the message's length
void lab_u8(struct lab *l, uint8_t v);
void lab_u16(struct lab *l, uint16_t v);
void lab_u32(struct lab *l, uint32_t v);
void lab_u64(struct lab *l, uint64_t v);
void lab_octets(struct lab *l, const void *octets, uint32_t n);
void lab_open(struct lab *l, uint16_t type); // an IE; what follows is its content
void lab_close(struct lab *l);

// IEs. Addresses are IPv4 in host order.
void lab_ie8(struct lab *l, uint16_t type, uint8_t v);
void lab_ie16(struct lab *l, uint16_t type, uint16_t v);
void lab_ie32(struct lab *l, uint16_t type, uint32_t v);
void lab_text(struct lab *l, uint16_t type, const char *text);
void lab_node(struct lab *l, uint32_t address);
void lab_f_seid(struct lab *l, uint64_t seid, uint32_t address);
void lab_f_teid(struct lab *l, uint32_t teid, uint32_t address);
void lab_choose(struct lab *l, int id); // negative: without CHOOSE ID
void lab_ue(struct lab *l, uint32_t address);
void lab_outer(struct lab *l, uint32_t teid, uint32_t address);
void lab_user(struct lab *l, const char *imsi); // User ID with an IMSI of 15 digits
struct lab_identities { // NULL: not there
	const char *imsi, *imei, *msisdn, *nai;
};
void lab_identities(struct lab *l, const struct lab_identities *all); // User ID with all of them

// GTPv2-C
void lab_gtpv2(struct lab *l, uint8_t type, uint32_t teid, uint32_t sequence);
void lab_gtpv2_end(struct lab *l);
void lab_gtpv2_open(struct lab *l, uint8_t type, uint8_t instance);
void lab_gtpv2_close(struct lab *l);
void lab_gtpv2_ie8(struct lab *l, uint8_t type, uint8_t v);
void lab_gtpv2_f_teid(
	struct lab *l, uint8_t instance, uint8_t interface, uint32_t teid, uint32_t address);
void lab_gtpv2_imsi(struct lab *l, const char *digits);
void lab_gtpv2_paa(struct lab *l, uint32_t address);

// RADIUS accounting
void lab_radius(struct lab *l, uint8_t code, uint8_t identifier);
void lab_radius_end(struct lab *l);
void lab_attribute(struct lab *l, uint8_t type, const void *octets, uint8_t n);

// ---- the store under test ----

#define WORLD_BOUND_MAX 4096

struct world {
	struct sessions *store;
	uint64_t now_ns;
	struct world_bound {
		uint64_t subscription;
		struct binding b;
	} bound[WORLD_BOUND_MAX];
	uint32_t n_bound;
	uint64_t binds, unbinds;
	uint64_t over[64]; // correlation IDs, and how many
	uint32_t n_over;
	struct subscription_state state[64]; // by subscription, where that is small
	uint32_t refuse;		     // so many bindings are answered with NOMEM
	bool broken;			     // the store reported something that cannot be
};

struct sessions_settings world_settings(struct world *w);
void world_make(struct world *w, const struct sessions_settings *s); // NULL: defaults
void world_end(struct world *w);
// From one address to another (host order), 0.1 ms later than the one before.
void world_take(struct world *w, const struct lab *l, uint8_t protocol, uint32_t from, uint32_t to);
void world_pass(struct world *w, uint64_t ns);
int world_subscribe_imsi(struct world *w, uint64_t subscription, const char *imsi);
int world_subscribe_seid(struct world *w, uint64_t subscription, uint64_t seid, uint32_t address);
// Bound by that subscription: a tunnel on a link in a direction; an address.
bool world_tunnel(const struct world *w, uint64_t subscription, uint8_t link, uint8_t direction,
	uint32_t teid, uint32_t address);
bool world_address(const struct world *w, uint64_t subscription, uint32_t address);
uint32_t world_bound_by(const struct world *w, uint64_t subscription);
struct session_counts world_counts(const struct world *w);
