// Derives from the EAL's log and from /sys why a port is missing or the EAL did not start.
#include "dataplane/port/eal_cause.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/port/eal_arguments.h"
#include "shared/nic.h"
#include "shared/nic_driver.h"

#define CONTAINER "/dev/vfio/vfio"
#define SENTENCE_MAX 256
#define NOIOMMU "noiommu mode needs CAP_SYS_RAWIO, which the unit lacks"
#define IOMMU_ON \
	"switch the IOMMU on (VT-d or AMD-Vi in the firmware, intel_iommu=on for the kernel)"

// --- lines of the log ---

static bool has(const char *line, size_t n, const char *text)
{
	return !text || memmem(line, n, text, strlen(text)) != NULL;
}

// Copies the last line that has both texts (NULL: any), without its prefix. False without one.
static bool line_with(const char *log, const char *one, const char *two, char out[SENTENCE_MAX])
{
	bool found = false;

	while (*log) {
		size_t n = strcspn(log, "\n");
		if (n && has(log, n, one) && has(log, n, two)) {
			size_t skip = n > 5 && strncmp(log, "EAL: ", 5) == 0 ? 5 : 0;
			skip += strspn(log + skip, " ");
			snprintf(out, SENTENCE_MAX, "%.*s", (int)(n - skip), log + skip);
			found = true;
		}
		log += n + (log[n] == '\n');
	}
	return found;
}

// Copies the line before the last one that has the text, where a driver gives its reason.
static bool line_before(const char *log, const char *text, char out[SENTENCE_MAX])
{
	char line[SENTENCE_MAX];
	const char *at = log, *end = NULL;

	for (; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (has(at, strcspn(at, "\n"), text))
			end = at;
	if (!end || end == log)
		return false;
	const char *start = end - 1;
	while (start > log && start[-1] != '\n')
		start--;
	snprintf(line, sizeof(line), "%.*s\n", (int)(end - 1 - start), start);
	return line_with(line, NULL, NULL, out);
}

// --- NICs ---

struct port_story {
	const struct eal_story *s;
	const char *device;
	struct nic n;
	char *why;
	size_t size;
	char said[SENTENCE_MAX]; // by the EAL
};

__attribute__((format(printf, 2, 3))) static bool because(
	const struct port_story *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->why, p->size, format, args);
	va_end(args);
	return true;
}

// Is `option` there with the address as its value, in any form, or with arguments?
static bool names(const struct eal_arguments *a, int i, const char *option, const char *address)
{
	size_t n = strlen(option);
	const char *v = a->argument[i];

	if (strncmp(v, option, n) != 0)
		return false;
	v += n;
	if (!*v)
		v = i + 1 < a->n ? a->argument[i + 1] : "";
	v += *v == '=';
	return nic_is_same(v, strcspn(v, ","), address);
}

// True if dataplane.eal keeps the EAL off the device.
static bool is_left_out(const char *eal, const char *address)
{
	struct eal_arguments a;
	bool allowing = false, allowed = false, left_out = false;

	if (eal_split(eal ? eal : "", &a) != 0)
		return false;
	for (int i = 0; i < a.n; i++) {
		const char *v = a.argument[i];
		bool allow = strncmp(v, "-a", 2) == 0 || strncmp(v, "--allow", 7) == 0;
		allowing |= allow;
		allowed |=
			allow && (names(&a, i, "-a", address) || names(&a, i, "--allow", address));
		left_out |= strcmp(v, "--no-pci") == 0 || names(&a, i, "-b", address) ||
			    names(&a, i, "--block", address);
	}
	free(a.text);
	return left_out || (allowing && !allowed);
}

static bool kernel_has_it(const struct port_story *p)
{
	if (!p->n.driver[0])
		return because(p,
			"no driver is bound to it; modprobe vfio-pci; dpdk-devbind.py "
			"--bind=vfio-pci %s",
			p->device);
	if (!nic_driver_fits(p->n.driver))
		return because(p,
			"not bound to vfio-pci, the kernel has it (driver %s); modprobe vfio-pci; "
			"dpdk-devbind.py --bind=vfio-pci %s",
			p->n.driver, p->device);
	if (nic_driver_is_uio(p->n.driver) && strcmp(p->s->user, "root") != 0)
		return because(p,
			"driver %s serves root only, and this runs as %s; modprobe vfio-pci; "
			"dpdk-devbind.py --bind=vfio-pci %s",
			p->n.driver, p->s->user, p->device);
	return false;
}

