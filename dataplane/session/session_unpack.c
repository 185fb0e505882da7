// Holds what is worked with while a message is taken.

#include "dataplane/session/session_unpack_internal.h"

#include <assert.h>

#include "dataplane/session/session_string_internal.h"
#include "dataplane/session/session_transaction_internal.h"

// The deepest nesting that the source allows, which tests/rules/depth.py finds: a message begins or
// changes one session, which looks at another's, which may end for it. Nothing that a peer sends
// opens more.
#define UNPACKED_MAX 4u
#define SELECTORS_OPEN_MAX 5u
// The message at hand, a response that came before it, the request that it answers, and one more
// that waits.
#define DECODED_MAX 4u
// Strings of all requests of one session that may be applied at a time, with those accepted before
// them; and once more for a look at another session.
#define NOTES_OF_REQUEST (PFCP_PDRS_MAX * (1 + PFCP_SDFS_MAX) + PFCP_ENDPOINTS_MAX)
#define NOTES_MAX (ASKED_OF_SESSION_MAX * (2 + LATER_KEPT_MAX) * NOTES_OF_REQUEST)

struct workspace {
	struct unpacked unpacked[UNPACKED_MAX];
	struct selectors selectors[SELECTORS_OPEN_MAX];
	struct decoded decoded[DECODED_MAX];
	uint32_t n_unpacked, n_selectors;
	uint64_t used;
	uint32_t n_notes, note[NOTES_MAX];
	uint8_t record[RECORD_MAX];
};

struct workspace *workspace_new(struct sessions *st)
{
	return session_alloc(&st->memory, sizeof(struct workspace));
}

void workspace_free(struct sessions *st)
{
	session_release(&st->memory, st->work);
}

static struct unpacked *push(struct workspace *w)
{
	assert(w->n_unpacked < UNPACKED_MAX);
	struct unpacked *u = &w->unpacked[w->n_unpacked++];
	u->n_notes = w->n_notes;
	return u;
}

struct unpacked *unpack_open(struct sessions *st, const struct session *s)
{
	struct unpacked *u = push(st->work);

	record_unpack(s, &u->rules);
	return u;
}

struct unpacked *unpack_new(struct sessions *st, enum session_kind kind)
{
	struct unpacked *u = push(st->work);

	rules_clear(&u->rules, kind);
	return u;
}

uint32_t unpack_note(struct sessions *st, struct unpacked *u, uint32_t string)
{
	struct workspace *w = st->work;

	assert(u == &w->unpacked[w->n_unpacked - 1]);
	if (string == SESSION_NONE)
		return SESSION_NONE;
	if (w->n_notes == NOTES_MAX) { // more than one session's requests can ask for
		string_drop(st, string);
		u->rules.overflow = true;
		st->counts.refused++;
		return SESSION_NONE;
	}
	w->note[w->n_notes++] = string;
	return string;
}

void unpack_close(struct sessions *st, struct unpacked *u)
{
	struct workspace *w = st->work;

	assert(u == &w->unpacked[w->n_unpacked - 1]);
	while (w->n_notes > u->n_notes)
		string_drop(st, w->note[--w->n_notes]);
	w->n_unpacked--;
}

struct selectors *selectors_open(struct sessions *st)
{
	struct workspace *w = st->work;

	assert(w->n_selectors < SELECTORS_OPEN_MAX);
	struct selectors *opened = &w->selectors[w->n_selectors++];
	opened->n = 0;
	opened->overflow = false;
	return opened;
}

void selectors_close(struct sessions *st, struct selectors *opened)
{
	assert(opened == &st->work->selectors[st->work->n_selectors - 1]);
	st->work->n_selectors--;
}

// The one that was not used for longest.
struct decoded *decoded_open(struct sessions *st)
{
	struct workspace *w = st->work;
	struct decoded *best = NULL;

	for (unsigned i = 0; i < DECODED_MAX; i++)
		if (w->decoded[i].n_open == 0 && (!best || w->decoded[i].used < best->used))
			best = &w->decoded[i];
	assert(best);
	best->order = 0;
	best->n_open = 1;
	best->used = ++w->used;
	return best;
}

static void decode_pfcp(const struct transaction *t, struct pfcp_message *m)
{
	uint32_t used;
	bool more;
	enum signalling_reason why = pfcp_decode(t->raw, t->length, m, &used, &more);

	if (signalling_usable(why))
		return;
	m->type = 0; // it was read before
	m->n_pdrs = m->n_fars = m->n_endpoints = m->n_removed = m->n_csids = 0;
}

static void decode_gtpv2(const struct transaction *t, struct gtpv2_message *m)
{
	uint32_t used;
	bool more;
	enum signalling_reason why = gtpv2_decode(t->raw, t->length, m, &used, &more);

	if (signalling_usable(why))
		return;
	m->type = 0; // it was read before
	m->n_bearers = m->n_ebis = m->n_csids = m->n_control = 0;
}

struct decoded *decoded_open_request(struct sessions *st, const struct transaction *t)
{
	struct workspace *w = st->work;

	for (unsigned i = 0; i < DECODED_MAX; i++) {
		struct decoded *d = &w->decoded[i];
		if (d->order != t->order)
			continue;
		d->n_open++;
		d->used = ++w->used;
		return d;
	}
	struct decoded *d = decoded_open(st);
	d->order = t->order;
	if (t->protocol == SIGNALLING_PFCP)
		decode_pfcp(t, &d->pfcp);
	else
		decode_gtpv2(t, &d->gtpv2);
	return d;
}

void decoded_close(struct decoded *d)
{
	assert(d->n_open > 0);
	d->n_open--;
}

uint8_t *workspace_record(struct sessions *st)
{
	return st->work->record;
}
