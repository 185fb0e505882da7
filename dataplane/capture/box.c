// The black box's directory: makes it, opens another process's, and finds parts.

#include "dataplane/capture/box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "POI BOX\n"
#define PAGE 4096u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

struct directory {
	char magic[8];
	uint32_t version, n;
	uint64_t size; // of all
	uint64_t incarnation;
	_Atomic uint64_t origin;
	_Atomic uint32_t ended;
	struct box_part part[BOX_PARTS];
};

struct box {
	struct directory *directory;
	uint64_t size;
	int fd;
	bool ours;
};

void box_plan_add(
	struct box_plan *p, enum box_kind kind, uint32_t number, uint64_t element, uint64_t n)
{
	if (p->n < BOX_PARTS)
		p->part[p->n] = (struct box_part){
			.kind = kind, .number = number, .element = element, .n = n};
	p->n++;
}

static uint64_t page_up(uint64_t octets)
{
	return (octets + PAGE - 1) / PAGE * PAGE;
}

static void fill(struct directory *d, const struct box_plan *p, uint64_t incarnation)
{
	d->version = BOX_VERSION;
	d->incarnation = incarnation;
	atomic_store_explicit(&d->origin, incarnation, memory_order_relaxed);
	d->size = page_up(sizeof(*d));
	d->n = p->n;
	for (uint32_t i = 0; i < p->n; i++) {
		struct box_part *part = &d->part[i];
		part->kind = p->part[i].kind;
		part->number = p->part[i].number;
		part->element = p->part[i].element;
		part->n = p->part[i].n;
		part->offset = d->size;
		d->size += page_up(part->element * part->n);
	}
}

static uint64_t size_of(const struct box_plan *p)
{
	uint64_t size = page_up(sizeof(struct directory));

	for (uint32_t i = 0; i < p->n; i++)
		size += page_up(p->part[i].element * p->part[i].n);
	return size;
}

static bool map(struct box *b, int protection)
{
	void *p = mmap(NULL, b->size, protection, MAP_SHARED | MAP_NORESERVE, b->fd, 0);

	if (p == MAP_FAILED)
		return false;
	b->directory = p;
	(void)madvise(p, b->size, MADV_DONTDUMP); // content never reaches a core file
	return true;
}

struct box *box_new(const struct box_plan *p, uint64_t incarnation)
{
	struct box *b = p->n <= BOX_PARTS ? calloc(1, sizeof(*b)) : NULL;

	if (!b)
		return NULL;
	b->ours = true;
	b->size = size_of(p);
	b->fd = memfd_create("poi-box", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd < 0 || ftruncate(b->fd, (off_t)b->size) ||
		fcntl(b->fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) || !map(b, PROT_READ | PROT_WRITE)) {
		int error = errno;
		box_free(b);
		errno = error;
		return NULL;
	}
	fill(b->directory, p, incarnation);
	memcpy(b->directory->magic, MAGIC, sizeof(b->directory->magic));
	return b;
}

static bool is_sound(const struct box *b)
{
	const struct directory *d = b->directory;

	if (memcmp(d->magic, MAGIC, sizeof(d->magic)) != 0 || d->version != BOX_VERSION ||
		d->size != b->size || d->n > BOX_PARTS)
		return false;
	for (uint32_t i = 0; i < d->n; i++) {
		const struct box_part *p = &d->part[i];
		if (p->offset > b->size || p->element == 0 ||
			p->n > (b->size - p->offset) / p->element ||
			atomic_load_explicit(&p->used, memory_order_relaxed) > p->n)
			return false;
	}
	return true;
}

struct box *box_open(int fd)
{
	struct box *b = calloc(1, sizeof(*b));
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (!b) {
		close(fd);
		return NULL;
	}
	b->fd = fd;
	if (seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
		st.st_size >= (off_t)sizeof(struct directory)) {
		b->size = (uint64_t)st.st_size;
		if (map(b, PROT_READ) && is_sound(b))
			return b;
	}
	box_free(b);
	return NULL;
}

void box_free(struct box *b)
{
	if (!b)
		return;
	if (b->directory)
		munmap(b->directory, b->size);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
}

int box_fd(const struct box *b)
{
	return b->fd;
}

uint64_t box_incarnation(const struct box *b)
{
	return b->directory->incarnation;
}

void box_end(struct box *b)
{
	// Partner: box_ended in the next process.
	atomic_store_explicit(&b->directory->ended, 1, memory_order_release);
}

bool box_ended(const struct box *b)
{
	return atomic_load_explicit(&b->directory->ended, memory_order_acquire) != 0;
}

uint64_t box_origin(const struct box *b)
{
	return atomic_load_explicit(&b->directory->origin, memory_order_relaxed);
}

void box_set_origin(struct box *b, uint64_t incarnation)
{
	atomic_store_explicit(&b->directory->origin, incarnation, memory_order_relaxed);
}

static struct box_part *find(const struct box *b, enum box_kind kind, uint32_t number)
{
	struct directory *d = b->directory;

	for (uint32_t i = 0; i < d->n; i++)
		if (d->part[i].kind == kind && d->part[i].number == number)
			return &d->part[i];
	return NULL;
}

void *box_part(
	const struct box *b, enum box_kind kind, uint32_t number, uint64_t element, uint64_t *n)
{
	const struct box_part *p = find(b, kind, number);

	if (!p || p->element != element)
		return NULL;
	if (n)
		*n = b->ours ? p->n : atomic_load_explicit(&p->used, memory_order_acquire);
	return (uint8_t *)b->directory + p->offset;
}

void box_use(struct box *b, enum box_kind kind, uint32_t number, uint64_t n)
{
	struct box_part *p = find(b, kind, number);

	// Partner: box_part of the next process.
	if (p && n > atomic_load_explicit(&p->used, memory_order_relaxed))
		atomic_store_explicit(&p->used, n, memory_order_release);
}

uint32_t box_parts(const struct box *b, enum box_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->directory->n; i++)
		n += b->directory->part[i].kind == kind;
	return n;
}

int box_punch(struct box *b, void *at, uint64_t octets)
{
	off_t offset = (off_t)((uint8_t *)at - (uint8_t *)b->directory);

	return fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, (off_t)octets)
		       ? POI_ERR_IO
		       : POI_OK;
}
