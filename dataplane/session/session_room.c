// Lets requests and sessions in: makes room first, and only here.

#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_transaction_internal.h"

// By then a control plane has given it up, whichever it is (10 s three times is the most seen).
#define UNANSWERED_NS 30000000000ull

#define ASKED_PART 8u // of the memory, for what waits

static void take_back(
	struct sessions *st, struct session *s, struct transaction *t, enum session_cause cause)
{
	struct selectors *before = session_before(st, s);

	st->counts.unanswered++;
	transaction_detach(st, t);
	s->flags |= SESSION_LOSS;
	session_after(st, s, before, cause);
	if (!(s->flags & (SESSION_ACCEPTED | SESSION_PARTIAL)) && SLIST_EMPTY(&s->pending))
		session_end(st, s, END_FORGOTTEN);
}

// No answer will come: removes its additions, and the requests behind it too.
static void give_up(struct sessions *st, struct transaction *t, enum session_cause cause)
{
	for (struct transaction *next; t; t = next) {
		struct session *s = session_at(st, t->session);
		next = SLIST_NEXT(t, sibling);
		if (s && t->state == TRANSACTION_ASKED)
			take_back(st, s, t, cause);
		else
			transaction_detach(st, t); // from one that waits for the reaper
		transaction_free(st, t);
	}
}

static bool is_forgotten(const struct sessions *st, const struct transaction *t)
{
	return t->of_restart_epoch && pair_at(st, t->pair)->restart_epoch != t->restart_epoch;
}

// The oldest that waits, if it has for so long; false: none.
static bool transactions_give_up(struct sessions *st, uint64_t age_ns)
{
	struct transaction *oldest = TAILQ_FIRST(&st->transactions->asked.list);

	if (!oldest || oldest->time_ns + age_ns > st->now_ns)
		return false;
	give_up(st, oldest, CAUSE_MESSAGE);
	return true;
}

void transactions_expire(struct sessions *st)
{
	const struct transactions *all = st->transactions;

	for (struct transaction *t;
		(t = TAILQ_FIRST(&all->asked.list)) && t->time_ns + st->s.waiting_ns < st->now_ns;)
		give_up(st, t, CAUSE_TIME);
	for (struct transaction *t; (t = TAILQ_FIRST(&all->answered.list)) &&
				    t->time_ns + st->s.answered_ns < st->now_ns;)
		transaction_free(st, t);
}

void sessions_reap(struct sessions *st, uint32_t most)
{
	for (struct reaping *r; most > 0 && (r = STAILQ_FIRST(&st->departures->reap));) {
		struct session *s = session_table_get(&st->sessions, r->session);
		if (s) { // it leaves the list's head to the next
			session_end(st, s, END_LOST);
			most--;
			continue;
		}
		STAILQ_REMOVE_HEAD(&st->departures->reap, link);
		session_release(&st->memory, r);
	}
}

bool sessions_room(struct sessions *st)
{
	while (!sessions_have_room(st)) {
		struct session *oldest =
			session_table_get(&st->sessions, st->departures->oldest_partial);
		if (st->counts.sessions < st->s.sessions_max &&
			!STAILQ_EMPTY(&st->departures->reap)) {
			sessions_reap(st, 64); // what a restart left is in the way
			continue;
		}
		// then what was asked for and never answered
		if (transactions_give_up(st, UNANSWERED_NS))
			continue;
		if (!oldest)
			return false;
		st->counts.evicted += !session_is_over(st, oldest);
		session_end(st, oldest, END_FORGOTTEN);
	}
	return true;
}

static uint64_t asked_max(const struct sessions *st)
{
	return (st->s.memory_max - st->memory.fixed) / ASKED_PART;
}

struct transaction *transaction_ask(
	struct sessions *st, uint8_t protocol, uint64_t key, const struct span *raw)
{
	struct transaction *known = transaction_find(st, key);
	uint64_t octets = transaction_octets(st, raw);
	const struct transaction_list *asked = &st->transactions->asked;

	if (known && known->octets == octets && known->protocol == protocol &&
		!is_forgotten(st, known)) {
		st->counts.retransmissions++;
		return NULL;
	}
	if (known)
		give_up(st, known, CAUSE_MESSAGE); // the number is used again
	while (asked->octets + raw->length > asked_max(st) && transactions_give_up(st, 0))
		;
	struct transaction *t = transaction_new(st, raw);
	if (!t)
		goto no_memory;
	t->key = key;
	t->octets = octets;
	t->protocol = protocol;
	if (session_index_add(&st->transactions->index, &st->memory, key, t->index) == INDEX_ADDED)
		return t;
	t->keyless = true;
	transaction_free(st, t);
no_memory:
	sessions_refuse(st);
	return NULL;
}
