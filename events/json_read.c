// Reads JSON into a tree, in one pass.

#include "events/json_read.h"

#include <stdbool.h>
#include <string.h>

struct reader {
	char *at, *end;
	struct record_node *nodes;
	uint32_t n, most, depth;
	int error;
};

static void fail(struct reader *r, int why)
{
	if (!r->error)
		r->error = why;
	r->at = r->end;
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end &&
		(*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n'))
		r->at++;
}

// True and past it, if that octet is next.
static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static void expect(struct reader *r, char c)
{
	if (!take(r, c))
		fail(r, POI_ERR_INVALID);
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// ---- texts ----

// Four hex digits, or -1.
static int32_t take_unit(struct reader *r)
{
	int32_t value = 0;

	if (r->end - r->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_of(*r->at++);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

// A code point of one \u escape, or of a pair of surrogates. -1: neither. Zero is no text.
static int32_t take_escaped(struct reader *r)
{
	int32_t high = take_unit(r);

	if (high < 0xd800 || high > 0xdfff)
		return high > 0 ? high : -1;
	if (high > 0xdbff || r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
		return -1;
	r->at += 2;
	int32_t low = take_unit(r);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_point(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

// Behind a backslash. An escape is never shorter than what it stands for.
static char *take_escape(struct reader *r, char *to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	char c = 0;

	if (r->at < r->end)
		c = *r->at++;
	const char *known = c ? strchr(from, c) : NULL;

	if (known) {
		*to++ = into[known - from];
		return to;
	}
	int32_t point = c == 'u' ? take_escaped(r) : -1;
	if (point < 0) {
		fail(r, POI_ERR_INVALID);
		return to;
	}
	return put_point(to, (uint32_t)point);
}

// Octets of the UTF-8 sequence that begins here, 0 for none: shortest form, no surrogate, at most
// U+10FFFF.
static unsigned sequence_of(const struct reader *r)
{
	const uint8_t *p = (const uint8_t *)r->at;
	size_t left = (size_t)(r->end - r->at);
	unsigned n = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;

	if (n == 0 || n > left)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

// Behind the opening quote: decodes up to the closing one.
static const char *take_text(struct reader *r, uint32_t *length)
{
	char *start = r->at, *to = r->at;

	while (r->at < r->end && *r->at != '"') {
		if (*r->at == '\\') {
			r->at++;
			to = take_escape(r, to);
			continue;
		}
		unsigned n = (uint8_t)*r->at >= 0x20 ? sequence_of(r) : 0;
		if (n == 0) {
			fail(r, POI_ERR_INVALID);
			break;
		}
		memmove(to, r->at, n);
		to += n;
		r->at += n;
	}
	expect(r, '"');
	*length = (uint32_t)(to - start);
	return start;
}

// ---- values ----

static void take_number(struct reader *r, struct record_node *n)
{
	const char *start = r->at;

	n->kind = NODE_NUMBER;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
		uint64_t digit = (uint64_t)(*r->at++ - '0');
		if (n->number > (UINT64_MAX - digit) / 10) {
			fail(r, POI_ERR_INVALID);
			return;
		}
		n->number = n->number * 10 + digit;
	}
	if (r->at == start || (*start == '0' && r->at - start > 1))
		fail(r, POI_ERR_INVALID);
}

static bool take_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static struct record_node *node_new(struct reader *r)
{
	if (r->n == r->most) {
		fail(r, POI_ERR_TOO_LARGE);
		return NULL;
	}
	struct record_node *n = &r->nodes[r->n++];
	*n = (struct record_node){.covers = 1};
	return n;
}

static void take_simple(struct reader *r, struct record_node *n)
{
	if (take(r, '"')) {
		n->kind = NODE_TEXT;
		n->text = take_text(r, &n->length);
	} else if (take_word(r, "true")) {
		n->kind = NODE_BOOLEAN;
		n->number = 1;
	} else if (take_word(r, "false")) {
		n->kind = NODE_BOOLEAN;
	} else {
		take_number(r, n);
	}
}

// A list or an object that is not closed yet.
struct open_value {
	uint32_t index; // of its node
	char close;
};

// A value, with its name if it is a member: its node; NULL: nothing more.
static struct record_node *begin_value(struct reader *r, bool member)
{
	struct record_node *n = node_new(r);
	uint32_t length = 0;

	if (!n)
		return NULL;
	if (member) {
		expect(r, '"');
		n->name = take_text(r, &length);
		n->name_length = (uint16_t)length;
		if (length > UINT16_MAX)
			fail(r, POI_ERR_TOO_LARGE);
		expect(r, ':');
	}
	return n;
}

static bool opens(struct reader *r, struct record_node *n, char *close)
{
	skip_space(r);
	if (take(r, '{')) {
		n->kind = NODE_OBJECT;
		*close = '}';
		return true;
	}
	if (take(r, '[')) {
		n->kind = NODE_LIST;
		*close = ']';
		return true;
	}
	return false;
}

// Without recursion: what is open is on a stack.
static void take_values(struct reader *r)
{
	struct open_value open[NF_DEPTH] = {0};
	uint32_t depth = 0;
	bool first = true;

	do {
		if (depth > 0 && take(r, open[depth - 1].close)) {
			struct open_value *o = &open[--depth];
			r->nodes[o->index].covers = r->n - o->index;
			first = false;
			continue;
		}
		if (depth > 0 && !first)
			expect(r, ',');
		struct record_node *n = begin_value(r, depth > 0 && open[depth - 1].close == '}');
		char close;
		if (!n || r->error)
			return;
		first = opens(r, n, &close);
		if (!first) {
			take_simple(r, n);
		} else if (depth == NF_DEPTH) {
			fail(r, POI_ERR_TOO_LARGE);
		} else {
			open[depth++] = (struct open_value){(uint32_t)(n - r->nodes), close};
		}
	} while (depth > 0 && !r->error);
}

int json_read(char *text, size_t length, struct record_node *nodes, uint32_t most)
{
	struct reader r = {.at = text, .end = text + length, .nodes = nodes, .most = most};

	skip_space(&r);
	if (r.at == r.end || *r.at != '{')
		return POI_ERR_INVALID;
	take_values(&r);
	skip_space(&r);
	if (!r.error && r.at != r.end)
		r.error = POI_ERR_INVALID;
	return r.error ? r.error : (int)r.n;
}
