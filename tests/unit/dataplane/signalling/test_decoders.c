// The traps of the encodings, octet by octet; then every truncation and every octet changed of the
// corpus' messages, on memory that ends where the message does.

#include <criterion/criterion.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/signalling/signalling.h"

static struct pfcp_message p;
static struct gtpv2_message g;
static struct radius_message a;
static uint32_t used;
static bool more;

struct text { // octets under construction
	uint8_t b[2048];
	unsigned n;
};

static void add(struct text *t, const void *octets, unsigned n)
{
	memcpy(t->b + t->n, octets, n);
	t->n += n;
}
#define ADD(t, ...) add(t, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void pfcp_header(struct text *t, uint8_t type)
{
	t->n = 0;
	ADD(t, 0x21, type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 2, 0);
}

static enum signalling_reason pfcp_read(struct text *t)
{
	t->b[2] = (uint8_t)((t->n - 4) >> 8);
	t->b[3] = (uint8_t)(t->n - 4);
	return pfcp_decode(t->b, t->n, &p, &used, &more);
}

#define F_SEID 0, 57, 0, 13, 2, 0, 0, 0, 0, 0, 0, 0, 7, 192, 0, 2, 1

Test(decoders, family_bits_are_swapped)
{
	struct text t;

	pfcp_header(&t, 50);
	ADD(&t, 0, 57, 0, 25, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 1);
	ADD(&t, 0, 1, 0, 40, 0, 56, 0, 2, 0, 3); // Create PDR, PDR ID
	ADD(&t, 0, 2, 0, 30);			 // PDI
	ADD(&t, 0, 21, 0, 9, 1, 1, 2, 3, 4, 198, 51, 100, 1);
	ADD(&t, 0, 93, 0, 5, 2, 10, 45, 0, 2);
	ADD(&t, 0, 22, 0, 4, 3, 'i', 'm', 's');
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect(p.has_seid && p.seid == 9 && p.sequence == 0x102 && used == t.n && !more);
	cr_expect(p.f_seid.v6.family == 6 && p.f_seid.v4.family == 0 && p.f_seid.seid == 7);
	cr_assert_eq(p.n_pdrs, 1);
	const struct pfcp_pdi *pdi = &p.pdr[0].v.pdi;
	cr_expect(pdi->fteid.end.v4.family == 4 && pdi->fteid.end.v6.family == 0);
	cr_expect_eq(pdi->fteid.end.teid, 0x01020304);
	cr_expect(pdi->n_ue == 1 && pdi->ue[0].prefix.family == 4 && pdi->ue[0].prefix.b[3] == 2);
	cr_expect(pdi->source_interface == -1 && pdi->endpoint == -1);
	cr_expect(pdi->ni.length == 4 && pdi->ni.octets[1] == 'i');
}

Test(decoders, choose_has_no_tunnel)
{
	struct text t;

	pfcp_header(&t, 50);
	ADD(&t, F_SEID);
	ADD(&t, 0, 127, 0, 11, 0, 131, 0, 1, 8, 0, 21, 0, 2, 0x0f, 5);
	ADD(&t, 0, 127, 0, 10, 0, 131, 0, 1, 9, 0, 21, 0, 1, 0x07);
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_assert_eq(p.n_endpoints, 2);
	const struct pfcp_fteid *f = &p.endpoint[0].v.fteid;
	cr_expect(f->present && f->choose && f->has_choose_id && f->choose_id == 5);
	cr_expect(!f->end.v4.family && !f->end.v6.family);
	f = &p.endpoint[1].v.fteid;
	cr_expect(f->present && f->choose && !f->has_choose_id);
}

