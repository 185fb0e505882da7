// Records that are larger than what a destination takes.

#include "functions_bed.h"

#define SESSION                                                                    \
	"\"pDUSessionID\": 5, \"gTPTunnelID\": {\"tEID\": 4097, \"iPv4Address\": " \
	"\"192.0.2.10\"}, "
#define KIND                                                                       \
	"\"pDUSessionType\": \"iPv4v6\", \"dNN\": \"internet\", \"requestType\": " \
	"\"initialRequest\", "
#define ENDPOINT                                                                   \
	"\"uEEndpoint\": [{\"iPv4Address\": \"198.51.100.7\"}, {\"iPv6Address\": " \
	"\"2001:db8:7::1\"}], "

// A second destination of the task, which takes PDUs of so many octets.
static struct copy_ring *second(struct bed *b, uint32_t most)
{
	const struct copy_ring_settings s = {.quota = 1 << 20, .minor = 5, .max_pdu = most};
	struct copy_ring *r = copy_ring_new(b->capture, &s);

	cr_assert_not_null(r);
	capture_attach(b->capture, 1, COPY_X2, r);
	b->x2[0]->n_destinations = 2;
	b->x2[0]->destination[1] = 1;
	return r;
}

static struct pdu only_pdu(struct copy_ring *r)
{
	struct segment *s = copy_ring_segment(r, 0);
	const char *why;
	struct pdu p;

	cr_assert_not_null(s, "no PDU");
	cr_assert_eq(atomic_load(&s->pushed), 1);
	cr_assert_eq(pdu_decode(s->octets, s->copy[0].end, SEGMENT_SIZE, &p, &why), s->copy[0].end);
	return p;
}

static uint64_t shortened(struct bed *b)
{
	struct channel_functions c;

	functions_counts(b->functions, &c);
	return c.shortened;
}

// Octets of the PDU of such a record.
static uint32_t size_of(struct bed *b, const struct pdu *header, unsigned kind, const char *json)
{
	static uint8_t octets[4096];
	struct ber_writer w = ber_writer_of(octets, sizeof(octets));
	struct record_fault fault;

	record_lab_read(&b->lab, json);
	cr_assert_eq(
		record_encode(&w, kind, CONFIG_XIRI_R18, b->lab.nodes, b->lab.count, &fault), 0);
	return header->header_length + (uint32_t)ber_written(&w);
}

Test(functions_short, each_destination_has_what_it_takes)
{
	static const char less[] = "{" SUPI PEI GPSI SESSION KIND TUNNELS "}";
	struct bed *b = bed_new();
	struct channel_functions c;
	struct pdu p;

	imsi_task(b, RECORDS_SMF);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	p = must_pdu(b);
	cr_assert_eq(shortened(b), 0);
	struct copy_ring *small = second(b, size_of(b, &p, RECORD_SMF_ESTABLISHMENT, less));
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s2", ESTABLISHMENT);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_ESTABLISHMENT, ESTABLISHMENT);
	p = only_pdu(small);
	is_record(b, &p, RECORD_SMF_ESTABLISHMENT, less);
	cr_assert_eq(p.correlation, 1001);
	functions_counts(b->functions, &c);
	cr_assert_eq(c.shortened, 1);
	cr_assert_eq(c.records, 2);
	cr_assert_eq(c.function[SMF].taken, 2);
	copy_ring_free(small);
	bed_free(b);
}

Test(functions_short, a_start_of_interception_is_shortened_too)
{
	static const char whole[] =
		"{" SUPI PEI GPSI SESSION KIND "\"timeOfSessionEstablishment\": "
		"\"2026-01-01T00:00:00.123456789Z\", \"rATType\": "
		"\"nR\", " ENDPOINT TUNNELS "}";
	static const char less[] = "{" SUPI PEI GPSI SESSION KIND "\"rATType\": "
				   "\"nR\", " ENDPOINT TUNNELS "}";
	struct bed *b = bed_new();
	struct pdu p;

	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	imsi_task(b, RECORDS_SMF);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_START, whole);
	struct copy_ring *small = second(b, size_of(b, &p, RECORD_SMF_START, less));
	functions_task_start(b->functions, b->task[0], NULL);
	p = must_pdu(b);
	is_record(b, &p, RECORD_SMF_START, whole);
	p = only_pdu(small);
	is_record(b, &p, RECORD_SMF_START, less);
	cr_assert_eq(shortened(b), 1);
	copy_ring_free(small);
	bed_free(b);
}

Test(functions_short, what_cannot_be_shortened_enough_is_lost)
{
	static const char least[] = "{" SUPI SESSION KIND TUNNELS "}";
	struct bed *b = bed_new();
	struct copy_ring_counts counts = {0};
	struct pdu p;

	imsi_task(b, RECORDS_SMF);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s1", ESTABLISHMENT);
	p = must_pdu(b);
	struct copy_ring *small = second(b, size_of(b, &p, RECORD_SMF_ESTABLISHMENT, least) - 1);
	play_ok(b, SMF, RECORD_SMF_ESTABLISHMENT, "s2", ESTABLISHMENT);
	(void)must_pdu(b);
	copy_ring_counts(small, &counts);
	cr_assert_eq(counts.pushed, 0);
	cr_assert_eq(counts.lost[LOSS_PDU_TOO_LARGE], 1);
	cr_assert_eq(shortened(b), 0);
	copy_ring_free(small);
	bed_free(b);
}
