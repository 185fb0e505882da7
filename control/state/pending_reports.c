// Keeps pending removals and what faults there are in the memo of their network element: with the
// dataplane, and in the sealed store.
#include "control/state/pending_reports.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "control/state/fault_raise.h"
#include "control/state/persistence.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"
#include "shared/wire.h"

#define MEMO_VERSION 3 // 1 lacks the faults, 2 the minor of an ADMF that is later than V1.8.1
#define FAULTS_OCTETS 16384
#define ENTRY_OCTETS 41
#define PENDING_REPORT_MAX 1000 // of one network element

#define MEMO_OCTETS (5 + PENDING_REPORT_MAX * ENTRY_OCTETS + FAULTS_OCTETS)

static_assert(MEMO_OCTETS <= CHANNEL_MEMO_MAX, "a memo holds them");

struct entry {
	LIST_ENTRY(entry) link;
	struct pending_report r;
	bool adopted; // asked by a process before
};

struct element {
	LIST_HEAD(, entry) entries;
	uint32_t n;
	bool dirty;
	bool sent; // something, by this process or by the one before
};

struct pending_reports {
	struct control *control;
	struct event *send;
	struct element element[REGISTRY_NES_MAX];
	uint8_t memo[MEMO_OCTETS];
};

static void send_element(struct pending_reports *o, uint16_t ne)
{
	struct element *e = &o->element[ne];
	const struct entry *at;
	struct wire_writer w = wire_writer_of(o->memo, sizeof(o->memo));

	uint16_t minor = o->control->admf_minor[ne];

	wire_put_u8(&w, minor ? MEMO_VERSION : MEMO_VERSION - 1);
	wire_put_u16(&w, (uint16_t)e->n);
	LIST_FOREACH (at, &e->entries, link) {
		wire_put_u8(&w, at->r.kind);
		wire_put_octets(&w, at->r.id.b, sizeof(at->r.id.b));
		wire_put_octets(&w, at->r.transaction.b, sizeof(at->r.transaction.b));
		wire_put_u64(&w, at->r.asked_ns);
	}
	fault_put_all(&w, *registry_ne_faults(o->control->registry, ne));
	if (minor)
		wire_put_u16(&w, minor);
	if (w.error) { // excluded by the kinds of faults there are
		log_error("channel: the memo of a network element is too large");
		return;
	}
	persistence_element(o->control, ne, o->memo, (uint32_t)wire_written(&w));
	if (publish_ne_memo(o->control->publish, ne, o->memo, (uint32_t)wire_written(&w)))
		return; // with the next connection
	e->dirty = false;
	e->sent = true;
}

void pending_reports_flush(struct pending_reports *o)
{
	for (uint16_t ne = 0; ne < registry_nes(o->control->registry); ne++)
		if (o->element[ne].dirty)
			send_element(o, ne);
}

static void on_send(evutil_socket_t fd, short what, void *arg)
{
	pending_reports_flush(arg);
}

static void changed(struct pending_reports *o, uint16_t ne)
{
	o->element[ne].dirty = true;
	event_active(o->send, EV_TIMEOUT, 0);
}

static bool add(struct pending_reports *o, const struct pending_report *r, bool adopted)
{
	struct element *e = &o->element[r->ne];
	struct entry *at = e->n < PENDING_REPORT_MAX ? malloc(sizeof(*at)) : NULL;

	if (!at)
		return false;
	*at = (struct entry){.r = *r, .adopted = adopted};
	LIST_INSERT_HEAD(&e->entries, at, link);
	e->n++;
	return true;
}

void pending_reports_add(struct pending_reports *o, const struct pending_report *r)
{
	if (!o)
		return;
	if (add(o, r, false))
		changed(o, r->ne);
	else
		log_warning("X1: more than %d pending removals; some will not be reported if "
			    "poi-control is killed",
			PENDING_REPORT_MAX);
}

static void drop(struct element *e, struct entry *gone)
{
	LIST_REMOVE(gone, link);
	e->n--;
	free(gone);
}

static void drop_all(struct element *e)
{
	// NOLINTBEGIN(clang-analyzer-unix.Malloc): each takes itself off the list
	while (!LIST_EMPTY(&e->entries))
		drop(e, LIST_FIRST(&e->entries));
	// NOLINTEND(clang-analyzer-unix.Malloc)
}

void pending_reports_done(struct pending_reports *o, uint16_t ne, const struct id16 *transaction)
{
	struct entry *at;

	if (!o)
		return;
	LIST_FOREACH (at, &o->element[ne].entries, link) {
		if (!id_equal(&at->r.transaction, transaction))
			continue;
		drop(&o->element[ne], at);
		changed(o, ne);
		return;
	}
}

void pending_reports_adopt(
	struct pending_reports *o, uint16_t ne, const uint8_t *memo, uint32_t length)
{
	struct wire_reader r = wire_reader_of(memo, length);
	struct pending_report request = {.ne = ne};

