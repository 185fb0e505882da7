// `poi check` of the rights that each kind of port needs, with the unit and the drop-ins as they
// are packaged.
#include "tests/unit/control/cli/check_world.h"

#define DROP_INS "/etc/systemd/system/poi-dataplane.service.d/"
#define INSTALL "install -D -m 644 -t /etc/systemd/system/poi-dataplane.service.d "

// A port of each kind, and the drop-in that it needs.
static const struct kind {
	const char *drop_in, *device, *eal;
} kinds[] = {
	{"60-poi-vfio.conf", "0000:03:00.0", ""},
	{"60-poi-mlx5.conf", "0000:04:00.0", ""},
	{"60-poi-af-packet.conf", "net_af_packet0", "--vdev net_af_packet0,iface=up0"},
	{"60-poi-af-xdp.conf", "net_af_xdp0", "--vdev net_af_xdp0,iface=up0"},
	{"60-poi-tap.conf", "net_tap0", "--vdev net_tap0,iface=tap0"},
	{"60-poi-memif.conf", "net_memif0",
		"--vdev net_memif0,role=server,socket=/run/poi-ports/m.sock,socket-abstract=no"},
	{"60-poi-vhost.conf", "net_vhost0", "--vdev net_vhost0,iface=/run/poi-ports/v.sock"},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char *packaged(const char *name, char *text, size_t size)
{
	char path[512];

	snprintf(path, sizeof(path), SOURCE_ROOT "/packaging/systemd/%s", name);
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f, "%s", path);
	size_t read = fread(text, 1, size - 1, f);
	cr_assert(read > 0 && read < size - 1);
	text[read] = '\0';
	fclose(f);
	return text;
}

static void install(const char *name)
{
	char from[128], text[8192];

	snprintf(from, sizeof(from), "ports/%s", name);
	put(packaged(from, text, sizeof(text)), DROP_INS "%s", name);
}

static void removed(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s" DROP_INS "%s", root, name);
	cr_assert_eq(unlink(path), 0);
}

static void setup_rights(void)
{
	char text[16384];

	setup();
	put(packaged("poi-dataplane.service.in", text, sizeof(text)), UNIT_FOLDER);
	put("up\n", "/sys/class/net/up0/operstate");
	put("0x15b3\n", "/sys/bus/pci/devices/0000:04:00.0/vendor");
	put("0x1017\n", "/sys/bus/pci/devices/0000:04:00.0/device");
	put("0x020000\n", "/sys/bus/pci/devices/0000:04:00.0/class");
	put("PMD_INFO_STRING= {\"name\": \"mlx5_pci\", \"pci_ids\": [[5555, 4119, 65535, 65535]]}",
		"%s/librte_net_mlx5.so", nic_driver_folder());
	bind_driver("0000:04:00.0", "mlx5_core");
	folder("/sys/bus/pci/devices/0000:04:00.0/infiniband_verbs/uverbs0");
	folder("/run/poi-ports");
	own("/run/poi-ports", 4700, GROUP_OF_POI, 0700);
}

TestSuite(check_right, .init = setup_rights, .fini = teardown);

static void look_at(const struct kind *k)
{
	forget();
	config.dataplane.ports[0].device = (char *)k->device;
	config.dataplane.eal = (char *)k->eal;
	check_ports(&check);
}

static unsigned faults(void)
{
	return n[CHECK_FAIL] + n[CHECK_WARN];
}

// The unit as shipped serves all but AF_XDP, mlx5's device and sockets in their own folder.
Test(check_right, the_unit_as_shipped)
{
	static const bool serves[N_KINDS] = {true, false, true, false, true, false, false};

	for (size_t i = 0; i < N_KINDS; i++) {
		look_at(&kinds[i]);
		cr_expect_eq(!n[CHECK_FAIL], serves[i], "%s: %s", kinds[i].device, said);
	}
}

