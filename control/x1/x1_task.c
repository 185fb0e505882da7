// Translates TaskDetails into a task of the dataplane; refuses tasks that cannot be served.
#include "control/x1/x1_task.h"

#include "control/x1/x1_task_criteria.h"
#include "control/x1/x1_task_report.h"

struct build {
	const struct config *config;
	const struct registry *registry;
	uint16_t ne;
	const struct registry_task *old; // ModifyTask: the task to replace
	int generic;			 // generic error code, 3000 or 3001
	struct x1_refusal *why;
};

// Returns true if the request may carry listOfServiceTypes. The POI intercepts data, whatever other
// network elements do for the task. The schema of V1.8.1 lacks the list, and a triggering function
// shall not send it (TS 33.128 table 6.2.3-6).
static bool may_have_services(const struct build *b, const struct x1_task_details *d)
{
	return d->minor > X1_MINOR_CORE && b->config->nes[b->ne].role == CONFIG_ROLE_POI;
}

// Data is what packets and sessions are; messages are records of an SMSF and nothing else.
static const char *refused_service(const struct build *b, const struct x1_task_details *d)
{
	const struct config_ne *ne = &b->config->nes[b->ne];
	bool messages = config_records_set(ne->records, ne->n_records) & RECORDS_SMSF;

	if (!d->has_service_types || d->has_service_data)
		return NULL;
	if (!d->has_service_messaging || !messages)
		return "listOfServiceTypes: none of its service types is intercepted here";
	return x1_task_records_only(ne, d)
		       ? NULL
		       : "listOfServiceTypes: of messaging alone there are records, which are X2 "
			 "without HeaderReporting";
}

static int refuse_unhonoured(struct build *b, const struct x1_task_details *d)
{
	bool services = d->has_service_types && !may_have_services(b, d);
	const char *what = services		      ? "listOfServiceTypes"
			   : d->has_policy_references ? "policy references"
			   : d->has_dsids	      ? "dSId"
			   : d->has_mediation	      ? "listOfMediationDetails"
						      : NULL;

	if (what) {
		x1_refuse(b->why, b->generic, "%s is not supported", what);
		return POI_ERR_INVALID;
	}
	const char *service = refused_service(b, d);
	if (service) {
		x1_refuse(b->why, X1_ERR_SERVICE_TYPE, "%s", service);
		return POI_ERR_INVALID;
	}
	for (uint32_t i = 0; i < d->n_extensions; i++) {
		const struct x1_task_extension *e = &d->extensions[i];
		if (x1_task_extension_read(e))
			continue; // see x1_task_report
		x1_refuse_quoting(b->why, b->generic,
			"taskDetailsExtensions: an extension is not supported",
			"taskDetailsExtensions of owner %s: %s is not supported",
			e->owner ? e->owner : "(none)", e->name ? e->name : "(empty)");
		return POI_ERR_INVALID;
	}
	// Other network elements shall ignore it (table 4).
	bool triggered = b->config->nes[b->ne].role == CONFIG_ROLE_TRIGGERED;
	if (triggered && d->correlation_too_large) {
		x1_refuse(b->why, b->generic, "correlationID: more than 64 bits");
		return POI_ERR_INVALID;
	}
	if (triggered && (!d->has_correlation || !d->has_product)) {
		x1_refuse(b->why, b->generic,
			"%s is mandatory towards a triggered point of interception",
			d->has_correlation ? "productID" : "correlationID");
		return POI_ERR_INVALID;
	}
	return 0;
}

// Unknown destinations are refused before those of a wrong kind, in any order of the list.
static int check_known(struct build *b, const struct x1_task_details *d)
{
	char text[ID_TEXT_SIZE];

	for (uint32_t i = 0; i < d->n_dids; i++) {
		const struct registry_destination *known =
			registry_destination_find(b->registry, b->ne, &d->dids[i]);
		if (known && !known->removing && !known->n_ends)
			continue;
		id_format(&d->dids[i], text);
		if (known && !known->n_ends) {
			x1_refuse(b->why, b->generic,
				"destination %s: its removal is not completed yet", text);
			return POI_ERR_INVALID;
		}
		x1_refuse(b->why, X1_ERR_DID_UNKNOWN, "%s", text);
		return POI_ERR_INVALID;
	}
	return 0;
}

static int refuse_many(struct build *b)
{
	x1_refuse(b->why, b->generic, "more than %d destinations", CHANNEL_TASK_DESTINATIONS_MAX);
	return POI_ERR_INVALID;
}

// Returns the set with this identifier, or NULL with the reason why it cannot be named.
static const struct object *find_set(struct build *b, const struct id16 *id)
{
	const struct object *o = objects_find(registry_objects(b->registry), b->ne, id);
	char text[ID_TEXT_SIZE];

	id_format(id, text);
	if (!o)
		x1_refuse(b->why, X1_ERR_OBJECT_UNKNOWN, "%s", text);
	else if (o->details.type != OBJECT_DESTINATION_SET)
		x1_refuse(b->why, b->generic, "dSId %s: the object is no destination set", text);
	else if (o->modifying || o->removing)
		x1_refuse(b->why, b->generic,
			"dSId %s: another request for the set is not completed yet", text);
	else if (o->details.set == OBJECT_SET_REDUNDANT &&
		 !registry_destination_find(b->registry, b->ne, id))
		x1_refuse(b->why, b->generic, "dSId %s: the set was not created to its end", text);
	else
		return o;
	return NULL;
}

