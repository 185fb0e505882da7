#pragma once

// A listener in a child process; the test is its peer over real TLS with throw-away certificates.
// For one test program each.

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

static inline void answer(struct http_exchange *x, const struct http_request *r)
{
	char text[300];
	snprintf(text, sizeof(text), "%s %d %d %zu ne %u", r->peer_uid, http_peer_is(x, "admf-01"),
		http_peer_is(x, "admf-02"), r->body_length, r->ne);
	http_respond(x, strdup(text), strlen(text));
}

static inline void answer_late(evutil_socket_t fd, short what, void *context)
{
	struct late *l = context;
	const char *text = http_peer_is(l->x, "admf-01") ? "late" : "nobody";
	http_respond(l->x, strdup(text), strlen(text));
	event_free(l->timer);
	free(l);
}

static inline void handler(void *context, struct http_exchange *x, const struct http_request *r)
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
		http_respond(x, text, HUGE_SIZE);
	} else if (r->body_length == 4 && memcmp(r->body, "busy", 4) == 0) {
		http_refuse(x, 503);
	} else {
		answer(x, r);
	}
}

// Goes over to the other configuration, and back.
static inline void on_signal(evutil_socket_t number, short what, void *context)
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

static inline void serve(int ready)
{
	char why[200];
	struct event_base *base = event_base_new();
	char log[96];
	snprintf(log, sizeof(log), "%s/log", folder);
	if (freopen(log, "a", stderr) == NULL)
		_exit(1);
	event_add(evsignal_new(base, SIGUSR1, on_signal, NULL), NULL);
	event_add(evsignal_new(base, SIGUSR2, on_signal, NULL), NULL);
	running = listener_new(base, &config, handler, base, why, sizeof(why));
	if (running == NULL) {
		fprintf(stderr, "%s\n", why);
		_exit(1);
	}
	if (listener_configure(running, &config, why, sizeof(why)) != 0 || write(ready, "r", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

static inline uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static inline void start(void)
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

static inline void stop(void)
{
	char command[100];
	int status;
	cr_assert_eq(waitpid(child, &status, WNOHANG), 0, "the listener died");
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

static inline int connect_tcp(void)
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

static inline SSL *connect_name(const char *name)
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

static inline SSL *connect_tls(void)
{
	SSL *ssl = connect_name(NULL);
	cr_assert_not_null(ssl);
	return ssl;
}

static inline void end(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);
	SSL_free(ssl);
	close(fd);
}

static inline void send_text(SSL *ssl, const char *text)
{
	cr_assert_gt(SSL_write(ssl, text, (int)strlen(text)), 0);
}

// Reads until `what` is in it or the connection ends; true when it is.
static inline bool expect(SSL *ssl, const char *what)
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

static inline bool ended(SSL *ssl)
{
	char octet;
	return SSL_read(ssl, &octet, 1) <= 0;
}

static inline void post(SSL *ssl, const char *body)
{
	char text[500];
	snprintf(text, sizeof(text),
		"POST /X1/NE HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
		body);
	send_text(ssl, text);
}
