// Writes header reports (xIRI) of single packets and of summaries.

#include "dataplane/capture/header_report.h"

#include <string.h>

#include "shared/ber.h"
#include "shared/pdu.h"

#define TAG(n) (uint8_t)(BER_CONTEXT | (n))
#define BOX(n) (uint8_t)(BER_CONTEXT | BER_CONSTRUCTED | (n))

enum { // XIRIEvent
	EVENT_PDHR = 14,
	EVENT_PDSR = 15,
};

#define OID_SIZE 5
#define PDU_SESSION_UNKNOWN 255 // tables 6.2.3.9.3-1 and 6.2.3.9.4-1
#define FROM_TARGET 1		// the opposite order of the PDU header's field
#define TO_TARGET 2
#define FLOW_LABEL_MAX 0xfffffu

// xIRIPayloadOID: {threeGPP(4) ts33128(19) release version xIRI(1)}. The version is the module's.
static const uint8_t release_oid[][OID_SIZE] = {
	[CONFIG_XIRI_R18] = {0x04, 0x13, 0x12, 0x0f, 0x01},
	[CONFIG_XIRI_R19] = {0x04, 0x13, 0x13, 0x03, 0x01},
};
#define RELEASES (sizeof(release_oid) / OID_SIZE)

static bool has_ports(uint8_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132;
}

bool header_facts_of(struct header_facts *f, const struct hit *h, const struct packet_view *v)
{
	uint8_t at = h->layer;

	if (at == HIT_WHOLE_FRAME)
		at = h->tunnelled && v->flags & VIEW_GTPU ? v->gtp_outer + 1 : 0;
	if (at >= v->n_layers)
		return false;
	// A TEID whose content holds no IP layer names the layer that carries it.
	if (h->layer != HIT_WHOLE_FRAME && h->tunnelled && v->flags & VIEW_GTPU &&
		at == v->gtp_outer)
		return false;
	const struct packet_layer *l = &v->layer[at];
	const uint8_t *ip = v->data + l->l3;
	*f = (struct header_facts){.family = l->family,
		.protocol = l->protocol,
		.direction = h->direction,
		.size = l->family == 4 ? l->length : (uint16_t)(l->length - 40)};
	memcpy(f->address, ip + l->source, 2u * l->address_length);
	if (l->family == 6)
		f->flow_label = wire_load32(ip) & FLOW_LABEL_MAX;
	if ((l->flags & (LAYER_PORTS | LAYER_PORTS_FOLLOWED)) == LAYER_PORTS &&
		has_ports(l->protocol)) {
		f->flags = HEADER_PORTS;
		f->sport = l->sport;
		f->dport = l->dport;
		if (l->protocol == 6 && l->l4 + 14u <= v->length)
			f->tcp = v->data[l->l4 + 13];
	}
	return true;
}

static void put_address(
	struct ber_writer *w, uint8_t tag, const struct header_facts *f, bool source)
{
	uint8_t n = f->family == 4 ? 4 : 16;
	const uint8_t *mark = w->at;

	ber_put_octets(w, TAG(f->family == 4 ? 1 : 2), f->address + (source ? 0 : n), n);
	ber_wrap(w, tag, mark);
}

const uint8_t *xiri_write(uint8_t out[XIRI_MAX], const struct xiri *x)
{
	struct ber_writer w = ber_writer_of(out, XIRI_MAX);
	const struct header_facts *f = &x->facts;
	const uint8_t *end = w.at;
	bool ports = f->flags & HEADER_PORTS;

	if (x->trigger == SUMMARY_NONE) {
		ber_put_unsigned(&w, TAG(9), f->size);
	} else {
		ber_put_boolean(&w, TAG(14), x->session);
		ber_put_unsigned(&w, TAG(13), x->bytes);
		ber_put_unsigned(&w, TAG(12), x->packets);
		ber_put_time(&w, TAG(11), x->last_ns);
		ber_put_time(&w, TAG(10), x->first_ns);
		ber_put_unsigned(&w, TAG(9), x->trigger);
	}
	ber_put_unsigned(
		&w, TAG(8), f->direction == PDU_DIRECTION_TO_TARGET ? TO_TARGET : FROM_TARGET);
	if (f->family == 6)
		ber_put_unsigned(&w, TAG(7), f->flow_label);
	ber_put_unsigned(&w, TAG(6), f->protocol);
	if (ports)
		ber_put_unsigned(&w, TAG(5), f->dport);
	put_address(&w, BOX(4), f, false);
	if (ports)
		ber_put_unsigned(&w, TAG(3), f->sport);
	put_address(&w, BOX(2), f, true);
	ber_put_unsigned(&w, TAG(1), PDU_SESSION_UNKNOWN);
	ber_wrap(&w, BOX(x->trigger == SUMMARY_NONE ? EVENT_PDHR : EVENT_PDSR), end);
	ber_wrap(&w, BOX(2), end);
	ber_put_octets(&w, TAG(1), release_oid[x->release], OID_SIZE);
	ber_wrap(&w, BER_SEQUENCE, end);
	return w.at;
}

