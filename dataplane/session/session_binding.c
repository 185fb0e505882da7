// Keeps the bindings of subscriptions, each shared by the sessions that show it.

#include "dataplane/session/session_binding_internal.h"
#include "dataplane/session/session_key_internal.h"

#include <string.h>

// One binding of a subscription may be shown by several sessions (a tunnel between two of the
// network's functions has one at each end; a restored session comes before the old one goes). It is
// reported once, to each correlation ID: two that show it without being known as one path have two.
// If one end is N9, it is N9.

static uint64_t hash_of(const struct sessions *st, const struct wanted_binding *d)
{
	uint64_t digest = d->select ? pdr_select_digest(d->select) : 0;
	uint8_t octets[48] = {d->selector.kind, d->direction, d->selector.prefix.family,
		d->selector.prefix.length, [36] = d->tunnels};

	memcpy(octets + 4, &d->subscription->index, 4);
	memcpy(octets + 8, &d->selector.teid, 4);
	memcpy(octets + 12, d->selector.prefix.b, 16);
	memcpy(octets + 28, &digest, 8);
	memcpy(octets + 40, &d->correlation, 8);
	return session_hash(st->s.seed, KEY_BINDING, octets, sizeof(octets));
}

static bool is(const struct shared_binding *b, const struct wanted_binding *d)
{
	if (b->subscription != d->subscription || b->correlation != d->correlation ||
		b->kind != d->selector.kind || b->direction != d->direction ||
		b->tunnels != d->tunnels || b->teid != d->selector.teid ||
		b->prefix.family != d->selector.prefix.family ||
		b->prefix.length != d->selector.prefix.length ||
		memcmp(b->prefix.b, d->selector.prefix.b, sizeof(b->prefix.b)) != 0)
		return false;
	if (!b->select || !d->select)
		return b->select == d->select;
	return pdr_select_digest(b->select) == pdr_select_digest(d->select);
}

static struct shared_binding *binding_find(
	const struct sessions *st, const struct wanted_binding *d, uint64_t hash)
{
	struct index_cursor c = session_index_find(&st->bindings->index, hash);

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		struct shared_binding *b = session_table_get(&st->bindings->table, i);
		if (b->hash == hash && is(b, d))
			return b;
	}
	return NULL;
}

static void report(struct sessions *st, struct shared_binding *b)
{
	struct binding out = {.id = ++st->bindings->binding_id,
		.from_ns = st->message_ns,
		.kind = b->kind,
		.direction = b->direction,
		.link = b->refs[1] ? CONFIG_LINK_N9 : b->link,
		.tunnels = b->tunnels,
		.teid = b->teid,
		.prefix = b->prefix,
		.correlation = b->correlation,
		.select = b->select};

	b->id = out.id;
	b->reported = st->s.sink.bind(st->s.sink.context, b->subscription->id, &out) == 0;
	if (b->reported) {
		st->counts.binds++;
	} else if (!b->queued) {
		b->queued = true;
		SLIST_INSERT_HEAD(&st->bindings->unreported, b, of_unreported);
	}
}

static void report_gone(struct sessions *st, struct shared_binding *b, uint64_t id)
{
	if (!b->reported)
		return;
	st->counts.unbinds++;
	st->s.sink.unbind(st->s.sink.context, b->subscription->id, id);
}

// On which link it is seen may turn out differently with each session that shows it.
static void refer(struct sessions *st, struct shared_binding *b, bool n9, int by)
{
	bool was = b->refs[1] > 0;

	b->refs[n9] += (uint32_t)by;
	if (b->id == 0 || was == (b->refs[1] > 0) || b->refs[0] + b->refs[1] == 0)
		return;
	struct shared_binding old = *b;
	report(st, b);
	report_gone(st, &old, old.id);
}

static struct shared_binding *binding_new(
	struct sessions *st, struct wanted_binding *d, uint64_t hash)
{
	struct shared_binding *b = session_alloc(&st->memory, sizeof(*b));

	if (!b)
		return NULL;
	*b = (struct shared_binding){.subscription = d->subscription,
		.kind = d->selector.kind,
		.direction = d->direction,
		.tunnels = d->tunnels,
		.link = d->selector.kind == BINDING_ADDRESS ? CONFIG_LINK_N6 : CONFIG_LINK_N3,
		.hash = hash,
		.correlation = d->correlation,
		.teid = d->selector.teid,
		.prefix = d->selector.prefix,
		.select = d->select};
	b->index = session_table_add(&st->bindings->table, &st->memory, b);
	if (b->index == SESSION_NONE)
		goto no_number;
	if (session_index_add(&st->bindings->index, &st->memory, hash, b->index) == INDEX_ADDED)
		return b;
	session_table_remove(&st->bindings->table, &st->memory, b->index);
no_number:
	session_release(&st->memory, b);
	return NULL;
}

uint32_t binding_take(struct sessions *st, struct wanted_binding *d)
{
	uint64_t hash = hash_of(st, d);
	struct shared_binding *b = binding_find(st, d, hash);
	bool n9 = d->selector.link == CONFIG_LINK_N9;

	if (b) {
		if (d->select)
			pdr_select_drop(d->select);
		d->select = NULL;
		refer(st, b, n9, 1);
		return b->index;
	}
	b = binding_new(st, d, hash);
	if (!b)
		return SESSION_NONE;
	d->select = NULL; // it is the binding's now
	refer(st, b, n9, 1);
	report(st, b);
	return b->index;
}

static void binding_free(struct sessions *st, struct shared_binding *b)
{
	if (b->queued)
		SLIST_REMOVE(&st->bindings->unreported, b, shared_binding, of_unreported);
	session_index_remove(&st->bindings->index, &st->memory, b->hash, b->index);
	session_table_remove(&st->bindings->table, &st->memory, b->index);
	if (b->select)
		pdr_select_drop(b->select);
	session_release(&st->memory, b);
}

void binding_drop(struct sessions *st, uint32_t index, bool silent, bool n9)
{
	struct shared_binding *b = session_table_get(&st->bindings->table, index);

	if (silent) {
		b->refs[n9]--;
	} else {
		refer(st, b, n9, -1);
	}
	if (b->refs[0] + b->refs[1] > 0)
		return;
	if (!silent)
		report_gone(st, b, b->id);
	binding_free(st, b);
}

void bindings_retry(struct sessions *st)
{
	struct shared_binding *b = SLIST_FIRST(&st->bindings->unreported);

	SLIST_INIT(&st->bindings->unreported);
	for (struct shared_binding *next; b; b = next) {
		next = SLIST_NEXT(b, of_unreported);
		b->queued = false;
		if (!b->reported) // perhaps meanwhile, as on another link
			report(st, b);
	}
}

struct binding_set *binding_set_new(struct sessions *st)
{
	return session_alloc(&st->memory, sizeof(struct binding_set));
}

void binding_set_free(struct sessions *st)
{
	struct binding_set *all = st->bindings;

	if (!all)
		return;
	for (uint32_t i = 0; i < session_table_end(&all->table); i++) {
		struct shared_binding *b = session_table_get(&all->table, i);
		if (!b)
			continue;
		if (b->select)
			pdr_select_drop(b->select);
		session_release(&st->memory, b);
	}
	session_table_free(&all->table, &st->memory);
	session_index_free(&all->index, &st->memory);
	session_release(&st->memory, all->release);
	session_release(&st->memory, all);
}
