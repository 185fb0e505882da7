#include "tests/unit/dataplane/packet/frames.h"

#include <string.h>

#include "shared/wire.h"

enum { FIX_IPV4, FIX_IPV6, FIX_UDP, FIX_GTPU, FIX_PPPOE };

uint32_t rng_next(struct rng *r)
{
	r->s = r->s * 6364136223846793005u + 1442695040888963407u;
	uint64_t x = r->s ^ r->s >> 33;
	return (uint32_t)((x * 0xff51afd7ed558ccdu) >> 32);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)((uint64_t)rng_next(r) * n >> 32);
}

void frame_raw(struct frame *f, const void *octets, uint32_t n)
{
	if (f->n + n > sizeof(f->b))
		return;
	memcpy(f->b + f->n, octets, n);
	f->n += n;
}

void frame_zero(struct frame *f, uint32_t n)
{
	static const uint8_t zero[256];
	frame_raw(f, zero, n);
}

void frame_u16(struct frame *f, uint16_t v)
{
	uint8_t b[2];
	wire_store16(b, v);
	frame_raw(f, b, 2);
}

static void u32(struct frame *f, uint32_t v)
{
	frame_u16(f, (uint16_t)(v >> 16));
	frame_u16(f, (uint16_t)v);
}

static void fix(struct frame *f, uint8_t kind)
{
	if (f->n_fix < 16) {
		f->fix[f->n_fix].kind = kind;
		f->fix[f->n_fix++].at = (uint16_t)f->n;
	}
}

void frame_ethernet(struct frame *f, uint16_t type)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	frame_raw(f, macs, 12);
	frame_u16(f, type);
}

void frame_vlan(struct frame *f, uint16_t type)
{
	frame_u16(f, 7);
	frame_u16(f, type);
}

void frame_mpls(struct frame *f, int bottom)
{
	u32(f, 0x00010000u | (bottom ? 0x100 : 0) | 64);
}

void frame_pppoe(struct frame *f, uint16_t protocol)
{
	fix(f, FIX_PPPOE);
	u32(f, 0x11000001);
	frame_u16(f, 0);
	frame_u16(f, protocol);
}

void frame_ipv4(struct frame *f, uint32_t source, uint32_t destination, uint8_t protocol)
{
	fix(f, FIX_IPV4);
	u32(f, 0x45000000);
	u32(f, 0x12340000);
	u32(f, 64u << 24 | (uint32_t)protocol << 16);
	u32(f, source);
	u32(f, destination);
}

void frame_ipv6(struct frame *f, uint32_t source, uint32_t destination, uint8_t next)
{
	fix(f, FIX_IPV6);
	u32(f, 0x60000000);
	u32(f, (uint32_t)next << 8 | 64);
	for (int i = 0; i < 2; i++) {
		u32(f, 0x20010db8);
		u32(f, i ? destination & 3 : source & 3); // several /64
		u32(f, 0);
		u32(f, i ? destination : source);
	}
}

void frame_udp(struct frame *f, uint16_t source, uint16_t destination)
{
	fix(f, FIX_UDP);
	frame_u16(f, source);
	frame_u16(f, destination);
	u32(f, 0);
}

void frame_tcp(struct frame *f, uint16_t source, uint16_t destination)
{
	frame_u16(f, source);
	frame_u16(f, destination);
	u32(f, 1);
	u32(f, 2);
	u32(f, 0x50100100);
	u32(f, 0);
}

void frame_gtpu(struct frame *f, uint8_t type, uint32_t teid)
{
	fix(f, FIX_GTPU);
	u32(f, 0x30000000u | (uint32_t)type << 16);
	u32(f, teid);
}

void frame_gtpu_session(struct frame *f, uint32_t teid, uint8_t pdu_type, uint8_t qfi)
{
	fix(f, FIX_GTPU);
	u32(f, 0x34ff0000u);
	u32(f, teid);
	u32(f, 0x00000085);
	u32(f, 0x01000000u | (uint32_t)pdu_type << 20 | (uint32_t)qfi << 8);
}

static void ipv4_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	wire_store16(ip + 10, 0);
	for (unsigned i = 0; i < 20; i += 2)
		sum += wire_load16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	wire_store16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
}

