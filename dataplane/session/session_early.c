#include "dataplane/session/session_transaction_internal.h"

#include <string.h>

// Keeps responses that came before their requests.

#define EARLY_MAX 4096u

#define EARLY_OCTETS_MAX (4ull << 20)

// How far the two directions of a mirror may be apart. After that the same sequence number is
// another request's.
#define EARLY_NS 10000000000ull

void transaction_keep_early(struct sessions *st, const struct signalling_packet *p, uint64_t key,
	const struct span *whole)
{
	while (st->early->oldest && (st->early->n >= EARLY_MAX ||
					    st->early->octets + whole->length > EARLY_OCTETS_MAX)) {
		st->counts.unmatched_responses++;
		early_free(st, transaction_early(st, st->early->oldest->key));
	}
	struct early *e = session_alloc(&st->memory, sizeof(*e) + whole->length);
	if (!e)
		return;
	*e = (struct early){.key = key,
		.time_ns = st->now_ns,
		.source = p->source,
		.destination = p->destination,
		.length = whole->length,
		.protocol = p->protocol};
	memcpy(e->octets, whole->octets, whole->length);
	st->early->at[key & (EARLY_SLOTS - 1)]++;
	*st->early->end = e;
	st->early->end = &e->newer;
	st->early->n++;
	st->early->octets += e->length;
}

struct early *transaction_early(struct sessions *st, uint64_t key)
{
	if (st->early->at[key & (EARLY_SLOTS - 1)] == 0)
		return NULL;
	for (struct early **at = &st->early->oldest; *at; at = &(*at)->newer) {
		struct early *e = *at;
		if (e->key != key)
			continue;
		*at = e->newer;
		if (st->early->end == &e->newer)
			st->early->end = at;
		st->early->at[key & (EARLY_SLOTS - 1)]--;
		st->early->n--;
		st->early->octets -= e->length;
		return e;
	}
	return NULL;
}

struct signalling_packet early_packet(const struct early *e, uint64_t time_ns)
{
	return (struct signalling_packet){.time_ns = time_ns,
		.protocol = e->protocol,
		.source = e->source,
		.destination = e->destination,
		.octets = e->octets,
		.length = e->length};
}

void early_free(struct sessions *st, struct early *e)
{
	session_release(&st->memory, e);
}

struct early *early_expired(struct sessions *st)
{
	const struct early *oldest = st->early->oldest;
	uint64_t early_ns = st->s.waiting_ns < EARLY_NS ? st->s.waiting_ns : EARLY_NS;

	return oldest && oldest->time_ns + early_ns < st->now_ns
		       ? transaction_early(st, oldest->key)
		       : NULL;
}

struct early_responses *early_new(struct sessions *st)
{
	struct early_responses *e = session_alloc(&st->memory, sizeof(*e));

	if (!e)
		return NULL;
	e->end = &e->oldest;
	e->at = session_alloc(&st->memory, EARLY_SLOTS * sizeof(*e->at));
	if (e->at)
		return e;
	session_release(&st->memory, e);
	return NULL;
}

void early_free_all(struct sessions *st)
{
	if (!st->early)
		return;
	while (st->early->oldest)
		early_free(st, transaction_early(st, st->early->oldest->key));
	session_release(&st->memory, st->early->at);
	session_release(&st->memory, st->early);
}
