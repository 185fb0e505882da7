// Against a real ADMF: the lab's, in a process of its own, over TLS.

#include "control/report/x1_client.h"
#include "control/report/x1_report.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#define OUTCOMES_MAX 1000

struct bed {
	struct event_base *base;
	struct x1_decoder *decoder;
	struct x1_report *report;
	struct config_ne ne;
	struct x1_report_options options;
	char url[64], certificate[128], key[128], ca[128], crl[128];
	char log[128], misbehave[128];
	pid_t admf;
	unsigned port;
	uint32_t n;
	struct {
		uint64_t token;
		enum x1_report_result result;
		int error_code;
	} outcomes[OUTCOMES_MAX];
};

static const char *pki(void)
{
	return getenv("POI_TEST_PKI");
}

// Certificates once, before the tests are forked.
ReportHook(PRE_ALL)(struct criterion_test_set *set)
{
	char folder[] = "/tmp/poi-report-XXXXXX", command[600];

	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(folder) == NULL)
		exit(1);
	snprintf(command, sizeof(command),
		"PYTHONPATH=%s/tests/lab /usr/bin/python3 -B -c \"from poi_lab.pki import Pki; "
		"Pki('%s').make()\" >/dev/null",
		SOURCE_ROOT, folder);
	if (system(command) != 0)
		exit(1);
	setenv("POI_TEST_PKI", folder, 1);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf '%s'", pki());
	if (system(command) != 0)
		fprintf(stderr, "%s stays behind\n", pki());
}

static uint64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// The lab's ADMF with a certificate of the folder, on `b->port` or, when 0, on any.
static void start_admf(struct bed *b, const char *identity)
{
	int out[2];
	char listen[32], line[200] = "";
	size_t n = 0;

	snprintf(listen, sizeof(listen), "127.0.0.1:%u", b->port);
	cr_assert_eq(pipe(out), 0);
	b->admf = fork();
	cr_assert_geq(b->admf, 0);
	if (b->admf == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves nothing behind
		dup2(out[1], 2);
		close(out[0]);
		close(out[1]);
		setenv("PYTHONPATH", SOURCE_ROOT "/tests/lab", 1);
		execl("/usr/bin/python3", "python3", "-B", "-m", "poi_lab.admf_server", "--pki",
			pki(), "--identity", identity, "--listen", listen, "--out", b->log,
			"--misbehave-file", b->misbehave, NULL);
		_exit(127);
	}
	close(out[1]);
	while (n + 1 < sizeof(line) && strchr(line, '\n') == NULL && read(out[0], line + n, 1) == 1)
		line[++n] = '\0';
	cr_assert_eq(sscanf(line, "listening on 127.0.0.1:%u", &b->port), 1, "%s", line);
	// its end of the pipe stays open: it may write to it later
	cr_assert_geq(fcntl(out[0], F_SETFD, FD_CLOEXEC), 0);
}

static void stop_admf(struct bed *b)
{
	if (b->admf > 0) {
		kill(b->admf, SIGKILL);
		waitpid(b->admf, NULL, 0);
		b->admf = 0;
	}
}

static void misbehave(struct bed *b, const char *how)
{
	FILE *f = how != NULL ? fopen(b->misbehave, "w") : NULL;

	if (how == NULL) {
		unlink(b->misbehave);
		return;
	}
	cr_assert_not_null(f);
	fputs(how, f);
	fclose(f);
}

static void done(void *context, const struct x1_report_outcome *outcome)
{
	struct bed *b = context;

	cr_assert_lt(b->n, OUTCOMES_MAX);
	b->outcomes[b->n].token = outcome->token;
	b->outcomes[b->n].result = outcome->result;
	b->outcomes[b->n++].error_code = outcome->error_code;
}

static void open_bed(struct bed *b)
{
	char why[300];

	snprintf(b->url, sizeof(b->url), "https://127.0.0.1:%u/X1/ADMF", b->port);
	b->report = x1_report_new(&b->options, why, sizeof(why));
	cr_assert_not_null(b->report, "%s", why);
}

static struct bed *new_bed(void)
{
	struct bed *b = calloc(1, sizeof(*b));

