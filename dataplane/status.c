#include "dataplane/status.h"

#define ATTEMPTS 5	  // copies move while they are counted
#define WRONG_IN_A_ROW 5u // checks until a difference is a fault
#define RIGHT_IN_A_ROW 2u

static uint64_t accounted(const struct copy_balance *b)
{
	return b->acknowledged + b->in_doubt + b->queued + copy_balance_lost(b);
}

// The workers' count of what is owed is taken before and after delivery's count of where it is: the
// latter must lie between. At rest all three are equal.
static bool copies(const struct status_sources *s, struct copy_balance *out)
{
	struct slot_counters before, after;

	slots_totals(s->slots, &before);
	*out = (struct copy_balance){0};
	deliver_totals(s->deliver, out);
	slots_totals(s->slots, &after);
	out->matched = after.matched;
	out->offered = after.offered;
	return before.offered <= accounted(out) && accounted(out) <= after.offered;
}

bool status_collect(const struct status_sources *s, struct channel_status *out)
{
	bool fresh = stats_snapshot(s->stats, true, &out->packets);
	bool hold = false;

	for (int i = 0; i < ATTEMPTS && !hold; i++)
		hold = copies(s, &out->copies);
	out->balanced = fresh && hold && packet_balance_holds(&out->packets);
	out->workers = s->stats->n_workers;
	ports_status(s->ports, out);
	return fresh;
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
	ports_workers(s->ports, out);
}

int ledger_watch_check(struct watch *w, bool balanced)
{
	switch (watch_look(w, balanced, WRONG_IN_A_ROW, RIGHT_IN_A_ROW)) {
	case WATCH_FAULT:
		return EVENT_LEDGER_FAULT;
	case WATCH_CLEAR:
		return EVENT_LEDGER_CLEAR;
	default:
		return 0;
	}
}
