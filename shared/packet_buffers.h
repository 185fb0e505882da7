#pragma once

// How many packet buffers a port needs, so that its queues can always receive. Pure: the dataplane
// makes its pools by it, and `poi check` reckons with it.

#include <stdint.h>

#include "shared/config.h"

struct packet_buffers {
	uint32_t receive_queues;
	uint32_t transmit_queues; // of the port that frames of this one leave through, 0 for a probe
	uint32_t descriptors;	  // of one queue
	uint32_t workers;
	uint32_t held; // packets that one worker holds for sessions about to be bound
	uint32_t rings; // on which workers hand its packets to each other
};

// Buffers that can be away at a time: in every descriptor, in the caches and bursts of the workers,
// held by them and in their rings. An eighth more is for what drivers keep. At least
// PACKET_BUFFERS_LEAST.
#define PACKET_BUFFERS_LEAST 4096u
#define PACKET_BUFFERS_HANDED 512u // in a ring from worker to worker, unless dataplane.mbufs is set
uint32_t packet_buffers_needed(const struct packet_buffers *p);

// Reckons what port `i` needs if its device has a queue for each worker.
uint32_t packet_buffers_reckon(const struct config *c, uint32_t i);
// dataplane.mbufs, or that where it is 0.
uint32_t packet_buffers_of_port(const struct config *c, uint32_t i);

// Packets that one worker may hold: none where no port shows signalling.
uint32_t packet_buffers_held(const struct config *c);
