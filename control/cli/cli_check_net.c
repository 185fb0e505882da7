// `poi check`: where X1 listens, the monitored ports, and what runs already.
#include "control/cli/cli_check.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/cli/cli_peer.h"

// --- addresses ---

// 0, or why the address cannot be listened on.
static int try_bind(const struct config_endpoint *at)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
	bool six = at->address.family == 6;
	int on = 1, error = 0;

	memcpy(&v6.sin6_addr, at->address.b, 16);
	memcpy(&v4.sin_addr, at->address.b, 4);
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (six)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, six ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4,
		    six ? sizeof(v6) : sizeof(v4)))
		error = errno;
	close(fd);
	return error;
}

static void look_at_endpoint(
	const struct check *c, const char *what, const struct config_endpoint *at, bool running)
{
	char text[64];

	ip_address_format(&at->address, text, sizeof(text));
	switch (try_bind(at)) {
	case 0:
		check_say(c, CHECK_OK, "listen", "%s: %s port %u is free", what, text, at->port);
		return;
	case EADDRINUSE:
		if (running)
			check_say(c, CHECK_OK, "listen",
				"%s: %s port %u, in use while poi-control runs", what, text,
				at->port);
		else
			check_say(c, CHECK_FAIL, "listen",
				"%s: another program has %s port %u; see which with: ss -ltnp "
				"'sport = :%u'",
				what, text, at->port, at->port);
		return;
	case EADDRNOTAVAIL:
		check_say(c, CHECK_FAIL, "listen",
			"%s: no interface has the address %s; ip address add %s/PREFIX dev "
			"INTERFACE, or "
			"write another",
			what, text, text);
		return;
	case EACCES:
		check_say(c, CHECK_WARN, "listen",
			"%s: port %u is below 1024 and not for this user; poi-control needs "
			"CAP_NET_BIND_SERVICE",
			what, at->port);
		return;
	default:
		check_say(c, CHECK_WARN, "listen", "%s: %s port %u cannot be tried", what, text,
			at->port);
	}
}

void check_listeners(const struct check *c)
{
	const struct config *f = c->config;
	char software[32], what[300];
	bool running = cli_peer_state(f, "control.sock", software) != CLI_PEER_AWAY;

	for (uint32_t i = 0; i < f->n_nes; i++) {
		snprintf(what, sizeof(what), "X1 of %s", f->nes[i].ne_identifier);
		look_at_endpoint(c, what, &f->nes[i].listen, running);
	}
	if (f->metrics.listen.address.family)
		look_at_endpoint(c, "metrics", &f->metrics.listen, running);
}

// --- NICs ---

// "0000:03:00.0" or "03:00.0".
static bool is_pci(const char *device)
{
	static const char *const shapes[] = {"xxxx:xx:xx.x", "xx:xx.x"};

	for (size_t k = 0; k < 2; k++) {
		const char *shape = shapes[k];
		size_t i = 0;
		while (shape[i] && (shape[i] == 'x' ? isxdigit((unsigned char)device[i]) != 0
						    : device[i] == shape[i]))
			i++;
		if (!shape[i] && !device[i])
			return true;
	}
	return false;
}

static void look_at_node(const struct check *c, const char *device)
{
	const struct config_dataplane *d = &c->config->dataplane;
	char text[32];

	if (!check_read(c, text, sizeof(text), "/sys/bus/pci/devices/%s/numa_node", device))
		return;
	int node = (int)strtol(text, NULL, 10);
	for (uint32_t i = 0; node >= 0 && i < d->n_workers; i++) {
		int own = check_cpu_node(c, (unsigned)d->workers[i]);
		if (own >= 0 && own != node)
			check_say(c, CHECK_WARN, "port",
				"%s is on memory node %d, CPU %d of dataplane.workers on node %d: "
				"slower; "
				"write CPUs of node %d (lscpu)",
				device, node, d->workers[i], own, node);
	}
}

// Drivers with which DPDK polls a NIC: those that hand the device out, and those that share it.
static bool driver_fits(const char *driver)
{
	static const char *const fit[] = {
		"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core"};

	for (size_t i = 0; i < sizeof(fit) / sizeof(fit[0]); i++)
		if (!strcmp(driver, fit[i]))
			return true;
	return false;
}

static bool allowed(const struct config *f, const char *device)
{
	char value[256];
	unsigned n = 0;

	for (; check_eal(f, "-a", n, value, sizeof(value)) ||
		check_eal(f, "--allow", n, value, sizeof(value));
		n++) {
		value[strcspn(value, ",")] = '\0';
		size_t a = strlen(value), b = strlen(device);
		if (a && a <= b && !strcmp(device + b - a, value))
			return true;
	}
	return n == 0;
}

