// The kernel's state of its clock, in its two units, and a kernel that may not be asked.

#include <criterion/criterion.h>
#include <sys/timex.h>

#include "dataplane/builder/clock_sync.h"

static struct timex said;
static int state;

int adjtimex(struct timex *t)
{
	cr_assert_eq(t->modes, 0, "it asks, and sets nothing");
	*t = said;
	return state;
}

static struct clock_sync look(void)
{
	struct clock_sync c = {.known = true, .synchronised = true, .offset_ns = 1, .error_ns = 1};

	clock_sync_read(&c);
	return c;
}

Test(clock_sync, synchronised_in_either_unit)
{
	said = (struct timex){.offset = -250, .maxerror = 1500, .status = STA_NANO | STA_PLL};
	state = TIME_OK;
	struct clock_sync c = look();
	cr_assert(c.known && c.synchronised);
	cr_assert_eq(c.offset_ns, -250);
	cr_assert_eq(c.error_ns, 1500000);
	said.status = STA_PLL;
	cr_assert_eq(look().offset_ns, -250000);
	state = TIME_INS; // a leap second is announced
	cr_assert(look().synchronised);
}

Test(clock_sync, not_synchronised)
{
	said = (struct timex){.status = STA_UNSYNC};
	state = TIME_OK;
	cr_assert(look().known && !look().synchronised);
	said.status = 0;
	state = TIME_ERROR;
	cr_assert(look().known && !look().synchronised);
}

Test(clock_sync, may_not_be_asked)
{
	state = -1;
	struct clock_sync c = look();
	cr_assert(!c.known && !c.synchronised && !c.offset_ns && !c.error_ns);
}
