#pragma once

// Sifting: drops packets of a burst that cannot match, before any line of a hash is touched.
//
// Packets whose shape is known go in stages, each for one filter: first all hashes of the burst are
// made, then each word is read. The others go one by one.

#include <emmintrin.h>

#include "dataplane/match/match_vector_internal.h"

// The filters of a table that a burst is tested against.
struct sieve {
	const struct table *t;
	const struct filters *f;
	bool near, cover, six;
};

INLINE struct sieve sieve_of(const struct table *t)
{
	const struct filters *f = t->filters;
	uint64_t four = t->base->lengths4 | t->delta->lengths4;
	uint64_t six = t->base->lengths6[0] | t->delta->lengths6[0];

	return (struct sieve){.t = t,
		.f = f,
		.near = t->kinds & (KIND(EXACT4) | KIND(EXACT6)) || four & ~low_bits(f->fine) ||
			six & ~low_bits(f->near_length) ||
			t->base->lengths6[1] | t->delta->lengths6[1],
		.cover = four & low_bits(f->fine),
		.six = six & low_bits(f->near_length)};
}

// ---- one by one ----

INLINE unsigned sift_ports(const struct filters *f, const struct packet_layer *l)
{
	if (!has_user_ports(l))
		return 0;
	const _Atomic uint64_t *ports = f->port[l->protocol == 17];
	return bit_of(ports, l->sport) | bit_of(ports, l->dport);
}

INLINE bool sift_v4(const struct sieve *s, uint32_t address)
{
	return (s->near && near_has(s->f, &s->t->seeds, address)) ||
	       (s->cover && cover_has(s->f, address));
}

INLINE bool sift_v6(const struct sieve *s, const uint8_t *address)
{
	uint64_t x = load64(address);

	return (s->near && near_has(s->f, &s->t->seeds, x)) ||
	       (s->six && six_has(s->f, &s->t->seeds, x));
}

// Both addresses of a header that begins with them at `source`.
static bool sift_ends(const struct sieve *s, uint8_t family, const uint8_t *source)
{
	if (family == 4)
		return sift_v4(s, wire_load32(source)) || sift_v4(s, wire_load32(source + 4));
	return sift_v6(s, source) || sift_v6(s, source + 16);
}

INLINE bool sift_teid(const struct sieve *s, uint32_t teid)
{
	return bloom_has(&s->f->teid, sift_hash(&s->t->seeds, teid));
}

INLINE bool sift_mac(const struct table *t, const uint8_t *frame)
{
	const struct bloom *f = &t->filters->mac;

	return bloom_has(f, sift_hash_mac(&t->seeds, frame)) ||
	       bloom_has(f, sift_hash_mac(&t->seeds, frame + 6));
}

static __attribute__((noinline)) bool sift_other(
	const struct sieve *s, const struct packet_view *v, uint32_t kinds)
{
	for (unsigned i = 0; i < v->n_layers; i++) {
		const struct packet_layer *l = &v->layer[i];
		if (sift_ends(s, l->family, v->data + l->l3 + l->source))
			return true;
		if (kinds & KIND(PORT) && sift_ports(s->f, l))
			return true;
	}
	if (v->flags & VIEW_GTPU && kinds & KIND(TEID)) {
		if (sift_teid(s, v->teid))
			return true;
		for (unsigned i = 0; i < v->n_nested; i++)
			if (sift_teid(s, v->nested[i].teid))
				return true;
	}
	return v->flags & VIEW_ETHERNET && kinds & KIND(MAC) &&
	       sift_mac(s->t, v->data + v->gtp + v->gtp_header);
}

// ---- a burst at once ----

struct sifted {
	uint32_t v4, v6, gtp, carrier6; // a bit per packet by its shape
	_Alignas(64) uint64_t end[2 * PACKET_BURST];
};

INLINE void read_shapes(struct sifted *b, const struct packet_view *views, unsigned n)
{
	_Alignas(16) uint8_t shape[PACKET_BURST] = {0};

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		memcpy(&b->end[2 * i], views[i].end, sizeof(views[i].end));
		shape[i] = views[i].shape;
	}
	b->v4 = b->v6 = b->gtp = b->carrier6 = 0;
	for (unsigned half = 0; half < 2; half++) { // each bit becomes its octet's first
		__m128i s = _mm_load_si128((const __m128i *)(const void *)&shape[16 * half]);
		b->v4 |= (uint32_t)_mm_movemask_epi8(_mm_slli_epi16(s, 7)) << 16 * half;
		b->v6 |= (uint32_t)_mm_movemask_epi8(_mm_slli_epi16(s, 6)) << 16 * half;
		b->gtp |= (uint32_t)_mm_movemask_epi8(_mm_slli_epi16(s, 5)) << 16 * half;
		b->carrier6 |= (uint32_t)_mm_movemask_epi8(_mm_slli_epi16(s, 4)) << 16 * half;
	}
}

