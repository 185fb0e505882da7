#include "dataplane/match/match.h"

#ifdef __AVX512BW__
#include <immintrin.h>
#endif

#include "dataplane/match/table_index.h"
#include "shared/pdu.h"
#include "shared/wire.h"

#define INLINE static inline __attribute__((always_inline))
#define PROBES_MAX 256

#define KIND(a) (1u << ANCHOR_##a)
#define KINDS_EXACT (KIND(EXACT4) | KIND(EXACT6))
#define KINDS_PREFIX (KIND(PREFIX4) | KIND(PREFIX6))

// Places of a packet where a key can be found, in the fixed order that makes a rule found at
// several of them count at the first one only, and that lets a cursor come back to any of them:
//   (layer, end): a place per prefix length (the longest is the exact address), then per port block
//   then GTP-U headers outermost first, then MAC addresses
#define PLACES_END 160u // 129 prefix lengths, 17 port blocks
#define PLACE_PORT 130u
#define PLACE_TEID (2u * PACKET_LAYERS_MAX * PLACES_END)
#define PLACE_MAC (PLACE_TEID + PACKET_LAYERS_MAX)

struct probe {
	uint64_t key;
	uint32_t start, end; // entries of the bucket, once known
	uint16_t place;
	uint8_t packet;
	uint8_t delta;
};

struct search {
	const struct table *t;
	const struct port_traits *port;
	const struct packet_view *views;
	uint32_t n;	      // probes gathered
	uint32_t first_stage; // stages of the first packet that are already done
	bool full;
	uint16_t next_packet, next_stage; // where gathering stopped, when full
	struct probe probe[PROBES_MAX];
};

INLINE const uint8_t *end_address(const struct packet_view *v, unsigned place_end)
{
	const struct packet_layer *l = &v->layer[place_end >> 1];
	return v->data + l->l3 + l->source + (place_end & 1 ? l->address_length : 0);
}

INLINE bool has_user_ports(const struct packet_layer *l)
{
	return layer_user_ports(l) && (l->protocol == 6 || l->protocol == 17);
}

// ---- sift: which packets of the burst can match at all ----

// What sifting reads of a table, in local variables: atomic loads keep the compiler from holding
// anything else in a register.
struct sieve {
	const uint64_t *exact, *cover, *port;
	struct seeds seeds;
	uint64_t exact_shift, cover_shift;
	const struct table *t;
};

INLINE struct sieve sieve_of(const struct table *t)
{
	return (struct sieve){.exact = (const uint64_t *)t->filters->exact.words,
		.cover = (const uint64_t *)t->filters->cover,
		.port = (const uint64_t *)t->filters->port[0],
		.seeds = t->seeds,
		.exact_shift = t->filters->exact.shift,
		.cover_shift = t->filters->cover_shift,
		.t = t};
}

// Relaxed, as words_hold.
INLINE uint64_t load_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

INLINE uint64_t picks(const uint64_t *words, uint32_t i)
{
	return load_word(&words[i >> 6]) >> (i & 63);
}

INLINE unsigned sift_ports(const struct sieve *s, const struct packet_layer *l)
{
	if (!has_user_ports(l))
		return 0;
	const uint64_t *ports = s->port + (l->protocol == 17 ? 1024 : 0);
	return (picks(ports, l->sport) | picks(ports, l->dport)) & 1;
}

// A bit per packet one of whose ports (two in each element) lies in a block with a bit set.
#if defined(__AVX512BW__) && !defined(__SANITIZE_THREAD__)
INLINE uint32_t port_blocks(const struct filters *f, const uint32_t ports[PACKET_BURST])
{
	// Relaxed as picks: the elements of a vector load are not torn.
	__m512i low = _mm512_loadu_si512((const void *)&f->blocks[0]);
	__m512i high = _mm512_loadu_si512((const void *)&f->blocks[8]);
	uint32_t mask = 0;

	for (unsigned i = 0; i < 2; i++) {
		__m512i p = _mm512_loadu_si512(ports + 16 * i);
		__m512i words = _mm512_permutex2var_epi16(low, _mm512_srli_epi16(p, 10), high);
		__m512i at = _mm512_and_si512(_mm512_srli_epi16(p, 6), _mm512_set1_epi16(15));
		uint32_t some = _mm512_test_epi32_mask(
			_mm512_srlv_epi16(words, at), _mm512_set1_epi32(0x00010001));
		mask |= some << 16 * i;
	}
	return mask;
}
#else
INLINE uint32_t port_blocks(const struct filters *f, const uint32_t ports[PACKET_BURST])
{
	const uint64_t *blocks = (const uint64_t *)f->blocks;
	uint32_t mask = 0;

	for (unsigned i = 0; i < PACKET_BURST; i++)
		mask |= (uint32_t)((picks(blocks, (ports[i] & 0xffff) >> 6) |
					   picks(blocks, ports[i] >> 22)) &
				   1)
			<< i;
	return mask;
}
#endif

