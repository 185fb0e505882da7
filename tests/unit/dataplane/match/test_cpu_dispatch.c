#include <criterion/criterion.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/match/cpu_dispatch.h"

// The kernel's own list of what the CPU has.
static bool cpu_has(const char *feature)
{
	static char line[16384];
	char wanted[64];
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool found = false;

	snprintf(wanted, sizeof(wanted), " %s ", feature);
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *end = strchr(line, '\n');
		if (end)
			*end = ' ';
		found = !strncmp(line, "flags", 5) && strstr(line, wanted);
	}
	if (f)
		fclose(f);
	return found;
}

Test(cpu_dispatch, the_best_that_the_cpu_has)
{
	bool v3 = cpu_has("avx2") && cpu_has("bmi1") && cpu_has("bmi2") && cpu_has("fma");
	bool v4 = v3 && cpu_has("avx512f") && cpu_has("avx512bw") && cpu_has("avx512cd") &&
		  cpu_has("avx512dq") && cpu_has("avx512vl");

	cr_assert_eq(cpu_dispatch_best(), v4   ? CPU_DISPATCH_V4
					  : v3 ? CPU_DISPATCH_V3
					       : CPU_DISPATCH_V2);
}
