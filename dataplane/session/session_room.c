#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_transaction_internal.h"

// Lets requests and sessions in: makes room first, and only here.

// By then a control plane has given it up, whichever it is (10 s three times is the most seen).
#define UNANSWERED_NS 30000000000ull

#define ASKED_PART 8u // of the memory, for what waits

// Nobody will answer it: what it added is taken back.
static void give_up(struct sessions *st, struct transaction *t, enum session_cause cause)
{
	struct transaction *sibling = t->sibling;
	struct session *s = session_table_get(&st->sessions, t->session);
	bool asked = t->state == TRANSACTION_ASKED;

	t->sibling = NULL;
	if (s && asked) {
		st->counts.unanswered++;
		struct ways *before = session_before(st, s);
		transaction_detach(st, t);
		s->flags |= SESSION_LOSS;
		session_after(st, s, before, cause);
		if (!(s->flags & (SESSION_SETTLED | SESSION_PARTIAL)) && !s->pending)
			session_end(st, s, END_FORGOTTEN);
	}
	transaction_free(st, t);
	if (sibling)
		give_up(st, sibling, cause);
}

static bool is_forgotten(const struct sessions *st, const struct transaction *t)
{
	return t->of_epoch && pair_at(st, t->pair)->epoch != t->epoch;
}

static bool transactions_give_up(struct sessions *st, uint64_t age_ns)
{
	if (!st->transactions->asked.oldest ||
		st->transactions->asked.oldest->time_ns + age_ns > st->now_ns)
		return false;
	give_up(st, st->transactions->asked.oldest, CAUSE_MESSAGE);
	return true;
}

void transactions_expire(struct sessions *st)
{
	const struct transaction_list *asked = &st->transactions->asked;
	const struct transaction_list *answered = &st->transactions->answered;

	while (asked->oldest && asked->oldest->time_ns + st->s.waiting_ns < st->now_ns)
		give_up(st, asked->oldest, CAUSE_TIME);
	while (answered->oldest && answered->oldest->time_ns + st->s.answered_ns < st->now_ns)
		transaction_free(st, answered->oldest);
}

void sessions_reap(struct sessions *st, uint32_t most)
{
	while (st->departures->reap && most > 0) {
		struct reaping *r = st->departures->reap;
		struct session *s = session_table_get(&st->sessions, r->session);
		if (s) { // it leaves the list's head to the next
			session_end(st, s, END_LOST);
			most--;
			continue;
		}
		st->departures->reap = r->next;
		if (!r->next)
			st->departures->reap_end = &st->departures->reap;
		session_release(&st->memory, r);
	}
}

bool sessions_have_room(const struct sessions *st)
{
	// what a new session takes at most beside its record: entries, a transaction, a chunk
	const uint64_t margin = (64 << 10) + st->memory.kept;

	return st->counts.sessions < st->s.sessions_max &&
	       st->memory.used + margin <= st->s.memory_max;
}

bool sessions_room(struct sessions *st)
{
	while (!sessions_have_room(st)) {
		struct session *oldest =
			session_table_get(&st->sessions, st->departures->oldest_partial);
		if (st->counts.sessions < st->s.sessions_max && st->departures->reap) {
			sessions_reap(st, 64); // what a restart left is in the way
			continue;
		}
		// then what was asked for and never answered
		if (transactions_give_up(st, UNANSWERED_NS))
			continue;
		if (!oldest)
			return false;
		st->counts.evicted++;
		session_end(st, oldest, END_FORGOTTEN);
	}
	return true;
}

static uint64_t asked_max(const struct sessions *st)
{
	return (st->s.memory_max - st->memory.fixed) / ASKED_PART;
}

struct transaction *transaction_ask(
	struct sessions *st, uint8_t protocol, uint64_t key, const struct span *whole)
{
	struct transaction *known = transaction_find(st, key);
	uint64_t octets = transaction_octets(st, whole);
	const struct transaction_list *asked = &st->transactions->asked;

	if (known && known->octets == octets && known->protocol == protocol &&
		!is_forgotten(st, known)) {
		st->counts.retransmissions++;
		return NULL;
	}
	if (known)
		give_up(st, known, CAUSE_MESSAGE); // the number is used again
	while (asked->octets + whole->length > asked_max(st) && transactions_give_up(st, 0))
		;
	struct transaction *t = transaction_new(st, whole);
	if (!t)
		goto no_memory;
	t->key = key;
	t->octets = octets;
	t->protocol = protocol;
	if (session_index_add(&st->transactions->index, &st->memory, key, t->number) == INDEX_ADDED)
		return t;
	t->keyless = true;
	transaction_free(st, t);
no_memory:
	sessions_refuse(st);
	return NULL;
}
