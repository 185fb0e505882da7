#pragma once

// Translates TaskDetails (TS 103 221-1 clause 6.2.1.2, table 5; TS 33.128 tables 6.2.3-6 and
// 6.2.3-7) into a task of the dataplane. Details that this network element cannot serve are
// refused, never ignored (decision 7).

#include "control/state/registry.h"
#include "control/x1/x1_refusal.h"
#include "control/xml/x1_types.h"
#include "shared/config.h"

// Storage for the data that a built task points to, and the objects it names; the caller owns it.
#define X1_TASK_OBJECTS_MAX 32

struct x1_task_room {
	struct id16 object[X1_TASK_OBJECTS_MAX]; // generic objects that the task names
	uint8_t n_objects;
	uint8_t n_named; // destinations that the task names; those behind come from its sets
	uint8_t matched[CHANNEL_MATCHED_MAX];
	uint8_t alternatives[ALTERNATIVES_OCTETS_MAX];
};

// Records a generic object once. Returns false if there is no room.
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

// Fills `out` (memo excepted) from `d` for network element `ne`. `old`: the task to modify (the
// generic code is then 3001), or NULL to activate one (3000). `out` points into `room`.
// Destinations and generic objects are found in `r`. Returns 0, or INVALID with `why` set.
// Readings: an address or port names either end; GTPTunnelDirection Outbound is the tunnel that
// leads to the target, Inbound the one that leads from it.
[[nodiscard]] int x1_task_build(const struct config *config, const struct registry *r, uint16_t ne,
	const struct x1_task_details *d, const struct registry_task *old, struct channel_task *out,
	struct x1_task_room *room, struct x1_refusal *why);
