#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/config.h"

// The example of the manual, as users copy it.
static const char example[] =
	"runtime-dir: /run/poi                      # sockets and run-time state\n"
	"network-elements:\n"
	"  - ne-identifier: poi-01\n"
	"    admf-identifier: admf-01\n"
	"    listen: \"192.0.2.10:443\"\n"
	"    role: poi\n"
	"    path: /X1/NE\n"
	"    admf-url: https://admf.example:443/X1/ADMF\n"
	"    tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
	"x1:\n"
	"  time1: 5\n"
	"  time2: 15\n"
	"  keepalive: { enabled: true, time-p1: 60, time-p2: 3600 }\n"
	"  deactivate-all-tasks: true\n"
	"  remove-all-destinations: true\n"
	"delivery:\n"
	"  nf-identifier: upf-1.example.org\n"
	"  interception-point: poi-1\n"
	"  tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
	"  keepalive: { enabled: true, time-p1: 60, time-p2: 180, require-ack: true }\n"
	"  buffer: 64MiB\n"
	"  overrides: []\n"
	"dataplane:\n"
	"  eal: \"--no-pci --in-memory --vdev net_pcap0,rx_pcap=in.pcap\"\n"
	"  main-cpu: 0\n"
	"  workers: [1]\n"
	"  ports:\n"
	"    - { device: net_pcap0, mode: probe, tunnel: gtpu, link: n3, gtp-endpoints: "
	"[198.51.100.0/24] }\n"
	"audit: { file: /var/log/poi/audit.jsonl }\n";

static char why[512];

static struct config *load(const char *text)
{
	unsetenv("RUNTIME_DIRECTORY");
	return config_load_text("/etc/poi/poi.yaml", text, strlen(text), why, sizeof(why));
}

Test(config, the_example_loads)
{
	struct config *c = load(example);

	cr_assert_not_null(c, "%s", why);
	cr_assert_str_eq(c->file, "/etc/poi/poi.yaml");
	cr_assert_str_eq(c->runtime_dir, "/run/poi");
	cr_assert_eq(c->n_nes, 1);
	cr_assert_str_eq(c->nes[0].tls.key, "/etc/poi/ne.key");
	cr_assert_null(c->nes[0].tls.crl);
	cr_assert_eq(c->nes[0].listen.port, 443);
	cr_assert_eq(c->nes[0].listen.address.b[3], 10);
	cr_assert_eq(c->nes[0].x1.keepalive.time_p2, 3600);
	cr_assert_eq(c->delivery.buffer, 64u << 20);
	cr_assert_eq(c->delivery.buffer_total, 256u << 20);
	cr_assert_eq(c->delivery.keepalive.time_p2, 180);
	cr_assert(c->delivery.keepalive.require_ack);
	cr_assert_str_eq(c->delivery.ipid_format, "{point}.{worker}.{incarnation}");
	cr_assert_eq(c->limits.tasks, 1100000);
	cr_assert_eq(c->limits.body, 1u << 20);
	cr_assert_eq(c->dataplane.workers[0], 1);
	cr_assert_eq(c->dataplane.ports[0].tunnel, CONFIG_TUNNEL_GTPU);
	cr_assert_eq(c->dataplane.ports[0].link, CONFIG_LINK_N3);
	cr_assert_eq(c->dataplane.ports[0].gtp_endpoints[0].length, 24);
	cr_assert_str_eq(c->audit.file, "/var/log/poi/audit.jsonl");
	cr_assert_str_eq(c->log.level, "info");
	config_free(c);
}

// A copy of the example with the first `from` replaced by `to`.
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(example, from);
	char *text = NULL;

	cr_assert_not_null(at, "%s", from);
	cr_assert_gt(
		asprintf(&text, "%.*s%s%s", (int)(at - example), example, to, at + strlen(from)),
		0);
	return text;
}

static void expect_refusal(const char *from, const char *to, const char *message)
{
	char *text = changed(from, to);
	struct config *c = load(text);

	cr_expect_null(c, "%s must be refused", to);
	cr_expect_str_eq(why, message);
	config_free(c);
	free(text);
}

