#include "shared/now.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(now, units_agree)
{
	uint64_t ns = now_monotonic_ns(), us = now_monotonic_us(), ms = now_monotonic_ms(),
		 s = now_monotonic_s(), end = now_monotonic_ns();

	cr_assert(ns / 1000 <= us && us <= end / 1000);
	cr_assert(ns / 1000000 <= ms && ms <= end / 1000000);
	cr_assert(ns / 1000000000 <= s && s <= end / 1000000000);
}

Test(now, the_coarse_clock_is_the_same_one)
{
	uint64_t coarse = now_coarse_ms(), exact = now_monotonic_ms();

	cr_assert_leq(coarse, exact);
	cr_assert_leq(exact - coarse, 1000);
}

Test(now, wall_time_is_the_systems)
{
	time_t before = time(NULL);
	uint64_t s = now_wall_s(), ns = now_wall_ns();

	cr_assert_leq((uint64_t)llabs((int64_t)s - (int64_t)before), 2);
	cr_assert_leq(ns / 1000000000 - s, 2);
}

Test(now, a_thread_uses_no_more_than_the_time_that_passes)
{
	uint64_t wall = now_monotonic_ns(), cpu = now_thread_ns();

	for (volatile int i = 0; i < 1000000; i++)
		;
	cpu = now_thread_ns() - cpu;
	wall = now_monotonic_ns() - wall;
	cr_assert_gt(cpu, 0);
	cr_assert_leq(cpu, wall + 1000000);
}

Test(now, a_moment_ahead_is_normalised)
{
	uint64_t before = now_monotonic_ns();
	struct timespec at = now_monotonic_after(1999999999);
	uint64_t ns = (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;

	cr_assert(at.tv_nsec >= 0 && at.tv_nsec < 1000000000);
	cr_assert(ns >= before + 1999999999 && ns <= now_monotonic_ns() + 1999999999);
}
