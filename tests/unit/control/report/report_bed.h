#pragma once

// Reports against a real ADMF: the lab's, in a process of its own, over TLS. For one test program
// each.

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
	uint32_t exchanged, unanswered, unsent; // messages
	int exchanged_code;			// of the last one answered
	char exchanged_request[64];
};

static inline const char *pki(void)
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

static inline uint64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// The lab's ADMF with a certificate of the folder, on `b->port` or, when 0, on any.
static inline void start_admf(struct bed *b, const char *identity)
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

static inline void stop_admf(struct bed *b)
{
	if (b->admf > 0) {
		kill(b->admf, SIGKILL);
		waitpid(b->admf, NULL, 0);
		b->admf = 0;
	}
}

static inline void misbehave(struct bed *b, const char *how)
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

static inline void done(void *context, const struct x1_report_outcome *outcome)
{
	struct bed *b = context;

	cr_assert_lt(b->n, OUTCOMES_MAX);
	b->outcomes[b->n].token = outcome->token;
	b->outcomes[b->n].result = outcome->result;
	b->outcomes[b->n++].error_code = outcome->error_code;
}

static inline void exchanged(void *context, const struct x1_report_exchange *e)
{
	static const struct id16 zero;
	struct bed *b = context;

	if (!e->request) {
		cr_assert(!e->answered && id_equal(&e->transaction, &zero));
		b->unsent += e->n;
		return;
	}
	cr_assert_eq(e->n, 1);
	cr_assert(!id_equal(&e->transaction, &zero));
	snprintf(b->exchanged_request, sizeof(b->exchanged_request), "%s", e->request);
	if (e->answered) {
		b->exchanged++;
		b->exchanged_code = e->error_code;
	} else {
		cr_assert_not_null(e->why);
		b->unanswered++;
	}
}

static inline void open_bed(struct bed *b)
{
	char why[300];

	snprintf(b->url, sizeof(b->url), "https://127.0.0.1:%u/X1/ADMF", b->port);
	b->report = x1_report_new(&b->options, why, sizeof(why));
	cr_assert_not_null(b->report, "%s", why);
}

static inline struct bed *new_bed(void)
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
		.exchanged = exchanged,
		.context = b,
		.rate = 100,
		.backoff_ms = 20,
		.backoff_max_ms = 100};
	return b;
}

static inline struct bed *bed_with(const char *identity)
{
	struct bed *b = new_bed();

	start_admf(b, identity);
	open_bed(b);
	return b;
}

static inline void free_bed(struct bed *b)
{
	x1_report_free(b->report);
	x1_decoder_free(b->decoder);
	event_base_free(b->base);
	stop_admf(b);
	unlink(b->log);
	unlink(b->misbehave);
	free(b);
}

static inline void tick(evutil_socket_t fd, short what, void *context)
{
}

// Runs the loop until `n` outcomes are there, or for `ms`. Returns whether they are.
static inline bool run_until(struct bed *b, uint32_t n, uint64_t ms)
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
static inline bool run_until_failed(struct bed *b, uint64_t failed)
{
	uint64_t end = milliseconds() + 20000;

	while (x1_report_counters(b->report)->failed < failed && milliseconds() < end)
		if (run_until(b, 1, 50))
			return false;
	return x1_report_counters(b->report)->failed >= failed;
}

static inline struct issue issue(
	enum issue_scope scope, enum issue_type type, uint8_t id, const char *text)
{
	struct issue i = {.scope = (uint8_t)scope, .type = (uint8_t)type, .id = {.b = {id, id}}};

	i.id.b[6] = 0x40;
	i.id.b[8] = 0x80;
	snprintf(i.text, sizeof(i.text), "%s", text);
	return i;
}

static inline void report(
	struct bed *b, enum issue_scope scope, enum issue_type type, uint8_t id, uint64_t token)
{
	struct issue i = issue(scope, type, id, "");

	snprintf(i.text, sizeof(i.text), "number %lu", token);
	cr_assert_eq(x1_report_issue(b->report, &i, token), 0);
}

// Lines of the ADMF's record that hold both texts.
static inline unsigned recorded(const struct bed *b, const char *first, const char *second)
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

static inline void check_balance(const struct bed *b)
{
	const struct x1_report_counters *c = x1_report_counters(b->report);

	cr_assert_eq(c->queued, c->answered + c->errors + c->dropped + c->coalesced + c->waiting);
}
