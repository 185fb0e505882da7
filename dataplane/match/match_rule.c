// Judges one rule on one packet: the one statement of what a task means.

#include <string.h>

#include "dataplane/match/match.h"
#include "dataplane/match/pdr_select.h"
#include "shared/pdu.h"
#include "shared/wire.h"

#define NO_MATCH 0

static inline bool covers(const struct ip_prefix *p, uint8_t family, const uint8_t *a)
{
	if (p->family != family)
		return false;
	if (family == 4) {
		uint32_t differ = wire_load32(p->b) ^ wire_load32(a);
		return !p->length || !(differ >> (32 - p->length));
	}
	return ip_prefix_covers(p, family, a);
}

static inline bool in_set(const struct port_set *s, uint16_t port)
{
	for (unsigned i = 0; i < s->n; i++)
		if (port >= s->range[i].first && port <= s->range[i].last)
			return true;
	return false;
}

static bool in_endpoints(const struct port_traits *port, uint8_t family, const uint8_t *a)
{
	for (unsigned i = 0; i < port->n_endpoints; i++)
		if (covers(&port->endpoint[i], family, a))
			return true;
	return false;
}

static uint8_t by_ends(bool source, bool destination)
{
	if (source)
		return destination ? PDU_DIRECTION_BOTH : PDU_DIRECTION_FROM_TARGET;
	return destination ? PDU_DIRECTION_TO_TARGET : NO_MATCH;
}

static bool allows(const struct filter *f, uint8_t direction)
{
	return !(f->kinds & FILTER_DIRECTION) || direction == f->direction ||
	       direction == PDU_DIRECTION_BOTH;
}

// Address and port criteria on one layer (decision 1): a direction, UNKNOWN for ports alone, or
// NO_MATCH. Ports of a layer that carries a tunnel belong to no user.
static uint8_t layer_holds(const struct filter *f, const struct packet_view *v, unsigned index)
{
	const struct packet_layer *l = &v->layer[index];
	bool s_port[2] = {0}, d_port[2] = {0}, s[2] = {0}, d[2] = {0};

	if (f->n_address) {
		const uint8_t *source = v->data + l->l3 + l->source;
		const uint8_t *destination = source + l->address_length;
		for (unsigned i = 0; i < f->n_address; i++) {
			s[i] = covers(&f->address[i], l->family, source);
			d[i] = covers(&f->address[i], l->family, destination);
		}
		if (!s[0] && !d[0])
			return NO_MATCH;
	}
	if (f->n_port) {
		if (!layer_user_ports(l) || l->protocol != f->protocol)
			return NO_MATCH;
		for (unsigned i = 0; i < f->n_port; i++) {
			s_port[i] = in_set(&f->port[i], l->sport);
			d_port[i] = in_set(&f->port[i], l->dport);
		}
	}
	bool forth = s_port[0] && d_port[1], back = s_port[1] && d_port[0]; // two port criteria

	switch (f->n_address * 4 + f->n_port) {
	case 1:
		return s_port[0] || d_port[0] ? PDU_DIRECTION_UNKNOWN : NO_MATCH;
	case 2:
		return forth || back ? PDU_DIRECTION_UNKNOWN : NO_MATCH;
	case 4:
		return by_ends(s[0], d[0]);
	case 5:
		return by_ends(s[0] && s_port[0], d[0] && d_port[0]);
	case 6:
		return forth || back ? by_ends(s[0], d[0]) : NO_MATCH;
	case 9:
		if (!s_port[0] && !d_port[0])
			return NO_MATCH;
		// fall through
	case 8:
		forth = back = true;
		// fall through
	default:
		return (forth && s[0] && d[1]) || (back && s[1] && d[0]) ? PDU_DIRECTION_BOTH
									 : NO_MATCH;
	}
}

// The outermost layer from `from` on whose ends satisfy the criteria. `given`: the direction that a
// tunnel or MAC criterion yields where no address does.
static bool find_layer(const struct filter *f, const struct packet_view *v, unsigned from,
	uint8_t given, struct hit *hit)
{
	for (unsigned i = from; i < v->n_layers; i++) {
		uint8_t direction = layer_holds(f, v, i);
		if (direction == NO_MATCH)
			continue;
		if (!f->n_address)
			direction = given;
		if (!allows(f, direction))
			continue;
		hit->layer = (uint8_t)i;
		hit->direction = direction;
		hit->tunnelled = v->flags & VIEW_GTPU && i > v->gtp_outer;
		return true;
	}
	return false;
}

