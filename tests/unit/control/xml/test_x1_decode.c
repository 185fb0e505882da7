#include "control/xml/x1_decode.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/xml/x1_schema.h"

#define HEAD                                                               \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>"                       \
	"<x1:X1Request xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" " \
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "         \
	"xmlns:c=\"http://uri.etsi.org/03280/common/2017/07\">"
#define BARE_HEAD                                                          \
	"<x1:X1Request xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" " \
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
#define TAIL "</x1:X1Request>"
#define ENVELOPE_V(version)                                                      \
	"<x1:admfIdentifier>admf-main-01</x1:admfIdentifier>"                    \
	"<x1:neIdentifier>ne-poi-01</x1:neIdentifier>"                           \
	"<x1:messageTimestamp>2026-11-22T08:15:30.000100Z</x1:messageTimestamp>" \
	"<x1:version>" version "</x1:version>"                                   \
	"<x1:x1TransactionId>5f0d2a10-7c1e-4b52-9a51-0c6f3d1f0001</x1:x1TransactionId>"
#define ENVELOPE ENVELOPE_V("v1.8.1")
#define MESSAGE(type, content)                                                   \
	"<x1:x1RequestMessage xsi:type=\"x1:" type "Request\">" ENVELOPE content \
	"</x1:x1RequestMessage>"
#define XID "7a500001-0001-4001-8001-000000000001"
#define DID "1d000001-0001-4001-8001-0000000000d1"
#define TASK_ID(xid, targets, more)                                                        \
	"<x1:taskDetails><x1:xId>" xid "</x1:xId><x1:targetIdentifiers>" targets           \
	"</x1:targetIdentifiers><x1:deliveryType>X2andX3</x1:deliveryType><x1:listOfDIDs>" \
	"<x1:dId>" DID "</x1:dId></x1:listOfDIDs>" more "</x1:taskDetails>"
#define TASK(targets, more) TASK_ID(XID, targets, more)
#define TARGET(t) "<x1:targetIdentifier>" t "</x1:targetIdentifier>"
#define ACTIVATE(targets, more) HEAD MESSAGE("ActivateTask", TASK(targets, more)) TAIL
#define GPP "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6"

static struct x1_container *decode_with(const char *text, size_t length, bool v4)
{
	struct x1_decoder *d = x1_decoder_new(64, 100, v4);
	cr_assert_not_null(d);
	struct x1_container *c = x1_decode(d, text, length);
	cr_assert_not_null(c);
	x1_decoder_free(d);
	return c;
}

static struct x1_container *decode(const char *text)
{
	return decode_with(text, strlen(text), true);
}

static const struct x1_task_details *good_task(const struct x1_container *c)
{
	cr_assert(!c->top_level_error, "%s", c->why);
	cr_assert_eq(c->n_messages, 1);
	cr_assert_eq(c->messages[0].schema_error, 0, "%s", c->messages[0].why);
	cr_assert_not_null(c->messages[0].task);
	return c->messages[0].task;
}

static void assert_1010(const char *text, const char *element)
{
	struct x1_container *c = decode(text);
	cr_assert(!c->top_level_error, "%s", c->why);
	cr_assert_eq(c->messages[0].schema_error, X1_ERR_SCHEMA);
	cr_assert_null(c->messages[0].task);
	cr_assert_not_null(strstr(c->messages[0].why, element), "%s", c->messages[0].why);
	x1_container_free(c);
}

static void assert_top_level(const char *text)
{
	struct x1_container *c = decode(text);
	cr_assert(c->top_level_error);
	cr_assert_eq(c->n_messages, 0);
	cr_assert_not_null(c->why);
	x1_container_free(c);
}

