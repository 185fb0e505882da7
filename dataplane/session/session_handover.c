// Keeps the tunnel that a handover left bound for a while.

#include "dataplane/session/session_life_internal.h"
#include "dataplane/session/session_rules_internal.h"

#include <string.h>

// A base station goes on sending end markers and what was on its way through the tunnel that a
// handover left: the tunnel stays bound for a while, unless another session takes it.

static void drop_linger(struct rules *r, unsigned i)
{
	r->n_lingers--;
	memmove(&r->linger[i], &r->linger[i + 1], (r->n_lingers - i) * sizeof(r->linger[0]));
}

static bool is_selector(const struct rule_linger *l, const struct selector *w)
{
	return w->kind == BINDING_TUNNEL && l->teid == w->teid &&
	       l->prefix.family == w->prefix.family &&
	       memcmp(l->prefix.b, w->prefix.b, sizeof(l->prefix.b)) == 0;
}

void rules_add_linger(
	struct sessions *st, struct rules *r, uint32_t session, const struct selector *w)
{
	for (unsigned i = 0; i < r->n_lingers; i++)
		if (is_selector(&r->linger[i], w)) {
			drop_linger(r, i);
			break;
		}
	if (r->n_lingers == RULES_LINGERS_MAX)
		drop_linger(r, 0);
	struct rule_linger *l = &r->linger[r->n_lingers++];
	*l = (struct rule_linger){.until_ns = st->now_ns + st->s.handover_ns,
		.link = w->link,
		.direction = w->direction,
		.teid = w->teid,
		.prefix = w->prefix};
	sessions_linger(st, session, l->until_ns);
}

// True if a user of the tunnel goes on in the new rules, by another one.
static bool moved(const struct rules *old, const struct rules *new, const struct selector *w,
	struct rule_linger *l)
{
	bool any = false;

	for (unsigned i = 0; i < old->n_pdrs; i++) {
		if (!(w->pdrs >> i & 1))
			continue;
		for (unsigned j = 0; j < new->n_pdrs; j++) {
			const struct rule_pdr *p = &new->pdr[j];
			const struct rule_far *f = p->id == old->pdr[i].id && p->has_far
							   ? rules_far(new, p->far)
							   : NULL;
			if (!f || !f->has_outer || !far_forwards(f))
				continue;
			any = true;
			if (l->n_pdrs < LINGER_PDRS_MAX)
				l->pdr[l->n_pdrs++] = p->id;
		}
	}
	return any;
}

// Compares the FAR itself: the PDRs of a partial session may be unknown.
static bool far_moved(const struct rules *old, const struct rules *new, const struct selector *w)
{
	for (unsigned i = 0; w->pdrs == 0 && i < old->n_fars; i++) {
		const struct rule_far *f = &old->far[i], *n = rules_far(new, f->id);
		if (f->has_outer && f->outer.teid == w->teid && n && n->has_outer &&
			far_forwards(n))
			return true;
	}
	return false;
}

void rules_handover(struct sessions *st, const struct session *s, const struct selectors *before,
	struct rules *r)
{
	struct unpacked *u = unpack_open(st, s);
	const struct rules *old = &u->rules;
	struct selectors *now = selectors_open(st);
	uint8_t lingers = r->n_lingers;

	r->n_lingers = 0; // only what is really there
	selectors_of(r, now);
	r->n_lingers = lingers;
	for (uint32_t i = 0; i < before->n; i++) {
		const struct selector *w = &before->selector[i];
		struct rule_linger l = {};
		if (w->kind != BINDING_TUNNEL || w->role != ROLE_OUTER || !w->accepted ||
			w->linger || selectors_find(now, w))
			continue;
		if (!moved(old, r, w, &l) && !far_moved(old, r, w))
			continue;
		rules_add_linger(st, r, s->index, w);
		struct rule_linger *added = &r->linger[r->n_lingers - 1];
		added->n_pdrs = l.n_pdrs;
		memcpy(added->pdr, l.pdr, sizeof(l.pdr));
	}
	for (unsigned i = 0; i < r->n_lingers;) {
		bool back = false;
		for (uint32_t j = 0; j < now->n && !back; j++)
			back = is_selector(&r->linger[i], &now->selector[j]);
		if (back)
			drop_linger(r, i);
		else
			i++;
	}
	selectors_close(st, now);
	unpack_close(st, u);
}

bool rules_end_lingers(struct rules *r, uint64_t now_ns)
{
	uint8_t had = r->n_lingers;

	for (unsigned i = 0; i < r->n_lingers;)
		if (r->linger[i].until_ns <= now_ns)
			drop_linger(r, i);
		else
			i++;
	return r->n_lingers != had;
}
