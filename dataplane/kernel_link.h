#pragma once

// The carrier of a kernel interface. Ports that are sockets on one (net_af_packet, net_tap,
// net_pcap with iface=) say "up" whatever the cable does.

#include <stdbool.h>

// Whether the interface is up and has its carrier (IFF_RUNNING); false when it is gone. One system
// call or two, not for workers.
bool kernel_link_running(unsigned if_index);
