#pragma once

// Between the parts that take GTPv2-C. A session is one PDN connection: on S11 all of a user's
// share the pair of control TEIDs and differ in the EBI of their default bearer. Nothing can be
// asked for by a session whose creation was missed (no identity, no PFCP), so there are no partial
// ones.

#include "dataplane/session/session_message_internal.h"

#define OF_A_USER_MAX 16u // PDN connections

// A message, and the datagram that it came in.
struct gtpv2_arrival {
	const struct signalling_packet *packet;
	const struct gtpv2_message *m;
};

// EBIs are sets of bits: 0 is none.
uint32_t gtpv2_ebi_bit(uint8_t ebi);
uint32_t gtpv2_ebis(struct sessions *st, const struct session *s); // of its bearers
// True if it may be the PDN connection with that default bearer; 0: any.
bool gtpv2_is_connection(struct sessions *st, const struct session *s, uint8_t linked);
// The end of a control tunnel.
struct gtpv2_end {
	bool up; // the server's
	const struct ip_address *address;
	uint32_t teid;
};
// Sessions of a control TEID at an address; with `ebis` only those that have one of the bearers.
// A user has no more than OF_A_USER_MAX: others are not followed, and have lost a message.
unsigned gtpv2_sessions_of(struct sessions *st, const struct gtpv2_end *end, uint32_t ebis,
	uint32_t out[OF_A_USER_MAX]);
// The request waits, of one session more.
void gtpv2_attach(struct sessions *st, struct transaction *t, uint32_t index, uint8_t missed);
// The control end that its owner at `sender` names: there, when it has no address.
struct f_seid gtpv2_control_of(const struct gtpv2_fteid *f, const struct ip_address *sender);
const struct gtpv2_fteid *gtpv2_control(const struct gtpv2_message *m, uint8_t instance);
bool gtpv2_from_server(uint8_t type); // a request that goes to the client

uint32_t gtpv2_node(struct sessions *st, const struct ip_address *a, bool create);
// Handles the sender's restart counters. `t`: the request that the message answers; NULL for a
// request.
void gtpv2_heartbeat(
	struct sessions *st, const struct gtpv2_arrival *in, const struct transaction *t);

// As pfcp_take_unread.
void gtpv2_take_unread(struct sessions *st, const struct gtpv2_arrival *in);

void gtpv2_take_response(
	struct sessions *st, const struct gtpv2_arrival *in, struct transaction *t);
