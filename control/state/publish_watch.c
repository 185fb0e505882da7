// Watches the ADMFs and the dataplane for silence. Sends the time of each ADMF's last contact to
// the dataplane, which runs the fail-safe's deadline, and runs it here while no dataplane is
// connected. Asks the dataplane for a sign of life once a second.
#include "control/state/publish_internal.h"

#include "shared/log.h"
#include "shared/now.h"

#define TICK_MS 100
#define ASK_MS 1000
#define HUNG_MS 5000

static uint64_t limit_ms(const struct publish *p, uint16_t ne)
{
	const struct config_keepalive *k = &p->config->nes[ne].x1.keepalive;

	return k->enabled ? (uint64_t)config_fail_safe_s(k) * 1000 + HEARD_INTERVAL_MS : 0;
}

// Silence that is reported before; 0: none.
static uint64_t report_ms(const struct publish *p, uint16_t ne)
{
	const struct config_keepalive *k = &p->config->nes[ne].x1.keepalive;
	uint64_t seconds = k->enabled ? config_silence_s(k) : 0;

	return seconds ? seconds * 1000 + HEARD_INTERVAL_MS : 0;
}

uint64_t publish_silence_ms(const struct publish *p, uint16_t ne)
{
	const struct publish_contact *c = &p->contact[ne];

	return c->known ? (uint64_t)((int64_t)now_monotonic_ms() - c->at_ms) : UINT64_MAX;
}

void publish_silence_known(struct publish *p, uint16_t ne, uint64_t silent_ms)
{
	struct publish_contact *c = &p->contact[ne];
	int64_t at = (int64_t)now_monotonic_ms() - (int64_t)silent_ms;

	if (!c->known || at > c->at_ms)
		c->at_ms = at;
	c->known = true;
}

void publish_deadline(const struct publish *p, uint16_t ne, struct channel_ne *m)
{
	uint64_t silent = publish_silence_ms(p, ne), limit = limit_ms(p, ne);

	m->fail_safe_ms = limit;
	m->silence_ms = report_ms(p, ne);
	m->remaining_ms = !limit || silent == UINT64_MAX ? 0 : silent < limit ? limit - silent : 1;
}

static void send_heard(struct publish *p, uint16_t ne)
{
	struct channel_heard h = {.ne = *registry_ne_id(p->registry, ne)};
	int64_t at = p->contact[ne].at_ms;

	if (at < 0) // before the machine's start: the deadline sent with the element holds
		    // it
		return;
	h.at_ms = (uint64_t)at;
	int rc = publish_submit(p,
		channel_encode_heard(
			p->scratch, sizeof(p->scratch), CHANNEL_NE_HEARD, publish_next(p), &h),
		NULL, NULL);
	if (rc)
		log_warning("channel: the fail-safe could not be moved: %s", poi_error_text(rc));
	else
		p->contact[ne].sent_ms = now_monotonic_ms();
}

void publish_heard(struct publish *p, uint16_t ne)
{
	struct publish_contact *c = &p->contact[ne];
	uint64_t now = now_monotonic_ms();

	c->known = true;
	c->fired = c->reported = false;
	c->at_ms = (int64_t)now;
	if (p->state >= PUBLISH_RECOVERY && now - c->sent_ms >= HEARD_INTERVAL_MS)
		send_heard(p, ne);
}

void publish_watch_connected(struct publish *p)
{
	for (uint16_t ne = 0; ne < registry_nes(p->registry); ne++) {
		p->contact[ne].sent_ms = 0;
		if (p->contact[ne].known)
			send_heard(p, ne);
	}
}

// Silence in milliseconds from which on the ADMF is late; 0: never.
static uint64_t late_ms(const struct config_keepalive *k)
{
	uint64_t half = (uint64_t)k->time_p1 * 500, rest = (uint64_t)k->time_p2 * 1000;

	if (!k->enabled || !k->time_p1)
		return 0;
	rest = rest > 2 * half ? (rest - 2 * half) / 2 : 0;
	return 2 * half + (half < rest ? half : rest);
}

bool publish_admf_late(const struct publish *p, uint16_t ne)
{
	uint64_t limit = late_ms(&p->config->nes[ne].x1.keepalive);

	return limit && p->contact[ne].known && publish_silence_ms(p, ne) >= limit;
}

