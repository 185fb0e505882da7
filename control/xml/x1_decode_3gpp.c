// The LI_T2 and LI_T3 extensions of TS 33.128 clause 6.2.3, in any revision of their namespace.
// Known structures are checked here, element by element; unknown names are handed on by name and
// refused by the logic.
#include "control/xml/x1_decode_internal.h"

#include <string.h>

static const char *skip_number(const char *p)
{
	const char *start = p;

	while (*p >= '0' && *p <= '9')
		p++;
	return p != start ? p : NULL;
}

static bool is_3gpp(const xmlNode *node)
{
	static const char prefix[] = "urn:3GPP:ns:li:3GPPX1Extensions:r";
	const char *p = node->ns != NULL ? (const char *)node->ns->href : "";

	if (strncmp(p, prefix, sizeof(prefix) - 1) != 0)
		return false;
	p = skip_number(p + sizeof(prefix) - 1);
	if (p == NULL || strncmp(p, ":v", 2) != 0)
		return false;
	p = skip_number(p + 2);
	return p != NULL && *p == '\0';
}

static bool same(const xmlNode *parent, const xmlNode *n, const char *name)
{
	return n != NULL && n->ns != NULL && strcmp((const char *)n->name, name) == 0 &&
	       strcmp((const char *)n->ns->href, (const char *)parent->ns->href) == 0;
}

static const xmlNode *only_child(const xmlNode *n)
{
	const xmlNode *c = x1_first_element(n);

	return c != NULL && x1_next_element(c) == NULL ? c : NULL;
}

static bool is_hex(const char *text)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");

	return text[n] == '\0' && n % 2 == 0;
}

// As c:IPv4Address and c:IPv6Address of the schema.
static bool is_ipv4(const char *text)
{
	for (int part = 0; part < 4; part++) {
		size_t n = strspn(text, "0123456789");
		if (n == 0 || n > 3 || (n == 3 && memcmp(text, "255", 3) > 0))
			return false;
		text += n;
		if (*text++ != (part < 3 ? '.' : '\0'))
			return false;
	}
	return true;
}

static bool is_ipv6(const char *text)
{
	for (int group = 0; group < 8; group++) {
		if (strspn(text, "0123456789abcdef") != 4 || text[4] != (group < 7 ? ':' : '\0'))
			return false;
		text += 5;
	}
	return true;
}

// SEID or TEID, then the addresses.
static bool read_endpoint(struct values *v, const xmlNode *e, struct x1_extension_member *m)
{
	bool seid = strcmp(m->name, "FSEID") == 0;
	const xmlNode *n = x1_first_element(e);
	uint64_t number;

	if (!same(e, n, seid ? "SEID" : "TEID"))
		goto broken;
	m->teid = value_text(v, n, true);
	if (!x1_unsigned(m->teid, seid ? UINT64_MAX : UINT32_MAX, &number))
		goto broken;
	n = x1_next_element(n);
	if (same(e, n, "IPv4Address")) {
		m->ipv4 = value_text(v, n, true);
		n = x1_next_element(n);
	}
	if (same(e, n, "IPv6Address")) {
		m->ipv6 = value_text(v, n, true);
		n = x1_next_element(n);
	}
	if ((m->ipv4 != NULL && !is_ipv4(m->ipv4)) || (m->ipv6 != NULL && !is_ipv6(m->ipv6)))
		goto broken;
	if (n == NULL)
		return true;
broken:
	value_broken(v, m->name, "breaks the schema");
	return false;
}

