// Limits the audit lines of peers that are not the responsible ADMF, and counts what is left out.
#include "control/audit/audit_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MS (60000 / AUDIT_LIMIT_PER_MINUTE) // of credit that one line costs
#define CREDIT_MAX_MS ((uint64_t)AUDIT_LIMIT_BURST * LINE_MS)

void audit_limit_init(struct audit_limit *l)
{
	*l = (struct audit_limit){.others.credit_ms = CREDIT_MAX_MS};
	STAILQ_INIT(&l->peers);
}

void audit_limit_free(struct audit_limit *l)
{
	struct audit_limit_peer *p;

	while ((p = STAILQ_FIRST(&l->peers)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->peers, entry);
		free(p);
	}
	l->n = 0;
}

static uint64_t credit(const struct audit_limit_peer *p, uint64_t now_ms)
{
	uint64_t all = p->credit_ms + (now_ms - p->since_ms);

	return all < CREDIT_MAX_MS ? all : CREDIT_MAX_MS;
}

// A bucket that is full again and owes no record remembers nothing.
static struct audit_limit_peer *reuse(struct audit_limit *l, uint64_t now_ms)
{
	struct audit_limit_peer *p;

	STAILQ_FOREACH (p, &l->peers, entry) {
		if (!p->left_out && credit(p, now_ms) == CREDIT_MAX_MS)
			return p;
	}
	return NULL;
}

static struct audit_limit_peer *find(struct audit_limit *l, const char *name, uint64_t now_ms)
{
	struct audit_limit_peer *p;

	STAILQ_FOREACH (p, &l->peers, entry) {
		if (!strncmp(p->name, name, sizeof(p->name) - 1))
			return p;
	}
	p = reuse(l, now_ms);
	if (p) {
		STAILQ_REMOVE(&l->peers, p, audit_limit_peer, entry);
	} else {
		p = l->n < AUDIT_LIMIT_PEERS ? calloc(1, sizeof(*p)) : NULL;
		if (!p)
			return &l->others;
		l->n++;
	}
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->credit_ms = CREDIT_MAX_MS;
	p->since_ms = now_ms;
	STAILQ_INSERT_TAIL(&l->peers, p, entry);
	return p;
}

bool audit_limit_admit(struct audit_limit *l, const char *peer, uint64_t now_ms)
{
	struct audit_limit_peer *p = find(l, peer, now_ms);

	p->credit_ms = credit(p, now_ms);
	p->since_ms = now_ms;
	if (p->credit_ms < LINE_MS) {
		p->left_out++;
		l->left_out++;
		return false;
	}
	p->credit_ms -= LINE_MS;
	return true;
}

uint64_t audit_limit_take(struct audit_limit *l, char name[static AUDIT_LIMIT_NAME])
{
	struct audit_limit_peer *p = &l->others;
	uint64_t n;

	if (!p->left_out) {
		STAILQ_FOREACH (p, &l->peers, entry) {
			if (p->left_out)
				break;
		}
	}
	if (!p)
		return 0;
	n = p->left_out;
	p->left_out = 0;
	memcpy(name, p->name, AUDIT_LIMIT_NAME);
	return n;
}
