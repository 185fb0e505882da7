// The memos that the dataplane keeps for us: what a restarted control needs beyond the fields that
// the channel's messages carry already. Version 2, or 3 of what has to do with generic objects;
// earlier ones are still read.
#include "control/state/registry.h"

#include <stdlib.h>
#include <string.h>

#include "shared/wire.h"

#define MEMO_VERSION 1
#define TASK_MEMO_VERSION 2	   // 1 lacks what earlier dataplanes counted
#define TASK_OBJECTS_VERSION 3	   // of a task that names generic objects
#define DESTINATION_MEMO_VERSION 2 // 1 lacks what is pending
#define SET_MEMO_VERSION 3	   // of a redundant set

static int task_memo(
	const struct registry_task *t, const struct fault *faults, uint8_t *out, size_t capacity)
{
	struct wire_writer w =
		wire_writer_of(out, capacity > CHANNEL_MEMO_MAX ? CHANNEL_MEMO_MAX : capacity);

	wire_put_u8(&w, t->n_objects ? TASK_OBJECTS_VERSION : TASK_MEMO_VERSION);
	wire_put_u8(&w, t->implicit);
	wire_put_u8(&w, t->pending);
	wire_put_octets(&w, t->pending_transaction.b, sizeof(t->pending_transaction.b));
	wire_put_u32(&w, t->modifications);
	wire_put_u64(&w, t->activated_ns);
	wire_put_u64(&w, t->modified_ns);
	wire_put_u64(&w, t->before.x2_octets);
	wire_put_u64(&w, t->before.x3_octets);
	wire_put_u64(&w, t->before.last_intercept_ns);
	if (t->n_objects) {
		wire_put_u8(&w, t->n_named);
		wire_put_u8(&w, t->n_objects);
		wire_put_octets(&w, t->objects, t->n_objects * sizeof(*t->objects));
	}
	fault_put_all(&w, faults);
	wire_put_u32(&w, t->xml_length);
	wire_put_octets(&w, registry_task_xml(t), t->xml_length);
	return w.error ? POI_ERR_TOO_LARGE : (int)wire_written(&w);
}

int registry_task_memo(const struct registry_task *t, uint8_t *out, size_t capacity)
{
	return task_memo(t, t->faults, out, capacity);
}

int registry_task_memo_with(
	const struct registry_task *t, const struct fault *faults, uint8_t *out, size_t capacity)
{
	return task_memo(t, faults, out, capacity);
}

struct named { // names in a task's memo
	uint8_t n_named, n_objects;
	struct id16 objects[UINT8_MAX];
};

static void get_named(struct wire_reader *r, struct named *out)
{
	out->n_named = wire_get_u8(r);
	out->n_objects = wire_get_u8(r);
	for (uint8_t i = 0; i < out->n_objects; i++)
		wire_get_octets(r, out->objects[i].b, sizeof(out->objects[i].b));
}

int registry_task_from_memo(uint16_t ne, const struct channel_task *c, struct registry_task **out)
{
	struct wire_reader r = wire_reader_of(c->memo, c->memo_length);
	struct named named = {.n_named = c->n_destinations};
	struct fault *faults = NULL;
	struct id16 transaction;

	uint8_t version = wire_get_u8(&r);
	if (version < MEMO_VERSION || version > TASK_OBJECTS_VERSION)
		return r.error ? POI_ERR_SYNTAX : POI_ERR_VERSION;
	uint8_t implicit = wire_get_u8(&r);
	uint8_t pending = wire_get_u8(&r);
	wire_get_octets(&r, transaction.b, sizeof(transaction.b));
	uint32_t modifications = wire_get_u32(&r);
	uint64_t activated_ns = wire_get_u64(&r);
	uint64_t modified_ns = wire_get_u64(&r);
	struct task_amounts before = {0};
	if (version >= TASK_MEMO_VERSION) {
		before.x2_octets = wire_get_u64(&r);
		before.x3_octets = wire_get_u64(&r);
		before.last_intercept_ns = wire_get_u64(&r);
	}
	if (version == TASK_OBJECTS_VERSION)
		get_named(&r, &named);
	int rc = fault_get_all(&r, &faults);
	uint32_t xml_length = wire_get_u32(&r);
	const uint8_t *xml = wire_take(&r, xml_length);
	if (!rc)
		rc = wire_finish(&r);
	if (!rc && (implicit > 1 || pending > PENDING_DEACTIVATE ||
			   named.n_named > c->n_destinations ||
			   (version == TASK_OBJECTS_VERSION && !named.n_objects)))
		rc = POI_ERR_INVALID;
	struct registry_task *t =
		rc ? NULL : registry_task_new(ne, c, (const char *)xml, xml_length);
	if (!t || registry_task_set_objects(t, named.objects, named.n_objects)) {
		registry_task_free(t);
		fault_free_all(&faults);
		return rc ? rc : POI_ERR_NOMEM;
	}
	t->n_named = named.n_named;
	t->implicit = implicit;
	t->pending = pending;
	t->pending_transaction = transaction;
	t->modifications = modifications;
	t->activated_ns = activated_ns;
	t->modified_ns = modified_ns;
	t->before = before;
	t->faults = faults;
	t->state = TASK_COMPLETE;
	*out = t;
	return 0;
}

