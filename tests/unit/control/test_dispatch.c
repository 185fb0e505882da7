// x1_dispatch, x1_change, x1_query, events, publish and audit together, against a dataplane that
// the test plays. XML is left out: containers are values, answers are recorded by the stand-ins
// below.
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/events.h"
#include "control/store.h"
#include "control/x1_dispatch.h"
#include "control/x1_encode.h"
#include "tests/unit/control/fake_dataplane.h"

// Stand-ins for the codecs: one line per message.

struct http_exchange {
	bool responded;
	unsigned status;
	char body[65536];
};

static const char *certificate_of = "admf-1";

bool http_peer_is(const struct http_exchange *x, const char *admf)
{
	return !strcmp(admf, certificate_of);
}

void http_respond(struct http_exchange *x, const char *body, size_t length)
{
	cr_assert(!x->responded);
	x->responded = true;
	x->status = 200;
	cr_assert(length < sizeof(x->body));
	memcpy(x->body, body, length);
	x->body[length] = 0;
}

void http_refuse(struct http_exchange *x, unsigned status)
{
	cr_assert(!x->responded);
	x->responded = true;
	x->status = status;
}

const char *x1_request_name(enum x1_request_type t)
{
	static const char *const names[] = {
#define X(suffix, text, core) text,
		X1_REQUESTS(X)
#undef X
	};
	return names[t];
}

const char *x1_target_name(enum x1_target_kind k)
{
	return "target";
}

struct x1_container *x1_decode(struct x1_decoder *d, const char *body, size_t length)
{
	return NULL;
}

void x1_container_free(struct x1_container *c)
{
	if (!c)
		return;
	free(c->messages);
	free(c);
}