INLINE unsigned sift_v4(const struct sieve *s, const uint8_t *source, uint32_t kinds)
{
	uint32_t from = wire_load32(source), to = wire_load32(source + 4);
	unsigned any = 0;

	if (kinds & KINDS_EXACT)
		any |= (unsigned)words_hold(s->exact, s->exact_shift, sift_hash(&s->seeds, from)) |
		       (unsigned)words_hold(s->exact, s->exact_shift, sift_hash(&s->seeds, to));
	if (kinds & KINDS_PREFIX)
		any |= (unsigned)(picks(s->cover, from >> s->cover_shift) |
				  picks(s->cover, to >> s->cover_shift));
	return any & 1;
}

INLINE unsigned sift_six(const struct table *t, const uint8_t *a)
{
	uint8_t cut[16];

	mask_v6(a, t->filters->six_length, cut);
	return bloom_has(&t->filters->six, sift_hash_v6(&t->seeds, cut));
}

INLINE unsigned sift_v6(const struct sieve *s, const uint8_t *source, uint32_t kinds)
{
	unsigned any = 0;

	if (kinds & KINDS_EXACT)
		any |= bloom_has(&s->t->filters->exact, sift_hash_v6(&s->seeds, source)) |
		       bloom_has(&s->t->filters->exact, sift_hash_v6(&s->seeds, source + 16));
	if (kinds & KINDS_PREFIX && s->t->kinds & KIND(PREFIX6))
		any |= sift_six(s->t, source) | sift_six(s->t, source + 16);
	return any;
}

INLINE unsigned sift_layer(
	const struct sieve *s, const struct packet_view *v, unsigned i, uint32_t kinds)
{
	const struct packet_layer *l = &v->layer[i];
	const uint8_t *ip = v->data + l->l3;
	unsigned any = l->family == 4 ? sift_v4(s, ip + 12, kinds) : sift_v6(s, ip + 8, kinds);

	if (kinds & KIND(PORT))
		any |= sift_ports(s, l);
	return any;
}

INLINE unsigned sift_mac(const struct table *t, const uint8_t *frame)
{
	const struct bloom *f = &t->filters->mac;

	return bloom_has(f, sift_hash_mac(&t->seeds, frame)) |
	       bloom_has(f, sift_hash_mac(&t->seeds, frame + 6));
}

static __attribute__((noinline)) bool sift_other(
	const struct sieve *s, const struct packet_view *v, uint32_t kinds)
{
	const struct table *t = s->t;

	for (unsigned i = 0; i < v->n_layers; i++)
		if (sift_layer(s, v, i, kinds))
			return true;
	if (v->flags & VIEW_GTPU && kinds & KIND(TEID)) {
		if (bloom_has(&t->filters->teid, sift_hash(&t->seeds, v->teid)))
			return true;
		for (unsigned i = 0; i < v->n_nested; i++)
			if (bloom_has(&t->filters->teid, sift_hash(&t->seeds, v->nested[i].teid)))
				return true;
	}
	return v->flags & VIEW_ETHERNET && kinds & KIND(MAC) &&
	       sift_mac(t, v->data + v->gtp + v->gtp_header);
}

// What plain packets are asked for. `kinds` is a constant of each caller, so that kinds without
// tasks cost nothing. A function of its own, with nothing called in it: the sieve stays in
// registers.
struct sifted {
	uint32_t mask;	// may match
	uint32_t other; // not plain, not looked at
};

