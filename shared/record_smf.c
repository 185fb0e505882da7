// Members of an SMF's records (TS 33.128 clause 6.2.3.2).

#include "shared/record_internal.h"

static const struct record_member supi_members[] = {
	MEMBER("iMSI", 1, type_digits_6_15, 0),
	MEMBER("nAI", 2, type_utf8, 0),
};
static const struct record_type type_supi = CHOICE(supi_members);

static const struct record_member pei_members[] = {
	MEMBER("iMEI", 1, type_digits_14, 0),
	MEMBER("iMEISV", 2, type_digits_16, 0),
	MEMBER("mACAddress", 3, type_octets_6, 0),
	MEMBER("eUI64", 4, type_octets_8, 0),
};
static const struct record_type type_pei = CHOICE(pei_members);

static const struct record_member gpsi_members[] = {
	MEMBER("mSISDN", 1, type_digits_1_15, 0),
	MEMBER("nAI", 2, type_utf8, 0),
};
static const struct record_type type_gpsi = CHOICE(gpsi_members);

static const struct record_member fteid_members[] = {
	MEMBER("tEID", 1, type_integer_0_4294967295, BY_MODULE),
	MEMBER("iPv4Address", 2, type_ipv4, 0),
	MEMBER("iPv6Address", 3, type_ipv6, 0),
};
static const struct record_type type_fteid = SEQUENCE(fteid_members, NULL);

static const struct record_member snssai_members[] = {
	MEMBER("sliceServiceType", 1, type_integer_0_255, BY_MODULE),
	MEMBER("sliceDifferentiator", 2, type_octets_3, 0),
	MEMBER("mappedHPLMNSliceServiceType", 3, type_integer_0_255, 0),
	MEMBER("mappedHPLMNSliceDifferentiator", 4, type_octets_3, 0),
};
static const struct record_type type_snssai = SEQUENCE(snssai_members, NULL);

static const struct record_member ue_endpoint_address_members[] = {
	MEMBER("iPv4Address", 1, type_ipv4, 0),
	MEMBER("iPv6Address", 2, type_ipv6, 0),
	MEMBER("ethernetAddress", 3, type_octets_6, 0),
};
static const struct record_type type_ue_endpoint_address = CHOICE(ue_endpoint_address_members);

static const struct record_type type_ue_endpoint_address_list =
	LIST_OF(type_ue_endpoint_address, 0, RECORD_ITEMS);

static const struct record_member amfid_members[] = {
	MEMBER("aMFRegionID", 1, type_integer_0_255, BY_MODULE),
	MEMBER("aMFSetID", 2, type_integer_0_1023, BY_MODULE),
	MEMBER("aMFPointer", 3, type_integer_0_63, BY_MODULE),
};
static const struct record_type type_amfid = SEQUENCE(amfid_members, NULL);

static const struct record_member smf_serving_network_members[] = {
	MEMBER("pLMNID", 1, type_plmnid, BY_MODULE),
	MEMBER("nID", 2, type_utf8_11, 0),
};
static const struct record_type type_smf_serving_network =
	SEQUENCE(smf_serving_network_members, NULL);

static const struct record_type type_fteid_list = LIST_OF(type_fteid, 0, RECORD_ITEMS);

static const struct record_member qos_flow_profile_members[] = {
	MEMBER("fiveQI", 1, type_integer_0_255, BY_MODULE),
};
static const struct record_type type_qos_flow_profile = SEQUENCE(qos_flow_profile_members, NULL);

static const struct record_member qos_flow_list_members[] = {
	MEMBER("qFI", 1, type_integer_0_63, BY_MODULE),
	MEMBER("qOSRules", 2, type_octets, 0),
	MEMBER("qOSFlowDescription", 4, type_octets, 0),
	MEMBER("qOSFlowProfile", 5, type_qos_flow_profile, 0),
	MEMBER("associatedANType", 6, type_access_type, 0),
	MEMBER("defaultQOSRuleIndication", 7, type_boolean, 0),
};
static const struct record_type type_qos_flow_list = SEQUENCE(qos_flow_list_members, NULL);

static const struct record_type type_qos_flow_list_list =
	LIST_OF(type_qos_flow_list, 0, RECORD_ITEMS);

