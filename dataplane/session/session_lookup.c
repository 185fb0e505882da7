// Finds sessions by index, SEID and name. A look-up ends nothing.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_node_internal.h"
#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_unpack_internal.h"

#include <string.h>

bool session_is_over(const struct sessions *st, const struct session *s)
{
	return s->restart_epoch != pair_at(st, s->pair)->restart_epoch;
}

struct session *session_at(const struct sessions *st, uint32_t index)
{
	struct session *s = session_table_get(&st->sessions, index);

	return s && session_is_over(st, s) ? NULL : s;
}

struct session *session_by_seid(const struct sessions *st, bool up, enum session_kind kind,
	const struct ip_address *address, uint64_t seid, const struct session *but)
{
	struct session *waiting = NULL; // whose establishment may never have been accepted
	uint32_t found[INDEX_RUN_MAX], except = but ? but->index : SESSION_NONE;
	uint32_t n = session_candidates(&st->index,
		key_seid(st, up ? KEY_UP : KEY_CP, protocol_of(kind), address, seid), found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *s = found[i] == except ? NULL : session_at(st, found[i]);
		if (!s || protocol_of(s->kind) != protocol_of(kind))
			continue;
		struct f_seid own[2];
		record_seids(s, &own[0], &own[1]);
		if (!seid_at(&own[up], address, seid))
			continue;
		if (s->flags & (SESSION_ACCEPTED | SESSION_PARTIAL))
			return s;
		waiting = waiting && session_is_newer(waiting, s) ? waiting : s;
	}
	return waiting;
}

// Compares nodes by their present number: one may have been joined with another since the session
// came.
static bool is_node(const struct sessions *st, uint32_t index, uint32_t node)
{
	for (const struct session_string *s;
		index != node && (s = string_get(st, index)) && s->value != SESSION_NONE;)
		index = s->value;
	return index == node;
}

static bool between(
	const struct sessions *st, const struct session *s, uint32_t node, uint32_t other)
{
	const struct pair *p = pair_at(st, s->pair);

	return (is_node(st, p->node[0], node) && is_node(st, p->node[1], other)) ||
	       (is_node(st, p->node[0], other) && is_node(st, p->node[1], node));
}

struct session *session_by_up_seid(
	const struct sessions *st, uint32_t node, uint32_t other, uint64_t seid)
{
	uint64_t key = key_seid(st, KEY_UP_SEID, protocol_of(KIND_PFCP), NULL, seid);
	uint32_t found[INDEX_RUN_MAX], only = SESSION_NONE;
	uint32_t n = session_candidates(&st->index, key, found);

	if (node == SESSION_NONE || other == SESSION_NONE || session_index_crowded(&st->index, key))
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		if (!s || s->kind != KIND_PFCP || !between(st, s, node, other))
			continue;
		struct f_seid cp, up;
		record_seids(s, &cp, &up);
		if (!up.present || up.seid != seid)
			continue;
		if (only != SESSION_NONE)
			return NULL;
		only = s->index;
	}
	return session_at(st, only);
}

static bool has_name(struct sessions *st, const struct session *s, const struct rules *r)
{
	struct unpacked *u = unpack_open(st, s);
	bool same = u->rules.name_length == r->name_length &&
		    memcmp(u->rules.name, r->name, r->name_length) == 0;

	unpack_close(st, u);
	return same;
}

struct session *session_by_name(struct sessions *st, const struct rules *r)
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(
		&st->index, key_text(st, KEY_NAME, r->name, r->name_length), found);

	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		if (s && s->kind == r->kind && has_name(st, s, r))
			return s;
	}
	return NULL;
}
