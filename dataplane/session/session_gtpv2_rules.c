// Applies GTPv2-C messages to the rules of a session.

#include "dataplane/session/session_rules_internal.h"

#include <string.h>

// Interface types (TS 29.274 clause 8.22) of the access side: a bearer has one such end, of
// whichever type, and Release Access Bearers clears it.
static bool is_access(uint8_t interface)
{
	return interface == 0 || interface == 2 || interface == 15 || interface == 38;
}

bool gtpv2_accepted(const struct gtpv2_message *m)
{
	return m->cause >= 16 && m->cause < 64;
}

static bool bearer_accepted(const struct gtpv2_bearer *b)
{
	return b->cause < 64;
}

const struct rule_bearer *rules_bearer(const struct rules *r, uint8_t ebi)
{
	for (unsigned i = 0; i < r->n_bearers; i++)
		if (r->bearer[i].ebi == ebi)
			return &r->bearer[i];
	return NULL;
}

static struct rule_bearer *take_bearer(struct rules *r, uint8_t ebi)
{
	struct rule_bearer *b = (struct rule_bearer *)rules_bearer(r, ebi);

	if (b)
		return b;
	if (r->n_bearers == RULES_BEARERS_MAX) {
		r->overflow = true;
		return NULL;
	}
	b = &r->bearer[r->n_bearers++];
	*b = (struct rule_bearer){.ebi = ebi};
	return b;
}

void rules_drop_bearer(struct rules *r, uint8_t ebi)
{
	const struct rule_bearer *b = rules_bearer(r, ebi);

	if (!b)
		return;
	unsigned i = (unsigned)(b - r->bearer);
	r->n_bearers--;
	memmove(&r->bearer[i], &r->bearer[i + 1], (r->n_bearers - i) * sizeof(r->bearer[0]));
}

static bool same_place(uint8_t a, uint8_t b)
{
	return a == b || (is_access(a) && is_access(b));
}

// A bearer has one tunnel end of each interface type, and one on the access side.
static void set_ends(struct rules *r, struct rule_bearer *b, const struct gtpv2_bearer *m)
{
	for (unsigned i = 0; i < m->n_ends; i++) {
		unsigned at = 0;
		while (at < b->n_ends && !same_place(b->end[at].interface, m->end[i].interface))
			at++;
		if (at == GTPV2_ENDS_MAX) {
			r->overflow = true;
			continue;
		}
		if (at == b->n_ends)
			b->n_ends++;
		b->end[at].interface = m->end[i].interface;
		b->end[at].end = m->end[i].end;
	}
}

static const struct gtpv2_bearer *answer_for(const struct gtpv2_message *response, uint8_t ebi)
{
	for (unsigned i = 0; response && i < response->n_bearers; i++)
		if (!response->bearer[i].removed && response->bearer[i].ebi == ebi)
			return &response->bearer[i];
	return NULL;
}

// A bearer that the server does not have any more, though it was asked for or changed (TS 29.274
// clauses 7.2.2 and 7.2.8).
static bool is_removed(const struct gtpv2_message *response, uint8_t ebi)
{
	for (unsigned i = 0; response && i < response->n_bearers; i++)
		if (response->bearer[i].removed && response->bearer[i].ebi == ebi)
			return true;
	return false;
}

bool rules_bearer_accepted(const struct gtpv2_message *response, uint8_t ebi)
{
	const struct gtpv2_bearer *a = answer_for(response, ebi);

	return (!a || bearer_accepted(a)) && !is_removed(response, ebi);
}

// ---- one message each ----

static void create_session(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response)
{
	for (unsigned i = 0; i < request->n_bearers; i++) {
		const struct gtpv2_bearer *m = &request->bearer[i];
		if (m->removed || !rules_bearer_accepted(response, m->ebi))
			continue;
		struct rule_bearer *b = take_bearer(r, m->ebi);
		if (b)
			set_ends(r, b, m);
	}
	// also of a bearer that could not be read in the request
	for (unsigned i = 0; response && i < response->n_bearers; i++) {
		const struct gtpv2_bearer *a = &response->bearer[i];
		if (a->removed || !a->has_ebi || !bearer_accepted(a))
			continue;
		struct rule_bearer *b = take_bearer(r, a->ebi);
		if (b)
			set_ends(r, b, a);
	}
	// an address that is only asked for is not the user's when what was given cannot be read
	const bool given = response && (response->has_ue4 || response->has_ue6 ||
					       response->broken & SIGNALLING_BROKEN_SESSION);
	const struct gtpv2_message *from = given ? response : request;
	if (from->has_ue4 || from->has_ue6)
		r->n_ue = 0;
	if (from->has_ue4)
		r->ue[r->n_ue++] = from->ue4;
	if (from->has_ue6)
		r->ue[r->n_ue++] = from->ue6;
}

