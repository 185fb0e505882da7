// Tests the order in which a worker looks at its queues, and devices that go away under it.

#include "dataplane/port/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_mbuf.h>

#include <criterion/criterion.h>

#include "dataplane/port/eal.h"

int eal_worker_lcore(unsigned worker)
{
	return -1;
}

void eal_why_no_port(const char *eal, const char *device, char *why, size_t size)
{
	cr_assert(false, "every port is there");
}

// The last virtual device is a NIC. The EAL names it as its -a is written.
int __real_rte_eth_dev_get_name_by_port(uint16_t id, char *name);
int __wrap_rte_eth_dev_get_name_by_port(uint16_t id, char *name);
int __wrap_rte_eth_dev_get_name_by_port(uint16_t id, char *name)
{
	int e = __real_rte_eth_dev_get_name_by_port(id, name);

	if (e == 0 && strcmp(name, "net_null3") == 0)
		strcpy(name, "0000:3b:00.0");
	return e;
}

// A device's answer to promiscuous mode, and true if its queues shall drop; 1: the real one's.
static int promiscuous = 1;
static unsigned asked_to_drop, set_up;

int __real_rte_eth_promiscuous_enable(uint16_t id);
int __wrap_rte_eth_promiscuous_enable(uint16_t id);
int __wrap_rte_eth_promiscuous_enable(uint16_t id)
{
	return promiscuous == 1 ? __real_rte_eth_promiscuous_enable(id) : promiscuous;
}

int __real_rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t n, unsigned socket,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool);
int __wrap_rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t n, unsigned socket,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool);
int __wrap_rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t n, unsigned socket,
	const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	set_up++;
	asked_to_drop += conf && conf->rx_drop_en;
	return __real_rte_eth_rx_queue_setup(id, queue, n, socket, conf, pool);
}

// Another driver's name for the devices, which have our key then and take rules or not; NULL:
// theirs.
static const char *driver;
static bool takes_rules;
static unsigned rules;

int __real_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info)
{
	int e = __real_rte_eth_dev_info_get(id, info);

	if (e == 0 && driver) {
		info->driver_name = driver;
		info->hash_key_size = 40;
	}
	return e;
}

int __real_rte_eth_dev_rss_hash_conf_get(uint16_t id, struct rte_eth_rss_conf *conf);
int __wrap_rte_eth_dev_rss_hash_conf_get(uint16_t id, struct rte_eth_rss_conf *conf);
int __wrap_rte_eth_dev_rss_hash_conf_get(uint16_t id, struct rte_eth_rss_conf *conf)
{
	if (!driver)
		return __real_rte_eth_dev_rss_hash_conf_get(id, conf);
	for (unsigned i = 0; i < conf->rss_key_len; i++)
		conf->rss_key[i] = i & 1 ? 0x5a : 0x6d;
	return 0;
}

int __wrap_rte_flow_validate(uint16_t id, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error);
int __wrap_rte_flow_validate(uint16_t id, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	return takes_rules ? 0 : -1;
}

struct rte_flow *__wrap_rte_flow_create(uint16_t id, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error);
struct rte_flow *__wrap_rte_flow_create(uint16_t id, const struct rte_flow_attr *a,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	rules++;
	return (struct rte_flow *)&rules;
}

// A message that came before a user's packets is taken before them.
Test(port, signalling_is_looked_at_first)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", "--vdev", "net_null0", "--vdev",
		"net_null1", "--vdev", "net_null2", "--vdev", "net_null3", NULL};
	static struct config_dataplane config = {.n_workers = 1,
		.mbufs = 512,
		.mbuf_size = 2304,
		.n_ports = 4,
		.ports = {{.device = "net_null0", .tunnel = CONFIG_TUNNEL_GTPU},
			{.device = "net_null1", .n_signalling = 1, .signalling = {CONFIG_RADIUS}},
			{.device = "net_null2", .link = CONFIG_LINK_N6},
			{.device = "3B:00.0", .n_signalling = 1, .signalling = {CONFIG_PFCP}}}};
	static const uint8_t order[] = {1u << SIGNALLING_RADIUS, 1u << SIGNALLING_PFCP, 0, 0};
	char why[256] = "";
	uint32_t n;

	cr_assert_geq(rte_eal_init(19, arguments), 0);
	struct ports *ports = ports_open(&config, 0, why, sizeof(why));
	cr_assert(ports, "%s", why);
	const struct lane *lane = ports_lanes(ports, 0, &n);
	cr_assert_eq(n, 4);
	for (uint32_t i = 0; i < n; i++)
		cr_expect_eq(lane[i].signalling.protocols, order[i], "%u", i);
	cr_expect_eq(lane[2].traits.tunnel, CONFIG_TUNNEL_GTPU);
	cr_expect_eq(lane[3].traits.link, CONFIG_LINK_N6);
	ports_close(ports);
}

