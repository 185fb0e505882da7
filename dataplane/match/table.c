// Builds match tables: an immutable base, and a small delta with tombstones.

#include "dataplane/match/table.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "dataplane/match/table_index.h"

#define FOLD_CHANGES 1024u // a delta beyond this, or beyond base / 8, is worth folding
#define FOLD_CHANGES_MIN 64u
#define NO_CHANGE UINT32_MAX

// A rule in memory. Immutable from table_put on; `died` and `dead` belong to the builder.
struct box {
	struct rule rule;
	uint64_t born, died; // builder's stamps
	uint64_t since;	     // of the first in an unbroken row of boxes that capture the same
	SLIST_ENTRY(box) dead;
};
SLIST_HEAD(boxes, box);

struct key_state {
	struct box *live;
	uint32_t change; // index in `changes`, or NO_CHANGE
};

struct change { // a key whose rule the base has wrong
	uint32_t key;
	uint64_t stamp; // of its last change
};

// Memory that is freed once a table and all its elders are retired.
struct garbage {
	struct boxes boxes;
	struct index *base;
	struct filters *filters;
};

struct record {		    // a table known to the builder
	struct table table; // first: table pointers are record pointers
	TAILQ_ENTRY(record) by_age;
	struct garbage garbage;
	bool retired;
	unsigned pinned;
};

struct table_builder {
	struct seeds seeds;
	struct key_state *key;
	uint32_t n_keys;
	struct change *change;
	uint32_t n_changes, max_changes;
	uint64_t stamp;	     // counts puts and removes
	uint64_t base_stamp; // the base holds what was live then
	struct index *base;
	struct filters *filters;
	struct filter_needs needs;
	uint32_t n_live;
	uint32_t n_ported; // ... with rule_wants_ports
	bool expects;	   // for the next table
	uint64_t digest;
	TAILQ_HEAD(records, record) records; // oldest first
	struct garbage garbage;		     // for the newest table, once it has a successor
	struct boxes zombies;		     // dead, but in the base or in the base being folded
	struct table_fold *fold;
};

struct table_fold {
	struct record *from; // pinned
	struct seeds seeds;
	struct index *base;
	struct filters *filters;
};

static void free_boxes(struct boxes *list)
{
	for (struct box *box; (box = SLIST_FIRST(list));) {
		SLIST_REMOVE_HEAD(list, dead);
		free(box);
	}
}

static void free_garbage(struct garbage *g)
{
	free_boxes(&g->boxes);
	index_free(g->base);
	filters_free(g->filters);
	*g = (struct garbage){0};
}

