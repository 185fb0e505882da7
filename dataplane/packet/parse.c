// Parses bursts of frames: a fast path for plain ones, and a pass through the layers of all others.

#include "dataplane/packet/parse.h"

#include <string.h>

#include "dataplane/packet/parse_fast_internal.h"
#include "dataplane/packet/parse_ip_internal.h"
#include "dataplane/packet/parse_link_internal.h"
#include "dataplane/packet/parse_mirror_internal.h"
#include "dataplane/packet/parse_tunnel_internal.h"

#define CACHE_LINE 64u
#define PORT_VXLAN_LINUX 8472 // of kernels older than the standard's port

// Names a datagram that looks like a tunnel which this port does not open.
static __attribute__((noinline)) enum step leave_udp(
	struct parse_state *w, uint16_t dport, uint32_t size)
{
	static const struct port_traits all = {.tunnel = CONFIG_TUNNEL_GTPU,
		.vxlan = true,
		.vxlan_gpe = true,
		.geneve = true,
		.tzsp = true,
		.mpls_in_udp = true,
		.mpls_pseudowire = true,
		.n_vxlan_ports = 1,
		.vxlan_port = {PORT_VXLAN_LINUX}};
	struct udp_content to;

	if (is_inside_gtpu(w))
		return STEP_DONE;
	enum udp_tunnel kind = tunnel_of(&all, dport);
	const uint8_t *p = w->d + w->at;
	struct parse_state as = *w;
	as.port = &all;
	bool is = kind == UDP_GTPU ? left(w) >= 8 && (p[0] & 0xf0) == 0x30 && p[1] == 255
				   : kind != UDP_NONE && shows_tunnel(&as, size, kind, &to);
	return is ? leave_closed(w, UNOPENED_UDP, dport) : STEP_DONE;
}

// In a G-PDU there is no tunnel but another one of GTP-U.
static inline enum udp_tunnel tunnel_here(const struct parse_state *w, uint16_t dport)
{
	if (dport == PORT_GTPU && w->port->tunnel == CONFIG_TUNNEL_GTPU)
		return UDP_GTPU;
	return is_inside_gtpu(w) ? UDP_NONE : tunnel_of(w->port, dport);
}

static enum step parse_udp(struct parse_state *w, struct packet_layer *l)
{
	uint16_t length = wire_load16(w->d + w->at + 4);
	enum udp_tunnel tunnel = tunnel_here(w, l->dport);

	if (l->flags & LAYER_FRAGMENT_FIRST) { // its length speaks of the whole datagram
		if (tunnel == UDP_GTPU)
			l->flags |= LAYER_CARRIER;
		return STEP_DONE;
	}
	if (length < 8 || length > w->vouched)
		return fail(w, PACKET_UDP_LENGTH);
	if (w->end > w->at + length)
		w->end = w->at + length;
	w->at += 8;
	if (tunnel == UDP_GTPU)
		return parse_gtpu(w, length - 8u);
	if (tunnel == UDP_NONE)
		return w->asked ? leave_udp(w, l->dport, length - 8u) : STEP_DONE;
	return parse_udp_tunnel(w, length - 8u, tunnel);
}

static enum step parse_tcp(struct parse_state *w, const struct packet_layer *l)
{
	uint32_t header = (w->d[w->at + 12] >> 4) * 4u;

	if (header < 20 || (header > w->vouched && !(l->flags & LAYER_FRAGMENT_FIRST)))
		return fail(w, PACKET_TCP_OFFSET);
	return STEP_DONE;
}

// Octets of the smallest header of a protocol with ports; 0 for the others.
static inline uint32_t ported_header(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP					? 20
	       : protocol == PROTOCOL_UDP				? 8
	       : protocol == PROTOCOL_SCTP || protocol == PROTOCOL_DCCP ? 12
									: 0;
}

// Protocols that are no user's last: this port opens them or leaves them closed.
static enum step parse_carried(struct parse_state *w, uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_GRE:
		return w->port->gre ? parse_gre(w) : leave_closed(w, UNOPENED_PROTOCOL, protocol);
	case PROTOCOL_IPV4:
	case PROTOCOL_IPV6:
		if (!w->port->ipip)
			return leave_closed(w, UNOPENED_PROTOCOL, protocol);
		w->wrap = WRAP_IPIP;
		return protocol == PROTOCOL_IPV4 ? STEP_IPV4 : STEP_IPV6;
	case PROTOCOL_ETHERIP:
		if (!w->port->etherip || is_inside_gtpu(w))
			return leave_closed(w, UNOPENED_PROTOCOL, protocol);
		return parse_etherip(w);
	case PROTOCOL_ESP:
	case 94:  // IP in IP (KA9Q)
	case 98:  // encapsulation (RFC 1241)
	case 115: // L2TP version 3
	case 137: // MPLS in IP
		return leave_closed(w, UNOPENED_PROTOCOL, protocol);
	default:
		return STEP_DONE;
	}
}

static enum step parse_upper(struct parse_state *w)
{
	struct packet_layer *l = &w->v->layer[w->v->n_layers - 1];
	uint32_t header = ported_header(l->protocol);

