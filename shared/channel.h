#pragma once

// The one socket between poi-control and poi-dataplane: Unix SEQPACKET, <runtime-dir>/dataplane.sock,
// the dataplane listens. Every message is declared here once: id, struct, direction; its encoder and
// decoder stand beside each other in channel.c. One datagram is one message: an 8-octet header
// (u16 id, u16 zero, u32 request) and the body, big-endian. A reply echoes the request number; events
// carry 0. Peer credentials (SO_PEERCRED) must be our own uid or root.
//
// Order: the peer that connects sends HELLO first; the other answers HELLO_OK or HELLO_REFUSED. Before
// HELLO_OK nothing else is taken. One controller at a time: a second one is refused with IN_USE;
// observers (poi status) are read-only and may be several.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/alternatives.h"
#include "shared/config.h"
#include "shared/delivery_times.h"
#include "shared/error.h"
#include "shared/filter.h"
#include "shared/ids.h"
#include "shared/ledger.h"
#include "shared/session_target.h"

#define CHANNEL_VERSION 17
#define CHANNEL_MESSAGE_MAX (96 * 1024) // octets of one message, header included
#define CHANNEL_MEMO_MAX (64 * 1024)
#define CHANNEL_MATCHED_MAX 1024 // octets of a task's attributes 17
#define CHANNEL_TASK_DESTINATIONS_MAX 16
#define CHANNEL_NAME_MAX 256 // identifiers and host names, terminator included
#define CHANNEL_ENDS_MAX 8 // of a redundant destination set
#define CHANNEL_PORTS_MAX 32
#define CHANNEL_WORKERS_MAX 32
#define CHANNEL_DELIVERY_THREADS_MAX 16
#define CHANNEL_CPUS_MAX 128 // of a list of CPUs, terminator included
#define CHANNEL_DIGEST_SIZE 32

enum channel_id {
	// both directions at the start
	CHANNEL_HELLO = 1,	   // connecting side -> listening side
	CHANNEL_HELLO_OK = 2,	   // listening side -> connecting side
	CHANNEL_HELLO_REFUSED = 3, // listening side -> connecting side, then it closes
	// control -> dataplane, each answered by ACK
	CHANNEL_NE_PUT = 10,   // define or update a network element
	CHANNEL_NE_HEARD = 11, // the responsible ADMF sent a message: move the fail-safe deadline
	CHANNEL_DESTINATION_PUT = 12,
	CHANNEL_DESTINATION_REMOVE = 13,
	CHANNEL_TASK_PUT = 14, // activate, or replace whole
	CHANNEL_TASK_REMOVE = 15,
	CHANNEL_MEMO_PUT =
		16, // only the memo of a task, destination or network element changed; or a report
	CHANNEL_TOMBSTONE_CLEAR = 17, // a task wiped by the fail-safe has been reported
	CHANNEL_COMPLETE_PUT = 18,    // sets or clears the complete flag
	CHANNEL_ANSWER = 19,	      // without a body: a probe of the peer
	// control -> dataplane, answered by a stream ending in STATE_END
	CHANNEL_STATE_GET = 20,
	// control -> dataplane, not answered, without a body: all is done that follows from the
	// events up to
	// the one whose header had this number. Until then the next controller is sent them again.
	CHANNEL_EVENTS_DONE = 21,
	// control or observer -> dataplane, answered by the message of the same number + 1
	CHANNEL_STATUS_GET = 30,
	CHANNEL_STATUS = 31,
	CHANNEL_TASK_STATUS_GET = 32,
	CHANNEL_TASK_STATUS = 33,
	CHANNEL_DESTINATION_STATUS_GET =
		34, // answered by one DESTINATION_STATUS each, then STATE_END
	CHANNEL_DESTINATION_STATUS = 35,
	CHANNEL_WORKERS_GET = 36,
	CHANNEL_WORKERS = 37,
	CHANNEL_SIGNALLING_GET = 38,
	CHANNEL_SIGNALLING = 39,
	// dataplane -> control
	CHANNEL_ACK = 40,
	CHANNEL_NE_STATE = 41,
	CHANNEL_DESTINATION_STATE = 42, // body as DESTINATION_PUT
	CHANNEL_TASK_STATE = 43,	// body as TASK_PUT
	CHANNEL_STATE_END = 44,
	CHANNEL_EVENT = 45,	   // `request`: its number, from 1; 0: it is not kept
	CHANNEL_REPORT_STATE = 46, // body as MEMO_PUT, behind the network elements
	CHANNEL_OBJECT_STATE = 47, // body as MEMO_PUT, before the destinations
	// observer -> control (<runtime-dir>/control.sock, same framing and hello)
	CHANNEL_CONTROL_STATUS_GET = 50,
	CHANNEL_CONTROL_STATUS = 51,
	// control or observer -> dataplane, answered by the message of the same number + 1
	CHANNEL_FUNCTIONS_GET = 60,
	CHANNEL_FUNCTIONS = 61,
};

