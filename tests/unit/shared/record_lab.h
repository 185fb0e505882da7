#pragma once

// JSON text to the tree of values that record.h takes, and trees out of the table itself. For
// tests: it trusts its input.

#include "shared/record.h"

#define LAB_NODES 20000

struct record_lab {
	struct record_node nodes[LAB_NODES];
	size_t count;
	char texts[LAB_NODES * 8]; // of generated values
	size_t used;
	uint32_t random;
};

// Objects, lists, strings without escapes, numbers, true and false. `text` must outlive the tree.
void record_lab_read(struct record_lab *lab, const char *text);
// A record of `kind` out of the table: with every member of the release when `every`, else with
// the mandatory ones and some others, by `seed`; so are alternatives, names, lengths and numbers.
void record_lab_make(struct record_lab *lab, unsigned kind, enum config_xiri_release release,
	bool every, uint32_t seed);
// Prints every ENUMERATED of the table, a line each: NAME=NUMBER ...
void record_lab_print_names(void);
// Adds "RELEASE NAME HEX" as a line to the file that the environment's POI_RECORDS names, for a
// decoder of another hand; nothing without that.
void record_lab_keep(enum config_xiri_release release, unsigned kind, const struct ber_writer *w);
