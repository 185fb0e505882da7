#pragma once

// The truth about tasks, destinations and network elements, keyed by (network element, XID) and
// (network element, DID) (decision 14). Memory only; the copy that survives this process lies with
// the dataplane as memos. One allocation per task: about 250 octets and the task's own XML.
// Pointers stay valid until the object is replaced or removed: operations that wait keep the key.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/state/faults.h"
#include "control/state/kept_reports.h"
#include "control/state/objects.h"
#include "shared/channel.h"
#include "shared/hash_table.h"

#define REGISTRY_NES_MAX 64

enum task_state {
	TASK_AWAITING, // sent to the dataplane, not yet in force there
	TASK_COMPLETE, // in force
};

enum pending_kind {
	PENDING_NONE = 0,
	PENDING_ACTIVATE = 1,
	PENDING_MODIFY = 2,
	PENDING_DEACTIVATE = 3
};

struct task_amounts { // TaskStatus amountOfX2Data, amountOfX3Data (octets), timeOfLastIntercept
	uint64_t x2_octets, x3_octets;
	uint64_t last_intercept_ns; // 0: never
};

struct registry_task {
	struct hash_link link;
	TAILQ_ENTRY(registry_task) entry; // per network element, in order of activation
	struct fault *faults;
	struct id16 *objects; // hash contexts and destination sets that it names; NULL: none
	uint64_t correlation;
	uint64_t activated_ns;
	uint64_t modified_ns; // 0 when never
	uint64_t order;	      // of its coming into the registry
	struct task_amounts before;  // counted by earlier dataplanes
	struct task_amounts counted; // by the one connected last, when it was asked last
	uint32_t modifications;
	uint32_t xml_length;
	uint16_t filter_length;
	uint16_t matched_length;
	uint16_t ne; // index in the configuration
	struct id16 xid;
	struct id16 header_xid;
	struct id16 pending_transaction; // of the request answered `Acknowledged`
	uint8_t pending;		 // enum pending_kind
	uint8_t state;			 // enum task_state; see registry_task_set_state
	uint8_t delivery;		 // DELIVERY_*
	uint8_t report;			 // enum channel_report
	uint8_t records;		 // RECORDS_*, TASK_ASSOCIATION_*
	uint8_t n_destinations;
	uint8_t n_objects;
	uint8_t n_named; // of its destinations: those behind are members of the sets among `objects`
	bool removing;	// a deactivation is on its way
	bool modifying; // a modification is on its way
	bool memo_pending; // its memo changed meanwhile
	bool implicit;	// ImplicitDeactivationAllowed
	uint32_t seen;	// reconciliation round in which the dataplane was found to hold it
	bool put; // `seen` because it was put in that round
	uint32_t dataplane; // of which `counted` and the losses are; see registry_dataplane
	// DIDs, canonical octets of filter, session target and alternatives, the taskDetails XML, attributes 17, and where `report` is
	// REPORT_PDSR a struct channel_triggers (not aligned).
	uint8_t data[];
};

TAILQ_HEAD(registry_tasks, registry_task);

const struct id16 *registry_task_dids(const struct registry_task *t);
const char *registry_task_xml(const struct registry_task *t);

struct registry_destination {
	struct hash_link link;
	TAILQ_ENTRY(registry_destination) entry; // per network element, in order of creation
	struct fault *faults;
	uint32_t references; // tasks (and modifications on their way), and sets, that name it
	uint32_t xml_length;
	struct ip_address address; // family 0 when `host` is used
	char *host;		   // NULL when `address` is used
	struct channel_end *ends;  // of a redundant set, which is no destination of X1; NULL: none
	uint16_t port;
	uint16_t ne;
	struct id16 did;
	uint64_t creation;     // of the CreateDestination; a modification keeps it
	uint8_t delivery;      // DELIVERY_*
	uint8_t next_delivery; // of the modification on its way; valid while `modifying`
	uint8_t n_ends;
	uint8_t ends_down;     // bit i: end i is down, by the last event about it
	bool ready;	       // the dataplane has acknowledged it
	bool pending;	       // answered `Acknowledged`, see `pending_transaction`
	bool removing;
	bool modifying;
	bool memo_pending; // its memo changed while it was being modified
	bool down; // by the dataplane's last event
	// PDUs, when the dataplane stopped; 0 once the end of an outage has reported them
	uint64_t lost_at_stop;
	uint32_t seen;
	struct id16 pending_transaction;
	// While `removing`, once the dataplane names it no more: called when nothing is owed to it
	// any more. `text` is the reason and `lost` the number of PDUs lost; NULL and 0: unknown.
	// NULL: nothing waits. The destination is the callee's to remove.
	void (*gone)(void *context, uint64_t lost, const char *text);
	void *gone_context;
	char xml[]; // destinationDetails
};

