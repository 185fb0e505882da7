#pragma once

// Sifting: which packets of a burst can match at all. It says no before any line of a hash is
// touched.

#ifdef __AVX512BW__
#include <immintrin.h>
#endif

#include "dataplane/match/match_internal.h"

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
	static struct sifted (*const sifts[8])(const struct sieve *, const struct packet_view *,
		unsigned, uint32_t *) = {sift_none, sift_exact, sift_prefix, sift_addresses,
		sift_port, sift_exact_port, sift_prefix_port, sift_all};
	_Alignas(64) uint32_t ports[PACKET_BURST] = {0};
	unsigned which = (t->kinds & KINDS_EXACT ? 1 : 0) | (t->kinds & KINDS_PREFIX ? 2 : 0) |
			 (t->kinds & KIND(PORT) ? 4 : 0);
	struct sieve s = sieve_of(t);
	uint32_t all = (uint32_t)((1ull << n) - 1);
	struct sifted r = sifts[which](&s, views, n, ports);

	if (which & 4)
		r.mask |= sift_plain_ports(&s, views, ports, all & ~r.other & ~r.mask);
	for (uint32_t m = r.other; m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctz(m);
		r.mask |= (uint32_t)sift_other(&s, &views[i], t->kinds) << i;
	}
	if (t->kinds & KIND(MAC))
		r.mask |= sift_macs(t, views, n);
	return r.mask & ~((1u << from) - 1);
}