#define F "/etc/poi/poi.yaml:"

Test(config, names_are_checked)
{
	expect_refusal("role: poi", "roel: poi",
		F "6:5: unknown key \"network-elements[0].roel\", write \"role\" or remove it");
	expect_refusal("time-p1: 60, time-p2: 3600", "time-p1: 60, timep2: 3",
		F "13:44: unknown key \"x1.keepalive.timep2\", write \"time-p2\" or remove it");
	expect_refusal("x1:\n", "x2:\n", F "10:1: unknown key \"x2\", write \"x1\" or remove it");
	expect_refusal("time2: 15", "time1: 6", F "12:3: x1.time1 is given twice, write it once");
	expect_refusal("time2: 15", "[a]: 6",
		F "12:3: a key must be a plain name, write one of the documented keys");
	expect_refusal(", ca: ca.pem", "",
		F
		"9:10: network-elements[0].tls.ca is missing, write it: PEM bundle of the issuers "
		"trusted for the peer");
	expect_refusal("    listen: \"192.0.2.10:443\"\n", "",
		F "3:5: network-elements[0].listen is missing, write it: address:port of the X1 "
		  "server, "
		  "on the interface towards the ADMF; port 443 where absent");
}

Test(config, headers_have_room)
{
	// 40 octets, four attributes of 4 with 35, 26, 4 and 8
	expect_refusal("nf-identifier: upf-1.example.org",
		"max-header: 128\n  nf-identifier: upf-1.south.lawful.example.org.zzzz",
		F "18:18: the header of each PDU would have 129 octets and delivery.max-header is "
		  "128, write shorter identifiers (nf-identifier, interception-point, "
		  "ipid-format)");
	char *text = changed("nf-identifier: upf-1.example.org",
		"max-header: 129\n  nf-identifier: upf-1.south.lawful.example.org.zzzz");
	struct config *c = load(text);
	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->delivery.max_header, 129);
	config_free(c);
	free(text);
}

Test(config, values_are_checked)
{
	expect_refusal("time1: 5", "time1: five",
		F "11:10: x1.time1 is \"five\", write a whole number from 1 to 3600");
	expect_refusal("time1: 5", "time1: 0",
		F "11:10: x1.time1 is \"0\", write a whole number from 1 to 3600");
	expect_refusal("time1: 5", "time1: 99999999999999999999999",
		F "11:10: x1.time1 is \"99999999999999999999999\", write a whole number from 1 to "
		  "3600");
	expect_refusal(
		"time1: 5", "time1:", F "11:9: x1.time1 has no value, write one or remove the key");
	expect_refusal("time1: 5", "time1: [5]",
		F "11:10: x1.time1 is a list or has keys, write one value");
	expect_refusal("role: poi", "role: mdf",
		F "6:11: network-elements[0].role is \"mdf\", write poi or triggered");
	expect_refusal("enabled: true", "enabled: yes",
		F "13:25: x1.keepalive.enabled is \"yes\", write true or false");
	expect_refusal("64MiB", "64MB",
		F "21:11: delivery.buffer is \"64MB\", write a size from 64KiB to 1024GiB with "
		  "KiB, MiB or "
		  "GiB, such as 64MiB");
	expect_refusal("\"192.0.2.10:443\"", "443",
		F "5:13: network-elements[0].listen is \"443\", write address:port, such as "
		  "\"192.0.2.10:443\" or \"[2001:db8::10]:443\"");
	expect_refusal("198.51.100.0/24", "198.51.100.1/24",
		F "28:81: dataplane.ports[0].gtp-endpoints holds \"198.51.100.1/24\" with host "
		  "bits, write "
		  "the network's first address");
	expect_refusal("link: n3", "link: n3, signalling: [pfcp, diameter]",
		F "28:84: dataplane.ports[0].signalling is \"diameter\", write pfcp, gtpv2c or "
		  "radius");
	expect_refusal("link: n3", "link: n3, signalling-peers: [192.0.2.1/32]",
		F "28:83: dataplane.ports[0].signalling-peers without signalling, write its "
		  "protocols or remove them");
	expect_refusal("tunnel: gtpu, link: n3, gtp-endpoints: [198.51.100.0/24]",
		"link: n6, signalling: [radius]",
		F "28:63: dataplane.ports[0].signalling on link: n6 would believe what users send, "
		  "write signalling-peers: the addresses of the core's nodes");
	expect_refusal("workers: [1]", "workers: 1",
		F "26:12: dataplane.workers is not a list, write its values in [ ]");
	expect_refusal("workers: [1]", "workers: []",
		F "26:12: dataplane.workers is empty, write at least one element");
	expect_refusal("poi-01", "\"a\\0b\"",
		F "3:20: network-elements[0].ne-identifier holds a control character, write it "
		  "without");
	expect_refusal("poi-01", "\"a\\eb\"",
		F "3:20: network-elements[0].ne-identifier holds a control character, write it "
		  "without");
	expect_refusal("audit: { file: /var/log/poi/audit.jsonl }", "log: { level: loud }",
		F "29:15: log.level is \"loud\", write error, warning, notice, info or debug");
}

