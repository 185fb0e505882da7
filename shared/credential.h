#pragma once

// Credentials of the service manager (LoadCredential=): files in $CREDENTIALS_DIRECTORY, which only
// this service may read. A path of the configuration written as "credential:NAME" is one of them.

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CREDENTIAL_PREFIX "credential:"

// True if `file` lies there. Such a file is not judged by its mode: the manager may grant access by
// an ACL, whose mask shows as group bits.
static inline bool credential_is(const char *file)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t n = folder ? strlen(folder) : 0;

	return n > 1 && !strncmp(file, folder, n) && file[n] == '/' && !strchr(file + n + 1, '/');
}
