#pragma once

// The embedded schema of X1 and the validation of one element against it. Only for x1_decode and
// tests.

#include <stdbool.h>
#include <stddef.h>
#include <libxml/tree.h>

#define X1_NAMESPACE "http://uri.etsi.org/03221/X1/2017/10"
#define X1_COMMON_NAMESPACE "http://uri.etsi.org/03280/common/2017/07"
#define X1_XSI_NAMESPACE "http://www.w3.org/2001/XMLSchema-instance"

#define X1_WHY_SIZE 240

struct x1_schema;

// Compiles the embedded files; nothing else is ever opened for it. Single-threaded. NULL with
// `why`.
struct x1_schema *x1_schema_new(char *why, size_t why_size);
void x1_schema_free(struct x1_schema *s);

// Validates `element`, which must be one of the schema's global elements, with all below it. On
// failure `why` (X1_WHY_SIZE octets) names element and rule of the first error, never a value.
bool x1_schema_validate_element(struct x1_schema *s, xmlNode *element, char *why);

// Validates a whole document in one pass: root X1Request, X1Response or X1TopLevelErrorResponse.
// What is judged by hand (version of 3GPP extensions, UUID version) is not looked at. For tests.
bool x1_schema_validate(struct x1_schema *s, xmlDoc *document, char *why);
