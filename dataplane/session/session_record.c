// Packs the rules of a session into its record, and unpacks them.

#include "dataplane/session/session_record_internal.h"
#include "dataplane/session/session_string_internal.h"

#include <string.h>

// Only record_unpack reads the packed form: numbers of seven bits an octet, addresses as long as
// they are. Empty fields take one octet or none.

struct packer {
	uint8_t *at, *end;
};
struct unpacker {
	const uint8_t *at;
};

static void put8(struct packer *p, uint8_t v)
{
	if (p->at < p->end)
		*p->at++ = v;
}

static void put_number(struct packer *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put8(p, (uint8_t)v | 0x80);
	put8(p, (uint8_t)v);
}

static void put_octets(struct packer *p, const void *octets, size_t n)
{
	if ((size_t)(p->end - p->at) < n) {
		p->at = p->end;
		return;
	}
	memcpy(p->at, octets, n);
	p->at += n;
}

static uint8_t get8(struct unpacker *u)
{
	return *u->at++;
}

static uint64_t get_number(struct unpacker *u)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t octet = get8(u);
		v |= (uint64_t)(octet & 0x7f) << shift;
		if (octet < 0x80)
			return v;
	}
}

static void get_octets(struct unpacker *u, void *out, size_t n)
{
	memcpy(out, u->at, n);
	u->at += n;
}

#define END_V4 1u
#define END_V6 2u

static uint8_t families(const struct ip_address *v4, const struct ip_address *v6)
{
	return (uint8_t)((v4->family ? END_V4 : 0) | (v6->family ? END_V6 : 0));
}

static void put_addresses(
	struct packer *p, uint8_t which, const struct ip_address *v4, const struct ip_address *v6)
{
	if (which & END_V4)
		put_octets(p, v4->b, 4);
	if (which & END_V6)
		put_octets(p, v6->b, 16);
}

static void get_addresses(
	struct unpacker *u, uint8_t which, struct ip_address *v4, struct ip_address *v6)
{
	*v4 = *v6 = (struct ip_address){};
	if (which & END_V4) {
		v4->family = 4;
		get_octets(u, v4->b, 4);
	}
	if (which & END_V6) {
		v6->family = 6;
		get_octets(u, v6->b, 16);
	}
}

static void put_end(struct packer *p, const struct tunnel_end *e)
{
	uint8_t which = families(&e->v4, &e->v6);

	put8(p, which);
	put_octets(p, &e->teid, 4);
	put_addresses(p, which, &e->v4, &e->v6);
}

static void get_end(struct unpacker *u, struct tunnel_end *e)
{
	uint8_t which = get8(u);

	get_octets(u, &e->teid, 4);
	get_addresses(u, which, &e->v4, &e->v6);
}

#define SEID_PRESENT 4u

static void put_seid(struct packer *p, const struct f_seid *f)
{
	uint8_t which = families(&f->v4, &f->v6);

	put8(p, which | (f->present ? SEID_PRESENT : 0));
	if (!f->present)
		return;
	put_octets(p, &f->seid, 8);
	put_addresses(p, which, &f->v4, &f->v6);
}

static void get_seid(struct unpacker *u, struct f_seid *f)
{
	uint8_t which = get8(u);

	*f = (struct f_seid){.present = which & SEID_PRESENT};
	if (!f->present)
		return;
	get_octets(u, &f->seid, 8);
	get_addresses(u, which, &f->v4, &f->v6);
}

static void put_prefix(struct packer *p, const struct ip_prefix *x)
{
	put8(p, x->family == 6 ? (uint8_t)(0x80 | (x->length & 0x7f)) : x->length);
	if (x->family == 6)
		put8(p, x->length);
	put_octets(p, x->b, (size_t)(x->length + 7) / 8);
}

static void get_prefix(struct unpacker *u, struct ip_prefix *x)
{
	*x = (struct ip_prefix){.family = 4, .length = get8(u)};
	if (x->length & 0x80) {
		x->family = 6;
		x->length = get8(u);
	}
	get_octets(u, x->b, (size_t)(x->length + 7) / 8);
}

// Strings' numbers, and whatever else may be absent (all ones): one more, so that absent is 0.
static void put_optional(struct packer *p, uint32_t v)
{
	put_number(p, v == SESSION_NONE ? 0 : (uint64_t)v + 1);
}

static uint32_t get_optional(struct unpacker *u)
{
	return (uint32_t)(get_number(u) - 1);
}

static void put_pdi(struct packer *p, const struct rule_pdi *d)
{
	put8(p, (uint8_t)((d->has_local ? 0x80 : 0) | d->n_ue));
	if (d->has_local)
		put_end(p, &d->local);
	put_optional(p, d->ni);
	for (unsigned i = 0; i < d->n_ue; i++)
		put_prefix(p, &d->ue[i]);
}

