// The sealed store: records of changes, what they add up to, and a new file.
#include "control/state/task_store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/audit/credentials.h"
#include "shared/sealed_file.h"
#include "shared/wire.h"

#define CLOCK_AHEAD_S 60
#define CONTACT_EVERY_S 10
#define WORTH_REWRITING (256 * 1024)

// Reading.

// The newer record has the faults of its time.
static void swap(struct fault **a, struct fault **b)
{
	struct fault *first = *a;

	*a = *b;
	*b = first;
}

static int replace_destination(struct registry *r, struct registry_destination *d)
{
	struct registry_destination *old = registry_destination_find(r, d->ne, &d->did);

	if (!old)
		return registry_destination_add(r, d);
	swap(&old->faults, &d->faults);
	return registry_destination_replace(r, d);
}

static int replace_task(struct registry *r, struct registry_task *t)
{
	struct registry_task *old = registry_task_find(r, t->ne, &t->xid);

	if (!old)
		return registry_task_add(r, t);
	swap(&old->faults, &t->faults);
	return registry_task_replace(r, t);
}

// A file of another version: its network element is unknown.
static void mark_unreadable(struct task_store *v)
{
	for (uint16_t ne = 0; ne < registry_nes(v->loaded); ne++)
		v->element[ne].invalid = true;
}

static void read_destination(struct task_store *v, const uint8_t *body, size_t length)
{
	struct channel_destination c;
	struct registry_destination *d;

	if (channel_decode_destination(body, length, &c)) {
		mark_unreadable(v);
		return;
	}
	int32_t ne = registry_ne_index(v->loaded, &c.ne);
	if (ne < 0)
		return; // not configured any more
	int rc = registry_destination_from_memo((uint16_t)ne, &c, &d);
	if (!rc) {
		rc = replace_destination(v->loaded, d);
		if (rc)
			registry_destination_free(d);
	}
	if (rc)
		v->element[ne].invalid = true;
}

// Gives a destination of an earlier version's store a new creation: it inherits no spool.
static void read_destination_before(struct task_store *v, const uint8_t *body, size_t length)
{
	uint64_t creation = registry_creation();

	if (length > sizeof(v->record) - sizeof(creation)) {
		mark_unreadable(v);
		return;
	}
	memcpy(v->record, body, length);
	memcpy(v->record + length, &creation, sizeof(creation));
	read_destination(v, v->record, length + sizeof(creation));
}

static void read_task(struct task_store *v, const uint8_t *body, size_t length)
{
	struct channel_task c;
	struct registry_task *t;

	if (channel_decode_task(body, length, &c)) {
		mark_unreadable(v);
		return;
	}
	int32_t ne = registry_ne_index(v->loaded, &c.ne);
	if (ne < 0)
		return;
	int rc = registry_task_from_memo((uint16_t)ne, &c, &t);
	if (!rc) {
		rc = replace_task(v->loaded, t);
		if (rc)
			registry_task_free(t);
	}
	if (rc)
		v->element[ne].invalid = true;
}

static void drop_tasks(struct registry *r, uint16_t ne)
{
	while (registry_task_first(r, ne))
		registry_task_remove(r, registry_task_first(r, ne));
}

static void read_key(struct task_store *v, enum kind kind, const uint8_t *body, size_t length)
{
	struct wire_reader r = wire_reader_of(body, length);
	struct id16 ne_id, id = {0};
	uint64_t contact = 0;

	wire_get_octets(&r, ne_id.b, sizeof(ne_id.b));
	if (kind == CONTACT)
		contact = wire_get_u64(&r);
	else
		wire_get_octets(&r, id.b, sizeof(id.b));
	int32_t ne = registry_ne_index(v->loaded, &ne_id);
	if (wire_finish(&r) || ne < 0)
		return;
	struct registry_task *t = registry_task_find(v->loaded, (uint16_t)ne, &id);
	struct registry_destination *d = registry_destination_find(v->loaded, (uint16_t)ne, &id);
	if (kind == CONTACT)
		v->element[ne].contact_s = v->element[ne].written_s = contact;
	else if (kind == STOP_TASKS)
		drop_tasks(v->loaded, (uint16_t)ne);
	else if (kind == REMOVE_TASK && t)
		registry_task_remove(v->loaded, t);
	else if (kind == REMOVE_DESTINATION && d && !d->references)
		registry_destination_remove(v->loaded, d);
}

