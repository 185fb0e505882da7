// What matching costs on top of parsing. --quick: fewer runs.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/match_lab.h"

// Each packet is every task's.
static int many_tasks(void)
{
	struct lab_way ways[] = {{.name = "parse alone"},
		{.name = "250 tasks", .burst = lab_match, .arg = lab_table_bound(250)},
		{.name = "1,000 tasks", .burst = lab_match, .arg = lab_table_bound(1000)},
		{.name = "4,000 tasks", .burst = lab_match, .arg = lab_table_bound(4000)}};
	struct lab *lab = lab_new(LAB_ONE_TUNNEL);

	if (!lab)
		return 1;
	lab_time(lab, "tasks on one session, two bound rules each", ways, 4, 3);
	printf("  a task of 4,000 costs %.2f of one of 250\n",
		ways[3].low / 4000 / (ways[1].low / 250));
	lab_free(lab);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 && !strcmp(argv[1], "--quick") ? 100 : 1000;
	size_t octets[4];
	struct lab_way ways[] = {{.name = "parse alone"},
		{.name = "10 tasks", .burst = lab_match, .arg = lab_table(10, &octets[0])},
		{.name = "1,000 tasks", .burst = lab_match, .arg = lab_table(1000, &octets[1])},
		{.name = "100,000 tasks", .burst = lab_match, .arg = lab_table(100000, &octets[2])},
		{.name = "1,000,000 tasks",
			.burst = lab_match,
			.arg = lab_table(1000000, &octets[3])}};
	struct lab_way gtpu[] = {{.name = "parse alone"},
		{.name = "1,000 TEIDs and addresses",
			.burst = lab_match,
			.arg = lab_table_gtpu(1000)},
		{.name = "100,000", .burst = lab_match, .arg = lab_table_gtpu(100000)}};
	struct lab *none = lab_new(LAB_UDP4), *some = lab_new(LAB_UDP4_ONE_IN_100);
	struct lab *tunnel = lab_new(LAB_GTPU);

	if (!none || !some || !tunnel)
		return 1;
	lab_time(none, "64-octet frames, nothing matches", ways, 5, rounds);
	lab_time(tunnel, "GTP-U uplink, 166 octets, nothing matches", gtpu, 3, rounds);
	if (none->hits || tunnel->hits) {
		printf("%lu packets matched: not what this measures\n",
			(unsigned long)(none->hits + tunnel->hits));
		return 1;
	}
	double before = ways[3].low;
	lab_time(some, "64-octet frames, 1 in 100 matches", ways, 4, rounds);
	printf("  1 in 100 matching, 100,000 tasks: %.2f of the rate without (matching alone)\n",
		before / ways[3].low);
	printf("octets per task: %.0f (1,000), %.0f (100,000), %.0f (1,000,000)\n",
		(double)octets[1] / 1000, (double)octets[2] / 100000, (double)octets[3] / 1000000);
	bool missed = some->hits == 0 || many_tasks() != 0;
	lab_free(none);
	lab_free(some);
	lab_free(tunnel);
	return missed;
}
