#pragma once

// Why a request is refused: the code of table 46 and its description. The description goes to the
// ADMF and into the audit log: it names elements, rules and identifiers (XID, DID), never a value of
// a target, nor a text of the request that could be one.

struct x1_refusal {
	int code; // enum x1_error
	char text[256];
};

void x1_refuse(struct x1_refusal *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
