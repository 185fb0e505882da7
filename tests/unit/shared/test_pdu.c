#include "shared/pdu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

// The worked PDHR of a UPF: IPv4/TCP, 10.45.0.2:51000 -> 198.51.100.80:443, from the target.
static const char pdhr_hex[] =
	"0005000100000082000000330002000329f28e1cf230486aa860f5a784ab91720102030405060708"
	"000600117570662d312e6578616d706c652e6f7267000700054952492d310008000400000000"
	"000900086955b900075bcd15"
	"001100243c69707634416464726573733e31302e34352e302e323c2f69707634416464726573733e"
	"303181050413120f01a228ae26810200ffa20681040a2d0002830300c738a4068104c6336450850201bb86"
	"010688010189013c";

static const char keepalive_hex[] =
	"0005000300000030000000000000000000000000000000000000000000000000"
	"00000000000000000008000400000007";

static size_t from_hex(const char *hex, uint8_t *out, size_t capacity)
{
	size_t n = strlen(hex) / 2;

	cr_assert(n <= capacity);
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		cr_assert(sscanf(hex + 2 * i, "%2x", &v) == 1);
		out[i] = (uint8_t)v;
	}
	return n;
}

static const struct id16 xid = {{0x29, 0xf2, 0x8e, 0x1c, 0xf2, 0x30, 0x48, 0x6a, 0xa8, 0x60, 0xf5,
	0xa7, 0x84, 0xab, 0x91, 0x72}};
#define TIME_NS (0x6955b900ull * 1000000000u + 0x075bcd15u)

static struct pdu_head x3_head(void)
{
	return (struct pdu_head){
		.type = PDU_X3,
		.minor = PDU_VERSION_MINOR_DEFAULT,
		.direction = PDU_DIRECTION_FROM_TARGET,
		.format = PDU_FORMAT_IPV4,
		.xid = xid,
		.correlation = 0x0102030405060708,
		.sequence = 65536,
		.time_ns = TIME_NS,
	};
}

static struct pdu_origin origin_of(const char *ipid)
{
	struct pdu_origin o;
	cr_assert(pdu_origin_make(&o, "upf-1.example.org", ipid) == 0);
	return o;
}

Test(pdu, x2_vector_verbatim)
{
	uint8_t want[512], got[512];
	size_t n = from_hex(pdhr_hex, want, sizeof(want));
	struct pdu_origin o = origin_of("IRI-1");
	struct pdu_head h = x3_head();
	size_t head = 130, payload = 51;

	cr_assert_eq(n, head + payload);
	h.type = PDU_X2;
	h.format = PDU_FORMAT_33128;
	h.sequence = 0;
	h.payload_length = (uint32_t)payload;
	h.extra = want + 90;
	h.extra_length = 40;
	cr_assert_eq(pdu_head_size(&o, &h), head);
	cr_assert_eq(pdu_head_write(got, &o, &h), head);
	cr_assert(memcmp(got, want, head) == 0);

	struct pdu p;
	const char *why;
	cr_assert(pdu_decode(want, n, n, &p, &why) == (int64_t)n, "%s", why);
	cr_assert(p.type == PDU_X2 && p.format == PDU_FORMAT_33128 && p.direction == 3);
	cr_assert(p.minor == 5 && p.sequence == 0 && p.time_ns == TIME_NS);
	cr_assert(p.correlation == 0x0102030405060708 && id_equal(&p.xid, &xid));
	cr_assert(p.payload == want + head && p.payload_length == payload);
	cr_assert((p.present & 1u << PDU_ATTR_MATCHED_TARGET) != 0);
	cr_assert(p.ipid_length == 5 && memcmp(p.ipid, "IRI-1", 5) == 0);
}

Test(pdu, x3_size_as_measured)
{
	struct pdu_origin o = origin_of("CC-1");
	struct pdu_head h = x3_head();
	uint8_t out[128];
	struct pdu p;
	const char *why;

	h.payload_length = 3;
	cr_assert_eq(pdu_head_write(out, &o, &h), (size_t)89);
	memcpy(out + 89, "abc", 3);
	cr_assert(pdu_decode(out, 92, 92, &p, &why) == 92, "%s", why);
	cr_assert(p.sequence == 65536 && p.time_ns == TIME_NS && memcmp(p.payload, "abc", 3) == 0);
	cr_assert(p.nfid_length == 17 && memcmp(p.nfid, "upf-1.example.org", 17) == 0);
	for (size_t n = 0; n < 92; n++)
		cr_assert(pdu_decode(out, n, 92, &p, &why) == POI_ERR_AGAIN, "at %zu", n);
	cr_assert(pdu_decode(out, 92, 91, &p, &why) == POI_ERR_TOO_LARGE);
}

