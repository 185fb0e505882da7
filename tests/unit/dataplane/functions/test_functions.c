#include "functions_bed.h"

#define MODIFICATION \
	"{" SUPI "\"pDUSessionID\": 5, \"requestType\": \"modificationRequest\", " TUNNELS "}"
#define RELEASE "{\"sUPI\": {\"iMSI\": \"" IMSI "\"}, \"pDUSessionID\": 5, \"cause\": \"other\"}"

Test(functions, a_session_is_recorded_under_its_correlation_id)
{
	struct bed *b = bed_new();
	struct pdu p;

	imsi_task(b, RECORDS_SMF);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_ESTABLISHMENT, ESTABLISHMENT);
	cr_assert_eq(p.correlation, 1000);
	cr_assert_eq(p.sequence, 0);
	cr_assert_eq(p.time_ns, TIME_NS);
	cr_assert_eq(p.direction, PDU_DIRECTION_UNKNOWN);
	event_of(b, SMF, RECORD_SMF_MODIFICATION, "s1", MODIFICATION)->direction =
		PDU_DIRECTION_FROM_TARGET;
	cr_assert_eq(play(b).result, NF_OK);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_MODIFICATION, MODIFICATION);
	cr_assert_eq(p.correlation, 1000);
	cr_assert_eq(p.sequence, 1);
	cr_assert_eq(p.direction, PDU_DIRECTION_FROM_TARGET);
	play_ok(b, SMF, RECORD_SMF_RELEASE, "s1", RELEASE);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_RELEASE, RELEASE);
	cr_assert_eq(p.correlation, 1000);
	cr_assert_eq(p.sequence, 2);
	cr_assert_eq(fake.ended, 1);
	no_pdu(b);
	bed_free(b);
}

#define MA_ESTABLISHMENT                                                                       \
	"{" SUPI "\"pDUSessionID\": 6, \"pDUSessionType\": \"iPv4\", \"accessInfo\": "         \
	"[{\"accessType\": \"threeGPPAccess\", \"gTPTunnelID\": {\"tEID\": 4098, "             \
	"\"iPv4Address\": \"192.0.2.10\"}, \"establishmentStatus\": \"established\", " TUNNELS \
	"}], \"dNN\": \"internet\", \"requestType\": \"mAPDURequest\", \"servingNetwork\": "   \
	"{\"pLMNID\": {\"mCC\": \"001\", \"mNC\": \"01\"}}, \"mAAcceptedIndication\": true}"

static bool has_end(const struct tunnel_end *ends, unsigned n, uint32_t teid, uint8_t last)
{
	for (unsigned i = 0; i < n; i++)
		if (ends[i].teid == teid && ends[i].v4.family == 4 && ends[i].v4.b[3] == last)
			return true;
	return false;
}

Test(functions, a_session_is_handed_to_the_store_as_its_records_show_it)
{
	struct bed *b = bed_new();
	const struct session_event *e = &fake.last;

	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	b->event.cp = (struct nf_seid){.seid = 0x1122334455667788, .v4 = {4, {192, 0, 2, 1}}};
	cr_assert_eq(play(b).result, NF_OK);
	cr_assert_eq(e->kind, SESSION_EVENT_IS);
	cr_assert_str_eq(fake.name, "smf-1/s1");
	cr_assert_str_eq(e->user.imsi.text, IMSI);
	cr_assert_str_eq(e->user.imei.text, "3534900698733190");
	cr_assert_str_eq(e->user.msisdn.text, "15550001");
	cr_assert_eq(e->dnn.length, 8);
	cr_assert(e->cp.present && e->cp.seid == 0x1122334455667788 && !e->up.present);
	cr_assert_eq(e->n_addresses, 2);
	cr_assert(e->address[0].length == 32 && e->address[0].b[3] == 7);
	cr_assert(e->address[1].length == 64 && e->address[1].b[15] == 0);
	cr_assert_eq(e->n_uplink, 1);
	cr_assert(has_end(e->uplink, e->n_uplink, 4097, 10));
	cr_assert_eq(e->n_downlink, 1);
	cr_assert(has_end(e->downlink, e->n_downlink, 77, 20));
	play_ok(b, SMF, RECORD_SMF_MODIFICATION, "s1",
		"{" SUPI "\"requestType\": \"modificationRequest\", \"uEEndpoint\": "
		"{\"iPv4Address\": \"198.51.100.8\"}, \"gTPTunnelInfo\": {\"fiveGSGTPTunnels\": "
		"{\"uLNGUUPTunnelInformation\": {\"tEID\": 5000, \"iPv4Address\": "
		"\"192.0.2.11\"}, \"additionalULNGUUPTunnelInformation\": [{\"tEID\": 5001, "
		"\"iPv4Address\": \"192.0.2.12\"}]}}}");
	cr_assert_eq(e->n_uplink, 2);
	cr_assert(has_end(e->uplink, 2, 5000, 11) && has_end(e->uplink, 2, 5001, 12));
	cr_assert_eq(e->n_downlink, 0);
	cr_assert_eq(e->n_addresses, 2);
	cr_assert(e->address[0].length == 64 && e->address[1].b[3] == 8);
	cr_assert(e->cp.present && e->cp.seid == 0x1122334455667788);
	play_ok(b, SMF, RECORD_SMF_MA_ESTABLISHMENT, "s2", MA_ESTABLISHMENT);
	cr_assert(has_end(e->uplink, e->n_uplink, 4098, 10));
	cr_assert_eq(e->n_downlink, 1);
	bed_free(b);
}

