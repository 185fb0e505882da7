// Checks an event, keeps what it shows, and hands its session to the follower.

#include <stdio.h>
#include <string.h>

#include "dataplane/functions/functions_internal.h"
#include "dataplane/functions/sms_tpdu.h"
#include "shared/now.h"

void functions_subject_drop(struct functions *f, struct subject *o)
{
	if (subject_last(o))
		records_subject_ends(f->records, o);
	subject_drop(f->subjects, o);
}

void functions_subject_ends(struct functions *f, struct subject *o)
{
	if (subject_last(o))
		records_subject_ends(f->records, o);
	subjects_remove(f->subjects, o);
}

uint16_t functions_session_name(const struct functions *f, const struct subject *o, char *out)
{
	struct subject_name name;
	char *at = stpcpy(out, f->function[o->function].name);

	subject_name(o, &name);
	*at++ = '/'; // no function has it in its name
	memcpy(at, name.text, name.length);
	return (uint16_t)(at - out + name.length);
}

// ---- answers ----

static void later(struct pending *p)
{
	p->answer.result = NF_LATER;
}

static void refuse(struct pending *p, unsigned kind, unsigned reason)
{
	const char *name = record_name(kind);
	const char *text =
		reason == NF_REASON_FUNCTION
			? "not a record that this function may hand over"
			: "its session, registration or message is not named or not known";

	p->answer.result = NF_REFUSED;
	p->answer.reason = (uint8_t)reason;
	(void)snprintf(
		p->answer.text, sizeof(p->answer.text), "%s: %s", name ? name : "event", text);
}

static void refuse_record(struct pending *p, const struct record_fault *fault)
{
	p->answer.result = NF_REFUSED;
	p->answer.reason = fault->reason;
	(void)record_fault_text(fault, p->answer.text, sizeof(p->answer.text));
}

// ---- the record ----

static void *room(struct functions *f, const void *octets, uint32_t length)
{
	void *to = f->room + f->used;

	memcpy(to, octets, length);
	f->used += length;
	return to;
}

// The record, and the identities that it shows, behind the message.
static void keep_record(struct functions *f, const struct nf_event *e, const struct ber_writer *w,
	struct pending *p)
{
	const uint32_t length = (uint32_t)ber_written(w);

	p->record = (struct record_pdu){.kind = e->kind,
		.octets = room(f, w->at, length),
		.length = length,
		.direction = event_direction(e->kind, e->nodes, e->direction),
		.time_ns = e->time_ns};
	event_identities(e->kind, e->nodes, &p->identities);
	for (unsigned i = 0; i < p->identities.n; i++) {
		struct identity *o = &p->identities.at[i];
		o->text = room(f, o->text, o->length);
	}
	p->identities.cp = e->cp;
	p->identities.up = e->up;
}

// The identities of its user that are known now count, too. A later event may replace them before
// this one's record is queued, so they are copied.
static void keep_user(struct functions *f, const struct subject *o, struct pending *p)
{
	const unsigned own = p->identities.n;

	subject_identities(o, &p->identities);
	for (unsigned i = own; i < p->identities.n; i++) {
		struct identity *of = &p->identities.at[i];
		of->text = room(f, of->text, of->length);
	}
}

// ---- TruncateTPUserData (TS 33.128 table 6.2.5-2) ----

// The text of an object's member, or NULL.
static struct record_node *text_in(struct record_node *object, const char *name)
{
	struct record_node *n =
		(struct record_node *)(uintptr_t)node_child(object, name); // of `object`

	return n && n->kind == NODE_TEXT ? n : NULL;
}

static bool is_text(const struct record_node *n, const char *text)
{
	return n && n->length == strlen(text) && !memcmp(n->text, text, n->length);
}

// The record of a message for tasks that may not have its user data: an SMS-SUBMIT or SMS-DELIVER
// with the part of its TPDU before that.
static void keep_truncated(struct functions *f, const struct nf_event *e, struct pending *p)
{
	struct record_node *nodes = f->records->start;
	struct record_fault fault;

	if (e->kind != RECORD_SMS_MESSAGE || e->n_nodes > KEPT_NODES_MAX)
		return;
	memcpy(nodes, e->nodes, e->n_nodes * sizeof(*nodes));
	const struct record_node *type = text_in(nodes, "messageType");
	struct record_node *tpdu = text_in(
		(struct record_node *)(uintptr_t)node_child(nodes, "sMSTPDUData"), "sMSTPDU");
	bool submit = is_text(type, "submit"), deliver = is_text(type, "deliver");

	if (!tpdu || (type && !submit && !deliver))
		return;
	p->truncates = true;
	tpdu->name = "truncatedSMSTPDU";
	tpdu->name_length = (uint16_t)strlen(tpdu->name);
	tpdu->length = 2 * sms_tpdu_head(tpdu->text, tpdu->length,
				   submit    ? SMS_SUBMIT
				   : deliver ? SMS_DELIVER
					     : SMS_BY_ITSELF);
	struct ber_writer w = ber_writer_of(f->encoded, CAPTURE_RECORD_MAX);
	if (record_encode(&w, e->kind, f->release, nodes, e->n_nodes, &fault)) {
		f->records->start_refused[fault.reason]++;
		return;
	}
	p->truncated = p->record;
	p->truncated.length = (uint32_t)ber_written(&w);
	p->truncated.octets = room(f, w.at, p->truncated.length);
}

