// Makes the rings between the workers of these ports.

#include "dataplane/worker/handover.h"

#include <stdio.h>
#include <sys/random.h>

int handover_open(const struct ports *ports, const struct config_dataplane *d,
	struct handover **out, char *why, size_t why_size)
{
	struct handover_settings s = {.n_workers = d->n_workers, .mbufs = d->mbufs};
	uint32_t handed = 0;

	*out = NULL;
	for (uint32_t i = 0; i < d->n_workers; i++) {
		s.lanes[i] = ports_lanes(ports, i, &s.n_lanes[i]);
		s.n_handed[i] = ports_lanes_handed(ports, i);
		handed += s.n_handed[i];
	}
	if (handed == 0)
		return POI_OK;
	if (getrandom(s.seed, sizeof(s.seed), 0) != (ssize_t)sizeof(s.seed))
		return POI_ERR_IO;
	int e = handover_new(&s, out);
	if (e == POI_ERR_INVALID)
		snprintf(why, why_size,
			"spread: software over %u workers: %u packet buffers are too few, raise "
			"dataplane.mbufs",
			d->n_workers, d->mbufs);
	return e;
}
