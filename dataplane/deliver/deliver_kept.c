// Destinations in the box: what the next process will find, and what the one before has left.

#include "dataplane/deliver/deliver_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/capture/ring_kept.h"
#include "shared/digest.h"
#include "shared/log.h"
#include "shared/now.h"
#include "shared/wire.h"

#define NOBODY UINT32_MAX

void deliver_plan(struct box_plan *p, uint32_t threads)
{
	copy_outcomes_plan(p, threads + 1);
	box_plan_add(p, BOX_DESTINATIONS, 0, sizeof(struct box_destination), DESTINATIONS_KEPT);
}

void deliver_box(struct deliver *d, const struct box *b)
{
	d->box = b;
	d->kept = box_part(b, BOX_DESTINATIONS, 0, sizeof(*d->kept), NULL);
	for (uint32_t i = 0; i < d->n_threads; i++)
		copy_outcomes_box(&d->thread[i].book, b, i);
	copy_outcomes_box(&d->inherited, b, d->n_threads);
}

// Derives a destination's identity across processes from its creation and its address. All zero: it
// has none.
static void creation_of(const struct channel_destination *dest, uint8_t out[16])
{
	uint8_t octets[sizeof(dest->address.b) + 3 + CHANNEL_NAME_MAX + 8] = {
		dest->address.family, (uint8_t)(dest->port >> 8), (uint8_t)dest->port};
	uint8_t all[DIGEST_SIZE] = {0};

	memcpy(octets + 3, dest->address.b, sizeof(dest->address.b));
	memcpy(octets + 3 + sizeof(dest->address.b), dest->host, CHANNEL_NAME_MAX);
	wire_store64(octets + sizeof(octets) - 8, dest->creation);
	if (digest_of(octets, sizeof(octets), all))
		memset(all, 0, sizeof(all));
	memcpy(out, all, 16);
}

static uint32_t state_of(const struct box_destination *k)
{
	return atomic_load_explicit(&k->state, memory_order_relaxed);
}

static struct box_destination *place(struct deliver *d)
{
	for (uint32_t i = 0; d->kept && i < DESTINATIONS_KEPT; i++) {
		if (state_of(&d->kept[i]) != BOX_FREE)
			continue;
		if (i >= d->kept_used) {
			d->kept_used = i + 1;
			box_use((struct box *)d->box, BOX_DESTINATIONS, 0, d->kept_used);
		}
		memset(d->kept[i].counts, 0, sizeof(d->kept[i].counts));
		d->kept[i].before = 0;
		d->kept[i].connections = 0;
		return &d->kept[i];
	}
	return NULL;
}

static void set_state(struct box_destination *k, enum box_state s)
{
	atomic_store_explicit(&k->state, s, memory_order_release); // partner: the next process
}

// Copies that wait for the destination count as past until it is added again.
static void add_waiting(
	const struct deliver *d, const struct box_destination *k, struct copy_balance *add)
{
	struct copy_ring_counts n = {0};

	for (uint32_t w = 0; w < d->n_workers; w++)
		capture_waiting_counts(d->captures[w], (uint32_t)(k - d->kept), &n);
	copy_outcomes_sum(&k->counts[0], add);
	add->offered += n.offered + k->before;
	add->queued += n.pushed - n.released;
	for (int i = 0; i < LOSS_COUNT; i++)
		add->lost[i] += n.lost[i];
}

static void take_from_past(struct deliver *d, const struct box_destination *k)
{
	struct copy_balance b = {0};

	add_waiting(d, k, &b);
	pthread_mutex_lock(&d->lock);
	d->past.offered -= b.offered;
	d->past.acknowledged -= b.acknowledged;
	d->past.in_doubt -= b.in_doubt;
	d->past.octets -= b.octets;
	d->past.queued -= b.queued;
	for (int i = 0; i < LOSS_COUNT; i++)
		d->past.lost[i] -= b.lost[i];
	pthread_mutex_unlock(&d->lock);
}

