// RADIUS accounting, alone and beside the other protocols.

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dataplane/session/gtpv2_play.h"

TestSuite(session_radius, .init = begin, .fini = end);

static void number(struct lab *l, uint8_t type, uint32_t value)
{
	uint8_t v[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		(uint8_t)value};

	lab_attribute(l, type, v, 4);
}

// For messages from here on: Event-Timestamp, Acct-Delay-Time; 0: without.
static uint32_t event_s, delay_s;

static void account(
	uint8_t identifier, uint32_t status, const char *session, uint32_t ue, const char *user)
{
	struct lab l;
	uint8_t v[6] = {0, 0, 0, (uint8_t)status};
	uint8_t nas[4] = {10, 0, 0, 33};

	lab_radius(&l, 4, identifier);
	lab_attribute(&l, 40, v, 4);
	lab_attribute(&l, 4, nas, 4);
	if (session)
		lab_attribute(&l, 44, session, (uint8_t)strlen(session));
	if (user)
		lab_attribute(&l, 1, user, (uint8_t)strlen(user));
	if (ue) {
		uint8_t a[4] = {
			(uint8_t)(ue >> 24), (uint8_t)(ue >> 16), (uint8_t)(ue >> 8), (uint8_t)ue};
		lab_attribute(&l, 8, a, 4);
	}
	if (event_s)
		number(&l, 55, event_s);
	if (delay_s)
		number(&l, 41, delay_s);
	lab_radius_end(&l);
	world_take(&w, &l, SIGNALLING_RADIUS, NAS, SERVER);
}

#define START 1
#define STOP 2
#define INTERIM 3
#define MINUTE 60000000000ull

// The same with its time.
static void account_at(
	uint8_t identifier, uint32_t status, const char *session, uint32_t event, uint32_t delay)
{
	event_s = event;
	delay_s = delay;
	account(identifier, status, session, status == STOP ? 0 : 0x0a2d0009, "alice@example.org");
	event_s = delay_s = 0;
}

static void subscription_nai(uint64_t subscription, const char *nai)
{
	struct session_target t = {.kinds = SESSION_NAI};

	strcpy(t.nai, nai);
	cr_assert_eq(sessions_subscribe(w.store, subscription, &t, FILTER_ANY_DIRECTION), 0);
}

Test(session_radius, life)
{
	subscription_nai(2, "alice@example.org");
	account(1, 1, "s1", 0x0a2d0009, "alice@EXAMPLE.org");
	cr_expect(world_address(&w, 2, 0x0a2d0009));
	account(2, 3, "s1", 0x0a2d000a, "alice@example.org");
	cr_expect(world_address(&w, 2, 0x0a2d000a) && !world_address(&w, 2, 0x0a2d0009));
	account(3, 2, "s1", 0, NULL);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	account(2, 3, "s1", 0x0a2d000a, "alice@example.org"); // late, the same octets
	cr_expect_eq(world_bound_by(&w, 2), 0);
	account(4, 3, "s2", 0x0a2d000b, "alice@example.org"); // started late
	cr_expect(world_address(&w, 2, 0x0a2d000b));
	account(5, 1, "s3", 0x0a2d000b, "bob@example.org"); // the Stop of s2 was lost
	cr_expect_eq(world_bound_by(&w, 2), 0);
	cr_expect_eq(world_counts(&w).sessions, 1);
	account(6, 7, NULL, 0, NULL); // Accounting-On
	cr_expect_eq(world_counts(&w).sessions, 0);
	subscription_nai(3, "Alice@example.org");
	account(7, 1, "s4", 0x0a2d000c, "alice@example.org");
	cr_expect_eq(world_bound_by(&w, 3), 0, "the user's part has case");
}

static void subscription_hashed(uint64_t subscription, const char *nai)
{
	struct session_target t = {.kinds = SESSION_HASHED,
		.hashed = {.identity = HASHED_NAI,
			.algorithm = IDENTITY_SHA_256,
			.salt_length = 8,
			.salt = "saltsalt"}};
	char text[300];
	int n = snprintf(text, sizeof(text), "saltsalt%s", nai);

	cr_assert_eq(EVP_Digest(text, (size_t)n, t.hashed.digest, NULL, EVP_sha256(), NULL), 1);
	cr_assert_eq(sessions_subscribe(w.store, subscription, &t, FILTER_ANY_DIRECTION), 0);
}

