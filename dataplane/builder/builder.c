// Decodes messages of the controller and calls the function for the object that each names.

#include "dataplane/builder/builder_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "shared/now.h"

struct builder *builder_new(
	const struct config_dataplane *config, struct task_counters_owner *counters)
{
	struct builder *b = calloc(1, sizeof(*b));
	uint64_t seed[2];

	if (!b)
		return NULL;
	b->counters = counters;
	b->links = link_classes_of(config);
	b->fold_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->task_table = task_table_new();
	b->reconcile = (struct reconcile){.task_table = b->task_table, .links = &b->links};
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		b->tables = table_builder_new(seed);
	if (b->tables)
		b->bindings = bindings_new(b->tables, &b->reconcile);
	if (b->bindings)
		bindings_counters(b->bindings, counters);
	b->reconcile.bound = bindings_digest;
	b->reconcile.bindings = b->bindings;
	const struct table *first = b->tables ? table_commit(b->tables, 0) : NULL;
	if (first)
		b->table_rcu = table_rcu_new(first);
	if (b->fold_fd < 0 || !b->task_table || !b->table_rcu || !b->bindings) {
		builder_free(b);
		return NULL;
	}
	return b;
}

void builder_free(struct builder *b)
{
	if (!b)
		return;
	if (b->fold) {
		pthread_join(b->fold_thread, NULL);
		table_fold_finish(b->tables, b->fold);
	}
	struct task_resources *own;
	while ((own = LIST_FIRST(&b->pending)) || (own = LIST_FIRST(&b->draining[0])) ||
		(own = LIST_FIRST(&b->draining[1]))) {
		LIST_REMOVE(own, next);
		task_resources_drop(own);
	}
	for (struct destination_entry *d; (d = SLIST_FIRST(&b->removed));) {
		SLIST_REMOVE_HEAD(&b->removed, removed);
		destination_entry_free(d);
	}
	builder_inherit_free(b);
	table_rcu_free(b->table_rcu);
	table_builder_free(b->tables);
	task_table_free(b->task_table, task_resources_drop);
	bindings_free(b->bindings);
	if (b->fold_fd >= 0)
		close(b->fold_fd);
	free(b);
}

struct table_rcu *builder_table_rcu(struct builder *b)
{
	return b->table_rcu;
}

// Decision 13: content of a spool is discarded once the ADMF was silent for TIME_P2.
static bool is_silent(void *context, const struct id16 *ne)
{
	const struct builder *b = context;
	const struct ne_entry *n = ne_entry_find(b->task_table, ne);

	return n && ne_entry_is_silent(n, now_monotonic_ms());
}

void builder_deliver(struct builder *b, struct deliver *d)
{
	b->deliver = d;
	deliver_contact(d, is_silent, b);
}

void builder_reporter(struct builder *b, struct reporter *r)
{
	b->reporter = r;
	bindings_reporter(b->bindings, r);
}

void builder_functions(struct builder *b, struct functions *f)
{
	b->functions = f;
}

const struct link_classes *builder_link_classes(const struct builder *b)
{
	return &b->links;
}

void builder_follower(struct builder *b, struct follower *f)
{
	bindings_follower(b->bindings, f);
}

void builder_patience(struct builder *b, const struct bindings_patience *p)
{
	bindings_patience(b->bindings, p);
}

const struct task_table *builder_task_table(const struct builder *b)
{
	return b->task_table;
}

uint64_t builder_generation(const struct builder *b)
{
	return b->generation;
}

static int destination_put(struct builder *b, const struct channel_destination *d)
{
	struct destination_entry *o = destination_entry_find(b->task_table, &d->ne, &d->did);
	bool known = o != NULL;
	uint16_t index = known ? o->index : 0;
	int r;

	if (!ne_entry_find(b->task_table, &d->ne))
		return POI_ERR_NOT_FOUND;
	// One removed in the same batch must be gone from delivery before it comes again; and
	// before an identifier has another creation, no worker captures for the old one's tasks.
	if (known ? o->d.creation != d->creation : !SLIST_EMPTY(&b->removed)) {
		r = builder_commit(b);
		if (r != POI_OK)
			return r;
	}
	r = known ? deliver_modify(b->deliver, index, d) : deliver_add(b->deliver, d, &index);
	if (r != POI_OK)
		return r;
	r = destination_entry_put(b->task_table, d, &o);
	if (r == POI_OK)
		o->index = index;
	else if (!known)
		deliver_remove(b->deliver, index);
	return r;
}

static int destination_remove(struct builder *b, const struct channel_object *o)
{
	struct destination_entry *d;
	int r = destination_entry_take(b->task_table, &o->ne, &o->id, &d);

	if (r != POI_OK)
		return r;
	SLIST_INSERT_HEAD(&b->removed, d, removed);
	return POI_OK;
}

#define DECODE(name, m)                                     \
	do {                                                \
		r = channel_decode_##name(body, length, m); \
		if (r != POI_OK)                            \
			return r;                           \
	} while (0)

int builder_apply(
	struct builder *b, uint16_t id, const uint8_t *body, size_t length, uint64_t now_ms)
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
		return ne_entry_put(b->task_table, &m.ne, now_ms);
	case CHANNEL_NE_HEARD:
		DECODE(heard, &m.heard);
		return ne_entry_heard(b->task_table, &m.heard.ne,
			m.heard.at_ms < now_ms ? m.heard.at_ms : now_ms);
	case CHANNEL_DESTINATION_PUT:
		DECODE(destination, &m.destination);
		return destination_put(b, &m.destination);
	case CHANNEL_DESTINATION_REMOVE:
		DECODE(object, &m.object);
		return destination_remove(b, &m.object);
	case CHANNEL_TASK_PUT:
		DECODE(task, &m.task);
		return builder_task_put(b, &m.task, now_ms);
	case CHANNEL_TASK_REMOVE:
		DECODE(object, &m.object);
		return builder_task_remove(b, &m.object);
	case CHANNEL_MEMO_PUT:
		DECODE(memo, &m.memo);
		return task_table_memo_put(b->task_table, &m.memo);
	case CHANNEL_TOMBSTONE_CLEAR:
		DECODE(object, &m.object);
		return task_table_tombstone_clear(b->task_table, &m.object.ne, &m.object.id);
	default:
		return POI_ERR_UNSUPPORTED;
	}
}

bool builder_reconcile(struct builder *b, uint32_t budget, bool *agrees)
{
	reconcile_begin(&b->reconcile);
	if (!reconcile_step(&b->reconcile, budget))
		return false;
	// A change without publication cannot be in the table: the next scan will see it.
	*agrees = b->dirty || reconcile_agrees(&b->reconcile, table_rcu_table(b->table_rcu));
	return true;
}
