#include "shared/session_target.h"

#include <string.h>

#define SESSION_KINDS (SESSION_FSEID | SESSION_PDR | SESSION_QER | SESSION_NI | SESSION_SUBSCRIBER)

#define SEID_V4 0x01u // bits of the encoded address mask
#define SEID_V6 0x02u

#define IMEI_DIGITS 14u // what two forms of one equipment share
#define NAME_MAX_OCTETS 255u

// The kinds that are numbers written as digits, in the order in which they are encoded.
struct number {
	uint16_t kind;
	uint8_t least, most;
	char *text;
};

static void list_numbers(const struct session_target *t, struct number out[4])
{
	struct session_target *u = (struct session_target *)(uintptr_t)t; // only decode writes

	out[0] = (struct number){SESSION_IMSI, 6, 15, u->imsi};
	out[1] = (struct number){SESSION_MSISDN, 1, 15, u->msisdn};
	out[2] = (struct number){SESSION_IMEI, IMEI_DIGITS, IMEI_DIGITS, u->imei};
	out[3] = (struct number){SESSION_IMEISV, 16, 16, u->imeisv};
}

static bool is_number(const struct number *n)
{
	size_t length = strnlen(n->text, SESSION_DIGITS_MAX + 1);

	if (length < n->least || length > n->most)
		return false;
	for (size_t i = 0; i < length; i++)
		if (n->text[i] < '0' || n->text[i] > '9')
			return false;
	return true;
}

static bool is_address(const struct ip_address *a, uint8_t family)
{
	static const uint8_t zeros[16];
	size_t used = !a->family ? 0 : family == 4 ? 4 : 16;

	return (!a->family || a->family == family) &&
	       !memcmp(a->b + used, zeros, sizeof(a->b) - used);
}

static int refuse(const char **why, const char *text, int error)
{
	if (why)
		*why = text;
	return error;
}

uint16_t session_hashed_kind(uint8_t identity)
{
	static const uint16_t kinds[] = {[HASHED_IMSI] = SESSION_IMSI,
		[HASHED_MSISDN] = SESSION_MSISDN,
		[HASHED_IMEI] = SESSION_IMEI,
		[HASHED_IMEI_CHECKED] = SESSION_IMEI,
		[HASHED_IMEISV] = SESSION_IMEISV,
		[HASHED_NAI] = SESSION_NAI};

	return identity < sizeof(kinds) / sizeof(kinds[0]) ? kinds[identity] : 0;
}

static bool is_hashed(const struct session_hashed *h)
{
	return session_hashed_kind(h->identity) && identity_hash_size(h->algorithm) &&
	       h->salt_length >= IDENTITY_SALT_MIN && h->salt_length <= IDENTITY_SALT_MAX;
}

static int check_values(const struct session_target *t)
{
	struct number numbers[4];

	if (t->kinds & ~SESSION_KINDS)
		return POI_ERR_INVALID;
	if (t->kinds & SESSION_FSEID &&
		(!is_address(&t->seid_v4, 4) || !is_address(&t->seid_v6, 6)))
		return POI_ERR_INVALID;
	if (t->kinds & SESSION_NI && (!t->ni_length || t->ni_length > SESSION_NI_MAX))
		return POI_ERR_INVALID;
	list_numbers(t, numbers);
	for (unsigned i = 0; i < 4; i++)
		if (t->kinds & numbers[i].kind && !is_number(&numbers[i]))
			return POI_ERR_INVALID;
	if (t->kinds & SESSION_HASHED && !is_hashed(&t->hashed))
		return POI_ERR_INVALID;
	size_t nai = strnlen(t->nai, sizeof(t->nai));
	if (t->kinds & SESSION_NAI && (!nai || nai > SESSION_NAI_MAX))
		return POI_ERR_INVALID;
	return POI_OK;
}

