// Random events, snapshots and tasks: the stage and a naive model (functions_model.h) must agree on
// each answer and each record. POI_SEED in the environment tries another sequence, POI_STEPS a
// longer one.

#include "functions_bed.h"
#include "functions_model_events.h"

#include <stdarg.h>
#include <stdio.h>

#define STEPS 4000
#define BATCH 4
#define LINES 40 // of the last steps, printed with a difference
#define CORRELATIONS 65536

struct play {
	struct bed *b;
	struct model m;
	struct model_outcome outcome[BATCH];
	struct model_event event[BATCH];
	uint64_t seed, now_ms;
	struct chance chance;
	uint64_t session_of[CORRELATIONS]; // number of the session with the correlation ID
	char line[LINES][1024];
	unsigned n_lines;
	struct model_event again[BATCH]; // were put off: are sent again, in their order
	unsigned n_again;
	bool at_once; // one changes what is known: it may be done, or not
	unsigned ok, refused, put_off, records, starts;
};

// ---- the last steps ----

__attribute__((format(printf, 2, 3))) static void note(struct play *p, const char *format, ...)
{
	char *line = p->line[p->n_lines++ % LINES];
	va_list v;

	va_start(v, format);
	vsnprintf(line, sizeof(p->line[0]), format, v);
	va_end(v);
}

// The record's JSON; valid until the next call of the same `place`.
static const char *json_of(unsigned place, const struct model_member *of, unsigned n)
{
	static char text[BATCH + 1][8192];
	char *at = text[place];

	*at++ = '{';
	for (unsigned i = 0; i < n; i++)
		at += sprintf(at, "%s\"%s\": %s", i ? ", " : "", of[i].name, of[i].value->json);
	strcpy(at, "}");
	return text[place];
}

static const char *identities_text(const struct model_member *of, unsigned n)
{
	static const char *const shown[] = {"sUPI", "pEI", "gPSI", "additionalUserIdentifiers",
		"originatingSMSParty", "terminatingSMSParty", "direction"};
	static char text[1024];
	char *at = text;

	*at = 0;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < 7; k++)
			if (strcmp(of[i].name, shown[k]) == 0)
				at += sprintf(at, " %s %s", shown[k], of[i].value->json);
	return text;
}

static const char *function_names[] = {"smf", "amf", "smsf", "both"};

static const char *end_of(const char *name)
{
	const size_t n = strlen(name);

	return n > 4 ? name + n - 4 : name;
}

static void note_event(struct play *p, const struct model_event *e, const struct model_outcome *o)
{
	note(p, "%s%s %s name %s%s:%s", function_names[e->function],
		e->snapshot ? " in snapshot" : "", record_name(e->kind), end_of(e->name),
		o->refused ? ", refused" : "", identities_text(e->member, e->n));
}

static void note_task(struct play *p, unsigned i, const struct model_task *t, const char *how)
{
	char text[400], *at = text;

	*at = 0;
	for (uint32_t k = 0; k < t->n; k++) {
		const struct session_target *g = &t->target[k];
		at += snprintf(at, 100, " [%s %s %s %s %.8s]", g->imsi, g->msisdn, g->imei,
			g->imeisv, g->nai);
	}
	note(p, "task %u %s: records 0x%02x, correlation %llx, targets%s", i, how, t->records,
		(unsigned long long)t->correlation, text);
}

__attribute__((format(printf, 2, 3), noreturn)) static void differ(
	struct play *p, const char *format, ...)
{
	char text[512];
	va_list v;