static void expect_sharer(const char *name, const char *message)
{
	char second[400];

	snprintf(second, sizeof(second),
		"    server-name: poi-01.example\n"
		"  - { ne-identifier: poi-02, admf-identifier: a, listen: '192.0.2.10:443', tls: { "
		"certificate: a, key: b, ca: c }%s%s }\nx1:\n",
		name ? ", server-name: " : "", name ? name : "");
	if (message) {
		expect_refusal("x1:\n", second, message);
		return;
	}
	char *text = changed("x1:\n", second);
	struct config *c = load(text);
	cr_assert_not_null(c, "%s", why);
	cr_assert_str_eq(c->nes[1].server_name, name);
	config_free(c);
	free(text);
}

Test(config, one_address_under_several_names)
{
	expect_sharer("poi-02.example", NULL);
	expect_sharer(NULL,
		F "11:58: network-elements[1].listen is shared with network-elements[0], write an "
		  "address or port of its own, or a server-name in both");
	expect_sharer("POI-01.example",
		F "11:129: network-elements[1].server-name is that of network-elements[0] on the "
		  "same listen, write another");
	expect_sharer("192.0.2.1",
		F "11:129: network-elements[1].server-name is no host name, write it as "
		  "poi-01.example");
}

Test(config, rules_across_keys)
{
	expect_refusal("x1:\n",
		"  - { ne-identifier: poi-01, admf-identifier: a, listen: '192.0.2.11:443', tls: { "
		"certificate: a, key: b, ca: c } }\nx1:\n",
		F "10:22: ne-identifier \"poi-01\" is already network-elements[0], write another");
	expect_refusal("x1:\n",
		"  - { ne-identifier: poi-02, admf-identifier: a, listen: '192.0.2.10:443', tls: { "
		"certificate: a, key: b, ca: c } }\nx1:\n",
		F "10:58: network-elements[1].listen is shared with network-elements[0], write an "
		  "address or port of its own, or a server-name in both");
	expect_refusal("x1:\n",
		"  - { ne-identifier: poi-02, admf-identifier: a, listen: '[::]:443', tls: { "
		"certificate: a, key: b, ca: c } }\nx1:\n",
		F "10:58: network-elements[1].listen overlaps with network-elements[0], write an "
		  "address "
		  "or port of its own");
	expect_refusal("x1:\n",
		"  - { ne-identifier: poi-02, admf-identifier: a, listen: '0.0.0.0:443', tls: { "
		"certificate: a, key: b, ca: c } }\nx1:\n",
		F "10:58: network-elements[1].listen overlaps with network-elements[0], write an "
		  "address "
		  "or port of its own");
	expect_refusal("https://", "http://",
		F "8:15: admf-url is no https URL, write it as https://admf.example:443/X1/ADMF");
	expect_refusal("path: /X1/NE", "path: X1/NE",
		F "7:11: network-elements[0].path is no HTTP path, write it as /X1/NE");
	expect_refusal("workers: [1]", "workers: [1, 2, 1]",
		F "26:19: dataplane.workers[2] is already workers[0], write each CPU once");
	expect_refusal("tunnel: gtpu, ", "",
		F "28:66: dataplane.ports[0].gtp-endpoints without GTP-U, write tunnel: gtpu or "
		  "remove them");
	expect_refusal("mode: probe", "mode: inline",
		F "28:34: dataplane.ports[0].mode inline without a peer, write peer: and the other "
		  "port's "
		  "device");
	expect_refusal("mode: probe", "mode: inline, peer: net_pcap0",
		F "28:48: dataplane.ports[0].peer is no other port here, write the device of one");
	expect_refusal("mode: probe", "peer: net_pcap1",
		F "28:34: dataplane.ports[0].peer without forwarding, write mode: inline or remove "
		  "peer");
	expect_refusal("64MiB", "512MiB",
		F "21:11: delivery.buffer is above delivery.buffer-total, write at most 268435456 "
		  "or raise "
		  "buffer-total");
	expect_refusal("overrides: []", "overrides: [{match: mdf}]",
		F
		"22:23: delivery.overrides[0].match is neither, write a DID (lower-case UUID) or a "
		"network such as 203.0.113.0/24");
	expect_refusal("overrides: []", "overrides: [{match: '::/0', keepalive: false}]",
		F "22:42: delivery.overrides[0].settle is keepalive and keepalive is false, write true "
		  "there, or settle: tcp: a PDU is then delivered when the MDF's TCP has taken it");
	expect_refusal("overrides: []",
		"overrides: [{match: '::/0', require-ack: false, settle: keepalive}]",
		F "22:59: delivery.overrides[0].settle is keepalive and require-ack is false, write "
		  "true there, or settle: tcp: a PDU is then delivered when the MDF's TCP has taken it");
	expect_refusal("require-ack: true", "require-ack: false",
		F "20:14: delivery.settle is keepalive and require-ack is false, write true there, or "
		  "settle: tcp: a PDU is then delivered when the MDF's TCP has taken it");
	expect_refusal("buffer: 64MiB", "cipher-suites: \"TLS_AES_128_GCM_SHA256:AES128-SHA\"",
		F "21:18: delivery.cipher-suites has \"AES128-SHA\", which is unknown or too weak, "
		  "write names like TLS_AES_128_GCM_SHA256 with colons between");
	expect_refusal("buffer: 64MiB", "key-records: 8388609",
		F "21:16: delivery.key-records is \"8388609\", write a whole number from 16 to "
		  "8388608");
	expect_refusal("buffer: 64MiB", "threads: 17",
		F "21:12: delivery.threads is \"17\", write a whole number from 1 to 16");
	expect_refusal("rx_pcap=in.pcap", "rx_pcap='in.pcap",
		F "24:8: dataplane.eal has an open quote, write its partner");
}

