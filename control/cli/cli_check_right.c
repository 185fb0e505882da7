// `poi check`: the rights that each kind of port needs of the unit, and the packaged drop-in that
// gives them.
#include "control/cli/cli_check_right.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/vdev.h"

#define BIT(n) (1ull << (n))
#define PORTS "/run/poi-ports"
#define BPFFS "/run/poi-bpf"

static const struct check_need needs[] = {
	{"net_af_packet", "af-packet", BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN), BIT(AF_PACKET), false,
		NULL, NULL, NULL},
	{"eth_af_packet", "af-packet", BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN), BIT(AF_PACKET), false,
		NULL, NULL, NULL},
	// Its socket is promiscuous by itself.
	{"net_pcap", "af-packet", BIT(CAP_NET_RAW), BIT(AF_PACKET), false, NULL, NULL, NULL},
	{"eth_pcap", "af-packet", BIT(CAP_NET_RAW), BIT(AF_PACKET), false, NULL, NULL, NULL},
	// Debian's driver looks the XDP program up by its id, which the kernel leaves to
	// CAP_SYS_ADMIN; CAP_BPF is for the loading only.
	{"net_af_xdp", "af-xdp", BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_ADMIN),
		BIT(AF_XDP) | BIT(AF_NETLINK), true, NULL, NULL, NULL},
	{"net_tap", "tap", BIT(CAP_NET_ADMIN), BIT(AF_NETLINK), false, "/dev/net/tun", "misc",
		"/dev/net/tun rw"},
};

static const struct check_need verbs = {"", "mlx5", BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN),
	BIT(AF_NETLINK), false, NULL, "infiniband_verbs", "char-infiniband_verbs rw"};
static const struct check_need container = {
	"", "vfio", 0, 0, false, "/dev/vfio/vfio", "misc", "/dev/vfio/vfio rw"};
static const struct check_need group = {"", "vfio", 0, 0, false, NULL, "vfio", "char-vfio rw"};

// --- what is missing ---

struct list {
	char text[512];
	size_t n;
};

static __attribute__((format(printf, 2, 3))) void add(struct list *l, const char *format, ...)
{
	va_list args;

	if (l->n && l->n + 2 < sizeof(l->text))
		l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, ", ");
	va_start(args, format);
	if (l->n < sizeof(l->text))
		l->n += (size_t)vsnprintf(l->text + l->n, sizeof(l->text) - l->n, format, args);
	va_end(args);
}

