#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/x1/x1_task.h"

const char *x1_target_name(enum x1_target_kind k)
{
	static const char *const names[] = {
#define X(suffix, text) text,
		X1_TARGETS(X)
#undef X
	};
	return names[k];
}

static struct config config;
static struct registry *registry;
static struct channel_task out;
static struct x1_refusal why;
static struct x1_target targets[4];
static struct x1_task_details details;
static struct id16 dids[20];
static struct registry_task *old;

static void add_destination(uint8_t n, uint8_t delivery)
{
	struct channel_destination c = {.did = {{n}}, .delivery = delivery, .port = 1};
	struct registry_destination *d = registry_destination_new(0, &c, "", 0);

	c.address.family = 4;
	cr_assert_eq(registry_destination_add(registry, d), 0);
}

static void setup(void)
{
	registry = registry_new(1, &(const char *){"ne-1"});
	config.n_nes = config.dataplane.n_ports = 1;
	add_destination(1, DELIVERY_X3);
	add_destination(2, DELIVERY_X2);
	add_destination(3, DELIVERY_X2 | DELIVERY_X3);
	dids[0] = (struct id16){{1}};
	details = (struct x1_task_details){.xid = {{7}},
		.targets = targets,
		.delivery = X1_X3_ONLY,
		.n_dids = 1,
		.dids = dids};
}

static void teardown(void)
{
	registry_free(registry);
	registry_task_free(old);
}

static void target(enum x1_target_kind kind, const char *text)
{
	targets[details.n_targets++] = (struct x1_target){
		.kind = kind, .text = text, .xml = "<ipv4Address>192.0.2.10</ipv4Address>"};
}

static struct x1_task_room room;
static struct x1_pdsr_trigger triggers[2];
static struct x1_task_extension reporting;

static void ask_for_reports(bool pdsr)
{
	triggers[0] = (struct x1_pdsr_trigger){.kind = 1, .value = 30};
	triggers[1] = (struct x1_pdsr_trigger){.kind = 3, .value = 1000000};
	reporting = (struct x1_task_extension){.owner = "3GPP",
		.space = "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6",
		.name = "X1Extensions",
		.header_reporting = true,
		.pdsr = pdsr,
		.session_triggers = pdsr,
		.n_triggers = pdsr ? 2 : 0,
		.triggers = triggers};
	details.n_extensions = 1;
	details.extensions = &reporting;
}

static int build(void)
{
	why = (struct x1_refusal){0};
	int rc = x1_task_build(&config, registry, 0, &details, old, &out, &room, &why);
	cr_assert_eq(rc == 0, why.code == 0);
	return why.code;
}

TestSuite(x1_task, .init = setup, .fini = teardown);

Test(x1_task, addresses)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.000.002.010");
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.kinds, FILTER_ADDRESS);
	cr_assert_eq(out.filter.address[0].length, 32);
	cr_assert_eq(out.filter.address[0].b[3], 10, "leading zeros are decimal");
	target(X1_TARGET_IPV4_CIDR, "198.51.100.0/24");
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.n_address, 2);
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.12");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION);
}

Test(x1_task, ipv6_inside_ipv4_cidr)
{
	target(X1_TARGET_IPV4_CIDR, "2001:0db8:0000:0000:0000:0000:0000:0000/32");
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.address[0].family, 6);
	cr_assert_eq(out.filter.address[0].length, 32);
}

Test(x1_task, host_bits)
{
	target(X1_TARGET_IPV4_CIDR, "198.51.100.1/24");
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	cr_assert_null(strstr(why.text, "198"));
}

Test(x1_task, prefix_too_long)
{
	target(X1_TARGET_IPV4_CIDR, "198.51.100.0/33");
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
}

Test(x1_task, families_do_not_mix)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	target(X1_TARGET_IPV6_ADDRESS, "2001:0db8:0000:0000:0000:0000:0000:0001");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION);
}

