// Finds the GTPv2-C sessions that a message is about.

#include "dataplane/session/session_gtpv2_internal.h"
#include "dataplane/session/session_key_internal.h"
#include "dataplane/session/session_subscription_internal.h"
#include "dataplane/session/session_unpack_internal.h"

uint32_t gtpv2_ebi_bit(uint8_t ebi)
{
	return ebi < 16 ? (1u << ebi) & ~1u : 0; // what has none yet is numbered beyond
}

static uint32_t ebis_of(const struct rules *r)
{
	uint32_t ebis = gtpv2_ebi_bit(r->default_ebi);

	for (unsigned i = 0; i < r->n_bearers; i++)
		ebis |= gtpv2_ebi_bit(r->bearer[i].ebi);
	return ebis;
}

bool gtpv2_is_connection(struct sessions *st, const struct session *s, uint8_t linked)
{
	struct unpacked *u = unpack_open(st, s);
	const uint8_t ebi = u->rules.default_ebi;

	unpack_close(st, u);
	return linked == 0 || ebi == 0 || ebi == linked;
}

uint32_t gtpv2_ebis(struct sessions *st, const struct session *s)
{
	struct unpacked *u = unpack_open(st, s);
	const uint32_t ebis = ebis_of(&u->rules);

	unpack_close(st, u);
	return ebis;
}

unsigned gtpv2_sessions_of(struct sessions *st, const struct gtpv2_end *end, uint32_t ebis,
	uint32_t out[OF_A_USER_MAX])
{
	uint32_t found[INDEX_RUN_MAX];
	uint32_t n = session_candidates(&st->index,
		key_seid(st, end->up ? KEY_UP : KEY_CP, 1, end->address, end->teid), found);
	unsigned matched = 0;

	if (end->teid == 0)
		return 0; // names none
	for (uint32_t i = 0; i < n; i++) {
		struct session *s = session_at(st, found[i]);
		struct f_seid own[2];
		if (!s || (s->kind != KIND_S11 && s->kind != KIND_S5))
			continue;
		record_seids(s, &own[0], &own[1]);
		if (!seid_at(&own[end->up], end->address, end->teid) ||
			(ebis && !(gtpv2_ebis(st, s) & ebis)))
			continue;
		if (matched < OF_A_USER_MAX) {
			out[matched++] = s->index;
		} else {
			s->flags |= SESSION_LOSS;
			session_mark(st, s);
		}
	}
	return matched;
}

void gtpv2_attach(struct sessions *st, struct transaction *t, uint32_t index, uint8_t missed)
{
	struct session *s = session_at(st, index);

	if (!s)
		return;
	struct selectors *before = session_before(st, s);
	if (t->session == SESSION_NONE)
		transaction_attach(st, t, s);
	else if (!transaction_sibling(st, t, s))
		s->flags |= SESSION_LOSS;
	session_missed(st, s, missed);
	session_heard(st, s);
	session_after(st, s, before, CAUSE_MESSAGE);
}

struct f_seid gtpv2_control_of(const struct gtpv2_fteid *f, const struct ip_address *sender)
{
	struct f_seid end = {
		.present = true, .seid = f->end.teid, .v4 = f->end.v4, .v6 = f->end.v6};

	pfcp_own_address(&end, sender);
	return end;
}

const struct gtpv2_fteid *gtpv2_control(const struct gtpv2_message *m, uint8_t instance)
{
	for (unsigned i = 0; i < m->n_control; i++)
		if (m->control[i].instance == instance)
			return &m->control[i];
	return NULL;
}

bool gtpv2_from_server(uint8_t type)
{
	return type == GTPV2_CREATE_BEARER_REQUEST || type == GTPV2_UPDATE_BEARER_REQUEST ||
	       type == GTPV2_DELETE_BEARER_REQUEST;
}
