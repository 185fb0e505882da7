#pragma once

// The box: the state that must survive kill -9 of this process, in one memory file that poi-control
// keeps a descriptor of and hands to the next poi-dataplane. A directory lists the parts: each is
// an array of fixed-size elements of one kind, and of one writer. Parts are written in place, by
// their owners; this file handles the directory alone.
//
// A process may be killed between any two instructions, so each word that the next process reads
// has one writer, and a word that marks others as complete is stored with release behind them. The
// reader's partner is the end of the writing process.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

#define BOX_VERSION 3u // of the layout of any part
#define BOX_PARTS 320u

enum box_kind {
	BOX_NAMES = 1,	  // the IPID of each writer
	BOX_TASKS,	  // by slot: which task it is
	BOX_COUNTERS,	  // by slot, of each writer
	BOX_OUTCOMES,	  // by slot, of each delivery thread, then of the builder
	BOX_CONTEXTS,	  // sequence contexts: their keys
	BOX_SEQUENCES,	  // by context, of each writer: the next number
	BOX_DESTINATIONS, // which they are, and how copies ended
	BOX_RINGS,	  // of each writer
	BOX_SEGMENTS,	  // of each writer
	BOX_OCTETS,	  // of each writer's segments
};

// State of an element in use.
enum box_state {
	BOX_FREE = 0,
	BOX_LIVE = 1,
	BOX_LEAVING = 2, // its object was removed, and what is owed is still there
	BOX_WAITING = 3, // of an earlier process; its object has not been put again yet
};

struct box_part {
	uint32_t kind, number; // number: of the writer
	uint64_t offset, element, n;
	_Atomic uint64_t used; // elements ever used are below; one writer, release
};

struct box_plan {
	uint32_t n;
	struct box_part part[BOX_PARTS];
};

void box_plan_add(struct box_plan *p, enum box_kind kind, uint32_t number, uint64_t element,
	uint64_t n); // 64 octets apart at least; too many parts make box_new fail

struct box;

// Maps a new one; nothing of it takes memory before it is written to. NULL with errno.
struct box *box_new(const struct box_plan *p, uint64_t incarnation);
// Maps another process's, to be read. Takes the descriptor over. NULL when it is none of this
// version, or when its size can change.
struct box *box_open(int fd);
void box_free(struct box *b); // NULL allowed

int box_fd(const struct box *b);
uint64_t box_incarnation(const struct box *b);
// An orderly end has accounted for everything: the next process has nothing to take over.
void box_end(struct box *b);
bool box_ended(const struct box *b);
// The incarnation in the IPIDs: of the process that began the sequence contexts.
uint64_t box_origin(const struct box *b);
void box_set_origin(struct box *b, uint64_t incarnation);

// The first element, or NULL when there is no such part, or its elements have another size. `n`
// (NULL allowed): elements; of one that was opened, how many were ever used.
void *box_part(
	const struct box *b, enum box_kind kind, uint32_t number, uint64_t element, uint64_t *n);
// Elements below `n` were used. The part's one writer.
void box_use(struct box *b, enum box_kind kind, uint32_t number, uint64_t n);
uint32_t box_parts(const struct box *b, enum box_kind kind); // how many of one kind
// Gives the memory of these octets back; they read as zero. 0 or IO.
[[nodiscard]] int box_punch(struct box *b, void *at, uint64_t octets);
