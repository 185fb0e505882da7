#pragma once

// Rings of an earlier process: read out of its box, and taken over into a capture of this one. The
// builder's, before the first table that names a task. The content of a box is checked as a
// stranger's: a process that was killed wrote it.

#include "dataplane/capture/box.h"
#include "dataplane/capture/capture.h"

struct kept_segment {
	const struct segment *segment;
	const uint8_t *octets;
	uint32_t from, to; // copies that have not ended
	uint32_t sequence;
};

struct kept_ring {
	uint32_t kept; // its destination's place
	uint8_t kind;  // enum copy_kind
	uint64_t offered;
	uint64_t lost[LOSS_COUNT];
	uint64_t making; // offered, and never finished: they are lost
	uint32_t n;
	const struct kept_segment *segment; // oldest first
};

typedef void (*kept_each)(void *context, const struct kept_ring *r);

// Calls back for each ring of this writer. 0, NOMEM, or INVALID when the box holds none such.
[[nodiscard]] int kept_rings(const struct box *old, uint32_t writer, kept_each each, void *context);

// The ring that waits for destination `kept` to come again, made when there is none. NULL: no
// memory. copy_ring_new gives it its owner; rings that no destination asks for are given up one by
// one.
struct copy_ring *capture_wait(struct capture *c, uint32_t kept, enum copy_kind k);
struct copy_ring *capture_waiting(struct capture *c); // the next one that waits, or NULL
void copy_ring_give_up(struct copy_ring *r);	      // its copies are counted elsewhere by now
// Copies a segment's remaining copies to its end; `slot`: the old slots' new ones. 0, or NOMEM when
// the pool has no room.
[[nodiscard]] int copy_ring_take_over(
	struct copy_ring *r, const struct kept_segment *s, const uint32_t *slot);
// Copies that were lost in its earlier life.
void copy_ring_inherit(struct copy_ring *r, const uint64_t *lost);
// Adds what waits for destination `kept`.
void capture_waiting_counts(const struct capture *c, uint32_t kept, struct copy_ring_counts *add);
uint32_t copy_ring_kept(const struct copy_ring *r);
