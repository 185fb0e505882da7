// Members of an SMSF's records (TS 33.128 clause 6.2.5.3).

#include "shared/record_internal.h"

static const struct record_member sms_party_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF),
	MEMBER("pEI", 2, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 3, TYPE_GPSI, ONE_OF),
	MEMBER("sMSAddress", 4, TYPE_OCTETS_2_12, ONE_OF),
};

static const struct record_member smsnf_address_members[] = {
	MEMBER("iPAddress", 1, TYPE_IP_ADDRESS, 0),
	MEMBER("e164Number", 2, TYPE_DIGITS_1_15, 0),
};

static const struct record_member smstpdu_data_members[] = {
	MEMBER("sMSTPDU", 1, TYPE_OCTETS_1_270, 0),
	MEMBER("truncatedSMSTPDU", 2, TYPE_OCTETS_1_130, 0),
};

static const struct record_member sms_message_members[] = {
	MEMBER("originatingSMSParty", 1, TYPE_SMS_PARTY, BY_TABLE),
	MEMBER("terminatingSMSParty", 2, TYPE_SMS_PARTY, BY_TABLE),
	MEMBER("direction", 3, TYPE_DIRECTION, BY_TABLE),
	MEMBER("linkTransferStatus", 4, TYPE_SMS_TRANSFER_STATUS, BY_TABLE),
	MEMBER("otherMessage", 5, TYPE_BOOLEAN, 0),
	MEMBER("location", 6, TYPE_LOCATION_OF_USER, 0),
	MEMBER("peerNFAddress", 7, TYPE_SMSNF_ADDRESS, 0),
	MEMBER("peerNFType", 8, TYPE_SMSNF_TYPE, 0),
	MEMBER("sMSTPDUData", 9, TYPE_SMSTPDU_DATA, 0),
	MEMBER("messageType", 10, TYPE_SMS_MESSAGE_TYPE_OF_MESSAGE, 0),
	MEMBER("rPMessageReference", 11, TYPE_INTEGER_0_255, 0),
};

static const struct record_member smstpdu_data_of_report_members[] = {
	MEMBER("sMSTPDU", 1, TYPE_OCTETS_1_270, 0),
};

static const struct record_member sms_report_members[] = {
	MEMBER("location", 1, TYPE_LOCATION_OF_USER, 0),
	MEMBER("sMSTPDUData", 2, TYPE_SMSTPDU_DATA_OF_REPORT, BY_TABLE),
	MEMBER("messageType", 3, TYPE_SMS_MESSAGE_TYPE_OF_REPORT, BY_TABLE),
	MEMBER("rPMessageReference", 4, TYPE_INTEGER_0_255, BY_TABLE),
};

static const struct record_type types[] = {
	[TYPE_SMS_PARTY - RECORD_SMSF_FIRST] = SEQUENCE(sms_party_members, NULL),
	[TYPE_SMSNF_ADDRESS - RECORD_SMSF_FIRST] = CHOICE(smsnf_address_members),
	[TYPE_SMSTPDU_DATA - RECORD_SMSF_FIRST] = CHOICE(smstpdu_data_members),
	[TYPE_SMS_MESSAGE - RECORD_SMSF_FIRST] =
		SEQUENCE_WITH(sms_message_members, "6.2.5-5", RULE_TRUNCATION),
	[TYPE_SMSTPDU_DATA_OF_REPORT - RECORD_SMSF_FIRST] = CHOICE(smstpdu_data_of_report_members),
	[TYPE_SMS_REPORT - RECORD_SMSF_FIRST] = SEQUENCE(sms_report_members, "6.2.5-6"),
};

const struct record_type *record_smsf(void)
{
	return types;
}
