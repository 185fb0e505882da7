#pragma once

// Reads one line of a network function: an event, the edge of a snapshot, or the function's name.
// docs/events.md has the form. Values reach no text.

#include <stdbool.h>

#include "shared/nf_event.h"

enum line_kind { LINE_WRONG, LINE_EVENT, LINE_SNAPSHOT_BEGIN, LINE_SNAPSHOT_END, LINE_FUNCTION };

#define LINE_NODES_MAX (NF_NODES_MAX + 32) // the members beside the record's
#define LINE_ID_MAX (UINT64_C(1) << 53)

struct line {
	enum line_kind kind;
	bool has_id;
	uint64_t id;
	const char *why;       // LINE_WRONG: static text for the function
	uint8_t reason;	       // LINE_WRONG: enum nf_reason
	struct nf_event event; // LINE_EVENT, but for number and function; its texts are the line's
	const char *name;      // LINE_FUNCTION
	uint32_t name_length;
};

// `text` is changed; `nodes` has LINE_NODES_MAX.
void event_read(char *text, size_t length, struct record_node *nodes, struct line *out);

// Nanoseconds since the epoch of "2026-03-01T09:30:00.25Z" (UTC, 0 to 9 digits of a fraction).
// INVALID for anything else, and for a time before 1970 or behind 2262.
[[nodiscard]] int event_time(const char *text, size_t length, uint64_t *ns);