enum channel_role { CHANNEL_ROLE_CONTROL = 1, CHANNEL_ROLE_OBSERVER = 2 };

struct channel_header {
	uint16_t id;
	uint32_t request;
};

struct channel_hello {
	uint16_t version;       // CHANNEL_VERSION; a difference is refused with both numbers
	uint8_t role;           // enum channel_role
	uint64_t incarnation;   // random, new at each start of the sender
	char software[32];      // POI_VERSION, for the refusal text
};

struct channel_hello_ok {
	uint64_t incarnation;      // the answering process's own
	uint64_t peer_incarnation; // incarnation of the control that last spoke here, 0 if none
	uint64_t generation;       // of the live match table
	uint32_t tasks;            // what a STATE_GET will stream
	uint32_t destinations;
	uint8_t first_burst;       // 1 once workers are polling
};

struct channel_hello_refused {
	uint16_t version; // the refusing side's
	int32_t reason;   // POI_ERR_VERSION, POI_ERR_DENIED or POI_ERR_IN_USE
	char software[32];
};

struct channel_ne { // NE_PUT, NE_STATE
	struct id16 ne;             // id_of_ne(identifier)
	char identifier[CHANNEL_NAME_MAX];
	// Silence of the ADMF that ends all tasks: TIME_P2, or TIME_P3 where a report comes first; 0 when
	// keepalives are disabled for this element.
	uint64_t fail_safe_ms;
	// Silence that is reported with EVENT_ADMF_SILENT: TIME_P2 of the model of later minors; 0:
	// none. Less than fail_safe_ms.
	uint64_t silence_ms;
	// NE_STATE: until the deadline; UINT64_MAX when none. NE_PUT that defines a new element: its first
	// deadline; 0: all of fail_safe_ms.
	uint64_t remaining_ms;
	uint8_t expired;            // NE_STATE only: the fail-safe has fired and was not cleared since
	// NE_STATE only: silence_ms has passed, and no message arrived since
	uint8_t silent;
	uint8_t payload_format;     // of X3 for tasks given from now on; enum config_format
	uint8_t axri;               // 1: those tasks may share PDUs (attribute 21)
	const uint8_t *memo;        // NE_STATE only, as for a task; NE_PUT leaves what there is
	uint32_t memo_length;
};

struct channel_heard {
	struct id16 ne;
	uint64_t at_ms; // CLOCK_MONOTONIC, which both processes share
};

#define DELIVERY_X2 0x01u
#define DELIVERY_X3 0x02u

// One member of a redundant destination set. Either `address` or `host` is used, as below.
struct channel_end {
	struct id16 did;
	struct ip_address address;
	char host[CHANNEL_NAME_MAX];
	uint16_t port;
};

