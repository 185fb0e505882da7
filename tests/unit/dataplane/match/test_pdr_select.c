#include "dataplane/match/pdr_select.h"

#include <criterion/criterion.h>

#include <string.h>

static int parse(const char *text, bool uplink, struct pdr_flow *out)
{
	return pdr_flow_parse(text, strlen(text), uplink, out);
}

Test(pdr_flow, reads_and_turns)
{
	struct pdr_flow f;

	cr_assert_eq(
		parse("permit out 17 from 192.0.2.77/24 5000-5010,53 to assigned 80", false, &f),
		0);
	cr_expect(f.protocol == 17 && !f.any_protocol);
	cr_expect(f.source.family == 4 && f.source.length == 24 && f.source.b[3] == 0);
	cr_expect(f.destination.family == 0);
	cr_expect(f.source_ports.n == 2 && f.source_ports.range[0].first == 5000 &&
		  f.source_ports.range[0].last == 5010 && f.source_ports.range[1].last == 53);
	cr_expect(f.destination_ports.n == 1 && f.destination_ports.range[0].first == 80);
	cr_assert_eq(
		parse("permit out 17 from 192.0.2.77/24 5000-5010,53 to assigned 80", true, &f), 0);
	cr_expect(f.destination.length == 24 && f.source.family == 0);
	cr_expect(f.source_ports.range[0].first == 80 && f.destination_ports.n == 2);
	cr_assert_eq(parse("permit out ip from any to assigned", false, &f), 0);
	cr_expect(f.any_protocol && !f.source.family && !f.source_ports.n);
	cr_assert_eq(parse(" permit  out 58 from 2001:db8::2 to 2001:db8::/33 ", false, &f), 0);
	cr_expect(f.source.length == 128 && f.destination.length == 33);
	cr_assert_eq(parse("permit out 0 from any to any", false, &f), 0);
	cr_expect(!f.any_protocol && f.protocol == 0);
}

