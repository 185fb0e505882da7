#include "control/x1_decode_private.h"

#include <string.h>

#define DEPTH_MAX 64
#define OPEN_ATTRIBUTES_MAX 512 // of all elements that are open at once

// libxml2 is quadratic in the attributes of one element and linear in the namespaces in scope for
// each name, so both are bounded here, on the octets.
struct scan {
	const char *p, *end;
	uint32_t attributes_max;
	uint32_t depth, open_attributes;
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
	if (starts(s, "/") && s->depth > 0)
		s->open_attributes -= s->attributes[--s->depth];
	s->p = after;
	return NULL;
}

const char *x1_scan(const char *text, size_t length, uint32_t attributes_max)
{
	struct scan s = {.p = text,
		.end = text + length,
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
	while (why == NULL && (s.p = memchr(s.p, '<', (size_t)(s.end - s.p))) != NULL) {
		s.p++;
		why = scan_markup(&s);
		if (s.p == s.end)
			break;
	}
	return why;
}