Test(x1_decode, activate_example)
{
	struct x1_container *c = decode(ACTIVATE(
		TARGET("<x1:ipv4Cidr><c:IPv4CIDR>198.51.100.0/24</c:IPv4CIDR></x1:ipv4Cidr>")
			TARGET("<x1:tcpPortRange><c:start>8000</c:start><c:end>8099</c:end>"
			       "</x1:tcpPortRange>"),
		"<x1:correlationID>4711</x1:correlationID>"
		"<x1:implicitDeactivationAllowed>false</x1:implicitDeactivationAllowed>"
		"<x1:productID>7a5000aa-00aa-40aa-80aa-0000000000aa</x1:productID>"));
	const struct x1_task_details *t = good_task(c);
	cr_assert_eq(c->messages[0].type, X1_ACTIVATE_TASK);
	cr_assert_str_eq(c->messages[0].admf_identifier, "admf-main-01");
	cr_assert_eq(t->n_targets, 2);
	cr_assert_eq(t->targets[0].kind, X1_TARGET_IPV4_CIDR);
	cr_assert_str_eq(t->targets[0].text, "198.51.100.0/24");
	cr_assert_str_eq(t->targets[0].xml,
		"<ipv4Cidr><c:IPv4CIDR xmlns:c=\"http://uri.etsi.org/03280/common/2017/07\">"
		"198.51.100.0/24</c:IPv4CIDR></ipv4Cidr>");
	cr_assert_eq(t->targets[1].port[0], 8000);
	cr_assert_eq(t->targets[1].port[1], 8099);
	cr_assert_eq(t->n_dids, 1);
	cr_assert(t->has_correlation && t->correlation == 4711);
	cr_assert(t->has_implicit && !t->implicit_deactivation && t->has_product);
	char text[ID_TEXT_SIZE];
	id_format(&t->xid, text);
	cr_assert_str_eq(text, XID);
	x1_container_free(c);
}

Test(x1_decode, create_destination_example)
{
	struct x1_container *c = decode(HEAD MESSAGE("CreateDestination",
		"<x1:destinationDetails><x1:dId>" DID "</x1:dId><x1:friendlyName>MDF east"
		"</x1:friendlyName><x1:deliveryType>X2andX3</x1:deliveryType><x1:deliveryAddress>"
		"<x1:ipAddressAndPort><c:address><c:IPv6Address>"
		"2001:0db8:0000:0000:0000:0000:0000:0050</c:IPv6Address></c:address>"
		"<c:port><c:TCPPort>42001</c:TCPPort></c:port></x1:ipAddressAndPort>"
		"</x1:deliveryAddress></x1:destinationDetails>") TAIL);
	const struct x1_destination_details *d = c->messages[0].destination;
	cr_assert_not_null(d, "%s", c->messages[0].why);
	cr_assert_str_eq(d->friendly_name, "MDF east");
	cr_assert_eq(d->port, 42001);
	cr_assert(!d->udp);
	cr_assert_str_eq(d->address, "2001:0db8:0000:0000:0000:0000:0000:0050");
	x1_container_free(c);
}

Test(x1_decode, requests_with_an_identifier)
{
	struct x1_container *c = decode(HEAD MESSAGE("DeactivateTask", "<x1:xId>" XID "</x1:xId>")
			MESSAGE("GetAllDetails", "")
				MESSAGE("GetDestinationDetails", "<x1:dId>" DID "</x1:dId>") TAIL);
	cr_assert_eq(c->n_messages, 3);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(c->messages[i].schema_error, 0, "%s", c->messages[i].why);
	cr_assert(c->messages[0].has_id && !c->messages[1].has_id && c->messages[2].has_id);
	cr_assert_eq(c->messages[1].type, X1_GET_ALL_DETAILS);
	x1_container_free(c);
}

