#pragma once

// How delivery looks inside. Its files, from the top:
//   deliver.c            the builder's side
//   deliver_status.c     what it is told
//   deliver_rings.c      a destination's rings
//   deliver_loop.c       a thread's loop: rings to records
//   deliver_thread.c     commands to a thread
//   deliver_connection.c one destination's connection
//   deliver_choice.c     which end has the stream
//   deliver_attempt.c    attempts to connect
//   deliver_keepalive.c, deliver_kept.c, deliver_name.c, deliver_spool.c, deliver_sweep.c
//   deliver_settle.c     which keepalives make sent copies delivered ones
//   deliver_outage.c     up, down, and what it cost
//   deliver_end.c        state and faults of one end
//   deliver_address.c    an end's addresses
//   deliver_events.c, deliver_settings.c
// None calls one above it.
//
// A destination has `delivery.connections` connections. Each has a stream of its own with what was
// sent, acknowledged and spooled, and a thread, keepalives, attempts and timers. A sequence context
// belongs to one worker and kind, so to one copy_ring. Each ring of the destination belongs to one
// connection for good, whatever happens to that connection (see deliver_carries). So no code on the
// way of a copy depends on their number, and the order of a context is that of its connection, over
// reconnects, the spool and a restart too. Connections share the quota of the destination's rings,
// the room of its spool, its faults and its end (struct mdf_destination).
//
// A connection goes to an end: the destination's address or host name, or one of the ends of a
// redundant set. The stream does not depend on ends, and each connection chooses its own by the
// same rules (deliver_choice.c).

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "dataplane/deliver/deliver.h"
#include "dataplane/deliver/mdf.h"
#include "dataplane/deliver/resolve.h"
#include "dataplane/deliver/copy_outcomes.h"
#include "dataplane/deliver/spool.h"
#include "dataplane/deliver/stream.h"

#define DESTINATIONS_KEPT (COPY_DESTINATIONS_MAX * 2) // with those that are being drained
#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define EVENTS_MAX 4096		   // unread events; the oldest go first
#define INBOUND_MAX 4096	   // octets of one PDU that an MDF may send
#define ANSWERS_MAX 160u	   // more than INBOUND_MAX octets of keepalives
#define ACK_MIN_NS (NS_PER_MS / 2) // between two reads of TCP's acknowledgements
#define SETTLE_MARKS 8u		   // keepalives that may lack their acknowledgement, a power of two

struct connection_settings { // the configuration with the overrides of this destination
	uint64_t buffer;
	uint64_t spool; // octets on disk
	uint32_t max_pdu;
	uint8_t minor;
	uint8_t connections; // of the destination
	bool keepalive;
	bool require_ack;
	enum config_settle settle;
	const char *identity; // the configuration's; NULL: the address or host name
};


// A destination as the box keeps it. Its rings refer to it by its place.
struct box_destination {
	_Atomic uint32_t state; // enum box_state; release, when the rest is written
	struct id16 ne, did;
	uint8_t creation[16];
	uint32_t connections; // number of connections when its rings were divided; 0: not known yet
	struct copy_outcome_counts counts[CONFIG_CONNECTIONS_MAX]; // of each connection
	uint64_t before; // copies among the first that ended in earlier processes
};

// The bytes that a keepalive's acknowledgement settles, on one connection; only `octets` outlives a
// connection.
struct connection_settle {
	uint64_t mark[SETTLE_MARKS]; // keepalive number % SETTLE_MARKS -> TLS offset behind it
	uint32_t sent;		     // keepalives that have left whole: numbers below have a mark
	uint64_t marked;	     // TLS offset behind the last one
	uint64_t marked_at;	     // when it left
	uint64_t due_at;	     // the next keepalive, if bytes were sent after the last
	uint64_t octets;	     // sent behind a mark at which the next is due; adapts
	bool any;		     // something was settled on this connection
};

