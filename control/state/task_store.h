#pragma once

// The sealed store (decision 22), off unless store.file is configured: tasks and destinations in a
// file of sealed records (shared/sealed_file_file.h), so that they come back after both processes were gone.
// A record is a change: put or remove, in the order of acceptance. Putting is written ahead: it is
// in the file before the dataplane is asked and on disk before the answer leaves; removing is in
// the file before its answer. After a failure nothing is put until the whole file was written anew
// from the registry, which mends whatever the failure left.
//
// The time of the ADMF's last contact is kept beside: a store whose ADMF was silent for TIME_P2 is
// not used, since the fail-safe would have stopped its tasks.

#include "control/state/registry.h"
#include "shared/config.h"

struct task_store;

// Opens or creates config->store.file with the key store.key or the credential store-key, and reads
// it. NULL with `why`: no key, wrong key, tampered with, not readable, no memory.
struct task_store *task_store_open(const struct config *config, char *why, size_t why_size);
// The last contact is written if it moved. NULL is legal here only.
void task_store_close(struct task_store *v);

// Verdict on the stored content at the opening, per network element.
enum task_store_verdict {
	TASK_STORE_EMPTY,   // nothing is stored for it
	TASK_STORE_BARE,    // it was used, and had neither tasks nor destinations nor objects
	TASK_STORE_ADOPTED, // its tasks and destinations are in the registry now
	TASK_STORE_STALE,   // the last contact is TIME_P2 ago, or never was
	TASK_STORE_CLOCK,   // the last contact lies more than 60 s in the future: the clock is not to be
		     // trusted
	TASK_STORE_INVALID, // a record does not fit this version, or names what is not there
};
// TASK_STORE_ADOPTED: it may be used.
enum task_store_verdict task_store_judge(const struct task_store *v, uint16_t ne, uint64_t now_s);
// Puts into the empty registry what may be used of `ne`: all of it or nothing. `now_s`: wall clock.
// What was read is moved there, destinations first.
enum task_store_verdict task_store_adopt(struct task_store *v, struct registry *r, uint16_t ne, uint64_t now_s);
// The same in steps: the destinations, then a task a step. AGAIN while it goes on, 0, or an error: it was not
// possible.
enum task_store_verdict task_store_adopt_begin(
	struct task_store *v, struct registry *r, uint16_t ne, uint64_t now_s);
[[nodiscard]] int task_store_adopt_step(struct task_store *v, struct registry *r, uint16_t ne);
// From task_store_adopt to task_store_rewrite the file carries the mark of a restoration: a process
// that is killed between them leaves a dataplane with a part of the tasks, which is not the newer
// truth. 0 or IO: that is not on disk.
[[nodiscard]] int task_store_begin_restoring(struct task_store *v);
// The file carried the mark when it was opened: the store wins over the dataplane's state.
bool task_store_restoring(const struct task_store *v);
// Milliseconds since the last contact with the ADMF of `ne`, by the wall clock; UINT64_MAX: none is
// known.
uint64_t task_store_silence_ms(const struct task_store *v, uint16_t ne, uint64_t now_s);
// Wipes and frees the stored content. Returns true if it was still there.
bool task_store_forget(struct task_store *v);

// Appends a change. 0, TOO_LARGE, NOMEM or IO; the task_store has failed then (task_store_failed) until
// task_store_rewrite succeeds. Puts to a failed task_store are refused with IO without trying.
[[nodiscard]] int task_store_put_task(
	struct task_store *v, const struct registry *r, const struct registry_task *t);
[[nodiscard]] int task_store_put_destination(
	struct task_store *v, const struct registry *r, const struct registry_destination *d);
[[nodiscard]] int task_store_remove_task(struct task_store *v, const struct id16 *ne, const struct id16 *xid);
[[nodiscard]] int task_store_remove_destination(
	struct task_store *v, const struct id16 *ne, const struct id16 *did);
// Generic objects, as destinations.
[[nodiscard]] int task_store_put_object(
	struct task_store *v, const struct registry *r, const struct object *o);
[[nodiscard]] int task_store_remove_object(
	struct task_store *v, const struct id16 *ne, const struct id16 *id);
// The fail-safe stopped all tasks of `ne`: one record.
[[nodiscard]] int task_store_stop_tasks(struct task_store *v, const struct id16 *ne);
// Reports that are kept until they are answered, as changes of tasks.
[[nodiscard]] int task_store_put_report(
	struct task_store *v, const struct registry *r, const struct kept_report *report);
[[nodiscard]] int task_store_remove_report(
	struct task_store *v, const struct registry *r, const struct kept_report *report);
// Adds those that were read to the registry's. 0, or NOMEM or INVALID: not all could be.
[[nodiscard]] int task_store_take_reports(struct task_store *v, struct registry *r);
// The memo of a network element, as the dataplane keeps it, and the last one that was read or put:
// NULL where there is none.
[[nodiscard]] int task_store_put_element(struct task_store *v, const struct registry *r,
	uint16_t ne, const uint8_t *memo, uint32_t length);
const uint8_t *task_store_element(const struct task_store *v, uint16_t ne, uint32_t *length);
// The ADMF of `ne` sent a message; written when its time has moved by 10 s, or TIME_P2 / 10 where
// that is less.
void task_store_heard(struct task_store *v, uint16_t ne, const struct id16 *id, uint64_t now_s);

// Everything appended is on disk. 0 or IO. Cheap when nothing was appended.
[[nodiscard]] int task_store_sync(struct task_store *v);
// Number of the last change appended, and whether change number `n` is known to be on disk.
uint64_t task_store_position(const struct task_store *v);
bool task_store_durable(const struct task_store *v, uint64_t n);
bool task_store_failed(const struct task_store *v);

// The file holds more than four times what is alive (and is worth the effort).
bool task_store_wants_rewrite(const struct task_store *v, const struct registry *r);
// Writes the file anew from the registry, an object a step: tasks in force or accepted, without what is
// being removed. Changes meanwhile are put to both files. `step`: AGAIN while it goes on, 0 when the new file
// is in place, or IO: the old file is as it was, and the store has failed.
[[nodiscard]] int task_store_rewrite_begin(struct task_store *v, const struct registry *r);
[[nodiscard]] int task_store_rewrite_step(struct task_store *v, struct registry *r);
void task_store_rewrite_stop(struct task_store *v); // gives it up
bool task_store_rewriting(const struct task_store *v);
[[nodiscard]] int task_store_rewrite(struct task_store *v, struct registry *r); // all of it
// Counts begins and ends: a modification on its way is not part of a rewrite, and is put again where one
// has begun or ended since, or goes on.
uint64_t task_store_rewrites(const struct task_store *v);
