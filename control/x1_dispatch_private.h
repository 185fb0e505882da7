#pragma once

// Between x1_dispatch.c (containers, checks, answers) and x1_change.c (state changes).

#include "control/store.h"
#include "control/x1_dispatch.h"
#include "control/x1_encode.h"
#include "control/x1_query.h"
#include "control/x1_task.h"

struct exchange { // one HTTP request
	struct exchange *next, *previous;
	struct x1_dispatch *dispatch;
	struct http_exchange *http;
	struct x1_container *container;
	char *peer_uid, *peer_address;
	uint16_t ne;
	bool *certificate; // per message: the certificate carries its admfIdentifier
	bool *unaudited;   // per message: its audit line is not on disk
	struct x1_buffer out;
	struct x1_operation *operations; // not yet answered
	uint32_t waiting;
	bool changes; // its answers leave when their audit lines are on disk
	struct event *deadline;
	struct timespec received; // monotonic
};

struct x1_dispatch {
	struct control *control;
	struct x1_decoder *plain, *strict;
	struct event *turn, *leave;
	struct exchange *inbox_first, *inbox_last;   // since the last turn, linked by `next`
	struct exchange *open;			     // executed, not all answered
	struct exchange *outbox_first, *outbox_last; // answered, to leave with this turn's end
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
	struct registry_task *task;		  // ModifyTask: what will replace the task
	struct registry_destination *destination; // ModifyDestination
	struct store_mark mark;			  // of what was put into the store
	uint32_t remaining;			  // bulk: answers still owed by the dataplane
	int result;				  // bulk: first failure
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

bool x1_is_change(enum x1_request_type t); // Activate ... RemoveAll
int x1_generic_error(enum x1_request_type t);
void x1_change(struct exchange *x, const struct x1_message *m, bool unaudited);
// TIME1 has passed for `op`: what must survive says that it is pending.
void x1_change_acknowledged(struct x1_operation *op);
