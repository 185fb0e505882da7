// Sessions that network functions show by events, alone and beside signalling.

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dataplane/session/event_bed.h"

TestSuite(session_event, .init = begin_correlating, .fini = end);

Test(session_event, life)
{
	struct session_event e = alice();

	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	cr_expect(bound_to_all(1));
	cr_expect(all(e.correlation));
	cr_expect_eq(w.state[1].sessions, 1);
	cr_expect(!w.state[1].unsure && w.state[1].bound_once);
	uint64_t binds = w.binds, unbinds = w.unbinds, first = e.correlation;
	cr_expect_eq(take(&e), 0, "it is the same");
	cr_expect_eq(e.correlation, first);
	cr_expect(w.binds == binds && w.unbinds == unbinds);
	cr_expect_eq(world_counts(&w).sessions, 1);
	e = event_ends("smf-1/imsi-1-5");
	cr_expect_eq(take(&e), 0);
	cr_expect_eq(e.correlation, first);
	cr_expect_eq(world_bound_by(&w, 1), 0);
	cr_expect(w.state[1].ended);
	cr_expect_eq(w.n_over, 1);
	cr_expect_eq(w.over[0], first);
	cr_expect_eq(ends("smf-1/imsi-1-5"), POI_ERR_NOT_FOUND);
	cr_expect_eq(world_counts(&w).released, 1);
	e = alice();
	cr_expect_eq(take(&e), 0);
	cr_expect_neq(e.correlation, first, "a name that is used again");
}

Test(session_event, names_that_are_none)
{
	static const char octets[SESSION_EVENT_NAME + 1] = "x";
	struct session_event e = alice();

	e.name = octets;
	e.name_length = SESSION_EVENT_NAME + 1;
	cr_expect_eq(take(&e), POI_ERR_INVALID);
	e.name_length = 0;
	cr_expect_eq(take(&e), POI_ERR_INVALID);
	e.name_length = SESSION_EVENT_NAME;
	cr_expect_eq(take(&e), 0);
	e.kind = SESSION_EVENT_ENDS;
	e.name_length--;
	cr_expect_eq(take(&e), POI_ERR_NOT_FOUND, "a part of the name");
	cr_expect_eq(world_counts(&w).sessions, 1);
}

static struct session_target hashed_msisdn(const char *digits)
{
	struct session_target t = {.kinds = SESSION_HASHED,
		.hashed = {.identity = HASHED_MSISDN,
			.algorithm = IDENTITY_SHA_256,
			.salt_length = 8,
			.salt = "saltsalt"}};
	char text[64];
	int n = snprintf(text, sizeof(text), "saltsalt%s", digits);

	cr_assert_eq(EVP_Digest(text, (size_t)n, t.hashed.digest, NULL, EVP_sha256(), NULL), 1);
	return t;
}

#define TARGETS 8
static void targets(struct session_target *t)
{
	for (unsigned i = 0; i < TARGETS; i++)
		t[i] = (struct session_target){.kinds = (uint16_t)(i == 0   ? SESSION_IMSI
								   : i == 1 ? SESSION_MSISDN
								   : i == 2 ? SESSION_IMEI
								   : i == 3 ? SESSION_IMEISV
								   : i == 4 ? SESSION_NAI
									    : SESSION_FSEID),
			.imsi = "001010000000001",
			.msisdn = "491700000001",
			.imei = "49015420323751",
			.imeisv = "4901542032375186",
			.nai = "alice@EXAMPLE.org",
			.seid = 0x11};
	t[5].seid_v4 = event_address(SMF);
	t[6].seid = 0x21;
	t[6].seid_v4 = event_address(UPF);
	t[7] = hashed_msisdn("491700000001");
}