	va_start(v, format);
	vsnprintf(text, sizeof(text), format, v);
	va_end(v);
	for (unsigned i = 0; i < MODEL_TASKS; i++)
		if (p->m.task[i].there)
			note_task(p, i, &p->m.task[i], "is there");
	for (unsigned i = 0; i < p->m.n_subjects; i++) {
		const struct model_subject *s = &p->m.subject[i];
		note(p, "%s knows %s %llu, name %s:%s", function_names[s->function],
			s->records == RECORDS_SMF   ? "session"
			: s->records == RECORDS_AMF ? "registration"
						    : "message",
			(unsigned long long)s->number, end_of(s->name),
			identities_text(s->member, s->n));
	}
	fprintf(stderr, "# seed %llu, the last of %u steps:\n", (unsigned long long)p->seed,
		p->n_lines);
	for (unsigned i = p->n_lines < LINES ? 0 : p->n_lines - LINES; i < p->n_lines; i++)
		fprintf(stderr, "#  %s\n", p->line[i % LINES]);
	fprintf(stderr, "# %s\n", text);
	cr_assert(false, "seed %llu: %s", (unsigned long long)p->seed, text);
	abort();
}

// ---- comparison ----

static bool is_session(struct play *p, uint64_t correlation, const struct model_copy *c)
{
	if (c->correlation || !c->session)
		return correlation == c->correlation;
	if (correlation >= CORRELATIONS || !correlation)
		return false;
	for (unsigned i = 0; i < CORRELATIONS && !p->session_of[correlation]; i++)
		if (p->session_of[i] == c->session)
			return false;
	if (!p->session_of[correlation])
		p->session_of[correlation] = c->session;
	return p->session_of[correlation] == c->session;
}

// The follower's correlation IDs of the sessions that are there: records of two sessions may be
// alike.
static void take_correlations(struct play *p)
{
	char name[SESSION_EVENT_NAME];

	for (unsigned i = 0; i < p->m.n_subjects; i++) {
		const struct model_subject *s = &p->m.subject[i];
		if (s->records != RECORDS_SMF)
			continue;
		sprintf(name, "%s-1/%s", function_names[s->function], s->name);
		for (unsigned k = 0; k < fake.n_sessions; k++)
			if (strcmp(fake.session[k].name, name) == 0 &&
				fake.session[k].correlation < CORRELATIONS &&
				!p->session_of[fake.session[k].correlation])
				p->session_of[fake.session[k].correlation] = s->number;
	}
}

static bool has_payload(struct play *p, const struct pdu *u, const struct model_copy *c)
{
	static uint8_t octets[65536];
	struct ber_writer w = ber_writer_of(octets, sizeof(octets));
	struct record_fault fault;

	record_lab_read(&p->b->lab, json_of(BATCH, c->member, c->n));
	if (record_encode(&w, c->kind, CONFIG_XIRI_R18, p->b->lab.nodes, p->b->lab.count, &fault)) {
		char text[256];
		record_fault_text(&fault, text, sizeof(text));
		differ(p, "the model's %s: %s", record_name(c->kind), text);
	}
	return u->payload_length == ber_written(&w) &&
	       memcmp(u->payload, w.at, u->payload_length) == 0;
}

static bool is_copy(struct play *p, const struct pdu *u, const struct model_copy *c)
{
	return u->xid.b[0] == c->task + 1 && u->direction == c->direction && has_payload(p, u, c) &&
	       is_session(p, u->correlation, c);
}

static void describe_copy(struct play *p, const struct model_copy *c)
{
	note(p, "  the model: %s for task %u, direction %u, of session %llu: %s",
		record_name(c->kind), c->task, c->direction, (unsigned long long)c->session,
		json_of(BATCH, c->member, c->n));
}

static void describe_pdu(struct play *p, const struct pdu *u)
{
	char hex[801] = "";

	for (uint32_t i = 0; i < u->payload_length && i < 400; i++)
		sprintf(hex + 2 * i, "%02x", u->payload[i]);
	note(p, "  the stage: task %u, direction %u, correlation ID %llu (session %llu): %s",
		u->xid.b[0] - 1u, u->direction, (unsigned long long)u->correlation,
		(unsigned long long)(u->correlation < CORRELATIONS ? p->session_of[u->correlation]
								   : 0),
		hex);
}

