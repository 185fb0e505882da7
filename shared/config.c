#include "shared/config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/config_internal.h"
#include "shared/credential.h"

#define FILE_MAX (1024 * 1024) // octets; the largest legal file is far below
#define PATH_TEXT 160	       // "network-elements[63].x1.keepalive.time-p2" and longer

// One mapping being loaded: its keys, where its values go, and how it is called in messages.
struct frame {
	const struct config_scope *scope;
	const yaml_node_t *node; // the mapping; NULL when absent
	const yaml_node_t *at;	 // what a message points at when `node` is absent
	uint8_t *base;
	char path[PATH_TEXT]; // "" or "x1.", with the dot
	bool keep;	      // absent keys keep the value that is there
};

static int load_scope(struct config_source *s, const struct frame *f);

// --- messages ---

static void printable(char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			*text = '?';
}

static int refuse_at(
	struct config_source *s, size_t line, size_t column, const char *format, va_list arguments)
{
	if (s->why_size == 0)
		return POI_ERR_INVALID;
	int n = snprintf(s->why, s->why_size, "%s:%zu:%zu: ", s->file, line + 1, column + 1);
	if (n > 0 && (size_t)n < s->why_size)
		vsnprintf(s->why + n, s->why_size - (size_t)n, format, arguments);
	printable(s->why);
	return POI_ERR_INVALID;
}

int config_refuse(struct config_source *s, const yaml_node_t *at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	refuse_at(
		s, at ? at->start_mark.line : 0, at ? at->start_mark.column : 0, format, arguments);
	va_end(arguments);
	return POI_ERR_INVALID;
}

static int refuse_mark(struct config_source *s, size_t line, size_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse_mark(struct config_source *s, size_t line, size_t column, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	refuse_at(s, line, column, format, arguments);
	va_end(arguments);
	return POI_ERR_INVALID;
}

// --- the tree ---

static const char *scalar_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

const yaml_node_t *config_child(
	const struct config_source *s, const yaml_node_t *node, const char *name)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
		p++) {
		const yaml_node_t *key = yaml_document_get_node(s->document, p->key);
		if (key && key->type == YAML_SCALAR_NODE && !strcmp(scalar_text(key), name))
			return yaml_document_get_node(s->document, p->value);
	}
	return NULL;
}

const yaml_node_t *config_item(const struct config_source *s, const yaml_node_t *node, size_t i)
{
	if (!node || node->type != YAML_SEQUENCE_NODE)
		return NULL;
	if (i >= (size_t)(node->data.sequence.items.top - node->data.sequence.items.start))
		return NULL;
	return yaml_document_get_node(s->document, node->data.sequence.items.start[i]);
}

// Edit distance of two short names; what is beyond the table's width does not matter for a hint.
static size_t distance(const char *a, const char *b)
{
	size_t row[48], length_a = strlen(a), length_b = strlen(b);

	if (length_b >= 48 || length_a >= 256)
		return SIZE_MAX;
	for (size_t j = 0; j <= length_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length_b];
}

static const char *closest(const struct config_scope *scope, const char *name)
{
	const char *best = scope->keys[0].name;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < scope->n; i++) {
		size_t d = distance(name, scope->keys[i].name);
		if (d < least) {
			least = d;
			best = scope->keys[i].name;
		}
	}
	return best;
}

// Every key of the mapping is known and stands there once.
static int check_names(struct config_source *s, const struct frame *f)
{
	yaml_node_pair_t *start = f->node->data.mapping.pairs.start;
	bool seen[32] = {false};

	for (yaml_node_pair_t *p = start; p < f->node->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(s->document, p->key);
		if (!key || key->type != YAML_SCALAR_NODE)
			return config_refuse(s, key ? key : f->node,
				"a key must be a plain name, write one of the documented keys");
		const char *name = scalar_text(key);
		const struct config_key *known = config_key_find(f->scope, name);
		if (!known || strlen(name) != key->data.scalar.length)
			return config_refuse(s, key,
				"unknown key \"%s%.40s\", write \"%s\" or remove it", f->path, name,
				closest(f->scope, name));
		size_t index = (size_t)(known - f->scope->keys);
		if (index < 32 && seen[index])
			return config_refuse(
				s, key, "%s%s is given twice, write it once", f->path, name);
		if (index < 32)
			seen[index] = true;
	}
	return POI_OK;
}