static bool read_member(struct values *v, const xmlNode *e, struct x1_extension_member *m)
{
	uint64_t number;
	bool good = true;

	m->space =
		arena_text(v->arena, (const char *)e->ns->href, strlen((const char *)e->ns->href));
	m->name = arena_text(v->arena, (const char *)e->name, strlen((const char *)e->name));
	if (m->space == NULL || m->name == NULL) {
		v->no_memory = true;
		return false;
	}
	if (strcmp(m->name, "FSEID") == 0 || strcmp(m->name, "FTEID") == 0)
		return read_endpoint(v, e, m);
	m->text = value_text(v, e, true);
	bool known = true;
	if (strcmp(m->name, "PDRID") == 0 || strcmp(m->name, "QERID") == 0)
		good = x1_unsigned(m->text, UINT32_MAX, &number);
	else if (strcmp(m->name, "NetworkInstance") == 0 || strcmp(m->name, "PDR") == 0)
		good = is_hex(m->text);
	else if (strcmp(m->name, "GTPTunnelDirection") == 0)
		good = strcmp(m->text, "Outbound") == 0 || strcmp(m->text, "Inbound") == 0;
	else
		known = false;
	if (!good || (known && x1_first_element(e) != NULL))
		value_broken(v, m->name, "is not a value of its type");
	return v->why[0] == '\0';
}

// An element that is not understood: a member under its own name.
static bool read_unknown(struct values *v, const xmlNode *e, struct x1_extension_member *m)
{
	const char *space = e->ns != NULL ? (const char *)e->ns->href : "";

	m->space = arena_text(v->arena, space, strlen(space));
	m->name = arena_text(v->arena, (const char *)e->name, strlen((const char *)e->name));
	m->text = "";
	if (m->space == NULL || m->name == NULL)
		v->no_memory = true;
	return !v->no_memory;
}

static bool read_upf(struct values *v, const xmlNode *e, struct x1_target *out,
	struct x1_extension_member *members)
{
	const xmlNode *n = x1_first_element(e);

	if (n == NULL) {
		value_broken(v, "UPFLIT3TargetIdentifierExtensions", "is empty");
		return false;
	}
	for (; n != NULL; n = x1_next_element(n)) {
		const xmlNode *member = only_child(n);
		if (!same(e, n, "UPFLIT3TargetIdentifier") || member == NULL) {
			value_broken(
				v, "UPFLIT3TargetIdentifier", "must hold exactly one identifier");
			return false;
		}
		bool ours = same(e, member, (const char *)member->name);
		struct x1_extension_member *m = &members[out->n_members++];
		if (!(ours ? read_member(v, member, m) : read_unknown(v, member, m)))
			return false;
	}
	return true;
}

bool x1_read_target_extension(struct values *v, const xmlNode *element, struct x1_target *out)
{
	const xmlNode *owner = x1_child(element, "Owner");
	uint32_t most = 0;

	for (const xmlNode *n = x1_first_element(element); n != NULL; n = x1_next_element(n)) {
		most++;
		for (const xmlNode *c = x1_first_element(n); c != NULL; c = x1_next_element(c))
			most++;
	}
	struct x1_extension_member *members = arena_alloc(v->arena, most * sizeof(*members));
	if (members == NULL || owner == NULL) {
		v->no_memory = members == NULL;
		return false;
	}
	out->owner = value_text(v, owner, true);
	out->members = members;
	for (const xmlNode *n = x1_next_element(owner); n != NULL; n = x1_next_element(n)) {
		bool upf = is_3gpp(n) &&
			   strcmp((const char *)n->name, "UPFLIT3TargetIdentifierExtensions") == 0;
		if (upf ? !read_upf(v, n, out, members)
			: !read_unknown(v, n, &members[out->n_members++]))
			return false;
	}
	return true;
}

static bool read_trigger(struct values *v, const xmlNode *n, struct x1_pdsr_trigger *out)
{
	static const char *const kinds[] = {"TimerExpiry", "PacketCount", "ByteCount"};
	const xmlNode *c = only_child(n);

	for (uint8_t k = 0; c != NULL && k < 3; k++) {
		if (same(n, c, kinds[k]))
			out->kind = (uint8_t)(k + 1);
	}
	if (out->kind == 0 || !x1_unsigned(value_text(v, c, true), UINT64_MAX, &out->value)) {
		value_broken(v, "PDSRTriggerType", "breaks the schema");
		return false;
	}
	return true;
}