void frame_finish(struct frame *f)
{
	while (f->n_fix) {
		unsigned at = f->fix[--f->n_fix].at;
		uint32_t size = f->n - at;
		switch (f->fix[f->n_fix].kind) {
		case FIX_IPV4:
			wire_store16(f->b + at + 2, (uint16_t)size);
			ipv4_checksum(f->b + at);
			break;
		case FIX_IPV6:
			wire_store16(f->b + at + 4, (uint16_t)(size - 40));
			break;
		case FIX_UDP:
			wire_store16(f->b + at + 4, (uint16_t)size);
			break;
		case FIX_GTPU:
			wire_store16(f->b + at + 2, (uint16_t)(size - 8));
			break;
		default:
			wire_store16(f->b + at + 4, (uint16_t)(size - 6));
			break;
		}
	}
}

// ---- random ----

static uint32_t some_v4(struct rng *r)
{
	return 0x0a000000u + (rng_below(r, 2) << 16) + (rng_below(r, 2) << 8) + rng_below(r, 8);
}

static uint16_t some_port(struct rng *r)
{
	static const uint16_t ports[] = {53, 80, 443, 2152, 4789, 5060, 40000, 40001};
	return ports[rng_below(r, 8)];
}

static void random_upper(struct frame *f, struct rng *r, int depth, uint8_t protocol);

static void random_extensions(struct frame *f, struct rng *r, uint8_t next)
{
	unsigned n = rng_below(r, 9);

	for (unsigned i = 0; i < n; i++) {
		uint8_t b[8] = {i + 1 == n ? next : 60, 0, 1, 4};
		frame_raw(f, b, 8);
	}
	if (n == 0) { // the header before announced options
		uint8_t b[8] = {next};
		frame_raw(f, b, 8);
	}
}

static void random_ip(struct frame *f, struct rng *r, int depth, int version)
{
	static const uint8_t protocols[] = {6, 17, 17, 17, 132, 1, 58, 4, 41, 47, 50, 59};
	uint8_t protocol = protocols[rng_below(r, 12)];

	if (version == 4) {
		uint32_t at = f->n;
		frame_ipv4(f, some_v4(r), some_v4(r), protocol);
		if (rng_below(r, 8) == 0) {
			f->b[at] = 0x46;
			frame_zero(f, 4);
		}
		if (rng_below(r, 8) == 0)
			wire_store16(f->b + at + 6, (uint16_t)(rng_below(r, 2) ? 0x2000 : 0x2005));
	} else {
		int extended = rng_below(r, 4) == 0, fragment = rng_below(r, 8) == 0;
		uint8_t inner = fragment ? 44 : protocol;
		frame_ipv6(f, some_v4(r), some_v4(r), extended ? 60 : inner);
		if (extended)
			random_extensions(f, r, inner);
		if (fragment) {
			static const uint16_t offsets[] = {0, 1, 8, 0x101};
			uint8_t b[8] = {protocol, 0};
			wire_store16(b + 2, offsets[rng_below(r, 4)]);
			frame_raw(f, b, 8);
		}
	}
	random_upper(f, r, depth, protocol);
}

static void random_ethertype(struct frame *f, struct rng *r, int depth, uint32_t type_at)
{
	static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100};
	unsigned n = rng_below(r, 4) ? 0 : rng_below(r, 6);
	int version = rng_below(r, 3) ? 4 : 6;

	for (unsigned i = 0; i < n; i++) {
		wire_store16(f->b + type_at, tags[rng_below(r, 3)]);
		frame_vlan(f, 0);
		type_at = f->n - 2;
	}
	switch (rng_below(r, 12)) {
	case 0:
		wire_store16(f->b + type_at, 0x8847);
		for (unsigned i = rng_below(r, 9); i; i--)
			frame_mpls(f, 0);
		frame_mpls(f, 1);
		break;
	case 1:
		wire_store16(f->b + type_at, 0x8864);
		frame_pppoe(f, version == 4 ? 0x21 : 0x57);
		break;
	case 2:
		wire_store16(f->b + type_at, 0x0806);
		break;
	default:
		wire_store16(f->b + type_at, version == 4 ? 0x0800 : 0x86dd);
		break;
	}
	random_ip(f, r, depth, version);
}

