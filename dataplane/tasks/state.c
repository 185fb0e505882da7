// Streams everything that is stored to a controller.

#include "dataplane/tasks/state.h"

#include <stdio.h>
#include <string.h>

#define HEADER_OCTETS 8

int state_begin(struct state_stream *s, const struct task_table *task_table, uint32_t request)
{
	*s = (struct state_stream){.task_table = task_table, .request = request};
	s->digest = digest_new();
	if (!s->digest)
		return POI_ERR_NOMEM;
	s->at = ne_entry_first(task_table);
	return POI_OK;
}

static int put_ne(struct state_stream *s, uint64_t now_ms, uint8_t *out, size_t capacity)
{
	const struct ne_entry *n = s->at;
	struct channel_ne m = {
		.ne = n->ne,
		.fail_safe_ms = n->fail_safe_ms,
		.silence_ms = n->silence_ms,
		.remaining_ms = ne_entry_remaining(n, now_ms),
		.expired = n->expired,
		.silent = n->silent,
		.payload_format = n->payload_format,
		.axri = n->axri,
		.memo = n->memo,
		.memo_length = n->memo_length,
	};

	snprintf(m.identifier, sizeof(m.identifier), "%s", n->identifier);
	s->at = ne_entry_next(n);
	s->end.network_elements++;
	return channel_encode_ne(out, capacity, CHANNEL_NE_STATE, s->request, &m);
}

static int put_memo(struct state_stream *s, enum channel_memo_of of, uint8_t *out, size_t capacity)
{
	uint16_t id = of == MEMO_REPORT ? CHANNEL_REPORT_STATE : CHANNEL_OBJECT_STATE;
	const struct memo_entry *r = s->at;
	struct channel_memo m = {.ne = r->link.ne,
		.id = r->link.id,
		.of = (uint8_t)of,
		.memo = r->memo,
		.memo_length = r->memo_length};

	s->at = memo_entry_next(r);
	return channel_encode_memo(out, capacity, id, s->request, &m);
}

static int put_destination(struct state_stream *s, uint8_t *out, size_t capacity)
{
	const struct destination_entry *d = s->at;

	s->at = destination_entry_next(d);
	s->end.destinations++;
	return channel_encode_destination(
		out, capacity, CHANNEL_DESTINATION_STATE, s->request, &d->d);
}

static int put_task(struct state_stream *s, uint8_t *out, size_t capacity)
{
	const struct task_entry *t = s->at;
	struct channel_task m = {
		.ne = t->link.ne,
		.xid = t->link.id,
		.header_xid = t->header_xid,
		.correlation = t->correlation,
		.delivery = t->delivery,
		.report = t->report,
		.records = t->records,
		.tombstone = t->tombstone,
		.n_destinations = t->n_destinations,
		.triggers = t->triggers,
		.filter = t->filter,
		.matched = task_entry_matched(t),
		.matched_length = t->matched_length,
		.alternatives = task_entry_alternatives(t),
		.alternatives_length = t->alternatives_length,
		.memo = t->memo,
		.memo_length = t->memo_length,
	};

	if (t->session)
		m.session = *t->session;
	memcpy(m.did, t->did, t->n_destinations * sizeof(m.did[0]));
	s->at = task_entry_next(t);
	s->end.tasks++;
	return channel_encode_task(out, capacity, CHANNEL_TASK_STATE, s->request, &m);
}

int state_next(struct state_stream *s, uint64_t now_ms, uint8_t *out, size_t capacity)
{
	int n = 0;

	if (s->stage == STATE_NES && !s->at) {
		s->stage = STATE_REPORTS;
		s->at = report_entry_first(s->task_table);
	}
	if (s->stage == STATE_REPORTS && !s->at) {
		s->stage = STATE_OBJECTS;
		s->at = object_entry_first(s->task_table);
	}
	if (s->stage == STATE_OBJECTS && !s->at) {
		s->stage = STATE_DESTINATIONS;
		s->at = destination_entry_first(s->task_table);
	}
	if (s->stage == STATE_DESTINATIONS && !s->at) {
		s->stage = STATE_TASKS;
		s->at = task_entry_first(s->task_table);
	}
	if (s->stage == STATE_TASKS && !s->at)
		s->stage = STATE_TAIL;
	switch (s->stage) {
	case STATE_NES:
		n = put_ne(s, now_ms, out, capacity);
		break;
	case STATE_REPORTS:
		n = put_memo(s, MEMO_REPORT, out, capacity);
		break;
	case STATE_OBJECTS:
		n = put_memo(s, MEMO_OBJECT, out, capacity);
		break;
	case STATE_DESTINATIONS:
		n = put_destination(s, out, capacity);
		break;
	case STATE_TASKS:
		n = put_task(s, out, capacity);
		break;
	case STATE_TAIL:
		s->stage = STATE_DONE;
		digest_end(s->digest, s->end.digest);
		return channel_encode_state_end(
			out, capacity, CHANNEL_STATE_END, s->request, &s->end);
	case STATE_DONE:
		return 0;
	}
	if (n > HEADER_OCTETS)
		digest_add(s->digest, out + HEADER_OCTETS, (size_t)n - HEADER_OCTETS);
	return n;
}

void state_end(struct state_stream *s)
{
	digest_free(s->digest);
	*s = (struct state_stream){0};
}