// --- single values: each either stores or says what to write ---

// The text being stored, and where; `node` is NULL for a default.
struct value {
	const struct config_key *key;
	const char *path; // of the frame
	const yaml_node_t *node;
	const char *text;
	uint8_t *to;
};

static void store_number(uint8_t *to, size_t size, int64_t v)
{
	// Little-endian machines only, as everywhere in this project: the low octets come first.
	memcpy(to, &v, size);
}

static int parse_number(const char *text, int64_t *out, const char **end)
{
	int64_t v = 0;
	int digits = 0;

	for (; *text >= '0' && *text <= '9'; text++) {
		if (++digits > 18)
			return POI_ERR_INVALID;
		v = v * 10 + (*text - '0');
	}
	*out = v;
	*end = text;
	return digits ? POI_OK : POI_ERR_INVALID;
}

static int load_number(struct config_source *s, const struct value *v)
{
	const struct config_key *k = v->key;
	const char *end;
	int64_t n;

	if (parse_number(v->text, &n, &end) || *end || n < k->low || n > k->high)
		return config_refuse(s, v->node,
			"%s%s is \"%.40s\", write a whole number from %lld to %lld", v->path,
			k->name, v->text, (long long)k->low, (long long)k->high);
	store_number(v->to, k->size, n);
	return POI_OK;
}

static const char *size_text(int64_t n, char out[32])
{
	static const struct {
		int shift;
		const char *unit;
	} units[] = {{30, "GiB"}, {20, "MiB"}, {10, "KiB"}};

	for (size_t i = 0; i < 3; i++) {
		if (n && n % (INT64_C(1) << units[i].shift) == 0) {
			snprintf(
				out, 32, "%lld%s", (long long)(n >> units[i].shift), units[i].unit);
			return out;
		}
	}
	snprintf(out, 32, "%lld", (long long)n);
	return out;
}

static int load_size(struct config_source *s, const struct value *v)
{
	const struct config_key *k = v->key;
	char low[32], high[32];
	const char *end;
	int64_t n;
	int shift = -1;

	if (!parse_number(v->text, &n, &end))
		shift = !*end		      ? 0
			: !strcmp(end, "KiB") ? 10
			: !strcmp(end, "MiB") ? 20
			: !strcmp(end, "GiB") ? 30
					      : -1;
	if (shift < 0 || n > INT64_MAX >> shift || n << shift < k->low || n << shift > k->high)
		return config_refuse(s, v->node,
			"%s%s is \"%.40s\", write a size from %s to %s with KiB, MiB or GiB, such "
			"as 64MiB",
			v->path, k->name, v->text, size_text(k->low, low),
			size_text(k->high, high));
	store_number(v->to, k->size, n << shift);
	return POI_OK;
}

static int load_bool(struct config_source *s, const struct value *v)
{
	bool yes = !strcmp(v->text, "true");

	if (!yes && strcmp(v->text, "false"))
		return config_refuse(s, v->node, "%s%s is \"%.40s\", write true or false", v->path,
			v->key->name, v->text);
	store_number(v->to, v->key->size, yes);
	return POI_OK;
}

static int refuse_word(struct config_source *s, const struct value *v)
{
	char words[128] = "";
	size_t n = 0;

	for (const struct config_word *w = v->key->words; w->name; w++) {
		const char *separator = w == v->key->words ? "" : w[1].name ? ", " : " or ";
		int more = snprintf(words + n, sizeof(words) - n, "%s%s", separator, w->name);
		if (more < 0 || (size_t)more >= sizeof(words) - n)
			break;
		n += (size_t)more;
	}
	return config_refuse(
		s, v->node, "%s%s is \"%.40s\", write %s", v->path, v->key->name, v->text, words);
}

