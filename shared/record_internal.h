#pragma once

// The table of members behind record.h: types as constants that lead to each other. Names and
// numbers are those of module TS33128Payloads, what is mandatory those of the tables of TS 33.128
// too. Where a type has a member that the product leaves out, there is no row (docs/records.md).

#include <stdint.h>
#include <string.h>

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
	BY_TABLE = 1,  // mandatory by the specification's table
	BY_MODULE = 2, // mandatory by the module alone
	ONLY_R18 = 4,  // not in the module of release 19
	ONLY_R19 = 8,  // not in the module of release 18
	ONE_OF = 16,   // one of the members with this flag must be there
	ASKED = 32,    // must be there where a member with ASKS is
	ASKS = 64,
	ONLY_ONE = 128, // at most one of the members with this flag may be there
	APART = 256,	// must not be there where a member with APART_LIST has items
	APART_LIST = 512,
};

enum record_rule { // what flags cannot express
	RULE_NONE = 0,
	RULE_TRUNCATION, // a truncated TPDU is one of SMS-SUBMIT or SMS-DELIVER (table 6.2.5-7)
};

struct record_member { // of a SEQUENCE or CHOICE
	const char *name;
	uint16_t type; // enum record_type_id
	uint8_t name_length;
	uint8_t number; // of its context tag
	uint16_t flags; // enum record_flag
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
	uint16_t item;	   // enum record_type_id, of a list
	uint8_t rule;	   // enum record_rule, of a SEQUENCE
	union {
		const struct record_member *members;
		const struct record_name *names;
	};
	uint64_t low, high; // value; octets of UTF-8; digits; octets; bits; items
	const char *table;  // of the specification, that tells what is mandatory; or NULL
};

#define RECORD_COUNT(a) ((uint16_t)(sizeof(a) / sizeof((a)[0])))
#define RECORD_ITEMS 64 // of a list, at most

#define MEMBER(text, tag, of, bits)                                                             \
	{                                                                                       \
		.name = (text), .type = (of), .name_length = sizeof(text) - 1, .number = (tag), \
		.flags = (bits)                                                                 \
	}
#define NAME(text, v)                                                                     \
	{                                                                                 \
		.name = (text), .name_length = sizeof(text) - 1, .value = (v), .flags = 0 \
	}
#define NAME_R18(text, v)                                                                        \
	{                                                                                        \
		.name = (text), .name_length = sizeof(text) - 1, .value = (v), .flags = ONLY_R18 \
	}
#define NAME_R19(text, v)                                                                        \
	{                                                                                        \
		.name = (text), .name_length = sizeof(text) - 1, .value = (v), .flags = ONLY_R19 \
	}
#define SEQUENCE(rows, of_table) SEQUENCE_WITH(rows, of_table, RULE_NONE)
#define SEQUENCE_WITH(rows, of_table, of_rule)                                                    \
	{                                                                                         \
		.shape = SHAPE_SEQUENCE, .universal = 16, .count = RECORD_COUNT(rows), .item = 0, \
		.rule = (of_rule), .members = (rows), .low = 0, .high = 0, .table = (of_table)    \
	}
#define CHOICE(rows)                                                                           \
	{                                                                                      \
		.shape = SHAPE_CHOICE, .universal = 0, .count = RECORD_COUNT(rows), .item = 0, \
		.rule = RULE_NONE, .members = (rows), .low = 0, .high = 0, .table = NULL       \
	}
#define ENUMERATED(rows)                                                                          \
	{                                                                                         \
		.shape = SHAPE_ENUMERATED, .universal = 10, .count = RECORD_COUNT(rows),          \
		.item = 0, .rule = RULE_NONE, .names = (rows), .low = 0, .high = 0, .table = NULL \
	}
#define RECORD_OF(kind, number, of, from, to)                                                    \
	{                                                                                        \
		.shape = (kind), .universal = (number), .count = 0, .names = NULL, .item = (of), \
		.rule = RULE_NONE, .low = (from), .high = (to), .table = NULL                    \
	}