static int on_record(void *context, const uint8_t *record, size_t length)
{
	struct task_store *v = context;

	switch (record[0]) {
	case PUT_DESTINATION_BEFORE:
		read_destination_before(v, record + 1, length - 1);
		return 0;
	case PUT_DESTINATION:
		read_destination(v, record + 1, length - 1);
		return 0;
	case PUT_TASK:
		read_task(v, record + 1, length - 1);
		return 0;
	case REMOVE_DESTINATION:
	case REMOVE_TASK:
	case CONTACT:
	case STOP_TASKS:
		read_key(v, record[0], record + 1, length - 1);
		return 0;
	case OBJECT:
		task_store_read_object(v, record + 1, length - 1);
		return 0;
	case REPORT:
		task_store_read_report(v, record + 1, length - 1);
		return 0;
	case ELEMENT:
		task_store_read_element(v, record + 1, length - 1);
		return 0;
	case RESTORING: // stands until the file is written anew
		v->restoring = true;
		return 0;
	default:
		return POI_ERR_VERSION;
	}
}

struct task_store *task_store_open(const struct config *config, char *why, size_t why_size)
{
	const char *identifiers[CONFIG_NES_MAX];
	uint8_t root[CREDENTIAL_KEY_SIZE];
	struct task_store *v = calloc(1, sizeof(*v));
	int rc = POI_ERR_NOMEM;

	for (uint32_t i = 0; i < config->n_nes; i++)
		identifiers[i] = config->nes[i].ne_identifier;
	if (v)
		v->loaded = registry_new((uint16_t)config->n_nes, identifiers);
	if (!v || !v->loaded)
		goto fail;
	v->config = config;
	rc = credential_key(config->store.key, "store-key", root);
	if (!rc)
		v->sealed = sealed_file_open(config->store.file, root, on_record, v, &rc);
	explicit_bzero(root, sizeof(root));
	if (v->sealed)
		return v;
fail:
	snprintf(why, why_size, "store %s: %s", config->store.file,
		rc == POI_ERR_NOT_FOUND ? "no key: set store.key or the credential store-key"
		: rc == POI_ERR_DENIED	? "this key does not open it, or others may read the key"
		: rc == POI_ERR_INVALID ? "a record was tampered with"
					: poi_error_text(rc));
	task_store_close(v);
	return NULL;
}

bool task_store_forget(struct task_store *v)
{
	bool was = v->loaded != NULL;

	registry_free(v->loaded);
	v->loaded = NULL;
	return was;
}

void task_store_close(struct task_store *v)
{
	if (!v)
		return;
	task_store_abandon(v);
	sealed_file_close(v->sealed);
	registry_free(v->loaded);
	task_store_free_elements(v);
	explicit_bzero(v, sizeof(*v));
	free(v);
}

// Makes the stored form of an object: with its faults where there is room for them. Pending details
// take those of the object in whose place they come.

static int task_memo(struct task_store *v, const struct registry *r, const struct registry_task *t)
{
	const struct registry_task *now = registry_task_find(r, t->ne, &t->xid);
	int n = registry_task_memo_with(t, now ? now->faults : t->faults, v->memo, sizeof(v->memo));

	return n == POI_ERR_TOO_LARGE ? registry_task_memo_with(t, NULL, v->memo, sizeof(v->memo))
				      : n;
}

static int destination_memo(
	struct task_store *v, const struct registry *r, const struct registry_destination *d)
{
	const struct registry_destination *now = registry_destination_find(r, d->ne, &d->did);
	int n = registry_destination_memo_with(
		d, now ? now->faults : d->faults, v->memo, sizeof(v->memo));

	return n == POI_ERR_TOO_LARGE
		       ? registry_destination_memo_with(d, NULL, v->memo, sizeof(v->memo))
		       : n;
}

// Adoption.

static void drop(struct registry *r, uint16_t ne)
{
	drop_tasks(r, ne);
	while (registry_destination_first(r, ne))
		registry_destination_remove(r, registry_destination_first(r, ne));
	while (objects_first(registry_objects(r), ne))
		registry_object_remove(r, objects_first(registry_objects(r), ne));
}

