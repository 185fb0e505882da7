#pragma once

// Decoders of PFCP (3GPP TS 29.244), GTPv2-C (TS 29.274) and RADIUS accounting (RFC 2866): one
// datagram to one struct for the session store. Bounded: a message with more than fits is counted
// under SIGNALLING_LIMIT and the part that fits is used only where the header allows it. All
// integers in host order, addresses in network order. Pointers go into the datagram.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/filter.h"

enum signalling_protocol {
	SIGNALLING_PFCP,
	SIGNALLING_GTPV2C,
	SIGNALLING_RADIUS,
	SIGNALLING_PROTOCOLS
};

// Why a message, or a part of it, was not used. Every reason is a counter.
#define SIGNALLING_REASONS(X)                                                        \
	X(OK, "ok")                                                                  \
	X(SHORT, "short")	  /* fewer octets than the header promises */        \
	X(VERSION, "version")	  /* another protocol version */                     \
	X(TYPE, "type")		  /* a message type that is not followed */          \
	X(IE_LENGTH, "ie_length") /* an IE is longer than what holds it */           \
	X(IE_VALUE, "ie_value")	  /* an IE is too short, or its content cannot be */ \
	X(MISSING, "missing")	  /* a mandatory IE is not there */                  \
	X(LIMIT, "limit")	  /* more parts than are followed */                 \
	X(ODD, "odd")		  /* an optional IE is broken: the rest was used */

enum signalling_reason {
#define X(name, text) SIGNALLING_##name,
	SIGNALLING_REASONS(X)
#undef X
		SIGNALLING_REASON_COUNT
};
const char *signalling_reason_name(enum signalling_reason r);

// True if the decoded content of the message may be used.
static inline bool signalling_usable(enum signalling_reason why)
{
	return why == SIGNALLING_OK || why == SIGNALLING_LIMIT || why == SIGNALLING_ODD;
}

// Values that a message may have named in IEs that could not be read: a set of bits. An IE is
// broken when its length, its format or its value cannot be. It counts as absent, and the rest of
// the message is used, as its receiver does (TS 29.244 clause 7.6, TS 29.274 clause 7.7, RFC 2865
// clause 5). Content that did not fit (LIMIT) counts as SESSION.
#define SIGNALLING_BROKEN_IMSI 0x01u
#define SIGNALLING_BROKEN_MSISDN 0x02u
#define SIGNALLING_BROKEN_IMEI 0x04u
#define SIGNALLING_BROKEN_NAI 0x08u
#define SIGNALLING_BROKEN_NI 0x10u	// a network instance
#define SIGNALLING_BROKEN_SESSION 0x20u // an address, a tunnel, a rule, a bearer
#define SIGNALLING_BROKEN_OTHER 0x40u	// nothing that is followed
#define SIGNALLING_BROKEN_SEID 0x80u	// an F-SEID
#define SIGNALLING_BROKEN_USER                                                         \
	(SIGNALLING_BROKEN_IMSI | SIGNALLING_BROKEN_MSISDN | SIGNALLING_BROKEN_IMEI | \
		SIGNALLING_BROKEN_NAI)
// By the IMSI a session shares with others of its user what both show: without it that is in doubt.
#define SIGNALLING_BROKEN_OWNER (SIGNALLING_BROKEN_IMSI | SIGNALLING_BROKEN_SESSION)
#define SIGNALLING_BROKEN_IDENTITY \
	(SIGNALLING_BROKEN_USER | SIGNALLING_BROKEN_NI | SIGNALLING_BROKEN_SEID)

struct signalling_end {
	struct ip_address address;
	uint16_t port;
};

struct signalling_packet { // one UDP datagram
	uint64_t time_ns;  // receive time
	uint8_t protocol;  // enum signalling_protocol
	struct signalling_end source, destination;
	const uint8_t *octets; // UDP payload
	uint32_t length;
};

struct span { // octets inside the datagram
	const uint8_t *octets;
	uint16_t length; // 0: absent
};

struct tunnel_end { // F-TEID, Outer Header Creation: a TEID with one or both addresses
	uint32_t teid;
	struct ip_address v4, v6; // family 0 when absent
};

