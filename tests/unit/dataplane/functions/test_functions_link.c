#include "functions_bed.h"

// The connection to poi-events.

static bool peer_closed(struct bed *b)
{
	char octet;

	return recv(b->peer, &octet, 1, MSG_DONTWAIT) == 0;
}

static void drop_peer(struct bed *b)
{
	close(b->peer);
	b->peer = -1;
}

// The first snapshot of the SMF.
static void snapshot(struct bed *b)
{
	send_state(b, SMF, NF_SNAPSHOT_BEGIN);
	send_state(b, SMF, NF_SNAPSHOT_END);
	turn(b);
}

Test(functions_link, an_smf_makes_tasks_unsure_until_its_snapshot)
{
	struct bed *b = bed_new();
	struct channel_functions c;

	cr_assert_eq(fake.lost, 2, "at the start no session of the two is known");
	send_state(b, SMF, NF_CONNECTED);
	send_state(b, AMF, NF_CONNECTED);
	turn(b);
	functions_counts(b->functions, &c);
	cr_assert(c.connected && c.function[SMF].connected && c.function[AMF].connected);
	cr_assert_not(c.function[SMSF].connected);
	cr_assert_eq(fake.back, 0);
	snapshot(b);
	cr_assert(fake.lost == 2 && fake.back == 1);
	send_state(b, AMF, NF_GONE);
	turn(b);
	cr_assert_eq(fake.lost, 2, "an AMF binds no content");
	drop_peer(b);
	turn(b);
	cr_assert_eq(fake.lost, 3); // the one that was back
	cr_assert_eq(functions_fd(b->functions), -1);
	functions_counts(b->functions, &c);
	cr_assert_not(c.connected || c.function[SMF].connected || c.function[AMF].connected);
	cr_assert_eq(functions_tick(b->functions, 1500), -1, "sooner than after a second");
	bed_connect(b, 2100);
	send_state(b, SMF, NF_CONNECTED);
	send_state(b, SMF, NF_SNAPSHOT_BEGIN);
	turn(b);
	cr_assert_eq(fake.back, 1);
	send_state(b, SMF, NF_SNAPSHOT_END);
	turn(b);
	cr_assert_eq(fake.back, 2);
	send_state(b, AMF, NF_CONNECTED);
	send_state(b, AMF, NF_SNAPSHOT_BEGIN);
	send_state(b, AMF, NF_SNAPSHOT_END);
	turn(b);
	cr_assert(fake.lost == 3 && fake.back == 2);
	bed_free(b);
}

Test(functions_link, sessions_outlive_the_connection)
{
	struct bed *b = bed_new();
	struct channel_functions c;

	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	drop_peer(b);
	turn(b);
	cr_assert_eq(fake.ended, 0);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions, 1);
	imsi_task(b, RECORDS_SMF);
	cr_assert_eq(must_pdu(b).correlation, 1000);
	bed_free(b);
}

Test(functions_link, an_event_that_cannot_be_answered_has_no_record_yet)
{
	struct bed *b = bed_new();
	struct channel_functions c;

	imsi_task(b, RECORDS_SMF);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	send_event(b);
	drop_peer(b);
	turn(b);
	no_pdu(b);
	bed_connect(b, 3000);
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT)->snapshot = true;
	cr_assert_eq(play(b).result, NF_OK);
	cr_assert_eq(must_pdu(b).direction, PDU_DIRECTION_NOT_APPLICABLE); // its start
	no_pdu(b);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.function[SMF].received, 2);
	cr_assert_eq(c.function[SMF].later, 1);
	cr_assert_eq(c.function[SMF].taken, 1);
	bed_free(b);
}

static void send_octets(struct bed *b, const void *octets, size_t n)
{
	cr_assert_eq(send(b->peer, octets, n, 0), (ssize_t)n);
	turn(b);
}

Test(functions_link, a_message_that_cannot_be_read_ends_the_connection)
{
	static const uint8_t bad[][8] = {{NF_EVENT, 1, 2, 3}, {NF_HELLO, 0, 1}, {99},
		{NF_FUNCTION, 0, 0, 77}, {NF_FUNCTION, 0, 30, NF_CONNECTED}};
	static const size_t length[] = {4, 3, 1, 4, 4};
	struct bed *b = bed_new();

	for (unsigned i = 0; i < 5; i++) {
		send_octets(b, bad[i], length[i]);
		cr_assert(peer_closed(b), "%u", i);
		cr_assert_eq(functions_fd(b->functions), -1);
		drop_peer(b);
		bed_connect(b, 10000 * (i + 1));
	}
	event_of(b, 4, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT); // there are 0 to 3
	send_event(b);
	turn(b);
	cr_assert(peer_closed(b));
	bed_free(b);
}

