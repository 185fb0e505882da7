#pragma once

// Events of network functions between poi-events and poi-dataplane. One Unix SEQPACKET socket,
// <events.folder>/dataplane.sock: poi-events listens, the dataplane connects. One datagram is one
// message: u8 of enum nf_message, then its body, big-endian. The dataplane sends NF_HELLO first,
// with the functions that may speak; without it poi-events has no function's word to take.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"
#include "shared/error.h"
#include "shared/record.h"
#include "shared/wire.h"

#define NF_VERSION 1
#define NF_MESSAGE_MAX 65536u // octets of a message, the first octet included
#define NF_NODES_MAX 2048u    // of one event
#define NF_DEPTH (RECORD_DEPTH + 2) // values within values of one event
#define NF_SUBJECT_MAX 128u   // octets of a function's name for a session or registration
#define NF_TEXT_MAX 256u      // of an answer, terminator included

enum nf_message {
	NF_HELLO = 1,	 // dataplane -> poi-events: struct nf_hello
	NF_EVENT = 2,	 // poi-events -> dataplane: struct nf_event
	NF_ANSWER = 3,	 // dataplane -> poi-events: struct nf_answer, one for each event
	NF_FUNCTION = 4, // poi-events -> dataplane: struct nf_function_state
};

struct nf_hello {
	uint16_t version; // NF_VERSION
	uint32_t n;
	struct {
		char name[CONFIG_FUNCTION_NAME_MAX + 1];
		uint32_t uid;	 // that its process must have
		uint8_t records; // RECORDS_* that it may hand over
	} function[CONFIG_FUNCTIONS_MAX];
};

enum nf_state {
	NF_CONNECTED = 1,      // it has a connection; its sessions may differ from what is known
	NF_GONE = 2,	       // it has none any more
	NF_SNAPSHOT_BEGIN = 3, // it hands over all sessions and registrations that it has
	NF_SNAPSHOT_END = 4,   // those not handed over since are no more
};

struct nf_function_state {
	uint16_t function; // its place in the hello
	uint8_t state;	   // enum nf_state
};

// One event. Decoded: names and texts point into the message. `nodes` is the record's tree
// (shared/record.h), without names of values.
struct nf_event {
	uint32_t number; // poi-events' own, echoed by the answer
	uint16_t function;
	uint8_t kind;	   // enum record_kind
	uint8_t direction; // enum pdu_direction; 0: not given
	bool snapshot;	   // what is, not what happened: between SNAPSHOT_BEGIN and _END
	uint64_t time_ns;  // since the epoch, of the event at the function
	const char *subject; // the function's name of the session or registration, not terminated
	uint16_t subject_length;
	// F-SEIDs of the session on N4 (TS 29.244 clause 8.2.37); family 0 of both addresses: none.
	struct nf_seid {
		uint64_t seid; // host order
		struct ip_address v4, v6;
	} cp, up;
	uint32_t n_nodes;
	struct record_node *nodes; // the caller's array, of NF_NODES_MAX when decoding
};

enum nf_result {
	NF_OK = 0,
	NF_REFUSED = 1, // `text` and `table` have the reason; the same event is refused again
	NF_LATER = 2,	// nothing was done: the function keeps it
};

struct nf_answer {
	uint32_t number;
	uint8_t result; // enum nf_result
	uint8_t reason; // enum record_reason of REFUSED, or NF_REASON_*
	char text[NF_TEXT_MAX]; // "SMFPDUSessionEstablishment.gTPTunnelInfo: missing (table 6.2.3-1)"
};

// Reasons beside those of record_reason, which end at RECORD_ROOM.
enum nf_reason {
	NF_REASON_SUBJECT = 32, // no session or registration of that name is known, or none is named
	NF_REASON_FUNCTION,	// a record of another kind of function
	NF_REASON_LARGE,	// more octets or nodes than an event has
	NF_REASON_SYNTAX,	// no event at all
	NF_REASON_LAST = NF_REASON_SYNTAX,
};
const char *nf_reason_text(unsigned reason); // of both enums: a word or two, for counters

// RECORDS_* of the kind of function that makes such a record.
uint8_t nf_records_of(unsigned record_kind);

// Encoders return the message's octets or a negative enum poi_error (TOO_LARGE). Decoders take the
// body behind the first octet: 0, or a negative enum poi_error; trailing octets are refused, and
// lengths, kinds and `covers` are checked so that record_encode can walk the tree.
[[nodiscard]] int nf_encode_hello(uint8_t *out, size_t capacity, const struct nf_hello *m);
[[nodiscard]] int nf_decode_hello(const uint8_t *body, size_t length, struct nf_hello *m);
[[nodiscard]] int nf_encode_function(uint8_t *out, size_t capacity, const struct nf_function_state *m);
[[nodiscard]] int nf_decode_function(const uint8_t *body, size_t length, struct nf_function_state *m);
[[nodiscard]] int nf_encode_event(uint8_t *out, size_t capacity, const struct nf_event *m);
[[nodiscard]] int nf_decode_event(const uint8_t *body, size_t length, struct nf_event *m);
[[nodiscard]] int nf_encode_answer(uint8_t *out, size_t capacity, const struct nf_answer *m);
[[nodiscard]] int nf_decode_answer(const uint8_t *body, size_t length, struct nf_answer *m);

// A tree alone, as an event has it: what is kept of a session for its start of interception.
[[nodiscard]] int nf_encode_nodes(
	uint8_t *out, size_t capacity, const struct record_node *nodes, size_t count);
// Returns the number of nodes, or a negative enum poi_error.
[[nodiscard]] int nf_decode_nodes(
	const uint8_t *octets, size_t length, struct record_node *nodes, size_t most);
