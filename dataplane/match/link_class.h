#pragma once

// Decision 5: the same packet passes several links; a task is bound to one class of them.

#include <stdbool.h>
#include <stdint.h>

#include "shared/config.h"
#include "shared/filter.h"

struct links {
	uint8_t classes; // bit per enum config_link that some port has
	uint8_t tunnel;	 // of them, those with a port that looks into GTP-U
	bool plain;	 // some port without a class does not
};

struct links links_of(const struct config_dataplane *config);

// Bits of the classes that a task with this filter is bound to; 0 (any) when there is only one class.
// Addresses, ports and MACs: the first of N6, N3, N9 that is there; tunnel identifiers: the first of
// N3, N9, N6 among the tunnel ports. Ports of class `other` always belong to it.
uint8_t links_bind(const struct links *l, const struct filter *f);
// The same for one way in which a session's packets can be told: a tunnel seen on `link`, or a
// user's address (N6). The first of N6, N3, N9 that is there, each way on its own class; a task
// about `tunnels` (a direction, or rules where links_tunnels) leaves out N6. On ports of class
// `other` tunnels of N3, and addresses (match_rule leaves them to the tunnels where a port looks
// into those). 0: the task does not look at that way.
uint8_t links_bind_session(const struct links *l, bool tunnel, uint8_t link, bool tunnels);
// Some port shows the tunnels of users. To which rule (PDR) a packet belongs is known there, with
// the tunnel end and the QFI; behind the UPF only some of it.
bool links_tunnels(const struct links *l);
