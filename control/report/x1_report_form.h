#pragma once

// How a report names an issue (TS 103 221-1 clause 6.5): its type and its code, in the words of the
// ADMF's minor. From minor 12 on the silence of the ADMF is an Alert to it; before, a FaultReport.

#include "control/state/faults.h"

// Name of an issue's type in the standard (clause 6.5), in that minor; NULL for one that its scope
// does not have.
const char *x1_report_type(const struct issue *i, unsigned minor);

// The issue's own code, or the one of table 46 for its type; 0: there is none.
int x1_report_code(const struct issue *i);
