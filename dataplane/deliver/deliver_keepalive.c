// Keepalives both ways, and what else an MDF may say: nothing.

#include "dataplane/deliver/deliver_internal.h"

#include <string.h>

#define READS 16u // inbound reads of one visit

void mdf_connection_check_alive(struct mdf_connection *l, uint64_t now)
{
	const struct config_keepalive *k = &l->deliver->config->delivery.keepalive;
	uint64_t patience = k->time_p2 * NS_PER_S;

	if (l->settings.keepalive && l->settings.require_ack &&
		l->keepalive_next != l->keepalive_acked && now - l->alive_at >= patience)
		mdf_connection_down(l, now, "no keepalive acknowledged within %u s", k->time_p2);
}

// One PDU of the MDF. Only acknowledgements of what this connection issued count as life.
static const char *take_pdu(struct mdf_connection *l, const struct pdu *p, uint64_t now)
{
	if (p->type == PDU_KEEPALIVE_ACK) {
		if (p->sequence >= l->keepalive_acked && p->sequence < l->keepalive_next) {
			l->keepalive_acked = p->sequence + 1;
			l->alive_at = now;
		}
		return NULL;
	}
	if (p->type == PDU_KEEPALIVE) {
		l->answer_due = true;
		l->answer_sequence = p->sequence;
		return NULL;
	}
	return "content from an MDF";
}

static const char *take_inbound(struct mdf_connection *l, uint64_t now)
{
	uint32_t at = 0;
	const char *why = NULL;

	while (!why && at < l->inbound_length) {
		struct pdu p;
		int64_t n = pdu_decode(
			l->inbound + at, l->inbound_length - at, sizeof(l->inbound), &p, &why);
		if (n == POI_ERR_AGAIN) {
			why = NULL;
			break;
		}
		if (n > 0) {
			why = take_pdu(l, &p, now);
			at += (uint32_t)n;
		}
	}
	l->inbound_length -= at;
	memmove(l->inbound, l->inbound + at, l->inbound_length);
	return why;
}

void mdf_connection_receive(struct mdf_connection *l, uint64_t now)
{
	for (unsigned i = 0; l->mdf && i < READS; i++) {
		int64_t n = mdf_read(l->mdf, l->inbound + l->inbound_length,
			sizeof(l->inbound) - l->inbound_length);
		if (n == POI_ERR_AGAIN)
			return;
		if (n < 0) {
			mdf_connection_down(l, now, "%s", mdf_reason(l->mdf));
			return;
		}
		l->inbound_length += (uint32_t)n;
		const char *why = take_inbound(l, now);
		if (why) {
			mdf_connection_down(l, now, "the MDF sent what is no keepalive: %s", why);
			return;
		}
	}
	// A peer that talks without end is no MDF: what it may say fits a few reads.
	if (l->mdf)
		mdf_connection_down(l, now, "the MDF sends too much");
}

bool mdf_connection_keepalive_due(const struct mdf_connection *l, uint64_t now)
{
	return l->answer_due || (l->settings.keepalive && now >= l->keepalive_at);
}

void mdf_connection_make_keepalive(struct mdf_connection *l, uint64_t now)
{
	if (l->answer_due) {
		pdu_keepalive_write(l->control, l->settings.minor, l->answer_sequence);
		l->control[3] = PDU_KEEPALIVE_ACK;
		l->answer_due = false;
	} else {
		// The wait for an answer begins with the first one that lacks it.
		if (l->keepalive_next == l->keepalive_acked)
			l->alive_at = now;
		pdu_keepalive_write(l->control, l->settings.minor, l->keepalive_next++);
		l->keepalive_at = now + l->deliver->config->delivery.keepalive.time_p1 * NS_PER_S;
	}
	l->piece = (struct stream_piece){.octets = l->control, .length = sizeof(l->control)};
	l->piece_is_control = true;
}
