#pragma once

// Strings that sessions share: network instances, flow descriptions, CSIDs, names of nodes.

#include "dataplane/session/session_store_internal.h"

enum string_kind { STRING_NI = 1, STRING_SDF, STRING_CSID, STRING_NODE, STRING_KINDS };

// Sessions that name the string, for those kinds that are looked up by it.
#define MEMBERS_SHIFT 12
struct session_string {
	uint32_t refs, id;
	uint32_t value; // NODE: another string of the same node, nearer to the one that stands for
			// it SESSION_NONE: it stands for it. NI, CSID: 0 when its members are not
			// known
	uint32_t n_chunks;
	uint64_t **members; // bitmaps of 1 << MEMBERS_SHIFT sessions
	uint16_t length;
	uint8_t kind;
	uint8_t octets[];
};
struct session_strings {
	struct session_table table;
	struct session_index index;
	uint32_t of_kind[STRING_KINDS];
};

struct session_strings *strings_new(struct sessions *st);
void strings_free(struct sessions *st);

// strings: SESSION_NONE without memory. A new string has one reference, a known one gets one more.
uint32_t string_take(struct sessions *st, enum string_kind kind, const void *octets, size_t length);
uint32_t string_ni(struct sessions *st, const uint8_t *octets, size_t length); // by its name
uint32_t string_find(
	const struct sessions *st, enum string_kind kind, const void *octets, size_t length);
const struct session_string *string_get(const struct sessions *st, uint32_t id);
void string_reference(struct sessions *st, uint32_t id);
void string_drop(struct sessions *st, uint32_t id);
void string_member(struct sessions *st, uint32_t id, uint32_t session, bool is);
