#include "shared/filter.h"

#include <arpa/inet.h>

#define FILTER_KINDS \
	(FILTER_ADDRESS | FILTER_PORT | FILTER_TEID | FILTER_FTEID | FILTER_MAC | FILTER_DIRECTION)

#define FTEID_V4 0x01u // bits of the encoded F-TEID's address mask
#define FTEID_V6 0x02u

static size_t family_octets(uint8_t family)
{
	return family == 4 ? 4 : family == 6 ? 16 : 0;
}

static bool all_zero(const uint8_t *octets, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (octets[i])
			return false;
	return true;
}

// True when no bit at or beyond `length` is set.
static bool host_bits_zero(const uint8_t b[16], uint8_t length)
{
	size_t whole = length / 8;

	if (length % 8) {
		if (b[whole] & (0xffu >> (length % 8)))
			return false;
		whole++;
	}
	return all_zero(b + whole, 16 - whole);
}

static int check_prefix(const struct ip_prefix *p)
{
	size_t octets = family_octets(p->family);

	if (!octets || p->length > octets * 8 || !host_bits_zero(p->b, p->length))
		return POI_ERR_INVALID;
	return POI_OK;
}

static int check_address(const struct ip_address *a, uint8_t family)
{
	if (a->family == 0)
		return all_zero(a->b, sizeof(a->b)) ? POI_OK : POI_ERR_INVALID;
	if (a->family != family ||
		!all_zero(a->b + family_octets(family), 16 - family_octets(family)))
		return POI_ERR_INVALID;
	return POI_OK;
}

static int compare_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	int order = memcmp(a->b, b->b, sizeof(a->b));
	return order ? order : (int)a->length - (int)b->length;
}

static int compare_ports(const struct port_set *a, const struct port_set *b)
{
	for (unsigned i = 0; i < a->n && i < b->n; i++) {
		if (a->range[i].first != b->range[i].first)
			return a->range[i].first < b->range[i].first ? -1 : 1;
		if (a->range[i].last != b->range[i].last)
			return a->range[i].last < b->range[i].last ? -1 : 1;
	}
	return (int)a->n - (int)b->n;
}

static int normalise_ports(struct port_set *s)
{
	if (s->n > FILTER_RANGES_MAX)
		return POI_ERR_TOO_LARGE;
	if (s->n == 0)
		return POI_ERR_INVALID;
	for (unsigned i = 0; i < s->n; i++)
		if (s->range[i].first > s->range[i].last)
			return POI_ERR_INVALID;
	for (unsigned i = 1; i < s->n; i++) { // at most 16: insertion sort
		struct port_range moved = s->range[i];
		unsigned at = i;
		for (; at > 0 && s->range[at - 1].first > moved.first; at--)
			s->range[at] = s->range[at - 1];
		s->range[at] = moved;
	}
	unsigned kept = 0;
	for (unsigned i = 1; i < s->n; i++) {
		struct port_range *last = &s->range[kept];
		if (s->range[i].first <= (uint32_t)last->last + 1) {
			if (s->range[i].last > last->last)
				last->last = s->range[i].last;
		} else {
			s->range[++kept] = s->range[i];
		}
	}
	s->n = (uint8_t)(kept + 1);
	memset(&s->range[s->n], 0, (FILTER_RANGES_MAX - s->n) * sizeof(s->range[0]));
	return POI_OK;
}

// A kind's flag and its count agree.
static bool count_agrees(const struct filter *f, uint32_t kind, uint8_t n)
{
	return f->kinds & kind ? n >= 1 && n <= 2 : n == 0;
}

static int check_shape(const struct filter *f)
{
	if (f->kinds & ~FILTER_KINDS)
		return POI_ERR_INVALID;
	if (!count_agrees(f, FILTER_ADDRESS, f->n_address) ||
		!count_agrees(f, FILTER_PORT, f->n_port) || !count_agrees(f, FILTER_MAC, f->n_mac))
		return POI_ERR_INVALID;
	if (f->kinds & FILTER_PORT && f->protocol != 6 && f->protocol != 17)
		return POI_ERR_INVALID;
	if (f->kinds & FILTER_DIRECTION && f->direction != FILTER_TO_TARGET &&
		f->direction != FILTER_FROM_TARGET)
		return POI_ERR_INVALID;
	if (f->kinds & FILTER_FTEID && !f->fteid_v4.family && !f->fteid_v6.family)
		return POI_ERR_INVALID;
	return POI_OK;
}

