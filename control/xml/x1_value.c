// Single values of a message: their text, their numbers, and the first rule that one breaks.
#include "control/xml/x1_decode_internal.h"
#include "control/xml/x1_explain.h"

#include <stdio.h>
#include <string.h>

void value_broken(struct values *v, const char *element, const char *rule)
{
	const char *format = x1_explain_format(element);

	if (v->why[0] == '\0')
		snprintf(v->why, sizeof(v->why), "%s %s%s%s", element, rule,
			format != NULL ? "; expected: " : "", format != NULL ? format : "");
}

bool x1_unsigned(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (*text == '+' || (text[0] == '-' && strspn(text + 1, "0") == strlen(text + 1)))
		text++;
	if (*text == '\0')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		unsigned digit = (unsigned)(*text - '0');
		if (n > (max - digit) / 10 || digit > max)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return *text == '\0';
}

const char *value_text(struct values *v, const xmlNode *node, bool collapse)
{
	const char *text = node != NULL ? x1_text(v->arena, node, collapse) : "";

	if (text == NULL)
		v->no_memory = true;
	return text != NULL ? text : "";
}

void *value_alloc(struct values *v, size_t n, size_t size)
{
	void *at = arena_alloc(v->arena, n * size);

	if (at == NULL)
		v->no_memory = true;
	return at;
}
