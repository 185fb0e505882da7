// Hashed identifiers of a task to the session target, by the hash context that they name.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "control/x1/x1_task.h"

static struct config config;
static struct registry *registry;
static struct channel_task out;
static struct x1_task_room room;
static struct x1_refusal why;
static struct x1_target targets[4];
static struct x1_task_details details;
static struct id16 did = {{1}};
static const struct id16 sha256 = {{2}}, sha512 = {{3}}, sha3 = {{4}}, set = {{5}}, nothing = {{6}};

#define SALT "\x42\x41\x79\x2f\xc4\xd3\xd0\x97"
#define DIGEST32 "303e57c6968f308a6a7df0ef48c0e21580bc29ae2ed1bd8e5466eb42e72cc39a"
#define DIGEST64 DIGEST32 DIGEST32

static void add_object(const struct object_details *d)
{
	struct object *o = object_new(0, d);

	cr_assert_not_null(o);
	cr_assert_eq(registry_object_add(registry, o), 0);
}

static void add_context(struct id16 id, enum object_hash algorithm, const char *salt)
{
	add_object(&(struct object_details){.id = id,
		.type = OBJECT_HASH_CONTEXT,
		.algorithm = (uint8_t)algorithm,
		.salt = (const uint8_t *)salt,
		.salt_length = (uint16_t)strlen(salt),
		.xml = ""});
}

static void see(enum config_signalling_protocol protocol)
{
	struct config_port *p = &config.dataplane.ports[0];

	p->tunnel = CONFIG_TUNNEL_GTPU;
	p->n_signalling = 1;
	p->signalling[0] = (uint8_t)protocol;
}

static void setup(void)
{
	struct channel_destination c = {
		.did = did, .delivery = DELIVERY_X3, .port = 1, .address = {.family = 4}};

	registry = registry_new(1, &(const char *){"ne-1"});
	config.n_nes = config.dataplane.n_ports = 1;
	see(CONFIG_PFCP);
	struct registry_destination *d = registry_destination_new(0, &c, "", 0);
	cr_assert_eq(registry_destination_add(registry, d), 0);
	add_context(sha256, OBJECT_SHA_256, SALT);
	add_context(sha512, OBJECT_SHA_512, SALT);
	add_context(sha3, OBJECT_SHA3_512, SALT);
	add_object(&(struct object_details){
		.id = set, .type = OBJECT_DESTINATION_SET, .set = OBJECT_SET_DUPLICATE, .xml = ""});
	details = (struct x1_task_details){.xid = {{7}},
		.targets = targets,
		.delivery = X1_X3_ONLY,
		.n_dids = 1,
		.dids = &did};
}

static void teardown(void)
{
	registry_free(registry);
}

TestSuite(x1_hashed, .init = setup, .fini = teardown);

static void hashed(struct id16 context, const char *identity, const char *digest)
{
	targets[details.n_targets++] = (struct x1_target){.kind = X1_TARGET_HASHED_IDENTIFIER,
		.context = context,
		.identity = identity,
		.digest = digest};
}

static int build(void)
{
	why = (struct x1_refusal){0};
	int rc = x1_task_build(&config, registry, 0, &details, NULL, &out, &room, &why);
	cr_assert_eq(rc == 0, why.code == 0);
	return why.code;
}

static int build_one(struct id16 context, const char *identity, const char *digest)
{
	details.n_targets = 0;
	hashed(context, identity, digest);
	return build();
}

