#pragma once

// The audit log: one JSON line per message exchanged, in either direction, per warning and per
// local act, appended to a file of mode 0600. A state change is written ahead: its "accepted" line
// is on disk before anything is done and so before its OK (decision 19); its result follows in a
// second line. The lines form a chain (audit_chain.h): "epoch" and "n" come first, "mac" last.
// Identifiers only (XID, DID, transaction), never a target's value.

#include <stdbool.h>
#include <stdint.h>

#include "shared/ids.h"

struct audit_record {
	// A request of the ADMF: "accepted", "answered", "top-level-error"; an object of a bulk
	// request: "deactivated", "removed"; a request of ours: "reported", "unanswered";
	// "warning", "left-out"; or a local act: "start" ...
	const char *act;
	const char *ne;			// identifier of the network element, NULL when none
	const char *peer_uid;		// NULL for local acts
	const char *peer_address;	// NULL for local acts
	const char *request;		// request type, NULL when none
	const struct id16 *id;		// XID or DID, NULL when none
	const struct id16 *transaction; // NULL when none
	int32_t code;			// X1 result: 0 is OK
	const char *note;		// for a person, NULL when none; never target data
	// The identifiers that the message claims, where they are not those of the network element
	// and its ADMF; NULL when they are. At most AUDIT_CLAIM_MAX bytes of each are written.
	const char *claims_admf, *claims_ne;
	bool limited; // of a peer that is not responsible: may be left out, and is counted then
};

#define AUDIT_CLAIM_MAX 255

struct audit;

// Opens (creates) the file; a missing folder is created with mode 0700. Always returns an object
// unless out of memory: when the file cannot be opened the log is failed and opening is tried again
// with each record. `root` (32 octets, NULL: no key) begins the chain's epoch; a copy is kept only
// until the file could be opened for the first time.
struct audit *audit_open(const char *file, const uint8_t *root);
void audit_close(struct audit *a);
// Appends one line. 0, or IO when it is not in the file: the caller refuses what it was about to
// do. A limited line may be left out (audit_limit.h), which is 0 as well.
[[nodiscard]] int audit_write(struct audit *a, const struct audit_record *r);
// Brings all lines to the disk. 0 or IO. Cheap when nothing was written since the last call.
[[nodiscard]] int audit_sync(struct audit *a);
// Opens the file anew (after rotation). The chain goes on: the first record of an empty file names
// the head of the file before it.
void audit_reopen(struct audit *a);
bool audit_failed(const struct audit *a);
uint64_t audit_records(const struct audit *a);
uint64_t audit_lost(const struct audit *a);	// records that could not be written
uint64_t audit_left_out(const struct audit *a); // limited lines that were not written
// Writes for each peer how many of its lines were left out since the last call; about once a
// minute, and audit_close does it too.
void audit_record_left_out(struct audit *a);
// Logs the MAC of the last record on disk when it has moved: the journal's copy is what shows that
// the file's tail was cut off (poi audit verify --head).
void audit_log_head(struct audit *a);
