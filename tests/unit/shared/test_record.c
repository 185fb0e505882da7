#include "shared/record.h"

#include <criterion/criterion.h>

#include "record_lab.h"

static struct record_lab lab;
static uint8_t room[200000];

struct outcome {
	int error;
	struct ber_writer w;
	struct record_fault fault;
	char text[300];
};

static struct outcome encode(unsigned kind, enum config_xiri_release release)
{
	struct outcome o = {.w = ber_writer_of(room, sizeof(room))};

	o.error = record_encode(&o.w, kind, release, lab.nodes, lab.count, &o.fault);
	record_fault_text(&o.fault, o.text, sizeof(o.text));
	if (o.error == 0)
		record_lab_keep(release, kind, &o.w);
	return o;
}

static struct outcome of(unsigned kind, const char *json)
{
	record_lab_read(&lab, json);
	return encode(kind, CONFIG_XIRI_R18);
}

#define ESTABLISHMENT                                                                             \
	"\"sUPI\":{\"iMSI\":\"001010000000001\"},\"sUPIUnauthenticated\":false,\"pDUSessionID\":" \
	"5,"                                                                                      \
	"\"gTPTunnelID\":{\"tEID\":16909060,\"iPv4Address\":\"192.0.2.1\"},"                      \
	"\"pDUSessionType\":\"iPv4\",\"dNN\":\"internet\",\"requestType\":\"initialRequest\","
#define TUNNELS                                                                            \
	"\"gTPTunnelInfo\":{\"fiveGSGTPTunnels\":{\"uLNGUUPTunnelInformation\":{\"tEID\":" \
	"16909060,"                                                                        \
	"\"iPv4Address\":\"192.0.2.1\"}}}"

// By hand from X.690 and the module.
static const char establishment[] =
	"\x30\x54\x81\x05\x04\x13\x12\x0f\x01\xa2\x4b\xa6\x49"
	"\xa1\x11\x81\x0f"
	"001010000000001"
	"\x82\x01\x00\x85\x01\x05"
	"\xa6\x0c\x81\x04\x01\x02\x03\x04\x82\x04\xc0\x00\x02\x01"
	"\x87\x01\x01\x8c\x08"
	"internet"
	"\x8f\x01\x01"
	"\xb9\x10\xa1\x0e\xa1\x0c\x81\x04\x01\x02\x03\x04\x82\x04\xc0\x00\x02\x01";

Test(record, an_establishment_by_hand)
{
	struct outcome o = of(RECORD_SMF_ESTABLISHMENT, "{" ESTABLISHMENT TUNNELS "}");

	cr_assert_eq(o.error, 0, "%s", o.text);
	cr_assert_eq(ber_written(&o.w), sizeof(establishment) - 1, "%zu", ber_written(&o.w));
	cr_expect_arr_eq(o.w.at, establishment, sizeof(establishment) - 1);
}

Test(record, members_in_any_order)
{
	struct outcome o = of(RECORD_SMF_ESTABLISHMENT, "{" TUNNELS "," ESTABLISHMENT "}");

	cr_assert_eq(o.error, 0, "%s", o.text);
	cr_assert_eq(ber_written(&o.w), sizeof(establishment) - 1);
	cr_expect_arr_eq(o.w.at, establishment, sizeof(establishment) - 1);
}

// A record under a tag of two octets.
Test(record, a_report_of_a_message_by_hand)
{
	static const char expected[] = "\x30\x18\x81\x05\x04\x13\x12\x0f\x01\xa2\x0f\xbf\x38\x0c"
				       "\xa2\x04\x81\x02\x01\x02\x83\x01\x02\x84\x01\x07";
	struct outcome o = of(RECORD_SMS_REPORT,
		"{\"sMSTPDUData\":{\"sMSTPDU\":\"0102\"},\"messageType\":\"deliverReportAck\","
		"\"rPMessageReference\":7}");

	cr_assert_eq(o.error, 0, "%s", o.text);
	cr_assert_eq(ber_written(&o.w), sizeof(expected) - 1, "%zu", ber_written(&o.w));
	cr_expect_arr_eq(o.w.at, expected, sizeof(expected) - 1);
}

