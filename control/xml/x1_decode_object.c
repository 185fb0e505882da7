// Content of createObject and modifyObject: hash contexts and destination sets. The schema does not
// look at it, so that every shape is checked here.
#include "control/xml/x1_decode_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HASHED_ID X1_NAMESPACE "/HashedID"
#define DESTINATION_SET X1_NAMESPACE "/DestinationSet"
#define SALT_MIN 8 // octets
#define TYPE_MAX 128

struct reading { // of the children of one object, in the order of its type
	struct values *values;
	const xmlNode *at; // the next child
	const char *space, *type;
};

static bool is_in(const xmlNode *node, const char *space, const char *name)
{
	return node != NULL && node->ns != NULL && strcmp((const char *)node->name, name) == 0 &&
	       strcmp((const char *)node->ns->href, space) == 0;
}

// Returns the next child if it is `name`, and NULL otherwise, which is an error where it is
// mandatory.
static const xmlNode *take(struct reading *r, const char *name, bool mandatory)
{
	const xmlNode *n = r->at;
	char rule[96];

	if (is_in(n, r->space, name)) {
		r->at = x1_next_element(n);
		return n;
	}
	if (!mandatory)
		return NULL;
	snprintf(rule, sizeof(rule), "lacks %s, or has it in another place", name);
	value_broken(r->values, r->type, rule);
	return NULL;
}

// The same for one that holds text alone.
static const xmlNode *take_text(struct reading *r, const char *name, bool mandatory)
{
	const xmlNode *n = take(r, name, mandatory);

	if (n != NULL && x1_first_element(n) != NULL)
		value_broken(r->values, name, "holds an element");
	return n;
}

