// Keeps references to packets that may come before their session's rules, and matches them again.

#include "dataplane/worker/holdback.h"

#include <stdlib.h>
#include <rte_mbuf.h>

#include "dataplane/packet/parse.h"
#include "shared/wire.h"

// The ports that a later fragment has of its first; no octet of its own has them.
struct followed {
	uint16_t sport, dport;
	uint8_t protocol;
	uint8_t flags; // of the last layer; 0: it follows none
};

struct held {
	struct rte_mbuf *mbuf; // NULL: let go before its time
	uint64_t time_ns;
	uint64_t in_force; // stamp of the table that saw it last
	uint32_t lane;
	uint32_t teid; // host order
	bool matched;
	bool reassembled;
	struct followed followed;
	struct holdback_taken taken;
};

struct holdback {
	struct holdback_settings s;
	uint32_t capacity;	// a power of two
	uint32_t head, tail;	// of the ring; only grow
	uint64_t tried;		// stamp of the table that all have seen
	uint32_t n_reassembled; // held
	uint64_t passed_ns;	// of the gap, when it was last read
	struct held held[];
};

struct holdback *holdback_new(const struct holdback_settings *s)
{
	uint32_t capacity = 1;

	while (capacity * 2 <= s->packets)
		capacity *= 2;
	struct holdback *e = calloc(1, sizeof(*e) + capacity * sizeof(e->held[0]));
	if (!e)
		return NULL;
	e->s = *s;
	e->passed_ns = s->gap ? 0 : UINT64_MAX;
	e->capacity = s->packets ? capacity : 0;
	return e;
}

void holdback_free(struct holdback *e)
{
	free(e);
}

static struct held *at(struct holdback *e, uint32_t i)
{
	return &e->held[i & (e->capacity - 1)];
}

// True if all signalling received up to `ns` is in force. The follower's line is read only where
// the value read before is not enough.
static bool passed(struct holdback *e, uint64_t ns)
{
	if (e->passed_ns <= ns)
		e->passed_ns = signalling_gap_passed(e->s.gap);
	return e->passed_ns > ns;
}

bool holdback_open(struct holdback *e, const struct table *t, uint64_t now_ns)
{
	uint64_t heard = 0;

	if (!e->capacity || !table_expects(t))
		return false;
	for (uint32_t i = 0; i < e->s.n_taps; i++) {
		uint64_t ns = signalling_tap_heard(e->s.taps[i]);
		heard = ns > heard ? ns : heard;
	}
	return heard && (now_ns < heard + e->s.age_ns || !passed(e, heard));
}

// Tunnels of strangers are not held where the configuration names ours.
static bool of_ours(const struct port_traits *port, const struct packet_view *v)
{
	const struct packet_layer *l = &v->layer[v->gtp_outer];
	const uint8_t *source = v->data + l->l3 + l->source;

	for (unsigned i = 0; i < port->n_endpoints; i++)
		if (ip_prefix_covers(&port->endpoint[i], l->family, source) ||
			ip_prefix_covers(&port->endpoint[i], l->family, source + l->address_length))
			return true;
	return port->n_endpoints == 0;
}

static void let_go(struct holdback *e, struct held *h)
{
	rte_pktmbuf_free(h->mbuf);
	h->mbuf = NULL;
	e->n_reassembled -= h->reassembled;
}

static void note_gone(struct holdback *e, uint32_t teid, uint64_t time_ns, bool taken)
{
	if (e->s.gap)
		signalling_gap_let_go(e->s.gap, e->s.worker, teid, time_ns, taken);
}

static void give_up(struct holdback *e, uint64_t *counter)
{
	struct held *h = at(e, e->tail++);

	if (!h->mbuf)
		return;
	note_gone(e, h->teid, h->time_ns, h->taken.n > 0);
	let_go(e, h);
	*counter += !h->matched;
}

static bool has(const struct holdback_taken *t, uint32_t slot)
{
	for (uint32_t i = 0; i < t->n && i < HOLDBACK_TASKS; i++)
		if (t->slot[i] == slot)
			return true;
	return false;
}

static void note(struct holdback_taken *t, uint32_t slot)
{
	if (t->n < HOLDBACK_TASKS)
		t->slot[t->n] = slot;
	if (t->n <= HOLDBACK_TASKS)
		t->n++;
}

void holdback_note(struct holdback_taken *taken, const struct hit *hits, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		note(&taken[hits[i].packet], hits[i].rule->slot);
}

static struct followed followed_of(const struct packet_view *v)
{
	const struct packet_layer *l = &v->layer[v->n_layers - 1];

	if (!(l->flags & LAYER_PORTS_FOLLOWED))
		return (struct followed){0};
	return (struct followed){.sport = l->sport,
		.dport = l->dport,
		.protocol = l->protocol,
		.flags = l->flags & (LAYER_PORTS_FOLLOWED | LAYER_CARRIER)};
}

static void follow(struct packet_view *v, const struct followed *f)
{
	struct packet_layer *l = &v->layer[v->n_layers - 1];

	l->sport = f->sport;
	l->dport = f->dport;
	l->protocol = f->protocol;
	l->flags |= f->flags;
}

static inline uint64_t received_at(
	const struct worker_scene *scene, const struct holdback_burst *b, uint32_t i)
{
	return b->received_ns ? b->received_ns[i] : scene->now_ns;
}

