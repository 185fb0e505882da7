// `poi check`: NICs on PCI, and whether the unit's user could open them.
#include "control/cli/cli_check_nic.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/cli_check_right.h"
#include "shared/cpu_plan.h"
#include "shared/nic_driver.h"

#define MIB (1024.0 * 1024)
#define CONTAINER "/dev/vfio/vfio"
#define EDIT "systemctl edit poi-dataplane"
// udev looks groups up when it reads its rules; a reload does not read unchanged files again.
#define RULES_ANEW \
	"systemctl restart systemd-udevd && udevadm trigger --settle --subsystem-match=vfio"

// --- the unit ---

static void look_at_memory_lock(const struct check *c, const struct check_unit *u)
{
	bool asked;
	double needed = check_memory_needed(c->config, &asked);

	if (u->memlock >= needed || check_unit_has_capability(u, CAP_IPC_LOCK))
		return;
	bool systemd = access("/run/systemd/system", F_OK) == 0;
	check_say(c, CHECK_FAIL, "service",
		"%s may lock %.0f MiB, and a NIC's IOMMU locks all %.0f MiB of the EAL (%s); %s",
		u->user, u->memlock / MIB, needed / MIB, u->source,
		systemd ? "write LimitMEMLOCK=infinity below [Service] with: " EDIT
			: "without systemd: ulimit -l unlimited, or --ulimit memlock=-1:-1 of the "
			  "container");
}

void check_service(const struct check *c, struct check_unit *u, bool nics)
{
	check_unit_read(c, CHECK_UNIT, u);
	if (u->masked)
		check_say(c, CHECK_FAIL, "service",
			CHECK_UNIT " is masked; systemctl unmask poi-dataplane");
	if (!u->user_exists) {
		check_say(c, CHECK_FAIL, "service",
			"no user %s, which the unit names (%s); systemd-sysusers, "
			"then: " RULES_ANEW,
			u->user, u->source);
		return;
	}
	if (u->no_group[0]) {
		check_say(c, CHECK_FAIL, "service",
			"there is no group %s, which the unit names (%s), so that it does not "
			"start; systemd-sysusers, or correct it with: " EDIT,
			u->no_group, u->source);
		return;
	}
	check_say(
		c, CHECK_OK, "service", "ports are opened as %s, judged by %s", u->user, u->source);
	if (nics)
		look_at_memory_lock(c, u);
}

// --- rights on a device ---