struct digits {	       // TBCD, as text
	char text[17]; // "" when absent
};

struct signalling_identity {
	struct digits imsi, msisdn, imei; // imei: 15 digits (IMEI) or 16 (IMEISV)
	struct span nai;
};

// ---- PFCP ----

#define PFCP_PDRS_MAX 32
#define PFCP_FARS_MAX 32
#define PFCP_ENDPOINTS_MAX 16
#define PFCP_QERS_MAX 8 // of one PDR
#define PFCP_SDFS_MAX 8 // of one PDR
#define PFCP_UE_MAX 4	// UE addresses of one PDR or endpoint
#define PFCP_REMOVED_MAX 64
#define PFCP_CSIDS_MAX 8

enum pfcp_type {
	PFCP_HEARTBEAT_REQUEST = 1,
	PFCP_HEARTBEAT_RESPONSE = 2,
	PFCP_ASSOCIATION_SETUP_REQUEST = 5,
	PFCP_ASSOCIATION_SETUP_RESPONSE = 6,
	PFCP_ASSOCIATION_RELEASE_REQUEST = 9,
	PFCP_ASSOCIATION_RELEASE_RESPONSE = 10,
	PFCP_SET_DELETION_REQUEST = 14,
	PFCP_SET_DELETION_RESPONSE = 15,
	PFCP_ESTABLISHMENT_REQUEST = 50,
	PFCP_ESTABLISHMENT_RESPONSE = 51,
	PFCP_MODIFICATION_REQUEST = 52,
	PFCP_MODIFICATION_RESPONSE = 53,
	PFCP_DELETION_REQUEST = 54,
	PFCP_DELETION_RESPONSE = 55,
	PFCP_REPORT_REQUEST = 56,
	PFCP_REPORT_RESPONSE = 57,
};

struct f_seid {
	bool present;
	uint64_t seid;
	struct ip_address v4, v6;
};

struct ue_address { // UE IP Address; in a PDI or endpoint also Framed-Route and Framed-IPv6-Route
	struct ip_prefix prefix; // IPv4 /32; IPv6 /64 unless IPv6D or IP6PL has another length
	bool choose;		 // no address yet (CHV4, CHV6 or zeros): only the family is set
	bool asked;		 // CHV4, CHV6: the UPF is to give it
};

struct pfcp_fteid {
	bool present, choose, has_choose_id;
	uint8_t choose_id;
	struct tunnel_end end; // not with choose
};

// 23: a flow description, or a filter id, or both. Neither: only criteria that are not followed
// (then `other` of its PDI is set), so it holds for more packets than it should.
struct pfcp_sdf {
	struct span flow;
	bool has_id;
	uint32_t id;
};

// PDI, and what a Traffic Endpoint carries of it.
struct pfcp_pdi {
	bool present;
	int16_t source_interface; // -1 when absent
	struct pfcp_fteid fteid;
	struct span ni;
	uint8_t n_ue, n_sdf;
	struct ue_address ue[PFCP_UE_MAX];
	struct pfcp_sdf sdf[PFCP_SDFS_MAX];
	int16_t endpoint; // Traffic Endpoint ID, -1 when absent
	bool between;	  // 3GPP Interface Type: between user plane functions (S5/S8-U, N9)
	uint64_t qfis;	  // bit n: QFI n is meant; 0: QFIs do not matter
	// Has criteria that are not followed: application id, Ethernet filter, the type of service,
	// SPI or flow label of an SDF filter, a framed route that cannot be read, a broken IE.
	bool other;
};

struct pfcp_pdr { // Create PDR, Update PDR, Created PDR, Updated PDR
	bool has_id, has_precedence, has_far, has_qers;
	// Only the UPF can select its packets: it has rules of its own for it (Activate Predefined
	// Rules), or begins or ends at a time.
	bool of_up;
	uint16_t id;
	uint32_t precedence, far;
	uint8_t n_qers;
	uint32_t qer[PFCP_QERS_MAX];
	struct pfcp_pdi pdi;
	struct pfcp_fteid local; // Created/Updated PDR: the F-TEID that the UPF gave
	uint8_t n_ue;		 // Created PDR: addresses that the UPF gave
	struct ue_address ue[PFCP_UE_MAX];
};

