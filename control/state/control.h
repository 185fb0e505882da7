#pragma once

// The parts of poi-control that use each other: filled by main (and by tests, with what they need),
// passed to the modules as their surroundings. Nothing here is owned.

#include <event2/event.h>
#include <sys/queue.h>
#include <time.h>

#include "control/audit/audit.h"
#include "control/state/faults.h"
#include "control/state/publish.h"
#include "control/state/registry.h"
#include "control/state/task_store.h"
#include "shared/config.h"
#include "shared/latency.h"

struct control_counters {
	uint64_t requests; // X1 messages answered
	uint64_t errors;   // of them with ErrorResponse
	uint64_t top_level_errors;
	uint64_t acknowledged; // answered before they were in force
	// From the request's last octet to the answer, of containers with state changes and
	// without.
	struct latency changes, queries;
};

struct fail_safe;
struct loss_walk;

struct control {
	struct event_base *base;
	const struct config *config;
	struct registry *registry;
	struct publish *publish;
	struct audit *audit;
	struct task_store *task_store; // NULL when no store is configured
	struct issues *issues;
	struct pending_reports *pending_reports; // may be NULL
	uint64_t incarnation;
	uint64_t started_ms;	  // monotonic
	time_t outage_from;	  // wall clock; 0 while the dataplane is there
	time_t hung_from;	  // wall clock; since when it did not answer last
	bool fresh;		  // both processes began with nothing
	bool recovery_incomplete; // the adopted state lacks what an interrupted replay never sent
	uint32_t incomplete_unreported; // network elements whose ADMF has not acknowledged that
	bool clock_unsure;		// as reported by the dataplane
	bool reports_taken;		// from the store
	bool agreed;			// both processes have held the same state
	// Called when faults of this network element began or ended; may be NULL.
	void (*faults_changed)(struct control *c, uint16_t ne);
	// The minor that the ADMF used last, by network element; 0: none that is later than V1.8.1.
	uint16_t admf_minor[CONFIG_NES_MAX];
	struct slice rewrite; // of the store
	uint16_t restoring_ne; // from the store
	bool restoring_tasks;
	LIST_HEAD(, fail_safe) fail_safes; // whose tasks are not all reported
	LIST_HEAD(, loss_walk) loss_walks; // returned destinations, whose tasks are not all walked over
	struct control_counters counters;
};
