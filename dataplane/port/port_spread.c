// Chooses the hash by which a device spreads frames over its queues.

#include "dataplane/port/port_spread.h"

#include <stdio.h>
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

// How drivers want to be asked for a hash inside a tunnel. With the level 0 the last addresses of
// the pattern are meant, the port's own key and queues; with 2 those inside, and all has to be
// given. mlx5 matches no PDU session container in the table that rules are in.
static const struct {
	const char *driver; // how its name begins
	uint32_t level;
	bool container;
} inside[] = {
	{"net_ice", 0, true},
	{"net_iavf", 0, true},
	{"mlx5", 2, false},
};

struct tunnel_rule {
	enum rte_flow_item_type outer, inner;
	bool container;
};

#define TUNNEL_RULES 8u

static void rule_of(unsigned number, struct tunnel_rule *r)
{
	r->outer = number & 1 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4;
	r->inner = number & 2 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4;
	r->container = number & 4;
}

// Validates a rule, or makes it too. The plain hash: a symmetric one would combine both ends, and
// with a key of this period the result of that is 0 for all.
static bool ask(const struct spread_device *d, uint32_t level, const struct tunnel_rule *r,
	struct rte_flow **made, struct rte_flow_error *error)
{
	uint16_t queue[CHANNEL_WORKERS_MAX];
	const struct rte_flow_attr attributes = {.ingress = 1};
	struct rte_flow_item pattern[7] = {{.type = RTE_FLOW_ITEM_TYPE_ETH}, {.type = r->outer},
		{.type = RTE_FLOW_ITEM_TYPE_UDP}, {.type = RTE_FLOW_ITEM_TYPE_GTPU}};
	struct rte_flow_action_rss rss = {.func = RTE_ETH_HASH_FUNCTION_DEFAULT,
		.types = r->inner == RTE_FLOW_ITEM_TYPE_IPV4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6};
	const struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss},
		{.type = RTE_FLOW_ACTION_TYPE_END}};
	unsigned n = 4;

	if (r->container)
		pattern[n++].type = RTE_FLOW_ITEM_TYPE_GTP_PSC;
	pattern[n++].type = r->inner;
	pattern[n].type = RTE_FLOW_ITEM_TYPE_END;
	if (level > 0) {
		for (uint16_t q = 0; q < d->queues; q++)
			queue[q] = q;
		rss.level = level;
		rss.key = d->key;
		rss.key_len = d->key_length;
		rss.queue = queue;
		rss.queue_num = d->queues;
	}
	*error = (struct rte_flow_error){0};
	if (!made)
		return rte_flow_validate(d->port, &attributes, pattern, actions, error) == 0;
	*made = rte_flow_create(d->port, &attributes, pattern, actions, error);
	return *made != NULL;
}

static void say_refused(
	const struct tunnel_rule *r, const struct rte_flow_error *error, char *why, size_t why_size)
{
	snprintf(why, why_size, "its driver refuses to hash IPv%c in GTP-U %son IPv%c: %.80s",
		r->inner == RTE_FLOW_ITEM_TYPE_IPV4 ? '4' : '6',
		r->container ? "with a PDU session container " : "",
		r->outer == RTE_FLOW_ITEM_TYPE_IPV4 ? '4' : '6',
		error->message ? error->message : "no reason given");
}

bool spread_in_tunnels(const struct spread_device *d, char *why, size_t why_size)
{
	struct rte_flow *made[TUNNEL_RULES];
	struct rte_flow_error error;
	struct tunnel_rule r;
	unsigned n_made = 0;
	size_t k = 0;
	bool all = true;

	while (k < N(inside) && strncmp(d->driver, inside[k].driver, strlen(inside[k].driver)) != 0)
		k++;
	if (k == N(inside)) {
		snprintf(why, why_size, "%.32s is not known to hash inside GTP-U", d->driver);
		return false;
	}
	// First all are asked for, so that a driver that refuses one is left as it was.
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < TUNNEL_RULES && all; i++) {
			rule_of(i, &r);
			if (r.container && !inside[k].container)
				continue;
			all = ask(d, inside[k].level, &r, pass ? &made[n_made] : NULL, &error);
			n_made += all && pass;
		}
	if (all)
		return true;
	say_refused(&r, &error, why, why_size);
	while (n_made > 0)
		(void)rte_flow_destroy(d->port, made[--n_made], &error);
	return false;
}
