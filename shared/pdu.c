#include "shared/pdu.h"

#include <string.h>

static int origin_add(struct pdu_origin *o, uint16_t type, const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > PDU_ID_MAX)
		return POI_ERR_INVALID;
	wire_store16(o->octets + o->length, type);
	wire_store16(o->octets + o->length + 2, (uint16_t)length);
	memcpy(o->octets + o->length + 4, text, length);
	o->length = (uint16_t)(o->length + 4 + length);
	return 0;
}

int pdu_origin_make(struct pdu_origin *o, const char *nfid, const char *ipid)
{
	o->length = 0;
	int error = origin_add(o, PDU_ATTR_NFID, nfid);
	return error ? error : origin_add(o, PDU_ATTR_IPID, ipid);
}

// Sequence number (4 + 4) and timestamp (4 + 8) are in every X2 and X3 PDU.
#define VARYING_SIZE 20

size_t pdu_head_size(const struct pdu_origin *o, const struct pdu_head *h)
{
	return PDU_HEADER_MIN + (size_t)o->length + VARYING_SIZE + h->extra_length;
}

size_t pdu_head_write(uint8_t *out, const struct pdu_origin *o, const struct pdu_head *h)
{
	size_t size = pdu_head_size(o, h);
	uint8_t *p = out + PDU_HEADER_MIN;

	out[0] = PDU_VERSION_MAJOR;
	out[1] = h->minor;
	wire_store16(out + 2, h->type);
	wire_store32(out + 4, (uint32_t)size);
	wire_store32(out + 8, h->payload_length);
	wire_store16(out + 12, h->format);
	wire_store16(out + 14, h->direction);
	memcpy(out + 16, h->xid.b, sizeof(h->xid.b));
	wire_store64(out + 32, h->correlation);
	memcpy(p, o->octets, o->length);
	p += o->length;
	// Type and length of both attributes as one constant store each.
	wire_store32(p, (uint32_t)PDU_ATTR_SEQUENCE << 16 | 4);
	wire_store32(p + 4, h->sequence);
	wire_store32(p + 8, (uint32_t)PDU_ATTR_TIMESTAMP << 16 | 8);
	wire_store32(p + 12, (uint32_t)(h->time_ns / 1000000000u));
	wire_store32(p + 16, (uint32_t)(h->time_ns % 1000000000u));
	if (h->extra_length > 0)
		memcpy(p + VARYING_SIZE, h->extra, h->extra_length);
	return size;
}

void pdu_keepalive_write(uint8_t out[PDU_KEEPALIVE_SIZE], uint8_t minor, uint32_t sequence)
{
	memset(out, 0, PDU_KEEPALIVE_SIZE);
	out[0] = PDU_VERSION_MAJOR;
	out[1] = minor;
	wire_store16(out + 2, PDU_KEEPALIVE);
	wire_store32(out + 4, PDU_KEEPALIVE_SIZE);
	wire_store32(out + 40, (uint32_t)PDU_ATTR_SEQUENCE << 16 | 4);
	wire_store32(out + 44, sequence);
}
