// Declares the keys of the X2 and X3 interfaces: delivery.
#include "shared/config_internal.h"
#include "shared/tls.h"

static const struct config_key delivery_keepalive_keys[] = {
	KEY_BOOL("enabled", struct config_keepalive, enabled, "true",
		"send keepalive PDUs on X2 and X3"),
	KEY_NUMBER("time-p1", struct config_keepalive, time_p1, 1, 86400, "60",
		"seconds between two keepalive PDUs"),
	KEY_NUMBER("time-p2", struct config_keepalive, time_p2, 1, 604800, "180",
		"seconds without an acknowledgement after which the connection is made anew"),
	KEY_BOOL("require-ack", struct config_keepalive, require_ack, "true",
		"false for mediation functions that never acknowledge"),
};
static KEY_SCOPE(delivery_keepalive_scope, delivery_keepalive_keys)

	static const struct config_word settle_words[] = {
		{"keepalive", CONFIG_SETTLE_KEEPALIVE}, {"tcp", CONFIG_SETTLE_TCP}, {NULL, 0}};

#define OPTIONAL(name_, type_, field_, low_, high_, doc_)                                          \
	{                                                                                          \
		.name = name_, .type = type_, KEY_AT(struct config_override, field_), .low = low_, \
		.high = high_, .optional_number = true, .doc = doc_                                \
	}

static const struct config_key override_keys[] = {
	{.name = "match",
		.type = CONFIG_TEXT,
		KEY_AT(struct config_override, match),
		.required = true,
		.low = 1,
		.high = 63,
		.doc = "a destination's DID, or the CIDR its address lies in"},
	OPTIONAL("version-minor", CONFIG_NUMBER, version_minor, 5, 6, "minor version of the PDUs"),
	OPTIONAL(
		"require-ack", CONFIG_BOOL, require_ack, 0, 1, "as delivery.keepalive.require-ack"),
	OPTIONAL("keepalive", CONFIG_BOOL, keepalive, 0, 1, "as delivery.keepalive.enabled"),
	{.name = "settle",
		.type = CONFIG_WORD,
		KEY_AT(struct config_override, settle),
		.words = settle_words,
		.optional_number = true,
		.doc = "as delivery.settle"},
	OPTIONAL("max-pdu", CONFIG_SIZE, max_pdu, 64, 16 * MIB, "largest PDU sent"),
	OPTIONAL("buffer", CONFIG_SIZE, buffer, 64 * KIB, 1024 * GIB, "as delivery.buffer"),
	OPTIONAL(
		"spool", CONFIG_SIZE, spool, 0, 1024 * GIB, "size of the encrypted spool; 0: none"),
	OPTIONAL("connections", CONFIG_NUMBER, connections, 1, CONFIG_CONNECTIONS_MAX,
		"as delivery.connections"),
	{.name = "peer-identity",
		.type = CONFIG_TEXT,
		KEY_AT(struct config_override, peer_identity),
		.low = 1,
		.high = 255,
		.doc = "name the certificate must carry instead of the address"},
};
static KEY_SCOPE(override_scope, override_keys)

	static const struct config_key spool_keys[] = {
		{.name = "folder",
			.type = CONFIG_PATH,
			KEY_AT(struct config_spool, folder),
			.low = 1,
			.high = 4000,
			.doc = "folder of the encrypted spool; absent: memory only"},
		{.name = "key",
			.type = CONFIG_PATH,
			KEY_AT(struct config_spool, key),
			.low = 1,
			.high = 4095,
			.doc = "file of the spool's root key, mode 0600; or credential:NAME"},
		KEY_SIZE("size", struct config_spool, size, 0, 1024 * GIB, "1GiB",
			"octets on disk of each destination"),
};
static KEY_SCOPE(spool_scope, spool_keys)

	static const struct config_word format_words[] = {{"automatic", CONFIG_FORMAT_AUTOMATIC},
		{"5", 5}, {"6", 6}, {"7", 7}, {"12", 12}, {NULL, 0}};

static const struct config_word xiri_words[] = {
	{"r18", CONFIG_XIRI_R18}, {"r19", CONFIG_XIRI_R19}, {NULL, 0}};

