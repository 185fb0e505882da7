// Members of an AMF's records (TS 33.128 clause 6.2.2.2).

#include "shared/record_internal.h"

static const struct record_member rejected_snssai_members[] = {
	MEMBER("causeValue", 1, TYPE_INTEGER_0_255, BY_MODULE),
	MEMBER("sNSSAI", 2, TYPE_SNSSAI, BY_MODULE),
};

static const struct record_member slice_members[] = {
	MEMBER("allowedNSSAI", 1, TYPE_SNSSAI_LIST_1, ONE_OF),
	MEMBER("configuredNSSAI", 2, TYPE_SNSSAI_LIST_1, ONE_OF),
	MEMBER("rejectedNSSAI", 3, TYPE_REJECTED_SNSSAI_LIST_1, ONE_OF),
};

static const struct record_member suci_members[] = {
	MEMBER("mCC", 1, TYPE_DIGITS_3, BY_MODULE),
	MEMBER("mNC", 2, TYPE_DIGITS_2_3, BY_MODULE),
	MEMBER("routingIndicator", 3, TYPE_INTEGER_0_9999, BY_MODULE),
	MEMBER("protectionSchemeID", 4, TYPE_INTEGER_0_15, BY_MODULE),
	MEMBER("homeNetworkPublicKeyID", 5, TYPE_OCTETS, BY_MODULE),
	MEMBER("schemeOutput", 6, TYPE_OCTETS, BY_MODULE),
	MEMBER("routingIndicatorLength", 7, TYPE_INTEGER_1_4, 0),
	MEMBER("sUPIType", 8, TYPE_INTEGER_0_7, 0),
	MEMBER("homeNetworkIdentifier", 9, TYPE_UTF8, 0),
};

static const struct record_member five_gguti_members[] = {
	MEMBER("mCC", 1, TYPE_DIGITS_3, BY_MODULE),
	MEMBER("mNC", 2, TYPE_DIGITS_2_3, BY_MODULE),
	MEMBER("aMFRegionID", 3, TYPE_INTEGER_0_255, BY_MODULE),
	MEMBER("aMFSetID", 4, TYPE_INTEGER_0_1023, BY_MODULE),
	MEMBER("aMFPointer", 5, TYPE_INTEGER_0_63, BY_MODULE),
	MEMBER("fiveGTMSI", 6, TYPE_INTEGER_0_4294967295, BY_MODULE),
};

static const struct record_member guti_members[] = {
	MEMBER("mCC", 1, TYPE_DIGITS_3, BY_MODULE),
	MEMBER("mNC", 2, TYPE_DIGITS_2_3, BY_MODULE),
	MEMBER("mMEGroupID", 3, TYPE_OCTETS_2, BY_MODULE),
	MEMBER("mMECode", 4, TYPE_OCTETS_1, BY_MODULE),
	MEMBER("mTMSI", 5, TYPE_OCTETS_4, BY_MODULE),
};

static const struct record_member eps5_gguti_members[] = {
	MEMBER("gUTI", 1, TYPE_GUTI, 0),
	MEMBER("fiveGGUTI", 2, TYPE_FIVE_GGUTI, 0),
};

static const struct record_member emm5_gmm_status_members[] = {
	MEMBER("eMMRegStatus", 1, TYPE_EMM_REG_STATUS, 0),
	MEMBER("fiveGMMStatus", 2, TYPE_FIVE_GMM_STATUS, 0),
};

static const struct record_member non_imeisvpei_members[] = {
	MEMBER("mACAddress", 1, TYPE_OCTETS_6, 0),
	MEMBER("eUI64", 2, TYPE_OCTETS_8, 0),
};

static const struct record_member rrc_establishment_cause_members[] = {
	MEMBER("ePCEstablishmentCause", 1, TYPE_ESTABLISHMENT_CAUSE, 0),
	MEMBER("fiveGCEstablishmentCause", 2, TYPE_ESTABLISHMENT_CAUSE, 0),
};

