#pragma once

// Private to table.c, table_index.c, table_filters.c and match.c: the parts of a published
// table.
//
// Every rule is anchored on its most selective criterion and stored under the keys of that
// criterion alone; a candidate found there is verified as a whole. Keys are 64-bit keyed hashes:
//   address  family, prefix length, masked bits       TEID  the 32 bits
//   port     protocol, log2 of an aligned block, base  MAC   the 48 bits
//
// Hash-flood resistance: NH-style multiplication with secret random numbers (a pair of inputs
// chosen blindly collides with a probability of about 2^-32 or less). What a
// stranger's packets can cost is bounded anyway: they only look up, keys come from the ADMF.

#include <stdbool.h>
#include <string.h>

#include "dataplane/match/table.h"

enum anchor { // kinds of key; the bits of table.kinds
	ANCHOR_EXACT4,
	ANCHOR_EXACT6,
	ANCHOR_PREFIX4,
	ANCHOR_PREFIX6,
	ANCHOR_PORT,
	ANCHOR_TEID,
	ANCHOR_MAC,
	ANCHOR_COUNT
};

struct seeds {
	uint64_t a, b; // secret; b is odd
};

static inline uint64_t hash_mix(const struct seeds *s, uint64_t x, uint64_t y)
{
	unsigned __int128 product = (unsigned __int128)(x + s->a) * (y + s->b);
	uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);

	return folded * 0x9e3779b97f4a7c15u;
}

// One 32-bit value: multiply-shift with a secret odd number; no two values collide as a whole, and
// the upper bits are universal.
static inline uint64_t hash_v4(const struct seeds *s, uint32_t address)
{
	return address * s->b;
}

static inline uint64_t load64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t hash_v6(const struct seeds *s, const uint8_t *a)
{
	return hash_mix(s, load64(a), load64(a + 8));
}

static inline uint32_t mask_v4(uint32_t address, unsigned length) // host order
{
	return length ? address & (0xffffffffu << (32 - length)) : 0;
}

static inline void mask_v6(const uint8_t *a, unsigned length, uint8_t out[16])
{
	unsigned whole = length / 8;

	memset(out, 0, 16);
	memcpy(out, a, whole);
	if (length % 8)
		out[whole] = (uint8_t)(a[whole] & (0xff00u >> (length % 8)));
}

// The kind and length are mixed into the keys of the index, not into those of the filters.
static inline uint64_t key_finish(
	const struct seeds *s, uint64_t h, enum anchor kind, unsigned length)
{
	return hash_mix(s, h, (uint64_t)kind << 8 | length);
}

static inline uint64_t key_port(
	const struct seeds *s, uint8_t protocol, uint16_t port, unsigned log2)
{
	uint32_t base = (uint32_t)port >> log2;
	return key_finish(s, hash_v4(s, (uint32_t)protocol << 16 | base), ANCHOR_PORT, log2);
}

static inline uint64_t load_mac(const uint8_t *mac)
{
	uint64_t v = 0;
	memcpy(&v, mac, 6);
	return v;
}

// ---- filters: reject before any index line is touched ----

// The filters have hashes of their own, as cheap as can be. A flood of them makes the packets of
// strangers cost an index lookup, no more: the index behind uses the strong keyed hash. `x`: an
// IPv4 address, a TEID, or the first eight octets of an IPv6 address.
static inline uint32_t sift_hash(const struct seeds *s, uint64_t x)
{
	return (uint32_t)(x * s->b >> 32);
}

static inline uint32_t sift_hash_v6(const struct seeds *s, const uint8_t *a)
{
	return (uint32_t)(hash_v6(s, a) >> 32);
}

static inline uint32_t sift_hash_mac(const struct seeds *s, const uint8_t *mac)
{
	return (uint32_t)(hash_mix(s, load_mac(mac), 0) >> 32);
}

// Blocked Bloom filter: one 32-bit word per key, three bits in it. words is a power of two. The word's
// number is in the upper bits of the hash, those of the bits in its last fifteen.
struct bloom {
	_Atomic uint32_t *words;
	unsigned shift;	   // 32 - log2(words)
	uint32_t capacity; // keys it was sized for
};

static inline uint32_t bloom_bits(uint32_t h)
{
	return 1u << (h & 31) | 1u << (h >> 5 & 31) | 1u << (h >> 10 & 31);
}

