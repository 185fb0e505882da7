#pragma once

// GTPv2-C between the nodes of the tests of one file, which includes this, and what it binds.

#include <criterion/criterion.h>

#include "shared/pdu.h"
#include "tests/unit/dataplane/session/signalling_lab.h"

#define UP PDU_DIRECTION_FROM_TARGET
#define DOWN PDU_DIRECTION_TO_TARGET
#define MME 0x0a000011u
#define SGW 0x0a000012u
#define ENB_A 0x0a020001u
#define ENB_B 0x0a020002u
#define SGW_U 0x0a010003u
#define PGW_U 0x0a010004u
#define NAS 0x0a000021u
#define SERVER 0x0a000022u

static struct world w;
static const char imsi[] = "001010000000001";

static inline void begin(void)
{
	world_make(&w, NULL);
	cr_assert_eq(world_subscribe_imsi(&w, 1, imsi), 0);
}

static inline void end(void)
{
	cr_expect(!w.broken);
	world_end(&w);
}

static inline void take(struct lab *l, uint32_t from, uint32_t to)
{
	lab_gtpv2_end(l);
	world_take(&w, l, SIGNALLING_GTPV2C, from, to);
}

static inline void send(struct lab *l, bool up)
{
	take(l, up ? MME : SGW, up ? SGW : MME);
}

// A PDN connection with the default bearer `ebi`.
static inline void create_of(uint32_t sgw, uint32_t client, uint8_t ebi, uint32_t sequence)
{
	struct lab l;

	lab_gtpv2(&l, 32, ebi == 5 ? 0 : 0x72, sequence);
	lab_gtpv2_imsi(&l, imsi);
	lab_gtpv2_f_teid(&l, 0, 10, client, MME);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, ebi);
	lab_gtpv2_close(&l);
	take(&l, MME, sgw);
}

// The user's control TEIDs are 0x71 and 0x72.
static inline void create(uint8_t ebi, uint32_t sequence)
{
	create_of(SGW, 0x71, ebi, sequence);
}

static inline void created(uint8_t ebi, uint32_t sequence, uint8_t cause, uint32_t ue)
{
	struct lab l;

	lab_gtpv2(&l, 33, 0x71, sequence);
	lab_gtpv2_ie8(&l, 2, cause);
	if (cause == 16) {
		lab_gtpv2_f_teid(&l, 0, 11, 0x72, SGW);
		lab_gtpv2_paa(&l, ue);
		lab_gtpv2_open(&l, 93, 0);
		lab_gtpv2_ie8(&l, 73, ebi);
		lab_gtpv2_ie8(&l, 2, 16);
		lab_gtpv2_f_teid(&l, 0, 1, 0x100u + ebi, SGW_U);
		lab_gtpv2_f_teid(&l, 2, 5, 0x200u + ebi, PGW_U);
		lab_gtpv2_close(&l);
	}
	send(&l, false);
}

// `recovery`: negative when it is absent.
static inline void created_at(uint32_t sgw, uint32_t client, uint32_t server, uint32_t sequence,
	uint32_t teid, int recovery)
{
	struct lab l;

	lab_gtpv2(&l, 33, client, sequence);
	lab_gtpv2_ie8(&l, 2, 16);
	if (recovery >= 0)
		lab_gtpv2_ie8(&l, 3, (uint8_t)recovery);
	lab_gtpv2_f_teid(&l, 0, 11, server, sgw);
	lab_gtpv2_open(&l, 93, 0);
	lab_gtpv2_ie8(&l, 73, 5);
	lab_gtpv2_ie8(&l, 2, 16);
	lab_gtpv2_f_teid(&l, 0, 1, teid, SGW_U);
	lab_gtpv2_close(&l);
	take(&l, sgw, MME);
}

static inline void modify_ask(struct lab *l, uint8_t interface, uint8_t ebi, uint32_t sequence,
	uint32_t teid, uint32_t enb)
{
	lab_gtpv2(l, 34, 0x72, sequence);
	lab_gtpv2_open(l, 93, 0);
	lab_gtpv2_ie8(l, 73, ebi);
	lab_gtpv2_f_teid(l, 0, interface, teid, enb);
	lab_gtpv2_close(l);
}

static inline void modify_of(
	uint8_t interface, uint8_t ebi, uint32_t sequence, uint32_t teid, uint32_t enb)
{
	struct lab l;

	modify_ask(&l, interface, ebi, sequence, teid, enb);
	send(&l, true);
}

static inline void modify(uint8_t ebi, uint32_t sequence, uint32_t teid, uint32_t enb)
{
	modify_of(0, ebi, sequence, teid, enb);
}

static inline void answer(uint8_t type, uint32_t sequence, uint8_t cause)
{
	struct lab l;

	lab_gtpv2(&l, type, 0x71, sequence);
	lab_gtpv2_ie8(&l, 2, cause);
	send(&l, false);
}

static inline void delete (uint8_t ebi, uint32_t sequence)
{
	struct lab l;

	lab_gtpv2(&l, 36, 0x72, sequence);
	lab_gtpv2_ie8(&l, 73, ebi);
	send(&l, true);
}

static inline void bearer_ask(struct lab *l, uint32_t client_teid, uint32_t sequence, uint32_t teid)
{
	lab_gtpv2(l, 95, client_teid, sequence);
	lab_gtpv2_ie8(l, 73, 5);
	lab_gtpv2_open(l, 93, 0);
	lab_gtpv2_ie8(l, 73, 0);
	lab_gtpv2_f_teid(l, 0, 1, teid, SGW_U);
	lab_gtpv2_close(l);
}

static inline void bearer_asked(
	uint32_t client, uint32_t client_teid, uint32_t sequence, uint32_t teid)
{
	struct lab l;

	bearer_ask(&l, client_teid, sequence, teid);
	take(&l, SGW, client);
}

// `ebi` 0: refused.
static inline void bearer_answer(
	struct lab *l, uint32_t sequence, uint8_t ebi, uint32_t teid, uint32_t enb_teid)
{
	lab_gtpv2(l, 96, 0x72, sequence);
	lab_gtpv2_ie8(l, 2, ebi ? 16 : 88);
	if (ebi) {
		lab_gtpv2_open(l, 93, 0);
		lab_gtpv2_ie8(l, 73, ebi);
		lab_gtpv2_ie8(l, 2, 16);
		lab_gtpv2_f_teid(l, 0, 0, enb_teid, ENB_A);
		lab_gtpv2_f_teid(l, 1, 1, teid, SGW_U);
		lab_gtpv2_close(l);
	}
}

static inline void bearer_answered(uint32_t sequence, uint8_t ebi, uint32_t teid, uint32_t enb_teid)
{
	struct lab l;

	bearer_answer(&l, sequence, ebi, teid, enb_teid);
	send(&l, true);
}

static inline void delete_bearer(uint32_t sequence, uint8_t ebi, uint8_t cause)
{
	struct lab l;

	lab_gtpv2(&l, 99, 0x71, sequence);
	lab_gtpv2_open(&l, 73, 1);
	lab_u8(&l, ebi);
	lab_gtpv2_close(&l);
	send(&l, false);
	lab_gtpv2(&l, 100, 0x72, sequence);
	lab_gtpv2_ie8(&l, 2, cause);
	send(&l, true);
}

static inline bool s1(uint8_t direction, uint32_t teid, uint32_t address)
{
	return world_tunnel(&w, 1, CONFIG_LINK_N3, direction, teid, address);
}
