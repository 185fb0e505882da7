// Tunnels with packets that were dropped, against a list of all of them.

#include <criterion/criterion.h>
#include <stdlib.h>

#include "dataplane/signalling/signalling_gap.h"

#define WORKERS 2u
#define TUNNELS 3000u

static struct signalling_gap *gap;
static uint64_t newest[TUNNELS][2];

static void up(void)
{
	gap = signalling_gap_new(WORKERS);
	cr_assert_not_null(gap);
}

static void down(void)
{
	signalling_gap_free(gap);
}

TestSuite(signalling_gap, .init = up, .fini = down);

static uint32_t teid_of(uint32_t i)
{
	return i % 2 ? 0x10000u * i : 7 + i; // as real nodes assign them
}

Test(signalling_gap, forgets_none)
{
	uint64_t random = 1;

	for (uint64_t ns = 1; ns < 200000; ns++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint32_t i = (uint32_t)(random >> 33) % TUNNELS;
		bool taken = random >> 62 & 1;
		signalling_gap_let_go(gap, (uint32_t)(random >> 32 & 1), teid_of(i), ns, taken);
		newest[i][taken] = ns;
	}
	for (uint32_t i = 0; i < TUNNELS; i++)
		for (unsigned taken = 0; taken < 2; taken++)
			cr_assert_geq(
				signalling_gap_gone(gap, teid_of(i), taken), newest[i][taken]);
}

Test(signalling_gap, tells_tunnels_apart)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < TUNNELS; i++)
		signalling_gap_let_go(gap, 0, teid_of(i), 1000 + i, false);
	for (uint32_t i = TUNNELS; i < 2 * TUNNELS; i++)
		wrong += signalling_gap_gone(gap, teid_of(i), false) != 0;
	cr_assert_leq(wrong, TUNNELS / 100, "%u of %u that had none", wrong, TUNNELS);
	cr_assert_eq(signalling_gap_gone(gap, teid_of(1), true), 0, "no task has it");
}

Test(signalling_gap, never_goes_back)
{
	signalling_gap_let_go(gap, 0, 5, 20, false);
	signalling_gap_let_go(gap, 0, 5, 10, false);
	signalling_gap_let_go(gap, 1, 5, 15, false);
	cr_assert_eq(signalling_gap_gone(gap, 5, false), 20);
	signalling_gap_pass(gap, 9);
	signalling_gap_pass(gap, 8);
	cr_assert_eq(signalling_gap_passed(gap), 9);
}
