// Names of values: the ENUMERATED of TS 33.128's module that records use.

#include "shared/record_internal.h"

static const struct record_name pdu_session_type_names[] = {
	NAME("iPv4", 1),
	NAME("iPv6", 2),
	NAME("iPv4v6", 3),
	NAME("unstructured", 4),
	NAME("ethernet", 5),
};
const struct record_type type_pdu_session_type = ENUMERATED(pdu_session_type_names);

static const struct record_name w5_gban_line_type_names[] = {
	NAME("dSL", 1),
	NAME("pON", 2),
};
const struct record_type type_w5_gban_line_type = ENUMERATED(w5_gban_line_type_names);

static const struct record_name transport_protocol_names[] = {
	NAME("uDP", 1),
	NAME("tCP", 2),
};
const struct record_type type_transport_protocol = ENUMERATED(transport_protocol_names);

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
const struct record_type type_rat_type = ENUMERATED(rat_type_names);

static const struct record_name accuracy_fulfilment_indicator_names[] = {
	NAME("requestedAccuracyFulfilled", 1),
	NAME("requestedAccuracyNotFulfilled", 2),
};
const struct record_type type_accuracy_fulfilment_indicator =
	ENUMERATED(accuracy_fulfilment_indicator_names);

static const struct record_name amf_event_type_names[] = {
	NAME("locationReport", 1),
	NAME("presenceInAOIReport", 2),
};
const struct record_type type_amf_event_type = ENUMERATED(amf_event_type_names);

static const struct record_name presence_state_names[] = {
	NAME("inArea", 1),
	NAME("outOfArea", 2),
	NAME("unknown", 3),
	NAME("inactive", 4),
};
const struct record_type type_presence_state = ENUMERATED(presence_state_names);

static const struct record_name access_type_names[] = {
	NAME("threeGPPAccess", 1),
	NAME("nonThreeGPPAccess", 2),
	NAME("threeGPPandNonThreeGPPAccess", 3),
};
const struct record_type type_access_type = ENUMERATED(access_type_names);

static const struct record_name rm_state_names[] = {
	NAME("registered", 1),
	NAME("deregistered", 2),
};
const struct record_type type_rm_state = ENUMERATED(rm_state_names);

static const struct record_name cm_state_names[] = {
	NAME("idle", 1),
	NAME("connected", 2),
};
const struct record_type type_cm_state = ENUMERATED(cm_state_names);

static const struct record_name ue_reachability_names[] = {
	NAME("unreachable", 1),
	NAME("reachable", 2),
	NAME("regulatoryOnly", 3),
};
const struct record_type type_ue_reachability = ENUMERATED(ue_reachability_names);

static const struct record_name five_gsm_request_type_names[] = {
	NAME("initialRequest", 1),
	NAME("existingPDUSession", 2),
	NAME("initialEmergencyRequest", 3),
	NAME("existingEmergencyPDUSession", 4),
	NAME("modificationRequest", 5),
	NAME("reserved", 6),
	NAME("mAPDURequest", 7),
};
const struct record_type type_five_gsm_request_type = ENUMERATED(five_gsm_request_type_names);

static const struct record_name handover_state_names[] = {
	NAME("none", 1),
	NAME("preparing", 2),
	NAME("prepared", 3),
	NAME("completed", 4),
	NAME("cancelled", 5),
};
const struct record_type type_handover_state = ENUMERATED(handover_state_names);

static const struct record_name any_ip_address_names[] = {
	NAME("any", 1),
};
const struct record_type type_any_ip_address = ENUMERATED(any_ip_address_names);

static const struct record_name any_next_layer_protocol_names[] = {
	NAME("ip", 1),
};
const struct record_type type_any_next_layer_protocol = ENUMERATED(any_next_layer_protocol_names);

static const struct record_name f_dir_names[] = {
	NAME("downlink", 1),
};
const struct record_type type_f_dir = ENUMERATED(f_dir_names);

static const struct record_name flow_direction_names[] = {
	NAME("downlinkOnly", 1),
	NAME("uplinkOnly", 2),
	NAME("dowlinkAndUplink", 3),
};
const struct record_type type_flow_direction = ENUMERATED(flow_direction_names);

static const struct record_name dnai_change_type_names[] = {
	NAME("early", 1),
	NAME("earlyAndLate", 2),
	NAME("late", 3),
};
const struct record_type type_dnai_change_type = ENUMERATED(dnai_change_type_names);

static const struct record_name dn_protocol_names[] = {
	NAME("dnsQname", 1),
	NAME("tlsSni", 2),
	NAME("tlsSan", 3),
	NAME("tlsScn", 4),
};
const struct record_type type_dn_protocol = ENUMERATED(dn_protocol_names);

static const struct record_name smf_failed_procedure_type_names[] = {
	NAME("pDUSessionEstablishment", 1),
	NAME("pDUSessionModification", 2),
	NAME("pDUSessionRelease", 3),
};
const struct record_type type_smf_failed_procedure_type =
	ENUMERATED(smf_failed_procedure_type_names);

static const struct record_name initiator_names[] = {
	NAME("uE", 1),
	NAME("network", 2),
	NAME("unknown", 3),
};
const struct record_type type_initiator = ENUMERATED(initiator_names);
