#pragma once

// How the stage of functions looks inside: for functions*.c.

#include "dataplane/functions/function_event.h"
#include "dataplane/functions/functions.h"
#include "dataplane/functions/functions_link.h"
#include "dataplane/functions/records.h"

#define BATCH_EVENTS 256u
#define BATCH_NS 2000000u
#define BATCH_OCTETS (1u << 20)		// of records and identities of a batch
#define MESSAGE_KEPT_NS 600000000000ull // a short message waits so long for its report

// An event that has been read and not answered.
struct pending {
	struct nf_answer answer;
	uint16_t function;
	bool is; // `session` begins or changes one: its result counts
	bool snapshot;
	struct subject *subject; // held; NULL: none
	struct record_pdu record;
	bool truncates;		  // tasks with TruncateTPUserData have `truncated` instead
	struct record_pdu truncated; // without octets: it cannot be made
	struct identities identities; // texts in `room`
	struct session_event session;
	char name[SESSION_EVENT_NAME], dnn[SESSION_EVENT_DNN], nai[SESSION_NAI_MAX];
};

struct function_state {
	char name[CONFIG_FUNCTION_NAME_MAX + 1];
	uint8_t records; // RECORDS_* that it may hand over
	bool connected;
	bool lost;	   // follower has FUNCTION_LOST, and no _BACK since
	uint32_t snapshot; // number of the last one that began
	bool in_snapshot;
	bool sweeping; // its last one has ended, and what it lacks has not yet
	uint64_t received, taken, refused, later;
};

struct functions {
	struct follower *follower;
	struct capture *capture;
	struct subjects *subjects;
	struct subject_tasks *tasks;
	struct records *records;
	struct functions_link *link;
	enum config_xiri_release release;
	uint32_t n_functions;
	struct function_state *function; // n_functions
	uint64_t refused[NF_REASON_LAST + 1];
	uint32_t n_pending;
	struct pending *pending;   // BATCH_EVENTS
	uint32_t used;		   // of `room`
	uint8_t *room;		   // BATCH_OCTETS
	uint8_t *message;	   // NF_MESSAGE_MAX
	uint8_t *encoded;	   // CAPTURE_RECORD_MAX, then NF_MESSAGE_MAX of a kept tree
	struct record_node *nodes; // NF_NODES_MAX, of the event
};

// functions_event.c: checks an event and hands its session to the follower; `p` is new.
void functions_event(struct functions *f, const struct nf_event *e, struct pending *p);
// Ends a session or registration; its contexts with the last reference.
void functions_subject_ends(struct functions *f, struct subject *o);
void functions_subject_drop(struct functions *f, struct subject *o);
// The name of a session for the store, in `out` of SESSION_EVENT_NAME octets. Returns its octets.
uint16_t functions_session_name(const struct functions *f, const struct subject *o, char *out);

// functions_state.c: what poi-events reports of a function.
void functions_state(struct functions *f, const struct nf_function_state *s);
// functions_state.c: at the start no session of an SMF is known, until its first snapshot.
void functions_begin(struct functions *f);
// Ends what the last snapshots lack; again until memory was there for all.
void functions_sweep(struct functions *f);
// The connection is gone, and every function with it.
void functions_away(struct functions *f);
