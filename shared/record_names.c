// Names of values: the ENUMERATED of TS 33.128's module that records use.

#include "shared/record_internal.h"

static const struct record_name pdu_session_type_names[] = {
	NAME("iPv4", 1),
	NAME("iPv6", 2),
	NAME("iPv4v6", 3),
	NAME("unstructured", 4),
	NAME("ethernet", 5),
};

static const struct record_name w5_gban_line_type_names[] = {
	NAME("dSL", 1),
	NAME("pON", 2),
};

static const struct record_name transport_protocol_names[] = {
	NAME("uDP", 1),
	NAME("tCP", 2),
};

static const struct record_name rat_type_names[] = {
	NAME("nR", 1),
	NAME("eUTRA", 2),
	NAME("wLAN", 3),
	NAME("virtual", 4),
	NAME("nBIOT", 5),
	NAME("wireline", 6),
	NAME("wirelineCable", 7),
	NAME("wirelineBBF", 8),
	NAME("lTEM", 9),
	NAME("nRU", 10),
	NAME("eUTRAU", 11),
	NAME("trustedN3GA", 12),
	NAME("trustedWLAN", 13),
	NAME("uTRA", 14),
	NAME("gERA", 15),
	NAME("nRLEO", 16),
	NAME("nRMEO", 17),
	NAME("nRGEO", 18),
	NAME("nROTHERSAT", 19),
	NAME("nRREDCAP", 20),
	NAME("wBEUTRANLEO", 21),
	NAME("wBEUTRANMEO", 22),
	NAME("wBEUTRANGEO", 23),
	NAME("wBEUTRANOTHERSAT", 24),
	NAME("nBIOTLEO", 25),
	NAME("nBIOTMEO", 26),
	NAME("nBIOTGEO", 27),
	NAME("nBIOTOTHERSAT", 28),
	NAME("lTEMLEO", 29),
	NAME("lTEMMEO", 30),
	NAME("lTEMGEO", 31),
	NAME("lTEMOTHERSAT", 32),
	NAME("nREREDCAP", 33),
};

static const struct record_name accuracy_fulfilment_indicator_names[] = {
	NAME("requestedAccuracyFulfilled", 1),
	NAME("requestedAccuracyNotFulfilled", 2),
};

static const struct record_name amf_event_type_names[] = {
	NAME("locationReport", 1),
	NAME("presenceInAOIReport", 2),
};

static const struct record_name presence_state_names[] = {
	NAME("inArea", 1),
	NAME("outOfArea", 2),
	NAME("unknown", 3),
	NAME("inactive", 4),
};

static const struct record_name access_type_names[] = {
	NAME("threeGPPAccess", 1),
	NAME("nonThreeGPPAccess", 2),
	NAME("threeGPPandNonThreeGPPAccess", 3),
};

static const struct record_name rm_state_names[] = {
	NAME("registered", 1),
	NAME("deregistered", 2),
};

static const struct record_name cm_state_names[] = {
	NAME("idle", 1),
	NAME("connected", 2),
};

static const struct record_name ue_reachability_names[] = {
	NAME("unreachable", 1),
	NAME("reachable", 2),
	NAME("regulatoryOnly", 3),
};

static const struct record_name five_gsm_request_type_names[] = {
	NAME("initialRequest", 1),
	NAME("existingPDUSession", 2),
	NAME("initialEmergencyRequest", 3),
	NAME("existingEmergencyPDUSession", 4),
	NAME("modificationRequest", 5),
	NAME("reserved", 6),
	NAME("mAPDURequest", 7),
};

static const struct record_name handover_state_names[] = {
	NAME("none", 1),
	NAME("preparing", 2),
	NAME("prepared", 3),
	NAME("completed", 4),
	NAME("cancelled", 5),
};

static const struct record_name any_ip_address_names[] = {
	NAME("any", 1),
};

static const struct record_name any_next_layer_protocol_names[] = {
	NAME("ip", 1),
};

static const struct record_name f_dir_names[] = {
	NAME("downlink", 1),
};

