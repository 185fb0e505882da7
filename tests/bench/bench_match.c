// Measures matching on top of parsing, by the shape of the frames and the number of tasks.
//   bench_match [--quick] [--rounds N] [WAY]
// --quick: fewer runs. WAY, as "gtp4 100000" (parsing alone: 0): times nothing else, for a profiler
// or `valgrind --tool=callgrind --toggle-collect=lab_pass`, which counts 8,192 packets a pass, four
// passes a round.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/figures.h"
#include "tests/bench/match_lab.h"

#ifndef LOOPS
#define LOOPS "as built for one machine"
#define FIGURES "match"
#endif

static const uint32_t tasks[] = {0, 10, 1000, 100000};
#define TASKS (sizeof(tasks) / sizeof(*tasks))

static const struct {
	const char *name;
	enum lab_frames frames;
	bool tunnel;
} shapes[] = {{"plain4", LAB_UDP4, false}, {"plain6", LAB_UDP6, false}, {"gtp4", LAB_GTPU, true},
	{"gtp6", LAB_GTPU6, true}, {"gtp4-nodes", LAB_MANY_NODES, true}};
#define SHAPES (sizeof(shapes) / sizeof(*shapes))
enum { PLAIN4, PLAIN6, GTP4, GTP6 };

static struct lab_way ways[SHAPES * TASKS];
static size_t octets[TASKS];

static struct lab_way *way(unsigned shape, unsigned n)
{
	return &ways[shape * TASKS + n];
}

static void make_ways(const char *only)
{
	static char names[SHAPES * TASKS][32];

	for (unsigned n = 0; n < TASKS; n++) {
		const struct table *mixed = tasks[n] ? lab_table(tasks[n], &octets[n]) : NULL;
		const struct table *tunnels = tasks[n] ? lab_table_gtpu(tasks[n]) : NULL;
		for (unsigned i = 0; i < SHAPES; i++) {
			struct lab_way *w = way(i, n);
			snprintf(names[w - ways], sizeof(names[0]), "%s %u", shapes[i].name,
				tasks[n]);
			if (n == 0 &&
				(!only || !strncmp(only, shapes[i].name, strlen(shapes[i].name))) &&
				!(w->lab = lab_new(shapes[i].frames)))
				exit(1);
			*w = (struct lab_way){.name = names[w - ways],
				.lab = way(i, 0)->lab,
				.burst = tasks[n] ? lab_match : NULL,
				.arg = shapes[i].tunnel ? tunnels : mixed};
		}
	}
}

static void plot(void)
{
	struct figures *f = figures_open(FIGURES, "tasks", "TSC cycles a packet");

	for (unsigned i = 0; i < SHAPES; i++)
		for (unsigned n = 1; n < TASKS; n++) {
			const struct lab_way *parse = way(i, 0), *match = way(i, n);
			figures_point(f, shapes[i].name, "parsing and matching", tasks[n],
				match->low, match->median, match->high);
			figures_point(f, shapes[i].name, "parsing alone", tasks[n], parse->low,
				parse->median, parse->high);
		}
	figures_close(f);
}

static void compare(unsigned rounds)
{
	const unsigned all = TASKS - 1;

	printf("of the same round, median (p10 to p90), 100,000 tasks:\n");
	(void)lab_compare("parse of GTP-U with IPv4, of plain IPv4's", 2.5, way(GTP4, 0),
		way(PLAIN4, 0), NULL, rounds);
	(void)lab_compare("parse of GTP-U with IPv6, of plain IPv4's", 0, way(GTP6, 0),
		way(PLAIN4, 0), NULL, rounds);
	(void)lab_compare(
		"plain IPv4, of its parse", 1.6, way(PLAIN4, all), way(PLAIN4, 0), NULL, rounds);
	(void)lab_compare(
		"plain IPv6, of its parse", 0, way(PLAIN6, all), way(PLAIN6, 0), NULL, rounds);
	(void)lab_compare(
		"GTP-U with IPv4, of its parse", 1.3, way(GTP4, all), way(GTP4, 0), NULL, rounds);
	(void)lab_compare(
		"GTP-U with IPv6, of its parse", 1.3, way(GTP6, all), way(GTP6, 0), NULL, rounds);
	(void)lab_compare("GTP-U of 4,096 nodes, of its parse", 0, way(GTP6 + 1, all),
		way(GTP6 + 1, 0), NULL, rounds);
	(void)lab_compare(
		"plain IPv6, of plain IPv4", 1.3, way(PLAIN6, all), way(PLAIN4, all), NULL, rounds);
	(void)lab_compare("GTP-U with IPv6, of that with IPv4", 1.3, way(GTP6, all), way(GTP4, all),
		NULL, rounds);
}

