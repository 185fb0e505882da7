#pragma once

// The kernel's side of a port on a kernel interface: its carrier, and frames that the kernel
// dropped because this process did not take them in time. Ports that are sockets on one
// (net_af_packet, net_tap, net_pcap with iface=) are always "up" for DPDK, and net_af_packet,
// net_af_xdp and net_tap do not count losses before them.

#include <stdbool.h>
#include <stdint.h>

// True if the interface is up and has its carrier (IFF_RUNNING); false when it is gone. One system
// call or two, not for workers.
bool netdev_running(unsigned if_index);

// At most this many sockets of one port: a driver has one for each queue.
#define NETDEV_SOCKETS_MAX 16
#define NETDEV_DESCRIPTORS_MAX 4096 // where to look; the drivers open theirs early

// The kernel's counters of drops of one interface.
struct netdev_drops {
	int fd[NETDEV_SOCKETS_MAX]; // sockets: the driver's, not ours to close
	unsigned n;
	bool xdp;      // their kind: AF_XDP, else AF_PACKET
	int file;      // of net_tap: the interface's own counter, ours; -1: none
	uint64_t base; // what stood in `file` before the port was there
	uint64_t dropped;
};

// AF_XDP sockets that exist before a port is set up: they do not name their owners.
struct netdev_before {
	uint8_t xdp[NETDEV_DESCRIPTORS_MAX / 8];
};

void netdev_look_before(struct netdev_before *b);

// Finds the counters, by the driver's name; once, when the port has been set up. A driver that is
// none of the three, or counts drops by itself (net_pcap), has none.
void netdev_drops_find(struct netdev_drops *d, const char *driver, unsigned if_index,
	const struct netdev_before *before);
void netdev_drops_close(struct netdev_drops *d);

// Frames dropped since the port was made, beside what its driver counts. Not for workers.
uint64_t netdev_drops_count(struct netdev_drops *d);
