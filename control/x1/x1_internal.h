#pragma once

// X1 inside, from top to bottom: x1_dispatch.c (containers, turns), x1_time1.c, x1_wait.c,
// x1_execute.c and x1_check.c; then the requests (x1_change_task.c, x1_deactivate_all.c,
// x1_change_destination.c, x1_query.c, x1_list.c); then x1_operation.c (waiting messages),
// x1_exchange.c (answers) and x1_late.c (reports after TIME1).

#include <sys/queue.h>

#include "control/state/persistence.h"
#include "control/x1/x1_dispatch.h"
#include "control/xml/x1_encode.h"
#include "control/x1/x1_list.h"
#include "control/x1/x1_query.h"
#include "control/x1/x1_refusal.h"
#include "control/x1/x1_task.h"

#define X1_TURN_US 5000 // per event-loop iteration, for executing requests and writing lists

enum x1_place { X1_NOT_QUEUED, X1_RUN, X1_BLOCKED }; // queue that holds the exchange

// One HTTP request. At TIME1 its unexecuted changes are answered `Acknowledged`. The exchange then
// lives on without HTTP until they are executed and their results reported.
struct exchange {
	TAILQ_ENTRY(exchange) entry;	  // in open, then outbox, then late
	STAILQ_ENTRY(exchange) run_entry; // in `run` or `blocked`
	enum x1_place place;
	struct x1_dispatch *dispatch;
	struct http_exchange *http; // NULL after the response
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
	struct x1_buffer aside; // collects answers while a list is being written to `out`
	bool listing; // messages behind the requested list wait for its end
	bool writing; // the list has begun
	size_t held;  // bytes of lists in `out`
	LIST_HEAD(, x1_operation) operations; // not yet answered
	LIST_HEAD(, x1_operation) behind; // answered `Acknowledged`; later ones may depend on them
	struct x1_operation *started;	  // operation of the late message in execution
	uint32_t user_operations;	  // operations in both lists that change users of destinations
	uint32_t waiting;
	bool late;   // TIME1 has passed: the rest was answered `Acknowledged`
	bool joined; // the next message waits for a removal of the same object
	bool changes; // answers wait until their audit lines are on disk
	struct event *deadline;
	uint64_t received_ns; // monotonic
	size_t octets;	      // size of the request's body
};

STAILQ_HEAD(exchanges, exchange);

struct x1_dispatch {
	struct control *control;
	struct x1_decoder *plain, *strict;
	struct event *turn, *leave, *sync, *list;
	struct exchanges run;	       // messages left to execute
	struct exchanges blocked;      // the same, but the next message must wait
	TAILQ_HEAD(, exchange) open;   // with unanswered messages
	TAILQ_HEAD(, exchange) outbox; // answered; sent at the end of this iteration
	TAILQ_HEAD(, exchange) late;   // answered, with messages left to execute
	LIST_HEAD(, x1_walk) walks;	// DeactivateAllTasks in progress
	LIST_HEAD(, x1_plan) plans;	// ModifyObject in progress
	LIST_HEAD(, x1_operation) bulk; // waiting for removals of other requests
	size_t late_octets;	       // bodies of late exchanges, in bytes
	TAILQ_HEAD(, x1_list) lists;   // the first one is being written
	size_t held;		       // bytes of lists in open exchanges
	bool stopping;
};

struct x1_operation_kind { // callbacks of requests whose operations wait
	void (*time_up)(
		struct x1_operation *op); // TIME1 has passed and the operation is not answered yet
	void (*release)(struct x1_operation *op); // before the operation is freed; may be NULL
	bool changes; // true if it changes tasks or destinations
};

struct x1_operation { // one message that waits for the dataplane
	LIST_ENTRY(x1_operation) entry;
	const struct x1_operation_kind *kind;
	struct x1_dispatch *dispatch;
	struct exchange *exchange;	  // NULL once answered `Acknowledged`
	struct exchange *origin; // after that, while its container has unexecuted messages
	LIST_ENTRY(x1_operation) bulk_entry; // while `in_bulk`
	bool in_bulk;
	bool noted; // a pending report exists for its removal
	const struct x1_message *message; // valid while `exchange` is
	enum x1_request_type type;
	uint16_t ne;
	struct id16 id; // XID, DID or objectId; zero for the bulk requests
	struct id16 transaction;
	struct x1_query *query;
	struct x1_list *list;
	struct registry_task *task;		  // ModifyTask: the new task
	struct registry_destination *destination; // ModifyDestination
	struct object *object;			  // ModifyObject
	struct persistence_position position;		  // of the operation's entry in the store
	uint32_t remaining; // bulk and objects: answers missing from the dataplane
	int result;	    // bulk and objects: first failure
	uint64_t asked_ns;			  // DeactivateAllTasks
	uint64_t asked_order;			  // DeactivateAllTasks: the registry's order at that time
};

// x1_late.c
// Reports the end of a request that was answered `Acknowledged`. `id` is its XID or DID.
void x1_report_late(struct x1_dispatch *d, enum x1_request_type type, uint16_t ne,
	const struct id16 *id, const struct id16 *transaction, int code, const char *text);
