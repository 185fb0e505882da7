// Location: where a subscriber is (TS 33.128's module, from TS 29.571 and TS 29.518).

#include "shared/record_internal.h"

static const struct record_member plmnid_members[] = {
	MEMBER("mCC", 1, type_digits_3, BY_MODULE),
	MEMBER("mNC", 2, type_digits_2_3, BY_MODULE),
};
const struct record_type type_plmnid = SEQUENCE(plmnid_members, NULL);

static const struct record_member tai_members[] = {
	MEMBER("pLMNID", 1, type_plmnid, BY_MODULE),
	MEMBER("tAC", 2, type_octets_2_3, BY_MODULE),
	MEMBER("nID", 3, type_utf8_11, 0),
};
static const struct record_type type_tai = SEQUENCE(tai_members, NULL);

static const struct record_member ecgi_members[] = {
	MEMBER("pLMNID", 1, type_plmnid, BY_MODULE),
	MEMBER("eUTRACellID", 2, type_bits_28, BY_MODULE),
	MEMBER("nID", 3, type_utf8_11, 0),
};
static const struct record_type type_ecgi = SEQUENCE(ecgi_members, NULL);

static const struct record_member nge_nb_id_members[] = {
	MEMBER("macroNGENbID", 1, type_bits_20, 0),
	MEMBER("shortMacroNGENbID", 2, type_bits_18, 0),
	MEMBER("longMacroNGENbID", 3, type_bits_21, 0),
};
static const struct record_type type_nge_nb_id = CHOICE(nge_nb_id_members);

static const struct record_member e_nb_id_members[] = {
	MEMBER("macroENbID", 1, type_bits_20, 0),
	MEMBER("homeENbID", 2, type_bits_28, 0),
	MEMBER("shortMacroENbID", 3, type_bits_18, 0),
	MEMBER("longMacroENbID", 4, type_bits_21, 0),
};
static const struct record_type type_e_nb_id = CHOICE(e_nb_id_members);

static const struct record_member an_node_id_members[] = {
	MEMBER("n3IWFID", 1, type_utf8, 0),
	MEMBER("gNbID", 2, type_bits_22_32, 0),
	MEMBER("nGENbID", 3, type_nge_nb_id, 0),
	MEMBER("eNbID", 4, type_e_nb_id, 0),
	MEMBER("wAGFID", 5, type_utf8, 0),
	MEMBER("tNGFID", 6, type_utf8, 0),
};
static const struct record_type type_an_node_id = CHOICE(an_node_id_members);

static const struct record_member global_ran_node_id_members[] = {
	MEMBER("pLMNID", 1, type_plmnid, BY_MODULE),
	MEMBER("aNNodeID", 2, type_an_node_id, BY_MODULE),
	MEMBER("nID", 3, type_utf8_11, 0),
};
static const struct record_type type_global_ran_node_id =
	SEQUENCE(global_ran_node_id_members, NULL);

static const struct record_member eutra_location_members[] = {
	MEMBER("tAI", 1, type_tai, BY_MODULE),
	MEMBER("eCGI", 2, type_ecgi, BY_MODULE),
	MEMBER("ageOfLocationInfo", 3, type_integer_0_32767, 0),
	MEMBER("uELocationTimestamp", 4, type_time, 0),
	MEMBER("geographicalInformation", 5, type_utf8, 0),
	MEMBER("geodeticInformation", 6, type_utf8, 0),
	MEMBER("globalNGENbID", 7, type_global_ran_node_id, 0),
	MEMBER("globalENbID", 9, type_global_ran_node_id, 0),
	MEMBER("ignoreTAI", 10, type_boolean, 0),
	MEMBER("ignoreECGI", 11, type_boolean, 0),
};
static const struct record_type type_eutra_location = SEQUENCE(eutra_location_members, NULL);