Test(x1_hashed, identity_algorithm_salt_digest)
{
	static const struct {
		const char *type;
		uint8_t identity;
	} types[] = {{"InternationalE164", HASHED_MSISDN}, {"E164Number", HASHED_MSISDN},
		{"GPSIMSISDN", HASHED_MSISDN}, {"IMSI", HASHED_IMSI}, {"SUPIIMSI", HASHED_IMSI},
		{"IMEI", HASHED_IMEI}, {"PEIIMEI", HASHED_IMEI},
		{"IMEICheckDigit", HASHED_IMEI_CHECKED}, {"PEIIMEICheckDigit", HASHED_IMEI_CHECKED},
		{"IMEISV", HASHED_IMEISV}, {"PEIIMEISV", HASHED_IMEISV}, {"NAI", HASHED_NAI},
		{"SUPINAI", HASHED_NAI}, {"GPSINAI", HASHED_NAI}};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		cr_assert_eq(build_one(sha256, types[i].type, DIGEST32), 0, "%s", why.text);
		cr_expect_eq(out.session.kinds, SESSION_HASHED);
		cr_expect_eq(out.session.hashed.identity, types[i].identity, "%s", types[i].type);
	}
	const struct session_hashed *h = &out.session.hashed;
	cr_expect_eq(h->algorithm, IDENTITY_SHA_256);
	cr_expect(h->salt_length == 8 && !memcmp(h->salt, SALT, 8));
	cr_expect(h->digest[0] == 0x30 && h->digest[31] == 0x9a && h->digest[32] == 0);
	cr_assert_eq(build_one(sha512, "IMSI", DIGEST64), 0);
	cr_expect(h->algorithm == IDENTITY_SHA_512 && h->digest[63] == 0x9a);
	cr_assert_eq(build_one(sha3, "IMSI", DIGEST64), 0);
	cr_expect_eq(h->algorithm, IDENTITY_SHA3_512);
}

// The context is in use by the task.
Test(x1_hashed, the_context_is_named)
{
	hashed(sha256, "IMSI", DIGEST32);
	hashed(sha256, "IMSI", DIGEST32); // the same one changes nothing
	cr_assert_eq(build(), 0);
	cr_assert_eq(room.n_objects, 1);
	cr_expect(id_equal(&room.object[0], &sha256));
	struct registry_task *t = registry_task_new(0, &out, "", 0);
	cr_assert_not_null(t);
	cr_assert_eq(registry_task_set_objects(t, room.object, room.n_objects), 0);
	cr_assert_eq(registry_task_add(registry, t), 0);
	cr_expect_eq(objects_find(registry_objects(registry), 0, &sha256)->references, 1);
	registry_task_remove(registry, t);
	cr_expect_eq(objects_find(registry_objects(registry), 0, &sha256)->references, 0);
}

