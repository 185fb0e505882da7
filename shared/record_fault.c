// The text of a refusal: the member's name, the reason and the table.

#include <stdio.h>

#include "shared/record.h"

#define UNKNOWN_SHOWN 40

const char *record_reason_text(unsigned reason)
{
	static const char *const texts[] = {
		[RECORD_GOOD] = "good",
		[RECORD_MISSING] = "missing",
		[RECORD_MISSING_WITH] = "missing beside others",
		[RECORD_UNKNOWN] = "unknown",
		[RECORD_RELEASE] = "not in this release",
		[RECORD_TWICE] = "twice",
		[RECORD_KIND] = "of another kind",
		[RECORD_BOUNDS] = "out of bounds",
		[RECORD_CHOICE] = "not one alternative",
		[RECORD_BESIDE] = "not beside another",
		[RECORD_TREE] = "not a tree",
		[RECORD_ROOM] = "too large",
	};

	return reason < sizeof(texts) / sizeof(texts[0]) ? texts[reason] : "unknown";
}

int record_fault_text(const struct record_fault *fault, char *out, size_t capacity)
{
	char path[RECORD_DEPTH * 64];
	char unknown[UNKNOWN_SHOWN + 2] = "";
	size_t n = 0;

	path[0] = 0;
	for (unsigned i = fault->depth; i > 0 && n < sizeof(path); i--) {
		const char *name = fault->path[i - 1];
		int more = snprintf(path + n, sizeof(path) - n, "%s%s",
			n == 0 || name[0] == '[' ? "" : ".", name);
		n += more > 0 ? (size_t)more : 0;
	}
	if (fault->unknown) {
		size_t length = fault->unknown_length;

		unknown[0] = '.';
		if (length > UNKNOWN_SHOWN)
			length = UNKNOWN_SHOWN;
		for (size_t i = 0; i < length; i++) {
			char c = fault->unknown[i];
			bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
				     (c >= 'A' && c <= 'Z');
			unknown[1 + i] = c;
			if (!plain)
				unknown[1 + i] = '?';
		}
		unknown[1 + length] = 0;
	}
	return snprintf(out, capacity, "%s%s: %s%s%s%s", path, unknown,
		record_reason_text(fault->reason), fault->table ? " (table " : "",
		fault->table ? fault->table : "", fault->table ? ")" : "");
}
