#pragma once

// Reports that no ADMF has answered yet, of all network elements, in the order of their events. What is
// in here is also with the dataplane, and in the sealed store where there is one: it stays owed over a
// restart of either process. Single-threaded. Pointers stay valid until the report is removed.

#include "control/state/faults.h"
#include "shared/hash_table.h"

#include <sys/queue.h>

#define KEPT_REPORT_MEMO_MAX 256 // octets of a report's memo

struct kept_report {
	struct hash_link link;
	TAILQ_ENTRY(kept_report) entry;
	struct id16 key;
	uint32_t seen; // reconciliation round in which the dataplane was found to hold it
	bool queued;   // handed to the reports of its network element
	bool held;     // the dataplane reports it by itself, by a tombstone for one
	uint8_t scope, type; // from here on as in struct issue
	uint16_t ne;
	uint32_t code;
	struct id16 id, transaction;
	uint64_t time_ns;
	char text[]; // terminated
};

struct kept_reports;

// A walk that lasts over changes: what is removed meanwhile is passed over.
struct kept_reports_cursor {
	LIST_ENTRY(kept_reports_cursor) entry;
	struct kept_report *next;
};
void kept_reports_cursor_begin(struct kept_reports *k, struct kept_reports_cursor *c);
struct kept_report *kept_reports_cursor_next(struct kept_reports_cursor *c); // NULL: no more
void kept_reports_cursor_end(struct kept_reports_cursor *c);

struct kept_reports *kept_reports_new(void); // NULL: no memory
void kept_reports_free(struct kept_reports *k);
uint32_t kept_reports_count(const struct kept_reports *k);

// Takes a copy of the issue. The key of one that is held is made of its object's identifier, of all
// others it is random. NULL: no memory, or the key is there.
struct kept_report *kept_reports_add(struct kept_reports *k, const struct issue *i);
void kept_reports_remove(struct kept_reports *k, struct kept_report *r); // and frees it
struct kept_report *kept_reports_find(
	const struct kept_reports *k, uint16_t ne, const struct id16 *key);
struct kept_report *kept_reports_first(const struct kept_reports *k);
struct kept_report *kept_reports_next(const struct kept_report *r);
void kept_report_issue(const struct kept_report *r, struct issue *out);

// The form that is kept elsewhere. Size, or TOO_LARGE.
[[nodiscard]] int kept_report_memo(
	const struct kept_report *r, uint8_t out[static KEPT_REPORT_MEMO_MAX]);
// Adds what a process before has kept; does nothing where its key is there. 0, VERSION, SYNTAX, INVALID
// or NOMEM.
[[nodiscard]] int kept_reports_adopt(struct kept_reports *k, uint16_t ne, const struct id16 *key,
	const uint8_t *memo, size_t length, struct kept_report **out);
