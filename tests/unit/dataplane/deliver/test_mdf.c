// One connection: what waits for a flush, what is counted meanwhile, and a peer that takes nothing.

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/tls.h>

#include "dataplane/deliver/mdf.h"
#include "shared/now.h"
#include "tests/unit/dataplane/deliver/lab_mdf.h"

#define RECORD 16384u

struct bed {
	struct lab_pki pki;
	struct lab_mdf peer;
	struct mdf_tls *tls;
	struct mdf *m;
	uint8_t octets[RECORD];
};

static struct bed *bed_open_with(bool stalled, bool kernel_tls, uint32_t key_records)
{
	struct bed *b = calloc(1, sizeof(*b));
	char why[200] = "";

	signal(SIGPIPE, SIG_IGN); // of the lab MDF
	lab_pki_make(&b->pki);
	lab_mdf_start(&b->peer, &b->pki, "IP:127.0.0.1", NULL, 0);
	atomic_store(&b->peer.stalled, stalled);
	struct config_delivery d = {
		.tls = {.certificate = b->pki.certificate, .key = b->pki.key, .ca = b->pki.ca},
		.key_records = key_records};
	struct mdf_peer peer = {.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = b->peer.port,
		.probe_timeout = 10,
		.kernel_tls = kernel_tls};
	b->tls = mdf_tls_new(&d, why, sizeof(why));
	cr_assert(b->tls, "%s", why);
	b->m = mdf_connect(b->tls, &peer, why, sizeof(why));
	cr_assert(b->m, "%s", why);
	int error;
	for (int i = 0; (error = mdf_progress(b->m, now_monotonic_ns())) == POI_ERR_AGAIN; i++) {
		cr_assert(i < 10000, "not connected");
		usleep(1000);
	}
	cr_assert_eq(error, 0, "%s", mdf_reason(b->m));
	for (uint32_t i = 0; i < RECORD; i++)
		b->octets[i] = (uint8_t)(i * 7);
	return b;
}

static struct bed *bed_open(bool stalled)
{
	return bed_open_with(stalled, false, 0);
}

static void bed_close(struct bed *b)
{
	mdf_close(b->m);
	mdf_tls_free(b->tls);
	lab_mdf_stop(&b->peer);
	lab_pki_free(&b->pki);
	free(b);
}

static bool reads(struct bed *b, uint64_t octets)
{
	for (int i = 0; i < 5000 && atomic_load(&b->peer.octets) < octets; i++)
		usleep(1000);
	return atomic_load(&b->peer.octets) == octets;
}

Test(mdf, records_wait_for_a_flush_and_leave_together)
{
	struct bed *b = bed_open(false);
	uint64_t before = mdf_written(b->m);

	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(mdf_write(b->m, b->octets, 1000), 1000);
	uint64_t written = mdf_written(b->m);
	cr_assert_gt(written, before + 3000, "counted although they wait");
	usleep(50000);
	cr_assert_eq(atomic_load(&b->peer.octets), 0);
	cr_assert_leq(mdf_acknowledged(b->m), before, "TCP has none of them");
	cr_assert_eq(mdf_flush(b->m), 0);
	cr_assert_eq(mdf_flush(b->m), 0, "nothing waits any more");
	cr_assert(reads(b, 3000));
	cr_assert_eq(mdf_written(b->m), written);
	for (int i = 0; i < 5000 && mdf_acknowledged(b->m) < written; i++)
		usleep(1000);
	cr_assert_eq(mdf_acknowledged(b->m), written);
	for (size_t i = 0; i < 3000; i++)
		cr_assert_eq(lab_mdf_octet(&b->peer, i), b->octets[i % 1000]);
	bed_close(b);
}

// Octets of the record that begins at this place of the stream.
static uint32_t record_at(uint64_t place)
{
	return RECORD - (uint32_t)(place % 5) * 1111 - 7;
}