// Finds the line about a node with the kernel's word for why: "Cannot open NODE: WORD" of a group,
// "Cannot open VFIO container NODE, error N (WORD)".
static bool node_line(struct port_story *p, const char *node, const char *word)
{
	char group[80], container[80];

	snprintf(group, sizeof(group), "%s:", node);
	snprintf(container, sizeof(container), "%s,", node);
	return line_with(p->s->log, group, word, p->said) ||
	       line_with(p->s->log, container, word, p->said);
}

// A device node that could not be opened: the group's or the container's.
static bool node_refused(struct port_story *p, const char *node)
{
	if (node_line(p, node, "Permission denied"))
		return because(p,
			"user %s may not open %s (the EAL: \"%s\"); systemctl restart "
			"systemd-udevd && udevadm trigger --settle --subsystem-match=vfio; then "
			"see: poi check",
			p->s->user, node, p->said);
	if (node_line(p, node, "Operation not permitted")) {
		bool container = strcmp(node, CONTAINER) == 0;
		if (p->n.noiommu && !container)
			return because(p, NOIOMMU " (the EAL: \"%s\"); " IOMMU_ON, p->said);
		return because(p,
			"the unit's DeviceAllow= lacks %s (the EAL: \"%s\"); write "
			"DeviceAllow=%s rw below [Service] with: systemctl edit poi-dataplane",
			node, p->said, container ? CONTAINER : "char-vfio");
	}
	if (node_line(p, node, "busy"))
		return because(p,
			"in use by another program (the EAL: \"%s\"); see which: fuser -v %s",
			p->said, node);
	return false;
}

// The EAL takes a group without a node for one that vfio-pci does not have.
static bool node_missing(struct port_story *p)
{
	if (!p->n.group[0] || !line_with(p->s->log, "not managed by VFIO", p->n.address, p->said))
		return false;
	return because(p,
		"%s is not there for this program (the EAL: \"%s\"); modprobe vfio-pci, and no "
		"PrivateDevices=yes in: systemctl cat poi-dataplane",
		p->n.node, p->said);
}

static bool group_refused(struct port_story *p)
{
	char other[16] = "another device", driver[64] = "of the kernel";

	if (!line_with(p->s->log, "not viable", p->n.address, p->said))
		return false;
	(void)nic_is_viable(p->s->root, &p->n, other, driver);
	return because(p,
		"its IOMMU group %s is not viable: the kernel has %s of it, driver %s (the EAL: "
		"\"%s\"); dpdk-devbind.py --bind=vfio-pci %s",
		p->n.group, other, driver, p->said, other);
}

static bool memory_refused(struct port_story *p)
{
	char remapped[SENTENCE_MAX];

	if (!line_with(p->s->log, "DMA remapping failed", p->n.address, p->said))
		return false;
	// The reason is in the line of the mapping itself, if there is one.
	if (line_with(p->s->log, "set up DMA remapping", NULL, remapped))
		memcpy(p->said, remapped, sizeof(remapped));
	return because(p,
		"its IOMMU cannot map the EAL's memory (the EAL: \"%s\"): too little may be "
		"locked; write LimitMEMLOCK=infinity below [Service] with: systemctl edit "
		"poi-dataplane",
		p->said);
}

static bool iommu_refused(struct port_story *p)
{
	if (!p->n.group[0])
		return because(
			p, "in no IOMMU group, so that vfio-pci cannot hand it out; " IOMMU_ON);
	if (line_with(p->s->log, "select IOMMU type", p->n.address, p->said) ||
		line_with(p->s->log, "VFIO group to container", p->n.address, p->said))
		return because(p, "vfio does not accept its IOMMU group %s (the EAL: \"%s\"); %s",
			p->n.group, p->said, p->n.noiommu ? NOIOMMU ": " IOMMU_ON : IOMMU_ON);
	if (line_with(p->s->log, "Getting a vfio_dev_fd", p->n.address, p->said))
		return because(p,
			"vfio does not hand it out (the EAL: \"%s\"): another program has it; see "
			"which: fuser -v %s",
			p->said, p->n.node);
	return false;
}

