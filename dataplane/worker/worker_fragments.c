// Fragments among a worker's packets: users' get the ports of their first, tunnels' are put
// together.

#include "dataplane/worker/worker_fragments.h"

#include <stdlib.h>
#include <rte_mbuf.h>

#include "dataplane/worker/fragment.h"
#include "dataplane/packet/parse.h"
#include "dataplane/worker/reassembly.h"
#include "dataplane/worker/holdback.h"

#define PIECES_PER_DATAGRAM 2u
#define PIECES_MAX 65535u
#define DATAGRAMS_MIN 64u
#define DATAGRAMS (63 + HOLDBACK_REASSEMBLED)
#define PIECE_ROOM (2304 + RTE_PKTMBUF_HEADROOM)

struct worker_fragments {
	const struct lane *lanes;
	uint32_t n_lanes; // with those from which packets are handed over
	struct fragment_table *users;
	struct rte_mempool *pieces,
		*datagram_pool;	    // of tunnels and signalling; NULL without such a lane
	struct reassembly **tunnel; // by lane; NULL where it carries neither, or is handed over
};

static bool carries(const struct lane *l)
{
	return l->traits.tunnel == CONFIG_TUNNEL_GTPU || l->signalling.protocols;
}

static struct rte_mempool *make_pool(char kind, uint32_t worker, unsigned n, uint16_t room)
{
	const char name[] = {'f', 'r', 'a', 'g', '-', kind, (char)('0' + worker / 100 % 10),
		(char)('0' + worker / 10 % 10), (char)('0' + worker % 10), 0};

	return rte_pktmbuf_pool_create(name, n, 0, 0, room, SOCKET_ID_ANY);
}

// Datagrams of a lane: as many as come within the time-out.
static uint32_t datagrams_of(const struct config_reassembly *c)
{
	uint64_t n = (uint64_t)c->rate * c->timeout_ms / 1000;

	return n < DATAGRAMS_MIN	      ? DATAGRAMS_MIN
	       : n > REASSEMBLY_DATAGRAMS_MAX ? REASSEMBLY_DATAGRAMS_MAX
					      : (uint32_t)n;
}

static int make_pools(struct worker_fragments *f, const struct worker_fragments_settings *s)
{
	uint32_t pieces = 0;

	for (uint32_t i = 0; i < s->n_lanes; i++)
		if (carries(&s->lanes[i]))
			pieces += datagrams_of(&s->reassembly) * PIECES_PER_DATAGRAM;
	f->pieces = make_pool(
		'p', s->worker, pieces < PIECES_MAX ? pieces : PIECES_MAX, PIECE_ROOM);
	f->datagram_pool = make_pool(
		'w', s->worker, DATAGRAMS, REASSEMBLY_DATAGRAM_ROOM + RTE_PKTMBUF_HEADROOM);
	return f->pieces && f->datagram_pool ? POI_OK : POI_ERR_NOMEM;
}

static int add_tunnel(
	struct worker_fragments *f, uint32_t lane, const struct worker_fragments_settings *s)
{
	if (!f->pieces && make_pools(f, s) != POI_OK)
		return POI_ERR_NOMEM;
	const struct reassembly_settings settings = {
		.gtpu = s->lanes[lane].traits.tunnel == CONFIG_TUNNEL_GTPU,
		.signalling = &s->lanes[lane].signalling,
		.datagrams = datagrams_of(&s->reassembly),
		.timeout_ns = s->reassembly.timeout_ms * 1000000ull,
		.seed = {s->seed[0], s->seed[1]},
		.pieces = f->pieces,
		.datagram_pool = f->datagram_pool,
	};
	f->tunnel[lane] = reassembly_new(&settings);
	return f->tunnel[lane] ? POI_OK : POI_ERR_NOMEM;
}

struct worker_fragments *worker_fragments_new(const struct worker_fragments_settings *s)
{
	struct worker_fragments *f = calloc(1, sizeof(*f));
	const struct fragment_settings users = {
		FRAGMENT_DEFAULTS, .seed = {s->seed[0], s->seed[1]}};

	if (!f)
		return NULL;
	f->lanes = s->lanes;
	f->n_lanes = s->n_lanes + s->n_handed;
	f->tunnel = calloc(f->n_lanes + 1u, sizeof(struct reassembly *));
	f->users = fragment_table_new(&users);
	if (!f->tunnel || !f->users)
		goto fail;
	for (uint32_t i = 0; i < s->n_lanes; i++)
		if (carries(&s->lanes[i]) && add_tunnel(f, i, s) != POI_OK)
			goto fail;
	return f;
fail:
	worker_fragments_free(f);
	return NULL;
}

