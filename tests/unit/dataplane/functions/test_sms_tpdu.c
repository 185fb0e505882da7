// TPDUs without their user data, by the fields of TS 23.040 clause 9.2.2.
#include <criterion/criterion.h>

#include <string.h>

#include "dataplane/functions/sms_tpdu.h"

static uint32_t head(const char *hex, enum sms_message of)
{
	return sms_tpdu_head(hex, strlen(hex), of);
}

// First octet, reference, number of 11 digits, PID, DCS, validity, length; then "hello" of 7 bits.
#define ADDRESS "0b911326880736f4"
#define HELLO "05e8329bfd06"
#define LENGTH 1u

Test(sms_tpdu, a_submit_by_its_validity)
{
	cr_expect_eq(head("0101" ADDRESS "0000" HELLO, SMS_SUBMIT), 2 + 8 + 2 + 0 + LENGTH);
	cr_expect_eq(head("1101" ADDRESS "0000aa" HELLO, SMS_SUBMIT), 2 + 8 + 2 + 1 + LENGTH);
	cr_expect_eq(head("0901" ADDRESS "000001020304050607" HELLO, SMS_SUBMIT),
		2 + 8 + 2 + 7 + LENGTH);
	cr_expect_eq(head("1901" ADDRESS "000001020304050607" HELLO, SMS_SUBMIT),
		2 + 8 + 2 + 7 + LENGTH);
	cr_expect_eq(head("0101" ADDRESS "0000" HELLO, SMS_BY_ITSELF), 13, "by its indicator");
	cr_expect_eq(head("010100810000" HELLO, SMS_SUBMIT), 2 + 2 + 2 + LENGTH, "an empty number");
}

Test(sms_tpdu, a_deliver)
{
	cr_expect_eq(
		head("04" ADDRESS "000099309251619580" HELLO, SMS_DELIVER), 1 + 8 + 2 + 7 + LENGTH);
	cr_expect_eq(head("04" ADDRESS "000099309251619580" HELLO, SMS_BY_ITSELF), 19);
	cr_expect_eq(head("040ad0e8329bfd06000099309251619580" HELLO, SMS_DELIVER),
		1 + 7 + 2 + 7 + LENGTH, "a name of an odd number of digits");
}

// No octet of user data is kept of a cut or wrong one, and one octet at least.
Test(sms_tpdu, cut_ones_keep_less)
{
	static const char submit[] = "1101" ADDRESS "0000aa" HELLO;

	for (size_t n = 2; n < sizeof(submit) - 1; n += 2) {
		uint32_t kept = sms_tpdu_head(submit, n, SMS_SUBMIT);
		cr_expect(kept >= 1 && kept <= n / 2 && kept <= 14, "%zu: %u", n, kept);
	}
	cr_expect_eq(head("0101ff91" HELLO, SMS_SUBMIT), 2, "an address that leads out of it");
	cr_expect_eq(head("01", SMS_SUBMIT), 1);
	cr_expect_eq(head("", SMS_SUBMIT), 0);
}
