#pragma once

// Host names of destinations, resolved by a thread of its own: getaddrinfo blocks, delivery must
// not.

#include <stdint.h>

#include "shared/filter.h"

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_NAME_MAX 256

struct resolve_answer {
	uint64_t token; // the asker's
	uint32_t n;	// 0: failed
	struct ip_address address[RESOLVE_ADDRESSES_MAX];
	const char *reason; // static text when n is 0
};

struct resolver;

// `answer` is called on the resolver's thread, once for each question that was taken. NULL when out
// of memory.
struct resolver *resolver_new(
	void (*answer)(void *context, const struct resolve_answer *a), void *context);
// Never calls `answer` again once it has returned; does not wait for a question under way.
void resolver_free(struct resolver *r);
// 0 or NOMEM.
[[nodiscard]] int resolver_ask(struct resolver *r, const char *host, uint64_t token);