Test(x1_decode, fragment_comes_back_equal)
{
	struct x1_container *c = decode(ACTIVATE(
		TARGET("<x1:nai>a &amp; &lt;b&gt;</x1:nai>")
			TARGET("<x1:targetIdentifierExtension><x1:Owner>3GPP</x1:Owner>"
			       "<q:UPFLIT3TargetIdentifierExtensions xmlns:q=\"" GPP "\">"
			       "<q:UPFLIT3TargetIdentifier><q:FTEID><q:TEID>4294967295</q:TEID>"
			       "<q:IPv4Address>192.0.2.1</q:IPv4Address></q:FTEID>"
			       "</q:UPFLIT3TargetIdentifier></q:UPFLIT3TargetIdentifierExtensions>"
			       "</x1:targetIdentifierExtension>"),
		"<x1:taskDetailsExtensions><x1:Owner>3GPP</x1:Owner><q:X1Extensions xmlns:q=\"" GPP
		"\"><q:HeaderReporting><q:PDHType><q:PDSR><q:PDSRTriggerType><q:TimerExpiry>30"
		"</q:TimerExpiry></q:PDSRTriggerType><q:PDSRTriggerType><q:PacketCount>9"
		"</q:PacketCount></q:PDSRTriggerType><q:useSessionTriggers>true"
		"</q:useSessionTriggers></q:PDSR></q:PDHType></q:HeaderReporting></q:X1Extensions>"
		"</x1:taskDetailsExtensions>"));
	const struct x1_task_details *t = good_task(c);
	cr_assert_str_eq(t->targets[0].text, "a & <b>");
	const struct x1_extension_member *m = t->targets[1].members;
	cr_assert_eq(t->targets[1].n_members, 1);
	cr_assert_str_eq(m->name, "FTEID");
	cr_assert_str_eq(m->teid, "4294967295");
	cr_assert_str_eq(m->ipv4, "192.0.2.1");
	cr_assert_null(m->ipv6);
	cr_assert_eq(t->n_extensions, 1);
	cr_assert(t->extensions[0].header_reporting && t->extensions[0].pdsr);
	cr_assert(t->extensions[0].session_triggers);
	cr_assert_eq(t->extensions[0].n_triggers, 2);
	cr_assert_eq(t->extensions[0].triggers[1].kind, 2);
	cr_assert_eq(t->extensions[0].triggers[1].value, 9);
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	struct x1_container *again = x1_decode_details(d, t->xml, t->xml_length);
	cr_assert_not_null(again);
	const struct x1_task_details *u = again->messages[0].task;
	cr_assert_str_eq(u->xml, t->xml);
	cr_assert_str_eq(u->targets[1].xml, t->targets[1].xml);
	cr_assert_null(x1_decode_details(d, "<x1:taskDetails/>", 17));
	x1_container_free(again);
	x1_container_free(c);
	x1_decoder_free(d);
}

Test(x1_decode, text_runs_over_comments_and_cdata)
{
	struct x1_container *c = decode(ACTIVATE(
		TARGET("<x1:ipv4Address> 192.0<!-- x -->.<![CDATA[2.1]]>\n</x1:ipv4Address>"), ""));
	cr_assert_str_eq(good_task(c)->targets[0].text, "192.0.2.1");
	x1_container_free(c);
}

Test(x1_decode, readings_of_the_lexical_space)
{
	struct x1_container *c = decode(ACTIVATE(
		TARGET("<x1:tcpPort>1</x1:tcpPort>")
			TARGET("<x1:gtpuTunnelId>+04294967295</x1:gtpuTunnelId>")
				TARGET("<x1:tcpPortList><x1:tcpPort>80</x1:tcpPort><x1:tcpPort>443"
				       "</x1:tcpPort></x1:tcpPortList>"),
		"<x1:correlationID>18446744073709551616</x1:correlationID>"));
	const struct x1_task_details *t = good_task(c);
	cr_assert_eq(t->targets[0].port[0], 1);
	cr_assert_eq(t->targets[2].n_ports, 2);
	cr_assert_eq(t->targets[2].ports[1], 443);
	cr_assert(t->correlation_too_large);
	x1_container_free(c);
	assert_1010(ACTIVATE(TARGET("<x1:tcpPort>0</x1:tcpPort>"), ""), "tcpPort");
	assert_1010(ACTIVATE(TARGET("<x1:gtpuTunnelId>4294967296</x1:gtpuTunnelId>"), ""),
		"gtpuTunnelId");
	assert_1010(ACTIVATE(TARGET("<x1:ipv4Cidr>1.2.3.0/24</x1:ipv4Cidr>"), ""), "ipv4Cidr");
	assert_1010(ACTIVATE(TARGET("<x1:ipv6Address>2001:db8::1</x1:ipv6Address>"), ""),
		"ipv6Address");
}