// An inline pair.
static struct ports *open_ports(struct config_dataplane *config)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", "--vdev", "net_null0", "--vdev",
		"net_null1", NULL};
	char why[256] = "";

	*config = (struct config_dataplane){
		.n_workers = 1, .mbufs = 512, .mbuf_size = 2304, .n_ports = 2};
	config->ports[0] = (struct config_port){
		.device = "net_null0", .mode = CONFIG_PORT_INLINE, .peer = "net_null1"};
	config->ports[1] = (struct config_port){
		.device = "net_null1", .mode = CONFIG_PORT_INLINE, .peer = "net_null0"};
	cr_assert_geq(rte_eal_init(15, arguments), 0);
	struct ports *ports = ports_open(config, 0, why, sizeof(why));
	cr_assert(ports, "%s", why);
	return ports;
}

static void keep(void *context, struct channel_event *e)
{
	struct channel_event **at = context;

	*(*at)++ = *e;
}

// The request of vfio-pci before the kernel takes a device away.
Test(port, removed_device)
{
	struct config_dataplane config;
	struct ports *ports = open_ports(&config);
	struct channel_event events[8], *end = events;
	struct channel_status before = {0}, after = {0};
	char why[128];
	uint32_t n;

	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 0);
	cr_assert(!ports_lost(ports));
	const struct lane *lane = ports_lanes(ports, 0, &n);
	cr_assert_eq(n, 2);
	struct rte_mbuf *frames[8];
	cr_assert_eq(rte_eth_rx_burst(lane[0].port, 0, frames, 8), 8);
	rte_pktmbuf_free_bulk(frames, 8);
	ports_status(ports, &before);
	cr_assert_eq(before.port[0].received, 8);

	rte_dev_event_callback_process("net_null0", RTE_DEV_EVENT_REMOVE);
	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 1);
	cr_expect_eq(events[0].kind, EVENT_LINK_DOWN);
	cr_expect_str_eq(events[0].subject, "net_null0");
	cr_expect(strstr(events[0].text, "device removed"), "%s", events[0].text);
	cr_expect(lane[0].lost && !lane[0].tx_lost);
	cr_expect(!lane[1].lost && lane[1].tx_lost);

	// Held until the workers have let go of it.
	cr_assert(rte_eth_dev_is_valid_port(lane[0].port));
	cr_assert(ports_lost(ports));
	ports_release(ports);
	cr_assert(!ports_lost(ports));
	cr_expect(!rte_eth_dev_is_valid_port(lane[0].port));
	cr_expect(rte_eth_dev_is_valid_port(lane[1].port));

	// It is reported once, its counters stay, and a controller that comes later gets the report
	// too.
	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 1);
	ports_status(ports, &after);
	cr_expect_eq(after.port[0].received, 8);
	cr_expect(!after.port[0].link_up && after.port[1].link_up);
	ports_conditions(ports, keep, &end);
	cr_assert_eq(end - events, 5);
	cr_expect_eq(events[1].kind, EVENT_LINK_DOWN);
	cr_expect_eq(events[3].kind, EVENT_LINK_UP);
	cr_expect(!ports_reopen(ports, why, sizeof(why)));
	ports_close(ports);
}

// Functions that drivers call; their header is not installed.
struct rte_eth_dev;
struct rte_eth_dev *rte_eth_dev_get_by_name(const char *name);
int rte_eth_dev_callback_process(
	struct rte_eth_dev *dev, enum rte_eth_event_type event, void *argument);

// A driver that asks for a reset cannot be given one inside the sandbox.
Test(port, reset_device)
{
	struct config_dataplane config;
	struct ports *ports = open_ports(&config);
	char why[128] = "";

	cr_assert(!ports_reopen(ports, why, sizeof(why)));
	rte_eth_dev_callback_process(
		rte_eth_dev_get_by_name("net_null1"), RTE_ETH_EVENT_INTR_RESET, NULL);
	cr_assert(ports_reopen(ports, why, sizeof(why)));
	cr_expect_str_eq(why, "port net_null1: its driver requires a new start");
	ports_close(ports);
}

