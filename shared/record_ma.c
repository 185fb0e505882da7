// Members of an SMF's records of multi-access sessions (TS 33.128 clause 6.2.3.2.7 and 6.2.3.2.8).

#include "shared/record_internal.h"

static const struct record_member access_info_members[] = {
	MEMBER("accessType", 1, TYPE_ACCESS_TYPE, BY_TABLE),
	MEMBER("rATType", 2, TYPE_RAT_TYPE, 0),
	MEMBER("gTPTunnelID", 3, TYPE_FTEID, BY_TABLE),
	MEMBER("non3GPPAccessEndpoint", 4, TYPE_UE_ENDPOINT_IP, 0),
	MEMBER("establishmentStatus", 5, TYPE_ESTABLISHMENT_STATUS, BY_TABLE),
	MEMBER("aNTypeToReactivate", 6, TYPE_ACCESS_TYPE, 0),
	MEMBER("gTPTunnelInfo", 7, TYPE_GTP_TUNNEL_INFO, BY_TABLE),
};

static const struct record_member smfmapdu_session_establishment_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF | ASKS),
	MEMBER("sUPIUnauthenticated", 2, TYPE_BOOLEAN, ASKED),
	MEMBER("pEI", 3, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("pDUSessionID", 5, TYPE_INTEGER_0_255, BY_TABLE),
	MEMBER("pDUSessionType", 6, TYPE_PDU_SESSION_TYPE, BY_TABLE),
	MEMBER("accessInfo", 7, TYPE_ACCESS_INFO_LIST_1_2, BY_TABLE),
	MEMBER("sNSSAI", 8, TYPE_SNSSAI, 0),
	MEMBER("uEEndpoint", 9, TYPE_UE_ENDPOINT_ADDRESS_LIST_1, 0),
	MEMBER("location", 10, TYPE_LOCATION, 0),
	MEMBER("dNN", 11, TYPE_UTF8, BY_TABLE),
	MEMBER("aMFID", 12, TYPE_AMFID, 0),
	MEMBER("hSMFURI", 13, TYPE_UTF8, 0),
	MEMBER("requestType", 14, TYPE_FIVE_GSM_REQUEST_TYPE, BY_TABLE),
	MEMBER("sMPDUDNRequest", 15, TYPE_OCTETS, 0),
	MEMBER("servingNetwork", 16, TYPE_SMF_SERVING_NETWORK, BY_TABLE),
	MEMBER("oldPDUSessionID", 17, TYPE_INTEGER_0_255, 0),
	MEMBER("mAUpgradeIndication", 18, TYPE_BOOLEAN, 0),
	MEMBER("ePSPDNCnxInfo", 19, TYPE_UTF8, 0),
	MEMBER("mAAcceptedIndication", 20, TYPE_BOOLEAN, BY_TABLE),
	MEMBER("aTSSSContainer", 21, TYPE_OCTETS, 0),
	MEMBER("selectedDNN", 24, TYPE_UTF8, 0),
	MEMBER("handoverState", 25, TYPE_HANDOVER_STATE, 0),
	MEMBER("pCCRules", 26, TYPE_PCC_RULE_SET_1, 0),
	MEMBER("alternativeNSSAI", 28, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member smfmapdu_session_modification_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF | ASKS),
	MEMBER("sUPIUnauthenticated", 2, TYPE_BOOLEAN, ASKED),
	MEMBER("pEI", 3, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("pDUSessionID", 5, TYPE_INTEGER_0_255, BY_TABLE),
	MEMBER("accessInfo", 6, TYPE_ACCESS_INFO_LIST_1_2, 0),
	MEMBER("sNSSAI", 7, TYPE_SNSSAI, 0),
	MEMBER("location", 8, TYPE_LOCATION, 0),
	MEMBER("requestType", 9, TYPE_MODIFICATION_REQUEST, 0),
	MEMBER("servingNetwork", 10, TYPE_SMF_SERVING_NETWORK, BY_TABLE),
	MEMBER("oldPDUSessionID", 11, TYPE_INTEGER_0_255, 0),
	MEMBER("mAUpgradeIndication", 12, TYPE_BOOLEAN, 0),
	MEMBER("ePSPDNCnxInfo", 13, TYPE_UTF8, 0),
	MEMBER("mAAcceptedIndication", 14, TYPE_BOOLEAN, BY_TABLE),
	MEMBER("aTSSSContainer", 15, TYPE_OCTETS, 0),
	MEMBER("handoverState", 18, TYPE_HANDOVER_STATE, 0),
	MEMBER("pCCRules", 19, TYPE_PCC_RULE_SET_1, 0),
	MEMBER("uPPathChange", 20, TYPE_UP_PATH_CHANGE, 0),
	MEMBER("pFDDataForApp", 21, TYPE_PFD_DATA_FOR_APP, 0),
	MEMBER("alternativeNSSAI", 23, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member smfmapdu_session_release_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, BY_TABLE),
	MEMBER("pEI", 2, TYPE_PEI, 0),
	MEMBER("gPSI", 3, TYPE_GPSI, 0),
	MEMBER("pDUSessionID", 4, TYPE_INTEGER_0_255, BY_TABLE),
	MEMBER("timeOfFirstPacket", 5, TYPE_TIME, 0),
	MEMBER("timeOfLastPacket", 6, TYPE_TIME, 0),
	MEMBER("uplinkVolume", 7, TYPE_INTEGER, 0),
	MEMBER("downlinkVolume", 8, TYPE_INTEGER, 0),
	MEMBER("location", 9, TYPE_LOCATION, 0),
	MEMBER("cause", 10, TYPE_UTF8, 0),
	MEMBER("nGAPCause", 11, TYPE_NGAP_CAUSE_INT, 0),
	MEMBER("fiveGMMCause", 12, TYPE_INTEGER_0_255, 0),
	MEMBER("pCCRuleIDs", 13, TYPE_UTF8_SET_1, 0),
	MEMBER("alternativeNSSAI", 15, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member
	smf_start_of_interception_with_established_mapdu_session_members[] = {
		MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF | ASKS),
		MEMBER("sUPIUnauthenticated", 2, TYPE_BOOLEAN, ASKED),
		MEMBER("pEI", 3, TYPE_PEI, ONE_OF),
		MEMBER("gPSI", 4, TYPE_GPSI, 0),
		MEMBER("pDUSessionID", 5, TYPE_INTEGER_0_255, BY_TABLE),
		MEMBER("pDUSessionType", 6, TYPE_PDU_SESSION_TYPE, BY_TABLE),
		MEMBER("accessInfo", 7, TYPE_ACCESS_INFO_LIST_1_2, BY_TABLE),
		MEMBER("sNSSAI", 8, TYPE_SNSSAI, 0),
		MEMBER("uEEndpoint", 9, TYPE_UE_ENDPOINT_ADDRESS_LIST_1, 0),
		MEMBER("location", 10, TYPE_LOCATION, 0),
		MEMBER("dNN", 11, TYPE_UTF8, BY_TABLE),
		MEMBER("aMFID", 12, TYPE_AMFID, 0),
		MEMBER("hSMFURI", 13, TYPE_UTF8, 0),
		MEMBER("requestType", 14, TYPE_FIVE_GSM_REQUEST_TYPE, 0),
		MEMBER("sMPDUDNRequest", 15, TYPE_OCTETS, 0),
		MEMBER("servingNetwork", 16, TYPE_SMF_SERVING_NETWORK, BY_TABLE),
		MEMBER("oldPDUSessionID", 17, TYPE_INTEGER_0_255, 0),
		MEMBER("mAUpgradeIndication", 18, TYPE_BOOLEAN, 0),
		MEMBER("ePSPDNCnxInfo", 19, TYPE_UTF8, 0),
		MEMBER("mAAcceptedIndication", 20, TYPE_BOOLEAN, BY_TABLE),
		MEMBER("aTSSSContainer", 21, TYPE_OCTETS, 0),
		MEMBER("pCCRules", 24, TYPE_PCC_RULE_SET_1, 0),
		MEMBER("pFDDataForApps", 25, TYPE_PFD_DATA_FOR_APP_SET_1, 0),
};

static const struct record_member smfma_unsuccessful_procedure_members[] = {
	MEMBER("failedProcedureType", 1, TYPE_SMF_FAILED_PROCEDURE_TYPE, BY_TABLE),
	MEMBER("failureCause", 2, TYPE_INTEGER_0_255, BY_TABLE),
	MEMBER("requestedSlice", 3, TYPE_SNSSAI_LIST_1, 0),
	MEMBER("initiator", 4, TYPE_INITIATOR, BY_TABLE),
	MEMBER("sUPI", 5, TYPE_SUPI, ONE_OF | ASKS),
	MEMBER("sUPIUnauthenticated", 6, TYPE_BOOLEAN, ASKED),
	MEMBER("pEI", 7, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 8, TYPE_GPSI, ONE_OF),
	MEMBER("pDUSessionID", 9, TYPE_INTEGER_0_255, 0),
	MEMBER("accessInfo", 10, TYPE_ACCESS_INFO_LIST_1_2, BY_TABLE),
	MEMBER("uEEndpoint", 11, TYPE_UE_ENDPOINT_ADDRESS_LIST_1, 0),
	MEMBER("location", 12, TYPE_LOCATION, 0),
	MEMBER("dNN", 13, TYPE_UTF8, 0),
	MEMBER("aMFID", 14, TYPE_AMFID, 0),
	MEMBER("hSMFURI", 15, TYPE_UTF8, 0),
	MEMBER("requestType", 16, TYPE_FIVE_GSM_REQUEST_TYPE, 0),
	MEMBER("sMPDUDNRequest", 17, TYPE_OCTETS, 0),
	MEMBER("alternativeNSSAI", 18, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member smfpdu_to_mapdu_session_modification_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF | ASKS),
	MEMBER("sUPIUnauthenticated", 2, TYPE_BOOLEAN, ASKED),
	MEMBER("pEI", 3, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("sNSSAI", 5, TYPE_SNSSAI, 0),
	MEMBER("non3GPPAccessEndpoint", 6, TYPE_UE_ENDPOINT_IP, 0),
	MEMBER("location", 7, TYPE_LOCATION, 0),
	MEMBER("requestType", 8, TYPE_MODIFICATION_REQUEST, BY_TABLE),
	MEMBER("accessType", 9, TYPE_ACCESS_TYPE, 0),
	MEMBER("rATType", 10, TYPE_RAT_TYPE, 0),
	MEMBER("pDUSessionID", 11, TYPE_INTEGER_0_255, BY_TABLE),
	MEMBER("requestIndication", 12, TYPE_REQUEST_INDICATION, BY_TABLE),
	MEMBER("aTSSSContainer", 13, TYPE_OCTETS, BY_TABLE),
	MEMBER("uEEndpoint", 14, TYPE_UE_ENDPOINT_ADDRESS, 0),
	MEMBER("servingNetwork", 15, TYPE_SMF_SERVING_NETWORK, 0),
	MEMBER("handoverState", 16, TYPE_HANDOVER_STATE, 0),
	MEMBER("gTPTunnelInfo", 17, TYPE_GTP_TUNNEL_INFO, BY_TABLE),
	MEMBER("alternativeNSSAI", 19, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_type types[] = {
	[TYPE_ACCESS_INFO - RECORD_MA_FIRST] = SEQUENCE(access_info_members, "6.2.3-5B"),
	[TYPE_ACCESS_INFO_LIST_1_2 - RECORD_MA_FIRST] = LIST_OF(TYPE_ACCESS_INFO, 1, 2),
	[TYPE_SMFMAPDU_SESSION_ESTABLISHMENT - RECORD_MA_FIRST] =
		SEQUENCE(smfmapdu_session_establishment_members, "6.2.3-5A"),
	[TYPE_SMFMAPDU_SESSION_MODIFICATION - RECORD_MA_FIRST] =
		SEQUENCE(smfmapdu_session_modification_members, "6.2.3-5C"),
	[TYPE_SMFMAPDU_SESSION_RELEASE - RECORD_MA_FIRST] =
		SEQUENCE(smfmapdu_session_release_members, "6.2.3-5D"),
	[TYPE_SMF_START_OF_INTERCEPTION_WITH_ESTABLISHED_MAPDU_SESSION - RECORD_MA_FIRST] =
		SEQUENCE(smf_start_of_interception_with_established_mapdu_session_members,
			"6.2.3-5E"),
	[TYPE_SMFMA_UNSUCCESSFUL_PROCEDURE - RECORD_MA_FIRST] =
		SEQUENCE(smfma_unsuccessful_procedure_members, "6.2.3-5F"),
	[TYPE_SMFPDU_TO_MAPDU_SESSION_MODIFICATION - RECORD_MA_FIRST] =
		SEQUENCE(smfpdu_to_mapdu_session_modification_members, "6.2.3-5G"),
};

const struct record_type *record_ma(void)
{
	return types;
}