struct connection_spool {    // of one kind
	struct spool *spool; // NULL: none
	struct spool_job job;
	uint64_t retry_at;
	uint64_t look_at; // next scan for segments that wait too long
	bool old;	  // the scan found some
	bool failing; // reported
	uint64_t lost_at_submit; // of the job in flight
	uint64_t lost_at_failing;
};

struct mdf_attempt { // at one address of an end
	struct ip_address address;
	struct mdf *mdf;      // connecting; NULL: no attempt under way
	uint64_t until;	      // connect and handshake
	uint64_t again_at;    // not before
	uint32_t credentials; // generation
	bool failed;	      // since the connection stood, or all of them had failed
};

// Holds one end of a destination, as one of its connections sees it. The connection's thread owns it,
// but for the last members.
struct mdf_end {
	struct channel_end place; // under deliver->lock
	struct connection_settings settings;
	bool resolving;
	uint64_t answer_until; // then the look-up has failed
	uint16_t question;     // the last one's number
	// The answer holds until then; with a connection it is the next look.
	uint64_t resolved_until;
	// Addresses and the attempts at them; 0: none is known.
	uint32_t n_attempts;
	struct mdf_attempt attempt[RESOLVE_ADDRESSES_MAX];
	// Addresses of the attempt begun last, and of the last connection that proved itself.
	struct ip_address tried, good;
	// Next attempt beside those under way; beginning of the attempt begun last, and of all that are
	// under way.
	uint64_t race_at, attempted_at, began_at;
	struct ip_address peer; // address of the connection
	bool moved;		// the name no longer resolves to it
	uint32_t credentials;	// generation of those the connection was made with
	uint64_t attempt_at;	// next try
	uint32_t failures;	// in a row, sets the back-off
	struct mdf *standby;	// established, in reserve for the stream; no PDUs are sent. NULL: none
	uint64_t stood_at;	// when it was established
	bool down;		// the last attempt or connection failed, or reads nothing
	// Under deliver->lock:
	uint8_t state; // enum destination_state
	uint64_t down_since_ns;
	char reason[96];
};

struct mdf_end_fault { // of a set, under deliver->lock
	struct id16 did;
	uint32_t n; // connections to which the end is down; 0: the place is free
};

// Holds what the connections of a destination share. Under deliver->lock, unless marked otherwise.
struct mdf_destination {
	struct mdf_connection *first; // those not retired, the one of the lowest number first
	uint32_t n;		      // connections among which the rings are divided
	uint32_t made;		      // with those that only have an old spool; for good
	uint32_t alive;		      // those not freed
	struct copy_quota quota[COPY_KINDS]; // of the rings of all workers; the builder's
	struct spool_room room[COPY_KINDS];  // of all their spools; the spooler's
	uint32_t down;			     // connections whose fault is reported
	uint64_t down_at;		     // since the first of them is, as long as there are any
	uint64_t lost;			     // by those of them that are up again
	uint64_t lost_retired;		     // by those that are gone
	struct copy_balance left;	     // what ended since the removal, of those that are gone
	struct mdf_end_fault end_fault[2 * CHANNEL_ENDS_MAX]; // of the ends before a change, too
};

// One connection of a destination. Owned by its delivery thread, but for the members marked
// otherwise.
struct mdf_connection {
	struct deliver *deliver;
	struct deliver_thread *thread;
	LIST_ENTRY(mdf_connection) next; // of the thread's
	LIST_ENTRY(mdf_connection) next_busy;
	bool busy;
	TAILQ_ENTRY(mdf_connection) next_due;
	bool due;
	uint64_t look_at;    // next look at its timers, unless something comes; 0: at the next turn
	uint32_t due_events; // of epoll, seen since
	uint16_t index;
	uint16_t number; // among the destination's
	uint8_t kinds;	 // DELIVERY_X2, DELIVERY_X3: what rings of its own would carry
	struct mdf_destination *destination;
	struct mdf_connection *sibling; // the next of the destination's; under deliver->lock
	uint64_t serial; // distinguishes a late answer of the resolver
	// Keepalive, acknowledgement, settle and identity are those of the end used last.
	struct connection_settings settings;
	struct channel_destination dest; // without memo; under deliver->lock
	struct stream *stream;
	struct box_destination *kept; // the destination's; NULL: there is no box
	struct connection_spool spool[COPY_KINDS];
	_Atomic uint32_t state; // enum destination_state; any thread reads

