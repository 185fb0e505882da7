#pragma once

// A naive model of the stage of functions, written from docs/events.md: which events are refused,
// and which records go to which tasks. Lists and linear search; no line of it is from the stage.

#include <stdbool.h>
#include <stdint.h>

#include "shared/channel.h"
#include "shared/nf_event.h"
#include "shared/pdu.h"
#include "shared/session_target.h"

#define MODEL_FUNCTIONS 4
#define MODEL_TASKS 6
#define MODEL_TARGETS 4
#define MODEL_MEMBERS 32 // of an event, and of all events of a subject
#define MODEL_SUBJECTS 64
#define MODEL_COPIES 64 // records by one event, or by one task's coming

struct model_identity {
	uint16_t kind; // SESSION_IMSI to SESSION_NAI; 0: none
	const char *text;
	bool is_supi;
};

// A member's value, a constant: its JSON, and the identities that it shows.
struct model_value {
	const char *json;
	struct model_identity identity[4];
	const struct model_value *truncated; // of sMSTPDUData: without user data
};

struct model_member {
	const char *name;
	const struct model_value *value;
};

struct model_event {
	uint8_t function, kind, direction;
	bool snapshot;
	const char *name; // of the session, the registration or the message
	unsigned n;
	struct model_member member[MODEL_MEMBERS];
};

struct model_task {
	bool there;
	uint8_t records;
	uint64_t correlation;
	uint32_t n;
	struct session_target target[MODEL_TARGETS];
};

// A session, a registration or a message without its report.
struct model_subject {
	uint8_t function, records;
	const char *name;
	uint64_t number; // no other one ever has it
	bool named;	 // since the snapshot began
	unsigned n;
	struct model_member member[MODEL_MEMBERS];
};

struct model_function {
	uint8_t records;
	bool connected, snapshot;
	bool unsure; // an SMF whose sessions may have changed meanwhile
};

struct model {
	struct model_function function[MODEL_FUNCTIONS];
	struct model_task task[MODEL_TASKS];
	struct model_subject subject[MODEL_SUBJECTS];
	unsigned n_subjects;
	uint64_t numbers;
};

struct model_copy {
	uint8_t task, kind, direction;
	uint64_t session;     // number of its PDU session; 0: none
	uint64_t correlation; // the task's own; 0: that of the session
	unsigned n;
	struct model_member member[MODEL_MEMBERS];
};

struct model_outcome {
	const char *refused; // why, or NULL
	unsigned n;
	struct model_copy copy[MODEL_COPIES];
};

// The subject that an event names, or NULL.
struct model_subject *model_find(struct model *m, const struct model_event *e);
// Notes what holds even of an event that is refused: its subject is still there, or the name is
// another user's.
void model_name(struct model *m, const struct model_event *e);
void model_take(struct model *m, const struct model_event *e, struct model_outcome *out);
// Task `number` is as `t` from now on: comes, is modified, or goes.
void model_task_set(
	struct model *m, unsigned number, const struct model_task *t, struct model_outcome *out);
void model_state(struct model *m, unsigned function, enum nf_state state);
// poi-events has gone, or the link to it.
void model_unlink(struct model *m);
unsigned model_unsure(const struct model *m);
