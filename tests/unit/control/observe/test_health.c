// Warnings and faults that come by the clock, and the end of tasks by the fail-safe.
#include <criterion/criterion.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "control/state/dataplane_events.h"
#include "control/observe/health.h"
#include "shared/tls.h"
#include "tests/unit/control/state/fake_dataplane.h"

// A stand-in: the days that a certificate has left.

static int days_left = 400;

int tls_certificate_days_left(const char *file)
{
	return days_left;
}

// Another one: how full every file system is.

static unsigned percent_left = 50;

int statvfs(const char *restrict path, struct statvfs *restrict s)
{
	*s = (struct statvfs){.f_blocks = 1000, .f_bavail = percent_left * 10};
	return 0;
}

static struct control c;
static struct config config;
static struct health *watch;
static struct fake_dataplane dataplane;
static char folder[64], audit[128];

static void run(unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_base_loopexit(c.base, &tv);
	event_base_dispatch(c.base);
}

static void run_until_ready(void)
{
	for (unsigned i = 0; i < 300 && publish_state(c.publish) != PUBLISH_READY; i++)
		run(10);
	cr_assert_eq(publish_state(c.publish), PUBLISH_READY);
}

static void setup(void)
{
	static const char *const names[] = {"ne-1", "ne-2"};

	strcpy(folder, "/tmp/test_watch.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(audit, sizeof(audit), "%s/audit.jsonl", folder);
	config.runtime_dir = folder;
	config.n_nes = 2;
	config.limits.tasks = 10;
	config.limits.destinations = 10;
	for (unsigned i = 0; i < 2; i++) {
		config.nes[i].ne_identifier = (char *)(i ? "ne-2" : "ne-1");
		config.nes[i].tls.certificate = (char *)"ne.pem";
		config.nes[i].admf_url = (char *)"https://admf/";
		config.nes[i].x1.keepalive.enabled = true;
		config.nes[i].x1.keepalive.time_p2 = 3600;
	}
	c = (struct control){.config = &config, .base = event_base_new()};
	c.registry = registry_new(2, names);
	c.issues = issues_new(64);
	c.audit = audit_open(audit, NULL);
	c.publish = publish_new(c.base, &config, c.registry, dataplane_hooks(), &c);
	watch = health_new(&c);
	cr_assert_not_null(watch);
}

static void teardown(void)
{
	char command[128];

	health_free(watch);
	publish_free(c.publish);
	if (dataplane.base)
		fake_stop(&dataplane);
	audit_close(c.audit);
	issues_free(c.issues);
	registry_free(c.registry);
	event_base_free(c.base);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
}

// Issues of this type and text for `ne`; all others that wait are thrown away.
static unsigned told(uint16_t ne, enum issue_type type, const char *part)
{
	unsigned n = 0;
	struct issue i;

	while (issues_take(c.issues, &i))
		n += i.ne == ne && i.type == type && strstr(i.text, part) != NULL;
	return n;
}

static void add_destinations(unsigned n)
{
	while (registry_destination_count(c.registry, 0) < n) {
		struct channel_destination d = {.port = 1, .host = "mdf"};
		d.did.b[15] = (uint8_t)registry_destination_count(c.registry, 0);
		cr_assert_eq(registry_destination_add(
				     c.registry, registry_destination_new(0, &d, "<d/>", 4)),
			0);
	}
}

static void add_task(uint8_t n)
{
	struct channel_task t = {.delivery = DELIVERY_X3};

	t.xid.b[15] = n;
	t.filter.kinds = FILTER_ADDRESS;
	t.filter.n_address = 1;
	t.filter.address[0] = (struct ip_prefix){.family = 4, .length = 32, .b = {10, 0, 0, n}};
	struct registry_task *task = registry_task_new(0, &t, "<t/>", 4);
	task->state = TASK_COMPLETE;
	cr_assert_eq(registry_task_add(c.registry, task), 0);
}

TestSuite(health, .init = setup, .fini = teardown, .timeout = 30);

// An authority that ends in so many seconds, and its list, issued `age` seconds ago.
static void write_trust(const char *ca, long ca_left, const char *crl, long age, long crl_left)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	FILE *f;

	X509_gmtime_adj(X509_getm_notBefore(x), -400L * 86400);
	X509_gmtime_adj(X509_getm_notAfter(x), ca_left);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"ca", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	cr_assert(X509_sign(x, key, EVP_sha256()));
	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(x));
	X509_gmtime_adj(t, -age);
	X509_CRL_set1_lastUpdate(list, t);
	X509_gmtime_adj(t, crl_left);
	X509_CRL_set1_nextUpdate(list, t);
	cr_assert(X509_CRL_sign(list, key, EVP_sha256()));
	f = fopen(ca, "w");
	cr_assert(PEM_write_X509(f, x));
	fclose(f);
	f = fopen(crl, "w");
	cr_assert(PEM_write_X509_CRL(f, list));
	fclose(f);
	ASN1_TIME_free(t);
	X509_CRL_free(list);
	X509_free(x);
	EVP_PKEY_free(key);
}

