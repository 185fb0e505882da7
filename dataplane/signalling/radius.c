// RADIUS accounting (RFC 2866), with the IPv6 attributes of RFC 3162, 4818 and 6911 and the
// subscriber's identities that 3GPP TS 29.061 adds.

#include "dataplane/signalling/signalling_internal.h"

#define CODE_REQUEST 4u
#define CODE_RESPONSE 5u
#define HEADER_OCTETS 20u
#define VENDOR_3GPP 10415u

struct radius_decoder {
	struct radius_message *m; // `broken` grows with each attribute that could not be read
	bool limit;
};

// Takes one attribute's value. One that cannot be leaves its error in `v`: then it counts as
// absent, and nothing of it was taken.
typedef void take_attribute(struct radius_decoder *d, uint8_t type, struct wire_reader *v);
typedef uint8_t attribute_names(uint8_t type); // what it may name

// False when an attribute's length cannot be: what follows is lost.
static bool walk(struct radius_decoder *d, struct wire_reader r, take_attribute *take,
	attribute_names *named)
{
	while (wire_left(&r)) {
		uint8_t type = wire_get_u8(&r), length = wire_get_u8(&r);
		struct wire_reader value = wire_get_reader(&r, length < 2 ? 0 : length - 2u);
		if (r.error || length < 2)
			return false;
		take(d, type, &value);
		if (value.error)
			d->m->broken |= named(type);
	}
	return true;
}

#define OF_3GPP (SIGNALLING_BROKEN_IMSI | SIGNALLING_BROKEN_IMEI)

static uint8_t vendor_names(uint8_t type)
{
	return type == 1 ? SIGNALLING_BROKEN_IMSI : SIGNALLING_BROKEN_IMEI;
}

static uint8_t message_names(uint8_t type)
{
	switch (type) {
	case 1: // User-Name
		return SIGNALLING_BROKEN_NAI;
	case 26: // Vendor-Specific
		return OF_3GPP;
	case 31: // Calling-Station-Id
		return SIGNALLING_BROKEN_MSISDN;
	case 4:	  // NAS-IP-Address: the session's name is of it
	case 8:	  // Framed-IP-Address
	case 22:  // Framed-Route
	case 32:  // NAS-Identifier
	case 40:  // Acct-Status-Type
	case 44:  // Acct-Session-Id
	case 95:  // NAS-IPv6-Address
	case 97:  // Framed-IPv6-Prefix
	case 99:  // Framed-IPv6-Route
	case 123: // Delegated-IPv6-Prefix
	case 168: // Framed-IPv6-Address
		return SIGNALLING_BROKEN_SESSION;
	default:
		return SIGNALLING_BROKEN_OTHER;
	}
}

static void take_vendor(struct radius_decoder *d, uint8_t type, struct wire_reader *v)
{
	struct signalling_identity *u = &d->m->user;

	if (type != 1 && type != 20)
		return;
	if (!signalling_digits(signalling_rest(v), type == 1 ? &u->imsi : &u->imei))
		signalling_invalid(v);
}

static void add_prefix(struct radius_decoder *d, const struct ip_prefix *p)
{
	if (d->m->n_addresses < RADIUS_ADDRESSES_MAX)
		d->m->address[d->m->n_addresses++] = *p;
	else
		d->limit = true;
}

// 255.255.255.255 and .254 ask for an address to be chosen (RFC 2865 clause 5.8).
static void take_framed(struct radius_decoder *d, struct wire_reader *v, uint8_t family)
{
	struct ip_address a = signalling_address(v, family);

	if (v->error || signalling_address_zero(&a))
		return;
	if (family == 4 && wire_load32(a.b) >= 0xfffffffe)
		return;
	struct ip_prefix p = signalling_prefix(&a, 128);
	add_prefix(d, &p);
}

// As many octets of the prefix as its length needs may be there, and more.
static void take_framed_prefix(struct radius_decoder *d, struct wire_reader *v)
{
	struct ip_address a = {.family = 6};

	wire_get_u8(v); // reserved
	uint8_t length = wire_get_u8(v);
	size_t octets = wire_left(v);
	if (v->error)
		return;
	if (length > 128 || (length && length < SIGNALLING_PREFIX_MIN) || octets > sizeof(a.b) ||
		octets < (length + 7u) / 8) {
		signalling_invalid(v);
		return;
	}
	wire_get_octets(v, a.b, octets);
	struct ip_prefix p = signalling_prefix(&a, length);
	if (length)
		add_prefix(d, &p);
}

