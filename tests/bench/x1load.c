// A load of X1 requests: N connections with a client certificate, M requests in flight on each,
// over HTTP/2 where it is offered and HTTP/1.1 otherwise (one in flight then). Every answer is
// looked at; prints one line of JSON. One thread, poll(2). The request "Trigger" is what an SMF
// sends over LI_T3: each stream activates a task by F-TEID and, when it is in force, deactivates
// it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STALL_MS 30000
#define CONNECTIONS_MAX 256
#define MESSAGE_ROOM 2048 // octets of the largest message below

struct options {
	int port;
	const char *pki, *request, *did;
	unsigned connections, streams, count, batch;
	bool http1;
};

struct buffer {
	char *p;
	size_t length, capacity;
};

struct slot { // one request in flight
	struct slot *free_next;
	struct buffer body, answer;
	size_t sent;
	uint64_t started_us;
	char xid[40]; // of the task that this stream has activated, or ""
};

struct load;

struct connection {
	struct load *load;
	int fd;
	SSL *tls;
	nghttp2_session *h2; // NULL: HTTP/1.1
	struct slot *slots, *free;
	struct buffer out; // TLS has not taken it yet
	size_t out_done;
	short wants;
};

struct load {
	struct options o;
	SSL_CTX *tls;
	struct connection connection[CONNECTIONS_MAX];
	unsigned started, done, wrong;
	uint32_t *took_us; // `done` of them
	uint64_t serial, octets;
	char first_wrong[200];
};

_Noreturn static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	ERR_print_errors_fp(stderr);
	exit(2);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static void append(struct buffer *b, const void *octets, size_t length)
{
	if (b->capacity - b->length < length + 1) {
		size_t capacity = b->capacity ? b->capacity : 4096;
		while (capacity - b->length < length + 1)
			capacity *= 2;
		b->p = realloc(b->p, capacity);
		if (!b->p)
			die("out of memory");
		b->capacity = capacity;
	}
	memcpy(b->p + b->length, octets, length);
	b->length += length;
	b->p[b->length] = 0;
}

// --- requests

static void new_uuid(char *out) // 37 octets
{
	unsigned char r[16];

	if (RAND_bytes(r, sizeof(r)) != 1)
		die("no random numbers");
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	for (unsigned i = 0; i < 16; i++)
		out += sprintf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", r[i]);
}

static int task(const struct load *l, uint64_t serial, char *out, size_t size)
{
	char xid[40];

	new_uuid(xid);
	return snprintf(out, size,
		"<x1:taskDetails><x1:xId>%s</x1:xId><x1:targetIdentifiers><x1:targetIdentifier>"
		"<x1:ipv4Address>10.%u.%u.%u</x1:ipv4Address></x1:targetIdentifier>"
		"</x1:targetIdentifiers><x1:deliveryType>X3Only</x1:deliveryType><x1:listOfDIDs>"
		"<x1:dId>%s</x1:dId></x1:listOfDIDs></x1:taskDetails>",
		xid, (unsigned)(serial >> 16) & 255, (unsigned)(serial >> 8) & 255,
		(unsigned)serial & 255, l->o.did);
}

// A session's content; the XID stays in the slot until the session ends. Returns what is asked for.
static const char *trigger(
	const struct load *l, struct slot *s, uint64_t serial, char *out, size_t size)
{
	char product[40];

	if (s->xid[0]) {
		snprintf(out, size, "<x1:xId>%s</x1:xId>", s->xid);
		s->xid[0] = 0;
		return "DeactivateTask";
	}
	new_uuid(s->xid);
	new_uuid(product);
	snprintf(out, size,
		"<x1:taskDetails><x1:xId>%s</x1:xId><x1:targetIdentifiers><x1:targetIdentifier>"
		"<x1:targetIdentifierExtension><x1:Owner>3GPP</x1:Owner>"
		"<e:UPFLIT3TargetIdentifierExtensions "
		"xmlns:e=\"urn:3GPP:ns:li:3GPPX1Extensions:r18:v6\">"
		"<e:UPFLIT3TargetIdentifier><e:FTEID><e:TEID>%u</e:TEID>"
		"<e:IPv4Address>198.51.100.20</e:IPv4Address></e:FTEID></e:UPFLIT3TargetIdentifier>"
		"</e:UPFLIT3TargetIdentifierExtensions></x1:targetIdentifierExtension>"
		"</x1:targetIdentifier></x1:targetIdentifiers><x1:deliveryType>X3Only</"
		"x1:deliveryType>"
		"<x1:listOfDIDs><x1:dId>%s</x1:dId></x1:listOfDIDs><x1:correlationID>%u</"
		"x1:correlationID>"
		"<x1:productID>%s</x1:productID></x1:taskDetails>",
		s->xid, (unsigned)serial, l->o.did, (unsigned)serial, product);
	return "ActivateTask";
}