// DESTINATION_PUT, DESTINATION_STATE. With ends it is a redundant set (DestinationSet): one queue, whose
// content goes to the first end that is up; `did` is the dSId, and address, host and port are empty.
struct channel_destination {
	struct id16 ne;
	struct id16 did;
	uint8_t delivery;            // DELIVERY_*
	struct ip_address address;   // family 0 when `host` is used
	char host[CHANNEL_NAME_MAX]; // "" when `address` is used
	uint16_t port;
	const uint8_t *memo; // opaque to the dataplane; decoded: points into the message
	uint32_t memo_length;
	// Drawn at CreateDestination, never 0 there: what outlives a process for a destination is of one
	// creation, not of an identifier that can be used again.
	uint64_t creation;
	uint8_t n_ends;
	struct channel_end end[CHANNEL_ENDS_MAX]; // the most preferred first, no DID twice
};

enum channel_report { REPORT_NONE = 0, REPORT_PDHR = 1, REPORT_PDSR = 2 };

// When a summary report is due beside the start and the end of a flow; 0: not by this.
struct channel_triggers {
	uint32_t timer_s;
	uint64_t packets;
	uint64_t bytes;
	uint8_t session; // 1: counted over all flows of the task together (useSessionTriggers)
	uint8_t skip_empty; // 1: what is due of a flow without a packet since its last is left out
};

// Beside RECORDS_SMSF: TruncateTPUserData (TS 33.128 table 6.2.5-2), no user data of messages.
#define TASK_TRUNCATE 0x20u
// Beside RECORDS_AMF: IdentifierAssociationExtensions (TS 33.128 table 6.2.2-0B). Without either no
// AMFIdentifierAssociation is made; ONLY: none but that and AMFLocationUpdate.
#define TASK_ASSOCIATION_ALL 0x40u
#define TASK_ASSOCIATION_ONLY 0x80u

struct channel_task { // TASK_PUT, TASK_STATE
	struct id16 ne;
	struct id16 xid;
	struct id16 header_xid;  // ProductID when given, else XID: the XID field of PDUs
	uint64_t correlation;    // 0 when not used
	uint8_t delivery;        // DELIVERY_*
	uint8_t report;          // enum channel_report; what X2 carries of packets
	uint8_t records;         // RECORDS_* of network functions that X2 carries, TASK_ASSOCIATION*
	uint8_t tombstone;       // TASK_STATE only: wiped by the fail-safe, not yet reported
	uint8_t n_destinations;
	struct id16 did[CHANNEL_TASK_DESTINATIONS_MAX];
	struct channel_triggers triggers; // REPORT_PDSR only
	struct filter filter;
	struct session_target session; // with kinds: `filter` may be empty
	// Any one is enough, as shared/alternatives.h has them: `filter` and `session` are empty
	// then. Length 0: none. Decoded: points into the message.
	const uint8_t *alternatives;
	uint16_t alternatives_length;
	// Attributes 17 (matched target identifier) of its X2 PDUs: whole TLVs back to back, at most
	// CHANNEL_MATCHED_MAX octets; decoded: points into the message.
	const uint8_t *matched;
	uint16_t matched_length;
	const uint8_t *memo; // opaque, at most CHANNEL_MEMO_MAX; decoded: points into the message
	uint32_t memo_length;
};

// Criteria of a task: 0 when some packet can satisfy them, CONFLICT when none can, INVALID when they
// ask for nothing. `why` (static text, never a target value) is set on failure.
[[nodiscard]] int channel_task_check(const struct channel_task *t, const char **why);

struct channel_object { // DESTINATION_REMOVE, TASK_REMOVE, TASK_STATUS_GET, TOMBSTONE_CLEAR
	struct id16 ne;
	struct id16 id; // DID or XID
};

// MEMO_REPORT: one that the ADMF has not answered, whose key is the id; without octets it is gone.
// MEMO_OBJECT: a generic object, whose objectId is the id; likewise, but it can be replaced.
enum channel_memo_of { MEMO_TASK, MEMO_DESTINATION, MEMO_NE, MEMO_REPORT, MEMO_OBJECT };

