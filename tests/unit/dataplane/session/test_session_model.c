// Random signalling of some sessions that share base stations' TEIDs, addresses and F-TEIDs, with
// messages lost, repeated and out of order: bindings equal those of the naive model, after each
// message; and a subscription that comes late has those of the early one.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "shared/pdu.h"
#include "tests/unit/dataplane/session/pfcp_play.h"
#include "tests/unit/dataplane/session/session_model.h"

#define EVENTS 400
#define ROUNDS 2000

static uint64_t state;

static uint32_t any(uint32_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 33) % n);
}

static struct play play[MODEL_SESSIONS];
static char imsi[MODEL_SESSIONS][16];
static struct model_event event[EVENTS];
static unsigned n_events;

static void plays(void)
{
	for (unsigned i = 0; i < MODEL_SESSIONS; i++) {
		snprintf(imsi[i], sizeof(imsi[i]), "00101%010u", i);
		play[i] = (struct play){.cp = 0x100 + i,
			.up = 0x200 + i,
			.uplink = 0x1000 + any(6),
			.ue = any(8) ? 0x0a2d0000 + any(5) : 0,
			.imsi = imsi[i],
			.ni = any(4) ? NULL : "corporate",
			.given = any(3) == 0};
	}
}

static void add(struct model_event e)
{
	if (n_events < EVENTS)
		event[n_events++] = e;
}

// Each session's life, mixed.
static void lives(void)
{
	uint8_t step[MODEL_SESSIONS] = {}; // 0 to come, 1 lives, 2 gone
	uint32_t sequence = 1;

	n_events = 0;
	while (n_events < EVENTS - 40) {
		unsigned s = any(MODEL_SESSIONS);
		uint8_t kind = step[s] == 0 ? MODEL_ESTABLISH
			       : any(5)	    ? MODEL_MODIFY
					    : MODEL_DELETE;
		if (any(20) == 0)
			add((struct model_event){.kind = MODEL_WAIT});
		if (step[s] == 2)
			kind = any(30) ? MODEL_WAIT : MODEL_MODIFY;
		if (kind == MODEL_WAIT)
			break;
		bool idle = kind == MODEL_MODIFY && any(4) == 0;
		struct model_event e = {.kind = kind,
			.session = (uint8_t)s,
			.sequence = sequence++,
			.action = idle ? BUFF : FORW,
			.teid = kind == MODEL_MODIFY && !idle ? 0x501 + any(4) : 0,
			.gnb = any(2) ? GNB_A : GNB_B};
		add(e);
		e.kind++;
		e.cause = any(8) ? 1 : 75;
		add(e);
		if (e.cause == 1 && kind != MODEL_MODIFY)
			step[s]++;
	}
}

static void disturb(void)
{
	for (unsigned n = any(8); n > 0 && n_events > 2; n--) {
		unsigned i = any(n_events - 2);
		struct model_event e = event[i];
		switch (any(3)) {
		case 0: // lost
			memmove(&event[i], &event[i + 1], (--n_events - i) * sizeof(e));
			break;
		case 1: // out of order
			event[i] = event[i + 1];
			event[i + 1] = e;
			break;
		default: // repeated
			add(event[any(n_events)]);
		}
	}
}

static void play_one(struct world *w, const struct model_event *e)
{
	const struct play *p = &play[e->session];

	switch (e->kind) {
	case MODEL_ESTABLISH:
		play_establish(w, p, e->sequence);
		break;
	case MODEL_ESTABLISHED:
		play_established(w, p, e->sequence, e->cause);
		break;
	case MODEL_MODIFY:
		play_modify(w, p, e->sequence, e->action, e->teid, e->gnb);
		break;
	case MODEL_MODIFIED:
		play_modified(w, p, e->sequence, e->cause);
		break;
	case MODEL_DELETE:
		play_delete(w, p, e->sequence);
		break;
	case MODEL_DELETED:
		play_deleted(w, p, e->sequence, e->cause);
		break;
	default:
		world_pass(w, 1100000000ull);
	}
}