static const struct record_member ncgi_members[] = {
	MEMBER("pLMNID", 1, type_plmnid, BY_MODULE),
	MEMBER("nRCellID", 2, type_bits_36, BY_MODULE),
	MEMBER("nID", 3, type_utf8_11, 0),
};
static const struct record_type type_ncgi = SEQUENCE(ncgi_members, NULL);

static const struct record_type type_octets_2_3_list_1 = LIST_OF(type_octets_2_3, 1, RECORD_ITEMS);

static const struct record_member nrntntai_info_members[] = {
	MEMBER("servingPLMN", 1, type_plmnid, BY_MODULE),
	MEMBER("tACListNRNTN", 2, type_octets_2_3_list_1, BY_MODULE),
	MEMBER("uELocationDerivedNTNTAC", 3, type_octets_2_3, 0),
};
static const struct record_type type_nrntntai_info = SEQUENCE(nrntntai_info_members, NULL);

static const struct record_member nr_location_members[] = {
	MEMBER("tAI", 1, type_tai, BY_MODULE),
	MEMBER("nCGI", 2, type_ncgi, BY_MODULE),
	MEMBER("ageOfLocationInfo", 3, type_integer_0_32767, 0),
	MEMBER("uELocationTimestamp", 4, type_time, 0),
	MEMBER("geographicalInformation", 5, type_utf8, 0),
	MEMBER("geodeticInformation", 6, type_utf8, 0),
	MEMBER("globalGNbID", 7, type_global_ran_node_id, 0),
	MEMBER("ignoreNCGI", 9, type_boolean, 0),
	MEMBER("nRNTNTAIInfo", 10, type_nrntntai_info, 0),
};
static const struct record_type type_nr_location = SEQUENCE(nr_location_members, NULL);

static const struct record_member ip_addr_members[] = {
	MEMBER("iPv4Addr", 1, type_ipv4, 0),
	MEMBER("iPv6Addr", 2, type_ipv6, 0),
};
static const struct record_type type_ip_addr = SEQUENCE(ip_addr_members, NULL);

static const struct record_member tnapid_members[] = {
	MEMBER("sSID", 1, type_utf8, 0),
	MEMBER("bSSID", 2, type_utf8, 0),
	MEMBER("civicAddress", 3, type_octets, 0),
};
static const struct record_type type_tnapid = SEQUENCE(tnapid_members, NULL);

static const struct record_member twapid_members[] = {
	MEMBER("sSID", 1, type_utf8, 0),
	MEMBER("bSSID", 2, type_utf8, 0),
	MEMBER("civicAddress", 3, type_octets, 0),
};
static const struct record_type type_twapid = SEQUENCE(twapid_members, NULL);

static const struct record_member n3_ga_location_members[] = {
	MEMBER("tAI", 1, type_tai, 0),
	MEMBER("n3IWFID", 2, type_bits_16, 0),
	MEMBER("uEIPAddr", 3, type_ip_addr, 0),
	MEMBER("portNumber", 4, type_integer, 0),
	MEMBER("tNAPID", 5, type_tnapid, 0),
	MEMBER("tWAPID", 6, type_twapid, 0),
	MEMBER("hFCNodeID", 7, type_utf8, 0),
	MEMBER("gLI", 8, type_octets_0_150, 0),
	MEMBER("w5GBANLineType", 9, type_w5_gban_line_type, 0),
	MEMBER("gCI", 10, type_utf8, 0),
	MEMBER("ageOfLocationInfo", 11, type_integer_0_32767, 0),
	MEMBER("uELocationTimestamp", 12, type_time, 0),
	MEMBER("protocol", 13, type_transport_protocol, 0),
};
static const struct record_type type_n3_ga_location = SEQUENCE(n3_ga_location_members, NULL);

static const struct record_member user_location_members[] = {
	MEMBER("eUTRALocation", 1, type_eutra_location, 0),
	MEMBER("nRLocation", 2, type_nr_location, 0),
	MEMBER("n3GALocation", 3, type_n3_ga_location, 0),
};
static const struct record_type type_user_location = SEQUENCE(user_location_members, NULL);

