// Settings of one destination, or of one end of a set: the configuration with its overrides.

#include "dataplane/deliver/deliver_internal.h"

// The overrides that match apply, in the order of the file; a later one wins.
struct connection_settings deliver_settings_of(
	const struct config_delivery *c, const struct id16 *did, const struct ip_address *address)
{
	struct connection_settings s = {.buffer = c->buffer,
		.spool = c->spool.size,
		.minor = PDU_VERSION_MINOR_DEFAULT,
		.connections = c->connections > 0 ? (uint8_t)c->connections : 1,
		.keepalive = c->keepalive.enabled,
		.require_ack = c->keepalive.require_ack,
		.settle = config_settle_of(c, did, address)};

	for (uint32_t i = 0; i < c->n_overrides; i++) {
		const struct config_override *o = &c->overrides[i];
		if (!config_override_matches(o, did, address))
			continue;
		s.buffer = o->buffer >= 0 ? (uint64_t)o->buffer : s.buffer;
		s.spool = o->spool >= 0 ? (uint64_t)o->spool : s.spool;
		s.max_pdu = o->max_pdu >= 0 ? (uint32_t)o->max_pdu : s.max_pdu;
		s.minor = o->version_minor >= 0 ? (uint8_t)o->version_minor : s.minor;
		s.connections = o->connections > 0 ? (uint8_t)o->connections : s.connections;
		s.keepalive = o->keepalive >= 0 ? o->keepalive : s.keepalive;
		s.require_ack = o->require_ack >= 0 ? o->require_ack : s.require_ack;
		s.identity = o->peer_identity ? o->peer_identity : s.identity;
	}
	return s;
}
