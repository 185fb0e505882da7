// Every key of the configuration file: name, type, place, bounds, default, documentation. Loading,
// `poi config dump` and the manual page come from here.

#include "shared/config_internal.h"

#include <string.h>

#include "shared/log.h"

#define AT(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)NULL)->field)
#define COUNT(type, field) .count_offset = offsetof(type, field)
#define SCOPE(keys_) \
	static const struct config_scope keys_##_scope = {keys_, sizeof(keys_) / sizeof((keys_)[0])}

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define NUMBER(name_, type_, field_, low_, high_, fallback_, doc_)                    \
	{                                                                             \
		.name = name_, .type = CONFIG_NUMBER, AT(type_, field_), .low = low_, \
		.high = high_, .fallback = fallback_, .doc = doc_                     \
	}
#define SIZE(name_, type_, field_, low_, high_, fallback_, doc_)                                   \
	{                                                                                          \
		.name = name_, .type = CONFIG_SIZE, AT(type_, field_), .low = low_, .high = high_, \
		.fallback = fallback_, .doc = doc_                                                 \
	}
#define BOOL(name_, type_, field_, fallback_, doc_)                                           \
	{                                                                                     \
		.name = name_, .type = CONFIG_BOOL, AT(type_, field_), .fallback = fallback_, \
		.doc = doc_                                                                   \
	}
#define WORD(name_, type_, field_, words_, fallback_, doc_)                             \
	{                                                                               \
		.name = name_, .type = CONFIG_WORD, AT(type_, field_), .words = words_, \
		.fallback = fallback_, .doc = doc_                                      \
	}

static const struct config_key tls_keys[] = {
	{.name = "certificate",
		.type = CONFIG_PATH,
		AT(struct config_tls, certificate),
		.required = true,
		.low = 1,
		.high = 4095,
		.doc = "PEM chain, own certificate first"},
	{.name = "key",
		.type = CONFIG_PATH,
		AT(struct config_tls, key),
		.required = true,
		.low = 1,
		.high = 4095,
		.doc = "PEM private key, readable by its owner only; or credential:NAME"},
	{.name = "ca",
		.type = CONFIG_PATH,
		AT(struct config_tls, ca),
		.required = true,
		.low = 1,
		.high = 4095,
		.doc = "PEM bundle of the issuers trusted for the peer"},
	{.name = "crl",
		.type = CONFIG_PATH,
		AT(struct config_tls, crl),
		.low = 1,
		.high = 4095,
		.doc = "PEM revocation lists of every issuer in the chain; absent: not checked"},
};
SCOPE(tls_keys);

static const struct config_key x1_keepalive_keys[] = {
	BOOL("enabled", struct config_keepalive, enabled, "true",
		"the ADMF sends Keepalive; disabled: Keepalive is answered 1070, no fail-safe"),
	NUMBER("time-p1", struct config_keepalive, time_p1, 1, 86400, "60",
		"seconds between two Keepalive requests of the ADMF (TIME_P1)"),
	NUMBER("time-p2", struct config_keepalive, time_p2, 1, 604800, "3600",
		"seconds of silence after which all tasks are stopped (TIME_P2)"),
};
SCOPE(x1_keepalive_keys);

static const struct config_key x1_keys[] = {
	NUMBER("time1", struct config_x1, time1, 1, 3600, "5",
		"seconds to wait for the answer to a request (TIME1)"),
	NUMBER("time2", struct config_x1, time2, 1, 3600, "15",
		"seconds after which an unanswered request is a failure (TIME2)"),
	{.name = "keepalive",
		.type = CONFIG_MAP,
		AT(struct config_x1, keepalive),
		.scope = &x1_keepalive_keys_scope,
		.doc = "keepalive of the X1 interface"},
	BOOL("deactivate-all-tasks", struct config_x1, deactivate_all_tasks, "true",
		"DeactivateAllTasks is served; false: answered 5010"),
	BOOL("remove-all-destinations", struct config_x1, remove_all_destinations, "true",
		"RemoveAllDestinations is served; false: answered 8020"),
	BOOL("require-uuid-v4", struct config_x1, require_uuid_v4, "true",
		"identifiers that are not version 4 UUIDs are refused"),
};
SCOPE(x1_keys);