static const struct record_member qos_flow_tunnel_information_members[] = {
	MEMBER("uPTunnelInformation", 1, type_fteid, BY_MODULE),
	MEMBER("associatedQOSFlowList", 2, type_qos_flow_list_list, BY_MODULE),
};
static const struct record_type type_qos_flow_tunnel_information =
	SEQUENCE(qos_flow_tunnel_information_members, NULL);

static const struct record_type type_qos_flow_tunnel_information_list =
	LIST_OF(type_qos_flow_tunnel_information, 0, RECORD_ITEMS);

static const struct record_member dlran_tunnel_information_members[] = {
	MEMBER("dLQOSFlowTunnelInformation", 1, type_qos_flow_tunnel_information, 0),
	MEMBER("additionalDLQOSFlowTunnelInformation", 2, type_qos_flow_tunnel_information_list, 0),
	MEMBER("redundantDLQOSFlowTunnelInformation", 3, type_qos_flow_tunnel_information_list, 0),
	MEMBER("additionalredundantDLQOSFlowTunnelInformation", 4,
		type_qos_flow_tunnel_information_list, 0),
};
static const struct record_type type_dlran_tunnel_information =
	SEQUENCE(dlran_tunnel_information_members, NULL);

static const struct record_member five_gsgtp_tunnels_members[] = {
	MEMBER("uLNGUUPTunnelInformation", 1, type_fteid, 0),
	MEMBER("additionalULNGUUPTunnelInformation", 2, type_fteid_list, 0),
	MEMBER("dLRANTunnelInformation", 3, type_dlran_tunnel_information, 0),
};
static const struct record_type type_five_gsgtp_tunnels =
	SEQUENCE(five_gsgtp_tunnels_members, NULL);

static const struct record_member gtp_tunnel_info_members[] = {
	MEMBER("fiveGSGTPTunnels", 1, type_five_gsgtp_tunnels, 0),
};
static const struct record_type type_gtp_tunnel_info = SEQUENCE(gtp_tunnel_info_members, NULL);

static const struct record_member ip_address_members[] = {
	MEMBER("iPv4Address", 1, type_ipv4, 0),
	MEMBER("iPv6Address", 2, type_ipv6, 0),
};
static const struct record_type type_ip_address = CHOICE(ip_address_members);

static const struct record_member ip_mask_members[] = {
	MEMBER("fromIPAddress", 1, type_ip_address, BY_MODULE),
	MEMBER("toIPAddress", 2, type_ip_address, BY_MODULE),
};
static const struct record_type type_ip_mask = SEQUENCE(ip_mask_members, NULL);

static const struct record_member ip_address_or_range_or_any_members[] = {
	MEMBER("iPAddress", 1, type_ip_address, 0),
	MEMBER("ipAddressRange", 2, type_ip_mask, 0),
	MEMBER("anyIPAddress", 3, type_any_ip_address, 0),
};
static const struct record_type type_ip_address_or_range_or_any =
	CHOICE(ip_address_or_range_or_any_members);

static const struct record_member next_layer_protocol_or_any_members[] = {
	MEMBER("nextLayerProtocol", 1, type_integer_0_255, 0),
	MEMBER("anyNextLayerProtocol", 2, type_any_next_layer_protocol, 0),
};
static const struct record_type type_next_layer_protocol_or_any =
	CHOICE(next_layer_protocol_or_any_members);

static const struct record_member flow_description_members[] = {
	MEMBER("sourceIPAddress", 1, type_ip_address_or_range_or_any, BY_MODULE),
	MEMBER("destinationIPAddress", 2, type_ip_address_or_range_or_any, BY_MODULE),
	MEMBER("sourcePortNumber", 3, type_integer_0_65535, 0),
	MEMBER("destinationPortNumber", 4, type_integer_0_65535, 0),
	MEMBER("protocol", 5, type_next_layer_protocol_or_any, BY_MODULE),
};
static const struct record_type type_flow_description = SEQUENCE(flow_description_members, NULL);

static const struct record_member vlan_tag_members[] = {
	MEMBER("priority", 1, type_bits_3, BY_MODULE),
	MEMBER("cFI", 2, type_bits_1, BY_MODULE),
	MEMBER("vLANID", 3, type_bits_12, BY_MODULE),
};
static const struct record_type type_vlan_tag = SEQUENCE(vlan_tag_members, NULL);

