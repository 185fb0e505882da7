// The loop of a core: polls its lanes, and passes a quiescent state once an iteration.

#include "dataplane/worker/worker.h"

#include <string.h>
#include <time.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/packet/parse.h"

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
		.holdback = w->holdback};
}

struct burst { // of one lane
	const struct lane *lane;
	const struct table *table;
	struct packet_view *views;
	struct rte_mbuf **mbufs;
	unsigned n;
	uint64_t now_ns;
	const uint64_t *received_ns; // by packet; NULL: now
};

// Removes hits of rules that are younger than the packet, which was handed over: the tunnel may
// have been another session's when the packet was received.
static unsigned of_their_time(const uint64_t *received_ns, struct hit *hits, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct rule *r = hits[i].rule;
		if (r->binding && !r->alternative && r->from_ns > received_ns[hits[i].packet])
			continue;
		hits[kept++] = hits[i];
	}
	return kept;
}

static unsigned keep_timely(void *context, struct hit *hits, unsigned n)
{
	const uint64_t *const *received_ns = context;

	return of_their_time(*received_ns, hits, n);
}

static inline struct capture_batch batch_of(struct burst *b)
{
	return (struct capture_batch){.table = b->table,
		.port = &b->lane->traits,
		.views = b->views,
		.mbufs = (void *const *)b->mbufs,
		.n = b->n,
		.time_ns = b->now_ns,
		.keep = b->received_ns ? keep_timely : NULL,
		.context = &b->received_ns};
}

static inline void match_plain(struct worker *w, struct burst *b)
{
	const struct capture_batch batch = batch_of(b);

	count(&w->counters->now, b->views, b->n);
	w->counters->now.hits += capture_matches(w->capture, &batch);
}

struct noting {
	struct holdback_taken *taken;
	const uint64_t *received_ns;
};

static unsigned note_all(void *context, struct hit *hits, unsigned n)
{
	const struct noting *to = context;

	if (to->received_ns)
		n = of_their_time(to->received_ns, hits, n);
	holdback_note(to->taken, hits, n);
	return n;
}

// As any burst, but its packets are kept for sessions about to be bound.
static void match_and_hold(struct worker *w, const struct worker_scene *scene, struct burst *b)
{
	struct holdback_taken taken[PACKET_BURST];
	const struct holdback_burst held = {.lane = (uint32_t)(b->lane - w->lanes),
		.n = b->n,
		.views = b->views,
		.mbufs = b->mbufs,
		.taken = taken,
		.received_ns = b->received_ns};
	struct noting noting = {taken, b->received_ns};
	struct capture_batch batch = batch_of(b);

	memset(taken, 0, b->n * sizeof(taken[0]));
	batch.keep = note_all;
	batch.context = &noting;
	count(&w->counters->now, b->views, b->n);
	w->counters->now.hits += capture_matches(w->capture, &batch);
	holdback_hold(w->holdback, scene, &held);
}

static inline bool is_rare(const struct worker *w, const struct lane *l, uint32_t fragments)
{
	return fragments != 0 || l->signalling.protocols != 0 ||
	       (w->holdback && l->traits.tunnel == CONFIG_TUNNEL_GTPU);
}

// Everything rare between parsing and capturing: fragments, signalling, packets that are held.
static __attribute__((noinline)) void match_rare(
	struct worker *w, struct burst *b, uint32_t fragments)
{
	const struct lane *l = b->lane;
	const struct worker_scene scene = scene_of(w, b->table, b->now_ns);
	uint32_t tapped = 0;

	if (fragments != 0)
		tapped = worker_fragments_burst(w->fragments, (uint32_t)(l - w->lanes), &scene,
			b->views, b->mbufs, fragments);
	if (l->signalling.protocols != 0)
		signalling_tap_burst(w->tap, &l->signalling, b->views + tapped,
			(void *const *)b->mbufs + tapped, b->n - tapped, b->now_ns);
	if (w->holdback && l->traits.tunnel == CONFIG_TUNNEL_GTPU &&
		holdback_open(w->holdback, b->table, b->now_ns))
		match_and_hold(w, &scene, b);
	else
		match_plain(w, b);
}

