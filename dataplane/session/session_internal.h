#pragma once

// What the files of the session store share. A session's settled state is one packed record
// (session_record); messages are applied to an unpacked copy (session_rules), from which the ways
// follow in which its packets can be told (session_selectors). A request that waits for its response is
// kept as octets and is applied on top whenever the ways are asked for: it adds, and nothing has to
// be taken back from the record when it fails.

#include "dataplane/session/session.h"

#define SESSION_NONE UINT32_MAX
#define SESSION_ABSENT UINT64_MAX // digits that are not there

// ---- memory, tables of pointers, hashes (session_table.c, session_index.c) ----

struct session_memory {
	uint64_t used, max;
	uint64_t kept; // of max: for what tasks need, however much is signalled
	bool for_tasks;
};
void *session_alloc(struct session_memory *m, size_t size); // zeroed; NULL beyond the bound
void session_release(struct session_memory *m, void *p);

// Numbers for pointers, the lowest free last used first.
struct session_table {
	void ***chunk;
	uint32_t n_chunks, fresh, live, free; // free: list through the chunks
};
uint32_t session_table_add(struct session_table *t, struct session_memory *m, void *p);
void *session_table_get(const struct session_table *t, uint32_t i); // NULL when not there
void session_table_remove(struct session_table *t, struct session_memory *m, uint32_t i);
void session_table_free(struct session_table *t, struct session_memory *m);
#define session_table_end(t) ((t)->fresh)

// From keyed hashes to numbers; the same hash may stand for many. It grows by segments, so that no
// message waits for a large table to be copied. Callers verify what they find.
#define INDEX_SEGMENTS 1024u
#define INDEX_RUN_MAX 256u // numbers of one hash; beyond that the hash is `crowded`

struct index_segment {
	struct index_slot {
		uint32_t tag, value; // value SESSION_NONE: empty
	} * slot;
	uint32_t capacity, n;
};
struct session_index {
	struct index_segment segment[INDEX_SEGMENTS];
	uint64_t *crowded; // hashes that stand for more than are indexed; for ever
	uint32_t n_crowded;
	bool all_crowded;
};
struct index_cursor {
	const struct index_segment *segment;
	uint32_t at, tag;
};
enum index_added { INDEX_ADDED, INDEX_CROWDED, INDEX_NO_MEMORY };
enum index_added session_index_add(
	struct session_index *x, struct session_memory *m, uint64_t hash, uint32_t value);
bool session_index_remove(
	struct session_index *x, struct session_memory *m, uint64_t hash, uint32_t value);
struct index_cursor session_index_find(const struct session_index *x, uint64_t hash);
uint32_t session_index_next(struct index_cursor *c); // SESSION_NONE at the end
bool session_index_has(const struct session_index *x, uint64_t hash, uint32_t value);
bool session_index_crowded(const struct session_index *x, uint64_t hash);
void session_index_free(struct session_index *x, struct session_memory *m);

uint64_t session_hash(const uint64_t seed[2], uint8_t kind, const void *octets, size_t length);

// ---- strings (session_string.c) ----

enum string_kind { STRING_NI = 1, STRING_SDF, STRING_CSID, STRING_NODE, STRING_KINDS };

// Sessions that name the string, for those kinds that are looked up by it.
#define MEMBERS_SHIFT 12
struct session_string {
	uint32_t refs, id;
	uint32_t value; // NODE: another string of the same node, nearer to the one that stands for
			// it SESSION_NONE: it stands for it. NI, CSID: 0 when its members are not
			// known
	uint32_t n_chunks;
	uint64_t **members; // bitmaps of 1 << MEMBERS_SHIFT sessions
	uint16_t length;
	uint8_t kind;
	uint8_t octets[];
};
struct session_strings {
	struct session_table table;
	struct session_index index;
	uint32_t of_kind[STRING_KINDS];
};

// ---- the unpacked session (session_record.c) ----

