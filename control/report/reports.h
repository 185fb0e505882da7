#pragma once

// Carries issues to the ADMF: one x1_report per network element that has an admf-url. A task that
// the fail-safe stopped loses its tombstone once the ADMF has answered the report.

#include "control/state/control.h"
#include "control/report/x1_report.h"

struct reports;

// NULL with `why`: a URL or certificate that cannot be used.
struct reports *reports_new(
	struct control *c, struct x1_decoder *decoder, char *why, size_t why_size);
// Takes in the network elements that the configuration has beyond those known; as reports_new.
[[nodiscard]] int reports_add(struct reports *r, char *why, size_t why_size);
void reports_free(struct reports *r);