// Zeroes fields whose flag is absent, so that equal meanings are equal octets.
static void clear_absent(struct filter *f)
{
	memset(&f->address[f->n_address], 0, (2u - f->n_address) * sizeof(f->address[0]));
	memset(&f->port[f->n_port], 0, (2u - f->n_port) * sizeof(f->port[0]));
	memset(&f->mac[f->n_mac], 0, (2u - f->n_mac) * sizeof(f->mac[0]));
	if (!(f->kinds & FILTER_PORT))
		f->protocol = 0;
	if (!(f->kinds & FILTER_DIRECTION))
		f->direction = FILTER_ANY_DIRECTION;
	if (!(f->kinds & (FILTER_TEID | FILTER_FTEID)))
		f->teid = 0;
	if (!(f->kinds & FILTER_FTEID)) {
		memset(&f->fteid_v4, 0, sizeof(f->fteid_v4));
		memset(&f->fteid_v6, 0, sizeof(f->fteid_v6));
	}
}

static void swap_addresses(struct filter *f)
{
	struct ip_prefix moved = f->address[0];

	f->address[0] = f->address[1];
	f->address[1] = moved;
}

static void swap_ports(struct filter *f)
{
	struct port_set moved = f->port[0];

	f->port[0] = f->port[1];
	f->port[1] = moved;
}

// The two ends have no order of their own. Two addresses with two ports are two pairs and move
// together; every other list is sorted by itself.
static void sort_ends(struct filter *f)
{
	int by_address = f->n_address == 2 ? compare_prefix(&f->address[0], &f->address[1]) : 0;
	int by_port = f->n_port == 2 ? compare_ports(&f->port[0], &f->port[1]) : 0;

	if (f->n_address == 2 && f->n_port == 2) {
		if (by_address > 0 || (by_address == 0 && by_port > 0)) {
			swap_addresses(f);
			swap_ports(f);
		}
	} else {
		if (by_address > 0)
			swap_addresses(f);
		if (by_port > 0)
			swap_ports(f);
	}
	if (f->n_mac == 2 && memcmp(f->mac[0], f->mac[1], 6) > 0) {
		uint8_t moved[6];
		memcpy(moved, f->mac[0], 6);
		memcpy(f->mac[0], f->mac[1], 6);
		memcpy(f->mac[1], moved, 6);
	}
}

int filter_normalise(struct filter *f)
{
	int rc = check_shape(f);

	if (rc)
		return rc;
	clear_absent(f);
	for (unsigned i = 0; i < f->n_address && !rc; i++)
		rc = check_prefix(&f->address[i]);
	for (unsigned i = 0; i < f->n_port && !rc; i++)
		rc = normalise_ports(&f->port[i]);
	if (!rc)
		rc = check_address(&f->fteid_v4, 4);
	if (!rc)
		rc = check_address(&f->fteid_v6, 6);
	if (rc)
		return rc;
	sort_ends(f);
	return POI_OK;
}

static bool prefix_is_exact(const struct ip_prefix *p)
{
	return p->length == family_octets(p->family) * 8;
}

static int refuse(const char **why, const char *text, int error)
{
	if (why)
		*why = text;
	return error;
}

int filter_check(const struct filter *f, const char **why)
{
	uint32_t directed = FILTER_ADDRESS | FILTER_MAC | FILTER_TEID | FILTER_FTEID;

	if (f->kinds & ~FILTER_KINDS || check_shape(f))
		return refuse(why, "the target criteria are malformed", POI_ERR_INVALID);
	if (!(f->kinds & ~FILTER_DIRECTION))
		return refuse(why, "no target identifier that selects packets", POI_ERR_INVALID);
	if (f->n_address == 2) {
		if (f->address[0].family != f->address[1].family)
			return refuse(why, "no packet carries an IPv4 and an IPv6 address",
				POI_ERR_CONFLICT);
		if (prefix_is_exact(&f->address[0]) &&
			!compare_prefix(&f->address[0], &f->address[1]))
			return refuse(why, "both ends of the conversation are the same address",
				POI_ERR_CONFLICT);
	}
	if (f->n_mac == 2 && !memcmp(f->mac[0], f->mac[1], 6))
		return refuse(why, "both ends of the conversation are the same MAC address",
			POI_ERR_CONFLICT);
	// Ports alone give no direction (TS 103 221-2 payload direction 1, unknown).
	if (f->kinds & FILTER_DIRECTION && !(f->kinds & directed))
		return refuse(why, "a direction needs an address or a tunnel that is the target",
			POI_ERR_CONFLICT);
	return POI_OK;
}

