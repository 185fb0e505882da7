// Finds the overrides of delivery for a destination, and the rule by which its PDUs count as
// delivered.

#include <string.h>

#include "shared/config.h"
#include "shared/ids.h"

bool config_override_matches(const struct config_override *o, const struct id16 *did,
	const struct ip_address *address)
{
	struct ip_prefix prefix;
	struct id16 named;

	if (id_parse(o->match, strlen(o->match), &named) == 0)
		return id_equal(&named, did);
	return address->family && ip_prefix_parse(o->match, &prefix) == 0 &&
	       ip_prefix_covers(&prefix, address->family, address->b);
}

enum config_settle config_settle_of(const struct config_delivery *c, const struct id16 *did,
	const struct ip_address *address)
{
	bool keepalive = c->keepalive.enabled, require_ack = c->keepalive.require_ack;
	enum config_settle settle = c->settle;

	for (uint32_t i = 0; i < c->n_overrides; i++) {
		const struct config_override *o = &c->overrides[i];
		if (!config_override_matches(o, did, address))
			continue;
		keepalive = o->keepalive >= 0 ? o->keepalive : keepalive;
		require_ack = o->require_ack >= 0 ? o->require_ack : require_ack;
		settle = o->settle >= 0 ? (enum config_settle)o->settle : settle;
	}
	// Each override is checked alone; two that match may still contradict each other.
	return keepalive && require_ack ? settle : CONFIG_SETTLE_TCP;
}

const char *config_settle_name(enum config_settle s)
{
	return s == CONFIG_SETTLE_TCP ? "tcp" : "keepalive";
}
