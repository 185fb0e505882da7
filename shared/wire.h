#pragma once

// Bounded big-endian cursors with a sticky error. After the first failure every further call is a
// no-op that yields zero, so a decoder checks once, at its end. Used for the channel, PDUs, BER and
// signalling. Nothing here allocates.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shared/error.h"

struct wire_reader {
	const uint8_t *at;
	const uint8_t *end;
	int error; // 0, or the first enum poi_error met
};

struct wire_writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	int error;
};

static inline struct wire_reader wire_reader_of(const void *octets, size_t length)
{
	const uint8_t *p = octets;
	// Nothing may be nowhere.
	return (struct wire_reader){.at = p, .end = length ? p + length : p};
}

static inline struct wire_writer wire_writer_of(void *octets, size_t capacity)
{
	uint8_t *p = octets;
	return (struct wire_writer){.start = p, .at = p, .end = p + capacity};
}

static inline size_t wire_left(const struct wire_reader *r)
{
	return r->error ? 0 : (size_t)(r->end - r->at);
}

static inline size_t wire_written(const struct wire_writer *w)
{
	return (size_t)(w->at - w->start);
}

// Takes `length` octets in place; NULL (and the sticky error TRUNCATED) when they are not there.
// A request for 0 octets never fails.
static inline const uint8_t *wire_take(struct wire_reader *r, size_t length)
{
	if (r->error || (size_t)(r->end - r->at) < length) {
		if (!r->error)
			r->error = POI_ERR_TRUNCATED;
		return NULL;
	}
	const uint8_t *p = r->at;
	r->at += length;
	return p;
}

uint8_t wire_get_u8(struct wire_reader *r);
uint16_t wire_get_u16(struct wire_reader *r);
uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
// Copies `length` octets out; zero-fills `out` on failure.
void wire_get_octets(struct wire_reader *r, void *out, size_t length);
// A sub-reader over the next `length` octets; empty and in error when they are not there.
struct wire_reader wire_get_reader(struct wire_reader *r, size_t length);
// u16 length + octets, copied to `out` with a terminating zero; TOO_LARGE when it does not fit
// `capacity` (terminator included), INVALID when it holds a zero octet.
void wire_get_text(struct wire_reader *r, char *out, size_t capacity);
// 0 when everything was read without error, else the sticky error, or INVALID for octets left over.
[[nodiscard]] int wire_finish(const struct wire_reader *r);

void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_octets(struct wire_writer *w, const void *octets, size_t length);
void wire_put_text(struct wire_writer *w, const char *text); // u16 length + octets

// Unaligned big-endian access for code that has already checked its bounds.
static inline uint16_t wire_load16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t wire_load32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline void wire_store16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void wire_store32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t wire_load64(const void *p)
{
	return (uint64_t)wire_load32(p) << 32 | wire_load32((const uint8_t *)p + 4);
}

static inline void wire_store64(void *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}