static uint64_t digest_of(const struct rule *r)
{
	uint8_t octets[2 * FILTER_ENCODED_MAX + 160];
	struct wire_writer w = wire_writer_of(octets, sizeof(octets));

	wire_put_u32(&w, r->slot);
	wire_put_u32(&w, r->context_x2);
	wire_put_u32(&w, r->context_x3);
	wire_put_octets(&w, r->header_xid.b, sizeof(r->header_xid.b));
	wire_put_u64(&w, r->correlation);
	wire_put_u8(&w, r->delivery);
	wire_put_u8(&w, r->report);
	wire_put_u8(&w, r->links);
	wire_put_u8(&w, r->payload_format);
	wire_put_u8(&w, r->axri);
	for (unsigned i = 0; i < r->n_destinations && i < RULE_DESTINATIONS_MAX; i++)
		wire_put_u16(&w, r->destination[i]);
	filter_encode(&w, &r->filter);
	if (r->binding) {
		wire_put_u32(&w, r->binding);
		wire_put_u8(&w, r->direction);
		wire_put_u8(&w, r->alternative);
		wire_put_u64(&w, r->select_digest);
		wire_put_u64(&w, r->from_ns);
		wire_put_u64(&w, r->until_ns);
		if (r->also)
			filter_encode(&w, r->also);
	}
	uint64_t h = 0xcbf29ce484222325u; // FNV-1a, then a finaliser: sums of it are the digest
	for (const uint8_t *p = octets; p < w.at; p++)
		h = (h ^ *p) * 0x100000001b3u;
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

struct table_builder *table_builder_new(const uint64_t seed[2])
{
	struct table_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	TAILQ_INIT(&b->records);
	b->seeds = (struct seeds){.a = seed[0], .b = seed[1] | 1};
	b->filters = filters_new(&b->needs);
	b->base = index_build(&b->seeds, calloc(1, sizeof(struct rule *)), 0);
	if (!b->filters || !b->base) {
		table_builder_free(b);
		return NULL;
	}
	return b;
}

static struct record *newest(const struct table_builder *b)
{
	return TAILQ_LAST(&b->records, records);
}

static void free_record(struct record *r)
{
	free_garbage(&r->garbage);
	index_free((struct index *)r->table.delta);
	free(r->table.tombstone);
	free(r);
}

void table_builder_free(struct table_builder *b)
{
	if (!b)
		return;
	for (struct record *r; (r = TAILQ_FIRST(&b->records));) {
		TAILQ_REMOVE(&b->records, r, by_age);
		free_record(r);
	}
	for (uint32_t i = 0; i < b->n_keys; i++)
		free(b->key[i].live);
	if (b->fold) {
		index_free(b->fold->base);
		filters_free(b->fold->filters);
		free(b->fold);
	}
	free_garbage(&b->garbage);
	free_boxes(&b->zombies);
	index_free(b->base);
	filters_free(b->filters);
	free(b->key);
	free(b->change);
	free(b);
}

static int reach_key(struct table_builder *b, uint32_t key)
{
	if (key < b->n_keys)
		return POI_OK;
	if (key >= 1u << 30)
		return POI_ERR_NOMEM;
	uint32_t n = b->n_keys ? b->n_keys : 256;
	while (n <= key)
		n *= 2;
	struct key_state *grown = realloc(b->key, n * sizeof(*grown));
	if (!grown)
		return POI_ERR_NOMEM;
	for (uint32_t i = b->n_keys; i < n; i++)
		grown[i] = (struct key_state){.change = NO_CHANGE};
	b->key = grown;
	b->n_keys = n;
	return POI_OK;
}

// Makes sure that note_change cannot fail.
static int reach_change(struct table_builder *b)
{
	if (b->n_changes < b->max_changes)
		return POI_OK;
	uint32_t n = b->max_changes ? b->max_changes * 2 : 256;
	struct change *grown = realloc(b->change, n * sizeof(*grown));
	if (!grown)
		return POI_ERR_NOMEM;
	b->change = grown;
	b->max_changes = n;
	return POI_OK;
}

static void note_change(struct table_builder *b, uint32_t key)
{
	uint32_t at = b->key[key].change;

	if (at == NO_CHANGE) {
		at = b->key[key].change = b->n_changes++;
		b->change[at].key = key;
	}
	b->change[at].stamp = b->stamp;
}

// The dead rule stays as long as a table can still show it: see struct garbage.
static void bury(struct table_builder *b, struct box *box)
{
	bool based = box->born <= b->base_stamp;
	bool folding = b->fold && box->born <= b->fold->from->table.stamp;

	filters_count(&b->needs, &box->rule, -1);
	b->digest -= digest_of(&box->rule);
	b->n_live--;
	b->n_ported -= rule_wants_ports(&box->rule);
	box->died = b->stamp;
	SLIST_INSERT_HEAD(based || folding ? &b->zombies : &b->garbage.boxes, box, dead);
}

// True if both capture the same packets; their destinations may differ.
static bool captures_same(const struct rule *a, const struct rule *b)
{
	return !a->binding && a->delivery == b->delivery && a->report == b->report &&
	       a->links == b->links && filter_equal(&a->filter, &b->filter);
}

int table_put(struct table_builder *b, const struct rule *rule)
{
	struct box *box = malloc(sizeof(*box));

	if (!box || reach_key(b, rule_key(rule)) || reach_change(b)) {
		free(box);
		return POI_ERR_NOMEM;
	}
	b->stamp++;
	*box = (struct box){.rule = *rule, .born = b->stamp, .since = b->stamp};
	struct key_state *s = &b->key[rule_key(rule)];
	if (s->live && captures_same(&s->live->rule, rule))
		box->since = s->live->since;
	if (s->live)
		bury(b, s->live);
	s->live = box;
	note_change(b, rule_key(rule));
	filters_count(&b->needs, rule, 1);
	b->digest += digest_of(rule);
	b->n_live++;
	b->n_ported += rule_wants_ports(rule);
	filters_set(b->filters, &b->seeds, &box->rule);
	return POI_OK;
}

int table_remove(struct table_builder *b, uint32_t key)
{
	if (key >= b->n_keys || !b->key[key].live)
		return POI_ERR_NOT_FOUND;
	if (reach_change(b))
		return POI_ERR_NOMEM;
	b->stamp++;
	bury(b, b->key[key].live);
	b->key[key].live = NULL;
	note_change(b, key);
	return POI_OK;
}

// The newest table goes on using its filters; filters that no table has seen yet just go.
static void drop_filters(struct table_builder *b)
{
	if (b->garbage.filters)
		filters_free(b->filters);
	else
		b->garbage.filters = b->filters;
}

static int build_tombstones(const struct table_builder *b, struct table *t)
{
	uint32_t size = 4;

	while (size < b->n_changes * 2)
		size *= 2;
	t->tombstone = malloc(size * sizeof(*t->tombstone));
	if (!t->tombstone)
		return POI_ERR_NOMEM;
	memset(t->tombstone, 0xff, size * sizeof(*t->tombstone));
	t->tombstone_mask = size - 1;
	t->n_tombstones = b->n_changes;
	for (uint32_t i = 0; i < b->n_changes; i++) {
		uint32_t at = tombstone_at(b->change[i].key, t->tombstone_mask);
		while (t->tombstone[at] != UINT32_MAX)
			at = (at + 1) & t->tombstone_mask;
		t->tombstone[at] = b->change[i].key;
	}
	return POI_OK;
}

static struct index *build_delta(const struct table_builder *b)
{
	const struct rule **rules = malloc((b->n_changes + 1u) * sizeof(struct rule *));
	uint32_t n = 0;

	if (!rules)
		return NULL;
	for (uint32_t i = 0; i < b->n_changes; i++)
		if (b->key[b->change[i].key].live)
			rules[n++] = &b->key[b->change[i].key].live->rule;
	return index_build(&b->seeds, rules, n);
}

const struct table *table_commit(struct table_builder *b, uint64_t generation)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->table.delta = build_delta(b);
	if (!r->table.delta || build_tombstones(b, &r->table))
		goto fail;
	r->table.filters = b->filters;
	r->table.base = b->base;
	r->table.kinds = b->base->kinds | r->table.delta->kinds;
	r->table.seeds = b->seeds;
	r->table.generation = generation;
	r->table.digest = b->digest;
	r->table.n_rules = b->n_live;
	r->table.n_ported = b->n_ported;
	r->table.stamp = b->stamp;
	r->table.expects = b->expects;
	struct record *elder = newest(b);
	if (elder)
		elder->garbage = b->garbage;
	else
		free_garbage(&b->garbage);
	b->garbage = (struct garbage){0};
	TAILQ_INSERT_TAIL(&b->records, r, by_age);
	return &r->table;
fail:
	free_record(r);
	return NULL;
}