Test(x1_hashed, refused_by_name)
{
	char longest[IDENTITY_SALT_MAX + 2];

	cr_expect_eq(build_one(nothing, "IMSI", DIGEST32), X1_ERR_OBJECT_UNKNOWN);
	cr_expect_eq(build_one(set, "IMSI", DIGEST32), X1_ERR_ACTIVATE);
	cr_expect_not_null(strstr(why.text, "no hash context"));
	cr_expect_eq(build_one(sha256, "SIPURI", DIGEST32), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_not_null(strstr(why.text, "SIPURI"));
	cr_expect_null(strstr(why.note, "SIPURI"), "a peer's words");
	cr_expect_eq(build_one(sha256, "imsi", DIGEST32), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_eq(build_one(sha256, "", DIGEST32), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST64), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_not_null(strstr(why.text, "32 octets"));
	cr_expect_eq(build_one(sha512, "IMSI", DIGEST32), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_eq(build_one(sha256, "IMSI", ""), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST64 "00"), X1_ERR_TARGET_UNSUPPORTED);
	memset(longest, 's', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	add_context(nothing, OBJECT_SHA_256, longest);
	cr_expect_eq(build_one(nothing, "IMSI", DIGEST32), X1_ERR_ACTIVATE);
	cr_expect_not_null(strstr(why.text, "salt"));
	objects_find(registry_objects(registry), 0, &sha256)->removing = true;
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST32), X1_ERR_ACTIVATE);
	cr_expect_null(strstr(why.text, "303e"), "no digest in a text");
}

static struct registry_task *activate(uint8_t xid)
{
	details.xid.b[0] = xid;
	cr_assert_eq(build(), 0, "%s", why.text);
	struct registry_task *t = registry_task_new(0, &out, "", 0);
	cr_assert_not_null(t);
	cr_assert_eq(registry_task_set_objects(t, room.object, room.n_objects), 0);
	cr_assert_eq(registry_task_add(registry, t), 0);
	return t;
}

// A task that the dataplane has no room for is refused, and not accepted in doubt. A context is an
// algorithm, a salt and a kind of identity; tasks share it, and so do two objects with the same
// content.
Test(x1_hashed, as_many_contexts_as_there_is_room_for)
{
	static const char *const kinds[] = {"IMSI", "InternationalE164", "IMEI", "IMEICheckDigit"};
	struct registry_task *first = NULL;
	char digest[2 * 64 + 1] = DIGEST64;

	for (uint8_t i = 0; i < IDENTITY_CONTEXTS_MAX / 4; i++) {
		const struct id16 context = {{100, i}};
		char name[] = "saltsalt0";
		name[8] = (char)('0' + i);
		add_context(context, OBJECT_SHA_512, name);
		for (uint8_t k = 0; k < 4; k++) {
			details.n_targets = 0;
			hashed(context, kinds[k], digest);
			struct registry_task *t = activate((uint8_t)(20 + 4 * i + k));
			first = first ? first : t;
		}
	}
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST32), X1_ERR_ACTIVATE);
	cr_expect_not_null(strstr(why.text, "at most 16 hash contexts"), "%s", why.text);
	const struct id16 known = {{100, 0}}, again = {{101}};
	digest[0] = 'a';
	cr_expect_eq(build_one(known, "IMSI", digest), 0, "another subscriber under one of them");
	cr_expect_eq(build_one(known, "NAI", digest), X1_ERR_ACTIVATE, "another kind of identity");
	add_context(again, OBJECT_SHA_512, "saltsalt0");
	cr_expect_eq(build_one(again, "IMSI", digest), 0, "another object for the same");
	details.n_targets = 0;
	hashed(again, "IMSI", digest);
	struct registry_task *second = activate(90);
	registry_task_remove(registry, first);
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST32), X1_ERR_ACTIVATE, "it is used still");
	registry_task_remove(registry, second);
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST32), 0, "%s", why.text);
	targets[0] = (struct x1_target){.kind = X1_TARGET_IMSI, .text = "001010000000001"};
	details.n_targets = 1;
	cr_expect_eq(build(), 0, "clear values need none");
	// Alternatives count together.
	config.nes[0].targets = CONFIG_TARGETS_ALTERNATIVES;
	details.n_targets = 0;
	hashed(sha256, "IMSI", DIGEST32);
	hashed(sha512, "IMSI", DIGEST64);
	cr_expect_eq(build(), X1_ERR_ACTIVATE);
	details.n_targets = 0;
	hashed(sha256, "IMSI", DIGEST32);
	hashed(known, "InternationalE164", DIGEST64);
	activate(91);
	cr_expect_eq(build_one(sha512, "IMSI", DIGEST64), X1_ERR_ACTIVATE);
}

Test(x1_hashed, one_in_a_conjunction)
{
	hashed(sha256, "IMSI", DIGEST32);
	hashed(sha512, "InternationalE164", DIGEST64);
	cr_expect_eq(build(), X1_ERR_TARGET_COMBINATION);
	details.n_targets = 1;
	targets[details.n_targets++] =
		(struct x1_target){.kind = X1_TARGET_IMSI, .text = "001010000000001"};
	cr_assert_eq(build(), 0); // beside a clear one
	cr_expect_eq(out.session.kinds, SESSION_HASHED | SESSION_IMSI);
	config.nes[0].targets = CONFIG_TARGETS_ALTERNATIVES;
	details.n_targets = 1;
	hashed(sha512, "InternationalE164", DIGEST64);
	cr_expect_eq(build(), 0);
	cr_expect_eq(room.n_objects, 2);
	cr_expect_eq(alternatives_sum(out.alternatives, out.alternatives_length).n_sessions, 2);
}

// As its clear form is refused.
Test(x1_hashed, signalling_that_shows_it)
{
	see(CONFIG_GTPV2C);
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST32), 0);
	cr_expect_eq(build_one(sha256, "NAI", DIGEST32), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_not_null(strstr(why.text, "signalling"));
	config.dataplane.ports[0].n_signalling = 0;
	cr_expect_eq(build_one(sha256, "IMSI", DIGEST32), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_not_null(strstr(why.text, "signalling"));
}

// A requester of a minor without hash contexts gets it as before.
Test(x1_hashed, a_requester_of_an_earlier_minor)
{
	details.n_targets = 1;
	targets[0] = (struct x1_target){.kind = X1_TARGET_HASHED_IDENTIFIER, .text = ""};
	cr_expect_eq(build(), X1_ERR_TARGET_UNSUPPORTED);
	cr_expect_str_eq(why.text, "hashedIdentifier");
}
