// Stores network elements, destinations and tasks for control.

#include "dataplane/tasks/task_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Objects of one sort: a hash by (network element, identifier) and a list in order of arrival.
struct shelf {
	struct hash_table table;
	TAILQ_HEAD(, entry_link) in_order;
};

struct task_table {
	STAILQ_HEAD(, ne_entry) nes;
	uint32_t n_nes, n_tombstones;
	struct shelf destinations, tasks, reports, objects;
	struct task_entry *cursor[TASK_TABLE_CURSORS];
};

struct task_table *task_table_new(void)
{
	struct task_table *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	STAILQ_INIT(&s->nes);
	TAILQ_INIT(&s->tasks.in_order);
	TAILQ_INIT(&s->destinations.in_order);
	TAILQ_INIT(&s->reports.in_order);
	TAILQ_INIT(&s->objects.in_order);
	if (hash_table_init(&s->tasks.table, UINT32_MAX) ||
		hash_table_init(&s->destinations.table, UINT32_MAX) ||
		hash_table_init(&s->reports.table, TASK_TABLE_REPORTS_MAX) ||
		hash_table_init(&s->objects.table, TASK_TABLE_OBJECTS_MAX)) {
		task_table_free(s, NULL);
		return NULL;
	}
	return s;
}

static void memos_free(struct shelf *f)
{
	for (struct entry_link *l; (l = TAILQ_FIRST(&f->in_order));) {
		TAILQ_REMOVE(&f->in_order, l, in_order);
		free(l);
	}
	hash_table_free(&f->table);
}

void task_table_free(struct task_table *s, void (*drop)(struct task_resources *resources))
{
	if (!s)
		return;
	for (struct entry_link *l; (l = TAILQ_FIRST(&s->tasks.in_order));) {
		struct task_entry *t = (struct task_entry *)l;
		TAILQ_REMOVE(&s->tasks.in_order, l, in_order);
		if (t->resources && drop)
			drop(t->resources);
		task_entry_free(t);
	}
	for (struct entry_link *l; (l = TAILQ_FIRST(&s->destinations.in_order));) {
		TAILQ_REMOVE(&s->destinations.in_order, l, in_order);
		destination_entry_free((struct destination_entry *)l);
	}
	memos_free(&s->reports);
	memos_free(&s->objects);
	for (struct ne_entry *n; (n = STAILQ_FIRST(&s->nes));) {
		STAILQ_REMOVE_HEAD(&s->nes, in_order);
		free(n->memo);
		free(n);
	}
	hash_table_free(&s->tasks.table);
	hash_table_free(&s->destinations.table);
	free(s);
}

static uint64_t hash_of(const struct shelf *f, const struct id16 *ne, const struct id16 *id)
{
	uint64_t words[4];

	memcpy(words, ne->b, 16);
	memcpy(words + 2, id->b, 16);
	return hash_table_hash(&f->table, words, 4);
}

static struct entry_link *shelf_find(
	const struct shelf *f, const struct id16 *ne, const struct id16 *id)
{
	struct hash_link *at = hash_table_first(&f->table, hash_of(f, ne, id));

	for (; at; at = hash_table_next(at)) {
		struct entry_link *l = HASH_OBJECT(at, struct entry_link, by_key);
		if (id_equal(&l->id, id) && id_equal(&l->ne, ne))
			return l;
	}
	return NULL;
}

static int shelf_add(struct shelf *f, struct entry_link *l)
{
	int e = hash_table_add(&f->table, &l->by_key, hash_of(f, &l->ne, &l->id));

	if (e != POI_OK)
		return e;
	TAILQ_INSERT_TAIL(&f->in_order, l, in_order);
	return POI_OK;
}

static void shelf_remove(struct shelf *f, struct entry_link *l)
{
	hash_table_remove(&f->table, &l->by_key);
	TAILQ_REMOVE(&f->in_order, l, in_order);
}

// `new` takes the place of `old`, which has the same key, in hash and list.
static void shelf_swap(struct shelf *f, struct entry_link *old, struct entry_link *new)
{
	hash_table_replace(&f->table, &old->by_key, &new->by_key);
	TAILQ_INSERT_AFTER(&f->in_order, old, new, in_order);
	TAILQ_REMOVE(&f->in_order, old, in_order);
}

struct ne_entry *ne_entry_find(const struct task_table *s, const struct id16 *ne)
{
	struct ne_entry *n;