static bool driver_missing(const struct port_story *p)
{
	char out[256];

	if (nic_driver_find(nic_driver_folder(), &p->n.id, out, sizeof(out)))
		return false;
	if (nic_driver_package(&p->n.id, out, sizeof(out)))
		return because(p, "no installed driver of DPDK supports %04x:%04x; apt install %s",
			p->n.id.vendor, p->n.id.device, out);
	return because(p,
		"no driver of Debian's DPDK supports %04x:%04x; use another NIC, or leave it to "
		"the "
		"kernel and write --vdev net_af_packet0,iface=... in dataplane.eal",
		p->n.id.vendor, p->n.id.device);
}

static void cause_of_nic(struct port_story *p)
{
	if (!p->n.present)
		because(p, "this machine has no such device; see: lspci -D | grep -i eth");
	else if (is_left_out(p->s->eal, p->n.address))
		because(p,
			"dataplane.eal keeps the EAL off it; take --no-pci out, or its -b, or add "
			"-a %s",
			p->device);
	else if (!kernel_has_it(p) && !node_refused(p, p->n.node[0] ? p->n.node : CONTAINER) &&
		 !node_refused(p, CONTAINER) && !node_missing(p) && !group_refused(p) &&
		 !memory_refused(p) && !driver_missing(p) &&
		 !(p->n.driver[0] == 'v' && iommu_refused(p))) {
		if (line_with(p->s->log, p->n.address, NULL, p->said))
			because(p,
				"the EAL cannot use it (\"%s\"); see its lines above, and: poi "
				"check",
				p->said);
		else
			because(p, "the EAL cannot use it and gives no reason; see: poi check");
	}
}

static void cause_of_vdev(struct port_story *p)
{
	char failed[128];

	snprintf(failed, sizeof(failed), "failed to initialize %s device", p->device);
	if (line_before(p->s->log, failed, p->said))
		because(p, "its driver refuses (\"%s\"); correct its --vdev in dataplane.eal",
			p->said);
	else
		because(p,
			"no such device; a virtual device needs --vdev %s,... in dataplane.eal, a "
			"NIC its PCI address",
			p->device);
}

void eal_cause_of_port(const struct eal_story *s, const char *device, char *why, size_t size)
{
	struct port_story p = {.s = s, .device = device, .why = why, .size = size};

	if (!nic_is_address(device)) {
		cause_of_vdev(&p);
		return;
	}
	nic_read(s->root, device, &p.n);
	cause_of_nic(&p);
}

void eal_cause_of_start(const struct eal_story *s, const char *error, char *why, size_t size)
{
	static const struct {
		const char *text, *cause, *remedy;
	} known[] = {
		{"another primary process", "another program has the same EAL files",
			"systemctl status poi-dataplane, or give this one another runtime-dir"},
		// Not the lines about single sizes: a start without any fault has them, too.
		{"hugepage information", "hugepages are missing",
			"sysctl vm.nr_hugepages=256, or add --no-huge -m 512 to dataplane.eal"},
		{"Not enough memory available", "memory is missing",
			"more hugepages (sysctl vm.nr_hugepages=...), or a smaller -m in "
			"dataplane.eal"},
		{"parse device", "a device of dataplane.eal is unknown",
			"correct the --vdev or -a, or install its driver's package "
			"(librte-net-...)"},
		{"core list", "a CPU is not there",
			"correct dataplane.workers and dataplane.main-cpu"},
		{"lcore", "a CPU is not there", "correct dataplane.workers and dataplane.main-cpu"},
	};
	char said[SENTENCE_MAX] = "";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		// One that is only detected is no complaint.
		if (!line_with(s->log, known[i].text, NULL, said) ||
			strncmp(said, "Detected", 8) == 0)
			continue;
		snprintf(why, size, "the EAL does not start: %s: %s (the EAL: \"%s\"); %s", error,
			known[i].cause, said, known[i].remedy);
		return;
	}
	if (!line_with(s->log, NULL, NULL, said))
		snprintf(said, sizeof(said), "nothing");
	snprintf(why, size,
		"the EAL does not start: %s (the EAL: \"%s\"); correct dataplane.eal; the machine "
		"is looked at by: poi check",
		error, said);
}