// ---- its session, registration or message ----

// Its members to be kept from now on, as nodes in records->start. 0 when they are too many.
static uint32_t merge(struct functions *f, const struct nf_event *e, const struct subject *o)
{
	const struct kept_source from = {
		.kind = e->kind, .release = f->release, .record = e->nodes, .kept = NULL};
	struct kept_source changed = from;
	uint32_t length;

	if (o && record_effect(e->kind) == EFFECT_CHANGES) {
		const uint8_t *tree = subject_tree(o, &length);
		if (nf_decode_nodes(tree, length, f->records->kept, KEPT_NODES_MAX) > 0)
			changed.kept = f->records->kept;
	}
	return kept_merge(&changed, f->records->start, KEPT_NODES_MAX);
}

// A message that waits for its report makes room: sessions and later messages need it more.
static bool forget_message(struct functions *f, const struct subject *but)
{
	struct subject *o = subjects_first_message(f->subjects);

	if (!o || o == but || !subject_last(o))
		return false;
	functions_subject_ends(f, o);
	return true;
}

static int keep(struct functions *f, const struct subject_name *name, struct subject **o,
	const struct subject_content *c)
{
	int r;

	do
		r = *o ? subjects_change(f->subjects, *o, c)
		       : subjects_add(f->subjects, name, c, o);
	while (r == POI_ERR_LIMIT && forget_message(f, *o));
	return r;
}

// Fills all but the name. Copies the texts: the follower reads them when message and subject may
// have changed.
static void session_is(const struct functions *f, const struct identities *of, struct pending *p)
{
	struct session_event *s = &p->session;

	event_session(f->records->start, s);
	s->kind = SESSION_EVENT_IS;
	s->time_ns = now_wall_ns();
	s->cp = (struct f_seid){
		of->cp.v4.family || of->cp.v6.family, of->cp.seid, of->cp.v4, of->cp.v6};
	s->up = (struct f_seid){
		of->up.v4.family || of->up.v6.family, of->up.seid, of->up.v4, of->up.v6};
	memcpy(p->dnn, s->dnn.length ? (const char *)s->dnn.octets : "", s->dnn.length);
	memcpy(p->nai, s->user.nai.length ? (const char *)s->user.nai.octets : "",
		s->user.nai.length);
	s->dnn.octets = (const uint8_t *)p->dnn;
	s->user.nai.octets = (const uint8_t *)p->nai;
}

static void session_begins(struct functions *f, const struct subject *o, struct pending *p)
{
	p->session.name = p->name;
	p->session.name_length = functions_session_name(f, o, p->name);
	p->is = true;
	follower_event(f->follower, &p->session);
}

static void session_ends(struct functions *f, const struct subject *o, struct pending *p)
{
	p->session.kind = SESSION_EVENT_ENDS;
	p->session.name = p->name;
	p->session.name_length = functions_session_name(f, o, p->name);
	p->session.time_ns = now_wall_ns();
	follower_event(f->follower, &p->session);
}

// A beginning has all identities of its user; what comes later may have one that is new.
static bool of_another(const struct nf_event *e, const struct subject *o)
{
	struct identities new, old = {0};

	if (o->records == RECORDS_SMSF)
		return false;
	event_identities(e->kind, e->nodes, &new);
	subject_identities(o, &old);
	return record_effect(e->kind) == EFFECT_BEGINS ? identities_differ(&new, &old)
						       : identities_contradict(&new, &old);
}

// Its function has given the name to a session or registration of another user. The old one is
// over, even where this event is refused: what it bound may be the other user's now. Events of it
// that were not answered yet hold it. 0, or NOMEM: nothing was done.
static int replace_user(struct functions *f, const struct nf_event *e, struct subject **o)
{
	char name[SESSION_EVENT_NAME];
	struct session_event end;

	if (!of_another(e, *o))
		return POI_OK;
	if ((*o)->records == RECORDS_SMF) {
		end = (struct session_event){.kind = SESSION_EVENT_ENDS,
			.name = name,
			.name_length = functions_session_name(f, *o, name),
			.time_ns = now_wall_ns()};
		follower_event(f->follower, &end);
		follower_wait_done(f->follower);
		if (end.result == POI_ERR_NOMEM)
			return POI_ERR_NOMEM;
	}
	functions_subject_ends(f, *o);
	*o = NULL;
	return POI_OK;
}