Test(decoders, outer_header_and_actions)
{
	struct text t;

	pfcp_header(&t, 52);
	// action of one octet, GTP-U over both families
	ADD(&t, 0, 10, 0, 47, 0, 108, 0, 4, 0x80, 0, 0, 1, 0, 44, 0, 1, 2, 0, 11, 0, 30);
	ADD(&t, 0, 84, 0, 26, 3, 0, 0, 0, 0, 9, 203, 0, 113, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 2);
	// action of two octets, UDP over IPv4 with a port: no tunnel; SNDEM
	ADD(&t, 0, 10, 0, 35, 0, 108, 0, 4, 0, 0, 0, 2, 0, 44, 0, 2, 0x0c, 1, 0, 11, 0, 17);
	ADD(&t, 0, 84, 0, 8, 4, 0, 203, 0, 113, 1, 0x12, 0x34, 0, 49, 0, 1, 2);
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_assert_eq(p.n_fars, 2);
	const struct pfcp_far *f = &p.far[0].v;
	cr_expect(p.far[0].part == PFCP_UPDATE && f->id == 0x80000001 && f->action == 2);
	cr_expect(f->has_outer && f->outer.teid == 9 && f->outer.v4.family == 4);
	cr_expect(f->outer.v6.family == 6 && f->outer.v6.b[15] == 2 && !f->send_end_marker);
	f = &p.far[1].v;
	cr_expect(f->action == 0x010c && f->has_outer && f->send_end_marker);
	cr_expect(!f->outer.v4.family && !f->outer.v6.family && !f->has_interface);
}

Test(decoders, prefixes_of_users)
{
	struct text t;

	pfcp_header(&t, 51);
	ADD(&t, 0, 19, 0, 1, 1, F_SEID);
	ADD(&t, 0, 8, 0, 40, 0, 56, 0, 2, 0, 1);
	ADD(&t, 0, 93, 0, 18, 9, 0x20, 1, 0xd, 0xb8, 0, 1, 2, 0xff, 0, 0, 0, 0, 0, 0, 0, 1,
		8);				       // IPv6D
	ADD(&t, 0, 93, 0, 1, 0x10, 0, 93, 0, 1, 0x20); // CHV4, CHV6
	ADD(&t, 0, 99, 0, 0);			       // not known
	cr_assert_eq(pfcp_read(&t), SIGNALLING_ODD);   // the group ends within its last IE
	cr_expect(p.n_pdrs == 1 && p.pdr[0].v.n_ue == 3 && p.broken & SIGNALLING_BROKEN_SESSION);
	t.b[41] = 42;
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	const struct pfcp_pdr *pdr = &p.pdr[0].v;
	cr_assert(p.pdr[0].part == PFCP_CREATED && pdr->n_ue == 3);
	cr_expect(pdr->ue[0].prefix.length == 56 && pdr->ue[0].prefix.b[6] == 2 &&
		  pdr->ue[0].prefix.b[7] == 0);
	cr_expect(pdr->ue[1].choose && pdr->ue[1].prefix.family == 4);
	cr_expect(pdr->ue[2].choose && pdr->ue[2].prefix.family == 6);
}

Test(decoders, identities)
{
	struct text t;

	pfcp_header(&t, 50);
	ADD(&t, F_SEID);
	ADD(&t, 0, 141, 0, 32, 0x0f, 8, 0x00, 0x01, 0x01, 0x00, 0x00, 0x20, 0x31, 0xf9);
	ADD(&t, 8, 0x68, 0x56, 0x07, 0x04, 0x40, 0x50, 0x13, 0xf0, 6, 0x94, 0x71, 0x52, 0x76, 0x00,
		0x41, 5, 'a', '@', 'b', '.', 'c');
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect_str_eq(p.user.imsi.text, "001010000002139");
	cr_expect_str_eq(p.user.imei.text, "866570400405310");
	cr_expect_str_eq(p.user.msisdn.text, "491725670014");
	cr_expect(p.user.nai.length == 5 && !memcmp(p.user.nai.octets, "a@b.c", 5));
}

Test(decoders, faults_have_reasons)
{
	struct text t;

	pfcp_header(&t, 54);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_OK);
	t.b[0] = 0x41;
	cr_expect_eq(pfcp_read(&t), SIGNALLING_VERSION);
	cr_expect_eq(used, 0);
	pfcp_header(&t, 54);
	t.b[0] = 0x20; // no SEID
	cr_expect_eq(pfcp_read(&t), SIGNALLING_IE_LENGTH);
	pfcp_header(&t, 58);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_TYPE);
	cr_expect_eq(used, t.n);
	pfcp_header(&t, 55);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_MISSING);
	ADD(&t, 0, 19, 0, 1, 0);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_IE_VALUE); // cause 0
	pfcp_header(&t, 50);
	ADD(&t, 0, 57, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 7);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_ODD); // an F-SEID of no family: the sender's
	cr_expect(p.f_seid.present && p.f_seid.seid == 7 && p.broken == SIGNALLING_BROKEN_OTHER);
	t.b[1] = 52; // where it would name another one
	cr_expect_eq(pfcp_read(&t), SIGNALLING_ODD);
	cr_expect(!p.f_seid.present);
	cr_expect_eq(p.broken, SIGNALLING_BROKEN_SESSION | SIGNALLING_BROKEN_SEID);
	pfcp_header(&t, 54);
	cr_expect_eq(pfcp_decode(t.b, 3, &p, &used, &more), SIGNALLING_SHORT);
	t.b[3] = 13;
	cr_expect_eq(pfcp_decode(t.b, t.n, &p, &used, &more), SIGNALLING_SHORT);
	cr_expect(used == 0 && !more);
	t.b[0] |= 4;
	cr_expect_eq(pfcp_decode(t.b, t.n, &p, &used, &more), SIGNALLING_SHORT);
	cr_expect(used == 0 && more, "the next is lost too");
	cr_expect(p.has_seid && p.seid == 9, "whose it is");
}