	l->l4 = (uint16_t)w->at;
	if (header) {
		if (left(w) >= 4) {
			l->sport = wire_load16(w->d + w->at);
			l->dport = wire_load16(w->d + w->at + 2);
			l->flags |= LAYER_PORTS;
		}
		if (left(w) < header)
			return fail(w, PACKET_L4_TRUNCATED);
		return l->protocol == PROTOCOL_UDP   ? parse_udp(w, l)
		       : l->protocol == PROTOCOL_TCP ? parse_tcp(w, l)
						     : STEP_DONE;
	}
	if (l->protocol == (l->family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6) && left(w) < 4)
		return fail(w, PACKET_L4_TRUNCATED);
	if (l->flags & LAYER_FRAGMENT_FIRST)
		return STEP_DONE;
	return parse_carried(w, l->protocol);
}

static enum packet_outcome outcome_of(struct parse_state *w)
{
	struct packet_view *v = w->v;

	if (v->flags & VIEW_GTPU && v->n_layers == v->gtp_outer + 1 && w->fault == NO_FAULT)
		v->flags |= VIEW_UNSTRUCTURED;
	if (w->fault != NO_FAULT)
		return (enum packet_outcome)w->fault;
	if (w->lie != NO_FAULT && v->n_layers > 0)
		return (enum packet_outcome)w->lie;
	if (v->flags & VIEW_GTPU)
		return v->flags & VIEW_UNSTRUCTURED ? PACKET_GTPU_UNSTRUCTURED : PACKET_GTPU;
	if (w->signalling)
		return PACKET_GTPU_SIGNALLING;
	return v->n_layers > 1 ? PACKET_TUNNEL : v->n_layers ? PACKET_IP : PACKET_NOT_IP;
}

// Walks through all layers of a frame. Each pass of the loop consumes octets or ends, and no more
// than PACKET_LAYERS_MAX layers and PARSE_ETHERNET_MAX Ethernet headers are entered.
static void walk(struct parse_state *w)
{
	enum step step = STEP_ETHERNET;

	w->readable = w->v->length < OFFSETS_MAX ? w->v->length : OFFSETS_MAX;
	w->end = w->v->total < OFFSETS_MAX ? w->v->total : OFFSETS_MAX;
	w->v->n_layers = 0;
	w->v->flags = 0;
	w->v->shape = SHAPE_OTHER;
	w->v->end[0] = w->v->end[1] = 0;
	w->v->carrier = 0;
	w->v->teid = 0;
	while (step != STEP_DONE) {
		switch (step) {
		case STEP_ETHERNET:
			step = parse_ethernet(w);
			break;
		case STEP_IPV4:
			step = parse_ipv4(w);
			break;
		case STEP_IPV6:
			step = parse_ipv6(w);
			break;
		case STEP_UPPER:
			step = parse_upper(w);
			break;
		case STEP_DONE:
			break;
		}
	}
}

// Parses every frame that the fast path leaves. Returns true if the last layer is a fragment; the
// fast path handles none.
__attribute__((noinline)) bool parse_by_layers(
	const struct port_traits *port, struct packet_view *v)
{
	struct parse_state w = {
		.v = v, .port = port, .d = v->data, .fault = NO_FAULT, .lie = NO_FAULT};

	walk(&w);
	v->outcome = (uint8_t)outcome_of(&w);
	return v->n_layers &&
	       v->layer[v->n_layers - 1].flags & (LAYER_FRAGMENT_FIRST | LAYER_FRAGMENT_LATER);
}

// In a tunnel the headers of a user's packet lie in the frame's second line: `second` octets on.
static inline void prefetch_headers(const struct packet_view *v, uint32_t second)
{
	__builtin_prefetch(v->data);
	if (second && v->length > second)
		__builtin_prefetch(v->data + second);
}

uint32_t parse_burst(const struct port_traits *port, struct packet_view *views, unsigned n)
{
	uint32_t fragments = 0;
	const bool gtpu = port->tunnel == CONFIG_TUNNEL_GTPU;
	const struct fast_ports special = {.bits = tunnel_bits(port), .gtpu = gtpu, .port = port};
	const uint32_t second = gtpu ? CACHE_LINE : 0;

	for (unsigned i = 0; i < n && i < PREFETCH_AHEAD; i++)
		prefetch_headers(&views[i], second);
	for (unsigned i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			prefetch_headers(&views[i + PREFETCH_AHEAD], second);
		if (!parse_fast(&special, &views[i]))
			fragments |= (uint32_t)parse_by_layers(port, &views[i]) << i;
	}
	return fragments;
}

uint32_t parse_unopened(const struct port_traits *port, const struct packet_view *view)
{
	struct packet_view v = {.data = view->data, .length = view->length, .total = view->total};
	struct parse_state w = {.v = &v,
		.port = port,
		.d = v.data,
		.fault = NO_FAULT,
		.lie = NO_FAULT,
		.asked = true};

	walk(&w);
	return v.flags & VIEW_GTPU ? 0 : w.unopened;
}
