// poi-control: the X1 side of the point of interception. main() is the table of contents.

#include <event2/event.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <openssl/crypto.h>

#include "control/state/control.h"
#include "control/audit/credentials.h"
#include "control/state/dataplane_events.h"
#include "control/state/fault_raise.h"
#include "control/http/http2.h"
#include "control/http/listener.h"
#include "control/observe/metrics.h"
#include "control/state/pending_reports.h"
#include "control/observe/config_reload.h"
#include "control/report/reports.h"
#include "control/observe/status_server.h"
#include "control/observe/health.h"
#include "control/report/x1_client.h"
#include "control/x1/x1_dispatch.h"
#include "shared/harden.h"
#include "shared/log.h"
#include "shared/now.h"
#include "shared/sandbox.h"
#include "shared/version.h"

#define DEFAULT_FILE "/etc/poi/poi.yaml"
#define ISSUES_MAX 16384

struct program {
	struct config *config;
	struct config *listening; // the listener's own once the file was read again
	struct control control;
	struct x1_decoder *plain, *strict; // any UUID; version 4 alone
	struct x1_dispatch *dispatch;
	struct listener *listener;
	struct reports *reports;
	struct status_server *status;
	struct health *health;
	struct metrics *metrics;
	struct event *sigterm, *sigint, *sighup;
};

static int usage(FILE *out, int code)
{
	fprintf(out,
		"Usage: poi-control [-c FILE]\n"
		"Serves X1 (ETSI TS 103 221-1) for the network elements of the configuration.\n\n"
		"  -c FILE      configuration, default " DEFAULT_FILE "\n"
		"      --help     this text\n"
		"      --version  the version\n\n"
		"SIGHUP reads the configuration and certificates again and opens the audit log "
		"anew;\n"
		"what needs a restart is named in the log. SIGTERM stops.\n");
	return code;
}

static void print_version(void)
{
	printf("poi-control %s, X1 %s, channel %u; OpenSSL %s, libxml2 %s, nghttp2 %s, libcurl %s, "
	       "libevent %s\n",
		POI_VERSION, POI_X1_VERSION, (unsigned)CHANNEL_VERSION,
		OpenSSL_version(OPENSSL_VERSION_STRING), x1_decode_library(), http2_library(),
		x1_client_library(), event_get_version());
}

// Returns -1 to go on, else the exit code.
static int parse_options(int argc, char **argv, const char **file)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int o;

	*file = DEFAULT_FILE;
	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			*file = optarg;
			break;
		case 'h':
			return usage(stdout, 0);
		case 'V':
			print_version();
			return 0;
		default:
			return usage(stderr, 1);
		}
	}
	return optind == argc ? -1 : usage(stderr, 1);
}

// Targets are in this process's memory: it leaves no core, is not traced by its own user, and makes
// no file that others can read.
static void harden(void)
{
	// Large answers come from the system and go back to it at once, and grow without copying.
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	if (harden_process() || harden_no_dump()) {
		perror("poi-control: cannot switch core dumps off");
		exit(1);
	}
}

static void audit_local(struct program *p, const char *act)
{
	struct audit_record r = {.act = act, .note = POI_VERSION};

	if (audit_write(p->control.audit, &r) || audit_sync(p->control.audit))
		fault_raise_all(&p->control, FAULT_AUDIT, "the audit log cannot be written");
}

static void on_stop(evutil_socket_t signal_number, short what, void *arg)
{
	struct program *p = arg;

	log_kind(NOTICE, STOPPING, "stopping on signal %d", (int)signal_number);
	sd_notify(0, "STOPPING=1");
	event_base_loopbreak(p->control.base);
}

static void say_reload(void *context, const char *line)
{
	if (!strstr(line, "needs a restart")) {
		log_notice("configuration: %s", line);
		return;
	}
	log_kind(NOTICE, NEEDS_RESTART, "configuration: %s", line);
}

static void say_nothing(void *context, const char *line)
{
}

// Announces elements that the listener already serves to the other modules; the registry's indices
// are the configuration's.
static void take_over(struct program *p, struct config *fresh)
{
	struct control *c = &p->control;
	char why[512] = "";

	config_reload_exchange(p->config, fresh);
	for (uint32_t i = registry_nes(c->registry); i < p->config->n_nes; i++) {
		if (registry_ne_add(c->registry, p->config->nes[i].ne_identifier) < 0)
			log_error("configuration: a network element could not be added");
	}
	if (reports_add(p->reports, why, sizeof(why)))
		log_error("configuration: reports of the added network elements: %s", why);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		int rc = publish_ne(c->publish, ne);
		if (rc && rc != POI_ERR_CLOSED) // without a connection: with the next one
			log_error("channel: a network element was not defined: %s",
				poi_error_text(rc));
		fault_warn(c, ne, "the configuration was read again");
	}
	log_set_level(log_level_of(p->config->log.level));
	health_reloaded(p->health);
}

