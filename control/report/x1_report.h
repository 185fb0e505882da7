#pragma once

// The NE's own requests to its ADMF (TS 103 221-1 clauses 6.5 and 6.6.1): ReportTaskIssue,
// ReportDestinationIssue, ReportNEIssue and Ping, for one network element. Everything queued is
// sent until it is answered, whatever the ADMF does meanwhile:
// - Reports of one subject (an XID, a DID, the NE) arrive in order, one at a time; different
// subjects
//   do not wait for each other.
// - Task and destination reports share containers, at a capped rate of requests.
// - An answer is an OK or an ErrorResponse of any code; both end the report. Everything else (no
//   connection, a wrong peer, TIME2, an HTTP status but 200, a TopLevelError, an answer from or to
//   another peer) is tried again as a new request, after 1, 2, 4 .. 60 s and some jitter. A
//   request that failed with several messages is taken apart, so that one message the ADMF cannot
//   take does not hold up the others.
// - The queue is bounded. When it is full the oldest Warning goes first; then an older state
// (fault,
//   clear) of a subject for which a newer one waits; then nothing more is taken.
// Single-threaded on the event loop. The texts are the caller's: no target value may be in them.

#include "control/state/faults.h"
#include "control/xml/x1_decode.h"
#include "shared/config.h"

#include <event2/event.h>

struct x1_report;

enum x1_report_result {
	X1_REPORT_OK,	  // answered with OK
	X1_REPORT_ERROR,  // answered with an ErrorResponse: `error_code`
	X1_REPORT_DROPPED // given up for want of room
};

struct x1_report_outcome {
	uint64_t token; // the caller's, from x1_report_issue or x1_report_ping
	enum x1_report_result result;
	int error_code;		   // table 46, X1_REPORT_ERROR only
	bool ping;		   // else `issue` is set
	const struct issue *issue; // as it was given; valid during the call only
};

// Called from the event loop, once for each report taken. May queue more; may not free.
typedef void (*x1_report_done)(void *context, const struct x1_report_outcome *outcome);

struct x1_report_exchange {	   // one message of ours, and how it was answered
	const struct issue *issue; // NULL: Ping, or messages that never left
	const char *request;	   // name of the request type; NULL: messages that never left
	struct id16 transaction;   // of this attempt; zero for messages that never left
	uint32_t n;		   // messages, 1 but for those that never left
	bool answered;		   // with OK or an ErrorResponse
	int error_code;		   // table 46; 0: OK
	const char *why;	   // not answered: the reason, for a person
};

// Called for each message that was sent, when its answer is there or will not come; once a request
// for those that never left. For the audit log.
typedef void (*x1_report_exchanged)(void *context, const struct x1_report_exchange *exchange);

struct x1_report_options {
	struct event_base *base;
	struct x1_decoder *decoder;
	const struct config_ne *ne;    // kept by reference; admf_url must be set
	x1_report_done done;	       // or NULL
	x1_report_exchanged exchanged; // or NULL
	void *context;
	// Minor of the version that the ADMF used last, whose form its reports have; kept by reference.
	// NULL: V1.8.1.
	const uint16_t *minor;
	bool wait; // sends nothing before x1_report_begin
	// 0 stands for the value named
	uint32_t queue_max;	 // reports waiting or under way, 10000
	uint32_t container_max;	 // messages in one request, 100 (and at most 100)
	uint32_t rate;		 // requests a second, 10
	uint32_t parallel;	 // requests under way at once, 4
	uint32_t backoff_ms;	 // first wait, 1000
	uint32_t backoff_max_ms; // longest wait, 60000
};

struct x1_report_counters {
	uint64_t queued;    // taken: queued = answered + errors + dropped + coalesced + waiting
	uint64_t requests;  // HTTP exchanges begun
	uint64_t sent;	    // messages in them; more than `queued` when some were tried again
	uint64_t answered;  // with OK
	uint64_t errors;    // with ErrorResponse
	uint64_t failed;    // requests that got no usable answer
	uint64_t denied;    // of these: the server was not our ADMF
	uint64_t dropped;   // Warnings given up
	uint64_t coalesced; // older states given up
	uint64_t refused;   // not taken: full
	uint32_t waiting;   // now, those under way included
	bool reachable;	    // the last request was answered
};

// NULL with `why` when the ADMF's URL or the certificate files cannot be used. Nothing is sent yet.
struct x1_report *x1_report_new(const struct x1_report_options *o, char *why, size_t why_size);
// Drops queued reports. Calls `exchanged` for each message under way as not answered; calls no other
// callback.
void x1_report_free(struct x1_report *r);

void x1_report_begin(struct x1_report *r); // does nothing where it may send already

// Queues a copy of a report. Code 0 stands for the status code of table 46 that fits the type;
// ISSUE_DONE and ISSUE_NOT_DONE without a text carry the `transaction` they complete. For ISSUE_NE
// the id, where not zero, distinguishes issues: only then may a newer state replace an older one.
// POI_ERR_INVALID for a type the scope does not have, POI_ERR_LIMIT when full, POI_ERR_NOMEM.
[[nodiscard]] int x1_report_issue(struct x1_report *r, const struct issue *i, uint64_t token);
// POI_ERR_EXISTS while an earlier one waits for its answer.
[[nodiscard]] int x1_report_ping(struct x1_report *r, uint64_t token);

const struct x1_report_counters *x1_report_counters(const struct x1_report *r);
