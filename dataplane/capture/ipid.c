// Makes the interception point identifier of one writer.

#include "dataplane/capture/ipid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int part(char *out, size_t capacity, const char *name, const struct ipid_parts *p)
{
	if (strncmp(name, "{point}", 7) == 0)
		return snprintf(out, capacity, "%s", p->point);
	if (strncmp(name, "{worker}", 8) == 0 && p->writer)
		return snprintf(out, capacity, "%s", p->writer);
	if (strncmp(name, "{worker}", 8) == 0)
		return snprintf(out, capacity, "%" PRIu32, p->worker);
	if (strncmp(name, "{incarnation}", 13) == 0)
		return snprintf(out, capacity, "%016" PRIx64, p->incarnation);
	return -1;
}

int ipid_make(char *out, size_t capacity, const char *format, const struct ipid_parts *parts)
{
	bool worker = !parts->several_workers || strstr(format, "{worker}");
	size_t at = 0;

	while (*format || !worker) {
		if (!*format) {
			format = ".{worker}";
			worker = true;
		}
		if (*format == '{') {
			int n = part(out + at, capacity - at, format, parts);
			if (n < 0)
				return POI_ERR_INVALID;
			at += (size_t)n;
			format = strchr(format, '}') + 1;
		} else {
			if (at < capacity)
				out[at] = *format;
			at++;
			format++;
		}
		if (at >= capacity)
			return POI_ERR_TOO_LARGE;
	}
	out[at] = '\0';
	return POI_OK;
}