const struct id16 *x1_message_id(const struct x1_message *m); // XID, DID or objectId, or NULL
bool x1_changes_users(enum x1_request_type t); // true for requests that change tasks or objects

// x1_exchange.c
// Answers a message that did not wait, or reports its end if it was answered `Acknowledged`. Code 0
// is `AcknowledgedAndCompleted`.
void x1_answer(struct exchange *x, const struct x1_message *m, int code, const char *text);
// Does the same with a text that may quote the request, and a note without such words for the audit
// log and late reports.
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
// Writes an audit line. Returns 0 or IO.
[[nodiscard]] int x1_audit(struct exchange *x, const struct x1_message *m, const char *act,
	int code, const char *note);
// Counts the answer and writes its audit line; `note` must not hold a value of a target.
void x1_audit_answer(struct exchange *x, const struct x1_message *m, int code, const char *note);
// Writes the audit line of one object of a bulk request.
void x1_audit_object(struct x1_operation *op, const char *act, const struct id16 *id);
// Responds with all answers. Frees `x`, now or when its answer has been sent.
void x1_respond(struct exchange *x);
// Hands the response over, or refuses the exchange, and frees it unless messages are left to
// execute.
void x1_leave(struct exchange *x);
void x1_exchange_free(struct exchange *x);
// Queues `x` for execution of its remaining messages: now in the next turns, or after x1_wake if it
// is blocked.
void x1_enqueue(struct exchange *x);
void x1_run_soon(struct exchange *x);
void x1_block(struct exchange *x);
void x1_unqueue(struct exchange *x);
// Schedules another look at blocked exchanges and bulk requests, after an event that they may wait
// for.
void x1_wake(struct x1_dispatch *d);
// Sends answers whose audit lines have reached the disk. Events of the dispatcher.
void x1_on_leave(evutil_socket_t fd, short what, void *dispatch);
void x1_on_sync(evutil_socket_t fd, short what, void *dispatch);
// Returns the buffer that answers are written to now.
static inline struct x1_buffer *x1_out(struct exchange *x)
{
	return x->writing ? &x->aside : &x->out;
}

// x1_operation.c
// Creates the operation of a waiting message. Returns NULL if memory is exhausted.
struct x1_operation *x1_operation_new(struct exchange *x, const struct x1_message *m,
	const struct id16 *id, const struct x1_operation_kind *kind);
// Answers, or reports when it was `Acknowledged`, and frees the operation.
void x1_operation_finish(struct x1_operation *op, int code, const char *text);
// Frees an operation that never started, without an answer.
void x1_operation_cancel(struct x1_operation *op);
// Detaches an answered but unfinished operation from its exchange.
void x1_operation_detach(struct x1_operation *op);

// x1_time1.c
// Starts TIME1 of `x`, counted from its arrival. Returns false if there is no timer.
bool x1_time1_start(struct exchange *x);

// x1_wait.c
// Returns true if message `index`, the next one, must wait: for the dataplane's state, for an
// earlier message of its container, or for another request that changes the same task or
// destination. Records in `x` if it joins a removal.
bool x1_must_wait(struct exchange *x, uint32_t index);
// Returns true if the message waits beyond TIME1: for an earlier message of its own container, or
// for a removal that it joins.
bool x1_waits_past_time1(const struct exchange *x, uint32_t index);

// x1_execute.c
void x1_execute(struct exchange *x, uint32_t index);
// Records a contact of the responsible ADMF if message `index` is from it.
void x1_heard(struct exchange *x, uint32_t index);
bool x1_is_list(enum x1_request_type t);

// x1_check.c
// Returns 0, or the code to refuse with. *text stays "" if table 46 suggests no text.
int x1_check(const struct exchange *x, uint32_t index, const char **text);
int x1_check_identity(const struct exchange *x, const struct x1_message *m, bool certificate);
// Returns the reason for the audit log; the answer to an unidentified sender is less detailed.
const char *x1_check_note(int code, const char *text);
// Returns true if the refusal's reason is that the dataplane's tasks are not recovered yet.
bool x1_check_starting(int code, const char *text);

// x1_change.c
bool x1_is_change(enum x1_request_type t); // Activate ... RemoveAll
bool x1_adds(enum x1_request_type t);	    // Activate, Modify, Create, ModifyDestination
int x1_generic_error(enum x1_request_type t);
// Record in memo and store that `op` was answered `Acknowledged`. The second function is for a
// removal that has not begun.
void x1_note_pending(struct x1_operation *op);
void x1_note_unbegun(struct exchange *x, const struct x1_message *m);
// Ends bulk requests whose awaited removals by other requests have ended.
void x1_bulk_recheck(struct x1_dispatch *d);
// x1_deactivate_all.c
void x1_deactivate_all_tasks(struct exchange *x, const struct x1_message *m);
// Returns true while a DeactivateAllTasks walks the tasks of `ne`; requests that change its tasks
// wait.
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
