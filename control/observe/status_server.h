#pragma once

// <runtime-dir>/control.sock: observers (`poi status`) ask for CONTROL_STATUS. Read-only.

#include "control/state/control.h"
#include "control/http/listener.h"

struct status_server;

// `l` may be NULL (nothing listens yet). NULL with `why` when the socket cannot be made.
struct status_server *status_server_new(struct control *c, const struct listener *l, char *why, size_t why_size);
void status_server_free(struct status_server *s);
// Creates the run-time folder with mode 0700 when it is missing; refuses one that others can write
// to.
[[nodiscard]] int status_server_make_runtime_dir(const char *path, char *why, size_t why_size);