// Until the new process is there no worker polls it, and the ADMF is notified.
Test(port, reset_device_is_left_alone)
{
	struct config_dataplane config;
	struct ports *ports = open_ports(&config);
	struct channel_event events[4], *end = events;
	char why[128] = "";
	uint32_t n;

	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 0);
	rte_eth_dev_callback_process(
		rte_eth_dev_get_by_name("net_null1"), RTE_ETH_EVENT_INTR_RESET, NULL);
	ports_links(ports, keep, &end);
	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 1);
	cr_expect_eq(events[0].kind, EVENT_LINK_DOWN);
	cr_expect_str_eq(events[0].subject, "net_null1");
	cr_expect(strstr(events[0].text, "requires a new start"), "%s", events[0].text);
	const struct lane *lane = ports_lanes(ports, 0, &n);
	cr_expect(!lane[0].lost && lane[0].tx_lost);
	cr_expect(lane[1].lost && !lane[1].tx_lost);
	cr_expect(!ports_lost(ports)); // nothing is given back to the kernel
	cr_assert(ports_reopen(ports, why, sizeof(why)));
	ports_close(ports);
}

// The driver's interrupt thread reports it, as for a hot unplug without vfio-pci.
Test(port, removal_interrupt)
{
	struct config_dataplane config;
	struct ports *ports = open_ports(&config);
	struct channel_event events[4], *end = events;

	rte_eth_dev_callback_process(
		rte_eth_dev_get_by_name("net_null0"), RTE_ETH_EVENT_INTR_RMV, NULL);
	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 1);
	cr_expect_eq(events[0].kind, EVENT_LINK_DOWN);
	cr_expect(strstr(events[0].text, "device removed"), "%s", events[0].text);
	cr_expect(ports_lost(ports));
	ports_close(ports);
}

Test(port, promiscuous_mode_refused)
{
	struct config_dataplane config;
	struct channel_event events[8], *end = events;
	struct channel_workers workers = {.workers = 0};

	promiscuous = -EPERM;
	struct ports *ports = open_ports(&config);
	ports_links(ports, keep, &end);
	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 2);
	for (unsigned i = 0; i < 2; i++) {
		cr_expect_eq(events[i].kind, EVENT_PORT_DEAF);
		cr_expect_str_eq(events[i].subject, config.ports[i].device);
	}
	ports_workers(ports, &workers);
	cr_expect(workers.port[0].deaf && workers.port[1].deaf);
	end = events;
	ports_conditions(ports, keep, &end); // for a controller that comes later
	cr_expect_eq(end - events, 6);
	ports_close(ports);
}

// A virtual device without the mode passes everything on.
Test(port, promiscuous_mode_not_needed)
{
	struct config_dataplane config;
	struct channel_event events[8], *end = events;
	struct channel_workers workers = {.workers = 0};

	promiscuous = -ENOTSUP;
	struct ports *ports = open_ports(&config);
	ports_links(ports, keep, &end);
	cr_assert_eq(end - events, 0);
	ports_workers(ports, &workers);
	cr_expect(!workers.port[0].deaf);
	ports_close(ports);
}

// net_null has RSS by the device's own words: a queue for each worker.
Test(port, several_queues_drop)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "256", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", "--vdev", "net_null0", NULL};
	static struct config_dataplane config = {.n_workers = 4,
		.mbuf_size = 2304,
		.n_ports = 1,
		.ports = {{.device = "net_null0", .descriptors = 512}}};
	struct channel_workers workers = {.workers = 0};
	char why[256] = "";

	cr_assert_geq(rte_eal_init(13, arguments), 0);
	struct ports *ports = ports_open(&config, 0, why, sizeof(why));
	cr_assert(ports, "%s", why);
	ports_workers(ports, &workers);
	cr_expect_eq(workers.port[0].descriptors, 512);
	cr_expect_eq(workers.port[0].queues, set_up);
	cr_expect_eq(asked_to_drop, set_up > 1 ? set_up : 0);
	cr_expect_gt(set_up, 1);
	const struct rte_mempool *pool = rte_mempool_lookup("frames0");
	cr_assert_not_null(pool);
	cr_expect_geq(pool->size, 4 * 512 + 4 * (32 + 384 + 256));
	ports_close(ports);
}

