// Answers to a message that breaks the schema.
#include "control/xml/x1_decode.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEAD                                                                            \
	"<x1:X1Request xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" "              \
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"                      \
	"<x1:x1RequestMessage xsi:type=\"x1:ActivateTaskRequest\">"                     \
	"<x1:admfIdentifier>admf-main-01</x1:admfIdentifier>"                           \
	"<x1:neIdentifier>ne-poi-01</x1:neIdentifier>"                                  \
	"<x1:messageTimestamp>2026-11-22T08:15:30.000100Z</x1:messageTimestamp>"        \
	"<x1:version>v1.8.1</x1:version>"                                               \
	"<x1:x1TransactionId>5f0d2a10-7c1e-4b52-9a51-0c6f3d1f0001</x1:x1TransactionId>"
#define TAIL "</x1:x1RequestMessage></x1:X1Request>"
#define XID "7a500001-0001-4001-8001-000000000001"
#define TASK_OF(content) HEAD "<x1:taskDetails>" content "</x1:taskDetails>" TAIL
#define ID_OF(name, id) "<x1:" name ">" id "</x1:" name ">"
#define TARGET_OF(content)                                                              \
	TASK_OF(ID_OF("xId", XID) "<x1:targetIdentifiers><x1:targetIdentifier>" content \
				  "</x1:targetIdentifier></x1:targetIdentifiers>")

// The reason names what is expected, and never a value or a name that is not the schema's.
Test(x1_explain, the_reason_teaches)
{
	static const struct {
		const char *request, *why;
	} of[] = {
		{TASK_OF(ID_OF("xId", XID) "<x1:targetIdentifierz/>"),
			"taskDetails holds an element that is not known; expected: "
			"targetIdentifiers"},
		{TASK_OF(ID_OF("xId", XID) "<x1:deliveryType>X3Only</x1:deliveryType>"),
			"deliveryType is not expected here in taskDetails; expected: "
			"targetIdentifiers"},
		{TASK_OF(ID_OF("xId", XID)),
			"taskDetails lacks a mandatory child; expected: targetIdentifiers"},
		{TASK_OF("<xId>" XID "</xId>"),
			"xId is of no or another namespace; expected: "
			"http://uri.etsi.org/03221/X1/2017/10"},
		{TASK_OF(ID_OF("xId", "7A500001-0001-4001-8001-000000000001")),
			"xId does not match the pattern of its type; expected: a UUID in lower "
			"case, 8-4-4-4-12 hexadecimal digits"},
		{TARGET_OF("<x1:ipv6Address>2001:db8::1</x1:ipv6Address>"),
			"ipv6Address does not match the pattern of its type; expected: eight "
			"groups of four hexadecimal digits in lower case, none left out, without "
			"::"},
		{TARGET_OF("<x1:ipv4Cidr>192.0.2.0/24</x1:ipv4Cidr>"),
			"ipv4Cidr has text between its children; expected: an element IPv4CIDR or "
			"IPv6CIDR of TS 103 280, not text"},
		{TARGET_OF("<x1:tcpPortRange>80:90</x1:tcpPortRange>"),
			"tcpPortRange has text between its children; expected: elements start and "
			"end of TS 103 280, not text"},
		{TARGET_OF("<x1:ipv4Adress>192.0.2.1</x1:ipv4Adress>"),
			"targetIdentifier holds an element that is not known; expected: "
			"e164Number, "},
	};

	struct x1_decoder *d = x1_decoder_new(64, 100, true);

	cr_assert_not_null(d);
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct x1_container *c = x1_decode(d, of[i].request, strlen(of[i].request));
		cr_assert_eq(c->messages[0].schema_error, X1_ERR_SCHEMA);
		cr_assert(strstr(c->messages[0].why, of[i].why) == c->messages[0].why,
			"\"%s\" is not \"%s\"", c->messages[0].why, of[i].why);
		x1_container_free(c);
	}
	x1_decoder_free(d);
}