void holdback_hold(
	struct holdback *e, const struct worker_scene *scene, const struct holdback_burst *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->taken[i].n > HOLDBACK_TASKS || !(b->views[i].flags & VIEW_GTPU) ||
			!of_ours(&e->s.lanes[b->lane].traits, &b->views[i]))
			continue;
		scene->counters->held++;
		if (b->reassembled && e->n_reassembled == HOLDBACK_REASSEMBLED) {
			scene->counters->held_full++;
			note_gone(e, b->views[i].teid, received_at(scene, b, i), b->taken[i].n > 0);
			continue;
		}
		if (e->head - e->tail == e->capacity)
			give_up(e, &scene->counters->held_full);
		e->n_reassembled += b->reassembled;
		rte_pktmbuf_refcnt_update(b->mbufs[i], 1);
		*at(e, e->head++) = (struct held){.mbuf = b->mbufs[i],
			.time_ns = received_at(scene, b, i),
			.in_force = table_stamp(scene->table),
			.lane = b->lane,
			.teid = b->views[i].teid,
			.reassembled = b->reassembled,
			.followed = followed_of(&b->views[i]),
			.taken = b->taken[i]};
	}
}

void holdback_sample(struct holdback *e, const struct port_traits *port,
	const struct packet_view *v, uint64_t now_ns)
{
	if (!(v->flags & VIEW_GTPU) || !e->s.gap)
		return;
	const struct packet_layer *l = &v->layer[v->gtp_outer];
	const uint8_t *seen = v->data + l->l3 + l->source + l->address_length;
	signalling_gap_sample(e->s.gap, e->s.worker, v->teid, l->family,
		port_advertised(port, l->family, seen), now_ns);
}

bool holdback_waiting(const struct holdback *e)
{
	return e->head != e->tail;
}

bool holdback_behind(const struct holdback *e, const struct table *t)
{
	return holdback_waiting(e) && table_stamp(t) != e->tried;
}

// Ignores rules that were in the table when the packet was first matched, hits on the outermost
// layer of a datagram put together, which its fragments had, and tasks that already have the
// packet.
static bool counts(const struct held *h, const struct hit *hit)
{
	if (h->reassembled && hit->layer == 0 && !hit->tunnelled)
		return false;
	return hit->rule->binding && table_rule_since(hit->rule) > h->in_force &&
	       !has(&h->taken, hit->rule->slot);
}

static void views_of(struct holdback *e, struct packet_view *views, uint32_t from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct rte_mbuf *m = at(e, from + i)->mbuf;
		views[i].data = rte_pktmbuf_mtod(m, const uint8_t *);
		views[i].length = rte_pktmbuf_data_len(m);
		views[i].total = rte_pktmbuf_pkt_len(m);
	}
	(void)parse_burst(&e->s.lanes[at(e, from)->lane].traits, views, n);
	for (uint32_t i = 0; i < n; i++) {
		views[i].flags |= VIEW_HELD;
		views[i].held_ns = at(e, from + i)->time_ns;
		if (at(e, from + i)->followed.flags)
			follow(&views[i], &at(e, from + i)->followed);
	}
}

struct rematch { // of packets of one lane, from position `from` on
	struct holdback *holdback;
	struct worker_counters *counters;
	uint32_t from;
};

static unsigned keep_new(void *context, struct hit *hits, unsigned n)
{
	const struct rematch *r = context;
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct held *h = at(r->holdback, r->from + hits[i].packet);
		if (!counts(h, &hits[i]))
			continue;
		note(&h->taken, hits[i].rule->slot);
		r->counters->held_matched += !h->matched;
		h->matched = true;
		hits[kept++] = hits[i];
	}
	return kept;
}

// `n` packets of one lane from position `from` on, with the present table.
static void again(struct holdback *e, const struct worker_scene *scene, uint32_t from, uint32_t n)
{
	struct packet_view views[PACKET_BURST];
	void *mbufs[PACKET_BURST];
	struct rematch r = {.holdback = e, .counters = scene->counters, .from = from};
	const struct capture_batch b = {.table = scene->table,
		.port = &e->s.lanes[at(e, from)->lane].traits,
		.views = views,
		.mbufs = mbufs,
		.n = n,
		.held = true,
		.keep = keep_new,
		.context = &r};

	views_of(e, views, from, n);
	for (uint32_t i = 0; i < n; i++)
		mbufs[i] = at(e, from + i)->mbuf;
	scene->counters->hits += capture_matches(scene->capture, &b);
	for (uint32_t i = 0; i < n; i++) {
		struct held *h = at(e, from + i);
		h->in_force = table_stamp(scene->table);
		if (h->taken.n > HOLDBACK_TASKS)
			let_go(e, h);
	}
}

static void all_again(struct holdback *e, const struct worker_scene *scene)
{
	for (uint32_t i = e->tail; i != e->head;) {
		uint32_t n = 0;
		if (!at(e, i)->mbuf) {
			i++;
			continue;
		}
		while (n < PACKET_BURST && i + n != e->head && at(e, i + n)->mbuf &&
			at(e, i + n)->lane == at(e, i)->lane)
			n++;
		again(e, scene, i, n);
		i += n;
	}
}

void holdback_tend(struct holdback *e, const struct worker_scene *scene, bool all)
{
	if (holdback_behind(e, scene->table))
		all_again(e, scene);
	e->tried = table_stamp(scene->table);
	while (holdback_waiting(e) &&
		(all || !at(e, e->tail)->mbuf ||
			(scene->now_ns >= at(e, e->tail)->time_ns + e->s.age_ns &&
				passed(e, at(e, e->tail)->time_ns))))
		give_up(e, &scene->counters->held_expired);
}
