// Bringing both processes to the same truth: the dataplane's state is streamed in, adopted by a new
// control or compared by one that has the truth, and the differences are put before anything new.
#include "control/state/publish_internal.h"

#include <stdlib.h>
#include <string.h>

#include "shared/log.h"

#define REPLAY_WINDOW 512 // requests under way during a replay

static void pump(struct publish *p);

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
	uint32_t round = r->round;

	// A half adopted registry is no registry.
	if (r->adopting && !p->recovered)
		registry_clear(p->registry);
	digest_free(r->digest);
	free(r->todo);
	*r = (struct publish_recover){.round = round};
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
	*t = (struct publish_todo){.id = id, .ne = ne, .ne_id = *ne_id};
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
}

// Until both sides have held the same once, what a process before has kept may be more than we know.
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
		int rc = kept_reports_adopt(
			k, (uint16_t)ne, &m.id, m.memo, m.memo_length, &report);
		if (rc) // the tasks are worth more than a report
			log_error("channel: a report of an earlier process cannot be read: %s",
				poi_error_text(rc));
	}
	if (report)
		report->seen = r->round;
	else
		todo_add(p, CHANNEL_MEMO_PUT, ne < 0 ? UINT16_MAX : (uint16_t)ne, &m.ne, &m.id);
}

