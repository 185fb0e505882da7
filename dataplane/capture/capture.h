#pragma once

// Hit -> PDU in a ring. One `struct capture` per worker; per (worker, destination, X2|X3) one
// copy_ring: PDUs back to back in segments, and beside them descriptors. Segments come from a pool
// of the worker's own and come back from deliver over a single-producer ring, so the hot path never
// writes a line that another core writes except those rings' own indices. The worker makes no
// system call: a ring that deliver has found empty is `armed`, and the first push after that puts
// it into the ready queue of its delivery thread.

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "dataplane/capture/box.h"
#include "dataplane/capture/report_ring.h"
#include "dataplane/capture/segment_budget.h"
#include "dataplane/capture/task_counters.h"
#include "dataplane/match/match.h"
#include "dataplane/match/table.h"
#include "dataplane/capture/x2_task.h"
#include "shared/pdu.h"

#define SEGMENT_SIZE (128u * 1024u)
#define SEGMENT_COPIES 1024u // a segment is closed by whichever limit comes first
#define COPY_DESTINATIONS_MAX 4096u
#define CAPTURE_DELIVER_MAX 16u // delivery threads

enum copy_kind { COPY_X2 = 0, COPY_X3 = 1, COPY_KINDS = 2 };

// A copy: one PDU for one task. A PDU that names further tasks (attribute 21) has a descriptor for
// each behind its first, with the same end: copies that add no octets.
struct copy_descriptor {
	uint32_t end;	  // offset in the segment of the first octet behind this PDU
	uint32_t slot;	  // the task it belongs to
	uint32_t payload; // payload octets of the PDU
};

#define CAPTURE_MATCHED 0x01u	// attributes 17 in X3 PDUs too
#define CAPTURE_ADDRESSES 0x02u // attributes 10 to 16

struct segment {
	uint8_t *octets;	 // SEGMENT_SIZE
	_Atomic uint32_t pushed; // descriptors complete; worker release, deliver acquire
	_Atomic uint32_t closed; // 1: no more will come; worker release after the last push
	uint32_t sent;		 // delivery's own: copies that left whole on some connection
	bool warm;		 // its octets have memory; written by the segment's holder
	// For the next process: the ring that has it (0: none), its sequence number there, and how
	// many copies the ring had before. `ring`: worker release, and the delivery thread's when
	// it gives it back.
	_Atomic uint32_t ring;
	uint32_t sequence;
	uint64_t first;
	struct copy_descriptor copy[SEGMENT_COPIES];
};

struct copy_ring;
struct capture;

struct capture_settings {
	uint32_t worker;
	struct pdu_origin origin;      // NFID and this worker's IPID
	uint64_t pool_octets;	       // of its segments; with a budget, what all workers may hold
	struct segment_budget *budget; // NULL: the pool is this capture's alone
	uint32_t n_deliver;	       // delivery threads that will hand segments back
	uint8_t payload_format;	       // the configuration's default
	uint8_t attributes;	       // CAPTURE_*: optional ones
	uint16_t max_header;	       // octets, at most CONFIG_HEADER_MAX; 0: CONFIG_HEADER_USUAL
	uint8_t xiri_release;	       // enum config_xiri_release
	bool x2_only;		       // the reporter's: no X3 ring is ever attached
	struct report_ring *reports;   // NULL: summary reports are not made here
	struct task_counters_worker *slots;
	struct box *box; // memory for kept state, as planned by capture_plan; NULL: in memory alone
};

// Plans the parts of a box for a capture of this worker.
void capture_plan(struct box_plan *p, uint32_t worker, uint64_t pool_octets);
// NULL when out of memory or when the settings are out of range. The pool is mapped, not touched.
struct capture *capture_new(const struct capture_settings *s);
void capture_free(struct capture *c); // after the worker and deliver have stopped

// Another IPID than that of its settings. Before the first table that names a task.
void capture_set_origin(struct capture *c, const struct pdu_origin *origin);

// The kinds of ring it wants attached.
bool capture_takes(const struct capture *c, enum copy_kind k);

// Worker: builds the PDUs of these hits: X3 copies of the packet, X2 with its header report, or a
// header digest for the summary reports. A hit that means no IP packet has no header report.
// `mbufs` are the frames behind `views` (struct rte_mbuf *, for octets beyond the first segment).
// `time_ns`: receive time of the burst. Every copy owed is pushed or counted as lost, in its task's
// slot and in its ring. A destination is owed X3 when it has an X3 ring attached. Tasks with `axri`
// share a PDU for one packet where nothing but attribute 21 would differ and the header has room.
void capture_burst(struct capture *c, const struct hit *hits, unsigned n_hits,
	const struct packet_view *views, void *const *mbufs, uint64_t time_ns);

// Packets of one port that are matched together.
struct capture_batch {
	const struct table *table;
	const struct port_traits *port;
	const struct packet_view *views;
	void *const *mbufs;
	unsigned n;
	bool held;	  // each was received at its own time: held_ns of its view
	uint64_t time_ns; // else: receive time of all
	// NULL: every hit counts. Else moves the hits that count to the front, returns their
	// number.
	unsigned (*keep)(void *context, struct hit *hits, unsigned n);
	void *context;
};

#define CAPTURE_HITS 256 // found at a time
struct match_many *capture_many(const struct capture *c);

