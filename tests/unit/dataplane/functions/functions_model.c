// Plays docs/events.md with lists and linear search, for tests to compare with.

#include "functions_model.h"

#include <stdlib.h>
#include <string.h>

// ---- records ----

#define IDENTITIES "sUPI", "pEI", "gPSI"

// The members that a record must have, and those of which one will do (docs/records.md); for starts
// of interception also all that they may have.
static const struct rule {
	uint8_t kind;
	bool begins, ends, is_start;
	const char *must[10], *any[4], *may[16];
} rules[] = {
	{RECORD_SMF_ESTABLISHMENT, .begins = true,
		.must = {"pDUSessionID", "gTPTunnelID", "pDUSessionType", "dNN", "requestType",
			"gTPTunnelInfo"},
		.any = {"sUPI", "pEI"}},
	{RECORD_SMF_MODIFICATION, .must = {"requestType", "gTPTunnelInfo"}, .any = {"sUPI", "pEI"}},
	{RECORD_SMF_RELEASE, .ends = true, .must = {"sUPI", "pDUSessionID"}},
	{RECORD_SMF_START, .is_start = true,
		.must = {"pDUSessionID", "gTPTunnelID", "pDUSessionType", "dNN", "requestType",
			"gTPTunnelInfo"},
		.any = {"sUPI", "pEI"},
		.may = {IDENTITIES, "sUPIUnauthenticated", "uEEndpoint", "rATType",
			"timeOfSessionEstablishment"}},
	{RECORD_AMF_REGISTRATION, .begins = true,
		.must = {"registrationType", "registrationResult", "sUPI", "gUTI"}},
	{RECORD_AMF_DEREGISTRATION, .ends = true, .must = {"deregistrationDirection", "accessType"},
		.any = {"sUCI", "pEI", "gUTI"}},
	{RECORD_AMF_LOCATION_UPDATE, .must = {"sUPI", "location"}},
	{RECORD_AMF_START, .is_start = true, .must = {"registrationResult", "sUPI", "gUTI"},
		.may = {IDENTITIES, "registrationType", "location", "additionalUserIdentifiers",
			"timeOfRegistration"}},
	{RECORD_AMF_ASSOCIATION, .must = {"sUPI", "gUTI", "location"}},
	{RECORD_SMS_MESSAGE, .begins = true,
		.must = {"originatingSMSParty", "terminatingSMSParty", "direction",
			"linkTransferStatus"}},
	{RECORD_SMS_REPORT, .ends = true,
		.must = {"sMSTPDUData", "messageType", "rPMessageReference"}},
};

static const struct rule *rule_of(unsigned kind)
{
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].kind == kind)
			return &rules[i];
	abort();
}

static const struct model_member *member_of(
	const struct model_member *of, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(of[i].name, name) == 0)
			return &of[i];
	return NULL;
}