// Each kind of target, subscribed before the session and behind it.
Test(session_event, by_each_identity)
{
	struct session_event e = known_by_all();
	static struct session_target t[TARGETS];

	targets(t);
	for (unsigned i = 0; i < TARGETS; i++)
		subscribe(1 + i, &t[i]);
	cr_assert_eq(take(&e), 0);
	for (unsigned i = 0; i < TARGETS; i++)
		subscribe(21 + i, &t[i]);
	while (sessions_walk(w.store, 100))
		;
	for (unsigned i = 0; i < TARGETS; i++) {
		cr_expect(bound_to_all(1 + i), "target %u before", i);
		cr_expect(bound_to_all(21 + i), "target %u behind", i);
	}
	struct session_event stranger = event_is("b", "001010000000002", 0x0a2d0007);
	stranger.cp = event_seid(one.cp, UPF);
	stranger.up = event_seid(one.up, SMF);
	cr_assert_eq(take(&stranger), 0);
	for (unsigned i = 0; i < TARGETS; i++)
		cr_expect_eq(world_bound_by(&w, 1 + i), 3, "target %u", i);
	e = alice(); // all that follows is how it is: the other identities are gone
	cr_assert_eq(take(&e), 0);
	for (unsigned i = 0; i < TARGETS; i++)
		cr_expect_eq(world_bound_by(&w, 1 + i), i == 0 ? 3 : 0, "target %u", i);
}

// Values that only N4 shows lead to no session of an event.
Test(session_event, no_rules_of_n4)
{
	struct session_event e = known_by_all();
	struct session_target t = {.kinds = SESSION_FSEID | SESSION_PDR, .seid = one.up, .pdr = 1};

	e.dnn = (struct span){(const uint8_t *)"internet", 8};
	subscribe(1, &t);
	t.kinds = SESSION_NI | SESSION_IMSI;
	strcpy(t.imsi, one.imsi);
	memcpy(t.ni, "internet", 8);
	t.ni_length = 8;
	subscribe(2, &t);
	cr_assert_eq(take(&e), 0);
	cr_expect_eq(world_bound_by(&w, 1) + world_bound_by(&w, 2), 0);
	play_up(&w, &one, 1, 0x501, GNB_A);
	cr_expect(uplink(&one, 1), "the session of N4 has them");
	cr_expect(uplink(&one, 2));
}

Test(session_event, a_handover)
{
	struct session_event e = alice();

	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	uint64_t first = e.correlation;
	e.n_downlink = 0;
	event_tunnel(&e, false, 0x502, GNB_B);
	cr_assert_eq(take(&e), 0);
	cr_expect_eq(e.correlation, first);
	cr_expect(downlink(1, 0x502, GNB_B) && uplink(&one, 1));
	cr_expect(downlink(1, 0x501, GNB_A), "packets on their way");
	cr_expect(all(first));
	world_pass(&w, 1100000000ull);
	cr_expect(downlink(1, 0x502, GNB_B) && !downlink(1, 0x501, GNB_A));
	e.n_downlink = 0; // idle
	cr_assert_eq(take(&e), 0);
	cr_expect(uplink(&one, 1) && world_address(&w, 1, one.ue));
	cr_expect_eq(world_bound_by(&w, 1), 2);
	cr_expect_eq(w.state[1].sessions, 1);
}

Test(session_event, there_and_back)
{
	struct session_event e = alice(), there;

	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	there = e;
	there.n_downlink = 0;
	event_tunnel(&there, false, 0x502, GNB_B);
	cr_assert_eq(take(&there), 0);
	cr_assert_eq(take(&e), 0);
	world_pass(&w, 1100000000ull);
	cr_expect(bound_to_all(1));
}

Test(session_event, as_many_tunnels_as_there_can_be)
{
	struct session_event e = event_is("a", one.imsi, one.ue);

	for (uint32_t i = 0; i < SESSION_EVENT_TUNNELS; i++) {
		event_tunnel(&e, true, 0x1000 + i, N3_UPF);
		event_tunnel(&e, false, 0x500 + i, GNB_A);
	}
	for (uint32_t i = 1; i < RADIUS_ADDRESSES_MAX; i++)
		e.address[e.n_addresses++] = event_prefix(one.ue + i);
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	cr_expect_eq(world_bound_by(&w, 1), 2 * SESSION_EVENT_TUNNELS + RADIUS_ADDRESSES_MAX);
	cr_expect(downlink(1, 0x50f, GNB_A));
	cr_expect(world_tunnel(&w, 1, CONFIG_LINK_N3, UP, 0x100f, N3_UPF));
	e.n_addresses = e.n_uplink = e.n_downlink = 255; // a caller's fault reads no further
	cr_assert_eq(take(&e), 0);
	cr_expect_eq(world_bound_by(&w, 1), 2 * SESSION_EVENT_TUNNELS + RADIUS_ADDRESSES_MAX);
}