static const struct record_member nas_transport_initial_information_members[] = {
	MEMBER("rANUENGAPID", 1, TYPE_INTEGER_0_4294967295, BY_MODULE),
	MEMBER("iABNodeIndication", 2, TYPE_BOOLEAN, 0),
	MEMBER("eDTSession", 3, TYPE_BOOLEAN, 0),
	MEMBER("authenticatedIndication", 4, TYPE_BOOLEAN, 0),
	MEMBER("nPNAccessInformation", 5, TYPE_UTF8_LIST_1, 0),
	MEMBER("rEDCAPIndication", 6, TYPE_REDCAP_INDICATION, 0),
	MEMBER("mobileIABNodeIndication", 7, TYPE_BOOLEAN, ONLY_R19),
};

static const struct record_member ue_area_indication_members[] = {
	MEMBER("country", 1, TYPE_UTF8_2, 0),
	MEMBER("internationalAreaIndication", 2, TYPE_BOOLEAN, 0),
};

static const struct record_member five_gs_subscriber_id_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, 0),
	MEMBER("sUCI", 2, TYPE_SUCI, 0),
	MEMBER("pEI", 3, TYPE_PEI, 0),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
};

static const struct record_member five_gs_subscriber_ids_members[] = {
	MEMBER("fiveGSSubscriberID", 1, TYPE_FIVE_GS_SUBSCRIBER_ID_LIST_1, BY_MODULE),
};

static const struct record_member user_identifiers_members[] = {
	MEMBER("fiveGSSubscriberIDs", 1, TYPE_FIVE_GS_SUBSCRIBER_IDS, BY_TABLE),
};

static const struct record_member amf_registration_members[] = {
	MEMBER("registrationType", 1, TYPE_AMF_REGISTRATION_TYPE, BY_TABLE),
	MEMBER("registrationResult", 2, TYPE_AMF_REGISTRATION_RESULT, BY_TABLE),
	MEMBER("slice", 3, TYPE_SLICE, 0),
	MEMBER("sUPI", 4, TYPE_SUPI, BY_TABLE),
	MEMBER("sUCI", 5, TYPE_SUCI, 0),
	MEMBER("pEI", 6, TYPE_PEI, 0),
	MEMBER("gPSI", 7, TYPE_GPSI, 0),
	MEMBER("gUTI", 8, TYPE_FIVE_GGUTI, BY_TABLE),
	MEMBER("location", 9, TYPE_LOCATION_OF_USER, 0),
	MEMBER("non3GPPAccessEndpoint", 10, TYPE_UE_ENDPOINT_IP, 0),
	MEMBER("fiveGSTAIList", 11, TYPE_TAI_LIST_1, 0),
	MEMBER("sMSOverNasIndicator", 12, TYPE_SMS_OVER_NAS_INDICATOR, 0),
	MEMBER("oldGUTI", 13, TYPE_EPS5_GGUTI, 0),
	MEMBER("eMM5GRegStatus", 14, TYPE_EMM5_GMM_STATUS, 0),
	MEMBER("nonIMEISVPEI", 15, TYPE_NON_IMEISVPEI, ASKS),
	MEMBER("mACRestIndicator", 16, TYPE_MAC_RESTRICTION_INDICATOR, ASKED),
	MEMBER("pagingRestrictionIndicator", 17, TYPE_OCTETS_1_33, 0),
	MEMBER("rATType", 18, TYPE_RAT_TYPE, 0),
	MEMBER("rRCEstablishmentCause", 19, TYPE_RRC_ESTABLISHMENT_CAUSE, 0),
	MEMBER("nASTransportInitialInformation", 21, TYPE_NAS_TRANSPORT_INITIAL_INFORMATION, 0),
	MEMBER("sORTransparentContainer", 22, TYPE_OCTETS_17_65535, 0),
	MEMBER("equivalentPLMNList", 23, TYPE_PLMNID_LIST_1, 0),
	MEMBER("fiveGMMCapability", 24, TYPE_OCTETS_1_13, 0),
	MEMBER("mUSIMUERequestType", 26, TYPE_OCTETS_1, 0),
	MEMBER("unavailabilityPeriodDuration", 27, TYPE_OCTETS_1, 0),
	MEMBER("fiveGSUpdateType", 28, TYPE_OCTETS_1, 0),
	MEMBER("uEAreaIndication", 29, TYPE_UE_AREA_INDICATION, 0),
	MEMBER("establishmentCauseNon3GPPAccess", 30, TYPE_OCTETS, 0),
	MEMBER("additionalUserIdentifiers", 31, TYPE_USER_IDENTIFIERS, 0),
	MEMBER("alternativeNSSAI", 32, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member amf_deregistration_members[] = {
	MEMBER("deregistrationDirection", 1, TYPE_AMF_DIRECTION, BY_TABLE),
	MEMBER("accessType", 2, TYPE_ACCESS_TYPE, BY_TABLE),
	MEMBER("sUPI", 3, TYPE_SUPI, 0),
	MEMBER("sUCI", 4, TYPE_SUCI, ONE_OF),
	MEMBER("pEI", 5, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 6, TYPE_GPSI, 0),
	MEMBER("gUTI", 7, TYPE_FIVE_GGUTI, ONE_OF),
	MEMBER("cause", 8, TYPE_INTEGER_0_255, 0),
	MEMBER("location", 9, TYPE_LOCATION_OF_USER, 0),
	MEMBER("switchOffIndicator", 10, TYPE_SWITCH_OFF_INDICATOR, 0),
	MEMBER("reRegRequiredIndicator", 11, TYPE_RE_REG_REQUIRED_INDICATOR, 0),
	MEMBER("unavailabilityPeriodDuration", 12, TYPE_OCTETS_1, 0),
	MEMBER("additionalUserIdentifiers", 13, TYPE_USER_IDENTIFIERS, 0),
};

static const struct record_member amf_location_update_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, BY_TABLE),
	MEMBER("sUCI", 2, TYPE_SUCI, 0),
	MEMBER("pEI", 3, TYPE_PEI, 0),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("gUTI", 5, TYPE_FIVE_GGUTI, 0),
	MEMBER("location", 6, TYPE_LOCATION_OF_UPDATE, BY_TABLE),
	MEMBER("uEAreaIndication", 9, TYPE_UE_AREA_INDICATION, 0),
	MEMBER("additionalUserIdentifiers", 10, TYPE_USER_IDENTIFIERS, 0),
};

