#pragma once

// Translates DestinationDetails (TS 103 221-1 clause 6.3.1.2, tables 14 and 15) into a destination
// of the dataplane.

#include "control/state/registry.h"
#include "control/x1/x1_task.h"
#include "control/xml/x1_types.h"

// Fills `out` (memo excepted). Delivery is TLS over TCP, so an address is either IPAddressAndPort
// with a TCP port, or a URI that names a host and a port: "tls://host:port" or, without a scheme,
// "host:port" (an FQDN as table 15 allows; an IPv6 literal in brackets). Anything else - another
// scheme, a path, user information, no port, UDP - is not a place to deliver to: 6020.
// `modify` chooses the generic code: 6001, else 6000. 0, or INVALID with `why` set.
[[nodiscard]] int x1_destination_build(const struct registry *r, uint16_t ne,
	const struct x1_destination_details *d, bool modify, struct channel_destination *out,
	struct x1_refusal *why);

// Writes the sets and tasks that name a destination, for 7010 and 8010: identifiers as text,
// separated by spaces.
void x1_destination_users(
	const struct registry *r, const struct registry_destination *d, char *out, size_t capacity);