bool filter_equal(const struct filter *a, const struct filter *b)
{
	uint8_t octets_a[FILTER_ENCODED_MAX], octets_b[FILTER_ENCODED_MAX];
	struct wire_writer wa = wire_writer_of(octets_a, sizeof(octets_a));
	struct wire_writer wb = wire_writer_of(octets_b, sizeof(octets_b));

	filter_encode(&wa, a);
	filter_encode(&wb, b);
	return !wa.error && !wb.error && wire_written(&wa) == wire_written(&wb) &&
	       !memcmp(octets_a, octets_b, wire_written(&wa));
}

static void encode_ports(struct wire_writer *w, const struct port_set *s)
{
	if (s->n > FILTER_RANGES_MAX) {
		w->error = w->error ? w->error : POI_ERR_TOO_LARGE;
		return;
	}
	wire_put_u8(w, s->n);
	for (unsigned i = 0; i < s->n; i++) {
		wire_put_u16(w, s->range[i].first);
		wire_put_u16(w, s->range[i].last);
	}
}

void filter_encode(struct wire_writer *w, const struct filter *f)
{
	if (check_shape(f)) {
		w->error = w->error ? w->error : POI_ERR_INVALID;
		return;
	}
	wire_put_u32(w, f->kinds);
	if (f->kinds & FILTER_ADDRESS) {
		wire_put_u8(w, f->n_address);
		for (unsigned i = 0; i < f->n_address; i++) {
			wire_put_u8(w, f->address[i].family);
			wire_put_u8(w, f->address[i].length);
			wire_put_octets(w, f->address[i].b, family_octets(f->address[i].family));
		}
	}
	if (f->kinds & FILTER_PORT) {
		wire_put_u8(w, f->protocol);
		wire_put_u8(w, f->n_port);
		for (unsigned i = 0; i < f->n_port; i++)
			encode_ports(w, &f->port[i]);
	}
	if (f->kinds & (FILTER_TEID | FILTER_FTEID))
		wire_put_u32(w, f->teid);
	if (f->kinds & FILTER_FTEID) {
		wire_put_u8(w, (uint8_t)((f->fteid_v4.family ? FTEID_V4 : 0) |
					 (f->fteid_v6.family ? FTEID_V6 : 0)));
		if (f->fteid_v4.family)
			wire_put_octets(w, f->fteid_v4.b, 4);
		if (f->fteid_v6.family)
			wire_put_octets(w, f->fteid_v6.b, 16);
	}
	if (f->kinds & FILTER_MAC) {
		wire_put_u8(w, f->n_mac);
		wire_put_octets(w, f->mac, 6u * f->n_mac);
	}
	if (f->kinds & FILTER_DIRECTION)
		wire_put_u8(w, f->direction);
}

static uint8_t decode_count(struct wire_reader *r, uint8_t most)
{
	uint8_t n = wire_get_u8(r);

	if (!r->error && (n == 0 || n > most))
		r->error = POI_ERR_INVALID;
	return r->error ? 0 : n;
}

static void decode_addresses(struct wire_reader *r, struct filter *f)
{
	f->n_address = decode_count(r, 2);
	for (unsigned i = 0; i < f->n_address && !r->error; i++) {
		f->address[i].family = wire_get_u8(r);
		f->address[i].length = wire_get_u8(r);
		wire_get_octets(r, f->address[i].b, family_octets(f->address[i].family));
	}
}

static void decode_ports(struct wire_reader *r, struct filter *f)
{
	f->protocol = wire_get_u8(r);
	f->n_port = decode_count(r, 2);
	for (unsigned i = 0; i < f->n_port && !r->error; i++) {
		f->port[i].n = decode_count(r, FILTER_RANGES_MAX);
		for (unsigned k = 0; k < f->port[i].n; k++) {
			f->port[i].range[k].first = wire_get_u16(r);
			f->port[i].range[k].last = wire_get_u16(r);
		}
	}
}

static void decode_fteid(struct wire_reader *r, struct filter *f)
{
	uint8_t mask = wire_get_u8(r);

	if (!r->error && (mask == 0 || mask & ~(FTEID_V4 | FTEID_V6)))
		r->error = POI_ERR_INVALID;
	if (mask & FTEID_V4) {
		f->fteid_v4.family = 4;
		wire_get_octets(r, f->fteid_v4.b, 4);
	}
	if (mask & FTEID_V6) {
		f->fteid_v6.family = 6;
		wire_get_octets(r, f->fteid_v6.b, 16);
	}
}

