#pragma once

// Between x1_decode.c (documents), x1_decode_values.c (content of messages), x1_encoding.c and
// x1_scan.c (octets).

#include <libxml/tree.h>

#include "control/xml/x1_decode.h"
#include "control/xml/x1_schema.h"

struct arena; // strings and arrays of one container, freed together

struct arena *arena_new(void);
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t size); // zeroed, aligned; NULL when out of memory
char *arena_text(struct arena *a, const char *text, size_t length);

struct x1_decoder {
	struct x1_schema *schema;
	uint32_t attributes_max;
	uint32_t messages_max;
	bool require_uuid_v4;
};

// Looks at the octets before any parser does: no DOCTYPE, no NUL, bounded attributes and depth,
// UTF-8 only. NULL when clean, else the rule broken.
const char *x1_scan(const char *text, size_t length, uint32_t attributes_max);

// x1_encoding.c. XML has two encodings that every reader must take (XML 1.0 section 4.3.3).
bool x1_is_utf16(const char *text, size_t length); // a byte order mark of UTF-16 comes first
// The same as UTF-8 without a mark, from malloc. NULL, or the rule broken and nothing in `out`.
const char *x1_from_utf16(const char *text, size_t length, char **out, size_t *out_length);
// NULL, or the rule that the encoding of the XML declaration breaks: one that is declared and not
// there must not be read as another. `text` is UTF-8, `was_utf16` when it came from UTF-16.
const char *x1_check_encoding(const char *text, size_t length, bool was_utf16);

struct values { // while one message's content is read
	struct arena *arena;
	bool require_uuid_v4;
	unsigned minor; // of the requester
	char why[X1_WHY_SIZE]; // first rule broken; empty while none
	bool no_memory;
};

// Helpers on the tree. Text runs over text and CDATA nodes, past comments.
bool x1_is(const xmlNode *node, const char *name); // in the X1 namespace
// The type that xsi:type names: its namespace, and its local name in `name`. NULL: there is none.
const char *x1_type_of(const xmlNode *node, char *name, size_t size);
const xmlNode *x1_child(const xmlNode *parent, const char *name);
const xmlNode *x1_first_element(const xmlNode *parent);
const xmlNode *x1_next_element(const xmlNode *node);
char *x1_text(struct arena *a, const xmlNode *node, bool collapse);

bool value_id(struct values *v, const xmlNode *node, struct id16 *out);
// Both want an element that the schema has accepted; NULL when a rule is broken by hand.
const struct x1_task_details *x1_read_task(struct values *v, const xmlNode *element);
const struct x1_destination_details *x1_read_destination(struct values *v, const xmlNode *element);
// x1_decode_object.c: createObject or modifyObject, whose content the schema does not judge.
const struct x1_object_details *x1_read_object(struct values *v, const xmlNode *element);
// 3GPP part.
bool x1_read_target_extension(struct values *v, const xmlNode *element, struct x1_target *out);
bool x1_read_task_extension(
	struct values *v, const xmlNode *element, const char *owner, struct x1_task_extension *out);
// x1_value.c
const char *value_text(struct values *v, const xmlNode *node, bool collapse); // "" without a node
void *value_alloc(struct values *v, size_t n, size_t size); // zeroed; NULL is noted in `v`
void value_broken(struct values *v, const char *element, const char *rule);
// Decimal digits with an optional sign `+`; false beyond `max`.
bool x1_unsigned(const char *text, uint64_t max, uint64_t *out);
// An `object` element of the type `name` of `space`, with the content of `element`.
const char *x1_serialise_object(struct arena *a, const xmlNode *element, const char *space,
	const char *name, size_t *length);
// Serialised with our prefixes; NULL when out of memory.
const char *x1_serialise(
	struct arena *a, const xmlNode *element, bool content_only, size_t *length);
