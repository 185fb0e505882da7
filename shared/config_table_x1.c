// Declares the keys of the X1 interface: x1, network-elements and limits.
#include "shared/config_internal.h"

static const struct config_word keepalive_model_words[] = {
	{"v1.8.1", CONFIG_KEEPALIVE_V1_8_1}, {"later", CONFIG_KEEPALIVE_LATER}, {NULL, 0}};

static const struct config_word x1_version_words[] = {
	{"v1.8.1", CONFIG_X1_V1_8_1}, {"v1.13.1", CONFIG_X1_V1_13_1}, {NULL, 0}};

static const struct config_key x1_keepalive_keys[] = {
	KEY_BOOL("enabled", struct config_keepalive, enabled, "true",
		"the ADMF sends Keepalive; disabled: Keepalive is answered 1070, no fail-safe"),
	KEY_NUMBER("time-p1", struct config_keepalive, time_p1, 1, 86400, "60",
		"seconds between two Keepalive requests of the ADMF (TIME_P1)"),
	KEY_NUMBER("time-p2", struct config_keepalive, time_p2, 1, 604800, "3600",
		"seconds of silence after which all tasks are stopped (TIME_P2), above time-p1"),
	KEY_WORD("model", struct config_keepalive, model, keepalive_model_words, "v1.8.1",
		"what silence does: v1.8.1, or later: at time-p2 a report, at time-p3 tasks end"),
	KEY_NUMBER("time-p3", struct config_keepalive, time_p3, 1, 1209600, "7200",
		"with model later: seconds of silence after which all tasks are stopped (TIME_P3), "
		"above time-p2"),
};
static KEY_SCOPE(x1_keepalive_scope, x1_keepalive_keys)

	static const struct config_key x1_keys[] = {
		KEY_WORD("version", struct config_x1, version, x1_version_words, "v1.8.1",
			"version in messages to an ADMF of that minor or a later one: "
			"v1.8.1 or v1.13.1; to others it is v1.8.1"),
		KEY_NUMBER("time1", struct config_x1, time1, 1, 3600, "5",
			"seconds to wait for the answer to a request (TIME1)"),
		KEY_NUMBER("time2", struct config_x1, time2, 1, 3600, "15",
			"seconds after which an unanswered request is a failure (TIME2), twice "
			"time1 or more"),
		{.name = "keepalive",
			.type = CONFIG_MAP,
			KEY_AT(struct config_x1, keepalive),
			.scope = x1_keepalive_scope,
			.doc = "keepalive of the X1 interface"},
		KEY_BOOL("deactivate-all-tasks", struct config_x1, deactivate_all_tasks, "true",
			"DeactivateAllTasks is served; false: answered 5010"),
		KEY_BOOL("remove-all-destinations", struct config_x1, remove_all_destinations,
			"true", "RemoveAllDestinations is served; false: answered 8020"),
		KEY_BOOL("require-uuid-v4", struct config_x1, require_uuid_v4, "true",
			"identifiers that are not version 4 UUIDs are refused"),
};
KEY_SCOPE(config_scope_x1, x1_keys)

static const struct config_word role_words[] = {
	{"poi", CONFIG_ROLE_POI}, {"triggered", CONFIG_ROLE_TRIGGERED}, {NULL, 0}};
static const struct config_word targets_words[] = {
	{"all", CONFIG_TARGETS_ALL}, {"alternatives", CONFIG_TARGETS_ALTERNATIVES}, {NULL, 0}};
static const struct config_word x2_report_words[] = {
	{"none", CONFIG_X2_NONE}, {"pdhr", CONFIG_X2_PDHR}, {"pdsr", CONFIG_X2_PDSR}, {NULL, 0}};

static const struct config_word records_words[] = {{"smf", CONFIG_RECORDS_SMF},
	{"amf", CONFIG_RECORDS_AMF}, {"smsf", CONFIG_RECORDS_SMSF}, {NULL, 0}};

static const struct config_word ne_format_words[] = {{"delivery", CONFIG_FORMAT_DELIVERY},
	{"automatic", CONFIG_FORMAT_AUTOMATIC}, {"5", 5}, {"6", 6}, {"7", 7}, {"12", 12},
	{NULL, 0}};