Test(config, a_worker_needs_its_own_cpu)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		expect_refusal("workers: [1]", "workers: [0]",
			F "26:13: dataplane.workers[0] is main-cpu, write another CPU: a worker "
			  "needs its "
			  "own");
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		expect_refusal("workers: [1]", "workers: [1]\n  control-cpus: [0, 1]",
			F "27:21: dataplane.control-cpus[1] is dataplane.workers[0], write another "
			  "CPU: a worker needs its own");
		expect_refusal("buffer: 64MiB", "cpus: [1]",
			F "21:10: delivery.cpus[0] is dataplane.workers[0], write another CPU: a "
			  "worker needs its own");
	}
	expect_refusal("workers: [1]", "workers: [1]\n  control-cpus: [3, 0, 3]",
		F "27:24: dataplane.control-cpus[2] is already dataplane.control-cpus[0], write "
		  "each CPU once");
	expect_refusal("buffer: 64MiB", "cpus: [1024]",
		F "21:10: delivery.cpus is \"1024\", write a whole number from 0 to 1023");
	char *text =
		changed("--no-pci --in-memory --vdev net_pcap0,rx_pcap=in.pcap\"\n  main-cpu: 0\n"
			"  workers: [1]",
			"--lcores 0@0,1@0\"\n  main-cpu: 0\n  workers: [0]");
	struct config *c = load(text);
	cr_assert_not_null(c, "%s", why);
	config_free(c);
	free(text);
}