static bool is_bound(const struct world *w, uint64_t subscription, const struct model_selector *x)
{
	if (x->what == 2)
		return world_address(w, subscription, x->a);
	return world_tunnel(w, subscription, CONFIG_LINK_N3,
		x->what == 0 ? PDU_DIRECTION_FROM_TARGET : PDU_DIRECTION_TO_TARGET, x->a, x->b);
}

static bool agrees(const struct world *w, const struct model *m, unsigned session, bool by_imsi)
{
	struct model_selector expected[64];
	unsigned n = model_bound(m, session, by_imsi, expected, 64);
	uint64_t subscription = by_imsi ? session : 100 + session;

	for (unsigned i = 0; i < n; i++)
		if (!is_bound(w, subscription, &expected[i]))
			return false;
	return world_bound_by(w, subscription) == n;
}

static void tell(const struct world *w, const struct model *m, unsigned at, uint64_t seed)
{
	struct model_selector x[64];

	for (unsigned i = 0; i <= at; i++)
		fprintf(stderr,
			"# %u: kind %u session %u seq %u action %u cause %u teid %x gnb %x\n", i,
			event[i].kind, event[i].session, event[i].sequence, event[i].action,
			event[i].cause, event[i].teid, event[i].gnb);
	for (unsigned s = 0; s < MODEL_SESSIONS; s++)
		for (unsigned k = 0; k < 2; k++) {
			if (agrees(w, m, s, k))
				continue;
			unsigned n = model_bound(m, s, k, x, 64);
			fprintf(stderr, "# session %u by %s, model:", s, k ? "imsi" : "seid");
			for (unsigned i = 0; i < n; i++)
				fprintf(stderr, " %u/%x/%x", x[i].what, x[i].a, x[i].b);
			fprintf(stderr, "; store:");
			for (unsigned i = 0; i < w->n_bound; i++)
				if (w->bound[i].subscription == (k ? s : 100 + s))
					fprintf(stderr, " %u/%x/%02x%02x", w->bound[i].b.kind,
						w->bound[i].b.teid, w->bound[i].b.prefix.b[1],
						w->bound[i].b.prefix.b[3]);
			fprintf(stderr, "\n");
		}
	cr_assert_fail("seed %llu, message %u", (unsigned long long)seed, at);
}

static void late_subscription(struct world *w, unsigned session)
{
	uint64_t subscription = 1000;

	cr_assert_eq(world_subscribe_imsi(w, subscription, imsi[session]), 0);
	cr_assert_eq(world_bound_by(w, subscription), world_bound_by(w, session));
	cr_assert_eq(sessions_unsubscribe(w->store, subscription), 0);
	for (uint32_t i = 0; i < w->n_bound;)
		if (w->bound[i].subscription == subscription)
			w->bound[i] = w->bound[--w->n_bound];
		else
			i++;
}

static void round_of(uint64_t seed, bool disturbed)
{
	static struct world w;

	state = seed * 2 + disturbed;
	plays();
	lives();
	if (disturbed)
		disturb();
	world_make(&w, NULL);
	struct model *m = model_new(play);
	for (unsigned i = 0; i < MODEL_SESSIONS; i++) {
		cr_assert_eq(world_subscribe_imsi(&w, i, imsi[i]), 0);
		cr_assert_eq(world_subscribe_seid(&w, 100 + i, play[i].up, UPF), 0);
	}
	for (unsigned i = 0; i < n_events; i++) {
		play_one(&w, &event[i]);
		model_take(m, &event[i]);
		for (unsigned s = 0; s < MODEL_SESSIONS; s++)
			if (!agrees(&w, m, s, true) || !agrees(&w, m, s, false))
				tell(&w, m, i, seed);
		late_subscription(&w, event[i].session);
		cr_assert(!w.broken);
	}
	model_free(m);
	world_end(&w);
}

Test(session_model, in_order)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		round_of(seed, false);
}

Test(session_model, lost_repeated_out_of_order)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		round_of(seed, true);
}