#define LIST_OF(of, from, to) RECORD_OF(SHAPE_SEQUENCE_OF, 16, of, from, to)
#define SET_OF(of, from, to) RECORD_OF(SHAPE_SET_OF, 17, of, from, to)
#define INTEGER(from, to) RECORD_OF(SHAPE_INTEGER, 2, 0, from, to)
#define BOOLEAN RECORD_OF(SHAPE_BOOLEAN, 1, 0, 0, 1)
#define UTF8(from, to) RECORD_OF(SHAPE_UTF8, 12, 0, from, to)
#define DIGITS(from, to) RECORD_OF(SHAPE_DIGITS, 18, 0, from, to)
#define OCTETS(from, to) RECORD_OF(SHAPE_OCTETS, 4, 0, from, to)
#define BITS(from, to) RECORD_OF(SHAPE_BITS, 3, 0, from, to)
#define IPV4 RECORD_OF(SHAPE_IPV4, 4, 0, 4, 4)
#define IPV6 RECORD_OF(SHAPE_IPV6, 4, 0, 16, 16)
#define TIME RECORD_OF(SHAPE_TIME, 24, 0, 15, 25)

// Compares the octets of a `type` at the start and at the end of two texts of `length`, which may
// overlap.
#define RECORD_ENDS_SAME(type, a, b, length)                                  \
	({                                                                    \
		type head_a, head_b, tail_a, tail_b;                          \
		memcpy(&head_a, (a), sizeof(type));                           \
		memcpy(&head_b, (b), sizeof(type));                           \
		memcpy(&tail_a, (a) + (length) - sizeof(type), sizeof(type)); \
		memcpy(&tail_b, (b) + (length) - sizeof(type), sizeof(type)); \
		((head_a ^ head_b) | (tail_a ^ tail_b)) == 0;                 \
	})

// Compares two texts of `length` octets, inline: names are short.
static inline bool record_same(const char *a, const char *b, size_t length)
{
	if (length > 16)
		return RECORD_ENDS_SAME(uint64_t, a, b, length) &&
		       memcmp(a + 8, b + 8, length - 16) == 0;
	if (length >= 8)
		return RECORD_ENDS_SAME(uint64_t, a, b, length);
	if (length >= 4)
		return RECORD_ENDS_SAME(uint32_t, a, b, length);
	if (length >= 2)
		return RECORD_ENDS_SAME(uint16_t, a, b, length);
	return length == 0 || a[0] == b[0];
}

// The SEQUENCE of a kind of record, below RECORD_KINDS.
const struct record_type *record_type_of(unsigned kind);

// A simple value's contents in front of what `w` holds: everything but its tag and length. The
// node's kind fits the shape already. An enum record_reason; 0 where `w` has no room, too.
unsigned record_put_simple(struct ber_writer *w, const struct record_type *type,
	const struct record_node *node, enum config_xiri_release release);

#define RECORD_FILES 7u
#define RECORD_OF_FILE 64u // numbers of a file's types, used or not