static void line(struct x1_buffer *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void line(struct x1_buffer *b, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	b->text = realloc(b->text, b->length + (size_t)n + 1);
	memcpy(b->text + b->length, text, (size_t)n + 1);
	b->length += (size_t)n;
	free(text);
}

void x1_buffer_free(struct x1_buffer *b)
{
	free(b->text);
}

void x1_response_begin(struct x1_buffer *b)
{
	line(b, "begin\n");
}

void x1_response_end(struct x1_buffer *b)
{
	line(b, "end\n");
}

void x1_top_level_error(struct x1_buffer *b, const struct x1_envelope *e)
{
	line(b, "top %s %s\n", e->admf_identifier, e->ne_identifier);
}

void x1_response_ok(
	struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t, bool completed)
{
	line(b, "%s %02x %s\n", x1_request_name(t), e->transaction.b[15],
		completed ? "completed" : "acknowledged");
}

void x1_response_error(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t,
	int code, const char *description)
{
	line(b, "%s %02x %d %s\n", x1_request_name(t), e->transaction.b[15], code, description);
}

void x1_message_open(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t)
{
	line(b, "%s %02x answer\n", x1_request_name(t), e->transaction.b[15]);
}

void x1_message_close(struct x1_buffer *b)
{
}

void x1_put_task(
	struct x1_buffer *b, const char *xml, size_t length, const struct x1_task_status *s)
{
	line(b, "task %.*s %s", (int)length, xml, s->provisioning);
	if (s->has_amounts)
		line(b, " x3=%llu", (unsigned long long)s->x3_octets);
	line(b, " modifications=%u", s->modifications);
	for (uint32_t i = 0; i < s->n_faults; i++)
		line(b, " fault=%d", s->faults[i].code);
	line(b, "\n");
}

void x1_put_destination(
	struct x1_buffer *b, const char *xml, size_t length, const struct x1_destination_status *s)
{
	line(b, "destination %.*s%s\n", (int)length, xml, s->fault ? " fault" : "");
}

void x1_put_ne_status(struct x1_buffer *b, uint32_t n, const struct x1_fault *faults)
{
	line(b, "status %u\n", n);
}

void x1_list_open(struct x1_buffer *b, const char *name)
{
	line(b, "%s\n", name);
}

void x1_list_close(struct x1_buffer *b)
{
}

void x1_put_id(struct x1_buffer *b, const char *name, const struct id16 *id)
{
	line(b, "%s %02x\n", name, id->b[15]);
}

// The world of one test.

static struct world {
	struct control c;
	struct config config;
	struct fake_dataplane dataplane;
	struct x1_dispatch *dispatch;
	char folder[64], audit[128];
} w;

static struct id16 id(uint8_t n)
{
	return (struct id16){{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, n}};
}

static void run(unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_base_loopexit(w.c.base, &tv);
	event_base_dispatch(w.c.base);
}

static void run_until_ready(void)
{
	for (unsigned i = 0; i < 300 && publish_state(w.c.publish) != PUBLISH_READY; i++)
		run(10);
	cr_assert_eq(publish_state(w.c.publish), PUBLISH_READY);
}

static void control_up(void)
{
	const char *name = w.config.nes[0].ne_identifier;

	w.c.registry = registry_new(1, &name);
	w.c.issues = issues_new(64);
	w.c.audit = audit_open(w.audit, NULL);
	if (w.config.store.file) {
		char why[256];
		w.c.vault = vault_open(&w.config, why, sizeof(why));
		cr_assert_not_null(w.c.vault, "%s", why);
	}
	w.c.publish = publish_new(w.c.base, &w.config, w.c.registry, events_hooks(), &w.c);
	w.dispatch = x1_dispatch_new(&w.c, NULL, NULL);
}

static void control_down(void)
{
	x1_dispatch_stop(w.dispatch);
	publish_free(w.c.publish);
	x1_dispatch_free(w.dispatch);
	audit_close(w.c.audit);
	vault_close(w.c.vault);
	w.c.vault = NULL;
	issues_free(w.c.issues);
	registry_free(w.c.registry);
}

static void setup(void)
{
	snprintf(w.folder, sizeof(w.folder), "/tmp/test_dispatch.XXXXXX");
	cr_assert(mkdtemp(w.folder) != NULL);
	snprintf(w.audit, sizeof(w.audit), "%s/audit.jsonl", w.folder);
	certificate_of = "admf-1";
	w.config.runtime_dir = w.folder;
	w.config.n_nes = 1;
	w.config.nes[0].ne_identifier = (char *)"ne-1";
	w.config.nes[0].admf_identifier = (char *)"admf-1";
	w.config.nes[0].x1 = (struct config_x1){.time1 = 1,
		.keepalive = {.enabled = true, .time_p2 = 3600},
		.deactivate_all_tasks = true,
		.remove_all_destinations = true};
	w.config.limits.tasks = 100;
	w.config.limits.destinations = 100;
	w.c = (struct control){.config = &w.config, .base = event_base_new()};
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
}

static void teardown(void)
{
	char command[128];

	control_down();
	fake_stop(&w.dataplane);
	event_base_free(w.c.base);
	snprintf(command, sizeof(command), "rm -r %s", w.folder);
	cr_assert_eq(system(command), 0);
}

static struct x1_container *container(uint32_t n)
{
	struct x1_container *c = calloc(1, sizeof(*c));

	c->n_messages = n;
	c->messages = calloc(n, sizeof(*c->messages));
	for (uint32_t i = 0; i < n; i++) {
		c->messages[i].type = X1_PING;
		c->messages[i].admf_identifier = "admf-1";
		c->messages[i].ne_identifier = "ne-1";
		c->messages[i].version = "v1.8.1";
		c->messages[i].transaction = id((uint8_t)(0xA0 + i));
	}
	return c;
}

static struct http_exchange *submit(struct x1_container *c)
{
	struct http_exchange *x = calloc(1, sizeof(*x));
	struct http_request r = {.peer_uid = "admf-1", .peer_address = "192.0.2.1"};

	x1_dispatch_container(w.dispatch, x, &r, c);
	return x;
}

static void expect(struct http_exchange *x, const char *body)
{
	for (unsigned i = 0; i < 300 && !x->responded; i++)
		run(10);
	cr_assert(x->responded, "no answer to: %s", body);
	cr_assert_eq(x->status, 200);
	cr_assert_str_eq(x->body, body);
	free(x);
}

static struct http_exchange *request(enum x1_request_type type)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	return submit(c);
}