static void write_request(struct load *l, struct slot *s)
{
	struct buffer *out = &s->body;
	const char *request = l->o.request;
	static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><x1:X1Request "
				   "xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" "
				   "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">";
	char message[MESSAGE_ROOM], content[1280] = "", transaction[40], when[40];
	time_t seconds = time(NULL);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S.000000Z", &utc);
	out->length = 0;
	append(out, head, sizeof(head) - 1);
	for (unsigned i = 0; i < l->o.batch; i++) {
		new_uuid(transaction);
		if (!strcmp(l->o.request, "ActivateTask"))
			task(l, l->serial++, content, sizeof(content));
		else if (!strcmp(l->o.request, "Trigger"))
			request = trigger(l, s, l->serial++, content, sizeof(content));
		int n = snprintf(message, sizeof(message),
			"<x1:x1RequestMessage xsi:type=\"x1:%sRequest\">"
			"<x1:admfIdentifier>admf-01</x1:admfIdentifier>"
			"<x1:neIdentifier>poi-01</x1:neIdentifier><x1:messageTimestamp>%s"
			"</x1:messageTimestamp><x1:version>v1.8.1</x1:version>"
			"<x1:x1TransactionId>%s</x1:x1TransactionId>%s</x1:x1RequestMessage>",
			request, when, transaction, content);
		append(out, message, (size_t)n);
	}
	append(out, "</x1:X1Request>", 15);
}

// Requests of clauses 6.2, 6.3 and 6.6 must be done; lists must be there.
static bool answer_is_right(const struct load *l, const struct buffer *answer)
{
	char want[80];
	unsigned n = 0;
	bool list = strstr(l->o.request, "All") || strstr(l->o.request, "Get");

	if (list)
		snprintf(want, sizeof(want), "\"x1:%sResponse\"", l->o.request);
	else
		snprintf(want, sizeof(want), ">AcknowledgedAndCompleted<");
	for (const char *p = answer->p; p && (p = strstr(p, want)); p++)
		n++;
	return n == l->o.batch;
}

static void finish(struct connection *c, struct slot *s, unsigned status)
{
	struct load *l = c->load;

	if (l->done < l->o.count)
		l->took_us[l->done++] = (uint32_t)(now_us() - s->started_us);
	l->octets += s->answer.length;
	if (status != 200)
		s->xid[0] = 0;
	if (status != 200 || !answer_is_right(l, &s->answer)) {
		const char *code = s->answer.p ? strstr(s->answer.p, "<x1:errorCode>") : NULL;
		if (!l->wrong++)
			snprintf(l->first_wrong, sizeof(l->first_wrong), "HTTP %u, %.100s", status,
				code ? code : "no error code");
	}
	s->free_next = c->free;
	c->free = s;
}

static struct slot *take_slot(struct connection *c)
{
	struct slot *s = c->free;

	c->free = s->free_next;
	s->answer.length = s->sent = 0;
	write_request(c->load, s);
	c->load->started++;
	s->started_us = now_us();
	return s;
}

// --- HTTP/2

static ssize_t h2_send(
	nghttp2_session *h2, const uint8_t *octets, size_t length, int flags, void *context)
{
	struct connection *c = context;

	append(&c->out, octets, length);
	return (ssize_t)length;
}

static ssize_t h2_body(nghttp2_session *h2, int32_t stream, uint8_t *out, size_t room,
	uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct slot *s = source->ptr;
	size_t n = s->body.length - s->sent < room ? s->body.length - s->sent : room;

	memcpy(out, s->body.p + s->sent, n);
	s->sent += n;
	if (s->sent == s->body.length)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int h2_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *octets,
	size_t length, void *context)
{
	struct slot *s = nghttp2_session_get_stream_user_data(h2, stream);

	if (s)
		append(&s->answer, octets, length);
	return 0;
}

static int h2_closed(nghttp2_session *h2, int32_t stream, uint32_t error, void *context)
{
	struct slot *s = nghttp2_session_get_stream_user_data(h2, stream);

	if (s)
		finish(context, s, error ? 0 : 200);
	return 0;
}

static void h2_start(struct connection *c)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30}};

	if (nghttp2_session_callbacks_new(&callbacks))
		die("out of memory");
	nghttp2_session_callbacks_set_send_callback(callbacks, h2_send);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_closed);
	if (nghttp2_session_client_new(&c->h2, callbacks, c))
		die("out of memory");
	nghttp2_session_callbacks_del(callbacks);
	if (nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, settings, 2) ||
		nghttp2_session_set_local_window_size(c->h2, NGHTTP2_FLAG_NONE, 0, 1 << 30))
		die("HTTP/2 settings");
}