// Many more octets than wait at most, by writes that are refused in the middle of what waits.
static void stall(bool kernel_tls)
{
	struct bed *b = bed_open_with(true, kernel_tls, 0);
	uint64_t sent = 0, refused = 0, total = 64u << 20;
	bool gathers = mdf_records(b->m) != MDF_RECORDS_KERNEL;

	while (sent < total) {
		int64_t n = mdf_write(b->m, b->octets + sent % 7, record_at(sent));
		if (n == POI_ERR_AGAIN) {
			if (refused++ == 0)
				cr_assert_eq(mdf_flush(b->m), gathers ? POI_ERR_AGAIN : 0);
			atomic_store(&b->peer.stalled, false);
			struct pollfd p = {.fd = mdf_fd(b->m), .events = POLLOUT};
			cr_assert_eq(poll(&p, 1, 10000), 1);
			continue;
		}
		cr_assert_eq(n, record_at(sent), "%s", mdf_reason(b->m));
		sent += (uint64_t)n;
	}
	cr_assert_gt(refused, 0, "the peer took everything at once");
	int error;
	while ((error = mdf_flush(b->m)) == POI_ERR_AGAIN)
		usleep(1000);
	cr_assert_eq(error, 0);
	cr_assert(reads(b, sent), "%lu of %lu", (unsigned long)atomic_load(&b->peer.octets),
		(unsigned long)sent);
	pthread_mutex_lock(&b->peer.lock);
	for (uint64_t at = 0; at < sent; at += record_at(at))
		cr_assert_arr_eq(b->peer.kept + at, b->octets + at % 7, record_at(at));
	pthread_mutex_unlock(&b->peer.lock);
	bed_close(b);
}

Test(mdf, a_peer_that_stalls_loses_no_octet)
{
	stall(false);
}

Test(mdf, a_peer_that_stalls_loses_no_octet_of_the_kernels)
{
	stall(true);
}

Test(mdf, a_close_says_what_waited_and_an_abort_does_not)
{
	struct bed *b = bed_open(false);

	cr_assert_eq(mdf_write(b->m, b->octets, 500), 500);
	mdf_close(b->m);
	b->m = NULL;
	cr_assert(reads(b, 500));
	bed_close(b);
	b = bed_open(false);
	cr_assert_eq(mdf_write(b->m, b->octets, 500), 500);
	mdf_abort(b->m);
	b->m = NULL;
	usleep(50000);
	cr_assert_eq(atomic_load(&b->peer.octets), 0);
	bed_close(b);
}

// --- the kernel's TLS ---

static bool pretend; // OpenSSL reports that the kernel has the keys; it has not, and all arrives

long __real_BIO_ctrl(BIO *b, int command, long number, void *pointer);
long __wrap_BIO_ctrl(BIO *b, int command, long number, void *pointer);

long __wrap_BIO_ctrl(BIO *b, int command, long number, void *pointer)
{
	if (command == BIO_CTRL_GET_KTLS_SEND && pretend)
		return 1;
	return __real_BIO_ctrl(b, command, number, pointer);
}

Test(mdf, who_makes_the_records)
{
	cr_expect_eq(mdf_records_of(false, false), MDF_RECORDS_OURS);
	cr_expect_eq(mdf_records_of(true, false), MDF_RECORDS_REFUSED);
	cr_expect_eq(mdf_records_of(true, true), MDF_RECORDS_KERNEL);
	cr_expect_eq(mdf_records_of(false, true), MDF_RECORDS_KERNEL);
}

// The kernel's own word on this socket: it has keys for what is sent.
static bool kernel_has_keys(int fd)
{
	struct tls_crypto_info info = {0};
	socklen_t length = sizeof(info);

	return getsockopt(fd, SOL_TLS, TLS_TX, &info, &length) == 0 && info.version != 0;
}

