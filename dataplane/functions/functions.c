// Takes events of network functions in batches, and answers them when they are in force.

#include "dataplane/functions/functions.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/functions/functions_internal.h"
#include "shared/log.h"
#include "shared/now.h"

// ---- life ----

// A user by number or name.
static bool find_user(const char *user, uid_t *out)
{
	char *end;
	unsigned long number = strtoul(user, &end, 10);

	if (end != user && *end == 0 && number < UINT32_MAX) {
		*out = (uid_t)number;
		return true;
	}
	const struct passwd *p = getpwnam(user);
	if (p)
		*out = p->pw_uid;
	return p != NULL;
}

static bool open_link(struct functions *f, const struct config_events *c, char *why, size_t size)
{
	struct functions_link *l = f->link;

	l->fd = -1;
	l->hello.version = NF_VERSION;
	l->hello.n = c->n_functions;
	int n = snprintf(l->path, sizeof(l->path), "%s/dataplane.sock", c->folder);
	if (n < 0 || (size_t)n >= sizeof(l->path)) {
		(void)snprintf(why, size, "events.folder: too long for a socket in it");
		return false;
	}
	if (!find_user(c->user, &l->uid)) {
		(void)snprintf(why, size, "events.user: no such user: %s", c->user);
		return false;
	}
	for (uint32_t i = 0; i < c->n_functions; i++) {
		const struct config_function *from = &c->functions[i];
		uid_t uid;
		if (!find_user(from->user, &uid)) {
			(void)snprintf(why, size, "events.functions: no such user: %s", from->user);
			return false;
		}
		l->hello.function[i].uid = uid;
		l->hello.function[i].records = config_records_set(from->records, from->n_records);
		(void)snprintf(l->hello.function[i].name, sizeof(l->hello.function[i].name), "%s",
			from->name);
		(void)snprintf(f->function[i].name, sizeof(f->function[i].name), "%s", from->name);
		f->function[i].records = l->hello.function[i].records;
	}
	return true;
}

static bool make_parts(struct functions *f, const struct functions_settings *s)
{
	const struct config_events *c = &s->config->events;

	f->n_functions = c->n_functions;
	f->function = calloc(c->n_functions + 1, sizeof(f->function[0]));
	f->link = calloc(1, sizeof(*f->link));
	f->records = calloc(1, sizeof(*f->records));
	f->pending = calloc(BATCH_EVENTS, sizeof(f->pending[0]));
	f->room = malloc(BATCH_OCTETS);
	f->message = malloc(NF_MESSAGE_MAX);
	f->encoded = malloc(CAPTURE_RECORD_MAX + NF_MESSAGE_MAX);
	f->nodes = calloc(NF_NODES_MAX, sizeof(f->nodes[0]));
	f->subjects = subjects_new(
		&(struct subjects_settings){.memory = c->memory, .n_functions = c->n_functions});
	if (f->subjects)
		f->tasks = subject_tasks_new(subjects_seed(f->subjects));
	if (f->tasks)
		subjects_digests(f->subjects, subject_tasks_digests, f->tasks);
	return f->function && f->link && f->records && f->pending && f->room && f->message &&
	       f->encoded && f->nodes && f->tasks;
}

struct functions *functions_new(const struct functions_settings *s, char *why, size_t why_size)
{
	struct functions *f = calloc(1, sizeof(*f));

	if (why_size > 0)
		why[0] = 0;
	if (!f)
		return NULL;
	f->follower = s->follower;
	f->capture = s->capture;
	f->release = (enum config_xiri_release)s->config->delivery.xiri_release;
	if (!make_parts(f, s) || !open_link(f, &s->config->events, why, why_size)) {
		functions_free(f);
		return NULL;
	}
	f->records->capture = s->capture;
	f->records->counters = s->counters;
	f->records->release = f->release;
	functions_begin(f);
	return f;
}

static void drop_pending(struct functions *f)
{
	for (uint32_t i = 0; i < f->n_pending; i++)
		functions_subject_drop(f, f->pending[i].subject);
	f->n_pending = 0;
	f->used = 0;
}

