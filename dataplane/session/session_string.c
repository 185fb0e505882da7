// Keeps strings that sessions share, each once.

#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_string_internal.h"

#include <ctype.h>
#include <string.h>

#define NI_MEMBERS_MAX 1024u // network instances whose sessions are indexed
#define MEMBER_CHUNK (1u << MEMBERS_SHIFT)
#define NODES_MAX 65536u

static bool kept_for_ever(enum string_kind kind)
{
	return kind == STRING_NODE;
}

static uint64_t key(const struct sessions *st, enum string_kind kind, const void *o, size_t n)
{
	return session_hash(st->s.seed, (uint8_t)(KEY_STRING + 16 * kind), o, n);
}

const struct session_string *string_get(const struct sessions *st, uint32_t id)
{
	return session_table_get(&st->strings->table, id);
}

uint32_t string_find(
	const struct sessions *st, enum string_kind kind, const void *octets, size_t length)
{
	struct index_cursor c =
		session_index_find(&st->strings->index, key(st, kind, octets, length));

	for (uint32_t id; (id = session_index_next(&c)) != SESSION_NONE;) {
		const struct session_string *s = string_get(st, id);
		if (s->kind == kind && s->length == length &&
			memcmp(s->octets, octets, length) == 0)
			return id;
	}
	return SESSION_NONE;
}

uint32_t string_take(struct sessions *st, enum string_kind kind, const void *octets, size_t length)
{
	uint32_t id = string_find(st, kind, octets, length);

	if (id != SESSION_NONE) {
		string_reference(st, id);
		return id;
	}
	if (length > UINT16_MAX || (kept_for_ever(kind) && st->strings->of_kind[kind] >= NODES_MAX))
		return SESSION_NONE;
	struct session_string *s = session_alloc(&st->memory, sizeof(*s) + length);
	if (!s)
		return SESSION_NONE;
	*s = (struct session_string){.refs = 1,
		.value = SESSION_NONE,
		.length = (uint16_t)length,
		.kind = (uint8_t)kind};
	memcpy(s->octets, octets, length);
	s->id = session_table_add(&st->strings->table, &st->memory, s);
	if (s->id == SESSION_NONE)
		goto no_number;
	if (session_index_add(&st->strings->index, &st->memory, key(st, kind, octets, length),
		    s->id) != INDEX_ADDED)
		goto no_entry;
	st->strings->of_kind[kind]++;
	return s->id;
no_entry:
	session_table_remove(&st->strings->table, &st->memory, s->id);
no_number:
	session_release(&st->memory, s);
	return SESSION_NONE;
}

void string_reference(struct sessions *st, uint32_t id)
{
	struct session_string *s = session_table_get(&st->strings->table, id);

	if (s && !kept_for_ever(s->kind))
		s->refs++;
}

static void free_members(struct sessions *st, struct session_string *s)
{
	for (uint32_t i = 0; i < s->n_chunks; i++)
		session_release(&st->memory, s->members[i]);
	session_release(&st->memory, s->members);
}

void string_drop(struct sessions *st, uint32_t id)
{
	struct session_string *s = session_table_get(&st->strings->table, id);

	if (!s || kept_for_ever(s->kind) || --s->refs > 0)
		return;
	session_index_remove(
		&st->strings->index, &st->memory, key(st, s->kind, s->octets, s->length), id);
	st->strings->of_kind[s->kind]--;
	session_table_remove(&st->strings->table, &st->memory, id);
	free_members(st, s);
	session_release(&st->memory, s);
}

static uint64_t *member_chunk(struct sessions *st, struct session_string *s, uint32_t chunk)
{
	if (!s->members || chunk >= s->n_chunks) {
		uint32_t n = chunk + 1 + chunk / 2;
		uint64_t **members = session_alloc(&st->memory, n * sizeof(*members));
		if (!members)
			return NULL;
		for (uint32_t i = 0; s->members && i < s->n_chunks; i++)
			members[i] = s->members[i];
		session_release(&st->memory, s->members);
		s->members = members;
		s->n_chunks = n;
	}
	if (!s->members[chunk])
		s->members[chunk] = session_alloc(&st->memory, MEMBER_CHUNK / 8);
	return s->members[chunk];
}

// A name without room for its members is not lost: looking up by it then walks all sessions.
void string_member(struct sessions *st, uint32_t id, uint32_t session, bool is)
{
	struct session_string *s = session_table_get(&st->strings->table, id);

	if (!s || s->value == 0 || (s->kind != STRING_NI && s->kind != STRING_CSID))
		return;
	if (is && !s->members && st->strings->of_kind[s->kind] > NI_MEMBERS_MAX) {
		s->value = 0;
		return;
	}
	uint32_t chunk = session >> MEMBERS_SHIFT, bit = session & (MEMBER_CHUNK - 1);
	if (!is && (chunk >= s->n_chunks || !s->members[chunk]))
		return;
	uint64_t *words = member_chunk(st, s, chunk);
	if (!words)
		s->value = 0; // from now on not looked up by members
	else if (is)
		words[bit / 64] |= 1ull << bit % 64;
	else
		words[bit / 64] &= ~(1ull << bit % 64);
}

// The name: labels read where they fit exactly, case folded, operator part off. Two network
// instances are equal (session_ni_equal) when their names are.
static size_t ni_name(const uint8_t *octets, size_t length, uint8_t *out)
{
	size_t at = 0, n = 0;
	bool labels = length > 0;

	while (labels && at < length) {
		size_t label = octets[at++];
		if (label == 0) {
			labels = at == length && n > 0;
			break;
		}
		if (label > 63 || label > length - at) {
			labels = false;
			break;
		}
		if (n > 0)
			out[n++] = '.';
		memcpy(out + n, octets + at, label);
		n += label;
		at += label;
	}
	if (!labels) {
		memcpy(out, octets, length);
		n = length;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)tolower(out[i]);
	static const char form[] = ".mnc###.mcc###.gprs";
	size_t tail = sizeof(form) - 1;
	if (n <= tail)
		return n;
	for (size_t i = 0; i < tail; i++) {
		uint8_t c = out[n - tail + i];
		if (form[i] == '#' ? !isdigit(c) : c != (uint8_t)form[i])
			return n;
	}
	return n - tail;
}

uint32_t string_ni(struct sessions *st, const uint8_t *octets, size_t length)
{
	uint8_t name[SESSION_NI_MAX * 4];

	if (length == 0 || length > sizeof(name))
		return SESSION_NONE;
	return string_take(st, STRING_NI, name, ni_name(octets, length, name));
}

struct session_strings *strings_new(struct sessions *st)
{
	return session_alloc(&st->memory, sizeof(struct session_strings));
}

void strings_free(struct sessions *st)
{
	struct session_strings *all = st->strings;

	if (!all)
		return;
	for (uint32_t i = 0; i < session_table_end(&all->table); i++) {
		struct session_string *s = session_table_get(&all->table, i);
		if (!s)
			continue;
		free_members(st, s);
		session_release(&st->memory, s);
	}
	session_table_free(&all->table, &st->memory);
	session_index_free(&all->index, &st->memory);
	session_release(&st->memory, all);
}
