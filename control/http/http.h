#pragma once

// Requests and responses between the HTTP codecs and X1. One exchange is one request and its one
// response, which may come much later (an X1 answer waits for the tables to be in force).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_exchange; // opaque: one request on one connection

struct http_request {
	const char *body; // octets of the POST body; valid during the handler call only
	size_t body_length;
	uint16_t ne;      // index of the network element in the configuration whose listener took it
	const char *peer_uid;     // of the verified client certificate: first Subject UID, else cert-binding SAN, else ""
	bool peer_by_san;         // it is the SAN's
	const char *peer_address; // text, for the audit log
};

// Does this verified peer's certificate carry `admf_identifier` (UID or cert-binding SAN of an ADMF)?
bool http_peer_is(const struct http_exchange *x, const char *admf_identifier);

// Called for each complete, well-formed POST to the configured path; every HTTP-level fault has been
// answered below. The handler answers now or later with http_respond, exactly once.
typedef void (*http_handler)(void *context, struct http_exchange *x, const struct http_request *request);

// Sends 200 with `body` (application/xml) and ends the exchange. `body` comes from malloc and is the
// codec's from here on; what has left is wiped. Harmless when the peer has gone meanwhile: the exchange
// then only ends.
void http_respond(struct http_exchange *x, char *body, size_t length);

// Octets of all responses of this exchange's listener that were given to it and have not left yet.
size_t http_leaving(const struct http_exchange *x);

// Sends an HTTP error status without body and ends the exchange (503 when overloaded).
void http_refuse(struct http_exchange *x, unsigned status);
