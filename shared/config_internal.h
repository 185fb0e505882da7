#pragma once

// Between config.c (the engine), config_table.c (every key), config_check.c (rules across keys) and
// config_dump.c. Nobody else includes this.

#include <yaml.h>

#include "shared/config.h"

enum config_type {
	CONFIG_NUMBER,	 // whole number, low..high
	CONFIG_BOOL,	 // true or false
	CONFIG_SIZE,	 // octets, or with KiB, MiB, GiB; low..high
	CONFIG_TEXT,	 // low..high octets, no control characters
	CONFIG_PATH,	 // text; made absolute relative to the file
	CONFIG_WORD,	 // one of `words`, stored as its value
	CONFIG_ENDPOINT, // address:port
	CONFIG_PREFIXES, // list of address/length
	CONFIG_NUMBERS,	 // list of whole numbers, low..high
	CONFIG_WORDS,	 // list of `words`, each stored as its value
	CONFIG_MAP,	 // nested keys of `scope`
	CONFIG_LIST,	 // list of nested keys of `scope`
};

struct config_word {
	const char *name;
	int64_t value;
};

struct config_scope;

struct config_key {
	const char *name;
	enum config_type type;
	size_t offset; // of the member in the scope's structure
	size_t size;   // of the member; of one element for a list
	bool required;
	bool inherit; // CONFIG_MAP: absent keys keep the value of the global key of the same name
	bool optional_number; // absent is stored as -1
	const char
		*fallback; // as it would be written; NULL: absent stays absent (zero, NULL, empty)
	int64_t low, high;
	const struct config_word *words; // ends with a NULL name
	const struct config_scope *scope;
	size_t count_offset; // lists: the uint32_t number of elements
	uint32_t most;	     // lists: elements at most
	const char *doc;
};

struct config_scope {
	const struct config_key *keys;
	size_t n;
};

// The root of the one table.
const struct config_scope *config_table(void);
const struct config_key *config_key_find(const struct config_scope *scope, const char *name);

struct config_source {
	const char *file; // as the user wrote it, for messages
	char *folder;	  // absolute folder of the file
	yaml_document_t *document;
	struct config *config;
	char *why;
	size_t why_size;
};

// Writes file:line:column and the text into `why`; always returns POI_ERR_INVALID.
int config_refuse(struct config_source *s, const yaml_node_t *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Value of `name` in a mapping, element `i` of a list; NULL when absent (or `node` is).
const yaml_node_t *config_child(
	const struct config_source *s, const yaml_node_t *node, const char *name);
const yaml_node_t *config_item(const struct config_source *s, const yaml_node_t *node, size_t i);

// Rules across keys; 0 or POI_ERR_INVALID with `why` set.
int config_check(struct config_source *s, const yaml_node_t *root);
