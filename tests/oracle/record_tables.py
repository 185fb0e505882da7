"""The records of an AMF, an SMF and an SMSF by the tables of TS 33.128 clause 6.2: a transcription of names and of M, C
and O. They come from the specification's text, not from the product; record_judge.py holds a record against them.

The tables of this text have three columns: no cardinality, no size. Bounds here come from the descriptions (octets of an
address, "one or more", two kinds of access) or, marked with % below, from the module (TS 33.128 V18.16.0, r18 version15).

One line a field: name[=name in the module] M|C|O and marks:
  >TABLE     the value is a structure of that table; with bounds, each of the list
  1..2       a list of that many (no number behind the dots: no bound)
  (1..255)   octets, characters, or for an integer its range
  %          the bound before is the module's
  old        no longer used
  -          not in the module

Differences of the module from the tables (m: the module's SEQUENCE):
  gTPTunnelInfo (establishment, modification, start, PDU to MA, access)   table M      m OPTIONAL
  pCCRuleID                                                               table M      m OPTIONAL
  requestType (SMFPDUSessionModification)                                 table C      m mandatory
  uEEndpoint (SMFStartOfInterceptionWithEstablishedPDUSession)            table C      m mandatory list
  uEEndpoint (SMFPDUSessionModification, SMFPDUtoMAPDUSessionModification) address(es)  m one address
  routeToLocs (PCC rule)                                                  table C      m trafficRoutes, mandatory, a set
  pFD (PCC rule)                                                          table C      m has none
  sourceTrafficRouting, targetTrafficRouting (PCC rule)                   table none   m OPTIONAL
  pFDs, pFDflowDescription, uRLs, domainNames, dnProtocol                 table C      m mandatory
  initiator, requestedSlice, location (SMFUnsuccessfulProcedure)          another order in m
  gUTI (AMFUEConfigurationUpdate)                                         table 5G-GUTI, m the type of the EPS GUTI
  userIdentifiers                                                         table a list  m a structure of two lists
  names: what stands behind = below
  members that only the module has: NEWER below; V19.3.0 drops alternativeNSSAI and renames nGInformation
"""
import re