static const struct record_member geographical_coordinates_members[] = {
	MEMBER("latitude", 1, type_utf8, BY_MODULE),
	MEMBER("longitude", 2, type_utf8, BY_MODULE),
	MEMBER("mapDatumInformation", 3, type_utf8, 0),
};
static const struct record_type type_geographical_coordinates =
	SEQUENCE(geographical_coordinates_members, NULL);

static const struct record_member point_members[] = {
	MEMBER("geographicalCoordinates", 1, type_geographical_coordinates, BY_MODULE),
};
static const struct record_type type_point = SEQUENCE(point_members, NULL);

static const struct record_member point_uncertainty_circle_members[] = {
	MEMBER("geographicalCoordinates", 1, type_geographical_coordinates, BY_MODULE),
	MEMBER("deprecatedUncertainty", 2, type_integer_0_127, BY_MODULE),
	MEMBER("uncertaintySBI", 3, type_utf8, 0),
};
static const struct record_type type_point_uncertainty_circle =
	SEQUENCE(point_uncertainty_circle_members, NULL);

static const struct record_member uncertainty_ellipse_members[] = {
	MEMBER("deprecatedSemiMajor", 1, type_integer_0_127, BY_MODULE),
	MEMBER("deprecatedSemiMinor", 2, type_integer_0_127, BY_MODULE),
	MEMBER("orientationMajor", 3, type_integer_0_180, BY_MODULE),
	MEMBER("semiMajorSBI", 4, type_utf8, 0),
	MEMBER("semiMinorSBI", 5, type_utf8, 0),
};
static const struct record_type type_uncertainty_ellipse =
	SEQUENCE(uncertainty_ellipse_members, NULL);

static const struct record_member point_uncertainty_ellipse_members[] = {
	MEMBER("geographicalCoordinates", 1, type_geographical_coordinates, BY_MODULE),
	MEMBER("uncertainty", 2, type_uncertainty_ellipse, BY_MODULE),
	MEMBER("confidence", 3, type_integer_0_100, BY_MODULE),
};
static const struct record_type type_point_uncertainty_ellipse =
	SEQUENCE(point_uncertainty_ellipse_members, NULL);

static const struct record_type type_geographical_coordinates_set_3_15 =
	SET_OF(type_geographical_coordinates, 3, 15);

static const struct record_member polygon_members[] = {
	MEMBER("pointList", 1, type_geographical_coordinates_set_3_15, BY_MODULE),
};
static const struct record_type type_polygon = SEQUENCE(polygon_members, NULL);

static const struct record_member point_altitude_members[] = {
	MEMBER("point", 1, type_geographical_coordinates, BY_MODULE),
	MEMBER("altitude", 2, type_utf8, BY_MODULE),
};
static const struct record_type type_point_altitude = SEQUENCE(point_altitude_members, NULL);

static const struct record_member point_altitude_uncertainty_members[] = {
	MEMBER("point", 1, type_geographical_coordinates, BY_MODULE),
	MEMBER("altitude", 2, type_utf8, BY_MODULE),
	MEMBER("uncertaintyEllipse", 3, type_uncertainty_ellipse, BY_MODULE),
	MEMBER("deprecatedUncertaintyAltitude", 4, type_integer_0_127, BY_MODULE),
	MEMBER("confidence", 5, type_integer_0_100, BY_MODULE),
	MEMBER("uncertaintyAltitudeSBI", 6, type_utf8, 0),
};
static const struct record_type type_point_altitude_uncertainty =
	SEQUENCE(point_altitude_uncertainty_members, NULL);

