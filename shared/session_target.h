#pragma once

// The part of a task's criteria that only signalling can resolve: a PFCP session (3GPP TS 33.128
// table 6.2.3-7) or a subscriber. A conjunction, with each other and with the task's filter: a
// packet must belong to a session that satisfies all of them. What a packet shows by itself is in
// `filter`. Values are target data: they never reach a log, a metric or an error text.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/filter.h"
#include "shared/identity_hash.h"
#include "shared/wire.h"

#define SESSION_FSEID 0x0001u
#define SESSION_PDR 0x0002u // needs FSEID
#define SESSION_QER 0x0004u // needs FSEID
#define SESSION_NI 0x0008u
#define SESSION_IMSI 0x0010u   // IMSI, SUPIIMSI
#define SESSION_MSISDN 0x0020u // E164Number, GPSIMSISDN
#define SESSION_IMEI 0x0040u   // IMEI, PEIIMEI (and with check digit): the first 14 digits count
#define SESSION_IMEISV 0x0080u // 16 digits
#define SESSION_NAI 0x0100u    // NAI, SUPINAI, GPSINAI
#define SESSION_HASHED 0x0200u // one of the above as a salted digest; the value is not known
#define SESSION_CLEAR_SUBSCRIBER \
	(SESSION_IMSI | SESSION_MSISDN | SESSION_IMEI | SESSION_IMEISV | SESSION_NAI)
#define SESSION_SUBSCRIBER (SESSION_CLEAR_SUBSCRIBER | SESSION_HASHED)

#define SESSION_DIGITS_MAX 16
#define SESSION_NI_MAX 100
#define SESSION_NAI_MAX 253

// The identity that a digest is of, in the form of its TS 103 280 type: digits without a sign,
// 14 digits of an IMEI or 15 with the check digit, 16 of an IMEISV, an NAI as it is. The numbers are
// those of the encoded target.
enum hashed_identity {
	HASHED_IMSI = 1,
	HASHED_MSISDN,
	HASHED_IMEI,
	HASHED_IMEI_CHECKED,
	HASHED_IMEISV,
	HASHED_NAI
};

struct session_hashed {
	uint8_t identity;  // enum hashed_identity
	uint8_t algorithm; // enum identity_hash_algorithm
	uint8_t salt_length;
	uint8_t salt[IDENTITY_SALT_MAX];
	uint8_t digest[IDENTITY_DIGEST_MAX]; // as many octets as the algorithm has, zeros behind
};

struct session_target {
	uint16_t kinds; // SESSION_*; 0: the task needs no signalling
	uint16_t pdr;
	uint32_t qer;
	uint64_t seid;		   // host order
	struct ip_address seid_v4; // family 0 when absent; no address: the SEID alone counts
	struct ip_address seid_v6;
	char imsi[SESSION_DIGITS_MAX + 1]; // decimal digits, zero-terminated
	char msisdn[SESSION_DIGITS_MAX + 1];
	char imei[SESSION_DIGITS_MAX + 1]; // 14 digits
	char imeisv[SESSION_DIGITS_MAX + 1];
	char nai[SESSION_NAI_MAX + 1];
	uint8_t ni[SESSION_NI_MAX]; // octets of the IE, as given
	uint8_t ni_length;
	struct session_hashed hashed;
};

// No encoded target is longer (octets).
#define SESSION_TARGET_ENCODED_MAX 640

// 0, CONFLICT when no session can satisfy it (PDR or QER without FSEID), INVALID for digits that
// are none or a length beyond its bounds. `why` is static text, never a value.
[[nodiscard]] int session_target_check(const struct session_target *t, const char **why);
bool session_target_equal(const struct session_target *a, const struct session_target *b);

// Canonical octets, for the channel and the digest.
void session_target_encode(struct wire_writer *w, const struct session_target *t);
// Fails (sticky in `r`) on anything that the encoder would not have produced.
void session_target_decode(struct wire_reader *r, struct session_target *t);

// The kind that a hashed identity stands for: SESSION_IMSI for HASHED_IMSI; 0 for none.
uint16_t session_hashed_kind(uint8_t identity);

// The check digit of an IMEI's first 14 digits (TS 23.003 annex B).
char session_imei_check_digit(const char imei[static 14]);

// Network Instance: equal octets, or equal names once labels are read, case folded and the operator
// part (.mncNNN.mccNNN.gprs) taken off. Both encodings occur on one link.
bool session_ni_equal(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length);
