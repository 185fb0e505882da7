// Collects the figures of STATUS and compares the sums of the ledger.

#include "dataplane/builder/status.h"

#include <stdio.h>

#define ATTEMPTS 5	  // copies move while they are counted
#define WRONG_IN_A_ROW 5u // checks until a difference is a fault
#define RIGHT_IN_A_ROW 2u

// The workers' count of what is owed is taken before and after delivery's count of where it is: the
// latter must lie between. At rest all three are equal. What an earlier process left in spools is
// owed too.
static bool copies(const struct status_sources *s, struct copy_balance *out)
{
	struct slot_counters before, after;

	task_counters_totals(s->counters, &before);
	*out = (struct copy_balance){0};
	deliver_totals(s->deliver, out);
	task_counters_totals(s->counters, &after);
	out->matched = after.matched;
	out->cut = after.cut;
	uint64_t found = deliver_found(s->deliver), accounted = copy_balance_accounted(out);
	out->offered = after.offered + found;
	return before.offered + found <= accounted && accounted <= out->offered;
}

bool status_collect(const struct status_sources *s, struct channel_status *out)
{
	bool fresh = stats_snapshot(s->stats, true, &out->packets);
	bool hold = false;

	for (int i = 0; i < ATTEMPTS && !hold; i++)
		hold = copies(s, &out->copies);
	deliver_times(s->deliver, out->times);
	out->balanced = fresh && hold && packet_balance_holds(&out->packets);
	out->workers = s->stats->n_workers;
	ports_status(s->ports, out);
	return fresh;
}

_Static_assert(CHANNEL_DELIVERY_THREADS_MAX == CONFIG_DELIVERY_THREADS_MAX &&
		       CHANNEL_CPUS_MAX == CPU_LIST_TEXT,
	"the message has room for all threads");

static void threads_of(const struct cpu_plan *p, struct channel_workers *out)
{
	out->delivery_threads = p->n_delivery;
	for (uint32_t i = 0; i < p->n_delivery; i++)
		out->delivery_cpu[i] = p->delivery[i];
	cpu_list_write(&p->control, out->control_cpus);
}

void status_workers(
	const struct status_sources *s, uint64_t running_ns, struct channel_workers *out)
{
	struct packet_balance all = {0};

	(void)stats_snapshot(s->stats, true, &all);
	out->workers = s->stats->n_workers;
	for (uint32_t i = 0; i < out->workers; i++) {
		const struct worker_counters *c = stats_worker(s->stats, i);
		out->worker[i].received = c->received;
		for (int k = 0; k < PACKET_OUTCOME_COUNT; k++)
			if (packet_outcome_classified((enum packet_outcome)k))
				out->worker[i].classified += c->outcome[k];
		out->worker[i].hits = c->hits;
		out->worker[i].not_sent = c->forward[FORWARD_TX_FULL];
		out->worker[i].loops = c->loops;
		out->worker[i].busy_loops = c->busy_loops;
		out->worker[i].busy_ns =
			(uint64_t)((__uint128_t)c->busy_cycles * 1000000000u / s->cycles_hz);
		out->worker[i].running_ns = running_ns;
	}
	threads_of(s->cpus, out);
	ports_workers(s->ports, out);
	for (uint32_t i = 0; i < out->ports; i++)
		stats_unopened(s->stats, i, &out->port[i].share);
}

static void counter(
	struct channel_signalling *out, const char *group, const char *name, uint64_t value)
{
	if (out->n == CHANNEL_COUNTERS_MAX)
		return;
	snprintf(out->counter[out->n].name, sizeof(out->counter[out->n].name), "%s%s%s", group,
		group[0] ? "." : "", name);
	out->counter[out->n++].value = value;
}

static void status_holdback(const struct status_sources *s, struct channel_signalling *out)
{
	struct packet_balance all = {0};

	(void)stats_snapshot(s->stats, true, &all);
	for (uint32_t i = 0; i < s->stats->n_workers; i++) {
		const struct worker_counters *c = stats_worker(s->stats, i);
		out->holdback_held += c->held;
		out->holdback_matched += c->held_matched;
		out->holdback_given_up += c->held_expired;
		out->holdback_full += c->held_full;
	}
}

void status_signalling(const struct status_sources *s, const struct builder *builder,
	struct channel_signalling *out)
{
	static const char *const protocols[SIGNALLING_PROTOCOLS] = {"pfcp", "gtpv2c", "radius"};
	struct session_counts c;
	struct bindings_counts b;

	*out = (struct channel_signalling){.followed = s->follower != NULL};
	if (!s->follower)
		return;
	follower_counts(s->follower, &c, &out->lost);
	builder_followed(builder, &b);
	status_holdback(s, out);
	out->since_ns = c.since_ns;
	out->sessions = c.sessions;
	out->partial = c.partial_now;
	out->nodes = c.nodes;
	out->octets = c.octets;
	out->tasks = b.tasks;
	out->waiting = b.waiting;
	out->unsure = b.unsure;
	out->rules = b.rules;
	out->measured = b.measured;
	out->p50_ns = b.p50_ns;
	out->p99_ns = b.p99_ns;
	out->most_ns = b.most_ns;
#define X(name) counter(out, "", #name, c.name);
	SESSION_COUNTS(X)
#undef X
	counter(out, "", "late_rules", b.late);
	counter(out, "", "quiet_tunnels", b.quiet);
	counter(out, "", "tunnels_elsewhere", b.elsewhere);
	for (int p = 0; p < SIGNALLING_PROTOCOLS; p++)
		for (int r = 0; r < SIGNALLING_REASON_COUNT; r++)
			counter(out, protocols[p],
				signalling_reason_name((enum signalling_reason)r), c.reason[p][r]);
}

int ledger_debounce(struct debounce *w, bool balanced)
{
	switch (debounce_look(w, balanced, WRONG_IN_A_ROW, RIGHT_IN_A_ROW)) {
	case DEBOUNCE_FAULT:
		return EVENT_LEDGER_FAULT;
	case DEBOUNCE_CLEAR:
		return EVENT_LEDGER_CLEAR;
	default:
		return 0;
	}
}