static int load_word(struct config_source *s, const struct value *v)
{
	for (const struct config_word *w = v->key->words; w->name; w++) {
		if (!strcmp(w->name, v->text)) {
			store_number(v->to, v->key->size, w->value);
			return POI_OK;
		}
	}
	return refuse_word(s, v);
}

// A credential of the service manager. Without one (poi check and the like) it stays as written.
static int store_credential(struct config_source *s, const struct value *v, const char *name)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char *text = NULL;

	if (!*name || strchr(name, '/') || name[0] == '.')
		return config_refuse(s, v->node,
			"%s%s is no credential, write credential:NAME, as in "
			"LoadCredential=NAME:...",
			v->path, v->key->name);
	if (asprintf(&text, "%s%s%s", folder ? folder : CREDENTIAL_PREFIX, folder ? "/" : "",
		    name) < 0)
		return config_refuse(s, v->node, "out of memory, free some and try again");
	free(*(char **)v->to);
	*(char **)v->to = text;
	return POI_OK;
}

static int store_text(struct config_source *s, const struct value *v, const char *folder)
{
	char *text = NULL;

	if (folder && !strncmp(v->text, CREDENTIAL_PREFIX, strlen(CREDENTIAL_PREFIX)))
		return store_credential(s, v, v->text + strlen(CREDENTIAL_PREFIX));
	if (folder && v->text[0] != '/') {
		if (asprintf(&text, "%s/%s", folder, v->text) < 0)
			text = NULL;
	} else {
		text = strdup(v->text);
	}
	if (!text)
		return config_refuse(s, v->node, "out of memory, free some and try again");
	free(*(char **)v->to);
	*(char **)v->to = text;
	return POI_OK;
}

static int load_text(struct config_source *s, const struct value *v)
{
	const struct config_key *k = v->key;
	size_t length = strlen(v->text);

	if ((int64_t)length < k->low || (int64_t)length > k->high)
		return config_refuse(s, v->node, "%s%s has %zu octets, write %lld to %lld", v->path,
			k->name, length, (long long)k->low, (long long)k->high);
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)v->text[i]))
			return config_refuse(s, v->node,
				"%s%s holds a control character, write it without", v->path,
				k->name);
	if (k->words) {
		const struct config_word *w = k->words;
		while (w->name && strcmp(w->name, v->text))
			w++;
		if (!w->name)
			return refuse_word(s, v);
	}
	return store_text(s, v, k->type == CONFIG_PATH ? s->folder : NULL);
}

static int load_endpoint(struct config_source *s, const struct value *v)
{
	struct config_endpoint *out = (struct config_endpoint *)v->to;
	const char *text = v->text, *colon = strrchr(text, ':'), *end;
	char host[64];
	int64_t port;

	if (!colon)
		goto bad;
	const char *from = text;
	size_t length = (size_t)(colon - text);
	bool bracketed = text[0] == '[';
	if (bracketed) {
		if (length < 2 || colon[-1] != ']')
			goto bad;
		from++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(host))
		goto bad;
	memcpy(host, from, length);
	host[length] = '\0';
	if (parse_number(colon + 1, &port, &end) || *end || port < 1 || port > 65535)
		goto bad;
	if (ip_address_parse(host, &out->address) || (out->address.family == 6) != bracketed)
		goto bad;
	out->port = (uint16_t)port;
	return POI_OK;
bad:
	return config_refuse(s, v->node,
		"%s%s is \"%.60s\", write address:port, such as \"192.0.2.10:443\" or "
		"\"[2001:db8::10]:443\"",
		v->path, v->key->name, text);
}

