// Any octets into the xIRI decoder: what it takes is DER, so writing it again gives the same
// octets.

#include <stdlib.h>
#include <string.h>

#include "dataplane/capture/header_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[XIRI_MAX];
	struct xiri x;

	if (xiri_decode(data, size, &x) != 0)
		return 0;
	const uint8_t *at = xiri_write(out, &x);
	if ((size_t)(out + XIRI_MAX - at) != size || memcmp(at, data, size) != 0)
		abort();
	return 0;
}
