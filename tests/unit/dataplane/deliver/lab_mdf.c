#include "tests/unit/dataplane/deliver/lab_mdf.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/filter.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "shared/now.h"
#include "shared/pdu.h"
#include "shared/wire.h"

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "lab MDF: %s\n", what);
	abort();
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;
	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	must(e && X509_add_ext(x, e, -1), "extension");
	X509_EXTENSION_free(e);
}

static void name_add(X509_NAME *n, const char *field, const char *value)
{
	must(X509_NAME_add_entry_by_txt(
		     n, field, MBSTRING_ASC, (const uint8_t *)value, -1, -1, 0) == 1,
		"subject");
}

// A certificate for `key`, signed by the issuer (or by itself when that is NULL).
static X509 *certify(const struct lab_pki *p, EVP_PKEY *key, const char *uid, const char *san)
{
	X509 *x = X509_new(), *issuer = p->ca_certificate ? p->ca_certificate : x;
	static int serial = 1;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME *n = X509_get_subject_name(x);
	name_add(n, "CN", p->ca_certificate ? "leaf" : "lab issuer");
	if (uid)
		name_add(n, "UID", uid);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	extend(x, issuer, NID_subject_key_identifier, "hash");
	if (p->ca_certificate) {
		extend(x, issuer, NID_ext_key_usage, "clientAuth,serverAuth");
		extend(x, issuer, NID_subject_alt_name, san);
		extend(x, issuer, NID_authority_key_identifier, "keyid");
	} else {
		extend(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
		extend(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	}
	must(X509_sign(x, p->ca_key, EVP_sha256()) > 0, "signature");
	return x;
}

static void write_pem(const char *path, X509 *x, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");
	must(f && fchmod(fileno(f), 0600) == 0, "file");
	if (x)
		must(PEM_write_X509(f, x) == 1, "certificate file");
	if (key)
		must(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1, "key file");
	fclose(f);
}

void lab_pki_make(struct lab_pki *p)
{
	memset(p, 0, sizeof(*p));
	strcpy(p->folder, "/tmp/poi-labXXXXXX");
	must(mkdtemp(p->folder) != NULL, "folder");
	snprintf(p->certificate, sizeof(p->certificate), "%s/ne.pem", p->folder);
	snprintf(p->key, sizeof(p->key), "%s/ne.key", p->folder);
	snprintf(p->ca, sizeof(p->ca), "%s/ca.pem", p->folder);
	p->ca_key = EVP_EC_gen("P-256");
	p->ca_certificate = certify(p, p->ca_key, NULL, NULL);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certify(p, key, "poi-01", "DNS:poi-01.example");
	write_pem(p->certificate, x, NULL);
	write_pem(p->key, NULL, key);
	write_pem(p->ca, p->ca_certificate, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
}

void lab_pki_free(struct lab_pki *p)
{
	unlink(p->certificate);
	unlink(p->key);
	unlink(p->ca);
	rmdir(p->folder);
	X509_free(p->ca_certificate);
	EVP_PKEY_free(p->ca_key);
}

#define FIRST_KEEPALIVE 1000u

// Messages of TLS, to count changes of the peer's keys.
static void see_message(
	int sent, int version, int type, const void *octets, size_t n, SSL *ssl, void *context)
{
	struct lab_mdf *m = context;

	if (!sent && type == SSL3_RT_HANDSHAKE && n > 0 &&
		((const uint8_t *)octets)[0] == SSL3_MT_KEY_UPDATE)
		m->key_updates++;
}

struct session {
	struct lab_mdf *mdf;
	SSL *ssl;
	uint64_t octets;
	size_t parsed; // of this connection, for keepalives
	size_t start;
	uint32_t number;
};

static void keep_apart(struct lab_kept *k, const uint8_t *octets, size_t n)
{
	if (k->n + n > k->capacity) {
		k->capacity = (k->n + n) * 2;
		k->octets = realloc(k->octets, k->capacity);
		must(k->octets != NULL, "memory");
	}
	memcpy(k->octets + k->n, octets, n);
	k->n += n;
}

static void keep(struct session *s, const uint8_t *octets, size_t n)
{
	struct lab_mdf *m = s->mdf;

	pthread_mutex_lock(&m->lock);
	if (m->parallel) {
		keep_apart(&m->apart[s->number], octets, n);
		pthread_mutex_unlock(&m->lock);
		return;
	}
	if (m->n_kept + n > m->capacity) {
		m->capacity = (m->n_kept + n) * 2;
		m->kept = realloc(m->kept, m->capacity);
		must(m->kept != NULL, "memory");
	}
	memcpy(m->kept + m->n_kept, octets, n);
	m->n_kept += n;
	if (s->number < 64 && !m->first_at[s->number])
		m->first_at[s->number] = now_monotonic_ns();
	pthread_mutex_unlock(&m->lock);
}

// By the lengths of their heads: what else is in them is not looked at.
static void acknowledge(struct session *s)
{
	struct lab_mdf *m = s->mdf;

	for (;;) {
		// Its own thread alone writes a buffer that is kept apart.
		const struct lab_kept *own = &m->apart[m->parallel ? s->number : 0];
		const uint8_t *at =
			m->parallel ? own->octets + s->parsed : m->kept + s->start + s->parsed;
		size_t left = m->parallel ? own->n - s->parsed : m->n_kept - s->start - s->parsed;
		if (left < 12 || left < (size_t)wire_load32(at + 4) + wire_load32(at + 8))
			return;
		s->parsed += (size_t)wire_load32(at + 4) + wire_load32(at + 8);
		if (at[3] == PDU_KEEPALIVE_ACK &&
			wire_load32(at + PDU_KEEPALIVE_SIZE - 4) == FIRST_KEEPALIVE + m->acks)
			m->acks++;
		if (at[3] != PDU_KEEPALIVE || !m->acknowledge)
			continue;
		uint32_t number = wire_load32(at + PDU_KEEPALIVE_SIZE - 4) + m->ack_offset;
		if (m->ack_every > 1 && number % m->ack_every != m->ack_every - 1)
			continue;
		if (m->ack_delay_ms)
			usleep(m->ack_delay_ms * 1000);
		uint8_t ack[PDU_KEEPALIVE_SIZE];
		pdu_keepalive_write(ack, 5, number);
		ack[3] = PDU_KEEPALIVE_ACK;
		// Fails when the POI has gone: reading fails then too.
		for (uint32_t i = 0; i <= m->ack_again; i++)
			if (SSL_write(s->ssl, ack, sizeof(ack)) <= 0)
				return;
	}
}

// False when the connection is over.
static bool take(struct session *s)
{
	static _Thread_local uint8_t octets[16384];
	struct lab_mdf *m = s->mdf;
	int n = SSL_read(s->ssl, octets, sizeof(octets));

	if (n <= 0)
		return SSL_get_error(s->ssl, n) == SSL_ERROR_WANT_READ;
	s->octets += (uint64_t)n;
	if (!m->discard) {
		keep(s, octets, (size_t)n);
		acknowledge(s);
	}
	m->octets += (uint64_t)n; // after they are kept: a waiting thread may read them
	if (m->pause_us)
		usleep((uint32_t)((uint64_t)m->pause_us * (uint32_t)n / sizeof(octets)));
	if (m->stall_after && s->octets >= m->stall_after) {
		m->stalled = true;
		m->stall_after = 0;
	}
	return m->cut_after == 0 || s->octets < m->cut_after;
}

// Octets that arrive from here on are dropped before TCP sees them.
static void drop_all(int fd)
{
	struct sock_filter nothing = {.code = BPF_RET | BPF_K};
	struct sock_fprog filter = {.len = 1, .filter = &nothing};

	must(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0, "filter");
}

// The close that follows is a reset, while more arrives where more comes at all. What arrives from
// then on is dropped before TCP sees it, so that nothing more is acknowledged.
static void prepare_reset(struct session *s, int fd)
{
	struct linger reset = {.l_onoff = 1};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int waiting = 0;

	if (SSL_pending(s->ssl) == 0)
		(void)poll(&p, 1, 100);
	drop_all(fd);
	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0 &&
			ioctl(fd, FIONREAD, &waiting) == 0,
		"reset");
	s->mdf->unread += (uint64_t)(waiting + SSL_pending(s->ssl));
}

static void serve(struct lab_mdf *m, int fd)
{
	struct session s = {.mdf = m, .ssl = SSL_new(m->context)};
	bool deaf = false;

	SSL_set_fd(s.ssl, fd);
	if (SSL_accept(s.ssl) == 1) {
		m->cipher = (uint16_t)SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(s.ssl));
		pthread_mutex_lock(&m->lock);
		uint32_t number = m->connections;
		s.start = m->n_kept;
		s.number = number;
		must(!m->parallel || number < LAB_APART, "too many connections");
		if (number < 64)
			m->start[number] = m->n_kept;
		m->connections = number + 1;
		pthread_mutex_unlock(&m->lock);
		if (m->talk_garbage)
			(void)!SSL_write(s.ssl, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
		for (uint32_t i = 0; i < m->talk_keepalives; i++) {
			uint8_t octets[PDU_KEEPALIVE_SIZE];
			pdu_keepalive_write(octets, 5, FIRST_KEEPALIVE + i);
			(void)!SSL_write(s.ssl, octets, sizeof(octets));
		}
		struct pollfd p = {.fd = fd, .events = POLLIN};
		while (!m->stop && !(m->parallel && m->cut_one == s.number + 1)) {
			if (m->deaf && !deaf)
				drop_all(fd);
			deaf = m->deaf;
			if (m->stalled || deaf) {
				usleep(1000);
				continue;
			}
			if (SSL_pending(s.ssl) == 0 && poll(&p, 1, 20) == 0)
				continue;
			if (!take(&s))
				break;
		}
	}
	if (m->cut_after)
		prepare_reset(&s, fd);
	SSL_free(s.ssl);
	close(fd);
	ERR_clear_error();
}

struct guest {
	struct lab_mdf *mdf;
	int fd;
};

static void *serve_one(void *context)
{
	struct guest g = *(struct guest *)context;

	free(context);
	serve(g.mdf, g.fd);
	return NULL;
}

static void *run(void *context)
{
	struct lab_mdf *m = context;
	struct pollfd p = {.fd = m->listener, .events = POLLIN};

	while (!m->stop) {
		if (poll(&p, 1, 20) <= 0)
			continue;
		int fd = accept(m->listener, NULL, NULL);
		if (fd >= 0 && m->refuse) {
			close(fd);
		} else if (fd >= 0 && m->parallel) {
			struct guest *g = malloc(sizeof(*g));
			must(g && m->n_servers < LAB_APART * 4, "memory");
			*g = (struct guest){m, fd};
			must(pthread_create(&m->server[m->n_servers++], NULL, serve_one, g) == 0,
				"thread");
		} else if (fd >= 0) {
			serve(m, fd);
		}
	}
	for (uint32_t i = 0; i < m->n_servers; i++)
		pthread_join(m->server[i], NULL);
	return NULL;
}

void lab_mdf_start(
	struct lab_mdf *m, struct lab_pki *p, const char *san, const char *uid, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t length = sizeof(a);
	int one = 1;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certify(p, key, uid, san);

	memset(m, 0, sizeof(*m));
	m->acknowledge = true;
	pthread_mutex_init(&m->lock, NULL);
	m->context = SSL_CTX_new(TLS_server_method());
	must(SSL_CTX_use_certificate(m->context, x) == 1 &&
			SSL_CTX_use_PrivateKey(m->context, key) == 1 &&
			SSL_CTX_load_verify_locations(m->context, p->ca, NULL) == 1,
		"server context");
	SSL_CTX_set_msg_callback(m->context, see_message);
	SSL_CTX_set_msg_callback_arg(m->context, m);
	SSL_CTX_set_verify(m->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
	inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
	m->listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(m->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	must(bind(m->listener, (struct sockaddr *)&a, sizeof(a)) == 0, "bind");
	must(listen(m->listener, 16) == 0, "listen");
	getsockname(m->listener, (struct sockaddr *)&a, &length);
	m->port = ntohs(a.sin_port);
	must(pthread_create(&m->thread, NULL, run, m) == 0, "thread");
}

void lab_mdf_stop(struct lab_mdf *m)
{
	m->stop = true;
	m->stalled = false;
	pthread_join(m->thread, NULL);
	close(m->listener);
	SSL_CTX_free(m->context);
	pthread_mutex_destroy(&m->lock);
	free(m->kept);
	for (uint32_t i = 0; i < LAB_APART; i++)
		free(m->apart[i].octets);
}

void lab_mdf_window(struct lab_mdf *m, int octets)
{
	setsockopt(m->listener, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
}

uint8_t lab_mdf_octet(struct lab_mdf *m, size_t at)
{
	pthread_mutex_lock(&m->lock);
	must(at < m->n_kept, "octet not yet there");
	uint8_t octet = m->kept[at];
	pthread_mutex_unlock(&m->lock);
	return octet;
}
