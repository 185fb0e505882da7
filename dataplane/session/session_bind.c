#include "dataplane/session/session_internal.h"

#include <string.h>

#include "shared/pdu.h"

// What a message changed is bound anew at its end: first all that is new is bound, then all that is
// gone is unbound, so that what only changes hands is never missed.

bool array_room(struct sessions *st, void **array, uint32_t *have, uint32_t n, size_t size)
{
	if (n <= *have)
		return true;
	uint32_t room = n * 2 < 64 ? 64 : n * 2;
	bool for_tasks = st->memory.for_tasks;
	st->memory.for_tasks = true;
	void *grown = session_alloc(&st->memory, room * size);
	st->memory.for_tasks = for_tasks;
	if (!grown)
		return false;
	if (*array)
		memcpy(grown, *array, *have * size);
	session_release(&st->memory, *array);
	*array = grown;
	*have = room;
	return true;
}

void session_mark(struct sessions *st, struct session *s)
{
	if (s->flags & SESSION_DIRTY)
		return;
	if (!array_room(st, (void **)&st->dirty, &st->dirty_size, st->n_dirty + 1,
		    sizeof(*st->dirty))) {
		s->flags |= SESSION_LOSS;
		return;
	}
	s->flags |= SESSION_DIRTY;
	st->dirty[st->n_dirty++] = s->number;
}

void subscription_mark(struct sessions *st, struct subscription *w)
{
	if (w->dirty)
		return;
	w->dirty = true;
	w->next_dirty = st->dirty_subscriptions;
	st->dirty_subscriptions = w;
}

static void mark_all_subscriptions(struct sessions *st)
{
	for (uint32_t i = 0; i < session_table_end(&st->subscriptions); i++) {
		struct subscription *w = session_table_get(&st->subscriptions, i);
		if (w)
			subscription_mark(st, w);
	}
}

// Whose session it was is not known: every subscription may miss something.
void bind_refused(struct sessions *st)
{
	st->blind = true;
	st->blind_ns = st->now_ns;
}

// ---- bonds ----

static struct bond *bond_new(struct sessions *st, struct session *s, struct subscription *w)
{
	struct bond *b = session_alloc(&st->memory, sizeof(*b));

	if (!b)
		return NULL;
	b->session = s->number;
	b->subscription = w;
	b->next_of_session = s->bonds;
	s->bonds = b;
	b->next = w->bonds;
	if (b->next)
		b->next->previous = b;
	w->bonds = b;
	return b;
}

static void bond_unlink(struct sessions *st, struct session *s, struct bond *b)
{
	struct bond **at = &s->bonds;

	while (*at != b)
		at = &(*at)->next_of_session;
	*at = b->next_of_session;
	*(b->previous ? &b->previous->next : &b->subscription->bonds) = b->next;
	if (b->next)
		b->next->previous = b->previous;
	b->subscription->sessions -= b->counts;
	b->subscription->n_unsure -= b->unsure;
	session_release(&st->memory, b->hold);
	session_release(&st->memory, b);
}

// Without room to do it at the end it is done at once.
static void release_later(struct sessions *st, const struct bond *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (array_room(st, (void **)&st->release, &st->release_size, st->n_release + 1,
			    sizeof(*st->release)))
			st->release[st->n_release++] = b->hold[i];
		else
			bound_drop(st, b->hold[i].number, false, b->hold[i].n9);
	}
}

void bond_drop(struct sessions *st, struct bond *b)
{
	struct session *s = session_table_get(&st->sessions, b->session);

	for (uint32_t i = 0; i < b->n; i++)
		bound_drop(st, b->hold[i].number, true, b->hold[i].n9);
	bond_unlink(st, s, b);
}

void bind_end(struct sessions *st, struct session *s, enum session_end why)
{
	while (s->bonds) {
		struct bond *b = s->bonds;
		if (why == END_LOST || why == END_FORGOTTEN)
			b->subscription->lost = true;
		if (why == END_RELEASED && b->counts && b->subscription->sessions == 1)
			b->subscription->ended = true;
		subscription_mark(st, b->subscription);
		release_later(st, b);
		bond_unlink(st, s, b);
	}
}

// ---- which watches the session satisfies ----

static void join_round(struct sessions *st, struct subscription *w)
{
	if (w->round == st->round)
		return;
	w->round = st->round;
	w->matched = SESSION_NONE;
	w->bond = NULL;
}

