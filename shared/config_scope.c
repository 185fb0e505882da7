// Loads the mappings and lists of the configuration file, by the table of keys.
#include "shared/config_internal.h"

#include <string.h>

#define PATH_TEXT 160 // "network-elements[63].x1.keepalive.time-p2" and longer

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

static const char *scalar_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
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

static int load_map(struct config_source *s, const struct frame *parent, const struct config_key *k,
	const yaml_node_t *node)
{
	struct frame f = {.scope = k->scope(),
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
		struct config_value v = {.key = k, .path = parent->path, .node = node, .to = to};
		return config_value_load(s, &v);
	}
	struct frame f = {.scope = k->scope(), .node = node, .at = node, .base = to};
	snprintf(f.path, sizeof(f.path), "%.100s%s[%zu].", parent->path, k->name, i);
	return load_scope(s, &f);
}

static bool load_alias(const yaml_node_t *advertised, const yaml_node_t *seen, struct config_alias *a)
{
	return advertised->type == YAML_SCALAR_NODE && seen->type == YAML_SCALAR_NODE &&
	       !ip_address_parse(scalar_text(advertised), &a->advertised) &&
	       !ip_address_parse(scalar_text(seen), &a->seen) &&
	       a->advertised.family == a->seen.family;
}

static int load_aliases(struct config_source *s, const struct frame *parent,
	const struct config_key *k, const yaml_node_t *node)
{
	uint32_t *count = (uint32_t *)(parent->base + k->count_offset);
	struct config_alias *all = (struct config_alias *)(parent->base + k->offset);

	if (node->type != YAML_MAPPING_NODE)
		return config_refuse(s, node,
			"%s%s has no pairs of addresses, write {advertised: seen}", parent->path,
			k->name);
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *advertised = yaml_document_get_node(s->document, p->key);
		const yaml_node_t *seen = yaml_document_get_node(s->document, p->value);
		if (*count == k->most)
			return config_refuse(s, advertised,
				"%s%s has too many pairs, write at most %u", parent->path, k->name,
				k->most);
		struct config_alias *a = &all[*count];
		if (!load_alias(advertised, seen, a))
			return config_refuse(s, advertised,
				"%s%s holds what is no pair of addresses of one family, write "
				"{advertised: seen}, such as {10.1.0.1: 198.51.100.1}",
				parent->path, k->name);
		for (uint32_t i = 0; i < *count; i++)
			if (!memcmp(&all[i].seen, &a->seen, sizeof(a->seen)))
				return config_refuse(s, seen,
					"%s%s has \"%.60s\" seen for two, write it once: its "
					"tunnels would have two owners",
					parent->path, k->name, scalar_text(seen));
		++*count;
	}
	return POI_OK;
}

static int load_list(struct config_source *s, const struct frame *parent,
	const struct config_key *k, const yaml_node_t *node)
{
	uint32_t *count = (uint32_t *)(parent->base + k->count_offset);
	const yaml_node_t *item;

	if (k->type == CONFIG_ALIASES)
		return load_aliases(s, parent, k, node);
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
		config_value_number(f->base + k->offset, k->size, -1);
	if (!k->fallback)
		return POI_OK;
	struct config_value v = {.key = k,
		.path = f->path,
		.node = f->at,
		.text = k->fallback,
		.to = f->base + k->offset};
	return config_value_store(s, &v);
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
			struct config_value v = {
				.key = k, .path = f->path, .node = node, .to = f->base + k->offset};
			rc = config_value_load(s, &v);
		}
	}
	return rc;
}

int config_scope_load(struct config_source *s, const yaml_node_t *root)
{
	struct frame f = {
		.scope = config_table(), .node = root, .at = root, .base = (uint8_t *)s->config};

	return load_scope(s, &f);
}