// The session's user is another from an Interim on: watches by digest go with it as clear ones do,
// and later ones find the new user only.
Test(session_radius, a_hashed_user_changes)
{
	static const char *const names[] = {"alice@example.org", "bob@example.org"};
	const uint32_t ue = 0x0a2d0009;

	for (uint64_t i = 0; i < 2; i++) {
		subscription_nai(2 + i, names[i]);
		subscription_hashed(4 + i, names[i]);
	}
	account(1, START, "s1", ue, "alice@EXAMPLE.org");
	cr_expect(world_address(&w, 2, ue) && world_address(&w, 4, ue));
	cr_expect_not(world_address(&w, 3, ue) || world_address(&w, 5, ue));
	account(2, INTERIM, "s1", ue, "bob@example.org");
	cr_expect(world_address(&w, 3, ue) && world_address(&w, 5, ue));
	cr_expect_not(world_address(&w, 2, ue) || world_address(&w, 4, ue));
	for (uint64_t i = 0; i < 2; i++)
		subscription_hashed(6 + i, names[i]);
	cr_expect(!world_address(&w, 6, ue) && world_address(&w, 7, ue));
	account(3, STOP, "s1", 0, NULL);
	for (uint64_t i = 2; i < 8; i++)
		cr_expect_eq(world_bound_by(&w, i), 0);
}

static void small_world(uint64_t sessions)
{
	struct sessions_settings s = world_settings(&w);

	world_end(&w);
	s.sessions_max = sessions ? sessions : s.sessions_max;
	world_make(&w, &s);
	cr_assert_eq(world_subscribe_imsi(&w, 1, imsi), 0);
}

// A waiting request that is given up for it has shown selectors of its own.
Test(session_radius, in_the_place_of_another)
{
	struct lab l;

	small_world(1);
	subscription_nai(2, "alice@example.org");
	lab_gtpv2(&l, 32, 0, 1);
	lab_gtpv2_f_teid(&l, 0, 10, 0x71, MME);
	lab_gtpv2_paa(&l, 0x0a2d0009);
	send(&l, true);
	world_pass(&w, 29500000000ull);
	modify(5, 2, 0x501, ENB_A);
	world_pass(&w, 1000000000ull);
	account(1, 1, "s1", 0x0a2d0009, "alice@example.org");
	cr_expect_eq(world_counts(&w).sessions, 1);
	cr_expect(world_address(&w, 2, 0x0a2d0009));
}

static void access_point(uint32_t i)
{
	struct lab l;
	uint8_t start[4] = {0, 0, 0, 1};
	char name[16];

	snprintf(name, sizeof(name), "ap-%u", i);
	lab_radius(&l, 4, (uint8_t)i);
	lab_attribute(&l, 40, start, 4);
	lab_attribute(&l, 32, name, (uint8_t)strlen(name));
	lab_attribute(&l, 44, "s", 1);
	lab_radius_end(&l);
	world_take(&w, &l, SIGNALLING_RADIUS, NAS, SERVER);
}

Test(session_radius, more_nodes_than_are_noted)
{
	small_world(0);
	for (uint32_t i = 0; i < 65536; i++)
		access_point(i);
	cr_expect_eq(world_counts(&w).refused, 0);
	cr_expect(!w.state[1].unsure);
	access_point(65536);
	cr_expect_eq(world_counts(&w).refused, 1, "said to have been seen");
	cr_expect(w.state[1].unsure, "whose it was is not known");
	create(5, 1);
	cr_expect_eq(world_counts(&w).refused, 2);
	created(5, 1, 16, 0x0a2d0002);
	cr_expect_eq(world_bound_by(&w, 1), 0);
}

// ---- what UDP reordered ----

