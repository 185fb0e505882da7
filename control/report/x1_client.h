#pragma once

// HTTPS client of X1: POSTs of one network element to its ADMF over libcurl, driven by the event
// loop. Mutual TLS; the server's certificate must be valid for the host of the URL (RFC 6125) and
// carry the ADMF's identifier as a Subject UID or cert-binding URI (TS 103 221-1 clause 8.2.4):
// this is checked on every connection before the first octet of a request leaves.

#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>

#include "shared/config.h"

#define X1_CLIENT_ANSWER_MAX (4u << 20) // octets of a response body; more is a failure

struct x1_client;

enum x1_client_outcome {
	X1_CLIENT_ANSWERED,  // `status` and `body` are set
	X1_CLIENT_UNREACHED, // no connection, no TLS, cut before an answer
	X1_CLIENT_DENIED,    // the server is not our ADMF; nothing was sent
	X1_CLIENT_TIMEOUT,   // TIME2 passed
};

struct x1_client_result {
	enum x1_client_outcome outcome;
	bool sent;	  // the server is our ADMF, and octets of the request may have left
	long status;	  // HTTP
	const char *body; // valid during the call only
	size_t length;
	const char *why; // for a person; never NULL
};

typedef void (*x1_client_done)(void *context, void *request, const struct x1_client_result *result);

// `ne` (admf_url, admf_identifier, tls, x1.time2) is kept by reference. The certificate files are
// read again for each new connection, and no connection lives longer than a minute, so an exchange
// of files needs no call. NULL with `why` when the URL is not https or a file cannot be used.
struct x1_client *x1_client_new(struct event_base *base, const struct config_ne *ne,
	x1_client_done done, void *context, char *why, size_t why_size);

// Requests under way end without a call of `done`. Not from within `done`.
void x1_client_free(struct x1_client *c);

// Sends a copy of `body`. `done` is called once, later, from the event loop; `request` is handed
// back. Several may be under way at once. POI_ERR_NOMEM or POI_ERR_IO.
[[nodiscard]] int x1_client_post(
	struct x1_client *c, const char *body, size_t length, void *request);

// Returns true when libcurl uses OpenSSL, through which certificates are checked here.
// `ssl_version` is the text of curl_version_info(), or NULL. x1_client_new refuses any other
// library.
bool x1_client_tls_usable(const char *ssl_version);
const char *x1_client_library(void); // version of the HTTP client library
