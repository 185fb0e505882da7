// Generic objects: the store, references, and state that is kept elsewhere.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "control/state/registry.h"

static struct registry *registry;

static void setup(void)
{
	static const char *const names[] = {"ne-1", "ne-2"};

	registry = registry_new(2, names);
}

static void teardown(void)
{
	registry_free(registry);
}

static struct id16 id(uint8_t n)
{
	return (struct id16){.b = {n, 1, 2}};
}

static const uint8_t salt[9] = {0x42, 0x41, 0x79, 0x2f, 0xc4, 0xd3, 0xd0, 0x97, 0};

static struct object *context(uint16_t ne, uint8_t n)
{
	struct object_details d = {.id = id(n),
		.type = OBJECT_HASH_CONTEXT,
		.algorithm = OBJECT_SHA3_512,
		.salt = salt,
		.salt_length = sizeof(salt),
		.xml = "<x1:object/>",
		.xml_length = 12};

	return object_new(ne, &d);
}

static struct object *set(uint16_t ne, uint8_t n, uint8_t first, uint8_t second)
{
	struct object_details d = {.id = id(n),
		.type = OBJECT_DESTINATION_SET,
		.set = OBJECT_SET_DUPLICATE,
		.n_members = 2,
		.member = {id(first), id(second)},
		.xml = "<x1:object>1</x1:object>",
		.xml_length = 24};

	return object_new(ne, &d);
}

static void add_destination(uint16_t ne, uint8_t n)
{
	struct channel_destination c = {.did = id(n), .delivery = DELIVERY_X3, .port = 9};

	strcpy(c.host, "mdf.example.org");
	cr_assert_eq(
		registry_destination_add(registry, registry_destination_new(ne, &c, "<d/>", 4)), 0);
}

static uint32_t references(uint16_t ne, uint8_t n)
{
	return registry_destination_find(registry, ne, &(struct id16){.b = {n, 1, 2}})->references;
}

static struct registry_task *task(uint16_t ne, uint8_t n, uint8_t did, uint8_t object)
{
	struct channel_task c = {
		.xid = id(n), .header_xid = id(n), .delivery = DELIVERY_X3, .n_destinations = 1};
	struct id16 names[] = {id(object)};

	c.did[0] = id(did);
	c.filter.kinds = FILTER_ADDRESS;
	c.filter.n_address = 1;
	c.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32, .b = {192, 0, 2, 1}};
	cr_assert_eq(filter_normalise(&c.filter), 0);
	struct registry_task *t = registry_task_new(ne, &c, "<t/>", 4);
	cr_assert_eq(registry_task_set_objects(t, names, 1), 0);
	return t;
}

Test(objects, are_found_by_network_element_and_identifier, .init = setup, .fini = teardown)
{
	struct objects *o = registry_objects(registry);
	struct object_hash_context h;
	struct id16 seven = id(7), eight = id(8);

	cr_assert_eq(registry_object_add(registry, context(0, 7)), 0);
	cr_assert_eq(registry_object_add(registry, context(1, 7)), 0);
	struct object *again = context(0, 7);
	cr_assert_eq(registry_object_add(registry, again), POI_ERR_EXISTS);
	object_free(again);
	cr_assert_null(objects_find(o, 0, &eight));
	struct object *found = objects_find(o, 0, &seven);
	cr_assert(object_hash_context(found, &h));
	cr_assert_eq(h.algorithm, OBJECT_SHA3_512);
	cr_assert_eq(h.salt_length, sizeof(salt));
	cr_assert_arr_eq(h.salt, salt, sizeof(salt));
	cr_assert_eq(objects_count(o, 0), 1);
	registry_object_remove(registry, found);
	cr_assert_null(objects_find(o, 0, &seven));
	cr_assert_not_null(objects_find(o, 1, &seven));
}

Test(objects, members_of_sets_are_in_use_whichever_comes_first, .init = setup, .fini = teardown)
{
	add_destination(0, 1);
	cr_assert_eq(registry_object_add(registry, set(0, 9, 1, 2)), 0);
	cr_assert_eq(references(0, 1), 1);
	add_destination(0, 2);
	cr_assert_eq(references(0, 2), 1);
	add_destination(0, 3);
	add_destination(1, 1);
	cr_assert_eq(references(0, 3), 0);
	cr_assert_eq(references(1, 1), 0, "another network element's");
	cr_assert_eq(registry_object_replace(registry, set(0, 9, 2, 3)), 0);
	cr_assert_eq(references(0, 1), 0);
	cr_assert_eq(references(0, 2), 1);
	cr_assert_eq(references(0, 3), 1);
	registry_object_remove(registry, objects_first(registry_objects(registry), 0));
	cr_assert_eq(references(0, 2), 0);
	cr_assert_eq(references(0, 3), 0);
}