Test(x1_decode, extension_rules)
{
#define EXT(inner)                                                                                \
	ACTIVATE(TARGET("<x1:targetIdentifierExtension><x1:Owner>3GPP</x1:Owner>"                 \
			"<q:UPFLIT3TargetIdentifierExtensions xmlns:q=\"" GPP "\">" inner         \
			"</q:UPFLIT3TargetIdentifierExtensions></x1:targetIdentifierExtension>"), \
		"")
#define UPF(x) "<q:UPFLIT3TargetIdentifier>" x "</q:UPFLIT3TargetIdentifier>"
	assert_1010(EXT(""), "UPFLIT3");
	assert_1010(EXT(UPF("<q:PDRID>4294967296</q:PDRID>")), "PDRID");
	assert_1010(EXT(UPF("<q:PDRID>1</q:PDRID><q:QERID>1</q:QERID>")), "UPFLIT3");
	assert_1010(EXT(UPF("<q:NetworkInstance>abc</q:NetworkInstance>")), "NetworkInstance");
	assert_1010(EXT(UPF("<q:FTEID><q:IPv4Address>1.2.3.4</q:IPv4Address></q:FTEID>")), "FTEID");
#define ENDPOINT(x) UPF("<q:FTEID><q:TEID>1</q:TEID>" x "</q:FTEID>")
	assert_1010(EXT(ENDPOINT("<q:IPv4Address>1.2.3.256</q:IPv4Address>")), "FTEID");
	assert_1010(EXT(ENDPOINT("<q:IPv4Address>1.2.3.4.5</q:IPv4Address>")), "FTEID");
	assert_1010(EXT(ENDPOINT("<q:IPv6Address>2001:db8::1</q:IPv6Address>")), "FTEID");
	assert_1010(EXT(ENDPOINT("<q:Novelty/>")), "FTEID");
	assert_1010(EXT(UPF("<q:GTPTunnelDirection>Sideways</q:GTPTunnelDirection>")),
		"GTPTunnelDirection");
	assert_1010(EXT("<q:Other><q:PDRID>1</q:PDRID></q:Other>"), "UPFLIT3");
	struct x1_container *c =
		decode(EXT(UPF("<q:GTPTunnelDirection>Outbound</q:GTPTunnelDirection>")));
	cr_assert_str_eq(good_task(c)->targets[0].members[0].text, "Outbound");
	x1_container_free(c);
	c = decode(EXT(UPF("<o:FTEID xmlns:o=\"urn:other\"/>"))); // of that name, not of that owner
	cr_assert_str_eq(good_task(c)->targets[0].members[0].space, "urn:other");
	x1_container_free(c);
	c = decode(EXT(ENDPOINT("<q:IPv6Address>2001:0db8:0000:0000:0000:0000:"
				"0000:0001</q:IPv6Address>")));
	cr_assert_str_eq(good_task(c)->targets[0].members[0].name, "FTEID");
	x1_container_free(c);
	c = decode(EXT(UPF("<q:Novelty><q:a/></q:Novelty>")));
	const struct x1_task_details *t = good_task(c);
	cr_assert_str_eq(t->targets[0].members[0].name, "Novelty");
	x1_container_free(c);
}

