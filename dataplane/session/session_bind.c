// Binds anew, at the end of a message, what the message changed.

#include "dataplane/session/session_binding_internal.h"

#include <string.h>

#include "dataplane/session/session_hashed_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_unpack_internal.h"
#include "shared/pdu.h"

// First all that is new is bound, then all that is gone is unbound, so that what only changes hands
// is never missed.

struct candidate { // a subscription that the session at hand may satisfy
	struct subscription *subscription;
	bool holds, failed, unseen, ambiguous;
	bool in_doubt;	 // the session has none of its rules, but not all of its rules were read
	bool tunnels;	 // N6 is not looked at for it
	bool path_n6;	 // another session of its path is bound by the user's address
	bool path_first; // another session of its path is bound by tunnels of the first link
	uint64_t wanted_pdrs; // PDRs of the stage at hand; 0 where all of the session is
	uint32_t first;	      // of what it wants, SESSION_NONE at the end
};

// One session that is bound anew: the subscriptions that it may satisfy, and what it shows of each.
struct binding_round {
	struct sessions *st;
	uint64_t round;
	const struct session *session;
	bool alone; // it has tunnels only, also where it leaves the UPF
	bool first; // it has tunnels of the link that comes first, at the stage at hand
	uint8_t link[SELECTORS_MAX];
	uint64_t correlation; // 0: without
	struct candidate *candidate;
	uint32_t n_candidates, candidates_size;
	struct wanted_binding *wanted;
	uint32_t n_wanted, wanted_size;
};

struct binding_round *binding_round_new(struct sessions *st)
{
	struct binding_round *b = session_alloc(&st->memory, sizeof(*b));

	if (b)
		b->st = st;
	return b;
}

void binding_round_free(struct sessions *st)
{
	if (!st->round)
		return;
	session_release(&st->memory, st->round->candidate);
	session_release(&st->memory, st->round->wanted);
	session_release(&st->memory, st->round);
}

// ---- which subscriptions the session satisfies ----

static void join_round(const struct binding_round *b, struct subscription *w)
{
	if (w->round == b->round)
		return;
	w->round = b->round;
	w->candidate = SESSION_NONE;
	w->membership = NULL;
}

static bool add_candidate(struct binding_round *b, struct subscription *w)
{
	join_round(b, w);
	if (w->candidate != SESSION_NONE)
		return true;
	if (!array_room(&b->st->memory, (void **)&b->candidate, &b->candidates_size,
		    b->n_candidates + 1, sizeof(*b->candidate)))
		return false;
	w->candidate = b->n_candidates++;
	b->candidate[w->candidate] = (struct candidate){.subscription = w, .first = SESSION_NONE};
	return true;
}

static void match_key(struct binding_round *b, const struct rules *r, uint64_t key)
{
	const struct subscription_index *a = subscription_index_find(b->st, key);
	const struct subscription_index_entry *x;

	if (!a)
		return;
	LIST_FOREACH (x, &a->entries, of_index)
		if (subscription_matches(x->subscription, r) &&
			!add_candidate(b, x->subscription)) {
			bind_refused(b->st);
			return;
		}
}

// By the names that a stage's rules have.
static void match_names(struct binding_round *b, const struct rules *r)
{
	for (unsigned i = 0; i < r->n_pdrs; i++) {
		uint32_t ni = pdr_pdi(r, &r->pdr[i])->ni;
		bool before = ni == SESSION_NONE;
		for (unsigned j = 0; j < i && !before; j++)
			before = pdr_pdi(r, &r->pdr[j])->ni == ni;
		if (!before)
			match_key(b, r, key_number(b->st, KEY_NI, ni));
	}
}

// Only a session that a hashed target may want is hashed: it was looked up when its identity became
// known, and when a target came. Without any left it is not wanted.
static void match_hashed(struct binding_round *b, struct session *s, const struct rules *r)
{
	uint64_t keys[HASHED_KEYS_MAX];
	unsigned n = hashed_keys(b->st, r, keys);

	s->flags &= (uint8_t)~SESSION_HASHED_WANTED;
	for (unsigned i = 0; i < n; i++) {
		if (subscription_index_find(b->st, keys[i]))
			s->flags |= SESSION_HASHED_WANTED;
		match_key(b, r, keys[i]);
	}
}