INLINE struct sifted sift_plain(const struct sieve *s, const struct packet_view *views, unsigned n,
	uint32_t *ports, uint32_t kinds)
{
	const uint64_t *exact = s->exact, *cover = s->cover;
	const uint64_t exact_shift = s->exact_shift, bit = s->cover_shift, word = bit + 6;
	const struct seeds seeds = s->seeds;
	struct sifted r = {0};

	for (const struct packet_view *v = views; v < views + n; v++, ports++) {
		uint64_t any = 0;
		if (__builtin_expect(v->shape != SHAPE_PLAIN4, 0)) {
			r.other |= 1u << (v - views);
			continue;
		}
		uint32_t from = v->end4[1], to = v->end4[0];
		if (kinds & KINDS_PREFIX) // as picks, but the word's number in one step
			any |= load_word(&cover[(uint64_t)from >> word]) >> (from >> bit & 63) |
			       load_word(&cover[(uint64_t)to >> word]) >> (to >> bit & 63);
		if (kinds & KINDS_EXACT)
			any |= words_hold(exact, exact_shift, sift_hash(&seeds, from));
		if (kinds & KINDS_EXACT)
			any |= words_hold(exact, exact_shift, sift_hash(&seeds, to));
		if (kinds & KIND(PORT))
			memcpy(ports, &v->layer[0].sport, 4);
		if (__builtin_expect((long)(any & 1), 0))
			r.mask |= 1u << (v - views);
	}
	return r;
}

#define SIFT(name, kinds)                                                          \
	static __attribute__((noinline)) struct sifted name(const struct sieve *s, \
		const struct packet_view *views, unsigned n, uint32_t *ports)      \
	{                                                                          \
		return sift_plain(s, views, n, ports, kinds);                      \
	}
SIFT(sift_exact, KINDS_EXACT)
SIFT(sift_prefix, KINDS_PREFIX)
SIFT(sift_addresses, KINDS_EXACT | KINDS_PREFIX)
SIFT(sift_port, KIND(PORT))
SIFT(sift_exact_port, KINDS_EXACT | KIND(PORT))
SIFT(sift_prefix_port, KINDS_PREFIX | KIND(PORT))
SIFT(sift_all, KINDS_EXACT | KINDS_PREFIX | KIND(PORT))
#undef SIFT

static struct sifted sift_none(
	const struct sieve *s, const struct packet_view *views, unsigned n, uint32_t *ports)
{
	return sift_plain(s, views, n, ports, 0);
}

// The ports of the `plain` packets: first all at once against the blocks of ports, in registers,
// then one by one those of a block that somebody asks for.
static uint32_t sift_plain_ports(const struct sieve *s, const struct packet_view *views,
	const uint32_t *ports, uint32_t plain)
{
	uint32_t mask = 0;

	plain &= port_blocks(s->t->filters, ports);
	for (; plain; plain &= plain - 1) {
		unsigned i = (unsigned)__builtin_ctz(plain);
		mask |= sift_ports(s, &views[i].layer[0]) << i;
	}
	return mask;
}

static __attribute__((noinline)) uint32_t sift_macs(
	const struct table *t, const struct packet_view *views, unsigned n)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < n; i++)
		if (views[i].length >= 14)
			mask |= (uint32_t)sift_mac(t, views[i].data) << i;
	return mask;
}

static uint32_t sift(
	const struct table *t, const struct packet_view *views, unsigned from, unsigned n)
{
	static struct sifted (*const ways[8])(const struct sieve *, const struct packet_view *,
		unsigned, uint32_t *) = {sift_none, sift_exact, sift_prefix, sift_addresses,
		sift_port, sift_exact_port, sift_prefix_port, sift_all};
	_Alignas(64) uint32_t ports[PACKET_BURST] = {0};
	unsigned way = (t->kinds & KINDS_EXACT ? 1 : 0) | (t->kinds & KINDS_PREFIX ? 2 : 0) |
		       (t->kinds & KIND(PORT) ? 4 : 0);
	struct sieve s = sieve_of(t);
	uint32_t all = (uint32_t)((1ull << n) - 1);
	struct sifted r = ways[way](&s, views, n, ports);

	if (way & 4)
		r.mask |= sift_plain_ports(&s, views, ports, all & ~r.other & ~r.mask);
	for (uint32_t m = r.other; m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctz(m);
		r.mask |= (uint32_t)sift_other(&s, &views[i], t->kinds) << i;
	}
	if (t->kinds & KIND(MAC))
		r.mask |= sift_macs(t, views, n);
	return r.mask & ~((1u << from) - 1);
}

// ---- gather: the keys of a packet that sifting let through ----

// A stage is a place in the base (even) or the delta (odd).
static void add_probe(struct search *s, unsigned packet, unsigned place, uint64_t key)
{
	for (unsigned delta = 0; delta < 2; delta++) {
		const struct index *x = delta ? s->t->delta : s->t->base;
		if (!x->n_entries || place * 2 + delta < s->first_stage || s->full)
			continue;
		if (s->n == PROBES_MAX) {
			s->full = true;
			s->next_packet = (uint16_t)packet;
			s->next_stage = (uint16_t)(place * 2 + delta);
			return;
		}
		__builtin_prefetch(&x->start[key >> x->shift]);
		s->probe[s->n++] = (struct probe){.key = key,
			.place = (uint16_t)place,
			.packet = (uint8_t)packet,
			.delta = (uint8_t)delta};
	}
}

