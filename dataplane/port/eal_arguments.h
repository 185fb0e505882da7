#pragma once

// The words of dataplane.eal.

#define EAL_ARGUMENTS_MAX 128

struct eal_arguments {
	int n;
	char *argument[EAL_ARGUMENTS_MAX + 1]; // zero-terminated list
	char *text;			       // what the entries point into
};

// Splits as a shell does: blanks separate, '...' keeps everything, "..." knows \" and \\, a
// backslash outside quotes keeps the next character. Nothing is expanded and nothing is run. 0,
// NOMEM, SYNTAX (open quote) or TOO_LARGE. Free `text` afterwards.
[[nodiscard]] int eal_split(const char *line, struct eal_arguments *out);
