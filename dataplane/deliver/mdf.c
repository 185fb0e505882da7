// One TLS connection to one MDF.

#include "dataplane/deliver/mdf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include <linux/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/socket.h"
#include "shared/tls.h"

#define KEY_RECORDS (1u << 23) // RFC 8446 clause 5.5: AES-GCM is safe for 2^24.5
#define QUEUE_LIMIT 16384      // octets, see mdf_limit_queue
#define GATHER (64 * 1024)     // octets that leave in one send at most, see mdf_flush
#define KEEP_IDLE_S 2	       // TCP's own probes find a dead path while nothing is sent
#define KEEP_INTERVAL_S 1
#define KEEP_COUNT 3
#define REFUSAL_NS 100000000ull // in which an MDF may refuse our certificate, see mdf_progress

struct mdf_tls {
	SSL_CTX *context;
	uint64_t key_records;
};

enum stage { STAGE_CONNECT, STAGE_HANDSHAKE, STAGE_REFUSAL, STAGE_UP, STAGE_LOST };

struct mdf {
	SSL *ssl;
	int fd;
	enum stage stage;
	enum mdf_records who;
	uint64_t records, key_records; // sent with these keys, and how many may be
	char *identity;		       // pinned, or NULL
	uint64_t baseline;	       // tcpi_bytes_acked before the first octet: the SYN counts
	uint64_t acknowledged;	       // last answer
	uint64_t probe_timeout;	       // ns
	uint64_t unanswered_at;	 // first look at which TCP waited for an answer; 0: it does not
	uint64_t progress_at;	 // last look at which octets had been acknowledged, or none waited
	uint64_t progress_acked; // tcpi_bytes_acked then
	uint64_t refusal_until;
	uint64_t handshake_read; // octets received when the handshake was complete
	char reason[96];
};

struct mdf_tls *mdf_tls_new(const struct config_delivery *d, char *why, size_t why_size)
{
	struct tls_files f = {.certificate = d->tls.certificate,
		.key = d->tls.key,
		.ca = d->tls.ca,
		.crl = d->tls.crl};
	struct mdf_tls *t = calloc(1, sizeof(*t));

	if (!t) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	t->context = tls_client_context(&f, why, why_size);
	if (!t->context) {
		free(t);
		return NULL;
	}
	t->key_records = d->key_records ? d->key_records : KEY_RECORDS;
	if (tls_use_suites(t->context, d->cipher_suites ? d->cipher_suites : TLS_SUITES_DELIVERY)) {
		snprintf(why, why_size, "delivery.cipher-suites: OpenSSL refuses them");
		mdf_tls_free(t);
		return NULL;
	}
	SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					     SSL_MODE_RELEASE_BUFFERS);
	return t;
}

void mdf_tls_free(struct mdf_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	free(t);
}

