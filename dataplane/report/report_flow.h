#pragma once

// Flows of summary reports (TS 33.128 clause 6.2.3.9.4). A flow is one direction of one
// conversation within one task and sequence context: addresses, ports, protocol, direction. It is reported when it
// starts, at each trigger and when it ends; every packet is in exactly one report, so the sums are
// exact. Pure bookkeeping, one thread, no clock of its own.
//
// A report that is due although no packet came since the last one counts 0 packets (its task may
// have it left out); both its times are that of the flow's last packet. A flow ends after `idle_ns` without a packet, half a second
// after RST or after FIN from both sides (so that the last acknowledgements are in it), with its
// task, or as the one idle longest when the table is full.

#include "dataplane/capture/report_ring.h"
#include "dataplane/capture/x2_task.h"

struct moment {
	uint64_t mono_ns; // for timers
	uint64_t real_ns; // nanoseconds since the epoch, for reports
};

// `x` without its release. `time_ns`: when it happened.
typedef void report_sink(
	void *context, const struct x2_task *t, const struct xiri *x, uint64_t time_ns);

struct report_flow_settings {
	uint32_t flows; // at most this many at a time
	uint64_t idle_ns;
	uint64_t seed[2]; // of the hash, secret
	report_sink *sink;
	void *context;
};

struct report_flows;

// NULL when out of memory. The table is mapped whole, touched as it fills.
struct report_flows *report_flows_new(const struct report_flow_settings *s);
void report_flows_free(struct report_flows *r); // reports nothing

// One packet. NOMEM: it is in no report, the caller counts it as lost.
[[nodiscard]] int report_flows_packet(
	struct report_flows *r, const struct header_digest *d, const struct moment *now);
// Everything that is due by now.
void report_flows_tick(struct report_flows *r, const struct moment *now);
// No further digest names `old`. Its flows go on under `successor`, or end when that is NULL.
void report_flows_leave(struct report_flows *r, const struct x2_task *old,
	const struct x2_task *successor, const struct moment *now);
void report_flows_end(struct report_flows *r, const struct moment *now); // all of them

struct report_flow_counts {
	uint32_t live;
	uint64_t started, ended;
	uint64_t evicted; // of those ended: only because the table was full
};
struct report_flow_counts report_flows_counts(const struct report_flows *r);
// Memory of a flow in a table of `flows`: itself and its share of hash and timers.
size_t report_flow_octets(uint32_t flows);
