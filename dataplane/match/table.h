#pragma once

// Match tables: an immutable base plus a small delta with tombstones (decision 10). Pure code: no
// EAL, no RCU, no locks. One builder thread makes new `struct table` values; publishing them and
// waiting for the grace period is live's work. A published table is never written except for the
// monotone filter bits (set before publication, relaxed atomics; a reader that misses one reads the
// old table).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "shared/filter.h"
#include "shared/ids.h"

#define RULE_DESTINATIONS_MAX 16

struct x2_task;	   // dataplane/capture/x2_task.h
struct pdr_select; // dataplane/match/pdr_select.h

// One task as the workers see it, or one selector in which signalling shows its packets (a bound
// rule). Owned by the caller of table_put until table_put takes a copy.
struct rule {
	// The matcher reads these of a bound rule, up to the filter's tunnel: thousands of rules may lie on one
	// session, so they stand within two cache lines.
	uint32_t slot;	     // stable index of the task's counters
	uint32_t binding;    // 0: the task's own rule; else a bound one's or alternative's number
	uint8_t links;		// bit per enum config_link on which this task matches (decision 5)
	uint8_t direction; // bound: FROM_TARGET or TO_TARGET where signalling gives it, else 0
	uint8_t delivery;	// DELIVERY_*
	uint8_t report;		// enum channel_report
	uint8_t payload_format; // enum config_format
	uint8_t axri;		// 1: may share a PDU with other such tasks (attribute 21)
	uint8_t n_destinations;
	// Not 0: one of several criteria of the task of which any is enough, by its place among them. A
	// rule with a number of its own that is judged as the task's own rule is.
	uint8_t alternative;
	// Bound rules have these. What is pointed to outlives the rule by its grace period.
	const struct filter *also;	 // what the task asks for beside its session; NULL: nothing
	const struct pdr_select *select; // NULL: every packet
	uint64_t from_ns; // in force for packets received since then
	// Not 0: only for packets that were held, received until then. What the signalling showed
	// and took back before it could be in force.
	uint64_t until_ns;
	struct filter filter; // bound: FTEID (with its address), or one address prefix, alone

	uint64_t select_digest;
	uint64_t correlation;
	uint32_t context_x2; // sequence contexts (decision 15)
	uint32_t context_x3;
	struct id16 header_xid; // XID field of PDUs
	uint16_t destination[RULE_DESTINATIONS_MAX]; // destination indices, ascending
	// With DELIVERY_X2 or attributes 17; outlives the rule by its grace period.
	const struct x2_task *x2;
};

// The table's key: several rules may have one task's slot.
static inline uint32_t rule_key_own(uint32_t slot)
{
	return slot << 1;
}

static inline uint32_t rule_key_bound(uint32_t binding)
{
	return binding << 1 | 1;
}

static inline uint32_t rule_key(const struct rule *r)
{
	return r->binding ? rule_key_bound(r->binding) : rule_key_own(r->slot);
}

// True if a later fragment of a user's datagram is judged by the ports of its first.
static inline bool rule_wants_ports(const struct rule *r)
{
	return ((r->filter.kinds | (r->also ? r->also->kinds : 0)) & FILTER_PORT) != 0;
}

struct table;	      // what workers read
struct table_builder; // what the builder thread owns
struct table_fold;    // a base being rebuilt aside

// `seed` keys every hash (hash-flood resistance). NULL when out of memory.
struct table_builder *table_builder_new(const uint64_t seed[2]);
void table_builder_free(struct table_builder *b); // frees every table still known to it

// Adds the rule, or replaces the one with the same key. Takes a copy. 0 or NOMEM.
[[nodiscard]] int table_put(struct table_builder *b, const struct rule *rule);
// 0 or NOT_FOUND.
[[nodiscard]] int table_remove(struct table_builder *b, uint32_t key);

// Marks tables committed from now on: bound rules may come at any moment.
void table_expect(struct table_builder *b, bool on);

// A new immutable table with all changes since the last commit; costs what changed. NULL when out
// of memory (the changes stay pending). Owned by the builder; hand back with table_retire.
const struct table *table_commit(struct table_builder *b, uint64_t generation);
// After the grace period of its successor: frees what only `old` used.
void table_retire(struct table_builder *b, const struct table *old);

// Folding. table_fold_begin returns NULL when there is no need. table_fold_run is the long part:
// any one thread, while the builder goes on with put, remove and commit. table_fold_finish (builder
// thread) makes it the base of the next commit; changes made meanwhile are in the delta.
struct table_fold *table_fold_begin(struct table_builder *b);
void table_fold_run(struct table_fold *f);
void table_fold_finish(struct table_builder *b, struct table_fold *f);

uint64_t table_generation(const struct table *t);
uint32_t table_rules(const struct table *t);   // live rules
bool table_expects(const struct table *t);     // table_expect
bool table_wants_ports(const struct table *t); // of some live rule rule_wants_ports
// Moments of the builder, for packets that are matched again later: the last one that a table
// contains, and the one since which a rule found in a table has captured what it captures now (a
// change of destinations does not count). The rule was in force in an older table when its moment
// is not behind that table's.
uint64_t table_stamp(const struct table *t);
uint64_t table_rule_since(const struct rule *rule);
size_t table_octets(const struct table *t); // memory of base and delta
// Order-independent digest over the live rules: equal tables are equal numbers (reconciliation).
uint64_t table_digest(const struct table *t);
// Returns the part of one rule in it.
uint64_t table_rule_digest(const struct rule *rule);
