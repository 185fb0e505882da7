#include "dataplane/packet/parse.h"

#include <string.h>

#include "shared/wire.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_TEB 0x6558 // Ethernet inside GRE
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_MPLS 0x8847
#define ETHERTYPE_MPLS_UPSTREAM 0x8848
#define ETHERTYPE_PPPOE_DISCOVERY 0x8863
#define ETHERTYPE_PPPOE 0x8864
#define ETHERTYPE_QINQ 0x88a8
#define ETHERTYPE_LLDP 0x88cc
#define ETHERTYPE_QINQ_OLD 0x9100

#define PROTOCOL_ICMP 1
#define PROTOCOL_IPV4 4
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_IPV6 41
#define PROTOCOL_GRE 47
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_NONE 59
#define PROTOCOL_SCTP 132

#define PORT_GTPU 2152
#define PORT_VXLAN 4789
#define PREFETCH_AHEAD 8
#define NO_FAULT PACKET_OUTCOME_COUNT
#define OFFSETS_MAX 65535u // what the view's 16-bit offsets reach

// What to read next at `at`.
enum step { STEP_DONE, STEP_ETHERNET, STEP_IPV4, STEP_IPV6, STEP_UPPER };

struct walk {
	struct packet_view *v;
	const struct port_traits *port;
	const uint8_t *d;
	uint32_t readable; // octets that may be touched
	uint32_t end;	   // where the innermost enclosing header says the content ends; <= total
	uint32_t at;
	uint32_t vouched; // octets of the upper layer by the IP header's word; may exceed the frame
	uint8_t wrap;	  // what carries the next IP layer
	uint8_t fault;	  // enum packet_outcome or NO_FAULT
	bool signalling;
};

static inline enum step fail(struct walk *w, enum packet_outcome o)
{
	w->fault = (uint8_t)o;
	return STEP_DONE;
}

// Octets from `at` that exist and belong to the content.
static inline uint32_t left(const struct walk *w)
{
	uint32_t limit = w->end < w->readable ? w->end : w->readable;

	return limit > w->at ? limit - w->at : 0;
}

// The version nibble decides where nothing else names the protocol.
static enum step by_version(const struct walk *w)
{
	uint8_t version = w->d[w->at] >> 4;

	return version == 4 ? STEP_IPV4 : version == 6 ? STEP_IPV6 : STEP_DONE;
}

static enum step walk_mpls(struct walk *w)
{
	for (unsigned i = 0; i < PARSE_MPLS_MAX; i++) {
		if (left(w) < 4)
			return fail(w, PACKET_MPLS_TRUNCATED);
		bool bottom = w->d[w->at + 2] & 1;
		w->at += 4;
		if (bottom)
			return left(w) ? by_version(w) : fail(w, PACKET_MPLS_TRUNCATED);
	}
	return fail(w, PACKET_MPLS_DEPTH);
}

// RFC 2516 session stage: version and type 1, code 0, session, length, then a PPP protocol.
static enum step walk_pppoe(struct walk *w)
{
	if (left(w) < 8)
		return fail(w, PACKET_PPPOE_TRUNCATED);
	const uint8_t *p = w->d + w->at;
	if (p[0] != 0x11 || p[1] != 0)
		return STEP_DONE;
	uint16_t length = wire_load16(p + 4);
	if (length < 2 || w->at + 6 + length > w->end)
		return fail(w, PACKET_PPPOE_LENGTH);
	w->end = w->at + 6 + length;
	uint16_t protocol = wire_load16(p + 6);
	w->at += 8;
	return protocol == 0x0021 ? STEP_IPV4 : protocol == 0x0057 ? STEP_IPV6 : STEP_DONE;
}

static enum step walk_ethertype(struct walk *w, uint16_t type)
{
	unsigned tags = 0;

