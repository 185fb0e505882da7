#include "control/report/x1_report_queue.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct report_queue {
	uint32_t capacity, length, mask;
	uint32_t warnings; // waiting: without any there is none to look for when full
	uint32_t stacked;  // reports behind another of their subject, likewise
	uint64_t seed;
	struct report_item *oldest, *newest;
	struct report_subject *first, *last; // none under way
	struct report_subject **table;
};

struct report_queue *report_queue_new(uint32_t capacity)
{
	struct report_queue *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		return NULL;
	}
	q->capacity = capacity;
	q->mask = 1;
	while (q->mask < capacity && q->mask < 1u << 20) {
		q->mask <<= 1;
	}
	q->table = calloc(q->mask, sizeof(*q->table));
	q->mask--;
	// identifiers are the peer's choice: a fixed hash could be made to degenerate
	if (q->table == NULL || getrandom(&q->seed, sizeof(q->seed), 0) != sizeof(q->seed)) {
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
	free(q->table);
	free(q);
}

uint32_t report_queue_length(const struct report_queue *q)
{
	return q->length;
}

static struct report_subject **bucket(
	const struct report_queue *q, uint8_t scope, const struct id16 *id)
{
	uint64_t word[2], h = q->seed ^ scope;

	memcpy(word, id, sizeof(word));
	for (int i = 0; i < 2; i++) {
		h = (h ^ word[i]) * 0x9E3779B97F4A7C15u;
		h ^= h >> 29;
	}
	return &q->table[h & q->mask];
}

static struct report_subject *find(
	const struct report_queue *q, uint8_t scope, const struct id16 *id)
{
	struct report_subject *s = *bucket(q, scope, id);

	while (s != NULL && (s->scope != scope || !id_equal(&s->id, id))) {
		s = s->hash_next;
	}
	return s;
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
	struct report_subject **at = bucket(q, scope, id);

	if (s == NULL) {
		return NULL;
	}
	s->scope = scope;
	s->id = *id;
	s->hash_next = *at;
	*at = s;
	turn_append(q, s);
	return s;
}

static void subject_free(struct report_queue *q, struct report_subject *s)
{
	struct report_subject **at = bucket(q, s->scope, &s->id);

	while (*at != s) {
		at = &(*at)->hash_next;
	}
	*at = s->hash_next;
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
