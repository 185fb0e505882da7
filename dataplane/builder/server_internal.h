#pragma once

// Inside the server. Its files, from the top: server.c has the loop and the clients,
// server_checks.c periodic checks, server_messages.c messages of clients, server_left.c the remains
// of a stop, server_events.c events to the controller. None calls one above it.

#include "dataplane/builder/client.h"
#include "dataplane/builder/clock_sync.h"
#include "dataplane/builder/server.h"

#define CLIENTS_MAX 32
#define BATCH 1024
#define EVENTS_KEPT 4096
#define CHECK_MS 1000 // between two self-checks, at least

#define TEXT_DIFFERS "the sums of the ledger differ; see poi status"
#define TEXT_BALANCES "the ledger balances again"
#define TEXT_OLD_TABLE "a worker matches with an old table"
#define TEXT_WRONG_TABLE "the match table differs from the tasks"
#define TEXT_RIGHT "the match table equals the tasks again"
#define TEXT_FRAGMENTS "fragments of tunnels are given up: packets in them are missed; see poi status"
#define TEXT_NO_FRAGMENTS "no fragments of tunnels given up for 5 seconds"

struct pending_ack {
	uint32_t request;
	int32_t result;
};

struct kept_event {
	uint32_t number; // in the order of the events
	bool sent;	 // to the controller that is connected
	bool left;	 // by an earlier process, in its file
	struct channel_event event;
};

struct server {
	struct server_settings with;
	int listener;
	uint64_t started_ms, links_ms, check_ms, check_every_ms, drain_ms;
	uint64_t control_incarnation; // of the last controller
	uint32_t n_clients;
	struct client *clients[CLIENTS_MAX];
	uint32_t n_acks;
	struct pending_ack acks[BATCH];
	uint32_t n_events, first_event; // kept until a controller has done what follows from them
	struct kept_event events[EVENTS_KEPT];
	uint32_t event_number;
	struct debounce ledger;		  // of the ledger
	struct debounce generation, scan; // what the workers match
	struct loss_debounce fragments;	  // of tunnels, given up while there are tasks
	struct clock_sync clock;	  // at the last look
	bool clock_bad;			  // not synchronised, then
	bool clock_pending;		  // not yet reported to a new controller
	bool ready;
	bool left; // the file of server_left.c is there, and not all is done that follows from its
		   // events
	bool reopen; // a new process must open a port's device
	uint8_t complete; // the controller's last value; unset at the start
	uint64_t scan_ms, losses_ms;
	uint64_t copies_lost;
	uint32_t task_events; // that may still be sent in this second
	uint8_t in[CHANNEL_MESSAGE_MAX];
	uint8_t out[CHANNEL_MESSAGE_MAX];
};

// server_checks.c
void server_check(struct server *s);
int server_wait_ms(const struct server *s); // until the next check

// server_messages.c
void server_read(struct server *s, struct client *c);
void server_stream(struct server *s, struct client *c); // goes on with the answer to STATE_GET

// server_left.c
void server_left_load(struct server *s);     // at the start: the events of the process before
void server_left_done(struct server *s);     // what follows from them is done

// server_events.c
struct client *server_controller(const struct server *s); // NULL: none is connected
// Keeps the event until a controller has done what follows from it, and sends it to the controller
// that has the state it asked for. The oldest goes first when too many are kept.
void server_event(struct server *s, const struct channel_event *e);
void server_keep_event(struct server *s, const struct channel_event *e); // not sent now
// Another controller is connected, which was sent nothing yet.
void server_events_unsent(struct server *s);
// The controller has done what follows from the events it was sent, up to `number`. Returns whether
// no event that an earlier process has left is kept any more.
bool server_events_done(struct server *s, uint32_t number);
void server_event_text(struct server *s, int kind, const char *text); // also to the log
// Sends those of one kind, or all (0), in their order, that were not sent to this controller.
void server_replay(struct server *s, struct client *c, uint8_t kind);
// The process's conditions are in no memo: a new controller is sent how they are now, good or bad,
// for what was kept for it is bounded. They go past what is kept, and fill nothing of it.
void server_conditions(struct server *s);
