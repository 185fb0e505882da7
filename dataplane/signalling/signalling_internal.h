#pragma once

// Readers shared by the decoders of signalling: numbers, addresses and routes as the messages write
// them.

#include "dataplane/signalling/signalling.h"
#include "shared/wire.h"

// The next 4 or 16 octets; family 0 when they are not there (sticky in `r`).
struct ip_address signalling_address(struct wire_reader *r, uint8_t family);
struct span signalling_rest(struct wire_reader *r); // all that is left

// Host bits are cleared. `length` is cut to what the family has.
struct ip_prefix signalling_prefix(const struct ip_address *a, uint8_t length);
// A shorter prefix of a user's own would be an operator's: it is broken, for its packets are others'.
#define SIGNALLING_PREFIX_MIN 32u
bool signalling_address_zero(const struct ip_address *a);

// An IE that cannot be: leaves the error in `v`, as one that ends too early does.
static inline void signalling_invalid(struct wire_reader *v)
{
	if (!v->error)
		v->error = POI_ERR_INVALID;
}

// TBCD (3GPP TS 29.002): low half first, filler F at the end. What is no decimal number (TBCD also
// has signs), empty, or longer than a number may be, is invalid and leaves "".
void signalling_tbcd(struct wire_reader *r, struct digits *out);
// The same from text. False: what is no number leaves "".
bool signalling_digits(struct span text, struct digits *out);

// The reason of a message that was read to its end. `complete`: it has all that it needs; `cut`: an
// IE runs beyond it; `limit`: something did not fit, which `broken` has then too.
enum signalling_reason signalling_reason_of(bool complete, bool cut, bool limit, uint8_t *broken);

// RADIUS Framed-Route (RFC 2865) or Framed-IPv6-Route (RFC 3162): the prefix in front. False when
// it cannot be read (`out` has no family then), or when it is the default route, which selects no
// user's packets.
bool signalling_route(struct span text, uint8_t family, struct ip_prefix *out);
