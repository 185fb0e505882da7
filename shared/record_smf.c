// Members of an SMF's records (TS 33.128 clause 6.2.3.2).

#include "shared/record_internal.h"

static const struct record_member supi_members[] = {
	MEMBER("iMSI", 1, TYPE_DIGITS_6_15, 0),
	MEMBER("nAI", 2, TYPE_UTF8, 0),
};

static const struct record_member pei_members[] = {
	MEMBER("iMEI", 1, TYPE_DIGITS_14, 0),
	MEMBER("iMEISV", 2, TYPE_DIGITS_16, 0),
	MEMBER("mACAddress", 3, TYPE_OCTETS_6, 0),
	MEMBER("eUI64", 4, TYPE_OCTETS_8, 0),
};

static const struct record_member gpsi_members[] = {
	MEMBER("mSISDN", 1, TYPE_DIGITS_1_15, 0),
	MEMBER("nAI", 2, TYPE_UTF8, 0),
};

static const struct record_member fteid_members[] = {
	MEMBER("tEID", 1, TYPE_INTEGER_0_4294967295, BY_MODULE),
	MEMBER("iPv4Address", 2, TYPE_IPV4, 0),
	MEMBER("iPv6Address", 3, TYPE_IPV6, 0),
};

static const struct record_member snssai_members[] = {
	MEMBER("sliceServiceType", 1, TYPE_INTEGER_0_255, BY_MODULE),
	MEMBER("sliceDifferentiator", 2, TYPE_OCTETS_3, 0),
	MEMBER("mappedHPLMNSliceServiceType", 3, TYPE_INTEGER_0_255, 0),
	MEMBER("mappedHPLMNSliceDifferentiator", 4, TYPE_OCTETS_3, 0),
};

static const struct record_member ue_endpoint_address_members[] = {
	MEMBER("iPv4Address", 1, TYPE_IPV4, 0),
	MEMBER("iPv6Address", 2, TYPE_IPV6, 0),
	MEMBER("ethernetAddress", 3, TYPE_OCTETS_6, 0),
};

// The tables of access endpoints name addresses of IP alone, of the type above.
static const struct record_member ue_endpoint_ip_members[] = {
	MEMBER("iPv4Address", 1, TYPE_IPV4, 0),
	MEMBER("iPv6Address", 2, TYPE_IPV6, 0),
};

static const struct record_member amfid_members[] = {
	MEMBER("aMFRegionID", 1, TYPE_INTEGER_0_255, BY_MODULE),
	MEMBER("aMFSetID", 2, TYPE_INTEGER_0_1023, BY_MODULE),
	MEMBER("aMFPointer", 3, TYPE_INTEGER_0_63, BY_MODULE),
};

