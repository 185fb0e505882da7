#pragma once

// JSON text, written by appending: for the audit log and `poi status --json`. Commas are placed by
// the writer; strings are escaped (octets that are not UTF-8 become U+FFFD).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json { // start from {0}; free `text` with json_free
	char *text;
	size_t length, capacity;
	bool comma;
	bool unknown; // values are written as null
	int error; // sticky: 0 or POI_ERR_NOMEM
};

void json_free(struct json *j);
// `name` is NULL inside arrays and at the top.
void json_object(struct json *j, const char *name);
void json_array(struct json *j, const char *name);
void json_end_object(struct json *j);
void json_end_array(struct json *j);
void json_string(struct json *j, const char *name, const char *value);
void json_u64(struct json *j, const char *name, uint64_t value);
void json_i64(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);
void json_newline(struct json *j); // ends a line: the next value starts without a comma
