#pragma once

// The listening end of the channel and the builder's loop: one thread that takes messages, applies
// them in batches, publishes once per batch, answers, and looks after deadlines, drains, folds,
// delivery's events, links and the ledger's self-check.

#include <stdint.h>

#include "dataplane/builder/builder.h"
#include "dataplane/builder/last_known.h"
#include "dataplane/builder/status.h"

struct server;

struct server_settings {
	const char *path;     // of the socket
	uint64_t incarnation; // this process's, random
	struct builder *builder;
	struct deliver *deliver;
	struct ports *ports;
	const struct box *box; // handed to the controller; NULL: nothing outlives the process
	// Takes over the IPIDs of an earlier process. False: sequence contexts begin anew.
	bool (*origin)(void *context, const struct box *old);
	struct last_known *last_known; // NULL: no counts outlive the process
	struct status_sources sources;
	void (*ready)(void *context); // once, when every worker polls
	// After each self-check that every worker has answered; `state` is a word or two about it.
	void (*alive)(void *context, const char *state);
	void (*reload)(void *context); // on SIGHUP, before the certificates are read again
	void *context;
};

// Listens at once. NULL on failure with `why`.
struct server *server_new(const struct server_settings *s, char *why, size_t why_size);
void server_free(struct server *s);

// Delivery has stopped: what was lost with that, by task and destination, is left for the next process
// to report. Call before server_free.
void server_stopped(struct server *s);

// Runs until SIGTERM or SIGINT comes out of `signal_fd` (a signalfd); SIGHUP reads certificates
// again. Returns 0, or AGAIN when the process must be started anew to open a port's device again.
[[nodiscard]] int server_run(struct server *s, int signal_fd);
