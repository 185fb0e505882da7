// Writes JSON text into a growing buffer.
#include "control/audit/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/error.h"

void json_free(struct json *j)
{
	free(j->text);
	*j = (struct json){0};
}

static void append(struct json *j, const char *octets, size_t n)
{
	if (j->error)
		return;
	if (n >= j->capacity - j->length) {
		size_t capacity = (j->capacity ? j->capacity : 512) * 2 + n;
		char *text = realloc(j->text, capacity);
		if (!text) {
			j->error = POI_ERR_NOMEM;
			return;
		}
		j->text = text;
		j->capacity = capacity;
	}
	memcpy(j->text + j->length, octets, n);
	j->length += n;
	j->text[j->length] = 0;
}

// Length of the well-formed UTF-8 sequence at `s`, 0 when there is none.
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, low, high;
		uint8_t length;
	} rows[] = {
		{0x00, 0x7F, 0, 0, 1},
		{0xC2, 0xDF, 0x80, 0xBF, 2},
		{0xE0, 0xE0, 0xA0, 0xBF, 3},
		{0xE1, 0xEC, 0x80, 0xBF, 3},
		{0xED, 0xED, 0x80, 0x9F, 3},
		{0xEE, 0xEF, 0x80, 0xBF, 3},
		{0xF0, 0xF0, 0x90, 0xBF, 4},
		{0xF1, 0xF3, 0x80, 0xBF, 4},
		{0xF4, 0xF4, 0x80, 0x8F, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (s[0] < rows[i].first || s[0] > rows[i].last)
			continue;
		if (rows[i].length > 1 && (s[1] < rows[i].low || s[1] > rows[i].high))
			return 0;
		for (size_t k = 2; k < rows[i].length; k++) {
			if ((s[k] & 0xC0) != 0x80)
				return 0;
		}
		return rows[i].length;
	}
	return 0;
}

static void quoted(struct json *j, const char *value)
{
	append(j, "\"", 1);
	for (const unsigned char *s = (const unsigned char *)value; *s;) {
		char escaped[8];
		size_t n = utf8_length(s);

		if (!n) {
			append(j, "\\ufffd", 6);
			s++;
			continue;
		}
		if (*s == '"' || *s == '\\') {
			escaped[0] = '\\';
			escaped[1] = (char)*s;
			append(j, escaped, 2);
		} else if (*s < 0x20 || *s == 0x7F) {
			snprintf(escaped, sizeof(escaped), "\\u%04x", *s);
			append(j, escaped, 6);
		} else {
			append(j, (const char *)s, n);
		}
		s += n;
	}
	append(j, "\"", 1);
}

static void begin(struct json *j, const char *name)
{
	if (j->comma)
		append(j, ",", 1);
	if (name) {
		quoted(j, name);
		append(j, ":", 1);
	}
	j->comma = true;
}

void json_object(struct json *j, const char *name)
{
	begin(j, name);
	append(j, "{", 1);
	j->comma = false;
}

void json_array(struct json *j, const char *name)
{
	begin(j, name);
	append(j, "[", 1);
	j->comma = false;
}

void json_end_object(struct json *j)
{
	append(j, "}", 1);
	j->comma = true;
}

void json_end_array(struct json *j)
{
	append(j, "]", 1);
	j->comma = true;
}

void json_string(struct json *j, const char *name, const char *value)
{
	begin(j, name);
	if (j->unknown)
		append(j, "null", 4);
	else
		quoted(j, value);
}

static void literal(struct json *j, const char *name, const char *text)
{
	begin(j, name);
	if (j->unknown)
		text = "null";
	append(j, text, strlen(text));
}

void json_u64(struct json *j, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	literal(j, name, text);
}

void json_i64(struct json *j, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	literal(j, name, text);
}

void json_bool(struct json *j, const char *name, bool value)
{
	literal(j, name, value ? "true" : "false");
}

void json_null(struct json *j, const char *name)
{
	literal(j, name, "null");
}

void json_newline(struct json *j)
{
	append(j, "\n", 1);
	j->comma = false;
}
