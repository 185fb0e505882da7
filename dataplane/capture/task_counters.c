// Keeps counters and sequence numbers of tasks in places that never move.

#include "dataplane/capture/task_counters.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/capture/task_kept.h"
#include "shared/hash_table.h"

#define SLOTS_MAX (SLOT_CHUNK * SLOT_CHUNKS_MAX)
#define CACHE_LINE 64

struct context_key {
	struct id16 xid;
	uint64_t correlation;
	uint8_t kind;
};

struct context {
	struct context_key key;
	struct hash_link link; // while it is referred to
	struct context *next_free;
	uint32_t references; // 0: free
	uint32_t number;
};

// A set of small numbers: those given back are used first.
struct numbers {
	uint32_t *free;
	uint32_t n_free, capacity;
	uint32_t used; // numbers below were handed out at least once
};

struct task_counters_owner {
	struct task_counters slots;
	struct numbers slot;
	uint8_t *taken; // one octet per slot ever handed out
	uint32_t taken_capacity;
	uint32_t n_taken;
	struct slot_counters past;		   // of slots given back
	struct context *contexts[SLOT_CHUNKS_MAX]; // chunks, which never move
	uint32_t n_contexts;			   // those below were used at least once
	struct context *free_context;
	struct hash_table context_by_key;
	struct box *box;	  // NULL: none
	struct box_task *tasks;	  // of the box, by slot
	struct box_context *keys; // by context
};

// In the box, where there is one.
static void *kept(
	struct task_counters_owner *o, enum box_kind kind, uint32_t worker, size_t element)
{
	return o->box ? box_part(o->box, kind, worker, element, NULL) : NULL;
}

void task_counters_plan(struct box_plan *p, uint32_t n_workers)
{
	box_plan_add(p, BOX_TASKS, 0, sizeof(struct box_task), SLOTS_MAX);
	box_plan_add(p, BOX_CONTEXTS, 0, sizeof(struct box_context), SLOTS_MAX);
	for (uint32_t w = 0; w < n_workers; w++) {
		box_plan_add(p, BOX_COUNTERS, w, sizeof(struct slot_counters), SLOTS_MAX);
		box_plan_add(p, BOX_SEQUENCES, w, sizeof(uint32_t), SLOTS_MAX);
	}
}

void task_counters_box(struct task_counters_owner *o, struct box *b)
{
	o->box = b;
	o->tasks = kept(o, BOX_TASKS, 0, sizeof(struct box_task));
	o->keys = kept(o, BOX_CONTEXTS, 0, sizeof(struct box_context));
}

struct task_counters_owner *task_counters_new(uint32_t n_workers)
{
	if (n_workers == 0 || n_workers > SLOT_WRITERS_MAX)
		return NULL;
	struct task_counters_owner *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	if (hash_table_init(&o->context_by_key, SLOTS_MAX)) {
		task_counters_free(o);
		return NULL;
	}
	for (uint32_t w = 0; w < n_workers; w++) {
		o->slots.worker[w] = aligned_alloc(
			CACHE_LINE, (sizeof(struct task_counters_worker) + CACHE_LINE - 1) /
					    CACHE_LINE * CACHE_LINE);
		if (!o->slots.worker[w]) {
			task_counters_free(o);
			return NULL;
		}
		memset(o->slots.worker[w], 0, sizeof(struct task_counters_worker));
		o->slots.n_workers = w + 1;
	}
	return o;
}

void task_counters_free(struct task_counters_owner *o)
{
	if (!o)
		return;
	for (uint32_t w = 0; w < o->slots.n_workers; w++) {
		for (uint32_t c = 0; !o->box && c < SLOT_CHUNKS_MAX; c++) {
			free(atomic_load_explicit(
				&o->slots.worker[w]->counters[c], memory_order_relaxed));
			free(atomic_load_explicit(
				&o->slots.worker[w]->sequence[c], memory_order_relaxed));
		}
		free(o->slots.worker[w]);
	}
	free(o->slot.free);
	free(o->taken);
	for (uint32_t c = 0; c < SLOT_CHUNKS_MAX; c++)
		free(o->contexts[c]);
	hash_table_free(&o->context_by_key);
	free(o);
}

struct task_counters *task_counters_of(struct task_counters_owner *o)
{
	return &o->slots;
}

static void *chunk_new(size_t element)
{
	void *chunk = aligned_alloc(CACHE_LINE, element * SLOT_CHUNK);

	if (chunk)
		memset(chunk, 0, element * SLOT_CHUNK);
	return chunk;
}

