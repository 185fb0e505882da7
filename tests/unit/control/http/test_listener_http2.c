// Listener and connections over HTTP/2: peers that vanish, stall, or flood.
#include "tests/unit/control/http/listener_world.h"

TestSuite(listener_http2, .init = start, .fini = stop, .timeout = 30);

static SSL *connect_http2(void)
{
	struct tls_files files = {admf_pem, admf_key, ca, NULL};
	char why[200];
	SSL_CTX *context = tls_client_context(&files, why, sizeof(why));
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_fd(ssl, connect_tcp());
	SSL_set_alpn_protos(ssl, (const uint8_t *)"\x02h2", 3);
	cr_assert_eq(SSL_connect(ssl), 1);
	SSL_write(ssl, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
	return ssl;
}

// A POST of `body` on that stream.
static void post_http2(SSL *ssl, uint8_t stream, const char *body)
{
	uint8_t octets[200] = "\0\0\15\1\4\0\0\0\0\x83\x87\4\6/X1/NE\1\1a\0\0\0\0\1\0\0\0";
	size_t n = strlen(body);
	octets[8] = octets[30] = stream;
	octets[24] = (uint8_t)n;
	memcpy(octets + 31, body, n);
	cr_assert_gt(SSL_write(ssl, octets, (int)(31 + n)), 0);
}

static bool http2_works(void)
{
	SSL *ssl = connect_http2();
	char text[2000];
	size_t used = 0;
	int n;
	post_http2(ssl, 1, "abc");
	while (used < sizeof(text) &&
		(n = SSL_read(ssl, text + used, (int)(sizeof(text) - used))) > 0) {
		used += (size_t)n;
		if (memmem(text, used, "admf-01 1 0 3", 13) != NULL)
			break;
	}
	end(ssl);
	return memmem(text, used, "admf-01 1 0 3", 13) != NULL;
}

Test(listener_http2, http2_peer_that_vanishes_with_everything_open)
{
	for (int i = 0; i < 3; i++) {
		SSL *ssl = connect_http2();
		for (int k = 0; k < 100; k++)
			post_http2(ssl, (uint8_t)(2 * k + 1), "late");
		usleep(50000);
		end(ssl);
	}
	cr_assert(http2_works());
	usleep(300000); // the orphans are answered
	cr_assert(http2_works());
}

Test(listener_http2, http2_peer_that_does_not_read)
{
	SSL *ssl = connect_http2();
	static const uint8_t wide[] = "\0\0\6\4\0\0\0\0\0\0\4\x7f\xff\xff\xff"
				      "\0\0\4\x8\0\0\0\0\0\x7f\xff\0\0";
	SSL_write(ssl, wide, sizeof(wide) - 1);
	post_http2(ssl, 1, "huge");
	time_t before = time(NULL);
	sleep(3); // the deadline is one second
	char octets[16384];
	while (SSL_read(ssl, octets, sizeof(octets)) > 0)
		;
	cr_assert_leq(time(NULL) - before, 6);
	end(ssl);
	cr_assert(http2_works());
}

Test(listener_http2, http2_deadlines)
{
	SSL *ssl = connect_http2(); // a header that is never completed
	time_t before = time(NULL);
	SSL_write(ssl, "\0\0\15\1\0\0\0\0\1\x83\x87\4\6/X1/NE\1\1a", 22);
	cr_assert_not(expect(ssl, "never"));
	cr_assert_leq(time(NULL) - before, 3);
	end(ssl);
	cr_assert(http2_works());
}

Test(listener_http2, http2_flood)
{
	SSL *ssl = connect_http2();
	for (int i = 0; i < 12; i++)
		SSL_write(ssl, "\0\0\x8\6\0\0\0\0\0abcdefgh", 17);
	cr_assert_not(expect(ssl, "never"));
	end(ssl);
	cr_assert(http2_works());
}
