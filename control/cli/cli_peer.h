#pragma once

// Both processes as `poi` sees them: an observer's questions over the channel, one after the other.
// Counts, states and identifiers only: the channel has no target values for observers.

#include "shared/channel.h"
#include "shared/config.h"

enum cli_peer_state {
	CLI_PEER_AWAY,	  // does not run: there is no socket, or nothing listens on it
	CLI_PEER_OURS,	  // runs and speaks our version of the channel
	CLI_PEER_FOREIGN, // runs with another version: see `software`
	CLI_PEER_DENIED,  // runs, and does not serve this user
	CLI_PEER_SILENT,  // runs, and has not answered in time
	CLI_PEER_BROKEN,  // none of these: memory, or an answer that cannot be read
};

struct cli_picture {
	bool dataplane, control; // answered; else their part is zero
	enum cli_peer_state dataplane_state, control_state;
	double seconds; // CLOCK_MONOTONIC when it was taken
	struct channel_status status;
	struct channel_workers workers;
	struct channel_signalling signalling;
	struct channel_functions functions;
	struct channel_control_status control_status;
	uint32_t n_destinations;
	struct channel_destination_status *destinations;
};

// Asks both. Why one does not answer goes to stderr unless `quiet`. Free with cli_picture_free.
void cli_picture_take(const struct config *c, bool quiet, struct cli_picture *out);
// The same with the ledger settled: in motion a sum may not hold for a moment, and only a
// difference that stays for some seconds is one.
void cli_picture_take_settled(const struct config *c, bool quiet, struct cli_picture *out);
void cli_picture_free(struct cli_picture *p);

// Asks one process, and nothing that grows with what it holds. `dataplane`: poi-dataplane, ready once its
// workers poll; else poi-control, ready once it holds all tasks and is connected to a dataplane. *ready
// may be NULL: it is only greeted. Why it does not answer goes to stderr.
enum cli_peer_state cli_peer_health(const struct config *c, bool dataplane, bool *ready);

// One word for a person: "running", "does not run" ...
const char *cli_peer_text(enum cli_peer_state s);
// Only greets: "dataplane.sock" or "control.sock".
enum cli_peer_state cli_peer_state(const struct config *c, const char *name, char software[32]);
