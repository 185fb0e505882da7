#pragma once

// The one configuration file of both processes (YAML). A single table in config_table.c declares every key:
// its path, type, default, bounds and one line of documentation; loading, `poi config dump` and the
// manual page all come from that table. Unknown keys and bad values are refused with
// file:line:column and what to write instead. Paths in the file are relative to the file.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/error.h"
#include "shared/filter.h"
#include "shared/ids.h"

#define CONFIG_NES_MAX 64
#define CONFIG_PORTS_MAX 32
#define CONFIG_WORKERS_MAX 32
#define CONFIG_CONTROL_CPUS_MAX 64
#define CONFIG_ENDPOINTS_MAX 16
#define CONFIG_ALIASES_MAX 16
#define CONFIG_SIGNALLING_PEERS_MAX 32
#define CONFIG_VXLAN_PORTS_MAX 8
#define CONFIG_OVERRIDES_MAX 64
#define CONFIG_FUNCTIONS_MAX 32
#define CONFIG_FUNCTION_NAME_MAX 63 // octets

// Network functions whose records are made (3GPP TS 33.128 clause 6.2): sets of bits.
enum config_records { CONFIG_RECORDS_SMF, CONFIG_RECORDS_AMF, CONFIG_RECORDS_SMSF, CONFIG_RECORDS_COUNT };
#define RECORDS_SMF (1u << CONFIG_RECORDS_SMF)
#define RECORDS_AMF (1u << CONFIG_RECORDS_AMF)
#define RECORDS_SMSF (1u << CONFIG_RECORDS_SMSF)

struct config_tls {
	char *certificate, *key, *ca, *crl; // absolute paths; crl NULL when absent
};

// The answer to a silent ADMF. V1.8.1: its tasks end at TIME_P2. Later minors: it is reported at
// TIME_P2, and its tasks end at TIME_P3.
enum config_keepalive_model { CONFIG_KEEPALIVE_V1_8_1, CONFIG_KEEPALIVE_LATER };

struct config_keepalive {
	bool enabled;
	uint32_t time_p1; // seconds
	uint32_t time_p2; // seconds
	bool require_ack; // delivery only
	uint8_t model;    // X1 only: enum config_keepalive_model, default v1.8.1
	uint32_t time_p3; // X1 only: seconds, of the model of later minors
};

// Seconds of silence that end the tasks (TIME_P2 or TIME_P3), and those that are reported before;
// 0: none.
static inline uint32_t config_fail_safe_s(const struct config_keepalive *k)
{
	return k->model == CONFIG_KEEPALIVE_LATER ? k->time_p3 : k->time_p2;
}
static inline uint32_t config_silence_s(const struct config_keepalive *k)
{
	return k->model == CONFIG_KEEPALIVE_LATER ? k->time_p2 : 0;
}
static inline const char *config_fail_safe_name(const struct config_keepalive *k)
{
	return k->model == CONFIG_KEEPALIVE_LATER ? "TIME_P3" : "TIME_P2";
}

// The version of X1 in messages to an ADMF of that minor or a later one.
enum config_x1_version { CONFIG_X1_V1_8_1, CONFIG_X1_V1_13_1 };

struct config_x1 { // global, and per network element where overridden
	uint8_t version; // enum config_x1_version, default v1.8.1
	uint32_t time1; // seconds
	uint32_t time2;
	struct config_keepalive keepalive;
	bool deactivate_all_tasks;
	bool remove_all_destinations;
	bool require_uuid_v4;
};

// Returns the version in messages to an ADMF of this minor. Static text.
static inline const char *config_x1_announced(const struct config_x1 *x, unsigned minor)
{
	return x->version == CONFIG_X1_V1_13_1 && minor >= 13 ? "v1.13.1" : "v1.8.1";
}

enum config_role { CONFIG_ROLE_POI, CONFIG_ROLE_TRIGGERED };
// Meaning of a list of target identifiers: all of them at once, or any one.
enum config_targets { CONFIG_TARGETS_ALL, CONFIG_TARGETS_ALTERNATIVES };
enum config_x2_report { CONFIG_X2_NONE, CONFIG_X2_PDHR, CONFIG_X2_PDSR };
// Payload format of X3 PDUs: one of these, or the number 5, 6, 7 or 12 (TS 103 221-2 table 5.4.1-1).
enum config_format { CONFIG_FORMAT_DELIVERY = 0, CONFIG_FORMAT_AUTOMATIC = 1 };

