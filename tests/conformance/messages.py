"""Worked examples of X1: one valid message of every request and response, of every target identifier,
of what newer minors add and our schema covers, and of the 3GPP extensions (r18:v6). Ours, not ETSI's."""
X1 = "http://uri.etsi.org/03221/X1/2017/10"
C = "http://uri.etsi.org/03280/common/2017/07"
H = "http://uri.etsi.org/03221/X1/2017/10/HashedID"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
E = "urn:3GPP:ns:li:3GPPX1Extensions:r18:v6"
SPACES = f'xmlns="{X1}" xmlns:c="{C}" xmlns:h="{H}" xmlns:e="{E}" xmlns:xsi="{XSI}"'

XID = "7a500001-0001-4001-8001-000000000001"
DID = "1d000001-0001-4001-8001-0000000000d1"
DSID = "d5000001-0001-4001-8001-0000000000d5"
TRANSACTION = "5f0d2a10-7c1e-4b52-9a51-0c6f3d1f0001"

ENVELOPE = ("<admfIdentifier>admf-01</admfIdentifier><neIdentifier>poi-01</neIdentifier>"
	"<messageTimestamp>2026-11-22T08:15:30.000100Z</messageTimestamp><version>v1.8.1</version>")

EMPTY_REQUESTS = ("DeactivateAllTasks", "RemoveAllDestinations", "Ping", "Keepalive", "GetNEStatus", "GetAllDetails",
	"ListAllDetails")
NEWER_EMPTY_REQUESTS = ("GetAllTaskDetails", "GetAllDestinationDetails")
OK_RESPONSES = ("ActivateTask", "ModifyTask", "DeactivateTask", "DeactivateAllTasks", "CreateDestination",
	"ModifyDestination", "RemoveDestination", "RemoveAllDestinations", "ReportTaskIssue", "ReportDestinationIssue", "Ping",
	"Keepalive")

V4 = "<c:IPv4Address>192.0.2.50</c:IPv4Address>"
V6 = "<c:IPv6Address>2001:0db8:0000:0000:0000:0000:0000:0050</c:IPv6Address>"

TARGETS = {
	"e164Number": "491701234567", "imsi": "262011234567890", "imei": "35693803564380", "macAddress": "02:00:5e:10:00:01",
	"ipv4Address": "192.0.2.10", "ipv6Address": "2001:0db8:0000:0000:0000:0000:0000:0001",
	"ipv4Cidr": "<c:IPv4CIDR>198.51.100.0/24</c:IPv4CIDR>", "ipv6Cidr": "2001:0db8:0000:0000:0000:0000:0000:0000/32",
	"tcpPort": "443", "tcpPortRange": "<c:start>8000</c:start><c:end>8099</c:end>",
	"udpPort": "53", "udpPortRange": "<c:start>5000</c:start><c:end>5001</c:end>",
	"emailAddress": "user@example.org", "internationalizedEmailAddress": "us\u00e9r@example.org",
	"sipUri": "sip:user@example.org", "telUri": "tel:+491701234567", "h323Uri": "h323:user@example.org",
	"impu": "sip:user@example.org", "impi": "user@ims.example.org", "nai": "user@realm.example",
	"radiusAttribute": "010B7573657231", "gtpuTunnelId": "305419896", "gtpcTunnelId": "1",
	"callPartyRole": "Originating", "nonLocalIdentifier": "Local", "supiimsi": "262011234567890",
	"supinai": "user@realm.example", "suci": "0102FF", "peiImei": "35693803564380", "peiImeiCheckDigit": "356938035643809",
	"peiImeisv": "3569380356438012", "gpsiMsisdn": "491701234567", "gpsiNai": "user@realm.example",
	"eui64": "02:00:5e:ff:fe:10:00:01",
	"hashedIdentifier": "<h:hashContextID>%s</h:hashContextID><h:targetIdentityType>imsi</h:targetIdentityType>"
		"<h:hashDigest>00FF</h:hashDigest>" % DSID,
}
NEWER_TARGETS = {
	"serviceAccessIdentifier": "access-17", "vrf": "customer-1",
	"tcpPortList": "<tcpPort>80</tcpPort><tcpPort>443</tcpPort>", "udpPortList": "<udpPort>53</udpPort><udpPort>123</udpPort>",
}
# what an LI_T2/LI_T3 triggering function sends (TS 33.128 clause 6.2.3)
MEMBERS = {
	"FSEID": "<e:SEID>18446744073709551615</e:SEID><e:IPv4Address>198.51.100.1</e:IPv4Address>"
		"<e:IPv6Address>2001:0db8:0000:0000:0000:0000:0000:0001</e:IPv6Address>",
	"PDRID": "12", "QERID": "4294967295", "NetworkInstance": "08696E7465726E6574", "GTPTunnelDirection": "Outbound",
	"FTEID": "<e:TEID>4294967295</e:TEID><e:IPv4Address>198.51.100.1</e:IPv4Address>", "PDR": "0001000A",
}
HEADER_REPORTING = {
	"pdhr": "<e:PDHR/>",
	"pdsr": "<e:PDSR><e:PDSRTriggerType><e:TimerExpiry>60</e:TimerExpiry></e:PDSRTriggerType><e:PDSRTriggerType>"
		"<e:PacketCount>100</e:PacketCount></e:PDSRTriggerType><e:PDSRTriggerType><e:ByteCount>100000</e:ByteCount>"
		"</e:PDSRTriggerType><e:useSessionTriggers>true</e:useSessionTriggers></e:PDSR>",
}


