#pragma once

// What the benchmarks of matching share: frames as a NIC leaves them, tables of mixed tasks, and
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

enum lab_frames { LAB_UDP4, LAB_UDP4_ONE_IN_100, LAB_GTPU, LAB_ONE_TUNNEL }; // 60 octets, 60, 166, 166

// NULL: out of memory. lab_free(NULL) is legal.
struct lab *lab_new(enum lab_frames kind);
void lab_free(struct lab *lab);

// A table of mixed tasks (half exact IPv4; eight lengths of IPv4 prefix, IPv6, /64s, F-TEIDs,
// ports, address with port) none of which the frames carry, and one on 47.255.255.1, which one
// frame in a hundred of LAB_UDP4_ONE_IN_100 carries. Kept until the process ends; exits on failure.
const struct table *lab_table(uint32_t tasks, size_t *octets);
// TEIDs and inner addresses alone, evenly; none of them carried.
const struct table *lab_table_gtpu(uint32_t tasks);
// Tasks with two bound rules each that hold on every frame of LAB_ONE_TUNNEL.
const struct table *lab_table_bound(uint32_t tasks);
void lab_rule(struct rule *rule, uint64_t *random, uint32_t slot); // of lab_table

struct lab_way {
	const char *name;
	// Handles one parsed burst; NULL: parsing alone.
	void (*burst)(struct lab *lab, const void *arg, const struct packet_view *views);
	const void *arg;
	double median, low; // TSC cycles per packet
};

void lab_match(struct lab *lab, const void *table, const struct packet_view *views);
// Runs all ways in turn, `rounds` times, and prints them beside way 0, which is parsing alone.
void lab_time(
	struct lab *lab, const char *title, struct lab_way *ways, unsigned n, unsigned rounds);
