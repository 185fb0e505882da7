// Names of requests and targets, and versions of X1.
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

static const char *skip_digits(const char *p)
{
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

bool x1_version_supported(const char *version)
{
	if (version == NULL || version[0] != 'v' || version[1] != '1' || version[2] != '.')
		return false;
	const char *minor = version + 3;
	const char *dot = skip_digits(minor);
	if (dot == minor || *dot != '.')
		return false;
	const char *end = skip_digits(dot + 1);
	return end != dot + 1 && *end == '\0';
}