Test(decoders, more_than_fits)
{
	struct text t;

	pfcp_header(&t, 52);
	for (unsigned i = 0; i < PFCP_FARS_MAX + 3; i++)
		ADD(&t, 0, 3, 0, 8, 0, 108, 0, 4, 0, 0, 0, (uint8_t)i);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_LIMIT);
	cr_expect_eq(p.broken, SIGNALLING_BROKEN_SESSION);
	cr_expect(p.n_fars == PFCP_FARS_MAX && p.far[PFCP_FARS_MAX - 1].v.id == PFCP_FARS_MAX - 1);
}

Test(decoders, bundles_and_vendors)
{
	struct text t;

	pfcp_header(&t, 54);
	ADD(&t, 0x80, 21, 0, 1, 1); // a vendor's own: not an F-TEID
	t.b[0] |= 4;
	cr_expect_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect(more && used == t.n);
	cr_expect_eq(pfcp_decode(t.b + used, 0, &p, &used, &more), SIGNALLING_SHORT);
}

Test(decoders, rules_of_requests_are_not_in_responses)
{
	struct text t;

	pfcp_header(&t, 53);
	ADD(&t, 0, 19, 0, 1, 1, 0, 3, 0, 8, 0, 108, 0, 4, 0, 0, 0, 1);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect_eq(p.n_fars, 0);
	pfcp_header(&t, 52);
	ADD(&t, 0, 8, 0, 6, 0, 56, 0, 2, 0, 1, 0, 19, 0, 1, 1);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect(p.n_pdrs == 0 && p.cause == 0);
}

Test(decoders, gtpv2_family_bits)
{
	const uint8_t m[] = {0x48, 34, 0, 30, 0, 0, 0, 9, 0, 1, 2, 0, 93, 0, 18, 0, 73, 0, 1, 0, 5,
		87, 0, 9, 0, 0x80, 0, 0, 0, 8, 203, 0, 113, 1};

	cr_assert_eq(gtpv2_decode(m, sizeof(m), &g, &used, &more), SIGNALLING_OK);
	cr_assert(g.n_bearers == 1 && g.bearer[0].n_ends == 1 && g.bearer[0].ebi == 5);
	cr_expect(g.bearer[0].end[0].interface == 0 && g.bearer[0].end[0].end.v4.family == 4);
	cr_expect_eq(g.bearer[0].end[0].end.teid, 8);
	cr_expect(g.teid == 9 && g.sequence == 0x102 && used == sizeof(m));
}

Test(decoders, radius_addresses)
{
	const uint8_t m[] = {4, 1, 0, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 6, 0,
		0, 0, 1, 44, 3, 'x', 8, 6, 255, 255, 255, 254, 8, 6, 10, 0, 0, 1, 31, 6, '+', '4',
		'9', '1'};

	cr_assert_eq(radius_decode(m, sizeof(m), &a), SIGNALLING_OK);
	cr_expect(a.n_addresses == 1 && a.address[0].b[3] == 1 && a.address[0].length == 32);
	cr_expect_str_eq(a.user.msisdn.text, "491");
	cr_expect(a.status == RADIUS_START && a.session.length == 1);
	cr_expect_eq(radius_decode(m, sizeof(m) - 1, &a), SIGNALLING_SHORT);
}

