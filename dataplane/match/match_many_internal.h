#pragma once

// Room for the hits of one packet, and which slots have one. A place is free when its stamp is not
// that of the search at hand: to begin costs nothing.

#include <string.h>

#include "dataplane/match/match.h"

#define MATCH_MANY_HITS 8192u
#define MATCH_MANY_FREE UINT32_MAX
#define MATCH_MANY_LOG2 14 // twice as many places

struct match_many_place {
	uint32_t stamp, slot, hit;
};

struct match_many {
	uint32_t stamp;
	struct hit hit[MATCH_MANY_HITS];
	struct match_many_place place[1u << MATCH_MANY_LOG2];
};

// No two slots have the same.
static inline uint32_t match_many_spread(uint32_t slot)
{
	return slot * 2654435761u;
}

static inline void match_many_begin(struct match_many *m)
{
	if (++m->stamp == 0) {
		memset(m->place, 0, sizeof(m->place));
		m->stamp = 1;
	}
}

// Where the slot's hit is noted: MATCH_MANY_FREE there until it is. As many as there are hits, so
// half of the places stay free.
static inline uint32_t *match_many_place(struct match_many *m, uint32_t slot)
{
	uint32_t at = match_many_spread(slot) >> (32 - MATCH_MANY_LOG2);

	for (;; at = (at + 1) & ((1u << MATCH_MANY_LOG2) - 1)) {
		struct match_many_place *p = &m->place[at];
		if (p->stamp != m->stamp) {
			*p = (struct match_many_place){m->stamp, slot, MATCH_MANY_FREE};
			return &p->hit;
		}
		if (p->slot == slot)
			return &p->hit;
	}
}