struct box_destination *deliver_keep(struct deliver *d, const struct channel_destination *dest)
{
	static const uint8_t none[16];
	uint8_t creation[16];

	creation_of(dest, creation);
	for (uint32_t i = 0; d->n_waiting > 0 && i < d->kept_used; i++) {
		struct box_destination *k = &d->kept[i];
		if (state_of(k) != BOX_WAITING || !id_equal(&k->ne, &dest->ne) ||
			!id_equal(&k->did, &dest->did) || memcmp(k->creation, creation, 16) != 0 ||
			memcmp(creation, none, 16) == 0)
			continue;
		take_from_past(d, k);
		d->n_waiting--;
		set_state(k, BOX_LIVE);
		return k;
	}
	struct box_destination *k = place(d);
	if (!k)
		return NULL;
	k->ne = dest->ne;
	k->did = dest->did;
	memcpy(k->creation, creation, sizeof(k->creation));
	set_state(k, BOX_LIVE);
	return k;
}

void deliver_keep_modified(struct mdf_connection *c, const struct channel_destination *dest)
{
	if (c->kept)
		creation_of(dest, c->kept->creation);
}

void deliver_keep_rest(struct mdf_connection *c, bool waits)
{
	struct deliver *d = c->deliver;
	uint64_t step = waits ? 1 : UINT64_MAX; // modulo 2^64
	struct copy_ring_counts n = {0};

	if (!c->kept)
		return;
	for (uint32_t w = 0; w < d->n_workers; w++)
		capture_waiting_counts(d->captures[w], deliver_kept_number(c), &n);
	pthread_mutex_lock(&d->lock);
	d->past.offered += step * n.offered;
	d->past.queued += step * (n.pushed - n.released);
	for (int i = 0; i < LOSS_COUNT; i++)
		d->past.lost[i] += step * n.lost[i];
	pthread_mutex_unlock(&d->lock);
}

void deliver_count_in(struct mdf_connection *c)
{
	stream_count_in(
		c->stream, &c->kept->counts[c->number], c->number == 0 ? c->kept->before : 0);
}

uint32_t deliver_kept_number(const struct mdf_connection *c)
{
	return c->kept ? (uint32_t)(c->kept - c->deliver->kept) : NOBODY;
}

void deliver_kept_free(struct mdf_connection *c)
{
	if (c->kept)
		set_state(c->kept, BOX_FREE);
}

// --- an earlier process's

struct inheriting {
	struct deliver *d;
	struct deliver_inheritance *i;
	const struct box_destination *old;
	uint64_t n_old;
	uint32_t *kept;	   // by old place: the new one
	uint64_t *balance; // by new place: offered, less what became of it but for delivery
	uint32_t worker;
	uint32_t nobody; // the new place for what names no destination
	bool failed;
};

static void inherit_destination(struct inheriting *x, uint32_t from)
{
	const struct box_destination *o = &x->old[from];
	uint32_t state = atomic_load_explicit(&o->state, memory_order_acquire);

	x->kept[from] = NOBODY;
	if (state == BOX_FREE)
		return;
	struct box_destination *k = place(x->d);
	if (!k)
		return;
	x->kept[from] = (uint32_t)(k - x->d->kept);
	k->ne = o->ne;
	k->did = o->did;
	memcpy(k->creation, o->creation, sizeof(k->creation));
	k->connections = o->connections;
	for (uint32_t i = 0; i < CONFIG_CONNECTIONS_MAX; i++)
		copy_outcomes_merge(&k->counts[0], &o->counts[i]);
	x->balance[k - x->d->kept] = o->before;
	set_state(k, BOX_WAITING);
	x->d->n_waiting++;
}

static uint32_t place_of(struct inheriting *x, uint32_t from)
{
	if (from < x->n_old && x->kept[from] != NOBODY)
		return x->kept[from];
	struct box_destination *k = x->nobody == NOBODY ? place(x->d) : NULL;
	if (k) {
		memset(&k->ne, 0, sizeof(k->ne));
		memset(&k->did, 0, sizeof(k->did));
		memset(k->creation, 0, sizeof(k->creation));
		set_state(k, BOX_WAITING);
		x->d->n_waiting++;
		x->nobody = (uint32_t)(k - x->d->kept);
	}
	return x->nobody;
}

