#pragma once

// Applies a changed configuration file to a running poi-control. Network elements may be added;
// certificates, limits, paths, X1 timers, the log's level and what is allowed per element are
// applied. Every other key needs a restart and keeps its old value until then; each such difference
// is one log line.

#include "shared/config.h"

typedef void (*config_reload_say)(void *context, const char *line);

// Brings `fresh` into the shape that may take the place of `now`: the elements of `now` at their
// indices, one that was removed included, added ones behind them; what needs a restart has the old
// value. Nothing of `now` is changed. LIMIT (more elements than CONFIG_NES_MAX) or NOMEM.
[[nodiscard]] int config_reload_merge(
	const struct config *now, struct config *fresh, config_reload_say say, void *context);
// Exchanges the contents, so that pointers to `now` and its elements see the new values. The
// sections that poi-dataplane reads at its start stay with `now`.
void config_reload_exchange(struct config *now, struct config *fresh);
