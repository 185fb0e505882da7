// The addresses of a destination, and what is known of the attempts at each.

#include "dataplane/deliver/deliver_internal.h"

#include <string.h>

static bool same(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static struct mdf_attempt *attempt_at(struct mdf_connection *c, const struct ip_address *address)
{
	for (uint32_t i = 0; i < c->n_attempts; i++)
		if (same(&c->attempt[i].address, address))
			return &c->attempt[i];
	return NULL;
}

static void end(struct mdf_attempt *a)
{
	mdf_close(a->mdf);
	a->mdf = NULL;
}

void mdf_connection_set_addresses(
	struct mdf_connection *c, const struct ip_address *address, uint32_t n)
{
	struct mdf_attempt old[RESOLVE_ADDRESSES_MAX];
	uint32_t n_old = c->n_attempts;

	memcpy(old, c->attempt, sizeof(old));
	c->n_attempts = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (attempt_at(c, &address[i]))
			continue; // named twice
		struct mdf_attempt *fresh = &c->attempt[c->n_attempts++];
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

bool mdf_connection_is_racing(const struct mdf_connection *c)
{
	for (uint32_t i = 0; i < c->n_attempts; i++)
		if (c->attempt[i].mdf)
			return true;
	return false;
}

struct mdf_attempt *mdf_connection_next_attempt(struct mdf_connection *c, uint64_t now)
{
	struct mdf_attempt *last = attempt_at(c, &c->tried), *best = NULL;
	uint32_t first = last ? (uint32_t)(last - c->attempt) + 1 : 0, best_rank = UINT32_MAX;

	for (uint32_t i = 0; i < c->n_attempts; i++) {
		struct mdf_attempt *a = &c->attempt[(first + i) % c->n_attempts];
		uint32_t rank = (a->failed ? 2 : 0) + (same(&a->address, &c->good) ? 0 : 1);
		if (a->mdf || now < a->again_at || rank >= best_rank)
			continue;
		best = a;
		best_rank = rank;
	}
	return best;
}

bool mdf_connection_all_failed(const struct mdf_connection *c)
{
	for (uint32_t i = 0; i < c->n_attempts; i++)
		if (!c->attempt[i].failed)
			return false;
	return true;
}

void mdf_connection_close_attempts(struct mdf_connection *c)
{
	for (uint32_t i = 0; i < c->n_attempts; i++)
		end(&c->attempt[i]);
}

void mdf_connection_forget_failures(struct mdf_connection *c)
{
	for (uint32_t i = 0; i < c->n_attempts; i++) {
		c->attempt[i].failed = false;
		c->attempt[i].again_at = 0;
	}
}

bool mdf_connection_has_other_address(struct mdf_connection *c, uint64_t again_at)
{
	struct mdf_attempt *a = attempt_at(c, &c->peer);

	if (a) {
		a->failed = true;
		a->again_at = again_at;
	}
	return !mdf_connection_all_failed(c);
}
