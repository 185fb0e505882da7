// The HTTP/2 session against octets that no client library writes.
#include "tests/unit/control/http/http2_world.h"

TestSuite(http2_flood, .init = start, .fini = stop, .timeout = 60);

static void frame(uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t length)
{
	uint8_t octets[20000] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
		type, flags, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8), (uint8_t)stream};
	if (length > 0)
		memcpy(octets + 9, payload, length);
	feed(octets, 9 + length);
}

// POST, https, /X1/NE, authority a.
static const uint8_t header[] = {0x83, 0x87, 0x04, 6, '/', 'X', '1', '/', 'N', 'E', 0x01, 1, 'a'};

static void greet(void)
{
	feed(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
	frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
	by_hand = true;
}

static void expect_flood(uint32_t code)
{
	drain();
	cr_assert_eq(goaway, code + 1, "%u", goaway);
	cr_assert(http2_ended(server));
	feed(header, sizeof(header)); // thrown away
	cr_assert_eq(drain(), 0);
}

// Sends the frame until the session ends; the number it took.
static int until_flooded(uint8_t type, uint8_t flags, uint32_t stream, const void *p, size_t n)
{
	int sent = 0;
	while (fed == 0 && sent < 100000) {
		frame(type, flags, stream, p, n);
		sent++;
		if (sent % 10 == 0)
			drain();
		if (http2_flooded(server))
			break;
	}
	return sent;
}

Test(http2_flood, pings)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_PING, 0, 0, "12345678", 8), 11);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, pings_at_a_decent_pace)
{
	greet();
	for (int i = 0; i < 100; i++) {
		now += 7000;
		frame(NGHTTP2_PING, 0, 0, "12345678", 8);
		drain();
	}
	cr_assert_eq(fed, 0);
}

Test(http2_flood, settings)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_SETTINGS, 0, 0, NULL, 0), 10);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, acknowledgements_that_nobody_reads)
{
	limits.pings = 100000;
	http2_free(server);
	server = new_server();
	greet();
	int sent = 0;
	for (; fed == 0 && sent < 1000; sent++)
		frame(NGHTTP2_PING, 0, 0, "12345678", 8);
	cr_assert_lt(sent, 200);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, priority_and_unknown_frames)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\1", 5), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, unknown_frames)
{
	greet();
	cr_assert_eq(until_flooded(0x42, 0, 0, "a", 1), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, window_updates)
{
	greet();
	cr_assert_eq(until_flooded(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4), 201);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, empty_data)
{
	greet();
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, header, sizeof(header));
	cr_assert_eq(until_flooded(NGHTTP2_DATA, 0, 1, NULL, 0), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, padding_is_empty_data_too)
{
	static const uint8_t padding[6] = {5};
	greet();
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, header, sizeof(header));
	cr_assert_eq(until_flooded(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, padding, 6), 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, rapid_reset)
{
	int n = 0;
	greet();
	while (fed == 0 && n < 1000) {
		frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, (uint32_t)(2 * n + 1), header,
			sizeof(header));
		frame(NGHTTP2_RST_STREAM, 0, (uint32_t)(2 * n + 1), "\0\0\0\10", 4);
		n++;
	}
	cr_assert_eq(n, 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

// Each frame is wrong for its stream alone, so that the server resets it.
Test(http2_flood, made_you_reset)
{
	int n = 0;
	greet();
	while (fed == 0 && !http2_flooded(server) && n < 1000) {
		frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, (uint32_t)(2 * n + 1), header,
			sizeof(header));
		frame(NGHTTP2_WINDOW_UPDATE, 0, (uint32_t)(2 * n + 1), "\x7f\xff\xff\xff", 4);
		drain();
		n++;
	}
	cr_assert_eq(n, 101);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, continuations)
{
	greet();
	frame(NGHTTP2_HEADERS, 0, 1, header, sizeof(header));
	cr_assert_lt(until_flooded(NGHTTP2_CONTINUATION, 0, 1, "\x82", 1), 12);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

// One octet names a field of 4000 octets each time.
Test(http2_flood, header_bomb)
{
	uint8_t block[16000];
	greet();
	memcpy(block, header, sizeof(header));
	size_t n = sizeof(header);
	memcpy(block + n, "\x40\x01z\x7f\xa1\x1e", 6); // literal, indexed, 4000 octets
	n += 6;
	memset(block + n, 'a', 4000);
	n += 4000;
	memset(block + n, 0xbe, sizeof(block) - n);
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block, sizeof(block));
	cr_assert_eq(fed, POI_ERR_LIMIT);
	expect_flood(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(http2_flood, a_header_that_never_ends)
{
	greet();
	frame(NGHTTP2_HEADERS, 0, 1, header, sizeof(header));
	now += 10000;
	cr_assert_leq(http2_deadline(server), now);
	cr_assert_eq(http2_expire(server, now), HTTP2_LATE_HEADER);
	expect_flood(NGHTTP2_NO_ERROR);
}

Test(http2_flood, not_http2)
{
	by_hand = true;
	feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	cr_assert_eq(fed, POI_ERR_INVALID);
	expect_flood(NGHTTP2_PROTOCOL_ERROR);
}

Test(http2_flood, any_portions)
{
	uint8_t all[24 + 9 + 9 + sizeof(header)];
	struct http2_request r;
	memcpy(all, NGHTTP2_CLIENT_MAGIC, 24);
	memcpy(all + 24, "\0\0\0\4\0\0\0\0\0", 9);
	memcpy(all + 33, "\0\0\15\1\5\0\0\0\1", 9);
	memcpy(all + 42, header, sizeof(header));
	for (size_t i = 0; i < sizeof(all); i++) {
		cr_assert_not(http2_request(server, &r));
		feed(all + i, 1);
		cr_assert_eq(fed, 0);
	}
	cr_assert(http2_request(server, &r));
	cr_assert_eq(r.length, 0);
}