static const struct record_member slice_of_start_members[] = {
	MEMBER("allowedNSSAI", 1, TYPE_SNSSAI_LIST_1, ONE_OF),
	MEMBER("configuredNSSAI", 2, TYPE_SNSSAI_LIST_1, ONE_OF),
};

static const struct record_member amf_start_of_interception_with_registered_ue_members[] = {
	MEMBER("registrationResult", 1, TYPE_AMF_REGISTRATION_RESULT, BY_TABLE),
	MEMBER("registrationType", 2, TYPE_AMF_REGISTRATION_TYPE, 0),
	MEMBER("slice", 3, TYPE_SLICE_OF_START, 0),
	MEMBER("sUPI", 4, TYPE_SUPI, BY_TABLE),
	MEMBER("sUCI", 5, TYPE_SUCI, 0),
	MEMBER("pEI", 6, TYPE_PEI, 0),
	MEMBER("gPSI", 7, TYPE_GPSI, 0),
	MEMBER("gUTI", 8, TYPE_FIVE_GGUTI, BY_TABLE),
	MEMBER("location", 9, TYPE_LOCATION_OF_USER, 0),
	MEMBER("non3GPPAccessEndpoint", 10, TYPE_UE_ENDPOINT_IP, 0),
	MEMBER("timeOfRegistration", 11, TYPE_TIME, 0),
	MEMBER("fiveGSTAIList", 12, TYPE_TAI_LIST_1, 0),
	MEMBER("sMSOverNASIndicator", 13, TYPE_SMS_OVER_NAS_INDICATOR, 0),
	MEMBER("oldGUTI", 14, TYPE_EPS5_GGUTI, 0),
	MEMBER("eMM5GRegStatus", 15, TYPE_EMM5_GMM_STATUS, 0),
	MEMBER("sORTransparentContainer", 16, TYPE_OCTETS_17_65535, 0),
	MEMBER("uEPolicy", 17, TYPE_OCTETS_16_65540, 0),
	MEMBER("unavailabilityPeriodDuration", 18, TYPE_OCTETS_1, 0),
	MEMBER("fiveGSUpdateType", 19, TYPE_OCTETS_1, 0),
	MEMBER("uEAreaIndication", 20, TYPE_UE_AREA_INDICATION, 0),
	MEMBER("additionalUserIdentifiers", 21, TYPE_USER_IDENTIFIERS, 0),
};

