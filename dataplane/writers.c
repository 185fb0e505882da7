// Makes the writers of PDUs.

#include "dataplane/writers.h"

#include <stdio.h>

#include "dataplane/builder/legacy.h"

#define REPORT_RING 32768 // header digests of one worker

// The reporter and the functions have parts of their own, so that content never crowds reports out.
uint64_t writers_other_pool(const struct config_delivery *d)
{
	uint64_t part = d->buffer_total / 16;

	return part > SEGMENT_SIZE ? part : SEGMENT_SIZE;
}

int writers_budget(struct writers *w, const struct config *c)
{
	const struct config_delivery *d = &c->delivery;
	uint64_t others = writers_other_pool(d) * (legacy_writers(c) - c->dataplane.n_workers);
	uint64_t rest = d->buffer_total;

	if (rest >= 2 * others)
		rest -= others;
	w->budget = segment_budget_new(rest > SEGMENT_SIZE ? rest : SEGMENT_SIZE,
		c->dataplane.n_workers, d->threads + 1); // the builder gives back, too
	return w->budget ? POI_OK : POI_ERR_NOMEM;
}

uint64_t writers_pool(const struct writers *w)
{
	return (uint64_t)w->budget->segments * SEGMENT_SIZE;
}

static int open_one(struct writers *w, const struct writers_settings *with, uint32_t number,
	char *why, size_t why_size)
{
	const struct config_delivery *d = &with->config->delivery;
	bool worker = number < with->config->dataplane.n_workers;
	struct capture_settings s = {
		.worker = number,
		.pool_octets = worker ? writers_pool(w) : writers_other_pool(d),
		.budget = worker ? w->budget : NULL,
		.n_deliver = d->threads,
		.payload_format = d->payload_format,
		.attributes = (d->attributes.matched_target ? CAPTURE_MATCHED : 0) |
			      (d->attributes.addresses ? CAPTURE_ADDRESSES : 0),
		.max_header = (uint16_t)d->max_header,
		.xiri_release = d->xiri_release,
		.x2_only = !worker,
		.slots = with->slots->worker[number],
		.box = with->box,
	};
	char ipid[PDU_ID_MAX + 1];

	if (worker) {
		w->report_ring[number] = report_ring_new(REPORT_RING);
		if (!w->report_ring[number])
			return POI_ERR_NOMEM;
		s.reports = w->report_ring[number];
	}
	int e = legacy_ipid(with->config, with->box, number, with->incarnation, ipid);
	if (e == POI_OK)
		e = pdu_origin_make(&s.origin, d->nf_identifier, ipid);
	if (e != POI_OK) {
		snprintf(why, why_size,
			"delivery.nf-identifier, interception-point or ipid-format: %s",
			poi_error_text(e));
		return e;
	}
	w->capture[number] = capture_new(&s);
	return w->capture[number] ? POI_OK : POI_ERR_NOMEM;
}

int writers_open(struct writers *w, const struct writers_settings *s, char *why, size_t why_size)
{
	int e = POI_OK;

	for (uint32_t i = 0; i < legacy_writers(s->config) && e == POI_OK; i++)
		e = open_one(w, s, i, why, why_size);
	return e;
}

void writers_close(struct writers *w)
{
	for (uint32_t i = 0; i < SLOT_WRITERS_MAX; i++)
		capture_free(w->capture[i]);
	segment_budget_free(w->budget);
	for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++)
		report_ring_free(w->report_ring[i]);
}
