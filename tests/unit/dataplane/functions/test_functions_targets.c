#include "functions_bed.h"

#include "shared/identity_hash.h"

// Tasks of each identity that a record shows.

#define NAI "user@Example.ORG"
#define NAI_SESSION                                                                            \
	"{\"sUPI\": {\"nAI\": \"" NAI "\"}, \"sUPIUnauthenticated\": false, \"pEI\": "         \
	"{\"iMEI\": \"35349006987331\"}, \"pDUSessionID\": 5, \"gTPTunnelID\": {\"tEID\": 1, " \
	"\"iPv4Address\": \"192.0.2.10\"}, \"pDUSessionType\": \"iPv4\", \"dNN\": \"n\", "     \
	"\"requestType\": \"initialRequest\", " TUNNELS "}"

struct wanted {
	const char *what;
	bool found, of_nai; // in ESTABLISHMENT, in NAI_SESSION
	struct session_target t;
};

static const struct nf_seid cp = {
	.seid = 0x0102030405060708, .v4 = {4, {192, 0, 2, 1}}, .v6 = {6, {0x20, 1, 0xd, 0xb8}}};
static const struct nf_seid up = {.seid = 9, .v4 = {4, {192, 0, 2, 2}}};

static const struct wanted tries[] = {
	{"IMSI", true, false, {.kinds = SESSION_IMSI, .imsi = IMSI}},
	{"another IMSI", false, false, {.kinds = SESSION_IMSI, .imsi = "001010000000009"}},
	{"a shorter IMSI", false, false, {.kinds = SESSION_IMSI, .imsi = "00101000000000"}},
	{"MSISDN", true, false, {.kinds = SESSION_MSISDN, .msisdn = "15550001"}},
	{"the IMSI as MSISDN", false, false, {.kinds = SESSION_MSISDN, .msisdn = IMSI}},
	{"IMEI of an IMEISV", true, true, {.kinds = SESSION_IMEI, .imei = "35349006987331"}},
	{"IMEISV", true, false, {.kinds = SESSION_IMEISV, .imeisv = "3534900698733190"}},
	{"another version", false, false, {.kinds = SESSION_IMEISV, .imeisv = "3534900698733191"}},
	{"another IMEI", false, false, {.kinds = SESSION_IMEI, .imei = "35349006987330"}},
	{"NAI, the realm's case does not count", false, true,
		{.kinds = SESSION_NAI, .nai = "user@example.org"}},
	{"NAI, the user's does", false, false, {.kinds = SESSION_NAI, .nai = "User@example.org"}},
	{"IMEI, of a record with one", false, false,
		{.kinds = SESSION_IMEI, .imei = "11111111111111"}},
	{"all of one user", true, false,
		{.kinds = SESSION_IMSI | SESSION_MSISDN | SESSION_IMEI,
			.imsi = IMSI,
			.msisdn = "15550001",
			.imei = "35349006987331"}},
	{"of two users", false, false,
		{.kinds = SESSION_IMSI | SESSION_MSISDN, .imsi = IMSI, .msisdn = "15550002"}},
	{"F-SEID of the SMF", true, false,
		{.kinds = SESSION_FSEID,
			.seid = 0x0102030405060708,
			.seid_v4 = {4, {192, 0, 2, 1}}}},
	{"its IPv6 address", true, false,
		{.kinds = SESSION_FSEID,
			.seid = 0x0102030405060708,
			.seid_v6 = {6, {0x20, 1, 0xd, 0xb8}}}},
	{"F-SEID of the UPF", true, false,
		{.kinds = SESSION_FSEID, .seid = 9, .seid_v4 = {4, {192, 0, 2, 2}}}},
	{"F-SEID at another address", false, false,
		{.kinds = SESSION_FSEID, .seid = 9, .seid_v4 = {4, {192, 0, 2, 1}}}},
	{"SEID alone", true, false, {.kinds = SESSION_FSEID, .seid = 9}},
	{"F-SEID and IMSI", true, false,
		{.kinds = SESSION_FSEID | SESSION_IMSI, .seid = 9, .imsi = IMSI}},
	{"F-SEID and another IMSI", false, false,
		{.kinds = SESSION_FSEID | SESSION_IMSI, .seid = 9, .imsi = "001010000000009"}},
	{"a PDR", false, false, {.kinds = SESSION_FSEID | SESSION_PDR, .seid = 9, .pdr = 1}},
	{"a QER", false, false, {.kinds = SESSION_FSEID | SESSION_QER, .seid = 9, .qer = 1}},
	{"a network instance", false, false,
		{.kinds = SESSION_IMSI | SESSION_NI, .imsi = IMSI, .ni = "a", .ni_length = 1}},
};

