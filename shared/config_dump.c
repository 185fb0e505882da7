// The table and its values as text.

#include "shared/config_internal.h"

#include <string.h>

static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

// The value of an integer member of 1, 2, 4 or 8 octets. Members that may be -1 are signed.
static int64_t number_at(const uint8_t *at, size_t size, bool is_signed)
{
	int64_t v = 0;

	memcpy(&v, at, size);
	if (is_signed && size < sizeof(v) && v >> (size * 8 - 1))
		v -= INT64_C(1) << (size * 8);
	return v;
}

static void put_endpoint(FILE *out, const struct config_endpoint *e)
{
	char text[64];

	ip_address_format(&e->address, text, sizeof(text));
	fprintf(out, e->address.family == 6 ? "\"[%s]:%u\"" : "\"%s:%u\"", text, e->port);
}

static void put_word(FILE *out, const struct config_key *k, int64_t v)
{
	for (const struct config_word *w = k->words; w->name; w++)
		if (w->value == v)
			fputs(w->name, out);
}

static void put_list(FILE *out, const struct config_key *k, const uint8_t *at, uint32_t n)
{
	fputc('[', out);
	for (uint32_t i = 0; i < n; i++, at += k->size) {
		fputs(i ? ", " : "", out);
		if (k->type == CONFIG_PREFIXES) {
			const struct ip_prefix *p = (const struct ip_prefix *)at;
			struct ip_address a = {.family = p->family};
			char text[64];
			memcpy(a.b, p->b, sizeof(a.b));
			ip_address_format(&a, text, sizeof(text));
			fprintf(out, "\"%s/%u\"", text, p->length);
		} else if (k->type == CONFIG_WORDS) {
			put_word(out, k, number_at(at, k->size, false));
		} else {
			fprintf(out, "%lld", (long long)number_at(at, k->size, true));
		}
	}
	fputc(']', out);
}

static void put_aliases(FILE *out, const struct config_alias *a, uint32_t n)
{
	char advertised[64], seen[64];

	fputc('{', out);
	for (uint32_t i = 0; i < n; i++) {
		ip_address_format(&a[i].advertised, advertised, sizeof(advertised));
		ip_address_format(&a[i].seen, seen, sizeof(seen));
		fprintf(out, "%s\"%s\": \"%s\"", i ? ", " : "", advertised, seen);
	}
	fputc('}', out);
}

static void put_value(FILE *out, const struct config_key *k, const uint8_t *base)
{
	const uint8_t *at = base + k->offset;
	int64_t v;

	switch (k->type) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
		put_quoted(out, *(char *const *)at);
		return;
	case CONFIG_ENDPOINT:
		put_endpoint(out, (const struct config_endpoint *)at);
		return;
	case CONFIG_PREFIXES:
	case CONFIG_NUMBERS:
	case CONFIG_WORDS:
		put_list(out, k, at, *(const uint32_t *)(base + k->count_offset));
		return;
	case CONFIG_ALIASES:
		put_aliases(out, (const struct config_alias *)at,
			*(const uint32_t *)(base + k->count_offset));
		return;
	case CONFIG_MAP:
	case CONFIG_LIST:
		return;
	case CONFIG_NUMBER:
	case CONFIG_SIZE:
	case CONFIG_BOOL:
	case CONFIG_WORD:
		break;
	}
	v = number_at(at, k->size, k->optional_number);
	if (k->type == CONFIG_BOOL)
		fputs(v ? "true" : "false", out);
	else if (k->type == CONFIG_WORD)
		put_word(out, k, v);
	else
		fprintf(out, "%lld", (long long)v);
}

static bool is_absent(const struct config_key *k, const uint8_t *base)
{
	if (k->optional_number)
		return number_at(base + k->offset, k->size, true) == -1;
	if (k->type == CONFIG_TEXT || k->type == CONFIG_PATH)
		return !*(char *const *)(base + k->offset);
	if (k->type == CONFIG_ENDPOINT)
		return !((const struct config_endpoint *)(base + k->offset))->address.family;
	if (k->type != CONFIG_MAP)
		return false;
	// A map none of whose keys is given would be read back as one without keys.
	for (size_t i = 0; i < k->scope()->n; i++)
		if (!is_absent(&k->scope()->keys[i], base + k->offset))
			return false;
	return true;
}

