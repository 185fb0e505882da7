// GTPv2-C messages of S11 and S5/S8 (3GPP TS 29.274 clauses 5, 7 and 8).

#include "dataplane/signalling/signalling_internal.h"

#include <stddef.h>

#define GTP_VERSION 2u
#define GTPV1_OF_PATH 7u // GTPv1-C shares the port: these types are between nodes, of no session
#define HEADER_P 0x10u
#define HEADER_T 0x08u
#define HEADER_FIXED 4u // what the length field does not count

#define FTEID_V4 0x80u
#define FTEID_V6 0x40u

#define PAA_V4 1u
#define PAA_V6 2u
#define PAA_V4V6 3u
#define PAA_LAST 5u // Non-IP and Ethernet have no address
#define PREFIX_DEFAULT 64u

struct gtpv2_decoder {
	struct gtpv2_message *m; // `broken` grows with each IE that could not be read
	bool unusable;		 // what it acts on could not be read
	bool limit;
};

struct gtpv2_ie {
	uint8_t type, instance;
	struct wire_reader value; // its error: the IE is broken, and nothing of it was taken
};

typedef void take_ie(struct gtpv2_decoder *d, void *into, struct gtpv2_ie *ie);

// Returns the values that an IE of that type may name (TS 29.274 clause 8.1).
static uint8_t named(uint8_t type)
{
	switch (type) {
	case 1:
		return SIGNALLING_BROKEN_OWNER;
	case 75:
		return SIGNALLING_BROKEN_IMEI;
	case 76:
		return SIGNALLING_BROKEN_MSISDN;
	case 3:	  // Recovery
	case 132: // FQ-CSID
		return SIGNALLING_BROKEN_OTHER;
	default:
		return SIGNALLING_BROKEN_SESSION;
	}
}

// False when an IE runs beyond the group: what follows is lost.
static bool walk(struct gtpv2_decoder *d, struct wire_reader group, take_ie *take, void *into)
{
	while (wire_left(&group)) {
		struct gtpv2_ie ie = {.type = wire_get_u8(&group)};
		uint16_t length = wire_get_u16(&group);
		ie.instance = wire_get_u8(&group) & 0x0f;
		ie.value = wire_get_reader(&group, length);
		if (group.error)
			return false;
		take(d, into, &ie);
		if (ie.value.error)
			d->m->broken |= named(ie.type);
	}
	return true;
}

static void take_fteid(struct gtpv2_ie *ie, struct gtpv2_fteid *out)
{
	struct wire_reader *v = &ie->value;
	uint8_t flags = wire_get_u8(v);

	*out = (struct gtpv2_fteid){.interface = flags & 0x3f, .instance = ie->instance};
	out->end.teid = wire_get_u32(v);
	if (flags & FTEID_V4)
		out->end.v4 = signalling_address(v, 4);
	if (flags & FTEID_V6)
		out->end.v6 = signalling_address(v, 6);
}

static bool has_address(const struct gtpv2_fteid *f)
{
	return f->end.v4.family || f->end.v6.family;
}

// The first Cause of a message or bearer. Octet 2 holds flags that change nothing here.
static void take_cause(struct wire_reader *v, uint8_t *out)
{
	uint8_t cause = wire_get_u8(v);

	if (!cause)
		signalling_invalid(v);
	else if (!*out)
		*out = cause;
}

// Interface types of the user plane (TS 29.274 clause 8.22). One that is not known may be of a
// tunnel whose packets are not found; GRE (PMIPv6) is not looked at.
static bool is_user_plane(uint8_t interface)
{
	return interface <= 5 || interface == 15 || interface == 16 ||
	       (interface >= 19 && interface <= 23) || (interface >= 28 && interface <= 29) ||
	       interface == 31 || interface == 33 || interface == 34 ||
	       (interface >= 37 && interface <= 39);
}