	STAILQ_FOREACH (n, &s->nes, in_order)
		if (id_equal(&n->ne, ne))
			return n;
	return NULL;
}

struct ne_entry *ne_entry_first(const struct task_table *s)
{
	return STAILQ_FIRST(&s->nes);
}

struct ne_entry *ne_entry_next(const struct ne_entry *n)
{
	return STAILQ_NEXT(n, in_order);
}

int ne_entry_put(struct task_table *s, const struct channel_ne *ne, uint64_t now_ms)
{
	struct ne_entry *n = ne_entry_find(s, &ne->ne);

	if (!n) {
		if (s->n_nes >= TASK_TABLE_NES_MAX)
			return POI_ERR_LIMIT;
		n = calloc(1, sizeof(*n));
		if (!n)
			return POI_ERR_NOMEM;
		n->ne = ne->ne;
		n->heard_ms = now_ms;
		// Restored from a disk: the ADMF's silence did not begin now.
		if (ne->remaining_ms && ne->remaining_ms < ne->fail_safe_ms)
			n->spent_ms = ne->fail_safe_ms - ne->remaining_ms;
		n->armed = true;
		STAILQ_INSERT_TAIL(&s->nes, n, in_order);
		s->n_nes++;
	}
	snprintf(n->identifier, sizeof(n->identifier), "%s", ne->identifier);
	if (!n->fail_safe_ms && ne->fail_safe_ms) { // switched on: silence begins to count now
		n->heard_ms = now_ms > n->heard_ms ? now_ms : n->heard_ms;
		n->armed = true;
	}
	n->fail_safe_ms = ne->fail_safe_ms;
	n->silence_ms = ne->silence_ms;
	n->silent = n->silent && n->silence_ms;
	n->payload_format = ne->payload_format;
	n->axri = ne->axri;
	return POI_OK;
}

// A copy of the memo; *out NULL when it is empty.
static int memo_copy(const uint8_t *memo, uint32_t length, uint8_t **out)
{
	*out = NULL;
	if (length == 0)
		return POI_OK;
	if (length > CHANNEL_MEMO_MAX)
		return POI_ERR_TOO_LARGE;
	*out = malloc(length);
	if (!*out)
		return POI_ERR_NOMEM;
	memcpy(*out, memo, length);
	return POI_OK;
}

struct destination_entry *destination_entry_find(
	const struct task_table *s, const struct id16 *ne, const struct id16 *did)
{
	return (struct destination_entry *)shelf_find(&s->destinations, ne, did);
}

int destination_entry_put(
	struct task_table *s, const struct channel_destination *d, struct destination_entry **out)
{
	struct destination_entry *o = destination_entry_find(s, &d->ne, &d->did);
	uint8_t *memo;
	int e = memo_copy(d->memo, d->memo_length, &memo);

	if (e != POI_OK)
		return e;
	if (!o) {
		o = calloc(1, sizeof(*o));
		if (!o) {
			free(memo);
			return POI_ERR_NOMEM;
		}
		o->link.ne = d->ne;
		o->link.id = d->did;
		e = shelf_add(&s->destinations, &o->link);
		if (e != POI_OK) {
			free(o);
			free(memo);
			return e;
		}
	}
	free((void *)o->d.memo);
	o->d = *d;
	o->d.memo = memo;
	*out = o;
	return POI_OK;
}

int destination_entry_take(struct task_table *s, const struct id16 *ne, const struct id16 *did,
	struct destination_entry **out)
{
	struct destination_entry *o = destination_entry_find(s, ne, did);

	if (!o)
		return POI_ERR_NOT_FOUND;
	if (o->references > 0)
		return POI_ERR_IN_USE;
	shelf_remove(&s->destinations, &o->link);
	*out = o;
	return POI_OK;
}

void destination_entry_free(struct destination_entry *d)
{
	if (!d)
		return;
	free((void *)d->d.memo);
	free(d);
}

struct task_entry *task_entry_make(const struct channel_task *t)
{
	struct task_entry *o = calloc(1, sizeof(*o) + t->n_destinations * sizeof(o->did[0]) +
						 t->matched_length + t->alternatives_length);

