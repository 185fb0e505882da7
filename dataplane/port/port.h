#pragma once

// Ethernet devices: configured, started, and their queues dealt out to the workers. Setup and
// status only; workers use the lanes.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"
#include "dataplane/signalling/signalling_tap.h"
#include "shared/channel.h"
#include "shared/config.h"

// One receive queue as its worker sees it. Read-only after ports_open, but for two flags.
struct lane {
	uint16_t port, queue; // received here
	uint8_t place;	      // of the port in the configuration
	bool forward;	      // inline: every frame goes out of the peer
	bool spread;	      // users' packets go to the workers that they belong to
	uint8_t from_worker;  // of a lane behind a worker's own: which one polls it,
	uint16_t from_lane;   // and its place there
	// The device has gone: not to be polled, or nothing can be sent. Set once by ports_links.
	// Relaxed: ports_release waits for a quiescent state of every worker after it.
	_Atomic bool lost, tx_lost;
	uint16_t tx_port, tx_queue; // this worker's own transmit queue on the peer
	struct port_traits traits;
	struct signalling_shown signalling;
};

struct ports;

// Configures and starts every port of the configuration and deals its queues out. Each worker may
// hold `held` packets. NULL on failure; `why` names the port and the key to change. The EAL must be
// up.
struct ports *ports_open(
	const struct config_dataplane *config, uint32_t held, char *why, size_t why_size);
void ports_close(struct ports *p); // stops and closes the devices; workers have ended
// True when closing makes system calls that the sandbox punishes: net_af_xdp's bpf(). Once confined, such
// ports and the EAL are left to the kernel, which takes everything back when the process has ended, the XDP
// program included (xdp_link.h).
bool ports_close_forbidden(const struct ports *p);

const struct lane *ports_lanes(const struct ports *p, uint32_t worker, uint32_t *n);
// Behind those `n` lie so many more, which other workers poll and hand packets over from: their
// traits are of use, the rest is not.
uint32_t ports_lanes_handed(const struct ports *p, uint32_t worker);

// Packets of the port at `place` that were lost between workers, as counted since the start: they
// count as losses of the port (ports_losses). The same thread.
void ports_handover_full(struct ports *p, uint32_t place, uint64_t total);

uint32_t ports_count(const struct ports *p);

// Fills ports, port[] and adds imissed, nombuf and ierrors to packets. Not a worker.
void ports_status(struct ports *p, struct channel_status *out);

// Fills ports and port[] and each worker's CPU, memory node and number of queues. Not a worker.
void ports_workers(const struct ports *p, struct channel_workers *out);

// Takes an event of a port, complete but for its time.
typedef void (*port_report)(void *context, struct channel_event *e);

// Reports when a port begins to lose frames (PORT_LOSS), and when it has lost none for 5 seconds
// (PORT_CLEAR). Not a worker.
void ports_losses(struct ports *p, uint64_t now_ms, port_report report, void *context);

// Reports each port whose link went up or down since the last call (LINK_UP, LINK_DOWN); ports are
// taken to start with their link up. A kernel interface under the port must have its carrier. A
// port whose device has gone, or must be opened anew, is reported as LINK_DOWN for good and its
// lanes are marked lost. A port that refused promiscuous mode is reported once (PORT_DEAF). Not a
// worker.
void ports_links(struct ports *p, port_report report, void *context);

// Reports the current state of every port again. Not a worker.
void ports_conditions(struct ports *p, port_report report, void *context);

// Returns whether a device has gone that ports_release has not given back yet.
bool ports_lost(const struct ports *p);

// Stops and closes the ports whose devices have gone and gives the devices back to the kernel. To
// be called once every worker has passed a quiescent state since ports_lost returned true.
void ports_release(struct ports *p);

// Returns whether this process must end so that a new one can open a device again: one that had
// gone is back, or a driver wants its device to be opened anew. The sandbox forbids it to this one.
// `why` then names the port.
bool ports_reopen(struct ports *p, char *why, size_t why_size);
