#pragma once

// Keeps targets and keys inside the memory of both processes, against accidents of the system: no
// core, no swap, no file that others can read.

#include <stdbool.h>
#include <stddef.h>

// At the very start: files of mode 0600, no SIGPIPE, no core. 0 or IO.
[[nodiscard]] int harden_limits(void);
// The same, and private keys come to lie in a locked heap of OpenSSL's that no core shows. 0, or a
// negative error when the limits cannot be set.
[[nodiscard]] int harden_process(void);
// From now on there is no core and no tracing by the own user. 0 or IO.
[[nodiscard]] int harden_no_dump(void);
// Locks present and future memory, a page when it is first touched. Only where there is no limit to
// it (a limit would make later allocations fail); otherwise it is logged.
void harden_lock_memory(void);
// True if this thread may use a capability (linux/capability.h).
bool harden_capable(int capability);
// Leaves these pages out of a core, should cores be switched on. Page-aligned.
void harden_hide(void *at, size_t octets);
