#pragma once

// X1 messages as values, between the XML codec (x1_decode, x1_encode) and the logic (x1_dispatch and
// below). Strings are owned by the container they came in with.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shared/error.h"
#include "shared/ids.h"

// X(enum suffix, RequestMessageType text of table 44, 1 for the 18 requests of V1.8.1)
#define X1_REQUESTS(X)                                                                             \
	X(ACTIVATE_TASK, "ActivateTask", 1)                                                        \
	X(MODIFY_TASK, "ModifyTask", 1)                                                            \
	X(DEACTIVATE_TASK, "DeactivateTask", 1)                                                    \
	X(DEACTIVATE_ALL_TASKS, "DeactivateAllTasks", 1)                                           \
	X(GET_TASK_DETAILS, "GetTaskDetails", 1)                                                   \
	X(CREATE_DESTINATION, "CreateDestination", 1)                                              \
	X(MODIFY_DESTINATION, "ModifyDestination", 1)                                              \
	X(REMOVE_DESTINATION, "RemoveDestination", 1)                                              \
	X(REMOVE_ALL_DESTINATIONS, "RemoveAllDestinations", 1)                                     \
	X(GET_DESTINATION_DETAILS, "GetDestinationDetails", 1)                                     \
	X(GET_NE_STATUS, "GetNEStatus", 1)                                                         \
	X(GET_ALL_DETAILS, "GetAllDetails", 1)                                                     \
	X(LIST_ALL_DETAILS, "ListAllDetails", 1)                                                   \
	X(REPORT_TASK_ISSUE, "ReportTaskIssue", 1)                                                 \
	X(REPORT_DESTINATION_ISSUE, "ReportDestinationIssue", 1)                                   \
	X(REPORT_NE_ISSUE, "ReportNEIssue", 1)                                                     \
	X(PING, "Ping", 1)                                                                         \
	X(KEEPALIVE, "Keepalive", 1)                                                               \
	X(GET_ALL_TASK_DETAILS, "GetAllTaskDetails", 0)                                            \
	X(GET_ALL_DESTINATION_DETAILS, "GetAllDestinationDetails", 0)                              \
	X(GET_ALL_GENERIC_OBJECT_DETAILS, "GetAllGenericObjectDetails", 0)                         \
	X(CREATE_OBJECT, "CreateObject", 0)                                                        \
	X(MODIFY_OBJECT, "ModifyObject", 0)                                                        \
	X(GET_OBJECT, "GetObject", 0)                                                              \
	X(DELETE_OBJECT, "DeleteObject", 0)                                                        \
	X(LIST_OBJECTS_OF_TYPE, "ListObjectsOfType", 0)                                            \
	X(DELETE_ALL_OBJECTS, "DeleteAllObjects", 0)

enum x1_request_type {
#define X(suffix, text, core) X1_##suffix,
	X1_REQUESTS(X)
#undef X
	X1_REQUEST_COUNT
};

const char *x1_request_name(enum x1_request_type t); // "ActivateTask"

// v1.<digits>.<digits>, ASCII digits: the versions this network element understands.
static inline bool x1_version_supported(const char *version)
{
	if (version == NULL || strncmp(version, "v1.", 3) != 0)
		return false;
	const char *minor = version + 3;
	size_t digits = strspn(minor, "0123456789");
	if (digits == 0 || minor[digits] != '.')
		return false;
	const char *patch = minor + digits + 1;
	digits = strspn(patch, "0123456789");
	return digits != 0 && patch[digits] == '\0';
}

// 0 where the version is not supported, or there is none.
static inline unsigned x1_version_minor(const char *version)
{
	unsigned minor = 0;

	if (!x1_version_supported(version))
		return 0;
	for (const char *p = version + 3; *p != '.' && minor < 1000; p++)
		minor = minor * 10 + (unsigned)(*p - '0');
	return minor;
}

// Minors up to this one are answered in the form of V1.8.1.
#define X1_MINOR_CORE 8
// From this one on ReportNEIssue has issueCode and the type Alert: the oldest schema known that has.
#define X1_MINOR_ALERT 12
#define X1_MINOR_PORT_LISTS 22 // tcpPortList, udpPortList
#define X1_OBJECTS_MINOR 9 // generic objects and destination sets came with it

