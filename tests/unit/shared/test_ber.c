#include "shared/ber.h"

#include <criterion/criterion.h>

static uint8_t room[80000];

static struct ber_writer writer(size_t capacity)
{
	return ber_writer_of(room, capacity);
}

static void expect(const struct ber_writer *w, const char *octets, size_t n)
{
	cr_assert_eq(w->error, 0);
	cr_assert_eq(ber_written(w), n);
	cr_assert_arr_eq(w->at, octets, n);
}

#define EXPECT(w, octets) expect(w, octets, sizeof(octets) - 1)

struct number_row {
	uint64_t value;
	const char *octets;
	size_t n;
};

static const struct number_row number_rows[] = {
	{0, "\x81\1\0", 3},
	{127, "\x81\1\x7f", 3},
	{128, "\x81\2\0\x80", 4}, // 81 01 80 would be -128
	{255, "\x81\2\0\xff", 4},
	{256, "\x81\2\1\0", 4},
	{32767, "\x81\2\x7f\xff", 4},
	{51000, "\x81\3\0\xc7\x38", 5},
	{61440, "\x81\3\0\xf0\0", 5},
	{INT64_MAX, "\x81\x08\x7f\xff\xff\xff\xff\xff\xff\xff", 10},
	{UINT64_MAX, "\x81\x09\0\xff\xff\xff\xff\xff\xff\xff\xff", 11},
};

Test(ber, numbers_are_short_and_never_negative)
{
	for (size_t i = 0; i < sizeof(number_rows) / sizeof(number_rows[0]); i++) {
		const struct number_row *n = &number_rows[i];
		struct ber_writer w = writer(16);
		ber_put_unsigned(&w, 0x81, n->value);
		expect(&w, n->octets, n->n);
		struct wire_reader r = wire_reader_of(w.at, ber_written(&w));
		cr_expect_eq(ber_get_unsigned(&r, 0x81, 0, UINT64_MAX), n->value);
		cr_expect_eq(wire_finish(&r), 0);
	}
}

Test(ber, lengths_in_the_shortest_form)
{
	static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};
	static const uint8_t headers[] = {2, 2, 2, 3, 3, 4, 4, 5, 5};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ber_writer w = writer(sizeof(room));
		const uint8_t *mark = w.at;
		cr_assert_not_null(ber_room(&w, sizes[i]));
		ber_wrap(&w, BER_SEQUENCE, mark);
		cr_expect_eq(ber_written(&w), sizes[i] + headers[i], "%zu", sizes[i]);
		struct wire_reader r = wire_reader_of(w.at, ber_written(&w));
		struct wire_reader in = ber_get(&r, BER_SEQUENCE);
		cr_expect_eq(wire_left(&in), sizes[i]);
		cr_expect_eq(wire_finish(&r), 0);
	}
}

Test(ber, never_beyond_its_room)
{
	for (size_t capacity = 0; capacity < 12; capacity++) {
		struct ber_writer w = ber_writer_of(room + 100, capacity);
		memset(room, 0xee, 300);
		ber_put_unsigned(&w, 0x81, 51000);
		ber_put_octets(&w, 0x82, "abcde", 5);
		cr_expect_eq(w.error, POI_ERR_TOO_LARGE);
		for (size_t i = 0; i < 300; i++)
			if (i < 100 || i >= 100 + capacity)
				cr_assert_eq(room[i], 0xee);
	}
	struct ber_writer w = writer(12);
	ber_put_unsigned(&w, 0x81, 51000);
	ber_put_octets(&w, 0x82, "abcde", 5);
	EXPECT(&w, "\x82\5abcde\x81\3\0\xc7\x38");
}

Test(ber, times)
{
	struct ber_writer w = writer(40);
	ber_put_time(&w, 0x8a, 1767225600123456000u);
	EXPECT(&w, "\x8a\x16"
		   "20260101000000.123456Z");
	w = writer(40);
	ber_put_time(&w, 0x8b, 1767225610500000000u);
	EXPECT(&w, "\x8b\x11"
		   "20260101000010.5Z");
	w = writer(40);
	ber_put_time(&w, 0x8b, 0);
	EXPECT(&w, "\x8b\x0f"
		   "19700101000000Z");
	w = writer(40);
	ber_put_time(&w, 0x8b, 1709164800000000001u);
	struct wire_reader r = wire_reader_of(w.at, ber_written(&w));
	cr_expect_eq(ber_get_time(&r, 0x8b), 1709164800000000001u);
	cr_expect_eq(wire_finish(&r), 0);
}

struct refused_row {
	const char *what;
	const char *octets;
	size_t n;
};

#define R(what, octets)                          \
	{                                        \
		what, octets, sizeof(octets) - 1 \
	}

static const struct refused_row refused_numbers[] = {
	R("nothing", ""),
	R("another tag", "\x82\1\0"),
	R("no contents", "\x81\0"),
	R("cut", "\x81\2\1"),
	R("negative", "\x81\1\xff"),
	R("a zero too many", "\x81\2\0\x7f"),
	R("length not in the shortest form", "\x81\x81\1\5"),
	R("indefinite", "\x81\x80\1\0\0"),
	R("five octets of length", "\x81\x85\0\0\0\0\1\5"),
	R("beyond 64 bits", "\x81\x09\1\0\0\0\0\0\0\0\0"),
	R("above its bound", "\x81\2\3\xe9"),
	R("octets left", "\x81\1\5\0"),
};