def message(root, kind, body, envelope=ENVELOPE):
	inner = {"X1Request": "x1RequestMessage", "X1Response": "x1ResponseMessage"}[root]
	return '<%s %s><%s xsi:type="%s">%s<x1TransactionId>%s</x1TransactionId>%s</%s></%s>' % (
		root, SPACES, inner, kind, envelope, TRANSACTION, body, inner, root)


def request(kind, body=""):
	return message("X1Request", kind + "Request", body)


def response(kind, body):
	return message("X1Response", kind + "Response", body)


def target(name, value):
	return f"<targetIdentifier><{name}>{value}</{name}></targetIdentifier>"


def upf_target(name, value):
	return target("targetIdentifierExtension", "<Owner>3GPP</Owner><e:UPFLIT3TargetIdentifierExtensions>"
		"<e:UPFLIT3TargetIdentifier><e:%s>%s</e:%s></e:UPFLIT3TargetIdentifier></e:UPFLIT3TargetIdentifierExtensions>"
		% (name, value, name))


def extension(name, inside):
	return f"<{name}><Owner>3GPP</Owner>{inside}</{name}>"


def header_reporting(inside):
	return extension("taskDetailsExtensions",
		f"<e:X1Extensions><e:HeaderReporting><e:PDHType>{inside}</e:PDHType></e:HeaderReporting></e:X1Extensions>")


MEDIATION = ("<listOfMediationDetails><mediationDetails><LIID>liid-0001</LIID><deliveryType>HI2andHI3</deliveryType>"
	"<StartTime>2026-11-22T08:15:30.000100Z</StartTime><EndTime>2026-12-22T08:15:30.000100+01:00</EndTime>"
	"<listOfDIDs><dId>" + DID + "</dId></listOfDIDs>"
	"<serviceScopingOptions><serviceScopingOptions><serviceType><serviceType>voice</serviceType>"
	"<serviceType>data</serviceType></serviceType><locationType><listOfLocationTypes><locationType>"
	"<beginningAndEnd>true</beginningAndEnd><uponChange>false</uponChange><LALS>1</LALS></locationType></listOfLocationTypes>"
	"</locationType><suspendOnOutboundInternationalRoaming>false</suspendOnOutboundInternationalRoaming>"
	"<reportPostDialledDigits>0</reportPostDialledDigits></serviceScopingOptions><serviceScopingOptions><locationType>"
	"<doNotReport/></locationType></serviceScopingOptions></serviceScopingOptions></mediationDetails></listOfMediationDetails>")


def task(targets, after_dids="", dids=f"<dId>{DID}</dId>", delivery="X2andX3"):
	return ("<taskDetails><xId>%s</xId><targetIdentifiers>%s</targetIdentifiers><deliveryType>%s</deliveryType>"
		"<listOfDIDs>%s</listOfDIDs>%s</taskDetails>") % (XID, targets, delivery, dids, after_dids)


