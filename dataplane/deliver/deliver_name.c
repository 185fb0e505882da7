// Host names of destinations: asked of the resolver, and asked again when an answer is too old.

#include "dataplane/deliver/deliver_internal.h"

#include <string.h>

#define ANSWER_NS (6 * NS_PER_S) // the resolver gives one within 5 s

static uint64_t token_of(const struct mdf_connection *l)
{
	return l->serial << 16 | l->questions;
}

uint64_t mdf_connection_of_token(uint64_t token)
{
	return token >> 16;
}

bool mdf_connection_ask_name(struct mdf_connection *l, uint64_t now)
{
	l->questions++;
	l->answer_until = now + ANSWER_NS;
	l->resolving = resolver_ask(l->deliver->resolver, l->dest.host, token_of(l)) == 0;
	return l->resolving;
}

static bool has_address(const struct resolve_answer *a, const struct ip_address *address)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (memcmp(&a->address[i], address, sizeof(*address)) == 0)
			return true;
	return false;
}

// A failure counts where an attempt waits for the name; else what is known stays good.
static void name_failed(struct mdf_connection *l, const char *reason, uint64_t now)
{
	l->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
	if (l->mdf || now < l->attempt_at)
		return;
	l->n_addresses = 0;
	mdf_connection_down(l, now, "host name: %s", reason);
}

// An answer that is lost, for want of memory on its way here, must not hold the destination up.
void mdf_connection_check_answer(struct mdf_connection *l, uint64_t now)
{
	if (!l->resolving || now < l->answer_until)
		return;
	l->resolving = false;
	name_failed(l, "the resolver has not answered", now);
}

bool mdf_connection_is_leaving(const struct mdf_connection *l)
{
	return l->remove_until || atomic_load_explicit(&l->deliver->stopping, memory_order_relaxed);
}

// With a connection that works a name is looked up when its answer's time is over.
void mdf_connection_refresh_name(struct mdf_connection *l, uint64_t now)
{
	if (l->dest.host[0] && !l->resolving && now >= l->resolved_until &&
		!mdf_connection_is_leaving(l) && !mdf_connection_ask_name(l, now))
		l->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
}

bool mdf_connection_name_answered(
	struct mdf_connection *l, const struct resolve_answer *a, uint64_t now)
{
	if (a->token != token_of(l) || !l->resolving)
		return false; // the answer to a name that was exchanged
	l->resolving = false;
	if (a->n == 0) {
		name_failed(l, a->reason, now);
		return false;
	}
	l->resolved_until = now + a->ttl * NS_PER_S;
	l->n_addresses = a->n;
	l->address_at = 0;
	memcpy(l->address, a->address, sizeof(l->address));
	l->moved = l->mdf && !has_address(a, &l->peer);
	return !l->mdf && now >= l->attempt_at;
}