Test(decoders, radius_times)
{
	uint8_t m[] = {4, 1, 0, 41, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 6, 0, 0, 0,
		2, 44, 3, 'x', 55, 6, 1, 2, 3, 4, 41, 6, 0, 0, 0, 9};

	cr_assert_eq(radius_decode(m, sizeof(m), &a), SIGNALLING_OK);
	cr_expect(a.event_s == 0x01020304 && a.delay_s == 9);
	m[3] = 40;
	m[36] = 5; // of three octets
	cr_assert_eq(radius_decode(m, sizeof(m) - 1, &a), SIGNALLING_OK);
	cr_expect(a.event_s == 0x01020304 && a.delay_s == 0);
}

Test(decoders, reasons_have_names)
{
	cr_expect_str_eq(signalling_reason_name(SIGNALLING_IE_LENGTH), "ie_length");
	cr_expect_str_eq(signalling_reason_name(SIGNALLING_REASON_COUNT), "unknown");
}

// The first of a repeated IE that is no list counts.
Test(decoders, repeated)
{
	struct text t;

	pfcp_header(&t, 50);
	ADD(&t, F_SEID, 0, 57, 0, 13, 2, 0, 0, 0, 0, 0, 0, 0, 8, 192, 0, 2, 2);
	ADD(&t, 0, 60, 0, 5, 0, 192, 0, 2, 1, 0, 60, 0, 2, 2, 'x', 0, 96, 0, 4, 0, 0, 0, 1, 0, 96,
		0, 4, 0, 0, 0, 2);
	ADD(&t, 0, 1, 0, 51, 0, 56, 0, 2, 0, 1, 0, 56, 0, 2, 0, 2, 0, 108, 0, 4, 0, 0, 0, 1, 0, 108,
		0, 4, 0, 0, 0, 2, 0, 2, 0, 15, 0, 20, 0, 1, 1, 0, 20, 0, 1, 0, 0, 131, 0, 1, 3, 0,
		2, 0, 0);
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect(p.f_seid.seid == 7 && p.node.kind == 0 && p.recovery == 1);
	cr_assert_eq(p.n_pdrs, 1);
	cr_expect(p.pdr[0].v.id == 1 && p.pdr[0].v.far == 1);
	cr_expect(p.pdr[0].v.pdi.source_interface == 1 && p.pdr[0].v.pdi.endpoint == 3);
}

Test(decoders, sets_and_failures)
{
	struct text t;

	t.n = 0;
	ADD(&t, 0x20, 14, 0, 0, 0, 0, 3, 0, 0, 60, 0, 17, 1, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 1);
	for (unsigned i = 0; i < PFCP_CSIDS_MAX; i++)
		ADD(&t, 0, 65, 0, 3, 1, 0, (uint8_t)i);
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect(p.n_csids == PFCP_CSIDS_MAX && p.csid[7].octets[2] == 7 && p.node.kind == 1);
	cr_expect(!p.has_seid && p.sequence == 3);
	ADD(&t, 0, 65, 0, 1, 1);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_LIMIT);
	t.b[12] = 3; // no such kind of Node ID
	cr_expect_eq(pfcp_read(&t), SIGNALLING_IE_VALUE);
	pfcp_header(&t, 53); // partial failure: PDR 5 and URR 1 failed
	ADD(&t, 0, 19, 0, 1, 3, 1, 16, 0, 16, 0, 114, 0, 3, 0, 0, 5, 0, 114, 0, 5, 3, 0, 0, 0, 1);
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_expect(p.partial && p.failed_pdrs == 1 && p.failed_fars == 0 && p.n_removed == 1);
	cr_expect(p.removed[0].failed && p.removed[0].kind == 15 && p.removed[0].id == 5);
	pfcp_header(&t, 52); // a removal without what is removed
	ADD(&t, 0, 16, 0, 6, 0, 56, 0, 2, 0, 1);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_ODD);
	cr_expect(p.n_removed == 0 && p.broken == SIGNALLING_BROKEN_SESSION);
	for (unsigned i = 0; i <= PFCP_REMOVED_MAX; i++) {
		if (i == 0)
			pfcp_header(&t, 52);
		ADD(&t, 0, 15, 0, 6, 0, 56, 0, 2, 0, (uint8_t)i);
	}
	cr_expect_eq(pfcp_read(&t), SIGNALLING_LIMIT);
	cr_expect_eq(p.n_removed, PFCP_REMOVED_MAX);
}

static enum signalling_reason route(const char *text, struct pfcp_pdi *out)
{
	uint8_t n = (uint8_t)strlen(text);
	struct text t;