Test(check_right, the_least_and_one_drop_in)
{
	char fix[256];

	install("50-poi-least.conf");
	for (size_t i = 0; i < N_KINDS; i++) {
		look_at(&kinds[i]);
		cr_expect(n[CHECK_FAIL] > 0, "%s: %s", kinds[i].device, said);
		snprintf(fix, sizeof(fix), INSTALL CHECK_DROP_INS "/%s && systemctl daemon-reload",
			kinds[i].drop_in);
		SAYS(fix);
		install(kinds[i].drop_in);
		look_at(&kinds[i]);
		cr_expect_eq(n[CHECK_FAIL], 0, "%s: %s", kinds[i].device, said);
		cr_expect(!strstr(said, "warn service"), "%s: %s", kinds[i].device, said);
		removed(kinds[i].drop_in);
	}
	look_at(&(struct kind){"", "net_null0", "--vdev net_null0"});
	cr_expect_eq(faults(), 0, "%s", said);
}

// Drop-ins of several kinds add up, whatever they are.
Test(check_right, all_drop_ins_together)
{
	install("50-poi-least.conf");
	for (size_t i = 0; i < N_KINDS; i++)
		install(kinds[i].drop_in);
	for (size_t i = 0; i < N_KINDS; i++) {
		look_at(&kinds[i]);
		cr_expect_eq(n[CHECK_FAIL], 0, "%s: %s", kinds[i].device, said);
	}
}

// The text with an "x" for the `number`th word behind a "=", counted over all lines; NULL when
// there are fewer. A device with its mode is one word. `word` is the one that is gone.
static char *without_word(const char *text, unsigned number, char *out, char *word, size_t size)
{
	bool line_start = true, value = false;
	const char *at = text;

	for (; *at; at++) {
		if (line_start && *at == '#')
			at = strchr(at, '\n');
		line_start = *at == '\n';
		value = (value && !line_start) || *at == '=';
		if (!value || (*at != '=' && *at != ' ') || strncmp(at, " rw", 3) == 0)
			continue;
		size_t length = strcspn(at + 1, " \n");
		if (strncmp(at + 1 + length, " rw", 3) == 0)
			length += 3;
		if (number--)
			continue;
		snprintf(word, size, "%.*s", (int)length, at + 1);
		sprintf(out, "%.*sx%s", (int)(at - text) + 1, text, at + 1 + length);
		return out;
	}
	return NULL;
}

// Each word of a drop-in is demanded: without it there is a fault, or a warning, that names it.
Test(check_right, each_right_is_demanded)
{
	char from[128], text[8192], less[8192], word[512];
	unsigned words = 0;

	install("50-poi-least.conf");
	for (size_t i = 0; i < N_KINDS; i++) {
		snprintf(from, sizeof(from), "ports/%s", kinds[i].drop_in);
		packaged(from, text, sizeof(text));
		char *start = strstr(text, "ExecStartPre="); // no right
		if (start)
			*start = '\0';
		for (unsigned k = 0; without_word(text, k, less, word, sizeof(word)); k++) {
			put(less, DROP_INS "%s", kinds[i].drop_in);
			look_at(&kinds[i]);
			cr_expect(faults() > 0, "%s without %s: %s", kinds[i].drop_in, word, said);
			cr_expect_not_null(
				strstr(said, strncmp(word, "LIBXDP", 6) ? word + (*word == '-')
									: "LIBXDP_BPFFS="),
				"%s is not named: %s", word, said);
			SAYS(" gives it, and another line takes it away; see: systemctl cat");
			words++;
		}
		removed(kinds[i].drop_in);
	}
	cr_expect_eq(words, 2 + 5 + 5 + 11 + 3 + 1 + 1, "%u words", words);
}

// net_pcap's socket is promiscuous by itself; net_af_packet changes the interface.
Test(check_right, promiscuous_mode)
{
	put("[Service]\nAmbientCapabilities=\nAmbientCapabilities=CAP_NET_RAW\n",
		DROP_INS "less.conf");
	look_at(&kinds[2]);
	SAYS("FAIL service net_af_packet0: CAP_NET_ADMIN is missing for poi");
	look_at(&(struct kind){"", "net_pcap0", "--vdev net_pcap0,iface=up0"});
	cr_expect_eq(faults(), 0, "%s", said);
	put("[Service]\nAmbientCapabilities=\n", DROP_INS "less.conf");
	look_at(&(struct kind){"", "net_pcap0", "--vdev net_pcap0,rx_iface=up0"});
	SAYS("FAIL service net_pcap0: CAP_NET_RAW is missing for poi");
	put("x", "/capture.pcap");
	look_at(&(struct kind){"", "net_pcap0", "--vdev net_pcap0,rx_pcap=/capture.pcap"});
	cr_expect(!strstr(said, "CAP_NET_RAW"), "%s", said);
}

