#pragma once

// The memo of a network element, with the dataplane and in the sealed store: what faults it has,
// and requests that remove something and were answered `Acknowledged` (TS 103 221-1 clause 5.2.2),
// for a removed object cannot record that a report for its removal is still due. After a kill the
// next process judges by what is still there, and reports.

#include "control/state/control.h"

struct pending_reports;

enum pending_report_kind { // as in the memo
	PENDING_REPORT_DEACTIVATE = 1,
	PENDING_REPORT_DEACTIVATE_ALL = 2,
	PENDING_REPORT_REMOVE = 3, // a destination
	PENDING_REPORT_REMOVE_ALL = 4,
};

struct pending_report {
	uint8_t kind; // enum pending_report_kind
	uint16_t ne;
	struct id16 id; // XID or DID; zero for those of all
	struct id16 transaction;
	uint64_t asked_ns; // wall clock
};

struct pending_reports *pending_reports_new(struct control *c);
void pending_reports_free(struct pending_reports *o);

// The functions below do nothing without an `o`. The memo goes out at the end of the loop's turn.
void pending_reports_add(struct pending_reports *o, const struct pending_report *r);
void pending_reports_done(struct pending_reports *o, uint16_t ne,
	const struct id16 *transaction); // its operation has reported it
// Sends every memo that has changed at once: the loop has no other turn.
void pending_reports_flush(struct pending_reports *o);
// The memo of `ne` as the dataplane kept it for the process before.
void pending_reports_adopt(
	struct pending_reports *o, uint16_t ne, const uint8_t *memo, uint32_t length);
// Reports the recovered requests, by the state of the registry, except those that a kept report
// covers.
void pending_reports_report_adopted(struct pending_reports *o);