static struct http_exchange *request_id(enum x1_request_type type, uint8_t n)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	c->messages[0].id = id(n);
	c->messages[0].has_id = true;
	return submit(c);
}

static const struct x1_target target = {.kind = X1_TARGET_IPV4_ADDRESS, .text = "192.0.2.77"};
static struct x1_task_details task_details[8];
static struct id16 did_one;

static const struct x1_task_details *task(uint8_t n)
{
	struct x1_task_details *t = &task_details[n % 8];

	did_one = id(1);
	*t = (struct x1_task_details){
		.xid = id(n),
		.n_targets = 1,
		.targets = &target,
		.delivery = X1_X3_ONLY,
		.n_dids = 1,
		.dids = &did_one,
		.xml = "<t/>",
		.xml_length = 4,
	};
	return t;
}

static struct http_exchange *request_task(enum x1_request_type type, uint8_t n)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	c->messages[0].task = task(n);
	return submit(c);
}

static struct http_exchange *request_destination(enum x1_request_type type, uint8_t n)
{
	static struct x1_destination_details d;
	struct x1_container *c = container(1);

	d = (struct x1_destination_details){
		.did = id(n),
		.delivery = X1_X3_ONLY,
		.address_kind = X1_ADDRESS_IP_PORT,
		.address = "192.0.2.50",
		.port = 42001,
		.xml = "<d/>",
		.xml_length = 4,
	};
	c->messages[0].type = type;
	c->messages[0].destination = &d;
	return submit(c);
}

static void provision(void)
{
	expect(request_destination(X1_CREATE_DESTINATION, 1),
		"begin\nCreateDestination a0 completed\nend\n");
	expect(request_task(X1_ACTIVATE_TASK, 7), "begin\nActivateTask a0 completed\nend\n");
}

// With the sealed store.

static char store_file[128], store_key[128];

static void setup_store(void)
{
	setup();
	control_down();
	snprintf(store_file, sizeof(store_file), "%s/store", w.folder);
	snprintf(store_key, sizeof(store_key), "%s/key", w.folder);
	umask(077);
	FILE *f = fopen(store_key, "w");
	fputs("sixteen octets at least", f);
	fclose(f);
	w.config.store.file = store_file;
	w.config.store.key = store_key;
	control_up();
	run_until_ready();
}

static void restart_both(void)
{
	control_down();
	fake_stop(&w.dataplane);
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
}

static bool told(enum issue_type type, const char *part)
{
	struct issue i;
	bool found = false;

	while (issues_take(w.c.issues, &i))
		found = found || (i.type == type && strstr(i.text, part));
	return found;
}

static void limit_files(rlim_t octets)
{
	struct rlimit limit = {octets, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TestSuite(store, .init = setup_store, .fini = teardown, .timeout = 30);

Test(store, tasks_come_back_when_both_were_gone)
{
	provision();
	cr_assert(told(ISSUE_WARNING, "database cleared"), "it began empty");
	restart_both();
	struct id16 xid = id(7);
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert_eq(fake_count(w.dataplane.destination), 1);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &xid)->state, TASK_COMPLETE);
	cr_assert(!told(ISSUE_WARNING, "database cleared"));
	// What was removed, and what was modified.
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 completed\nend\n");
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 6), "begin\nDeactivateTask a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &xid)->modifications, 1);
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 1);
}

Test(store, an_ok_is_preceded_by_the_record)
{
	provision();
	// As a crash leaves it: a copy of the file at the moment of the OK.
	char command[300];
	snprintf(command, sizeof(command), "cp -p %s %s.copy", store_file, store_file);
	cr_assert_eq(system(command), 0);
	control_down();
	fake_stop(&w.dataplane);
	snprintf(command, sizeof(command), "mv %s.copy %s", store_file, store_file);
	cr_assert_eq(system(command), 0);
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
}