// An address and a tunnel belong to the session that they were given to last.
Test(session_event, another_user_has_the_address)
{
	struct session_event e = alice();
	struct session_event other = event_is("b", two.imsi, one.ue);

	event_tunnel(&other, true, one.uplink, N3_UPF);
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	cr_assert_eq(take(&e), 0);
	cr_assert_eq(take(&other), 0);
	cr_expect_neq(other.correlation, e.correlation);
	cr_expect(world_address(&w, 2, one.ue) && uplink(&one, 2));
	cr_expect(!world_address(&w, 1, one.ue) && !uplink(&one, 1));
	cr_expect(downlink(1, 0x501, GNB_A), "that is nobody else's");
	cr_expect_eq(take(&e), 0, "repeated, as in a snapshot");
	cr_expect(world_address(&w, 2, one.ue) && !world_address(&w, 1, one.ue));
	cr_assert_eq(ends("b"), 0);
	cr_expect_eq(take(&e), 0);
	cr_expect(bound_to_all(1), "it is its own again");
}

// Two functions of one user's path: neither takes the address from the other.
Test(session_event, one_user_at_two_functions)
{
	struct session_event e = alice();
	struct session_event home = event_is("smf-2/x", one.imsi, one.ue);

	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	cr_assert_eq(take(&home), 0);
	cr_expect_neq(home.correlation, e.correlation);
	cr_expect(uplink(&one, 1) && downlink(1, 0x501, GNB_A));
	cr_expect_eq(world_bound_by(&w, 1), 4, "the address with the ID of each");
	cr_assert_eq(ends("smf-2/x"), 0);
	cr_expect(bound_to_all(1));
	cr_expect(!w.state[1].ended);
}

