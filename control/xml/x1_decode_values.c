// Content of messages: task and destination details, as values. The schema has accepted the
// document (Extension content excepted), so shapes are given; conditions beyond it are checked:
// 64-bit overflow, UUID version.
#include "control/xml/x1_decode_internal.h"

#include <string.h>

bool value_id(struct values *v, const xmlNode *node, struct id16 *out)
{
	const char *text = value_text(v, node, true);

	if (id_parse(text, strlen(text), out) != 0) {
		value_broken(v, node != NULL ? (const char *)node->name : "UUID", "is not a UUID");
		return false;
	}
	if (v->require_uuid_v4 && !id_is_v4(out)) {
		value_broken(v, (const char *)node->name, "is not a version 4 UUID");
		return false;
	}
	return true;
}

static uint16_t value_port(struct values *v, const xmlNode *node)
{
	uint64_t port = 0;

	if (!x1_unsigned(value_text(v, node, true), UINT16_MAX, &port))
		value_broken(
			v, node != NULL ? (const char *)node->name : "port", "is out of range");
	return (uint16_t)port;
}

static enum x1_delivery value_delivery(struct values *v, const xmlNode *parent)
{
	const char *text = value_text(v, x1_child(parent, "deliveryType"), false);

	return strcmp(text, "X2Only") == 0   ? X1_X2_ONLY
	       : strcmp(text, "X3Only") == 0 ? X1_X3_ONLY
					     : X1_X2_AND_X3;
}

static uint32_t count_elements(const xmlNode *parent)
{
	uint32_t n = 0;

	for (const xmlNode *c = x1_first_element(parent); c != NULL; c = x1_next_element(c))
		n++;
	return n;
}

// The child's text where it is the one of that name; it moves on to the next.
static const char *hashed_text(struct values *v, const xmlNode **at, const char *name)
{
	const xmlNode *n = *at;

	if (n == NULL || n->ns == NULL ||
		strcmp((const char *)n->ns->href, X1_NAMESPACE "/HashedID") != 0 ||
		strcmp((const char *)n->name, name) != 0) {
		value_broken(v, name, "is missing in hashedIdentifier");
		return "";
	}
	*at = x1_next_element(n);
	return value_text(v, n, true);
}

// The schema of V1.8.1 has no content model for it, so its children are checked here.
static void read_hashed(struct values *v, const xmlNode *e, struct x1_target *out)
{
	const xmlNode *at = x1_first_element(e);
	const char *context = hashed_text(v, &at, "hashContextID");

	if (v->why[0] == '\0' && id_parse(context, strlen(context), &out->context) != 0)
		value_broken(v, "hashContextID", "is not a UUID");
	out->identity = hashed_text(v, &at, "targetIdentityType");
	out->digest = hashed_text(v, &at, "hashDigest");
	size_t n = strlen(out->digest);
	if (n % 2 != 0 || strspn(out->digest, "0123456789abcdefABCDEF") != n)
		value_broken(v, "hashDigest", "is not octets in hexadecimal");
	if (at != NULL)
		value_broken(v, "hashedIdentifier", "holds more than it is defined with");
}

static bool read_target(struct values *v, const xmlNode *wrapper, struct x1_target *out)
{
	const xmlNode *e = x1_first_element(wrapper);

	out->kind = X1_TARGET_COUNT;
	for (int k = 0; e != NULL && k < X1_TARGET_COUNT; k++) {
		if (strcmp((const char *)e->name, x1_target_name((enum x1_target_kind)k)) == 0)
			out->kind = (enum x1_target_kind)k;
	}
	if (out->kind == X1_TARGET_COUNT) {
		value_broken(v, "targetIdentifier", "holds no identifier");
		return false;
	}
	out->text = "";
	out->xml = x1_serialise(v->arena, wrapper, true, NULL);
	if (out->xml == NULL)
		v->no_memory = true;
	const xmlNode *first = x1_first_element(e);
	switch (out->kind) {
	case X1_TARGET_IPV4_CIDR:
		out->text = value_text(v, first, true);
		break;
	case X1_TARGET_TCP_PORT_RANGE:
	case X1_TARGET_UDP_PORT_RANGE:
		out->port[0] = value_port(v, first);
		out->port[1] = value_port(v, first != NULL ? x1_next_element(first) : NULL);
		break;
	case X1_TARGET_TCP_PORT_LIST:
	case X1_TARGET_UDP_PORT_LIST: {
		uint16_t *ports = value_alloc(v, count_elements(e), sizeof(*ports));
		for (; ports != NULL && first != NULL; first = x1_next_element(first))
			ports[out->n_ports++] = value_port(v, first);
		out->ports = ports;
		break;
	}
	case X1_TARGET_HASHED_IDENTIFIER:
		if (v->minor >= X1_OBJECTS_MINOR)
			read_hashed(v, e, out);
		break;
	case X1_TARGET_EXTENSION:
		return x1_read_target_extension(v, e, out);
	default:
		out->text = value_text(v, e, true);
		if (out->kind == X1_TARGET_TCP_PORT || out->kind == X1_TARGET_UDP_PORT)
			out->port[0] = out->port[1] = value_port(v, e);
	}
	return true;
}

static void read_targets(struct values *v, const xmlNode *list, struct x1_task_details *t)
{
	struct x1_target *targets = value_alloc(v, count_elements(list), sizeof(*targets));

	if (targets == NULL)
		return;
	t->targets = targets;
	for (const xmlNode *n = x1_first_element(list); n != NULL; n = x1_next_element(n)) {
		if (!read_target(v, n, &targets[t->n_targets++]))
			return;
	}
}