Test(health, authorities_and_revocation_lists_are_watched)
{
	static const long day = 86400;
	static const struct {
		long ca_left, age, crl_left;
		bool reload;
		const char *warning, *fault;
	} steps[] = {
		{400 * day, day, 29 * day, true, NULL, NULL},
		{29 * day, day, 29 * day, true, "an authority of X1 expires in", NULL},
		{28 * day, 25 * day, 5 * day, true, "revocation list of X1 runs out in", NULL},
		{28 * day, 26 * day, 4 * day, true, NULL, NULL},
		{400 * day, 30 * day, -60, true, NULL, "revocation list that has run out"},
		{400 * day, 60, 30 * day, false, NULL, "the files are newer: reload"},
		{400 * day, 60, 30 * day, true, NULL, NULL},
		{-60, 60, 30 * day, true, NULL, "authority that has expired"},
		{400 * day, 60, 30 * day, true, NULL, NULL},
	};
	static char ca[128], crl[128]; // the configuration names them
	struct fault **faults = registry_ne_faults(c.registry, 0);
	uint64_t now = 1000;

	snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
	snprintf(crl, sizeof(crl), "%s/crl.pem", folder);
	config.nes[0].tls.ca = ca;
	config.nes[0].tls.crl = crl;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		write_trust(ca, steps[i].ca_left, crl, steps[i].age, steps[i].crl_left);
		if (steps[i].reload)
			health_reloaded(watch);
		while (issues_waiting(c.issues))
			told(0, ISSUE_WARNING, "");
		health_tick(watch, now += 60);
		cr_assert_eq(
			fault_has(*faults, FAULT_CERTIFICATE), steps[i].fault != NULL, "%zu", i);
		const struct fault *f = *faults;
		while (f && f->kind != FAULT_CERTIFICATE)
			f = f->next;
		if (steps[i].fault)
			cr_assert_not_null(strstr(f->text, steps[i].fault), "%zu: %s", i, f->text);
		else
			cr_assert_eq(
				told(0, ISSUE_WARNING, steps[i].warning ? steps[i].warning : "X1"),
				steps[i].warning ? 1 : 0, "%zu", i);
	}
}

Test(health, storage_that_is_nearly_full_is_warned_of_once)
{
	static const struct {
		unsigned left, warned;
	} steps[] = {{50, 0}, {5, 0}, {4, 1}, {3, 0}, {6, 0}, {4, 0}, {9, 0}, {4, 1}};
	uint64_t now = 1000;

	config.audit.file = audit;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		percent_left = steps[i].left;
		health_tick(watch, now += 60);
		cr_assert_eq(
			told(1, ISSUE_WARNING, "storage nearly full"), steps[i].warned, "%zu", i);
	}
}

