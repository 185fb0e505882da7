// A line of a network function: read or refused, and what is read goes through the codec unchanged.

#include <stdlib.h>
#include <string.h>

#include "events/event_read.h"

static struct record_node nodes[LINE_NODES_MAX], again[NF_NODES_MAX];
static uint8_t octets[NF_MESSAGE_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line l;
	char *text = malloc(size ? size : 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	event_read(text, size, nodes, &l);
	if ((l.kind == LINE_WRONG) != (l.why != NULL))
		abort();
	if (l.kind == LINE_EVENT) {
		struct nf_event back = {.nodes = again};
		int n = nf_encode_event(octets, sizeof(octets), &l.event);
		if (n > 0 && (nf_decode_event(octets + 1, (size_t)n - 1, &back) != POI_OK ||
				     back.n_nodes != l.event.n_nodes))
			abort();
	}
	free(text);
	return 0;
}