// Makes the counters' chunk on every worker; a half-made one is finished by the next call.
static int counters_chunk(struct task_counters_owner *o, uint32_t c)
{
	for (uint32_t w = 0; w < o->slots.n_workers; w++) {
		struct task_counters_worker *sw = o->slots.worker[w];
		if (atomic_load_explicit(&sw->counters[c], memory_order_relaxed))
			continue;
		struct slot_counters *chunk = kept(o, BOX_COUNTERS, w, sizeof(*chunk));
		chunk = chunk ? chunk + (size_t)c * SLOT_CHUNK : chunk_new(sizeof(*chunk));
		if (!chunk)
			return POI_ERR_NOMEM;
		// Partner: the publication of a table that names a slot in it.
		atomic_store_explicit(&sw->counters[c], chunk, memory_order_release);
	}
	return POI_OK;
}

static int sequence_chunk(struct task_counters_owner *o, uint32_t c)
{
	for (uint32_t w = 0; w < o->slots.n_workers; w++) {
		struct task_counters_worker *sw = o->slots.worker[w];
		if (atomic_load_explicit(&sw->sequence[c], memory_order_relaxed))
			continue;
		uint32_t *chunk = kept(o, BOX_SEQUENCES, w, sizeof(*chunk));
		chunk = chunk ? chunk + (size_t)c * SLOT_CHUNK : chunk_new(sizeof(*chunk));
		if (!chunk)
			return POI_ERR_NOMEM;
		// Partner: as above, for contexts.
		atomic_store_explicit(&sw->sequence[c], chunk, memory_order_release);
	}
	return POI_OK;
}

static int taken_grow(struct task_counters_owner *o, uint32_t slot)
{
	if (slot < o->taken_capacity)
		return POI_OK;
	uint32_t capacity = o->taken_capacity ? o->taken_capacity * 2 : SLOT_CHUNK;
	uint8_t *taken = realloc(o->taken, capacity);
	if (!taken)
		return POI_ERR_NOMEM;
	o->taken = taken;
	// Room to give every slot back is made here, so that task_counters_give cannot fail.
	uint32_t *list = realloc(o->slot.free, capacity * sizeof(*list));
	if (!list)
		return POI_ERR_NOMEM;
	o->slot.free = list;
	memset(taken + o->taken_capacity, 0, capacity - o->taken_capacity);
	o->taken_capacity = capacity;
	return POI_OK;
}

int task_counters_take(struct task_counters_owner *o, uint32_t *slot)
{
	bool fresh = o->slot.n_free == 0;
	uint32_t s = fresh ? o->slot.used : o->slot.free[o->slot.n_free - 1];

	if (s >= SLOTS_MAX)
		return POI_ERR_LIMIT;
	int e = taken_grow(o, s);
	if (e == POI_OK)
		e = counters_chunk(o, s >> SLOT_CHUNK_BITS);
	if (e != POI_OK)
		return e;
	if (fresh)
		o->slot.used++;
	else
		o->slot.n_free--;
	o->taken[s] = 1;
	o->n_taken++;
	for (uint32_t w = 0; w < o->slots.n_workers; w++)
		*slot_counters_of(o->slots.worker[w], s) = (struct slot_counters){0};
	*slot = s;
	return POI_OK;
}

void task_counters_name(
	struct task_counters_owner *o, uint32_t slot, const struct id16 *ne, const struct id16 *xid)
{
	if (!o->tasks)
		return;
	o->tasks[slot].ne = *ne;
	o->tasks[slot].xid = *xid;
	// Partner: the next process.
	atomic_store_explicit(&o->tasks[slot].state, BOX_LIVE, memory_order_release);
	box_use(o->box, BOX_TASKS, 0, slot + 1);
}

void task_counters_leaves(struct task_counters_owner *o, uint32_t slot)
{
	if (o->tasks)
		atomic_store_explicit(&o->tasks[slot].state, BOX_LEAVING, memory_order_release);
}

void task_counters_correct(struct task_counters_owner *o, uint64_t offered)
{
	o->past.offered += offered;
}

// Workers write these with plain 64-bit stores while we look.
static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void counters_add(struct slot_counters *sum, const struct slot_counters *c)
{
	sum->matched += load(&c->matched);
	sum->offered += load(&c->offered);
	for (int i = 0; i < LOSS_COUNT; i++)
		sum->lost[i] += load(&c->lost[i]);
	sum->x2_octets += load(&c->x2_octets);
	sum->x3_octets += load(&c->x3_octets);
	sum->cut += load(&c->cut);
	uint64_t last = load(&c->last_ns);
	if (last > sum->last_ns)
		sum->last_ns = last;
}

static void slot_add(const struct task_counters_owner *o, uint32_t slot, struct slot_counters *sum)
{
	for (uint32_t w = 0; w < o->slots.n_workers; w++)
		counters_add(sum, slot_counters_of(o->slots.worker[w], slot));
}

void task_counters_give(struct task_counters_owner *o, uint32_t slot)
{
	if (slot >= o->slot.used || !o->taken[slot])
		return;
	slot_add(o, slot, &o->past);
	if (o->tasks)
		atomic_store_explicit(&o->tasks[slot].state, BOX_FREE, memory_order_release);
	o->taken[slot] = 0;
	o->n_taken--;
	o->slot.free[o->slot.n_free++] = slot;
}

