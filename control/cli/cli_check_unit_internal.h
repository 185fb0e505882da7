#pragma once

// Between cli_check_unit.c (files, systemctl), cli_check_unit_values.c (the words behind a key) and
// cli_check_unit_user.c (users and groups). No other file includes this.

#include "control/cli/cli_check_unit.h"

#define ALL_CAPABILITIES (~0ull)

// systemd's lists that allow or forbid: the first line decides which, an empty one begins anew.
enum check_filter { FILTER_NONE, FILTER_SET };

// As far as the unit was read.
struct reading {
	struct check_unit *unit;
	bool shown; // by systemctl show, where an empty list allows nothing
	char group[64], supplementary[512], policy[16];
	uint64_t bounding, ambient;
	enum check_filter families, calls;
};

// Takes one KEY=VALUE of the unit over into the reading.
void check_unit_assign(struct reading *r, const char *key, const char *value);
// Finds the user and groups below the root and records them in the unit.
void check_unit_identity(const struct check *c, struct reading *r);
