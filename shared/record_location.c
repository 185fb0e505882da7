// Location: where a subscriber is (TS 33.128's module, from TS 29.571 and TS 29.518).

#include "shared/record_internal.h"

static const struct record_member plmnid_members[] = {
	MEMBER("mCC", 1, TYPE_DIGITS_3, BY_MODULE),
	MEMBER("mNC", 2, TYPE_DIGITS_2_3, BY_MODULE),
};

static const struct record_member tai_members[] = {
	MEMBER("pLMNID", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("tAC", 2, TYPE_OCTETS_2_3, BY_MODULE),
	MEMBER("nID", 3, TYPE_UTF8_11, 0),
};

static const struct record_member ecgi_members[] = {
	MEMBER("pLMNID", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("eUTRACellID", 2, TYPE_BITS_28, BY_MODULE),
	MEMBER("nID", 3, TYPE_UTF8_11, 0),
};

static const struct record_member nge_nb_id_members[] = {
	MEMBER("macroNGENbID", 1, TYPE_BITS_20, 0),
	MEMBER("shortMacroNGENbID", 2, TYPE_BITS_18, 0),
	MEMBER("longMacroNGENbID", 3, TYPE_BITS_21, 0),
};

static const struct record_member e_nb_id_members[] = {
	MEMBER("macroENbID", 1, TYPE_BITS_20, 0),
	MEMBER("homeENbID", 2, TYPE_BITS_28, 0),
	MEMBER("shortMacroENbID", 3, TYPE_BITS_18, 0),
	MEMBER("longMacroENbID", 4, TYPE_BITS_21, 0),
};

static const struct record_member an_node_id_members[] = {
	MEMBER("n3IWFID", 1, TYPE_UTF8, 0),
	MEMBER("gNbID", 2, TYPE_BITS_22_32, 0),
	MEMBER("nGENbID", 3, TYPE_NGE_NB_ID, 0),
	MEMBER("eNbID", 4, TYPE_E_NB_ID, 0),
	MEMBER("wAGFID", 5, TYPE_UTF8, 0),
	MEMBER("tNGFID", 6, TYPE_UTF8, 0),
};

static const struct record_member global_ran_node_id_members[] = {
	MEMBER("pLMNID", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("aNNodeID", 2, TYPE_AN_NODE_ID, BY_MODULE),
	MEMBER("nID", 3, TYPE_UTF8_11, 0),
};

static const struct record_member eutra_location_members[] = {
	MEMBER("tAI", 1, TYPE_TAI, BY_MODULE),
	MEMBER("eCGI", 2, TYPE_ECGI, BY_MODULE),
	MEMBER("ageOfLocationInfo", 3, TYPE_INTEGER_0_32767, 0),
	MEMBER("uELocationTimestamp", 4, TYPE_TIME, 0),
	MEMBER("geographicalInformation", 5, TYPE_UTF8, 0),
	MEMBER("geodeticInformation", 6, TYPE_UTF8, 0),
	MEMBER("globalNGENbID", 7, TYPE_GLOBAL_RAN_NODE_ID, 0),
	MEMBER("globalENbID", 9, TYPE_GLOBAL_RAN_NODE_ID, 0),
	MEMBER("ignoreTAI", 10, TYPE_BOOLEAN, 0),
	MEMBER("ignoreECGI", 11, TYPE_BOOLEAN, 0),
};

static const struct record_member ncgi_members[] = {
	MEMBER("pLMNID", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("nRCellID", 2, TYPE_BITS_36, BY_MODULE),
	MEMBER("nID", 3, TYPE_UTF8_11, 0),
};

static const struct record_member nrntntai_info_members[] = {
	MEMBER("servingPLMN", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("tACListNRNTN", 2, TYPE_OCTETS_2_3_LIST_1, BY_MODULE),
	MEMBER("uELocationDerivedNTNTAC", 3, TYPE_OCTETS_2_3, 0),
};

static const struct record_member nr_location_members[] = {
	MEMBER("tAI", 1, TYPE_TAI, BY_MODULE),
	MEMBER("nCGI", 2, TYPE_NCGI, BY_MODULE),
	MEMBER("ageOfLocationInfo", 3, TYPE_INTEGER_0_32767, 0),
	MEMBER("uELocationTimestamp", 4, TYPE_TIME, 0),
	MEMBER("geographicalInformation", 5, TYPE_UTF8, 0),
	MEMBER("geodeticInformation", 6, TYPE_UTF8, 0),
	MEMBER("globalGNbID", 7, TYPE_GLOBAL_RAN_NODE_ID, 0),
	MEMBER("ignoreNCGI", 9, TYPE_BOOLEAN, 0),
	MEMBER("nRNTNTAIInfo", 10, TYPE_NRNTNTAI_INFO, 0),
};

static const struct record_member ip_addr_members[] = {
	MEMBER("iPv4Addr", 1, TYPE_IPV4, 0),
	MEMBER("iPv6Addr", 2, TYPE_IPV6, 0),
};

static const struct record_member tnapid_members[] = {
	MEMBER("sSID", 1, TYPE_UTF8, 0),
	MEMBER("bSSID", 2, TYPE_UTF8, 0),
	MEMBER("civicAddress", 3, TYPE_OCTETS, 0),
};

static const struct record_member twapid_members[] = {
	MEMBER("sSID", 1, TYPE_UTF8, 0),
	MEMBER("bSSID", 2, TYPE_UTF8, 0),
	MEMBER("civicAddress", 3, TYPE_OCTETS, 0),
};

static const struct record_member n3_ga_location_members[] = {
	MEMBER("tAI", 1, TYPE_TAI, 0),
	MEMBER("n3IWFID", 2, TYPE_BITS_16, 0),
	MEMBER("uEIPAddr", 3, TYPE_IP_ADDR, 0),
	MEMBER("portNumber", 4, TYPE_INTEGER, 0),
	MEMBER("tNAPID", 5, TYPE_TNAPID, 0),
	MEMBER("tWAPID", 6, TYPE_TWAPID, 0),
	MEMBER("hFCNodeID", 7, TYPE_UTF8, 0),
	MEMBER("gLI", 8, TYPE_OCTETS_0_150, 0),
	MEMBER("w5GBANLineType", 9, TYPE_W5_GBAN_LINE_TYPE, 0),
	MEMBER("gCI", 10, TYPE_UTF8, 0),
	MEMBER("ageOfLocationInfo", 11, TYPE_INTEGER_0_32767, 0),
	MEMBER("uELocationTimestamp", 12, TYPE_TIME, 0),
	MEMBER("protocol", 13, TYPE_TRANSPORT_PROTOCOL, 0),
};

static const struct record_member user_location_members[] = {
	MEMBER("eUTRALocation", 1, TYPE_EUTRA_LOCATION, 0),
	MEMBER("nRLocation", 2, TYPE_NR_LOCATION, 0),
	MEMBER("n3GALocation", 3, TYPE_N3_GA_LOCATION, 0),
};

static const struct record_member geographical_coordinates_members[] = {
	MEMBER("latitude", 1, TYPE_UTF8, BY_MODULE),
	MEMBER("longitude", 2, TYPE_UTF8, BY_MODULE),
	MEMBER("mapDatumInformation", 3, TYPE_UTF8, 0),
};

static const struct record_member point_members[] = {
	MEMBER("geographicalCoordinates", 1, TYPE_GEOGRAPHICAL_COORDINATES, BY_MODULE),
};

static const struct record_member point_uncertainty_circle_members[] = {
	MEMBER("geographicalCoordinates", 1, TYPE_GEOGRAPHICAL_COORDINATES, BY_MODULE),
	MEMBER("deprecatedUncertainty", 2, TYPE_INTEGER_0_127, BY_MODULE),
	MEMBER("uncertaintySBI", 3, TYPE_UTF8, 0),
};

static const struct record_member uncertainty_ellipse_members[] = {
	MEMBER("deprecatedSemiMajor", 1, TYPE_INTEGER_0_127, BY_MODULE),
	MEMBER("deprecatedSemiMinor", 2, TYPE_INTEGER_0_127, BY_MODULE),
	MEMBER("orientationMajor", 3, TYPE_INTEGER_0_180, BY_MODULE),
	MEMBER("semiMajorSBI", 4, TYPE_UTF8, 0),
	MEMBER("semiMinorSBI", 5, TYPE_UTF8, 0),
};

static const struct record_member point_uncertainty_ellipse_members[] = {
	MEMBER("geographicalCoordinates", 1, TYPE_GEOGRAPHICAL_COORDINATES, BY_MODULE),
	MEMBER("uncertainty", 2, TYPE_UNCERTAINTY_ELLIPSE, BY_MODULE),
	MEMBER("confidence", 3, TYPE_INTEGER_0_100, BY_MODULE),
};

static const struct record_member polygon_members[] = {
	MEMBER("pointList", 1, TYPE_GEOGRAPHICAL_COORDINATES_SET_3_15, BY_MODULE),
};

static const struct record_member point_altitude_members[] = {
	MEMBER("point", 1, TYPE_GEOGRAPHICAL_COORDINATES, BY_MODULE),
	MEMBER("altitude", 2, TYPE_UTF8, BY_MODULE),
};

static const struct record_member point_altitude_uncertainty_members[] = {
	MEMBER("point", 1, TYPE_GEOGRAPHICAL_COORDINATES, BY_MODULE),
	MEMBER("altitude", 2, TYPE_UTF8, BY_MODULE),
	MEMBER("uncertaintyEllipse", 3, TYPE_UNCERTAINTY_ELLIPSE, BY_MODULE),
	MEMBER("deprecatedUncertaintyAltitude", 4, TYPE_INTEGER_0_127, BY_MODULE),
	MEMBER("confidence", 5, TYPE_INTEGER_0_100, BY_MODULE),
	MEMBER("uncertaintyAltitudeSBI", 6, TYPE_UTF8, 0),
};

static const struct record_member ellipsoid_arc_members[] = {
	MEMBER("point", 1, TYPE_GEOGRAPHICAL_COORDINATES, BY_MODULE),
	MEMBER("innerRadius", 2, TYPE_INTEGER_0_327675, BY_MODULE),
	MEMBER("deprecatedUncertaintyRadius", 3, TYPE_INTEGER_0_127, BY_MODULE),
	MEMBER("offsetAngle", 4, TYPE_INTEGER_0_360, BY_MODULE),
	MEMBER("includedAngle", 5, TYPE_INTEGER_0_360, BY_MODULE),
	MEMBER("confidence", 6, TYPE_INTEGER_0_100, BY_MODULE),
	MEMBER("uncertaintyRadiusSBI", 7, TYPE_UTF8, 0),
};

static const struct record_member geographic_area_members[] = {
	MEMBER("point", 1, TYPE_POINT, 0),
	MEMBER("pointUncertaintyCircle", 2, TYPE_POINT_UNCERTAINTY_CIRCLE, 0),
	MEMBER("pointUncertaintyEllipse", 3, TYPE_POINT_UNCERTAINTY_ELLIPSE, 0),
	MEMBER("polygon", 4, TYPE_POLYGON, 0),
	MEMBER("pointAltitude", 5, TYPE_POINT_ALTITUDE, 0),
	MEMBER("pointAltitudeUncertainty", 6, TYPE_POINT_ALTITUDE_UNCERTAINTY, 0),
	MEMBER("ellipsoidArc", 7, TYPE_ELLIPSOID_ARC, 0),
};

static const struct record_member lai_members[] = {
	MEMBER("pLMNID", 1, TYPE_PLMNID, BY_MODULE),
	MEMBER("lAC", 2, TYPE_OCTETS_2, BY_MODULE),
};

static const struct record_member cgi_members[] = {
	MEMBER("lAI", 1, TYPE_LAI, BY_MODULE),
	MEMBER("cellID", 2, TYPE_OCTETS_2, BY_MODULE),
};

static const struct record_member rancgi_members[] = {
	MEMBER("eCGI", 1, TYPE_ECGI, 0),
	MEMBER("nCGI", 2, TYPE_NCGI, 0),
	MEMBER("cGI", 3, TYPE_CGI, 0),
};

static const struct record_member cell_information_members[] = {
	MEMBER("rANCGI", 1, TYPE_RANCGI, BY_MODULE),
	MEMBER("timeOfLocation", 3, TYPE_TIME, 0),
	MEMBER("band", 5, TYPE_UTF8, 0),
};

static const struct record_member location_info_members[] = {
	MEMBER("userLocation", 1, TYPE_USER_LOCATION, 0),
	MEMBER("currentLoc", 2, TYPE_BOOLEAN, 0),
	MEMBER("geoInfo", 3, TYPE_GEOGRAPHIC_AREA, 0),
	MEMBER("rATType", 4, TYPE_RAT_TYPE, 0),
	MEMBER("timeZone", 5, TYPE_UTF8, 0),
	MEMBER("additionalCellIDs", 6, TYPE_CELL_INFORMATION_LIST, 0),
};

static const struct record_member location_data_members[] = {
	MEMBER("locationEstimate", 1, TYPE_GEOGRAPHIC_AREA, BY_MODULE),
	MEMBER("accuracyFulfilmentIndicator", 2, TYPE_ACCURACY_FULFILMENT_INDICATOR, 0),
	MEMBER("ageOfLocationEstimate", 3, TYPE_INTEGER_0_32767, 0),
	MEMBER("eCGI", 8, TYPE_ECGI, 0),
	MEMBER("nCGI", 9, TYPE_NCGI, 0),
	MEMBER("altitude", 10, TYPE_UTF8, 0),
	MEMBER("barometricPressure", 11, TYPE_INTEGER_30000_115000, 0),
};

static const struct record_member positioning_info_members[] = {
	MEMBER("positionInfo", 1, TYPE_LOCATION_DATA, 0),
};

static const struct record_member presence_info_members[] = {
	MEMBER("presenceState", 1, TYPE_PRESENCE_STATE, 0),
	MEMBER("trackingAreaList", 2, TYPE_TAI_SET, 0),
	MEMBER("eCGIList", 3, TYPE_ECGI_SET, 0),
	MEMBER("nCGIList", 4, TYPE_NCGI_SET, 0),
	MEMBER("globalRANNodeIDList", 5, TYPE_GLOBAL_RAN_NODE_ID_SET, 0),
	MEMBER("globalENbIDList", 6, TYPE_GLOBAL_RAN_NODE_ID_SET, 0),
};

static const struct record_member ladn_info_members[] = {
	MEMBER("lADN", 1, TYPE_UTF8, BY_MODULE),
	MEMBER("presence", 2, TYPE_PRESENCE_STATE, 0),
};

static const struct record_member amf_event_area_members[] = {
	MEMBER("presenceInfo", 1, TYPE_PRESENCE_INFO, 0),
	MEMBER("lADNInfo", 2, TYPE_LADN_INFO, 0),
};

static const struct record_member rm_info_members[] = {
	MEMBER("rMState", 1, TYPE_RM_STATE, BY_MODULE),
	MEMBER("accessType", 2, TYPE_ACCESS_TYPE, BY_MODULE),
};

static const struct record_member cm_info_members[] = {
	MEMBER("cMState", 1, TYPE_CM_STATE, BY_MODULE),
	MEMBER("accessType", 2, TYPE_ACCESS_TYPE, BY_MODULE),
};

static const struct record_member location_presence_report_members[] = {
	MEMBER("type", 1, TYPE_AMF_EVENT_TYPE, BY_MODULE),
	MEMBER("timestamp", 2, TYPE_TIME, BY_MODULE),
	MEMBER("areaList", 3, TYPE_AMF_EVENT_AREA_SET, 0),
	MEMBER("timeZone", 4, TYPE_UTF8, 0),
	MEMBER("accessTypes", 5, TYPE_ACCESS_TYPE_SET, 0),
	MEMBER("rMInfoList", 6, TYPE_RM_INFO_SET, 0),
	MEMBER("cMInfoList", 7, TYPE_CM_INFO_SET, 0),
	MEMBER("reachability", 8, TYPE_UE_REACHABILITY, 0),
	MEMBER("location", 9, TYPE_USER_LOCATION, 0),
	MEMBER("additionalCellIDs", 10, TYPE_CELL_INFORMATION_LIST, 0),
};

static const struct record_member location_members[] = {
	MEMBER("locationInfo", 1, TYPE_LOCATION_INFO, 0),
	MEMBER("positioningInfo", 2, TYPE_POSITIONING_INFO, 0),
	MEMBER("locationPresenceReport", 3, TYPE_LOCATION_PRESENCE_REPORT, 0),
};

// Records with the place of a user need the user location within (TS 33.128 clause 6.2.2.2).
static const struct record_member location_info_of_user_members[] = {
	MEMBER("userLocation", 1, TYPE_USER_LOCATION, BY_TABLE),
	MEMBER("currentLoc", 2, TYPE_BOOLEAN, 0),
	MEMBER("geoInfo", 3, TYPE_GEOGRAPHIC_AREA, 0),
	MEMBER("rATType", 4, TYPE_RAT_TYPE, 0),
	MEMBER("timeZone", 5, TYPE_UTF8, 0),
	MEMBER("additionalCellIDs", 6, TYPE_CELL_INFORMATION_LIST_1, 0),
};

static const struct record_member location_of_user_members[] = {
	MEMBER("locationInfo", 1, TYPE_LOCATION_INFO_OF_USER, BY_TABLE),
	MEMBER("positioningInfo", 2, TYPE_POSITIONING_INFO, 0),
	MEMBER("locationPresenceReport", 3, TYPE_LOCATION_PRESENCE_REPORT, 0),
};

static const struct record_member positioning_info_of_update_members[] = {
	MEMBER("positionInfo", 1, TYPE_LOCATION_DATA, BY_TABLE),
};

// An update of a location has one of several forms (table 6.2.2-3).
static const struct record_member location_of_update_members[] = {
	MEMBER("locationInfo", 1, TYPE_LOCATION_INFO, ONE_OF),
	MEMBER("positioningInfo", 2, TYPE_POSITIONING_INFO_OF_UPDATE, ONE_OF),
	MEMBER("locationPresenceReport", 3, TYPE_LOCATION_PRESENCE_REPORT, ONE_OF),
};

static const struct record_type types[] = {
	[TYPE_PLMNID - RECORD_LOCATION_FIRST] = SEQUENCE(plmnid_members, NULL),
	[TYPE_TAI - RECORD_LOCATION_FIRST] = SEQUENCE(tai_members, NULL),
	[TYPE_ECGI - RECORD_LOCATION_FIRST] = SEQUENCE(ecgi_members, NULL),
	[TYPE_NGE_NB_ID - RECORD_LOCATION_FIRST] = CHOICE(nge_nb_id_members),
	[TYPE_E_NB_ID - RECORD_LOCATION_FIRST] = CHOICE(e_nb_id_members),
	[TYPE_AN_NODE_ID - RECORD_LOCATION_FIRST] = CHOICE(an_node_id_members),
	[TYPE_GLOBAL_RAN_NODE_ID - RECORD_LOCATION_FIRST] =
		SEQUENCE(global_ran_node_id_members, NULL),
	[TYPE_EUTRA_LOCATION - RECORD_LOCATION_FIRST] = SEQUENCE(eutra_location_members, NULL),
	[TYPE_NCGI - RECORD_LOCATION_FIRST] = SEQUENCE(ncgi_members, NULL),
	[TYPE_OCTETS_2_3_LIST_1 - RECORD_LOCATION_FIRST] =
		LIST_OF(TYPE_OCTETS_2_3, 1, RECORD_ITEMS),
	[TYPE_NRNTNTAI_INFO - RECORD_LOCATION_FIRST] = SEQUENCE(nrntntai_info_members, NULL),
	[TYPE_NR_LOCATION - RECORD_LOCATION_FIRST] = SEQUENCE(nr_location_members, NULL),
	[TYPE_IP_ADDR - RECORD_LOCATION_FIRST] = SEQUENCE(ip_addr_members, NULL),
	[TYPE_TNAPID - RECORD_LOCATION_FIRST] = SEQUENCE(tnapid_members, NULL),
	[TYPE_TWAPID - RECORD_LOCATION_FIRST] = SEQUENCE(twapid_members, NULL),
	[TYPE_N3_GA_LOCATION - RECORD_LOCATION_FIRST] = SEQUENCE(n3_ga_location_members, NULL),
	[TYPE_USER_LOCATION - RECORD_LOCATION_FIRST] = SEQUENCE(user_location_members, NULL),
	[TYPE_GEOGRAPHICAL_COORDINATES - RECORD_LOCATION_FIRST] =
		SEQUENCE(geographical_coordinates_members, NULL),
	[TYPE_POINT - RECORD_LOCATION_FIRST] = SEQUENCE(point_members, NULL),
	[TYPE_POINT_UNCERTAINTY_CIRCLE - RECORD_LOCATION_FIRST] =
		SEQUENCE(point_uncertainty_circle_members, NULL),
	[TYPE_UNCERTAINTY_ELLIPSE - RECORD_LOCATION_FIRST] =
		SEQUENCE(uncertainty_ellipse_members, NULL),
	[TYPE_POINT_UNCERTAINTY_ELLIPSE - RECORD_LOCATION_FIRST] =
		SEQUENCE(point_uncertainty_ellipse_members, NULL),
	[TYPE_GEOGRAPHICAL_COORDINATES_SET_3_15 - RECORD_LOCATION_FIRST] =
		SET_OF(TYPE_GEOGRAPHICAL_COORDINATES, 3, 15),
	[TYPE_POLYGON - RECORD_LOCATION_FIRST] = SEQUENCE(polygon_members, NULL),
	[TYPE_POINT_ALTITUDE - RECORD_LOCATION_FIRST] = SEQUENCE(point_altitude_members, NULL),
	[TYPE_POINT_ALTITUDE_UNCERTAINTY - RECORD_LOCATION_FIRST] =
		SEQUENCE(point_altitude_uncertainty_members, NULL),
	[TYPE_ELLIPSOID_ARC - RECORD_LOCATION_FIRST] = SEQUENCE(ellipsoid_arc_members, NULL),
	[TYPE_GEOGRAPHIC_AREA - RECORD_LOCATION_FIRST] = CHOICE(geographic_area_members),
	[TYPE_LAI - RECORD_LOCATION_FIRST] = SEQUENCE(lai_members, NULL),
	[TYPE_CGI - RECORD_LOCATION_FIRST] = SEQUENCE(cgi_members, NULL),
	[TYPE_RANCGI - RECORD_LOCATION_FIRST] = CHOICE(rancgi_members),
	[TYPE_CELL_INFORMATION - RECORD_LOCATION_FIRST] = SEQUENCE(cell_information_members, NULL),
	[TYPE_CELL_INFORMATION_LIST - RECORD_LOCATION_FIRST] =
		LIST_OF(TYPE_CELL_INFORMATION, 0, RECORD_ITEMS),
	[TYPE_LOCATION_INFO - RECORD_LOCATION_FIRST] = SEQUENCE(location_info_members, NULL),
	[TYPE_LOCATION_DATA - RECORD_LOCATION_FIRST] = SEQUENCE(location_data_members, NULL),
	[TYPE_POSITIONING_INFO - RECORD_LOCATION_FIRST] = SEQUENCE(positioning_info_members, NULL),
	[TYPE_TAI_SET - RECORD_LOCATION_FIRST] = SET_OF(TYPE_TAI, 0, RECORD_ITEMS),
	[TYPE_ECGI_SET - RECORD_LOCATION_FIRST] = SET_OF(TYPE_ECGI, 0, RECORD_ITEMS),
	[TYPE_NCGI_SET - RECORD_LOCATION_FIRST] = SET_OF(TYPE_NCGI, 0, RECORD_ITEMS),
	[TYPE_GLOBAL_RAN_NODE_ID_SET - RECORD_LOCATION_FIRST] =
		SET_OF(TYPE_GLOBAL_RAN_NODE_ID, 0, RECORD_ITEMS),
	[TYPE_PRESENCE_INFO - RECORD_LOCATION_FIRST] = SEQUENCE(presence_info_members, NULL),
	[TYPE_LADN_INFO - RECORD_LOCATION_FIRST] = SEQUENCE(ladn_info_members, NULL),
	[TYPE_AMF_EVENT_AREA - RECORD_LOCATION_FIRST] = SEQUENCE(amf_event_area_members, NULL),
	[TYPE_AMF_EVENT_AREA_SET - RECORD_LOCATION_FIRST] =
		SET_OF(TYPE_AMF_EVENT_AREA, 0, RECORD_ITEMS),
	[TYPE_ACCESS_TYPE_SET - RECORD_LOCATION_FIRST] = SET_OF(TYPE_ACCESS_TYPE, 0, RECORD_ITEMS),
	[TYPE_RM_INFO - RECORD_LOCATION_FIRST] = SEQUENCE(rm_info_members, NULL),
	[TYPE_RM_INFO_SET - RECORD_LOCATION_FIRST] = SET_OF(TYPE_RM_INFO, 0, RECORD_ITEMS),
	[TYPE_CM_INFO - RECORD_LOCATION_FIRST] = SEQUENCE(cm_info_members, NULL),
	[TYPE_CM_INFO_SET - RECORD_LOCATION_FIRST] = SET_OF(TYPE_CM_INFO, 0, RECORD_ITEMS),
	[TYPE_LOCATION_PRESENCE_REPORT - RECORD_LOCATION_FIRST] =
		SEQUENCE(location_presence_report_members, NULL),
	[TYPE_LOCATION - RECORD_LOCATION_FIRST] = SEQUENCE(location_members, NULL),
	[TYPE_CELL_INFORMATION_LIST_1 - RECORD_LOCATION_FIRST] =
		LIST_OF(TYPE_CELL_INFORMATION, 1, RECORD_ITEMS),
	[TYPE_LOCATION_INFO_OF_USER - RECORD_LOCATION_FIRST] =
		SEQUENCE(location_info_of_user_members, NULL),
	[TYPE_LOCATION_OF_USER - RECORD_LOCATION_FIRST] = SEQUENCE(location_of_user_members, NULL),
	[TYPE_POSITIONING_INFO_OF_UPDATE - RECORD_LOCATION_FIRST] =
		SEQUENCE(positioning_info_of_update_members, "6.2.2-3"),
	[TYPE_LOCATION_OF_UPDATE - RECORD_LOCATION_FIRST] =
		SEQUENCE(location_of_update_members, "6.2.2-3"),
};

const struct record_type *record_location(void)
{
	return types;
}
