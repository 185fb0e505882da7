// Lists of faults, and the bounded queue of issues that wait to be reported.
#include "control/state/faults.h"

#include <stdlib.h>
#include <string.h>

#include "shared/error.h"
#include "shared/now.h"

static void text_copy(char out[FAULT_TEXT_MAX], const char *text)
{
	size_t n = strlen(text);

	if (n >= FAULT_TEXT_MAX)
		n = FAULT_TEXT_MAX - 1;
	memcpy(out, text, n);
	out[n] = 0;
}

int fault_raise(struct fault **list, enum fault_kind kind, uint32_t code, const char *text)
{
	struct fault **at = list;

	while (*at && (*at)->kind != kind)
		at = &(*at)->next;
	if (*at) {
		(*at)->code = code;
		(*at)->raised_ns = now_monotonic_ns();
		text_copy((*at)->text, text);
		return 0;
	}
	struct fault *f = calloc(1, sizeof(*f));
	if (!f)
		return POI_ERR_NOMEM;
	f->kind = (uint8_t)kind;
	f->code = code;
	f->raised_ns = now_monotonic_ns();
	f->told = true; // the caller reports it
	text_copy(f->text, text);
	*at = f;
	return 1;
}

bool fault_clear(struct fault **list, enum fault_kind kind)
{
	for (struct fault **at = list; *at; at = &(*at)->next) {
		if ((*at)->kind != kind)
			continue;
		struct fault *gone = *at;
		*at = gone->next;
		free(gone);
		return true;
	}
	return false;
}

static struct fault *find(struct fault *list, enum fault_kind kind)
{
	while (list && list->kind != kind)
		list = list->next;
	return list;
}

const struct fault *fault_find(const struct fault *list, enum fault_kind kind)
{
	while (list && list->kind != kind)
		list = list->next;
	return list;
}

bool fault_has(const struct fault *list, enum fault_kind kind)
{
	return fault_find(list, kind) != NULL;
}

uint32_t fault_count(const struct fault *list)
{
	uint32_t n = 0;

	for (; list; list = list->next)
		n++;
	return n;
}

void fault_put_all(struct wire_writer *w, const struct fault *list)
{
	wire_put_u8(w, (uint8_t)fault_count(list));
	for (; list; list = list->next) {
		wire_put_u8(w, list->kind);
		wire_put_u32(w, list->code);
		wire_put_text(w, list->text);
	}
}

int fault_get_all(struct wire_reader *r, struct fault **list)
{
	char text[FAULT_TEXT_MAX];
	uint8_t n = wire_get_u8(r);

	for (uint8_t i = 0; i < n && !r->error; i++) {
		uint8_t kind = wire_get_u8(r);
		uint32_t code = wire_get_u32(r);
		wire_get_text(r, text, sizeof(text));
		if (r->error)
			break;
		bool known = fault_has(*list, kind);
		int rc = known ? 0 : fault_raise(list, kind, code, text);
		if (rc < 0)
			return rc;
		if (!known)
			find(*list, kind)->told = false;
	}
	return r->error;
}

static enum fault_kind kind_of(uint8_t kind)
{
	if (kind >= FAULT_PORT_DEAF)
		return FAULT_PORT_DEAF;
	if (kind >= FAULT_PORT_LOSS)
		return FAULT_PORT_LOSS;
	return kind >= FAULT_LINK ? FAULT_LINK : (enum fault_kind)kind;
}

void fault_count_kinds(const struct fault *list, uint32_t count[FAULT_NE_KIND_COUNT])
{
#define X(kind, name) kind,
	static const enum fault_kind kinds[] = {FAULT_NE_KINDS(X)};
#undef X

	for (; list; list = list->next) {
		for (size_t i = 0; i < FAULT_NE_KIND_COUNT; i++)
			count[i] += kind_of(list->kind) == kinds[i];
	}
}

void fault_free_all(struct fault **list)
{
	while (*list) {
		struct fault *gone = *list;
		*list = gone->next;
		free(gone);
	}
}

struct issues {
	uint32_t capacity, first, n;
	uint64_t dropped;
	bool released;
	void (*ready)(void *context);
	void *context;
	struct issue ring[];
};

struct issues *issues_new(uint32_t capacity)
{
	struct issues *q = calloc(1, sizeof(*q) + capacity * sizeof(struct issue));

	if (q)
		q->capacity = capacity;
	return q;
}

void issues_free(struct issues *q)
{
	free(q);
}

void issues_on_ready(struct issues *q, void (*ready)(void *context), void *context)
{
	q->ready = ready;
	q->context = context;
}

void issues_release(struct issues *q)
{
	bool was = q->released;

	q->released = true;
	if (!was && q->ready)
		q->ready(q->context);
}

bool issues_released(const struct issues *q)
{
	return q->released;
}

void issues_put(struct issues *q, const struct issue *i)
{
	if (q->n == q->capacity) {
		q->first = (q->first + 1) % q->capacity;
		q->n--;
		q->dropped++;
	}
	struct issue *at = &q->ring[(q->first + q->n) % q->capacity];
	*at = *i;
	if (!at->time_ns)
		at->time_ns = now_wall_ns();
	q->n++;
	if (q->ready)
		q->ready(q->context);
}

bool issues_take(struct issues *q, struct issue *out)
{
	if (!q->n)
		return false;
	*out = q->ring[q->first];
	q->first = (q->first + 1) % q->capacity;
	q->n--;
	return true;
}

uint32_t issues_waiting(const struct issues *q)
{
	return q->n;
}

uint64_t issues_dropped(const struct issues *q)
{
	return q->dropped;
}
