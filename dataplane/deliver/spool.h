#pragma once

// The spool: copies that memory cannot hold for a destination that is down or slow, on disk and
// only encrypted. A FIFO of blocks, each of some whole PDUs of one line, sealed with AES-256-GCM.
// Each creation of a destination has one file for each kind. Each file has a key of its own (root
// key and a fresh salt) and numbers its blocks, so no nonce is used twice. A block that was
// changed, moved, repeated or belongs to another creation does not open. The file's head holds the
// position of the oldest block with undelivered copies, so that delivered blocks are not sent again
// after a restart.
//
// A `struct spool` is used by one thread at a time: by the spooler's, between spooler_submit and
// the moment the job is done, else by its owner. Disks are slow: delivery threads leave the calls
// that touch one to the spooler.

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dataplane/capture/capture.h"

#define SPOOL_KEY_SIZE 32

struct spool;

struct spool_room { // of spools that share it
	uint64_t cap;
	_Atomic uint64_t owed; // octets, of all; relaxed, a sum that never passes the cap
};

struct spool_settings {
	const char *file;
	const uint8_t *root;  // SPOOL_KEY_SIZE octets: sealed_file_key_read
	uint64_t cap;	   // octets of the file that may hold what is owed
	struct spool_room *room; // instead, with others; outlives the spool; NULL: its own
	uint64_t creation; // of the destination: a file of another one is discarded
	bool stale;	   // the ADMF was silent for too long: what is found is discarded
};

struct spool_found {
	enum { SPOOL_NONE, SPOOL_RECOVERED, SPOOL_DISCARDED } what;
	uint64_t copies; // recovered or discarded; 0 where a broken file does not say how many
};

// Opens the spool. A file that an earlier process left behind is taken over (its blocks come first)
// or discarded, as `found` says. NULL and *error on failure: IO or NOMEM.
struct spool *spool_open(
	const struct spool_settings *s, struct spool_found *found, int *error);
// Counts the copies that a file left behind owes. False: it does not say.
bool spool_file_copies(int fd, uint64_t *copies);
// Leaves what is still owed in the file; removes an empty one. NULL allowed.
void spool_close(struct spool *s);
// Closes and removes the file.
void spool_remove(struct spool *s);

// Appends copies `from` to the last of a closed segment. 0; LIMIT when the cap is reached; IO: then
// nothing of it is in the file.
[[nodiscard]] int spool_store(
	struct spool *s, const struct segment *segment, uint32_t from, uint32_t line);

struct spool_block {
	struct segment *segment; // closed, with its octets; the caller's to spool_block_free
	uint32_t line;
	uint32_t skipped; // copies before it that an earlier process delivered: left out
	bool recovered; // of an earlier process: its slots mean nothing here
};

// The next block in order. 0; AGAIN when there is none; IO or INVALID when it cannot be read: it is
// skipped, and what else the file holds with it.
[[nodiscard]] int spool_load(struct spool *s, struct spool_block *out);
void spool_block_free(struct spool_block *b);
// The oldest loaded block was delivered: it is not owed any more. 0 or IO.
[[nodiscard]] int spool_done(struct spool *s);
uint64_t spool_octets(const struct spool *s); // of the file(s), still owed

// At a stop. The first `copies` of the oldest block are not owed any more; noted by the calls below
// or spool_close.
void spool_skip(struct spool *s, uint32_t copies);
// Blocks stored between the two calls precede the blocks in the file. 0, IO, or EXISTS: the file has
// such a part already, and blocks stored now come last.
[[nodiscard]] int spool_front_begin(struct spool *s);
[[nodiscard]] int spool_front_end(struct spool *s);

// The helper thread for all destinations.
struct spooler;

enum spool_work { SPOOL_STORE, SPOOL_LOAD, SPOOL_DONE, SPOOL_RUN };
enum spool_job_state { SPOOL_IDLE, SPOOL_QUEUED, SPOOL_FINISHED };

struct spool_job {
	enum spool_work work;
	struct spool *spool;
	const struct segment *segment; // STORE
	uint32_t from, line;	       // STORE
	struct spool_block block;      // LOAD
	uint32_t done;		       // blocks delivered since the last job, reported first
	void (*run)(void *context);    // RUN: of no spool, what else must wait for the disk
	void *context;
	int result, done_result; // of the work; of what was reported before it
	_Atomic uint32_t state;	 // FINISHED by the spooler (release), read by the owner (acquire)
	STAILQ_ENTRY(spool_job) next; // the spooler's
};

struct spooler *spooler_new(void);    // NULL when out of memory or threads
void spooler_free(struct spooler *s); // finishes what was submitted
void spooler_submit(struct spooler *s, struct spool_job *j);
void spooler_wait(struct spooler *s, struct spool_job *j); // until it is finished