static void play_both(struct bed *b)
{
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	b->event.cp = cp;
	b->event.up = up;
	cr_assert_eq(play(b).result, NF_OK);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s2", NAI_SESSION);
}

// Record and start of interception are found by the same identities.
Test(functions_targets, each_kind_of_identity_finds_its_records)
{
	for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		const struct wanted *x = &tries[i];
		for (unsigned late = 0; late < 2; late++) {
			struct bed *b = bed_new();
			unsigned found[2] = {0, 0};
			struct pdu p;
			if (!late)
				(void)task_of(b, RECORDS_SMF, &x->t, 1);
			play_both(b);
			if (late)
				(void)task_of(b, RECORDS_SMF, &x->t, 1);
			while (next_pdu(b, &p))
				found[p.correlation - 1000]++;
			cr_assert_eq(found[0], x->found, "%s, late %u", x->what, late);
			cr_assert_eq(found[1], x->of_nai, "%s, late %u", x->what, late);
			bed_free(b);
		}
	}
}

Test(functions_targets, several_targets_of_a_task_have_one_copy)
{
	struct bed *b = bed_new();
	const struct session_target t[4] = {tries[0].t, tries[3].t, tries[0].t, tries[9].t};

	(void)task_of(b, RECORDS_SMF, t, 4);
	play_both(b);
	cr_assert_eq(must_pdu(b).correlation, 1000);
	cr_assert_eq(must_pdu(b).correlation, 1001);
	no_pdu(b);
	(void)task_of(b, RECORDS_SMF, t, 4);
	(void)must_pdu(b);
	(void)must_pdu(b);
	no_pdu(b);
	bed_free(b);
}

Test(functions_targets, further_identities_of_a_user_count)
{
	struct bed *b = bed_new();

	(void)task_of(b, RECORDS_AMF, &tries[3].t, 1); // the MSISDN
	play_ok(b, AMF, RECORD_AMF_REGISTRATION, "r1",
		"{\"registrationType\": \"initial\", \"registrationResult\": "
		"\"threeGPPAccess\", " AMF_SUPI GUTI ", \"additionalUserIdentifiers\": "
		"{\"fiveGSSubscriberIDs\": {\"fiveGSSubscriberID\": [{\"gPSI\": {\"mSISDN\": "
		"\"15550009\"}}, {\"gPSI\": {\"mSISDN\": \"15550001\"}}]}}}");
	(void)must_pdu(b);
	play_ok(b, AMF, RECORD_AMF_HANDOVER_COMMAND, "r1",
		"{\"userIdentifiers\": {\"fiveGSSubscriberIDs\": {\"fiveGSSubscriberID\": "
		"[{\"sUPI\": {\"iMSI\": \"" IMSI "\"}}]}}, \"aMFUENGAPID\": 1, "
		"\"rANUENGAPID\": 2, \"handoverType\": \"intra5GS\", "
		"\"targetToSourceContainer\": \"00\"}");
	(void)must_pdu(b); // what the registration showed of its user counts for all
	no_pdu(b);
	bed_free(b);
}

// ---- digests ----

static struct session_target hashed(uint8_t identity, uint8_t algorithm, const char *text)
{
	struct session_target t = {.kinds = SESSION_HASHED,
		.hashed = {.identity = identity, .algorithm = algorithm, .salt_length = 8}};

	memcpy(t.hashed.salt, "saltsalt", 8);
	struct identity_hash *h = identity_hash_new(algorithm, t.hashed.salt, 8);
	cr_assert_eq(identity_hash_of(h, text, strlen(text), t.hashed.digest), 0);
	identity_hash_free(h);
	return t;
}

