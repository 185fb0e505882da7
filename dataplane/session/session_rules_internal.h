#pragma once

// Messages onto rules.

#include "dataplane/session/session_selector_internal.h"
#include "dataplane/session/session_unpack_internal.h"

// A PFCP request, onto the unpacked session opened last. `response`: what failed is left out; NULL
// while it is not known.
void rules_ask(struct sessions *st, struct unpacked *u, const struct pfcp_message *request,
	const struct pfcp_message *response);
void rules_answer(struct sessions *st, struct rules *r, const struct pfcp_message *request,
	const struct pfcp_message *response);
// The F-TEID that the response gives for a PDR, or else a Traffic Endpoint. NULL: none.
const struct pfcp_fteid *rules_created(const struct pfcp_message *response, bool pdr, uint32_t id);
// One answer may stand for all that asked with the same CHOOSE ID in one message.
const struct pfcp_fteid *rules_created_for_group(const struct pfcp_message *request,
	const struct pfcp_message *response, uint8_t choose_id);
// True if the UPF was to choose an F-TEID, or a user's address, of a rule that is in `r`, and its
// response has none: the rule's packets are not known.
bool rules_untold(const struct rules *r, const struct pfcp_message *request,
	const struct pfcp_message *response);
// FQ-CSIDs and the data network's name of an unpacked session.
void rules_csids(struct sessions *st, struct unpacked *u, const struct span *csids, unsigned n);
void rules_dnn(struct sessions *st, struct unpacked *u, const struct span *name);
void rules_user(struct rules *r, const struct signalling_identity *user);

#define GTPV2_NOT_FOUND 64 // the cause Context Not Found
// GTPv2-C on rules. Without a response only what the request adds.
void rules_gtpv2(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response);
struct gtpv2_exchange {
	const struct gtpv2_message *request, *response; // response NULL: refused
};
// The answer to a request that was taken for accepted: what it gives is added, and what later
// requests changed stays.
void rules_gtpv2_late(struct sessions *st, const struct session *s, struct rules *r,
	const struct gtpv2_exchange *x);
// Applies an accepted message's identities of the user: the equipment, the number. The response may
// be NULL.
void rules_gtpv2_user(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response);
void rules_drop_bearer(struct rules *r, uint8_t ebi);
// False when the response refuses or removes that bearer.
bool rules_bearer_accepted(const struct gtpv2_message *response, uint8_t ebi);
// True if a bearer has no tunnel end of the server: its uplink is not known.
bool rules_gtpv2_untold(const struct rules *r);
void rules_gtpv2_handover(struct sessions *st, const struct session *s, struct rules *r);
bool gtpv2_accepted(const struct gtpv2_message *m);

// Keeps tunnels of the old rules that were left for another one for a while.
void rules_handover(struct sessions *st, const struct session *s, const struct selectors *before,
	struct rules *r);
void rules_add_linger(
	struct sessions *st, struct rules *r, uint32_t session, const struct selector *w);
bool rules_end_lingers(struct rules *r, uint64_t now_ns); // false: none has ended
