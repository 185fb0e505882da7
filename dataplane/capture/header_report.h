#pragma once

// The two xIRI of a UPF, PDHeaderReport and PDSummaryReport (TS 33.128 clauses 6.2.3.9.3 and
// 6.2.3.9.4), as DER of module TS33128Payloads: payload format 2 of X2 PDUs. Pure functions, no
// allocation; the encoder of a PDHR is part of a worker's per-packet path.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "shared/config.h"
#include "shared/error.h"

#define XIRI_MAX 256 // octets of the longest one, with room

enum summary_trigger { // pDSRSummaryTrigger; 0: the record is a PDHR
	SUMMARY_NONE = 0,
	SUMMARY_TIMER = 1,
	SUMMARY_PACKETS = 2,
	SUMMARY_BYTES = 3,
	SUMMARY_START = 4,
	SUMMARY_END = 5,
};

#define HEADER_PORTS 0x01u // sport and dport are in this packet
#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u

// Facts of a packet or of a flow's packets, for both kinds.
struct header_facts {
	uint8_t address[32];   // source, then destination: 4 or 16 octets each, rest zero
	uint16_t sport, dport; // host order, 0 without HEADER_PORTS
	uint32_t flow_label;   // IPv6 only
	uint16_t size;	       // IPv4 Total Length, IPv6 Payload Length
	uint8_t family;	       // 4 or 6
	uint8_t protocol;      // final upper-layer protocol, extension headers passed over
	uint8_t direction;     // enum pdu_direction
	uint8_t flags;	       // HEADER_*
	uint8_t tcp;	       // TCP_* flags of the packet, 0 when not in it
};

struct xiri {
	struct header_facts facts;
	uint8_t release;   // enum config_xiri_release
	uint8_t trigger;   // enum summary_trigger
	bool session;	   // the trigger was applied to the session
	uint64_t first_ns; // PDSR: nanoseconds since the epoch
	uint64_t last_ns;
	uint64_t packets;
	uint64_t bytes;
};

// The header facts of this hit's layer. Ports only where they lie in this fragment (clause
// 6.2.3.5.2). False when the hit means no IP packet: there is nothing to report of it then. A frame
// hit by its MAC address is reported by its outermost IP layer, one inside GTP-U by its own first.
bool header_facts_of(struct header_facts *f, const struct hit *h, const struct packet_view *v);

// Writes the record into the end of `out`; returns where it starts (its length is what is left of
// the XIRI_MAX octets). `direction` 2 is "to target"; all others are reported as "from target", the
// record having no value for them (the PDU's header has the direction).
const uint8_t *xiri_write(uint8_t out[XIRI_MAX], const struct xiri *x);

// Strict decoding, for tests. 0, or a negative enum poi_error.
[[nodiscard]] int xiri_decode(const uint8_t *octets, size_t length, struct xiri *x);