// TEID and F-TEID speak of the tunnel's outer destination (decision 4).
static bool tunnel_holds(const struct filter *f, const struct port_traits *port,
	const struct packet_view *v, const struct packet_nested *g)
{
	const struct packet_layer *l = &v->layer[g->outer];
	const uint8_t *destination = v->data + l->l3 + l->source + l->address_length;

	if (g->teid != f->teid)
		return false;
	if (f->kinds & FILTER_TEID && !in_endpoints(port, l->family, destination))
		return false;
	if (!(f->kinds & FILTER_FTEID))
		return true;
	const struct ip_address *own = l->family == 4 ? &f->fteid_v4 : &f->fteid_v6;
	return own->family == l->family &&
	       !memcmp(own->b, port_advertised(port, l->family, destination), l->address_length);
}

static uint8_t tunnel_direction(
	const struct port_traits *port, const struct packet_view *v, const struct packet_nested *g)
{
	const struct packet_layer *l = &v->layer[g->outer];
	const uint8_t *source = v->data + l->l3 + l->source;

	if (g->flags & VIEW_PDU_SESSION)
		return g->pdu_type ? PDU_DIRECTION_FROM_TARGET : PDU_DIRECTION_TO_TARGET;
	bool from_us = in_endpoints(port, l->family, source);
	bool to_us = in_endpoints(port, l->family, source + l->address_length);
	if (from_us == to_us)
		return PDU_DIRECTION_UNKNOWN;
	return to_us ? PDU_DIRECTION_FROM_TARGET : PDU_DIRECTION_TO_TARGET;
}

static struct packet_nested outermost(const struct packet_view *v)
{
	return (struct packet_nested){.teid = v->teid,
		.outer = v->gtp_outer,
		.flags = v->flags & VIEW_PDU_SESSION,
		.pdu_type = v->pdu_type,
		.qfi = v->qfi};
}

static bool find_tunnel(const struct filter *f, const struct port_traits *port,
	const struct packet_view *v, struct hit *hit)
{
	if (!(v->flags & VIEW_GTPU))
		return false;
	const struct packet_nested first = outermost(v);
	for (unsigned i = 0; i <= v->n_nested; i++) {
		const struct packet_nested *g = i ? &v->nested[i - 1] : &first;
		if (!tunnel_holds(f, port, v, g))
			continue;
		uint8_t direction = tunnel_direction(port, v, g);
		if (f->kinds & (FILTER_ADDRESS | FILTER_PORT)) {
			if (find_layer(f, v, g->outer + 1u, direction, hit))
				return true;
			continue;
		}
		if (!allows(f, direction))
			continue;
		hit->layer = g->outer + 1u < v->n_layers ? g->outer + 1 : g->outer;
		hit->direction = direction;
		hit->tunnelled = 1;
		return true;
	}
	return false;
}

static uint8_t mac_holds(const struct filter *f, const uint8_t *frame)
{
	const uint8_t *destination = frame, *source = frame + 6;

	if (f->n_mac == 1)
		return by_ends(!memcmp(source, f->mac[0], 6), !memcmp(destination, f->mac[0], 6));
	for (unsigned i = 0; i < 2; i++)
		if (!memcmp(source, f->mac[i], 6) && !memcmp(destination, f->mac[1 - i], 6))
			return PDU_DIRECTION_BOTH;
	return NO_MATCH;
}

// The frame itself, and an Ethernet frame that GTP-U carries.
static bool find_frame(const struct filter *f, const struct port_traits *port,
	const struct packet_view *v, struct hit *hit)
{
	for (unsigned inner = 0; inner < 2; inner++) {
		if (inner ? !(v->flags & VIEW_ETHERNET) : v->length < 14)
			continue;
		uint8_t direction = mac_holds(f, v->data + (inner ? v->gtp + v->gtp_header : 0));
		if (direction == NO_MATCH)
			continue;
		if (f->kinds & (FILTER_TEID | FILTER_FTEID))
			return find_tunnel(f, port, v, hit);
		if (f->kinds & (FILTER_ADDRESS | FILTER_PORT)) {
			if (find_layer(f, v, 0, direction, hit))
				return true;
			continue;
		}
		if (!allows(f, direction))
			continue;
		hit->layer = HIT_WHOLE_FRAME;
		hit->direction = direction;
		hit->tunnelled = (uint8_t)inner;
		return true;
	}
	return false;
}

// ---- bound rules: the session's tunnel end or address, and what else the task asks for ----

static bool also_mac(const struct filter *also, const struct packet_view *v)
{
	if (v->length >= 14 && mac_holds(also, v->data) != NO_MATCH)
		return true;
	return v->flags & VIEW_ETHERNET &&
	       mac_holds(also, v->data + v->gtp + v->gtp_header) != NO_MATCH;
}

