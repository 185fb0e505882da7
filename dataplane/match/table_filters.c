// Fills the bitmaps and Bloom filters that sifting asks first.

#include <stdlib.h>

#include "dataplane/match/table_index.h"
#include "shared/wire.h"

#define COVER_COARSE 16u // prefix length of an IPv4 cover bit while there are few prefixes
#define COVER_FINE 20u
#define COVER_COARSE_MAX 256u
#define BLOOM_LOG2_MAX 21u // of the words: the hash has 32 bits, eleven of them for bits alone
#define FINE_LEAST 24u	   // shorter IPv4 prefixes are never written out
#define FINE_KEYS 2048u	   // this many addresses of prefixes are, or a quarter of all others
#define NEAR_LEAST 6u	   // octets of an IPv6 address that decide alone

// Room for twice the keys of today at the least. A few thousand keys have 64 to 128 bits each (16
// to 64 KiB at most), more have 24 to 48; beyond 128k keys 16 to 32, so that the filter of a
// hundred thousand addresses stays within half of an L2.
static int bloom_init(struct bloom *f, uint64_t n, size_t *octets)
{
	uint64_t per_key = n <= 4096 ? 64 : n <= 131072 ? 24 : 16;
	uint64_t words = 128;
	unsigned log2 = 7;

	while (words * 32 < n * per_key && log2 < BLOOM_LOG2_MAX) {
		words *= 2;
		log2++;
	}
	f->shift = 32 - log2;
	// Never fewer than 12 bits a key, but where the largest size is reached.
	f->capacity = log2 < BLOOM_LOG2_MAX ? (uint32_t)(words * 32 / 12) : UINT32_MAX;
	f->words = aligned_alloc(64, words * sizeof(*f->words));
	if (!f->words)
		return POI_ERR_NOMEM;
	memset((void *)f->words, 0, words * sizeof(*f->words));
	*octets += words * sizeof(*f->words);
	return POI_OK;
}

// Addresses of the IPv4 prefixes of at least `fine`.
static uint64_t written_out(const struct filter_needs *needs, unsigned fine)
{
	uint64_t n = 0;

	for (unsigned length = fine; length < 32; length++)
		n += (uint64_t)needs->prefix4[length] << (32 - length);
	return n;
}

static uint64_t covered(const struct filter_needs *needs, unsigned fine)
{
	uint64_t n = 0;

	for (unsigned length = 0; length < fine && length < 32; length++)
		n += needs->prefix4[length];
	return n;
}

// IPv6 prefixes and addresses of `from` whole octets and more, but fewer than `below`.
static uint64_t sixes(const struct filter_needs *needs, unsigned from, unsigned below)
{
	uint64_t n = 0;

	for (unsigned i = from; i < below; i++)
		n += needs->prefix6[i];
	return n;
}

// The least of `from` to 8 octets that an IPv6 prefix has; 8 if there is none.
static unsigned least_octets(const struct filter_needs *needs, unsigned from)
{
	while (from < 8 && !needs->prefix6[from])
		from++;
	return from;
}

static unsigned choose_fine(const struct filter_needs *needs, uint64_t others)
{
	uint64_t most = others / 4 > FINE_KEYS ? others / 4 : FINE_KEYS;
	unsigned fine = 32;

	while (fine > FINE_LEAST && written_out(needs, fine - 1) <= most)
		fine--;
	return fine;
}

void filters_count(struct filter_needs *needs, const struct rule *rule, int step)
{
	unsigned which;
	enum anchor kind = rule_anchor(&rule->filter, &which);
	unsigned length = rule->filter.address[which & 1].length;

	needs->n[kind] += (uint32_t)step;
	if (kind == ANCHOR_PREFIX4)
		needs->prefix4[length] += (uint32_t)step;
	if (kind == ANCHOR_PREFIX6 || kind == ANCHOR_EXACT6)
		needs->prefix6[length < 64 ? length / 8 : 8] += (uint32_t)step;
}

struct filters *filters_new(const struct filter_needs *needs)
{
	struct filters *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	unsigned near = least_octets(needs, NEAR_LEAST), six = least_octets(needs, 0);
	uint64_t n = needs->n[ANCHOR_EXACT4] + sixes(needs, near, 9);
	f->octets = sizeof(*f);
	f->near_length = 8 * near;
	f->near_keep = low_bits(f->near_length);
	f->six_length = six < near ? 8 * six : 64;
	f->six_keep = low_bits(f->six_length);
	f->fine = choose_fine(needs, n);
	uint64_t covers = covered(needs, f->fine);
	f->cover_capacity = covers > COVER_COARSE_MAX ? UINT32_MAX : 2 * COVER_COARSE_MAX;
	unsigned cover = f->cover_capacity == UINT32_MAX ? COVER_FINE : COVER_COARSE;
	f->cover_shift = 32 - cover;
	f->cover = calloc((1u << cover) / 32, sizeof(*f->cover));
	f->octets += (1u << cover) / 8;
	if (!f->cover || bloom_init(&f->near, n + written_out(needs, f->fine), &f->octets) ||
		bloom_init(&f->whole6, needs->n[ANCHOR_EXACT6], &f->octets) ||
		bloom_init(&f->teid, needs->n[ANCHOR_TEID], &f->octets) ||
		bloom_init(&f->mac, needs->n[ANCHOR_MAC], &f->octets) ||
		bloom_init(&f->six, sixes(needs, 0, near), &f->octets)) {
		filters_free(f);
		return NULL;
	}
	return f;
}

