// Simple values of records: from a text or a number to the contents of a BER value.

#include <arpa/inet.h>
#include <string.h>

#include "shared/record_internal.h"

#define DIGITS_OF_FRACTION 9

static unsigned put_octets(struct ber_writer *w, const void *octets, size_t length)
{
	uint8_t *p = ber_room(w, length);

	if (p && length > 0)
		memcpy(p, octets, length);
	return RECORD_GOOD;
}

static bool within(const struct record_type *type, uint64_t v)
{
	return v >= type->low && v <= type->high;
}

static unsigned put_number(struct ber_writer *w, uint64_t v)
{
	// A set top bit needs a zero octet in front.
	unsigned n = v ? (unsigned)(64 - __builtin_clzll(v)) / 8 + 1 : 1;
	uint8_t *p = ber_room(w, n);

	for (unsigned i = 0; p && i < n; i++)
		p[i] = n - 1 - i > 7 ? 0 : (uint8_t)(v >> 8 * (n - 1 - i));
	return RECORD_GOOD;
}

static unsigned put_name(struct ber_writer *w, const struct record_type *type,
	const struct record_node *node, enum config_xiri_release release)
{
	unsigned absent = release == CONFIG_XIRI_R18 ? ONLY_R19 : ONLY_R18;

	for (unsigned i = 0; i < type->count; i++) {
		const struct record_name *row = &type->names[i];

		if (row->name_length != node->length ||
			!record_same(row->name, node->text, node->length))
			continue;
		return row->flags & absent ? RECORD_RELEASE : put_number(w, row->value);
	}
	return RECORD_UNKNOWN;
}

static unsigned put_digits(
	struct ber_writer *w, const struct record_type *type, const struct record_node *node)
{
	for (uint32_t i = 0; i < node->length; i++)
		if (node->text[i] < '0' || node->text[i] > '9')
			return RECORD_BOUNDS;
	return within(type, node->length) ? put_octets(w, node->text, node->length) : RECORD_BOUNDS;
}

