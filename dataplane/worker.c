#include "dataplane/worker.h"

#include <string.h>
#include <time.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/match.h"
#include "dataplane/parse.h"

#define HITS_MAX 256
#define IDLE_LOOPS 256 // empty loops before an idle worker may sleep

static void views_of(struct rte_mbuf *const *mbufs, struct packet_view *views, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], const void *));
	for (unsigned i = 0; i < n; i++) {
		views[i].data = rte_pktmbuf_mtod(mbufs[i], const uint8_t *);
		views[i].length = rte_pktmbuf_data_len(mbufs[i]);
		views[i].total = rte_pktmbuf_pkt_len(mbufs[i]);
	}
}

static void count(struct worker_counters *c, const struct packet_view *views, unsigned n)
{
	c->received += n;
	// An outcome without a name is left out, so that the ledger's self-check shows it.
	for (unsigned i = 0; i < n; i++)
		if (__builtin_expect(views[i].outcome < PACKET_OUTCOME_COUNT, 1))
			c->outcome[views[i].outcome]++;
}

// Every frame goes out of the peer, whatever became of it here. What the peer does not take is
// freed and counted; waiting would hold up the other direction.
static void forward(
	const struct lane *l, struct worker_counters *c, struct rte_mbuf **mbufs, uint16_t n)
{
	bool lost = atomic_load_explicit(&l->tx_lost, memory_order_relaxed);
	uint16_t sent = lost ? 0 : rte_eth_tx_burst(l->tx_port, l->tx_queue, mbufs, n);

	if (sent < n && !lost)
		sent += rte_eth_tx_burst(l->tx_port, l->tx_queue, mbufs + sent, n - sent);
	c->forward[FORWARD_SENT] += sent;
	c->forward[FORWARD_TX_FULL] += n - sent;
	if (sent < n)
		rte_pktmbuf_free_bulk(mbufs + sent, n - sent);
}

static struct worker_scene scene_of(struct worker *w, const struct table *t, uint64_t now_ns)
{
	return (struct worker_scene){.table = t,
		.capture = w->capture,
		.counters = &w->counters->now,
		.now_ns = now_ns,
		.tap = w->tap,
		.early = w->early};
}

static unsigned lane_poll(struct worker *w, const struct lane *l, const struct table *t)
{
	struct rte_mbuf *mbufs[PACKET_BURST];
	struct packet_view views[PACKET_BURST];
	struct hit hits[HITS_MAX];
	struct match_cursor cursor = {0};
	if (__builtin_expect(atomic_load_explicit(&l->lost, memory_order_relaxed), 0))
		return 0;
	uint16_t n = rte_eth_rx_burst(l->port, l->queue, mbufs, PACKET_BURST);

	if (n == 0)
		return 0;
	uint64_t cycles = rte_rdtsc();
	uint64_t now = clock_forward(w->clock, cycles, &w->last_ns);
	if (w->busy_from == 0)
		w->busy_from = cycles;
	views_of(mbufs, views, n);
	uint32_t fragments = parse_burst(&l->traits, views, n), tapped = 0;
	if (__builtin_expect(fragments != 0, 0)) {
		const struct worker_scene scene = scene_of(w, t, now);
		tapped = worker_fragments_burst(
			w->fragments, (uint32_t)(l - w->lanes), &scene, views, mbufs, fragments);
	}
	if (__builtin_expect(l->signalling.protocols != 0, 0))
		signalling_tap_burst(w->tap, &l->signalling, views + tapped,
			(void *const *)mbufs + tapped, n - tapped, now);
	count(&w->counters->now, views, n);
	struct early_taken taken[PACKET_BURST];
	bool hold = w->early && l->traits.tunnel == CONFIG_TUNNEL_GTPU &&
		    worker_early_open(w->early, t, now);
	if (__builtin_expect(hold, 0))
		memset(taken, 0, n * sizeof(taken[0]));
	do {
		unsigned found = match_burst(t, &l->traits, views, n, &cursor, hits, HITS_MAX);
		w->counters->now.hits += found;
		if (found > 0) {
			capture_burst(w->capture, hits, found, views, (void *const *)mbufs, now);
			if (__builtin_expect(hold, 0))
				early_note(taken, hits, found);
		}
	} while (!cursor.done);
	if (__builtin_expect(hold, 0)) {
		const struct worker_scene scene = scene_of(w, t, now);
		const struct early_burst b = {.lane = (uint32_t)(l - w->lanes),
			.n = n,
			.views = views,
			.mbufs = mbufs,
			.taken = taken};
		worker_early_hold(w->early, &scene, &b);
	}
	if (l->forward)
		forward(l, &w->counters->now, mbufs, n);
	else
		rte_pktmbuf_free_bulk(mbufs, n);
	return n;
}

// Fragments that wait for others, and packets that wait for a session, do not wait for ever.
static void tend(struct worker *w, const struct table *t, bool all)
{
	bool fragments = worker_fragments_waiting(w->fragments);
	bool early = w->early && worker_early_waiting(w->early);

	if (__builtin_expect(!fragments && !early, 1))
		return;
	const struct worker_scene scene =
		scene_of(w, t, clock_forward(w->clock, rte_rdtsc(), &w->last_ns));
	if (fragments)
		worker_fragments_tend(w->fragments, &scene, all);
	if (early)
		worker_early_tend(w->early, &scene, all);
}

// Packets that were held have earlier times, and so get lower numbers, than what is received now.
static void catch_up(struct worker *w, const struct table *t)
{
	if (__builtin_expect(!w->early || !worker_early_behind(w->early, t), 1))
		return;
	const struct worker_scene scene =
		scene_of(w, t, clock_forward(w->clock, rte_rdtsc(), &w->last_ns));
	worker_early_tend(w->early, &scene, false);
}

// One more reading of the cycle counter, and only where there were packets: idle polling is not
// work.
static void count_loop(struct worker *w, bool busy)
{
	struct worker_counters *c = &w->counters->now;

	c->loops++;
	if (!busy)
		return;
	c->busy_loops++;
	c->busy_cycles += rte_rdtsc() - w->busy_from;
	w->busy_from = 0;
}

// The one system call of a worker, only when configured and never while packets come in.
static void doze(struct worker *w)
{
	const struct timespec pause = {
		.tv_sec = w->idle_sleep_us / 1000000,
		.tv_nsec = (long)(w->idle_sleep_us % 1000000) * 1000,
	};

	live_offline(w->live);
	nanosleep(&pause, NULL);
	live_online(w->live);
}

int worker_run(void *argument)
{
	struct worker *w = argument;
	unsigned empty = 0;

	live_reader_enter(w->live);
	while (!atomic_load_explicit(w->stop, memory_order_relaxed)) {
		// The table holds until the quiescent state below. A burst's time is taken after
		// this load: a packet with a time later than a publication's end has seen that
		// publication.
		const struct table *t = live_table(w->live);
		unsigned found = 0;
		catch_up(w, t);
		for (uint32_t i = 0; i < w->n_lanes; i++)
			found += lane_poll(w, &w->lanes[i], t);
		tend(w, t, false);
		count_loop(w, found > 0);
		live_quiescent(w->live);
		stats_answer(w->stats, w->counters);
		atomic_store_explicit(&w->counters->polling, 1, memory_order_release);
		empty = found ? 0 : empty + 1;
		if (__builtin_expect(w->idle_sleep_us > 0 && empty >= IDLE_LOOPS, 0))
			doze(w);
	}
	tend(w, live_table(w->live), true);
	live_quiescent(w->live);
	stats_answer(w->stats, w->counters);
	live_reader_leave(w->live);
	return 0;
}
