// Makes random events of a few users under a few names, and random targets among those users.

#include "functions_model_events.h"

#include <string.h>

// ---- chance ----

uint32_t below(struct chance *c, uint32_t n)
{
	c->state ^= c->state << 13;
	c->state ^= c->state >> 7;
	c->state ^= c->state << 17;
	return (uint32_t)(c->state >> 32) % n;
}

bool percent(struct chance *c, uint32_t n)
{
	return below(c, 100) < n;
}

// ---- values ----

#define IMSI_OF(n)                                     \
	{                                              \
		SESSION_IMSI, "00101000000000" n, true \
	}
#define MSISDN_OF(n)                               \
	{                                          \
		SESSION_MSISDN, "1555000" n, false \
	}
#define SOMEBODY "somebody@example.org"
#define ANYBODY "anybody@example.org"

static const struct model_value supis[] = {
	{"{\"iMSI\": \"001010000000001\"}", {IMSI_OF("1")}, NULL},
	{"{\"iMSI\": \"001010000000002\"}", {IMSI_OF("2")}, NULL},
	{"{\"iMSI\": \"001010000000003\"}", {IMSI_OF("3")}, NULL},
	{"{\"nAI\": \"" SOMEBODY "\"}", {{SESSION_NAI, SOMEBODY, true}}, NULL},
};
// The first two are of one device.
static const struct model_value peis[] = {
	{"{\"iMEISV\": \"3534900698733190\"}",
		{{SESSION_IMEISV, "3534900698733190", false},
			{SESSION_IMEI, "35349006987331", false}},
		NULL},
	{"{\"iMEISV\": \"3534900698733191\"}",
		{{SESSION_IMEISV, "3534900698733191", false},
			{SESSION_IMEI, "35349006987331", false}},
		NULL},
	{"{\"iMEI\": \"11111111111111\"}", {{SESSION_IMEI, "11111111111111", false}}, NULL},
};
static const struct model_value gpsis[] = {
	{"{\"mSISDN\": \"15550001\"}", {MSISDN_OF("1")}, NULL},
	{"{\"mSISDN\": \"15550002\"}", {MSISDN_OF("2")}, NULL},
	{"{\"nAI\": \"" ANYBODY "\"}", {{SESSION_NAI, ANYBODY, false}}, NULL},
};
#define IDS(list) "{\"fiveGSSubscriberIDs\": {\"fiveGSSubscriberID\": [" list "]}}"
static const struct model_value others[] = {
	{IDS("{\"gPSI\": {\"mSISDN\": \"15550002\"}}"), {MSISDN_OF("2")}, NULL},
	{IDS("{\"gPSI\": {\"mSISDN\": \"15550001\"}}, {\"gPSI\": {\"nAI\": \"" ANYBODY "\"}}"),
		{MSISDN_OF("1"), {SESSION_NAI, ANYBODY, false}}, NULL},
	{IDS("{\"sUPI\": {\"iMSI\": \"001010000000001\"}}, {\"gPSI\": {\"mSISDN\": \"15550003\"}}"),
		{IMSI_OF("1"), MSISDN_OF("3")}, NULL},
};
static const struct model_value parties[] = {
	{"{\"sUPI\": {\"iMSI\": \"001010000000001\"}}", {IMSI_OF("1")}, NULL},
	{"{\"sUPI\": {\"iMSI\": \"001010000000002\"}, \"gPSI\": {\"mSISDN\": \"15550002\"}}",
		{IMSI_OF("2"), MSISDN_OF("2")}, NULL},
	{"{\"gPSI\": {\"mSISDN\": \"15550001\"}}", {MSISDN_OF("1")}, NULL},
	{"{\"sMSAddress\": \"0102\"}", {{0}}, NULL},
};

#define HEAD "01010b911326880736f4000005"
static const struct model_value truncated = {"{\"truncatedSMSTPDU\": \"" HEAD "\"}", {{0}}, NULL};
static const struct model_value whole = {
	"{\"sMSTPDU\": \"" HEAD "e8329bfd06\"}", {{0}}, &truncated};

#define VALUE(text)               \
	{                         \
		text, {{0}}, NULL \
	}
#define TUNNEL_INFO                                                               \
	"{\"fiveGSGTPTunnels\": {\"uLNGUUPTunnelInformation\": {\"tEID\": 4097, " \
	"\"iPv4Address\": \"192.0.2.10\"}}}"
#define PLMN "{\"mCC\": \"001\", \"mNC\": \"01\"}"
#define CELL(n)                                                                               \
	"{\"locationInfo\": {\"userLocation\": {\"nRLocation\": {\"tAI\": {\"pLMNID\": " PLMN \
	", \"tAC\": \"000001\"}, \"nCGI\": {\"pLMNID\": " PLMN ", \"nRCellID\": \"00000000" n \
	"0\"}}}}}"