	struct mdf *mdf; // NULL: no connection
	bool writable;
	uint16_t questions; // asked so far: distinguishes an answer to an older one
	// Ends, the most preferred first; a destination that is no set has one. The first two, and
	// places, are written under deliver->lock.
	uint8_t n_ends;
	uint8_t used; // has the stream; n_ends: none
	uint8_t last; // had it last, or is tried first
	bool again;   // that one is tried before those that are preferred
	struct mdf_end end[CHANNEL_ENDS_MAX];
	uint64_t renew_until;	// finish what is sent, then connect anew; 0: no
	bool renew_paused;	// nothing new is sent
	uint64_t path_at;	// next look at what TCP's peer answers
	bool stalled;		// reported: the MDF reads nothing
	uint64_t up_at;		// when the connection stood
	bool delivered;		// something was acknowledged on this connection
	uint64_t cut_at;	// others are tried since, before it is a fault
	bool reported_down;
	uint64_t down_at;
	uint64_t lost_seen, lost_seen_at; // copies, and when they last became more
	uint64_t lost_before;		  // when none had been lost for a while
	uint64_t lost_at_down;		  // for the count in the up event

	struct stream_piece piece; // refused by TCP for now; length 0: none
	bool piece_is_control;
	uint8_t control[PDU_KEEPALIVE_SIZE];
	uint64_t keepalive_at, alive_at;	  // next to send; last sign of life
	uint32_t keepalive_next, keepalive_acked; // numbers: next to issue, lowest not acknowledged
	bool keepalive_in_hand;			  // the piece in hand is one of ours
	struct connection_settle settle;
	uint64_t odd_acks; // under deliver->lock
	// mdf_written before the keepalive whose answer is waited for, and before the last one.
	uint64_t keepalive_floor, keepalive_last;
	// Keepalives of the MDF that are not yet acknowledged: their numbers.
	uint32_t n_answers, answer[ANSWERS_MAX];
	// There may be more to read.
	bool readable;
	uint64_t ack_at, ack_pause; // next look at what TCP has acknowledged
	uint64_t ack_written;	    // mdf_written at the last look, at TCP or for an acknowledgement
	uint32_t inbound_length;
	uint8_t inbound[INBOUND_MAX];

	_Atomic bool removing;
	uint64_t remove_until;
	struct copy_balance removed; // what had ended when it was removed
	bool closing;		     // no further job for the disk

	// Under deliver->lock.
	uint64_t connects;
	uint64_t down_since_ns; // CLOCK_REALTIME
	char reason[96];
};

struct command;

struct deliver_thread {
	struct deliver *deliver;
	uint32_t number;
	int32_t cpu; // -1: that of the thread that starts it
	pthread_t id;
	int epoll;
	int wake; // eventfd
	LIST_HEAD(, mdf_connection) connections;
	LIST_HEAD(, mdf_connection) busy;
	TAILQ_HEAD(, mdf_connection)
	due; // their handshake can go on, in the order in which they became so
	struct copy_outcomes book;
	struct delivery_times times[COPY_KINDS];
	uint64_t random; // jitter
	uint64_t stop_until;

	pthread_mutex_t lock; // below
	pthread_cond_t taken;
	STAILQ_HEAD(, command) commands;
	_Atomic bool pending; // set with the queue, read without the lock
	bool running;
};

