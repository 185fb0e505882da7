// Content of createObject and modifyObject.
#include "control/xml/x1_decode.h"

#include <criterion/criterion.h>

#include <string.h>

static struct x1_container *decode(const char *text)
{
	struct x1_decoder *d = x1_decoder_new(64, 100, true);
	struct x1_container *c = x1_decode(d, text, strlen(text));

	x1_decoder_free(d);
	cr_assert(!c->top_level_error, "%s", c->why);
	return c;
}

#define OBJECT(version, request, content)                                              \
	"<x1:X1Request xmlns:x1=\"http://uri.etsi.org/03221/X1/2017/10\" "             \
	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                     \
	"xmlns:h=\"http://uri.etsi.org/03221/X1/2017/10/HashedID\" "                   \
	"xmlns:s=\"http://uri.etsi.org/03221/X1/2017/10/DestinationSet\">"             \
	"<x1:x1RequestMessage xsi:type=\"x1:" request "Request\">"                     \
	"<x1:admfIdentifier>a</x1:admfIdentifier><x1:neIdentifier>n</x1:neIdentifier>" \
	"<x1:messageTimestamp>2022-02-16T18:46:21.247432Z</"                           \
	"x1:messageTimestamp><x1:version>" version                                     \
	"</x1:version><x1:x1TransactionId>7fa872e0-4bc7-4a98-a416-5f22b3de1dca"        \
	"</x1:x1TransactionId>" content "</x1:x1RequestMessage></x1:X1Request>"
#define OBJECT_ID "<x1:objectId>30fbde5e-3195-4a22-b3e9-15e1d60d0528</x1:objectId>"
#define HASH(algorithm, salt)                                                                  \
	"<x1:createObject xsi:type=\"h:HashContext\">" OBJECT_ID "<h:hashAlgorithm>" algorithm \
	"</h:hashAlgorithm><h:salt>" salt "</h:salt></x1:createObject>"
#define MEMBER(last, preference)                                           \
	"<s:AssociatedDID><s:dId>44b739c4-73f0-48d5-8d6a-3576ab10014" last \
	"</s:dId><s:preference>" preference "</s:preference></s:AssociatedDID>"
#define SET(members, rest)                                                 \
	"<x1:modifyObject xsi:type=\"s:DestinationSetDetails\">" OBJECT_ID \
	"<s:listOfAssociatedDIDs>" members "</s:listOfAssociatedDIDs>" rest "</x1:modifyObject>"
#define REDUNDANT "<s:destinationSetType>Redundant</s:destinationSetType>"

Test(x1_decode_object, types)
{
	static const uint8_t salt[] = {0x42, 0x41, 0x79, 0x2f, 0xc4, 0xd3, 0xd0, 0x97};
	struct x1_container *c =
		decode(OBJECT("v1.9.1", "CreateObject", HASH("sha-256", " 4241792fC4D3d097")));
	const struct x1_object_details *o = c->messages[0].object;

	cr_assert_not_null(o, "%s", c->messages[0].why);
	cr_assert_eq(o->type, X1_OBJECT_HASH_CONTEXT);
	cr_assert_str_eq(o->algorithm, "sha-256");
	cr_assert_eq(o->salt_length, sizeof(salt));
	cr_assert_arr_eq(o->salt, salt, sizeof(salt));
	x1_container_free(c);
	// The lowest number is preferred, equal ones as they stand.
	c = decode(OBJECT("v1.11.1", "ModifyObject",
		SET(MEMBER("1", "7") MEMBER("2", "-3") MEMBER("3", "7") MEMBER("4", "0"),
			REDUNDANT)));
	o = c->messages[0].object;
	cr_assert_not_null(o, "%s", c->messages[0].why);
	cr_assert_eq(o->type, X1_OBJECT_DESTINATION_SET);
	cr_assert(!o->duplicate);
	cr_assert_eq(o->n_members, 4);
	static const uint8_t order[] = {0x42, 0x44, 0x41, 0x43};
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(o->members[i].b[15], order[i], "%u", i);
	x1_container_free(c);
	// Another type has a name and nothing else.
	c = decode(OBJECT("v1.10.1", "CreateObject",
		"<x1:createObject xmlns:f=\"foo\" xsi:type=\"f:Foo\">" OBJECT_ID
		"<f:x/></x1:createObject>"));
	o = c->messages[0].object;
	cr_assert_not_null(o);
	cr_assert_eq(o->type, X1_OBJECT_UNKNOWN);
	cr_assert_str_eq(o->type_name, "Q{foo}Foo");
	x1_container_free(c);
	// Requesters of earlier minors may not send them, with any content.
	c = decode(OBJECT("v1.8.1", "CreateObject", HASH("md5", "")));
	cr_assert_null(c->messages[0].object);
	cr_assert_eq(c->messages[0].schema_error, 0);
	x1_container_free(c);
}

Test(x1_decode_object, another_shape)
{
	static const char *const bad[] = {
		OBJECT("v1.9.1", "CreateObject", HASH("md5", "4241792fc4d3d097")),
		OBJECT("v1.9.1", "CreateObject", HASH("sha-256", "4241792fc4d3d0")),
		OBJECT("v1.9.1", "CreateObject", HASH("sha-256", "4241792fc4d3d0970")),
		OBJECT("v1.9.1", "CreateObject", HASH("sha-256", "4241792fc4d3d0gg")),
		OBJECT("v1.9.1", "CreateObject", HASH("sha-256", "<h:x/>4241792fc4d3d097")),
		OBJECT("v1.9.1", "CreateObject",
			"<x1:createObject>" OBJECT_ID "</x1:createObject>"),
		OBJECT("v1.9.1", "CreateObject", "<x1:createObject xsi:type=\"h:HashContext\"/>"),
		OBJECT("v1.9.1", "ModifyObject", SET("", "")),
		OBJECT("v1.9.1", "ModifyObject", SET(MEMBER("1", "1"), "")),
		OBJECT("v1.9.1", "ModifyObject", SET(MEMBER("1", "x"), REDUNDANT)),
		OBJECT("v1.9.1", "ModifyObject", SET(MEMBER("1", "-+1"), REDUNDANT)),
		OBJECT("v1.9.1", "ModifyObject", SET(MEMBER("1", "99999999999"), REDUNDANT)),
		OBJECT("v1.9.1", "ModifyObject", SET(MEMBER("1g", "1"), REDUNDANT)),
		OBJECT("v1.9.1", "ModifyObject", SET(MEMBER("1", "1"), REDUNDANT REDUNDANT)),
		OBJECT("v1.9.1", "ModifyObject", SET(MEMBER("1", "1"), REDUNDANT "<s:x/>")),
		OBJECT("v1.9.1", "ModifyObject", SET("<s:x/>", REDUNDANT)),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct x1_container *c = decode(bad[i]);
		cr_assert_eq(c->messages[0].schema_error, X1_ERR_SCHEMA, "%zu", i);
		cr_assert_null(c->messages[0].object, "%zu", i);
		cr_assert_null(strstr(c->messages[0].why, "4241"), "a salt goes into no text");
		x1_container_free(c);
	}
}

Test(x1_decode_object, nothing_else_is_read_as_one)
{
	struct x1_container *c = decode(OBJECT("v1.13.1", "ReportNEIssue",
		"<x1:typeOfNeIssueMessage>Warning</x1:typeOfNeIssueMessage>"
		"<x1:description>x</x1:description>"));

	cr_assert_eq(c->messages[0].schema_error, 0, "%s", c->messages[0].why);
	cr_assert_null(c->messages[0].object);
	x1_container_free(c);
}