#define GUTI_OF(n)                                                                  \
	"{\"mCC\": \"001\", \"mNC\": \"01\", \"aMFRegionID\": 1, \"aMFSetID\": 2, " \
	"\"aMFPointer\": 3, \"fiveGTMSI\": " n "}"

// Members beside identities: up to three values each, and the percentage of events that have them.
static const struct plain {
	uint8_t kind, percent;
	const char *name;
	struct model_value value[3];
} plain[] = {
	{RECORD_SMF_ESTABLISHMENT, 100, "pDUSessionID", {VALUE("5"), VALUE("6")}},
	{RECORD_SMF_ESTABLISHMENT, 100, "gTPTunnelID",
		{VALUE("{\"tEID\": 4097, \"iPv4Address\": \"192.0.2.10\"}")}},
	{RECORD_SMF_ESTABLISHMENT, 100, "pDUSessionType", {VALUE("\"iPv4\""), VALUE("\"iPv4v6\"")}},
	{RECORD_SMF_ESTABLISHMENT, 100, "uEEndpoint",
		{VALUE("[{\"iPv4Address\": \"198.51.100.7\"}]")}},
	{RECORD_SMF_ESTABLISHMENT, 100, "dNN", {VALUE("\"internet\""), VALUE("\"ims\"")}},
	{RECORD_SMF_ESTABLISHMENT, 100, "requestType",
		{VALUE("\"initialRequest\""), VALUE("\"existingPDUSession\"")}},
	{RECORD_SMF_ESTABLISHMENT, 100, "gTPTunnelInfo", {VALUE(TUNNEL_INFO)}},
	{RECORD_SMF_ESTABLISHMENT, 50, "rATType", {VALUE("\"nR\""), VALUE("\"eUTRA\"")}},
	{RECORD_SMF_MODIFICATION, 100, "requestType", {VALUE("\"modificationRequest\"")}},
	{RECORD_SMF_MODIFICATION, 100, "gTPTunnelInfo", {VALUE(TUNNEL_INFO)}},
	{RECORD_SMF_MODIFICATION, 50, "rATType", {VALUE("\"nR\""), VALUE("\"eUTRA\"")}},
	{RECORD_SMF_RELEASE, 100, "pDUSessionID", {VALUE("5"), VALUE("6")}},
	{RECORD_SMF_RELEASE, 50, "cause", {VALUE("\"other\"")}},
	{RECORD_AMF_REGISTRATION, 100, "registrationType",
		{VALUE("\"initial\""), VALUE("\"mobility\"")}},
	{RECORD_AMF_REGISTRATION, 100, "registrationResult", {VALUE("\"threeGPPAccess\"")}},
	{RECORD_AMF_REGISTRATION, 100, "gUTI", {VALUE(GUTI_OF("4")), VALUE(GUTI_OF("5"))}},
	{RECORD_AMF_DEREGISTRATION, 100, "deregistrationDirection", {VALUE("\"uEInitiated\"")}},
	{RECORD_AMF_DEREGISTRATION, 100, "accessType", {VALUE("\"threeGPPAccess\"")}},
	{RECORD_AMF_DEREGISTRATION, 80, "gUTI", {VALUE(GUTI_OF("4"))}},
	{RECORD_AMF_LOCATION_UPDATE, 100, "location", {VALUE(CELL("1")), VALUE(CELL("2"))}},
	{RECORD_AMF_ASSOCIATION, 100, "gUTI", {VALUE(GUTI_OF("6"))}},
	{RECORD_AMF_ASSOCIATION, 100, "location", {VALUE(CELL("3"))}},
	{RECORD_SMS_MESSAGE, 100, "direction", {VALUE("\"fromTarget\""), VALUE("\"toTarget\"")}},
	{RECORD_SMS_MESSAGE, 100, "linkTransferStatus", {VALUE("\"transferSucceeded\"")}},
	{RECORD_SMS_MESSAGE, 100, "messageType", {VALUE("\"submit\"")}},
	{RECORD_SMS_REPORT, 100, "sMSTPDUData", {VALUE("{\"sMSTPDU\": \"0102\"}")}},
	{RECORD_SMS_REPORT, 100, "messageType", {VALUE("\"submitReportAck\"")}},
	{RECORD_SMS_REPORT, 100, "rPMessageReference", {VALUE("7"), VALUE("8")}},
};

// Two names differ only at their end, and one is as long as may be.
static const char *const names[] = {"1", "11",
	"0123456789012345678901234567890123456789012345678901234567890123"
	"012345678901234567890123456789012345678901234567890123456789012a",
	"0123456789012345678901234567890123456789012345678901234567890123"
	"012345678901234567890123456789012345678901234567890123456789012b"};

// ---- events ----

static void has(struct model_event *e, const char *name, const struct model_value *value)
{
	e->member[e->n++] = (struct model_member){name, value};
}

static const struct model_value *one_of(struct chance *c, const struct model_value *of, unsigned n)
{
	return &of[below(c, n)];
}

