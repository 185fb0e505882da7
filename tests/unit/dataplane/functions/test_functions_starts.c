#include "functions_bed.h"

// Records of a start of interception.

#define START                                                                                    \
	"{" SUPI PEI GPSI "\"pDUSessionID\": 5, \"gTPTunnelID\": {\"tEID\": 4097, "              \
	"\"iPv4Address\": \"192.0.2.10\"}, \"pDUSessionType\": \"iPv4v6\", \"uEEndpoint\": "     \
	"[{\"iPv4Address\": \"198.51.100.7\"}, {\"iPv6Address\": \"2001:db8:7::1\"}], \"dNN\": " \
	"\"internet\", \"requestType\": \"initialRequest\", \"rATType\": \"nR\", "               \
	"\"timeOfSessionEstablishment\": \"2026-01-01T00:00:00.123456789Z\", " TUNNELS "}"

static struct session_target other_target(void)
{
	return imsi_target("001010000000002");
}

Test(functions_starts, a_session_that_is_there_has_a_start)
{
	struct bed *b = bed_new();
	uint64_t before = now_wall_ns();
	struct pdu p;

	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	no_pdu(b);
	imsi_task(b, RECORDS_SMF);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_START, START);
	cr_assert_eq(p.direction, PDU_DIRECTION_NOT_APPLICABLE);
	cr_assert_eq(p.correlation, 1000);
	cr_assert_eq(p.sequence, 0);
	cr_assert_geq(p.time_ns, before);
	cr_assert_leq(p.time_ns, now_wall_ns());
	no_pdu(b);
	// and the records behind it go on with its numbers
	play_ok(b, SMF, RECORD_SMF_RELEASE, "s1",
		"{\"sUPI\": {\"iMSI\": \"" IMSI "\"}, \"pDUSessionID\": 5}");
	p = must_pdu(b);
	cr_assert(p.correlation == 1000 && p.sequence == 1);
	imsi_task(b, RECORDS_SMF);
	no_pdu(b);
	bed_free(b);
}

#define ENDPOINT "198.51.100.8"

Test(functions_starts, a_start_shows_a_session_as_it_is_now)
{
	struct bed *b = bed_new();
	struct pdu p;

	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	play_ok(b, SMF, RECORD_SMF_MODIFICATION, "s1",
		"{" SUPI "\"requestType\": \"modificationRequest\", \"rATType\": \"eUTRA\", "
		"\"uEEndpoint\": {\"iPv4Address\": \"" ENDPOINT "\"}, \"uPPathChange\": "
		"{\"sourceDNAI\": \"a\"}, \"gTPTunnelInfo\": {\"fiveGSGTPTunnels\": "
		"{\"uLNGUUPTunnelInformation\": {\"tEID\": 5000, \"iPv4Address\": "
		"\"192.0.2.11\"}}}}");
	imsi_task(b, RECORDS_SMF);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_START,
		"{" SUPI PEI GPSI "\"pDUSessionID\": 5, \"gTPTunnelID\": {\"tEID\": 5000, "
		"\"iPv4Address\": \"192.0.2.11\"}, \"pDUSessionType\": \"iPv4v6\", "
		"\"uEEndpoint\": [{\"iPv6Address\": \"2001:db8:7::1\"}, {\"iPv4Address\": "
		"\"" ENDPOINT "\"}], \"dNN\": \"internet\", \"requestType\": "
		"\"initialRequest\", \"rATType\": \"eUTRA\", \"timeOfSessionEstablishment\": "
		"\"2026-01-01T00:00:00.123456789Z\", \"gTPTunnelInfo\": {\"fiveGSGTPTunnels\": "
		"{\"uLNGUUPTunnelInformation\": {\"tEID\": 5000, \"iPv4Address\": "
		"\"192.0.2.11\"}}}}");
	no_pdu(b);
	bed_free(b);
}