Test(pdu, origin_bounds)
{
	struct pdu_origin o;
	char longest[PDU_ID_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[PDU_ID_MAX + 1] = 0;
	cr_assert(pdu_origin_make(&o, longest, "a") == POI_ERR_INVALID);
	longest[PDU_ID_MAX] = 0;
	cr_assert(pdu_origin_make(&o, longest, longest) == 0);
	cr_assert(o.length == sizeof(o.octets));
	cr_assert(pdu_origin_make(&o, "a", "") == POI_ERR_INVALID);
}

Test(pdu, keepalive_verbatim)
{
	uint8_t want[PDU_KEEPALIVE_SIZE], got[PDU_KEEPALIVE_SIZE];
	struct pdu p;
	const char *why;

	from_hex(keepalive_hex, want, sizeof(want));
	pdu_keepalive_write(got, 5, 7);
	cr_assert(memcmp(got, want, sizeof(want)) == 0);
	got[3] = PDU_KEEPALIVE_ACK;
	cr_assert(pdu_decode(got, sizeof(got), 4096, &p, &why) == PDU_KEEPALIVE_SIZE, "%s", why);
	cr_assert(p.type == PDU_KEEPALIVE_ACK && p.sequence == 7);
}

// Each row breaks one rule of a valid PDU by overwriting octets.
struct broken {
	bool keepalive;
	size_t offset;
	const char *hex;
	int error;
	const char *why;
};

// X3 head: NFID at 40 (21 octets), IPID at 61 (8), sequence at 69 (8), timestamp at 77 (12).
static const struct broken broken[] = {
	{false, 0, "05", POI_ERR_VERSION, "major version is not 0"},
	{false, 2, "0000", POI_ERR_INVALID, "unknown PDU type"},
	{false, 2, "0005", POI_ERR_INVALID, "unknown PDU type"},
	{false, 2, "0102", POI_ERR_INVALID, "unknown PDU type"},
	{false, 4, "00000027", POI_ERR_INVALID, "header length below 40"},
	{false, 4, "ffffffff", POI_ERR_TOO_LARGE, "header larger than allowed"},
	{false, 8, "ffffffff", POI_ERR_TOO_LARGE, "PDU larger than allowed"},
	{false, 4, "0000002a", POI_ERR_INVALID, "attribute beyond the header"},
	{false, 42, "ffff", POI_ERR_INVALID, "attribute beyond the header"},
	{false, 79, "0009", POI_ERR_INVALID, "attribute beyond the header"},
	{false, 40, "0000", POI_ERR_INVALID, "attribute of type 0"},
	{false, 61, "0008", POI_ERR_INVALID, "single attribute repeated"},
	{false, 61, "0006", POI_ERR_INVALID, "single attribute repeated"},
	{false, 61, "000a", POI_ERR_INVALID, "single attribute repeated"},
	{false, 61, "000c", POI_ERR_INVALID, "attribute of wrong length"},
	{false, 61, "000e", POI_ERR_INVALID, "attribute of wrong length"},
	{false, 61, "0010", POI_ERR_INVALID, "attribute of wrong length"},
	{false, 61, "0009", POI_ERR_INVALID, "attribute of wrong length"},
	{false, 40, "0008", POI_ERR_INVALID, "attribute of wrong length"},
	{false, 40, "0015", POI_ERR_INVALID, "attribute of wrong length"},
	{false, 85, "3b9aca00", POI_ERR_INVALID, "timestamp with a full second in nanoseconds"},
	{false, 12, "0000", POI_ERR_INVALID, "payload format not allowed for the PDU type"},
	{false, 12, "0009", POI_ERR_INVALID, "payload format not allowed for the PDU type"},
	{false, 12, "000e", POI_ERR_INVALID, "payload format not allowed for the PDU type"},
	{false, 12, "0012", POI_ERR_INVALID, "payload format not allowed for the PDU type"},
	{false, 14, "0000", POI_ERR_INVALID, "payload direction out of range"},
	{false, 14, "0006", POI_ERR_INVALID, "payload direction out of range"},
	{true, 8, "00000001", POI_ERR_INVALID, "keepalive with a payload"},
	{true, 12, "0005", POI_ERR_INVALID, "keepalive with a field that must be zero"},
	{true, 14, "0001", POI_ERR_INVALID, "keepalive with a field that must be zero"},
	{true, 31, "01", POI_ERR_INVALID, "keepalive with a field that must be zero"},
	{true, 39, "01", POI_ERR_INVALID, "keepalive with a field that must be zero"},
	{true, 40, "000a", POI_ERR_INVALID, "keepalive without exactly one sequence number"},
	{true, 4, "00000028", POI_ERR_INVALID, "keepalive without exactly one sequence number"},
};

Test(pdu, each_broken_rule_is_refused)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const struct broken *b = &broken[i];
		uint8_t octets[128] = {0};
		size_t n = PDU_KEEPALIVE_SIZE;
		struct pdu p;
		const char *why;

		if (b->keepalive) {
			from_hex(keepalive_hex, octets, sizeof(octets));
		} else {
			struct pdu_origin o = origin_of("CC-1");
			struct pdu_head h = x3_head();
			h.payload_length = 4;
			n = pdu_head_write(octets, &o, &h) + 4;
			if (b->offset == 61 && strcmp(b->hex, "000a") == 0)
				wire_store16(octets + 69, PDU_ATTR_SOURCE_IPV4);
		}
		cr_assert(pdu_decode(octets, n, 4096, &p, &why) == (int64_t)n || b->offset == 61);
		from_hex(b->hex, octets + b->offset, sizeof(octets) - b->offset);
		// The payload length of one more must not end in a wait for octets.
		int64_t got = pdu_decode(octets, sizeof(octets), 4096, &p, &why);
		cr_assert(got == b->error, "row %zu: %lld %s", i, (long long)got, why);
		cr_assert(strcmp(why, b->why) == 0, "row %zu: %s", i, why);
	}
}

