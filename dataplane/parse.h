#pragma once

#include "dataplane/packet.h"

// Parses `n` (at most PACKET_BURST) frames whose data, length and total are set in `views`; fills the
// rest. Prefetches as a staged loop. Never reads beyond `length`, never fails: each outcome is an
// enum packet_outcome, and n_layers counts only layers that are certain.
void parse_burst(const struct port_traits *port, struct packet_view *views, unsigned n);