static void sweep(struct table_builder *b)
{
	struct record *r;

	// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed had been taken out of the list
	while ((r = TAILQ_FIRST(&b->records)) && r != newest(b) && r->retired && !r->pinned) {
		TAILQ_REMOVE(&b->records, r, by_age);
		free_record(r);
	}
}

void table_retire(struct table_builder *b, const struct table *old)
{
	struct record *r;

	TAILQ_FOREACH (r, &b->records, by_age)
		if (&r->table == old)
			r->retired = true;
	sweep(b);
}

// Filters that are too small, or cut IPv6 prefixes too late, are right but let too much through:
// only a fold makes new ones, so that no commit walks all rules.
static bool is_worth_folding(const struct table_builder *b)
{
	uint32_t changes = newest(b)->table.n_tombstones;

	if (changes > 0 && !filters_fit(b->filters, &b->needs))
		return true;
	return changes >= FOLD_CHANGES_MIN &&
	       (changes > FOLD_CHANGES || changes > b->base->n_rules / 8);
}

struct table_fold *table_fold_begin(struct table_builder *b)
{
	struct record *from = newest(b);

	if (b->fold || !from || from->table.base != b->base)
		return NULL;
	if (!is_worth_folding(b))
		return NULL;
	struct table_fold *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->from = from;
	from->pinned++;
	f->seeds = b->seeds;
	b->fold = f;
	return f;
}

