// Bringing both processes to the same truth: the dataplane's state is streamed in, adopted by a new
// control or compared by one that has the truth, and the differences are put before anything new.
#include "control/state/publish_internal.h"

#include <stdlib.h>
#include <string.h>

#include "shared/log.h"

static struct held_event *take_held(struct publish *p)
{
	struct held_event *held = STAILQ_FIRST(&p->held);

	if (held)
		STAILQ_REMOVE_HEAD(&p->held, entry);
	return held;
}

int publish_recover_start(struct publish *p)
{
	struct publish_recover *r = &p->recover;
	uint32_t round = r->round + 1;

	publish_recover_stop(p);
	r->round = round;
	if (!p->recovered && p->hooks.resume && p->hooks.resume(p->context))
		p->recovered = true;
	r->adopting = !p->recovered;
	r->digest = digest_new();
	if (!r->digest)
		return POI_ERR_NOMEM;
	r->request = publish_next(p);
	return publish_submit(p,
		channel_encode_empty(p->scratch, sizeof(p->scratch), CHANNEL_STATE_GET, r->request),
		NULL, NULL);
}

void publish_recover_stop(struct publish *p)
{
	struct publish_recover *r = &p->recover;
	struct held_event *held;
	uint32_t round = r->round;

	// A half adopted registry is no registry.
	if (r->adopting && !p->recovered)
		registry_clear(p->registry);
	while (p->state == PUBLISH_DOWN && (held = take_held(p)) != NULL)
		free(held);
	digest_free(r->digest);
	free(r->todo);
	*r = (struct publish_recover){.round = round};
}

static void do_event(struct publish *p, uint32_t number, const struct channel_event *e)
{
	p->hooks.event(p->context, e);
	p->events_done = number ? number : p->events_done;
}

void publish_recover_event(struct publish *p, uint32_t number, const struct channel_event *e)
{
	if (!p->restoring) {
		do_event(p, number, e);
		return;
	}
	struct held_event *held = malloc(sizeof(*held));
	if (!held) { // it is sent again on the next connection
		publish_fail(p, poi_error_text(POI_ERR_NOMEM));
		return;
	}
	held->number = number;
	held->event = *e;
	STAILQ_INSERT_TAIL(&p->held, held, entry);
}

void publish_recover_events(struct publish *p)
{
	struct held_event *held;

	while ((held = take_held(p)) != NULL) {
		do_event(p, held->number, &held->event);
		free(held);
	}
}

static void todo_add(struct publish *p, uint16_t id, uint16_t ne, const struct id16 *ne_id,
	const struct id16 *object)
{
	struct publish_recover *r = &p->recover;

	if (r->n_todo == r->todo_capacity) {
		uint32_t capacity = r->todo_capacity ? r->todo_capacity * 2 : 256;
		struct publish_todo *todo = realloc(r->todo, capacity * sizeof(*todo));
		if (!todo) {
			r->error = POI_ERR_NOMEM;
			return;
		}
		r->todo = todo;
		r->todo_capacity = capacity;
	}
	struct publish_todo *t = &r->todo[r->n_todo++];
	*t = (struct publish_todo){.id = id, .ne = ne, .ne_id = *ne_id, .of = MEMO_REPORT};
	if (object)
		t->object = *object;
}

static void adopt_destination(struct publish *p, uint16_t ne, const struct channel_destination *c)
{
	struct registry_destination *d;
	int rc = registry_destination_from_memo(ne, c, &d);

	if (!rc) {
		d->seen = p->recover.round;
		rc = registry_destination_add(p->registry, d);
		if (rc)
			registry_destination_free(d);
	}
	if (rc && !p->recover.error)
		p->recover.error = rc;
}

static void adopt_task(struct publish *p, uint16_t ne, const struct channel_task *c)
{
	struct registry_task *t;
	int rc = registry_task_from_memo(ne, c, &t);

	if (!rc) {
		t->seen = p->recover.round;
		rc = registry_task_add(p->registry, t);
		if (rc)
			registry_task_free(t);
	}
	if (rc && !p->recover.error)
		p->recover.error = rc;
}

static void on_element(struct publish *p, const uint8_t *body, size_t length)
{
	struct channel_ne m;

	p->recover.network_elements++;
	if (channel_decode_ne(body, length, &m)) {
		p->recover.error = POI_ERR_SYNTAX;
		return;
	}
	int32_t ne = registry_ne_index(p->registry, &m.ne);
	if (ne < 0 || !p->recover.adopting)
		return;
	if (m.remaining_ms < m.fail_safe_ms)
		publish_silence_known(p, (uint16_t)ne, m.fail_safe_ms - m.remaining_ms);
	else if (m.expired && m.remaining_ms == UINT64_MAX && m.fail_safe_ms && p->hooks.silent)
		p->hooks.silent(p->context, (uint16_t)ne);
	if (p->hooks.element)
		p->hooks.element(p->context, (uint16_t)ne, m.memo, m.memo_length);
	if (m.silent && p->hooks.fell_silent)
		p->hooks.fell_silent(p->context, (uint16_t)ne);
}

