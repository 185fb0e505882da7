// A record made out of the table, spoilt by the octets: values of another kind, other texts, names
// and numbers of nodes. The encoder refuses it by name or writes what a second call writes, and
// never beyond its room. What it writes can be shortened to any limit, and is a record then.

#include <stdlib.h>
#include <string.h>

#include "tests/unit/shared/record_lab.h"

#define ROOM 65536

static struct record_lab lab;
static uint8_t first[ROOM], second[ROOM];

// Changes one node by six octets: its place, the part of it, and a value.
static void spoil(const uint8_t *d)
{
	struct record_node *node = &lab.nodes[(d[0] | d[1] << 8) % lab.count];

	switch (d[2] % 7) {
	case 0:
		node->kind = d[3] % (NODE_LIST + 2);
		if (node->kind == NODE_TEXT && !node->text)
			node->text = "";
		break;
	case 1:
		node->number = (uint64_t)d[3] << (d[4] % 64);
		break;
	case 2: // octets of the input; nothing is behind them
		node->text = (const char *)d + 3;
		node->length = d[2] % 4;
		break;
	case 3:
		node->covers = d[3] | (uint32_t)d[4] << 24;
		break;
	case 4: // the name of another member
		node->name = lab.nodes[d[3] % lab.count].name;
		node->name_length = lab.nodes[d[3] % lab.count].name_length;
		break;
	case 5:
		node->name = (const char *)d + 3;
		node->name_length = d[2] % 4;
		break;
	default:
		node->length = node->length ? d[3] % (node->length + 1) : 0;
	}
}

// Writes what stays of the record in `first` to `second`.
static void shorten(unsigned kind, const uint8_t *octets, uint32_t length, uint32_t limit)
{
	struct record_short s, again;

	int e = record_shorten(kind, octets, length, limit, &s);
	if (e && e != POI_ERR_TOO_LARGE)
		abort();
	if (e)
		return;
	record_short_write(octets, length, &s, second);
	if (s.length > limit || record_shorten(kind, second, s.length, limit, &again) ||
		again.length != s.length)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_fault fault;
	char text[256];
	struct record_short s;
	uint32_t seed;

	if (size < 6)
		return 0;
	unsigned kind = data[0] % RECORD_KINDS;
	enum config_xiri_release release = data[1] & 1 ? CONFIG_XIRI_R19 : CONFIG_XIRI_R18;
	(void)!record_shorten(kind, data, (uint32_t)size, 100, &s); // no record at all
	memcpy(&seed, data + 2, sizeof(seed));
	record_lab_make(&lab, kind, release, data[1] & 2, seed);
	for (size_t at = 6; at + 6 <= size; at += 6)
		spoil(data + at);
	struct ber_writer w = ber_writer_of(first, ROOM);
	if (record_encode(&w, kind, release, lab.nodes, lab.count, &fault)) {
		int n = record_fault_text(&fault, text, sizeof(text));
		if (n <= 0 || (fault.reason == RECORD_GOOD))
			abort();
		return 0;
	}
	size_t length = ber_written(&w);
	struct ber_writer again = ber_writer_of(second, length);
	if (record_encode(&again, kind, release, lab.nodes, lab.count, &fault) ||
		memcmp(again.at, w.at, length) != 0)
		abort();
	again = ber_writer_of(second, length - 1);
	if (!record_encode(&again, kind, release, lab.nodes, lab.count, &fault) ||
		fault.reason != RECORD_ROOM)
		abort();
	shorten(kind, w.at, (uint32_t)length, seed % (uint32_t)(length + 1));
	return 0;
}