Test(functions, records_of_an_amf_have_no_correlation_id)
{
	struct bed *b = bed_new();
	struct pdu p;

	imsi_task(b, RECORDS_AMF);
	play_ok(b, AMF, RECORD_AMF_REGISTRATION, "r1", REGISTRATION);
	p = must_pdu(b);
	is_record(b, &p, RECORD_AMF_REGISTRATION, REGISTRATION);
	cr_assert_eq(p.correlation, 0);
	// Its SUPI is known from the registration.
	static const char leaves[] = "{\"deregistrationDirection\": \"uEInitiated\", "
				     "\"accessType\": \"threeGPPAccess\", " GUTI "}";
	event_of(b, AMF, RECORD_AMF_DEREGISTRATION, "r1", leaves)->direction =
		PDU_DIRECTION_FROM_TARGET;
	cr_assert_eq(play(b).result, NF_OK);
	p = must_pdu(b);
	is_record(b, &p, RECORD_AMF_DEREGISTRATION, leaves);
	cr_assert_eq(p.sequence, 1);
	cr_assert_eq(p.direction, PDU_DIRECTION_FROM_TARGET);
	event_of(b, AMF, RECORD_AMF_DEREGISTRATION, "r1", leaves);
	cr_assert_eq(play(b).reason, NF_REASON_SUBJECT); // it is over
	event_of(b, BOTH, RECORD_SMF_RELEASE, "never seen", RELEASE);
	cr_assert_eq(play(b).reason, NF_REASON_SUBJECT);
	no_pdu(b);
	cr_assert_eq(fake.n_events, 0);
	bed_free(b);
}

Test(functions, a_task_has_the_records_that_it_asks_for)
{
	static const char association[] = "{" AMF_SUPI GUTI ", " LOCATION "}";
	static const char update[] = "{" AMF_SUPI LOCATION "}";
	struct bed *b = bed_new();
	struct pdu p;

	imsi_task(b, RECORDS_AMF);			   // 0
	imsi_task(b, RECORDS_SMF);			   // 1
	imsi_task(b, RECORDS_AMF | TASK_ASSOCIATION_ALL);  // 2
	imsi_task(b, RECORDS_AMF | TASK_ASSOCIATION_ONLY); // 3
	play_ok(b, AMF, RECORD_AMF_REGISTRATION, "r1", REGISTRATION);
	unsigned found = 0;
	while (next_pdu(b, &p))
		found |= 1u << (p.xid.b[0] - 1);
	cr_assert_eq(found, 1u << 0 | 1u << 2);
	play_ok(b, AMF, RECORD_AMF_ASSOCIATION, "r1", association);
	for (found = 0; next_pdu(b, &p); found |= 1u << (p.xid.b[0] - 1))
		cr_assert_eq(p.direction, PDU_DIRECTION_NOT_APPLICABLE);
	cr_assert_eq(found, 1u << 2 | 1u << 3);
	play_ok(b, AMF, RECORD_AMF_LOCATION_UPDATE, "r1", update);
	for (found = 0; next_pdu(b, &p);)
		found |= 1u << (p.xid.b[0] - 1);
	cr_assert_eq(found, 1u << 0 | 1u << 2 | 1u << 3);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 1));
	no_pdu(b);
	bed_free(b);
}

