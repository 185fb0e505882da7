// Reads and writes the head of a spool's file, and counts what the file owes.

#include "dataplane/deliver/spool_file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/error.h"
#include "shared/file_at.h"
#include "shared/wire.h"

static const uint8_t magic[8] = "POISPOL2";

int spool_file_read(int fd, uint8_t *octets, size_t n, uint64_t at)
{
	ssize_t got = file_read_at(fd, octets, n, at);

	if (got < 0)
		return POI_ERR_IO;
	return (size_t)got < n ? POI_ERR_AGAIN : POI_OK;
}

int spool_file_begin(int fd, uint64_t creation)
{
	uint8_t head[PLACES_AT];

	memcpy(head, magic, sizeof(magic));
	wire_store64(head + sizeof(magic), creation);
	return file_write_at(fd, head, sizeof(head), 0);
}

int spool_file_places_write(int fd, const struct places *p)
{
	uint8_t head[HEAD_SIZE - PLACES_AT];

	wire_store64(head, p->head.at);
	wire_store64(head + 8, p->head.session);
	wire_store64(head + 16, p->front_from);
	wire_store64(head + 24, p->front_end);
	wire_store64(head + 32, p->main.at);
	wire_store64(head + 40, p->main.session);
	wire_store64(head + 48, p->skip_at);
	wire_store64(head + 56, p->skip);
	return file_write_at(fd, head, sizeof(head), PLACES_AT);
}

static void load_places(struct places *p, const uint8_t head[HEAD_SIZE])
{
	const uint8_t *at = head + PLACES_AT;

	p->head = (struct place){wire_load64(at), wire_load64(at + 8)};
	p->front_from = wire_load64(at + 16);
	p->front_end = wire_load64(at + 24);
	p->main = (struct place){wire_load64(at + 32), wire_load64(at + 40)};
	p->skip_at = wire_load64(at + 48);
	p->skip = (uint32_t)wire_load64(at + 56);
}

// The end of the last whole entry in [at, size); adds the copies of the blocks before it.
static uint64_t whole_end(int fd, uint64_t at, uint64_t size, uint64_t *copies)
{
	uint8_t head[BLOCK_HEAD];

	while (at + 4 <= size && spool_file_read(fd, head, 4, at) == 0) {
		uint32_t n = wire_load32(head);
		if (n != SESSION && (n < TEXT_MIN || n > TEXT_MAX))
			break;
		uint64_t length = n == SESSION ? SESSION_SIZE : BLOCK_HEAD + n + AEAD_TAG_SIZE;
		if (length > size - at ||
			(n != SESSION && spool_file_read(fd, head, sizeof(head), at)))
			break;
		*copies += n == SESSION ? 0 : wire_load32(head + 12);
		at += length;
	}
	return at;
}

bool spool_file_in_front(const struct places *p)
{
	return p->head.at >= p->front_from && p->head.at < p->front_end;
}

// False: the places contradict each other, or the file.
static bool are_sound(const struct places *p, uint64_t size)
{
	const struct place *m = &p->main;

	if (p->head.at > size || p->head.session > p->head.at || p->head.session < HEAD_SIZE)
		return false;
	if (p->front_end == 0)
		return p->front_from == 0 && m->at == 0;
	return p->front_from >= HEAD_SIZE && p->front_from <= p->front_end &&
	       p->front_end + SESSION_SIZE <= size && m->at <= p->front_from &&
	       m->session <= m->at && m->session >= HEAD_SIZE;
}

uint64_t spool_file_owed(int fd, const struct places *p, uint64_t size, uint64_t *end)
{
	uint64_t copies = 0, from = p->head.at;

	if (spool_file_in_front(p)) {
		(void)whole_end(fd, from, p->front_end, &copies);
		from = p->main.at;
	}
	if (p->front_end && from <= p->front_from) {
		(void)whole_end(fd, from, p->front_from, &copies);
		from = p->front_end;
	}
	*end = whole_end(fd, from, size, &copies);
	return copies > p->skip ? copies - p->skip : copies;
}

bool spool_file_head(int fd, uint64_t size, struct places *p, uint64_t *creation)
{
	uint8_t head[HEAD_SIZE];

	if (size < HEAD_SIZE + SESSION_SIZE || spool_file_read(fd, head, sizeof(head), 0) ||
		memcmp(head, magic, sizeof(magic)) != 0)
		return false;
	*creation = wire_load64(head + 8);
	load_places(p, head);
	return are_sound(p, size);
}

bool spool_file_copies(int fd, uint64_t *copies)
{
	struct places p;
	struct stat st;
	uint64_t creation, end;

	*copies = 0;
	if (fstat(fd, &st) || !spool_file_head(fd, (uint64_t)st.st_size, &p, &creation))
		return false;
	*copies = spool_file_owed(fd, &p, (uint64_t)st.st_size, &end);
	return true;
}

