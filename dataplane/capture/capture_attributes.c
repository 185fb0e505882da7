// Writes the conditional attributes of a PDU's header.

#include "dataplane/capture/capture_attributes.h"

#include <string.h>

#include "shared/wire.h"

#define AXRI_VALUE 28 // XID, correlation ID, sequence number

static uint8_t *add(struct attributes *a, uint16_t type, uint16_t length)
{
	uint8_t *p = a->octets + a->length;

	wire_store16(p, type);
	wire_store16(p + 2, length);
	a->length = (uint16_t)(a->length + 4 + length);
	return p + 4;
}

void attributes_addresses(struct attributes *a, const struct header_facts *f)
{
	uint16_t n = f->family == 4 ? 4 : 16;

	memcpy(add(a, n == 4 ? PDU_ATTR_SOURCE_IPV4 : PDU_ATTR_SOURCE_IPV6, n), f->address, n);
	memcpy(add(a, n == 4 ? PDU_ATTR_DESTINATION_IPV4 : PDU_ATTR_DESTINATION_IPV6, n),
		f->address + n, n);
	if (f->flags & HEADER_PORTS) {
		wire_store16(add(a, PDU_ATTR_SOURCE_PORT, 2), f->sport);
		wire_store16(add(a, PDU_ATTR_DESTINATION_PORT, 2), f->dport);
	}
	*add(a, PDU_ATTR_IP_PROTOCOL, 1) = f->protocol;
}

uint16_t attributes_matched_length(const struct x2_task *t, size_t used, size_t limit)
{
	uint16_t length = 0;

	if (used + t->matched_length <= limit)
		return t->matched_length;
	while (length < t->matched_length) {
		uint16_t next = (uint16_t)(length + 4 + wire_load16(t->matched + length + 2));
		if (length > 0 && used + next > limit)
			break;
		length = next;
	}
	return length;
}

void attributes_matched(struct attributes *a, const struct x2_task *t)
{
	uint16_t length = attributes_matched_length(t, a->fixed + (size_t)a->length, a->limit);

	memcpy(a->octets + a->length, t->matched, length);
	a->length = (uint16_t)(a->length + length);
}

bool attributes_fit_task(const struct attributes *a, const struct x2_task *matched)
{
	size_t more = 4 + AXRI_VALUE + (matched ? matched->matched_length : 0u);

	return a->fixed + a->length + more <= a->limit;
}

void attributes_task(
	struct attributes *a, const struct attribute_axri *axri, const struct x2_task *matched)
{
	if (matched) {
		memcpy(a->octets + a->length, matched->matched, matched->matched_length);
		a->length = (uint16_t)(a->length + matched->matched_length);
	}
	uint8_t *p = add(a, PDU_ATTR_AXRI, AXRI_VALUE);
	memcpy(p, axri->xid.b, sizeof(axri->xid.b));
	wire_store64(p + 16, axri->correlation);
	wire_store32(p + 24, axri->sequence);
}