static bool is_listed(const char *const *list, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n && list[i]; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

// Mandatory members are there.
static bool is_whole(unsigned kind, const struct model_member *of, unsigned n)
{
	const struct rule *r = rule_of(kind);
	bool any = !r->any[0];

	for (unsigned i = 0; i < 10 && r->must[i]; i++)
		if (!member_of(of, n, r->must[i]))
			return false;
	for (unsigned i = 0; i < 4 && r->any[i]; i++)
		any |= member_of(of, n, r->any[i]) != NULL;
	bool unauthenticated = member_of(of, n, "sUPIUnauthenticated") ||
			       !member_of(of, n, "sUPI") ||
			       (kind != RECORD_SMF_ESTABLISHMENT &&
				       kind != RECORD_SMF_MODIFICATION && kind != RECORD_SMF_START);
	return any && unauthenticated;
}

static bool is_well_formed(const struct model_event *e)
{
	for (unsigned i = 0; i < e->n; i++)
		if (strcmp(e->member[i].name, "unheardOf") == 0 ||
			member_of(e->member, i, e->member[i].name))
			return false;
	return is_whole(e->kind, e->member, e->n);
}

// ---- subjects ----

struct model_subject *model_find(struct model *m, const struct model_event *e)
{
	for (unsigned i = 0; i < m->n_subjects; i++) {
		struct model_subject *s = &m->subject[i];
		if (s->function == e->function && s->records == nf_records_of(e->kind) &&
			strcmp(s->name, e->name) == 0 && s->name[0])
			return s;
	}
	return NULL;
}

static struct model_subject *add(struct model *m, const struct model_event *e)
{
	if (m->n_subjects == MODEL_SUBJECTS)
		abort();
	struct model_subject *s = &m->subject[m->n_subjects++];
	*s = (struct model_subject){.function = e->function,
		.records = nf_records_of(e->kind),
		.name = e->name,
		.number = ++m->numbers,
		.named = true};
	return s;
}

static void forget(struct model *m, struct model_subject *s)
{
	*s = m->subject[--m->n_subjects];
}

static void add_member(struct model_subject *s, const char *name, const struct model_value *value)
{
	if (s->n == MODEL_MEMBERS)
		abort();
	s->member[s->n++] = (struct model_member){name, value};
}

static void set_member(struct model_subject *s, const char *name, const struct model_value *value)
{
	for (unsigned i = 0; i < s->n; i++)
		if (strcmp(s->member[i].name, name) == 0) {
			s->member[i].value = value;
			return;
		}
	add_member(s, name, value);
}

// Members of later events in the place of earlier ones; an establishment or a registration
// replaces all. The type of a request is that of the event alone.
static void learn(struct model_subject *s, const struct model_event *e)
{
	static const struct model_value time = {"\"2026-01-01T00:00:00.123456789Z\"", {{0}}, NULL};

	const struct rule *r = rule_of(e->kind);

	if (r->begins) {
		s->n = 0;
		set_member(s,
			s->records == RECORDS_SMF ? "timeOfSessionEstablishment"
						  : "timeOfRegistration",
			&time);
	}
	for (unsigned i = 0; i < e->n; i++)
		if (r->ends) // its end is of those, too, that it was of before
			add_member(s, e->member[i].name, e->member[i].value);
		else if (e->kind != RECORD_SMF_MODIFICATION ||
			 strcmp(e->member[i].name, "requestType") != 0)
			set_member(s, e->member[i].name, e->member[i].value);
}

// ---- tasks and users ----

static bool shows(const struct model_value *v, uint16_t kind, const char *text, bool supi)
{
	for (unsigned i = 0; v && i < 4; i++)
		if (v->identity[i].kind == kind && strcmp(v->identity[i].text, text) == 0 &&
			(!supi || v->identity[i].is_supi))
			return true;
	return false;
}

static const char *const said[] = {IDENTITIES, "additionalUserIdentifiers"};
#define SAID 4

// The members show an identity of these kinds; `supi`: a SUPI.
static bool has_kind(const struct model_member *of, unsigned n, unsigned kinds, bool supi)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < 4 && is_listed(said, SAID, of[i].name); k++) {
			const struct model_identity *x = &of[i].value->identity[k];
			if (x->kind & kinds && (!supi || x->is_supi))
				return true;
		}
	return false;
}

// An identity is in both; `supi`: a SUPI.
static bool share(const struct model_subject *s, const struct model_event *e, bool supi)
{
	for (unsigned i = 0; i < s->n; i++)
		for (unsigned k = 0; k < 4 && is_listed(said, SAID, s->member[i].name); k++) {
			const struct model_identity *x = &s->member[i].value->identity[k];
			for (unsigned l = 0; l < e->n && x->kind && (!supi || x->is_supi); l++)
				if (is_listed(said, SAID, e->member[l].name) &&
					shows(e->member[l].value, x->kind, x->text, supi))
					return true;
		}
	return false;
}

// By the SUPI where both have one, else by all. A beginning has all that its user has; another
// event may add what was not known, so it must have another value of a kind that was.
static bool is_of_other_user(const struct model_subject *s, const struct model_event *e)
{
	if (has_kind(s->member, s->n, 0xffff, true) && has_kind(e->member, e->n, 0xffff, true))
		return !share(s, e, true);
	if (!has_kind(s->member, s->n, 0xffff, false) ||
		!has_kind(e->member, e->n, 0xffff, false) || share(s, e, false))
		return false;
	for (unsigned kind = 1; kind <= SESSION_NAI; kind <<= 1)
		if (has_kind(s->member, s->n, kind, false) &&
			has_kind(e->member, e->n, kind, false))
			return true;
	return rule_of(e->kind)->begins;
}

void model_name(struct model *m, const struct model_event *e)
{
	struct model_subject *s = model_find(m, e);

	if (!s || rule_of(e->kind)->is_start) // no function hands that over
		return;
	s->named = true;
	if (s->records != RECORDS_SMSF && is_of_other_user(s, e))
		forget(m, s);
}

