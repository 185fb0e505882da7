#pragma once

// The Content-Type of an X1 request (TS 103 221-1 clause 7.2.1: XML), and its charset (RFC 7303).

#include <stdbool.h>
#include <stddef.h>

enum media_type {
	MEDIA_OTHER, // no XML, or in an encoding that is none of XML's two
	MEDIA_XML,
	MEDIA_XML_UTF16, // charset=utf-16: the body has to begin with a byte order mark
};

// `value` is a header field's, without a terminator.
enum media_type media_type_read(const char *value, size_t length);
// False for a body whose octets are not in the charset that was announced.
bool media_type_fits(enum media_type type, const char *body, size_t length);