static bool has_slots(const struct deliver_inheritance *i, const struct kept_segment *s)
{
	for (uint32_t c = s->from; c < s->to; c++)
		if (s->segment->copy[c].slot >= i->n_slots ||
			i->slot[s->segment->copy[c].slot] == NOBODY)
			return false;
	return true;
}

static void count_copies(
	const struct deliver_inheritance *i, const struct kept_segment *s, uint64_t *by_slot)
{
	for (uint32_t c = s->from; c < s->to; c++)
		if (s->segment->copy[c].slot < i->n_slots)
			by_slot[s->segment->copy[c].slot]++;
}

static void inherit_ring(void *context, const struct kept_ring *k)
{
	struct inheriting *x = context;
	struct deliver_inheritance *i = x->i;
	uint32_t at = place_of(x, k->kept);
	struct copy_ring *r =
		at == NOBODY ? NULL
			     : capture_wait(x->d->captures[x->worker], at, (enum copy_kind)k->kind);
	uint64_t lost[LOSS_COUNT], sum = 0, waiting = 0;

	x->failed |= !r;
	memcpy(lost, k->lost, sizeof(lost));
	lost[LOSS_KILLED] += k->making;
	for (uint32_t s = 0; r && s < k->n; s++) {
		const struct kept_segment *from = &k->segment[s];
		uint32_t n = from->to - from->from;
		if (has_slots(i, from) && copy_ring_take_over(r, from, i->slot) == POI_OK) {
			count_copies(i, from, i->waiting);
			waiting += n;
		} else {
			count_copies(i, from, i->lost);
			lost[LOSS_KILLED] += n;
			i->all_lost += n;
		}
	}
	for (int l = 0; l < LOSS_COUNT; l++)
		sum += lost[l];
	i->making += k->making;
	i->all_lost += k->making;
	i->all_waiting += waiting;
	if (!r)
		return;
	copy_ring_inherit(r, lost);
	x->balance[at] += k->offered - sum - waiting;
}

// Corrects the counts of an inherited destination. Copies counted as acknowledged and still in a
// ring will be acknowledged once more: the process was killed between count and ring position.
// Copies offered and not accounted for are in the spool, which counts them when it returns them;
// without a spool they are lost.
static void settle_destination(struct inheriting *x, uint32_t at)
{
	struct box_destination *k = &x->d->kept[at];
	struct copy_balance b = {0};

	copy_outcomes_sum(&k->counts[0], &b);
	uint64_t ended = b.acknowledged + b.in_doubt + copy_balance_lost(&b);
	int64_t twice = (int64_t)(ended - x->balance[at]);
	if (twice > 0 && (uint64_t)twice <= b.acknowledged) {
		k->counts[0].acknowledged -= (uint64_t)twice;
		ended -= (uint64_t)twice;
	} else if (twice < 0 && !x->d->spooler) {
		k->counts[0].lost[LOSS_KILLED] += (uint64_t)-twice;
		ended += (uint64_t)-twice;
		x->i->all_lost += (uint64_t)-twice;
	}
	k->before = ended;
}

// Writers of the old box as ours: the last one, which takes no content, and workers for the others.
static uint32_t writer_of(const struct deliver *d, uint32_t from, uint32_t writers)
{
	if (from == writers - 1 || d->n_workers == 1)
		return d->n_workers - 1;
	return from % d->n_content;
}

static int inherit_all(struct inheriting *x, const struct box *old)
{
	uint32_t writers = box_parts(old, BOX_RINGS);
	int e = POI_OK;

	for (uint32_t n = 0; n < x->n_old; n++)
		inherit_destination(x, n);
	for (uint32_t w = 0; w < writers && e == POI_OK; w++) {
		x->worker = writer_of(x->d, w, writers);
		e = kept_rings(old, w, inherit_ring, x);
	}
	return e;
}