struct config_summary { // when reports of x2-report: pdsr are due; 0: not by this
	uint32_t timer; // seconds, 60
	uint64_t packets;
	uint64_t bytes;
	bool session; // counted over all flows of the task together
	bool empty;   // also of flows without a packet since their last report, default true
};

struct config_endpoint { // host:port of a listener
	struct ip_address address;
	uint16_t port;
};

struct config_ne {
	char *ne_identifier;
	char *admf_identifier;
	struct config_endpoint listen;
	char *server_name; // for SNI, NULL when absent; needed where listen is shared
	enum config_role role;
	enum config_targets targets; // default all; alternatives: triggered elements only
	enum config_x2_report x2_report;
	struct config_summary x2_summary;
	uint8_t payload_format; // enum config_format; default: delivery's
	bool axri;		// tasks of one packet share a PDU where they can, default false
	uint32_t n_records;
	uint8_t records[CONFIG_RECORDS_COUNT]; // enum config_records that its tasks' X2 has, as given
	char *path;     // default /X1/NE
	char *admf_url; // NULL when absent: nothing is reported to the ADMF
	struct config_tls tls;
	struct config_x1 x1;
};

struct config_limits { // of the X1 server, reliability under attack
	uint32_t connections;          // 256
	uint32_t connections_per_peer; // 32
	uint32_t handshake_timeout;    // seconds, 10
	uint32_t header_timeout;       // seconds, 10
	uint32_t body_timeout;         // seconds, 30
	uint32_t idle_timeout;         // seconds, 300
	uint32_t body;                 // octets, 1 MiB
	uint32_t header;               // octets, 16 KiB
	uint32_t response;             // octets of list answers held at a time, 256 MiB
	uint32_t attributes;           // per XML element, 64
	uint32_t streams;              // HTTP/2, 100
	uint32_t messages;             // X1 messages in one container, 10000
	uint32_t tasks;                // per network element, 1,100,000
	uint32_t destinations;         // per network element, 4096
	uint32_t resets;               // RST_STREAM frames of a peer in 10 seconds, 100
	uint32_t settings;             // SETTINGS frames a minute, 10
	uint32_t pings;                // PING frames a minute, 10
};

// When a copy is delivered: a keepalive behind it was acknowledged by the mediation function, or
// its octets by TCP.
enum config_settle { CONFIG_SETTLE_KEEPALIVE, CONFIG_SETTLE_TCP };

struct config_override { // delivery.overrides
	char *match; // a DID or a CIDR, as written
	int32_t version_minor; // -1 when not given, as all below
	int32_t require_ack;
	int32_t keepalive;
	int32_t settle; // enum config_settle
	int64_t max_pdu;
	int64_t buffer;
	int64_t spool;
	int32_t connections;
	char *peer_identity; // NULL when not given
};

#define CONFIG_DELIVERY_THREADS_MAX 16
#define CONFIG_CONNECTIONS_MAX 16 // of a destination
#define CONFIG_HEADER_USUAL 320 // octets that every known receiver takes
#define CONFIG_HEADER_MAX 1024

enum config_xiri_release { CONFIG_XIRI_R18, CONFIG_XIRI_R19 };

struct config_spool { // encrypted; folder NULL: none
	char *folder, *key;
	uint64_t size; // octets on disk of each destination, 1 GiB
};

