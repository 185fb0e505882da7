#pragma once

// Between x1_dispatch.c (containers, checks, answers) and x1_change.c (state changes).

#include "control/state/persistence.h"
#include "control/x1/x1_dispatch.h"
#include "control/xml/x1_encode.h"
#include "control/x1/x1_list.h"
#include "control/x1/x1_query.h"
#include "control/x1/x1_task.h"

#define X1_TURN_US 5000 // of a turn of the loop, for executing and for writing lists

struct exchange { // one HTTP request
	struct exchange *next, *previous;
	struct exchange *run_next; // in the queue of what is to be executed
	struct x1_dispatch *dispatch;
	struct http_exchange *http;
	struct x1_container *container;
	char *peer_uid, *peer_address;
	uint16_t ne;
	bool *certificate; // per message: the certificate carries its admfIdentifier
	bool *unaudited;   // per message: its audit line is not on disk
	uint32_t ahead;	   // messages chosen for execution, their audit lines written
	uint32_t done;	   // messages executed
	struct x1_buffer out;
	struct x1_buffer aside; // answers that come while a list is being written to `out`
	bool listing; // a list was asked for: nothing behind it is executed before its end
	bool writing; // it has begun
	size_t held;  // octets of lists in `out`
	struct x1_operation *operations; // not yet answered
	uint32_t waiting;
	bool changes; // its answers leave when their audit lines are on disk
	struct event *deadline;
	struct timespec received; // monotonic
};

struct x1_dispatch {
	struct control *control;
	struct x1_decoder *plain, *strict;
	struct event *turn, *leave, *settle, *list;
	struct exchange *run_first, *run_last;	     // not executed to the end, by `run_next`
	struct exchange *open;			     // not all answered
	struct exchange *outbox_first, *outbox_last; // answered, to leave with this turn's end
	struct x1_list *list_first, *list_last;	     // the first one is being written
	size_t held;				     // octets of lists in open exchanges
	bool stopping;
};

struct x1_operation { // one message that waits for the dataplane
	struct x1_operation *next, *previous;
	struct x1_dispatch *dispatch;
	struct exchange *exchange;	  // NULL once answered `Acknowledged`
	const struct x1_message *message; // valid while `exchange` is
	enum x1_request_type type;
	uint16_t ne;
	struct id16 id; // XID or DID; zero for the bulk requests
	struct id16 transaction;
	struct x1_query *query;
	struct x1_list *list;
	struct registry_task *task;		  // ModifyTask: what will replace the task
	struct registry_destination *destination; // ModifyDestination
	struct persistence_mark mark;		  // of what was put into the store
	uint32_t remaining;			  // bulk: answers still owed by the dataplane
	int result;				  // bulk: first failure
	uint64_t asked_ns;			  // DeactivateAllTasks
};

// Answers a message that did not have to wait. Code 0 is `AcknowledgedAndCompleted`.
void x1_answer(struct exchange *x, const struct x1_message *m, int code, const char *text);

// A message that waits. NULL (and answered with its generic error) when out of memory.
struct x1_operation *x1_operation_new(
	struct exchange *x, const struct x1_message *m, const struct id16 *id);
// Answers, or reports when it was `Acknowledged`, and frees the operation.
void x1_operation_finish(struct x1_operation *op, int code, const char *text);
// The operation never started: frees it without an answer.
void x1_operation_cancel(struct x1_operation *op);
// Answered, but not done: it lives on without its exchange.
void x1_operation_detach(struct x1_operation *op);

// Where answers are written now.
static inline struct x1_buffer *x1_out(struct exchange *x)
{
	return x->writing ? &x->aside : &x->out;
}
struct x1_envelope x1_envelope_of(const struct exchange *x, const struct x1_message *m);
// 0 or IO.
[[nodiscard]] int x1_audit(struct exchange *x, const struct x1_message *m, const char *act,
	int code, const char *note);
// Counts the answer and writes its audit line.
void x1_audit_answer(struct exchange *x, const struct x1_message *m, int code, const char *note);
// Everything is answered. Frees `x`, now or when its answer has left.
void x1_respond(struct exchange *x);

// x1_turn.c
void x1_turn_add(struct exchange *x); // there is something to be executed
void x1_start_deadline(struct exchange *x);
void x1_on_turn(evutil_socket_t fd, short what, void *dispatch);

bool x1_is_change(enum x1_request_type t); // Activate ... RemoveAll
int x1_generic_error(enum x1_request_type t);
void x1_change(struct exchange *x, const struct x1_message *m, bool unaudited);
// TIME1 has passed for `op`: what must survive says that it is pending.
void x1_change_acknowledged(struct x1_operation *op);
