// Looks once a second at certificates, limits, audit log, store and dataplane.
#include "control/observe/health.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "shared/log.h"
#include "shared/now.h"
#include "shared/tls.h"

#define HEAD_EVERY_S 60
#define CERTIFICATES_EVERY_S 3600
#define DATAPLANE_WITHIN_S 10

// Days before a certificate's end at which it is warned of.
static const int certificate_days[] = {30, 14, 7, 1};
#define STAGES (sizeof(certificate_days) / sizeof(certificate_days[0]))

struct element {
	uint8_t certificate_stage; // warnings given of this network element's certificate
	bool tasks_warned, destinations_warned;
};

struct health {
	struct control *control;
	struct event *tick, *watchdog;
	uint64_t started_s, head_s, certificates_s; // next time
	char state[160];			    // as the service manager was last notified
	uint8_t delivery_stage;
	struct element element[CONFIG_NES_MAX];
};

// Warnings that the certificate has reached; renewed ones begin anew. Returns whether to warn now.
static bool next_stage(uint8_t *stage, int days)
{
	uint8_t reached = 0;

	while (reached < STAGES && days <= certificate_days[reached])
		reached++;
	bool warn = reached > *stage;
	*stage = reached;
	return warn;
}

// Warns of one certificate where it is due. Returns what is wrong with it, NULL when nothing is.
static const char *look_at(
	struct health *w, uint16_t ne, const char *what, const char *file, uint8_t *stage)
{
	char text[FAULT_TEXT_MAX];
	int days = tls_certificate_days_left(file);

	if (days == INT_MIN)
		return "cannot be read";
	if (days < 0)
		return "has expired";
	if (stage && next_stage(stage, days)) {
		snprintf(
			text, sizeof(text), "the certificate of %s expires in %d days", what, days);
		fault_warn(w->control, ne, text);
	}
	return NULL;
}

static void look_at_certificates(struct health *w)
{
	struct control *c = w->control;
	const char *delivery = c->config->delivery.tls.certificate;
	uint8_t stage = w->delivery_stage;
	char text[FAULT_TEXT_MAX];

	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		const char *what = "X1", *wrong = NULL;

		if (c->config->nes[ne].tls.certificate)
			wrong = look_at(w, ne, what, c->config->nes[ne].tls.certificate,
				&w->element[ne].certificate_stage);
		if (!wrong && delivery) {
			w->delivery_stage = stage; // every ADMF hears of it
			what = "delivery";
			wrong = look_at(w, ne, what, delivery, &w->delivery_stage);
		}
		if (wrong) {
			snprintf(text, sizeof(text), "the certificate of %s %s", what, wrong);
			fault_raise_ne(c, ne, FAULT_CERTIFICATE, text);
		} else {
			fault_clear_ne(
				c, ne, FAULT_CERTIFICATE, "the certificates are valid again");
		}
	}
}

// Warns once when `n` comes to 90 % of `limit`; anew after it was below 80 %.
static void look_at_limit(
	struct health *w, uint16_t ne, const char *what, uint32_t n, uint32_t limit, bool *warned)
{
	char text[FAULT_TEXT_MAX];

	if (!limit || (uint64_t)n * 10 < (uint64_t)limit * 8) {
		*warned = false;
		return;
	}
	if (*warned || (uint64_t)n * 10 < (uint64_t)limit * 9)
		return;
	*warned = true;
	snprintf(text, sizeof(text), "nearly exhausted: %u of %u %s", n, limit, what);
	fault_warn(w->control, ne, text);
}

static void look_at_audit(struct health *w)
{
	struct control *c = w->control;
	struct audit_record r = {.act = "written-again"};
	char note[64];

	if (!audit_failed(c->audit)) {
		if (!audit_sync(c->audit))
			fault_clear_all(c, FAULT_AUDIT, "the audit log is written again");
		return;
	}
	fault_raise_all(c, FAULT_AUDIT, "the audit log cannot be written");
	audit_reopen(c->audit);
	snprintf(note, sizeof(note), "%llu records were lost since the start",
		(unsigned long long)audit_lost(c->audit));
	r.note = note;
	if (!audit_write(c->audit, &r) && !audit_sync(c->audit))
		fault_clear_all(c, FAULT_AUDIT, "the audit log is written again");
}