static int load_prefix(struct config_source *s, const struct value *v)
{
	switch (ip_prefix_parse(v->text, (struct ip_prefix *)v->to)) {
	case POI_OK:
		return POI_OK;
	case POI_ERR_INVALID:
		return config_refuse(s, v->node,
			"%s%s holds \"%.60s\" with host bits, write the network's first address",
			v->path, v->key->name, v->text);
	default:
		return config_refuse(s, v->node,
			"%s%s holds \"%.60s\", write address/length, such as 198.51.100.0/24",
			v->path, v->key->name, v->text);
	}
}

static int load_text_of(struct config_source *s, const struct value *v)
{
	switch (v->key->type) {
	case CONFIG_NUMBER:
	case CONFIG_NUMBERS:
		return load_number(s, v);
	case CONFIG_SIZE:
		return load_size(s, v);
	case CONFIG_BOOL:
		return load_bool(s, v);
	case CONFIG_WORD:
	case CONFIG_WORDS:
		return load_word(s, v);
	case CONFIG_TEXT:
	case CONFIG_PATH:
		return load_text(s, v);
	case CONFIG_ENDPOINT:
		return load_endpoint(s, v);
	case CONFIG_PREFIXES:
		return load_prefix(s, v);
	case CONFIG_MAP:
	case CONFIG_LIST:
		break;
	}
	return POI_ERR_INVALID;
}

static int load_scalar(struct config_source *s, struct value *v)
{
	const yaml_node_t *node = v->node;

	if (node->type != YAML_SCALAR_NODE)
		return config_refuse(s, node, "%s%s is a list or has keys, write one value",
			v->path, v->key->name);
	v->text = scalar_text(node);
	bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (plain && (!v->text[0] || !strcmp(v->text, "~") || !strcmp(v->text, "null")))
		return config_refuse(s, node, "%s%s has no value, write one or remove the key",
			v->path, v->key->name);
	if (strlen(v->text) != node->data.scalar.length)
		return config_refuse(s, node, "%s%s holds a control character, write it without",
			v->path, v->key->name);
	return load_text_of(s, v);
}

// --- lists and nested mappings ---

static int load_map(struct config_source *s, const struct frame *parent, const struct config_key *k,
	const yaml_node_t *node)
{
	struct frame f = {.scope = k->scope,
		.node = node,
		.at = node ? node : parent->at,
		.base = parent->base + k->offset,
		.keep = parent->keep || k->inherit};

	snprintf(f.path, sizeof(f.path), "%.100s%s.", parent->path, k->name);
	if (k->inherit) {
		const struct config_key *global = config_key_find(config_table(), k->name);
		memcpy(f.base, (uint8_t *)s->config + global->offset, k->size);
	}
	return load_scope(s, &f);
}

static int load_item(struct config_source *s, const struct frame *parent,
	const struct config_key *k, const yaml_node_t *node, size_t i)
{
	uint8_t *to = parent->base + k->offset + i * k->size;

	if (k->type != CONFIG_LIST) {
		struct value v = {.key = k, .path = parent->path, .node = node, .to = to};
		return load_scalar(s, &v);
	}
	struct frame f = {.scope = k->scope, .node = node, .at = node, .base = to};
	snprintf(f.path, sizeof(f.path), "%.100s%s[%zu].", parent->path, k->name, i);
	return load_scope(s, &f);
}

static int load_list(struct config_source *s, const struct frame *parent,
	const struct config_key *k, const yaml_node_t *node)
{
	uint32_t *count = (uint32_t *)(parent->base + k->count_offset);
	const yaml_node_t *item;

	if (node->type != YAML_SEQUENCE_NODE)
		return config_refuse(s, node, "%s%s is not a list, write %s", parent->path, k->name,
			k->type == CONFIG_LIST ? "its elements with \"- \" before each"
					       : "its values in [ ]");
	for (size_t i = 0; (item = config_item(s, node, i)); i++) {
		if (i >= k->most)
			return config_refuse(s, item,
				"%s%s has too many elements, write at most %u", parent->path,
				k->name, k->most);
		*count = (uint32_t)i + 1; // counted first: what is half loaded is freed too
		int rc = load_item(s, parent, k, item, i);
		if (rc)
			return rc;
	}
	if (k->required && *count == 0)
		return config_refuse(s, node, "%s%s is empty, write at least one element",
			parent->path, k->name);
	return POI_OK;
}