Test(x1_task, ports)
{
	target(X1_TARGET_TCP_PORT, "1");
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.protocol, 6);
	targets[0] = (struct x1_target){.kind = X1_TARGET_UDP_PORT_RANGE, .port = {5000, 6000}};
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.protocol, 17);
	cr_assert_eq(out.filter.port[0].range[0].last, 6000);
	target(X1_TARGET_TCP_PORT, "80");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION);
	details.n_targets = 1;
	targets[0].port[0] = 6001;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
}

Test(x1_task, port_list_is_sorted)
{
	static const uint16_t list[] = {443, 80, 81};

	targets[0] =
		(struct x1_target){.kind = X1_TARGET_TCP_PORT_LIST, .n_ports = 3, .ports = list};
	details.n_targets = 1;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.port[0].n, 2);
	cr_assert_eq(out.filter.port[0].range[0].first, 80);
	cr_assert_eq(out.filter.port[0].range[0].last, 81);
}

Test(x1_task, teid_needs_endpoints)
{
	target(X1_TARGET_GTPU_TUNNEL_ID, "4294967295");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION);
	cr_assert_not_null(strstr(why.text, "gtp-endpoints"));
	config.dataplane.ports[0].n_endpoints = 1;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.teid, UINT32_MAX);
	targets[0].text = "4294967296";
	cr_assert_eq(build(), X1_ERR_SCHEMA);
}

Test(x1_task, fteid_and_direction)
{
	struct x1_extension_member members[] = {
		{.name = "FTEID",
			.space = "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6",
			.teid = "257",
			.ipv4 = "198.51.100.1"},
		{.name = "GTPTunnelDirection",
			.space = "urn:3GPP:ns:li:3GPPX1Extensions:r19:v4",
			.text = "Outbound"},
	};

	targets[0] = (struct x1_target){
		.kind = X1_TARGET_EXTENSION, .owner = "3GPP", .n_members = 2, .members = members};
	details.n_targets = 1;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.kinds, FILTER_FTEID | FILTER_DIRECTION);
	cr_assert_eq(out.filter.teid, 257);
	cr_assert_eq(out.filter.direction, FILTER_TO_TARGET);
	targets[0].n_members = 1;
	members[0].ipv4 = NULL;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	members[0].name = "FSEID";
	cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED);
	cr_assert_not_null(strstr(why.text, "FSEID"));
	members[0] = members[1];
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION, "a direction of no tunnel");
	members[0].space = "urn:3GPP:ns:li:3GPPX1Extensions:r18";
	cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED);
}

static void see(enum config_signalling_protocol protocol)
{
	struct config_port *p = &config.dataplane.ports[0];

	p->tunnel = CONFIG_TUNNEL_GTPU;
	p->n_signalling = 1;
	p->signalling[0] = (uint8_t)protocol;
}