static bool add_matched(struct sessions *st, struct subscription *w)
{
	join_round(st, w);
	if (w->matched != SESSION_NONE)
		return true;
	if (!array_room(st, (void **)&st->matched, &st->matched_size, st->n_matched + 1,
		    sizeof(*st->matched)))
		return false;
	w->matched = st->n_matched++;
	st->matched[w->matched] = (struct matched){.subscription = w, .first = SESSION_NONE};
	return true;
}

static void match_key(struct sessions *st, const struct rules *r, uint64_t key)
{
	const struct anchor *a = anchor_find(st, key);

	for (const struct subscription_anchor *x = a ? a->first : NULL; x; x = x->next)
		if (subscription_matches(x->subscription, r) && !add_matched(st, x->subscription)) {
			bind_refused(st);
			return;
		}
}

// By the names that a stage's rules have.
static void match_names(struct sessions *st, const struct rules *r)
{
	for (unsigned i = 0; i < r->n_pdrs; i++) {
		uint32_t ni = pdr_pdi(r, &r->pdr[i])->ni;
		bool before = ni == SESSION_NONE;
		for (unsigned j = 0; j < i && !before; j++)
			before = pdr_pdi(r, &r->pdr[j])->ni == ni;
		if (!before)
			match_key(st, r, key_number(st, KEY_NI, ni));
	}
}

static void match_session(struct sessions *st, const struct session *s)
{
	uint64_t keys[SESSION_KEYS_MAX];

	st->round++;
	st->n_matched = 0;
	for (struct bond *b = s->bonds; b; b = b->next_of_session) {
		join_round(st, b->subscription);
		b->subscription->bond = b;
	}
	if (st->subscriptions.live == 0)
		return;
	record_unpack(s, st->rules[0]);
	unsigned n = session_keys(st, st->rules[0], keys);
	for (unsigned i = 0; i < n; i++)
		match_key(st, st->rules[0], keys[i]);
}

// ---- what it shows of each ----

static bool same_select(const struct pdr_select *a, const struct pdr_select *b)
{
	if (!a || !b)
		return a == b;
	return pdr_select_digest(a) == pdr_select_digest(b);
}

static struct desire *find_desire(struct sessions *st, const struct matched *m, const struct way *x,
	uint8_t direction, const struct pdr_select *select)
{
	for (uint32_t i = m->first; i != SESSION_NONE; i = st->desire[i].next)
		if (way_same(&st->desire[i].way, x) &&
			(x->way == BINDING_TUNNEL || st->desire[i].direction == direction) &&
			same_select(st->desire[i].select, select))
			return &st->desire[i];
	return NULL;
}

// Whether some port shows it, as the task looks at the links.
static bool is_seen(struct sessions *st, struct matched *m, const struct way *x)
{
	if (!st->s.links || link_class_bind_session(st->s.links, x->way == BINDING_TUNNEL, x->link,
				    m->subscription->tunnels || st->alone))
		return true;
	m->unseen = true;
	return false;
}

// What a stage says of a way: a request adds to what is, and takes nothing away before it is
// accepted. `done`: of the select, which it takes over.
static void desire(struct sessions *st, struct matched *m, const struct way *x, uint8_t direction,
	int done, const struct pdr_select *select)
{
	if (done != POI_OK) {
		m->failed |= done != POI_ERR_NOT_FOUND;
		return;
	}
	struct desire *d = find_desire(st, m, x, direction, select);
	if (!d && !array_room(st, (void **)&st->desire, &st->desires_size, st->n_desires + 1,
			  sizeof(*st->desire))) {
		m->failed = true;
		if (select)
			pdr_select_drop(select);
		return;
	}
	if (d && d->select)
		pdr_select_drop(d->select);
	if (!d) {
		d = &st->desire[st->n_desires];
		d->next = m->first;
		m->first = st->n_desires++;
	}
	*d = (struct desire){.subscription = m->subscription,
		.next = d->next,
		.tunnels = m->subscription->tunnels || st->alone,
		.way = *x,
		.direction = direction,
		.select = select};
}

