// Host names of destinations: asked of the resolver, and asked again when an answer is too old.

#include "dataplane/deliver/deliver_internal.h"

#include <string.h>

#define ANSWER_NS (6 * NS_PER_S) // the resolver gives one within 5 s

static uint64_t token_of(const struct mdf_connection *c)
{
	return c->serial << 16 | c->questions;
}

uint64_t mdf_connection_of_token(uint64_t token)
{
	return token >> 16;
}

bool mdf_connection_ask_name(struct mdf_connection *c, uint64_t now)
{
	c->questions++;
	c->answer_until = now + ANSWER_NS;
	c->resolving = resolver_ask(c->deliver->resolver, c->dest.host, token_of(c)) == 0;
	return c->resolving;
}

static bool has_address(const struct resolve_answer *a, const struct ip_address *address)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (memcmp(&a->address[i], address, sizeof(*address)) == 0)
			return true;
	return false;
}

// A failure counts where an attempt waits for the name; else what is known stays good.
static void name_failed(struct mdf_connection *c, const char *reason, uint64_t now)
{
	c->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
	if (c->mdf || now < c->attempt_at || mdf_connection_is_racing(c))
		return;
	mdf_connection_set_addresses(c, NULL, 0);
	c->attempted_at = now; // the whole pause
	mdf_connection_down(c, now, "host name: %s", reason);
}

// An answer that is lost, for want of memory on its way here, must not hold the destination up.
void mdf_connection_check_answer(struct mdf_connection *c, uint64_t now)
{
	if (!c->resolving || now < c->answer_until)
		return;
	c->resolving = false;
	name_failed(c, "the resolver has not answered", now);
}

bool mdf_connection_is_leaving(const struct mdf_connection *c)
{
	return atomic_load_explicit(&c->deliver->stopping, memory_order_relaxed);
}

// With a connection that works a name is looked up when its answer's time is over.
void mdf_connection_refresh_name(struct mdf_connection *c, uint64_t now)
{
	if (c->dest.host[0] && !c->resolving && now >= c->resolved_until &&
		!mdf_connection_is_leaving(c) && !mdf_connection_ask_name(c, now))
		c->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
}

bool mdf_connection_name_answered(
	struct mdf_connection *c, const struct resolve_answer *a, uint64_t now)
{
	if (a->token != token_of(c) || !c->resolving)
		return false; // the answer to a name that was exchanged
	c->resolving = false;
	if (a->n == 0) {
		name_failed(c, a->reason, now);
		return false;
	}
	c->resolved_until = now + a->ttl * NS_PER_S;
	mdf_connection_set_addresses(c, a->address, a->n);
	c->moved = c->mdf && !has_address(a, &c->peer);
	return !c->mdf && now >= c->attempt_at;
}
