// Bounds what an XML parser would choke on, on the bytes of a body.
#include "control/xml/x1_decode_internal.h"

#include <string.h>

#define DEPTH_MAX 64
#define OPEN_ATTRIBUTES_MAX 512 // of all elements that are open at once
#define TEXT_MAX 16384		// octets of text and CDATA between two tags
// Elements that any body may have, and octets that each further one must bring along: the shortest
// one of X1 has more.
#define ELEMENTS_FREE 4096
#define ELEMENT_OCTETS 16
#define ATTRIBUTES_FREE 4096
#define ATTRIBUTE_OCTETS 64 // an X1 message has one, and much more than that

// libxml2 is quadratic in the attributes of one element and linear in the namespaces in scope for
// each name, and spends most on elements and on long texts that a pattern is tried on, so all four
// are bounded here, on the octets.
struct scan {
	const char *p, *end;
	uint32_t attributes_max;
	uint32_t depth, open_attributes;
	size_t elements, elements_max;
	size_t all_attributes, all_attributes_max;
	size_t text; // octets since the last tag
	uint16_t attributes[DEPTH_MAX];
};

static const char *find(const char *p, const char *end, const char *what)
{
	const char *at = memmem(p, (size_t)(end - p), what, strlen(what));

	return at != NULL ? at + strlen(what) : NULL;
}

static bool starts(const struct scan *s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, what, n) == 0;
}

// s->p is behind '<' of a start tag.
static const char *scan_tag(struct scan *s)
{
	uint32_t attributes = 0;
	char last = 0;

	s->text = 0;
	if (++s->elements > s->elements_max)
		return "the body has too many elements for its size";
	for (; s->p < s->end && *s->p != '>'; s->p++) {
		if (*s->p == '"' || *s->p == '\'') {
			const char *quote = memchr(s->p + 1, *s->p, (size_t)(s->end - s->p - 1));
			if (quote == NULL)
				return "a quoted value does not end";
			s->p = quote;
		} else if (*s->p == '=' && ++attributes > s->attributes_max) {
			return "an element has too many attributes";
		}
		last = *s->p;
	}
	if (s->p == s->end)
		return "a tag does not end";
	s->p++;
	s->all_attributes += attributes;
	if (s->all_attributes > s->all_attributes_max)
		return "the body has too many attributes for its size";
	if (last == '/')
		return s->open_attributes + attributes > OPEN_ATTRIBUTES_MAX
			       ? "elements within each other have too many attributes"
			       : NULL;
	if (s->depth == DEPTH_MAX)
		return "elements are nested too deep";
	s->attributes[s->depth++] = (uint16_t)attributes;
	s->open_attributes += attributes;
	if (s->open_attributes > OPEN_ATTRIBUTES_MAX)
		return "elements within each other have too many attributes";
	return NULL;
}

static const char *scan_markup(struct scan *s)
{
	const char *after = NULL;

	if (starts(s, "!--"))
		after = find(s->p + 3, s->end, "-->");
	else if (starts(s, "![CDATA["))
		after = find(s->p, s->end, "]]>");
	else if (starts(s, "?"))
		after = find(s->p, s->end, "?>");
	else if (starts(s, "!"))
		return "a document type is not allowed";
	else if (starts(s, "/"))
		after = find(s->p, s->end, ">");
	else
		return scan_tag(s);
	if (after == NULL)
		return "markup does not end";
	if (starts(s, "/")) {
		s->text = 0;
		if (s->depth > 0)
			s->open_attributes -= s->attributes[--s->depth];
	} else if (starts(s, "![CDATA[")) {
		s->text += (size_t)(after - s->p);
	}
	s->p = after;
	return NULL;
}

const char *x1_scan(const char *text, size_t length, uint32_t attributes_max)
{
	struct scan s = {.p = text,
		.end = text + length,
		.all_attributes_max = ATTRIBUTES_FREE + length / ATTRIBUTE_OCTETS,
		.elements_max = ELEMENTS_FREE + length / ELEMENT_OCTETS,
		.attributes_max = attributes_max < UINT16_MAX ? attributes_max : UINT16_MAX};
	const char *why = NULL;

	if (length == 0)
		return "the body is empty";
	if (memchr(text, 0, length) != NULL)
		return "the body is not UTF-8";
	if (starts(&s, "\xef\xbb\xbf"))
		s.p += 3;
	// An encoding that hides '<' from this scan would have to begin with another octet.
	const char *first = s.p;
	while (first < s.end &&
		(*first == ' ' || *first == '\t' || *first == '\r' || *first == '\n'))
		first++;
	if (first == s.end || *first != '<')
		return "the body is not XML";
	while (why == NULL) {
		const char *tag = memchr(s.p, '<', (size_t)(s.end - s.p));
		s.text += (size_t)((tag != NULL ? tag : s.end) - s.p);
		if (s.text > TEXT_MAX)
			return "a text is too long";
		if (tag == NULL)
			break;
		s.p = tag + 1;
		why = scan_markup(&s);
		if (s.p == s.end)
			break;
	}
	return why;
}