RECORDS = {
	"AMFRegistration": """
		registrationType M
		registrationResult M
		slice C >Slice
		sUPI M
		sUCI C
		pEI C
		gPSI C
		gUTI M
		location C >LocationOfUser
		non3GPPAccessEndpoint C >EndpointIp
		fiveGSTAIList C 1..
		sMSoverNASIndicator=sMSOverNasIndicator C
		oldGUTI C
		eMM5GRegStatus C
		nonIMEISVPEI C
		mACRestIndicator C
		pagingRestrictionIndicator C""",
	"AMFDeregistration": """
		deregistrationDirection M
		accessType M
		sUPI C
		sUCI C
		pEI C
		gPSI C
		gUTI C
		cause C
		location C >LocationOfUser
		switchOffIndicator C
		reRegRequiredIndicator C""",
	"AMFLocationUpdate": """
		sUPI M
		sUCI C
		pEI C
		gPSI C
		gUTI C
		location M >LocationOfUpdate
		sMSoverNASIndicator=deprecatedSMSOverNASIndicator C old
		oldGUTI=deprecatedOldGUTI C old""",
	"AMFStartOfInterceptionWithRegisteredUE": """
		registrationResult M
		registrationType C
		slice C >SliceOfStart
		sUPI M
		sUCI C
		pEI C
		gPSI C
		gUTI M
		location C >LocationOfUser
		non3GPPAccessEndpoint C >EndpointIp
		timeOfRegistration C
		fiveGSTAIList C 1..
		sMSoverNASIndicator=sMSOverNASIndicator C
		oldGUTI C
		eMM5GRegStatus C""",
	"AMFUnsuccessfulProcedure": """
		failedprocedureType=failedProcedureType M
		failureCause M
		requestedSlice C 1..
		sUPI C
		sUCI C
		pEI C
		gPSI C
		gUTI C
		location C >LocationOfUser""",
	"AMFIdentifierAssociation": """
		sUPI M
		sUCI C
		pEI C
		gPSI C
		gUTI M
		location M >LocationOfUser
		fiveGSTAIList C 1..""",
	"AMFPositioningInfoTransfer": """
		sUPI M
		sUCI C
		pEI C
		gPSI C
		gUTI C
		nRPPaMessage C
		lPPMessage C
		lcsCorrelationId M (1..255) %""",
	"AMFRANHandoverCommand": """
		userIdentifiers M
		aMFUENGAPID M (0..1099511627775) %
		rANUENGAPID M (0..4294967295) %
		handoverType M
		targetToSourceContainer M""",
	"AMFRANHandoverRequest": """
		userIdentifiers M
		aMFUENGAPID M (0..1099511627775) %
		rANUENGAPID M (0..4294967295) %
		handoverType M
		handoverCause M
		pDUSessionResourceInformation M
		mobilityRestrictionList C
		locationReportingRequestType C
		targetToSourceContainer M
		nPNAccessInformation C
		rANSourceToTargetContainer=sourceToTargetContainer M""",
	"AMFUEConfigurationUpdate": """
		userIdentifiers M
		gUTI M
		oldGUTI C
		fiveGSTAIList C 1..
		slice C >Slice
		serviceAreaList C
		registrationResult C
		sMSoverNASIndicator=sMSOverNASIndicator C""",
	"SMFPDUSessionEstablishment": """
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		pDUSessionID M (0..255) %
		gTPTunnelID M
		pDUSessionType M
		sNSSAI C
		uEEndpoint C >Endpoint 1..
		non3GPPAccessEndpoint C >EndpointIp
		location C
		dNN M
		aMFID C
		hSMFURI C
		requestType M
		accessType C
		rATType C
		sMPDUDNRequest C
		uEEPSPDNConnection C
		ePS5GSComboInfo C >EPS5GSComboInfo
		selectedDNN C
		servingNetwork C
		oldPDUSessionID C (0..255) %
		handoverState C
		gTPTunnelInfo M >GTPTunnelInfo
		pCCRules C >PCCRule 1..
		ePSPDNConnectionEstablishment C""",
	"SMFPDUSessionModification": """
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		sNSSAI C
		non3GPPAccessEndpoint C >EndpointIp
		location C
		requestType C
		accessType C
		rATType C
		pDUSessionID C (0..255) %
		ePS5GSComboInfo C >EPS5GSComboInfo
		uEEndpoint C
		servingNetwork C
		handoverState C
		gTPTunnelInfo M >GTPTunnelInfo
		pCCRules C >PCCRule 1..
		ePSPDNConnectionModification C
		uPPathChange C >UPPathChange
		pFDDataForApp C >PFDDataForApp""",
	"SMFPDUSessionRelease": """
		sUPI M
		pEI C
		gPSI C
		pDUSessionID M (0..255) %
		timeOfFirstPacket C
		timeOfLastPacket C
		uplinkVolume C
		downlinkVolume C
		location C
		cause C
		ePS5GSComboInfo C >EPS5GSComboInfo
		nGAPCause C
		fiveGMMCause C
		pCCRuleIDs C 1..
		ePSPDNConnectionRelease C""",
	"SMFStartOfInterceptionWithEstablishedPDUSession": """
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		pDUSessionID M (0..255) %
		gTPTunnelID M
		pDUSessionType M
		sNSSAI C
		uEEndpoint C >Endpoint 0..
		non3GPPAccessEndpoint C >EndpointIp
		location C
		dNN M
		aMFID C
		hSMFURI C
		requestType M
		accessType C
		rATType C
		sMPDUDNRequest C
		timeOfSessionEstablishment C
		ePS5GSComboInfo C >EPS5GSComboInfo
		uEEPSPDNConnection C
		servingNetwork C
		gTPTunnelInfo M >GTPTunnelInfo
		pCCRules C >PCCRule 1..
		ePSStartOfInterceptionWithEstablishedPDNConnection C
		pFDDataForApps C >PFDDataForApp 1..""",
	"SMFUnsuccessfulProcedure": """
		failedProcedureType M
		failureCause M
		requestedSlice C 1..
		initiator M
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		pDUSessionID C (0..255) %
		uEEndpoint C >Endpoint 1..
		non3GPPAccessEndpoint C >EndpointIp
		location C
		dNN C
		aMFID C
		hSMFURI C
		requestType C
		accessType C
		rATType C
		sMPDUDNRequest C""",
	"SMFMAPDUSessionEstablishment": """
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		pDUSessionID M (0..255) %
		pDUSessionType M
		accessInfo M >AccessInfo 1..2
		sNSSAI C
		uEEndpoint C >Endpoint 1..
		location C
		dNN M
		aMFID C
		hSMFURI C
		requestType M
		sMPDUDNRequest C
		servingNetwork M
		oldPDUSessionID C (0..255) %
		mAUpgradeIndication C
		ePSPDNCnxInfo C
		mAAcceptedIndication M
		aTSSSContainer C
		uEEPSPDNConnection C
		ePS5GSComboInfo C >EPS5GSComboInfo
		selectedDNN C
		handoverState C
		pCCRules C >PCCRule 1..
		ePSPDNConnectionEstablishment C""",
	"SMFMAPDUSessionModification": """
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		pDUSessionID M (0..255) %
		accessInfo C >AccessInfo 1..2
		sNSSAI C
		location C
		requestType C
		servingNetwork M
		oldPDUSessionID C (0..255) %
		mAUpgradeIndication C
		ePSPDNCnxInfo C
		mAAcceptedIndication M
		aTSSSContainer C
		uEEPSPDNConnection C
		ePS5GSComboInfo C >EPS5GSComboInfo
		handoverState C
		pCCRules C >PCCRule 1..
		uPPathChange C >UPPathChange
		pFDDataForApp C >PFDDataForApp
		ePSPDNConnectionModification C""",
	"SMFMAPDUSessionRelease": """
		sUPI M
		pEI C
		gPSI C
		pDUSessionID M (0..255) %
		timeOfFirstPacket C
		timeOfLastPacket C
		uplinkVolume C
		downlinkVolume C
		location C
		cause C
		nGAPCause C
		fiveGMMCause C
		pCCRulesIDs=pCCRuleIDs C 1..
		ePSPDNConnectionRelease C""",
	"SMFStartOfInterceptionWithEstablishedMAPDUSession": """
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		pDUSessionID M (0..255) %
		pDUSessionType M
		accessInfo M >AccessInfo 1..2
		sNSSAI C
		uEEndpoint C >Endpoint 1..
		location C
		dNN M
		aMFID C
		hSMFURI C
		requestType C
		sMPDUDNRequest C
		servingNetwork M
		oldPDUSessionID C (0..255) %
		mAUpgradeIndication C
		ePSPDNCnxInfo C
		mAAcceptedIndication M
		aTSSSContainer C
		ePS5GSComboInfo C >EPS5GSComboInfo
		uEEPSPDNConnection C
		pCCRules C >PCCRule 1..
		pFDDataForApps C >PFDDataForApp 1..
		ePSStartOfInterceptionWithEstablishedPDNConnection C""",
	"SMFMAUnsuccessfulProcedure": """
		failedProcedureType M
		failureCause M
		requestedSlice C 1..
		initiator M
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		pDUSessionID C (0..255) %
		accessInfo M >AccessInfo 1..2
		uEEndpoint C >Endpoint 1..
		location C
		dNN C
		aMFID C
		hSMFURI C
		requestType C
		sMPDUDNRequest C""",
	"SMFPDUtoMAPDUSessionModification": """
		sUPI C
		sUPIUnauthenticated C
		pEI C
		gPSI C
		sNSSAI C
		non3GPPAccessEndpoint C >EndpointIp
		location C
		requestType M
		accessType C
		rATType C
		pDUSessionID M (0..255) %
		requestIndication M
		aTSSSContainer M
		uEEndpoint C
		servingNetwork C
		handoverState C
		gTPTunnelInfo M >GTPTunnelInfo
		ePSPDNConnectionModification C""",
	"SMSMessage": """
		originatingSMSParty M
		terminatingSMSParty M
		direction M
		linkTransferStatus M
		otherMessage C
		location C >LocationOfUser
		peerNFAddress C
		peerNFType C
		sMSTPDUData C >SMSTPDUData
		messageType C
		rPMessageReference C (0..255) %""",
	"SMSReport": """
		location C >LocationOfUser
		sMSTPDUData M >SMSTPDUData
		messageType M
		rPMessageReference M (0..255) %""",
}

