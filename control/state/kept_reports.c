// A list of reports with an index by network element and key.
#include "control/state/kept_reports.h"

#include <stdlib.h>
#include <string.h>

#include "shared/wire.h"

#define MEMO_VERSION 1

struct kept_reports {
	struct hash_table by_key;
	TAILQ_HEAD(kept_list, kept_report) list;
	LIST_HEAD(, kept_reports_cursor) cursors;
};

struct kept_reports *kept_reports_new(void)
{
	struct kept_reports *k = calloc(1, sizeof(*k));

	if (!k || hash_table_init(&k->by_key, UINT32_MAX)) {
		free(k);
		return NULL;
	}
	TAILQ_INIT(&k->list);
	return k;
}

void kept_reports_free(struct kept_reports *k)
{
	if (!k)
		return;
	for (struct kept_report *r = TAILQ_FIRST(&k->list), *next; r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		free(r);
	}
	hash_table_free(&k->by_key);
	free(k);
}

uint32_t kept_reports_count(const struct kept_reports *k)
{
	return k->by_key.n;
}

static uint64_t hash_of(const struct kept_reports *k, uint16_t ne, const struct id16 *key)
{
	uint64_t words[4] = {0, 0, ne, 0};

	memcpy(words, key, sizeof(*key));
	return hash_table_hash(&k->by_key, words, 4);
}

struct kept_report *kept_reports_find(
	const struct kept_reports *k, uint16_t ne, const struct id16 *key)
{
	struct hash_link *l = hash_table_first(&k->by_key, hash_of(k, ne, key));

	for (; l; l = hash_table_next(l)) {
		struct kept_report *r = HASH_OBJECT(l, struct kept_report, link);
		if (r->ne == ne && id_equal(&r->key, key))
			return r;
	}
	return NULL;
}

static struct kept_report *add(
	struct kept_reports *k, const struct issue *i, const struct id16 *key)
{
	size_t length = strlen(i->text);
	struct kept_report *r = kept_reports_find(k, i->ne, key)
					? NULL
					: calloc(1, sizeof(*r) + length + 1);

	if (!r)
		return NULL;
	r->key = *key;
	r->held = i->held;
	r->scope = i->scope;
	r->type = i->type;
	r->ne = i->ne;
	r->code = i->code;
	r->id = i->id;
	r->transaction = i->transaction;
	r->time_ns = i->time_ns;
	memcpy(r->text, i->text, length + 1);
	if (hash_table_add(&k->by_key, &r->link, hash_of(k, i->ne, key))) {
		free(r);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&k->list, r, entry);
	return r;
}

struct kept_report *kept_reports_add(struct kept_reports *k, const struct issue *i)
{
	struct id16 key = i->held ? i->id : id_random();
	struct kept_report *r = add(k, i, &key);

	if (r)
		r->queued = true;
	return r;
}

void kept_reports_cursor_begin(struct kept_reports *k, struct kept_reports_cursor *c)
{
	c->next = TAILQ_FIRST(&k->list);
	LIST_INSERT_HEAD(&k->cursors, c, entry);
}

struct kept_report *kept_reports_cursor_next(struct kept_reports_cursor *c)
{
	struct kept_report *r = c->next;

	c->next = r ? TAILQ_NEXT(r, entry) : NULL;
	return r;
}

void kept_reports_cursor_end(struct kept_reports_cursor *c)
{
	LIST_REMOVE(c, entry);
}

void kept_reports_remove(struct kept_reports *k, struct kept_report *r)
{
	struct kept_reports_cursor *c;

	LIST_FOREACH(c, &k->cursors, entry)
	c->next = c->next == r ? TAILQ_NEXT(r, entry) : c->next;
	hash_table_remove(&k->by_key, &r->link);
	TAILQ_REMOVE(&k->list, r, entry);
	free(r);
}

struct kept_report *kept_reports_first(const struct kept_reports *k)
{
	return TAILQ_FIRST(&k->list);
}

struct kept_report *kept_reports_next(const struct kept_report *r)
{
	return TAILQ_NEXT(r, entry);
}

void kept_report_issue(const struct kept_report *r, struct issue *out)
{
	*out = (struct issue){.scope = r->scope,
		.type = r->type,
		.ne = r->ne,
		.code = r->code,
		.id = r->id,
		.transaction = r->transaction,
		.time_ns = r->time_ns,
		.held = r->held};
	memcpy(out->text, r->text, strlen(r->text) + 1);
}

int kept_report_memo(const struct kept_report *r, uint8_t out[static KEPT_REPORT_MEMO_MAX])
{
	struct wire_writer w = wire_writer_of(out, KEPT_REPORT_MEMO_MAX);

	wire_put_u8(&w, MEMO_VERSION);
	wire_put_u8(&w, r->scope);
	wire_put_u8(&w, r->type);
	wire_put_u32(&w, r->code);
	wire_put_octets(&w, r->id.b, sizeof(r->id.b));
	wire_put_octets(&w, r->transaction.b, sizeof(r->transaction.b));
	wire_put_u64(&w, r->time_ns);
	wire_put_text(&w, r->text);
	return w.error ? POI_ERR_TOO_LARGE : (int)wire_written(&w);
}

// An earlier process's reports come before those of this one.
static void move_ahead(struct kept_reports *k, struct kept_report *r)
{
	struct kept_report *own = NULL, *at = TAILQ_PREV(r, kept_list, entry);

	for (; at != NULL && at->queued; at = TAILQ_PREV(at, kept_list, entry))
		own = at;
	if (!own)
		return;
	TAILQ_REMOVE(&k->list, r, entry);
	TAILQ_INSERT_BEFORE(own, r, entry);
}

int kept_reports_adopt(struct kept_reports *k, uint16_t ne, const struct id16 *key,
	const uint8_t *memo, size_t length, struct kept_report **out)
{
	struct wire_reader r = wire_reader_of(memo, length);
	struct issue i = {.ne = ne};
	uint8_t version = wire_get_u8(&r);

	*out = kept_reports_find(k, ne, key);
	if (*out)
		return 0;
	if (version != MEMO_VERSION)
		return r.error ? POI_ERR_SYNTAX : POI_ERR_VERSION;
	i.scope = wire_get_u8(&r);
	i.type = wire_get_u8(&r);
	i.code = wire_get_u32(&r);
	wire_get_octets(&r, i.id.b, sizeof(i.id.b));
	wire_get_octets(&r, i.transaction.b, sizeof(i.transaction.b));
	i.time_ns = wire_get_u64(&r);
	wire_get_text(&r, i.text, sizeof(i.text));
	int rc = wire_finish(&r);
	if (!rc && (i.scope > ISSUE_DESTINATION || i.type > ISSUE_IMPLICIT))
		rc = POI_ERR_INVALID;
	if (rc)
		return rc;
	*out = add(k, &i, key);
	if (!*out)
		return POI_ERR_NOMEM;
	move_ahead(k, *out);
	return 0;
}
