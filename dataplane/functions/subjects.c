// Keeps sessions, registrations and short messages by their names and by the identities of users.

#include "dataplane/functions/subjects.h"

#include <stdlib.h>
#include <string.h>

#define SUBJECTS_MAX (1u << 28)
#define ALLOCATION 16u // octets that malloc adds to each
#define BUCKET 12u     // octets of buckets for each object of a table
#define ALL_KEYS (KEYS_MAX + DIGEST_KEYS_MAX)
#define NAME_WORDS (2 + NF_SUBJECT_MAX / 8)

// Subjects with the same key are in one list, so that many of one identity (the IMEI of a whole
// series of devices) do not make the index slow. The first of the list is in the index.
struct subject_key {
	struct hash_link link;
	struct subject_key *next, **before; // `before` NULL: the first
	struct subject *of;
};

#define KIND_SUPI 0x80u // beside the kind of an identity that is kept

// One allocation: the keys; then its name; identities as kind, length, text; and the tree.
struct subject_body {
	uint32_t size; // octets of all
	uint32_t tree_length;
	uint16_t identities_length;
	uint16_t name_length;
	uint16_t n_keys;
	struct nf_seid cp, up;
	struct subject_key key[];
};

TAILQ_HEAD(of_function, subject);

struct subjects {
	struct hash_table by_name, by_identity;
	uint64_t memory, used;
	uint64_t share; // octets that each function has for itself, however many the others have
	uint64_t used_of[CONFIG_FUNCTIONS_MAX];
	uint32_t n[CONFIG_RECORDS_COUNT]; // by enum config_records
	uint32_t n_functions;
	subject_digests digests; // NULL: none
	void *digests_context;
	struct of_function messages;
	struct of_function function[];
};

struct subjects *subjects_new(const struct subjects_settings *s)
{
	struct subjects *o = calloc(1, sizeof(*o) + s->n_functions * sizeof(o->function[0]));

	if (!o)
		return NULL;
	o->memory = s->memory;
	o->n_functions = s->n_functions;
	o->share = s->memory / (2 * (s->n_functions > 0 ? s->n_functions : 1));
	for (uint32_t i = 0; i < s->n_functions; i++)
		TAILQ_INIT(&o->function[i]);
	TAILQ_INIT(&o->messages);
	if (hash_table_init(&o->by_name, SUBJECTS_MAX) ||
		hash_table_init(&o->by_identity, SUBJECTS_MAX)) {
		subjects_free(o);
		return NULL;
	}
	return o;
}

// Half of the memory is kept in equal parts, so that no function takes the last of another's.
static bool has_room(const struct subjects *s, uint16_t function, uint64_t octets)
{
	uint64_t kept = 0;

	for (uint32_t i = 0; s->used_of[function] + octets > s->share && i < s->n_functions; i++)
		if (i != function && s->used_of[i] < s->share)
			kept += s->share - s->used_of[i];
	return s->used + octets + kept <= s->memory;
}

static void take_room(struct subjects *s, uint16_t function, uint64_t octets)
{
	s->used += octets;
	s->used_of[function] += octets;
}

static void give_room(struct subjects *s, uint16_t function, uint64_t octets)
{
	s->used -= octets;
	s->used_of[function] -= octets;
}

static void free_body(struct subjects *s, uint16_t function, struct subject_body *b)
{
	give_room(s, function, b->size + ALLOCATION + b->n_keys * BUCKET);
	explicit_bzero(b, b->size);
	free(b);
}

static void free_subject(struct subjects *s, struct subject *o)
{
	free_body(s, o->function, o->body);
	give_room(s, o->function, sizeof(*o) + ALLOCATION + BUCKET);
	free(o);
}

void subjects_free(struct subjects *s)
{
	if (!s)
		return;
	while (!TAILQ_EMPTY(&s->messages))
		subjects_remove(s, TAILQ_FIRST(&s->messages));
	for (uint32_t i = 0; i < s->n_functions; i++)
		while (!TAILQ_EMPTY(&s->function[i]))
			subjects_remove(s, TAILQ_FIRST(&s->function[i]));
	hash_table_free(&s->by_name);
	hash_table_free(&s->by_identity);
	free(s);
}

// ---- bodies ----

static uint8_t *name_of(const struct subject_body *b)
{
	return (uint8_t *)(uintptr_t)&b->key[b->n_keys];
}

static uint8_t *identities_of(const struct subject_body *b)
{
	return name_of(b) + b->name_length;
}

static uint32_t identities_length(const struct identities *i)
{
	uint32_t n = 0;

	for (unsigned k = 0; k < i->n; k++)
		n += 2u + i->at[k].length;
	return n;
}

static void put_identities(uint8_t *to, const struct identities *i)
{
	for (unsigned k = 0; k < i->n; k++) {
		*to++ = i->at[k].kind | (i->at[k].supi ? KIND_SUPI : 0);
		*to++ = i->at[k].length;
		memcpy(to, i->at[k].text, i->at[k].length);
		to += i->at[k].length;
	}
}