static int add_object(struct build *b, const struct id16 *id, struct x1_task_room *room)
{
	if (x1_task_room_name(room, id))
		return 0;
	x1_refuse(b->why, b->generic, "more than %d generic objects", X1_TASK_OBJECTS_MAX);
	return POI_ERR_INVALID;
}

// Adds the destinations of the sets behind those that the task names.
static int add_sets(struct build *b, const struct x1_task_details *d, struct channel_task *out,
	struct x1_task_room *room)
{
	for (uint32_t i = 0; i < d->n_dsids; i++) {
		const struct object *set = find_set(b, &d->dsids[i]);
		if (!set)
			return POI_ERR_INVALID;
		int rc = add_object(b, &d->dsids[i], room);
		if (rc)
			return rc;
		if (registry_set_add(&set->details, out))
			return refuse_many(b);
	}
	return 0;
}

static int add_destinations(struct build *b, const struct x1_task_details *d,
	struct channel_task *out, struct x1_task_room *room)
{
	uint8_t covered = 0;

	for (uint32_t i = 0; i < d->n_dids; i++) {
		bool repeated = false;

		for (uint8_t k = 0; k < out->n_destinations; k++)
			repeated = repeated || id_equal(&out->did[k], &d->dids[i]);
		if (repeated)
			continue;
		if (out->n_destinations == CHANNEL_TASK_DESTINATIONS_MAX)
			return refuse_many(b);
		out->did[out->n_destinations++] = d->dids[i];
	}
	room->n_named = out->n_destinations;
	int rc = add_sets(b, d, out, room);
	if (rc)
		return rc;
	for (uint8_t i = 0; i < out->n_destinations; i++) {
		const struct registry_destination *known =
			registry_destination_find(b->registry, b->ne, &out->did[i]);
		// While a destination is being modified, count what both old and new details
		// deliver. Everything sent needs a destination (table 4), but a destination may get
		// nothing.
		if (known)
			covered |= known->modifying ? known->delivery & known->next_delivery
						    : known->delivery;
	}
	if ((covered & out->delivery) != out->delivery) {
		x1_refuse(b->why, X1_ERR_DELIVERY_TYPE,
			"listOfDIDs: none of its destinations has a deliveryType that takes %s",
			out->delivery & ~covered & DELIVERY_X2 ? "X2" : "X3");
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

// Refuses a task beyond IDENTITY_CONTEXTS_MAX: the dataplane would accept it and match no
// subscriber until a context is free.
static int check_hash_contexts(struct build *b, const struct channel_task *new)
{
	if (registry_hash_contexts(b->registry, new) <= IDENTITY_CONTEXTS_MAX)
		return 0;
	x1_refuse(b->why, b->generic,
		"hashedIdentifier: at most %d hash contexts, of one algorithm, salt and "
		"targetIdentityType each, are used at a time",
		IDENTITY_CONTEXTS_MAX);
	return POI_ERR_INVALID;
}

// Checks a modification: a trigger may change the criteria and nothing else (TS 33.128 clause
// 6.2.3.5.3).
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
	else if (before.records != new->records)
		what = "records of network functions";
	if (!what)
		return 0;
	x1_refuse(b->why, b->generic,
		"%s: only targetIdentifiers may be modified at a triggered point of interception",
		what);
	return POI_ERR_INVALID;
}

int x1_task_build(const struct config *config, const struct registry *r, uint16_t ne,
	const struct x1_task_details *d, const struct registry_task *old, struct channel_task *out,
	struct x1_task_room *room, struct x1_refusal *why)
{
	struct build b = {
		.config = config,
		.registry = r,
		.ne = ne,
		.old = old,
		.generic = old ? X1_ERR_MODIFY : X1_ERR_ACTIVATE,
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
	const struct x1_criteria_of of = {.config = config,
		.ne = &config->nes[ne],
		.registry = r,
		.number = ne,
		.room = room,
		.generic = b.generic,
		.records_only = x1_task_records_only(&config->nes[ne], d),
		.why = why};
	room->n_objects = room->n_named = 0;
	int rc = x1_task_criteria(&of, d, out, room->alternatives);
	if (!rc)
		rc = refuse_unhonoured(&b, d);
	if (!rc)
		rc = x1_task_report(&config->nes[ne], d, b.generic, out, why);
	if (!rc && (out->report != REPORT_NONE || out->records ||
			   config->delivery.attributes.matched_target))
		rc = x1_task_matched(d, b.generic, out, room->matched, why);
	if (!rc)
		rc = check_hash_contexts(&b, out);
	if (!rc)
		rc = check_known(&b, d);
	if (!rc)
		rc = add_destinations(&b, d, out, room);
	if (!rc)
		rc = check_modification(&b, d, out);
	return rc;
}
