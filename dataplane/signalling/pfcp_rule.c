// The groups of a PFCP session that select packets and forward them (3GPP TS 29.244 clauses
// 7.5.2.2, 7.5.2.3, 7.5.2.7 and their update and created forms).

#include "dataplane/signalling/pfcp_internal.h"

#define FTEID_V4 0x01u
#define FTEID_V6 0x02u
#define FTEID_CH 0x04u
#define FTEID_CHID 0x08u

#define UE_V6 0x01u // the reverse of F-TEID
#define UE_V4 0x02u
#define UE_IPV6D 0x08u
#define UE_CHV4 0x10u
#define UE_CHV6 0x20u
#define UE_IP6PL 0x40u
#define UE_PREFIX_DEFAULT 64u

#define SDF_FD 0x01u
#define SDF_TTC 0x02u
#define SDF_SPI 0x04u
#define SDF_FL 0x08u
#define SDF_BID 0x10u

// Outer Header Creation: octets 5 and 6 as one number.
#define OUTER_GTPU4 0x0100u
#define OUTER_GTPU6 0x0200u

#define SMREQ_SNDEM 0x02u

void pfcp_take_fteid(struct wire_reader *v, struct pfcp_fteid *out)
{
	uint8_t flags = wire_get_u8(v);
	struct pfcp_fteid f = {.present = true, .choose = flags & FTEID_CH};

	if (f.choose) {
		f.has_choose_id = flags & FTEID_CHID;
		if (f.has_choose_id)
			f.choose_id = wire_get_u8(v);
	} else {
		f.end.teid = wire_get_u32(v);
		if (flags & FTEID_V4)
			f.end.v4 = signalling_address(v, 4);
		if (flags & FTEID_V6)
			f.end.v6 = signalling_address(v, 6);
		if (!(flags & (FTEID_V4 | FTEID_V6)))
			signalling_invalid(v);
	}
	if (!v->error && !out->present) // only the first of an IE that is no list counts
		*out = f;
}

struct ue_list {
	struct ue_address *at;
	uint8_t *n;
};

static void add_ue(struct pfcp_decoder *d, struct ue_list l, const struct ue_address *ue)
{
	if (*l.n < PFCP_UE_MAX)
		l.at[(*l.n)++] = *ue;
	else
		d->limit = true;
}

// `asked`: there is no address, the UPF is to give one.
static void add_ue_address(
	struct pfcp_decoder *d, struct ue_list l, const struct ip_address *a, unsigned length)
{
	struct ue_address ue = {.choose = signalling_address_zero(a), .asked = length == 0};

	if (ue.choose) // no host has it: it stands for one that is yet to come
		ue.prefix.family = a->family;
	else
		ue.prefix = signalling_prefix(a, (uint8_t)length);
	add_ue(d, l, &ue);
}

// Octets of prefix length of an IPv6 address, in one of two ways; 0 leaves it to the UPF.
static unsigned ue_prefix_length(struct wire_reader *v, uint8_t flags)
{
	unsigned length = UE_PREFIX_DEFAULT;

	if (flags & UE_IPV6D) {
		uint8_t delegated = wire_get_u8(v);
		if (delegated >= UE_PREFIX_DEFAULT)
			signalling_invalid(v);
		length -= delegated;
	}
	if (flags & UE_IP6PL) {
		uint8_t given = wire_get_u8(v);
		if (given > 128)
			signalling_invalid(v);
		if (given)
			length = given;
	}
	if (length < SIGNALLING_PREFIX_MIN)
		signalling_invalid(v);
	return length;
}

static void take_ue(struct pfcp_decoder *d, struct wire_reader *v, struct ue_list l)
{
	static const struct ip_address none[] = {{.family = 4}, {.family = 6}};
	struct ip_address v4 = {}, v6 = {};
	uint8_t flags = wire_get_u8(v);

	if (flags & UE_V4)
		v4 = signalling_address(v, 4);
	if (flags & UE_V6)
		v6 = signalling_address(v, 6);
	unsigned length = ue_prefix_length(v, flags);
	if (!(flags & (UE_V4 | UE_V6 | UE_CHV4 | UE_CHV6)))
		signalling_invalid(v);
	if (v->error)
		return;
	if (v4.family || flags & UE_CHV4)
		add_ue_address(d, l, v4.family ? &v4 : &none[0], v4.family ? 32 : 0);
	if (v6.family || flags & UE_CHV6)
		add_ue_address(d, l, v6.family ? &v6 : &none[1], v6.family ? length : 0);
}

