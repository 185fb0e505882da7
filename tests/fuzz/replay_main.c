// Runs the fuzz target over each file given: the corpus is a regression test without libFuzzer.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *in = fopen(path, "re");
	uint8_t *data = NULL;
	size_t size = 0, capacity = 0;

	if (!in) {
		perror(path);
		return 1;
	}
	do {
		capacity += 65536;
		data = realloc(data, capacity);
		if (!data)
			abort();
		size += fread(data + size, 1, capacity - size, in);
	} while (size == capacity);
	fclose(in);
	uint8_t *exact = realloc(data, size ? size : 1); // so that a sanitizer sees the true end
	if (!exact)
		abort();
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed += replay(argv[i]);
	printf("replayed %d inputs, %d unreadable\n", argc - 1 - failed, failed);
	return failed || argc < 2;
}
