#include "control/xml/x1_encode.h"

#include <criterion/criterion.h>

#include <malloc.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/xml/x1_decode.h"
#include "control/xml/x1_schema.h"
#include "shared/version.h"

static const struct x1_fault faults[] = {{9020, "worker 3: <dropped> & \"lost\""}, {9030, ""}};

static struct x1_envelope envelope(void)
{
	return (struct x1_envelope){.admf_identifier = "admf & co",
		.ne_identifier = "ne-poi-01",
		.transaction = id_random(),
		.time_ns = 1795335330004210999ull};
}

// Our own schema always; the official ones where the reference data lie beside the source tree.
static void validate(const struct x1_buffer *b, const char *name)
{
	char why[X1_WHY_SIZE], command[700], path[] = "/tmp/poi-encode-XXXXXX";
	static const char *const drivers[] = {
		"x1-validate.xsd", "x1-validate-v1.19.1.xsd", "x1-validate-v1.22.1.xsd"};
	struct x1_schema *s = x1_schema_new(why, sizeof(why));
	xmlDoc *doc = xmlReadMemory(b->text, (int)b->length, NULL, NULL, XML_PARSE_NONET);
	cr_assert_eq(b->error, 0);
	cr_assert_not_null(doc, "%s: %s", name, b->text);
	cr_assert(x1_schema_validate(s, doc, why), "%s: %s: %s", name, why, b->text);
	xmlFreeDoc(doc);
	x1_schema_free(s);
	if (access(X1_REFERENCE "/x1-validate.xsd", R_OK) != 0 ||
		system("command -v xmllint >/dev/null") != 0) {
		fprintf(stderr, "# skipped: no reference data\n");
		return;
	}
	int fd = mkstemp(path);
	cr_assert_eq(write(fd, b->text, b->length), (ssize_t)b->length);
	close(fd);
	for (int i = 0; i < 3; i++) {
		snprintf(command, sizeof(command),
			"xmllint --noout --nonet --schema '%s/%s' %s >/dev/null 2>&1", X1_REFERENCE,
			drivers[i], path);
		cr_assert_eq(system(command), 0, "%s: %s: %s", name, drivers[i], b->text);
	}
	unlink(path);
}

Test(x1_encode, ok_and_error_for_every_request)
{
	struct x1_envelope e = envelope();
	struct x1_buffer b = {0};
	x1_response_begin(&b);
	for (int t = 0; t < X1_REQUEST_COUNT; t++) {
		x1_response_error(&b, &e, (enum x1_request_type)t, 1000, "no & <never>\x01\xff");
		switch (t) {
		case X1_GET_TASK_DETAILS:
		case X1_GET_DESTINATION_DETAILS:
		case X1_GET_NE_STATUS:
		case X1_GET_ALL_DETAILS:
		case X1_LIST_ALL_DETAILS:
		case X1_GET_ALL_TASK_DETAILS:
		case X1_GET_ALL_DESTINATION_DETAILS:
		case X1_GET_ALL_GENERIC_OBJECT_DETAILS:
		case X1_GET_OBJECT:
		case X1_LIST_OBJECTS_OF_TYPE:
			break;
		default:
			x1_response_ok(&b, &e, (enum x1_request_type)t, t != X1_ACTIVATE_TASK);
		}
	}
	x1_response_end(&b);
	validate(&b, "responses");
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	struct x1_answer a[64];
	cr_assert_gt(x1_decode_answers(d, b.text, b.length, a, 64), X1_REQUEST_COUNT);
	cr_assert_str_eq(a[0].admf_identifier, "admf & co");
	cr_assert_eq(a[0].error_code, 1000);
	cr_assert(id_equal(&a[0].transaction, &e.transaction));
	x1_decoder_free(d);
	cr_assert_not_null(strstr(b.text, "<x1:messageTimestamp>2026-11-22T08:15:30.004210Z<"));
	cr_assert_not_null(strstr(b.text, "<x1:version>" POI_X1_VERSION "<"));
	cr_assert_not_null(strstr(b.text, "no &amp; &lt;never&gt;\xef\xbf\xbd\xef\xbf\xbd<"));
	x1_buffer_cut(&b, 0);
	e.version = "v1.13.1";
	x1_response_ok(&b, &e, X1_PING, true);
	cr_assert_not_null(strstr(b.text, "<x1:version>v1.13.1</x1:version>"));
	cr_assert_null(strstr(b.text, POI_X1_VERSION));
	x1_buffer_free(&b);
}