static const struct record_name flow_direction_names[] = {
	NAME("downlinkOnly", 1),
	NAME("uplinkOnly", 2),
	NAME("dowlinkAndUplink", 3),
};

static const struct record_name dnai_change_type_names[] = {
	NAME("early", 1),
	NAME("earlyAndLate", 2),
	NAME("late", 3),
};

static const struct record_name dn_protocol_names[] = {
	NAME("dnsQname", 1),
	NAME("tlsSni", 2),
	NAME("tlsSan", 3),
	NAME("tlsScn", 4),
};

static const struct record_name smf_failed_procedure_type_names[] = {
	NAME("pDUSessionEstablishment", 1),
	NAME("pDUSessionModification", 2),
	NAME("pDUSessionRelease", 3),
};

static const struct record_name initiator_names[] = {
	NAME("uE", 1),
	NAME("network", 2),
	NAME("unknown", 3),
};

static const struct record_name establishment_status_names[] = {
	NAME("established", 0),
	NAME("released", 1),
};

static const struct record_name request_indication_names[] = {
	NAME("uEREQPDUSESMOD", 0),
	NAME("uEREQPDUSESREL", 1),
	NAME("pDUSESMOB", 2),
	NAME("nWREQPDUSESAUTH", 3),
	NAME("nWREQPDUSESMOD", 4),
	NAME("nWREQPDUSESREL", 5),
	NAME("eBIASSIGNMENTREQ", 6),
	NAME("rELDUETO5GANREQUEST", 7),
};

static const struct record_name amf_registration_type_names[] = {
	NAME("initial", 1),
	NAME("mobility", 2),
	NAME("periodic", 3),
	NAME("emergency", 4),
	NAME("sNPNOnboarding", 5),
	NAME("disasterMobility", 6),
	NAME("disasterInitial", 7),
};

static const struct record_name amf_registration_result_names[] = {
	NAME("threeGPPAccess", 1),
	NAME("nonThreeGPPAccess", 2),
	NAME("threeGPPAndNonThreeGPPAccess", 3),
};

static const struct record_name sms_over_nas_indicator_names[] = {
	NAME("sMSOverNASNotAllowed", 1),
	NAME("sMSOverNASAllowed", 2),
};

static const struct record_name emm_reg_status_names[] = {
	NAME("uEEMMRegistered", 1),
	NAME("uENotEMMRegistered", 2),
};

static const struct record_name five_gmm_status_names[] = {
	NAME("uE5GMMRegistered", 1),
	NAME("uENot5GMMRegistered", 2),
};

static const struct record_name mac_restriction_indicator_names[] = {
	NAME("noResrictions", 1),
	NAME("mACAddressNotUseableAsEquipmentIdentifier", 2),
	NAME("unknown", 3),
};

static const struct record_name establishment_cause_names[] = {
	NAME("emergency", 1),
	NAME("highPriorityAccess", 2),
	NAME("mtAccess", 3),
	NAME("moSignalling", 4),
	NAME("moData", 5),
	NAME("moVoiceCall", 6),
	NAME("moVideoCall", 7),
	NAME("moSMS", 8),
	NAME("mpsPriorityAccess", 9),
	NAME("mcsPriorityAccess", 10),
	NAME("notAvailable", 11),
	NAME("exceptionData", 12),
};

static const struct record_name redcap_indication_names[] = {
	NAME("redCAP", 1),
};

static const struct record_name amf_direction_names[] = {
	NAME("networkInitiated", 1),
	NAME("uEInitiated", 2),
};

static const struct record_name switch_off_indicator_names[] = {
	NAME("normalDetach", 1),
	NAME("switchOff", 2),
};

static const struct record_name re_reg_required_indicator_names[] = {
	NAME("reRegistrationRequired", 1),
	NAME("reRegistrationNotRequired", 2),
};

static const struct record_name amf_failed_procedure_type_names[] = {
	NAME("registration", 1),
	NAME("sMS", 2),
	NAME("pDUSessionEstablishment", 3),
};

