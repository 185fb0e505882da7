// Requests to the dataplane: tasks, destinations and network elements, and their memos.
#include "control/state/publish_internal.h"

#include <string.h>

#include "shared/log.h"

int publish_task_put(
	struct publish *p, const struct registry_task *t, publish_done done, void *context)
{
	struct channel_task c;
	int memo = registry_task_memo(t, p->memo, sizeof(p->memo));

	if (memo < 0)
		return memo;
	int rc = registry_task_channel(p->registry, t, &c);
	if (rc)
		return rc;
	c.memo = p->memo;
	c.memo_length = (uint32_t)memo;
	return publish_submit(p,
		channel_encode_task(
			p->scratch, sizeof(p->scratch), CHANNEL_TASK_PUT, publish_next(p), &c),
		done, context);
}

static int submit_object(struct publish *p, uint16_t message, uint16_t ne, const struct id16 *id,
	publish_done done, void *context)
{
	struct channel_object o = {.ne = *registry_ne_id(p->registry, ne), .id = *id};

	return publish_submit(p,
		channel_encode_object(p->scratch, sizeof(p->scratch), message, publish_next(p), &o),
		done, context);
}

int publish_task_remove(
	struct publish *p, uint16_t ne, const struct id16 *xid, publish_done done, void *context)
{
	return submit_object(p, CHANNEL_TASK_REMOVE, ne, xid, done, context);
}

int publish_task_status(
	struct publish *p, uint16_t ne, const struct id16 *xid, publish_done done, void *context)
{
	return submit_object(p, CHANNEL_TASK_STATUS_GET, ne, xid, done, context);
}

int publish_destination_remove(
	struct publish *p, uint16_t ne, const struct id16 *did, publish_done done, void *context)
{
	return submit_object(p, CHANNEL_DESTINATION_REMOVE, ne, did, done, context);
}

int publish_tombstone_clear(struct publish *p, uint16_t ne, const struct id16 *xid)
{
	return submit_object(p, CHANNEL_TOMBSTONE_CLEAR, ne, xid, NULL, NULL);
}

int publish_destination_put(
	struct publish *p, const struct registry_destination *d, publish_done done, void *context)
{
	struct channel_destination c;
	int memo = registry_destination_memo(d, p->memo, sizeof(p->memo));

	if (memo < 0)
		return memo;
	registry_destination_channel(p->registry, d, &c);
	c.memo = p->memo;
	c.memo_length = (uint32_t)memo;
	return publish_submit(p,
		channel_encode_destination(p->scratch, sizeof(p->scratch), CHANNEL_DESTINATION_PUT,
			publish_next(p), &c),
		done, context);
}

static void submit_memo(struct publish *p, struct channel_memo *m, int length)
{
	if (length < 0 || p->state == PUBLISH_DOWN)
		return;
	m->memo = p->memo;
	m->memo_length = (uint32_t)length;
	int rc = publish_submit(p,
		channel_encode_memo(
			p->scratch, sizeof(p->scratch), CHANNEL_MEMO_PUT, publish_next(p), m),
		NULL, NULL);
	if (rc && rc != POI_ERR_CLOSED)
		log_warning("channel: a memo could not be sent: %s", poi_error_text(rc));
}

void publish_task_memo(struct publish *p, struct registry_task *t)
{
	struct channel_memo m = {.ne = *registry_ne_id(p->registry, t->ne), .id = t->xid};

	t->memo_pending = t->modifying;
	if (t->modifying)
		return;
	submit_memo(p, &m, registry_task_memo(t, p->memo, sizeof(p->memo)));
}

void publish_destination_memo(struct publish *p, struct registry_destination *d)
{
	struct channel_memo m = {
		.ne = *registry_ne_id(p->registry, d->ne), .id = d->did, .of = MEMO_DESTINATION};

	d->memo_pending = d->modifying;
	if (d->modifying)
		return;
	submit_memo(p, &m, registry_destination_memo(d, p->memo, sizeof(p->memo)));
}

