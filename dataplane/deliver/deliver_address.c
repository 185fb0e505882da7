// The addresses of an end, and what is known of the attempts at each.

#include "dataplane/deliver/deliver_internal.h"

#include <string.h>

static bool same(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static struct mdf_attempt *attempt_at(struct mdf_end *e, const struct ip_address *address)
{
	for (uint32_t i = 0; i < e->n_attempts; i++)
		if (same(&e->attempt[i].address, address))
			return &e->attempt[i];
	return NULL;
}

static void end(struct mdf_attempt *a)
{
	mdf_close(a->mdf);
	a->mdf = NULL;
}

void mdf_end_set_addresses(struct mdf_end *e, const struct ip_address *address, uint32_t n)
{
	struct mdf_attempt old[RESOLVE_ADDRESSES_MAX];
	uint32_t n_old = e->n_attempts;

	memcpy(old, e->attempt, sizeof(old));
	e->n_attempts = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (attempt_at(e, &address[i]))
			continue; // named twice
		struct mdf_attempt *fresh = &e->attempt[e->n_attempts++];
		*fresh = (struct mdf_attempt){.address = address[i]};
		for (uint32_t k = 0; k < n_old; k++) {
			if (!same(&old[k].address, &address[i]))
				continue;
			*fresh = old[k];
			old[k].mdf = NULL;
		}
	}
	for (uint32_t k = 0; k < n_old; k++)
		end(&old[k]);
}

bool mdf_end_is_racing(const struct mdf_end *e)
{
	for (uint32_t i = 0; i < e->n_attempts; i++)
		if (e->attempt[i].mdf)
			return true;
	return false;
}

struct mdf_attempt *mdf_end_next_attempt(struct mdf_end *e, uint64_t now)
{
	struct mdf_attempt *last = attempt_at(e, &e->tried), *best = NULL;
	uint32_t first = last ? (uint32_t)(last - e->attempt) + 1 : 0, best_rank = UINT32_MAX;

	for (uint32_t i = 0; i < e->n_attempts; i++) {
		struct mdf_attempt *a = &e->attempt[(first + i) % e->n_attempts];
		uint32_t rank = (a->failed ? 2 : 0) + (same(&a->address, &e->good) ? 0 : 1);
		if (a->mdf || now < a->again_at || rank >= best_rank)
			continue;
		best = a;
		best_rank = rank;
	}
	return best;
}

bool mdf_end_all_failed(const struct mdf_end *e)
{
	for (uint32_t i = 0; i < e->n_attempts; i++)
		if (!e->attempt[i].failed)
			return false;
	return true;
}

void mdf_end_close_attempts(struct mdf_end *e)
{
	for (uint32_t i = 0; i < e->n_attempts; i++)
		end(&e->attempt[i]);
	mdf_close(e->standby);
	e->standby = NULL;
}

void mdf_end_forget_failures(struct mdf_end *e)
{
	for (uint32_t i = 0; i < e->n_attempts; i++) {
		e->attempt[i].failed = false;
		e->attempt[i].again_at = 0;
	}
}

bool mdf_end_has_other_address(struct mdf_end *e, uint64_t again_at)
{
	struct mdf_attempt *a = attempt_at(e, &e->peer);

	if (a) {
		a->failed = true;
		a->again_at = again_at;
	}
	return !mdf_end_all_failed(e);
}

bool mdf_connection_is_racing(const struct mdf_connection *c)
{
	for (uint32_t i = 0; i < c->n_ends; i++)
		if (mdf_end_is_racing(&c->end[i]))
			return true;
	return false;
}

void mdf_connection_try_now(struct mdf_connection *c, uint64_t now)
{
	for (uint32_t i = 0; i < c->n_ends; i++) {
		c->end[i].failures = 0;
		c->end[i].attempt_at = now;
	}
}
