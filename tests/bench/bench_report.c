// Measures header reports: one worker on 64-octet frames (60 and FCS), all of one task, in 10,000
// flows; parse, match and capture, beside the same without reports. PDHR: an X2 PDU each. PDSR: a
// digest each by the worker, and apart from it what the reporter does with them (a summary every
// 100 packets of a flow). Draining is not timed. Best of the passes. Argument: passes (default
// 200).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/capture/capture.h"
#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#include "dataplane/report/report_flow.h"

#define FLOWS 10000u
#define FRAME 60u
#define BURSTS (FLOWS / PACKET_BURST) // whole ones
#define POOL (256u << 20)

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_report: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct bench {
	uint8_t *octets;
	struct port_traits port;
	const struct table *table;
	struct task_counters_worker *slots;
	struct report_ring *digests;
	struct capture *capture, *reporter;
	struct copy_ring *ring[2];
	uint32_t released[2];
	struct report_flows *flows;
	struct x2_task *task;
	uint64_t time_ns;
};

static void make_frames(struct bench *b)
{
	b->octets = calloc(FLOWS, FRAME);
	must(b->octets != NULL, "memory");
	for (uint32_t i = 0; i < FLOWS; i++) {
		uint8_t *f = b->octets + (size_t)i * FRAME;
		static const uint8_t head[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0,
			46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 45, 0, 2, 198, 51, 100, 80};
		memcpy(f, head, sizeof(head));
		wire_store16(f + 34, (uint16_t)(1024 + i));
		wire_store16(f + 36, 443);
		wire_store16(f + 38, 26);
	}
}

static const struct table *make_table(struct bench *b, uint8_t delivery, uint8_t report)
{
	static const uint64_t seed[2] = {1, 2};
	struct table_builder *builder = table_builder_new(seed);
	static const uint8_t address[] = {10, 45, 0, 2};
	struct rule r = {.delivery = delivery, .report = report, .n_destinations = 1};

	must(builder != NULL, "memory");
	if (report != REPORT_NONE)
		r.x2 = b->task;
	r.filter.kinds = FILTER_ADDRESS;
	r.filter.n_address = 1;
	r.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32};
	memcpy(r.filter.address[0].b, address, 4);
	must(table_put(builder, &r) == 0, "table");
	const struct table *t = table_commit(builder, 1); // kept until the process ends
	must(t != NULL, "table");
	return t;
}

static void sink(void *context, const struct x2_task *t, const struct xiri *x, uint64_t time_ns)
{
	capture_report(context, t, x, time_ns);
}

static struct capture *make_capture(struct bench *b, bool reporter, struct copy_ring **ring)
{
	struct capture_settings s = {.pool_octets = POOL,
		.n_deliver = 1,
		.slots = b->slots,
		.x2_only = reporter,
		.reports = reporter ? NULL : b->digests};
	struct copy_ring_settings rs = {.quota = POOL, .minor = 5};

	must(pdu_origin_make(&s.origin, "upf-1.example.org", "poi-1.0.0123456789abcdef") == 0, "");
	struct capture *c = capture_new(&s);
	must(c != NULL, "memory");
	*ring = copy_ring_new(c, &rs);
	must(*ring != NULL, "memory");
	capture_attach(c, 0, COPY_X2, *ring);
	return c;
}

static void make(struct bench *b)
{
	static const char xml[] = "<ipv4Address>10.45.0.2</ipv4Address>";
	struct report_flow_settings s = {
		.flows = 65536, .idle_ns = 30000000000, .seed = {7, 8}, .sink = sink};

	make_frames(b);
	b->slots = calloc(1, sizeof(*b->slots));
	b->slots->counters[0] = aligned_alloc(64, SLOT_CHUNK * sizeof(struct slot_counters));
	memset(b->slots->counters[0], 0, SLOT_CHUNK * sizeof(struct slot_counters));
	b->slots->sequence[0] = calloc(SLOT_CHUNK, sizeof(uint32_t));
	b->digests = report_ring_new(32768);
	b->capture = make_capture(b, false, &b->ring[0]);
	b->reporter = make_capture(b, true, &b->ring[1]);
	b->task = calloc(1, sizeof(*b->task) + sizeof(xml) + 4);
	b->task->n_destinations = 1;
	b->task->triggers.packets = 100;
	b->task->matched_length = sizeof(xml) - 1 + 4;
	wire_store16(b->task->matched, PDU_ATTR_MATCHED_TARGET);
	wire_store16(b->task->matched + 2, sizeof(xml) - 1);
	memcpy(b->task->matched + 4, xml, sizeof(xml) - 1);
	s.context = b->reporter;
	b->flows = report_flows_new(&s);
	must(b->flows != NULL, "memory");
	b->time_ns = 1767225600000000000u;
}

