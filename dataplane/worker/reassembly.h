#pragma once

// Puts outer fragments together: of GTP-U on tunnel ports and of signalling on ports that show it, for
// only the whole datagram shows its content. One per port and worker. The fragments go their own way;
// this keeps copies of them in pools of its own, and all its memory is taken at creation.
//
// Identifiers repeat, so pieces may be of two datagrams. In doubt nothing is put together:
//   - an overlap, or a later piece that comes again with other content, poisons its datagram until
//     its time-out
//   - a first fragment that comes again with other content begins the datagram anew
//   - a whole that does not agree with itself is given up (reassembly_agrees)
//   - an exact duplicate is refused and harmless
// Where there is no room the oldest datagram of the same source gives way, or of the source that has
// most.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"

#define REASSEMBLY_PIECES 8	     // fragments of one datagram
#define REASSEMBLY_DATAGRAM_ROOM 10240u // octets of a frame that comes in a buffer of its own
#define REASSEMBLY_DATAGRAMS_MAX 65536u

struct rte_mbuf;
struct rte_mempool;
struct signalling_shown;

struct reassembly_settings {
	bool gtpu;
	const struct signalling_shown *signalling; // stays the caller's
	uint32_t datagrams; // at a time; 4 to REASSEMBLY_DATAGRAMS_MAX
	uint64_t timeout_ns;
	uint64_t seed[2];	    // secret
	struct rte_mempool *pieces; // packet buffers for copies of fragments
	struct rte_mempool *datagram_pool; // ... with REASSEMBLY_DATAGRAM_ROOM behind the headroom
};

enum reassembly_verdict {
	REASSEMBLY_PASSED,   // of neither: as any other frame
	REASSEMBLY_ABSORBED, // waits for the others
	REASSEMBLY_DONE,    // the last that was missing
	REASSEMBLY_LIMIT,    // no room
	REASSEMBLY_INVALID,  // contradicts itself or others
	REASSEMBLY_MIXED,    // the last that was missing, and the whole does not agree with itself
};

// The finished datagram as one frame: the addresses of its first fragment's Ethernet header, then IP.
struct reassembly_datagram {
	const uint8_t *data; // contiguous
	uint32_t length;
	struct rte_mbuf *mbuf; // the caller's; NULL for a large one: valid until the next call
};

// Absorbed fragments that have become something else since the last call of reassembly_moves.
struct reassembly_moves {
	uint64_t expired; // time-out
	uint64_t limit;	  // gave way to others
	uint64_t mixed;	  // of more than one datagram
	uint64_t passed;  // of neither after all, as their first fragment shows
	// Incomplete datagrams given up that are signalling by their first fragment or, without it,
	// by their ends.
	uint64_t signalling;
	// ... and that are a tunnel's, by their first fragment, or may be one's and had no room.
	uint64_t tunnels;
};

struct reassembly;

// NULL when out of memory or the settings are out of range. The pools stay the caller's.
struct reassembly *reassembly_new(const struct reassembly_settings *s);
void reassembly_free(struct reassembly *r);

// `v`: parsed on a tunnel port, its last layer a fragment, in `m`, which is only read. `counted`:
// this fragment is to be in the moves. `now_ns` never goes backwards.
enum reassembly_verdict reassembly_put(struct reassembly *r, const struct packet_view *v,
	const struct rte_mbuf *m, bool counted, uint64_t now_ns, struct reassembly_datagram *datagram);

// Gives up what has waited for too long; `all`: everything.
void reassembly_expire(struct reassembly *r, uint64_t now_ns, bool all);
uint32_t reassembly_waiting(const struct reassembly *r); // datagrams
struct reassembly_moves reassembly_moves(struct reassembly *r);
