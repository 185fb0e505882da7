// Memory with a bound, and tables from indexes to pointers.

#include "dataplane/session/session_table_internal.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SHIFT 10
#define CHUNK (1u << CHUNK_SHIFT)

void *session_alloc(struct session_memory *m, size_t size)
{
	if (m->used + size > m->max - (m->for_tasks ? 0 : m->kept))
		return NULL;
	void *p = calloc(1, size);
	if (p)
		m->used += malloc_usable_size(p) + sizeof(size_t); // and the allocator's own word
	return p;
}

void session_release(struct session_memory *m, void *p)
{
	if (!p)
		return;
	m->used -= malloc_usable_size(p) + sizeof(size_t);
	free(p);
}

// A free place holds the index of the next free one, made odd so that it is no pointer.
static void *free_mark(uint32_t next)
{
	return (void *)(((uintptr_t)next << 1) | 1);
}

static bool is_free(const void *p)
{
	return (uintptr_t)p & 1;
}

static void **place(const struct session_table *t, uint32_t i)
{
	return &t->chunk[i >> CHUNK_SHIFT][i & (CHUNK - 1)];
}

static bool grow(struct session_table *t, struct session_memory *m)
{
	if ((t->n_chunks & (t->n_chunks - 1)) == 0) { // a power of two: the list of chunks is full
		uint32_t room = t->n_chunks ? t->n_chunks * 2 : 1;
		void ***chunk = session_alloc(m, room * sizeof(*chunk));
		if (!chunk)
			return false;
		for (uint32_t i = 0; i < t->n_chunks; i++)
			chunk[i] = t->chunk[i];
		session_release(m, t->chunk);
		t->chunk = chunk;
	}
	t->chunk[t->n_chunks] = session_alloc(m, CHUNK * sizeof(void *));
	if (!t->chunk[t->n_chunks])
		return false;
	t->n_chunks++;
	return true;
}

uint32_t session_table_add(struct session_table *t, struct session_memory *m, void *p)
{
	if (t->live == 0)
		t->free = SESSION_NONE;
	if (t->free != SESSION_NONE) {
		uint32_t i = t->free;
		t->free = (uint32_t)((uintptr_t)*place(t, i) >> 1);
		*place(t, i) = p;
		t->live++;
		return i;
	}
	if (t->fresh == t->n_chunks << CHUNK_SHIFT && !grow(t, m))
		return SESSION_NONE;
	*place(t, t->fresh) = p;
	t->live++;
	return t->fresh++;
}

void *session_table_get(const struct session_table *t, uint32_t i)
{
	if (i >= t->fresh)
		return NULL;
	void *p = *place(t, i);
	return is_free(p) ? NULL : p;
}

void session_table_remove(struct session_table *t, struct session_memory *m, uint32_t i)
{
	*place(t, i) = free_mark(t->free);
	t->free = i;
	if (--t->live == 0)
		session_table_free(t, m);
}

void session_table_free(struct session_table *t, struct session_memory *m)
{
	for (uint32_t i = 0; i < t->n_chunks; i++)
		session_release(m, t->chunk[i]);
	session_release(m, t->chunk);
	*t = (struct session_table){.free = SESSION_NONE};
}

bool array_room(struct session_memory *m, void **array, uint32_t *have, uint32_t n, size_t size)
{
	if (n <= *have)
		return true;
	uint32_t room = n * 2 < 64 ? 64 : n * 2;
	bool for_tasks = m->for_tasks;
	m->for_tasks = true;
	void *grown = session_alloc(m, room * size);
	m->for_tasks = for_tasks;
	if (!grown)
		return false;
	if (*array)
		memcpy(grown, *array, *have * size);
	session_release(m, *array);
	*array = grown;
	*have = room;
	return true;
}
