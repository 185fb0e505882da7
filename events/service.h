#pragma once

// Leads the lines of network functions to poi-dataplane and its answers back. One thread. What
// poi-dataplane does not have yet when it goes is answered `later`.

#include <sys/types.h>

struct service;

// Listens in `folder` for functions and for poi-dataplane, whose process is `dataplane`'s. Makes
// the folder, with mode 0755, where it is missing. NULL with errno.
struct service *service_new(const char *folder, uid_t dataplane);
void service_free(struct service *s);
// Runs until the signalfd `signal_fd` is readable.
void service_run(struct service *s, int signal_fd);
