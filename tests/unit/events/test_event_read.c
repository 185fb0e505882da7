// Lines of a network function.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "events/event_read.h"

static struct record_node nodes[LINE_NODES_MAX];
static char text[4096];
static struct line line;

static enum line_kind of(const char *json)
{
	size_t n = strlen(json);

	memcpy(text, json, n);
	event_read(text, n, nodes, &line);
	cr_assert((line.kind == LINE_WRONG) == (line.why != NULL));
	return line.kind;
}

#define HEAD "{\"id\":17,\"time\":\"2026-12-03T05:00:00.25Z\",\"session\":\"s-1\","

Test(event_read, an_event)
{
	cr_assert_eq(of(HEAD "\"direction\":\"fromTarget\",\"cpSEID\":{\"sEID\":\"00112233AAbb\","
			     "\"iPv4Address\":\"192.0.2.1\"},"
			     "\"upSEID\":{\"iPv6Address\":\"2001:db8::1\",\"sEID\":\"1\"},"
			     "\"SMFPDUSessionRelease\":{\"pDUSessionID\":5,\"sUPI\":{\"iMSI\":"
			     "\"001010000000001\"}}}"),
		LINE_EVENT, "%s", line.why);
	cr_assert(line.has_id && line.id == 17);
	cr_assert_eq(line.event.time_ns, 1796274000250000000ull);
	cr_assert(line.event.subject_length == 3 && !memcmp(line.event.subject, "s-1", 3));
	cr_assert_eq(line.event.direction, 3);
	cr_assert(line.event.cp.seid == 0x112233aabb && line.event.cp.v4.b[3] == 1);
	cr_assert(line.event.up.seid == 1 && line.event.up.v6.family == 6);
	cr_assert_eq(line.event.kind, RECORD_SMF_RELEASE);
	cr_assert(line.event.n_nodes == 4 && line.event.nodes[0].name_length == 0 &&
		  line.event.nodes[1].number == 5);
}

Test(event_read, the_other_lines)
{
	cr_assert_eq(of("{\"snapshot\":\"begin\"}"), LINE_SNAPSHOT_BEGIN);
	cr_assert_eq(of("{\"snapshot\":\"end\"}"), LINE_SNAPSHOT_END);
	cr_assert_eq(of("{\"function\":\"smf-1\"}"), LINE_FUNCTION);
	cr_assert(line.name_length == 5 && !memcmp(line.name, "smf-1", 5));
	cr_assert_eq(of("{\"snapshot\":\"middle\"}"), LINE_WRONG);
	cr_assert_eq(of("{\"snapshot\":\"end\",\"id\":1}"), LINE_WRONG);
}

Test(event_read, what_is_wrong_is_said_with_its_id)
{
	static const struct {
		const char *json, *why;
		uint8_t reason;
	} cases[] = {
		{HEAD "\"SMFRelease\":{}}", "neither known nor a record", NF_REASON_SYNTAX},
		{HEAD "\"SMSReport\":[]}", "no object", NF_REASON_SYNTAX},
		{HEAD "\"SMSReport\":{},\"SMSMessage\":{}}", "more than one", NF_REASON_SYNTAX},
		{HEAD "\"time\":\"2026-12-03T05:00:00Z\",\"SMSReport\":{}}", "time",
			NF_REASON_SYNTAX},
		{HEAD "\"direction\":\"up\",\"SMSReport\":{}}", "direction", NF_REASON_SYNTAX},
		{HEAD "\"cpSEID\":{\"sEID\":\"1\"},\"SMSReport\":{}}", "SEID", NF_REASON_SYNTAX},
		{HEAD "\"cpSEID\":{\"sEID\":\"12345678123456781\",\"iPv4Address\":\"192.0.2.1\"},"
		      "\"SMSReport\":{}}",
			"SEID", NF_REASON_SYNTAX},
		{HEAD "\"cpSEID\":{\"sEID\":\"1\",\"iPv4Address\":\"2001::1\"},\"SMSReport\":{}}",
			"SEID", NF_REASON_SYNTAX},
		{HEAD "\"cpSEID\":{\"sEID\":\"1\",\"odd\":\"1\",\"iPv4Address\":\"192.0.2.1\"},"
		      "\"SMSReport\":{}}",
			"SEID", NF_REASON_SYNTAX},
		{"{\"id\":17,\"time\":\"2026-12-03T05:00:00Z\",\"AMFDeregistration\":{}}",
			"session: missing", NF_REASON_SUBJECT},
		{"{\"id\":17,\"session\":\"a\",\"SMSReport\":{}}", "time: missing",
			NF_REASON_SYNTAX},
		{HEAD "\"id\":18}", "id", NF_REASON_SYNTAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(of(cases[i].json), LINE_WRONG, "%zu", i);
		cr_expect(line.why && strstr(line.why, cases[i].why), "%zu: %s", i, line.why);
		cr_expect_eq(line.reason, cases[i].reason, "%zu", i);
		cr_expect(line.has_id && line.id == 17, "%zu", i);
	}
	cr_expect_eq(of("{\"time\":\"2026-12-03T05:00:00Z\",\"SMSReport\":{}}"), LINE_WRONG);
	cr_expect_not(line.has_id);
	cr_expect_eq(
		of("{\"id\":9007199254740993,\"time\":\"2026-12-03T05:00:00Z\",\"SMSReport\":{}}"),
		LINE_WRONG);
	cr_expect_eq(of("{\"id\":1,\"time\":\"2026-12-03T05:00:00Z\",\"SMSReport\":{}}"),
		LINE_EVENT, "an SMSF names no session");
}

Test(event_read, times)
{
	static const char *const wrong[] = {"", "Z", "2026-12-03 05:00:00Z", "2026-12-03T05:00:00",
		"2026-13-03T05:00:00Z", "2026-02-29T05:00:00Z", "2026-12-03T24:00:00Z",
		"2026-12-03T05:60:00Z", "2026-12-03T05:00:00.Z", "2026-12-03T05:00:00.1234567890Z",
		"2026-12-03T05:00:00.1xZ", "1969-12-31T23:59:59Z", "2026-12-03T05:00:00+01:00Z",
		"x026-12-03T05:00:00Z", "2600-01-01T00:00:00Z", "9999-12-31T23:59:59Z"};
	uint64_t ns = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_eq(event_time(wrong[i], strlen(wrong[i]), &ns), POI_ERR_INVALID, "%s",
			wrong[i]);
	cr_expect_eq(event_time("2024-02-29T00:00:00.123456789Z", 30, &ns), POI_OK);
	cr_expect_eq(ns, 1709164800123456789ull);
}
