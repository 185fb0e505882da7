#pragma once

// Queue of reports: in order for each subject, subjects in a round. No I/O, no clock: x1_report.c
// drives it.

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/state/faults.h"
#include "shared/hash_table.h"
#include "shared/ids.h"

#define REPORT_PING 3 // a scope beside those of enum issue_scope

struct report_item {
	TAILQ_ENTRY(report_item) of_subject; // in order; for the caller's use once removed
	TAILQ_ENTRY(report_item) of_all;
	struct report_subject *subject;
	struct issue issue; // scope may be REPORT_PING
	uint64_t token;
	struct id16 transaction; // of the attempt under way
	bool busy;		 // under way
};

TAILQ_HEAD(report_items, report_item);

struct report_subject {
	TAILQ_ENTRY(report_subject) turn; // while none of its reports is under way
	struct hash_link link;
	struct report_items items;
	uint32_t count, attempts;
	uint64_t not_before_ms; // monotonic
	bool alone;		// goes in a request of its own: it failed in company
	uint8_t scope;
	struct id16 id;
};

struct report_queue;

struct report_queue *report_queue_new(uint32_t capacity);
void report_queue_free(struct report_queue *q);
uint32_t report_queue_length(const struct report_queue *q);

// Adds a copy. When full, drops another report for it (*given_up, now the caller's to free) or
// returns POI_ERR_LIMIT. *coalesced: a newer state made the other one void.
[[nodiscard]] int report_queue_put(struct report_queue *q, const struct issue *i, uint64_t token,
	struct report_item **given_up, bool *coalesced);
bool report_queue_has(const struct report_queue *q, uint8_t scope, const struct id16 *id);

// Subjects none of whose reports is under way, in turn: the head of each is what may go next.
struct report_subject *report_queue_first(const struct report_queue *q);

// Marks the subject's oldest report as under way and takes the subject out of the turn.
struct report_item *report_queue_take(struct report_queue *q, struct report_subject *s);
// Answered: out of the queue; the caller frees the item. Its subject comes up again if more waits.
void report_queue_remove(struct report_queue *q, struct report_item *item);
// Not answered: the subject goes back into the turn.
void report_queue_return(struct report_queue *q, struct report_item *item);
