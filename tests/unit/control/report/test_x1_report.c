// Reports to an ADMF: order, containers, rate, retries, peers that are not our ADMF.
#include "tests/unit/control/report/report_bed.h"

Test(x1_report, every_kind_is_answered)
{
	struct bed *b = bed_with("admf");
	static const enum issue_type types[] = {ISSUE_FAULT, ISSUE_TERMINATING, ISSUE_CLEAR,
		ISSUE_WARNING, ISSUE_DONE, ISSUE_NOT_DONE, ISSUE_IMPLICIT};
	static const char *const names[] = {"\"NonTerminatingFault\"", "\"TerminatingFault\"",
		"\"AllClear\"", "\"Warning\"", "\"FullyActionedAndSuccessful\"",
		"\"FullyActionedAndUnsuccessful\"", "\"ImplicitDeactivation\""};

	for (uint8_t t = 0; t < 7; t++) {
		report(b, ISSUE_TASK, types[t], t + 1, t);
		report(b, ISSUE_DESTINATION, types[t], t + 1, t + 10u);
	}
	report(b, ISSUE_NE, ISSUE_FAULT, 0, 20);
	report(b, ISSUE_NE, ISSUE_CLEAR, 0, 21);
	report(b, ISSUE_NE, ISSUE_WARNING, 0, 22);
	struct issue late = issue(ISSUE_NE, ISSUE_WARNING, 9, "of yesterday");
	late.time_ns = UINT64_C(1700000000) * 1000000000;
	cr_assert_eq(x1_report_issue(b->report, &late, 25), 0);
	cr_assert_eq(x1_report_ping(b->report, 23), 0);
	cr_assert_eq(x1_report_ping(b->report, 24), POI_ERR_EXISTS);
	cr_assert(run_until(b, 19, 5000) &&
		  recorded(b, "of yesterday", "(event at 2023-11-14T22:13:20Z)"));
	for (uint32_t n = 0; n < b->n; n++)
		cr_assert_eq(b->outcomes[n].result, X1_REPORT_OK);
	for (int t = 0; t < 7; t++) {
		cr_assert_eq(recorded(b, "\"ReportTaskIssue\"", names[t]), 1);
		cr_assert_eq(recorded(b, "\"ReportDestinationIssue\"", names[t]), 1);
	}
	cr_assert_eq(recorded(b, "\"ReportNEIssue\"", "\"FaultReport\""), 1);
	cr_assert_eq(recorded(b, "\"ReportNEIssue\"", "\"FaultCleared\""), 1);
	cr_assert_eq(recorded(b, "\"ReportNEIssue\"", "\"Warning\""), 2);
	cr_assert_eq(recorded(b, "\"Ping\"", "\"answer\": \"ok\""), 1);
	cr_assert_eq(recorded(b, "\"code\": 9040", "FullyActionedAndSuccessful"), 2);
	cr_assert_eq(recorded(b, "\"code\": 9030", "ImplicitDeactivation"), 0, "it is no fault");
	cr_assert(x1_report_counters(b->report)->reachable);
	cr_assert_eq(x1_report_counters(b->report)->failed, 0);
	cr_assert_eq(b->exchanged, 19);
	cr_assert_eq(b->unanswered + b->unsent, 0);
	check_balance(b);
	free_bed(b);
}