# Tables inside of records, by the name of the module's type.
NESTED = {
	"EPS5GSComboInfo": """
		ePSInterworkingIndication M
		ePSSubscriberIDs M
		ePSPdnCnxInfo=ePSPDNCnxInfo C
		ePSBearerInfo C""",
	"GTPTunnelInfo": """
		fiveGSGTPTunnels C >FiveGSGTPTunnels
		ePSGTPTunnels C""",
	"FiveGSGTPTunnels": """
		uLNGUUPTunnelInformation C
		additionalULNGUUPTunnelInformation C 1..
		dLRANTunnelInformation C >DLRANTunnelInformation""",
	"DLRANTunnelInformation": """
		dLQOSFlowTunnelInformation C
		additionalDLQOSFlowTunnelInformation C 1..
		redundantDLQOSFlowTunnelInformation C 1..
		additionalredundantDLQOSFlowTunnelInformation C 1..""",
	"PCCRule": """
		pCCRuleID M
		appId C
		pFD - C >PFD
		flowInfos C 1..
		appReloc C
		simConnInd C
		simConnTerm C
		maxAllowedUpLat C
		routeToLocs=trafficRoutes C 0..
		trafficSteeringPolIdDl C
		trafficSteeringPolIdUl C
		sourceDNAI=deprecatedSourceDNAI O old
		targetDNAI=deprecatedTargetDNAI O old
		dNAIChangeType=deprecatedDNAIChangeType O old
		sourceUEIPAddress=deprecatedSourceUEIPAddr O old
		targetUEIPAddress=deprecatedTargetUEIPAddr O old
		eASIPReplaceInfos C""",
	"AccessInfo": """
		accessType M
		rATType C
		gTPTunnelID M
		non3GPPAccessEndpoint C >EndpointIp
		establishmentStatus M
		aNTypeToReactivate C
		gTPTunnelInfo M >GTPTunnelInfo""",
	"UPPathChange": """
		sourceDNAI C
		targetDNAI C
		dNAIChangeType C
		sourceUEIPAddress=sourceUEIPAddr C
		targetUEIPAddress=targetUEIPAddr C
		sourceTrafficRouting C
		targetTrafficRouting C
		mACAddress C (6..6) %""",
	"PFDDataForApp": """
		appId=aPPId M
		pFDs C >PFD 0..""",
	"PFD": """
		pFDId M
		pFDflowDescription=pFDFlowDescriptions C 0..
		uRLs=urls C 0..
		domainNames C 0..
		dnProtocol C""",
	"SMSTPDUData": """
		sMSTPDU C (1..270) %
		truncatedSMSTPDU C (1..130) %""",
}

