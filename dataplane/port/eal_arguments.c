// Splits dataplane.eal into the arguments of the EAL.
#include "dataplane/port/eal_arguments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/error.h"

// One word of the line into *out; both move on. False when a quote is left open.
static bool word(const char **in, char **out)
{
	char quote = 0;

	for (; **in; (*in)++) {
		char c = **in;
		if (!quote && strchr(" \t\r\n", c))
			break;
		if (quote ? c == quote : c == '\'' || c == '"') {
			quote = (char)(quote ? 0 : c);
			continue;
		}
		bool escapes = c == '\\' && quote != '\'' && (*in)[1];
		if (escapes && (quote != '"' || (*in)[1] == '"' || (*in)[1] == '\\'))
			c = *++(*in);
		*(*out)++ = c;
	}
	*(*out)++ = '\0';
	return quote == 0;
}

int eal_split(const char *line, struct eal_arguments *out)
{
	*out = (struct eal_arguments){.text = malloc(2 * strlen(line) + 2)};
	if (!out->text)
		return POI_ERR_NOMEM;
	char *to = out->text;

	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line)
			return POI_OK;
		if (out->n == EAL_ARGUMENTS_MAX) {
			free(out->text);
			return POI_ERR_TOO_LARGE;
		}
		out->argument[out->n++] = to;
		if (!word(&line, &to)) {
			free(out->text);
			return POI_ERR_SYNTAX;
		}
	}
}