static const struct record_type type_vlan_tag_set = SET_OF(type_vlan_tag, 0, RECORD_ITEMS);

static const struct record_member eth_flow_description_members[] = {
	MEMBER("destMacAddress", 1, type_octets_6, 0),
	MEMBER("ethType", 2, type_octets_2, BY_MODULE),
	MEMBER("fDesc", 3, type_flow_description, 0),
	MEMBER("fDir", 4, type_f_dir, 0),
	MEMBER("sourceMacAddress", 5, type_octets_6, 0),
	MEMBER("vlanTags", 6, type_vlan_tag_set, BY_MODULE),
	MEMBER("srcMacAddrEnd", 7, type_octets_6, 0),
	MEMBER("destMacAddrEnd", 8, type_octets_6, 0),
};
static const struct record_type type_eth_flow_description =
	SEQUENCE(eth_flow_description_members, NULL);

static const struct record_member flow_information_members[] = {
	MEMBER("flowDescription", 1, type_flow_description, 0),
	MEMBER("ethFlowDescription", 2, type_eth_flow_description, 0),
	MEMBER("tosTrafficClass", 3, type_octets_2, 0),
	MEMBER("spi", 4, type_octets_4, 0),
	MEMBER("flowLabel", 5, type_octets_3, 0),
	MEMBER("flowDirection", 6, type_flow_direction, 0),
};
static const struct record_type type_flow_information = SEQUENCE(flow_information_members, NULL);

static const struct record_type type_flow_information_set =
	SET_OF(type_flow_information, 0, RECORD_ITEMS);

static const struct record_member route_info_members[] = {
	MEMBER("iPAddressTunnelEndpoint", 1, type_ip_address, BY_MODULE),
	MEMBER("uDPPortNumberTunnelEndpoint", 2, type_integer_0_65535, BY_MODULE),
};
static const struct record_type type_route_info = SEQUENCE(route_info_members, NULL);

static const struct record_member route_to_location_members[] = {
	MEMBER("dNAI", 1, type_utf8, BY_MODULE),
	MEMBER("routeInfo", 2, type_route_info, BY_MODULE),
};
static const struct record_type type_route_to_location = SEQUENCE(route_to_location_members, NULL);

static const struct record_type type_route_to_location_set =
	SET_OF(type_route_to_location, 0, RECORD_ITEMS);

static const struct record_member eas_server_address_members[] = {
	MEMBER("iPAddress", 1, type_ip_address, BY_MODULE),
	MEMBER("port", 2, type_integer_0_65535, BY_MODULE),
};
static const struct record_type type_eas_server_address =
	SEQUENCE(eas_server_address_members, NULL);

static const struct record_member easip_replace_infos_members[] = {
	MEMBER("sourceEASAddress", 1, type_eas_server_address, BY_MODULE),
	MEMBER("targetEASAddress", 2, type_eas_server_address, BY_MODULE),
};
static const struct record_type type_easip_replace_infos =
	SEQUENCE(easip_replace_infos_members, NULL);

static const struct record_member pcc_rule_members[] = {
	MEMBER("pCCRuleID", 1, type_utf8, BY_TABLE),
	MEMBER("appId", 2, type_utf8, ONE_OF),
	MEMBER("flowInfos", 3, type_flow_information_set, ONE_OF),
	MEMBER("appReloc", 4, type_boolean, 0),
	MEMBER("simConnInd", 5, type_boolean, 0),
	MEMBER("simConnTerm", 6, type_integer, 0),
	MEMBER("maxAllowedUpLat", 7, type_integer, 0),
	MEMBER("trafficRoutes", 8, type_route_to_location_set, BY_MODULE),
	MEMBER("trafficSteeringPolIdDl", 9, type_utf8, 0),
	MEMBER("trafficSteeringPolIdUl", 10, type_utf8, 0),
	MEMBER("deprecatedSourceDNAI", 11, type_utf8, 0),
	MEMBER("deprecatedTargetDNAI", 12, type_utf8, 0),
	MEMBER("deprecatedDNAIChangeType", 13, type_dnai_change_type, 0),
	MEMBER("deprecatedSourceUEIPAddr", 14, type_ip_address, 0),
	MEMBER("deprecatedTargetUEIPAddr", 15, type_ip_address, 0),
	MEMBER("sourceTrafficRouting", 16, type_route_to_location, 0),
	MEMBER("targetTrafficRouting", 17, type_route_to_location, 0),
	MEMBER("eASIPReplaceInfos", 18, type_easip_replace_infos, 0),
};
static const struct record_type type_pcc_rule = SEQUENCE(pcc_rule_members, "6.2.3-1E");

