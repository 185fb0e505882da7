// First octet: which body. The rest: its octets. What decodes must encode to the same octets.

#include <stdlib.h>
#include <string.h>

#include "shared/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define X(name)                                                            \
	static void try_##name(const uint8_t *body, size_t length)         \
	{                                                                  \
		static struct channel_##name m;                            \
		static uint8_t out[CHANNEL_MESSAGE_MAX];                   \
		if (channel_decode_##name(body, length, &m))               \
			return;                                            \
		int n = channel_encode_##name(out, sizeof(out), 1, 1, &m); \
		if (n != (int)length + 8 || memcmp(out + 8, body, length)) \
			abort();                                           \
	}
CHANNEL_BODIES(X)
#undef X

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *, size_t) = {
#define X(name) try_##name,
		CHANNEL_BODIES(X)
#undef X
	};
	struct channel_header h;
	const uint8_t *body;
	size_t length;

	if (size == 0 || size > CHANNEL_MESSAGE_MAX - 8)
		return 0;
	if (channel_split(data, size, &h, &body, &length) == POI_OK && length != size - 8)
		abort();
	tries[data[0] % (sizeof(tries) / sizeof(tries[0]))](data + 1, size - 1);
	return 0;
}