static void gather_v4(struct search *s, unsigned packet, unsigned place, const uint8_t *a)
{
	const struct table *t = s->t;
	uint32_t address = wire_load32(a);

	if (t->kinds & KIND(PREFIX4) &&
		bit_of(t->filters->cover, address >> t->filters->cover_shift))
		for (uint64_t m = t->base->lengths4 | t->delta->lengths4; m; m &= m - 1) {
			unsigned length = (unsigned)__builtin_ctzll(m);
			uint64_t h = hash_v4(&t->seeds, mask_v4(address, length));
			add_probe(s, packet, place + length,
				key_finish(&t->seeds, h, ANCHOR_PREFIX4, length));
		}
	if (t->kinds & KIND(EXACT4) && bloom_has(&t->filters->exact, sift_hash(&t->seeds, address)))
		add_probe(s, packet, place + 32,
			key_finish(&t->seeds, hash_v4(&t->seeds, address), ANCHOR_PREFIX4, 32));
}

static void gather_v6(struct search *s, unsigned packet, unsigned place, const uint8_t *a)
{
	const struct table *t = s->t;
	uint8_t cut[16];

	if (t->kinds & KIND(PREFIX6) && sift_six(t, a))
		for (unsigned half = 0; half < 2; half++)
			for (uint64_t m = t->base->lengths6[half] | t->delta->lengths6[half]; m;
				m &= m - 1) {
				unsigned length = half * 64 + (unsigned)__builtin_ctzll(m);
				mask_v6(a, length, cut);
				add_probe(s, packet, place + length,
					key_finish(&t->seeds, hash_v6(&t->seeds, cut),
						ANCHOR_PREFIX6, length));
			}
	uint64_t h = hash_v6(&t->seeds, a);
	if (t->kinds & KIND(EXACT6) && bloom_has(&t->filters->exact, (uint32_t)(h >> 32)))
		add_probe(s, packet, place + 128, key_finish(&t->seeds, h, ANCHOR_PREFIX6, 128));
}

static void gather_port(
	struct search *s, unsigned packet, unsigned place, uint8_t protocol, uint16_t port)
{
	const struct table *t = s->t;

	if (!bit_of(t->filters->port[protocol == 17], port))
		return;
	for (uint32_t m = t->base->port_logs | t->delta->port_logs; m; m &= m - 1) {
		unsigned log2 = (unsigned)__builtin_ctz(m);
		add_probe(s, packet, place + PLACE_PORT + log2,
			key_port(&t->seeds, protocol, port, log2));
	}
}

static void gather_teid(struct search *s, unsigned packet, unsigned place, uint32_t teid)
{
	const struct seeds *seeds = &s->t->seeds;

	if (bloom_has(&s->t->filters->teid, sift_hash(seeds, teid)))
		add_probe(
			s, packet, place, key_finish(seeds, hash_v4(seeds, teid), ANCHOR_TEID, 0));
}

static void gather_macs(struct search *s, unsigned packet, unsigned place, const uint8_t *frame)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t h = hash_mix(&s->t->seeds, load_mac(frame + 6 * i), 0);
		if (bloom_has(&s->t->filters->mac, (uint32_t)(h >> 32)))
			add_probe(s, packet, place + i, key_finish(&s->t->seeds, h, ANCHOR_MAC, 0));
	}
}

static void gather(struct search *s, unsigned packet)
{
	const struct packet_view *v = &s->views[packet];
	uint32_t kinds = s->t->kinds;

	for (unsigned e = 0; e < 2u * v->n_layers; e++) {
		const struct packet_layer *l = &v->layer[e >> 1];
		if (l->family == 4)
			gather_v4(s, packet, e * PLACES_END, end_address(v, e));
		else
			gather_v6(s, packet, e * PLACES_END, end_address(v, e));
		if (kinds & KIND(PORT) && has_user_ports(l))
			gather_port(s, packet, e * PLACES_END, l->protocol,
				e & 1 ? l->dport : l->sport);
	}
	if (kinds & KIND(TEID) && v->flags & VIEW_GTPU) {
		gather_teid(s, packet, PLACE_TEID, v->teid);
		for (unsigned i = 0; i < v->n_nested; i++)
			gather_teid(s, packet, PLACE_TEID + 1 + i, v->nested[i].teid);
	}
	if (kinds & KIND(MAC)) {
		if (v->length >= 14)
			gather_macs(s, packet, PLACE_MAC, v->data);
		if (v->flags & VIEW_ETHERNET)
			gather_macs(s, packet, PLACE_MAC + 2, v->data + v->gtp + v->gtp_header);
	}
}

