// The naive parser: what a frame holds.
#include "tests/unit/dataplane/match/reference_internal.h"

#include <string.h>

static void ref_ip(struct ref *r, long at, long end, int version);

static long n16(const struct ref *r, long at)
{
	return r->f[at] * 256L + r->f[at + 1];
}

static long lesser(long a, long b)
{
	return a < b ? a : b;
}

// The length field of an IP packet at `at`, or 0.
static long ip_word(const struct ref *r, long at, long end)
{
	if (at + 6 > end)
		return 0;
	int version = r->f[at] / 16;
	return version == 4 ? n16(r, at + 2) : version == 6 ? 40 + n16(r, at + 4) : 0;
}

// Behind labels: a header whose checksum and length are right.
static int ref_shows_ip(const struct ref *r, long at, long end)
{
	long word = ip_word(r, at, end), header = at < end ? r->f[at] % 16 * 4 : 0, sum = 0;

	if (at + 20 > end || word > end - at)
		return 0;
	if (r->f[at] / 16 == 6)
		return word >= 40 && (word == end - at || word + 4 == end - at || r->have <= 64);
	if (r->f[at] / 16 != 4 || header < 20 || at + header > end)
		return 0;
	for (long i = 0; i < header; i += 2)
		sum += n16(r, at + i);
	return sum % 65535 == 0;
}

static int ref_checksum(const struct ref *r, long at, long end)
{
	long header = at < end ? r->f[at] % 16 * 4 : 0, sum = 0;

	if (at >= end || r->f[at] / 16 != 4 || header < 20 || at + header > end)
		return 0;
	for (long i = 0; i < header; i += 2)
		sum += n16(r, at + i);
	return sum % 65535 == 0;
}

// Behind a stack of labels.
static void ref_labels(struct ref *r, long at, long end)
{
	for (int labels = 1; labels <= 8 && at + 4 <= end; labels++, at += 4) {
		if (!(r->f[at + 2] & 1))
			continue;
		at += 4;
		if (ref_shows_ip(r, at, end))
			ref_ip(r, at, end, r->f[at] / 16);
		return;
	}
}

static int is_snap(const struct ref *r, long at, long end)
{
	return at + 8 <= end && n16(r, at) == 0xaaaa && n16(r, at + 2) == 0x300 &&
	       r->f[at + 4] == 0 && (r->f[at + 5] == 0 || r->f[at + 5] == 0xf8);
}

// Octets of a tag that begins at `at`; 0 where the type is of no tag.
static long tag_octets(long type)
{
	switch (type) {
	case 0x8100:
	case 0x88a8:
	case 0x9100:
	case 0x9200:
		return 4;
	case 0x8926:
		return 6;
	case 0x893f:
	case 0x8909:
		return 8;
	default:
		return 0;
	}
}

// Passes the tags: returns where the content begins and sets its type, or -1.
static long ref_tags(const struct ref *r, long at, long end, long *type)
{
	for (int tags = 0; tag_octets(*type); tags++) {
		long octets = tag_octets(*type);
		if (tags == 4 || at + octets > end)
			return -1;
		if (*type == 0x8909 && n16(r, at) != 0x0101)
			return -1;
		at += octets;
		*type = n16(r, at - 2);
	}
	return at;
}

static void ref_named(struct ref *r, long at, long end, long type)
{
	if (type == 0x0800)
		ref_ip(r, at, end, 4);
	if (type == 0x86dd)
		ref_ip(r, at, end, 6);
	if (type == 0x8847 || type == 0x8848)
		ref_labels(r, at, end);
	if (type == 0x88e7 && at + 4 <= end)
		ref_ethernet(r, at + 4, end);
	if (type == 0x894f && at + 8 <= end && (r->f[at] & 0xe0) == 0) {
		long size = r->f[at + 1] % 64 * 4;
		int next = r->f[at + 3];
		if (size < 8 || at + size > end)
			return;
		at += size;
		if (next == 1 || next == 2)
			ref_ip(r, at, end, next == 1 ? 4 : 6);
		else if (next == 3)
			ref_ethernet(r, at, end);
		else if (next == 5)
			ref_labels(r, at, end);
	}
	if (type == 0x8864 && at + 8 <= end && r->f[at] == 0x11 && r->f[at + 1] == 0) {
		long length = n16(r, at + 4), stop = at + 6 + length;
		long octets = r->f[at + 6] % 2 ? 1 : 2;
		long ppp = octets == 1 ? r->f[at + 6] : n16(r, at + 6);
		if (length < octets)
			return;
		at += 6 + octets;
		if (ppp == 0x281 || ppp == 0x283) {
			ref_labels(r, at, lesser(stop, end));
			return;
		}
		long ip_end = at + ip_word(r, at, end);
		if (stop > end || (ip_end > stop && ip_end <= end))
			stop = end;
		ref_ip(r, at, stop, ppp == 0x21 ? 4 : ppp == 0x57 ? 6 : 0);
	}
}