static bool bare(const struct registry *r, uint16_t ne)
{
	return !registry_task_count(r, ne) && !registry_destination_count(r, ne) &&
	       !objects_count(registry_objects(r), ne);
}

enum task_store_verdict task_store_judge(const struct task_store *v, uint16_t ne, uint64_t now_s)
{
	const struct element *e = &v->element[ne];
	const struct config_keepalive *k = &v->config->nes[ne].x1.keepalive;

	if (e->invalid)
		return TASK_STORE_INVALID;
	if (!v->loaded || bare(v->loaded, ne))
		return e->contact_s ? TASK_STORE_BARE : TASK_STORE_EMPTY;
	if (e->contact_s > now_s + CLOCK_AHEAD_S)
		return TASK_STORE_CLOCK;
	// Without keepalives nothing bounds the silence of a living process; what lay on a disk is
	// bounded all the same.
	if (!e->contact_s ||
		(now_s > e->contact_s && now_s - e->contact_s >= config_fail_safe_s(k)))
		return TASK_STORE_STALE;
	return TASK_STORE_ADOPTED;
}

enum task_store_verdict task_store_adopt_begin(
	struct task_store *v, struct registry *r, uint16_t ne, uint64_t now_s)
{
	enum task_store_verdict verdict = task_store_judge(v, ne, now_s);
	struct registry_destination *d;

	if (verdict != TASK_STORE_ADOPTED)
		return verdict;
	if (task_store_take_objects(v, r, ne)) {
		drop(r, ne);
		return TASK_STORE_INVALID;
	}
	while ((d = registry_destination_take(v->loaded, ne)) != NULL) {
		d->down = fault_has(d->faults, FAULT_DELIVERY);
		d->ready = false; // an event of the dataplane sets it
		if (!registry_destination_add(r, d))
			continue;
		registry_destination_free(d);
		drop(r, ne);
		return TASK_STORE_INVALID;
	}
	return TASK_STORE_ADOPTED;
}

int task_store_adopt_step(struct task_store *v, struct registry *r, uint16_t ne)
{
	struct registry_task *t = v->loaded ? registry_task_take(v->loaded, ne) : NULL;

	if (!t)
		return 0;
	t->state = TASK_AWAITING;
	int rc = registry_task_add(r, t);
	if (!rc)
		return POI_ERR_AGAIN;
	registry_task_free(t);
	drop(r, ne); // all or nothing
	return rc;
}

enum task_store_verdict task_store_adopt(
	struct task_store *v, struct registry *r, uint16_t ne, uint64_t now_s)
{
	enum task_store_verdict verdict = task_store_adopt_begin(v, r, ne, now_s);
	int rc = verdict == TASK_STORE_ADOPTED ? POI_ERR_AGAIN : 0;

	while (rc == POI_ERR_AGAIN)
		rc = task_store_adopt_step(v, r, ne);
	return rc ? TASK_STORE_INVALID : verdict;
}

// Writing.

int task_store_write_task(
	struct task_store *v, const struct registry *r, const struct registry_task *t)
{
	struct channel_task c;
	int memo = task_memo(v, r, t);
	int rc = memo < 0 ? memo : registry_task_channel(r, t, &c);

	if (rc)
		return rc;
	c.memo = v->memo;
	c.memo_length = (uint32_t)memo;
	return task_store_append_body(v, PUT_TASK,
		channel_encode_task(v->record, sizeof(v->record), CHANNEL_TASK_STATE, 0, &c));
}

int task_store_write_destination(
	struct task_store *v, const struct registry *r, const struct registry_destination *d)
{
	struct channel_destination c;
	int memo = destination_memo(v, r, d);

	if (memo < 0)
		return memo;
	registry_destination_channel(r, d, &c);
	c.memo = v->memo;
	c.memo_length = (uint32_t)memo;
	return task_store_append_body(v, PUT_DESTINATION,
		channel_encode_destination(
			v->record, sizeof(v->record), CHANNEL_DESTINATION_STATE, 0, &c));
}

int task_store_put_task(
	struct task_store *v, const struct registry *r, const struct registry_task *t)
{
	return v->failed ? POI_ERR_IO : task_store_write_task(v, r, t);
}