	if (!o)
		return NULL;
	if (memo_copy(t->memo, t->memo_length, &o->memo) != POI_OK) {
		free(o);
		return NULL;
	}
	if (t->session.kinds) {
		o->session = malloc(sizeof(*o->session));
		if (!o->session) {
			task_entry_free(o);
			return NULL;
		}
		*o->session = t->session;
	}
	o->memo_length = t->memo_length;
	o->link.ne = t->ne;
	o->link.id = t->xid;
	o->header_xid = t->header_xid;
	o->correlation = t->correlation;
	o->delivery = t->delivery;
	o->report = t->report;
	o->records = t->records;
	o->n_destinations = t->n_destinations;
	o->filter = t->filter;
	memcpy(o->did, t->did, t->n_destinations * sizeof(o->did[0]));
	o->triggers = t->triggers;
	o->matched_length = t->matched_length;
	if (t->matched_length > 0)
		memcpy((uint8_t *)&o->did[o->n_destinations], t->matched, t->matched_length);
	o->alternatives_length = t->alternatives_length;
	if (t->alternatives_length > 0)
		memcpy((uint8_t *)&o->did[o->n_destinations] + t->matched_length, t->alternatives,
			t->alternatives_length);
	return o;
}

void task_entry_free(struct task_entry *t)
{
	if (!t)
		return;
	free(t->session);
	free(t->memo);
	free(t);
}

// Counts the task at (or away from) each destination it names. A tombstone holds none.
static void references(struct task_table *s, const struct task_entry *t, int change)
{
	if (t->tombstone)
		return;
	for (uint8_t i = 0; i < t->n_destinations; i++) {
		struct destination_entry *d = destination_entry_find(s, &t->link.ne, &t->did[i]);
		if (d)
			d->references += (uint32_t)change;
	}
}

static void tombstones(struct task_table *s, const struct task_entry *t, int change)
{
	struct ne_entry *n = ne_entry_find(s, &t->link.ne);

	if (!t->tombstone)
		return;
	s->n_tombstones += (uint32_t)change;
	if (!n)
		return;
	n->tombstones += (uint32_t)change;
	if (n->tombstones == 0 && n->armed)
		n->expired = false;
}

static void cursors_move(struct task_table *s, const struct task_entry *from, struct task_entry *to)
{
	for (int i = 0; i < TASK_TABLE_CURSORS; i++)
		if (s->cursor[i] == from)
			s->cursor[i] = to;
}

struct task_entry **task_table_cursor(struct task_table *s, enum task_table_cursor which)
{
	return &s->cursor[which];
}

int task_entry_insert(struct task_table *s, struct task_entry *t, struct task_entry *old)
{
	if (old) {
		shelf_swap(&s->tasks, &old->link, &t->link);
		cursors_move(s, old, t);
		references(s, old, -1);
		tombstones(s, old, -1);
	} else {
		int e = shelf_add(&s->tasks, &t->link);
		if (e != POI_OK)
			return e;
	}
	references(s, t, 1);
	tombstones(s, t, 1);
	return POI_OK;
}

struct task_entry *task_entry_find(
	const struct task_table *s, const struct id16 *ne, const struct id16 *xid)
{
	return (struct task_entry *)shelf_find(&s->tasks, ne, xid);
}

void task_entry_take(struct task_table *s, struct task_entry *t)
{
	cursors_move(s, t, task_entry_next(t));
	shelf_remove(&s->tasks, &t->link);
	references(s, t, -1);
	tombstones(s, t, -1);
}

struct task_resources *task_entry_bury(struct task_table *s, struct task_entry *t)
{
	struct task_resources *resources = t->resources;

	references(s, t, -1);
	t->tombstone = 1;
	t->resources = NULL;
	tombstones(s, t, 1);
	return resources;
}

int task_table_tombstone_clear(struct task_table *s, const struct id16 *ne, const struct id16 *xid)
{
	struct task_entry *t = task_entry_find(s, ne, xid);

	if (!t || !t->tombstone)
		return POI_ERR_NOT_FOUND;
	task_entry_take(s, t);
	task_entry_free(t);
	return POI_OK;
}

// Where the memo that `m` means is kept; false when there is no such object.
static bool memo_place(const struct task_table *s, const struct channel_memo *m, uint8_t ***memo,
	uint32_t **length)
{
	struct ne_entry *n = ne_entry_find(s, &m->ne);
	struct destination_entry *d = destination_entry_find(s, &m->ne, &m->id);
	struct task_entry *t = task_entry_find(s, &m->ne, &m->id);

	if (m->of == MEMO_NE && n) {
		*memo = &n->memo;
		*length = &n->memo_length;
	} else if (m->of == MEMO_DESTINATION && d) {
		*memo = (uint8_t **)&d->d.memo;
		*length = &d->d.memo_length;
	} else if (m->of == MEMO_TASK && t) {
		*memo = &t->memo;
		*length = &t->memo_length;
	} else {
		return false;
	}
	return true;
}

