#pragma once

// Why a request is refused: the code of table 46 and its description. The description goes to the
// ADMF only and may name what the request says; the note goes to the audit log and never does.

struct x1_refusal {
	int code; // enum x1_error
	char text[256], note[256];
};

// The arguments are names of the schema, identifiers of tasks and destinations, and numbers.
void x1_refuse(struct x1_refusal *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// The arguments are a peer's words.
void x1_refuse_quoting(struct x1_refusal *why, int code, const char *note, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
