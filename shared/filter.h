#pragma once

// The canonical target criteria of one task: what control distils from the TargetIdentifiers of
// TS 103 221-1 table 5 and what the dataplane matches. A conjunction: every criterion present must
// hold for one packet (table 4).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/wire.h"

struct ip_address {
	uint8_t family; // 4 or 6; 0 when absent
	uint8_t b[16];  // network order; IPv4 in the first 4 octets, the rest zero
};

struct ip_prefix {
	uint8_t family; // 4 or 6
	uint8_t length; // 0..32 or 0..128; an exact address is the longest
	uint8_t b[16];  // as ip_address; bits beyond `length` are zero
};

struct port_range {
	uint16_t first; // host order, first <= last
	uint16_t last;
};

#define FILTER_RANGES_MAX 16

// One port criterion: any of the ranges (a tcpPortList is one criterion with several ranges).
// Ranges are sorted, disjoint and not adjacent after filter_normalise.
struct port_set {
	uint8_t n;
	struct port_range range[FILTER_RANGES_MAX];
};

enum filter_direction {
	FILTER_ANY_DIRECTION = 0,
	FILTER_TO_TARGET = 2,   // values of TS 103 221-2 payload direction
	FILTER_FROM_TARGET = 3,
};

// Kinds of criterion that are present.
#define FILTER_ADDRESS 0x01u   // n_address prefixes; two are the two ends of one conversation
#define FILTER_PORT 0x02u      // n_port sets of `protocol`; two are the two ends
#define FILTER_TEID 0x04u      // gtpuTunnelId: towards any configured GTP endpoint (outer destination)
#define FILTER_FTEID 0x08u     // TEID towards fteid_v4 and/or fteid_v6 (outer destination)
#define FILTER_MAC 0x10u       // n_mac addresses; two are the two ends
#define FILTER_DIRECTION 0x20u // GTPTunnelDirection: towards or from the target

struct filter {
	uint32_t kinds;
	uint8_t n_address; // 0..2
	uint8_t n_port;    // 0..2
	uint8_t n_mac;     // 0..2
	uint8_t protocol;  // 6 TCP or 17 UDP when FILTER_PORT
	uint8_t direction; // enum filter_direction
	uint32_t teid;     // host order
	struct ip_address fteid_v4; // family 0 when absent
	struct ip_address fteid_v6;
	struct ip_prefix address[2];
	struct port_set port[2];
	uint8_t mac[2][6];
};

// Meaning (docs/decisions, 1 and 3): one address with one port holds at the same end;
// two addresses with one port: the port at either end; one address with two ports: the address's end
// carries one port and the other end the other; two and two: each address with its own port.

// No encoded filter is longer (octets).
#define FILTER_ENCODED_MAX 256

// Two MAC addresses have no order and no pairing with addresses or ports.

// Sorts and merges in place so that equal meanings are equal octets. INVALID for host bits beyond a
// prefix, a reversed range or an unknown family; TOO_LARGE for more ranges than FILTER_RANGES_MAX.
[[nodiscard]] int filter_normalise(struct filter *f);

// 0 when some packet can satisfy the filter, CONFLICT when none can (X1 error 3020), INVALID when it
// is empty. `why` (static text, never a target value) is set on failure.
[[nodiscard]] int filter_check(const struct filter *f, const char **why);

bool filter_equal(const struct filter *a, const struct filter *b);

// Canonical octets, for the channel and the digest. The filter must be normalised.
void filter_encode(struct wire_writer *w, const struct filter *f);
// Fails (sticky in `r`) on anything that filter_normalise would not have produced.
void filter_decode(struct wire_reader *r, struct filter *f);

// Text forms. Parse: IPv4 dotted quad (decimal, leading zeros read as decimal), IPv6 any RFC 4291
// form; prefix adds "/n" (absent: exact). SYNTAX when it is no address, INVALID for a prefix with
// host bits. Only for configuration and X1: a formatted value is target data and must not reach a log.
[[nodiscard]] int ip_address_parse(const char *text, struct ip_address *out);
[[nodiscard]] int ip_prefix_parse(const char *text, struct ip_prefix *out);
bool ip_prefix_covers(const struct ip_prefix *prefix, uint8_t family, const uint8_t *address);
// Canonical text (dotted quad; IPv6 as inet_ntop), zero-terminated; capacity at least 46.
void ip_address_format(const struct ip_address *a, char *out, size_t capacity);
