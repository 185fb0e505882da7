#pragma once

// What is owed to one destination, in the order in which it leaves: the rings of all workers
// (lines), how far each was sent and acknowledged, and which octets make the next TLS record. Pure
// code: no socket, no clock, no lock. Owned by one delivery thread.
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

// `book`: per-slot counts of the owning thread. `owner` is the caller's. NULL when out of memory.
struct stream *stream_new(uint32_t n_workers, struct copy_outcomes *book, void *owner);
// Its counts lie in the box from now on, and go on from what is there: `before` copies ended in
// earlier processes. Before its first copy.
void stream_count_in(struct stream *s, struct copy_outcome_counts *counts, uint64_t before);
void stream_free(struct stream *s); // frees its rings
void *stream_owner(const struct stream *s);

// Says how many streams divide the rings of a quota: this one's share of what these can hold decides when it
// asks for a mark, what goes to the spool, and how much TCP may hold. 1 without a call.
void stream_share(struct stream *s, uint32_t n);

// Counts there, by kind, how long copies took that are acknowledged from now on. COPY_KINDS places; the
// owning thread is their only writer.
void stream_times(struct stream *s, struct delivery_times *times);

// The line of this worker and kind; its address is the ring's owner.
struct stream_line *stream_line(struct stream *s, uint32_t worker, enum copy_kind k);
// A ring that holds copies of an earlier process makes its line active.
void stream_attach(struct stream *s, struct stream_line *l, struct copy_ring *r);
struct copy_ring *stream_ring(const struct stream_line *l);

// The ring has something; none of it is older than `since_ns`. Returns the stream.
struct stream *stream_wake(struct stream_line *l, uint64_t since_ns);

// The next record, or false when there is none yet: a full one, or one whose oldest octet is
// `flush_ns` old. With `edge`, octets up to the next PDU edge leave at once, and false with
// stream_at_edge means that something else may be sent now.
bool stream_next(
	struct stream *s, uint64_t now_ns, uint64_t flush_ns, bool edge, struct stream_piece *out);
bool stream_at_edge(const struct stream *s);
// The piece was handed to TLS; `tls_end` is the offset of the first octet behind it in the TLS
// stream.
[[nodiscard]] int stream_sent(struct stream *s, const struct stream_piece *p, uint64_t tls_end);
// Everything before `tls_offset` is acknowledged. Returns whether something was.
bool stream_acked(struct stream *s, uint64_t tls_offset);
// The same, at this time (nanoseconds since the epoch), for stream_times.
bool stream_acked_at(struct stream *s, uint64_t tls_offset, uint64_t wall_ns);

// From the next connection on: `stream_acked` names ends of marks only.
void stream_settle_by_marks(struct stream *s, bool on);
void stream_mark(struct stream *s); // a keepalive has left, at a PDU edge
// Whether a mark is wanted: none before something was sent behind the last one. Soon when the octets
// behind it fill an eighth of what a line can hold, or (`idle`: there is nothing to send now) hold
// up what waits.
enum stream_want { STREAM_MARK_NONE, STREAM_MARK_LATER, STREAM_MARK_SOON };
enum stream_want stream_wants_mark(struct stream *s, bool idle);

// The connection is gone. With `resend` everything not acknowledged is sent again from its first
// PDU; else what was sent whole is in doubt. Either way the next octet begins a PDU.
void stream_cut(struct stream *s, bool resend);
// Gives up: what was sent whole is in doubt, the rest is lost. The workers no longer push.
void stream_discard(struct stream *s, enum copy_loss why);

bool stream_active(const struct stream *s);	 // some line has, or may have, unsent octets
bool stream_outstanding(const struct stream *s); // sent and not yet acknowledged
bool stream_empty(struct stream *s);		 // nothing queued, nothing outstanding
// Adds offered, acknowledged, lost (workers' and delivery's), queued and octets; in doubt: what was
// sent and is kept until it is acknowledged, and what was given up so.
void stream_balance(const struct stream *s, struct copy_balance *add, uint64_t *queued_octets);

// The spool: the oldest whole segments of a kind leave memory for a file, and come back before what
// is newer. The caller moves the octets; here is the order, and who is owed what.

// There is one: of each ring TCP holds half of the room at most, for what it holds cannot be moved.
void stream_spool_use(struct stream *s);
// The next segment to move of a kind that holds a 1/`part` of its room or more (0: whatever it
// holds); false when there is none.
// Fills segment, from and line of the job. stream_spool_stored ends it.
bool stream_spool_take(
	struct stream *s, enum copy_kind k, bool connected, uint32_t part, struct spool_job *job);
// Whether a segment of a line that could move is the same since `age_ns`, as calls with `now_ns` saw
// it.
bool stream_spool_waits(struct stream *s, enum copy_kind k, bool connected, uint64_t now_ns,
	uint64_t age_ns);
// It is in the file, or (not `good`) stays in memory. Returns whether it left memory.
bool stream_spool_stored(struct stream *s, enum copy_kind k, bool good);
bool stream_spool_wants(const struct stream *s, enum copy_kind k); // a block should be loaded
// What spool_load said. Takes the block's segment over. After an error other than AGAIN and NOMEM
// what the file held is lost and counted.
void stream_spool_loaded(
	struct stream *s, enum copy_kind k, const struct spool_block *b, int result);
// At a stop, with the connection cut and no job under way: what memory holds, also of segments that
// are not closed, is handed to `store` in the order in which it would have been sent, and leaves the
// stream. With `front` only what goes before all that was spooled. 0 or the error of `store`: that
// piece and what follows stay.
struct stream_keeper {
	int (*store)(void *context, const struct segment *g, uint32_t from, uint32_t line);
	void *context;
};
[[nodiscard]] int stream_spool_keep(
	struct stream *s, enum copy_kind k, bool front, const struct stream_keeper *to);
bool stream_spool_has_front(struct stream *s, enum copy_kind k); // something would go with `front`
// Copies of the oldest block in the file that are delivered already; 0 when none of it was loaded.
uint32_t stream_spool_skip(const struct stream *s, enum copy_kind k);
// Leaves the file's copies queued for the next process: stream_discard does not count them as lost.
void stream_spool_leave(struct stream *s, enum copy_kind k);
// Blocks delivered since the last call.
uint32_t stream_spool_done(struct stream *s, enum copy_kind k);
// A file of an earlier process was found: its copies are offered to this destination from now on,
// though to no task.
void stream_spool_recovering(struct stream *s, enum copy_kind k, uint64_t copies);
uint64_t stream_spool_found(const struct stream *s); // copies that were found so
uint64_t stream_spool_holds(const struct stream *s); // copies owed that lie in the file; any thread
