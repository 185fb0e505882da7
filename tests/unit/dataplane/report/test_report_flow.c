#include "dataplane/report/report_flow.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "shared/pdu.h"

#define S 1000000000ull
#define REPORTS_MAX 200000

struct told {
	const struct x2_task *task;
	struct xiri x;
	uint64_t time_ns;
};

static struct told told[REPORTS_MAX];
static uint32_t n_told;
static struct report_flows *flows;
static struct moment now;
static struct x2_task task = {.version = 1, .slot = 7, .report = REPORT_PDSR};

static void sink(void *context, const struct x2_task *t, const struct xiri *x, uint64_t time_ns)
{
	cr_assert_eq(context, &told);
	cr_assert_lt(n_told, REPORTS_MAX);
	told[n_told++] = (struct told){t, *x, time_ns};
}

static void begin(uint32_t limit, struct channel_triggers triggers)
{
	struct report_flow_settings s = {.flows = limit,
		.idle_ns = 30 * S,
		.seed = {42, 43},
		.sink = sink,
		.context = &told};

	flows = report_flows_new(&s);
	cr_assert_not_null(flows);
	now = (struct moment){.mono_ns = 100 * S, .real_ns = 1700000000 * S};
	task.triggers = triggers;
}

static void end(void)
{
	report_flows_free(flows);
}

TestSuite(report_flow, .fini = end);

static void pass(uint64_t ns)
{
	now.mono_ns += ns;
	now.real_ns += ns;
	report_flows_tick(flows, &now);
}

static struct header_digest digest(uint16_t sport, uint16_t size)
{
	return (struct header_digest){.task = &task,
		.facts = {.address = {10, 0, 0, 1, 10, 0, 0, 2},
			.sport = sport,
			.dport = 443,
			.size = size,
			.family = 4,
			.protocol = 6,
			.direction = PDU_DIRECTION_FROM_TARGET,
			.flags = HEADER_PORTS}};
}

static void packet(struct header_digest d)
{
	d.time_ns = now.real_ns;
	cr_assert_eq(report_flows_packet(flows, &d, &now), 0);
}

static void expect(uint32_t i, enum summary_trigger why, uint64_t packets, uint64_t bytes)
{
	cr_assert_lt(i, n_told, "report %u is missing", i);
	cr_expect_eq(told[i].x.trigger, why, "report %u: %u", i, told[i].x.trigger);
	cr_expect_eq(told[i].x.packets, packets, "report %u: %lu", i, told[i].x.packets);
	cr_expect_eq(told[i].x.bytes, bytes, "report %u: %lu", i, told[i].x.bytes);
}

Test(report_flow, start_packets_and_idle_end)
{
	begin(16, (struct channel_triggers){.packets = 3});
	for (int i = 0; i < 8; i++)
		packet(digest(1, 100));
	expect(0, SUMMARY_START, 1, 100);
	expect(1, SUMMARY_PACKETS, 3, 300);
	expect(2, SUMMARY_PACKETS, 3, 300);
	cr_expect_eq(told[2].x.facts.sport, 1);
	cr_expect(!told[2].x.session);
	cr_assert_eq(n_told, 3);
	pass(30 * S - 1);
	cr_assert_eq(n_told, 3);
	pass(1);
	expect(3, SUMMARY_END, 1, 100);
	cr_expect_eq(told[3].time_ns, now.real_ns);
	cr_expect_eq(told[3].x.last_ns, now.real_ns - 30 * S);
	cr_expect_eq(report_flows_counts(flows).live, 0);
	packet(digest(1, 50));
	expect(4, SUMMARY_START, 1, 50);
}

Test(report_flow, a_packet_puts_the_idle_end_off)
{
	begin(16, (struct channel_triggers){.packets = 100});
	for (int i = 0; i < 5; i++) {
		packet(digest(1, 10));
		pass(29 * S);
	}
	cr_assert_eq(n_told, 1);
	pass(S);
	expect(1, SUMMARY_END, 4, 40);
}

Test(report_flow, bytes_and_packets_together)
{
	begin(16, (struct channel_triggers){.packets = 4, .bytes = 1000});
	packet(digest(1, 10));
	packet(digest(1, 999));
	packet(digest(1, 1));
	expect(1, SUMMARY_BYTES, 2, 1000);
	for (int i = 0; i < 4; i++)
		packet(digest(1, 1));
	expect(2, SUMMARY_PACKETS, 4, 4);
}

