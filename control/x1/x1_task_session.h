#pragma once

// Target identifiers that only signalling can resolve (TS 33.128 table 6.2.3-7, and subscribers):
// their values, and whether this network element sees signalling that names them.

#include "control/x1/x1_task.h"

struct x1_task_session {
	const struct config *config;
	const struct registry *registry; // hash contexts
	uint16_t ne;
	struct x1_task_room *room; // receives the hash context that is named
	int generic; // 3000 or 3001
	struct session_target *out;
	struct x1_refusal *why;
	const char *first; // name of the first one
};

// One identifier, or one member of an extension (in the 3GPP namespace). 0; UNSUPPORTED when it is
// none of these; INVALID with `why` set.
[[nodiscard]] int x1_task_session_target(struct x1_task_session *s, const struct x1_target *t);
[[nodiscard]] int x1_task_session_member(
	struct x1_task_session *s, const struct x1_extension_member *m);
// All are in: 3020 when no session can satisfy them, 3010 when no port shows signalling that
// carries all of them, or no port where packets could be told by it. `directed`: a direction was
// given. 0 without any.
[[nodiscard]] int x1_task_session_check(struct x1_task_session *s, bool directed);
