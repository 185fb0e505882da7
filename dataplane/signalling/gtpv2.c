// GTPv2-C messages of S11 and S5/S8 (3GPP TS 29.274 clauses 5, 7 and 8).

#include "dataplane/signalling/signalling_internal.h"

#include <stddef.h>

#define GTP_VERSION 2u
#define HEADER_P 0x10u
#define HEADER_T 0x08u
#define HEADER_FIXED 4u // what the length field does not count

#define FTEID_V4 0x80u
#define FTEID_V6 0x40u

#define PAA_V4 1u
#define PAA_V6 2u
#define PAA_V4V6 3u
#define PREFIX_DEFAULT 64u

struct gtpv2_decoder {
	struct gtpv2_message *m;
	enum signalling_reason why; // the first fault
	bool limit;
};

struct gtpv2_ie {
	uint8_t type, instance;
	struct wire_reader value;
};

typedef void take_ie(struct gtpv2_decoder *d, void *into, struct gtpv2_ie *ie);

static void fault(struct gtpv2_decoder *d, enum signalling_reason why)
{
	if (!d->why)
		d->why = why;
}

static void walk(struct gtpv2_decoder *d, struct wire_reader group, take_ie *take, void *into)
{
	while (!d->why && wire_left(&group)) {
		struct gtpv2_ie ie = {.type = wire_get_u8(&group)};
		uint16_t length = wire_get_u16(&group);
		ie.instance = wire_get_u8(&group) & 0x0f;
		ie.value = wire_get_reader(&group, length);
		if (group.error) {
			fault(d, SIGNALLING_IE_LENGTH);
			return;
		}
		take(d, into, &ie);
		if (ie.value.error)
			fault(d, SIGNALLING_IE_VALUE);
	}
}

static void take_fteid(struct gtpv2_decoder *d, struct gtpv2_ie *ie, struct gtpv2_fteid *out)
{
	struct wire_reader *v = &ie->value;
	uint8_t flags = wire_get_u8(v);

	*out = (struct gtpv2_fteid){.interface = flags & 0x3f, .instance = ie->instance};
	out->end.teid = wire_get_u32(v);
	if (flags & FTEID_V4)
		out->end.v4 = signalling_address(v, 4);
	if (flags & FTEID_V6)
		out->end.v6 = signalling_address(v, 6);
	if (!(flags & (FTEID_V4 | FTEID_V6)))
		fault(d, SIGNALLING_IE_VALUE);
}

// The first Cause of a message or bearer. Octet 2 holds flags that change nothing here.
static void take_cause(struct gtpv2_decoder *d, struct wire_reader *v, uint8_t *out)
{
	uint8_t cause = wire_get_u8(v);

	if (!v->error && !cause)
		fault(d, SIGNALLING_IE_VALUE);
	if (!*out)
		*out = cause;
}

static void take_bearer_ie(struct gtpv2_decoder *d, void *into, struct gtpv2_ie *ie)
{
	struct gtpv2_bearer *b = into;
	struct gtpv2_fteid end;
	uint8_t ebi;

	switch (ie->type) {
	case 2:
		take_cause(d, &ie->value, &b->cause);
		break;
	case 73: // EBI
		ebi = wire_get_u8(&ie->value) & 0x0f;
		if (!b->has_ebi)
			b->ebi = ebi;
		b->has_ebi = true;
		break;
	case 87:
		take_fteid(d, ie, &end);
		if (b->n_ends < GTPV2_ENDS_MAX)
			b->end[b->n_ends++] = end;
		else
			d->limit = true;
		break;
	default:
		break;
	}
}

static void take_bearer(struct gtpv2_decoder *d, struct gtpv2_ie *ie)
{
	if (ie->instance > 1)
		return; // bearers that are told for other ends than their tunnels
	if (d->m->n_bearers == GTPV2_BEARERS_MAX) {
		d->limit = true;
		return;
	}
	struct gtpv2_bearer *b = &d->m->bearer[d->m->n_bearers++];
	memset(b, 0, sizeof(*b));
	b->removed = ie->instance == 1;
	walk(d, ie->value, take_bearer_ie, b);
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
	if (v->error)
		return;
	if (v4.family && !signalling_address_zero(&v4) && !m->has_ue4) {
		m->has_ue4 = true;
		m->ue4 = signalling_prefix(&v4, 32);
	}
	if (v6.family && !signalling_address_zero(&v6) && !m->has_ue6) {
		m->has_ue6 = true;
		m->ue6 = signalling_prefix(&v6, length ? length : PREFIX_DEFAULT);
	}
}

