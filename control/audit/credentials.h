#pragma once

// Root keys of the audit chain and of the sealed store: from the file that the configuration names,
// else from a systemd credential (LoadCredential= or LoadCredentialEncrypted=).

#include <stdint.h>

#include "shared/error.h"

#define CREDENTIAL_KEY_SIZE 32

// Reads the key `file` (mode 0600 or stricter), or $CREDENTIALS_DIRECTORY/`name` when `file` is
// NULL. At least 16 octets of any form; the root is their SHA-256. 0, NOT_FOUND when there is
// neither (the root is all zero then), IO, or DENIED for a file that others may read. The caller
// wipes `root`.
[[nodiscard]] int credential_key(
	const char *file, const char *name, uint8_t root[CREDENTIAL_KEY_SIZE]);