// A worker that does not poll a lane that spreads has it behind its own, with the fields that it
// needs of it.
Test(port, lanes_that_are_handed_over)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", "--vdev", "net_null0", "--vdev",
		"net_null1", "--vdev", "net_null2", NULL};
	static struct config_dataplane config = {.n_workers = 2,
		.mbufs = 512,
		.mbuf_size = 2304,
		.n_ports = 3,
		.ports = {{.device = "net_null0"},
			{.device = "net_null1",
				.tunnel = CONFIG_TUNNEL_GTPU,
				.link = CONFIG_LINK_N3,
				.spread = CONFIG_SPREAD_SOFTWARE},
			{.device = "net_null2"}}};
	struct channel_workers told = {0};
	struct channel_event events[2], *end = events;
	char why[256] = "";
	uint32_t n;

	cr_assert_geq(rte_eal_init(17, arguments), 0);
	struct ports *ports = ports_open(&config, 0, why, sizeof(why));
	cr_assert(ports, "%s", why);
	for (uint32_t w = 0; w < 2; w++) { // each has a queue of each port
		const struct lane *l = ports_lanes(ports, w, &n);
		cr_assert_eq(n, 3);
		cr_expect(!l[0].spread && l[1].spread && !l[2].spread);
		cr_assert_eq(ports_lanes_handed(ports, w), 1);
		cr_expect_eq(l[3].from_worker, 1 - w);
		cr_expect_eq(l[3].from_lane, 1);
		cr_expect_eq(l[3].place, 1);
		cr_expect_eq(l[3].queue, 1 - w);
		cr_expect_eq(l[3].traits.tunnel, CONFIG_TUNNEL_GTPU);
		cr_expect_eq(l[3].traits.link, CONFIG_LINK_N3);
		cr_expect(!l[3].spread);
	}
	told.workers = 2;
	ports_workers(ports, &told);
	cr_expect_neq(told.port[0].spread, SPREAD_SOFTWARE);
	cr_expect_eq(told.port[1].spread, SPREAD_SOFTWARE);

	// A packet without room on the way is a loss of the port, and the loss is over when there
	// is none any more.
	cr_assert_eq(ports_count(ports), 3);
	ports_losses(ports, 1000, keep, &end);
	cr_expect_eq(end - events, 0);
	ports_handover_full(ports, 1, 41);
	ports_losses(ports, 2000, keep, &end);
	cr_assert_eq(end - events, 1);
	cr_expect_eq(events[0].kind, EVENT_PORT_LOSS);
	cr_expect_eq(events[0].copies, 41);
	cr_expect_str_eq(events[0].subject, "net_null1");
	cr_expect_str_eq(events[0].text,
		"port net_null1 loses frames: 0 by the port, 41 before a worker's full ring");
	ports_losses(ports, 9000, keep, &end);
	cr_assert_eq(end - events, 2);
	cr_expect_eq(events[1].kind, EVENT_PORT_CLEAR);
	ports_close(ports);
}

static struct config_dataplane tunnel_config = {.n_workers = 2,
	.mbufs = 512,
	.mbuf_size = 2304,
	.n_ports = 2,
	.ports = {{.device = "net_null0", .tunnel = CONFIG_TUNNEL_GTPU},
		{.device = "net_null1",
			.tunnel = CONFIG_TUNNEL_GTPU,
			.spread = CONFIG_SPREAD_TUNNEL}}};

// Opens two ports, of which the second is asked to look into tunnels, and checks both spreads.
static void spreads_of(const char *name, bool takes, uint32_t workers, uint8_t out[2])
{
	struct channel_workers told = {.workers = workers};
	char why[256] = "";

	driver = name;
	takes_rules = takes;
	rules = 0;
	tunnel_config.n_workers = workers;
	struct ports *ports = ports_open(&tunnel_config, 0, why, sizeof(why));
	cr_assert(ports, "%s", why);
	ports_workers(ports, &told);
	out[0] = told.port[0].spread;
	out[1] = told.port[1].spread;
	for (uint32_t w = 0; w < workers; w++)
		cr_expect_eq(ports_lanes_handed(ports, w), 0);
	ports_close(ports);
}

static void start_eal(void)
{
	static char *arguments[] = {"test", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry",
		"--no-shconf", "--log-level", "error", "-l", "0", "--vdev", "net_null0", "--vdev",
		"net_null1", NULL};

	cr_assert_geq(rte_eal_init(15, arguments), 0);
}

Test(port, a_port_looks_into_tunnels_where_it_is_told_to)
{
	uint8_t spread[2];

	start_eal();
	spreads_of("net_ice", true, 2, spread);
	cr_expect_eq(spread[0], SPREAD_ADDRESSES);
	cr_expect_eq(spread[1], SPREAD_TUNNEL);
	cr_expect_eq(rules, 8);
}

Test(port, a_port_that_cannot_look_into_tunnels_goes_on_by_addresses)
{
	uint8_t spread[2];

	start_eal();
	spreads_of("net_ice", false, 2, spread);
	cr_expect_eq(spread[1], SPREAD_ADDRESSES);
	cr_expect_eq(rules, 0);
}

// Both directions of a conversation would come to two workers.
Test(port, a_port_with_a_key_of_its_own_does_not_look_into_tunnels)
{
	uint8_t spread[2];

	start_eal();
	spreads_of(NULL, true, 2, spread);
	cr_expect_eq(spread[1], spread[0]);
	cr_expect_eq(rules, 0);
}

Test(port, one_worker_has_all_tunnels)
{
	uint8_t spread[2];

	start_eal();
	spreads_of("net_ice", true, 1, spread);
	cr_expect_eq(spread[1], SPREAD_NONE);
	cr_expect_eq(rules, 0);
}