static const struct config_word role_words[] = {
	{"poi", CONFIG_ROLE_POI}, {"triggered", CONFIG_ROLE_TRIGGERED}, {NULL, 0}};
static const struct config_word x2_report_words[] = {
	{"none", CONFIG_X2_NONE}, {"pdhr", CONFIG_X2_PDHR}, {"pdsr", CONFIG_X2_PDSR}, {NULL, 0}};

static const struct config_word ne_format_words[] = {{"delivery", CONFIG_FORMAT_DELIVERY},
	{"automatic", CONFIG_FORMAT_AUTOMATIC}, {"5", 5}, {"6", 6}, {"7", 7}, {"12", 12},
	{NULL, 0}};

static const struct config_key summary_keys[] = {
	NUMBER("timer", struct config_summary, timer, 0, UINT32_MAX, "60",
		"seconds from one report of a flow to the next; 0: no timer"),
	NUMBER("packets", struct config_summary, packets, 0, INT64_MAX, "0",
		"packets after which a report is due; 0: not by packets"),
	NUMBER("bytes", struct config_summary, bytes, 0, INT64_MAX, "0",
		"octets of IP after which a report is due; 0: not by octets"),
	BOOL("session", struct config_summary, session, "false",
		"true: counted over all flows of a task together"),
};
SCOPE(summary_keys);

static const struct config_key ne_keys[] = {
	{.name = "ne-identifier",
		.type = CONFIG_TEXT,
		AT(struct config_ne, ne_identifier),
		.required = true,
		.low = 1,
		.high = 255,
		.doc = "neIdentifier of this network element"},
	{.name = "admf-identifier",
		.type = CONFIG_TEXT,
		AT(struct config_ne, admf_identifier),
		.required = true,
		.low = 1,
		.high = 255,
		.doc = "admfIdentifier of the responsible ADMF, as in its certificate"},
	{.name = "listen",
		.type = CONFIG_ENDPOINT,
		AT(struct config_ne, listen),
		.required = true,
		.doc = "address:port of the X1 server, on the interface towards the ADMF"},
	{.name = "server-name",
		.type = CONFIG_TEXT,
		AT(struct config_ne, server_name),
		.low = 1,
		.high = 253,
		.doc = "host name that peers ask for (SNI), where elements share one listen"},
	WORD("role", struct config_ne, role, role_words, "poi",
		"poi, or triggered by another function over LI_T2 and LI_T3"),
	WORD("x2-report", struct config_ne, x2_report, x2_report_words, "none",
		"what X2 carries for tasks without HeaderReporting; none: such tasks are refused"),
	{.name = "x2-summary",
		.type = CONFIG_MAP,
		AT(struct config_ne, x2_summary),
		.scope = &summary_keys_scope,
		.doc = "triggers of the reports that x2-report: pdsr asks for"},
	WORD("payload-format", struct config_ne, payload_format, ne_format_words, "delivery",
		"X3 of this network element: as delivery.payload-format, or its own"),
	BOOL("axri", struct config_ne, axri, "false",
		"tasks with the same destinations and delivery type share the X3 PDU of a packet"),
	{.name = "path",
		.type = CONFIG_TEXT,
		AT(struct config_ne, path),
		.low = 1,
		.high = 255,
		.fallback = "/X1/NE",
		.doc = "HTTP path of the X1 server"},
	{.name = "admf-url",
		.type = CONFIG_TEXT,
		AT(struct config_ne, admf_url),
		.low = 1,
		.high = 1023,
		.doc = "https URL that reports go to; absent: nothing is reported"},
	{.name = "tls",
		.type = CONFIG_MAP,
		AT(struct config_ne, tls),
		.scope = &tls_keys_scope,
		.doc = "certificate towards the ADMF"},
	{.name = "x1",
		.type = CONFIG_MAP,
		AT(struct config_ne, x1),
		.scope = &x1_keys_scope,
		.inherit = true,
		.doc = "what differs from the global x1 for this network element"},
};
SCOPE(ne_keys);

