#include "record_lab.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/record_internal.h"

static struct record_node *add(struct record_lab *lab, const char *name, size_t length)
{
	if (lab->count == LAB_NODES)
		abort();
	struct record_node *node = &lab->nodes[lab->count++];
	memset(node, 0, sizeof(*node));
	node->name = name;
	node->name_length = (uint16_t)length;
	node->covers = 1;
	return node;
}

static const char *skip(const char *p)
{
	return p + strspn(p, " \t\n,:");
}

static const char *read_value(
	struct record_lab *lab, const char *p, const char *name, size_t name_length)
{
	size_t at = lab->count;
	struct record_node *node = add(lab, name, name_length);

	p = skip(p);
	if (*p == '{' || *p == '[') {
		node->kind = *p == '{' ? NODE_OBJECT : NODE_LIST;
		for (p = skip(p + 1); *p != '}' && *p != ']'; p = skip(p)) {
			const char *key = NULL;
			size_t length = 0;
			if (node->kind == NODE_OBJECT) {
				key = p + 1;
				length = strcspn(key, "\"");
				p = key + length + 1;
			}
			p = read_value(lab, p, key, length);
		}
		node->covers = (uint32_t)(lab->count - at);
		return p + 1;
	}
	if (*p == '"') {
		node->kind = NODE_TEXT;
		node->text = p + 1;
		node->length = (uint32_t)strcspn(p + 1, "\"");
		return p + node->length + 2;
	}
	node->kind = isdigit((unsigned char)*p) ? NODE_NUMBER : NODE_BOOLEAN;
	node->number = node->kind == NODE_NUMBER ? strtoull(p, NULL, 10) : *p == 't';
	return p + strspn(p, "truefalse0123456789");
}

void record_lab_read(struct record_lab *lab, const char *text)
{
	lab->count = 0;
	read_value(lab, text, NULL, 0);
}

static uint32_t any(struct record_lab *lab, uint32_t below)
{
	lab->random = lab->random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(lab->random >> 8) * below >> 24);
}

static char *text_of(struct record_lab *lab, struct record_node *node, size_t length)
{
	char *p = lab->texts + lab->used;

	lab->used += length + 1;
	if (lab->used > sizeof(lab->texts))
		abort();
	node->kind = NODE_TEXT;
	node->text = p;
	node->length = (uint32_t)length;
	return p;
}

static void say(struct record_lab *lab, struct record_node *node, const char *text)
{
	memcpy(text_of(lab, node, strlen(text)), text, strlen(text) + 1);
}

static void random_of(struct record_lab *lab, struct record_node *node, size_t n, const char *of)
{
	char *p = text_of(lab, node, n);

	for (size_t i = 0; i < n; i++)
		p[i] = of[any(lab, (uint32_t)strlen(of))];
	p[n] = 0;
}

static size_t length_in(struct record_lab *lab, const struct record_type *type)
{
	uint64_t room = type->high - type->low;

	return (size_t)type->low + any(lab, room > 5 ? 6 : (uint32_t)room + 1);
}

static bool has(unsigned flags, enum config_xiri_release release)
{
	return !(flags & (release == CONFIG_XIRI_R18 ? ONLY_R19 : ONLY_R18));
}

static void make(struct record_lab *lab, const struct record_type *type, const char *name,
	enum config_xiri_release release, bool every);

static void make_bits(struct record_lab *lab, struct record_node *node, size_t bits)
{
	random_of(lab, node, (bits + 7) / 8 * 2, "0123456789abcdef");
	if (bits % 8)
		memcpy((char *)node->text + node->length - 2, bits % 8 >= 4 ? "a0" : "80", 2);
	char *end = (char *)node->text + node->length;
	int n = sprintf(end, "/%zu", bits);
	node->length += (uint32_t)n;
	lab->used += (size_t)n;
}

static void make_simple(struct record_lab *lab, const struct record_type *type,
	struct record_node *node, enum config_xiri_release release)
{
	static const char *const times[] = {"2026-03-01T09:30:00Z", "2024-02-29T23:59:59.250Z",
		"2026-12-31T00:00:00.000000001Z"};
	uint64_t span = type->high - type->low;

	switch (type->shape) {
	case SHAPE_ENUMERATED: {
		unsigned i = any(lab, type->count);
		while (!has(type->names[i].flags, release))
			i = (i + 1) % type->count;
		say(lab, node, type->names[i].name);
		break;
	}
	case SHAPE_INTEGER:
		node->kind = NODE_NUMBER;
		node->number =
			any(lab, 4) == 0
				? type->high
				: type->low + any(lab, span > 100000 ? 100000 : (uint32_t)span + 1);
		break;
	case SHAPE_BOOLEAN:
		node->kind = NODE_BOOLEAN;
		node->number = any(lab, 2);
		break;
	case SHAPE_UTF8:
		random_of(lab, node, length_in(lab, type), "abcxyz.-_:/0123456789");
		break;
	case SHAPE_DIGITS:
		random_of(lab, node, length_in(lab, type), "0123456789");
		break;
	case SHAPE_OCTETS:
		random_of(lab, node, length_in(lab, type) * 2, "0123456789abcdef");
		break;
	case SHAPE_BITS:
		make_bits(lab, node, length_in(lab, type));
		break;
	case SHAPE_IPV4:
		say(lab, node, "192.0.2.77");
		break;
	case SHAPE_IPV6:
		say(lab, node, "2001:db8::77");
		break;
	default:
		say(lab, node, times[any(lab, 3)]);
	}
}

