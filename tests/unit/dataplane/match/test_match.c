// The matcher against the naive reference: random rules, random and hostile packets, random changes
// of the table. POI_TEST_SEED and POI_TEST_ROUNDS repeat or lengthen a run.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#include "dataplane/match/pdr_select.h"
#include "tests/unit/dataplane/packet/frames.h"
#include "tests/unit/dataplane/match/reference.h"

#define TASKS 160 // with a rule of their own
#define BOUND 24  // tasks with bound rules
#define SLOTS (TASKS + BOUND)
#define BINDINGS 250 // their rules
#define RULES (TASKS + BINDINGS)

struct world {
	struct rng rng;
	struct table_builder *b;
	const struct table *t;
	uint64_t generation;
	bool live[RULES];
	struct rule rule[RULES]; // as last put
	bool committed[RULES];	 // what `t` must show
	struct rule shown[RULES];
	const struct pdr_select *udp;
	struct rule_room room[64 * RULES]; // never reused while a table may show it
	uint32_t rooms;
	uint64_t merged;
	uint64_t pairs, hits, commits, folds;
	uint64_t shapes[8]; // packets by their shape
};

struct found {
	bool hit;
	uint8_t layer, direction, tunnelled;
	uint32_t binding;
};

static uint64_t environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void commit(struct world *w)
{
	const struct table *next = table_commit(w->b, ++w->generation);

	cr_assert_not_null(next);
	if (w->t)
		table_retire(w->b, w->t);
	w->t = next;
	memcpy(w->committed, w->live, sizeof(w->live));
	memcpy(w->shown, w->rule, sizeof(w->rule));
	w->commits++;
}

static void change(struct world *w)
{
	for (unsigned n = rng_below(&w->rng, 40); n; n--) {
		uint32_t i = rng_below(&w->rng, RULES), binding = i - TASKS + 1;
		uint32_t key = i < TASKS ? rule_key_own(i) : rule_key_bound(binding);
		if (rng_below(&w->rng, 3) == 0) {
			cr_assert_eq(table_remove(w->b, key), w->live[i] ? 0 : POI_ERR_NOT_FOUND);
			w->live[i] = false;
			continue;
		}
		if (i < TASKS) {
			rule_random(&w->rule[i], &w->rng, i);
		} else {
			struct rule_room *room = &w->room[w->rooms++ % (64 * RULES)];
			room->udp = w->udp;
			rule_random_bound(&w->rule[i], &w->rng, binding, room);
			w->rule[i].slot = TASKS + rng_below(&w->rng, BOUND);
		}
		cr_assert_eq(rule_key(&w->rule[i]), key);
		cr_assert_eq(table_put(w->b, &w->rule[i]), 0);
		w->live[i] = true;
	}
}

// Changes before, during and after a fold; the table must show the last commit all the time.
static void churn(struct world *w)
{
	change(w);
	if (rng_below(&w->rng, 4) == 0)
		return; // not committed: nothing may show
	commit(w);
	if (rng_below(&w->rng, 2))
		return;
	struct table_fold *f = table_fold_begin(w->b);
	if (!f)
		return;
	w->folds++;
	if (rng_below(&w->rng, 2))
		change(w);
	if (rng_below(&w->rng, 2))
		commit(w);
	table_fold_run(f);
	change(w);
	table_fold_finish(w->b, f);
	if (rng_below(&w->rng, 2))
		commit(w);
}

static void run_match(struct world *w, const struct port_traits *port,
	const struct packet_view *views, unsigned n, struct found (*found)[SLOTS])
{
	static struct match_many *many;
	struct match_cursor cursor = {0};
	struct hit hits[300];

	many = many ? many : match_many_new();
	cr_assert(many);
	cursor.many = rng_below(&w->rng, 2) ? many : NULL;
	unsigned max = rng_below(&w->rng, 2) ? 300 : 1 + rng_below(&w->rng, 5), last = 0, calls = 0;

	while (!cursor.done) {
		unsigned n_hits = match_burst(w->t, port, views, n, &cursor, hits, max);
		cr_assert_lt(++calls, 100000u);
		cr_assert_leq(n_hits, max);
		for (unsigned i = 0; i < n_hits; i++) {
			struct found *at = &found[hits[i].packet][hits[i].rule->slot];
			cr_assert(!at->hit, "the same pair twice");
			cr_assert_geq(hits[i].packet, last);
			last = hits[i].packet;
			*at = (struct found){true, hits[i].layer, hits[i].direction,
				hits[i].tunnelled, hits[i].rule->binding};
		}
	}
}

