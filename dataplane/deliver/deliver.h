#pragma once

// Delivery: threads that cut the rings into TLS records and send them, over one or more connections
// per destination (mdf.c). Never blocks on a peer. The builder thread calls all functions below
// unless a comment names another. They pass commands to a delivery thread and may wait until it has
// executed them, never for a peer.

#include "dataplane/capture/capture.h"
#include "shared/channel.h"
#include "shared/config.h"
#include "shared/delivery_times.h"

struct deliver;

struct deliver *deliver_new(const struct config *config, struct capture *const *captures,
	uint32_t n_workers, char *why, size_t why_size);
// deliver_plan reserves room in a box for the state that outlives the process; deliver_box uses
// that box. Both before deliver_start.
void deliver_plan(struct box_plan *p, uint32_t threads);
void deliver_box(struct deliver *d, const struct box *b);
// Runs thread `thread` on this CPU alone. Without a call it runs where the starting thread runs.
// Before deliver_start.
void deliver_place(struct deliver *d, uint32_t thread, uint16_t cpu);
[[nodiscard]] int deliver_start(struct deliver *d); // starts the threads
// Drains for at most 2 s; the rest goes to the spool, or is counted as stopped.
void deliver_stop(struct deliver *d);
void deliver_free(struct deliver *d);
// Sets the callback that deliver_add uses to ask whether the ADMF of `ne` was silent for TIME_P2
// (decision 13). If so, the destination's spool is discarded. Set it before the first deliver_add;
// without it no ADMF counts as silent.
void deliver_contact(
	struct deliver *d, bool (*silent)(void *context, const struct id16 *ne), void *context);
// Declares whether the destinations added so far are all. If so, files of any other creation are
// orphans: delivery soon removes, counts and reports them.
void deliver_complete(struct deliver *d, bool complete);

// Creates the destination's rings and attaches them to every worker. Connects when the first copy
// is queued, or at once if keepalives are on. Sets `index` for rules. Returns 0, NOMEM, LIMIT or
// EXISTS.
[[nodiscard]] int deliver_add(
	struct deliver *d, const struct channel_destination *dest, uint16_t *index);
// Changes address or type of a live destination without losing queued copies.
[[nodiscard]] int deliver_modify(
	struct deliver *d, uint16_t index, const struct channel_destination *dest);
// Removes a destination that no rule names and whose grace period is over: drains it (bounded by
// delivery.drain), closes, frees the index, and posts EVENT_DESTINATION_GONE.
void deliver_remove(struct deliver *d, uint16_t index);
// Reports what each destination lost at the stop (DISCARDED), without a time. Call after
// deliver_stop.
void deliver_stopped(
	struct deliver *d, void (*report)(void *context, struct channel_event *e), void *context);

// Adds the slot's copies that are accounted for: acknowledged, lost in delivery, or in doubt. The
// slot may be reused when they equal the offered copies minus the workers' own losses.
void deliver_slot_balance(const struct deliver *d, uint32_t slot, struct copy_balance *add);
void deliver_slot_reset(struct deliver *d, uint32_t slot);

// Fills all members but ne and did. Returns 0, or NOT_FOUND if the index is free.
[[nodiscard]] int deliver_status(
	const struct deliver *d, uint16_t index, struct channel_destination_status *out);
// Returns the destination's copies that are neither acknowledged nor in the spool: they are lost if
// this process is killed and no process keeps its box. 0 if the index is free.
uint64_t deliver_held(const struct deliver *d, uint16_t index);
// Finds the first destination from index `from` on that is removed and still has copies to send,
// and names it in `out`. Returns its index, or UINT32_MAX.
uint32_t deliver_leaving(
	const struct deliver *d, uint32_t from, struct channel_destination_status *out);
// Sums all destinations, past ones included. `queued` is counted on the rings, not derived.
void deliver_totals(const struct deliver *d, struct copy_balance *out);

// Reports the delivery times of copies acknowledged since the start: out[0] of X2, out[1] of X3.
void deliver_times(const struct deliver *d, struct delivery_times out[DELIVERY_KINDS]);

// Returns the copies of an earlier process found in spools. They are in the sums of their
// destinations, and no worker offered them.
uint64_t deliver_found(const struct deliver *d);

// Rings and counters of an earlier process's destinations, taken from its box. Each waits until the
// same destination is added, which sends them before anything new. Members are indexed by the old
// slot; a new slot of UINT32_MAX means that no task has it.
struct deliver_inheritance {
	uint32_t n_slots;
	const uint32_t *slot;
	uint64_t *waiting, *lost;
	uint64_t making; // unfinished copies: lost, and in no slot's count yet
	uint64_t all_waiting, all_lost;
	bool spools; // copies offered and not accounted for may be in a spool
};
// Takes over the old box. Call before the first deliver_add. Returns 0, NOMEM, or INVALID if the
// box cannot be read.
[[nodiscard]] int deliver_inherit(
	struct deliver *d, const struct box *old, struct deliver_inheritance *i);
// Adds the counts of an old slot to a new one.
void deliver_inherit_slot(struct deliver *d, const struct box *old, uint32_t from, uint32_t to);
// Takes back `n` acknowledged copies of the slot: they wait again and will be acknowledged once
// more.
void deliver_inherit_again(struct deliver *d, uint32_t slot, uint64_t n);
// Ends the inheritance after the last destination was added. Copies that wait for others are
// counted as lost and reported.
void deliver_inherit_end(struct deliver *d);

// Returns true with the next event. `event_fd` becomes readable when there may be one.
bool deliver_next_event(struct deliver *d, struct channel_event *out);
int deliver_event_fd(const struct deliver *d);

// Reads the certificates again; if that fails the old ones stay. Live connections finish the PDU in
// hand, wait until sent copies are acknowledged and reconnect, within a few seconds.
[[nodiscard]] int deliver_reload(struct deliver *d, char *why, size_t why_size);
