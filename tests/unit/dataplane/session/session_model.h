#pragma once

// The bindings that the session store must have, worked out naively: lists, linear searches,
// everything anew after each message. It handles the sessions that pfcp_play sends, nothing else:
// PDR 1 uplink, PDR 2 downlink with an address, FAR 2 towards the base station. CP and UP SEIDs are
// never used twice.

#include <stdbool.h>
#include <stdint.h>

#define MODEL_SESSIONS 12

enum model_kind {
	MODEL_ESTABLISH,
	MODEL_ESTABLISHED,
	MODEL_MODIFY,
	MODEL_MODIFIED,
	MODEL_DELETE,
	MODEL_DELETED,
	MODEL_WAIT // 1.1 s
};

struct model_event {
	uint8_t kind;
	uint8_t session; // below MODEL_SESSIONS
	uint32_t sequence;
	uint8_t action, cause;
	uint32_t teid, gnb;
};

struct model_selector { // outer 0: local F-TEID; 1: towards the base station; 2: address
	uint8_t what;
	uint32_t a, b; // TEID and base station; address and domain
};

struct model;
struct play;

struct model *model_new(const struct play *plays); // MODEL_SESSIONS of them, the caller's
void model_free(struct model *m);
void model_take(struct model *m, const struct model_event *e);
// Lists the selectors of a subscription for that session's IMSI, or its UP F-SEID; at most `most`.
// Returns how many.
unsigned model_bound(const struct model *m, unsigned session, bool by_imsi,
	struct model_selector *out, unsigned most);
