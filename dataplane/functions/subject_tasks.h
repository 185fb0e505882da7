#pragma once

// Tasks whose X2 has records, found by the identities of a record. Builder thread.

#include <sys/queue.h>

#include "dataplane/capture/x2_task.h"
#include "dataplane/functions/identity.h"
#include "dataplane/functions/subjects.h"
#include "shared/hash_table.h"

struct subject_tasks;
struct function_task;

struct task_target {
	struct hash_link link; // of the index, while `indexed`
	struct function_task *task;
	struct hash_context *hashed; // of a target with a digest
	bool indexed;
	struct session_target t;
};

struct function_task {
	LIST_ENTRY(function_task) all;
	const struct x2_task *x2; // the builder's
	uint8_t records;	  // RECORDS_*, TASK_ASSOCIATION_*
	uint64_t met;		  // number of the last search that found it
	struct function_task *next_found;
	struct record_contexts contexts; // of records.c
	uint32_t n;
	struct task_target target[];
};

// `seed`: of the keys of identities, the caller's. NULL when out of memory.
struct subject_tasks *subject_tasks_new(const uint64_t *seed);
void subject_tasks_free(struct subject_tasks *s); // and every task that is still there

// Copies the targets; those that no record can show are left out. 0 or NOMEM, which includes more
// than IDENTITY_CONTEXTS_MAX hash contexts.
[[nodiscard]] int subject_tasks_add(struct subject_tasks *s, const struct session_target *targets,
	uint32_t n, struct function_task **out);
void subject_tasks_remove(struct subject_tasks *s, struct function_task *t); // frees it
struct function_task *subject_tasks_first(const struct subject_tasks *s);

// Returns the tasks of these identities, linked by next_found until the next call; each once.
struct function_task *subject_tasks_of(struct subject_tasks *s, const struct identities *of);
bool task_wants(const struct function_task *t, const struct identities *of);

// A subject_digests of these tasks.
unsigned subject_tasks_digests(
	void *tasks, const struct identities *of, uint64_t out[DIGEST_KEYS_MAX]);

// Visits subjects that the task wants, each once.
struct task_visit {
	void (*each)(void *context, struct function_task *t, struct subject *o);
	void *context;
};
void subject_tasks_visit(struct subject_tasks *s, struct subjects *subjects,
	struct function_task *t, const struct task_visit *v);