// Octets of the UTF-8 character at `p`, of which `left` octets are there; 0 when it is none, a
// surrogate or written longer than needed.
static uint32_t utf8_character(const uint8_t *p, uint32_t left)
{
	uint8_t first = p[0];
	uint32_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4 || n > left)
		return 0;
	for (uint32_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && p[1] < 0xa0) || (first == 0xed && p[1] > 0x9f) ||
		(first == 0xf0 && p[1] < 0x90) || (first == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

// The bounds of a text count characters.
static unsigned put_text(
	struct ber_writer *w, const struct record_type *type, const struct record_node *node)
{
	uint64_t characters = 0;

	for (uint32_t i = 0; i < node->length; characters++) {
		uint32_t n = utf8_character((const uint8_t *)node->text + i, node->length - i);
		if (n == 0)
			return RECORD_BOUNDS;
		i += n;
	}
	return within(type, characters) ? put_octets(w, node->text, node->length) : RECORD_BOUNDS;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// `digits` of `text` as octets in front of what is written. False where one is no hex digit.
static bool put_hex(struct ber_writer *w, const char *text, uint32_t digits)
{
	uint8_t *p = ber_room(w, digits / 2);

	for (uint32_t i = 0; i < digits; i += 2) {
		int high = hex_digit(text[i]);
		int low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		if (p)
			p[i / 2] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static unsigned put_hex_octets(
	struct ber_writer *w, const struct record_type *type, const struct record_node *node)
{
	if (node->length % 2 != 0 || !within(type, node->length / 2))
		return RECORD_BOUNDS;
	return put_hex(w, node->text, node->length) ? RECORD_GOOD : RECORD_BOUNDS;
}

static unsigned put_bits(
	struct ber_writer *w, const struct record_type *type, const struct record_node *node)
{
	const char *slash = node->length ? memchr(node->text, '/', node->length) : NULL;
	uint32_t digits = slash ? (uint32_t)(slash - node->text) : node->length;
	uint64_t bits = slash ? 0 : type->low == type->high ? type->low : (uint64_t)digits * 4;

	if (slash && (digits + 1 == node->length || node->length - digits > 7))
		return RECORD_BOUNDS;
	for (uint32_t i = digits + 1; i < node->length; i++) {
		if (node->text[i] < '0' || node->text[i] > '9')
			return RECORD_BOUNDS;
		bits = bits * 10 + (uint64_t)(node->text[i] - '0');
	}
	if (digits % 2 != 0 || digits / 2 != (bits + 7) / 8 || !within(type, bits))
		return RECORD_BOUNDS;
	unsigned unused = (unsigned)(digits * 4 - bits);
	if (unused) {
		int low = hex_digit(node->text[digits - 1]);
		int high = hex_digit(node->text[digits - 2]);

		if (low < 0 || high < 0 ||
			((unsigned)(high << 4 | low) & ((1u << unused) - 1)) != 0)
			return RECORD_BOUNDS;
	}
	if (!put_hex(w, node->text, digits))
		return RECORD_BOUNDS;
	uint8_t *p = ber_room(w, 1);
	if (p)
		*p = (uint8_t)unused;
	return RECORD_GOOD;
}

// Four decimal numbers up to 255 without a zero in front, as inet_pton takes them.
static bool is_ipv4(const char *p, uint32_t length, uint8_t octets[4])
{
	const char *end = p + length;

	for (unsigned i = 0; i < 4; i++) {
		const char *from;
		unsigned v = 0;

		if (i > 0 && (p == end || *p++ != '.'))
			return false;
		for (from = p; p < end && *p >= '0' && *p <= '9'; p++) {
			v = v * 10 + (unsigned)(*p - '0');
			if (v > 255 || (p > from && *from == '0'))
				return false;
		}
		if (p == from)
			return false;
		octets[i] = (uint8_t)v;
	}
	return p == end;
}

static bool is_ipv6(const char *p, uint32_t length, uint8_t octets[16])
{
	char text[INET6_ADDRSTRLEN];

	if (length == 0 || length >= sizeof(text) || memchr(p, 0, length))
		return false;
	memcpy(text, p, length);
	text[length] = 0;
	return inet_pton(AF_INET6, text, octets) == 1;
}

static unsigned put_address(
	struct ber_writer *w, const struct record_type *type, const struct record_node *node)
{
	uint8_t octets[16];
	bool good = type->shape == SHAPE_IPV4 ? is_ipv4(node->text, node->length, octets)
					      : is_ipv6(node->text, node->length, octets);

	return good ? put_octets(w, octets, type->low) : (unsigned)RECORD_BOUNDS;
}

// Two digits at `p` as a number; 100 where one is no digit.
static int two(const char *p)
{
	return p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9'
		       ? 100
		       : (p[0] - '0') * 10 + p[1] - '0';
}

// 1 is January; any year from 1970 to 9999.
static int days_of(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static bool is_date(const char *p)
{
	int year = two(p) * 100 + two(p + 2);
	int month = two(p + 5), day = two(p + 8);

	if (two(p) > 99 || two(p + 2) > 99 || year < 1970 || month < 1 || month > 12)
		return false;
	return day >= 1 && day <= days_of(year, month) && two(p + 11) <= 23 && two(p + 14) <= 59 &&
	       two(p + 17) <= 59;
}

// "2026-03-01T09:30:00.25Z" as "20260301093000.25Z": DER has no zero at the end of a fraction.
static unsigned put_time(struct ber_writer *w, const struct record_node *node)
{
	static const char form[] = "    -  -  T  :  :  ";
	const char *p = node->text;
	uint32_t n = node->length;
	char text[16 + DIGITS_OF_FRACTION];
	size_t used = 0;

	if (n < sizeof(form) || n > sizeof(form) + 1 + DIGITS_OF_FRACTION || p[n - 1] != 'Z')
		return RECORD_BOUNDS;
	for (uint32_t i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == ' ')
			text[used++] = p[i];
		else if (form[i] != p[i])
			return RECORD_BOUNDS;
	}
	if (!is_date(p))
		return RECORD_BOUNDS;
	uint32_t end = n - 1;
	uint32_t from = sizeof(form) - 1;
	if (end > from && (p[from] != '.' || end == from + 1))
		return RECORD_BOUNDS;
	for (uint32_t i = from + 1; i < end; i++)
		if (p[i] < '0' || p[i] > '9')
			return RECORD_BOUNDS;
	while (end > from && (p[end - 1] == '0' || p[end - 1] == '.'))
		end--;
	if (end > from) {
		memcpy(text + used, p + from, end - from);
		used += end - from;
	}
	text[used++] = 'Z';
	return put_octets(w, text, used);
}

unsigned record_put_simple(struct ber_writer *w, const struct record_type *type,
	const struct record_node *node, enum config_xiri_release release)
{
	switch (type->shape) {
	case SHAPE_ENUMERATED:
		return put_name(w, type, node, release);
	case SHAPE_INTEGER:
		return within(type, node->number) ? put_number(w, node->number) : RECORD_BOUNDS;
	case SHAPE_BOOLEAN:
		return node->number > 1 ? (unsigned)RECORD_BOUNDS
					: put_octets(w, node->number ? "\xff" : "\0", 1);
	case SHAPE_UTF8:
		return put_text(w, type, node);
	case SHAPE_DIGITS:
		return put_digits(w, type, node);
	case SHAPE_OCTETS:
		return put_hex_octets(w, type, node);
	case SHAPE_BITS:
		return put_bits(w, type, node);
	case SHAPE_IPV4:
	case SHAPE_IPV6:
		return put_address(w, type, node);
	default:
		return put_time(w, node);
	}
}