Test(x1_encode, top_level_error_and_requests)
{
	struct x1_envelope e = envelope();
	struct x1_buffer b = {0};
	struct id16 id = id_random();
	x1_top_level_error(&b, &e);
	validate(&b, "top-level error");
	x1_buffer_free(&b);
	x1_request_ping(&b, &e);
	validate(&b, "Ping");
	x1_buffer_free(&b);
	x1_request_report_ne_issue(&b, &e, "FaultReport", "disk < full", 0);
	validate(&b, "ReportNEIssue");
	cr_assert_null(strstr(b.text, "issueCode"));
	x1_buffer_free(&b);
	x1_request_report_ne_issue(&b, &e, "Alert", "silent", 9050);
	validate(&b, "ReportNEIssue of later minors");
	cr_assert_not_null(strstr(b.text, "silent</x1:description><x1:issueCode>9050<"));
	x1_buffer_free(&b);
	x1_request_begin(&b);
	x1_put_report_task_issue(&b, &e, &id, "NonTerminatingFault", &faults[0]);
	x1_put_report_task_issue(&b, &e, &id, "AllClear", NULL);
	x1_put_report_destination_issue(&b, &e, &id, "TerminatingFault", &faults[1]);
	x1_request_end(&b);
	validate(&b, "reports");
	x1_buffer_free(&b);
}

#if !POI_SANITIZED // which has its own
// Stands in for the C library's: what is freed has no target in it.
static const char secret[] = "192.0.2.177";
static unsigned found;
void __libc_free(void *p);
void free(void *p)
{
	if (p && memmem(p, malloc_usable_size(p), secret, sizeof(secret) - 1))
		found++;
	__libc_free(p);
}

Test(x1_encode, a_buffer_is_wiped_before_it_is_freed)
{
	struct x1_buffer b = {0};

	for (unsigned i = 0; i < 20000; i++)
		x1_append(&b, secret, sizeof(secret) - 1);
	x1_buffer_cut(&b, 100);
	cr_assert_eq(b.length, 100);
	x1_append(&b, secret, sizeof(secret) - 1);
	x1_buffer_free(&b);
	cr_assert_eq(found, 0);
}
#endif

#define GPP "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6"
static const char request[] =
	"<X1Request xmlns=\"http://uri.etsi.org/03221/X1/2017/10\" "
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	"xmlns:k=\"http://uri.etsi.org/03280/common/2017/07\">"
	"<x1RequestMessage xsi:type=\"ActivateTaskRequest\"><admfIdentifier>a</admfIdentifier>"
	"<neIdentifier>n</neIdentifier><messageTimestamp>2026-11-22T08:15:30.000100Z"
	"</messageTimestamp><version>v1.8.1</version>"
	"<x1TransactionId>5f0d2a10-7c1e-4b52-9a51-0c6f3d1f0001</x1TransactionId><taskDetails>"
	"<xId>7a500001-0001-4001-8001-000000000001</xId><targetIdentifiers><targetIdentifier>"
	"<ipv4Cidr><k:IPv4CIDR>198.51.100.0/24</k:IPv4CIDR></ipv4Cidr></targetIdentifier>"
	"<targetIdentifier><targetIdentifierExtension><Owner>3GPP</Owner>"
	"<UPFLIT3TargetIdentifierExtensions xmlns=\"" GPP "\"><UPFLIT3TargetIdentifier><FSEID>"
	"<SEID>18446744073709551615</SEID></FSEID></UPFLIT3TargetIdentifier>"
	"</UPFLIT3TargetIdentifierExtensions></targetIdentifierExtension></targetIdentifier>"
	"</targetIdentifiers><deliveryType>X2Only</deliveryType><listOfDIDs>"
	"<dId>1d000001-0001-4001-8001-0000000000d1</dId></listOfDIDs><taskDetailsExtensions>"
	"<Owner>3GPP</Owner><z:X1Extensions xmlns:z=\"" GPP "\"><z:HeaderReporting><z:PDHType>"
	"<z:PDHR/></z:PDHType></z:HeaderReporting></z:X1Extensions></taskDetailsExtensions>"
	"</taskDetails></x1RequestMessage>"
	"<x1RequestMessage xsi:type=\"CreateDestinationRequest\"><admfIdentifier>a</admfIdentifier>"
	"<neIdentifier>n</neIdentifier><messageTimestamp>2026-11-22T08:15:30.000100Z"
	"</messageTimestamp><version>v1.8.1</version>"
	"<x1TransactionId>5f0d2a10-7c1e-4b52-9a51-0c6f3d1f0001</x1TransactionId>"
	"<destinationDetails><dId>1d000001-0001-4001-8001-0000000000d1</dId>"
	"<friendlyName>&lt;east&gt; </friendlyName><deliveryType>X2andX3</deliveryType>"
	"<deliveryAddress><ipAddressAndPort><k:address><k:IPv4Address>192.0.2.5</k:IPv4Address>"
	"</k:address><k:port><k:TCPPort>42001</k:TCPPort></k:port></ipAddressAndPort>"
	"</deliveryAddress></destinationDetails></x1RequestMessage></X1Request>";