// Rounds up to what is asked for at once; what is behind `n` is thrown away.
INLINE unsigned whole(unsigned n)
{
	return (n + AT_ONCE - 1) / AT_ONCE * AT_ONCE;
}

// A bit per packet one of whose `each` values (1 or 2) the filter may hold, cut to `keep`.
INLINE uint32_t sift_bloom(const struct bloom *f, const struct seeds *seeds, uint64_t keep,
	const uint64_t *x, unsigned n, unsigned each)
{
	_Alignas(64) uint32_t at[2 * PACKET_BURST], bits[2 * PACKET_BURST];
	const uint32_t *words = (const uint32_t *)f->words;
	const unsigned shift = f->shift;
	const uint64_t factor = seeds->b;
	const unsigned all = whole(each * n);
	uint32_t mask = 0;

	for (unsigned i = 0; i < all; i += AT_ONCE)
		hash_at_once(x + i, keep, factor, shift, at + i, bits + i);
#pragma GCC unroll 8
	for (unsigned i = 0; each * i < all; i++) {
		bool none = bits[each * i] & ~load_word(&words[at[each * i]]);
		if (each == 2)
			none &= (bits[2 * i + 1] & ~load_word(&words[at[2 * i + 1]])) != 0;
		if (__builtin_expect(!none, 0))
			mask |= 1u << i;
	}
	return mask;
}

static __attribute__((noinline)) uint32_t sift_near(
	const struct sieve *s, const struct sifted *b, unsigned n)
{
	return sift_bloom(&s->f->near, &s->t->seeds, s->f->near_keep, b->end, n, 2);
}

static __attribute__((noinline)) uint32_t sift_six(
	const struct sieve *s, const struct sifted *b, unsigned n)
{
	return sift_bloom(&s->f->six, &s->t->seeds, s->f->six_keep, b->end, n, 2) & b->v6;
}

static __attribute__((noinline)) uint32_t sift_cover(
	const struct sieve *s, const struct sifted *b, unsigned n)
{
	_Alignas(64) uint32_t at[2 * PACKET_BURST], bit[2 * PACKET_BURST];
	const uint32_t *words = (const uint32_t *)s->f->cover;
	const unsigned shift = s->f->cover_shift;
	const unsigned all = whole(2 * n);
	uint32_t mask = 0;

	for (unsigned i = 0; i < all; i += AT_ONCE)
		cover_at_once(b->end + i, shift, at + i, bit + i);
#pragma GCC unroll 8
	for (unsigned i = 0; 2 * i < all; i++)
		if (__builtin_expect((load_word(&words[at[2 * i]]) & bit[2 * i]) |
				(load_word(&words[at[2 * i + 1]]) & bit[2 * i + 1]), 0))
			mask |= 1u << i;
	return mask & b->v4;
}

// Both ends of each packet.
static uint32_t sift_addresses(const struct sieve *s, const struct sifted *b, unsigned n)
{
	uint32_t mask = 0;

	if (s->near)
		mask |= sift_near(s, b, n) & (b->v4 | b->v6);
	if (s->cover && b->v4)
		mask |= sift_cover(s, b, n);
	if (s->six && b->v6)
		mask |= sift_six(s, b, n);
	return mask;
}

// The carriers of different nodes, each asked for; a burst of its own.
static __attribute__((noinline)) uint32_t sift_carriers(
	const struct sieve *s, const uint64_t *carrier, uint32_t four, unsigned n)
{
	struct sifted b = {.v4 = four};

	for (unsigned i = 0; i < whole(n); i++) {
		b.end[2 * i] = __builtin_bswap32((uint32_t)carrier[i]);
		b.end[2 * i + 1] = __builtin_bswap32((uint32_t)(carrier[i] >> 32));
	}
	return sift_addresses(s, &b, n) & four;
}

static __attribute__((noinline)) uint32_t sift_carriers6(
	const struct sieve *s, const struct packet_view *views, uint32_t six)
{
	uint32_t mask = 0;

	for (; six; six &= six - 1) {
		unsigned i = (unsigned)__builtin_ctz(six);
		mask |= (uint32_t)sift_ends(s, 6, views[i].data + views[i].layer[0].l3 + 8) << i;
	}
	return mask;
}

// Asks for what carries the users' packets, and for the tunnels' numbers. Mostly all tunnels of a burst are between
// the same two nodes: their addresses are asked for once.
static __attribute__((noinline)) uint32_t sift_tunnels(
	const struct sieve *s, const struct packet_view *views, const struct sifted *b, unsigned n)
{
	_Alignas(64) uint64_t teid[PACKET_BURST] = {0}, carrier[PACKET_BURST] = {0};
	const uint32_t four = b->gtp & ~b->carrier6;
	const uint64_t first = views[__builtin_ctz(b->gtp)].carrier;
	uint64_t differ = 0;
	uint32_t mask = 0;

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		teid[i] = views[i].teid;
		carrier[i] = views[i].shape & SHAPE_GTP ? views[i].carrier : first;
		differ |= carrier[i] ^ first;
	}
	if (s->t->kinds & KIND(TEID))
		mask |= sift_bloom(&s->f->teid, &s->t->seeds, UINT64_MAX, teid, n, 1) & b->gtp;
	if (!(s->near || s->cover || s->six))
		return mask;
	if (differ)
		mask |= sift_carriers(s, carrier, four, n);
	else if (sift_ends(s, 4, (const uint8_t *)&first))
		mask |= four;
	if (b->carrier6)
		mask |= sift_carriers6(s, views, b->carrier6);
	return mask;
}