void task_counters_read(
	const struct task_counters_owner *o, uint32_t slot, struct slot_counters *sum)
{
	*sum = (struct slot_counters){0};
	if (slot < o->slot.used && o->taken[slot])
		slot_add(o, slot, sum);
}

void task_counters_totals(const struct task_counters_owner *o, struct slot_counters *sum)
{
	*sum = o->past;
	for (uint32_t s = 0; s < o->slot.used; s++)
		if (o->taken[s])
			slot_add(o, s, sum);
}

uint32_t task_counters_taken(const struct task_counters_owner *o)
{
	return o->n_taken;
}

static uint64_t key_hash(const struct hash_table *t, const struct context_key *k)
{
	uint64_t words[4] = {0, 0, k->correlation, k->kind};

	memcpy(words, k->xid.b, sizeof(k->xid.b));
	return hash_table_hash(t, words, 4);
}

static bool key_equal(const struct context_key *a, const struct context_key *b)
{
	return a->kind == b->kind && a->correlation == b->correlation && id_equal(&a->xid, &b->xid);
}

static struct context *context_find(
	const struct task_counters_owner *o, const struct context_key *key, uint64_t hash)
{
	struct hash_link *l = hash_table_first(&o->context_by_key, hash);

	for (; l; l = hash_table_next(l)) {
		struct context *c = HASH_OBJECT(l, struct context, link);
		if (key_equal(&c->key, key))
			return c;
	}
	return NULL;
}

static struct context *context_at(struct task_counters_owner *o, uint32_t number)
{
	return &o->contexts[number >> SLOT_CHUNK_BITS][number & (SLOT_CHUNK - 1)];
}

// Returns a context that nothing refers to, in *out: out of the free list or a new one.
static int context_new(struct task_counters_owner *o, struct context **out)
{
	uint32_t number = o->n_contexts, chunk = number >> SLOT_CHUNK_BITS;

	if (o->free_context) {
		*out = o->free_context;
		o->free_context = (*out)->next_free;
		return POI_OK;
	}
	if (number >= SLOTS_MAX)
		return POI_ERR_LIMIT;
	if (!o->contexts[chunk])
		o->contexts[chunk] = chunk_new(sizeof(struct context));
	if (!o->contexts[chunk])
		return POI_ERR_NOMEM;
	int e = sequence_chunk(o, chunk);
	if (e != POI_OK)
		return e;
	*out = context_at(o, number);
	(*out)->number = number;
	o->n_contexts++;
	return POI_OK;
}

// For the next process.
static void key_keep(struct task_counters_owner *o, uint32_t context, const struct context_key *key)
{
	if (!o->keys)
		return;
	o->keys[context].xid = key->xid;
	o->keys[context].correlation = key->correlation;
	o->keys[context].kind = key->kind;
	atomic_store_explicit(&o->keys[context].state, BOX_LIVE, memory_order_release);
	box_use(o->box, BOX_CONTEXTS, 0, context + 1);
}

int task_counters_context_take(struct task_counters_owner *o, uint8_t kind,
	const struct id16 *header_xid, uint64_t correlation, uint32_t *context)
{
	struct context_key key = {.xid = *header_xid, .correlation = correlation, .kind = kind};
	uint64_t hash = key_hash(&o->context_by_key, &key);
	struct context *c = context_find(o, &key, hash);

	if (!c) {
		int e = context_new(o, &c);
		if (e != POI_OK)
			return e;
		for (uint32_t w = 0; w < o->slots.n_workers; w++)
			*slot_sequence_of(o->slots.worker[w], c->number) = 0;
		key_keep(o, c->number, &key);
		c->key = key;
		// There is room for as many as there can be contexts.
		(void)!hash_table_add(&o->context_by_key, &c->link, hash);
	}
	c->references++;
	*context = c->number;
	return POI_OK;
}

void task_counters_context_give(struct task_counters_owner *o, uint32_t context)
{
	if (context >= o->n_contexts || context_at(o, context)->references == 0)
		return;
	struct context *c = context_at(o, context);
	if (--c->references > 0)
		return;
	hash_table_remove(&o->context_by_key, &c->link);
	if (o->keys)
		atomic_store_explicit(&o->keys[context].state, BOX_FREE, memory_order_release);
	c->next_free = o->free_context;
	o->free_context = c;
}

uint64_t task_counters_bound_ns(const struct task_counters_owner *o, uint32_t binding)
{
	uint64_t newest = 0;

	for (uint32_t w = 0; w < o->slots.n_workers; w++) {
		uint64_t ns =
			atomic_load_explicit(&o->slots.worker[w]->bound_ns[binding % BOUND_PLACES],
				memory_order_relaxed);
		newest = ns > newest ? ns : newest;
	}
	return newest;
}