// Matches a frame with the rules of one slot; returns how many of them hold.
static unsigned wanted(struct world *w, uint32_t slot, const struct port_traits *port,
	const uint8_t *frame, uint32_t length, struct found *want)
{
	uint64_t from = 0;
	unsigned n = 0;

	*want = (struct found){0};
	for (uint32_t i = slot < TASKS ? slot : TASKS; i < (slot < TASKS ? slot + 1 : RULES); i++) {
		const struct rule *r = &w->shown[i];
		struct hit hit = {0};
		if (!w->committed[i] || r->slot != slot)
			continue;
		w->pairs++;
		if (!reference_match(r, port, frame, length, &hit))
			continue;
		uint8_t direction = hit.direction;
		if (n++ && want->direction != direction && want->direction != 1)
			direction = direction == 1 ? want->direction : 4;
		if (n == 1 || r->from_ns < from) { // numbers ascend
			*want = (struct found){true, hit.layer, 0, hit.tunnelled, r->binding};
			from = r->from_ns;
		}
		want->direction = direction;
	}
	return n;
}

static void burst(struct world *w)
{
	static struct found found[PACKET_BURST][SLOTS];
	struct packet_view views[PACKET_BURST];
	uint8_t *copy[PACKET_BURST];
	uint32_t length[PACKET_BURST];
	struct port_traits port;
	struct frame f;

	memset(found, 0, sizeof(found));
	memset(views, 0xa5, sizeof(views)); // nothing may be taken from an earlier burst
	port_random(&port, &w->rng);
	for (unsigned i = 0; i < PACKET_BURST; i++) {
		if (rng_below(&w->rng, 2))
			frame_user(&f, &w->rng);
		else
			frame_random(&f, &w->rng);
		length[i] = f.n;
		copy[i] = malloc(f.n ? f.n : 1); // exact size, so that a sanitizer sees an overread
		memcpy(copy[i], f.b, f.n);
		views[i].data = copy[i];
		views[i].length = views[i].total = f.n;
	}
	unsigned n = 1 + rng_below(&w->rng, PACKET_BURST); // any number of them
	parse_burst(&port, views, n);
	run_match(w, &port, views, n, found);
	for (unsigned i = 0; i < PACKET_BURST; i++) {
		if (i >= n) {
			free(copy[i]);
			continue;
		}
		w->shapes[views[i].shape & 7]++;
		for (unsigned slot = 0; slot < SLOTS; slot++) {
			struct found want;
			unsigned holding = wanted(w, slot, &port, copy[i], length[i], &want);
			const struct found *got = &found[i][slot];
			w->hits += holding > 0;
			w->merged += holding > 1;
			cr_assert_eq(got->hit, want.hit, "pair %u %u: %d, reference %d", i, slot,
				got->hit, want.hit);
			cr_assert(got->layer == want.layer && got->direction == want.direction &&
					  got->tunnelled == want.tunnelled &&
					  got->binding == want.binding,
				"pair %u %u: layer %u/%u direction %u/%u tunnelled %u/%u binding "
				"%u/%u",
				i, slot, got->layer, want.layer, got->direction, want.direction,
				got->tunnelled, want.tunnelled, got->binding, want.binding);
		}
		free(copy[i]);
	}
}

Test(match, agrees_with_the_reference)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t seed[2] = {0x1234567890abcdefu, 0xfedcba0987654321u};

	w->rng.s = environment("POI_TEST_SEED", 1);
	w->b = table_builder_new(seed);
	cr_assert_not_null(w->b);
	const struct pdr_choice udp = {.wanted = true, .n_flows = 1, .flow = {{.protocol = 17}}};
	w->udp = pdr_select_new(&udp, 1);
	cr_assert_not_null(w->udp);
	commit(w);
	for (uint64_t round = environment("POI_TEST_ROUNDS", 150); round; round--) {
		churn(w);
		burst(w);
		burst(w);
	}
	fprintf(stderr,
		"# %llu pairs, %llu hits, %llu of several rules, %llu commits, %llu folds\n",
		(unsigned long long)w->pairs, (unsigned long long)w->hits,
		(unsigned long long)w->merged, (unsigned long long)w->commits,
		(unsigned long long)w->folds);
	static const uint8_t shapes[] = {
		SHAPE_OTHER, SHAPE_PLAIN4, SHAPE_PLAIN6, SHAPE_GTP4, SHAPE_GTP6};
	for (unsigned i = 0; i < 5; i++)
		cr_assert_gt(w->shapes[shapes[i]], 100u, "too few packets of shape %u", shapes[i]);
	cr_assert_gt(w->hits, w->pairs / 200);
	cr_assert_gt(w->merged, w->hits / 1000);
	cr_assert_gt(w->pairs, 1000u);
	table_builder_free(w->b);
	pdr_select_drop(w->udp);
	free(w);
}
