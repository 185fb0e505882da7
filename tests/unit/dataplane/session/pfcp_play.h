#pragma once

// The messages of one session between an SMF and a UPF, as most of them look: PDR 1 uplink, PDR 2
// downlink, FAR 1 to the core, FAR 2 to the base station.

#include "tests/unit/dataplane/session/signalling_lab.h"

#define SMF 0x0a000001u
#define UPF 0x0a000002u
#define N3_UPF 0x0a010002u
#define GNB_A 0x0a020001u
#define GNB_B 0x0a020002u
#define FORW 2
#define BUFF 4

struct play { // content of a session's messages
	uint64_t cp, up;
	uint32_t uplink;   // local F-TEID at N3_UPF
	uint32_t ue;	   // address
	const char *imsi;  // NULL: none
	const char *msisdn, *imei, *nai; // likewise
	const char *ni;	   // NULL: "internet"
	bool given;	   // the SMF gives the F-TEID
	uint32_t smf, upf; // 0: SMF and UPF
};

void play_establish(struct world *w, const struct play *s, uint32_t sequence);
void play_established(struct world *w, const struct play *s, uint32_t sequence, uint8_t cause);
// Update FAR 2.
void play_modify(struct world *w, const struct play *s, uint32_t sequence, uint8_t action,
	uint32_t teid, uint32_t gnb);
void play_modified(struct world *w, const struct play *s, uint32_t sequence, uint8_t cause);
void play_delete(struct world *w, const struct play *s, uint32_t sequence);
void play_deleted(struct world *w, const struct play *s, uint32_t sequence, uint8_t cause);
// All of the above up to the first tunnel towards the base station; uses three sequence numbers.
void play_up(struct world *w, const struct play *s, uint32_t sequence, uint32_t teid, uint32_t gnb);
void play_setup(struct world *w, uint32_t sequence, uint32_t recovery);
void play_setup_done(struct world *w, uint32_t sequence, uint32_t recovery);
