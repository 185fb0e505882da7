#include "shared/error.h"

const char *poi_error_text(int error)
{
	if (error >= 0)
		return "success";
	switch ((enum poi_error)error) {
	case POI_OK:
		break;
	case POI_ERR_NOMEM:
		return "out of memory";
	case POI_ERR_INVALID:
		return "invalid value";
	case POI_ERR_TRUNCATED:
		return "input ends too early";
	case POI_ERR_TOO_LARGE:
		return "too large";
	case POI_ERR_EXISTS:
		return "already exists";
	case POI_ERR_NOT_FOUND:
		return "not found";
	case POI_ERR_IN_USE:
		return "in use";
	case POI_ERR_IO:
		return "input or output failed";
	case POI_ERR_TLS:
		return "TLS failure";
	case POI_ERR_VERSION:
		return "version not supported";
	case POI_ERR_DENIED:
		return "not permitted";
	case POI_ERR_UNSUPPORTED:
		return "not supported";
	case POI_ERR_CONFLICT:
		return "criteria exclude each other";
	case POI_ERR_AGAIN:
		return "not now, try again";
	case POI_ERR_CLOSED:
		return "closed by the peer";
	case POI_ERR_LIMIT:
		return "configured limit reached";
	case POI_ERR_SYNTAX:
		return "not well formed";
	}
	return "unknown error";
}
