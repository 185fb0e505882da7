#include "control/x1/x1_task.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/x1/x1_task_report.h"
#include "control/x1/x1_task_session.h"

struct build {
	const struct config *config;
	const struct registry *registry;
	uint16_t ne;
	const struct registry_task *old; // ModifyTask: what is replaced
	int generic;			 // 3000 or 3001
	struct filter *filter;
	struct x1_task_session session;
	struct x1_refusal *why;
};

// Decimal, digits only, an optional plus sign (xs:integer); refuses what is above `max`.
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

	// The slash is taken off here: host bits must be seen, not masked, and are refused by name.
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

static int add_extension(struct build *b, const struct x1_target *t)
{
	if (!t->n_members) {
		x1_refuse(b->why, X1_ERR_TARGET_UNSUPPORTED,
			"targetIdentifierExtension of owner %s", t->owner ? t->owner : "(none)");
		return POI_ERR_INVALID;
	}
	for (uint32_t i = 0; i < t->n_members; i++) {
		const struct x1_extension_member *m = &t->members[i];
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
			x1_refuse(b->why, X1_ERR_TARGET_UNSUPPORTED,
				"targetIdentifierExtension: %s", m->name ? m->name : "(empty)");
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

static int build_criteria(
	struct build *b, const struct x1_task_details *d, const struct channel_task *task)
{
	const char *conflict = NULL;
	bool directed;

	for (uint32_t i = 0; i < d->n_targets; i++) {
		int rc = add_target(b, &d->targets[i]);
		if (rc)
			return rc;
	}
	directed = b->filter->kinds & FILTER_DIRECTION;
	if (directed && !task->session.kinds && !(b->filter->kinds & (FILTER_TEID | FILTER_FTEID)))
		return bad_combination(b, "GTPTunnelDirection without a tunnel");
	if (filter_normalise(b->filter)) {
		x1_refuse(b->why, b->generic, "a target identifier is outside its domain");
		return POI_ERR_INVALID;
	}
	int rc = x1_task_session_check(&b->session, directed);
	if (rc)
		return rc;
	if (channel_task_check(task, &conflict))
		return bad_combination(
			b, conflict ? conflict : "no packet can satisfy all identifiers");
	return 0;
}

static int refuse_unhonoured(struct build *b, const struct x1_task_details *d)
{
	const char *what = d->has_service_types	      ? "listOfServiceTypes"
			   : d->has_policy_references ? "policy references"
			   : d->has_dsids	      ? "dSId"
			   : d->has_mediation	      ? "listOfMediationDetails"
						      : NULL;

	if (what) {
		x1_refuse(b->why, b->generic, "%s is not supported", what);
		return POI_ERR_INVALID;
	}
	for (uint32_t i = 0; i < d->n_extensions; i++) {
		const struct x1_task_extension *e = &d->extensions[i];
		if (e->header_reporting && x1_task_3gpp_namespace(e->space))
			continue; // x1_task_report
		x1_refuse(b->why, b->generic,
			"taskDetailsExtensions of owner %s: %s is not supported",
			e->owner ? e->owner : "(none)", e->name ? e->name : "(empty)");
		return POI_ERR_INVALID;
	}
	if (d->correlation_too_large) {
		x1_refuse(b->why, b->generic, "correlationID: more than 64 bits");
		return POI_ERR_INVALID;
	}
	if (b->config->nes[b->ne].role == CONFIG_ROLE_TRIGGERED &&
		(!d->has_correlation || !d->has_product)) {
		x1_refuse(b->why, b->generic,
			"%s is mandatory towards a triggered point of interception",
			d->has_correlation ? "productID" : "correlationID");
		return POI_ERR_INVALID;
	}
	return 0;
}

// Unknown ones come first, whatever the order: what is not there cannot be of a wrong kind.
static int check_known(struct build *b, const struct x1_task_details *d)
{
	char text[ID_TEXT_SIZE];

	for (uint32_t i = 0; i < d->n_dids; i++) {
		const struct registry_destination *known =
			registry_destination_find(b->registry, b->ne, &d->dids[i]);
		if (known && !known->removing)
			continue;
		id_format(&d->dids[i], text);
		x1_refuse(b->why, X1_ERR_DID_UNKNOWN, "%s", text);
		return POI_ERR_INVALID;
	}
	return 0;
}

static int add_destinations(
	struct build *b, const struct x1_task_details *d, struct channel_task *out)
{
	uint8_t covered = 0;
	char text[ID_TEXT_SIZE];

	for (uint32_t i = 0; i < d->n_dids; i++) {
		const struct registry_destination *known =
			registry_destination_find(b->registry, b->ne, &d->dids[i]);
		// What it takes now and goes on to take.
		uint8_t takes =
			known->modifying ? known->delivery & known->next_delivery : known->delivery;
		bool repeated = false;

		for (uint8_t k = 0; k < out->n_destinations; k++)
			repeated = repeated || id_equal(&out->did[k], &d->dids[i]);
		if (repeated)
			continue;
		if (out->n_destinations == CHANNEL_TASK_DESTINATIONS_MAX) {
			x1_refuse(b->why, b->generic, "more than %d destinations",
				CHANNEL_TASK_DESTINATIONS_MAX);
			return POI_ERR_INVALID;
		}
		// A destination that takes nothing of what the task delivers is an error of the
		// request, not something to be dropped silently (table 4).
		if (!(takes & out->delivery)) {
			id_format(&d->dids[i], text);
			x1_refuse(b->why, X1_ERR_DELIVERY_TYPE,
				"destination %s takes nothing that "
				"this deliveryType sends",
				text);
			return POI_ERR_INVALID;
		}
		covered |= takes;
		out->did[out->n_destinations++] = d->dids[i];
	}
	if ((covered & out->delivery) != out->delivery) {
		x1_refuse(b->why, X1_ERR_DELIVERY_TYPE,
			"no destination takes what this deliveryType sends");
		return POI_ERR_INVALID;
	}
	return 0;
}

static bool same_destinations(const struct registry_task *old, const struct channel_task *new)
{
	bool same = old->n_destinations == new->n_destinations;

	for (uint8_t i = 0; same && i < new->n_destinations; i++) {
		same = false;
		for (uint8_t k = 0; k < old->n_destinations; k++)
			same = same || id_equal(&registry_task_dids(old)[k], &new->did[i]);
	}
	return same;
}

// A trigger changes what is intercepted and nothing else (TS 33.128 clause 6.2.3.5.3).
static int check_modification(
	struct build *b, const struct x1_task_details *d, const struct channel_task *new)
{
	const struct registry_task *old = b->old;
	struct channel_task before;
	const char *what = NULL;

	if (!old || b->config->nes[b->ne].role != CONFIG_ROLE_TRIGGERED)
		return 0;
	if (registry_task_channel(b->registry, old, &before))
		what = "taskDetails";
	else if (before.delivery != new->delivery)
		what = "deliveryType";
	else if (!same_destinations(old, new))
		what = "listOfDIDs";
	else if (before.correlation != new->correlation)
		what = "correlationID";
	else if (!id_equal(&before.header_xid, &new->header_xid))
		what = "productID";
	else if (old->implicit != (d->has_implicit && d->implicit_deactivation))
		what = "implicitDeactivationAllowed";
	else if (before.report != new->report || before.triggers.timer_s != new->triggers.timer_s ||
		 before.triggers.packets != new->triggers.packets ||
		 before.triggers.bytes != new->triggers.bytes ||
		 before.triggers.session != new->triggers.session)
		what = "HeaderReporting";
	if (!what)
		return 0;
	x1_refuse(b->why, b->generic,
		"%s: only targetIdentifiers may be modified at a triggered point of interception",
		what);
	return POI_ERR_INVALID;
}

int x1_task_build(const struct config *config, const struct registry *r, uint16_t ne,
	const struct x1_task_details *d, const struct registry_task *old, struct channel_task *out,
	uint8_t matched[static CHANNEL_MATCHED_MAX], struct x1_refusal *why)
{
	struct build b = {
		.config = config,
		.registry = r,
		.ne = ne,
		.old = old,
		.generic = old ? X1_ERR_MODIFY : X1_ERR_ACTIVATE,
		.filter = &out->filter,
		.session = {.config = config,
			.generic = old ? X1_ERR_MODIFY : X1_ERR_ACTIVATE,
			.out = &out->session,
			.why = why},
		.why = why,
	};

	*out = (struct channel_task){
		.ne = *registry_ne_id(r, ne),
		.xid = d->xid,
		.header_xid = d->has_product ? d->product : d->xid,
		.delivery = (uint8_t)d->delivery,
		.report = REPORT_NONE,
	};
	if (config->nes[ne].role == CONFIG_ROLE_TRIGGERED)
		out->correlation = d->correlation;
	int rc = build_criteria(&b, d, out);
	if (!rc)
		rc = refuse_unhonoured(&b, d);
	if (!rc)
		rc = x1_task_report(&config->nes[ne], d, b.generic, out, why);
	if (!rc && (out->report != REPORT_NONE || config->delivery.attributes.matched_target))
		rc = x1_task_matched(d, b.generic, out, matched, why);
	if (!rc)
		rc = check_known(&b, d);
	if (!rc)
		rc = add_destinations(&b, d, out);
	if (!rc)
		rc = check_modification(&b, d, out);
	return rc;
}