// The time of a burst; the loop's work begins with its first one.
static inline uint64_t burst_time(struct worker *w)
{
	uint64_t cycles = rte_rdtsc();

	if (w->busy_from == 0)
		w->busy_from = cycles;
	return clock_forward(w->clock, cycles, &w->last_ns);
}

#define SAMPLE_BURSTS 16u // of full bursts one in so many gives a frame to the sample

static void count_unopened(struct unopened_sample *u, uint32_t what)
{
	unsigned rarest = 0;

	u->sampled++;
	if (what == 0)
		return;
	u->unopened++;
	u->wrapped += what != UNOPENED(UNOPENED_PROTOCOL, 50); // ESP is users'
	for (unsigned i = 0; i < UNOPENED_SLOTS; i++) {
		if (u->slot[i].what == what) {
			u->slot[i].frames++;
			return;
		}
		if (u->slot[i].frames < u->slot[rarest].frames)
			rarest = i;
	}
	u->slot[rarest].what = what;
	u->slot[rarest].frames++;
}

// Looks at one frame of some bursts again, for what the port does not open and where its tunnel
// goes: all bursts of a worker that has time, few of one that has none.
static __attribute__((noinline)) void sample(const struct worker *w, const struct lane *l,
	const struct packet_view *views, unsigned n, uint64_t now_ns)
{
	struct worker_counters *c = &w->counters->now;
	const struct packet_view *v = &views[c->bursts % n];

	count_unopened(&c->sample[l->place], parse_unopened(&l->traits, v));
	if (w->holdback)
		holdback_sample(w->holdback, &l->traits, v, now_ns);
}

static inline bool is_sampled(struct worker_counters *c, unsigned n)
{
	return ++c->bursts % SAMPLE_BURSTS == 0 || n < PACKET_BURST;
}

// Parsed, counted, matched and captured.
static inline __attribute__((always_inline)) void look_into(struct worker *w, struct burst *b)
{
	const struct lane *l = b->lane;

	views_of(b->mbufs, b->views, b->n);
	uint32_t fragments = parse_burst(&l->traits, b->views, b->n);
	if (is_sampled(&w->counters->now, b->n))
		sample(w, l, b->views, b->n, b->now_ns);
	if (__builtin_expect(is_rare(w, l, fragments), 0))
		match_rare(w, b, fragments);
	else
		match_plain(w, b);
}

// Gives others what belongs to them of a lane that spreads. Behind the signalling of the burst, so
// that their windows are open for what follows it; else at once, so that they work meanwhile.
static __attribute__((noinline)) void share(struct worker *w, struct burst *b)
{
	const struct lane *l = b->lane;

	b->n = handover_burst(w->handover, l, (uint32_t)(l - w->lanes), b->mbufs, (uint16_t)b->n,
		b->now_ns, &w->counters->now);
	if (l->signalling.protocols == 0)
		handover_publish(w->handover);
	if (b->n > 0)
		look_into(w, b);
	handover_publish(w->handover);
	rte_pktmbuf_free_bulk(b->mbufs, b->n);
}

// The way of a packet on this core: received, looked into, and forwarded or freed; or handed over
// to another.
static unsigned lane_poll(struct worker *w, const struct lane *l, const struct table *t)
{
	struct rte_mbuf *mbufs[PACKET_BURST];
	struct packet_view views[PACKET_BURST];

	if (__builtin_expect(atomic_load_explicit(&l->lost, memory_order_relaxed), 0))
		return 0;
	uint16_t n = rte_eth_rx_burst(l->port, l->queue, mbufs, PACKET_BURST);

	if (n == 0)
		return 0;
	uint64_t now = burst_time(w);
	struct burst b = {l, t, views, mbufs, n, now, NULL};
	if (__builtin_expect(l->spread, 0)) {
		share(w, &b);
		return n;
	}
	look_into(w, &b);
	if (l->forward)
		forward(l, &w->counters->now, mbufs, n);
	else
		rte_pktmbuf_free_bulk(mbufs, n);
	return n;
}

