// Hands header digests of one worker to the reporter.

#include "dataplane/capture/report_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct report_ring *report_ring_new(uint32_t records)
{
	struct report_ring *r = aligned_alloc(alignof(struct report_ring), sizeof(*r));

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->mask = records - 1;
	r->at = mmap(NULL, records * sizeof(*r->at), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->at == MAP_FAILED) {
		free(r);
		return NULL;
	}
	madvise(r->at, records * sizeof(*r->at), MADV_DONTDUMP); // addresses of users
	return r;
}

void report_ring_free(struct report_ring *r)
{
	if (!r)
		return;
	munmap(r->at, (r->mask + 1ul) * sizeof(*r->at));
	free(r);
}
