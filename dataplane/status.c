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
