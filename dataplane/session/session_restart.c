// Forgets what was known of nodes that restarted, and of sets of sessions that were deleted.

#include "dataplane/session/session_binding_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

static void restart_one(struct sessions *st, struct pair *p)
{
	if (p->n == 0) {
		p->restart_epoch++;
		return;
	}
	struct reaping *r = session_alloc(&st->memory, sizeof(*r));
	if (!r) { // no room even for that: at once
		while (p->n > 0)
			session_end(st, session_table_get(&st->sessions, p->sessions), END_LOST);
		p->restart_epoch++;
		return;
	}
	r->session = p->sessions;
	STAILQ_INSERT_TAIL(&st->departures->reap, r, link);
	st->counts.sessions -= p->n;
	st->counts.partial_now -= p->n_partial;
	p->sessions = SESSION_NONE;
	p->n = p->n_partial = 0;
	p->restart_epoch++;
}

// Ends bound sessions at once; the reaper removes the rest little by little.
static void end_bound(struct sessions *st)
{
	for (uint32_t i = 0; i < session_table_end(&st->subscriptions->table); i++) {
		struct subscription *w = session_table_get(&st->subscriptions->table, i);
		for (struct membership *b = w ? LIST_FIRST(&w->memberships) : NULL, *next; b;
			b = next) {
			struct session *s = session_table_get(&st->sessions, b->session);
			next = LIST_NEXT(b, of_subscription);
			if (session_is_over(st, s))
				session_end(st, s, END_LOST);
		}
	}
}

bool pair_restart(struct sessions *st, struct pair *pair)
{
	uint32_t a = node_root(st, pair->node[0]), b = node_root(st, pair->node[1]);
	bool any = false;

	for (uint32_t i = 0; i < session_table_end(&st->nodes->pairs); i++) {
		struct pair *p = pair_at(st, i);
		if (!p)
			continue;
		uint32_t x = node_root(st, p->node[0]), y = node_root(st, p->node[1]);
		if ((x == a && y == b) || (x == b && y == a)) {
			any |= p->n > 0;
			restart_one(st, p);
		}
	}
	if (any)
		end_bound(st);
	return any;
}

void pair_heartbeat(struct sessions *st, uint32_t sender, uint32_t other, uint32_t recovery)
{
	if (sender == SESSION_NONE || other == SESSION_NONE)
		return;
	struct pair *pair = pair_of(st, sender, other, false);
	if (!pair)
		return;
	unsigned side = pair->node[0] == sender ? 0 : 1;
	// any other stamp is a restart: they wrap
	bool restarted = pair->has_recovery[side] && pair->recovery[side] != recovery;
	pair_recovery(pair, sender, recovery);
	if (!restarted)
		return;
	st->counts.restarts++;
	(void)pair_restart(st, pair);
}

static bool is_member(struct sessions *st, const struct session *s, uint32_t csid)
{
	struct unpacked *u = unpack_open(st, s);
	bool found = false;

	for (unsigned i = 0; i < u->rules.n_csids; i++)
		found |= u->rules.csid[i] == csid;
	unpack_close(st, u);
	return found;
}

static void end_members(struct sessions *st, const struct session_string *set)
{
	uint32_t id = set->id;
	bool by_members = set->value != 0;

	for (uint32_t i = 0; i < session_table_end(&st->sessions); i++) {
		uint32_t chunk = i >> MEMBERS_SHIFT, bit = i & ((1u << MEMBERS_SHIFT) - 1);
		if (by_members && (chunk >= set->n_chunks || !set->members[chunk])) {
			i |= (1u << MEMBERS_SHIFT) - 1;
			continue;
		}
		if (by_members && !(set->members[chunk][bit / 64] >> bit % 64 & 1))
			continue;
		struct session *s = session_at(st, i);
		if (!s)
			continue;
		if (is_member(st, s, id))
			session_end(st, s, END_LOST);
	}
}

void nodes_set_deletion(struct sessions *st, const struct span *of, unsigned n_csids)
{
	struct span csids[PFCP_CSIDS_MAX]; // sessions that end use the message's place
	uint32_t id[16];

	if (n_csids > PFCP_CSIDS_MAX)
		n_csids = PFCP_CSIDS_MAX;
	memcpy(csids, of, n_csids * sizeof(*csids));
	for (unsigned i = 0; i < n_csids; i++) {
		uint32_t n = csids_take(st, &csids[i], id, 16);
		for (uint32_t j = 0; j < n; j++) {
			end_members(st, string_get(st, id[j]));
			string_drop(st, id[j]);
		}
	}
}
