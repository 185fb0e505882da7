#pragma once

// Inside X1, from top to bottom: x1_dispatch.c (containers, turns), x1_time1.c, x1_wait.c,
// x1_execute.c and x1_check.c, then what executes a request (x1_change_task.c,
// x1_deactivate_all.c, x1_change_destination.c, x1_query.c, x1_list.c), x1_operation.c (what waits), x1_exchange.c
// (answers) and x1_late.c (their reports once TIME1 is over).

#include <sys/queue.h>

#include "control/state/persistence.h"
#include "control/x1/x1_dispatch.h"
#include "control/xml/x1_encode.h"
#include "control/x1/x1_list.h"
#include "control/x1/x1_query.h"
#include "control/x1/x1_refusal.h"
#include "control/x1/x1_task.h"

#define X1_TURN_US 5000 // of a turn of the loop, for executing and for writing lists

enum x1_place { X1_NOT_QUEUED, X1_RUN, X1_BLOCKED }; // where an exchange waits to be executed

// One HTTP request. At TIME1 its changes that were not executed are answered `Acknowledged`; the
// exchange then lives on without HTTP until they are, and their ends are reported.
struct exchange {
	TAILQ_ENTRY(exchange) entry;	  // open, then in the outbox, then late
	STAILQ_ENTRY(exchange) run_entry; // in the queue of what is to be executed
	enum x1_place place;
	struct x1_dispatch *dispatch;
	struct http_exchange *http; // NULL once its response has left
	struct x1_container *container;
	char *peer_uid, *peer_address;
	bool by_san; // the certificate is bound by a SAN URI, not by a UID
	uint16_t ne;
	bool responsible;  // the certificate carries the identifier of the network element's ADMF
	bool *certificate; // per message: the certificate carries its admfIdentifier
	bool *unaudited;   // per message: its audit line is not on disk
	bool *owed;	   // per message: answered `Acknowledged` before it was executed; NULL until TIME1
	uint32_t ahead;	   // messages chosen for execution, their audit lines written
	uint32_t done;	   // messages executed
	struct x1_buffer out;
	struct x1_buffer aside; // answers that come while a list is being written to `out`
	bool listing; // a list was asked for: nothing behind it is executed before its end
	bool writing; // it has begun
	size_t held;  // octets of lists in `out`
	LIST_HEAD(, x1_operation) operations; // not yet answered
	LIST_HEAD(, x1_operation) behind; // answered `Acknowledged`; what is left may depend on them
	struct x1_operation *started;	  // by the late message that is being executed
	uint32_t user_operations;	  // of both lists, those that change what uses destinations
	uint32_t waiting;
	bool late;   // TIME1 is over: what is left was answered `Acknowledged`
	bool joined; // the next message waits for a removal of what it removes
	bool changes; // its answers leave when their audit lines are on disk
	struct event *deadline;
	uint64_t received_ns; // monotonic
	size_t octets;	      // of the request's body
};

STAILQ_HEAD(exchanges, exchange);

struct x1_dispatch {
	struct control *control;
	struct x1_decoder *plain, *strict;
	struct event *turn, *leave, *sync, *list;
	struct exchanges run;	       // not executed to the end
	struct exchanges blocked;      // the same, but the next message waits for something else
	TAILQ_HEAD(, exchange) open;   // not all answered
	TAILQ_HEAD(, exchange) outbox; // answered, to leave with this turn's end
	TAILQ_HEAD(, exchange) late;   // answered, not executed to the end
	LIST_HEAD(, x1_walk) walks;	// of DeactivateAllTasks, not at their end
	LIST_HEAD(, x1_plan) plans;	// of ModifyObject, likewise
	LIST_HEAD(, x1_operation) bulk; // wait for removals that others asked for
	size_t late_octets;	       // of the bodies of late exchanges
	TAILQ_HEAD(, x1_list) lists;   // the first one is being written
	size_t held;		       // octets of lists in open exchanges
	bool stopping;
};

struct x1_operation_kind { // of those who let operations wait
	void (*time_up)(
		struct x1_operation *op); // TIME1 is over; the operation is not answered yet
	void (*release)(struct x1_operation *op); // it is about to be freed; may be NULL
	bool changes; // tasks or destinations
};

struct x1_operation { // one message that waits for the dataplane
	LIST_ENTRY(x1_operation) entry;
	const struct x1_operation_kind *kind;
	struct x1_dispatch *dispatch;
	struct exchange *exchange;	  // NULL once answered `Acknowledged`
	struct exchange *origin; // then, while messages of its container are not executed; or NULL
	LIST_ENTRY(x1_operation) bulk_entry; // while `in_bulk`
	bool in_bulk;
	bool noted; // its removal is among the pending reports
	const struct x1_message *message; // valid while `exchange` is
	enum x1_request_type type;
	uint16_t ne;
	struct id16 id; // XID, DID or objectId; zero for the bulk requests
	struct id16 transaction;
	struct x1_query *query;
	struct x1_list *list;
	struct registry_task *task;		  // ModifyTask: what will replace the task
	struct registry_destination *destination; // ModifyDestination
	struct object *object;			  // ModifyObject
	struct persistence_position position;		  // of what was put into the store
	uint32_t remaining; // bulk and objects: answers still owed by the dataplane
	int result;	    // likewise: first failure
	uint64_t asked_ns;			  // DeactivateAllTasks
	uint64_t asked_order;			  // the same, as the registry's order
};