enum record_type_id {
	// record_names.c
	RECORD_NAMES_FIRST,
	TYPE_PDU_SESSION_TYPE = RECORD_NAMES_FIRST,
	TYPE_W5_GBAN_LINE_TYPE,
	TYPE_TRANSPORT_PROTOCOL,
	TYPE_RAT_TYPE,
	TYPE_ACCURACY_FULFILMENT_INDICATOR,
	TYPE_AMF_EVENT_TYPE,
	TYPE_PRESENCE_STATE,
	TYPE_ACCESS_TYPE,
	TYPE_RM_STATE,
	TYPE_CM_STATE,
	TYPE_UE_REACHABILITY,
	TYPE_FIVE_GSM_REQUEST_TYPE,
	TYPE_HANDOVER_STATE,
	TYPE_ANY_IP_ADDRESS,
	TYPE_ANY_NEXT_LAYER_PROTOCOL,
	TYPE_F_DIR,
	TYPE_FLOW_DIRECTION,
	TYPE_DNAI_CHANGE_TYPE,
	TYPE_DN_PROTOCOL,
	TYPE_SMF_FAILED_PROCEDURE_TYPE,
	TYPE_INITIATOR,
	TYPE_ESTABLISHMENT_STATUS,
	TYPE_REQUEST_INDICATION,
	TYPE_AMF_REGISTRATION_TYPE,
	TYPE_AMF_REGISTRATION_RESULT,
	TYPE_SMS_OVER_NAS_INDICATOR,
	TYPE_EMM_REG_STATUS,
	TYPE_FIVE_GMM_STATUS,
	TYPE_MAC_RESTRICTION_INDICATOR,
	TYPE_ESTABLISHMENT_CAUSE,
	TYPE_REDCAP_INDICATION,
	TYPE_AMF_DIRECTION,
	TYPE_SWITCH_OFF_INDICATOR,
	TYPE_RE_REG_REQUIRED_INDICATOR,
	TYPE_AMF_FAILED_PROCEDURE_TYPE,
	TYPE_HANDOVER_TYPE,
	TYPE_CAUSE_RADIO_NETWORK,
	TYPE_CAUSE_TRANSPORT,
	TYPE_CAUSE_NAS,
	TYPE_CAUSE_PROTOCOL,
	TYPE_CAUSE_MISC,
	TYPE_LOCATION_EVENT_TYPE,
	TYPE_LOCATION_REPORT_AREA,
	TYPE_DIRECTION,
	TYPE_SMSNF_TYPE,
	TYPE_MODIFICATION_REQUEST,
	TYPE_SMS_MESSAGE_TYPE_OF_MESSAGE,
	TYPE_SMS_MESSAGE_TYPE_OF_REPORT,
	TYPE_SMS_TRANSFER_STATUS,
	RECORD_NAMES_END,
	// record_values.c
	RECORD_VALUES_FIRST = 1 * RECORD_OF_FILE,
	TYPE_BITS_1 = RECORD_VALUES_FIRST,
	TYPE_BITS_12,
	TYPE_BITS_16,
	TYPE_BITS_18,
	TYPE_BITS_20,
	TYPE_BITS_21,
	TYPE_BITS_22_32,
	TYPE_BITS_28,
	TYPE_BITS_3,
	TYPE_BITS_36,
	TYPE_BITS_8,
	TYPE_BOOLEAN,
	TYPE_DIGITS_14,
	TYPE_DIGITS_16,
	TYPE_DIGITS_1_15,
	TYPE_DIGITS_2_3,
	TYPE_DIGITS_3,
	TYPE_DIGITS_6_15,
	TYPE_INTEGER,
	TYPE_INTEGER_0_100,
	TYPE_INTEGER_0_1023,
	TYPE_INTEGER_0_1099511627775,
	TYPE_INTEGER_0_127,
	TYPE_INTEGER_0_15,
	TYPE_INTEGER_0_180,
	TYPE_INTEGER_0_255,
	TYPE_INTEGER_0_32767,
	TYPE_INTEGER_0_327675,
	TYPE_INTEGER_0_360,
	TYPE_INTEGER_0_4294967295,
	TYPE_INTEGER_0_63,
	TYPE_INTEGER_0_65535,
	TYPE_INTEGER_0_7,
	TYPE_INTEGER_0_9999,
	TYPE_INTEGER_1_4,
	TYPE_INTEGER_30000_115000,
	TYPE_IPV4,
	TYPE_IPV6,
	TYPE_OCTETS,
	TYPE_OCTETS_0_150,
	TYPE_OCTETS_1,
	TYPE_OCTETS_16_65540,
	TYPE_OCTETS_17_65535,
	TYPE_OCTETS_1_13,
	TYPE_OCTETS_1_130,
	TYPE_OCTETS_1_270,
	TYPE_OCTETS_1_33,
	TYPE_OCTETS_2,
	TYPE_OCTETS_2_12,
	TYPE_OCTETS_2_3,
	TYPE_OCTETS_3,
	TYPE_OCTETS_4,
	TYPE_OCTETS_4_112,
	TYPE_OCTETS_6,
	TYPE_OCTETS_8,
	TYPE_TIME,
	TYPE_UTF8,
	TYPE_UTF8_11,
	TYPE_UTF8_1_255,
	TYPE_UTF8_2,
	RECORD_VALUES_END,
	// record_location.c
	RECORD_LOCATION_FIRST = 2 * RECORD_OF_FILE,
	TYPE_PLMNID = RECORD_LOCATION_FIRST,
	TYPE_TAI,
	TYPE_ECGI,
	TYPE_NGE_NB_ID,
	TYPE_E_NB_ID,
	TYPE_AN_NODE_ID,
	TYPE_GLOBAL_RAN_NODE_ID,
	TYPE_EUTRA_LOCATION,
	TYPE_NCGI,
	TYPE_OCTETS_2_3_LIST_1,
	TYPE_NRNTNTAI_INFO,
	TYPE_NR_LOCATION,
	TYPE_IP_ADDR,
	TYPE_TNAPID,
	TYPE_TWAPID,
	TYPE_N3_GA_LOCATION,
	TYPE_USER_LOCATION,
	TYPE_GEOGRAPHICAL_COORDINATES,
	TYPE_POINT,
	TYPE_POINT_UNCERTAINTY_CIRCLE,
	TYPE_UNCERTAINTY_ELLIPSE,
	TYPE_POINT_UNCERTAINTY_ELLIPSE,
	TYPE_GEOGRAPHICAL_COORDINATES_SET_3_15,
	TYPE_POLYGON,
	TYPE_POINT_ALTITUDE,
	TYPE_POINT_ALTITUDE_UNCERTAINTY,
	TYPE_ELLIPSOID_ARC,
	TYPE_GEOGRAPHIC_AREA,
	TYPE_LAI,
	TYPE_CGI,
	TYPE_RANCGI,
	TYPE_CELL_INFORMATION,
	TYPE_CELL_INFORMATION_LIST,
	TYPE_LOCATION_INFO,
	TYPE_LOCATION_DATA,
	TYPE_POSITIONING_INFO,
	TYPE_TAI_SET,
	TYPE_ECGI_SET,
	TYPE_NCGI_SET,
	TYPE_GLOBAL_RAN_NODE_ID_SET,
	TYPE_PRESENCE_INFO,
	TYPE_LADN_INFO,
	TYPE_AMF_EVENT_AREA,
	TYPE_AMF_EVENT_AREA_SET,
	TYPE_ACCESS_TYPE_SET,
	TYPE_RM_INFO,
	TYPE_RM_INFO_SET,
	TYPE_CM_INFO,
	TYPE_CM_INFO_SET,
	TYPE_LOCATION_PRESENCE_REPORT,
	TYPE_LOCATION,
	TYPE_CELL_INFORMATION_LIST_1,
	TYPE_LOCATION_INFO_OF_USER,
	TYPE_LOCATION_OF_USER,
	TYPE_POSITIONING_INFO_OF_UPDATE,
	TYPE_LOCATION_OF_UPDATE,
	RECORD_LOCATION_END,
	// record_smf.c
	RECORD_SMF_FIRST = 3 * RECORD_OF_FILE,
	TYPE_SUPI = RECORD_SMF_FIRST,
	TYPE_PEI,
	TYPE_GPSI,
	TYPE_FTEID,
	TYPE_SNSSAI,
	TYPE_UE_ENDPOINT_ADDRESS,
	TYPE_UE_ENDPOINT_ADDRESS_LIST,
	TYPE_UE_ENDPOINT_ADDRESS_LIST_1,
	TYPE_UE_ENDPOINT_IP,
	TYPE_AMFID,
	TYPE_SMF_SERVING_NETWORK,
	TYPE_FTEID_LIST_1,
	TYPE_QOS_FLOW_PROFILE,
	TYPE_QOS_FLOW_LIST,
	TYPE_QOS_FLOW_LIST_LIST,
	TYPE_QOS_FLOW_TUNNEL_INFORMATION,
	TYPE_QOS_FLOW_TUNNEL_INFORMATION_LIST_1,
	TYPE_DLRAN_TUNNEL_INFORMATION,
	TYPE_FIVE_GSGTP_TUNNELS,
	TYPE_GTP_TUNNEL_INFO,
	TYPE_IP_ADDRESS,
	TYPE_IP_MASK,
	TYPE_IP_ADDRESS_OR_RANGE_OR_ANY,
	TYPE_NEXT_LAYER_PROTOCOL_OR_ANY,
	TYPE_FLOW_DESCRIPTION,
	TYPE_VLAN_TAG,
	TYPE_VLAN_TAG_SET,
	TYPE_ETH_FLOW_DESCRIPTION,
	TYPE_FLOW_INFORMATION,
	TYPE_FLOW_INFORMATION_SET_1,
	TYPE_ROUTE_INFO,
	TYPE_ROUTE_TO_LOCATION,
	TYPE_ROUTE_TO_LOCATION_SET,
	TYPE_EAS_SERVER_ADDRESS,
	TYPE_EASIP_REPLACE_INFOS,
	TYPE_PCC_RULE,
	TYPE_PCC_RULE_SET_1,
	TYPE_ALTERNATIVE_NSSAI_ENTRY,
	TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8,
	TYPE_SMFPDU_SESSION_ESTABLISHMENT,
	TYPE_UP_PATH_CHANGE,
	TYPE_PFD_FLOW_DESCRIPTION,
	TYPE_PFD_FLOW_DESCRIPTION_SET,
	TYPE_UTF8_SET,
	TYPE_UTF8_SET_1,
	TYPE_PFD,
	TYPE_PFD_SET,
	TYPE_PFD_DATA_FOR_APP,
	TYPE_SMFPDU_SESSION_MODIFICATION,
	TYPE_NGAP_CAUSE_INT,
	TYPE_SMFPDU_SESSION_RELEASE,
	TYPE_PFD_DATA_FOR_APP_SET_1,
	TYPE_SMF_START_OF_INTERCEPTION_WITH_ESTABLISHED_PDU_SESSION,
	TYPE_SNSSAI_LIST_1,
	TYPE_SMF_UNSUCCESSFUL_PROCEDURE,
	RECORD_SMF_END,
	// record_ma.c
	RECORD_MA_FIRST = 4 * RECORD_OF_FILE,
	TYPE_ACCESS_INFO = RECORD_MA_FIRST,
	TYPE_ACCESS_INFO_LIST_1_2,
	TYPE_SMFMAPDU_SESSION_ESTABLISHMENT,
	TYPE_SMFMAPDU_SESSION_MODIFICATION,
	TYPE_SMFMAPDU_SESSION_RELEASE,
	TYPE_SMF_START_OF_INTERCEPTION_WITH_ESTABLISHED_MAPDU_SESSION,
	TYPE_SMFMA_UNSUCCESSFUL_PROCEDURE,
	TYPE_SMFPDU_TO_MAPDU_SESSION_MODIFICATION,
	RECORD_MA_END,
	// record_amf.c
	RECORD_AMF_FIRST = 5 * RECORD_OF_FILE,
	TYPE_REJECTED_SNSSAI = RECORD_AMF_FIRST,
	TYPE_REJECTED_SNSSAI_LIST_1,
	TYPE_SLICE,
	TYPE_SUCI,
	TYPE_FIVE_GGUTI,
	TYPE_TAI_LIST_1,
	TYPE_GUTI,
	TYPE_EPS5_GGUTI,
	TYPE_EMM5_GMM_STATUS,
	TYPE_NON_IMEISVPEI,
	TYPE_RRC_ESTABLISHMENT_CAUSE,
	TYPE_UTF8_LIST_1,
	TYPE_NAS_TRANSPORT_INITIAL_INFORMATION,
	TYPE_PLMNID_LIST_1,
	TYPE_UE_AREA_INDICATION,
	TYPE_FIVE_GS_SUBSCRIBER_ID,
	TYPE_FIVE_GS_SUBSCRIBER_ID_LIST_1,
	TYPE_FIVE_GS_SUBSCRIBER_IDS,
	TYPE_USER_IDENTIFIERS,
	TYPE_AMF_REGISTRATION,
	TYPE_AMF_DEREGISTRATION,
	TYPE_AMF_LOCATION_UPDATE,
	TYPE_SLICE_OF_START,
	TYPE_AMF_START_OF_INTERCEPTION_WITH_REGISTERED_UE,
	TYPE_AMF_FAILURE_CAUSE,
	TYPE_AMF_UNSUCCESSFUL_PROCEDURE,
	TYPE_AMF_IDENTIFIER_ASSOCIATION,
	TYPE_AMF_POSITIONING_INFO_TRANSFER,
	TYPE_AMFRAN_HANDOVER_COMMAND,
	TYPE_HANDOVER_CAUSE,
	TYPE_PDU_SESSION_RESOURCE_INFORMATION,
	TYPE_RAT_RESTRICTION_ITEM,
	TYPE_RAT_RESTRICTION_ITEM_LIST_1,
	TYPE_FORBIDDEN_AREA_INFORMATION,
	TYPE_SERVICE_AREA_INFO,
	TYPE_SERVICE_AREA_INFO_LIST_1,
	TYPE_MOBILITY_RESTRICTION_LIST,
	TYPE_NCGI_LIST_1,
	TYPE_GLOBAL_RAN_NODE_ID_LIST_1,
	TYPE_AREA_OF_INTEREST,
	TYPE_AREA_OF_INTEREST_ITEM,
	TYPE_AREA_OF_INTEREST_ITEM_LIST_1,
	TYPE_LOCATION_REPORTING_REQUEST_TYPE,
	TYPE_NPN_ACCESS_INFORMATION,
	TYPE_AMFRAN_HANDOVER_REQUEST,
	TYPE_AMFUE_CONFIGURATION_UPDATE,
	RECORD_AMF_END,
	// record_smsf.c
	RECORD_SMSF_FIRST = (RECORD_FILES - 1) * RECORD_OF_FILE,
	TYPE_SMS_PARTY = RECORD_SMSF_FIRST,
	TYPE_SMSNF_ADDRESS,
	TYPE_SMSTPDU_DATA,
	TYPE_SMS_MESSAGE,
	TYPE_SMSTPDU_DATA_OF_REPORT,
	TYPE_SMS_REPORT,
	RECORD_SMSF_END,
};

