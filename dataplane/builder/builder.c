// Takes messages of the controller apart and hands each to who changes what it names.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

struct builder *builder_new(
	const struct config_dataplane *config, struct task_counters_owner *slots)
{
	struct builder *e = calloc(1, sizeof(*e));
	uint64_t seed[2];

	if (!e)
		return NULL;
	e->slots = slots;
	e->links = link_classes_of(config);
	e->fold_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->task_table = task_table_new();
	e->reconcile = (struct reconcile){.task_table = e->task_table, .links = &e->links};
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		e->builder = table_builder_new(seed);
	if (e->builder)
		e->bindings = bindings_new(e->builder, &e->reconcile);
	e->reconcile.bound = bindings_digest;
	e->reconcile.bindings = e->bindings;
	const struct table *first = e->builder ? table_commit(e->builder, 0) : NULL;
	if (first)
		e->table_rcu = table_rcu_new(first);
	if (e->fold_fd < 0 || !e->task_table || !e->table_rcu || !e->bindings) {
		builder_free(e);
		return NULL;
	}
	return e;
}

void builder_free(struct builder *e)
{
	if (!e)
		return;
	if (e->fold) {
		pthread_join(e->fold_thread, NULL);
		table_fold_finish(e->builder, e->fold);
	}
	struct task_hold *l;
	while ((l = LIST_FIRST(&e->pending)) || (l = LIST_FIRST(&e->draining))) {
		LIST_REMOVE(l, next);
		task_hold_drop(l);
	}
	while (e->removed) {
		struct destination_entry *d = e->removed;
		e->removed = (struct destination_entry *)d->link.next;
		destination_entry_free(d);
	}
	table_rcu_free(e->table_rcu);
	table_builder_free(e->builder);
	task_table_free(e->task_table, task_hold_drop);
	bindings_free(e->bindings);
	if (e->fold_fd >= 0)
		close(e->fold_fd);
	free(e);
}

struct table_rcu *builder_table_rcu(struct builder *e)
{
	return e->table_rcu;
}

void builder_deliver(struct builder *e, struct deliver *d)
{
	e->deliver = d;
}

void builder_reporter(struct builder *e, struct reporter *r)
{
	e->reporter = r;
}

const struct link_classes *builder_link_classes(const struct builder *e)
{
	return &e->links;
}

void builder_follower(struct builder *e, struct follower *f)
{
	bindings_follower(e->bindings, f);
}

const struct task_table *builder_task_table(const struct builder *e)
{
	return e->task_table;
}

uint64_t builder_generation(const struct builder *e)
{
	return e->generation;
}

static int destination_put(struct builder *e, const struct channel_destination *d)
{
	struct destination_entry *o = destination_entry_find(e->task_table, &d->ne, &d->did);
	bool known = o != NULL;
	uint16_t index = known ? o->index : 0;
	int r;

	if (!ne_entry_find(e->task_table, &d->ne))
		return POI_ERR_NOT_FOUND;
	// One removed in the same batch must be gone from delivery before it comes again.
	if (!known && e->removed) {
		r = builder_commit(e);
		if (r != POI_OK)
			return r;
	}
	r = known ? deliver_modify(e->deliver, index, d) : deliver_add(e->deliver, d, &index);
	if (r != POI_OK)
		return r;
	r = destination_entry_put(e->task_table, d, &o);
	if (r == POI_OK)
		o->index = index;
	else if (!known)
		deliver_remove(e->deliver, index);
	return r;
}

static int destination_remove(struct builder *e, const struct channel_object *o)
{
	struct destination_entry *d;
	int r = destination_entry_take(e->task_table, &o->ne, &o->id, &d);

	if (r != POI_OK)
		return r;
	d->link.next = (struct entry_link *)e->removed;
	e->removed = d;
	return POI_OK;
}

#define DECODE(name, m)                                     \
	do {                                                \
		r = channel_decode_##name(body, length, m); \
		if (r != POI_OK)                            \
			return r;                           \
	} while (0)

int builder_apply(
	struct builder *e, uint16_t id, const uint8_t *body, size_t length, uint64_t now_ms)
{
	union {
		struct channel_ne ne;
		struct channel_heard heard;
		struct channel_destination destination;
		struct channel_task task;
		struct channel_object object;
		struct channel_memo memo;
	} m;
	int r;

	switch (id) {
	case CHANNEL_NE_PUT:
		DECODE(ne, &m.ne);
		return ne_entry_put(e->task_table, &m.ne, now_ms);
	case CHANNEL_NE_HEARD:
		DECODE(heard, &m.heard);
		return ne_entry_heard(e->task_table, &m.heard.ne, now_ms);
	case CHANNEL_DESTINATION_PUT:
		DECODE(destination, &m.destination);
		return destination_put(e, &m.destination);
	case CHANNEL_DESTINATION_REMOVE:
		DECODE(object, &m.object);
		return destination_remove(e, &m.object);
	case CHANNEL_TASK_PUT:
		DECODE(task, &m.task);
		return builder_task_put(e, &m.task, now_ms);
	case CHANNEL_TASK_REMOVE:
		DECODE(object, &m.object);
		return builder_task_remove(e, &m.object);
	case CHANNEL_MEMO_PUT:
		DECODE(memo, &m.memo);
		return task_table_memo_put(e->task_table, &m.memo);
	case CHANNEL_TOMBSTONE_CLEAR:
		DECODE(object, &m.object);
		return task_table_tombstone_clear(e->task_table, &m.object.ne, &m.object.id);
	default:
		return POI_ERR_UNSUPPORTED;
	}
}

bool builder_reconcile(struct builder *e, uint32_t budget, bool *agrees)
{
	reconcile_begin(&e->reconcile);
	if (!reconcile_step(&e->reconcile, budget))
		return false;
	// What is not published yet cannot be in the table: the next scan will see it.
	*agrees = e->dirty || reconcile_agrees(&e->reconcile, table_rcu_table(e->table_rcu));
	return true;
}
