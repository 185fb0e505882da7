#pragma once

// One error idiom for the whole project: 0 (or a count >= 0) is success, a negative enum poi_error
// is failure. Detail for a person goes into a caller's text buffer, never into errno.

#include <stddef.h>

enum poi_error {
	POI_OK = 0,
	POI_ERR_NOMEM = -1,       // memory, or a bounded pool, is exhausted
	POI_ERR_INVALID = -2,     // a value is outside its domain
	POI_ERR_TRUNCATED = -3,   // the input ends before the value does
	POI_ERR_TOO_LARGE = -4,   // a value or message exceeds a stated bound
	POI_ERR_EXISTS = -5,      // an object with this identifier is already there
	POI_ERR_NOT_FOUND = -6,   // no object has this identifier
	POI_ERR_IN_USE = -7,      // the object is still referred to
	POI_ERR_IO = -8,          // the operating system refused a read, write, connect ...
	POI_ERR_TLS = -9,         // TLS handshake, certificate or record failure
	POI_ERR_VERSION = -10,    // the peer speaks another version
	POI_ERR_DENIED = -11,     // the peer is not the expected one
	POI_ERR_UNSUPPORTED = -12,// well formed, and not something this network element does
	POI_ERR_CONFLICT = -13,   // criteria that no packet can satisfy together
	POI_ERR_AGAIN = -14,      // not now; nothing was done
	POI_ERR_CLOSED = -15,     // the peer is gone
	POI_ERR_LIMIT = -16,      // a configured limit is reached
	POI_ERR_SYNTAX = -17,     // not well formed
};

// Short English text for an error, static storage; never NULL.
const char *poi_error_text(int error);