int task_store_put_destination(
	struct task_store *v, const struct registry *r, const struct registry_destination *d)
{
	return v->failed ? POI_ERR_IO : task_store_write_destination(v, r, d);
}

static int write_key(struct task_store *v, enum kind kind, const struct id16 *ne,
	const struct id16 *id, uint64_t contact_s)
{
	struct wire_writer w = wire_writer_of(v->record, sizeof(v->record));

	wire_put_u8(&w, (uint8_t)kind);
	wire_put_octets(&w, ne->b, sizeof(ne->b));
	if (id)
		wire_put_octets(&w, id->b, sizeof(id->b));
	else
		wire_put_u64(&w, contact_s);
	return task_store_append(v, wire_written(&w));
}

int task_store_write_contact(struct task_store *v, const struct id16 *ne, uint64_t contact_s)
{
	return write_key(v, CONTACT, ne, NULL, contact_s);
}

// Tried even after a failure: a removal that reaches the file is one that a crash does not undo.
int task_store_remove_task(struct task_store *v, const struct id16 *ne, const struct id16 *xid)
{
	return write_key(v, REMOVE_TASK, ne, xid, 0);
}

int task_store_stop_tasks(struct task_store *v, const struct id16 *ne)
{
	static const struct id16 all;

	return write_key(v, STOP_TASKS, ne, &all, 0);
}

int task_store_remove_destination(
	struct task_store *v, const struct id16 *ne, const struct id16 *did)
{
	return write_key(v, REMOVE_DESTINATION, ne, did, 0);
}

int task_store_begin_restoring(struct task_store *v)
{
	v->record[0] = RESTORING;
	v->restoring_here = true;
	int rc = task_store_append(v, 1);
	return rc ? rc : task_store_sync(v);
}

bool task_store_restoring(const struct task_store *v)
{
	return v->restoring && v->loaded;
}

uint64_t task_store_silence_ms(const struct task_store *v, uint16_t ne, uint64_t now_s)
{
	uint64_t contact_s = v->element[ne].contact_s;

	if (!contact_s)
		return UINT64_MAX;
	return now_s > contact_s ? (now_s - contact_s) * 1000 : 0;
}

void task_store_heard(struct task_store *v, uint16_t ne, const struct id16 *id, uint64_t now_s)
{
	struct element *e = &v->element[ne];
	uint64_t every = v->config->nes[ne].x1.keepalive.time_p2 / 10;

	e->contact_s = now_s;
	if (every > CONTACT_EVERY_S || !every)
		every = CONTACT_EVERY_S;
	// A clock that was set back is written too: the newer truth is the one to compare with.
	if (e->written_s && now_s >= e->written_s && now_s - e->written_s < every)
		return;
	if (!write_key(v, CONTACT, id, NULL, now_s))
		e->written_s = now_s;
}

int task_store_sync(struct task_store *v)
{
	if (!v->dirty)
		return v->failed ? POI_ERR_IO : 0;
	if (sealed_file_sync(v->sealed)) {
		v->failed =
			true; // the kernel may have thrown the pages away: only a new file helps
		v->dirty = false;
		return POI_ERR_IO;
	}
	v->dirty = false;
	v->durable = v->position;
	return v->failed ? POI_ERR_IO : 0;
}

uint64_t task_store_position(const struct task_store *v)
{
	return v->position;
}

bool task_store_durable(const struct task_store *v, uint64_t n)
{
	return n <= v->durable;
}

bool task_store_failed(const struct task_store *v)
{
	return v->failed;
}

bool task_store_wants_rewrite(const struct task_store *v, const struct registry *r)
{
	uint64_t alive = 0;

	for (uint16_t ne = 0; ne < registry_nes(r); ne++)
		alive += registry_task_count(r, ne) + registry_destination_count(r, ne) +
			 objects_count(registry_objects(r), ne);
	alive += kept_reports_count(registry_reports(r));
	if (v->puts)
		alive *= v->put_octets / v->puts;
	return sealed_file_size(v->sealed) > 4 * alive + WORTH_REWRITING;
}

uint64_t task_store_rewrites(const struct task_store *v)
{
	return v->rewrites;
}