int session_target_check(const struct session_target *t, const char **why)
{
	if (check_values(t))
		return refuse(why, "the session's target criteria are malformed", POI_ERR_INVALID);
	if (t->kinds & (SESSION_PDR | SESSION_QER) && !(t->kinds & SESSION_FSEID))
		return refuse(why,
			"a PDR or QER identifier is unique in its session only: an F-SEID is "
			"needed",
			POI_ERR_CONFLICT);
	if (t->kinds & SESSION_IMEI && t->kinds & SESSION_IMEISV &&
		memcmp(t->imei, t->imeisv, IMEI_DIGITS) != 0)
		return refuse(why, "no equipment has both identities", POI_ERR_CONFLICT);
	return POI_OK;
}

bool session_target_equal(const struct session_target *a, const struct session_target *b)
{
	uint8_t octets_a[SESSION_TARGET_ENCODED_MAX], octets_b[SESSION_TARGET_ENCODED_MAX];
	struct wire_writer wa = wire_writer_of(octets_a, sizeof(octets_a));
	struct wire_writer wb = wire_writer_of(octets_b, sizeof(octets_b));

	session_target_encode(&wa, a);
	session_target_encode(&wb, b);
	return !wa.error && !wb.error && wire_written(&wa) == wire_written(&wb) &&
	       !memcmp(octets_a, octets_b, wire_written(&wa));
}

static void encode_hashed(struct wire_writer *w, const struct session_hashed *h)
{
	wire_put_u8(w, h->identity);
	wire_put_u8(w, h->algorithm);
	wire_put_u8(w, h->salt_length);
	wire_put_octets(w, h->salt, h->salt_length);
	wire_put_octets(w, h->digest, identity_hash_size(h->algorithm));
}

void session_target_encode(struct wire_writer *w, const struct session_target *t)
{
	struct number numbers[4];

	if (check_values(t)) {
		w->error = w->error ? w->error : POI_ERR_INVALID;
		return;
	}
	wire_put_u16(w, t->kinds);
	if (t->kinds & SESSION_FSEID) {
		wire_put_u64(w, t->seid);
		wire_put_u8(w, (uint8_t)((t->seid_v4.family ? SEID_V4 : 0) |
					 (t->seid_v6.family ? SEID_V6 : 0)));
		wire_put_octets(w, t->seid_v4.b, t->seid_v4.family ? 4 : 0);
		wire_put_octets(w, t->seid_v6.b, t->seid_v6.family ? 16 : 0);
	}
	if (t->kinds & SESSION_PDR)
		wire_put_u16(w, t->pdr);
	if (t->kinds & SESSION_QER)
		wire_put_u32(w, t->qer);
	if (t->kinds & SESSION_NI) {
		wire_put_u8(w, t->ni_length);
		wire_put_octets(w, t->ni, t->ni_length);
	}
	list_numbers(t, numbers);
	for (unsigned i = 0; i < 4; i++)
		if (t->kinds & numbers[i].kind)
			wire_put_text(w, numbers[i].text);
	if (t->kinds & SESSION_NAI)
		wire_put_text(w, t->nai);
	if (t->kinds & SESSION_HASHED)
		encode_hashed(w, &t->hashed);
}

static void decode_seid(struct wire_reader *r, struct session_target *t)
{
	t->seid = wire_get_u64(r);
	uint8_t mask = wire_get_u8(r);
	if (!r->error && mask & ~(SEID_V4 | SEID_V6))
		r->error = POI_ERR_INVALID;
	if (mask & SEID_V4) {
		t->seid_v4.family = 4;
		wire_get_octets(r, t->seid_v4.b, 4);
	}
	if (mask & SEID_V6) {
		t->seid_v6.family = 6;
		wire_get_octets(r, t->seid_v6.b, 16);
	}
}

static void decode_ni(struct wire_reader *r, struct session_target *t)
{
	t->ni_length = wire_get_u8(r);
	if (!r->error && t->ni_length > SESSION_NI_MAX)
		r->error = POI_ERR_INVALID;
	if (!r->error)
		wire_get_octets(r, t->ni, t->ni_length);
}