#define MA(rest)                                                                                 \
	"{" SUPI "\"pDUSessionID\": 6, \"pDUSessionType\": \"iPv4\", \"accessInfo\": "           \
	"[{\"accessType\": \"threeGPPAccess\", \"gTPTunnelID\": {\"tEID\": 4098, "               \
	"\"iPv4Address\": \"192.0.2.10\"}, \"establishmentStatus\": \"established\", " TUNNELS   \
	"}], \"dNN\": \"internet\", \"requestType\": \"mAPDURequest\", \"servingNetwork\": "     \
	"{\"pLMNID\": {\"mCC\": \"001\", \"mNC\": \"01\"}}, \"mAAcceptedIndication\": true" rest \
	"}"

Test(functions_starts, a_session_of_several_accesses_has_its_own_record)
{
	struct bed *b = bed_new();
	struct pdu p;

	play_ok(b, BOTH, RECORD_SMF_MA_ESTABLISHMENT, "s1", MA(", \"selectedDNN\": \"other\""));
	imsi_task(b, RECORDS_SMF);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_MA_START, MA(""));
	bed_free(b);
}

#define AMF_START(sms, rest)                                              \
	"{\"registrationType\": \"initial\", \"registrationResult\": "    \
	"\"threeGPPAccess\", " AMF_SUPI "\"sMSOverNASIndicator\": \"" sms \
	"\", \"timeOfRegistration\": "                                    \
	"\"2026-01-01T00:00:00.123456789Z\", " rest "}"

Test(functions_starts, a_registration_that_is_there_has_a_start)
{
	struct bed *b = bed_new();
	struct pdu p;

	play_ok(b, BOTH, RECORD_AMF_REGISTRATION, "r1", REGISTRATION);
	imsi_task(b, RECORDS_AMF | TASK_ASSOCIATION_ONLY);
	no_pdu(b);
	imsi_task(b, RECORDS_AMF | RECORDS_SMF);
	p = must_pdu(b);
	is_record(b, &p, RECORD_AMF_START, AMF_START("sMSOverNASAllowed", GUTI));
	cr_assert_eq(p.correlation, 0);
	cr_assert_eq(p.direction, PDU_DIRECTION_NOT_APPLICABLE);
	// A location, and a position that a start does not have
	play_ok(b, BOTH, RECORD_AMF_LOCATION_UPDATE, "r1", "{" AMF_SUPI LOCATION "}");
	while (next_pdu(b, &p))
		;
	play_ok(b, BOTH, RECORD_AMF_CONFIGURATION_UPDATE, "r1",
		"{\"userIdentifiers\": {\"fiveGSSubscriberIDs\": {\"fiveGSSubscriberID\": "
		"[{\"sUPI\": {\"iMSI\": \"" IMSI "\"}}]}}, \"gUTI\": {\"mCC\": \"001\", "
		"\"mNC\": \"01\", \"mMEGroupID\": \"0102\", \"mMECode\": \"03\", \"mTMSI\": "
		"\"01020304\"}, \"sMSOverNASIndicator\": \"sMSOverNASNotAllowed\"}");
	while (next_pdu(b, &p))
		;
	imsi_task(b, RECORDS_AMF);
	p = must_pdu(b);
	is_record(b, &p, RECORD_AMF_START, AMF_START("sMSOverNASNotAllowed", GUTI ", " LOCATION));
	no_pdu(b);
	bed_free(b);
}

Test(functions_starts, a_start_without_mandatory_members_is_counted_and_not_made)
{
	struct bed *b = bed_new();
	struct channel_functions c;

	// The establishment was before poi-dataplane.
	play_ok(b, SMF, RECORD_SMF_MODIFICATION, "s1",
		"{" SUPI "\"requestType\": \"modificationRequest\", " TUNNELS "}");
	imsi_task(b, RECORDS_SMF);
	no_pdu(b);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.n_reasons, 1);
	cr_assert_str_eq(c.reason[0].name, "start_missing");
	cr_assert_eq(c.reason[0].value, 1);
	bed_free(b);
}

