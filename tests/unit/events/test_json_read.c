// JSON by the letter of RFC 8259, less what an event never has.
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "events/json_read.h"

static struct record_node nodes[64];

// Reads from memory of its own length, so that a tool that watches memory sees each octet too many.
static int read_text(const char *json, size_t length, char **kept)
{
	static char *copy;

	free(copy);
	copy = malloc(length ? length : 1);
	memcpy(copy, json, length);
	if (kept)
		*kept = copy;
	return json_read(copy, length, nodes, 64);
}

static int of(const char *json)
{
	return read_text(json, strlen(json), NULL);
}

Test(json_read, a_tree)
{
	cr_assert_eq(of(" {\"a\" : \"x\\n\\u00e9\\ud83d\\ude00\\/\", \"l\":[ 1,{ },true , "
			"false],\"n\":18446744073709551615} \r"),
		8);
	cr_assert(
		nodes[0].kind == NODE_OBJECT && nodes[0].covers == 8 && nodes[0].name_length == 0);
	cr_assert(nodes[1].kind == NODE_TEXT && nodes[1].length == 9 &&
		  !memcmp(nodes[1].text, "x\n\xc3\xa9\xf0\x9f\x98\x80/", 9));
	cr_assert(nodes[2].kind == NODE_LIST && nodes[2].covers == 5 && nodes[2].name[0] == 'l');
	cr_assert(nodes[3].kind == NODE_NUMBER && nodes[3].number == 1);
	cr_assert(nodes[4].kind == NODE_OBJECT && nodes[4].covers == 1);
	cr_assert(nodes[5].kind == NODE_BOOLEAN && nodes[5].number == 1 && nodes[6].number == 0);
	cr_assert(nodes[7].number == UINT64_MAX && nodes[7].name[0] == 'n');
	cr_assert_eq(of("{}"), 1);
}

Test(json_read, everything_else_is_refused)
{
	static const char *const wrong[] = {"", " ", "[]", "1", "\"a\"", "{", "{}}", "{} x",
		"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":[1,]}", "{\"a\":[,1]}",
		"{\"a\":[1 2]}", "{\"a\":1 \"b\":2}", "{a:1}", "{\"a\":01}", "{\"a\":-1}",
		"{\"a\":1.5}", "{\"a\":1e3}", "{\"a\":null}", "{\"a\":tru}",
		"{\"a\":18446744073709551616}", "{\"a\":\"", "{\"a\":\"\\\"}", "{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\udc00\\ud800\"}", "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}",
		"{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xf4\x90\x80\x80\"}",
		"{\"a\":\"\xe2\x82\"}", "{\"a\":]}", "{\"a\":{]}", "{\"a\":[}"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_eq(of(wrong[i]), POI_ERR_INVALID, "%zu: %s", i, wrong[i]);
	cr_expect_eq(read_text("{}\0", 3, NULL), POI_ERR_INVALID);
}

Test(json_read, bounds)
{
	char deep[2 * NF_DEPTH + 16] = "{\"a\":", many[512] = "{\"a\":[0";
	size_t n = 5;

	for (unsigned i = 0; i < NF_DEPTH - 1; i++)
		deep[n++] = '[';
	for (unsigned i = 0; i < NF_DEPTH - 1; i++)
		deep[n++] = ']';
	deep[n++] = '}';
	cr_expect_eq(read_text(deep, n, NULL), NF_DEPTH);
	memmove(deep + 6, deep + 5, n - 5);
	deep[5] = '[';
	deep[n++] = 0;
	memmove(deep + n - 2, "]}", 2);
	cr_expect_eq(read_text(deep, n, NULL), POI_ERR_TOO_LARGE, "deeper");
	for (unsigned i = 0; i < 61; i++)
		strcat(many, ",0");
	strcat(many, "]}");
	cr_expect_eq(of(many), 64);
	many[strlen(many) - 2] = 0;
	strcat(many, ",0]}");
	cr_expect_eq(of(many), POI_ERR_TOO_LARGE);
}

// Each prefix of a good text is refused, and never read beyond.
Test(json_read, prefixes)
{
	static const char good[] = "{\"a\":\"\\u00e9\xc3\xa9\",\"b\":[true,{\"c\":12}]}";

	for (size_t n = 0; n < sizeof(good) - 1; n++)
		cr_assert_eq(read_text(good, n, NULL), POI_ERR_INVALID, "%zu", n);
	cr_assert_eq(of(good), 6);
}
