// Reads and rebuilds trees of records.

#include "dataplane/functions/record_tree.h"

#include <string.h>

bool node_named(const struct record_node *node, const char *name)
{
	size_t length = strlen(name);

	return node->name_length == length && memcmp(node->name, name, length) == 0;
}

const struct record_node *node_next_child(
	const struct record_node *parent, const struct record_node *before)
{
	const struct record_node *next = before ? before + before->covers : parent + 1;

	return next < parent + parent->covers ? next : NULL;
}

const struct record_node *node_child(const struct record_node *object, const char *name)
{
	const struct record_node *child = NULL;

	if (!object || object->kind != NODE_OBJECT)
		return NULL;
	while ((child = node_next_child(object, child)) != NULL)
		if (node_named(child, name))
			return child;
	return NULL;
}

static struct record_node *take(struct tree_writer *w, uint32_t n)
{
	if (w->full || n > w->most - w->count) {
		w->full = true;
		return NULL;
	}
	struct record_node *node = w->nodes + w->count;
	w->count += n;
	return node;
}

void tree_begin(struct tree_writer *w, struct record_node *nodes, uint32_t most)
{
	*w = (struct tree_writer){.nodes = nodes, .most = most};
	struct record_node *root = take(w, 1);
	if (root)
		*root = (struct record_node){.kind = NODE_OBJECT, .covers = 1};
}

static void rename_node(struct record_node *node, const char *name)
{
	if (!name)
		return;
	node->name = name;
	node->name_length = (uint16_t)strlen(name);
}

void tree_copy(struct tree_writer *w, const struct record_node *member, const char *name)
{
	struct record_node *to = take(w, member->covers);

	if (!to)
		return;
	memcpy(to, member, member->covers * sizeof(*to));
	rename_node(to, name);
}

static bool same_alternative(const struct record_node *a, const struct record_node *b)
{
	return a->covers > 1 && b->covers > 1 && a[1].name_length == b[1].name_length &&
	       a[1].name_length > 0 && memcmp(a[1].name, b[1].name, a[1].name_length) == 0;
}

static void copy_item(struct tree_writer *w, const struct record_node *value)
{
	struct record_node *to = take(w, value->covers);

	if (!to)
		return;
	memcpy(to, value, value->covers * sizeof(*to));
	to->name = NULL;
	to->name_length = 0;
}

void tree_copy_as_item(struct tree_writer *w, const struct record_node *list,
	const struct record_node *value, const char *name)
{
	const uint32_t at = w->count;
	const struct record_node *item = NULL;

	tree_empty_list(w, name);
	while (list && (item = node_next_child(list, item)) != NULL)
		if (!same_alternative(item, value))
			copy_item(w, item);
	copy_item(w, value);
	if (!w->full)
		w->nodes[at].covers = w->count - at;
}

void tree_copy_without(struct tree_writer *w, const struct record_node *object, const char *member)
{
	const struct record_node *left_out = node_child(object, member), *child = NULL;
	uint32_t covers = object->covers - (left_out ? left_out->covers : 0);
	struct record_node *to = covers > 1 ? take(w, covers) : NULL;

	if (!to)
		return;
	*to = *object;
	to->covers = covers;
	for (to++; (child = node_next_child(object, child)) != NULL;)
		if (child != left_out) {
			memcpy(to, child, child->covers * sizeof(*to));
			to += child->covers;
		}
}

void tree_text(struct tree_writer *w, const char *name, const char *text, size_t length)
{
	struct record_node *to = take(w, 1);

	if (!to)
		return;
	*to = (struct record_node){
		.kind = NODE_TEXT, .covers = 1, .text = text, .length = (uint32_t)length};
	rename_node(to, name);
}

void tree_empty_list(struct tree_writer *w, const char *name)
{
	struct record_node *to = take(w, 1);

	if (!to)
		return;
	*to = (struct record_node){.kind = NODE_LIST, .covers = 1};
	rename_node(to, name);
}

uint32_t tree_end(struct tree_writer *w)
{
	if (w->full)
		return 0;
	w->nodes[0].covers = w->count;
	return w->count;
}