Test(functions_targets, digests_of_identities_find_their_records)
{
	const struct {
		struct session_target t;
		bool found, of_nai;
	} of[] = {
		{hashed(HASHED_IMSI, IDENTITY_SHA_256, IMSI), true, false},
		{hashed(HASHED_MSISDN, IDENTITY_SHA_512, "15550001"), true, false},
		{hashed(HASHED_IMEI, IDENTITY_SHA_256, "35349006987331"), true, true},
		{hashed(HASHED_IMEI_CHECKED, IDENTITY_SHA_256, "353490069873319"), true, true},
		{hashed(HASHED_IMEISV, IDENTITY_SHA3_512, "3534900698733190"), true, false},
		{hashed(HASHED_NAI, IDENTITY_SHA_256, NAI), false, true},
		{hashed(HASHED_NAI, IDENTITY_SHA_256, "user@example.org"), false, true},
		{hashed(HASHED_IMSI, IDENTITY_SHA_256, "15550001"), false, false},
	};

	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		for (unsigned late = 0; late < 2; late++) {
			struct bed *b = bed_new();
			unsigned found[2] = {0, 0};
			struct pdu p;
			if (!late)
				(void)task_of(b, RECORDS_SMF, &of[i].t, 1);
			play_both(b);
			if (late)
				(void)task_of(b, RECORDS_SMF, &of[i].t, 1);
			while (next_pdu(b, &p))
				found[p.correlation - 1000]++;
			cr_assert_eq(found[0], of[i].found, "%u, late %u", i, late);
			cr_assert_eq(found[1], of[i].of_nai, "%u, late %u", i, late);
			bed_free(b);
		}
}

// Sessions from before the first task of a context, from after it, and changed; with memory for
// their digests and without.
Test(functions_targets, a_later_digest_of_a_context_finds_every_session)
{
	const struct session_target first =
		hashed(HASHED_IMSI, IDENTITY_SHA_256, "001010000000009");
	const struct session_target t = hashed(HASHED_IMSI, IDENTITY_SHA_256, IMSI);

	for (unsigned room = 0; room < 2; room++) {
		struct bed *b = bed_new_of(room ? 1u << 20 : 8192);
		struct channel_functions c;
		unsigned starts = 0, sessions = 0;
		struct nf_answer a = {.result = NF_OK};
		struct pdu p;
		char name[16];
		for (; sessions < 60 && a.result == NF_OK; sessions++) {
			if (sessions == 1 && room)
				(void)task_of(b, RECORDS_SMF, &first, 1);
			sprintf(name, "s%u", sessions);
			event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, name, ESTABLISHMENT);
			a = play(b);
		}
		cr_assert_eq(a.result, room ? NF_OK : NF_LATER);
		functions_counts(b->functions, &c);
		no_pdu(b);
		(void)task_of(b, RECORDS_SMF, &t, 1);
		while (next_pdu(b, &p))
			starts += is_of_task(&p, room);
		cr_assert_eq(starts, c.sessions, "room %u", room);
		bed_free(b);
	}
}

Test(functions_targets, a_digest_beside_another_criterion_is_asked_for_too)
{
	struct bed *b = bed_new();
	struct session_target yes = hashed(HASHED_IMSI, IDENTITY_SHA_256, IMSI);
	struct session_target no = hashed(HASHED_IMSI, IDENTITY_SHA_256, "001010000000009");
	struct pdu p;

	yes.kinds |= SESSION_MSISDN;
	no.kinds |= SESSION_MSISDN;
	strcpy(yes.msisdn, "15550001");
	strcpy(no.msisdn, "15550001");
	(void)task_of(b, RECORDS_SMF, &no, 1);
	(void)task_of(b, RECORDS_SMF, &yes, 1);
	play_both(b);
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 1));
	no_pdu(b);
	bed_free(b);
}

Test(functions_targets, there_is_room_for_so_many_hash_contexts)
{
	struct bed *b = bed_new();
	struct function_task *t[IDENTITY_CONTEXTS_MAX + 1];
	const struct x2_task x2 = {0};

	for (unsigned i = 0; i <= IDENTITY_CONTEXTS_MAX; i++) {
		struct session_target g = hashed(HASHED_IMSI, IDENTITY_SHA_256, IMSI);
		g.hashed.salt[0] = (uint8_t)i;
		int r = functions_task_enter(b->functions, &x2, RECORDS_SMF, &g, 1, &t[i]);
		cr_assert_eq(r, i < IDENTITY_CONTEXTS_MAX ? POI_OK : POI_ERR_NOMEM);
	}
	functions_task_leave(b->functions, t[3]);
	struct session_target g = hashed(HASHED_IMSI, IDENTITY_SHA_256, IMSI);
	g.hashed.salt[0] = 99;
	cr_assert_eq(functions_task_enter(b->functions, &x2, RECORDS_SMF, &g, 1, &t[3]), POI_OK);
	bed_free(b);
}