Test(x1_encode, queries_echo_what_was_decoded)
{
	struct x1_envelope e = envelope();
	struct x1_buffer b = {0};
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	struct x1_container *c = x1_decode(d, request, sizeof(request) - 1);
	const struct x1_task_details *t = c->messages[0].task;
	const struct x1_destination_details *n = c->messages[1].destination;
	cr_assert_not_null(t, "%s", c->messages[0].why);
	cr_assert_not_null(n, "%s", c->messages[1].why);
	struct x1_task_status status = {.provisioning = "complete",
		.n_faults = 2,
		.faults = faults,
		.last_intercept_ns = e.time_ns,
		.has_amounts = true,
		.x2_octets = 5120,
		.x3_octets = 9437184,
		.last_modification_ns = e.time_ns,
		.modifications = 3};
	struct x1_task_status plain = {.provisioning = "awaitingProvisioning"};
	struct x1_destination_status up = {0}, down = {true, 1, faults};

	x1_response_begin(&b);
	x1_message_open(&b, &e, X1_GET_TASK_DETAILS);
	x1_put_task(&b, t->xml, t->xml_length, &plain);
	x1_message_close(&b);
	x1_message_open(&b, &e, X1_GET_DESTINATION_DETAILS);
	x1_put_destination(&b, n->xml, n->xml_length, &down);
	x1_message_close(&b);
	x1_message_open(&b, &e, X1_GET_NE_STATUS);
	x1_put_ne_status(&b, 2, faults);
	x1_message_close(&b);
	x1_message_open(&b, &e, X1_GET_ALL_DETAILS);
	x1_put_ne_status(&b, 0, NULL);
	x1_list_open(&b, "listOfTaskResponseDetails");
	x1_put_task(&b, t->xml, t->xml_length, &status);
	x1_list_close(&b);
	x1_list_open(&b, "listOfDestinationResponseDetails");
	x1_put_destination(&b, n->xml, n->xml_length, &up);
	x1_list_close(&b);
	x1_message_close(&b);
	x1_message_open(&b, &e, X1_LIST_ALL_DETAILS);
	x1_list_open(&b, "ListOfXIDs");
	x1_put_id(&b, "xId", &t->xid);
	x1_list_close(&b);
	x1_list_open(&b, "ListOfDIDs");
	x1_put_id(&b, "dId", &n->did);
	x1_list_close(&b);
	x1_message_close(&b);
	x1_message_open(&b, &e, X1_GET_ALL_TASK_DETAILS);
	x1_message_close(&b);
	x1_response_end(&b);
	validate(&b, "queries");
	cr_assert_not_null(strstr(b.text, "&lt;east&gt; "));
	cr_assert_not_null(strstr(b.text, GPP));
	x1_buffer_free(&b);
	x1_container_free(c);
	x1_decoder_free(d);
}