static void random_ethernet(struct frame *f, struct rng *r, int depth)
{
	uint32_t at = f->n;

	frame_ethernet(f, 0);
	if (f->n < at + 14)
		return;
	f->b[at + 5] = (uint8_t)rng_below(r, 4);
	f->b[at + 11] = (uint8_t)rng_below(r, 4);
	if (rng_below(r, 3) == 0)
		f->b[at] = (uint8_t)(rng_below(r, 2) ? 0x46 : 0x64); // looks like an IP version
	random_ethertype(f, r, depth, f->n - 2);
}

static void random_content(struct frame *f, struct rng *r, int depth)
{
	uint32_t way = rng_below(r, 8);

	if (depth >= 5 || way == 0)
		frame_zero(f, rng_below(r, 30));
	else if (way == 1)
		random_ethernet(f, r, depth + 1);
	else
		random_ip(f, r, depth + 1, way < 5 ? 4 : 6);
}

static void random_gtpu(struct frame *f, struct rng *r, int depth)
{
	static const uint8_t other[] = {1, 2, 26, 254};
	uint32_t teid = 1 + rng_below(r, 6);

	switch (rng_below(r, 8)) {
	case 0:
		frame_gtpu(f, other[rng_below(r, 4)], teid);
		return;
	case 1:
	case 2:
		frame_gtpu_session(f, teid, (uint8_t)rng_below(r, 3), 9);
		break;
	case 3: // several extension headers
		frame_gtpu(f, 255, teid);
		f->b[f->n - 8] = 0x34 | (uint8_t)rng_below(r, 4);
		u32(f, 0x00000040);
		for (unsigned i = rng_below(r, 9); i; i--)
			u32(f, 0x01000040);
		u32(f, 0x01000000 | (rng_below(r, 2) ? 0x85 : 0));
		u32(f, 0x01100500);
		break;
	default:
		frame_gtpu(f, 255, teid);
		break;
	}
	random_content(f, r, depth);
}

static void random_upper(struct frame *f, struct rng *r, int depth, uint8_t protocol)
{
	uint16_t ports[2] = {some_port(r), some_port(r)};

	if (protocol == 17) {
		if (depth < 5 && rng_below(r, 2))
			ports[1] = rng_below(r, 4) ? 2152 : 4789;
		frame_udp(f, ports[0], ports[1]);
		if (ports[1] == 2152) {
			random_gtpu(f, r, depth);
		} else if (ports[1] == 4789) {
			u32(f, 0x08000000);
			u32(f, 0x100);
			random_ethernet(f, r, depth + 1);
		}
	} else if (protocol == 6) {
		frame_tcp(f, ports[0], ports[1]);
	} else if (protocol == 47) {
		uint16_t flags =
			rng_below(r, 2) ? 0 : (uint16_t)(rng_below(r, 2) ? 0xb000 : 0x2000);
		static const uint16_t types[] = {0x0800, 0x86dd, 0x6558, 0x8847};
		uint16_t type = types[rng_below(r, 4)];
		frame_u16(f, flags);
		frame_u16(f, type);
		for (unsigned i = flags == 0xb000 ? 3 : flags ? 1 : 0; i; i--)
			u32(f, 7);
		if (depth < 5 && type == 0x6558)
			random_ethernet(f, r, depth + 1);
		else if (depth < 5)
			random_ip(f, r, depth + 1, type == 0x86dd ? 6 : 4);
	} else if ((protocol == 4 || protocol == 41) && depth < 5) {
		random_ip(f, r, depth + 1, protocol == 4 ? 4 : 6);
	} else {
		frame_u16(f, ports[0]);
		frame_u16(f, ports[1]);
		frame_zero(f, 8);
	}
}