struct pfcp_far { // Create FAR, Update FAR
	bool has_id, has_action, has_parameters, has_interface, has_outer;
	bool has_interface_type, between; // 3GPP Interface Type, as in a PDI
	uint32_t id;
	uint16_t action; // octet 1, and octet 2 in bits 15-8
	uint8_t destination_interface;
	struct span ni;
	// has_outer; no address where the new header is not GTP-U, or could not be read
	struct tunnel_end outer;
	int16_t linked_endpoint; // -1 when absent
	bool send_end_marker;	 // PFCPSMReq-Flags SNDEM
};

struct pfcp_endpoint { // Create, Update, Created Traffic Endpoint
	bool has_id;
	uint8_t id;
	struct pfcp_fteid fteid;
	struct span ni;
	uint8_t n_ue;
	struct ue_address ue[PFCP_UE_MAX];
};

struct pfcp_node {
	uint8_t kind; // 0 IPv4, 1 IPv6, 2 FQDN, 255 absent
	struct span value;
};

enum pfcp_part { PFCP_CREATE, PFCP_UPDATE, PFCP_CREATED }; // CREATED: in responses

struct pfcp_message {
	uint8_t type;	// enum pfcp_type
	uint8_t broken; // SIGNALLING_BROKEN_
	bool has_seid;
	uint64_t seid;	   // of the receiver
	uint32_t sequence; // 24 bit
	struct span raw;   // this message's octets, header included: a retransmission is identical
	uint8_t cause;	   // 0: absent
	bool has_recovery;
	uint32_t recovery;
	struct pfcp_node node;
	struct f_seid f_seid; // CP in requests, UP in responses; without address: the sender's
	struct signalling_identity user;
	uint8_t pdn_type; // 0: absent
	struct span dnn;
	bool retention, psrei, resti, deleted_by_up, partial; // partial: IE 272, or cause 3
	uint32_t failed_pdrs,
		failed_fars; // Failed Rule ID, Partial Failure: how many are in removed[]
	uint8_t n_pdrs, n_fars, n_endpoints, n_removed, n_csids;
	struct span csid[PFCP_CSIDS_MAX]; // 65 FQ-CSID
	// Entries at and beyond a count are not initialised.
	struct { // Remove PDR, FAR, QER, Traffic Endpoint; and failed rules of a response
		uint8_t kind; // IE type: 15 PDR, 16 FAR, 18 QER, 130 Traffic Endpoint
		bool failed;
		uint32_t id;
	} removed[PFCP_REMOVED_MAX];
	struct {
		uint8_t part; // enum pfcp_part
		struct pfcp_pdr v;
	} pdr[PFCP_PDRS_MAX];
	struct {
		uint8_t part;
		struct pfcp_far v;
	} far[PFCP_FARS_MAX];
	struct {
		uint8_t part;
		struct pfcp_endpoint v;
	} endpoint[PFCP_ENDPOINTS_MAX];
};

// Reads one message at `octets`. `used`: octets it takes, for the next of a bundle (FO); `more`:
// another one is announced (it may be missing, then it is SHORT). On a reason that is not usable
// (signalling_usable) the message must not be used, and only type, SEID and sequence number are
// there, as far as they were read (of another version nothing); `used` and `more` may still lead to
// the next (0: no way on, and with `more` the next is lost too). LIMIT: the part that fits is there
// and valid, the rest was left out. ODD, and LIMIT too: `broken` has the values that the broken IEs
// may have named; they are absent, and so is a rule without its number. Unknown and repeated IEs
// are skipped; groups are entered only where the specification puts them, so nesting is bounded. In
// a response IEs that create or update rules are read as the created ones.
enum signalling_reason pfcp_decode(const uint8_t *octets, uint32_t length, struct pfcp_message *out,
	uint32_t *used, bool *more);

// ---- GTPv2-C ----

#define GTPV2_BEARERS_MAX 11
#define GTPV2_ENDS_MAX 6

