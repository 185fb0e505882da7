// `poi bench`: a few honest figures of this machine, and what each of them bounds. One core, in
// this process, while everything else goes on.
#include "control/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "control/cli/cli_peer.h"
#include "control/audit/json.h"
#include "shared/now.h"
#include "shared/tls.h"

#define RECORD 16384
#define COPY_OCTETS (64u << 20)
#define AUDIT_LINE 400
#define SYNCS_MAX 4096

struct bench {
	const struct config *config;
	double seconds; // of each measurement
	bool json;
	struct json out;
};

static double seconds_of(clockid_t clock)
{
	return (double)now_of(clock) / 1e9;
}

static double now_s(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

// A figure: its name for programs, its value, and for people the line that explains it.
__attribute__((format(printf, 4, 5))) static void put_figure(
	struct bench *b, const char *name, double value, const char *format, ...)
{
	va_list args;

	if (b->json) {
		json_i64(&b->out, name, (int64_t)(value + 0.5));
		return;
	}
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void cannot(struct bench *b, const char *name, const char *what, const char *why)
{
	if (b->json)
		json_null(&b->out, name);
	else
		printf("%-20s not measured: %s\n", what, why);
}

// Octets a second of AES-GCM over records of `size`; 0 when it fails.
static double aes(const EVP_CIPHER *cipher, size_t size, double seconds)
{
	static uint8_t in[RECORD], out[RECORD + 16];
	uint8_t key[32] = {1}, nonce[12] = {0}, tag[16];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	double start = now_s(), took = 0, octets = 0;
	int n;

	if (!c || EVP_EncryptInit_ex(c, cipher, NULL, key, nonce) != 1)
		goto out;
	while (took < seconds) {
		for (int i = 0; i < 64; i++) {
			nonce[0]++;
			if (EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) != 1 ||
				EVP_EncryptUpdate(c, out, &n, in, (int)size) != 1 ||
				EVP_EncryptFinal_ex(c, out, &n) != 1 ||
				EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag) != 1) {
				octets = 0;
				goto out;
			}
			octets += (double)size;
		}
		took = now_s() - start;
	}
out:
	EVP_CIPHER_CTX_free(c);
	return took > 0 ? octets / took : 0;
}

static double memory(double seconds)
{
	uint8_t *a = malloc(COPY_OCTETS), *b = malloc(COPY_OCTETS);
	double took = 0, octets = 0;

	if (a && b) {
		memset(a, 1, COPY_OCTETS);
		memset(b, 2, COPY_OCTETS);
		double start = now_s();
		while (took < seconds) {
			memcpy(octets ? a : b, octets ? b : a, COPY_OCTETS);
			__asm__ volatile("" : : "r"(a), "r"(b) : "memory");
			octets += COPY_OCTETS;
			took = now_s() - start;
		}
	}
	free(a);
	free(b);
	return took > 0 ? octets / took : 0;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

// Microseconds for one line made durable beside the audit log: median and the one of a hundred.
// False with `why` when the folder takes no file.
static bool audit_disk(struct bench *b, double *median, double *slow, const char **why)
{
	static double took[SYNCS_MAX];
	char path[4096], name[4096], line[AUDIT_LINE];
	double end = now_s() + b->seconds;
	size_t n = 0;

	snprintf(name, sizeof(name), "%s", b->config->audit.file);
	if (snprintf(path, sizeof(path), "%s/.poi-bench.XXXXXX", dirname(name)) >=
		(int)sizeof(path))
		return false;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		*why = strerror(errno);
		return false;
	}
	unlink(path); // gone whatever becomes of this process
	memset(line, '.', sizeof(line));
	while (n < SYNCS_MAX && (n < 20 || now_s() < end)) {
		double start = now_s();
		if (write(fd, line, sizeof(line)) != (ssize_t)sizeof(line) || fdatasync(fd)) {
			*why = strerror(errno);
			break;
		}
		took[n++] = (now_s() - start) * 1e6;
	}
	close(fd);
	if (n < 20)
		return false;
	qsort(took, n, sizeof(took[0]), compare);
	*median = took[n / 2];
	*slow = took[n * 99 / 100];
	return true;
}