static void h2_request(struct connection *c)
{
#define FIELD(n, v)                                                                        \
	{                                                                                  \
		(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE \
	}
	struct slot *s = take_slot(c);
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = h2_body};
	nghttp2_nv fields[] = {FIELD(":method", "POST"), FIELD(":scheme", "https"),
		FIELD(":authority", "127.0.0.1"), FIELD(":path", "/X1/NE"),
		FIELD("content-type", "application/xml")};

	if (nghttp2_submit_request(c->h2, NULL, fields, 5, &body, s) < 0)
		die("HTTP/2: no more streams");
}

// --- HTTP/1.1

static void h1_request(struct connection *c)
{
	struct slot *s = take_slot(c);
	char head[200];
	int n = snprintf(head, sizeof(head),
		"POST /X1/NE HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/xml\r\n"
		"Content-Length: %zu\r\n\r\n",
		s->body.length);

	append(&c->out, head, (size_t)n);
	append(&c->out, s->body.p, s->body.length);
}

static void h1_received(struct connection *c, const char *octets, size_t length)
{
	struct slot *s = c->slots;

	append(&s->answer, octets, length);
	char *end = strstr(s->answer.p, "\r\n\r\n"), *field;
	if (!end)
		return;
	field = strcasestr(s->answer.p, "Content-Length:");
	if (!field || field > end)
		die("an answer without Content-Length");
	size_t head = (size_t)(end + 4 - s->answer.p), body = strtoul(field + 15, NULL, 10);
	if (s->answer.length >= head + body)
		finish(c, s, (unsigned)atoi(s->answer.p + 9));
}

// --- connections

static SSL_CTX *new_context(const struct options *o)
{
	SSL_CTX *t = SSL_CTX_new(TLS_client_method());
	char ca[512], certificate[512], key[512];

	snprintf(ca, sizeof(ca), "%s/ca.pem", o->pki);
	snprintf(certificate, sizeof(certificate), "%s/admf.pem", o->pki);
	snprintf(key, sizeof(key), "%s/admf.key", o->pki);
	if (!t || SSL_CTX_load_verify_file(t, ca) != 1 ||
		SSL_CTX_use_certificate_chain_file(t, certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(t, key, SSL_FILETYPE_PEM) != 1)
		die("%s: no certificates", o->pki);
	SSL_CTX_set_verify(t, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(t, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (o->http1)
		SSL_CTX_set_alpn_protos(t, (const uint8_t *)"\x08http/1.1", 9);
	else
		SSL_CTX_set_alpn_protos(t, (const uint8_t *)"\x02h2\x08http/1.1", 12);
	return t;
}

static void connect_to(struct load *l, struct connection *c)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)l->o.port)};
	const uint8_t *protocol;
	unsigned n;
	int on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->load = l;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)))
		die("connect: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->tls = SSL_new(l->tls);
	if (!c->tls || !SSL_set_fd(c->tls, c->fd) ||
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->tls), "127.0.0.1") != 1 ||
		SSL_connect(c->tls) != 1)
		die("TLS handshake");
	SSL_get0_alpn_selected(c->tls, &protocol, &n);
	if (n == 2 && !memcmp(protocol, "h2", 2))
		h2_start(c);
	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	unsigned slots = c->h2 ? l->o.streams : 1;
	c->slots = calloc(slots, sizeof(*c->slots));
	if (!c->slots)
		die("out of memory");
	for (unsigned i = 0; i < slots; i++) {
		c->slots[i].free_next = c->free;
		c->free = &c->slots[i];
	}
}

static void would_block(struct connection *c, int n)
{
	int error = SSL_get_error(c->tls, n);

	if (error == SSL_ERROR_WANT_READ)
		c->wants |= POLLIN;
	else if (error == SSL_ERROR_WANT_WRITE)
		c->wants |= POLLOUT;
	else
		die("the connection ended after %u answers", c->load->done);
}

static void send_all(struct connection *c)
{
	if (c->h2 && nghttp2_session_send(c->h2))
		die("HTTP/2: cannot send");
	while (c->out_done < c->out.length) {
		int n = SSL_write(
			c->tls, c->out.p + c->out_done, (int)(c->out.length - c->out_done));
		if (n <= 0) {
			would_block(c, n);
			return;
		}
		c->out_done += (size_t)n;
	}
	c->out.length = c->out_done = 0;
}