Test(pdu, x2_must_not_carry_gtpu_or_ethernet)
{
	static const uint16_t forbidden[] = {7, 8, 12, 13, 16, 0, 18};
	static const uint16_t allowed[] = {1, 2, 3, 4, 5, 6, 9, 10, 11, 14, 15, 17};
	struct pdu_origin o = origin_of("a");
	struct pdu_head h = x3_head();
	uint8_t out[128];
	struct pdu p;
	const char *why;

	h.type = PDU_X2;
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		h.format = forbidden[i];
		size_t n = pdu_head_write(out, &o, &h);
		cr_assert(pdu_decode(out, n, 4096, &p, &why) == POI_ERR_INVALID);
	}
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		h.format = allowed[i];
		size_t n = pdu_head_write(out, &o, &h);
		cr_assert(pdu_decode(out, n, 4096, &p, &why) == (int64_t)n, "%s", why);
	}
}

Test(pdu, unknown_and_repeatable_attributes_pass)
{
	static const char extra_hex[] =
		"00170003616263"		     // 23: beyond this edition
		"0011000161001100016200120001630000" // 17 twice, 18, then zero
		;
	uint8_t extra[64], out[256];
	struct pdu_origin o = origin_of("a");
	struct pdu_head h = x3_head();
	struct pdu p;
	const char *why;

	from_hex(extra_hex, extra, sizeof(extra));
	h.extra = extra;
	h.extra_length = 22;
	size_t n = pdu_head_write(out, &o, &h);
	cr_assert(pdu_decode(out, n, 4096, &p, &why) == (int64_t)n, "%s", why);
	cr_assert((p.present & 1u << PDU_ATTR_MATCHED_TARGET) != 0);
}

