// Finds values that a user plane was to choose and did not report.

#include "dataplane/session/session_rules_internal.h"

static bool has_pdr(const struct rules *r, uint16_t id)
{
	for (unsigned i = 0; i < r->n_pdrs; i++)
		if (r->pdr[i].id == id)
			return true;
	return false;
}

static bool has_endpoint(const struct rules *r, uint8_t id)
{
	for (unsigned i = 0; i < r->n_endpoints; i++)
		if (r->endpoint[i].id == id)
			return true;
	return false;
}

static bool fteid_untold(const struct pfcp_fteid *asked, const struct pfcp_fteid *given,
	const struct pfcp_message *request, const struct pfcp_message *response)
{
	if (!asked->choose || given)
		return false;
	return !asked->has_choose_id ||
	       !rules_created_for_group(request, response, asked->choose_id);
}

static bool has_user(const struct rules *r, uint8_t family)
{
	for (unsigned i = 0; i < r->n_pdrs + r->n_endpoints; i++) {
		const struct rule_pdi *d =
			i < r->n_pdrs ? &r->pdr[i].pdi : &r->endpoint[i - r->n_pdrs].pdi;
		for (unsigned j = 0; j < d->n_ue; j++)
			if (d->ue[j].family == family)
				return true;
	}
	return false;
}

// The UPF may report the address with one rule for all.
static bool user_untold(const struct rules *r, const struct ue_address *ue, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (ue[i].asked && !has_user(r, ue[i].prefix.family))
			return true;
	return false;
}

bool rules_untold(const struct rules *r, const struct pfcp_message *request,
	const struct pfcp_message *response)
{
	for (unsigned i = 0; i < request->n_pdrs; i++) {
		const struct pfcp_pdr *m = &request->pdr[i].v;
		if (!has_pdr(r, m->id))
			continue; // removed, or failed
		if (fteid_untold(&m->pdi.fteid, rules_created(response, true, m->id), request,
			    response) ||
			user_untold(r, m->pdi.ue, m->pdi.n_ue))
			return true;
	}
	for (unsigned i = 0; i < request->n_endpoints; i++) {
		const struct pfcp_endpoint *m = &request->endpoint[i].v;
		if (!has_endpoint(r, m->id))
			continue;
		if (fteid_untold(
			    &m->fteid, rules_created(response, false, m->id), request, response) ||
			user_untold(r, m->ue, m->n_ue))
			return true;
	}
	return false;
}
