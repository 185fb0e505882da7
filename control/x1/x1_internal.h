#pragma once

// Inside X1, from top to bottom: x1_dispatch.c (containers, turns), x1_check.c, then what executes
// a request (x1_change_task.c, x1_change_destination.c, x1_query.c, x1_list.c), x1_operation.c
// (what waits) and x1_exchange.c (answers).

#include <sys/queue.h>

#include "control/state/persistence.h"
#include "control/x1/x1_dispatch.h"
#include "control/xml/x1_encode.h"
#include "control/x1/x1_list.h"
#include "control/x1/x1_query.h"
#include "control/x1/x1_task.h"

#define X1_TURN_US 5000 // of a turn of the loop, for executing and for writing lists

struct exchange {			  // one HTTP request
	TAILQ_ENTRY(exchange) entry;	  // open, then in the outbox
	STAILQ_ENTRY(exchange) run_entry; // in the queue of what is to be executed
	struct x1_dispatch *dispatch;
	struct http_exchange *http;
	struct x1_container *container;
	char *peer_uid, *peer_address;
	uint16_t ne;
	bool responsible;  // the certificate carries the identifier of the network element's ADMF
	bool *certificate; // per message: the certificate carries its admfIdentifier
	bool *unaudited;   // per message: its audit line is not on disk
	uint32_t ahead;	   // messages chosen for execution, their audit lines written
	uint32_t done;	   // messages executed
	struct x1_buffer out;
	struct x1_buffer aside; // answers that come while a list is being written to `out`
	bool listing; // a list was asked for: nothing behind it is executed before its end
	bool writing; // it has begun
	size_t held;  // octets of lists in `out`
	LIST_HEAD(, x1_operation) operations; // not yet answered
	uint32_t waiting;
	bool changes; // its answers leave when their audit lines are on disk
	struct event *deadline;
	uint64_t received_ns; // monotonic
};

STAILQ_HEAD(exchanges, exchange);

struct x1_dispatch {
	struct control *control;
	struct x1_decoder *plain, *strict;
	struct event *turn, *leave, *sync, *list;
	struct exchanges run;	       // not executed to the end
	TAILQ_HEAD(, exchange) open;   // not all answered
	TAILQ_HEAD(, exchange) outbox; // answered, to leave with this turn's end
	TAILQ_HEAD(, x1_list) lists;   // the first one is being written
	size_t held;		       // octets of lists in open exchanges
	bool stopping;
};

struct x1_operation_kind { // of those who let operations wait
	void (*time_up)(
		struct x1_operation *op); // TIME1 is over; the operation is not answered yet
	void (*release)(struct x1_operation *op); // it is about to be freed; may be NULL
};

struct x1_operation { // one message that waits for the dataplane
	LIST_ENTRY(x1_operation) entry;
	const struct x1_operation_kind *kind;
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
	struct persistence_position position;		  // of what was put into the store
	uint32_t remaining;			  // bulk: answers still owed by the dataplane
	int result;				  // bulk: first failure
	uint64_t asked_ns;			  // DeactivateAllTasks
};

// x1_exchange.c
// Answers a message that did not have to wait. Code 0 is `AcknowledgedAndCompleted`. The text goes
// into the audit log too: it must not hold a value of a target.
void x1_answer(struct exchange *x, const struct x1_message *m, int code, const char *text);
// Answers with an identifier as the text.
void x1_answer_id(struct exchange *x, const struct x1_message *m, int code, const struct id16 *id);
struct x1_envelope x1_envelope_of(const struct exchange *x, const struct x1_message *m);
// 0 or IO.
[[nodiscard]] int x1_audit(struct exchange *x, const struct x1_message *m, const char *act,
	int code, const char *note);
// Counts the answer and writes its audit line; `note` must not hold a value of a target.
void x1_audit_answer(struct exchange *x, const struct x1_message *m, int code, const char *note);
// The audit line of one object of a bulk request.
void x1_audit_object(struct x1_operation *op, const char *act, const struct id16 *id);
// Everything is answered. Frees `x`, now or when its answer has left.
void x1_respond(struct exchange *x);
// Hands the response over, or refuses the exchange, and frees it.
void x1_leave(struct exchange *x);
void x1_exchange_free(struct exchange *x);
// Has the dispatcher execute what is left of `x`: with the turns to come, or soon.
void x1_enqueue(struct exchange *x);
void x1_run_soon(struct exchange *x);
void x1_start_deadline(struct exchange *x);
// Events of the dispatcher: answers leave; their audit lines reach the disk.
void x1_on_leave(evutil_socket_t fd, short what, void *dispatch);
void x1_on_sync(evutil_socket_t fd, short what, void *dispatch);
// Where answers are written now.
static inline struct x1_buffer *x1_out(struct exchange *x)
{
	return x->writing ? &x->aside : &x->out;
}

// x1_operation.c
// A message that waits. NULL: no memory.
struct x1_operation *x1_operation_new(struct exchange *x, const struct x1_message *m,
	const struct id16 *id, const struct x1_operation_kind *kind);
// Answers, or reports when it was `Acknowledged`, and frees the operation.
void x1_operation_finish(struct x1_operation *op, int code, const char *text);
// The operation never started: frees it without an answer.
void x1_operation_cancel(struct x1_operation *op);
// Answered, but not done: it lives on without its exchange.
void x1_operation_detach(struct x1_operation *op);

// x1_check.c
// 0, or the code to refuse with; *text stays "" where table 46 suggests none.
int x1_check(const struct exchange *x, uint32_t index, const char **text);
int x1_check_identity(const struct exchange *x, const struct x1_message *m, bool certificate);

// x1_change.c
bool x1_is_change(enum x1_request_type t); // Activate ... RemoveAll
int x1_generic_error(enum x1_request_type t);
// x1_change_task.c and x1_change_destination.c
void x1_activate_task(struct exchange *x, const struct x1_message *m);
void x1_modify_task(struct exchange *x, const struct x1_message *m);
void x1_deactivate_task(struct exchange *x, const struct x1_message *m);
void x1_deactivate_all_tasks(struct exchange *x, const struct x1_message *m);
void x1_create_destination(struct exchange *x, const struct x1_message *m);
void x1_modify_destination(struct exchange *x, const struct x1_message *m);
void x1_remove_destination(struct exchange *x, const struct x1_message *m);
void x1_remove_all_destinations(struct exchange *x, const struct x1_message *m);
