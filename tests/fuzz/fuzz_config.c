// A configuration file. What loads must dump to a file that loads and dumps to the same text.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dump(const struct config *c, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	if (!out || config_dump(c, out))
		abort();
	fclose(out);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[512];
	struct config *c = config_load_text("/f.yaml", (const char *)data, size, why, sizeof(why));

	if (!c) {
		if (strncmp(why, "/f.yaml:", 8))
			abort(); // every refusal has a place
		return 0;
	}
	size_t length, length_again;
	char *text = dump(c, &length);
	struct config *again = config_load_text("/f.yaml", text, length, why, sizeof(why));
	if (!again) {
		fprintf(stderr, "%s\n%s", why, text);
		abort();
	}
	char *text_again = dump(again, &length_again);
	if (length != length_again || memcmp(text, text_again, length))
		abort();
	free(text);
	free(text_again);
	config_free(c);
	config_free(again);
	return 0;
}