Test(config, inline_peers_name_each_other)
{
	static const char ports[] = "{ device: a, mode: inline, peer: b }\n    - { device: b, "
				    "mode: inline, peer: %s }\n";
	char pair[128];
	char *text;
	static const char first[] = "{ device: net_pcap0, mode: probe, tunnel: gtpu, link: n3, "
				    "gtp-endpoints: [198.51.100.0/24] }\n";

	snprintf(pair, sizeof(pair), ports, "a");
	text = changed(first, pair);
	struct config *c = load(text);
	cr_assert_not_null(c, "%s", why);
	cr_assert_str_eq(c->dataplane.ports[1].peer, "a");
	config_free(c);
	free(text);
	snprintf(pair, sizeof(pair), ports, "c");
	expect_refusal(first, pair,
		F
		"28:40: dataplane.ports[0].peer does not name this port in turn, write there mode: "
		"inline and peer: a");
}

Test(config, not_yaml)
{
	cr_assert_null(load(""));
	cr_assert_str_eq(
		why, F "1:1: the file is empty, write network-elements, delivery and dataplane");
	cr_assert_null(load("x1:\n  time1: [5\nx2: 3\n"));
	cr_assert_eq(strncmp(why, F "3:", sizeof(F) + 1), 0, "%s", why);
	cr_assert_null(load("x1:\n\ttime1: 5\n"));
	cr_assert_eq(strncmp(why, F "2:1: not YAML: ", sizeof(F) + 14), 0, "%s", why);
	cr_assert_null(load("x1:\n  a\xff: 1\n"));
	cr_assert_eq(strncmp(why, F "2:4: ", sizeof(F) + 4), 0, "%s", why);
	cr_assert_null(load("- a\n"));
	cr_assert_str_eq(why, F "1:1: the file has no keys, write \"runtime-dir: ...\" below it");
	expect_refusal("audit: { file: /var/log/poi/audit.jsonl }\n", "---\nmore: 1\n",
		F "30:1: a second document, write everything in one");
	expect_refusal("audit: { file: /var/log/poi/audit.jsonl }", "audit: &loop { file: *loop }",
		F "29:8: audit.file is a list or has keys, write one value");
}

Test(config, what_a_network_element_reports_and_how)
{
	char *text = changed("    role: poi\n",
		"    x2-report: pdsr\n    x2-summary: { timer: 0, packets: 9, session: true, empty: false }\n"
		"    payload-format: 7\n    axri: true\n");
	struct config *c = load(text);

	cr_assert_not_null(c, "%s", why);
	cr_assert_eq(c->nes[0].x2_summary.timer, 0);
	cr_assert_eq(c->nes[0].x2_summary.packets, 9);
	cr_assert_eq(c->nes[0].x2_summary.bytes, 0);
	cr_assert(c->nes[0].x2_summary.session);
	cr_assert_not(c->nes[0].x2_summary.empty);
	cr_assert_eq(c->nes[0].payload_format, 7);
	cr_assert(c->nes[0].axri);
	cr_assert_not(c->delivery.attributes.matched_target || c->delivery.attributes.addresses);
	config_free(c);
	free(text);
	text = changed("    role: poi\n", "    x2-report: pdsr\n");
	c = load(text);
	cr_assert_not_null(c, "%s", why);
	cr_assert_eq(c->nes[0].x2_summary.timer, 60);
	cr_assert(c->nes[0].x2_summary.empty);
	cr_assert_eq(c->nes[0].payload_format, CONFIG_FORMAT_DELIVERY);
	cr_assert_eq(c->delivery.payload_format, CONFIG_FORMAT_AUTOMATIC);
	cr_assert_not(c->nes[0].axri);
	config_free(c);
	free(text);
	expect_refusal("    role: poi\n", "    x2-report: pdsr\n    x2-summary: { timer: 0 }\n",
		F "7:17: network-elements[0].x2-summary has no trigger, write one of timer, "
		  "packets or bytes above 0");
}

