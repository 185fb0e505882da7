#include "control/x1/x1_earlier.h"

#include <stdio.h>
#include <string.h>

#include "shared/ids.h"

#define PREFIX "<x1:" // the serialiser's; text and attributes hold no `<`

enum instead {
	NOTHING,   // the element is omitted
	MEMBERS,   // one dId for each destination of the sets
	EXTENSION, // a targetIdentifierExtension without content that names it: an empty list is
		   // not valid
};

static const struct later {
	const char *name;
	unsigned minor; // the first minor that has the element
	enum instead instead;
} later[] = {
	{"listOfServiceTypes", X1_OBJECTS_MINOR, NOTHING},
	{"dSId", X1_OBJECTS_MINOR, MEMBERS},
	{"hashedIdentifier", X1_OBJECTS_MINOR, EXTENSION},
	{"tcpPortList", X1_MINOR_PORT_LISTS, EXTENSION},
	{"udpPortList", X1_MINOR_PORT_LISTS, EXTENSION},
};

struct element { // an element in the text of the task
	const struct later *later;
	const char *begin, *end;
};

static const struct later *row_of(const char *name, const char *end, unsigned minor)
{
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		size_t n = strlen(later[i].name);
		if (minor < later[i].minor && (size_t)(end - name) > n &&
			memcmp(name, later[i].name, n) == 0 && strchr(" />", name[n]))
			return &later[i];
	}
	return NULL;
}

// Finds the next element in [at, end) that is newer than `minor`. No such element contains another
// of its name.
static bool next_later(const char *at, const char *end, unsigned minor, struct element *out)
{
	char closing[64];

	while ((at = memmem(at, (size_t)(end - at), PREFIX, strlen(PREFIX)))) {
		const char *name = at + strlen(PREFIX);
		const char *over = memchr(name, '>', (size_t)(end - name));
		*out = (struct element){.later = row_of(name, end, minor), .begin = at};
		at = name;
		if (!out->later || !over)
			continue;
		int n = snprintf(closing, sizeof(closing), "</x1:%s>", out->later->name);
		const char *close =
			over[-1] == '/' ? NULL
					: memmem(over, (size_t)(end - over), closing, (size_t)n);
		out->end = close ? close + n : over + 1;
		return true;
	}
	return false;
}

static void put(struct x1_buffer *b, const char *text)
{
	x1_append(b, text, strlen(text));
}

// Returns the destination set at `index` among the task's objects, or NULL for another object.
static const struct object *set_of(
	const struct registry *r, const struct registry_task *t, uint8_t index)
{
	const struct object *o = objects_find(registry_objects(r), t->ne, &t->objects[index]);

	return o && o->details.type == OBJECT_DESTINATION_SET ? o : NULL;
}

// Returns true if the task itself, or a set before its `index`th object, names the destination.
static bool is_put(const struct registry *r, const struct registry_task *t, uint8_t index,
	const struct id16 *did)
{
	for (uint8_t i = 0; i < t->n_named; i++) {
		if (id_equal(&registry_task_dids(t)[i], did))
			return true;
	}
	for (uint8_t i = 0; i < index; i++) {
		const struct object *o = set_of(r, t, i);
		if (o && object_has_member(o, did))
			return true;
	}
	return false;
}

// Writes the destinations of the task's sets.
static void put_members(
	struct x1_buffer *b, const struct registry *r, const struct registry_task *t)
{
	char text[ID_TEXT_SIZE];

	for (uint8_t i = 0; i < t->n_objects; i++) {
		const struct object *o = set_of(r, t, i);
		for (uint8_t k = 0; o && k < o->details.n_members; k++) {
			if (is_put(r, t, i, &o->details.member[k]))
				continue;
			id_format(&o->details.member[k], text);
			put(b, "<x1:dId>");
			put(b, text);
			put(b, "</x1:dId>");
		}
	}
}

bool x1_earlier_task(struct x1_buffer *out, const struct registry *r, const struct registry_task *t,
	unsigned minor)
{
	const char *at = registry_task_xml(t), *end = at + t->xml_length;
	struct element e;
	bool members = false; // written in the place of the first dSId

	if (!next_later(at, end, minor, &e))
		return false;
	do {
		x1_append(out, at, (size_t)(e.begin - at));
		if (e.later->instead == MEMBERS && !members)
			put_members(out, r, t);
		members |= e.later->instead == MEMBERS;
		if (e.later->instead == EXTENSION) {
			put(out, "<x1:targetIdentifierExtension><x1:Owner>poi: ");
			put(out, e.later->name);
			put(out, "</x1:Owner></x1:targetIdentifierExtension>");
		}
		at = e.end;
	} while (next_later(at, end, minor, &e));
	x1_append(out, at, (size_t)(end - at));
	return true;
}
