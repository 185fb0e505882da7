#pragma once

// The ledger's vocabulary: every name under which a packet, a match or a PDU copy can be counted, and
// the sums that must hold. Values are counted elsewhere; their names and sums are defined here only.
//
//   packet   received                = sum of all packet outcomes
//   match    a (packet, task) pair; offered = PDU copies it asks for (one per destination and kind)
//   copy     offered                 = acknowledged + sum of losses + queued + in doubt
//
// The sums hold per worker, per task and per destination. Exact at rest; in motion only snapshots
// that every worker takes at its quiescent point are compared.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// X(enum suffix, name in status and metrics, 1 when classified or 0 when malformed/given up)
// A malformed packet may still match on the layers that were certain before the fault.
#define PACKET_OUTCOMES(X)                                                                         \
	X(IP, "ip", 1)                         /* IP without a tunnel */                           \
	X(NOT_IP, "not_ip", 1)                 /* ARP, LLDP ...: only MAC criteria apply */        \
	X(GTPU, "gtpu", 1)                     /* G-PDU with an inner packet understood */         \
	X(GTPU_UNSTRUCTURED, "gtpu_unstructured", 1) /* G-PDU with non-IP content */               \
	X(GTPU_SIGNALLING, "gtpu_signalling", 1) /* echo, error indication, end marker ... */      \
	X(TUNNEL, "tunnel", 1)                 /* IP in IP, GRE, VXLAN with an inner packet */     \
	X(IP_NO_LENGTH, "ip_no_length", 1)     /* IP that says 0 octets, taken as it came */       \
	X(GTPU_CLAMPED, "gtpu_clamped", 1)     /* G-PDU taken by the datagram's length */          \
	X(PPPOE_CLAMPED, "pppoe_clamped", 1)   /* PPPoE taken by the frame's length */             \
	X(FRAGMENT_HELD, "fragment_held", 1)   /* outer fragment absorbed into a reassembly */     \
	X(ETH_TRUNCATED, "eth_truncated", 0)                                                       \
	X(VLAN_TRUNCATED, "vlan_truncated", 0)                                                     \
	X(VLAN_DEPTH, "vlan_depth", 0)                                                             \
	X(MPLS_TRUNCATED, "mpls_truncated", 0)                                                     \
	X(MPLS_DEPTH, "mpls_depth", 0)                                                             \
	X(PPPOE_TRUNCATED, "pppoe_truncated", 0)                                                   \
	X(PPPOE_LENGTH, "pppoe_length", 0)                                                         \
	X(IPV4_TRUNCATED, "ipv4_truncated", 0)                                                     \
	X(IPV4_VERSION, "ipv4_version", 0)                                                         \
	X(IPV4_HEADER_LENGTH, "ipv4_header_length", 0)                                             \
	X(IPV4_TOTAL_LENGTH, "ipv4_total_length", 0)                                               \
	X(IPV6_TRUNCATED, "ipv6_truncated", 0)                                                     \
	X(IPV6_VERSION, "ipv6_version", 0)                                                         \
	X(IPV6_PAYLOAD_LENGTH, "ipv6_payload_length", 0)                                           \
	X(IPV6_EXT_TRUNCATED, "ipv6_ext_truncated", 0)                                             \
	X(IPV6_EXT_DEPTH, "ipv6_ext_depth", 0)                                                     \
	X(AH_TRUNCATED, "ah_truncated", 0)                                                         \
	X(AH_DEPTH, "ah_depth", 0)                                                                 \
	X(L4_TRUNCATED, "l4_truncated", 0)                                                         \
	X(UDP_LENGTH, "udp_length", 0)                                                             \
	X(TCP_OFFSET, "tcp_offset", 0)                                                             \
	X(GTPU_TRUNCATED, "gtpu_truncated", 0)                                                     \
	X(GTPU_VERSION, "gtpu_version", 0)                                                         \
	X(GTPU_LENGTH, "gtpu_length", 0)       /* the datagram ends within the header's options */ \
	X(GTPU_EXT_TRUNCATED, "gtpu_ext_truncated", 0)                                             \
	X(GTPU_EXT_LENGTH, "gtpu_ext_length", 0) /* zero-length extension header */                \
	X(GTPU_EXT_DEPTH, "gtpu_ext_depth", 0)                                                     \
	X(GRE_TRUNCATED, "gre_truncated", 0)                                                       \
	X(TUNNEL_DEPTH, "tunnel_depth", 0)                                                         \
	X(FRAGMENT_EXPIRED, "fragment_expired", 0) /* outer fragments given up */                  \
	X(FRAGMENT_LIMIT, "fragment_limit", 0)                                                     \
	X(FRAGMENT_INVALID, "fragment_invalid", 0)                                                 \
	X(FRAGMENT_MIXED, "fragment_mixed", 0) /* pieces of more than one datagram */              \
	X(HANDOVER_FULL, "handover_full", 0) /* not looked at: its worker's ring was full */