static void put_indent(FILE *out, unsigned depth)
{
	fprintf(out, "%*s", (int)(2 * depth), "");
}

static void put_scope(
	FILE *out, const struct config_scope *scope, const uint8_t *base, unsigned depth);

static void put_elements(FILE *out, const struct config_key *k, const uint8_t *base, unsigned depth)
{
	uint32_t n = *(const uint32_t *)(base + k->count_offset);

	fputs(n ? "\n" : " []\n", out);
	for (uint32_t i = 0; i < n; i++) {
		put_indent(out, depth + 1);
		fputs("-\n", out);
		put_scope(out, k->scope(), base + k->offset + i * k->size, depth + 2);
	}
}

static void put_scope(
	FILE *out, const struct config_scope *scope, const uint8_t *base, unsigned depth)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct config_key *k = &scope->keys[i];
		bool absent = is_absent(k, base);
		put_indent(out, depth);
		fprintf(out, "# %s\n", k->doc);
		put_indent(out, depth);
		fprintf(out, "%s%s:", absent ? "# " : "", k->name);
		if (k->type == CONFIG_MAP) {
			fputc('\n', out);
			put_scope(out, k->scope(), base + k->offset, depth + 1);
		} else if (k->type == CONFIG_LIST) {
			put_elements(out, k, base, depth);
		} else {
			fputc(absent ? '\n' : ' ', out);
			if (!absent) {
				put_value(out, k, base);
				fputc('\n', out);
			}
		}
	}
}

int config_dump(const struct config *c, FILE *out)
{
	put_scope(out, config_table(), (const uint8_t *)c, 0);
	return fflush(out) || ferror(out) ? POI_ERR_IO : POI_OK;
}

static const char *type_name(enum config_type t)
{
	switch (t) {
	case CONFIG_NUMBER:
		return "number";
	case CONFIG_BOOL:
		return "true or false";
	case CONFIG_SIZE:
		return "size";
	case CONFIG_TEXT:
		return "text";
	case CONFIG_PATH:
		return "path";
	case CONFIG_WORD:
		return "word";
	case CONFIG_ENDPOINT:
		return "address:port";
	case CONFIG_PREFIXES:
		return "list of networks";
	case CONFIG_NUMBERS:
		return "list of numbers";
	case CONFIG_WORDS:
		return "list of words";
	case CONFIG_ALIASES:
		return "pairs of addresses";
	case CONFIG_MAP:
		return "keys";
	case CONFIG_LIST:
		return "list of keys";
	}
	return "";
}

static void describe_type(FILE *out, const struct config_key *k)
{
	fputs(type_name(k->type), out);
	if (k->type == CONFIG_NUMBER || k->type == CONFIG_SIZE)
		fprintf(out, " %lld..%lld", (long long)k->low, (long long)k->high);
	for (const struct config_word *w = k->words; w && w->name; w++)
		fprintf(out, "%s%s", w == k->words ? ": " : ", ", w->name);
}

static void describe_scope(FILE *out, const struct config_scope *scope, const char *prefix)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct config_key *k = &scope->keys[i];
		fprintf(out, "%s%s\t", prefix, k->name);
		describe_type(out, k);
		fprintf(out, "\t%s\t%s\n",
			k->required		? "required"
			: k->inherit		? "the global keys"
			: k->fallback		? (k->fallback[0] ? k->fallback : "empty")
			: k->type == CONFIG_MAP ? ""
						: "absent",
			k->doc);
		if (k->scope) {
			char path[160];
			snprintf(path, sizeof(path), "%s%s%s.", prefix, k->name,
				k->type == CONFIG_LIST ? "[]" : "");
			describe_scope(out, k->scope(), path);
		}
	}
}

void config_describe(FILE *out)
{
	describe_scope(out, config_table(), "");
}