static void decode_hashed(struct wire_reader *r, struct session_hashed *h)
{
	h->identity = wire_get_u8(r);
	h->algorithm = wire_get_u8(r);
	h->salt_length = wire_get_u8(r);
	if (!r->error && !is_hashed(h))
		r->error = POI_ERR_INVALID;
	if (r->error)
		return;
	wire_get_octets(r, h->salt, h->salt_length);
	wire_get_octets(r, h->digest, identity_hash_size(h->algorithm));
}

void session_target_decode(struct wire_reader *r, struct session_target *t)
{
	struct number numbers[4];

	memset(t, 0, sizeof(*t));
	t->kinds = wire_get_u16(r);
	if (t->kinds & SESSION_FSEID)
		decode_seid(r, t);
	if (t->kinds & SESSION_PDR)
		t->pdr = wire_get_u16(r);
	if (t->kinds & SESSION_QER)
		t->qer = wire_get_u32(r);
	if (t->kinds & SESSION_NI)
		decode_ni(r, t);
	list_numbers(t, numbers);
	for (unsigned i = 0; i < 4; i++)
		if (t->kinds & numbers[i].kind)
			wire_get_text(r, numbers[i].text, SESSION_DIGITS_MAX + 1);
	if (t->kinds & SESSION_NAI)
		wire_get_text(r, t->nai, sizeof(t->nai));
	if (t->kinds & SESSION_HASHED)
		decode_hashed(r, &t->hashed);
	if (!r->error && check_values(t))
		r->error = POI_ERR_INVALID;
	if (r->error)
		memset(t, 0, sizeof(*t));
}

struct name { // of a Network Instance: lower case, labels joined with dots
	uint8_t octets[NAME_MAX_OCTETS];
	size_t length;
};

// DNS labels that end where the octets do, with or without a closing zero.
static bool read_labels(const uint8_t *octets, size_t length, struct name *out)
{
	size_t at = 0;

	out->length = 0;
	while (at < length && octets[at]) {
		size_t label = octets[at];
		if (label > 63 || label > length - at - 1)
			return false;
		if (out->length)
			out->octets[out->length++] = '.';
		memcpy(out->octets + out->length, octets + at + 1, label);
		out->length += label;
		at += 1 + label;
	}
	return out->length && (at == length || at + 1 == length);
}

static bool digits_at(const uint8_t *at)
{
	for (unsigned i = 0; i < 3; i++)
		if (at[i] < '0' || at[i] > '9')
			return false;
	return true;
}

// ".mncNNN.mccNNN.gprs" (3GPP TS 23.003 clause 9.1.2)
static void strip_operator(struct name *n)
{
	const size_t tail = 19;

	if (n->length <= tail)
		return;
	const uint8_t *at = n->octets + n->length - tail;
	if (!memcmp(at, ".mnc", 4) && digits_at(at + 4) && !memcmp(at + 7, ".mcc", 4) &&
		digits_at(at + 11) && !memcmp(at + 14, ".gprs", 5))
		n->length -= tail;
}

static void read_name(const uint8_t *octets, size_t length, struct name *out)
{
	if (!read_labels(octets, length, out)) {
		memcpy(out->octets, octets, length);
		out->length = length;
	}
	for (size_t i = 0; i < out->length; i++)
		if (out->octets[i] >= 'A' && out->octets[i] <= 'Z')
			out->octets[i] |= 0x20;
	strip_operator(out);
}

bool session_ni_equal(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	struct name name_a, name_b;

	if (!a_length || !b_length)
		return false;
	if (a_length == b_length && !memcmp(a, b, a_length))
		return true;
	if (a_length > NAME_MAX_OCTETS || b_length > NAME_MAX_OCTETS)
		return false;
	read_name(a, a_length, &name_a);
	read_name(b, b_length, &name_b);
	return name_a.length == name_b.length &&
	       !memcmp(name_a.octets, name_b.octets, name_a.length);
}

char session_imei_check_digit(const char imei[static 14])
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 14; i++) {
		unsigned digit = (unsigned)(imei[i] - '0') * (i % 2 ? 2 : 1);
		sum += digit / 10 + digit % 10;
	}
	return (char)('0' + (10 - sum % 10) % 10);
}