	while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ || type == ETHERTYPE_QINQ_OLD) {
		if (tags++ == PARSE_VLAN_MAX)
			return fail(w, PACKET_VLAN_DEPTH);
		if (left(w) < 4)
			return fail(w, PACKET_VLAN_TRUNCATED);
		type = wire_load16(w->d + w->at + 2);
		w->at += 4;
	}
	switch (type) {
	case ETHERTYPE_IPV4:
		return STEP_IPV4;
	case ETHERTYPE_IPV6:
		return STEP_IPV6;
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
		return walk_mpls(w);
	case ETHERTYPE_PPPOE:
		return walk_pppoe(w);
	default:
		return STEP_DONE;
	}
}

static enum step walk_ethernet(struct walk *w)
{
	if (left(w) < 14)
		return fail(w, PACKET_ETH_TRUNCATED);
	uint16_t type = wire_load16(w->d + w->at + 12);
	w->at += 14;
	return walk_ethertype(w, type);
}

// A new layer at `at` whose datagram has `length` octets by its own word; narrows `end` to it.
static struct packet_layer *add_layer(struct walk *w, uint32_t length)
{
	struct packet_layer *l = &w->v->layer[w->v->n_layers++];
	uint32_t end = w->at + length;

	*l = (struct packet_layer){.l3 = (uint16_t)w->at, .wrap = w->wrap};
	l->length = (uint16_t)(length < OFFSETS_MAX ? length : OFFSETS_MAX);
	if (end > w->end)
		l->flags = LAYER_CUT;
	else
		w->end = end;
	return l;
}

static enum step walk_ipv4(struct walk *w)
{
	if (w->v->n_layers == PACKET_LAYERS_MAX)
		return fail(w, PACKET_TUNNEL_DEPTH);
	if (left(w) < 20)
		return fail(w, PACKET_IPV4_TRUNCATED);
	const uint8_t *ip = w->d + w->at;
	if (ip[0] >> 4 != 4)
		return fail(w, PACKET_IPV4_VERSION);
	uint32_t header = (ip[0] & 15u) * 4;
	if (header < 20)
		return fail(w, PACKET_IPV4_HEADER_LENGTH);
	if (left(w) < header)
		return fail(w, PACKET_IPV4_TRUNCATED);
	uint16_t length = wire_load16(ip + 2);
	if (length < header)
		return fail(w, PACKET_IPV4_TOTAL_LENGTH);
	struct packet_layer *l = add_layer(w, length);
	l->family = 4;
	l->source = 12;
	l->address_length = 4;
	l->protocol = ip[9];
	uint16_t fragment = wire_load16(ip + 6);
	if (fragment & 0x3fff) {
		l->fragment_id = wire_load16(ip + 4);
		l->flags |= fragment & 0x1fff ? LAYER_FRAGMENT_LATER : LAYER_FRAGMENT_FIRST;
	}
	if (fragment & 0x1fff)
		return STEP_DONE;
	w->at += header;
	w->vouched = length - header;
	return STEP_UPPER;
}

static inline bool is_extension(uint8_t next)
{
	switch (next) {
	case 0:	  // hop-by-hop options
	case 43:  // routing
	case 44:  // fragment
	case 51:  // authentication
	case 60:  // destination options
	case 135: // mobility
	case 139: // host identity
	case 140: // shim6
		return true;
	default:
		return false;
	}
}

// Passes over the extension headers; `end` is that of the datagram by its own word.
static enum step walk_extensions(struct walk *w, struct packet_layer *l, uint8_t next, uint32_t end)
{
	for (unsigned n = 0; is_extension(next); n++) {
		if (n == PARSE_IPV6_EXT_MAX)
			return fail(w, PACKET_IPV6_EXT_DEPTH);
		if (left(w) < 8)
			return fail(w, PACKET_IPV6_EXT_TRUNCATED);
		const uint8_t *p = w->d + w->at;
		uint32_t size = next == 44 ? 8 : next == 51 ? (p[1] + 2u) * 4 : (p[1] + 1u) * 8;
		if (left(w) < size)
			return fail(w, PACKET_IPV6_EXT_TRUNCATED);
		uint8_t kind = next;
		next = p[0];
		w->at += size;
		if (kind != 44)
			continue;
		uint16_t fragment = wire_load16(p + 2);
		if (!(fragment & 0xfff9)) // an atomic fragment is a whole datagram
			continue;
		l->fragment_id = wire_load32(p + 4);
		l->flags |= fragment & 0xfff8 ? LAYER_FRAGMENT_LATER : LAYER_FRAGMENT_FIRST;
		if (fragment & 0xfff8) {
			l->protocol = next;
			return STEP_DONE;
		}
	}
	l->protocol = next;
	w->vouched = end - w->at;
	return STEP_UPPER;
}