Test(functions_link, the_service_must_be_poi_events)
{
	struct bed *b = bed_new();
	char why[256];

	free(b->config.events.user);
	b->config.events.user = strdup("4000000000");
	struct functions *f = functions_new(
		&(struct functions_settings){
			.config = &b->config, .capture = b->capture, .counters = b->counters},
		why, sizeof(why));
	cr_assert_not_null(f);
	cr_assert_eq(functions_tick(f, 1000), -1);
	functions_free(f);
	bed_free(b);
}

Test(functions_link, a_user_that_the_system_lacks_is_named)
{
	struct bed *b = bed_new();
	const struct functions_settings s = {
		.config = &b->config, .capture = b->capture, .counters = b->counters};
	char why[256];

	free(b->config.events.functions[AMF].user);
	b->config.events.functions[AMF].user = strdup("no-such-user-here");
	cr_assert_null(functions_new(&s, why, sizeof(why)));
	cr_assert_str_eq(why, "events.functions: no such user: no-such-user-here");
	free(b->config.events.user);
	b->config.events.user = strdup("nor-this-one");
	cr_assert_null(functions_new(&s, why, sizeof(why)));
	cr_assert_str_eq(why, "events.user: no such user: nor-this-one");
	bed_free(b);
}

#define EVENTS 300

// poi-events may be slow: answers wait, and no event is read that could not be answered.
Test(functions_link, answers_wait_for_a_peer_that_does_not_read)
{
	struct bed *b = bed_new();
	struct nf_answer a;
	uint32_t sent = 0, answered = 0;
	int small = 4096;

	cr_assert_eq(setsockopt(functions_fd(b->functions), SOL_SOCKET, SO_SNDBUF, &small,
			     sizeof(small)),
		0);
	static uint8_t octets[NF_MESSAGE_MAX];
	event_of(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	while (answered < EVENTS) {
		for (; sent < EVENTS; sent++) {
			b->event.number = sent + 1;
			int n = nf_encode_event(octets, sizeof(octets), &b->event);
			if (send(b->peer, octets, (size_t)n, MSG_DONTWAIT) != n)
				break;
		}
		for (unsigned i = 0; i < 3; i++)
			turn(b);
		while (next_answer(b, &a)) {
			cr_assert_eq(a.number, ++answered);
			cr_assert_eq(a.result, NF_OK);
		}
	}
	bed_free(b);
}

#define RELEASE "{\"sUPI\": {\"iMSI\": \"" IMSI "\"}, \"pDUSessionID\": 5}"
#define LEAVES                                                                                     \
	"{\"deregistrationDirection\": \"uEInitiated\", \"accessType\": \"threeGPPAccess\", " GUTI \
	"}"

// The function sends it again: its record is that of the session that it was.
Test(functions_link, an_end_that_cannot_be_answered_has_its_record_later)
{
	struct bed *b = bed_new();
	struct channel_functions c;
	struct pdu p;

	imsi_task(b, RECORDS_SMF | RECORDS_AMF);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	play_ok(b, AMF, RECORD_AMF_REGISTRATION, "r1", REGISTRATION);
	(void)must_pdu(b);
	(void)must_pdu(b);
	event_of(b, SMF, RECORD_SMF_RELEASE, "s1", RELEASE);
	send_event(b);
	event_of(b, AMF, RECORD_AMF_DEREGISTRATION, "r1", LEAVES);
	send_event(b);
	drop_peer(b);
	turn(b);
	no_pdu(b);
	bed_connect(b, 3000);
	play_ok(b, SMF, RECORD_SMF_RELEASE, "s1", RELEASE);
	p = must_pdu(b);
	cr_assert(p.correlation == 1000 && p.sequence == 1);
	play_ok(b, AMF, RECORD_AMF_DEREGISTRATION, "r1", LEAVES);
	p = must_pdu(b);
	is_record(b, &p, RECORD_AMF_DEREGISTRATION, LEAVES);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.sessions + c.registrations, 0);
	cr_assert_eq(c.octets, 0);
	bed_free(b);
}