static void get_pdi(struct unpacker *u, struct rule_pdi *d)
{
	uint8_t head = get8(u);

	d->has_local = head & 0x80;
	d->n_ue = head & 0x7f;
	if (d->has_local)
		get_end(u, &d->local);
	d->ni = get_optional(u);
	for (unsigned i = 0; i < d->n_ue; i++)
		get_prefix(u, &d->ue[i]);
}

static void put_pdr(struct packer *p, const struct rule_pdr *r)
{
	put_number(p, r->id);
	put8(p, (uint8_t)((r->source & 0x7f) | (r->between ? 0x80 : 0)));
	put8(p, (uint8_t)((r->has_far ? 1 : 0) | (r->other ? 2 : 0) | (r->n_sdfs ? 4 : 0) |
			  (r->endpoint >= 0 ? 8 : 0) | r->n_qers << 4));
	put_number(p, r->precedence);
	put_number(p, r->qfis);
	if (r->has_far)
		put_number(p, r->far);
	if (r->endpoint >= 0)
		put8(p, (uint8_t)r->endpoint);
	for (unsigned i = 0; i < r->n_qers; i++)
		put_number(p, r->qer[i]);
	if (r->n_sdfs)
		put8(p, r->n_sdfs);
	for (unsigned i = 0; i < r->n_sdfs; i++) {
		put_optional(p, r->sdf[i].text);
		put_number(p, r->sdf[i].has_id ? (uint64_t)r->sdf[i].id + 1 : 0);
	}
	put_pdi(p, &r->pdi);
}

static void get_pdr(struct unpacker *u, struct rule_pdr *r)
{
	r->id = (uint16_t)get_number(u);
	uint8_t source = get8(u);
	r->between = source & 0x80;
	r->source = (source & 0x7f) == 0x7f ? UNKNOWN_INTERFACE : source & 0x7f;
	uint8_t head = get8(u);
	r->has_far = head & 1;
	r->other = head & 2;
	r->n_qers = head >> 4;
	r->precedence = (uint32_t)get_number(u);
	r->qfis = get_number(u);
	r->far = r->has_far ? (uint32_t)get_number(u) : 0;
	r->endpoint = -1;
	if (head & 8)
		r->endpoint = get8(u);
	for (unsigned i = 0; i < r->n_qers; i++)
		r->qer[i] = (uint32_t)get_number(u);
	r->n_sdfs = head & 4 ? get8(u) : 0;
	for (unsigned i = 0; i < r->n_sdfs; i++) {
		r->sdf[i].text = get_optional(u);
		uint64_t id = get_number(u);
		r->sdf[i].has_id = id > 0;
		r->sdf[i].id = (uint32_t)(id - 1);
	}
	get_pdi(u, &r->pdi);
}

static void put_far(struct packer *p, const struct rule_far *f)
{
	put_number(p, f->id);
	put_number(p, f->action);
	put8(p, (uint8_t)((f->interface & 0x3f) | (f->between ? 0x40 : 0) |
			  (f->has_outer ? 0x80 : 0)));
	if (f->has_outer)
		put_end(p, &f->outer);
}

static void get_far(struct unpacker *u, struct rule_far *f)
{
	f->id = (uint32_t)get_number(u);
	f->action = (uint16_t)get_number(u);
	uint8_t head = get8(u);
	f->has_outer = head & 0x80;
	f->between = head & 0x40;
	f->interface = (head & 0x3f) == 0x3f ? UNKNOWN_INTERFACE : head & 0x3f;
	if (f->has_outer)
		get_end(u, &f->outer);
}

static void put_bearer(struct packer *p, const struct rule_bearer *b)
{
	put8(p, b->ebi);
	put8(p, b->n_ends);
	for (unsigned i = 0; i < b->n_ends; i++) {
		put8(p, b->end[i].interface);
		put_end(p, &b->end[i].end);
	}
}

static void get_bearer(struct unpacker *u, struct rule_bearer *b)
{
	b->ebi = get8(u);
	b->n_ends = get8(u);
	for (unsigned i = 0; i < b->n_ends; i++) {
		b->end[i].interface = get8(u);
		get_end(u, &b->end[i].end);
	}
}

static void put_linger(struct packer *p, const struct rule_linger *l)
{
	put_octets(p, &l->until_ns, 8);
	put8(p, l->link);
	put8(p, l->direction);
	put8(p, l->n_pdrs);
	for (unsigned i = 0; i < l->n_pdrs; i++)
		put_number(p, l->pdr[i]);
	put_octets(p, &l->teid, 4);
	put_prefix(p, &l->prefix);
}

static void get_linger(struct unpacker *u, struct rule_linger *l)
{
	get_octets(u, &l->until_ns, 8);
	l->link = get8(u);
	l->direction = get8(u);
	l->n_pdrs = get8(u);
	for (unsigned i = 0; i < l->n_pdrs; i++)
		l->pdr[i] = (uint16_t)get_number(u);
	get_octets(u, &l->teid, 4);
	get_prefix(u, &l->prefix);
}

