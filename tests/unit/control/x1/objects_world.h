#pragma once

// Requests about generic objects on top of dispatch_world.h, and what the dataplane was given for them.

#include "tests/unit/control/x1/dispatch_world.h"

#include "control/state/task_store.h"

static const char *version = "v1.13.1";
static struct x1_object_details objects[8];
static struct id16 members[8][20];
static const uint8_t salt[8] = {0x42, 0x41, 0x79, 0x2f, 0xc4, 0xd3, 0xd0, 0x97};

static inline struct x1_object_details *context(uint8_t n)
{
	struct x1_object_details *o = &objects[n % 8];

	*o = (struct x1_object_details){.id = id(n),
		.type = X1_OBJECT_HASH_CONTEXT,
		.type_name = "Q{http://uri.etsi.org/03221/X1/2017/10/HashedID}HashContext",
		.algorithm = "sha-256",
		.salt = salt,
		.salt_length = sizeof(salt),
		.xml = "<h/>",
		.xml_length = 4};
	return o;
}

// `list`: identifiers of its members, the most preferred first, ended by 0.
static inline struct x1_object_details *set(uint8_t n, bool duplicate, const char *list)
{
	struct x1_object_details *o = &objects[n % 8];

	*o = (struct x1_object_details){.id = id(n),
		.type = X1_OBJECT_DESTINATION_SET,
		.type_name = "Q{http://uri.etsi.org/03221/X1/2017/10/DestinationSet}"
			     "DestinationSetDetails",
		.duplicate = duplicate,
		.members = members[n % 8],
		.xml = "<s/>",
		.xml_length = 4};
	for (; *list; list++)
		members[n % 8][o->n_members++] = id((uint8_t)*list);
	return o;
}

static inline struct http_exchange *request_object(
	enum x1_request_type type, const struct x1_object_details *o)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	c->messages[0].version = version;
	c->messages[0].object = o;
	return submit(c);
}

static inline struct http_exchange *request_later(enum x1_request_type type, uint8_t n)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	c->messages[0].version = version;
	c->messages[0].id = id(n);
	c->messages[0].has_id = n != 0;
	return submit(c);
}

// A task that names a set, and the destination `did` where it is not 0.
static inline struct http_exchange *request_set_task(
	enum x1_request_type type, uint8_t xid, uint8_t dsid, uint8_t did)
{
	static struct id16 dsids[8], dids[8];
	struct x1_container *c = container(1);
	struct x1_task_details *t = (struct x1_task_details *)task(xid);

	dsids[xid % 8] = id(dsid);
	dids[xid % 8] = id(did);
	t->n_dids = did != 0;
	t->dids = &dids[xid % 8];
	t->n_dsids = 1;
	t->dsids = &dsids[xid % 8];
	c->messages[0].type = type;
	c->messages[0].version = version;
	c->messages[0].task = t;
	return submit(c);
}

#define DONE(x, name) expect(x, "begin\n" name " a0 completed\nend\n")

static inline void destinations(void)
{
	for (uint8_t n = 1; n <= 4; n++)
		DONE(request_destination(X1_CREATE_DESTINATION, n), "CreateDestination");
}

static inline struct channel_task put_task(uint8_t n)
{
	struct id16 xid = id(n);
	const struct fake_object *o = fake_find(w.dataplane.task, &xid);
	static struct channel_task t;

	cr_assert_not_null(o);
	cr_assert_eq(channel_decode_task(o->body, o->length, &t), 0);
	return t;
}

static inline struct channel_destination put_set(uint8_t n)
{
	struct id16 did = id(n);
	const struct fake_object *o = fake_find(w.dataplane.destination, &did);
	static struct channel_destination d;

	cr_assert_not_null(o);
	cr_assert_eq(channel_decode_destination(o->body, o->length, &d), 0);
	return d;
}

static inline void goes_to(uint8_t task, const char *list)
{
	struct channel_task t = put_task(task);

	cr_assert_eq(t.n_destinations, strlen(list));
	for (uint8_t i = 0; i < t.n_destinations; i++)
		cr_assert_eq(t.did[i].b[15], (uint8_t)list[i], "%u", i);
}

static inline void has_ends(uint8_t n, const char *list)
{
	struct channel_destination d = put_set(n);

	cr_assert_eq(d.n_ends, strlen(list));
	for (uint8_t i = 0; i < d.n_ends; i++)
		cr_assert_eq(d.end[i].did.b[15], (uint8_t)list[i], "%u", i);
}

static inline bool told(uint8_t n, enum issue_type type, const char *part)
{
	struct issue i;
	bool found = false;

	while (issues_take(w.c.issues, &i)) {
		struct id16 about = id(n);
		found |= i.scope == ISSUE_DESTINATION && i.type == type &&
			 id_equal(&i.id, &about) && strstr(i.text, part);
	}
	return found;
}

static inline void new_dataplane(void)
{
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
}