Test(session_radius, an_interim_behind_the_stop)
{
	subscription_nai(2, "alice@example.org");
	account_at(1, START, "s1", 0, 0);
	account_at(2, STOP, "s1", 0, 0);
	account_at(3, INTERIM, "s1", 0, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	cr_expect_eq(world_counts(&w).sessions, 0);
	cr_expect_eq(world_counts(&w).accounts_late, 1);
	world_pass(&w, 9 * MINUTE);
	account_at(4, INTERIM, "s1", 0, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0, "for minutes");
	world_pass(&w, 2 * MINUTE);
	account_at(5, INTERIM, "s1", 0, 0);
	cr_expect_eq(world_bound_by(&w, 2), 1, "not for ever");
}

Test(session_radius, a_stop_ahead_of_its_start)
{
	subscription_nai(2, "alice@example.org");
	account_at(1, STOP, "s1", 1000, 0);
	account_at(2, START, "s1", 999, 0);
	account_at(3, INTERIM, "s1", 1001, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	account_at(4, STOP, "s2", 0, 0);
	account_at(5, START, "s2", 0, 3);
	cr_expect_eq(world_bound_by(&w, 2), 0, "by the delay");
	cr_expect_eq(world_counts(&w).accounts_late, 3);
}

Test(session_radius, a_name_that_is_used_again)
{
	subscription_nai(2, "alice@example.org");
	account_at(1, START, "s1", 1000, 0);
	account_at(2, STOP, "s1", 1010, 0);
	account_at(3, START, "s1", 1010, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0, "in doubt it is of the session that stopped");
	account_at(4, START, "s1", 1011, 0);
	cr_expect_eq(world_bound_by(&w, 2), 1);
	account_at(5, STOP, "s1", 1010, 2);
	cr_expect_eq(world_bound_by(&w, 2), 1, "the first Stop, sent again");
	account_at(6, STOP, "s1", 1012, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	account_at(7, START, "s1", 0, 0);
	cr_expect_eq(world_bound_by(&w, 2), 1, "without times their order is that of their coming");
	account_at(8, STOP, "s1", 0, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
}

// A clock that is set back keeps no session alive.
Test(session_radius, a_stop_is_a_stop)
{
	subscription_nai(2, "alice@example.org");
	account_at(1, START, "s1", 5000, 0);
	account_at(2, STOP, "s1", 1000, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	account_at(3, START, "s2", 0, 0);
	account_at(4, STOP, "s2", 0, 500);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	account_at(5, START, "s3", 0, 0);
	account_at(6, STOP, "s3", 0, UINT32_MAX);
	cr_expect_eq(world_bound_by(&w, 2), 0);
}

Test(session_radius, an_older_interim)
{
	subscription_nai(2, "alice@example.org");
	account(1, START, "s1", 0x0a2d0001, "alice@example.org");
	event_s = 1002;
	account(2, INTERIM, "s1", 0x0a2d0003, "alice@example.org");
	event_s = 1001;
	account(3, INTERIM, "s1", 0x0a2d0002, "alice@example.org");
	event_s = 0;
	cr_expect(world_address(&w, 2, 0x0a2d0003));
	cr_expect_eq(world_bound_by(&w, 2), 1);
	world_pass(&w, MINUTE);
	delay_s = 30;
	account(4, INTERIM, "s1", 0x0a2d0004, "alice@example.org");
	cr_expect(world_address(&w, 2, 0x0a2d0004), "30 s late, and yet the last");
	delay_s = 40;
	account(5, INTERIM, "s1", 0x0a2d0005, "alice@example.org");
	cr_expect(world_address(&w, 2, 0x0a2d0004));
	delay_s = 0;
	world_pass(&w, 11 * MINUTE);
	event_s = 900;
	account(6, INTERIM, "s1", 0x0a2d0006, "alice@example.org");
	event_s = 0;
	cr_expect(world_address(&w, 2, 0x0a2d0006), "nothing is so late: a clock set back");
}

// A session whose address another has got, and whose Stop was lost.
Test(session_radius, an_interim_of_who_lost_the_address)
{
	subscription_nai(2, "alice@example.org");
	subscription_nai(3, "bob@example.org");
	account(1, START, "s1", 0x0a2d0009, "alice@example.org");
	account(2, START, "s2", 0x0a2d0009, "bob@example.org");
	account(3, INTERIM, "s1", 0x0a2d0009, "alice@example.org");
	cr_expect_eq(world_bound_by(&w, 2), 0);
	cr_expect(world_address(&w, 3, 0x0a2d0009));
	world_pass(&w, MINUTE);
	account(4, INTERIM, "s1", 0x0a2d0009, "alice@example.org");
	cr_expect(world_address(&w, 2, 0x0a2d0009), "it goes on after all");
}

Test(session_radius, names_after_a_restart)
{
	subscription_nai(2, "alice@example.org");
	account_at(1, START, "s1", 1000, 0);
	account_at(2, STOP, "s1", 1010, 0);
	account(3, 7, NULL, 0, NULL); // Accounting-On
	account_at(4, START, "s1", 5, 0);
	cr_expect_eq(world_bound_by(&w, 2), 1, "its clock and its names begin anew");
}

// Memory for 65,536: then the oldest is forgotten, and that is counted.
Test(session_radius, more_stops_than_are_remembered)
{
	char name[16];

	subscription_nai(2, "alice@example.org");
	for (uint32_t i = 0; i < 65536; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		account_at((uint8_t)i, STOP, name, 0, 0);
	}
	uint64_t octets = world_counts(&w).octets;
	cr_expect_eq(world_counts(&w).stops_forgotten, 0);
	account_at(1, STOP, "more", 0, 0);
	cr_expect_eq(world_counts(&w).stops_forgotten, 1);
	account_at(2, INTERIM, "s1", 0, 0);
	cr_expect_eq(world_bound_by(&w, 2), 0);
	account_at(3, INTERIM, "s0", 0, 0);
	cr_expect_eq(world_bound_by(&w, 2), 1, "the oldest");
	world_pass(&w, 11 * MINUTE);
	account_at(4, STOP, "s0", 0, 0);
	cr_expect_lt(world_counts(&w).octets, octets / 2);
}