TAILQ_HEAD(registry_destinations, registry_destination);

struct registry;

// `n_nes` network elements; `identifiers` give their channel ids. NULL when out of memory.
struct registry *registry_new(uint16_t n_nes, const char *const *identifiers);
void registry_free(struct registry *r);
void registry_clear(struct registry *r); // forgets every task and destination
// One more network element; the index it has, or LIMIT beyond REGISTRY_NES_MAX.
[[nodiscard]] int32_t registry_ne_add(struct registry *r, const char *identifier);
uint16_t registry_nes(const struct registry *r);
const struct id16 *registry_ne_id(const struct registry *r, uint16_t ne);
int32_t registry_ne_index(const struct registry *r, const struct id16 *id); // NOT_FOUND
struct fault **registry_ne_faults(struct registry *r, uint16_t ne);
struct objects *registry_objects(const struct registry *r);
struct kept_reports *registry_reports(const struct registry *r); // registry_clear leaves them

// Numbers the dataplanes that this process has met: what a task that comes counts and loses is of the last.
uint32_t registry_dataplane(const struct registry *r);
void registry_dataplane_changed(struct registry *r);

// A task as an object that is not yet in the registry. `t->memo` is ignored, its filter must be
// normalised. NULL when out of memory. Free with registry_task_free while it is outside.
struct registry_task *registry_task_new(
	uint16_t ne, const struct channel_task *t, const char *xml, size_t xml_length);
void registry_task_free(struct registry_task *t);
struct registry_task *registry_task_find(
	const struct registry *r, uint16_t ne, const struct id16 *xid);
// The generic objects that it names, no identifier twice: from the coming of `t` into the registry until its
// going they are in use. Only while it is outside. 0 or NOMEM.
[[nodiscard]] int registry_task_set_objects(
	struct registry_task *t, const struct id16 *ids, uint8_t n);
bool registry_task_names(const struct registry_task *t, const struct id16 *object);
// Returns true if an object that the task names is being modified.
bool registry_task_objects_change(const struct registry *r, const struct registry_task *t);
// Returns true if every destination and every object that `t` names is there.
bool registry_destinations_known(const struct registry *r, const struct registry_task *t);
// Takes ownership and refers to the destinations and objects. EXISTS or NOT_FOUND (one of those):
// nothing taken.
[[nodiscard]] int registry_task_add(struct registry *r, struct registry_task *t);
// Puts `t` in the place of the task with its key, which is freed; faults go over to `t`.
[[nodiscard]] int registry_task_replace(struct registry *r, struct registry_task *t);
void registry_task_remove(struct registry *r, struct registry_task *t);		  // and frees it
// Takes the first task of `ne` out of `from`: it is the caller's, as a new one. NULL: there is none.
struct registry_task *registry_task_take(struct registry *from, uint16_t ne);
struct registry_task *registry_task_first(const struct registry *r, uint16_t ne);
static inline struct registry_task *registry_task_next(const struct registry_task *t)
{
	return TAILQ_NEXT(t, entry);
}
uint32_t registry_task_count(const struct registry *r, uint16_t ne);
uint32_t registry_tasks_awaiting(const struct registry *r, uint16_t ne); // not yet in force
// TASK_COMPLETE takes a task that a batch spares out of it.
void registry_task_set_state(struct registry *r, struct registry_task *t, enum task_state state);
// The order of the last task; later tasks have a higher one. A network element's tasks stand in
// this order, and a modification keeps it.
uint64_t registry_order(const struct registry *r);

