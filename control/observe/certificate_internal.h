#pragma once

// Between certificate.c (one certificate with its key and issuers) and certificate_file.c (the ends of
// what lies in files).

#include <openssl/x509.h>

#include "control/observe/certificate.h"

// Seconds since 1970, -1 where it is no time.
int64_t certificate_seconds(const ASN1_TIME *t);
