// Takes an encoded record apart and leaves out members that it can do without.

#include <string.h>

#include "shared/record_internal.h"

#define CONTEXT_OPEN (BER_CONTEXT | BER_CONSTRUCTED)

_Static_assert(RECORD_MEMBERS <= 64, "members of a record have a bit each");

struct part { // a member, with its identifier and length
	const uint8_t *at;
	uint32_t length;
	uint32_t number;
};

// An XIRIPayload: the object identifier, and in it the record.
struct parts {
	struct part module; // without a number
	uint32_t number;    // of the record in XIRIEvent
	unsigned n;
	struct part member[RECORD_MEMBERS];
};

static int take_apart(const uint8_t *octets, uint32_t length, struct parts *out)
{
	struct wire_reader r = wire_reader_of(octets, length);
	struct wire_reader payload = ber_get(&r, BER_SEQUENCE);

	out->module.at = payload.at;
	(void)ber_get(&payload, BER_CONTEXT | 1);
	out->module.length = (uint32_t)(payload.at - out->module.at);
	struct wire_reader event = ber_get(&payload, CONTEXT_OPEN | 2);
	(void)ber_peek_number(&event, &out->number);
	struct wire_reader record = ber_get_number(&event, CONTEXT_OPEN, out->number);
	for (out->n = 0; wire_left(&record) > 0; out->n++) {
		struct part *p = &out->member[out->n];

		if (out->n == RECORD_MEMBERS)
			return POI_ERR_INVALID;
		p->at = record.at;
		uint8_t bits = ber_peek_number(&record, &p->number);
		(void)ber_get_number(&record, bits, p->number);
		p->length = (uint32_t)(record.at - p->at);
	}
	ber_close(&event, &record);
	ber_close(&payload, &event);
	ber_close(&r, &payload);
	return wire_finish(&r) ? POI_ERR_INVALID : 0;
}

static bool stays(const struct record_short *s, unsigned member)
{
	return s->members >> member & 1;
}

// Octets of a value with `contents`, under an identifier of this number.
static uint32_t wrapped(uint32_t contents, uint32_t number)
{
	uint8_t header[10];
	struct ber_writer w = ber_writer_of(header, sizeof(header));

	ber_put_length(&w, contents);
	ber_put_identifier(&w, CONTEXT_OPEN, number);
	return contents + (uint32_t)ber_written(&w);
}

static uint32_t length_of(const struct parts *p, const struct record_short *s)
{
	uint32_t members = 0;

	for (unsigned i = 0; i < p->n; i++)
		members += stays(s, i) ? p->member[i].length : 0;
	return wrapped(p->module.length + wrapped(wrapped(members, p->number), 2), 0);
}

// The flags of each member by the table. INVALID: one is none of this record.
static int flags_of(const struct record_type *type, const struct parts *p, unsigned flags[])
{
	for (unsigned i = 0; i < p->n; i++) {
		unsigned m = 0;

		while (m < type->count && type->members[m].number != p->member[i].number)
			m++;
		if (m == type->count)
			return POI_ERR_INVALID;
		flags[i] = type->members[m].flags;
	}
	return 0;
}

// The last member that is there and that neither the table nor another one asks for; p->n: none.
// The rules that members exclude each other hold with fewer of them, too.
static unsigned last_to_spare(
	const struct parts *p, const unsigned flags[], const struct record_short *s)
{
	unsigned asks = 0, one_of = 0;

	for (unsigned i = 0; i < p->n; i++) {
		asks += stays(s, i) && flags[i] & ASKS;
		one_of += stays(s, i) && flags[i] & ONE_OF;
	}
	for (unsigned i = p->n; i-- > 0;) {
		if (stays(s, i) && !(flags[i] & (BY_TABLE | BY_MODULE)) &&
			!(flags[i] & ONE_OF && one_of == 1) && !(flags[i] & ASKED && asks))
			return i;
	}
	return p->n;
}

int record_shorten(unsigned kind, const uint8_t *octets, uint32_t length, uint32_t limit,
	struct record_short *out)
{
	unsigned flags[RECORD_MEMBERS];
	struct parts p;

	if (kind >= RECORD_KINDS || take_apart(octets, length, &p) ||
		flags_of(record_type_of(kind), &p, flags))
		return POI_ERR_INVALID;
	out->members = (UINT64_C(1) << p.n) - 1;
	while ((out->length = length_of(&p, out)) > limit) {
		unsigned last = last_to_spare(&p, flags, out);

		if (last == p.n)
			return POI_ERR_TOO_LARGE;
		out->members &= ~(UINT64_C(1) << last);
	}
	return 0;
}

void record_short_write(
	const uint8_t *octets, uint32_t length, const struct record_short *s, uint8_t *out)
{
	struct ber_writer w = ber_writer_of(out, s->length);
	const uint8_t *end = w.at;
	struct parts p;

	if (take_apart(octets, length, &p))
		return;
	for (unsigned i = p.n; i-- > 0;) {
		uint8_t *at = stays(s, i) ? ber_room(&w, p.member[i].length) : NULL;

		if (at)
			memcpy(at, p.member[i].at, p.member[i].length);
	}
	ber_wrap_number(&w, CONTEXT_OPEN, p.number, end);
	ber_wrap_number(&w, CONTEXT_OPEN, 2, end);
	uint8_t *module = ber_room(&w, p.module.length);
	if (module)
		memcpy(module, p.module.at, p.module.length);
	ber_wrap(&w, BER_SEQUENCE, end);
}
