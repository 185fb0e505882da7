#pragma once

// Between the parts of the PFCP decoder.

#include "dataplane/signalling/signalling_internal.h"

struct pfcp_decoder {
	struct pfcp_message *m;
	enum signalling_reason why; // the first fault, OK while there is none
	bool limit;		    // something did not fit
};

// Takes one IE's value; what it leaves unread is beyond the known layout. A value that ends too
// early leaves its error in `v`.
typedef void pfcp_take(struct pfcp_decoder *d, void *into, unsigned type, struct wire_reader *v);

// Every IE of a message or group in turn, until a fault.
void pfcp_walk(struct pfcp_decoder *d, struct wire_reader group, pfcp_take *take, void *into);
void pfcp_fault(struct pfcp_decoder *d, enum signalling_reason why);

void pfcp_take_fteid(struct pfcp_decoder *d, struct wire_reader *v, struct pfcp_fteid *out);

// Groups at message level.
void pfcp_take_pdr(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part);
void pfcp_take_far(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part);
void pfcp_take_endpoint(struct pfcp_decoder *d, struct wire_reader *v, enum pfcp_part part);
