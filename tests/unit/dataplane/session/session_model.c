#include "tests/unit/dataplane/session/session_model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/dataplane/session/pfcp_play.h"

#define SELECTORS 32
#define PENDING 16
#define LEFT 16
#define OBJECTS (2 * MODEL_SESSIONS)
#define MESSAGES 4096
#define MESSAGE_NS 100000ull // as the world passes its time
#define WAIT_NS 1100000000ull
#define EARLY_NS 10000000000ull
#define ANSWER_NS 5000000000ull
#define LATER 4
#define HISTORY_MAX 512

struct asked {
	struct model_event e;
	unsigned order;
	uint64_t ns;
	unsigned later; // accepted before it
};

struct facts {	    // content of the accepted messages
	bool rules; // the establishment was seen: PDRs and FARs are known
	bool local; // the F-TEID is known
	bool address;
	uint8_t action;
	uint32_t teid, gnb; // 0: no outer header
};

struct key {
	struct model_selector selector;
	bool accepted, left, claimed;
	unsigned order; // of the request that names it
};

struct object { // an object that the store would have as one session
	bool there, accepted, partial, knows_cp, knows_up, named;
	unsigned of, generation; // whose; one each
	struct facts facts;
	struct asked pending[PENDING], history[HISTORY_MAX];
	unsigned n_pending, n_history;
	struct {
		uint32_t teid, gnb;
		unsigned until, order;
	} left[LEFT];
	unsigned n_left;
	struct key key[SELECTORS];
	unsigned n_keys;
	bool overtaken;
};

enum heard { NOTHING, ASKED, ASSUMED, ANSWERED, EARLY };

struct model {
	const struct play *play;
	struct object object[OBJECTS];
	struct model_event request[MESSAGES], early[MESSAGES];
	uint8_t heard[MESSAGES];
	uint64_t early_ns[MESSAGES], now_ns;
	unsigned generation[MESSAGES]; // of the object that the request was about, 0: none
	unsigned order, waits, generations;
	bool waiting; // its changes come by the passing of time: no message arrived
};

struct model *model_new(const struct play *plays)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->play = plays;
	return m;
}

void model_free(struct model *m)
{
	free(m);
}

// ---- keys ----

static bool same_key(const struct model_selector *a, const struct model_selector *b)
{
	return a->what == b->what && a->a == b->a && (a->what == 2 || a->b == b->b);
}

static struct key *key_of(struct object *o, const struct model_selector *w)
{
	for (unsigned i = 0; i < o->n_keys; i++)
		if (same_key(&o->key[i].selector, w))
			return &o->key[i];
	return NULL;
}

static void add_key(struct object *o, struct model_selector w, bool left, unsigned order)
{
	struct key *k = key_of(o, &w);

	if (k) {
		if (!k->accepted)
			k->order = order;
		return;
	}
	o->key[o->n_keys++] =
		(struct key){.selector = w, .accepted = order == 0, .left = left, .order = order};
}

static void apply(struct facts *f, const struct model_event *e, const struct play *p)
{
	if (e->kind == MODEL_ESTABLISH) {
		f->rules = true;
		f->local = f->local || p->given;
		f->address = p->ue != 0;
		f->action = BUFF;
	} else if (e->kind == MODEL_MODIFY) {
		f->action = e->action;
		if (e->teid) {
			f->teid = e->teid;
			f->gnb = e->gnb;
		}
	}
}

static bool forwards(const struct facts *f)
{
	return f->action == FORW && f->teid;
}

static void add_facts(struct object *o, const struct play *p, const struct facts *f, unsigned order)
{
	if (f->local)
		add_key(o, (struct model_selector){0, p->uplink, N3_UPF}, false, order);
	if (f->address && f->rules)
		add_key(o, (struct model_selector){2, p->ue, p->ni != NULL}, false, order);
	if (forwards(f))
		add_key(o, (struct model_selector){1, f->teid, f->gnb}, false, order);
}

static void work_out(struct model *m, struct object *o)
{
	const struct play *p = &m->play[o->of];
	struct facts f = o->facts;

	o->n_keys = 0;
	if (!o->there)
		return;
	add_facts(o, p, &f, 0);
	for (unsigned i = 0; i < o->n_left; i++)
		add_key(o, (struct model_selector){1, o->left[i].teid, o->left[i].gnb}, true, 0);
	for (unsigned i = 0; i < o->n_pending; i++) {
		apply(&f, &o->pending[i].e, p);
		add_facts(o, p, &f, o->pending[i].order);
	}
}

// ---- ownership ----

