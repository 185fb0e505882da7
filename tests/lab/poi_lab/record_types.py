"""Types of the records of an AMF, an SMF and an SMSF in module TS33128Payloads (r18 version 15 and r19 version 3): names, tags and kinds, read
from the modules and not from the product. Members of EPS, charging and satellites that the product leaves out are left out here.

One type a line, continued by a tab: `seq` and `choice` with `member tag type`, `enum` with `name value`. `*T` is SEQUENCE OF T, `%T` SET OF T."""

EVENTS = """
1 AMFRegistration, 2 AMFDeregistration, 3 AMFLocationUpdate, 4 AMFStartOfInterceptionWithRegisteredUE, 5 AMFUnsuccessfulProcedure, 6
SMFPDUSessionEstablishment, 7 SMFPDUSessionModification, 8 SMFPDUSessionRelease, 9 SMFStartOfInterceptionWithEstablishedPDUSession, 10
SMFUnsuccessfulProcedure, 12 SMSMessage, 56 SMSReport, 57 SMFMAPDUSessionEstablishment, 58 SMFMAPDUSessionModification, 59
SMFMAPDUSessionRelease, 60 SMFStartOfInterceptionWithEstablishedMAPDUSession, 61 SMFMAUnsuccessfulProcedure, 62 AMFIdentifierAssociation, 64
SMFPDUtoMAPDUSessionModification, 111 AMFPositioningInfoTransfer, 113 AMFRANHandoverCommand, 114 AMFRANHandoverRequest, 132
AMFUEConfigurationUpdate
"""