// Gives back what deliver would have sent.
static void drain(struct bench *b)
{
	for (int i = 0; i < 2; i++) {
		struct segment *s;
		struct copy_ring_counts n = {0};
		while ((s = copy_ring_segment(b->ring[i], b->released[i])) && s->closed) {
			copy_ring_release_segment(b->ring[i]);
			b->released[i]++;
		}
		copy_ring_counts(b->ring[i], &n);
		must(n.offered == n.pushed, "nothing is lost");
		copy_ring_release(b->ring[i], n.queued_octets, n.pushed - n.released);
	}
}

static double worker_pass(struct bench *b)
{
	struct packet_view views[PACKET_BURST];
	struct hit hits[256];
	void *mbufs[PACKET_BURST] = {0};
	double start = now();

	for (uint32_t k = 0; k < BURSTS; k++) {
		struct match_cursor cursor = {0};
		for (uint32_t i = 0; i < PACKET_BURST; i++) {
			views[i].data = b->octets + (size_t)(k * PACKET_BURST + i) * FRAME;
			views[i].length = views[i].total = FRAME;
		}
		parse_burst(&b->port, views, PACKET_BURST);
		do {
			unsigned n = match_burst(
				b->table, &b->port, views, PACKET_BURST, &cursor, hits, 256);
			capture_burst(b->capture, hits, n, views, mbufs, b->time_ns);
		} while (!cursor.done);
	}
	return now() - start;
}

static double reporter_pass(struct bench *b)
{
	struct moment m = {.mono_ns = b->time_ns, .real_ns = b->time_ns};
	double start = now();
	uint32_t tail = b->digests->tail, head = b->digests->head;

	for (; tail != head; tail++)
		must(report_flows_packet(b->flows, &b->digests->at[tail & b->digests->mask], &m) ==
				0,
			"");
	report_flows_tick(b->flows, &m);
	capture_publish(b->reporter);
	b->digests->tail = tail;
	return now() - start;
}

static void tell(const char *what, double seconds)
{
	double each = seconds * 1e9 / (BURSTS * PACKET_BURST);

	printf("%-44s %7.1f ns  %6.2f Mpps\n", what, each, 1e3 / each);
}

// Nanoseconds a packet of the worker.
static double run(struct bench *b, const char *what, uint8_t delivery, uint8_t report, int passes)
{
	double best = 1e9, reporter = 1e9;

	b->task->report = report;
	b->table = make_table(b, delivery, report);
	for (int i = 0; i < passes; i++) {
		b->time_ns += 1000000;
		double t = worker_pass(b);
		best = t < best ? t : best;
		if (report == REPORT_PDSR) {
			t = reporter_pass(b);
			reporter = i > 0 && t < reporter
					   ? t
					   : reporter; // the first one makes the flows
		}
		drain(b);
	}
	tell(what, best);
	double each = best * 1e9 / (BURSTS * PACKET_BURST);
	if (report != REPORT_PDSR)
		return each;
	must(report_flows_counts(b->flows).live == BURSTS * PACKET_BURST, "all flows are live");
	tell("  the reporter's thread, 10,000 live flows", reporter);
	return each;
}

static void goal(const char *what, double value, const char *unit, double low, double high)
{
	bool met = value >= low && value <= high;

	printf("%-44s %7.2f %-6s goal: %s %.1f, %s\n", what, value, unit,
		low > 0 ? "at least" : "at most", low > 0 ? low : high, met ? "met" : "NOT MET");
}

int main(int argc, char **argv)
{
	static struct bench b;
	int passes = argc > 1 ? atoi(argv[1]) : 200;

	must(passes > 1, "two passes at least");
	make(&b);
	double none = run(&b, "matched and counted, no report", DELIVERY_X2, REPORT_NONE, passes);
	double packets = run(&b, "PDHR, a worker", DELIVERY_X2, REPORT_PDHR, passes);
	double summaries = run(&b, "PDSR, a worker", DELIVERY_X2, REPORT_PDSR, passes);
	goal("PDHR on one worker", 1e3 / packets, "Mpps", 2, 1e9);
	goal("PDSR beside no report", none / summaries, "", 0.8, 1e9);
	goal("memory of a flow", (double)report_flow_octets(FLOWS), "octets", 0, 200);
	return 0;
}
