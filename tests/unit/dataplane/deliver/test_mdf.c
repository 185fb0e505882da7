// One connection: what waits for a flush, what is counted meanwhile, and a peer that takes nothing.

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static struct bed *bed_open(bool stalled)
{
	struct bed *b = calloc(1, sizeof(*b));
	char why[200] = "";

	signal(SIGPIPE, SIG_IGN); // of the lab MDF
	lab_pki_make(&b->pki);
	lab_mdf_start(&b->peer, &b->pki, "IP:127.0.0.1", NULL, 0);
	atomic_store(&b->peer.stalled, stalled);
	struct config_delivery d = {
		.tls = {.certificate = b->pki.certificate, .key = b->pki.key, .ca = b->pki.ca}};
	struct mdf_peer peer = {.address = {.family = 4, .b = {127, 0, 0, 1}},
		.port = b->peer.port,
		.probe_timeout = 10};
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

// Many more octets than wait at most, by writes that are refused in the middle of what waits.
Test(mdf, a_peer_that_stalls_loses_no_octet)
{
	struct bed *b = bed_open(true);
	uint64_t sent = 0, refused = 0, total = 64u << 20;

	while (sent < total) {
		uint32_t length = RECORD - (uint32_t)(sent % 5) * 1111;
		int64_t n = mdf_write(b->m, b->octets + sent % 7, length - 7);
		if (n == POI_ERR_AGAIN) {
			if (refused++ == 0)
				cr_assert_eq(mdf_flush(b->m), POI_ERR_AGAIN);
			atomic_store(&b->peer.stalled, false);
			struct pollfd p = {.fd = mdf_fd(b->m), .events = POLLOUT};
			cr_assert_eq(poll(&p, 1, 10000), 1);
			continue;
		}
		cr_assert_gt(n, 0, "%s", mdf_reason(b->m));
		sent += (uint64_t)n;
	}
	cr_assert_gt(refused, 0, "the peer took everything at once");
	int error;
	while ((error = mdf_flush(b->m)) == POI_ERR_AGAIN)
		usleep(1000);
	cr_assert_eq(error, 0);
	cr_assert(reads(b, sent), "%lu of %lu", (unsigned long)atomic_load(&b->peer.octets),
		(unsigned long)sent);
	bed_close(b);
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