Test(x1_decode, header_reporting_rules)
{
#define EXTENSIONS(inner)                                                             \
	ACTIVATE(TARGET("<x1:tcpPort>1</x1:tcpPort>"),                                \
		"<x1:taskDetailsExtensions><x1:Owner>3GPP</x1:Owner><q:X1Extensions " \
		"xmlns:q=\"" GPP "\">" inner "</q:X1Extensions></x1:taskDetailsExtensions>")
#define REPORTING(inner)                                                     \
	EXTENSIONS("<q:HeaderReporting><q:PDHType>" inner "</q:PDHType></q:" \
		   "HeaderReporting>")
#define PDSR(inner) REPORTING("<q:PDSR>" inner "</q:PDSR>")
#define TRIGGER(inner) "<q:PDSRTriggerType>" inner "</q:PDSRTriggerType>"
#define TIMER TRIGGER("<q:TimerExpiry>30</q:TimerExpiry>")
	assert_1010(EXTENSIONS(""), "X1Extensions");
	assert_1010(REPORTING(""), "HeaderReporting");
	assert_1010(REPORTING("<q:PDHR>x</q:PDHR>"), "HeaderReporting");
	assert_1010(PDSR(""), "PDSR");
	assert_1010(PDSR(TRIGGER("")), "PDSRTriggerType");
	assert_1010(PDSR(TRIGGER("<q:Moon>1</q:Moon>")), "PDSRTriggerType");
	assert_1010(PDSR(TRIGGER("<q:PacketCount>-1</q:PacketCount>")), "PDSRTriggerType");
	assert_1010(PDSR(TIMER "<q:useSessionTriggers>maybe</q:useSessionTriggers>"), "PDSR");
	assert_1010(PDSR(TIMER "<q:Novelty/>"), "PDSR");
	struct x1_container *c = decode(
		PDSR(TIMER TRIGGER("<q:ByteCount>1000</q:ByteCount>") "<q:useSessionTriggers>1"
								      "</q:useSessionTriggers>"));
	const struct x1_task_details *t = good_task(c);
	cr_assert(t->extensions[0].pdsr && t->extensions[0].session_triggers);
	cr_assert_eq(t->extensions[0].n_triggers, 2);
	cr_assert_eq(t->extensions[0].triggers[1].value, 1000);
	x1_container_free(c);
	c = decode(REPORTING("<q:PDHR/>"));
	t = good_task(c);
	cr_assert(t->extensions[0].header_reporting && !t->extensions[0].pdsr);
	x1_container_free(c);
	assert_1010(EXTENSIONS("<q:IdentifierAssociation/>"), "IdentifierAssociation");
	assert_1010(EXTENSIONS("<q:SMSFExtensions><q:N/></q:SMSFExtensions>"), "SMSFExtensions");
	c = decode(EXTENSIONS("<q:SMSFExtensions><q:TruncateTPUserData/></q:SMSFExtensions>"));
	cr_assert(good_task(c)->extensions[0].sms && good_task(c)->extensions[0].truncate);
	x1_container_free(c);
	c = decode(EXTENSIONS("<q:Novelty/>")); // another module decides if it is honoured
	cr_assert(!good_task(c)->extensions[0].header_reporting);
	x1_container_free(c);
}

Test(x1_decode, foreign_extensions_are_kept_by_name)
{
#define FOREIGN(inner)                                                         \
	TARGET("<x1:targetIdentifierExtension><x1:Owner>them</x1:Owner>" inner \
	       "</x1:targetIdentifierExtension>")
	struct x1_container *c = decode(ACTIVATE(
		FOREIGN("<o:thing xmlns:o=\"urn:other\">secret</o:thing>")
			FOREIGN("<q:X xmlns:q=\"urn:3GPP:ns:li:3GPPX1Extensions:r18:\"/>")
				FOREIGN("<q:X xmlns:q=\"urn:3GPP:ns:li:3GPPX1Extensions:r\"/>"),
		""));
	const struct x1_task_details *t = good_task(c);
	cr_assert_str_eq(t->targets[0].owner, "them");
	cr_assert_str_eq(t->targets[0].members[0].space, "urn:other");
	cr_assert_str_eq(t->targets[0].members[0].name, "thing");
	cr_assert_eq(t->n_targets, 3);
	x1_container_free(c);
}

Test(x1_decode, each_message_is_judged_by_itself)
{
	struct x1_container *c = decode(HEAD MESSAGE("Ping", "")
			MESSAGE("Ping", "<x1:xId>x</x1:xId>") MESSAGE("Keepalive", "") TAIL);
	cr_assert_eq(c->n_messages, 3);
	cr_assert_eq(c->messages[0].schema_error, 0);
	cr_assert_eq(c->messages[1].schema_error, X1_ERR_SCHEMA);
	cr_assert_eq(c->messages[2].schema_error, 0);
	x1_container_free(c);
}