static void modify_bearer(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response)
{
	for (unsigned i = 0; i < request->n_bearers; i++) {
		const struct gtpv2_bearer *m = &request->bearer[i];
		struct rule_bearer *b = (struct rule_bearer *)rules_bearer(r, m->ebi);
		const struct gtpv2_bearer *a = answer_for(response, m->ebi);
		if (a && a->cause == GTPV2_NOT_FOUND)
			rules_drop_bearer(r, m->ebi);
		if (!b || (a && !bearer_accepted(a)))
			continue;
		if (!m->removed && !is_removed(response, m->ebi))
			set_ends(r, b, m);
		else if (response)
			rules_drop_bearer(r, m->ebi);
	}
	for (unsigned i = 0; response && i < response->n_bearers; i++) {
		const struct gtpv2_bearer *a = &response->bearer[i];
		struct rule_bearer *b = (struct rule_bearer *)rules_bearer(r, a->ebi);
		if (a->removed)
			rules_drop_bearer(r, a->ebi);
		else if (b && bearer_accepted(a))
			set_ends(r, b, a);
	}
}

static bool has_end(const struct rule_bearer *b, const struct gtpv2_bearer *m)
{
	for (unsigned i = 0; i < b->n_ends; i++)
		for (unsigned j = 0; j < m->n_ends; j++)
			if (b->end[i].interface == m->end[j].interface &&
				tunnel_end_same(&b->end[i].end, &m->end[j].end))
				return true;
	return false;
}

static bool same_end(const struct gtpv2_bearer *a, const struct gtpv2_bearer *b)
{
	for (unsigned i = 0; i < a->n_ends; i++)
		for (unsigned j = 0; j < b->n_ends; j++)
			if (a->end[i].interface == b->end[j].interface &&
				a->end[i].end.teid == b->end[j].end.teid)
				return true;
	return false;
}

// While a bearer has no EBI it has one that cannot be.
#define NO_EBI 0x80u

static struct rule_bearer *take_nameless(struct rules *r, const struct gtpv2_bearer *m)
{
	uint8_t ebi = NO_EBI;

	for (unsigned i = 0; i < r->n_bearers; i++)
		if (r->bearer[i].ebi >= NO_EBI && has_end(&r->bearer[i], m))
			return &r->bearer[i];
	while (rules_bearer(r, ebi))
		ebi++; // there are fewer bearers than EBIs
	return take_bearer(r, ebi);
}

static void drop_nameless(struct rules *r, const struct gtpv2_bearer *m)
{
	for (unsigned i = r->n_bearers; i-- > 0;)
		if (r->bearer[i].ebi >= NO_EBI && has_end(&r->bearer[i], m))
			rules_drop_bearer(r, r->bearer[i].ebi);
}

// Finds the bearer of the answer that was asked for in place `i`: by its ends, else by its place,
// unless it is another one by its ends.
static const struct gtpv2_bearer *created_for(
	const struct gtpv2_message *request, const struct gtpv2_message *response, unsigned i)
{
	for (unsigned j = 0; response && j < response->n_bearers; j++)
		if (same_end(&request->bearer[i], &response->bearer[j]))
			return &response->bearer[j];
	if (!response || i >= response->n_bearers)
		return NULL;
	for (unsigned j = 0; j < request->n_bearers; j++)
		if (same_end(&request->bearer[j], &response->bearer[i]))
			return NULL;
	return &response->bearer[i];
}

// The client gives the bearers their EBIs, and identifies each by the server's own tunnel end.
static void create_bearer(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response)
{
	for (unsigned i = 0; i < request->n_bearers; i++) {
		const struct gtpv2_bearer *m = &request->bearer[i];
		const struct gtpv2_bearer *a = created_for(request, response, i);
		if (response && (!a || !bearer_accepted(a)))
			continue;
		struct rule_bearer *b = a ? take_bearer(r, a->ebi) : take_nameless(r, m);
		if (b)
			set_ends(r, b, m);
		if (b && a)
			set_ends(r, b, a);
	}
}

static bool names_ebi(const struct gtpv2_message *m, uint8_t ebi)
{
	for (unsigned i = 0; i < m->n_ebis; i++)
		if (m->ebi[i] == ebi)
			return true;
	return false;
}

// Releases all bearers when none is named.
static void release_access(struct rules *r, const struct gtpv2_message *request)
{
	for (unsigned i = 0; i < r->n_bearers; i++) {
		struct rule_bearer *b = &r->bearer[i];
		unsigned n = 0;
		if (request->n_ebis && !names_ebi(request, b->ebi))
			continue;
		for (unsigned j = 0; j < b->n_ends; j++)
			if (!is_access(b->end[j].interface))
				b->end[n++] = b->end[j];
		b->n_ends = (uint8_t)n;
	}
}

static void delete_bearer(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response)
{
	for (unsigned i = 0; i < request->n_ebis; i++) {
		const struct gtpv2_bearer *a = answer_for(response, request->ebi[i]);
		if (!a || bearer_accepted(a) || a->cause == GTPV2_NOT_FOUND)
			rules_drop_bearer(r, request->ebi[i]);
	}
}