Test(x1_task, subscribers)
{
	static const struct {
		enum x1_target_kind kind;
		const char *text;
		uint16_t session;
		const char *value;
	} cases[] = {
		{X1_TARGET_IMSI, "00101012345678", SESSION_IMSI, "00101012345678"},
		{X1_TARGET_SUPIIMSI, "001010123456789", SESSION_IMSI, "001010123456789"},
		{X1_TARGET_E164_NUMBER, "4915112345678", SESSION_MSISDN, "4915112345678"},
		{X1_TARGET_GPSI_MSISDN, "4915112345678", SESSION_MSISDN, "4915112345678"},
		{X1_TARGET_IMEI, "49015420323751", SESSION_IMEI, "49015420323751"},
		{X1_TARGET_PEI_IMEI, "49015420323751", SESSION_IMEI, "49015420323751"},
		{X1_TARGET_PEI_IMEI_CHECK, "490154203237518", SESSION_IMEI, "49015420323751"},
		{X1_TARGET_PEI_IMEISV, "4901542032375101", SESSION_IMEISV, "4901542032375101"},
		{X1_TARGET_NAI, "user@realm.example", SESSION_NAI, "user@realm.example"},
		{X1_TARGET_SUPINAI, "user@realm.example", SESSION_NAI, "user@realm.example"},
		{X1_TARGET_GPSI_NAI, "user@realm.example", SESSION_NAI, "user@realm.example"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.dataplane.ports[0].n_signalling = 0;
		details.n_targets = 0;
		target(cases[i].kind, cases[i].text);
		cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED);
		cr_assert_not_null(strstr(why.text, "dataplane.ports[].signalling"));
		cr_assert_null(strstr(why.text, cases[i].text), "no value in a text");
		see(CONFIG_PFCP);
		cr_assert_eq(build(), 0, "%s: %s", x1_target_name(cases[i].kind), why.text);
		cr_assert_eq(out.session.kinds, cases[i].session);
		cr_assert_eq(out.filter.kinds, 0);
		const char *values[] = {out.session.imsi, out.session.msisdn, out.session.imei,
			out.session.imeisv, out.session.nai};
		unsigned at = (unsigned)__builtin_ctz(cases[i].session / SESSION_IMSI);
		cr_assert_str_eq(values[at], cases[i].value);
	}
	details.n_targets = 0;
	target(X1_TARGET_PEI_IMEI_CHECK, "490154203237517");
	cr_assert_eq(build(), X1_ERR_ACTIVATE, "a wrong check digit");
}

Test(x1_task, subscribers_with_more)
{
	see(CONFIG_RADIUS);
	target(X1_TARGET_IMSI, "001010123456789");
	cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED, "addresses are not looked at there");
	config.dataplane.ports[0].tunnel = CONFIG_TUNNEL_NONE;
	cr_assert_eq(build(), 0);
	target(X1_TARGET_SUPIIMSI, "001010123456789");
	cr_assert_eq(build(), 0, "the same once more");
	targets[1].text = "001010123456780";
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION);
	details.n_targets = 1;
	target(X1_TARGET_TCP_PORT, "443");
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.kinds, FILTER_PORT);
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.1");
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.1");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION, "the filter is still checked");
	details.n_targets = 0;
	target(X1_TARGET_IMEI, "49015420323751");
	target(X1_TARGET_PEI_IMEISV, "4901542032375201");
	cr_assert_eq(build(), X1_ERR_TARGET_COMBINATION, "of two devices");
}

#define SPACE "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6"

static struct x1_extension_member members[4];

static int build_members(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		members[i].space = SPACE;
	targets[0] = (struct x1_target){
		.kind = X1_TARGET_EXTENSION, .owner = "3GPP", .n_members = n, .members = members};
	details.n_targets = 1;
	return build();
}

Test(x1_task, sessions)
{
	see(CONFIG_GTPV2C);
	members[0] = (struct x1_extension_member){
		.name = "FSEID", .teid = "18446744073709551615", .ipv4 = "192.0.2.7"};
	cr_assert_eq(build_members(1), X1_ERR_TARGET_UNSUPPORTED, "only PFCP has sessions");
	cr_assert_not_null(strstr(why.text, "pfcp"));
	see(CONFIG_PFCP);
	cr_assert_eq(build_members(1), 0);
	cr_assert_eq(out.session.kinds, SESSION_FSEID);
	cr_assert_eq(out.session.seid, UINT64_MAX);
	cr_assert_eq(out.session.seid_v4.b[3], 7);
	cr_assert_eq(out.session.seid_v6.family, 0);

	members[1] = (struct x1_extension_member){.name = "PDRID", .text = "65535"};
	members[2] = (struct x1_extension_member){.name = "QERID", .text = "2147483649"};
	members[3] = (struct x1_extension_member){.name = "GTPTunnelDirection", .text = "Inbound"};
	cr_assert_eq(build_members(4), 0);
	cr_assert_eq(out.session.kinds, SESSION_FSEID | SESSION_PDR | SESSION_QER);
	cr_assert_eq(out.session.pdr, 65535);
	cr_assert_eq(out.session.qer, 2147483649u);
	cr_assert_eq(out.filter.kinds, FILTER_DIRECTION);
	members[1].text = "65536";
	cr_assert_eq(build_members(2), X1_ERR_ACTIVATE);
	members[0] = members[2];
	cr_assert_eq(build_members(1), X1_ERR_TARGET_COMBINATION, "QERID without FSEID");
	members[0] = members[3];
	cr_assert_eq(build_members(1), X1_ERR_TARGET_COMBINATION, "a direction of nothing");
}

