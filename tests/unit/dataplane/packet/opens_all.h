#pragma once

// The traits of a port that opens every wrapping there is a key for.

#include "dataplane/packet/packet.h"

static const struct port_traits all = {.tunnel = CONFIG_TUNNEL_GTPU,
	.gre = true,
	.ipip = true,
	.vxlan = true,
	.vxlan_gpe = true,
	.geneve = true,
	.tzsp = true,
	.etherip = true,
	.mpls_in_udp = true,
	.mpls_pseudowire = true,
	.n_vxlan_ports = 1,
	.vxlan_port = {8472}};