int deliver_inherit(struct deliver *d, const struct box *old, struct deliver_inheritance *i)
{
	struct inheriting x = {.d = d, .i = i, .nobody = NOBODY};
	int e = POI_OK;

	x.old = box_part(old, BOX_DESTINATIONS, 0, sizeof(*x.old), &x.n_old);
	if (!x.old || !d->kept)
		return POI_ERR_INVALID;
	x.kept = calloc(x.n_old + 1, sizeof(*x.kept));
	x.balance = calloc(DESTINATIONS_KEPT, sizeof(*x.balance));
	if (!x.kept || !x.balance)
		e = POI_ERR_NOMEM;
	if (e == POI_OK)
		e = inherit_all(&x, old);
	i->spools = d->spooler != NULL;
	for (uint32_t k = 0; k < d->kept_used && e == POI_OK; k++) {
		settle_destination(&x, k);
		pthread_mutex_lock(&d->lock);
		add_waiting(d, &d->kept[k], &d->past);
		pthread_mutex_unlock(&d->lock);
	}
	free(x.kept);
	free(x.balance);
	return e == POI_OK && x.failed ? POI_ERR_NOMEM : e;
}

void deliver_inherit_slot(struct deliver *d, const struct box *old, uint32_t from, uint32_t to)
{
	for (uint32_t n = 0; n < box_parts(old, BOX_OUTCOMES); n++) {
		const struct copy_outcome_counts *c =
			box_part(old, BOX_OUTCOMES, n, sizeof(*c), NULL);
		if (c)
			copy_outcomes_inherit(&d->inherited, to, &c[from]);
	}
}

void deliver_inherit_again(struct deliver *d, uint32_t slot, uint64_t n)
{
	copy_outcomes_take_back(&d->inherited, slot, n);
}

// Counts what the ring holds as lost, by slot. How many.
static uint64_t lose(struct deliver *d, struct copy_ring *r)
{
	struct segment *s;
	uint64_t sum = 0;

	for (uint32_t at = 0; (s = copy_ring_segment(r, at)); at++) {
		uint32_t n = atomic_load_explicit(&s->pushed, memory_order_acquire);
		for (uint32_t c = 0; c < n; c++)
			copy_outcomes_add(&d->inherited, s->copy[c].slot, LOSS_KILLED, 0);
		sum += n;
	}
	pthread_mutex_lock(&d->lock);
	d->past.queued -= sum;
	d->past.lost[LOSS_KILLED] += sum;
	pthread_mutex_unlock(&d->lock);
	return sum;
}

static void tell_lost(struct deliver *d, const struct box_destination *k, uint64_t n)
{
	struct channel_event e = {.kind = EVENT_KILLED,
		.ne = k->ne,
		.id = k->did,
		.copies = n,
		.time_ns = now_wall_ns(),
		.subject = "removed"};

	snprintf(e.text, sizeof(e.text),
		"poi-dataplane was killed: %llu PDUs held for a destination that is gone are lost",
		(unsigned long long)n);
	log_warning("%s", e.text);
	deliver_post(d, &e);
}

void deliver_inherit_end(struct deliver *d)
{
	uint64_t *lost = d->n_waiting > 0 ? calloc(DESTINATIONS_KEPT, sizeof(*lost)) : NULL;
	struct copy_ring *r;

	for (uint32_t w = 0; w < d->n_workers; w++) {
		while ((r = capture_waiting(d->captures[w]))) {
			uint64_t n = lose(d, r);
			if (lost && copy_ring_kept(r) < DESTINATIONS_KEPT)
				lost[copy_ring_kept(r)] += n;
			copy_ring_give_up(r);
		}
	}
	for (uint32_t i = 0; i < d->kept_used; i++) {
		struct box_destination *k = &d->kept[i];
		if (lost && lost[i] > 0)
			tell_lost(d, k, lost[i]);
		if (state_of(k) != BOX_WAITING)
			continue;
		d->n_waiting--;
		set_state(k, BOX_FREE);
	}
	free(lost);
}
