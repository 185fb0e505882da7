#include "shared/pdu.h"

#include <string.h>

#define FORMAT_MAX 17

// Table 5.4.1-1: which payload formats each type may carry, bit per format.
#define BIT(n) (1u << (n))
#define FORMATS_BOTH (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(15) | BIT(17))
#define FORMATS_X2 (FORMATS_BOTH | BIT(9) | BIT(10) | BIT(11) | BIT(14))
#define FORMATS_X3 (FORMATS_BOTH | BIT(7) | BIT(8) | BIT(12) | BIT(13) | BIT(16))

static int fail(int error, const char *text, const char **why)
{
	*why = text;
	return error;
}

// Clause 5.3: the lengths an attribute may have, and whether it may come more than once.
static const struct attribute_rule {
	uint16_t low, high; // octets of the value
	bool repeats;
} attribute_rules[PDU_ATTR_MAX + 1] = {
	[1] = {0, UINT16_MAX, true},
	[2] = {0, UINT16_MAX, true},
	[3] = {0, UINT16_MAX, true},
	[4] = {0, UINT16_MAX, true},
	[PDU_ATTR_DOMAIN_ID] = {1, UINT16_MAX, false},
	[PDU_ATTR_NFID] = {1, UINT16_MAX, false},
	[PDU_ATTR_IPID] = {1, UINT16_MAX, false},
	[PDU_ATTR_SEQUENCE] = {4, 4, false},
	[PDU_ATTR_TIMESTAMP] = {8, 8, false},
	[PDU_ATTR_SOURCE_IPV4] = {4, 4, false},
	[PDU_ATTR_DESTINATION_IPV4] = {4, 4, false},
	[PDU_ATTR_SOURCE_IPV6] = {16, 16, false},
	[PDU_ATTR_DESTINATION_IPV6] = {16, 16, false},
	[PDU_ATTR_SOURCE_PORT] = {2, 2, false},
	[PDU_ATTR_DESTINATION_PORT] = {2, 2, false},
	[PDU_ATTR_IP_PROTOCOL] = {1, 1, false},
	[PDU_ATTR_MATCHED_TARGET] = {1, UINT16_MAX, true},
	[PDU_ATTR_OTHER_TARGET] = {1, UINT16_MAX, true},
	[19] = {1, UINT16_MAX, false},
	[20] = {1, UINT16_MAX, false},
	[PDU_ATTR_AXRI] = {24, 28, true},
	[22] = {0, UINT16_MAX, false},
};

static int take_timestamp(const uint8_t *value, struct pdu *out, const char **why)
{
	uint32_t nanoseconds = wire_load32(value + 4);

	if (nanoseconds >= 1000000000u)
		return fail(POI_ERR_INVALID, "timestamp with a full second in nanoseconds", why);
	out->time_ns = wire_load32(value) * 1000000000ull + nanoseconds;
	return 0;
}

// One attribute whose octets are all there. Types beyond the ones known are carried opaquely.
static int take_attribute(
	uint16_t type, uint16_t length, const uint8_t *value, struct pdu *out, const char **why)
{
	if (type == 0)
		return fail(POI_ERR_INVALID, "attribute of type 0", why);
	if (type > PDU_ATTR_MAX)
		return 0;
	const struct attribute_rule *rule = &attribute_rules[type];
	if (length < rule->low || length > rule->high)
		return fail(POI_ERR_INVALID, "attribute of wrong length", why);
	if (type == PDU_ATTR_AXRI && length != 24 && length != 28)
		return fail(POI_ERR_INVALID, "attribute of wrong length", why);
	if (!rule->repeats && (out->present & BIT(type)))
		return fail(POI_ERR_INVALID, "single attribute repeated", why);
	out->present |= BIT(type);
	switch (type) {
	case PDU_ATTR_NFID:
		out->nfid = value;
		out->nfid_length = length;
		break;
	case PDU_ATTR_IPID:
		out->ipid = value;
		out->ipid_length = length;
		break;
	case PDU_ATTR_SEQUENCE:
		out->sequence = wire_load32(value);
		break;
	case PDU_ATTR_TIMESTAMP:
		return take_timestamp(value, out, why);
	default:
		break;
	}
	return 0;
}

static int take_attributes(struct pdu *out, const char **why)
{
	struct wire_reader r = wire_reader_of(out->attributes, out->header_length - PDU_HEADER_MIN);

	while (wire_left(&r) > 0) {
		const uint8_t *tl = wire_take(&r, 4);
		const uint8_t *value = tl ? wire_take(&r, wire_load16(tl + 2)) : NULL;
		if (!value)
			return fail(POI_ERR_INVALID, "attribute beyond the header", why);
		int error = take_attribute(wire_load16(tl), wire_load16(tl + 2), value, out, why);
		if (error)
			return error;
	}
	return 0;
}

