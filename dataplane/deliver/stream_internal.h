#pragma once

// How a stream looks inside: stream.c above stream_spool.c above stream_line.c.

#include <sys/queue.h>

#include "dataplane/deliver/stream.h"

struct stream_line {
	struct stream *stream;
	struct copy_ring *ring; // NULL: this kind is not delivered
	struct spooled *spool;	// NULL: a ring's line; else the line of what was spooled
	// Segments [gap_from, gap_to) were moved to the spool, or are on their way. What lies
	// before the gap goes first; what follows waits until the spool is done, and then there
	// is no gap any more.
	uint32_t gap_from, gap_to;
	uint32_t send_segment, send_offset;
	uint32_t ack_segment, ack_copy; // first copy not accounted for
	// The ring's slots before `freed` are the worker's again. Segments that are sent and not
	// yet acknowledged do not hold up those behind them that are on disk: they are kept here.
	uint32_t freed;
	uint32_t held_from, n_held;
	struct segment **held;
	uint64_t since_ns; // no unsent octet is older
	uint32_t waits;	   // the segment that could go to the spool next, and since when it waits
	uint64_t waits_ns; // 0: none
	uint32_t time_at;  // where the PDUs of its worker say when they were received; 0: not known
	bool active;	   // not armed: to be looked at
};

struct run { // copies of one task in a block that lies in the file
	uint32_t slot, copies;
};

struct runs {
	STAILQ_ENTRY(runs) next;
	uint32_t octets; // of the whole block
	uint32_t sent;	 // of its first copies: left on some connection before
	uint32_t n;
	struct run run[];
};

struct spooled { // one kind
	struct spool_block block[SPOOL_LOADED];
	uint32_t opened;	    // blocks ever loaded
	STAILQ_HEAD(, runs) stored; // blocks in the file, oldest first
	bool storing;
	uint32_t store_line, store_from;
	struct runs *store_runs;	 // made before the block is stored: then nothing can fail
	uint32_t done;			 // blocks delivered, to be noted in the file
	bool left;			 // what the file holds stays there
	bool recovering;		 // the file may hold blocks of an earlier process
	_Atomic uint64_t copies, octets; // ours, undelivered; one writer, many readers
	_Atomic uint64_t found;		 // copies of an earlier process; one writer, many readers
	uint64_t found_left;		 // of them not loaded yet
};

struct record {
	uint64_t tls_end, length;
	uint32_t line, segment, offset;
};

struct stream {
	struct copy_outcomes *book;
	void *owner;
	struct copy_outcome_counts own, *counts; // own, or the box's
	uint64_t before;  // copies that ended in earlier processes: no ring offered them
	uint32_t n_lines; // X2 lines of all workers, then X3 lines
	uint32_t n_workers;
	uint32_t share; // streams of the destination
	struct delivery_times *times; // by kind; NULL: not counted
	unsigned times_hint[COPY_KINDS];
	uint64_t wall_ns; // of the acknowledgement in hand; 0: not known
	uint32_t n_active;
	uint32_t mid;	       // the line whose PDU is only partly sent, or NO_LINE
	uint32_t last;	       // the line that sent last
	uint32_t in_a_row;     // records in a row from `last`
	struct record *record; // ring
	uint32_t record_size, record_head, record_tail;
	bool spools;
	bool marks;    // settled by marks: records between two of them are joined
	bool unmarked; // something was sent behind the last mark
	bool presses;  // the next mark is wanted soon
	uint64_t unmarked_octets[2][COPY_KINDS]; // of them: of rings, of spools
	_Atomic uint64_t unsettled; // copies sent, not acknowledged; one writer, many readers
	uint64_t in_flight[COPY_KINDS]; // octets of rings, sent and not acknowledged on this
					// connection
	struct spooled spooled[COPY_KINDS];
	struct stream_line line[]; // then one for what was spooled of each kind
};

struct view { // a segment as it is now
	struct segment *segment;
	uint32_t pushed, end;
	bool closed;
};

static inline bool has_gap(const struct stream_line *l)
{
	return l->gap_from != l->gap_to;
}

static inline bool in_gap(const struct stream_line *l, uint32_t sequence)
{
	return sequence - l->gap_from < l->gap_to - l->gap_from;
}

static inline uint32_t copy_start(const struct segment *s, uint32_t index)
{
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is sent or accounted for is
	// there
	return index ? s->copy[index - 1].end : 0;
}

static inline void add_to(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(
		to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed);
}

// stream_spool.c
void spooled_discard(
	struct stream *s, struct spooled *p, enum copy_loss why); // what the file holds

void spooled_discard_found(
	struct stream *s, struct spooled *p, enum copy_loss why); // of an earlier process, not loaded

// stream_line.c
enum copy_kind line_kind(const struct stream_line *l);
void line_activate(struct stream_line *l, uint64_t since_ns); // it may have unsent octets
struct view line_view(struct stream_line *l, uint32_t sequence);
void line_keep(struct stream_line *l);	    // how far it is accounted for, for the next process
void line_give_back(struct stream_line *l); // what is accounted for, to the pool
// The first `n` copies of the segment have left whole, maybe not for the first time.
void line_note_sent(struct stream_line *l, uint32_t segment, uint32_t n);
// Every copy that lies wholly before this position ended so.
void line_account(struct stream_line *l, uint32_t segment, uint32_t offset, int as);
bool line_spool_accounted(const struct stream_line *l); // all that was spooled of its kind
void line_drop_held(struct stream_line *l); // the oldest of the segments kept goes back to the pool
void spooled_drop(struct spooled *p);	    // the oldest block's runs
