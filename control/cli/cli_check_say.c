// Shared by the parts of `poi check`: the lines they print, and small checks of files and options.
#include "control/cli/cli_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_say(
	const struct check *c, enum check_verdict v, const char *area, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->say(c->context, v, area, text);
}

bool check_read(const struct check *c, char *out, size_t size, const char *format, ...)
{
	char path[4096];
	va_list args;
	int n = snprintf(path, sizeof(path), "%s", c->root);

	va_start(args, format);
	vsnprintf(path + n, sizeof(path) - (size_t)n, format, args);
	va_end(args);
	FILE *f = fopen(path, "re");
	bool read = f && fgets(out, (int)size, f);
	if (f)
		fclose(f);
	if (read)
		out[strcspn(out, "\n")] = '\0';
	else
		out[0] = '\0';
	return read;
}

bool check_in_list(const char *list, unsigned number)
{
	while (*list) {
		char *end;
		unsigned long low = strtoul(list, &end, 10), high = low;
		if (end == list)
			return false;
		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		if (number >= low && number <= high)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

// Words are split at blanks; quotes hold them together and are taken off.
static size_t word(const char **at, char *out, size_t size)
{
	const char *p = *at + strspn(*at, " \t\r\n");
	size_t n = 0;
	char quote = 0;

	for (; *p && (quote || !strchr(" \t\r\n", *p)); p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = (char)(quote ? '\0' : *p);
		else if (n + 1 < size)
			out[n++] = *p;
	}
	out[n] = '\0';
	*at = p;
	return n;
}

bool check_eal(const struct config *c, const char *option, unsigned n, char *value, size_t size)
{
	const char *at = c->dataplane.eal ? c->dataplane.eal : "";
	size_t length = strlen(option);
	bool is_short = option[1] != '-';
	char text[1024];

	while (word(&at, text, sizeof(text))) {
		if (strncmp(text, option, length) != 0)
			continue;
		const char *rest = text + length;
		if (*rest && *rest != '=' && !is_short)
			continue; // a longer option
		if (n--)
			continue;
		if (*rest) {
			snprintf(value, size, "%s", rest + (*rest == '='));
		} else {
			const char *next = at + strspn(at, " \t\r\n");
			value[0] = '\0';
			if (*next && *next != '-')
				word(&at, value, size);
		}
		return true;
	}
	value[0] = '\0';
	return false;
}
