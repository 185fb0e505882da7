// Declares the root of the configuration file, the keys of both processes, and finds a key by its name.
#include "shared/config_internal.h"

#include <string.h>

#include "shared/log.h"

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
static KEY_SCOPE(audit_scope, audit_keys)

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
static KEY_SCOPE(store_scope, store_keys)

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
static KEY_SCOPE(log_scope, log_keys)

static const struct config_key metrics_keys[] = {
	{.name = "listen",
		.type = CONFIG_ENDPOINT,
		.offset = offsetof(struct config, metrics.listen),
		.size = sizeof(struct config_endpoint),
		.doc = "loopback address:port for OpenMetrics over TCP; absent: <runtime-dir>/metrics.sock "
		       "alone"},
};
static KEY_SCOPE(metrics_scope, metrics_keys)

static const struct config_word on_off_words[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

// The global x1 stands before network-elements, which inherit from it.
static const struct config_key root_keys[] = {
	{.name = "runtime-dir",
		.type = CONFIG_PATH,
		KEY_AT(struct config, runtime_dir),
		.low = 1,
		.high = 4095,
		.fallback = "/run/poi",
		.doc = "sockets and run-time state, mode 0700; $RUNTIME_DIRECTORY comes first"},
	{.name = "x1",
		.type = CONFIG_MAP,
		KEY_AT(struct config, x1),
		.scope = config_scope_x1,
		.doc = "the X1 interface of every network element"},
	{.name = "network-elements",
		.type = CONFIG_LIST,
		KEY_AT(struct config, nes[0]),
		KEY_COUNT(struct config, n_nes),
		.most = CONFIG_NES_MAX,
		.required = true,
		.scope = config_scope_ne,
		.doc = "one for each responsible ADMF"},
	{.name = "limits",
		.type = CONFIG_MAP,
		KEY_AT(struct config, limits),
		.scope = config_scope_limits,
		.doc = "bounds of the X1 server"},
	{.name = "delivery",
		.type = CONFIG_MAP,
		KEY_AT(struct config, delivery),
		.scope = config_scope_delivery,
		.doc = "the X2 and X3 interfaces"},
	{.name = "dataplane",
		.type = CONFIG_MAP,
		KEY_AT(struct config, dataplane),
		.scope = config_scope_dataplane,
		.doc = "packet processing"},
	{.name = "signalling",
		.type = CONFIG_MAP,
		KEY_AT(struct config, signalling),
		.scope = config_scope_signalling,
		.doc = "following sessions, where a port has `signalling`"},
	{.name = "events",
		.type = CONFIG_MAP,
		KEY_AT(struct config, events),
		.scope = config_scope_events,
		.doc = "events of network functions, by way of poi-events"},
	{.name = "audit", .type = CONFIG_MAP, .scope = audit_scope, .doc = "the audit log"},
	{.name = "store",
		.type = CONFIG_MAP,
		.scope = store_scope,
		.doc = "optional: tasks kept on disk, encrypted, for when both processes end"},
	{.name = "metrics",
		.type = CONFIG_MAP,
		.scope = metrics_scope,
		.doc = "figures of both processes for a monitoring system"},
	KEY_WORD("sandbox", struct config, sandbox, on_off_words, "on",
		"after its start each process gives up the system calls, files and capabilities "
		"that it does not need"),
	{.name = "log", .type = CONFIG_MAP, .scope = log_scope, .doc = "the operational log"},
};
KEY_SCOPE(config_table, root_keys)

const struct config_key *config_key_find(const struct config_scope *scope, const char *name)
{
	for (size_t i = 0; i < scope->n; i++)
		if (!strcmp(scope->keys[i].name, name))
			return &scope->keys[i];
	return NULL;
}
