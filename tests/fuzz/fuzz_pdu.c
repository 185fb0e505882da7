// The PDU decoder on any octets, and the encoder against it: what the encoder writes must be
// decoded to what it was given, and what the decoder accepts must keep every bound it promises.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/pdu.h"

#define SIZE_MAX_TRIED 70000u

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length);

static void must(int holds)
{
	if (!holds)
		abort();
}

static void decode(const uint8_t *octets, size_t length)
{
	struct pdu p;
	const char *why = NULL;
	int64_t n = pdu_decode(octets, length, SIZE_MAX_TRIED, &p, &why);

	must(why != NULL);
	if (n <= 0) {
		must(n < 0);
		// Only "more octets" may depend on what follows.
		struct pdu q;
		if (n != POI_ERR_AGAIN && length > 0)
			must(pdu_decode(octets, length - 1, SIZE_MAX_TRIED, &q, &why) < 0);
		return;
	}
	must((uint64_t)n == (uint64_t)p.header_length + p.payload_length && (uint64_t)n <= length);
	must(p.attributes == octets + PDU_HEADER_MIN && p.payload == octets + p.header_length);
	must(p.header_length >= PDU_HEADER_MIN && p.time_ns % 1000000000u < 1000000000u);
	must(!p.nfid || (p.nfid > octets && p.nfid + p.nfid_length <= p.payload));
	must(!p.ipid || (p.ipid > octets && p.ipid + p.ipid_length <= p.payload));
	struct pdu_axri a;
	uint32_t at = 0, named = 0;
	while (pdu_axri_next(&p, &at, &a))
		named++;
	must(at == p.header_length - PDU_HEADER_MIN);
	must((named > 0) == ((p.present >> PDU_ATTR_AXRI & 1) != 0));
	// Exactly its own octets are enough, one less is not.
	must(pdu_decode(octets, (size_t)n, SIZE_MAX_TRIED, &p, &why) == n);
	must(pdu_decode(octets, (size_t)n - 1, SIZE_MAX_TRIED, &p, &why) == POI_ERR_AGAIN);
	must(pdu_decode(octets, (size_t)n, (size_t)n - 1, &p, &why) == POI_ERR_TOO_LARGE);
}

// A text of `want` octets from the input, without zeros.
static void text_of(const uint8_t **at, size_t *left, char *out, size_t want)
{
	for (size_t i = 0; i < want; i++) {
		uint8_t c = 'x';
		if (*left > 0) {
			c = *(*at)++;
			(*left)--;
		}
		out[i] = (char)(c ? c : 'z');
	}
	out[want] = 0;
}

static void encode(const uint8_t *octets, size_t length)
{
	struct wire_reader r = wire_reader_of(octets, length);
	struct pdu_head h = {.type = wire_get_u8(&r) & 1 ? PDU_X2 : PDU_X3,
		.minor = wire_get_u8(&r),
		.direction = 1 + wire_get_u8(&r) % 5};
	struct pdu_origin o;
	char nfid[PDU_ID_MAX + 1], ipid[PDU_ID_MAX + 1];
	uint8_t n_nfid = 1 + wire_get_u8(&r) % PDU_ID_MAX,
		n_ipid = 1 + wire_get_u8(&r) % PDU_ID_MAX;

	h.format = h.type == PDU_X2 ? PDU_FORMAT_33128 : PDU_FORMAT_GTPU;
	h.payload_length = wire_get_u16(&r);
	h.correlation = wire_get_u64(&r);
	h.sequence = wire_get_u32(&r);
	h.time_ns = wire_get_u64(&r) % (1000000000ull << 32);
	wire_get_octets(&r, h.xid.b, sizeof(h.xid.b));
	const uint8_t *at = r.at;
	size_t left = wire_left(&r);
	text_of(&at, &left, nfid, n_nfid);
	text_of(&at, &left, ipid, n_ipid);
	must(pdu_origin_make(&o, nfid, ipid) == 0);

	size_t size = pdu_head_size(&o, &h);
	uint8_t *out = malloc(size + h.payload_length);
	must(out != NULL);
	memset(out, 0x5a, size + h.payload_length);
	must(pdu_head_write(out, &o, &h) == size);
	struct pdu p;
	const char *why;
	must(pdu_decode(out, size + h.payload_length, SIZE_MAX_TRIED, &p, &why) ==
		(int64_t)(size + h.payload_length));
	must(p.type == h.type && p.minor == h.minor && p.direction == h.direction);
	must(p.format == h.format && p.sequence == h.sequence && p.time_ns == h.time_ns);
	must(p.correlation == h.correlation && memcmp(p.xid.b, h.xid.b, sizeof(p.xid.b)) == 0);
	must(p.nfid_length == n_nfid && memcmp(p.nfid, nfid, n_nfid) == 0);
	must(p.ipid_length == n_ipid && memcmp(p.ipid, ipid, n_ipid) == 0);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length)
{
	// A copy of its exact size: a read beyond it is seen.
	uint8_t *exact = malloc(length ? length : 1);

	must(exact != NULL);
	if (length)
		memcpy(exact, octets, length);
	decode(exact, length);
	encode(exact, length);
	free(exact);
	return 0;
}