Test(x1_decode, versions)
{
#define VERSIONED(v)                                                         \
	HEAD "<x1:x1RequestMessage xsi:type=\"x1:PingRequest\">" ENVELOPE_V( \
		v) "</x1:x1RequestMessage>" TAIL
	static const struct {
		const char *text;
		int error;
	} cases[] = {{VERSIONED("v1.22.10"), 0}, {VERSIONED("v2.1.1"), X1_ERR_VERSION},
		{VERSIONED("v1.\xd9\xa3.1"), X1_ERR_VERSION}, {VERSIONED("1.8.1"), X1_ERR_VERSION},
		{VERSIONED(""), X1_ERR_SCHEMA}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct x1_container *c = decode(cases[i].text);
		cr_assert_eq(c->messages[0].schema_error, cases[i].error, "case %zu", i);
		x1_container_free(c);
	}
}

Test(x1_decode, uuid_version_is_a_switch)
{
	const char *text = HEAD MESSAGE(
		"DeactivateTask", "<x1:xId>7a500001-0001-1001-8001-000000000001</x1:xId>") TAIL;
	assert_1010(text, "xId");
	struct x1_container *c = decode_with(text, strlen(text), false);
	cr_assert_eq(c->messages[0].schema_error, 0);
	cr_assert(c->messages[0].has_id);
	x1_container_free(c);
	assert_1010(ACTIVATE(TARGET("<x1:imsi>12345</x1:imsi>"), ""), "imsi");
}

Test(x1_decode, why_never_holds_a_value)
{
	struct x1_container *c = decode(ACTIVATE(TARGET("<x1:imsi>26201secret</x1:imsi>"), ""));
	cr_assert_eq(c->messages[0].schema_error, X1_ERR_SCHEMA);
	cr_assert_null(strstr(c->messages[0].why, "secret"));
	x1_container_free(c);
	c = decode(ACTIVATE(TARGET("<x1:secret/>"), ""));
	cr_assert_eq(c->messages[0].schema_error, X1_ERR_SCHEMA);
	cr_assert_null(strstr(c->messages[0].why, "secret"));
	x1_container_free(c);
}

Test(x1_decode, top_level_errors)
{
	static const char dtd[] = "<!DOCTYPE a SYSTEM \"a.dtd\">";
	static const char laughs[] =
		"<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>";
	assert_top_level("");
	assert_top_level("nothing");
	assert_top_level("<a>");
	assert_top_level(dtd);
	assert_top_level(laughs);
	assert_top_level(HEAD TAIL);
	assert_top_level(HEAD "<x1:x1RequestMessage>" ENVELOPE "</x1:x1RequestMessage>" TAIL);
	assert_top_level(HEAD MESSAGE("Ping", "") MESSAGE("NoSuch", "") TAIL);
	assert_top_level(HEAD "<x1:x1RequestMessage xsi:type=\"y:PingRequest\" "
			      "xmlns:y=\"urn:y\">" ENVELOPE "</x1:x1RequestMessage>" TAIL);
	assert_top_level("<X1Request/>");
	assert_top_level("<x1:X1Request/>");
	assert_top_level(HEAD MESSAGE("Ping", "<y:a/>") TAIL);
	assert_top_level(HEAD MESSAGE("Ping", "&e;") TAIL);
	assert_top_level(HEAD "text" MESSAGE("Ping", "") TAIL);
	assert_top_level(HEAD "<x1:x1RequestMessage xsi:type=\"x1:PingRequest\">"
			      "<x1:x1TransactionId>5F0D2A10</x1:x1TransactionId>"
			      "</x1:x1RequestMessage>" TAIL);
}

// Nothing else is wrong with this document.
Test(x1_decode, a_document_type_is_refused_before_parsing)
{
	struct x1_container *c =
		decode("<!DOCTYPE x1:X1Request>" BARE_HEAD MESSAGE("Ping", "") TAIL);
	cr_assert(c->top_level_error);
	cr_assert_str_eq(c->why, "a document type is not allowed");
	x1_container_free(c);
	c = decode(BARE_HEAD MESSAGE("Ping", "") TAIL);
	cr_assert(!c->top_level_error && c->messages[0].schema_error == 0);
	x1_container_free(c);
}