static void ref_ethertype(struct ref *r, long at, long end, long type)
{
	at = ref_tags(r, at, end, &type);
	if (at >= 0)
		ref_named(r, at, end, type);
}

void ref_ethernet(struct ref *r, long at, long end)
{
	if (at + 14 > end || r->ethernets++ == 8)
		return;
	long type = n16(r, at + 12);
	at = ref_tags(r, at + 14, end, &type);
	if (at < 0)
		return;
	if (type > 1500)
		ref_named(r, at, end, type);
	else if (is_snap(r, at, end))
		ref_named(r, at + 8, end, n16(r, at + 6));
	else if (at + 3 <= end && n16(r, at) == 0x0606 && r->f[at + 2] == 3)
		ref_ip(r, at + 3, end, 4);
}

// The octets could be IP or Ethernet: an IP header whose version and lengths fit into `stop`.
static int ref_fits_ip(const struct ref *r, long at, long end, long stop, int version)
{
	long least = version == 4 ? 20 : 40;

	if (at + least > end || r->f[at] / 16 != version || at + ip_word(r, at, end) > stop)
		return 0;
	if (version == 6)
		return 1;
	long header = r->f[at] % 16 * 4, word = n16(r, at + 2);
	return header >= 20 && at + header <= end && (word == 0 || word >= header);
}

// An Ethernet header, and behind it the content of its type.
static int ref_shows_ethernet(const struct ref *r, long at, long end, long stop)
{
	static const uint8_t arp[6] = {0, 1, 8, 0, 6, 4};

	if (at + 14 > end || at + 14 > stop)
		return 0;
	long type = n16(r, at + 12);
	at = ref_tags(r, at + 14, end, &type);
	if (at < 0)
		return 0;
	switch (type) {
	case 0x0800:
		return ref_fits_ip(r, at, end, stop, 4);
	case 0x86dd:
		return ref_fits_ip(r, at, end, stop, 6);
	case 0x0806:
		return at + 28 <= end && !memcmp(r->f + at, arp, sizeof(arp));
	case 0x8863:
	case 0x8864:
		return at + 6 <= end && r->f[at] == 0x11;
	case 0x894f:
	case 0x88e7:
	case 0x8847:
	case 0x8848:
	case 0x88cc:
		return at + 4 <= end;
	default:
		return type >= 8 && type <= 1500 && at + type <= stop && is_snap(r, at, end);
	}
}

// Content that cannot be IP: a type is enough.
static int known_type(const struct ref *r, long at, long end)
{
	static const long types[] = {
		0x0806, 0x8100, 0x88a8, 0x9100, 0x9200, 0x8847, 0x8848, 0x8863, 0x8864, 0x88cc};

	if (at + 14 > end)
		return 0;
	long type = n16(r, at + 12);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type == types[i])
			return 1;
	if (at + 15 > end)
		return 0;
	return (type == 0x0800 && r->f[at + 14] / 16 == 4) ||
	       (type == 0x86dd && r->f[at + 14] / 16 == 6);
}

