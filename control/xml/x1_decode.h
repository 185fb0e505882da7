#pragma once

// X1 XML to values. The only user of libxml2 beside x1_encode. Hardened: no DTD, no network, no
// entities, no catalogs, attribute count bounded before parsing. Each message is validated by itself
// against our own schema (schema/x1.xsd).

#include "control/xml/x1_types.h"

struct x1_decoder;

// Loads the embedded schema; NULL with `why` when it is broken. One per process; single-threaded.
struct x1_decoder *x1_decoder_new(uint32_t attributes_max, uint32_t messages_max, bool require_uuid_v4);
void x1_decoder_free(struct x1_decoder *d);

// Decodes a body. Always returns a container (NULL only when out of memory); free it with
// x1_container_free. Never logs and never keeps anything of the body.
struct x1_container *x1_decode(struct x1_decoder *d, const char *body, size_t length);
void x1_container_free(struct x1_container *c);

// Decodes a stored taskDetails or destinationDetails element (as serialised into `xml` above): the
// registry's way back from a memo. The container holds one message; NULL when it does not decode.
struct x1_container *x1_decode_details(struct x1_decoder *d, const char *xml, size_t length);

// Answers of an ADMF to our own requests.
struct x1_answer {
	bool ok;            // oK element present, AcknowledgedAndCompleted or Acknowledged
	int error_code;     // from ErrorResponse, 0 otherwise
	bool top_level_error;
	char ne_identifier[256], admf_identifier[256];
	struct id16 transaction;
};

// All answers of a ResponseContainer, in document order, or the one top-level error. Returns their
// number (1 .. capacity); POI_ERR_SYNTAX when this is no X1 answer or breaks the schema, POI_ERR_LIMIT
// when there are more than `capacity`.
[[nodiscard]] int x1_decode_answers(
	struct x1_decoder *d, const char *body, size_t length, struct x1_answer *out, size_t capacity);

const char *x1_decode_library(void); // version of the XML library
