// The busiest turn of poi-control's event loop, in CPU time, over as many tasks as are asked for: the
// fail-safe, a destination's return, a new dataplane and its replay, DeactivateAllTasks, and the store
// written anew and taken back. The dataplane is a process of its own, which takes all.
//
//     bench_turns [TASKS]
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/state/dataplane_events.h"
#include "control/state/fault_raise.h"
#include "control/state/pending_reports.h"
#include "control/state/persistence.h"
#include "control/x1/x1_dispatch.h"
#include "shared/digest.h"
#include "shared/log.h"
#include "shared/now.h"

static struct bed {
	struct control c;
	struct config config;
	struct x1_dispatch *dispatch;
	char folder[64], audit[96], store[96], key[96];
	uint32_t tasks;
	pid_t dataplane;
} bed;

// Hooks of HTTP that x1_dispatch needs.

struct http_exchange {
	bool responded;
};

static struct http_exchange exchange;

bool http_peer_is(const struct http_exchange *x, const char *admf)
{
	return true;
}

size_t http_leaving(const struct http_exchange *x)
{
	return 0;
}

void http_respond(struct http_exchange *x, char *body, size_t length)
{
	free(body);
}

void http_refuse(struct http_exchange *x, unsigned status)
{
	abort();
}

// The dataplane: acknowledges all, streams nothing, and sends events that are asked for by signals.

static uint8_t out[CHANNEL_MESSAGE_MAX], in[CHANNEL_MESSAGE_MAX];

static void send_all(int fd, int n)
{
	while (channel_send(fd, out, (size_t)n) == POI_ERR_AGAIN)
		usleep(100);
}

static void answer_state(int fd, uint32_t request)
{
	struct channel_state_end end = {0};
	struct digest *d = digest_new();

	digest_end(d, end.digest);
	digest_free(d);
	send_all(fd, channel_encode_state_end(out, sizeof(out), CHANNEL_STATE_END, request, &end));
}

static void serve(int fd, uint64_t incarnation)
{
	struct channel_header h;
	const uint8_t *body;
	size_t length;

	for (;;) {
		int64_t n = channel_receive(fd, in, sizeof(in));
		if (n == POI_ERR_AGAIN) {
			usleep(200);
			continue;
		}
		if (n <= 0 || channel_split(in, (size_t)n, &h, &body, &length))
			return;
		struct channel_hello_ok ok = {.incarnation = incarnation};
		struct channel_ack ack = {.generation = 1};
		if (h.id == CHANNEL_HELLO)
			send_all(fd, channel_encode_hello_ok(
					     out, sizeof(out), CHANNEL_HELLO_OK, h.request, &ok));
		else if (h.id == CHANNEL_STATE_GET)
			answer_state(fd, h.request);
		else
			send_all(fd, channel_encode_ack(
					     out, sizeof(out), CHANNEL_ACK, h.request, &ack));
	}
}

static void start_dataplane(void)
{
	static uint64_t incarnation;
	char path[128];

	incarnation++;
	snprintf(path, sizeof(path), "%s/dataplane.sock", bed.folder);
	unlink(path);
	int listener = channel_listen(path);
	bed.dataplane = fork();
	if (listener < 0 || bed.dataplane < 0)
		abort();
	if (bed.dataplane) {
		close(listener);
		return;
	}
	for (;;) {
		int fd = channel_accept(listener);
		if (fd >= 0)
			serve(fd, incarnation);
		else
			usleep(1000);
	}
}

static void stop_dataplane(void)
{
	kill(bed.dataplane, SIGKILL);
	waitpid(bed.dataplane, NULL, 0);
}

// Measuring.

static double busiest, total;
static uint64_t turns;

static void turn(void)
{
	uint64_t before = now_thread_ns();

	event_base_loop(bed.c.base, EVLOOP_ONCE);
	double ms = (double)(now_thread_ns() - before) / 1e6;
	busiest = ms > busiest ? ms : busiest;
	total += ms;
	turns++;
}