// The minor is read when a report is sent: here, first that of an ADMF that has not spoken yet.
Test(x1_report, the_form_follows_the_minor_of_the_admf)
{
	struct bed *b = new_bed();
	static const uint16_t minors[] = {0, 11, 12, 22};
	uint16_t minor = 0;
	uint32_t n = 0;

	b->options.minor = &minor;
	b->ne.x1.version = CONFIG_X1_V1_13_1;
	start_admf(b, "admf");
	open_bed(b);
	for (size_t m = 0; m < sizeof(minors) / sizeof(*minors); m++) {
		struct issue silent = issue(ISSUE_NE, ISSUE_FAULT, 0, "silent");

		minor = minors[m];
		silent.code = X1_STATUS_KEEPALIVES;
		cr_assert_eq(x1_report_issue(b->report, &silent, 100), 0);
		report(b, ISSUE_NE, ISSUE_FAULT, 0, 10 * m);
		report(b, ISSUE_NE, ISSUE_CLEAR, 0, 10 * m + 1);
		report(b, ISSUE_TASK, ISSUE_FAULT, 1, 10 * m + 2);
		n += 4;
		cr_assert(run_until(b, n, 5000));
	}
	cr_assert_eq(recorded(b, "\"FaultReport\"", "silent"), 2);
	cr_assert_eq(recorded(b, "\"Alert\"", "silent"), 2);
	cr_assert_eq(recorded(b, "\"code\": 9050", "silent"), 2);
	cr_assert_eq(recorded(b, "\"FaultReport\"", "number"), 4, "no Alert but of silence");
	cr_assert_eq(recorded(b, "\"ReportNEIssue\"", "\"code\": 9020"), 2);
	cr_assert_eq(recorded(b, "\"FaultCleared\"", "\"code\": 9000"), 2);
	cr_assert_eq(recorded(b, "\"ReportTaskIssue\"", "\"code\": 9020"), 4);
	cr_assert_eq(
		recorded(b, "\"version\": \"v1.8.1\"", ""), 12, "until the ADMF has that minor");
	cr_assert_eq(recorded(b, "\"version\": \"v1.13.1\"", ""), 4);
	free_bed(b);
}

Test(x1_report, a_completion_without_text_names_its_request)
{
	struct bed *b = bed_with("admf");
	struct issue i = issue(ISSUE_TASK, ISSUE_DONE, 1, "");

	i.transaction.b[0] = 0xab;
	cr_assert_eq(x1_report_issue(b->report, &i, 1), 0);
	cr_assert(run_until(b, 1, 30000));
	cr_assert_eq(
		recorded(b, "\"description\": \"ab000000-0000-0000-0000-000000000000\"", ""), 1);
	free_bed(b);
}

Test(x1_report, types_a_scope_does_not_have_are_refused)
{
	struct bed *b = new_bed();
	struct issue i = issue(ISSUE_NE, ISSUE_TERMINATING, 0, "");

	b->port = 1;
	open_bed(b);
	cr_assert_eq(x1_report_issue(b->report, &i, 1), POI_ERR_INVALID);
	i.scope = 9;
	cr_assert_eq(x1_report_issue(b->report, &i, 1), POI_ERR_INVALID);
	free_bed(b);
}

Test(x1_report, tasks_share_containers)
{
	struct bed *b = bed_with("admf");

	for (uint32_t n = 0; n < 250; n++)
		report(b, ISSUE_TASK, ISSUE_FAULT, (uint8_t)n, n);
	cr_assert(run_until(b, 250, 5000));
	cr_assert_eq(x1_report_counters(b->report)->requests, 3);
	cr_assert_eq(x1_report_counters(b->report)->sent, 250);
	cr_assert_eq(recorded(b, "\"of\": 100,", ""), 200);
	cr_assert_eq(recorded(b, "\"of\": 50,", ""), 50);
	check_balance(b);
	free_bed(b);
}

Test(x1_report, requests_are_limited_in_rate)
{
	struct bed *b = new_bed();

	b->options.rate = 5;
	b->options.container_max = 1;
	start_admf(b, "admf");
	open_bed(b);
	uint64_t start = milliseconds();
	for (uint8_t n = 0; n < 10; n++)
		report(b, ISSUE_TASK, ISSUE_FAULT, n, n);
	cr_assert(run_until(b, 10, 5000));
	// five at once, the others at five a second
	cr_assert_geq(milliseconds() - start, 900);
	cr_assert_eq(x1_report_counters(b->report)->requests, 10);
	free_bed(b);
}

Test(x1_report, one_subject_keeps_its_order)
{
	struct bed *b = bed_with("admf");
	char line[2000];
	unsigned next = 0;

	misbehave(b, "first-2-fail");
	for (uint32_t n = 0; n < 6; n++)
		report(b, ISSUE_TASK, n % 2 == 0 ? ISSUE_FAULT : ISSUE_CLEAR, 1, n);
	cr_assert(run_until(b, 6, 5000));
	for (uint32_t n = 0; n < 6; n++)
		cr_assert_eq(b->outcomes[n].token, n);
	FILE *f = fopen(b->log, "r");
	while (fgets(line, sizeof(line), f) != NULL) {
		char text[40];
		snprintf(text, sizeof(text), "number %u\"", next);
		if (strstr(line, "\"answer\": \"ok\"") != NULL) {
			cr_assert_not_null(strstr(line, text), "%s", line);
			next++;
		}
	}
	fclose(f);
	cr_assert_eq(next, 6);
	free_bed(b);
}

