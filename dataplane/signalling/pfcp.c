// PFCP messages (3GPP TS 29.244 clauses 7.2, 7.4 and 7.5).

#include "dataplane/signalling/pfcp_internal.h"

#include <stddef.h>

#define PFCP_VERSION 1u
#define HEADER_FO 0x04u
#define HEADER_S 0x01u
#define HEADER_FIXED 4u // what the length field does not count

#define FSEID_V6 0x01u // the reverse of F-TEID
#define FSEID_V4 0x02u

#define USER_LATER 0x70u // User ID: forms of later releases

#define CAUSE_PARTIAL 3u
#define CAUSE_ACCEPTED_MAX 63u

static bool establishes(const struct pfcp_message *m)
{
	return m->type == PFCP_ESTABLISHMENT_REQUEST || m->type == PFCP_ESTABLISHMENT_RESPONSE;
}

// One without an address is its sender's where a session begins, and else broken.
static void take_f_seid(struct pfcp_decoder *d, struct wire_reader *v)
{
	struct f_seid f = {.present = true};
	uint8_t flags = wire_get_u8(v);

	f.seid = wire_get_u64(v);
	if (flags & FSEID_V4)
		f.v4 = signalling_address(v, 4);
	if (flags & FSEID_V6)
		f.v6 = signalling_address(v, 6);
	if (!(flags & (FSEID_V4 | FSEID_V6))) {
		if (establishes(d->m))
			d->m->broken |= SIGNALLING_BROKEN_OTHER;
		else
			signalling_invalid(v);
	}
	if (!v->error && !d->m->f_seid.present)
		d->m->f_seid = f;
}

static void take_node(struct pfcp_decoder *d, struct wire_reader *v)
{
	static const uint8_t least[] = {4, 16, 1};
	struct pfcp_node *n = &d->m->node;
	uint8_t kind = wire_get_u8(v) & 0x0f;

	if (v->error || kind >= sizeof(least) || wire_left(v) < least[kind]) {
		signalling_invalid(v);
		return;
	}
	if (n->kind != 255)
		return;
	n->kind = kind;
	n->value = signalling_rest(v);
	if (kind < 2)
		n->value.length = least[kind]; // what follows is not known
}

// The identity in a form of a later release (SUPI, GPSI, PEI), which is not followed: what the
// others do not name is not known.
static uint8_t unread_forms(const struct signalling_identity *u)
{
	return (uint8_t)((*u->imsi.text ? 0 : SIGNALLING_BROKEN_IMSI) |
			 (*u->msisdn.text ? 0 : SIGNALLING_BROKEN_MSISDN) |
			 (*u->imei.text ? 0 : SIGNALLING_BROKEN_IMEI) |
			 (u->nai.length ? 0 : SIGNALLING_BROKEN_NAI));
}

// Reads the flags, then each field with its length, in the order of the bits (clause 8.2.101).
static void take_user(struct pfcp_decoder *d, struct wire_reader *v)
{
	static const uint8_t kinds[] = {SIGNALLING_BROKEN_OWNER, SIGNALLING_BROKEN_IMEI,
		SIGNALLING_BROKEN_MSISDN, SIGNALLING_BROKEN_NAI};
	struct signalling_identity *u = &d->m->user;
	struct digits *const numbers[] = {&u->imsi, &u->imei, &u->msisdn};
	uint8_t flags = wire_get_u8(v);

	for (unsigned bit = 0; bit < 4; bit++) {
		if (!(flags & 1u << bit))
			continue;
		struct wire_reader field = wire_get_reader(v, wire_get_u8(v));
		if (bit < 3)
			signalling_tbcd(&field, numbers[bit]);
		else if (wire_left(&field))
			u->nai = signalling_rest(&field);
		else
			signalling_invalid(&field);
		if (field.error)
			d->m->broken |= kinds[bit];
	}
	if (flags & USER_LATER)
		d->m->broken |= unread_forms(u);
}

static void take_cause(struct pfcp_decoder *d, struct wire_reader *v)
{
	uint8_t cause = wire_get_u8(v);

	if (!cause)
		signalling_invalid(v);
	if (v->error)
		return;
	if (!d->m->cause)
		d->m->cause = cause;
	if (cause == CAUSE_PARTIAL)
		d->m->partial = true;
}

static void add_removed(struct pfcp_decoder *d, uint8_t kind, bool failed, uint32_t id)
{
	if (d->m->n_removed == PFCP_REMOVED_MAX) {
		d->limit = true;
		return;
	}
	d->m->removed[d->m->n_removed].kind = kind;
	d->m->removed[d->m->n_removed].failed = failed;
	d->m->removed[d->m->n_removed++].id = id;
}