static bool user_has(const struct model_subject *s, uint16_t kind, const char *text)
{
	const struct model_member *x;

	if (s->records == RECORDS_SMSF) {
		x = member_of(s->member, s->n, "direction");
		x = member_of(s->member, s->n,
			strcmp(x->value->json, "\"fromTarget\"") == 0 ? "originatingSMSParty"
								      : "terminatingSMSParty");
		return shows(x->value, kind, text, false);
	}
	for (unsigned i = 0; i < s->n; i++)
		if (is_listed(said, SAID, s->member[i].name) &&
			shows(s->member[i].value, kind, text, false))
			return true;
	return false;
}

static bool is_target(const struct model_subject *s, const struct session_target *t)
{
	return (!(t->kinds & SESSION_IMSI) || user_has(s, SESSION_IMSI, t->imsi)) &&
	       (!(t->kinds & SESSION_MSISDN) || user_has(s, SESSION_MSISDN, t->msisdn)) &&
	       (!(t->kinds & SESSION_IMEI) || user_has(s, SESSION_IMEI, t->imei)) &&
	       (!(t->kinds & SESSION_IMEISV) || user_has(s, SESSION_IMEISV, t->imeisv)) &&
	       (!(t->kinds & SESSION_NAI) || user_has(s, SESSION_NAI, t->nai));
}

static bool asks_for(const struct model_task *t, unsigned kind)
{
	if (!t->there || !(t->records & nf_records_of(kind)))
		return false;
	if (kind == RECORD_AMF_ASSOCIATION)
		return t->records & (TASK_ASSOCIATION_ALL | TASK_ASSOCIATION_ONLY);
	return nf_records_of(kind) != RECORDS_AMF || kind == RECORD_AMF_LOCATION_UPDATE ||
	       !(t->records & TASK_ASSOCIATION_ONLY);
}

static bool has_records(const struct model_task *t, const struct model_subject *s, unsigned kind)
{
	if (!asks_for(t, kind))
		return false;
	for (uint32_t i = 0; i < t->n; i++)
		if (is_target(s, &t->target[i]))
			return true;
	return false;
}

// ---- copies ----

static struct model_copy *copy_for(const struct model *m, unsigned task,
	const struct model_subject *s, struct model_outcome *out)
{
	if (out->n == MODEL_COPIES)
		abort();
	struct model_copy *c = &out->copy[out->n++];
	*c = (struct model_copy){.task = (uint8_t)task,
		.session = s->records == RECORDS_SMF ? s->number : 0,
		.correlation = m->task[task].correlation};
	return c;
}

static uint8_t direction_of(const struct model_event *e)
{
	const struct model_member *given = member_of(e->member, e->n, "direction");

	if (e->kind == RECORD_AMF_ASSOCIATION)
		return PDU_DIRECTION_NOT_APPLICABLE;
	if (e->kind == RECORD_SMS_MESSAGE)
		return strcmp(given->value->json, "\"fromTarget\"") == 0 ? PDU_DIRECTION_FROM_TARGET
									 : PDU_DIRECTION_TO_TARGET;
	return e->direction ? e->direction : PDU_DIRECTION_UNKNOWN;
}

static void copy_event(const struct model *m, const struct model_event *e,
	const struct model_subject *s, struct model_outcome *out)
{
	for (unsigned i = 0; i < MODEL_TASKS; i++) {
		if (!has_records(&m->task[i], s, e->kind))
			continue;
		struct model_copy *c = copy_for(m, i, s, out);
		c->kind = e->kind;
		c->direction = direction_of(e);
		c->n = e->n;
		memcpy(c->member, e->member, e->n * sizeof(e->member[0]));
		for (unsigned k = 0; k < c->n; k++)
			if (e->kind == RECORD_SMS_MESSAGE && m->task[i].records & TASK_TRUNCATE &&
				c->member[k].value->truncated)
				c->member[k].value = c->member[k].value->truncated;
	}
}

static unsigned start_of(const struct model_subject *s)
{
	return s->records == RECORDS_SMF ? RECORD_SMF_START : RECORD_AMF_START;
}

static const struct model_value nothing = {"[]", {{0}}, NULL};