// Until both sides have held the same once, reports kept by a process before may be more than ours.
static void on_report(struct publish *p, const uint8_t *body, size_t length)
{
	struct publish_recover *r = &p->recover;
	struct kept_reports *k = registry_reports(p->registry);
	struct kept_report *report = NULL;
	struct channel_memo m;

	if (channel_decode_memo(body, length, &m)) {
		r->error = POI_ERR_SYNTAX;
		return;
	}
	int32_t ne = registry_ne_index(p->registry, &m.ne);
	if (ne >= 0)
		report = kept_reports_find(k, (uint16_t)ne, &m.id);
	if (ne >= 0 && !report && !p->settled) {
		int rc = kept_reports_adopt(k, (uint16_t)ne, &m.id, m.memo, m.memo_length, &report);
		if (rc) // the tasks are worth more than a report
			log_error("channel: a report of an earlier process cannot be read: %s",
				poi_error_text(rc));
	}
	if (report)
		report->seen = r->round;
	else
		todo_add(p, CHANNEL_MEMO_PUT, ne < 0 ? UINT16_MAX : (uint16_t)ne, &m.ne, &m.id);
}

static void adopt_object(struct publish *p, uint16_t ne, const struct channel_memo *m)
{
	struct object *o;
	int rc = object_from_memo(ne, &m->id, m->memo, m->memo_length, &o);

	if (!rc) {
		o->seen = p->recover.round;
		rc = registry_object_add(p->registry, o);
		if (rc)
			object_free(o);
	}
	if (rc && !p->recover.error)
		p->recover.error = rc;
}

static void on_object(struct publish *p, const uint8_t *body, size_t length)
{
	struct publish_recover *r = &p->recover;
	struct channel_memo m;

	if (channel_decode_memo(body, length, &m)) {
		r->error = POI_ERR_SYNTAX;
		return;
	}
	r->objects++;
	int32_t ne = registry_ne_index(p->registry, &m.ne);
	if (ne >= 0 && r->adopting) {
		adopt_object(p, (uint16_t)ne, &m);
		return;
	}
	struct object *o =
		ne < 0 ? NULL : objects_find(registry_objects(p->registry), (uint16_t)ne, &m.id);
	int n = o ? object_memo(o, p->memo, sizeof(p->memo)) : 0;
	if (!o) {
		todo_add(p, CHANNEL_MEMO_PUT, ne < 0 ? UINT16_MAX : (uint16_t)ne, &m.ne, &m.id);
		if (!r->error)
			r->todo[r->n_todo - 1].of = MEMO_OBJECT;
	} else if (n > 0 && (uint32_t)n == m.memo_length && !memcmp(p->memo, m.memo, (size_t)n)) {
		o->seen = r->round;
	}
}

// Equal when what we would put is, octet for octet, what it holds.
static bool destination_same(
	struct publish *p, const struct registry_destination *d, const uint8_t *body, size_t length)
{
	struct channel_destination c;
	int memo = registry_destination_memo(d, p->memo, sizeof(p->memo));

	if (memo < 0)
		return false;
	registry_destination_channel(p->registry, d, &c);
	c.memo = p->memo;
	c.memo_length = (uint32_t)memo;
	int n = channel_encode_destination(
		p->scratch, sizeof(p->scratch), CHANNEL_DESTINATION_STATE, 0, &c);
	return n >= 8 && (size_t)n - 8 == length && !memcmp(p->scratch + 8, body, length);
}

static bool task_same(
	struct publish *p, const struct registry_task *t, const uint8_t *body, size_t length)
{
	struct channel_task c;
	int memo = registry_task_memo(t, p->memo, sizeof(p->memo));

	if (memo < 0 || registry_task_channel(p->registry, t, &c))
		return false;
	c.memo = p->memo;
	c.memo_length = (uint32_t)memo;
	int n = channel_encode_task(p->scratch, sizeof(p->scratch), CHANNEL_TASK_STATE, 0, &c);
	return n >= 8 && (size_t)n - 8 == length && !memcmp(p->scratch + 8, body, length);
}