Test(config, a_network_element_inherits_x1)
{
	char *text = changed("    role: poi\n", "    x1: { keepalive: { time-p1: 1, time-p2: 3 } }\n");
	struct config *c = load(text);

	cr_assert_not_null(c, "%s", why);
	cr_assert_eq(c->nes[0].x1.keepalive.time_p2, 3);
	cr_assert_eq(c->nes[0].x1.keepalive.time_p1, 1);
	cr_assert_eq(c->x1.keepalive.time_p2, 3600);
	config_free(c);
	free(text);
	text = changed("time1: 5", "time1: 7");
	c = load(text);
	cr_assert_eq(c->nes[0].x1.time1, 7, "although x1 stands below network-elements");
	config_free(c);
	free(text);
}

Test(config, overrides)
{
	char *text = changed("overrides: []",
		"overrides:\n    - match: 203.0.113.0/24\n      version-minor: 6\n      "
		"require-ack: false\n      settle: tcp\n"
		"      max-pdu: 8KiB\n    - { match: 29f28e1c-f230-486a-a860-f5a784ab9172, "
		"peer-identity: mdf.example }");
	struct config *c = load(text);

	cr_assert_not_null(c, "%s", why);
	cr_assert_eq(c->delivery.n_overrides, 2);
	cr_assert_eq(c->delivery.overrides[0].version_minor, 6);
	cr_assert_eq(c->delivery.overrides[0].require_ack, 0);
	cr_assert_eq(c->delivery.overrides[0].keepalive, -1);
	cr_assert_eq(c->delivery.overrides[0].settle, CONFIG_SETTLE_TCP);
	cr_assert_eq(c->delivery.overrides[1].settle, -1);
	cr_assert_eq(c->delivery.settle, CONFIG_SETTLE_KEEPALIVE);
	struct id16 did = {.b = {1}};
	struct ip_address at = {.family = 4, .b = {203, 0, 113, 9}}, other = {.family = 4, .b = {203, 0, 114, 9}};
	cr_assert_eq(config_settle_of(&c->delivery, &did, &at), CONFIG_SETTLE_TCP);
	cr_assert_eq(config_settle_of(&c->delivery, &did, &other), CONFIG_SETTLE_KEEPALIVE);
	// Two that match may contradict each other: nothing waits for what is never sent.
	c->delivery.overrides[0].settle = -1;
	cr_assert_eq(config_settle_of(&c->delivery, &did, &at), CONFIG_SETTLE_TCP);
	cr_assert_eq(c->delivery.overrides[0].max_pdu, 8192);
	cr_assert_eq(c->delivery.overrides[0].buffer, -1);
	cr_assert_eq(c->delivery.overrides[1].version_minor, -1);
	cr_assert_str_eq(c->delivery.overrides[1].peer_identity, "mdf.example");
	config_free(c);
	free(text);
}

Test(config, environment_comes_first)
{
	struct config *c;

	setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
	c = config_load_text("/f.yaml", example, strlen(example), why, sizeof(why));
	cr_assert_not_null(c, "%s", why);
	cr_assert_str_eq(c->runtime_dir, "/run/one");
	config_free(c);
	char *text = changed("/run/poi ",
		"/0123456789012345678901234567890123456789012345678901234567890"
		"12345678901234567890123456789012 ");
	cr_assert_null(load(text));
	cr_assert_str_eq(why,
		F "1:14: runtime-dir (or $RUNTIME_DIRECTORY) is 94 octets long, write a "
		  "path of at most 92");
	free(text);
}

static char *dump(const struct config *c)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	cr_assert_eq(config_dump(c, out), POI_OK);
	fclose(out);
	return text;
}