// The file as it is to be from now on, or NULL with `why`.
static struct config *read_again(
	struct program *p, config_reload_say say, char *why, size_t why_size)
{
	struct config *fresh = config_load(p->config->file, why, why_size);
	int rc = fresh ? config_reload_merge(p->config, fresh, say, NULL) : 0;

	if (!rc)
		return fresh;
	snprintf(why, why_size, "%s", poi_error_text(rc));
	config_free(fresh);
	return NULL;
}

static void on_reload(evutil_socket_t signal_number, short what, void *arg)
{
	struct program *p = arg;
	char why[1024] = "out of memory";

	audit_local(p, "reload");
	audit_reopen(p->control.audit);
	// Two of them: the listener compares what it has with what it gets, and keeps its own.
	struct config *fresh = read_again(p, say_reload, why, sizeof(why));
	struct config *listening = fresh ? read_again(p, say_nothing, why, sizeof(why)) : NULL;
	if (!listening || listener_configure(p->listener, listening, why, sizeof(why))) {
		config_free(fresh);
		config_free(listening);
		log_kind(ERROR, RELOAD_REFUSED,
			"configuration: reload rejected, the old one stays: %s", why);
		return;
	}
	config_free(p->listening);
	p->listening = listening;
	take_over(p, fresh);
	config_free(fresh); // what was before
	log_kind(NOTICE, RELOADED, "the configuration and the certificates were read again");
}

static struct audit *open_audit(const struct config *c, char *why, size_t why_size)
{
	uint8_t root[CREDENTIAL_KEY_SIZE];
	int rc = credential_key(c->audit.key, "audit-key", root);
	struct audit *a = NULL;

	if (rc == 0 || rc == POI_ERR_NOT_FOUND)
		a = audit_open(c->audit.file, root);
	else
		snprintf(why, why_size, "the key of the audit log (%s): %s",
			c->audit.key ? c->audit.key : "credential audit-key", poi_error_text(rc));
	if (rc == POI_ERR_NOT_FOUND)
		log_warning("audit: no key (audit.key or credential audit-key): the chain shows "
			    "accidents, not forgery");
	explicit_bzero(root, sizeof(root));
	return a;
}

// Sockets are polled again after 5 ms at the latest: an event that activates itself again, as a
// long response does, runs behind all others that are ready.
static struct event_base *new_base(void)
{
	const struct timeval most = {.tv_usec = 5000};
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c && !event_config_set_max_dispatch_interval(c, &most, 64, 0))
		base = event_base_new_with_config(c);
	if (c)
		event_config_free(c);
	return base;
}

static int start_state(struct program *p, char *why, size_t why_size)
{
	const char *identifiers[CONFIG_NES_MAX];
	struct control *c = &p->control;

	for (uint32_t i = 0; i < p->config->n_nes; i++)
		identifiers[i] = p->config->nes[i].ne_identifier;
	c->config = p->config;
	c->started_ms = now_monotonic_ms();
	c->base = new_base();
	c->registry = registry_new((uint16_t)p->config->n_nes, identifiers);
	c->issues = issues_new(ISSUES_MAX);
	c->pending_reports = c->base ? pending_reports_new(c) : NULL;
	c->audit = open_audit(p->config, why, why_size);
	if (p->config->store.file) {
		c->task_store = task_store_open(p->config, why, why_size);
		if (!c->task_store)
			return POI_ERR_IO;
	}
	return c->base && c->registry && c->issues && c->pending_reports && c->audit
		       ? 0
		       : POI_ERR_NOMEM;
}

