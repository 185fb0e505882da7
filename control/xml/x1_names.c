// Names of requests and targets.
#include "control/xml/x1_types.h"

const char *x1_request_name(enum x1_request_type t)
{
	static const char *const names[] = {
#define X(suffix, text, core) text,
		X1_REQUESTS(X)
#undef X
	};

	return (unsigned)t < X1_REQUEST_COUNT ? names[t] : "";
}

const char *x1_target_name(enum x1_target_kind k)
{
	static const char *const names[] = {
#define X(suffix, text) text,
		X1_TARGETS(X)
#undef X
	};

	return (unsigned)k < X1_TARGET_COUNT ? names[k] : "";
}