// A record under a tag of three octets, with the GUTI of EPS that the module gives it.
Test(record, a_configuration_update_by_hand)
{
	static const char expected[] =
		"\x30\x3e\x81\x05\x04\x13\x12\x0f\x01\xa2\x35\xbf\x81\x04\x31"
		"\xa1\x17\xa1\x15\xa1\x13\xa1\x11\x81\x0f"
		"001010000000001"
		"\xa2\x16\x81\x03"
		"001"
		"\x82\x02"
		"01"
		"\x83\x02\x00\x01\x84\x01\x02\x85\x04\x01\x02\x03\x04";
	struct outcome o = of(RECORD_AMF_CONFIGURATION_UPDATE,
		"{\"userIdentifiers\":{\"fiveGSSubscriberIDs\":{\"fiveGSSubscriberID\":[{\"sUPI\":"
		"{\"iMSI\":\"001010000000001\"}}]}},\"gUTI\":{\"mCC\":\"001\",\"mNC\":\"01\","
		"\"mMEGroupID\":\"0001\",\"mMECode\":\"02\",\"mTMSI\":\"01020304\"}}");

	cr_assert_eq(o.error, 0, "%s", o.text);
	cr_assert_eq(ber_written(&o.w), sizeof(expected) - 1, "%zu", ber_written(&o.w));
	cr_expect_arr_eq(o.w.at, expected, sizeof(expected) - 1);
}

struct refused_row {
	unsigned kind;
	const char *json;
	const char *text;
};

#define E RECORD_SMF_ESTABLISHMENT
#define WITH(more) "{" ESTABLISHMENT TUNNELS "," more "}"
#define GUTI                                                                         \
	"\"gUTI\":{\"mCC\":\"001\",\"mNC\":\"01\",\"aMFRegionID\":1,\"aMFSetID\":2," \
	"\"aMFPointer\":3,\"fiveGTMSI\":4}"
#define REGISTERED(more) \
	"{\"registrationResult\":\"threeGPPAccess\",\"sUPI\":{\"nAI\":\"a@b\"}," more "}"
#define REGISTRATION(more) REGISTERED("\"registrationType\":\"initial\"," more)
#define DEREGISTRATION(more) \
	"{\"deregistrationDirection\":\"uEInitiated\",\"accessType\":\"threeGPPAccess\"" more "}"
#define MESSAGE(more)                                                                             \
	"{\"originatingSMSParty\":{\"gPSI\":{\"mSISDN\":\"1\"}},\"direction\":\"toTarget\"," more \
	"}"
#define MA                                                                             \
	"\"sUPI\":{\"nAI\":\"a@b\"},\"sUPIUnauthenticated\":false,\"pDUSessionID\":5," \
	"\"servingNetwork\":{\"pLMNID\":{\"mCC\":\"001\",\"mNC\":\"01\"}},"            \
	"\"mAAcceptedIndication\":true"

