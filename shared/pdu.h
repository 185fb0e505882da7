#pragma once

// X2/X3 PDUs of TS 103 221-2: encoder for the worker, strict decoder for tests and inbound acks.
// All integers on the wire are big-endian. Neither allocates.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/ids.h"
#include "shared/wire.h"

enum pdu_type { PDU_X2 = 1, PDU_X3 = 2, PDU_KEEPALIVE = 3, PDU_KEEPALIVE_ACK = 4 };

enum pdu_format { // table 5.4.1-1, those that a POI on a packet path sends
	PDU_FORMAT_NONE = 0,
	PDU_FORMAT_33128 = 2,
	PDU_FORMAT_IPV4 = 5,
	PDU_FORMAT_IPV6 = 6,
	PDU_FORMAT_ETHERNET = 7,
	PDU_FORMAT_GTPU = 12,
	PDU_FORMAT_UNSTRUCTURED = 16,
};

enum pdu_direction {
	PDU_DIRECTION_NONE = 0, // keepalive only
	PDU_DIRECTION_UNKNOWN = 1,
	PDU_DIRECTION_TO_TARGET = 2,
	PDU_DIRECTION_FROM_TARGET = 3,
	PDU_DIRECTION_BOTH = 4,
	PDU_DIRECTION_NOT_APPLICABLE = 5,
};

enum pdu_attribute {
	PDU_ATTR_DOMAIN_ID = 5,
	PDU_ATTR_NFID = 6,
	PDU_ATTR_IPID = 7,
	PDU_ATTR_SEQUENCE = 8,
	PDU_ATTR_TIMESTAMP = 9,
	PDU_ATTR_SOURCE_IPV4 = 10,
	PDU_ATTR_DESTINATION_IPV4 = 11,
	PDU_ATTR_SOURCE_IPV6 = 12,
	PDU_ATTR_DESTINATION_IPV6 = 13,
	PDU_ATTR_SOURCE_PORT = 14,
	PDU_ATTR_DESTINATION_PORT = 15,
	PDU_ATTR_IP_PROTOCOL = 16,
	PDU_ATTR_MATCHED_TARGET = 17,
	PDU_ATTR_OTHER_TARGET = 18,
	PDU_ATTR_AXRI = 21,
	PDU_ATTR_MAX = 22,
};

#define PDU_HEADER_MIN 40
#define PDU_KEEPALIVE_SIZE 48
#define PDU_VERSION_MAJOR 0
#define PDU_VERSION_MINOR_DEFAULT 5
#define PDU_ID_MAX 128 // longest NFID or IPID accepted from the configuration

// The attributes that are the same in every PDU of one worker: NFID (6), IPID (7). Built once.
struct pdu_origin {
	uint16_t length; // octets used
	uint8_t octets[2 * (4 + PDU_ID_MAX)];
};
[[nodiscard]] int pdu_origin_make(struct pdu_origin *o, const char *nfid, const char *ipid);

// Fields that vary from PDU to PDU.
struct pdu_head {
	uint8_t type;      // PDU_X2 or PDU_X3
	uint8_t minor;     // version minor of the destination
	uint8_t direction; // enum pdu_direction
	uint16_t format;   // enum pdu_format
	uint32_t payload_length;
	struct id16 xid;   // ProductID when the task has one, else XID (clause 5.2.7)
	uint64_t correlation;
	uint32_t sequence;
	uint64_t time_ns;  // nanoseconds since the epoch, when the packet was received
	const uint8_t *extra; // further attributes, already encoded as TLVs; may be NULL
	uint16_t extra_length;
};

// Octets of the header that pdu_head_write will produce.
size_t pdu_head_size(const struct pdu_origin *o, const struct pdu_head *h);
// Writes the header; the caller has made sure of pdu_head_size octets and puts the payload behind it.
// Returns the octets written.
size_t pdu_head_write(uint8_t *out, const struct pdu_origin *o, const struct pdu_head *h);

// Receive time of the packet of a PDU that pdu_head_write made, in nanoseconds since the epoch; 0
// when it has none. All of its header is there. `hint`: its place in another PDU of the same
// origin, 0 when not known; set.
static inline uint64_t pdu_time(const uint8_t *octets, uint32_t *hint)
{
	const uint32_t head = (uint32_t)PDU_ATTR_TIMESTAMP << 16 | 8;
	uint32_t end = wire_load32(octets + 4), at = *hint;

	if (at == 0 || at + 12 > end || wire_load32(octets + at) != head) {
		for (at = PDU_HEADER_MIN; at + 12 <= end && wire_load32(octets + at) != head;)
			at += 4 + (wire_load32(octets + at) & 0xffff);
		if (at + 12 > end)
			return 0;
		*hint = at;
	}
	return wire_load32(octets + at + 4) * 1000000000ull + wire_load32(octets + at + 8);
}

// A keepalive (type 3) of PDU_KEEPALIVE_SIZE octets: all other mandatory fields zero, exactly one
// sequence number attribute (clause 5.1).
void pdu_keepalive_write(uint8_t out[PDU_KEEPALIVE_SIZE], uint8_t minor, uint32_t sequence);

struct pdu { // decoded; pointers into the caller's octets
	uint8_t major, minor;
	uint16_t type, format, direction;
	uint32_t header_length, payload_length;
	struct id16 xid;
	uint64_t correlation;
	uint32_t present;  // bit n: attribute n seen (n <= 31)
	uint32_t sequence; // valid with its bit
	uint64_t time_ns;
	const uint8_t *nfid, *ipid;
	uint16_t nfid_length, ipid_length;
	const uint8_t *attributes; // all TLVs, header_length - 40 octets
	const uint8_t *payload;
};

// Strict decoding of one PDU at the start of `octets`. Returns the PDU's size (> 0); POI_ERR_AGAIN
// when more octets are needed (never more than `max_size`); another negative enum poi_error when the
// octets break a rule, with `why` (static text) set: versions, type, HL < 40, attribute overrun, wrong
// attribute length, repeated single attribute, format against type, direction, keepalive rules.
[[nodiscard]] int64_t pdu_decode(const uint8_t *octets, size_t length, size_t max_size,
	struct pdu *out, const char **why);

struct pdu_axri { // attribute 21: a further task that the PDU is for (clause 5.3.22)
	struct id16 xid;
	uint64_t correlation;
	bool numbered;	   // the optional sequence number is there
	uint32_t sequence; // in the context of this XID and correlation ID
};

// The next attribute 21 of a decoded PDU. Start with *at = 0; false when there are no more.
bool pdu_axri_next(const struct pdu *p, uint32_t *at, struct pdu_axri *out);
