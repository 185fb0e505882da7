// Asks the kernel whether the system's clock is synchronised.

#include "dataplane/builder/clock_sync.h"

#include <sys/timex.h>

void clock_sync_read(struct clock_sync *out)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	*out = (struct clock_sync){.known = state >= 0};
	if (!out->known)
		return;
	out->synchronised = state != TIME_ERROR && !(t.status & STA_UNSYNC);
	out->offset_ns = t.offset * (t.status & STA_NANO ? 1 : 1000);
	out->error_ns = (uint64_t)t.maxerror * 1000;
}