static enum step walk_ipv6(struct walk *w)
{
	if (w->v->n_layers == PACKET_LAYERS_MAX)
		return fail(w, PACKET_TUNNEL_DEPTH);
	if (left(w) < 40)
		return fail(w, PACKET_IPV6_TRUNCATED);
	const uint8_t *ip = w->d + w->at;
	if (ip[0] >> 4 != 6)
		return fail(w, PACKET_IPV6_VERSION);
	uint32_t payload = wire_load16(ip + 4);
	struct packet_layer *l = add_layer(w, 40 + payload);
	uint32_t end = w->at + 40 + payload;
	l->family = 6;
	l->source = 8;
	l->address_length = 16;
	l->protocol = ip[6];
	// Length 0 with something behind it would be a jumbogram, which no link here can carry.
	if (payload == 0 && ip[6] != PROTOCOL_NONE)
		return fail(w, PACKET_IPV6_PAYLOAD_LENGTH);
	w->at += 40;
	return walk_extensions(w, l, ip[6], end);
}

// Ethernet is what the content may be when it is no IP packet of exactly this length.
static bool looks_ethernet(const struct walk *w)
{
	if (left(w) < 14)
		return false;
	const uint8_t *p = w->d + w->at;
	switch (wire_load16(p + 12)) {
	case ETHERTYPE_IPV4:
		return left(w) > 14 && p[14] >> 4 == 4;
	case ETHERTYPE_IPV6:
		return left(w) > 14 && p[14] >> 4 == 6;
	case ETHERTYPE_ARP:
	case ETHERTYPE_VLAN:
	case ETHERTYPE_QINQ:
	case ETHERTYPE_QINQ_OLD:
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM:
	case ETHERTYPE_PPPOE_DISCOVERY:
	case ETHERTYPE_PPPOE:
	case ETHERTYPE_LLDP:
		return true;
	default:
		return false;
	}
}

// The T-PDU at `at`, `size` octets by the GTP-U header's word.
static enum step walk_tpdu(struct walk *w, uint32_t size, bool outermost)
{
	const uint8_t *p = w->d + w->at;

	if (size && !left(w))
		return fail(w, PACKET_GTPU_TRUNCATED);
	w->wrap = WRAP_GTPU;
	if (size) {
		enum step step = by_version(w);
		bool exact = step == STEP_IPV4	 ? left(w) >= 4 && wire_load16(p + 2) == size
			     : step == STEP_IPV6 ? left(w) >= 6 && wire_load16(p + 4) + 40u == size
						 : false;
		if (!exact && looks_ethernet(w)) {
			if (outermost)
				w->v->flags |= VIEW_ETHERNET;
			return STEP_ETHERNET;
		}
		if (step != STEP_DONE)
			return step;
	}
	return STEP_DONE;
}

// Sequence number, N-PDU number and extension headers behind the 8 octets (TS 29.281 clause 5.2).
// `end` is that of the message by its own word. Leaves `at` on the T-PDU.
static enum step walk_gtpu_options(
	struct walk *w, uint8_t flags, uint32_t end, struct packet_nested *g)
{
	if (end - w->at < 4)
		return fail(w, PACKET_GTPU_LENGTH);
	if (left(w) < 4)
		return fail(w, PACKET_GTPU_TRUNCATED);
	uint8_t next = flags & 0x04 ? w->d[w->at + 3] : 0;
	w->at += 4;
	for (unsigned n = 0; next; n++) {
		if (n == PARSE_GTPU_EXT_MAX)
			return fail(w, PACKET_GTPU_EXT_DEPTH);
		if (left(w) < 4)
			return fail(w, PACKET_GTPU_EXT_TRUNCATED);
		const uint8_t *p = w->d + w->at;
		uint32_t size = p[0] * 4u;
		if (size == 0)
			return fail(w, PACKET_GTPU_EXT_LENGTH);
		if (left(w) < size)
			return fail(w, PACKET_GTPU_EXT_TRUNCATED);
		// PDU session container (TS 38.415): type 0 downlink, 1 uplink; the first one
		// counts.
		if (next == 0x85 && p[1] >> 4 <= 1 && !g->flags) {
			g->flags = VIEW_PDU_SESSION;
			g->pdu_type = p[1] >> 4;
			g->qfi = p[2] & 0x3f;
		}
		next = p[size - 1];
		w->at += size;
	}
	return STEP_UPPER;
}

