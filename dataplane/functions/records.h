#pragma once

// Queues the records of events for tasks. Builder thread; one writer of its own capture.

#include "dataplane/capture/capture.h"
#include "dataplane/functions/start_record.h"
#include "dataplane/functions/subject_tasks.h"
#include "dataplane/functions/subjects.h"

// Numbers of a task's records of one session, under the session's correlation ID. They stay as long
// as both.
struct record_context {
	LIST_ENTRY(record_context) of_task, of_subject;
	struct function_task *task;
	struct subject *subject;
	uint64_t correlation;
	uint32_t context;
};

struct records {
	struct capture *capture;
	struct task_counters_owner *counters;
	enum config_xiri_release release;
	uint64_t owed;				 // records of tasks, for the counters
	uint64_t shortened;			 // their PDUs, likewise
	uint64_t logged_shortened, logged_ns;	 // of `shortened` when it was logged last
	uint64_t start_refused[RECORD_ROOM + 1]; // by reason: a start of interception was not made
	uint8_t octets[CAPTURE_RECORD_MAX];
	struct record_node kept[KEPT_NODES_MAX], start[KEPT_NODES_MAX];
};

struct record_pdu { // an encoded record
	unsigned kind;
	const uint8_t *octets;
	uint32_t length;
	uint8_t direction; // enum pdu_direction
	uint64_t time_ns;  // of its event
};

// The task's X2 has such records.
bool task_has_records(const struct function_task *t, unsigned kind);
// Queues the record for a task. `o`: its session or registration, NULL for none.
void records_queue(struct records *r, struct function_task *t, struct subject *o,
	const struct record_pdu *record);
// Queues a start of interception, made from what is kept of `o`; none where the task has no such
// records. Counts it in start_refused where mandatory members are missing.
void records_start(struct records *r, struct function_task *t, struct subject *o);
// The task goes on with the numbers of the one that it replaces. Without memory a number is taken
// with the next record.
void records_follow(struct records *r, struct function_task *t, const struct function_task *before);
void records_task_ends(struct records *r, struct function_task *t);
void records_subject_ends(struct records *r, struct subject *o);