	cr_assert_not_null(b);
	snprintf(b->certificate, sizeof(b->certificate), "%s/ne.pem", pki());
	snprintf(b->key, sizeof(b->key), "%s/ne.key", pki());
	snprintf(b->ca, sizeof(b->ca), "%s/ca.pem", pki());
	snprintf(b->crl, sizeof(b->crl), "%s/crl.pem", pki());
	snprintf(b->log, sizeof(b->log), "%s/log.%d", pki(), getpid());
	snprintf(b->misbehave, sizeof(b->misbehave), "%s/misbehave.%d", pki(), getpid());
	b->base = event_base_new();
	b->decoder = x1_decoder_new(64, 10000, true);
	cr_assert(b->base != NULL && b->decoder != NULL);
	b->ne = (struct config_ne){.ne_identifier = (char *)"poi-01",
		.admf_identifier = (char *)"admf-01",
		.admf_url = b->url,
		.tls = {.certificate = b->certificate, .key = b->key, .ca = b->ca, .crl = b->crl},
		.x1 = {.time1 = 1, .time2 = 2}};
	b->options = (struct x1_report_options){.base = b->base,
		.decoder = b->decoder,
		.ne = &b->ne,
		.done = done,
		.context = b,
		.rate = 100,
		.backoff_ms = 20,
		.backoff_max_ms = 100};
	return b;
}

static struct bed *bed_with(const char *identity)
{
	struct bed *b = new_bed();

	start_admf(b, identity);
	open_bed(b);
	return b;
}

static void free_bed(struct bed *b)
{
	x1_report_free(b->report);
	x1_decoder_free(b->decoder);
	event_base_free(b->base);
	stop_admf(b);
	unlink(b->log);
	unlink(b->misbehave);
	free(b);
}

static void tick(evutil_socket_t fd, short what, void *context)
{
}

// Runs the loop until `n` outcomes are there, or for `ms`. Returns whether they are.
static bool run_until(struct bed *b, uint32_t n, uint64_t ms)
{
	struct timeval period = {.tv_usec = 10000};
	struct event *timer = event_new(b->base, -1, EV_PERSIST, tick, NULL);
	uint64_t end = milliseconds() + ms;

	event_add(timer, &period);
	while (b->n < n && milliseconds() < end)
		event_base_loop(b->base, EVLOOP_ONCE);
	event_free(timer);
	return b->n >= n;
}

// Until `failed` attempts have failed, however slow the machine; nothing may be answered meanwhile.
static bool run_until_failed(struct bed *b, uint64_t failed)
{
	uint64_t end = milliseconds() + 20000;

	while (x1_report_counters(b->report)->failed < failed && milliseconds() < end)
		if (run_until(b, 1, 50))
			return false;
	return x1_report_counters(b->report)->failed >= failed;
}

static struct issue issue(
	enum issue_scope scope, enum issue_type type, uint8_t id, const char *text)
{
	struct issue i = {.scope = (uint8_t)scope, .type = (uint8_t)type, .id = {.b = {id, id}}};

	i.id.b[6] = 0x40;
	i.id.b[8] = 0x80;
	snprintf(i.text, sizeof(i.text), "%s", text);
	return i;
}

static void report(
	struct bed *b, enum issue_scope scope, enum issue_type type, uint8_t id, uint64_t token)
{
	struct issue i = issue(scope, type, id, "");

	snprintf(i.text, sizeof(i.text), "number %lu", token);
	cr_assert_eq(x1_report_issue(b->report, &i, token), 0);
}

// Lines of the ADMF's record that hold both texts.
static unsigned recorded(const struct bed *b, const char *first, const char *second)
{
	FILE *f = fopen(b->log, "r");
	char line[2000];
	unsigned n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, first) != NULL && strstr(line, second) != NULL;
	if (f != NULL)
		fclose(f);
	return n;
}

static void check_balance(const struct bed *b)
{
	const struct x1_report_counters *c = x1_report_counters(b->report);

	cr_assert_eq(c->queued, c->answered + c->errors + c->dropped + c->coalesced + c->waiting);
}

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
	cr_assert(run_until(b, 19, 5000) && recorded(b, "of yesterday", "(event at 2023-11-14T22:13:20Z)"));
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
	cr_assert(x1_report_counters(b->report)->reachable);
	cr_assert_eq(x1_report_counters(b->report)->failed, 0);
	check_balance(b);
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
	misbehave(b, NULL);
	cr_assert(run_until(b, 3, 30000));
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

	b->port = 1; // nobody there
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
