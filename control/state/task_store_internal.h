#pragma once

// Inside the sealed store, from top to bottom: task_store_rewrite.c (a new file), task_store.c (what is
// read, taken and written), task_store_object.c (generic objects), task_store_reports.c (reports that are kept), task_store_element.c (memos of
// network elements) and task_store_record.c (one record).

#include "control/state/task_store.h"
#include "shared/sealed_file.h"

// A record: kind, then the channel's body of the same object, its memo included; or an object's
// key.
enum kind {
	PUT_DESTINATION_BEFORE = 1, // as an earlier version wrote it: without its creation
	REMOVE_DESTINATION,
	PUT_TASK,
	REMOVE_TASK,
	CONTACT,
	RESTORING,
	PUT_DESTINATION,
	REPORT,
	ELEMENT,
	STOP_TASKS, // all that were put before, of a network element
	OBJECT,	    // a generic object, as the channel's memo of it
};

#define HEADER 8 // of a channel message, not kept

struct element { // stored content of one network element, and the time of its ADMF's last message
	bool invalid;
	uint64_t contact_s, written_s;
	uint8_t *memo; // the last one, as read or put; NULL: none
	uint32_t memo_length;
};

struct task_store_rewriting { // the walk over what is alive
	struct kept_reports_cursor reports;
	struct registry_cursor cursor; // of `ne`
	struct objects_cursor objects; // of `ne`, while `in_objects`
	uint64_t unsynced;	       // octets
	uint16_t ne;
	bool in_reports, in_element, in_objects;
};

struct task_store {
	const struct config *config;
	struct sealed_file *sealed;
	struct sealed_file *aside; // while the file is written anew: what changes is put to both
	struct task_store_rewriting rewriting;
	struct registry *loaded; // until task_store_forget
	bool failed, dirty;
	bool only_aside; // what is written is a part of the new file, not a change
	bool restoring;	     // as read
	bool restoring_here; // by this process
	uint64_t position, durable, rewrites;
	uint64_t puts, put_octets; // for the mean size of what is alive
	struct element element[CONFIG_NES_MAX];
	uint8_t memo[CHANNEL_MEMO_MAX];
	uint8_t record[CHANNEL_MESSAGE_MAX];
};

// task_store_record.c: appends what lies at v->record, to the file that is being written anew too.
[[nodiscard]] int task_store_append(struct task_store *v, size_t length);
void task_store_abandon(struct task_store *v); // the file aside
// `n`: the length that a channel encoder returned for the message at v->record. Its header's last
// octet becomes the kind.
[[nodiscard]] int task_store_append_body(struct task_store *v, enum kind kind, int n);

// task_store.c: records of one object.
[[nodiscard]] int task_store_write_task(
	struct task_store *v, const struct registry *r, const struct registry_task *t);
[[nodiscard]] int task_store_write_destination(
	struct task_store *v, const struct registry *r, const struct registry_destination *d);
[[nodiscard]] int task_store_write_contact(struct task_store *v, const struct id16 *ne, uint64_t contact_s);

// task_store_reports.c
void task_store_read_report(struct task_store *v, const uint8_t *body, size_t length);
[[nodiscard]] int task_store_write_report(struct task_store *v, const struct registry *r,
	const struct kept_report *report, bool gone);

// task_store_object.c
void task_store_read_object(struct task_store *v, const uint8_t *body, size_t length);
[[nodiscard]] int task_store_write_object(
	struct task_store *v, const struct registry *r, const struct object *o);
[[nodiscard]] int task_store_take_objects(
	struct task_store *v, struct registry *r, uint16_t ne); // those that were read

// task_store_element.c
void task_store_read_element(struct task_store *v, const uint8_t *body, size_t length);
[[nodiscard]] int task_store_write_element(
	struct task_store *v, const struct registry *r, uint16_t ne); // the last one
void task_store_free_elements(struct task_store *v);
