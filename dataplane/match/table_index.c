// Puts the rules of a table into buckets by their keys.
//
// Not the shared hash table: this one is compiled once and never changed, entries of a bucket lie side
// by side so that a look-up reads one line, and prefixes and ports are keys of several lengths.

#include "dataplane/match/table_index.h"

#include <stdlib.h>

#include "shared/wire.h"

// Roughly how many bits of a packet the criterion pins down, times 3.
static unsigned weigh_prefix(const struct ip_prefix *p)
{
	if (p->family == 4)
		return p->length * 3u;
	return p->length == 128 ? 96 : p->length >= 64 ? 90 : p->length * 90u / 64;
}

static unsigned weigh_ports(const struct port_set *s)
{
	unsigned ports = 0, bits = 0;

	for (unsigned i = 0; i < s->n; i++)
		ports += s->range[i].last - s->range[i].first + 1u;
	while (bits < 16 && 1u << (bits + 1) <= ports)
		bits++;
	return (16 - bits) * 3;
}

static enum anchor address_anchor(const struct ip_prefix *p)
{
	if (p->family == 4)
		return p->length == 32 ? ANCHOR_EXACT4 : ANCHOR_PREFIX4;
	return p->length == 128 ? ANCHOR_EXACT6 : ANCHOR_PREFIX6;
}

// Any present criterion would be right, since all must hold; the most selective is the cheapest.
enum anchor rule_anchor(const struct filter *f, unsigned *which)
{
	enum anchor best = ANCHOR_PORT;
	int weight = -1;

	*which = 0;
	for (unsigned i = 0; i < f->n_address; i++) {
		if ((int)weigh_prefix(&f->address[i]) > weight) {
			weight = (int)weigh_prefix(&f->address[i]);
			best = address_anchor(&f->address[i]);
			*which = i;
		}
	}
	if (f->kinds & (FILTER_TEID | FILTER_FTEID) && weight < 85) {
		weight = 85;
		best = ANCHOR_TEID;
	}
	if (f->n_mac && weight < 80) {
		weight = 80;
		best = ANCHOR_MAC;
	}
	for (unsigned i = 0; i < f->n_port; i++) {
		if ((int)weigh_ports(&f->port[i]) > weight) {
			weight = (int)weigh_ports(&f->port[i]);
			best = ANCHOR_PORT;
			*which = i;
		}
	}
	return best;
}

// Calls for each aligned block of ports; returns their number. `keys` NULL: only counts.
static uint32_t port_keys(const struct seeds *s, const struct filter *f, unsigned which,
	uint64_t *keys, uint32_t *logs)
{
	const struct port_set *set = &f->port[which];
	uint32_t n = 0;

	for (unsigned i = 0; i < set->n; i++) {
		uint32_t at = set->range[i].first, end = set->range[i].last + 1u;
		while (at < end) {
			unsigned log2 = at ? (unsigned)__builtin_ctz(at) : 16;
			while (at + (1u << log2) > end)
				log2--;
			if (keys)
				keys[n] = key_port(s, f->protocol, (uint16_t)at, log2);
			if (logs)
				*logs |= 1u << log2;
			n++;
			at += 1u << log2;
		}
	}
	return n;
}

#define KEYS_MAX (FILTER_RANGES_MAX * 30u) // blocks of one range: at most 30

// The keys a rule is stored under; notes what the index then has to be asked for.
static uint32_t rule_keys(
	const struct seeds *s, const struct rule *rule, struct index *x, uint64_t keys[KEYS_MAX])
{
	const struct filter *f = &rule->filter;
	unsigned which;
	enum anchor kind = rule_anchor(f, &which);
	const struct ip_prefix *p = &f->address[which & 1];

	x->kinds |= 1u << kind;
	switch (kind) {
	case ANCHOR_PREFIX4:
		x->lengths4 |= 1ull << p->length;
		// fall through
	case ANCHOR_EXACT4:
		keys[0] = key_finish(s, hash_v4(s, wire_load32(p->b)), ANCHOR_PREFIX4, p->length);
		return 1;
	case ANCHOR_PREFIX6:
		x->lengths6[p->length >> 6] |= 1ull << (p->length & 63);
		// fall through
	case ANCHOR_EXACT6:
		keys[0] = key_finish(s, hash_v6(s, p->b), ANCHOR_PREFIX6, p->length);
		return 1;
	case ANCHOR_TEID:
		keys[0] = key_finish(s, hash_v4(s, f->teid), ANCHOR_TEID, 0);
		return 1;
	case ANCHOR_MAC:
		keys[0] = key_finish(s, hash_mix(s, load_mac(f->mac[0]), 0), ANCHOR_MAC, 0);
		return 1;
	default:
		return port_keys(s, f, which, keys, &x->port_logs);
	}
}

static uint32_t count_keys(const struct rule *rule)
{
	unsigned which;

	return rule_anchor(&rule->filter, &which) == ANCHOR_PORT
		       ? port_keys(NULL, &rule->filter, which, NULL, NULL)
		       : 1;
}

// Counting sort by bucket: entries of one bucket lie side by side.
static int fill(struct index *x, const struct seeds *s, uint32_t buckets)
{
	uint64_t keys[KEYS_MAX];
	uint32_t n = 0;
	struct index_entry *all = malloc((x->n_entries + 1u) * sizeof(*all));

	if (!all)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i < x->n_rules; i++) {
		unsigned which;
		uint32_t k = rule_keys(s, x->rule[i], x, keys);
		rule_anchor(&x->rule[i]->filter, &which);
		for (uint32_t j = 0; j < k; j++) {
			all[n++] = (struct index_entry){(keys[j] & ~1ull) | which, x->rule[i]};
			x->start[(keys[j] >> x->shift) + 1]++;
		}
	}
	for (uint32_t b = 0; b < buckets; b++)
		x->start[b + 1] += x->start[b];
	for (uint32_t i = 0; i < n; i++)
		x->entry[x->start[all[i].key >> x->shift]++] = all[i];
	for (uint32_t b = buckets; b > 0; b--)
		x->start[b] = x->start[b - 1];
	x->start[0] = 0;
	free(all);
	return POI_OK;
}

struct index *index_build(const struct seeds *s, const struct rule **rules, uint32_t n)
{
	struct index *x = calloc(1, sizeof(*x));
	uint32_t buckets = 2;
	unsigned log2 = 1;

	if (!x) {
		free(rules);
		return NULL;
	}
	x->rule = rules;
	x->n_rules = n;
	for (uint32_t i = 0; i < n; i++)
		x->n_entries += count_keys(rules[i]);
	while (buckets < x->n_entries) {
		buckets *= 2;
		log2++;
	}
	x->shift = 64 - log2;
	x->start = calloc(buckets + 1u, sizeof(*x->start));
	x->entry = malloc((x->n_entries + 1u) * sizeof(*x->entry));
	if (!x->start || !x->entry || fill(x, s, buckets)) {
		index_free(x);
		return NULL;
	}
	return x;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	free(x->start);
	free(x->entry);
	free(x->rule);
	free(x);
}