static const struct record_member smf_serving_network_members[] = {
	MEMBER("pLMNID", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("nID", 2, TYPE_UTF8_11, 0),
};

static const struct record_member qos_flow_profile_members[] = {
	MEMBER("fiveQI", 1, TYPE_INTEGER_0_255, BY_MODULE),
};

static const struct record_member qos_flow_list_members[] = {
	MEMBER("qFI", 1, TYPE_INTEGER_0_63, BY_MODULE),
	MEMBER("qOSRules", 2, TYPE_OCTETS, 0),
	MEMBER("qOSFlowDescription", 4, TYPE_OCTETS, 0),
	MEMBER("qOSFlowProfile", 5, TYPE_QOS_FLOW_PROFILE, 0),
	MEMBER("associatedANType", 6, TYPE_ACCESS_TYPE, 0),
	MEMBER("defaultQOSRuleIndication", 7, TYPE_BOOLEAN, 0),
};

static const struct record_member qos_flow_tunnel_information_members[] = {
	MEMBER("uPTunnelInformation", 1, TYPE_FTEID, BY_MODULE),
	MEMBER("associatedQOSFlowList", 2, TYPE_QOS_FLOW_LIST_LIST, BY_MODULE),
};

static const struct record_member dlran_tunnel_information_members[] = {
	MEMBER("dLQOSFlowTunnelInformation", 1, TYPE_QOS_FLOW_TUNNEL_INFORMATION, 0),
	MEMBER("additionalDLQOSFlowTunnelInformation", 2, TYPE_QOS_FLOW_TUNNEL_INFORMATION_LIST_1,
		0),
	MEMBER("redundantDLQOSFlowTunnelInformation", 3, TYPE_QOS_FLOW_TUNNEL_INFORMATION_LIST_1,
		0),
	MEMBER("additionalredundantDLQOSFlowTunnelInformation", 4,
		TYPE_QOS_FLOW_TUNNEL_INFORMATION_LIST_1, 0),
};

static const struct record_member five_gsgtp_tunnels_members[] = {
	MEMBER("uLNGUUPTunnelInformation", 1, TYPE_FTEID, 0),
	MEMBER("additionalULNGUUPTunnelInformation", 2, TYPE_FTEID_LIST_1, 0),
	MEMBER("dLRANTunnelInformation", 3, TYPE_DLRAN_TUNNEL_INFORMATION, 0),
};

static const struct record_member gtp_tunnel_info_members[] = {
	MEMBER("fiveGSGTPTunnels", 1, TYPE_FIVE_GSGTP_TUNNELS, BY_TABLE),
};

static const struct record_member ip_address_members[] = {
	MEMBER("iPv4Address", 1, TYPE_IPV4, 0),
	MEMBER("iPv6Address", 2, TYPE_IPV6, 0),
};

static const struct record_member ip_mask_members[] = {
	MEMBER("fromIPAddress", 1, TYPE_IP_ADDRESS, BY_MODULE),
	MEMBER("toIPAddress", 2, TYPE_IP_ADDRESS, BY_MODULE),
};

static const struct record_member ip_address_or_range_or_any_members[] = {
	MEMBER("iPAddress", 1, TYPE_IP_ADDRESS, 0),
	MEMBER("ipAddressRange", 2, TYPE_IP_MASK, 0),
	MEMBER("anyIPAddress", 3, TYPE_ANY_IP_ADDRESS, 0),
};

static const struct record_member next_layer_protocol_or_any_members[] = {
	MEMBER("nextLayerProtocol", 1, TYPE_INTEGER_0_255, 0),
	MEMBER("anyNextLayerProtocol", 2, TYPE_ANY_NEXT_LAYER_PROTOCOL, 0),
};

static const struct record_member flow_description_members[] = {
	MEMBER("sourceIPAddress", 1, TYPE_IP_ADDRESS_OR_RANGE_OR_ANY, BY_MODULE),
	MEMBER("destinationIPAddress", 2, TYPE_IP_ADDRESS_OR_RANGE_OR_ANY, BY_MODULE),
	MEMBER("sourcePortNumber", 3, TYPE_INTEGER_0_65535, 0),
	MEMBER("destinationPortNumber", 4, TYPE_INTEGER_0_65535, 0),
	MEMBER("protocol", 5, TYPE_NEXT_LAYER_PROTOCOL_OR_ANY, BY_MODULE),
};

static const struct record_member vlan_tag_members[] = {
	MEMBER("priority", 1, TYPE_BITS_3, BY_MODULE),
	MEMBER("cFI", 2, TYPE_BITS_1, BY_MODULE),
	MEMBER("vLANID", 3, TYPE_BITS_12, BY_MODULE),
};

static const struct record_member eth_flow_description_members[] = {
	MEMBER("destMacAddress", 1, TYPE_OCTETS_6, 0),
	MEMBER("ethType", 2, TYPE_OCTETS_2, BY_MODULE),
	MEMBER("fDesc", 3, TYPE_FLOW_DESCRIPTION, 0),
	MEMBER("fDir", 4, TYPE_F_DIR, 0),
	MEMBER("sourceMacAddress", 5, TYPE_OCTETS_6, 0),
	MEMBER("vlanTags", 6, TYPE_VLAN_TAG_SET, BY_MODULE),
	MEMBER("srcMacAddrEnd", 7, TYPE_OCTETS_6, 0),
	MEMBER("destMacAddrEnd", 8, TYPE_OCTETS_6, 0),
};

static const struct record_member flow_information_members[] = {
	MEMBER("flowDescription", 1, TYPE_FLOW_DESCRIPTION, 0),
	MEMBER("ethFlowDescription", 2, TYPE_ETH_FLOW_DESCRIPTION, 0),
	MEMBER("tosTrafficClass", 3, TYPE_OCTETS_2, 0),
	MEMBER("spi", 4, TYPE_OCTETS_4, 0),
	MEMBER("flowLabel", 5, TYPE_OCTETS_3, 0),
	MEMBER("flowDirection", 6, TYPE_FLOW_DIRECTION, 0),
};

static const struct record_member route_info_members[] = {
	MEMBER("iPAddressTunnelEndpoint", 1, TYPE_IP_ADDRESS, BY_MODULE),
	MEMBER("uDPPortNumberTunnelEndpoint", 2, TYPE_INTEGER_0_65535, BY_MODULE),
};

static const struct record_member route_to_location_members[] = {
	MEMBER("dNAI", 1, TYPE_UTF8, BY_MODULE),
	MEMBER("routeInfo", 2, TYPE_ROUTE_INFO, BY_MODULE),
};

static const struct record_member eas_server_address_members[] = {
	MEMBER("iPAddress", 1, TYPE_IP_ADDRESS, BY_MODULE),
	MEMBER("port", 2, TYPE_INTEGER_0_65535, BY_MODULE),
};

static const struct record_member easip_replace_infos_members[] = {
	MEMBER("sourceEASAddress", 1, TYPE_EAS_SERVER_ADDRESS, BY_MODULE),
	MEMBER("targetEASAddress", 2, TYPE_EAS_SERVER_ADDRESS, BY_MODULE),
};

static const struct record_member pcc_rule_members[] = {
	MEMBER("pCCRuleID", 1, TYPE_UTF8, BY_TABLE),
	MEMBER("appId", 2, TYPE_UTF8, ONE_OF | ONLY_ONE),
	MEMBER("flowInfos", 3, TYPE_FLOW_INFORMATION_SET_1, ONE_OF | ONLY_ONE),
	MEMBER("appReloc", 4, TYPE_BOOLEAN, 0),
	MEMBER("simConnInd", 5, TYPE_BOOLEAN, 0),
	MEMBER("simConnTerm", 6, TYPE_INTEGER, 0),
	MEMBER("maxAllowedUpLat", 7, TYPE_INTEGER, 0),
	MEMBER("trafficRoutes", 8, TYPE_ROUTE_TO_LOCATION_SET, BY_MODULE | APART_LIST),
	MEMBER("trafficSteeringPolIdDl", 9, TYPE_UTF8, APART),
	MEMBER("trafficSteeringPolIdUl", 10, TYPE_UTF8, APART),
	MEMBER("deprecatedSourceDNAI", 11, TYPE_UTF8, 0),
	MEMBER("deprecatedTargetDNAI", 12, TYPE_UTF8, 0),
	MEMBER("deprecatedDNAIChangeType", 13, TYPE_DNAI_CHANGE_TYPE, 0),
	MEMBER("deprecatedSourceUEIPAddr", 14, TYPE_IP_ADDRESS, 0),
	MEMBER("deprecatedTargetUEIPAddr", 15, TYPE_IP_ADDRESS, 0),
	MEMBER("sourceTrafficRouting", 16, TYPE_ROUTE_TO_LOCATION, 0),
	MEMBER("targetTrafficRouting", 17, TYPE_ROUTE_TO_LOCATION, 0),
	MEMBER("eASIPReplaceInfos", 18, TYPE_EASIP_REPLACE_INFOS, 0),
};

static const struct record_member alternative_nssai_entry_members[] = {
	MEMBER("sNSSAIToBeReplaced", 1, TYPE_SNSSAI, BY_MODULE),
	MEMBER("alternativeSNSSAI", 2, TYPE_SNSSAI, BY_MODULE),
};

static const struct record_member smfpdu_session_establishment_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF | ASKS),
	MEMBER("sUPIUnauthenticated", 2, TYPE_BOOLEAN, ASKED),
	MEMBER("pEI", 3, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("pDUSessionID", 5, TYPE_INTEGER_0_255, BY_TABLE),
	MEMBER("gTPTunnelID", 6, TYPE_FTEID, BY_TABLE),
	MEMBER("pDUSessionType", 7, TYPE_PDU_SESSION_TYPE, BY_TABLE),
	MEMBER("sNSSAI", 8, TYPE_SNSSAI, 0),
	MEMBER("uEEndpoint", 9, TYPE_UE_ENDPOINT_ADDRESS_LIST_1, 0),
	MEMBER("non3GPPAccessEndpoint", 10, TYPE_UE_ENDPOINT_IP, 0),
	MEMBER("location", 11, TYPE_LOCATION, 0),
	MEMBER("dNN", 12, TYPE_UTF8, BY_TABLE),
	MEMBER("aMFID", 13, TYPE_AMFID, 0),
	MEMBER("hSMFURI", 14, TYPE_UTF8, 0),
	MEMBER("requestType", 15, TYPE_FIVE_GSM_REQUEST_TYPE, BY_TABLE),
	MEMBER("accessType", 16, TYPE_ACCESS_TYPE, 0),
	MEMBER("rATType", 17, TYPE_RAT_TYPE, 0),
	MEMBER("sMPDUDNRequest", 18, TYPE_OCTETS, 0),
	MEMBER("selectedDNN", 21, TYPE_UTF8, 0),
	MEMBER("servingNetwork", 22, TYPE_SMF_SERVING_NETWORK, 0),
	MEMBER("oldPDUSessionID", 23, TYPE_INTEGER_0_255, 0),
	MEMBER("handoverState", 24, TYPE_HANDOVER_STATE, 0),
	MEMBER("gTPTunnelInfo", 25, TYPE_GTP_TUNNEL_INFO, BY_TABLE),
	MEMBER("pCCRules", 26, TYPE_PCC_RULE_SET_1, 0),
	MEMBER("alternativeNSSAI", 30, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member up_path_change_members[] = {
	MEMBER("sourceDNAI", 1, TYPE_UTF8, 0),
	MEMBER("targetDNAI", 2, TYPE_UTF8, 0),
	MEMBER("dNAIChangeType", 3, TYPE_DNAI_CHANGE_TYPE, 0),
	MEMBER("sourceUEIPAddr", 4, TYPE_IP_ADDRESS, 0),
	MEMBER("targetUEIPAddr", 5, TYPE_IP_ADDRESS, 0),
	MEMBER("sourceTrafficRouting", 6, TYPE_ROUTE_TO_LOCATION, 0),
	MEMBER("targetTrafficRouting", 7, TYPE_ROUTE_TO_LOCATION, 0),
	MEMBER("mACAddress", 8, TYPE_OCTETS_6, 0),
};

static const struct record_member pfd_flow_description_members[] = {
	MEMBER("nextLayerProtocol", 1, TYPE_INTEGER_0_255, BY_MODULE),
	MEMBER("serverIPAddress", 2, TYPE_IP_ADDRESS, BY_MODULE),
	MEMBER("serverPortNumber", 3, TYPE_INTEGER_0_65535, BY_MODULE),
};

static const struct record_member pfd_members[] = {
	MEMBER("pFDId", 1, TYPE_UTF8, BY_TABLE),
	MEMBER("pFDFlowDescriptions", 2, TYPE_PFD_FLOW_DESCRIPTION_SET, BY_MODULE),
	MEMBER("urls", 3, TYPE_UTF8_SET, BY_MODULE),
	MEMBER("domainNames", 4, TYPE_UTF8_SET, BY_MODULE),
	MEMBER("dnProtocol", 5, TYPE_DN_PROTOCOL, BY_MODULE),
};

static const struct record_member pfd_data_for_app_members[] = {
	MEMBER("aPPId", 1, TYPE_UTF8, BY_TABLE),
	MEMBER("pFDs", 2, TYPE_PFD_SET, BY_MODULE),
};

static const struct record_member smfpdu_session_modification_members[] = {
	MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF | ASKS),
	MEMBER("sUPIUnauthenticated", 2, TYPE_BOOLEAN, ASKED),
	MEMBER("pEI", 3, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 4, TYPE_GPSI, 0),
	MEMBER("sNSSAI", 5, TYPE_SNSSAI, 0),
	MEMBER("non3GPPAccessEndpoint", 6, TYPE_UE_ENDPOINT_IP, 0),
	MEMBER("location", 7, TYPE_LOCATION, 0),
	MEMBER("requestType", 8, TYPE_FIVE_GSM_REQUEST_TYPE, BY_MODULE),
	MEMBER("accessType", 9, TYPE_ACCESS_TYPE, 0),
	MEMBER("rATType", 10, TYPE_RAT_TYPE, 0),
	MEMBER("pDUSessionID", 11, TYPE_INTEGER_0_255, 0),
	MEMBER("uEEndpoint", 13, TYPE_UE_ENDPOINT_ADDRESS, 0),
	MEMBER("servingNetwork", 14, TYPE_SMF_SERVING_NETWORK, 0),
	MEMBER("handoverState", 15, TYPE_HANDOVER_STATE, 0),
	MEMBER("gTPTunnelInfo", 16, TYPE_GTP_TUNNEL_INFO, BY_TABLE),
	MEMBER("pCCRules", 17, TYPE_PCC_RULE_SET_1, 0),
	MEMBER("uPPathChange", 19, TYPE_UP_PATH_CHANGE, 0),
	MEMBER("pFDDataForApp", 20, TYPE_PFD_DATA_FOR_APP, 0),
	MEMBER("alternativeNSSAI", 24, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member ngap_cause_int_members[] = {
	MEMBER("group", 1, TYPE_INTEGER, BY_MODULE),
	MEMBER("value", 2, TYPE_INTEGER, BY_MODULE),
};

static const struct record_member smfpdu_session_release_members[] = {
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
	MEMBER("nGAPCause", 12, TYPE_NGAP_CAUSE_INT, 0),
	MEMBER("fiveGMMCause", 13, TYPE_INTEGER_0_255, 0),
	MEMBER("pCCRuleIDs", 14, TYPE_UTF8_SET_1, 0),
	MEMBER("alternativeNSSAI", 16, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_member smf_start_of_interception_with_established_pdu_session_members[] =
	{
		MEMBER("sUPI", 1, TYPE_SUPI, ONE_OF | ASKS),
		MEMBER("sUPIUnauthenticated", 2, TYPE_BOOLEAN, ASKED),
		MEMBER("pEI", 3, TYPE_PEI, ONE_OF),
		MEMBER("gPSI", 4, TYPE_GPSI, 0),
		MEMBER("pDUSessionID", 5, TYPE_INTEGER_0_255, BY_TABLE),
		MEMBER("gTPTunnelID", 6, TYPE_FTEID, BY_TABLE),
		MEMBER("pDUSessionType", 7, TYPE_PDU_SESSION_TYPE, BY_TABLE),
		MEMBER("sNSSAI", 8, TYPE_SNSSAI, 0),
		MEMBER("uEEndpoint", 9, TYPE_UE_ENDPOINT_ADDRESS_LIST, BY_MODULE),
		MEMBER("non3GPPAccessEndpoint", 10, TYPE_UE_ENDPOINT_IP, 0),
		MEMBER("location", 11, TYPE_LOCATION, 0),
		MEMBER("dNN", 12, TYPE_UTF8, BY_TABLE),
		MEMBER("aMFID", 13, TYPE_AMFID, 0),
		MEMBER("hSMFURI", 14, TYPE_UTF8, 0),
		MEMBER("requestType", 15, TYPE_FIVE_GSM_REQUEST_TYPE, BY_TABLE),
		MEMBER("accessType", 16, TYPE_ACCESS_TYPE, 0),
		MEMBER("rATType", 17, TYPE_RAT_TYPE, 0),
		MEMBER("sMPDUDNRequest", 18, TYPE_OCTETS, 0),
		MEMBER("timeOfSessionEstablishment", 19, TYPE_TIME, 0),
		MEMBER("servingNetwork", 22, TYPE_SMF_SERVING_NETWORK, 0),
		MEMBER("gTPTunnelInfo", 23, TYPE_GTP_TUNNEL_INFO, BY_TABLE),
		MEMBER("pCCRules", 24, TYPE_PCC_RULE_SET_1, 0),
		MEMBER("pFDDataForApps", 26, TYPE_PFD_DATA_FOR_APP_SET_1, 0),
};

static const struct record_member smf_unsuccessful_procedure_members[] = {
	MEMBER("failedProcedureType", 1, TYPE_SMF_FAILED_PROCEDURE_TYPE, BY_TABLE),
	MEMBER("failureCause", 2, TYPE_INTEGER_0_255, BY_TABLE),
	MEMBER("initiator", 3, TYPE_INITIATOR, BY_TABLE),
	MEMBER("requestedSlice", 4, TYPE_SNSSAI_LIST_1, 0),
	MEMBER("sUPI", 5, TYPE_SUPI, ONE_OF | ASKS),
	MEMBER("sUPIUnauthenticated", 6, TYPE_BOOLEAN, ASKED),
	MEMBER("pEI", 7, TYPE_PEI, ONE_OF),
	MEMBER("gPSI", 8, TYPE_GPSI, ONE_OF),
	MEMBER("pDUSessionID", 9, TYPE_INTEGER_0_255, 0),
	MEMBER("uEEndpoint", 10, TYPE_UE_ENDPOINT_ADDRESS_LIST_1, 0),
	MEMBER("non3GPPAccessEndpoint", 11, TYPE_UE_ENDPOINT_IP, 0),
	MEMBER("dNN", 12, TYPE_UTF8, 0),
	MEMBER("aMFID", 13, TYPE_AMFID, 0),
	MEMBER("hSMFURI", 14, TYPE_UTF8, 0),
	MEMBER("requestType", 15, TYPE_FIVE_GSM_REQUEST_TYPE, 0),
	MEMBER("accessType", 16, TYPE_ACCESS_TYPE, 0),
	MEMBER("rATType", 17, TYPE_RAT_TYPE, 0),
	MEMBER("sMPDUDNRequest", 18, TYPE_OCTETS, 0),
	MEMBER("location", 19, TYPE_LOCATION, 0),
	MEMBER("alternativeNSSAI", 21, TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8, ONLY_R18),
};

static const struct record_type types[] = {
	[TYPE_SUPI - RECORD_SMF_FIRST] = CHOICE(supi_members),
	[TYPE_PEI - RECORD_SMF_FIRST] = CHOICE(pei_members),
	[TYPE_GPSI - RECORD_SMF_FIRST] = CHOICE(gpsi_members),
	[TYPE_FTEID - RECORD_SMF_FIRST] = SEQUENCE(fteid_members, NULL),
	[TYPE_SNSSAI - RECORD_SMF_FIRST] = SEQUENCE(snssai_members, NULL),
	[TYPE_UE_ENDPOINT_ADDRESS - RECORD_SMF_FIRST] = CHOICE(ue_endpoint_address_members),
	[TYPE_UE_ENDPOINT_ADDRESS_LIST - RECORD_SMF_FIRST] =
		LIST_OF(TYPE_UE_ENDPOINT_ADDRESS, 0, RECORD_ITEMS),
	[TYPE_UE_ENDPOINT_ADDRESS_LIST_1 - RECORD_SMF_FIRST] =
		LIST_OF(TYPE_UE_ENDPOINT_ADDRESS, 1, RECORD_ITEMS),
	[TYPE_UE_ENDPOINT_IP - RECORD_SMF_FIRST] = CHOICE(ue_endpoint_ip_members),
	[TYPE_AMFID - RECORD_SMF_FIRST] = SEQUENCE(amfid_members, NULL),
	[TYPE_SMF_SERVING_NETWORK - RECORD_SMF_FIRST] = SEQUENCE(smf_serving_network_members, NULL),
	[TYPE_FTEID_LIST_1 - RECORD_SMF_FIRST] = LIST_OF(TYPE_FTEID, 1, RECORD_ITEMS),
	[TYPE_QOS_FLOW_PROFILE - RECORD_SMF_FIRST] = SEQUENCE(qos_flow_profile_members, NULL),
	[TYPE_QOS_FLOW_LIST - RECORD_SMF_FIRST] = SEQUENCE(qos_flow_list_members, NULL),
	[TYPE_QOS_FLOW_LIST_LIST - RECORD_SMF_FIRST] = LIST_OF(TYPE_QOS_FLOW_LIST, 0, RECORD_ITEMS),
	[TYPE_QOS_FLOW_TUNNEL_INFORMATION - RECORD_SMF_FIRST] =
		SEQUENCE(qos_flow_tunnel_information_members, NULL),
	[TYPE_QOS_FLOW_TUNNEL_INFORMATION_LIST_1 - RECORD_SMF_FIRST] =
		LIST_OF(TYPE_QOS_FLOW_TUNNEL_INFORMATION, 1, RECORD_ITEMS),
	[TYPE_DLRAN_TUNNEL_INFORMATION - RECORD_SMF_FIRST] =
		SEQUENCE(dlran_tunnel_information_members, NULL),
	[TYPE_FIVE_GSGTP_TUNNELS - RECORD_SMF_FIRST] = SEQUENCE(five_gsgtp_tunnels_members, NULL),
	[TYPE_GTP_TUNNEL_INFO - RECORD_SMF_FIRST] = SEQUENCE(gtp_tunnel_info_members, "6.2.3-1B"),
	[TYPE_IP_ADDRESS - RECORD_SMF_FIRST] = CHOICE(ip_address_members),
	[TYPE_IP_MASK - RECORD_SMF_FIRST] = SEQUENCE(ip_mask_members, NULL),
	[TYPE_IP_ADDRESS_OR_RANGE_OR_ANY - RECORD_SMF_FIRST] =
		CHOICE(ip_address_or_range_or_any_members),
	[TYPE_NEXT_LAYER_PROTOCOL_OR_ANY - RECORD_SMF_FIRST] =
		CHOICE(next_layer_protocol_or_any_members),
	[TYPE_FLOW_DESCRIPTION - RECORD_SMF_FIRST] = SEQUENCE(flow_description_members, NULL),
	[TYPE_VLAN_TAG - RECORD_SMF_FIRST] = SEQUENCE(vlan_tag_members, NULL),
	[TYPE_VLAN_TAG_SET - RECORD_SMF_FIRST] = SET_OF(TYPE_VLAN_TAG, 0, RECORD_ITEMS),
	[TYPE_ETH_FLOW_DESCRIPTION - RECORD_SMF_FIRST] =
		SEQUENCE(eth_flow_description_members, NULL),
	[TYPE_FLOW_INFORMATION - RECORD_SMF_FIRST] = SEQUENCE(flow_information_members, NULL),
	[TYPE_FLOW_INFORMATION_SET_1 - RECORD_SMF_FIRST] =
		SET_OF(TYPE_FLOW_INFORMATION, 1, RECORD_ITEMS),
	[TYPE_ROUTE_INFO - RECORD_SMF_FIRST] = SEQUENCE(route_info_members, NULL),
	[TYPE_ROUTE_TO_LOCATION - RECORD_SMF_FIRST] = SEQUENCE(route_to_location_members, NULL),
	[TYPE_ROUTE_TO_LOCATION_SET - RECORD_SMF_FIRST] =
		SET_OF(TYPE_ROUTE_TO_LOCATION, 0, RECORD_ITEMS),
	[TYPE_EAS_SERVER_ADDRESS - RECORD_SMF_FIRST] = SEQUENCE(eas_server_address_members, NULL),
	[TYPE_EASIP_REPLACE_INFOS - RECORD_SMF_FIRST] = SEQUENCE(easip_replace_infos_members, NULL),
	[TYPE_PCC_RULE - RECORD_SMF_FIRST] = SEQUENCE(pcc_rule_members, "6.2.3-1E"),
	[TYPE_PCC_RULE_SET_1 - RECORD_SMF_FIRST] = SET_OF(TYPE_PCC_RULE, 1, RECORD_ITEMS),
	[TYPE_ALTERNATIVE_NSSAI_ENTRY - RECORD_SMF_FIRST] =
		SEQUENCE(alternative_nssai_entry_members, NULL),
	[TYPE_ALTERNATIVE_NSSAI_ENTRY_LIST_1_8 - RECORD_SMF_FIRST] =
		LIST_OF(TYPE_ALTERNATIVE_NSSAI_ENTRY, 1, 8),
	[TYPE_SMFPDU_SESSION_ESTABLISHMENT - RECORD_SMF_FIRST] =
		SEQUENCE(smfpdu_session_establishment_members, "6.2.3-1"),
	[TYPE_UP_PATH_CHANGE - RECORD_SMF_FIRST] = SEQUENCE(up_path_change_members, NULL),
	[TYPE_PFD_FLOW_DESCRIPTION - RECORD_SMF_FIRST] =
		SEQUENCE(pfd_flow_description_members, NULL),
	[TYPE_PFD_FLOW_DESCRIPTION_SET - RECORD_SMF_FIRST] =
		SET_OF(TYPE_PFD_FLOW_DESCRIPTION, 0, RECORD_ITEMS),
	[TYPE_UTF8_SET - RECORD_SMF_FIRST] = SET_OF(TYPE_UTF8, 0, RECORD_ITEMS),
	[TYPE_UTF8_SET_1 - RECORD_SMF_FIRST] = SET_OF(TYPE_UTF8, 1, RECORD_ITEMS),
	[TYPE_PFD - RECORD_SMF_FIRST] = SEQUENCE(pfd_members, "6.2.3-2C"),
	[TYPE_PFD_SET - RECORD_SMF_FIRST] = SET_OF(TYPE_PFD, 0, RECORD_ITEMS),
	[TYPE_PFD_DATA_FOR_APP - RECORD_SMF_FIRST] = SEQUENCE(pfd_data_for_app_members, "6.2.3-2B"),
	[TYPE_SMFPDU_SESSION_MODIFICATION - RECORD_SMF_FIRST] =
		SEQUENCE(smfpdu_session_modification_members, "6.2.3-2"),
	[TYPE_NGAP_CAUSE_INT - RECORD_SMF_FIRST] = SEQUENCE(ngap_cause_int_members, NULL),
	[TYPE_SMFPDU_SESSION_RELEASE - RECORD_SMF_FIRST] =
		SEQUENCE(smfpdu_session_release_members, "6.2.3-3"),
	[TYPE_PFD_DATA_FOR_APP_SET_1 - RECORD_SMF_FIRST] =
		SET_OF(TYPE_PFD_DATA_FOR_APP, 1, RECORD_ITEMS),
	[TYPE_SMF_START_OF_INTERCEPTION_WITH_ESTABLISHED_PDU_SESSION - RECORD_SMF_FIRST] =
		SEQUENCE(smf_start_of_interception_with_established_pdu_session_members, "6.2.3-4"),
	[TYPE_SNSSAI_LIST_1 - RECORD_SMF_FIRST] = LIST_OF(TYPE_SNSSAI, 1, RECORD_ITEMS),
	[TYPE_SMF_UNSUCCESSFUL_PROCEDURE - RECORD_SMF_FIRST] =
		SEQUENCE(smf_unsuccessful_procedure_members, "6.2.3-5"),
};

const struct record_type *record_smf(void)
{
	return types;
}
