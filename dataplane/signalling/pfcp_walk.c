// Walks the information elements of PFCP messages and groups, and notes what broken ones may have
// named.

#include "dataplane/signalling/pfcp_internal.h"

#define IE_VENDOR 0x8000u
#define OF_A_RULE (SIGNALLING_BROKEN_SESSION | SIGNALLING_BROKEN_NI)

// Returns the values that an IE of that type may name (TS 29.244 clause 8.1). Types that are not
// followed are never broken here.
static uint8_t named(unsigned type)
{
	switch (type) {
	case 22:  // Network Instance
	case 131: // Traffic Endpoint ID: the network instance may stand there
		return OF_A_RULE;
	case 49:  // PFCPSMReq-Flags
	case 60:  // Node ID
	case 65:  // FQ-CSID
	case 96:  // Recovery Time Stamp
	case 113: // PDN Type
	case 159: // APN/DNN
	case 184: // PFCPASRsp-Flags
	case 186: // PFCPSEReq-Flags
		return SIGNALLING_BROKEN_OTHER;
	case 57: // F-SEID
		return SIGNALLING_BROKEN_SESSION | SIGNALLING_BROKEN_SEID;
	case 141: // User ID
		return SIGNALLING_BROKEN_USER | SIGNALLING_BROKEN_OWNER;
	default:
		return SIGNALLING_BROKEN_SESSION;
	}
}

bool pfcp_walk(struct pfcp_decoder *d, struct wire_reader group, pfcp_take *take, void *into)
{
	while (wire_left(&group)) {
		unsigned type = wire_get_u16(&group);
		uint16_t length = wire_get_u16(&group);
		struct wire_reader value = wire_get_reader(&group, length);
		if (group.error)
			return false;
		if (type & IE_VENDOR)
			continue;
		take(d, into, type, &value);
		if (value.error)
			d->m->broken |= named(type);
	}
	return true;
}

bool pfcp_walk_group(struct pfcp_decoder *d, struct wire_reader group, pfcp_take *take, void *into)
{
	const uint8_t before = d->m->broken;

	d->m->broken = 0;
	if (!wire_left(&group) || !pfcp_walk(d, group, take, into))
		d->m->broken |= OF_A_RULE;
	const bool whole = d->m->broken == 0;
	d->m->broken |= before;
	return whole;
}