static void end(struct reading *r)
{
	if (r->at != NULL)
		value_broken(r->values, r->type, "holds an element that is not known");
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static void read_salt(struct values *v, const xmlNode *node, struct x1_object_details *o)
{
	const char *text = value_text(v, node, true);
	size_t n = strlen(text);
	uint8_t *octets = value_alloc(v, n / 2 + 1, 1);

	if (octets == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		int d = digit(text[i]);
		if (d < 0 || n % 2 != 0 || n / 2 < SALT_MIN) {
			value_broken(v, "salt", "is not 8 or more octets in hexadecimal");
			return;
		}
		octets[i / 2] = (uint8_t)(octets[i / 2] << 4 | d);
	}
	if (n == 0)
		value_broken(v, "salt", "is not 8 or more octets in hexadecimal");
	o->salt = octets;
	o->salt_length = n / 2;
}

static void read_hash_context(struct reading *r, struct x1_object_details *o)
{
	struct values *v = r->values;
	const xmlNode *algorithm = take_text(r, "hashAlgorithm", true);
	const xmlNode *salt = take_text(r, "salt", true);

	end(r);
	o->algorithm = value_text(v, algorithm, false);
	if (algorithm != NULL && strcmp(o->algorithm, "sha-256") != 0 &&
		strcmp(o->algorithm, "sha-512") != 0 && strcmp(o->algorithm, "sha3-512") != 0)
		value_broken(v, "hashAlgorithm", "is not one of the values defined");
	if (salt != NULL)
		read_salt(v, salt, o);
}

static bool read_preference(struct values *v, const xmlNode *node, int64_t *out)
{
	const char *text = value_text(v, node, true);
	bool negative = text[0] == '-';
	uint64_t n;

	if (!x1_unsigned(text + (negative ? 1 : 0), INT32_MAX, &n) ||
		(negative && text[1] == '+')) {
		value_broken(v, "preference", "is no integer from -2147483647 to 2147483647");
		return false;
	}
	*out = negative ? -(int64_t)n : (int64_t)n;
	return true;
}

// Puts the member behind those that are preferred as much or more.
static void insert(struct id16 *members, int64_t *preference, uint32_t n, int64_t p)
{
	struct id16 id = members[n];

	while (n > 0 && preference[n - 1] > p) {
		preference[n] = preference[n - 1];
		members[n] = members[n - 1];
		n--;
	}
	preference[n] = p;
	members[n] = id;
}

static void read_members(struct values *v, const xmlNode *list, struct x1_object_details *o)
{
	uint32_t most = 0;

	for (const xmlNode *n = x1_first_element(list); n != NULL; n = x1_next_element(n))
		most++;
	struct id16 *members = value_alloc(v, most, sizeof(*members));
	int64_t *preferences = value_alloc(v, most, sizeof(*preferences)), preference;
	if (members == NULL || preferences == NULL)
		return;
	o->members = members;
	for (const xmlNode *n = x1_first_element(list); n != NULL; n = x1_next_element(n)) {
		struct reading r = {.values = v,
			.at = x1_first_element(n),
			.space = DESTINATION_SET,
			.type = "AssociatedDID"};
		if (!is_in(n, DESTINATION_SET, "AssociatedDID")) {
			value_broken(
				v, "listOfAssociatedDIDs", "holds an element that is not known");
			return;
		}
		const xmlNode *did = take_text(&r, "dId", true);
		const xmlNode *p = take_text(&r, "preference", true);
		end(&r);
		if (did == NULL || p == NULL || !value_id(v, did, &members[o->n_members]) ||
			!read_preference(v, p, &preference))
			return;
		insert(members, preferences, o->n_members++, preference);
	}
}

static void read_destination_set(struct reading *r, struct x1_object_details *o)
{
	struct values *v = r->values;

	(void)take_text(r, "friendlyName", false);
	const xmlNode *list = take(r, "listOfAssociatedDIDs", true);
	if (list == NULL)
		return;
	read_members(v, list, o);
	while (take(r, "destinationSetDetailsExtension", false) != NULL)
		o->n_extensions++;
	const xmlNode *type = take_text(r, "destinationSetType", true);
	const char *text = value_text(v, type, false);
	end(r);
	o->duplicate = strcmp(text, "Duplicate") == 0;
	if (type != NULL && !o->duplicate && strcmp(text, "Redundant") != 0)
		value_broken(v, "destinationSetType", "is not one of the values defined");
}

static const char *full_name(struct values *v, const char *space, const char *name)
{
	size_t size = strlen(space) + strlen(name) + sizeof("Q{}");
	char *text = value_alloc(v, size, 1);

	if (text != NULL)
		snprintf(text, size, "Q{%s}%s", space, name);
	return text;
}

const struct x1_object_details *x1_read_object(struct values *v, const xmlNode *element)
{
	struct x1_object_details *o = value_alloc(v, 1, sizeof(*o));
	char name[TYPE_MAX];
	const char *space = x1_type_of(element, name, sizeof(name));
	const xmlNode *id = x1_first_element(element);

	if (o == NULL)
		return NULL;
	if (space == NULL) {
		value_broken(v, (const char *)element->name,
			"has no xsi:type that names a type of objects");
		return NULL;
	}
	if (id == NULL || !x1_is(id, "objectId")) {
		value_broken(v, (const char *)element->name, "lacks objectId");
		return NULL;
	}
	(void)value_id(v, id, &o->id);
	o->type_name = full_name(v, space, name);
	struct reading r = {.values = v, .at = x1_next_element(id), .space = space, .type = name};
	if (strcmp(space, HASHED_ID) == 0 && strcmp(name, "HashContext") == 0) {
		o->type = X1_OBJECT_HASH_CONTEXT;
		read_hash_context(&r, o);
	} else if (strcmp(space, DESTINATION_SET) == 0 &&
		   strcmp(name, "DestinationSetDetails") == 0) {
		o->type = X1_OBJECT_DESTINATION_SET;
		read_destination_set(&r, o);
	}
	if (o->type != X1_OBJECT_UNKNOWN && v->why[0] == '\0') {
		o->xml = x1_serialise_object(v->arena, element, space, name, &o->xml_length);
		v->no_memory = v->no_memory || o->xml == NULL;
	}
	return v->no_memory || v->why[0] != '\0' ? NULL : o;
}
