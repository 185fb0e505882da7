// Makes the box, and the IPIDs that it keeps.

#include "dataplane/builder/legacy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/capture/ipid.h"
#include "dataplane/deliver/deliver.h"
#include "shared/log.h"

#define NAME_SIZE (PDU_ID_MAX + 1)

struct box *legacy_new(
	const struct config *c, uint64_t worker_pool, uint64_t other_pool, uint64_t incarnation)
{
	uint32_t n = legacy_writers(c);
	struct box_plan *p = calloc(1, sizeof(*p));
	struct box *b = NULL;

	if (p) {
		box_plan_add(p, BOX_NAMES, 0, NAME_SIZE, n);
		task_counters_plan(p, n);
		deliver_plan(p, c->delivery.threads);
		for (uint32_t w = 0; w < n; w++)
			capture_plan(p, w, w < c->dataplane.n_workers ? worker_pool : other_pool);
		b = box_new(p, incarnation);
	}
	free(p);
	if (b)
		box_use(b, BOX_NAMES, 0, n);
	else
		log_error("box: cannot be created, a kill will lose queued content: %s",
			strerror(errno));
	return b;
}

// The name of this writer in a box, or NULL.
static char *name_of(const struct box *b, uint32_t writer)
{
	char *names = b ? box_part(b, BOX_NAMES, 0, NAME_SIZE, NULL) : NULL;

	return names ? names + (size_t)writer * NAME_SIZE : NULL;
}

int legacy_ipid(
	const struct config *c, struct box *b, uint32_t writer, uint64_t incarnation, char *out)
{
	uint32_t n = c->dataplane.n_workers;
	bool worker = writer < n;
	struct ipid_parts parts = {
		.point = c->delivery.interception_point,
		.worker = writer,
		.writer = worker	? NULL
			  : writer == n ? "a"
					: "e",
		.several_workers = n > 1 || !worker,
		.incarnation = incarnation,
	};
	int e = ipid_make(out, NAME_SIZE, c->delivery.ipid_format, &parts);
	char *name = name_of(b, writer);

	if (e == POI_OK && name)
		snprintf(name, NAME_SIZE, "%s", out);
	return e;
}

static bool same_names(const struct config *c, const struct box *old)
{
	uint64_t writers = 0;
	char ipid[NAME_SIZE];

	if (!box_part(old, BOX_NAMES, 0, NAME_SIZE, &writers) || writers != legacy_writers(c))
		return false;
	for (uint32_t w = 0; w < writers; w++)
		if (legacy_ipid(c, NULL, w, box_origin(old), ipid) != POI_OK ||
			strncmp(ipid, name_of(old, w), NAME_SIZE) != 0)
			return false;
	return true;
}

bool legacy_origin(const struct config *c, struct box *own, const struct box *old,
	struct capture *const *captures)
{
	char ipid[NAME_SIZE];
	struct pdu_origin origin;

	if (!own || !same_names(c, old))
		return false;
	for (uint32_t w = 0; w < legacy_writers(c); w++) {
		if (legacy_ipid(c, own, w, box_origin(old), ipid) != POI_OK ||
			pdu_origin_make(&origin, c->delivery.nf_identifier, ipid) != POI_OK)
			return false;
		capture_set_origin(captures[w], &origin);
	}
	box_set_origin(own, box_origin(old));
	return true;
}
