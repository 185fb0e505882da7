// Watches bound tunnels that have shown no packet: for long while other tunnels have, or while
// their TEID arrives at another address. Hints for operators; the tasks go on as they are.

#include "dataplane/follow/bindings_internal.h"

#include "shared/log.h"

#define LOOKED_AT 2048u // at most, each time
#define QUIET_NS 600000000000ull
#define CARRIED_NS 60000000000ull  // so long ago at most, tunnels had packets
#define ELSEWHERE_NS 5000000000ull // what is under way to a new tunnel has arrived
#define LOG_NS 60000000000ull

void bindings_quiet_watch(struct bindings *b, struct bound_rule *o)
{
	if (!b->counters || !b->patience.gap || o->binding.kind != BINDING_TUNNEL)
		return;
	o->watched = true;
	TAILQ_INSERT_TAIL(&b->no_packet, o, of_quiet);
}

void bindings_quiet_forget(struct bindings *b, struct bound_rule *o)
{
	if (o->watched)
		TAILQ_REMOVE(&b->no_packet, o, of_quiet);
	o->watched = false;
}

static bool may_log(struct bindings *b, uint64_t now_ns)
{
	if (b->quiet_logged_ns && now_ns < b->quiet_logged_ns + LOG_NS)
		return false;
	b->quiet_logged_ns = now_ns;
	return true;
}

static void look_elsewhere(
	struct bindings *b, struct bound_rule *o, uint64_t since_ns, uint64_t now_ns)
{
	const struct binding *by = &o->binding;

	if (o->elsewhere || now_ns < since_ns + ELSEWHERE_NS ||
		!signalling_gap_elsewhere(
			b->patience.gap, by->teid, by->prefix.family, by->prefix.b, since_ns))
		return;
	o->elsewhere = true;
	b->elsewhere++;
	if (may_log(b, now_ns))
		log_warning("signalling: a tunnel of a session has shown no packet, its TEID "
			    "arrives at "
			    "another address: if the gateway's address is translated, write "
			    "gtp-aliases of that port");
}

static void look_quiet(struct bindings *b, struct bound_rule *o, uint64_t since_ns, uint64_t now_ns)
{
	if (o->quiet || now_ns < since_ns + QUIET_NS ||
		signalling_gap_carried(b->patience.gap) + CARRIED_NS < now_ns)
		return;
	o->quiet = true;
	b->quiet++;
	if (may_log(b, now_ns))
		log_warning("signalling: a tunnel of a session has shown no packet for 10 minutes, "
			    "other tunnels have: its subscriber is idle, or no port sees it");
}

void bindings_quiet_tick(struct bindings *b, uint64_t now_ns)
{
	struct bound_rule *o, *last = TAILQ_LAST(&b->no_packet, bound_quiet);

	for (uint32_t n = 0; n < LOOKED_AT && (o = TAILQ_FIRST(&b->no_packet)); n++) {
		uint64_t since_ns = bindings_since(o->task, &o->binding);
		bool ends = o == last;
		bindings_quiet_forget(b, o);
		if (task_counters_bound_ns(b->counters, o->number) < since_ns) {
			look_elsewhere(b, o, since_ns, now_ns);
			look_quiet(b, o, since_ns, now_ns);
			bindings_quiet_watch(b, o);
		}
		if (ends)
			return;
	}
}
