// Lists of target identifiers of which any is enough.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "control/x1/x1_task.h"

#define SPACE "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6"

static struct config config;
static struct registry *registry;
static struct channel_task out;
static struct x1_task_room room;
static struct x1_refusal why;
static struct x1_target targets[4];
static struct x1_extension_member members[4];
static struct x1_task_details details;
static struct id16 did = {{1}};
static struct registry_task *old;

static void setup(void)
{
	struct channel_destination c = {
		.did = did, .delivery = DELIVERY_X3, .port = 1, .address = {.family = 4}};

	registry = registry_new(1, &(const char *){"ne-1"});
	config.n_nes = config.dataplane.n_ports = 1;
	struct registry_destination *d = registry_destination_new(0, &c, "", 0);
	cr_assert_eq(registry_destination_add(registry, d), 0);
	details = (struct x1_task_details){.xid = {{7}},
		.targets = targets,
		.delivery = X1_X3_ONLY,
		.n_dids = 1,
		.dids = &did};
}

static void teardown(void)
{
	registry_free(registry);
	registry_task_free(old);
}

TestSuite(x1_alternatives, .init = setup, .fini = teardown);

static void see(enum config_signalling_protocol protocol)
{
	struct config_port *p = &config.dataplane.ports[0];

	p->tunnel = CONFIG_TUNNEL_GTPU;
	p->n_signalling = 1;
	p->signalling[0] = (uint8_t)protocol;
}

static void target(enum x1_target_kind kind, const char *text)
{
	targets[details.n_targets++] = (struct x1_target){.kind = kind, .text = text};
}

static int build(void)
{
	why = (struct x1_refusal){0};
	int rc = x1_task_build(&config, registry, 0, &details, old, &out, &room, &why);
	cr_assert_eq(rc == 0, why.code == 0);
	return why.code;
}

static int build_members(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		members[i].space = SPACE;
	targets[0] = (struct x1_target){
		.kind = X1_TARGET_EXTENSION, .owner = "3GPP", .n_members = n, .members = members};
	details.n_targets = 1;
	return build();
}

static struct alternative of_place(unsigned place)
{
	struct wire_reader r = wire_reader_of(out.alternatives, out.alternatives_length);
	struct alternative a = {0};

	for (unsigned i = 0; i < place; i++)
		alternative_decode(&r, &a);
	cr_assert_eq(r.error, 0);
	return a;
}

static void read_as_alternatives(void)
{
	see(CONFIG_PFCP);
	config.nes[0].targets = CONFIG_TARGETS_ALTERNATIVES;
}

Test(x1_alternatives, of_one_user)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	target(X1_TARGET_IPV6_ADDRESS, "2001:0db8:0000:0000:0000:0000:0000:0001");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION, "no packet has both");
	read_as_alternatives();
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert(!out.filter.kinds && !out.session.kinds);
	cr_assert_eq(alternatives_sum(out.alternatives, out.alternatives_length).n, 2);
	cr_assert_eq(of_place(1).filter.address[0].family, 4);
	cr_assert_eq(of_place(2).filter.address[0].family, 6);
	const char *none = NULL;
	cr_assert_eq(channel_task_check(&out, &none), 0);
	targets[1] = targets[0];
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.alternatives_length, 0, "the same twice is one");
	cr_assert_eq(out.filter.kinds, FILTER_ADDRESS);
	targets[1].text = "192.0.2";
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	targets[1].kind = X1_TARGET_EMAIL;
	cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED, "each must be one that is supported");
}

Test(x1_alternatives, of_sessions_and_tunnels)
{
	read_as_alternatives();
	members[0] =
		(struct x1_extension_member){.name = "FSEID", .teid = "1", .ipv4 = "192.0.2.7"};
	members[1] =
		(struct x1_extension_member){.name = "FSEID", .teid = "2", .ipv4 = "192.0.2.7"};
	members[2] =
		(struct x1_extension_member){.name = "FTEID", .teid = "3", .ipv4 = "192.0.2.8"};
	members[3] =
		(struct x1_extension_member){.name = "FTEID", .teid = "4", .ipv4 = "192.0.2.9"};
	cr_assert_eq(build_members(4), 0, "%s", why.text);
	struct alternatives_summary sum =
		alternatives_sum(out.alternatives, out.alternatives_length);
	cr_assert(sum.n == 4 && sum.n_sessions == 2 && sum.tunnels);
	for (unsigned i = 1; i <= 2; i++)
		cr_assert_eq(of_place(i).session.seid, i);
	for (unsigned i = 3; i <= 4; i++)
		cr_assert_eq(of_place(i).filter.teid, i);
	target(X1_TARGET_IMSI, "001010123456789");
	cr_assert_eq(build(), 0);
	cr_assert_eq(of_place(5).session.kinds, SESSION_IMSI, "of another identifier of the list");
	config.nes[0].targets = CONFIG_TARGETS_ALL;
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION, "as the text has it");
	read_as_alternatives();
	see(CONFIG_RADIUS);
	details.n_targets = 1;
	targets[0].n_members = 1;
	members[0] = members[2];
	target(X1_TARGET_IMSI, "001010123456789");
	cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED, "RADIUS knows no tunnels");
}

// An alternative that could narrow the others, or would take strangers in, is refused; alone it is
// accepted as always.
Test(x1_alternatives, each_names_somebody)
{
	static const struct x1_extension_member narrow[] = {{.name = "PDRID", .text = "1"},
		{.name = "QERID", .text = "1"}, {.name = "PDR", .text = "003800020102"},
		{.name = "GTPTunnelDirection", .text = "Inbound"},
		{.name = "NetworkInstance", .text = "08696e7465726e6574"}};

	read_as_alternatives();
	for (unsigned i = 0; i < 5; i++) {
		members[0] = (struct x1_extension_member){.name = "FSEID", .teid = "1"};
		members[1] = (struct x1_extension_member){.name = "FSEID", .teid = "2"};
		members[2] = narrow[i];
		cr_expect_eq(build_members(3), X1_ERR_TARGET_COMBINATION, "%s", narrow[i].name);
		cr_expect_not_null(strstr(why.text, narrow[i].name));
		members[1] = narrow[i];
		cr_expect_eq(build_members(2), i < 4 ? 0 : X1_ERR_TARGET_COMBINATION, "%s",
			narrow[i].name);
		cr_expect_eq(out.alternatives_length, 0, "one of them is named");
	}
	details.n_targets = 0;
	target(X1_TARGET_TCP_PORT, "443");
	cr_assert_eq(build(), 0, "alone");
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION);
	cr_assert_not_null(strstr(why.text, "tcpPort"));
	cr_assert_null(strstr(why.text, "443"));
}

Test(x1_alternatives, are_bounded)
{
	static struct x1_target many[ALTERNATIVES_MAX + 1];
	static char text[ALTERNATIVES_MAX + 1][16];

	read_as_alternatives();
	for (unsigned i = 0; i <= ALTERNATIVES_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "198.51.100.%u", i);
		many[i] = (struct x1_target){.kind = X1_TARGET_IPV4_ADDRESS, .text = text[i]};
	}
	details.targets = many;
	details.n_targets = ALTERNATIVES_MAX;
	cr_assert_eq(build(), 0);
	cr_assert_eq(
		alternatives_sum(out.alternatives, out.alternatives_length).n, ALTERNATIVES_MAX);
	details.n_targets++;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	old = registry_task_new(0, &out, "", 0);
	cr_assert_eq(build(), X1_ERR_MODIFY);
}