static void put_time(struct packer *p, const struct account_time *t)
{
	put_number(p, t->sent_ns);
	put_number(p, t->event_s);
}

static void get_time(struct unpacker *u, struct account_time *t)
{
	t->sent_ns = get_number(u);
	t->event_s = (uint32_t)get_number(u);
}

#define HAS_NAME 1u
#define HAS_NAI 2u
#define HAS_IMSI 4u
#define HAS_MSISDN 8u
#define HAS_IMEI 16u
#define HAS_EPC 32u  // bearers, addresses of their own
#define HAS_MORE 64u // endpoints, CSIDs, lingering tunnels
#define HAS_OVERFLOW 128u

static uint8_t head_of(const struct rules *r)
{
	return (uint8_t)((r->name_length ? HAS_NAME : 0) | (r->nai_length ? HAS_NAI : 0) |
			 (r->imsi != SESSION_ABSENT ? HAS_IMSI : 0) |
			 (r->msisdn != SESSION_ABSENT ? HAS_MSISDN : 0) |
			 (r->imei != SESSION_ABSENT ? HAS_IMEI : 0) |
			 (r->n_ue || r->n_bearers || r->default_ebi ? HAS_EPC : 0) |
			 (r->n_endpoints || r->n_csids || r->n_lingers ? HAS_MORE : 0) |
			 (r->overflow ? HAS_OVERFLOW : 0));
}

static void put_identity(struct packer *p, const struct rules *r, uint8_t head)
{
	if (head & HAS_NAME) {
		put_number(p, r->name_length);
		put_octets(p, r->name, r->name_length);
	}
	if (head & HAS_NAI) {
		put_number(p, r->nai_length);
		put_octets(p, r->nai, r->nai_length);
	}
	if (head & HAS_IMSI)
		put_octets(p, &r->imsi, 8);
	if (head & HAS_MSISDN)
		put_octets(p, &r->msisdn, 8);
	if (head & HAS_IMEI)
		put_octets(p, &r->imei, 8);
	put_optional(p, r->dnn);
}

static void get_identity(struct unpacker *u, struct rules *r, uint8_t head)
{
	if (head & HAS_NAME) {
		r->name_length = (uint16_t)get_number(u);
		get_octets(u, r->name, r->name_length);
	}
	if (head & HAS_NAI) {
		r->nai_length = (uint16_t)get_number(u);
		get_octets(u, r->nai, r->nai_length);
	}
	if (head & HAS_IMSI)
		get_octets(u, &r->imsi, 8);
	if (head & HAS_MSISDN)
		get_octets(u, &r->msisdn, 8);
	if (head & HAS_IMEI)
		get_octets(u, &r->imei, 8);
	r->dnn = get_optional(u);
}

static void put_more(struct packer *p, const struct rules *r)
{
	put8(p, r->n_endpoints);
	put8(p, r->n_csids);
	put8(p, r->n_lingers);
	for (unsigned i = 0; i < r->n_endpoints; i++) {
		put8(p, r->endpoint[i].id);
		put_pdi(p, &r->endpoint[i].pdi);
	}
	for (unsigned i = 0; i < r->n_csids; i++)
		put_number(p, r->csid[i]);
	for (unsigned i = 0; i < r->n_lingers; i++)
		put_linger(p, &r->linger[i]);
}

static void get_more(struct unpacker *u, struct rules *r)
{
	r->n_endpoints = get8(u);
	r->n_csids = get8(u);
	r->n_lingers = get8(u);
	for (unsigned i = 0; i < r->n_endpoints; i++) {
		r->endpoint[i].id = get8(u);
		get_pdi(u, &r->endpoint[i].pdi);
	}
	for (unsigned i = 0; i < r->n_csids; i++)
		r->csid[i] = (uint32_t)get_number(u);
	for (unsigned i = 0; i < r->n_lingers; i++)
		get_linger(u, &r->linger[i]);
}

static void put_epc(struct packer *p, const struct rules *r)
{
	put8(p, r->default_ebi);
	put8(p, r->n_ue);
	put8(p, r->n_bearers);
	for (unsigned i = 0; i < r->n_ue; i++)
		put_prefix(p, &r->ue[i]);
	for (unsigned i = 0; i < r->n_bearers; i++)
		put_bearer(p, &r->bearer[i]);
}

static void get_epc(struct unpacker *u, struct rules *r)
{
	r->default_ebi = get8(u);
	r->n_ue = get8(u);
	r->n_bearers = get8(u);
	for (unsigned i = 0; i < r->n_ue; i++)
		get_prefix(u, &r->ue[i]);
	for (unsigned i = 0; i < r->n_bearers; i++)
		get_bearer(u, &r->bearer[i]);
}

