// Keys of events and records: functions that hand over, elements that make records.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/config.h"

#define HEAD                               \
	"network-elements:\n"              \
	"  - ne-identifier: poi-01\n"      \
	"    admf-identifier: admf-01\n"   \
	"    listen: \"192.0.2.10:443\"\n" \
	"    tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n"
#define REST                                                        \
	"delivery:\n"                                               \
	"  nf-identifier: upf-1.example.org\n"                      \
	"  interception-point: poi-1\n"                             \
	"  tls: { certificate: ne.pem, key: ne.key, ca: ca.pem }\n" \
	"dataplane:\n"                                              \
	"  workers: [1]\n"                                          \
	"  ports:\n"                                                \
	"    - { device: net_pcap0 }\n"
#define SMF "    - { name: smf-1, user: open5gs, records: [smf] }\n"

static char why[512];

static struct config *load(const char *text)
{
	unsetenv("RUNTIME_DIRECTORY");
	return config_load_text("/etc/poi/poi.yaml", text, strlen(text), why, sizeof(why));
}

static void expect_refusal(const char *text, const char *message)
{
	struct config *c = load(text);

	cr_expect_null(c, "%s must be refused", text);
	cr_expect_not_null(strstr(why, message), "%s", why);
	config_free(c);
}

Test(config_events, functions_and_records_are_read)
{
	struct config *c = load(
		HEAD "    records: [amf, smf]\n" REST "events:\n  memory: 8MiB\n  functions:\n" SMF
		     "    - { name: amf-1, user: \"990\", records: [amf, smsf] }\n");

	cr_assert_not_null(c, "%s", why);
	cr_expect_str_eq(c->events.folder, "/run/poi-events");
	cr_expect_str_eq(c->events.user, "poi-events");
	cr_expect_eq(c->events.memory, 8u << 20);
	cr_assert_eq(c->events.n_functions, 2);
	cr_expect_str_eq(c->events.functions[1].name, "amf-1");
	cr_expect_str_eq(c->events.functions[1].user, "990");
	cr_expect_eq(config_records_set(
			     c->events.functions[1].records, c->events.functions[1].n_records),
		RECORDS_AMF | RECORDS_SMSF);
	cr_expect_eq(config_records_set(c->nes[0].records, c->nes[0].n_records),
		RECORDS_AMF | RECORDS_SMF);
	cr_expect(config_follows_sessions(c));
	config_free(c);
}

Test(config_events, nothing_by_default)
{
	struct config *c = load(HEAD REST);

	cr_assert_not_null(c, "%s", why);
	cr_expect_eq(c->events.n_functions, 0);
	cr_expect_eq(c->nes[0].n_records, 0);
	cr_expect_not(config_follows_sessions(c));
	config_free(c);
}

Test(config_events, what_cannot_be_is_refused)
{
	expect_refusal(HEAD "    records: [smf]\n" REST,
		"network-elements[0].records has smf, which no function of events.functions hands "
		"over");
	expect_refusal(HEAD "    records: [smf, smsf]\n" REST "events:\n  functions:\n" SMF,
		"network-elements[0].records has smsf");
	expect_refusal(HEAD REST "events:\n  functions:\n" SMF SMF,
		"events.functions[1].name is already events.functions[0], write another");
	expect_refusal(HEAD REST "events:\n  functions:\n    - { name: a, user: b, records: [] }\n",
		"events.functions[0].records is empty");
	expect_refusal(
		HEAD REST "events:\n  functions:\n    - { name: a, records: [smf] }\n", "user");
	expect_refusal(HEAD REST
		"events:\n  functions:\n    - { name: a, user: b, records: [mme] }\n",
		"mme");
}
