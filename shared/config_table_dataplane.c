// Declares the keys of packet processing and of following sessions: dataplane, signalling.
#include "shared/config_internal.h"

static const struct config_word mode_words[] = {
	{"probe", CONFIG_PORT_PROBE}, {"inline", CONFIG_PORT_INLINE}, {NULL, 0}};
static const struct config_word tunnel_words[] = {
	{"none", CONFIG_TUNNEL_NONE}, {"gtpu", CONFIG_TUNNEL_GTPU}, {NULL, 0}};
static const struct config_word link_words[] = {{"other", CONFIG_LINK_OTHER},
	{"n3", CONFIG_LINK_N3}, {"n6", CONFIG_LINK_N6}, {"n9", CONFIG_LINK_N9}, {NULL, 0}};

static const struct config_word spread_words[] = {{"addresses", CONFIG_SPREAD_ADDRESSES},
	{"tunnel", CONFIG_SPREAD_TUNNEL}, {"software", CONFIG_SPREAD_SOFTWARE}, {NULL, 0}};

static const struct config_word signalling_words[] = {
	{"pfcp", CONFIG_PFCP}, {"gtpv2c", CONFIG_GTPV2C}, {"radius", CONFIG_RADIUS}, {NULL, 0}};

static const struct config_key port_keys[] = {
	{.name = "device",
		.type = CONFIG_TEXT,
		KEY_AT(struct config_port, device),
		.required = true,
		.low = 1,
		.high = 63,
		.doc = "DPDK name: PCI address or virtual device"},
	KEY_WORD("mode", struct config_port, mode, mode_words, "probe",
		"probe: packets end here; inline: they leave through the peer port"),
	{.name = "peer",
		.type = CONFIG_TEXT,
		KEY_AT(struct config_port, peer),
		.low = 1,
		.high = 63,
		.doc = "device of the other side, for mode inline"},
	KEY_NUMBER("descriptors", struct config_port, descriptors, 64, 32768, "1024",
		"frames that a queue of the device holds, each way; the device's own bounds hold"),
	KEY_WORD("tunnel", struct config_port, tunnel, tunnel_words, "none",
		"gtpu: look into GTP-U; none: UDP port 2152 is payload like any other"),
	KEY_WORD("link", struct config_port, link, link_words, "other", "class of the link"),
	KEY_WORD("spread", struct config_port, spread, spread_words, "addresses",
		"how packets come to the workers; addresses: by the queue that the NIC chooses by "
		"outer addresses; tunnel: by the addresses inside GTP-U, where the NIC can (ice "
		"with its comms package, mlx5), else as addresses; software: and from there by "
		"the user's address in the tunnel, over rings between workers, for few gNBs and "
		"many workers (mode probe)"),
	{.name = "gtp-endpoints",
		.type = CONFIG_PREFIXES,
		KEY_AT(struct config_port, gtp_endpoints[0]),
		KEY_COUNT(struct config_port, n_endpoints),
		.most = CONFIG_ENDPOINTS_MAX,
		.doc = "own GTP-U addresses, for directions and gtpuTunnelId"},
	{.name = "gtp-aliases",
		.type = CONFIG_ALIASES,
		KEY_AT(struct config_port, gtp_aliases[0]),
		KEY_COUNT(struct config_port, n_gtp_aliases),
		.most = CONFIG_ALIASES_MAX,
		.doc = "GTP-U addresses that signalling has, each with the one seen here: "
		       "{advertised: seen}"},
	KEY_BOOL("gre", struct config_port, gre, "false",
		"look into GRE: IP, Ethernet, MPLS, PPP and ERSPAN I, II, III"),
	KEY_BOOL("ipip", struct config_port, ipip, "false", "look into IP in IP"),
	KEY_BOOL("vxlan", struct config_port, vxlan, "false", "look into VXLAN on UDP port 4789"),
	{.name = "vxlan-ports",
		.type = CONFIG_NUMBERS,
		KEY_AT(struct config_port, vxlan_ports[0]),
		KEY_COUNT(struct config_port, n_vxlan_ports),
		.most = CONFIG_VXLAN_PORTS_MAX,
		.low = 1,
		.high = 65535,
		.doc = "look into VXLAN on these UDP ports too, as 8472"},
	KEY_BOOL("vxlan-gpe", struct config_port, vxlan_gpe, "false",
		"look into VXLAN-GPE on UDP port 4790"),
	KEY_BOOL(
		"geneve", struct config_port, geneve, "false", "look into Geneve on UDP port 6081"),
	KEY_BOOL("tzsp", struct config_port, tzsp, "false", "look into TZSP on UDP port 37008"),
	KEY_BOOL("etherip", struct config_port, etherip, "false",
		"look into EtherIP, IP protocol 97"),
	KEY_BOOL("mpls-in-udp", struct config_port, mpls_in_udp, "false",
		"look into MPLS on UDP port 6635"),
	KEY_BOOL("mpls-pseudowire", struct config_port, mpls_pseudowire, "false",
		"label stacks may carry Ethernet, with or without a control word"),
	KEY_BOOL("deliver-cut", struct config_port, deliver_cut, "false",
		"true: deliver what came of packets that the mirror cut; false: they are lost as "
		"truncated_frame"),
	{.name = "signalling",
		.type = CONFIG_WORDS,
		KEY_AT(struct config_port, signalling[0]),
		KEY_COUNT(struct config_port, n_signalling),
		.most = CONFIG_SIGNALLING_COUNT,
		.words = signalling_words,
		.doc = "signalling that this port sees and that tasks by session or subscriber "
		       "follow"},
	{.name = "signalling-peers",
		.type = CONFIG_PREFIXES,
		KEY_AT(struct config_port, signalling_peers[0]),
		KEY_COUNT(struct config_port, n_signalling_peers),
		.most = CONFIG_SIGNALLING_PEERS_MAX,
		.doc = "nodes whose signalling is believed: both ends of a datagram and, where a "
		       "mirror wraps it (GRE, IP in IP, VXLAN), those of each wrapping; required "
		       "on link: n6, where users could forge it"},
};
static KEY_SCOPE(port_scope, port_keys)

	static const struct config_key reassembly_keys[] = {
		KEY_NUMBER("timeout-ms", struct config_reassembly, timeout_ms, 1, 2000, "50",
			"milliseconds from a datagram's first piece to its last; identifiers "
			"repeat, so the "
			"longer it is, the more often pieces of two datagrams meet"),
		KEY_NUMBER("rate", struct config_reassembly, rate, 1000, 1000000, "40000",
			"datagrams a second that never become whole and that one worker can hold "
			"for one "
			"port until their time-out; beyond it they give way earlier"),
};
static KEY_SCOPE(reassembly_scope, reassembly_keys)

	static const struct config_key dataplane_keys[] = {
		{.name = "eal",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_dataplane, eal),
			.low = 0,
			.high = 4095,
			.fallback = "",
			.doc = "arguments for DPDK's EAL, split as a shell splits words"},
		KEY_NUMBER("main-cpu", struct config_dataplane, main_cpu, 0, 1023, "0",
			"CPU of the EAL's main thread, and of all that finds no other"),
		{.name = "control-cpus",
			.type = CONFIG_NUMBERS,
			KEY_AT(struct config_dataplane, control_cpus[0]),
			KEY_COUNT(struct config_dataplane, n_control_cpus),
			.most = CONFIG_CONTROL_CPUS_MAX,
			.low = 0,
			.high = 1023,
			.doc = "CPUs that builder, follower and helper threads share; absent: "
			       "main-cpu and those of the process's affinity mask that no worker "
			       "and no delivery thread has"},
		{.name = "workers",
			.type = CONFIG_NUMBERS,
			KEY_AT(struct config_dataplane, workers[0]),
			KEY_COUNT(struct config_dataplane, n_workers),
			.most = CONFIG_WORKERS_MAX,
			.low = 0,
			.high = 1023,
			.required = true,
			.doc = "CPUs that poll the ports, one worker each"},
		KEY_NUMBER("idle-sleep-us", struct config_dataplane, idle_sleep_us, 0, 100000, "0",
			"0: workers spin; else microseconds that an idle worker sleeps"),
		KEY_NUMBER("mbufs", struct config_dataplane, mbufs, 0, 16777216, "0",
			"packet buffers of each port; 0: as many as its queues, bursts and held "
			"packets can take, for inline the peer's queues too"),
		KEY_NUMBER("mbuf-size", struct config_dataplane, mbuf_size, 2144, 16384, "2304",
			"octets of one packet buffer; a longer frame takes several where the "
			"device can"),
		{.name = "reassembly",
			.type = CONFIG_MAP,
			KEY_AT(struct config_dataplane, reassembly),
			.scope = reassembly_scope,
			.doc = "fragments of tunnels and of signalling are put together"},
		{.name = "ports",
			.type = CONFIG_LIST,
			KEY_AT(struct config_dataplane, ports[0]),
			KEY_COUNT(struct config_dataplane, n_ports),
			.most = CONFIG_PORTS_MAX,
			.required = true,
			.scope = port_scope,
			.doc = "the monitored ports"},
};
KEY_SCOPE(config_scope_dataplane, dataplane_keys)

