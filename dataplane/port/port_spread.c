// Chooses the hash by which a device spreads frames over its queues.

#include "dataplane/port/port_spread.h"

#include <string.h>
#include <rte_flow.h>

#define ADDRESSES (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6)
#define FRAGMENTS (RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_FRAG_IPV6)
#define OTHERS (RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_NONFRAG_IPV6_OTHER)
#define N(a) (sizeof(a) / sizeof((a)[0]))

// Kinds of packets that devices hash with their ports, and the rule that is for each.
static const struct {
	uint64_t type, addresses;
	enum rte_flow_item_type network, transport;
} kinds[] = {
	{RTE_ETH_RSS_NONFRAG_IPV4_UDP, RTE_ETH_RSS_IPV4, RTE_FLOW_ITEM_TYPE_IPV4,
		RTE_FLOW_ITEM_TYPE_UDP},
	{RTE_ETH_RSS_NONFRAG_IPV4_TCP, RTE_ETH_RSS_IPV4, RTE_FLOW_ITEM_TYPE_IPV4,
		RTE_FLOW_ITEM_TYPE_TCP},
	{RTE_ETH_RSS_NONFRAG_IPV4_SCTP, RTE_ETH_RSS_IPV4, RTE_FLOW_ITEM_TYPE_IPV4,
		RTE_FLOW_ITEM_TYPE_SCTP},
	{RTE_ETH_RSS_NONFRAG_IPV6_UDP, RTE_ETH_RSS_IPV6, RTE_FLOW_ITEM_TYPE_IPV6,
		RTE_FLOW_ITEM_TYPE_UDP},
	{RTE_ETH_RSS_NONFRAG_IPV6_TCP, RTE_ETH_RSS_IPV6, RTE_FLOW_ITEM_TYPE_IPV6,
		RTE_FLOW_ITEM_TYPE_TCP},
	{RTE_ETH_RSS_NONFRAG_IPV6_SCTP, RTE_ETH_RSS_IPV6, RTE_FLOW_ITEM_TYPE_IPV6,
		RTE_FLOW_ITEM_TYPE_SCTP},
};

static uint64_t with_ports(void)
{
	uint64_t all = 0;

	for (size_t i = 0; i < N(kinds); i++)
		all |= kinds[i].type;
	return all;
}

void spread_choose(
	const struct rte_eth_dev_info *info, uint32_t n_workers, struct spread_choice *out)
{
	uint64_t can = info->flow_type_rss_offloads;
	uint16_t max = info->max_rx_queues;
	uint16_t each = max < n_workers ? max : (uint16_t)n_workers;

	*out = (struct spread_choice){.queues = 1, .spread = SPREAD_NONE};
	if (can & RTE_ETH_RSS_IPV4) {
		out->queues = each;
		out->types = can & (ADDRESSES | FRAGMENTS);
		out->spread = each > 1 ? SPREAD_ADDRESSES : SPREAD_NONE;
	} else if (can & with_ports()) {
		out->queues = each;
		out->types = can & (with_ports() | FRAGMENTS | OTHERS | RTE_ETH_RSS_IPV6);
		out->spread = each > 1 ? SPREAD_PORTS : SPREAD_NONE;
	} else if (can) {
		out->spread = n_workers > 1 ? SPREAD_IMPOSSIBLE : SPREAD_NONE;
	} else if (max >= 2 && max <= CHANNEL_WORKERS_MAX) {
		out->queues = max;
		out->spread = SPREAD_DEVICE;
	}
	if (out->queues < 2)
		out->types = 0;
}

// One rule: packets of a kind are hashed by their addresses, with the key that the device has.
static struct rte_flow *make_rule(uint16_t port, size_t kind)
{
	const struct rte_flow_attr attributes = {.ingress = 1};
	const struct rte_flow_item pattern[] = {{.type = RTE_FLOW_ITEM_TYPE_ETH},
		{.type = kinds[kind].network}, {.type = kinds[kind].transport},
		{.type = RTE_FLOW_ITEM_TYPE_END}};
	const struct rte_flow_action_rss rss = {
		.func = RTE_ETH_HASH_FUNCTION_DEFAULT, .types = kinds[kind].addresses};
	const struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss},
		{.type = RTE_FLOW_ACTION_TYPE_END}};
	struct rte_flow_error error;

	return rte_flow_create(port, &attributes, pattern, actions, &error);
}

bool spread_without_ports(uint16_t port, const char *driver, uint64_t types)
{
	struct rte_flow *made[N(kinds)];
	struct rte_flow_error error;
	size_t n = 0;
	bool all = strcmp(driver, "net_i40e") == 0;

	for (size_t i = 0; i < N(kinds) && all; i++) {
		if (!(types & kinds[i].type))
			continue;
		made[n] = make_rule(port, i);
		all = made[n] != NULL;
		n += all;
	}
	while (!all && n > 0)
		(void)rte_flow_destroy(port, made[--n], &error);
	return all;
}