Test(ber, numbers_refused)
{
	for (size_t i = 0; i < sizeof(refused_numbers) / sizeof(refused_numbers[0]); i++) {
		const struct refused_row *row = &refused_numbers[i];
		struct wire_reader r = wire_reader_of(row->octets, row->n);
		ber_get_unsigned(&r, 0x81, 0, 1000);
		cr_expect_lt(wire_finish(&r), 0, "%s", row->what);
	}
}

static const struct refused_row refused_times[] = {
	R("no Z", "\x8a\x0f"
		  "202601010000000"),
	R("local time", "\x8a\x0e"
			"20260101000000"),
	R("31 February", "\x8a\x0f"
			 "20260231000000Z"),
	R("hour 24", "\x8a\x0f"
		     "20260101240000Z"),
	R("second 60", "\x8a\x0f"
		       "20260101000060Z"),
	R("a letter", "\x8a\x0f"
		      "2026010100000aZ"),
	R("trailing zero", "\x8a\x12"
			   "20260101000000.50Z"),
	R("bare point", "\x8a\x10"
			"20260101000000.Z"),
	R("comma", "\x8a\x11"
		   "20260101000000,5Z"),
	R("ten digits", "\x8a\x1a"
			"20260101000000.1234567891Z"),
	R("before 1970", "\x8a\x0f"
			 "19691231235959Z"),
	R("year 9999: beyond 64 bits of nanoseconds", "\x8a\x0f"
						      "99991231235959Z"),
};

Test(ber, times_refused)
{
	for (size_t i = 0; i < sizeof(refused_times) / sizeof(refused_times[0]); i++) {
		const struct refused_row *row = &refused_times[i];
		struct wire_reader r = wire_reader_of(row->octets, row->n);
		ber_get_time(&r, 0x8a);
		cr_expect_eq(wire_finish(&r), POI_ERR_INVALID, "%s", row->what);
	}
}

Test(ber, booleans)
{
	struct ber_writer w = writer(8);
	ber_put_boolean(&w, 0x8e, false);
	ber_put_boolean(&w, 0x8e, true);
	EXPECT(&w, "\x8e\1\xff\x8e\1\0");
	struct wire_reader r = wire_reader_of(w.at, 6);
	cr_expect(ber_get_boolean(&r, 0x8e));
	cr_expect(!ber_get_boolean(&r, 0x8e));
	cr_expect_eq(wire_finish(&r), 0);
	r = wire_reader_of("\x8e\1\1", 3);
	ber_get_boolean(&r, 0x8e);
	cr_expect_eq(wire_finish(&r), POI_ERR_INVALID);
}

struct identifier_row {
	uint32_t number;
	const char *octets;
	size_t n;
};

static const struct identifier_row identifier_rows[] = {
	{0, "\xa0", 1},
	{30, "\xbe", 1},
	{31, "\xbf\x1f", 2},
	{56, "\xbf\x38", 2},
	{127, "\xbf\x7f", 2},
	{128, "\xbf\x81\x00", 3},
	{132, "\xbf\x81\x04", 3},
	{16383, "\xbf\xff\x7f", 3},
	{16384, "\xbf\x81\x80\x00", 4},
	{2097151, "\xbf\xff\xff\x7f", 4},
	{2097152, "\xbf\x81\x80\x80\x00", 5},
	{268435455, "\xbf\xff\xff\xff\x7f", 5},
};

Test(ber, identifiers)
{
	for (size_t i = 0; i < sizeof(identifier_rows) / sizeof(identifier_rows[0]); i++) {
		const struct identifier_row *row = &identifier_rows[i];
		struct ber_writer w = writer(600);
		uint32_t number = 1;

		const uint8_t *mark = w.at;
		ber_put_octets(&w, 0x81, room, 300);
		ber_wrap_number(&w, BER_CONTEXT | BER_CONSTRUCTED, row->number, mark);
		cr_assert_eq(w.error, 0);
		cr_expect_eq(ber_written(&w), row->n + 3 + 304, "%u", row->number);
		cr_expect_arr_eq(w.at, row->octets, row->n, "%u", row->number);
		struct wire_reader r = wire_reader_of(w.at, ber_written(&w));
		cr_expect_eq(ber_peek_number(&r, &number), 0xa0);
		cr_expect_eq(number, row->number);
		struct wire_reader v = ber_get_number(&r, 0xa0, row->number);
		cr_expect_eq(wire_left(&v), 304, "%u", row->number);
		cr_expect_eq(wire_finish(&r), 0, "%u", row->number);
	}
}

Test(ber, identifiers_without_room)
{
	for (size_t capacity = 0; capacity < 6; capacity++) {
		struct ber_writer w = writer(capacity);

		ber_wrap_number(&w, 0xa0, 268435455, w.at);
		cr_expect_eq(w.error, POI_ERR_TOO_LARGE);
		cr_expect_geq(w.at, w.start);
	}
}

static const struct refused_row refused_identifiers[] = {
	R("another number", "\xbf\x39\0"),
	R("another form", "\x9f\x38\0"),
	R("30 in two octets", "\xbf\x1e\0"),
	R("a zero in front", "\xbf\x80\x38\0"),
	R("cut in its number", "\xbf\x81"),
	R("cut after its first octet", "\xbf"),
	R("more than 28 bits", "\xbf\x81\x80\x80\x80\0\0"),
	R("no length", "\xbf\x38"),
};

Test(ber, identifiers_refused)
{
	for (size_t i = 0; i < sizeof(refused_identifiers) / sizeof(refused_identifiers[0]); i++) {
		const struct refused_row *row = &refused_identifiers[i];
		struct wire_reader r = wire_reader_of(row->octets, row->n);

		ber_get_number(&r, 0xa0, 56);
		cr_expect_lt(wire_finish(&r), 0, "%s", row->what);
	}
}
