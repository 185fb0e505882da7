// Prints the layers that the parser finds in each frame of a file, one line a frame, for tests that
// compare them with another dissector. Frames are read as 32-bit lengths (host order) and octets.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/parse.h"
#include "tests/unit/dataplane/packet/opens_all.h"

static void print_layer(const struct packet_view *v, const struct packet_layer *l)
{
	printf(" %u,", l->family);
	for (unsigned i = 0; i < l->address_length * 2u; i++)
		printf("%02x", v->data[l->l3 + l->source + i]);
	if (l->flags & LAYER_PORTS)
		printf(",%u,%u,%u", l->protocol, l->sport, l->dport);
	else
		printf(",%u,-,-", l->protocol);
	printf(",%u,%u", l->l3, (unsigned)(l->flags & LAYER_CARRIER));
}

static void print_frame(const uint8_t *octets, uint32_t length)
{
	struct packet_view v = {.data = octets, .length = length, .total = length};

	parse_burst(&all, &v, 1);
	printf("%s %x", packet_outcome_name((enum packet_outcome)v.outcome),
		parse_unopened(&all, &v));
	for (unsigned i = 0; i < v.n_layers; i++)
		print_layer(&v, &v.layer[i]);
	putchar('\n');
}

int main(void)
{
	uint32_t length;

	while (fread(&length, sizeof(length), 1, stdin) == 1) {
		uint8_t *octets = malloc(length ? length : 1);
		if (!octets || fread(octets, 1, length, stdin) != length)
			return 1;
		print_frame(octets, length);
		free(octets);
	}
	return 0;
}
