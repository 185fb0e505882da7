#pragma once

// The connection of poi-dataplane (shared/nf_event.h): it connects, we listen.

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/nf_event.h"

struct link;

// Listens on <folder>/dataplane.sock for a peer of that user. NULL with errno.
struct link *link_new(const char *folder, uid_t dataplane);
void link_free(struct link *l);

int link_listener(const struct link *l);
int link_fd(const struct link *l); // -1: it is not connected
// Takes a connection that waits. True if there is a new one: the dataplane was started anew, and
// all that an earlier connection had in hand is lost.
bool link_accept(struct link *l);
void link_close(struct link *l);
// True from the hello on.
bool link_ready(const struct link *l);
const struct nf_hello *link_hello(
	const struct link *l); // the last one, of an earlier connection too; NULL: none yet

// 0: sent, or kept until the dataplane takes more; AGAIN: one is kept already, and nothing was
// done; TOO_LARGE: longer than a message; CLOSED: without a connection, which is closed when it
// breaks.
[[nodiscard]] int link_event(struct link *l, const struct nf_event *e);
// Sent, or kept behind what is kept already; nothing without a hello. A new connection begins anew.
void link_function(struct link *l, uint16_t function, enum nf_state state);
bool link_waits(const struct link *l); // messages are kept; link_flush sends them where that can be
void link_flush(struct link *l);
// The next message. HELLO: link_hello has it. 0: none waits; CLOSED as above.
enum link_message { LINK_NOTHING, LINK_HELLO, LINK_ANSWER, LINK_CLOSED };
enum link_message link_take(struct link *l, struct nf_answer *answer);