// x1_late.c
// Reports the end of a request that was answered `Acknowledged`: `id` is its XID or DID.
void x1_report_late(struct x1_dispatch *d, enum x1_request_type type, uint16_t ne,
	const struct id16 *id, const struct id16 *transaction, int code, const char *text);
const struct id16 *x1_message_id(const struct x1_message *m); // XID, DID or objectId, or NULL
bool x1_changes_users(enum x1_request_type t); // tasks or objects: what uses destinations

// x1_exchange.c
// Answers a message that did not have to wait, or reports its end where it was answered
// `Acknowledged`. Code 0 is `AcknowledgedAndCompleted`.
void x1_answer(struct exchange *x, const struct x1_message *m, int code, const char *text);
// The same with a text that may name what the request says, and a note for the audit log and late
// reports that never does.
void x1_answer_noted(struct exchange *x, const struct x1_message *m, int code, const char *text,
	const char *note);
void x1_refused(struct exchange *x, const struct x1_message *m, const struct x1_refusal *why);
// Answers with an identifier as the text.
void x1_answer_id(struct exchange *x, const struct x1_message *m, int code, const struct id16 *id);
// Answers `Acknowledged`.
void x1_acknowledge(struct exchange *x, const struct x1_message *m);
// Answers that the task or destination `id` is being removed.
void x1_answer_removing(
	struct exchange *x, const struct x1_message *m, int code, const struct id16 *id);
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
// Hands the response over, or refuses the exchange, and frees it unless something is left to do.
void x1_leave(struct exchange *x);
void x1_exchange_free(struct exchange *x);
// Has the dispatcher execute what is left of `x`: with the turns to come, soon, or when x1_wake has
// been called.
void x1_enqueue(struct exchange *x);
void x1_run_soon(struct exchange *x);
void x1_block(struct exchange *x);
void x1_unqueue(struct exchange *x);
// Something ended that exchanges or bulk requests may wait for: they are looked at again soon.
void x1_wake(struct x1_dispatch *d);
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

// x1_time1.c
// Starts TIME1 of `x`, which counts from its arrival. False: there is no timer.
bool x1_time1_start(struct exchange *x);

// x1_wait.c
// Whether message `index`, the next one, must wait: for the dataplane's state, for what an earlier
// message of its container began, or for another request that changes the same task or
// destination. Notes in `x` what joins a removal.
bool x1_must_wait(struct exchange *x, uint32_t index);
// The same, for something that this container's own messages began, or for a removal to join:
// TIME1 does not end that.
bool x1_waits_past_time1(const struct exchange *x, uint32_t index);

// x1_execute.c
void x1_execute(struct exchange *x, uint32_t index);
// The responsible ADMF was heard, if message `index` is its.
void x1_heard(struct exchange *x, uint32_t index);
bool x1_is_list(enum x1_request_type t);

// x1_check.c
// 0, or the code to refuse with; *text stays "" where table 46 suggests none.
int x1_check(const struct exchange *x, uint32_t index, const char **text);
int x1_check_identity(const struct exchange *x, const struct x1_message *m, bool certificate);
// Why, for the audit log, where the answer to a stranger says less.
const char *x1_check_note(int code, const char *text);
// Whether that refusal is that the dataplane's tasks are not recovered yet.
bool x1_check_starting(int code, const char *text);

// x1_change.c
bool x1_is_change(enum x1_request_type t); // Activate ... RemoveAll
bool x1_adds(enum x1_request_type t);	    // Activate, Modify, Create, ModifyDestination
int x1_generic_error(enum x1_request_type t);
// Records in the memo and the store that `op` was answered `Acknowledged`; the second is for a
// removal that has not begun.
void x1_note_pending(struct x1_operation *op);
void x1_note_unbegun(struct exchange *x, const struct x1_message *m);
// Ends the bulk requests that wait for removals of others, where those are over.
void x1_bulk_recheck(struct x1_dispatch *d);
// x1_deactivate_all.c
void x1_deactivate_all_tasks(struct exchange *x, const struct x1_message *m);
// Whether a walk over the tasks of `ne` goes on: what changes its tasks waits.
bool x1_walks(const struct x1_dispatch *d, uint16_t ne);
void x1_walks_stop(struct x1_dispatch *d);
// x1_change_task.c and x1_change_destination.c
void x1_activate_task(struct exchange *x, const struct x1_message *m);
void x1_modify_task(struct exchange *x, const struct x1_message *m);
void x1_deactivate_task(struct exchange *x, const struct x1_message *m);
void x1_create_destination(struct exchange *x, const struct x1_message *m);
void x1_modify_destination(struct exchange *x, const struct x1_message *m);
void x1_remove_destination(struct exchange *x, const struct x1_message *m);
void x1_remove_all_destinations(struct exchange *x, const struct x1_message *m);
// x1_change_object.c and x1_modify_object.c
void x1_create_object(struct exchange *x, const struct x1_message *m);
void x1_modify_object(struct exchange *x, const struct x1_message *m);
void x1_delete_object(struct exchange *x, const struct x1_message *m);
void x1_delete_all_objects(struct exchange *x, const struct x1_message *m);
void x1_plans_stop(struct x1_dispatch *d);