static const struct record_name handover_type_names[] = {
	NAME("intra5GS", 1),
	NAME("fiveGStoEPS", 2),
	NAME("ePSto5GS", 3),
	NAME("fiveGStoUTRA", 4),
};

static const struct record_name cause_radio_network_names[] = {
	NAME("unspecified", 1),
	NAME("txnrelocoverallExpiry", 2),
	NAME("successfulHandover", 3),
	NAME("releaseDueToNGRANGeneratedReason", 4),
	NAME("releaseDueTo5gcGeneratedReason", 5),
	NAME("handoverCancelled", 6),
	NAME("partialHandover", 7),
	NAME("hoFailureInTarget5GCNGRANNodeOrTargetSystem", 8),
	NAME("hoTargetNotAllowed", 9),
	NAME("tNGRelocOverallExpiry", 10),
	NAME("tNGRelocPrepExpiry", 11),
	NAME("cellNotAvailable", 12),
	NAME("unknownTargetID", 13),
	NAME("noRadioResourcesAvailableInTargetCell", 14),
	NAME("unknownLocalUENGAPID", 15),
	NAME("inconsistentRemoteUENGAPID", 16),
	NAME("handoverDesirableForRadioReason", 17),
	NAME("timeCriticalHandover", 18),
	NAME("resourceOptimisationHandover", 19),
	NAME("reduceLoadInServingCell", 20),
	NAME("userInactivity", 21),
	NAME("radioConnectionWithUELost", 22),
	NAME("radioResourcesNotAvailable", 23),
	NAME("invalidQoSCombination", 24),
	NAME("failureInRadioInterfaceProcedure", 25),
	NAME("interactionWithOtherProcedure", 26),
	NAME("unknownPDUSessionID", 27),
	NAME("multiplePDUSessionIDInstances", 29),
	NAME("multipleQoSFlowIDInstances", 30),
	NAME("encryptionAndOrIntegrityProtectionAlgorithmsNotSupported", 31),
	NAME("nGIntraSystemHandoverTriggered", 32),
	NAME("nGInterSystemHandoverTriggered", 33),
	NAME("xNHandoverTriggered", 34),
	NAME("notSupported5QIValue", 35),
	NAME("uEContextTransfer", 36),
	NAME("iMSVoiceeEPSFallbackOrRATFallbackTriggered", 37),
	NAME("uPIntegrityProtectioNotPossible", 38),
	NAME("uPConfidentialityProtectionNotPossible", 39),
	NAME("sliceNotSupported", 40),
	NAME("uEInRRCInactiveStateNotReachable", 41),
	NAME("redirection", 42),
	NAME("resourcesNotAvailableForTheSlice", 43),
	NAME("uEMaxIntegrityProtectedDataRateReason", 44),
	NAME("releaseDueToCNDetectedMobility", 45),
	NAME("n26InterfaceNotAvailable", 46),
	NAME("releaseDueToPreemption", 47),
	NAME("multipleLocationReportingReferenceIDInstances", 48),
	NAME("rSNNotAvailableForTheUP", 49),
	NAME("nPMAccessDenied", 50),
	NAME("cAGOnlyAccessDenied", 51),
	NAME("insufficientUECapabilities", 52),
};

static const struct record_name cause_transport_names[] = {
	NAME("transportResourceUnavailable", 1),
	NAME("unspecified", 2),
};

static const struct record_name cause_nas_names[] = {
	NAME("normalRelease", 1),
	NAME("authenticationFailure", 2),
	NAME("deregister", 3),
	NAME("unspecified", 4),
};

static const struct record_name cause_protocol_names[] = {
	NAME("transferSyntaxError", 1),
	NAME("abstractSyntaxError-reject", 2),
	NAME("abstractSyntaxErrorIgnoreAndNotify", 3),
	NAME("messageNotCompatibleWithReceiverState", 4),
	NAME("semanticError", 5),
	NAME("abstractSyntaxErrorFalselyConstructedMessage", 6),
	NAME("unspecified", 7),
};