TYPES = """
AMFDeregistration = seq deregistrationDirection 1 AMFDirection, accessType 2 AccessType, sUPI 3 SUPI, sUCI 4 SUCI, pEI 5 PEI, gPSI 6 GPSI,
	gUTI 7 FiveGGUTI, cause 8 int, location 9 Location, switchOffIndicator 10 SwitchOffIndicator, reRegRequiredIndicator 11
	ReRegRequiredIndicator, unavailabilityPeriodDuration 12 octets, additionalUserIdentifiers 13 UserIdentifiers
AMFDirection = enum networkInitiated 1, uEInitiated 2
AMFEventArea = seq presenceInfo 1 PresenceInfo, lADNInfo 2 LADNInfo
AMFEventType = enum locationReport 1, presenceInAOIReport 2
AMFFailedProcedureType = enum registration 1, sMS 2, pDUSessionEstablishment 3
AMFFailureCause = choice fiveGMMCause 1 int, fiveGSMCause 2 int
AMFID = seq aMFRegionID 1 int, aMFSetID 2 int, aMFPointer 3 int
AMFIdentifierAssociation = seq sUPI 1 SUPI, sUCI 2 SUCI, pEI 3 PEI, gPSI 4 GPSI, gUTI 5 FiveGGUTI, location 6 Location, fiveGSTAIList 7
	*TAI, additionalUserIdentifiers 8 UserIdentifiers
AMFLocationUpdate = seq sUPI 1 SUPI, sUCI 2 SUCI, pEI 3 PEI, gPSI 4 GPSI, gUTI 5 FiveGGUTI, location 6 Location, uEAreaIndication 9
	UEAreaIndication, additionalUserIdentifiers 10 UserIdentifiers
AMFPositioningInfoTransfer = seq sUPI 1 SUPI, sUCI 2 SUCI, pEI 3 PEI, gPSI 4 GPSI, gUTI 5 FiveGGUTI, nRPPaMessage 6 octets, lPPMessage 7
	octets, lcsCorrelationId 8 text, additionalUserIdentifiers 9 UserIdentifiers
AMFRANHandoverCommand = seq userIdentifiers 1 UserIdentifiers, aMFUENGAPID 2 int, rANUENGAPID 3 int, handoverType 4 HandoverType,
	targetToSourceContainer 5 octets
AMFRANHandoverRequest = seq userIdentifiers 1 UserIdentifiers, aMFUENGAPID 2 int, rANUENGAPID 3 int, handoverType 4 HandoverType,
	handoverCause 5 HandoverCause, pDUSessionResourceInformation 6 PDUSessionResourceInformation, mobilityRestrictionList 7
	MobilityRestrictionList, locationReportingRequestType 8 LocationReportingRequestType, targetToSourceContainer 9 octets,
	nPNAccessInformation 10 NPNAccessInformation, sourceToTargetContainer 11 octets
AMFRegistration = seq registrationType 1 AMFRegistrationType, registrationResult 2 AMFRegistrationResult, slice 3 Slice, sUPI 4 SUPI, sUCI 5
	SUCI, pEI 6 PEI, gPSI 7 GPSI, gUTI 8 FiveGGUTI, location 9 Location, non3GPPAccessEndpoint 10 UEEndpointAddress, fiveGSTAIList 11 *TAI,
	sMSOverNasIndicator 12 SMSOverNASIndicator, oldGUTI 13 EPS5GGUTI, eMM5GRegStatus 14 EMM5GMMStatus, nonIMEISVPEI 15 NonIMEISVPEI,
	mACRestIndicator 16 MACRestrictionIndicator, pagingRestrictionIndicator 17 octets, rATType 18 RATType, rRCEstablishmentCause 19
	RRCEstablishmentCause, nASTransportInitialInformation 21 NASTransportInitialInformation, sORTransparentContainer 22 octets,
	equivalentPLMNList 23 *PLMNID, fiveGMMCapability 24 octets, mUSIMUERequestType 26 octets, unavailabilityPeriodDuration 27 octets,
	fiveGSUpdateType 28 octets, uEAreaIndication 29 UEAreaIndication, establishmentCauseNon3GPPAccess 30 octets, additionalUserIdentifiers 31
	UserIdentifiers, alternativeNSSAI 32 *AlternativeNSSAIEntry
AMFRegistrationResult = enum threeGPPAccess 1, nonThreeGPPAccess 2, threeGPPAndNonThreeGPPAccess 3
AMFRegistrationType = enum initial 1, mobility 2, periodic 3, emergency 4, sNPNOnboarding 5, disasterMobility 6, disasterInitial 7
AMFStartOfInterceptionWithRegisteredUE = seq registrationResult 1 AMFRegistrationResult, registrationType 2 AMFRegistrationType, slice 3
	Slice, sUPI 4 SUPI, sUCI 5 SUCI, pEI 6 PEI, gPSI 7 GPSI, gUTI 8 FiveGGUTI, location 9 Location, non3GPPAccessEndpoint 10 UEEndpointAddress,
	timeOfRegistration 11 time, fiveGSTAIList 12 *TAI, sMSOverNASIndicator 13 SMSOverNASIndicator, oldGUTI 14 EPS5GGUTI, eMM5GRegStatus 15
	EMM5GMMStatus, sORTransparentContainer 16 octets, uEPolicy 17 octets, unavailabilityPeriodDuration 18 octets, fiveGSUpdateType 19 octets,
	uEAreaIndication 20 UEAreaIndication, additionalUserIdentifiers 21 UserIdentifiers
AMFUEConfigurationUpdate = seq userIdentifiers 1 UserIdentifiers, gUTI 2 GUTI, oldGUTI 3 EPS5GGUTI, fiveGSTAIList 4 *TAI, slice 5 Slice,
	serviceAreaList 6 octets, registrationResult 7 AMFRegistrationResult, sMSOverNASIndicator 8 SMSOverNASIndicator, alternativeNSSAI 9
	*AlternativeNSSAIEntry
AMFUnsuccessfulProcedure = seq failedProcedureType 1 AMFFailedProcedureType, failureCause 2 AMFFailureCause, requestedSlice 3 *SNSSAI, sUPI
	4 SUPI, sUCI 5 SUCI, pEI 6 PEI, gPSI 7 GPSI, gUTI 8 FiveGGUTI, location 9 Location, additionalUserIdentifiers 10 UserIdentifiers,
	alternativeNSSAI 11 *AlternativeNSSAIEntry
ANNodeID = choice n3IWFID 1 text, gNbID 2 bits, nGENbID 3 NGENbID, eNbID 4 ENbID, wAGFID 5 text, tNGFID 6 text
AccessInfo = seq accessType 1 AccessType, rATType 2 RATType, gTPTunnelID 3 FTEID, non3GPPAccessEndpoint 4 UEEndpointAddress,
	establishmentStatus 5 EstablishmentStatus, aNTypeToReactivate 6 AccessType, gTPTunnelInfo 7 GTPTunnelInfo
AccessType = enum threeGPPAccess 1, nonThreeGPPAccess 2, threeGPPandNonThreeGPPAccess 3
AccuracyFulfilmentIndicator = enum requestedAccuracyFulfilled 1, requestedAccuracyNotFulfilled 2
AlternativeNSSAIEntry = seq sNSSAIToBeReplaced 1 SNSSAI, alternativeSNSSAI 2 SNSSAI
AnyIPAddress = enum any 1
AnyNextLayerProtocol = enum ip 1
AreaOfInterest = seq areaOfInterestTAIList 1 *TAI, areaOfInterestCellList 2 *NCGI, areaOfInterestRANNodeList 3 *GlobalRANNodeID
AreaOfInterestItem = seq areaOfInterest 1 AreaOfInterest
CGI = seq lAI 1 LAI, cellID 2 octets
CMInfo = seq cMState 1 CMState, accessType 2 AccessType
CMState = enum idle 1, connected 2
CauseMisc = enum controlProcessingOverload 1, notEnoughUserPlaneProcessingResources 2, hardwareFailure 3, oMIntervention 4,
	unknownPLMNOrSNPN 5, unspecified 6
CauseNas = enum normalRelease 1, authenticationFailure 2, deregister 3, unspecified 4
CauseProtocol = enum transferSyntaxError 1, abstractSyntaxError-reject 2, abstractSyntaxErrorIgnoreAndNotify 3,
	messageNotCompatibleWithReceiverState 4, semanticError 5, abstractSyntaxErrorFalselyConstructedMessage 6, unspecified 7
CauseRadioNetwork = enum unspecified 1, txnrelocoverallExpiry 2, successfulHandover 3, releaseDueToNGRANGeneratedReason 4,
	releaseDueTo5gcGeneratedReason 5, handoverCancelled 6, partialHandover 7, hoFailureInTarget5GCNGRANNodeOrTargetSystem 8, hoTargetNotAllowed
	9, tNGRelocOverallExpiry 10, tNGRelocPrepExpiry 11, cellNotAvailable 12, unknownTargetID 13, noRadioResourcesAvailableInTargetCell 14,
	unknownLocalUENGAPID 15, inconsistentRemoteUENGAPID 16, handoverDesirableForRadioReason 17, timeCriticalHandover 18,
	resourceOptimisationHandover 19, reduceLoadInServingCell 20, userInactivity 21, radioConnectionWithUELost 22, radioResourcesNotAvailable
	23, invalidQoSCombination 24, failureInRadioInterfaceProcedure 25, interactionWithOtherProcedure 26, unknownPDUSessionID 27,
	multiplePDUSessionIDInstances 29, multipleQoSFlowIDInstances 30, encryptionAndOrIntegrityProtectionAlgorithmsNotSupported 31,
	nGIntraSystemHandoverTriggered 32, nGInterSystemHandoverTriggered 33, xNHandoverTriggered 34, notSupported5QIValue 35, uEContextTransfer
	36, iMSVoiceeEPSFallbackOrRATFallbackTriggered 37, uPIntegrityProtectioNotPossible 38, uPConfidentialityProtectionNotPossible 39,
	sliceNotSupported 40, uEInRRCInactiveStateNotReachable 41, redirection 42, resourcesNotAvailableForTheSlice 43,
	uEMaxIntegrityProtectedDataRateReason 44, releaseDueToCNDetectedMobility 45, n26InterfaceNotAvailable 46, releaseDueToPreemption 47,
	multipleLocationReportingReferenceIDInstances 48, rSNNotAvailableForTheUP 49, nPMAccessDenied 50, cAGOnlyAccessDenied 51,
	insufficientUECapabilities 52
CauseTransport = enum transportResourceUnavailable 1, unspecified 2
CellInformation = seq rANCGI 1 RANCGI, timeOfLocation 3 time, band 5 text
CivicAddress = seq country 1 text
DLRANTunnelInformation = seq dLQOSFlowTunnelInformation 1 QOSFlowTunnelInformation, additionalDLQOSFlowTunnelInformation 2
	*QOSFlowTunnelInformation, redundantDLQOSFlowTunnelInformation 3 *QOSFlowTunnelInformation, additionalredundantDLQOSFlowTunnelInformation 4
	*QOSFlowTunnelInformation
DNAIChangeType = enum early 1, earlyAndLate 2, late 3
Direction = enum fromTarget 1, toTarget 2
DnProtocol = enum dnsQname 1, tlsSni 2, tlsSan 3, tlsScn 4
EASIPReplaceInfos = seq sourceEASAddress 1 EASServerAddress, targetEASAddress 2 EASServerAddress
EASServerAddress = seq iPAddress 1 IPAddress, port 2 int
ECGI = seq pLMNID 1 PLMNID, eUTRACellID 2 bits, nID 3 text
EMM5GMMStatus = seq eMMRegStatus 1 EMMRegStatus, fiveGMMStatus 2 FiveGMMStatus
EMMRegStatus = enum uEEMMRegistered 1, uENotEMMRegistered 2
ENbID = choice macroENbID 1 bits, homeENbID 2 bits, shortMacroENbID 3 bits, longMacroENbID 4 bits
EPS5GGUTI = choice gUTI 1 GUTI, fiveGGUTI 2 FiveGGUTI
EUTRALocation = seq tAI 1 TAI, eCGI 2 ECGI, ageOfLocationInfo 3 int, uELocationTimestamp 4 time, geographicalInformation 5 text,
	geodeticInformation 6 text, globalNGENbID 7 GlobalRANNodeID, globalENbID 9 GlobalRANNodeID, ignoreTAI 10 bool, ignoreECGI 11 bool
EllipsoidArc = seq point 1 GeographicalCoordinates, innerRadius 2 int, deprecatedUncertaintyRadius 3 int, offsetAngle 4 int, includedAngle 5
	int, confidence 6 int, uncertaintyRadiusSBI 7 text
EstablishmentCause = enum emergency 1, highPriorityAccess 2, mtAccess 3, moSignalling 4, moData 5, moVoiceCall 6, moVideoCall 7, moSMS 8,
	mpsPriorityAccess 9, mcsPriorityAccess 10, notAvailable 11, exceptionData 12
EstablishmentStatus = enum established 0, released 1
EthFlowDescription = seq destMacAddress 1 octets, ethType 2 octets, fDesc 3 FlowDescription, fDir 4 FDir, sourceMacAddress 5 octets,
	vlanTags 6 %VLANTag, srcMacAddrEnd 7 octets, destMacAddrEnd 8 octets
FDir = enum downlink 1
FTEID = seq tEID 1 int, iPv4Address 2 octets, iPv6Address 3 octets
FiveGGUTI = seq mCC 1 digits, mNC 2 digits, aMFRegionID 3 int, aMFSetID 4 int, aMFPointer 5 int, fiveGTMSI 6 int
FiveGMMStatus = enum uE5GMMRegistered 1, uENot5GMMRegistered 2
FiveGSGTPTunnels = seq uLNGUUPTunnelInformation 1 FTEID, additionalULNGUUPTunnelInformation 2 *FTEID, dLRANTunnelInformation 3
	DLRANTunnelInformation
FiveGSMRequestType = enum initialRequest 1, existingPDUSession 2, initialEmergencyRequest 3, existingEmergencyPDUSession 4,
	modificationRequest 5, reserved 6, mAPDURequest 7
FiveGSSubscriberID = choice sUPI 1 SUPI, sUCI 2 SUCI, pEI 3 PEI, gPSI 4 GPSI
FiveGSSubscriberIDs = seq fiveGSSubscriberID 1 *FiveGSSubscriberID
FlowDescription = seq sourceIPAddress 1 IPAddressOrRangeOrAny, destinationIPAddress 2 IPAddressOrRangeOrAny, sourcePortNumber 3 int,
	destinationPortNumber 4 int, protocol 5 NextLayerProtocolOrAny
FlowDirection = enum downlinkOnly 1, uplinkOnly 2, dowlinkAndUplink 3
FlowInformation = seq flowDescription 1 FlowDescription, ethFlowDescription 2 EthFlowDescription, tosTrafficClass 3 octets, spi 4 octets,
	flowLabel 5 octets, flowDirection 6 FlowDirection
ForbiddenAreaInformation = seq pLMNIdentity 1 PLMNID, forbiddenTACs 2 *octets
GPSI = choice mSISDN 1 digits, nAI 2 text
GTPTunnelInfo = seq fiveGSGTPTunnels 1 FiveGSGTPTunnels
GUTI = seq mCC 1 digits, mNC 2 digits, mMEGroupID 3 octets, mMECode 4 octets, mTMSI 5 octets
GeographicArea = choice point 1 Point, pointUncertaintyCircle 2 PointUncertaintyCircle, pointUncertaintyEllipse 3 PointUncertaintyEllipse,
	polygon 4 Polygon, pointAltitude 5 PointAltitude, pointAltitudeUncertainty 6 PointAltitudeUncertainty, ellipsoidArc 7 EllipsoidArc
GeographicalCoordinates = seq latitude 1 text, longitude 2 text, mapDatumInformation 3 text
GlobalRANNodeID = seq pLMNID 1 PLMNID, aNNodeID 2 ANNodeID, nID 3 text
HandoverCause = choice radioNetwork 1 CauseRadioNetwork, transport 2 CauseTransport, nas 3 CauseNas, protocol 4 CauseProtocol, misc 5
	CauseMisc
HandoverState = enum none 1, preparing 2, prepared 3, completed 4, cancelled 5
HandoverType = enum intra5GS 1, fiveGStoEPS 2, ePSto5GS 3, fiveGStoUTRA 4
IPAddr = seq iPv4Addr 1 octets, iPv6Addr 2 octets
IPAddress = choice iPv4Address 1 octets, iPv6Address 2 octets
IPAddressOrRangeOrAny = choice iPAddress 1 IPAddress, ipAddressRange 2 IPMask, anyIPAddress 3 AnyIPAddress
IPMask = seq fromIPAddress 1 IPAddress, toIPAddress 2 IPAddress
Initiator = enum uE 1, network 2, unknown 3
LADNInfo = seq lADN 1 text, presence 2 PresenceState
LAI = seq pLMNID 1 PLMNID, lAC 2 octets
Location = seq locationInfo 1 LocationInfo, positioningInfo 2 PositioningInfo, locationPresenceReport 3 LocationPresenceReport
LocationData = seq locationEstimate 1 GeographicArea, accuracyFulfilmentIndicator 2 AccuracyFulfilmentIndicator, ageOfLocationEstimate 3
	int, civicAddress 5 CivicAddress, eCGI 8 ECGI, nCGI 9 NCGI, altitude 10 text, barometricPressure 11 int
LocationEventType = enum direct 1, changeOfServeCell 2, uEPrescenceInAreaOfInterest 3, stopChangeOfServeCell 4,
	stopUEPresenceInAreaOfInterest 5, cancelLocationReportingForTheUE 6
LocationInfo = seq userLocation 1 UserLocation, currentLoc 2 bool, geoInfo 3 GeographicArea, rATType 4 RATType, timeZone 5 text,
	additionalCellIDs 6 *CellInformation
LocationPresenceReport = seq type 1 AMFEventType, timestamp 2 time, areaList 3 %AMFEventArea, timeZone 4 text, accessTypes 5 %AccessType,
	rMInfoList 6 %RMInfo, cMInfoList 7 %CMInfo, reachability 8 UEReachability, location 9 UserLocation, additionalCellIDs 10 *CellInformation
LocationReportArea = enum cell 1
LocationReportingRequestType = seq eventType 1 LocationEventType, reportArea 2 LocationReportArea, areaOfInterestList 3 *AreaOfInterestItem
MACRestrictionIndicator = enum noResrictions 1, mACAddressNotUseableAsEquipmentIdentifier 2, unknown 3
MobilityRestrictionList = seq servingPLMN 1 PLMNID, equivalentPLMNs 2 *PLMNID, rATRestrictions 3 *RATRestrictionItem,
	forbiddenAreaInformation 4 ForbiddenAreaInformation, serviceAreaInformation 5 *ServiceAreaInfo
N3GALocation = seq tAI 1 TAI, n3IWFID 2 bits, uEIPAddr 3 IPAddr, portNumber 4 int, tNAPID 5 TNAPID, tWAPID 6 TWAPID, hFCNodeID 7 text, gLI 8
	octets, w5GBANLineType 9 W5GBANLineType, gCI 10 text, ageOfLocationInfo 11 int, uELocationTimestamp 12 time, protocol 13 TransportProtocol
NASTransportInitialInformation = seq rANUENGAPID 1 int, iABNodeIndication 2 bool, eDTSession 3 bool, authenticatedIndication 4 bool,
	nPNAccessInformation 5 *text, rEDCAPIndication 6 REDCAPIndication, mobileIABNodeIndication 7 bool
NCGI = seq pLMNID 1 PLMNID, nRCellID 2 bits, nID 3 text
NGAPCauseInt = seq group 1 int, value 2 int
NGENbID = choice macroNGENbID 1 bits, shortMacroNGENbID 2 bits, longMacroNGENbID 3 bits
NPNAccessInformation = choice pNINPNAccessInformation 1 *text
NRLocation = seq tAI 1 TAI, nCGI 2 NCGI, ageOfLocationInfo 3 int, uELocationTimestamp 4 time, geographicalInformation 5 text,
	geodeticInformation 6 text, globalGNbID 7 GlobalRANNodeID, ignoreNCGI 9 bool, nRNTNTAIInfo 10 NRNTNTAIInfo
NRNTNTAIInfo = seq servingPLMN 1 PLMNID, tACListNRNTN 2 *octets, uELocationDerivedNTNTAC 3 octets
NextLayerProtocolOrAny = choice nextLayerProtocol 1 int, anyNextLayerProtocol 2 AnyNextLayerProtocol
NonIMEISVPEI = choice mACAddress 1 octets, eUI64 2 octets
PCCRule = seq pCCRuleID 1 text, appId 2 text, flowInfos 3 %FlowInformation, appReloc 4 bool, simConnInd 5 bool, simConnTerm 6 int,
	maxAllowedUpLat 7 int, trafficRoutes 8 %RouteToLocation, trafficSteeringPolIdDl 9 text, trafficSteeringPolIdUl 10 text,
	deprecatedSourceDNAI 11 text, deprecatedTargetDNAI 12 text, deprecatedDNAIChangeType 13 DNAIChangeType, deprecatedSourceUEIPAddr 14
	IPAddress, deprecatedTargetUEIPAddr 15 IPAddress, sourceTrafficRouting 16 RouteToLocation, targetTrafficRouting 17 RouteToLocation,
	eASIPReplaceInfos 18 EASIPReplaceInfos
PDUSessionResourceInformation = seq pDUSessionID 1 int
PDUSessionType = enum iPv4 1, iPv6 2, iPv4v6 3, unstructured 4, ethernet 5
PEI = choice iMEI 1 digits, iMEISV 2 digits, mACAddress 3 octets, eUI64 4 octets
PFD = seq pFDId 1 text, pFDFlowDescriptions 2 %PFDFlowDescription, urls 3 %text, domainNames 4 %text, dnProtocol 5 DnProtocol
PFDDataForApp = seq aPPId 1 text, pFDs 2 %PFD
PFDFlowDescription = seq nextLayerProtocol 1 int, serverIPAddress 2 IPAddress, serverPortNumber 3 int
PLMNID = seq mCC 1 digits, mNC 2 digits
Point = seq geographicalCoordinates 1 GeographicalCoordinates
PointAltitude = seq point 1 GeographicalCoordinates, altitude 2 text
PointAltitudeUncertainty = seq point 1 GeographicalCoordinates, altitude 2 text, uncertaintyEllipse 3 UncertaintyEllipse,
	deprecatedUncertaintyAltitude 4 int, confidence 5 int, uncertaintyAltitudeSBI 6 text
PointUncertaintyCircle = seq geographicalCoordinates 1 GeographicalCoordinates, deprecatedUncertainty 2 int, uncertaintySBI 3 text
PointUncertaintyEllipse = seq geographicalCoordinates 1 GeographicalCoordinates, uncertainty 2 UncertaintyEllipse, confidence 3 int
Polygon = seq pointList 1 %GeographicalCoordinates
PositioningInfo = seq positionInfo 1 LocationData
PresenceInfo = seq presenceState 1 PresenceState, trackingAreaList 2 %TAI, eCGIList 3 %ECGI, nCGIList 4 %NCGI, globalRANNodeIDList 5
	%GlobalRANNodeID, globalENbIDList 6 %GlobalRANNodeID
PresenceState = enum inArea 1, outOfArea 2, unknown 3, inactive 4
QOSFlowList = seq qFI 1 int, qOSRules 2 octets, qOSFlowDescription 4 octets, qOSFlowProfile 5 QOSFlowProfile, associatedANType 6 AccessType,
	defaultQOSRuleIndication 7 bool
QOSFlowProfile = seq fiveQI 1 int
QOSFlowTunnelInformation = seq uPTunnelInformation 1 FTEID, associatedQOSFlowList 2 *QOSFlowList
RANCGI = choice eCGI 1 ECGI, nCGI 2 NCGI, cGI 3 CGI
RATRestrictionItem = seq pLMNIdentity 1 PLMNID, rATRestrictionInformation 2 bits
RATType = enum nR 1, eUTRA 2, wLAN 3, virtual 4, nBIOT 5, wireline 6, wirelineCable 7, wirelineBBF 8, lTEM 9, nRU 10, eUTRAU 11, trustedN3GA
	12, trustedWLAN 13, uTRA 14, gERA 15, nRLEO 16, nRMEO 17, nRGEO 18, nROTHERSAT 19, nRREDCAP 20, wBEUTRANLEO 21, wBEUTRANMEO 22, wBEUTRANGEO
	23, wBEUTRANOTHERSAT 24, nBIOTLEO 25, nBIOTMEO 26, nBIOTGEO 27, nBIOTOTHERSAT 28, lTEMLEO 29, lTEMMEO 30, lTEMGEO 31, lTEMOTHERSAT 32,
	nREREDCAP 33
REDCAPIndication = enum redCAP 1
RMInfo = seq rMState 1 RMState, accessType 2 AccessType
RMState = enum registered 1, deregistered 2
RRCEstablishmentCause = choice ePCEstablishmentCause 1 EstablishmentCause, fiveGCEstablishmentCause 2 EstablishmentCause
ReRegRequiredIndicator = enum reRegistrationRequired 1, reRegistrationNotRequired 2
RejectedSNSSAI = seq causeValue 1 int, sNSSAI 2 SNSSAI
RequestIndication = enum uEREQPDUSESMOD 0, uEREQPDUSESREL 1, pDUSESMOB 2, nWREQPDUSESAUTH 3, nWREQPDUSESMOD 4, nWREQPDUSESREL 5,
	eBIASSIGNMENTREQ 6, rELDUETO5GANREQUEST 7
RouteInfo = seq iPAddressTunnelEndpoint 1 IPAddress, uDPPortNumberTunnelEndpoint 2 int
RouteToLocation = seq dNAI 1 text, routeInfo 2 RouteInfo
SMFFailedProcedureType = enum pDUSessionEstablishment 1, pDUSessionModification 2, pDUSessionRelease 3
SMFMAPDUSessionEstablishment = seq sUPI 1 SUPI, sUPIUnauthenticated 2 bool, pEI 3 PEI, gPSI 4 GPSI, pDUSessionID 5 int, pDUSessionType 6
	PDUSessionType, accessInfo 7 *AccessInfo, sNSSAI 8 SNSSAI, uEEndpoint 9 *UEEndpointAddress, location 10 Location, dNN 11 text, aMFID 12
	AMFID, hSMFURI 13 text, requestType 14 FiveGSMRequestType, sMPDUDNRequest 15 octets, servingNetwork 16 SMFServingNetwork, oldPDUSessionID
	17 int, mAUpgradeIndication 18 bool, ePSPDNCnxInfo 19 text, mAAcceptedIndication 20 bool, aTSSSContainer 21 octets, selectedDNN 24 text,
	handoverState 25 HandoverState, pCCRules 26 %PCCRule, alternativeNSSAI 28 *AlternativeNSSAIEntry
SMFMAPDUSessionModification = seq sUPI 1 SUPI, sUPIUnauthenticated 2 bool, pEI 3 PEI, gPSI 4 GPSI, pDUSessionID 5 int, accessInfo 6
	*AccessInfo, sNSSAI 7 SNSSAI, location 8 Location, requestType 9 FiveGSMRequestType, servingNetwork 10 SMFServingNetwork, oldPDUSessionID
	11 int, mAUpgradeIndication 12 bool, ePSPDNCnxInfo 13 text, mAAcceptedIndication 14 bool, aTSSSContainer 15 octets, handoverState 18
	HandoverState, pCCRules 19 %PCCRule, uPPathChange 20 UPPathChange, pFDDataForApp 21 PFDDataForApp, alternativeNSSAI 23
	*AlternativeNSSAIEntry
SMFMAPDUSessionRelease = seq sUPI 1 SUPI, pEI 2 PEI, gPSI 3 GPSI, pDUSessionID 4 int, timeOfFirstPacket 5 time, timeOfLastPacket 6 time,
	uplinkVolume 7 int, downlinkVolume 8 int, location 9 Location, cause 10 text, nGAPCause 11 NGAPCauseInt, fiveGMMCause 12 int, pCCRuleIDs 13
	%text, alternativeNSSAI 15 *AlternativeNSSAIEntry
SMFMAUnsuccessfulProcedure = seq failedProcedureType 1 SMFFailedProcedureType, failureCause 2 int, requestedSlice 3 *SNSSAI, initiator 4
	Initiator, sUPI 5 SUPI, sUPIUnauthenticated 6 bool, pEI 7 PEI, gPSI 8 GPSI, pDUSessionID 9 int, accessInfo 10 *AccessInfo, uEEndpoint 11
	*UEEndpointAddress, location 12 Location, dNN 13 text, aMFID 14 AMFID, hSMFURI 15 text, requestType 16 FiveGSMRequestType, sMPDUDNRequest
	17 octets, alternativeNSSAI 18 *AlternativeNSSAIEntry
SMFPDUSessionEstablishment = seq sUPI 1 SUPI, sUPIUnauthenticated 2 bool, pEI 3 PEI, gPSI 4 GPSI, pDUSessionID 5 int, gTPTunnelID 6 FTEID,
	pDUSessionType 7 PDUSessionType, sNSSAI 8 SNSSAI, uEEndpoint 9 *UEEndpointAddress, non3GPPAccessEndpoint 10 UEEndpointAddress, location 11
	Location, dNN 12 text, aMFID 13 AMFID, hSMFURI 14 text, requestType 15 FiveGSMRequestType, accessType 16 AccessType, rATType 17 RATType,
	sMPDUDNRequest 18 octets, selectedDNN 21 text, servingNetwork 22 SMFServingNetwork, oldPDUSessionID 23 int, handoverState 24 HandoverState,
	gTPTunnelInfo 25 GTPTunnelInfo, pCCRules 26 %PCCRule, alternativeNSSAI 30 *AlternativeNSSAIEntry
SMFPDUSessionModification = seq sUPI 1 SUPI, sUPIUnauthenticated 2 bool, pEI 3 PEI, gPSI 4 GPSI, sNSSAI 5 SNSSAI, non3GPPAccessEndpoint 6
	UEEndpointAddress, location 7 Location, requestType 8 FiveGSMRequestType, accessType 9 AccessType, rATType 10 RATType, pDUSessionID 11 int,
	uEEndpoint 13 UEEndpointAddress, servingNetwork 14 SMFServingNetwork, handoverState 15 HandoverState, gTPTunnelInfo 16 GTPTunnelInfo,
	pCCRules 17 %PCCRule, uPPathChange 19 UPPathChange, pFDDataForApp 20 PFDDataForApp, alternativeNSSAI 24 *AlternativeNSSAIEntry
SMFPDUSessionRelease = seq sUPI 1 SUPI, pEI 2 PEI, gPSI 3 GPSI, pDUSessionID 4 int, timeOfFirstPacket 5 time, timeOfLastPacket 6 time,
	uplinkVolume 7 int, downlinkVolume 8 int, location 9 Location, cause 10 text, nGAPCause 12 NGAPCauseInt, fiveGMMCause 13 int, pCCRuleIDs 14
	%text, alternativeNSSAI 16 *AlternativeNSSAIEntry
SMFPDUtoMAPDUSessionModification = seq sUPI 1 SUPI, sUPIUnauthenticated 2 bool, pEI 3 PEI, gPSI 4 GPSI, sNSSAI 5 SNSSAI,
	non3GPPAccessEndpoint 6 UEEndpointAddress, location 7 Location, requestType 8 FiveGSMRequestType, accessType 9 AccessType, rATType 10
	RATType, pDUSessionID 11 int, requestIndication 12 RequestIndication, aTSSSContainer 13 octets, uEEndpoint 14 UEEndpointAddress,
	servingNetwork 15 SMFServingNetwork, handoverState 16 HandoverState, gTPTunnelInfo 17 GTPTunnelInfo, alternativeNSSAI 19
	*AlternativeNSSAIEntry
SMFServingNetwork = seq pLMNID 1 PLMNID, nID 2 text
SMFStartOfInterceptionWithEstablishedMAPDUSession = seq sUPI 1 SUPI, sUPIUnauthenticated 2 bool, pEI 3 PEI, gPSI 4 GPSI, pDUSessionID 5 int,
	pDUSessionType 6 PDUSessionType, accessInfo 7 *AccessInfo, sNSSAI 8 SNSSAI, uEEndpoint 9 *UEEndpointAddress, location 10 Location, dNN 11
	text, aMFID 12 AMFID, hSMFURI 13 text, requestType 14 FiveGSMRequestType, sMPDUDNRequest 15 octets, servingNetwork 16 SMFServingNetwork,
	oldPDUSessionID 17 int, mAUpgradeIndication 18 bool, ePSPDNCnxInfo 19 text, mAAcceptedIndication 20 bool, aTSSSContainer 21 octets,
	pCCRules 24 %PCCRule, pFDDataForApps 25 %PFDDataForApp
SMFStartOfInterceptionWithEstablishedPDUSession = seq sUPI 1 SUPI, sUPIUnauthenticated 2 bool, pEI 3 PEI, gPSI 4 GPSI, pDUSessionID 5 int,
	gTPTunnelID 6 FTEID, pDUSessionType 7 PDUSessionType, sNSSAI 8 SNSSAI, uEEndpoint 9 *UEEndpointAddress, non3GPPAccessEndpoint 10
	UEEndpointAddress, location 11 Location, dNN 12 text, aMFID 13 AMFID, hSMFURI 14 text, requestType 15 FiveGSMRequestType, accessType 16
	AccessType, rATType 17 RATType, sMPDUDNRequest 18 octets, timeOfSessionEstablishment 19 time, servingNetwork 22 SMFServingNetwork,
	gTPTunnelInfo 23 GTPTunnelInfo, pCCRules 24 %PCCRule, pFDDataForApps 26 %PFDDataForApp
SMFUnsuccessfulProcedure = seq failedProcedureType 1 SMFFailedProcedureType, failureCause 2 int, initiator 3 Initiator, requestedSlice 4
	*SNSSAI, sUPI 5 SUPI, sUPIUnauthenticated 6 bool, pEI 7 PEI, gPSI 8 GPSI, pDUSessionID 9 int, uEEndpoint 10 *UEEndpointAddress,
	non3GPPAccessEndpoint 11 UEEndpointAddress, dNN 12 text, aMFID 13 AMFID, hSMFURI 14 text, requestType 15 FiveGSMRequestType, accessType 16
	AccessType, rATType 17 RATType, sMPDUDNRequest 18 octets, location 19 Location, alternativeNSSAI 21 *AlternativeNSSAIEntry
SMSMessage = seq originatingSMSParty 1 SMSParty, terminatingSMSParty 2 SMSParty, direction 3 Direction, linkTransferStatus 4
	SMSTransferStatus, otherMessage 5 bool, location 6 Location, peerNFAddress 7 SMSNFAddress, peerNFType 8 SMSNFType, sMSTPDUData 9
	SMSTPDUData, messageType 10 SMSMessageType, rPMessageReference 11 int
SMSMessageType = enum deliver 1, deliverReportAck 2, deliverReportError 3, statusReport 4, command 5, submit 6, submitReportAck 7,
	submitReportError 8, reserved 9
SMSNFAddress = choice iPAddress 1 IPAddress, e164Number 2 digits
SMSNFType = enum sMSGMSC 1, iWMSC 2, sMSRouter 3
SMSOverNASIndicator = enum sMSOverNASNotAllowed 1, sMSOverNASAllowed 2
SMSParty = seq sUPI 1 SUPI, pEI 2 PEI, gPSI 3 GPSI, sMSAddress 4 octets
SMSReport = seq location 1 Location, sMSTPDUData 2 SMSTPDUData, messageType 3 SMSMessageType, rPMessageReference 4 int
SMSTPDUData = choice sMSTPDU 1 octets, truncatedSMSTPDU 2 octets
SMSTransferStatus = enum transferSucceeded 1, transferFailed 2, undefined 3
SNSSAI = seq sliceServiceType 1 int, sliceDifferentiator 2 octets, mappedHPLMNSliceServiceType 3 int, mappedHPLMNSliceDifferentiator 4
	octets
SUCI = seq mCC 1 digits, mNC 2 digits, routingIndicator 3 int, protectionSchemeID 4 int, homeNetworkPublicKeyID 5 octets, schemeOutput 6
	octets, routingIndicatorLength 7 int, sUPIType 8 int, homeNetworkIdentifier 9 text
SUPI = choice iMSI 1 digits, nAI 2 text
ServiceAreaInfo = seq pLMNIdentity 1 PLMNID, allowedTACs 2 *octets, notAllowedTACs 3 *octets
Slice = seq allowedNSSAI 1 *SNSSAI, configuredNSSAI 2 *SNSSAI, rejectedNSSAI 3 *RejectedSNSSAI
SwitchOffIndicator = enum normalDetach 1, switchOff 2
TAI = seq pLMNID 1 PLMNID, tAC 2 octets, nID 3 text
TNAPID = seq sSID 1 text, bSSID 2 text, civicAddress 3 octets
TWAPID = seq sSID 1 text, bSSID 2 text, civicAddress 3 octets
TransportProtocol = enum uDP 1, tCP 2
UEAreaIndication = seq country 1 text, internationalAreaIndication 2 bool
UEEndpointAddress = choice iPv4Address 1 octets, iPv6Address 2 octets, ethernetAddress 3 octets
UEReachability = enum unreachable 1, reachable 2, regulatoryOnly 3
UPPathChange = seq sourceDNAI 1 text, targetDNAI 2 text, dNAIChangeType 3 DNAIChangeType, sourceUEIPAddr 4 IPAddress, targetUEIPAddr 5
	IPAddress, sourceTrafficRouting 6 RouteToLocation, targetTrafficRouting 7 RouteToLocation, mACAddress 8 octets
UncertaintyEllipse = seq deprecatedSemiMajor 1 int, deprecatedSemiMinor 2 int, orientationMajor 3 int, semiMajorSBI 4 text, semiMinorSBI 5
	text
UserIdentifiers = seq fiveGSSubscriberIDs 1 FiveGSSubscriberIDs
UserLocation = seq eUTRALocation 1 EUTRALocation, nRLocation 2 NRLocation, n3GALocation 3 N3GALocation
VLANTag = seq priority 1 bits, cFI 2 bits, vLANID 3 bits
W5GBANLineType = enum dSL 1, pON 2
"""