// The first of each instance counts.
static void take_user_end(struct gtpv2_decoder *d, struct gtpv2_bearer *b, struct gtpv2_ie *ie)
{
	struct gtpv2_fteid end;

	take_fteid(ie, &end);
	if (!has_address(&end) || !is_user_plane(end.interface))
		signalling_invalid(&ie->value);
	if (ie->value.error)
		return;
	for (unsigned i = 0; i < b->n_ends; i++)
		if (b->end[i].instance == end.instance)
			return;
	if (b->n_ends < GTPV2_ENDS_MAX)
		b->end[b->n_ends++] = end;
	else
		d->limit = true;
}

static void take_bearer_ie(struct gtpv2_decoder *d, void *into, struct gtpv2_ie *ie)
{
	struct gtpv2_bearer *b = into;
	uint8_t ebi;

	switch (ie->type) {
	case 2:
		take_cause(&ie->value, &b->cause);
		break;
	case 73: // EBI
		ebi = wire_get_u8(&ie->value) & 0x0f;
		if (ie->value.error || b->has_ebi)
			break;
		b->ebi = ebi;
		b->has_ebi = true;
		break;
	case 87:
		take_user_end(d, b, ie);
		break;
	default:
		break;
	}
}

static void take_bearer(struct gtpv2_decoder *d, struct gtpv2_ie *ie)
{
	if (ie->instance > 1)
		return; // bearers with other ends than their tunnels
	if (d->m->n_bearers == GTPV2_BEARERS_MAX) {
		d->limit = true;
		return;
	}
	struct gtpv2_bearer *b = &d->m->bearer[d->m->n_bearers++];
	memset(b, 0, sizeof(*b));
	b->removed = ie->instance == 1;
	if (!walk(d, ie->value, take_bearer_ie, b) || !b->has_ebi)
		d->m->broken |= SIGNALLING_BROKEN_SESSION;
}

static void take_paa(struct gtpv2_message *m, struct wire_reader *v)
{
	struct ip_address v4 = {}, v6 = {};
	uint8_t length = 0, kind = wire_get_u8(v) & 0x07;

	if (kind == PAA_V6 || kind == PAA_V4V6) {
		length = wire_get_u8(v);
		v6 = signalling_address(v, 6);
	}
	if (kind == PAA_V4 || kind == PAA_V4V6)
		v4 = signalling_address(v, 4);
	if (length > 128 || (length && length < SIGNALLING_PREFIX_MIN) || kind == 0 ||
		kind > PAA_LAST)
		signalling_invalid(v);
	if (v->error)
		return;
	// one of the two is given to the user later, and absent here
	if (kind == PAA_V4V6 && m->type == GTPV2_CREATE_SESSION_RESPONSE &&
		signalling_address_zero(&v4) != signalling_address_zero(&v6))
		m->broken |= SIGNALLING_BROKEN_SESSION;
	if (v4.family && !signalling_address_zero(&v4) && !m->has_ue4) {
		m->has_ue4 = true;
		m->ue4 = signalling_prefix(&v4, 32);
	}
	if (v6.family && !signalling_address_zero(&v6) && !m->has_ue6) {
		m->has_ue6 = true;
		m->ue6 = signalling_prefix(&v6, length ? length : PREFIX_DEFAULT);
	}
}

// The first counts.
static void take_number(struct wire_reader *v, struct digits *out)
{
	struct digits number;

	signalling_tbcd(v, &number);
	if (!out->text[0])
		*out = number;
}

static bool is_request(uint8_t type);

// Instance 0 is the default bearer of the PDN connection, 1 the list of a Delete Bearer Request; in
// a Release Access Bearers Request 0 is a list of those to release. Without it a request would be
// for more bearers than it is meant for.
static void take_ebi(struct gtpv2_decoder *d, struct gtpv2_ie *ie)
{
	uint8_t ebi = wire_get_u8(&ie->value) & 0x0f;
	uint8_t list = d->m->type == GTPV2_RELEASE_ACCESS_REQUEST ? 0 : 1;

	if (ie->value.error) {
		d->unusable |= is_request(d->m->type) && d->m->type != GTPV2_CREATE_SESSION_REQUEST;
		return;
	}
	if (ie->instance == 0 && !d->m->linked_ebi)
		d->m->linked_ebi = ebi;
	if (ie->instance == list) {
		if (d->m->n_ebis < GTPV2_BEARERS_MAX)
			d->m->ebi[d->m->n_ebis++] = ebi;
		else
			d->limit = true;
	}
}

