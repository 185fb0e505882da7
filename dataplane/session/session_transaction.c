// Keeps requests while they wait for their responses, and answered ones for retransmissions.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_transaction_internal.h"

#include <stddef.h>
#include <string.h>

// The keyed hash of both ends, the sequence number and the type stands for them: 64 bits.
uint64_t transaction_key(const struct sessions *st, const struct signalling_packet *p,
	uint32_t sequence, uint8_t type, bool response)
{
	const struct signalling_end *from = response ? &p->destination : &p->source;
	const struct signalling_end *to = response ? &p->source : &p->destination;
	uint8_t octets[48] = {p->protocol, type, from->address.family};

	memcpy(octets + 4, &sequence, 4);
	memcpy(octets + 8, &from->port, 2);
	memcpy(octets + 10, &to->port, 2);
	memcpy(octets + 12, from->address.b, 16);
	memcpy(octets + 28, to->address.b, 16);
	return session_hash(st->s.seed, KEY_TRANSACTION, octets, sizeof(octets));
}

uint64_t transaction_octets(const struct sessions *st, const struct span *raw)
{
	return session_hash(st->s.seed, KEY_OCTETS, raw->octets, raw->length);
}

struct transaction *transaction_find(const struct sessions *st, uint64_t key)
{
	struct index_cursor c = session_index_find(&st->transactions->index, key);

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		struct transaction *t = session_table_get(&st->transactions->table, i);
		if (t->key == key)
			return t;
	}
	return NULL;
}

static uint16_t own_port(uint8_t protocol)
{
	return protocol == SIGNALLING_PFCP ? 8805 : protocol == SIGNALLING_GTPV2C ? 2123 : 0;
}

void transaction_alias(struct sessions *st, struct transaction *t,
	const struct signalling_packet *p, uint32_t sequence)
{
	struct signalling_packet from_own = *p;

	from_own.source.port = own_port(p->protocol);
	if (from_own.source.port == 0 || from_own.source.port == p->source.port)
		return;
	t->alias = transaction_key(st, &from_own, sequence, t->type, false);
	if (session_index_add(&st->transactions->index, &st->memory, t->alias, t->index) !=
		INDEX_ADDED)
		t->alias = 0; // found by its own port only
}

struct transaction *transaction_of_answer(const struct sessions *st, uint64_t key)
{
	struct transaction *exact = transaction_find(st, key), *waiting = NULL, *answered = NULL;
	unsigned n_waiting = 0, n_answered = 0;

	if (exact)
		return exact;
	struct index_cursor c = session_index_find(&st->transactions->index, key);
	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		struct transaction *t = session_table_get(&st->transactions->table, i);
		if (t->alias != key)
			continue;
		if (t->state == TRANSACTION_ANSWERED) {
			answered = t;
			n_answered++;
		} else {
			waiting = t;
			n_waiting++;
		}
	}
	return n_waiting == 1 ? waiting : n_waiting == 0 && n_answered == 1 ? answered : NULL;
}

// ---- lists by age ----

static struct transaction_list *list_of(struct sessions *st, const struct transaction *t)
{
	return t->state == TRANSACTION_ANSWERED ? &st->transactions->answered
						: &st->transactions->asked;
}

static void list_push(struct transaction_list *l, struct transaction *t)
{
	TAILQ_INSERT_TAIL(&l->list, t, by_age);
	l->n++;
	l->octets += sizeof(*t) + t->length;
}

static void list_remove(struct transaction_list *l, struct transaction *t)
{
	TAILQ_REMOVE(&l->list, t, by_age);
	l->n--;
	l->octets -= sizeof(*t) + t->length;
}

static void drop_raw(struct sessions *st, struct transaction *t)
{
	for (uint32_t i = 0; i < t->n_names; i++)
		string_drop(st, t->names[i]);
	session_release(&st->memory, t->names);
	t->names = NULL;
	t->n_names = 0;
	session_release(&st->memory, t->raw);
	t->raw = NULL;
	t->length = 0;
}