def destination(address, name="<friendlyName>MDF east</friendlyName>"):
	return ("<destinationDetails><dId>%s</dId>%s<deliveryType>X2andX3</deliveryType><deliveryAddress>%s</deliveryAddress>"
		"</destinationDetails>") % (DID, name, address)


def ip_port(address=V4, port="<c:TCPPort>42001</c:TCPPort>"):
	return f"<ipAddressAndPort><c:address>{address}</c:address><c:port>{port}</c:port></ipAddressAndPort>"


FAULTS = ("<listOfFaults><unresolvedFault><errorCode>9020</errorCode><errorDescription>port 0: link down</errorDescription>"
	"</unresolvedFault></listOfFaults>")
NE_STATUS = f"<neStatusDetails><neStatus>Faults</neStatus>{FAULTS}</neStatusDetails>"
TASK_STATUS = (f"<taskStatus><provisioningStatus>complete</provisioningStatus>{FAULTS}"
	"<timeOfLastIntercept>2026-11-22T08:15:59.900000Z</timeOfLastIntercept><amountOfX2Data>5120</amountOfX2Data>"
	"<amountOfX3Data>9437184</amountOfX3Data><timeOfLastModification>2026-11-22T08:15:59.900000Z</timeOfLastModification>"
	"<numberOfModifications>0</numberOfModifications></taskStatus>")
TASK_DETAILS = f"<taskResponseDetails>{task(target('ipv4Address', '192.0.2.10'))}{TASK_STATUS}</taskResponseDetails>"
DESTINATION_DETAILS = ("<destinationResponseDetails>%s<destinationStatus><destinationDeliveryStatus>activeAndWorking"
	"</destinationDeliveryStatus><listOfFaults/></destinationStatus></destinationResponseDetails>") % destination(ip_port())
TASK_LIST = f"<listOfTaskResponseDetails>{TASK_DETAILS}</listOfTaskResponseDetails>"
DESTINATION_LIST = f"<listOfDestinationResponseDetails>{DESTINATION_DETAILS}</listOfDestinationResponseDetails>"


def _requests(out):
	full = ("<correlationID>4711</correlationID><implicitDeactivationAllowed>false</implicitDeactivationAllowed>"
		f"<productID>{XID}</productID>")
	for kind in ("ActivateTask", "ModifyTask"):
		out["request-" + kind] = request(kind, task(target("ipv4Address", "192.0.2.10") + target("tcpPort", "443"), full))
	out["request-DeactivateTask"] = request("DeactivateTask", f"<xId>{XID}</xId>")
	out["request-GetTaskDetails"] = request("GetTaskDetails", f"<xId>{XID}</xId>")
	for kind in ("RemoveDestination", "GetDestinationDetails"):
		out["request-" + kind] = request(kind, f"<dId>{DID}</dId>")
	for kind in ("CreateDestination", "ModifyDestination"):
		out["request-" + kind] = request(kind, destination(ip_port()))
	for kind in EMPTY_REQUESTS + NEWER_EMPTY_REQUESTS:
		out["request-" + kind] = request(kind)
	out["request-ReportTaskIssue"] = request("ReportTaskIssue", "<xId>%s</xId><taskReportType>NonTerminatingFault</taskReportType>"
		"<taskIssueErrorCode>9020</taskIssueErrorCode><taskIssueDetails>lost</taskIssueDetails>" % XID)
	out["request-ReportDestinationIssue"] = request("ReportDestinationIssue", "<dId>%s</dId><destinationReportType>AllClear"
		"</destinationReportType><destinationIssueErrorCode>9000</destinationIssueErrorCode>"
		"<destinationIssueDetails>back</destinationIssueDetails>" % DID)
	out["request-ReportNEIssue"] = request("ReportNEIssue",
		"<typeOfNeIssueMessage>FaultReport</typeOfNeIssueMessage><description>link down</description>")
	out["request-ReportNEIssue-code"] = request("ReportNEIssue",
		"<typeOfNeIssueMessage>Alert</typeOfNeIssueMessage><description>x</description><issueCode>9020</issueCode>")
	two = request("Ping").replace("</X1Request>", request("Keepalive").split(">", 1)[1])
	out["request-two-messages"] = two


