#include "control/http/http2.h"

#include <nghttp2/nghttp2.h>

const char *http2_library(void)
{
	return nghttp2_version(0)->version_str;
}