static const struct record_name cause_misc_names[] = {
	NAME("controlProcessingOverload", 1),
	NAME("notEnoughUserPlaneProcessingResources", 2),
	NAME("hardwareFailure", 3),
	NAME("oMIntervention", 4),
	NAME("unknownPLMNOrSNPN", 5),
	NAME("unspecified", 6),
};

static const struct record_name location_event_type_names[] = {
	NAME("direct", 1),
	NAME("changeOfServeCell", 2),
	NAME("uEPrescenceInAreaOfInterest", 3),
	NAME("stopChangeOfServeCell", 4),
	NAME("stopUEPresenceInAreaOfInterest", 5),
	NAME("cancelLocationReportingForTheUE", 6),
};

static const struct record_name location_report_area_names[] = {
	NAME("cell", 1),
};

static const struct record_name direction_names[] = {
	NAME("fromTarget", 1),
	NAME("toTarget", 2),
};

static const struct record_name smsnf_type_names[] = {
	NAME("sMSGMSC", 1),
	NAME("iWMSC", 2),
	NAME("sMSRouter", 3),
};

static const struct record_name modification_request_names[] = {
	NAME("modificationRequest", 5),
};

static const struct record_name sms_message_type_of_message_names[] = {
	NAME("deliver", 1),
	NAME("statusReport", 4),
	NAME("command", 5),
	NAME("submit", 6),
};

static const struct record_name sms_message_type_of_report_names[] = {
	NAME("deliverReportAck", 2),
	NAME("deliverReportError", 3),
	NAME("submitReportAck", 7),
	NAME("submitReportError", 8),
};

static const struct record_name sms_transfer_status_names[] = {
	NAME("transferSucceeded", 1),
	NAME("transferFailed", 2),
};