struct config_delivery {
	char *nf_identifier;
	char *interception_point;
	char *ipid_format; // default "{point}.{worker}.{incarnation}"
	struct config_tls tls;
	struct config_keepalive keepalive;
	uint8_t settle;        // enum config_settle, default keepalive
	uint64_t buffer;       // octets per destination, 64 MiB
	uint64_t buffer_total; // octets for all, 256 MiB
	struct config_spool spool;
	bool resend_in_doubt;  // default true
	uint32_t drain;        // seconds for what is owed to a destination that is removed, 3600
	uint32_t connections;  // of a destination, 1
	uint32_t failback;     // seconds that a better end of a set has stood before it is used, 60; 0: never
	uint32_t probe_timeout; // seconds in which an MDF must answer TCP's probes, 3
	uint32_t stall_report;	// seconds without progress after which an MDF is reported, 3
	char *cipher_suites;	// those of shared/tls_suites.c, the preferred first
	uint32_t key_records;	// TLS records after which keys are renewed, 2^23
	bool kernel_tls;	// the kernel makes the records where it can, default false
	uint32_t flush_us;     // age at which a record leaves although not full, 50
	uint32_t threads;      // delivery threads, 1
	uint32_t n_cpus;       // 0: see cpu_plan.h
	int32_t cpus[CONFIG_DELIVERY_THREADS_MAX]; // of the delivery threads, in turn
	uint8_t xiri_release;  // enum config_xiri_release: module version that header reports name
	uint32_t flow_idle;    // seconds without a packet after which a reported flow ends, 30
	uint32_t flows;        // flows summarised at a time, 65536
	uint8_t payload_format; // automatic (12 for tunnelled packets), 5, 6, 7 or 12
	struct {
		bool matched_target; // 17 in X3 too, default false
		bool addresses;      // 10 to 16, default false
	} attributes;
	uint32_t max_header;   // octets of a PDU's header, CONFIG_HEADER_USUAL
	uint32_t n_overrides;
	struct config_override overrides[CONFIG_OVERRIDES_MAX];
};

enum config_port_mode { CONFIG_PORT_PROBE, CONFIG_PORT_INLINE };
enum config_tunnel { CONFIG_TUNNEL_NONE, CONFIG_TUNNEL_GTPU };
enum config_link { CONFIG_LINK_OTHER, CONFIG_LINK_N3, CONFIG_LINK_N6, CONFIG_LINK_N9 };
enum config_spread { CONFIG_SPREAD_ADDRESSES, CONFIG_SPREAD_SOFTWARE, CONFIG_SPREAD_TUNNEL };
enum config_signalling_protocol {
	CONFIG_PFCP,
	CONFIG_GTPV2C,
	CONFIG_RADIUS,
	CONFIG_SIGNALLING_COUNT
};

// A gateway's GTP-U address as signalling has it, and as the packets of a link have it.
struct config_alias {
	struct ip_address advertised, seen; // of one family
};

struct config_port {
	char *device;
	enum config_port_mode mode;
	char *peer; // inline only
	uint32_t descriptors; // of each receive and transmit queue, 1024
	enum config_tunnel tunnel;
	enum config_link link;
	enum config_spread spread; // default addresses
	uint32_t n_endpoints;
	struct ip_prefix gtp_endpoints[CONFIG_ENDPOINTS_MAX];
	uint32_t n_gtp_aliases;
	struct config_alias gtp_aliases[CONFIG_ALIASES_MAX]; // no address is seen for two
	// Further encapsulations to look into, default false.
	bool gre, ipip, vxlan, vxlan_gpe, geneve, tzsp, etherip, mpls_in_udp;
	bool mpls_pseudowire; // label stacks carry Ethernet
	uint32_t n_vxlan_ports;
	uint32_t vxlan_ports[CONFIG_VXLAN_PORTS_MAX]; // VXLAN on these, with or without 4789
	bool deliver_cut;      // of packets that the mirror cut, deliver what came; default false
	uint32_t n_signalling;
	uint8_t signalling[CONFIG_SIGNALLING_COUNT]; // enum config_signalling_protocol, as given
	uint32_t n_signalling_peers;		     // 0: any
	struct ip_prefix signalling_peers[CONFIG_SIGNALLING_PEERS_MAX];
};

struct config_reassembly { // of outer fragments
	uint32_t timeout_ms; // from a datagram's first piece to its last, 50
	uint32_t rate;	     // datagrams a second that never become whole, of a port and worker, 40000
};

struct config_dataplane {
	char *eal; // arguments, split as a shell splits words
	int32_t main_cpu;
	uint32_t n_workers;
	int32_t workers[CONFIG_WORKERS_MAX];
	uint32_t n_control_cpus; // 0: see cpu_plan.h
	int32_t control_cpus[CONFIG_CONTROL_CPUS_MAX]; // of builder, follower and helper threads
	uint32_t idle_sleep_us; // 0 (default): workers spin; else an idle worker sleeps that long
	uint32_t mbufs;         // per port; 0 (default): as packet_buffers.h reckons
	uint32_t mbuf_size;     // octets of a frame that one buffer holds, default 2304
	struct config_reassembly reassembly;
	uint32_t n_ports;
	struct config_port ports[CONFIG_PORTS_MAX];
};