static void get_address(struct wire_reader *r, uint8_t tag, struct header_facts *f, bool source)
{
	struct wire_reader choice = ber_get(r, tag);
	uint8_t family = ber_peek(&choice) == TAG(1) ? 4 : 6, n = family == 4 ? 4 : 16;
	struct wire_reader v = ber_get(&choice, TAG(family == 4 ? 1 : 2));

	wire_get_octets(&v, f->address + (source ? 0 : n), n);
	ber_close(&choice, &v);
	ber_close(r, &choice);
	if (!source && family != f->family && !r->error)
		r->error = POI_ERR_INVALID; // both ends of one packet
	f->family = family;
}

static void get_facts(struct wire_reader *r, struct header_facts *f)
{
	ber_get_unsigned(r, TAG(1), PDU_SESSION_UNKNOWN, PDU_SESSION_UNKNOWN);
	get_address(r, BOX(2), f, true);
	bool ports = ber_peek(r) == TAG(3);
	if (ports) {
		f->flags = HEADER_PORTS;
		f->sport = (uint16_t)ber_get_unsigned(r, TAG(3), 0, UINT16_MAX);
	}
	get_address(r, BOX(4), f, false);
	if (ports)
		f->dport = (uint16_t)ber_get_unsigned(r, TAG(5), 0, UINT16_MAX);
	f->protocol = (uint8_t)ber_get_unsigned(r, TAG(6), 0, UINT8_MAX);
	if (ports && !has_ports(f->protocol) && !r->error)
		r->error = POI_ERR_INVALID;
	if (f->family == 6)
		f->flow_label = (uint32_t)ber_get_unsigned(r, TAG(7), 0, FLOW_LABEL_MAX);
	f->direction = ber_get_unsigned(r, TAG(8), FROM_TARGET, TO_TARGET) == TO_TARGET
			       ? PDU_DIRECTION_TO_TARGET
			       : PDU_DIRECTION_FROM_TARGET;
}

static uint8_t get_release(struct wire_reader *r)
{
	struct wire_reader v = ber_get(r, TAG(1));

	for (unsigned i = 0; i < RELEASES; i++)
		if (wire_left(&v) == OID_SIZE && memcmp(v.at, release_oid[i], OID_SIZE) == 0)
			return (uint8_t)i;
	if (!r->error)
		r->error = POI_ERR_UNSUPPORTED;
	return 0;
}

int xiri_decode(const uint8_t *octets, size_t length, struct xiri *x)
{
	struct wire_reader r = wire_reader_of(octets, length);

	*x = (struct xiri){0};
	struct wire_reader payload = ber_get(&r, BER_SEQUENCE);
	x->release = get_release(&payload);
	struct wire_reader choice = ber_get(&payload, BOX(2));
	bool summary = ber_peek(&choice) == BOX(EVENT_PDSR);
	struct wire_reader record = ber_get(&choice, BOX(summary ? EVENT_PDSR : EVENT_PDHR));
	get_facts(&record, &x->facts);
	if (summary) {
		x->trigger = (uint8_t)ber_get_unsigned(&record, TAG(9), SUMMARY_TIMER, SUMMARY_END);
		x->first_ns = ber_get_time(&record, TAG(10));
		x->last_ns = ber_get_time(&record, TAG(11));
		x->packets = ber_get_unsigned(&record, TAG(12), 0, UINT64_MAX);
		x->bytes = ber_get_unsigned(&record, TAG(13), 0, UINT64_MAX);
		x->session = ber_get_boolean(&record, TAG(14));
	} else {
		x->facts.size = (uint16_t)ber_get_unsigned(&record, TAG(9), 0, UINT16_MAX);
	}
	ber_close(&choice, &record);
	ber_close(&payload, &choice);
	ber_close(&r, &payload);
	return wire_finish(&r);
}
