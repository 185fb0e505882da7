// `poi check`: where X1 listens, virtual ports, and what runs already.
#include "control/cli/cli_check.h"

#include <errno.h>
#include <libgen.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/cli/cli_check_nic.h"
#include "control/cli/cli_peer.h"
#include "shared/socket.h"

// --- addresses ---

// 0, or why the address cannot be listened on.
static int try_bind(const struct config_endpoint *at)
{
	int fd = socket_listen(&at->address, at->port, SOCKET_REUSE, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
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

// Debian's driver looks the XDP program up by its id, which the kernel leaves to CAP_SYS_ADMIN;
// CAP_BPF is for the loading only.
static void look_at_xdp(const struct check *c, const struct check_unit *u, const char *device)
{
	if (!check_unit_has_capability(u, CAP_SYS_ADMIN))
		check_say(c, CHECK_FAIL, "service",
			"%s needs CAP_SYS_ADMIN, AF_XDP and bpf(), which the unit keeps from %s "
			"(%s); use net_af_packet in its place",
			device, u->user, u->source);
	else if (u->found)
		check_say(c, CHECK_WARN, "service",
			"%s needs RestrictAddressFamilies=AF_XDP and SystemCallFilter=bpf, and for "
			"several queues LIBXDP_BPFFS=, a bpffs that %s may write to; they are not "
			"looked at; see: systemctl cat poi-dataplane",
			device, u->user);
}

// What a virtual device needs of the unit: the kernel's interface is opened with capabilities, and
// net_tap's through a device of its own.
static void look_at_rights(const struct check *c, const struct check_unit *u, const char *device)
{
	static const struct {
		const char *driver;
		unsigned capability;
		const char *name, *node, *allow;
	} needs[] = {{"net_af_packet", CAP_NET_RAW, "CAP_NET_RAW", NULL, NULL},
		{"eth_af_packet", CAP_NET_RAW, "CAP_NET_RAW", NULL, NULL},
		{"net_pcap", CAP_NET_RAW, "CAP_NET_RAW", NULL, NULL},
		{"net_af_xdp", CAP_NET_RAW, "CAP_NET_RAW", NULL, NULL},
		{"net_af_xdp", CAP_NET_ADMIN, "CAP_NET_ADMIN", NULL, NULL},
		{"net_tap", CAP_NET_ADMIN, "CAP_NET_ADMIN", "/dev/net/tun", "/dev/net/tun rw"}};

	if (strncmp(device, "net_af_xdp", 10) == 0)
		look_at_xdp(c, u, device);
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (strncmp(device, needs[i].driver, strlen(needs[i].driver)) != 0)
			continue;
		if (!check_unit_has_capability(u, needs[i].capability))
			check_say(c, CHECK_FAIL, "service",
				"%s needs %s, which %s lacks (%s); add it to "
				"AmbientCapabilities= and CapabilityBoundingSet= with: systemctl "
				"edit poi-dataplane",
				device, needs[i].name, u->user, u->source);
		if (needs[i].node && !check_unit_has_device(u, needs[i].node, "misc"))
			check_say(c, CHECK_FAIL, "service",
				"%s: the unit does not open %s (%s); add %s%s with: "
				"systemctl edit poi-dataplane",
				device, needs[i].node, u->source,
				u->private_devices ? "PrivateDevices=no" : "DeviceAllow=",
				u->private_devices ? "" : needs[i].allow);
	}
}

// The device's arguments, of --vdev; false when nothing makes it.
static bool find_vdev(const struct check *c, const char *device, char *vdev, size_t size)
{
	size_t n = strlen(device);

	for (unsigned i = 0; check_eal(c->config, "--vdev", i, vdev, size); i++)
		if (strncmp(vdev, device, n) == 0 && (!vdev[n] || vdev[n] == ','))
			return true;
	return false;
}

static void look_at_vdev(const struct check *c, const char *device)
{
	char vdev[1024], value[1024];

	if (!find_vdev(c, device, vdev, sizeof(vdev)))
		check_say(c, CHECK_FAIL, "port",
			"%s: nothing makes this device; add --vdev %s,... to dataplane.eal", device,
			device);
	else if (argument(vdev, "iface", value, sizeof(value)) &&
		 strncmp(device, "net_tap", 7) != 0)
		look_at_interface(c, device, value);
	else if (argument(vdev, "rx_pcap", value, sizeof(value)))
		look_at_capture(c, device, value);
	else if (known_driver(device))
		check_say(c, CHECK_OK, "port", "%s: virtual device", device);
	else
		check_say(c, CHECK_WARN, "port",
			"%s: a virtual device that is not known here; see its own manual", device);
}

// True for a port that is one of the kernel's, by a virtual device.
static bool is_of_kernel(const struct check *c, const char *device)
{
	char vdev[1024], value[1024];

	return find_vdev(c, device, vdev, sizeof(vdev)) &&
	       (argument(vdev, "iface", value, sizeof(value)) || !strncmp(device, "net_tap", 7));
}

void check_ports(const struct check *c)
{
	const struct config_dataplane *d = &c->config->dataplane;
	bool nics = false, any = false;
	struct check_unit u = {0};

	for (uint32_t i = 0; i < d->n_ports; i++) {
		nics |= nic_is_address(d->ports[i].device);
		any |= nics || is_of_kernel(c, d->ports[i].device);
	}
	if (any)
		check_service(c, &u, nics);
	for (uint32_t i = 0; i < d->n_ports; i++) {
		const char *device = d->ports[i].device;
		if (nic_is_address(device)) {
			check_nic(c, &u, device);
			continue;
		}
		look_at_vdev(c, device);
		if (is_of_kernel(c, device))
			look_at_rights(c, &u, device);
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
			"%s runs, but does not serve this user; run this as root or as its user",
			name);
		return;
	case CLI_PEER_SILENT:
		check_say(c, CHECK_FAIL, "processes",
			"%s runs and does not answer: it hangs, or the machine is too busy; look "
			"at "
			"its journal",
			name);
		return;
	case CLI_PEER_BROKEN:
		check_say(c, CHECK_WARN, "processes", "%s cannot be asked; try again", name);
		return;
	}
}