// Two ends of one connection, in memory.
struct pair {
	SSL *client, *server;
};

static void pair_free(struct pair *p)
{
	SSL_free(p->client);
	SSL_free(p->server);
}

static bool pair_make(struct pair *p, SSL_CTX *server, SSL_CTX *client)
{
	BIO *a = NULL, *b = NULL;

	p->server = SSL_new(server);
	p->client = SSL_new(client);
	if (!p->server || !p->client || BIO_new_bio_pair(&a, 1 << 18, &b, 1 << 18) != 1) {
		pair_free(p);
		return false;
	}
	SSL_set_bio(p->server, a, a);
	SSL_set_bio(p->client, b, b);
	SSL_set_accept_state(p->server);
	SSL_set_connect_state(p->client);
	return true;
}

static bool shake(struct pair *p)
{
	for (int i = 0; i < 20; i++) {
		int a = SSL_do_handshake(p->client), b = SSL_do_handshake(p->server);
		if (a == 1 && b == 1)
			return true;
		int ea = SSL_get_error(p->client, a), eb = SSL_get_error(p->server, b);
		if ((a != 1 && ea != SSL_ERROR_WANT_READ && ea != SSL_ERROR_WANT_WRITE) ||
			(b != 1 && eb != SSL_ERROR_WANT_READ && eb != SSL_ERROR_WANT_WRITE))
			return false;
	}
	return false;
}

// Octets a second that one end seals; what comes out is thrown away by emptying the other's BIO.
static double seal(struct pair *p, double seconds)
{
	static uint8_t record[RECORD], away[1 << 18];
	double start = now_s(), took = 0, octets = 0;
	BIO *far = SSL_get_rbio(p->client);

	while (took < seconds) {
		for (int i = 0; i < 8; i++) {
			if (SSL_write(p->server, record, RECORD) != RECORD)
				return 0;
			octets += RECORD;
		}
		while (BIO_read(far, away, sizeof(away)) > 0)
			;
		took = now_s() - start;
	}
	return octets / took;
}

