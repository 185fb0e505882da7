// Watches of hashed identities: found as a clear one is, whichever comes first. The digests are
// OpenSSL's own.

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dataplane/session/pfcp_bed.h"

TestSuite(session_hashed, .init = begin, .fini = end);

#define SALT "\x42\x41\x79\x2f\xc4\xd3\xd0\x97"
#define OTHER_SALT "another salt"

static struct session_target hashed_as(
	uint8_t identity, uint8_t algorithm, const char *salt, const char *text)
{
	struct session_target t = {.kinds = SESSION_HASHED,
		.hashed = {.identity = identity,
			.algorithm = algorithm,
			.salt_length = (uint8_t)strlen(salt)}};
	const EVP_MD *md = algorithm == IDENTITY_SHA_256   ? EVP_sha256()
			   : algorithm == IDENTITY_SHA_512 ? EVP_sha512()
							   : EVP_sha3_512();
	char octets[512];
	int n = snprintf(octets, sizeof(octets), "%s%s", salt, text);

	memcpy(t.hashed.salt, salt, strlen(salt));
	cr_assert_eq(EVP_Digest(octets, (size_t)n, t.hashed.digest, NULL, md, NULL), 1);
	return t;
}

static struct session_target hashed(uint8_t identity, const char *text)
{
	return hashed_as(identity, IDENTITY_SHA_256, SALT, text);
}

static void watch(uint64_t subscription, struct session_target t)
{
	cr_assert_eq(sessions_subscribe(w.store, subscription, &t, FILTER_ANY_DIRECTION), 0);
}

static uint32_t walk(uint32_t step)
{
	uint32_t calls = 1;

	while (sessions_walk(w.store, step))
		calls++;
	return calls;
}

static void release(const struct play *s, uint32_t sequence)
{
	play_delete(&w, s, sequence);
	play_deleted(&w, s, sequence, 1);
}

Test(session_hashed, the_task_comes_first)
{
	watch(1, hashed(HASHED_IMSI, one.imsi));
	cr_expect_not(sessions_walk(w.store, 8), "there is nothing to look at");
	play_up(&w, &one, 1, 0x2001, GNB_A);
	play_up(&w, &two, 11, 0x2002, GNB_A);
	cr_expect(uplink(&one, 1) && downlink(1, 0x2001, GNB_A));
	cr_expect_not(uplink(&two, 1));
	cr_expect_eq(w.state[1].sessions, 1);
	cr_expect_not(w.state[1].unsure);
	play_modify(&w, &one, 5, FORW, 0x2005, GNB_B); // it stays found
	play_modified(&w, &one, 5, 1);
	cr_expect(downlink(1, 0x2005, GNB_B));
	release(&one, 9);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].ended);
}

Test(session_hashed, the_session_comes_first)
{
	play_up(&w, &one, 1, 0x2001, GNB_A);
	play_up(&w, &two, 11, 0x2002, GNB_A);
	watch(1, hashed(HASHED_IMSI, one.imsi));
	cr_expect_eq(w.state[1].sessions, 0, "nothing is told before all were hashed");
	walk(1);
	cr_expect(uplink(&one, 1) && downlink(1, 0x2001, GNB_A) && !uplink(&two, 1));
	cr_expect_eq(w.state[1].sessions, 1);
	watch(2, hashed(HASHED_IMSI, two.imsi)); // of the same context: at once
	cr_expect(uplink(&two, 2) && !uplink(&one, 2));
	cr_expect_not(sessions_walk(w.store, 8));
	cr_expect_eq(w.state[2].sessions, 1);
	watch(3, hashed(HASHED_IMSI, "001010000000009"));
	cr_expect_eq(world_bound_by(&w, 3), 0);
}

// Sessions that begin, change and end while the sessions are scanned.
Test(session_hashed, signalling_goes_on_meanwhile)
{
	struct play many[20];
	char imsi[20][16];

	for (uint32_t i = 0; i < 20; i++) {
		snprintf(imsi[i], sizeof(imsi[i]), "0010100000001%02u", i);
		many[i] = (struct play){.cp = 0x100 + i,
			.up = 0x200 + i,
			.uplink = 0x3000 + i,
			.ue = 0x0a2d0100 + i,
			.imsi = imsi[i]};
	}
	for (uint32_t i = 0; i < 18; i++)
		play_up(&w, &many[i], 10 * i + 1, 0x4000 + i, GNB_A);
	for (uint64_t k = 0; k < 20; k++)
		watch(k + 1, hashed(HASHED_IMSI, imsi[k]));
	cr_assert(sessions_walk(w.store, 7));
	release(&many[1], 501);	 // looked at
	release(&many[16], 502); // not yet
	play_up(&w, &many[18], 511, 0x5001, GNB_A);
	many[16].cp += 0x1000; // a new session of the subscriber, in the place of the old
	many[16].up += 0x1000;
	many[16].uplink += 0x1000;
	play_up(&w, &many[16], 521, 0x5002, GNB_A);
	walk(3);
	play_up(&w, &many[19], 531, 0x5003, GNB_A);
	for (uint64_t k = 0; k < 20; k++) {
		cr_expect_eq(w.state[k + 1].sessions, k != 1, "%llu", (unsigned long long)k);
		cr_expect_eq(uplink(&many[k], k + 1), k != 1);
	}
	for (uint64_t k = 0; k < 20; k++)
		cr_assert_eq(sessions_unsubscribe(w.store, k + 1), 0);
}