// ---- verify ----

static bool port_in(const struct filter *f, const struct packet_view *v, unsigned e, unsigned which)
{
	const struct packet_layer *l = &v->layer[e >> 1];
	uint16_t port = e & 1 ? l->dport : l->sport;

	if (!has_user_ports(l) || l->protocol != f->protocol)
		return false;
	for (unsigned i = 0; i < f->port[which].n; i++)
		if (port >= f->port[which].range[i].first && port <= f->port[which].range[i].last)
			return true;
	return false;
}

// Does the rule's anchor lie at this end of this layer?
static bool anchored_at(
	const struct filter *f, const struct packet_view *v, unsigned e, unsigned which, bool port)
{
	if (port)
		return port_in(f, v, e, which);
	return ip_prefix_covers(&f->address[which], v->layer[e >> 1].family, end_address(v, e));
}

static const uint8_t *mac_at(const struct packet_view *v, unsigned i)
{
	if (i < 2)
		return v->length >= 14 ? v->data + 6 * i : NULL;
	return v->flags & VIEW_ETHERNET ? v->data + v->gtp + v->gtp_header + 6 * (i - 2) : NULL;
}

// A rule that several places of a packet lead to counts at the first of them.
static bool is_first(
	const struct filter *f, const struct packet_view *v, unsigned place, unsigned which)
{
	if (place >= PLACE_MAC) {
		const uint8_t *own = mac_at(v, place - PLACE_MAC);
		for (unsigned i = 0; i < place - PLACE_MAC; i++)
			if (mac_at(v, i) && !memcmp(mac_at(v, i), f->mac[0], 6))
				return false;
		return own && !memcmp(own, f->mac[0], 6);
	}
	if (place >= PLACE_TEID) {
		for (unsigned i = 0; i < place - PLACE_TEID; i++)
			if ((i ? v->nested[i - 1].teid : v->teid) == f->teid)
				return false;
		return true;
	}
	bool port = place % PLACES_END >= PLACE_PORT;
	for (unsigned e = 0; e < place / PLACES_END; e++)
		if (anchored_at(f, v, e, which, port))
			return false;
	return anchored_at(f, v, place / PLACES_END, which, port);
}

static bool verify(
	const struct search *s, const struct probe *p, const struct index_entry *e, struct hit *hit)
{
	const struct packet_view *v = &s->views[p->packet];

	if ((e->key ^ p->key) >> 1)
		return false;
	if (!p->delta && table_is_void(s->t, rule_key(e->rule)))
		return false;
	if (!is_first(&e->rule->filter, v, p->place, e->key & 1))
		return false;
	if (!match_rule(e->rule, s->port, v, hit))
		return false;
	hit->rule = e->rule;
	hit->packet = p->packet;
	return true;
}

static void locate(struct search *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct probe *p = &s->probe[i];
		const struct index *x = p->delta ? s->t->delta : s->t->base;
		p->start = x->start[p->key >> x->shift];
		p->end = x->start[(p->key >> x->shift) + 1];
		if (p->start != p->end)
			__builtin_prefetch(&x->entry[p->start]);
	}
	for (unsigned i = 0; i < s->n; i++) {
		const struct probe *p = &s->probe[i];
		const struct index *x = p->delta ? s->t->delta : s->t->base;
		if (p->start != p->end && !((x->entry[p->start].key ^ p->key) >> 1)) {
			const char *rule = (const char *)x->entry[p->start].rule;
			__builtin_prefetch(rule);
			__builtin_prefetch(rule + offsetof(struct rule, filter));
			__builtin_prefetch(rule + offsetof(struct rule, filter) + 64);
		}
	}
}

// ---- bound rules: several may have one task's slot, and the task wants the packet once ----

static bool is_before(const struct rule *a, const struct rule *b)
{
	return a->from_ns != b->from_ns ? a->from_ns < b->from_ns : a->binding < b->binding;
}

