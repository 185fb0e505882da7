// The order in which a worker looks at its queues.

#include "dataplane/port.h"

#include <rte_eal.h>

#include <criterion/criterion.h>
#include <string.h>

#include "dataplane/eal.h"

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
	static const uint8_t order[] = {
		1u << SIGNALLING_RADIUS, 1u << SIGNALLING_PFCP, 0, 0};
	char why[256] = "";
	uint32_t n;

	cr_assert_geq(rte_eal_init(19, arguments), 0);
	struct ports *ports = ports_open(&config, why, sizeof(why));
	cr_assert(ports, "%s", why);
	const struct lane *lane = ports_lanes(ports, 0, &n);
	cr_assert_eq(n, 4);
	for (uint32_t i = 0; i < n; i++)
		cr_expect_eq(lane[i].signalling.protocols, order[i], "%u", i);
	cr_expect_eq(lane[2].traits.tunnel, CONFIG_TUNNEL_GTPU);
	cr_expect_eq(lane[3].traits.link, CONFIG_LINK_N6);
	ports_close(ports);
}
