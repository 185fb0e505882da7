#pragma once

// TaskDetails (TS 103 221-1 clause 6.2.1.2, table 5; TS 33.128 tables 6.2.3-6 and 6.2.3-7) to what
// the dataplane is told. What this network element cannot do is refused, never ignored (decision
// 7).

#include "control/state/registry.h"
#include "control/x1/x1_refusal.h"
#include "control/xml/x1_types.h"
#include "shared/config.h"

// Holds what a built task points to, and what it names; the caller's.
#define X1_TASK_OBJECTS_MAX 32

struct x1_task_room {
	struct id16 object[X1_TASK_OBJECTS_MAX]; // the generic objects that it names
	uint8_t n_objects;
	uint8_t n_named; // of its destinations: those behind are what its sets stand for
	uint8_t matched[CHANNEL_MATCHED_MAX];
	uint8_t alternatives[ALTERNATIVES_OCTETS_MAX];
};

// Notes a generic object, once. False: there is no room for another.
static inline bool x1_task_room_name(struct x1_task_room *room, const struct id16 *object)
{
	for (uint8_t i = 0; i < room->n_objects; i++)
		if (id_equal(&room->object[i], object))
			return true;
	if (room->n_objects == X1_TASK_OBJECTS_MAX)
		return false;
	room->object[room->n_objects++] = *object;
	return true;
}

// Fills `out` (memo excepted) from `d` for network element `ne`. `old`: the task that is modified
// (the generic code is 3001 then), NULL when one is activated (3000). `out` points
// into `room`. Destinations and generic objects are looked
// up in `r`. 0, or INVALID with `why` set.
// Readings: an address or port names either end; GTPTunnelDirection Outbound is the tunnel that
// leads to the target, Inbound the one that leads from it.
[[nodiscard]] int x1_task_build(const struct config *config, const struct registry *r, uint16_t ne,
	const struct x1_task_details *d, const struct registry_task *old, struct channel_task *out,
	struct x1_task_room *room, struct x1_refusal *why);
