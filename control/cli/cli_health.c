// `poi health`: asks one process whether it runs, and whether it does its work yet.
#include "control/cli/cli.h"

#include <string.h>

#include "control/cli/cli_peer.h"

int cli_health(const struct cli_request *r)
{
	bool dataplane = !strcmp(r->operand, "dataplane");
	bool asked = r->given[OPTION_READY], ready = false;

	if (!dataplane && strcmp(r->operand, "control") != 0) {
		fprintf(stderr,
			"poi: \"%.20s\" is no program of a POI: poi health control, or poi health "
			"dataplane\n",
			r->operand);
		return CLI_USAGE;
	}
	struct config *c = cli_load(r);
	if (!c)
		return CLI_USAGE;
	enum cli_peer_state state = cli_peer_health(c, dataplane, asked ? &ready : NULL);
	config_free(c);
	if (state != CLI_PEER_OURS)
		return CLI_UNREACHABLE;
	printf("poi-%s %s\n", r->operand, !asked ? "answers" : ready ? "is ready" : "is not ready");
	return asked && !ready ? CLI_UNREACHABLE : CLI_OK;
}
