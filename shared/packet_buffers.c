// Reckons the packet buffers of a port.
#include "shared/packet_buffers.h"

#define BURST 32u
#define SEGMENTS 8u    // buffers of the longest frame
#define CACHE 384u     // of a worker: POOL_CACHE of dataplane/port, before it is flushed
#define FRAGMENTS 256u // of users' datagrams, held by a worker: FRAGMENT_DEFAULTS
#define RESERVE_SHARE 8u

uint32_t packet_buffers_needed(const struct packet_buffers *p)
{
	uint64_t n = (uint64_t)(p->receive_queues + p->transmit_queues) * p->descriptors;

	n += (uint64_t)p->workers * (BURST * SEGMENTS + CACHE + FRAGMENTS + p->held);
	n += n / RESERVE_SHARE;
	n += (uint64_t)p->rings * PACKET_BUFFERS_HANDED;
	if (n > UINT32_MAX)
		return UINT32_MAX;
	return n > PACKET_BUFFERS_LEAST ? (uint32_t)n : PACKET_BUFFERS_LEAST;
}

uint32_t packet_buffers_reckon(const struct config *c, uint32_t i)
{
	const struct config_dataplane *d = &c->dataplane;
	const struct packet_buffers p = {
		.receive_queues = d->n_workers,
		.transmit_queues = d->ports[i].mode == CONFIG_PORT_INLINE ? d->n_workers : 0,
		.descriptors = d->ports[i].descriptors,
		.workers = d->n_workers,
		.held = packet_buffers_held(c),
		.rings = d->ports[i].spread == CONFIG_SPREAD_SOFTWARE
				 ? d->n_workers * (d->n_workers - 1)
				 : 0,
	};

	return packet_buffers_needed(&p);
}

uint32_t packet_buffers_of_port(const struct config *c, uint32_t i)
{
	return c->dataplane.mbufs > 0 ? c->dataplane.mbufs : packet_buffers_reckon(c, i);
}

uint32_t packet_buffers_held(const struct config *c)
{
	return config_shows_signalling(&c->dataplane) ? c->signalling.early_packets : 0;
}