Test(store, silence_of_time_p2_discards)
{
	w.config.nes[0].x1.keepalive.time_p2 = 1;
	provision();
	told(ISSUE_WARNING, "");
	control_down();
	fake_stop(&w.dataplane);
	sleep(2);
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert(told(ISSUE_WARNING, "discarded"));
	w.config.nes[0].x1.keepalive.time_p2 = 3600;
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 0, "discarded for good");
}

Test(store, the_dataplane_wins)
{
	provision();
	// The store is set back to a time without the task; the dataplane holds it.
	control_down();
	unlink(store_file);
	control_up();
	run_until_ready();
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 1, "it was written from the dataplane's state");
}

Test(store, a_refused_task_does_not_come_back)
{
	provision();
	w.dataplane.result = POI_ERR_LIMIT;
	expect(request_task(X1_ACTIVATE_TASK, 5),
		"begin\nActivateTask a0 3000 configured limit reached\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 configured limit reached\nend\n");
	w.dataplane.result = 0;
	restart_both();
	struct id16 xid = id(7);
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &xid)->modifications, 0);
}

Test(store, full_disk_refuses_and_removals_are_done)
{
	static char xml[40000];
	struct x1_container *c = container(1);
	struct x1_task_details big;
	struct stat s;

	provision();
	memset(xml, ' ', sizeof(xml));
	big = *task(4); // the store is the larger file of the two that are written
	big.xml = xml;
	big.xml_length = sizeof(xml);
	c->messages[0].type = X1_ACTIVATE_TASK;
	c->messages[0].task = &big;
	expect(submit(c), "begin\nActivateTask a0 completed\nend\n");
	cr_assert_eq(stat(store_file, &s), 0);
	cr_assert_gt(s.st_size, 40000);
	limit_files((rlim_t)s.st_size + 10);
	expect(request_task(X1_ACTIVATE_TASK, 5),
		"begin\nActivateTask a0 3000 the sealed store cannot be written\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 the sealed store cannot be written\nend\n");
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 6000 the sealed store cannot be written\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 2);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 2);
	cr_assert_eq(registry_destination_count(w.c.registry, 0), 1);
	cr_assert(told(ISSUE_FAULT, "sealed store"));
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_STORE));
	limit_files(RLIM_INFINITY);
	store_tick(&w.c);
	cr_assert(told(ISSUE_CLEAR, "sealed store"));
	expect(request_task(X1_ACTIVATE_TASK, 5), "begin\nActivateTask a0 completed\nend\n");
	restart_both();
	cr_assert_eq(fake_count(w.dataplane.task), 2);
}

TestSuite(dispatch, .init = setup, .fini = teardown, .timeout = 30);

Test(dispatch, ping)
{
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
}

Test(dispatch, identity_before_version_before_schema)
{
	struct x1_container *c = container(6);

	c->messages[0].admf_identifier = "other";
	c->messages[1].ne_identifier = "ne-2";
	c->messages[2].version = "v2.8.1";
	c->messages[3].version = "v1.8.1x";
	c->messages[4].schema_error = X1_ERR_SCHEMA;
	c->messages[4].why = "taskDetails is missing";
	c->messages[5].schema_error = X1_ERR_SCHEMA;
	c->messages[5].version = "v1.\xd9\xa3.1";
	c->messages[5].ne_identifier = "ne-2";
	expect(submit(c),
		"begin\nPing a0 1030 \nPing a1 1060 \nPing a2 1020 v1.8.1\nPing a3 1020 v1.8.1\n"
		"Ping a4 1010 taskDetails is missing\nPing a5 1060 \nend\n");
	certificate_of = "other";
	c = container(1);
	c->messages[0].admf_identifier = "other";
	expect(submit(c), "begin\nPing a0 1040 \nend\n");
}

Test(dispatch, top_level_error)
{
	struct x1_container *c = container(0);

	c->top_level_error = true;
	expect(submit(c), "top admf-1 ne-1\n");
}

