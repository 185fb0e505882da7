// Periodic checks: deadlines, ports, the ledger, the match table, the clock.

#include "dataplane/builder/server_internal.h"

#include <stdio.h>

#include "shared/log.h"
#include "shared/now.h"

#define LINKS_MS 500
#define READY_MS 10	  // until the workers poll
#define RECONCILE_MS 5000 // between two scans through the tasks
#define SCAN_MS 10	  // between two parts of a scan
#define SCAN_TASKS 2048	  // of one part
#define TASK_EVENTS 64	  // of losses, per second
#define GENERATION_CHECKS 3u
#define SCAN_CHECKS 2u

static void port_changed(void *context, struct channel_event *e)
{
	e->time_ns = now_wall_ns();
	if (e->kind == EVENT_LINK_UP)
		log_kind(NOTICE, LINK_UP, "%s", e->text);
	else if (e->kind == EVENT_LINK_DOWN)
		log_kind(WARNING, LINK_DOWN, "%s", e->text);
	else if (e->kind == EVENT_PORT_DEAF)
		log_kind(WARNING, PORT_DEAF, "%s", e->text);
	else
		log_kind(WARNING, PORT_LOSS, "%s", e->text);
	server_event(context, e);
}

static void security(struct server *s, enum debounce_change change, const char *fault)
{
	if (change == DEBOUNCE_FAULT)
		server_event_text(s, EVENT_SECURITY_FAULT, fault);
	else if (change == DEBOUNCE_CLEAR && !s->generation.fault && !s->scan.fault)
		server_event_text(s, EVENT_SECURITY_CLEAR, TEXT_RIGHT);
}

// Writes the line of systemctl status. The number of tasks is not shown there.
static void report_alive(struct server *s)
{
	char state[128];

	snprintf(state, sizeof(state), "poi-control %s; the ledger %s%s",
		server_controller(s) ? "connected" : "away",
		s->ledger.fault ? "DIFFERS" : "balances",
		s->generation.fault || s->scan.fault ? "; MATCHING IS WRONG" : "");
	s->with.alive(s->with.context, state);
}

static void check_clock(struct server *s)
{
	clock_sync_read(&s->clock);
	bool bad = s->clock.known && !s->clock.synchronised, changed = bad != s->clock_bad;

	if (!changed && !s->clock_pending)
		return;
	s->clock_bad = bad;
	s->clock_pending = false;
	struct channel_event e = {
		.kind = bad ? EVENT_CLOCK_UNSURE : EVENT_CLOCK_SURE, .time_ns = now_wall_ns()};
	snprintf(e.text, sizeof(e.text), "%s",
		bad ? "the clock is not synchronised: the times of PDUs may be wrong"
		    : "the clock is synchronised again");
	if (changed)
		log_warning("%s", e.text);
	server_event(s, &e);
}

// Without tasks no packet in them is missed.
static void check_fragments(struct server *s)
{
	const struct stats *stats = s->with.sources.stats;
	uint64_t total = 0;

	for (uint32_t i = 0; i < stats->n_workers; i++)
		total += stats_worker(stats, i)->tunnels_lost;
	if (task_table_live_tasks(builder_task_table(s->with.builder)) == 0)
		s->fragments.seen = total;
	enum loss_change change =
		loss_debounce_look(&s->fragments, total, now_monotonic_ms(), true);
	if (change != LOSS_BEGINS && change != LOSS_OVER)
		return;
	struct channel_event e = {
		.kind = change == LOSS_BEGINS ? EVENT_FRAGMENTS_LOST : EVENT_FRAGMENTS_CLEAR,
		.copies = total - s->fragments.before,
		.time_ns = now_wall_ns()};
	snprintf(e.text, sizeof(e.text), "%s",
		change == LOSS_BEGINS ? TEXT_FRAGMENTS : TEXT_NO_FRAGMENTS);
	log_warning("%s (%llu datagrams)", e.text, (unsigned long long)e.copies);
	server_event(s, &e);
}