struct channel_memo { // MEMO_PUT, REPORT_STATE, OBJECT_STATE
	struct id16 ne;
	struct id16 id; // XID, DID or objectId; not looked at for MEMO_NE
	uint8_t of;     // enum channel_memo_of
	const uint8_t *memo;
	uint32_t memo_length;
};

struct channel_ack {
	int32_t result;      // 0 or enum poi_error
	uint64_t generation; // table generation in which the change is in force on every worker
};

// The complete flag. A new dataplane starts with it cleared, so that a controller that follows one
// which was cut off during a replay treats the dataplane's state as incomplete.
struct channel_complete { // COMPLETE_PUT
	uint8_t complete;
};

struct channel_state_end { // counts and digest of everything streamed before it
	uint32_t network_elements;
	uint32_t destinations;
	uint32_t tasks;
	uint8_t digest[CHANNEL_DIGEST_SIZE]; // SHA-256 over the bodies streamed, in order
	uint8_t complete; // of the last COMPLETE_PUT; 0 in an answer to DESTINATION_STATUS_GET
};

enum channel_event_kind {
	EVENT_DESTINATION_DOWN = 1,
	EVENT_DESTINATION_UP = 2,
	EVENT_TASK_LOSS = 3,      // `copies` PDU copies of task `id` lost for reason `loss`
	EVENT_FAIL_SAFE = 4,      // all tasks of `ne` stopped
	EVENT_LEDGER_FAULT = 5,
	EVENT_LEDGER_CLEAR = 6,
	EVENT_LINK_DOWN = 7,
	EVENT_LINK_UP = 8,
	EVENT_PORT_LOSS = 9,      // a port loses frames: no buffers, not fetched in time, dropped by the NIC (`copies`)
	EVENT_PORT_CLEAR = 10,    // and lost none for 5 seconds
	EVENT_TASK_CLEAR = 11,    // task `id` lost no copy for 5 seconds; `copies` during the outage
	EVENT_SECURITY_FAULT = 12, // the match table differs from the tasks
	EVENT_SECURITY_CLEAR = 13,
	EVENT_SPOOL_FAULT = 14,   // destination `id` has no spool, or no more room there
	EVENT_SPOOL_CLEAR = 15,   // or again; `copies` the destination lost meanwhile
	// A condition of task `id`, by session or subscriber; `copies`: sessions that are bound
	// now.
	EVENT_TASK_WAITING = 16,  // not bound to a session yet
	EVENT_TASK_UNSURE = 17,   // its view of the signalling was lost
	EVENT_TASK_FOLLOWED = 18, // neither (any more)
	EVENT_TASK_ENDED = 19,    // its last session is over
	EVENT_CLOCK_UNSURE = 20,  // the wall clock is not synchronised, as the kernel holds
	EVENT_CLOCK_SURE = 21,    // or again
	// An earlier process was killed: `copies` of destination `id` are lost as last counted. `id` zero:
	// of the network element, and the number is not known where `copies` is 0.
	EVENT_KILLED = 22,
	// Content of destination `id` that lay on disk was discarded: `copies` PDUs. `subject` is "removed"
	// where the destination is no more; its identifier may be another's now.
	EVENT_DISCARDED = 23,
	// Nothing is owed any more to destination `id`, which was removed: all is delivered, or the time for
	// that is over; `copies` of it are lost, or were sent and never acknowledged.
	EVENT_DESTINATION_GONE = 24,
	// Fragments of tunnels were given up while there are tasks: `copies` datagrams of the outage.
	EVENT_FRAGMENTS_LOST = 25,
	EVENT_FRAGMENTS_CLEAR = 26, // none for 5 seconds
	EVENT_TASK_UNSEEN = 27, // as EVENT_TASK_UNSURE: no port shows the tunnels of a session of it
	EVENT_PORT_DEAF = 28, // a port's promiscuous mode was refused: it stays so until a restart
	// The end of set `id` that is member `end` is down, or up again. What is lost is the set's.
	EVENT_END_DOWN = 29,
	EVENT_END_UP = 30,
	EVENT_ADMF_SILENT = 31, // of `ne`, for silence_ms; its tasks end at fail_safe_ms
	EVENT_LAST = EVENT_ADMF_SILENT,
};

