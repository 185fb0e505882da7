#include "control/http/listener.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/tls.h"

// A listener in a child process; the test is its peer over real TLS with throw-away certificates.

#define PKI                                                                                   \
	"cd %s && exec >/dev/null 2>&1; "                                                     \
	"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "       \
	"-subj /CN=ca -keyout ca.key -out ca.pem || exit 1; "                                 \
	"for n in ne:serverAuth ne-02:serverAuth admf-01:clientAuth; do i=${n%%:*}; "         \
	"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$i/UID=$i " \
	"-keyout $i.key -out $i.csr || exit 1; printf "                                       \
	"'extendedKeyUsage=%%s\\nsubjectAltName=IP:127.0.0.1\\n' ${n#*:} >$i.ext; "           \
	"openssl x509 -req -in $i.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "      \
	"-extfile $i.ext -out $i.pem || exit 1; done; chmod 600 *.key"

#define HUGE_SIZE (100u << 20)

static char folder[64], ca[96], ne_pem[96], ne_key[96], ne2_pem[96], ne2_key[96], admf_pem[96],
	admf_key[96];
static struct config config, other;
static struct listener *running;
static pid_t child;

struct late {
	struct http_exchange *x;
	struct event *timer;
};

static void answer(struct http_exchange *x, const struct http_request *r)
{
	char text[300];
	snprintf(text, sizeof(text), "%s %d %d %zu ne %u", r->peer_uid, http_peer_is(x, "admf-01"),
		http_peer_is(x, "admf-02"), r->body_length, r->ne);
	http_respond(x, text, strlen(text));
}

static void answer_late(evutil_socket_t fd, short what, void *context)
{
	struct late *l = context;
	const char *text = http_peer_is(l->x, "admf-01") ? "late" : "nobody";
	http_respond(l->x, text, strlen(text));
	event_free(l->timer);
	free(l);
}

static void handler(void *context, struct http_exchange *x, const struct http_request *r)
{
	struct timeval soon = {.tv_usec = 150000};
	if (r->body_length == 4 && memcmp(r->body, "late", 4) == 0) {
		struct late *l = calloc(1, sizeof(*l));
		l->x = x;
		l->timer = evtimer_new(context, answer_late, l);
		evtimer_add(l->timer, &soon);
	} else if (r->body_length == 4 && memcmp(r->body, "huge", 4) == 0) {
		char *text = malloc(HUGE_SIZE);
		memset(text, 'h', HUGE_SIZE);
		http_respond_take(x, text, HUGE_SIZE);
	} else if (r->body_length == 4 && memcmp(r->body, "busy", 4) == 0) {
		http_refuse(x, 503);
	} else {
		answer(x, r);
	}
}

// Goes over to the other configuration, and back.
static void on_signal(evutil_socket_t number, short what, void *context)
{
	char why[200] = "";
	if (number == SIGUSR2) { // one that cannot be
		struct config wrong = other;
		wrong.nes[1].tls.key = ca;
		if (listener_configure(running, &wrong, why, sizeof(why)) != POI_ERR_TLS)
			_exit(2);
		wrong = other;
		wrong.n_nes = 0;
		if (listener_configure(running, &wrong, why, sizeof(why)) != POI_ERR_INVALID)
			_exit(3);
		return;
	}
	if (listener_configure(running, &other, why, sizeof(why)) != 0) {
		fprintf(stderr, "%s\n", why);
		_exit(4);
	}
	// The old one is not referred to.
	memset(&config, 0xee, sizeof(config));
}

