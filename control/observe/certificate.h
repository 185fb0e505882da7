#pragma once

// Properties of a certificate without a connection: for `poi check` and metrics.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"

// The end of the first certificate's validity, in seconds since 1970. 0, or IO when it cannot be
// read.
[[nodiscard]] int certificate_not_after(const char *pem_file, int64_t *seconds);

struct certificate; // with its key, chain and issuers

// Loads the files of `t` as the programs do: key file's mode, key and certificate belong together,
// issuers and revocation lists can be read. A key that is a credential of the service manager, and
// so not readable here, is left out. NULL with `why`, which names the key to write.
struct certificate *certificate_open(const struct config_tls *t, char *why, size_t why_size);
void certificate_free(struct certificate *c);

int64_t certificate_end(const struct certificate *c); // seconds since 1970
// Do its own issuers and revocation lists vouch for it, as a server's or a client's? `why`
// otherwise.
bool certificate_verify(const struct certificate *c, bool server, char *why, size_t why_size);
// Does it carry this identifier, as Subject UID or cert-binding URI (TS 103 221-1 clause 8.2.4)?
// `first` takes the first UID, "" when there is none.
bool certificate_identifies(
	const struct certificate *c, const char *identifier, char *first, size_t first_size);
// Does its subjectAltName carry the address, or the name where one is given?
bool certificate_covers(
	const struct certificate *c, const struct ip_address *address, const char *name);
// Seconds since 1970 when the first revocation list of a file to run out has to be renewed; INT64_MAX:
// never. 0, or IO.
[[nodiscard]] int certificate_crl_next(const char *pem_file, int64_t *seconds);
// The same with the time of its issue.
[[nodiscard]] int certificate_crl_life(const char *pem_file, int64_t *from, int64_t *to);
// The end of the first certificate authority of a file to run out, in seconds since 1970. 0, or IO.
[[nodiscard]] int certificate_ca_end(const char *pem_file, int64_t *seconds);