static void on_destination(struct publish *p, const uint8_t *body, size_t length)
{
	struct publish_recover *r = &p->recover;
	struct channel_destination c;

	r->destinations++;
	if (channel_decode_destination(body, length, &c)) {
		r->error = POI_ERR_SYNTAX;
		return;
	}
	int32_t ne = registry_ne_index(p->registry, &c.ne);
	if (ne < 0) {
		todo_add(p, CHANNEL_DESTINATION_REMOVE, UINT16_MAX, &c.ne, &c.did);
		return;
	}
	if (r->adopting) {
		adopt_destination(p, (uint16_t)ne, &c);
		return;
	}
	struct registry_destination *d =
		registry_destination_find(p->registry, (uint16_t)ne, &c.did);
	if (!d)
		todo_add(p, CHANNEL_DESTINATION_REMOVE, (uint16_t)ne, &c.ne, &c.did);
	else if (destination_same(p, d, body, length))
		d->seen = r->round;
}

static void on_task(struct publish *p, const uint8_t *body, size_t length)
{
	struct publish_recover *r = &p->recover;
	struct channel_task c;

	r->tasks++;
	if (channel_decode_task(body, length, &c)) {
		r->error = POI_ERR_SYNTAX;
		return;
	}
	int32_t ne = registry_ne_index(p->registry, &c.ne);
	if (ne < 0) {
		todo_add(p, CHANNEL_TASK_REMOVE, UINT16_MAX, &c.ne, &c.xid);
		return;
	}
	if (c.tombstone) {
		todo_add(p, CHANNEL_TOMBSTONE_CLEAR, (uint16_t)ne, &c.ne, &c.xid);
		return;
	}
	if (r->adopting) {
		adopt_task(p, (uint16_t)ne, &c);
		return;
	}
	struct registry_task *t = registry_task_find(p->registry, (uint16_t)ne, &c.xid);
	if (!t)
		todo_add(p, CHANNEL_TASK_REMOVE, (uint16_t)ne, &c.ne, &c.xid);
	if (!t || !task_same(p, t, body, length))
		return;
	t->seen = r->round;
	t->put = false;
}

void publish_recover_message(struct publish *p, uint16_t id, const uint8_t *body, size_t length)
{
	if (p->recover.error)
		return;
	digest_add(p->recover.digest, body, length);
	switch (id) {
	case CHANNEL_NE_STATE:
		on_element(p, body, length);
		return;
	case CHANNEL_REPORT_STATE:
		on_report(p, body, length);
		return;
	case CHANNEL_OBJECT_STATE:
		on_object(p, body, length);
		return;
	case CHANNEL_DESTINATION_STATE:
		on_destination(p, body, length);
		return;
	case CHANNEL_TASK_STATE:
		on_task(p, body, length);
		return;
	default:
		return;
	}
}

static int complete(struct publish *p, const uint8_t *body, size_t length)
{
	struct publish_recover *r = &p->recover;
	struct channel_state_end end;
	uint8_t digest[DIGEST_SIZE];

	if (r->error)
		return r->error;
	if (channel_decode_state_end(body, length, &end))
		return POI_ERR_SYNTAX;
	if (end.network_elements != r->network_elements || end.destinations != r->destinations ||
		end.tasks != r->tasks)
		return POI_ERR_TRUNCATED;
	digest_end(r->digest, digest);
	if (memcmp(digest, end.digest, sizeof(digest)) != 0)
		return POI_ERR_INVALID;
	p->peer_complete = end.complete;
	return 0;
}

// Adopts what came while the complete flag is cleared. False: something else is in the registry in
// its place, and is to be compared with what the dataplane holds.
static bool adopt_incomplete(struct publish *p)
{
	struct publish_recover *r = &p->recover;

	if (!r->tasks && !r->destinations && !r->objects) {
		if (p->hooks.fresh)
			p->hooks.fresh(p->context);
		p->restoring = p->hooks.fresh && p->hooks.restore;
		return true;
	}
	log_warning("channel: the dataplane's state is incomplete: poi-control ended within a "
		    "replay");
	p->incomplete = !p->hooks.incomplete || !p->hooks.incomplete(p->context);
	return p->incomplete;
}

bool publish_recover_end(struct publish *p, const uint8_t *body, size_t length)
{
	struct publish_recover *r = &p->recover;
	int rc = complete(p, body, length);

	if (rc) {
		log_error("channel: the dataplane's state was not received completely: %s",
			poi_error_text(rc));
		publish_fail(p, "its state is not complete");
		return false;
	}
	if (p->hooks.stated)
		p->hooks.stated(p->context);
	if (r->adopting) {
		p->recovered = true;
		if (!p->peer_complete && !adopt_incomplete(p)) {
			rc = publish_recover_start(p);
			if (rc)
				publish_fail(p, poi_error_text(rc));
			return false;
		}
		log_notice(
			"channel: adopted %u tasks and %u destinations", r->tasks, r->destinations);
	}
	p->unsettled = p->unsettled || r->adopting;
	if (r->error)
		publish_fail(p, poi_error_text(r->error));
	return !r->error;
}