void worker_fragments_free(struct worker_fragments *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; f->tunnel && i < f->n_lanes; i++)
		reassembly_free(f->tunnel[i]);
	fragment_table_free(f->users);
	rte_mempool_free(f->pieces);
	rte_mempool_free(f->datagram_pool);
	free(f->tunnel);
	free(f);
}

// A frame that is matched by itself, and which of its hits count.
struct again {
	const struct packet_view *view;
	struct rte_mbuf *mbuf; // NULL: the view is all of it
	const struct port_traits *traits;
	bool held;	   // else: out of a tunnel's fragments
	uint64_t in_force; // held
	uint64_t time_ns;
	struct holdback_taken *taken; // NULL, or gets the tasks of all hits that count
};

// Leaves out hits that were found before: of a held packet all that asks for no ports, of a
// tunnel's datagram its outermost layer, on which each fragment was matched.
static bool counts(const struct again *a, const struct hit *h)
{
	if (a->held)
		return rule_wants_ports(h->rule) && table_rule_since(h->rule) <= a->in_force;
	return h->tunnelled || (h->layer > 0 && h->layer != HIT_WHOLE_FRAME);
}

static unsigned keep_counting(void *context, struct hit *hits, unsigned n)
{
	const struct again *a = context;
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (counts(a, &hits[i]))
			hits[kept++] = hits[i];
	if (a->taken)
		holdback_note(a->taken, hits, kept);
	return kept;
}

static void match_again(const struct worker_scene *scene, struct again *a)
{
	const struct capture_batch b = {.table = scene->table,
		.port = a->traits,
		.views = a->view,
		.mbufs = (void *const *)&a->mbuf,
		.n = 1,
		.time_ns = a->time_ns,
		.keep = keep_counting,
		.context = a};

	scene->counters->hits += capture_matches(scene->capture, &b);
}

static void move(struct worker_counters *c, enum packet_outcome to, uint64_t n)
{
	c->outcome[PACKET_FRAGMENT_HELD] -= n;
	c->outcome[to] += n;
}

// Takes packets back from being held.
static void take_back(struct worker_fragments *f, const struct worker_scene *scene)
{
	const struct fragment_release *r;

	while ((r = fragment_take(f->users))) {
		struct again a = {.view = &r->view,
			.mbuf = r->packet,
			.traits = r->origin,
			.held = true,
			.in_force = r->in_force,
			.time_ns = r->time_ns};
		if (r->outcome == PACKET_FRAGMENT_HELD)
			match_again(scene, &a);
		else
			move(scene->counters, (enum packet_outcome)r->outcome, 1);
		rte_pktmbuf_free(r->packet);
	}
}

static struct fragment_burst users_burst(
	const struct worker_fragments *f, uint32_t lane, const struct worker_scene *scene)
{
	return (struct fragment_burst){.wants_ports = table_wants_ports(scene->table),
		.origin = &f->lanes[lane].traits,
		.in_force = table_stamp(scene->table),
		.now_ns = scene->now_ns};
}

static void apply_moves(struct reassembly *r, const struct worker_scene *scene)
{
	struct reassembly_moves m = reassembly_moves(r);
	struct worker_counters *c = scene->counters;

	move(c, PACKET_FRAGMENT_EXPIRED, m.expired);
	move(c, PACKET_FRAGMENT_LIMIT, m.limit);
	move(c, PACKET_FRAGMENT_MIXED, m.mixed);
	move(c, PACKET_IP, m.passed);
	c->tunnels_lost += m.tunnels;
	if (m.signalling > 0)
		signalling_tap_lost(scene->tap, m.signalling);
}

// Like any other packet it may come before its session's rules.
static void match_whole(const struct worker_scene *scene, uint32_t lane, struct again a)
{
	struct holdback_taken taken = {0};
	struct rte_mbuf *mbuf = a.mbuf;
	const struct holdback_burst b = {.lane = lane,
		.n = 1,
		.views = a.view,
		.mbufs = &mbuf,
		.taken = &taken,
		.reassembled = true};

	a.taken = &taken;
	match_again(scene, &a);
	if (mbuf && scene->holdback && a.traits->tunnel == CONFIG_TUNNEL_GTPU &&
		holdback_open(scene->holdback, scene->table, scene->now_ns))
		holdback_hold(scene->holdback, scene, &b);
}