// By the keys of its record.
static void match_session(struct binding_round *b, struct session *s, const struct rules *r)
{
	uint64_t keys[SESSION_KEYS_MAX];
	unsigned n = session_keys(b->st, r, keys);

	for (unsigned i = 0; i < n; i++)
		match_key(b, r, keys[i]);
	if (s->flags & SESSION_HASHED_WANTED)
		match_hashed(b, s, r);
}

static void round_begin(struct binding_round *b, const struct session *s)
{
	struct membership *x;

	b->round++;
	b->n_candidates = b->n_wanted = 0;
	SLIST_FOREACH (x, &s->memberships, of_session) {
		join_round(b, x->subscription);
		x->subscription->membership = x;
	}
}

// ---- what it shows of each ----

static bool same_select(const struct pdr_select *a, const struct pdr_select *b)
{
	if (!a || !b)
		return a == b;
	return pdr_select_digest(a) == pdr_select_digest(b);
}

static struct wanted_binding *find_wanted(
	const struct binding_round *b, const struct candidate *m, const struct wanted_binding *like)
{
	for (uint32_t i = m->first; i != SESSION_NONE; i = b->wanted[i].next)
		if (selector_same(&b->wanted[i].selector, &like->selector) &&
			(like->selector.kind == BINDING_TUNNEL ||
				b->wanted[i].direction == like->direction) &&
			same_select(b->wanted[i].select, like->select))
			return &b->wanted[i];
	return NULL;
}

// True if some port shows it, as the task reads the links.
static bool is_seen(const struct binding_round *b, struct candidate *m, const struct selector *x)
{
	const struct link_classes *links = b->st->s.links;

	if (!links ||
		link_class_bind_session(links, x->kind == BINDING_TUNNEL, x->link, m->tunnels))
		return true;
	m->unseen = m->unseen || !(m->path_n6 || m->path_first);
	return false;
}

// Wants a selector of a stage: a request adds to what is, and takes nothing away before it is
// accepted. The select of `of` is taken over.
static void want(struct binding_round *b, struct candidate *m, struct wanted_binding of)
{
	struct wanted_binding *d = find_wanted(b, m, &of);

	if (!d && !array_room(&b->st->memory, (void **)&b->wanted, &b->wanted_size, b->n_wanted + 1,
			  sizeof(*b->wanted))) {
		m->failed = true;
		if (of.select)
			pdr_select_drop(of.select);
		return;
	}
	if (d && d->select)
		pdr_select_drop(d->select);
	if (d) {
		of.next = d->next;
	} else {
		d = &b->wanted[b->n_wanted];
		of.next = m->first;
		m->first = b->n_wanted++;
	}
	*d = of;
}

static struct wanted_binding wanted_of(const struct binding_round *b, const struct candidate *m,
	const struct selector *x, uint8_t direction)
{
	return (struct wanted_binding){.subscription = m->subscription,
		.tunnels = m->tunnels,
		.correlation = b->correlation,
		.selector = *x,
		.direction = direction};
}

// Wants the packets of a selector that the rules of a stage show, for a subscription of some of
// them.
static void want_select(struct binding_round *b, struct candidate *m, struct wanted_binding d,
	const struct select_query *q)
{
	int done = select_make(b->st, q, &d.select);

	if (done == POI_OK)
		want(b, m, d);
	else
		m->failed |= done != POI_ERR_NOT_FOUND;
}

// Wants an address by rules: a packet to it belongs to one of the downlink, a packet from it to one
// of the uplink, each by its own filters.
static void want_rules(struct binding_round *b, struct candidate *m, const struct rules *r,
	const struct selector *x)
{
	bool up = x->direction == PDU_DIRECTION_FROM_TARGET, tunnel = x->kind == BINDING_TUNNEL;
	struct select_query q = {.rules = r,
		.pdrs = x->pdrs,
		.wanted = m->wanted_pdrs,
		.of = up ? SELECT_UPLINK : SELECT_DOWNLINK};

	if (x->session_wide)
		return;
	want_select(b, m, wanted_of(b, m, x, tunnel ? x->direction : PDU_DIRECTION_TO_TARGET), &q);
	if (tunnel)
		return;
	q.pdrs = x->uplink;
	q.of = SELECT_UPLINK_BEHIND;
	want_select(b, m, wanted_of(b, m, x, PDU_DIRECTION_FROM_TARGET), &q);
}

