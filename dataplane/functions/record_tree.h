#pragma once

// Reads and rebuilds trees of records (shared/record.h). Pure functions.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/record.h"

bool node_named(const struct record_node *node, const char *name);
// Returns the child of that name of an object, or NULL. `object` may be NULL.
const struct record_node *node_child(const struct record_node *object, const char *name);
// Visits the children of an object or list: start with NULL, ends with NULL.
const struct record_node *node_next_child(
	const struct record_node *parent, const struct record_node *before);

// A tree under construction: one record, whose members are copied into it. `full` sticks.
struct tree_writer {
	struct record_node *nodes; // the caller's
	uint32_t count, most;
	bool full;
};

void tree_begin(struct tree_writer *w, struct record_node *nodes, uint32_t most);
// Copies a member with all below it under this name of static storage; NULL keeps its own.
void tree_copy(struct tree_writer *w, const struct record_node *member, const char *name);
// Copies the alternative of a CHOICE as an item of a list, behind those items of `list` (NULL:
// none) that are of other alternatives.
void tree_copy_as_item(struct tree_writer *w, const struct record_node *list,
	const struct record_node *value, const char *name);
// Copies an object without one of its members; nothing when no other is left.
void tree_copy_without(struct tree_writer *w, const struct record_node *object, const char *member);
void tree_text(struct tree_writer *w, const char *name, const char *text, size_t length);
void tree_empty_list(struct tree_writer *w, const char *name);
// Closes the record; returns its number of nodes, 0 when it was too large.
uint32_t tree_end(struct tree_writer *w);
