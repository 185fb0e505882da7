#include <criterion/criterion.h>

#include "shared/wire.h"

Test(wire, round_trip)
{
	uint8_t octets[64], three[3];
	char text[8];
	struct wire_writer w = wire_writer_of(octets, sizeof(octets));

	wire_put_u8(&w, 0xab);
	wire_put_u16(&w, 0x1234);
	wire_put_u32(&w, 0xdeadbeef);
	wire_put_u64(&w, 0x0102030405060708);
	wire_put_octets(&w, "xyz", 3);
	wire_put_text(&w, "hello");
	cr_assert_eq(w.error, 0);
	cr_assert_eq(wire_written(&w), 25);
	cr_assert_eq(octets[1], 0x12);
	cr_assert_eq(octets[7], 0x01);

	struct wire_reader r = wire_reader_of(octets, wire_written(&w));
	cr_assert_eq(wire_get_u8(&r), 0xab);
	cr_assert_eq(wire_get_u16(&r), 0x1234);
	cr_assert_eq(wire_get_u32(&r), 0xdeadbeef);
	cr_assert_eq(wire_get_u64(&r), 0x0102030405060708);
	wire_get_octets(&r, three, 3);
	cr_assert_arr_eq(three, "xyz", 3);
	wire_get_text(&r, text, sizeof(text));
	cr_assert_str_eq(text, "hello");
	cr_assert_eq(wire_finish(&r), POI_OK);
}

Test(wire, reader_error_sticks)
{
	uint8_t octets[3] = {1, 2, 3}, out[4] = {9, 9, 9, 9};
	struct wire_reader r = wire_reader_of(octets, sizeof(octets));

	wire_get_octets(&r, out, 4);
	cr_assert_eq(r.error, POI_ERR_TRUNCATED);
	cr_assert_arr_eq(out, "\0\0\0\0", 4);
	cr_assert_eq(wire_get_u8(&r), 0, "nothing is read after a failure");
	cr_assert_eq(wire_left(&r), 0);
	cr_assert_eq(wire_finish(&r), POI_ERR_TRUNCATED);
}

Test(wire, left_over_is_refused)
{
	struct wire_reader r = wire_reader_of("ab", 2);

	wire_get_u8(&r);
	cr_assert_eq(wire_finish(&r), POI_ERR_INVALID);
}

Test(wire, text_bounds)
{
	char out[4];
	struct wire_reader r = wire_reader_of("\0\3abc", 5);

	wire_get_text(&r, out, 4);
	cr_assert_eq(wire_finish(&r), POI_OK);
	r = wire_reader_of("\0\3abc", 5);
	wire_get_text(&r, out, 3);
	cr_assert_eq(r.error, POI_ERR_TOO_LARGE);
	cr_assert_str_eq(out, "");
	r = wire_reader_of("\0\3a\0c", 5);
	wire_get_text(&r, out, 4);
	cr_assert_eq(r.error, POI_ERR_INVALID);
	r = wire_reader_of("\0\3ab", 4);
	wire_get_text(&r, out, 4);
	cr_assert_eq(r.error, POI_ERR_TRUNCATED);
}

Test(wire, sub_reader)
{
	struct wire_reader r = wire_reader_of("abcd", 4);
	struct wire_reader sub = wire_get_reader(&r, 3);

	cr_assert_eq(wire_left(&sub), 3);
	cr_assert_eq(wire_left(&r), 1);
	sub = wire_get_reader(&r, 2);
	cr_assert_eq(sub.error, POI_ERR_TRUNCATED);
	cr_assert_eq(wire_left(&sub), 0);
}

Test(wire, writer_never_passes_its_end)
{
	uint8_t octets[4] = {0, 0, 0, 0x77};
	struct wire_writer w = wire_writer_of(octets, 3);

	wire_put_u16(&w, 1);
	wire_put_u16(&w, 2);
	cr_assert_eq(w.error, POI_ERR_TOO_LARGE);
	wire_put_u8(&w, 3);
	cr_assert_eq(wire_written(&w), 2, "nothing is written after a failure");
	cr_assert_eq(octets[3], 0x77);
}