struct channel_event {
	uint8_t kind;
	struct id16 ne;  // zero when it concerns the whole process
	struct id16 id;  // DID, dSId or XID, zero otherwise
	struct id16 end; // DID of events of ends, zero otherwise
	uint8_t loss;    // enum copy_loss
	uint64_t copies; // lost since the start of the outage
	uint64_t time_ns;
	char subject[64]; // device name of link and port events, "" otherwise
	char text[128];  // for a person; never target data
};

struct channel_status { // STATUS: the whole ledger, from one set of snapshots
	struct packet_balance packets;
	struct copy_balance copies;
	struct delivery_times times[DELIVERY_KINDS]; // of copies acknowledged since the start
	uint8_t balanced;         // every sum held on these snapshots
	uint8_t control_connected;
	uint8_t clock_known;      // the kernel reports the state of the wall clock
	uint8_t clock_synchronised;
	int64_t clock_offset_ns;
	uint64_t clock_error_ns;  // at most
	uint64_t incarnation;
	uint64_t generation;
	uint64_t uptime_ms;
	uint32_t tasks;
	uint32_t destinations;
	uint32_t workers;
	uint32_t ports;
	struct {
		char name[64];
		uint8_t link_up;
		uint8_t counts_losses; // 0: only the sender counts packets without room
		uint64_t received, imissed, nombuf, ierrors, transmitted;
	} port[CHANNEL_PORTS_MAX];
};

// How the frames of a port come to its queues (decision 9: by addresses only, both directions alike).
enum port_spread {
	SPREAD_NONE,       // one queue
	SPREAD_ADDRESSES,  // as decided
	SPREAD_ONE_SIDED,  // by addresses, but with a key of the device's own
	SPREAD_DEVICE,     // whatever the device does, perhaps by ports
	SPREAD_IMPOSSIBLE, // one queue, because the device has no hash of packets
	SPREAD_PORTS,      // by addresses and ports, the closest that the device has
	SPREAD_SOFTWARE,   // as decided; the receiving worker hands users' packets to all workers
	SPREAD_TUNNEL,     // users' packets by the addresses inside GTP-U, the rest as decided
	SPREAD_LAST = SPREAD_TUNNEL,
};
const char *port_spread_name(enum port_spread s); // one word, for status and metrics

struct channel_workers { // WORKERS: from one set of snapshots
	uint32_t workers;
	struct {
		uint32_t cpu;
		uint32_t node;      // of its memory
		uint32_t queues;    // receive queues that it polls
		uint64_t received;
		uint64_t classified;
		uint64_t hits;      // (packet, task) pairs found
		uint64_t not_sent;  // inline: frames that the peer port did not take
		uint64_t loops;
		uint64_t busy_loops; // of them with packets
		uint64_t busy_ns;    // time with packets in hand
		uint64_t running_ns; // since it was started
	} worker[CHANNEL_WORKERS_MAX];
	uint32_t delivery_threads;
	uint32_t delivery_cpu[CHANNEL_DELIVERY_THREADS_MAX];
	char control_cpus[CHANNEL_CPUS_MAX]; // of all other threads, "0,3-4"
	uint32_t ports; // in the order of STATUS
	struct {
		char driver[64];
		int32_t node;   // of the device, -1 when none
		uint32_t queues;
		uint8_t spread; // enum port_spread
		uint8_t deaf;   // promiscuous mode was refused: only frames to its own address come
		uint32_t descriptors; // of each queue
		struct unopened_share share; // what the port does not open
	} port[CHANNEL_PORTS_MAX];
};