// One frame in a hundred matches; and a million tasks.
static int some_match(unsigned rounds)
{
	size_t million;
	struct lab *none = lab_new(LAB_UDP4), *some = lab_new(LAB_UDP4_ONE_IN_100);
	struct lab_way more[] = {{.name = "none of 100,000 matches",
					 .lab = none,
					 .burst = lab_match,
					 .arg = way(PLAIN4, TASKS - 1)->arg},
		{.name = "1 in 100 matches",
			.lab = some,
			.burst = lab_match,
			.arg = way(PLAIN4, TASKS - 1)->arg},
		{.name = "none of 1,000,000 matches",
			.lab = none,
			.burst = lab_match,
			.arg = lab_table(1000000, &million)}};

	if (!none || !some)
		return 1;
	lab_time("64-octet frames", more, 3, rounds);
	printf("  1 in 100 matching, 100,000 tasks: %.2f of the rate without (parse and match)\n",
		more[0].low / more[1].low);
	printf("octets per task: %.0f (1,000), %.0f (100,000), %.0f (1,000,000)\n",
		(double)octets[2] / 1000, (double)octets[3] / 100000, (double)million / 1000000);
	bool missed = some->hits == 0 || none->hits != 0;
	lab_free(none);
	lab_free(some);
	return missed;
}

// Each packet is every task's.
static int many_tasks(void)
{
	struct lab *lab = lab_new(LAB_ONE_TUNNEL);
	struct lab_way many[] = {{.name = "parse alone", .lab = lab},
		{.name = "250 tasks", .lab = lab, .burst = lab_match, .arg = lab_table_bound(250)},
		{.name = "1,000 tasks",
			.lab = lab,
			.burst = lab_match,
			.arg = lab_table_bound(1000)},
		{.name = "4,000 tasks",
			.lab = lab,
			.burst = lab_match,
			.arg = lab_table_bound(4000)}};

	if (!lab)
		return 1;
	lab_time("tasks on one session, two bound rules each", many, 4, 3);
	printf("  a task of 4,000 costs %.2f of one of 250\n",
		many[3].low / 4000 / (many[1].low / 250));
	lab_free(lab);
	return 0;
}

static int time_one(const char *name, unsigned rounds)
{
	for (unsigned i = 0; i < SHAPES * TASKS; i++)
		if (!strcmp(ways[i].name, name)) {
			lab_time("one way", &ways[i], 1, rounds);
			return 0;
		}
	fprintf(stderr, "bench_match: no such way: %s\n", name);
	return 1;
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	unsigned rounds = 1000;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick"))
			rounds = 100;
		else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			rounds = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			only = argv[i];
	}
	if (rounds == 0)
		return 1;
	make_ways(only);
	if (only)
		return time_one(only, rounds);
	printf("%s; loops %s\n", lab_cpu(), LOOPS);
	lab_time("shape and tasks, nothing matches", ways, SHAPES * TASKS, rounds);
	for (unsigned i = 0; i < SHAPES; i++)
		if (way(i, 0)->lab->hits) {
			printf("%s: packets matched, which is not what this measures\n",
				shapes[i].name);
			return 1;
		}
	compare(rounds);
	plot();
	return some_match(rounds) || many_tasks();
}
