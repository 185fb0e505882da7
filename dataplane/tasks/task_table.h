#pragma once

// Objects that the dataplane keeps for control (decisions 11 and 13): network elements with their
// fail-safe deadlines, destinations and tasks with their opaque memos, in the order they came. Pure
// bookkeeping, one thread; tables, slots and delivery are the builder's work.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "shared/channel.h"
#include "shared/hash_table.h"

#define TASK_TABLE_NES_MAX 256
#define TASK_TABLE_REPORTS_MAX (1u << 21)
#define TASK_TABLE_OBJECTS_MAX (1u << 21)

struct entry_link { // first in every object; the store's own
	struct hash_link by_key;
	TAILQ_ENTRY(entry_link) in_order;
	struct id16 ne, id;
};

struct ne_entry {
	STAILQ_ENTRY(ne_entry) in_order;
	struct id16 ne;
	char identifier[CHANNEL_NAME_MAX];
	uint64_t fail_safe_ms; // 0: no deadline
	uint64_t heard_ms;     // monotonic; last NE_HEARD, or when it was first defined
	uint64_t spent_ms;     // of its time before the first `heard_ms`; 0 after that
	bool armed;	       // the deadline counts; false once it has fired
	bool expired;	       // fired, and not cleared since
	uint64_t silence_ms;   // silence that is reported ahead of the deadline; 0: none
	uint64_t silent_at_ms; // monotonic; when it was reported
	bool silent;	       // it was, and the ADMF sent nothing since
	uint32_t tombstones;
	uint8_t payload_format, axri; // of tasks given from now on
	uint8_t *memo;
	uint32_t memo_length;
};

struct destination_entry {
	struct entry_link link;
	struct channel_destination d;		// memo: own allocation
	uint16_t index;				// deliver's
	uint32_t references;			// live tasks that name it
	SLIST_ENTRY(destination_entry) removed; // the builder's, once it was taken
};

struct task_resources;

struct task_entry {
	struct entry_link link;
	struct id16 header_xid;
	uint64_t correlation;
	uint8_t delivery, report, records, tombstone, n_destinations;
	uint8_t payload_format, axri; // its element's when it was given
	uint32_t memo_length;
	uint8_t *memo;
	struct task_resources *resources; // the builder's: slot and contexts; NULL for a tombstone
	struct channel_triggers triggers;
	struct filter filter;
	struct session_target *session; // own allocation; NULL: the filter is complete
	uint16_t matched_length, alternatives_length;
	struct id16 did[]; // n_destinations; behind them the attributes 17, then the alternatives
};

static inline const uint8_t *task_entry_matched(const struct task_entry *t)
{
	return (const uint8_t *)&t->did[t->n_destinations];
}

// False: its X2 is records of network functions alone, which are no packet's, so it has no rule.
static inline bool task_entry_sees_packets(const struct task_entry *t)
{
	return t->delivery & DELIVERY_X3 || t->report != REPORT_NONE;
}

// As shared/alternatives.h has them; alternatives_length 0: none.
static inline const uint8_t *task_entry_alternatives(const struct task_entry *t)
{
	return task_entry_matched(t) + t->matched_length;
}

// Lists what only signalling or events resolve of the task: its session, or those of its alternatives
// that no packet shows by itself. How many there are; NOMEM. `out` is the caller's to free.
[[nodiscard]] int task_entry_targets(const struct task_entry *t, struct session_target **out);

struct memo_entry { // a report of control's that its ADMF has not answered, or a generic object
	struct entry_link link;
	uint32_t memo_length;
	uint8_t memo[];
};

struct task_table;

// Walks of the tasks that take many turns: each has a cursor, which the store moves on when the
// task that it stands on leaves, and to its successor when that task is replaced.
enum task_table_cursor {
	TASK_TABLE_CURSOR_RECONCILE,
	TASK_TABLE_CURSOR_LOSSES,
	TASK_TABLE_CURSORS
};

struct task_table *task_table_new(void);
// `drop` (or NULL where no task has resources) is called with those of every task still there.
void task_table_free(struct task_table *s, void (*drop)(struct task_resources *resources));

