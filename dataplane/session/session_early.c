// Keeps responses that came before their requests.

#include "dataplane/session/session_transaction_internal.h"

#include <string.h>

#define EARLY_MAX 4096u

#define EARLY_OCTETS_MAX (4ull << 20)

// How far the two directions of a mirror may be apart. After that the same sequence number is
// another request's.
#define EARLY_NS 10000000000ull

static struct early_response *take_out(struct early_responses *all, struct early_response *e)
{
	TAILQ_REMOVE(&all->list, e, by_age);
	all->at[e->key & (EARLY_SLOTS - 1)]--;
	all->n--;
	all->octets -= e->length;
	return e;
}

void early_response_keep(struct sessions *st, const struct signalling_packet *p, uint64_t key,
	const struct span *raw)
{
	struct early_responses *all = st->early_responses;

	while (!TAILQ_EMPTY(&all->list) &&
		(all->n >= EARLY_MAX || all->octets + raw->length > EARLY_OCTETS_MAX)) {
		st->counts.unmatched_responses++;
		early_response_free(st, take_out(all, TAILQ_FIRST(&all->list)));
	}
	struct early_response *e = session_alloc(&st->memory, sizeof(*e) + raw->length);
	if (!e)
		return;
	*e = (struct early_response){.key = key,
		.time_ns = st->now_ns,
		.source = p->source,
		.destination = p->destination,
		.length = raw->length,
		.protocol = p->protocol};
	memcpy(e->octets, raw->octets, raw->length);
	TAILQ_INSERT_TAIL(&all->list, e, by_age);
	all->at[key & (EARLY_SLOTS - 1)]++;
	all->n++;
	all->octets += e->length;
}

// Returns the oldest response of the key, taken out: the caller's to free. NULL: none.
static struct early_response *take_of(struct sessions *st, uint64_t key)
{
	struct early_responses *all = st->early_responses;
	struct early_response *e;

	if (all->at[key & (EARLY_SLOTS - 1)] == 0)
		return NULL;
	TAILQ_FOREACH (e, &all->list, by_age)
		if (e->key == key)
			return take_out(all, e);
	return NULL;
}

struct signalling_packet early_response_packet(const struct early_response *e, uint64_t time_ns)
{
	return (struct signalling_packet){.time_ns = time_ns,
		.protocol = e->protocol,
		.source = e->source,
		.destination = e->destination,
		.octets = e->octets,
		.length = e->length};
}

void early_response_join(struct sessions *st, uint64_t time_ns, struct transaction *t,
	bool (*join)(struct sessions *st, uint64_t time_ns, struct transaction *t,
		const struct early_response *e))
{
	const uint64_t key = t->key, alias = t->alias ? t->alias : key;
	struct early_response *e;

	for (bool joined = false;
		!joined && ((e = take_of(st, key)) || (e = take_of(st, alias)));) {
		joined = join(st, time_ns, t, e);
		st->counts.unmatched_responses += !joined;
		early_response_free(st, e);
	}
}

void early_response_free(struct sessions *st, struct early_response *e)
{
	session_release(&st->memory, e);
}

struct early_response *early_response_expired(struct sessions *st)
{
	struct early_response *oldest = TAILQ_FIRST(&st->early_responses->list);
	uint64_t early_ns = st->s.waiting_ns < EARLY_NS ? st->s.waiting_ns : EARLY_NS;

	return oldest && oldest->time_ns + early_ns < st->now_ns
		       ? take_out(st->early_responses, oldest)
		       : NULL;
}

struct early_responses *early_responses_new(struct sessions *st)
{
	struct early_responses *all = session_alloc(&st->memory, sizeof(*all));

	if (!all)
		return NULL;
	TAILQ_INIT(&all->list);
	all->at = session_alloc(&st->memory, EARLY_SLOTS * sizeof(*all->at));
	if (all->at)
		return all;
	session_release(&st->memory, all);
	return NULL;
}

void early_responses_free(struct sessions *st)
{
	struct early_responses *all = st->early_responses;

	if (!all)
		return;
	while (!TAILQ_EMPTY(&all->list))
		early_response_free(st, take_out(all, TAILQ_FIRST(&all->list)));
	session_release(&st->memory, all->at);
	session_release(&st->memory, all);
}