// The next burst that another worker has handed over, as if it came from a queue.
static unsigned take_handed(struct worker *w, const struct handover_in *in, const struct table *t)
{
	struct rte_mbuf *mbufs[PACKET_BURST];
	struct packet_view views[PACKET_BURST];
	uint64_t received_ns[PACKET_BURST];
	unsigned n = handover_ring_take(in->ring, mbufs, received_ns, PACKET_BURST);

	if (n == 0)
		return 0;
	struct burst b = {in->lane, t, views, mbufs, n, burst_time(w), received_ns};
	look_into(w, &b);
	rte_pktmbuf_free_bulk(mbufs, n);
	return n;
}

// A burst of each ring, behind the worker's own lanes: the signalling there came first.
static unsigned take_all_handed(struct worker *w, const struct table *t)
{
	unsigned found = 0;

	for (uint32_t i = 0; w->handover && i < w->handover->n_in; i++)
		found += take_handed(w, &w->handover->in[i], t);
	return found;
}

// Takes what waits when a table is about to be left: it was received while that was in force, and
// meets it.
static __attribute__((noinline)) unsigned finish_handed(struct worker *w, const struct table *t)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < w->handover->n_in; i++) {
		const struct handover_in *in = &w->handover->in[i];
		uint32_t end = handover_ring_end(in->ring);
		while ((int32_t)(end - handover_ring_at(in->ring)) > 0)
			found += take_handed(w, in, t);
	}
	return found;
}

// Fragments that wait for others, and packets that wait for a session, do not wait for ever.
static void tend(struct worker *w, const struct table *t, bool all)
{
	bool fragments = worker_fragments_waiting(w->fragments);
	bool held = w->holdback && holdback_waiting(w->holdback);

	if (__builtin_expect(!fragments && !held, 1))
		return;
	const struct worker_scene scene =
		scene_of(w, t, clock_forward(w->clock, rte_rdtsc(), &w->last_ns));
	if (fragments)
		worker_fragments_tend(w->fragments, &scene, all);
	if (held)
		holdback_tend(w->holdback, &scene, all);
}

// Packets that were held have earlier times, and so get lower numbers, than what is received now.
static void catch_up(struct worker *w, const struct table *t)
{
	if (__builtin_expect(!w->holdback || !holdback_behind(w->holdback, t), 1))
		return;
	const struct worker_scene scene =
		scene_of(w, t, clock_forward(w->clock, rte_rdtsc(), &w->last_ns));
	holdback_tend(w->holdback, &scene, false);
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

	table_rcu_offline(w->table_rcu);
	nanosleep(&pause, NULL);
	table_rcu_online(w->table_rcu);
}

// All workers end together; each takes what the others had in hand.
static void end_handover(struct worker *w)
{
	bool ended;

	if (!w->handover)
		return;
	handover_leave(w->handover);
	do {
		ended = handover_ended(w->handover);
		(void)take_all_handed(w, table_rcu_table(w->table_rcu));
		table_rcu_quiescent(w->table_rcu);
		stats_answer(w->stats, w->counters);
	} while (!ended);
}

int worker_run(void *argument)
{
	struct worker *w = argument;
	unsigned empty = 0;

	table_rcu_reader_enter(w->table_rcu);
	while (!atomic_load_explicit(w->stop, memory_order_relaxed)) {
		// The table holds until the quiescent state below. A burst's time is taken after
		// this load: a packet with a time later than a publication's end has seen that
		// publication.
		const struct table *t = table_rcu_table(w->table_rcu);
		unsigned found = 0;
		catch_up(w, t);
		for (uint32_t i = 0; i < w->n_lanes; i++)
			found += lane_poll(w, &w->lanes[i], t);
		found += take_all_handed(w, t);
		tend(w, t, false);
		if (__builtin_expect(w->handover && table_rcu_table(w->table_rcu) != t, 0))
			found += finish_handed(w, t);
		count_loop(w, found > 0);
		table_rcu_quiescent(w->table_rcu);
		stats_answer(w->stats, w->counters);
		atomic_store_explicit(&w->counters->polling, 1, memory_order_release);
		empty = found ? 0 : empty + 1;
		if (__builtin_expect(w->idle_sleep_us > 0 && empty >= IDLE_LOOPS, 0))
			doze(w);
	}
	end_handover(w);
	tend(w, table_rcu_table(w->table_rcu), true);
	table_rcu_quiescent(w->table_rcu);
	stats_answer(w->stats, w->counters);
	table_rcu_reader_leave(w->table_rcu);
	return 0;
}