Test(report_flow, timer_of_each_flow)
{
	begin(16, (struct channel_triggers){.timer_s = 10});
	packet(digest(1, 10));
	pass(4 * S);
	packet(digest(2, 20));
	packet(digest(1, 11));
	pass(6 * S);
	cr_assert_eq(n_told, 3);
	expect(2, SUMMARY_TIMER, 1, 11);
	pass(4 * S);
	cr_assert_eq(n_told, 4);
	expect(3, SUMMARY_TIMER, 0, 0);
	cr_expect_eq(told[3].x.facts.sport, 2);
	cr_expect_eq(told[3].x.first_ns, now.real_ns - 10 * S, "that of the last packet");
	cr_expect_eq(told[3].x.last_ns, now.real_ns - 10 * S);
	pass(6 * S);
	cr_assert_eq(n_told, 5);
}

Test(report_flow, session_triggers_report_every_open_flow)
{
	begin(16, (struct channel_triggers){.packets = 5, .timer_s = 10, .session = 1});
	packet(digest(1, 10));
	packet(digest(2, 20));
	packet(digest(1, 11));
	packet(digest(1, 12));
	cr_assert_eq(n_told, 2);
	packet(digest(2, 21));
	cr_assert_eq(n_told, 4);
	uint32_t first = told[2].x.facts.sport == 1 ? 2 : 3;
	expect(first, SUMMARY_PACKETS, 2, 23);
	expect(first ^ 1, SUMMARY_PACKETS, 1, 21);
	cr_expect(told[2].x.session && told[3].x.session);
	cr_expect(!told[0].x.session);
	packet(digest(2, 22));
	pass(10 * S);
	cr_assert_eq(n_told, 6);
	cr_expect_eq(told[4].x.trigger, SUMMARY_TIMER);
	cr_expect_eq(told[4].x.packets + told[5].x.packets, 1);
	pass(10 * S);
	cr_assert_eq(n_told, 8, "one timer for the session, not one for each flow");
}

// Only a trigger's report of a flow without a packet is left out: its start and its end never.
Test(report_flow, a_task_may_leave_out_flows_without_packets)
{
	begin(16, (struct channel_triggers){.timer_s = 10, .session = 1, .skip_empty = 1});
	packet(digest(1, 10));
	packet(digest(2, 20));
	cr_assert_eq(n_told, 2);
	packet(digest(2, 22));
	pass(10 * S);
	cr_assert_eq(n_told, 3);
	expect(2, SUMMARY_TIMER, 1, 22);
	cr_expect_eq(told[2].x.facts.sport, 2);
	pass(10 * S);
	cr_assert_eq(n_told, 3);
	report_flows_end(flows, &now);
	cr_assert_eq(n_told, 5);
	expect(3, SUMMARY_END, 0, 0);
	expect(4, SUMMARY_END, 0, 0);
}

Test(report_flow, a_timer_of_each_flow_may_leave_it_out)
{
	begin(16, (struct channel_triggers){.timer_s = 10, .skip_empty = 1});
	packet(digest(1, 10));
	pass(10 * S);
	cr_assert_eq(n_told, 1);
	packet(digest(1, 11));
	pass(10 * S);
	cr_assert_eq(n_told, 2);
	expect(1, SUMMARY_TIMER, 1, 11);
}

static struct header_digest answer(uint16_t dport, uint16_t size)
{
	struct header_digest d = digest(443, size);

	memcpy(d.facts.address, (uint8_t[]){10, 0, 0, 2, 10, 0, 0, 1}, 8);
	d.facts.dport = dport;
	d.facts.direction = PDU_DIRECTION_TO_TARGET;
	return d;
}

static struct header_digest with(struct header_digest d, uint8_t tcp)
{
	d.facts.tcp = tcp;
	return d;
}

Test(report_flow, fin_from_both_sides_ends_both_directions)
{
	begin(16, (struct channel_triggers){.packets = 100});
	packet(with(digest(1, 40), TCP_SYN));
	packet(with(answer(1, 40), TCP_SYN));
	packet(with(digest(1, 40), TCP_FIN));
	pass(5 * S);
	cr_assert_eq(n_told, 2, "half closed: still open");
	packet(with(answer(1, 40), TCP_FIN));
	packet(digest(1, 40)); // the last acknowledgement belongs to it
	pass(S);
	cr_assert_eq(n_told, 4);
	uint32_t own = told[2].x.facts.direction == PDU_DIRECTION_FROM_TARGET ? 2 : 3;
	expect(own, SUMMARY_END, 2, 80);
	expect(own ^ 1, SUMMARY_END, 1, 40);
}

Test(report_flow, reset_ends_it_and_a_new_connection_is_a_new_flow)
{
	begin(16, (struct channel_triggers){.packets = 100});
	packet(with(digest(1, 40), TCP_SYN));
	packet(answer(1, 40));
	packet(with(answer(1, 41), TCP_RST));
	packet(with(digest(1, 42), TCP_SYN)); // at once, the same ports
	expect(2, SUMMARY_END, 0, 0);
	expect(3, SUMMARY_START, 1, 42);
	cr_assert_eq(n_told, 4);
	pass(S);
	cr_assert_eq(n_told, 5);
	expect(4, SUMMARY_END, 1, 41);
}

