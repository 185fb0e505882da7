// Tests how a device is made to spread frames, by its own list of hashes.

#include "dataplane/port/port_spread.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <rte_flow.h>

// Lists of DPDK 22.11's drivers (flow_type_rss_offloads).
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

// A device that is asked for hashes inside tunnels; NULL: for hashes without ports.
static bool (*takes)(const struct rte_flow_item pattern[], const struct rte_flow_action_rss *rss);

struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error);
int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error);
static struct rte_flow *make_tunnel_rule(uint16_t port, const struct rte_flow_item pattern[],
	const struct rte_flow_action actions[], struct rte_flow_error *error);
int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error);

// As the driver reads them: no values in the pattern, the kind of address for the hash.
struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	const struct rte_flow_action_rss *rss = actions[0].conf;

	cr_expect_eq(port, 5);
	cr_expect(a->ingress && !a->egress && !a->transfer);
	if (takes)
		return make_tunnel_rule(port, pattern, actions, error);
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

// --- inside tunnels ---

static const uint8_t key[40] = {0x6d, 0x5a};
static unsigned n_asked, fail_at = UINT32_MAX;
static char kinds_made[16][32];

static char letter(enum rte_flow_item_type type)
{
	switch (type) {
	case RTE_FLOW_ITEM_TYPE_ETH:
		return 'e';
	case RTE_FLOW_ITEM_TYPE_IPV4:
		return '4';
	case RTE_FLOW_ITEM_TYPE_IPV6:
		return '6';
	case RTE_FLOW_ITEM_TYPE_UDP:
		return 'u';
	case RTE_FLOW_ITEM_TYPE_GTPU:
		return 'g';
	case RTE_FLOW_ITEM_TYPE_GTP_PSC:
		return 'c';
	default:
		return '?';
	}
}

// The pattern as letters; any value in it would be a condition that users' packets may not meet.
static void spell(const struct rte_flow_item pattern[], char out[8])
{
	unsigned n = 0;

	for (; pattern[n].type != RTE_FLOW_ITEM_TYPE_END; n++) {
		cr_assert_lt(n, 7);
		cr_expect(!pattern[n].spec && !pattern[n].mask && !pattern[n].last);
		out[n] = letter(pattern[n].type);
	}
	out[n] = 0;
}

// As ice reads a rule (22.11, with the comms package): no level, no key, no queues.
static bool ice(const struct rte_flow_item pattern[], const struct rte_flow_action_rss *rss)
{
	char text[8];

	spell(pattern, text);
	return rss->level == 0 && rss->key_len == 0 && !rss->queue && rss->queue_num == 0 &&
	       strlen(text) >= 5 && strncmp(text + 2, "ug", 2) == 0;
}

// The same with the package that Linux brings: it has no tunnels.
static bool ice_without_comms(
	const struct rte_flow_item pattern[], const struct rte_flow_action_rss *rss)
{
	return false;
}

// Supports no IPv6.
static bool half(const struct rte_flow_item pattern[], const struct rte_flow_action_rss *rss)
{
	return pattern[1].type == RTE_FLOW_ITEM_TYPE_IPV4;
}

// As mlx5 reads it: queues of its own, a key of 40 octets, no container in the first table.
static bool mlx5(const struct rte_flow_item pattern[], const struct rte_flow_action_rss *rss)
{
	char text[8];

	spell(pattern, text);
	for (uint32_t q = 0; q < rss->queue_num; q++)
		cr_expect_eq(rss->queue[q], q);
	return rss->level == 2 && rss->key_len == 40 && rss->key == key && rss->queue_num == 3 &&
	       !strchr(text, 'c');
}

int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	cr_expect_eq(port, 5);
	cr_expect(a->ingress && !a->egress && !a->transfer);
	cr_expect_eq(n_made, 0, "nothing is made before all was asked for");
	n_asked++;
	error->message = "Unsupported pattern";
	return takes(pattern, actions[0].conf) ? 0 : -1;
}