// One without address is of the sender. Without TEID it names no end: a PGW that has none yet, or
// what an MME sends in every Modify Bearer Request. The first of each instance counts.
static void take_control(struct gtpv2_decoder *d, struct gtpv2_ie *ie)
{
	struct gtpv2_message *m = d->m;
	struct gtpv2_fteid end;

	take_fteid(ie, &end);
	if (ie->value.error)
		return;
	if (!has_address(&end))
		m->broken |= SIGNALLING_BROKEN_OTHER;
	if (end.end.teid == 0)
		return;
	for (unsigned i = 0; i < m->n_control; i++)
		if (m->control[i].instance == end.instance)
			return;
	if (m->n_control < sizeof(m->control) / sizeof(m->control[0]))
		m->control[m->n_control++] = end;
	else
		d->limit = true;
}

static void take_message_ie(struct gtpv2_decoder *d, void *, struct gtpv2_ie *ie)
{
	struct gtpv2_message *m = d->m;
	struct wire_reader *v = &ie->value;
	uint8_t octet;

	switch (ie->type) {
	case 1:
		take_number(v, &m->user.imsi);
		break;
	case 2:
		take_cause(v, &m->cause);
		break;
	case 3: // Recovery
		octet = wire_get_u8(v);
		if (v->error || m->has_recovery)
			break;
		m->recovery = octet;
		m->has_recovery = true;
		break;
	case 71: // APN
		if (!wire_left(v))
			signalling_invalid(v);
		else if (!m->apn.length)
			m->apn = signalling_rest(v);
		break;
	case 73:
		take_ebi(d, ie);
		break;
	case 75: // MEI
		take_number(v, &m->user.imei);
		break;
	case 76:
		take_number(v, &m->user.msisdn);
		break;
	case 79:
		take_paa(m, v);
		break;
	case 87:
		take_control(d, ie);
		break;
	case 93:
		take_bearer(d, ie);
		break;
	case 132: // FQ-CSID
		if (!wire_left(v))
			signalling_invalid(v);
		else if (m->n_csids < PFCP_CSIDS_MAX)
			m->csid[m->n_csids++] = signalling_rest(v);
		else
			d->limit = true;
		break;
	default:
		break;
	}
}

enum role { NOT_FOLLOWED, REQUEST, RESPONSE };

static enum role message_role(uint8_t type)
{
	switch (type) {
	case GTPV2_ECHO_REQUEST:
	case GTPV2_CREATE_SESSION_REQUEST:
	case GTPV2_MODIFY_BEARER_REQUEST:
	case GTPV2_DELETE_SESSION_REQUEST:
	case GTPV2_CREATE_BEARER_REQUEST:
	case GTPV2_UPDATE_BEARER_REQUEST:
	case GTPV2_DELETE_BEARER_REQUEST:
	case GTPV2_DELETE_PDN_SET_REQUEST:
	case GTPV2_RELEASE_ACCESS_REQUEST:
	case GTPV2_MODIFY_ACCESS_REQUEST:
	case GTPV2_ECHO_RESPONSE: // has no cause
		return REQUEST;
	case GTPV2_CREATE_SESSION_RESPONSE:
	case GTPV2_MODIFY_BEARER_RESPONSE:
	case GTPV2_DELETE_SESSION_RESPONSE:
	case GTPV2_CREATE_BEARER_RESPONSE:
	case GTPV2_UPDATE_BEARER_RESPONSE:
	case GTPV2_DELETE_BEARER_RESPONSE:
	case GTPV2_DELETE_PDN_SET_RESPONSE:
	case GTPV2_RELEASE_ACCESS_RESPONSE:
	case GTPV2_MODIFY_ACCESS_RESPONSE:
		return RESPONSE;
	default:
		return NOT_FOLLOWED;
	}
}

static bool is_request(uint8_t type)
{
	return message_role(type) == REQUEST;
}

