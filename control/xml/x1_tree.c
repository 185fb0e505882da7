// Helpers on the XML tree: memory, text, children, serialization.
#include "control/xml/x1_decode_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "control/xml/x1_encode.h"

#define CHUNK 4096

struct chunk {
	SLIST_ENTRY(chunk) older;
	size_t used, size;
	max_align_t octets[];
};

struct arena {
	SLIST_HEAD(, chunk) chunks; // newest first
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	for (struct chunk *c; (c = SLIST_FIRST(&a->chunks)) != NULL;) {
		SLIST_REMOVE_HEAD(&a->chunks, older);
		// Targets lie here: they do not stay in freed memory.
		explicit_bzero(c->octets, c->used);
		free(c);
	}
	free(a);
}

static void *take(struct arena *a, size_t size)
{
	struct chunk *c = SLIST_FIRST(&a->chunks);

	size = (size + 7) & ~(size_t)7;
	if (c == NULL || c->size - c->used < size) {
		size_t octets = size > CHUNK ? size : CHUNK;
		c = malloc(sizeof(*c) + octets);
		if (c == NULL)
			return NULL;
		c->used = 0;
		c->size = octets;
		SLIST_INSERT_HEAD(&a->chunks, c, older);
	}
	void *at = (char *)c->octets + c->used;
	c->used += size;
	return at;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *at = take(a, size == 0 ? 1 : size);

	return at != NULL ? memset(at, 0, size) : NULL;
}

char *arena_text(struct arena *a, const char *text, size_t length)
{
	char *at = take(a, length + 1);

	if (at != NULL) {
		memcpy(at, text, length);
		at[length] = '\0';
	}
	return at;
}

bool x1_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && node->ns != NULL &&
	       strcmp((const char *)node->name, name) == 0 &&
	       strcmp((const char *)node->ns->href, X1_NAMESPACE) == 0;
}

const xmlNode *x1_first_element(const xmlNode *parent)
{
	const xmlNode *n = parent->children;

	while (n != NULL && n->type != XML_ELEMENT_NODE)
		n = n->next;
	return n;
}

const xmlNode *x1_next_element(const xmlNode *node)
{
	do
		node = node->next;
	while (node != NULL && node->type != XML_ELEMENT_NODE);
	return node;
}

const xmlNode *x1_child(const xmlNode *parent, const char *name)
{
	const xmlNode *n = x1_first_element(parent);

	while (n != NULL && !x1_is(n, name))
		n = x1_next_element(n);
	return n;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t collapse_space(char *text)
{
	size_t out = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (!is_space(text[i]))
			text[out++] = text[i];
		else if (out > 0 && text[out - 1] != ' ')
			text[out++] = ' ';
	}
	if (out > 0 && text[out - 1] == ' ')
		out--;
	text[out] = '\0';
	return out;
}

static bool holds_text(const xmlNode *n)
{
	return (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) &&
	       n->content != NULL;
}

char *x1_text(struct arena *a, const xmlNode *node, bool collapse)
{
	size_t length = 0;

	for (const xmlNode *n = node->children; n != NULL; n = n->next) {
		if (holds_text(n))
			length += strlen((const char *)n->content);
	}
	char *text = take(a, length + 1);
	if (text == NULL)
		return NULL;
	size_t at = 0;
	for (const xmlNode *n = node->children; n != NULL; n = n->next) {
		if (!holds_text(n))
			continue;
		size_t part = strlen((const char *)n->content);
		memcpy(text + at, n->content, part);
		at += part;
	}
	text[at] = '\0';
	if (collapse)
		collapse_space(text);
	return text;
}

// One serialisation: X1 names get `x1:` or no prefix, common types `c:`, anything else `e:` with
// its own declaration where its namespace begins.
struct serialiser {
	struct x1_buffer out;
	bool bare; // for attribute 17: X1 names bare, every other prefix declared where it begins
};

static const char *space_of(const xmlNode *n)
{
	return n->ns != NULL ? (const char *)n->ns->href : "";
}

static void put(struct serialiser *s, const char *text)
{
	x1_append(&s->out, text, strlen(text));
}