// The whole datagram of a tunnel; returns its outcome. A user's fragment in it may be held in turn.
static uint8_t enter(struct worker_fragments *f, uint32_t lane, const struct worker_scene *scene,
	const struct reassembly_datagram *datagram, bool may_hold)
{
	struct packet_view v = {
		.data = datagram->data, .length = datagram->length, .total = datagram->length};
	struct fragment_burst b = users_burst(f, lane, scene);
	void *packet = datagram->mbuf;
	uint32_t held = 0;

	b.wants_ports &= may_hold;
	if (parse_burst(&f->lanes[lane].traits, &v, 1))
		held = fragment_resolve(f->users, &v, &packet, 1, &b);
	if (scene->tap && f->lanes[lane].signalling.protocols)
		signalling_tap_burst(
			scene->tap, &f->lanes[lane].signalling, &v, &packet, 1, scene->now_ns);
	match_whole(scene, lane,
		(struct again){.view = &v,
			.mbuf = datagram->mbuf,
			.traits = &f->lanes[lane].traits,
			.time_ns = scene->now_ns});
	if (!held)
		rte_pktmbuf_free(datagram->mbuf);
	return v.outcome;
}

// One fragment of a tunnel port. Returns the outcome that it has.
static uint8_t put(struct worker_fragments *f, uint32_t lane, const struct worker_scene *scene,
	const struct packet_view *v, const struct rte_mbuf *m, bool held)
{
	struct reassembly_datagram datagram;
	uint8_t outcome = v->outcome;

	switch (reassembly_put(f->tunnel[lane], v, m, !held, scene->now_ns, &datagram)) {
	case REASSEMBLY_PASSED:
		return outcome;
	case REASSEMBLY_ABSORBED:
		return PACKET_FRAGMENT_HELD;
	case REASSEMBLY_DONE:
		outcome = enter(f, lane, scene, &datagram, !held);
		break;
	case REASSEMBLY_LIMIT:
		outcome = PACKET_FRAGMENT_LIMIT;
		break;
	case REASSEMBLY_INVALID:
		outcome = PACKET_FRAGMENT_INVALID;
		break;
	case REASSEMBLY_MIXED:
		outcome = PACKET_FRAGMENT_MIXED;
		break;
	}
	return held ? (uint8_t)PACKET_FRAGMENT_HELD : outcome;
}

uint32_t worker_fragments_burst(struct worker_fragments *f, uint32_t lane,
	const struct worker_scene *scene, struct packet_view *views, struct rte_mbuf **mbufs,
	uint32_t mask)
{
	const struct signalling_shown *shown = &f->lanes[lane].signalling;
	struct fragment_burst b = users_burst(f, lane, scene);
	uint32_t held = fragment_resolve(f->users, views, (void *const *)mbufs, mask, &b);
	uint32_t tapped = 0;

	for (uint32_t h = held; h; h &= h - 1)
		rte_pktmbuf_refcnt_update(mbufs[__builtin_ctz(h)], 1);
	if (f->tunnel[lane]) {
		for (uint32_t h = mask; h; h &= h - 1) {
			uint32_t i = (uint32_t)__builtin_ctz(h);
			if (shown->protocols)
				signalling_tap_burst(scene->tap, shown, views + tapped,
					(void *const *)mbufs + tapped, i - tapped, scene->now_ns);
			tapped = shown->protocols ? i : 0;
			views[i].outcome = put(f, lane, scene, &views[i], mbufs[i], held >> i & 1);
		}
		apply_moves(f->tunnel[lane], scene);
	}
	take_back(f, scene);
	return tapped;
}

bool worker_fragments_waiting(const struct worker_fragments *f)
{
	if (fragment_held(f->users))
		return true;
	for (uint32_t i = 0; i < f->n_lanes; i++)
		if (f->tunnel[i] && reassembly_waiting(f->tunnel[i]))
			return true;
	return false;
}

void worker_fragments_tend(struct worker_fragments *f, const struct worker_scene *scene, bool all)
{
	fragment_expire(f->users, scene->now_ns, all);
	take_back(f, scene);
	for (uint32_t i = 0; i < f->n_lanes; i++) {
		if (!f->tunnel[i])
			continue;
		reassembly_expire(f->tunnel[i], scene->now_ns, all);
		apply_moves(f->tunnel[i], scene);
	}
}
