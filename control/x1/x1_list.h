#pragma once

// GetAllDetails, GetAllTaskDetails, GetAllDestinationDetails and ListAllDetails (TS 103 221-1
// clause 6.4): answers that grow with the number of objects. One list at a time is written, in
// portions over many event-loop iterations, while objects may change: a task deactivated during
// that time is not listed. All lists together hold at most limits.response bytes; a list beyond it
// is answered 1000.

#include <event2/event.h>

struct exchange;
struct x1_message;

void x1_list_request(struct exchange *x, const struct x1_message *m);
// Writes one portion. An event's callback; its context is the dispatcher.
void x1_on_list(evutil_socket_t fd, short what, void *dispatch);
