// Generic objects in the sealed store. A record without a memo marks a removal.
#include "control/state/task_store_internal.h"

void task_store_read_object(struct task_store *v, const uint8_t *body, size_t length)
{
	struct objects *all = registry_objects(v->loaded);
	struct object *o = NULL;
	struct channel_memo m;

	int32_t ne = channel_decode_memo(body, length, &m) ? POI_ERR_SYNTAX
							   : registry_ne_index(v->loaded, &m.ne);
	if (ne < 0) // not configured any more, or of another version: its tasks report it
		return;
	struct object *old = objects_find(all, (uint16_t)ne, &m.id);
	if (!m.memo_length) {
		if (old)
			registry_object_remove(v->loaded, old);
		return;
	}
	int rc = object_from_memo((uint16_t)ne, &m.id, m.memo, m.memo_length, &o);
	if (!rc)
		rc = old ? registry_object_replace(v->loaded, o)
			 : registry_object_add(v->loaded, o);
	if (!rc)
		return;
	object_free(o);
	v->element[ne].invalid = true;
}

static int write_memo(struct task_store *v, const struct channel_memo *m)
{
	return task_store_append_body(v, OBJECT,
		channel_encode_memo(v->record, sizeof(v->record), CHANNEL_OBJECT_STATE, 0, m));
}

int task_store_write_object(struct task_store *v, const struct registry *r, const struct object *o)
{
	struct channel_memo m = {.ne = *registry_ne_id(r, o->ne),
		.id = o->details.id,
		.of = MEMO_OBJECT,
		.memo = v->memo};
	int n = object_memo(o, v->memo, sizeof(v->memo));

	if (n < 0)
		return n;
	m.memo_length = (uint32_t)n;
	return write_memo(v, &m);
}

int task_store_put_object(struct task_store *v, const struct registry *r, const struct object *o)
{
	return v->failed ? POI_ERR_IO : task_store_write_object(v, r, o);
}

int task_store_remove_object(struct task_store *v, const struct id16 *ne, const struct id16 *id)
{
	struct channel_memo m = {.ne = *ne, .id = *id, .of = MEMO_OBJECT, .memo = v->memo};

	return write_memo(v, &m);
}

int task_store_take_objects(struct task_store *v, struct registry *r, uint16_t ne)
{
	struct object *o;

	while ((o = objects_take(registry_objects(v->loaded), ne)) != NULL) {
		int rc = registry_object_add(r, o);
		if (!rc)
			continue;
		object_free(o);
		return rc;
	}
	return 0;
}