# What the text says in a description and has no table for.
DESCRIBED = {
	"Slice": "allowedNSSAI C 1..\nconfiguredNSSAI C 1..\nrejectedNSSAI C 1..",
	"SliceOfStart": "allowedNSSAI C 1..\nconfiguredNSSAI C 1..",
	"Endpoint": "iPv4Address C (4..4)\niPv6Address C (16..16)\nethernetAddress C (6..6)",
	"EndpointIp": "iPv4Address C (4..4)\niPv6Address C (16..16)",
	"LocationOfUser": "locationInfo M >InfoOfUser",
	"InfoOfUser": "userLocation M\nadditionalCellIDs C 1..",
	"LocationOfUpdate": "locationInfo C\nlocationPresenceReport C\npositioningInfo C >PositioningInfo",
	"PositioningInfo": "positionInfo M",
}
# Their further members are in an annex that the text here has not: nothing is said of them.
OPEN = {"LocationOfUser", "InfoOfUser", "LocationOfUpdate", "PositioningInfo"}

# Members that the module has and the table has not. A record that holds one gets a word of its own kind.
NEWER = {
	"AMFRegistration": """rATType rRCEstablishmentCause nGInformation deprecatedNGInformation
		nASTransportInitialInformation sORTransparentContainer equivalentPLMNList fiveGMMCapability
		initialRANUEContextSetup mUSIMUERequestType unavailabilityPeriodDuration fiveGSUpdateType uEAreaIndication
		establishmentCauseNon3GPPAccess additionalUserIdentifiers alternativeNSSAI""",
	"AMFDeregistration": "unavailabilityPeriodDuration additionalUserIdentifiers",
	"AMFLocationUpdate": "uEAreaIndication additionalUserIdentifiers",
	"AMFStartOfInterceptionWithRegisteredUE": """sORTransparentContainer uEPolicy unavailabilityPeriodDuration
		fiveGSUpdateType uEAreaIndication additionalUserIdentifiers""",
	"AMFUnsuccessfulProcedure": "additionalUserIdentifiers alternativeNSSAI",
	"AMFIdentifierAssociation": "additionalUserIdentifiers",
	"AMFPositioningInfoTransfer": "additionalUserIdentifiers",
	"AMFUEConfigurationUpdate": "alternativeNSSAI",
	"SMFPDUSessionEstablishment": "satelliteBackhaulCategory gEOSatelliteID alternativeNSSAI",
	"SMFPDUSessionModification": "satelliteBackhaulCategory gEOSatelliteID proSeRemoteUEsReport alternativeNSSAI",
	"SMFPDUSessionRelease": "alternativeNSSAI",
	"SMFStartOfInterceptionWithEstablishedPDUSession":
		"satelliteBackhaulCategory gEOSatelliteID remoteUEsContextConnected",
	"SMFUnsuccessfulProcedure": "ePSPDNUnsuccessfulProcedure alternativeNSSAI",
	"SMFMAPDUSessionEstablishment": "alternativeNSSAI",
	"SMFMAPDUSessionModification": "alternativeNSSAI",
	"SMFMAPDUSessionRelease": "alternativeNSSAI",
	"SMFMAUnsuccessfulProcedure": "alternativeNSSAI",
	"SMFPDUtoMAPDUSessionModification": "alternativeNSSAI",
	"PCCRule": "sourceTrafficRouting targetTrafficRouting",
	"AccessInfo": "satelliteBackhaulCategory gEOSatelliteID",
	"SMSTPDUData": "redactedSMSTPDU threeGPP2SMSTPDU redacted3GPP2SMSTPDU",
}
NEWER = {table: set(names.split()) for table, names in NEWER.items()}
CHOICES = {"Endpoint", "EndpointIp", "SMSTPDUData"}


class Field:
	"""One line of a table."""

	def __init__(self, line):
		name, *marks = line.split()
		self.name, _, other = name.partition("=")
		self.module = None if "-" in marks else other or self.name
		self.need, = (m for m in marks if m in ("M", "C", "O"))
		self.table, self.many, self.bounds = None, None, None
		self.old, self.of_module = "old" in marks, "%" in marks
		for mark in marks:
			span = re.fullmatch(r"(\()?(\d+)\.\.(\d*)\)?", mark)
			if mark[0] == ">":
				self.table = mark[1:]
			elif span and span[1]:
				self.bounds = int(span[2]), int(span[3])
			elif span:
				self.many = int(span[2]), int(span[3]) if span[3] else None


def fields(text):
	return [Field(line) for line in text.strip().splitlines()]


TABLES = {name: fields(text) for part in (RECORDS, NESTED, DESCRIBED) for name, text in part.items()}
