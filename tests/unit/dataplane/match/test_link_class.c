#include "dataplane/match/link_class.h"

#include <criterion/criterion.h>

#define BIT(l) (1u << (l))

static struct link_classes with(
	int n, const enum config_link *link, const enum config_tunnel *tunnel)
{
	static struct config_dataplane c;

	c.n_ports = (uint32_t)n;
	for (int i = 0; i < n; i++) {
		c.ports[i].link = link[i];
		c.ports[i].tunnel = tunnel[i];
	}
	return link_classes_of(&c);
}

static const struct filter by_address = {.kinds = FILTER_ADDRESS};
static const struct filter by_teid = {.kinds = FILTER_TEID};
static const struct filter by_fteid = {.kinds = FILTER_FTEID | FILTER_DIRECTION};

Test(link_class, one_class_binds_nothing)
{
	enum config_link link[] = {CONFIG_LINK_N3, CONFIG_LINK_N3};
	enum config_tunnel tunnel[] = {CONFIG_TUNNEL_GTPU, CONFIG_TUNNEL_GTPU};
	struct link_classes l = with(2, link, tunnel);

	cr_expect_eq(link_class_bind(&l, &by_address), 0);
	cr_expect_eq(link_class_bind(&l, &by_teid), 0);
}

Test(link_class, addresses_on_n6_tunnels_on_n3)
{
	enum config_link link[] = {
		CONFIG_LINK_N9, CONFIG_LINK_N3, CONFIG_LINK_N6, CONFIG_LINK_OTHER};
	enum config_tunnel tunnel[] = {
		CONFIG_TUNNEL_GTPU, CONFIG_TUNNEL_GTPU, CONFIG_TUNNEL_NONE, CONFIG_TUNNEL_NONE};
	struct link_classes l = with(4, link, tunnel);

	cr_expect_eq(
		link_class_bind(&l, &by_address), BIT(CONFIG_LINK_N6) | BIT(CONFIG_LINK_OTHER));
	cr_expect_eq(link_class_bind(&l, &by_teid), BIT(CONFIG_LINK_N3));
	cr_expect_eq(link_class_bind(&l, &by_fteid), BIT(CONFIG_LINK_N3));
}

Test(link_class, without_n6_addresses_are_on_n3_and_tunnels_only_where_tunnels_are)
{
	enum config_link link[] = {CONFIG_LINK_N3, CONFIG_LINK_N9, CONFIG_LINK_OTHER};
	enum config_tunnel tunnel[] = {CONFIG_TUNNEL_NONE, CONFIG_TUNNEL_GTPU, CONFIG_TUNNEL_NONE};
	struct link_classes l = with(3, link, tunnel);

	cr_expect_eq(
		link_class_bind(&l, &by_address), BIT(CONFIG_LINK_N3) | BIT(CONFIG_LINK_OTHER));
	cr_expect_eq(link_class_bind(&l, &by_teid), BIT(CONFIG_LINK_N9));
}

Test(link_class, ways_of_a_session)
{
	enum config_link link[] = {
		CONFIG_LINK_N9, CONFIG_LINK_N3, CONFIG_LINK_N6, CONFIG_LINK_OTHER};
	enum config_tunnel tunnel[] = {
		CONFIG_TUNNEL_GTPU, CONFIG_TUNNEL_GTPU, CONFIG_TUNNEL_NONE, CONFIG_TUNNEL_GTPU};
	struct link_classes l = with(2, link, tunnel); // N9 and N3
	const uint8_t both = BIT(CONFIG_LINK_N3) | BIT(CONFIG_LINK_N9),
		      other = BIT(CONFIG_LINK_OTHER);

	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N3, false), both);
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N9, false), both);
	cr_expect_eq(link_class_first(&l), CONFIG_LINK_N3);
	cr_expect_eq(link_class_bind_session(&l, false, CONFIG_LINK_N6, false), 0);
	l = with(3, link, tunnel); // and N6
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N3, false), 0);
	cr_expect_eq(
		link_class_bind_session(&l, false, CONFIG_LINK_N6, false), BIT(CONFIG_LINK_N6));
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N3, true), both, "directed");
	cr_expect_eq(link_class_bind_session(&l, false, CONFIG_LINK_N6, true), 0);
	l = with(4, link, tunnel); // and one without a class
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N3, false), other);
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N3, true), both | other);
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N9, false), 0);
	cr_expect_eq(link_class_bind_session(&l, false, CONFIG_LINK_N6, false), BIT(CONFIG_LINK_N6),
		"where tunnels are looked into addresses are left to them");
	tunnel[3] = CONFIG_TUNNEL_NONE;
	l = with(4, link, tunnel);
	cr_expect_eq(link_class_bind_session(&l, false, CONFIG_LINK_N6, false),
		BIT(CONFIG_LINK_N6) | other);
	tunnel[3] = CONFIG_TUNNEL_GTPU;
	l = with(1, link, tunnel);
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N9, false), BIT(CONFIG_LINK_N9));
	cr_expect_eq(link_class_bind_session(&l, true, CONFIG_LINK_N3, false), BIT(CONFIG_LINK_N9));
	cr_expect_eq(link_class_first(&l), CONFIG_LINK_N9);
	cr_expect(link_class_tunnels(&l));
	l = with(2, link + 2, tunnel + 2);
	cr_expect(link_class_tunnels(&l), "one without a class that looks into them");
	l = with(1, link + 2, tunnel + 2);
	cr_expect(!link_class_tunnels(&l));
	tunnel[2] = CONFIG_TUNNEL_GTPU;
	l = with(1, link + 2, tunnel + 2);
	cr_expect(!link_class_tunnels(&l), "N6 has none of users");
}
