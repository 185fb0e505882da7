// Measures delivery beside encryption itself: PDUs built in the ring, cut into TLS records
// through a memory BIO, against TLS writes of 16 KiB through another and against AES-GCM alone on
// blocks of 16 KiB, in one run on one thread, with keys of 128 and of 256 bits.
// Settled by TCP (each record acknowledged at once) and by keepalives (one for each MiB,
// acknowledged when the next leaves), batch by batch in turn. Argument: megabytes for each figure
// (default 512).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "dataplane/deliver/stream.h"
#include "shared/channel.h"
#include "tests/bench/figures.h"
#include "tests/unit/dataplane/deliver/lab_mdf.h"

#define BATCH (1u << 20) // octets pushed before they are drained: what lies in a busy ring
#define MARK (1u << 20)	 // octets between two keepalives
#define WALL 1767225600300000000ull // acknowledged 300 ms after all were received

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_deliver: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Seconds for at least this many octets.
static double aes_seconds(const EVP_CIPHER *cipher, uint64_t octets)
{
	static uint8_t in[STREAM_RECORD], out[STREAM_RECORD + 16], key[32], iv[12], tag[16];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	must(EVP_EncryptInit_ex(c, cipher, NULL, key, iv) == 1, "AES");
	double start = now();
	for (uint64_t done = 0; done < octets; done += sizeof(in)) {
		iv[0]++;
		EVP_EncryptInit_ex(c, NULL, NULL, NULL, iv);
		EVP_EncryptUpdate(c, out, &n, in, sizeof(in));
		EVP_EncryptFinal_ex(c, out, &n);
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag);
	}
	double seconds = now() - start;
	EVP_CIPHER_CTX_free(c);
	return seconds;
}