#define PARTIES                                                                                    \
	"\"originatingSMSParty\": {\"sUPI\": {\"iMSI\": \"" IMSI "\"}}, \"terminatingSMSParty\": " \
	"{\"gPSI\": {\"mSISDN\": \"15550002\"}}, "
#define SMS(direction)                                                                       \
	"{" PARTIES "\"direction\": \"" direction "\", \"linkTransferStatus\": "             \
	"\"transferSucceeded\", \"sMSTPDUData\": {\"sMSTPDU\": \"0102\"}, \"messageType\": " \
	"\"submit\", \"rPMessageReference\": 7}"
#define SMS_REPORT                                                                          \
	"{\"sMSTPDUData\": {\"sMSTPDU\": \"0102\"}, \"messageType\": \"submitReportAck\", " \
	"\"rPMessageReference\": 7}"

Test(functions, a_short_message_is_of_the_party_that_its_direction_names)
{
	struct bed *b = bed_new();
	struct session_target other = {.kinds = SESSION_MSISDN, .msisdn = "15550002"};
	struct pdu p;

	imsi_task(b, RECORDS_SMSF);
	task_of(b, RECORDS_SMSF, &other, 1);
	play_ok(b, SMSF, RECORD_SMS_MESSAGE, "m1", SMS("fromTarget"));
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 0));
	cr_assert_eq(p.direction, PDU_DIRECTION_FROM_TARGET);
	is_record(b, &p, RECORD_SMS_MESSAGE, SMS("fromTarget"));
	no_pdu(b);
	play_ok(b, SMSF, RECORD_SMS_MESSAGE, "", SMS("toTarget"));
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 1));
	cr_assert_eq(p.direction, PDU_DIRECTION_TO_TARGET);
	no_pdu(b);
	// A report has no identity: it is of the message that it names.
	event_of(b, SMSF, RECORD_SMS_REPORT, "m1", SMS_REPORT)->direction = PDU_DIRECTION_TO_TARGET;
	cr_assert_eq(play(b).result, NF_OK);
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 0));
	cr_assert_eq(p.direction, PDU_DIRECTION_TO_TARGET);
	is_record(b, &p, RECORD_SMS_REPORT, SMS_REPORT);
	event_of(b, SMSF, RECORD_SMS_REPORT, "m1", SMS_REPORT);
	cr_assert_eq(play(b).reason, NF_REASON_SUBJECT); // it had its report
	event_of(b, SMSF, RECORD_SMS_REPORT, "", SMS_REPORT);
	cr_assert_eq(play(b).reason, NF_REASON_SUBJECT);
	no_pdu(b);
	bed_free(b);
}

static uint64_t reason_count(struct bed *b, const char *name)
{
	struct channel_functions c;

	functions_counts(b->functions, &c);
	for (uint32_t i = 0; i < c.n_reasons; i++)
		if (strcmp(c.reason[i].name, name) == 0)
			return c.reason[i].value;
	return 0;
}

#define SMS_OF(data, type)                                                    \
	"{" PARTIES "\"direction\": \"fromTarget\", \"linkTransferStatus\": " \
	"\"transferSucceeded\", \"sMSTPDUData\": {" data "}, \"messageType\": \"" type "\"}"
#define SUBMIT_HEAD "01010b911326880736f4000005"
#define FULL "\"sMSTPDU\": \"" SUBMIT_HEAD "e8329bfd06\""

Test(functions, user_data_of_messages_goes_to_no_task_that_may_not_have_it)
{
	struct bed *b = bed_new();
	struct pdu p;

	imsi_task(b, RECORDS_SMSF | TASK_TRUNCATE);
	play_ok(b, SMSF, RECORD_SMS_MESSAGE, "", SMS_OF(FULL, "submit"));
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMS_MESSAGE,
		SMS_OF("\"truncatedSMSTPDU\": \"" SUBMIT_HEAD "\"", "submit"));
	no_pdu(b);
	imsi_task(b, RECORDS_SMSF);
	play_ok(b, SMSF, RECORD_SMS_MESSAGE, "", SMS_OF(FULL, "submit"));
	for (unsigned i = 0; i < 2; i++) { // in no order
		p = must_pdu(b);
		if (is_of_task(&p, 0))
			is_record(b, &p, RECORD_SMS_MESSAGE,
				SMS_OF("\"truncatedSMSTPDU\": \"" SUBMIT_HEAD "\"", "submit"));
		else
			is_record(b, &p, RECORD_SMS_MESSAGE, SMS_OF(FULL, "submit"));
	}
	no_pdu(b);
	bed_free(b);
}

