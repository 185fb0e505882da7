// Puts state changes into the sealed store, and takes them back at a start.
#include "control/state/persistence.h"

#include <stdio.h>

#include "control/state/fault_raise.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"
#include "shared/now.h"

static const char not_written[] = "the sealed store cannot be written";

static int judge(struct control *c, int rc, struct persistence_position *at)
{
	if (rc == POI_ERR_IO)
		fault_raise_all(c, FAULT_STORE, not_written);
	if (!rc && at)
		*at = (struct persistence_position){
			task_store_position(c->task_store), task_store_rewrites(c->task_store)};
	return rc;
}

int persistence_task(
	struct control *c, const struct registry_task *t, struct persistence_position *at)
{
	return c->task_store ? judge(c, task_store_put_task(c->task_store, c->registry, t), at) : 0;
}

int persistence_destination(
	struct control *c, const struct registry_destination *d, struct persistence_position *at)
{
	return c->task_store
		       ? judge(c, task_store_put_destination(c->task_store, c->registry, d), at)
		       : 0;
}

int persistence_object(struct control *c, const struct object *o, struct persistence_position *at)
{
	return c->task_store ? judge(c, task_store_put_object(c->task_store, c->registry, o), at)
			     : 0;
}

bool persistence_kept(const struct control *c, const struct persistence_position *at)
{
	return !c->task_store || task_store_durable(c->task_store, at->position);
}

bool persistence_rewritten(const struct control *c, const struct persistence_position *at)
{
	return c->task_store && (task_store_rewrites(c->task_store) != at->rewrites ||
					task_store_rewriting(c->task_store));
}

void persistence_task_gone(struct control *c, uint16_t ne, const struct id16 *xid)
{
	if (c->task_store)
		(void)judge(c,
			task_store_remove_task(c->task_store, registry_ne_id(c->registry, ne), xid),
			NULL);
}

void persistence_tasks_stopped(struct control *c, uint16_t ne)
{
	if (c->task_store)
		(void)judge(c,
			task_store_stop_tasks(c->task_store, registry_ne_id(c->registry, ne)),
			NULL);
}

void persistence_destination_gone(struct control *c, uint16_t ne, const struct id16 *did)
{
	if (c->task_store)
		(void)judge(c,
			task_store_remove_destination(
				c->task_store, registry_ne_id(c->registry, ne), did),
			NULL);
}

void persistence_object_gone(struct control *c, uint16_t ne, const struct id16 *id)
{
	if (c->task_store)
		(void)judge(c,
			task_store_remove_object(
				c->task_store, registry_ne_id(c->registry, ne), id),
			NULL);
}

void persistence_task_state(struct control *c, const struct registry_task *t)
{
	if (!t->modifying && !t->removing)
		(void)persistence_task(c, t, NULL);
}

void persistence_destination_state(struct control *c, const struct registry_destination *d)
{
	if (!d->modifying && !d->removing)
		(void)persistence_destination(c, d, NULL);
}

void persistence_element(struct control *c, uint16_t ne, const uint8_t *memo, uint32_t length)
{
	// Until then the store's is that of the process before.
	if (c->task_store && publish_recovered(c->publish))
		(void)judge(c, task_store_put_element(c->task_store, c->registry, ne, memo, length),
			NULL);
}

int persistence_report(struct control *c, const struct kept_report *r)
{
	return c->task_store ? judge(c, task_store_put_report(c->task_store, c->registry, r), NULL)
			     : 0;
}

void persistence_report_gone(struct control *c, const struct kept_report *r)
{
	if (c->task_store)
		(void)judge(c, task_store_remove_report(c->task_store, c->registry, r), NULL);
}

void persistence_take_reports(struct control *c)
{
	int rc = c->task_store ? task_store_take_reports(c->task_store, c->registry) : 0;

	if (rc)
		log_error("store: reports of an earlier process are lost: %s", poi_error_text(rc));
}

static const char *discarded(enum task_store_verdict verdict)
{
	switch (verdict) {
	case TASK_STORE_STALE:
		return "database cleared: the stored tasks were discarded, the last contact with "
		       "the "
		       "ADMF is TIME_P2 or more ago";
	case TASK_STORE_CLOCK:
		return "database cleared: the stored tasks were discarded, the clock lies before "
		       "the "
		       "last contact with the ADMF";
	case TASK_STORE_INVALID:
		return "database cleared: the stored tasks were discarded, they do not fit "
		       "together";
	default:
		return "database cleared: the network element started without tasks, and no "
		       "store shows that it had none";
	}
}

// A fault that stands until a change of the ADMF is in force.
static void cleared(struct control *c, uint16_t ne, enum task_store_verdict verdict)
{
	if (verdict == TASK_STORE_BARE) {
		log_notice("store: %s had neither tasks nor destinations",
			c->config->nes[ne].ne_identifier);
		return;
	}
	audit_act(c, "database-cleared", ne, NULL, 0, discarded(verdict));
	fault_raise_ne(c, ne, FAULT_DATABASE, discarded(verdict));
}

