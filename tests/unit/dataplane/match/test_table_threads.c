// Commits, folds and readers at once, as in the dataplane: what is in force is found by every burst
// that starts after its publication, what is gone by none, while the filters grow and are replaced.
// Publication and grace period are made of plain atomics: ThreadSanitizer does not see liburcu's.

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/packet/frames.h"

#define READERS 2
#define CHANGES 6000u
#define LIVE 3000u // rules in force; the eldest goes

static const struct port_traits port = {.tunnel = CONFIG_TUNNEL_GTPU};

struct stage {
	_Atomic(const struct table *) current;
	_Atomic uint64_t epoch, seen[READERS];
	// Slots [first, next) are in force; written before and after a publication so that a reader
	// has a range that surely is, and one that may be.
	_Atomic uint32_t sure_first, sure_next, maybe_first, maybe_next;
	_Atomic bool stop;
	_Atomic uint32_t wrong, bursts;
};

// Address of a slot: IPv4, IPv6 and, one in eight, an IPv4 or IPv6 network of its own.
static struct rule rule_of(uint32_t slot)
{
	struct rule r = {.slot = slot};
	bool six = slot & 1;
	struct ip_prefix *p = &r.filter.address[0];

	r.filter.kinds = FILTER_ADDRESS;
	r.filter.n_address = 1;
	*p = (struct ip_prefix){.family = six ? 6 : 4, .length = six ? 128 : 32};
	if (six) {
		memcpy(p->b, "\x20\x01\x0d\xb8", 4);
		wire_store32(p->b + 12, slot << 8);
	} else {
		wire_store32(p->b, 0x0a000000u | slot << 8);
	}
	if (slot % 8 < 2)
		p->length = !six ? 24 : slot < CHANGES / 2 ? 124 : 120; // gets shorter on the way
	return r;
}

static bool finds(const struct table *t, uint32_t slot)
{
	struct frame f = {0};
	struct packet_view v = {0};
	struct match_cursor cursor = {0};
	struct hit hits[8];
	bool found = false;

	frame_ethernet(&f, slot & 1 ? 0x86dd : 0x0800);
	if (slot & 1)
		frame_ipv6(&f, slot << 8, 0xfffffff0u, 17);
	else
		frame_ipv4(&f, 0x01010101u, 0x0a000000u | slot << 8, 17);
	frame_udp(&f, 1, 2);
	frame_finish(&f);
	v.data = f.b;
	v.length = v.total = f.n;
	(void)parse_burst(&port, &v, 1);
	while (!cursor.done)
		for (unsigned n = match_burst(t, &port, &v, 1, &cursor, hits, 8); n > 0; n--)
			found |= hits[n - 1].rule->slot == slot;
	return found;
}

struct reader {
	struct stage *stage;
	unsigned index;
	pthread_t thread;
};

static void *read_on(void *argument)
{
	struct reader *own = argument;
	struct stage *s = own->stage;
	struct rng r = {.s = 99 + own->index};

	while (!atomic_load(&s->stop)) {
		uint32_t first = atomic_load(&s->sure_first), next = atomic_load(&s->sure_next);
		const struct table *t = atomic_load(&s->current);
		uint32_t slot = rng_below(&r, CHANGES);
		bool found = finds(t, slot);
		// `sure` was read before the table; `maybe` is read after it.
		uint32_t late = atomic_load(&s->maybe_first);
		if (slot >= first && slot < next && slot >= late)
			atomic_fetch_add(&s->wrong, !found);
		if (slot < first || slot >= atomic_load(&s->maybe_next))
			atomic_fetch_add(&s->wrong, found);
		atomic_fetch_add(&s->bursts, 1);
		atomic_store(&s->seen[own->index], atomic_load(&s->epoch));
	}
	return NULL;
}

static void *fold(void *argument)
{
	table_fold_run(argument);
	return NULL;
}

static void publish(struct stage *s, struct table_builder *b, uint64_t generation)
{
	const struct table *t = table_commit(b, generation);

	if (!t)
		cr_assert_fail("no memory");
	const struct table *old = atomic_exchange(&s->current, t);
	uint64_t epoch = atomic_fetch_add(&s->epoch, 1) + 1;
	for (unsigned i = 0; i < READERS; i++)
		while (atomic_load(&s->seen[i]) < epoch)
			sched_yield();
	table_retire(b, old);
}

static unsigned change_all(struct stage *s, struct table_builder *b)
{
	struct table_fold *running = NULL;
	pthread_t thread;
	unsigned folds = 0;

	for (uint32_t slot = 0; slot < CHANGES; slot++) {
		struct rule rule = rule_of(slot);
		if (table_put(b, &rule) != 0)
			cr_assert_fail("no memory");
		atomic_store(&s->maybe_next, slot + 1);
		if (slot >= LIVE) {
			atomic_store(&s->maybe_first, slot - LIVE + 1);
			if (table_remove(b, rule_key_own(slot - LIVE)) != 0)
				cr_assert_fail("gone already");
		}
		publish(s, b, slot + 2);
		atomic_store(&s->sure_next, slot + 1);
		if (slot >= LIVE)
			atomic_store(&s->sure_first, slot - LIVE + 1);
		if (running && slot % 64 == 0) { // other changes came meanwhile
			pthread_join(thread, NULL);
			table_fold_finish(b, running);
			running = NULL;
			folds++;
		}
		if (!running && (running = table_fold_begin(b)))
			cr_assert_eq(pthread_create(&thread, NULL, fold, running), 0);
	}
	if (running) {
		pthread_join(thread, NULL);
		table_fold_finish(b, running);
	}
	return folds;
}

Test(table_threads, in_force_is_found_and_gone_is_not)
{
	static const uint64_t seed[2] = {7, 9};
	struct table_builder *b = table_builder_new(seed);
	struct stage s = {.epoch = 0};
	struct reader reader[READERS];

	atomic_store(&s.current, table_commit(b, 1));
	for (unsigned i = 0; i < READERS; i++) {
		reader[i] = (struct reader){.stage = &s, .index = i};
		cr_assert_eq(pthread_create(&reader[i].thread, NULL, read_on, &reader[i]), 0);
	}
	unsigned folds = change_all(&s, b);
	atomic_store(&s.stop, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(reader[i].thread, NULL);
	cr_assert_eq(atomic_load(&s.wrong), 0, "%u wrong", atomic_load(&s.wrong));
	cr_assert(atomic_load(&s.bursts) > 1000);
	cr_assert(folds > 3, "%u folds", folds);
	table_builder_free(b);
}