static void look_at_pci(const struct check *c, const char *given)
{
	char device[64], path[4096], target[4096], value[64];

	// The kernel writes the domain, too.
	snprintf(device, sizeof(device), "%s%s",
		strchr(given, ':') == strrchr(given, ':') ? "0000:" : "", given);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", c->root, device);
	if (access(path, F_OK)) {
		check_say(c, CHECK_FAIL, "port",
			"%s: there is no such device; see: lspci -D | grep -i eth", given);
		return;
	}
	if (check_eal(c->config, "--no-pci", 0, value, sizeof(value)))
		check_say(c, CHECK_FAIL, "port", "%s: dataplane.eal says --no-pci; take it out",
			given);
	else if (!allowed(c->config, device))
		check_say(c, CHECK_FAIL, "port", "%s: dataplane.eal allows others only; add -a %s",
			given, given);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver", c->root, device);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0) {
		check_say(c, CHECK_FAIL, "port",
			"%s: no driver is bound; modprobe vfio-pci; dpdk-devbind.py "
			"--bind=vfio-pci %s",
			given, given);
		return;
	}
	target[n] = '\0';
	const char *driver = basename(target);
	if (driver_fits(driver))
		check_say(c, CHECK_OK, "port", "%s: driver %s", given, driver);
	else
		check_say(c, CHECK_FAIL, "port",
			"%s: the kernel has it (driver %s); ip link set it down, then: "
			"dpdk-devbind.py "
			"--bind=vfio-pci %s",
			given, driver, given);
	look_at_node(c, device);
}

// --- virtual devices ---

static bool known_driver(const char *device)
{
	static const char *const drivers[] = {"net_null", "net_pcap", "net_af_packet", "net_af_xdp",
		"net_tap", "net_memif", "net_ring", "net_vhost", "net_virtio_user", "virtio_user",
		"net_bonding", "net_failsafe", "eth_af_packet", "eth_null", "eth_pcap", "eth_ring"};
	size_t n = strcspn(device, "0123456789");

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strlen(drivers[i]) == n && !strncmp(drivers[i], device, n))
			return true;
	return false;
}

// The value of `key` in "net_x0,key=value,..."; false when it is not there.
static bool argument(const char *vdev, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);

	for (const char *at = strchr(vdev, ','); at; at = strchr(at + 1, ',')) {
		if (strncmp(at + 1, key, n) != 0 || at[1 + n] != '=')
			continue;
		const char *value = at + n + 2;
		snprintf(out, size, "%.*s", (int)strcspn(value, ","), value);
		return true;
	}
	return false;
}

static bool ethtool_says(int fd, const char *interface, uint32_t command)
{
	struct ethtool_value v = {.cmd = command};
	struct ifreq r = {0};

	// A longer name is no interface; said so that an optimised build sees it too.
	if (strnlen(interface, IFNAMSIZ) == IFNAMSIZ)
		return false;
	memcpy(r.ifr_name, interface, strlen(interface));
	r.ifr_data = (char *)&v;
	return !ioctl(fd, SIOCETHTOOL, &r) &&
	       (command == ETHTOOL_GFLAGS ? v.data & ETH_FLAG_LRO : v.data);
}

static void look_at_interface(const struct check *c, const char *device, const char *interface)
{
	char state[32];

	if (!check_read(c, state, sizeof(state), "/sys/class/net/%s/operstate", interface)) {
		check_say(c, CHECK_FAIL, "port", "%s: there is no interface %s; see: ip link",
			device, interface);
		return;
	}
	if (!strcmp(state, "down"))
		check_say(c, CHECK_WARN, "port", "%s: interface %s is down; ip link set %s up",
			device, interface, interface);
	else
		check_say(c, CHECK_OK, "port", "%s: on interface %s", device, interface);
	int fd = c->root[0] ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	bool gro = ethtool_says(fd, interface, ETHTOOL_GGRO);
	bool lro = ethtool_says(fd, interface, ETHTOOL_GFLAGS);
	close(fd);
	if (gro || lro)
		check_say(c, CHECK_WARN, "port",
			"%s: %s joins packets before they are seen; ethtool -K %s%s%s", device,
			interface, interface, gro ? " gro off" : "", lro ? " lro off" : "");
}

