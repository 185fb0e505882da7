#pragma once

// Chooses how a device spreads frames over its queues, by the hashes that it reports.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <rte_ethdev.h>

#include "shared/channel.h"

struct spread_choice {
	uint16_t queues;
	enum port_spread spread;
	uint64_t types; // rss_hf, 0: no RSS
};

// With a hash of addresses alone: one queue a worker. With hashes of protocols only (i40e, ENA):
// the same, by addresses and ports, and fragments by what the device has for them. Without any:
// the queues that the device brings by its own arguments (files of net_pcap, rings of net_ring),
// or one when it claims to have any number.
void spread_choose(
	const struct rte_eth_dev_info *info, uint32_t n_workers, struct spread_choice *out);

// Makes a started device that hashes TCP, UDP and SCTP by ports hash them by addresses, where its
// driver takes rules for that (net_i40e). Returns whether it does for all of `types`.
bool spread_without_ports(uint16_t port, const char *driver, uint64_t types);

struct spread_device { // started
	uint16_t port;
	const char *driver;
	uint16_t queues;    // at least 2
	const uint8_t *key; // that makes a hash the same both ways
	uint32_t key_length;
};

// Makes the device hash what G-PDUs carry by the addresses inside, so that a conversation of one
// user comes to one queue both ways. All other packets, fragments of a tunnel and signalling among
// them, are hashed as before. True when the driver is one that is known for it (ice, iavf, mlx5) and
// has taken a rule for every kind; else there is none, and `why` names the first that it refuses.
bool spread_in_tunnels(const struct spread_device *d, char *why, size_t why_size);