static const struct record_type type_pcc_rule_set = SET_OF(type_pcc_rule, 0, RECORD_ITEMS);

static const struct record_member alternative_nssai_entry_members[] = {
	MEMBER("sNSSAIToBeReplaced", 1, type_snssai, BY_MODULE),
	MEMBER("alternativeSNSSAI", 2, type_snssai, BY_MODULE),
};
static const struct record_type type_alternative_nssai_entry =
	SEQUENCE(alternative_nssai_entry_members, NULL);

static const struct record_type type_alternative_nssai_entry_list_1_8 =
	LIST_OF(type_alternative_nssai_entry, 1, 8);

static const struct record_member smfpdu_session_establishment_members[] = {
	MEMBER("sUPI", 1, type_supi, ONE_OF),
	MEMBER("sUPIUnauthenticated", 2, type_boolean, WITH_SUPI),
	MEMBER("pEI", 3, type_pei, ONE_OF),
	MEMBER("gPSI", 4, type_gpsi, ONE_OF),
	MEMBER("pDUSessionID", 5, type_integer_0_255, BY_TABLE),
	MEMBER("gTPTunnelID", 6, type_fteid, BY_TABLE),
	MEMBER("pDUSessionType", 7, type_pdu_session_type, BY_TABLE),
	MEMBER("sNSSAI", 8, type_snssai, 0),
	MEMBER("uEEndpoint", 9, type_ue_endpoint_address_list, 0),
	MEMBER("non3GPPAccessEndpoint", 10, type_ue_endpoint_address, 0),
	MEMBER("location", 11, type_location, 0),
	MEMBER("dNN", 12, type_utf8, BY_TABLE),
	MEMBER("aMFID", 13, type_amfid, 0),
	MEMBER("hSMFURI", 14, type_utf8, 0),
	MEMBER("requestType", 15, type_five_gsm_request_type, BY_TABLE),
	MEMBER("accessType", 16, type_access_type, 0),
	MEMBER("rATType", 17, type_rat_type, 0),
	MEMBER("sMPDUDNRequest", 18, type_octets, 0),
	MEMBER("selectedDNN", 21, type_utf8, 0),
	MEMBER("servingNetwork", 22, type_smf_serving_network, 0),
	MEMBER("oldPDUSessionID", 23, type_integer_0_255, 0),
	MEMBER("handoverState", 24, type_handover_state, 0),
	MEMBER("gTPTunnelInfo", 25, type_gtp_tunnel_info, BY_TABLE),
	MEMBER("pCCRules", 26, type_pcc_rule_set, 0),
	MEMBER("alternativeNSSAI", 30, type_alternative_nssai_entry_list_1_8, ONLY_R18),
};
const struct record_type type_smfpdu_session_establishment =
	SEQUENCE(smfpdu_session_establishment_members, "6.2.3-1");

static const struct record_member up_path_change_members[] = {
	MEMBER("sourceDNAI", 1, type_utf8, 0),
	MEMBER("targetDNAI", 2, type_utf8, 0),
	MEMBER("dNAIChangeType", 3, type_dnai_change_type, 0),
	MEMBER("sourceUEIPAddr", 4, type_ip_address, 0),
	MEMBER("targetUEIPAddr", 5, type_ip_address, 0),
	MEMBER("sourceTrafficRouting", 6, type_route_to_location, 0),
	MEMBER("targetTrafficRouting", 7, type_route_to_location, 0),
	MEMBER("mACAddress", 8, type_octets_6, 0),
};
static const struct record_type type_up_path_change = SEQUENCE(up_path_change_members, NULL);

static const struct record_member pfd_flow_description_members[] = {
	MEMBER("nextLayerProtocol", 1, type_integer_0_255, BY_MODULE),
	MEMBER("serverIPAddress", 2, type_ip_address, BY_MODULE),
	MEMBER("serverPortNumber", 3, type_integer_0_65535, BY_MODULE),
};
static const struct record_type type_pfd_flow_description =
	SEQUENCE(pfd_flow_description_members, NULL);