static const struct record_member amf_failure_cause_members[] = {
	MEMBER("fiveGMMCause", 1, TYPE_INTEGER_0_255, 0),
	MEMBER("fiveGSMCause", 2, TYPE_INTEGER_0_255, 0),
};

static const struct record_member amf_unsuccessful_procedure_members[] = {
	MEMBER("failedProcedureType", 1, TYPE_AMF_FAILED_PROCEDURE_TYPE, BY_TABLE),
	MEMBER("failureCause", 2, TYPE_AMF_FAILURE_CAUSE, BY_TABLE),
	MEMBER("requestedSlice", 3, TYPE_SNSSAI_LIST_1, 0),
	MEMBER("sUPI", 4, TYPE_SUPI, ONE_OF),
	MEMBER("sUCI", 5, TYPE_SUCI, ONE_OF),
	MEMBER("pEI", 6, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 7, TYPE_GPSI, ONE_OF),
	MEMBER("gUTI", 8, TYPE_FIVE_GGUTI, ONE_OF),
	MEMBER("location", 9, TYPE_LOCATION_OF_USER, 0),
	MEMBER("additionalUserIdentifiers", 10, TYPE_USER_IDENTIFIERS, 0),
	MEMBER("alternativeNSSAI", 11, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member amf_identifier_association_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, BY_TABLE),
	MEMBER("sUCI", 2, TYPE_SUCI, 0),
	MEMBER("pEI", 3, TYPE_PEI, 0),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("gUTI", 5, TYPE_FIVE_GGUTI, BY_TABLE),
	MEMBER("location", 6, TYPE_LOCATION_OF_USER, BY_TABLE),
	MEMBER("fiveGSTAIList", 7, TYPE_TAI_LIST_1, 0),
	MEMBER("additionalUserIdentifiers", 8, TYPE_USER_IDENTIFIERS, 0),
};

static const struct record_member amf_positioning_info_transfer_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, BY_TABLE),
	MEMBER("sUCI", 2, TYPE_SUCI, 0),
	MEMBER("pEI", 3, TYPE_PEI, 0),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("gUTI", 5, TYPE_FIVE_GGUTI, 0),
	MEMBER("nRPPaMessage", 6, TYPE_OCTETS, 0),
	MEMBER("lPPMessage", 7, TYPE_OCTETS, 0),
	MEMBER("lcsCorrelationId", 8, TYPE_UTF8_1_255, BY_TABLE),
	MEMBER("additionalUserIdentifiers", 9, TYPE_USER_IDENTIFIERS, 0),
};

static const struct record_member amfran_handover_command_members[] = {
	MEMBER("userIdentifiers", 1, TYPE_USER_IDENTIFIERS, BY_TABLE),
	MEMBER("aMFUENGAPID", 2, TYPE_INTEGER_0_1099511627775, BY_TABLE),
	MEMBER("rANUENGAPID", 3, TYPE_INTEGER_0_4294967295, BY_TABLE),
	MEMBER("handoverType", 4, TYPE_HANDOVER_TYPE, BY_TABLE),
	MEMBER("targetToSourceContainer", 5, TYPE_OCTETS, BY_TABLE),
};

static const struct record_member handover_cause_members[] = {
	MEMBER("radioNetwork", 1, TYPE_CAUSE_RADIO_NETWORK, 0),
	MEMBER("transport", 2, TYPE_CAUSE_TRANSPORT, 0),
	MEMBER("nas", 3, TYPE_CAUSE_NAS, 0),
	MEMBER("protocol", 4, TYPE_CAUSE_PROTOCOL, 0),
	MEMBER("misc", 5, TYPE_CAUSE_MISC, 0),
};

static const struct record_member pdu_session_resource_information_members[] = {
	MEMBER("pDUSessionID", 1, TYPE_INTEGER_0_255, BY_MODULE),
};

