#pragma once

// A redundant set of two MDFs, and which PDUs each of them has.

#include "tests/unit/dataplane/deliver/deliver_bed.h"

struct pair {
	struct bed *b;
	struct lab_mdf m[2];
};

// Delivery runs; a better end gets the stream back after `failback` s.
static inline void pair_open(struct pair *p, uint32_t failback)
{
	p->b = bed_new();
	p->b->config.delivery.failback = failback;
	for (unsigned i = 0; i < 2; i++)
		lab_mdf_start(&p->m[i], &p->b->pki, "IP:127.0.0.1", NULL, 0);
}

static inline struct channel_end end_at(uint8_t did, uint16_t port)
{
	struct channel_end e = {.address = {.family = 4, .b = {127, 0, 0, 1}}, .port = port};

	e.did.b[0] = did;
	return e;
}

// The first MDF is preferred.
static inline struct channel_destination pair_set(const struct pair *p)
{
	struct channel_destination d = {.delivery = DELIVERY_X3, .creation = 7, .n_ends = 2};

	d.did.b[0] = 1;
	for (unsigned i = 0; i < 2; i++)
		d.end[i] = end_at((uint8_t)(100 + i), p->m[i].port);
	return d;
}

static inline uint16_t ends_add(struct bed *b, const struct channel_destination *d)
{
	uint16_t index = 0;

	bed_start(b);
	cr_assert_eq(deliver_add(b->deliver, d, &index), 0);
	b->rule[0].destination[0] = index;
	return index;
}

static inline uint16_t pair_add(struct pair *p)
{
	struct channel_destination d = pair_set(p);

	return ends_add(p->b, &d);
}

static inline void pair_close(struct pair *p)
{
	bed_free(p->b);
	lab_mdf_stop(&p->m[0]);
	lab_mdf_stop(&p->m[1]);
}

struct tally {
	uint32_t at[2];	  // numbers of each MDF
	uint32_t missing; // numbers of none
	uint32_t twice;	  // PDUs that had come before, to whichever
	uint32_t turns;	  // how often the next number is at the other MDF, by where it is first
};

// The connection of either MDF whose first octets came next after `*at`; false: there is none.
static inline bool next_connection(struct pair *p, uint64_t *at, unsigned *which, uint32_t *number)
{
	uint64_t best = UINT64_MAX;

	for (unsigned k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < p->m[k].connections; i++) {
			uint64_t t = p->m[k].first_at[i];
			if (t <= *at || t >= best)
				continue;
			best = t;
			*which = k;
			*number = i;
		}
	}
	*at = best;
	return best != UINT64_MAX;
}

// Marks the whole PDUs of a connection: in order, and none left out that did not come before.
static inline void tally_one(
	struct pair *p, unsigned which, uint32_t number, uint8_t *have, uint32_t n, struct tally *t)
{
	struct lab_mdf *m = &p->m[which];
	size_t at = m->start[number];
	size_t end = number + 1 < m->connections ? m->start[number + 1] : m->n_kept;
	uint32_t next = UINT32_MAX;

	while (at < end) {
		struct pdu d;
		const char *why;
		int64_t size = pdu_decode(m->kept + at, end - at, 1 << 20, &d, &why);
		if (size == POI_ERR_AGAIN)
			break;
		cr_assert_gt(size, 0, "%s", why);
		at += (size_t)size;
		if (d.type != PDU_X3)
			continue;
		cr_assert_lt(d.sequence, n);
		cr_assert(next == UINT32_MAX || d.sequence == next, "%u, not %u", d.sequence, next);
		cr_assert(d.sequence == 0 || have[d.sequence - 1], "%u before the one before it",
			d.sequence);
		cr_assert_eq(d.payload_length, payload_length(d.sequence));
		next = d.sequence + 1;
		t->twice += have[d.sequence] != 0;
		t->at[which] += !(have[d.sequence] & 1u << which);
		have[d.sequence] |= (uint8_t)(1u << which);
	}
}

// Tally of the numbers below `n`. The connections of both are taken in the order in which they had
// something.
static inline struct tally pair_tally(struct pair *p, uint32_t n)
{
	struct tally t = {0};
	uint8_t *have = calloc(n, 1);
	uint64_t at = 0;
	unsigned which = 0;
	uint32_t number = 0;

	usleep(50000); // TLS of the MDF may still hold what TCP has acknowledged
	pthread_mutex_lock(&p->m[0].lock);
	pthread_mutex_lock(&p->m[1].lock);
	cr_assert(p->m[0].connections <= 64 && p->m[1].connections <= 64);
	while (next_connection(p, &at, &which, &number))
		tally_one(p, which, number, have, n, &t);
	pthread_mutex_unlock(&p->m[1].lock);
	pthread_mutex_unlock(&p->m[0].lock);
	for (uint32_t i = 0; i < n; i++) {
		t.missing += !have[i];
		t.turns += i > 0 && (have[i] & 1) != (have[i - 1] & 1);
	}
	free(have);
	return t;
}
