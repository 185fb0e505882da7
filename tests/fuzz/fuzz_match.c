// Octet 0 seeds the port, octet 1 the rules; the rest is a frame. The matcher must agree with the
// naive reference on every rule.

#include <stdlib.h>
#include <string.h>

#include "dataplane/match/match.h"
#include "dataplane/packet/parse.h"
#include "tests/unit/dataplane/packet/frames.h"
#include "tests/unit/dataplane/match/reference.h"

#define RULES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t seed[2] = {3, 5};
	struct rule rule[RULES];
	bool hit[RULES] = {0};
	struct port_traits port;

	if (size < 2 || size > 4096)
		return 0;
	struct rng r = {.s = data[0]}, q = {.s = data[1]};
	port_random(&port, &r);
	struct table_builder *b = table_builder_new(seed);
	for (uint32_t i = 0; i < RULES; i++) {
		rule_random(&rule[i], &q, i);
		if (table_put(b, &rule[i]))
			abort();
	}
	const struct table *t = table_commit(b, 1);
	uint32_t length = (uint32_t)size - 2;
	uint8_t *copy = malloc(length ? length : 1);
	struct packet_view v = {.data = copy, .length = length, .total = length};
	memcpy(copy, data + 2, length);
	parse_burst(&port, &v, 1);
	struct match_cursor cursor = {0};
	while (!cursor.done) {
		struct hit hits[3];
		unsigned n = match_burst(t, &port, &v, 1, &cursor, hits, 3);
		for (unsigned i = 0; i < n; i++) {
			if (hit[hits[i].rule->slot])
				abort();
			hit[hits[i].rule->slot] = true;
		}
	}
	for (unsigned i = 0; i < RULES; i++) {
		struct hit want;
		if (reference_match(&rule[i], &port, copy, length, &want) != hit[i])
			abort();
	}
	free(copy);
	table_builder_free(b);
	return 0;
}
