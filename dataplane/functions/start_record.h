#pragma once

// Records of a start of interception, made from what the records of a session or registration
// showed (TS 33.128 tables 6.2.2-4, 6.2.3-4 and 6.2.3-5E). Pure functions; nothing is filled in
// that no record had, but the time of the beginning.

#include "dataplane/functions/record_tree.h"
#include "shared/config.h"

#define KEPT_NODES_MAX 4096u // of what is kept of one session

// Merges the members that a start of interception needs of `record`, of `kind`: of one that begins
// a session all of it (`kept` NULL); else `kept` with the members of the record in the place of its
// own. Writes a record's nodes that point to the texts of both; returns their number, 0 when they
// are too many.
struct kept_source {
	unsigned kind;
	enum config_xiri_release release;
	const struct record_node *record, *kept;
};
uint32_t kept_merge(const struct kept_source *from, struct record_node *out, uint32_t most);

// The record of a start: kind and nodes. `since_ns`: when it began, 0 for not known.
#define START_TIME_MAX 40
struct start_record {
	unsigned kind;
	uint32_t n;
	char time[START_TIME_MAX]; // that the nodes point to
};
// `registration`: of an AMF. n is 0 when the nodes are too many.
void start_record_make(struct start_record *out, const struct record_node *kept, bool registration,
	uint64_t since_ns, enum config_xiri_release release, struct record_node *nodes,
	uint32_t most);
