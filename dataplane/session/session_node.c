#include "dataplane/session/session_internal.h"

#include <string.h>

// Nodes are known by their Node IDs and by the addresses that their messages come from. What turns
// out to be one node is joined; what is joined is never parted.

// The way there is made short for the next time: a peer can have any number of names.
static uint32_t root_of(struct sessions *st, uint32_t node)
{
	struct session_string *s;
	uint32_t root = node;

	while ((s = session_table_get(&st->strings.table, root)) && s->value != SESSION_NONE)
		root = s->value;
	while (node != root && (s = session_table_get(&st->strings.table, node))) {
		node = s->value;
		s->value = root;
	}
	return root;
}

uint32_t node_by_octets(
	struct sessions *st, uint8_t kind, const void *octets, size_t length, bool create)
{
	uint8_t name[257] = {kind};

	if (length > 256)
		return SESSION_NONE;
	memcpy(name + 1, octets, length);
	return create ? string_take(st, STRING_NODE, name, length + 1)
		      : string_find(st, STRING_NODE, name, length + 1);
}

uint32_t node_of(struct sessions *st, const struct ip_address *address, const struct pfcp_node *id,
	bool create)
{
	uint8_t octets[257];
	uint32_t node = node_by_octets(
		st, address->family == 6, address->b, address->family == 6 ? 16 : 4, create);

	if (node == SESSION_NONE)
		return node;
	node = root_of(st, node);
	if (!create || !id || id->kind > 2 || id->value.length == 0 || id->value.length > 256)
		return node;
	octets[0] = id->kind;
	memcpy(octets + 1, id->value.octets, id->value.length);
	uint32_t named = string_take(st, STRING_NODE, octets, id->value.length + 1u);
	if (named == SESSION_NONE)
		return node;
	named = root_of(st, named);
	if (named != node) {
		struct session_string *s = session_table_get(&st->strings.table, node);
		s->value = named;
	}
	return named;
}

// ---- pairs ----

struct pair *pair_at(const struct sessions *st, uint32_t number)
{
	return session_table_get(&st->pairs, number);
}

static uint64_t pair_key(const struct sessions *st, uint32_t a, uint32_t b)
{
	return key_number(st, KEY_PAIR, (uint64_t)a << 32 | b);
}

struct pair *pair_of(struct sessions *st, uint32_t a, uint32_t b, bool create)
{
	uint32_t low = a < b ? a : b, high = a < b ? b : a;
	uint64_t key = pair_key(st, low, high);
	struct index_cursor c = session_index_find(&st->pair_index, key);

	for (uint32_t i; (i = session_index_next(&c)) != SESSION_NONE;) {
		struct pair *p = pair_at(st, i);
		if (p->node[0] == low && p->node[1] == high)
			return p;
	}
	if (!create || a == SESSION_NONE || b == SESSION_NONE)
		return NULL;
	struct pair *p = session_alloc(&st->memory, sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct pair){.node = {low, high}, .sessions = SESSION_NONE};
	p->number = session_table_add(&st->pairs, &st->memory, p);
	if (p->number == SESSION_NONE)
		goto no_number;
	if (session_index_add(&st->pair_index, &st->memory, key, p->number) == INDEX_ADDED)
		return p;
	session_table_remove(&st->pairs, &st->memory, p->number);
no_number:
	session_release(&st->memory, p);
	return NULL;
}

static void restart_one(struct sessions *st, struct pair *p)
{
	if (p->n == 0) {
		p->epoch++;
		return;
	}
	struct reaping *r = session_alloc(&st->memory, sizeof(*r));
	if (!r) { // no room even for that: at once
		while (p->n > 0)
			session_end(st, session_table_get(&st->sessions, p->sessions), END_LOST);
		p->epoch++;
		return;
	}
	r->session = p->sessions;
	*st->reap_end = r;
	st->reap_end = &r->next;
	st->counts.sessions -= p->n;
	st->counts.partial_now -= p->n_partial;
	p->sessions = SESSION_NONE;
	p->n = p->n_partial = 0;
	p->epoch++;
}

// What was bound is let go at once; the rest is cleared away little by little.
static void end_bound(struct sessions *st)
{
	for (uint32_t i = 0; i < session_table_end(&st->subscriptions); i++) {
		struct subscription *w = session_table_get(&st->subscriptions, i);
		for (struct bond *b = w ? w->bonds : NULL, *next; b; b = next) {
			next = b->next;
			session_at(st, b->session); // ends it when its epoch is over
		}
	}
}

bool pair_restart(struct sessions *st, struct pair *pair)
{
	uint32_t a = root_of(st, pair->node[0]), b = root_of(st, pair->node[1]);
	bool any = false;

	for (uint32_t i = 0; i < session_table_end(&st->pairs); i++) {
		struct pair *p = pair_at(st, i);
		if (!p)
			continue;
		uint32_t x = root_of(st, p->node[0]), y = root_of(st, p->node[1]);
		if ((x == a && y == b) || (x == b && y == a)) {
			any |= p->n > 0;
			restart_one(st, p);
		}
	}
	if (any)
		end_bound(st);
	return any;
}

void pair_recovery(struct pair *p, uint32_t node, uint32_t recovery)
{
	for (unsigned i = 0; i < 2; i++)
		if (p->node[i] == node) {
			p->recovery[i] = recovery;
			p->has_recovery[i] = true;
		}
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

void nodes_free(struct sessions *st)
{
	for (uint32_t i = 0; i < session_table_end(&st->pairs); i++)
		session_release(&st->memory, session_table_get(&st->pairs, i));
	session_table_free(&st->pairs, &st->memory);
	session_index_free(&st->pair_index, &st->memory);
	while (st->reap) {
		struct reaping *r = st->reap;
		st->reap = r->next;
		session_release(&st->memory, r);
	}
}

// ---- FQ-CSID (TS 29.244 clause 8.2.33): a node and its sets ----

uint32_t csids_take(struct sessions *st, const struct span *ie, uint32_t *out, uint32_t most)
{
	static const uint8_t node_length[] = {4, 16, 4};
	uint8_t octets[32];
	uint32_t n = 0;

	if (ie->length < 1 || ie->octets[0] >> 4 > 2)
		return 0;
	uint32_t count = ie->octets[0] & 15, length = node_length[ie->octets[0] >> 4];
	if (ie->length < 1 + length + 2 * count)
		return 0;
	octets[0] = ie->octets[0] >> 4;
	memcpy(octets + 1, ie->octets + 1, length);
	for (uint32_t i = 0; i < count && n < most; i++) {
		memcpy(octets + 1 + length, ie->octets + 1 + length + (size_t)2 * i, 2);
		uint32_t id = string_take(st, STRING_CSID, octets, length + 3);
		if (id != SESSION_NONE)
			out[n++] = id;
	}
	return n;
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
		record_unpack(s, st->rules[1]);
		for (unsigned j = 0; j < st->rules[1]->n_csids; j++)
			if (st->rules[1]->csid[j] == id) {
				session_end(st, s, END_LOST);
				break;
			}
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