static bool others_show(struct model *m, const struct object *but, const struct model_selector *w)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *o = &m->object[i];
		struct key *k = o == but || !o->there ? NULL : key_of(o, w);
		if (k && k->claimed)
			return true;
	}
	return false;
}

static void overtake(struct model *m, const struct object *by, const struct key *k, unsigned order)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *o = &m->object[i];
		struct key *t = o == by || !o->there ? NULL : key_of(o, &k->selector);
		if (!t || !t->claimed || (!t->accepted && t->order > order) ||
			(k->selector.what == 2 && t->selector.b != k->selector.b))
			continue;
		t->claimed = false;
		o->overtaken = true;
	}
}

// The object changed: its keys anew. `named`: a request gives this selector again.
static void changed(struct model *m, struct object *o, const struct model_selector *named)
{
	struct object old = *o;

	work_out(m, o);
	for (unsigned i = 0; i < o->n_keys; i++) {
		struct key *k = &o->key[i], *b = key_of(&old, &k->selector);
		if (b && named && !b->claimed && same_key(&b->selector, named))
			b = NULL;
		if (b)
			k->claimed = b->claimed;
		else
			k->claimed = true;
		if (b && !k->claimed && o->overtaken && !m->waiting &&
			!others_show(m, o, &k->selector))
			k->claimed = true;
		if (k->accepted && (!b || !b->accepted)) {
			k->claimed = true;
			overtake(m, o, k, b ? b->order : m->order);
		}
	}
}

static bool owns(struct model *m, const struct object *o, const struct key *k)
{
	if (!k->claimed)
		return false;
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *x = &m->object[i];
		struct key *t = x == o || !x->there ? NULL : key_of(x, &k->selector);
		if (!t || !t->claimed)
			continue;
		if (k->selector.what == 2 && t->selector.b != k->selector.b)
			return false;
		if ((t->accepted ? 0 : t->order) > (k->accepted ? 0 : k->order))
			return false;
	}
	return true;
}

// ---- objects ----

// One that lives before one whose establishment may never have been accepted.
static struct object *by_cp(struct model *m, unsigned of)
{
	struct object *waits = NULL;

	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *o = &m->object[i];
		if (!o->there || o->of != of || !o->knows_cp)
			continue;
		if (o->accepted || o->partial)
			return o;
		waits = waits && waits->generation > o->generation ? waits : o;
	}
	return waits;
}

static struct object *by_up(struct model *m, unsigned of, const struct object *but)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (m->object[i].there && m->object[i].of == of && m->object[i].knows_up &&
			&m->object[i] != but)
			return &m->object[i];
	return NULL;
}

static struct object *make(struct model *m, unsigned of)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (!m->object[i].there) {
			m->object[i] = (struct object){
				.there = true, .of = of, .generation = ++m->generations};
			return &m->object[i];
		}
	abort();
}

static struct object *asker(struct model *m, uint32_t sequence)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		for (unsigned j = 0; m->object[i].there && j < m->object[i].n_pending; j++)
			if (m->object[i].pending[j].e.sequence == sequence)
				return &m->object[i];
	return NULL;
}

// A deletion asks for nothing: it stands before all others.
static void add_pending(struct object *o, const struct asked *a)
{
	unsigned i = o->n_pending++;

	for (; i > 0 && a->e.kind == MODEL_DELETE; i--)
		o->pending[i] = o->pending[i - 1];
	o->pending[i] = *a;
}

static struct object *by_generation(struct model *m, unsigned generation)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (m->object[i].there && m->object[i].generation == generation)
			return &m->object[i];
	return NULL;
}

static void end(struct object *o)
{
	*o = (struct object){};
}

static void drop_pending(struct object *o, unsigned i)
{
	memmove(&o->pending[i], &o->pending[i + 1], (--o->n_pending - i) * sizeof(o->pending[0]));
}

static void drop_request(struct object *o, uint32_t sequence)
{
	for (unsigned i = 0; i < o->n_pending; i++)
		if (o->pending[i].e.sequence == sequence) {
			drop_pending(o, i);
			return;
		}
}

static void adopt(struct model *m, struct object *o, struct object *other)
{
	struct asked moved[PENDING];
	unsigned n = other->n_pending;

	memcpy(moved, other->pending, sizeof(moved));
	end(other);
	for (unsigned i = 0; i < n; i++) {
		add_pending(o, &moved[i]);
		m->generation[moved[i].e.sequence] = o->generation;
	}
	changed(m, o, NULL);
}

