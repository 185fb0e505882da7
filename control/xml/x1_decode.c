// X1 documents to containers of messages; each message is validated by itself.
#include "control/xml/x1_decode.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>

#include "control/xml/x1_decode_internal.h"

#define DICTIONARY_MAX ((size_t)64 << 10)
// Never NOENT, DTDLOAD, DTDATTR, DTDVALID, XINCLUDE or HUGE: they lift what protects this process.
#define PARSE_OPTIONS                                                                       \
	(XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC | \
		XML_PARSE_COMPACT | XML_PARSE_BIG_LINES)

struct x1_decoder *x1_decoder_new(
	uint32_t attributes_max, uint32_t messages_max, bool require_uuid_v4)
{
	struct x1_decoder *d = calloc(1, sizeof(*d));
	char why[X1_WHY_SIZE];

	if (d == NULL)
		return NULL;
	d->attributes_max = attributes_max;
	d->messages_max = messages_max;
	d->require_uuid_v4 = require_uuid_v4;
	d->schema = x1_schema_new(why, sizeof(why));
	if (d->schema == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void x1_decoder_free(struct x1_decoder *d)
{
	if (d == NULL)
		return;
	x1_schema_free(d->schema);
	free(d);
}

static xmlDoc *parse_utf8(
	struct x1_decoder *d, const char *text, size_t length, bool was_utf16, const char **why)
{
	xmlDoc *document = NULL;

	*why = length > INT_MAX ? "the body is too long" : x1_scan(text, length, d->attributes_max);
	if (*why == NULL)
		*why = x1_check_encoding(text, length, was_utf16);
	if (*why != NULL)
		return NULL;
	// A fresh context each time: its dictionary would keep names and short values of the body.
	xmlParserCtxt *context = xmlNewParserCtxt();
	if (context == NULL)
		goto failed;
	// Its lookups become slow with many different names; X1 has few.
	xmlDictSetLimit(context->dict, DICTIONARY_MAX);
	document = xmlCtxtReadMemory(context, text, (int)length, NULL, NULL, PARSE_OPTIONS);
	bool good = document != NULL && context->wellFormed && context->nsWellFormed &&
		    document->intSubset == NULL && xmlDocGetRootElement(document) != NULL;
	xmlFreeParserCtxt(context);
	if (good)
		return document;
	if (document != NULL)
		xmlFreeDoc(document);
failed:
	*why = "the body is not well-formed XML";
	return NULL;
}

// NULL with `why` unless the octets are one well-formed, namespace-well-formed document without
// DTD, in UTF-8 or UTF-16.
static xmlDoc *parse(struct x1_decoder *d, const char *text, size_t length, const char **why)
{
	char *converted;
	size_t n;

	if (!x1_is_utf16(text, length))
		return parse_utf8(d, text, length, false, why);
	*why = x1_from_utf16(text, length, &converted, &n);
	if (*why != NULL)
		return NULL;
	xmlDoc *document = parse_utf8(d, converted, n, true, why);
	explicit_bzero(converted, n);
	free(converted);
	return document;
}

static int request_type(const xmlNode *node)
{
	char name[64];

	const char *space = x1_type_of(node, name, sizeof(name));
	if (space == NULL || strcmp(space, X1_NAMESPACE) != 0)
		return -1;
	char *suffix = strstr(name, "Request");
	if (suffix == NULL || strcmp(suffix, "Request") != 0)
		return -1;
	*suffix = '\0';
	for (int t = 0; t < X1_REQUEST_COUNT; t++) {
		if (strcmp(name, x1_request_name((enum x1_request_type)t)) == 0)
			return t;
	}
	return -1;
}

static bool read_uuid(struct arena *a, const xmlNode *node, struct id16 *out)
{
	const char *text = node != NULL ? x1_text(a, node, true) : NULL;

	return text != NULL && id_parse(text, strlen(text), out) == 0;
}

static const char *envelope_text(struct arena *a, const xmlNode *message, const char *name)
{
	const xmlNode *node = x1_child(message, name);
	const char *text = node != NULL ? x1_text(a, node, strcmp(name, "version") != 0) : NULL;

	return text != NULL ? text : "";
}

static bool hollow(const xmlNode *node) // nothing but elements, white space, comments
{
	for (const xmlNode *n = node->children; n != NULL; n = n->next) {
		if (n->type == XML_CDATA_SECTION_NODE ||
			(n->type == XML_TEXT_NODE && !xmlIsBlankNode(n)))
			return false;
	}
	for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
		if (a->ns == NULL || strcmp((const char *)a->ns->href, X1_XSI_NAMESPACE) != 0)
			return false;
	}
	return true;
}

// Checks conditions on the whole document, before any message is answered by itself (clause 6.1).
// NULL when they hold.
static const char *classify(struct x1_decoder *d, struct x1_container *c, const xmlNode *root)
{
	uint32_t n = 0;

	if (!x1_is(root, "X1Request"))
		return "the root is not X1Request of " X1_NAMESPACE;
	if (!hollow(root))
		return "X1Request holds something beside messages";
	for (const xmlNode *m = x1_first_element(root); m != NULL; m = x1_next_element(m)) {
		if (!x1_is(m, "x1RequestMessage"))
			return "X1Request holds something beside x1RequestMessage";
		if (++n > d->messages_max)
			return "the container holds too many messages";
	}
	if (n == 0)
		return "the container is empty";
	c->messages = arena_alloc(c->arena, n * sizeof(*c->messages));
	if (c->messages == NULL)
		return "out of memory";
	const xmlNode *m = x1_first_element(root);
	for (uint32_t i = 0; i < n; i++, m = x1_next_element(m)) {
		int type = request_type(m);
		if (type < 0)
			return "xsi:type of a message is missing or unknown; expected: the name of "
			       "a "
			       "request of table 44 with Request, its prefix bound to the X1 "
			       "namespace";
		c->messages[i].type = (enum x1_request_type)type;
		if (!read_uuid(
			    c->arena, x1_child(m, "x1TransactionId"), &c->messages[i].transaction))
			return "x1TransactionId of a message is missing or no UUID in lower case";
	}
	c->n_messages = n;
	return NULL;
}

static void read_content(struct values *v, const xmlNode *node, struct x1_message *out)
{
	const xmlNode *content = x1_next_element(x1_child(node, "x1TransactionId"));
	struct id16 transaction;

	(void)value_id(v, x1_child(node, "x1TransactionId"), &transaction);
	if (content == NULL)
		return;
	if (x1_is(content, "taskDetails"))
		out->task = x1_read_task(v, content);
	else if (x1_is(content, "destinationDetails"))
		out->destination = x1_read_destination(v, content);
	else if (x1_is(content, "xId") || x1_is(content, "dId") || x1_is(content, "objectId"))
		out->has_id = value_id(v, content, &out->id);
	else if (v->minor >= X1_OBJECTS_MINOR && x1_is(content, "objectType"))
		out->object_type = value_text(v, content, false);
	else if (out->type == X1_CREATE_OBJECT && !x1_is(content, "createObject"))
		value_broken(v, "CreateObjectRequest", "lacks createObject");
	else if (out->type == X1_MODIFY_OBJECT && !x1_is(content, "modifyObject"))
		value_broken(v, "ModifyObjectRequest", "lacks modifyObject");
	else if (v->minor >= X1_OBJECTS_MINOR &&
		 (out->type == X1_CREATE_OBJECT || out->type == X1_MODIFY_OBJECT))
		out->object = x1_read_object(v, content);
}

static void refuse(struct arena *a, struct x1_message *m, int code, const char *why)
{
	m->schema_error = code;
	m->why = arena_text(a, why, strlen(why));
	if (m->why == NULL)
		m->why = "out of memory";
	m->task = NULL;
	m->destination = NULL;
	m->object = NULL;
	m->object_type = NULL;
	m->has_id = false;
}

static void read_message(struct x1_decoder *d, struct arena *a, xmlNode *node, struct x1_message *m)
{
	struct values v = {.arena = a, .require_uuid_v4 = d->require_uuid_v4};
	char why[X1_WHY_SIZE];

	m->admf_identifier = envelope_text(a, node, "admfIdentifier");
	m->ne_identifier = envelope_text(a, node, "neIdentifier");
	m->version = envelope_text(a, node, "version");
	if (m->version[0] != '\0' && !x1_version_supported(m->version)) {
		refuse(a, m, X1_ERR_VERSION, "version is not v1.<minor>.<patch>");
		return;
	}
	if (!x1_schema_validate_element(d->schema, node, why)) {
		refuse(a, m, X1_ERR_SCHEMA, why);
		return;
	}
	v.minor = x1_version_minor(m->version);
	read_content(&v, node, m);
	if (v.no_memory)
		refuse(a, m, X1_ERR_GENERIC, "out of memory");
	else if (v.why[0] != '\0')
		refuse(a, m, X1_ERR_SCHEMA, v.why);
}

static struct x1_container *container_new(void)
{
	struct arena *a = arena_new();
	struct x1_container *c = a != NULL ? arena_alloc(a, sizeof(*c)) : NULL;

	if (c == NULL) {
		arena_free(a);
		return NULL;
	}
	c->arena = a;
	return c;
}

void x1_container_free(struct x1_container *c)
{
	if (c != NULL)
		arena_free(c->arena);
}

static void find_sender(struct x1_container *c, const xmlNode *root)
{
	for (const xmlNode *m = x1_first_element(root); m != NULL; m = x1_next_element(m)) {
		const xmlNode *id = x1_child(m, "admfIdentifier");
		char *text = id != NULL ? x1_text(c->arena, id, true) : NULL;
		if (text != NULL && text[0] != '\0') {
			c->admf_identifier = text;
			return;
		}
	}
}

struct x1_container *x1_decode(struct x1_decoder *d, const char *body, size_t length)
{
	struct x1_container *c = container_new();

	if (c == NULL)
		return NULL;
	xmlDoc *document = parse(d, body, length, &c->why);
	if (document != NULL) {
		xmlNode *root = xmlDocGetRootElement(document);
		c->why = classify(d, c, root);
		find_sender(c, root);
		xmlNode *m = (xmlNode *)x1_first_element(root);
		for (uint32_t i = 0; i < c->n_messages; i++) {
			read_message(d, c->arena, m, &c->messages[i]);
			m = (xmlNode *)x1_next_element(m);
		}
		xmlFreeDoc(document);
	}
	if (c->why != NULL) {
		c->top_level_error = true;
		c->n_messages = 0;
	}
	return c;
}

static bool read_fragment(struct x1_decoder *d, struct x1_container *c, xmlNode *fragment)
{
	struct values v = {.arena = c->arena, .minor = X1_OBJECTS_MINOR};
	char why[X1_WHY_SIZE];

	if (fragment == NULL || x1_next_element(fragment) != NULL ||
		!x1_schema_validate_element(d->schema, fragment, why))
		return false;
	c->messages = arena_alloc(c->arena, sizeof(*c->messages));
	if (c->messages == NULL)
		return false;
	c->n_messages = 1;
	if (x1_is(fragment, "taskDetails")) {
		c->messages[0].type = X1_ACTIVATE_TASK;
		c->messages[0].task = x1_read_task(&v, fragment);
	} else if (x1_is(fragment, "destinationDetails")) {
		c->messages[0].type = X1_CREATE_DESTINATION;
		c->messages[0].destination = x1_read_destination(&v, fragment);
	}
	return !v.no_memory && v.why[0] == '\0' &&
	       (c->messages[0].task != NULL || c->messages[0].destination != NULL);
}

struct x1_container *x1_decode_details(struct x1_decoder *d, const char *xml, size_t length)
{
	static const char before[] =
		"<w xmlns:x1=\"" X1_NAMESPACE "\" xmlns:c=\"" X1_COMMON_NAMESPACE "\">";
	static const char after[] = "</w>";
	struct x1_container *c = container_new();
	size_t total = length + sizeof(before) + sizeof(after) - 2;
	char *text = malloc(total);
	bool good = false;

	if (c == NULL || text == NULL)
		goto end;
	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + sizeof(before) - 1, xml, length);
	memcpy(text + sizeof(before) - 1 + length, after, sizeof(after) - 1);
	xmlDoc *document = parse(d, text, total, &c->why);
	if (document != NULL) {
		xmlNode *root = xmlDocGetRootElement(document);
		good = read_fragment(d, c, (xmlNode *)x1_first_element(root));
		xmlFreeDoc(document);
	}
end:
	if (text != NULL)
		explicit_bzero(text, total);
	free(text);
	if (!good) {
		x1_container_free(c);
		return NULL;
	}
	return c;
}