// Reads only the pinned table, whose rules cannot go before it is unpinned.
void table_fold_run(struct table_fold *f)
{
	const struct table *t = &f->from->table;
	const struct rule **rules =
		malloc((t->base->n_rules + t->delta->n_rules + 1ul) * sizeof(struct rule *));
	struct filter_needs needs = {0};
	uint32_t n = 0;

	if (!rules)
		return;
	for (uint32_t i = 0; i < t->base->n_rules; i++)
		if (!table_is_void(t, rule_key(t->base->rule[i])))
			rules[n++] = t->base->rule[i];
	for (uint32_t i = 0; i < t->delta->n_rules; i++)
		rules[n++] = t->delta->rule[i];
	for (uint32_t i = 0; i < n; i++)
		filters_count(&needs, rules[i], 1);
	f->filters = filters_new(&needs);
	if (f->filters)
		for (uint32_t i = 0; i < n; i++)
			filters_set(f->filters, &f->seeds, rules[i]);
	f->base = index_build(&f->seeds, rules, n);
}

// Keeps the changes that came after the fold's snapshot, and brings their rules into its filters.
static void keep_later_changes(struct table_builder *b, uint64_t since)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->n_changes; i++) {
		struct change c = b->change[i];
		if (c.stamp <= since) {
			b->key[c.key].change = NO_CHANGE;
			continue;
		}
		b->key[c.key].change = kept;
		b->change[kept++] = c;
		const struct box *live = b->key[c.key].live;
		if (live)
			filters_set(b->filters, &b->seeds, &live->rule);
	}
	b->n_changes = kept;
}

static void bury_zombies(struct table_builder *b, uint64_t since)
{
	struct boxes all = b->zombies;

	SLIST_INIT(&b->zombies);
	for (struct box *box; (box = SLIST_FIRST(&all));) {
		SLIST_REMOVE_HEAD(&all, dead);
		SLIST_INSERT_HEAD(box->died <= since ? &b->garbage.boxes : &b->zombies, box, dead);
	}
}

void table_fold_finish(struct table_builder *b, struct table_fold *f)
{
	if (!f)
		return;
	uint64_t since = f->from->table.stamp;
	f->from->pinned--;
	b->fold = NULL;
	if (f->base && f->filters) {
		b->garbage.base = b->base;
		drop_filters(b);
		b->base = f->base;
		b->filters = f->filters;
		b->base_stamp = since;
		keep_later_changes(b, since);
		bury_zombies(b, since);
	} else { // out of memory: the old base stays, and the next fold tries again
		index_free(f->base);
		filters_free(f->filters);
	}
	free(f);
	sweep(b);
}

void table_expect(struct table_builder *b, bool on)
{
	b->expects = on;
}

bool table_expects(const struct table *t)
{
	return t->expects;
}

uint64_t table_generation(const struct table *t)
{
	return t->generation;
}

uint32_t table_rules(const struct table *t)
{
	return t->n_rules;
}

bool table_wants_ports(const struct table *t)
{
	return t->n_ported > 0;
}

uint64_t table_stamp(const struct table *t)
{
	return t->stamp;
}

uint64_t table_rule_since(const struct rule *rule)
{
	return ((const struct box *)(const void *)rule)->since;
}

static size_t index_octets(const struct index *x)
{
	return sizeof(*x) + ((1ull << (64 - x->shift)) + 1) * sizeof(*x->start) +
	       x->n_entries * sizeof(*x->entry) +
	       x->n_rules * (sizeof(*x->rule) + sizeof(struct box) + 16);
}

size_t table_octets(const struct table *t)
{
	return sizeof(struct record) + index_octets(t->base) + index_octets(t->delta) +
	       (t->tombstone_mask + 1ul) * sizeof(*t->tombstone) + t->filters->octets;
}

uint64_t table_digest(const struct table *t)
{
	return t->digest;
}

uint64_t table_rule_digest(const struct rule *rule)
{
	return digest_of(rule);
}
