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
};

const struct record_type *record_names(unsigned id)
{
	return &types[id - RECORD_NAMES_FIRST];
}
