#pragma once

// The chain that makes an audit log tamper-evident (docs/decisions, 19). Each line ends
// in a MAC over the MAC of the line before it and its own octets; the MAC key is ratcheted with a
// one-way function after every line, so a key found in memory later cannot forge lines written
// earlier. A new epoch begins with every start of the writer: its first key is derived from the
// root key, and the root key is wiped. Without a root key the chain still shows accidents, not
// forgers.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/error.h"

#define AUDIT_MAC_SIZE 32
#define AUDIT_MAC_TEXT (2 * AUDIT_MAC_SIZE + 1)
#define AUDIT_LINE_MAX 8192

struct audit_chain {
	uint64_t epoch;
	uint64_t n; // number of the last line sealed, over all epochs
	uint8_t key[AUDIT_MAC_SIZE];
	uint8_t mac[AUDIT_MAC_SIZE]; // of the last line: the head
};

// Goes on behind the last whole line of an existing log (empty or missing: from the beginning) in a
// new epoch, which for an empty file is the time of day. `root` may be wiped afterwards. 0 or IO.
[[nodiscard]] int audit_chain_resume(
	struct audit_chain *c, const char *log_file, const uint8_t root[AUDIT_MAC_SIZE]);

// Makes the MAC of the next line and moves on. `line` is everything before the MAC's member.
void audit_chain_seal(
	struct audit_chain *c, const char *line, size_t length, char mac[AUDIT_MAC_TEXT]);
// Takes back a seal whose line did not reach the file: `before` is a copy made before the seal.
void audit_chain_undo(struct audit_chain *c, const struct audit_chain *before);

// The MAC of the last line as text.
void audit_chain_head(const struct audit_chain *c, char mac[AUDIT_MAC_TEXT]);

struct audit_verdict {
	uint64_t lines;
	uint64_t bad;	    // changed, out of order, or not a record
	uint64_t torn;	    // a line cut short, as a crash in mid-write leaves it
	uint64_t first_bad; // line number in the file, 0 when none
	bool head_found;    // the head asked for is the MAC of some line
	char head[AUDIT_MAC_TEXT];
	char previous[AUDIT_MAC_TEXT]; // head of the file this one goes on from; "" when none
};

// Verifies a whole log. It may begin behind a rotated one: its first record then carries a member
// "previous" right behind "n" with the head of that one, covered by the MAC as the rest. `head`
// (hex, or NULL): a MAC noted elsewhere earlier, such as in the journal; when no line carries it,
// the tail that held it has been cut off. One text line per finding goes to `findings` (line
// numbers and kinds only). 0 when the file could be read.
[[nodiscard]] int audit_chain_verify(FILE *log, const uint8_t root[AUDIT_MAC_SIZE],
	const char *head, struct audit_verdict *out, FILE *findings);