void functions_free(struct functions *f)
{
	if (!f)
		return;
	drop_pending(f);
	while (f->tasks && subject_tasks_first(f->tasks))
		functions_task_leave(f, subject_tasks_first(f->tasks));
	subject_tasks_free(f->tasks);
	subjects_free(f->subjects);
	if (f->link)
		link_close(f->link);
	free(f->link);
	free(f->records);
	free(f->function);
	free(f->pending);
	free(f->room);
	free(f->message);
	free(f->encoded);
	free(f->nodes);
	free(f);
}

// ---- tasks ----

int functions_task_enter(struct functions *f, const struct x2_task *x2, uint8_t records,
	const struct session_target *targets, uint32_t n, struct function_task **out)
{
	int r = subject_tasks_add(f->tasks, targets, n, out);

	if (r == POI_OK) {
		(*out)->x2 = x2;
		(*out)->records = records;
	}
	return r;
}

struct start {
	struct functions *f;
	const struct function_task *before;
};

// The version that is replaced has such records of it already.
static bool had(const struct function_task *before, const struct subject *o)
{
	struct identities of = {0};

	if (!before || !task_has_records(before,
			       o->records == RECORDS_AMF ? RECORD_AMF_START : RECORD_SMF_START))
		return false;
	subject_identities(o, &of);
	return task_wants(before, &of);
}

static void start_one(void *context, struct function_task *t, struct subject *o)
{
	const struct start *s = context;

	if (o->reported && !had(s->before, o))
		records_start(s->f->records, t, o);
}

void functions_task_start(
	struct functions *f, struct function_task *t, const struct function_task *before)
{
	const struct task_visit visit = {start_one, &(struct start){f, before}};

	if (before)
		records_follow(f->records, t, before);
	subject_tasks_visit(f->tasks, f->subjects, t, &visit);
	capture_publish(f->capture);
}

void functions_task_leave(struct functions *f, struct function_task *t)
{
	if (!t)
		return;
	records_task_ends(f->records, t);
	subject_tasks_remove(f->tasks, t);
}

// ---- the link ----

// Messages whose report never came.
static void forget_messages(struct functions *f)
{
	const uint64_t now = now_wall_ns();
	struct subject *o;

	while ((o = subjects_first_message(f->subjects)) != NULL &&
		o->came_ns + MESSAGE_KEPT_NS < now)
		functions_subject_ends(f, o);
}

int functions_tick(struct functions *f, uint64_t now_ms)
{
	(void)link_connect(f->link, now_ms);
	forget_messages(f);
	functions_sweep(f);
	return f->link->fd;
}

int functions_fd(const struct functions *f)
{
	return f->link->fd;
}

// poi-events is of another version, or broken: what it sends means nothing.
static int disagree(struct functions *f)
{
	log_error("events: poi-events sent a message that cannot be read");
	link_close(f->link);
	return POI_ERR_INVALID;
}

static int take_message(struct functions *f, size_t length)
{
	struct nf_event e = {.nodes = f->nodes};
	struct nf_function_state state;

	if (f->message[0] == NF_EVENT) {
		if (nf_decode_event(f->message + 1, length - 1, &e) != POI_OK ||
			e.function >= f->n_functions)
			return disagree(f);
		functions_event(f, &e, &f->pending[f->n_pending++]);
		return POI_OK;
	}
	if (f->message[0] != NF_FUNCTION ||
		nf_decode_function(f->message + 1, length - 1, &state) != POI_OK ||
		state.function >= f->n_functions)
		return disagree(f);
	functions_state(f, &state);
	return POI_OK;
}

static bool has_room(const struct functions *f)
{
	return f->n_pending < BATCH_EVENTS &&
	       BATCH_OCTETS - f->used >= 2 * CAPTURE_RECORD_MAX + IDENTITIES_MAX * SESSION_NAI_MAX;
}

bool functions_take(struct functions *f)
{
	const uint64_t start = now_monotonic_ns();
	bool any = false;
	int n = 0;

	if (f->n_pending > 0)
		return true;
	while (link_room(f->link) > 0 && has_room(f)) {
		n = link_receive(f->link, f->message, NF_MESSAGE_MAX);
		if (n <= 0 || take_message(f, (size_t)n) != POI_OK)
			break;
		any = true;
		if (now_monotonic_ns() - start > BATCH_NS)
			break;
	}
	if (f->link->fd < 0)
		functions_away(f);
	if (f->n_pending > 0)
		follower_wait_done(f->follower); // it has the sessions of events
	return any;
}

