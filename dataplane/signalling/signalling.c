// Reads numbers, addresses and routes as messages of signalling write them.

#include "dataplane/signalling/signalling.h"

#include "dataplane/signalling/signalling_internal.h"

#define ROUTE_TEXT_MAX 48 // longest IPv6 address with its length

const char *signalling_reason_name(enum signalling_reason r)
{
	static const char *const names[] = {
#define X(name, text) [SIGNALLING_##name] = text,
		SIGNALLING_REASONS(X)
#undef X
	};

	return r < SIGNALLING_REASON_COUNT ? names[r] : "unknown";
}

struct ip_address signalling_address(struct wire_reader *r, uint8_t family)
{
	struct ip_address a = {};

	wire_get_octets(r, a.b, family == 4 ? 4 : 16);
	if (!r->error)
		a.family = family;
	return a;
}

struct span signalling_rest(struct wire_reader *r)
{
	size_t left = wire_left(r);

	return (struct span){.octets = wire_take(r, left), .length = (uint16_t)left};
}

struct ip_prefix signalling_prefix(const struct ip_address *a, uint8_t length)
{
	struct ip_prefix p = {.family = a->family};
	uint8_t most = a->family == 4 ? 32 : 128;

	p.length = length < most ? length : most;
	memcpy(p.b, a->b, p.length / 8);
	if (p.length % 8)
		p.b[p.length / 8] = a->b[p.length / 8] & (uint8_t)(0xff00u >> (p.length % 8));
	return p;
}

bool signalling_address_zero(const struct ip_address *a)
{
	static const uint8_t zeros[16];

	return !memcmp(a->b, zeros, sizeof(zeros));
}

void signalling_tbcd(struct wire_reader *r, struct digits *out)
{
	struct digits d = {};
	size_t n = 0, octets = wire_left(r);
	bool ended = false, number = true;

	*out = d;
	if (octets > (sizeof(d.text) - 1) / 2) {
		signalling_invalid(r);
		return;
	}
	for (size_t i = 0; i < 2 * octets; i++) {
		uint8_t v = i % 2 ? r->at[i / 2] >> 4 : r->at[i / 2] & 15;
		if (v == 15) {
			ended = true;
		} else {
			number = number && v <= 9 && !ended;
			d.text[n++] = (char)('0' + v);
		}
	}
	wire_take(r, octets);
	if (number && n > 0)
		*out = d;
	else
		signalling_invalid(r);
}

bool signalling_digits(struct span text, struct digits *out)
{
	struct digits d = {};

	*out = d;
	if (text.length == 0 || text.length >= sizeof(d.text))
		return false;
	for (unsigned i = 0; i < text.length; i++) {
		if (text.octets[i] < '0' || text.octets[i] > '9')
			return false;
		d.text[i] = (char)text.octets[i];
	}
	*out = d;
	return true;
}

enum signalling_reason signalling_reason_of(bool complete, bool cut, bool limit, uint8_t *broken)
{
	if (!complete)
		return cut	 ? SIGNALLING_IE_LENGTH
		       : *broken ? SIGNALLING_IE_VALUE
				 : SIGNALLING_MISSING;
	if (limit) {
		*broken |= SIGNALLING_BROKEN_SESSION;
		return SIGNALLING_LIMIT;
	}
	return *broken ? SIGNALLING_ODD : SIGNALLING_OK;
}

// The default of RFC 2865 clause 5.22 for a route without a length.
static uint8_t class_length(const struct ip_address *a)
{
	if (a->family == 6)
		return 128;
	return a->b[0] < 128 ? 8 : a->b[0] < 192 ? 16 : 24;
}

static bool length_parse(const char *text, unsigned most, uint8_t *out)
{
	unsigned v = 0, digits = 0;

	for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++)
		v = v * 10 + (unsigned)(*text - '0');
	*out = (uint8_t)v;
	return digits && !*text && v <= most;
}

bool signalling_route(struct span text, uint8_t family, struct ip_prefix *out)
{
	char token[ROUTE_TEXT_MAX + 1];
	struct ip_address a = {};
	uint8_t length = 0;
	size_t n = 0;

	*out = (struct ip_prefix){};
	while (n < text.length && text.octets[n] != ' ' && text.octets[n] != '\0')
		n++;
	if (n == 0 || n > ROUTE_TEXT_MAX)
		return false;
	memcpy(token, text.octets, n);
	token[n] = '\0';
	char *slash = strchr(token, '/');
	if (slash)
		*slash++ = '\0';
	if (ip_address_parse(token, &a) || a.family != family)
		return false;
	if (!slash)
		length = class_length(&a);
	else if (!length_parse(slash, family == 4 ? 32 : 128, &length))
		return false;
	*out = signalling_prefix(&a, length);
	return length > 0;
}
