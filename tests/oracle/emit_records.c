// Encodes random records of every kind in both releases, a line each: "RELEASE NAME HEX JSON", the
// octets and their values.
//   emit_records COUNT [SEED]   COUNT records of a kind and release
//   emit_records names          every ENUMERATED of the table, a line each: NAME=NUMBER ...

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record_lab.h"

static struct record_lab lab;
static uint8_t room[200000];

// Writes the value at `at` as JSON; texts of the lab need no escapes. The node behind the value.
static size_t say(size_t at)
{
	const struct record_node *node = &lab.nodes[at];
	size_t end = at + node->covers;
	bool first = true;

	if (node->kind == NODE_TEXT)
		printf("\"%.*s\"", (int)node->length, node->text);
	else if (node->kind == NODE_NUMBER)
		printf("%" PRIu64, node->number);
	else if (node->kind == NODE_BOOLEAN)
		fputs(node->number ? "true" : "false", stdout);
	if (node->kind < NODE_OBJECT)
		return end;
	putchar(node->kind == NODE_OBJECT ? '{' : '[');
	for (size_t child = at + 1; child < end; first = false) {
		if (!first)
			putchar(',');
		if (node->kind == NODE_OBJECT)
			printf("\"%.*s\":", (int)lab.nodes[child].name_length,
				lab.nodes[child].name);
		child = say(child);
	}
	putchar(node->kind == NODE_OBJECT ? '}' : ']');
	return end;
}

// Writes one line to standard output. False where the encoder refuses the record.
static bool emit(unsigned kind, enum config_xiri_release release, bool every, uint32_t seed)
{
	struct ber_writer w = ber_writer_of(room, sizeof(room));
	struct record_fault fault;
	char text[300];

	record_lab_make(&lab, kind, release, every, seed);
	if (record_encode(&w, kind, release, lab.nodes, lab.count, &fault) != 0) {
		record_fault_text(&fault, text, sizeof(text));
		fprintf(stderr, "seed %u: %s\n", seed, text);
		return false;
	}
	printf("%s %s ", release == CONFIG_XIRI_R18 ? "r18" : "r19", record_name(kind));
	for (size_t i = 0; i < ber_written(&w); i++)
		printf("%02x", w.at[i]);
	putchar(' ');
	say(0);
	putchar('\n');
	return true;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "names") == 0) {
		record_lab_print_names();
		return 0;
	}
	uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
	uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	bool good = true;

	for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
		for (unsigned r = CONFIG_XIRI_R18; r <= CONFIG_XIRI_R19; r++)
			for (uint32_t i = 0; i < count; i++)
				good = emit(kind, r, i < 4, seed + i) && good;
	return good ? 0 : 1;
}
