// Translates details of generic objects into the kept form; refuses objects that cannot be served.
#include "control/x1/x1_object.h"

#include <stdio.h>
#include <string.h>

static int refuse(struct x1_refusal *why, const char *text)
{
	x1_refuse(why, X1_ERR_GENERIC, "%s", text);
	return POI_ERR_INVALID;
}

static int build_hash_context(const struct x1_object_details *d, const struct object *old,
	struct object_details *out, struct x1_refusal *why)
{
	if (d->salt_length > OBJECT_SALT_MAX)
		return refuse(why, "salt: more than 256 octets are not supported");
	out->type = OBJECT_HASH_CONTEXT;
	out->algorithm = !strcmp(d->algorithm, "sha-256")   ? OBJECT_SHA_256
			 : !strcmp(d->algorithm, "sha-512") ? OBJECT_SHA_512
							    : OBJECT_SHA3_512;
	out->salt = d->salt;
	out->salt_length = (uint16_t)d->salt_length;
	if (!old || !old->references)
		return 0;
	const struct object_details *was = &old->details;
	if (was->algorithm == out->algorithm && was->salt_length == out->salt_length &&
		!memcmp(was->salt, out->salt, out->salt_length))
		return 0;
	return refuse(
		why, "tasks use the hash context: what their digests mean cannot be modified");
}

// Checks one member of a set, and the deliveryType that all members of a redundant one share.
static int check_member(const struct registry *r, uint16_t ne, const struct id16 *did,
	const struct object_details *set, uint8_t *delivery, struct x1_refusal *why)
{
	const struct registry_destination *d = registry_destination_find(r, ne, did);
	char text[ID_TEXT_SIZE];

	id_format(did, text);
	if (!d || d->n_ends) {
		x1_refuse(why, X1_ERR_DID_UNKNOWN, "%s", text);
		return POI_ERR_INVALID;
	}
	if (d->removing || d->modifying) {
		x1_refuse(why, X1_ERR_GENERIC,
			"destination %s: another request for it is not completed yet", text);
		return POI_ERR_INVALID;
	}
	if (set->set == OBJECT_SET_REDUNDANT && *delivery && *delivery != d->delivery)
		return refuse(why, "the destinations of a Redundant set must have the same "
				   "deliveryType");
	*delivery = d->delivery;
	return 0;
}

static int build_set(const struct registry *r, uint16_t ne, const struct x1_object_details *d,
	struct object_details *out, struct x1_refusal *why)
{
	uint32_t most = d->duplicate ? OBJECT_MEMBERS_MAX : CHANNEL_ENDS_MAX;
	uint8_t delivery = 0;

	out->type = OBJECT_DESTINATION_SET;
	out->set = d->duplicate ? OBJECT_SET_DUPLICATE : OBJECT_SET_REDUNDANT;
	if (d->n_extensions)
		return refuse(why, "destinationSetDetailsExtension is not supported");
	if (!d->n_members)
		return refuse(why, "listOfAssociatedDIDs: a set of no destination");
	if (d->n_members > most) {
		x1_refuse(why, X1_ERR_GENERIC,
			"listOfAssociatedDIDs: a %s set of more than %u destinations is not "
			"supported",
			d->duplicate ? "Duplicate" : "Redundant", most);
		return POI_ERR_INVALID;
	}
	for (uint32_t i = 0; i < d->n_members; i++) {
		for (uint8_t k = 0; k < out->n_members; k++) {
			if (id_equal(&out->member[k], &d->members[i]))
				return refuse(
					why, "listOfAssociatedDIDs: a destination is named twice");
		}
		int rc = check_member(r, ne, &d->members[i], out, &delivery, why);
		if (rc)
			return rc;
		out->member[out->n_members++] = d->members[i];
	}
	return 0;
}

int x1_object_build(const struct registry *r, uint16_t ne, const struct x1_object_details *d,
	const struct object *old, struct object_details *out, struct x1_refusal *why)
{
	int rc;

	*out = (struct object_details){
		.id = d->id, .xml = d->xml, .xml_length = (uint32_t)d->xml_length};
	if (d->type == X1_OBJECT_UNKNOWN) {
		x1_refuse_quoting(why, X1_ERR_UNSUPPORTED_REQUEST,
			"generic objects of this type are not supported",
			"generic objects of type %s are not supported", d->type_name);
		return POI_ERR_INVALID;
	}
	if (d->xml_length > OBJECT_XML_MAX)
		return refuse(why, "an object of more than 8192 octets is not supported");
	if (d->type == X1_OBJECT_HASH_CONTEXT)
		rc = build_hash_context(d, old, out, why);
	else
		rc = build_set(r, ne, d, out, why);
	if (rc || !old)
		return rc;
	if (old->details.type != out->type)
		return refuse(why, "the type of an object cannot be modified");
	if (old->details.set != out->set)
		return refuse(why, "destinationSetType cannot be modified");
	return 0;
}

// Returns the deliveryTypes of a planned task's destinations together.
static uint8_t covered(const struct registry *r, uint16_t ne, const struct channel_task *c)
{
	uint8_t all = 0;

	for (uint8_t i = 0; i < c->n_destinations; i++) {
		const struct registry_destination *d = registry_destination_find(r, ne, &c->did[i]);
		all |= d ? d->delivery : 0;
	}
	return all;
}

static int check_task(const struct registry *r, const struct registry_task *t,
	const struct object_details *d, struct x1_refusal *why)
{
	struct channel_task c;
	char xid[ID_TEXT_SIZE];
	const char *what = NULL;
	int rc = registry_task_channel(r, t, &c);

	if (!rc)
		rc = registry_task_plan(r, t, d, &c);
	if (rc == POI_ERR_LIMIT)
		what = "would have more than 16 destinations";
	else if (rc)
		what = poi_error_text(rc);
	else if ((covered(r, t->ne, &c) & t->delivery) != t->delivery)
		what = "would have no destination for a part of its deliveryType";
	else if (t->removing || t->modifying || t->state != TASK_COMPLETE)
		what = "has a request that is not completed yet";
	if (!what)
		return 0;
	id_format(&t->xid, xid);
	x1_refuse(why, X1_ERR_GENERIC, "task %s, which names the set, %s", xid, what);
	return POI_ERR_INVALID;
}

bool x1_object_plannable(const struct registry *r, const struct object *old,
	const struct object_details *d, struct x1_refusal *why)
{
	uint32_t users = 0;
	const struct registry_task *t = registry_task_first(r, old->ne);

	for (; t && users < old->references; t = registry_task_next(t)) {
		if (!registry_task_names(t, &d->id))
			continue;
		users++;
		if (check_task(r, t, d, why))
			return false;
	}
	if (users == old->references)
		return true;
	// The user is a modification in flight, or a task of the fail-safe that is not removed yet.
	x1_refuse(why, X1_ERR_GENERIC,
		"another request for a task that names the set is not completed yet");
	return false;
}

void x1_object_users(const struct registry *r, const struct object *o, char *out, size_t capacity)
{
	size_t used = (size_t)snprintf(out, capacity, "in use by %u tasks:", o->references);

	for (const struct registry_task *t = registry_task_first(r, o->ne); t;
		t = registry_task_next(t)) {
		char xid[ID_TEXT_SIZE];
		if (!registry_task_names(t, &o->details.id))
			continue;
		if (used + ID_TEXT_SIZE + 5 > capacity) {
			snprintf(out + used, capacity - used, " ...");
			return;
		}
		id_format(&t->xid, xid);
		used += (size_t)snprintf(out + used, capacity - used, " %s", xid);
	}
}