static void begin(void)
{
	busiest = total = 0;
	turns = 0;
}

static void end(const char *what)
{
	printf("%-26s busiest turn %8.2f ms, all %9.1f ms in %" PRIu64 " turns\n", what, busiest,
		total, turns);
	fflush(stdout);
}

static void run_until_ready(void)
{
	while (publish_state(bed.c.publish) != PUBLISH_READY)
		turn();
}

static struct id16 id(uint32_t n)
{
	struct id16 i = {{0x7a, 0x50, 0, 0, 0, 0, 0x40, 0, 0x80}};

	memcpy(i.b + 12, &n, sizeof(n));
	return i;
}

static void add_destination(void)
{
	struct channel_destination d = {.did = id(1),
		.port = 42001,
		.delivery = DELIVERY_X3,
		.creation = 1,
		.address = {.family = 4, .b = {192, 0, 2, 1}}};

	if (registry_destination_find(bed.c.registry, 0, &d.did))
		return;
	struct registry_destination *new = registry_destination_new(0, &d, "<d/>", 4);
	new->ready = true;
	if (registry_destination_add(bed.c.registry, new) || persistence_destination(&bed.c, new, NULL))
		abort();
}

static void add_tasks(void)
{
	struct channel_task c = {.delivery = DELIVERY_X3, .n_destinations = 1, .did = {id(1)}};
	static char xml[900];

	memset(xml, 'x', sizeof(xml));
	c.filter.kinds = FILTER_ADDRESS;
	c.filter.n_address = 1;
	add_destination();
	for (uint32_t n = registry_task_count(bed.c.registry, 0); n < bed.tasks; n++) {
		c.xid = c.header_xid = id(n + 100);
		c.filter.address[0] = (struct ip_prefix){.family = 4,
			.length = 32,
			.b = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
		struct registry_task *t = registry_task_new(0, &c, xml, sizeof(xml));
		t->state = TASK_COMPLETE;
		if (registry_task_add(bed.c.registry, t))
			abort();
		if (persistence_task(&bed.c, t, NULL))
			abort();
		(void)!fault_raise(&t->faults, FAULT_LOSS, 1, "7 PDUs lost: slow");
	}
}

static void fire_event(enum channel_event_kind kind)
{
	struct channel_event e = {
		.kind = kind, .ne = *registry_ne_id(bed.c.registry, 0), .id = id(1)};
	uint64_t before = now_thread_ns();

	snprintf(e.text, sizeof(e.text), "delivering again");
	dataplane_hooks()->event(&bed.c, &e);
	busiest = (double)(now_thread_ns() - before) / 1e6;
}

static void drop_issues(void *context)
{
	struct issue i;

	while (issues_take(bed.c.issues, &i))
		;
}

static void control_up(void)
{
	const char *name = "ne-1";
	char why[256] = "";
	struct control *c = &bed.c;

	*c = (struct control){.config = &bed.config, .base = event_base_new()};
	c->registry = registry_new(1, &name);
	c->issues = issues_new(16384);
	issues_on_ready(c->issues, drop_issues, NULL);
	c->pending_reports = pending_reports_new(c);
	c->audit = audit_open(bed.audit, NULL);
	double before = (double)now_thread_ns() / 1e6;
	c->task_store = task_store_open(&bed.config, why, sizeof(why));
	double after = (double)now_thread_ns() / 1e6;
	if (!c->task_store || !c->audit)
		abort();
	printf("%-26s %8.2f ms ahead of the loop\n", "store read", after - before);
	c->publish = publish_new(c->base, &bed.config, c->registry, dataplane_hooks(), c);
	bed.dispatch = x1_dispatch_new(c, NULL, NULL);
}

static void control_down(void)
{
	struct control *c = &bed.c;

	x1_dispatch_stop(bed.dispatch);
	publish_free(c->publish);
	x1_dispatch_free(bed.dispatch);
	audit_close(c->audit);
	task_store_close(c->task_store);
	pending_reports_free(c->pending_reports);
	issues_free(c->issues);
	registry_free(c->registry);
	event_base_free(c->base);
}

static void deactivate_all(void)
{
	struct x1_container *c = calloc(1, sizeof(*c));
	struct http_request r = {.peer_uid = "admf-1", .peer_address = "192.0.2.1"};

	c->n_messages = 1;
	c->messages = calloc(1, sizeof(*c->messages));
	c->messages[0] = (struct x1_message){.type = X1_DEACTIVATE_ALL_TASKS,
		.admf_identifier = "admf-1",
		.ne_identifier = "ne-1",
		.version = "v1.8.1",
		.transaction = id(3)};
	x1_dispatch_container(bed.dispatch, &exchange, &r, c);
}

static void set_up(uint32_t tasks)
{
	bed.tasks = tasks;
	snprintf(bed.folder, sizeof(bed.folder), "/tmp/bench_turns.XXXXXX");
	if (!mkdtemp(bed.folder))
		abort();
	snprintf(bed.audit, sizeof(bed.audit), "%s/audit.jsonl", bed.folder);
	snprintf(bed.store, sizeof(bed.store), "%s/store", bed.folder);
	snprintf(bed.key, sizeof(bed.key), "%s/key", bed.folder);
	umask(077);
	FILE *f = fopen(bed.key, "w");
	if (!f || fputs("sixteen octets at least", f) < 0 || fclose(f))
		abort();
	bed.config = (struct config){.runtime_dir = bed.folder,
		.n_nes = 1,
		.store = {.file = bed.store, .key = bed.key},
		.limits = {.tasks = 2000000, .destinations = 100, .response = 60000}};
	bed.config.nes[0].ne_identifier = (char *)"ne-1";
	bed.config.nes[0].admf_identifier = (char *)"admf-1";
	bed.config.nes[0].x1 = (struct config_x1){.time1 = 600,
		.keepalive = {.enabled = true, .time_p2 = 36000},
		.deactivate_all_tasks = true};
}

static void run_until_empty(const char *what)
{
	while (registry_task_first(bed.c.registry, 0) || !LIST_EMPTY(&bed.c.fail_safes))
		turn();
	end(what);
}

static void run_until_written(const char *what)
{
	while (bed.c.rewrite.begun)
		turn();
	end(what);
}

static void return_destination(void)
{
	begin();
	fire_event(EVENT_DESTINATION_UP);
	while (!LIST_EMPTY(&bed.c.loss_walks))
		turn();
	end("a destination's return");
}

static void replace_dataplane(void)
{
	stop_dataplane();
	while (publish_state(bed.c.publish) == PUBLISH_READY)
		turn();
	start_dataplane();
	begin();
	run_until_ready();
	end("a new dataplane, replayed");
}

static void restart_both(void)
{
	control_down();
	stop_dataplane();
	start_dataplane();
	control_up();
	begin();
	run_until_ready();
	end("store taken back");
	begin();
	run_until_written("store written anew");
}

int main(int argc, char **argv)
{
	char command[128];

	set_up(argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000);
	log_set_level(LOG_LEVEL_ERROR);
	printf("%u tasks\n", bed.tasks);
	start_dataplane();
	control_up();
	run_until_ready();
	add_tasks();
	return_destination();
	replace_dataplane();
	persistence_heard(&bed.c, 0);
	restart_both();
	if (registry_task_count(bed.c.registry, 0) != bed.tasks)
		abort();
	begin();
	fire_event(EVENT_FAIL_SAFE);
	run_until_empty("the fail-safe");
	add_tasks();
	replace_dataplane();
	begin();
	deactivate_all();
	run_until_empty("DeactivateAllTasks");
	control_down();
	stop_dataplane();
	snprintf(command, sizeof(command), "rm -r %s", bed.folder);
	return system(command) != 0;
}