static int load_default(struct config_source *s, const struct frame *f, const struct config_key *k)
{
	if (k->required)
		return config_refuse(
			s, f->at, "%s%s is missing, write it: %s", f->path, k->name, k->doc);
	if (f->keep)
		return POI_OK;
	if (k->optional_number)
		store_number(f->base + k->offset, k->size, -1);
	if (!k->fallback)
		return POI_OK;
	struct value v = {.key = k,
		.path = f->path,
		.node = f->at,
		.text = k->fallback,
		.to = f->base + k->offset};
	return load_text_of(s, &v);
}

static int load_scope(struct config_source *s, const struct frame *f)
{
	int rc = POI_OK;

	if (f->node && f->node->type != YAML_MAPPING_NODE)
		return config_refuse(s, f->node, "%.*s has no keys, write \"%s: ...\" below it",
			f->path[0] ? (int)strlen(f->path) - 1 : 8,
			f->path[0] ? f->path : "the file", f->scope->keys[0].name);
	if (f->node)
		rc = check_names(s, f);
	for (size_t i = 0; i < f->scope->n && !rc; i++) {
		const struct config_key *k = &f->scope->keys[i];
		const yaml_node_t *node = config_child(s, f->node, k->name);
		if (k->type == CONFIG_MAP) {
			rc = load_map(s, f, k, node);
		} else if (!node) {
			rc = load_default(s, f, k);
		} else if (k->count_offset) {
			rc = load_list(s, f, k, node);
		} else {
			struct value v = {
				.key = k, .path = f->path, .node = node, .to = f->base + k->offset};
			rc = load_scalar(s, &v);
		}
	}
	return rc;
}

// --- the file ---

static void free_scope(const struct config_scope *scope, uint8_t *base)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct config_key *k = &scope->keys[i];
		uint8_t *at = base + k->offset;
		if (k->type == CONFIG_TEXT || k->type == CONFIG_PATH) {
			free(*(char **)at);
		} else if (k->type == CONFIG_MAP) {
			free_scope(k->scope, at);
		} else if (k->type == CONFIG_LIST) {
			uint32_t n = *(uint32_t *)(base + k->count_offset);
			for (uint32_t e = 0; e < n; e++)
				free_scope(k->scope, at + e * k->size);
		}
	}
}

void config_free(struct config *c)
{
	if (!c)
		return;
	free_scope(config_table(), (uint8_t *)c);
	free(c->file);
	free(c);
}

// The folder of the file, and the file's own absolute name.
static int locate(struct config_source *s)
{
	char here[PATH_MAX] = "";
	char *absolute = NULL;

	if (s->file[0] != '/' && !getcwd(here, sizeof(here)))
		return refuse_mark(
			s, 0, 0, "the current folder cannot be read, write an absolute path");
	if (asprintf(&absolute, "%s%s%s", here, s->file[0] == '/' ? "" : "/", s->file) < 0)
		return POI_ERR_NOMEM;
	s->config->file = absolute;
	s->folder = strdup(absolute);
	if (!s->folder)
		return POI_ERR_NOMEM;
	*strrchr(s->folder, '/') = '\0';
	return POI_OK;
}

// $RUNTIME_DIRECTORY of the service manager comes before the file. It may list several: the first.
static int apply_environment(struct config_source *s)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");

	if (!folder || folder[0] != '/')
		return POI_OK;
	char *copy = strndup(folder, strcspn(folder, ":"));
	if (!copy)
		return POI_ERR_NOMEM;
	free(s->config->runtime_dir);
	s->config->runtime_dir = copy;
	return POI_OK;
}

