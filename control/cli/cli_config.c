// `poi config`: the configuration as text.
#include "control/cli/cli.h"

int cli_config_dump(const struct cli_request *r)
{
	struct cli_request with = *r;

	if (r->operand)
		with.config = r->operand;
	struct config *c = cli_load(&with);
	if (!c)
		return CLI_USAGE;
	int rc = config_dump(c, stdout);
	config_free(c);
	return rc ? CLI_UNREACHABLE : CLI_OK;
}

int cli_config_describe(const struct cli_request *r)
{
	config_describe(stdout);
	return CLI_OK;
}
