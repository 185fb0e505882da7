#pragma once

// Selects a packet detection rule of a session for a user's packet (3GPP TS 29.244 clause 5.2.1):
// the rules that share a tunnel end or a user address, in order of precedence; the first whose
// filters hold is the one, and the list marks it as wanted or not. Immutable and reference-counted;
// read by workers, made by the follower.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "shared/filter.h"

#define PDR_SELECT_MAX 32 // rules in one list
#define PDR_FLOWS_MAX 8	  // flow descriptions of one rule; any of them
#define PDR_USERS_MAX 4	  // user addresses of one rule; any of them

// One IPFilterRule of RFC 6733 as TS 29.212 uses it, already turned towards the packet's direction.
struct pdr_flow {
	uint8_t protocol; // 0: any ("ip")
	bool any_protocol;
	struct ip_prefix source, destination; // family 0: any; "assigned" is the user's address
	struct port_set source_ports, destination_ports; // n 0: any
};

struct pdr_choice {
	bool wanted;
	uint64_t qfis; // bit n: packets of QFI n in a PDU session container; 0: QFIs do not matter
	uint8_t n_flows; // any of them; 0: every packet
	struct pdr_flow flow[PDR_FLOWS_MAX];
	bool uplink;	 // the user's address is the source; else the destination
	uint8_t n_users; // 0: any user's
	struct ip_prefix user[PDR_USERS_MAX];
};

struct pdr_select;

// "permit out 17 from 192.0.2.0/24 5000-5010 to assigned 80": written for downlink; `uplink` swaps
// the ends. `assigned`: the session's addresses are already what is looked at, so it is read as
// any. 0, SYNTAX for what is no such text, UNSUPPORTED for options that are not followed.
[[nodiscard]] int pdr_flow_parse(
	const char *text, size_t length, bool uplink, struct pdr_flow *out);

// In order of precedence. Takes a copy; one reference. NULL when out of memory or beyond the
// bounds.
struct pdr_select *pdr_select_new(const struct pdr_choice *choices, uint32_t n);
const struct pdr_select *pdr_select_hold(const struct pdr_select *s);
// The last one frees. Only after the grace period of the tables that name it.
void pdr_select_drop(const struct pdr_select *s);

// The user's packet at `layer` of the view, in the tunnel `g` (NULL: in none). False also when no
// rule holds.
bool pdr_select_wants(const struct pdr_select *s, const struct packet_view *v,
	const struct packet_nested *g, uint8_t layer);
uint64_t pdr_select_digest(const struct pdr_select *s); // equal lists, equal numbers
