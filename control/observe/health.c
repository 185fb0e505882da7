// Looks once a second at certificates, limits, audit log, store and dataplane.
#include "control/observe/health.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <systemd/sd-daemon.h>

#include "control/observe/certificate.h"
#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "shared/log.h"
#include "shared/now.h"
#include "shared/tls.h"

#define HEAD_EVERY_S 60
#define CERTIFICATES_EVERY_S 60
#define DAY_S 86400
#define PLACES 3	// that are written to
#define STORAGE_LOW 5	// percent
#define STORAGE_ROOM 8 // percent
#define DATAPLANE_WITHIN_S 10

// Days before a certificate's end at which it is warned of.
static const int certificate_days[] = {30, 14, 7, 1};
#define STAGES (sizeof(certificate_days) / sizeof(certificate_days[0]))

// The CA certificates and CRL in use: new connections use the files of the last start or reload.
struct trust {
	bool loaded, crl_warned;
	uint8_t ca_stage; // warnings given of the authorities
	int64_t ca_end, crl_end; // of what was loaded; seconds since 1970, INT64_MAX: none
};

struct element {
	uint8_t certificate_stage; // warnings given of this network element's certificate
	struct trust trust, delivery;
	bool tasks_warned, destinations_warned;
};

struct health {
	struct control *control;
	struct event *tick, *watchdog;
	uint64_t started_s, head_s, certificates_s; // next time
	char state[160];			    // as the service manager was last notified
	uint8_t delivery_stage;
	bool storage_warned[PLACES];
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

// Warns of authorities and revocation lists where it is due. Returns what is wrong with them, NULL
// when nothing is.
static const char *look_at_trust(struct health *w, uint16_t ne, const char *what,
	const struct config_tls *tls, struct trust *t)
{
	int64_t now = (int64_t)now_wall_s(), ca = INT64_MAX, from = 0, crl = INT64_MAX;
	char text[FAULT_TEXT_MAX];

	if (tls->ca && certificate_ca_end(tls->ca, &ca))
		return "cannot be read: tls.ca";
	if (tls->crl && certificate_crl_life(tls->crl, &from, &crl))
		return "cannot be read: tls.crl";
	if (!t->loaded)
		*t = (struct trust){.loaded = true,
			.crl_warned = t->crl_warned,
			.ca_stage = t->ca_stage,
			.ca_end = ca,
			.crl_end = crl};
	if (ca <= now)
		return "names an authority that has expired: its peers cannot connect";
	if (crl <= now)
		return "names a revocation list that has run out: no peer can connect";
	if (t->ca_end <= now || t->crl_end <= now)
		return "has run out; the files are newer: reload poi-control";
	int64_t days = (ca - now) / DAY_S;
	if (next_stage(&t->ca_stage, days < INT_MAX ? (int)days : INT_MAX)) {
		snprintf(text, sizeof(text), "an authority of %s expires in %d days", what,
			(int)days);
		fault_warn(w->control, ne, text);
	}
	bool late = crl != INT64_MAX && crl - now < (crl - from) / 4;
	if (late && !t->crl_warned) {
		snprintf(text, sizeof(text), "the revocation list of %s runs out in %lld hours",
			what, (long long)((crl - now) / 3600));
		fault_warn(w->control, ne, text);
	}
	t->crl_warned = late;
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
			w->delivery_stage = stage; // every ADMF is notified
			what = "delivery";
			wrong = look_at(w, ne, what, delivery, &w->delivery_stage);
		}
		const char *file = "certificate";
		if (!wrong) {
			file = "trust (tls.ca, tls.crl)";
			what = "X1";
			wrong = look_at_trust(
				w, ne, what, &c->config->nes[ne].tls, &w->element[ne].trust);
		}
		if (!wrong) {
			what = "delivery"; // poi-dataplane's: what it has loaded is not known here
			w->element[ne].delivery.loaded = false;
			wrong = look_at_trust(w, ne, what, &c->config->delivery.tls,
				&w->element[ne].delivery);
		}
		if (wrong) {
			snprintf(text, sizeof(text), "the %s of %s %s", file, what, wrong);
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

// Warns every ADMF once when a file system that we write to is nearly full; anew after there was room.
static void look_at_storage(struct health *w)
{
	const struct config *c = w->control->config;
	const struct {
		const char *what, *path;
	} places[PLACES] = {{"the audit log", c->audit.file}, {"the sealed store", c->store.file},
		{"the spool", c->delivery.spool.folder}};
	char text[FAULT_TEXT_MAX];
	struct statvfs s;

	for (size_t i = 0; i < PLACES; i++) {
		if (!places[i].path || statvfs(places[i].path, &s) || !s.f_blocks)
			continue;
		unsigned left = (unsigned)(s.f_bavail * 100 / s.f_blocks);
		bool low = left < STORAGE_LOW || (w->storage_warned[i] && left < STORAGE_ROOM);
		if (low && !w->storage_warned[i]) {
			snprintf(text, sizeof(text),
				"storage nearly full: %u %% left where %s is written", left,
				places[i].what);
			for (uint16_t ne = 0; ne < registry_nes(w->control->registry); ne++)
				fault_warn(w->control, ne, text);
		}
		w->storage_warned[i] = low;
	}
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

	if (publish_recovered(c->publish) || now_s < w->started_s + DATAPLANE_WITHIN_S)
		return;
	fault_raise_all(c, FAULT_DATAPLANE_LOST,
		"the dataplane was not reached since the start: nothing is captured "
		"that is not captured already");
	issues_release(c->issues);
}

// Writes the line of systemctl status. The number of tasks is not shown there.
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
		look_at_storage(w);
	}
	if (now_s >= w->head_s) {
		w->head_s = now_s + HEAD_EVERY_S;
		audit_record_left_out(c->audit);
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
	for (unsigned ne = 0; ne < CONFIG_NES_MAX; ne++)
		w->element[ne].trust.loaded = false;
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
