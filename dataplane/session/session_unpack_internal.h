#pragma once

// Working space of a message: unpacked sessions, sets of selectors, decoded messages. Each is
// opened and closed by name, and is the opener's alone in between. Their number is bounded, and
// their memory is there from the beginning. The bounds are those of the source's deepest nesting
// (tests/rules/depth.py), so that no message can reach the assertions of them.

#include "dataplane/session/session_selector_internal.h"

struct transaction;

struct workspace *workspace_new(struct sessions *st);
void workspace_free(struct sessions *st);

// ---- unpacked sessions: the last one opened is closed first ----

struct unpacked {
	struct rules rules;
	uint32_t n_notes; // of those that were open before
};

struct unpacked *unpack_open(struct sessions *st, const struct session *s);
struct unpacked *unpack_new(struct sessions *st, enum session_kind kind); // of no session yet
// Notes a string that was taken for the rules: it is dropped when they are closed. Only the last
// one opened may take some. Returns the string. Where there is no room for another it drops the
// string, marks the rules as overflowed, counts a refusal and returns SESSION_NONE.
uint32_t unpack_note(struct sessions *st, struct unpacked *u, uint32_t string);
void unpack_close(struct sessions *st, struct unpacked *u);

// ---- sets of selectors: the last one opened is closed first ----

struct selectors *selectors_open(struct sessions *st); // empty
void selectors_close(struct sessions *st, struct selectors *w);

// ---- decoded messages ----

struct decoded {
	uint32_t order;	 // of the request that it is, 0 for none
	uint32_t n_open; // openers
	uint64_t used;	 // when it was opened last
	union {
		struct pfcp_message pfcp;
		struct gtpv2_message gtpv2;
		struct radius_message radius;
	};
};

struct decoded *decoded_open(struct sessions *st); // not decoded yet
// The request of a waiting transaction.
struct decoded *decoded_open_request(struct sessions *st, const struct transaction *t);
void decoded_close(struct decoded *d);

// ---- one record's bytes, for the packing functions ----

uint8_t *workspace_record(struct sessions *st); // RECORD_MAX