Test(x1_decode, sender_is_found_for_a_top_level_error)
{
	struct x1_container *c = decode(HEAD MESSAGE("NoSuch", "") TAIL);
	cr_assert(c->top_level_error);
	cr_assert_str_eq(c->admf_identifier, "admf-main-01");
	x1_container_free(c);
}

static double milliseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static char *repeat(const char *before, const char *each, int n, const char *after)
{
	size_t part = strlen(each);
	char *text = calloc(1, strlen(before) + part * (size_t)n + strlen(after) + 1);
	char *at = stpcpy(text, before);
	for (int i = 0; i < n; i++)
		at = stpcpy(at, each);
	strcpy(at, after);
	return text;
}

static char *numbered(const char *format)
{
	char *text = calloc(1, 1 << 20);
	char *at = stpcpy(text, "<a>");
	for (int i = 0; at - text < (1 << 20) - 100; i++)
		at += sprintf(at, format, i);
	strcpy(at, "</a>");
	return text;
}

// Without sanitizers only another program's use of this CPU's caches.
#define SLOWER (POI_SANITIZED ? 10 : 2)

// Not accepted, and cheap whatever it is.
Test(x1_decode, hostile_documents_cost_little)
{
	char *bodies[12];
	char *attributes = calloc(1, 400000);
	char *at = stpcpy(attributes, "<a ");
	for (int i = 0; i < 20000; i++)
		at += sprintf(at, "a%d=\"\" ", i);
	strcpy(at, "/>");
	bodies[0] = attributes;
	bodies[1] = repeat("", "<a>", 20000, "");
	bodies[2] =
		repeat(HEAD "<x1:x1RequestMessage xsi:type=\"x1:PingRequest\">" ENVELOPE "<x1:xId>",
			"0123456789", 90000, "</x1:xId></x1:x1RequestMessage>" TAIL);
	bodies[3] = repeat("<a><!--", "-", 1000000, "");
	bodies[4] = repeat("<a>", "<", 1000000, "");
	bodies[5] = repeat(HEAD, "<x1:x1RequestMessage/>", 40000, TAIL);
	bodies[6] = repeat(HEAD, "<a/>", 260000, TAIL);
	bodies[7] = repeat("<a>", "<b c='' d='' e='' f='' g='' h='' i='' j=''/>", 24000, "</a>");
	bodies[8] = numbered("<n%d x='123'/>");
	bodies[9] = numbered("<n xmlns='%d'/>");
	bodies[10] = numbered("<?n%d 123456?>");
	bodies[11] = repeat("<a>", "<![CDATA[x]]>", 80000, "</a>");
	struct x1_decoder *d = x1_decoder_new(64, 10000, true);
	for (int i = 0; i < 12; i++) {
		double start = milliseconds();
		struct x1_container *c = x1_decode(d, bodies[i], strlen(bodies[i]));
		double cost = milliseconds() - start;
		cr_assert(c->top_level_error || c->messages[0].schema_error == X1_ERR_SCHEMA);
		cr_assert_lt(cost, SLOWER * 50, "body %d took %.1f ms", i, cost);
		x1_container_free(c);
		free(bodies[i]);
	}
	x1_decoder_free(d);
}

Test(x1_decode, mail_addresses)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.!#$%'*+\\/=?^_`{|}~-";
	char body[3000];
	for (char octet = ' '; octet < 127; octet++) {
		if (octet == '&' || octet == '<')
			continue;
		snprintf(body, sizeof(body),
			ACTIVATE(TARGET("<x1:emailAddress>a%cb@c.d</x1:emailAddress>"), ""), octet);
		struct x1_container *c = decode(body);
		bool good = c->messages[0].schema_error == 0;
		cr_assert_eq(good, strchr(allowed, octet) != NULL, "%c", octet);
		x1_container_free(c);
	}
}

Test(x1_decode, too_many_messages)
{
	char *text = repeat(HEAD, MESSAGE("Ping", ""), 101, TAIL);
	assert_top_level(text);
	free(text);
}