void frame_random(struct frame *f, struct rng *r)
{
	f->n = 0;
	f->n_fix = 0;
	random_ethernet(f, r, 0);
	frame_zero(f, rng_below(r, 12));
	frame_finish(f);
	if (rng_below(r, 4) == 0)
		frame_zero(f, rng_below(r, 20)); // Ethernet padding
	switch (rng_below(r, 8)) {
	case 0:
		f->n = rng_below(r, f->n + 1);
		break;
	case 1:
		for (unsigned i = 1 + rng_below(r, 4); i; i--)
			f->b[rng_below(r, f->n)] = (uint8_t)rng_next(r);
		break;
	default:
		break;
	}
}

static void user_header(struct frame *f, struct rng *r, bool six, uint8_t protocol)
{
	uint32_t ends[2] = {some_v4(r), some_v4(r)};

	if (!six) {
		frame_ipv4(f, ends[0], ends[1], protocol);
		return;
	}
	frame_ipv6(f, ends[0], ends[1], protocol);
	for (unsigned i = 0; i < 2; i++) { // as random_prefix has them, or not
		uint8_t *address = f->b + f->n - 32 + 16 * i;
		address[7] = (uint8_t)(rng_below(r, 2) ? ends[i] & 3 : rng_below(r, 8));
		if (rng_below(r, 8) == 0)
			address[5] = (uint8_t)rng_below(r, 3);
	}
}

void frame_user(struct frame *f, struct rng *r)
{
	bool six = rng_below(r, 2), tcp = rng_below(r, 2);

	f->n = f->n_fix = 0;
	if (rng_below(r, 3)) {
		bool carrier6 = rng_below(r, 4) == 0;
		frame_ethernet(f, carrier6 ? 0x86dd : 0x0800);
		user_header(f, r, carrier6, 17);
		frame_udp(f, 2152, 2152);
		frame_gtpu_session(f, 1 + rng_below(r, 6), (uint8_t)rng_below(r, 2), 9);
	} else {
		frame_ethernet(f, six ? 0x86dd : 0x0800);
	}
	user_header(f, r, six, tcp ? 6 : 17);
	if (tcp)
		frame_tcp(f, some_port(r), some_port(r));
	else
		frame_udp(f, some_port(r), some_port(r));
	frame_zero(f, rng_below(r, 20));
	frame_finish(f);
}

static void random_prefix(struct ip_prefix *p, struct rng *r, int family)
{
	uint32_t a = some_v4(r);
	unsigned bits = family == 4 ? 32 : 128;

	*p = (struct ip_prefix){.family = (uint8_t)family};
	if (family == 4) {
		wire_store32(p->b, a);
	} else {
		wire_store32(p->b, 0x20010db8);
		wire_store32(p->b + 4, a & 3);
		wire_store32(p->b + 12, a);
	}
	p->length = (uint8_t)(rng_below(r, 3) ? bits : rng_below(r, bits + 1));
	for (unsigned bit = p->length; bit < bits; bit++)
		p->b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static void random_ports(struct port_set *s, struct rng *r)
{
	s->n = (uint8_t)(1 + rng_below(r, 3));
	for (unsigned i = 0; i < s->n; i++) {
		uint16_t a = some_port(r), b = rng_below(r, 2) ? a : some_port(r);
		s->range[i] = (struct port_range){a < b ? a : b, a < b ? b : a};
	}
}

static void random_filter(struct filter *c, struct rng *r)
{
	uint32_t kinds = rng_next(r) & rng_next(r) & 0x3f;
	int family = rng_below(r, 2) ? 4 : 6;

	*c = (struct filter){.kinds = kinds};
	if (kinds & FILTER_ADDRESS) {
		c->n_address = rng_below(r, 3) ? 1 : 2;
		for (unsigned i = 0; i < c->n_address; i++)
			random_prefix(&c->address[i], r, family);
	}
	if (kinds & FILTER_PORT) {
		c->n_port = rng_below(r, 3) ? 1 : 2;
		c->protocol = rng_below(r, 3) ? 17 : 6;
		for (unsigned i = 0; i < c->n_port; i++)
			random_ports(&c->port[i], r);
	}
	if (kinds & (FILTER_TEID | FILTER_FTEID))
		c->teid = 1 + rng_below(r, 6);
	if (kinds & FILTER_FTEID) {
		struct ip_prefix p;
		random_prefix(&p, r, 4);
		c->fteid_v4.family = 4;
		memcpy(c->fteid_v4.b, p.b, 16);
		if (rng_below(r, 2)) {
			random_prefix(&p, r, 6);
			c->fteid_v6.family = 6;
			memcpy(c->fteid_v6.b, p.b, 16);
		}
	}
	if (kinds & FILTER_MAC) {
		c->n_mac = rng_below(r, 3) ? 1 : 2;
		for (unsigned i = 0; i < 2; i++) {
			uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)rng_below(r, 4)};
			if (i < c->n_mac)
				memcpy(c->mac[i], mac, 6);
		}
	}
	if (kinds & FILTER_DIRECTION)
		c->direction = rng_below(r, 2) ? FILTER_TO_TARGET : FILTER_FROM_TARGET;
}