// Its records are next, each once, in any order.
static void compare_records(struct play *p, struct model_outcome *o)
{
	while (o->n > 0) {
		struct pdu u;
		unsigned i = 0;
		bool found = next_pdu(p->b, &u);
		while (found && i < o->n && !is_copy(p, &u, &o->copy[i]))
			i++;
		if (!found || i == o->n) {
			for (i = 0; i < o->n; i++)
				describe_copy(p, &o->copy[i]);
			if (found)
				describe_pdu(p, &u);
			differ(p, found ? "a record differs" : "a record is missing");
		}
		p->records++;
		p->starts +=
			o->copy[i].kind == RECORD_SMF_START || o->copy[i].kind == RECORD_AMF_START;
		o->copy[i] = o->copy[--o->n];
	}
}

static void compare_end(struct play *p)
{
	struct pdu u;

	if (next_pdu(p->b, &u)) {
		describe_pdu(p, &u);
		differ(p, "a record too many");
	}
	if (fake.lost - fake.back != model_unsure(&p->m))
		differ(p, "%llu functions unsure, the model: %u",
			(unsigned long long)(fake.lost - fake.back), model_unsure(&p->m));
}

// ---- steps ----

enum mishap { NONE, FOLLOWER_FULL, NOT_IN_FORCE, PEER_GONE };

static void send_one(struct play *p, const struct model_event *e, unsigned place)
{
	event_of(p->b, e->function, e->kind, e->name, json_of(place, e->member, e->n));
	p->b->event.direction = e->direction;
	p->b->event.snapshot = e->snapshot;
	send_event(p->b);
}

// Is sent again by the next events.
static void keep_event(struct play *p, const struct model_event *e)
{
	p->again[p->n_again++] = *e;
	p->put_off++;
}

// Undoes the event, but for what its name shows.
static void put_off(struct play *p, const struct model *before, const struct model_event *e,
	struct model_outcome *o)
{
	const uint64_t numbers = p->m.numbers;

	p->m = *before;
	p->m.numbers = numbers;
	model_name(&p->m, e);
	o->n = 0;
	keep_event(p, e);
}

static bool is_held_back(const struct model_event *e, enum mishap mishap)
{
	return mishap == FOLLOWER_FULL && nf_records_of(e->kind) == RECORDS_SMF &&
	       e->kind != RECORD_SMF_RELEASE;
}

static void compare_answer(struct play *p, unsigned i, uint32_t number, enum mishap mishap)
{
	const struct model_event *e = &p->event[i];
	struct model_outcome *o = &p->outcome[i];
	struct nf_answer a;
	uint8_t wanted = o->refused		   ? NF_REFUSED
			 : mishap == NOT_IN_FORCE  ? NF_LATER
			 : is_held_back(e, mishap) ? NF_LATER
						   : NF_OK;

	if (!next_answer(p->b, &a))
		differ(p, "no answer");
	if (a.number != number)
		differ(p, "an answer out of turn");
	if (a.result != wanted)
		differ(p, "event %u: result %u (%s), the model: %u (%s)", i, a.result, a.text,
			wanted, o->refused ? o->refused : "");
	p->ok += a.result == NF_OK;
	p->refused += a.result == NF_REFUSED;
	note(p, "  answer %u %s", a.result, a.text);
}

static void link_again(struct play *p)
{
	close(p->b->peer);
	p->b->peer = -1;
	turn(p->b);
	model_unlink(&p->m);
	bed_connect(p->b, p->now_ms += 10000);
}

static unsigned any_connected(struct play *p)
{
	unsigned i;

	do
		i = below(&p->chance, MODEL_FUNCTIONS);
	while (!p->m.function[i].connected);
	return i;
}

// Events that were put off come first, once their function is connected; returns how many.
static unsigned choose(struct play *p)
{
	unsigned n = 0, left = 0;

	for (unsigned i = 0; i < p->n_again; i++)
		if (p->m.function[p->again[i].function].connected)
			p->event[n++] = p->again[i];
		else
			p->again[left++] = p->again[i];
	p->n_again = left;
	return n;
}

static bool is_named_before(const struct play *p, unsigned n)
{
	const struct model_event *e = &p->event[n];

	for (unsigned i = 0; i < n; i++)
		if (p->event[i].function == e->function && p->event[i].name == e->name &&
			nf_records_of(p->event[i].kind) == nf_records_of(e->kind))
			return true;
	return false;
}