Test(report_flow, directions_ports_and_tasks_are_flows_of_their_own)
{
	struct x2_task other = task;
	struct header_digest d = digest(1, 10);

	begin(16, (struct channel_triggers){.packets = 100});
	other.slot = 8;
	other.triggers = task.triggers;
	packet(d);
	packet(answer(1, 10));
	d.facts.flags = 0; // a later fragment
	d.facts.sport = d.facts.dport = 0;
	packet(d);
	d = digest(1, 10);
	d.task = &other;
	packet(d);
	cr_assert_eq(n_told, 4);
	for (uint32_t i = 0; i < 4; i++)
		expect(i, SUMMARY_START, 1, 10);
	report_flows_leave(flows, &task, NULL, &now);
	cr_assert_eq(n_told, 7);
	cr_expect_eq(report_flows_counts(flows).live, 1, "the other task's");
}

// A task that follows sessions has a context of each, and its packets do not mix.
Test(report_flow, contexts_of_one_task_are_apart)
{
	struct x2_task other = task, next = task;
	struct header_digest d = digest(1, 10);

	begin(16, (struct channel_triggers){.packets = 2, .session = 1});
	other.context = 8;
	other.triggers = next.triggers = task.triggers;
	next.version = 2;
	packet(d);
	d.task = &other;
	packet(d);
	cr_assert_eq(n_told, 2);
	expect(0, SUMMARY_START, 1, 10);
	expect(1, SUMMARY_START, 1, 10);
	cr_expect(told[0].task == &task && told[1].task == &other);
	packet(d);
	cr_assert_eq(n_told, 3);
	expect(2, SUMMARY_PACKETS, 1, 10);
	cr_expect_eq(told[2].task, &other, "each counts its own");
	report_flows_leave(flows, &other, NULL, &now);
	cr_assert_eq(n_told, 4);
	cr_expect_eq(report_flows_counts(flows).live, 1);
	next.context = 9;
	report_flows_leave(flows, &task, &next, &now);
	cr_expect_eq(n_told, 5, "numbers of another context are another's");
}

Test(report_flow, leaving_ends_now_and_a_successor_goes_on)
{
	struct x2_task next = task;

	begin(16, (struct channel_triggers){.packets = 100});
	next.version = 2;
	next.triggers = (struct channel_triggers){.timer_s = 5};
	packet(digest(1, 10));
	packet(digest(1, 11));
	report_flows_leave(flows, &task, &next, &now);
	cr_assert_eq(n_told, 1);
	pass(5 * S);
	expect(1, SUMMARY_TIMER, 1, 11);
	cr_expect_eq(told[1].task, &next);
	struct header_digest d = digest(1, 12);
	d.task = &next;
	packet(d);
	pass(S);
	report_flows_leave(flows, &next, NULL, &now);
	expect(2, SUMMARY_END, 1, 12);
	cr_expect_eq(told[2].time_ns, now.real_ns);
	pass(100 * S);
	cr_assert_eq(n_told, 3);
}

Test(report_flow, a_successor_may_be_heard_before_the_old_one_has_left)
{
	struct x2_task next = task;
	struct header_digest d = digest(1, 10);

	begin(16, (struct channel_triggers){.packets = 100});
	next.version = 2;
	next.triggers.packets = 2;
	packet(d);
	d.task = &next;
	packet(d);
	packet(digest(1, 11)); // another worker's, still with the old table
	expect(1, SUMMARY_PACKETS, 2, 21);
	cr_expect_eq(told[1].task, &next);
	report_flows_leave(flows, &task, &next, &now);
	report_flows_end(flows, &now);
	cr_expect_eq(told[n_told - 1].task, &next);
}

Test(report_flow, a_full_table_ends_the_one_idle_longest)
{
	begin(4, (struct channel_triggers){.packets = 100});
	for (uint16_t p = 1; p <= 4; p++) {
		packet(digest(p, p));
		pass(S);
	}
	packet(digest(1, 9)); // now 2 is
	packet(digest(5, 5));
	expect(4, SUMMARY_END, 0, 0);
	cr_expect_eq(told[4].x.facts.sport, 2);
	expect(5, SUMMARY_START, 1, 5);
	cr_expect_eq(report_flows_counts(flows).evicted, 1);
	cr_expect_eq(report_flows_counts(flows).live, 4);
	pass(100 * S);
	cr_expect_eq(report_flows_counts(flows).live, 0);
}

