#pragma once

// Tunnels of networks and of mirrors: VXLAN, VXLAN-GPE, Geneve, TZSP, MPLS in UDP, EtherIP, GRE
// with ERSPAN and PPP. Each ends at the content that it carries.

#include "dataplane/packet/parse_link_internal.h"

#define VXLAN_FLAG_VNI 0x08u
#define VXLAN_FLAG_PROTOCOL 0x04u // VXLAN-GPE: the header names what follows
#define GPE_FLAGS_OTHER 0x31u	  // a version that is not 0, or management

enum udp_tunnel { UDP_NONE, UDP_GTPU, UDP_VXLAN, UDP_VXLAN_GPE, UDP_GENEVE, UDP_TZSP, UDP_MPLS };

// Content of a UDP tunnel, by its header: its start and its type.
struct udp_content {
	uint32_t header; // octets; 0: no tunnel
	enum step step;	 // STEP_DONE: neither IP nor Ethernet, see `type`
	uint16_t type;
};

static bool is_vxlan_port(const struct port_traits *port, uint16_t dport)
{
	if (port->vxlan && dport == PORT_VXLAN)
		return true;
	for (unsigned i = 0; i < port->n_vxlan_ports; i++)
		if (dport == port->vxlan_port[i])
			return true;
	return false;
}

// The tunnel that this port opens on a UDP destination port.
static enum udp_tunnel tunnel_of(const struct port_traits *port, uint16_t dport)
{
	if (dport == PORT_GTPU && port->tunnel == CONFIG_TUNNEL_GTPU)
		return UDP_GTPU;
	if (is_vxlan_port(port, dport))
		return UDP_VXLAN;
	switch (dport) {
	case PORT_VXLAN_GPE:
		return port->vxlan_gpe ? UDP_VXLAN_GPE : UDP_NONE;
	case PORT_GENEVE:
		return port->geneve ? UDP_GENEVE : UDP_NONE;
	case PORT_TZSP:
		return port->tzsp ? UDP_TZSP : UDP_NONE;
	case PORT_MPLS:
		return port->mpls_in_udp ? UDP_MPLS : UDP_NONE;
	default:
		return UDP_NONE;
	}
}

static uint64_t port_bit(uint16_t dport)
{
	return 1ull << (dport & 63u);
}

// A bit for each destination port that tunnel_of may have, by its low bits.
static uint64_t tunnel_bits(const struct port_traits *port)
{
	uint64_t bits = (port->tunnel == CONFIG_TUNNEL_GTPU ? port_bit(PORT_GTPU) : 0) |
			(port->vxlan ? port_bit(PORT_VXLAN) : 0) |
			(port->vxlan_gpe ? port_bit(PORT_VXLAN_GPE) : 0) |
			(port->geneve ? port_bit(PORT_GENEVE) : 0) |
			(port->tzsp ? port_bit(PORT_TZSP) : 0) |
			(port->mpls_in_udp ? port_bit(PORT_MPLS) : 0);

	for (unsigned i = 0; i < port->n_vxlan_ports; i++)
		bits |= port_bit(port->vxlan_port[i]);
	return bits;
}

// RFC 7348: the flag of a valid VNI. What is reserved is not looked at, as receivers do.
static struct udp_content read_vxlan(const struct content *c)
{
	if (c->here < 8 || !(c->p[0] & VXLAN_FLAG_VNI))
		return (struct udp_content){0};
	return (struct udp_content){8, STEP_ETHERNET, 0};
}

static struct udp_content read_gpe(const struct content *c)
{
	if (c->here < 8 || !(c->p[0] & VXLAN_FLAG_VNI) || c->p[0] & GPE_FLAGS_OTHER)
		return (struct udp_content){0};
	if (!(c->p[0] & VXLAN_FLAG_PROTOCOL))
		return (struct udp_content){8, STEP_ETHERNET, 0};
	switch (c->p[3]) {
	case 1:
		return (struct udp_content){8, STEP_IPV4, 0};
	case 2:
		return (struct udp_content){8, STEP_IPV6, 0};
	case 3:
		return (struct udp_content){8, STEP_ETHERNET, 0};
	case 4:
		return (struct udp_content){8, STEP_DONE, ETHERTYPE_NSH};
	case 5:
		return (struct udp_content){8, STEP_DONE, ETHERTYPE_MPLS};
	default:
		return (struct udp_content){0};
	}
}

