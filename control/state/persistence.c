#include "control/state/persistence.h"

#include <stdio.h>
#include <time.h>

#include "control/state/dataplane_events.h"
#include "control/xml/x1_types.h"
#include "shared/log.h"

static const char not_written[] = "the sealed store cannot be written";

static uint64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec;
}

static int judge(struct control *c, int rc, struct store_mark *mark)
{
	if (rc == POI_ERR_IO)
		events_ne_fault(c, FAULT_STORE, not_written);
	if (!rc && mark)
		*mark = (struct store_mark){vault_position(c->vault), vault_rewrites(c->vault)};
	return rc;
}

int store_task(struct control *c, const struct registry_task *t, struct store_mark *mark)
{
	return c->vault ? judge(c, vault_put_task(c->vault, c->registry, t), mark) : 0;
}

int store_destination(
	struct control *c, const struct registry_destination *d, struct store_mark *mark)
{
	return c->vault ? judge(c, vault_put_destination(c->vault, c->registry, d), mark) : 0;
}

bool store_kept(const struct control *c, const struct store_mark *mark)
{
	return !c->vault || vault_durable(c->vault, mark->position);
}

bool store_rewritten(const struct control *c, const struct store_mark *mark)
{
	return c->vault && vault_rewrites(c->vault) != mark->rewrites;
}

void store_task_gone(struct control *c, uint16_t ne, const struct id16 *xid)
{
	if (c->vault)
		(void)judge(
			c, vault_remove_task(c->vault, registry_ne_id(c->registry, ne), xid), NULL);
}

void store_destination_gone(struct control *c, uint16_t ne, const struct id16 *did)
{
	if (c->vault)
		(void)judge(c,
			vault_remove_destination(c->vault, registry_ne_id(c->registry, ne), did),
			NULL);
}

static const char *discarded(enum vault_verdict verdict)
{
	switch (verdict) {
	case VAULT_STALE:
		return "database cleared: the stored tasks were discarded, the last contact with "
		       "the "
		       "ADMF is TIME_P2 or more ago";
	case VAULT_CLOCK:
		return "database cleared: the stored tasks were discarded, the clock lies before "
		       "the "
		       "last contact with the ADMF";
	case VAULT_INVALID:
		return "database cleared: the stored tasks were discarded, they do not fit "
		       "together";
	default:
		return "database cleared: network element started without tasks";
	}
}

void store_adopt(struct control *c)
{
	if (c->vault && vault_mark_restoring(c->vault))
		events_ne_fault(c, FAULT_STORE, not_written);
	for (uint16_t ne = 0; ne < registry_nes(c->registry); ne++) {
		enum vault_verdict verdict =
			c->vault ? vault_adopt(c->vault, c->registry, ne, now_s()) : VAULT_EMPTY;
		if (verdict == VAULT_ADOPTED) {
			log_notice("store: %u tasks and %u destinations of %s are taken back",
				registry_task_count(c->registry, ne),
				registry_destination_count(c->registry, ne),
				c->config->nes[ne].ne_identifier);
			events_audit(c, "restored", ne, 0, NULL);
			continue;
		}
		events_audit(c, "database-cleared", ne, 0, discarded(verdict));
		events_warning(c, ne, discarded(verdict));
	}
	if (audit_sync(c->audit))
		log_error("audit: the start is not on disk");
}

bool store_resume(struct control *c)
{
	if (!c->vault || !vault_restoring(c->vault))
		return false;
	log_notice("store: a restoration was cut off and is done again");
	c->fresh = true;
	store_adopt(c);
	return true;
}

bool store_restore(struct control *c)
{
	bool usable = false;

	for (uint16_t ne = 0; c->vault && ne < registry_nes(c->registry); ne++)
		usable |= vault_judge(c->vault, ne, now_s()) == VAULT_ADOPTED;
	if (!usable)
		return false;
	log_notice("store: it has the tasks that the dataplane was not given back");
	registry_clear(c->registry);
	c->fresh = true;
	store_adopt(c);
	return true;
}

uint64_t store_remaining_ms(const struct control *c, uint16_t ne)
{
	// Until the restoration is over; then the dataplane has its own deadline.
	return c->vault && c->fresh && !c->settled ? vault_remaining_ms(c->vault, ne, now_s()) : 0;
}

static void rewrite(struct control *c)
{
	if (vault_rewrite(c->vault, c->registry))
		events_ne_fault(c, FAULT_STORE, not_written);
	else
		events_ne_clear(c, FAULT_STORE, "the sealed store is written again");
}

void store_settle(struct control *c)
{
	c->settled = true;
	if (c->vault && vault_forget(c->vault)) // for the first time
		rewrite(c);
}

void store_heard(struct control *c, uint16_t ne)
{
	// Before that what lies on the disk is still to be judged by its own last contact.
	if (c->vault && (c->settled || c->fresh))
		vault_heard(c->vault, ne, registry_ne_id(c->registry, ne), now_s());
}

void store_sync(struct control *c)
{
	if (c->vault && vault_sync(c->vault))
		events_ne_fault(c, FAULT_STORE, not_written);
}

void store_tick(struct control *c)
{
	if (!c->vault || !publish_recovered(c->publish))
		return;
	if (vault_failed(c->vault) || vault_wants_rewrite(c->vault, c->registry))
		rewrite(c);
	else
		store_sync(c);
}
