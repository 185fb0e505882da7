#pragma once

// The carrier of a kernel interface. Ports that are sockets on one (net_af_packet, net_tap,
// net_pcap with iface=) say "up" whatever the cable does.

#include <stdbool.h>
#include <stdint.h>

// Whether the interface is up and has its carrier (IFF_RUNNING); false when it is gone. One system
// call or two, not for workers.
bool netdev_running(unsigned if_index);

// The receive rings that this process has on one interface (net_af_packet has one a queue). DPDK's
// driver does not say what the kernel threw away because a ring was full; the kernel does.
#define NETDEV_RINGS_MAX 16

struct netdev_rings {
	int fd[NETDEV_RINGS_MAX]; // the driver's, not ours to close
	unsigned n;
	uint64_t dropped;
};

// Looks for the rings; once, when the port has been set up.
void netdev_rings_find(struct netdev_rings *r, unsigned if_index);

// Frames dropped since the rings were made. Not for workers.
uint64_t netdev_rings_dropped(struct netdev_rings *r);