static void self_check(struct server *s)
{
	struct channel_status m = {0};
	uint64_t before = now_monotonic_ms();
	bool moved = status_collect(&s->with.sources, &m);
	int kind = ledger_debounce(&s->ledger, m.balanced);

	if (kind != 0)
		server_event_text(
			s, kind, kind == EVENT_LEDGER_FAULT ? TEXT_DIFFERS : TEXT_BALANCES);
	check_fragments(s);
	s->copies_lost = copy_balance_lost(&m.copies);
	s->task_events = TASK_EVENTS;
	if (moved) {
		// A commit waits for every worker, and none is under way: they must all be there.
		bool right = stats_generation_is(
			s->with.sources.stats, builder_generation(s->with.builder));
		security(s, debounce_look(&s->generation, right, GENERATION_CHECKS, 1),
			TEXT_OLD_TABLE);
		report_alive(s);
	}
	// With very many tasks the sums take long: never more than a tenth of the time.
	uint64_t took = now_monotonic_ms() - before;
	s->check_every_ms = took * 10 > CHECK_MS ? took * 10 : CHECK_MS;
}

static void task_losing(void *context, struct channel_event *e)
{
	struct server *s = context;

	e->time_ns = now_wall_ns();
	s->task_events--;
	server_event(s, e);
}

// Writes the counts that memory holds now for the next process, in case this one is killed.
static void count_held(struct server *s)
{
	struct last_known *l = s->with.last_known;
	const struct destination_entry *d =
		destination_entry_first(builder_task_table(s->with.builder));

	if (!l)
		return;
	last_known_begin(l);
	for (; d; d = destination_entry_next(d))
		last_known_put(
			l, &d->link.ne, &d->link.id, deliver_held(s->with.deliver, d->index));
	last_known_end(l, now_wall_ns());
}

static void losses(struct server *s, uint64_t now)
{
	const struct builder_losses l = {
		.copies_lost = s->copies_lost,
		.now_ms = now,
		.tasks = SCAN_TASKS,
		.events = s->task_events,
		.report = task_losing,
		.context = s,
	};

	if (now >= s->losses_ms)
		s->losses_ms = now + (builder_losses(s->with.builder, &l) ? CHECK_MS : SCAN_MS);
}

static void scan(struct server *s, uint64_t now)
{
	bool agrees;

	if (now < s->scan_ms)
		return;
	s->scan_ms = now + SCAN_MS;
	if (!builder_reconcile(s->with.builder, SCAN_TASKS, &agrees))
		return;
	s->scan_ms = now + RECONCILE_MS;
	security(s, debounce_look(&s->scan, agrees, SCAN_CHECKS, 1), TEXT_WRONG_TABLE);
}

// No value of a target is in it, and nothing of it goes into the log.
static void report_followed(struct server *s)
{
	static const uint8_t kinds[] = {[BOUND_WAITING] = EVENT_TASK_WAITING,
		[BOUND_UNSURE] = EVENT_TASK_UNSURE,
		[BOUND_UNSEEN] = EVENT_TASK_UNSEEN,
		[BOUND_FOLLOWED] = EVENT_TASK_FOLLOWED,
		[BOUND_ENDED] = EVENT_TASK_ENDED};
	const struct client *c = server_controller(s);
	struct bound_report r;

	// A new controller receives the present state of each, not events sent without a
	// controller.
	if (!c || !c->informed)
		return;
	while (builder_next_report(s->with.builder, now_wall_ns(), &r)) {
		struct channel_event e = {.kind = kinds[r.condition],
			.ne = r.ne,
			.id = r.xid,
			.copies = r.sessions,
			.time_ns = now_wall_ns()};
		server_event(s, &e);
	}
}