// `size`: octets of the UDP datagram's content by the UDP header's word.
static enum step walk_gtpu(struct walk *w, uint32_t size)
{
	struct packet_view *v = w->v;
	uint32_t start = w->at;

	if (left(w) < 8)
		return fail(w, PACKET_GTPU_TRUNCATED);
	const uint8_t *p = w->d + start;
	if ((p[0] & 0xf0) != 0x30) // version 1, protocol type GTP
		return fail(w, PACKET_GTPU_VERSION);
	uint32_t length = wire_load16(p + 2);
	if (8 + length > size) // shorter is padding, which receivers pass over
		return fail(w, PACKET_GTPU_LENGTH);
	if (p[1] != 255) { // echo, error indication, end marker: no user packet
		w->signalling = true;
		return STEP_DONE;
	}
	struct packet_nested g = {.teid = wire_load32(p + 4), .outer = v->n_layers - 1};
	uint32_t end = start + 8 + length;
	w->at += 8;
	if (w->end > end)
		w->end = end;
	if (p[0] & 0x07 && walk_gtpu_options(w, p[0], end, &g) == STEP_DONE)
		return STEP_DONE;
	v->layer[g.outer].flags |= LAYER_CARRIER;
	bool outermost = !(v->flags & VIEW_GTPU);
	if (outermost) {
		v->flags |= VIEW_GTPU | g.flags;
		v->gtp = (uint16_t)start;
		v->gtp_length = (uint16_t)(w->end - start);
		v->gtp_header = (uint16_t)(w->at - start);
		v->gtp_outer = g.outer;
		v->teid = g.teid;
		v->pdu_type = g.pdu_type;
		v->qfi = g.qfi;
		v->n_nested = 0;
	} else {
		v->nested[v->n_nested++] = g; // each has a layer of its own: at most 3
	}
	return walk_tpdu(w, end - w->at, outermost);
}

// RFC 7348; the flags of a header without a valid VNI are not looked at, as receivers do.
static enum step walk_vxlan(struct walk *w)
{
	if (left(w) < 8)
		return fail(w, PACKET_VXLAN_TRUNCATED);
	w->at += 8;
	w->wrap = WRAP_VXLAN;
	w->v->layer[w->v->n_layers - 1].flags |= LAYER_CARRIER;
	return STEP_ETHERNET;
}

// RFC 2784 and 2890. Source routes and version 1 (PPTP) are payload.
static enum step walk_gre(struct walk *w)
{
	if (left(w) < 4)
		return fail(w, PACKET_GRE_TRUNCATED);
	uint16_t flags = wire_load16(w->d + w->at);
	uint16_t type = wire_load16(w->d + w->at + 2);
	if (flags & 0x4007)
		return STEP_DONE;
	uint32_t header =
		4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
	if (left(w) < header)
		return fail(w, PACKET_GRE_TRUNCATED);
	w->at += header;
	w->wrap = WRAP_GRE;
	return type == ETHERTYPE_TEB ? STEP_ETHERNET : walk_ethertype(w, type);
}

static enum step walk_udp(struct walk *w, struct packet_layer *l)
{
	uint16_t length = wire_load16(w->d + w->at + 4);