// Users are mostly the first, second or third of each list, so that they come again.
static void identify(struct chance *c, struct model_event *e)
{
	static const struct model_value no = {"false", {{0}}, NULL};
	const unsigned user = below(c, 3);
	const uint8_t of = nf_records_of(e->kind);
	const bool odd = percent(c, 25);

	if (percent(c, e->kind == RECORD_AMF_DEREGISTRATION ? 50 : 88)) {
		has(e, "sUPI", odd ? one_of(c, supis, 4) : &supis[user]);
		if (of == RECORDS_SMF && e->kind != RECORD_SMF_RELEASE)
			has(e, "sUPIUnauthenticated", &no);
	}
	if (percent(c, 50))
		has(e, "pEI", odd ? one_of(c, peis, 3) : &peis[user]);
	if (percent(c, 50))
		has(e, "gPSI", odd ? one_of(c, gpsis, 3) : &gpsis[user]);
	if (of == RECORDS_AMF && percent(c, 20))
		has(e, "additionalUserIdentifiers", one_of(c, others, 3));
}

static unsigned any_kind(struct chance *c, unsigned function)
{
	static const uint8_t smf[] = {RECORD_SMF_ESTABLISHMENT, RECORD_SMF_ESTABLISHMENT,
		RECORD_SMF_MODIFICATION, RECORD_SMF_MODIFICATION, RECORD_SMF_RELEASE};
	static const uint8_t amf[] = {RECORD_AMF_REGISTRATION, RECORD_AMF_REGISTRATION,
		RECORD_AMF_LOCATION_UPDATE, RECORD_AMF_ASSOCIATION, RECORD_AMF_DEREGISTRATION};
	static const uint8_t all[] = {RECORD_SMF_ESTABLISHMENT, RECORD_AMF_REGISTRATION,
		RECORD_SMS_MESSAGE, RECORD_SMF_START, RECORD_AMF_START};

	if (percent(c, 3))
		return all[below(c, 5)];
	if (function == MODEL_SMF || (function == MODEL_BOTH && percent(c, 50)))
		return smf[below(c, 5)];
	if (function == MODEL_SMSF)
		return percent(c, 55) ? RECORD_SMS_MESSAGE : RECORD_SMS_REPORT;
	return amf[below(c, 5)];
}

// One in eight lacks a member, has one twice, or has one that no record has.
static void spoil(struct chance *c, struct model_event *e)
{
	static const struct model_value one = VALUE("1");
	const unsigned how = below(c, 24);

	if (how == 0 && e->n > 0)
		e->member[e->n] = e->member[below(c, e->n)], e->n++;
	else if (how == 1)
		has(e, "unheardOf", &one);
	else if (how < 4 && e->n > 1) {
		const unsigned i = below(c, e->n--);
		e->member[i] = e->member[e->n];
	}
}

void any_event(struct chance *c, struct model_event *e, unsigned function)
{
	static const uint8_t directions[] = {0, PDU_DIRECTION_FROM_TARGET, PDU_DIRECTION_TO_TARGET};

	*e = (struct model_event){.function = (uint8_t)function,
		.kind = (uint8_t)any_kind(c, function),
		.direction = directions[below(c, 3)],
		.name = percent(c, 4) ? "" : names[below(c, 4)]};
	if (nf_records_of(e->kind) != RECORDS_SMSF)
		identify(c, e);
	if (e->kind == RECORD_SMS_MESSAGE) {
		has(e, "originatingSMSParty", one_of(c, parties, 4));
		has(e, "terminatingSMSParty", one_of(c, parties, 4));
		has(e, "sMSTPDUData", &whole);
	}
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		unsigned n = 1;
		while (n < 3 && plain[i].value[n].json)
			n++;
		if (plain[i].kind == e->kind && percent(c, plain[i].percent))
			has(e, plain[i].name, one_of(c, plain[i].value, n));
	}
	spoil(c, e);
}

void any_target(struct chance *c, struct session_target *t)
{
	const unsigned user = below(c, 3);

	*t = (struct session_target){0};
	do {
		if (percent(c, 35)) {
			t->kinds |= SESSION_IMSI;
			strcpy(t->imsi, supis[user].identity[0].text);
		}
		if (percent(c, 20)) {
			t->kinds |= SESSION_MSISDN;
			strcpy(t->msisdn, gpsis[below(c, 2)].identity[0].text);
		}
		if (percent(c, 20)) {
			t->kinds |= SESSION_IMEI;
			strcpy(t->imei, percent(c, 70) ? "35349006987331" : "11111111111111");
		}
		if (percent(c, 10)) {
			t->kinds |= SESSION_IMEISV;
			strcpy(t->imeisv, peis[below(c, 2)].identity[0].text);
		}
		if (percent(c, 20)) {
			t->kinds |= SESSION_NAI;
			strcpy(t->nai, percent(c, 50) ? SOMEBODY : ANYBODY);
		}
	} while (!t->kinds || (t->kinds & (t->kinds - 1) && percent(c, 50)));
}
