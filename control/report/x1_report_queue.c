// Queues reports to one ADMF: in turn by subject, bounded, superseded states given up first.
#include "control/report/x1_report_queue.h"

#include <stdlib.h>
#include <string.h>

struct report_queue {
	uint32_t capacity, length;
	uint32_t warnings; // waiting: without any there is none to look for when full
	uint32_t stacked;  // reports behind another of their subject, likewise
	struct report_item *oldest, *newest;
	struct report_subject *first, *last; // none under way
	struct hash_table subjects;
};

struct report_queue *report_queue_new(uint32_t capacity)
{
	struct report_queue *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		return NULL;
	}
	q->capacity = capacity;
	// Every subject has an item, so there are never more. A full queue takes one more item
	// before it gives one up.
	if (hash_table_init(&q->subjects, capacity + 1) != 0) {
		report_queue_free(q);
		return NULL;
	}
	return q;
}

void report_queue_free(struct report_queue *q)
{
	if (q == NULL) {
		return;
	}
	while (q->oldest != NULL) {
		struct report_item *item = q->oldest;
		report_queue_remove(q, item);
		free(item);
	}
	hash_table_free(&q->subjects);
	free(q);
}

uint32_t report_queue_length(const struct report_queue *q)
{
	return q->length;
}

static uint64_t hash_of(const struct report_queue *q, uint8_t scope, const struct id16 *id)
{
	uint64_t words[4] = {0, 0, scope, 0};

	memcpy(words, id, sizeof(*id));
	return hash_table_hash(&q->subjects, words, 4);
}

static struct report_subject *find(
	const struct report_queue *q, uint8_t scope, const struct id16 *id)
{
	struct hash_link *l = hash_table_first(&q->subjects, hash_of(q, scope, id));

	for (; l != NULL; l = hash_table_next(l)) {
		struct report_subject *s = HASH_OBJECT(l, struct report_subject, link);
		if (s->scope == scope && id_equal(&s->id, id)) {
			return s;
		}
	}
	return NULL;
}

bool report_queue_has(const struct report_queue *q, uint8_t scope, const struct id16 *id)
{
	return find(q, scope, id) != NULL;
}

static void turn_append(struct report_queue *q, struct report_subject *s)
{
	s->previous = q->last;
	s->next = NULL;
	*(q->last != NULL ? &q->last->next : &q->first) = s;
	q->last = s;
}

static void turn_remove(struct report_queue *q, struct report_subject *s)
{
	*(s->previous != NULL ? &s->previous->next : &q->first) = s->next;
	*(s->next != NULL ? &s->next->previous : &q->last) = s->previous;
}

static struct report_subject *subject_new(
	struct report_queue *q, uint8_t scope, const struct id16 *id)
{
	struct report_subject *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->scope = scope;
	s->id = *id;
	if (hash_table_add(&q->subjects, &s->link, hash_of(q, scope, id)) != 0) {
		free(s);
		return NULL;
	}
	turn_append(q, s);
	return s;
}

static void subject_free(struct report_queue *q, struct report_subject *s)
{
	hash_table_remove(&q->subjects, &s->link);
	turn_remove(q, s);
	free(s);
}

// A state is void once a newer state of the same subject waits. Completions are events, not states.
static bool is_state(const struct report_item *item)
{
	return (item->issue.type == ISSUE_FAULT || item->issue.type == ISSUE_CLEAR) &&
	       (item->issue.scope != ISSUE_NE || !id_is_zero(&item->issue.id));
}

static bool supersedes(const struct issue *i)
{
	return i->type != ISSUE_WARNING && i->type != ISSUE_DONE;
}

static bool void_by(const struct report_item *item, const struct issue *i)
{
	if (supersedes(i) && i->scope == item->issue.scope && id_equal(&i->id, &item->issue.id)) {
		return true;
	}
	for (const struct report_item *n = item->next; n != NULL; n = n->next) {
		if (supersedes(&n->issue)) {
			return true;
		}
	}
	return false;
}

static struct report_item *victim(struct report_queue *q, const struct issue *i, bool *coalesced)
{
	const struct report_subject *own = find(q, i->scope, &i->id);
	struct report_item *item = q->warnings != 0 ? q->oldest : NULL;

	for (; item != NULL; item = item->newer) {
		if (!item->busy && item->issue.type == ISSUE_WARNING) {
			*coalesced = false;
			return item;
		}
	}
	item = q->stacked != 0 ? q->oldest : own != NULL ? own->first : NULL;
	for (; item != NULL; item = item->newer) {
		if (!item->busy && is_state(item) && void_by(item, i)) {
			*coalesced = true;
			return item;
		}
	}
	return NULL;
}

int report_queue_put(struct report_queue *q, const struct issue *i, uint64_t token,
	struct report_item **given_up, bool *coalesced)
{
	struct report_item *item, *other = NULL;
	struct report_subject *s;

	*given_up = NULL;
	if (q->length >= q->capacity) {
		other = victim(q, i, coalesced);
		if (other == NULL) {
			return POI_ERR_LIMIT;
		}
	}
	item = calloc(1, sizeof(*item));
	if (item == NULL) {
		return POI_ERR_NOMEM;
	}
	s = find(q, i->scope, &i->id);
	if (s == NULL) {
		s = subject_new(q, i->scope, &i->id);
	}
	if (s == NULL) {
		free(item);
		return POI_ERR_NOMEM;
	}
	item->issue = *i;
	item->token = token;
	item->subject = s;
	*(s->last != NULL ? &s->last->next : &s->first) = item;
	s->last = item;
	q->stacked += s->count++ != 0;
	q->warnings += i->type == ISSUE_WARNING;
	item->older = q->newest;
	*(q->newest != NULL ? &q->newest->newer : &q->oldest) = item;
	q->newest = item;
	q->length++;
	if (other != NULL) {
		report_queue_remove(q, other);
		*given_up = other;
	}
	return 0;
}

struct report_subject *report_queue_first(const struct report_queue *q)
{
	return q->first;
}

struct report_item *report_queue_take(struct report_queue *q, struct report_subject *s)
{
	turn_remove(q, s);
	s->first->busy = true;
	return s->first;
}

void report_queue_return(struct report_queue *q, struct report_item *item)
{
	item->busy = false;
	turn_append(q, item->subject);
}

void report_queue_remove(struct report_queue *q, struct report_item *item)
{
	struct report_subject *s = item->subject;
	struct report_item *before = NULL;

	*(item->older != NULL ? &item->older->newer : &q->oldest) = item->newer;
	*(item->newer != NULL ? &item->newer->older : &q->newest) = item->older;
	q->length--;
	for (struct report_item *at = s->first; at != item; at = at->next) {
		before = at;
	}
	*(before != NULL ? &before->next : &s->first) = item->next;
	if (s->last == item) {
		s->last = before;
	}
	q->stacked -= --s->count != 0;
	q->warnings -= item->issue.type == ISSUE_WARNING;
	if (item->busy) {
		turn_append(q, s);
	}
	item->next = NULL;
	item->subject = NULL;
	if (s->first == NULL) {
		subject_free(q, s);
	}
}