static void merge(struct hit *into, const struct hit *other)
{
	uint8_t a = into->direction, b = other->direction;

	if (is_before(other->rule, into->rule))
		*into = *other;
	if (a == PDU_DIRECTION_UNKNOWN || a == b)
		into->direction = b;
	else
		into->direction = b == PDU_DIRECTION_UNKNOWN ? a : PDU_DIRECTION_BOTH;
}

// Over all bound rules of the hit's task that hold on its packet: makes the hit what stands for all
// of them, and returns the first in the order of search. Slow; only where a packet's hits do not
// fit into one call.
static __attribute__((noinline)) const struct rule *whole(const struct search *of, struct hit *hit)
{
	const struct rule *first = NULL;
	const uint32_t slot = hit->rule->slot;
	struct search s = {.t = of->t, .port = of->port, .views = of->views};

	do {
		s.n = 0;
		s.full = false;
		gather(&s, hit->packet);
		locate(&s);
		for (unsigned i = 0; i < s.n; i++) {
			const struct probe *p = &s.probe[i];
			const struct index *x = p->delta ? s.t->delta : s.t->base;
			for (uint32_t at = p->start; at < p->end; at++) {
				const struct rule *r = x->entry[at].rule;
				struct hit other;
				if (!r->binding || r->slot != slot ||
					!verify(&s, p, &x->entry[at], &other))
					continue;
				merge(hit, &other);
				first = first ? first : r;
			}
		}
		s.first_stage = s.next_stage;
	} while (s.full);
	return first;
}

// Is this hit the first of its task on its packet? If not, it is merged into the one there is.
static __attribute__((noinline)) bool admit(const struct search *s, const struct match_cursor *c,
	struct hit *hits, unsigned n_hits, struct hit *hit)
{
	const struct rule *own = hit->rule;

	if (c->split &&
		hit->packet == c->packet) // an earlier call may have had it, and made it whole
		return whole(s, hit) == own;
	for (unsigned i = n_hits; i-- > 0 && hits[i].packet == hit->packet;)
		if (hits[i].rule->binding && hits[i].rule->slot == own->slot) {
			merge(&hits[i], hit);
			return false;
		}
	return true;
}

static void split(const struct search *s, struct match_cursor *c, struct hit *hits, unsigned n_hits)
{
	for (unsigned i = n_hits; i-- > 0 && hits[i].packet == c->packet;)
		if (hits[i].rule->binding)
			(void)whole(s, &hits[i]);
	c->split = true;
}

// All gathered probes; false when `hits` was full, with the cursor on what comes next.
static bool probe_all(struct search *s, struct match_cursor *c, struct hit *hits, unsigned max_hits,
	unsigned *n_hits)
{
	locate(s);
	for (unsigned i = 0; i < s->n; i++) {
		const struct probe *p = &s->probe[i];
		const struct index *x = p->delta ? s->t->delta : s->t->base;
		uint32_t at = p->start + (i == 0 ? c->position : 0);
		for (; at < p->end; at++) {
			struct hit hit;
			if (!verify(s, p, &x->entry[at], &hit))
				continue;
			if (__builtin_expect(hit.rule->binding != 0, 0) &&
				!admit(s, c, hits, *n_hits, &hit))
				continue;
			if (*n_hits == max_hits) {
				c->packet = p->packet;
				c->stage = (uint16_t)(p->place * 2 + p->delta);
				c->position = at - p->start;
				split(s, c, hits, *n_hits);
				return false;
			}
			hits[(*n_hits)++] = hit;
		}
		if (i == 0)
			c->position = 0;
	}
	return true;
}

unsigned match_burst(const struct table *t, const struct port_traits *port,
	const struct packet_view *views, unsigned n, struct match_cursor *cursor, struct hit *hits,
	unsigned max_hits)
{
	unsigned n_hits = 0;
	uint32_t mask;

	if (!t->kinds || !(mask = sift(t, views, cursor->packet, n))) {
		cursor->done = true;
		return 0;
	}
	struct search s;
	s.t = t;
	s.port = port;
	s.views = views;
	s.first_stage = cursor->stage;
	s.next_packet = cursor->packet;
	while (mask) {
		s.n = 0;
		s.full = false;
		while (mask && !s.full) {
			unsigned packet = (unsigned)__builtin_ctz(mask);
			if (packet != s.next_packet)
				s.first_stage = 0;
			gather(&s, packet);
			s.first_stage = 0;
			if (!s.full)
				mask &= mask - 1;
		}
		if (!probe_all(&s, cursor, hits, max_hits, &n_hits))
			return n_hits;
		if (s.full)
			s.first_stage = s.next_stage;
	}
	cursor->done = true;
	return n_hits;
}
