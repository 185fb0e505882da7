#pragma once

// The connection to poi-events: messages in, answers out, never blocking for long.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/nf_event.h"

#define LINK_ANSWERS 256u // that wait for a peer that does not read

struct functions_link {
	char path[108]; // of poi-events' socket
	uid_t uid;	// that poi-events has
	struct nf_hello hello;
	int fd;		  // -1: none
	uint64_t next_ms; // no attempt before
	bool silent;	  // that it is away has been logged
	uint32_t first, n_unsent;
	struct nf_answer unsent[LINK_ANSWERS];
};

// Connects and greets where there is no connection, at most once a second. True: it has one anew.
bool link_connect(struct functions_link *l, uint64_t now_ms);
void link_close(struct functions_link *l);
// One message: its octets, 0 when none waits, or a negative enum poi_error: then it is closed.
int link_receive(struct functions_link *l, uint8_t *out, size_t capacity);
// There is room, by link_room called before.
void link_answer(struct functions_link *l, const struct nf_answer *a);
// Sends what waits. The answers that there is room for; 0 while the peer does not read.
uint32_t link_room(struct functions_link *l);
