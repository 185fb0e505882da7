#pragma once

// Bounds the audit lines of peers that are not the responsible ADMF: any certificate of the trusted
// issuers can connect, and must not fill the disk. Each such peer has a bucket of its own; peers
// beyond the last bucket share one. Not thread-safe.

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define AUDIT_LIMIT_BURST 20	  // lines of a peer at once
#define AUDIT_LIMIT_PER_MINUTE 10 // lines of a peer after that
#define AUDIT_LIMIT_PEERS 64	  // peers with a bucket of their own
#define AUDIT_LIMIT_NAME 128	  // bytes kept of a peer's name, terminator included

struct audit_limit_peer {
	STAILQ_ENTRY(audit_limit_peer) entry;
	char name[AUDIT_LIMIT_NAME];
	uint64_t since_ms; // monotonic: the bucket held `credit_ms` then
	uint64_t credit_ms;
	uint64_t left_out; // lines, not recorded yet
};

struct audit_limit { // start from audit_limit_init
	STAILQ_HEAD(, audit_limit_peer) peers;
	uint32_t n;
	struct audit_limit_peer others;
	uint64_t left_out; // lines, since the start
};

void audit_limit_init(struct audit_limit *l);
void audit_limit_free(struct audit_limit *l);
// True when a line of the peer may be written at `now_ms` (monotonic); else the line is counted.
bool audit_limit_admit(struct audit_limit *l, const char *peer, uint64_t now_ms);
// Takes out the next peer whose left-out lines have to be recorded: their number, and the peer's
// name in `name` ("" for those that share a bucket). 0 when there is none.
uint64_t audit_limit_take(struct audit_limit *l, char name[static AUDIT_LIMIT_NAME]);
