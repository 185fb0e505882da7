#pragma once

// Attributes of a PDU beside those that every PDU has (TS 103 221-2 clause 5.3), for one header.

#include "dataplane/capture/header_report.h"
#include "dataplane/capture/x2_task.h"
#include "shared/config.h"
#include "shared/pdu.h"

#define ATTRIBUTES_MAX (CHANNEL_MATCHED_MAX + CONFIG_HEADER_MAX)

struct attributes {
	uint16_t fixed;	 // octets of the header without them
	uint16_t limit;	 // octets of the header with them
	uint16_t length; // octets used
	uint8_t octets[ATTRIBUTES_MAX];
};

static inline void attributes_begin(struct attributes *a, size_t fixed, size_t limit)
{
	a->fixed = (uint16_t)fixed;
	a->limit = (uint16_t)limit;
	a->length = 0;
}

// 10 to 13: addresses; 14 and 15: ports, where they lie in this packet; 16: protocol.
void attributes_addresses(struct attributes *a, const struct header_facts *f);
// How many octets of the task's attributes 17 to take behind `used` octets of header: as many as
// keep it within `limit`, but at least one attribute.
uint16_t attributes_matched_length(const struct x2_task *t, size_t used, size_t limit);
void attributes_matched(struct attributes *a, const struct x2_task *t);

struct attribute_axri { // 21: a further task that the PDU is for
	struct id16 xid;
	uint64_t correlation;
	uint32_t sequence;
};

// True if the header has room for one more 21, with all attributes 17 of `matched` (NULL: none).
bool attributes_fit_task(const struct attributes *a, const struct x2_task *matched);
void attributes_task(
	struct attributes *a, const struct attribute_axri *axri, const struct x2_task *matched);
