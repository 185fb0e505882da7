#include "shared/session_target.h"

#include <criterion/criterion.h>

#include <string.h>

static struct session_target full(void)
{
	struct session_target t = {.kinds = 0x3ff, .pdr = 2, .qer = 3, .seid = 0x0102030405060708};

	t.seid_v4 = (struct ip_address){.family = 4, .b = {192, 0, 2, 1}};
	t.seid_v6 = (struct ip_address){.family = 6, .b = {0x20, 1, [15] = 1}};
	strcpy(t.imsi, "001010000021309");
	strcpy(t.msisdn, "491725670014");
	strcpy(t.imei, "86650704004053");
	strcpy(t.imeisv, "8665070400405301");
	strcpy(t.nai, "user@example.org");
	memcpy(t.ni, "\x08internet", 9);
	t.ni_length = 9;
	t.hashed = (struct session_hashed){.identity = HASHED_MSISDN,
		.algorithm = IDENTITY_SHA_512,
		.salt_length = 9,
		.salt = "saltsalt!"};
	memset(t.hashed.digest, 0xd1, IDENTITY_DIGEST_MAX);
	return t;
}

static int check(struct session_target t)
{
	return session_target_check(&t, NULL);
}

Test(session_target, encodes_and_decodes)
{
	uint8_t octets[SESSION_TARGET_ENCODED_MAX];

	for (unsigned kinds = 0; kinds <= 0x3ff; kinds++) {
		struct session_target t = full(), back;
		t.kinds = (uint16_t)kinds;
		struct wire_writer w = wire_writer_of(octets, sizeof(octets));
		session_target_encode(&w, &t);
		cr_assert_eq(w.error, 0);
		struct wire_reader r = wire_reader_of(octets, wire_written(&w));
		session_target_decode(&r, &back);
		cr_assert_eq(wire_finish(&r), 0);
		cr_assert(session_target_equal(&t, &back) && back.kinds == kinds);
		cr_assert(kinds & SESSION_IMSI || !back.imsi[0]); // what is absent is zero
		if (wire_written(&w) > 2) {			  // never without its last octet
			r = wire_reader_of(octets, wire_written(&w) - 1);
			session_target_decode(&r, &back);
			cr_assert_neq(r.error, 0);
			cr_assert_eq(back.kinds, 0);
		}
	}
}

Test(session_target, longest_fits)
{
	uint8_t octets[SESSION_TARGET_ENCODED_MAX];
	struct session_target t = full();
	struct wire_writer w = wire_writer_of(octets, sizeof(octets));

	memset(t.nai, 'n', SESSION_NAI_MAX);
	t.ni_length = SESSION_NI_MAX;
	t.hashed.salt_length = IDENTITY_SALT_MAX;
	session_target_encode(&w, &t);
	cr_expect_eq(w.error, 0);
}