	bool gtpu = l->dport == PORT_GTPU && w->port->tunnel == CONFIG_TUNNEL_GTPU;
	bool vxlan = l->dport == PORT_VXLAN && w->port->vxlan;
	if (l->flags & LAYER_FRAGMENT_FIRST) { // its length speaks of the whole datagram
		if (gtpu || vxlan)
			l->flags |= LAYER_CARRIER;
		return STEP_DONE;
	}
	if (length < 8 || length > w->vouched)
		return fail(w, PACKET_UDP_LENGTH);
	if (w->end > w->at + length)
		w->end = w->at + length;
	if (gtpu) {
		w->at += 8;
		return walk_gtpu(w, length - 8u);
	}
	if (vxlan) {
		w->at += 8;
		return walk_vxlan(w);
	}
	return STEP_DONE;
}

static enum step walk_tcp(struct walk *w, const struct packet_layer *l)
{
	uint32_t header = (w->d[w->at + 12] >> 4) * 4u;

	if (header < 20 || (header > w->vouched && !(l->flags & LAYER_FRAGMENT_FIRST)))
		return fail(w, PACKET_TCP_OFFSET);
	return STEP_DONE;
}

// Octets of the smallest header of a protocol with ports; 0 for the others.
static inline uint32_t ported_header(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP	   ? 20
	       : protocol == PROTOCOL_UDP  ? 8
	       : protocol == PROTOCOL_SCTP ? 12
					   : 0;
}

static enum step walk_upper(struct walk *w)
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
		return l->protocol == PROTOCOL_UDP   ? walk_udp(w, l)
		       : l->protocol == PROTOCOL_TCP ? walk_tcp(w, l)
						     : STEP_DONE;
	}
	if (l->protocol == (l->family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6) && left(w) < 4)
		return fail(w, PACKET_L4_TRUNCATED);
	if (l->flags & LAYER_FRAGMENT_FIRST)
		return STEP_DONE;
	if (l->protocol == PROTOCOL_GRE && w->port->gre)
		return walk_gre(w);
	if ((l->protocol == PROTOCOL_IPV4 || l->protocol == PROTOCOL_IPV6) && w->port->ipip) {
		w->wrap = WRAP_IPIP;
		return l->protocol == PROTOCOL_IPV4 ? STEP_IPV4 : STEP_IPV6;
	}
	return STEP_DONE;
}

static enum packet_outcome settle(struct walk *w)
{
	struct packet_view *v = w->v;

	if (v->flags & VIEW_GTPU && v->n_layers == v->gtp_outer + 1 && w->fault == NO_FAULT)
		v->flags |= VIEW_UNSTRUCTURED;
	if (w->fault != NO_FAULT)
		return (enum packet_outcome)w->fault;
	if (v->flags & VIEW_GTPU)
		return v->flags & VIEW_UNSTRUCTURED ? PACKET_GTPU_UNSTRUCTURED : PACKET_GTPU;
	if (w->signalling)
		return PACKET_GTPU_SIGNALLING;
	return v->n_layers > 1 ? PACKET_TUNNEL : v->n_layers ? PACKET_IP : PACKET_NOT_IP;
}