// An event of a batch that may be done or not has a name for itself. So has one of a snapshot: a
// start of interception is made at the end of the batch, of what is known then.
static void another_event(struct play *p, unsigned i, enum mishap mishap)
{
	do {
		const unsigned function = any_connected(p);
		any_event(&p->chance, &p->event[i], function);
		p->event[i].snapshot = p->m.function[function].snapshot;
	} while ((mishap != NONE || p->event[i].snapshot) && is_named_before(p, i));
}

static void take_batch(struct play *p, unsigned n, enum mishap mishap)
{
	const struct model before = p->m;
	const uint32_t number = p->b->numbers + 1;
	const unsigned again = choose(p);

	if (again > 0)
		n = again;
	if (again > 0 || p->n_again > 0)
		mishap = NONE;
	for (unsigned i = 0; i < n; i++) {
		const struct model at = p->m;
		struct model_event *e = &p->event[i];
		if (again > 0)
			e->snapshot = p->m.function[e->function].snapshot;
		else
			another_event(p, i, mishap);
		p->at_once |= mishap != NONE && model_find(&p->m, e);
		model_take(&p->m, e, &p->outcome[i]);
		note_event(p, e, &p->outcome[i]);
		send_one(p, e, i);
		if (!p->outcome[i].refused && is_held_back(e, mishap))
			put_off(p, &at, e, &p->outcome[i]);
	}
	if (mishap == NOT_IN_FORCE || mishap == PEER_GONE) {
		const uint64_t numbers = p->m.numbers;
		p->m = before;
		p->m.numbers = numbers;
		for (unsigned i = 0; i < n; i++) {
			model_name(&p->m, &p->event[i]);
			p->outcome[i].n = 0;
			if (!p->outcome[i].refused)
				keep_event(p, &p->event[i]);
		}
	}
	fake.full = mishap == FOLLOWER_FULL;
	if (mishap == PEER_GONE) {
		link_again(p);
	} else {
		if (functions_take(p->b->functions))
			functions_finish(p->b->functions, mishap != NOT_IN_FORCE);
		for (unsigned i = 0; i < n; i++)
			compare_answer(p, i, number + i, mishap);
	}
	fake.full = false;
	take_correlations(p);
	for (unsigned i = 0; i < n; i++)
		compare_records(p, &p->outcome[i]);
}

// Events that change what is known are sent again before anything else happens.
static void repeat(struct play *p)
{
	for (unsigned i = 0; i < p->n_again; i++) {
		const unsigned function = p->again[i].function;
		if (p->m.function[function].connected)
			continue;
		send_state(p->b, (uint16_t)function, NF_CONNECTED);
		turn(p->b);
		model_state(&p->m, function, NF_CONNECTED);
	}
	p->at_once = false;
	if (p->n_again > 0) {
		note(p, "%u events again", p->n_again);
		take_batch(p, 0, NONE);
	}
}

static void step_events(struct play *p)
{
	static const char *const mishaps[] = {
		"", ", the follower full", ", not in force", ", poi-events gone"};
	enum mishap mishap = percent(&p->chance, 85) ? NONE : 1 + below(&p->chance, 3);
	unsigned n = percent(&p->chance, 70) ? 1 : 1 + below(&p->chance, BATCH);
	bool any = false;

	for (unsigned i = 0; i < MODEL_FUNCTIONS; i++)
		any |= p->m.function[i].connected;
	if (!any)
		return;
	note(p, "%u events%s", n, mishaps[mishap]);
	take_batch(p, n, mishap);
	if (p->at_once)
		repeat(p);
}

