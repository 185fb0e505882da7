// Takes snapshots of the workers' counters that belong together.

#include "dataplane/worker/stats.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_STEP_NS 50000L
#define WAIT_STEPS 1000

struct stats *stats_new(uint32_t n_workers)
{
	struct stats *s = aligned_alloc(64, sizeof(*s));

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->n_workers = n_workers;
	s->worker = aligned_alloc(64, n_workers * sizeof(*s->worker));
	if (!s->worker) {
		free(s);
		return NULL;
	}
	memset(s->worker, 0, n_workers * sizeof(*s->worker));
	return s;
}

void stats_free(struct stats *s)
{
	if (!s)
		return;
	free(s->worker);
	free(s);
}

static bool wait_for(const struct worker_stats *w, uint64_t request, int *steps)
{
	const struct timespec pause = {.tv_nsec = WAIT_STEP_NS};

	while (atomic_load_explicit(&w->served, memory_order_acquire) != request) {
		if (*steps == 0)
			return false;
		(*steps)--;
		nanosleep(&pause, NULL);
	}
	return true;
}

bool stats_snapshot(struct stats *s, bool running, struct packet_balance *out)
{
	uint64_t request = atomic_load_explicit(&s->request, memory_order_relaxed) + 1;
	int steps = running ? WAIT_STEPS : 0;
	bool fresh = true;

	// A worker that missed the last request may still be writing its snapshot: no new request
	// until it is done, so that what we read stays put.
	for (uint32_t i = 0; i < s->n_workers; i++)
		fresh &= wait_for(&s->worker[i], request - 1, &steps);
	if (fresh)
		atomic_store_explicit(&s->request, request, memory_order_release);
	for (uint32_t i = 0; fresh && i < s->n_workers; i++)
		fresh &= wait_for(&s->worker[i], request, &steps);
	for (uint32_t i = 0; i < s->n_workers; i++) {
		const struct worker_counters *c = &s->worker[i].snapshot;
		out->received += c->received;
		for (int k = 0; k < PACKET_OUTCOME_COUNT; k++)
			out->outcome[k] += c->outcome[k];
		for (int k = 0; k < FORWARD_OUTCOME_COUNT; k++)
			out->forward[k] += c->forward[k];
	}
	return fresh;
}

uint64_t stats_handover_full(const struct stats *s, uint32_t i)
{
	uint64_t n = 0;

	for (uint32_t w = 0; w < s->n_workers; w++)
		n += s->worker[w].snapshot.handover_full[i];
	return n;
}

const struct worker_counters *stats_worker(const struct stats *s, uint32_t i)
{
	return &s->worker[i].snapshot;
}

// Frames of a kind over all workers.
static uint64_t frames_of(const struct stats *s, uint32_t port, uint32_t what)
{
	uint64_t frames = 0;

	for (uint32_t w = 0; w < s->n_workers; w++) {
		const struct unopened_sample *u = &s->worker[w].snapshot.sample[port];
		for (unsigned k = 0; k < UNOPENED_SLOTS; k++)
			frames += u->slot[k].what == what ? u->slot[k].frames : 0;
	}
	return frames;
}

static bool is_shown(const struct unopened_share *share, uint32_t what)
{
	for (uint32_t i = 0; i < share->n; i++)
		if (share->most[i].what == what)
			return true;
	return false;
}

// Puts a kind at its place among the commonest.
static void show(struct unopened_share *share, uint32_t what, uint64_t frames)
{
	uint32_t at = share->n;

	while (at > 0 && share->most[at - 1].frames < frames)
		at--;
	if (at == UNOPENED_SHOWN)
		return;
	share->n += share->n < UNOPENED_SHOWN;
	for (uint32_t i = share->n - 1; i > at; i--)
		share->most[i] = share->most[i - 1];
	share->most[at].what = what;
	share->most[at].frames = frames;
}

void stats_unopened(const struct stats *s, uint32_t i, struct unopened_share *out)
{
	*out = (struct unopened_share){0};
	for (uint32_t w = 0; w < s->n_workers; w++) {
		const struct unopened_sample *u = &s->worker[w].snapshot.sample[i];
		out->sampled += u->sampled;
		out->unopened += u->unopened;
		out->wrapped += u->wrapped;
		for (unsigned k = 0; k < UNOPENED_SLOTS; k++)
			if (u->slot[k].what && !is_shown(out, u->slot[k].what))
				show(out, u->slot[k].what, frames_of(s, i, u->slot[k].what));
	}
}

bool stats_generation_is(const struct stats *s, uint64_t generation)
{
	for (uint32_t i = 0; i < s->n_workers; i++)
		if (s->worker[i].generation != generation)
			return false;
	return true;
}

bool stats_all_polling(const struct stats *s)
{
	for (uint32_t i = 0; i < s->n_workers; i++)
		if (!atomic_load_explicit(&s->worker[i].polling, memory_order_acquire))
			return false;
	return true;
}