struct channel_task_status {
	struct id16 ne;
	struct id16 xid;
	int32_t result; // NOT_FOUND when there is no such task
	struct copy_balance copies;
	uint64_t x2_octets, x3_octets;  // PDU payload octets matched, TaskStatus amountOfX2/X3Data
	uint64_t last_intercept_ns;     // 0 when never
	uint8_t follows;   // 1: by session or subscriber
	uint32_t sessions; // then: bound now
};

#define CHANNEL_COUNTERS_MAX 64
struct channel_signalling { // SIGNALLING: counters of signalling, without any identity
	uint8_t followed;   // 0: no port shows signalling, and all is 0
	uint64_t since_ns;  // first message; 0: none yet
	uint32_t sessions, partial, nodes; // known now
	uint64_t octets;    // memory of them
	uint64_t lost;      // datagrams lost on their way to the follower
	uint32_t tasks, waiting, unsure; // by session or subscriber; of them not bound yet, and not sure
	uint32_t rules;     // of them in the match table
	// From a message's receive time until what it changed was in force on every worker.
	uint64_t measured, p50_ns, p99_ns, most_ns;
	// Packets held for sessions about to be bound: in all, then matched, given up, without room.
	uint64_t holdback_held, holdback_matched, holdback_given_up, holdback_full;
	uint32_t n;
	struct {
		char name[32];
		uint64_t value;
	} counter[CHANNEL_COUNTERS_MAX];
};

struct channel_functions { // FUNCTIONS: network functions and their events, without any identity
	uint8_t connected; // to poi-events
	uint32_t sessions, registrations; // known now by events
	uint64_t octets;   // memory of them
	uint64_t records;  // copies owed: (event, task) pairs, starts of interception among them
	uint64_t shortened; // their PDUs without optional members, for destinations that take less
	uint32_t n;
	struct { // received = taken + refused + later, in the order of the configuration
		char name[CONFIG_FUNCTION_NAME_MAX + 1];
		uint8_t connected;
		uint64_t received, taken, refused, later;
	} function[CONFIG_FUNCTIONS_MAX];
	uint32_t n_reasons;
	struct { // events refused, of all functions
		char name[32];
		uint64_t value;
	} reason[CHANNEL_COUNTERS_MAX];
};

enum destination_state { // also the text of poi status: see destination_state_name
	DESTINATION_IDLE = 0,       // nothing to deliver yet, not connected
	DESTINATION_CONNECTING = 1,
	DESTINATION_UP = 2,
	DESTINATION_DOWN = 3,
	DESTINATION_DRAINING = 4,
};
const char *destination_state_name(enum destination_state s);

struct channel_destination_status {
	struct id16 ne;
	struct id16 did;
	uint8_t state;
	uint8_t settle; // enum config_settle: when a copy counts as delivered
	uint8_t connections; // that are wanted now
	uint8_t connected;   // of them up; the state is that of the worst
	struct copy_balance copies;
	uint64_t queued_octets;
	uint64_t connects; // successful handshakes since start
	uint64_t down_since_ns; // 0 when not down
	uint64_t odd_acks; // acknowledgements of keepalives not sent, or acknowledged before
	char reason[96]; // last connection error, for a person
	uint8_t n_ends;  // of a redundant set
	uint8_t used;    // the end that has the stream; n_ends: none
	struct {
		struct id16 did;
		uint8_t state; // UP, DOWN, CONNECTING; IDLE: not tried yet
		uint64_t down_since_ns; // 0 when not down
		char reason[96];
	} end[CHANNEL_ENDS_MAX];
};

