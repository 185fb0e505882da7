#pragma once

// Faults as TS 103 221-1 clause 5.3 understands them: raised once, listed in status answers until
// they are cleared, and every raise, clear and late completion queued for the report to the ADMF.
// Texts are for a person and never hold target data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/ids.h"
#include "shared/wire.h"

#define FAULT_TEXT_MAX 160

enum fault_kind {		  // what a fault is about: at most one of each per object
	FAULT_DATAPLANE_LOST = 1, // the dataplane does not answer; nothing is captured
	FAULT_LEDGER = 2,
	FAULT_FAIL_SAFE = 4, // TIME_P2 passed: all tasks were stopped
	FAULT_AUDIT = 5,
	FAULT_DELIVERY = 6,    // a destination cannot be reached
	FAULT_LOSS = 7,	       // content of a task was lost
	FAULT_STORE = 8,       // the sealed store cannot be written
	FAULT_CERTIFICATE = 9, // a certificate of ours has expired or cannot be read
	FAULT_SECURITY = 10,   // what is matched is not what was tasked
	FAULT_SPOOL = 11,      // a destination's spool is full or broken
	FAULT_UNBOUND = 12,    // a task is not bound to a session yet
	FAULT_UNSURE = 13,     // its view of the signalling was lost
	FAULT_UNSEEN = 15,     // no port shows the tunnels of a session of it
	FAULT_FRAGMENTS = 14,  // tunnelled packets were lost with fragments that were given up
	FAULT_DATABASE = 16,   // the element began without the tasks that it had, or may have had
	FAULT_ADMF_SILENT = 20, // TIME_P2 passed, and the tasks end at TIME_P3
	FAULT_END = 17,        // a destination cannot be reached as the end of a set
	FAULT_REQUEST = 32,    // a request answered `Acknowledged` failed: it goes on as it was
	// One of each for every port: FAULT_LINK + index, FAULT_PORT_LOSS + index, and so on.
	FAULT_LINK = 64,	// the link is down
	FAULT_PORT_LOSS = 128, // the port loses frames
	FAULT_PORT_DEAF = 192, // the port receives only what is sent to its own address
};

struct fault {
	struct fault *next;
	uint8_t kind;  // enum fault_kind
	uint32_t code; // of table 46
	bool told;     // by this process, or its report is kept
	uint64_t raised_ns; // monotonic, the last time by this process
	char text[FAULT_TEXT_MAX];
};

// X(kind, name in metrics): the kinds that concern a network element, a port or a spool. Those of a port
// are the first of a range.
#define FAULT_NE_KINDS(X)                                                                   \
	X(FAULT_DATAPLANE_LOST, "dataplane_lost") X(FAULT_LEDGER, "ledger")                  \
	X(FAULT_FAIL_SAFE, "fail_safe") X(FAULT_AUDIT, "audit") X(FAULT_STORE, "store")      \
	X(FAULT_CERTIFICATE, "certificate") X(FAULT_SECURITY, "security") \
	X(FAULT_SPOOL, "spool") X(FAULT_FRAGMENTS, "fragments")                              \
	X(FAULT_DATABASE, "database") X(FAULT_ADMF_SILENT, "admf_silent")                    \
	X(FAULT_LINK, "link") X(FAULT_PORT_LOSS, "port_loss")                           \
	X(FAULT_PORT_DEAF, "port_deaf")

#define X(kind, name) +1
enum { FAULT_NE_KIND_COUNT = 0 FAULT_NE_KINDS(X) };
#undef X

// Adds how many faults of each of these kinds `list` holds to `count`, in the order above.
void fault_count_kinds(const struct fault *list, uint32_t count[FAULT_NE_KIND_COUNT]);

// Lists hang in the objects they concern; start from NULL. fault_raise returns 1 when the fault is
// new, 0 when it was there (the text is renewed), NOMEM. fault_clear returns whether it was there.
[[nodiscard]] int fault_raise(
	struct fault **list, enum fault_kind kind, uint32_t code, const char *text);
bool fault_clear(struct fault **list, enum fault_kind kind);
bool fault_has(const struct fault *list, enum fault_kind kind);
const struct fault *fault_find(const struct fault *list, enum fault_kind kind); // or NULL
uint32_t fault_count(const struct fault *list);
void fault_free_all(struct fault **list);

// Encodes faults for a memo. Kinds that the next process lacks are not `told` there. 0, or the
// reader's error, or NOMEM.
void fault_put_all(struct wire_writer *w, const struct fault *list);
[[nodiscard]] int fault_get_all(struct wire_reader *r, struct fault **list);

enum issue_scope { ISSUE_NE, ISSUE_TASK, ISSUE_DESTINATION };
enum issue_type {
	ISSUE_FAULT, // NonTerminatingFault or FaultReport
	ISSUE_TERMINATING,
	ISSUE_CLEAR, // AllClear or FaultCleared
	ISSUE_WARNING,
	ISSUE_DONE,	// FullyActionedAndSuccessful, code 9040
	ISSUE_NOT_DONE, // FullyActionedAndUnsuccessful
	ISSUE_IMPLICIT, // ImplicitDeactivation
};

struct issue {	       // one report to the ADMF
	uint8_t scope; // enum issue_scope
	uint8_t type;  // enum issue_type
	uint16_t ne;
	uint32_t code;
	struct id16 id;		 // XID or DID
	struct id16 transaction; // the request answered `Acknowledged` whose end this is
	uint64_t time_ns; // of the event, wall clock; 0: now
	struct kept_report *kept; // where it is kept already
	bool held;		  // the dataplane keeps what makes the next control report it
	char text[FAULT_TEXT_MAX];
};

struct issues; // bounded queue of what waits to be reported

struct issues *issues_new(uint32_t capacity);
void issues_free(struct issues *q);
// Lets reports be sent from now on: those that an earlier process has kept are in the queue, or will
// come late. Until then a report of this process could overtake an older one about the same.
void issues_release(struct issues *q);
bool issues_released(const struct issues *q);
// Called whenever the queue has a new issue, and when it is released; may be NULL.
void issues_on_ready(struct issues *q, void (*ready)(void *context), void *context);
// When full the oldest is dropped and counted: the status answers still carry every fault.
void issues_put(struct issues *q, const struct issue *i);
bool issues_take(struct issues *q, struct issue *out);
uint32_t issues_waiting(const struct issues *q);
uint64_t issues_dropped(const struct issues *q);