static void look_at_keepalive(struct publish *p, uint16_t ne)
{
	struct publish_contact *c = &p->contact[ne];
	const struct config_ne *element = &p->config->nes[ne];
	bool late = publish_admf_late(p, ne);

	if (late == c->late)
		return;
	c->late = late;
	if (late)
		log_kind(WARNING, ADMF_LATE,
			"%s: the ADMF has sent nothing for longer than TIME_P1 (%u s): at %s "
			"(%u s) its tasks end",
			element->ne_identifier, element->x1.keepalive.time_p1,
			config_fail_safe_name(&element->x1.keepalive),
			config_fail_safe_s(&element->x1.keepalive));
	else
		log_kind(NOTICE, ADMF_LATE, "%s: the ADMF sends messages again",
			element->ne_identifier);
}

static void look_at_report(struct publish *p, uint16_t ne)
{
	struct publish_contact *c = &p->contact[ne];
	uint64_t limit = report_ms(p, ne);

	if (!limit || c->reported || publish_silence_ms(p, ne) < limit)
		return;
	c->reported = true;
	if (p->hooks.fell_silent)
		p->hooks.fell_silent(p->context, ne);
}

// A connected dataplane stops its tasks itself, also while it does not answer.
static void look_at_silence(struct publish *p, uint16_t ne)
{
	struct publish_contact *c = &p->contact[ne];
	uint64_t limit = limit_ms(p, ne);

	if (!limit || c->fired || p->state > PUBLISH_HELLO)
		return;
	if (!c->known && registry_task_first(p->registry, ne)) // it begins to count now
		publish_silence_known(p, ne, 0);
	if (!c->known)
		return;
	look_at_report(p, ne);
	if (publish_silence_ms(p, ne) < limit)
		return;
	c->fired = true;
	if (p->hooks.silent)
		p->hooks.silent(p->context, ne);
}

static void ask(struct publish *p)
{
	struct publish_question *q = &p->question;

	if (publish_submit(p,
		    channel_encode_empty(
			    p->scratch, sizeof(p->scratch), CHANNEL_ANSWER, publish_next(p)),
		    NULL, NULL))
		return;
	*q = (struct publish_question){.asked = true, .at_ms = now_monotonic_ms()};
}

static void look_at_dataplane(struct publish *p)
{
	struct publish_question *q = &p->question;
	uint64_t now = now_monotonic_ms();

	if (p->state < PUBLISH_RECOVERY) {
		*q = (struct publish_question){0};
		return;
	}
	if (!q->asked) {
		if (now - q->at_ms >= ASK_MS)
			ask(p);
		return;
	}
	if (q->hung || ++q->turns * TICK_MS < HUNG_MS || now - q->at_ms < HUNG_MS)
		return;
	q->hung = true;
	log_kind(WARNING, CHANNEL_DOWN, "channel: the dataplane is connected and does not answer");
	if (p->hooks.hung)
		p->hooks.hung(p->context, true);
}

void publish_watch_answered(struct publish *p)
{
	struct publish_question *q = &p->question;

	q->asked = false;
	if (!q->hung)
		return;
	q->hung = false;
	log_kind(NOTICE, CHANNEL_UP, "channel: the dataplane answers again");
	if (p->hooks.hung)
		p->hooks.hung(p->context, false);
}

uint64_t publish_unanswered_ms(const struct publish *p)
{
	uint64_t late = p->question.asked ? now_monotonic_ms() - p->question.at_ms : 0;

	return p->state > PUBLISH_HELLO && late > ASK_MS ? late : 0;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct publish *p = arg;

	for (uint16_t ne = 0; ne < registry_nes(p->registry); ne++) {
		look_at_keepalive(p, ne);
		look_at_silence(p, ne);
	}
	look_at_dataplane(p);
}

int publish_watch_start(struct publish *p)
{
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};

	p->tick = event_new(p->base, -1, EV_PERSIST, on_tick, p);
	return p->tick && !event_add(p->tick, &tick) ? 0 : POI_ERR_NOMEM;
}

void publish_watch_stop(struct publish *p)
{
	if (p->tick)
		event_free(p->tick);
	p->tick = NULL;
}
