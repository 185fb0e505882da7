#pragma once

// Delivery: one or more threads that cut the rings into TLS records and send them, one connection
// per destination (mdf.c). Never blocks on a peer. All functions below are called by the builder
// thread (channel) unless said otherwise; they hand commands to the delivery thread and may wait
// for it to take them, never for a peer.

#include "dataplane/capture/capture.h"
#include "shared/channel.h"
#include "shared/config.h"
#include "shared/delivery_times.h"

struct deliver;

struct deliver *deliver_new(const struct config *config, struct capture *const *captures,
	uint32_t n_workers, char *why, size_t why_size);
// What outlives the process lies in this box, as deliver_plan said. Before deliver_start.
void deliver_plan(struct box_plan *p, uint32_t threads);
void deliver_box(struct deliver *d, const struct box *b);
// Thread `thread` shall run on this CPU alone; without, where the thread runs that starts it. Before
// deliver_start.
void deliver_place(struct deliver *d, uint32_t thread, uint16_t cpu);
[[nodiscard]] int deliver_start(struct deliver *d); // starts the threads
// Drains for at most 2 s; the rest goes to the spool, or is counted as stopped.
void deliver_stop(struct deliver *d);
void deliver_free(struct deliver *d);
// Asked when a destination is added (decision 13): was the ADMF of `ne` silent for TIME_P2? Then
// what its spool holds is discarded. Before the first deliver_add; without it none was.
void deliver_contact(
	struct deliver *d, bool (*silent)(void *context, const struct id16 *ne), void *context);
// The destinations added so far are all that there are (or not, yet): files of any other creation
// are nobody's, and are removed, counted and reported soon.
void deliver_complete(struct deliver *d, bool complete);

// Makes the destination's rings and attaches them to every worker; connects when there is something
// to send or at once (keepalives). Sets its index for rules. 0, NOMEM, LIMIT or EXISTS.
[[nodiscard]] int deliver_add(
	struct deliver *d, const struct channel_destination *dest, uint16_t *index);
// Changes address or type of a live destination without losing what is queued.
[[nodiscard]] int deliver_modify(
	struct deliver *d, uint16_t index, const struct channel_destination *dest);
// No rule names it any more and the grace period is over: drain (bounded by delivery.drain), close,
// free the index, and post EVENT_DESTINATION_GONE.
void deliver_remove(struct deliver *d, uint16_t index);
// After deliver_stop: reports what each destination lost with it (DISCARDED), without time.
void deliver_stopped(
	struct deliver *d, void (*report)(void *context, struct channel_event *e), void *context);

// Copies of a slot that are accounted for (acknowledged, lost in delivery, in doubt), per slot: the
// slot may be reused when they equal those offered minus the workers' own losses.
void deliver_slot_balance(const struct deliver *d, uint32_t slot, struct copy_balance *add);
void deliver_slot_reset(struct deliver *d, uint32_t slot);

// NOT_FOUND when the index is free. Fills everything but ne and did.
[[nodiscard]] int deliver_status(
	const struct deliver *d, uint16_t index, struct channel_destination_status *out);
// Copies of a destination that are lost if this process is killed and nobody keeps its box: those
// that are owed and not in the spool. 0 when the index is free.
uint64_t deliver_held(const struct deliver *d, uint16_t index);
// The first from `from` on of those that are removed and still owed something, named in `out`. Its
// index, or UINT32_MAX: there is none.
uint32_t deliver_leaving(
	const struct deliver *d, uint32_t from, struct channel_destination_status *out);
// Sum over all destinations, past ones included; queued is counted on the rings, not derived.
void deliver_totals(const struct deliver *d, struct copy_balance *out);

// How long the copies took that were acknowledged since the start: out[0] of X2, out[1] of X3.
void deliver_times(const struct deliver *d, struct delivery_times out[DELIVERY_KINDS]);

// Copies of an earlier process that were found in spools: in the sums of their destinations, and
// offered by no worker.
uint64_t deliver_found(const struct deliver *d);

// Rings and counters of an earlier process's destinations, taken over out of its box. Each waits
// until the same destination is added, which sends them before anything new. Members are indexed by
// the old slot; a new slot of UINT32_MAX means that no task has it.
struct deliver_inheritance {
	uint32_t n_slots;
	const uint32_t *slot;
	uint64_t *waiting, *lost;
	uint64_t making; // copies that were not finished; lost, and in no slot's count yet
	uint64_t all_waiting, all_lost;
	bool spools; // what was offered and is not known of may be in a spool
};
// Before the first destination. 0, NOMEM, or INVALID when the box cannot be read.
[[nodiscard]] int deliver_inherit(
	struct deliver *d, const struct box *old, struct deliver_inheritance *i);
// Counts of an old slot as those of a new one.
void deliver_inherit_slot(struct deliver *d, const struct box *old, uint32_t from, uint32_t to);
// So many copies that the slot has as acknowledged wait, and will be acknowledged once more.
void deliver_inherit_again(struct deliver *d, uint32_t slot, uint64_t n);
// Every destination that will come again has. What waits for others is lost and told.
void deliver_inherit_end(struct deliver *d);

// Next event, or false. `event_fd` becomes readable when there may be one.
bool deliver_next_event(struct deliver *d, struct channel_event *out);
int deliver_event_fd(const struct deliver *d);

// Reads certificates again; on failure the old ones stay. Live connections finish the PDU in hand,
// wait for what is sent to be acknowledged and are made anew, within a few seconds.
[[nodiscard]] int deliver_reload(struct deliver *d, char *why, size_t why_size);