Test(dispatch, wrong_direction_and_objects)
{
	struct x1_container *c = container(3);

	c->messages[0].type = X1_REPORT_NE_ISSUE;
	c->messages[1].type = X1_CREATE_OBJECT;
	c->messages[2].type = X1_CREATE_OBJECT;
	c->messages[2].version = "v1.19.1";
	expect(submit(c),
		"begin\nReportNEIssue a0 1000 a network element sends this request, it does not "
		"receive it\nCreateObject a1 1000 generic objects are not supported\n"
		"CreateObject a2 1080 generic objects are not supported\nend\n");
}

Test(dispatch, keepalive_disabled)
{
	expect(request(X1_KEEPALIVE), "begin\nKeepalive a0 completed\nend\n");
	w.config.nes[0].x1.keepalive.enabled = false;
	expect(request(X1_KEEPALIVE), "begin\nKeepalive a0 1070 keepalives are disabled\nend\n");
}

Test(dispatch, life_of_a_task)
{
	provision();
	cr_assert_eq(fake_count(w.dataplane.task), 1);
	expect(request_task(X1_ACTIVATE_TASK, 7),
		"begin\nActivateTask a0 2010 00000000-0000-4000-8000-000000000007\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 completed\nend\n");
	expect(request_task(X1_MODIFY_TASK, 8),
		"begin\nModifyTask a0 2020 00000000-0000-4000-8000-000000000008\nend\n");
	expect(request_id(X1_GET_TASK_DETAILS, 7), "begin\nGetTaskDetails a0 answer\ntask <t/> "
						   "complete x3=4711 modifications=1\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 7010 00000000-0000-4000-8000-000000000007\nend\n");
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 8010 00000000-0000-4000-8000-000000000001 is used "
		"by "
		"00000000-0000-4000-8000-000000000007\nend\n");
	expect(request(X1_LIST_ALL_DETAILS),
		"begin\nListAllDetails a0 answer\nListOfXIDs\nxId 07\nListOfDIDs\ndId 01\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	expect(request_id(X1_DEACTIVATE_TASK, 7),
		"begin\nDeactivateTask a0 2020 00000000-0000-4000-8000-000000000007\nend\n");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.destination), 0);
}

Test(dispatch, answered_means_acknowledged_by_the_dataplane)
{
	provision();
	w.dataplane.hold = true;
	struct http_exchange *x = request_task(X1_ACTIVATE_TASK, 6);
	run(200);
	cr_assert(!x->responded);
	fake_release(&w.dataplane);
	expect(x, "begin\nActivateTask a0 completed\nend\n");
}

Test(dispatch, container_answers_each)
{
	struct x1_container *c;

	provision();
	c = container(3);
	c->messages[0].type = X1_ACTIVATE_TASK;
	c->messages[0].task = task(2);
	c->messages[1].type = X1_ACTIVATE_TASK;
	c->messages[1].task = task(7);
	expect(submit(c), "begin\nActivateTask a1 2010 00000000-0000-4000-8000-000000000007\nPing "
			  "a2 completed\n"
			  "ActivateTask a0 completed\nend\n");
}

Test(dispatch, dataplane_refuses)
{
	provision();
	w.dataplane.result = POI_ERR_NOMEM;
	expect(request_task(X1_ACTIVATE_TASK, 6),
		"begin\nActivateTask a0 3000 out of memory\nend\n");
	cr_assert_null(registry_task_find(w.c.registry, 0, &(struct id16){{0}}));
	cr_assert_eq(registry_task_count(w.c.registry, 0), 1);
}

