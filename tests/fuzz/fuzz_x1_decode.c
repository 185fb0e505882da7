// X1 documents, as requests and as answers; what decodes must come back from its own serialisation.

#include <stdlib.h>
#include <string.h>

#include "control/xml/x1_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fragment(struct x1_decoder *d, const char *xml, size_t length)
{
	struct x1_container *again = x1_decode_details(d, xml, length);

	if (again == NULL)
		abort();
	const struct x1_message *m = &again->messages[0];
	const char *second = m->task != NULL ? m->task->xml : m->destination->xml;
	if (strcmp(second, xml) != 0)
		abort();
	x1_container_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct x1_decoder *d;
	struct x1_answer answers[4];

	if (d == NULL)
		d = x1_decoder_new(64, 1000, false);
	char *exact = malloc(size); // no octet beyond: a read past the end is seen
	if (exact == NULL || d == NULL)
		abort();
	memcpy(exact, data, size);
	struct x1_container *c = x1_decode(d, exact, size);
	if (c == NULL || (c->top_level_error && c->why == NULL))
		abort();
	for (uint32_t i = 0; i < c->n_messages; i++) {
		const struct x1_message *m = &c->messages[i];
		if (m->task != NULL)
			check_fragment(d, m->task->xml, m->task->xml_length);
		if (m->destination != NULL)
			check_fragment(d, m->destination->xml, m->destination->xml_length);
	}
	x1_container_free(c);
	(void)!x1_decode_answers(d, exact, size, answers, 4);
	free(exact);
	return 0;
}