void filter_decode(struct wire_reader *r, struct filter *f)
{
	memset(f, 0, sizeof(*f));
	f->kinds = wire_get_u32(r);
	if (f->kinds & FILTER_ADDRESS)
		decode_addresses(r, f);
	if (f->kinds & FILTER_PORT)
		decode_ports(r, f);
	if (f->kinds & (FILTER_TEID | FILTER_FTEID))
		f->teid = wire_get_u32(r);
	if (f->kinds & FILTER_FTEID)
		decode_fteid(r, f);
	if (f->kinds & FILTER_MAC) {
		f->n_mac = decode_count(r, 2);
		wire_get_octets(r, f->mac, 6u * f->n_mac);
	}
	if (f->kinds & FILTER_DIRECTION)
		f->direction = wire_get_u8(r);

	// Only the canonical form is taken: normalising it again must change nothing.
	struct filter again = *f;
	if (!r->error && (filter_normalise(&again) || !filter_equal(&again, f)))
		r->error = POI_ERR_INVALID;
	if (r->error)
		memset(f, 0, sizeof(*f));
}

// A decimal number of 1 to 3 digits up to `most`; leading zeros are decimal too (TS 103 280 allows
// them, and the octal reading of some libraries would select another user).
static int parse_number(const char **text, unsigned most, unsigned *out)
{
	const char *p = *text;
	unsigned v = 0, digits = 0;

	while (*p >= '0' && *p <= '9' && digits < 4) {
		v = v * 10 + (unsigned)(*p++ - '0');
		digits++;
	}
	if (digits == 0 || digits > 3 || v > most)
		return POI_ERR_SYNTAX;
	*text = p;
	*out = v;
	return POI_OK;
}

static int parse_v4(const char *text, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned v;
		if (i && *text++ != '.')
			return POI_ERR_SYNTAX;
		if (parse_number(&text, 255, &v))
			return POI_ERR_SYNTAX;
		out[i] = (uint8_t)v;
	}
	return *text ? POI_ERR_SYNTAX : POI_OK;
}

int ip_address_parse(const char *text, struct ip_address *out)
{
	struct ip_address a = {0};

	if (strchr(text, ':')) {
		if (inet_pton(AF_INET6, text, a.b) != 1)
			return POI_ERR_SYNTAX;
		a.family = 6;
	} else {
		if (parse_v4(text, a.b))
			return POI_ERR_SYNTAX;
		a.family = 4;
	}
	*out = a;
	return POI_OK;
}

int ip_prefix_parse(const char *text, struct ip_prefix *out)
{
	const char *slash = strchr(text, '/');
	char head[INET6_ADDRSTRLEN + 16]; // room for leading zeros
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct ip_address a;

	if (length >= sizeof(head))
		return POI_ERR_SYNTAX;
	memcpy(head, text, length);
	head[length] = '\0';
	int rc = ip_address_parse(head, &a);
	if (rc)
		return rc;

	unsigned bits = a.family == 4 ? 32 : 128;
	if (slash) {
		const char *p = slash + 1;
		if (parse_number(&p, bits, &bits) || *p)
			return POI_ERR_SYNTAX;
	}
	struct ip_prefix prefix = {.family = a.family, .length = (uint8_t)bits};
	memcpy(prefix.b, a.b, sizeof(prefix.b));
	rc = check_prefix(&prefix);
	if (rc)
		return rc;
	*out = prefix;
	return POI_OK;
}

bool ip_prefix_covers(const struct ip_prefix *prefix, uint8_t family, const uint8_t *address)
{
	size_t whole = prefix->length / 8;
	unsigned rest = prefix->length % 8;

	if (prefix->family != family || prefix->length > family_octets(family) * 8)
		return false;
	if (memcmp(prefix->b, address, whole))
		return false;
	return !rest || !((prefix->b[whole] ^ address[whole]) & (0xff00u >> rest) & 0xffu);
}

void ip_address_format(const struct ip_address *a, char *out, size_t capacity)
{
	int family = a->family == 4 ? AF_INET : AF_INET6;

	if (capacity == 0)
		return;
	if (!family_octets(a->family) || !inet_ntop(family, a->b, out, (socklen_t)capacity))
		out[0] = '\0';
}
