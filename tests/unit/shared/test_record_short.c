// Records that lose optional members until they fit. What they become is compared with what the
// encoder writes of a tree without those members.

#include "shared/record.h"

#include <criterion/criterion.h>

#include "record_lab.h"

#define ROOM 200000

static struct record_lab lab, without;
static uint8_t whole[ROOM], wanted[ROOM], got[ROOM];

static bool encode(struct ber_writer *w, uint8_t *room, unsigned kind,
	enum config_xiri_release release, const struct record_lab *of)
{
	struct record_fault fault;

	*w = ber_writer_of(room, ROOM);
	return record_encode(w, kind, release, of->nodes, of->count, &fault) == 0;
}

// Copies `lab` without a member.
static void leave_out(size_t member)
{
	uint32_t gone = lab.nodes[member].covers;

	without.count = lab.count - gone;
	memcpy(without.nodes, lab.nodes, member * sizeof(lab.nodes[0]));
	memcpy(&without.nodes[member], &lab.nodes[member + gone],
		(lab.count - member - gone) * sizeof(lab.nodes[0]));
	without.nodes[0].covers -= gone;
}

// Takes the last member out of `lab` that the encoder does without, and writes what is left to
// `wanted`. False: it asks for each.
static bool lose_one(unsigned kind, enum config_xiri_release release, struct ber_writer *w)
{
	size_t last = 0, member[RECORD_MEMBERS], n = 0;

	for (last = 1; last < lab.count; last += lab.nodes[last].covers)
		member[n++] = last;
	while (n-- > 0) {
		leave_out(member[n]);
		if (!encode(w, wanted, kind, release, &without))
			continue;
		memcpy(lab.nodes, without.nodes, without.count * sizeof(lab.nodes[0]));
		lab.count = without.count;
		return true;
	}
	return false;
}

static void shortens(
	unsigned kind, const struct ber_writer *from, uint32_t limit, const struct ber_writer *to)
{
	struct record_short s;
	uint32_t length = (uint32_t)ber_written(from);

	cr_assert_eq(record_shorten(kind, from->at, length, limit, &s), 0);
	cr_assert_eq(s.length, ber_written(to), "%s at %u: %u octets, wanted %zu",
		record_name(kind), limit, s.length, ber_written(to));
	memset(got, 0xee, s.length + 1);
	record_short_write(from->at, length, &s, got);
	cr_assert(memcmp(got, to->at, s.length) == 0, "%s at %u", record_name(kind), limit);
	cr_assert_eq(got[s.length], 0xee);
}

// From the whole record down to what must stay, member by member.
static void shortens_all_the_way(unsigned kind, enum config_xiri_release release)
{
	struct ber_writer w, left;
	struct record_short s;
	uint32_t length;

	cr_assert(encode(&w, whole, kind, release, &lab));
	length = (uint32_t)ber_written(&w);
	shortens(kind, &w, length, &w);
	shortens(kind, &w, UINT32_MAX, &w);
	while (lose_one(kind, release, &left)) {
		shortens(kind, &w, length - 1, &left);
		length = (uint32_t)ber_written(&left);
		shortens(kind, &w, length, &left);
		record_lab_keep(
			release, kind, &(struct ber_writer){.at = got, .end = got + length});
	}
	cr_assert_eq(record_shorten(kind, w.at, (uint32_t)ber_written(&w), length - 1, &s),
		POI_ERR_TOO_LARGE);
	cr_assert_eq(
		record_shorten(kind, w.at, (uint32_t)ber_written(&w), 0, &s), POI_ERR_TOO_LARGE);
}

Test(record_short, loses_what_the_encoder_does_without_and_no_more)
{
	for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
		for (uint32_t seed = 0; seed < 12; seed++)
			for (unsigned r = CONFIG_XIRI_R18; r <= CONFIG_XIRI_R19; r++) {
				record_lab_make(&lab, kind, r, seed < 6, seed);
				shortens_all_the_way(kind, r);
			}
}

#define SHORT_OF(kind, limit, json, expected)                                       \
	do {                                                                        \
		struct ber_writer from, to;                                         \
		record_lab_read(&lab, (json));                                      \
		cr_assert(encode(&from, whole, (kind), CONFIG_XIRI_R18, &lab));     \
		record_lab_read(&lab, (expected));                                  \
		cr_assert(encode(&to, wanted, (kind), CONFIG_XIRI_R18, &lab));      \
		shortens((kind), &from, (uint32_t)ber_written(&to) + (limit), &to); \
	} while (0)