static int begins_or_changes(struct functions *f, const struct nf_event *e,
	const struct subject_name *name, struct subject **o, struct pending *p)
{
	struct identities of;
	uint32_t n = merge(f, e, *o);
	uint8_t *tree = f->encoded + CAPTURE_RECORD_MAX;
	int length =
		n ? nf_encode_nodes(tree, NF_MESSAGE_MAX, f->records->start, n) : POI_ERR_TOO_LARGE;

	if (length < 0)
		return POI_ERR_TOO_LARGE;
	event_identities(e->kind, f->records->start, &of);
	identities_join(&of, &p->identities);
	if (*o) { // what the event leaves out of them stays
		struct identities old = {0};
		subject_identities(*o, &old);
		old.n = 0;
		identities_join(&of, &old);
	}
	session_is(f, &of, p); // before what the nodes point to is replaced
	int r = keep(f, name, o,
		&(struct subject_content){
			.identities = &of, .tree = tree, .tree_length = (uint32_t)length});
	if (r != POI_OK)
		return r;
	if (record_effect(e->kind) == EFFECT_BEGINS && (!e->snapshot || !(*o)->since_ns))
		(*o)->since_ns = e->time_ns;
	(*o)->seen = f->function[e->function].snapshot;
	if (name->records == RECORDS_SMF)
		session_begins(f, *o, p);
	return POI_OK;
}

static int message(struct functions *f, const struct subject_name *name, struct subject **o,
	const struct pending *p)
{
	int r = keep(f, name, o, &(struct subject_content){.identities = &p->identities});

	if (r == POI_OK)
		(*o)->came_ns = now_wall_ns();
	return r;
}

// An event needs a name where it begins or ends something.
static bool needs_name(const struct nf_event *e)
{
	const enum record_effect effect = record_effect(e->kind);

	return effect == EFFECT_BEGINS || effect == EFFECT_ENDS || effect == EFFECT_REPORT ||
	       (effect == EFFECT_CHANGES && nf_records_of(e->kind) == RECORDS_SMF);
}

static int apply(struct functions *f, const struct nf_event *e, const struct subject_name *name,
	struct pending *p)
{
	struct subject *o = subjects_find(f->subjects, name);
	const enum record_effect effect = record_effect(e->kind);
	int r = POI_OK;

	if (name->length == 0)
		return POI_OK;
	// An end of what is not known would leave what it means bound: the function has the name
	// wrong.
	if ((effect == EFFECT_ENDS || effect == EFFECT_REPORT) && !o)
		return POI_ERR_NOT_FOUND;
	if (effect == EFFECT_BEGINS || effect == EFFECT_CHANGES)
		r = begins_or_changes(f, e, name, &o, p);
	else if (effect == EFFECT_MESSAGE)
		r = message(f, name, &o, p);
	if (r != POI_OK || !o)
		return r;
	p->subject = subject_hold(o);
	keep_user(f, o, p);
	if (effect == EFFECT_ENDS && name->records == RECORDS_SMF)
		session_ends(f, o, p);
	if (effect == EFFECT_ENDS || effect == EFFECT_REPORT)
		functions_subject_ends(f, o);
	return POI_OK;
}

void functions_event(struct functions *f, const struct nf_event *e, struct pending *p)
{
	struct function_state *state = &f->function[e->function];
	const struct subject_name name = {.function = e->function,
		.records = nf_records_of(e->kind),
		.length = e->subject_length,
		.text = e->subject};
	struct ber_writer w = ber_writer_of(f->encoded, CAPTURE_RECORD_MAX);
	struct record_fault fault;
	struct subject *o;

	*p = (struct pending){.answer.number = e->number,
		.function = e->function,
		.snapshot = e->snapshot && record_effect(e->kind) == EFFECT_BEGINS};
	state->received++;
	if (!(name.records & state->records) || record_is_start(e->kind)) {
		refuse(p, e->kind, NF_REASON_FUNCTION);
		return;
	}
	// Its function has it still, whatever becomes of this event: no snapshot's end ends it.
	o = subjects_find(f->subjects, &name);
	if (o)
		o->seen = state->snapshot;
	if (o && replace_user(f, e, &o) != POI_OK) {
		later(p);
		return;
	}
	if (record_encode(&w, e->kind, f->release, e->nodes, e->n_nodes, &fault)) {
		refuse_record(p, &fault);
		return;
	}
	if (needs_name(e) && name.length == 0) {
		refuse(p, e->kind, NF_REASON_SUBJECT);
		return;
	}
	keep_record(f, e, &w, p);
	keep_truncated(f, e, p);
	int r = apply(f, e, &name, p);
	if (r == POI_ERR_NOT_FOUND)
		refuse(p, e->kind, NF_REASON_SUBJECT);
	else if (r == POI_ERR_TOO_LARGE) // of what is kept of its session: it never fits
		refuse(p, e->kind, NF_REASON_LARGE);
	else if (r != POI_OK)
		later(p);
}
