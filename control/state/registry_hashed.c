// The hash contexts that tasks use: an algorithm, a salt and a kind of identity. An object counts
// them by the kind; two objects of one algorithm and salt are one context.
#include "control/state/registry_internal.h"

struct contexts {
	struct session_hashed of[IDENTITY_CONTEXTS_MAX * 4]; // without a digest
	uint32_t n;
};

static void add(struct contexts *c, const struct session_hashed *h)
{
	const uint32_t most = sizeof(c->of) / sizeof(c->of[0]);
	struct session_hashed of = *h;

	memset(of.digest, 0, sizeof(of.digest));
	for (uint32_t i = 0; i < c->n; i++) {
		const struct session_hashed *known = &c->of[i];
		if (known->identity == of.identity && known->algorithm == of.algorithm &&
			known->salt_length == of.salt_length &&
			!memcmp(known->salt, of.salt, of.salt_length))
			return;
	}
	if (c->n < most)
		c->of[c->n++] = of;
}

static uint8_t hash_of(const struct object *o)
{
	_Static_assert((int)OBJECT_SHA_256 == (int)IDENTITY_SHA_256 &&
			       (int)OBJECT_SHA_512 == (int)IDENTITY_SHA_512 &&
			       (int)OBJECT_SHA3_512 == (int)IDENTITY_SHA3_512,
		"one numbering");
	return o->details.algorithm;
}

static bool is_of(const struct object *o, const struct session_hashed *h)
{
	const struct object_details *d = &o->details;

	return d->type == OBJECT_HASH_CONTEXT && hash_of(o) == h->algorithm &&
	       d->salt_length == h->salt_length && !memcmp(d->salt, h->salt, h->salt_length);
}

// Counts a task's digest at the object that it names for it.
static void count(const struct registry *r, const struct registry_task *t,
	const struct session_hashed *h, int delta)
{
	for (uint8_t i = 0; i < t->n_objects; i++) {
		struct object *o = objects_find(r->objects, t->ne, &t->objects[i]);
		if (!o || !is_of(o, h) || h->identity > HASHED_NAI)
			continue;
		uint32_t *n = &o->hashed[h->identity];
		if (delta > 0 || *n)
			*n += (uint32_t)delta;
		return;
	}
}

struct digests { // a walk over those that a task names
	const struct channel_task *task;
	struct wire_reader alternatives;
	struct alternative at;
	bool begun;
};

static struct digests digests_of(const struct channel_task *c)
{
	return (struct digests){
		.task = c, .alternatives = wire_reader_of(c->alternatives, c->alternatives_length)};
}

static const struct session_hashed *next_digest(struct digests *d)
{
	bool first = !d->begun;

	d->begun = true;
	if (first && d->task->session.kinds & SESSION_HASHED)
		return &d->task->session.hashed;
	while (!d->alternatives.error && wire_left(&d->alternatives) > 0) {
		alternative_decode(&d->alternatives, &d->at);
		if (!d->alternatives.error && d->at.session.kinds & SESSION_HASHED)
			return &d->at.session.hashed;
	}
	return NULL;
}

void registry_hashed_refer(const struct registry *r, const struct registry_task *t,
	const struct channel_task *c, int delta)
{
	const struct session_hashed *h;
	struct digests d = digests_of(c);

	while ((h = next_digest(&d)) != NULL)
		count(r, t, h, delta);
}

static void add_object(struct contexts *c, const struct object *o)
{
	struct session_hashed h = {
		.algorithm = hash_of(o), .salt_length = (uint8_t)o->details.salt_length};

	if (o->details.salt_length > sizeof(h.salt)) // no task can use it
		return;
	memcpy(h.salt, o->details.salt, h.salt_length);
	for (unsigned identity = HASHED_IMSI; identity <= HASHED_NAI; identity++) {
		h.identity = (uint8_t)identity;
		if (o->hashed[identity])
			add(c, &h);
	}
}

uint32_t registry_hash_contexts(const struct registry *r, const struct channel_task *with)
{
	struct contexts all = {.n = 0};
	struct digests d = digests_of(with);
	const struct session_hashed *h = next_digest(&d);

	if (!h)
		return 0;
	for (; h; h = next_digest(&d))
		add(&all, h);
	for (uint16_t ne = 0; ne < r->n_nes; ne++) {
		const struct object *o = objects_first(r->objects, ne);
		for (; o; o = objects_next(o)) {
			if (o->details.type == OBJECT_HASH_CONTEXT && o->references)
				add_object(&all, o);
		}
	}
	return all.n;
}
