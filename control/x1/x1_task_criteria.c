// Translates target identifiers of a task into the criteria that select its packets.
#include "control/x1/x1_task_criteria.h"

#include <ctype.h>
#include <string.h>

#include "control/x1/x1_task_report.h"
#include "control/x1/x1_task_session.h"

struct build {
	const struct config *config;
	int generic; // generic error code, 3000 or 3001
	struct filter *filter;
	struct x1_task_session session;
	struct x1_refusal *why;
};

// Parses decimal digits with an optional plus sign (xs:integer). Refuses values above `max`.
static int parse_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!text)
		return POI_ERR_INVALID;
	if (*text == '+')
		text++;
	if (!isdigit((unsigned char)*text))
		return POI_ERR_INVALID;
	for (; isdigit((unsigned char)*text); text++) {
		uint64_t digit = (uint64_t)(*text - '0');
		if (v > (max - digit) / 10)
			return POI_ERR_TOO_LARGE;
		v = v * 10 + digit;
	}
	if (*text)
		return POI_ERR_INVALID;
	*out = v;
	return 0;
}

static int bad_value(struct build *b, const struct x1_target *t)
{
	x1_refuse(b->why, b->generic, "%s: the value cannot be read", x1_target_name(t->kind));
	return POI_ERR_INVALID;
}

static int bad_combination(struct build *b, const char *text)
{
	x1_refuse(b->why, X1_ERR_TARGET_COMBINATION, "%s", text);
	return POI_ERR_INVALID;
}

static bool host_bits(const struct ip_prefix *p)
{
	unsigned octets = p->family == 4 ? 4 : 16;

	for (unsigned bit = p->length; bit < octets * 8; bit++) {
		if (p->b[bit / 8] & (0x80u >> (bit % 8)))
			return true;
	}
	return false;
}

static int add_prefix(struct build *b, const struct x1_target *t, unsigned family, bool exact)
{
	struct filter *f = b->filter;
	char base[64];
	struct ip_prefix p;
	uint64_t length = 0;

	// Split at the slash here, so that host bits are seen and refused by name instead of
	// masked.
	const char *slash = t->text ? strchr(t->text, '/') : NULL;
	size_t n = !t->text ? 0 : slash ? (size_t)(slash - t->text) : strlen(t->text);
	if (!n || n >= sizeof(base) || exact == (slash != NULL))
		return bad_value(b, t);
	memcpy(base, t->text, n);
	base[n] = 0;
	if (ip_prefix_parse(base, &p) || (family && p.family != family))
		return bad_value(b, t);
	if (slash) {
		if (parse_number(slash + 1, p.length, &length))
			return bad_value(b, t);
		p.length = (uint8_t)length;
	}
	if (host_bits(&p)) {
		x1_refuse(b->why, b->generic, "%s: address bits are set beyond the prefix length",
			x1_target_name(t->kind));
		return POI_ERR_INVALID;
	}
	if (f->n_address == 2)
		return bad_combination(b, "more than two addresses in one task");
	f->address[f->n_address++] = p;
	f->kinds |= FILTER_ADDRESS;
	return 0;
}

static int begin_ports(struct build *b, uint8_t protocol, struct port_set **out)
{
	struct filter *f = b->filter;

	if ((f->kinds & FILTER_PORT) && f->protocol != protocol)
		return bad_combination(b, "TCP and UDP ports in one task");
	if (f->n_port == 2)
		return bad_combination(b, "more than two port criteria in one task");
	f->kinds |= FILTER_PORT;
	f->protocol = protocol;
	*out = &f->port[f->n_port++];
	return 0;
}

static int add_port(struct build *b, const struct x1_target *t, uint8_t protocol)
{
	struct port_set *set;
	uint64_t port;

	if (parse_number(t->text, 65535, &port))
		return bad_value(b, t);
	int rc = begin_ports(b, protocol, &set);
	if (rc)
		return rc;
	set->n = 1;
	set->range[0] = (struct port_range){(uint16_t)port, (uint16_t)port};
	return 0;
}

static int add_port_range(struct build *b, const struct x1_target *t, uint8_t protocol)
{
	struct port_set *set;

	if (t->port[0] > t->port[1]) {
		x1_refuse(b->why, b->generic, "%s: start is above end", x1_target_name(t->kind));
		return POI_ERR_INVALID;
	}
	int rc = begin_ports(b, protocol, &set);
	if (rc)
		return rc;
	set->n = 1;
	set->range[0] = (struct port_range){t->port[0], t->port[1]};
	return 0;
}