#define RULES_PDRS_MAX 64
#define RULES_FARS_MAX 64
#define RULES_ENDPOINTS_MAX 32
#define RULES_BEARERS_MAX GTPV2_BEARERS_MAX
#define RULES_LINGERS_MAX 16
#define RULES_CSIDS_MAX 4
#define RULES_NAMES_MAX 96 // distinct network instances of one session that are looked up
#define LINGER_PDRS_MAX 6
#define UNKNOWN_INTERFACE 0xff

enum session_kind { KIND_PFCP, KIND_S11, KIND_S5, KIND_RADIUS };

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

struct rule_bearer { // GTPv2-C
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

struct rules {
	uint8_t kind;		     // enum session_kind
	struct f_seid cp, up;	     // GTPv2-C: control TEIDs of the client and the server
	uint64_t imsi, msisdn, imei; // digits as nibbles, left-aligned, F behind; SESSION_ABSENT
	uint16_t name_length, nai_length;
	uint8_t name[640]; // RADIUS: NAS and Acct-Session-Id
	uint8_t nai[SESSION_NAI_MAX];
	uint32_t dnn;	     // string
	uint8_t default_ebi; // GTPv2-C
	uint8_t n_ue;	     // of GTPv2-C and RADIUS
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

#define SESSION_SETTLED 0x01u	// its establishment was accepted, or proven
#define SESSION_PARTIAL 0x02u	// its establishment was missed
#define SESSION_LOSS 0x04u	// a message of it was lost
#define SESSION_OVERTAKEN 0x08u // another session took one of its keys
#define SESSION_DIRTY 0x10u	// in the list of those to bind anew

struct bond;
struct transaction;

struct session {
	uint64_t heard_ns;
	struct bond *bonds;
	struct transaction *pending; // oldest first
	uint32_t number, pair, epoch;
	uint32_t life;		 // no other of this number has it while a transaction waits
	uint32_t next, previous; // of the pair
	uint32_t newer, older;	 // partial ones
	uint16_t length;	 // octets of `body`
	uint8_t kind, flags;
	uint8_t n_pending;
	uint8_t body[];
};

static inline bool session_is_newer(const struct session *a, const struct session *b)
{
	return (int32_t)(a->life - b->life) > 0;
}

// ---- ways ----

#define WAYS_MAX 320
enum way_role { ROLE_LOCAL, ROLE_OUTER };

struct way {
	uint8_t way, direction, link, role;
	bool linger, settled;
	uint32_t teid;
	uint32_t ni; // of an address: its domain
	struct ip_prefix prefix;
	uint64_t pdrs;	 // PFCP: those that share it, by place in the rules
	uint64_t uplink; // of an address: those that packets from it can belong to
	uint32_t serial; // of the latest transaction that names it, 0 when settled only
	bool whole;	 // not of PDRs: only for those who want all of the session
};
struct ways {
	uint32_t n;
	struct way way[WAYS_MAX];
	bool overflow;
};

// ---- transactions ----

enum transaction_state { TRANSACTION_ASKED, TRANSACTION_ASSUMED, TRANSACTION_ANSWERED };

struct transaction {
	uint64_t key;	   // keyed hash of both ends, sequence number and type
	uint64_t octets;   // keyed hash of the request
	uint64_t response; // keyed hash of the response
	uint64_t time_ns;
	struct transaction *newer, *older; // of the same state
	struct transaction *next;	   // of the session
	// GTPv2-C: the same request for another session. PFCP: copies of later ones that are
	// accepted already, in the order in which they were asked.
	struct transaction *sibling;
	uint32_t number, session, life, pair;
	uint32_t epoch; // of the pair, when it was asked of a session
	uint32_t serial;
	uint32_t copy_of; // serial
	uint32_t length;  // of raw
	uint8_t protocol, type, state;
	bool of_epoch;
	bool keyless;		  // a sibling
	uint8_t *raw;		  // until it is answered
	uint32_t *names, n_names; // strings of the network instances in it: they keep their numbers
};

struct transaction_list {
	struct transaction *oldest, *newest;
	uint32_t n;
	uint64_t octets;
};

#define EARLY_SLOTS 65536u
struct early { // a response whose request was not seen yet
	uint64_t key, time_ns;
	struct signalling_end source, destination;
	uint32_t length;
	uint8_t protocol;
	struct early *newer;
	uint8_t octets[];
};

// ---- nodes ----

struct pair {		      // of nodes that may have sessions
	uint32_t node[2];     // strings, the lower first
	uint32_t recovery[2]; // of each
	bool has_recovery[2], associated, setup_pending;
	uint32_t epoch, number;
	uint32_t sessions, n, n_partial; // of the present epoch: list
};

struct reaping { // sessions of a past epoch
	struct reaping *next;
	uint32_t session;
};

struct lingering {
	struct lingering *next;
	uint64_t until_ns;
	uint32_t session;
};

// ---- watches and bindings ----

// All subscriptions that are looked up by one key; any number of tasks may have it.
struct anchor {
	uint64_t key;
	uint32_t number;
	struct subscription_anchor {
		struct anchor *of;
		struct subscription *subscription;
		struct subscription_anchor *next, *previous;
	} * first;
};
#define SUBSCRIPTION_ANCHORS_MAX 4

struct subscription {
	uint64_t id;
	struct session_target target;
	uint64_t imsi, msisdn, imei, imeisv;
	uint32_t ni; // string, SESSION_NONE when there is none
	uint32_t number;
	struct subscription_anchor anchor[SUBSCRIPTION_ANCHORS_MAX];
	uint8_t n_anchors;
	uint8_t direction;
	bool tunnels;
	bool dirty, lost, ended;
	uint32_t sessions, n_unsure; // bonds that count; bonds in doubt
	struct subscription_state told;
	bool told_once, bound_once;
	struct bond *bonds;
	struct subscription *next_dirty;
	// While a session is bound anew (`round`): its place among the matched, and the bond of
	// both.
	uint64_t round;
	uint32_t matched;
	struct bond *bond;
};

struct bond { // a session that satisfies a subscription
	struct bond *next_of_session;
	struct bond *next, *previous; // of the subscription
	struct subscription *subscription;
	uint32_t session;
	uint32_t n;
	struct hold { // a binding, and on which link this session shows it
		uint32_t number;
		bool n9;
	} * hold;
	bool unsure;
	bool ambiguous;
	bool counts; // its session was accepted, and nobody else has all of it
};

struct bound { // one binding of one subscription, shared by all sessions that show it
	struct subscription *subscription;
	uint32_t number;
	uint32_t refs[2]; // on N3 or N6, on N9
	uint8_t way, direction, link;
	bool tunnels, told;
	uint64_t id, hash;
	uint32_t teid;
	struct ip_prefix prefix;
	const struct pdr_select *select;
	struct bound *next_untold;
	bool queued;
};

struct matched { // a subscription that the session at hand may satisfy
	struct subscription *subscription;
	bool holds, failed, unseen, ambiguous;
	uint32_t first; // of its desires, SESSION_NONE at the end
};

struct desire { // a binding that the session at hand shows
	struct subscription *subscription;
	uint32_t next; // of the same subscription
	bool foreign, tunnels;
	struct way way;
	uint8_t direction;
	const struct pdr_select *select;
};

// ---- the store ----

// A session's requests that wait: more at a time, and the oldest is given up, and its ways go. With
// each of them, as many that came later and are accepted already.
#define ASKED_OF_SESSION_MAX 8u
#define LATER_KEPT_MAX 4u

struct applied { // strings taken while applying: dropped by the caller when the rules are packed
	// of all that may be applied at a time
	uint32_t string[ASKED_OF_SESSION_MAX * (1 + LATER_KEPT_MAX) *
			(PFCP_PDRS_MAX * (1 + PFCP_SDFS_MAX) + PFCP_ENDPOINTS_MAX)];
	uint32_t n;
};

#define SCRATCH 3

struct sessions {
	struct sessions_settings s;
	struct session_memory memory;
	uint64_t now_ns;
	bool by_time;	  // what changes now does so because time passes: nobody was heard
	uint64_t told_ns; // when the message at hand was received; not the time of a tick before it
	struct session_counts counts;
	struct session_table sessions;
	uint32_t lives;
	struct session_index index;
	struct session_strings strings;
	struct session_table pairs;
	struct session_index pair_index;
	struct reaping *reap, **reap_end;
	uint32_t reap_turn;
	struct lingering *linger, **linger_end;
	uint32_t oldest_partial, newest_partial;

