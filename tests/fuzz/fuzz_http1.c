// The first octet sets the portions in which the rest arrives; the outcome may not depend on it.

#include <stdlib.h>
#include <string.h>

#include "control/http/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Status of the first request: 200 complete, 0 unfinished.
static unsigned run(const char *text, size_t size, size_t portion, bool get)
{
	struct http1 *h = get ? http1_new_get("/metrics", 2048) : http1_new("/X1/NE", 2048, 4096);
	unsigned status = 0;

	if (h == NULL)
		abort();
	for (size_t at = 0; at < size && status == 0; at += portion) {
		size_t n = size - at < portion ? size - at : portion;
		char *exact = malloc(n);
		memcpy(exact, text + at, n);
		enum http1_event e = http1_feed(h, exact, n);
		if (e == HTTP1_REQUEST)
			status = 200;
		else if (e == HTTP1_REFUSED)
			status = http1_status(h);
		if (e == HTTP1_REFUSED && (status < 400 || http1_keep_alive(h)))
			abort();
		free(exact);
	}
	http1_free(h);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	for (int get = 0; get < 2; get++) {
		const char *text = (const char *)data + 1;
		unsigned whole = run(text, size - 1, size, get);
		unsigned parts = run(text, size - 1, (size_t)data[0] % 64 + 1, get);
		// In one piece what follows a request is seen at once; in parts it comes later.
		if ((whole == 0) != (parts == 0))
			abort();
	}
	return 0;
}