enum packet_outcome {
#define X(suffix, name, classified) PACKET_##suffix,
	PACKET_OUTCOMES(X)
#undef X
	PACKET_OUTCOME_COUNT
};

// Why a PDU copy that was owed to a destination did not reach it.
#define COPY_LOSSES(X)                                                                             \
	X(BUFFER_FULL, "buffer_full")         /* the destination's quota is used up */             \
	X(NO_MEMORY, "no_memory")             /* the global buffer cap is reached */               \
	X(PDU_TOO_LARGE, "pdu_too_large")     /* beyond the destination's max-pdu */               \
	X(TRUNCATED_FRAME, "truncated_frame") /* the received frame lacks octets of the packet */  \
	X(REPORT_FULL, "report_full")         /* a packet was left out of the summary reports */   \
	X(REMOVED, "destination_removed")     /* still queued when its destination was removed */  \
	X(STOPPED, "stopped")                 /* still queued when the process stopped */          \
	X(SPOOL, "spool_unreadable")          /* what the spool held cannot be read back */       \
	X(KILLED, "process_killed")           /* held by a killed process, and for nobody now */

enum copy_loss {
#define X(suffix, name) LOSS_##suffix,
	COPY_LOSSES(X)
#undef X
	LOSS_COUNT
};

// Why a frame was not handed back out of an inline port.
#define FORWARD_OUTCOMES(X)                                                                        \
	X(SENT, "sent")                                                                            \
	X(TX_FULL, "tx_full") /* the peer port took no more */

enum forward_outcome {
#define X(suffix, name) FORWARD_##suffix,
	FORWARD_OUTCOMES(X)
#undef X
	FORWARD_OUTCOME_COUNT
};

const char *packet_outcome_name(enum packet_outcome o);
bool packet_outcome_classified(enum packet_outcome o);
const char *copy_loss_name(enum copy_loss l);
const char *forward_outcome_name(enum forward_outcome o);

// One balance of PDU copies: a task's, a destination's or the whole.
struct copy_balance {
	uint64_t matched; // (packet, task) pairs
	uint64_t offered; // copies owed
	uint64_t acknowledged;
	uint64_t in_doubt;  // sent and not acknowledged; when a destination goes, for good
	uint64_t unsettled; // of in_doubt: kept, to be acknowledged or sent again
	uint64_t queued;
	uint64_t lost[LOSS_COUNT];
	uint64_t octets; // payload octets of acknowledged copies
	uint64_t cut;    // of offered: with what the mirror left of the packet (deliver-cut)
};

// Frames that a port did not look into: the source of the number, and the number.
enum unopened_kind {
	UNOPENED_NONE,
	UNOPENED_ETHERTYPE,
	UNOPENED_LLC,	   // destination service access point
	UNOPENED_PROTOCOL, // of IP
	UNOPENED_GRE,	   // protocol type
	UNOPENED_PPP,	   // protocol
	UNOPENED_UDP,	   // destination port, where the content looks like that port's tunnel
	UNOPENED_MPLS,	   // content of a label stack; 0
	UNOPENED_NSH,	   // next protocol
};
#define UNOPENED(kind, number) ((uint32_t)(kind) << 16 | (number))
#define UNOPENED_TEXT 24
#define UNOPENED_SHOWN 5 // the commonest of a port

// Frames of one port, out of which some are looked at again.
struct unopened_share {
	uint64_t sampled;
	uint64_t unopened; // of them not opened
	uint64_t wrapped;  // of those what hides the packets of a link; not ESP, which users have
	uint32_t n;
	struct {
		uint32_t what; // UNOPENED()
		uint64_t frames;
	} most[UNOPENED_SHOWN]; // the commonest first
};

// "ethertype 0x88e5", "protocol 115" ...
void unopened_text(uint32_t what, char out[UNOPENED_TEXT]);
// At least 64 frames were looked at, and a quarter of all is wrapped.
bool unopened_looks_wrapped(const struct unopened_share *s);

struct packet_balance {
	uint64_t received; // frames taken from all ports
	uint64_t outcome[PACKET_OUTCOME_COUNT];
	uint64_t forward[FORWARD_OUTCOME_COUNT];
	uint64_t imissed; // the ports' own counters; stated lag
	uint64_t nombuf;
	uint64_t ierrors; // the ports dropped them: broken, or longer than the port takes
};

uint64_t packet_balance_classified(const struct packet_balance *b);
bool packet_balance_holds(const struct packet_balance *b);
uint64_t copy_balance_lost(const struct copy_balance *b);
// Returns the copies whose whereabouts are known: at rest as many as `offered`.
uint64_t copy_balance_accounted(const struct copy_balance *b);