Test(pdu, further_tasks_are_read_with_and_without_a_number)
{
	static const char extra_hex[] =
		"0015001c" // 28 octets
		"00112233445566778899aabbccddeeff0102030405060708"
		"deadbeef"
		"001000010600" // 16, and a stray octet that is cut off below
		;
	uint8_t extra[128], out[256];
	struct pdu_origin o = origin_of("a");
	struct pdu_head h = x3_head();
	struct pdu_axri a;
	struct pdu p;
	const char *why;
	uint32_t at = 0;

	from_hex(extra_hex, extra, sizeof(extra));
	memcpy(extra + 37, extra, 32); // and one of 24 octets
	extra[37 + 3] = 24;
	h.extra = extra;
	h.extra_length = 37 + 28;
	size_t n = pdu_head_write(out, &o, &h);
	cr_assert(pdu_decode(out, n, 4096, &p, &why) == (int64_t)n, "%s", why);
	cr_assert(pdu_axri_next(&p, &at, &a));
	cr_expect(a.numbered && a.sequence == 0xdeadbeef);
	cr_expect_eq(a.correlation, 0x0102030405060708);
	cr_expect_eq(memcmp(a.xid.b, extra + 4, 16), 0);
	cr_assert(pdu_axri_next(&p, &at, &a));
	cr_expect(!a.numbered && a.sequence == 0);
	cr_expect_eq(a.correlation, 0x0102030405060708);
	cr_assert_not(pdu_axri_next(&p, &at, &a));
}

static void pcap_record(FILE *f, const uint8_t *octets, uint32_t n)
{
	uint32_t head[4] = {1767225600, 0, n, n};
	cr_assert(fwrite(head, sizeof(head), 1, f) == 1 && fwrite(octets, n, 1, f) == 1);
}

// An independent reader agrees: each PDU is one record of a pcap with link type 147.
Test(pdu, wireshark_reads_the_same)
{
	if (system("command -v tshark >/dev/null 2>&1") != 0)
		cr_skip_test("tshark is not installed: the encoder was not compared with it");
	static const uint8_t ip[28] = {0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 45, 0, 2, 198,
		51, 100, 80, 0x9c, 0x41, 0x13, 0x88, 0, 8, 0, 0};
	static const uint8_t gtp[36] = {0x30, 0xff, 0, 28, 0, 0, 0x10, 1, 0x45, 0, 0, 28, 0, 1, 0,
		0, 64, 17, 0, 0, 10, 45, 0, 2, 198, 51, 100, 80, 0x9c, 0x41, 0x13, 0x88, 0, 8, 0,
		0};
	uint32_t header[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 147};
	char path[] = "/tmp/test_pduXXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "wb");
	struct pdu_origin o = origin_of("CC-1");
	struct pdu_head h = x3_head();
	uint8_t out[256];

	cr_assert(f && fwrite(header, sizeof(header), 1, f) == 1);
	h.payload_length = sizeof(ip);
	size_t n = pdu_head_write(out, &o, &h);
	memcpy(out + n, ip, sizeof(ip));
	pcap_record(f, out, (uint32_t)(n + sizeof(ip)));
	h.format = PDU_FORMAT_GTPU;
	h.direction = PDU_DIRECTION_TO_TARGET;
	h.payload_length = sizeof(gtp);
	h.minor = 6;
	n = pdu_head_write(out, &o, &h);
	memcpy(out + n, gtp, sizeof(gtp));
	pcap_record(f, out, (uint32_t)(n + sizeof(gtp)));
	pdu_keepalive_write(out, 5, 70000);
	pcap_record(f, out, PDU_KEEPALIVE_SIZE);
	cr_assert(fclose(f) == 0);

	char command[512], line[256];
	snprintf(command, sizeof(command),
		"tshark -o 'uat:user_dlts:\"User 0 (DLT=147)\",\"li5g\",\"0\",\"\",\"0\",\"\"' -r "
		"%s "
		"-T fields -E occurrence=f -e li5g.ver -e li5g.type -e li5g.hl -e li5g.pl -e "
		"li5g.pf "
		"-e li5g.pd -e li5g.sq -e ip.dst -e gtp.teid 2>/dev/null",
		path);
	FILE *p = popen(command, "r");
	cr_assert(p != NULL);
	cr_assert(fgets(line, sizeof(line), p) != NULL);
	cr_expect_str_eq(line, "5\t2\t89\t28\t5\t3\t65536\t198.51.100.80\t\n");
	cr_assert(fgets(line, sizeof(line), p) != NULL);
	cr_expect_str_eq(line, "6\t2\t89\t36\t12\t2\t65536\t198.51.100.80\t0x00001001\n");
	cr_assert(fgets(line, sizeof(line), p) != NULL);
	cr_expect_str_eq(line, "5\t3\t48\t0\t0\t0\t70000\t\t\n");
	pclose(p);
	unlink(path);
}