static const struct config_key limits_keys[] = {
	NUMBER("connections", struct config_limits, connections, 1, 65536, "256",
		"connections of the X1 server at a time"),
	NUMBER("connections-per-peer", struct config_limits, connections_per_peer, 1, 65536, "32",
		"connections of one address at a time"),
	NUMBER("handshake-timeout", struct config_limits, handshake_timeout, 1, 300, "10",
		"seconds for the TLS handshake"),
	NUMBER("header-timeout", struct config_limits, header_timeout, 1, 300, "10",
		"seconds for the header of a request"),
	NUMBER("body-timeout", struct config_limits, body_timeout, 1, 3600, "30",
		"seconds for the body of a request"),
	NUMBER("idle-timeout", struct config_limits, idle_timeout, 1, 86400, "300",
		"seconds without a request after which a connection is closed"),
	SIZE("body", struct config_limits, body, KIB, GIB, "1MiB", "size of a request's body"),
	SIZE("header", struct config_limits, header, KIB, MIB, "16KiB",
		"size of a request's header"),
	SIZE("response", struct config_limits, response, KIB, GIB, "256MiB",
		"size of all list answers that are held at a time"),
	NUMBER("attributes", struct config_limits, attributes, 1, 1024, "64",
		"attributes of one XML element"),
	NUMBER("streams", struct config_limits, streams, 1, 1000, "100",
		"concurrent HTTP/2 streams of a connection"),
	NUMBER("messages", struct config_limits, messages, 1, 1000000, "10000",
		"X1 messages in one container"),
	NUMBER("tasks", struct config_limits, tasks, 1, 4000000, "1100000",
		"tasks of a network element"),
	NUMBER("destinations", struct config_limits, destinations, 1, 65535, "4096",
		"destinations of a network element"),
	NUMBER("resets", struct config_limits, resets, 1, 100000, "100",
		"HTTP/2 stream resets of a connection in 10 seconds"),
	NUMBER("settings", struct config_limits, settings, 1, 100000, "10",
		"HTTP/2 SETTINGS frames of a connection in a minute"),
	NUMBER("pings", struct config_limits, pings, 1, 100000, "10",
		"HTTP/2 PING frames of a connection in a minute"),
};
SCOPE(limits_keys);

static const struct config_key delivery_keepalive_keys[] = {
	BOOL("enabled", struct config_keepalive, enabled, "true",
		"send keepalive PDUs on X2 and X3"),
	NUMBER("time-p1", struct config_keepalive, time_p1, 1, 86400, "60",
		"seconds between two keepalive PDUs"),
	NUMBER("time-p2", struct config_keepalive, time_p2, 1, 604800, "180",
		"seconds without an acknowledgement after which the connection is made anew"),
	BOOL("require-ack", struct config_keepalive, require_ack, "true",
		"false for mediation functions that never acknowledge"),
};
SCOPE(delivery_keepalive_keys);

#define OPTIONAL(name_, type_, field_, low_, high_, doc_)                                      \
	{                                                                                      \
		.name = name_, .type = type_, AT(struct config_override, field_), .low = low_, \
		.high = high_, .optional_number = true, .doc = doc_                            \
	}

static const struct config_key override_keys[] = {
	{.name = "match",
		.type = CONFIG_TEXT,
		AT(struct config_override, match),
		.required = true,
		.low = 1,
		.high = 63,
		.doc = "a destination's DID, or the CIDR its address lies in"},
	OPTIONAL("version-minor", CONFIG_NUMBER, version_minor, 5, 6, "minor version of the PDUs"),
	OPTIONAL(
		"require-ack", CONFIG_BOOL, require_ack, 0, 1, "as delivery.keepalive.require-ack"),
	OPTIONAL("keepalive", CONFIG_BOOL, keepalive, 0, 1, "as delivery.keepalive.enabled"),
	OPTIONAL("max-pdu", CONFIG_SIZE, max_pdu, 64, 16 * MIB, "largest PDU sent"),
	OPTIONAL("buffer", CONFIG_SIZE, buffer, 64 * KIB, 1024 * GIB, "as delivery.buffer"),
	OPTIONAL(
		"spool", CONFIG_SIZE, spool, 0, 1024 * GIB, "size of the encrypted spool; 0: none"),
	OPTIONAL("connections", CONFIG_NUMBER, connections, 1, 2, "as delivery.connections"),
	{.name = "peer-identity",
		.type = CONFIG_TEXT,
		AT(struct config_override, peer_identity),
		.low = 1,
		.high = 255,
		.doc = "name the certificate must carry instead of the address"},
};
SCOPE(override_keys);

