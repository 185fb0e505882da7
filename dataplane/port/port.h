#pragma once

// Ethernet devices: configured, started, and their queues dealt out to the workers. Setup and
// status only; workers use the lanes.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "dataplane/signalling/signalling_tap.h"
#include "shared/channel.h"
#include "shared/config.h"

// One receive queue as its worker sees it. Read-only after ports_open.
struct lane {
	uint16_t port, queue;	    // received here
	bool forward;		    // inline: every frame goes out of the peer
	uint16_t tx_port, tx_queue; // this worker's own transmit queue on the peer
	struct port_traits traits;
	struct signalling_shown signalling;
};

struct ports;

// Configures and starts every port of the configuration and deals its queues out. NULL on failure;
// `why` says which port and what to change. The EAL must be up.
struct ports *ports_open(const struct config_dataplane *config, char *why, size_t why_size);
void ports_close(struct ports *p); // stops and closes the devices; workers have ended

const struct lane *ports_lanes(const struct ports *p, uint32_t worker, uint32_t *n);

// Fills ports, port[] and adds imissed and nombuf to packets. Not a worker.
void ports_status(const struct ports *p, struct channel_status *out);

// Fills ports and port[] and each worker's CPU, memory node and number of queues. Not a worker.
void ports_workers(const struct ports *p, struct channel_workers *out);

// Takes an event of a port, complete but for its time.
typedef void (*port_tell)(void *context, struct channel_event *e);

// Tells when a port begins to lose frames (PORT_LOSS), and when it has lost none for 5 seconds
// (PORT_CLEAR). Not a worker.
void ports_losses(struct ports *p, uint64_t now_ms, port_tell tell, void *context);

// Tells each port whose link went up or down since the last call (LINK_UP, LINK_DOWN); ports are
// taken to start with their link up. A kernel interface under the port must have its carrier. Not a
// worker.
void ports_links(struct ports *p, port_tell tell, void *context);

// Tells of each port how it is, good or bad, as far as the two above have told it. Not a worker.
void ports_conditions(const struct ports *p, port_tell tell, void *context);