static const struct refused_row refused_rows[] = {
	{E, "{" ESTABLISHMENT "}",
		"SMFPDUSessionEstablishment.gTPTunnelInfo: missing (table 6.2.3-1)"},
	{E, "{}", "SMFPDUSessionEstablishment.pDUSessionID: missing (table 6.2.3-1)"},
	{RECORD_SMF_START, "{" ESTABLISHMENT TUNNELS "}",
		"SMFStartOfInterceptionWithEstablishedPDUSession.uEEndpoint: missing"},
	{RECORD_SMF_RELEASE, "{\"pDUSessionID\":5}",
		"SMFPDUSessionRelease.sUPI: missing (table 6.2.3-3)"},
	{RECORD_SMF_MODIFICATION, "{" TUNNELS ",\"requestType\":\"modificationRequest\"}",
		"SMFPDUSessionModification.sUPI: missing beside others (table 6.2.3-2)"},
	{RECORD_SMF_MODIFICATION,
		"{\"sUPI\":{\"nAI\":\"a@b\"}," TUNNELS ",\"requestType\":\"modificationRequest\"}",
		"SMFPDUSessionModification.sUPIUnauthenticated: missing beside others (table "
		"6.2.3-2)"},
	{RECORD_SMF_UNSUCCESSFUL,
		"{\"failedProcedureType\":\"pDUSessionRelease\",\"failureCause\":26,\"initiator\":"
		"\"uE\"}",
		"SMFUnsuccessfulProcedure.sUPI: missing beside others (table 6.2.3-5)"},
	{E,
		"{\"gPSI\":{\"mSISDN\":\"1\"},\"pDUSessionID\":5,\"gTPTunnelID\":{\"tEID\":1},"
		"\"pDUSessionType\":\"iPv4\",\"dNN\":\"a\",\"requestType\":"
		"\"initialRequest\"," TUNNELS "}",
		"SMFPDUSessionEstablishment.sUPI: missing beside others (table 6.2.3-1)"},
	{E, "{" ESTABLISHMENT "\"gTPTunnelInfo\":{}}",
		"SMFPDUSessionEstablishment.gTPTunnelInfo.fiveGSGTPTunnels: missing (table "
		"6.2.3-1B)"},
	{E, WITH("\"pCCRules\":[]"), "SMFPDUSessionEstablishment.pCCRules: out of bounds"},
	{E,
		WITH("\"pCCRules\":[{\"pCCRuleID\":\"r\",\"appId\":\"a\",\"flowInfos\":[{}],"
		     "\"trafficRoutes\":[]}]"),
		"SMFPDUSessionEstablishment.pCCRules[].appId: not beside another (table 6.2.3-1E)"},
	{E,
		WITH("\"pCCRules\":[{\"pCCRuleID\":\"r\",\"appId\":\"a\",\"trafficRoutes\":[{}],"
		     "\"trafficSteeringPolIdUl\":\"p\"}]"),
		"SMFPDUSessionEstablishment.pCCRules[].trafficSteeringPolIdUl: not beside another "
		"(table 6.2.3-1E)"},
	{E, WITH("\"non3GPPAccessEndpoint\":{\"ethernetAddress\":\"020000000001\"}"),
		"SMFPDUSessionEstablishment.non3GPPAccessEndpoint.ethernetAddress: unknown"},
	{E, WITH("\"colour\":1"), "SMFPDUSessionEstablishment.colour: unknown"},
	{E, WITH("\"ePS5GSComboInfo\":{}"), "SMFPDUSessionEstablishment.ePS5GSComboInfo: unknown"},
	{E, WITH("\"a\nb%\":1"), "SMFPDUSessionEstablishment.a?b?: unknown"},
	{E, WITH("\"dNN\":\"other\""), "SMFPDUSessionEstablishment.dNN: twice"},
	{E, WITH("\"oldPDUSessionID\":256"),
		"SMFPDUSessionEstablishment.oldPDUSessionID: out of bounds"},
	{E, WITH("\"oldPDUSessionID\":\"5\""),
		"SMFPDUSessionEstablishment.oldPDUSessionID: of another kind"},
	{E, WITH("\"rATType\":\"warp\""), "SMFPDUSessionEstablishment.rATType: unknown"},
	{E, WITH("\"pEI\":{\"iMEI\":\"1234567890123\"}"),
		"SMFPDUSessionEstablishment.pEI.iMEI: out of bounds"},
	{E, WITH("\"pEI\":{\"iMEI\":\"1234567890123a\"}"),
		"SMFPDUSessionEstablishment.pEI.iMEI: out of bounds"},
	{E, WITH("\"pEI\":{}"), "SMFPDUSessionEstablishment.pEI: not one alternative"},
	{E, WITH("\"pEI\":{\"iMEI\":\"12345678901234\",\"mACAddress\":\"020000000001\"}"),
		"SMFPDUSessionEstablishment.pEI: not one alternative"},
	{E, WITH("\"pEI\":{\"iMSI\":\"1\"}"), "SMFPDUSessionEstablishment.pEI.iMSI: unknown"},
	{E, WITH("\"uEEndpoint\":[{\"iPv4Address\":\"192.0.2.1\"},{\"iPv4Address\":\"192.0.2\"}]"),
		"SMFPDUSessionEstablishment.uEEndpoint[].iPv4Address: out of bounds"},
	{E, WITH("\"uEEndpoint\":{\"iPv4Address\":\"192.0.2.1\"}"),
		"SMFPDUSessionEstablishment.uEEndpoint: of another kind"},
	{E, WITH("\"selectedDNN\":\"\xc0\x80\""),
		"SMFPDUSessionEstablishment.selectedDNN: out of bounds"},
	{E, WITH("\"sMPDUDNRequest\":\"0a1\""),
		"SMFPDUSessionEstablishment.sMPDUDNRequest: out of bounds"},
	{E, WITH("\"sMPDUDNRequest\":\"0x\""),
		"SMFPDUSessionEstablishment.sMPDUDNRequest: out of bounds"},
	{RECORD_AMF_REGISTRATION, REGISTERED(GUTI),
		"AMFRegistration.registrationType: missing (table 6.2.2-1)"},
	{RECORD_AMF_REGISTRATION, REGISTRATION("\"slice\":{}," GUTI),
		"AMFRegistration.slice.allowedNSSAI: missing beside others"},
	{RECORD_AMF_REGISTRATION,
		REGISTRATION("\"nonIMEISVPEI\":{\"mACAddress\":\"020000000001\"}," GUTI),
		"AMFRegistration.mACRestIndicator: missing beside others (table 6.2.2-1)"},
	{RECORD_AMF_REGISTRATION, REGISTRATION("\"location\":{\"locationInfo\":{}}," GUTI),
		"AMFRegistration.location.locationInfo.userLocation: missing"},
	{RECORD_AMF_REGISTRATION, REGISTRATION("\"fiveGSTAIList\":[]," GUTI),
		"AMFRegistration.fiveGSTAIList: out of bounds"},
	{RECORD_AMF_REGISTRATION, REGISTRATION("\"initialRANUEContextSetup\":{}," GUTI),
		"AMFRegistration.initialRANUEContextSetup: unknown"},
	{RECORD_AMF_DEREGISTRATION, DEREGISTRATION(",\"sUPI\":{\"nAI\":\"a@b\"}"),
		"AMFDeregistration.sUCI: missing beside others (table 6.2.2-2)"},
	{RECORD_AMF_LOCATION_UPDATE, "{\"sUPI\":{\"nAI\":\"a@b\"}}",
		"AMFLocationUpdate.location: missing (table 6.2.2-3)"},
	{RECORD_AMF_LOCATION_UPDATE, "{\"sUPI\":{\"nAI\":\"a@b\"},\"location\":{}}",
		"AMFLocationUpdate.location.locationInfo: missing beside others (table 6.2.2-3)"},
	{RECORD_AMF_START,
		REGISTERED("\"slice\":{\"rejectedNSSAI\":[{\"causeValue\":1,\"sNSSAI\":"
			   "{\"sliceServiceType\":1}}]}," GUTI),
		"AMFStartOfInterceptionWithRegisteredUE.slice.rejectedNSSAI: unknown"},
	{RECORD_AMF_UNSUCCESSFUL,
		"{\"failedProcedureType\":\"sMS\",\"failureCause\":{\"fiveGMMCause\":3}}",
		"AMFUnsuccessfulProcedure.sUPI: missing beside others (table 6.2.2-5)"},
	{RECORD_AMF_ASSOCIATION, "{\"sUPI\":{\"nAI\":\"a@b\"}," GUTI "}",
		"AMFIdentifierAssociation.location: missing (table 6.2.2-6)"},
	{RECORD_AMF_POSITIONING, "{\"sUPI\":{\"nAI\":\"a@b\"},\"lcsCorrelationId\":\"\"}",
		"AMFPositioningInfoTransfer.lcsCorrelationId: out of bounds"},
	{RECORD_AMF_HANDOVER_COMMAND,
		"{\"userIdentifiers\":{},\"aMFUENGAPID\":1099511627775,\"rANUENGAPID\":2,"
		"\"handoverType\":\"intra5GS\",\"targetToSourceContainer\":\"00\"}",
		"AMFRANHandoverCommand.userIdentifiers.fiveGSSubscriberIDs: missing"},
	{RECORD_AMF_HANDOVER_REQUEST, "{}",
		"AMFRANHandoverRequest.userIdentifiers: missing (table 6.2.2.2.9.3-1)"},
	{RECORD_SMF_MA_MODIFICATION, "{" MA ",\"requestType\":\"initialRequest\"}",
		"SMFMAPDUSessionModification.requestType: unknown"},
	{RECORD_SMF_MA_MODIFICATION, "{" MA ",\"accessInfo\":[]}",
		"SMFMAPDUSessionModification.accessInfo: out of bounds"},
	{RECORD_SMF_MA_MODIFICATION,
		"{" MA
		",\"accessInfo\":[{\"accessType\":\"threeGPPAccess\",\"gTPTunnelID\":{\"tEID\":1},"
		"\"establishmentStatus\":\"established\"}]}",
		"SMFMAPDUSessionModification.accessInfo[].gTPTunnelInfo: missing (table 6.2.3-5B)"},
	{RECORD_SMF_PDU_TO_MA, "{" TUNNELS "}",
		"SMFPDUtoMAPDUSessionModification.requestType: missing (table 6.2.3-5G)"},
	{RECORD_SMS_MESSAGE, MESSAGE("\"linkTransferStatus\":\"transferFailed\""),
		"SMSMessage.terminatingSMSParty: missing (table 6.2.5-5)"},
	{RECORD_SMS_MESSAGE,
		MESSAGE("\"terminatingSMSParty\":{},\"linkTransferStatus\":\"transferFailed\""),
		"SMSMessage.terminatingSMSParty.sUPI: missing beside others"},
	{RECORD_SMS_MESSAGE,
		MESSAGE("\"terminatingSMSParty\":{\"sMSAddress\":\"0191\"},"
			"\"linkTransferStatus\":\"undefined\""),
		"SMSMessage.linkTransferStatus: unknown"},
	{RECORD_SMS_MESSAGE,
		MESSAGE("\"terminatingSMSParty\":{\"sMSAddress\":\"0191\"},\"linkTransferStatus\":"
			"\"transferFailed\",\"sMSTPDUData\":{\"truncatedSMSTPDU\":\"01\"},"
			"\"messageType\":\"command\""),
		"SMSMessage.sMSTPDUData: not beside another (table 6.2.5-7)"},
	{RECORD_SMS_REPORT,
		"{\"sMSTPDUData\":{\"truncatedSMSTPDU\":\"01\"},\"messageType\":"
		"\"submitReportAck\","
		"\"rPMessageReference\":1}",
		"SMSReport.sMSTPDUData.truncatedSMSTPDU: unknown"},
	{RECORD_SMF_RELEASE,
		"{\"sUPI\":{\"nAI\":\"a@b\"},\"pDUSessionID\":5,"
		"\"timeOfFirstPacket\":\"2026-02-30T00:00:00Z\"}",
		"SMFPDUSessionRelease.timeOfFirstPacket: out of bounds"},
	{RECORD_SMF_RELEASE,
		"{\"sUPI\":{\"nAI\":\"a@b\"},\"pDUSessionID\":5,"
		"\"timeOfFirstPacket\":\"2026-02-28T00:00:00\"}",
		"SMFPDUSessionRelease.timeOfFirstPacket: out of bounds"},
};