// Members that a SEQUENCE of this release gets: the mandatory ones, some others, and of those that
// depend on each other what goes together.
static void choose(struct record_lab *lab, const struct record_type *type,
	enum config_xiri_release release, bool every, bool wanted[RECORD_MEMBERS])
{
	uint32_t need = 0, only = 0;
	bool apart = any(lab, 2), asks = false;

	for (unsigned i = 0; i < type->count; i++) {
		need += (type->members[i].flags & ONE_OF) != 0;
		only += (type->members[i].flags & ONLY_ONE) != 0;
	}
	need = need ? any(lab, need) + 1 : 0;
	only = only ? any(lab, only) + 1 : 0;
	for (unsigned i = 0; i < type->count; i++) {
		unsigned flags = type->members[i].flags;

		wanted[i] = every || (flags & (BY_TABLE | BY_MODULE)) || any(lab, 3) == 0;
		if (flags & ONLY_ONE)
			wanted[i] = --only == 0;
		else if (flags & ONE_OF)
			wanted[i] = --need == 0 || wanted[i];
		if (flags & APART)
			wanted[i] = wanted[i] && apart;
		wanted[i] = wanted[i] && has(flags, release);
		asks = asks || (wanted[i] && (flags & ASKS));
	}
	for (unsigned i = 0; i < type->count; i++)
		wanted[i] = wanted[i] || (asks && (type->members[i].flags & ASKED));
}

// Empties what the chosen members exclude, and gives a truncated TPDU a type that has one.
static void suit(struct record_lab *lab, const struct record_type *type, size_t at)
{
	bool apart = false, cut = false;

	for (size_t i = at + 1; i < lab->count; i += lab->nodes[i].covers)
		for (unsigned m = 0; m < type->count; m++)
			if (strcmp(type->members[m].name, lab->nodes[i].name) == 0)
				apart = apart || (type->members[m].flags & APART);
	for (size_t i = at + 1; i < lab->count; i += lab->nodes[i].covers) {
		struct record_node *node = &lab->nodes[i];

		for (unsigned m = 0; apart && m < type->count; m++)
			if ((type->members[m].flags & APART_LIST) &&
				strcmp(type->members[m].name, node->name) == 0) {
				size_t gone = node->covers - 1;
				memmove(node + 1, node + 1 + gone,
					(lab->count - i - 1 - gone) * sizeof(*node));
				lab->count -= gone;
				node->covers = 1;
			}
		if (type->rule == RULE_TRUNCATION && strcmp(node->name, "sMSTPDUData") == 0)
			cut = strcmp(node[1].name, "truncatedSMSTPDU") == 0;
		if (cut && strcmp(node->name, "messageType") == 0)
			say(lab, node, any(lab, 2) ? "submit" : "deliver");
	}
}

static void make_object(struct record_lab *lab, const struct record_type *type,
	enum config_xiri_release release, bool every)
{
	size_t at = lab->count - 1;
	bool wanted[RECORD_MEMBERS];

	if (type->shape == SHAPE_CHOICE) {
		unsigned only = any(lab, type->count);

		while (!has(type->members[only].flags, release))
			only = (only + 1) % type->count;
		make(lab, record_type(type->members[only].type), type->members[only].name, release,
			every);
		return;
	}
	choose(lab, type, release, every, wanted);
	for (unsigned i = 0; i < type->count; i++)
		if (wanted[i])
			make(lab, record_type(type->members[i].type), type->members[i].name,
				release, every);
	suit(lab, type, at);
}

static void make(struct record_lab *lab, const struct record_type *type, const char *name,
	enum config_xiri_release release, bool every)
{
	size_t at = lab->count;
	struct record_node *node = add(lab, name, name ? strlen(name) : 0);

	if (type->shape == SHAPE_SEQUENCE || type->shape == SHAPE_CHOICE) {
		node->kind = NODE_OBJECT;
		make_object(lab, type, release, every);
	} else if (type->shape == SHAPE_SEQUENCE_OF || type->shape == SHAPE_SET_OF) {
		node->kind = NODE_LIST;
		size_t items = type->low + any(lab, type->high > type->low ? 2 : 1);
		for (size_t i = 0; i < (items || !every ? items : 1); i++)
			make(lab, record_type(type->item), NULL, release, every);
	} else {
		make_simple(lab, type, node, release);
	}
	node->covers = (uint32_t)(lab->count - at);
}

void record_lab_make(struct record_lab *lab, unsigned kind, enum config_xiri_release release,
	bool every, uint32_t seed)
{
	lab->count = lab->used = 0;
	lab->random = seed * 2654435761u + kind;
	make(lab, record_type_of(kind), NULL, release, every);
}

void record_lab_print_names(void)
{
	for (unsigned id = RECORD_NAMES_FIRST; id < RECORD_NAMES_END; id++) {
		const struct record_type *type = record_type(id);

		for (unsigned i = 0; i < type->count; i++)
			printf("%s=%u%c", type->names[i].name, type->names[i].value,
				i + 1 < type->count ? ' ' : '\n');
	}
}

void record_lab_keep(enum config_xiri_release release, unsigned kind, const struct ber_writer *w)
{
	const char *path = getenv("POI_RECORDS");
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	char *line = malloc(ber_written(w) * 2 + 200);
	if (!line)
		abort();
	int n = sprintf(
		line, "%s %s ", release == CONFIG_XIRI_R18 ? "r18" : "r19", record_name(kind));
	for (size_t i = 0; i < ber_written(w); i++)
		n += sprintf(line + n, "%02x", w->at[i]);
	line[n++] = '\n';
	fwrite(line, 1, (size_t)n, f); // one write: tests run beside each other
	fclose(f);
	free(line);
}