// Failed Rule ID: rules of other kinds change nothing here.
static void take_failed(struct pfcp_decoder *d, struct wire_reader *v)
{
	uint8_t kind = wire_get_u8(v) & 0x1f;
	uint32_t id = kind == 0 ? wire_get_u16(v) : kind < 3 ? wire_get_u32(v) : 0;

	if (v->error || kind > 2)
		return;
	add_removed(d, kind == 0 ? 15 : kind == 1 ? 16 : 18, true, id);
	d->m->failed_pdrs += kind == 0;
	d->m->failed_fars += kind == 1;
}

static void take_partial_ie(struct pfcp_decoder *d, void *, unsigned type, struct wire_reader *v)
{
	if (type == 114)
		take_failed(d, v);
}

struct removal {
	unsigned kind;
	bool has_id;
	uint32_t id;
};

static void take_removal_ie(struct pfcp_decoder *, void *into, unsigned type, struct wire_reader *v)
{
	struct removal *r = into;

	if (r->has_id)
		return;
	if (r->kind == 15 && type == 56)
		r->id = wire_get_u16(v);
	else if ((r->kind == 16 && type == 108) || (r->kind == 18 && type == 109))
		r->id = wire_get_u32(v);
	else if (r->kind == 130 && type == 131)
		r->id = wire_get_u8(v);
	else
		return;
	r->has_id = !v->error;
}

static void take_removal(struct pfcp_decoder *d, struct wire_reader *v, unsigned kind)
{
	struct removal r = {.kind = kind};

	(void)pfcp_walk_group(d, *v, take_removal_ie, &r);
	if (r.has_id)
		add_removed(d, (uint8_t)kind, false, r.id);
	else
		signalling_invalid(v); // what is removed is not known
}

// Reads IEs that only a request holds.
static void take_request_ie(struct pfcp_decoder *d, unsigned type, struct wire_reader *v)
{
	switch (type) {
	case 1:
	case 9:
		pfcp_take_pdr(d, v, type == 1 ? PFCP_CREATE : PFCP_UPDATE);
		break;
	case 3:
	case 10:
		pfcp_take_far(d, v, type == 3 ? PFCP_CREATE : PFCP_UPDATE);
		break;
	case 127:
	case 129:
		pfcp_take_endpoint(d, v, type == 127 ? PFCP_CREATE : PFCP_UPDATE);
		break;
	case 15:
	case 16:
	case 18:
	case 130:
		take_removal(d, v, type);
		break;
	case 113: // PDN Type
		d->m->pdn_type = wire_get_u8(v) & 0x07;
		break;
	case 141:
		take_user(d, v);
		break;
	case 159: // APN/DNN
		if (!wire_left(v))
			signalling_invalid(v);
		else if (!d->m->dnn.length)
			d->m->dnn = signalling_rest(v);
		break;
	case 161: // PFCPSRReq-Flags: PSDBU
		d->m->deleted_by_up |= wire_get_u8(v) & 1;
		break;
	case 183: // Session Retention Information
		d->m->retention = true;
		break;
	case 186: // PFCPSEReq-Flags: RESTI
		d->m->resti |= wire_get_u8(v) & 1;
		break;
	default:
		break;
	}
}

// Reads IEs that only a response holds. Some user planes report created objects in the IEs that
// asked for them.
static void take_response_ie(struct pfcp_decoder *d, unsigned type, struct wire_reader *v)
{
	switch (type) {
	case 8:	  // Created PDR
	case 256: // Updated PDR
	case 1:	  // Create PDR
	case 9:	  // Update PDR
		pfcp_take_pdr(d, v, PFCP_CREATED);
		break;
	case 19:
		take_cause(d, v);
		break;
	case 114:
		take_failed(d, v);
		break;
	case 128: // Created Traffic Endpoint
	case 127: // Create Traffic Endpoint
	case 129: // Update Traffic Endpoint
		pfcp_take_endpoint(d, v, PFCP_CREATED);
		break;
	case 184: // PFCPASRsp-Flags: PSREI
		d->m->psrei |= wire_get_u8(v) & 1;
		break;
	case 272: // Partial Failure Information
		d->m->partial = true;
		(void)pfcp_walk_group(d, *v, take_partial_ie, NULL);
		break;
	default:
		break;
	}
}

static void take_csid(struct pfcp_decoder *d, struct wire_reader *v)
{
	if (!wire_left(v))
		signalling_invalid(v);
	else if (d->m->n_csids < PFCP_CSIDS_MAX)
		d->m->csid[d->m->n_csids++] = signalling_rest(v);
	else
		d->limit = true;
}

enum role { NOT_FOLLOWED, REQUEST, RESPONSE };

