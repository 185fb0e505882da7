// Fills the bitmaps and Bloom filters that sifting asks first.

#include <stdlib.h>

#include "dataplane/match/table_index.h"
#include "shared/wire.h"

#define COVER_COARSE 16u // prefix length of an IPv4 cover bit while there are few prefixes
#define COVER_FINE 20u
#define COVER_COARSE_MAX 256u
#define BLOOM_LOG2_MAX 20u // of the words: the hash has 32 bits, 14 of them for the two bits

// Room for twice the keys of today at the least. A few thousand keys have 64 to 128 bits each (16
// to 64 KiB at most), more have 24 to 48; beyond 128k keys 16 to 32, so that the filter of a
// hundred thousand addresses stays within half of an L2.
static int bloom_init(struct bloom *f, uint32_t n, size_t *octets)
{
	uint64_t per_key = n <= 4096 ? 64 : n <= 131072 ? 24 : 16;
	uint64_t words = 64;
	unsigned log2 = 6;

	while (words * 64 < n * per_key && log2 < BLOOM_LOG2_MAX) {
		words *= 2;
		log2++;
	}
	f->shift = 32 - log2;
	// Never fewer than 12 bits a key, but where the largest size is reached.
	f->capacity = log2 < BLOOM_LOG2_MAX ? (uint32_t)(words * 64 / 12) : UINT32_MAX;
	f->words = aligned_alloc(64, words * 8);
	if (!f->words)
		return POI_ERR_NOMEM;
	memset((void *)f->words, 0, words * 8);
	*octets += words * 8;
	return POI_OK;
}

struct filters *filters_new(const struct filter_needs *needs)
{
	struct filters *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->octets = sizeof(*f);
	f->six_length = needs->six_length;
	f->cover_capacity =
		needs->n[ANCHOR_PREFIX4] > COVER_COARSE_MAX ? UINT32_MAX : 2 * COVER_COARSE_MAX;
	unsigned cover = f->cover_capacity == UINT32_MAX ? COVER_FINE : COVER_COARSE;
	f->cover_shift = 32 - cover;
	f->cover = calloc((1u << cover) / 64, 8);
	f->octets += (1u << cover) / 8;
	if (!f->cover ||
		bloom_init(
			&f->exact, needs->n[ANCHOR_EXACT4] + needs->n[ANCHOR_EXACT6], &f->octets) ||
		bloom_init(&f->teid, needs->n[ANCHOR_TEID], &f->octets) ||
		bloom_init(&f->mac, needs->n[ANCHOR_MAC], &f->octets) ||
		bloom_init(&f->six, needs->n[ANCHOR_PREFIX6], &f->octets)) {
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
	free((void *)f->exact.words);
	free((void *)f->teid.words);
	free((void *)f->mac.words);
	free((void *)f->six.words);
	free(f);
}

bool filters_fit(const struct filters *f, const struct filter_needs *needs)
{
	return needs->n[ANCHOR_EXACT4] + needs->n[ANCHOR_EXACT6] <= f->exact.capacity &&
	       needs->n[ANCHOR_TEID] <= f->teid.capacity &&
	       needs->n[ANCHOR_MAC] <= f->mac.capacity &&
	       needs->n[ANCHOR_PREFIX6] <= f->six.capacity &&
	       needs->n[ANCHOR_PREFIX4] <= f->cover_capacity && needs->six_length >= f->six_length;
}

// Relaxed: partners are words_hold and bit_of in the workers; live's publication orders these
// stores before the table whose readers must see them.
// Filters have one writer at a time, so that reading and storing need not be one step.
static void set_bits(_Atomic uint64_t *word, uint64_t bits)
{
	uint64_t before = __atomic_load_n((uint64_t *)word, __ATOMIC_RELAXED);

	if ((before & bits) != bits)
		__atomic_store_n((uint64_t *)word, before | bits, __ATOMIC_RELAXED);
}

static void bloom_set(struct bloom *f, uint32_t h)
{
	set_bits(&f->words[h >> f->shift], 1ull << (h & 63) | 1ull << (h >> 8 & 63));
}

// Lets everything through from now on.
static void bloom_fill(struct bloom *f)
{
	for (uint32_t i = 0; i <= UINT32_MAX >> f->shift; i++)
		set_bits(&f->words[i], UINT64_MAX);
}

static void set_cover(struct filters *f, const struct ip_prefix *p)
{
	uint32_t first = wire_load32(p->b);
	uint32_t last = first | (p->length ? (uint32_t)(0xffffffffull >> p->length) : 0xffffffffu);

	for (uint32_t i = first >> f->cover_shift;; i++) {
		set_bits(&f->cover[i >> 6], 1ull << (i & 63));
		if (i == last >> f->cover_shift)
			return;
	}
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
	uint8_t cut[16];

	switch (kind) {
	case ANCHOR_EXACT4:
		bloom_set(&f->exact, sift_hash(s, wire_load32(c->address[which].b)));
		break;
	case ANCHOR_EXACT6:
		bloom_set(&f->exact, sift_hash_v6(s, c->address[which].b));
		break;
	case ANCHOR_PREFIX4:
		set_cover(f, &c->address[which]);
		break;
	case ANCHOR_PREFIX6:
		if (c->address[which].length < f->six_length) {
			bloom_fill(&f->six);
			break;
		}
		mask_v6(c->address[which].b, f->six_length, cut);
		bloom_set(&f->six, sift_hash_v6(s, cut));
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