// Task and direction are already known; checks the remaining criteria. `g` NULL: no tunnel, then
// hit->layer is the only one read. Sets hit->layer where addresses or ports decide it.
static bool also_holds(const struct rule *rule, const struct port_traits *port,
	const struct packet_view *v, const struct packet_nested *g, struct hit *hit)
{
	const struct filter *also = rule->also;
	unsigned last = g ? v->n_layers : hit->layer + 1u;

	if (!also)
		return true;
	if (!allows(also, hit->direction) || (also->n_mac && !also_mac(also, v)))
		return false;
	if (also->kinds & (FILTER_TEID | FILTER_FTEID) && !(g && tunnel_holds(also, port, v, g)))
		return false;
	if (!(also->kinds & (FILTER_ADDRESS | FILTER_PORT)))
		return true;
	for (unsigned i = g ? g->outer + 1u : hit->layer; i < last; i++)
		if (layer_holds(also, v, i) != NO_MATCH) {
			hit->layer = (uint8_t)i;
			return true;
		}
	return false;
}

static bool bound_tunnel(const struct rule *rule, const struct port_traits *port,
	const struct packet_view *v, struct hit *hit)
{
	if (!(v->flags & VIEW_GTPU))
		return false;
	const struct packet_nested first = outermost(v);
	for (unsigned i = 0; i <= v->n_nested; i++) {
		const struct packet_nested *g = i ? &v->nested[i - 1] : &first;
		uint8_t inner = g->outer + 1;
		if (!tunnel_holds(&rule->filter, port, v, g))
			continue;
		bool ip = inner < v->n_layers;
		if (rule->select &&
			!pdr_select_wants(rule->select, v, g, ip ? inner : v->gtp_outer))
			continue;
		hit->layer = ip ? inner : g->outer;
		hit->direction = rule->direction ? rule->direction : tunnel_direction(port, v, g);
		hit->tunnelled = 1;
		if (also_holds(rule, port, v, g, hit))
			return true;
	}
	return false;
}

static bool goes(const struct rule *rule, uint8_t direction)
{
	return !rule->direction || direction == rule->direction || direction == PDU_DIRECTION_BOTH;
}

// A user's address as the data network sees it: outside tunnels, where others may have the same
// one. On a port without a class the tunnels are what counts if it looks into them: the same packet
// may pass it both ways.
static bool bound_address(const struct rule *rule, const struct port_traits *port,
	const struct packet_view *v, struct hit *hit)
{
	const struct ip_prefix *p = &rule->filter.address[0];
	unsigned n = v->flags & VIEW_GTPU ? v->gtp_outer + 1u : v->n_layers;

	if (port->link == CONFIG_LINK_OTHER && port->tunnel == CONFIG_TUNNEL_GTPU)
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct packet_layer *l = &v->layer[i];
		const uint8_t *source = v->data + l->l3 + l->source;
		uint8_t direction = by_ends(covers(p, l->family, source),
			covers(p, l->family, source + l->address_length));
		if (direction == NO_MATCH || !goes(rule, direction))
			continue;
		if (rule->select && !pdr_select_wants(rule->select, v, NULL, (uint8_t)i))
			continue;
		*hit = (struct hit){.layer = (uint8_t)i, .direction = direction};
		if (also_holds(rule, port, v, NULL, hit))
			return true;
	}
	return false;
}

// A packet that is matched again is for the rules of its own time (a burst has one time, with what
// ends in it); one that comes now for those that are not over.
static bool is_of_time(const struct rule *rule, const struct packet_view *v)
{
	if (!(v->flags & VIEW_HELD))
		return rule->until_ns == 0;
	return rule->from_ns <= v->held_ns && (!rule->until_ns || v->held_ns <= rule->until_ns);
}

static bool own_holds(const struct filter *f, const struct port_traits *port,
	const struct packet_view *view, struct hit *hit)
{
	if (f->kinds & FILTER_MAC)
		return find_frame(f, port, view, hit);
	if (f->kinds & (FILTER_TEID | FILTER_FTEID))
		return find_tunnel(f, port, view, hit);
	return find_layer(f, view, 0, PDU_DIRECTION_UNKNOWN, hit);
}

bool match_rule(const struct rule *rule, const struct port_traits *port,
	const struct packet_view *view, struct hit *hit)
{
	const struct filter *f = &rule->filter;

	if (rule->links && !(rule->links >> port->link & 1))
		return false;
	if (__builtin_expect(rule->binding != 0, 0)) {
		// An alternative is as the task's own rule: nothing is held for it.
		if (rule->alternative)
			return !(view->flags & VIEW_HELD) && own_holds(f, port, view, hit);
		if (!is_of_time(rule, view))
			return false;
		return f->kinds & FILTER_FTEID ? bound_tunnel(rule, port, view, hit)
					       : bound_address(rule, port, view, hit);
	}
	return own_holds(f, port, view, hit);
}