// Network elements. Put: 0 or LIMIT or NOMEM; a known element keeps its deadline's start.
[[nodiscard]] int ne_entry_put(struct task_table *s, const struct channel_ne *ne, uint64_t now_ms);
// At `at_ms`, which moves the deadline if it is later than what is known.
[[nodiscard]] int ne_entry_heard(struct task_table *s, const struct id16 *ne, uint64_t at_ms);
struct ne_entry *ne_entry_find(const struct task_table *s, const struct id16 *ne);
struct ne_entry *ne_entry_first(const struct task_table *s);
struct ne_entry *ne_entry_next(const struct ne_entry *n);
// Until the deadline, 0 when past; UINT64_MAX when there is none.
uint64_t ne_entry_remaining(const struct ne_entry *n, uint64_t now_ms);
// The deadline is past, whether it has fired yet or not, or a millisecond is left: control sends
// that much of one that has passed. Nothing of before its ADMF's next message may be delivered.
bool ne_entry_is_silent(const struct ne_entry *n, uint64_t now_ms);
// An element whose deadline is past; it is disarmed and marked expired by this call. NULL: none.
struct ne_entry *ne_entry_fire(struct task_table *s, uint64_t now_ms);
// The same of the silence that is reported ahead of the deadline (TIME_P2 of later minors): until
// then, UINT64_MAX when there is none or it was reported; and an element whose time has come,
// marked silent until its ADMF sends a message.
uint64_t ne_entry_silence_remaining(const struct ne_entry *n, uint64_t now_ms);
struct ne_entry *ne_entry_fall_silent(struct task_table *s, uint64_t now_ms);

// Destinations. Put creates, or replaces address, type and memo of a known one (index and
// references stay). 0 or NOMEM. Take: IN_USE or NOT_FOUND; otherwise out of the store and the
// caller's.
struct destination_entry *destination_entry_find(
	const struct task_table *s, const struct id16 *ne, const struct id16 *did);
[[nodiscard]] int destination_entry_put(
	struct task_table *s, const struct channel_destination *d, struct destination_entry **out);
[[nodiscard]] int destination_entry_take(struct task_table *s, const struct id16 *ne,
	const struct id16 *did, struct destination_entry **out);
void destination_entry_free(struct destination_entry *d);

// Tasks. Make allocates an object outside the store (NULL: no memory); insert puts it in, in the
// place of `old` when given (which is then the caller's, out of the store); cannot fail but NOMEM.
struct task_entry *task_entry_make(const struct channel_task *t);
[[nodiscard]] int task_entry_insert(
	struct task_table *s, struct task_entry *t, struct task_entry *old);
struct task_entry *task_entry_find(
	const struct task_table *s, const struct id16 *ne, const struct id16 *xid);
void task_entry_take(struct task_table *s, struct task_entry *t);
void task_entry_free(struct task_entry *t);
// A live task becomes a tombstone: its destinations are released; the resources are the caller's.
struct task_resources *task_entry_bury(struct task_table *s, struct task_entry *t);
[[nodiscard]] int task_table_tombstone_clear(
	struct task_table *s, const struct id16 *ne, const struct id16 *xid);

// 0, NOT_FOUND, NOMEM or TOO_LARGE; LIMIT beyond TASK_TABLE_REPORTS_MAX or TASK_TABLE_OBJECTS_MAX. A
// report or object without octets is gone; NOT_FOUND when it was not there. A report never changes, an
// object is replaced in its place.
[[nodiscard]] int task_table_memo_put(struct task_table *s, const struct channel_memo *m);
struct memo_entry *report_entry_first(const struct task_table *s);
struct memo_entry *object_entry_first(const struct task_table *s);
struct memo_entry *memo_entry_next(const struct memo_entry *r); // of the same kind

uint32_t task_table_tasks(const struct task_table *s); // tombstones included: what a state streams
uint32_t task_table_live_tasks(const struct task_table *s);
uint32_t task_table_destinations(const struct task_table *s);
struct task_entry *task_entry_first(const struct task_table *s);
struct task_entry *task_entry_next(const struct task_entry *t);
struct task_entry **task_table_cursor(
	struct task_table *s, enum task_table_cursor which); // NULL: at the end
struct destination_entry *destination_entry_first(const struct task_table *s);
struct destination_entry *destination_entry_next(const struct destination_entry *d);
