#pragma once

// State for the next process should this one be killed, and the sequence contexts that it
// continues.

#include "dataplane/capture/box.h"
#include "dataplane/capture/capture.h"
#include "shared/config.h"

// Writers of PDUs: the workers, the reporter behind them, and the functions' where events are
// configured.
static inline uint32_t legacy_writers(const struct config *c)
{
	return c->dataplane.n_workers + 1 + (c->events.n_functions > 0);
}

// A box for the workers, whose pools have these octets each, and the other writers behind them. NULL
// when there is none, which is logged: the process does without.
struct box *legacy_new(
	const struct config *c, uint64_t worker_pool, uint64_t other_pool, uint64_t incarnation);

// The IPID of this writer, at most PDU_ID_MAX octets and the terminator; with a box it is noted
// there. 0, or ipid_make's error.
[[nodiscard]] int legacy_ipid(
	const struct config *c, struct box *b, uint32_t writer, uint64_t incarnation, char *out);

// Gives all captures the IPIDs that an earlier process had, so that its sequence contexts go on.
// False where this configuration makes others: then the contexts begin anew. No task is there yet,
// so no worker reads them meanwhile.
bool legacy_origin(const struct config *c, struct box *own, const struct box *old,
	struct capture *const *captures);