// A bit per packet one of whose ports (two in each element) lies in a block with a bit set.
#if defined(__AVX512BW__) && !defined(__SANITIZE_THREAD__)
INLINE uint32_t port_blocks(const struct filters *f, const uint32_t ports[PACKET_BURST])
{
	// Relaxed as bit_of: the elements of a vector load are not torn.
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
#elif defined(__AVX2__) && !defined(__SANITIZE_THREAD__)
// The lowest bit of each element: that of the block of the port in its lower half.
INLINE __m256i port_block(const __m256i words[4], __m256i port)
{
	__m256i at = _mm256_srli_epi32(port, 11);
	__m256i w[4];

	for (unsigned i = 0; i < 4; i++)
		w[i] = _mm256_permutevar8x32_epi32(words[i], at);
	__m256 by8 = _mm256_castsi256_ps(_mm256_slli_epi32(port, 17)); // bit 14 of the port
	__m256 by16 = _mm256_castsi256_ps(_mm256_slli_epi32(port, 16));
	__m256 low = _mm256_blendv_ps(_mm256_castsi256_ps(w[0]), _mm256_castsi256_ps(w[1]), by8);
	__m256 high = _mm256_blendv_ps(_mm256_castsi256_ps(w[2]), _mm256_castsi256_ps(w[3]), by8);
	__m256i word = _mm256_castps_si256(_mm256_blendv_ps(low, high, by16));
	return _mm256_srlv_epi32(word, _mm256_and_si256(_mm256_srli_epi32(port, 6), _mm256_set1_epi32(31)));
}

INLINE uint32_t port_blocks(const struct filters *f, const uint32_t ports[PACKET_BURST])
{
	__m256i words[4];
	uint32_t mask = 0;

	// Relaxed as bit_of: the elements of a vector load are not torn.
	for (unsigned i = 0; i < 4; i++)
		words[i] = _mm256_loadu_si256((const __m256i *)(const void *)&f->blocks[4 * i]);
	for (unsigned i = 0; i < 4; i++) {
		__m256i p = _mm256_loadu_si256((const __m256i *)(const void *)&ports[8 * i]);
		__m256i some = _mm256_or_si256(
			port_block(words, p), port_block(words, _mm256_srli_epi32(p, 16)));
		mask |= (uint32_t)_mm256_movemask_ps(
				_mm256_castsi256_ps(_mm256_slli_epi32(some, 31)))
			<< 8 * i;
	}
	return mask;
}
#else
INLINE uint32_t port_blocks(const struct filters *f, const uint32_t ports[PACKET_BURST])
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < PACKET_BURST; i++)
		mask |= (bit_of(f->blocks, (ports[i] & 0xffff) >> 6) |
				bit_of(f->blocks, ports[i] >> 22))
			<< i;
	return mask;
}
#endif

// Users' ports: first all at once against the blocks of ports, in registers, then one by one those of
// a block that some task asks for.
static __attribute__((noinline)) uint32_t sift_user_ports(
	const struct filters *f, const struct packet_view *views, uint32_t users, unsigned n)
{
	_Alignas(64) uint32_t ports[PACKET_BURST] = {0};
	uint32_t mask = 0;

	for (unsigned i = 0; i < n; i++)
		memcpy(&ports[i], &views[i].layer[views[i].shape & SHAPE_GTP ? 1 : 0].sport, 4);
	for (users &= port_blocks(f, ports); users; users &= users - 1) {
		unsigned i = (unsigned)__builtin_ctz(users);
		mask |= sift_ports(f, &views[i].layer[views[i].shape & SHAPE_GTP ? 1 : 0]) << i;
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
	struct sifted b;
	struct sieve s = sieve_of(t);
	uint32_t mask = 0;

	read_shapes(&b, views, n);
	for (unsigned i = 2 * n; i < whole(2 * n); i++)
		b.end[i] = 0;
	const uint32_t users = b.v4 | b.v6;
	mask |= sift_addresses(&s, &b, n);
	if (b.gtp)
		mask |= sift_tunnels(&s, views, &b, n);
	if (t->kinds & KIND(PORT))
		mask |= sift_user_ports(s.f, views, users & ~mask, n);
	for (uint32_t m = (uint32_t)((1ull << n) - 1) & ~users; m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctz(m);
		mask |= (uint32_t)sift_other(&s, &views[i], t->kinds) << i;
	}
	if (t->kinds & KIND(MAC))
		mask |= sift_macs(t, views, n);
	return mask & ~((1u << from) - 1);
}