static const struct config_key spool_keys[] = {
	{.name = "folder",
		.type = CONFIG_PATH,
		AT(struct config_spool, folder),
		.low = 1,
		.high = 4000,
		.doc = "folder of the encrypted spool; absent: memory only"},
	{.name = "key",
		.type = CONFIG_PATH,
		AT(struct config_spool, key),
		.low = 1,
		.high = 4095,
		.doc = "file of the spool's root key, mode 0600; or credential:NAME"},
	SIZE("size", struct config_spool, size, 0, 1024 * GIB, "1GiB",
		"octets on disk of each destination"),
};
SCOPE(spool_keys);

static const struct config_word format_words[] = {{"automatic", CONFIG_FORMAT_AUTOMATIC}, {"5", 5},
	{"6", 6}, {"7", 7}, {"12", 12}, {NULL, 0}};

static const struct config_word xiri_words[] = {
	{"r18", CONFIG_XIRI_R18}, {"r19", CONFIG_XIRI_R19}, {NULL, 0}};

static const struct config_key attribute_keys[] = {
	{.name = "matched-target",
		.type = CONFIG_BOOL,
		AT(struct config_delivery, attributes.matched_target),
		.fallback = "false",
		.doc = "attributes 17 in X3 PDUs too; X2 always has them"},
	{.name = "addresses",
		.type = CONFIG_BOOL,
		AT(struct config_delivery, attributes.addresses),
		.fallback = "false",
		.doc = "attributes 10 to 16: addresses, ports and protocol of the packet"},
};
SCOPE(attribute_keys);

static const struct config_key delivery_keys[] = {
	{.name = "nf-identifier",
		.type = CONFIG_TEXT,
		AT(struct config_delivery, nf_identifier),
		.required = true,
		.low = 1,
		.high = 255,
		.doc = "NFID attribute of the PDUs"},
	{.name = "interception-point",
		.type = CONFIG_TEXT,
		AT(struct config_delivery, interception_point),
		.required = true,
		.low = 1,
		.high = 127,
		.doc = "IPID attribute of the PDUs, before its suffix"},
	{.name = "ipid-format",
		.type = CONFIG_TEXT,
		AT(struct config_delivery, ipid_format),
		.low = 1,
		.high = 255,
		.fallback = "{point}.{worker}.{incarnation}",
		.doc = "IPID attribute from {point}, {worker} and {incarnation}"},
	{.name = "tls",
		.type = CONFIG_MAP,
		AT(struct config_delivery, tls),
		.scope = &tls_keys_scope,
		.doc = "certificate towards the mediation functions"},
	{.name = "keepalive",
		.type = CONFIG_MAP,
		AT(struct config_delivery, keepalive),
		.scope = &delivery_keepalive_keys_scope,
		.doc = "keepalive of the X2 and X3 interfaces"},
	SIZE("buffer", struct config_delivery, buffer, 64 * KIB, 1024 * GIB, "64MiB",
		"quota of each destination; with a spool at least 512 KiB for each worker and "
		"kind"),
	SIZE("buffer-total", struct config_delivery, buffer_total, 64 * KIB, 1024 * GIB, "256MiB",
		"cap of all destinations together"),
	{.name = "spool",
		.type = CONFIG_MAP,
		AT(struct config_delivery, spool),
		.scope = &spool_keys_scope,
		.doc = "where the oldest PDUs go when a destination's buffer is nearly used up"},
	BOOL("resend-in-doubt", struct config_delivery, resend_in_doubt, "true",
		"send again what was not acknowledged when a connection was cut"),
	NUMBER("connections", struct config_delivery, connections, 1, 2, "1",
		"1: X2 and X3 of a destination share a connection; 2: each has its own"),
	NUMBER("flush-us", struct config_delivery, flush_us, 1, 1000000, "50",
		"age in microseconds at which a TLS record leaves although not full"),
	NUMBER("threads", struct config_delivery, threads, 1, 16, "1", "delivery threads"),
	WORD("payload-format", struct config_delivery, payload_format, format_words, "automatic",
		"automatic (12 when tunnelled, else 5, 6 or 7), or always 5, 6, 7 or 12"),
	{.name = "attributes",
		.type = CONFIG_MAP,
		.scope = &attribute_keys_scope,
		.doc = "optional attributes of the PDUs"},
	NUMBER("max-header", struct config_delivery, max_header, 128, CONFIG_HEADER_MAX, "320",
		"octets of a PDU's header; what does not fit is left out or put into a further PDU"),
	WORD("xiri-release", struct config_delivery, xiri_release, xiri_words, "r18",
		"3GPP release of the module that header reports name: r18 (version 15) or r19 (3)"),
	NUMBER("flow-idle", struct config_delivery, flow_idle, 1, 86400, "30",
		"seconds without a packet after which a flow of summary reports ends"),
	NUMBER("flows", struct config_delivery, flows, 1, 16777216, "65536",
		"flows summarised at a time; beyond it the one idle longest ends"),
	{.name = "overrides",
		.type = CONFIG_LIST,
		AT(struct config_delivery, overrides[0]),
		COUNT(struct config_delivery, n_overrides),
		.most = CONFIG_OVERRIDES_MAX,
		.scope = &override_keys_scope,
		.doc = "what differs for some destinations"},
};
SCOPE(delivery_keys);

