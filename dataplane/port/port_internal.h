#pragma once

// Shared by port.c, which opens the ports, and port_status.c, which watches them.

#include <rte_ethdev.h>

#include "dataplane/port/netdev.h"
#include "dataplane/port/port.h"
#include "dataplane/port/port_device.h"
#include "dataplane/port/debounce.h"

#define NODES_MAX 8
#define RSS_KEY_MAX 64

struct port {
	uint16_t id;
	char name[64];
	const struct config_port *config;
	int peer; // index, or -1
	struct rte_eth_dev_info info;
	uint16_t n_rx, n_tx;
	uint32_t descriptors; // of each queue, as the device took them
	uint64_t rss_types;   // 0: no RSS
	uint8_t owner[CONFIG_WORKERS_MAX]; // worker of each receive queue
	bool started, link_up;
	enum port_spread spread;
	uint8_t rss_key[RSS_KEY_MAX];	   // drivers read it again at the start
	uint64_t handover_full;		   // so far
	uint64_t imissed, nombuf, ierrors, handed; // when the current outage began
	struct loss_debounce losing;
	struct netdev_drops drops; // of a port on a kernel interface
	int xdp_link; // net_af_xdp: keeps its program on the interface; -1: none
	struct port_device device;
	bool lost;		    // the device has gone
	bool reset;		    // its driver wants it to be opened anew
	bool deaf, deaf_reported;   // promiscuous mode was refused
	unsigned back;		    // looks in a row that found it there again
	struct rte_eth_stats stats; // the driver's last counters
};

struct ports {
	uint32_t n, n_workers;
	uint32_t held; // packets that a worker may hold
	struct port port[CONFIG_PORTS_MAX];
	struct rte_mempool *pool[NODES_MAX];
	uint32_t n_lanes[CONFIG_WORKERS_MAX], n_handed[CONFIG_WORKERS_MAX];
	struct lane lanes[CONFIG_WORKERS_MAX][CONFIG_PORTS_MAX * CONFIG_WORKERS_MAX];
};

bool port_link_is_up(const struct port *p);
// False of drivers between processes, where only the sender counts frames without room.
bool port_counts_losses(const struct port *p);