static uint32_t keys_of(
	const struct subjects *s, const struct identities *of, uint64_t out[ALL_KEYS])
{
	uint32_t n = identity_keys(s->by_identity.seed, of, out);

	return s->digests ? n + s->digests(s->digests_context, of, out + n) : n;
}

// In no table yet. 0, LIMIT or NOMEM.
static int make_body(struct subjects *s, const struct subject_name *name,
	const struct subject_content *c, struct subject_body **out)
{
	uint64_t keys[ALL_KEYS];
	uint32_t n = keys_of(s, c->identities, keys);
	uint32_t identities = identities_length(c->identities);
	size_t size = sizeof(struct subject_body) + n * sizeof(struct subject_key) + name->length +
		      identities + c->tree_length;

	if (!has_room(s, name->function, size + ALLOCATION + n * BUCKET))
		return POI_ERR_LIMIT;
	struct subject_body *b = malloc(size);
	if (!b)
		return POI_ERR_NOMEM;
	*b = (struct subject_body){.size = (uint32_t)size,
		.tree_length = c->tree_length,
		.identities_length = (uint16_t)identities,
		.name_length = name->length,
		.n_keys = (uint16_t)n,
		.cp = c->identities->cp,
		.up = c->identities->up};
	for (uint32_t i = 0; i < n; i++)
		b->key[i] = (struct subject_key){.link.hash = keys[i]};
	memcpy(name_of(b), name->text, name->length);
	put_identities(identities_of(b), c->identities);
	if (c->tree_length)
		memcpy(identities_of(b) + identities, c->tree, c->tree_length);
	take_room(s, name->function, size + ALLOCATION + n * BUCKET);
	*out = b;
	return POI_OK;
}

static struct subject_key *first_key(const struct subjects *s, uint64_t hash)
{
	struct hash_link *l = hash_table_first(&s->by_identity, hash);

	return l ? HASH_OBJECT(l, struct subject_key, link) : NULL;
}

static void enter_key(struct subjects *s, struct subject_key *k)
{
	struct subject_key *first = first_key(s, k->link.hash);

	if (!first) {
		// There is room for as many as memory has.
		(void)!hash_table_add(&s->by_identity, &k->link, k->link.hash);
		return;
	}
	k->next = first->next;
	k->before = &first->next;
	if (k->next)
		k->next->before = &k->next;
	first->next = k;
}

static void leave_key(struct subjects *s, struct subject_key *k)
{
	if (k->before)
		*k->before = k->next;
	else if (k->next)
		hash_table_replace(&s->by_identity, &k->link, &k->next->link);
	else
		hash_table_remove(&s->by_identity, &k->link);
	if (k->next)
		k->next->before = k->before;
	k->next = NULL;
	k->before = NULL;
}

static void enter_body(struct subjects *s, struct subject *o)
{
	for (unsigned i = 0; i < o->body->n_keys; i++) {
		o->body->key[i].of = o;
		enter_key(s, &o->body->key[i]);
	}
}

static void leave_body(struct subjects *s, struct subject_body *b)
{
	for (unsigned i = 0; i < b->n_keys; i++)
		leave_key(s, &b->key[i]);
}

// ---- by name ----

static uint64_t name_hash(const struct subjects *s, const struct subject_name *n)
{
	uint64_t words[NAME_WORDS] = {0};
	size_t used = 1 + (n->length + 7u) / 8;

	words[0] = (uint64_t)n->function << 32 | (uint64_t)n->records << 16 | n->length;
	memcpy(words + 1, n->text, n->length);
	return hash_table_hash(&s->by_name, words, used + used % 2);
}

static bool has_name(const struct subject *o, const struct subject_name *n)
{
	return o->function == n->function && o->records == n->records &&
	       o->body->name_length == n->length &&
	       memcmp(name_of(o->body), n->text, n->length) == 0;
}

struct subject *subjects_find(struct subjects *s, const struct subject_name *name)
{
	struct hash_link *l = NULL;

	if (name->length > 0 && name->length <= NF_SUBJECT_MAX)
		l = hash_table_first(&s->by_name, name_hash(s, name));
	for (; l; l = hash_table_next(l)) {
		struct subject *o = HASH_OBJECT(l, struct subject, by_name);
		if (has_name(o, name))
			return o;
	}
	return NULL;
}

static unsigned counter_of(const struct subject *o)
{
	return (unsigned)__builtin_ctz(o->records) % CONFIG_RECORDS_COUNT;
}

static struct of_function *list_of(struct subjects *s, const struct subject *o)
{
	return o->records == RECORDS_SMSF ? &s->messages : &s->function[o->function];
}

static void enter(struct subjects *s, struct subject *o, const struct subject_name *name)
{
	o->named = true;
	(void)!hash_table_add(&s->by_name, &o->by_name, name_hash(s, name));
	TAILQ_INSERT_TAIL(list_of(s, o), o, of_function);
	s->n[counter_of(o)]++;
	enter_body(s, o);
}

