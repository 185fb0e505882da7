// Gives later fragments of users the ports of their first.

#include "dataplane/worker/fragment.h"

#include <stdlib.h>

#include "dataplane/worker/datagram.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_AH 51 // the first fragment shows the protocol behind it
// Packets that wait to be taken back must not keep a burst from being held.
#define SLOTS(s) ((s)->holds + PACKET_BURST)
#define EXPIRE_AT_ONCE 16 // forgotten datagrams per call, so that no call takes long

enum state { WAITING, PORTS_KNOWN, PORTLESS };

struct datagram { // beside the entry of the index
	struct index_list holds;
	uint16_t sport, dport;
	uint8_t state; // WAITING exists only with holds
	uint8_t protocol;
	uint8_t carrier; // LAYER_CARRIER of the first
};

struct fragment_table {
	struct fragment_settings s;
	struct fragment_counts counts;
	struct datagram_index *index;
	struct datagram *datagram;
	struct fragment_release *held;
	uint32_t *of; // hold: its datagram
	struct index_link *by_age, *by_source, *by_datagram;
	struct index_list free, age, done; // linked by by_age: a hold is in one of them
	struct index_list source[DATAGRAM_SOURCES];
	uint32_t taken; // handed out by fragment_take
};

struct fragment_table *fragment_table_new(const struct fragment_settings *s)
{
	struct fragment_table *t = calloc(1, sizeof(*t));

	if (!t || s->holds < 4 || s->datagrams < 4 || s->holds_per_datagram == 0)
		goto fail;
	t->s = *s;
	t->index = datagram_index_new(s->datagrams, s->timeout_ns, s->seed);
	t->datagram = calloc(s->datagrams, sizeof(*t->datagram));
	t->held = calloc(SLOTS(s), sizeof(*t->held));
	t->of = calloc(SLOTS(s), sizeof(*t->of));
	t->by_age = calloc(SLOTS(s), sizeof(*t->by_age));
	t->by_source = calloc(SLOTS(s), sizeof(*t->by_source));
	t->by_datagram = calloc(SLOTS(s), sizeof(*t->by_datagram));
	if (!t->index || !t->datagram || !t->held || !t->of || !t->by_age || !t->by_source ||
		!t->by_datagram)
		goto fail;
	index_list_init(&t->free);
	index_list_init(&t->age);
	index_list_init(&t->done);
	for (unsigned i = 0; i < DATAGRAM_SOURCES; i++)
		index_list_init(&t->source[i]);
	for (uint32_t i = 0; i < SLOTS(s); i++)
		index_list_push(&t->free, t->by_age, i);
	t->taken = DATAGRAM_NONE;
	return t;
fail:
	fragment_table_free(t);
	return NULL;
}

void fragment_table_free(struct fragment_table *t)
{
	if (!t)
		return;
	datagram_index_free(t->index);
	free(t->datagram);
	free(t->held);
	free(t->of);
	free(t->by_age);
	free(t->by_source);
	free(t->by_datagram);
	free(t);
}

static struct packet_layer *last_layer(struct packet_view *v)
{
	return &v->layer[v->n_layers - 1];
}

static void give_ports(const struct datagram *d, struct packet_layer *l)
{
	l->sport = d->sport;
	l->dport = d->dport;
	l->protocol = d->protocol; // IPv6: only the first fragment has it
	l->flags |= LAYER_PORTS_FOLLOWED | d->carrier;
}

static void drop_datagram(struct fragment_table *t, uint32_t i);

// Takes the hold out of everything but its datagram's entry and lets it come back.
static void finish_hold(struct fragment_table *t, uint32_t h, enum packet_outcome outcome)
{
	uint32_t i = t->of[h];

	t->held[h].outcome = (uint8_t)outcome;
	if (outcome == PACKET_FRAGMENT_HELD)
		t->counts.resolved++;
	else if (outcome == PACKET_FRAGMENT_EXPIRED)
		t->counts.expired++;
	else
		t->counts.limit++;
	index_list_remove(&t->datagram[i].holds, t->by_datagram, h);
	index_list_remove(&t->source[datagram_source(t->index, i)], t->by_source, h);
	index_list_remove(&t->age, t->by_age, h);
	index_list_push(&t->done, t->by_age, h);
}

static void give_up(struct fragment_table *t, uint32_t h, enum packet_outcome outcome)
{
	uint32_t i = t->of[h];

	finish_hold(t, h, outcome);
	if (t->datagram[i].holds.n == 0)
		drop_datagram(t, i);
}

static void drop_datagram(struct fragment_table *t, uint32_t i)
{
	while (t->datagram[i].holds.n > 0)
		finish_hold(t, t->datagram[i].holds.head, PACKET_FRAGMENT_LIMIT);
	datagram_remove(t->index, i);
}

static uint32_t add_datagram(
	struct fragment_table *t, const struct datagram_key *key, uint64_t now_ns)
{
	uint32_t victim = datagram_victim(t->index, key);

	if (victim != DATAGRAM_NONE) {
		t->counts.evicted++;
		drop_datagram(t, victim);
	}
	uint32_t i = datagram_add(t->index, key, now_ns);
	t->datagram[i] = (struct datagram){.state = WAITING};
	index_list_init(&t->datagram[i].holds);
	return i;
}

// True if the first fragment may have ports that a rule can ask for.
static bool may_have_ports(const struct packet_layer *l)
{
	return l->protocol == PROTOCOL_TCP || l->protocol == PROTOCOL_UDP ||
	       l->protocol == PROTOCOL_AH ||
	       (l->family == 6 && l->protocol != 50 && l->protocol != 58 && l->protocol != 59);
}