uint32_t record_pack(const struct rules *r, uint8_t *out)
{
	struct packer p = {out, out + RECORD_MAX};
	uint8_t head = head_of(r);

	put8(&p, head);
	put_seid(&p, &r->cp);
	put_seid(&p, &r->up);
	put_identity(&p, r, head);
	if (r->kind == KIND_RADIUS) {
		put_time(&p, &r->last);
		put_time(&p, &r->again);
	}
	if (head & HAS_EPC)
		put_epc(&p, r);
	if (head & HAS_MORE)
		put_more(&p, r);
	put8(&p, r->n_pdrs);
	put8(&p, r->n_fars);
	for (unsigned i = 0; i < r->n_pdrs; i++)
		put_pdr(&p, &r->pdr[i]);
	for (unsigned i = 0; i < r->n_fars; i++)
		put_far(&p, &r->far[i]);
	return p.at == p.end ? 0 : (uint32_t)(p.at - out);
}

void rules_clear(struct rules *r, enum session_kind kind)
{
	memset(r, 0, offsetof(struct rules, name));
	r->kind = (uint8_t)kind;
	r->imsi = r->msisdn = r->imei = SESSION_ABSENT;
	r->dnn = SESSION_NONE;
	r->default_ebi = r->n_ue = 0;
	r->n_csids = r->n_lingers = r->n_bearers = r->n_endpoints = r->n_pdrs = r->n_fars = 0;
	r->overflow = r->partial = false;
}

void record_unpack(const struct session *s, struct rules *r)
{
	struct unpacker u = {s->body};

	rules_clear(r, s->kind);
	uint8_t head = get8(&u);
	r->overflow = head & HAS_OVERFLOW;
	r->partial = s->flags & SESSION_PARTIAL;
	get_seid(&u, &r->cp);
	get_seid(&u, &r->up);
	get_identity(&u, r, head);
	if (s->kind == KIND_RADIUS) {
		get_time(&u, &r->last);
		get_time(&u, &r->again);
	}
	if (head & HAS_EPC)
		get_epc(&u, r);
	if (head & HAS_MORE)
		get_more(&u, r);
	r->n_pdrs = get8(&u);
	r->n_fars = get8(&u);
	for (unsigned i = 0; i < r->n_pdrs; i++)
		get_pdr(&u, &r->pdr[i]);
	for (unsigned i = 0; i < r->n_fars; i++)
		get_far(&u, &r->far[i]);
}

void record_seids(const struct session *s, struct f_seid *cp, struct f_seid *up)
{
	struct unpacker u = {s->body + 1}; // behind the head

	get_seid(&u, cp);
	get_seid(&u, up);
}

static void one_string(struct sessions *st, uint32_t id, bool take)
{
	if (id == SESSION_NONE)
		return;
	if (take)
		string_reference(st, id);
	else
		string_drop(st, id);
}

void rules_strings(struct sessions *st, const struct rules *r, bool take)
{
	one_string(st, r->dnn, take);
	for (unsigned i = 0; i < r->n_csids; i++)
		one_string(st, r->csid[i], take);
	for (unsigned i = 0; i < r->n_endpoints; i++)
		one_string(st, r->endpoint[i].pdi.ni, take);
	for (unsigned i = 0; i < r->n_pdrs; i++) {
		one_string(st, r->pdr[i].pdi.ni, take);
		for (unsigned j = 0; j < r->pdr[i].n_sdfs; j++)
			one_string(st, r->pdr[i].sdf[j].text, take);
	}
}

uint64_t digits_pack(const char *text)
{
	uint64_t v = SESSION_ABSENT;

	if (!*text)
		return v;
	for (unsigned i = 0; i < 16 && text[i]; i++) {
		unsigned shift = 60 - 4 * i;
		v = (v & ~(0xfull << shift)) | (uint64_t)(text[i] - '0') << shift;
	}
	return v;
}

// ---- looking into rules ----

#define ACTION_FORW 0x0002u
#define ACTION_DUPL 0x0010u

bool far_forwards(const struct rule_far *f)
{
	return f->action & (ACTION_FORW | ACTION_DUPL);
}

const struct rule_far *rules_far(const struct rules *r, uint32_t id)
{
	for (unsigned i = 0; i < r->n_fars; i++)
		if (r->far[i].id == id)
			return &r->far[i];
	return NULL;
}

const struct rule_pdi *pdr_pdi(const struct rules *r, const struct rule_pdr *p)
{
	if (p->endpoint < 0)
		return &p->pdi;
	for (unsigned i = 0; i < r->n_endpoints; i++)
		if (r->endpoint[i].id == (uint8_t)p->endpoint)
			return &r->endpoint[i].pdi;
	return &p->pdi;
}
