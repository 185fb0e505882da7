// Keeps counters and sequence numbers of tasks in places that never move.

#include "dataplane/capture/task_counters.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX (SLOT_CHUNK * SLOT_CHUNKS_MAX)
#define NONE UINT32_MAX
#define CACHE_LINE 64

struct context_key {
	struct id16 xid;
	uint64_t correlation;
	uint8_t kind;
};

struct context {
	struct context_key key;
	uint32_t references; // 0: free
	uint32_t next;	     // in its hash chain, or in the free list
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
	struct slot_counters past; // of slots given back
	struct context *contexts;
	uint32_t n_contexts, context_capacity;
	uint32_t free_context;
	uint32_t *buckets;
	uint32_t n_buckets; // a power of two
	uint32_t live_contexts;
};

struct task_counters_owner *task_counters_new(uint32_t n_workers)
{
	if (n_workers == 0 || n_workers > SLOT_WRITERS_MAX)
		return NULL;
	struct task_counters_owner *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->free_context = NONE;
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
		for (uint32_t c = 0; c < SLOT_CHUNKS_MAX; c++) {
			free(atomic_load_explicit(
				&o->slots.worker[w]->counters[c], memory_order_relaxed));
			free(atomic_load_explicit(
				&o->slots.worker[w]->sequence[c], memory_order_relaxed));
		}
		free(o->slots.worker[w]);
	}
	free(o->slot.free);
	free(o->taken);
	free(o->contexts);
	free(o->buckets);
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
		struct slot_counters *chunk = chunk_new(sizeof(*chunk));
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
		uint32_t *chunk = chunk_new(sizeof(*chunk));
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

// Keys are UUIDs chosen by the ADMF; a flood of colliding ones only slows the ADMF's own tasks.
static uint32_t key_hash(const struct context_key *k)
{
	uint64_t a, b;

	memcpy(&a, k->xid.b, sizeof(a));
	memcpy(&b, k->xid.b + 8, sizeof(b));
	a ^= b * 0x9e3779b97f4a7c15ull;
	a ^= (k->correlation + k->kind + 1) * 0xc2b2ae3d27d4eb4full;
	a ^= a >> 29;
	a *= 0xbf58476d1ce4e5b9ull;
	return (uint32_t)(a >> 32);
}

static bool key_equal(const struct context_key *a, const struct context_key *b)
{
	return a->kind == b->kind && a->correlation == b->correlation && id_equal(&a->xid, &b->xid);
}

static int buckets_grow(struct task_counters_owner *o)
{
	if (o->live_contexts < o->n_buckets)
		return POI_OK;
	uint32_t n = o->n_buckets ? o->n_buckets * 2 : 1024;
	uint32_t *buckets = malloc(n * sizeof(*buckets));
	if (!buckets)
		return POI_ERR_NOMEM;
	memset(buckets, 0xff, n * sizeof(*buckets)); // NONE
	for (uint32_t i = 0; i < o->n_contexts; i++) {
		struct context *c = &o->contexts[i];
		if (c->references == 0)
			continue;
		uint32_t *head = &buckets[key_hash(&c->key) & (n - 1)];
		c->next = *head;
		*head = i;
	}
	free(o->buckets);
	o->buckets = buckets;
	o->n_buckets = n;
	return POI_OK;
}

// An unused context, out of the free list or new; not yet in the hash.
static int context_new(struct task_counters_owner *o, uint32_t *out)
{
	if (o->free_context != NONE) {
		*out = o->free_context;
		o->free_context = o->contexts[*out].next;
		return POI_OK;
	}
	if (o->n_contexts >= SLOTS_MAX)
		return POI_ERR_LIMIT;
	if (o->n_contexts == o->context_capacity) {
		uint32_t capacity = o->context_capacity ? o->context_capacity * 2 : 1024;
		struct context *contexts = realloc(o->contexts, capacity * sizeof(*contexts));
		if (!contexts)
			return POI_ERR_NOMEM;
		o->contexts = contexts;
		o->context_capacity = capacity;
	}
	int e = sequence_chunk(o, o->n_contexts >> SLOT_CHUNK_BITS);
	if (e != POI_OK)
		return e;
	*out = o->n_contexts++;
	return POI_OK;
}

int task_counters_context_take(struct task_counters_owner *o, uint8_t kind,
	const struct id16 *header_xid, uint64_t correlation, uint32_t *context)
{
	struct context_key key = {.xid = *header_xid, .correlation = correlation, .kind = kind};
	uint32_t i;
	int e = buckets_grow(o);

	if (e != POI_OK)
		return e;
	uint32_t *head = &o->buckets[key_hash(&key) & (o->n_buckets - 1)];
	for (i = *head; i != NONE; i = o->contexts[i].next) {
		if (!key_equal(&o->contexts[i].key, &key))
			continue;
		o->contexts[i].references++;
		*context = i;
		return POI_OK;
	}
	e = context_new(o, &i);
	if (e != POI_OK)
		return e;
	for (uint32_t w = 0; w < o->slots.n_workers; w++)
		*slot_sequence_of(o->slots.worker[w], i) = 0;
	o->contexts[i] = (struct context){.key = key, .references = 1, .next = *head};
	*head = i;
	o->live_contexts++;
	*context = i;
	return POI_OK;
}

void task_counters_context_give(struct task_counters_owner *o, uint32_t context)
{
	if (context >= o->n_contexts || o->contexts[context].references == 0)
		return;
	struct context *c = &o->contexts[context];
	if (--c->references > 0)
		return;
	uint32_t *link = &o->buckets[key_hash(&c->key) & (o->n_buckets - 1)];
	while (*link != context)
		link = &o->contexts[*link].next;
	*link = c->next;
	c->next = o->free_context;
	o->free_context = context;
	o->live_contexts--;
}
