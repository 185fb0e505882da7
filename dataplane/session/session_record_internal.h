#pragma once

// A session: one packed record, and the rules that it unpacks to.

#include <sys/queue.h>

#include "dataplane/session/session_store_internal.h"

#define NS_PER_S 1000000000ull

#define SESSION_ABSENT UINT64_MAX // digits that are not there

#define RULES_PDRS_MAX 64
#define RULES_FARS_MAX 64
#define RULES_ENDPOINTS_MAX 32
#define RULES_BEARERS_MAX GTPV2_BEARERS_MAX
#define RULES_LINGERS_MAX 16
#define RULES_CSIDS_MAX 4
#define RULES_NAMES_MAX 96 // distinct network instances of one session that are looked up
#define LINGER_PDRS_MAX 6
#define UNKNOWN_INTERFACE 0xff

enum session_kind { KIND_PFCP, KIND_S11, KIND_S5, KIND_RADIUS, KIND_EVENT };

struct rule_pdi { // of a PDR or a Traffic Endpoint
	bool has_local;
	struct tunnel_end local;
	uint32_t ni; // string, SESSION_NONE when absent
	uint8_t n_ue;
	struct ip_prefix ue[PFCP_UE_MAX];
};

struct rule_pdr {
	uint16_t id;
	uint8_t source; // UNKNOWN_INTERFACE when absent
	bool has_far, other, between;
	int16_t endpoint;
	uint32_t precedence, far;
	uint64_t qfis;
	uint8_t n_qers, n_sdfs;
	uint32_t qer[PFCP_QERS_MAX];
	struct rule_sdf {
		uint32_t text; // string, SESSION_NONE: only an id
		bool has_id;   // with neither, a filter that is not known here
		uint32_t id;
	} sdf[PFCP_SDFS_MAX];
	struct rule_pdi pdi;
};

struct rule_far {
	uint32_t id;
	uint16_t action;
	uint8_t interface; // destination; UNKNOWN_INTERFACE when absent
	bool has_outer, between;
	struct tunnel_end outer;
};

struct rule_endpoint {
	uint8_t id;
	struct rule_pdi pdi;
};

struct rule_bearer { // GTPv2-C; of events only a place for ends
	uint8_t ebi;
	uint8_t n_ends;
	struct {
		uint8_t interface;
		struct tunnel_end end;
	} end[GTPV2_ENDS_MAX];
};

struct rule_linger { // a tunnel left by a handover
	uint64_t until_ns;
	uint8_t link, direction;
	uint8_t n_pdrs; // 0: not known whose
	uint16_t pdr[LINGER_PDRS_MAX];
	uint32_t teid;
	struct ip_prefix prefix;
};

struct account_time { // of a RADIUS message, as far as it is known
	uint64_t sent_ns; // receive time less the delay that the NAS reports; 0: never
	uint32_t event_s; // Event-Timestamp: seconds of the NAS's clock; 0: absent
};

struct rules {
	uint8_t kind;		     // enum session_kind
	// RADIUS, the earliest that they can have been: the message that it is known by, and the
	// Start with which its name was used again.
	struct account_time last, again;
	struct f_seid cp, up;	     // GTPv2-C: control TEIDs of the client and the server; events: N4's
	uint64_t imsi, msisdn, imei; // digits as nibbles, left-aligned, F behind; SESSION_ABSENT
	uint16_t name_length, nai_length;
	uint8_t name[640]; // RADIUS: NAS and Acct-Session-Id; events: the function's own
	uint8_t nai[SESSION_NAI_MAX];
	uint32_t dnn;	     // string
	uint8_t default_ebi; // GTPv2-C
	uint8_t n_ue;	     // of GTPv2-C, RADIUS and events
	struct ip_prefix ue[RADIUS_ADDRESSES_MAX];
	uint8_t n_csids, n_lingers, n_bearers, n_endpoints, n_pdrs, n_fars;
	uint32_t csid[RULES_CSIDS_MAX];
	struct rule_linger linger[RULES_LINGERS_MAX];
	struct rule_bearer bearer[RULES_BEARERS_MAX];
	struct rule_endpoint endpoint[RULES_ENDPOINTS_MAX];
	struct rule_pdr pdr[RULES_PDRS_MAX];
	struct rule_far far[RULES_FARS_MAX];
	bool overflow; // more rules than fit
	bool partial;  // its establishment was missed: rules may be there without those they belong
		       // to
};

#define SESSION_ACCEPTED 0x01u	// its establishment was accepted, or proven
#define SESSION_PARTIAL 0x02u	// its establishment was missed
#define SESSION_LOSS 0x04u	// a message of it was lost
#define SESSION_OVERTAKEN 0x08u // another session took one of its keys
#define SESSION_DIRTY 0x10u	// in the list of those to bind anew
#define SESSION_CORRELATED 0x20u // its correlation ID was reported or is shared: it is indexed
#define SESSION_HASHED_WANTED 0x40u // a hashed target may have its identity's digest

struct membership;
struct transaction;

// A million of them are held: each octet counts.
struct session {
	SLIST_HEAD(, membership) memberships;
	SLIST_HEAD(, transaction) pending; // oldest first
	uint32_t index, pair, restart_epoch;
	uint32_t generation; // no other of this index has it while a transaction waits
	uint32_t path;	     // of the user plane: the generation of the first that is on it
	// By index: a session that changes is another piece of memory.
	uint32_t next, previous; // of the pair
	uint32_t newer, older;	 // partial ones
	uint32_t heard_s;	 // begun second of the store's clock
	uint16_t length;	 // octets of `body`
	uint8_t kind, flags;
	uint8_t n_pending;
	uint8_t broken; // SIGNALLING_BROKEN_: kinds of its identity that could not be read
	uint8_t body[];
};

static inline bool session_is_newer(const struct session *a, const struct session *b)
{
	return (int32_t)(a->generation - b->generation) > 0;
}

#define RECORD_MAX 49152u
uint32_t record_pack(const struct rules *r, uint8_t *out); // octets; 0 when too long
void record_unpack(const struct session *s, struct rules *out);
// Reads only the F-SEIDs of control plane and user plane (GTPv2-C: client and server).
void record_seids(const struct session *s, struct f_seid *cp, struct f_seid *up);
void rules_clear(struct rules *r, enum session_kind kind);
// All strings that it names get, or lose, one reference.
void rules_strings(struct sessions *st, const struct rules *r, bool take);
uint64_t digits_pack(const char *text); // SESSION_ABSENT for none

// Looking into rules.
bool far_forwards(const struct rule_far *f);
const struct rule_far *rules_far(const struct rules *r, uint32_t id);
const struct rule_pdi *pdr_pdi(const struct rules *r, const struct rule_pdr *p);
bool tunnel_end_same(const struct tunnel_end *a, const struct tunnel_end *b);
const struct rule_bearer *rules_bearer(const struct rules *r, uint8_t ebi);