static const struct config_word correlation_words[] = {
	{"session", CONFIG_CORRELATION_SESSION}, {"zero", CONFIG_CORRELATION_ZERO}, {NULL, 0}};

static const struct config_key signalling_keys[] = {
	KEY_NUMBER("sessions", struct config_signalling, sessions, 16, 16777216, "1048576",
		"sessions known at a time"),
	KEY_SIZE("memory", struct config_signalling, memory, MIB, 64 * GIB, "1536MiB",
		"memory of all sessions"),
	KEY_SIZE("ring", struct config_signalling, ring, 256 * KIB, GIB, "4MiB",
		"signalling on its way from one worker; what finds no room is lost and counted"),
	KEY_NUMBER("answered", struct config_signalling, answered, 1, 3600, "60",
		"seconds that an answered request is remembered, against repetitions"),
	KEY_NUMBER("waiting", struct config_signalling, waiting, 1, 3600, "180",
		"seconds that a request waits for its response"),
	KEY_NUMBER("handover-ms", struct config_signalling, handover_ms, 0, 60000, "1000",
		"milliseconds that the old tunnel goes on after a handover"),
	KEY_NUMBER("age", struct config_signalling, age, 60, 31536000, "86400",
		"seconds after which a partly known session that is silent is forgotten"),
	KEY_NUMBER("early-packets", struct config_signalling, early_packets, 0, 4096, "512",
		"tunnelled packets that one worker holds for sessions about to be bound; 0: none"),
	KEY_NUMBER("early-ms", struct config_signalling, early_ms, 1, 1000, "20",
		"milliseconds that they are held at least; longer while signalling before them "
		"is not in force"),
	KEY_WORD("correlation", struct config_signalling, correlation, correlation_words, "session",
		"correlation ID of PDUs where the task names none; session: one of its own for "
		"each "
		"session, with sequence numbers of its own; zero: 0"),
};
KEY_SCOPE(config_scope_signalling, signalling_keys)