// Worker: the one loop that matches packets and captures their hits, for packets just received, put
// together or held. Returns the number of hits that counted.
static inline __attribute__((always_inline)) unsigned capture_matches(
	struct capture *c, const struct capture_batch *b)
{
	struct match_cursor cursor = {.many = capture_many(c)};
	struct hit hits[CAPTURE_HITS];
	unsigned sum = 0;

	do {
		unsigned n =
			match_burst(b->table, b->port, b->views, b->n, &cursor, hits, CAPTURE_HITS);
		if (b->keep)
			n = b->keep(b->context, hits, n);
		sum += n;
		if (n > 0 && !b->held)
			capture_burst(c, hits, n, b->views, b->mbufs, b->time_ns);
		for (unsigned i = 0; b->held && i < n; i++)
			capture_burst(c, &hits[i], 1, b->views, b->mbufs,
				b->views[hits[i].packet].held_ns);
	} while (!cursor.done);
	return sum;
}

// Reporter: one xIRI of a task to its destinations, as X2 PDUs; visible to deliver after
// capture_publish. Headers stay within max_header where leaving out attributes 17 behind the first
// achieves that.
void capture_report(
	struct capture *c, const struct x2_task *t, const struct xiri *x, uint64_t time_ns);
// Functions: a record of a network function, likewise. `sequence`: the context of its numbers,
// taken by the caller; `direction` as in the header; at most CAPTURE_RECORD_MAX octets. A
// destination that does not take all of it has it shortened (shared/record.h), under the same
// number. Returns the copies that were queued so.
struct capture_record {
	const uint8_t *octets;
	uint32_t length;
	uint8_t kind;	   // enum record_kind
	uint8_t direction; // enum pdu_direction
	uint32_t context;
	uint64_t correlation;
	uint64_t time_ns;
};
#define CAPTURE_RECORD_MAX 65535u
unsigned capture_record(
	struct capture *c, const struct x2_task *t, const struct capture_record *record);
// A packet of this task is in no summary report: counted as a lost copy for each destination.
void capture_report_lost(struct capture *c, const struct x2_task *t);
void capture_publish(struct capture *c);

// Below: deliver's side. Rings are made and attached before a table names the destination and
// detached after its grace period.

// Octets that the rings of one destination and kind may hold together, whichever worker fills them:
// that many, and where several do so at once, what of the segments they have open was still free
// then. The rings join when they are made, before any is attached, and the quota outlives them.
struct copy_quota {
	uint64_t octets;
	uint32_t n;
	struct copy_ring *ring[CONFIG_WORKERS_MAX + 2]; // the reporter's and the functions' behind
};

struct copy_ring_settings {
	uint64_t quota;		   // octets of queued PDUs
	struct copy_quota *shared; // with the rings of other workers; NULL: `quota` is its own
	uint32_t max_pdu;	   // 0: none
	uint32_t deliver;	   // number of the delivery thread that drains it
	// The destination's place in the box; with `kind` it names the ring of an earlier process
	// that goes on as this one. UINT32_MAX: none.
	uint32_t kept;
	enum copy_kind kind;
	uint8_t minor; // version minor of its PDUs
	void *owner;   // for the reader of the ring
};

struct copy_ring *copy_ring_new(struct capture *c, const struct copy_ring_settings *s);
void capture_attach(struct capture *c, uint16_t destination, enum copy_kind k, struct copy_ring *r);
void capture_detach(struct capture *c, uint16_t destination, enum copy_kind k);
// Detached, its grace period over, and taken out of the ready queue; unreleased segments go back.
void copy_ring_free(struct copy_ring *r);
void *copy_ring_owner(const struct copy_ring *r);
// Octets it and those it shares its quota with can hold: the quota, or the pool where that is less.
uint64_t copy_ring_room(const struct copy_ring *r);
uint32_t copy_ring_sharers(const struct copy_ring *r); // of its quota, itself among them

// The next ring of delivery thread `deliver` that went from empty to not empty, or NULL. It is not
// reported again before copy_ring_arm.
struct copy_ring *capture_ready(struct capture *c, uint32_t deliver);
// Asks for the ready queue again. Returns false when something came meanwhile: the ring is then not
// armed and the caller goes on with it. `seen_segment` and `seen_copies`: how far the caller has
// come.
bool copy_ring_arm(struct copy_ring *r, uint32_t seen_segment, uint32_t seen_copies);

// The segment of this sequence number (from 0), or NULL when the worker has not opened it yet.
// Valid until copy_ring_release_segment has given it back.
struct segment *copy_ring_segment(struct copy_ring *r, uint32_t sequence);
// Gives the oldest segment back to the worker's pool. Only a closed one.
void copy_ring_release_segment(struct copy_ring *r);
// The same in two steps: the ring forgets its oldest `n`, which the caller keeps; they go to the
// pool one by one, in any order.
void copy_ring_forget(struct copy_ring *r, uint32_t n);
void copy_ring_give_back(struct copy_ring *r, struct segment *s);
// For the next process: every copy before this one of this segment has ended.
void copy_ring_accounted(struct copy_ring *r, uint32_t segment, uint32_t copy);
// Copies (and their octets on the wire) that no longer count against the quota.
void copy_ring_release(struct copy_ring *r, uint64_t octets, uint64_t copies);

struct copy_ring_counts { // exact at rest
	uint64_t offered;
	uint64_t lost[LOSS_COUNT]; // at the worker
	uint64_t pushed, released; // copies
	uint64_t queued_octets;
};
void copy_ring_counts(const struct copy_ring *r, struct copy_ring_counts *add);