static struct rte_flow *make_tunnel_rule(uint16_t port, const struct rte_flow_item pattern[],
	const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	const struct rte_flow_action_rss *rss = actions[0].conf;
	char text[8];

	spell(pattern, text);
	cr_expect_eq(actions[0].type, RTE_FLOW_ACTION_TYPE_RSS);
	cr_expect_eq(actions[1].type, RTE_FLOW_ACTION_TYPE_END);
	// Both addresses and no more, of the innermost header, by the hash that our key makes the
	// same both ways.
	cr_expect_eq(
		rss->types, text[strlen(text) - 1] == '4' ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6);
	cr_expect_eq(rss->func, RTE_ETH_HASH_FUNCTION_DEFAULT);
	if (n_made == fail_at) {
		error->message = "no room";
		return NULL;
	}
	cr_expect(takes(pattern, rss));
	snprintf(kinds_made[n_made], sizeof(kinds_made[0]), "%s", text);
	return (struct rte_flow *)&handles[n_made++];
}

static bool tunnels(const char *driver, char why[200])
{
	const struct spread_device d = {
		.port = 5, .driver = driver, .queues = 3, .key = key, .key_length = sizeof(key)};

	why[0] = 0;
	return spread_in_tunnels(&d, why, 200);
}

static bool is_made(const char *kind)
{
	for (unsigned i = 0; i < n_made; i++)
		if (strcmp(kinds_made[i], kind) == 0)
			return true;
	return false;
}

Test(port_spread, ice_hashes_inside_tunnels)
{
	static const char *const all[] = {
		"e4ug4", "e4ug6", "e6ug4", "e6ug6", "e4ugc4", "e4ugc6", "e6ugc4", "e6ugc6"};
	char why[200];

	takes = ice;
	cr_assert(tunnels("net_ice", why), "%s", why);
	cr_expect_eq(n_asked, 8);
	cr_expect_eq(n_made, 8);
	for (unsigned i = 0; i < 8; i++)
		cr_expect(is_made(all[i]), "%s", all[i]);
	cr_expect_eq(n_gone, 0);
}

Test(port_spread, its_virtual_functions_are_asked_alike)
{
	char why[200];

	takes = ice;
	cr_assert(tunnels("net_iavf", why), "%s", why);
	cr_expect_eq(n_made, 8);
}

Test(port_spread, mlx5_is_given_queues_and_key)
{
	char why[200];

	takes = mlx5;
	cr_assert(tunnels("mlx5_pci", why), "%s", why);
	cr_expect_eq(n_made, 4);
	cr_expect(is_made("e4ug4") && is_made("e4ug6") && is_made("e6ug4") && is_made("e6ug6"));
}

Test(port_spread, a_device_that_refuses_is_left_as_it_was)
{
	char why[200];

	takes = ice_without_comms;
	cr_assert(!tunnels("net_ice", why));
	cr_expect_str_eq(
		why, "its driver refuses to hash IPv4 in GTP-U on IPv4: Unsupported pattern");
	takes = half;
	cr_assert(!tunnels("net_ice", why));
	cr_expect_str_eq(
		why, "its driver refuses to hash IPv4 in GTP-U on IPv6: Unsupported pattern");
	cr_expect_eq(n_made + n_gone, 0);
}

Test(port_spread, all_or_none_of_the_rules_inside_tunnels)
{
	char why[200];

	takes = ice;
	fail_at = 5;
	cr_assert(!tunnels("net_ice", why));
	cr_expect_str_eq(why,
		"its driver refuses to hash IPv4 in GTP-U with a PDU session container on IPv6: no "
		"room");
	cr_expect_eq(n_made, 5);
	cr_expect_eq(n_gone, 5);
	cr_expect_eq(taken, 31);
}

// Another driver may take such a rule and mean the outer addresses by it.
Test(port_spread, unknown_drivers_are_not_asked_for_tunnels)
{
	char why[200];

	takes = ice;
	cr_assert(!tunnels("net_virtio", why));
	cr_expect_str_eq(why, "net_virtio is not known to hash inside GTP-U");
	cr_expect_eq(n_asked + n_made, 0);
}
