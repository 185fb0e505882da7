// Lines in, answers out in the order of the events, however slow the peer.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "events/nf_connection.h"

static int peer;
static struct nf_connection *c;

static void setup(void)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	peer = pair[0];
	c = nf_connection_new(pair[1], 7, 1);
	cr_assert_not_null(c);
}

static void teardown(void)
{
	nf_connection_free(c);
	close(peer);
}

TestSuite(nf_connection, .init = setup, .fini = teardown);

static void send_text(const char *text)
{
	cr_assert_eq(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

static const char *line_of(void)
{
	static char copy[256];
	size_t length;
	int error;

	cr_assert_eq(nf_connection_read(c), POI_OK);
	char *line = nf_connection_line(c, &length, &error);
	if (!line)
		return NULL;
	snprintf(copy, sizeof(copy), "%.*s", (int)length, line);
	nf_connection_done(c);
	return copy;
}

static const char *received(void)
{
	static char text[4096];

	cr_assert_eq(nf_connection_flush(c, 5), POI_OK);
	ssize_t n = read(peer, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	return text;
}

Test(nf_connection, lines_come_whole)
{
	send_text("one\ntw");
	cr_assert_str_eq(line_of(), "one");
	cr_assert_null(line_of());
	send_text("o\n\nthree\n");
	cr_assert_str_eq(line_of(), "two");
	cr_assert_str_eq(line_of(), "");
	cr_assert_str_eq(line_of(), "three");
}

// Half a line is dropped; whole ones before it are answered, though the peer sends no more.
Test(nf_connection, a_peer_that_ends_gets_its_answers)
{
	send_text("one\nhalf");
	cr_assert_not(nf_connection_gone(c));
	cr_assert_eq(shutdown(peer, SHUT_WR), 0);
	cr_assert(nf_connection_gone(c));
	cr_assert_not(nf_connection_over(c), "not read yet");
	cr_assert_str_eq(line_of(), "one");
	uint16_t a = nf_connection_begin(c, 1);
	cr_assert_eq(nf_connection_read(c), POI_OK);
	cr_assert_not(nf_connection_reads(c));
	cr_assert(!nf_connection_over(c) && nf_connection_waits(c));
	nf_connection_answer(c, a, NULL, false);
	cr_assert(nf_connection_over(c) && !nf_connection_waits(c));
	cr_assert_str_eq(received(), "{\"id\":1,\"ok\":true}\n");
}

Test(nf_connection, answers_keep_the_order_of_events)
{
	uint16_t a = nf_connection_begin(c, 1), b = nf_connection_begin(c, 2),
		 d = nf_connection_begin(c, 3);

	nf_connection_answer(c, d, NULL, false);
	nf_connection_answer(c, b, "a \"quoted\" \\ member\n", false);
	cr_assert_str_eq(received(), "");
	nf_connection_answer(c, a, NULL, false);
	cr_assert_str_eq(received(), "{\"id\":1,\"ok\":true}\n"
				     "{\"id\":2,\"error\":\"a \\\"quoted\\\" \\\\ member?\"}\n"
				     "{\"id\":3,\"ok\":true}\n");
	nf_connection_answer(c, a, "again", false);
	nf_connection_answer(c, (uint16_t)(d + 1), "never begun", false);
	cr_assert_str_eq(received(), "");
}

Test(nf_connection, what_waits_is_answered_later)
{
	uint16_t a = nf_connection_begin(c, 1);

	(void)nf_connection_begin(c, 2);
	nf_connection_answer(c, a, NULL, false);
	nf_connection_later(c);
	cr_assert_str_eq(received(), "{\"id\":1,\"ok\":true}\n{\"id\":2,\"later\":true}\n");
}

Test(nf_connection, the_window_is_bounded)
{
	for (unsigned round = 0; round < 600; round++) { // past the end of the numbers of places
		uint16_t first = nf_connection_begin(c, round);
		for (unsigned i = 1; i < NF_CONNECTION_WINDOW; i++)
			(void)nf_connection_begin(c, i);
		send_text("x\n");
		cr_assert_not(nf_connection_reads(c), "no more until one is answered");
		cr_assert_null(line_of());
		nf_connection_answer(c, first, NULL, false);
		cr_assert_str_eq(line_of(), "x");
		nf_connection_later(c);
		for (unsigned i = 0; i < 8; i++)
			(void)received();
	}
}

Test(nf_connection, a_peer_that_does_not_read_is_seen)
{
	unsigned n = 0;

	while (nf_connection_reads(c) && n++ < 100000) {
		nf_connection_answer(c, nf_connection_begin(c, n), NULL, false);
		cr_assert_eq(nf_connection_flush(c, 9), POI_OK);
	}
	cr_assert_lt(n, 100000);
	cr_assert_eq(nf_connection_stuck_ms(c), 9);
	cr_assert(nf_connection_writes(c));
}

Test(nf_connection, a_line_without_an_end)
{
	static char text[NF_CONNECTION_LINE_MAX + 2];
	size_t length, sent = 0;
	int error = 0;

	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 1000 && !error; i++) {
		ssize_t n = write(peer, text, sizeof(text) - sent);
		sent += n > 0 ? (size_t)n : 0;
		cr_assert_eq(nf_connection_read(c), POI_OK);
		cr_assert_null(nf_connection_line(c, &length, &error));
	}
	cr_assert_eq(error, POI_ERR_TOO_LARGE);
}
