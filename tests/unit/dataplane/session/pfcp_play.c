#include "tests/unit/dataplane/session/pfcp_play.h"

static uint32_t smf(const struct play *s)
{
	return s->smf ? s->smf : SMF;
}

static uint32_t upf(const struct play *s)
{
	return s->upf ? s->upf : UPF;
}

static const char *ni(const struct play *s)
{
	return s->ni ? s->ni : "internet";
}

static void to_upf(struct world *w, const struct play *s, struct lab *l)
{
	lab_end(l);
	world_take(w, l, SIGNALLING_PFCP, smf(s), upf(s));
}

static void to_smf(struct world *w, const struct play *s, struct lab *l)
{
	lab_end(l);
	world_take(w, l, SIGNALLING_PFCP, upf(s), smf(s));
}

static void pdr(struct lab *l, const struct play *s, uint16_t id)
{
	lab_open(l, 1);
	lab_ie16(l, 56, id);
	lab_ie32(l, 29, 255);
	lab_open(l, 2);
	lab_ie8(l, 20, id == 1 ? 0 : 1);
	if (id == 1 && s->given)
		lab_f_teid(l, s->uplink, N3_UPF);
	else if (id == 1)
		lab_choose(l, 5);
	lab_text(l, 22, ni(s));
	if (id == 2 && s->ue)
		lab_ue(l, s->ue);
	lab_close(l);
	lab_ie32(l, 108, id);
	lab_close(l);
}

void play_establish(struct world *w, const struct play *s, uint32_t sequence)
{
	struct lab l;

	lab_pfcp_session(&l, 50, 0, sequence);
	lab_node(&l, smf(s));
	lab_f_seid(&l, s->cp, smf(s));
	pdr(&l, s, 1);
	pdr(&l, s, 2);
	lab_open(&l, 3);
	lab_ie32(&l, 108, 1);
	lab_ie8(&l, 44, FORW);
	lab_open(&l, 4);
	lab_ie8(&l, 42, 1);
	lab_close(&l);
	lab_close(&l);
	lab_open(&l, 3);
	lab_ie32(&l, 108, 2);
	lab_ie8(&l, 44, BUFF);
	lab_close(&l);
	if (s->imsi || s->msisdn || s->imei || s->nai)
		lab_identities(&l, &(struct lab_identities){s->imsi, s->imei, s->msisdn, s->nai});
	to_upf(w, s, &l);
}

void play_established(struct world *w, const struct play *s, uint32_t sequence, uint8_t cause)
{
	struct lab l;

	lab_pfcp_session(&l, 51, s->cp, sequence);
	lab_node(&l, upf(s));
	lab_ie8(&l, 19, cause);
	if (cause == 1) {
		lab_f_seid(&l, s->up, upf(s));
		if (!s->given) {
			lab_open(&l, 8);
			lab_ie16(&l, 56, 1);
			lab_f_teid(&l, s->uplink, N3_UPF);
			lab_close(&l);
		}
	}
	to_smf(w, s, &l);
}

void play_modify(struct world *w, const struct play *s, uint32_t sequence, uint8_t action,
	uint32_t teid, uint32_t gnb)
{
	struct lab l;

	lab_pfcp_session(&l, 52, s->up, sequence);
	lab_open(&l, 10);
	lab_ie32(&l, 108, 2);
	lab_ie8(&l, 44, action);
	if (teid) {
		lab_open(&l, 11);
		lab_ie8(&l, 42, 0);
		lab_outer(&l, teid, gnb);
		lab_close(&l);
	}
	lab_close(&l);
	to_upf(w, s, &l);
}

void play_modified(struct world *w, const struct play *s, uint32_t sequence, uint8_t cause)
{
	struct lab l;

	lab_pfcp_session(&l, 53, s->cp, sequence);
	lab_ie8(&l, 19, cause);
	to_smf(w, s, &l);
}

void play_delete(struct world *w, const struct play *s, uint32_t sequence)
{
	struct lab l;

	lab_pfcp_session(&l, 54, s->up, sequence);
	to_upf(w, s, &l);
}

void play_deleted(struct world *w, const struct play *s, uint32_t sequence, uint8_t cause)
{
	struct lab l;

	lab_pfcp_session(&l, 55, s->cp, sequence);
	lab_ie8(&l, 19, cause);
	to_smf(w, s, &l);
}

void play_up(struct world *w, const struct play *s, uint32_t sequence, uint32_t teid, uint32_t gnb)
{
	play_establish(w, s, sequence);
	play_established(w, s, sequence, 1);
	play_modify(w, s, sequence + 1, FORW, teid, gnb);
	play_modified(w, s, sequence + 1, 1);
}

void play_setup(struct world *w, uint32_t sequence, uint32_t recovery)
{
	struct lab l;

	lab_pfcp(&l, 5, sequence);
	lab_node(&l, SMF);
	lab_ie32(&l, 96, recovery);
	lab_end(&l);
	world_take(w, &l, SIGNALLING_PFCP, SMF, UPF);
}

void play_setup_done(struct world *w, uint32_t sequence, uint32_t recovery)
{
	struct lab l;

	lab_pfcp(&l, 6, sequence);
	lab_node(&l, UPF);
	lab_ie8(&l, 19, 1);
	lab_ie32(&l, 96, recovery);
	lab_end(&l);
	world_take(w, &l, SIGNALLING_PFCP, UPF, SMF);
}
