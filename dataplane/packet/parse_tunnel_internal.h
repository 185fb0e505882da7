#pragma once

// GTP-U: ends at the content that it carries.

#include "dataplane/packet/parse_link_internal.h"

// The T-PDU at `at`, `size` octets by the GTP-U header's word.
static enum step parse_tpdu(struct parse_state *w, uint32_t size, bool outermost)
{
	if (size && !left(w))
		return fail(w, PACKET_GTPU_TRUNCATED);
	w->wrap = WRAP_GTPU;
	if (size) {
		if (looks_ethernet(w, size)) {
			if (outermost)
				w->v->flags |= VIEW_ETHERNET;
			return STEP_ETHERNET;
		}
		return by_version(w);
	}
	return STEP_DONE;
}

// Sequence number, N-PDU number and extension headers behind the 8 octets (TS 29.281 clause 5.2).
// `end` is that of the UDP datagram. Leaves `at` on the T-PDU.
static enum step parse_gtpu_options(
	struct parse_state *w, uint8_t flags, uint32_t end, struct packet_nested *g)
{
	if (end - w->at < 4)
		return fail(w, PACKET_GTPU_LENGTH);
	if (left(w) < 4)
		return fail(w, PACKET_GTPU_TRUNCATED);
	uint8_t next = flags & 0x04 ? w->d[w->at + 3] : 0;
	w->at += 4;
	for (unsigned n = 0; next; n++) {
		if (n == PARSE_GTPU_EXT_MAX)
			return fail(w, PACKET_GTPU_EXT_DEPTH);
		if (left(w) < 4)
			return fail(w, PACKET_GTPU_EXT_TRUNCATED);
		const uint8_t *p = w->d + w->at;
		uint32_t size = p[0] * 4u;
		if (size == 0)
			return fail(w, PACKET_GTPU_EXT_LENGTH);
		if (left(w) < size)
			return fail(w, PACKET_GTPU_EXT_TRUNCATED);
		// PDU session container (TS 38.415): type 0 downlink, 1 uplink; the first one
		// counts.
		if (next == 0x85 && p[1] >> 4 <= 1 && !g->flags) {
			g->flags = VIEW_PDU_SESSION;
			g->pdu_type = p[1] >> 4;
			g->qfi = p[2] & 0x3f;
		}
		next = p[size - 1];
		w->at += size;
	}
	return STEP_UPPER;
}

// The T-PDU at `at` ends where the message does by its own word, at `end`, or with the UDP
// `datagram`. Receivers take the datagram: the GTP-U length is not believed where it goes beyond
// it, ends within the header, or cuts an IP packet that the datagram holds.
static uint32_t end_gtpu(struct parse_state *w, uint32_t end, uint32_t datagram)
{
	uint32_t ip_end = w->at + ip_length(w);

	if (end <= datagram && end >= w->at && (ip_end <= end || ip_end > datagram))
		return end;
	w->lie = PACKET_GTPU_CLAMPED;
	return datagram;
}

// `size`: octets of the UDP datagram's content by the UDP header's word.
static enum step parse_gtpu(struct parse_state *w, uint32_t size)
{
	struct packet_view *v = w->v;
	uint32_t start = w->at;

	if (left(w) < 8)
		return fail(w, PACKET_GTPU_TRUNCATED);
	const uint8_t *p = w->d + start;
	if ((p[0] & 0xf0) != 0x30) // version 1, protocol type GTP
		return fail(w, PACKET_GTPU_VERSION);
	if (p[1] != 255) { // echo, error indication, end marker: no user packet
		w->signalling = true;
		return STEP_DONE;
	}
	struct packet_nested g = {.teid = wire_load32(p + 4), .outer = v->n_layers - 1};
	w->at += 8;
	if (p[0] & 0x07 && parse_gtpu_options(w, p[0], start + size, &g) == STEP_DONE)
		return STEP_DONE;
	uint32_t end = end_gtpu(w, start + 8 + wire_load16(p + 2), start + size);
	if (w->end > end)
		w->end = end;
	v->layer[g.outer].flags |= LAYER_CARRIER;
	bool outermost = !(v->flags & VIEW_GTPU);
	if (outermost) {
		v->flags |= VIEW_GTPU | g.flags;
		v->gtp = (uint16_t)start;
		v->gtp_length = (uint16_t)(w->end - start);
		v->gtp_header = (uint16_t)(w->at - start);
		v->gtp_outer = g.outer;
		v->teid = g.teid;
		v->pdu_type = g.pdu_type;
		v->qfi = g.qfi;
		v->n_nested = 0;
	} else {
		v->nested[v->n_nested++] = g; // each has a layer of its own: at most 3
	}
	return parse_tpdu(w, end - w->at, outermost);
}