static void look_at_dataplane(struct health *w, uint64_t now_s)
{
	struct control *c = w->control;

	if (!publish_recovered(c->publish) && now_s >= w->started_s + DATAPLANE_WITHIN_S)
		fault_raise_all(c, FAULT_DATAPLANE_LOST,
			"the dataplane was not reached since the start: nothing is captured "
			"that is not captured already");
}

// What systemctl status shows. How many tasks there are is nobody's business there.
static void notify_state(struct health *w)
{
	struct control *c = w->control;
	uint32_t n = registry_nes(c->registry), faults = 0;
	char state[sizeof(w->state)];

	for (uint32_t ne = 0; ne < n; ne++)
		faults += fault_count(*registry_ne_faults(c->registry, (uint16_t)ne));
	snprintf(state, sizeof(state), "STATUS=%u network element%s; poi-dataplane %s; %u fault%s",
		n, n == 1 ? "" : "s",
		publish_state(c->publish) <= PUBLISH_HELLO ? "away"
		: publish_unanswered_ms(c->publish)	   ? "does not answer"
							   : "connected",
		faults,
		faults == 1 ? "" : "s");
	if (!strcmp(state, w->state))
		return;
	memcpy(w->state, state, sizeof(state));
	(void)sd_notify(0, state);
}

void health_tick(struct health *w, uint64_t now_s)
{
	struct control *c = w->control;

	if (!w->started_s) {
		w->started_s = now_s;
		w->head_s = now_s + HEAD_EVERY_S;
	}
	look_at_audit(w);
	persistence_tick(c);
	notify_state(w);
	look_at_dataplane(w, now_s);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		struct element *e = &w->element[ne];
		look_at_limit(w, ne, "tasks", registry_task_count(c->registry, ne),
			c->config->limits.tasks, &e->tasks_warned);
		look_at_limit(w, ne, "destinations", registry_destination_count(c->registry, ne),
			c->config->limits.destinations, &e->destinations_warned);
	}
	if (now_s >= w->certificates_s) {
		w->certificates_s = now_s + CERTIFICATES_EVERY_S;
		look_at_certificates(w);
	}
	if (now_s >= w->head_s) {
		w->head_s = now_s + HEAD_EVERY_S;
		audit_log_head(c->audit);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	health_tick(arg, now_monotonic_s());
	log_tick();
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	sd_notify(0, "WATCHDOG=1");
}

void health_reloaded(struct health *w)
{
	w->certificates_s = 0;
}

struct health *health_new(struct control *c)
{
	struct health *w = calloc(1, sizeof(*w));
	struct timeval second = {.tv_sec = 1};
	uint64_t usec = 0;

	if (!w)
		return NULL;
	w->control = c;
	w->tick = event_new(c->base, -1, EV_PERSIST, on_tick, w);
	if (!w->tick || event_add(w->tick, &second))
		goto fail;
	if (sd_watchdog_enabled(0, &usec) > 0 && usec) {
		struct timeval half = {.tv_sec = (time_t)(usec / 2000000),
			.tv_usec = (suseconds_t)(usec / 2 % 1000000)};
		w->watchdog = event_new(c->base, -1, EV_PERSIST, on_watchdog, w);
		if (!w->watchdog || event_add(w->watchdog, &half))
			goto fail;
	}
	return w;
fail:
	health_free(w);
	return NULL;
}

void health_free(struct health *w)
{
	if (!w)
		return;
	if (w->tick)
		event_free(w->tick);
	if (w->watchdog)
		event_free(w->watchdog);
	free(w);
}