// False when the text is no route that can be followed.
static bool take_route(
	struct pfcp_decoder *d, struct wire_reader *v, struct ue_list l, uint8_t family)
{
	struct ue_address ue = {};

	if (!signalling_route(signalling_rest(v), family, &ue.prefix)) {
		if (!ue.prefix.family) // not even the default route
			signalling_invalid(v);
		return false;
	}
	add_ue(d, l, &ue);
	return true;
}

// A text that is empty is broken.
static void take_text(struct wire_reader *v, struct span *out)
{
	if (!wire_left(v))
		signalling_invalid(v);
	else if (!out->length)
		*out = signalling_rest(v);
}

static void take_sdf(struct pfcp_decoder *d, struct wire_reader *v, struct pfcp_pdi *pdi)
{
	struct pfcp_sdf sdf = {};
	uint8_t flags = wire_get_u8(v);

	wire_get_u8(v); // spare
	if (flags & SDF_FD) {
		sdf.flow.length = wire_get_u16(v);
		sdf.flow.octets = wire_take(v, sdf.flow.length);
		if (!sdf.flow.length)
			signalling_invalid(v);
	}
	if (flags & SDF_TTC)
		wire_take(v, 2);
	if (flags & SDF_SPI)
		wire_take(v, 4);
	if (flags & SDF_FL)
		wire_take(v, 3);
	if (flags & SDF_BID) {
		sdf.has_id = true;
		sdf.id = wire_get_u32(v);
	}
	if (flags & (SDF_TTC | SDF_SPI | SDF_FL))
		pdi->other = true;
	if (v->error)
		return;
	if (pdi->n_sdf < PFCP_SDFS_MAX)
		pdi->sdf[pdi->n_sdf++] = sdf;
	else
		d->limit = true;
}

// TS 29.244 clause 8.2.118: S5/S8-U, N9, S8-U, N9 for roaming.
static bool is_between(uint8_t interface_type)
{
	uint8_t type = interface_type & 0x3f;

	return type == 1 || type == 15 || type == 19 || type == 21;
}

// One octet into what is still negative.
static void take_octet(struct wire_reader *v, uint8_t mask, int16_t *out)
{
	uint8_t octet = wire_get_u8(v);

	if (!v->error && *out < 0)
		*out = (int16_t)(octet & mask);
}

static void take_pdi_ie(struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v)
{
	struct pfcp_pdi *pdi = into;
	struct ue_list ue = {pdi->ue, &pdi->n_ue};
	uint8_t octet;

	switch (type) {
	case 20: // Source Interface
		take_octet(v, 0x0f, &pdi->source_interface);
		break;
	case 21:
		pfcp_take_fteid(v, &pdi->fteid);
		break;
	case 22: // Network Instance
		take_text(v, &pdi->ni);
		break;
	case 23:
		take_sdf(d, v, pdi);
		break;
	case 93:
		take_ue(d, v, ue);
		break;
	case 160: // 3GPP Interface Type
		pdi->between = is_between(wire_get_u8(v));
		break;
	case 131: // Traffic Endpoint ID
		d->limit |= pdi->endpoint >= 0;
		take_octet(v, 0xff, &pdi->endpoint);
		break;
	case 153: // Framed-Route
	case 155: // Framed-IPv6-Route
		if (!take_route(d, v, ue, type == 153 ? 4 : 6))
			pdi->other = true;
		break;
	case 124: // QFI
		octet = wire_get_u8(v) & 0x3f;
		pdi->qfis |= v->error ? 0 : 1ull << octet;
		break;
	case 24:  // Application ID
	case 132: // Ethernet Packet Filter
	case 142: // Ethernet PDU Session Information
		pdi->other = true;
		break;
	default:
		break;
	}
}

