#pragma once

// Why a request is refused: the code of table 46 and its description. The description goes to the
// ADMF only and may name values.

struct x1_refusal {
	int code; // enum x1_error
	char text[256];
};

void x1_refuse(struct x1_refusal *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
