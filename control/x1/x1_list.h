#pragma once

// GetAllDetails, GetAllTaskDetails, GetAllDestinationDetails and ListAllDetails (TS 103 221-1
// clause 6.4): answers that grow with what is there. One at a time is written, in portions over
// many turns of the loop, while what is there may change: a task that is deactivated meanwhile is
// not listed. Together they hold at most limits.response octets; a list beyond it is answered 1000.

#include <event2/event.h>

struct exchange;
struct x1_list;
struct x1_message;

void x1_list_request(struct exchange *x, const struct x1_message *m);
// Nothing is asked of the dataplane any more: TIME1 is over.
void x1_list_hurry(struct x1_list *l);
void x1_list_free(struct x1_list *l);
void x1_on_list(evutil_socket_t fd, short what, void *dispatch);