static const struct config_key summary_keys[] = {
	KEY_NUMBER("timer", struct config_summary, timer, 0, UINT32_MAX, "60",
		"seconds from one report of a flow to the next; 0: no timer"),
	KEY_NUMBER("packets", struct config_summary, packets, 0, INT64_MAX, "0",
		"packets after which a report is due; 0: not by packets"),
	KEY_NUMBER("bytes", struct config_summary, bytes, 0, INT64_MAX, "0",
		"octets of IP after which a report is due; 0: not by octets"),
	KEY_BOOL("session", struct config_summary, session, "false",
		"true: counted over all flows of a task together"),
	KEY_BOOL("empty", struct config_summary, empty, "true",
		"false: a report that is due leaves out flows without a packet since their last, "
		"also "
		"where the ADMF's HeaderReporting asks"),
};
static KEY_SCOPE(summary_scope, summary_keys)

	static const struct config_key ne_keys[] = {
		{.name = "ne-identifier",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_ne, ne_identifier),
			.required = true,
			.low = 1,
			.high = 255,
			.doc = "neIdentifier of this network element"},
		{.name = "admf-identifier",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_ne, admf_identifier),
			.required = true,
			.low = 1,
			.high = 255,
			.doc = "admfIdentifier of the responsible ADMF, as in its certificate"},
		{.name = "listen",
			.type = CONFIG_ENDPOINT,
			KEY_AT(struct config_ne, listen),
			.required = true,
			.low = 443,
			.doc = "address:port of the X1 server, on the interface towards the ADMF; "
			       "port 443 "
			       "where absent"},
		{.name = "server-name",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_ne, server_name),
			.low = 1,
			.high = 253,
			.doc = "host name that peers ask for (SNI), where elements share one "
			       "listen"},
		KEY_WORD("role", struct config_ne, role, role_words, "poi",
			"poi, or triggered by another function over LI_T2 and LI_T3"),
		KEY_WORD("targets", struct config_ne, targets, targets_words, "all",
			"a packet is a task's when all of its target identifiers hold; "
			"alternatives: any one"),
		KEY_WORD("x2-report", struct config_ne, x2_report, x2_report_words, "none",
			"what X2 carries for tasks without HeaderReporting; none: such tasks are "
			"refused"),
		{.name = "x2-summary",
			.type = CONFIG_MAP,
			KEY_AT(struct config_ne, x2_summary),
			.scope = summary_scope,
			.doc = "triggers of the reports that x2-report: pdsr asks for"},
		{.name = "records",
			.type = CONFIG_WORDS,
			KEY_AT(struct config_ne, records[0]),
			KEY_COUNT(struct config_ne, n_records),
			.most = CONFIG_RECORDS_COUNT,
			.words = records_words,
			.doc = "network functions whose records X2 carries for tasks by session "
			       "or subscriber, made from events; needs events.functions"},
		KEY_WORD("payload-format", struct config_ne, payload_format, ne_format_words,
			"delivery",
			"X3 of this network element: as delivery.payload-format, or its own"),
		KEY_BOOL("axri", struct config_ne, axri, "false",
			"tasks with the same destinations and delivery type share the X3 PDU of a "
			"packet"),
		{.name = "path",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_ne, path),
			.low = 1,
			.high = 255,
			.fallback = "/X1/NE",
			.doc = "HTTP path of the X1 server"},
		{.name = "admf-url",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_ne, admf_url),
			.low = 1,
			.high = 1023,
			.doc = "https URL that reports go to, without a path /X1/ADMF; absent: "
			       "nothing is "
			       "reported"},
		{.name = "tls",
			.type = CONFIG_MAP,
			KEY_AT(struct config_ne, tls),
			.scope = config_scope_tls,
			.doc = "certificate towards the ADMF"},
		{.name = "x1",
			.type = CONFIG_MAP,
			KEY_AT(struct config_ne, x1),
			.scope = config_scope_x1,
			.inherit = true,
			.doc = "what differs from the global x1 for this network element"},
};
KEY_SCOPE(config_scope_ne, ne_keys)

static const struct config_key limits_keys[] = {
	KEY_NUMBER("connections", struct config_limits, connections, 1, 65536, "256",
		"connections of the X1 server at a time"),
	KEY_NUMBER("connections-per-peer", struct config_limits, connections_per_peer, 1, 65536,
		"32", "connections of one address at a time"),
	KEY_NUMBER("handshake-timeout", struct config_limits, handshake_timeout, 1, 300, "10",
		"seconds for the TLS handshake"),
	KEY_NUMBER("header-timeout", struct config_limits, header_timeout, 1, 300, "10",
		"seconds for the header of a request"),
	KEY_NUMBER("body-timeout", struct config_limits, body_timeout, 1, 3600, "30",
		"seconds for the body of a request"),
	KEY_NUMBER("idle-timeout", struct config_limits, idle_timeout, 1, 86400, "300",
		"seconds without a request after which a connection is closed"),
	KEY_SIZE("body", struct config_limits, body, KIB, GIB, "1MiB", "size of a request's body"),
	KEY_SIZE("header", struct config_limits, header, KIB, MIB, "16KiB",
		"size of a request's header"),
	KEY_SIZE("response", struct config_limits, response, KIB, GIB, "256MiB",
		"size of all list answers that are held at a time"),
	KEY_NUMBER("attributes", struct config_limits, attributes, 1, 1024, "64",
		"attributes of one XML element"),
	KEY_NUMBER("streams", struct config_limits, streams, 1, 1000, "100",
		"concurrent HTTP/2 streams of a connection"),
	KEY_NUMBER("messages", struct config_limits, messages, 1, 1000000, "10000",
		"X1 messages in one container"),
	KEY_NUMBER("tasks", struct config_limits, tasks, 1, 4000000, "1100000",
		"tasks of a network element"),
	KEY_NUMBER("destinations", struct config_limits, destinations, 1, 65535, "4096",
		"destinations of a network element"),
	KEY_NUMBER("resets", struct config_limits, resets, 1, 100000, "100",
		"HTTP/2 stream resets of a connection in 10 seconds"),
	KEY_NUMBER("settings", struct config_limits, settings, 1, 100000, "10",
		"HTTP/2 SETTINGS frames of a connection in a minute"),
	KEY_NUMBER("pings", struct config_limits, pings, 1, 100000, "10",
		"HTTP/2 PING frames of a connection in a minute"),
};
KEY_SCOPE(config_scope_limits, limits_keys)
