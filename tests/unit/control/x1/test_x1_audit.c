// Lines of the audit log about X1 exchanges.
#include "tests/unit/control/x1/dispatch_world.h"

TestSuite(x1_audit, .init = setup, .fini = teardown, .timeout = 30);

// Lines of the audit log that hold both texts.
static unsigned audited(const char *first, const char *second)
{
	FILE *f = fopen(w.audit, "r");
	char line[8192];
	unsigned n = 0;

	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, first) && strstr(line, second);
	fclose(f);
	return n;
}

Test(x1_audit, a_refusal_names_the_object)
{
	expect(request_task(X1_ACTIVATE_TASK, 7),
		"begin\nActivateTask a0 2040 00000000-0000-4000-8000-000000000001\nend\n");
	cr_assert_eq(audited("\"code\":2040",
			     "\"note\":\"00000000-0000-4000-8000-000000000001\""),
		1);
}

Test(x1_audit, has_the_identifiers_that_were_claimed)
{
	struct x1_container *c = container(2);

	c->messages[0].admf_identifier = "other";
	c->messages[1].ne_identifier = "elsewhere";
	expect(submit(c), "begin\nPing a0 1030 \nPing a1 1060 \nend\n");
	cr_assert_eq(audited("\"code\":1030", "\"claims-admf\":\"unknown\""), 1);
	cr_assert_eq(audited("\"code\":1060", "\"claims-ne\":\"unknown\""), 1);
	cr_assert_eq(audited("\"code\":1060", "claims-admf"), 0);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert_eq(audited("\"code\":0", "claims"), 0);
}

Test(x1_audit, names_what_a_bulk_request_took_away)
{
	expect(request_destination(X1_CREATE_DESTINATION, 1),
		"begin\nCreateDestination a0 completed\nend\n");
	for (uint8_t n = 1; n <= 3; n++)
		expect(request_task(X1_ACTIVATE_TASK, n), "begin\nActivateTask a0 completed\nend\n");
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	for (uint8_t n = 1; n <= 3; n++) {
		char xid[ID_TEXT_SIZE];
		struct id16 i = id(n);
		id_format(&i, xid);
		cr_assert_eq(audited("\"act\":\"deactivated\"", xid), 1);
	}
	cr_assert_eq(audited("deactivated", "\"request\":\"DeactivateAllTasks\""), 3);
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 completed\nend\n");
	cr_assert_eq(audited("\"act\":\"removed\"", "00000000-0000-4000-8000-000000000001"), 1);
}

Test(x1_audit, names_what_a_bulk_request_took_away_without_a_dataplane)
{
	provision();
	fake_stop(&w.dataplane);
	run(50);
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	cr_assert_eq(audited("deactivated", "00000000-0000-4000-8000-000000000007"), 1);
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 completed\nend\n");
	cr_assert_eq(audited("\"act\":\"removed\"", "00000000-0000-4000-8000-000000000001"), 1);
	fake_start(&w.dataplane, w.c.base, w.folder);
}

Test(x1_audit, is_not_filled_by_a_certificate_that_is_not_responsible)
{
	certificate_of = "stranger";
	struct x1_container *c = container(250);
	for (uint32_t i = 0; i < 250; i++)
		c->messages[i].admf_identifier = "stranger";
	struct http_exchange *x = submit(c);
	for (unsigned i = 0; i < 300 && !x->responded; i++)
		run(10);
	cr_assert(x->responded);
	free(x);
	cr_assert_leq(audited("\"answered\"", "claims-admf"), 22);
	cr_assert_geq(audit_left_out(w.c.audit), 228);
}

// The audit log has the reason of a refusal, without a peer's words.
Test(x1_audit, the_reason_of_a_refusal_is_audited)
{
	static const struct x1_task_extension extension = {
		.owner = "secret-owner", .name = "secret-name"};
	struct x1_container *c = container(3);
	char text[8192] = "";

	provision();
	c->messages[0].type = c->messages[1].type = c->messages[2].type = X1_ACTIVATE_TASK;
	c->messages[0].schema_error = X1_ERR_SCHEMA;
	c->messages[0].why = "xId does not match the pattern of its type";
	c->messages[1].task = task(6);
	task_details[6].n_extensions = 1;
	task_details[6].extensions = &extension;
	c->messages[2].task = task(7);
	c->messages[2].admf_identifier = "somebody";
	struct http_exchange *x = submit(c);
	for (unsigned i = 0; i < 300 && !x->responded; i++)
		run(10);
	cr_assert(strstr(x->body, "secret-owner"), "the ADMF is told: %s", x->body);
	free(x);
	FILE *f = fopen(w.audit, "r");
	cr_assert_not_null(f);
	cr_assert_gt(fread(text, 1, sizeof(text) - 1, f), 0);
	fclose(f);
	cr_assert_not_null(strstr(text, "xId does not match the pattern of its type"));
	cr_assert_not_null(strstr(text, "taskDetailsExtensions: an extension is not supported"));
	cr_assert_not_null(strstr(text, "the certificate does not carry the message's admfIdent"));
	cr_assert_null(strstr(text, "secret"));
}