	pfcp_header(&t, 52);
	ADD(&t, 0, 1, 0, (uint8_t)(14 + n), 0, 56, 0, 2, 0, 1, 0, 2, 0, (uint8_t)(4 + n), 0, 153, 0,
		n);
	add(&t, text, n);
	enum signalling_reason why = pfcp_read(&t);
	*out = p.pdr[0].v.pdi;
	return why;
}

Test(decoders, framed_routes)
{
	static const struct {
		const char *text;
		uint8_t length; // 0: not followed
	} cases[] = {{"192.0.2.0/24 0.0.0.0 1", 24}, {"10.1.2.3", 8}, {"172.16.0.0 x", 16},
		{"192.0.2.1", 24}, {"192.0.2.128/25", 25}, {"0.0.0.0/0", 0}, {"2001:db8::/32", 0},
		{"192.0.2.0/33", 0}, {"192.0.2.0/", 0}, {"192.0.2.0/8x", 0}, {"", 0},
		{"default", 0}};
	struct pfcp_pdi pdi;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool text = cases[i].length || !strcmp(cases[i].text, "0.0.0.0/0");
		cr_expect_eq(route(cases[i].text, &pdi), text ? SIGNALLING_OK : SIGNALLING_ODD);
		cr_expect_eq(pdi.n_ue, cases[i].length > 0, "%s", cases[i].text);
		cr_expect_eq(pdi.other, !cases[i].length, "%s", cases[i].text);
		if (pdi.n_ue)
			cr_expect_eq(pdi.ue[0].prefix.length, cases[i].length, "%s", cases[i].text);
	}
}

// ---- broken and optional IEs are absent, and reported ----

