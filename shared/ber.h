#pragma once

// DER of ITU-T X.690 as far as the xIRI of TS 33.128 need it: definite lengths; tags of one octet
// where a function takes `tag`, of any length where it takes `bits` and `number`.
// The writer works from the end towards the start, so that a length is known when its header is
// written: values come last field first. The reader is strict: one value has one encoding.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shared/error.h"
#include "shared/wire.h"

#define BER_SEQUENCE 0x30u
#define BER_CONTEXT 0x80u     // | number (0..30): primitive
#define BER_CONSTRUCTED 0x20u // |
#define BER_LONG 0x1fu	      // | in the first octet: the number follows, 31 and more

struct ber_writer {
	uint8_t *start; // of the room
	uint8_t *at;	// first octet written
	uint8_t *end;
	int error; // 0, or TOO_LARGE: nothing more is written
};

static inline struct ber_writer ber_writer_of(void *octets, size_t capacity)
{
	uint8_t *p = octets;
	return (struct ber_writer){.start = p, .at = p + capacity, .end = p + capacity};
}

static inline size_t ber_written(const struct ber_writer *w)
{
	return (size_t)(w->end - w->at);
}

// Room for `length` octets before what is there; NULL with the sticky error when there is none.
static inline uint8_t *ber_room(struct ber_writer *w, size_t length)
{
	if (__builtin_expect(w->error || (size_t)(w->at - w->start) < length, 0)) {
		w->error = POI_ERR_TOO_LARGE;
		return NULL;
	}
	w->at -= length;
	return w->at;
}

// Length, then identifier, in front of the last `length` octets written.
static inline void ber_put_length(struct ber_writer *w, size_t length)
{
	unsigned more = length < 0x80	     ? 0
			: length < 0x100     ? 1
			: length < 0x10000   ? 2
			: length < 0x1000000 ? 3
					     : 4;
	uint8_t *p = ber_room(w, 1 + more);

	if (!p)
		return;
	*p++ = (uint8_t)(more ? 0x80 | more : length);
	for (unsigned i = more; i > 0; i--)
		*p++ = (uint8_t)(length >> 8 * (i - 1));
}

// `bits` are the class and BER_CONSTRUCTED; any number up to 2^28 - 1.
static inline void ber_put_identifier(struct ber_writer *w, uint8_t bits, uint32_t number)
{
	unsigned more = number < BER_LONG ? 0 : number < 0x80 ? 1 : number < 0x4000 ? 2 : 3;

	if (number >= 0x200000)
		more = 4;
	uint8_t *p = ber_room(w, 1 + more);
	if (!p)
		return;
	*p++ = (uint8_t)(bits | (more ? BER_LONG : number));
	for (unsigned i = more; i > 0; i--)
		*p++ = (uint8_t)((number >> 7 * (i - 1) & 0x7f) | (i > 1 ? 0x80 : 0));
}

// Tag and length in front of the last `length` octets written.
static inline void ber_put_header(struct ber_writer *w, uint8_t tag, size_t length)
{
	unsigned more = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 4;
	uint8_t *p = ber_room(w, 2 + more);

	if (!p)
		return;
	p[0] = tag;
	if (more == 0) {
		p[1] = (uint8_t)length;
		return;
	}
	if (more == 4 && length < 0x1000000) { // three octets: the shortest form
		p = w->at += 1;
		p[0] = tag;
		more = 3;
	}
	p[1] = (uint8_t)(0x80 | more);
	for (unsigned i = 0; i < more; i++)
		p[2 + i] = (uint8_t)(length >> 8 * (more - 1 - i));
}

// Closes a constructed value: everything written since `mark` (an earlier w->at) belongs to it.
static inline void ber_wrap(struct ber_writer *w, uint8_t tag, const uint8_t *mark)
{
	ber_put_header(w, tag, (size_t)(mark - w->at));
}

static inline void ber_wrap_number(
	struct ber_writer *w, uint8_t bits, uint32_t number, const uint8_t *mark)
{
	size_t length = (size_t)(mark - w->at);

	if (__builtin_expect(number < BER_LONG && length < 0x80, 1)) { // one octet each
		uint8_t *p = ber_room(w, 2);
		if (p) {
			p[0] = (uint8_t)(bits | number);
			p[1] = (uint8_t)length;
		}
		return;
	}
	ber_put_length(w, length);
	ber_put_identifier(w, bits, number);
}

static inline void ber_put_octets(
	struct ber_writer *w, uint8_t tag, const void *octets, size_t length)
{
	uint8_t *p = ber_room(w, length);

	if (p && length > 0)
		memcpy(p, octets, length);
	ber_put_header(w, tag, length);
}

// INTEGER or ENUMERATED that is never negative, in the fewest octets.
static inline void ber_put_unsigned(struct ber_writer *w, uint8_t tag, uint64_t v)
{
	// A set top bit needs a zero octet in front.
	unsigned n = v ? (unsigned)(64 - __builtin_clzll(v)) / 8 + 1 : 1;
	uint8_t *p = ber_room(w, n + 2);

	if (!p)
		return;
	p[0] = tag;
	p[1] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		p[2 + i] = n - 1 - i > 7 ? 0 : (uint8_t)(v >> 8 * (n - 1 - i));
}

void ber_put_boolean(struct ber_writer *w, uint8_t tag, bool v);
// GeneralizedTime in UTC with as many fractional digits (0 to 9) as are not zero. `ns` is in
// nanoseconds since the epoch.
void ber_put_time(struct ber_writer *w, uint8_t tag, uint64_t ns);

// The reader is a struct wire_reader with its sticky error; INVALID for what DER does not allow.

// The next value, which must have this tag: a reader of its contents.
struct wire_reader ber_get(struct wire_reader *r, uint8_t tag);
// The same with an identifier of any length, which must be the shortest one.
struct wire_reader ber_get_number(struct wire_reader *r, uint8_t bits, uint32_t number);
// The next identifier, without taking it: its class and form, its number in `*number`. 0 at the
// end, after an error, or where the identifier is cut or has a number of more than 28 bits.
uint8_t ber_peek_number(const struct wire_reader *r, uint32_t *number);
// The tag of the next value, without taking it; 0 at the end or after an error.
uint8_t ber_peek(const struct wire_reader *r);
// INTEGER or ENUMERATED in low..high.
uint64_t ber_get_unsigned(struct wire_reader *r, uint8_t tag, uint64_t low, uint64_t high);
bool ber_get_boolean(struct wire_reader *r, uint8_t tag);
uint64_t ber_get_time(struct wire_reader *r, uint8_t tag);
// Marks `r` with the error of `inner`, or INVALID when octets of it are left.
void ber_close(struct wire_reader *r, const struct wire_reader *inner);
