#pragma once

// The keys by which sessions, selectors and everything else are indexed.

#include "dataplane/session/session_selector_internal.h"

enum key_kind {
	KEY_CP = 1,
	KEY_UP,
	KEY_CP_SEID,
	KEY_UP_SEID,
	KEY_IMSI,
	KEY_MSISDN,
	KEY_IMEI,
	KEY_NAI,
	KEY_NAME,
	KEY_SELECTOR,
	KEY_IMEISV,
	KEY_TRANSACTION,
	KEY_OCTETS,
	KEY_PAIR,
	KEY_STRING,
	KEY_SUBSCRIPTION,
	KEY_BINDING,
	KEY_NI,
	KEY_STOPPED,
	KEY_PATH,
	KEY_CORRELATION,
	KEY_HASHED
};
uint8_t protocol_of(enum session_kind kind); // sessions of one protocol compete
uint64_t key_seid(const struct sessions *st, enum key_kind kind, uint8_t protocol,
	const struct ip_address *address, uint64_t seid); // address NULL: the SEID alone
uint64_t key_number(const struct sessions *st, enum key_kind kind, uint64_t value);
uint64_t key_text(const struct sessions *st, enum key_kind kind, const void *octets, size_t length);
// Indexes that a hash may stand for; the caller verifies.
uint32_t session_candidates(
	const struct session_index *x, uint64_t hash, uint32_t out[INDEX_RUN_MAX]);
uint64_t selector_hash(const struct sessions *st, enum session_kind kind, const struct selector *w);
#define SESSION_KEYS_MAX 24
unsigned session_keys(const struct sessions *st, const struct rules *r, uint64_t *out);
bool seid_at(const struct f_seid *f, const struct ip_address *a, uint64_t seid);
