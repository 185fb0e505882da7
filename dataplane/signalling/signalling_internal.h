#pragma once

// What the decoders of signalling share: numbers, addresses and routes as the messages write them.

#include "dataplane/signalling/signalling.h"
#include "shared/wire.h"

// The next 4 or 16 octets; family 0 when they are not there (sticky in `r`).
struct ip_address signalling_address(struct wire_reader *r, uint8_t family);
struct span signalling_rest(struct wire_reader *r); // all that is left

// Host bits are cleared. `length` is cut to what the family has.
struct ip_prefix signalling_prefix(const struct ip_address *a, uint8_t length);
bool signalling_address_zero(const struct ip_address *a);

// TBCD (3GPP TS 29.002): low half first, filler F at the end. What is no decimal number (TBCD also
// has signs) is left "", for it equals no target. False when it is longer than a number may be.
bool signalling_tbcd(struct wire_reader *r, struct digits *out);
// The same from text; what is no number leaves "".
void signalling_digits(struct span text, struct digits *out);

// RADIUS Framed-Route (RFC 2865) or Framed-IPv6-Route (RFC 3162): the prefix in front. False when
// it cannot be read, or when it is the default route, which tells nobody's packets.
bool signalling_route(struct span text, uint8_t family, struct ip_prefix *out);