// True if its packets are seen in tunnels of another link, of this session or of another of its
// path. On ports of class `other` tunnels of N3 are read beside those of N9 on ports of that.
static bool is_second(
	const struct binding_round *b, const struct candidate *m, const struct selector *x)
{
	const struct link_classes *links = b->st->s.links;

	if (!links || x->kind != BINDING_TUNNEL || x->link == link_class_first(links))
		return false;
	if (x->link == CONFIG_LINK_N3 && links->tunnel & 1u << CONFIG_LINK_OTHER)
		return false;
	return b->first || m->path_first;
}

static void want_selector(struct binding_round *b, struct candidate *m, const struct rules *r,
	const struct selector *x)
{
	if (m->subscription->direction != FILTER_ANY_DIRECTION &&
		(x->kind == BINDING_ADDRESS || x->direction != m->subscription->direction))
		return;
	if (is_second(b, m, x) || !is_seen(b, m, x))
		return;
	if (subscription_wants_all(m->subscription))
		want(b, m, wanted_of(b, m, x, x->direction));
	else
		want_rules(b, m, r, x);
}

// Sets the links of the stage's selectors, by the path.
static void stage_links(struct binding_round *b, const struct selectors *shown)
{
	const struct link_classes *links = b->st->s.links;

	b->first = false;
	for (uint32_t i = 0; i < shown->n; i++) {
		const struct selector *x = &shown->selector[i];
		bool tunnel = links && x->kind == BINDING_TUNNEL;
		b->link[i] = tunnel ? path_link(b->st, b->session, x) : x->link;
		b->first |= tunnel && b->link[i] == link_class_first(links);
	}
}

static void look_at_path(const struct binding_round *b, struct candidate *m)
{
	const struct subscription *w = m->subscription;

	m->path_n6 = path_on_n6(b->st, b->session, w);
	m->tunnels = w->tunnels || (b->alone && !m->path_n6);
	m->path_first = b->st->s.links && path_on_first(b->st, b->session, w);
}

static void want_stage(
	void *context, const struct rules *r, const struct selectors *selectors, uint32_t order)
{
	struct binding_round *b = context;

	if (b->st->subscriptions->by_name > 0)
		match_names(b, r);
	if (b->n_candidates == 0)
		return;
	stage_links(b, selectors);
	for (uint32_t i = 0; i < b->n_candidates; i++) {
		struct candidate *m = &b->candidate[i];
		bool all = subscription_wants_all(m->subscription);
		look_at_path(b, m);
		m->wanted_pdrs = all ? 0 : subscription_wants(m->subscription, r);
		if (!all && m->wanted_pdrs == 0)
			continue;
		m->holds = true;
		for (uint32_t j = 0; j < selectors->n; j++) {
			struct selector x = selectors->selector[j];
			x.link = b->link[j];
			want_selector(b, m, r, &x);
		}
	}
}

// Drops selectors that the session shows and another session owns.
static void drop_foreign(
	struct binding_round *b, const struct claimant *c, const struct selectors *all)
{
	uint8_t own[SELECTORS_MAX] = {0};

	for (uint32_t i = 0; i < all->n; i++)
		own[i] = (uint8_t)session_owns(b->st, c, &all->selector[i]);
	for (uint32_t i = 0; i < b->n_wanted; i++) {
		struct wanted_binding *d = &b->wanted[i];
		const struct selector *w = selectors_find(all, &d->selector);
		uint8_t owner = w ? own[w - all->selector] : OWN_NOT;
		d->foreign = owner != OWN &&
			     !(owner == OWN_OF_USER && subscription_of_user(d->subscription));
		b->candidate[d->subscription->candidate].ambiguous |=
			d->foreign && owner != OWN_NOT;
	}
}

// ---- the change ----