static enum role message_role(uint8_t type)
{
	switch (type) {
	case PFCP_HEARTBEAT_REQUEST:
	case PFCP_ASSOCIATION_SETUP_REQUEST:
	case PFCP_ASSOCIATION_RELEASE_REQUEST:
	case PFCP_SET_DELETION_REQUEST:
	case PFCP_ESTABLISHMENT_REQUEST:
	case PFCP_MODIFICATION_REQUEST:
	case PFCP_DELETION_REQUEST:
	case PFCP_REPORT_REQUEST:
		return REQUEST;
	case PFCP_HEARTBEAT_RESPONSE:
	case PFCP_ASSOCIATION_SETUP_RESPONSE:
	case PFCP_ASSOCIATION_RELEASE_RESPONSE:
	case PFCP_SET_DELETION_RESPONSE:
	case PFCP_ESTABLISHMENT_RESPONSE:
	case PFCP_MODIFICATION_RESPONSE:
	case PFCP_DELETION_RESPONSE:
	case PFCP_REPORT_RESPONSE:
		return RESPONSE;
	default:
		return NOT_FOLLOWED;
	}
}

static void take_message_ie(struct pfcp_decoder *d, void *, unsigned type, struct wire_reader *v)
{
	uint32_t stamp;

	switch (type) {
	case 57:
		take_f_seid(d, v);
		break;
	case 60:
		take_node(d, v);
		break;
	case 65:
		take_csid(d, v);
		break;
	case 96: // Recovery Time Stamp
		stamp = wire_get_u32(v);
		if (!v->error && !d->m->has_recovery) {
			d->m->recovery = stamp;
			d->m->has_recovery = true;
		}
		break;
	default:
		if (message_role(d->m->type) == RESPONSE)
			take_response_ie(d, type, v);
		else
			take_request_ie(d, type, v);
		break;
	}
}

// Without these nothing can be made of the message; what else is mandatory is between the nodes.
static bool complete(const struct pfcp_message *m)
{
	switch (m->type) {
	case PFCP_HEARTBEAT_REQUEST:
	case PFCP_HEARTBEAT_RESPONSE:
		return m->has_recovery;
	case PFCP_ASSOCIATION_SETUP_REQUEST:
	case PFCP_ASSOCIATION_RELEASE_REQUEST:
		return m->node.kind != 255;
	case PFCP_SET_DELETION_REQUEST:
		return m->node.kind != 255 && (m->n_csids > 0 || !m->broken);
	case PFCP_ESTABLISHMENT_REQUEST:
		return m->has_seid && m->f_seid.present;
	case PFCP_ESTABLISHMENT_RESPONSE:
		return m->has_seid && m->cause &&
		       (m->cause > CAUSE_ACCEPTED_MAX || m->f_seid.present);
	case PFCP_MODIFICATION_REQUEST:
	case PFCP_DELETION_REQUEST:
	case PFCP_REPORT_REQUEST:
		return m->has_seid;
	case PFCP_MODIFICATION_RESPONSE:
	case PFCP_DELETION_RESPONSE:
	case PFCP_REPORT_RESPONSE:
		return m->has_seid && m->cause;
	default:
		return m->cause;
	}
}

// Only where a session begins is its user taken.
static void finish_broken(struct pfcp_message *m, bool cut)
{
	if (cut) // what follows may have been anything
		m->broken |= SIGNALLING_BROKEN_IDENTITY | SIGNALLING_BROKEN_SESSION;
	if (m->type == PFCP_ESTABLISHMENT_REQUEST || !(m->broken & SIGNALLING_BROKEN_USER))
		return;
	m->broken &= (uint8_t)~SIGNALLING_BROKEN_USER;
	m->broken |= SIGNALLING_BROKEN_OTHER;
}

// The header behind its length, also of a message that is cut short. False: not even that is there.
static bool take_header(struct pfcp_message *m, struct wire_reader *r, uint8_t flags)
{
	m->has_seid = flags & HEADER_S;
	if (m->has_seid)
		m->seid = wire_get_u64(r);
	m->has_seid = m->has_seid && !r->error;
	m->sequence = wire_get_u32(r) >> 8;
	return !r->error;
}

enum signalling_reason pfcp_decode(const uint8_t *octets, uint32_t length, struct pfcp_message *out,
	uint32_t *used, bool *more)
{
	struct wire_reader r = wire_reader_of(octets, length), all;
	struct pfcp_decoder d = {.m = out};

	// The arrays of rules behind are large; each entry is cleared when it is taken.
	memset(out, 0, offsetof(struct pfcp_message, removed));
	out->node.kind = 255;
	*used = 0;
	*more = false;
	uint8_t flags = wire_get_u8(&r);
	out->type = wire_get_u8(&r);
	uint16_t rest = wire_get_u16(&r);
	if (r.error)
		return SIGNALLING_SHORT;
	if (flags >> 5 != PFCP_VERSION) {
		out->type = 0;
		return SIGNALLING_VERSION;
	}
	all = r;
	*more = flags & HEADER_FO;
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
	const bool cut = !pfcp_walk(&d, r, take_message_ie, NULL);
	finish_broken(out, cut);
	return signalling_reason_of(complete(out), cut, d.limit, &out->broken);
}