Test(report_flow, times_of_the_first_and_the_last_packet)
{
	struct header_digest d = digest(1, 10);

	begin(16, (struct channel_triggers){.packets = 2});
	packet(d);
	d.time_ns = 5000002999;
	cr_assert_eq(report_flows_packet(flows, &d, &now), 0);
	d.time_ns = 4000001999; // read later, seen earlier
	cr_assert_eq(report_flows_packet(flows, &d, &now), 0);
	cr_expect_eq(told[1].x.first_ns, 4000001000);
	cr_expect_eq(told[1].x.last_ns, 5000002000);
}

// --- random packets, triggers and times: the sum over the reports is what was put in ---

#define TASKS 3
#define VERSIONS 5 // of each task
#define KEYS 24

struct sums {
	uint64_t packets, bytes;
};

static uint32_t key_of(const struct header_facts *f)
{
	return f->direction == PDU_DIRECTION_FROM_TARGET ? f->sport : KEYS + f->dport;
}

static struct channel_triggers random_triggers(void)
{
	return (struct channel_triggers){.timer_s = rand() % 2 ? (uint32_t)rand() % 40 : 0,
		.packets = rand() % 2 ? (uint64_t)rand() % 20 : 0,
		.bytes = rand() % 2 ? (uint64_t)rand() % 9000 : 0,
		.session = rand() % 2};
}

static void check_reports(struct sums put[TASKS][2 * KEYS])
{
	bool open[TASKS][2 * KEYS] = {0};
	const struct x2_task *last[TASKS][2 * KEYS] = {0};

	for (uint32_t i = 0; i < n_told; i++) {
		const struct xiri *x = &told[i].x;
		uint32_t t = told[i].task->slot, k = key_of(&x->facts);
		cr_assert_eq(x->trigger == SUMMARY_START, !open[t][k], "report %u", i);
		open[t][k] = x->trigger != SUMMARY_END;
		cr_assert_leq(x->first_ns, x->last_ns);
		put[t][k].packets -= x->packets;
		put[t][k].bytes -= x->bytes;
		const struct channel_triggers *g = &told[i].task->triggers;
		// The count of a former version may already be beyond the trigger.
		if (!g->session && g->packets > 1 && last[t][k] == told[i].task)
			cr_assert_leq(x->packets, g->packets, "report %u", i);
		last[t][k] = told[i].task;
	}
	for (int t = 0; t < TASKS; t++)
		for (int k = 0; k < 2 * KEYS; k++) {
			cr_assert_eq(put[t][k].packets, 0, "task %d flow %d", t, k);
			cr_assert_eq(put[t][k].bytes, 0);
			cr_assert(!open[t][k]);
		}
}

Test(report_flow, sums_are_exact)
{
	begin(1, (struct channel_triggers){0});
	for (unsigned seed = 1; seed <= 400; seed++) {
		struct x2_task tasks[TASKS][VERSIONS];
		uint32_t version[TASKS] = {0};
		struct sums put[TASKS][2 * KEYS] = {0};
		srand(seed);
		report_flows_free(flows);
		n_told = 0;
		begin(1 + (uint32_t)rand() % (3 * KEYS), (struct channel_triggers){0});
		for (uint32_t t = 0; t < TASKS; t++)
			for (uint32_t v = 0; v < VERSIONS; v++)
				tasks[t][v] = (struct x2_task){.version = t + v * TASKS,
					.slot = t,
					.report = REPORT_PDSR,
					.triggers = random_triggers()};
		for (int i = 0; i < 1500; i++) {
			uint32_t t = (uint32_t)rand() % TASKS;
			uint16_t port = (uint16_t)(rand() % KEYS), size = (uint16_t)rand();
			struct header_digest d =
				rand() % 2 ? digest(port, size) : answer(port, size);
			static const uint8_t flags[] = {0, 0, 0, 0, TCP_SYN, TCP_FIN, TCP_RST};
			d.task = &tasks[t][version[t]];
			d.facts.tcp = flags[(uint32_t)rand() % 7];
			put[t][key_of(&d.facts)].packets++;
			put[t][key_of(&d.facts)].bytes += size;
			packet(d);
			if (rand() % 8 == 0)
				pass((uint64_t)rand() % (12 * S));
			if (rand() % 500 == 0) // it ends, and comes again
				report_flows_leave(flows, &tasks[t][version[t]], NULL, &now);
			if (rand() % 100 == 0 && version[t] + 1 < VERSIONS) { // is modified
				report_flows_leave(flows, &tasks[t][version[t]],
					&tasks[t][version[t] + 1], &now);
				version[t]++;
			}
		}
		report_flows_end(flows, &now);
		cr_assert_eq(report_flows_counts(flows).live, 0);
		cr_assert_eq(report_flows_counts(flows).started, report_flows_counts(flows).ended);
		check_reports(put);
	}
}