def _tasks(out):
	for name, value in {**TARGETS, **NEWER_TARGETS}.items():
		out["target-" + name] = request("ActivateTask", task(target(name, value)))
	out["target-ipv4Cidr-v6"] = request("ActivateTask", task(target("ipv4Cidr",
		"<c:IPv6CIDR>2001:0db8:0000:0000:0000:0000:0000:0000/32</c:IPv6CIDR>")))
	for name, value in MEMBERS.items():
		out["upf-" + name] = request("ActivateTask", task(upf_target(name, value), delivery="X3Only"))
	for name, inside in HEADER_REPORTING.items():
		out["header-reporting-" + name] = request("ActivateTask",
			task(target("gtpuTunnelId", "1"), header_reporting(inside), delivery="X2Only"))
	out["task-mediation"] = request("ActivateTask", task(target("imsi", "262011234567890"), MEDIATION))
	out["task-services"] = request("ActivateTask", task(target("imsi", "262011234567890"),
		"<listOfServiceTypes><serviceType>RCS</serviceType></listOfServiceTypes>"))
	out["task-policies"] = request("ActivateTask", task(target("imsi", "262011234567890"),
		f"<listOfTrafficPolicyReferences><trafficPolicyReference>{DSID}</trafficPolicyReference></listOfTrafficPolicyReferences>"))
	out["task-dsid"] = request("ActivateTask", task(target("tcpPort", "80"), dids=f"<dId>{DID}</dId><dSId>{DSID}</dSId>"))
	out["task-no-did"] = request("ActivateTask", task(target("tcpPort", "80"), dids=""))
	out["task-owner-only"] = request("ActivateTask", task(target("tcpPort", "80"), extension("taskDetailsExtensions", "")))


def _destinations(out):
	out["destination-v6"] = request("CreateDestination", destination(ip_port(V6, "<c:UDPPort>42001</c:UDPPort>"), ""))
	for name, value in (("e164Number", "491701234567"), ("uri", "https://mdf.example.org/x3"), ("emailAddress", "mdf@example.org")):
		out["destination-" + name] = request("CreateDestination", destination(f"<{name}>{value}</{name}>"))
	out["destination-extension"] = request("CreateDestination", destination(ip_port()).replace(
		"</destinationDetails>", extension("destinationDetailsExtensions", "") + "</destinationDetails>"))


def _responses(out):
	for kind in OK_RESPONSES:
		out["response-" + kind] = response(kind, "<oK>AcknowledgedAndCompleted</oK>")
	out["response-ReportNEIssue"] = response("ReportNEIssue", "<oK>AcknowledgedAndCompleted</oK>")
	out["response-GetTaskDetails"] = response("GetTaskDetails", TASK_DETAILS)
	out["response-GetDestinationDetails"] = response("GetDestinationDetails", DESTINATION_DETAILS)
	out["response-GetNEStatus"] = response("GetNEStatus", NE_STATUS)
	out["response-GetAllDetails"] = response("GetAllDetails", NE_STATUS + TASK_LIST + DESTINATION_LIST)
	out["response-ListAllDetails"] = response("ListAllDetails",
		f"<ListOfXIDs><xId>{XID}</xId></ListOfXIDs><ListOfDIDs><dId>{DID}</dId></ListOfDIDs>")
	out["response-GetAllTaskDetails"] = response("GetAllTaskDetails", TASK_LIST)
	out["response-GetAllDestinationDetails"] = response("GetAllDestinationDetails", DESTINATION_LIST)
	out["response-error"] = message("X1Response", "ErrorResponse", "<requestMessageType>ActivateTask</requestMessageType>"
		f"<errorInformation><errorCode>2010</errorCode><errorDescription>{XID}</errorDescription></errorInformation>")
	out["response-top-level-error"] = f"<X1TopLevelErrorResponse {SPACES}>{ENVELOPE}</X1TopLevelErrorResponse>"


def examples():
	"""{name: XML text}."""
	out = {}
	for fill in (_requests, _tasks, _destinations, _responses):
		fill(out)
	return out
