#pragma once

// Requests that take something away and were answered `Acknowledged` (TS 103 221-1 clause 5.2.2):
// what would say of them that a report is owed is gone when they are done. They are kept in the
// memo of their network element, with the dataplane: the process that comes after a kill judges by
// what is still there, and reports.

#include "control/state/control.h"

struct owed;

enum owed_kind { // as in the memo
	OWED_DEACTIVATE = 1,
	OWED_DEACTIVATE_ALL = 2,
	OWED_REMOVE = 3, // a destination
	OWED_REMOVE_ALL = 4,
};

struct owed_request {
	uint8_t kind; // enum owed_kind
	uint16_t ne;
	struct id16 id; // XID or DID; zero for those of all
	struct id16 transaction;
	uint64_t asked_ns; // wall clock
};

struct owed *owed_new(struct control *c);
void owed_free(struct owed *o);

// The functions below do nothing without an `o`. The memo goes out at the end of the loop's turn.
void owed_add(struct owed *o, const struct owed_request *r);
void owed_done(
	struct owed *o, uint16_t ne, const struct id16 *transaction); // reported by whoever knew
// The memo of `ne` as the dataplane kept it for the process before.
void owed_adopt(struct owed *o, uint16_t ne, const uint8_t *memo, uint32_t length);
// The registry is the truth: what was adopted is reported.
void owed_settle(struct owed *o);