// With one worker there is nothing to spread.
static bool wants_tunnels(const struct config_dataplane *d, const char *port)
{
	for (uint32_t i = 0; i < d->n_ports && d->n_workers > 1; i++)
		if (strcmp(d->ports[i].device, port) == 0)
			return d->ports[i].spread == CONFIG_SPREAD_TUNNEL;
	return false;
}

static void look_at_spread(const struct check *c, const char *port, uint8_t spread)
{
	if (spread != SPREAD_TUNNEL && wants_tunnels(&c->config->dataplane, port))
		check_say(c, CHECK_WARN, "spread",
			"%s: spread: tunnel was asked for and the NIC cannot: all tunnels of one "
			"gNB come to one worker; write spread: software where that is not enough",
			port);
	switch ((enum port_spread)spread) {
	case SPREAD_NONE:
	case SPREAD_ADDRESSES:
	case SPREAD_SOFTWARE:
	case SPREAD_TUNNEL:
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
			"%s: the NIC has no hash of IP packets: one worker gets all of it; use "
			"another NIC where that is not enough",
			port);
		return;
	case SPREAD_PORTS:
		check_say(c, CHECK_WARN, "spread",
			"%s: by addresses and ports, the closest hash that the NIC has: fragments "
			"and whole packets of one conversation may come to two workers; use one "
			"worker where their order counts",
			port);
		return;
	}
}

static void look_at_share(const struct check *c, const char *port, const struct unopened_share *s)
{
	char what[UNOPENED_TEXT];

	if (!unopened_looks_wrapped(s)) {
		check_say(c, CHECK_OK, "wrappings", "%s: the port opens what it sees", port);
		return;
	}
	unopened_text(s->most[0].what, what);
	check_say(c, CHECK_WARN, "wrappings",
		"%s: the link looks wrapped, most by %s: the packets inside are not seen; see the "
		"keys of dataplane.ports (gre, vxlan-ports, mpls-pseudowire ...)",
		port, what);
}

void check_processes(const struct check *c)
{
	struct cli_picture p;

	look_at_process(c, "poi-dataplane", "dataplane.sock");
	look_at_process(c, "poi-control", "control.sock");
	cli_picture_take_settled(c->config, true, &p);
	for (uint32_t i = 0; p.dataplane && i < p.workers.ports && i < p.status.ports; i++) {
		look_at_spread(c, p.status.port[i].name, p.workers.port[i].spread);
		look_at_share(c, p.status.port[i].name, &p.workers.port[i].share);
	}
	if (p.dataplane && !p.status.balanced)
		check_say(c, CHECK_FAIL, "ledger",
			"the sums differ; keep the output of: poi status --json");
	cli_picture_free(&p);
}