static void take_number(struct gtpv2_decoder *d, struct wire_reader *v, struct digits *out)
{
	struct digits number;

	if (!signalling_tbcd(v, &number))
		fault(d, SIGNALLING_IE_VALUE);
	if (!out->text[0])
		*out = number;
}

// Instance 0 is the default bearer of the PDN connection, 1 the list of a Delete Bearer Request; in
// a Release Access Bearers Request 0 is a list of those to release.
static void take_ebi(struct gtpv2_decoder *d, struct gtpv2_ie *ie)
{
	uint8_t ebi = wire_get_u8(&ie->value) & 0x0f;
	uint8_t list = d->m->type == GTPV2_RELEASE_ACCESS_REQUEST ? 0 : 1;

	if (ie->instance == 0 && !d->m->linked_ebi)
		d->m->linked_ebi = ebi;
	if (ie->instance == list && !ie->value.error) {
		if (d->m->n_ebis < GTPV2_BEARERS_MAX)
			d->m->ebi[d->m->n_ebis++] = ebi;
		else
			d->limit = true;
	}
}

static void take_control(struct gtpv2_decoder *d, struct gtpv2_ie *ie)
{
	struct gtpv2_message *m = d->m;
	struct gtpv2_fteid end;

	take_fteid(d, ie, &end);
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
		take_number(d, v, &m->user.imsi);
		break;
	case 2:
		take_cause(d, v, &m->cause);
		break;
	case 3: // Recovery
		octet = wire_get_u8(v);
		if (!m->has_recovery)
			m->recovery = octet;
		m->has_recovery = true;
		break;
	case 71: // APN
		if (!m->apn.length)
			m->apn = signalling_rest(v);
		break;
	case 73:
		take_ebi(d, ie);
		break;
	case 75: // MEI
		take_number(d, v, &m->user.imei);
		break;
	case 76:
		take_number(d, v, &m->user.msisdn);
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
		if (m->n_csids < PFCP_CSIDS_MAX)
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
	return message_role(m->type) == REQUEST || m->cause;
}

enum signalling_reason gtpv2_decode(const uint8_t *octets, uint32_t length,
	struct gtpv2_message *out, uint32_t *used, bool *more)
{
	struct wire_reader r = wire_reader_of(octets, length);
	struct gtpv2_decoder d = {.m = out};

	memset(out, 0, offsetof(struct gtpv2_message, bearer));
	*used = 0;
	*more = false;
	uint8_t flags = wire_get_u8(&r);
	out->type = wire_get_u8(&r);
	uint16_t rest = wire_get_u16(&r);
	if (r.error)
		return SIGNALLING_SHORT;
	if (flags >> 5 != GTP_VERSION)
		return SIGNALLING_VERSION;
	r = wire_get_reader(&r, rest);
	if (r.error || rest > UINT16_MAX - HEADER_FIXED)
		return SIGNALLING_SHORT;
	*used = HEADER_FIXED + rest;
	*more = flags & HEADER_P;
	out->raw = (struct span){octets, (uint16_t)*used};
	out->has_teid = flags & HEADER_T;
	if (out->has_teid)
		out->teid = wire_get_u32(&r);
	out->sequence = wire_get_u32(&r) >> 8;
	if (r.error)
		return SIGNALLING_SHORT;
	if (message_role(out->type) == NOT_FOLLOWED)
		return SIGNALLING_TYPE;
	walk(&d, r, take_message_ie, NULL);
	if (d.why)
		return d.why;
	if (!complete(out))
		return SIGNALLING_MISSING;
	return d.limit ? SIGNALLING_LIMIT : SIGNALLING_OK;
}