// The same for a sender that writes full records.
static double bulk_seconds(SSL *ssl, uint64_t octets)
{
	static uint8_t block[STREAM_RECORD];
	size_t taken;
	double start = now();

	for (uint64_t done = 0; done < octets; done += sizeof(block)) {
		must(SSL_write_ex(ssl, block, sizeof(block), &taken) == 1, "record");
		(void)BIO_reset(SSL_get_wbio(ssl));
	}
	return now() - start;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static SSL *connected(SSL_CTX *client, SSL_CTX *server, SSL **peer)
{
	SSL *a = SSL_new(client), *b = SSL_new(server);
	BIO *ab = BIO_new(BIO_s_mem()), *ba = BIO_new(BIO_s_mem());

	BIO_up_ref(ab);
	BIO_up_ref(ba);
	SSL_set_bio(a, ba, ab);
	SSL_set_bio(b, ab, ba);
	SSL_set_connect_state(a);
	SSL_set_accept_state(b);
	for (int i = 0; i < 10; i++) {
		SSL_do_handshake(a);
		SSL_do_handshake(b);
	}
	must(SSL_is_init_finished(a) && SSL_is_init_finished(b), "handshake");
	*peer = b;
	return a;
}

struct bench {
	struct capture *capture;
	struct stream *stream;
	struct stream_line *line;
	struct copy_outcomes book;
	struct delivery_times times[COPY_KINDS];
	struct task_counters_worker slots;
	struct rule rule;
	uint8_t frame[2048];
	double push_seconds, drain_seconds, aes_seconds;
	uint64_t copies, octets, records;
	bool marks;
	uint64_t marked; // offset
};

static void bench_open(struct bench *b, bool marks)
{
	struct capture_settings s = {.pool_octets = 64 << 20, .n_deliver = 1, .slots = &b->slots};

	must(pdu_origin_make(&s.origin, "upf-1.example.org", "poi-1.0.0123abcd") == 0, "origin");
	b->slots.counters[0] = calloc(SLOT_CHUNK, sizeof(struct slot_counters));
	b->slots.sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	b->capture = capture_new(&s);
	b->stream = stream_new(1, &b->book, NULL);
	stream_times(b->stream, b->times);
	b->line = stream_line(b->stream, 0, COPY_X3);
	struct copy_ring_settings r = {.quota = 64 << 20, .minor = 5, .owner = b->line};
	struct copy_ring *ring = copy_ring_new(b->capture, &r);
	must(ring != NULL, "memory");
	stream_attach(b->stream, b->line, ring);
	capture_attach(b->capture, 0, COPY_X3, ring);
	b->marks = marks;
	stream_settle_by_marks(b->stream, marks);
	b->rule = (struct rule){.delivery = DELIVERY_X3, .n_destinations = 1};
}

static void bench_close(struct bench *b)
{
	capture_detach(b->capture, 0, COPY_X3);
	stream_free(b->stream);
	capture_free(b->capture);
	copy_outcomes_clear(&b->book);
	free(b->slots.counters[0]);
	free(b->slots.sequence[0]);
}

static uint64_t push(struct bench *b, uint16_t length)
{
	struct packet_view views[PACKET_BURST];
	struct hit hits[PACKET_BURST];
	void *mbufs[PACKET_BURST] = {0};

	for (uint16_t i = 0; i < PACKET_BURST; i++) {
		views[i] = (struct packet_view){.data = b->frame,
			.length = 14u + length,
			.total = 14u + length,
			.n_layers = 1,
			.layer[0] = {.l3 = 14, .length = length, .family = 4}};
		hits[i] = (struct hit){.rule = &b->rule, .packet = i, .direction = 3};
	}
	uint64_t copies = 0;
	double start = now();
	for (; copies * length < BATCH; copies += PACKET_BURST)
		capture_burst(b->capture, hits, PACKET_BURST, views, mbufs, 1767225600000000000ull);
	b->push_seconds += now() - start;
	return copies;
}

static void settle(struct bench *b, uint64_t end)
{
	if (!b->marks) {
		stream_acked_at(b->stream, end, WALL);
	} else if (end - b->marked >= MARK) {
		stream_acked_at(b->stream, b->marked, WALL);
		b->marked = end;
		stream_mark(b->stream);
	}
}

static void drain(struct bench *b, SSL *ssl)
{
	struct stream_piece p;
	size_t taken;
	BIO *out = SSL_get_wbio(ssl);
	double start = now();

	while (capture_ready(b->capture, 0))
		stream_wake(b->line, 0);
	for (uint64_t at = 1; stream_next(b->stream, at, 0, false, &p); at++) {
		must(SSL_write_ex(ssl, p.octets, p.length, &taken) == 1 && taken == p.length,
			"record");
		(void)BIO_reset(out);
		uint64_t end = b->octets += p.length;
		must(stream_sent(b->stream, &p, end) == 0, "memory");
		settle(b, end);
		b->records++;
	}
	b->drain_seconds += now() - start;
}

static void show(struct bench *b, uint16_t length, double bulk, double aes)
{
	struct copy_balance n = {0};
	uint64_t queued = 0;
	double rate = (double)b->octets / b->drain_seconds;

	stream_acked(b->stream, b->octets);
	stream_balance(b->stream, &n, &queued);
	must(n.acknowledged == b->copies && queued == 0, "not everything was delivered");
	printf("%-9s %8u %12.1f %10.2f %12.1f %10.2f %10.2f %8.3f %8.2f %8.3f %9.0f\n",
		b->marks ? "keepalive" : "tcp", length, b->push_seconds * 1e9 / (double)b->copies,
		(double)b->octets / b->push_seconds * 1e-9,
		b->drain_seconds * 1e9 / (double)b->copies, rate * 1e-9, bulk * 1e-9, rate / bulk,
		aes * 1e-9, rate / aes, (double)b->octets / (double)b->records);
}

#define PAIRS_MAX 65536u

enum { RATIO, DELIVERY, BULK, AES, N_SERIES };

struct series {
	double of[N_SERIES][PAIRS_MAX]; // for each pair: a ratio, and gigabits a second
	uint32_t n;
};

static void plot(const struct series *s, struct figures *f, const char *cipher, uint16_t length)
{
	static const char *names[N_SERIES] = {[DELIVERY] = "from ring to records",
		[BULK] = "bulk TLS, writes of 16 KiB",
		[AES] = "AES-GCM alone"};

	for (int i = DELIVERY; i < N_SERIES; i++)
		figures_point(f, cipher, names[i], length, s->of[i][s->n / 4], s->of[i][s->n / 2],
			s->of[i][s->n / 4 * 3]);
}

static double gigabits(uint64_t octets, double seconds)
{
	return (double)octets * 8e-9 / seconds;
}

// One batch of each kind, in turn, so that a disturbed moment of the machine is in all figures.
static void pair(struct bench *b[2], SSL *ssl, const EVP_CIPHER *cipher, uint16_t length,
	struct series *s, double *bulk, double *aes)
{
	double took[2];

	for (uint32_t k = 0; k < 2; k++) {
		struct bench *x = b[(s->n + k) % 2];
		double push_before = x->push_seconds, drain_before = x->drain_seconds;
		uint64_t octets_before = x->octets;
		x->copies += push(x, length);
		drain(x, ssl);
		double drained = x->drain_seconds - drain_before;
		took[x->marks] = x->push_seconds - push_before + drained;
		if (x->marks)
			s->of[DELIVERY][s->n] = gigabits(x->octets - octets_before, drained);
	}
	double of_bulk = bulk_seconds(ssl, BATCH), of_aes = aes_seconds(cipher, BATCH);
	s->of[RATIO][s->n] = took[0] / took[1];
	s->of[BULK][s->n] = gigabits(BATCH, of_bulk);
	s->of[AES][s->n] = gigabits(BATCH, of_aes);
	s->n++;
	*bulk += of_bulk;
	*aes += of_aes;
}

static void run(SSL *ssl, uint16_t length, uint64_t octets, struct figures *f)
{
	static struct series s;
	struct bench *b[2] = {calloc(1, sizeof(*b[0])), calloc(1, sizeof(*b[1]))};
	bool wide = SSL_CIPHER_get_bits(SSL_get_current_cipher(ssl), NULL) == 256;
	const EVP_CIPHER *cipher = wide ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
	double bulk = 0, aes = 0;

	s.n = 0;
	for (int i = 0; i < 2; i++)
		bench_open(b[i], i == 1);
	while (b[1]->octets < octets && s.n < PAIRS_MAX)
		pair(b, ssl, cipher, length, &s, &bulk, &aes);
	for (int i = 0; i < N_SERIES; i++)
		qsort(s.of[i], s.n, sizeof(s.of[i][0]), by_value);
	for (int i = 0; i < 2; i++) {
		show(b[i], length, (double)s.n * BATCH / bulk, (double)s.n * BATCH / aes);
		bench_close(b[i]);
		free(b[i]);
	}
	plot(&s, f, wide ? "AES-256-GCM" : "AES-128-GCM", length);
	printf("%-9s %8u push and deliver, keepalive to tcp in pairs: median %.3f (%.3f to %.3f "
	       "for "
	       "half of them)\n",
		"", length, s.of[RATIO][s.n / 2], s.of[RATIO][s.n / 4], s.of[RATIO][s.n / 4 * 3]);
}

static void run_suite(const struct lab_pki *pki, SSL_CTX *server, const char *suite,
	uint64_t octets, struct figures *f)
{
	static const uint16_t lengths[] = {64, 128, 256, 512, 700, 1024, 1400};
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	SSL *peer;

	SSL_CTX_set_ciphersuites(client, suite);
	SSL_CTX_use_certificate_chain_file(client, pki->certificate);
	SSL_CTX_use_PrivateKey_file(client, pki->key, SSL_FILETYPE_PEM);
	SSL *ssl = connected(client, server, &peer);
	printf("%s, %s\n%-9s %8s %12s %10s %12s %10s %10s %8s %8s %8s %9s\n", SSL_get_cipher(ssl),
		OpenSSL_version(OPENSSL_VERSION), "settle", "payload", "push ns/PDU", "push GB/s",
		"send ns/PDU", "send GB/s", "bulk GB/s", "of bulk", "AES GB/s", "of AES",
		"a record");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		run(ssl, lengths[i], octets, f);
	SSL_free(ssl);
	SSL_free(peer);
	SSL_CTX_free(client);
}

int main(int argc, char **argv)
{
	uint64_t octets = (argc > 1 ? strtoull(argv[1], NULL, 10) : 512) << 20;
	struct figures *f = figures_open("deliver", "octets of a packet", "Gbit/s of one thread");
	struct lab_pki pki;
	struct lab_mdf server;

	lab_pki_make(&pki);
	lab_mdf_start(&server, &pki, "IP:127.0.0.1", NULL, 0);
	run_suite(&pki, server.context, "TLS_AES_128_GCM_SHA256", octets, f);
	run_suite(&pki, server.context, "TLS_AES_256_GCM_SHA384", octets, f);
	figures_close(f);
	lab_mdf_stop(&server);
	lab_pki_free(&pki);
	return 0;
}
