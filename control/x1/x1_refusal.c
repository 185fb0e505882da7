// Writes down why a request is refused.
#include "control/x1/x1_refusal.h"

#include <stdarg.h>
#include <stdio.h>

void x1_refuse(struct x1_refusal *why, int code, const char *format, ...)
{
	va_list args;

	why->code = code;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	snprintf(why->note, sizeof(why->note), "%s", why->text);
}

void x1_refuse_quoting(struct x1_refusal *why, int code, const char *note, const char *format, ...)
{
	va_list args;

	why->code = code;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	snprintf(why->note, sizeof(why->note), "%s", note);
}
