#pragma once

// Start of the tests of one file about PFCP sessions: a world and two sessions to come, of two
// subscribers.

#include <criterion/criterion.h>

#include "shared/pdu.h"
#include "tests/unit/dataplane/session/pfcp_play.h"

#define UP PDU_DIRECTION_FROM_TARGET
#define DOWN PDU_DIRECTION_TO_TARGET

static struct world w;
static const struct play one = {
	.cp = 0x11, .up = 0x21, .uplink = 0x1001, .ue = 0x0a2d0002, .imsi = "001010000000001"};
static const struct play two = {
	.cp = 0x12, .up = 0x22, .uplink = 0x1002, .ue = 0x0a2d0003, .imsi = "001010000000002"};

static inline void begin(void)
{
	world_make(&w, NULL);
}

// Watch 1 is the first subscriber's.
static inline void begin_subscribed(void)
{
	world_make(&w, NULL);
	cr_assert_eq(world_subscribe_imsi(&w, 1, one.imsi), 0);
}

static inline void end(void)
{
	cr_expect(!w.broken);
	world_end(&w);
}

static inline bool uplink(const struct play *s, uint64_t subscription)
{
	return world_tunnel(&w, subscription, CONFIG_LINK_N3, UP, s->uplink, N3_UPF);
}

static inline bool downlink(uint64_t subscription, uint32_t teid, uint32_t gnb)
{
	return world_tunnel(&w, subscription, CONFIG_LINK_N3, DOWN, teid, gnb);
}
