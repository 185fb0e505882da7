#include "shared/wire.h"

uint8_t wire_get_u8(struct wire_reader *r)
{
	const uint8_t *p = wire_take(r, 1);

	return p ? p[0] : 0;
}

uint16_t wire_get_u16(struct wire_reader *r)
{
	const uint8_t *p = wire_take(r, 2);

	return p ? wire_load16(p) : 0;
}

uint32_t wire_get_u32(struct wire_reader *r)
{
	const uint8_t *p = wire_take(r, 4);

	return p ? wire_load32(p) : 0;
}

uint64_t wire_get_u64(struct wire_reader *r)
{
	const uint8_t *p = wire_take(r, 8);

	return p ? (uint64_t)wire_load32(p) << 32 | wire_load32(p + 4) : 0;
}

void wire_get_octets(struct wire_reader *r, void *out, size_t length)
{
	const uint8_t *p = wire_take(r, length);

	if (length == 0)
		return;
	if (p)
		memcpy(out, p, length);
	else
		memset(out, 0, length);
}

struct wire_reader wire_get_reader(struct wire_reader *r, size_t length)
{
	const uint8_t *p = wire_take(r, length);
	struct wire_reader sub = {.at = r->at, .end = r->at, .error = r->error};

	if (!r->error) {
		sub.at = p;
		sub.end = p + length;
	}
	return sub;
}

void wire_get_text(struct wire_reader *r, char *out, size_t capacity)
{
	size_t length = wire_get_u16(r);

	if (capacity)
		out[0] = '\0';
	if (r->error)
		return;
	if (length >= capacity) {
		r->error = POI_ERR_TOO_LARGE;
		return;
	}
	const uint8_t *p = wire_take(r, length);
	if (r->error)
		return;
	if (length && memchr(p, '\0', length)) {
		r->error = POI_ERR_INVALID;
		return;
	}
	if (length)
		memcpy(out, p, length);
	out[length] = '\0';
}

int wire_finish(const struct wire_reader *r)
{
	if (r->error)
		return r->error;
	return r->at == r->end ? POI_OK : POI_ERR_INVALID;
}

// The next `length` octets of the output, or NULL once the writer is in error.
static uint8_t *reserve(struct wire_writer *w, size_t length)
{
	if (w->error)
		return NULL;
	if ((size_t)(w->end - w->at) < length) {
		w->error = POI_ERR_TOO_LARGE;
		return NULL;
	}
	uint8_t *p = w->at;
	w->at += length;
	return p;
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
	uint8_t *p = reserve(w, 1);

	if (p)
		*p = v;
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
	uint8_t *p = reserve(w, 2);

	if (p)
		wire_store16(p, v);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
	uint8_t *p = reserve(w, 4);

	if (p)
		wire_store32(p, v);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
	uint8_t *p = reserve(w, 8);

	if (p)
		wire_store64(p, v);
}

void wire_put_octets(struct wire_writer *w, const void *octets, size_t length)
{
	if (length == 0)
		return;
	uint8_t *p = reserve(w, length);
	if (p)
		memcpy(p, octets, length);
}

void wire_put_text(struct wire_writer *w, const char *text)
{
	size_t length = strlen(text);

	if (length > UINT16_MAX) {
		if (!w->error)
			w->error = POI_ERR_TOO_LARGE;
		return;
	}
	wire_put_u16(w, (uint16_t)length);
	wire_put_octets(w, text, length);
}