static void read_identity(struct arena *a, const xmlNode *m, struct x1_answer *out)
{
	snprintf(out->admf_identifier, sizeof(out->admf_identifier), "%s",
		envelope_text(a, m, "admfIdentifier"));
	snprintf(out->ne_identifier, sizeof(out->ne_identifier), "%s",
		envelope_text(a, m, "neIdentifier"));
}

static bool read_answer(struct arena *a, const xmlNode *m, struct x1_answer *out)
{
	const xmlNode *information = x1_child(m, "errorInformation");

	read_identity(a, m, out);
	if (!read_uuid(a, x1_child(m, "x1TransactionId"), &out->transaction))
		return false;
	out->ok = x1_child(m, "oK") != NULL;
	if (information == NULL)
		return true;
	const xmlNode *code = x1_child(information, "errorCode");
	const char *text = code != NULL ? x1_text(a, code, true) : NULL;
	uint64_t value = 0;
	if (text == NULL || !x1_unsigned(text, INT_MAX, &value))
		value = X1_ERR_GENERIC;
	out->error_code = value != 0 ? (int)value : X1_ERR_GENERIC;
	return true;
}

static int read_answers(struct x1_decoder *d, struct arena *a, xmlDoc *document,
	struct x1_answer *out, size_t capacity)
{
	char why[X1_WHY_SIZE];
	const xmlNode *root = xmlDocGetRootElement(document);
	size_t n = 0;