// The tasks that a network element has at one instant, which are removed one after the other. From the
// begin on they are not found, not counted and not in its list. A batch may spare those that are not in
// force: they are found, and one that comes into force, or is kept, is back in the list. An earlier
// batch spares none when a later one does not. `leave` removes a task ahead of its turn, for another
// with its key.
struct registry_batch {
	TAILQ_ENTRY(registry_batch) entry; // of its network element
	struct registry_tasks tasks;
	uint64_t last; // order of its last task
	uint16_t ne;
	bool spares_awaiting;
	void (*leave)(struct registry_batch *b, struct registry_task *t);
};
void registry_batch_begin(struct registry *r, uint16_t ne, struct registry_batch *b);
// Its next task: `kept` means that it is spared, and must be given to registry_task_keep. NULL:
// none.
struct registry_task *registry_batch_next(const struct registry_batch *b, bool *kept);
// The task with this key that a batch holds, and does not spare, leaves at once.
void registry_batch_leave(struct registry *r, uint16_t ne, const struct id16 *xid);
void registry_task_keep(struct registry *r, struct registry_task *t);
bool registry_task_in_batch(const struct registry *r, const struct registry_task *t);
void registry_batch_end(struct registry *r, struct registry_batch *b); // removes what is left in it
bool registry_batches(const struct registry *r, uint16_t ne); // whether there are any

// Extra references for a modification that is on its way.
void registry_refer(struct registry *r, const struct registry_task *t, int delta);

// A nonce for one CreateDestination, never 0.
uint64_t registry_creation(void);
struct registry_destination *registry_destination_new(
	uint16_t ne, const struct channel_destination *d, const char *xml, size_t xml_length);
void registry_destination_free(struct registry_destination *d);
struct registry_destination *registry_destination_find(
	const struct registry *r, uint16_t ne, const struct id16 *did);
[[nodiscard]] int registry_destination_add(struct registry *r, struct registry_destination *d);
[[nodiscard]] int registry_destination_replace(struct registry *r, struct registry_destination *d);
void registry_destination_remove(struct registry *r, struct registry_destination *d);
// The same, in order.
struct registry_destination *registry_destination_take(struct registry *from, uint16_t ne);
// Calls `gone` of every removed destination: no dataplane will report the end of its drain.
void registry_end_removals(struct registry *r);
struct registry_destination *registry_destination_first(const struct registry *r, uint16_t ne);
static inline struct registry_destination *registry_destination_next(
	const struct registry_destination *d)
{
	return TAILQ_NEXT(d, entry);
}
uint32_t registry_destination_count(const struct registry *r, uint16_t ne);

// Generic objects (objects.h). A destination that is a member of a set is in use; members need not be there,
// so that objects can come before them.
[[nodiscard]] int registry_object_add(struct registry *r, struct object *o); // as objects_add
// A modification of `old` to `new` begins: the members of both are in use until registry_object_replace, or
// registry_object_stays, which a modification that fails ends with (also where the object is gone meanwhile).
void registry_object_begin(struct registry *r, struct object *old, const struct object *new);
void registry_object_stays(struct registry *r, const struct object *new);
[[nodiscard]] int registry_object_replace(struct registry *r, struct object *o); // as objects_replace
void registry_object_remove(struct registry *r, struct object *o);
// How many hash contexts (an algorithm, a salt and a kind of identity) the tasks of all network elements use,
// those of `with`, which is none of them yet, included; 0: `with` needs none. IDENTITY_CONTEXTS_MAX is
// what the dataplane has room for.
uint32_t registry_hash_contexts(const struct registry *r, const struct channel_task *with);
// How many sets of this type (enum object_set; 0: of any) have the destination as a member; one that is modified
// counts for what it is and for what it is about to become.
uint32_t registry_sets_of(
	const struct registry *r, uint16_t ne, const struct id16 *did, uint8_t type);