Test(record, refused_by_name)
{
	for (size_t i = 0; i < sizeof(refused_rows) / sizeof(refused_rows[0]); i++) {
		const struct refused_row *row = &refused_rows[i];
		struct outcome o = of(row->kind, row->json);

		cr_expect_eq(o.error, POI_ERR_INVALID, "%s", row->text);
		cr_expect_str_eq(o.text, row->text);
	}
}

// Values come out again as they were said, in a release record with each of them.
Test(record, times_and_volumes)
{
	struct outcome o = of(RECORD_SMF_RELEASE,
		"{\"sUPI\":{\"nAI\":\"a@b\"},\"pDUSessionID\":5,"
		"\"timeOfFirstPacket\":\"2026-02-28T23:59:59.120Z\","
		"\"timeOfLastPacket\":\"2026-03-01T00:00:00.000Z\",\"uplinkVolume\":128,"
		"\"downlinkVolume\":18446744073709551615}");
	static const char expected[] =
		"\xa8\x3e\xa1\x05\x82\x03"
		"a@b"
		"\x84\x01\x05\x85\x12"
		"20260228235959.12Z"
		"\x86\x0f"
		"20260301000000Z"
		"\x87\x02\x00\x80\x88\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff";

	cr_assert_eq(o.error, 0, "%s", o.text);
	cr_assert_eq(ber_written(&o.w), 11 + sizeof(expected) - 1, "%zu", ber_written(&o.w));
	cr_expect_arr_eq(o.w.at + 11, expected, sizeof(expected) - 1);
}

