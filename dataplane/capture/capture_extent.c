// Finds the octets of a packet that are a PDU's payload.

#include "dataplane/capture/capture_extent.h"

#include "shared/pdu.h"

static enum extent_cut cut_of(const struct packet_layer *l)
{
	if (!(l->flags & LAYER_CUT))
		return EXTENT_WHOLE;
	return l->flags & LAYER_CUT_TAKEN ? EXTENT_TAKEN : EXTENT_CUT;
}

// For GTP-U the extent of the message decides, not the inner length field: a packet that lies about
// its own length is delivered as it was seen.
static struct extent whole_message(const struct packet_view *v)
{
	return (struct extent){.start = v->gtp,
		.length = v->gtp_length,
		.format = PDU_FORMAT_GTPU,
		.cut = cut_of(&v->layer[v->gtp_outer])};
}

static struct extent content(const struct packet_view *v)
{
	return (struct extent){.start = (uint32_t)v->gtp + v->gtp_header,
		.length = v->gtp_length > v->gtp_header ? (uint32_t)v->gtp_length - v->gtp_header
							: 0u,
		.format = v->flags & VIEW_ETHERNET ? PDU_FORMAT_ETHERNET : PDU_FORMAT_UNSTRUCTURED,
		.cut = cut_of(&v->layer[v->gtp_outer])};
}

static struct extent whole_frame(const struct hit *h, const struct packet_view *v)
{
	bool layer = h->layer < v->n_layers;

	return (struct extent){.length = v->total,
		.format = PDU_FORMAT_ETHERNET,
		.cut = layer ? cut_of(&v->layer[h->layer]) : EXTENT_WHOLE};
}

static struct extent datagram(const struct packet_layer *l)
{
	return (struct extent){.start = l->l3,
		.length = l->length,
		.format = l->family == 4 ? PDU_FORMAT_IPV4 : PDU_FORMAT_IPV6,
		.cut = cut_of(l)};
}

static struct extent choose(uint8_t wanted, const struct hit *h, const struct packet_view *v)
{
	bool tunnelled = h->tunnelled && v->flags & VIEW_GTPU;
	bool mac = h->layer == HIT_WHOLE_FRAME;

	if (tunnelled && (wanted == PDU_FORMAT_GTPU || (wanted == 0 && !mac)))
		return whole_message(v);
	if (tunnelled && v->flags & VIEW_ETHERNET && (mac || wanted == PDU_FORMAT_ETHERNET))
		return content(v);
	if (mac || wanted == PDU_FORMAT_ETHERNET || h->layer >= v->n_layers)
		return whole_frame(h, v);
	if (tunnelled && v->flags & VIEW_UNSTRUCTURED)
		return content(v);
	return datagram(&v->layer[h->layer]);
}

struct extent extent_of(uint8_t wanted, const struct hit *h, const struct packet_view *v)
{
	struct extent e = choose(wanted, h, v);

	if ((uint64_t)e.start + e.length <= v->total)
		return e;
	if (e.cut == EXTENT_TAKEN && e.start < v->total)
		e.length = v->total - e.start;
	else
		e.cut = EXTENT_CUT;
	return e;
}