static int start_x1(struct program *p, char *why, size_t why_size)
{
	struct control *c = &p->control;

	const struct config_limits *l = &p->config->limits;
	p->plain = x1_decoder_new(l->attributes, l->messages, false);
	p->strict = x1_decoder_new(l->attributes, l->messages, true);
	if (!p->plain || !p->strict) {
		snprintf(why, why_size, "the X1 schema cannot be loaded");
		return POI_ERR_INVALID;
	}
	p->reports = reports_new(c, p->plain, why, why_size);
	if (!p->reports)
		return POI_ERR_TLS;
	c->publish = publish_new(c->base, p->config, c->registry, dataplane_hooks(), c);
	p->dispatch = c->publish ? x1_dispatch_new(c, p->plain, p->strict) : NULL;
	if (!p->dispatch) {
		snprintf(why, why_size, "out of memory");
		return POI_ERR_NOMEM;
	}
	c->incarnation = publish_incarnation(c->publish);
	p->listener =
		listener_new(c->base, p->config, x1_dispatch_request, p->dispatch, why, why_size);
	if (!p->listener)
		return POI_ERR_IO;
	p->status = status_server_new(c, p->listener, why, why_size);
	if (!p->status)
		return POI_ERR_IO;
	p->metrics = metrics_new(c, p->listener, why, why_size);
	if (!p->metrics)
		return POI_ERR_IO;
	p->health = health_new(c);
	return p->health ? 0 : POI_ERR_NOMEM;
}

// From here on only what serving needs.
static int confine(const struct config *config, char *why, size_t why_size)
{
	if (!config->sandbox) {
		log_kind(
			WARNING, NOT_CONFINED, "not confined: sandbox is off in the configuration");
		return 0;
	}
	struct sandbox *s = sandbox_new(SANDBOX_CONTROL);
	int rc = s ? sandbox_config(s, config) : POI_ERR_NOMEM;
	if (!rc)
		rc = sandbox_enter(s, why, why_size);
	sandbox_free(s);
	return rc;
}

static int start_signals(struct program *p)
{
	p->sigterm = evsignal_new(p->control.base, SIGTERM, on_stop, p);
	p->sigint = evsignal_new(p->control.base, SIGINT, on_stop, p);
	p->sighup = evsignal_new(p->control.base, SIGHUP, on_reload, p);
	if (!p->sigterm || !p->sigint || !p->sighup || event_add(p->sigterm, NULL) ||
		event_add(p->sigint, NULL) || event_add(p->sighup, NULL))
		return POI_ERR_NOMEM;
	return 0;
}

static void stop(struct program *p)
{
	struct control *c = &p->control;
	struct event *signals[] = {p->sigterm, p->sigint, p->sighup};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i])
			event_free(signals[i]);
	}
	health_free(p->health);
	metrics_free(p->metrics);
	status_server_free(p->status);
	if (p->dispatch)
		x1_dispatch_stop(p->dispatch);
	if (c->pending_reports && c->publish)
		pending_reports_flush(c->pending_reports);
	publish_free(c->publish);
	c->publish = NULL;
	x1_dispatch_free(p->dispatch);
	if (p->listener)
		listener_free(p->listener);
	reports_free(p->reports);
	if (p->plain)
		x1_decoder_free(p->plain);
	if (p->strict)
		x1_decoder_free(p->strict);
	if (c->audit)
		audit_record_left_out(c->audit);
	if (c->audit && c->registry)
		audit_local(p, "stop");
	if (c->audit)
		audit_log_head(c->audit);
	audit_close(c->audit);
	task_store_close(c->task_store);
	pending_reports_free(c->pending_reports);
	issues_free(c->issues);
	registry_free(c->registry);
	if (c->base)
		event_base_free(c->base);
	config_free(p->listening);
	config_free(p->config);
}

int main(int argc, char **argv)
{
	struct program p = {0};
	char why[1024] = "out of memory";
	const char *file;
	int code = parse_options(argc, argv, &file);

	if (code >= 0)
		return code;
	harden();
	p.config = config_load(file, why, sizeof(why));
	if (!p.config) {
		fprintf(stderr, "poi-control: %s\n", why);
		return 1;
	}
	log_open("poi-control", log_level_of(p.config->log.level));
	log_set_target(p.config->log.target);
	harden_lock_memory();
	code = 1;
	if (status_server_make_runtime_dir(p.config->runtime_dir, why, sizeof(why)) ||
		start_state(&p, why, sizeof(why)) || start_x1(&p, why, sizeof(why)) ||
		start_signals(&p) || confine(p.config, why, sizeof(why))) {
		log_kind(ERROR, START_FAILED, "cannot start: %s", why);
		goto out;
	}
	audit_local(&p, "start");
	sd_notify(0, "READY=1");
	log_kind(NOTICE, STARTED, "poi-control %s serves %u network elements", POI_VERSION,
		p.config->n_nes);
	code = event_base_dispatch(p.control.base) < 0 ? 1 : 0;
out:
	stop(&p);
	return code;
}
