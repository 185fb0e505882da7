#include <criterion/criterion.h>
#include <string.h>

#include "shared/error.h"
#include "shared/ledger.h"

Test(ledger, names_are_distinct)
{
	for (int i = 0; i < PACKET_OUTCOME_COUNT; i++)
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(packet_outcome_name((enum packet_outcome)i),
				packet_outcome_name((enum packet_outcome)k));
	cr_assert_str_eq(packet_outcome_name(PACKET_GTPU), "gtpu");
	cr_assert_str_eq(copy_loss_name(LOSS_STOPPED), "stopped");
	cr_assert_str_eq(forward_outcome_name(FORWARD_TX_FULL), "tx_full");
	cr_assert_str_eq(copy_loss_name(LOSS_COUNT), "unknown");
}

Test(ledger, every_outcome_is_in_the_packet_sum)
{
	for (int i = 0; i < PACKET_OUTCOME_COUNT; i++) {
		struct packet_balance b = {.received = 1};
		cr_expect_not(packet_balance_holds(&b));
		b.outcome[i] = 1;
		cr_expect(packet_balance_holds(&b));
		cr_expect_eq(packet_balance_classified(&b),
			packet_outcome_classified((enum packet_outcome)i) ? 1 : 0);
	}
	cr_assert(packet_outcome_classified(PACKET_NOT_IP));
	cr_assert_not(packet_outcome_classified(PACKET_GTPU_LENGTH));
}

Test(ledger, every_part_is_in_the_copy_sum)
{
	struct copy_balance b = {.matched = 7,
		.offered = 3 + LOSS_COUNT,
		.acknowledged = 1,
		.in_doubt = 1,
		.queued = 1};

	for (int i = 0; i < LOSS_COUNT; i++)
		b.lost[i] = 1;
	cr_assert_eq(copy_balance_lost(&b), LOSS_COUNT);
	cr_assert_eq(copy_balance_accounted(&b), b.offered);
	b.lost[LOSS_REMOVED]++;
	cr_assert_neq(copy_balance_accounted(&b), b.offered);
	b.in_doubt--;
	cr_assert_eq(copy_balance_accounted(&b), b.offered);
}

Test(error, every_error_has_its_own_text)
{
	for (int e = POI_ERR_SYNTAX; e < 0; e++) {
		cr_expect_str_neq(poi_error_text(e), "unknown error");
		for (int k = POI_ERR_SYNTAX; k < e; k++)
			cr_expect_str_neq(poi_error_text(e), poi_error_text(k));
	}
	cr_assert_str_eq(poi_error_text(0), "success");
	cr_assert_str_eq(poi_error_text(-1000), "unknown error");
}
