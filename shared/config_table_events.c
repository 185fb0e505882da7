// Declares the keys of events that network functions hand over.
#include "shared/config_internal.h"

static const struct config_word records_words[] = {{"smf", CONFIG_RECORDS_SMF},
	{"amf", CONFIG_RECORDS_AMF}, {"smsf", CONFIG_RECORDS_SMSF}, {NULL, 0}};

uint8_t config_records_set(const uint8_t *records, uint32_t n)
{
	uint8_t set = 0;

	for (uint32_t i = 0; i < n; i++)
		set |= (uint8_t)(1u << records[i]);
	return set;
}

static const struct config_key function_keys[] = {
	{.name = "name",
		.type = CONFIG_TEXT,
		KEY_AT(struct config_function, name),
		.required = true,
		.low = 1,
		.high = CONFIG_FUNCTION_NAME_MAX,
		.doc = "of this function, in status and texts; no other has it"},
	{.name = "user",
		.type = CONFIG_TEXT,
		KEY_AT(struct config_function, user),
		.required = true,
		.low = 1,
		.high = 31,
		.doc = "system user, by name or number, that the function's process runs as"},
	{.name = "records",
		.type = CONFIG_WORDS,
		KEY_AT(struct config_function, records[0]),
		KEY_COUNT(struct config_function, n_records),
		.most = CONFIG_RECORDS_COUNT,
		.required = true,
		.words = records_words,
		.doc = "kinds of function that it is: its events may be theirs"},
};
static KEY_SCOPE(function_scope, function_keys)

	static const struct config_key events_keys[] = {
		{.name = "folder",
			.type = CONFIG_PATH,
			KEY_AT(struct config_events, folder),
			.low = 1,
			.high = 64,
			.fallback = "/run/poi-events",
			.doc = "sockets of poi-events, as its own --folder"},
		{.name = "user",
			.type = CONFIG_TEXT,
			KEY_AT(struct config_events, user),
			.low = 1,
			.high = 31,
			.fallback = "poi-events",
			.doc = "system user, by name or number, that poi-events runs as"},
		{.name = "functions",
			.type = CONFIG_LIST,
			KEY_AT(struct config_events, functions[0]),
			KEY_COUNT(struct config_events, n_functions),
			.most = CONFIG_FUNCTIONS_MAX,
			.scope = function_scope,
			.doc = "network functions that hand over events; none: no events are "
			       "taken"},
		KEY_SIZE("memory", struct config_events, memory, MIB, 64 * GIB, "512MiB",
			"what is kept of sessions and registrations for records of a start of "
			"interception"),
};
KEY_SCOPE(config_scope_events, events_keys)