struct deliver {
	const struct config *config;
	struct capture *const *captures;
	uint32_t n_workers;
	uint32_t n_threads;
	uint32_t n_content; // workers that take content: all but the reporter
	uint64_t flush_ns;
	struct resolver *resolver;
	struct spooler *spooler; // NULL: no spool
	uint8_t spool_root[SPOOL_KEY_SIZE];
	// Held while an orphaned file is opened or removed; taken before `lock`, by no delivery
	// thread.
	pthread_mutex_t spool_lock;
	bool (*silent)(void *context, const struct id16 *ne); // deliver_contact
	void *silent_context;
	uint64_t started_ns;
	_Atomic bool complete; // set by deliver_complete; relaxed: a late sweep is harmless
	_Atomic bool sweep_now; // set by it, cleared by the first delivery thread; relaxed
	struct spool_job sweep; // of the first delivery thread
	uint64_t sweep_at;
	_Atomic bool stopping;
	_Atomic bool kernel_refused; // kernel TLS was refused and that is logged; relaxed: no data depends on it
	struct deliver_thread thread[CAPTURE_DELIVER_MAX];

	pthread_mutex_t lock; // below: between the builder and the threads, never a worker
	struct mdf_tls *tls;
	_Atomic uint32_t credentials; // how often they were read again; also read without the lock
	struct mdf_connection *connection[COPY_DESTINATIONS_MAX];
	uint64_t serial;
	struct copy_balance past;	// of destinations that are gone, or not here again yet
	struct box_destination *kept;	// DESTINATIONS_KEPT places; NULL: no box
	uint32_t kept_used;		// the builder's
	uint32_t n_waiting;		// of an earlier process, not put again yet; the builder's
	struct copy_outcomes inherited; // the builder's book: of an earlier process
	const struct box *box;
	uint64_t past_found;
	struct channel_event event[EVENTS_MAX];
	uint32_t event_head, event_tail;
	int event_fd;
};

enum command_kind { COMMAND_ADD, COMMAND_MODIFY, COMMAND_REMOVE, COMMAND_RESOLVED };

struct command {
	STAILQ_ENTRY(command) next;
	enum command_kind kind;
	bool waited; // the sender waits and frees; else the thread frees
	bool done;
	struct mdf_connection *connection; // ADD, MODIFY, REMOVE
	struct copy_ring **rings; // MODIFY: new ones by line (workers x kinds), NULL where none
	struct channel_destination dest; // MODIFY
	struct resolve_answer answer;	 // RESOLVED
};

// deliver_rings.c: the builder's thread
// True when the rings of this worker and kind belong to the connection.
bool deliver_carries(const struct mdf_connection *c, uint32_t worker, enum copy_kind k);
// Sets what it carries.
void deliver_rings_divide(struct mdf_connection *c);
// Makes for each connection of the destination the rings that `delivery` needs and its stream does
// not have: rings[number] is by line (workers x kinds), the caller's to free, as are the rings. 0, or
// NOMEM: then none was made.
int deliver_rings_make(struct mdf_destination *m, uint8_t delivery, struct copy_ring ***rings);
// Workers push to exactly the kinds in `delivery` from now on.
void deliver_rings_attach(struct mdf_connection *c, uint8_t delivery);

// deliver_loop.c
int deliver_thread_start(struct deliver_thread *t);
void deliver_thread_join(struct deliver_thread *t);

// deliver_thread.c
int deliver_thread_open(struct deliver *d, uint32_t number);
void deliver_thread_close(struct deliver_thread *t);
void deliver_thread_wake(struct deliver_thread *t);
// Hands the command over and, with `waited`, waits until it is done. A thread that does not run
// does it at once.
void deliver_thread_send(struct deliver_thread *t, struct command *order);
void deliver_thread_resolved(struct deliver *d, const struct resolve_answer *a);
void deliver_thread_work(struct deliver_thread *t); // executes the thread's commands

