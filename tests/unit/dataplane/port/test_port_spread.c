// Tests how a device is made to spread frames, by what it says that it can.

#include "dataplane/port/port_spread.h"

#include <criterion/criterion.h>
#include <rte_flow.h>

// What drivers of DPDK 22.11 say (flow_type_rss_offloads).
#define IXGBE                                                                             \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP | \
		RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)
#define ICE (IXGBE | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_GTPU)
#define I40E_V4                                                                                \
	(RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP | \
		RTE_ETH_RSS_NONFRAG_IPV4_SCTP | RTE_ETH_RSS_NONFRAG_IPV4_OTHER)
#define I40E_V6                                                                                \
	(RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP | \
		RTE_ETH_RSS_NONFRAG_IPV6_SCTP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER)
#define ENA                                                            \
	(RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP | \
		RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)

static struct spread_choice choose(uint64_t can, uint16_t max, uint32_t workers)
{
	struct rte_eth_dev_info info = {.flow_type_rss_offloads = can, .max_rx_queues = max};
	struct spread_choice c;

	spread_choose(&info, workers, &c);
	return c;
}

static void expect(unsigned line, struct spread_choice c, uint16_t queues, enum port_spread spread,
	uint64_t types)
{
	cr_expect_eq(c.queues, queues, "line %u: %u queues", line, c.queues);
	cr_expect_eq(c.spread, spread, "line %u: %s", line, port_spread_name(c.spread));
	cr_expect_eq(c.types, types, "line %u: %lx, not %lx", line, c.types, types);
}

#define EXPECT(...) expect(__LINE__, __VA_ARGS__)

Test(port_spread, addresses_where_the_device_can)
{
	EXPECT(choose(IXGBE, 128, 4), 4, SPREAD_ADDRESSES, RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6);
	EXPECT(choose(ICE, 2, 4), 2, SPREAD_ADDRESSES,
		RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV4 |
			RTE_ETH_RSS_FRAG_IPV6);
	EXPECT(choose(IXGBE, 128, 1), 1, SPREAD_NONE, 0);
	EXPECT(choose(IXGBE, 1, 4), 1, SPREAD_NONE, 0);
}

// They have all their queues, by the closest hash that they have.
Test(port_spread, hashes_of_protocols)
{
	EXPECT(choose(I40E_V4 | I40E_V6 | RTE_ETH_RSS_L2_PAYLOAD, 64, 8), 8, SPREAD_PORTS,
		I40E_V4 | I40E_V6);
	EXPECT(choose(ENA, 8, 16), 8, SPREAD_PORTS, ENA);
	EXPECT(choose(ENA, 8, 1), 1, SPREAD_NONE, 0);
}

Test(port_spread, no_hash_of_packets)
{
	EXPECT(choose(RTE_ETH_RSS_L2_PAYLOAD, 8, 4), 1, SPREAD_IMPOSSIBLE, 0);
	EXPECT(choose(RTE_ETH_RSS_L2_PAYLOAD, 8, 1), 1, SPREAD_NONE, 0);
	EXPECT(choose(0, 3, 1), 3, SPREAD_DEVICE, 0); // three files of net_pcap
	EXPECT(choose(0, 1, 4), 1, SPREAD_NONE, 0);
	EXPECT(choose(0, UINT16_MAX, 4), 1, SPREAD_NONE, 0);
}

// --- rules ---

static uint64_t asked[16], taken;
static unsigned n_made, n_gone, refuse_at;
static char handles[16];

struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error);
int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error);

// As the driver reads them: no values in the pattern, the kind of address for the hash.
struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	const struct rte_flow_action_rss *rss = actions[0].conf;

	cr_expect_eq(port, 5);
	cr_expect(a->ingress && !a->egress && !a->transfer);
	cr_expect_eq(pattern[0].type, RTE_FLOW_ITEM_TYPE_ETH);
	cr_expect_eq(pattern[3].type, RTE_FLOW_ITEM_TYPE_END);
	for (unsigned i = 0; i < 3; i++)
		cr_expect(!pattern[i].spec && !pattern[i].mask && !pattern[i].last);
	cr_expect_eq(rss->types,
		pattern[1].type == RTE_FLOW_ITEM_TYPE_IPV4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6);
	cr_expect_eq(rss->queue_num + rss->key_len, 0);
	cr_expect_eq(actions[1].type, RTE_FLOW_ACTION_TYPE_END);
	if (n_made == refuse_at)
		return NULL;
	asked[n_made] = (uint64_t)pattern[1].type << 32 | pattern[2].type;
	return (struct rte_flow *)&handles[n_made++];
}

int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	taken |= 1ull << ((char *)flow - handles);
	n_gone++;
	return 0;
}

Test(port_spread, i40e_leaves_ports_out_of_its_hash)
{
	refuse_at = UINT32_MAX;
	cr_assert(spread_without_ports(5, "net_i40e", I40E_V4 | I40E_V6));
	cr_assert_eq(n_made, 6);
	for (unsigned i = 0; i < n_made; i++)
		for (unsigned k = 0; k < i; k++)
			cr_expect_neq(asked[i], asked[k]);
	cr_expect_eq(n_gone, 0);
}

Test(port_spread, all_or_none_of_the_rules)
{
	refuse_at = 2;
	cr_assert(!spread_without_ports(5, "net_i40e", I40E_V4 | I40E_V6));
	cr_expect_eq(n_made, 2);
	cr_expect_eq(n_gone, 2);
	cr_expect_eq(taken, 3);
}

Test(port_spread, other_drivers_are_not_asked)
{
	refuse_at = UINT32_MAX;
	cr_assert(!spread_without_ports(5, "net_ena", ENA));
	cr_expect_eq(n_made, 0);
}