// Of rules: a packet to the address belongs to one of the downlink, a packet from it to one of the
// uplink, each by its own filters.
static void desire_rules(struct sessions *st, struct matched *m, const struct rules *r,
	const struct way *x, uint64_t wanted)
{
	const struct pdr_select *select = NULL;
	bool up = x->direction == PDU_DIRECTION_FROM_TARGET;

	if (x->whole)
		return;
	int done =
		select_make(st, r, x->pdrs, up ? SELECT_UPLINK : SELECT_DOWNLINK, wanted, &select);
	desire(st, m, x, x->way == BINDING_TUNNEL ? x->direction : PDU_DIRECTION_TO_TARGET, done,
		select);
	if (x->way == BINDING_TUNNEL)
		return;
	select = NULL;
	done = select_make(st, r, x->uplink, SELECT_UPLINK_BEHIND, wanted, &select);
	desire(st, m, x, PDU_DIRECTION_FROM_TARGET, done, select);
}

static void desire_way(struct sessions *st, struct matched *m, const struct rules *r,
	const struct way *x, uint64_t wanted)
{
	if (m->subscription->direction != FILTER_ANY_DIRECTION &&
		(x->way == BINDING_ADDRESS || x->direction != m->subscription->direction))
		return;
	if (!is_seen(st, m, x))
		return;
	if (subscription_wants_all(m->subscription))
		desire(st, m, x, x->direction, POI_OK, NULL);
	else
		desire_rules(st, m, r, x, wanted);
}

static void desire_stage(
	void *context, const struct rules *r, const struct ways *ways, uint32_t serial)
{
	struct sessions *st = context;

	if (st->ni_subscriptions > 0)
		match_names(st, r);
	for (uint32_t i = 0; i < st->n_matched; i++) {
		struct matched *m = &st->matched[i];
		uint64_t wanted = subscription_wants_all(m->subscription)
					  ? 0
					  : subscription_wants(m->subscription, r);
		if (!subscription_wants_all(m->subscription) && wanted == 0)
			continue;
		m->holds = true;
		for (uint32_t j = 0; j < ways->n; j++)
			desire_way(st, m, r, &ways->way[j], wanted);
	}
}

// What others own is not the session's, though it shows it.
static void drop_foreign(struct sessions *st, const struct session *s, const struct ways *all)
{
	uint8_t own[WAYS_MAX] = {0};

	for (uint32_t i = 0; i < all->n; i++)
		own[i] = (uint8_t)session_owns(st, s, &all->way[i]);
	for (uint32_t i = 0; i < st->n_desires; i++) {
		struct desire *d = &st->desire[i];
		const struct way *w = ways_find(all, &d->way);
		uint8_t owner = w ? own[w - all->way] : OWN_NOT;
		bool of_user = (d->subscription->target.kinds & ~SESSION_SUBSCRIBER) == 0;
		d->foreign = owner != OWN && !(owner == OWN_OF_USER && of_user);
		st->matched[d->subscription->matched].ambiguous |= d->foreign && owner != OWN_NOT;
	}
}

// ---- the change ----

static void set_holds(struct sessions *st, struct bond *b, const struct matched *m)
{
	uint32_t n = 0, most = 0;

	for (uint32_t i = m->first; i != SESSION_NONE; i = st->desire[i].next)
		most += !st->desire[i].foreign;
	struct hold *hold = most ? session_alloc(&st->memory, most * sizeof(*hold)) : NULL;
	for (uint32_t i = m->first; i != SESSION_NONE && hold; i = st->desire[i].next) {
		struct desire *d = &st->desire[i];
		if (d->foreign)
			continue;
		hold[n].n9 = d->way.link == CONFIG_LINK_N9;
		hold[n].number = bound_take(st, d);
		n += hold[n].number != SESSION_NONE;
	}
	b->unsure = b->unsure || n < most;
	release_later(st, b);
	session_release(&st->memory, b->hold);
	b->hold = hold;
	b->n = n;
}

static void bond_update(
	struct sessions *st, struct session *s, const struct matched *m, bool unsure)
{
	struct subscription *w = m->subscription;
	struct bond *b = w->bond;