Test(health, certificates_are_warned_of_once_each)
{
	static const struct {
		int days;
		unsigned warned;
	} steps[] = {{400, 0}, {31, 0}, {30, 1}, {29, 0}, {14, 1}, {13, 0}, {7, 1}, {2, 0}, {1, 1},
		{0, 0}, {400, 0}, {7, 1}, {7, 0}};
	uint64_t now = 1000;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		days_left = steps[i].days;
		health_reloaded(watch);
		health_tick(watch, now);
		cr_assert_eq(told(0, ISSUE_WARNING, "certificate of X1"), steps[i].warned,
			"step %zu", i);
		cr_assert_eq(fault_count(*registry_ne_faults(c.registry, 0)), 0);
	}
}

Test(health, the_certificate_of_delivery_concerns_all)
{
	config.delivery.tls.certificate = (char *)"delivery.pem";
	days_left = 10;
	health_tick(watch, 1000);
	cr_assert_eq(told(1, ISSUE_WARNING, "certificate of delivery"), 1);
}

Test(health, an_expired_certificate_is_a_fault)
{
	days_left = -1;
	health_tick(watch, 1000);
	cr_assert(fault_has(*registry_ne_faults(c.registry, 1), FAULT_CERTIFICATE));
	cr_assert_eq(told(1, ISSUE_FAULT, "has expired"), 1);
	days_left = 300;
	health_tick(watch, 1001);
	cr_assert(fault_has(*registry_ne_faults(c.registry, 1), FAULT_CERTIFICATE), "hourly");
	health_tick(watch, 1000 + 3600);
	cr_assert(!fault_has(*registry_ne_faults(c.registry, 1), FAULT_CERTIFICATE));
	cr_assert_eq(told(1, ISSUE_CLEAR, "certificates"), 1);
	days_left = INT_MIN;
	health_tick(watch, 1000 + 7200);
	cr_assert_eq(told(1, ISSUE_FAULT, "cannot be read"), 1);
}

Test(health, limits_at_ninety_percent)
{
	add_destinations(8);
	health_tick(watch, 1000);
	cr_assert_eq(told(0, ISSUE_WARNING, "nearly"), 0);
	add_destinations(9);
	health_tick(watch, 1001);
	health_tick(watch, 1002);
	cr_assert_eq(told(0, ISSUE_WARNING, "9 of 10 destinations"), 1);
	while (registry_destination_count(c.registry, 0) > 7)
		registry_destination_remove(c.registry, registry_destination_first(c.registry, 0));
	health_tick(watch, 1003);
	for (uint8_t n = 0; n < 9; n++)
		add_task(n);
	health_tick(watch, 1004);
	cr_assert_eq(told(0, ISSUE_WARNING, "9 of 10 tasks"), 1);
	cr_assert_eq(fault_count(*registry_ne_faults(c.registry, 0)), 0, "warnings are not listed");
}

Test(health, unsynchronised_clock)
{
	struct channel_event e = {
		.kind = EVENT_CLOCK_UNSURE, .text = "the clock is not synchronised"};

	fake_start(&dataplane, c.base, folder);
	run_until_ready();
	for (unsigned i = 0; i < 3; i++) // a dataplane that is reached again reports it again
		fake_event(&dataplane, &e);
	run(50);
	cr_assert_eq(told(0, ISSUE_WARNING, "not synchronised"), 1);
	cr_assert(fault_has(*registry_ne_faults(c.registry, 0), FAULT_DATABASE));
	cr_assert_eq(fault_count(*registry_ne_faults(c.registry, 0)), 1, "warnings are not listed");
	e = (struct channel_event){
		.kind = EVENT_CLOCK_SURE, .text = "the clock is synchronised again"};
	fake_event(&dataplane, &e);
	run(50);
	cr_assert_eq(told(0, ISSUE_WARNING, "synchronised again"), 1);
}

