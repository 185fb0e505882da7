// The encodings that a body may have: UTF-8 and UTF-16, and what it declares.
#include "control/xml/x1_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define PING(id)                                                                                  \
	"<x1:X1Request xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" "                        \
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"                                \
	"<x1:x1RequestMessage xsi:type=\"x1:PingRequest\"><x1:admfIdentifier>" id                 \
	"</x1:admfIdentifier><x1:neIdentifier>ne-poi-01</x1:neIdentifier>"                        \
	"<x1:messageTimestamp>2026-11-22T08:15:30.000100Z</x1:messageTimestamp>"                  \
	"<x1:version>v1.8.1</x1:version><x1:x1TransactionId>5f0d2a10-7c1e-4b52-9a51-0c6f3d1f0001" \
	"</x1:x1TransactionId></x1:x1RequestMessage></x1:X1Request>"

static void expect(const char *text, size_t length, const char *sender, const char *why)
{
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	// Behind the last octet there is nothing to be read.
	char *exact = malloc(length);
	memcpy(exact, text, length);
	struct x1_container *c = x1_decode(d, exact, length);
	cr_assert_not_null(c);
	if (why != NULL) {
		cr_expect(c->top_level_error, "not refused: %s", why);
		cr_expect_str_eq(c->why != NULL ? c->why : "", why);
	} else {
		cr_expect(!c->top_level_error, "%s", c->why);
		cr_assert_eq(c->n_messages, 1);
		cr_expect_str_eq(c->messages[0].admf_identifier, sender);
	}
	x1_container_free(c);
	x1_decoder_free(d);
	free(exact);
}

static void expect_text(const char *text, const char *why)
{
	expect(text, strlen(text), "admf-01", why);
}

Test(x1_encoding, one_that_is_declared_and_not_there)
{
	static const char *const others[] = {"UTF-7", "UTF-16", "utf-16le", "ISO-8859-1",
		"US-ASCII", "EBCDIC-CP-US", "IBM037", "x-unknown", "UTF8", "UTF-8x", ""};
	char text[2000];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(text, sizeof(text), "<?xml version=\"1.0\" encoding=\"%s\"?>%s", others[i],
			PING("admf-01"));
		expect_text(text, "the declared encoding is not UTF-8");
		snprintf(text, sizeof(text),
			"\xef\xbb\xbf<?xml version='1.0'\n\tencoding = '%s' standalone='yes' ?>%s",
			others[i], PING("admf-01"));
		expect_text(text, "the declared encoding is not UTF-8");
	}
}

Test(x1_encoding, utf8_however_it_is_written)
{
	expect_text(DECLARATION PING("admf-01"), NULL);
	expect_text(PING("admf-01"), NULL);
	expect_text("<?xml version=\"1.0\"?>" PING("admf-01"), NULL);
	expect_text("<?xml version='1.0' encoding='utf-8'?>" PING("admf-01"), NULL);
	expect_text("\xef\xbb\xbf" DECLARATION PING("admf-01"), NULL);
	// An encoding elsewhere declares nothing.
	expect_text("<?xml-x encoding=\"UTF-7\"?>" PING("admf-01"), NULL);
	expect_text(DECLARATION "<?x encoding=\"UTF-7\"?>" PING("admf-01"), NULL);
	expect(PING("admf-\xc3\xa4"), strlen(PING("admf-\xc3\xa4")), "admf-\xc3\xa4", NULL);
	expect_text(DECLARATION PING("admf-\xff"), "the body is not well-formed XML");
	// No XML at all.
	expect_text("+ADw-?xml version=\"1.0\" encoding=\"UTF-7\"?+AD4-", "the body is not XML");
	expect_text("\x4c\x6f\xa7\x94\x93", "the body is not XML");
}

static size_t utf16(const uint32_t *text, size_t n, bool big, char *out)
{
	size_t used = 0;
	uint32_t units[2];

	for (size_t i = 0; i < n; i++) {
		unsigned m = 1;
		units[0] = text[i];
		if (text[i] >= 0x10000) {
			units[0] = 0xD800 + ((text[i] - 0x10000) >> 10);
			units[1] = 0xDC00 + ((text[i] - 0x10000) & 0x3FF);
			m = 2;
		}
		for (unsigned k = 0; k < m; k++) {
			out[used++] = (char)(big ? units[k] >> 8 : units[k]);
			out[used++] = (char)(big ? units[k] : units[k] >> 8);
		}
	}
	return used;
}

// `at` of the text is replaced by `c`.
static size_t make(const char *text, const char *at, uint32_t c, bool big, bool mark, char *out)
{
	uint32_t points[2000];
	size_t n = 0;
	const char *place = at != NULL ? strstr(text, at) : NULL;

	if (mark)
		points[n++] = 0xFEFF;
	for (const char *p = text; *p; p++)
		points[n++] = p == place ? c : (uint32_t)*p;
	return utf16(points, n, big, out);
}

Test(x1_encoding, utf16_is_one_of_xmls_two)
{
	static const char text[] = "<?xml version=\"1.0\" encoding=\"UTF-16\"?>" PING("admf-@");
	char out[8000];

	for (int big = 0; big < 2; big++) {
		expect(out, make(text, "@", 'x', big, true, out), "admf-x", NULL);
		expect(out, make(text, "@", 0xE4, big, true, out), "admf-\xc3\xa4", NULL);
		expect(out, make(text, "@", 0x20AC, big, true, out), "admf-\xe2\x82\xac", NULL);
		expect(out, make(text, "@", 0x1F600, big, true, out), "admf-\xf0\x9f\x98\x80",
			NULL);
		expect(out, make(PING("admf-@"), "@", 'x', big, true, out), "admf-x", NULL);
		// Half a pair, half a unit, none at all, no mark, another declaration.
		expect(out, make(text, "@", 0xD800, big, true, out), NULL,
			"the body is not UTF-16");
		expect(out, make(text, "@", 0xDC00, big, true, out), NULL,
			"the body is not UTF-16");
		expect(out, make(text, "@", 'x', big, true, out) - 1, NULL,
			"the body is not UTF-16");
		expect(out, 2, NULL, "the body is not UTF-16");
		expect(out, make(text, "@", 'x', big, false, out), NULL, "the body is not UTF-8");
		expect(out, make(DECLARATION PING("admf-@"), "@", 'x', big, true, out), NULL,
			"the body is UTF-16 and declares another encoding");
		// The rules on octets hold behind it.
		expect(out, make(text, "@", 0, big, true, out), NULL, "the body is not UTF-8");
		expect(out, make("<!DOCTYPE x>" PING("admf-@"), "@", 'x', big, true, out), NULL,
			"a document type is not allowed");
	}
}
