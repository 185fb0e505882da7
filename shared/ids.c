// Makes, reads and writes identifiers.
#include "shared/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/digest.h"

#define UUID_TEXT_LENGTH (ID_TEXT_SIZE - 1)

static bool is_hyphen_position(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int id_parse(const char *text, size_t length, struct id16 *out)
{
	struct id16 id = {0};
	size_t digits = 0;

	if (length != UUID_TEXT_LENGTH)
		return POI_ERR_SYNTAX;
	for (size_t i = 0; i < length; i++) {
		if (is_hyphen_position(i)) {
			if (text[i] != '-')
				return POI_ERR_SYNTAX;
			continue;
		}
		int v = hex_value(text[i]);
		if (v < 0)
			return POI_ERR_SYNTAX;
		id.b[digits / 2] = (uint8_t)(id.b[digits / 2] << 4 | v);
		digits++;
	}
	*out = id;
	return POI_OK;
}

void id_format(const struct id16 *id, char out[ID_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < sizeof(id->b); i++) {
		if (is_hyphen_position(at))
			out[at++] = '-';
		out[at++] = hex[id->b[i] >> 4];
		out[at++] = hex[id->b[i] & 15];
	}
	out[at] = '\0';
}

bool id_equal(const struct id16 *a, const struct id16 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool id_is_zero(const struct id16 *id)
{
	static const struct id16 zero;

	return id_equal(id, &zero);
}

bool id_is_v4(const struct id16 *id)
{
	return (id->b[6] & 0xf0) == 0x40 && (id->b[8] & 0xc0) == 0x80;
}

struct id16 id_random(void)
{
	struct id16 id;
	size_t have = 0;

	while (have < sizeof(id.b)) {
		ssize_t n = getrandom(id.b + have, sizeof(id.b) - have, 0);
		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0)
			have += (size_t)n;
	}
	id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x40);
	id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80);
	return id;
}

struct id16 id_of_ne(const char *ne_identifier)
{
	uint8_t digest[DIGEST_SIZE];
	struct id16 id = {0};

	// A library that cannot hash must not yield an identifier that collides with others.
	if (digest_of(ne_identifier, strlen(ne_identifier), digest))
		abort();
	memcpy(id.b, digest, sizeof(id.b));
	return id;
}