_Static_assert(RECORD_NAMES_END <= RECORD_NAMES_FIRST + RECORD_OF_FILE, "types of a file");
_Static_assert(RECORD_VALUES_END <= RECORD_VALUES_FIRST + RECORD_OF_FILE, "types of a file");
_Static_assert(RECORD_LOCATION_END <= RECORD_LOCATION_FIRST + RECORD_OF_FILE, "types of a file");
_Static_assert(RECORD_SMF_END <= RECORD_SMF_FIRST + RECORD_OF_FILE, "types of a file");
_Static_assert(RECORD_MA_END <= RECORD_MA_FIRST + RECORD_OF_FILE, "types of a file");
_Static_assert(RECORD_AMF_END <= RECORD_AMF_FIRST + RECORD_OF_FILE, "types of a file");
_Static_assert(RECORD_SMSF_END <= RECORD_SMSF_FIRST + RECORD_OF_FILE, "types of a file");

// The types of each file, in the order of the numbers above.
const struct record_type *record_names(void);
const struct record_type *record_values(void);
const struct record_type *record_location(void);
const struct record_type *record_smf(void);
const struct record_type *record_ma(void);
const struct record_type *record_amf(void);
const struct record_type *record_smsf(void);

// The type of such a number. The walker has the tables at hand and does without.
const struct record_type *record_type(unsigned id);