static void copy_start(const struct model *m, unsigned task, const struct model_subject *s,
	struct model_outcome *out)
{
	const struct rule *r = rule_of(start_of(s));

	if (!is_whole(r->kind, s->member, s->n))
		return;
	struct model_copy *c = copy_for(m, task, s, out);
	c->kind = r->kind;
	c->direction = PDU_DIRECTION_NOT_APPLICABLE;
	for (unsigned i = 0; i < s->n; i++)
		if (is_listed(r->must, 10, s->member[i].name) ||
			is_listed(r->may, 16, s->member[i].name))
			c->member[c->n++] = s->member[i];
	// The module wants a list; it is empty where no address is known.
	if (r->kind == RECORD_SMF_START && !member_of(c->member, c->n, "uEEndpoint"))
		c->member[c->n++] = (struct model_member){"uEEndpoint", &nothing};
}

static bool has_start(const struct model_task *t, const struct model_subject *s)
{
	return s->records != RECORDS_SMSF && has_records(t, s, start_of(s));
}

// ---- what happens ----

static const char *reason_to_refuse(
	const struct model *m, const struct model_event *e, const struct model_subject *s)
{
	const struct rule *r = rule_of(e->kind);

	if (!(m->function[e->function].records & nf_records_of(e->kind)) || r->is_start)
		return "a record of another function";
	if (!is_well_formed(e))
		return "its members";
	if (!e->name[0] && (r->begins || r->ends || nf_records_of(e->kind) == RECORDS_SMF) &&
		e->kind != RECORD_SMS_MESSAGE)
		return "no name";
	if (r->ends && !s)
		return "an end of what is not known";
	return NULL;
}

void model_take(struct model *m, const struct model_event *e, struct model_outcome *out)
{
	const struct rule *r = rule_of(e->kind);

	out->n = 0;
	model_name(m, e);
	struct model_subject *s = model_find(m, e);
	out->refused = reason_to_refuse(m, e, s);
	if (out->refused)
		return;
	// A message is a new one each time.
	if (s && r->begins && s->records == RECORDS_SMSF) {
		forget(m, s);
		s = NULL;
	}
	const bool known = s;
	if (!s)
		s = add(m, e);
	if (e->kind != RECORD_SMS_REPORT)
		learn(s, e);
	if (!e->snapshot || !r->begins || s->records == RECORDS_SMSF)
		copy_event(m, e, s, out);
	else
		for (unsigned i = 0; i < MODEL_TASKS && !known; i++)
			if (has_start(&m->task[i], s))
				copy_start(m, i, s, out);
	if (r->ends || !e->name[0])
		forget(m, s);
}

void model_task_set(
	struct model *m, unsigned number, const struct model_task *t, struct model_outcome *out)
{
	const struct model_task before = m->task[number];

	*out = (struct model_outcome){0};
	m->task[number] = *t;
	for (unsigned i = 0; i < m->n_subjects; i++)
		if (has_start(t, &m->subject[i]) && !has_start(&before, &m->subject[i]))
			copy_start(m, number, &m->subject[i], out);
}

// Subjects that the snapshot lacks are over; messages are in none.
static void end_of_snapshot(struct model *m, unsigned function)
{
	for (unsigned i = m->n_subjects; i-- > 0;) {
		struct model_subject *s = &m->subject[i];
		if (s->function == function && s->records != RECORDS_SMSF && !s->named)
			forget(m, s);
	}
	m->function[function].unsure = false;
}

void model_state(struct model *m, unsigned function, enum nf_state state)
{
	struct model_function *f = &m->function[function];

	if (state == NF_CONNECTED || state == NF_GONE) {
		f->connected = state == NF_CONNECTED;
		f->unsure |= state == NF_GONE && f->records & RECORDS_SMF;
	} else if (state == NF_SNAPSHOT_BEGIN) {
		for (unsigned i = 0; i < m->n_subjects; i++)
			if (m->subject[i].function == function)
				m->subject[i].named = false;
	} else if (f->snapshot) {
		end_of_snapshot(m, function);
	}
	f->snapshot = state == NF_SNAPSHOT_BEGIN;
}

void model_unlink(struct model *m)
{
	for (unsigned i = 0; i < MODEL_FUNCTIONS; i++)
		if (m->function[i].connected)
			model_state(m, i, NF_GONE);
}

unsigned model_unsure(const struct model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_FUNCTIONS; i++)
		n += m->function[i].unsure;
	return n;
}
