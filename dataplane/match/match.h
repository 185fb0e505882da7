#pragma once

#include "dataplane/packet/packet.h"
#include "dataplane/match/table.h"

struct match_many; // of one worker: room for the hits of a packet that has very many

// Where to go on when `hits` was full.
struct match_cursor {
	struct match_many *many; // NULL: such a packet costs the square of its hits
	uint16_t packet;
	bool done;
	bool parts; // `packet` has more hits than a call takes: of its slots, part `number` of 2^bits is next
	uint8_t bits;
	uint64_t number;
	uint32_t found, dealt; // of the part before, in `many`
};

// NULL when out of memory.
struct match_many *match_many_new(void);
void match_many_free(struct match_many *m);

// Finds every (packet, task) pair of a burst, each once: staged as hash and prefetch all, probe
// all, verify all. Where several bound rules of one task hold, the hit names the one with the least
// from_ns; of alternatives it names the first, behind all bound ones. Then its direction is BOTH when they differ. Start with a cursor that is zero but for `many`;
// call again while !cursor->done. Returns the hits written. Hits of one packet come in no promised order; packets
// come in ascending order.
unsigned match_burst(const struct table *t, const struct port_traits *port,
	const struct packet_view *views, unsigned n, struct match_cursor *cursor, struct hit *hits,
	unsigned max_hits);

// Does the rule's filter hold on this packet? The one statement of the meaning (decisions 1, 3, 4,
// 5), used to verify every candidate. Fills layer, direction and tunnelled of `hit`.
bool match_rule(const struct rule *rule, const struct port_traits *port,
	const struct packet_view *view, struct hit *hit);
