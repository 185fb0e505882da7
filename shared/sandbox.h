#pragma once

// Confines a process once it has started: system calls (seccomp), files (Landlock), capabilities.
// The rules are an allow-list for its steady state, reloads and the end included. Everything holds
// for every thread that exists and for all to come.

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"
#include "shared/error.h"

// The signal that makes each thread give up its rights. A thread that blocks signals leaves it
// open.
static inline int sandbox_signal(void)
{
	return SIGRTMAX - 1;
}

enum sandbox_role { SANDBOX_CONTROL, SANDBOX_DATAPLANE, SANDBOX_EVENTS };

struct sandbox;

// Empty rules; NULL when out of memory. What the role needs of the system itself (name resolution,
// shared libraries) is added by sandbox_enter.
struct sandbox *sandbox_new(enum sandbox_role role);
void sandbox_free(struct sandbox *s);

// Lets the process read and write `folder` and all below it, and make and remove files there. A folder
// that does not exist is left out. 0 or NOMEM.
[[nodiscard]] int sandbox_write(struct sandbox *s, const char *folder);
// Every folder that the configuration names for this role: of the file itself, certificates (they
// may be replaced there), audit log, store, spool, run-time state. 0 or NOMEM.
[[nodiscard]] int sandbox_config(struct sandbox *s, const struct config *config);

// Confines the whole process. A feature that the kernel lacks is logged and left out; a kernel that
// has it and refuses is an error with `why`. In builds with sanitizers or coverage it only logs
// that it is not there.
[[nodiscard]] int sandbox_enter(struct sandbox *s, char *why, size_t why_size);