Test(session_target, every_criterion_counts)
{
	struct session_target a = full(), b;

#define DIFFERS(change)                                            \
	do {                                                       \
		b = full();                                        \
		change;                                            \
		cr_expect(!session_target_equal(&a, &b), #change); \
	} while (0)
	DIFFERS(b.pdr++);
	DIFFERS(b.qer++);
	DIFFERS(b.seid++);
	DIFFERS(b.seid_v4.b[3]++);
	DIFFERS(b.seid_v6.family = 0; memset(b.seid_v6.b, 0, 16));
	DIFFERS(b.imsi[3]++);
	DIFFERS(b.msisdn[3]++);
	DIFFERS(b.imei[3]++);
	DIFFERS(b.imeisv[3]++);
	DIFFERS(b.nai[3]++);
	DIFFERS(b.ni[3]++);
	DIFFERS(b.hashed.identity = HASHED_IMSI);
	DIFFERS(b.hashed.algorithm = IDENTITY_SHA3_512);
	DIFFERS(b.hashed.salt_length--);
	DIFFERS(b.hashed.salt[3]++);
	DIFFERS(b.hashed.digest[63]++);
	DIFFERS(b.kinds &= (uint16_t)~SESSION_NAI);
	b = full();
	cr_expect(session_target_equal(&a, &b));
}

Test(session_target, refuses_what_no_session_has)
{
	struct session_target t = full();
	const char *why = NULL;

	cr_expect_eq(check(t), 0);
	t.kinds = SESSION_PDR;
	cr_expect_eq(session_target_check(&t, &why), POI_ERR_CONFLICT);
	cr_expect(why != NULL);
	t.kinds = SESSION_QER | SESSION_IMSI;
	cr_expect_eq(check(t), POI_ERR_CONFLICT);
	t.kinds |= SESSION_FSEID;
	cr_expect_eq(check(t), 0);
	t = full();
	t.imei[0] = '1';
	cr_expect_eq(check(t), POI_ERR_CONFLICT);
	t = full();
	t.kinds |= 0x400;
	cr_expect_eq(check(t), POI_ERR_INVALID);
}

Test(session_target, refuses_what_is_no_number)
{
	struct session_target t = full();

	strcpy(t.imsi, "00101");
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	strcpy(t.imsi, "0010100000213091");
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	strcpy(t.msisdn, "+4917");
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	strcpy(t.imei, "866507040040531");
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	t.nai[0] = '\0';
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	t.ni_length = 0;
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	t.seid_v4.family = 6;
	cr_expect_eq(check(t), POI_ERR_INVALID);
}

Test(session_target, refuses_what_is_no_digest)
{
	struct session_target t = full();

	t.hashed.identity = 0;
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t.hashed.identity = HASHED_NAI + 1;
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	t.hashed.algorithm = 0;
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t = full();
	t.hashed.salt_length = IDENTITY_SALT_MIN - 1;
	cr_expect_eq(check(t), POI_ERR_INVALID);
	t.hashed.salt_length = IDENTITY_SALT_MAX + 1;
	cr_expect_eq(check(t), POI_ERR_INVALID);
	cr_expect_eq(session_hashed_kind(HASHED_IMEI_CHECKED), SESSION_IMEI);
}

// A target as it was encoded before digests were: a sealed store may hold it.
Test(session_target, reads_what_was_encoded_before)
{
	static const uint8_t octets[] = {0, 0x10, 0, 6, '0', '0', '1', '0', '1', '9'};
	struct wire_reader r = wire_reader_of(octets, sizeof(octets));
	uint8_t again[SESSION_TARGET_ENCODED_MAX];
	struct wire_writer w = wire_writer_of(again, sizeof(again));
	struct session_target t;

	session_target_decode(&r, &t);
	cr_assert_eq(wire_finish(&r), 0);
	cr_expect_eq(t.kinds, SESSION_IMSI);
	cr_expect_str_eq(t.imsi, "001019");
	session_target_encode(&w, &t);
	cr_expect_eq(wire_written(&w), sizeof(octets));
	cr_expect(!memcmp(again, octets, sizeof(octets)));
}

#define NI(a, b) \
	session_ni_equal((const uint8_t *)(a), sizeof(a) - 1, (const uint8_t *)(b), sizeof(b) - 1)

Test(session_target, network_instances_are_names)
{
	cr_expect(NI("\x08internet", "\x08internet"));
	cr_expect(NI("\x08internet", "internet"));
	cr_expect(NI("\x08internet\0", "INTERNET"));
	cr_expect(NI("\x08internet\x06mnc001\x06mcc001\x04gprs", "internet"));
	cr_expect(NI("internet.mnc001.mcc262.gprs", "\x08InterNet"));
	cr_expect(NI("\x03ims\x03xyz", "ims.xyz"));
	cr_expect(!NI("\x03ims", "internet"));
	cr_expect(!NI("\x08internet", "internet2"));
	cr_expect(!NI("internet.mncx01.mcc262.gprs", "internet"));
	cr_expect(!NI(".mnc001.mcc262.gprs", ""));
	cr_expect(!NI("", ""));
	cr_expect(NI("\x01", "\x01"));
	cr_expect(!NI("\x01", "\x02"));
}