static int destination_memo(const struct registry_destination *d, const struct fault *faults,
	uint8_t *out, size_t capacity)
{
	struct wire_writer w =
		wire_writer_of(out, capacity > CHANNEL_MEMO_MAX ? CHANNEL_MEMO_MAX : capacity);

	wire_put_u8(&w, d->n_ends ? SET_MEMO_VERSION : DESTINATION_MEMO_VERSION);
	if (d->n_ends)
		wire_put_u8(&w, d->ends_down);
	wire_put_u8(&w, d->down);
	wire_put_u8(&w, d->pending);
	wire_put_octets(&w, d->pending_transaction.b, sizeof(d->pending_transaction.b));
	fault_put_all(&w, faults);
	wire_put_u32(&w, d->xml_length);
	wire_put_octets(&w, d->xml, d->xml_length);
	return w.error ? POI_ERR_TOO_LARGE : (int)wire_written(&w);
}

int registry_destination_memo(const struct registry_destination *d, uint8_t *out, size_t capacity)
{
	return destination_memo(d, d->faults, out, capacity);
}

int registry_destination_memo_with(const struct registry_destination *d, const struct fault *faults,
	uint8_t *out, size_t capacity)
{
	return destination_memo(d, faults, out, capacity);
}

int registry_destination_from_memo(
	uint16_t ne, const struct channel_destination *c, struct registry_destination **out)
{
	struct wire_reader r = wire_reader_of(c->memo, c->memo_length);
	struct fault *faults = NULL;
	struct id16 transaction = {0};
	uint8_t version = wire_get_u8(&r), pending = 0;

	if (version < MEMO_VERSION || version > SET_MEMO_VERSION)
		return r.error ? POI_ERR_SYNTAX : POI_ERR_VERSION;
	uint8_t ends_down = version == SET_MEMO_VERSION ? wire_get_u8(&r) : 0;
	uint8_t down = wire_get_u8(&r);
	if (version >= DESTINATION_MEMO_VERSION) {
		pending = wire_get_u8(&r);
		wire_get_octets(&r, transaction.b, sizeof(transaction.b));
	}
	int rc = fault_get_all(&r, &faults);
	uint32_t xml_length = wire_get_u32(&r);
	const uint8_t *xml = wire_take(&r, xml_length);
	if (!rc)
		rc = wire_finish(&r);
	if (!rc && (pending > 1 || (version == SET_MEMO_VERSION) != (c->n_ends > 0)))
		rc = POI_ERR_INVALID;
	struct registry_destination *d =
		rc ? NULL : registry_destination_new(ne, c, (const char *)xml, xml_length);
	if (!d) {
		fault_free_all(&faults);
		return rc ? rc : POI_ERR_NOMEM;
	}
	d->ends_down = ends_down;
	d->down = down != 0;
	d->pending = pending != 0;
	d->pending_transaction = transaction;
	d->faults = faults;
	d->ready = true;
	*out = d;
	return 0;
}