Test(x1_decode, answers)
{
#define ANSWER(type, content)                                                   \
	"<x1:x1ResponseMessage xsi:type=\"x1:" type "\">" ENVELOPE content "</" \
	"x1:x1ResponseMessage>"
	static const char text[] =
		"<x1:X1Response xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" "
		"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">" ANSWER("PingResponse",
			"<x1:oK>AcknowledgedAndCompleted</x1:oK>") ANSWER("ErrorResponse",
			"<x1:requestMessageType>Ping</x1:requestMessageType>"
			"<x1:errorInformation><x1:errorCode>1040</x1:errorCode>"
			"<x1:errorDescription/></x1:errorInformation>") "</x1:X1Response>";
	static const char top[] =
		"<x1:X1TopLevelErrorResponse xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\">"
		"<x1:admfIdentifier>a</x1:admfIdentifier><x1:neIdentifier>n</x1:neIdentifier>"
		"<x1:messageTimestamp>2026-11-22T08:15:30.000900Z</x1:messageTimestamp>"
		"<x1:version>v1.8.1</x1:version></x1:X1TopLevelErrorResponse>";
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	struct x1_answer a[2];
	cr_assert_eq(x1_decode_answers(d, text, sizeof(text) - 1, a, 2), 2);
	cr_assert(a[0].ok && a[0].error_code == 0);
	cr_assert(!a[1].ok && a[1].error_code == 1040);
	// An acknowledgement of a report of the whole network element counts for it.
	static const char acknowledged[] =
		"<x1:X1Response xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" "
		"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">" ANSWER(
			"ReportNEIssueResponse", "<x1:oK>Acknowledged</x1:oK>") "</x1:X1Response>";
	cr_assert_eq(x1_decode_answers(d, acknowledged, sizeof(acknowledged) - 1, a, 2), 1);
	cr_assert(a[0].ok);
	cr_assert_eq(x1_decode_answers(d, text, sizeof(text) - 1, a, 1), POI_ERR_LIMIT);
	cr_assert_eq(x1_decode_answers(d, top, sizeof(top) - 1, a, 1), 1);
	cr_assert(a[0].top_level_error);
	cr_assert_str_eq(a[0].admf_identifier, "a");
	cr_assert_eq(x1_decode_answers(d, "<a/>", 4, a, 1), POI_ERR_SYNTAX);
	x1_decoder_free(d);
}

static char *read_whole(const char *path, size_t *length)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, 65536);
	cr_assert_not_null(f);
	*length = fread(text, 1, 65535, f);
	fclose(f);
	return text;
}

// The samples in ETSI's archive. One holds a malformed UUID and must fail.
Test(x1_decode, official_examples)
{
	static const char folder[] = X1_REFERENCE "/v1.13.1/examples";
	DIR *dir = opendir(folder);
	char path[4096], why[X1_WHY_SIZE];
	int seen = 0, requests = 0;

	if (dir == NULL)
		cr_skip_test("skipped: no reference data");
	struct x1_decoder *d = x1_decoder_new(64, 100, false);
	struct x1_schema *schema = x1_schema_new(why, sizeof(why));
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		size_t length;
		if (strstr(e->d_name, ".xml") == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		char *text = read_whole(path, &length);
		bool bad = strstr(e->d_name, "DeleteAllObjectsRequest") != NULL;
		seen++;
		if (strstr(text, "X1Request") != NULL) {
			struct x1_container *c = x1_decode(d, text, length);
			requests++;
			cr_assert_eq(c->top_level_error, bad, "%s: %s", e->d_name, c->why);
			for (uint32_t i = 0; i < c->n_messages; i++)
				cr_assert_eq(c->messages[i].schema_error, 0, "%s: %s", e->d_name,
					c->messages[i].why);
			x1_container_free(c);
		} else {
			xmlDoc *doc = xmlReadMemory(text, (int)length, NULL, NULL, XML_PARSE_NONET);
			cr_assert(x1_schema_validate(schema, doc, why), "%s: %s", e->d_name, why);
			xmlFreeDoc(doc);
		}
		free(text);
	}
	closedir(dir);
	cr_assert_eq(seen, 43);
	cr_assert_gt(requests, 15);
	x1_schema_free(schema);
	x1_decoder_free(d);
}
