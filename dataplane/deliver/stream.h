#pragma once

// The stream of one destination's connection: the rings of all workers (lines), how far each was
// sent and acknowledged, and which bytes make the next TLS record. Pure code: no socket, no clock,
// no lock. Owned by one delivery thread.
//
// Octets of different lines mix only at PDU edges; X2 lines go before X3 lines. A copy is done
// when the last TLS octet that carries it is acknowledged: by TCP, or (stream_settle_by_marks) by
// the MDF with a keepalive behind it, a mark.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/capture/capture.h"
#include "dataplane/deliver/copy_outcomes.h"
#include "dataplane/deliver/spool.h"
#include "shared/delivery_times.h"

#define SPOOL_SEGMENTS_MIN 4u // of a ring's quota, where there is a spool
#define SPOOL_LOADED 8u	      // blocks of the spool in memory, of each kind
#define STREAM_RECORD 16384u  // octets in a full TLS record

struct stream;

struct stream_piece { // octets for one record, in place
	const uint8_t *octets;
	uint32_t length; // at most STREAM_RECORD
	uint32_t line;
};

// Creates a stream. `book`: per-slot counts of the owning thread. `owner` belongs to the caller.
// NULL when out of memory.
struct stream *stream_new(uint32_t n_workers, struct copy_outcomes *book, void *owner);
// Keeps the stream's counts in the box, continuing from the values there; `before` copies ended in
// earlier processes. Call before its first copy.
void stream_count_in(struct stream *s, struct copy_outcome_counts *counts, uint64_t before);
void stream_free(struct stream *s); // frees its rings
void *stream_owner(const struct stream *s);

// Sets the number of streams that share the rings of a quota (1 without a call). This stream's
// share decides when it requests a mark, what it spools, and how much TCP may hold.
void stream_share(struct stream *s, uint32_t n);

// Counts the times of copies acknowledged from now on in `times`, by kind. It has COPY_KINDS
// places; the owning thread is their only writer.
void stream_times(struct stream *s, struct delivery_times *times);

// Returns the line of this worker and kind; its address is the ring's owner.
struct stream_line *stream_line(struct stream *s, uint32_t worker, enum copy_kind k);
// Attaches a ring. Copies of an earlier process in it make the line active.
void stream_attach(struct stream *s, struct stream_line *l, struct copy_ring *r);
struct copy_ring *stream_ring(const struct stream_line *l);

// Marks the line's ring as non-empty; no copy in it is older than `since_ns`. Returns the stream.
struct stream *stream_wake(struct stream_line *l, uint64_t since_ns);

// Returns true with the next record: a full one, or one whose oldest byte is `flush_ns` old. With
// `edge`, bytes up to the next PDU edge are sent at once; false with stream_at_edge then means that
// other PDUs may be sent now.
bool stream_next(
	struct stream *s, uint64_t now_ns, uint64_t flush_ns, bool edge, struct stream_piece *out);
bool stream_at_edge(const struct stream *s);
// Records that the piece was handed to TLS; `tls_end` is the TLS offset of the first byte after it.
[[nodiscard]] int stream_sent(struct stream *s, const struct stream_piece *p, uint64_t tls_end);
// Acknowledges everything before `tls_offset`. Returns true if that includes new bytes.
bool stream_acked(struct stream *s, uint64_t tls_offset);
// Does the same, at this time (nanoseconds since the epoch), for stream_times.
bool stream_acked_at(struct stream *s, uint64_t tls_offset, uint64_t wall_ns);

// Settles by marks from the next connection on: `stream_acked` is then called with offsets of marks
// only.
void stream_settle_by_marks(struct stream *s, bool on);
void stream_mark(struct stream *s); // a keepalive was sent, at a PDU edge
// Returns whether to send a mark. NONE if nothing was sent since the last one. SOON if the bytes
// since then fill an eighth of a line's capacity, or (`idle`: nothing can be sent now) prevent
// waiting copies from being sent.
enum stream_want { STREAM_MARK_NONE, STREAM_MARK_LATER, STREAM_MARK_SOON };
enum stream_want stream_wants_mark(struct stream *s, bool idle);