static void any_task(struct play *p, struct model_task *t)
{
	const unsigned records = 1 + below(&p->chance, 7);

	*t = (struct model_task){.there = true, .records = (uint8_t)records};
	if (records & RECORDS_AMF && percent(&p->chance, 50))
		t->records |=
			percent(&p->chance, 50) ? TASK_ASSOCIATION_ALL : TASK_ASSOCIATION_ONLY;
	if (records & RECORDS_SMSF && percent(&p->chance, 50))
		t->records |= TASK_TRUNCATE;
	t->correlation = percent(&p->chance, 15) ? 1u << 20 | below(&p->chance, 2) : 0;
	t->n = 1 + (percent(&p->chance, 40) ? below(&p->chance, MODEL_TARGETS) : 0);
	for (uint32_t i = 0; i < t->n; i++)
		any_target(&p->chance, &t->target[i]);
}

// A task comes, is modified or goes.
static void step_task(struct play *p)
{
	static struct model_outcome outcome;
	const unsigned i = below(&p->chance, MODEL_TASKS);
	struct bed *b = p->b;
	struct function_task *before = b->task[i];
	struct model_task t;

	if (before && percent(&p->chance, 30)) {
		note(p, "task %u goes", i);
		functions_task_leave(b->functions, before);
		b->task[i] = NULL;
		p->m.task[i] = (struct model_task){0};
		return;
	}
	any_task(p, &t);
	if (before)
		t.correlation = p->m.task[i].correlation;
	note_task(p, i, &t, before ? "is modified" : "comes");
	b->x2[i]->correlation = t.correlation;
	cr_assert_eq(
		functions_task_enter(b->functions, b->x2[i], t.records, t.target, t.n, &b->task[i]),
		0);
	functions_task_start(b->functions, b->task[i], before);
	functions_task_leave(b->functions, before);
	model_task_set(&p->m, i, &t, &outcome);
	compare_records(p, &outcome);
}

static void step_function(struct play *p)
{
	static const char *const states[] = {
		"", "comes", "goes", "begins a snapshot", "ends a snapshot"};
	const unsigned i = below(&p->chance, MODEL_FUNCTIONS);
	const struct model_function *f = &p->m.function[i];
	enum nf_state state = !f->connected			       ? NF_CONNECTED
			      : percent(&p->chance, 20)		       ? NF_GONE
			      : f->snapshot && percent(&p->chance, 80) ? NF_SNAPSHOT_END
			      : percent(&p->chance, 90)		       ? NF_SNAPSHOT_BEGIN
								       : NF_SNAPSHOT_END;

	note(p, "%s %s", function_names[i], states[state]);
	send_state(p->b, (uint16_t)i, state);
	turn(p->b);
	model_state(&p->m, i, state);
}

static void play_from(uint64_t seed)
{
	const char *steps = getenv("POI_STEPS"), *other = getenv("POI_SEED");
	static const uint8_t records[] = {
		RECORDS_SMF, RECORDS_AMF, RECORDS_SMSF, RECORDS_SMF | RECORDS_AMF};
	static struct play play;
	struct play *p = &play;

	p->seed = other ? strtoull(other, NULL, 10) : seed;
	p->chance.state = p->seed * 0x9e3779b97f4a7c15ull | 1;
	p->b = bed_new();
	p->now_ms = 1000;
	for (unsigned i = 0; i < MODEL_TASKS; i++)
		(void)x2_of(p->b);
	for (unsigned i = 0; i < MODEL_FUNCTIONS; i++)
		p->m.function[i] = (struct model_function){
			.records = records[i], .unsure = records[i] & RECORDS_SMF};
	for (unsigned i = steps ? (unsigned)atoi(steps) : STEPS; i > 0; i--) {
		const unsigned what = below(&p->chance, 100);
		if (what < 70)
			step_events(p);
		else if (what < 85)
			step_task(p);
		else if (what < 99)
			step_function(p);
		else
			link_again(p);
		compare_end(p);
	}
	fprintf(stderr,
		"# seed %llu: %u ok, %u refused, %u put off, %u records, %u of them starts\n",
		(unsigned long long)p->seed, p->ok, p->refused, p->put_off, p->records, p->starts);
	cr_assert(steps || (p->ok > 500 && p->refused > 100 && p->records > 1000));
	cr_assert(steps || (p->put_off > 10 && p->starts > 200));
	bed_free(p->b);
}

Test(functions_model, records_and_answers_are_those_of_the_model)
{
	play_from(1);
}