static bool rule_is_there(const struct check *c)
{
	static const char *const folders[] = {"/etc/udev/rules.d", "/run/udev/rules.d",
		"/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d"};
	char path[4096];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s%s/60-poi-vfio.rules", c->root, folders[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

// Returns the command or change that lets the unit's user open the group's device.
static const char *what_opens(const struct check *c, const struct check_unit *u)
{
	if (strcmp(u->user, "poi") != 0)
		return "write SupplementaryGroups=poi below [Service] with: " EDIT
		       ", and: udevadm trigger --subsystem-match=vfio";
	if (rule_is_there(c))
		return RULES_ANEW;
	return "the udev rule 60-poi-vfio.rules is missing: apt install --reinstall poi (or put "
	       "SUBSYSTEM==\"vfio\", GROUP=\"poi\", MODE=\"0660\" into /etc/udev/rules.d), "
	       "then: " RULES_ANEW;
}

// True when the unit's user can open the device node of vfio; else the reason is reported.
static bool node_opens(
	const struct check *c, const struct check_unit *u, const char *given, const char *path)
{
	char full[4096], owner[80];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", c->root, path);
	if (stat(full, &st)) {
		check_say(c, CHECK_FAIL, "service",
			"%s: %s: %s; modprobe vfio-pci, then: "
			"udevadm trigger --subsystem-match=vfio",
			given, path, strerror(errno));
		return false;
	}
	if (!check_unit_may_open(u, &st)) {
		check_owner_text(c, &st, owner, sizeof(owner));
		check_say(c, CHECK_FAIL, "service",
			"%s: user %s cannot open %s, which belongs to %s, mode %04o; %s", given,
			u->user, path, owner, (unsigned)st.st_mode & 07777, what_opens(c, u));
		return false;
	}
	return check_right_vfio(c, u, given, path);
}

// --- VFIO ---

static bool look_at_noiommu(const struct check *c, const struct check_unit *u, const char *given)
{
	if (check_unit_has_capability(u, CAP_SYS_RAWIO)) {
		check_say(c, CHECK_WARN, "iommu",
			"%s: vfio's noiommu mode: the NIC can write to all memory; switch the "
			"IOMMU on (VT-d or AMD-Vi in the firmware, intel_iommu=on for the kernel)",
			given);
		return true;
	}
	check_say(c, CHECK_FAIL, "iommu",
		"%s: vfio's noiommu mode needs CAP_SYS_RAWIO, which %s lacks; switch the IOMMU on "
		"(VT-d or AMD-Vi in the firmware, intel_iommu=on for the kernel)",
		given, u->user);
	return false;
}

static void look_at_vfio(
	const struct check *c, const struct check_unit *u, const char *given, const struct nic *n)
{
	char other[16], driver[64];

	if (!n->group[0]) {
		check_say(c, CHECK_FAIL, "iommu",
			"%s: in no IOMMU group, so that vfio-pci cannot hand it out; switch the "
			"IOMMU on (VT-d or AMD-Vi in the firmware, intel_iommu=on for the kernel). "
			"vfio's noiommu mode needs CAP_SYS_RAWIO, which the unit lacks",
			given);
		return;
	}
	if (n->noiommu && !look_at_noiommu(c, u, given))
		return;
	if (!nic_is_viable(c->root, n, other, driver)) {
		check_say(c, CHECK_FAIL, "iommu",
			"%s: its IOMMU group %s is not viable: the kernel has %s of it (driver "
			"%s); dpdk-devbind.py --bind=vfio-pci %s, or put the NIC into another slot",
			given, n->group, other, driver, other);
		return;
	}
	if (!u->user_exists)
		return;
	if (node_opens(c, u, given, CONTAINER) && node_opens(c, u, given, n->node))
		check_say(c, CHECK_OK, "iommu", "%s: group %s, %s can open %s", given, n->group,
			u->user, n->node);
}

// --- drivers that share the NIC with the kernel ---

// mlx5 and mlx4 reach the NIC through a device of InfiniBand.
static void look_at_verbs(
	const struct check *c, const struct check_unit *u, const char *given, const struct nic *n)
{
	char path[4096], node[300] = "";
	const struct dirent *e;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/infiniband_verbs", c->root,
		n->address);
	DIR *d = opendir(path);
	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, "uverbs", 6) == 0)
			snprintf(node, sizeof(node), "/dev/infiniband/%s", e->d_name);
	if (d)
		closedir(d);
	if (!node[0])
		check_say(c, CHECK_FAIL, "service",
			"%s: %s has no device of infiniband_verbs; modprobe mlx5_ib (mlx4_ib), and "
			"apt install rdma-core",
			given, n->driver);
	else
		(void)check_right_verbs(c, u, given, node);
}

// --- DPDK's driver ---

static bool knows(const struct check *c, const struct nic_id *id, char *out, size_t size)
{
	char path[4096], value[1024];

	snprintf(path, sizeof(path), "%s%s", c->root, nic_driver_folder());
	if (nic_driver_find(path, id, out, size))
		return true;
	for (unsigned i = 0; check_eal(c->config, "-d", i, value, sizeof(value)); i++) {
		snprintf(path, sizeof(path), "%s%s", c->root, value);
		if (value[0] && nic_driver_find(path, id, out, size))
			return true;
	}
	return false;
}

static void look_at_id(const struct check *c, const char *given, const struct nic *n)
{
	char name[256], package[128];
	const struct nic_id *id = &n->id;

	if (knows(c, id, name, sizeof(name)))
		check_say(c, CHECK_OK, "port", "%s: %04x:%04x, DPDK's driver %s", given, id->vendor,
			id->device, name);
	else if (nic_driver_package(id, package, sizeof(package)))
		check_say(c, CHECK_FAIL, "port",
			"%s: no installed driver of DPDK supports %04x:%04x; apt install %s", given,
			id->vendor, id->device, package);
	else
		check_say(c, CHECK_FAIL, "port",
			"%s: no driver of Debian's DPDK supports %04x:%04x; use another NIC (lspci "
			"-nn), or leave it to the kernel and write --vdev net_af_packet0,iface=...",
			given, id->vendor, id->device);
}

