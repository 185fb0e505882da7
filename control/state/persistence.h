#pragma once

// How state changes use the sealed store (task_store.h). Everything here does nothing, with
// success, where no store is configured. A store that cannot be written is a fault of every network
// element until it is written again.

#include "control/state/control.h"

struct persistence_position { // of one change that was put
	uint64_t position, rewrites;
};

// Puts a change ahead of the dataplane's work. 0, or an error: the request is refused.
[[nodiscard]] int persistence_task(
	struct control *c, const struct registry_task *t, struct persistence_position *at);
[[nodiscard]] int persistence_destination(
	struct control *c, const struct registry_destination *d, struct persistence_position *at);
[[nodiscard]] int persistence_object(
	struct control *c, const struct object *o, struct persistence_position *at);
// The dataplane has it in force: is it on disk too?
bool persistence_kept(const struct control *c, const struct persistence_position *at);
// The file was written anew since, from the registry, or is being: what was not in the registry is put
// again.
bool persistence_rewritten(const struct control *c, const struct persistence_position *at);

// A report that is kept until it is answered, and the end of that.
[[nodiscard]] int persistence_report(struct control *c, const struct kept_report *r);
void persistence_report_gone(struct control *c, const struct kept_report *r);
// Adds what a process before has kept to the registry's reports, once.
void persistence_take_reports(struct control *c);

// Stores what an object or element has beside its details: its faults and what is pending. An
// object that is being changed or removed is left as its request has put it.
void persistence_task_state(struct control *c, const struct registry_task *t);
void persistence_destination_state(struct control *c, const struct registry_destination *d);
void persistence_element(struct control *c, uint16_t ne, const uint8_t *memo, uint32_t length);

// Removals are done whatever the result of the store.
void persistence_task_gone(struct control *c, uint16_t ne, const struct id16 *xid);
void persistence_tasks_stopped(struct control *c, uint16_t ne); // all of them
void persistence_destination_gone(struct control *c, uint16_t ne, const struct id16 *did);
void persistence_object_gone(struct control *c, uint16_t ne, const struct id16 *id);

// Both sides are empty: restores the usable content of the store to the registry. Content that is
// not used, or a missing store, is reported to the ADMF (code 9010). A step does one object; AGAIN
// while it goes on, then 0.
void persistence_adopt_begin(struct control *c);
[[nodiscard]] int persistence_adopt_step(struct control *c);
// A restoration was cut off: the store goes into the registry, which is the truth from the start.
// Returns whether that is so.
bool persistence_resume(struct control *c);
// The dataplane's state was incomplete: replaces the registry with the stored one, as on a cold
// start. False, and nothing was done, where the store has nothing that may be used.
bool persistence_restore(struct control *c);
// Writes the store from the registry from now on: both processes hold the same.
void persistence_follow_registry(struct control *c);
// The ADMF sent a message. Usable content of the disk stays usable; it does not become usable again
// where the ADMF was silent for TIME_P2 before.
void persistence_heard(struct control *c, uint16_t ne);
// Gives up a rewrite of the store that is not at its end: the file is as it was, and every change in it.
void persistence_stop(struct control *c);
// Brings what was put to the disk.
void persistence_sync(struct control *c);
// Every second: mends a store that failed, compacts one that has grown.
void persistence_tick(struct control *c);