// An F-SEID of an event is not the target of messages.
Test(session_event, n4_does_not_change_it)
{
	struct session_event e = known_by_all();
	struct session_target t = {.kinds = SESSION_FSEID, .seid = one.up};

	subscribe(1, &t);
	cr_assert_eq(world_subscribe_imsi(&w, 2, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	play_delete(&w, &one, 1);
	play_deleted(&w, &one, 1, 1);
	play_modify(&w, &one, 2, FORW, 0x777, GNB_B);
	play_modified(&w, &one, 2, 1);
	cr_expect(bound_to_all(2));
	cr_expect(uplink(&one, 1) && downlink(1, 0x501, GNB_A));
	play_setup(&w, 5, 1);
	play_setup_done(&w, 5, 1);
	play_setup(&w, 6, 2);
	play_setup_done(&w, 6, 2);
	cr_expect(bound_to_all(2), "no restart of a node ends it");
	world_pass(&w, 100 * 3600 * 1000000000ull);
	cr_expect(bound_to_all(2), "no silence ends it");
}

// ---- functions that are silent ----

Test(session_event, a_function_is_silent)
{
	struct session_event lost = {.kind = SESSION_EVENT_FUNCTION_LOST},
			     back = {.kind = SESSION_EVENT_FUNCTION_BACK}, e = alice();

	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
	cr_assert_eq(take(&e), 0);
	cr_expect_not(w.state[1].unsure);
	cr_expect_eq(take(&back), 0, "of none that was lost");
	cr_expect_eq(take(&lost), 0);
	cr_expect(w.state[1].unsure && !w.state[1].unseen);
	cr_expect(bound_to_all(1), "what is known is followed");
	cr_assert_eq(world_subscribe_imsi(&w, 2, two.imsi), 0);
	cr_expect(w.state[2].unsure, "a task that comes meanwhile");
	cr_expect_eq(take(&lost), 0, "another one");
	cr_expect_eq(take(&back), 0);
	cr_expect(w.state[1].unsure && w.state[2].unsure);
	world_pass(&w, 3600 * 1000000000ull);
	cr_expect(w.state[1].unsure, "as long as it is");
	cr_expect_eq(take(&back), 0);
	cr_expect(!w.state[1].unsure && !w.state[2].unsure);
	cr_assert_eq(world_subscribe_imsi(&w, 3, one.imsi), 0);
	cr_expect_not(w.state[3].unsure);
}

// ---- room ----

static void small_world(uint32_t sessions, uint64_t memory)
{
	struct sessions_settings s = world_settings(&w);

	world_end(&w);
	s.sessions_max = sessions ? sessions : s.sessions_max;
	s.memory_max = memory ? memory : s.memory_max;
	s.correlate = true;
	world_make(&w, &s);
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
}

Test(session_event, a_full_store)
{
	small_world(1, 0);
	struct session_event e = alice(), other = event_is("b", two.imsi, two.ue);

	cr_assert_eq(take(&other), 0);
	cr_expect_eq(take(&e), POI_ERR_NOMEM);
	cr_expect_eq(e.correlation, 0);
	cr_expect_eq(world_counts(&w).refused, 1);
	cr_expect(w.state[1].unsure);
	cr_assert_eq(ends("b"), 0);
	cr_expect_eq(take(&e), 0, "sent again");
	cr_expect(bound_to_all(1));
	world_pass(&w, 61000000000ull);
	cr_expect_not(w.state[1].unsure);
}

// Names as s0, s1 ...; the caller's to change.
static struct session_event numbered(char name[static 32], uint32_t i)
{
	snprintf(name, 32, "s%u", i);
	return event_is(name, NULL, 0);
}

// A change that has no room is refused as a whole, and is taken later.
Test(session_event, a_change_without_room)
{
	char name[32];
	uint32_t n = 0, i = 0;

	small_world(0, 3u << 20);
	struct session_event e = alice(), other;
	cr_assert_eq(take(&e), 0);
	for (;; n++) {
		other = numbered(name, n);
		if (take(&other) != 0)
			break;
	}
	cr_assert_gt(n, 100);
	cr_expect_eq(world_counts(&w).sessions, n + 1);
	cr_expect_eq(world_counts(&w).refused, 1);
	int r = 0;
	for (; r == 0 && i < n; i++) { // records that grow take the rest
		other = numbered(name, i);
		for (uint32_t j = 0; j < SESSION_EVENT_TUNNELS; j++)
			event_tunnel(&other, true, 0x10000 + 100 * i + j, N3_UPF);
		r = take(&other);
	}
	cr_assert_eq(r, POI_ERR_NOMEM);
	cr_expect_eq(other.correlation, 0);
	world_pass(&w, 61000000000ull); // since the last that was refused
	cr_expect_not(w.state[1].unsure);
	e.n_downlink = 0;
	for (uint32_t j = 0; j < SESSION_EVENT_TUNNELS; j++)
		event_tunnel(&e, false, 0x501 + j, GNB_A);
	cr_assert_eq(take(&e), POI_ERR_NOMEM);
	cr_expect(bound_to_all(1), "as it was");
	cr_expect(w.state[1].unsure);
	while (n > 0) {
		other = numbered(name, --n);
		other.kind = SESSION_EVENT_ENDS;
		cr_assert_eq(take(&other), 0);
	}
	cr_expect_eq(take(&e), 0, "sent again");
	cr_expect(downlink(1, 0x510, GNB_A));
	world_pass(&w, 61000000000ull);
	cr_expect_not(w.state[1].unsure);
	cr_assert_eq(ends("smf-1/imsi-1-5"), 0);
	cr_expect_eq(world_counts(&w).sessions, 0);
	cr_expect_eq(world_bound_by(&w, 1), 0);
}
