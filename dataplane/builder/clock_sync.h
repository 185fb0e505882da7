#pragma once

// The kernel's state of the wall clock, whose times PDUs carry.

#include <stdbool.h>
#include <stdint.h>

struct clock_sync {
	bool known;	   // the kernel may be asked
	bool synchronised; // as it holds; false while not known
	int64_t offset_ns;
	uint64_t error_ns; // at most
};

void clock_sync_read(struct clock_sync *out);
