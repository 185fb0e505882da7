#pragma once

// When something that is looked at again and again becomes worth an event. Pure state, no clock of
// its own.

#include <stdbool.h>
#include <stdint.h>

// A condition: only one that stays wrong is a fault.
struct debounce {
	unsigned wrong, right; // looks in a row
	bool fault;
};

enum debounce_change { DEBOUNCE_SAME, DEBOUNCE_FAULT, DEBOUNCE_CLEAR };

// Takes one look. A fault after `patience` wrong looks in a row, clear after `relief` right ones.
enum debounce_change debounce_look(
	struct debounce *w, bool right, unsigned patience, unsigned relief);

// A counter of losses: an event when it begins to grow, at most one a second while it grows, and
// one when it has stood still for LOSS_QUIET_MS.
#define LOSS_QUIET_MS 5000u
#define LOSS_EVENT_MS 1000u

struct loss_debounce {
	uint64_t seen;	   // the counter at the last look
	uint64_t before;   // the counter before this outage
	uint64_t last_ms;  // of the last growth
	uint64_t event_ms; // of the last event
	bool active;	   // an outage is under way
	bool reported;	   // it was reported
	bool pending;	   // grew since the last event
};

enum loss_change { LOSS_SAME, LOSS_BEGINS, LOSS_GROWS, LOSS_OVER };

// Takes one look. With `may_report` false nothing is reported now; it is kept for the next look. The
// losses of the outage so far are total - w->before.
enum loss_change loss_debounce_look(
	struct loss_debounce *w, uint64_t total, uint64_t now_ms, bool may_report);
