#pragma once

// OpenMetrics 1.0 text of one picture of both processes. The set of series follows from the
// configuration alone: never from tasks, of which not even the number is shown, nor from
// destinations, which are shown by their state only. Every family has HELP and TYPE; the text ends
// with # EOF.

#include "control/state/control.h"
#include "control/http/listener.h"
#include "control/observe/status_client.h"

struct metrics_certificate {
	const char *use;     // "x1" or "delivery"
	const char *element; // ne-identifier, "" for delivery
	// Seconds since 1970; 0: cannot be read, or there is none. Of the authorities and revocation
	// lists the first to run out.
	int64_t not_after, ca_not_after, crl_next_update;
};

struct metrics_picture {
	const struct control_counters *x1;
	const struct listener_counters *http;
	uint64_t uptime_ms;
	bool connected, recovered;
	uint64_t unanswered_ms; // how long the dataplane that is connected owes an answer
	uint32_t faults[FAULT_NE_KIND_COUNT];
	uint32_t late_admfs; // as in the status of poi-control
	uint32_t reports_waiting;
	uint64_t reports_dropped, audit_lost, audit_left_out;
	uint32_t n_certificates;
	struct metrics_certificate certificate[CONFIG_NES_MAX + 1];
	struct observation seen;
};

// Zero-terminated text from malloc and its length; NULL when out of memory.
char *metrics_text(const struct metrics_picture *p, size_t *length);
