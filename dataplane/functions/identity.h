#pragma once

// Identities that a record names, and the targets of tasks that they satisfy. Values are target
// data: they never reach a log, a metric or an error text.

#include <stdbool.h>
#include <stdint.h>

#include "shared/identity_hash.h"
#include "shared/nf_event.h"
#include "shared/session_target.h"

enum identity_kind {
	IDENTITY_IMSI,
	IDENTITY_MSISDN,
	IDENTITY_IMEI, // 14 digits
	IDENTITY_IMEISV,
	IDENTITY_NAI,
};

struct identity {
	uint8_t kind;	// enum identity_kind
	uint8_t length; // octets of `text`
	bool supi;	// the user's SUPI, or one of several; an IMSI always is
	const char *text;
};

#define IDENTITIES_MAX 16

struct identities { // of one user; the texts are the caller's
	uint8_t n;
	struct identity at[IDENTITIES_MAX];
	struct nf_seid cp, up; // of the user's session; without address: none
};

// Adds one unless it is there; one too many, or too long for a target, is left out.
void identities_add(
	struct identities *to, enum identity_kind kind, const char *text, uint32_t length);
// The same of a SUPI.
void identities_add_supi(
	struct identities *to, enum identity_kind kind, const char *text, uint32_t length);
void identities_join(struct identities *to, const struct identities *from);
// They cannot be of one user: both have a SUPI and share none; else they share nothing. An IMEI and
// an IMEISV of one device are shared. Two without any identity do not differ.
bool identities_differ(const struct identities *a, const struct identities *b);
// They differ, and not only because each names what the other leaves out: their SUPIs, or a kind
// that both have, have other values.
bool identities_contradict(const struct identities *a, const struct identities *b);

// ---- targets ----

// Every kind that a target has is satisfied. `digests`: what hashes the identities, NULL where the
// target has no digest.
bool target_shown(
	const struct session_target *t, const struct identities *by, struct identity_hash *digests);
// A record can show all that it asks for: no PDR, QER or network instance.
bool target_recordable(const struct session_target *t);

// ---- keys of an index ----

// Each identity and F-SEID has one; a target is found by one of its own. A target of a digest
// alone is found by key_of_digest, under the number of its hash context.
#define KEYS_MAX (IDENTITIES_MAX + 2)
unsigned identity_keys(const uint64_t seed[2], const struct identities *of, uint64_t out[KEYS_MAX]);
// False: it has none but a digest.
bool target_key(const uint64_t seed[2], const struct session_target *t, uint64_t *out);
uint64_t key_of_digest(const uint64_t seed[2], uint32_t context, const uint8_t *digest);
// The texts of one identity that a digest of that form may be of: at most two.
#define HASHED_FORMS 2
struct hashed_text {
	uint8_t length;
	char text[SESSION_NAI_MAX];
};
unsigned hashed_texts(
	uint8_t hashed_identity, const struct identity *of, struct hashed_text out[HASHED_FORMS]);
