#include "dataplane/match/match.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/match/match_many_internal.h"

struct match_many *match_many_new(void)
{
	return calloc(1, sizeof(struct match_many));
}

void match_many_free(struct match_many *m)
{
	free(m);
}