void transaction_free(struct sessions *st, struct transaction *t)
{
	if (!t->keyless)
		session_index_remove(&st->transactions->index, &st->memory, t->key, t->index);
	if (t->alias)
		session_index_remove(&st->transactions->index, &st->memory, t->alias, t->index);
	list_remove(list_of(st, t), t);
	session_table_remove(&st->transactions->table, &st->memory, t->index);
	drop_raw(st, t);
	session_release(&st->memory, t);
}

// ---- asked ----

struct transaction *transaction_new(struct sessions *st, const struct span *raw)
{
	struct transaction *t = session_alloc(&st->memory, sizeof(*t));

	if (!t)
		return NULL;
	t->raw = session_alloc(&st->memory, raw->length);
	if (!t->raw)
		goto no_octets;
	t->index = session_table_add(&st->transactions->table, &st->memory, t);
	if (t->index == SESSION_NONE)
		goto no_number;
	memcpy(t->raw, raw->octets, raw->length);
	t->length = raw->length;
	t->session = t->pair = SESSION_NONE;
	t->time_ns = st->now_ns;
	if (++st->transactions->order == 0) // stands for none
		st->transactions->order++;
	t->order = st->transactions->order;
	t->state = TRANSACTION_ASKED;
	list_push(&st->transactions->asked, t);
	return t;
no_number:
	session_release(&st->memory, t->raw);
no_octets:
	session_release(&st->memory, t);
	return NULL;
}

struct transaction *transaction_sibling(
	struct sessions *st, struct transaction *t, struct session *s)
{
	struct span raw = {t->raw, (uint16_t)t->length};
	struct transaction *x = transaction_new(st, &raw);

	if (!x)
		return NULL;
	x->keyless = true;
	x->protocol = t->protocol;
	x->type = t->type;
	SLIST_INSERT_AFTER(t, x, sibling);
	transaction_attach(st, x, s);
	return x;
}

bool transaction_keep_later(
	struct sessions *st, struct transaction *t, const struct transaction *later)
{
	struct span raw = {later->raw, (uint16_t)later->length};
	struct transaction *at = t;
	unsigned n = 0;

	for (const struct transaction *x = t; (x = SLIST_NEXT(x, sibling));)
		n++;
	struct transaction *copy = n < LATER_KEPT_MAX ? transaction_new(st, &raw) : NULL;
	if (!copy)
		return false;
	copy->keyless = true;
	copy->protocol = later->protocol;
	copy->type = later->type;
	copy->copy_of = later->order;
	for (struct transaction *x; (x = SLIST_NEXT(at, sibling)) && x->copy_of < later->order;)
		at = x;
	SLIST_INSERT_AFTER(at, copy, sibling);
	return true;
}

void transaction_siblings_free(struct sessions *st, struct transaction *t)
{
	for (struct transaction *x; (x = SLIST_NEXT(t, sibling));) {
		SLIST_NEXT(t, sibling) = SLIST_NEXT(x, sibling);
		transaction_free(st, x);
	}
}

// A deletion asks for nothing: it stands before the others, so that what they ask is not newer for
// it.
static bool is_deletion(const struct transaction *t)
{
	return t->protocol == SIGNALLING_PFCP && t->type == PFCP_DELETION_REQUEST;
}

void transaction_attach(struct sessions *st, struct transaction *t, struct session *s)
{
	struct transaction *x, *last = NULL;

	if (s->n_pending == ASKED_OF_SESSION_MAX) {
		struct transaction *oldest = SLIST_FIRST(&s->pending);
		st->counts.unanswered++;
		s->flags |= SESSION_LOSS;
		if (is_deletion(oldest))
			transaction_assume(st, oldest); // its answer still ends the session
		else
			transaction_detach(st, oldest);
	}
	SLIST_FOREACH (x, &s->pending, of_session)
		last = x;
	if (last && !is_deletion(t))
		SLIST_INSERT_AFTER(last, t, of_session);
	else
		SLIST_INSERT_HEAD(&s->pending, t, of_session);
	t->session = s->index;
	t->generation = s->generation;
	transaction_of_pair(st, t, s->pair);
	t->attached = true;
	s->n_pending++;
}

