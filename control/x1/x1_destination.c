// Translates DestinationDetails into a destination of the dataplane.
#include "control/x1/x1_destination.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int unsupported(struct x1_refusal *why, const char *text)
{
	x1_refuse(why, X1_ERR_DESTINATION_TYPE, "%s", text);
	return POI_ERR_INVALID;
}

static bool host_name_valid(const char *s, size_t n)
{
	size_t label = 0;

	if (!n || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '.') {
			if (!label || s[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return false;
		if (!label && s[i] == '-')
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && s[n - 1] != '-';
}

static int parse_port(const char *s, uint16_t *out)
{
	unsigned v = 0;

	if (!*s || strlen(s) > 5)
		return POI_ERR_INVALID;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return POI_ERR_INVALID;
		v = v * 10 + (unsigned)(*s - '0');
	}
	if (!v || v > 65535)
		return POI_ERR_INVALID;
	*out = (uint16_t)v;
	return 0;
}

static int build_uri(const char *uri, struct channel_destination *out, struct x1_refusal *why)
{
	static const char scheme[] = "tls://";
	const char *authority = uri, *host, *end, *port;
	char literal[64];

	if (!strncasecmp(uri, scheme, sizeof(scheme) - 1))
		authority = uri + sizeof(scheme) - 1;
	else if (strstr(uri, "://"))
		return unsupported(why, "uri: only tls://host:port or host:port");
	if (*authority == '[') {
		host = authority + 1;
		end = strchr(host, ']');
		if (!end || end[1] != ':')
			return unsupported(why, "uri: [address]:port is needed");
		port = end + 2;
	} else {
		host = authority;
		end = strchr(host, ':');
		if (!end)
			return unsupported(why, "uri: a port is needed, host:port");
		port = end + 1;
	}
	size_t length = (size_t)(end - host);
	// A single trailing slash is an empty path.
	char digits[8];
	size_t n = strlen(port);
	if (n && port[n - 1] == '/')
		n--;
	if (!n || n >= sizeof(digits))
		return unsupported(why, "uri: only tls://host:port or host:port");
	memcpy(digits, port, n);
	digits[n] = 0;
	if (parse_port(digits, &out->port))
		return unsupported(why, "uri: only tls://host:port or host:port");
	if (length < sizeof(literal)) {
		memcpy(literal, host, length);
		literal[length] = 0;
		if (!ip_address_parse(literal, &out->address))
			return 0;
	}
	out->address = (struct ip_address){0};
	if (host != authority || !host_name_valid(host, length))
		return unsupported(why, "uri: the host is neither a name nor an address");
	memcpy(out->host, host, length);
	out->host[length] = 0;
	return 0;
}

int x1_destination_build(const struct registry *r, uint16_t ne,
	const struct x1_destination_details *d, bool modify, struct channel_destination *out,
	struct x1_refusal *why)
{
	int generic = modify ? X1_ERR_DESTINATION_MODIFY : X1_ERR_DESTINATION;

	*out = (struct channel_destination){
		.ne = *registry_ne_id(r, ne),
		.did = d->did,
		.delivery = (uint8_t)d->delivery,
		.port = d->port,
	};
	if (d->n_extensions) {
		x1_refuse(why, generic, "destinationDetailsExtensions are not supported");
		return POI_ERR_INVALID;
	}
	switch (d->address_kind) {
	case X1_ADDRESS_IP_PORT:
		if (d->udp)
			return unsupported(why, "UDP: delivery is over TCP");
		if (!d->port || !d->address || ip_address_parse(d->address, &out->address)) {
			x1_refuse(why, generic,
				"ipAddressAndPort: an address and a TCP port from 1 to 65535 are "
				"needed");
			return POI_ERR_INVALID;
		}
		return 0;
	case X1_ADDRESS_URI:
		out->port = 0;
		return d->address ? build_uri(d->address, out, why)
				  : unsupported(why, "uri: empty");
	case X1_ADDRESS_E164:
		return unsupported(why, "e164Number");
	case X1_ADDRESS_EMAIL:
		return unsupported(why, "emailAddress");
	}
	return unsupported(why, "unknown address");
}

void x1_destination_users(
	const struct registry *r, const struct registry_destination *d, char *out, size_t capacity)
{
	const struct objects *sets = registry_objects(r);
	char text[ID_TEXT_SIZE];
	size_t used = 0;

	out[0] = 0;
	for (const struct object *o = objects_first(sets, d->ne); o; o = objects_next(o)) {
		if (!object_has_member(o, &d->did))
			continue;
		if (used + ID_TEXT_SIZE + 9 > capacity) {
			snprintf(out + used, capacity - used, " ...");
			return;
		}
		id_format(&o->details.id, text);
		used += (size_t)snprintf(
			out + used, capacity - used, used ? " set %s" : "set %s", text);
	}
	for (const struct registry_task *t = registry_task_first(r, d->ne); t;
		t = registry_task_next(t)) {
		bool uses = false;
		for (uint8_t i = 0; i < t->n_destinations; i++)
			uses = uses || id_equal(&registry_task_dids(t)[i], &d->did);
		if (!uses)
			continue;
		if (used + ID_TEXT_SIZE + 5 > capacity) {
			if (used)
				snprintf(out + used, capacity - used, " ...");
			return;
		}
		id_format(&t->xid, text);
		used += (size_t)snprintf(out + used, capacity - used, used ? " %s" : "%s", text);
	}
}