static void on_first(struct fragment_table *t, const struct packet_view *v, uint64_t now_ns)
{
	const struct packet_layer *l = &v->layer[v->n_layers - 1];
	bool ports = l->flags & LAYER_PORTS;
	struct datagram_key key;

	datagram_key_of(&key, v);
	uint32_t i = datagram_find(t->index, &key);
	if (i == DATAGRAM_NONE && !may_have_ports(l))
		return;
	if (i == DATAGRAM_NONE)
		i = add_datagram(t, &key, now_ns);
	else
		datagram_touch(t->index, i, now_ns);
	struct datagram *d = &t->datagram[i];
	if (d->state == PORTS_KNOWN && (d->sport != l->sport || d->dport != l->dport))
		t->counts.replaced++;
	t->counts.remembered += ports;
	d->state = ports ? PORTS_KNOWN : PORTLESS;
	d->sport = l->sport;
	d->dport = l->dport;
	d->protocol = l->protocol;
	d->carrier = l->flags & LAYER_CARRIER;
	while (d->holds.n > 0) {
		uint32_t h = d->holds.head;
		if (ports)
			give_ports(d, last_layer(&t->held[h].view));
		finish_hold(t, h, ports ? PACKET_FRAGMENT_HELD : PACKET_FRAGMENT_EXPIRED);
	}
}

// Room for one more hold of this datagram; makes it by giving up the oldest of the same source, or
// of all.
static uint32_t free_hold(struct fragment_table *t, uint32_t i)
{
	const struct index_list *own = &t->source[datagram_source(t->index, i)];

	if (t->datagram[i].holds.n >= t->s.holds_per_datagram)
		return DATAGRAM_NONE;
	uint32_t victim = own->n >= t->s.holds / 4 ? own->head
			  : t->age.n >= t->s.holds ? t->age.head
						   : DATAGRAM_NONE;
	if (victim != DATAGRAM_NONE && t->of[victim] == i)
		finish_hold(t, victim, PACKET_FRAGMENT_LIMIT);
	else if (victim != DATAGRAM_NONE)
		give_up(t, victim, PACKET_FRAGMENT_LIMIT);
	return t->free.head;
}

static bool hold_packet(
	struct fragment_table *t, const struct datagram_key *key, const struct fragment_release *r)
{
	uint32_t i = datagram_find(t->index, key);
	bool added = i == DATAGRAM_NONE;

	if (added)
		i = add_datagram(t, key, r->time_ns);
	uint32_t h = free_hold(t, i);
	if (h == DATAGRAM_NONE) {
		if (t->datagram[i].holds.n == 0)
			drop_datagram(t, i);
		return false;
	}
	index_list_remove(&t->free, t->by_age, h);
	t->held[h] = *r;
	t->of[h] = i;
	index_list_push(&t->age, t->by_age, h);
	index_list_push(&t->source[datagram_source(t->index, i)], t->by_source, h);
	index_list_push(&t->datagram[i].holds, t->by_datagram, h);
	t->counts.held++;
	return true;
}

// Returns whether the packet is held now.
static bool on_later(struct fragment_table *t, struct packet_view *v, void *packet,
	const struct fragment_burst *b)
{
	struct packet_layer *l = last_layer(v);
	struct datagram_key key;

	datagram_key_of(&key, v);
	uint32_t i = datagram_find(t->index, &key);
	if (i != DATAGRAM_NONE && t->datagram[i].state == PORTS_KNOWN) {
		give_ports(&t->datagram[i], l);
		t->counts.followed++;
		return false;
	}
	if (i != DATAGRAM_NONE && t->datagram[i].state == PORTLESS) {
		t->counts.portless++;
		return false;
	}
	if (!b->wants_ports)
		return false;
	struct fragment_release r = {.view = *v,
		.packet = packet,
		.origin = b->origin,
		.in_force = b->in_force,
		.time_ns = b->now_ns};
	bool held = packet && hold_packet(t, &key, &r);
	v->outcome = held ? PACKET_FRAGMENT_HELD : PACKET_FRAGMENT_LIMIT;
	return held;
}

static void end_taken(struct fragment_table *t)
{
	if (t->taken != DATAGRAM_NONE)
		index_list_push(&t->free, t->by_age, t->taken);
	t->taken = DATAGRAM_NONE;
}

uint32_t fragment_resolve(struct fragment_table *t, struct packet_view *views, void *const *packets,
	uint32_t mask, const struct fragment_burst *b)
{
	uint32_t held = 0;

	fragment_expire(t, b->now_ns, false);
	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctz(mask);
		struct packet_layer *l = last_layer(&views[i]);
		if (l->flags & LAYER_FRAGMENT_FIRST)
			on_first(t, &views[i], b->now_ns);
		else if (may_have_ports(l) && on_later(t, &views[i], packets[i], b))
			held |= 1u << i;
	}
	return held;
}

void fragment_expire(struct fragment_table *t, uint64_t now_ns, bool all)
{
	end_taken(t);
	while (t->age.n > 0 && (all || t->held[t->age.head].time_ns + t->s.hold_ns < now_ns))
		give_up(t, t->age.head, PACKET_FRAGMENT_EXPIRED);
	for (unsigned n = 0; n < EXPIRE_AT_ONCE; n++) {
		uint32_t i = datagram_expired(t->index, now_ns);
		if (i == DATAGRAM_NONE)
			break;
		drop_datagram(t, i);
	}
}

const struct fragment_release *fragment_take(struct fragment_table *t)
{
	end_taken(t);
	if (t->done.n == 0)
		return NULL;
	t->taken = t->done.head;
	index_list_remove(&t->done, t->by_age, t->taken);
	return &t->held[t->taken];
}

uint32_t fragment_held(const struct fragment_table *t)
{
	return t->age.n + t->done.n;
}

void fragment_counts(const struct fragment_table *t, struct fragment_counts *out)
{
	*out = t->counts;
}
