// The memo of each network element in the sealed store: its faults, and removals under way.
#include "control/state/task_store_internal.h"

#include <stdlib.h>
#include <string.h>

static int remember(struct element *e, const uint8_t *memo, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy)
		return POI_ERR_NOMEM;
	if (length)
		memcpy(copy, memo, length);
	free(e->memo);
	e->memo = copy;
	e->memo_length = length;
	return 0;
}

void task_store_read_element(struct task_store *v, const uint8_t *body, size_t length)
{
	struct channel_memo m;

	int32_t ne = channel_decode_memo(body, length, &m) ? POI_ERR_SYNTAX
							   : registry_ne_index(v->loaded, &m.ne);
	if (ne >= 0 && remember(&v->element[ne], m.memo, m.memo_length))
		v->element[ne].invalid = true;
}

int task_store_write_element(struct task_store *v, const struct registry *r, uint16_t ne)
{
	const struct element *e = &v->element[ne];
	struct channel_memo m = {.ne = *registry_ne_id(r, ne),
		.of = MEMO_NE,
		.memo = e->memo,
		.memo_length = e->memo_length};

	return task_store_append_body(v, ELEMENT,
		channel_encode_memo(v->record, sizeof(v->record), CHANNEL_REPORT_STATE, 0, &m));
}

int task_store_put_element(struct task_store *v, const struct registry *r, uint16_t ne,
	const uint8_t *memo, uint32_t length)
{
	int rc = v->failed ? POI_ERR_IO : remember(&v->element[ne], memo, length);

	return rc ? rc : task_store_write_element(v, r, ne);
}

const uint8_t *task_store_element(const struct task_store *v, uint16_t ne, uint32_t *length)
{
	*length = v->element[ne].memo_length;
	return v->element[ne].memo;
}

void task_store_free_elements(struct task_store *v)
{
	for (uint32_t ne = 0; ne < CONFIG_NES_MAX; ne++)
		free(v->element[ne].memo);
}