Test(pdr_flow, refuses)
{
	static const char *const syntax[] = {"", "permit", "permit out", "permit out 17",
		"permit out 17 from any", "permit out 17 from any to",
		"permit out 256 from any to any", "permit out x from any to any",
		"permit out 17 at any to any", "permit out 17 from 1.2.3 to any",
		"permit out 17 from 1.2.3.4/33 to any", "permit out 17 from 1.2.3.4/ to any",
		"permit out 17 from any 70000 to any", "permit out 17 from any 6-5 to any",
		"permit out 17 from any 5, to any", "permit out 17 from any 5x to any",
		"permit out 17 from 192.0.2.1 to 2001:db8::1"};
	static const char *const unsupported[] = {"deny out 17 from any to any",
		"permit in 17 from any to any", "permit out 17 from any to any frag",
		"permit out 17 from !192.0.2.1 to any",
		"permit out 17 from any 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33 to any"};
	struct pdr_flow f;

	for (unsigned i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++)
		cr_expect_eq(parse(syntax[i], false, &f), POI_ERR_SYNTAX, "%s", syntax[i]);
	for (unsigned i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		cr_expect_eq(parse(unsupported[i], false, &f), POI_ERR_UNSUPPORTED, "%s",
			unsupported[i]);
}

// A view of an IPv4 packet in a tunnel: layer 0 carries, layer 1 is the user's.
static uint8_t octets[64];

static struct packet_view view(uint8_t protocol, uint16_t sport, uint16_t dport)
{
	struct packet_view v = {
		.data = octets, .length = sizeof(octets), .n_layers = 2, .flags = VIEW_GTPU};

	memcpy(octets + 12, (const uint8_t[]){198, 18, 0, 1, 10, 45, 0, 2}, 8);
	v.layer[1] = (struct packet_layer){.family = 4,
		.source = 12,
		.address_length = 4,
		.protocol = protocol,
		.sport = sport,
		.dport = dport,
		.flags = LAYER_PORTS};
	return v;
}

static struct pdr_choice choice(bool wanted, const char *text)
{
	struct pdr_choice c = {.wanted = wanted, .n_flows = text != NULL};

	if (text)
		cr_assert_eq(parse(text, false, &c.flow[0]), 0);
	return c;
}

// In the view's own tunnel.
static bool wants(const struct pdr_select *s, const struct packet_view *v, uint8_t layer)
{
	const struct packet_nested g = {.flags = v->flags & VIEW_PDU_SESSION, .qfi = v->qfi};

	return pdr_select_wants(s, v, &g, layer);
}

Test(pdr_select, the_first_that_holds)
{
	const struct pdr_choice list[] = {choice(true, "permit out 17 from any 5060 to assigned"),
		choice(false, "permit out 17 from 198.18.0.0/24 to assigned"), choice(true, NULL)};
	struct pdr_select *s = pdr_select_new(list, 3);
	struct packet_view v = view(17, 5060, 4000);

	cr_assert(s != NULL);
	cr_expect(wants(s, &v, 1));
	v = view(17, 5061, 4000);
	cr_expect(!wants(s, &v, 1));
	v = view(6, 5060, 4000);
	cr_expect(wants(s, &v, 1));
	v = view(17, 5060, 4000);
	v.layer[1].flags = LAYER_FRAGMENT_LATER; // no ports: not the first
	cr_expect(!wants(s, &v, 1));
	octets[12] = 1;
	cr_expect(wants(s, &v, 1)); // nor the second
	cr_expect(wants(s, &v, 0)); // no user's packet: only what asks for nothing holds
	cr_expect(wants(s, &v, 0xff));
	pdr_select_drop(s);
	s = pdr_select_new(list, 2);
	cr_expect(!wants(s, &v, 1)); // none holds
	cr_expect(!wants(s, &v, 0));
	pdr_select_drop(s);
}

Test(pdr_select, qfis)
{
	struct pdr_choice list[] = {choice(true, NULL), choice(false, NULL)};
	struct packet_view v = view(17, 1, 2);

	list[0].qfis = 1ull << 5 | 1ull << 63;
	struct pdr_select *s = pdr_select_new(list, 2);
	v.qfi = 5;
	cr_expect(!wants(s, &v, 1)); // no container
	v.flags |= VIEW_PDU_SESSION;
	cr_expect(wants(s, &v, 1));
	v.qfi = 6;
	cr_expect(!wants(s, &v, 1));
	v.qfi = 63;
	cr_expect(wants(s, &v, 1));
	cr_expect(!pdr_select_wants(s, &v, NULL, 1), "in no tunnel there is none");
	pdr_select_drop(s);
}

static struct ip_prefix prefix_of(const uint8_t octet[4], uint8_t length)
{
	struct ip_prefix p = {.family = 4, .length = length};

	memcpy(p.b, octet, 4);
	return p;
}

Test(pdr_select, users_addresses)
{
	struct pdr_choice list[] = {choice(false, NULL), choice(true, NULL)};
	struct packet_view v = view(17, 1, 2); // from 198.18.0.1 to 10.45.0.2

	list[0].n_users = list[1].n_users = 1;
	list[0].user[0] = prefix_of((const uint8_t[]){10, 45, 0, 3}, 32);
	list[1].user[0] = prefix_of((const uint8_t[]){10, 45, 0, 0}, 30);
	struct pdr_select *s = pdr_select_new(list, 2);
	cr_expect(wants(s, &v, 1), "the second one's");
	cr_expect(!wants(s, &v, 0), "no user's packet");
	list[1].uplink = true;
	struct pdr_select *up = pdr_select_new(list, 2);
	cr_expect(!wants(up, &v, 1), "the user is the destination");
	cr_expect_neq(pdr_select_digest(s), pdr_select_digest(up));
	pdr_select_drop(s);
	pdr_select_drop(up);
	list[0].n_users = PDR_USERS_MAX + 1;
	cr_expect_null(pdr_select_new(list, 2));
}

Test(pdr_select, several_flows_of_one_rule)
{
	struct pdr_choice c = choice(true, "permit out 17 from any 1 to assigned");
	struct packet_view v = view(17, 2, 9);

	c.n_flows = 2;
	cr_assert_eq(parse("permit out 17 from any 2 to assigned", false, &c.flow[1]), 0);
	struct pdr_select *s = pdr_select_new(&c, 1);
	cr_expect(wants(s, &v, 1));
	v = view(17, 3, 9);
	cr_expect(!wants(s, &v, 1));
	pdr_select_drop(s);
}

Test(pdr_select, digests_tell_lists_apart)
{
	struct pdr_choice list[] = {
		choice(true, "permit out 17 from any 5060 to assigned"), choice(false, NULL)};
	struct pdr_select *a = pdr_select_new(list, 2), *b = pdr_select_new(list, 2);

	cr_expect_eq(pdr_select_digest(a), pdr_select_digest(b));
	pdr_select_drop(b);
	list[0].wanted = false;
	b = pdr_select_new(list, 2);
	cr_expect_neq(pdr_select_digest(a), pdr_select_digest(b));
	pdr_select_drop(b);
	list[0] = choice(true, "permit out 17 from any 5061 to assigned");
	b = pdr_select_new(list, 2);
	cr_expect_neq(pdr_select_digest(a), pdr_select_digest(b));
	pdr_select_drop(b);
	list[0] = choice(true, "permit out 17 from any 5060 to assigned");
	list[0].qfis = 2;
	b = pdr_select_new(list, 2);
	cr_expect_neq(pdr_select_digest(a), pdr_select_digest(b));
	pdr_select_drop(b);
	cr_expect_eq(pdr_select_hold(a), a);
	pdr_select_drop(a);
	pdr_select_drop(a);
	pdr_select_drop(NULL);
}

Test(pdr_select, bounds)
{
	static struct pdr_choice list[PDR_SELECT_MAX + 1];
	struct packet_view v = view(17, 1, 2);

	cr_expect_null(pdr_select_new(list, PDR_SELECT_MAX + 1));
	list[3].n_flows = PDR_FLOWS_MAX + 1;
	cr_expect_null(pdr_select_new(list, PDR_SELECT_MAX));
	struct pdr_select *s = pdr_select_new(NULL, 0);
	cr_expect(s && !wants(s, &v, 1));
	pdr_select_drop(s);
}
