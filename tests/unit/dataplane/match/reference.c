// The naive matcher: whose a frame is.
#include "tests/unit/dataplane/match/reference_internal.h"

#include <string.h>

// ---- meaning ----

static int in_prefix(const struct ip_prefix *p, int family, const uint8_t *a)
{
	if (p->family != family)
		return 0;
	for (int bit = 0; bit < p->length; bit++)
		if ((p->b[bit / 8] ^ a[bit / 8]) >> (7 - bit % 8) & 1)
			return 0;
	return 1;
}

static int in_ports(const struct port_set *s, int port)
{
	for (int i = 0; i < s->n; i++)
		if (s->range[i].first <= port && port <= s->range[i].last)
			return 1;
	return 0;
}

// Tries every assignment of criteria to ends: the first address is the source or the destination,
// the first port list as well. Bit 0: the first address as source holds, bit 1: as destination.
static int layer_ways(const struct filter *f, const struct ref_layer *l)
{
	int ways = 0;

	for (int a = 0; a < 2; a++) {
		for (int p = 0; p < 2; p++) {
			const uint8_t *near = a ? l->dst : l->src, *far = a ? l->src : l->dst;
			int port = p ? l->dport : l->sport, other = p ? l->sport : l->dport;
			if (f->n_address >= 1 && !in_prefix(&f->address[0], l->family, near))
				continue;
			if (f->n_address == 2 && !in_prefix(&f->address[1], l->family, far))
				continue;
			if (f->n_port) {
				if (!l->has_ports || l->carrier || l->proto != f->protocol)
					continue;
				if (!in_ports(&f->port[0], port))
					continue;
				if (f->n_port == 2 && !in_ports(&f->port[1], other))
					continue;
				// One address with one port, two with two: pairs at one end.
				if (f->n_address && f->n_address == f->n_port && a != p)
					continue;
			}
			ways |= a ? 2 : 1;
		}
	}
	return ways;
}

static int ways_direction(int ways)
{
	return ways == 3 ? 4 : ways == 1 ? 3 : 2;
}

static int wanted(const struct filter *f, int direction)
{
	return !(f->kinds & FILTER_DIRECTION) || direction == 4 || direction == f->direction;
}

static int endpoint(const struct ref *r, int family, const uint8_t *a)
{
	for (int i = 0; i < r->port->n_endpoints; i++)
		if (in_prefix(&r->port->endpoint[i], family, a))
			return 1;
	return 0;
}

static bool on_layers(
	const struct ref *r, const struct filter *f, int from, int given, struct hit *hit)
{
	for (int i = from; i < r->layers; i++) {
		int ways = layer_ways(f, &r->layer[i]);
		if (!ways)
			continue;
		int direction = f->n_address == 2 ? 4 : f->n_address ? ways_direction(ways) : given;
		if (!wanted(f, direction))
			continue;
		hit->layer = (uint8_t)i;
		hit->direction = (uint8_t)direction;
		hit->tunnelled = (uint8_t)r->layer[i].in_gtp;
		return true;
	}
	return false;
}

static int tunnel_is(const struct ref *r, const struct filter *f, const struct ref_tunnel *t)
{
	const struct ref_layer *l = &r->layer[t->outer];
	const struct ip_address *own = l->family == 4 ? &f->fteid_v4 : &f->fteid_v6;

	if (t->teid != f->teid || ((f->kinds & FILTER_TEID) && !endpoint(r, l->family, l->dst)))
		return 0;
	return !(f->kinds & FILTER_FTEID) ||
	       (own->family == l->family && !memcmp(own->b, l->dst, l->family == 4 ? 4 : 16));
}

static int tunnel_way(const struct ref *r, const struct ref_tunnel *t)
{
	const struct ref_layer *l = &r->layer[t->outer];
	int to = endpoint(r, l->family, l->dst), from = endpoint(r, l->family, l->src);

	return t->type >= 0 ? 2 + t->type : to && !from ? 3 : from && !to ? 2 : 1;
}

static bool on_tunnels(const struct ref *r, const struct filter *f, struct hit *hit)
{
	for (int i = 0; i < r->tunnels; i++) {
		const struct ref_tunnel *t = &r->tunnel[i];
		if (!tunnel_is(r, f, t))
			continue;
		int direction = tunnel_way(r, t);
		if (f->n_address || f->n_port) {
			if (on_layers(r, f, t->outer + 1, direction, hit))
				return true;
		} else if (wanted(f, direction)) {
			hit->layer = (uint8_t)(t->outer + (r->layers > t->outer + 1));
			hit->direction = (uint8_t)direction;
			hit->tunnelled = 1;
			return true;
		}
	}
	return false;
}