// Error codes of table 46 (and those of newer minors that a peer may ask for).
enum x1_error {
	X1_OK = 0,
	X1_ERR_GENERIC = 1000,            // generic error
	X1_ERR_SCHEMA = 1010,             // syntax or schema error
	X1_ERR_VERSION = 1020,            // unsupported version
	X1_ERR_ADMF_MISMATCH = 1030,      // certificate does not match the ADMF identifier
	X1_ERR_NOT_RESPONSIBLE = 1040,    // not the responsible ADMF
	X1_ERR_NE_CERTIFICATE = 1050,     // for an ADMF that checks an NE; never sent
	X1_ERR_NE_MISMATCH = 1060,        // NE identifier is not ours
	X1_ERR_KEEPALIVE_DISABLED = 1070,
	X1_ERR_UNSUPPORTED_REQUEST = 1080, // newer minors only
	X1_ERR_XID_EXISTS = 2010,
	X1_ERR_XID_UNKNOWN = 2020,
	X1_ERR_DID_EXISTS = 2030,
	X1_ERR_DID_UNKNOWN = 2040,
	X1_ERR_OBJECT_EXISTS = 2050,  // newer minors only
	X1_ERR_OBJECT_UNKNOWN = 2060, // newer minors only
	X1_ERR_ACTIVATE = 3000,
	X1_ERR_MODIFY = 3001,
	X1_ERR_TARGET_UNSUPPORTED = 3010, // unsupported target identifier
	X1_ERR_TARGET_COMBINATION = 3020, // unsupported combination of target identifiers
	X1_ERR_MULTIPLE_DIDS = 3030,      // never sent
	X1_ERR_DELIVERY_TYPE = 3040,
	X1_ERR_SERVICE_TYPE = 3050,       // unsupported ServiceType; newer minors only
	X1_ERR_DEACTIVATE = 4000,
	X1_ERR_DEACTIVATE_ALL = 5000,
	X1_ERR_DEACTIVATE_ALL_DISABLED = 5010,
	X1_ERR_DESTINATION = 6000,
	X1_ERR_DESTINATION_MODIFY = 6001,
	X1_ERR_DESTINATION_TYPE = 6020,   // unsupported DeliveryAddress type
	X1_ERR_DESTINATION_REMOVE = 7000,
	X1_ERR_DESTINATION_IN_USE = 7010,
	X1_ERR_REMOVE_ALL = 8000,
	X1_ERR_REMOVE_ALL_IN_USE = 8010,
	X1_ERR_REMOVE_ALL_DISABLED = 8020,
	X1_STATUS_CLEARED = 9000,         // status and fault codes
	X1_STATUS_WARNING = 9010,
	X1_STATUS_FAULT = 9020,           // non-terminating
	X1_STATUS_TERMINATING = 9030,
	X1_STATUS_ACTIONED = 9040,        // description: X1TransactionID of the request
	X1_STATUS_KEEPALIVES = 9050,      // keepalives not received; newer minors only
};

enum x1_delivery { X1_X2_ONLY = 1, X1_X3_ONLY = 2, X1_X2_AND_X3 = 3 }; // bits: 1 X2, 2 X3

// X(enum suffix, element's local name). Every TargetIdentifier of the schemas.
#define X1_TARGETS(X)                                                                              \
	X(E164_NUMBER, "e164Number") X(INTERNATIONALIZED_EMAIL, "internationalizedEmailAddress")    \
	X(EMAIL, "emailAddress") X(IMSI, "imsi") X(IMEI, "imei") X(IMPI, "impi") X(IMPU, "impu")    \
	X(SUPIIMSI, "supiimsi") X(SUPINAI, "supinai") X(SUCI, "suci") X(PEI_IMEI, "peiImei")        \
	X(PEI_IMEI_CHECK, "peiImeiCheckDigit") X(PEI_IMEISV, "peiImeisv")                           \
	X(GPSI_MSISDN, "gpsiMsisdn") X(GPSI_NAI, "gpsiNai") X(MAC_ADDRESS, "macAddress")            \
	X(EUI64, "eui64") X(IPV4_ADDRESS, "ipv4Address") X(IPV6_ADDRESS, "ipv6Address")             \
	X(IPV4_CIDR, "ipv4Cidr") X(IPV6_CIDR, "ipv6Cidr") X(TCP_PORT, "tcpPort")                    \
	X(TCP_PORT_RANGE, "tcpPortRange") X(UDP_PORT, "udpPort") X(UDP_PORT_RANGE, "udpPortRange")  \
	X(TCP_PORT_LIST, "tcpPortList") X(UDP_PORT_LIST, "udpPortList")                             \
	X(RADIUS_ATTRIBUTE, "radiusAttribute") X(GTPU_TUNNEL_ID, "gtpuTunnelId")                    \
	X(GTPC_TUNNEL_ID, "gtpcTunnelId") X(SIP_URI, "sipUri") X(TEL_URI, "telUri")                 \
	X(H323_URI, "h323Uri") X(CALL_PARTY_ROLE, "callPartyRole")                                  \
	X(NON_LOCAL_IDENTIFIER, "nonLocalIdentifier") X(NAI, "nai")                                 \
	X(HASHED_IDENTIFIER, "hashedIdentifier")                                                    \
	X(SERVICE_ACCESS_IDENTIFIER, "serviceAccessIdentifier") X(VRF, "vrf")                       \
	X(EXTENSION, "targetIdentifierExtension")

enum x1_target_kind {
#define X(suffix, text) X1_TARGET_##suffix,
	X1_TARGETS(X)
#undef X
	X1_TARGET_COUNT
};

const char *x1_target_name(enum x1_target_kind k);