static void leave(struct model *m, struct object *o, const struct facts *old)
{
	const struct facts *f = &o->facts;

	if (forwards(old) && forwards(f) && (old->teid != f->teid || old->gnb != f->gnb)) {
		o->left[o->n_left].teid = old->teid;
		o->left[o->n_left].gnb = old->gnb;
		o->left[o->n_left].order = ++m->order;
		o->left[o->n_left++].until = m->waits + 1;
	}
	for (unsigned i = 0; i < o->n_left;)
		if (forwards(f) && o->left[i].teid == f->teid && o->left[i].gnb == f->gnb)
			o->left[i] = o->left[--o->n_left];
		else
			i++;
}

static bool before(const struct asked *a, const struct asked *b)
{
	if ((a->e.kind == MODEL_ESTABLISH) != (b->e.kind == MODEL_ESTABLISH))
		return a->e.kind == MODEL_ESTABLISH; // whenever it was seen
	return a->order < b->order;
}

// Accepted requests are in force in the order in which they were asked.
static void accept(struct model *m, struct object *o, const struct asked *a)
{
	struct facts f = {.rules = o->facts.rules, .local = o->facts.local};
	unsigned i = o->n_history++;

	for (; i > 0 && before(a, &o->history[i - 1]); i--)
		o->history[i] = o->history[i - 1];
	o->history[i] = *a;
	for (i = 0; i < o->n_history; i++)
		apply(&f, &o->history[i].e, &m->play[o->of]);
	o->facts = f;
}

// The request is accepted, and with it an establishment, and what was asked long before.
static void accept_request(struct model *m, struct object *o, uint32_t sequence)
{
	struct facts old = o->facts;

	for (unsigned i = 0; i < o->n_pending;) {
		struct asked *a = &o->pending[i];
		bool last = a->e.sequence == sequence, delete = a->e.kind == MODEL_DELETE;
		if (!last && a->e.kind != MODEL_ESTABLISH && a->ns + ANSWER_NS >= m->now_ns &&
			(delete || a->later < LATER)) {
			a->later++;
			i++;
			continue;
		}
		if (last || !delete)
			accept(m, o, a);
		if (!last && !delete)
			m->heard[a->e.sequence] = ASSUMED;
		drop_pending(o, i);
		if (last)
			break;
	}
	o->accepted = true;
	leave(m, o, &old);
}

// ---- messages ----

static void answer(struct model *m, const struct model_event *e);

static void ask(struct model *m, const struct model_event *e)
{
	struct object *o = NULL;
	struct model_selector named = {1, e->teid, e->gnb};
	bool early = m->heard[e->sequence] == EARLY;

	if (m->heard[e->sequence] != NOTHING && !early)
		return;
	early = early && m->early_ns[e->sequence] + EARLY_NS >= m->now_ns;
	m->heard[e->sequence] = ASKED;
	m->request[e->sequence] = *e;
	if (e->kind == MODEL_ESTABLISH) {
		o = make(m, e->session);
		o->knows_cp = o->named = true;
	} else {
		o = by_up(m, e->session, NULL);
	}
	if (!o && e->kind == MODEL_MODIFY) {
		o = make(m, e->session);
		o->knows_up = o->partial = true;
	}
	m->generation[e->sequence] = o ? o->generation : 0;
	if (o) {
		add_pending(o, &(struct asked){*e, ++m->order, m->now_ns, 0});
		if (e->kind != MODEL_DELETE)
			changed(m, o, e->kind == MODEL_MODIFY && e->teid ? &named : NULL);
	} else {
		m->order++;
	}
	if (early)
		answer(m, &m->early[e->sequence]);
}

static void alone(struct model *m, const struct model_event *e)
{
	struct object *o = by_cp(m, e->session);

	m->heard[e->sequence] = EARLY;
	m->early[e->sequence] = *e; // repetitions are equal
	m->early_ns[e->sequence] = m->now_ns;
	if (e->cause != 1)
		return;
	if (e->kind == MODEL_ESTABLISHED && !by_up(m, e->session, NULL)) {
		o = make(m, e->session);
		o->partial = o->accepted = o->knows_cp = o->knows_up = true;
		o->facts.local = !m->play[e->session].given;
		changed(m, o, NULL);
	} else if (e->kind == MODEL_MODIFIED && !o) {
		o = make(m, e->session);
		o->partial = o->knows_cp = true;
	} else if (e->kind == MODEL_DELETED && o) {
		end(o);
	}
}

