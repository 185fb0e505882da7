#pragma once

// The reason of a refusal: the code of table 46 and its description. The description goes to the
// ADMF only and may quote the request; the note goes to the audit log and must not.

struct x1_refusal {
	int code; // enum x1_error
	char text[256], note[256];
};

// Sets a reason whose arguments are names of the schema, identifiers of tasks and destinations, or
// numbers.
void x1_refuse(struct x1_refusal *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Sets a reason whose arguments quote a peer.
void x1_refuse_quoting(struct x1_refusal *why, int code, const char *note, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