// A context that changes is another context: the digests of the old one find nothing under it.
Test(session_hashed, the_context_changes)
{
	struct session_target t = hashed(HASHED_IMSI, one.imsi);

	play_up(&w, &one, 1, 0x2001, GNB_A);
	watch(1, t);
	walk(8);
	cr_assert(uplink(&one, 1));
	memcpy(t.hashed.salt, "newsalt!", 8);
	watch(2, t);
	cr_assert_eq(sessions_unsubscribe(w.store, 1), 0);
	walk(8);
	cr_expect_eq(w.state[2].sessions, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	watch(3, hashed_as(HASHED_IMSI, IDENTITY_SHA_256, "newsalt!", one.imsi));
	cr_expect(uplink(&one, 3));
	watch(4, hashed_as(HASHED_IMSI, IDENTITY_SHA3_512, "newsalt!", one.imsi));
	walk(8);
	cr_expect_eq(w.state[4].sessions, 1);
}

Test(session_hashed, each_identity_in_its_form)
{
	const struct play all = {.cp = 0x31,
		.up = 0x32,
		.uplink = 0x1033,
		.ue = 0x0a2d0033,
		.imsi = "00101000000001",
		.msisdn = "491725670014",
		.imei = "4901542032375182",
		.nai = "Alice@Example.ORG"};
	const struct {
		struct session_target target;
		bool found;
	} targets[] = {
		{hashed(HASHED_IMSI, "00101000000001"), true},
		{hashed(HASHED_MSISDN, "491725670014"), true},
		{hashed(HASHED_MSISDN, "+491725670014"), false},
		{hashed(HASHED_IMSI, "491725670014"), false},
		{hashed(HASHED_IMEI, "49015420323751"), true},
		{hashed(HASHED_IMEI_CHECKED, "490154203237518"), true}, // the example of TS 23.003
		{hashed(HASHED_IMEI_CHECKED, "490154203237510"), false},
		{hashed(HASHED_IMEISV, "4901542032375182"), true},
		{hashed(HASHED_IMEISV, "4901542032375180"), false},
		{hashed(HASHED_NAI, "Alice@Example.ORG"), true},
		{hashed(HASHED_NAI, "Alice@example.org"), true},
		{hashed(HASHED_NAI, "alice@example.org"), false},
		{hashed_as(HASHED_MSISDN, IDENTITY_SHA_512, OTHER_SALT, "491725670014"), true},
		{hashed_as(HASHED_NAI, IDENTITY_SHA3_512, OTHER_SALT, "Alice@example.org"), true},
	};
	const uint32_t n = sizeof(targets) / sizeof(targets[0]);

	for (uint32_t i = 0; i < n; i++)
		watch(i + 1, targets[i].target);
	play_up(&w, &all, 1, 0x2001, GNB_A);
	for (uint32_t i = 0; i < n; i++)
		cr_expect_eq(uplink(&all, i + 1), targets[i].found, "first %u", i);
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(sessions_unsubscribe(w.store, i + 1), 0);
	for (uint32_t i = 0; i < n; i++) {
		watch(i + 1, targets[i].target);
		walk(8);
		cr_expect_eq(uplink(&all, i + 1), targets[i].found, "later %u", i);
	}
}

// 14 digits are no IMEISV.
Test(session_hashed, a_shorter_identity)
{
	const struct play s = {.cp = 0x31,
		.up = 0x32,
		.uplink = 0x1033,
		.ue = 0x0a2d0033,
		.imei = "490154203237518"};

	watch(1, hashed(HASHED_IMEI, "49015420323751"));
	watch(2, hashed(HASHED_IMEISV, "490154203237518"));
	watch(3, hashed(HASHED_IMSI, ""));
	watch(4, hashed(HASHED_NAI, ""));
	play_up(&w, &s, 1, 0x2001, GNB_A);
	cr_expect(uplink(&s, 1));
	cr_expect_not(uplink(&s, 2) || uplink(&s, 3) || uplink(&s, 4));
}

// A conjunction with clear criteria, and one of several targets.
Test(session_hashed, beside_clear_criteria)
{
	struct session_target both = hashed(HASHED_IMSI, one.imsi);
	struct session_target any[] = {hashed(HASHED_IMSI, one.imsi), {.kinds = SESSION_IMSI}};

	both.kinds |= SESSION_FSEID;
	both.seid = one.up;
	watch(1, both);
	both.seid = two.up;
	watch(2, both);
	strcpy(any[1].imsi, two.imsi);
	cr_assert_eq(sessions_subscribe_any(w.store, 3, any, 2, FILTER_ANY_DIRECTION), 0);
	for (int round = 0; round < 2; round++) {
		if (round == 0) {
			play_up(&w, &one, 1, 0x2001, GNB_A);
			play_up(&w, &two, 11, 0x2002, GNB_A);
		}
		walk(1);
		cr_expect(uplink(&one, 1) && !uplink(&two, 1));
		cr_expect_not(uplink(&one, 2) || uplink(&two, 2));
		cr_expect(uplink(&one, 3) && uplink(&two, 3));
		for (uint64_t k = 1; k <= 3; k++)
			cr_assert_eq(sessions_unsubscribe(w.store, k), 0);
		both.seid = one.up;
		watch(1, both);
		both.seid = two.up;
		watch(2, both);
		cr_assert_eq(sessions_subscribe_any(w.store, 3, any, 2, FILTER_ANY_DIRECTION), 0);
	}
}

// More sessions of one subscriber than an index leads to.
Test(session_hashed, hundreds_of_one_subscriber)
{
	watch(2, hashed(HASHED_IMSI, two.imsi)); // its context is there before
	for (uint32_t i = 0; i < 300; i++) {
		const struct play s = {.cp = 0x1000 + i,
			.up = 0x2000 + i,
			.uplink = 0x3000 + i,
			.ue = 0x0a2d0100 + i,
			.imsi = one.imsi};
		play_up(&w, &s, 10 * i + 1, 0x8000 + i, GNB_A);
	}
	watch(1, hashed(HASHED_IMSI, one.imsi));
	walk(16);
	cr_expect_eq(w.state[1].sessions, 300);
}

// There is room for 16 contexts, and for another when one has ended.
Test(session_hashed, contexts_are_bounded)
{
	struct session_target t = hashed(HASHED_IMSI, one.imsi);
	uint64_t octets = world_counts(&w).octets;

	play_up(&w, &one, 1, 0x2001, GNB_A);
	release(&one, 9);
	world_pass(&w, 120000000000ull);
	octets = world_counts(&w).octets;
	for (uint64_t k = 0; k < 16; k++) {
		t.hashed.salt[0] = (uint8_t)k;
		watch(k, t);
		t.hashed.digest[0]++;
		watch(100 + k, t); // another target of it
	}
	t.hashed.salt[0] = 16;
	cr_expect_eq(sessions_subscribe(w.store, 16, &t, FILTER_ANY_DIRECTION), POI_ERR_NOMEM);
	cr_assert_eq(sessions_unsubscribe(w.store, 3), 0);
	cr_expect_eq(sessions_subscribe(w.store, 16, &t, FILTER_ANY_DIRECTION), POI_ERR_NOMEM);
	cr_assert_eq(sessions_unsubscribe(w.store, 103), 0);
	cr_expect_eq(sessions_subscribe(w.store, 16, &t, FILTER_ANY_DIRECTION), 0);
	cr_assert_eq(sessions_unsubscribe(w.store, 16), 0);
	for (uint64_t k = 0; k < 16; k++) {
		if (k == 3)
			continue;
		cr_assert_eq(sessions_unsubscribe(w.store, k), 0);
		cr_assert_eq(sessions_unsubscribe(w.store, 100 + k), 0);
	}
	walk(8);
	// tables keep their chunks; no context is left
	cr_expect_lt(world_counts(&w).octets, octets + 32768);
}

// A User ID whose IMSI cannot be read may be the target's.
Test(session_hashed, an_identity_that_is_not_read)
{
	struct lab l;

	watch(1, hashed(HASHED_IMSI, one.imsi));
	watch(2, hashed(HASHED_MSISDN, "491725670014"));
	lab_pfcp_session(&l, 50, 0, 1);
	lab_node(&l, SMF);
	lab_f_seid(&l, 0x77, SMF);
	lab_open(&l, 141);
	lab_u8(&l, 1);
	lab_u8(&l, 8);
	lab_octets(&l, "\xee\xee\xee\xee\xee\xee\xee\xee", 8);
	lab_close(&l);
	lab_end(&l);
	world_take(&w, &l, SIGNALLING_PFCP, SMF, UPF);
	cr_expect(w.state[1].unsure);
	cr_expect_not(w.state[2].unsure);
}
