#pragma once

// Hit -> PDU in a ring. One `struct capture` per worker; per (worker, destination, X2|X3) one
// copy_ring: PDUs back to back in segments, and beside them descriptors (end offset, slot). Segments
// come from a pool of the worker's own and come back from deliver over a single-producer ring, so the
// hot path never writes a line that another core writes except those rings' own indices.
//
// Positions are counted in descriptors. Per ring:
//   pushed    by the worker (release; partner: deliver's acquire)
//   released  by deliver (release; partner: the worker's acquire): acknowledged, lost or in doubt;
//             the octets before it may be overwritten

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/packet.h"
#include "dataplane/slots.h"
#include "dataplane/table.h"
#include "shared/pdu.h"

#define SEGMENT_SIZE (128u * 1024u)
#define SEGMENT_COPIES 1024u // a segment is closed by whichever limit comes first
#define COPY_DESTINATIONS_MAX 4096u

enum copy_kind { COPY_X2 = 0, COPY_X3 = 1, COPY_KINDS = 2 };

struct copy_descriptor {
	uint32_t end;  // offset in the segment of the first octet behind this PDU
	uint32_t slot; // the task it belongs to
};

struct segment {
	uint8_t *octets;           // SEGMENT_SIZE
	_Atomic uint32_t pushed;   // descriptors complete; worker release, deliver acquire
	_Atomic uint32_t closed;   // 1: no more will come; worker release after the last push
	struct copy_descriptor copy[SEGMENT_COPIES];
};

struct copy_ring;
struct capture;

struct capture_settings {
	uint32_t worker;
	struct pdu_origin origin;    // NFID and this worker's IPID
	uint64_t pool_octets;        // this worker's share of delivery.buffer-total
	uint32_t n_deliver;          // delivery threads that will hand segments back
	uint8_t payload_format;      // the configuration's default
	struct slots_worker *slots;
};

struct capture *capture_new(const struct capture_settings *s);
void capture_free(struct capture *c); // after the worker and deliver have stopped

// Worker: builds the PDUs of these hits. `mbufs` are the frames behind `views` (struct rte_mbuf *, for
// octets beyond the first segment). `time_ns`: receive time of the burst. Every copy owed is pushed
// or counted as lost in its task's slot.
void capture_burst(struct capture *c, const struct hit *hits, unsigned n_hits,
	const struct packet_view *views, void *const *mbufs, uint64_t time_ns);

// Deliver: rings are made and attached before a table names the destination, detached after its grace
// period. `quota` in octets, for this ring; `minor` and `max_pdu` (0: none) are the destination's.
struct copy_ring *copy_ring_new(struct capture *c, uint64_t quota, uint8_t minor, uint32_t max_pdu);
void capture_attach(struct capture *c, uint16_t destination, enum copy_kind k, struct copy_ring *r);
void capture_detach(struct capture *c, uint16_t destination, enum copy_kind k);

// Deliver, consumer side. The segment at `index` (0 the oldest not released), or NULL.
struct segment *copy_ring_segment(struct copy_ring *r, uint32_t index);
// Gives the oldest segment back to the worker's pool; `deliver` is the thread's number.
void copy_ring_release_segment(struct copy_ring *r, uint32_t deliver);
// Octets and copies released so far, for the quota and the ledger (cumulative).
void copy_ring_released(struct copy_ring *r, uint64_t octets, uint64_t copies);
void copy_ring_counts(const struct copy_ring *r, uint64_t *pushed, uint64_t *released, uint64_t *queued_octets);
void copy_ring_free(struct copy_ring *r); // detached and empty
