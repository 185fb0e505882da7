// Reads identities, addresses and tunnels out of the records of events.

#include "dataplane/functions/function_event.h"

#include <string.h>

#include "shared/filter.h"

enum record_effect record_effect(unsigned kind)
{
	switch (kind) {
	case RECORD_SMF_ESTABLISHMENT:
	case RECORD_SMF_MA_ESTABLISHMENT:
	case RECORD_AMF_REGISTRATION:
		return EFFECT_BEGINS;
	case RECORD_SMF_MODIFICATION:
	case RECORD_SMF_MA_MODIFICATION:
	case RECORD_SMF_PDU_TO_MA:
	case RECORD_AMF_LOCATION_UPDATE:
	case RECORD_AMF_ASSOCIATION:
	case RECORD_AMF_CONFIGURATION_UPDATE:
		return EFFECT_CHANGES;
	case RECORD_SMF_RELEASE:
	case RECORD_SMF_MA_RELEASE:
	case RECORD_AMF_DEREGISTRATION:
		return EFFECT_ENDS;
	case RECORD_SMS_MESSAGE:
		return EFFECT_MESSAGE;
	case RECORD_SMS_REPORT:
		return EFFECT_REPORT;
	default:
		return EFFECT_NONE;
	}
}

bool record_is_start(unsigned kind)
{
	return kind == RECORD_SMF_START || kind == RECORD_SMF_MA_START || kind == RECORD_AMF_START;
}

// ---- identities ----

typedef void (*identity_adder)(
	struct identities *to, enum identity_kind kind, const char *text, uint32_t length);

// One identity: a SUPI, PEI or GPSI.
static void add_choice(struct identities *to, const struct record_node *choice, identity_adder add)
{
	static const struct {
		const char *name;
		enum identity_kind kind;
	} alternatives[] = {
		{"iMSI", IDENTITY_IMSI},
		{"mSISDN", IDENTITY_MSISDN},
		{"iMEI", IDENTITY_IMEI},
		{"iMEISV", IDENTITY_IMEISV},
		{"nAI", IDENTITY_NAI},
	};

	for (unsigned i = 0; i < sizeof(alternatives) / sizeof(alternatives[0]); i++) {
		const struct record_node *v = node_child(choice, alternatives[i].name);
		if (v && v->kind == NODE_TEXT)
			add(to, alternatives[i].kind, v->text, v->length);
	}
}

static void add_three(struct identities *to, const struct record_node *object)
{
	add_choice(to, node_child(object, "sUPI"), identities_add_supi);
	add_choice(to, node_child(object, "pEI"), identities_add);
	add_choice(to, node_child(object, "gPSI"), identities_add);
}

// UserIdentifiers: a list of them
static void add_list(struct identities *to, const struct record_node *identifiers)
{
	const struct record_node *of = node_child(identifiers, "fiveGSSubscriberIDs");
	const struct record_node *list = node_child(of, "fiveGSSubscriberID"), *item = NULL;

	while (list && (item = node_next_child(list, item)) != NULL)
		add_three(to, item);
}

static bool to_target(const struct record_node *record)
{
	const struct record_node *direction = node_child(record, "direction");

	return direction && direction->length == 8 && memcmp(direction->text, "toTarget", 8) == 0;
}

void event_identities(unsigned kind, const struct record_node *record, struct identities *out)
{
	*out = (struct identities){0};
	if (kind == RECORD_SMS_MESSAGE) {
		add_three(out, node_child(record, to_target(record) ? "terminatingSMSParty"
								    : "originatingSMSParty"));
		return;
	}
	add_three(out, record);
	add_list(out, node_child(record, "userIdentifiers"));
	add_list(out, node_child(record, "additionalUserIdentifiers"));
}

uint8_t event_direction(unsigned kind, const struct record_node *record, uint8_t given)
{
	if (record_is_start(kind) || kind == RECORD_AMF_ASSOCIATION)
		return PDU_DIRECTION_NOT_APPLICABLE;
	if (kind == RECORD_SMS_MESSAGE)
		return to_target(record) ? PDU_DIRECTION_TO_TARGET : PDU_DIRECTION_FROM_TARGET;
	return given ? given : PDU_DIRECTION_UNKNOWN;
}

// ---- the session ----

static void get_address(
	const struct record_node *object, const char *name, uint8_t family, struct ip_address *out)
{
	const struct record_node *v = node_child(object, name);
	char text[46];

	if (!v || v->kind != NODE_TEXT || v->length >= sizeof(text))
		return;
	memcpy(text, v->text, v->length);
	text[v->length] = 0;
	struct ip_address a;
	if (ip_address_parse(text, &a) == POI_OK && a.family == family)
		*out = a;
}

struct ends {
	struct tunnel_end *end; // SESSION_EVENT_TUNNELS
	uint8_t *n;
};

static bool same_end(const struct tunnel_end *a, const struct tunnel_end *b)
{
	return a->teid == b->teid && memcmp(&a->v4, &b->v4, sizeof(a->v4)) == 0 &&
	       memcmp(&a->v6, &b->v6, sizeof(a->v6)) == 0;
}