// libyaml gives a mark for what its parser met, and only an offset for octets that are not UTF-8.
static int refuse_yaml(struct config_source *s, const yaml_parser_t *p, const char *text)
{
	size_t line = p->problem_mark.line, column = p->problem_mark.column;

	if (p->error == YAML_MEMORY_ERROR)
		return refuse_mark(s, 0, 0, "out of memory, free some and try again");
	if (p->error == YAML_READER_ERROR) {
		line = column = 0;
		for (size_t i = 0; i < p->problem_offset; i++) {
			column = text[i] == '\n' ? 0 : column + 1;
			line += text[i] == '\n';
		}
		return refuse_mark(s, line, column, "%s, write the file in UTF-8",
			p->problem ? p->problem : "unreadable octets");
	}
	return refuse_mark(s, line, column,
		"not YAML: %s, write \"key: value\" indented by spaces, with quotes and brackets "
		"closed",
		p->problem ? p->problem : "syntax error");
}

// The stream holds one document only: what follows it would be ignored silently.
static int check_end(struct config_source *s, yaml_parser_t *parser, const char *text)
{
	yaml_document_t next;

	if (!yaml_parser_load(parser, &next))
		return refuse_yaml(s, parser, text);
	const yaml_node_t *root = yaml_document_get_root_node(&next);
	int rc = POI_OK;
	if (root)
		rc = config_refuse(s, root, "a second document, write everything in one");
	yaml_document_delete(&next);
	return rc;
}

static int load_document(struct config_source *s)
{
	const yaml_node_t *root = yaml_document_get_root_node(s->document);
	struct frame f = {
		.scope = config_table(), .node = root, .at = root, .base = (uint8_t *)s->config};

	if (!root)
		return refuse_mark(s, 0, 0,
			"the file is empty, write network-elements, delivery and "
			"dataplane");
	int rc = locate(s);
	if (!rc)
		rc = load_scope(s, &f);
	if (!rc)
		rc = apply_environment(s);
	if (!rc)
		rc = config_check(s, root);
	return rc;
}

struct config *config_load_text(
	const char *file, const char *text, size_t length, char *why, size_t why_size)
{
	yaml_document_t document;
	yaml_parser_t parser;
	struct config_source s = {
		.file = file, .document = &document, .why = why, .why_size = why_size};
	int rc;

	if (why_size)
		snprintf(why, why_size, "%s: out of memory, free some and try again", file);
	s.config = calloc(1, sizeof(*s.config));
	if (!s.config || !yaml_parser_initialize(&parser)) {
		free(s.config);
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	if (!yaml_parser_load(&parser, &document)) {
		rc = refuse_yaml(&s, &parser, text);
	} else {
		rc = load_document(&s);
		yaml_document_delete(&document);
		if (!rc)
			rc = check_end(&s, &parser, text);
	}
	yaml_parser_delete(&parser);
	free(s.folder);
	if (rc) {
		config_free(s.config);
		return NULL;
	}
	if (why_size)
		why[0] = '\0';
	return s.config;
}

struct config *config_load(const char *file, char *why, size_t why_size)
{
	struct config *c = NULL;
	char *text = malloc(FILE_MAX + 1);
	FILE *in = fopen(file, "re");
	size_t length = 0;

	if (in && text)
		length = fread(text, 1, FILE_MAX + 1, in);
	if (!text)
		snprintf(why, why_size, "%s: out of memory, free some and try again", file);
	else if (!in || ferror(in))
		snprintf(why, why_size, "%s: cannot be read (%s), write the right path after -c",
			file, strerror(errno));
	else if (length > FILE_MAX)
		snprintf(why, why_size, "%s: larger than 1 MiB, write a smaller file", file);
	else
		c = config_load_text(file, text, length, why, why_size);
	if (in)
		fclose(in);
	free(text);
	return c;
}