static const struct record_type type_pfd_flow_description_set =
	SET_OF(type_pfd_flow_description, 0, RECORD_ITEMS);

static const struct record_type type_utf8_set = SET_OF(type_utf8, 0, RECORD_ITEMS);

static const struct record_member pfd_members[] = {
	MEMBER("pFDId", 1, type_utf8, BY_TABLE),
	MEMBER("pFDFlowDescriptions", 2, type_pfd_flow_description_set, BY_MODULE),
	MEMBER("urls", 3, type_utf8_set, BY_MODULE),
	MEMBER("domainNames", 4, type_utf8_set, BY_MODULE),
	MEMBER("dnProtocol", 5, type_dn_protocol, BY_MODULE),
};
static const struct record_type type_pfd = SEQUENCE(pfd_members, "6.2.3-2C");

static const struct record_type type_pfd_set = SET_OF(type_pfd, 0, RECORD_ITEMS);

static const struct record_member pfd_data_for_app_members[] = {
	MEMBER("aPPId", 1, type_utf8, BY_TABLE),
	MEMBER("pFDs", 2, type_pfd_set, BY_MODULE),
};
static const struct record_type type_pfd_data_for_app =
	SEQUENCE(pfd_data_for_app_members, "6.2.3-2B");

static const struct record_member smfpdu_session_modification_members[] = {
	MEMBER("sUPI", 1, type_supi, ONE_OF),
	MEMBER("sUPIUnauthenticated", 2, type_boolean, WITH_SUPI),
	MEMBER("pEI", 3, type_pei, ONE_OF),
	MEMBER("gPSI", 4, type_gpsi, 0),
	MEMBER("sNSSAI", 5, type_snssai, 0),
	MEMBER("non3GPPAccessEndpoint", 6, type_ue_endpoint_address, 0),
	MEMBER("location", 7, type_location, 0),
	MEMBER("requestType", 8, type_five_gsm_request_type, BY_MODULE),
	MEMBER("accessType", 9, type_access_type, 0),
	MEMBER("rATType", 10, type_rat_type, 0),
	MEMBER("pDUSessionID", 11, type_integer_0_255, 0),
	MEMBER("uEEndpoint", 13, type_ue_endpoint_address, 0),
	MEMBER("servingNetwork", 14, type_smf_serving_network, 0),
	MEMBER("handoverState", 15, type_handover_state, 0),
	MEMBER("gTPTunnelInfo", 16, type_gtp_tunnel_info, BY_TABLE),
	MEMBER("pCCRules", 17, type_pcc_rule_set, 0),
	MEMBER("uPPathChange", 19, type_up_path_change, 0),
	MEMBER("pFDDataForApp", 20, type_pfd_data_for_app, 0),
	MEMBER("alternativeNSSAI", 24, type_alternative_nssai_entry_list_1_8, ONLY_R18),
};
const struct record_type type_smfpdu_session_modification =
	SEQUENCE(smfpdu_session_modification_members, "6.2.3-2");

static const struct record_member ngap_cause_int_members[] = {
	MEMBER("group", 1, type_integer, BY_MODULE),
	MEMBER("value", 2, type_integer, BY_MODULE),
};
static const struct record_type type_ngap_cause_int = SEQUENCE(ngap_cause_int_members, NULL);

static const struct record_member smfpdu_session_release_members[] = {
	MEMBER("sUPI", 1, type_supi, BY_TABLE),
	MEMBER("pEI", 2, type_pei, 0),
	MEMBER("gPSI", 3, type_gpsi, 0),
	MEMBER("pDUSessionID", 4, type_integer_0_255, BY_TABLE),
	MEMBER("timeOfFirstPacket", 5, type_time, 0),
	MEMBER("timeOfLastPacket", 6, type_time, 0),
	MEMBER("uplinkVolume", 7, type_integer, 0),
	MEMBER("downlinkVolume", 8, type_integer, 0),
	MEMBER("location", 9, type_location, 0),
	MEMBER("cause", 10, type_utf8, 0),
	MEMBER("nGAPCause", 12, type_ngap_cause_int, 0),
	MEMBER("fiveGMMCause", 13, type_integer_0_255, 0),
	MEMBER("pCCRuleIDs", 14, type_utf8_set, 0),
	MEMBER("alternativeNSSAI", 16, type_alternative_nssai_entry_list_1_8, ONLY_R18),
};
const struct record_type type_smfpdu_session_release =
	SEQUENCE(smfpdu_session_release_members, "6.2.3-3");