void transaction_of_pair(struct sessions *st, struct transaction *t, uint32_t pair)
{
	t->pair = pair;
	t->restart_epoch = pair_at(st, pair)->restart_epoch;
	t->of_restart_epoch = true;
}

struct session *transaction_session(struct sessions *st, const struct transaction *t)
{
	struct session *s = session_at(st, t->session);

	return s && s->generation == t->generation ? s : NULL;
}

static void add_name(struct sessions *st, const struct span *ni, uint32_t *names, uint32_t *n)
{
	uint32_t id = ni->length ? string_ni(st, ni->octets, ni->length) : SESSION_NONE;

	for (uint32_t i = 0; i < *n && id != SESSION_NONE; i++)
		if (names[i] == id) {
			string_drop(st, id);
			return;
		}
	if (id != SESSION_NONE)
		names[(*n)++] = id;
}

void transaction_names(struct sessions *st, struct transaction *t, const struct pfcp_message *m)
{
	uint32_t names[PFCP_PDRS_MAX + PFCP_ENDPOINTS_MAX], n = 0;

	for (unsigned i = 0; i < m->n_pdrs; i++)
		add_name(st, &m->pdr[i].v.pdi.ni, names, &n);
	for (unsigned i = 0; i < m->n_endpoints; i++)
		add_name(st, &m->endpoint[i].v.ni, names, &n);
	if (n == 0)
		return;
	t->names = session_alloc(&st->memory, n * sizeof(*names));
	for (uint32_t i = 0; i < n && !t->names; i++)
		string_drop(st, names[i]);
	if (!t->names)
		return;
	memcpy(t->names, names, n * sizeof(*names));
	t->n_names = n;
}

void transaction_detach(struct sessions *st, struct transaction *t)
{
	struct session *s = session_table_get(&st->sessions, t->session);

	if (s && t->attached) {
		SLIST_REMOVE(&s->pending, t, transaction, of_session);
		s->n_pending--;
	}
	t->attached = false;
	t->session = SESSION_NONE;
}

// ---- answered ----

static uint32_t answered_max(const struct sessions *st)
{
	return st->s.sessions_max / 2 < 4096 ? 4096 : st->s.sessions_max / 2;
}

// `t` is detached already.
void transaction_answered(struct sessions *st, struct transaction *t, const struct span *response)
{
	transaction_siblings_free(st, t);
	list_remove(list_of(st, t), t);
	drop_raw(st, t);
	t->state = TRANSACTION_ANSWERED;
	t->time_ns = st->now_ns;
	t->response = transaction_octets(st, response);
	list_push(&st->transactions->answered, t);
	if (st->transactions->answered.n > answered_max(st))
		transaction_free(st, TAILQ_FIRST(&st->transactions->answered.list));
}

// A later message proved that it was accepted. Its own answer may still come.
void transaction_assume(struct sessions *st, struct transaction *t)
{
	uint32_t session = t->session;

	transaction_detach(st, t);
	t->session = session;
	t->state = TRANSACTION_ASSUMED;
}

bool transaction_repeats(
	const struct sessions *st, const struct transaction *t, const struct span *response)
{
	return t->response == transaction_octets(st, response);
}

void transactions_forget(struct sessions *st, struct session *s)
{
	while (!SLIST_EMPTY(&s->pending))
		transaction_detach(st, SLIST_FIRST(&s->pending));
}

struct transactions *transactions_new(struct sessions *st)
{
	struct transactions *all = session_alloc(&st->memory, sizeof(*all));

	if (!all)
		return NULL;
	TAILQ_INIT(&all->asked.list);
	TAILQ_INIT(&all->answered.list);
	return all;
}

void transactions_free(struct sessions *st)
{
	struct transactions *all = st->transactions;

	if (!all)
		return;
	for (uint32_t i = 0; i < session_table_end(&all->table); i++) {
		struct transaction *t = session_table_get(&all->table, i);
		if (!t)
			continue;
		drop_raw(st, t);
		session_release(&st->memory, t);
	}
	session_table_free(&all->table, &st->memory);
	session_index_free(&all->index, &st->memory);
	session_release(&st->memory, all);
}