Test(check_right, lists_as_systemd_reads_them)
{
	static const struct {
		const char *lines;
		bool allowed;
	} cases[] = {
		{"RestrictAddressFamilies=\n", true},
		{"RestrictAddressFamilies=none\n", false},
		{"RestrictAddressFamilies=~AF_PACKET\n", false},
		{"RestrictAddressFamilies=~AF_PACKET\nRestrictAddressFamilies=AF_PACKET\n", true},
		{"RestrictAddressFamilies=\nRestrictAddressFamilies=~AF_INET\n", true},
		{"RestrictAddressFamilies=\nRestrictAddressFamilies=~AF_INET AF_PACKET\n", false},
		{"RestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX\n", false},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "[Service]\n%s", cases[i].lines);
		put(text, DROP_INS "less.conf");
		look_at(&kinds[2]);
		cr_expect_eq(!n[CHECK_FAIL], cases[i].allowed, "%s: %s", cases[i].lines, said);
	}
	install("60-poi-af-xdp.conf");
	put("[Service]\nSystemCallFilter=~@privileged\n", DROP_INS "less.conf");
	look_at(&kinds[3]);
	SAYS("SystemCallFilter=bpf is missing");
	put("[Service]\nSystemCallFilter=\n", DROP_INS "less.conf");
	look_at(&kinds[3]);
	cr_expect_eq(n[CHECK_FAIL], 0, "%s", said);
}

// One worker has one queue, and libxdp takes no lock.
Test(check_right, one_queue_needs_no_bpffs)
{
	install("60-poi-af-xdp.conf");
	put("[Service]\nEnvironment=\n", DROP_INS "70-less.conf");
	look_at(&kinds[3]);
	SAYS("warn service net_af_xdp0: with several queues poi needs Environment=LIBXDP_BPFFS=");
	config.dataplane.n_workers = 1;
	look_at(&kinds[3]);
	cr_expect(!strstr(said, "LIBXDP_BPFFS"), "%s", said);
}

Test(check_right, folders_of_sockets)
{
	const struct kind elsewhere = {
		"", "net_vhost0", "--vdev net_vhost0,iface=/run/other/v.sock"};

	folder("/run/other");
	look_at(&elsewhere);
	SAYS("FAIL service net_vhost0: user poi cannot make a socket in /run/other");
	own("/run/other", 0, GROUP_OF_POI, 0770);
	look_at(&elsewhere);
	cr_expect(!strstr(said, "cannot make"), "%s", said);
	SAYS("FAIL service net_vhost0: ReadWritePaths=/run/other is missing for poi");
	SAYS("move the socket to /run/poi-ports, or write ReadWritePaths=/run/other below");
	put("[Service]\nReadWritePaths=/run/oth /run\n", DROP_INS "more.conf");
	look_at(&elsewhere);
	cr_expect_eq(faults(), 0, "%s", said);
	put("[Service]\nRuntimeDirectory=poi other\nReadWritePaths=/run\nReadWritePaths=\n",
		DROP_INS "more.conf");
	look_at(&elsewhere);
	cr_expect_eq(faults(), 0, "%s", said);
}

// A port that connects writes no folder; the socket of its peer must let the user.
Test(check_right, sockets_of_a_peer)
{
	const struct kind client = {"", "net_memif0",
		"--vdev net_memif0,role=client,socket=/run/vpp/m.sock,socket-abstract=no"};

	put("", "/run/vpp/m.sock");
	own("/run/vpp/m.sock", 0, 4712, 0770);
	look_at(&client);
	SAYS("FAIL service net_memif0: user poi cannot connect to /run/vpp/m.sock, which belongs "
	     "to");
	SAYS("write SupplementaryGroups= of a group that may");
	put("[Service]\nSupplementaryGroups=more\n", DROP_INS "group.conf");
	look_at(&client);
	cr_expect_eq(n[CHECK_FAIL], 0, "%s", said);
	put("[Service]\nRestrictAddressFamilies=~AF_UNIX\n", DROP_INS "less.conf");
	look_at(&client);
	SAYS("RestrictAddressFamilies=AF_UNIX is missing");
}
