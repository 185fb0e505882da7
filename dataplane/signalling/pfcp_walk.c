// Walks the information elements of PFCP messages and groups, until a fault.

#include "dataplane/signalling/pfcp_internal.h"

#define IE_VENDOR 0x8000u

void pfcp_fault(struct pfcp_decoder *d, enum signalling_reason why)
{
	if (!d->why)
		d->why = why;
}

void pfcp_walk(struct pfcp_decoder *d, struct wire_reader group, pfcp_take *take, void *into)
{
	while (!d->why && wire_left(&group)) {
		unsigned type = wire_get_u16(&group);
		uint16_t length = wire_get_u16(&group);
		struct wire_reader value = wire_get_reader(&group, length);
		if (group.error) {
			pfcp_fault(d, SIGNALLING_IE_LENGTH);
			return;
		}
		if (type & IE_VENDOR)
			continue;
		take(d, into, type, &value);
		if (value.error)
			pfcp_fault(d, SIGNALLING_IE_VALUE);
	}
}
