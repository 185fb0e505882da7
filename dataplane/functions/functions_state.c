// Follows which functions are connected, and their snapshots.

#include "dataplane/functions/functions_internal.h"
#include "shared/log.h"
#include "shared/now.h"

#define TOGETHER 16u // sessions that end before the follower is waited for

static void post(struct functions *f, uint8_t kind)
{
	struct session_event e = {.kind = kind, .time_ns = now_wall_ns()};

	follower_event(f->follower, &e);
	follower_wait_done(f->follower);
}

// Its sessions may differ from those that are known. Of an AMF and an SMSF no content is bound.
static void is_lost(struct functions *f, struct function_state *s)
{
	if (s->lost || !(s->records & RECORDS_SMF))
		return;
	post(f, SESSION_EVENT_FUNCTION_LOST);
	s->lost = true;
}

void functions_begin(struct functions *f)
{
	for (uint32_t i = 0; i < f->n_functions; i++)
		is_lost(f, &f->function[i]);
}

static void goes(struct functions *f, struct function_state *s)
{
	if (!s->connected)
		return;
	log_warning("events: function %s is not connected any more", s->name);
	s->connected = false;
	s->in_snapshot = s->sweeping = false;
	is_lost(f, s);
}

// Its sessions are those that are known: at the end of a snapshot, not before.
static void is_back(struct functions *f, struct function_state *s)
{
	if (s->lost)
		post(f, SESSION_EVENT_FUNCTION_BACK);
	s->lost = false;
}

struct ending {
	struct session_event event[TOGETHER];
	char name[TOGETHER][SESSION_EVENT_NAME];
	struct subject *of[TOGETHER];
	uint32_t n;
	bool left; // the follower never had one, for want of memory
};

static void end_together(struct functions *f, struct ending *x)
{
	if (x->n > 0)
		follower_wait_done(f->follower);
	for (uint32_t i = 0; i < x->n; i++)
		if (x->event[i].result == POI_ERR_NOMEM)
			x->left = true;
		else
			functions_subject_ends(f, x->of[i]);
	x->n = 0;
}

static void end_session(struct functions *f, struct subject *o, struct ending *x)
{
	struct session_event *e = &x->event[x->n];

	*e = (struct session_event){.kind = SESSION_EVENT_ENDS,
		.name = x->name[x->n],
		.name_length = functions_session_name(f, o, x->name[x->n]),
		.time_ns = now_wall_ns()};
	x->of[x->n] = o;
	follower_event(f->follower, e);
	if (++x->n == TOGETHER)
		end_together(f, x);
}

// Ends those of the function that its snapshot did not have. An end that was not seen has no
// record. False: some are still there, and bound.
static bool sweep(struct functions *f, uint16_t function)
{
	struct subject *o = subjects_first(f->subjects, function), *next;
	struct ending x;

	x.n = 0;
	x.left = false;
	for (; o; o = next) {
		next = subject_after(o);
		if (o->seen == f->function[function].snapshot)
			continue;
		if (o->records == RECORDS_SMF)
			end_session(f, o, &x);
		else
			functions_subject_ends(f, o);
	}
	end_together(f, &x);
	return !x.left;
}

void functions_sweep(struct functions *f)
{
	for (uint32_t i = 0; i < f->n_functions; i++) {
		struct function_state *s = &f->function[i];
		if (!s->sweeping || !sweep(f, (uint16_t)i))
			continue;
		s->sweeping = false;
		is_back(f, s);
	}
}

void functions_state(struct functions *f, const struct nf_function_state *m)
{
	struct function_state *s = &f->function[m->function];

	switch (m->state) {
	case NF_CONNECTED:
		if (!s->connected)
			log_notice("events: function %s is connected", s->name);
		s->connected = true;
		break;
	case NF_GONE:
		goes(f, s);
		break;
	case NF_SNAPSHOT_BEGIN:
		s->snapshot++;
		s->in_snapshot = true;
		s->sweeping = false;
		break;
	default:
		if (s->in_snapshot) {
			s->in_snapshot = false;
			s->sweeping = true;
			functions_sweep(f);
		}
		break;
	}
}

void functions_rest(struct functions *f)
{
	if (f->link->fd < 0)
		return;
	log_notice("events: not taken until all tasks are there");
	link_close(f->link);
	functions_away(f);
}

void functions_away(struct functions *f)
{
	for (uint32_t i = 0; i < f->n_functions; i++)
		goes(f, &f->function[i]);
}