Test(functions_starts, a_changed_task_starts_for_its_new_targets_and_keeps_its_numbers)
{
	static const char second[] =
		"{\"sUPI\": {\"iMSI\": \"001010000000002\"}, \"sUPIUnauthenticated\": false, "
		"\"pDUSessionID\": 9, \"gTPTunnelID\": {\"tEID\": 4099, \"iPv4Address\": "
		"\"192.0.2.10\"}, \"pDUSessionType\": \"iPv4\", \"dNN\": \"internet\", "
		"\"requestType\": \"initialRequest\", " TUNNELS "}";
	struct bed *b = bed_new();
	const struct session_target both[2] = {imsi_target(IMSI), other_target()};
	struct function_task *changed;
	struct pdu p;

	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s2", second);
	struct function_task *first = imsi_task(b, RECORDS_SMF);
	p = must_pdu(b);
	cr_assert(p.correlation == 1000 && p.sequence == 0);
	no_pdu(b);
	cr_assert_eq(
		functions_task_enter(b->functions, b->x2[0], RECORDS_SMF, both, 2, &changed), 0);
	functions_task_start(b->functions, changed, first);
	functions_task_leave(b->functions, first);
	p = must_pdu(b);
	cr_assert(p.correlation == 1001 && p.sequence == 0);
	no_pdu(b);
	play_ok(b, SMF, RECORD_SMF_MODIFICATION, "s1",
		"{" SUPI "\"requestType\": \"modificationRequest\", " TUNNELS "}");
	p = must_pdu(b);
	cr_assert(p.correlation == 1000 && p.sequence == 1);
	functions_task_leave(b->functions, changed);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	no_pdu(b);
	functions_task_leave(b->functions, NULL);
	bed_free(b);
}

Test(functions_starts, a_task_that_names_a_correlation_id_has_it)
{
	struct bed *b = bed_new();
	const struct session_target t = imsi_target(IMSI);
	struct pdu p;

	(void)task_of(b, RECORDS_AMF, &t, 1);
	b->x2[0]->correlation = 77;
	struct function_task *changed;
	cr_assert_eq(functions_task_enter(b->functions, b->x2[0], RECORDS_SMF, &t, 1, &changed), 0);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	p = must_pdu(b);
	cr_assert_eq(p.correlation, 77);
	cr_assert_eq(
		*slot_sequence_of(task_counters_of(b->counters)->worker[0], b->x2[0]->context), 1);
	bed_free(b);
}

// ---- snapshots ----

static void play_snapshot(
	struct bed *b, uint16_t function, unsigned kind, const char *name, const char *record)
{
	event_of(b, function, kind, name, record)->snapshot = true;
	cr_assert_eq(play(b).result, NF_OK);
}

Test(functions_starts, a_snapshot_starts_what_was_not_known)
{
	struct bed *b = bed_new();
	struct channel_functions c;
	struct pdu p;

	imsi_task(b, RECORDS_SMF | RECORDS_AMF);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "known", ESTABLISHMENT);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "gone", ESTABLISHMENT);
	play_ok(b, BOTH, RECORD_SMF_ESTABLISHMENT, "of another", ESTABLISHMENT);
	for (unsigned i = 0; i < 3; i++)
		(void)must_pdu(b);
	send_state(b, SMF, NF_SNAPSHOT_BEGIN);
	play_snapshot(b, SMF, RECORD_SMF_ESTABLISHMENT, "known", ESTABLISHMENT);
	no_pdu(b);
	play_snapshot(b, SMF, RECORD_SMF_ESTABLISHMENT, "new", ESTABLISHMENT);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_START, START);
	cr_assert_eq(p.correlation, 1003);
	cr_assert_eq(p.direction, PDU_DIRECTION_NOT_APPLICABLE);
	play_snapshot(b, BOTH, RECORD_AMF_REGISTRATION, "r1", REGISTRATION);
	p = must_pdu(b);
	is_record(b, &p, RECORD_AMF_START, AMF_START("sMSOverNASAllowed", GUTI));
	// Events in between are of the snapshot, too.
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "meanwhile", ESTABLISHMENT);
	(void)must_pdu(b);
	send_state(b, SMF, NF_SNAPSHOT_END);
	turn(b);
	no_pdu(b);
	cr_assert_eq(fake.ended, 1);
	cr_assert_str_eq(fake.name, "smf-1/gone");
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 4);
	cr_assert_eq(c.registrations, 1);
	bed_free(b);
}