Test(x1_task, rules_and_network_instances)
{
	see(CONFIG_PFCP);
	members[0] = (struct x1_extension_member){.name = "FSEID", .teid = "1"};
	members[1] = (struct x1_extension_member){.name = "PDR", .text = "003800020102"};
	cr_assert_eq(build_members(2), 0);
	cr_assert_eq(out.session.pdr, 0x102);
	// Create PDR with a precedence before the identifier
	members[1].text = "0001000e001d00040000000A003800020007";
	cr_assert_eq(build_members(2), 0);
	cr_assert_eq(out.session.pdr, 7);
	static const char *const none[] = {"", "00", "0002000e001d00040000000a003800020007",
		"0001000e001d00040000000a0038000100", "001d00040000000a", "00010006ffffffffffff"};
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		members[1].text = none[i];
		cr_assert_eq(build_members(2), X1_ERR_TARGET_UNSUPPORTED, "%u", i);
		cr_assert_not_null(strstr(why.text, "PDR"));
	}
	members[0] = (struct x1_extension_member){
		.name = "NetworkInstance", .text = "08696e7465726e6574"};
	cr_assert_eq(build_members(1), 0);
	cr_assert_eq(out.session.kinds, SESSION_NI);
	cr_assert_eq(out.session.ni_length, 9);
	cr_assert_eq(memcmp(out.session.ni, "\x08internet", 9), 0);
	members[0].text = "";
	cr_assert_eq(build_members(1), X1_ERR_ACTIVATE);
}

Test(x1_task, mac)
{
	target(X1_TARGET_MAC_ADDRESS, "02:00:5e:00:53:af");
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.filter.mac[0][5], 0xaf);
	targets[0].text = "02:00:5e:00:53-af";
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
}

Test(x1_task, every_other_identifier_is_named)
{
	for (int k = 0; k < X1_TARGET_COUNT; k++) {
		switch (k) {
		case X1_TARGET_IPV4_ADDRESS:
		case X1_TARGET_IPV6_ADDRESS:
		case X1_TARGET_IPV4_CIDR:
		case X1_TARGET_IPV6_CIDR:
		case X1_TARGET_TCP_PORT:
		case X1_TARGET_TCP_PORT_RANGE:
		case X1_TARGET_TCP_PORT_LIST:
		case X1_TARGET_UDP_PORT:
		case X1_TARGET_UDP_PORT_RANGE:
		case X1_TARGET_UDP_PORT_LIST:
		case X1_TARGET_GTPU_TUNNEL_ID:
		case X1_TARGET_MAC_ADDRESS:
			continue;
		default:
			break;
		}
		details.n_targets = 0;
		target((enum x1_target_kind)k, "001010123456789");
		cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED, "%s: %s",
			x1_target_name((enum x1_target_kind)k), why.text);
		cr_assert_not_null(strstr(why.text, x1_target_name((enum x1_target_kind)k)));
	}
}

Test(x1_task, what_narrows_is_refused)
{
	struct x1_task_extension extension = {.owner = "ACME", .name = "Thing"};

	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	cr_assert_eq(build(), 0);
	bool *flags[] = {&details.has_dsids, &details.has_mediation, &details.has_service_types,
		&details.has_policy_references};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		*flags[i] = true;
		cr_assert_eq(build(), X1_ERR_ACTIVATE);
		*flags[i] = false;
	}
	details.n_extensions = 1;
	details.extensions = &extension;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	cr_assert_null(strstr(why.note, "ACME"), "a text of the request goes into no log");
}