int publish_memo(struct publish *p, const struct publish_memo *m, publish_done done, void *context)
{
	struct channel_memo c = {.ne = *m->ne, .id = *m->id, .of = m->of, .memo = p->memo};
	int n = 0;

	if (m->of == MEMO_REPORT && m->report)
		n = kept_report_memo(m->report, p->memo);
	else if (m->of == MEMO_OBJECT && m->object)
		n = object_memo(m->object, p->memo, sizeof(p->memo));
	if (n < 0)
		return n;
	c.memo_length = (uint32_t)n;
	return publish_submit(p,
		channel_encode_memo(
			p->scratch, sizeof(p->scratch), CHANNEL_MEMO_PUT, publish_next(p), &c),
		done, context);
}

static void submit_report(
	struct publish *p, uint16_t ne, const struct id16 *key, const struct kept_report *r)
{
	const struct publish_memo m = {
		.ne = registry_ne_id(p->registry, ne), .id = key, .of = MEMO_REPORT, .report = r};
	int rc = p->state < PUBLISH_RECOVERY ? POI_ERR_CLOSED : publish_memo(p, &m, NULL, NULL);

	if (rc && rc != POI_ERR_CLOSED)
		log_warning("channel: a report could not be sent: %s", poi_error_text(rc));
}

void publish_report(struct publish *p, struct kept_report *r)
{
	if (r->held || (r->seen == p->recover.round && r->seen))
		return;
	if (p->state >= PUBLISH_RECOVERY)
		r->seen = p->recover.round;
	submit_report(p, r->ne, &r->key, r);
}

void publish_report_gone(struct publish *p, const struct kept_report *r)
{
	if (!r->held)
		submit_report(p, r->ne, &r->key, NULL);
}

int publish_object_put(struct publish *p, const struct object *o, publish_done done, void *context)
{
	const struct publish_memo m = {.ne = registry_ne_id(p->registry, o->ne),
		.id = &o->details.id,
		.of = MEMO_OBJECT,
		.object = o};

	return publish_memo(p, &m, done, context);
}

int publish_object_gone(
	struct publish *p, uint16_t ne, const struct id16 *id, publish_done done, void *context)
{
	const struct publish_memo m = {
		.ne = registry_ne_id(p->registry, ne), .id = id, .of = MEMO_OBJECT};

	return publish_memo(p, &m, done, context);
}

int publish_set_complete(struct publish *p, bool complete)
{
	struct channel_complete m = {.complete = complete};
	int rc = publish_submit(p,
		channel_encode_complete(
			p->scratch, sizeof(p->scratch), CHANNEL_COMPLETE_PUT, publish_next(p), &m),
		NULL, NULL);

	if (!rc)
		p->peer_complete = complete;
	return rc;
}

void publish_incomplete_reported(struct publish *p)
{
	p->incomplete = false;
	if (p->state != PUBLISH_READY || p->failed)
		return;
	int rc = publish_set_complete(p, true);
	if (rc)
		log_warning("channel: cannot set the complete flag (%s); the next poi-control will "
			    "treat the state as incomplete",
			poi_error_text(rc));
}

int publish_ne_memo(struct publish *p, uint16_t ne, const uint8_t *memo, uint32_t length)
{
	struct channel_memo m = {.ne = *registry_ne_id(p->registry, ne),
		.of = MEMO_NE,
		.memo = memo,
		.memo_length = length};

	if (p->state != PUBLISH_READY)
		return POI_ERR_CLOSED;
	return publish_submit(p,
		channel_encode_memo(
			p->scratch, sizeof(p->scratch), CHANNEL_MEMO_PUT, publish_next(p), &m),
		NULL, NULL);
}

int publish_ne_put(struct publish *p, uint16_t ne, publish_done done, void *context)
{
	const struct config_ne *c = &p->config->nes[ne];
	struct channel_ne m = {.ne = *registry_ne_id(p->registry, ne)};
	size_t n = strlen(c->ne_identifier);

	if (n >= sizeof(m.identifier))
		return POI_ERR_TOO_LARGE;
	memcpy(m.identifier, c->ne_identifier, n + 1);
	m.payload_format = (uint8_t)c->payload_format;
	m.axri = c->axri;
	publish_deadline(p, ne, &m);
	return publish_submit(p,
		channel_encode_ne(
			p->scratch, sizeof(p->scratch), CHANNEL_NE_PUT, publish_next(p), &m),
		done, context);
}

int publish_ne(struct publish *p, uint16_t ne)
{
	return publish_ne_put(p, ne, NULL, NULL);
}