// Ends the connection. With `resend`, everything not acknowledged is sent again from its first PDU;
// else the PDUs sent whole are in doubt. The next byte begins a PDU in both cases.
void stream_cut(struct stream *s, bool resend);
// Discards the stream: PDUs sent whole are in doubt, the rest is lost. The workers no longer push.
void stream_discard(struct stream *s, enum copy_loss why);

bool stream_active(const struct stream *s);	 // a line has, or may have, unsent bytes
bool stream_outstanding(const struct stream *s); // sent and not yet acknowledged
bool stream_empty(struct stream *s);		 // nothing queued, nothing outstanding
// Adds offered, acknowledged, lost (workers' and delivery's), queued and bytes. In doubt are copies
// sent and kept until acknowledged, and copies given up after being sent.
void stream_balance(const struct stream *s, struct copy_balance *add, uint64_t *queued_octets);

// The spool: the oldest whole segments of a kind move from memory to a file, and come back before
// newer ones. The caller moves the bytes; these functions keep the order and the counts.

// Enables the spool. TCP then holds at most half of each ring, because bytes in TCP cannot be
// moved.
void stream_spool_use(struct stream *s);
// Chooses the next segment to move, of a kind that fills 1/`part` of its room or more (0: any).
// Returns false if there is none. Fills segment, from and line of the job. stream_spool_stored ends
// it.
bool stream_spool_take(
	struct stream *s, enum copy_kind k, bool connected, uint32_t part, struct spool_job *job);
// Returns true if a movable segment of a line has been its oldest for `age_ns`, as seen by calls
// with `now_ns`.
bool stream_spool_waits(struct stream *s, enum copy_kind k, bool connected, uint64_t now_ns,
	uint64_t age_ns);
// Records that the segment is in the file, or (not `good`) stays in memory. Returns true if it left
// memory.
bool stream_spool_stored(struct stream *s, enum copy_kind k, bool good);
bool stream_spool_wants(const struct stream *s, enum copy_kind k); // a block should be loaded
// Takes the result of spool_load, and the block's segment. After an error other than AGAIN and
// NOMEM, the file's copies are lost and counted.
void stream_spool_loaded(
	struct stream *s, enum copy_kind k, const struct spool_block *b, int result);
// Hands the copies in memory to `store` in the order of sending, including those of segments that
// are not closed, and removes them from the stream. For a stop, with the connection cut and no job
// in progress. With `front`, only copies that precede all spooled ones. Returns 0 or the error of
// `store`: that piece and its successors stay.
struct stream_keeper {
	int (*store)(void *context, const struct segment *g, uint32_t from, uint32_t line);
	void *context;
};
[[nodiscard]] int stream_spool_keep(
	struct stream *s, enum copy_kind k, bool front, const struct stream_keeper *to);
bool stream_spool_has_front(struct stream *s, enum copy_kind k); // true if `front` would store copies
// Returns the delivered copies of the oldest block in the file; 0 if none of it was loaded.
uint32_t stream_spool_skip(const struct stream *s, enum copy_kind k);
// Leaves the file's copies queued for the next process: stream_discard does not count them as lost.
void stream_spool_leave(struct stream *s, enum copy_kind k);
// Returns the blocks delivered since the last call.
uint32_t stream_spool_done(struct stream *s, enum copy_kind k);
// Adds the copies of an earlier process's file: they are offered to this destination from now on,
// though to no task.
void stream_spool_recovering(struct stream *s, enum copy_kind k, uint64_t copies);
uint64_t stream_spool_found(const struct stream *s); // copies found in such files
uint64_t stream_spool_holds(const struct stream *s); // undelivered copies in the file; for any thread