Test(mdf, a_kernel_that_is_asked_takes_the_keys_or_nothing_changes)
{
	struct bed *b = bed_open_with(false, true, 0);
	bool has = kernel_has_keys(mdf_fd(b->m));

	fprintf(stderr, "# the kernel %s\n", has ? "makes the records" : "has no TLS");
	cr_assert_eq(mdf_records(b->m), has ? MDF_RECORDS_KERNEL : MDF_RECORDS_REFUSED);
	for (unsigned i = 0; i < 300; i++)
		cr_assert_eq(mdf_write(b->m, b->octets, 1000), 1000);
	cr_assert_eq(mdf_flush(b->m), 0);
	cr_assert(reads(b, 300000));
	for (size_t i = 0; i < 300000; i++)
		cr_assert_eq(lab_mdf_octet(&b->peer, i), b->octets[i % 1000]);
	for (int i = 0; i < 5000 && mdf_acknowledged(b->m) < mdf_written(b->m); i++)
		usleep(1000);
	cr_assert_eq(mdf_acknowledged(b->m), mdf_written(b->m));
	bed_close(b);
}

Test(mdf, a_kernel_that_is_not_asked_has_no_keys)
{
	struct bed *b = bed_open(false);

	cr_expect(!kernel_has_keys(mdf_fd(b->m)));
	cr_expect_eq(mdf_records(b->m), MDF_RECORDS_OURS);
	bed_close(b);
}

// OpenSSL's configuration of the whole machine is not ours.
Test(mdf, only_our_own_configuration_asks_the_kernel)
{
	char path[] = "/tmp/test-mdf-XXXXXX";
	static const char text[] = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\n"
				   "system_default = all\n[all]\nOptions = KTLS\n";
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	setenv("OPENSSL_CONF", path, 1);
	SSL_CTX *any = SSL_CTX_new(TLS_client_method());
	cr_assert(SSL_CTX_get_options(any) & SSL_OP_ENABLE_KTLS, "the file was not read");
	SSL_CTX_free(any);
	struct bed *b = bed_open(false);
	cr_expect_eq(mdf_records(b->m), MDF_RECORDS_OURS);
	bed_close(b);
	unlink(path);
}

// Each send is a record: nothing may wait in front, and keys stay what the kernel was given.
Test(mdf, the_kernels_records_leave_at_once_and_keep_their_keys)
{
	pretend = true;
	struct bed *b = bed_open_with(false, true, 16);

	cr_assert_eq(mdf_records(b->m), MDF_RECORDS_KERNEL);
	for (unsigned i = 0; i < 40; i++) {
		cr_assert_eq(mdf_is_worn(b->m), i >= 16, "%u", i);
		cr_assert_eq(mdf_write(b->m, b->octets, 1000), 1000);
		cr_assert(reads(b, (i + 1) * 1000ull), "record %u waits for a flush", i);
	}
	cr_assert_eq(mdf_flush(b->m), 0);
	cr_assert_eq(atomic_load(&b->peer.key_updates), 0);
	for (size_t i = 0; i < 40000; i++)
		cr_assert_eq(lab_mdf_octet(&b->peer, i), b->octets[i % 1000]);
	bed_close(b);
}

// TCP's queue decides the octets acknowledged: none while the peer's window is closed, all of them
// in the end, and never less than before.
Test(mdf, the_kernels_octets_are_acknowledged_by_what_tcp_holds)
{
	pretend = true;
	struct bed *b = bed_open_with(true, true, 0);
	uint64_t before = mdf_written(b->m), last = 0;
	int64_t n;

	while ((n = mdf_write(b->m, b->octets, RECORD)) > 0)
		;
	cr_assert_eq(n, POI_ERR_AGAIN, "%s", mdf_reason(b->m));
	uint64_t written = mdf_written(b->m), acked = mdf_acknowledged(b->m);
	cr_assert_gt(written, before + 2 * RECORD);
	cr_assert_lt(acked, written, "TCP still holds some");
	atomic_store(&b->peer.stalled, false);
	while ((n = mdf_write(b->m, b->octets, RECORD)) == POI_ERR_AGAIN)
		usleep(1000);
	cr_assert_eq(n, RECORD);
	written = mdf_written(b->m);
	for (int i = 0; i < 5000 && acked < written; i++) {
		last = acked;
		acked = mdf_acknowledged(b->m);
		cr_assert(acked >= last && acked <= written);
		usleep(1000);
	}
	cr_assert_eq(acked, written);
	bed_close(b);
}