// An establishment with one IE more, and the values that it may have named.
static uint8_t broken_ie(const uint8_t *ie, unsigned n)
{
	struct text t;

	pfcp_header(&t, 50);
	ADD(&t, F_SEID);
	add(&t, ie, n);
	ADD(&t, 0, 3, 0, 8, 0, 108, 0, 4, 0, 0, 0, 1);
	enum signalling_reason why = pfcp_read(&t);
	cr_expect_eq(why, p.broken ? SIGNALLING_ODD : SIGNALLING_OK);
	cr_expect(p.f_seid.seid == 7 && p.n_fars >= 1, "the rest is used");
	return p.broken;
}
#define BROKEN(...) \
	broken_ie((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

Test(decoders, pfcp_optional_ies)
{
	const uint8_t session = SIGNALLING_BROKEN_SESSION, other = SIGNALLING_BROKEN_OTHER;

	cr_expect_eq(BROKEN(0, 113, 0, 0), other);	// PDN Type
	cr_expect_eq(BROKEN(0, 96, 0, 2, 1, 2), other); // Recovery Time Stamp
	cr_expect(!p.has_recovery);
	cr_expect_eq(BROKEN(0, 60, 0, 3, 0, 10, 0), other); // Node ID
	cr_expect_eq(BROKEN(0, 159, 0, 0), other);	    // APN/DNN
	cr_expect_eq(BROKEN(0, 141, 0, 0), SIGNALLING_BROKEN_USER | session);
	cr_expect_eq(BROKEN(0, 141, 0, 2, 1, 0), SIGNALLING_BROKEN_OWNER);
	cr_expect_eq(BROKEN(0, 141, 0, 11, 4, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9),
		SIGNALLING_BROKEN_MSISDN); // 18 digits
	cr_expect_eq(BROKEN(0, 141, 0, 3, 2, 1, 0xa1), SIGNALLING_BROKEN_IMEI);
	cr_expect_eq(BROKEN(0, 141, 0, 2, 8, 0), SIGNALLING_BROKEN_NAI);
	// a SUPI of a later release beside an IMSI
	cr_expect_eq(BROKEN(0, 141, 0, 5, 0x11, 1, 0x21, 1, 'x'),
		SIGNALLING_BROKEN_USER & ~SIGNALLING_BROKEN_IMSI);
	cr_expect_eq(BROKEN(0, 1, 0, 6, 0, 29, 0, 2, 0, 1), session | SIGNALLING_BROKEN_NI);
	cr_expect_eq(p.n_pdrs, 0, "a rule without its number");
	cr_expect_eq(BROKEN(0, 1, 0, 19, 0, 56, 0, 2, 0, 1, 0, 2, 0, 9, 0, 21, 0, 5, 0, 0, 0, 0, 1),
		session); // F-TEID without address
	cr_expect(p.n_pdrs == 1 && !p.pdr[0].v.pdi.fteid.present && p.pdr[0].v.pdi.other);
	cr_expect_eq(BROKEN(0, 1, 0, 14, 0, 56, 0, 2, 0, 1, 0, 2, 0, 4, 0, 20, 0, 0), session);
	cr_expect_eq(p.pdr[0].v.pdi.source_interface, -1);
	cr_expect_eq(BROKEN(0, 1, 0, 14, 0, 56, 0, 2, 0, 1, 0, 2, 0, 4, 0, 22, 0, 0),
		session | SIGNALLING_BROKEN_NI);
	cr_expect_eq(BROKEN(0, 1, 0, 14, 0, 56, 0, 2, 0, 1, 0, 2, 0, 4, 0, 124, 0, 0), session);
	cr_expect_eq(p.pdr[0].v.pdi.qfis, 0);
	cr_expect_eq(BROKEN(0, 1, 0, 15, 0, 56, 0, 2, 0, 1, 0, 2, 0, 5, 0, 23, 0, 1, 1), session);
	cr_expect_eq(p.pdr[0].v.pdi.n_sdf, 0);
	cr_expect_eq(
		BROKEN(0, 3, 0, 20, 0, 108, 0, 4, 0, 0, 0, 9, 0, 4, 0, 8, 0, 84, 0, 4, 1, 0, 0, 0),
		session); // Outer Header Creation
	cr_expect(p.n_fars == 2 && p.far[0].v.has_outer && !p.far[0].v.outer.v4.family);
	cr_expect_eq(BROKEN(0, 1, 0, 10, 0, 56, 0, 2, 0, 1, 0, 2, 0, 0),
		session | SIGNALLING_BROKEN_NI); // an empty PDI
	cr_expect_eq(BROKEN(0, 1, 0, 14, 0, 56, 0, 2, 0, 1, 0, 2, 0, 4, 0, 131, 0, 0),
		session | SIGNALLING_BROKEN_NI);
	cr_expect_eq(BROKEN(0, 200, 0, 0), 0, "of a type that is not followed");
}

// Octets behind an IE that runs beyond the message may have been anything.
Test(decoders, pfcp_cut)
{
	struct text t;

	pfcp_header(&t, 50);
	ADD(&t, F_SEID, 0, 141, 0, 9, 1);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_ODD);
	cr_expect_eq(p.broken, SIGNALLING_BROKEN_IDENTITY | SIGNALLING_BROKEN_SESSION);
	pfcp_header(&t, 50);
	ADD(&t, 0, 141, 0, 9, 1);
	cr_expect_eq(pfcp_read(&t), SIGNALLING_IE_LENGTH);
}

// A UPF that reports created objects in the IE that asked for them.
Test(decoders, created_rules_of_other_types)
{
	struct text t;

	pfcp_header(&t, 51);
	ADD(&t, 0, 19, 0, 1, 1, F_SEID);
	ADD(&t, 0, 1, 0, 19, 0, 56, 0, 2, 0, 3, 0, 21, 0, 9, 1, 1, 2, 3, 4, 198, 51, 100, 1);
	ADD(&t, 0, 9, 0, 23, 0, 56, 0, 2, 0, 4, 0, 2, 0, 13, 0, 21, 0, 9, 1, 1, 2, 3, 5, 198, 51,
		100, 1);
	ADD(&t, 0, 127, 0, 18, 0, 131, 0, 1, 8, 0, 21, 0, 9, 1, 1, 2, 3, 6, 198, 51, 100, 1);
	cr_assert_eq(pfcp_read(&t), SIGNALLING_OK);
	cr_assert(p.n_pdrs == 2 && p.n_endpoints == 1);
	cr_expect(p.pdr[0].part == PFCP_CREATED && p.pdr[0].v.local.end.teid == 0x01020304);
	cr_expect(p.pdr[1].part == PFCP_CREATED && p.pdr[1].v.local.end.teid == 0x01020305);
	cr_expect(
		p.endpoint[0].part == PFCP_CREATED && p.endpoint[0].v.fteid.end.teid == 0x01020306);
}

static uint8_t gtpv2_ie(uint8_t type, const uint8_t *ie, unsigned n)
{
	struct text t = {};

	ADD(&t, 0x48, type, 0, 0, 0, 0, 0, 9, 0, 1, 2, 0);
	ADD(&t, 87, 0, 9, 0, 0x8a, 0, 0, 0, 3, 192, 0, 2, 1);
	add(&t, ie, n);
	ADD(&t, 93, 0, 18, 0, 73, 0, 1, 0, 5, 87, 0, 9, 0, 0x80, 0, 0, 0, 8, 203, 0, 113, 1);
	t.b[3] = (uint8_t)(t.n - 4);
	enum signalling_reason why = gtpv2_decode(t.b, t.n, &g, &used, &more);
	if (!signalling_usable(why))
		return 0xff;
	cr_expect_eq(why, g.broken ? SIGNALLING_ODD : SIGNALLING_OK);
	cr_expect(g.n_bearers >= 1 && g.bearer[g.n_bearers - 1].end[0].end.teid == 8);
	return g.broken;
}
#define GTPV2_IE(type, ...) \
	gtpv2_ie(type, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

Test(decoders, gtpv2_optional_ies)
{
	const uint8_t session = SIGNALLING_BROKEN_SESSION, other = SIGNALLING_BROKEN_OTHER;

	cr_expect_eq(
		GTPV2_IE(32, 76, 0, 9, 0, 0x91, 1, 2, 3, 4, 5, 6, 7, 8), SIGNALLING_BROKEN_MSISDN);
	cr_expect_eq(GTPV2_IE(34, 76, 0, 9, 0, 0x91, 1, 2, 3, 4, 5, 6, 7, 8), other,
		"no session begins");
	cr_expect_eq(GTPV2_IE(32, 1, 0, 0, 0), SIGNALLING_BROKEN_OWNER);
	cr_expect_eq(GTPV2_IE(32, 75, 0, 1, 0, 0xaa), SIGNALLING_BROKEN_IMEI);
	cr_expect_eq(GTPV2_IE(32, 3, 0, 0, 0), other);
	cr_expect_eq(GTPV2_IE(32, 79, 0, 3, 0, 1, 10, 0), session); // PAA
	cr_expect_eq(GTPV2_IE(32, 79, 0, 1, 0, 7), session);
	cr_expect_eq(GTPV2_IE(32, 79, 0, 1, 0, 4), 0, "Non-IP");
	cr_expect_eq(GTPV2_IE(32, 71, 0, 0, 0), session);
	cr_expect_eq(GTPV2_IE(34, 87, 0, 5, 1, 10, 0, 0, 0, 0), other);
	cr_expect_eq(g.n_control, 1, "without address and TEID it says nothing");
	cr_expect_eq(GTPV2_IE(34, 87, 0, 5, 1, 10, 0, 0, 0, 7), other);
	cr_expect(g.n_control == 2 && g.control[1].end.teid == 7 && !g.control[1].end.v4.family);
	cr_expect_eq(GTPV2_IE(34, 87, 0, 5, 1, 0x8a, 0, 0, 0, 7), session);
	cr_expect_eq(
		GTPV2_IE(34, 93, 0, 14, 0, 73, 0, 1, 0, 6, 87, 0, 5, 0, 0, 0, 0, 0, 8), session);
	cr_expect(g.n_bearers == 2 && g.bearer[0].n_ends == 0, "a tunnel needs an address");
	cr_expect_eq(GTPV2_IE(34, 73, 0, 0, 0), 0xff, "of which bearers it is");
	cr_expect_eq(GTPV2_IE(35, 3, 0, 1, 0, 1), 0xff, "a cause");
}

static uint8_t radius_attribute(const uint8_t *octets, unsigned n)
{
	struct text t = {};

	ADD(&t, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	ADD(&t, 40, 6, 0, 0, 0, 1, 44, 3, 'x', 8, 6, 10, 0, 0, 1);
	add(&t, octets, n);
	t.b[3] = (uint8_t)t.n;
	enum signalling_reason why = radius_decode(t.b, t.n, &a);
	cr_expect_eq(why, a.broken ? SIGNALLING_ODD : SIGNALLING_OK);
	cr_expect(a.status == RADIUS_START && a.session.length == 1 && a.n_addresses == 1);
	return a.broken;
}
#define ATTRIBUTE(...) \
	radius_attribute((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

Test(decoders, radius_optional_attributes)
{
	const uint8_t of_3gpp = SIGNALLING_BROKEN_IMSI | SIGNALLING_BROKEN_IMEI;

	cr_expect_eq(ATTRIBUTE(26, 9, 0, 0, 0x28, 0xaf, 5, 1, 0), of_3gpp);
	cr_expect_eq(ATTRIBUTE(26, 9, 0, 0, 0, 9, 5, 1, 0), 0, "of another vendor");
	cr_expect_eq(ATTRIBUTE(26, 4, 0, 0), of_3gpp);
	cr_expect_eq(ATTRIBUTE(26, 10, 0, 0, 0x28, 0xaf, 1, 4, 'x', '1'), SIGNALLING_BROKEN_IMSI);
	cr_expect_eq(ATTRIBUTE(1, 2), SIGNALLING_BROKEN_NAI);
	cr_expect_eq(ATTRIBUTE(31, 2), SIGNALLING_BROKEN_MSISDN);
	cr_expect_eq(ATTRIBUTE(31, 4, 'a', '-'), 0, "the name of a line");
	cr_expect_eq(ATTRIBUTE(168, 5, 1, 2, 3), SIGNALLING_BROKEN_SESSION);
	cr_expect_eq(ATTRIBUTE(22, 5, 'a', 'b', 'c'), SIGNALLING_BROKEN_SESSION);
	cr_expect_eq(ATTRIBUTE(4, 5, 1, 2, 3), SIGNALLING_BROKEN_SESSION);
	cr_expect_eq(ATTRIBUTE(7, 1), SIGNALLING_BROKEN_USER | SIGNALLING_BROKEN_SESSION);
	cr_expect_eq(ATTRIBUTE(200, 2), 0, "of a type that is not followed");
}

static enum signalling_reason decode(const char *kind, const uint8_t *octets, uint32_t n)
{
	if (!strcmp(kind, "fuzz_radius"))
		return radius_decode(octets, n, &a);
	bool pfcp = !strcmp(kind, "fuzz_pfcp");
	return pfcp ? pfcp_decode(octets, n, &p, &used, &more)
		    : gtpv2_decode(octets, n, &g, &used, &more);
}

// On a copy of exactly `n` octets, so that a sanitizer sees a read beyond.
static enum signalling_reason decode_exact(const char *kind, const uint8_t *octets, uint32_t n)
{
	uint8_t *exact = malloc(n ? n : 1);

	memcpy(exact, octets, n);
	enum signalling_reason why = decode(kind, exact, n);
	cr_assert_lt(why, SIGNALLING_REASON_COUNT);
	free(exact);
	return why;
}

static unsigned spoil(const char *kind, const char *path)
{
	uint8_t octets[4096];
	FILE *in = fopen(path, "re");

	cr_assert(in != NULL, "%s", path);
	uint32_t n = (uint32_t)fread(octets, 1, sizeof(octets), in);
	fclose(in);
	cr_expect_eq(decode_exact(kind, octets, n), SIGNALLING_OK, "%s", path);
	for (uint32_t cut = 0; cut < n; cut++) {
		enum signalling_reason why = decode_exact(kind, octets, cut);
		cr_expect(why == SIGNALLING_SHORT || used <= cut, "%s cut to %u", path, cut);
	}
	for (uint32_t at = 0; at < n; at++) {
		for (unsigned flip = 1; flip < 256; flip = flip == 1	  ? 0x80
							   : flip == 0x80 ? 0xff
									  : 256) {
			octets[at] ^= (uint8_t)flip;
			decode_exact(kind, octets, n);
			octets[at] ^= (uint8_t)flip;
		}
	}
	return 1;
}

static unsigned spoil_all(const char *kind)
{
	char path[512];
	unsigned files = 0;

	snprintf(path, sizeof(path), "%s/%s", CORPUS, kind);
	DIR *folder = opendir(path);
	cr_assert(folder != NULL);
	for (struct dirent *e; (e = readdir(folder));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", CORPUS, kind, e->d_name);
		files += spoil(kind, path);
	}
	closedir(folder);
	return files;
}

Test(decoders, cut_and_changed_everywhere)
{
	cr_expect_gt(spoil_all("fuzz_pfcp"), 20);
	cr_expect_gt(spoil_all("fuzz_gtpv2"), 8);
	cr_expect_gt(spoil_all("fuzz_radius"), 3);
}
