#pragma once

// Host names of destinations, resolved by a thread of its own with c-ares: all questions at once,
// and each answer with the time for which it holds, which getaddrinfo does not tell.

#include <stdint.h>

#include "shared/filter.h"

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_NAME_MAX 256
// Bounds of the time for which an answer holds, in s. Below the first are lines of /etc/hosts,
// which have no time (0), and zones that allow no caching.
#define RESOLVE_TTL_MIN 10u
#define RESOLVE_TTL_MAX 3600u

struct resolve_answer {
	uint64_t token; // the asker's
	uint32_t n;	// 0: failed
	struct ip_address address[RESOLVE_ADDRESSES_MAX];
	uint32_t ttl;	    // s, within the bounds; the shortest of all records used
	const char *reason; // static text when n is 0
};

struct resolver_settings {
	// Called on the resolver's thread, once for each question that was taken, within 5 s.
	void (*answer)(void *context, const struct resolve_answer *a);
	void *context;
	// "address:port,..." instead of the system's name servers; NULL: /etc/resolv.conf, as it is
	// when the question comes. For tests, which have no port 53.
	const char *servers;
};

struct resolver;

// NULL when out of memory or file descriptors. Borrows `servers` while it lives.
struct resolver *resolver_new(const struct resolver_settings *s);
// Never calls `answer` again once it has returned; does not wait for questions under way.
void resolver_free(struct resolver *r);
// From any thread. 0 or NOMEM.
[[nodiscard]] int resolver_ask(struct resolver *r, const char *host, uint64_t token);
