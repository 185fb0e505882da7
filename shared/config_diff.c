// Two configurations against each other, key by key of the one table.

#include "shared/config_internal.h"

#include <string.h>

#define PATH_TEXT 160

struct walk {
	config_difference each;
	void *context;
};

static void scope_diff(const struct walk *w, const char *path, const struct config_scope *scope,
	const uint8_t *const base[2]);

static bool texts_differ(const uint8_t *a, const uint8_t *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return x != y && (!x || !y || strcmp(x, y));
}

static bool items_differ(const struct config_key *k, const uint8_t *const at[2], uint32_t n)
{
	if (k->type == CONFIG_TEXT || k->type == CONFIG_PATH)
		return texts_differ(at[0], at[1]);
	return memcmp(at[0], at[1], n * k->size) != 0;
}

static void key_diff(const struct walk *w, const char *path, const struct config_key *k,
	const uint8_t *const base[2])
{
	const uint8_t *at[2] = {base[0] + k->offset, base[1] + k->offset};
	uint32_t n = 1;
	char inner[PATH_TEXT];

	if (k->count_offset) {
		n = *(const uint32_t *)(base[0] + k->count_offset);
		if (n != *(const uint32_t *)(base[1] + k->count_offset)) {
			w->each(w->context, path);
			return;
		}
	}
	if (k->type == CONFIG_MAP) {
		scope_diff(w, path, k->scope(), at);
	} else if (k->type == CONFIG_LIST) {
		for (uint32_t i = 0; i < n; i++) {
			const uint8_t *item[2] = {at[0] + i * k->size, at[1] + i * k->size};
			snprintf(inner, sizeof(inner), "%.140s[%u]", path, i);
			scope_diff(w, inner, k->scope(), item);
		}
	} else if (items_differ(k, at, n)) {
		w->each(w->context, path);
	}
}

static void scope_diff(const struct walk *w, const char *path, const struct config_scope *scope,
	const uint8_t *const base[2])
{
	char inner[PATH_TEXT];

	for (size_t i = 0; i < scope->n; i++) {
		const struct config_key *k = &scope->keys[i];
		snprintf(inner, sizeof(inner), "%.100s%s%.50s", path, path[0] ? "." : "", k->name);
		key_diff(w, inner, k, base);
	}
}

void config_diff(
	const struct config *now, const struct config *fresh, config_difference each, void *context)
{
	const struct walk w = {each, context};
	const uint8_t *base[2] = {(const uint8_t *)now, (const uint8_t *)fresh};

	scope_diff(&w, "", config_table(), base);
}
