#pragma once

// Shared by the files that encode and decode messages of the channel: values that several bodies
// have, and the frame of the public functions.

#include "shared/channel.h"
#include "shared/wire.h"

static inline void fail(int *sticky, int error)
{
	if (!*sticky)
		*sticky = error;
}

static inline void put_id(struct wire_writer *w, const struct id16 *id)
{
	wire_put_octets(w, id->b, sizeof(id->b));
}

static inline void get_id(struct wire_reader *r, struct id16 *id)
{
	wire_get_octets(r, id->b, sizeof(id->b));
}

// A value of an enumeration or a flag: anything outside low..high is refused.
static inline uint8_t get_enum(struct wire_reader *r, uint8_t low, uint8_t high)
{
	uint8_t v = wire_get_u8(r);

	if (!r->error && (v < low || v > high))
		r->error = POI_ERR_INVALID;
	return r->error ? low : v;
}

static inline uint8_t get_flag(struct wire_reader *r)
{
	return get_enum(r, 0, 1);
}

// A fixed array with its terminator inside; an unterminated one is the caller's fault and refused.
static inline void put_chars(struct wire_writer *w, const char *text, size_t capacity)
{
	if (memchr(text, '\0', capacity))
		wire_put_text(w, text);
	else
		fail(&w->error, POI_ERR_INVALID);
}

static inline void put_result(struct wire_writer *w, int32_t result)
{
	wire_put_u32(w, (uint32_t)result);
}

// 0 or an enum poi_error.
static inline int32_t get_result(struct wire_reader *r)
{
	int32_t v = (int32_t)wire_get_u32(r);

	if (v > 0 || v < POI_ERR_SYNTAX)
		fail(&r->error, POI_ERR_INVALID);
	return r->error ? 0 : v;
}

static inline struct wire_writer channel_begin(
	uint8_t *out, size_t capacity, uint16_t id, uint32_t request)
{
	struct wire_writer w = wire_writer_of(
		out, capacity < CHANNEL_MESSAGE_MAX ? capacity : CHANNEL_MESSAGE_MAX);

	wire_put_u16(&w, id);
	wire_put_u16(&w, 0);
	wire_put_u32(&w, request);
	return w;
}

static inline int channel_end(const struct wire_writer *w)
{
	return w->error ? w->error : (int)wire_written(w);
}

// Defines the public pair of one message. A decoded struct is zero wherever the message has no
// field, and wholly so after a failure.
#define CHANNEL_PAIR(name, put, get)                                                            \
	int channel_encode_##name(uint8_t *out, size_t capacity, uint16_t id, uint32_t request, \
		const struct channel_##name *m)                                                 \
	{                                                                                       \
		struct wire_writer w = channel_begin(out, capacity, id, request);               \
		put(&w, m);                                                                     \
		return channel_end(&w);                                                         \
	}                                                                                       \
                                                                                                \
	int channel_decode_##name(const uint8_t *body, size_t length, struct channel_##name *m) \
	{                                                                                       \
		struct wire_reader r = wire_reader_of(body, length);                            \
		memset(m, 0, sizeof(*m));                                                       \
		get(&r, m);                                                                     \
		int rc = wire_finish(&r);                                                       \
		if (rc)                                                                         \
			memset(m, 0, sizeof(*m));                                               \
		return rc;                                                                      \
	}