static void ref_gtp(struct ref *r, long at, long end, long claimed)
{
	if (at + 8 > end || r->f[at] / 16 != 3 || r->f[at + 1] != 255)
		return;
	struct ref_tunnel t = {.outer = r->layers - 1, .type = -1};
	for (int i = 4; i < 8; i++)
		t.teid = t.teid * 256 + r->f[at + i];
	long stop = at + claimed, p = at + 8;
	end = lesser(end, stop);
	if (r->f[at] & 7) {
		if (p + 4 > end)
			return;
		int next = r->f[at] & 4 ? r->f[p + 3] : 0, count = 0;
		p += 4;
		while (next) {
			if (++count > 8 || p + 4 > end || r->f[p] == 0 || p + r->f[p] * 4 > end)
				return;
			if (next == 0x85 && t.type < 0 && r->f[p + 1] / 16 < 2)
				t.type = r->f[p + 1] / 16;
			p += r->f[p] * 4;
			next = r->f[p - 1];
		}
	}
	long word = at + 8 + n16(r, at + 2), ip_end = p + ip_word(r, p, end);
	// Octets behind the message are padding, but not where that cuts an IP packet.
	if (word < stop && word >= p && (ip_end <= word || ip_end > stop))
		stop = word;
	end = lesser(end, stop);
	r->layer[t.outer].carrier = 1;
	r->tunnel[r->tunnels++] = t;
	if (p >= end)
		return;
	int version = r->f[p] / 16;
	int ethernet = version == 4 || version == 6 ? ref_shows_ethernet(r, p, end, stop)
						    : known_type(r, p, end);
	if (ip_word(r, p, end) != stop - p && !ref_checksum(r, p, end) && ethernet) {
		if (r->tunnels == 1)
			r->mac[1] = r->f + p;
		ref_ethernet(r, p, end);
	} else if (version == 4 || version == 6) {
		ref_ip(r, p, end, version);
	}
}

// PPP behind GRE.
static void ref_ppp(struct ref *r, long at, long end)
{
	if (at + 2 <= end && n16(r, at) == 0xff03)
		at += 2;
	if (at + 2 > end)
		return;
	long octets = r->f[at] % 2 ? 1 : 2, protocol = octets == 1 ? r->f[at] : n16(r, at);
	at += octets;
	if (protocol == 0x21 || protocol == 0x57)
		ref_ip(r, at, end, protocol == 0x21 ? 4 : 6);
	else if (protocol == 0x281 || protocol == 0x283)
		ref_labels(r, at, end);
}

static void ref_gre_content(struct ref *r, long at, long end, long flags, long type)
{
	if (type == 0x880b) {
		ref_ppp(r, at, end);
	} else if (type == 0x6558) {
		ref_ethernet(r, at, end);
	} else if (type == 0x88be || type == 0x22eb || type == 0x8847 || type == 0x8848) {
		if (r->tunnels) // a user's
			return;
		if (type == 0x8847 || type == 0x8848)
			ref_labels(r, at, end);
		else if (type == 0x88be && !(flags & 0x1000))
			ref_ethernet(r, at, end);
		else if (type == 0x88be && at + 8 <= end && r->f[at] / 16 == 1)
			ref_ethernet(r, at + 8, end);
		else if (type == 0x22eb && at + 12 <= end && r->f[at] / 16 == 2) {
			long content = at + (r->f[at + 11] % 2 ? 20 : 12);
			int kind = r->f[at + 10] / 4 % 32;
			if (content < end && kind == 0)
				ref_ethernet(r, content, end);
			else if (content < end && kind == 2)
				ref_ip(r, content, end, r->f[content] / 16);
		}
	} else if (type > 1500) {
		ref_ethertype(r, at, end, type);
	}
}

static void ref_gre(struct ref *r, long at, long end)
{
	if (at + 4 > end)
		return;
	long flags = n16(r, at), type = n16(r, at + 2);
	long skip = 4 + (flags >> 15 & 1) * 4 + (flags >> 13 & 1) * 4 + (flags >> 12 & 1) * 4;
	if ((flags & 0xf807) == 0x3001 && type == 0x880b)
		skip += (flags >> 7 & 1) * 4;
	else if (flags & 0x4007)
		return;
	if (at + skip <= end)
		ref_gre_content(r, at + skip, end, flags, type);
}

static void ref_upper(
	struct ref *r, struct ref_layer *l, long at, long end, long claimed, int fragment)
{
	long header = l->proto == 6			  ? 20
		      : l->proto == 17			  ? 8
		      : l->proto == 132 || l->proto == 33 ? 12
							  : 0;

