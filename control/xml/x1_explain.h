#pragma once

// Explains which element or format the schema expected. Names and rules are the schema's or ours,
// never a peer's.

#include <stdbool.h>
#include <stddef.h>

// True if the schema declares an element of this local name. Others may carry a peer's data.
bool x1_explain_known(const char *element);
// The format of the value of an element, for a person; NULL when none is known.
const char *x1_explain_format(const char *element);
// Writes the local names of the elements that a content error of libxml2 lists as expected, "" when
// its message names none. Returns their number, those left out included.
unsigned x1_explain_expected(const char *message, char *out, size_t capacity);
