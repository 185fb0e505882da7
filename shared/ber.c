#include "shared/ber.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000u
#define TIME_MAX_S 253402300800ull // the year 10000

void ber_put_boolean(struct ber_writer *w, uint8_t tag, bool v)
{
	ber_put_octets(w, tag, v ? "\xff" : "\0", 1);
}

void ber_put_time(struct ber_writer *w, uint8_t tag, uint64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	uint32_t fraction = (uint32_t)(ns % NS_PER_S);
	char text[80]; // the compiler's idea of what these numbers could take
	struct tm tm;

	gmtime_r(&seconds, &tm);
	int n = snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02d", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (fraction > 0) {
		n += snprintf(text + n, sizeof(text) - (size_t)n, ".%09u", fraction);
		while (text[n - 1] == '0')
			n--;
	}
	text[n++] = 'Z';
	ber_put_octets(w, tag, text, (size_t)n);
}

static void fail(struct wire_reader *r)
{
	if (!r->error)
		r->error = POI_ERR_INVALID;
}

static size_t get_length(struct wire_reader *r)
{
	uint8_t first = wire_get_u8(r);

	if (first < 0x80)
		return first;
	unsigned n = first & 0x7fu;
	if (n == 0 || n > 4) { // 0x80 is the indefinite form
		fail(r);
		return 0;
	}
	size_t length = 0;
	for (unsigned i = 0; i < n; i++)
		length = length << 8 | wire_get_u8(r);
	if (length < 0x80 || length >> 8 * (n - 1) == 0)
		fail(r); // a shorter form was there
	return r->error ? 0 : length;
}

uint8_t ber_peek(const struct wire_reader *r)
{
	return wire_left(r) > 0 ? *r->at : 0;
}

struct wire_reader ber_get(struct wire_reader *r, uint8_t tag)
{
	if (wire_get_u8(r) != tag)
		fail(r);
	size_t length = get_length(r);
	return wire_get_reader(r, length);
}

// An identifier; false when it is cut, longer than needed or has a number of more than 28 bits.
static bool take_identifier(struct wire_reader *r, uint8_t *bits, uint32_t *number)
{
	uint8_t first = wire_get_u8(r);
	uint32_t v = first & BER_LONG;

	*bits = (uint8_t)(first & ~BER_LONG);
	*number = v;
	if (r->error || v < BER_LONG)
		return !r->error;
	v = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint8_t octet = wire_get_u8(r);

		v = v << 7 | (octet & 0x7f);
		if (r->error || v == 0) // nothing there, or a zero in front
			return false;
		if (octet < 0x80) {
			*number = v;
			return v >= BER_LONG;
		}
	}
	return false;
}

uint8_t ber_peek_number(const struct wire_reader *r, uint32_t *number)
{
	struct wire_reader copy = *r;
	uint8_t bits;

	*number = 0;
	if (wire_left(&copy) == 0 || !take_identifier(&copy, &bits, number))
		return 0;
	return bits;
}

struct wire_reader ber_get_number(struct wire_reader *r, uint8_t bits, uint32_t number)
{
	uint8_t got_bits = 0;
	uint32_t got = 0;

	if (!take_identifier(r, &got_bits, &got) || got_bits != bits || got != number)
		fail(r);
	size_t length = get_length(r);
	return wire_get_reader(r, length);
}

void ber_close(struct wire_reader *r, const struct wire_reader *inner)
{
	int e = wire_finish(inner);

	if (e && !r->error)
		r->error = e;
}

uint64_t ber_get_unsigned(struct wire_reader *r, uint8_t tag, uint64_t low, uint64_t high)
{
	struct wire_reader v = ber_get(r, tag);
	size_t n = wire_left(&v);

	if (n == 0 || n > 9 || v.at[0] > 0x7f || (n > 1 && v.at[0] == 0 && v.at[1] < 0x80) ||
		(n == 9 && v.at[0] != 0)) {
		fail(r);
		return low;
	}
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | v.at[i];
	if (value < low || value > high)
		fail(r);
	return r->error ? low : value;
}

bool ber_get_boolean(struct wire_reader *r, uint8_t tag)
{
	struct wire_reader v = ber_get(r, tag);

	if (wire_left(&v) != 1 || (v.at[0] != 0 && v.at[0] != 0xff)) {
		fail(r);
		return false;
	}
	return v.at[0] != 0;
}

static unsigned digits(const uint8_t *p, unsigned n, bool *good)
{
	unsigned v = 0;

	for (unsigned i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			*good = false;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	return v;
}

// The fraction between the seconds and the Z, in nanoseconds; DER: no trailing zero, no bare point.
static unsigned fraction_of(const uint8_t *p, size_t n, bool *good)
{
	if (n == 0)
		return 0;
	if (n < 2 || n > 10 || p[0] != '.' || p[n - 1] == '0') {
		*good = false;
		return 0;
	}
	unsigned v = digits(p + 1, (unsigned)n - 1, good);
	for (size_t i = n; i < 10; i++)
		v *= 10;
	return v;
}

uint64_t ber_get_time(struct wire_reader *r, uint8_t tag)
{
	struct wire_reader v = ber_get(r, tag);
	size_t n = wire_left(&v);
	bool good = true;

	if (n < 15 || n > 25 || v.at[n - 1] != 'Z') {
		fail(r);
		return 0;
	}
	struct tm tm = {.tm_year = (int)digits(v.at, 4, &good) - 1900,
		.tm_mon = (int)digits(v.at + 4, 2, &good) - 1,
		.tm_mday = (int)digits(v.at + 6, 2, &good),
		.tm_hour = (int)digits(v.at + 8, 2, &good),
		.tm_min = (int)digits(v.at + 10, 2, &good),
		.tm_sec = (int)digits(v.at + 12, 2, &good)};
	struct tm same = tm;
	unsigned fraction = fraction_of(v.at + 14, n - 15, &good);
	time_t seconds = good ? timegm(&same) : -1;
	// timegm carries 31 February over: a date that it changed was none. Before 1970 there was
	// no interception.
	if (seconds < 0 || (uint64_t)seconds > UINT64_MAX / NS_PER_S - 1 ||
		(uint64_t)seconds >= TIME_MAX_S || same.tm_mon != tm.tm_mon ||
		same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour ||
		same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec) {
		fail(r);
		return 0;
	}
	return (uint64_t)seconds * NS_PER_S + fraction;
}