static void put_name(struct serialiser *s, const xmlNode *n)
{
	const char *space = space_of(n);

	if (strcmp(space, X1_NAMESPACE) == 0)
		put(s, s->bare ? "" : "x1:");
	else if (strcmp(space, X1_COMMON_NAMESPACE) == 0)
		put(s, "c:");
	else if (space[0] != '\0')
		put(s, "e:");
	put(s, (const char *)n->name);
}

static void put_declaration(struct serialiser *s, const xmlNode *n)
{
	const char *space = space_of(n);
	bool common = strcmp(space, X1_COMMON_NAMESPACE) == 0;

	if (strcmp(space, X1_NAMESPACE) == 0 || space[0] == '\0' || (common && !s->bare))
		return;
	if (n->parent != NULL && n->parent->type == XML_ELEMENT_NODE &&
		strcmp(space, space_of(n->parent)) == 0)
		return;
	put(s, common ? " xmlns:c=\"" : " xmlns:e=\"");
	x1_append_escaped(&s->out, space, strlen(space));
	put(s, "\"");
}

// Depth is bounded by x1_scan.
static void put_element(struct serialiser *s, const xmlNode *n)
{
	bool leaf = x1_first_element(n) == NULL;

	put(s, "<");
	put_name(s, n);
	put_declaration(s, n);
	put(s, ">");
	for (const xmlNode *c = n->children; c != NULL; c = c->next) {
		if (c->type == XML_ELEMENT_NODE)
			put_element(s, c);
		else if (leaf && holds_text(c))
			x1_append_escaped(&s->out, (const char *)c->content,
				strlen((const char *)c->content));
	}
	put(s, "</");
	put_name(s, n);
	put(s, ">");
}

// Copies the octets written into `a`; NULL when out of memory.
static const char *finish(struct serialiser *s, struct arena *a, size_t *length)
{
	char *text = NULL;

	if (s->out.error == 0 && s->out.text != NULL)
		text = arena_text(a, s->out.text, s->out.length);
	if (length != NULL)
		*length = s->out.length;
	x1_buffer_free(&s->out); // wipes it
	return text;
}

const char *x1_serialise_object(struct arena *a, const xmlNode *element, const char *space,
	const char *name, size_t *length)
{
	struct serialiser s = {.bare = false};

	put(&s, "<x1:object xmlns:e=\"");
	x1_append_escaped(&s.out, space, strlen(space));
	put(&s, "\" xsi:type=\"e:");
	put(&s, name);
	put(&s, "\">");
	for (const xmlNode *c = x1_first_element(element); c != NULL; c = x1_next_element(c))
		put_element(&s, c);
	put(&s, "</x1:object>");
	return finish(&s, a, length);
}

const char *x1_type_of(const xmlNode *node, char *name, size_t size)
{
	const xmlAttr *a = node->properties;

	while (a != NULL && !(strcmp((const char *)a->name, "type") == 0 && a->ns != NULL &&
				    strcmp((const char *)a->ns->href, X1_XSI_NAMESPACE) == 0))
		a = a->next;
	if (a == NULL || a->children == NULL || a->children->next != NULL ||
		a->children->content == NULL)
		return NULL;
	const char *text = (const char *)a->children->content;
	text += strspn(text, " \t\r\n");
	size_t length = strcspn(text, " \t\r\n");
	if (text[length + strspn(text + length, " \t\r\n")] != '\0' || length >= size)
		return NULL;
	memcpy(name, text, length);
	name[length] = '\0';
	char *colon = strchr(name, ':');
	if (colon != NULL)
		*colon = '\0';
	const xmlNs *ns = xmlSearchNs(
		node->doc, (xmlNode *)node, colon != NULL ? (const xmlChar *)name : NULL);
	if (colon != NULL)
		memmove(name, colon + 1, strlen(colon + 1) + 1);
	return ns != NULL ? (const char *)ns->href : NULL;
}

const char *x1_serialise(struct arena *a, const xmlNode *node, bool content_only, size_t *length)
{
	struct serialiser s = {.bare = content_only};

	if (content_only) {
		for (const xmlNode *c = x1_first_element(node); c != NULL; c = x1_next_element(c))
			put_element(&s, c);
	} else {
		put_element(&s, node);
	}
	return finish(&s, a, length);
}