static const struct record_type types[] = {
	[TYPE_PDU_SESSION_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(pdu_session_type_names),
	[TYPE_W5_GBAN_LINE_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(w5_gban_line_type_names),
	[TYPE_TRANSPORT_PROTOCOL - RECORD_NAMES_FIRST] = ENUMERATED(transport_protocol_names),
	[TYPE_RAT_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(rat_type_names),
	[TYPE_ACCURACY_FULFILMENT_INDICATOR - RECORD_NAMES_FIRST] =
		ENUMERATED(accuracy_fulfilment_indicator_names),
	[TYPE_AMF_EVENT_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(amf_event_type_names),
	[TYPE_PRESENCE_STATE - RECORD_NAMES_FIRST] = ENUMERATED(presence_state_names),
	[TYPE_ACCESS_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(access_type_names),
	[TYPE_RM_STATE - RECORD_NAMES_FIRST] = ENUMERATED(rm_state_names),
	[TYPE_CM_STATE - RECORD_NAMES_FIRST] = ENUMERATED(cm_state_names),
	[TYPE_UE_REACHABILITY - RECORD_NAMES_FIRST] = ENUMERATED(ue_reachability_names),
	[TYPE_FIVE_GSM_REQUEST_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(five_gsm_request_type_names),
	[TYPE_HANDOVER_STATE - RECORD_NAMES_FIRST] = ENUMERATED(handover_state_names),
	[TYPE_ANY_IP_ADDRESS - RECORD_NAMES_FIRST] = ENUMERATED(any_ip_address_names),
	[TYPE_ANY_NEXT_LAYER_PROTOCOL - RECORD_NAMES_FIRST] =
		ENUMERATED(any_next_layer_protocol_names),
	[TYPE_F_DIR - RECORD_NAMES_FIRST] = ENUMERATED(f_dir_names),
	[TYPE_FLOW_DIRECTION - RECORD_NAMES_FIRST] = ENUMERATED(flow_direction_names),
	[TYPE_DNAI_CHANGE_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(dnai_change_type_names),
	[TYPE_DN_PROTOCOL - RECORD_NAMES_FIRST] = ENUMERATED(dn_protocol_names),
	[TYPE_SMF_FAILED_PROCEDURE_TYPE - RECORD_NAMES_FIRST] =
		ENUMERATED(smf_failed_procedure_type_names),
	[TYPE_INITIATOR - RECORD_NAMES_FIRST] = ENUMERATED(initiator_names),
	[TYPE_ESTABLISHMENT_STATUS - RECORD_NAMES_FIRST] = ENUMERATED(establishment_status_names),
	[TYPE_REQUEST_INDICATION - RECORD_NAMES_FIRST] = ENUMERATED(request_indication_names),
	[TYPE_AMF_REGISTRATION_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(amf_registration_type_names),
	[TYPE_AMF_REGISTRATION_RESULT - RECORD_NAMES_FIRST] =
		ENUMERATED(amf_registration_result_names),
	[TYPE_SMS_OVER_NAS_INDICATOR - RECORD_NAMES_FIRST] =
		ENUMERATED(sms_over_nas_indicator_names),
	[TYPE_EMM_REG_STATUS - RECORD_NAMES_FIRST] = ENUMERATED(emm_reg_status_names),
	[TYPE_FIVE_GMM_STATUS - RECORD_NAMES_FIRST] = ENUMERATED(five_gmm_status_names),
	[TYPE_MAC_RESTRICTION_INDICATOR - RECORD_NAMES_FIRST] =
		ENUMERATED(mac_restriction_indicator_names),
	[TYPE_ESTABLISHMENT_CAUSE - RECORD_NAMES_FIRST] = ENUMERATED(establishment_cause_names),
	[TYPE_REDCAP_INDICATION - RECORD_NAMES_FIRST] = ENUMERATED(redcap_indication_names),
	[TYPE_AMF_DIRECTION - RECORD_NAMES_FIRST] = ENUMERATED(amf_direction_names),
	[TYPE_SWITCH_OFF_INDICATOR - RECORD_NAMES_FIRST] = ENUMERATED(switch_off_indicator_names),
	[TYPE_RE_REG_REQUIRED_INDICATOR - RECORD_NAMES_FIRST] =
		ENUMERATED(re_reg_required_indicator_names),
	[TYPE_AMF_FAILED_PROCEDURE_TYPE - RECORD_NAMES_FIRST] =
		ENUMERATED(amf_failed_procedure_type_names),
	[TYPE_HANDOVER_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(handover_type_names),
	[TYPE_CAUSE_RADIO_NETWORK - RECORD_NAMES_FIRST] = ENUMERATED(cause_radio_network_names),
	[TYPE_CAUSE_TRANSPORT - RECORD_NAMES_FIRST] = ENUMERATED(cause_transport_names),
	[TYPE_CAUSE_NAS - RECORD_NAMES_FIRST] = ENUMERATED(cause_nas_names),
	[TYPE_CAUSE_PROTOCOL - RECORD_NAMES_FIRST] = ENUMERATED(cause_protocol_names),
	[TYPE_CAUSE_MISC - RECORD_NAMES_FIRST] = ENUMERATED(cause_misc_names),
	[TYPE_LOCATION_EVENT_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(location_event_type_names),
	[TYPE_LOCATION_REPORT_AREA - RECORD_NAMES_FIRST] = ENUMERATED(location_report_area_names),
	[TYPE_DIRECTION - RECORD_NAMES_FIRST] = ENUMERATED(direction_names),
	[TYPE_SMSNF_TYPE - RECORD_NAMES_FIRST] = ENUMERATED(smsnf_type_names),
	[TYPE_MODIFICATION_REQUEST - RECORD_NAMES_FIRST] = ENUMERATED(modification_request_names),
	[TYPE_SMS_MESSAGE_TYPE_OF_MESSAGE - RECORD_NAMES_FIRST] =
		ENUMERATED(sms_message_type_of_message_names),
	[TYPE_SMS_MESSAGE_TYPE_OF_REPORT - RECORD_NAMES_FIRST] =
		ENUMERATED(sms_message_type_of_report_names),
	[TYPE_SMS_TRANSFER_STATUS - RECORD_NAMES_FIRST] = ENUMERATED(sms_transfer_status_names),
};

const struct record_type *record_names(void)
{
	return types;
}