static void take_qer_id(struct pfcp_decoder *d, struct wire_reader *v, struct pfcp_pdr *pdr)
{
	uint32_t id = wire_get_u32(v);

	if (v->error)
		return;
	pdr->has_qers = true;
	if (pdr->n_qers < PFCP_QERS_MAX)
		pdr->qer[pdr->n_qers++] = id;
	else
		d->limit = true;
}

static void take_pdr_id(struct wire_reader *v, struct pfcp_pdr *pdr)
{
	uint16_t id = wire_get_u16(v);

	if (v->error || pdr->has_id)
		return;
	pdr->id = id;
	pdr->has_id = true;
}

// Once: reads it also when it was there before.
static void take_once(struct wire_reader *v, bool *has, uint32_t *out)
{
	uint32_t value = wire_get_u32(v);

	if (v->error || *has)
		return;
	*has = true;
	*out = value;
}

static void take_pdr_ie(struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v)
{
	struct pfcp_pdr *pdr = into;

	switch (type) {
	case 56:
		take_pdr_id(v, pdr);
		break;
	case 29:
		take_once(v, &pdr->has_precedence, &pdr->precedence);
		break;
	case 2: // PDI
		if (!pdr->pdi.present) {
			pdr->pdi.present = true;
			if (!pfcp_walk_group(d, *v, take_pdi_ie, &pdr->pdi))
				pdr->pdi.other = true;
		}
		break;
	case 108: // FAR ID
		take_once(v, &pdr->has_far, &pdr->far);
		break;
	case 109: // QER ID
		take_qer_id(d, v, pdr);
		break;
	case 106: // Activate Predefined Rules
	case 163: // Activation Time
	case 164: // Deactivation Time
		pdr->of_up = true;
		break;
	default:
		break;
	}
}

static void take_created_pdi_ie(
	struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v)
{
	struct pfcp_pdr *pdr = into;

	if (type == 21)
		pfcp_take_fteid(v, &pdr->local);
	else if (type == 93)
		take_ue(d, v, (struct ue_list){pdr->ue, &pdr->n_ue});
}

static void take_created_pdr_ie(
	struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v)
{
	struct pfcp_pdr *pdr = into;

	if (type == 56)
		take_pdr_id(v, pdr);
	else if (type == 2) // the PDI that asked, with what was chosen
		(void)pfcp_walk_group(d, *v, take_created_pdi_ie, pdr);
	else
		take_created_pdi_ie(d, pdr, type, v);
}

void pfcp_take_pdr(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part)
{
	if (d->m->n_pdrs == PFCP_PDRS_MAX) {
		d->limit = true;
		return;
	}
	struct pfcp_pdr *pdr = &d->m->pdr[d->m->n_pdrs].v;
	memset(pdr, 0, sizeof(*pdr));
	pdr->pdi.source_interface = -1;
	pdr->pdi.endpoint = -1;
	d->m->pdr[d->m->n_pdrs++].part = (uint8_t)part;
	(void)pfcp_walk_group(d, *v, part == PFCP_CREATED ? take_created_pdr_ie : take_pdr_ie, pdr);
	if (pdr->has_id)
		return;
	d->m->n_pdrs--; // whose rule it is is not known
	d->m->broken |= SIGNALLING_BROKEN_SESSION | SIGNALLING_BROKEN_NI;
}

// Layout: see the bits' own order; each field only if one of its bits is set.
static void take_outer(struct wire_reader *v, struct pfcp_far *far)
{
	uint16_t bits = wire_get_u16(v);
	struct tunnel_end outer = {};

	if (bits & (OUTER_GTPU4 | OUTER_GTPU6))
		outer.teid = wire_get_u32(v);
	if (bits & OUTER_GTPU4)
		outer.v4 = signalling_address(v, 4);
	if (bits & OUTER_GTPU6)
		outer.v6 = signalling_address(v, 6);
	if (v->error || far->has_outer)
		return;
	far->has_outer = true;
	far->outer = outer;
}