	if (header) {
		if (at + 4 > end)
			return;
		l->has_ports = 1;
		l->sport = (int)n16(r, at);
		l->dport = (int)n16(r, at + 2);
		if (l->proto != 17 || at + 8 > end)
			return;
		if (fragment) { // the rest of a tunnel's datagram is elsewhere, its ports stay the
				// tunnel's
			l->carrier = l->dport == 2152 && r->port->tunnel == CONFIG_TUNNEL_GTPU;
			return;
		}
		long length = n16(r, at + 4);
		if (length < 8 || length > claimed)
			return;
		end = lesser(end, at + length);
		if (l->dport == 2152 && r->port->tunnel == CONFIG_TUNNEL_GTPU) {
			ref_gtp(r, at + 8, end, length - 8);
		} else if (l->dport == 4789 && r->port->vxlan && r->tunnels == 0 &&
			   at + 16 <= end && r->f[at + 8] & 8 &&
			   ref_shows_ethernet(r, at + 16, end, at + length)) {
			l->carrier = 1;
			ref_ethernet(r, at + 16, end);
		}
		return;
	}
	if (fragment)
		return;
	if (r->port->ipip && (l->proto == 4 || l->proto == 41))
		ref_ip(r, at, end, l->proto == 4 ? 4 : 6);
	if (r->port->gre && l->proto == 47)
		ref_gre(r, at, end);
}

static void ref_ip(struct ref *r, long at, long end, int version)
{
	struct ref_layer *l = &r->layer[r->layers];
	long fixed = version == 4 ? 20 : 40;

	if ((version != 4 && version != 6) || r->layers == 4 || at + fixed > end ||
		r->f[at] / 16 != version)
		return;
	long claimed = version == 4 ? n16(r, at + 2) : 40 + n16(r, at + 4);
	long header = version == 4 ? r->f[at] % 16 * 4 : 40;
	int jumbo = version == 6 && claimed == 40 && r->f[at + 6] == 0 && at + 48 <= end &&
		    r->f[at + 42] == 0xc2 && r->f[at + 43] == 4;
	if (jumbo)
		claimed = 40 + n16(r, at + 44) * 65536 + n16(r, at + 46);
	else if (claimed == 0 || (version == 6 && claimed == 40 && r->f[at + 6] != 59))
		claimed = end - at; // as it came
	if (header < fixed || at + header > end || claimed < header)
		return;
	memset(l, 0, sizeof(*l));
	l->family = version;
	memcpy(l->src, r->f + at + (version == 4 ? 12 : 8), version == 4 ? 4 : 16);
	memcpy(l->dst, r->f + at + (version == 4 ? 16 : 24), version == 4 ? 4 : 16);
	l->in_gtp = r->tunnels > 0;
	r->layers++;
	end = lesser(end, at + claimed);
	int fragment = 0;
	long p = at + header;
	if (version == 4) {
		l->proto = r->f[at + 9];
		long ff = n16(r, at + 6);
		if (ff % 0x2000)
			return;
		fragment = ff & 0x2000 ? 1 : 0;
		for (int count = 1; l->proto == 51; count++) {
			if (count > 8 || p + 8 > end || p + r->f[p + 1] * 4 + 8 > end)
				return;
			l->proto = r->f[p];
			p += r->f[p + 1] * 4 + 8;
		}
	} else {
		int next = r->f[at + 6], count = 0;
		if (claimed == 40)
			return;
		while (next == 0 || next == 43 || next == 44 || next == 51 || next == 60 ||
			next == 135 || next == 139 || next == 140) {
			if (++count > 8 || p + 8 > end)
				return;
			long size = next == 44	 ? 8
				    : next == 51 ? r->f[p + 1] * 4 + 8
						 : r->f[p + 1] * 8 + 8;
			if (p + size > end)
				return;
			if (next == 44) {
				if (n16(r, p + 2) / 8) {
					l->proto = r->f[p];
					return;
				}
				fragment |= r->f[p + 3] & 1;
			}
			next = r->f[p];
			p += size;
		}
		l->proto = next;
	}
	ref_upper(r, l, p, end, at + claimed - p, fragment);
}
