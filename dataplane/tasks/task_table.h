#pragma once

// What the dataplane keeps for control (decisions 11 and 13): network elements with their fail-safe
// deadlines, destinations and tasks with their opaque memos, in the order they came. Pure
// bookkeeping, one thread; tables, slots and delivery are the engine's work.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/channel.h"

#define STORE_NES_MAX 256

struct store_link { // first in every object; the store's own
	struct store_link *hash_next, *next, *prev;
	struct id16 ne, id;
};

struct store_ne {
	struct store_ne *next;
	struct id16 ne;
	char identifier[CHANNEL_NAME_MAX];
	uint64_t fail_safe_ms; // 0: no deadline
	uint64_t heard_ms;     // monotonic; last NE_HEARD, or when it was first defined
	uint64_t spent_ms;     // of its time before the first `heard_ms`; 0 once heard
	bool armed;	       // the deadline counts; false once it has fired
	bool expired;	       // fired, and not cleared since
	uint32_t tombstones;
	uint8_t payload_format, axri; // of tasks given from now on
	uint8_t *memo;
	uint32_t memo_length;
};

struct store_destination {
	struct store_link link;
	struct channel_destination d; // memo: own allocation
	uint16_t index;		      // deliver's
	uint32_t references;	      // live tasks that name it
};

struct leaving;

struct store_task {
	struct store_link link;
	struct id16 header_xid;
	uint64_t correlation;
	uint8_t delivery, report, tombstone, n_destinations;
	uint8_t payload_format, axri; // its element's when it was given
	uint32_t memo_length;
	uint8_t *memo;
	struct leaving *hold; // the engine's: slot and contexts; NULL for a tombstone
	struct channel_triggers triggers;
	struct filter filter;
	struct session_target *session; // own allocation; NULL: the filter says all
	uint16_t matched_length;
	struct id16 did[]; // n_destinations; behind them the attributes 17: store_task_matched
};

static inline const uint8_t *store_task_matched(const struct store_task *t)
{
	return (const uint8_t *)&t->did[t->n_destinations];
}

struct store;

// Walks of the tasks that take many turns: each has a cursor, which the store moves on when the task
// that it stands on leaves, and to its successor when that task is replaced.
enum store_cursor { STORE_CURSOR_RECONCILE, STORE_CURSOR_LOSSES, STORE_CURSORS };

struct store *store_new(void);
// `drop` is called with the hold of every task still there.
void store_free(struct store *s, void (*drop)(struct leaving *hold));

// Network elements. Put: 0 or LIMIT or NOMEM; a known element keeps its deadline's start.
[[nodiscard]] int store_ne_put(struct store *s, const struct channel_ne *ne, uint64_t now_ms);
[[nodiscard]] int store_ne_heard(struct store *s, const struct id16 *ne, uint64_t now_ms);
struct store_ne *store_ne_find(const struct store *s, const struct id16 *ne);
struct store_ne *store_ne_first(const struct store *s); // then ->next
// Until the deadline, 0 when past; UINT64_MAX when there is none.
uint64_t store_ne_remaining(const struct store_ne *n, uint64_t now_ms);
// An element whose deadline is past; it is disarmed and marked expired by this call. NULL: none.
struct store_ne *store_ne_fire(struct store *s, uint64_t now_ms);

// Destinations. Put creates, or replaces address, type and memo of a known one (index and
// references stay). 0 or NOMEM. Take: IN_USE or NOT_FOUND; otherwise out of the store and the
// caller's.
struct store_destination *store_destination_find(
	const struct store *s, const struct id16 *ne, const struct id16 *did);
[[nodiscard]] int store_destination_put(
	struct store *s, const struct channel_destination *d, struct store_destination **out);
[[nodiscard]] int store_destination_take(struct store *s, const struct id16 *ne,
	const struct id16 *did, struct store_destination **out);
void store_destination_free(struct store_destination *d);

// Tasks. Make allocates an object outside the store (NULL: no memory); insert puts it in, in the
// place of `old` when given (which is then the caller's, out of the store); cannot fail but NOMEM.
struct store_task *store_task_make(const struct channel_task *t);
[[nodiscard]] int store_task_insert(struct store *s, struct store_task *t, struct store_task *old);
struct store_task *store_task_find(
	const struct store *s, const struct id16 *ne, const struct id16 *xid);
void store_task_take(struct store *s, struct store_task *t);
void store_task_free(struct store_task *t);
// A live task becomes a tombstone: its destinations are released; the hold is the caller's.
struct leaving *store_task_bury(struct store *s, struct store_task *t);
[[nodiscard]] int store_tombstone_clear(
	struct store *s, const struct id16 *ne, const struct id16 *xid);

[[nodiscard]] int store_memo_put(struct store *s, const struct channel_memo *m);

uint32_t store_tasks(const struct store *s); // tombstones included: what a state streams
uint32_t store_live_tasks(const struct store *s);
uint32_t store_destinations(const struct store *s);
struct store_task *store_task_first(const struct store *s);
struct store_task *store_task_next(const struct store_task *t);
struct store_task **store_cursor(struct store *s, enum store_cursor which); // NULL: at the end
struct store_destination *store_destination_first(const struct store *s);
struct store_destination *store_destination_next(const struct store_destination *d);