Test(functions, other_messages_stay_whole)
{
	struct bed *b = bed_new();
	struct pdu p;

	imsi_task(b, RECORDS_SMSF | TASK_TRUNCATE);
	play_ok(b, SMSF, RECORD_SMS_MESSAGE, "",
		SMS_OF("\"sMSTPDU\": \"0601020304\"", "statusReport"));
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMS_MESSAGE, SMS_OF("\"sMSTPDU\": \"0601020304\"", "statusReport"));
	play_ok(b, SMSF, RECORD_SMS_MESSAGE, "",
		SMS_OF("\"truncatedSMSTPDU\": \"" SUBMIT_HEAD "\"", "submit"));
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMS_MESSAGE,
		SMS_OF("\"truncatedSMSTPDU\": \"" SUBMIT_HEAD "\"", "submit"));
	no_pdu(b);
	bed_free(b);
}

Test(functions, an_event_is_refused_by_the_name_of_its_member)
{
	struct bed *b = bed_new();
	struct channel_functions c;
	struct nf_answer a;

	imsi_task(b, RECORDS_SMF | RECORDS_AMF);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", "{" SUPI "\"pDUSessionID\": 5}");
	a = play(b);
	cr_assert_eq(a.result, NF_REFUSED);
	cr_assert_eq(a.reason, RECORD_MISSING);
	cr_assert_str_eq(a.text, "SMFPDUSessionEstablishment.gTPTunnelID: missing (table 6.2.3-1)");
	event_of(b, SMF, RECORD_AMF_REGISTRATION, "r1", REGISTRATION);
	a = play(b);
	cr_assert(a.result == NF_REFUSED && a.reason == NF_REASON_FUNCTION);
	event_of(b, SMF, RECORD_SMF_START, "s1", ESTABLISHMENT);
	a = play(b);
	cr_assert(a.result == NF_REFUSED && a.reason == NF_REASON_FUNCTION);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "", ESTABLISHMENT);
	a = play(b);
	cr_assert(a.result == NF_REFUSED && a.reason == NF_REASON_SUBJECT);
	no_pdu(b);
	cr_assert_eq(fake.n_events, 0);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.function[SMF].received, 4);
	cr_assert_eq(c.function[SMF].refused, 4);
	cr_assert_eq(c.sessions, 0);
	cr_assert_eq(reason_count(b, "missing"), 1);
	cr_assert_eq(reason_count(b, "other_function"), 2);
	cr_assert_eq(reason_count(b, "unknown_subject"), 1);
	bed_free(b);
}

Test(functions, answers_come_in_the_order_of_the_events)
{
	struct bed *b = bed_new();
	struct nf_answer a;
	struct pdu p;

	imsi_task(b, RECORDS_SMF);
	for (unsigned i = 0; i < 3; i++) {
		event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1",
			i == 1 ? "{" SUPI "\"pDUSessionID\": 5}" : ESTABLISHMENT);
		send_event(b);
	}
	event_of(b, SMF, RECORD_SMF_RELEASE, "s1", RELEASE);
	send_event(b);
	turn(b);
	static const uint8_t wanted[] = {NF_OK, NF_REFUSED, NF_OK, NF_OK};
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert(next_answer(b, &a));
		cr_assert_eq(a.number, i + 1);
		cr_assert_eq(a.result, wanted[i]);
	}
	for (uint32_t i = 0; i < 3; i++) {
		p = must_pdu(b);
		cr_assert_eq(p.correlation, 1000);
		cr_assert_eq(p.sequence, i);
	}
	no_pdu(b);
	bed_free(b);
}

Test(functions, an_event_without_room_is_for_later)
{
	struct bed *b = bed_new();
	struct channel_functions c;

	imsi_task(b, RECORDS_SMF);
	fake.full = true;
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	cr_assert_eq(play(b).result, NF_LATER);
	no_pdu(b);
	imsi_task(b, RECORDS_SMF); // no start of it, either
	no_pdu(b);
	fake.full = false;
	cr_assert_eq(play(b).result, NF_OK);
	(void)must_pdu(b);
	(void)must_pdu(b);
	no_pdu(b);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.function[SMF].later, 1);
	cr_assert_eq(c.function[SMF].taken, 1);
	cr_assert_eq(c.records, 2);
	bed_free(b);
}