// Relaxed: partner is set_bits; a bit that matters was set before this table was published.
static inline uint32_t load_word(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline bool bloom_has(const struct bloom *f, uint32_t h)
{
	return !(bloom_bits(h) & ~load_word((const uint32_t *)&f->words[h >> f->shift]));
}

struct filters {
	// One probe an address: IPv4 addresses, prefixes of at least `fine` as all their addresses,
	// and what IPv6 addresses and prefixes of at least near_length have in their near_keep.
	struct bloom near;
	unsigned fine;	      // 24 to 32
	unsigned near_length; // 48, 56 or 64
	uint64_t near_keep;   // of the first eight octets, the first of them lowest; keeps IPv4 whole
	struct bloom whole6;  // IPv6 addresses, once `near` let them through
	struct bloom teid;
	struct bloom mac;
	struct bloom six;     // shorter IPv6 prefixes, cut to six_length
	unsigned six_length;  // octets' multiple; no prefix in it is shorter, or it is filled; 64: none
	uint64_t six_keep;
	unsigned cover_shift; // IPv4: 32 - length of the cover
	_Atomic uint32_t *cover;	// a bit per IPv4 network with prefixes shorter than `fine`
	_Atomic uint64_t port[2][1024]; // TCP, UDP: a bit per port, exact
	_Atomic uint64_t blocks[16];	// a bit per 64 ports of either: fits two registers
	uint32_t cover_capacity;
	size_t octets;
};

static inline uint64_t low_bits(unsigned n)
{
	return n < 64 ? (1ull << n) - 1 : UINT64_MAX;
}

static inline bool near_has(const struct filters *f, const struct seeds *s, uint64_t x)
{
	return bloom_has(&f->near, sift_hash(s, x & f->near_keep));
}

static inline bool six_has(const struct filters *f, const struct seeds *s, uint64_t x)
{
	return bloom_has(&f->six, sift_hash(s, x & f->six_keep));
}

static inline bool cover_has(const struct filters *f, uint32_t address)
{
	uint32_t i = (uint32_t)((uint64_t)address >> f->cover_shift);
	return load_word((const uint32_t *)&f->cover[i >> 5]) >> (i & 31) & 1;
}

static inline unsigned bit_of(const _Atomic uint64_t *words, uint32_t i)
{
	return __atomic_load_n((const uint64_t *)&words[i >> 6], __ATOMIC_RELAXED) >> (i & 63) & 1;
}

struct filter_needs { // number of rules per anchor, and what shapes the filters
	uint32_t n[ANCHOR_COUNT];
	uint32_t prefix4[32]; // by length
	uint32_t prefix6[9];  // by the octets that are whole; 8: those of 64 bits and more, addresses too
};

// Counts the rule in (1) or out (-1).
void filters_count(struct filter_needs *needs, const struct rule *rule, int step);
struct filters *filters_new(const struct filter_needs *needs);
void filters_free(struct filters *f);
// Room, and the right cuts, for these? If not they are right all the same, but slow.
bool filters_fit(const struct filters *f, const struct filter_needs *needs);
// Cheap but for ranges of networks and ports. Monotone, relaxed: readers of older tables may see
// the bits, and lose nothing but a probe.
void filters_set(struct filters *f, const struct seeds *s, const struct rule *rule);

// ---- index: key -> rules, immutable ----

// Bit 0 of the key selects the address or port set of the rule.
struct index_entry {
	uint64_t key;
	const struct rule *rule;
};

struct index {
	uint32_t *start; // per bucket, and one more
	struct index_entry *entry;
	const struct rule **rule; // every rule once
	uint32_t n_rules, n_entries;
	unsigned shift;	      // bucket = key >> shift
	uint32_t kinds;	      // bit per anchor
	uint64_t lengths4;    // bit per active IPv4 prefix length (0..31)
	uint64_t lengths6[2]; // bit per active IPv6 prefix length (0..127)
	uint32_t port_logs;   // bit per active log2 of a port block (0..16)
};

// Takes over `rules` (malloc'd, n of them) also on failure. NULL: out of memory.
struct index *index_build(const struct seeds *s, const struct rule **rules, uint32_t n);
void index_free(struct index *x);

enum anchor rule_anchor(const struct filter *f, unsigned *which); // which address or port set

// ---- table ----

struct table {
	struct filters *filters;
	const struct index *base;
	const struct index *delta;
	uint32_t *tombstone; // open addressing, UINT32_MAX is free: keys whose base rule is void
	uint32_t tombstone_mask;
	uint32_t n_tombstones;
	uint32_t kinds; // of base and delta
	struct seeds seeds;
	uint64_t generation, digest;
	uint32_t n_rules, n_ported;
	bool expects;	// bound rules
	uint64_t stamp; // last change it contains
};

static inline uint32_t tombstone_at(uint32_t key, uint32_t mask)
{
	return (key * 0x9e3779b1u) >> 7 & mask;
}

static inline bool table_is_void(const struct table *t, uint32_t key)
{
	if (!t->n_tombstones)
		return false;
	for (uint32_t i = tombstone_at(key, t->tombstone_mask);; i = (i + 1) & t->tombstone_mask) {
		if (t->tombstone[i] == key)
			return true;
		if (t->tombstone[i] == UINT32_MAX)
			return false;
	}
}
