// Judges whether the fragments that were put together are of one datagram.

#include "dataplane/worker/reassembly_whole.h"

#include <rte_ip.h>

#include "dataplane/packet/parse.h"
#include "shared/wire.h"

#define PORT_GTPU 2152
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define UDP_HEADER 8u
#define GTPU_HEADER 8u

void reassembly_finish_header(uint8_t *ip, uint32_t content, uint8_t next)
{
	if (ip[0] >> 4 == 6) {
		wire_store16(ip + 4, (uint16_t)content);
		ip[6] = next;
		return;
	}
	wire_store16(ip + 2, (uint16_t)((ip[0] & 15) * 4u + content));
	wire_store16(ip + 6, wire_load16(ip + 6) & 0x4000); // "don't fragment" stays
	wire_store16(ip + 10, 0);
	uint16_t sum = rte_ipv4_cksum((const struct rte_ipv4_hdr *)ip);
	memcpy(ip + 10, &sum, 2);
}

// Returns whether the Internet checksum over the pseudo-header and `size` bytes from `l4` is right.
static bool checksum_holds(const uint8_t *frame, const struct packet_layer *l, uint32_t size)
{
	uint8_t tail[8] = {0, 0, 0, 0, 0, 0, 0, l->protocol};

	wire_store32(tail, size);
	uint32_t sum = rte_raw_cksum(frame + l->l3 + l->source, l->address_length * 2u);
	sum += rte_raw_cksum(tail, sizeof(tail));
	sum += rte_raw_cksum(frame + l->l4, size);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static uint32_t payload_of(const struct packet_layer *l)
{
	return (uint32_t)l->l3 + l->length - l->l4;
}

static bool gtpu_length_holds(const uint8_t *gtp, uint32_t size)
{
	if (size < GTPU_HEADER || gtp[0] >> 5 != 1)
		return true; // no GTP-U, and judged by the parser
	uint32_t length = wire_load16(gtp + 2);

	return length + GTPU_HEADER == size || length == size;
}

static bool inner_holds(const uint8_t *frame, const struct packet_layer *l)
{
	const uint8_t *p = frame + l->l4;
	uint32_t size = payload_of(l);

	if (l->flags & (LAYER_CUT | LAYER_FRAGMENT_FIRST | LAYER_FRAGMENT_LATER))
		return true;
	if (l->family == 6 && frame[l->l3 + 6] != l->protocol)
		return true; // a routing header may hide the final destination
	if (l->protocol == PROTOCOL_TCP)
		return size < 20 || wire_load16(p + 16) == 0 || checksum_holds(frame, l, size);
	if (l->protocol != PROTOCOL_UDP || size < UDP_HEADER || wire_load16(p + 6) == 0)
		return true;
	uint32_t udp = wire_load16(p + 4);
	return udp < UDP_HEADER || udp > size || checksum_holds(frame, l, udp);
}

bool reassembly_agrees(const uint8_t *frame, uint32_t length, bool gtpu, bool routed)
{
	const struct port_traits port = {.tunnel = gtpu ? CONFIG_TUNNEL_GTPU : CONFIG_TUNNEL_NONE};
	struct packet_view v = {.data = frame, .length = length, .total = length};
	const struct packet_layer *l = &v.layer[0];

	(void)parse_burst(&port, &v, 1);
	if (v.n_layers == 0 || l->protocol != PROTOCOL_UDP || !(l->flags & LAYER_PORTS))
		return false;
	uint32_t size = payload_of(l);
	if (size < UDP_HEADER || wire_load16(frame + l->l4 + 4) != size)
		return false;
	if (gtpu && l->dport == PORT_GTPU &&
		!gtpu_length_holds(frame + l->l4 + UDP_HEADER, size - UDP_HEADER))
		return false;
	if (wire_load16(frame + l->l4 + 6) != 0)
		return routed || checksum_holds(frame, l, size);
	return v.n_layers < 2 || v.layer[1].wrap != WRAP_GTPU || inner_holds(frame, &v.layer[1]);
}