	if (!x1_schema_validate(d->schema, document, why))
		return POI_ERR_SYNTAX;
	if (x1_is(root, "X1TopLevelErrorResponse")) {
		if (capacity == 0)
			return POI_ERR_LIMIT;
		read_identity(a, root, &out[0]);
		out[0].top_level_error = true;
		return 1;
	}
	if (!x1_is(root, "X1Response"))
		return POI_ERR_SYNTAX;
	for (const xmlNode *m = x1_first_element(root); m != NULL; m = x1_next_element(m)) {
		if (n == capacity)
			return POI_ERR_LIMIT;
		if (!read_answer(a, m, &out[n++]))
			return POI_ERR_SYNTAX;
	}
	return (int)n;
}

int x1_decode_answers(struct x1_decoder *d, const char *body, size_t length, struct x1_answer *out,
	size_t capacity)
{
	const char *why;
	int result = POI_ERR_SYNTAX;
	struct arena *a = arena_new();

	if (a == NULL)
		return POI_ERR_NOMEM;
	memset(out, 0, capacity * sizeof(*out));
	xmlDoc *document = parse(d, body, length, &why);
	if (document != NULL) {
		result = read_answers(d, a, document, out, capacity);
		xmlFreeDoc(document);
	}
	arena_free(a);
	return result;
}

const char *x1_decode_library(void)
{
	return LIBXML_DOTTED_VERSION;
}