enum gtpv2_type {
	GTPV2_ECHO_REQUEST = 1,
	GTPV2_ECHO_RESPONSE = 2,
	GTPV2_CREATE_SESSION_REQUEST = 32,
	GTPV2_CREATE_SESSION_RESPONSE = 33,
	GTPV2_MODIFY_BEARER_REQUEST = 34,
	GTPV2_MODIFY_BEARER_RESPONSE = 35,
	GTPV2_DELETE_SESSION_REQUEST = 36,
	GTPV2_DELETE_SESSION_RESPONSE = 37,
	GTPV2_CREATE_BEARER_REQUEST = 95,
	GTPV2_CREATE_BEARER_RESPONSE = 96,
	GTPV2_UPDATE_BEARER_REQUEST = 97,
	GTPV2_UPDATE_BEARER_RESPONSE = 98,
	GTPV2_DELETE_BEARER_REQUEST = 99,
	GTPV2_DELETE_BEARER_RESPONSE = 100,
	GTPV2_DELETE_PDN_SET_REQUEST = 101,
	GTPV2_DELETE_PDN_SET_RESPONSE = 102,
	GTPV2_RELEASE_ACCESS_REQUEST = 170,
	GTPV2_RELEASE_ACCESS_RESPONSE = 171,
	GTPV2_MODIFY_ACCESS_REQUEST = 211,
	GTPV2_MODIFY_ACCESS_RESPONSE = 212,
};

struct gtpv2_fteid {
	uint8_t interface; // interface type, 0..63
	uint8_t instance;
	struct tunnel_end end;
};

struct gtpv2_bearer {
	bool has_ebi, removed; // removed: instance 1
	uint8_t ebi, cause;    // cause 0: absent
	uint8_t n_ends;
	struct gtpv2_fteid end[GTPV2_ENDS_MAX]; // user plane
};

struct gtpv2_message {
	uint8_t type;
	uint8_t broken; // SIGNALLING_BROKEN_
	bool has_teid;
	uint32_t teid;	   // of the receiver
	uint32_t sequence; // 24 bit
	struct span raw;
	uint8_t cause; // 0: absent
	bool has_recovery;
	uint8_t recovery;
	struct signalling_identity user; // IMSI, MSISDN, MEI
	struct span apn;
	uint8_t linked_ebi; // 0: absent
	bool has_ue4, has_ue6;
	struct ip_prefix ue4, ue6; // PAA; zero addresses of a request are left out
	uint8_t n_control, n_bearers, n_ebis, n_csids;
	struct gtpv2_fteid control[4];	// message level F-TEIDs; without address: the sender's
	uint8_t ebi[GTPV2_BEARERS_MAX]; // Delete Bearer: EPS bearers to delete
	struct span csid[PFCP_CSIDS_MAX];
	struct gtpv2_bearer bearer[GTPV2_BEARERS_MAX]; // not initialised beyond n_bearers
};

// As pfcp_decode; `more`: a piggybacked message follows.
enum signalling_reason gtpv2_decode(const uint8_t *octets, uint32_t length,
	struct gtpv2_message *out, uint32_t *used, bool *more);

// ---- RADIUS accounting ----

enum radius_status {
	RADIUS_START = 1,
	RADIUS_STOP = 2,
	RADIUS_INTERIM = 3,
	RADIUS_ON = 7,
	RADIUS_OFF = 8,
};

#define RADIUS_ADDRESSES_MAX 8

struct radius_message {
	uint8_t code; // 4 request, 5 response
	uint8_t identifier;
	uint8_t broken; // SIGNALLING_BROKEN_
	struct span raw;
	uint32_t status;     // enum radius_status; 0: absent
	struct span session; // Acct-Session-Id
	struct span nas_identifier;
	struct ip_address nas4, nas6;
	uint32_t event_s; // Event-Timestamp; 0: absent
	uint32_t delay_s; // Acct-Delay-Time; 0: absent, or sent at once
	struct signalling_identity
		user; // User-Name as nai; 3GPP VSAs; Calling-Station-Id as msisdn when all digits
	uint8_t n_addresses;
	struct ip_prefix
		address[RADIUS_ADDRESSES_MAX]; // framed and delegated addresses, framed routes
};

// As pfcp_decode, of one message; only the code is there of one that is not usable.
enum signalling_reason radius_decode(
	const uint8_t *octets, uint32_t length, struct radius_message *out);
