#pragma once

// Decision 5: the same packet passes several links; a task is bound to one class of them.

#include <stdbool.h>
#include <stdint.h>

#include "shared/config.h"
#include "shared/filter.h"

struct link_classes {
	uint8_t classes; // bit per enum config_link that some port has
	uint8_t tunnel;	 // of them, those with a port that looks into GTP-U
	bool plain;	 // some port without a class does not
};

struct link_classes link_classes_of(const struct config_dataplane *config);

// Bits of the classes that a task with this filter is bound to; 0 (any) when there is only one class.
// Addresses, ports and MACs: the first of N6, N3, N9 that is there; tunnel identifiers: the first of
// N3, N9, N6 among the tunnel ports. Ports of class `other` always belong to it.
uint8_t link_class_bind(const struct link_classes *l, const struct filter *f);
// The same for one criterion of several of which any is enough, all of one class, so that each
// packet is seen once: `tunnels` is true if one of them is a tunnel identifier.
uint8_t link_class_bind_any(const struct link_classes *l, bool tunnels);
// The same for one selector of a session's packets: a tunnel named on `link`, or a user's address
// (N6). Addresses where N6 is there, else tunnels; a task about `tunnels` (a direction, or rules
// where link_class_tunnels) leaves out N6. A tunnel's end is one wherever it is seen: on all ports
// that look into tunnels, whatever link a message names; beside N6 on those of class `other`
// tunnels of N3. There addresses too (match_rule leaves them to the tunnels where a port looks into
// those). 0: the task does not read that selector.
uint8_t link_class_bind_session(const struct link_classes *l, bool tunnel, uint8_t link, bool tunnels);
// A session with tunnels of N3 and of N9 is followed by those of this link, so that each packet is
// delivered once: N9 where no port of N3 shows tunnels and one of N9 does, else N3.
uint8_t link_class_first(const struct link_classes *l);
// Some port shows the tunnels of users. To which rule (PDR) a packet belongs is known there, with
// the tunnel end and the QFI; behind the UPF only some of it.
bool link_class_tunnels(const struct link_classes *l);
