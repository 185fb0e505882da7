// Host names of destinations: asked of the resolver, and asked again when an answer is too old.

#include "dataplane/deliver/deliver_internal.h"

#include <string.h>

#define ANSWER_NS (6 * NS_PER_S) // the resolver gives one within 5 s

static uint64_t token_of(const struct mdf_connection *c, const struct mdf_end *e)
{
	return c->serial << 16 | e->question;
}

uint64_t mdf_connection_of_token(uint64_t token)
{
	return token >> 16;
}

bool mdf_end_ask_name(struct mdf_connection *c, struct mdf_end *e, uint64_t now)
{
	e->question = ++c->questions;
	e->answer_until = now + ANSWER_NS;
	e->resolving = resolver_ask(c->deliver->resolver, e->place.host, token_of(c, e)) == 0;
	return e->resolving;
}

static bool has_address(const struct resolve_answer *a, const struct ip_address *address)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (memcmp(&a->address[i], address, sizeof(*address)) == 0)
			return true;
	return false;
}

static bool is_used(const struct mdf_connection *c, const struct mdf_end *e)
{
	return c->mdf && e == &c->end[c->used];
}

// A failure counts where an attempt waits for the name; else what is known stays good.
static void name_failed(
	struct mdf_connection *c, struct mdf_end *e, const char *reason, uint64_t now)
{
	e->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
	if (is_used(c, e) || e->standby || now < e->attempt_at || mdf_end_is_racing(e))
		return;
	mdf_end_set_addresses(e, NULL, 0);
	e->attempted_at = now; // the whole pause
	mdf_end_failed(c, e, now, "host name: %s", reason);
}

// An answer that is lost, for want of memory on its way here, must not hold the destination up.
void mdf_connection_check_answers(struct mdf_connection *c, uint64_t now)
{
	for (uint32_t i = 0; i < c->n_ends; i++) {
		struct mdf_end *e = &c->end[i];
		if (!e->resolving || now < e->answer_until)
			continue;
		e->resolving = false;
		name_failed(c, e, "the resolver has not answered", now);
	}
}

bool mdf_connection_is_leaving(const struct mdf_connection *c)
{
	return atomic_load_explicit(&c->deliver->stopping, memory_order_relaxed);
}

// With a connection that works a name is looked up when its answer's time is over.
void mdf_connection_refresh_name(struct mdf_connection *c, uint64_t now)
{
	struct mdf_end *e = &c->end[c->used];

	if (e->place.host[0] && !e->resolving && now >= e->resolved_until &&
		!mdf_connection_is_leaving(c) && !mdf_end_ask_name(c, e, now))
		e->resolved_until = now + RESOLVE_TTL_MIN * NS_PER_S;
}

struct mdf_end *mdf_connection_name_answered(
	struct mdf_connection *c, const struct resolve_answer *a, uint64_t now)
{
	struct mdf_end *e = c->end, *after = c->end + c->n_ends;

	while (e < after && (a->token != token_of(c, e) || !e->resolving))
		e++;
	if (e == after)
		return NULL; // the answer to a name that was exchanged
	e->resolving = false;
	if (a->n == 0) {
		name_failed(c, e, a->reason, now);
		return NULL;
	}
	e->resolved_until = now + a->ttl * NS_PER_S;
	mdf_end_set_addresses(e, a->address, a->n);
	e->moved = is_used(c, e) && !has_address(a, &e->peer);
	return !is_used(c, e) && !e->standby && now >= e->attempt_at ? e : NULL;
}
