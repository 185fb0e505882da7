// Appends one record to the sealed store's file.
#include "control/state/task_store_internal.h"

#include <string.h>

void task_store_abandon(struct task_store *v)
{
	sealed_file_close(v->aside);
	v->aside = NULL;
}

static int append_aside(struct task_store *v, size_t length)
{
	int rc = sealed_file_append(v->aside, v->record, length);

	v->rewriting.unsynced += length;
	return rc;
}

int task_store_append(struct task_store *v, size_t length)
{
	int rc;

	if (v->only_aside)
		return append_aside(v, length);
	// A new file that lacks a change must not become the file.
	if (v->aside && append_aside(v, length))
		task_store_abandon(v);
	rc = sealed_file_append(v->sealed, v->record, length);
	if (rc) {
		v->failed = true;
		return rc;
	}
	v->dirty = true;
	v->position++;
	return 0;
}

int task_store_append_body(struct task_store *v, enum kind kind, int n)
{
	if (n < HEADER)
		return n < 0 ? n : POI_ERR_INVALID;
	memmove(v->record + 1, v->record + HEADER, (size_t)n - HEADER);
	v->record[0] = (uint8_t)kind;
	int rc = task_store_append(v, (size_t)n - HEADER + 1);
	if (!rc) {
		v->puts++;
		v->put_octets += (uint64_t)n;
	}
	explicit_bzero(v->record, (size_t)n);
	return rc;
}
