#pragma once

// Shared by the files of the configuration only:
// - config.c loads the file, config_source.c holds its tree and messages,
// - config_scope.c loads mappings and lists, config_value.c single values,
// - config_table*.c declare every key,
// - config_check.c checks rules across keys,
// - config_dump.c and config_diff.c show and compare.

#include <yaml.h>

#include "shared/config.h"

enum config_type {
	CONFIG_NUMBER,	 // whole number, low..high
	CONFIG_BOOL,	 // true or false
	CONFIG_SIZE,	 // octets, or with KiB, MiB, GiB; low..high
	CONFIG_TEXT,	 // low..high octets, no control characters
	CONFIG_PATH,	 // text; made absolute relative to the file
	CONFIG_WORD,	 // one of `words`, stored as its value
	CONFIG_ENDPOINT, // address:port; low: the port where none is written, 0: it must be
	CONFIG_PREFIXES, // list of address/length
	CONFIG_NUMBERS,	 // list of whole numbers, low..high
	CONFIG_WORDS,	 // list of `words`, each stored as its value
	CONFIG_ALIASES,	 // address: address, pairs
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
	const struct config_scope *(*scope)(void);
	size_t count_offset; // lists: the uint32_t number of elements
	uint32_t most;	     // lists: elements at most
	const char *doc;
};

struct config_scope {
	const struct config_key *keys;
	size_t n;
};

// Return the keys of one mapping of the file: its root, and those that several files need.
const struct config_scope *config_table(void);
const struct config_scope *config_scope_tls(void);
const struct config_scope *config_scope_x1(void);
const struct config_scope *config_scope_ne(void);
const struct config_scope *config_scope_limits(void);
const struct config_scope *config_scope_delivery(void);
const struct config_scope *config_scope_dataplane(void);
const struct config_scope *config_scope_signalling(void);
const struct config_scope *config_scope_events(void);
// Returns NULL for a name that the mapping does not have.
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
// The same for a place that has no node; line and column count from 0.
int config_refuse_mark(struct config_source *s, size_t line, size_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

// Value of `name` in a mapping, element `i` of a list; NULL when absent (or `node` is).
const yaml_node_t *config_child(
	const struct config_source *s, const yaml_node_t *node, const char *name);
// The value `name` of element `i` of a list, or the nearest node that exists, so that there is always
// a place for a message.
const yaml_node_t *config_place(
	const struct config_source *s, const yaml_node_t *list, size_t i, const char *name);
const yaml_node_t *config_item(const struct config_source *s, const yaml_node_t *node, size_t i);

// Rules across keys; 0 or POI_ERR_INVALID with `why` set.
int config_check(struct config_source *s, const yaml_node_t *root);
int config_check_events(
	struct config_source *s, const yaml_node_t *root, const yaml_node_t *elements);

// Single values (config_value.c).
struct config_value {
	const struct config_key *key;
	const char *path;	 // of the mapping, "" or "x1.", for messages
	const yaml_node_t *node; // what a message points at
	const char *text;	 // what is stored; set by config_value_load
	uint8_t *to;
};

// Stores the value of a node, or refuses it with `why` set.
int config_value_load(struct config_source *s, struct config_value *v);
// Stores v->text, as config_value_load does for a node; for defaults.
int config_value_store(struct config_source *s, const struct config_value *v);
void config_value_number(uint8_t *to, size_t size, int64_t number);

// Mappings and lists (config_scope.c): loads the root of the file into s->config.
int config_scope_load(struct config_source *s, const yaml_node_t *root);

// --- how the tables declare a key ---

#define KEY_AT(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)NULL)->field)
#define KEY_COUNT(type, field) .count_offset = offsetof(type, field)

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define KEY_NUMBER(name_, type_, field_, low_, high_, fallback_, doc_)                    \
	{                                                                                 \
		.name = name_, .type = CONFIG_NUMBER, KEY_AT(type_, field_), .low = low_, \
		.high = high_, .fallback = fallback_, .doc = doc_                         \
	}
#define KEY_SIZE(name_, type_, field_, low_, high_, fallback_, doc_)                    \
	{                                                                               \
		.name = name_, .type = CONFIG_SIZE, KEY_AT(type_, field_), .low = low_, \
		.high = high_, .fallback = fallback_, .doc = doc_                       \
	}
#define KEY_BOOL(name_, type_, field_, fallback_, doc_)                                           \
	{                                                                                         \
		.name = name_, .type = CONFIG_BOOL, KEY_AT(type_, field_), .fallback = fallback_, \
		.doc = doc_                                                                       \
	}
#define KEY_WORD(name_, type_, field_, words_, fallback_, doc_)                             \
	{                                                                                   \
		.name = name_, .type = CONFIG_WORD, KEY_AT(type_, field_), .words = words_, \
		.fallback = fallback_, .doc = doc_                                          \
	}
// Defines a function that returns the scope of an array of keys.
#define KEY_SCOPE(function, keys)                                  \
	const struct config_scope *function(void)                  \
	{                                                          \
		static const struct config_scope scope = {         \
			(keys), sizeof(keys) / sizeof((keys)[0])}; \
		return &scope;                                     \
	}
