#include <criterion/criterion.h>
#include <string.h>

#include "shared/ids.h"

static const char text[] = "29f28e1c-f230-486a-a860-f5a784ab9172";

Test(ids, parse_and_format)
{
	struct id16 id;
	char out[ID_TEXT_SIZE];

	cr_assert_eq(id_parse(text, 36, &id), POI_OK);
	cr_assert_eq(id.b[0], 0x29);
	cr_assert_eq(id.b[15], 0x72);
	cr_assert(id_is_v4(&id));
	id_format(&id, out);
	cr_assert_str_eq(out, text);
}

Test(ids, every_wrong_octet_is_refused)
{
	static const char wrong[] = "gGA-{ \0/:`";
	struct id16 id;

	for (size_t at = 0; at < 36; at++) {
		for (size_t w = 0; w < sizeof(wrong) - 1; w++) {
			char copy[37];
			memcpy(copy, text, 37);
			if (copy[at] == wrong[w])
				continue;
			copy[at] = wrong[w];
			cr_expect_eq(id_parse(copy, 36, &id), POI_ERR_SYNTAX, "at %zu", at);
		}
	}
	cr_assert_eq(id_parse(text, 35, &id), POI_ERR_SYNTAX);
	cr_assert_eq(id_parse("29f28e1c-f230-486a-a860-f5a784ab91720", 37, &id), POI_ERR_SYNTAX);
	cr_assert_eq(id_parse("", 0, &id), POI_ERR_SYNTAX);
}

Test(ids, version_4_only)
{
	struct id16 id;

	cr_assert_eq(id_parse("29f28e1c-f230-186a-a860-f5a784ab9172", 36, &id), POI_OK);
	cr_assert_not(id_is_v4(&id));
	cr_assert_eq(id_parse("29f28e1c-f230-486a-c860-f5a784ab9172", 36, &id), POI_OK);
	cr_assert_not(id_is_v4(&id));
}

Test(ids, random_is_v4_and_fresh)
{
	struct id16 a = id_random(), b = id_random(), zero = {0};

	cr_assert(id_is_v4(&a));
	cr_assert(id_is_v4(&b));
	cr_assert_not(id_equal(&a, &b));
	cr_assert_not(id_is_zero(&a));
	cr_assert(id_is_zero(&zero));
}

Test(ids, network_element_is_sha256)
{
	// SHA-256 of "abc" (FIPS 180-2, B.1).
	static const struct id16 abc = {{0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23}};
	struct id16 id = id_of_ne("abc");

	cr_assert(id_equal(&id, &abc));
}
