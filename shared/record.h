#pragma once

// Records of network functions, xIRI of an SMF, an AMF and an SMSF (TS 33.128 clauses 6.2.2.2,
// 6.2.3.2 and 6.2.5.3), as BER of module TS33128Payloads: payload format 2 of X2 PDUs. A record is
// encoded from what the function said and from nothing else: one walker follows one static table
// of members, checks each value and writes it. What is missing or wrong is refused by name;
// nothing is filled in. Pure functions, no allocation, no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/ber.h"
#include "shared/config.h"
#include "shared/error.h"

// A record's names and numbers are those of its type: "SMFPDUSessionEstablishment".
enum record_kind {
	RECORD_SMF_ESTABLISHMENT,
	RECORD_SMF_MODIFICATION,
	RECORD_SMF_RELEASE,
	RECORD_SMF_START,
	RECORD_SMF_UNSUCCESSFUL,
	RECORD_SMF_MA_ESTABLISHMENT,
	RECORD_SMF_MA_MODIFICATION,
	RECORD_SMF_MA_RELEASE,
	RECORD_SMF_MA_START,
	RECORD_SMF_MA_UNSUCCESSFUL,
	RECORD_SMF_PDU_TO_MA,
	RECORD_AMF_REGISTRATION,
	RECORD_AMF_DEREGISTRATION,
	RECORD_AMF_LOCATION_UPDATE,
	RECORD_AMF_START,
	RECORD_AMF_UNSUCCESSFUL,
	RECORD_AMF_ASSOCIATION,
	RECORD_AMF_POSITIONING,
	RECORD_AMF_HANDOVER_COMMAND,
	RECORD_AMF_HANDOVER_REQUEST,
	RECORD_AMF_CONFIGURATION_UPDATE,
	RECORD_SMS_MESSAGE,
	RECORD_SMS_REPORT,
	RECORD_KINDS,
};

#define RECORD_DEPTH 16	  // members within members, the record itself included
#define RECORD_MEMBERS 40 // of one value, at most

// The tree of values, as one array in the order in which JSON text has them: a value's children
// follow it, each with its own children, and `covers` leads from a value to what stands behind it.
// The first node is the record (an object without a name). A SEQUENCE is an object with a child a
// member, in any order; a CHOICE an object with one child; SEQUENCE OF and SET OF are lists, their
// order kept.
enum record_node_kind {
	NODE_TEXT,    // text and length: all that is neither of the others, see below
	NODE_NUMBER,  // number: an INTEGER, never negative
	NODE_BOOLEAN, // number, 0 or 1
	NODE_OBJECT,
	NODE_LIST, // its children have no names
};

// A text is an ENUMERATED by its name ("threeGPPAccess"); UTF-8; digits; an OCTET STRING as pairs
// of hex digits ("0a1b2c"); a BIT STRING as hex digits of its octets, first bit first, the unused
// bits of the last one 0 and their number taken from the type's size or, where that may vary,
// named by "/bits" at the end ("12ab80/22"); an address as people write it ("192.0.2.1",
// "2001:db8::1"); a time in UTC with 0 to 9 digits of a fraction ("2026-03-01T09:30:00.25Z").
struct record_node {
	const char *name; // of the member, without a terminator; NULL with length 0 for none
	const char *text; // not terminated
	uint64_t number;
	uint32_t length;      // octets of `text`
	uint32_t covers;      // nodes of this value: 1 and those of its children
	uint16_t name_length; // octets of `name`
	uint8_t kind;	      // enum record_node_kind
};

enum record_reason {
	RECORD_GOOD = 0,
	RECORD_MISSING,	     // mandatory by the specification's table or by the module
	RECORD_MISSING_WITH, // mandatory beside another that is there, or one of several must be
			     // there
	RECORD_UNKNOWN, // no such member, alternative or name of a value, or one that is left out
	RECORD_RELEASE, // not in the module of this release
	RECORD_TWICE,
	RECORD_KIND,   // a text where a number belongs, and the like
	RECORD_BOUNDS, // out of the type's bounds: a number, octets, bits or items; or not well
		       // formed
	RECORD_CHOICE, // none or several alternatives
	RECORD_BESIDE, // excluded by another member that is there
	RECORD_TREE,   // `covers` leads out of the array, or too deep
	RECORD_ROOM,   // the room of the writer is too small
};

// Names a member without any value. Names known to the table live as long as the program; that of
// an unknown member, at the end of the path, is the caller's own (path[0] of the node).
struct record_fault {
	uint8_t reason; // enum record_reason
	uint8_t depth;	// entries of `path`
	uint16_t unknown_length;
	const char *unknown; // reason UNKNOWN or TWICE: the node's name, in the caller's memory; or
			     // NULL
	const char *table;   // "6.2.3-1": where the specification demands the member; NULL: the
			     // module alone
	const char *path[RECORD_DEPTH]; // innermost first; the last is the record
};

// Return the name of a kind's type, and the number of the record by such a name, or -1.
const char *record_name(unsigned kind);
int record_find(const char *name, size_t length);
const char *record_reason_text(unsigned reason);
// True if records of this kind have a member of that name in this release.
bool record_has_member(
	unsigned kind, const char *name, size_t length, enum config_xiri_release release);

// Encodes a whole XIRIPayload in front of what `w` holds. `nodes` holds `count`; nothing is kept
// of it. 0; POI_ERR_INVALID with `fault` filled and `w` unusable; POI_ERR_TOO_LARGE when the room
// is too small (reason ROOM).
[[nodiscard]] int record_encode(struct ber_writer *w, unsigned kind,
	enum config_xiri_release release, const struct record_node *nodes, size_t count,
	struct record_fault *fault);

// An encoded record without some of its members.
struct record_short {
	uint64_t members; // by their order in the record, from bit 0
	uint32_t length;  // octets of its XIRIPayload
};

// Leaves members out of a record as record_encode wrote it until it has at most `limit` octets: the
// last of those without which record_encode would write it, one after the other. 0, with all
// members where it fits as it is; POI_ERR_TOO_LARGE when it cannot get that short; POI_ERR_INVALID
// for what is no record of this kind.
[[nodiscard]] int record_shorten(unsigned kind, const uint8_t *octets, uint32_t length,
	uint32_t limit, struct record_short *out);
// Writes what stays of that record, s->length octets.
void record_short_write(
	const uint8_t *octets, uint32_t length, const struct record_short *s, uint8_t *out);

// One line for people and for the function that sent the record: "SMFPDUSessionEstablishment.
// gTPTunnelInfo: missing (table 6.2.3-1)". Octets of an unknown name that are not letters or digits
// are shown as '?', and at most 40 of them. Returns as snprintf does.
int record_fault_text(const struct record_fault *fault, char *out, size_t capacity);
