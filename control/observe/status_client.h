#pragma once

// Looks at the dataplane as an observer does (`poi status`), on the event loop: connects, asks for
// STATUS, WORKERS, SIGNALLING, FUNCTIONS and every DESTINATION_STATUS, adds the destinations up, and closes. A
// connection of its own, so that a look never stands before a task in the controller's queue.

#include <event2/event.h>

#include "shared/channel.h"

#define STATUS_CLIENT_STATES (DESTINATION_DRAINING + 1)

struct observation {
	bool reached; // else all the rest is zero
	struct channel_status status;
	struct channel_workers workers;
	struct channel_signalling signalling;
	struct channel_functions functions;
	struct { // destinations by state
		uint32_t n;
		uint64_t queued, queued_octets;
	} destination[STATUS_CLIENT_STATES];
	uint32_t settle[2]; // destinations, by enum config_settle
	uint64_t odd_acks;  // summed over the destinations, as all below
	uint64_t connections, connected;
	uint32_t ends[STATUS_CLIENT_STATES]; // members of redundant sets by state
};

struct status_client;

// Called once for each status_client_ask, never from inside it; `o` is valid during the call.
typedef void (*status_client_done)(void *context, const struct observation *o);

// Asks the dataplane that listens in `runtime_dir`. NULL: no memory.
struct status_client *status_client_new(
	struct event_base *base, const char *runtime_dir, status_client_done done, void *context);
void status_client_free(struct status_client *o); // without calling back
// Starts a look; does nothing while one is under way. It ends within 2 s, then without the
// dataplane.
void status_client_ask(struct status_client *o);
