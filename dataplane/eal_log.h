#pragma once

// Keeps what the EAL and its drivers log while it starts, so that an error can name their cause.
// The lines go on to stderr, as without this.

#include <stddef.h>

// Begins to keep lines. Without memory nothing is kept and the EAL logs as always.
void eal_log_start(void);
// Ends it: later lines go where the EAL sends them by itself. What was kept stays until
// eal_log_free.
void eal_log_stop(void);
// Returns the kept lines, the oldest left out where there were too many; never NULL.
const char *eal_log_text(void);
void eal_log_free(void);
