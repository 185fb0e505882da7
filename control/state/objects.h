#pragma once

// Generic objects of X1 (V1.9 and later), keyed by (network element, objectId): hash contexts and
// destination sets. What is in here is also with the dataplane, as memos, and in the sealed store where
// there is one. Single-threaded. Pointers stay valid until the object is replaced or removed.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "shared/channel.h"
#include "shared/hash_table.h"
#include "shared/session_target.h"

#define OBJECTS_NES_MAX 64
#define OBJECTS_MAX 4096 // of all network elements
#define OBJECT_MEMBERS_MAX CHANNEL_TASK_DESTINATIONS_MAX
#define OBJECT_SALT_MAX 256 // octets
#define OBJECT_XML_MAX 8192 // octets

enum object_type {
	OBJECT_HASH_CONTEXT = 1,
	OBJECT_DESTINATION_SET = 2,
	OBJECT_TYPE_LAST = OBJECT_DESTINATION_SET
};
enum object_hash { // HashAlgorithm
	OBJECT_SHA_256 = 1,
	OBJECT_SHA_512 = 2,
	OBJECT_SHA3_512 = 3,
	OBJECT_HASH_LAST = OBJECT_SHA3_512
};
enum object_set { // DestinationSetType
	OBJECT_SET_REDUNDANT = 1,
	OBJECT_SET_DUPLICATE = 2,
	OBJECT_SET_LAST = OBJECT_SET_DUPLICATE
};

struct object_details { // an object's details in a request or a memo
	struct id16 id;
	uint8_t type; // enum object_type
	// A hash context has:
	uint8_t algorithm; // enum object_hash
	uint16_t salt_length;
	const uint8_t *salt;
	// A destination set has its members, the most preferred first:
	uint8_t set; // enum object_set
	uint8_t n_members;
	struct id16 member[OBJECT_MEMBERS_MAX];
	// The whole `object` element as it is answered, with our prefixes.
	const char *xml;
	uint32_t xml_length;
};

struct object {
	struct hash_link link;
	TAILQ_ENTRY(object) entry; // per network element, in order of creation
	uint16_t ne;		   // index in the configuration
	uint32_t references;	   // tasks (and modifications on their way) that name it
	uint32_t hashed[HASHED_NAI + 1]; // of a hash context: those with a digest of this identity under it
	uint32_t seen;	 // reconciliation round in which the dataplane was found to hold it
	bool modifying;	 // a modification is on its way
	const struct object *next; // what it is about to become, its members in use already; NULL: nothing
	bool removing;	 // a deletion is on its way
	struct object_details details; // points into `data`
	uint8_t data[];		       // salt, XML
};

struct objects;

struct objects *objects_new(void); // NULL: no memory
void objects_free(struct objects *o);
void objects_clear(struct objects *o); // forgets all

// A copy that is not in the store yet. NULL: no memory.
struct object *object_new(uint16_t ne, const struct object_details *d);
void object_free(struct object *o);

// NULL: there is none.
struct object *objects_find(const struct objects *o, uint16_t ne, const struct id16 *id);
// Takes ownership. EXISTS, or LIMIT beyond OBJECTS_MAX: nothing taken.
[[nodiscard]] int objects_add(struct objects *o, struct object *n);
// Puts `n` in the place of the object with its key, which is freed; references to that become
// references to `n`. NOT_FOUND: nothing taken.
[[nodiscard]] int objects_replace(struct objects *o, struct object *n);
void objects_remove(struct objects *o, struct object *n); // and frees it
// Detaches the first object of `ne`: the caller owns it, and nothing refers to it. NULL: there is
// none.
struct object *objects_take(struct objects *o, uint16_t ne);
struct object *objects_first(const struct objects *o, uint16_t ne);
static inline struct object *objects_next(const struct object *o)
{
	return TAILQ_NEXT(o, entry);
}
uint32_t objects_count(const struct objects *o, uint16_t ne);

// A walk over the objects of one network element that lasts over changes: what is removed meanwhile is
// passed over, what is added at the end is met.
struct objects_cursor {
	LIST_ENTRY(objects_cursor) entry;
	struct object *next;
};
void objects_cursor_begin(struct objects *o, uint16_t ne, struct objects_cursor *c);
struct object *objects_cursor_next(struct objects_cursor *c); // NULL: no more
void objects_cursor_end(struct objects_cursor *c);

// A hash context as it is applied. False: the object is no hash context.
struct object_hash_context {
	enum object_hash algorithm;
	const uint8_t *salt; // of the object
	size_t salt_length;
};
bool object_hash_context(const struct object *o, struct object_hash_context *out);
bool object_has_member(const struct object *o, const struct id16 *did); // false for other types

// The octets kept elsewhere, versioned. Size, or TOO_LARGE.
[[nodiscard]] int object_memo(const struct object *o, uint8_t *out, size_t capacity);
// An object that is not in the store yet. 0, VERSION, SYNTAX, INVALID or NOMEM.
[[nodiscard]] int object_from_memo(uint16_t ne, const struct id16 *id, const uint8_t *memo,
	size_t length, struct object **out);
