#pragma once

// One control with everything but XML and HTTP, against a dataplane that the test plays: containers
// are values, answers are recorded by the stand-ins below. For one test program each.

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

#include "control/state/dataplane_events.h"
#include "control/state/pending_reports.h"
#include "control/state/persistence.h"
#include "control/x1/x1_dispatch.h"
#include "control/xml/x1_encode.h"
#include "tests/unit/control/state/fake_dataplane.h"

// Stand-ins for the codecs: one line per message.

struct http_exchange {
	bool responded;
	unsigned status;
	char body[1 << 18];
};

static const char *certificate_of = "admf-1";

bool http_peer_is(const struct http_exchange *x, const char *admf)
{
	return !strcmp(admf, certificate_of);
}

static size_t leaving;

size_t http_leaving(const struct http_exchange *x)
{
	return leaving;
}

void http_respond(struct http_exchange *x, char *body, size_t length)
{
	cr_assert(!x->responded);
	x->responded = true;
	x->status = 200;
	cr_assert(length < sizeof(x->body));
	memcpy(x->body, body, length);
	x->body[length] = 0;
	free(body);
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

static inline void line(struct x1_buffer *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline void line(struct x1_buffer *b, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (b->length + (size_t)n >= b->capacity) {
		b->capacity = 2 * (b->length + (size_t)n) + 256;
		b->text = realloc(b->text, b->capacity);
	}
	memcpy(b->text + b->length, text, (size_t)n + 1);
	b->length += (size_t)n;
	free(text);
}

void x1_buffer_free(struct x1_buffer *b)
{
	free(b->text);
	*b = (struct x1_buffer){0};
}

void x1_buffer_cut(struct x1_buffer *b, size_t length)
{
	b->length = length;
}

void x1_append(struct x1_buffer *b, const char *text, size_t length)
{
	line(b, "%.*s", (int)length, text);
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

static const char *announced; // the version of the answer that was written last

void x1_response_ok(
	struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t, bool completed)
{
	announced = e->version;
	line(b, "%s %02x %s\n", x1_request_name(t), e->transaction.b[15],
		completed ? "completed" : "acknowledged");
}

void x1_response_error(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t,
	int code, const char *description)
{
	announced = e->version;
	line(b, "%s %02x %d %s\n", x1_request_name(t), e->transaction.b[15], code, description);
}

void x1_message_open(struct x1_buffer *b, const struct x1_envelope *e, enum x1_request_type t)
{
	announced = e->version;
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

void x1_put_object(struct x1_buffer *b, const char *xml, size_t length)
{
	line(b, "object %.*s\n", (int)length, xml);
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

static inline struct id16 id(uint8_t n)
{
	return (struct id16){{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, n}};
}

static inline void run(unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_base_loopexit(w.c.base, &tv);
	event_base_dispatch(w.c.base);
}

static inline void run_until_ready(void)
{
	for (unsigned i = 0; i < 300 && publish_state(w.c.publish) != PUBLISH_READY; i++)
		run(10);
	cr_assert_eq(publish_state(w.c.publish), PUBLISH_READY);
}

static inline void control_up(void)
{
	const char *name = w.config.nes[0].ne_identifier;

	w.c.fresh = w.c.agreed = w.c.recovery_incomplete = w.c.reports_taken = false;
	w.c.incomplete_unreported = 0;
	w.c.admf_minor[0] = 0;
	w.c.registry = registry_new(1, &name);
	w.c.issues = issues_new(64);
	w.c.pending_reports = pending_reports_new(&w.c);
	w.c.audit = audit_open(w.audit, NULL);
	if (w.config.store.file) {
		char why[256];
		w.c.task_store = task_store_open(&w.config, why, sizeof(why));
		cr_assert_not_null(w.c.task_store, "%s", why);
	}
	w.c.publish = publish_new(w.c.base, &w.config, w.c.registry, dataplane_hooks(), &w.c);
	w.dispatch = x1_dispatch_new(&w.c, NULL, NULL);
}

static inline void control_down(void)
{
	x1_dispatch_stop(w.dispatch);
	publish_free(w.c.publish);
	x1_dispatch_free(w.dispatch);
	audit_close(w.c.audit);
	task_store_close(w.c.task_store);
	w.c.task_store = NULL;
	pending_reports_free(w.c.pending_reports);
	issues_free(w.c.issues);
	registry_free(w.c.registry);
}

static inline void restart_control(void)
{
	control_down();
	control_up();
	run_until_ready();
}

static inline void setup(void)
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
	w.config.limits.response = 60000;
	w.c = (struct control){.config = &w.config, .base = event_base_new()};
	fake_start(&w.dataplane, w.c.base, w.folder);
	control_up();
	run_until_ready();
}

static inline void teardown(void)
{
	char command[128];

	control_down();
	fake_stop(&w.dataplane);
	event_base_free(w.c.base);
	snprintf(command, sizeof(command), "rm -r %s", w.folder);
	cr_assert_eq(system(command), 0);
}

static inline struct x1_container *container(uint32_t n)
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

static inline struct http_exchange *submit(struct x1_container *c)
{
	struct http_exchange *x = calloc(1, sizeof(*x));
	struct http_request r = {.peer_uid = "admf-1", .peer_address = "192.0.2.1"};

	x1_dispatch_container(w.dispatch, x, &r, c);
	return x;
}

static inline void expect(struct http_exchange *x, const char *body)
{
	for (unsigned i = 0; i < 300 && !x->responded; i++)
		run(10);
	cr_assert(x->responded, "no answer to: %s", body);
	cr_assert_eq(x->status, 200);
	cr_assert_str_eq(x->body, body);
	free(x);
}

static inline struct http_exchange *request(enum x1_request_type type)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	return submit(c);
}

static inline struct http_exchange *request_id(enum x1_request_type type, uint8_t n)
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
static const char *details_xml; // of the requests to come; NULL: <t/> and <d/>

static inline const struct x1_task_details *task(uint8_t n)
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
		.xml = details_xml ? details_xml : "<t/>",
	};
	t->xml_length = strlen(t->xml);
	return t;
}

static inline struct http_exchange *request_task(enum x1_request_type type, uint8_t n)
{
	struct x1_container *c = container(1);

	c->messages[0].type = type;
	c->messages[0].task = task(n);
	return submit(c);
}

static inline struct http_exchange *request_delivery(
	enum x1_request_type type, uint8_t n, enum x1_delivery delivery)
{
	static struct x1_destination_details d;
	struct x1_container *c = container(1);

	d = (struct x1_destination_details){
		.did = id(n),
		.delivery = delivery,
		.address_kind = X1_ADDRESS_IP_PORT,
		.address = "192.0.2.50",
		.port = 42001,
		.xml = details_xml ? details_xml : "<d/>",
	};
	d.xml_length = strlen(d.xml);
	c->messages[0].type = type;
	c->messages[0].destination = &d;
	return submit(c);
}

static inline struct http_exchange *request_destination(enum x1_request_type type, uint8_t n)
{
	return request_delivery(type, n, X1_X3_ONLY);
}

static inline void provision(void)
{
	expect(request_destination(X1_CREATE_DESTINATION, 1),
		"begin\nCreateDestination a0 completed\nend\n");
	expect(request_task(X1_ACTIVATE_TASK, 7), "begin\nActivateTask a0 completed\nend\n");
}