// Everything that the table knows, in both releases: what a decoder of another hand reads too.
Test(record, every_member_of_every_record)
{
	for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
		for (uint32_t seed = 0; seed < 24; seed++)
			for (unsigned r = CONFIG_XIRI_R18; r <= CONFIG_XIRI_R19; r++) {
				record_lab_make(&lab, kind, r, seed < 8, seed);
				struct outcome o = encode(kind, r);
				cr_assert_eq(o.error, 0, "%s", o.text);
			}
}

Test(record, only_in_its_release)
{
	record_lab_make(&lab, RECORD_SMF_ESTABLISHMENT, CONFIG_XIRI_R18, true, 1);
	struct outcome o = encode(RECORD_SMF_ESTABLISHMENT, CONFIG_XIRI_R19);
	cr_expect_eq(o.error, POI_ERR_INVALID);
	cr_expect_str_eq(
		o.text, "SMFPDUSessionEstablishment.alternativeNSSAI: not in this release");
}

// `covers` of each node in turn is wrong: refused or taken, never followed out of the array.
Test(record, trees_that_lie)
{
	record_lab_make(&lab, RECORD_SMF_ESTABLISHMENT, CONFIG_XIRI_R18, false, 3);
	for (size_t i = 0; i < lab.count; i++) {
		uint32_t good = lab.nodes[i].covers;
		const uint32_t wrong[] = {0, good + 1, (uint32_t)(lab.count - i + 1), UINT32_MAX};

		for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
			lab.nodes[i].covers = wrong[j];
			struct ber_writer w = ber_writer_of(room, sizeof(room));
			struct record_fault fault;
			int e = record_encode(&w, RECORD_SMF_ESTABLISHMENT, CONFIG_XIRI_R18,
				lab.nodes, lab.count, &fault);
			if (wrong[j] != good + 1)
				cr_expect_eq(e, POI_ERR_INVALID, "node %zu", i);
		}
		lab.nodes[i].covers = good;
	}
}

