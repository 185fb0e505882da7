#pragma once

// Between sandbox.c (rules, threads, capabilities), sandbox_files.c (Landlock) and sandbox_calls.c
// (seccomp). No other file includes this.

#include "shared/sandbox.h"

struct sandbox_path {
	char *path;
	bool write;
};

struct sandbox {
	enum sandbox_role role;
	struct sandbox_path *paths;
	size_t n, capacity;
};

// A ruleset to be given to sandbox_files_restrict on each thread, -1 where the kernel has no
// Landlock, or IO (`why`). *abi is its version.
int sandbox_files_ruleset(const struct sandbox *s, int *abi, char *why, size_t why_size);
// This thread and those that it makes. One system call: also from a signal handler. 0 or -1.
int sandbox_files_restrict(int ruleset);

// Every thread at once. 0, UNSUPPORTED where the kernel has no seccomp, or IO.
int sandbox_calls_restrict(enum sandbox_role role);