static const struct config_word mode_words[] = {
	{"probe", CONFIG_PORT_PROBE}, {"inline", CONFIG_PORT_INLINE}, {NULL, 0}};
static const struct config_word tunnel_words[] = {
	{"none", CONFIG_TUNNEL_NONE}, {"gtpu", CONFIG_TUNNEL_GTPU}, {NULL, 0}};
static const struct config_word link_words[] = {{"other", CONFIG_LINK_OTHER},
	{"n3", CONFIG_LINK_N3}, {"n6", CONFIG_LINK_N6}, {"n9", CONFIG_LINK_N9}, {NULL, 0}};

static const struct config_word signalling_words[] = {
	{"pfcp", CONFIG_PFCP}, {"gtpv2c", CONFIG_GTPV2C}, {"radius", CONFIG_RADIUS}, {NULL, 0}};

static const struct config_key port_keys[] = {
	{.name = "device",
		.type = CONFIG_TEXT,
		AT(struct config_port, device),
		.required = true,
		.low = 1,
		.high = 63,
		.doc = "DPDK name: PCI address or virtual device"},
	WORD("mode", struct config_port, mode, mode_words, "probe",
		"probe: packets end here; inline: they leave through the peer port"),
	{.name = "peer",
		.type = CONFIG_TEXT,
		AT(struct config_port, peer),
		.low = 1,
		.high = 63,
		.doc = "device of the other side, for mode inline"},
	WORD("tunnel", struct config_port, tunnel, tunnel_words, "none",
		"gtpu: look into GTP-U; none: UDP port 2152 is payload like any other"),
	WORD("link", struct config_port, link, link_words, "other", "class of the link"),
	{.name = "gtp-endpoints",
		.type = CONFIG_PREFIXES,
		AT(struct config_port, gtp_endpoints[0]),
		COUNT(struct config_port, n_endpoints),
		.most = CONFIG_ENDPOINTS_MAX,
		.doc = "own GTP-U addresses, for directions and gtpuTunnelId"},
	BOOL("gre", struct config_port, gre, "false", "look into GRE"),
	BOOL("ipip", struct config_port, ipip, "false", "look into IP in IP"),
	BOOL("vxlan", struct config_port, vxlan, "false", "look into VXLAN"),
	{.name = "signalling",
		.type = CONFIG_WORDS,
		AT(struct config_port, signalling[0]),
		COUNT(struct config_port, n_signalling),
		.most = CONFIG_SIGNALLING_COUNT,
		.words = signalling_words,
		.doc = "signalling that this port sees and that tasks by session or subscriber "
		       "follow"},
	{.name = "signalling-peers",
		.type = CONFIG_PREFIXES,
		AT(struct config_port, signalling_peers[0]),
		COUNT(struct config_port, n_signalling_peers),
		.most = CONFIG_SIGNALLING_PEERS_MAX,
		.doc = "nodes whose signalling is believed: both ends of a datagram and, where a "
		       "mirror wraps it (GRE, IP in IP, VXLAN), those of each wrapping; required "
		       "on link: n6, where users could forge it"},
};
SCOPE(port_keys);

