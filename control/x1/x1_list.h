#pragma once

// GetAllDetails, GetAllTaskDetails, GetAllDestinationDetails and ListAllDetails (TS 103 221-1
// clause 6.4): answers that grow with what is there. One at a time is written, in portions over
// many turns of the loop, while what is there may change: a task that is deactivated meanwhile is
// not listed. Together they hold at most limits.response octets; a list beyond it is answered 1000.

#include <event2/event.h>

struct exchange;
struct x1_message;

void x1_list_request(struct exchange *x, const struct x1_message *m);
// The event in which a portion is written; its context is the dispatcher.
void x1_on_list(evutil_socket_t fd, short what, void *dispatch);
