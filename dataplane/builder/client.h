#pragma once

// One connection of the channel, seen from the listening side: what waits to be sent, and how far
// its conversation has come.

#include <sys/queue.h>

#include "dataplane/tasks/state.h"
#include "shared/channel.h"

struct outgoing;

struct client {
	int fd;
	int box;      // that came with its HELLO; -1: none
	uint8_t role; // enum channel_role; 0 before its HELLO
	bool gone; // it reads no more; its earlier messages are still carried out
	bool dead;    // to be closed by the server
	bool closing; // close when everything is sent (after HELLO_REFUSED)
	uint64_t opened_ms;
	STAILQ_HEAD(, outgoing) outgoing; // what waits to be sent
	size_t queued;			  // octets
	bool streaming;			  // a STATE_GET is being answered
	// it was answered: the peer has the objects that events name
	bool informed;
	struct state_stream stream;
};

struct client *client_new(int fd, uint64_t now_ms); // takes the descriptor; NULL: no memory, closed
void client_free(struct client *c);

// Sends, or keeps a copy when the socket is full. A peer that lets more wait than its role is
// allowed is marked dead; one that has gone gets nothing more. `length` <= 0 is an encoding error and
// marks it dead as well.
void client_send(struct client *c, const uint8_t *datagram, int length);
void client_flush(struct client *c);	   // sends what waits
bool client_waits(const struct client *c); // something waits to be sent