Test(config, a_dump_loads_and_dumps_the_same)
{
	char *text = changed("overrides: []",
		"overrides: [{match: '::/0', keepalive: true}]\n  payload-format: 12\n"
		"signalling: { memory: 64MiB }");
	struct config *c = load(text), *again;
	cr_assert_not_null(c, "%s", why);
	c->dataplane.ports[0].n_signalling = 2;
	c->dataplane.ports[0].signalling[0] = CONFIG_RADIUS;
	c->dataplane.ports[0].signalling[1] = CONFIG_PFCP;
	char *first = dump(c);
	again = load(first);
	cr_assert_not_null(again, "%s\n%s", why, first);
	char *second = dump(again);

	cr_assert_str_eq(first, second);
	cr_assert_not_null(strstr(first, "payload-format: 12\n"));
	cr_assert_not_null(strstr(first, "# crl:\n"));
	cr_assert_not_null(strstr(first, "signalling: [radius, pfcp]\n"));
	cr_assert_eq(again->dataplane.ports[0].n_signalling, 2);
	cr_assert_eq(again->dataplane.ports[0].signalling[0], CONFIG_RADIUS);
	cr_assert_eq(again->signalling.memory, 64 << 20);
	cr_assert_eq(again->signalling.sessions, 1048576);
	free(text);
	free(first);
	free(second);
	config_free(c);
	config_free(again);
}

Test(config, description_names_every_key_once)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	config_describe(out);
	fclose(out);
	cr_assert_not_null(strstr(
		text, "\nnetwork-elements[].x1.keepalive.time-p2\tnumber 1..604800\t3600\t"));
	cr_assert_not_null(strstr(text, "\ndelivery.buffer\tsize 65536..1099511627776\t64MiB\t"));
	cr_assert_not_null(
		strstr(text, "\ndataplane.ports[].link\tword: other, n3, n6, n9\tother\t"));
	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		int tabs = 0;
		for (char *p = line; *p != '\n'; p++)
			tabs += *p == '\t';
		cr_expect_eq(tabs, 3);
	}
	free(text);
}

Test(config, files)
{
	char path[] = "/tmp/poi-config-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, example, sizeof(example) - 1), (ssize_t)sizeof(example) - 1);
	struct config *c = config_load(path, why, sizeof(why));
	cr_assert_not_null(c, "%s", why);
	cr_assert_str_eq(c->nes[0].tls.ca, "/tmp/ca.pem");
	config_free(c);
	cr_assert_eq(ftruncate(fd, 2 << 20), 0);
	cr_assert_null(config_load(path, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "larger than 1 MiB"));
	close(fd);
	unlink(path);
	cr_assert_null(config_load(path, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "cannot be read (No such file or directory)"));
	cr_assert_null(config_load("/", why, sizeof(why)));
	cr_assert_not_null(strstr(why, "cannot be read"), "%s", why);
}

static char paths[1024];

static void on_path(void *context, const char *path)
{
	strcat(paths, path);
	strcat(paths, "\n");
}

Test(config, differences_are_named_by_their_paths)
{
	struct config *now = load(example), *same = load(example), *other = load(example);

	config_diff(now, same, on_path, NULL);
	cr_assert_str_eq(paths, "");
	free(other->nes[0].tls.key);
	other->nes[0].tls.key = strdup("/other");
	free(other->dataplane.ports[0].peer);
	other->dataplane.ports[0].peer = strdup("x");
	other->dataplane.ports[0].n_endpoints = 0;
	other->dataplane.workers[0] = 2;
	other->delivery.keepalive.time_p2++;
	other->x1.time1++;
	config_diff(now, other, on_path, NULL);
	cr_assert_str_eq(paths,
		"x1.time1\n"
		"network-elements[0].tls.key\n"
		"delivery.keepalive.time-p2\n"
		"dataplane.workers\n"
		"dataplane.ports[0].peer\n"
		"dataplane.ports[0].gtp-endpoints\n",
		"%s", paths);
	config_free(now);
	config_free(same);
	config_free(other);
}