// deliver_connection.c: this and all below on the connection's own thread
void mdf_connection_timers(struct mdf_connection *c, uint64_t now); // connect, time out, keepalive
// Returns when the timers must be checked again if no event comes. While the connection stands with
// nothing to send, that is when one of them is due. 0: in every turn.
uint64_t mdf_connection_look_at(const struct mdf_connection *c);
void mdf_connection_ready(struct mdf_connection *c, uint32_t epoll_events, uint64_t now);
void mdf_connection_modified(struct mdf_connection *c, const struct channel_destination *dest);
void mdf_connection_resolved(
	struct mdf_connection *c, const struct resolve_answer *a, uint64_t now);
void mdf_connection_close(
	struct mdf_connection *c, enum copy_loss why); // for good: what is left is lost

// deliver_choice.c
// Sets the ends of a connection that other threads cannot see yet.
void mdf_connection_begin_ends(struct mdf_connection *c, const struct channel_destination *dest);
// Replaces the ends, and c->dest with them. The state of an end that keeps its address is kept.
// Returns false if the end in use is none of them: its connection is then closed.
bool mdf_connection_change_ends(struct mdf_connection *c, const struct channel_destination *dest);
// Makes attempts at the ends that are due: without a connection at all, the most preferred first;
// with one, at down ends and at ends preferred to the one in use. An end that stands gets a stream
// that has no connection.
void mdf_connection_choose(struct mdf_connection *c, uint64_t now);
// Returns the end that is preferred to the one in use and has stood for the hold time, or NULL.
struct mdf_end *mdf_connection_better_end(struct mdf_connection *c, uint64_t now);
// Gives a stream without a connection to an end that stands.
void mdf_connection_promote(struct mdf_connection *c, struct mdf_end *e, uint64_t now);
// Returns the next time at which mdf_connection_choose has work, at most `at`; 0: in every turn.
uint64_t mdf_connection_choose_at(const struct mdf_connection *c, uint64_t at);

// deliver_attempt.c
// Begins the next attempt when it is due (RFC 8305 clause 5). The end must have an address.
void mdf_end_race(struct mdf_connection *c, struct mdf_end *e, uint64_t now);
// Continues all attempts at all ends. The first of an end to complete becomes the connection, or
// stands by, and the end's others are closed.
void mdf_connection_continue(struct mdf_connection *c, uint64_t now);

// deliver_address.c
// Replaces the addresses with those of an answer; the state of addresses that stay is kept.
void mdf_end_set_addresses(struct mdf_end *e, const struct ip_address *address, uint32_t n);
// Returns the next address to try, or NULL. Addresses that have not failed go first. Among them the
// last one that worked goes first; then the order continues after the last one tried.
struct mdf_attempt *mdf_end_next_attempt(struct mdf_end *e, uint64_t now);
bool mdf_end_is_racing(const struct mdf_end *e);
bool mdf_end_all_failed(const struct mdf_end *e);
void mdf_end_close_attempts(struct mdf_end *e); // and its standby connection
// Allows all addresses to be tried again at once.
void mdf_end_forget_failures(struct mdf_end *e);
// Counts the peer's address as failed until `again_at`. Returns true if another one has not failed.
bool mdf_end_has_other_address(struct mdf_end *e, uint64_t again_at);
bool mdf_connection_is_racing(const struct mdf_connection *c); // at any end
void mdf_connection_try_now(struct mdf_connection *c, uint64_t now); // each end, without a back-off

// deliver_end.c
// Sets the state of an end and, in a set, reports when it begins and when it ends to be down. `since`:
// when that began.
void mdf_end_set_down(struct mdf_connection *c, struct mdf_end *e, uint64_t now, uint64_t since,
	const char *reason);
void mdf_end_set_up(struct mdf_connection *c, struct mdf_end *e);
void mdf_end_set_connecting(struct mdf_connection *c, struct mdf_end *e);
void mdf_end_set_idle(struct mdf_connection *c, struct mdf_end *e, const char *why); // not needed
bool mdf_connection_all_down(const struct mdf_connection *c);

