// X1 documents, as requests and as answers; what decodes must come back from its own serialisation.

#include <stdio.h>
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

// Sends the object of an answer back as the request that creates it.
static void check_object(struct x1_decoder *d, const char *xml, size_t length)
{
	static const char begin[] = "<x1:object ", end[] = "</x1:object>";
	static const char form[] =
		"<x1:X1Request xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\""
		" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
		"<x1:x1RequestMessage xsi:type=\"x1:CreateObjectRequest\">"
		"<x1:admfIdentifier>a</x1:admfIdentifier><x1:neIdentifier>n</x1:neIdentifier>"
		"<x1:messageTimestamp>2026-12-02T17:01:40.751334Z</x1:messageTimestamp>"
		"<x1:version>v1.13.1</x1:version>"
		"<x1:x1TransactionId>7a500001-0001-4001-8001-000000000002</x1:x1TransactionId>"
		"<x1:createObject %.*s</x1:createObject></x1:x1RequestMessage></x1:X1Request>";
	size_t b = sizeof(begin) - 1, e = sizeof(end) - 1;

	if (length < b + e || memcmp(xml, begin, b) != 0 || strcmp(xml + length - e, end) != 0)
		abort();
	char *text = malloc(sizeof(form) + length);
	if (text == NULL)
		abort();
	int n = snprintf(text, sizeof(form) + length, form, (int)(length - b - e), xml + b);
	struct x1_container *again = x1_decode(d, text, (size_t)n);
	if (again == NULL || again->n_messages != 1 || again->messages[0].object == NULL)
		abort();
	const struct x1_object_details *o = again->messages[0].object;
	if (o->xml == NULL || strcmp(o->xml, xml) != 0)
		abort();
	x1_container_free(again);
	free(text);
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
		if (m->object != NULL && m->object->xml != NULL)
			check_object(d, m->object->xml, m->object->xml_length);
	}
	x1_container_free(c);
	(void)!x1_decode_answers(d, exact, size, answers, 4);
	free(exact);
	return 0;
}