static void serve(int ready)
{
	char why[200];
	struct event_base *base = event_base_new();
	event_add(evsignal_new(base, SIGUSR1, on_signal, NULL), NULL);
	event_add(evsignal_new(base, SIGUSR2, on_signal, NULL), NULL);
	running = listener_new(base, &config, handler, base, why, sizeof(why));
	if (running == NULL) {
		fprintf(stderr, "%s\n", why);
		_exit(1);
	}
	if (listener_reload(running, why, sizeof(why)) != 0 || write(ready, "r", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

static uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void start(void)
{
	char command[1500], octet;
	int ready[2];

	signal(SIGPIPE, SIG_IGN);
	strcpy(folder, "/tmp/poi-listener-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(command, sizeof(command), PKI, folder);
	cr_assert_eq(system(command), 0);
	snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
	snprintf(ne_pem, sizeof(ne_pem), "%s/ne.pem", folder);
	snprintf(ne_key, sizeof(ne_key), "%s/ne.key", folder);
	snprintf(ne2_pem, sizeof(ne2_pem), "%s/ne-02.pem", folder);
	snprintf(ne2_key, sizeof(ne2_key), "%s/ne-02.key", folder);
	snprintf(admf_pem, sizeof(admf_pem), "%s/admf-01.pem", folder);
	snprintf(admf_key, sizeof(admf_key), "%s/admf-01.key", folder);
	config.n_nes = 1;
	config.nes[0].ne_identifier = "ne-01";
	config.nes[0].path = "/X1/NE";
	config.nes[0].listen.address = (struct ip_address){.family = 4, .b = {127, 0, 0, 1}};
	config.nes[0].listen.port = free_port();
	config.nes[0].tls = (struct config_tls){ne_pem, ne_key, ca, NULL};
	config.limits = (struct config_limits){.connections = 4,
		.connections_per_peer = 3,
		.handshake_timeout = 1,
		.header_timeout = 1,
		.body_timeout = 1,
		.idle_timeout = 5,
		.body = 100000,
		.header = 4096,
		.streams = 100,
		.resets = 100,
		.settings = 10,
		.pings = 10};
	other = config;
	other.n_nes = 3;
	other.nes[0].server_name = "one.example";
	other.nes[1] = other.nes[0];
	other.nes[1].ne_identifier = "ne-02";
	other.nes[1].server_name = "two.example";
	other.nes[1].tls.certificate = ne2_pem;
	other.nes[1].tls.key = ne2_key;
	other.nes[2] = other.nes[0];
	other.nes[2].ne_identifier = "ne-03";
	other.nes[2].listen.port = free_port();
	cr_assert_eq(pipe(ready), 0);
	child = fork();
	if (child == 0)
		serve(ready[1]);
	close(ready[1]);
	cr_assert_eq(read(ready[0], &octet, 1), 1);
}

static void stop(void)
{
	char command[100];
	int status;
	cr_assert_eq(waitpid(child, &status, WNOHANG), 0, "the listener died");
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(listener, .init = start, .fini = stop, .timeout = 30);

static int connect_tcp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(config.nes[0].listen.port)};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static SSL *connect_name(const char *name)
{
	struct tls_files files = {admf_pem, admf_key, ca, NULL};
	char why[200];
	SSL_CTX *context = tls_client_context(&files, why, sizeof(why));
	cr_assert_not_null(context, "%s", why);
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_fd(ssl, connect_tcp());
	if (name != NULL)
		SSL_set_tlsext_host_name(ssl, name);
	if (SSL_connect(ssl) == 1)
		return ssl;
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
	return NULL;
}

static SSL *connect_tls(void)
{
	SSL *ssl = connect_name(NULL);
	cr_assert_not_null(ssl);
	return ssl;
}

static void end(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);
	SSL_free(ssl);
	close(fd);
}

static void send_text(SSL *ssl, const char *text)
{
	cr_assert_gt(SSL_write(ssl, text, (int)strlen(text)), 0);
}

// Reads until `what` is in it or the connection ends; true when it is.
static bool expect(SSL *ssl, const char *what)
{
	char text[8192];
	size_t used = 0;
	int n;
	while (used < sizeof(text) - 1 &&
		(n = SSL_read(ssl, text + used, (int)(sizeof(text) - 1 - used))) > 0) {
		used += (size_t)n;
		text[used] = '\0';
		if (strstr(text, what) != NULL)
			return true;
	}
	return false;
}

static bool ended(SSL *ssl)
{
	char octet;
	return SSL_read(ssl, &octet, 1) <= 0;
}

static void post(SSL *ssl, const char *body)
{
	char text[500];
	snprintf(text, sizeof(text),
		"POST /X1/NE HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
		body);
	send_text(ssl, text);
}

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
	char octet;
	int fd = connect_tcp(); // says nothing
	cr_assert_leq(read(fd, &octet, 1), 0);
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

Test(listener, http2_peer_that_vanishes_with_everything_open)
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

Test(listener, http2_peer_that_does_not_read)
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

Test(listener, http2_deadlines)
{
	SSL *ssl = connect_http2(); // a header that is never completed
	time_t before = time(NULL);
	SSL_write(ssl, "\0\0\15\1\0\0\0\0\1\x83\x87\4\6/X1/NE\1\1a", 22);
	cr_assert_not(expect(ssl, "never"));
	cr_assert_leq(time(NULL) - before, 3);
	end(ssl);
	cr_assert(http2_works());
}

Test(listener, http2_flood)
{
	SSL *ssl = connect_http2();
	for (int i = 0; i < 12; i++)
		SSL_write(ssl, "\0\0\x8\6\0\0\0\0\0abcdefgh", 17);
	cr_assert_not(expect(ssl, "never"));
	end(ssl);
	cr_assert(http2_works());
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