	struct session_table transactions;
	struct session_index transaction_index;
	struct transaction_list asked, answered;
	uint32_t serial;
	struct early *early, **early_end;
	uint16_t *early_at; // how many, by a part of the key
	uint32_t n_early;
	uint64_t early_octets;

	struct session_table subscriptions;
	struct session_index subscription_index; // by id
	struct session_table anchors;
	struct session_index anchor_index;
	uint32_t ni_subscriptions;		  // those found by their network instance
	bool blind, blind_told;		  // a session was refused
	uint64_t blind_ns;
	struct session_table bounds;
	struct session_index bound_index;
	uint64_t binding_id;
	uint32_t *dirty, n_dirty, dirty_size;
	struct hold *release; // bindings to let go at the end
	uint32_t n_release, release_size;
	struct subscription *dirty_subscriptions;
	struct bound *untold;
	struct desire *desire; // of the session at hand
	uint32_t n_desires, desires_size;
	struct matched *matched;
	uint32_t n_matched, matched_size;
	uint64_t round;
	bool alone; // the session at hand has tunnels only, also where it leaves the UPF

	struct rules *rules[SCRATCH];
	struct applied *applied[SCRATCH];
	struct ways *ways[SCRATCH]; // stages
	struct ways *before, *after, *probe;
	uint8_t *pack;		      // of one record
	struct pfcp_message *pfcp[2]; // the one at hand, a kept request
	struct gtpv2_message *gtpv2[2];
	uint32_t kept_serial; // whose request the second one is
	bool limited;	      // the message at hand has more parts than are followed
	struct radius_message *radius;
};

// strings: SESSION_NONE without memory. A new string has one reference, a known one gets one more.
uint32_t string_take(struct sessions *st, enum string_kind kind, const void *octets, size_t length);
uint32_t string_ni(struct sessions *st, const uint8_t *octets, size_t length); // by its name
uint32_t string_find(
	const struct sessions *st, enum string_kind kind, const void *octets, size_t length);
const struct session_string *string_get(const struct sessions *st, uint32_t id);
void string_hold(struct sessions *st, uint32_t id);
void string_drop(struct sessions *st, uint32_t id);
void string_member(struct sessions *st, uint32_t id, uint32_t session, bool is);
void strings_free(struct sessions *st);

// records
#define RECORD_MAX 49152u
uint32_t record_pack(const struct rules *r, uint8_t *out); // octets; 0 when too long
void record_unpack(const struct session *s, struct rules *out);
void rules_clear(struct rules *r, enum session_kind kind);
// All strings that it names get, or lose, one reference.
void rules_strings(struct sessions *st, const struct rules *r, bool hold);
uint64_t digits_pack(const char *text); // SESSION_ABSENT for none

// Applying PFCP to rules (session_rules.c); strings named anew belong to the rules' caller only
// once it holds them. `response`: what failed is left out; NULL while it is not known.
void rules_ask(struct sessions *st, struct rules *r, const struct pfcp_message *request,
	const struct pfcp_message *response, struct applied *a);
void rules_answer(struct sessions *st, struct rules *r, const struct pfcp_message *request,
	const struct pfcp_message *response);
void rules_user(struct rules *r, const struct signalling_identity *user);
void applied_drop(struct sessions *st, struct applied *a);
void applied_note(struct sessions *st, struct applied *a, uint32_t string);
bool far_forwards(const struct rule_far *f);
const struct rule_far *rules_far(const struct rules *r, uint32_t id);
const struct rule_pdi *pdr_pdi(const struct rules *r, const struct rule_pdr *p);
bool tunnel_end_same(const struct tunnel_end *a, const struct tunnel_end *b);

#define GTPV2_NOT_FOUND 64 // the cause Context Not Found
// GTPv2-C on rules. Without a response only what the request adds.
void rules_gtpv2(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response);
// The answer to a request that was taken for accepted (NULL: refused): what it gives is added, and
// what later requests changed stays.
void rules_gtpv2_late(struct sessions *st, const struct session *s, struct rules *r,
	const struct gtpv2_message *request, const struct gtpv2_message *response);
void rules_gtpv2_handover(struct sessions *st, const struct session *s, struct rules *r);
bool gtpv2_accepted(const struct gtpv2_message *m);
const struct rule_bearer *rules_bearer(const struct rules *r, uint8_t ebi);

// ways
void ways_of(const struct rules *r, struct ways *out); // settled ones
bool way_same(const struct way *a, const struct way *b);
// Every stage of the session: the record, then each waiting request on top of the one before.
// `each` (may be NULL) sees the rules of each stage with its ways. All ways are united in `all`.
typedef void stage_each(
	void *context, const struct rules *r, const struct ways *ways, uint32_t serial);
void session_selectors(struct sessions *st, const struct session *s, unsigned scratch, struct ways *all,
	stage_each *each, void *context);

// sessions (session_store.c)
struct session *session_at(struct sessions *st, uint32_t number); // NULL: none, or of a past epoch
struct session *session_create(struct sessions *st, const struct rules *r, uint32_t pair);
// Settled state becomes `r`; ways, indexes and bindings follow. The session may move: its new
// place, or NULL without memory (then nothing has changed).
struct session *session_replace(struct sessions *st, struct session *s, const struct rules *r);
// Something waits or does not any more: `change` between before and after.
void session_before(struct sessions *st, const struct session *s, struct ways *before);
void session_after(struct sessions *st, struct session *s, const struct ways *before);
enum session_end { END_RELEASED, END_LOST, END_FORGOTTEN, END_SUPERSEDED };
void session_end(struct sessions *st, struct session *s, enum session_end why);
void session_mark(struct sessions *st, struct session *s); // bind anew
void session_heard(struct sessions *st, struct session *s);
void session_move(struct sessions *st, struct session *s, struct pair *to); // other nodes have it
void session_set_partial(struct sessions *st, struct session *s, bool partial);
// Whose the way is, of the session that was unpacked last (rules[0]). OWN_OF_USER: another session
// of the same subscriber has the address in another network.
enum owner { OWN_NOT, OWN_AMBIGUOUS, OWN_OF_USER, OWN };
enum owner session_owns(struct sessions *st, const struct session *s, const struct way *w);
void sessions_reap(struct sessions *st, uint32_t most);
void sessions_linger(struct sessions *st, uint32_t session, uint64_t until_ns);
void sessions_expire(struct sessions *st);
// The session of that F-SEID: `up` for the UP (server) side; `pair` SESSION_NONE: any.
enum key_kind {
	KEY_CP = 1,
	KEY_UP,
	KEY_CP_SEID,
	KEY_UP_SEID,
	KEY_IMSI,
	KEY_MSISDN,
	KEY_IMEI,
	KEY_NAI,
	KEY_NAME,
	KEY_WAY,
	KEY_IMEISV,
	KEY_TRANSACTION,
	KEY_OCTETS,
	KEY_PAIR,
	KEY_STRING,
	KEY_SUBSCRIPTION,
	KEY_BOUND,
	KEY_NI
};
uint64_t key_seid(const struct sessions *st, enum key_kind kind, uint8_t protocol,
	const struct ip_address *address, uint64_t seid); // address NULL: the SEID alone
uint64_t key_number(const struct sessions *st, enum key_kind kind, uint64_t value);
uint64_t key_text(const struct sessions *st, enum key_kind kind, const void *octets, size_t length);
struct session *session_by_seid(struct sessions *st, bool up, enum session_kind kind,
	const struct ip_address *address, uint64_t seid, const struct session *but);
// The only PFCP session between those nodes whose UP has the SEID, at whatever address.
struct session *session_by_up_seid(
	struct sessions *st, uint32_t node, uint32_t other, uint64_t seid);
// Numbers that a hash may stand for; the caller verifies.
uint32_t session_candidates(
	const struct session_index *x, uint64_t hash, uint32_t out[INDEX_RUN_MAX]);
uint64_t way_hash(const struct sessions *st, enum session_kind kind, const struct way *w);
#define SESSION_KEYS_MAX 24
unsigned session_keys(const struct sessions *st, const struct rules *r, uint64_t *out);
bool seid_at(const struct f_seid *f, const struct ip_address *a, uint64_t seid);
const struct way *ways_find(const struct ways *w, const struct way *x);

// transactions (session_transaction.c)
uint64_t transaction_key(const struct sessions *st, const struct signalling_packet *p,
	uint32_t sequence, uint8_t type, bool response);
struct transaction *transaction_find(const struct sessions *st, uint64_t key);
// NULL: a retransmission, or no memory.
struct transaction *transaction_ask(struct sessions *st, const struct signalling_packet *p,
	uint64_t key, uint8_t type, const struct span *whole);
void transaction_attach(struct sessions *st, struct transaction *t, struct session *s);
// The same octets say something new once the pair has forgotten its sessions.
void transaction_of_pair(struct sessions *st, struct transaction *t, uint32_t pair);
struct session *transaction_session(struct sessions *st, const struct transaction *t); // NULL: over
void transaction_detach(struct sessions *st, struct transaction *t); // from its session
// Keeps the names while the request waits: sessions are compared by their numbers.
void transaction_names(struct sessions *st, struct transaction *t, const struct pfcp_message *m);
void transaction_answered(struct sessions *st, struct transaction *t, const struct span *response);
void transaction_assume(struct sessions *st, struct transaction *t);
// `later` is accepted before `t`: it holds over what `t` asked, whenever that is accepted. False
// when it cannot be kept for that.
bool transaction_keep_later(
	struct sessions *st, struct transaction *t, const struct transaction *later);
void transaction_siblings_free(struct sessions *st, struct transaction *t);
struct transaction *transaction_sibling(
	struct sessions *st, struct transaction *t, struct session *s);
void transactions_forget(struct sessions *st, struct session *s); // the session ends
void transactions_expire(struct sessions *st);
// The oldest that waits, if it has for so long; false: none.
bool transactions_give_up(struct sessions *st, uint64_t age_ns);
void transactions_free(struct sessions *st);
void transaction_keep_early(struct sessions *st, const struct signalling_packet *p, uint64_t key,
	const struct span *whole);
// The response that came before its request, taken out: the caller's to free. NULL: none.
struct early *transaction_early(struct sessions *st, uint64_t key);
void early_free(struct sessions *st, struct early *e);
struct signalling_packet early_packet(const struct early *e, uint64_t time_ns);
bool transaction_repeats(
	const struct sessions *st, const struct transaction *t, const struct span *response);

// messages
void pfcp_take(struct sessions *st, const struct signalling_packet *p);
// Of the packet's ends; `sender`: its Node ID, or NULL.
struct pair *pfcp_pair(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_node *sender, bool create);
void gtpv2_take(struct sessions *st, const struct signalling_packet *p);
void radius_take(struct sessions *st, const struct signalling_packet *p);
// The response is to that request as far as the SEIDs say: its header has the control plane's.
bool pfcp_answers(struct sessions *st, const struct transaction *t, const struct pfcp_message *m);
void pfcp_take_response(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_message *m, struct transaction *t);
// The request of a waiting transaction, decoded; until the next call or the next session_selectors.
const struct pfcp_message *pfcp_kept(struct sessions *st, const struct transaction *t);
const struct gtpv2_message *gtpv2_kept(struct sessions *st, const struct transaction *t);
void pfcp_early_lost(struct sessions *st, const struct early *e);
// A session whose establishment was missed: what is known of it is in `r`.
struct session *pfcp_partial(
	struct sessions *st, const struct rules *r, const struct signalling_packet *p);
// Those that left a tunnel of the old rules for another one keep it for a while.
void rules_handover(
	struct sessions *st, const struct session *s, const struct ways *before, struct rules *r);
void pfcp_overlay(
	struct sessions *st, struct rules *r, const struct transaction *t, struct applied *a);

// nodes (session_node.c)
uint32_t node_of(struct sessions *st, const struct ip_address *address, const struct pfcp_node *id,
	bool create);
struct pair *pair_of(struct sessions *st, uint32_t a, uint32_t b, bool create);
struct pair *pair_at(const struct sessions *st, uint32_t number);
// The sender's stamp as it told it: another one than before is a restart.
void pair_heartbeat(struct sessions *st, uint32_t sender, uint32_t other, uint32_t recovery);
// Nodes of other protocols have nothing to do with PFCP's at the same address.
#define NODE_GTPV2 0x10
#define NODE_RADIUS 0x20
uint32_t node_by_octets(
	struct sessions *st, uint8_t kind, const void *octets, size_t length, bool create);
// What was known of the nodes is forgotten; false: they had no sessions. The restart is the
// caller's to count.
bool pair_restart(struct sessions *st, struct pair *p);
void pair_recovery(struct pair *p, uint32_t node, uint32_t recovery);
void nodes_set_deletion(struct sessions *st, const struct span *csids, unsigned n);
// FQ-CSIDs of a session: one string for each CSID that the IE names. Returns how many.
uint32_t csids_take(struct sessions *st, const struct span *ie, uint32_t *out, uint32_t most);
void nodes_free(struct sessions *st);

// bindings (session_bind.c, session_subscription.c)
void bind_flush(struct sessions *st);
void bind_end(struct sessions *st, struct session *s, enum session_end why);
void bind_refused(struct sessions *st);
void subscription_mark(struct sessions *st, struct subscription *w); // its state may have changed
void bond_drop(struct sessions *st, struct bond *b);   // its subscription ends: silently
// Bindings of subscriptions, shared by the sessions that show them (session_bound.c).
uint32_t bound_take(struct sessions *st, struct desire *d); // keeps d's select; SESSION_NONE
void bound_drop(struct sessions *st, uint32_t number, bool silent, bool n9);
void bounds_retry(struct sessions *st);
void bounds_free(struct sessions *st);
struct anchor *anchor_find(const struct sessions *st, uint64_t key);
bool subscription_matches(const struct subscription *w, const struct rules *r);
uint64_t subscription_wants(const struct subscription *w, const struct rules *r); // PDRs, by place
bool subscription_wants_all(const struct subscription *w);			    // nothing less than the session
void subscriptions_free(struct sessions *st);
// Room for `n` entries of `size` octets; false without memory.
bool array_room(struct sessions *st, void **array, uint32_t *have, uint32_t n, size_t size);
void rules_add_linger(struct sessions *st, struct rules *r, uint32_t session, const struct way *w);
// For the PDRs wanted of those that a packet can belong to: 0 and NULL for all; INVALID when it
// cannot be told, NOT_FOUND when none is wanted, NOMEM. Behind the UPF a user's packet shows
// neither the tunnel nor the QFI that it came with.
enum select_of { SELECT_DOWNLINK, SELECT_UPLINK, SELECT_UPLINK_BEHIND };
int select_make(const struct sessions *st, const struct rules *r, uint64_t pdrs, enum select_of of,
	uint64_t wanted, const struct pdr_select **out);