Test(dispatch, time1_acknowledged_then_reported)
{
	struct issue i;

	provision();
	w.dataplane.hold = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	struct id16 six = id(6), transaction = id(0xA0);
	const struct registry_task *t = registry_task_find(w.c.registry, 0, &six);
	cr_assert_not_null(t);
	cr_assert_eq(t->state, TASK_AWAITING);
	cr_assert_eq(t->pending, PENDING_ACTIVATE);
	while (issues_take(w.c.issues, &i))
		;
	fake_release(&w.dataplane);
	run(100);
	cr_assert_eq(t->state, TASK_COMPLETE);
	cr_assert_eq(t->pending, PENDING_NONE);
	cr_assert(issues_take(w.c.issues, &i));
	cr_assert_eq(i.type, ISSUE_DONE);
	cr_assert_eq(i.code, X1_STATUS_ACTIONED);
	cr_assert(id_equal(&i.transaction, &transaction));
}

Test(dispatch, queries_are_never_acknowledged)
{
	provision();
	w.dataplane.no_status = true;
	expect(request_id(X1_GET_TASK_DETAILS, 7),
		"begin\nGetTaskDetails a0 answer\ntask <t/> complete modifications=0\nend\n");
}

Test(dispatch, modify_that_fails_late_leaves_the_old_details)
{
	struct issue i;

	provision();
	w.dataplane.hold = true;
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 acknowledged\nend\n");
	while (issues_take(w.c.issues, &i))
		;
	w.dataplane.result = POI_ERR_NOMEM;
	fake_release(&w.dataplane);
	run(100);
	struct id16 seven = id(7);
	cr_assert_eq(registry_task_find(w.c.registry, 0, &seven)->modifications, 0);
	cr_assert(issues_take(w.c.issues, &i));
	cr_assert_eq(i.type, ISSUE_NOT_DONE);
	struct id16 one = id(1);
	cr_assert_eq(registry_destination_find(w.c.registry, 0, &one)->references, 1);
}

Test(dispatch, dataplane_dead)
{
	provision();
	fake_stop(&w.dataplane);
	run(50);
	cr_assert_eq(publish_state(w.c.publish), PUBLISH_DOWN);
	expect(request_task(X1_ACTIVATE_TASK, 6),
		"begin\nActivateTask a0 3000 the dataplane is not available\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 the dataplane is not available\nend\n");
	expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 1\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	cr_assert_eq(fake_count(w.dataplane.destination), 1);
	expect(request(X1_GET_NE_STATUS), "begin\nGetNEStatus a0 answer\nstatus 0\nend\n");
}

Test(dispatch, dataplane_dies_under_a_request)
{
	provision();
	w.dataplane.silent = true;
	struct http_exchange *x = request_task(X1_ACTIVATE_TASK, 6);
	run(100);
	cr_assert(!x->responded);
	fake_stop(&w.dataplane);
	expect(x, "begin\nActivateTask a0 3000 the dataplane is not available\nend\n");
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 1, "the old task, not the refused one");
}

Test(dispatch, acknowledged_survives_the_dataplane)
{
	struct issue i = {0};

	provision();
	w.dataplane.silent = true;
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 acknowledged\nend\n");
	fake_stop(&w.dataplane);
	run(50);
	fake_start(&w.dataplane, w.c.base, w.folder);
	run_until_ready();
	cr_assert_eq(fake_count(w.dataplane.task), 2);
	while (issues_take(w.c.issues, &i) && i.type != ISSUE_DONE)
		;
	cr_assert_eq(i.type, ISSUE_DONE);
}

Test(dispatch, control_restarts_and_takes_everything_back)
{
	provision();
	expect(request_task(X1_MODIFY_TASK, 7), "begin\nModifyTask a0 completed\nend\n");
	uint32_t puts = w.dataplane.puts;
	control_down();
	control_up();
	expect(request(X1_LIST_ALL_DETAILS), "begin\nListAllDetails a0 1000 starting: the tasks of "
					     "the dataplane are not recovered yet\nend\n");
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	run_until_ready();
	expect(request_id(X1_GET_TASK_DETAILS, 7), "begin\nGetTaskDetails a0 answer\ntask <t/> "
						   "complete x3=4711 modifications=1\nend\n");
	cr_assert_eq(w.dataplane.puts, puts, "nothing is put anew that is there");
	expect(request_id(X1_REMOVE_DESTINATION, 1),
		"begin\nRemoveDestination a0 7010 00000000-0000-4000-8000-000000000007\nend\n");
}

