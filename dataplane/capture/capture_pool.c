// Makes and frees a worker's capture with its pool of segments.

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dataplane/capture/capture_internal.h"

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_DONTDUMP); // intercepted content never reaches a core file
	return p;
}

void capture_plan(struct box_plan *p, uint32_t worker, uint64_t pool_octets)
{
	uint64_t n = pool_octets / SEGMENT_SIZE;

	box_plan_add(p, BOX_RINGS, worker, sizeof(struct copy_ring), RINGS_MAX);
	box_plan_add(p, BOX_SEGMENTS, worker, sizeof(struct segment), n);
	box_plan_add(p, BOX_OCTETS, worker, SEGMENT_SIZE, n);
}

// Returns memory that survives the process, or would if there were a box.
static void *kept(struct capture *c, enum box_kind kind, size_t element, size_t n)
{
	return c->s.box ? box_part(c->s.box, kind, c->s.worker, element, NULL) : map(element * n);
}

static int make_pool(struct capture *c)
{
	uint32_t n = c->n_segments, size = 1;

	while (size < n)
		size *= 2;
	c->return_mask = size - 1;
	c->octets = kept(c, BOX_OCTETS, SEGMENT_SIZE, n);
	c->segments = kept(c, BOX_SEGMENTS, sizeof(*c->segments), n);
	c->rings = kept(c, BOX_RINGS, sizeof(*c->rings), RINGS_MAX);
	c->free = calloc(n, sizeof(struct segment *));
	c->ready = map(c->s.n_deliver * sizeof(*c->ready));
	if (!c->octets || !c->segments || !c->rings || !c->free || !c->ready)
		return POI_ERR_NOMEM;
	for (uint32_t i = 0; i <= c->s.n_deliver; i++) {
		c->back[i].at = calloc(size, sizeof(struct segment *));
		if (!c->back[i].at)
			return POI_ERR_NOMEM;
	}
	// The last pushed is the first taken, so a lightly loaded pool stays in its first segments.
	for (uint32_t i = n; i-- > 0;)
		c->free[c->n_free++] = &c->segments[i];
	return 0;
}

struct capture *capture_new(const struct capture_settings *s)
{
	if (s->n_deliver == 0 || s->n_deliver > CAPTURE_DELIVER_MAX ||
		s->pool_octets < SEGMENT_SIZE || s->pool_octets / SEGMENT_SIZE > UINT32_MAX / 2)
		return NULL;
	struct capture *c = aligned_alloc(
		CAPTURE_LINE, (sizeof(*c) + CAPTURE_LINE - 1) / CAPTURE_LINE * CAPTURE_LINE);
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->s = *s;
	if (!c->s.max_header)
		c->s.max_header = CONFIG_HEADER_USUAL;
	c->burst = 1;
	c->n_segments = (uint32_t)(s->pool_octets / SEGMENT_SIZE);
	c->many = match_many_new();
	if (!c->many || make_pool(c)) {
		capture_free(c);
		return NULL;
	}
	return c;
}

struct match_many *capture_many(const struct capture *c)
{
	return c->many;
}

static void unmap(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	match_many_free(c->many);
	if (!c->s.box) {
		unmap(c->octets, (size_t)c->n_segments * SEGMENT_SIZE);
		unmap(c->segments, c->n_segments * sizeof(*c->segments));
		unmap(c->rings, RINGS_MAX * sizeof(*c->rings));
	}
	unmap(c->ready, c->s.n_deliver * sizeof(*c->ready));
	for (uint32_t i = 0; i <= c->s.n_deliver; i++)
		free(c->back[i].at);
	free(c->free);
	free(c);
}
