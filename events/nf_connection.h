#pragma once

// One connection of a network function: lines come in, answers go out in the order of the lines.
// Fixed memory; nothing here waits.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"

#define NF_CONNECTION_LINE_MAX 49152u // octets, without the newline
#define NF_CONNECTION_WINDOW 256u     // events without an answer
#define NF_CONNECTION_OUT 131072u

struct nf_connection;

// Takes the descriptor over, also on failure. NULL when out of memory.
struct nf_connection *nf_connection_new(int fd, uid_t uid, uint64_t now_ms);
void nf_connection_free(struct nf_connection *c);

int nf_connection_fd(const struct nf_connection *c);
uid_t nf_connection_uid(const struct nf_connection *c);
uint64_t nf_connection_since_ms(const struct nf_connection *c); // when it was made
// Wants to be written to, or may be read from.
bool nf_connection_writes(const struct nf_connection *c);
bool nf_connection_reads(const struct nf_connection *c);
// Lines may be taken: neither the window nor the room for answers is used up.
bool nf_connection_has_room(const struct nf_connection *c);
// Events are without an answer.
bool nf_connection_waits(const struct nf_connection *c);
// The peer sends no more, and all of its whole lines are answered.
bool nf_connection_over(const struct nf_connection *c);
// The peer sends no more, though octets of it may wait.
bool nf_connection_gone(const struct nf_connection *c);
// Since when answers wait for a peer that takes none of them; 0: none do.
uint64_t nf_connection_stuck_ms(const struct nf_connection *c);

// Reads what waits. CLOSED: the connection is broken; one that has only ended can be answered
// still.
[[nodiscard]] int nf_connection_read(struct nf_connection *c);
// The next whole line, NULL: none, or no more may be taken now. It is the caller's to change until
// nf_connection_done, which forgets it. TOO_LARGE in `*error` for a line without an end.
char *nf_connection_line(struct nf_connection *c, size_t *length, int *error);
void nf_connection_done(struct nf_connection *c);
// The line at hand is an event of this id: it has a place among the answers. The place's number.
uint16_t nf_connection_begin(struct nf_connection *c, uint64_t id);
// Its answer. `error`: text for the function, NULL for none; `later`: else it is taken. An answer
// to no event that waits changes nothing.
void nf_connection_answer(struct nf_connection *c, uint16_t place, const char *error, bool later);
// All events that wait are answered `later`.
void nf_connection_later(struct nf_connection *c);
// A line of our own, ahead of what waits; no newline in it.
void nf_connection_say(struct nf_connection *c, const char *line);
// Sends what is there. CLOSED as above.
[[nodiscard]] int nf_connection_flush(struct nf_connection *c, uint64_t now_ms);