void persistence_adopt_begin(struct control *c)
{
	if (c->task_store && task_store_begin_restoring(c->task_store))
		fault_raise_all(c, FAULT_STORE, not_written);
	c->restoring_ne = 0;
	c->restoring_tasks = false;
}

static void adopted(struct control *c, uint16_t ne)
{
	log_notice("store: restored %u tasks and %u destinations of %s",
		registry_task_count(c->registry, ne), registry_destination_count(c->registry, ne),
		c->config->nes[ne].ne_identifier);
	audit_act(c, "restored", ne, NULL, 0, NULL);
	publish_silence_known(
		c->publish, ne, task_store_silence_ms(c->task_store, ne, now_wall_s()));
}

// Tasks of a network element that is being taken back. AGAIN while it goes on.
static int adopt_task(struct control *c, uint16_t ne)
{
	int rc = task_store_adopt_step(c->task_store, c->registry, ne);

	if (rc == POI_ERR_AGAIN)
		return rc;
	c->restoring_tasks = false;
	c->restoring_ne++;
	if (rc)
		cleared(c, ne, TASK_STORE_INVALID);
	else
		adopted(c, ne);
	return POI_ERR_AGAIN;
}

int persistence_adopt_step(struct control *c)
{
	uint16_t ne = c->restoring_ne;
	enum task_store_verdict verdict;

	if (c->restoring_tasks)
		return adopt_task(c, ne);
	if (ne >= registry_nes(c->registry)) {
		if (audit_sync(c->audit))
			log_error("audit: the start is not on disk");
		return 0;
	}
	verdict = c->task_store
			  ? task_store_adopt_begin(c->task_store, c->registry, ne, now_wall_s())
			  : TASK_STORE_EMPTY;
	c->restoring_tasks = verdict == TASK_STORE_ADOPTED;
	if (c->restoring_tasks)
		return POI_ERR_AGAIN;
	cleared(c, ne, verdict);
	c->restoring_ne++;
	return POI_ERR_AGAIN;
}

static void adopt(struct control *c)
{
	persistence_adopt_begin(c);
	while (persistence_adopt_step(c) == POI_ERR_AGAIN)
		;
}

bool persistence_resume(struct control *c)
{
	if (!c->task_store || !task_store_restoring(c->task_store))
		return false;
	log_notice("store: repeating a restoration that was interrupted");
	c->fresh = true;
	adopt(c);
	return true;
}

bool persistence_restore(struct control *c)
{
	bool usable = false;

	for (uint16_t ne = 0; c->task_store && ne < registry_nes(c->registry); ne++)
		usable |= task_store_judge(c->task_store, ne, now_wall_s()) == TASK_STORE_ADOPTED;
	if (!usable)
		return false;
	log_notice("store: restoring tasks that were never replayed to the dataplane");
	registry_clear(c->registry);
	c->fresh = true;
	adopt(c);
	return true;
}

static void rewritten(struct control *c, int rc)
{
	if (rc)
		fault_raise_all(c, FAULT_STORE, not_written);
	else
		fault_clear_all(c, FAULT_STORE, "the sealed store is written again");
}

static enum slice_result rewrite_step(void *context)
{
	struct control *c = context;
	int rc = task_store_rewrite_step(c->task_store, c->registry);

	if (rc == POI_ERR_AGAIN)
		return SLICE_MORE;
	rewritten(c, rc);
	return SLICE_DONE;
}

static void rewrite(struct control *c)
{
	int rc;

	if (c->rewrite.begun)
		return;
	rc = task_store_rewrite_begin(c->task_store, c->registry);
	if (rc)
		rewritten(c, rc);
	else
		slice_begin(publish_slices(c->publish), &c->rewrite, rewrite_step, NULL, c);
}

void persistence_stop(struct control *c)
{
	slice_end(publish_slices(c->publish), &c->rewrite);
	if (c->task_store)
		task_store_rewrite_stop(c->task_store);
}

void persistence_follow_registry(struct control *c)
{
	c->agreed = true;
	if (c->task_store && task_store_forget(c->task_store)) // for the first time
		rewrite(c);
}

void persistence_heard(struct control *c, uint16_t ne)
{
	uint64_t now = now_wall_s();

	if (c->task_store &&
		(c->agreed || c->fresh ||
			task_store_judge(c->task_store, ne, now) == TASK_STORE_ADOPTED))
		task_store_heard(c->task_store, ne, registry_ne_id(c->registry, ne), now);
}

void persistence_sync(struct control *c)
{
	if (c->task_store && task_store_sync(c->task_store))
		fault_raise_all(c, FAULT_STORE, not_written);
}

void persistence_tick(struct control *c)
{
	if (!c->task_store || !publish_recovered(c->publish))
		return;
	if (task_store_failed(c->task_store) ||
		task_store_wants_rewrite(c->task_store, c->registry))
		rewrite(c);
	if (!task_store_failed(c->task_store))
		persistence_sync(c);
}