static const struct record_member ellipsoid_arc_members[] = {
	MEMBER("point", 1, type_geographical_coordinates, BY_MODULE),
	MEMBER("innerRadius", 2, type_integer_0_327675, BY_MODULE),
	MEMBER("deprecatedUncertaintyRadius", 3, type_integer_0_127, BY_MODULE),
	MEMBER("offsetAngle", 4, type_integer_0_360, BY_MODULE),
	MEMBER("includedAngle", 5, type_integer_0_360, BY_MODULE),
	MEMBER("confidence", 6, type_integer_0_100, BY_MODULE),
	MEMBER("uncertaintyRadiusSBI", 7, type_utf8, 0),
};
static const struct record_type type_ellipsoid_arc = SEQUENCE(ellipsoid_arc_members, NULL);

static const struct record_member geographic_area_members[] = {
	MEMBER("point", 1, type_point, 0),
	MEMBER("pointUncertaintyCircle", 2, type_point_uncertainty_circle, 0),
	MEMBER("pointUncertaintyEllipse", 3, type_point_uncertainty_ellipse, 0),
	MEMBER("polygon", 4, type_polygon, 0),
	MEMBER("pointAltitude", 5, type_point_altitude, 0),
	MEMBER("pointAltitudeUncertainty", 6, type_point_altitude_uncertainty, 0),
	MEMBER("ellipsoidArc", 7, type_ellipsoid_arc, 0),
};
static const struct record_type type_geographic_area = CHOICE(geographic_area_members);

static const struct record_member lai_members[] = {
	MEMBER("pLMNID", 1, type_plmnid, BY_MODULE),
	MEMBER("lAC", 2, type_octets_2, BY_MODULE),
};
static const struct record_type type_lai = SEQUENCE(lai_members, NULL);

static const struct record_member cgi_members[] = {
	MEMBER("lAI", 1, type_lai, BY_MODULE),
	MEMBER("cellID", 2, type_octets_2, BY_MODULE),
};
static const struct record_type type_cgi = SEQUENCE(cgi_members, NULL);

static const struct record_member rancgi_members[] = {
	MEMBER("eCGI", 1, type_ecgi, 0),
	MEMBER("nCGI", 2, type_ncgi, 0),
	MEMBER("cGI", 3, type_cgi, 0),
};
static const struct record_type type_rancgi = CHOICE(rancgi_members);

static const struct record_member cell_information_members[] = {
	MEMBER("rANCGI", 1, type_rancgi, BY_MODULE),
	MEMBER("timeOfLocation", 3, type_time, 0),
	MEMBER("band", 5, type_utf8, 0),
};
static const struct record_type type_cell_information = SEQUENCE(cell_information_members, NULL);

static const struct record_type type_cell_information_list =
	LIST_OF(type_cell_information, 0, RECORD_ITEMS);

static const struct record_member location_info_members[] = {
	MEMBER("userLocation", 1, type_user_location, 0),
	MEMBER("currentLoc", 2, type_boolean, 0),
	MEMBER("geoInfo", 3, type_geographic_area, 0),
	MEMBER("rATType", 4, type_rat_type, 0),
	MEMBER("timeZone", 5, type_utf8, 0),
	MEMBER("additionalCellIDs", 6, type_cell_information_list, 0),
};
static const struct record_type type_location_info = SEQUENCE(location_info_members, NULL);

static const struct record_member location_data_members[] = {
	MEMBER("locationEstimate", 1, type_geographic_area, BY_MODULE),
	MEMBER("accuracyFulfilmentIndicator", 2, type_accuracy_fulfilment_indicator, 0),
	MEMBER("ageOfLocationEstimate", 3, type_integer_0_32767, 0),
	MEMBER("eCGI", 8, type_ecgi, 0),
	MEMBER("nCGI", 9, type_ncgi, 0),
	MEMBER("altitude", 10, type_utf8, 0),
	MEMBER("barometricPressure", 11, type_integer_30000_115000, 0),
};
static const struct record_type type_location_data = SEQUENCE(location_data_members, NULL);

static const struct record_member positioning_info_members[] = {
	MEMBER("positionInfo", 1, type_location_data, 0),
};
static const struct record_type type_positioning_info = SEQUENCE(positioning_info_members, NULL);

