// Service types of a task: by the requester's minor, and by the role of the network element.
#include <criterion/criterion.h>

#include <string.h>

#include "control/x1/x1_task.h"

const char *x1_target_name(enum x1_target_kind k)
{
	return "ipv4Address";
}

Test(x1_services, data_is_accepted_from_later_minors_at_a_plain_element)
{
	static const struct {
		unsigned minor;
		bool data;
		uint8_t role;
		int code;
	} cases[] = {
		{8, false, CONFIG_ROLE_POI, X1_ERR_ACTIVATE},
		{8, true, CONFIG_ROLE_POI, X1_ERR_ACTIVATE},
		{9, false, CONFIG_ROLE_POI, X1_ERR_SERVICE_TYPE},
		{9, true, CONFIG_ROLE_POI, 0},
		{22, true, CONFIG_ROLE_POI, 0},
		{22, true, CONFIG_ROLE_TRIGGERED, X1_ERR_ACTIVATE},
	};
	static struct config config;
	static struct x1_task_room room;
	struct x1_target target = {
		.kind = X1_TARGET_IPV4_ADDRESS, .text = "192.0.2.10", .xml = "<a/>"};
	struct channel_destination c = {.did = {{1}}, .delivery = DELIVERY_X3, .port = 1};
	struct registry *r = registry_new(1, &(const char *){"ne-1"});
	struct registry_destination *d = registry_destination_new(0, &c, "", 0);
	struct x1_task_details details = {.xid = {{7}},
		.n_targets = 1,
		.targets = &target,
		.delivery = X1_X3_ONLY,
		.n_dids = 1,
		.dids = &c.did,
		.has_correlation = true,
		.has_product = true,
		.has_service_types = true};
	struct channel_task out;
	struct x1_refusal why;

	config.n_nes = config.dataplane.n_ports = 1;
	cr_assert_eq(registry_destination_add(r, d), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		details.minor = cases[i].minor;
		details.has_service_data = cases[i].data;
		config.nes[0].role = cases[i].role;
		memset(&why, 0, sizeof(why));
		int rc = x1_task_build(&config, r, 0, &details, NULL, &out, &room, &why);
		cr_assert_eq(rc ? why.code : 0, cases[i].code, "case %zu: %s", i, why.text);
	}
	registry_free(r);
}
