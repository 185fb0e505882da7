// Finds the tasks of a record's identities, and the sessions and registrations of a task.

#include "dataplane/functions/subject_tasks.h"

#include <stdlib.h>
#include <string.h>

#define TARGETS_MAX (1u << 28)

// The maker of digests: targets of one form, algorithm and salt share it.
struct hash_context {
	struct session_hashed of; // without its digest
	struct identity_hash *hash;
	uint32_t targets;
	uint32_t number;
	bool keyed; // all subjects are found by its digests
};

struct subject_tasks {
	const uint64_t *seed;
	struct hash_table by_key; // targets
	LIST_HEAD(, function_task) all;
	struct hash_context *hashed[IDENTITY_CONTEXTS_MAX];
	uint32_t n_hashed, numbers;
	uint64_t searches;
};

struct subject_tasks *subject_tasks_new(const uint64_t *seed)
{
	struct subject_tasks *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->seed = seed;
	LIST_INIT(&s->all);
	if (hash_table_init(&s->by_key, TARGETS_MAX)) {
		free(s);
		return NULL;
	}
	return s;
}

void subject_tasks_free(struct subject_tasks *s)
{
	if (!s)
		return;
	while (!LIST_EMPTY(&s->all))
		subject_tasks_remove(s, LIST_FIRST(&s->all));
	hash_table_free(&s->by_key);
	free(s);
}

// ---- hash contexts ----

static bool same_context(const struct session_hashed *a, const struct session_hashed *b)
{
	return a->identity == b->identity && a->algorithm == b->algorithm &&
	       a->salt_length == b->salt_length && memcmp(a->salt, b->salt, a->salt_length) == 0;
}

static struct hash_context *context_take(struct subject_tasks *s, const struct session_hashed *h)
{
	for (uint32_t i = 0; i < s->n_hashed; i++)
		if (same_context(&s->hashed[i]->of, h)) {
			s->hashed[i]->targets++;
			return s->hashed[i];
		}
	struct hash_context *c = s->n_hashed < IDENTITY_CONTEXTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->hash = identity_hash_new(h->algorithm, h->salt, h->salt_length);
	if (!c->hash) {
		free(c);
		return NULL;
	}
	c->of = *h;
	c->targets = 1;
	c->number = ++s->numbers;
	s->hashed[s->n_hashed++] = c;
	return c;
}

static void context_drop(struct subject_tasks *s, struct hash_context *c)
{
	uint32_t at = 0;

	if (!c || --c->targets > 0)
		return;
	while (s->hashed[at] != c)
		at++;
	s->hashed[at] = s->hashed[--s->n_hashed];
	identity_hash_free(c->hash);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

// ---- tasks ----

static uint64_t key_of(const struct subject_tasks *s, const struct task_target *g)
{
	uint64_t key = 0;

	if (!target_key(s->seed, &g->t, &key) && g->hashed)
		key = key_of_digest(s->seed, g->hashed->number, g->t.hashed.digest);
	return key;
}

static int add_target(
	struct subject_tasks *s, struct function_task *task, const struct session_target *t)
{
	struct task_target *g = &task->target[task->n];

	g->task = task;
	g->t = *t;
	if (t->kinds & SESSION_HASHED) {
		g->hashed = context_take(s, &t->hashed);
		if (!g->hashed)
			return POI_ERR_NOMEM;
	}
	task->n++;
	if (hash_table_add(&s->by_key, &g->link, key_of(s, g)))
		return POI_ERR_NOMEM;
	g->indexed = true;
	return POI_OK;
}

int subject_tasks_add(struct subject_tasks *s, const struct session_target *targets, uint32_t n,
	struct function_task **out)
{
	struct function_task *t = calloc(1, sizeof(*t) + n * sizeof(t->target[0]));
	int r = t ? POI_OK : POI_ERR_NOMEM;

	if (!t)
		return r;
	LIST_INIT(&t->contexts);
	LIST_INSERT_HEAD(&s->all, t, all);
	for (uint32_t i = 0; i < n && r == POI_OK; i++)
		if (target_recordable(&targets[i]))
			r = add_target(s, t, &targets[i]);
	if (r != POI_OK)
		subject_tasks_remove(s, t);
	else
		*out = t;
	return r;
}

void subject_tasks_remove(struct subject_tasks *s, struct function_task *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->target[i].indexed)
			hash_table_remove(&s->by_key, &t->target[i].link);
		context_drop(s, t->target[i].hashed);
	}
	LIST_REMOVE(t, all);
	explicit_bzero(t->target, t->n * sizeof(t->target[0]));
	free(t);
}

