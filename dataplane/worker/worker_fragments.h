#pragma once

// Handles the few frames that are fragments: the fragments of users get the ports of their first or
// are held for it, those of tunnels are put together and matched inside. Every original goes its
// way all the same, is matched on the headers that it has, and counts once.
//
// A packet matched later is matched as if it had been at once: held packets meet only rules that
// were in force, with the same criteria, when they were received (table_rule_since). A task whose
// criteria change in between does not see them.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/port/port.h"
#include "dataplane/worker/worker_scene.h"

struct rte_mbuf;
struct worker_fragments;

struct worker_fragments_settings {
	const struct lane *lanes; // stay the caller's
	uint32_t n_lanes;
	uint32_t n_handed; // lanes behind those: no fragment of a tunnel comes from them
	uint32_t worker;
	struct config_reassembly reassembly;
	uint64_t seed[2]; // secret
};

// Takes packet buffers from the EAL. NULL when out of memory.
struct worker_fragments *worker_fragments_new(const struct worker_fragments_settings *s);
void worker_fragments_free(struct worker_fragments *f); // the worker has ended

// The frames in `mask` (parse_burst) of a burst of lane `lane`; before they are counted, matched
// and freed. May change their outcome and give them ports; keeps references where it must. The
// signalling before each of them in the burst is tapped first, so that it comes in order and
// packets behind it are held; returns how many frames have been looked at for it.
uint32_t worker_fragments_burst(struct worker_fragments *f, uint32_t lane,
	const struct worker_scene *scene, struct packet_view *views, struct rte_mbuf **mbufs,
	uint32_t mask);

// True if worker_fragments_tend has something to do.
bool worker_fragments_waiting(const struct worker_fragments *f);
// Gives up what has waited for too long; `all`: everything.
void worker_fragments_tend(struct worker_fragments *f, const struct worker_scene *scene, bool all);