// The answer has an object as a requester gave it, under the schema of its minor.
Test(x1_encode, objects)
{
	static const char *const given[] = {
		"<x1:createObject xmlns:q=\"http://uri.etsi.org/03221/X1/2017/10/HashedID\" "
		"xsi:type=\"q:HashContext\">"
		"<x1:objectId>30fbde5e-3195-4a22-b3e9-15e1d60d0528</x1:objectId>"
		"<q:hashAlgorithm>sha3-512</q:hashAlgorithm><q:salt>4241792FC4d3d097</q:salt>"
		"</x1:createObject>",
		"<createObject xmlns=\"http://uri.etsi.org/03221/X1/2017/10\" "
		"xmlns:s=\"http://uri.etsi.org/03221/X1/2017/10/DestinationSet\" "
		"xsi:type=\"s:DestinationSetDetails\">"
		"<objectId>30fbde5e-3195-4a22-b3e9-15e1d60d0529</objectId>"
		"<s:friendlyName> east &amp; west <!-- both --></s:friendlyName>"
		"<s:listOfAssociatedDIDs><s:AssociatedDID>"
		"<s:dId>44b739c4-73f0-48d5-8d6a-3576ab100141</s:dId>"
		"<s:preference> +2 </s:preference></s:AssociatedDID></s:listOfAssociatedDIDs>"
		"<s:destinationSetType>Duplicate</s:destinationSetType></createObject>"};
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	struct x1_envelope e = envelope();
	struct x1_buffer b = {0};

	x1_response_begin(&b);
	for (size_t i = 0; i < 2; i++) {
		char body[3000];
		snprintf(body, sizeof(body),
			"<x1:X1Request xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" "
			"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
			"<x1:x1RequestMessage xsi:type=\"x1:CreateObjectRequest\">"
			"<x1:admfIdentifier>a</x1:admfIdentifier>"
			"<x1:neIdentifier>n</x1:neIdentifier><x1:messageTimestamp>"
			"2022-02-16T18:46:21.247432Z</x1:messageTimestamp>"
			"<x1:version>v1.9.1</x1:version><x1:x1TransactionId>"
			"7fa872e0-4bc7-4a98-a416-5f22b3de1dca</x1:x1TransactionId>%s"
			"</x1:x1RequestMessage></x1:X1Request>",
			given[i]);
		struct x1_container *c = x1_decode(d, body, strlen(body));
		const struct x1_message *m = &c->messages[0];
		cr_assert_not_null(m->object, "%s", m->why);
		x1_message_open(&b, &e, X1_GET_OBJECT);
		x1_put_object(&b, m->object->xml, m->object->xml_length);
		x1_message_close(&b);
		x1_message_open(&b, &e, X1_GET_ALL_GENERIC_OBJECT_DETAILS);
		x1_list_open(&b, "listOfGenericObjectResponseDetails");
		x1_put_object(&b, m->object->xml, m->object->xml_length);
		x1_list_close(&b);
		x1_message_close(&b);
		x1_message_open(&b, &e, X1_GET_ALL_DETAILS);
		x1_put_ne_status(&b, 0, NULL);
		x1_list_open(&b, "listOfTaskResponseDetails");
		x1_list_close(&b);
		x1_list_open(&b, "listOfDestinationResponseDetails");
		x1_list_close(&b);
		x1_list_open(&b, "listOfGenericObjectResponseDetails");
		x1_put_object(&b, m->object->xml, m->object->xml_length);
		x1_put_object(&b, m->object->xml, m->object->xml_length);
		x1_list_close(&b);
		x1_message_close(&b);
		x1_message_open(&b, &e, X1_LIST_ALL_DETAILS);
		x1_list_open(&b, "ListOfXIDs");
		x1_list_close(&b);
		x1_list_open(&b, "ListOfDIDs");
		x1_list_close(&b);
		x1_list_open(&b, "ListOfGenericObjectIDs");
		x1_put_id(&b, "objectId", &m->object->id);
		x1_list_close(&b);
		x1_message_close(&b);
		x1_message_open(&b, &e, X1_LIST_OBJECTS_OF_TYPE);
		x1_list_open(&b, "listOfObjects");
		x1_list_close(&b);
		x1_message_close(&b);
		x1_container_free(c);
	}
	x1_response_ok(&b, &e, X1_CREATE_OBJECT, true);
	x1_response_ok(&b, &e, X1_DELETE_ALL_OBJECTS, false);
	x1_response_end(&b);
	validate(&b, "objects");
	cr_assert_not_null(strstr(b.text, "> east &amp; west <"));
	x1_buffer_free(&b);
	x1_decoder_free(d);
}