// Clauses 5.1 and 6.2.4: everything zero but version, type, header length and one sequence number.
static int check_keepalive(const struct pdu *p, const char **why)
{
	if (p->payload_length != 0)
		return fail(POI_ERR_INVALID, "keepalive with a payload", why);
	if (p->format != PDU_FORMAT_NONE || p->direction != PDU_DIRECTION_NONE ||
		p->correlation != 0 || !id_is_zero(&p->xid))
		return fail(POI_ERR_INVALID, "keepalive with a field that must be zero", why);
	if (p->header_length != PDU_KEEPALIVE_SIZE || p->present != BIT(PDU_ATTR_SEQUENCE))
		return fail(POI_ERR_INVALID, "keepalive without exactly one sequence number", why);
	return 0;
}

static int check_product(const struct pdu *p, const char **why)
{
	uint32_t allowed = p->type == PDU_X2 ? FORMATS_X2 : FORMATS_X3;

	if (p->format > FORMAT_MAX || !(allowed & BIT(p->format)))
		return fail(POI_ERR_INVALID, "payload format not allowed for the PDU type", why);
	if (p->direction < PDU_DIRECTION_UNKNOWN || p->direction > PDU_DIRECTION_NOT_APPLICABLE)
		return fail(POI_ERR_INVALID, "payload direction out of range", why);
	return 0;
}

// Checks an incomplete header: garbage is refused at its first octets, and no reader waits for
// octets that could not be taken.
static int check_start(const uint8_t *octets, size_t length, size_t max_size, const char **why)
{
	if (length >= 1 && octets[0] != PDU_VERSION_MAJOR)
		return fail(POI_ERR_VERSION, "major version is not 0", why);
	if (length >= 4) {
		uint16_t type = wire_load16(octets + 2);
		if (type < PDU_X2 || type > PDU_KEEPALIVE_ACK)
			return fail(POI_ERR_INVALID, "unknown PDU type", why);
	}
	if (length >= 8 && wire_load32(octets + 4) < PDU_HEADER_MIN)
		return fail(POI_ERR_INVALID, "header length below 40", why);
	if (length >= 8 && wire_load32(octets + 4) > max_size)
		return fail(POI_ERR_TOO_LARGE, "header larger than allowed", why);
	if (length >= 12) {
		uint64_t size = (uint64_t)wire_load32(octets + 4) + wire_load32(octets + 8);
		if (size > max_size)
			return fail(POI_ERR_TOO_LARGE, "PDU larger than allowed", why);
	}
	if (length < PDU_HEADER_MIN)
		return fail(POI_ERR_AGAIN, "more octets needed", why);
	return 0;
}

int64_t pdu_decode(
	const uint8_t *octets, size_t length, size_t max_size, struct pdu *out, const char **why)
{
	const char *unused = NULL;
	why = why ? why : &unused;
	*why = "";
	*out = (struct pdu){0};

	int error = check_start(octets, length, max_size, why);
	if (error)
		return error;
	out->major = octets[0];
	out->minor = octets[1];
	out->type = wire_load16(octets + 2);
	out->header_length = wire_load32(octets + 4);
	out->payload_length = wire_load32(octets + 8);
	out->format = wire_load16(octets + 12);
	out->direction = wire_load16(octets + 14);
	memcpy(out->xid.b, octets + 16, sizeof(out->xid.b));
	out->correlation = (uint64_t)wire_load32(octets + 32) << 32 | wire_load32(octets + 36);
	size_t size = (size_t)out->header_length + out->payload_length;
	if (length < size)
		return fail(POI_ERR_AGAIN, "more octets needed", why);
	out->attributes = octets + PDU_HEADER_MIN;
	out->payload = octets + out->header_length;
	error = take_attributes(out, why);
	if (!error)
		error = out->type >= PDU_KEEPALIVE ? check_keepalive(out, why)
						   : check_product(out, why);
	return error ? error : (int64_t)size;
}

bool pdu_axri_next(const struct pdu *p, uint32_t *at, struct pdu_axri *out)
{
	// pdu_decode has walked the same octets to their very end.
	while (*at < p->header_length - PDU_HEADER_MIN) {
		const uint8_t *tl = p->attributes + *at, *value = tl + 4;
		uint16_t length = wire_load16(tl + 2);
		*at += 4u + length;
		if (wire_load16(tl) != PDU_ATTR_AXRI)
			continue;
		memcpy(out->xid.b, value, sizeof(out->xid.b));
		out->correlation =
			(uint64_t)wire_load32(value + 16) << 32 | wire_load32(value + 20);
		out->numbered = length == 28;
		out->sequence = out->numbered ? wire_load32(value + 24) : 0;
		return true;
	}
	return false;
}
