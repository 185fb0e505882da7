#include "dataplane/capture/ipid.h"

#include <criterion/criterion.h>

static char out[40];
static const struct ipid_parts one = {.point = "poi-1", .worker = 3, .incarnation = 0xabc};
static const struct ipid_parts two = {
	.point = "poi-1", .worker = 3, .several_workers = true, .incarnation = 0xabc};

Test(ipid, fills_the_format)
{
	cr_assert_eq(ipid_make(out, sizeof(out), "{point}.{worker}.{incarnation}", &two), 0);
	cr_expect_str_eq(out, "poi-1.3.0000000000000abc");
	cr_assert_eq(ipid_make(out, sizeof(out), "fixed", &one), 0);
	cr_expect_str_eq(out, "fixed");
}

Test(ipid, several_workers_always_differ)
{
	cr_assert_eq(ipid_make(out, sizeof(out), "{point}", &two), 0);
	cr_expect_str_eq(out, "poi-1.3");
	cr_assert_eq(ipid_make(out, sizeof(out), "{point}", &one), 0);
	cr_expect_str_eq(out, "poi-1");
}

Test(ipid, who_is_no_worker_has_a_name)
{
	const struct ipid_parts p = {
		.point = "poi-1", .writer = "a", .several_workers = true, .incarnation = 0xabc};

	cr_assert_eq(ipid_make(out, sizeof(out), "{point}.{worker}.{incarnation}", &p), 0);
	cr_expect_str_eq(out, "poi-1.a.0000000000000abc");
	cr_assert_eq(ipid_make(out, sizeof(out), "{point}", &p), 0);
	cr_expect_str_eq(out, "poi-1.a");
}

Test(ipid, refuses_other_words_and_long_texts)
{
	cr_expect_eq(ipid_make(out, sizeof(out), "{pint}", &one), POI_ERR_INVALID);
	cr_expect_eq(ipid_make(out, sizeof(out), "a{worker", &one), POI_ERR_INVALID);
	cr_expect_eq(ipid_make(out, 5, "{point}", &one), POI_ERR_TOO_LARGE);
	cr_expect_eq(ipid_make(out, 6, "{point}", &one), 0);
	cr_expect_eq(ipid_make(out, 6, "{point}x", &one), POI_ERR_TOO_LARGE);
	cr_expect_eq(ipid_make(out, 6, "{point}", &two), POI_ERR_TOO_LARGE);
}