static int macs_are(const struct filter *f, const uint8_t *frame)
{
	const uint8_t *a = f->mac[0], *b = f->n_mac == 2 ? f->mac[1] : NULL;

	return (!memcmp(frame, a, 6) && (!b || !memcmp(frame + 6, b, 6))) ||
	       (!memcmp(frame + 6, a, 6) && (!b || !memcmp(frame, b, 6)));
}

// The rest of a bound rule, once the session's packet is found. The layer, or -1.
static int rest(const struct ref *r, const struct rule *rule, const struct ref_tunnel *t, int layer,
	int direction)
{
	const struct filter *f = rule->also;
	int from = t ? t->outer + 1 : layer, end = t ? r->layers : layer + 1;

	if (rule->select && (layer < from || r->layer[layer].proto != 17 ||
				    (r->tunnels && layer == r->tunnel[0].outer)))
		return -1; // a select sees users' packets, not what carries them
	if (!f)
		return layer;
	if (!wanted(f, direction))
		return -1;
	if (f->n_mac && !(r->mac[0] && macs_are(f, r->mac[0])) &&
		!(r->mac[1] && macs_are(f, r->mac[1])))
		return -1;
	if ((f->kinds & (FILTER_TEID | FILTER_FTEID)) && !(t && tunnel_is(r, f, t)))
		return -1;
	if (!f->n_address && !f->n_port)
		return layer;
	for (int i = from; i < end; i++)
		if (layer_ways(f, &r->layer[i]))
			return i;
	return -1;
}

static bool bound(const struct ref *r, const struct rule *rule, struct hit *hit)
{
	const struct filter *f = &rule->filter;
	int n = f->n_address ? r->layers : r->tunnels;

	if (f->n_address && r->port->link == CONFIG_LINK_OTHER &&
		r->port->tunnel == CONFIG_TUNNEL_GTPU)
		return false;
	for (int i = 0; i < n; i++) {
		const struct ref_tunnel *t = f->n_address ? NULL : &r->tunnel[i];
		int inner = t ? t->outer + 1 : i, direction;
		if (t) {
			if (!tunnel_is(r, f, t))
				continue;
			direction = rule->direction ? rule->direction : tunnel_way(r, t);
			inner = inner < r->layers ? inner : t->outer;
		} else {
			int ways = layer_ways(f, &r->layer[i]);
			if (!ways || r->layer[i].in_gtp)
				continue;
			direction = ways_direction(ways);
		}
		int layer = rest(r, rule, t, inner, direction);
		if (layer < 0)
			continue;
		*hit = (struct hit){.layer = (uint8_t)layer,
			.direction = (uint8_t)direction,
			.tunnelled = t != NULL};
		return true;
	}
	return false;
}

bool reference_match(const struct rule *rule, const struct port_traits *port, const uint8_t *frame,
	uint32_t length, struct hit *hit)
{
	struct ref r = {
		.f = frame, .have = length, .port = port, .mac[0] = length >= 14 ? frame : NULL};
	const struct filter *f = &rule->filter;

	if (rule->links && !(rule->links & 1 << port->link))
		return false;
	ref_ethernet(&r, 0, length);
	if (rule->binding)
		return bound(&r, rule, hit);
	int tunnel = (f->kinds & (FILTER_TEID | FILTER_FTEID)) != 0;
	if (!f->n_mac)
		return tunnel ? on_tunnels(&r, f, hit) : on_layers(&r, f, 0, 1, hit);
	for (int i = 0; i < 2; i++) {
		if (!r.mac[i])
			continue;
		int src = !memcmp(r.mac[i] + 6, f->mac[0], 6) &&
			  (f->n_mac < 2 || !memcmp(r.mac[i], f->mac[1], 6));
		int dst = !memcmp(r.mac[i], f->mac[0], 6) &&
			  (f->n_mac < 2 || !memcmp(r.mac[i] + 6, f->mac[1], 6));
		int direction = f->n_mac == 2 || (src && dst) ? 4 : src ? 3 : 2;
		if (!src && !dst)
			continue;
		if (tunnel && on_tunnels(&r, f, hit))
			return true;
		if (!tunnel && (f->n_address || f->n_port) && on_layers(&r, f, 0, direction, hit))
			return true;
		if (!tunnel && !f->n_address && !f->n_port && wanted(f, direction)) {
			hit->layer = HIT_WHOLE_FRAME;
			hit->direction = (uint8_t)direction;
			hit->tunnelled = (uint8_t)i;
			return true;
		}
	}
	return false;
}
