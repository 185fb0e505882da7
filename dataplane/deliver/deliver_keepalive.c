// Keepalives in both directions; no other PDU is accepted from an MDF.

#include "dataplane/deliver/deliver_internal.h"

#include <string.h>

#define READS 16u // inbound reads of one visit; the rest waits for the next

void mdf_connection_check_alive(struct mdf_connection *c, uint64_t now)
{
	const struct config_keepalive *k = &c->deliver->config->delivery.keepalive;
	uint64_t patience = k->time_p2 * NS_PER_S;

	// A slow MDF has not seen the keepalive before TCP has taken it.
	if (mdf_acknowledged(c->mdf) <= c->keepalive_floor)
		c->alive_at = now;
	if (c->settings.keepalive && c->settings.require_ack &&
		c->keepalive_next != c->keepalive_acked && now - c->alive_at >= patience)
		mdf_connection_down(c, now, "no keepalive acknowledged within %u s%s", k->time_p2,
			mdf_connection_settles_by_keepalive(c)
				? "; if the MDF never does: delivery.settle"
				: "");
}

// One PDU of the MDF. Only acknowledgements of what this connection issued count as life.
static const char *take_pdu(struct mdf_connection *c, const struct pdu *p, uint64_t now)
{
	if (p->type == PDU_KEEPALIVE_ACK) {
		if (mdf_connection_settle_acknowledged(c, p->sequence)) {
			c->alive_at = now;
			c->keepalive_floor = c->keepalive_last;
		}
		return NULL;
	}
	if (p->type == PDU_KEEPALIVE) {
		c->answer[c->n_answers++] = p->sequence; // there is room, see below
		return NULL;
	}
	return "content from an MDF";
}

static const char *take_inbound(struct mdf_connection *c, uint64_t now)
{
	uint32_t at = 0;
	const char *why = NULL;

	while (!why && at < c->inbound_length) {
		struct pdu p;
		int64_t n = pdu_decode(
			c->inbound + at, c->inbound_length - at, sizeof(c->inbound), &p, &why);
		if (n == POI_ERR_AGAIN) {
			why = NULL;
			break;
		}
		if (n > 0) {
			why = take_pdu(c, &p, now);
			at += (uint32_t)n;
		}
	}
	c->inbound_length -= at;
	memmove(c->inbound, c->inbound + at, c->inbound_length);
	return why;
}

void mdf_connection_receive(struct mdf_connection *c, uint64_t now)
{
	c->readable = true;
	for (unsigned i = 0; c->mdf && i < READS; i++) {
		// An MDF that sends faster than it takes answers has to wait.
		if (c->n_answers + INBOUND_MAX / PDU_HEADER_MIN >= ANSWERS_MAX)
			return;
		int64_t n = mdf_read(c->mdf, c->inbound + c->inbound_length,
			sizeof(c->inbound) - c->inbound_length);
		if (n == POI_ERR_AGAIN) {
			c->readable = false;
			return;
		}
		if (n < 0) {
			mdf_connection_down(c, now, "%s", mdf_reason(c->mdf));
			return;
		}
		c->inbound_length += (uint32_t)n;
		const char *why = take_inbound(c, now);
		if (why)
			mdf_connection_down(c, now, "the MDF sent what is no keepalive: %s", why);
	}
}

bool mdf_connection_keepalive_due(const struct mdf_connection *c, uint64_t now)
{
	return c->n_answers > 0 || (c->settings.keepalive && now >= c->keepalive_at);
}

void mdf_connection_make_keepalive(struct mdf_connection *c, uint64_t now)
{
	if (c->n_answers > 0) {
		pdu_keepalive_write(c->control, c->settings.minor, c->answer[0]);
		c->control[3] = PDU_KEEPALIVE_ACK;
		c->n_answers--;
		memmove(c->answer, c->answer + 1, c->n_answers * sizeof(c->answer[0]));
	} else {
		c->keepalive_last = mdf_written(c->mdf);
		// The wait for an answer begins with the first one that lacks it.
		if (c->keepalive_next == c->keepalive_acked) {
			c->alive_at = now;
			c->keepalive_floor = c->keepalive_last;
		}
		pdu_keepalive_write(c->control, c->settings.minor, c->keepalive_next++);
		c->keepalive_in_hand = true;
		c->keepalive_at = now + c->deliver->config->delivery.keepalive.time_p1 * NS_PER_S;
	}
	c->piece = (struct stream_piece){.octets = c->control, .length = sizeof(c->control)};
	c->piece_is_control = true;
}