// deliver_keepalive.c
void mdf_connection_receive(struct mdf_connection *c, uint64_t now);
void mdf_connection_check_alive(
	struct mdf_connection *c, uint64_t now); // takes it down when no answer came in time
bool mdf_connection_keepalive_due(const struct mdf_connection *c, uint64_t now);
void mdf_connection_make_keepalive(
	struct mdf_connection *c, uint64_t now); // into the piece in hand

// deliver_settle.c
bool mdf_connection_settles_by_keepalive(const struct mdf_connection *c);
void mdf_connection_settle_begin(struct mdf_connection *c, uint64_t now); // connected
void mdf_connection_settle_end(struct mdf_connection *c); // the connection is gone
// Computes when the next keepalive is due, after a whole piece of the stream was sent.
void mdf_connection_settle_sent(struct mdf_connection *c, uint64_t now);
// Records a sent keepalive of ours.
void mdf_connection_settle_mark(struct mdf_connection *c, uint64_t now);
// Returns true if a keepalive must be sent at the next PDU edge. IDLE: there is nothing to send
// now; LAST: and there will be nothing more on this connection.
enum settle_when { SETTLE_BUSY, SETTLE_IDLE, SETTLE_LAST };
bool mdf_connection_settle_due(struct mdf_connection *c, uint64_t now, enum settle_when when);
// Handles the MDF's acknowledgement of keepalive `number`. Returns true if that one was sent on
// this connection and not acknowledged before; everything before it is then delivered.
bool mdf_connection_settle_acknowledged(struct mdf_connection *c, uint32_t number);

// deliver_name.c
uint64_t mdf_connection_of_token(uint64_t token); // the serial of the connection that asked
bool mdf_end_ask_name(struct mdf_connection *c, struct mdf_end *e, uint64_t now); // false: no memory
// The end that waits for nothing but this answer and is to be connected now. NULL: none.
struct mdf_end *mdf_connection_name_answered(
	struct mdf_connection *c, const struct resolve_answer *a, uint64_t now);
void mdf_connection_check_answers(
	struct mdf_connection *c, uint64_t now); // one that does not come is a failure
void mdf_connection_refresh_name(
	struct mdf_connection *c, uint64_t now); // when the answer's time is over
// At a stop a destination gets its first attempt, and no second one.
bool mdf_connection_is_leaving(const struct mdf_connection *c);