static void set_refs(struct binding_round *round, struct membership *b, const struct candidate *m)
{
	struct sessions *st = round->st;
	const struct link_classes *links = st->s.links;
	uint32_t n = 0, most = 0;

	b->on_n6 = b->on_first = false;
	for (uint32_t i = m->first; i != SESSION_NONE; i = round->wanted[i].next)
		most += !round->wanted[i].foreign;
	struct binding_ref *ref = most ? session_alloc(&st->memory, most * sizeof(*ref)) : NULL;
	for (uint32_t i = m->first; i != SESSION_NONE && ref; i = round->wanted[i].next) {
		struct wanted_binding *d = &round->wanted[i];
		if (d->foreign)
			continue;
		ref[n].n9 = d->selector.link == CONFIG_LINK_N9;
		b->on_n6 |= d->selector.kind == BINDING_ADDRESS;
		b->on_first |= links && d->selector.kind == BINDING_TUNNEL &&
			       d->selector.link == link_class_first(links);
		ref[n].index = binding_take(st, d);
		n += ref[n].index != SESSION_NONE;
	}
	b->unsure = b->unsure || n < most;
	membership_release(st, b);
	session_release(&st->memory, b->ref);
	b->ref = ref;
	b->n = n;
}

static void membership_update(
	struct binding_round *round, struct session *s, const struct candidate *m, bool unsure)
{
	struct sessions *st = round->st;
	struct subscription *w = m->subscription;
	struct membership *b = w->membership;

	if (!b)
		b = membership_new(st, s, w);
	if (!b) {
		bind_refused(st);
		return;
	}
	w->sessions -= b->counts;
	w->n_unsure -= b->unsure;
	w->n_unseen -= b->unseen;
	if (m->ambiguous && !b->ambiguous)
		st->counts.ambiguous++;
	b->ambiguous = m->ambiguous;
	b->unsure = m->ambiguous || unsure || m->failed;
	bool had = b->n > 0, on_n6 = b->on_n6, on_first = b->on_first;
	set_refs(round, b, m);
	if (b->n > 0 && st->s.correlate)
		correlation_used(st, s);
	bool accepted = s->flags & (SESSION_ACCEPTED | SESSION_PARTIAL);
	b->counts = m->holds && accepted && (b->n > 0 || !(s->flags & SESSION_OVERTAKEN));
	b->unseen = accepted && b->n == 0 && m->unseen && !b->unsure;
	b->unsure = b->unsure || b->unseen;
	w->sessions += b->counts;
	w->n_unsure += b->unsure;
	w->n_unseen += b->unseen;
	w->bound_once = w->bound_once || b->counts;
	if (b->n > 0)
		w->lost = w->lost && had; // a new view of it
	if (b->on_n6 != on_n6 || b->on_first != on_first)
		path_mark(st, s);
	subscription_mark(st, w);
}

static bool is_candidate(const struct binding_round *b, const struct subscription *w)
{
	if (w->round != b->round || w->candidate == SESSION_NONE)
		return false;
	const struct candidate *m = &b->candidate[w->candidate];
	return m->holds || m->in_doubt;
}

// An accepted session that leaves the UPF by no user address (Ethernet, between two UPFs, or known
// only in part) is followed by its tunnels, wherever its task would look else; not where another
// session of its path is bound on N6. `r`: of its record.
static bool is_alone(struct sessions *st, const struct session *s, const struct rules *r)
{
	bool alone = true;

	if (!st->s.links || !(s->flags & (SESSION_ACCEPTED | SESSION_PARTIAL)))
		return false;
	struct selectors *shown = selectors_open(st);
	selectors_of(r, shown);
	for (uint32_t i = 0; i < shown->n; i++)
		alone = alone && shown->selector[i].kind != BINDING_ADDRESS;
	selectors_close(st, shown);
	return alone;
}

// Drops bindings of the session that its subscriptions do not want any more.
static void drop_others(struct binding_round *round, struct session *s)
{
	for (struct membership *b = SLIST_FIRST(&s->memberships), *next; b; b = next) {
		next = SLIST_NEXT(b, of_session);
		if (is_candidate(round, b->subscription))
			continue;
		subscription_mark(round->st, b->subscription);
		path_mark(round->st, s);
		membership_release(round->st, b);
		membership_unlink(round->st, s, b);
	}
}