Test(functions, a_full_table_makes_events_wait)
{
	struct bed *b = bed_new_of(20000);
	struct channel_functions c;
	char name[32];
	unsigned n = 0;

	for (;; n++) {
		sprintf(name, "s%u", n);
		event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, name, ESTABLISHMENT);
		if (play(b).result != NF_OK)
			break;
		cr_assert_lt(n, 60);
	}
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, n);
	cr_assert_leq(c.octets, 20000);
	cr_assert_gt(n, 8);
	cr_assert_eq(c.function[SMF].later, 1);
	play_ok(b, SMF, RECORD_SMF_RELEASE, "s0", RELEASE);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, name, ESTABLISHMENT);
	cr_assert_eq(play(b).result, NF_OK);
	for (unsigned i = 1; i <= n; i++) {
		sprintf(name, "s%u", i);
		play_ok(b, SMF, RECORD_SMF_RELEASE, name, RELEASE);
	}
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 0);
	cr_assert_eq(c.octets, 0);
	bed_free(b);
}

#define OTHER "001010000000002"
#define OF_OTHER                                                                                  \
	"{\"sUPI\": {\"iMSI\": \"" OTHER "\"}, \"sUPIUnauthenticated\": false, " PEI              \
	"\"pDUSessionID\": 5, \"gTPTunnelID\": {\"tEID\": 4099, \"iPv4Address\": "                \
	"\"192.0.2.10\"}, \"pDUSessionType\": \"iPv4\", \"dNN\": \"internet\", \"requestType\": " \
	"\"initialRequest\", " TUNNELS "}"

// A function that was started anew counts its sessions from the same number.
Test(functions, a_name_that_is_given_to_another_user_is_another_session)
{
	struct bed *b = bed_new();
	const struct session_target other = imsi_target(OTHER);
	struct channel_functions c;
	struct pdu p;

	imsi_task(b, RECORDS_SMF);
	task_of(b, RECORDS_SMF, &other, 1);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "1", ESTABLISHMENT);
	send_event(b);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "1", OF_OTHER);
	send_event(b);
	turn(b);
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 0));
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 1));
	no_pdu(b);
	cr_assert_eq(fake.ended, 1);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 1);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "1", ESTABLISHMENT)->snapshot = true;
	send_event(b);
	turn(b);
	p = must_pdu(b);
	cr_assert(is_of_task(&p, 0) && p.direction == PDU_DIRECTION_NOT_APPLICABLE);
	no_pdu(b);
	bed_free(b);
}

static unsigned sessions_of(const struct bed *b)
{
	struct channel_functions c;

	functions_counts(b->functions, &c);
	return c.sessions;
}

#define OTHER_SUPI "\"sUPI\": {\"iMSI\": \"" OTHER "\"}, \"sUPIUnauthenticated\": false, "

// Any event under the name ends the first user's session, and no content stays bound.
Test(functions, a_name_with_another_user_in_any_event_ends_its_session)
{
	static const struct {
		unsigned kind;
		const char *record;
		uint8_t result;
		unsigned left;
	} cases[] = {
		{RECORD_SMF_MODIFICATION,
			"{" OTHER_SUPI "\"requestType\": \"modificationRequest\", " TUNNELS "}",
			NF_OK, 1}, // the other's, known from here on
		{RECORD_SMF_RELEASE,
			"{\"sUPI\": {\"iMSI\": \"" OTHER
			"\"}, \"pDUSessionID\": 5, \"cause\": \"other\"}",
			NF_REFUSED, 0},
		// refused: mandatory members are missing
		{RECORD_SMF_ESTABLISHMENT, "{" OTHER_SUPI "\"pDUSessionID\": 5}", NF_REFUSED, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed *b = bed_new();
		fake.ended = 0;
		imsi_task(b, RECORDS_SMF);
		play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "1", ESTABLISHMENT);
		(void)must_pdu(b);
		event_of(b, SMF, cases[i].kind, "1", cases[i].record);
		cr_assert_eq(play(b).result, cases[i].result, "%u", i);
		no_pdu(b);
		cr_assert_eq(fake.ended, 1, "%u", i);
		cr_assert_eq(sessions_of(b), cases[i].left, "%u", i);
		bed_free(b);
	}
}

#define OTHER_NAI "\"sUPI\": {\"nAI\": \"other@example.org\"}, \"sUPIUnauthenticated\": false, "