static int encode_endpoint(const char *member, const char *text)
{
	char json[1000];

	snprintf(json, sizeof(json), WITH("\"uEEndpoint\":[{\"%s\":\"%s\"}]"), member, text);
	return of(E, json).error;
}

Test(record, addresses_at_their_edges)
{
	static const char *const good[] = {"0.0.0.0", "255.255.255.255", "10.0.100.9"};
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.", ".1.2.3.4", "1..2.3",
		"256.1.1.1", "1.2.3.256", "01.2.3.4", "1.2.3.00", "1.2.3.4.5", " 1.2.3.4",
		"1.2.3.4 ", "1.2.3.-4", "1.2.3.4294967297", "::1"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect_eq(encode_endpoint("iPv4Address", good[i]), 0, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(encode_endpoint("iPv4Address", bad[i]), POI_ERR_INVALID, "%s", bad[i]);
}

Test(record, dates_at_their_edges)
{
	static const char *const good[] = {"1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z",
		"2024-02-29T00:00:00Z", "2026-04-30T00:00:00Z", "9999-12-31T23:59:59.999999999Z"};
	static const char *const bad[] = {"1969-12-31T23:59:59Z", "2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z",
		"2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
		"2026-12-31T24:00:00Z", "2026-12-31T23:60:00Z", "2026-12-31T23:59:60Z"};
	char json[200];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(bad) / sizeof(bad[0]); i++) {
		bool fits = i < sizeof(good) / sizeof(good[0]);
		const char *time = fits ? good[i] : bad[i - sizeof(good) / sizeof(good[0])];

		snprintf(json, sizeof(json),
			"{\"sUPI\":{\"nAI\":\"a@b\"},\"pDUSessionID\":5,\"timeOfFirstPacket\":\"%"
			"s\"}",
			time);
		cr_expect_eq(
			of(RECORD_SMF_RELEASE, json).error, fits ? 0 : POI_ERR_INVALID, "%s", time);
	}
}

Test(record, without_room)
{
	record_lab_make(&lab, RECORD_SMF_ESTABLISHMENT, CONFIG_XIRI_R18, false, 3);
	struct outcome o = encode(RECORD_SMF_ESTABLISHMENT, CONFIG_XIRI_R18);
	cr_assert_eq(o.error, 0);
	size_t needed = ber_written(&o.w);

	for (size_t capacity = 0; capacity <= needed; capacity++) {
		uint8_t *exact = malloc(capacity + 1);
		cr_assert_not_null(exact);
		exact[0] = 0xee;
		struct ber_writer w = ber_writer_of(exact + 1, capacity);
		int e = record_encode(&w, RECORD_SMF_ESTABLISHMENT, CONFIG_XIRI_R18, lab.nodes,
			lab.count, &o.fault);
		cr_expect_eq(e, capacity < needed ? POI_ERR_TOO_LARGE : 0, "%zu", capacity);
		cr_expect_eq(exact[0], 0xee);
		free(exact);
	}
}

Test(record, names)
{
	for (unsigned kind = 0; kind < RECORD_KINDS; kind++)
		cr_expect_eq(record_find(record_name(kind), strlen(record_name(kind))), (int)kind);
	cr_expect_eq(record_find("SMFPDUSession", 13), -1);
	cr_expect_null(record_name(RECORD_KINDS));
}