// Whole mutual handshakes a second, both ends on this core, and the speed of sealing.
static void tls(struct bench *b, double ceiling)
{
	const struct config_tls *t = &b->config->nes[0].tls;
	const struct tls_files files = {.certificate = t->certificate, .key = t->key, .ca = t->ca};
	char why[512] = "the handshake fails with the configured certificates";
	SSL_CTX *server = t->certificate ? tls_server_context(&files, why, sizeof(why)) : NULL;
	SSL_CTX *client = server ? tls_client_context(&files, why, sizeof(why)) : NULL;
	double end = now_s() + b->seconds, start = now_s(), sealed = 0;
	unsigned n = 0;
	struct pair p;

	while (client && now_s() < end && pair_make(&p, server, client)) {
		bool good = shake(&p);
		if (good && !n++)
			sealed = seal(&p, b->seconds);
		if (n == 1) { // sealing took its own time
			start = now_s();
			end = start + b->seconds;
		}
		pair_free(&p);
		if (!good)
			break;
	}
	double took = now_s() - start;
	if (sealed > 0)
		put_figure(b, "tls_octets_per_second", sealed,
			"%-20s %8.2f GB/s   sealing TLS records of 16 KiB: %.0f %% of the cipher "
			"alone. A\n"
			"%-20s                 delivery thread carries less than %.1f Gbit/s; "
			"beyond that:\n"
			"%-20s                 delivery.threads",
			"TLS records", sealed / 1e9, ceiling > 0 ? sealed / ceiling * 100 : 0, "",
			sealed * 8 / 1e9, "");
	if (n > 1 && took > 0)
		put_figure(b, "handshakes_per_second", (n - 1) / took,
			"%-20s %8.0f /s     with X1's certificates, both ends on this core: new "
			"connections\n"
			"%-20s                 that X1 takes at most beside its other work",
			"TLS handshakes", (n - 1) / took, "");
	if (n < 2)
		cannot(b, "handshakes_per_second", "TLS", why);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

// Prints the workers' present cost, from two snapshots.
static void workers(struct bench *b)
{
	struct cli_picture before, now;
	uint64_t packets = 0, busy = 0;

	cli_picture_take(b->config, true, &before);
	if (before.dataplane)
		cli_sleep(b->seconds);
	cli_picture_take(b->config, true, &now);
	for (uint32_t i = 0; before.dataplane && now.dataplane && i < now.workers.workers; i++) {
		packets += now.workers.worker[i].received - before.workers.worker[i].received;
		busy += now.workers.worker[i].busy_ns - before.workers.worker[i].busy_ns;
	}
	if (!before.dataplane || !now.dataplane)
		cannot(b, "worker_ns_per_packet", "workers", "poi-dataplane does not answer");
	else if (packets < 1000)
		cannot(b, "worker_ns_per_packet", "workers", "fewer than 1000 packets came in");
	else
		put_figure(b, "worker_ns_per_packet", (double)busy / (double)packets,
			"%-20s %8.0f ns     a packet, of %" PRIu64
			" just now, in bursts as they came: a full\n"
			"%-20s                 worker does at least %.2f Mpps of this traffic",
			"workers", (double)busy / (double)packets, packets, "",
			busy ? (double)packets / (double)busy * 1e3 : 0);
	cli_picture_free(&before);
	cli_picture_free(&now);
}

// How much of the core this process had while it only computed.
static void share(struct bench *b, double own, double total)
{
	double percent = total > 0 ? own / total * 100 : 0;

	put_figure(b, "core_percent", percent, "%-20s %8.0f %%      this measurement had of its core%s",
		"core", percent,
		percent < 90 ? ": others were busy, the figures above are too low" : "");
}

static void run(struct bench *b)
{
	double wall = now_s(), cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
	double record = aes(EVP_aes_128_gcm(), RECORD, b->seconds);
	double packet = aes(EVP_aes_128_gcm(), 1400, b->seconds);
	double copy, median = 0, slow = 0;
	const char *why = "its path is too long";

	put_figure(b, "aes128gcm_16k_octets_per_second", record,
		"%-20s %8.2f GB/s   records of 16 KiB: the ceiling of delivery, a core",
		"AES-128-GCM", record / 1e9);
	put_figure(b, "aes128gcm_1400_octets_per_second", packet,
		"%-20s %8.2f GB/s   records of 1400 octets: why PDUs are packed into full records",
		"", packet / 1e9);
	tls(b, record);
	copy = memory(b->seconds);
	put_figure(b, "copy_octets_per_second", copy,
		"%-20s %8.2f GB/s   copying beyond the caches: capture writes each PDU once, TLS "
		"reads it",
		"memory", copy / 1e9);
	share(b, seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu, now_s() - wall);
	if (audit_disk(b, &median, &slow, &why)) {
		put_figure(b, "audit_sync_us", median,
			"%-20s %8.0f us     to make a line durable, half of the time; a change's "
			"OK waits for it",
			"audit log's disk", median);
		put_figure(b, "audit_sync_p99_us", slow, "%-20s %8.0f us     in one of a hundred%s", "",
			slow, slow > 20000 ? ": slower than 20 ms, X1's answers will be too" : "");
	} else {
		cannot(b, "audit_sync_us", "audit log's disk", why);
	}
	workers(b);
}

int cli_bench(const struct cli_request *r)
{
	struct bench b = {
		.seconds = cli_seconds(r, OPTION_SECONDS, 0.7), .json = r->given[OPTION_JSON]};
	int code = CLI_OK;

	if (b.seconds < 0)
		return CLI_USAGE;
	struct config *c = cli_load(r);
	if (!c)
		return CLI_USAGE;
	b.config = c;
	if (b.json)
		json_object(&b.out, NULL);
	run(&b);
	if (b.json) {
		json_end_object(&b.out);
		json_newline(&b.out);
		if (b.out.error || fputs(b.out.text, stdout) < 0)
			code = CLI_UNREACHABLE;
		json_free(&b.out);
	}
	config_free(c);
	return code;
}
