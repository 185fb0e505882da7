#pragma once

// Translates target identifiers that only signalling can resolve (TS 33.128 table 6.2.3-7, and
// subscribers), and checks that this network element sees such signalling.

#include "control/x1/x1_task.h"

struct x1_task_session {
	const struct config *config;
	const struct registry *registry; // hash contexts
	uint16_t ne;
	struct x1_task_room *room; // receives the hash context that the task names
	int generic; // generic error code, 3000 or 3001
	bool records_only; // no packet has to be seen, see x1_task_records_only
	struct session_target *out;
	struct x1_refusal *why;
	const char *first; // name of the first identifier
};

// Adds one identifier, or one member of an extension (in the 3GPP namespace). Returns 0,
// UNSUPPORTED for another kind of identifier, or INVALID with `why` set.
[[nodiscard]] int x1_task_session_target(struct x1_task_session *s, const struct x1_target *t);
[[nodiscard]] int x1_task_session_member(
	struct x1_task_session *s, const struct x1_extension_member *m);
// Checks all identifiers together. Sets 3020 if no session can satisfy them, 3010 if no port shows
// signalling that carries them all or packets that such a session selects. `directed`: a direction
// was given. Returns 0 if there are none.
[[nodiscard]] int x1_task_session_check(struct x1_task_session *s, bool directed);