static void add_end(const struct ends *to, const struct record_node *fteid)
{
	const struct record_node *teid = node_child(fteid, "tEID");
	struct tunnel_end end = {0};

	if (!teid || *to->n == SESSION_EVENT_TUNNELS)
		return;
	end.teid = (uint32_t)teid->number;
	get_address(fteid, "iPv4Address", 4, &end.v4);
	get_address(fteid, "iPv6Address", 6, &end.v6);
	if (!end.v4.family && !end.v6.family)
		return;
	for (unsigned i = 0; i < *to->n; i++)
		if (same_end(&to->end[i], &end))
			return;
	to->end[(*to->n)++] = end;
}

static void add_ends_of_list(const struct ends *to, const struct record_node *list, bool of_flows)
{
	const struct record_node *item = NULL;

	while (list && (item = node_next_child(list, item)) != NULL)
		add_end(to, of_flows ? node_child(item, "uPTunnelInformation") : item);
}

// `object`: a session, or one access of an MA PDU session
static void add_tunnels(const struct record_node *object, struct session_event *out)
{
	const struct ends up = {out->uplink, &out->n_uplink},
			  down = {out->downlink, &out->n_downlink};
	const struct record_node *tunnels =
		node_child(node_child(object, "gTPTunnelInfo"), "fiveGSGTPTunnels");
	const struct record_node *dl = node_child(tunnels, "dLRANTunnelInformation");

	add_end(&up, node_child(object, "gTPTunnelID"));
	add_end(&up, node_child(tunnels, "uLNGUUPTunnelInformation"));
	add_ends_of_list(&up, node_child(tunnels, "additionalULNGUUPTunnelInformation"), false);
	add_end(&down,
		node_child(node_child(dl, "dLQOSFlowTunnelInformation"), "uPTunnelInformation"));
	add_ends_of_list(&down, node_child(dl, "additionalDLQOSFlowTunnelInformation"), true);
	add_ends_of_list(&down, node_child(dl, "redundantDLQOSFlowTunnelInformation"), true);
	add_ends_of_list(
		&down, node_child(dl, "additionalredundantDLQOSFlowTunnelInformation"), true);
}

static void add_user_address(struct session_event *out, const struct record_node *endpoint)
{
	struct ip_address v4 = {0}, v6 = {0};

	get_address(endpoint, "iPv4Address", 4, &v4);
	get_address(endpoint, "iPv6Address", 6, &v6);
	if (v4.family && out->n_addresses < RADIUS_ADDRESSES_MAX) {
		struct ip_prefix p = {.family = 4, .length = 32};
		memcpy(p.b, v4.b, 4);
		out->address[out->n_addresses++] = p;
	}
	// An IPv6 session has a prefix of 64 bits (TS 23.501 clause 5.8.2.2.3).
	if (v6.family && out->n_addresses < RADIUS_ADDRESSES_MAX) {
		struct ip_prefix p = {.family = 6, .length = 64};
		memcpy(p.b, v6.b, 8);
		out->address[out->n_addresses++] = p;
	}
}

static void set_digits(struct digits *to, const struct record_node *choice, const char *name)
{
	const struct record_node *v = node_child(choice, name);

	if (!v || v->kind != NODE_TEXT || v->length >= sizeof(to->text))
		return;
	memcpy(to->text, v->text, v->length);
	to->text[v->length] = 0;
}

static void set_span(struct span *to, const struct record_node *v, size_t most)
{
	if (v && v->kind == NODE_TEXT && v->length > 0 && v->length <= most && !to->length)
		*to = (struct span){(const uint8_t *)v->text, (uint16_t)v->length};
}

void event_session(const struct record_node *record, struct session_event *out)
{
	const struct record_node *endpoints = node_child(record, "uEEndpoint"), *item = NULL;
	const struct record_node *supi = node_child(record, "sUPI"),
				 *pei = node_child(record, "pEI"),
				 *gpsi = node_child(record, "gPSI");
	const struct record_node *accesses = node_child(record, "accessInfo");

	set_digits(&out->user.imsi, supi, "iMSI");
	set_digits(&out->user.msisdn, gpsi, "mSISDN");
	set_digits(&out->user.imei, pei, "iMEI");
	set_digits(&out->user.imei, pei, "iMEISV");
	set_span(&out->user.nai, node_child(supi, "nAI"), SESSION_NAI_MAX);
	set_span(&out->user.nai, node_child(gpsi, "nAI"), SESSION_NAI_MAX);
	set_span(&out->dnn, node_child(record, "dNN"), SESSION_EVENT_DNN);
	if (endpoints && endpoints->kind == NODE_OBJECT)
		add_user_address(out, endpoints);
	while (endpoints && endpoints->kind == NODE_LIST &&
		(item = node_next_child(endpoints, item)) != NULL)
		add_user_address(out, item);
	add_tunnels(record, out);
	for (item = NULL; accesses && (item = node_next_child(accesses, item)) != NULL;)
		add_tunnels(item, out);
}