struct channel_control_status {
	uint64_t incarnation;
	uint64_t uptime_ms;
	uint8_t dataplane_connected;
	uint64_t dataplane_silent_ms; // since a question that is not answered; 0: it answers
	uint8_t recovered;      // the registry is complete and takes requests
	uint32_t network_elements;
	uint32_t tasks;
	uint32_t destinations;
	uint32_t faults;
	uint32_t late_admfs;    // network elements whose ADMF has not sent the Keepalive that is due
	uint64_t requests;      // X1 messages answered
	uint64_t errors;        // of them with ErrorResponse
	uint64_t refused;       // connections or requests refused before X1
};

// Encoding: each returns the message's size, or a negative enum poi_error (TOO_LARGE).
// Decoding: 0 or a negative enum poi_error; every bound is checked and trailing octets are refused;
// after a failure the struct is all zero. The layouts of the three hello bodies never change and their
// version is not judged here: the receiver compares it with CHANNEL_VERSION.
// Generated pairs, in channel.c one beside the other:
//	int channel_encode_X(uint8_t *out, size_t capacity, uint16_t id, uint32_t request, const struct channel_X *m);
//	int channel_decode_X(const uint8_t *body, size_t length, struct channel_X *m);
#define CHANNEL_BODIES(X)                                                                          \
	X(hello) X(hello_ok) X(hello_refused) X(ne) X(heard) X(destination) X(task) X(object)       \
	X(memo) X(ack) X(state_end) X(event) X(status) X(task_status) X(destination_status)         \
	X(control_status) X(workers) X(signalling) X(functions) X(complete)

#define X(name)                                                                                    \
	[[nodiscard]] int channel_encode_##name(uint8_t *out, size_t capacity, uint16_t id,        \
		uint32_t request, const struct channel_##name *m);                                 \
	[[nodiscard]] int channel_decode_##name(                                                   \
		const uint8_t *body, size_t length, struct channel_##name *m);
CHANNEL_BODIES(X)
#undef X

// A message without a body (STATE_GET, STATUS_GET, DESTINATION_STATUS_GET, WORKERS_GET,
// CONTROL_STATUS_GET).
[[nodiscard]] int channel_encode_empty(uint8_t *out, size_t capacity, uint16_t id, uint32_t request);

// Splits a datagram into header and body. SYNTAX when shorter than the header or the zero field is not.
[[nodiscard]] int channel_split(const uint8_t *datagram, size_t length, struct channel_header *h,
	const uint8_t **body, size_t *body_length);

// Socket helpers (SEQPACKET, non-blocking, close-on-exec). Return a file descriptor or a negative
// enum poi_error. channel_listen replaces a stale socket file and sets mode 0600; IN_USE when a
// live process listens there, EXISTS when the file is no socket. channel_accept: AGAIN when no
// connection waits, DENIED for a foreign user, NOMEM when out of descriptors. channel_connect:
// CLOSED without a listener, AGAIN when the backlog is full, DENIED when a foreign user listens.
[[nodiscard]] int channel_listen(const char *path);
[[nodiscard]] int channel_accept(int listener);              // checks SO_PEERCRED
[[nodiscard]] int channel_connect(const char *path);
// 0, AGAIN, CLOSED, or TOO_LARGE beyond CHANNEL_MESSAGE_MAX.
[[nodiscard]] int channel_send(int fd, const uint8_t *datagram, size_t length);
// Octets received (> 0), AGAIN, CLOSED, or TOO_LARGE for a datagram beyond `capacity`.
[[nodiscard]] int64_t channel_receive(int fd, uint8_t *out, size_t capacity);
// The same with a file descriptor beside the datagram, the greetings' alone: HELLO of a controller
// hands over what it keeps of an earlier dataplane, HELLO_OK what it is to keep of this one. -1: none.
// A descriptor that came is the caller's.
[[nodiscard]] int channel_send_with(int fd, const uint8_t *datagram, size_t length, int with);
[[nodiscard]] int64_t channel_receive_with(int fd, uint8_t *out, size_t capacity, int *with);