static void bind_session(struct binding_round *b, struct session *s, struct unpacked *u)
{
	struct sessions *st = b->st;
	struct selectors *all = selectors_open(st);

	b->session = s;
	b->alone = is_alone(st, s, &u->rules);
	b->correlation = st->s.correlate ? session_correlation(st, s) : 0;
	session_stages(st, s, u, &(struct stages){.all = all, .each = want_stage, .context = b});
	bool unsure =
		s->flags & (SESSION_PARTIAL | SESSION_LOSS) || all->overflow || u->rules.overflow;
	if (b->n_candidates > 0)
		drop_foreign(b, &(struct claimant){s, &u->rules}, all);
	const bool unread = s->flags & SESSION_LOSS || all->overflow || u->rules.overflow;
	for (uint32_t i = 0; i < b->n_candidates; i++) {
		struct candidate *m = &b->candidate[i];
		m->in_doubt = unread && !m->holds;
		if (s->flags & (SESSION_ACCEPTED | SESSION_PARTIAL))
			subscription_had(m->subscription, &u->rules);
		if (m->holds || m->in_doubt)
			membership_update(b, s, m, unsure);
	}
	for (uint32_t i = 0; i < b->n_wanted; i++)
		if (b->wanted[i].select) // another's, or of a subscription that had no room
			pdr_select_drop(b->wanted[i].select);
	drop_others(b, s);
	selectors_close(st, all);
}

static void rebind(struct binding_round *b, struct session *s)
{
	struct sessions *st = b->st;

	round_begin(b, s);
	if (st->subscriptions->table.live == 0 && SLIST_EMPTY(&s->memberships))
		return;
	struct unpacked *u = unpack_open(st, s);
	if (st->subscriptions->table.live > 0)
		match_session(b, s, &u->rules);
	if (b->n_candidates > 0 || st->subscriptions->by_name > 0 || !SLIST_EMPTY(&s->memberships))
		bind_session(b, s, u);
	unpack_close(st, u);
}

static void report_state(struct sessions *st, struct subscription *w)
{
	if (w->walking) {
		w->dirty = false;
		return;
	}
	const bool blind =
		st->marks->blind || st->marks->functions_lost > 0 || subscription_blind(st, w);
	struct subscription_state now = {.sessions = w->sessions,
		.bound_once = w->bound_once,
		.unsure = w->lost || w->n_unsure > 0 || blind,
		.unseen = w->n_unseen > 0 && w->n_unseen == w->n_unsure && !w->lost && !blind,
		.ended = w->ended && w->sessions == 0};

	w->dirty = w->ended = false;
	if (w->reported_once && !now.ended && now.sessions == w->reported.sessions &&
		now.bound_once == w->reported.bound_once && now.unsure == w->reported.unsure &&
		now.unseen == w->reported.unseen)
		return;
	w->reported_once = true;
	w->reported = now;
	st->s.sink.state(st->s.sink.context, w->id, &now);
}

static void bind_marked(struct sessions *st)
{
	struct marks *m = st->marks;

	for (uint32_t i = 0; i < m->n_dirty; i++) {
		struct session *s = session_table_get(&st->sessions, m->dirty[i]);
		if (!s || !(s->flags & SESSION_DIRTY))
			continue;
		s->flags &= (uint8_t)~SESSION_DIRTY;
		if (!session_is_over(st, s)) // it has no memberships any more
			rebind(st->round, s);
	}
	m->n_dirty = 0;
}

void bind_flush(struct sessions *st)
{
	bool for_tasks = st->memory.for_tasks;
	struct marks *m = st->marks;

	st->memory.for_tasks = true;
	bind_marked(st);
	memberships_released(st);
	const bool lost = m->functions_lost > 0;
	if (m->blind != m->blind_reported || m->broken != m->broken_reported ||
		lost != m->lost_reported) {
		m->blind_reported = m->blind;
		m->lost_reported = lost;
		m->broken_reported = m->broken;
		subscriptions_mark_all(st);
	}
	for (struct subscription *w; (w = SLIST_FIRST(&m->subscriptions));) {
		SLIST_REMOVE_HEAD(&m->subscriptions, of_dirty);
		report_state(st, w);
	}
	st->memory.for_tasks = for_tasks;
}
