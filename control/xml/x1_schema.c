// The embedded schema of X1, compiled once, and validation against it.
#include "control/xml/x1_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>

#include "control/xml/x1_explain.h"
#include "control/xml/x1_schema_embedded.h"

#if LIBXML_VERSION >= 21200
typedef const xmlError given_error; // to a handler, by libxml2 2.12 and later
#else
typedef xmlError given_error;
#endif

struct x1_schema {
	xmlSchema *schema;
	xmlSchemaValidCtxt *validator;
	char *why; // of the validation under way
};

// The only way in while the schema is compiled: embedded files by name, nothing from outside.
static xmlParserInput *load_embedded(const char *url, const char *id, xmlParserCtxt *context)
{
	const struct x1_schema_file *file;
	const char *slash = url != NULL ? strrchr(url, '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : url;

	for (unsigned i = 0; name != NULL && (file = x1_schema_file(i)) != NULL; i++) {
		if (strcmp(file->name, name) != 0)
			continue;
		xmlParserInputBuffer *buffer = xmlParserInputBufferCreateMem(
			file->octets, (int)file->length, XML_CHAR_ENCODING_UTF8);
		if (buffer == NULL)
			return NULL;
		xmlParserInput *input =
			xmlNewIOInputStream(context, buffer, XML_CHAR_ENCODING_UTF8);
		if (input == NULL)
			xmlFreeParserInputBuffer(buffer);
		else
			input->filename = (char *)xmlCharStrdup(file->name);
		return input;
	}
	return NULL;
}

static xmlParserInput *load_nothing(const char *url, const char *id, xmlParserCtxt *context)
{
	return NULL;
}

static const char *rule_text(int code)
{
	switch (code) {
	case XML_SCHEMAV_CVC_PATTERN_VALID:
		return "does not match the pattern of its type";
	case XML_SCHEMAV_CVC_ENUMERATION_VALID:
		return "is not one of the values defined";
	case XML_SCHEMAV_CVC_MININCLUSIVE_VALID:
	case XML_SCHEMAV_CVC_MAXINCLUSIVE_VALID:
		return "is out of range";
	case XML_SCHEMAV_CVC_MAXLENGTH_VALID:
		return "is too long";
	case XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_1:
		return "is not a value of its type";
	case XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_1:
	case XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_2:
		return "has an attribute that is not allowed";
	case XML_SCHEMAV_CVC_COMPLEX_TYPE_2_3:
		return "has text between its children";
	default:
		return "breaks the schema";
	}
}

static bool is_known(const xmlNode *node)
{
	return node != NULL && node->type == XML_ELEMENT_NODE &&
	       x1_explain_known((const char *)node->name);
}

// Returns the nearest element around `node` that the schema has.
static const xmlNode *known_around(const xmlNode *node)
{
	while (node != NULL && !is_known(node))
		node = node->parent;
	return node;
}

static const char *name_of(const xmlNode *node)
{
	return node != NULL ? (const char *)node->name : "the message";
}

static bool is_ours(const xmlNode *node)
{
	const char *space = node->ns != NULL ? (const char *)node->ns->href : "";

	return strcmp(space, X1_NAMESPACE) == 0 || strcmp(space, X1_COMMON_NAMESPACE) == 0;
}

// An element where another belongs, one that the schema lacks, or one that is missing.
static void explain_content(char *why, const xmlError *error)
{
	const xmlNode *node = error->node;
	const xmlNode *parent = node != NULL ? known_around(node->parent) : NULL;
	char names[120];
	unsigned n = x1_explain_expected(error->message, names, sizeof(names));
	const char *more = n > 4 ? " ..." : "";
	bool missing = error->message != NULL && strstr(error->message, "Missing child") != NULL;

	if (is_known(node) && !missing && !is_ours(node)) {
		snprintf(why, X1_WHY_SIZE, "%s is of no or another namespace; expected: %s",
			name_of(node), X1_NAMESPACE);
		return;
	}
	if (n == 0)
		snprintf(names, sizeof(names), "%s", "nothing more");
	if (missing)
		snprintf(why, X1_WHY_SIZE, "%s lacks a mandatory child; expected: %s%s",
			name_of(known_around(node)), names, more);
	else if (is_known(node))
		snprintf(why, X1_WHY_SIZE, "%s is not expected here in %s; expected: %s%s",
			name_of(node), name_of(parent), names, more);
	else
		snprintf(why, X1_WHY_SIZE, "%s holds an element that is not known; expected: %s%s",
			name_of(parent), names, more);
}

// libxml2's own message quotes the value: only names of the schema and rules of ours are kept.
static void on_error(void *context, given_error *error)
{
	struct x1_schema *s = context;
	const xmlNode *node = error->node;

	if (s->why == NULL || s->why[0] != '\0')
		return;
	if (error->code == XML_SCHEMAV_ELEMENT_CONTENT) {
		explain_content(s->why, error);
		return;
	}
	const char *rule = rule_text(is_known(node) ? error->code : 0);
	const char *name = name_of(known_around(node));
	const char *format = x1_explain_format(name);
	snprintf(s->why, X1_WHY_SIZE, "%s %s%s%s", name, rule, format != NULL ? "; expected: " : "",
		format != NULL ? format : "");
}

static void ignore_error(void *context, given_error *error)
{
}

struct x1_schema *x1_schema_new(char *why, size_t why_size)
{
	struct x1_schema *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	xmlInitParser();
	xmlSetExternalEntityLoader(load_embedded);
	xmlSchemaParserCtxt *parser = xmlSchemaNewParserCtxt("x1.xsd");
	if (parser != NULL) {
		xmlSchemaSetParserStructuredErrors(parser, ignore_error, NULL);
		s->schema = xmlSchemaParse(parser);
		xmlSchemaFreeParserCtxt(parser);
	}
	// From here on nothing that this process parses can cause a file or a socket to be opened.
	xmlSetExternalEntityLoader(load_nothing);
	if (s->schema != NULL)
		s->validator = xmlSchemaNewValidCtxt(s->schema);
	if (s->validator == NULL) {
		snprintf(why, why_size, "the embedded X1 schema does not compile");
		x1_schema_free(s);
		return NULL;
	}
	xmlSchemaSetValidStructuredErrors(s->validator, on_error, s);
	return s;
}

void x1_schema_free(struct x1_schema *s)
{
	if (s == NULL)
		return;
	if (s->validator != NULL)
		xmlSchemaFreeValidCtxt(s->validator);
	if (s->schema != NULL)
		xmlSchemaFree(s->schema);
	free(s);
}

bool x1_schema_validate_element(struct x1_schema *s, xmlNode *element, char *why)
{
	why[0] = '\0';
	s->why = why;
	int result = xmlSchemaValidateOneElement(s->validator, element);
	s->why = NULL;
	if (result != 0 && why[0] == '\0')
		snprintf(why, X1_WHY_SIZE, "the message breaks the schema");
	return result == 0;
}

bool x1_schema_validate(struct x1_schema *s, xmlDoc *document, char *why)
{
	static const char *const roots[] = {"X1Request", "X1Response", "X1TopLevelErrorResponse"};
	xmlNode *root = xmlDocGetRootElement(document);
	bool known = false;

	for (size_t i = 0; root != NULL && i < sizeof(roots) / sizeof(roots[0]); i++)
		known = known || strcmp((const char *)root->name, roots[i]) == 0;
	if (!known) {
		snprintf(why, X1_WHY_SIZE, "the root is no X1 document");
		return false;
	}
	return x1_schema_validate_element(s, root, why);
}
