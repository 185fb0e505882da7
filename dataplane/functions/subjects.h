#pragma once

// Sessions and registrations that functions have shown, and short messages that wait for their
// report. Each has a name that its function chose, the identities of its user, and the record that
// a start of interception is made from. Bounded memory; builder thread.

#include <sys/queue.h>

#include "dataplane/functions/identity.h"
#include "shared/hash_table.h"

struct subjects;
struct subject;

// Its name at its function; the kind of function keeps the names of one that is several apart.
struct subject_name {
	uint16_t function;
	uint8_t records; // RECORDS_SMF, _AMF or _SMSF
	uint16_t length;
	const char *text;
};

struct record_context; // a task's numbers for its session (records.h)
LIST_HEAD(record_contexts, record_context);

struct subject {
	// Read-only for others.
	struct hash_link by_name;
	TAILQ_ENTRY(subject) of_function;
	struct subject_body *body;
	uint32_t references; // the table's and those of subject_hold
	uint16_t function;
	uint8_t records;
	bool named;	 // it is in the table
	uint64_t number; // of a scan that met it last: for the caller
	// The caller's own.
	uint32_t seen;	      // snapshot of its function that had it last
	uint64_t correlation; // of its session; 0: none
	uint64_t since_ns;    // when it began; 0: not known
	uint64_t came_ns;     // of a message: when it came
	bool reported;	      // an event of it was answered OK, with its records queued
	struct record_contexts contexts;
};

struct subjects_settings {
	uint64_t memory; // octets
	uint32_t n_functions;
};
// NULL when out of memory. No subject is held when it is freed.
struct subjects *subjects_new(const struct subjects_settings *s);
void subjects_free(struct subjects *s);

// The kept content of one.
struct subject_content {
	const struct identities *identities;
	const uint8_t *tree; // wire form of nf_encode_nodes
	uint32_t tree_length;
};

struct subject *subjects_find(struct subjects *s, const struct subject_name *name);
// A new one, of a name that none has. 0, LIMIT when the memory that is allowed is used up, NOMEM.
[[nodiscard]] int subjects_add(struct subjects *s, const struct subject_name *name,
	const struct subject_content *c, struct subject **out);
// Its content anew. Errors as above: it stays as it was.
[[nodiscard]] int subjects_change(
	struct subjects *s, struct subject *o, const struct subject_content *c);
// Takes it out of the table; it lives while it is held.
void subjects_remove(struct subjects *s, struct subject *o);
// Puts one back that was removed and is held, unless its name has another by now.
void subjects_restore(struct subjects *s, struct subject *o);
struct subject *subject_hold(struct subject *o);
// True: it is no more, and its contexts were the caller's to give before. NULL allowed.
bool subject_last(const struct subject *o);
void subject_drop(struct subjects *s, struct subject *o);

// Adds its identities to `out`; their texts are the subject's.
void subject_identities(const struct subject *o, struct identities *out);
const uint8_t *subject_tree(const struct subject *o, uint32_t *length);
void subject_name(const struct subject *o, struct subject_name *out);

// ---- digests ----

// The keys of all digests that identities may be found by: at most so many.
#define DIGEST_KEYS_MAX (IDENTITY_CONTEXTS_MAX * IDENTITIES_MAX * HASHED_FORMS)
typedef unsigned (*subject_digests)(
	void *context, const struct identities *of, uint64_t out[DIGEST_KEYS_MAX]);
// Subjects that come or change from now on are found by these, too, beside their identities.
void subjects_digests(struct subjects *s, subject_digests digests, void *context);
// Gives all their keys anew, none being held. False: memory lacked for some, which keep what they
// had.
bool subjects_rekey(struct subjects *s);

// ---- scans ----

const uint64_t *subjects_seed(const struct subjects *s); // of the keys of identities
// The next one with this key, NULL at the end: candidates, others may have the same.
struct subject_cursor {
	struct subject_key *at;
	bool begun;
};
struct subject *subjects_next(const struct subjects *s, uint64_t key, struct subject_cursor *c);
// Every one, in no order; none is added or removed meanwhile.
struct hash_cursor subjects_all(const struct subjects *s);
struct subject *subjects_all_next(struct hash_cursor *c);
// The oldest session or registration of a function; of messages, which stand apart, that of all.
struct subject *subjects_first(const struct subjects *s, uint16_t function);
struct subject *subjects_first_message(const struct subjects *s);
struct subject *subject_after(const struct subject *o);

void subjects_counts(
	const struct subjects *s, uint32_t *sessions, uint32_t *registrations, uint64_t *octets);
