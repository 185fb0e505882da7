// Octet 0 chooses the port, the rest is a frame in a heap block of exactly its size.

#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/parse.h"
#include "tests/unit/dataplane/packet/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 65535)
		return 0;
	struct port_traits port = {.tunnel = data[0] & 1,
		.gre = data[0] & 2,
		.ipip = data[0] & 4,
		.vxlan = data[0] & 8,
		.vxlan_gpe = data[0] & 16,
		.geneve = data[0] & 16,
		.tzsp = data[0] & 16,
		.etherip = data[0] & 16,
		.mpls_in_udp = data[0] & 16,
		.mpls_pseudowire = data[0] & 32,
		.n_vxlan_ports = data[0] & 64 ? 2 : 0,
		.vxlan_port = {8472, 53}};
	uint8_t *copy = malloc(size > 1 ? size - 1 : 1);
	struct packet_view v;
	memcpy(copy, data + 1, size - 1);
	memset(&v, 0x5a, sizeof(v));
	v.data = copy;
	v.length = v.total = (uint32_t)(size - 1);
	parse_burst(&port, &v, 1);
	struct packet_view slow = {.data = copy, .length = v.length, .total = v.total};
	parse_by_layers(&port, &slow);
	if (!views_equal(&v, &slow))
		abort();
	uint32_t unopened = parse_unopened(&port, &v);
	if (unopened >> 16 > UNOPENED_NSH || (unopened && v.flags & VIEW_GTPU))
		abort();
	if (v.outcome >= PACKET_OUTCOME_COUNT || v.n_layers > PACKET_LAYERS_MAX)
		abort();
	for (unsigned i = 0; i < v.n_layers; i++)
		if (v.layer[i].l3 + v.layer[i].source + 2u * v.layer[i].address_length > v.length)
			abort();
	if (v.flags & VIEW_GTPU && (uint32_t)v.gtp + v.gtp_length > v.length)
		abort();
	free(copy);
	return 0;
}
