// Reads a line of a network function.

#include "events/event_read.h"

#include <string.h>
#include <time.h>

#include "events/json_read.h"
#include "shared/pdu.h"

#define NS_PER_S 1000000000ull

static void wrong(struct line *l, uint8_t reason, const char *why)
{
	if (l->kind == LINE_WRONG && l->why)
		return;
	l->kind = LINE_WRONG;
	l->reason = reason;
	l->why = why;
}

static bool is_named(const struct record_node *n, const char *name)
{
	return n->name_length == strlen(name) && !memcmp(n->name, name, n->name_length);
}

static bool is_text(const struct record_node *n, const char *text)
{
	return n->kind == NODE_TEXT && n->length == strlen(text) &&
	       !memcmp(n->text, text, n->length);
}

// ---- times ----

// `n` digits, or -1.
static int digits(const char *text, unsigned n)
{
	int value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + text[i] - '0';
	}
	return value;
}

// Behind the seconds: nanoseconds, or -1.
static int64_t fraction(const char *text, size_t length)
{
	int64_t ns = 0, unit = NS_PER_S / 10;

	if (length == 0)
		return 0;
	if (text[0] != '.' || length < 2 || length > 10)
		return -1;
	for (size_t i = 1; i < length; i++, unit /= 10) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		ns += (text[i] - '0') * unit;
	}
	return ns;
}

int event_time(const char *text, size_t length, uint64_t *ns)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	size_t seconds = sizeof(form) - 1;

	if (length < seconds + 1 || text[length - 1] != 'Z')
		return POI_ERR_INVALID;
	for (size_t i = 0; i < seconds; i++)
		if (form[i] != 'd' && text[i] != form[i])
			return POI_ERR_INVALID;
	struct tm at = {.tm_year = digits(text, 4) - 1900,
		.tm_mon = digits(text + 5, 2) - 1,
		.tm_mday = digits(text + 8, 2),
		.tm_hour = digits(text + 11, 2),
		.tm_min = digits(text + 14, 2),
		.tm_sec = digits(text + 17, 2)};
	struct tm back = at;
	int64_t rest = fraction(text + seconds, length - seconds - 1);
	time_t whole = timegm(&back);

	// A date that timegm has to correct was none.
	if (rest < 0 || whole < 0 || whole >= (time_t)(INT64_MAX / NS_PER_S) ||
		back.tm_year != at.tm_year || back.tm_mon != at.tm_mon ||
		back.tm_mday != at.tm_mday || back.tm_hour != at.tm_hour ||
		back.tm_min != at.tm_min || back.tm_sec != at.tm_sec)
		return POI_ERR_INVALID;
	*ns = (uint64_t)whole * NS_PER_S + (uint64_t)rest;
	return POI_OK;
}

// ---- members of a line ----

static void read_id(struct line *l, const struct record_node *n)
{
	if (n->kind != NODE_NUMBER || n->number > LINE_ID_MAX || l->has_id) {
		wrong(l, NF_REASON_SYNTAX, "id: one number of at most 2^53");
		return;
	}
	l->has_id = true;
	l->id = n->number;
}

static void read_time(struct line *l, const struct record_node *n)
{
	if (n->kind != NODE_TEXT || l->event.time_ns ||
		event_time(n->text, n->length, &l->event.time_ns) != POI_OK)
		wrong(l, NF_REASON_SYNTAX, "time: one text such as 2026-03-01T09:30:00.25Z");
}

static void read_session(struct line *l, const struct record_node *n)
{
	if (n->kind != NODE_TEXT || n->length == 0 || n->length > NF_SUBJECT_MAX ||
		l->event.subject_length) {
		wrong(l, NF_REASON_SYNTAX, "session: one text of 1 to 128 octets");
		return;
	}
	l->event.subject = n->text;
	l->event.subject_length = (uint16_t)n->length;
}

static void read_direction(struct line *l, const struct record_node *n)
{
	uint8_t direction = is_text(n, "toTarget")     ? PDU_DIRECTION_TO_TARGET
			    : is_text(n, "fromTarget") ? PDU_DIRECTION_FROM_TARGET
						       : 0;

	if (!direction || l->event.direction)
		wrong(l, NF_REASON_SYNTAX, "direction: toTarget or fromTarget");
	l->event.direction = direction;
}

static bool read_hex(const struct record_node *n, uint64_t *out)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";

	if (n->kind != NODE_TEXT || n->length == 0 || n->length > 16)
		return false;
	*out = 0;
	for (uint32_t i = 0; i < n->length; i++) {
		const char *at = n->text[i] ? strchr(hex, n->text[i]) : NULL;
		if (!at)
			return false;
		*out = *out << 4 | (uint64_t)((at - hex) % 16);
	}
	return true;
}