Test(x1_task, x2_needs_something_to_report)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	dids[0].b[0] = 3;
	details.delivery = X1_X2_AND_X3;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	cr_assert_not_null(strstr(why.text, "HeaderReporting"));
	details.delivery = X1_X2_ONLY;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	config.nes[0].x2_report = CONFIG_X2_PDHR;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.report, REPORT_PDHR);
	config.nes[0].x2_report = CONFIG_X2_PDSR;
	config.nes[0].x2_summary = (struct config_summary){30, 100, 5000, true, false};
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.report, REPORT_PDSR);
	cr_assert_eq(out.triggers.timer_s, 30);
	cr_assert_eq(out.triggers.packets, 100);
	cr_assert_eq(out.triggers.bytes, 5000);
	cr_assert(out.triggers.session == 1 && out.triggers.skip_empty == 1);
	details.delivery = X1_X3_ONLY;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.report, REPORT_NONE, "the default is of tasks with X2");
	cr_assert_eq(out.matched_length, 0);
	config.delivery.attributes.matched_target = true;
	cr_assert_eq(build(), 0);
	cr_assert_gt(out.matched_length, 0, "attributes 17 of content, where they are asked for");
	config.delivery.attributes.matched_target = false;
	ask_for_reports(false);
	cr_assert_eq(build(), X1_ERR_ACTIVATE, "not honoured, so refused");
}

Test(x1_task, header_reporting)
{
	static const char first[] = "<ipv4Address>192.0.2.10</ipv4Address>";

	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	target(X1_TARGET_TCP_PORT, "443");
	targets[1].xml = "<tcpPort>443</tcpPort>";
	dids[0].b[0] = 3;
	details.delivery = X1_X2_AND_X3;
	ask_for_reports(false);
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.report, REPORT_PDHR);
	cr_assert_eq(out.matched_length, 4 + sizeof(first) - 1 + 4 + 22);
	cr_assert_arr_eq(out.matched, ((uint8_t[]){0, 17, 0, sizeof(first) - 1}), 4);
	cr_assert_arr_eq(out.matched + 4, first, sizeof(first) - 1);
	ask_for_reports(true);
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.report, REPORT_PDSR);
	cr_assert_eq(out.triggers.timer_s, 30);
	cr_assert_eq(out.triggers.bytes, 1000000);
	cr_assert_eq(out.triggers.packets, 0);
	cr_assert_eq(out.triggers.session, 1);
	// The registry keeps the task as it was built.
	struct registry_task *t = registry_task_new(0, &out, "<t/>", 4);
	struct channel_task back;
	cr_assert_eq(registry_task_channel(registry, t, &back), 0);
	cr_assert_eq(back.triggers.timer_s, 30);
	cr_assert_eq(back.triggers.bytes, 1000000);
	cr_assert_eq(back.matched_length, out.matched_length);
	cr_assert_arr_eq(back.matched, out.matched, out.matched_length);
	registry_task_free(t);
	triggers[0].value = 0;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	triggers[0].value = 1ull << 32;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	reporting.space = "urn:other";
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	ask_for_reports(false);
	static char longest[1100];
	memset(longest, 'x', sizeof(longest) - 1);
	targets[1].xml = longest;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	cr_assert_not_null(strstr(why.text, "too long"));
}