// The redundant set as the dataplane's destination, its creation excepted; members that are not there are
// left out.
void registry_set_destination(const struct registry *r, uint16_t ne, const struct object_details *d,
	struct channel_destination *out);
// Returns true if the ends of `set` are what its members are now.
bool registry_set_current(const struct registry *r, const struct registry_destination *set,
	const struct object_details *d);
// Notes that the end of `set` that is member `did` is down, or up. False: it has no such end.
bool registry_end_note(struct registry_destination *set, const struct id16 *did, bool down);
// Returns true if a modification under way makes the destination a member of a redundant set.
bool registry_set_joins(const struct registry *r, uint16_t ne, const struct id16 *did);
// Returns true if the end that is member `did` is down in any redundant set.
bool registry_end_down(const struct registry *r, uint16_t ne, const struct id16 *did);

// A walk over the tasks, then the destinations of one network element that lasts over changes: what
// is removed meanwhile is passed over, what is added at the end is met. Where a batch has begun it ends,
// and is `cut`: tasks that are spared come back behind it.
struct registry_cursor {
	LIST_ENTRY(registry_cursor) entry;
	uint16_t ne;
	bool cut;
	struct registry_task *task;
	struct registry_destination *destination;
};
void registry_cursor_begin(struct registry *r, uint16_t ne, struct registry_cursor *c);
struct registry_task *registry_cursor_task(struct registry_cursor *c); // NULL: no more
struct registry_destination *registry_cursor_destination(struct registry_cursor *c);
void registry_cursor_end(struct registry_cursor *c);

uint32_t registry_fault_count(const struct registry *r);

// The canonical octets kept by the dataplane (at most CHANNEL_MEMO_MAX), versioned. Encoding
// returns the size or TOO_LARGE. Decoding builds a new object; VERSION, SYNTAX, INVALID or NOMEM.
[[nodiscard]] int registry_task_memo(const struct registry_task *t, uint8_t *out, size_t capacity);
// With these faults in the place of its own. NULL: none, never larger than the memo at acceptance.
[[nodiscard]] int registry_task_memo_with(
	const struct registry_task *t, const struct fault *faults, uint8_t *out, size_t capacity);
[[nodiscard]] int registry_destination_memo_with(const struct registry_destination *d,
	const struct fault *faults, uint8_t *out, size_t capacity);
[[nodiscard]] int registry_task_from_memo(
	uint16_t ne, const struct channel_task *t, struct registry_task **out);
[[nodiscard]] int registry_destination_memo(
	const struct registry_destination *d, uint8_t *out, size_t capacity);
[[nodiscard]] int registry_destination_from_memo(
	uint16_t ne, const struct channel_destination *d, struct registry_destination **out);

// Replaces the destinations of `c`, a task's, behind the first `t->n_named`: what the sets that `t` names
// stand for now. `instead` NULL, or a set's details to come. 0, NOT_FOUND (a set), or LIMIT.
[[nodiscard]] int registry_task_plan(const struct registry *r, const struct registry_task *t,
	const struct object_details *instead, struct channel_task *c);
// Returns a copy of `t`, the caller's, with the members of its sets, `instead` (NULL: none) among
// them. NULL: nothing changes, or `rc` has the error.
struct registry_task *registry_task_planned(const struct registry *r, const struct registry_task *t,
	const struct object_details *instead, int *rc);
// Adds what a set stands for to a task's destinations, no DID twice. 0 or LIMIT.
[[nodiscard]] int registry_set_add(const struct object_details *set, struct channel_task *c);

// Fills the channel's form (memo not included); `matched` and `alternatives` point into `t`.
[[nodiscard]] int registry_task_channel(
	const struct registry *r, const struct registry_task *t, struct channel_task *out);
void registry_destination_channel(const struct registry *r, const struct registry_destination *d,
	struct channel_destination *out);
