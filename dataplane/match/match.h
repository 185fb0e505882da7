#pragma once

#include "dataplane/packet/packet.h"
#include "dataplane/match/table.h"

// Where to go on when `hits` was full.
struct match_cursor {
	uint16_t packet;
	uint16_t stage;
	uint32_t position;
	bool done;
	bool split; // `packet` has been looked at in part
};

// Finds every (packet, task) pair of a burst, each once: staged as hash and prefetch all, probe
// all, verify all. Where several bound rules of one task hold, the hit names the one with the least
// from_ns, and its direction is BOTH when they differ. Start with a zeroed cursor; call again while
// !cursor->done. Returns the hits written. Hits of one packet come in no promised order; packets
// come in ascending order.
unsigned match_burst(const struct table *t, const struct port_traits *port,
	const struct packet_view *views, unsigned n, struct match_cursor *cursor, struct hit *hits,
	unsigned max_hits);

// Does the rule's filter hold on this packet? The one statement of the meaning (decisions 1, 3, 4,
// 5), used to verify every candidate. Fills layer, direction and tunnelled of `hit`.
bool match_rule(const struct rule *rule, const struct port_traits *port,
	const struct packet_view *view, struct hit *hit);