static void receive_all(struct connection *c)
{
	char octets[16384];

	for (;;) {
		int n = SSL_read(c->tls, octets, sizeof(octets));
		if (n <= 0) {
			would_block(c, n);
			return;
		}
		if (!c->h2)
			h1_received(c, octets, (size_t)n);
		else if (nghttp2_session_mem_recv(c->h2, (uint8_t *)octets, (size_t)n) < 0)
			die("HTTP/2: the other side breaks the protocol");
	}
}

static void turn(struct connection *c)
{
	struct load *l = c->load;

	c->wants = 0;
	ERR_clear_error();
	receive_all(c);
	while (c->free && l->started < l->o.count) {
		if (c->h2)
			h2_request(c);
		else
			h1_request(c);
	}
	send_all(c);
}

static double run(struct load *l)
{
	struct pollfd fds[CONNECTIONS_MAX];
	uint64_t start = now_us();

	for (unsigned i = 0; i < l->o.connections; i++)
		turn(&l->connection[i]);
	while (l->done < l->o.count) {
		for (unsigned i = 0; i < l->o.connections; i++)
			fds[i] = (struct pollfd){l->connection[i].fd, l->connection[i].wants, 0};
		int n = poll(fds, l->o.connections, STALL_MS);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("no answer for %d s, %u of %u done", STALL_MS / 1000, l->done,
				l->o.count);
		for (unsigned i = 0; i < l->o.connections; i++) {
			if (fds[i].revents)
				turn(&l->connection[i]);
		}
	}
	return (double)(now_us() - start) / 1e6;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile(const struct load *l, double share)
{
	size_t at = (size_t)(share * (double)l->done);

	return l->took_us[at < l->done ? at : l->done - 1] / 1e3;
}

static void usage(void)
{
	fputs("x1load --port P --pki DIR [--request Ping] [--connections 4] [--streams 16]\n"
	      "  [--count 10000] [--batch 1 (messages of a request)] [--did DID] [--http1]\n",
		stderr);
	exit(2);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {{"port", 1, 0, 'p'}, {"pki", 1, 0, 'k'},
		{"request", 1, 0, 'r'}, {"did", 1, 0, 'd'}, {"connections", 1, 0, 'c'},
		{"streams", 1, 0, 's'}, {"count", 1, 0, 'n'}, {"batch", 1, 0, 'b'},
		{"http1", 0, 0, '1'}, {0}};
	int c;

	*o = (struct options){.request = "Ping",
		.did = "",
		.connections = 4,
		.streams = 16,
		.count = 10000,
		.batch = 1};
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		unsigned n = optarg ? (unsigned)atoi(optarg) : 0;
		switch (c) {
		case 'p':
			o->port = (int)n;
			break;
		case 'k':
			o->pki = optarg;
			break;
		case 'r':
			o->request = optarg;
			break;
		case 'd':
			o->did = optarg;
			break;
		case 'c':
			o->connections = n;
			break;
		case 's':
			o->streams = n;
			break;
		case 'n':
			o->count = n;
			break;
		case 'b':
			o->batch = n;
			break;
		case '1':
			o->http1 = true;
			break;
		default:
			usage();
		}
	}
	if (!o->port || !o->pki || !o->connections || o->connections > CONNECTIONS_MAX ||
		!o->streams || !o->count || !o->batch)
		usage();
}

int main(int argc, char **argv)
{
	static struct load l;

	parse(&l.o, argc, argv);
	l.tls = new_context(&l.o);
	l.took_us = calloc(l.o.count, sizeof(*l.took_us));
	if (!l.took_us)
		die("out of memory");
	unsigned char seed[4];
	if (RAND_bytes(seed, sizeof(seed)) != 1)
		die("no random numbers");
	memcpy(&l.serial, seed, sizeof(seed));
	for (unsigned i = 0; i < l.o.connections; i++)
		connect_to(&l, &l.connection[i]);
	double seconds = run(&l);
	qsort(l.took_us, l.done, sizeof(*l.took_us), compare);
	printf("{\"protocol\": \"%s\", \"requests\": %u, \"wrong\": %u, \"seconds\": %.3f, "
	       "\"per_second\": %.0f, \"messages_per_second\": %.0f, \"octets\": %llu, "
	       "\"ms\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"max\": "
	       "%.3f}}\n",
		l.connection[0].h2 ? "h2" : "http/1.1", l.done, l.wrong, seconds, l.done / seconds,
		(double)l.done * l.o.batch / seconds, (unsigned long long)l.octets,
		percentile(&l, 0.5), percentile(&l, 0.9), percentile(&l, 0.99),
		percentile(&l, 0.999), percentile(&l, 1));
	if (l.wrong)
		fprintf(stderr, "%u wrong answers, the first: %s\n", l.wrong, l.first_wrong);
	return l.wrong ? 1 : 0;
}
