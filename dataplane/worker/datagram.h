#pragma once

// Finds the fragments of one datagram: a bounded index that the fragment modules keep their own
// arrays beside. Pure code; all memory is taken at creation. An entry lives for the time-out at
// most. Sources are hashed (keyed) into DATAGRAM_SOURCES lists. One source may fill the index;
// where it is full, a source that holds a quarter makes room with its own oldest entry, and the
// others get that of the source that holds most. So a flood from one place leaves room for the
// others.

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/packet/packet.h"

#define DATAGRAM_NONE UINT32_MAX
#define DATAGRAM_SOURCES 64u

// Doubly linked lists of array indices, in the order of arrival.
struct index_link {
	uint32_t next, previous;
};

struct index_list {
	uint32_t head, tail; // DATAGRAM_NONE when empty
	uint32_t n;
};

static inline void index_list_init(struct index_list *l)
{
	*l = (struct index_list){.head = DATAGRAM_NONE, .tail = DATAGRAM_NONE};
}

void index_list_push(struct index_list *l, struct index_link *links, uint32_t i);
void index_list_remove(struct index_list *l, struct index_link *links, uint32_t i);

// RFC 791: addresses, identification and protocol. RFC 8200: addresses and identification. And the
// tunnel that carries it: subscribers of different networks may have the same private address.
struct datagram_key {
	uint8_t address[32]; // source, destination; IPv4 in the first 8 octets
	uint32_t id;
	uint32_t teid; // innermost, 0 without GTP-U
	uint8_t family, protocol, wrap;
	uint8_t zero[5];
};

struct datagram_index;

// At least 4 entries. NULL when out of memory.
struct datagram_index *datagram_index_new(
	uint32_t capacity, uint64_t timeout_ns, const uint64_t seed[2]);
void datagram_index_free(struct datagram_index *x);

// The key of the last layer, which must be a fragment.
void datagram_key_of(struct datagram_key *key, const struct packet_view *v);

// An entry's index (below the capacity), or DATAGRAM_NONE.
uint32_t datagram_find(const struct datagram_index *x, const struct datagram_key *key);
// The entry that has to be removed before `key` can be added, or DATAGRAM_NONE where there is room.
uint32_t datagram_victim(const struct datagram_index *x, const struct datagram_key *key);
// The oldest entry of the source that holds most, or DATAGRAM_NONE in an empty index.
uint32_t datagram_heaviest(const struct datagram_index *x);
// Adds a key that is not there yet, with datagram_victim being DATAGRAM_NONE.
uint32_t datagram_add(struct datagram_index *x, const struct datagram_key *key, uint64_t now_ns);
void datagram_remove(struct datagram_index *x, uint32_t i);
// The entry begins anew: its time-out, and its place among the oldest.
void datagram_touch(struct datagram_index *x, uint32_t i, uint64_t now_ns);
uint32_t datagram_oldest(const struct datagram_index *x); // or DATAGRAM_NONE
// The oldest entry when it is older than the time-out, or DATAGRAM_NONE.
uint32_t datagram_expired(const struct datagram_index *x, uint64_t now_ns);

uint32_t datagram_source(const struct datagram_index *x, uint32_t i); // below DATAGRAM_SOURCES
uint32_t datagram_count(const struct datagram_index *x);