// For all bearers, or connections, of a user when it names none.
static bool may_be_of_all(uint8_t type)
{
	return type == GTPV2_DELETE_SESSION_REQUEST || type == GTPV2_RELEASE_ACCESS_REQUEST;
}

static bool has_sender(const struct gtpv2_message *m)
{
	for (unsigned i = 0; i < m->n_control; i++)
		if (m->control[i].instance == 0)
			return true;
	return false;
}

// Without these nothing can be made of the message.
static bool complete(const struct gtpv2_message *m)
{
	if (m->type == GTPV2_ECHO_REQUEST || m->type == GTPV2_ECHO_RESPONSE)
		return m->has_recovery;
	if (!m->has_teid)
		return false;
	if (m->type == GTPV2_CREATE_SESSION_REQUEST)
		return has_sender(m);
	if (m->type == GTPV2_DELETE_PDN_SET_REQUEST)
		return m->n_csids > 0 || !m->broken;
	return is_request(m->type) || m->cause;
}

// Returns the identities used of a message of its user.
static uint8_t user_of(uint8_t type)
{
	switch (type) {
	case GTPV2_CREATE_SESSION_REQUEST:
		return SIGNALLING_BROKEN_USER;
	case GTPV2_MODIFY_BEARER_REQUEST:
		return SIGNALLING_BROKEN_IMEI;
	case GTPV2_MODIFY_BEARER_RESPONSE:
		return SIGNALLING_BROKEN_MSISDN;
	default:
		return 0;
	}
}

static void finish_broken(struct gtpv2_message *m, bool cut)
{
	const uint8_t useless = SIGNALLING_BROKEN_USER & (uint8_t)~user_of(m->type);

	if (cut) // what follows may have been anything
		m->broken |= SIGNALLING_BROKEN_USER | SIGNALLING_BROKEN_SESSION;
	if (!(m->broken & useless))
		return;
	m->broken &= (uint8_t)~useless;
	m->broken |= SIGNALLING_BROKEN_OTHER;
}

// The header behind its length, also of a message that is cut short. False: not even that is there.
static bool take_header(struct gtpv2_message *m, struct wire_reader *r, uint8_t flags)
{
	m->has_teid = flags & HEADER_T;
	if (m->has_teid)
		m->teid = wire_get_u32(r);
	m->has_teid = m->has_teid && !r->error;
	m->sequence = wire_get_u32(r) >> 8;
	return !r->error;
}

enum signalling_reason gtpv2_decode(const uint8_t *octets, uint32_t length,
	struct gtpv2_message *out, uint32_t *used, bool *more)
{
	struct wire_reader r = wire_reader_of(octets, length), all;
	struct gtpv2_decoder d = {.m = out};

	memset(out, 0, offsetof(struct gtpv2_message, bearer));
	*used = 0;
	*more = false;
	uint8_t flags = wire_get_u8(&r);
	out->type = wire_get_u8(&r);
	uint16_t rest = wire_get_u16(&r);
	if (r.error)
		return SIGNALLING_SHORT;
	if (flags >> 5 != GTP_VERSION) {
		const bool of_path = flags >> 5 == 1 && out->type <= GTPV1_OF_PATH;
		out->type = 0;
		return of_path ? SIGNALLING_TYPE : SIGNALLING_VERSION;
	}
	all = r;
	*more = flags & HEADER_P;
	r = wire_get_reader(&all, rest);
	if (r.error || rest > UINT16_MAX - HEADER_FIXED) {
		all = wire_reader_of(octets + HEADER_FIXED, length - HEADER_FIXED);
		(void)take_header(out, &all, flags);
		return SIGNALLING_SHORT;
	}
	*used = HEADER_FIXED + rest;
	out->raw = (struct span){octets, (uint16_t)*used};
	if (!take_header(out, &r, flags))
		return SIGNALLING_SHORT;
	if (message_role(out->type) == NOT_FOLLOWED)
		return SIGNALLING_TYPE;
	const bool cut = !walk(&d, r, take_message_ie, NULL);
	d.unusable |= cut && may_be_of_all(out->type);
	finish_broken(out, cut);
	return signalling_reason_of(complete(out) && !d.unusable, cut, d.limit, &out->broken);
}