// --- the port ---

static void look_at_node(const struct check *c, const char *device)
{
	struct cpu_listing keys[CPU_LISTINGS];
	char text[32];

	if (!check_read(c, text, sizeof(text), "/sys/bus/pci/devices/%s/numa_node", device))
		return;
	int node = (int)strtol(text, NULL, 10);
	cpu_listings(c->config, keys);
	for (size_t k = 0; k < CPU_LISTINGS; k++)
		for (uint32_t i = 0; node >= 0 && i < keys[k].n; i++) {
			int own = check_cpu_node(c, (unsigned)keys[k].cpu[i]);
			if (own >= 0 && own != node)
				check_say(c, CHECK_WARN, "port",
					"%s is on memory node %d, CPU %d of %s on node %d: slower; "
					"write CPUs of node %d (lscpu)",
					device, node, keys[k].cpu[i], keys[k].path, own, node);
		}
}

// True when one of the options names the device; *n is how many there are.
static bool names(const struct config *f, const char *option, const char *address, unsigned *n)
{
	char value[256];

	for (unsigned i = 0; check_eal(f, option, i, value, sizeof(value)); i++) {
		++*n;
		if (nic_is_same(value, strcspn(value, ","), address))
			return true;
	}
	return false;
}

// Checks that the options of dataplane.eal let the EAL have the device.
static void look_at_options(const struct check *c, const char *given, const char *address)
{
	const struct config *f = c->config;
	char value[64];
	unsigned n = 0;

	if (check_eal(f, "--no-pci", 0, value, sizeof(value)))
		check_say(c, CHECK_FAIL, "port", "%s: dataplane.eal has --no-pci; take it out",
			given);
	else if (names(f, "-b", address, &n) || names(f, "--block", address, &n))
		check_say(c, CHECK_FAIL, "port", "%s: dataplane.eal blocks it; take its -b out",
			given);
	n = 0;
	if (!names(f, "-a", address, &n) && !names(f, "--allow", address, &n) && n)
		check_say(c, CHECK_FAIL, "port", "%s: dataplane.eal allows others only; add -a %s",
			given, given);
}

// The kernel's driver, and by it the way that DPDK takes.
static void look_at_driver(
	const struct check *c, const struct check_unit *u, const char *given, const struct nic *n)
{
	if (!n->driver[0]) {
		check_say(c, CHECK_FAIL, "port",
			"%s: no driver is bound; modprobe vfio-pci; dpdk-devbind.py "
			"--bind=vfio-pci %s",
			given, given);
		return;
	}
	if (nic_driver_is_uio(n->driver) && u->uid != 0) {
		check_say(c, CHECK_FAIL, "port",
			"%s: driver %s serves root only, and the unit runs as %s; modprobe "
			"vfio-pci; dpdk-devbind.py --bind=vfio-pci %s",
			given, n->driver, u->user, given);
		return;
	}
	if (!nic_driver_fits(n->driver)) {
		check_say(c, CHECK_FAIL, "port",
			"%s: the kernel has it (driver %s); ip link set it down, then: "
			"modprobe vfio-pci; dpdk-devbind.py --bind=vfio-pci %s",
			given, n->driver, given);
		return;
	}
	check_say(c, CHECK_OK, "port", "%s: driver %s", given, n->driver);
	if (nic_driver_shares(n->driver))
		look_at_verbs(c, u, given, n);
	else if (!nic_driver_is_uio(n->driver))
		look_at_vfio(c, u, given, n);
}

void check_nic(const struct check *c, const struct check_unit *u, const char *given)
{
	struct nic n;

	nic_read(c->root, given, &n);
	if (!n.present) {
		check_say(c, CHECK_FAIL, "port",
			"%s: there is no such device; see: lspci -D | grep -i eth", given);
		return;
	}
	look_at_options(c, given, n.address);
	look_at_driver(c, u, given, &n);
	look_at_id(c, given, &n);
	look_at_node(c, n.address);
}
