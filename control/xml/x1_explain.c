// Turns an error of the schema's validator into what the sender should change.
#include "control/xml/x1_explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/xml/x1_schema_embedded.h"

#define NAMES_MAX 4 // of the elements expected

static const char uuid[] = "a UUID in lower case, 8-4-4-4-12 hexadecimal digits";
static const char ipv4[] = "four numbers, 0 to 255, with dots between them";
static const char ipv6[] =
	"eight groups of four hexadecimal digits in lower case, none left out, without ::";
static const char port[] = "a number up to 65535";
static const char digits[] = "decimal digits only";
static const char flag[] = "true or false";
static const char date[] = "YYYY-MM-DDThh:mm:ss.ffffff and Z or an offset, with six digits of a second";
static const char delivery[] = "X2Only, X3Only or X2andX3";

static const struct {
	const char *element, *format;
} formats[] = {
	{"xId", uuid},
	{"dId", uuid},
	{"productID", uuid},
	{"x1TransactionId", uuid},
	{"objectId", uuid},
	{"messageTimestamp", date},
	{"version", "v1.<minor>.<patch>"},
	{"ipv4Address", ipv4},
	{"IPv4Address", ipv4},
	{"ipv6Address", ipv6},
	{"IPv6Address", ipv6},
	{"ipv4Cidr", "an element IPv4CIDR or IPv6CIDR of TS 103 280, not text"},
	{"IPv4CIDR", "an IPv4 address, a slash and 0 to 32"},
	{"ipv6Cidr", "a full IPv6 address (eight groups of four digits), a slash and 1 to 128"},
	{"IPv6CIDR", "a full IPv6 address (eight groups of four digits), a slash and 1 to 128"},
	{"tcpPort", port},
	{"udpPort", port},
	{"TCPPort", port},
	{"UDPPort", port},
	{"start", port},
	{"end", port},
	{"tcpPortRange", "elements start and end of TS 103 280, not text"},
	{"udpPortRange", "elements start and end of TS 103 280, not text"},
	{"macAddress", "six pairs of hexadecimal digits in lower case with colons between them"},
	{"gtpuTunnelId", "a decimal number below 2^32"},
	{"gtpcTunnelId", "a decimal number below 2^32"},
	{"TEID", "a decimal number below 2^32"},
	{"imsi", "6 to 15 digits"},
	{"supiimsi", "6 to 15 digits"},
	{"imei", "14 digits"},
	{"peiImei", "14 digits"},
	{"peiImeiCheckDigit", "15 digits"},
	{"peiImeisv", "16 digits"},
	{"e164Number", "1 to 15 digits without a plus sign"},
	{"gpsiMsisdn", "1 to 15 digits without a plus sign"},
	{"correlationID", digits},
	{"FTEID", "TEID, a decimal number, then IPv4Address or IPv6Address in full"},
	{"FSEID", "SEID, a decimal number, then IPv4Address or IPv6Address in full"},
	{"PDRID", digits},
	{"QERID", digits},
	{"NetworkInstance", "pairs of hexadecimal digits, the octets of the IE"},
	{"PDR", "pairs of hexadecimal digits, the octets of the IE"},
	{"GTPTunnelDirection", "Outbound or Inbound"},
	{"deliveryType", delivery},
	{"implicitDeactivationAllowed", flag},
};

const char *x1_explain_format(const char *element)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(element, formats[i].element) == 0)
			return formats[i].format;
	return NULL;
}

bool x1_explain_known(const char *name)
{
	unsigned low = 0, high = 0;

	while (x1_schema_element(high) != NULL)
		high = high == 0 ? 1 : high * 2;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const char *other = x1_schema_element(middle);
		int order = other == NULL ? -1 : strcmp(name, other);
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

// The next local name of "{space}name, {space}name )"; false at the end.
static bool next_name(const char **at, char *out, size_t capacity)
{
	const char *p = *at + strspn(*at, " ,");
	const char *space = *p == '{' ? strchr(p, '}') : NULL;

	if (space != NULL)
		p = space + 1;
	size_t n = strcspn(p, " ,()");
	*at = p + n;
	if (n == 0 || n >= capacity)
		return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

unsigned x1_explain_expected(const char *message, char *out, size_t capacity)
{
	static const char begin[] = "Expected is ";
	const char *at = message != NULL ? strstr(message, begin) : NULL;
	char name[64];
	unsigned n = 0;
	size_t used = 0;

	out[0] = '\0';
	at = at != NULL ? strchr(at, '(') : NULL;
	if (at == NULL)
		return 0;
	for (at++; next_name(&at, name, sizeof(name));) {
		if (!x1_explain_known(name) || n++ >= NAMES_MAX || used >= capacity)
			continue;
		used += (size_t)snprintf(
			out + used, capacity - used, "%s%s", used != 0 ? ", " : "", name);
	}
	return n;
}