static const struct record_member rat_restriction_item_members[] = {
	MEMBER("pLMNIdentity", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("rATRestrictionInformation", 2, TYPE_BITS_8, BY_MODULE),
};

static const struct record_member forbidden_area_information_members[] = {
	MEMBER("pLMNIdentity", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("forbiddenTACs", 2, TYPE_OCTETS_2_3_LIST_1, BY_MODULE),
};

static const struct record_member service_area_info_members[] = {
	MEMBER("pLMNIdentity", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("allowedTACs", 2, TYPE_OCTETS_2_3_LIST_1, 0),
	MEMBER("notAllowedTACs", 3, TYPE_OCTETS_2_3_LIST_1, 0),
};

static const struct record_member mobility_restriction_list_members[] = {
	MEMBER("servingPLMN", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("equivalentPLMNs", 2, TYPE_PLMNID_LIST_1, 0),
	MEMBER("rATRestrictions", 3, TYPE_RAT_RESTRICTION_ITEM_LIST_1, 0),
	MEMBER("forbiddenAreaInformation", 4, TYPE_FORBIDDEN_AREA_INFORMATION, 0),
	MEMBER("serviceAreaInformation", 5, TYPE_SERVICE_AREA_INFO_LIST_1, 0),
};

static const struct record_member area_of_interest_members[] = {
	MEMBER("areaOfInterestTAIList", 1, TYPE_TAI_LIST_1, 0),
	MEMBER("areaOfInterestCellList", 2, TYPE_NCGI_LIST_1, 0),
	MEMBER("areaOfInterestRANNodeList", 3, TYPE_GLOBAL_RAN_NODE_ID_LIST_1, 0),
};

static const struct record_member area_of_interest_item_members[] = {
	MEMBER("areaOfInterest", 1, TYPE_AREA_OF_INTEREST, BY_MODULE),
};

static const struct record_member location_reporting_request_type_members[] = {
	MEMBER("eventType", 1, TYPE_LOCATION_EVENT_TYPE, BY_MODULE),
	MEMBER("reportArea", 2, TYPE_LOCATION_REPORT_AREA, BY_MODULE),
	MEMBER("areaOfInterestList", 3, TYPE_AREA_OF_INTEREST_ITEM_LIST_1, BY_MODULE),
};

static const struct record_member npn_access_information_members[] = {
	MEMBER("pNINPNAccessInformation", 1, TYPE_UTF8_LIST_1, 0),
};

static const struct record_member amfran_handover_request_members[] = {
	MEMBER("userIdentifiers", 1, TYPE_USER_IDENTIFIERS, BY_TABLE),
	MEMBER("aMFUENGAPID", 2, TYPE_INTEGER_0_1099511627775, BY_TABLE),
	MEMBER("rANUENGAPID", 3, TYPE_INTEGER_0_4294967295, BY_TABLE),
	MEMBER("handoverType", 4, TYPE_HANDOVER_TYPE, BY_TABLE),
	MEMBER("handoverCause", 5, TYPE_HANDOVER_CAUSE, BY_TABLE),
	MEMBER("pDUSessionResourceInformation", 6, TYPE_PDU_SESSION_RESOURCE_INFORMATION, BY_TABLE),
	MEMBER("mobilityRestrictionList", 7, TYPE_MOBILITY_RESTRICTION_LIST, 0),
	MEMBER("locationReportingRequestType", 8, TYPE_LOCATION_REPORTING_REQUEST_TYPE, 0),
	MEMBER("targetToSourceContainer", 9, TYPE_OCTETS, BY_TABLE),
	MEMBER("nPNAccessInformation", 10, TYPE_NPN_ACCESS_INFORMATION, 0),
	MEMBER("sourceToTargetContainer", 11, TYPE_OCTETS, BY_TABLE),
};

static const struct record_member amfue_configuration_update_members[] = {
	MEMBER("userIdentifiers", 1, TYPE_USER_IDENTIFIERS, BY_TABLE),
	MEMBER("gUTI", 2, TYPE_GUTI, BY_TABLE),
	MEMBER("oldGUTI", 3, TYPE_EPS5_GGUTI, 0),
	MEMBER("fiveGSTAIList", 4, TYPE_TAI_LIST_1, 0),
	MEMBER("slice", 5, TYPE_SLICE, 0),
	MEMBER("serviceAreaList", 6, TYPE_OCTETS_4_112, 0),
	MEMBER("registrationResult", 7, TYPE_AMF_REGISTRATION_RESULT, 0),
	MEMBER("sMSOverNASIndicator", 8, TYPE_SMS_OVER_NAS_INDICATOR, 0),
	MEMBER("alternativeNSSAI", 9, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_type types[] = {
	[TYPE_REJECTED_SNSSAI - RECORD_AMF_FIRST] = SEQUENCE(rejected_snssai_members, NULL),
	[TYPE_REJECTED_SNSSAI_LIST_1 - RECORD_AMF_FIRST] =
		LIST_OF(TYPE_REJECTED_SNSSAI, 1, RECORD_ITEMS),
	[TYPE_SLICE - RECORD_AMF_FIRST] = SEQUENCE(slice_members, NULL),
	[TYPE_SUCI - RECORD_AMF_FIRST] = SEQUENCE(suci_members, NULL),
	[TYPE_FIVE_GGUTI - RECORD_AMF_FIRST] = SEQUENCE(five_gguti_members, NULL),
	[TYPE_TAI_LIST_1 - RECORD_AMF_FIRST] = LIST_OF(TYPE_TAI, 1, RECORD_ITEMS),
	[TYPE_GUTI - RECORD_AMF_FIRST] = SEQUENCE(guti_members, NULL),
	[TYPE_EPS5_GGUTI - RECORD_AMF_FIRST] = CHOICE(eps5_gguti_members),
	[TYPE_EMM5_GMM_STATUS - RECORD_AMF_FIRST] = SEQUENCE(emm5_gmm_status_members, NULL),
	[TYPE_NON_IMEISVPEI - RECORD_AMF_FIRST] = CHOICE(non_imeisvpei_members),
	[TYPE_RRC_ESTABLISHMENT_CAUSE - RECORD_AMF_FIRST] = CHOICE(rrc_establishment_cause_members),
	[TYPE_UTF8_LIST_1 - RECORD_AMF_FIRST] = LIST_OF(TYPE_UTF8, 1, RECORD_ITEMS),
	[TYPE_NAS_TRANSPORT_INITIAL_INFORMATION - RECORD_AMF_FIRST] =
		SEQUENCE(nas_transport_initial_information_members, NULL),
	[TYPE_PLMNID_LIST_1 - RECORD_AMF_FIRST] = LIST_OF(TYPE_PLMNID, 1, RECORD_ITEMS),
	[TYPE_UE_AREA_INDICATION - RECORD_AMF_FIRST] = SEQUENCE(ue_area_indication_members, NULL),
	[TYPE_FIVE_GS_SUBSCRIBER_ID - RECORD_AMF_FIRST] = CHOICE(five_gs_subscriber_id_members),
	[TYPE_FIVE_GS_SUBSCRIBER_ID_LIST_1 - RECORD_AMF_FIRST] =
		LIST_OF(TYPE_FIVE_GS_SUBSCRIBER_ID, 1, RECORD_ITEMS),
	[TYPE_FIVE_GS_SUBSCRIBER_IDS - RECORD_AMF_FIRST] =
		SEQUENCE(five_gs_subscriber_ids_members, NULL),
	[TYPE_USER_IDENTIFIERS - RECORD_AMF_FIRST] = SEQUENCE(user_identifiers_members, NULL),
	[TYPE_AMF_REGISTRATION - RECORD_AMF_FIRST] = SEQUENCE(amf_registration_members, "6.2.2-1"),
	[TYPE_AMF_DEREGISTRATION - RECORD_AMF_FIRST] =
		SEQUENCE(amf_deregistration_members, "6.2.2-2"),
	[TYPE_AMF_LOCATION_UPDATE - RECORD_AMF_FIRST] =
		SEQUENCE(amf_location_update_members, "6.2.2-3"),
	[TYPE_SLICE_OF_START - RECORD_AMF_FIRST] = SEQUENCE(slice_of_start_members, NULL),
	[TYPE_AMF_START_OF_INTERCEPTION_WITH_REGISTERED_UE - RECORD_AMF_FIRST] =
		SEQUENCE(amf_start_of_interception_with_registered_ue_members, "6.2.2-4"),
	[TYPE_AMF_FAILURE_CAUSE - RECORD_AMF_FIRST] = CHOICE(amf_failure_cause_members),
	[TYPE_AMF_UNSUCCESSFUL_PROCEDURE - RECORD_AMF_FIRST] =
		SEQUENCE(amf_unsuccessful_procedure_members, "6.2.2-5"),
	[TYPE_AMF_IDENTIFIER_ASSOCIATION - RECORD_AMF_FIRST] =
		SEQUENCE(amf_identifier_association_members, "6.2.2-6"),
	[TYPE_AMF_POSITIONING_INFO_TRANSFER - RECORD_AMF_FIRST] =
		SEQUENCE(amf_positioning_info_transfer_members, "6.2.2-6A"),
	[TYPE_AMFRAN_HANDOVER_COMMAND - RECORD_AMF_FIRST] =
		SEQUENCE(amfran_handover_command_members, "6.2.2.2.9.2-1"),
	[TYPE_HANDOVER_CAUSE - RECORD_AMF_FIRST] = CHOICE(handover_cause_members),
	[TYPE_PDU_SESSION_RESOURCE_INFORMATION - RECORD_AMF_FIRST] =
		SEQUENCE(pdu_session_resource_information_members, NULL),
	[TYPE_RAT_RESTRICTION_ITEM - RECORD_AMF_FIRST] =
		SEQUENCE(rat_restriction_item_members, NULL),
	[TYPE_RAT_RESTRICTION_ITEM_LIST_1 - RECORD_AMF_FIRST] =
		LIST_OF(TYPE_RAT_RESTRICTION_ITEM, 1, RECORD_ITEMS),
	[TYPE_FORBIDDEN_AREA_INFORMATION - RECORD_AMF_FIRST] =
		SEQUENCE(forbidden_area_information_members, NULL),
	[TYPE_SERVICE_AREA_INFO - RECORD_AMF_FIRST] = SEQUENCE(service_area_info_members, NULL),
	[TYPE_SERVICE_AREA_INFO_LIST_1 - RECORD_AMF_FIRST] =
		LIST_OF(TYPE_SERVICE_AREA_INFO, 1, RECORD_ITEMS),
	[TYPE_MOBILITY_RESTRICTION_LIST - RECORD_AMF_FIRST] =
		SEQUENCE(mobility_restriction_list_members, NULL),
	[TYPE_NCGI_LIST_1 - RECORD_AMF_FIRST] = LIST_OF(TYPE_NCGI, 1, RECORD_ITEMS),
	[TYPE_GLOBAL_RAN_NODE_ID_LIST_1 - RECORD_AMF_FIRST] =
		LIST_OF(TYPE_GLOBAL_RAN_NODE_ID, 1, RECORD_ITEMS),
	[TYPE_AREA_OF_INTEREST - RECORD_AMF_FIRST] = SEQUENCE(area_of_interest_members, NULL),
	[TYPE_AREA_OF_INTEREST_ITEM - RECORD_AMF_FIRST] =
		SEQUENCE(area_of_interest_item_members, NULL),
	[TYPE_AREA_OF_INTEREST_ITEM_LIST_1 - RECORD_AMF_FIRST] =
		LIST_OF(TYPE_AREA_OF_INTEREST_ITEM, 1, RECORD_ITEMS),
	[TYPE_LOCATION_REPORTING_REQUEST_TYPE - RECORD_AMF_FIRST] =
		SEQUENCE(location_reporting_request_type_members, NULL),
	[TYPE_NPN_ACCESS_INFORMATION - RECORD_AMF_FIRST] = CHOICE(npn_access_information_members),
	[TYPE_AMFRAN_HANDOVER_REQUEST - RECORD_AMF_FIRST] =
		SEQUENCE(amfran_handover_request_members, "6.2.2.2.9.3-1"),
	[TYPE_AMFUE_CONFIGURATION_UPDATE - RECORD_AMF_FIRST] =
		SEQUENCE(amfue_configuration_update_members, "6.2.2.2.10-1"),
};

const struct record_type *record_amf(void)
{
	return types;
}
