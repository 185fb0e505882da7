// The encoding of a body: UTF-8, or UTF-16 with its byte order mark, which becomes UTF-8 here.
#include "control/xml/x1_decode_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char utf8_mark[] = "\xef\xbb\xbf";

static bool has_mark(const char *text, size_t length, const char *mark, size_t n)
{
	return length >= n && memcmp(text, mark, n) == 0;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

static uint32_t unit(const uint8_t *at, bool big)
{
	return big ? (uint32_t)(at[0] << 8 | at[1]) : (uint32_t)(at[1] << 8 | at[0]);
}

// The octets written, or 0 for a surrogate without its partner.
static size_t convert(const uint8_t *at, size_t units, bool big, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < units; i++) {
		uint32_t c = unit(at + 2 * i, big);
		if (c >= 0xD800 && c < 0xE000) {
			uint32_t low = i + 1 < units ? unit(at + 2 * (i + 1), big) : 0;
			if (c >= 0xDC00 || low < 0xDC00 || low >= 0xE000)
				return 0;
			c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
			i++;
		}
		n += put_utf8(out + n, c);
	}
	return n;
}

bool x1_is_utf16(const char *text, size_t length)
{
	return has_mark(text, length, "\xfe\xff", 2) || has_mark(text, length, "\xff\xfe", 2);
}

const char *x1_from_utf16(const char *text, size_t length, char **out, size_t *out_length)
{
	bool big = has_mark(text, length, "\xfe\xff", 2);
	size_t units = (length - 2) / 2;

	*out = NULL;
	*out_length = 0;
	if (length % 2 != 0 || units == 0)
		return "the body is not UTF-16";
	*out = malloc(units * 3); // a pair of surrogates takes four octets
	if (*out == NULL)
		return "out of memory";
	*out_length = convert((const uint8_t *)text + 2, units, big, *out);
	if (*out_length != 0)
		return NULL;
	explicit_bzero(*out, units * 3);
	free(*out);
	*out = NULL;
	return "the body is not UTF-16";
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The value of encoding in an XML declaration, its length in `n`; NULL when there is none.
static const char *declared(const char *at, const char *end, size_t *n)
{
	static const char name[] = "encoding";

	for (; (size_t)(end - at) > sizeof(name); at++) {
		if (!blank(at[0]) || memcmp(at + 1, name, sizeof(name) - 1) != 0)
			continue;
		const char *value = at + sizeof(name);
		while (value < end && (blank(*value) || *value == '='))
			value++;
		if (value == end || (*value != '"' && *value != '\''))
			continue;
		const char *last = memchr(value + 1, *value, (size_t)(end - value - 1));
		if (last == NULL)
			continue;
		*n = (size_t)(last - value - 1);
		return value + 1;
	}
	return NULL;
}

const char *x1_check_encoding(const char *text, size_t length, bool was_utf16)
{
	static const char start[] = "<?xml";
	const char *encoding = was_utf16 ? "UTF-16" : "UTF-8";
	size_t n = 0, mark = sizeof(utf8_mark) - 1;

	if (!was_utf16 && has_mark(text, length, utf8_mark, mark)) {
		text += mark;
		length -= mark;
	}
	if (!has_mark(text, length, start, sizeof(start) - 1) || length < sizeof(start) ||
		!blank(text[sizeof(start) - 1]))
		return NULL;
	const char *end = memmem(text, length, "?>", 2);
	const char *value = declared(text + sizeof(start) - 1, end != NULL ? end : text, &n);
	if (value == NULL || (n == strlen(encoding) && strncasecmp(value, encoding, n) == 0))
		return NULL;
	return was_utf16 ? "the body is UTF-16 and declares another encoding"
			 : "the declared encoding is not UTF-8";
}