static void read_dids(struct values *v, const xmlNode *list, struct x1_task_details *t)
{
	struct id16 *dids = value_alloc(v, count_elements(list), sizeof(*dids));
	struct id16 *dsids = value_alloc(v, count_elements(list), sizeof(*dsids));

	if (dids == NULL || dsids == NULL)
		return;
	t->dids = dids;
	t->dsids = dsids;
	for (const xmlNode *n = x1_first_element(list); n != NULL; n = x1_next_element(n)) {
		if (x1_is(n, "dId"))
			(void)value_id(v, n, &dids[t->n_dids++]);
		else if (v->minor >= X1_OBJECTS_MINOR)
			(void)value_id(v, n, &dsids[t->n_dsids++]);
		else
			t->has_dsids = true;
	}
}

// One entry for each element inside each taskDetailsExtensions, so that none is overlooked; one for
// an extension that is empty.
static void read_extensions(struct values *v, const xmlNode *task, struct x1_task_details *t)
{
	uint32_t most = 0;

	for (const xmlNode *n = x1_first_element(task); n != NULL; n = x1_next_element(n)) {
		if (x1_is(n, "taskDetailsExtensions"))
			most += count_elements(n);
	}
	struct x1_task_extension *all = value_alloc(v, most, sizeof(*all));
	if (all == NULL)
		return;
	t->extensions = all;
	for (const xmlNode *n = x1_first_element(task); n != NULL; n = x1_next_element(n)) {
		if (!x1_is(n, "taskDetailsExtensions"))
			continue;
		const xmlNode *owner = x1_child(n, "Owner");
		const char *text = value_text(v, owner, true);
		const xmlNode *e = owner != NULL ? x1_next_element(owner) : NULL;
		if (e == NULL)
			all[t->n_extensions++].owner = text;
		for (; e != NULL; e = x1_next_element(e)) {
			if (!x1_read_task_extension(v, e, text, &all[t->n_extensions++]))
				return;
		}
	}
}

static void read_options(struct values *v, const xmlNode *n, struct x1_task_details *t)
{
	if (x1_is(n, "listOfMediationDetails")) {
		t->has_mediation = true;
	} else if (x1_is(n, "correlationID")) {
		t->has_correlation = true;
		t->correlation_too_large =
			!x1_unsigned(value_text(v, n, true), UINT64_MAX, &t->correlation);
	} else if (x1_is(n, "implicitDeactivationAllowed")) {
		const char *text = value_text(v, n, true);
		t->has_implicit = true;
		t->implicit_deactivation = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	} else if (x1_is(n, "productID")) {
		t->has_product = value_id(v, n, &t->product);
	} else if (x1_is(n, "listOfServiceTypes")) {
		t->has_service_types = true;
		for (const xmlNode *e = x1_first_element(n); e != NULL; e = x1_next_element(e)) {
			t->has_service_data |= strcmp(value_text(v, e, true), "data") == 0;
			t->has_service_messaging |=
				strcmp(value_text(v, e, true), "messaging") == 0;
		}
	} else if (x1_is(n, "listOfTrafficPolicyReferences") ||
		   x1_is(n, "listOfIRIPolicyReferences")) {
		t->has_policy_references = true;
	}
}

const struct x1_task_details *x1_read_task(struct values *v, const xmlNode *element)
{
	struct x1_task_details *t = value_alloc(v, 1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->minor = v->minor;
	(void)value_id(v, x1_child(element, "xId"), &t->xid);
	read_targets(v, x1_child(element, "targetIdentifiers"), t);
	t->delivery = value_delivery(v, element);
	read_dids(v, x1_child(element, "listOfDIDs"), t);
	for (const xmlNode *n = x1_first_element(element); n != NULL; n = x1_next_element(n))
		read_options(v, n, t);
	read_extensions(v, element, t);
	t->xml = x1_serialise(v->arena, element, false, &t->xml_length);
	if (t->xml == NULL)
		v->no_memory = true;
	return v->no_memory || v->why[0] != '\0' ? NULL : t;
}

static void read_address(struct values *v, const xmlNode *holder, struct x1_destination_details *d)
{
	const xmlNode *e = x1_first_element(holder);

	if (x1_is(e, "ipAddressAndPort")) {
		const xmlNode *address = x1_first_element(e);
		const xmlNode *port = x1_first_element(x1_next_element(address));
		d->address_kind = X1_ADDRESS_IP_PORT;
		d->address = value_text(v, x1_first_element(address), true);
		d->udp = strcmp((const char *)port->name, "UDPPort") == 0;
		d->port = value_port(v, port);
		return;
	}
	d->address_kind = x1_is(e, "e164Number") ? X1_ADDRESS_E164
			  : x1_is(e, "uri")	 ? X1_ADDRESS_URI
						 : X1_ADDRESS_EMAIL;
	d->address = value_text(v, e, true);
}

const struct x1_destination_details *x1_read_destination(struct values *v, const xmlNode *element)
{
	struct x1_destination_details *d = value_alloc(v, 1, sizeof(*d));
	const xmlNode *name = x1_child(element, "friendlyName");

	if (d == NULL)
		return NULL;
	(void)value_id(v, x1_child(element, "dId"), &d->did);
	if (name != NULL)
		d->friendly_name = value_text(v, name, false);
	d->delivery = value_delivery(v, element);
	read_address(v, x1_child(element, "deliveryAddress"), d);
	for (const xmlNode *n = x1_first_element(element); n != NULL; n = x1_next_element(n))
		d->n_extensions += x1_is(n, "destinationDetailsExtensions");
	d->xml = x1_serialise(v->arena, element, false, &d->xml_length);
	if (d->xml == NULL)
		v->no_memory = true;
	return v->no_memory || v->why[0] != '\0' ? NULL : d;
}