static const struct config_key attribute_keys[] = {
	{.name = "matched-target",
		.type = CONFIG_BOOL,
		KEY_AT(struct config_delivery, attributes.matched_target),
		.fallback = "false",
		.doc = "attributes 17 in X3 PDUs too; X2 always has them"},
	{.name = "addresses",
		.type = CONFIG_BOOL,
		KEY_AT(struct config_delivery, attributes.addresses),
		.fallback = "false",
		.doc = "attributes 10 to 16: addresses, ports and protocol of the packet"},
};
static KEY_SCOPE(attribute_scope, attribute_keys)

	static const struct config_key delivery_keys[] = {
		{.name = "nf-identifier",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_delivery, nf_identifier),
			.required = true,
			.low = 1,
			.high = 255,
			.doc = "NFID attribute of the PDUs"},
		{.name = "interception-point",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_delivery, interception_point),
			.required = true,
			.low = 1,
			.high = 127,
			.doc = "IPID attribute of the PDUs, before its suffix"},
		{.name = "ipid-format",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_delivery, ipid_format),
			.low = 1,
			.high = 255,
			.fallback = "{point}.{worker}.{incarnation}",
			.doc = "IPID attribute from {point}, {worker} and {incarnation}"},
		{.name = "tls",
			.type = CONFIG_MAP,
			KEY_AT(struct config_delivery, tls),
			.scope = config_scope_tls,
			.doc = "certificate towards the mediation functions"},
		{.name = "keepalive",
			.type = CONFIG_MAP,
			KEY_AT(struct config_delivery, keepalive),
			.scope = delivery_keepalive_scope,
			.doc = "keepalive of the X2 and X3 interfaces"},
		KEY_WORD("settle", struct config_delivery, settle, settle_words, "keepalive",
			"a PDU is delivered when the MDF has acknowledged a keepalive behind it, "
			"or (tcp, "
			"for MDFs that never acknowledge) when its TCP has taken it"),
		KEY_SIZE("buffer", struct config_delivery, buffer, 64 * KIB, 1024 * GIB, "64MiB",
			"quota of each destination, whichever workers fill it; with a spool at "
			"least "
			"512 KiB for each worker and kind"),
		KEY_SIZE("buffer-total", struct config_delivery, buffer_total, 64 * KIB, 1024 * GIB,
			"256MiB", "cap of all destinations and workers together"),
		{.name = "spool",
			.type = CONFIG_MAP,
			KEY_AT(struct config_delivery, spool),
			.scope = spool_scope,
			.doc = "where the oldest PDUs go when a destination's buffer is nearly "
			       "used up"},
		KEY_BOOL("resend-in-doubt", struct config_delivery, resend_in_doubt, "true",
			"send again what was not acknowledged when a connection was cut"),
		KEY_NUMBER("drain", struct config_delivery, drain, 0, 604800, "3600",
			"seconds in which a removed destination is still sent what is owed to it"),
		KEY_NUMBER("connections", struct config_delivery, connections, 1,
			CONFIG_CONNECTIONS_MAX, "1",
			"connections to each destination; what one worker sends of X2, or of X3, "
			"stays on "
			"one of them"),
		KEY_NUMBER("failback", struct config_delivery, failback, 0, 86400, "60",
			"seconds for which a better end of a redundant destination set has stood "
			"before it "
			"gets the stream back; 0: not before the end in use fails"),
		{.name = "cipher-suites",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_delivery, cipher_suites),
			.low = 1,
			.high = 511,
			.fallback = TLS_SUITES_DELIVERY,
			.doc = "cipher suites offered to mediation functions, the preferred first, "
			       "OpenSSL's names with colons between; a TLS version without one is "
			       "not "
			       "offered"},
		KEY_NUMBER("key-records", struct config_delivery, key_records, 16, 8388608,
			"8388608", "TLS records after which the keys of a connection are renewed"),
		KEY_BOOL("kernel-tls", struct config_delivery, kernel_tls, "false",
			"true: the kernel encrypts where its module tls is loaded and has the "
			"cipher; keys "
			"are then renewed by a new connection. Destinations with settle: tcp are "
			"left out: "
			"what TCP acknowledges is no measure then"),
		KEY_NUMBER("probe-timeout", struct config_delivery, probe_timeout, 1, 3600, "3",
			"seconds without any answer to TCP's probes after which a mediation "
			"function is "
			"taken for dead; one that answers is alive, however slow"),
		KEY_NUMBER("stall-report", struct config_delivery, stall_report, 1, 3600, "3",
			"seconds in which a mediation function has read nothing although PDUs "
			"wait, after "
			"which a fault is reported; the connection is kept for keepalive.time-p2, "
			"that of a set's end until another end stands"),
		KEY_NUMBER("flush-us", struct config_delivery, flush_us, 1, 1000000, "50",
			"age in microseconds at which a TLS record leaves although not full"),
		KEY_NUMBER("threads", struct config_delivery, threads, 1,
			CONFIG_DELIVERY_THREADS_MAX, "1", "delivery threads"),
		{.name = "cpus",
			.type = CONFIG_NUMBERS,
			KEY_AT(struct config_delivery, cpus[0]),
			KEY_COUNT(struct config_delivery, n_cpus),
			.most = CONFIG_DELIVERY_THREADS_MAX,
			.low = 0,
			.high = 1023,
			.doc = "CPUs of the delivery threads, one each, in turn where they are "
			       "fewer; "
			       "absent: CPUs of the process's affinity mask that no worker, "
			       "main-cpu or "
			       "control-cpus has"},
		KEY_WORD("payload-format", struct config_delivery, payload_format, format_words,
			"automatic",
			"automatic (12 when tunnelled, else 5, 6 or 7), or always 5, 6, 7 or 12"),
		{.name = "attributes",
			.type = CONFIG_MAP,
			.scope = attribute_scope,
			.doc = "optional attributes of the PDUs"},
		KEY_NUMBER("max-header", struct config_delivery, max_header, 128, CONFIG_HEADER_MAX,
			"320",
			"octets of a PDU's header; what does not fit is left out or put into a "
			"further PDU"),
		KEY_WORD("xiri-release", struct config_delivery, xiri_release, xiri_words, "r18",
			"3GPP release of the module that header reports name: r18 (version 15) or "
			"r19 (3)"),
		KEY_NUMBER("flow-idle", struct config_delivery, flow_idle, 1, 86400, "30",
			"seconds without a packet after which a flow of summary reports ends"),
		KEY_NUMBER("flows", struct config_delivery, flows, 1, 16777216, "65536",
			"flows summarised at a time; beyond it the one idle longest ends"),
		{.name = "overrides",
			.type = CONFIG_LIST,
			KEY_AT(struct config_delivery, overrides[0]),
			KEY_COUNT(struct config_delivery, n_overrides),
			.most = CONFIG_OVERRIDES_MAX,
			.scope = override_scope,
			.doc = "what differs for some destinations"},
};
KEY_SCOPE(config_scope_delivery, delivery_keys)