static const struct config_key dataplane_keys[] = {
	{.name = "eal",
		.type = CONFIG_TEXT,
		AT(struct config_dataplane, eal),
		.low = 0,
		.high = 4095,
		.fallback = "",
		.doc = "arguments for DPDK's EAL, split as a shell splits words"},
	NUMBER("main-cpu", struct config_dataplane, main_cpu, 0, 1023, "0",
		"CPU of everything but the workers"),
	{.name = "workers",
		.type = CONFIG_NUMBERS,
		AT(struct config_dataplane, workers[0]),
		COUNT(struct config_dataplane, n_workers),
		.most = CONFIG_WORKERS_MAX,
		.low = 0,
		.high = 1023,
		.required = true,
		.doc = "CPUs that poll the ports, one worker each"},
	NUMBER("idle-sleep-us", struct config_dataplane, idle_sleep_us, 0, 100000, "0",
		"0: workers spin; else microseconds that an idle worker sleeps"),
	NUMBER("mbufs", struct config_dataplane, mbufs, 1024, 16777216, "16384",
		"packet buffers of each port"),
	NUMBER("mbuf-size", struct config_dataplane, mbuf_size, 2144, 16384, "2304",
		"octets of one packet buffer; a longer frame takes several where the device can"),
	{.name = "ports",
		.type = CONFIG_LIST,
		AT(struct config_dataplane, ports[0]),
		COUNT(struct config_dataplane, n_ports),
		.most = CONFIG_PORTS_MAX,
		.required = true,
		.scope = &port_keys_scope,
		.doc = "the monitored ports"},
};
SCOPE(dataplane_keys);

static const struct config_key signalling_keys[] = {
	NUMBER("sessions", struct config_signalling, sessions, 16, 16777216, "1048576",
		"sessions known at a time"),
	SIZE("memory", struct config_signalling, memory, MIB, 64 * GIB, "1536MiB",
		"memory of all sessions"),
	SIZE("ring", struct config_signalling, ring, 256 * KIB, GIB, "4MiB",
		"signalling on its way from one worker; what finds no room is lost and counted"),
	NUMBER("answered", struct config_signalling, answered, 1, 3600, "60",
		"seconds that an answered request is remembered, against repetitions"),
	NUMBER("waiting", struct config_signalling, waiting, 1, 3600, "180",
		"seconds that a request waits for its response"),
	NUMBER("handover-ms", struct config_signalling, handover_ms, 0, 60000, "1000",
		"milliseconds that the old tunnel goes on after a handover"),
	NUMBER("age", struct config_signalling, age, 60, 31536000, "86400",
		"seconds after which a partly known session that is silent is forgotten"),
	NUMBER("early-packets", struct config_signalling, early_packets, 0, 4096, "512",
		"tunnelled packets that one worker holds for sessions about to be bound; 0: none"),
	NUMBER("early-ms", struct config_signalling, early_ms, 1, 1000, "20",
		"milliseconds that they are held"),
};
SCOPE(signalling_keys);

static const struct config_key audit_keys[] = {
	{.name = "file",
		.type = CONFIG_PATH,
		.offset = offsetof(struct config, audit.file),
		.size = sizeof(char *),
		.low = 1,
		.high = 4095,
		.fallback = "/var/log/poi/audit.jsonl",
		.doc = "audit log of every X1 exchange, chained line by line"},
	{.name = "key",
		.type = CONFIG_PATH,
		.offset = offsetof(struct config, audit.key),
		.size = sizeof(char *),
		.low = 1,
		.high = 4095,
		.doc = "file of the chain's root key, mode 0600, or credential:NAME; absent: the chain shows accidents only"},
};
SCOPE(audit_keys);

static const struct config_key store_keys[] = {
	{.name = "file",
		.type = CONFIG_PATH,
		.offset = offsetof(struct config, store.file),
		.size = sizeof(char *),
		.low = 1,
		.high = 4095,
		.doc = "sealed store of tasks; absent: tasks live in memory only"},
	{.name = "key",
		.type = CONFIG_PATH,
		.offset = offsetof(struct config, store.key),
		.size = sizeof(char *),
		.low = 1,
		.high = 4095,
		.doc = "file of the store's root key, mode 0600; or credential:NAME"},
};
SCOPE(store_keys);

