#pragma once

// Reads from an event's record the identities of the user, and how its PDU session is bound. Pure
// functions; results point into the tree.

#include "dataplane/functions/identity.h"
#include "dataplane/functions/record_tree.h"
#include "dataplane/session/session.h"
#include "shared/pdu.h"

// The effect of a record on the session or registration that its event names.
enum record_effect {
	EFFECT_NONE,	// it concerns one, or none
	EFFECT_BEGINS,	// all of it is in the record
	EFFECT_CHANGES, // the record has what is new
	EFFECT_ENDS,
	EFFECT_MESSAGE, // a short message, named for its report
	EFFECT_REPORT,	// the report of that message
};
enum record_effect record_effect(unsigned kind);
// A start of interception, which no function makes.
bool record_is_start(unsigned kind);

// The users that the record is of: of a short message the party that its direction names
// (TS 33.128 clause 6.2.5.3, note 4).
void event_identities(unsigned kind, const struct record_node *record, struct identities *out);
// Direction in the header of the record's PDU (enum pdu_direction); `given`: the event's, or 0.
uint8_t event_direction(unsigned kind, const struct record_node *record, uint8_t given);
#define SESSION_EVENT_DNN 255u // octets of a DNN
// Fills user, DNN, addresses and tunnels from a session's members.
void event_session(const struct record_node *record, struct session_event *out);
