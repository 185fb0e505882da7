// hashedIdentifier as messages have it.
#include "control/xml/x1_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define CONTEXT "30fbde5e-3195-4a22-b3e9-15e1d60d0528"
#define DIGEST "303e57c6968f308a6a7df0ef48c0e21580bc29ae2ed1bd8e5466eb42e72cc39a"
#define GOOD                                                               \
	"<h:hashContextID>" CONTEXT "</h:hashContextID>"                   \
	"<h:targetIdentityType> InternationalE164 </h:targetIdentityType>" \
	"<h:hashDigest>" DIGEST "</h:hashDigest>"

static struct x1_container *decode(const char *version, const char *content)
{
	static const char form[] =
		"<X1Request xmlns=\"http://uri.etsi.org/03221/X1/2017/10\""
		" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
		" xmlns:h=\"http://uri.etsi.org/03221/X1/2017/10/HashedID\">"
		"<x1RequestMessage xsi:type=\"ActivateTaskRequest\">"
		"<admfIdentifier>admfID</admfIdentifier><neIdentifier>neID</neIdentifier>"
		"<messageTimestamp>2017-10-06T18:46:21.247432Z</messageTimestamp>"
		"<version>%s</version>"
		"<x1TransactionId>f9138c05-f82e-4cf4-a1ae-ae92fed2d565</x1TransactionId>"
		"<taskDetails><xId>30fbde5e-3195-4a22-b3e9-15e1d60d0529</xId><targetIdentifiers>"
		"<targetIdentifier><hashedIdentifier>%s</hashedIdentifier></targetIdentifier>"
		"</targetIdentifiers><deliveryType>X2andX3</deliveryType><listOfDIDs></listOfDIDs>"
		"</taskDetails></x1RequestMessage></X1Request>";
	char text[4096];
	struct x1_decoder *d = x1_decoder_new(64, 100, true);

	cr_assert_not_null(d);
	snprintf(text, sizeof(text), form, version, content);
	struct x1_container *c = x1_decode(d, text, strlen(text));
	x1_decoder_free(d);
	cr_assert_not_null(c);
	cr_assert(!c->top_level_error, "%s", c->why);
	cr_assert_eq(c->n_messages, 1);
	return c;
}

static void check_good(const struct x1_target *t)
{
	char text[ID_TEXT_SIZE];

	cr_assert_eq(t->kind, X1_TARGET_HASHED_IDENTIFIER);
	cr_assert_not_null(t->identity);
	cr_expect_str_eq(t->identity, "InternationalE164");
	cr_expect_str_eq(t->digest, DIGEST);
	id_format(&t->context, text);
	cr_expect_str_eq(text, CONTEXT);
	// attribute 17: the element as it was given
	cr_expect_not_null(strstr(t->xml, DIGEST));
}

Test(x1_decode_hashed, its_parts)
{
	struct x1_container *c = decode("v1.9.1", GOOD);

	cr_assert_eq(c->messages[0].schema_error, 0, "%s", c->messages[0].why);
	check_good(&c->messages[0].task->targets[0]);
	struct x1_decoder *d = x1_decoder_new(64, 100, true); // and what is kept of it
	struct x1_container *again =
		x1_decode_details(d, c->messages[0].task->xml, c->messages[0].task->xml_length);
	cr_assert_not_null(again);
	check_good(&again->messages[0].task->targets[0]);
	x1_container_free(again);
	x1_container_free(c);
	x1_decoder_free(d);
}

Test(x1_decode_hashed, an_earlier_minor_does_not_know_it)
{
	static const char *const contents[] = {GOOD, "<h:anything/>"};

	for (unsigned i = 0; i < 2; i++) {
		struct x1_container *c = decode("v1.8.1", contents[i]);
		cr_assert_eq(c->messages[0].schema_error, 0, "%s", c->messages[0].why);
		cr_expect_eq(c->messages[0].task->targets[0].kind, X1_TARGET_HASHED_IDENTIFIER);
		cr_expect_null(c->messages[0].task->targets[0].identity);
		x1_container_free(c);
	}
}

Test(x1_decode_hashed, broken_by_name)
{
	static const struct {
		const char *content, *name;
	} broken[] = {
		{"<h:anything/>", "hashContextID"},
		{"<h:hashContextID>" CONTEXT "</h:hashContextID>", "targetIdentityType"},
		{"<h:hashContextID>x</h:hashContextID><h:targetIdentityType>IMSI"
		 "</h:targetIdentityType><h:hashDigest>00</h:hashDigest>",
			"hashContextID"},
		{"<h:hashContextID>" CONTEXT "</h:hashContextID><h:targetIdentityType>IMSI"
		 "</h:targetIdentityType><h:hashDigest>0</h:hashDigest>",
			"hashDigest"},
		{"<h:hashContextID>" CONTEXT "</h:hashContextID><h:targetIdentityType>IMSI"
		 "</h:targetIdentityType><h:hashDigest>0g</h:hashDigest>",
			"hashDigest"},
		{GOOD "<h:more/>", "hashedIdentifier"},
	};

	for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct x1_container *c = decode("v1.9.1", broken[i].content);
		cr_expect_eq(c->messages[0].schema_error, X1_ERR_SCHEMA, "%u", i);
		cr_expect_not_null(
			strstr(c->messages[0].why, broken[i].name), "%s", c->messages[0].why);
		x1_container_free(c);
	}
}
