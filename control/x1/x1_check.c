// Checks each message before its execution: identity, version, schema, and whether the request can
// be served now.
#include "control/x1/x1_internal.h"

#include <limits.h>
#include <string.h>

static const char starting[] = "starting: the tasks of the dataplane are not recovered yet";

bool x1_check_starting(int code, const char *text)
{
	return code && text == starting;
}

// Checks the identity in the order of the codes: certificate, responsible ADMF, this network
// element.
int x1_check_identity(const struct exchange *x, const struct x1_message *m, bool certificate)
{
	const struct config_ne *ne = &x->dispatch->control->config->nes[x->ne];

	if (!certificate)
		return X1_ERR_ADMF_MISMATCH;
	if (strcmp(m->admf_identifier, ne->admf_identifier) != 0)
		return X1_ERR_NOT_RESPONSIBLE;
	if (!m->ne_identifier || strcmp(m->ne_identifier, ne->ne_identifier) != 0)
		return X1_ERR_NE_MISMATCH;
	return 0;
}

const char *x1_check_note(int code, const char *text)
{
	switch (code) {
	case X1_ERR_ADMF_MISMATCH:
		return "the certificate does not carry the message's admfIdentifier";
	case X1_ERR_NOT_RESPONSIBLE:
		return "admfIdentifier is not the responsible ADMF's";
	case X1_ERR_NE_MISMATCH:
		return "neIdentifier is not this network element's";
	case X1_ERR_VERSION:
		return "version is not v1.<minor>.<patch>";
	default:
		return *text ? text : NULL;
	}
}

int x1_check(const struct exchange *x, uint32_t index, const char **text)
{
	const struct x1_message *m = &x->container->messages[index];
	const struct control *c = x->dispatch->control;
	int code = x1_check_identity(x, m, x->certificate[index]);

	*text = "";
	if (code)
		return code;
	if (!x1_version_supported(m->version)) {
		*text = config_x1_announced(&c->config->nes[x->ne].x1, UINT_MAX);
		return X1_ERR_VERSION;
	}
	unsigned minor = x1_version_minor(m->version);
	if (m->schema_error) {
		*text = m->why ? m->why : "";
		return X1_ERR_SCHEMA;
	}
	switch (m->type) {
	case X1_PING:
	case X1_KEEPALIVE:
	case X1_GET_NE_STATUS: // GetNEStatus reports the starting state itself
		break;
	case X1_REPORT_TASK_ISSUE:
	case X1_REPORT_DESTINATION_ISSUE:
	case X1_REPORT_NE_ISSUE:
		*text = "a network element sends this request, it does not receive it";
		return minor > X1_MINOR_CORE ? X1_ERR_UNSUPPORTED_REQUEST : X1_ERR_GENERIC;
	case X1_GET_ALL_GENERIC_OBJECT_DETAILS:
	case X1_CREATE_OBJECT:
	case X1_MODIFY_OBJECT:
	case X1_GET_OBJECT:
	case X1_DELETE_OBJECT:
	case X1_LIST_OBJECTS_OF_TYPE:
	case X1_DELETE_ALL_OBJECTS:
		if (minor < X1_OBJECTS_MINOR) {
			*text = "generic objects are not supported";
			return X1_ERR_GENERIC;
		}
		[[fallthrough]];
	default:
		if (publish_recovered(c->publish))
			break;
		*text = starting;
		return X1_ERR_GENERIC;
	}
	return 0;
}
