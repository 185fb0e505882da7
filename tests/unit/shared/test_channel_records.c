// The records that a task's X2 carries, on the channel.
#include <criterion/criterion.h>

#include "shared/channel.h"

static int sent(uint8_t records)
{
	static uint8_t out[CHANNEL_MESSAGE_MAX];
	static struct channel_task m, back;

	m = (struct channel_task){.delivery = DELIVERY_X2,
		.records = records,
		.session = {.kinds = SESSION_IMSI, .imsi = "001010000000001"}};
	int n = channel_encode_task(out, sizeof(out), CHANNEL_TASK_PUT, 1, &m);

	cr_assert_gt(n, 8);
	int rc = channel_decode_task(out + 8, (size_t)n - 8, &back);
	cr_assert(rc || back.records == records);
	return rc;
}

Test(channel_records, each_function_and_each_way_of_associations)
{
	cr_expect_eq(sent(0), POI_OK);
	cr_expect_eq(sent(RECORDS_SMF | RECORDS_AMF | RECORDS_SMSF), POI_OK);
	cr_expect_eq(sent(RECORDS_AMF | TASK_ASSOCIATION_ALL), POI_OK);
	cr_expect_eq(sent(RECORDS_AMF | RECORDS_SMSF | TASK_ASSOCIATION_ONLY), POI_OK);
	cr_expect_eq(sent(RECORDS_SMSF | TASK_TRUNCATE), POI_OK);
}

Test(channel_records, others_are_refused)
{
	cr_expect_eq(sent(0x08), POI_ERR_INVALID, "of no function");
	cr_expect_eq(sent(RECORDS_AMF | TASK_TRUNCATE), POI_ERR_INVALID, "messages without an SMSF");
	cr_expect_eq(sent(TASK_ASSOCIATION_ALL), POI_ERR_INVALID, "associations without an AMF");
	cr_expect_eq(sent(RECORDS_SMF | TASK_ASSOCIATION_ONLY), POI_ERR_INVALID);
	cr_expect_eq(sent(RECORDS_AMF | TASK_ASSOCIATION_ALL | TASK_ASSOCIATION_ONLY),
		POI_ERR_INVALID, "all associations, and nothing else");
}
