// GTPv2-C messages with what is piggybacked on them.

#include <stdlib.h>

#include "dataplane/signalling/signalling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static void inside(const struct gtpv2_message *m, struct span s)
{
	must(!s.length || (s.octets >= m->raw.octets &&
				  s.octets + s.length <= m->raw.octets + m->raw.length));
}

static bool has_address(const struct gtpv2_fteid *e)
{
	must(e->interface < 64 && e->instance < 16);
	return e->end.v4.family || e->end.v6.family;
}

static void message_right(const struct gtpv2_message *m)
{
	must(m->n_control <= 4 && m->n_bearers <= GTPV2_BEARERS_MAX);
	must(m->n_ebis <= GTPV2_BEARERS_MAX && m->n_csids <= PFCP_CSIDS_MAX);
	inside(m, m->apn);
	for (unsigned i = 0; i < m->n_csids; i++)
		inside(m, m->csid[i]);
	for (unsigned i = 0; i < m->n_control; i++)
		must(has_address(&m->control[i]) || m->control[i].end.teid);
	for (unsigned i = 0; i < m->n_bearers; i++) {
		must(m->bearer[i].n_ends <= GTPV2_ENDS_MAX && m->bearer[i].ebi < 16);
		for (unsigned k = 0; k < m->bearer[i].n_ends; k++)
			must(has_address(&m->bearer[i].end[k]));
	}
	must(!m->has_ue4 || (m->ue4.family == 4 && m->ue4.length == 32));
	must(!m->has_ue6 || (m->ue6.family == 6 && m->ue6.length > 0 && m->ue6.length <= 128));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gtpv2_message m;
	uint32_t used, at = 0;
	bool more = true;

	if (size > 65535)
		return 0;
	while (more) {
		enum signalling_reason why =
			gtpv2_decode(data + at, (uint32_t)size - at, &m, &used, &more);
		must(why < SIGNALLING_REASON_COUNT && used <= size - at);
		if (used == 0) // no way on
			return 0;
		must(used >= 4);
		if (signalling_usable(why))
			message_right(&m);
		at += used;
	}
	return 0;
}