// Every frame that the fast path does not settle. Each turn of the loop consumes octets or ends,
// and no more than PACKET_LAYERS_MAX layers are entered. Returns whether the last layer is a
// fragment; the fast path knows none.
static __attribute__((noinline)) bool parse_general(
	const struct port_traits *port, struct packet_view *v)
{
	struct walk w = {.v = v, .port = port, .d = v->data, .fault = NO_FAULT};
	enum step step = STEP_ETHERNET;

	w.readable = v->length < OFFSETS_MAX ? v->length : OFFSETS_MAX;
	w.end = v->total < OFFSETS_MAX ? v->total : OFFSETS_MAX;
	v->n_layers = 0;
	v->flags = 0;
	v->shape = SHAPE_OTHER;
	while (step != STEP_DONE) {
		switch (step) {
		case STEP_ETHERNET:
			step = walk_ethernet(&w);
			break;
		case STEP_IPV4:
			step = walk_ipv4(&w);
			break;
		case STEP_IPV6:
			step = walk_ipv6(&w);
			break;
		case STEP_UPPER:
			step = walk_upper(&w);
			break;
		case STEP_DONE:
			break;
		}
	}
	v->outcome = (uint8_t)settle(&w);
	return v->n_layers &&
	       v->layer[v->n_layers - 1].flags & (LAYER_FRAGMENT_FIRST | LAYER_FRAGMENT_LATER);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

struct fast_ports { // destination ports that the fast path leaves to the general one
	uint32_t gtpu, vxlan;
};

// Behind a plain header of `ip` octets at `l3`, in a datagram of `length`: writes the whole view
// when TCP or UDP is in order there. 8 + 12 octets beyond l3 + ip are readable.
static inline __attribute__((always_inline)) bool fast_upper(
	const struct fast_ports *special, struct packet_view *v, struct packet_layer l, uint32_t ip)
{
	const uint8_t *p = v->data + l.l3 + ip;

	l.sport = wire_load16(p);
	l.dport = wire_load16(p + 2);
	if (l.protocol == PROTOCOL_TCP) {
		uint32_t header = (p[12] >> 4) * 4u;
		if (header < 20 || ip + header > l.length)
			return false;
	} else if (l.protocol == PROTOCOL_UDP) {
		uint32_t udp = wire_load16(p + 4);
		if (udp < 8 || ip + udp > l.length || l.dport == special->gtpu ||
			l.dport == special->vxlan)
			return false;
	} else {
		return false;
	}
	l.l4 = (uint16_t)(l.l3 + ip);
	l.flags = LAYER_PORTS;
	v->outcome = PACKET_IP;
	v->flags = 0;
	v->n_layers = 1;
	v->shape = l.family == 4 ? SHAPE_PLAIN4 : SHAPE_OTHER;
	if (l.family == 4) {
		uint64_t ends = __builtin_bswap64(load64(v->data + l.l3 + 12));
		memcpy(v->end4, &ends, sizeof(ends));
	}
	v->layer[0] = l;
	return true;
}

// Ethernet, at most one tag, IP without options or fragments, TCP or UDP, nothing cut.
static inline __attribute__((always_inline)) bool parse_fast(
	const struct fast_ports *special, struct packet_view *v)
{
	const uint8_t *d = v->data;
	uint32_t l3 = 14;

	if (v->length < 14 + 4 + 40 || v->total > OFFSETS_MAX)
		return false;
	uint16_t type = wire_load16(d + 12);
	if (type == ETHERTYPE_VLAN) {
		type = wire_load16(d + 16);
		l3 = 18;
	}
	const uint8_t *ip = d + l3;
	if (type == ETHERTYPE_IPV4) {
		uint16_t length = wire_load16(ip + 2);
		if (ip[0] != 0x45 || wire_load16(ip + 6) & 0x3fff || length < 20 ||
			l3 + length > v->total)
			return false;
		struct packet_layer l = {.l3 = (uint16_t)l3,
			.length = length,
			.family = 4,
			.protocol = ip[9],
			.source = 12,
			.address_length = 4};
		return fast_upper(special, v, l, 20);
	}
	if (type == ETHERTYPE_IPV6) {
		uint32_t length = 40u + wire_load16(ip + 4);
		if (ip[0] >> 4 != 6 || length < 60 || l3 + length > v->total || l3 + 60 > v->length)
			return false;
		struct packet_layer l = {.l3 = (uint16_t)l3,
			.length = (uint16_t)length,
			.family = 6,
			.protocol = ip[6],
			.source = 8,
			.address_length = 16};
		return fast_upper(special, v, l, 40);
	}
	return false;
}

uint32_t parse_burst(const struct port_traits *port, struct packet_view *views, unsigned n)
{
	uint32_t fragments = 0;
	struct fast_ports special = {
		.gtpu = port->tunnel == CONFIG_TUNNEL_GTPU ? PORT_GTPU : UINT32_MAX,
		.vxlan = port->vxlan ? PORT_VXLAN : UINT32_MAX,
	};

	for (unsigned i = 0; i < n && i < PREFETCH_AHEAD; i++)
		__builtin_prefetch(views[i].data);
	for (unsigned i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			__builtin_prefetch(views[i + PREFETCH_AHEAD].data);
		if (!parse_fast(&special, &views[i]))
			fragments |= (uint32_t)parse_general(port, &views[i]) << i;
	}
	return fragments;
}