Test(x1_report, an_error_response_is_an_answer)
{
	struct bed *b = bed_with("admf");

	misbehave(b, "error:3000");
	report(b, ISSUE_TASK, ISSUE_FAULT, 1, 1);
	report(b, ISSUE_NE, ISSUE_FAULT, 0, 2);
	cr_assert(run_until(b, 2, 5000));
	run_until(b, 3, 200);
	cr_assert_eq(b->n, 2);
	cr_assert_eq(b->outcomes[0].result, X1_REPORT_ERROR);
	cr_assert_eq(b->outcomes[0].error_code, 3000);
	cr_assert_eq(b->exchanged_code, 3000);
	cr_assert_eq(x1_report_counters(b->report)->sent, 2);
	cr_assert_eq(x1_report_counters(b->report)->errors, 2);
	check_balance(b);
	free_bed(b);
}

// Each of these is no answer: the report comes again, and is answered once the ADMF behaves.
static void survives(const char *how)
{
	struct bed *b = bed_with("admf");

	misbehave(b, how);
	report(b, ISSUE_TASK, ISSUE_FAULT, 1, 1);
	report(b, ISSUE_TASK, ISSUE_FAULT, 2, 2);
	report(b, ISSUE_NE, ISSUE_FAULT, 0, 3);
	cr_assert(run_until_failed(b, 2));
	cr_assert(!x1_report_counters(b->report)->reachable);
	cr_assert_geq(b->unanswered, 2, "what left and was not answered is named");
	cr_assert_eq(b->unsent, 0);
	misbehave(b, NULL);
	cr_assert(run_until(b, 3, 30000));
	cr_assert_eq(b->exchanged, 3);
	for (uint32_t n = 0; n < 3; n++)
		cr_assert_eq(b->outcomes[n].result, X1_REPORT_OK);
	cr_assert(x1_report_counters(b->report)->reachable);
	check_balance(b);
	free_bed(b);
}

Test(x1_report, survives_http_errors)
{
	survives("http500");
}

Test(x1_report, survives_top_level_errors)
{
	survives("top-level");
}

Test(x1_report, survives_closed_connections)
{
	survives("close");
}

Test(x1_report, disregards_answers_to_others)
{
	survives("wrong-ne");
}

Test(x1_report, waits_time2_and_no_longer)
{
	survives("hang");
}

Test(x1_report, what_is_under_way_at_the_end_is_named)
{
	struct bed *b = bed_with("admf");

	misbehave(b, "hang");
	report(b, ISSUE_TASK, ISSUE_FAULT, 1, 1);
	report(b, ISSUE_TASK, ISSUE_FAULT, 2, 2);
	cr_assert(!run_until(b, 1, 500));
	x1_report_free(b->report);
	b->report = NULL;
	cr_assert_eq(b->unanswered, 2);
	free_bed(b);
}

Test(x1_report, patience_ends_with_time2_only)
{
	struct bed *b = bed_with("admf");

	misbehave(b, "slow:1.2");
	report(b, ISSUE_TASK, ISSUE_FAULT, 1, 1);
	cr_assert(run_until(b, 1, 3000));
	cr_assert_eq(x1_report_counters(b->report)->failed, 0);
	free_bed(b);
}

Test(x1_report, survives_an_outage_with_all_it_holds)
{
	struct bed *b = bed_with("admf");

	report(b, ISSUE_TASK, ISSUE_FAULT, 1, 0);
	cr_assert(run_until(b, 1, 30000));
	stop_admf(b);
	for (uint32_t n = 1; n < 300; n++)
		report(b, n % 3 == 0 ? ISSUE_DESTINATION : ISSUE_TASK, ISSUE_FAULT, (uint8_t)n, n);
	cr_assert(!run_until(b, 2, 600));
	// while the ADMF is away one request at a time looks for it
	cr_assert_leq(x1_report_counters(b->report)->requests, 20);
	cr_assert_eq(x1_report_counters(b->report)->waiting, 299);
	start_admf(b, "admf");
	cr_assert(run_until(b, 300, 8000));
	check_balance(b);
	free_bed(b);
}