	if (!o)
		return;
	drop_all(&o->element[ne]);
	if (!length)
		return;
	o->element[ne].sent = true;
	uint8_t version = wire_get_u8(&r);
	uint16_t n = wire_get_u16(&r);
	bool known = version > 0 && version <= MEMO_VERSION;
	for (uint16_t i = 0; i < n && known; i++) {
		request.kind = wire_get_u8(&r);
		wire_get_octets(&r, request.id.b, sizeof(request.id.b));
		wire_get_octets(&r, request.transaction.b, sizeof(request.transaction.b));
		request.asked_ns = wire_get_u64(&r);
		if (r.error || !add(o, &request, true))
			break;
	}
	if (known && version > 1)
		(void)!fault_get_all(&r, registry_ne_faults(o->control->registry, ne));
	uint16_t minor = known && version > 2 ? wire_get_u16(&r) : 0;
	if (!r.error && !o->control->admf_minor[ne])
		o->control->admf_minor[ne] = minor;
	if (!known || wire_finish(&r))
		log_error("channel: a network element's memo cannot be read");
}

static bool tasks_left(const struct registry *r, const struct pending_report *q)
{
	for (const struct registry_task *t = registry_task_first(r, q->ne); t;
		t = registry_task_next(t))
		if (t->activated_ns <= q->asked_ns)
			return true;
	return false;
}

// 0 when it was done, else the code of its failure.
static int failure(const struct registry *r, const struct pending_report *q)
{
	switch (q->kind) {
	case PENDING_REPORT_DEACTIVATE:
		return registry_task_find(r, q->ne, &q->id) ? X1_ERR_DEACTIVATE : 0;
	case PENDING_REPORT_DEACTIVATE_ALL:
		return tasks_left(r, q) ? X1_ERR_DEACTIVATE_ALL : 0;
	case PENDING_REPORT_REMOVE:
		return registry_destination_find(r, q->ne, &q->id) ? X1_ERR_DESTINATION_REMOVE : 0;
	default:
		return registry_destination_first(r, q->ne) ? X1_ERR_REMOVE_ALL : 0;
	}
}

// A task that still exists is reported by its own memo, where that names the request.
static bool reported_by_task(const struct registry *r, const struct pending_report *q)
{
	const struct registry_task *t =
		q->kind == PENDING_REPORT_DEACTIVATE ? registry_task_find(r, q->ne, &q->id) : NULL;

	return t && id_equal(&t->pending_transaction, &q->transaction);
}

static void report(struct control *c, const struct pending_report *q)
{
	int code = failure(c->registry, q);
	enum issue_scope scope =
		q->kind == PENDING_REPORT_DEACTIVATE ? ISSUE_TASK : ISSUE_DESTINATION;

	if (q->kind == PENDING_REPORT_DEACTIVATE_ALL || q->kind == PENDING_REPORT_REMOVE_ALL)
		issue_actioned(c, ISSUE_NE, q->ne, NULL, &q->transaction, code,
			code == X1_ERR_DEACTIVATE_ALL ? "tasks are still active"
			: code			      ? "destinations are still there"
						      : NULL);
	else if (code && !reported_by_task(c->registry, q))
		issue_not_actioned(c, scope, q->ne, &q->id, &q->transaction, code, NULL);
	else if (!code)
		issue_actioned(c, scope, q->ne, &q->id, &q->transaction, 0, NULL);
}

static void drop_adopted(struct element *e, const struct id16 *transaction)
{
	for (struct entry *at = LIST_FIRST(&e->entries), *next; at; at = next) {
		next = LIST_NEXT(at, link);
		if (at->adopted && id_equal(&at->r.transaction, transaction)) {
			drop(e, at);
			e->dirty = true;
		}
	}
}

// The process before had reported the end, and was killed before it changed the memo.
static void drop_reported(struct pending_reports *o)
{
	const struct kept_report *r = kept_reports_first(registry_reports(o->control->registry));

	for (; r; r = kept_reports_next(r))
		if (!id_is_zero(&r->transaction))
			drop_adopted(&o->element[r->ne], &r->transaction);
}

void pending_reports_report_adopted(struct pending_reports *o)
{
	if (!o)
		return;
	drop_reported(o);
	for (uint16_t ne = 0; ne < registry_nes(o->control->registry); ne++) {
		struct element *e = &o->element[ne];

		for (struct entry *at = LIST_FIRST(&e->entries), *next; at; at = next) {
			next = LIST_NEXT(at, link);
			if (!at->adopted)
				continue;
			report(o->control, &at->r);
			drop(e, at);
			e->dirty = true;
		}
		if (e->dirty || e->sent) // what was sent last may not have arrived
			changed(o, ne);
	}
}

static void faults_changed(struct control *c, uint16_t ne)
{
	changed(c->pending_reports, ne);
}

struct pending_reports *pending_reports_new(struct control *c)
{
	struct pending_reports *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->control = c;
	o->send = evtimer_new(c->base, on_send, o);
	if (!o->send) {
		free(o);
		return NULL;
	}
	c->faults_changed = faults_changed;
	return o;
}

void pending_reports_free(struct pending_reports *o)
{
	if (!o)
		return;
	for (uint32_t ne = 0; ne < REGISTRY_NES_MAX; ne++)
		drop_all(&o->element[ne]);
	event_free(o->send);
	o->control->faults_changed = NULL;
	free(o);
}
