#pragma once

// Selectors: the tunnel ends and addresses in which a session's packets are seen on the links.

#include "dataplane/session/session_record_internal.h"

#define SELECTORS_MAX 320
enum selector_role { ROLE_LOCAL, ROLE_OUTER };

struct selector {
	uint8_t kind, direction, link, role;
	bool linger, accepted;
	uint32_t teid;
	uint32_t ni; // of an address: its domain
	struct ip_prefix prefix;
	uint64_t pdrs;	   // PFCP: those that share it, by place in the rules
	uint64_t uplink;   // of an address: those that packets from it can belong to
	uint32_t order;	   // of the latest transaction that names it, 0 when accepted only
	bool session_wide; // not of PDRs: only for subscriptions to all of the session
};
struct selectors {
	uint32_t n;
	struct selector selector[SELECTORS_MAX];
	bool overflow;
};

void selectors_of(const struct rules *r, struct selectors *out); // accepted ones
bool selector_same(const struct selector *a, const struct selector *b);
const struct selector *selectors_find(const struct selectors *w, const struct selector *x);

// Makes the select for the PDRs wanted of those that a packet can belong to: 0 and NULL for all;
// INVALID when they cannot be distinguished, NOT_FOUND when none is wanted, NOMEM. Behind the UPF a
// user's packet shows neither the tunnel nor the QFI that it came with.
enum select_of { SELECT_DOWNLINK, SELECT_UPLINK, SELECT_UPLINK_BEHIND };
struct select_query {
	const struct rules *rules;
	uint64_t pdrs, wanted; // by place
	enum select_of of;
};
int select_make(
	const struct sessions *st, const struct select_query *q, const struct pdr_select **out);
