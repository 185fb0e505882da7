// Reads a Content-Type and its charset.
#include "control/http/media_type.h"

#include <string.h>
#include <strings.h>

struct text {
	const char *at, *end;
};

static void skip_blanks(struct text *t)
{
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
		t->at++;
}

static bool is(const char *at, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(at, word, n) == 0;
}

// Octets up to the next of `stops`.
static size_t span(const struct text *t, const char *stops)
{
	size_t n = 0;

	while (t->at + n < t->end && strchr(stops, t->at[n]) == NULL)
		n++;
	return n;
}

// The value of a parameter, a token or quoted; false when its quotes do not end.
static bool read_value(struct text *t, const char **value, size_t *n)
{
	bool quoted = t->at < t->end && *t->at == '"';

	t->at += quoted;
	*value = t->at;
	*n = span(t, quoted ? "\"" : "; \t");
	t->at += *n;
	if (!quoted)
		return true;
	return t->at < t->end && *t->at++ == '"';
}

static enum media_type charset(const char *value, size_t n)
{
	if (is(value, n, "utf-8") || is(value, n, "us-ascii"))
		return MEDIA_XML;
	return is(value, n, "utf-16") ? MEDIA_XML_UTF16 : MEDIA_OTHER;
}

enum media_type media_type_read(const char *value, size_t length)
{
	struct text t = {value, value + length};
	enum media_type type = MEDIA_XML;
	bool given = false;

	skip_blanks(&t);
	size_t n = span(&t, "; \t");
	if (!is(t.at, n, "application/xml") && !is(t.at, n, "text/xml"))
		return MEDIA_OTHER;
	t.at += n;
	for (skip_blanks(&t); t.at < t.end; skip_blanks(&t)) {
		if (*t.at++ != ';')
			return MEDIA_OTHER;
		skip_blanks(&t);
		const char *name = t.at, *content;
		size_t name_length = span(&t, "=; \t");
		t.at += name_length;
		if (t.at == t.end || *t.at != '=') // "a; ;b" and the like hold no charset
			continue;
		t.at++;
		if (!read_value(&t, &content, &n))
			return MEDIA_OTHER;
		if (!is(name, name_length, "charset"))
			continue;
		if (given)
			return MEDIA_OTHER;
		given = true;
		type = charset(content, n);
		if (type == MEDIA_OTHER)
			return type;
	}
	return type;
}

bool media_type_fits(enum media_type type, const char *body, size_t length)
{
	return type != MEDIA_XML_UTF16 ||
	       (length >= 2 &&
		       (memcmp(body, "\xfe\xff", 2) == 0 || memcmp(body, "\xff\xfe", 2) == 0));
}