Test(health, audit_trouble_is_a_fault_until_it_is_over)
{
	struct rlimit limit = {0, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_neq(audit_write(c.audit, &(struct audit_record){.act = "x"}), 0);
	health_tick(watch, 1000);
	cr_assert(fault_has(*registry_ne_faults(c.registry, 0), FAULT_AUDIT));
	cr_assert_eq(told(0, ISSUE_FAULT, "audit"), 1);
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	health_tick(watch, 1001);
	cr_assert(!fault_has(*registry_ne_faults(c.registry, 0), FAULT_AUDIT));
	cr_assert_eq(told(0, ISSUE_CLEAR, "audit"), 1);
}

Test(health, a_dataplane_that_never_comes)
{
	health_tick(watch, 1000);
	health_tick(watch, 1009);
	cr_assert(!fault_has(*registry_ne_faults(c.registry, 0), FAULT_DATAPLANE_LOST));
	health_tick(watch, 1010);
	cr_assert_eq(told(0, ISSUE_FAULT, "not reached since the start"), 1);
	fake_start(&dataplane, c.base, folder);
	run_until_ready();
	cr_assert(!fault_has(*registry_ne_faults(c.registry, 0), FAULT_DATAPLANE_LOST));
	cr_assert_eq(told(0, ISSUE_CLEAR, "was reached at"), 1);
}

Test(health, an_outage_is_reported_with_its_start_and_end)
{
	fake_start(&dataplane, c.base, folder);
	run_until_ready();
	told(0, ISSUE_FAULT, "");
	fake_stop(&dataplane);
	run(100);
	cr_assert_eq(told(0, ISSUE_FAULT, "does not answer since 20"), 1);
	fake_start(&dataplane, c.base, folder);
	run_until_ready();
	cr_assert_eq(told(1, ISSUE_CLEAR, "away from 20"), 1);
}

Test(health, fail_safe_ends_the_tasks_of_its_element_only)
{
	struct channel_event e = {.kind = EVENT_FAIL_SAFE, .ne = *registry_ne_id(c.registry, 0)};
	struct issue i;
	unsigned tasks = 0, elements = 0;
	char text[16384];

	fake_start(&dataplane, c.base, folder);
	run_until_ready();
	told(0, ISSUE_FAULT, "");
	add_task(1);
	add_task(2);
	struct channel_task t = {.xid.b[15] = 3, .delivery = DELIVERY_X3};
	struct registry_task *other = registry_task_new(1, &t, "<t/>", 4);
	other->state = TASK_COMPLETE;
	cr_assert_eq(registry_task_add(c.registry, other), 0);
	fake_event(&dataplane, &e);
	run(50);
	cr_assert_eq(registry_task_count(c.registry, 0), 0);
	cr_assert_eq(registry_task_count(c.registry, 1), 1);
	cr_assert(fault_has(*registry_ne_faults(c.registry, 0), FAULT_FAIL_SAFE));
	cr_assert(!fault_has(*registry_ne_faults(c.registry, 1), FAULT_FAIL_SAFE));
	while (issues_take(c.issues, &i)) {
		cr_assert_eq(i.ne, 0);
		tasks += i.scope == ISSUE_TASK && i.type == ISSUE_TERMINATING;
		elements += i.scope == ISSUE_NE && i.type == ISSUE_FAULT;
	}
	cr_assert_eq(tasks, 2);
	cr_assert_eq(elements, 1);
	FILE *f = fopen(audit, "r");
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	unsigned lines = 0;
	for (const char *at = text; (at = strstr(at, "\"act\":\"fail-safe\"")); at++)
		lines++;
	cr_assert_eq(lines, 2);
}

Test(health, without_keepalives_there_is_no_fail_safe)
{
	config.nes[1].x1.keepalive.enabled = false;
	fake_start(&dataplane, c.base, folder);
	run_until_ready();
	cr_assert_eq(dataplane.fail_safe_ms[0], 3600000 + 200); // never before TIME_P2
	cr_assert_eq(dataplane.fail_safe_ms[1], 0);
}