static void look_at_capture(const struct check *c, const char *device, const char *file)
{
	char path[8192], folder[4096];

	snprintf(folder, sizeof(folder), "%s", c->config->file);
	snprintf(path, sizeof(path), "%s%s%s", file[0] == '/' ? "" : dirname(folder),
		file[0] == '/' ? "" : "/", file);
	if (access(path, R_OK))
		check_say(c, CHECK_FAIL, "port", "%s: %s: %s; write a file that is there", device,
			path, strerror(errno));
	else
		check_say(c, CHECK_OK, "port", "%s: reads %s", device, path);
}

static void look_at_vdev(const struct check *c, const char *device)
{
	char vdev[1024], value[1024];
	size_t n = strlen(device);

	for (unsigned i = 0; check_eal(c->config, "--vdev", i, vdev, sizeof(vdev)); i++) {
		if (strncmp(vdev, device, n) != 0 || (vdev[n] && vdev[n] != ','))
			continue;
		if (argument(vdev, "iface", value, sizeof(value)) &&
			strncmp(device, "net_tap", 7) != 0)
			look_at_interface(c, device, value);
		else if (argument(vdev, "rx_pcap", value, sizeof(value)))
			look_at_capture(c, device, value);
		else if (known_driver(device))
			check_say(c, CHECK_OK, "port", "%s: virtual device", device);
		else
			check_say(c, CHECK_WARN, "port",
				"%s: a virtual device that is not known here; see its own manual",
				device);
		return;
	}
	check_say(c, CHECK_FAIL, "port",
		"%s: nothing makes this device; add --vdev %s,... to dataplane.eal", device,
		device);
}

void check_ports(const struct check *c)
{
	const struct config_dataplane *d = &c->config->dataplane;

	for (uint32_t i = 0; i < d->n_ports; i++) {
		if (is_pci(d->ports[i].device))
			look_at_pci(c, d->ports[i].device);
		else
			look_at_vdev(c, d->ports[i].device);
	}
}

// --- what runs ---

static void look_at_process(const struct check *c, const char *name, const char *socket_name)
{
	char software[32];

	switch (cli_peer_state(c->config, socket_name, software)) {
	case CLI_PEER_AWAY:
		check_say(c, CHECK_OK, "processes", "%s does not run", name);
		return;
	case CLI_PEER_OURS:
		check_say(c, CHECK_OK, "processes", "%s runs", name);
		return;
	case CLI_PEER_FOREIGN:
		check_say(c, CHECK_FAIL, "processes",
			"%s runs as version %s, which speaks another channel; systemctl restart %s",
			name, software, name);
		return;
	case CLI_PEER_DENIED:
		check_say(c, CHECK_WARN, "processes",
			"%s runs, but does not answer this user; run this as root or as its user",
			name);
		return;
	}
}

static void look_at_spread(const struct check *c, const char *port, uint8_t spread)
{
	switch ((enum port_spread)spread) {
	case SPREAD_NONE:
	case SPREAD_ADDRESSES:
		check_say(c, CHECK_OK, "spread", "%s: %s", port, port_spread_name(spread));
		return;
	case SPREAD_ONE_SIDED:
		check_say(c, CHECK_WARN, "spread",
			"%s: by the NIC's own key, the two directions of a conversation may come "
			"to two "
			"workers: ports of later fragments may be missed; use one worker, or "
			"another NIC",
			port);
		return;
	case SPREAD_DEVICE:
		check_say(c, CHECK_WARN, "spread",
			"%s: as the device does it, perhaps by ports: later fragments may come to "
			"another "
			"worker than the first; use one queue for port tasks",
			port);
		return;
	case SPREAD_IMPOSSIBLE:
		check_say(c, CHECK_WARN, "spread",
			"%s: the NIC cannot hash by addresses alone: one worker gets all of it; "
			"use another "
			"NIC where that is not enough",
			port);
		return;
	}
}

void check_processes(const struct check *c)
{
	struct cli_picture p;

	look_at_process(c, "poi-dataplane", "dataplane.sock");
	look_at_process(c, "poi-control", "control.sock");
	cli_picture_take(c->config, true, &p);
	for (uint32_t i = 0; p.dataplane && i < p.workers.ports && i < p.status.ports; i++)
		look_at_spread(c, p.status.port[i].name, p.workers.port[i].spread);
	if (p.dataplane && !p.status.balanced)
		check_say(c, CHECK_FAIL, "ledger",
			"the sums differ; keep the output of: poi status --json");
	cli_picture_free(&p);
}