int subjects_add(struct subjects *s, const struct subject_name *name,
	const struct subject_content *c, struct subject **out)
{
	const uint64_t own = sizeof(struct subject) + ALLOCATION + BUCKET;
	struct subject_body *body;

	if (!has_room(s, name->function, own))
		return POI_ERR_LIMIT;
	take_room(s, name->function, own);
	int r = make_body(s, name, c, &body);
	struct subject *o = r == POI_OK ? calloc(1, sizeof(*o)) : NULL;
	if (r == POI_OK && !o) {
		free_body(s, name->function, body);
		r = POI_ERR_NOMEM;
	}
	if (r != POI_OK) {
		give_room(s, name->function, own);
		return r;
	}
	o->body = body;
	o->references = 1;
	o->function = name->function;
	o->records = name->records;
	LIST_INIT(&o->contexts);
	enter(s, o, name);
	*out = o;
	return POI_OK;
}

int subjects_change(struct subjects *s, struct subject *o, const struct subject_content *c)
{
	struct subject_name name;
	struct subject_body *body;

	subject_name(o, &name);
	int r = make_body(s, &name, c, &body);
	if (r != POI_OK)
		return r;
	if (o->named)
		leave_body(s, o->body);
	free_body(s, o->function, o->body);
	o->body = body;
	if (o->named)
		enter_body(s, o);
	return POI_OK;
}

void subjects_digests(struct subjects *s, subject_digests digests, void *context)
{
	s->digests = digests;
	s->digests_context = context;
}

bool subjects_rekey(struct subjects *s)
{
	struct hash_cursor all = subjects_all(s);
	bool whole = true;

	for (struct subject *o; (o = subjects_all_next(&all)) != NULL;) {
		struct identities of = {0};
		struct subject_content c = {.identities = &of};
		subject_identities(o, &of);
		c.tree = subject_tree(o, &c.tree_length);
		whole &= subjects_change(s, o, &c) == POI_OK;
	}
	return whole;
}

void subjects_remove(struct subjects *s, struct subject *o)
{
	if (!o->named)
		return;
	o->named = false;
	hash_table_remove(&s->by_name, &o->by_name);
	TAILQ_REMOVE(list_of(s, o), o, of_function);
	s->n[counter_of(o)]--;
	leave_body(s, o->body);
	subject_drop(s, o);
}

void subjects_restore(struct subjects *s, struct subject *o)
{
	struct subject_name name;

	subject_name(o, &name);
	if (!o->named && !subjects_find(s, &name))
		enter(s, subject_hold(o), &name);
}

struct subject *subject_hold(struct subject *o)
{
	o->references++;
	return o;
}

bool subject_last(const struct subject *o)
{
	return o && o->references == 1;
}

void subject_drop(struct subjects *s, struct subject *o)
{
	if (o && --o->references == 0)
		free_subject(s, o);
}

// ---- content ----

void subject_identities(const struct subject *o, struct identities *out)
{
	const uint8_t *at = identities_of(o->body), *end = at + o->body->identities_length;
	struct identities own = {.cp = o->body->cp, .up = o->body->up};

	for (; at < end; at += 2 + at[1])
		own.at[own.n++] = (struct identity){
			at[0] & (KIND_SUPI - 1u), at[1], at[0] & KIND_SUPI, (const char *)at + 2};
	identities_join(out, &own);
}

const uint8_t *subject_tree(const struct subject *o, uint32_t *length)
{
	*length = o->body->tree_length;
	return identities_of(o->body) + o->body->identities_length;
}

void subject_name(const struct subject *o, struct subject_name *out)
{
	*out = (struct subject_name){.function = o->function,
		.records = o->records,
		.length = o->body->name_length,
		.text = (const char *)name_of(o->body)};
}

// ---- scans ----

const uint64_t *subjects_seed(const struct subjects *s)
{
	return s->by_identity.seed;
}

struct subject *subjects_next(const struct subjects *s, uint64_t key, struct subject_cursor *c)
{
	c->at = c->begun ? c->at->next : first_key(s, key);
	c->begun = true;
	return c->at ? c->at->of : NULL;
}

struct hash_cursor subjects_all(const struct subjects *s)
{
	return hash_table_all(&s->by_name);
}

struct subject *subjects_all_next(struct hash_cursor *c)
{
	struct hash_link *l = hash_cursor_next(c);

	return l ? HASH_OBJECT(l, struct subject, by_name) : NULL;
}

struct subject *subjects_first(const struct subjects *s, uint16_t function)
{
	return TAILQ_FIRST(&s->function[function]);
}

struct subject *subjects_first_message(const struct subjects *s)
{
	return TAILQ_FIRST(&s->messages);
}

struct subject *subject_after(const struct subject *o)
{
	return TAILQ_NEXT(o, of_function);
}

void subjects_counts(
	const struct subjects *s, uint32_t *sessions, uint32_t *registrations, uint64_t *octets)
{
	*sessions = s->n[CONFIG_RECORDS_SMF];
	*registrations = s->n[CONFIG_RECORDS_AMF];
	*octets = s->used;
}
