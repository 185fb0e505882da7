// Listener and connections: sockets, certificates, deadlines, and HTTP/1.1.
#include "tests/unit/control/http/listener_world.h"

TestSuite(listener, .init = start, .fini = stop, .timeout = 30);

Test(listener, keeps_alive_and_knows_its_peer)
{
	SSL *ssl = connect_tls();
	for (int i = 0; i < 50; i++) {
		post(ssl, "abc");
		cr_assert(expect(ssl, "admf-01 1 0 3"));
	}
	post(ssl, "late");
	cr_assert(expect(ssl, "\r\n\r\nlate"));
	post(ssl, "busy");
	cr_assert(expect(ssl, "HTTP/1.1 503"));
	post(ssl, "");
	cr_assert(expect(ssl, "admf-01 1 0 0"));
	end(ssl);
}

Test(listener, large_body)
{
	SSL *ssl = connect_tls();
	char *body = calloc(1, 100001);
	memset(body, 'x', 100000);
	send_text(ssl, "POST /X1/NE HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
	send_text(ssl, body);
	cr_assert(expect(ssl, "admf-01 1 0 100000"));
	free(body);
	end(ssl);
}

Test(listener, refusals_are_answered_and_closed)
{
	static const char *const cases[][2] = {
		{"GET /X1/NE HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404"},
		{"POST /X1/NE HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n",
			"HTTP/1.1 413"},
		{"POST /X1/NE HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
			"HTTP/1.1 501"},
		{"POST /X1/NE HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\naPOST",
			"HTTP/1.1 400"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SSL *ssl = connect_tls();
		send_text(ssl, cases[i][0]);
		cr_assert(expect(ssl, cases[i][1]), "case %zu", i);
		cr_assert(ended(ssl), "case %zu", i);
		end(ssl);
	}
}

Test(listener, pipelining_before_the_response)
{
	SSL *ssl = connect_tls();
	post(ssl, "late");
	usleep(30000);
	post(ssl, "abc");
	cr_assert(expect(ssl, "HTTP/1.1 400"));
	cr_assert(ended(ssl));
	end(ssl);
	ssl = connect_tls();
	usleep(200000); // the orphan is answered meanwhile
	post(ssl, "abc");
	cr_assert(expect(ssl, "admf-01"));
	end(ssl);
}

Test(listener, expect_continue)
{
	SSL *ssl = connect_tls();
	send_text(ssl, "POST /X1/NE HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		       "Content-Length: 3\r\n\r\n");
	cr_assert(expect(ssl, "HTTP/1.1 100 Continue\r\n\r\n"));
	send_text(ssl, "abc");
	cr_assert(expect(ssl, "admf-01 1 0 3"));
	end(ssl);
}

Test(listener, peers_that_vanish)
{
	for (int i = 0; i < 10; i++) {
		SSL *ssl = connect_tls();
		post(ssl, "late");
		end(ssl);
	}
	usleep(300000);
	SSL *ssl = connect_tls();
	post(ssl, "abc");
	cr_assert(expect(ssl, "admf-01"));
	end(ssl);
}

Test(listener, deadlines)
{
	static const char *const starts[] = {"POST /X1", "POST /X1/NE HTTP/1.1\r\nHost: a\r\n"
							 "Content-Length: 9\r\n\r\nabc"};
	for (int i = 0; i < 2; i++) {
		SSL *ssl = connect_tls();
		time_t before = time(NULL);
		send_text(ssl, starts[i]);
		cr_assert(ended(ssl));
		cr_assert_leq(time(NULL) - before, 3);
		end(ssl);
	}
	char octets[8];
	int fd = connect_tcp(); // sends nothing: an alert, and the end
	cr_assert_eq(read(fd, octets, sizeof(octets)), 7);
	cr_assert_eq(read(fd, octets, sizeof(octets)), 0);
	close(fd);
}

Test(listener, an_idle_connection_gives_way)
{
	SSL *first = connect_tls(), *second = connect_tls(), *third = connect_tls();
	post(first, "a"); // now `second` is idle for longest
	cr_assert(expect(first, "admf-01"));
	SSL *fourth = connect_tls();
	post(fourth, "abc");
	cr_assert(expect(fourth, "admf-01"));
	cr_assert(ended(second));
	post(first, "abc");
	cr_assert(expect(first, "admf-01"));
	end(first);
	end(second);
	end(third);
	end(fourth);
}

Test(listener, no_certificate_no_entry)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, connect_tcp());
	char octet;
	bool refused = SSL_connect(ssl) != 1 || SSL_read(ssl, &octet, 1) <= 0;
	cr_assert(refused);
	end(ssl);
	SSL_CTX_free(context);
}

static bool certificate_is(SSL *ssl, const char *name)
{
	char subject[200];
	X509_NAME_oneline(
		X509_get_subject_name(SSL_get0_peer_certificate(ssl)), subject, sizeof(subject));
	const char *at = strstr(subject, "/CN=");
	return at != NULL && strncmp(at + 4, name, strlen(name)) == 0 &&
	       at[4 + strlen(name)] == '/';
}

Test(listener, another_configuration)
{
	SSL *idle = connect_tls(), *busy = connect_name("anything.example");
	cr_assert_not_null(busy); // alone on its address: any name
	cr_assert(certificate_is(busy, "ne"));
	post(busy, "late");
	usleep(50000);
	kill(child, SIGUSR2);
	usleep(50000);
	kill(child, SIGUSR1);
	cr_assert(expect(busy, "late"));
	cr_assert(ended(busy));
	cr_assert(ended(idle));
	end(idle);
	end(busy);
	static const struct {
		const char *name, *certificate, *ne;
	} cases[] = {{"one.example", "ne", "ne 0"}, {"TWO.example", "ne-02", "ne 1"}};
	for (int i = 0; i < 2; i++) {
		SSL *ssl = connect_name(cases[i].name);
		cr_assert_not_null(ssl);
		cr_assert(certificate_is(ssl, cases[i].certificate));
		post(ssl, "abc");
		cr_assert(expect(ssl, cases[i].ne));
		end(ssl);
	}
	cr_assert_null(connect_name("three.example"));
	cr_assert_null(connect_name(NULL));
	config.nes[0].listen.port = other.nes[2].listen.port;
	SSL *ssl = connect_tls();
	post(ssl, "abc");
	cr_assert(expect(ssl, "ne 2"));
	end(ssl);
}

// Output of a command with the test's certificates, NULL when there is no such program.
static char *run(const char *program, const char *arguments)
{
	static char text[4096];
	char command[1500];
	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (system(command) != 0)
		return NULL;
	snprintf(command, sizeof(command), "cd %s && %s %s 2>&1", folder, program, arguments);
	FILE *in = popen(command, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, in);
	text[n] = '\0';
	pclose(in);
	return text;
}

#define CURL                                                                            \
	"-s -S --cacert ca.pem --cert admf-01.pem --key admf-01.key -H 'Content-Type: " \
	"application/xml' --max-time 10 "

static char *curl(const char *more, const char *path)
{
	char arguments[1000];
	snprintf(arguments, sizeof(arguments), CURL "%s https://127.0.0.1:%u%s", more,
		config.nes[0].listen.port, path);
	char *text = run("curl", arguments);
	if (text == NULL)
		cr_skip_test("curl is not installed");
	return text;
}

Test(listener, curl_over_both_protocols)
{
	static const char *const versions[][2] = {{"--http2", "2"}, {"--http1.1", "1.1"}};
	for (int i = 0; i < 2; i++) {
		char more[200], expected[60];
		snprintf(more, sizeof(more), "%s -d abc -w ' %%{http_version} %%{http_code}'",
			versions[i][0]);
		char *text = curl(more, "/X1/NE");
		snprintf(expected, sizeof(expected), "admf-01 1 0 3 ne 0 %s 200", versions[i][1]);
		cr_assert_str_eq(text, expected);
		snprintf(more, sizeof(more), "%s -d late -w ' %%{http_code}'", versions[i][0]);
		cr_assert_str_eq(curl(more, "/X1/NE"), "late 200");
		snprintf(more, sizeof(more), "%s -d abc -w '%%{http_code}'", versions[i][0]);
		cr_assert_str_eq(curl(more, "/X1"), "404");
		snprintf(more, sizeof(more), "%s -w '%%{http_code}'", versions[i][0]);
		cr_assert_str_eq(curl(more, "/X1/NE"), "405");
		snprintf(more, sizeof(more), "%s -d huge -w '%%{http_code} %%{size_download}' -o x",
			versions[i][0]);
		cr_assert_str_eq(curl(more, "/X1/NE"), "200 104857600");
	}
}

Test(listener, nghttp_with_many_streams)
{
	char arguments[500];
	snprintf(arguments, sizeof(arguments),
		"--cert=admf-01.pem --key=admf-01.key -d ca.key -m 100 https://127.0.0.1:%u/X1/NE "
		"| grep -c 'admf-01 1 0'",
		config.nes[0].listen.port);
	char *text = run("nghttp", arguments);
	if (text == NULL)
		cr_skip_test("nghttp is not installed");
	cr_assert_eq(atoi(text), 1, "%s", text); // one line without line ends
	cr_assert_not_null(strchr(text, '\n'));
}

Test(listener, protocol_that_nobody_speaks)
{
	struct tls_files files = {admf_pem, admf_key, ca, NULL};
	char why[200];
	SSL_CTX *context = tls_client_context(&files, why, sizeof(why));
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_fd(ssl, connect_tcp());
	SSL_set_alpn_protos(ssl, (const uint8_t *)"\x02h3", 3);
	cr_assert_neq(SSL_connect(ssl), 1);
	end(ssl);
}

// Lines of the listener's log that hold both texts.
static unsigned logged(const char *first, const char *second)
{
	char name[96], line[500];
	unsigned n = 0;

	snprintf(name, sizeof(name), "%s/log", folder);
	for (int i = 0; i < 200 && n == 0; i++) {
		FILE *f = fopen(name, "r");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			n += strstr(line, first) != NULL && strstr(line, second) != NULL;
		if (f != NULL)
			fclose(f);
		usleep(10000);
	}
	return n;
}

// Reads until the connection ends; -1 when it was reset.
static ssize_t read_end(int fd, uint8_t *out, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size && (n = read(fd, out + used, size - used)) != 0) {
		if (n < 0)
			return -1;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

Test(listener, a_stranger_gets_an_alert_and_a_line)
{
	static const uint8_t handshake_failure[] = {21, 3, 3, 0, 2, 2, 40};
	char text[4096];
	uint8_t got[64];
	int fd = connect_tcp();

	// No TLS at all, and more than one read takes.
	memset(text, 'G', sizeof(text));
	memcpy(text, "GET / HTTP/1.1\r\n", 16);
	cr_assert_eq(write(fd, text, sizeof(text)), sizeof(text));
	cr_assert_eq(read_end(fd, got, sizeof(got)), sizeof(handshake_failure));
	cr_assert_arr_eq(got, handshake_failure, sizeof(handshake_failure));
	close(fd);
	cr_assert_eq(logged("TLS handshake with 127.0.0.1 failed", "http request"), 1);
	// Silence.
	fd = connect_tcp();
	cr_assert_eq(read_end(fd, got, sizeof(got)), sizeof(handshake_failure));
	close(fd);
	cr_assert_eq(logged("TLS handshake with 127.0.0.1 failed", "not done in 1 s"), 1);
	cr_assert_eq(logged("TLS handshake", "closed"), 0);
}

Test(listener, a_stranger_that_writes_on_reads_its_alert)
{
	struct tls_files files = {ne_pem, ne_key, ca, NULL}; // serverAuth only
	char why[200], octets[16384] = "";
	SSL_CTX *context = tls_client_context(&files, why, sizeof(why));
	cr_assert_not_null(context, "%s", why);
	SSL *ssl = SSL_new(context);

	SSL_CTX_free(context);
	SSL_set_fd(ssl, connect_tcp());
	cr_assert_eq(SSL_connect(ssl), 1, "TLS 1.3: the client is done before its certificate is looked at");
	for (int i = 0; i < 4; i++)
		(void)SSL_write(ssl, octets, sizeof(octets));
	usleep(300000);
	cr_assert_leq(SSL_read(ssl, octets, sizeof(octets)), 0);
	tls_error_text(why, sizeof(why));
	cr_assert_not_null(strstr(why, "alert"), "%s", why);
	end(ssl);
	cr_assert_eq(logged("TLS handshake with 127.0.0.1 failed", "the peer's certificate: "), 1);
}

Test(listener, failed_handshakes_make_room_first)
{
	char octet;
	int strangers[2];
	SSL *ssl = connect_tls();

	for (int i = 0; i < 2; i++) {
		strangers[i] = connect_tcp();
		cr_assert_eq(write(strangers[i], "GET / HTTP/1.1\r\n", 16), 16);
	}
	usleep(200000); // both linger now
	SSL *second = connect_tls();
	post(second, "abc");
	cr_assert(expect(second, "admf-01"));
	post(ssl, "abc");
	cr_assert(expect(ssl, "admf-01"), "a good peer was not pushed out");
	end(ssl);
	end(second);
	for (int i = 0; i < 2; i++) {
		(void)!read(strangers[i], &octet, 1);
		close(strangers[i]);
	}
}
