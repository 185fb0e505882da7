#pragma once

// Nodes, and pairs of them that may have sessions.

#include "dataplane/session/session_store_internal.h"

struct pair {		      // of nodes that may have sessions
	uint32_t node[2];     // strings, the lower first
	uint32_t recovery[2]; // of each
	bool has_recovery[2], associated, setup_pending;
	uint32_t restart_epoch, index;
	uint32_t sessions, n, n_partial; // of the present restart epoch: list
};

struct nodes {
	struct session_table pairs;
	struct session_index index;
};
struct nodes *nodes_new(struct sessions *st);
void nodes_free(struct sessions *st);

uint32_t node_of(struct sessions *st, const struct ip_address *address, const struct pfcp_node *id,
	bool create);
struct pair *pair_of(struct sessions *st, uint32_t a, uint32_t b, bool create);
// The name that stands for all names of the node.
uint32_t node_root(struct sessions *st, uint32_t node);
struct pair *pair_at(const struct sessions *st, uint32_t index);
// Nodes of other protocols have nothing to do with PFCP's at the same address.
#define NODE_GTPV2 0x10
#define NODE_RADIUS 0x20
#define NODE_EVENTS 0x30 // one for all network functions
uint32_t node_by_octets(
	struct sessions *st, uint8_t kind, const void *octets, size_t length, bool create);
void pair_recovery(struct pair *p, uint32_t node, uint32_t recovery);
// FQ-CSIDs of a session: one string for each CSID that the IE names. Returns how many.
uint32_t csids_take(struct sessions *st, const struct span *ie, uint32_t *out, uint32_t most);
// Finds the pair of the packet's ends; `sender`: its Node ID, or NULL.
struct pair *pfcp_pair(struct sessions *st, const struct signalling_packet *p,
	const struct pfcp_node *sender, bool create);