// RFC 8926: version 0, options that are passed over.
static struct udp_content read_geneve(const struct content *c)
{
	if (c->here < 8 || c->p[0] >> 6 != 0)
		return (struct udp_content){0};
	uint32_t header = 8 + (c->p[0] & 0x3fu) * 4;
	uint16_t type = wire_load16(c->p + 2);
	enum step step = type == ETHERTYPE_TEB	  ? STEP_ETHERNET
			 : type == ETHERTYPE_IPV4 ? STEP_IPV4
			 : type == ETHERTYPE_IPV6 ? STEP_IPV6
						  : STEP_DONE;
	return (struct udp_content){header, step, type};
}

// TaZmen Sniffer Protocol: version 1, a received or sent frame of Ethernet, tags up to that of the
// end.
static struct udp_content read_tzsp(const struct content *c)
{
	uint32_t at = 4;

	if (c->here < 5 || c->p[0] != 1 || c->p[1] > 1 || wire_load16(c->p + 2) != 1)
		return (struct udp_content){0};
	for (unsigned n = 0; n < PARSE_TZSP_TAGS_MAX && at < c->here; n++) {
		if (c->p[at] == 1)
			return (struct udp_content){at + 1, STEP_ETHERNET, 0};
		if (c->p[at] == 0)
			at++;
		else if (at + 1 < c->here)
			at += 2u + c->p[at + 1];
		else
			break;
	}
	return (struct udp_content){0};
}

// RFC 7510: a label stack whose content shows itself.
static bool shows_labels(const struct parse_state *w, struct content c)
{
	c.labels = true;
	c.padded = false;
	for (unsigned i = 0; i < PARSE_MPLS_MAX && c.here >= 4; i++) {
		bool bottom = c.p[2] & 1;
		c = behind(c, 4);
		if (!bottom)
			continue;
		if (shows_ipv4(&c) || shows_ipv6(&c))
			return true;
		if (!w->port->mpls_pseudowire)
			return false;
		return (c.here >= 18 && c.p[0] >> 4 == 0 && shows_ethernet(behind(c, 4))) ||
		       shows_ethernet(c);
	}
	return false;
}

static struct udp_content read_udp(const struct content *c, enum udp_tunnel kind)
{
	switch (kind) {
	case UDP_VXLAN:
		return read_vxlan(c);
	case UDP_VXLAN_GPE:
		return read_gpe(c);
	case UDP_GENEVE:
		return read_geneve(c);
	case UDP_TZSP:
		return read_tzsp(c);
	default: // labels begin at once
		return (struct udp_content){0, STEP_DONE, ETHERTYPE_MPLS};
	}
}

// Returns whether the datagram's content of `size` octets at `at` shows itself as that tunnel.
static bool shows_tunnel(
	const struct parse_state *w, uint32_t size, enum udp_tunnel kind, struct udp_content *out)
{
	struct content c = content_of(w, size, false);

	*out = read_udp(&c, kind);
	if ((out->header == 0 && kind != UDP_MPLS) || out->header > c.here)
		return false;
	c = behind(c, out->header);
	c.padded = false;
	switch (out->step) {
	case STEP_ETHERNET:
		return shows_ethernet(c);
	case STEP_IPV4:
		return shows_ipv4(&c);
	case STEP_IPV6:
		return shows_ipv6(&c);
	default:
		if (out->type == ETHERTYPE_MPLS || out->type == ETHERTYPE_MPLS_UPSTREAM)
			return shows_labels(w, c);
		return out->type == ETHERTYPE_NSH && shows_type(&c, out->type);
	}
}

// The datagram's content of `size` octets. What does not show itself as the tunnel is a user's,
// whose ports it has; nothing is a tunnel of these inside a G-PDU.
static __attribute__((noinline)) enum step parse_udp_tunnel(
	struct parse_state *w, uint32_t size, enum udp_tunnel kind)
{
	struct udp_content to;

	if (!shows_tunnel(w, size, kind, &to))
		return STEP_DONE;
	w->v->layer[w->v->n_layers - 1].flags |= LAYER_CARRIER;
	w->wrap = kind == UDP_VXLAN ? WRAP_VXLAN : WRAP_MIRROR;
	w->at += to.header;
	return to.step == STEP_DONE ? parse_ethertype(w, to.type) : to.step;
}

// RFC 3378: version 3, the rest 0.
static enum step parse_etherip(struct parse_state *w)
{
	if (left(w) < 2 || wire_load16(w->d + w->at) != 0x3000)
		return leave_closed(w, UNOPENED_PROTOCOL, PROTOCOL_ETHERIP);
	w->at += 2;
	w->wrap = WRAP_MIRROR;
	return STEP_ETHERNET;
}