static void answer_established(struct model *m, const struct model_event *e, struct object *o)
{
	bool late = m->heard[e->sequence] == ASSUMED;

	if (late)
		o = by_cp(m, e->session);
	if (!o)
		return;
	if (e->cause != 1) {
		if (late)
			return;
		drop_request(o, e->sequence);
		changed(m, o, NULL);
		if (!o->accepted && !o->partial)
			end(o);
		return;
	}
	if (!late)
		accept_request(m, o, e->sequence);
	o->facts.local = true;
	o->knows_up = true;
	o->partial = false;
	changed(m, o, NULL);
	struct object *other = by_up(m, e->session, o);
	if (other)
		adopt(m, o, other);
	for (unsigned i = 0; i < OBJECTS && !late; i++) { // under the same CP SEID
		struct object *x = &m->object[i];
		if (x != o && x->there && x->of == o->of && x->knows_cp &&
			(x->accepted || x->partial))
			end(x);
	}
}

// Finds the owner of an UP SEID: the newest whose establishment waits, else one known in part.
static struct object *waiting_of(struct model *m, const struct object *but)
{
	struct object *best = NULL;

	for (unsigned i = 0; i < OBJECTS; i++) {
		struct object *o = &m->object[i];
		if (o == but || !o->there || o->of != but->of || !o->knows_cp || o->knows_up)
			continue;
		if (!best || (best->partial != o->partial ? best->partial
							  : o->generation > best->generation))
			best = o;
	}
	return best;
}

static void answer_modified(struct model *m, const struct model_event *e, struct object *o)
{
	if (!o || m->heard[e->sequence] == ASSUMED)
		return;
	if (e->cause != 1) {
		drop_request(o, e->sequence);
		changed(m, o, NULL);
		return;
	}
	if (o->partial) {
		struct object *s = waiting_of(m, o);
		if (s) {
			s->knows_up = true;
			adopt(m, s, o);
			o = s;
		} else {
			o->knows_cp = true;
		}
	}
	accept_request(m, o, e->sequence);
	changed(m, o, NULL);
}

static void answer(struct model *m, const struct model_event *e)
{
	struct object *o = asker(m, e->sequence);

	if (e->kind == MODEL_ESTABLISHED) {
		answer_established(m, e, o);
	} else if (e->kind == MODEL_MODIFIED) {
		answer_modified(m, e, o);
	} else {
		if (o)
			drop_request(o, e->sequence);
		o = m->generation[e->sequence] ? by_generation(m, m->generation[e->sequence])
					       : by_cp(m, e->session);
		if (e->cause == 1 && o)
			end(o);
	}
	m->heard[e->sequence] = ANSWERED;
}

// The session whose tunnel was left first.
static struct object *oldest_left(struct model *m)
{
	struct object *first = NULL;
	unsigned order = 0;

	for (unsigned i = 0; i < OBJECTS; i++)
		for (unsigned j = 0; m->object[i].there && j < m->object[i].n_left; j++)
			if (!first || m->object[i].left[j].order < order) {
				first = &m->object[i];
				order = first->left[j].order;
			}
	return first;
}

static void wait(struct model *m)
{
	m->waits++;
	m->waiting = true;
	for (struct object *o; (o = oldest_left(m));) { // all are older than the wait
		o->n_left = 0;
		changed(m, o, NULL);
	}
	m->waiting = false;
}

void model_take(struct model *m, const struct model_event *e)
{
	uint8_t heard = m->heard[e->sequence];

	m->now_ns += e->kind == MODEL_WAIT ? WAIT_NS : MESSAGE_NS;
	if (e->kind == MODEL_WAIT)
		wait(m);
	else if (e->kind == MODEL_ESTABLISH || e->kind == MODEL_MODIFY || e->kind == MODEL_DELETE)
		ask(m, e);
	else if (heard == NOTHING || heard == EARLY)
		alone(m, e);
	else if (heard != ANSWERED)
		answer(m, e);
}

unsigned model_bound(const struct model *m, unsigned session, bool by_imsi,
	struct model_selector *out, unsigned most)
{
	unsigned n = 0;

	for (unsigned i = 0; i < OBJECTS; i++) {
		const struct object *o = &m->object[i];
		if (!o->there || o->of != session || (by_imsi ? !o->named : !o->knows_up))
			continue;
		for (unsigned j = 0; j < o->n_keys; j++) {
			bool known = !owns((struct model *)m, o, &o->key[j]);
			for (unsigned k = 0; k < n && !known; k++)
				known = same_key(&out[k], &o->key[j].selector);
			if (!known && n < most)
				out[n++] = o->key[j].selector;
		}
	}
	return n;
}