#define RELEASE "\"sUPI\":{\"nAI\":\"a@b\"},"
#define URLS "\"pCCRuleIDs\":[\"one\",\"two\",\"three\"]"

// The last one goes first, whatever each would save.
Test(record_short, the_last_goes_first)
{
	static const char json[] =
		"{" RELEASE "\"gPSI\":{\"mSISDN\":\"15550001\"},\"pDUSessionID\":"
		"5,\"uplinkVolume\":128,\"cause\":\"other\"," URLS "}";

	SHORT_OF(RECORD_SMF_RELEASE, 0, json,
		"{" RELEASE "\"gPSI\":{\"mSISDN\":\"15550001\"},\"pDUSessionID\":5,"
		"\"uplinkVolume\":128,\"cause\":\"other\"}");
	SHORT_OF(RECORD_SMF_RELEASE, 1, json,
		"{" RELEASE "\"gPSI\":{\"mSISDN\":\"15550001\"},\"pDUSessionID\":5,"
		"\"uplinkVolume\":128}");
	SHORT_OF(RECORD_SMF_RELEASE, 0, json, "{" RELEASE "\"pDUSessionID\":5}");
}

#define TUNNELS                                                                            \
	"\"requestType\":\"modificationRequest\",\"gTPTunnelInfo\":{\"fiveGSGTPTunnels\":" \
	"{\"uLNGUUPTunnelInformation\":{\"tEID\":16909060,\"iPv4Address\":\"192.0.2.1\"}}}"
#define SUPI "\"sUPI\":{\"iMSI\":\"001010000000001\"},\"sUPIUnauthenticated\":false,"
#define PEI "\"pEI\":{\"iMEI\":\"12345678901234\"},"

// A SUPI asks for sUPIUnauthenticated, and one identity must be there.
Test(record_short, what_another_member_asks_for_stays)
{
	struct record_short s;
	struct ber_writer w;

	SHORT_OF(RECORD_SMF_MODIFICATION, 0,
		"{" SUPI PEI TUNNELS ",\"pDUSessionID\":5,\"rATType\":\"nR\"}",
		"{" SUPI TUNNELS "}");
	record_lab_read(&lab, "{" SUPI TUNNELS "}");
	cr_assert(encode(&w, whole, RECORD_SMF_MODIFICATION, CONFIG_XIRI_R18, &lab));
	cr_assert_eq(record_shorten(RECORD_SMF_MODIFICATION, w.at, (uint32_t)ber_written(&w),
			     (uint32_t)ber_written(&w) - 1, &s),
		POI_ERR_TOO_LARGE);
}

// A member of 300 octets of contents: lengths around it take fewer octets without it.
Test(record_short, lengths_around_it_are_the_shortest)
{
	char json[1000], name[301];

	memset(name, 'x', 300);
	name[300] = 0;
	sprintf(json, "{" RELEASE "\"pDUSessionID\":5,\"cause\":\"%s\"}", name);
	SHORT_OF(RECORD_SMF_RELEASE, 100, json, "{" RELEASE "\"pDUSessionID\":5}");
}

// Octets that are no record, and records cut anywhere.
Test(record_short, what_is_no_record_is_not_shortened)
{
	struct record_short s;
	struct ber_writer w;

	record_lab_make(&lab, RECORD_AMF_REGISTRATION, CONFIG_XIRI_R18, true, 1);
	cr_assert(encode(&w, whole, RECORD_AMF_REGISTRATION, CONFIG_XIRI_R18, &lab));
	uint32_t length = (uint32_t)ber_written(&w);
	for (uint32_t n = 0; n < length; n++) {
		uint8_t *exact = malloc(n + 1);
		cr_assert_not_null(exact);
		memcpy(exact + 1, w.at, n);
		cr_expect_eq(record_shorten(RECORD_AMF_REGISTRATION, exact + 1, n, 300, &s),
			POI_ERR_INVALID, "%u", n);
		free(exact);
	}
	cr_expect_eq(record_shorten(RECORD_KINDS, w.at, length, 300, &s), POI_ERR_INVALID);
	// A member that records of that kind do not have.
	cr_expect_eq(record_shorten(RECORD_SMS_REPORT, w.at, length, 300, &s), POI_ERR_INVALID);
}
