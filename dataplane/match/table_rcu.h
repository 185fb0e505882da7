#pragma once

// The only user of liburcu (QSBR flavour): workers are the readers, one quiescent state a burst
// loop.

#include "dataplane/match/table.h"

struct live;

struct live *live_new(const struct table *first);
void live_free(struct live *l); // after all readers have left

// Reader side; each worker thread registers itself, and leaves before it ends.
void live_reader_enter(struct live *l);
void live_reader_leave(struct live *l);
const struct table *live_table(const struct live *l); // valid until the next quiescent state
void live_quiescent(struct live *l);
void live_offline(struct live *l); // around a sleep: does not hold up a grace period
void live_online(struct live *l);

// Writer side (one thread): swaps the table and returns the old one after every reader has passed a
// quiescent state; from then on no reader uses it.
const struct table *live_publish(struct live *l, const struct table *next);
