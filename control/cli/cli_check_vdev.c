// `poi check`: the ports of the configuration, NICs and virtual devices.
#include "control/cli/cli_check.h"

#include <errno.h>
#include <libgen.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/cli/cli_check_nic.h"
#include "control/cli/cli_check_right.h"
#include "shared/vdev.h"

static bool known_driver(const char *device)
{
	static const char *const drivers[] = {"net_null", "net_pcap", "net_af_packet", "net_af_xdp",
		"net_tap", "net_memif", "net_ring", "net_vhost", "eth_vhost", "net_virtio_user",
		"virtio_user", "net_bonding", "net_failsafe", "eth_af_packet", "eth_null",
		"eth_pcap", "eth_ring"};
	size_t n = strcspn(device, "0123456789");

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strlen(drivers[i]) == n && !strncmp(drivers[i], device, n))
			return true;
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

// The device's arguments, of --vdev; false when nothing makes it.
static bool find_vdev(const struct check *c, const char *device, char *vdev, size_t size)
{
	size_t n = strlen(device);

	for (unsigned i = 0; check_eal(c->config, "--vdev", i, vdev, size); i++)
		if (strncmp(vdev, device, n) == 0 && (!vdev[n] || vdev[n] == ','))
			return true;
	return false;
}

// True when `iface` names an interface of the kernel that is there before the port.
static bool takes_interface(const char *vdev, char *out, size_t size)
{
	bool makes = vdev_is_of(vdev, "net_tap") || vdev_is_of(vdev, "net_virtio_user") ||
		     vdev_is_of(vdev, "virtio_user");

	return !makes && !vdev_is_of(vdev, "net_vhost") && !vdev_is_of(vdev, "eth_vhost") &&
	       vdev_argument(vdev, "iface", out, size);
}

// Looks at the folder of a socket, which is there before the port; the socket file need not be.
static void look_at_socket(
	const struct check *c, const char *device, const char *path, bool listens)
{
	char folder[4096], name[4096], full[8192];

	snprintf(folder, sizeof(folder), "%s", path);
	snprintf(name, sizeof(name), "%s", path);
	const char *in = dirname(folder);
	snprintf(full, sizeof(full), "%s%s", c->root, in);
	if (access(full, F_OK))
		check_say(c, CHECK_FAIL, "port",
			"%s: there is no folder %s for the socket %s; write one that is there",
			device, in, basename(name));
	else
		check_say(c, CHECK_OK, "port", "%s: %s %s", device,
			listens ? "listens on" : "connects to", path);
}

// The driver's own default is role=client.
static bool is_memif_client(const char *vdev)
{
	char role[16];

	return vdev_is_of(vdev, "net_memif") &&
	       (!vdev_argument(vdev, "role", role, sizeof(role)) ||
		       (strcmp(role, "server") != 0 && strcmp(role, "master") != 0));
}

static void look_at_arguments(const struct check *c, const char *device, const char *vdev)
{
	enum vdev_virtio virtio = vdev_virtio(vdev);
	char value[1024];
	bool listens;

	if (is_memif_client(vdev))
		check_say(c, CHECK_WARN, "port",
			"%s: net_memif as client connects at its start only: a peer that restarts "
			"is "
			"lost until poi-dataplane restarts, which waits for the peer; write "
			"role=server",
			device);
	if (virtio != VDEV_LASTING)
		check_say(c, virtio == VDEV_ONCE ? CHECK_WARN : CHECK_FAIL, "port", "%s: %s",
			device, vdev_virtio_text(virtio));
	else if (vdev_socket(vdev, value, sizeof(value), &listens))
		look_at_socket(c, device, value, listens);
	else if (takes_interface(vdev, value, sizeof(value)))
		look_at_interface(c, device, value);
	else if (vdev_argument(vdev, "rx_pcap", value, sizeof(value)))
		look_at_capture(c, device, value);
	else if (known_driver(device))
		check_say(c, CHECK_OK, "port", "%s: virtual device", device);
	else
		check_say(c, CHECK_WARN, "port",
			"%s: a virtual device that is not known here; see its own manual", device);
}

static void look_at_vdev(const struct check *c, const char *device)
{
	char vdev[1024];

	if (find_vdev(c, device, vdev, sizeof(vdev)))
		look_at_arguments(c, device, vdev);
	else
		check_say(c, CHECK_FAIL, "port",
			"%s: nothing makes this device; add --vdev %s,... to dataplane.eal", device,
			device);
}

// True for a port by a virtual device that needs rights of the unit; `vdev` has its arguments.
static bool needs_rights(const struct check *c, const char *device, char *vdev, size_t size)
{
	return !nic_is_address(device) && find_vdev(c, device, vdev, size) &&
	       check_right_is_needed(vdev);
}

void check_ports(const struct check *c)
{
	const struct config_dataplane *d = &c->config->dataplane;
	bool nics = false, any = false;
	struct check_unit u = {0};
	char vdev[1024];

	for (uint32_t i = 0; i < d->n_ports; i++) {
		nics |= nic_is_address(d->ports[i].device);
		any |= nics || needs_rights(c, d->ports[i].device, vdev, sizeof(vdev));
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
		if (needs_rights(c, device, vdev, sizeof(vdev)))
			check_right_vdev(c, &u, device, vdev);
	}
}