Test(functions_starts, a_snapshot_of_nothing_ends_all_of_its_function)
{
	struct bed *b = bed_new();
	struct channel_functions c;
	char name[16];

	imsi_task(b, RECORDS_SMF);
	for (unsigned i = 0; i < 40; i++) {
		sprintf(name, "s%u", i);
		play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, name, ESTABLISHMENT);
	}
	send_state(b, SMF, NF_SNAPSHOT_END); // of none that began
	turn(b);
	cr_assert_eq(fake.ended, 0);
	send_state(b, SMF, NF_SNAPSHOT_BEGIN);
	send_state(b, SMF, NF_SNAPSHOT_END);
	turn(b);
	cr_assert_eq(fake.ended, 40);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 0);
	cr_assert_eq(c.octets, 0);
	bed_free(b);
}

// Without memory an end is not handed over: the session is still bound, its tasks are not sure, and
// the end is tried again.
Test(functions_starts, what_a_snapshot_ends_is_tried_until_memory_is_there)
{
	struct bed *b = bed_new();
	struct channel_functions c;
	char name[16];

	for (unsigned i = 0; i < 20; i++) {
		sprintf(name, "s%u", i);
		play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, name, ESTABLISHMENT);
	}
	fake.deaf = true;
	send_state(b, SMF, NF_SNAPSHOT_BEGIN);
	send_state(b, SMF, NF_SNAPSHOT_END);
	turn(b);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 20);
	fake.deaf = false;
	cr_assert_eq(fake.back, 0);
	(void)functions_tick(b->functions, 1500);
	cr_assert_eq(fake.ended, 20);
	cr_assert_eq(fake.back, 1);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 0);
	(void)functions_tick(b->functions, 3000);
	cr_assert_eq(fake.ended, 20);
	cr_assert_eq(fake.back, 1);
	bed_free(b);
}

Test(functions_starts, a_session_whose_snapshot_is_refused_or_late_stays)
{
	struct bed *b = bed_new();
	struct channel_functions c;

	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "refused", ESTABLISHMENT);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "gone", ESTABLISHMENT);
	send_state(b, SMF, NF_SNAPSHOT_BEGIN);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "refused", "{" SUPI "\"pDUSessionID\": 5}")
		->snapshot = true;
	cr_assert_eq(play(b).result, NF_REFUSED);
	send_state(b, SMF, NF_SNAPSHOT_END);
	turn(b);
	cr_assert_eq(fake.ended, 1);
	cr_assert_str_eq(fake.name, "smf-1/gone");
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 1);
	bed_free(b);
}

Test(functions_starts, what_happens_during_a_snapshot_has_its_record)
{
	static const char release[] = "{\"sUPI\": {\"iMSI\": \"" IMSI "\"}, \"pDUSessionID\": 5}";
	struct bed *b = bed_new();
	struct pdu p;

	imsi_task(b, RECORDS_SMF);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	(void)must_pdu(b);
	send_state(b, SMF, NF_SNAPSHOT_BEGIN);
	play_snapshot(b, SMF, RECORD_SMF_RELEASE, "s1", release);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_RELEASE, release);
	cr_assert_eq(p.correlation, 1000);
	bed_free(b);
}