void filters_free(struct filters *f)
{
	if (!f)
		return;
	free((void *)f->cover);
	free((void *)f->near.words);
	free((void *)f->whole6.words);
	free((void *)f->teid.words);
	free((void *)f->mac.words);
	free((void *)f->six.words);
	free(f);
}

bool filters_fit(const struct filters *f, const struct filter_needs *needs)
{
	unsigned near = f->near_length / 8, six = f->six_length / 8;
	uint64_t n = needs->n[ANCHOR_EXACT4] + sixes(needs, near, 9) + written_out(needs, f->fine);

	return n <= f->near.capacity && needs->n[ANCHOR_EXACT6] <= f->whole6.capacity &&
	       needs->n[ANCHOR_TEID] <= f->teid.capacity &&
	       needs->n[ANCHOR_MAC] <= f->mac.capacity &&
	       sixes(needs, six, near) <= f->six.capacity &&
	       sixes(needs, 0, six < near ? six : near) == 0 &&
	       covered(needs, f->fine) <= f->cover_capacity;
}

// Relaxed: partners are load_word and bit_of in the workers; live's publication orders these
// stores before the table whose readers must see them.
// Filters have one writer at a time, so that reading and storing need not be one step.
static void set_bits(_Atomic uint64_t *word, uint64_t bits)
{
	uint64_t before = __atomic_load_n((uint64_t *)word, __ATOMIC_RELAXED);

	if ((before & bits) != bits)
		__atomic_store_n((uint64_t *)word, before | bits, __ATOMIC_RELAXED);
}

static void set_word(_Atomic uint32_t *word, uint32_t bits)
{
	uint32_t before = load_word((const uint32_t *)word);

	if ((before & bits) != bits)
		__atomic_store_n((uint32_t *)word, before | bits, __ATOMIC_RELAXED);
}

static void bloom_set(struct bloom *f, uint32_t h)
{
	set_word(&f->words[h >> f->shift], bloom_bits(h));
}

// Lets everything through from now on.
static void bloom_fill(struct bloom *f)
{
	for (uint32_t i = 0; i <= UINT32_MAX >> f->shift; i++)
		set_word(&f->words[i], UINT32_MAX);
}

static void set_prefix4(struct filters *f, const struct seeds *s, const struct ip_prefix *p)
{
	uint32_t first = wire_load32(p->b);
	uint32_t last = first | (p->length ? (uint32_t)(0xffffffffull >> p->length) : 0xffffffffu);

	if (p->length >= f->fine) {
		for (uint32_t i = 0; i <= last - first; i++)
			bloom_set(&f->near, sift_hash(s, first + i));
		return;
	}
	for (uint32_t i = first >> f->cover_shift;; i++) {
		set_word(&f->cover[i >> 5], 1u << (i & 31));
		if (i == last >> f->cover_shift)
			return;
	}
}

static void set_six(struct filters *f, const struct seeds *s, const struct ip_prefix *p)
{
	uint64_t x = load64(p->b);

	if (p->length >= f->near_length)
		bloom_set(&f->near, sift_hash(s, x & f->near_keep));
	else if (p->length >= f->six_length)
		bloom_set(&f->six, sift_hash(s, x & f->six_keep));
	else
		bloom_fill(&f->six);
}

static void set_ports(struct filters *f, const struct filter *c, unsigned which)
{
	const struct port_set *set = &c->port[which];

	for (unsigned i = 0; i < set->n; i++)
		for (uint32_t p = set->range[i].first; p <= set->range[i].last; p++) {
			set_bits(&f->port[c->protocol == 17][p >> 6], 1ull << (p & 63));
			set_bits(&f->blocks[p >> 12], 1ull << (p >> 6 & 63));
		}
}

void filters_set(struct filters *f, const struct seeds *s, const struct rule *rule)
{
	const struct filter *c = &rule->filter;
	unsigned which;
	enum anchor kind = rule_anchor(c, &which);

	switch (kind) {
	case ANCHOR_EXACT4:
		bloom_set(&f->near, sift_hash(s, wire_load32(c->address[which].b)));
		break;
	case ANCHOR_PREFIX4:
		set_prefix4(f, s, &c->address[which]);
		break;
	case ANCHOR_EXACT6:
		bloom_set(&f->whole6, sift_hash_v6(s, c->address[which].b));
		// fall through
	case ANCHOR_PREFIX6:
		set_six(f, s, &c->address[which]);
		break;
	case ANCHOR_TEID:
		bloom_set(&f->teid, sift_hash(s, c->teid));
		break;
	case ANCHOR_MAC:
		bloom_set(&f->mac, sift_hash_mac(s, c->mac[0]));
		break;
	default:
		set_ports(f, c, which);
		break;
	}
}
