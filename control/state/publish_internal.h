#pragma once

// Inside the channel's controlling end, from top to bottom: publish_connection.c (socket and
// messages), publish_recover.c (state stream), publish_replay.c (differences), publish.c
// (requests), publish_watch.c (silence) and publish_queue.c (pending messages).

#include <sys/queue.h>

#include "control/state/publish.h"
#include "shared/digest.h"

// Interval of messages about the ADMF to the dataplane; the fail-safe waits as much longer, so that
// it never comes before TIME_P2.
#define HEARD_INTERVAL_MS 200

struct publish_todo { // one difference to put right
	uint16_t id;  // enum channel_id
	uint16_t ne;  // index; UINT16_MAX: the network element is not ours, see `ne_id`
	struct id16 ne_id;
	struct id16 object;
	uint8_t of; // MEMO_PUT: MEMO_REPORT or MEMO_OBJECT
};

struct publish_recover {
	struct digest *digest; // of the stream
	uint32_t request;      // of the STATE_GET
	uint32_t round;
	bool adopting;
	int error; // first thing that makes the stream unusable
	uint32_t network_elements, destinations, tasks, objects;
	struct publish_todo *todo; // what the dataplane holds beyond
	uint32_t n_todo, todo_capacity;
};

struct publish_replay { // differences are looked for and put one after the other
	struct slice slice;
	uint8_t phase; // index in publish_replay.c
	bool walking;  // over a network element or the reports
	uint16_t ne;
	uint32_t index; // in the list of what is surplus
	struct registry_cursor cursor;
	struct kept_reports_cursor reports;
	struct objects_cursor objects;
	uint32_t in_flight;
	bool failed; // something was refused
};

struct pending {
	publish_done done;
	void *context;
	uint32_t request;
	bool used;
};

struct outgoing {
	STAILQ_ENTRY(outgoing) entry;
	uint32_t length;
	uint8_t octets[];
};

struct publish_contact { // with the ADMF of a network element
	bool known, fired; // fired: its silence ended the tasks, and no message arrived since
	bool reported;	   // likewise: it was silent for TIME_P2 of later minors
	bool late;	   // its Keepalive is late, which was logged
	int64_t at_ms;	   // monotonic; negative: before the machine's start
	uint64_t sent_ms;  // when the dataplane was last notified
};

struct publish_question { // a probe of the dataplane, once a second
	bool asked, hung;
	uint64_t at_ms;	    // of the question that is not answered, else of the last one
	uint32_t turns;	    // of the loop since: while this process stands still nothing is late
};

struct publish_amounts {
	struct event *round;
	struct registry_cursor cursor; // while `walking`
	uint16_t ne;
	bool walking;
};

struct held_event {
	STAILQ_ENTRY(held_event) entry;
	uint32_t number;
	struct channel_event event;
};

struct publish {
	struct event_base *base;
	const struct config *config;
	struct registry *registry;
	struct publish_hooks hooks;
	void *context;
	char *path;
	int fd;
	int box; // of the last dataplane: what it holds outlives it. -1: none
	struct event *readable, *writable, *retry;
	uint32_t retry_ms;
	enum publish_state state;
	bool recovered;
	bool restoring; // the hook fills the registry
	bool stopping;
	bool settled; // both sides have held the same since the start
	uint32_t reports_dataplane; // registry_dataplane when the reports were put last
	bool unsettled; // state was adopted, and not every task of it was given to the hook
	uint64_t incarnation;
	uint64_t peer_incarnation;
	bool peer_complete; // we have set its complete flag and not cleared it since
	bool incomplete;  // the adopted state is incomplete, and not every ADMF has acknowledged so
	bool failed;	  // something of the last replay was refused
	uint32_t request; // last number given
	struct pending *pending;
	uint32_t pending_slots; // power of two
	uint32_t pending_used;
	STAILQ_HEAD(, outgoing) outgoing;
	STAILQ_HEAD(, held_event) held; // came while the registry was being filled
	uint32_t events_done; // number of the last event of this turn; 0: none came
	const char *failure; // the connection is ended behind the message that is read now
	struct publish_contact *contact; // per network element
	struct event *tick;
	struct publish_question question;
	struct slices *slices;
	struct publish_recover recover;
	struct publish_replay replay;
	struct publish_amounts amounts;
	uint8_t scratch[CHANNEL_MESSAGE_MAX];
	uint8_t memo[CHANNEL_MEMO_MAX];
};

// publish_queue.c
// The number for the next request; its message is in p->scratch with `length` octets (an encoder's
// answer: negative is passed on). Registers `done` and queues.
uint32_t publish_next(struct publish *p);
[[nodiscard]] int publish_submit(struct publish *p, int length, publish_done done, void *context);
// Queues a message that nothing answers, behind what was queued before.
[[nodiscard]] int publish_post(struct publish *p, int length);
// Takes the request that is answered off those that wait. False: none has this number.
bool publish_answered(struct publish *p, uint32_t request, struct pending *out);
// Calls all that wait back with CLOSED, oldest first.
void publish_close_pending(struct publish *p);
// Sends what the socket takes. 0, or an error that ends the connection.
[[nodiscard]] int publish_flush(struct publish *p);
void publish_flush_last(struct publish *p); // waits for that, for up to 500 ms
void publish_drop_outgoing(struct publish *p);
// Ends the connection as soon as the message that is being read is done with, or the next is sent.
static inline void publish_fail(struct publish *p, const char *why)
{
	p->failure = why;
}

// publish.c
[[nodiscard]] int publish_ne_put(struct publish *p, uint16_t ne, publish_done done, void *context);
[[nodiscard]] int publish_set_complete(struct publish *p, bool complete);
struct publish_memo { // of a report or an object, or that it is gone
	const struct id16 *ne, *id;
	uint8_t of; // MEMO_REPORT or MEMO_OBJECT
	const struct kept_report *report; // NULL: it is gone
	const struct object *object;	  // likewise
};
[[nodiscard]] int publish_memo(
	struct publish *p, const struct publish_memo *m, publish_done done, void *context);

// publish_watch.c
[[nodiscard]] int publish_watch_start(struct publish *p);
void publish_watch_stop(struct publish *p);
void publish_watch_connected(struct publish *p); // sends what was noted without a connection
void publish_watch_answered(struct publish *p); // the dataplane has sent something
// Sets the time of the fail-safe and what is left of it.
void publish_deadline(const struct publish *p, uint16_t ne, struct channel_ne *m);

// publish_amounts.c
[[nodiscard]] int publish_amounts_start(struct publish *p);
void publish_amounts_stop(struct publish *p);
// Notes the amounts; in `status` they become those since the task's activation.
void publish_amounts_note(struct publish *p, struct channel_task_status *status);
// The task is of another dataplane than the one that is connected, which counts from 0.
void publish_amounts_restarted(struct registry_task *t);

// publish_recover.c
[[nodiscard]] int publish_recover_start(struct publish *p);
void publish_recover_stop(struct publish *p);
void publish_recover_message(struct publish *p, uint16_t id, const uint8_t *body, size_t length);
// Has what follows from the event done, or, while the hook fills the registry, keeps it until that is over:
// what it speaks of may not be there yet.
void publish_recover_event(struct publish *p, uint32_t number, const struct channel_event *e);
void publish_recover_events(struct publish *p); // those that were kept
// The stream has ended. Returns true if its content is to be compared.
bool publish_recover_end(struct publish *p, const uint8_t *body, size_t length);

// publish_replay.c
void publish_replay_start(struct publish *p); // the state has been streamed and is compared
void publish_replay_stop(struct publish *p);