static bool read_pdsr(struct values *v, const xmlNode *e, struct x1_task_extension *out)
{
	const xmlNode *n = x1_first_element(e);
	uint32_t most = 0;

	for (const xmlNode *c = n; c != NULL; c = x1_next_element(c))
		most++;
	struct x1_pdsr_trigger *triggers = arena_alloc(v->arena, most * sizeof(*triggers));
	if (triggers == NULL) {
		v->no_memory = true;
		return false;
	}
	out->pdsr = true;
	out->triggers = triggers;
	for (; same(e, n, "PDSRTriggerType"); n = x1_next_element(n)) {
		if (!read_trigger(v, n, &triggers[out->n_triggers++]))
			return false;
	}
	const char *session = NULL;
	if (same(e, n, "useSessionTriggers")) {
		session = value_text(v, n, true);
		out->session_triggers = strcmp(session, "true") == 0 || strcmp(session, "1") == 0;
		if (!out->session_triggers && strcmp(session, "false") != 0 &&
			strcmp(session, "0") != 0)
			out->n_triggers = 0;
		n = x1_next_element(n);
	}
	if (n != NULL || out->n_triggers == 0)
		value_broken(v, "PDSR", "breaks the schema");
	return v->why[0] == '\0';
}

static bool read_header_reporting(struct values *v, const xmlNode *e, struct x1_task_extension *out)
{
	const xmlNode *type = only_child(e);
	const xmlNode *choice = same(e, type, "PDHType") ? only_child(type) : NULL;

	out->header_reporting = true;
	if (same(e, choice, "PDSR"))
		return read_pdsr(v, choice, out);
	if (same(e, choice, "PDHR") && x1_first_element(choice) == NULL &&
		value_text(v, choice, true)[0] == '\0')
		return true;
	value_broken(v, "HeaderReporting", "breaks the schema");
	return false;
}

static bool read_association(struct values *v, const xmlNode *e, struct x1_task_extension *out)
{
	const xmlNode *events = only_child(e);

	if (same(e, events, "IdentifierAssociationEventsGenerated")) {
		const char *text = value_text(v, events, true);
		out->association = !strcmp(text, "IdentifierAssociation") ? 1
				   : !strcmp(text, "All")		  ? 2
									  : 0;
	}
	if (out->association == 0)
		value_broken(v, "IdentifierAssociation", "breaks the schema");
	return out->association != 0;
}

static bool read_sms(struct values *v, const xmlNode *e, struct x1_task_extension *out)
{
	const xmlNode *truncate = x1_first_element(e);

	out->sms = true;
	out->truncate = truncate != NULL;
	if (truncate == NULL ||
		(same(e, truncate, "TruncateTPUserData") && x1_next_element(truncate) == NULL &&
			x1_first_element(truncate) == NULL &&
			value_text(v, truncate, true)[0] == '\0'))
		return true;
	value_broken(v, "SMSFExtensions", "breaks the schema");
	return false;
}

bool x1_read_task_extension(
	struct values *v, const xmlNode *e, const char *owner, struct x1_task_extension *out)
{
	const char *space = e->ns != NULL ? (const char *)e->ns->href : "";

	out->owner = owner;
	out->space = arena_text(v->arena, space, strlen(space));
	out->name = arena_text(v->arena, (const char *)e->name, strlen((const char *)e->name));
	if (out->space == NULL || out->name == NULL) {
		v->no_memory = true;
		return false;
	}
	if (!is_3gpp(e) || strcmp(out->name, "X1Extensions") != 0)
		return true;
	const xmlNode *inside = only_child(e);
	if (inside == NULL) {
		value_broken(v, "X1Extensions", "must hold exactly one extension");
		return false;
	}
	if (same(e, inside, "IdentifierAssociation"))
		return read_association(v, inside, out);
	if (same(e, inside, "SMSFExtensions"))
		return read_sms(v, inside, out);
	return same(e, inside, "HeaderReporting") ? read_header_reporting(v, inside, out) : true;
}
