#pragma once

// The table of members behind record.h: types as constants that lead to each other. Names and
// numbers are those of module TS33128Payloads, what is mandatory those of the tables of TS 33.128
// too. Where a type has a member that the product leaves out, there is no row (docs/records.md).

#include <stdint.h>

#include "shared/config.h"
#include "shared/record.h"

enum record_shape {
	SHAPE_SEQUENCE,
	SHAPE_CHOICE,
	SHAPE_SEQUENCE_OF,
	SHAPE_SET_OF,
	SHAPE_ENUMERATED,
	SHAPE_INTEGER,
	SHAPE_BOOLEAN,
	SHAPE_UTF8,
	SHAPE_DIGITS,
	SHAPE_OCTETS,
	SHAPE_BITS,
	SHAPE_IPV4,
	SHAPE_IPV6,
	SHAPE_TIME,
};

enum record_flag {
	BY_TABLE = 1,	// mandatory by the specification's table
	BY_MODULE = 2,	// mandatory by the module alone
	ONLY_R18 = 4,	// not in the module of release 19
	ONLY_R19 = 8,	// not in the module of release 18
	ONE_OF = 16,	// one of the members with this flag must be there
	WITH_SUPI = 32, // must be there where sUPI is
};

struct record_type;

struct record_member { // of a SEQUENCE or CHOICE
	const char *name;
	const struct record_type *type;
	uint8_t name_length;
	uint8_t number; // of its context tag
	uint8_t flags;	// enum record_flag
};

struct record_name { // of a value of an ENUMERATED
	const char *name;
	uint8_t name_length;
	uint8_t value;
	uint8_t flags; // enum record_flag
};

struct record_type {
	uint8_t shape;	   // enum record_shape
	uint8_t universal; // number of its own tag, where no context tag replaces it
	uint16_t count;	   // of members or names
	union {
		const struct record_member *members;
		const struct record_name *names;
		const struct record_type *item;
	};
	uint64_t low, high; // value; octets of UTF-8; digits; octets; bits; items
	const char *table;  // of the specification, that tells what is mandatory; or NULL
};

#define RECORD_COUNT(a) ((uint16_t)(sizeof(a) / sizeof((a)[0])))
#define RECORD_ITEMS 64 // of a list, at most

#define MEMBER(text, tag, of, bits)                                          \
	{                                                                    \
		.name = (text), .type = &(of), .name_length = sizeof(text) - 1, \
		.number = (tag), .flags = (bits)                             \
	}
#define NAME(text, v)                                                                      \
	{                                                                                  \
		.name = (text), .name_length = sizeof(text) - 1, .value = (v), .flags = 0 \
	}
#define NAME_R18(text, v)                                                                         \
	{                                                                                         \
		.name = (text), .name_length = sizeof(text) - 1, .value = (v), .flags = ONLY_R18 \
	}
#define NAME_R19(text, v)                                                                         \
	{                                                                                         \
		.name = (text), .name_length = sizeof(text) - 1, .value = (v), .flags = ONLY_R19 \
	}
#define SEQUENCE(rows, of_table)                                                     \
	{                                                                            \
		.shape = SHAPE_SEQUENCE, .universal = 16, .count = RECORD_COUNT(rows), \
		.members = (rows), .low = 0, .high = 0, .table = (of_table)          \
	}
#define CHOICE(rows)                                                               \
	{                                                                          \
		.shape = SHAPE_CHOICE, .universal = 0, .count = RECORD_COUNT(rows), \
		.members = (rows), .low = 0, .high = 0, .table = NULL              \
	}
#define ENUMERATED(rows)                                                                \
	{                                                                               \
		.shape = SHAPE_ENUMERATED, .universal = 10, .count = RECORD_COUNT(rows), \
		.names = (rows), .low = 0, .high = 0, .table = NULL                     \
	}
#define RECORD_OF(kind, number, of, from, to)                            \
	{                                                                \
		.shape = (kind), .universal = (number), .count = 0,      \
		.item = (of), .low = (from), .high = (to), .table = NULL \
	}