static void take_forwarding_ie(
	struct pfcp_decoder *, void *into, unsigned type, struct wire_reader *v)
{
	struct pfcp_far *far = into;
	uint8_t octet;

	switch (type) {
	case 42: // Destination Interface
		octet = wire_get_u8(v) & 0x0f;
		if (v->error || far->has_interface)
			break;
		far->destination_interface = octet;
		far->has_interface = true;
		break;
	case 22:
		take_text(v, &far->ni);
		break;
	case 84:
		take_outer(v, far);
		break;
	case 160: // 3GPP Interface Type
		octet = wire_get_u8(v);
		if (v->error)
			break;
		far->between = is_between(octet);
		far->has_interface_type = true;
		break;
	case 131: // Linked Traffic Endpoint ID
		take_octet(v, 0xff, &far->linked_endpoint);
		break;
	case 49: // PFCPSMReq-Flags
		far->send_end_marker |= (wire_get_u8(v) & SMREQ_SNDEM) != 0;
		break;
	default:
		break;
	}
}

static void take_action(struct wire_reader *v, struct pfcp_far *far)
{
	uint16_t action = wire_get_u8(v);

	if (wire_left(v)) // the second octet came later
		action |= (uint16_t)(wire_get_u8(v) << 8);
	if (v->error || far->has_action)
		return;
	far->action = action;
	far->has_action = true;
}

static void take_far_ie(struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v)
{
	struct pfcp_far *far = into;

	switch (type) {
	case 108:
		take_once(v, &far->has_id, &far->id);
		break;
	case 44:
		take_action(v, far);
		break;
	case 4:	 // Forwarding Parameters
	case 11: // Update Forwarding Parameters
		if (!far->has_parameters) {
			far->has_parameters = true;
			// one that was to come in is not known: the old one is over
			if (!pfcp_walk_group(d, *v, take_forwarding_ie, far))
				far->has_outer = true;
		}
		break;
	default:
		break;
	}
}

void pfcp_take_far(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part)
{
	if (d->m->n_fars == PFCP_FARS_MAX) {
		d->limit = true;
		return;
	}
	struct pfcp_far *far = &d->m->far[d->m->n_fars].v;
	memset(far, 0, sizeof(*far));
	far->linked_endpoint = -1;
	d->m->far[d->m->n_fars++].part = (uint8_t)part;
	(void)pfcp_walk_group(d, *v, take_far_ie, far);
	if (far->has_id)
		return;
	d->m->n_fars--;
	d->m->broken |= SIGNALLING_BROKEN_SESSION;
}

static void take_endpoint_ie(
	struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v)
{
	struct pfcp_endpoint *e = into;
	struct ue_list ue = {e->ue, &e->n_ue};
	uint8_t id;

	switch (type) {
	case 131:
		id = wire_get_u8(v);
		if (v->error || e->has_id)
			break;
		e->id = id;
		e->has_id = true;
		break;
	case 21:
		pfcp_take_fteid(v, &e->fteid);
		break;
	case 22:
		take_text(v, &e->ni);
		break;
	case 93:
		take_ue(d, v, ue);
		break;
	case 153:
	case 155:
		take_route(d, v, ue, type == 153 ? 4 : 6);
		break;
	default:
		break;
	}
}

void pfcp_take_endpoint(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part)
{
	if (d->m->n_endpoints == PFCP_ENDPOINTS_MAX) {
		d->limit = true;
		return;
	}
	struct pfcp_endpoint *e = &d->m->endpoint[d->m->n_endpoints].v;
	memset(e, 0, sizeof(*e));
	d->m->endpoint[d->m->n_endpoints++].part = (uint8_t)part;
	(void)pfcp_walk_group(d, *v, take_endpoint_ie, e);
	if (e->has_id)
		return;
	d->m->n_endpoints--;
	d->m->broken |= SIGNALLING_BROKEN_SESSION | SIGNALLING_BROKEN_NI;
}