static bool read_address(const struct record_node *n, struct ip_address *out, uint8_t family)
{
	char text[64];

	if (n->kind != NODE_TEXT || n->length >= sizeof(text) || out->family)
		return false;
	memcpy(text, n->text, n->length);
	text[n->length] = 0;
	return strlen(text) == n->length && ip_address_parse(text, out) == POI_OK &&
	       out->family == family;
}

static bool read_seid_members(const struct record_node *n, struct nf_seid *out)
{
	bool has_seid = false;

	for (uint32_t i = 1; i < n->covers; i += n[i].covers) {
		const struct record_node *m = &n[i];
		bool good = is_named(m, "sEID")		 ? !has_seid && read_hex(m, &out->seid)
			    : is_named(m, "iPv4Address") ? read_address(m, &out->v4, 4)
			    : is_named(m, "iPv6Address") ? read_address(m, &out->v6, 6)
							 : false;
		if (!good)
			return false;
		has_seid |= is_named(m, "sEID");
	}
	return has_seid && (out->v4.family || out->v6.family);
}

static void read_seid(struct line *l, const struct record_node *n, struct nf_seid *out)
{
	bool again = out->v4.family || out->v6.family;

	if (n->kind != NODE_OBJECT || again || !read_seid_members(n, out))
		wrong(l, NF_REASON_SYNTAX,
			"cpSEID, upSEID: sEID in up to 16 hex digits, and iPv4Address or "
			"iPv6Address");
}

static void read_record(struct line *l, struct record_node *n)
{
	int kind = record_find(n->name, n->name_length);

	if (kind < 0) {
		wrong(l, NF_REASON_SYNTAX, "a member that is neither known nor a record");
	} else if (l->event.nodes) {
		wrong(l, NF_REASON_SYNTAX, "more than one record");
	} else if (n->kind != NODE_OBJECT) {
		wrong(l, NF_REASON_SYNTAX, "a record that is no object");
	} else if (n->covers > NF_NODES_MAX) {
		wrong(l, NF_REASON_LARGE, "more than 2048 values");
	} else {
		n->name = NULL; // a record's own node has none
		n->name_length = 0;
		l->event.kind = (uint8_t)kind;
		l->event.nodes = n;
		l->event.n_nodes = n->covers;
	}
}

static void read_member(struct line *l, struct record_node *n)
{
	if (is_named(n, "id"))
		read_id(l, n);
	else if (is_named(n, "time"))
		read_time(l, n);
	else if (is_named(n, "session"))
		read_session(l, n);
	else if (is_named(n, "direction"))
		read_direction(l, n);
	else if (is_named(n, "cpSEID"))
		read_seid(l, n, &l->event.cp);
	else if (is_named(n, "upSEID"))
		read_seid(l, n, &l->event.up);
	else
		read_record(l, n);
}

// `n`: of the nodes, the line's own included.
static void read_event(struct line *l, struct record_node *nodes, uint32_t n)
{
	l->kind = LINE_EVENT;
	for (uint32_t i = 1; i < n; i += nodes[i].covers)
		read_member(l, &nodes[i]);
	if (!l->has_id)
		wrong(l, NF_REASON_SYNTAX, "id: missing");
	if (!l->event.time_ns)
		wrong(l, NF_REASON_SYNTAX, "time: missing");
	if (!l->event.nodes)
		wrong(l, NF_REASON_SYNTAX, "no record");
	if (l->kind == LINE_EVENT && !l->event.subject_length &&
		nf_records_of(l->event.kind) != RECORDS_SMSF)
		wrong(l, NF_REASON_SUBJECT, "session: missing");
}

void event_read(char *text, size_t length, struct record_node *nodes, struct line *out)
{
	int n = json_read(text, length, nodes, LINE_NODES_MAX);

	*out = (struct line){0};
	if (n < 0) {
		wrong(out, n == POI_ERR_TOO_LARGE ? NF_REASON_LARGE : NF_REASON_SYNTAX,
			n == POI_ERR_TOO_LARGE ? "too many values, or too deep"
					       : "no JSON object as docs/events.md has it");
		return;
	}
	const bool single = n == 2;
	const struct record_node *only = &nodes[1];
	if (single && is_named(only, "snapshot") && is_text(only, "begin")) {
		out->kind = LINE_SNAPSHOT_BEGIN;
	} else if (single && is_named(only, "snapshot") && is_text(only, "end")) {
		out->kind = LINE_SNAPSHOT_END;
	} else if (single && is_named(only, "function") && only->kind == NODE_TEXT) {
		out->kind = LINE_FUNCTION;
		out->name = only->text;
		out->name_length = only->length;
	} else {
		read_event(out, nodes, (uint32_t)n);
	}
}
