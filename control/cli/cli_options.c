// Every option of `poi`, as help, completion and the parser read it.
#include "control/cli/cli.h"

static const struct cli_option_text options[OPTION_COUNT_OF] = {
	[OPTION_CONFIG] = {"--config", "-c", "FILE", false,
		"the configuration, else " CLI_DEFAULT_FILE, true},
	[OPTION_JSON] = {"--json", NULL, NULL, false, "for programs: one JSON object", false},
	[OPTION_WATCH] = {"--watch", NULL, "SECONDS", true,
		"again and again with rates, every 2 seconds", false},
	[OPTION_SECONDS] = {"--seconds", NULL, "SECONDS", false, "how long to look", false},
	[OPTION_COUNT] = {"--count", NULL, "N", false,
		"rounds, else without end at a terminal and 1 elsewhere", false},
	[OPTION_FILE] = {"--file", NULL, "LOG", false, "the log, else the configuration's", true},
	[OPTION_KEY] = {"--key", NULL, "FILE", false,
		"the chain's root key, else the configuration's", true},
	[OPTION_HEAD] = {"--head", NULL, "HEX", false,
		"a head that the journal noted: must be the MAC of a line", false},
	[OPTION_READY] = {"--ready", NULL, NULL, false, "also: does it do its work yet?", false},
};

const struct cli_option_text *cli_option_text(enum cli_option o)
{
	return &options[o];
}
