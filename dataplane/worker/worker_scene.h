#pragma once

// Lent by a worker to the modules of its rare packets: the table of this iteration, and the places
// of hits and counts.

#include "dataplane/capture/capture.h"
#include "dataplane/signalling/signalling_tap.h"
#include "dataplane/worker/stats.h"

struct holdback;

// The worker's own at this moment.
struct worker_scene {
	const struct table *table;
	struct capture *capture;
	struct worker_counters *counters;
	uint64_t now_ns;
	struct signalling_tap *tap; // NULL: no lane shows signalling
	struct holdback *holdback;  // with `tap`
};
