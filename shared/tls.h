#pragma once

// The one place of TLS policy: versions, suites, verification, identities (TS 103 221-1 clause 8.2).
// TLS 1.3 offered, 1.2 allowed with ECDHE AEAD suites only, mutual certificates always, no
// renegotiation, no compression, security level 2.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/ssl.h>

#include "shared/filter.h"

struct tls_files {
	const char *certificate; // PEM chain, own certificate first
	const char *key;         // PEM; refused when readable by group or others
	const char *ca;          // PEM bundle of trusted issuers
	const char *crl;         // PEM, or NULL; with it every chain is checked against it
};

// Contexts are reference-counted by OpenSSL; free with SSL_CTX_free. On failure NULL, and `why`
// (capacity `why_size`) names the key to change. The server asks for and requires a client
// certificate with the clientAuth purpose and at most one UID; the client requires serverAuth.
SSL_CTX *tls_server_context(const struct tls_files *files, char *why, size_t why_size);
SSL_CTX *tls_client_context(const struct tls_files *files, char *why, size_t why_size);

// Suites of AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 for TLS 1.3 and, with ECDHE, 1.2.
#define TLS_SUITES_DELIVERY                                                                        \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"              \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"  \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
struct tls_suite_name { // a part of the caller's text
	const char *text;
	size_t length;
};
// True if each name of the list (OpenSSL's names, separated by colons) may be used; else `bad` is
// the first that may not.
bool tls_suites_allowed(const char *suites, struct tls_suite_name *bad);
// Offers these suites, the first most wanted. A version of TLS without a suite in the list is not
// offered. 0, INVALID (see above) or TLS.
[[nodiscard]] int tls_use_suites(SSL_CTX *context, const char *suites);

// ALPN for an X1 server; `protocols` in wire form ("\x02h2\x08http/1.1"), kept by reference.
void tls_server_alpn(SSL_CTX *context, const uint8_t *protocols, unsigned length);

// Demands, before the handshake of a client connection, that the server's certificate carries this
// address or host name in subjectAltName. Exactly one of the two is given.
[[nodiscard]] int tls_expect_peer(SSL *ssl, const struct ip_address *address, const char *host);

// The role that a SAN URI urn:etsi:li:103221-1:cert-binding:(ADMF|NE):<id> binds a certificate to.
enum tls_binding { TLS_BINDING_ADMF = 1, TLS_BINDING_NE = 2 };

// The identifiers of a verified peer: every Subject UID (0.9.2342.19200300.100.1.1), and those that
// a SAN URI binds it to as one of `bindings` (enum tls_binding). Calls `each` with a zero-terminated
// identifier until it returns true; returns whether it did. False when there is no verified
// certificate.
bool tls_peer_identifier(
	SSL *ssl, unsigned bindings, bool (*each)(void *context, const char *id), void *context);
// Refuses peers whose certificate has two different UIDs in its subject: it could answer for either
// (TS 103 221-1 clause 8.2.4 compares one). Server contexts do so from the start.
void tls_require_one_uid(SSL_CTX *context);
// Why the peer's certificate was not accepted; NULL when it was, or when there was none.
const char *tls_verify_text(SSL *ssl);

// The first UID of the peer, else the first identifier that a SAN URI binds it to, else "" - for the
// audit log. Always zero-terminated. Returns whether it is one of a SAN URI.
bool tls_peer_uid(SSL *ssl, char *out, size_t capacity);

// Days until the certificate in a PEM file expires (negative when past); INT_MIN when unreadable.
int tls_certificate_days_left(const char *pem_file);

// Text of the newest OpenSSL error of this thread, or a plain word; clears the queue.
const char *tls_error_text(char *out, size_t capacity);