// Silence that is only reported, ahead of what it ends: an ADMF can pass both between two checks.
static void silences(struct server *s, uint64_t now)
{
	struct id16 ne;

	while (builder_silence(s->with.builder, now, &ne)) {
		struct channel_event e = {
			.kind = EVENT_ADMF_SILENT, .ne = ne, .time_ns = now_wall_ns()};
		snprintf(e.text, sizeof(e.text), "the ADMF was silent for TIME_P2");
		log_kind(WARNING, ADMF_LATE,
			"the ADMF of a network element was silent for TIME_P2: at TIME_P3 its "
			"tasks end");
		server_event(s, &e);
	}
}

static void fail_safes(struct server *s, uint64_t now)
{
	struct id16 ne;

	while (builder_fail_safe(s->with.builder, now, &ne)) {
		struct channel_event e = {
			.kind = EVENT_FAIL_SAFE, .ne = ne, .time_ns = now_wall_ns()};
		snprintf(e.text, sizeof(e.text), "the ADMF was silent until the fail-safe");
		log_kind(WARNING, FAIL_SAFE,
			"the ADMF of a network element was silent until the fail-safe: its tasks "
			"are stopped");
		server_event(s, &e);
	}
}

static void drain(struct server *s, uint64_t now)
{
	if (now < s->drain_ms)
		return;
	// A publication that found no memory is tried again.
	(void)builder_commit(s->with.builder);
	builder_watch(s->with.builder, now_wall_ns());
	s->drain_ms = now + (builder_drain(s->with.builder, SCAN_TASKS) ? SCAN_MS : LINKS_MS);
}

// As of the last snapshot, which is not older than a second or so.
static void hand_losses_on(struct server *s)
{
	for (uint32_t i = 0; i < ports_count(s->with.ports); i++)
		ports_handover_full(
			s->with.ports, i, stats_handover_full(s->with.sources.stats, i));
}

// A fresh snapshot of every worker shows that none is inside a port that ports_links marked before.
static void check_ports(struct server *s, uint64_t now)
{
	struct packet_balance unused = {0};
	char why[128];

	if (now < s->links_ms)
		return;
	ports_links(s->with.ports, port_changed, s);
	hand_losses_on(s);
	ports_losses(s->with.ports, now, port_changed, s);
	if (ports_lost(s->with.ports) && stats_snapshot(s->with.sources.stats, true, &unused))
		ports_release(s->with.ports);
	s->reopen = ports_reopen(s->with.ports, why, sizeof(why));
	if (s->reopen)
		log_kind(NOTICE, STOPPING, "restarting: %s", why);
	s->links_ms = now + LINKS_MS;
}

void server_check(struct server *s)
{
	uint64_t now = now_monotonic_ms();
	struct channel_event e;

	silences(s, now);
	fail_safes(s, now);
	drain(s, now);
	check_ports(s, now);
	if (!s->ready && stats_all_polling(s->with.sources.stats)) {
		s->ready = true;
		s->with.ready(s->with.context);
	}
	if (now >= s->check_ms) {
		self_check(s);
		count_held(s);
		check_clock(s);
		log_tick();
		builder_events_tick(s->with.builder, now_monotonic_ms(), s->complete);
		s->check_ms = now_monotonic_ms() + s->check_every_ms;
	}
	losses(s, now);
	scan(s, now);
	report_followed(s);
	while (deliver_next_event(s->with.deliver, &e))
		server_event(s, &e);
}

int server_wait_ms(const struct server *s)
{
	uint64_t now = now_monotonic_ms();
	uint64_t least = builder_next_deadline(s->with.builder, now);
	const uint64_t times[] = {s->links_ms, s->check_ms, s->drain_ms, s->losses_ms, s->scan_ms,
		s->ready ? UINT64_MAX : now + READY_MS};

	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		uint64_t left = times[i] > now ? times[i] - now : 0;
		if (left < least)
			least = left;
	}
	return (int)least;
}