// Stored as text; the words are checked like those of any other key.
static const struct config_word level_words[] = {
	{"error", 3}, {"warning", 4}, {"notice", 5}, {"info", 6}, {"debug", 7}, {NULL, 0}};

static const struct config_word target_words[] = {{"auto", LOG_TARGET_AUTO},
	{"journal", LOG_TARGET_JOURNAL}, {"stderr", LOG_TARGET_STDERR}, {NULL, 0}};

static const struct config_key log_keys[] = {
	{.name = "level",
		.type = CONFIG_TEXT,
		.offset = offsetof(struct config, log.level),
		.size = sizeof(char *),
		.low = 1,
		.high = 15,
		.words = level_words,
		.fallback = "info",
		.doc = "least important level that is logged"},
	{.name = "target",
		.type = CONFIG_WORD,
		.offset = offsetof(struct config, log.target),
		.size = sizeof(uint8_t),
		.words = target_words,
		.fallback = "auto",
		.doc = "journal, stderr, or auto: the journal where stderr leads there"},
};
SCOPE(log_keys);

static const struct config_key metrics_keys[] = {
	{.name = "listen",
		.type = CONFIG_ENDPOINT,
		.offset = offsetof(struct config, metrics.listen),
		.size = sizeof(struct config_endpoint),
		.doc = "loopback address:port for OpenMetrics over TCP; absent: <runtime-dir>/metrics.sock "
		       "alone"},
};
SCOPE(metrics_keys);

static const struct config_word on_off_words[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

// The global x1 stands before network-elements, which inherit from it.
static const struct config_key root_keys[] = {
	{.name = "runtime-dir",
		.type = CONFIG_PATH,
		AT(struct config, runtime_dir),
		.low = 1,
		.high = 4095,
		.fallback = "/run/poi",
		.doc = "sockets and run-time state, mode 0700; $RUNTIME_DIRECTORY comes first"},
	{.name = "x1",
		.type = CONFIG_MAP,
		AT(struct config, x1),
		.scope = &x1_keys_scope,
		.doc = "the X1 interface of every network element"},
	{.name = "network-elements",
		.type = CONFIG_LIST,
		AT(struct config, nes[0]),
		COUNT(struct config, n_nes),
		.most = CONFIG_NES_MAX,
		.required = true,
		.scope = &ne_keys_scope,
		.doc = "one for each responsible ADMF"},
	{.name = "limits",
		.type = CONFIG_MAP,
		AT(struct config, limits),
		.scope = &limits_keys_scope,
		.doc = "bounds of the X1 server"},
	{.name = "delivery",
		.type = CONFIG_MAP,
		AT(struct config, delivery),
		.scope = &delivery_keys_scope,
		.doc = "the X2 and X3 interfaces"},
	{.name = "dataplane",
		.type = CONFIG_MAP,
		AT(struct config, dataplane),
		.scope = &dataplane_keys_scope,
		.doc = "packet processing"},
	{.name = "signalling",
		.type = CONFIG_MAP,
		AT(struct config, signalling),
		.scope = &signalling_keys_scope,
		.doc = "following sessions, where a port has `signalling`"},
	{.name = "audit", .type = CONFIG_MAP, .scope = &audit_keys_scope, .doc = "the audit log"},
	{.name = "store",
		.type = CONFIG_MAP,
		.scope = &store_keys_scope,
		.doc = "optional: tasks kept on disk, encrypted, for when both processes end"},
	{.name = "metrics",
		.type = CONFIG_MAP,
		.scope = &metrics_keys_scope,
		.doc = "figures of both processes for a monitoring system"},
	WORD("sandbox", struct config, sandbox, on_off_words, "on",
		"after its start each process gives up the system calls, files and capabilities "
		"that it does not need"),
	{.name = "log", .type = CONFIG_MAP, .scope = &log_keys_scope, .doc = "the operational log"},
};
SCOPE(root_keys);

const struct config_scope *config_table(void)
{
	return &root_keys_scope;
}

const struct config_key *config_key_find(const struct config_scope *scope, const char *name)
{
	for (size_t i = 0; i < scope->n; i++)
		if (!strcmp(scope->keys[i].name, name))
			return &scope->keys[i];
	return NULL;
}