void rule_random(struct rule *rule, struct rng *r, uint32_t slot)
{
	const char *why;

	memset(rule, 0, sizeof(*rule));
	rule->slot = slot;
	rule->links = rng_below(r, 4) ? 0 : (uint8_t)(1 + rng_below(r, 15));
	do
		random_filter(&rule->filter, r);
	while (filter_normalise(&rule->filter) || filter_check(&rule->filter, &why));
}

void rule_random_bound(struct rule *rule, struct rng *r, uint32_t binding, struct rule_room *room)
{
	const char *why;
	struct filter *f = &rule->filter;

	memset(rule, 0, sizeof(*rule));
	rule->binding = binding;
	rule->links = rng_below(r, 4) ? 0 : (uint8_t)(1 + rng_below(r, 15));
	rule->from_ns = rng_below(r, 3);
	if (rng_below(r, 2)) {
		do
			random_filter(f, r);
		while (!(f->kinds & FILTER_FTEID));
		*f = (struct filter){.kinds = FILTER_FTEID,
			.teid = f->teid,
			.fteid_v4 = f->fteid_v4,
			.fteid_v6 = f->fteid_v6};
		rule->direction = (uint8_t)(rng_below(r, 3) ? 2 + rng_below(r, 2) : 0);
	} else {
		f->kinds = FILTER_ADDRESS;
		f->n_address = 1;
		random_prefix(&f->address[0], r, rng_below(r, 2) ? 4 : 6);
	}
	rule->select = rng_below(r, 4) ? NULL : room->udp;
	if (rng_below(r, 3))
		return;
	do
		random_filter(&room->also, r);
	while (filter_normalise(&room->also) || filter_check(&room->also, &why));
	rule->also = &room->also;
}

bool views_equal(const struct packet_view *a, const struct packet_view *b)
{
	if (a->outcome != b->outcome || a->flags != b->flags || a->n_layers != b->n_layers ||
		memcmp(a->layer, b->layer, a->n_layers * sizeof(a->layer[0])) != 0)
		return false;
	if (!(a->flags & VIEW_GTPU))
		return true;
	return a->gtp_outer == b->gtp_outer && a->gtp == b->gtp && a->gtp_header == b->gtp_header &&
	       a->gtp_length == b->gtp_length && a->teid == b->teid && a->pdu_type == b->pdu_type &&
	       a->qfi == b->qfi && a->n_nested == b->n_nested &&
	       !memcmp(a->nested, b->nested, a->n_nested * sizeof(a->nested[0]));
}

void port_random(struct port_traits *port, struct rng *r)
{
	memset(port, 0, sizeof(*port));
	port->tunnel = rng_below(r, 4) ? CONFIG_TUNNEL_GTPU : CONFIG_TUNNEL_NONE;
	port->link = (uint8_t)rng_below(r, 4);
	port->gre = rng_below(r, 2);
	port->ipip = rng_below(r, 2);
	port->vxlan = rng_below(r, 2);
	port->n_endpoints = (uint8_t)rng_below(r, 3);
	for (unsigned i = 0; i < port->n_endpoints; i++) {
		random_prefix(&port->endpoint[i], r, i ? 6 : 4);
		if (port->endpoint[i].family == 4 && port->endpoint[i].length > 24)
			port->endpoint[i].length = 24, port->endpoint[i].b[3] = 0;
	}
}