void publish_reports_restarted(struct publish *p)
{
	struct kept_report *r = kept_reports_first(registry_reports(p->registry));

	for (; r; r = kept_reports_next(r))
		r->held = false;
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
	else if (task_same(p, t, body, length))
		t->seen = r->round;
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

static void plan_reports(struct publish *p)
{
	struct kept_report *r = kept_reports_first(registry_reports(p->registry));

	for (; r; r = kept_reports_next(r)) {
		if (r->held || r->seen == p->recover.round)
			continue;
		r->seen = p->recover.round;
		todo_add(p, CHANNEL_MEMO_PUT, r->ne, registry_ne_id(p->registry, r->ne), &r->key);
	}
}

// Destinations that are removed and still owed something: put for their spool, removed again at the
// end, so that a new dataplane goes on draining them.
static void plan_drained(struct publish *p)
{
	for (uint16_t ne = 0; ne < registry_nes(p->registry); ne++) {
		const struct id16 *id = registry_ne_id(p->registry, ne);
		for (struct registry_destination *d = registry_destination_first(p->registry, ne);
			d; d = registry_destination_next(d))
			if (d->gone)
				todo_add(p, CHANNEL_DESTINATION_REMOVE, ne, id, &d->did);
	}
}

// Whatever the stream left on the list so far is a removal or a tombstone. Order of the replay:
// network elements, surplus tasks, reports, destinations, tasks, surplus destinations, drained ones.
static void plan(struct publish *p)
{
	struct publish_recover *r = &p->recover;
	struct publish_todo *surplus = r->todo;
	uint32_t n_surplus = r->n_todo;

	r->todo = NULL;
	r->n_todo = r->todo_capacity = 0;
	for (uint16_t ne = 0; ne < registry_nes(p->registry); ne++)
		todo_add(p, CHANNEL_NE_PUT, ne, registry_ne_id(p->registry, ne), NULL);
	for (uint32_t i = 0; i < n_surplus; i++) {
		const struct publish_todo *s = &surplus[i];
		if (s->id == CHANNEL_TOMBSTONE_CLEAR) {
			p->hooks.wiped(p->context, s->ne, &s->object);
		} else if (s->id == CHANNEL_TASK_REMOVE || s->id == CHANNEL_MEMO_PUT) {
			todo_add(p, s->id, s->ne, &s->ne_id, &s->object);
		}
	}
	plan_reports(p);
	for (uint16_t ne = 0; ne < registry_nes(p->registry); ne++) {
		const struct id16 *id = registry_ne_id(p->registry, ne);
		for (struct registry_destination *d = registry_destination_first(p->registry, ne);
			d; d = registry_destination_next(d)) {
			if (d->seen != r->round) {
				todo_add(p, CHANNEL_DESTINATION_PUT, ne, id, &d->did);
			} else if (!d->ready) { // put before, its acknowledgement never came
				d->ready = true;
				p->hooks.replayed(p->context, true, ne, &d->did, 0);
			}
		}
	}
	for (uint16_t ne = 0; ne < registry_nes(p->registry); ne++) {
		const struct id16 *id = registry_ne_id(p->registry, ne);
		for (struct registry_task *t = registry_task_first(p->registry, ne); t;
			t = registry_task_next(t)) {
			if (t->seen != r->round)
				todo_add(p, CHANNEL_TASK_PUT, ne, id, &t->xid);
			else if (t->state == TASK_AWAITING)
				p->hooks.replayed(p->context, false, ne, &t->xid, 0);
		}
	}
	for (uint32_t i = 0; i < n_surplus; i++) {
		if (surplus[i].id == CHANNEL_DESTINATION_REMOVE)
			todo_add(p, surplus[i].id, surplus[i].ne, &surplus[i].ne_id,
				&surplus[i].object);
	}
	plan_drained(p);
	free(surplus);
}

// Clears the complete flag before the first difference is put: it is set again after the last.
static void begin_replay(struct publish *p)
{
	struct publish_recover *r = &p->recover;
	int rc = r->error;

	for (uint32_t i = 0; i < r->n_todo && !rc && p->peer_complete; i++) {
		const struct publish_todo *t = &r->todo[i];
		if (t->id != CHANNEL_NE_PUT && t->id != CHANNEL_MEMO_PUT && t->ne != UINT16_MAX)
			rc = publish_set_complete(p, false);
	}
	if (rc)
		publish_fail(p, poi_error_text(rc));
	else
		pump(p);
}

// Adopts what came while the complete flag is cleared. False: something else is in the registry in
// its place, and is to be compared with what the dataplane holds.
static bool adopt_incomplete(struct publish *p)
{
	struct publish_recover *r = &p->recover;

	if (!r->tasks && !r->destinations) {
		if (p->hooks.fresh)
			p->hooks.fresh(p->context);
		return true;
	}
	log_warning("channel: the dataplane's state is incomplete: poi-control ended within a "
		    "replay");
	p->incomplete = !p->hooks.incomplete || !p->hooks.incomplete(p->context);
	return p->incomplete;
}

void publish_recover_end(struct publish *p, const uint8_t *body, size_t length)
{
	struct publish_recover *r = &p->recover;
	int rc = complete(p, body, length);

	if (rc) {
		log_error("channel: the dataplane's state did not arrive complete: %s",
			poi_error_text(rc));
		publish_fail(p, "its state is not complete");
		return;
	}
	if (p->hooks.stated)
		p->hooks.stated(p->context);
	if (r->adopting) {
		p->recovered = true;
		if (!p->peer_complete && !adopt_incomplete(p)) {
			rc = publish_recover_start(p);
			if (rc)
				publish_fail(p, poi_error_text(rc));
			return;
		}
		log_notice(
			"channel: adopted %u tasks and %u destinations", r->tasks, r->destinations);
	}
	p->state = PUBLISH_REPLAY;
	plan(p);
	begin_replay(p);
}

struct replayed { // context of one request of the replay
	struct publish *p;
	struct publish_todo todo;
	uint32_t round;
};

static void on_replayed(void *context, int result, const struct channel_task_status *status)
{
	struct replayed *done = context;
	struct publish *p = done->p;
	const struct publish_todo *t = &done->todo;

	if (result == POI_ERR_CLOSED || done->round != p->recover.round) {
		free(done);
		return;
	}
	p->recover.in_flight--;
	bool gone = result == POI_ERR_NOT_FOUND &&
		    (t->id == CHANNEL_TASK_REMOVE || t->id == CHANNEL_DESTINATION_REMOVE ||
			    t->id == CHANNEL_MEMO_PUT);
	if (result && !gone)
		log_error("channel: message %u of the replay failed: %s", t->id,
			poi_error_text(result));
	struct registry_destination *d = NULL;
	if (t->ne != UINT16_MAX)
		d = registry_destination_find(p->registry, t->ne, &t->object);
	if (t->id == CHANNEL_DESTINATION_PUT && !result && d)
		d->ready = true;
	else if (t->id == CHANNEL_DESTINATION_REMOVE && result && d && d->gone)
		d->gone(d->gone_context, 0, NULL); // no event will say it
	if (t->id == CHANNEL_TASK_PUT || t->id == CHANNEL_DESTINATION_PUT)
		p->hooks.replayed(
			p->context, t->id == CHANNEL_DESTINATION_PUT, t->ne, &t->object, result);
	// A task that was given up for it is not missing.
	p->recover.failed |=
		result && !gone &&
		(t->id != CHANNEL_TASK_PUT || registry_task_find(p->registry, t->ne, &t->object));
	free(done);
	pump(p);
}

// NOT_FOUND: nothing is left to do for this entry.
static int put_one(struct publish *p, const struct publish_todo *t, void *context)
{
	struct channel_object o = {.ne = t->ne_id, .id = t->object};
	const struct registry_destination *d;
	const struct registry_task *task;

	switch (t->id) {
	case CHANNEL_NE_PUT:
		return publish_ne_put(p, t->ne, on_replayed, context);
	case CHANNEL_DESTINATION_PUT:
		d = registry_destination_find(p->registry, t->ne, &t->object);
		if (!d || (d->removing && !d->gone))
			return POI_ERR_NOT_FOUND;
		return publish_destination_put(p, d, on_replayed, context);
	case CHANNEL_TASK_PUT:
		task = registry_task_find(p->registry, t->ne, &t->object);
		if (!task || task->removing)
			return POI_ERR_NOT_FOUND;
		return publish_task_put(p, task, on_replayed, context);
	case CHANNEL_MEMO_PUT:
		return publish_report_put(p, &t->ne_id, &t->object,
			t->ne == UINT16_MAX ? NULL
					    : kept_reports_find(registry_reports(p->registry),
						      t->ne, &t->object),
			on_replayed, context);
	default:
		return publish_submit(p,
			channel_encode_object(
				p->scratch, sizeof(p->scratch), t->id, publish_next(p), &o),
			on_replayed, context);
	}
}

static void pump(struct publish *p)
{
	struct publish_recover *r = &p->recover;

	while (r->next_todo < r->n_todo && r->in_flight < REPLAY_WINDOW) {
		struct replayed *context = malloc(sizeof(*context));
		if (!context) {
			publish_fail(p, poi_error_text(POI_ERR_NOMEM));
			return;
		}
		*context = (struct replayed){p, r->todo[r->next_todo++], r->round};
		int rc = put_one(p, &context->todo, context);
		if (rc) {
			free(context);
			if (rc == POI_ERR_NOT_FOUND)
				continue;
			publish_fail(p, poi_error_text(rc));
			return;
		}
		r->in_flight++;
	}
	if (r->in_flight || p->state != PUBLISH_REPLAY)
		return;
	bool adopted = r->adopting;
	p->failed = r->failed;
	// Before all that is accepted from now on.
	int rc = p->incomplete || p->failed || p->peer_complete ? 0 : publish_set_complete(p, true);
	if (rc) {
		publish_fail(p, poi_error_text(rc));
		return;
	}
	p->state = PUBLISH_READY;
	p->settled = true;
	p->retry_ms = 50;
	publish_recover_stop(p);
	p->hooks.ready(p->context, adopted);
}
