// Looks into the YAML tree of a configuration file and points messages at a line and column of it.
#include "shared/config_internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

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

int config_refuse_mark(struct config_source *s, size_t line, size_t column, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	refuse_at(s, line, column, format, arguments);
	va_end(arguments);
	return POI_ERR_INVALID;
}

const yaml_node_t *config_child(
	const struct config_source *s, const yaml_node_t *node, const char *name)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
		p++) {
		const yaml_node_t *key = yaml_document_get_node(s->document, p->key);
		if (key && key->type == YAML_SCALAR_NODE &&
			!strcmp((const char *)key->data.scalar.value, name))
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

const yaml_node_t *config_place(
	const struct config_source *s, const yaml_node_t *list, size_t i, const char *name)
{
	const yaml_node_t *item = config_item(s, list, i);
	const yaml_node_t *value = config_child(s, item, name);

	return value ? value : item ? item : list;
}