struct x1_target {
	enum x1_target_kind kind;
	// The value as text with white space collapsed. ipv4Cidr: the child's text. Port ranges:
	// first and last in `port`. Port lists: `n_ports` values in `ports`.
	const char *text;
	uint16_t port[2];
	uint32_t n_ports;
	const uint16_t *ports;
	// Extension: owner, and its 3GPP members (UPFLIT3TargetIdentifier) in document order. Elements
	// not understood are members too, under their own name.
	const char *owner;
	uint32_t n_members;
	const struct x1_extension_member *members;
	// hashedIdentifier, of a requester of V1.9 and later; of others `identity` is NULL.
	struct id16 context;	// hashContextID
	const char *identity;	// targetIdentityType
	const char *digest;	// hashDigest: hexadecimal digits
	// The targetIdentifier's content, serialised, X1 names without prefix (attribute 17 of X2 PDUs).
	const char *xml;
};

struct x1_extension_member {
	const char *name;  // local name: FTEID, FSEID, PDRID, QERID, NetworkInstance, GTPTunnelDirection, PDR ...
	const char *space; // namespace
	const char *teid, *ipv4, *ipv6; // children of FTEID and FSEID (TEID or SEID), NULL when absent
	const char *text;  // simple content
};

struct x1_task_details {
	struct id16 xid;
	unsigned minor; // of the requester
	uint32_t n_targets;
	const struct x1_target *targets;
	enum x1_delivery delivery;
	uint32_t n_dids;
	const struct id16 *dids;
	uint32_t n_dsids; // of requesters of V1.9 and later; `has_dsids` marks others
	const struct id16 *dsids;
	bool has_dsids, has_mediation, has_service_types, has_policy_references;
	bool has_service_data, has_service_messaging; // among the service types
	bool has_correlation, correlation_too_large;
	uint64_t correlation;
	bool has_implicit, implicit_deactivation;
	bool has_product;
	struct id16 product;
	uint32_t n_extensions;
	const struct x1_task_extension *extensions;
	const char *xml; // the whole taskDetails element, serialised with our prefixes: what GetTaskDetails echoes
	size_t xml_length;
};

struct x1_pdsr_trigger { // E: HeaderReporting
	uint8_t kind; // 1 timer seconds, 2 packets, 3 octets
	uint64_t value;
};

struct x1_task_extension {
	const char *owner;
	const char *space, *name; // of one element inside (one entry each); NULL when empty
	bool header_reporting;    // X1Extensions/HeaderReporting understood
	bool pdsr;                // PDSR, else PDHR
	bool sms, truncate;  // X1Extensions/SMSFExtensions, and TruncateTPUserData in it
	uint8_t association; // X1Extensions/IdentifierAssociation: 1 that alone, 2 all records; 0: it is none
	bool session_triggers;
	uint32_t n_triggers;
	const struct x1_pdsr_trigger *triggers;
};

enum x1_address_kind { X1_ADDRESS_IP_PORT, X1_ADDRESS_E164, X1_ADDRESS_URI, X1_ADDRESS_EMAIL };

struct x1_destination_details {
	struct id16 did;
	const char *friendly_name; // NULL when absent
	enum x1_delivery delivery;
	enum x1_address_kind address_kind;
	const char *address; // IP text, URI ...
	bool udp;            // c:UDPPort was given
	uint16_t port;
	uint32_t n_extensions;
	const char *xml; // the whole destinationDetails element, serialised with our prefixes
	size_t xml_length;
};

enum x1_object_type { X1_OBJECT_UNKNOWN, X1_OBJECT_HASH_CONTEXT, X1_OBJECT_DESTINATION_SET };

struct x1_object_details { // createObject, modifyObject
	struct id16 id;
	enum x1_object_type type;
	const char *type_name; // Q{namespace}name; of one that is not known nothing else is set
	const char *algorithm; // of a hash context, with the salt's octets
	const uint8_t *salt;
	size_t salt_length;
	bool duplicate; // of a destination set, else it is redundant
	uint32_t n_members;
	const struct id16 *members; // the most preferred first, equal ones in document order
	uint32_t n_extensions;
	const char *xml; // the `object` element that answers have, with our prefixes
	size_t xml_length;
};

struct x1_message { // one x1RequestMessage
	enum x1_request_type type;
	const char *admf_identifier;
	const char *ne_identifier;
	const char *version;
	struct id16 transaction;
	// 0, X1_ERR_SCHEMA, or X1_ERR_VERSION (content of another version is not judged); `why` then
	// names the element and the rule, never the value, and `task`, `destination` are NULL.
	int schema_error;
	const char *why;
	struct id16 id;          // XID or DID of requests that carry only one
	bool has_id;
	const struct x1_task_details *task;               // Activate, Modify
	const struct x1_destination_details *destination; // Create, Modify
	// From requesters of V1.9 and later only, as `object_type`.
	const struct x1_object_details *object; // CreateObject, ModifyObject
	const char *object_type; // Q{namespace}name that a list is asked for; NULL: of every type
};

struct x1_container {
	uint32_t n_messages;
	struct x1_message *messages;
	// When the container cannot be answered message by message (clause 6.1): true, n_messages 0.
	bool top_level_error;
	const char *why;
	char *admf_identifier; // the best found, for the top-level error; may be NULL
	void *arena;           // owns everything above
};
