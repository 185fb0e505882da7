// Tests how many packet buffers a port gets.

#include "shared/packet_buffers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static uint32_t needed(
	uint32_t receive, uint32_t transmit, uint32_t descriptors, uint32_t workers, uint32_t held)
{
	return packet_buffers_needed(&(struct packet_buffers){.receive_queues = receive,
		.transmit_queues = transmit,
		.descriptors = descriptors,
		.workers = workers,
		.held = held});
}

// Every descriptor can have a buffer while each worker holds all that it may.
Test(packet_buffers, queues_never_starve)
{
	static const uint32_t workers[] = {1, 2, 4, 16, 32},
			      descriptors[] = {64, 1024, 4096, 32768};

	for (size_t w = 0; w < sizeof(workers) / sizeof(workers[0]); w++)
		for (size_t d = 0; d < sizeof(descriptors) / sizeof(descriptors[0]); d++)
			for (uint32_t held = 0; held <= 4096; held += 2048) {
				uint32_t n = workers[w],
					 inline_ = needed(n, n, descriptors[d], n, held);
				cr_expect_geq(inline_,
					2 * n * descriptors[d] + n * (32 + 384 + 256 + held));
				cr_expect_leq(needed(n, 0, descriptors[d], n, held), inline_);
			}
	cr_expect_eq(needed(1, 0, 64, 1, 0), PACKET_BUFFERS_LEAST);
	cr_expect_eq(needed(65535, 65535, 32768, 32, 4096), UINT32_MAX);
}

Test(packet_buffers, the_configuration_wins)
{
	struct config *c = calloc(1, sizeof(*c));

	cr_assert_not_null(c);
	c->dataplane.n_workers = 16;
	c->dataplane.n_ports = 2;
	c->dataplane.ports[0].mode = CONFIG_PORT_INLINE;
	c->dataplane.ports[0].descriptors = c->dataplane.ports[1].descriptors = 1024;
	c->signalling.early_packets = 512;
	// Sixteen queues each way; 16384 buffers would all lie in the receive queues.
	cr_expect_gt(packet_buffers_of_port(c, 0), 32768);
	cr_expect_gt(packet_buffers_of_port(c, 1), 16384);
	cr_expect_lt(packet_buffers_of_port(c, 1), packet_buffers_of_port(c, 0) - 16384);
	cr_expect_eq(packet_buffers_held(c), 0);
	uint32_t without = packet_buffers_of_port(c, 1);
	c->dataplane.ports[1].n_signalling = 1;
	cr_expect_eq(packet_buffers_held(c), 512);
	cr_expect_geq(packet_buffers_of_port(c, 1), without + 16 * 512);
	c->dataplane.mbufs = 2048;
	cr_expect_eq(packet_buffers_of_port(c, 0), 2048);
	free(c);
}
