// Keeps the nodes of the network, and the pairs of them that have sessions.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_string_internal.h"

#include <string.h>

// Nodes are known by their Node IDs and by the addresses that their messages come from. What turns
// out to be one node is joined; what is joined is never parted.

// The way there is made short for the next time: a peer can have any number of names.
uint32_t node_root(struct sessions *st, uint32_t node)
{
	struct session_string *s;
	uint32_t root = node;

	while ((s = session_table_get(&st->strings->table, root)) && s->value != SESSION_NONE)
		root = s->value;
	while (node != root && (s = session_table_get(&st->strings->table, node))) {
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
	node = node_root(st, node);
	if (!create || !id || id->kind > 2 || id->value.length == 0 || id->value.length > 256)
		return node;
	octets[0] = id->kind;
	memcpy(octets + 1, id->value.octets, id->value.length);
	uint32_t named = string_take(st, STRING_NODE, octets, id->value.length + 1u);
	if (named == SESSION_NONE)
		return node;
	named = node_root(st, named);
	if (named != node) {
		struct session_string *s = session_table_get(&st->strings->table, node);
		s->value = named;
	}
	return named;
}

// ---- pairs ----

struct pair *pair_at(const struct sessions *st, uint32_t index)
{
	return session_table_get(&st->nodes->pairs, index);
}

static uint64_t pair_key(const struct sessions *st, uint32_t a, uint32_t b)
{
	return key_number(st, KEY_PAIR, (uint64_t)a << 32 | b);
}

struct pair *pair_of(struct sessions *st, uint32_t a, uint32_t b, bool create)
{
	uint32_t low = a < b ? a : b, high = a < b ? b : a;
	uint64_t key = pair_key(st, low, high);
	struct index_cursor c = session_index_find(&st->nodes->index, key);

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
	p->index = session_table_add(&st->nodes->pairs, &st->memory, p);
	if (p->index == SESSION_NONE)
		goto no_number;
	if (session_index_add(&st->nodes->index, &st->memory, key, p->index) == INDEX_ADDED)
		return p;
	session_table_remove(&st->nodes->pairs, &st->memory, p->index);
no_number:
	session_release(&st->memory, p);
	return NULL;
}

void pair_recovery(struct pair *p, uint32_t node, uint32_t recovery)
{
	for (unsigned i = 0; i < 2; i++)
		if (p->node[i] == node) {
			p->recovery[i] = recovery;
			p->has_recovery[i] = true;
		}
}

struct nodes *nodes_new(struct sessions *st)
{
	return session_alloc(&st->memory, sizeof(struct nodes));
}

void nodes_free(struct sessions *st)
{
	if (!st->nodes)
		return;
	for (uint32_t i = 0; i < session_table_end(&st->nodes->pairs); i++)
		session_release(&st->memory, session_table_get(&st->nodes->pairs, i));
	session_table_free(&st->nodes->pairs, &st->memory);
	session_index_free(&st->nodes->index, &st->memory);
	session_release(&st->memory, st->nodes);
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

struct pair *pfcp_pair(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_node *sender, bool create)
{
	uint32_t from = node_of(st, &p->source.address, sender, create);
	uint32_t to = node_of(st, &p->destination.address, NULL, create);

	return pair_of(st, from, to, create);
}
