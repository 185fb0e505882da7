#pragma once

// What can be said of a certificate in a PEM file without a connection: for `poi check` and
// metrics.

#include <stdbool.h>
#include <stdint.h>

#include "shared/config.h"

// The end of the first certificate's validity, in seconds since 1970. 0, or IO when it cannot be
// read.
[[nodiscard]] int certificate_not_after(const char *pem_file, int64_t *seconds);