// ERSPAN I has no header, II one of 8 octets and a sequence number in GRE.
static enum step parse_erspan(struct parse_state *w, bool sequence)
{
	if (sequence) {
		if (left(w) < 8)
			return fail(w, PACKET_GRE_TRUNCATED);
		if (w->d[w->at] >> 4 != 1)
			return leave_closed(w, UNOPENED_GRE, ETHERTYPE_ERSPAN);
		w->at += 8;
	}
	return STEP_ETHERNET;
}

// ERSPAN III: 12 octets, 8 more where the last bit is set; the frame type is Ethernet or IP.
static enum step parse_erspan3(struct parse_state *w)
{
	const uint8_t *p = w->d + w->at;

	if (left(w) < 12)
		return fail(w, PACKET_GRE_TRUNCATED);
	uint32_t size = p[11] & 1 ? 20 : 12;
	uint8_t type = p[10] >> 2 & 0x1f;
	if (p[0] >> 4 != 2 || (type != 0 && type != 2))
		return leave_closed(w, UNOPENED_GRE, ETHERTYPE_ERSPAN_III);
	if (left(w) <= size)
		return fail(w, PACKET_GRE_TRUNCATED);
	w->at += size;
	return type == 0 ? STEP_ETHERNET : by_version(w);
}

// PPP in GRE: address and control octets may be there, the protocol has one octet or two.
static enum step parse_gre_ppp(struct parse_state *w)
{
	if (left(w) >= 2 && w->d[w->at] == 0xff && w->d[w->at + 1] == 3)
		w->at += 2;
	if (left(w) < 2)
		return STEP_DONE;
	const uint8_t *p = w->d + w->at;
	bool compressed = p[0] & 1;
	w->at += compressed ? 1 : 2;
	return left(w) ? parse_ppp(w, compressed ? p[0] : wire_load16(p)) : STEP_DONE;
}

// Returns the octets of the header, by its flags; 0 for source routes and other versions. Version 1
// (RFC 2637) carries PPP, has a key and may have no content.
static uint32_t gre_header(uint16_t flags, uint16_t type)
{
	uint32_t key = flags & 0x2000 ? 4 : 0, sequence = flags & 0x1000 ? 4 : 0;

	if ((flags & 0x4007) == 0)
		return 4 + (flags & 0x8000 ? 4 : 0) + key + sequence;
	if ((flags & 0xc807) == 1 && type == ETHERTYPE_PPP && key && sequence)
		return 4 + key + sequence + (flags & 0x0080 ? 4 : 0);
	return 0;
}

// RFC 2784, 2890 and 2637. What mirrors carry in it is not looked for in a G-PDU.
static __attribute__((noinline)) enum step parse_gre(struct parse_state *w)
{
	if (left(w) < 4)
		return fail(w, PACKET_GRE_TRUNCATED);
	uint16_t flags = wire_load16(w->d + w->at);
	uint16_t type = wire_load16(w->d + w->at + 2);
	uint32_t header = gre_header(flags, type);
	if (header == 0) // acknowledgements of version 1 carry nothing
		return (flags & 0x1007) == 1 ? STEP_DONE : leave_closed(w, UNOPENED_GRE, type);
	if (left(w) < header)
		return fail(w, PACKET_GRE_TRUNCATED);
	w->at += header;
	w->wrap = WRAP_GRE;
	switch (type) {
	case ETHERTYPE_TEB:
		return STEP_ETHERNET;
	case ETHERTYPE_PPP:
		return parse_gre_ppp(w);
	case ETHERTYPE_ERSPAN:
		return is_inside_gtpu(w) ? STEP_DONE : parse_erspan(w, flags & 0x1000);
	case ETHERTYPE_ERSPAN_III:
		return is_inside_gtpu(w) ? STEP_DONE : parse_erspan3(w);
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
		return is_inside_gtpu(w) ? STEP_DONE : parse_mpls(w);
	case 0: // keepalives
		return STEP_DONE;
	default:
		break;
	}
	enum step step = type > LLC_LENGTH_MAX ? parse_ethertype(w, type) : STEP_DONE;
	if (w->unopened >> 16 == UNOPENED_ETHERTYPE || type <= LLC_LENGTH_MAX)
		return leave_closed(w, UNOPENED_GRE, type);
	return step;
}