static int lost(struct mdf *m, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int lost(struct mdf *m, int error, const char *format, ...)
{
	va_list args;

	m->stage = STAGE_LOST;
	va_start(args, format);
	vsnprintf(m->reason, sizeof(m->reason), format, args);
	va_end(args);
	return error;
}

static void set(int fd, int level, int name, int value)
{
	// Every one is an improvement, none a condition.
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int open_socket(struct mdf *m, const struct mdf_peer *peer)
{
	m->fd = socket_open(&peer->address, SOCKET_NONBLOCKING | SOCKET_NODELAY);
	if (m->fd < 0)
		return lost(m, POI_ERR_IO, "socket: %s", strerrordesc_np(errno));
	// No TCP_USER_TIMEOUT: it would end a connection whose peer answers that its window is
	// closed. mdf_check finds the dead.
	set(m->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(m->fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set(m->fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set(m->fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	if (socket_connect(m->fd, &peer->address, peer->port))
		return lost(m, POI_ERR_IO, "connect: %s", strerrordesc_np(errno));
	return 0;
}

static int open_tls(struct mdf *m, struct mdf_tls *t, const struct mdf_peer *peer)
{
	m->ssl = SSL_new(t->context);
	if (!m->ssl || SSL_set_fd(m->ssl, m->fd) != 1)
		return lost(m, POI_ERR_NOMEM, "out of memory");
	SSL_set_connect_state(m->ssl);
	// OpenSSL's own configuration file may ask for it too: the octets would be counted wrongly.
	if (peer->kernel_tls)
		SSL_set_options(m->ssl, SSL_OP_ENABLE_KTLS);
	else
		SSL_clear_options(m->ssl, SSL_OP_ENABLE_KTLS);
	m->key_records = t->key_records;
	if (peer->identity) {
		m->identity = strdup(peer->identity);
		return m->identity ? 0 : lost(m, POI_ERR_NOMEM, "out of memory");
	}
	int error = tls_expect_peer(m->ssl, peer->host ? NULL : &peer->address, peer->host);
	return error ? lost(m, error, "cannot verify this peer: %s", poi_error_text(error)) : 0;
}

struct mdf *mdf_connect(
	struct mdf_tls *t, const struct mdf_peer *peer, char *reason, size_t reason_size)
{
	struct mdf *m = calloc(1, sizeof(*m));

	if (!m) {
		snprintf(reason, reason_size, "out of memory");
		return NULL;
	}
	m->fd = -1;
	m->probe_timeout = peer->probe_timeout * 1000000000ull;
	if (open_socket(m, peer) || open_tls(m, t, peer)) {
		snprintf(reason, reason_size, "%s", m->reason);
		mdf_close(m);
		return NULL;
	}
	return m;
}

void mdf_close(struct mdf *m)
{
	if (!m)
		return;
	if (m->ssl && (m->stage == STAGE_REFUSAL || m->stage == STAGE_UP))
		(void)SSL_shutdown(m->ssl);
	SSL_free(m->ssl);
	if (m->fd >= 0)
		close(m->fd);
	ERR_clear_error();
	free(m->identity);
	free(m);
}

void mdf_abort(struct mdf *m)
{
	struct linger reset = {.l_onoff = 1};

	if (!m)
		return;
	(void)setsockopt(m->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	m->stage = STAGE_LOST; // no goodbye behind what is thrown away
	mdf_close(m);
}

void mdf_limit_queue(struct mdf *m)
{
	set(m->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, QUEUE_LIMIT);
}

int mdf_fd(const struct mdf *m)
{
	return m->fd;
}

// Maps OpenSSL's error of a call to the connection's error.
static int failed(struct mdf *m, int result, const char *what)
{
	int saved = errno;
	char text[64];

	switch (SSL_get_error(m->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return POI_ERR_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return lost(m, POI_ERR_CLOSED, "the MDF closed the connection");
	case SSL_ERROR_SYSCALL:
		if (ERR_peek_error() == 0)
			return lost(m, POI_ERR_CLOSED, "%s: %s", what,
				saved ? strerrordesc_np(saved) : "connection ended");
		[[fallthrough]];
	default:
		break;
	}
	long verify = SSL_get_verify_result(m->ssl);
	if (m->stage == STAGE_HANDSHAKE && verify != X509_V_OK) {
		ERR_clear_error();
		return lost(m, POI_ERR_TLS, "certificate of the MDF: %s",
			X509_verify_cert_error_string(verify));
	}
	return lost(m, POI_ERR_TLS, "%s: %s", what, tls_error_text(text, sizeof(text)));
}

#define UNTIL(field) (offsetof(struct tcp_info, field) + sizeof(((struct tcp_info *)0)->field))

// Reads TCP_INFO of this connection, at least the first `needed` octets.
static bool tcp_look(const struct mdf *m, struct tcp_info *info, size_t needed)
{
	socklen_t length = sizeof(*info);

	*info = (struct tcp_info){0};
	return getsockopt(m->fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0 && length >= needed;
}

static bool tcp_acked(const struct mdf *m, uint64_t *acked)
{
	struct tcp_info info;

	if (!tcp_look(m, &info, UNTIL(tcpi_bytes_acked)))
		return false;
	*acked = info.tcpi_bytes_acked;
	return true;
}

static int finish_connect(struct mdf *m)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	if (error)
		return lost(m, POI_ERR_IO, "connect: %s", strerrordesc_np(error));
	length = sizeof(peer);
	if (getpeername(m->fd, (struct sockaddr *)&peer, &length) != 0)
		return errno == ENOTCONN ? POI_ERR_AGAIN
					 : lost(m, POI_ERR_IO, "%s", strerrordesc_np(errno));
	if (!tcp_acked(m, &m->baseline))
		return lost(m, POI_ERR_UNSUPPORTED,
			"the kernel does not report what TCP has acknowledged");
	m->stage = STAGE_HANDSHAKE;
	return 0;
}

static bool same_identifier(void *context, const char *id)
{
	return strcmp(context, id) == 0;
}

static bool has_uri(X509 *certificate, const char *identity)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t length = strlen(identity);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		if (n->type != GEN_URI)
			continue;
		const ASN1_IA5STRING *uri = n->d.uniformResourceIdentifier;
		found = (size_t)ASN1_STRING_length(uri) == length &&
			memcmp(ASN1_STRING_get0_data(uri), identity, length) == 0;
	}
	GENERAL_NAMES_free(names);
	return found;
}

// The chain is verified already; this compares the name in the certificate.
static bool is_pinned(struct mdf *m)
{
	X509 *certificate = SSL_get0_peer_certificate(m->ssl);

	return certificate && SSL_get_verify_result(m->ssl) == X509_V_OK &&
	       (tls_peer_identifier(
			m->ssl, TLS_BINDING_ADMF | TLS_BINDING_NE, same_identifier, m->identity) ||
		       X509_check_host(certificate, m->identity, 0,
			       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1 ||
		       X509_check_ip_asc(certificate, m->identity, 0) == 1 ||
		       has_uri(certificate, m->identity));
}

static int handshake(struct mdf *m, uint64_t now_ns)
{
	ERR_clear_error();
	errno = 0;
	int result = SSL_do_handshake(m->ssl);
	if (result != 1)
		return failed(m, result, "TLS handshake");
	if (SSL_get_verify_result(m->ssl) != X509_V_OK || !SSL_get0_peer_certificate(m->ssl))
		return lost(m, POI_ERR_TLS, "certificate of the MDF was not verified");
	if (m->identity && !is_pinned(m))
		return lost(m, POI_ERR_DENIED, "certificate of the MDF lacks the pinned identity");
	m->stage = STAGE_REFUSAL;
	m->refusal_until = now_ns + REFUSAL_NS;
	m->handshake_read = BIO_number_read(SSL_get_rbio(m->ssl));
	return 0;
}

// Records go to TCP some at a time: fewer calls, and larger segments for the card to cut.
static void gather(struct mdf *m)
{
	BIO *to_tcp = SSL_get_wbio(m->ssl), *gathers = BIO_new(BIO_f_buffer());

	// An improvement, no condition: without it each record is a send of its own.
	if (!gathers || BIO_set_write_buffer_size(gathers, GATHER) != 1) {
		BIO_free(gathers);
		return;
	}
	BIO_up_ref(to_tcp);
	SSL_set0_wbio(m->ssl, BIO_push(gathers, to_tcp));
}

enum mdf_records mdf_records_of(bool asked, bool kernel_sends)
{
	// OpenSSL has handed the keys over: whatever was asked, its octets are no records any more.
	if (kernel_sends)
		return MDF_RECORDS_KERNEL;
	return asked ? MDF_RECORDS_REFUSED : MDF_RECORDS_OURS;
}

enum mdf_records mdf_records(const struct mdf *m)
{
	return m->who;
}

int mdf_progress(struct mdf *m, uint64_t now_ns)
{
	int error = m->stage == STAGE_LOST ? POI_ERR_CLOSED : 0;

	if (m->stage == STAGE_CONNECT)
		error = finish_connect(m);
	if (!error && m->stage == STAGE_HANDSHAKE)
		error = handshake(m, now_ns);
	if (error || m->stage != STAGE_REFUSAL)
		return error;
	// In TLS 1.3 our handshake ends before the MDF has looked at our certificate. What TCP
	// acknowledges then may never be read, so wait for its first message (a ticket or an
	// alert), or a moment when it sends none.
	if (SSL_version(m->ssl) >= TLS1_3_VERSION && now_ns < m->refusal_until) {
		uint8_t none;
		ERR_clear_error();
		errno = 0;
		int result = SSL_peek(m->ssl, &none, 1);
		error = result > 0 ? 0 : failed(m, result, "connection ended after the handshake");
		if (error && error != POI_ERR_AGAIN)
			return error;
		if (error && BIO_number_read(SSL_get_rbio(m->ssl)) == m->handshake_read)
			return POI_ERR_AGAIN;
	}
	m->stage = STAGE_UP;
	m->progress_at = now_ns;
	m->who = mdf_records_of(SSL_get_options(m->ssl) & SSL_OP_ENABLE_KTLS,
		BIO_get_ktls_send(SSL_get_wbio(m->ssl)));
	// The kernel makes a record of each send: what is gathered would be one record, of any
	// kind.
	if (m->who != MDF_RECORDS_KERNEL)
		gather(m);
	return 0;
}

int64_t mdf_write(struct mdf *m, const void *octets, size_t length)
{
	if (m->stage != STAGE_UP)
		return POI_ERR_CLOSED;
	ERR_clear_error();
	errno = 0;
	size_t taken = 0;
	int result = SSL_write_ex(m->ssl, octets, length, &taken);
	if (result != 1)
		return failed(m, result, "send");
	m->records++;
	// Between two records: the message leaves with the next one. The MDF's own keys carry
	// little. The kernel would go on with its old keys.
	if (m->records >= m->key_records && m->who != MDF_RECORDS_KERNEL &&
		SSL_version(m->ssl) >= TLS1_3_VERSION &&
		SSL_key_update(m->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
		m->records = 0;
	return (int64_t)taken;
}

int mdf_flush(struct mdf *m)
{
	BIO *out = SSL_get_wbio(m->ssl);

	if (m->stage != STAGE_UP)
		return POI_ERR_CLOSED;
	if (BIO_wpending(out) == 0)
		return 0;
	ERR_clear_error();
	errno = 0;
	if (BIO_flush(out) == 1)
		return 0;
	if (BIO_should_retry(out))
		return POI_ERR_AGAIN;
	return lost(
		m, POI_ERR_CLOSED, "send: %s", errno ? strerrordesc_np(errno) : "connection ended");
}

bool mdf_is_worn(const struct mdf *m)
{
	return m->records >= m->key_records;
}

int64_t mdf_read(struct mdf *m, void *out, size_t capacity)
{
	if (m->stage != STAGE_UP)
		return POI_ERR_CLOSED;
	ERR_clear_error();
	errno = 0;
	size_t n = 0;
	int result = SSL_read_ex(m->ssl, out, capacity, &n);
	return result == 1 ? (int64_t)n : failed(m, result, "receive");
}

uint64_t mdf_written(const struct mdf *m)
{
	BIO *out = SSL_get_wbio(m->ssl), *to_tcp = BIO_find_type(out, BIO_TYPE_SOCKET);

	return BIO_number_written(to_tcp) + (out == to_tcp ? 0 : BIO_wpending(out));
}

// TCP holds records: never fewer octets than those of which they were made. What the kernel has not
// handed to TCP yet is not in its figures.
static uint64_t kernel_acknowledged(struct mdf *m)
{
	uint64_t written = mdf_written(m);
	struct tcp_info i;

	if (!tcp_look(m, &i, UNTIL(tcpi_bytes_retrans)))
		return m->acknowledged;
	uint64_t acked = i.tcpi_bytes_acked - m->baseline;
	uint64_t sent = i.tcpi_bytes_sent - i.tcpi_bytes_retrans;
	uint64_t held = i.tcpi_notsent_bytes + (sent > acked ? sent - acked : 0);
	if (held < written && written - held > m->acknowledged)
		m->acknowledged = written - held;
	return m->acknowledged;
}

uint64_t mdf_acknowledged(struct mdf *m)
{
	uint64_t acked, written = mdf_written(m);

	if (m->who == MDF_RECORDS_KERNEL)
		return kernel_acknowledged(m);
	// The FIN counts as an octet too: never more than was written.
	if (m->stage >= STAGE_HANDSHAKE && tcp_acked(m, &acked) && acked > m->baseline) {
		acked -= m->baseline;
		m->acknowledged = acked < written ? acked : written;
	}
	return m->acknowledged;
}

int mdf_check(struct mdf *m, uint64_t now_ns)
{
	struct tcp_info info;

	if (m->stage != STAGE_UP || !tcp_look(m, &info, 0))
		return 0;
	bool waits = info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0;
	if (!waits || info.tcpi_bytes_acked != m->progress_acked) {
		m->progress_at = now_ns;
		m->progress_acked = info.tcpi_bytes_acked;
	}
	uint64_t heard_at = now_ns - info.tcpi_last_ack_recv * 1000000ull;
	if (info.tcpi_unacked == 0 && info.tcpi_probes == 0)
		m->unanswered_at = 0;
	else if (!m->unanswered_at || heard_at > m->unanswered_at)
		m->unanswered_at = now_ns;
	bool repeated = info.tcpi_probes > 0 || info.tcpi_retransmits > 0;
	if (!repeated || !m->unanswered_at || now_ns - m->unanswered_at < m->probe_timeout)
		return 0;
	return lost(m, POI_ERR_CLOSED, "the MDF answers nothing: no acknowledgement for %llu s",
		(unsigned long long)(m->probe_timeout / 1000000000));
}

int mdf_stand_by(struct mdf *m, uint64_t now_ns)
{
	int error = mdf_check(m, now_ns);
	uint8_t none;

	if (error || m->stage != STAGE_UP)
		return error ? error : POI_ERR_CLOSED;
	ERR_clear_error();
	errno = 0;
	int result = SSL_peek(m->ssl, &none, 1);
	error = result > 0 ? 0 : failed(m, result, "receive");
	return error == POI_ERR_AGAIN ? 0 : error;
}

uint64_t mdf_stalled_since(const struct mdf *m)
{
	return m->progress_at;
}

bool mdf_is_unanswered(const struct mdf *m)
{
	return m->unanswered_at != 0;
}

const char *mdf_reason(const struct mdf *m)
{
	return m->reason;
}