// A SUPI of another form is another SUPI; a NAI that is a GPSI is none.
Test(functions, a_supi_of_another_form_is_another_user)
{
	struct bed *b = bed_new();
	const struct session_target t = {.kinds = SESSION_MSISDN, .msisdn = "15550001"};

	task_of(b, RECORDS_SMF, &t, 1);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "1", ESTABLISHMENT);
	(void)must_pdu(b);
	play_ok(b, SMF, RECORD_SMF_MODIFICATION, "1",
		"{" OTHER_NAI "\"requestType\": \"modificationRequest\", " TUNNELS "}");
	no_pdu(b);
	cr_assert_eq(fake.ended, 1);
	bed_free(b);
}

// Identities of a later event are not those of an earlier one, in one batch either.
Test(functions, a_message_is_of_its_own_user_though_its_name_comes_again)
{
	struct bed *b = bed_new();
	const struct session_target other = {.kinds = SESSION_MSISDN, .msisdn = "15550002"};

	task_of(b, RECORDS_SMSF, &other, 1);
	event_of(b, SMSF, RECORD_SMS_MESSAGE, "m1", SMS("fromTarget"));
	send_event(b);
	event_of(b, SMSF, RECORD_SMS_MESSAGE, "m1", SMS("toTarget"));
	send_event(b);
	turn(b);
	struct pdu p = must_pdu(b);
	cr_assert_eq(p.direction, PDU_DIRECTION_TO_TARGET);
	no_pdu(b);
	bed_free(b);
}

// A modification may have an identity that the beginning lacked.
Test(functions, an_identity_that_is_new_is_the_same_user)
{
	struct bed *b = bed_new();
	const struct session_target other = imsi_target(OTHER);

	imsi_task(b, RECORDS_SMF);
	task_of(b, RECORDS_SMF, &other, 1);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "1", ESTABLISHMENT);
	(void)must_pdu(b);
	play_ok(b, SMF, RECORD_SMF_MODIFICATION, "1",
		"{" SUPI "\"gPSI\": {\"nAI\": \"someone@example.org\"}, \"requestType\": "
		"\"modificationRequest\", " TUNNELS "}");
	struct pdu p = must_pdu(b);
	cr_assert(is_of_task(&p, 0));
	no_pdu(b);
	cr_assert_eq(sessions_of(b), 1);
	cr_assert_eq(fake.ended, 0);
	bed_free(b);
}

Test(functions, messages_leave_their_memory_to_sessions)
{
	struct bed *b = bed_new_of(20000);
	struct channel_functions c;
	char name[32];

	for (unsigned i = 0; i < 200; i++) {
		sprintf(name, "m%u", i);
		play_ok(b, SMSF, RECORD_SMS_MESSAGE, name, SMS("fromTarget"));
	}
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 1);
	cr_assert_leq(c.octets, 20000);
	play_ok(b, SMSF, RECORD_SMS_REPORT, "m199", SMS_REPORT);
	event_of(b, SMSF, RECORD_SMS_REPORT, "m0", SMS_REPORT);
	cr_assert_eq(play(b).reason, NF_REASON_SUBJECT);
	bed_free(b);
}

Test(functions, an_event_that_is_not_in_force_is_for_later)
{
	struct bed *b = bed_new();
	struct channel_functions c;
	struct nf_answer a;

	imsi_task(b, RECORDS_SMF);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	send_event(b);
	cr_assert(functions_take(b->functions));
	functions_finish(b->functions, false);
	cr_assert(next_answer(b, &a));
	cr_assert_eq(a.result, NF_LATER);
	no_pdu(b);
	cr_assert_eq(play(b).result, NF_OK);
	(void)must_pdu(b);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.function[SMF].received, c.function[SMF].taken + c.function[SMF].later);
	bed_free(b);
}

// Content that is bound ends with its session: an end that the follower never had comes again.
Test(functions, an_end_that_the_follower_never_had_is_for_later)
{
	struct bed *b = bed_new();
	struct pdu p;

	imsi_task(b, RECORDS_SMF);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	(void)must_pdu(b);
	fake.deaf = true;
	event_of(b, SMF, RECORD_SMF_RELEASE, "s1", RELEASE);
	cr_assert_eq(play(b).result, NF_LATER);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", OF_OTHER);
	cr_assert_eq(play(b).result, NF_LATER);
	no_pdu(b);
	cr_assert_eq(fake.ended, 0);
	fake.deaf = false;
	play_ok(b, SMF, RECORD_SMF_RELEASE, "s1", RELEASE);
	p = must_pdu(b);
	cr_assert(p.correlation == 1000 && p.sequence == 1);
	cr_assert_eq(fake.ended, 1);
	bed_free(b);
}