static const struct record_type type_tai_set = SET_OF(type_tai, 0, RECORD_ITEMS);

static const struct record_type type_ecgi_set = SET_OF(type_ecgi, 0, RECORD_ITEMS);

static const struct record_type type_ncgi_set = SET_OF(type_ncgi, 0, RECORD_ITEMS);

static const struct record_type type_global_ran_node_id_set =
	SET_OF(type_global_ran_node_id, 0, RECORD_ITEMS);

static const struct record_member presence_info_members[] = {
	MEMBER("presenceState", 1, type_presence_state, 0),
	MEMBER("trackingAreaList", 2, type_tai_set, 0),
	MEMBER("eCGIList", 3, type_ecgi_set, 0),
	MEMBER("nCGIList", 4, type_ncgi_set, 0),
	MEMBER("globalRANNodeIDList", 5, type_global_ran_node_id_set, 0),
	MEMBER("globalENbIDList", 6, type_global_ran_node_id_set, 0),
};
static const struct record_type type_presence_info = SEQUENCE(presence_info_members, NULL);

static const struct record_member ladn_info_members[] = {
	MEMBER("lADN", 1, type_utf8, BY_MODULE),
	MEMBER("presence", 2, type_presence_state, 0),
};
static const struct record_type type_ladn_info = SEQUENCE(ladn_info_members, NULL);

static const struct record_member amf_event_area_members[] = {
	MEMBER("presenceInfo", 1, type_presence_info, 0),
	MEMBER("lADNInfo", 2, type_ladn_info, 0),
};
static const struct record_type type_amf_event_area = SEQUENCE(amf_event_area_members, NULL);

static const struct record_type type_amf_event_area_set =
	SET_OF(type_amf_event_area, 0, RECORD_ITEMS);

static const struct record_type type_access_type_set = SET_OF(type_access_type, 0, RECORD_ITEMS);

static const struct record_member rm_info_members[] = {
	MEMBER("rMState", 1, type_rm_state, BY_MODULE),
	MEMBER("accessType", 2, type_access_type, BY_MODULE),
};
static const struct record_type type_rm_info = SEQUENCE(rm_info_members, NULL);

static const struct record_type type_rm_info_set = SET_OF(type_rm_info, 0, RECORD_ITEMS);

static const struct record_member cm_info_members[] = {
	MEMBER("cMState", 1, type_cm_state, BY_MODULE),
	MEMBER("accessType", 2, type_access_type, BY_MODULE),
};
static const struct record_type type_cm_info = SEQUENCE(cm_info_members, NULL);

static const struct record_type type_cm_info_set = SET_OF(type_cm_info, 0, RECORD_ITEMS);

static const struct record_member location_presence_report_members[] = {
	MEMBER("type", 1, type_amf_event_type, BY_MODULE),
	MEMBER("timestamp", 2, type_time, BY_MODULE),
	MEMBER("areaList", 3, type_amf_event_area_set, 0),
	MEMBER("timeZone", 4, type_utf8, 0),
	MEMBER("accessTypes", 5, type_access_type_set, 0),
	MEMBER("rMInfoList", 6, type_rm_info_set, 0),
	MEMBER("cMInfoList", 7, type_cm_info_set, 0),
	MEMBER("reachability", 8, type_ue_reachability, 0),
	MEMBER("location", 9, type_user_location, 0),
	MEMBER("additionalCellIDs", 10, type_cell_information_list, 0),
};
static const struct record_type type_location_presence_report =
	SEQUENCE(location_presence_report_members, NULL);

static const struct record_member location_members[] = {
	MEMBER("locationInfo", 1, type_location_info, 0),
	MEMBER("positioningInfo", 2, type_positioning_info, 0),
	MEMBER("locationPresenceReport", 3, type_location_presence_report, 0),
};
const struct record_type type_location = SEQUENCE(location_members, NULL);
