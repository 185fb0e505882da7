// Tasks whose X2 carries records of network functions: by their targets, by what the element makes,
// and by what the ADMF asks for.
#include <criterion/criterion.h>

#include <string.h>

#include "control/x1/x1_task.h"

#define NAMESPACE "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6"

const char *x1_target_name(enum x1_target_kind k)
{
	return k == X1_TARGET_IPV4_ADDRESS ? "ipv4Address" : "imsi";
}

static struct config config;
static struct x1_task_room room;
static struct x1_target target;
static struct x1_task_extension extension;
static struct x1_task_details details;
static struct channel_destination mdf = {
	.did = {{1}}, .delivery = DELIVERY_X2 | DELIVERY_X3, .port = 1};
static struct registry *registry;
static struct channel_task out;
static struct x1_refusal why;

// An element that makes records of an SMF and an AMF, whose events come; no port with signalling.
static void setup(void)
{
	registry = registry_new(1, &(const char *){"ne-1"});
	cr_assert_eq(
		registry_destination_add(registry, registry_destination_new(0, &mdf, "", 0)), 0);
	config.n_nes = config.dataplane.n_ports = 1;
	config.nes[0].n_records = 2;
	config.nes[0].records[0] = CONFIG_RECORDS_SMF;
	config.nes[0].records[1] = CONFIG_RECORDS_AMF;
	config.events.n_functions = 1;
	config.events.functions[0].n_records = 2;
	config.events.functions[0].records[0] = CONFIG_RECORDS_SMF;
	config.events.functions[0].records[1] = CONFIG_RECORDS_AMF;
	target = (struct x1_target){
		.kind = X1_TARGET_IMSI, .text = "001010000000001", .xml = "<a/>"};
	details = (struct x1_task_details){.xid = {{7}},
		.minor = 8,
		.n_targets = 1,
		.targets = &target,
		.delivery = X1_X2_ONLY,
		.n_dids = 1,
		.dids = &mdf.did};
}

static void teardown(void)
{
	registry_free(registry);
}

TestSuite(x1_records, .init = setup, .fini = teardown);

static int build(void)
{
	memset(&why, 0, sizeof(why));
	int rc = x1_task_build(&config, registry, 0, &details, NULL, &out, &room, &why);

	return rc ? why.code : 0;
}

Test(x1_records, a_subscriber_needs_no_header_reporting)
{
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.report, REPORT_NONE);
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_AMF);
	cr_assert_gt(out.matched_length, 0, "attribute 17 is in every X2 PDU");
	config.nes[0].n_records = 0;
	cr_assert_neq(build(), 0, "without records it would intercept nothing");
}

Test(x1_records, content_needs_a_port_that_sees_it)
{
	details.delivery = X1_X2_AND_X3;
	config.dataplane.ports[0].link = CONFIG_LINK_N3;
	cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED);
	config.dataplane.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_AMF);
	details.delivery = X1_X3_ONLY;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, 0);
	config.events.functions[0].records[0] = CONFIG_RECORDS_SMSF;
	cr_assert_eq(build(), X1_ERR_TARGET_UNSUPPORTED, "an AMF and an SMSF show no session");
}

Test(x1_records, an_address_has_no_records)
{
	target.kind = X1_TARGET_IPV4_ADDRESS;
	target.text = "192.0.2.10";
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	cr_assert_not_null(strstr(why.text, "HeaderReporting"));
	config.nes[0].x2_report = CONFIG_X2_PDHR;
	cr_assert_eq(build(), 0);
	cr_assert_eq(out.records, 0);
	target.kind = X1_TARGET_IMSI;
	target.text = "001010000000001";
	config.dataplane.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.report, REPORT_PDHR, "both, where both are wanted");
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_AMF);
}

// No record shows a packet's address: of such a task none would be made.
Test(x1_records, a_subscriber_and_an_address_have_no_records)
{
	struct x1_target both[2] = {
		target, {.kind = X1_TARGET_IPV4_ADDRESS, .text = "192.0.2.10", .xml = "<b/>"}};

	details.n_targets = 2;
	details.targets = both;
	config.dataplane.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
	cr_assert_not_null(strstr(why.text, "HeaderReporting"), "%s", why.text);
	config.nes[0].x2_report = CONFIG_X2_PDHR;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, 0);
}

Test(x1_records, identifier_association_is_asked_for)
{
	extension = (struct x1_task_extension){
		.space = NAMESPACE, .name = "X1Extensions", .association = 2};
	details.n_extensions = 1;
	details.extensions = &extension;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_AMF | TASK_ASSOCIATION_ALL);
	extension.association = 1;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_AMF | TASK_ASSOCIATION_ONLY);
	config.nes[0].n_records = 1;
	cr_assert_eq(build(), X1_ERR_ACTIVATE, "no records of an AMF here");
	config.nes[0].n_records = 2;
	extension.space = "urn:example";
	cr_assert_eq(build(), X1_ERR_ACTIVATE);
}

Test(x1_records, user_data_of_messages_is_left_out_where_it_is_asked_for)
{
	extension = (struct x1_task_extension){
		.space = NAMESPACE, .name = "X1Extensions", .sms = true, .truncate = true};
	details.n_extensions = 1;
	details.extensions = &extension;
	cr_assert_eq(build(), X1_ERR_ACTIVATE, "no records of an SMSF here");
	cr_assert_not_null(strstr(why.text, "TruncateTPUserData"));
	config.nes[0].records[1] = CONFIG_RECORDS_SMSF;
	config.events.functions[0].records[1] = CONFIG_RECORDS_SMSF;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_SMSF | TASK_TRUNCATE);
	extension.truncate = false;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_SMSF);
}

Test(x1_records, service_types_narrow_a_task)
{
	config.nes[0].records[1] = CONFIG_RECORDS_SMSF;
	config.events.functions[0].records[1] = CONFIG_RECORDS_SMSF;
	details.minor = 13;
	details.has_service_types = details.has_service_data = true;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMF, "no messages");
	details.has_service_messaging = true;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMF | RECORDS_SMSF);
	details.has_service_data = false;
	cr_assert_eq(build(), 0, "%s", why.text);
	cr_assert_eq(out.records, RECORDS_SMSF, "messages alone");
	details.delivery = X1_X2_AND_X3;
	config.dataplane.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	cr_assert_eq(build(), X1_ERR_SERVICE_TYPE, "there is no content of messages");
	details.delivery = X1_X2_ONLY;
	config.nes[0].records[1] = CONFIG_RECORDS_SMF;
	cr_assert_eq(build(), X1_ERR_SERVICE_TYPE, "no records of an SMSF here");
	details.has_service_messaging = false;
	cr_assert_eq(build(), X1_ERR_SERVICE_TYPE);
}