static void take_route(struct radius_decoder *d, struct wire_reader *v, uint8_t family)
{
	struct ip_prefix p;

	if (signalling_route(signalling_rest(v), family, &p))
		add_prefix(d, &p);
	else if (!p.family) // not even the default route
		signalling_invalid(v);
}

// A text that is empty is broken.
static void take_text(struct wire_reader *v, struct span *out)
{
	if (wire_left(v))
		*out = signalling_rest(v);
	else
		signalling_invalid(v);
}

static void take_address(struct wire_reader *v, uint8_t family, struct ip_address *out)
{
	struct ip_address a = signalling_address(v, family);

	if (!v->error)
		*out = a;
}

// A telephone number where it is one; a MAC address or a line's name elsewhere.
static void take_calling(struct radius_decoder *d, struct wire_reader *v)
{
	struct span text = {};

	take_text(v, &text);
	if (text.length && text.octets[0] == '+') {
		text.octets++;
		text.length--;
	}
	(void)signalling_digits(text, &d->m->user.msisdn);
}

// Nothing else depends on it: of another length it is absent.
static uint32_t take_seconds(struct wire_reader *v)
{
	return wire_left(v) == 4 ? wire_get_u32(v) : 0;
}

static void take_message(struct radius_decoder *d, uint8_t type, struct wire_reader *v)
{
	struct radius_message *m = d->m;
	uint32_t status;

	switch (type) {
	case 1: // User-Name
		take_text(v, &m->user.nai);
		break;
	case 4: // NAS-IP-Address
		take_address(v, 4, &m->nas4);
		break;
	case 8: // Framed-IP-Address
		take_framed(d, v, 4);
		break;
	case 22: // Framed-Route
	case 99: // Framed-IPv6-Route
		take_route(d, v, type == 22 ? 4 : 6);
		break;
	case 26: // Vendor-Specific
		if (wire_get_u32(v) == VENDOR_3GPP && !walk(d, *v, take_vendor, vendor_names))
			m->broken |= OF_3GPP;
		break;
	case 31: // Calling-Station-Id
		take_calling(d, v);
		break;
	case 32: // NAS-Identifier
		take_text(v, &m->nas_identifier);
		break;
	case 40: // Acct-Status-Type
		status = wire_get_u32(v);
		if (!v->error)
			m->status = status;
		break;
	case 41: // Acct-Delay-Time
		m->delay_s = take_seconds(v);
		break;
	case 44: // Acct-Session-Id
		take_text(v, &m->session);
		break;
	case 55: // Event-Timestamp (RFC 2869)
		m->event_s = take_seconds(v);
		break;
	case 95: // NAS-IPv6-Address
		take_address(v, 6, &m->nas6);
		break;
	case 97:  // Framed-IPv6-Prefix
	case 123: // Delegated-IPv6-Prefix
		take_framed_prefix(d, v);
		break;
	case 168: // Framed-IPv6-Address
		take_framed(d, v, 6);
		break;
	default:
		break;
	}
}

static bool complete(const struct radius_message *m)
{
	if (m->code == CODE_RESPONSE)
		return true;
	if (m->status == RADIUS_ON || m->status == RADIUS_OFF)
		return m->nas4.family || m->nas6.family || m->nas_identifier.length;
	return m->status && m->session.length;
}

enum signalling_reason radius_decode(
	const uint8_t *octets, uint32_t length, struct radius_message *out)
{
	struct wire_reader r = wire_reader_of(octets, length);
	struct radius_decoder d = {.m = out};

	memset(out, 0, sizeof(*out));
	out->code = wire_get_u8(&r);
	out->identifier = wire_get_u8(&r);
	uint16_t stated = wire_get_u16(&r);
	wire_take(&r, 16); // authenticator
	if (r.error || stated < HEADER_OCTETS)
		return SIGNALLING_SHORT;
	r = wire_get_reader(
		&r, stated - HEADER_OCTETS); // what follows is padding (RFC 2866 clause 3)
	if (r.error)
		return SIGNALLING_SHORT;
	out->raw = (struct span){octets, stated};
	if (out->code != CODE_REQUEST && out->code != CODE_RESPONSE)
		return SIGNALLING_TYPE;
	const bool cut = !walk(&d, r, take_message, message_names);
	if (cut) // what follows may have been anything
		out->broken |= SIGNALLING_BROKEN_USER | SIGNALLING_BROKEN_SESSION;
	return signalling_reason_of(complete(out), cut, d.limit, &out->broken);
}
