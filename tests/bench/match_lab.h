#pragma once

// Shared by the benchmarks of matching: frames as a NIC leaves them, tables of mixed tasks, and
// ways of handling a burst that are timed in turn. Each way runs many short times (a pass over all
// frames, some 200 us), so that what else runs on the machine falls on few of them: the median and
// the tenth percentile are told, ratios are of the latter.

#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"

#define LAB_FRAMES 8192u // touched in L2 and L3 as behind a NIC

struct lab {
	uint8_t *octets;
	uint32_t length; // of each frame
	struct port_traits port;
	uint64_t hits; // found since it was last set to 0
};

// Octets: 60 and 62 plain, 166 and 186 in a tunnel whose ends are IPv4; LAB_MANY_NODES: those ends change from
// frame to frame.
enum lab_frames {
	LAB_UDP4,
	LAB_UDP6,
	LAB_GTPU,
	LAB_GTPU6,
	LAB_MANY_NODES,
	LAB_UDP4_ONE_IN_100,
	LAB_ONE_TUNNEL
};

// NULL: out of memory. lab_free(NULL) is legal.
struct lab *lab_new(enum lab_frames kind);
void lab_free(struct lab *lab);

// A table of mixed tasks (half exact IPv4; eight lengths of IPv4 prefix, IPv6, /64s, F-TEIDs,
// ports, address with port) none of which the frames carry, and one on 47.255.255.1, which one
// frame in a hundred of LAB_UDP4_ONE_IN_100 carries. Kept until the process ends; exits on failure.
const struct table *lab_table(uint32_t tasks, size_t *octets);
// TEIDs and inner addresses alone, evenly; of those every other one is IPv6, half /64s. None of them carried.
const struct table *lab_table_gtpu(uint32_t tasks);
// Tasks with two bound rules each that hold on every frame of LAB_ONE_TUNNEL.
const struct table *lab_table_bound(uint32_t tasks);
void lab_rule(struct rule *rule, uint64_t *random, uint32_t slot); // of lab_table

struct lab_way {
	const char *name;
	struct lab *lab;
	// Handles one parsed burst; NULL: parsing alone.
	void (*burst)(struct lab *lab, const void *arg, const struct packet_view *views);
	const void *arg;
	double *cycles; // TSC cycles per packet of each run, by lab_time; never freed
	double lowest, low, median, high; // low and high: tenth and ninetieth percentile
};

void lab_match(struct lab *lab, const void *table, const struct packet_view *views);
// Runs all ways in turn, `rounds` times, and prints them.
void lab_time(const char *title, struct lab_way *ways, unsigned n, unsigned rounds);

// Costs of the ways of one round beside each other.
struct lab_ratio {
	const char *name;
	double goal; // 0: none
	bool at_least; // else at most
	double low, median, high;
};
// (over - parse) / (under - parse); parse NULL: over / under. Prints it.
struct lab_ratio lab_compare(const char *name, double goal, const struct lab_way *over,
	const struct lab_way *under, const struct lab_way *parse, unsigned rounds);
const char *lab_cpu(void);
