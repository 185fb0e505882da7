// Bundles of PFCP messages: every step leads on within the octets, and decoded values point into
// the message and stay within its bounds.

#include <stdlib.h>

#include "dataplane/signalling/signalling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

struct range {
	const uint8_t *from, *to;
};

static void inside(struct range r, struct span s)
{
	must(!s.length || (s.octets >= r.from && s.octets + s.length <= r.to));
}

static void ue_right(const struct ue_address *ue, unsigned n)
{
	must(n <= PFCP_UE_MAX);
	for (unsigned i = 0; i < n; i++) {
		must(ue[i].prefix.family == 4 || ue[i].prefix.family == 6);
		must(ue[i].prefix.length <= (ue[i].prefix.family == 4 ? 32 : 128));
		must(ue[i].choose ? ue[i].prefix.length == 0 : ue[i].prefix.length > 0);
	}
}

static void fteid_right(const struct pfcp_fteid *f)
{
	bool address = f->end.v4.family || f->end.v6.family;

	must(f->present ? address != f->choose : !address);
}

static void message_right(struct range r, const struct pfcp_message *m)
{
	must(m->n_pdrs <= PFCP_PDRS_MAX && m->n_fars <= PFCP_FARS_MAX);
	must(m->n_endpoints <= PFCP_ENDPOINTS_MAX && m->n_removed <= PFCP_REMOVED_MAX);
	must(m->n_csids <= PFCP_CSIDS_MAX);
	inside(r, m->raw);
	inside(r, m->dnn);
	inside(r, m->node.value);
	inside(r, m->user.nai);
	for (unsigned i = 0; i < m->n_csids; i++)
		inside(r, m->csid[i]);
	for (unsigned i = 0; i < m->n_pdrs; i++) {
		const struct pfcp_pdr *p = &m->pdr[i].v;
		must(p->has_id && p->n_qers <= PFCP_QERS_MAX && p->pdi.n_sdf <= PFCP_SDFS_MAX);
		must(m->pdr[i].part <= PFCP_CREATED);
		inside(r, p->pdi.ni);
		for (unsigned k = 0; k < p->pdi.n_sdf; k++)
			inside(r, p->pdi.sdf[k].flow);
		ue_right(p->pdi.ue, p->pdi.n_ue);
		ue_right(p->ue, p->n_ue);
		fteid_right(&p->pdi.fteid);
		fteid_right(&p->local);
	}
	for (unsigned i = 0; i < m->n_fars; i++) {
		must(m->far[i].v.has_id && m->far[i].part <= PFCP_UPDATE);
		inside(r, m->far[i].v.ni);
	}
	for (unsigned i = 0; i < m->n_endpoints; i++) {
		must(m->endpoint[i].v.has_id);
		inside(r, m->endpoint[i].v.ni);
		ue_right(m->endpoint[i].v.ue, m->endpoint[i].v.n_ue);
		fteid_right(&m->endpoint[i].v.fteid);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pfcp_message m;
	uint32_t used, at = 0;
	bool more = true;

	if (size > 65535)
		return 0;
	while (more) {
		enum signalling_reason why =
			pfcp_decode(data + at, (uint32_t)size - at, &m, &used, &more);
		must(why < SIGNALLING_REASON_COUNT && used <= size - at);
		if (used == 0) // no way on
			return 0;
		must(used >= 4);
		if (signalling_usable(why))
			message_right((struct range){data + at, data + at + used}, &m);
		at += used;
	}
	return 0;
}