void rules_gtpv2(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response)
{
	switch (request->type) {
	case GTPV2_CREATE_SESSION_REQUEST:
		create_session(r, request, response);
		break;
	case GTPV2_MODIFY_BEARER_REQUEST:
	case GTPV2_MODIFY_ACCESS_REQUEST:
	case GTPV2_UPDATE_BEARER_REQUEST: // on S4 its answer may name other ends
		modify_bearer(r, request, response);
		break;
	case GTPV2_CREATE_BEARER_REQUEST:
		create_bearer(r, request, response);
		break;
	case GTPV2_RELEASE_ACCESS_REQUEST:
		if (response)
			release_access(r, request);
		break;
	case GTPV2_DELETE_BEARER_REQUEST:
		if (response)
			delete_bearer(r, request, response);
		break;
	default:
		break;
	}
}

void rules_gtpv2_user(
	struct rules *r, const struct gtpv2_message *request, const struct gtpv2_message *response)
{
	struct signalling_identity user = {};

	if (request->type != GTPV2_MODIFY_BEARER_REQUEST)
		return;
	user.imei = request->user.imei;
	if (response)
		user.msisdn = response->user.msisdn;
	rules_user(r, &user);
}

// Those where a server takes the uplink: of the SGW on S11; on S5/S8 and what is like it, of the
// PGW too.
static bool is_server(uint8_t interface, enum session_kind kind)
{
	bool pgw = interface == 5 || interface == 33 || interface == 37;

	return interface == 1 || interface == 3 || interface == 16 || interface == 39 ||
	       (pgw && kind == KIND_S5);
}

bool rules_gtpv2_untold(const struct rules *r)
{
	for (unsigned i = 0; i < r->n_bearers; i++) {
		const struct rule_bearer *b = &r->bearer[i];
		bool told = false;
		for (unsigned j = 0; j < b->n_ends; j++)
			told = told || is_server(b->end[j].interface, r->kind);
		if (!told)
			return true;
	}
	return false;
}

static void keep_ends(struct rules *r, const struct rules *of)
{
	for (unsigned i = 0; i < of->n_bearers; i++) {
		struct gtpv2_bearer m = {};
		const struct rule_bearer *b = &of->bearer[i];
		struct rule_bearer *n = (struct rule_bearer *)rules_bearer(r, b->ebi);
		for (unsigned j = 0; j < b->n_ends; j++) {
			m.end[m.n_ends].interface = b->end[j].interface;
			m.end[m.n_ends++].end = b->end[j].end;
		}
		if (n)
			set_ends(r, n, &m);
	}
}

void rules_gtpv2_late(struct sessions *st, const struct session *s, struct rules *r,
	const struct gtpv2_exchange *x)
{
	const struct gtpv2_message *request = x->request, *response = x->response;
	struct unpacked *now;

	switch (request->type) {
	case GTPV2_CREATE_SESSION_REQUEST:
		if (!response)
			break;
		now = unpack_open(st, s);
		create_session(r, request, response);
		keep_ends(r, &now->rules);
		unpack_close(st, now);
		break;
	case GTPV2_CREATE_BEARER_REQUEST:
		for (unsigned i = 0; i < request->n_bearers; i++)
			drop_nameless(r, &request->bearer[i]);
		if (response)
			create_bearer(r, request, response);
		break;
	case GTPV2_DELETE_BEARER_REQUEST:
		if (response)
			rules_gtpv2(r, request, response);
		break;
	default: // a later one set the tunnels' ends anew
		break;
	}
}

static void linger_end(
	struct sessions *st, struct rules *r, uint32_t session, const struct tunnel_end *end)
{
	struct selectors *gone = selectors_open(st);
	struct unpacked *u = unpack_new(st, r->kind);
	struct rules *one = &u->rules;

	one->n_bearers = 1;
	one->bearer[0] = (struct rule_bearer){.n_ends = 1};
	one->bearer[0].end[0].end = *end;
	selectors_of(one, gone);
	for (uint32_t i = 0; i < gone->n; i++)
		rules_add_linger(st, r, session, &gone->selector[i]);
	unpack_close(st, u);
	selectors_close(st, gone);
}

// A bearer whose access end moved keeps the old one for a while.
void rules_gtpv2_handover(struct sessions *st, const struct session *s, struct rules *r)
{
	struct unpacked *u = unpack_open(st, s);
	const struct rules *old = &u->rules;

	for (unsigned i = 0; i < old->n_bearers; i++) {
		const struct rule_bearer *b = &old->bearer[i], *n = rules_bearer(r, b->ebi);
		for (unsigned j = 0; n && j < b->n_ends; j++)
			for (unsigned k = 0; k < n->n_ends; k++)
				if (is_access(b->end[j].interface) &&
					is_access(n->end[k].interface) &&
					!tunnel_end_same(&n->end[k].end, &b->end[j].end))
					linger_end(st, r, s->index, &b->end[j].end);
	}
	// what came back is no left tunnel
	struct selectors *now = selectors_open(st);
	uint8_t lingers = r->n_lingers;
	r->n_lingers = 0;
	selectors_of(r, now);
	for (unsigned i = 0; i < lingers; i++) {
		const struct rule_linger l = r->linger[i];
		struct selector x = {.kind = BINDING_TUNNEL, .teid = l.teid, .prefix = l.prefix};
		if (!selectors_find(now, &x))
			r->linger[r->n_lingers++] = l;
	}
	selectors_close(st, now);
	unpack_close(st, u);
}