static int add_port_list(struct build *b, const struct x1_target *t, uint8_t protocol)
{
	struct port_set *set;

	if (!t->n_ports || t->n_ports > FILTER_RANGES_MAX) {
		x1_refuse(b->why, b->generic, "%s: 1 to %d ports are supported",
			x1_target_name(t->kind), FILTER_RANGES_MAX);
		return POI_ERR_INVALID;
	}
	int rc = begin_ports(b, protocol, &set);
	if (rc)
		return rc;
	set->n = (uint8_t)t->n_ports;
	for (uint32_t i = 0; i < t->n_ports; i++)
		set->range[i] = (struct port_range){t->ports[i], t->ports[i]};
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int add_mac(struct build *b, const struct x1_target *t)
{
	struct filter *f = b->filter;

	if (!t->text || strlen(t->text) != 17)
		return bad_value(b, t);
	if (f->n_mac == 2)
		return bad_combination(b, "more than two MAC addresses in one task");
	for (unsigned i = 0; i < 6; i++) {
		int high = hex_digit(t->text[3 * i]), low = hex_digit(t->text[3 * i + 1]);
		if (high < 0 || low < 0 || (i < 5 && t->text[3 * i + 2] != ':'))
			return bad_value(b, t);
		f->mac[f->n_mac][i] = (uint8_t)(high << 4 | low);
	}
	f->n_mac++;
	f->kinds |= FILTER_MAC;
	return 0;
}

static bool endpoints_configured(const struct config *c)
{
	for (uint32_t i = 0; i < c->dataplane.n_ports; i++) {
		if (c->dataplane.ports[i].n_endpoints)
			return true;
	}
	return false;
}

static int add_teid(struct build *b, const struct x1_target *t)
{
	uint64_t teid;

	if (parse_number(t->text, UINT32_MAX, &teid)) {
		x1_refuse(b->why, X1_ERR_SCHEMA, "gtpuTunnelId: not a 32-bit integer");
		return POI_ERR_INVALID;
	}
	if (b->filter->kinds & (FILTER_TEID | FILTER_FTEID))
		return bad_combination(b, "more than one tunnel in one task");
	if (!endpoints_configured(b->config))
		return bad_combination(b, "gtpuTunnelId: this network element has no gtp-endpoints "
					  "configured, and a TEID alone would select strangers");
	b->filter->teid = (uint32_t)teid;
	b->filter->kinds |= FILTER_TEID;
	return 0;
}

static int add_fteid(struct build *b, const struct x1_extension_member *m)
{
	struct filter *f = b->filter;
	uint64_t teid;

	if (f->kinds & (FILTER_TEID | FILTER_FTEID))
		return bad_combination(b, "more than one tunnel in one task");
	if (parse_number(m->teid, UINT32_MAX, &teid) || (!m->ipv4 && !m->ipv6) ||
		(m->ipv4 && (ip_address_parse(m->ipv4, &f->fteid_v4) || f->fteid_v4.family != 4)) ||
		(m->ipv6 && (ip_address_parse(m->ipv6, &f->fteid_v6) || f->fteid_v6.family != 6))) {
		x1_refuse(b->why, b->generic, "FTEID: a TEID and an endpoint address are needed");
		return POI_ERR_INVALID;
	}
	f->teid = (uint32_t)teid;
	f->kinds |= FILTER_FTEID;
	return 0;
}

static int add_direction(struct build *b, const struct x1_extension_member *m)
{
	uint8_t direction = FILTER_ANY_DIRECTION;

	if (m->text && !strcmp(m->text, "Outbound"))
		direction = FILTER_TO_TARGET;
	else if (m->text && !strcmp(m->text, "Inbound"))
		direction = FILTER_FROM_TARGET;
	if (direction == FILTER_ANY_DIRECTION) {
		x1_refuse(b->why, b->generic, "GTPTunnelDirection: Outbound or Inbound");
		return POI_ERR_INVALID;
	}
	if (b->filter->kinds & FILTER_DIRECTION)
		return bad_combination(b, "more than one GTPTunnelDirection in one task");
	b->filter->direction = direction;
	b->filter->kinds |= FILTER_DIRECTION;
	return 0;
}

static int add_member(struct build *b, const struct x1_extension_member *m)
{
	int rc;

	if (!x1_task_3gpp_namespace(m->space) || !m->name) {
		rc = POI_ERR_UNSUPPORTED;
	} else if (!strcmp(m->name, "FTEID")) {
		rc = add_fteid(b, m);
	} else if (!strcmp(m->name, "GTPTunnelDirection")) {
		rc = add_direction(b, m);
	} else {
		rc = x1_task_session_member(&b->session, m);
	}
	if (rc == POI_ERR_UNSUPPORTED)
		x1_refuse_quoting(b->why, X1_ERR_TARGET_UNSUPPORTED,
			"targetIdentifierExtension: an element is not supported",
			"targetIdentifierExtension: %s", m->name ? m->name : "(empty)");
	return rc;
}

static int add_extension(struct build *b, const struct x1_target *t)
{
	if (!t->n_members) {
		x1_refuse_quoting(b->why, X1_ERR_TARGET_UNSUPPORTED,
			"targetIdentifierExtension: its owner's are not supported",
			"targetIdentifierExtension of owner %s", t->owner ? t->owner : "(none)");
		return POI_ERR_INVALID;
	}
	for (uint32_t i = 0; i < t->n_members; i++) {
		int rc = add_member(b, &t->members[i]);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_target(struct build *b, const struct x1_target *t)
{
	switch (t->kind) {
	case X1_TARGET_IPV4_ADDRESS:
		return add_prefix(b, t, 4, true);
	case X1_TARGET_IPV6_ADDRESS:
		return add_prefix(b, t, 6, true);
	case X1_TARGET_IPV4_CIDR: // the complex type admits an IPv6 CIDR inside
		return add_prefix(b, t, 0, false);
	case X1_TARGET_IPV6_CIDR:
		return add_prefix(b, t, 6, false);
	case X1_TARGET_TCP_PORT:
		return add_port(b, t, 6);
	case X1_TARGET_UDP_PORT:
		return add_port(b, t, 17);
	case X1_TARGET_TCP_PORT_RANGE:
		return add_port_range(b, t, 6);
	case X1_TARGET_UDP_PORT_RANGE:
		return add_port_range(b, t, 17);
	case X1_TARGET_TCP_PORT_LIST:
		return add_port_list(b, t, 6);
	case X1_TARGET_UDP_PORT_LIST:
		return add_port_list(b, t, 17);
	case X1_TARGET_MAC_ADDRESS:
		return add_mac(b, t);
	case X1_TARGET_GTPU_TUNNEL_ID:
		return add_teid(b, t);
	case X1_TARGET_EXTENSION:
		return add_extension(b, t);
	default:
		break;
	}
	int rc = x1_task_session_target(&b->session, t);
	if (rc == POI_ERR_UNSUPPORTED) {
		x1_refuse(b->why, X1_ERR_TARGET_UNSUPPORTED, "%s", x1_target_name(t->kind));
		rc = POI_ERR_INVALID;
	}
	return rc;
}

static struct build begin(const struct x1_criteria_of *of, struct channel_task *task)
{
	return (struct build){
		.config = of->config,
		.generic = of->generic,
		.filter = &task->filter,
		.session = {.config = of->config,
			.registry = of->registry,
			.ne = of->number,
			.room = of->room,
			.generic = of->generic,
			.records_only = of->records_only,
			.out = &task->session,
			.why = of->why},
		.why = of->why,
	};
}

// Checks that all criteria together can hold. `tunnels`: the task selects sessions by tunnel only.
static int finish(struct build *b, struct channel_task *task, bool tunnels)
{
	const char *conflict = NULL;
	bool directed = b->filter->kinds & FILTER_DIRECTION;

	if (directed && !task->session.kinds && !(b->filter->kinds & (FILTER_TEID | FILTER_FTEID)))
		return bad_combination(b, "GTPTunnelDirection without a tunnel");
	if (filter_normalise(b->filter)) {
		x1_refuse(b->why, b->generic, "a target identifier is outside its domain");
		return POI_ERR_INVALID;
	}
	int rc = x1_task_session_check(&b->session, directed || tunnels);
	if (rc)
		return rc;
	if (channel_task_check(task, &conflict))
		return bad_combination(
			b, conflict ? conflict : "no packet can satisfy all identifiers");
	return 0;
}

static int all_of(
	const struct x1_criteria_of *of, const struct x1_task_details *d, struct channel_task *task)
{
	struct build b = begin(of, task);

	for (uint32_t i = 0; i < d->n_targets; i++) {
		int rc = add_target(&b, &d->targets[i]);
		if (rc)
			return rc;
	}
	return finish(&b, task, false);
}

// ---- targets: alternatives ----

// The role of an identifier in a list of alternatives.
enum standing {
	NAMES,	 // names a target by itself
	BROAD,	 // selects by itself, but also other users of that port or network
	NARROWS, // only narrows another identifier
};

static enum standing member_stands(const struct x1_extension_member *m)
{
	static const char *const narrow[] = {"PDRID", "PDR", "QERID", "GTPTunnelDirection"};

	for (unsigned i = 0; m->name && i < sizeof(narrow) / sizeof(narrow[0]); i++)
		if (!strcmp(m->name, narrow[i]))
			return NARROWS;
	return m->name && !strcmp(m->name, "NetworkInstance") ? BROAD : NAMES;
}

static enum standing stands(const struct x1_target *t)
{
	switch (t->kind) {
	case X1_TARGET_TCP_PORT:
	case X1_TARGET_UDP_PORT:
	case X1_TARGET_TCP_PORT_RANGE:
	case X1_TARGET_UDP_PORT_RANGE:
	case X1_TARGET_TCP_PORT_LIST:
	case X1_TARGET_UDP_PORT_LIST:
		return BROAD;
	default:
		return NAMES;
	}
}

struct alternative_list {
	const struct x1_criteria_of *of;
	uint32_t alone;	     // identifiers that select something by themselves
	const char *no_name; // an identifier that names no target, or NULL
	bool tunnels;	     // an identifier is a tunnel
	struct wire_writer w;
	uint32_t n;
	struct alternative first;
};

static void count(struct alternative_list *l, enum standing s, const char *name)
{
	l->alone += s != NARROWS;
	if (s != NAMES && !l->no_name)
		l->no_name = name;
}

static void count_all(struct alternative_list *l, const struct x1_task_details *d)
{
	for (uint32_t i = 0; i < d->n_targets; i++) {
		const struct x1_target *t = &d->targets[i];
		l->tunnels |= t->kind == X1_TARGET_GTPU_TUNNEL_ID;
		if (t->kind != X1_TARGET_EXTENSION || !t->n_members)
			count(l, stands(t), x1_target_name(t->kind));
		for (uint32_t k = 0; t->kind == X1_TARGET_EXTENSION && k < t->n_members; k++) {
			const struct x1_extension_member *m = &t->members[k];
			l->tunnels |= m->name && !strcmp(m->name, "FTEID");
			count(l, member_stands(m), m->name);
		}
	}
}

// Returns true if the list already holds this alternative.
static bool is_there(const struct alternative_list *l, const uint8_t *octets, size_t length)
{
	struct wire_reader r = wire_reader_of(l->w.start, wire_written(&l->w));

	while (wire_left(&r) > 0) {
		const uint8_t *at = r.at;
		struct alternative a;
		alternative_decode(&r, &a);
		if (r.error)
			break;
		if ((size_t)(r.at - at) == length && !memcmp(at, octets, length))
			return true;
	}
	return false;
}

// Adds one target identifier, or one member of an extension.
static int add_alternative(
	struct alternative_list *l, const struct x1_target *t, const struct x1_extension_member *m)
{
	uint8_t octets[FILTER_ENCODED_MAX + SESSION_TARGET_ENCODED_MAX];
	struct wire_writer w = wire_writer_of(octets, sizeof(octets));
	struct channel_task one = {0};
	struct build b = begin(l->of, &one);
	int rc = m ? add_member(&b, m) : add_target(&b, t);

	if (!rc)
		rc = finish(&b, &one, l->tunnels);
	if (rc)
		return rc;
	const struct alternative a = {.filter = one.filter, .session = one.session};
	alternative_encode(&w, &a);
	if (is_there(l, octets, wire_written(&w)))
		return 0;
	if (l->n == 0)
		l->first = a;
	l->n++;
	wire_put_octets(&l->w, octets, wire_written(&w));
	if (!w.error && !l->w.error && l->n <= ALTERNATIVES_MAX)
		return 0;
	x1_refuse(l->of->why, l->of->generic, "targetIdentifiers: more than %d alternatives",
		ALTERNATIVES_MAX);
	return POI_ERR_INVALID;
}

static int any_of(struct alternative_list *l, const struct x1_task_details *d,
	struct channel_task *task, uint8_t *octets)
{
	int rc = 0;

	if (l->no_name) {
		x1_refuse(l->of->why, X1_ERR_TARGET_COMBINATION,
			"%s beside others: with targets: alternatives each of a list must name "
			"somebody by itself",
			l->no_name);
		return POI_ERR_INVALID;
	}
	for (uint32_t i = 0; i < d->n_targets && !rc; i++) {
		const struct x1_target *t = &d->targets[i];
		uint32_t members = t->kind == X1_TARGET_EXTENSION ? t->n_members : 0;
		if (!members)
			rc = add_alternative(l, t, NULL);
		for (uint32_t k = 0; k < members && !rc; k++)
			rc = add_alternative(l, t, &t->members[k]);
	}
	if (rc)
		return rc;
	if (l->n == 1) {
		task->filter = l->first.filter;
		task->session = l->first.session;
		return 0;
	}
	task->alternatives = octets;
	task->alternatives_length = (uint16_t)wire_written(&l->w);
	return 0;
}

int x1_task_criteria(const struct x1_criteria_of *of, const struct x1_task_details *d,
	struct channel_task *task, uint8_t alternatives[static ALTERNATIVES_OCTETS_MAX])
{
	struct alternative_list l = {
		.of = of, .w = wire_writer_of(alternatives, ALTERNATIVES_OCTETS_MAX)};

	if (of->ne->targets == CONFIG_TARGETS_ALTERNATIVES)
		count_all(&l, d);
	return l.alone > 1 ? any_of(&l, d, task, alternatives) : all_of(of, d, task);
}