static const struct record_type type_pfd_data_for_app_set =
	SET_OF(type_pfd_data_for_app, 0, RECORD_ITEMS);

static const struct record_member smf_start_of_interception_with_established_pdu_session_members[] =
	{
		MEMBER("sUPI", 1, type_supi, ONE_OF),
		MEMBER("sUPIUnauthenticated", 2, type_boolean, WITH_SUPI),
		MEMBER("pEI", 3, type_pei, ONE_OF),
		MEMBER("gPSI", 4, type_gpsi, 0),
		MEMBER("pDUSessionID", 5, type_integer_0_255, BY_TABLE),
		MEMBER("gTPTunnelID", 6, type_fteid, BY_TABLE),
		MEMBER("pDUSessionType", 7, type_pdu_session_type, BY_TABLE),
		MEMBER("sNSSAI", 8, type_snssai, 0),
		MEMBER("uEEndpoint", 9, type_ue_endpoint_address_list, BY_MODULE),
		MEMBER("non3GPPAccessEndpoint", 10, type_ue_endpoint_address, 0),
		MEMBER("location", 11, type_location, 0),
		MEMBER("dNN", 12, type_utf8, BY_TABLE),
		MEMBER("aMFID", 13, type_amfid, 0),
		MEMBER("hSMFURI", 14, type_utf8, 0),
		MEMBER("requestType", 15, type_five_gsm_request_type, BY_TABLE),
		MEMBER("accessType", 16, type_access_type, 0),
		MEMBER("rATType", 17, type_rat_type, 0),
		MEMBER("sMPDUDNRequest", 18, type_octets, 0),
		MEMBER("timeOfSessionEstablishment", 19, type_time, 0),
		MEMBER("servingNetwork", 22, type_smf_serving_network, 0),
		MEMBER("gTPTunnelInfo", 23, type_gtp_tunnel_info, BY_TABLE),
		MEMBER("pCCRules", 24, type_pcc_rule_set, 0),
		MEMBER("pFDDataForApps", 26, type_pfd_data_for_app_set, 0),
};
const struct record_type type_smf_start_of_interception_with_established_pdu_session =
	SEQUENCE(smf_start_of_interception_with_established_pdu_session_members, "6.2.3-4");

static const struct record_type type_snssai_list = LIST_OF(type_snssai, 0, RECORD_ITEMS);

static const struct record_member smf_unsuccessful_procedure_members[] = {
	MEMBER("failedProcedureType", 1, type_smf_failed_procedure_type, BY_TABLE),
	MEMBER("failureCause", 2, type_integer_0_255, BY_TABLE),
	MEMBER("initiator", 3, type_initiator, BY_TABLE),
	MEMBER("requestedSlice", 4, type_snssai_list, 0),
	MEMBER("sUPI", 5, type_supi, ONE_OF),
	MEMBER("sUPIUnauthenticated", 6, type_boolean, WITH_SUPI),
	MEMBER("pEI", 7, type_pei, ONE_OF),
	MEMBER("gPSI", 8, type_gpsi, ONE_OF),
	MEMBER("pDUSessionID", 9, type_integer_0_255, 0),
	MEMBER("uEEndpoint", 10, type_ue_endpoint_address_list, 0),
	MEMBER("non3GPPAccessEndpoint", 11, type_ue_endpoint_address, 0),
	MEMBER("dNN", 12, type_utf8, 0),
	MEMBER("aMFID", 13, type_amfid, 0),
	MEMBER("hSMFURI", 14, type_utf8, 0),
	MEMBER("requestType", 15, type_five_gsm_request_type, 0),
	MEMBER("accessType", 16, type_access_type, 0),
	MEMBER("rATType", 17, type_rat_type, 0),
	MEMBER("sMPDUDNRequest", 18, type_octets, 0),
	MEMBER("location", 19, type_location, 0),
	MEMBER("alternativeNSSAI", 21, type_alternative_nssai_entry_list_1_8, ONLY_R18),
};
const struct record_type type_smf_unsuccessful_procedure =
	SEQUENCE(smf_unsuccessful_procedure_members, "6.2.3-5");