Test(objects, tasks_use_what_they_name, .init = setup, .fini = teardown)
{
	struct id16 nine = id(9);

	add_destination(0, 1);
	struct registry_task *t = task(0, 20, 1, 9);
	cr_assert_eq(registry_task_add(registry, t), POI_ERR_NOT_FOUND, "there is no such object");
	cr_assert_eq(registry_object_add(registry, context(0, 9)), 0);
	cr_assert_eq(registry_task_add(registry, t), 0);
	cr_assert(registry_task_names(t, &nine));
	const struct object *o = objects_find(registry_objects(registry), 0, &nine);
	cr_assert_eq(o->references, 1);
	cr_assert_eq(registry_task_add(registry, task(0, 21, 1, 9)), 0);
	cr_assert_eq(o->references, 2);
	cr_assert_eq(registry_object_replace(registry, context(0, 9)), 0);
	o = objects_find(registry_objects(registry), 0, &nine);
	cr_assert_eq(o->references, 2, "they name the new one");
	registry_task_remove(registry, t);
	cr_assert_eq(o->references, 1);
}

Test(objects, a_walk_lasts_over_changes, .init = setup, .fini = teardown)
{
	struct objects *o = registry_objects(registry);
	struct objects_cursor c;

	for (uint8_t n = 1; n <= 4; n++)
		cr_assert_eq(registry_object_add(registry, context(0, n)), 0);
	objects_cursor_begin(o, 0, &c);
	struct object *first = objects_cursor_next(&c);
	cr_assert_eq(first->details.id.b[0], 1);
	struct id16 two = id(2);
	registry_object_remove(registry, objects_find(o, 0, &two));
	cr_assert_eq(registry_object_replace(registry, context(0, 3)), 0);
	cr_assert_eq(objects_cursor_next(&c)->details.id.b[0], 3);
	cr_assert_eq(objects_cursor_next(&c)->details.id.b[0], 4);
	cr_assert_null(objects_cursor_next(&c));
	objects_cursor_end(&c);
}

Test(objects, come_back_from_their_memos, .init = setup, .fini = teardown)
{
	uint8_t memo[1024];
	struct object *from[] = {context(0, 7), set(0, 9, 1, 2)};

	for (size_t i = 0; i < 2; i++) {
		struct object *back = NULL;
		int n = object_memo(from[i], memo, sizeof(memo));
		cr_assert_gt(n, 0);
		cr_assert_eq(object_from_memo(0, &from[i]->details.id, memo, (size_t)n, &back), 0);
		const struct object_details *a = &from[i]->details, *b = &back->details;
		cr_assert_eq(a->type, b->type);
		cr_assert_eq(a->algorithm, b->algorithm);
		cr_assert_eq(a->set, b->set);
		cr_assert_eq(a->salt_length, b->salt_length);
		cr_assert_eq(memcmp(a->salt, b->salt, a->salt_length), 0);
		cr_assert_eq(a->n_members, b->n_members);
		cr_assert_eq(memcmp(a->member, b->member, sizeof(a->member)), 0);
		cr_assert_eq(a->xml_length, b->xml_length);
		cr_assert_str_eq(a->xml, b->xml);
		object_free(back);
		// Nothing shorter, longer or otherwise damaged passes for one.
		for (int k = 0; k < n; k++)
			cr_assert_lt(object_from_memo(0, &a->id, memo, (size_t)k, &back), 0);
		memo[n] = 0;
		cr_assert_lt(object_from_memo(0, &a->id, memo, (size_t)n + 1, &back), 0);
		memo[1] = OBJECT_TYPE_LAST + 1;
		cr_assert_eq(object_from_memo(0, &a->id, memo, (size_t)n, &back), POI_ERR_INVALID);
		memo[0] = 99;
		cr_assert_eq(object_from_memo(0, &a->id, memo, (size_t)n, &back), POI_ERR_VERSION);
		object_free(from[i]);
	}
}