Test(x1_task, destinations)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	dids[0].b[0] = 9;
	cr_assert_eq(build(), X1_ERR_DID_UNKNOWN);
	dids[0].b[0] = 2;
	cr_assert_eq(build(), X1_ERR_DELIVERY_TYPE);
	details.n_dids = 2;
	dids[1].b[0] = 1;
	cr_assert_eq(build(), 0, "one that takes nothing of it beside one that takes all");
	details.n_dids = 0;
	cr_assert_eq(build(), X1_ERR_DELIVERY_TYPE, "an empty list");
	details.n_dids = 20;
	for (unsigned i = 0; i < 20; i++)
		dids[i].b[0] = 3;
	cr_assert_eq(build(), 0, "one named twenty times is one");
	cr_assert_eq(out.n_destinations, 1);
}

Test(x1_task, unknown_destination_before_one_of_the_wrong_kind)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	details.n_dids = 2;
	for (unsigned i = 0; i < 2; i++) {
		dids[i].b[0] = 2;
		dids[1 - i].b[0] = 9;
		cr_assert_eq(build(), X1_ERR_DID_UNKNOWN);
	}
}

Test(x1_task, destination_that_is_about_to_take_less)
{
	struct id16 three = {{3}};
	struct registry_destination *d = registry_destination_find(registry, 0, &three);

	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	dids[0] = three;
	cr_assert_eq(build(), 0);
	d->modifying = true;
	d->next_delivery = DELIVERY_X2;
	cr_assert_eq(build(), X1_ERR_DELIVERY_TYPE);
}

Test(x1_task, triggered)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	details.has_correlation = true;
	details.correlation = 4711;
	details.correlation_too_large = true;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.correlation, 0, "not used at a point of interception");
	cr_assert(id_equal(&out.header_xid, &details.xid));
	config.nes[0].role = CONFIG_ROLE_TRIGGERED;
	cr_assert_eq(build(), X1_ERR_ACTIVATE, "productID is mandatory");
	details.has_product = true;
	details.product.b[0] = 0xAA;
	cr_assert_eq(build(), X1_ERR_ACTIVATE, "more than 64 bits");
	details.correlation_too_large = false;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.correlation, 4711);
	cr_assert_eq(out.header_xid.b[0], 0xAA);
	details.has_correlation = false;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
}

Test(x1_task, modify_has_its_own_generic_code)
{
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	cr_assert_eq(build(), 0);
	old = registry_task_new(0, &out, "", 0);
	details.has_dsids = true;
	cr_assert_eq(build(), X1_ERR_MODIFY);
}

Test(x1_task, a_trigger_modifies_targets_alone)
{
	config.nes[0].role = CONFIG_ROLE_TRIGGERED;
	details.has_correlation = details.has_product = true;
	details.correlation = 4711;
	details.delivery = X1_X2_ONLY;
	ask_for_reports(false);
	dids[0].b[0] = 3;
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.10");
	cr_assert_eq(build(), 0);
	old = registry_task_new(0, &out, "", 0);
	details.n_targets = 0;
	target(X1_TARGET_IPV4_ADDRESS, "192.0.2.11");
	cr_assert_eq(build(), 0);
	details.correlation++;
	cr_assert_eq(build(), X1_ERR_MODIFY);
	cr_assert_not_null(strstr(why.text, "correlationID"));
	details.correlation--;
	details.product.b[5] = 1;
	cr_assert_eq(build(), X1_ERR_MODIFY);
	details.product.b[5] = 0;
	details.delivery = X1_X2_AND_X3;
	cr_assert_eq(build(), X1_ERR_MODIFY);
	details.delivery = X1_X2_ONLY;
	dids[0].b[0] = 2;
	cr_assert_eq(build(), X1_ERR_MODIFY);
	cr_assert_not_null(strstr(why.text, "listOfDIDs"));
	dids[0].b[0] = 3;
	ask_for_reports(true);
	cr_assert_eq(build(), X1_ERR_MODIFY);
	cr_assert_not_null(strstr(why.text, "HeaderReporting"));
	ask_for_reports(false);
	cr_assert_eq(build(), 0);
	config.nes[0].role = CONFIG_ROLE_POI;
	details.delivery = X1_X2_AND_X3;
	cr_assert_eq(build(), 0, "anything may change at a point of interception");
}