static void add_capabilities(struct list *l, const struct check_unit *u, uint64_t wanted)
{
	static const struct {
		unsigned bit;
		const char *name;
	} named[] = {{CAP_NET_RAW, "CAP_NET_RAW"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (wanted & ~u->capabilities & BIT(named[i].bit))
			add(l, "%s", named[i].name);
}

static void add_families(struct list *l, const struct check_unit *u, uint64_t wanted)
{
	static const struct {
		unsigned family;
		const char *name;
	} named[] = {{AF_UNIX, "AF_UNIX"}, {AF_NETLINK, "AF_NETLINK"}, {AF_PACKET, "AF_PACKET"},
		{AF_XDP, "AF_XDP"}};

	for (size_t i = 0; u->found && i < sizeof(named) / sizeof(named[0]); i++)
		if (wanted & ~u->families & BIT(named[i].family))
			add(l, "RestrictAddressFamilies=%s", named[i].name);
}

// Writes what brings the missing rights to the unit, or to the process that there is without one.
static void remedy(
	const struct check *c, const struct check_unit *u, const char *kind, char *out, size_t size)
{
	char name[64], path[512];

	snprintf(name, sizeof(name), "60-poi-%s.conf", kind);
	if (!u->found)
		snprintf(out, size,
			"start the program with it (of a container: --cap-add, --device)");
	else if (check_unit_has_drop_in(c, name, path, sizeof(path)))
		snprintf(out, size,
			"%s gives it, and another line takes it away; see: systemctl cat "
			"poi-dataplane",
			path);
	else
		snprintf(out, size,
			"install -D -m 644 -t /etc/systemd/system/" CHECK_UNIT ".d " CHECK_DROP_INS
			"/%s && systemctl daemon-reload",
			name);
}

static bool look(const struct check *c, const struct check_unit *u, const char *device,
	const struct check_need *need, const char *node)
{
	struct list missing = {.n = 0};
	char fix[1024];

	add_capabilities(&missing, u, need->capabilities);
	add_families(&missing, u, need->families);
	if (u->found && need->bpf && !u->calls_bpf)
		add(&missing, "SystemCallFilter=bpf");
	if (node && u->private_devices)
		add(&missing, "PrivateDevices=no");
	else if (node && !check_unit_has_device(u, node, need->kind))
		add(&missing, "DeviceAllow=%s", need->allow);
	if (!missing.n)
		return true;
	if (node && u->private_devices)
		snprintf(fix, sizeof(fix),
			"write PrivateDevices=no below [Service] with: systemctl edit "
			"poi-dataplane");
	else
		remedy(c, u, need->drop_in, fix, sizeof(fix));
	check_say(c, CHECK_FAIL, "service", "%s: %s is missing for %s%s%s (%s); %s", device,
		missing.text, u->user, node ? " to open " : "", node ? node : "", u->source, fix);
	return false;
}

bool check_right_verbs(
	const struct check *c, const struct check_unit *u, const char *device, const char *node)
{
	return look(c, u, device, &verbs, node);
}

bool check_right_vfio(
	const struct check *c, const struct check_unit *u, const char *device, const char *node)
{
	return look(c, u, device, strcmp(node, container.node) ? &group : &container, node);
}

// --- virtual devices ---

// A second queue takes libxdp's lock in a bpffs; one worker has one queue.
static void look_at_bpffs(const struct check *c, const struct check_unit *u, const char *device)
{
	char fix[1024];

	if (!u->found || c->config->dataplane.n_workers < 2)
		return;
	if (u->bpffs[0] && check_unit_writes_to(u, u->bpffs))
		return;
	remedy(c, u, "af-xdp", fix, sizeof(fix));
	check_say(c, CHECK_WARN, "service",
		"%s: with several queues %s needs Environment=LIBXDP_BPFFS=" BPFFS
		" and ReadWritePaths=" BPFFS ", a bpffs (%s); %s",
		device, u->user, u->source, fix);
}

// A socket that the port makes: its folder must be open to the user, and to the unit.
static void look_at_listening(const struct check *c, const struct check_unit *u, const char *device,
	const char *kind, const char *folder)
{
	char full[4096], owner[80], fix[1024];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", c->root, folder);
	if (stat(full, &st))
		return; // cli_check_vdev.c reports it
	if (!check_unit_may_make(u, &st)) {
		check_owner_text(c, &st, owner, sizeof(owner));
		check_say(c, CHECK_FAIL, "service",
			"%s: user %s cannot make a socket in %s, which belongs to %s, mode %04o; "
			"move the socket to " PORTS,
			device, u->user, folder, owner, (unsigned)st.st_mode & 07777);
	}
	if (check_unit_writes_to(u, folder))
		return;
	if (strcmp(folder, PORTS) == 0)
		remedy(c, u, kind, fix, sizeof(fix));
	else
		snprintf(fix, sizeof(fix),
			"move the socket to " PORTS ", or write ReadWritePaths=%s below [Service] "
			"with: systemctl edit poi-dataplane",
			folder);
	check_say(c, CHECK_FAIL, "service",
		"%s: ReadWritePaths=%s is missing for %s to make its socket (%s); %s", device,
		folder, u->user, u->source, fix);
}

static void look_at_connecting(
	const struct check *c, const struct check_unit *u, const char *device, const char *path)
{
	char full[4096], owner[80];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", c->root, path);
	if (stat(full, &st) || check_unit_may_connect(u, &st))
		return;
	check_owner_text(c, &st, owner, sizeof(owner));
	check_say(c, CHECK_FAIL, "service",
		"%s: user %s cannot connect to %s, which belongs to %s, mode %04o; write "
		"SupplementaryGroups= of a group that may below [Service] with: systemctl edit "
		"poi-dataplane",
		device, u->user, path, owner, (unsigned)st.st_mode & 07777);
}

static void look_at_socket(
	const struct check *c, const struct check_unit *u, const char *device, const char *vdev)
{
	const char *kind = vdev_is_of(vdev, "net_memif") ? "memif" : "vhost";
	struct check_need need = {.drop_in = kind, .families = BIT(AF_UNIX)};
	char path[4096], folder[4096];
	bool listens;

	if (vdev_virtio(vdev) != VDEV_LASTING)
		return;
	if (!vdev_socket(vdev, path, sizeof(path), &listens)) {
		if (vdev_is_of(vdev, "net_memif")) // an abstract socket has no file
			(void)look(c, u, device, &need, NULL);
		return;
	}
	(void)look(c, u, device, &need, NULL);
	snprintf(folder, sizeof(folder), "%s", path);
	if (listens)
		look_at_listening(c, u, device, kind, dirname(folder));
	else
		look_at_connecting(c, u, device, path);
}

void check_right_vdev(
	const struct check *c, const struct check_unit *u, const char *device, const char *vdev)
{
	look_at_socket(c, u, device, vdev);
	if (!check_right_is_kernels(vdev))
		return;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (vdev_is_of(vdev, needs[i].driver))
			(void)look(c, u, device, &needs[i], needs[i].node);
	if (vdev_is_of(vdev, "net_af_xdp"))
		look_at_bpffs(c, u, device);
}

bool check_right_is_kernels(const char *vdev)
{
	char value[1024];

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (vdev_is_of(vdev, needs[i].driver))
			return strcmp(needs[i].drop_in, "tap") == 0 ||
			       vdev_argument(vdev, "iface", value, sizeof(value)) ||
			       vdev_argument(vdev, "rx_iface", value, sizeof(value)) ||
			       vdev_argument(vdev, "rx_iface_in", value, sizeof(value)) ||
			       vdev_argument(vdev, "tx_iface", value, sizeof(value));
	return false;
}

bool check_right_is_needed(const char *vdev)
{
	char path[4096];
	bool listens;

	return check_right_is_kernels(vdev) || vdev_is_of(vdev, "net_memif") ||
	       (vdev_virtio(vdev) == VDEV_LASTING &&
		       vdev_socket(vdev, path, sizeof(path), &listens));
}
