#pragma once

// `poi`: the program for people and scripts. Exit codes of every command.

#include <stdbool.h>

#include "shared/config.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_USAGE = 1,	     // usage, or a configuration that is not accepted
	CLI_UNREACHABLE = 2, // a process does not answer; audit verify: log or key not readable
	CLI_UNBALANCED = 3,  // the ledger's sums do not hold
	CLI_FINDINGS = 3,    // audit verify: the log is not whole
};

// `poi status`: asks both processes and prints, as JSON when asked.
int cli_status(const struct config *c, bool json);
// `poi audit verify`: checks the chain of an audit log. `default_file` is the configuration where
// none is named; it is read only for what the options leave out. Negative: not this command's
// usage.
int cli_audit(int argc, char **argv, const char *default_file);