// deliver_outage.c
void mdf_connection_set_state(struct mdf_connection *c, enum destination_state s);
// Closes the connection. The caller decides on copies not acknowledged.
void mdf_connection_lose(struct mdf_connection *c);
// The same, and closes all that could become one.
void mdf_connection_drop(struct mdf_connection *c);
// The connection is lost. Reports a fault unless the name has an address that has not failed: then
// that is tried first.
void mdf_connection_down(struct mdf_connection *c, uint64_t now, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// The end in use reads nothing, and another one stands: the connection is lost, as above.
void mdf_connection_leave_stalled(struct mdf_connection *c, uint64_t now);
// All that could become a connection to this end is lost. Reports the destination's fault with the
// last of its ends.
void mdf_end_failed(struct mdf_connection *c, struct mdf_end *e, uint64_t now, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// The connection to this end is what the stream goes to from now on.
void mdf_connection_use(struct mdf_connection *c, struct mdf_end *e, struct mdf *m, uint64_t now);
// Takes the connection down when its peer is dead, and reports one that reads nothing.
void mdf_connection_check_path(struct mdf_connection *c, uint64_t now);
// Shortens a back-off begun while no copy waited.
void mdf_end_hurry(struct mdf_connection *c, struct mdf_end *e, uint64_t now);
uint64_t mdf_end_backoff(struct mdf_connection *c, const struct mdf_end *e); // ns
void mdf_connection_rest(
	struct mdf_connection *c, uint64_t now); // not needed: idle, without a fault
void mdf_connection_check_losses(struct mdf_connection *c, uint64_t now);

// deliver_spool.c
int deliver_spool_setup(struct deliver *d, char *why, size_t why_size);
void mdf_connection_spool_open(
	struct mdf_connection *c); // the builder's thread, before other threads can see the connection
void mdf_connection_spool_work(struct mdf_connection *c, uint64_t now);
// The identifier belongs to another destination from now on: the copies of the previous one are
// lost and reported.
void mdf_connection_begin_anew(struct mdf_connection *c, uint64_t creation);
// The number of connections that have left a spool to this destination, whatever their number is now.
uint32_t deliver_spools_left(const struct deliver *d, const struct channel_destination *dest);
bool mdf_connection_spool_busy(const struct mdf_connection *c);
// Until the disk is done with what it has. What is acknowledged by now is owed no more once the
// spool is closed.
void mdf_connection_spool_wait(struct mdf_connection *c);
// False while the disk is at work for it. No further job is given to it from the first call on.
bool mdf_connection_spool_at_rest(struct mdf_connection *c, uint64_t now);
// At a stop, behind mdf_connection_spool_wait: all that memory holds goes to the spool, as far as it
// has room. Waits for the disk.
void mdf_connection_spool_keep(struct mdf_connection *c);
// For good; `keep`: what is owed stays on disk for the next process.
void mdf_connection_spool_close(struct mdf_connection *c, bool keep);

// deliver_sweep.c
void deliver_sweep_timer(struct deliver *d, uint64_t now); // now and then, on the spooler's thread
void deliver_sweep_wait(struct deliver *d);		   // until none is under way
void deliver_sweep(struct deliver *d);			   // at once; waits for the disk

// deliver_kept.c: the builder's thread
// The destination's place in the box, its own of an earlier process's where there is one. NULL:
// none.
struct box_destination *deliver_keep(struct deliver *d, const struct channel_destination *dest);
// Around the making of rings: what waits for the destination and has no ring of it yet is past.
void deliver_keep_rest(struct mdf_connection *c, bool waits);
void deliver_keep_modified(struct mdf_connection *c, const struct channel_destination *dest);
void deliver_count_in(struct mdf_connection *c);	      // its stream's counts lie there
uint32_t deliver_kept_number(const struct mdf_connection *c); // UINT32_MAX: none
void deliver_kept_free(struct mdf_connection *c); // any thread, under the lock; the last one

// deliver_events.c
void deliver_post(struct deliver *d, const struct channel_event *e);
void mdf_connection_post(struct mdf_connection *c, uint8_t kind, uint64_t copies, const char *text);
// Posts under the lock, so that reports of several connections have the order of their events.
void mdf_connection_post_locked(
	struct mdf_connection *c, uint8_t kind, uint64_t copies, const char *text);
// Posts about one of its ends, under the lock.
void mdf_end_post_locked(struct mdf_connection *c, uint8_t kind, const struct id16 *end, const char *text);
uint64_t mdf_connection_lost(const struct mdf_connection *c); // copies, so far
// Adds the copies that have ended: acknowledged, in doubt or lost; none that can still be sent.
void mdf_connection_ended(const struct mdf_connection *c, struct copy_balance *add);
// Adds the copies that ended since the removal to the destination's sum. Under the lock.
void mdf_connection_leave(const struct mdf_connection *c);
// Posts that the destination is gone: this is its last connection, and no copy is left. Under the
// lock.
void mdf_connection_post_gone(const struct mdf_connection *c);

// deliver_settings.c
// Of a destination, or of an end: by its identifier, or by the network that its address is in.
struct connection_settings deliver_settings_of(
	const struct config_delivery *c, const struct id16 *did, const struct ip_address *address);
