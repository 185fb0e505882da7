#pragma once

// `poi`: the program for people and scripts. Exit codes of every command.

#include <stdbool.h>

#include "shared/config.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_USAGE = 1,	     // usage, or a configuration that is not accepted
	CLI_UNREACHABLE = 2, // a process does not answer
	CLI_UNBALANCED = 3,  // the ledger's sums do not hold
};

// `poi status`: asks both processes and prints, as JSON when asked.
int cli_status(const struct config *c, bool json);