Test(x1_report, one_bad_message_does_not_hold_up_the_others)
{
	struct bed *b = bed_with("admf");

	misbehave(b, "poison:17171717");
	for (uint8_t n = 0; n < 40; n++)
		report(b, ISSUE_TASK, ISSUE_FAULT, n, n);
	struct issue bad = issue(ISSUE_TASK, ISSUE_FAULT, 200, "17171717");
	cr_assert_eq(x1_report_issue(b->report, &bad, 99), 0);
	cr_assert(run_until(b, 40, 8000));
	for (uint32_t n = 0; n < 40; n++)
		cr_assert_neq(b->outcomes[n].token, 99);
	// taken apart after the one request that all were in
	cr_assert_eq(recorded(b, "http500", "number "), 40);
	misbehave(b, NULL);
	cr_assert(run_until(b, 41, 5000));
	cr_assert_eq(b->outcomes[40].token, 99);
	free_bed(b);
}

// None of these may learn anything.
static void denies(const char *identity, bool counted)
{
	struct bed *b = bed_with(identity);

	report(b, ISSUE_TASK, ISSUE_FAULT, 1, 1);
	cr_assert(run_until_failed(b, 2));
	if (counted)
		cr_assert_geq(x1_report_counters(b->report)->denied, 2);
	cr_assert_geq(b->unsent, 2);
	cr_assert_eq(b->unanswered, 0, "nothing left");
	cr_assert_eq(recorded(b, "", ""), 0);
	// the same ADMF with the right certificate
	stop_admf(b);
	start_admf(b, "admf");
	cr_assert(run_until(b, 1, 30000));
	free_bed(b);
}

Test(x1_report, another_identifier_is_denied)
{
	denies("wrong-uid-admf", true);
}

Test(x1_report, no_identifier_is_denied)
{
	denies("no-uid-admf", true);
}

Test(x1_report, two_identifiers_are_denied)
{
	denies("two-uid-admf", false);
}

Test(x1_report, a_network_element_is_no_admf)
{
	denies("ne", true);
}

Test(x1_report, another_authority_is_denied)
{
	denies("other-admf", false);
}

Test(x1_report, an_expired_certificate_is_denied)
{
	denies("expired-admf", false);
}

Test(x1_report, a_revoked_certificate_is_denied)
{
	denies("revoked-admf", false);
}

Test(x1_report, unusable_settings_are_named)
{
	struct bed *b = new_bed();
	char why[300] = "";

	strcpy(b->url, "http://127.0.0.1/X1/ADMF");
	cr_assert_null(x1_report_new(&b->options, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "https"));
	strcpy(b->url, "https://127.0.0.1/X1/ADMF");
	strcat(b->ca, ".absent");
	cr_assert_null(x1_report_new(&b->options, why, sizeof(why)));
	cr_assert_not_null(strstr(why, ".absent"), "%s", why);
	free_bed(b);
}

Test(x1_report, a_full_queue_tells_what_it_gave_up)
{
	struct bed *b = new_bed();
	struct issue i;

	b->port = 1; // no listener there
	b->options.queue_max = 3;
	open_bed(b);
	report(b, ISSUE_TASK, ISSUE_WARNING, 1, 1);
	report(b, ISSUE_TASK, ISSUE_FAULT, 2, 2);
	report(b, ISSUE_TASK, ISSUE_FAULT, 3, 3);
	report(b, ISSUE_TASK, ISSUE_FAULT, 4, 4);
	cr_assert(run_until(b, 1, 1000));
	cr_assert_eq(b->outcomes[0].token, 1);
	cr_assert_eq(b->outcomes[0].result, X1_REPORT_DROPPED);
	i = issue(ISSUE_TASK, ISSUE_FAULT, 5, "");
	cr_assert_eq(x1_report_issue(b->report, &i, 5), POI_ERR_LIMIT);
	cr_assert_eq(x1_report_counters(b->report)->dropped, 1);
	cr_assert_eq(x1_report_counters(b->report)->refused, 1);
	check_balance(b);
	free_bed(b);
}

// Built with another TLS library libcurl would refuse every connection, and no report would leave.
Test(x1_client, only_openssl_is_used)
{
	cr_assert(x1_client_tls_usable(curl_version_info(CURLVERSION_NOW)->ssl_version));
	cr_assert_not(x1_client_tls_usable("GnuTLS/3.7.9"));
	cr_assert_not(x1_client_tls_usable("NSS/3.87.1"));
	cr_assert_not(x1_client_tls_usable(NULL));
}