#define LIST_OF(of, from, to) RECORD_OF(SHAPE_SEQUENCE_OF, 16, &(of), from, to)
#define SET_OF(of, from, to) RECORD_OF(SHAPE_SET_OF, 17, &(of), from, to)
#define INTEGER(from, to) RECORD_OF(SHAPE_INTEGER, 2, NULL, from, to)
#define BOOLEAN RECORD_OF(SHAPE_BOOLEAN, 1, NULL, 0, 1)
#define UTF8(from, to) RECORD_OF(SHAPE_UTF8, 12, NULL, from, to)
#define DIGITS(from, to) RECORD_OF(SHAPE_DIGITS, 18, NULL, from, to)
#define OCTETS(from, to) RECORD_OF(SHAPE_OCTETS, 4, NULL, from, to)
#define BITS(from, to) RECORD_OF(SHAPE_BITS, 3, NULL, from, to)
#define IPV4 RECORD_OF(SHAPE_IPV4, 4, NULL, 4, 4)
#define IPV6 RECORD_OF(SHAPE_IPV6, 4, NULL, 16, 16)
#define TIME RECORD_OF(SHAPE_TIME, 24, NULL, 15, 25)

// The SEQUENCE of a kind of record, below RECORD_KINDS.
const struct record_type *record_type_of(unsigned kind);

// A simple value's contents in front of what `w` holds: everything but its tag and length. The
// node's kind fits the shape already. An enum record_reason; 0 where `w` has no room, too.
unsigned record_put_simple(struct ber_writer *w, const struct record_type *type,
	const struct record_node *node, enum config_xiri_release release);

extern const struct record_type type_bits_1;
extern const struct record_type type_bits_12;
extern const struct record_type type_bits_16;
extern const struct record_type type_bits_18;
extern const struct record_type type_bits_20;
extern const struct record_type type_bits_21;
extern const struct record_type type_bits_22_32;
extern const struct record_type type_bits_28;
extern const struct record_type type_bits_3;
extern const struct record_type type_bits_36;
extern const struct record_type type_boolean;
extern const struct record_type type_digits_14;
extern const struct record_type type_digits_16;
extern const struct record_type type_digits_1_15;
extern const struct record_type type_digits_2_3;
extern const struct record_type type_digits_3;
extern const struct record_type type_digits_6_15;
extern const struct record_type type_integer;
extern const struct record_type type_integer_0_100;
extern const struct record_type type_integer_0_1023;
extern const struct record_type type_integer_0_127;
extern const struct record_type type_integer_0_180;
extern const struct record_type type_integer_0_255;
extern const struct record_type type_integer_0_32767;
extern const struct record_type type_integer_0_327675;
extern const struct record_type type_integer_0_360;
extern const struct record_type type_integer_0_4294967295;
extern const struct record_type type_integer_0_63;
extern const struct record_type type_integer_0_65535;
extern const struct record_type type_integer_30000_115000;
extern const struct record_type type_ipv4;
extern const struct record_type type_ipv6;
extern const struct record_type type_octets;
extern const struct record_type type_octets_0_150;
extern const struct record_type type_octets_2;
extern const struct record_type type_octets_2_3;
extern const struct record_type type_octets_3;
extern const struct record_type type_octets_4;
extern const struct record_type type_octets_6;
extern const struct record_type type_octets_8;
extern const struct record_type type_time;
extern const struct record_type type_utf8;
extern const struct record_type type_utf8_11;
extern const struct record_type type_pdu_session_type;
extern const struct record_type type_plmnid;
extern const struct record_type type_w5_gban_line_type;
extern const struct record_type type_transport_protocol;
extern const struct record_type type_rat_type;
extern const struct record_type type_accuracy_fulfilment_indicator;
extern const struct record_type type_amf_event_type;
extern const struct record_type type_presence_state;
extern const struct record_type type_access_type;
extern const struct record_type type_rm_state;
extern const struct record_type type_cm_state;
extern const struct record_type type_ue_reachability;
extern const struct record_type type_location;
extern const struct record_type type_five_gsm_request_type;
extern const struct record_type type_handover_state;
extern const struct record_type type_any_ip_address;
extern const struct record_type type_any_next_layer_protocol;
extern const struct record_type type_f_dir;
extern const struct record_type type_flow_direction;
extern const struct record_type type_dnai_change_type;
extern const struct record_type type_smfpdu_session_establishment;
extern const struct record_type type_dn_protocol;
extern const struct record_type type_smfpdu_session_modification;
extern const struct record_type type_smfpdu_session_release;
extern const struct record_type type_smf_start_of_interception_with_established_pdu_session;
extern const struct record_type type_smf_failed_procedure_type;
extern const struct record_type type_initiator;
extern const struct record_type type_smf_unsuccessful_procedure;
