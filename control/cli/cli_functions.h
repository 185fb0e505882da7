#pragma once

// Network functions and their events, as `poi status` shows them.

#include "control/audit/json.h"
#include "shared/channel.h"

void cli_put_functions(struct json *j, const struct channel_functions *f); // object "events"
void cli_print_functions(const struct channel_functions *f); // nothing where none is configured
