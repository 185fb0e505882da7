#pragma once

// `poi`: the program for people and scripts. Every command is a row of one table (cli_table.c),
// every option one of another (cli_options.c): parsing, help and completion come from there. It
// reads and never changes: over the channel it is an observer, which is given no target and can
// change nothing.

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "shared/config.h"

#define CLI_DEFAULT_FILE "/etc/poi/poi.yaml"

enum cli_exit { // of every command
	CLI_OK = 0,
	CLI_NOT_OK = 1,	     // what was looked at is not as it has to be
	CLI_USAGE = 2,	     // the command line, or a configuration that is not accepted
	CLI_UNREACHABLE = 3, // a process does not answer, or a file cannot be read
};

enum cli_option {
	OPTION_CONFIG,
	OPTION_JSON,
	OPTION_WATCH,
	OPTION_SECONDS,
	OPTION_COUNT,
	OPTION_FILE,
	OPTION_KEY,
	OPTION_HEAD,
	OPTION_READY,
	OPTION_COUNT_OF, // how many there are
};

struct cli_option_text {
	const char *name, *short_name; // "--config", "-c" or NULL
	const char *argument;	       // NULL: none
	bool may_lack;		       // the argument may be left out
	const char *help;
	bool is_file; // for completion
};
const struct cli_option_text *cli_option_text(enum cli_option o);

struct cli_command;

struct cli_request { // what was asked for on the command line
	const struct cli_command *commands; // all that there are, for completion
	size_t n_commands;
	bool given[OPTION_COUNT_OF];
	const char *value[OPTION_COUNT_OF];
	const char *operand; // NULL: none
	const char *config;  // the file: -c, else the default
};

struct cli_command {
	const char *name; // "status", "audit verify"
	const char *summary;
	unsigned options;    // 1 << enum cli_option
	const char *operand; // "FILE", "SHELL", "PROGRAM"; NULL: none is taken
	bool operand_needed;
	const char *help;			 // what it is for, and examples
	int (*run)(const struct cli_request *r); // enum cli_exit
};
const struct cli_command *cli_commands(size_t *n);

// cli_common.c Loads, or prints the reason on stderr and returns NULL.
struct config *cli_load(const struct cli_request *r);
// Seconds of an option, `otherwise` where it is not given. Negative: not a number above 0.
double cli_seconds(const struct cli_request *r, enum cli_option o, double otherwise);
// Rounds of a command that repeats itself: --count, else 0 (for ever) at a terminal and 1
// elsewhere. Negative: not a number.
long cli_rounds(const struct cli_request *r);
void cli_sleep(double seconds);
void cli_clear(void); // the screen, where stdout is a terminal

int cli_check(const struct cli_request *r);
int cli_status(const struct cli_request *r);
int cli_top(const struct cli_request *r);
int cli_health(const struct cli_request *r);
int cli_config_dump(const struct cli_request *r);
int cli_config_describe(const struct cli_request *r);
int cli_audit_verify(const struct cli_request *r);
int cli_bench(const struct cli_request *r);
int cli_version(const struct cli_request *r);
int cli_completion(const struct cli_request *r);
