// Queues reports to one ADMF: in turn by subject, bounded, superseded states given up first.
#include "control/report/x1_report_queue.h"

#include <stdlib.h>
#include <string.h>

struct report_queue {
	uint32_t capacity, length;
	uint32_t warnings;	 // waiting: without any there is none to look for when full
	uint32_t stacked;	 // reports behind another of their subject, likewise
	struct report_items all; // oldest first
	TAILQ_HEAD(, report_subject) turn;
	struct hash_table subjects;
};

struct report_queue *report_queue_new(uint32_t capacity)
{
	struct report_queue *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		return NULL;
	}
	q->capacity = capacity;
	TAILQ_INIT(&q->all);
	TAILQ_INIT(&q->turn);
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
	struct report_item *item = TAILQ_FIRST(&q->all), *next;
	for (; item != NULL; item = next) {
		next = TAILQ_NEXT(item, of_all);
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

static struct report_subject *subject_new(
	struct report_queue *q, uint8_t scope, const struct id16 *id)
{
	struct report_subject *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->scope = scope;
	s->id = *id;
	TAILQ_INIT(&s->items);
	if (hash_table_add(&q->subjects, &s->link, hash_of(q, scope, id)) != 0) {
		free(s);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&q->turn, s, turn);
	return s;
}

static void subject_free(struct report_queue *q, struct report_subject *s)
{
	hash_table_remove(&q->subjects, &s->link);
	TAILQ_REMOVE(&q->turn, s, turn);
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
	while ((item = TAILQ_NEXT(item, of_subject)) != NULL) {
		if (supersedes(&item->issue)) {
			return true;
		}
	}
	return false;
}

static struct report_item *victim(struct report_queue *q, const struct issue *i, bool *coalesced)
{
	const struct report_subject *own = find(q, i->scope, &i->id);
	struct report_item *item = q->warnings != 0 ? TAILQ_FIRST(&q->all) : NULL;

	for (; item != NULL; item = TAILQ_NEXT(item, of_all)) {
		if (!item->busy && item->issue.type == ISSUE_WARNING) {
			*coalesced = false;
			return item;
		}
	}
	item = q->stacked != 0 ? TAILQ_FIRST(&q->all)
	       : own != NULL   ? TAILQ_FIRST(&own->items)
			       : NULL;
	for (; item != NULL; item = TAILQ_NEXT(item, of_all)) {
		if (!item->busy && is_state(item) && void_by(item, i)) {
			*coalesced = true;
			return item;
		}
	}
	return NULL;
}

// One of an earlier process goes ahead of what this one has to report of the subject.
static void insert(struct report_subject *s, struct report_item *item)
{
	struct report_item *other = item->issue.kept ? TAILQ_FIRST(&s->items) : NULL;

	while (other != NULL && (other->busy || other->issue.kept)) {
		other = TAILQ_NEXT(other, of_subject);
	}
	if (other != NULL) {
		TAILQ_INSERT_BEFORE(other, item, of_subject);
	} else {
		TAILQ_INSERT_TAIL(&s->items, item, of_subject);
	}
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
	insert(s, item);
	q->stacked += s->count++ != 0;
	q->warnings += i->type == ISSUE_WARNING;
	TAILQ_INSERT_TAIL(&q->all, item, of_all);
	q->length++;
	if (other != NULL) {
		report_queue_remove(q, other);
		*given_up = other;
	}
	return 0;
}

struct report_subject *report_queue_first(const struct report_queue *q)
{
	return TAILQ_FIRST(&q->turn);
}

struct report_item *report_queue_take(struct report_queue *q, struct report_subject *s)
{
	struct report_item *item = TAILQ_FIRST(&s->items);

	TAILQ_REMOVE(&q->turn, s, turn);
	item->busy = true;
	return item;
}

void report_queue_return(struct report_queue *q, struct report_item *item)
{
	item->busy = false;
	TAILQ_INSERT_TAIL(&q->turn, item->subject, turn);
}

void report_queue_remove(struct report_queue *q, struct report_item *item)
{
	struct report_subject *s = item->subject;

	TAILQ_REMOVE(&q->all, item, of_all);
	q->length--;
	TAILQ_REMOVE(&s->items, item, of_subject);
	q->stacked -= --s->count != 0;
	q->warnings -= item->issue.type == ISSUE_WARNING;
	if (item->busy) {
		TAILQ_INSERT_TAIL(&q->turn, s, turn);
	}
	item->subject = NULL;
	if (TAILQ_EMPTY(&s->items)) {
		subject_free(q, s);
	}
}