static struct memo_entry *memo_entry_make(const struct channel_memo *m)
{
	struct memo_entry *r = calloc(1, sizeof(*r) + m->memo_length);

	if (!r)
		return NULL;
	r->link.ne = m->ne;
	r->link.id = m->id;
	r->memo_length = m->memo_length;
	memcpy(r->memo, m->memo, m->memo_length);
	return r;
}

int task_entry_targets(const struct task_entry *task, struct session_target **out)
{
	const uint8_t *octets = task_entry_alternatives(task);
	struct wire_reader r = wire_reader_of(octets, task->alternatives_length);
	int n = task->session ? 1 : alternatives_sum(octets, task->alternatives_length).n_sessions;
	int at = 0;

	*out = n ? calloc((size_t)n, sizeof(**out)) : NULL;
	if (n && !*out)
		return POI_ERR_NOMEM;
	if (task->session)
		**out = *task->session;
	while (!task->session && at < n && !r.error) {
		struct alternative a;
		alternative_decode(&r, &a);
		if (a.session.kinds)
			(*out)[at++] = a.session;
	}
	return n;
}

// A report or an object, which has no place but its memo.
static int memo_entry_put(struct shelf *f, const struct channel_memo *m, bool replaceable)
{
	struct entry_link *old = shelf_find(f, &m->ne, &m->id);

	if (m->memo_length > CHANNEL_MEMO_MAX)
		return POI_ERR_TOO_LARGE;
	if (m->memo_length == 0) {
		if (!old)
			return POI_ERR_NOT_FOUND;
		shelf_remove(f, old);
		free(old);
		return POI_OK;
	}
	if (old && !replaceable)
		return POI_OK;
	struct memo_entry *r = memo_entry_make(m);
	if (!r)
		return POI_ERR_NOMEM;
	if (old) {
		shelf_swap(f, old, &r->link);
		free(old);
		return POI_OK;
	}
	int e = shelf_add(f, &r->link);
	if (e != POI_OK)
		free(r);
	return e;
}

struct memo_entry *report_entry_first(const struct task_table *s)
{
	return (struct memo_entry *)TAILQ_FIRST(&s->reports.in_order);
}

struct memo_entry *object_entry_first(const struct task_table *s)
{
	return (struct memo_entry *)TAILQ_FIRST(&s->objects.in_order);
}

struct memo_entry *memo_entry_next(const struct memo_entry *r)
{
	return (struct memo_entry *)TAILQ_NEXT(&r->link, in_order);
}

int task_table_memo_put(struct task_table *s, const struct channel_memo *m)
{
	uint8_t **at, *memo;
	uint32_t *length;

	if (m->of == MEMO_REPORT)
		return memo_entry_put(&s->reports, m, false);
	if (m->of == MEMO_OBJECT)
		return memo_entry_put(&s->objects, m, true);
	if (!memo_place(s, m, &at, &length))
		return POI_ERR_NOT_FOUND;
	int e = memo_copy(m->memo, m->memo_length, &memo);
	if (e != POI_OK)
		return e;
	free(*at);
	*at = memo;
	*length = m->memo_length;
	return POI_OK;
}

uint32_t task_table_tasks(const struct task_table *s)
{
	return s->tasks.table.n;
}

uint32_t task_table_live_tasks(const struct task_table *s)
{
	return s->tasks.table.n - s->n_tombstones;
}

uint32_t task_table_destinations(const struct task_table *s)
{
	return s->destinations.table.n;
}

struct task_entry *task_entry_first(const struct task_table *s)
{
	return (struct task_entry *)TAILQ_FIRST(&s->tasks.in_order);
}

struct task_entry *task_entry_next(const struct task_entry *t)
{
	return (struct task_entry *)TAILQ_NEXT(&t->link, in_order);
}

struct destination_entry *destination_entry_first(const struct task_table *s)
{
	return (struct destination_entry *)TAILQ_FIRST(&s->destinations.in_order);
}

struct destination_entry *destination_entry_next(const struct destination_entry *d)
{
	return (struct destination_entry *)TAILQ_NEXT(&d->link, in_order);
}