	if (!b)
		b = bond_new(st, s, w);
	if (!b) {
		bind_refused(st);
		return;
	}
	w->sessions -= b->counts;
	w->n_unsure -= b->unsure;
	if (m->ambiguous && !b->ambiguous)
		st->counts.ambiguous++;
	b->ambiguous = m->ambiguous;
	b->unsure = m->ambiguous || unsure || m->failed;
	bool had = b->n > 0;
	set_holds(st, b, m);
	bool accepted = s->flags & (SESSION_SETTLED | SESSION_PARTIAL);
	b->counts = accepted && (b->n > 0 || !(s->flags & SESSION_OVERTAKEN));
	b->unsure = b->unsure || (accepted && b->n == 0 && m->unseen);
	w->sessions += b->counts;
	w->n_unsure += b->unsure;
	w->bound_once = w->bound_once || b->counts;
	if (b->n > 0)
		w->lost = w->lost && had; // a new view of it
	subscription_mark(st, w);
}

static bool is_matched(const struct sessions *st, const struct subscription *w)
{
	return w->round == st->round && w->matched != SESSION_NONE && st->matched[w->matched].holds;
}

// An accepted session that leaves the UPF by no user address (Ethernet, or known only in part) is
// told by its tunnels, wherever its task would look else. Between two UPFs the anchor has another
// session of it.
static bool is_alone(struct sessions *st, const struct session *s)
{
	const struct rules *r = st->rules[0];

	if (!st->s.links || !(s->flags & (SESSION_SETTLED | SESSION_PARTIAL)))
		return false;
	record_unpack(s, st->rules[0]);
	ways_of(r, st->probe);
	for (uint32_t i = 0; i < st->probe->n; i++)
		if (st->probe->way[i].way == BINDING_ADDRESS)
			return false;
	for (unsigned i = 0; i < r->n_pdrs && !(s->flags & SESSION_PARTIAL); i++)
		if (r->pdr[i].source == 1 && pdr_pdi(r, &r->pdr[i])->has_local)
			return false;
	return true;
}

static void rebind(struct sessions *st, struct session *s)
{
	st->n_desires = 0;
	match_session(st, s);
	if (st->n_matched == 0 && st->ni_subscriptions == 0 && !s->bonds)
		return;
	st->alone = is_alone(st, s);
	session_selectors(st, s, 0, st->after, desire_stage, st);
	bool unsure = s->flags & (SESSION_PARTIAL | SESSION_LOSS) || st->after->overflow ||
		      st->rules[0]->overflow;
	if (st->n_matched > 0)
		drop_foreign(st, s, st->after);
	for (uint32_t i = 0; i < st->n_matched; i++)
		if (st->matched[i].holds)
			bond_update(st, s, &st->matched[i], unsure);
	for (uint32_t i = 0; i < st->n_desires; i++)
		if (st->desire[i].select) // another's, or of a subscription that had no room
			pdr_select_drop(st->desire[i].select);
	for (struct bond *b = s->bonds, *next; b; b = next) {
		next = b->next_of_session;
		if (is_matched(st, b->subscription))
			continue;
		subscription_mark(st, b->subscription);
		release_later(st, b);
		bond_unlink(st, s, b);
	}
}

static void tell_state(struct sessions *st, struct subscription *w)
{
	struct subscription_state now = {.sessions = w->sessions,
		.bound_once = w->bound_once,
		.unsure = w->lost || w->n_unsure > 0 || st->blind,
		.ended = w->ended && w->sessions == 0};

	w->dirty = w->ended = false;
	if (w->told_once && !now.ended && now.sessions == w->told.sessions &&
		now.bound_once == w->told.bound_once && now.unsure == w->told.unsure)
		return;
	w->told_once = true;
	w->told = now;
	st->s.sink.state(st->s.sink.context, w->id, &now);
}

void bind_flush(struct sessions *st)
{
	bool for_tasks = st->memory.for_tasks;

	st->memory.for_tasks = true;
	for (uint32_t i = 0; i < st->n_dirty; i++) {
		struct session *s = session_table_get(&st->sessions, st->dirty[i]);
		if (!s || !(s->flags & SESSION_DIRTY))
			continue;
		s->flags &= (uint8_t)~SESSION_DIRTY;
		rebind(st, s);
	}
	st->n_dirty = 0;
	for (uint32_t i = 0; i < st->n_release; i++)
		bound_drop(st, st->release[i].number, false, st->release[i].n9);
	st->n_release = 0;
	if (st->blind != st->blind_told) {
		st->blind_told = st->blind;
		mark_all_subscriptions(st);
	}
	while (st->dirty_subscriptions) {
		struct subscription *w = st->dirty_subscriptions;
		st->dirty_subscriptions = w->next_dirty;
		tell_state(st, w);
	}
	st->memory.for_tasks = for_tasks;
}