Test(dispatch, fail_safe_event)
{
	provision();
	struct channel_event e = {.kind = EVENT_FAIL_SAFE, .ne = *registry_ne_id(w.c.registry, 0)};
	fake_event(&w.dataplane, &e);
	run(50);
	cr_assert_eq(registry_task_count(w.c.registry, 0), 0);
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
	expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_FAIL_SAFE));
}

Test(dispatch, destination_fault_is_listed_and_cleared)
{
	provision();
	struct channel_event e = {.kind = EVENT_DESTINATION_DOWN,
		.ne = *registry_ne_id(w.c.registry, 0),
		.id = id(1)};
	fake_event(&w.dataplane, &e);
	run(50);
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <d/> fault\nend\n");
	e.kind = EVENT_DESTINATION_UP;
	fake_event(&w.dataplane, &e);
	run(50);
	expect(request_id(X1_GET_DESTINATION_DETAILS, 1),
		"begin\nGetDestinationDetails a0 answer\ndestination <d/>\nend\n");
}

Test(dispatch, deactivate_all)
{
	provision();
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	cr_assert_eq(fake_count(w.dataplane.task), 0);
	expect(request(X1_DEACTIVATE_ALL_TASKS), "begin\nDeactivateAllTasks a0 completed\nend\n");
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 completed\nend\n");
	w.config.nes[0].x1.deactivate_all_tasks = false;
	w.config.nes[0].x1.remove_all_destinations = false;
	expect(request(X1_DEACTIVATE_ALL_TASKS),
		"begin\nDeactivateAllTasks a0 5010 DeactivateAllTasks message is not "
		"enabled\nend\n");
	expect(request(X1_REMOVE_ALL_DESTINATIONS),
		"begin\nRemoveAllDestinations a0 8020 RemoveAllDestinations request is not "
		"enabled\nend\n");
}

Test(dispatch, audit_that_cannot_be_written)
{
	provision();
	// A folder in the file's place: it cannot be opened, whoever tries.
	cr_assert_eq(unlink(w.audit), 0);
	cr_assert_eq(mkdir(w.audit, 0700), 0);
	audit_reopen(w.c.audit);
	expect(request_task(X1_ACTIVATE_TASK, 6),
		"begin\nActivateTask a0 3000 the audit log cannot be written\nend\n");
	expect(request_task(X1_MODIFY_TASK, 7),
		"begin\nModifyTask a0 3001 the audit log cannot be written\nend\n");
	expect(request_destination(X1_CREATE_DESTINATION, 2),
		"begin\nCreateDestination a0 6000 the audit log cannot be written\nend\n");
	expect(request_id(X1_DEACTIVATE_TASK, 7), "begin\nDeactivateTask a0 completed\nend\n");
	cr_assert(fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_AUDIT));
	cr_assert_eq(rmdir(w.audit), 0);
	expect(request_task(X1_ACTIVATE_TASK, 6), "begin\nActivateTask a0 completed\nend\n");
	cr_assert(!fault_has(*registry_ne_faults(w.c.registry, 0), FAULT_AUDIT));
}

Test(dispatch, heard_is_limited)
{
	uint32_t before = w.dataplane.heards;
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < 10; i++)
		expect(request(X1_PING), "begin\nPing a0 completed\nend\n");
	run(50);
	clock_gettime(CLOCK_MONOTONIC, &to);
	int64_t ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	cr_assert_gt(w.dataplane.heards, before);
	cr_assert_leq(w.dataplane.heards, before + 1 + ms / 200);
}

Test(dispatch, stranger_does_not_move_the_fail_safe)
{
	struct x1_container *c = container(1);

	c->messages[0].admf_identifier = "other";
	expect(submit(c), "begin\nPing a0 1030 \nend\n");
	run(50);
	cr_assert_eq(w.dataplane.heards, 0);
}