// ---- what was taken is in force ----

// A task that may not have the user data of messages never gets the whole record.
static void queue_one(struct functions *f, struct function_task *t, const struct pending *p)
{
	bool truncated = p->truncates && t->records & TASK_TRUNCATE;

	if (!truncated)
		records_queue(f->records, t, p->subject, &p->record);
	else if (p->truncated.octets)
		records_queue(f->records, t, p->subject, &p->truncated);
}

static void queue_records(struct functions *f, struct pending *p)
{
	struct subject *o = p->subject;
	const bool start = p->snapshot && o && !o->reported;

	if (p->snapshot && !start)
		return;
	if (start) { // it shows the user as known now
		p->identities = (struct identities){0};
		subject_identities(o, &p->identities);
	}
	for (struct function_task *t = subject_tasks_of(f->tasks, &p->identities); t;
		t = t->next_found)
		if (start)
			records_start(f->records, t, o);
		else if (task_has_records(t, p->record.kind))
			queue_one(f, t, p);
}

// The follower has taken its session; it may lack one that ends.
static bool session_taken(const struct pending *p)
{
	if (p->session.kind == SESSION_EVENT_ENDS)
		return p->session.result != POI_ERR_NOMEM;
	return !p->is || p->session.result == POI_OK;
}

static void finish_one(struct functions *f, struct pending *p, bool in_force)
{
	struct function_state *s = &f->function[p->function];

	// An event that is not answered is sent again: its records are made then.
	if (!in_force || f->link->fd < 0 || !session_taken(p)) {
		if (p->answer.result == NF_OK)
			p->answer.result = NF_LATER;
	} else if (p->is) {
		p->subject->correlation = p->session.correlation;
	}
	if (p->answer.result == NF_OK) {
		queue_records(f, p);
		if (p->subject)
			p->subject->reported = true;
	}
	// An end is sent again, too; its record needs what is known of the session.
	if (p->answer.result == NF_LATER && p->subject)
		subjects_restore(f->subjects, p->subject);
	s->taken += p->answer.result == NF_OK;
	s->refused += p->answer.result == NF_REFUSED;
	s->later += p->answer.result == NF_LATER;
	if (p->answer.result == NF_REFUSED && p->answer.reason <= NF_REASON_LAST)
		f->refused[p->answer.reason]++;
}

void functions_finish(struct functions *f, bool in_force)
{
	for (uint32_t i = 0; i < f->n_pending; i++)
		finish_one(f, &f->pending[i], in_force);
	capture_publish(f->capture);
	for (uint32_t i = 0; i < f->n_pending; i++)
		link_answer(f->link, &f->pending[i].answer);
	drop_pending(f);
}

// ---- counters ----

static void add_reason(
	struct channel_functions *out, const char *of, const char *reason, uint64_t value)
{
	if (value == 0 || out->n_reasons == CHANNEL_COUNTERS_MAX)
		return;
	(void)snprintf(
		out->reason[out->n_reasons].name, sizeof(out->reason[0].name), "%s%s", of, reason);
	out->reason[out->n_reasons++].value = value;
}

void functions_counts(const struct functions *f, struct channel_functions *out)
{
	*out = (struct channel_functions){.connected = f->link->fd >= 0,
		.records = f->records->owed,
		.shortened = f->records->shortened,
		.n = f->n_functions};
	subjects_counts(f->subjects, &out->sessions, &out->registrations, &out->octets);
	for (uint32_t i = 0; i < f->n_functions; i++) {
		const struct function_state *s = &f->function[i];
		memcpy(out->function[i].name, s->name, sizeof(s->name));
		out->function[i].connected = s->connected;
		out->function[i].received = s->received;
		out->function[i].taken = s->taken;
		out->function[i].refused = s->refused;
		out->function[i].later = s->later;
	}
	for (unsigned i = 0; i <= NF_REASON_LAST; i++)
		add_reason(out, "", nf_reason_text(i), f->refused[i]);
	for (unsigned i = 0; i <= RECORD_ROOM; i++)
		add_reason(out, "start_", nf_reason_text(i), f->records->start_refused[i]);
}