enum config_correlation { CONFIG_CORRELATION_SESSION, CONFIG_CORRELATION_ZERO };

struct config_signalling { // what is kept of the sessions that signalling shows
	uint32_t sessions;      // at most, 1048576
	uint64_t memory;        // octets of all of them, 1536 MiB
	uint64_t ring;          // octets of signalling on its way from one worker, 4 MiB
	uint32_t answered;      // seconds that an answered request is remembered, 60
	uint32_t waiting;       // seconds that a request waits for its response, 180
	uint32_t handover_ms;   // how long an old tunnel goes on, 1000
	uint32_t age;           // seconds after which a partial session is forgotten, 86400
	uint32_t early_packets; // held by one worker for tunnels about to be bound, 512
	uint32_t early_ms;      // how long, 20
	uint8_t correlation;    // enum config_correlation, default session
};

struct config_function { // a network function that hands over events
	char *name; // of its sessions and registrations, in texts and status
	char *user; // that its process runs as: a name or a number
	uint32_t n_records;
	uint8_t records[CONFIG_RECORDS_COUNT]; // enum config_records that it may hand over
};

struct config_events { // n_functions 0: no events are taken
	char *folder; // absolute, /run/poi-events: sockets of poi-events
	char *user;   // that poi-events runs as, poi-events
	uint32_t n_functions;
	struct config_function functions[CONFIG_FUNCTIONS_MAX];
	uint64_t memory; // octets of what is kept of sessions and registrations, 512 MiB
};

struct config {
	char *file;        // absolute
	char *runtime_dir; // absolute; $RUNTIME_DIRECTORY, else runtime-dir:, else /run/poi
	uint32_t n_nes;
	struct config_ne nes[CONFIG_NES_MAX];
	struct config_x1 x1;
	struct config_limits limits; // key `limits`
	struct config_delivery delivery;
	struct config_dataplane dataplane;
	struct config_signalling signalling;
	struct config_events events;
	struct { char *file, *key; } audit; // key NULL when absent
	struct { char *file, *key; } store; // NULL when absent
	struct { struct config_endpoint listen; } metrics; // family 0 when absent: the Unix socket alone
	struct {
		char *level; // error, warning, notice, info, debug
		uint8_t target; // enum log_target
	} log;
	bool sandbox; // confine the process after its start, default true
};

// Loads and checks the file. NULL on failure; `why` then holds "file:line:column: what, write ...".
// Checks beyond each value alone: unique NE identifiers, listeners shared only under distinct server
// names, inline peers that name each other, gtp-endpoints only with tunnel gtpu, workers distinct from main-cpu unless there is
// one CPU, at least one network element and one port.
struct config *config_load(const char *file, char *why, size_t why_size);
// The same for text already in memory; `file` is for messages and relative paths.
struct config *config_load_text(
	const char *file, const char *text, size_t length, char *why, size_t why_size);
void config_free(struct config *c);

// Calls `each` with the path ("delivery.buffer", "dataplane.ports[0].link") of every key whose value
// differs; of lists that differ in length only the list itself.
typedef void (*config_difference)(void *context, const char *path);
void config_diff(const struct config *now, const struct config *fresh, config_difference each,
	void *context);

// True if the override is of this destination: by its DID, or by the network that its address lies
// in (`address` without family: named by a host, so by its DID only).
bool config_override_matches(const struct config_override *o, const struct id16 *did,
	const struct ip_address *address);
// The rule by which PDUs of this destination count as delivered, by the overrides that match in
// their order. TCP where its keepalives are off or need no acknowledgement, whatever `settle` is.
enum config_settle config_settle_of(const struct config_delivery *c, const struct id16 *did,
	const struct ip_address *address);
const char *config_settle_name(enum config_settle s); // "keepalive", "tcp"

bool config_shows_signalling(const struct config_dataplane *d); // on any port
// Sessions and subscribers can be followed: by signalling of a port, or by events.
bool config_follows_sessions(const struct config *c);
// A list of enum config_records as a set of bits.
uint8_t config_records_set(const uint8_t *records, uint32_t n);

// The effective configuration as commented YAML that config_load accepts. 0 or POI_ERR_IO.
[[nodiscard]] int config_dump(const struct config *c, FILE *out);

// One line per key: path, type, default, documentation (tab-separated); the manual page's source.
void config_describe(FILE *out);
