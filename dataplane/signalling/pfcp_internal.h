#pragma once

// Between the parts of the PFCP decoder.

#include "dataplane/signalling/signalling_internal.h"

struct pfcp_decoder {
	struct pfcp_message *m; // `broken` grows with each IE that could not be read
	bool limit;		// something did not fit
};

// Takes one IE's value; what it leaves unread is beyond the known layout. A value that ends too
// early, or cannot be, leaves its error in `v`: then the IE counts as absent, and nothing of it was
// taken.
typedef void pfcp_take(struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v);

// Every IE of a message or group in turn. False when one of them runs beyond the group: what
// follows it is lost. `broken` of the message has what broken IEs may have named.
bool pfcp_walk(struct pfcp_decoder *d, struct wire_reader group, pfcp_take *take, void *into);
// A group, as pfcp_walk; what was lost may have been any part of a rule. False also when an IE in it
// is broken, or when it is empty.
bool pfcp_walk_group(struct pfcp_decoder *d, struct wire_reader group, pfcp_take *take, void *into);

void pfcp_take_fteid(struct wire_reader *v, struct pfcp_fteid *out);

// Groups at message level.
void pfcp_take_pdr(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part);
void pfcp_take_far(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part);
void pfcp_take_endpoint(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part);
