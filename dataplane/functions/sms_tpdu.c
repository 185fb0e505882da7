// Finds where a TPDU's user data begins.

#include "dataplane/functions/sms_tpdu.h"

#include <stdbool.h>

#define MTI_SUBMIT 1u
#define PID_AND_DCS 2u
#define TIME_STAMP 7u // TP-SCTS; TP-VP, enhanced and absolute

static unsigned digit_of(char c)
{
	return c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20u) - 'a' + 10;
}

struct tpdu {
	const char *hex;
	uint32_t octets, at;
	bool ended; // within a field
};

static uint8_t octet(const struct tpdu *t, uint32_t at)
{
	return (uint8_t)(digit_of(t->hex[2 * at]) << 4 | digit_of(t->hex[2 * at + 1]));
}

static void pass(struct tpdu *t, uint32_t octets)
{
	t->ended |= t->octets - t->at < octets;
	if (!t->ended)
		t->at += octets;
}

// Address-Length counts digits, and stands before Type-of-Address (clause 9.1.2.5).
static void pass_address(struct tpdu *t)
{
	uint32_t digits = !t->ended && t->at < t->octets ? octet(t, t->at) : 0;

	pass(t, 2 + (digits + 1) / 2);
}

// TP-Validity-Period by its format (clause 9.2.3.3).
static uint32_t validity_octets(uint8_t first)
{
	static const uint8_t octets[] = {0, TIME_STAMP, 1, TIME_STAMP};

	return octets[first >> 3 & 3];
}

uint32_t sms_tpdu_head(const char *hex, size_t digits, enum sms_message of)
{
	struct tpdu t = {.hex = hex, .octets = (uint32_t)(digits / 2)};

	if (t.octets == 0)
		return 0;
	uint8_t first = octet(&t, 0);
	bool submit = of == SMS_SUBMIT || (of == SMS_BY_ITSELF && (first & 3) == MTI_SUBMIT);

	pass(&t, 1);
	if (submit)
		pass(&t, 1); // TP-Message-Reference
	pass_address(&t);
	pass(&t, PID_AND_DCS + (submit ? validity_octets(first) : TIME_STAMP));
	pass(&t, 1); // TP-User-Data-Length
	return t.at;
}