struct function_task *subject_tasks_first(const struct subject_tasks *s)
{
	return LIST_FIRST(&s->all);
}

// ---- searches ----

static bool shown(const struct task_target *g, const struct identities *of)
{
	return target_shown(&g->t, of, g->hashed ? g->hashed->hash : NULL);
}

bool task_wants(const struct function_task *t, const struct identities *of)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (shown(&t->target[i], of))
			return true;
	return false;
}

struct search {
	const struct identities *of;
	struct function_task *first;
	uint64_t number;
};

static void search_key(const struct subject_tasks *s, struct search *x, uint64_t key)
{
	struct hash_link *l = hash_table_first(&s->by_key, key);

	for (; l; l = hash_table_next(l)) {
		struct task_target *g = HASH_OBJECT(l, struct task_target, link);
		if (g->task->met == x->number || !shown(g, x->of))
			continue;
		g->task->met = x->number;
		g->task->next_found = x->first;
		x->first = g->task;
	}
}

static unsigned digests_of(const struct subject_tasks *s, const struct hash_context *c,
	const struct identities *of, uint64_t *out)
{
	struct hashed_text text[HASHED_FORMS];
	uint8_t digest[IDENTITY_DIGEST_MAX];
	unsigned made = 0;

	for (unsigned i = 0; i < of->n; i++) {
		unsigned n = hashed_texts(c->of.identity, &of->at[i], text);
		for (unsigned k = 0; k < n; k++)
			if (identity_hash_of(c->hash, text[k].text, text[k].length, digest) == 0)
				out[made++] = key_of_digest(s->seed, c->number, digest);
	}
	return made;
}

unsigned subject_tasks_digests(
	void *tasks, const struct identities *of, uint64_t out[DIGEST_KEYS_MAX])
{
	const struct subject_tasks *s = tasks;
	unsigned n = 0;

	for (uint32_t i = 0; i < s->n_hashed; i++)
		n += digests_of(s, s->hashed[i], of, out + n);
	return n;
}

struct function_task *subject_tasks_of(struct subject_tasks *s, const struct identities *of)
{
	struct search x = {.of = of, .number = ++s->searches};
	uint64_t keys[KEYS_MAX + DIGEST_KEYS_MAX];

	if (s->by_key.n == 0)
		return NULL;
	unsigned n = identity_keys(s->seed, of, keys);
	n += subject_tasks_digests(s, of, keys + n);
	for (unsigned i = 0; i < n; i++)
		search_key(s, &x, keys[i]);
	return x.first;
}

static void visit_one(struct function_task *t, struct subject *o, const struct task_visit *v)
{
	struct identities of = {0};

	subject_identities(o, &of);
	if (task_wants(t, &of))
		v->each(v->context, t, o);
}

// The first task of a hash context gives all subjects its digests. False: without memory for that a
// task by digest looks at all of them.
static bool make_keys(
	struct subject_tasks *s, struct subjects *subjects, const struct function_task *t)
{
	bool all = true;
	uint64_t key;

	for (uint32_t i = 0; i < t->n; i++)
		all &= !t->target[i].hashed || t->target[i].hashed->keyed ||
		       target_key(s->seed, &t->target[i].t, &key);
	if (all || !subjects_rekey(subjects))
		return all;
	for (uint32_t i = 0; i < s->n_hashed; i++)
		s->hashed[i]->keyed = true;
	return true;
}

void subject_tasks_visit(struct subject_tasks *s, struct subjects *subjects,
	struct function_task *t, const struct task_visit *v)
{
	const uint64_t number = ++s->searches;
	struct subject *o;

	if (!make_keys(s, subjects, t)) {
		struct hash_cursor all = subjects_all(subjects);
		while ((o = subjects_all_next(&all)) != NULL)
			visit_one(t, o, v);
		return;
	}
	for (uint32_t i = 0; i < t->n; i++) {
		struct subject_cursor c = {0};
		while ((o = subjects_next(subjects, key_of(s, &t->target[i]), &c)) != NULL) {
			if (o->number != number)
				visit_one(t, o, v);
			o->number = number;
		}
	}
}
