#pragma once

// The follower with its thread, and workers that hand signalling over; for the tests of one file.

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <criterion/criterion.h>

#include "dataplane/follow/follower.h"
#include "shared/wire.h"
#include "tests/unit/dataplane/session/signalling_lab.h"

#define WORKERS 2
#define ROUNDS 300u
#define SMF 0x0a000001u
#define UPF 0x0a000002u
#define N3 0x0a010002u
#define TARGET "001010000000001"

static struct signalling_ring *rings[WORKERS];
static struct follower *follower;
static struct signalling_gap *gap;

// Memory of the empty store.
static inline uint64_t store_memory(void)
{
	const struct sessions_settings s = {SESSIONS_DEFAULTS, .seed = {1, 2}};
	struct sessions *store = sessions_new(&s);
	struct session_counts counts;

	cr_assert_not_null(store);
	sessions_counts(store, &counts);
	sessions_free(store);
	return counts.octets;
}

// `memory`: beside what the store takes by itself; 0: the default.
static inline void up_with(uint32_t octets, uint64_t memory)
{
	struct follower_settings s = {.rings = rings,
		.n_rings = WORKERS,
		.gap = gap,
		.sessions = {SESSIONS_DEFAULTS, .seed = {1, 2}}};

	if (memory)
		s.sessions.memory_max = store_memory() + memory;
	for (int i = 0; i < WORKERS; i++)
		rings[i] = signalling_ring_new(octets);
	follower = follower_new(&s);
	cr_assert_not_null(follower);
}

static inline void up(uint32_t octets)
{
	up_with(octets, 0);
}

static inline void down(void)
{
	follower_stop(follower);
	follower_free(follower);
	for (int i = 0; i < WORKERS; i++)
		signalling_ring_free(rings[i]);
	signalling_gap_free(gap);
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline struct signalling_end end_of(uint32_t address)
{
	struct signalling_end e = {.address = {.family = 4}, .port = 8805};

	wire_store32(e.address.b, address);
	return e;
}

static inline bool push(struct signalling_ring *r, struct lab *l, bool from_smf)
{
	struct signalling_packet p = {.time_ns = now_ns(),
		.protocol = SIGNALLING_PFCP,
		.source = end_of(from_smf ? SMF : UPF),
		.destination = end_of(from_smf ? UPF : SMF),
		.octets = l->octets,
		.length = l->n};

	return signalling_ring_push(r, &p);
}

static inline void push_surely(struct signalling_ring *r, struct lab *l, bool from_smf)
{
	while (!push(r, l, from_smf))
		sched_yield();
}

static inline void establish(struct lab *l, uint64_t seid, uint32_t sequence, const char *imsi)
{
	lab_pfcp_session(l, PFCP_ESTABLISHMENT_REQUEST, 0, sequence);
	lab_node(l, SMF);
	lab_f_seid(l, seid, SMF);
	lab_open(l, 1);
	lab_ie16(l, 56, 1);
	lab_ie32(l, 29, 100);
	lab_open(l, 2);
	lab_ie8(l, 20, 0);
	lab_f_teid(l, (uint32_t)seid, N3);
	lab_text(l, 22, "internet");
	lab_close(l);
	lab_ie32(l, 108, 1);
	lab_close(l);
	lab_open(l, 3);
	lab_ie32(l, 108, 1);
	lab_ie8(l, 44, 2);
	lab_close(l);
	lab_user(l, imsi);
	lab_end(l);
}

static inline void answer(struct lab *l, uint8_t type, uint64_t seid, uint32_t sequence)
{
	lab_pfcp_session(l, type, seid, sequence);
	lab_node(l, UPF);
	lab_ie8(l, 19, 1);
	if (type == PFCP_ESTABLISHMENT_RESPONSE)
		lab_f_seid(l, seid + 0x100000, UPF);
	lab_end(l);
}

static const struct session_target target = {.kinds = SESSION_IMSI, .imsi = TARGET};

struct seen {
	uint64_t binds, unbinds, states, losses;
	uint32_t sessions;
	bool unsure, doubted;
};

static inline void look(struct seen *s)
{
	struct follower_changes changes = STAILQ_HEAD_INITIALIZER(changes);

	follower_changes(follower, &changes);
	for (struct follower_change *c; (c = STAILQ_FIRST(&changes));) {
		STAILQ_REMOVE_HEAD(&changes, link);
		s->binds += c->kind == FOLLOWER_BIND;
		s->unbinds += c->kind == FOLLOWER_UNBIND;
		s->losses += c->kind == FOLLOWER_LOSS;
		if (c->kind == FOLLOWER_STATE) {
			s->states++;
			s->sessions = c->state.sessions;
			s->doubted = c->state.unsure;
		}
		if (c->kind == FOLLOWER_LOSS)
			s->unsure = c->state.unsure;
		follower_change_free(c);
	}
}

// Sessions of one IMSI and of another, set up and torn down; each worker has its own.
static inline void *worker(void *argument)
{
	uint32_t w = (uint32_t)(uintptr_t)argument;
	static _Thread_local struct lab l;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t seid = w * 0x10000 + i + 1;
		uint32_t sequence = (uint32_t)seid * 4;
		establish(&l, seid, sequence, i % 2 ? TARGET : "001010000000002");
		push_surely(rings[w], &l, true);
		answer(&l, PFCP_ESTABLISHMENT_RESPONSE, seid, sequence);
		push_surely(rings[w], &l, false);
		lab_pfcp_session(&l, PFCP_DELETION_REQUEST, seid + 0x100000, sequence + 1);
		lab_end(&l);
		push_surely(rings[w], &l, true);
		answer(&l, PFCP_DELETION_RESPONSE, seid, sequence + 1);
		push_surely(rings[w], &l, false);
	}
	return NULL;
}
