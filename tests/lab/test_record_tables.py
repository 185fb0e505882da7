"""The judge of records: its transcription against the specification's text and the module's names where they are there,
right records of every kind, and violations put into them, which it must find."""
import copy
import os
import re
import sys
import unittest

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
sys.path.append(os.path.join(TOP, "tests", "oracle"))

import record_tables as tables  # noqa: E402
from record_judge import judge  # noqa: E402

SHARED = os.path.join(TOP, "..", "shared")
TEXT = os.path.join(SHARED, "specs", "TS_33.128_clause_6.2.txt")
MODULES = [os.path.join(SHARED, "asn1", f"TS33128Payloads-{r}.asn") for r in ("r18-v15", "r19-v3")]
# A table's title where it is not that of the record, and the type that it is in the module.
TITLES = {"ePS5GSComboInfo": "EPS5GSComboInfo", "gTPTunnelInfo": "GTPTunnelInfo", "fiveGSGTPTunnels": "FiveGSGTPTunnels",
	"dLRANTunnelInformation": "DLRANTunnelInformation", "PCCrule": "PCCRule", "Access": "AccessInfo"}

USER = {"sUPI": {"iMSI": "001010123456789"}, "sUPIUnauthenticated": False}
GUTI = {"fiveGTMSI": 1}
PLACE = {"locationInfo": {"userLocation": {"nRLocation": {}}}}
TEID = {"tEID": 1, "iPv4Address": bytes(4)}
INFO = {"fiveGSGTPTunnels": {"uLNGUUPTunnelInformation": TEID}}
ACCESS = [{"accessType": "threeGPPAccess", "gTPTunnelID": TEID, "establishmentStatus": "established", "gTPTunnelInfo": INFO}]
WHO = {"fiveGSSubscriberIDs": [{"sUPI": USER["sUPI"]}]}
SESSION = {"pDUSessionID": 5, "pDUSessionType": "iPv4", "dNN": "internet.example", "requestType": "initialRequest"}
MA = {"servingNetwork": {}, "mAAcceptedIndication": True}
FAILED = {"failedProcedureType": "pDUSessionEstablishment", "failureCause": 26, "initiator": "network"}
HANDOVER = {"userIdentifiers": WHO, "aMFUENGAPID": 1, "rANUENGAPID": 2, "handoverType": "intra5GS",
	"targetToSourceContainer": b"\0"}
# The smallest right record of each kind.
RIGHT = {
	"AMFRegistration": {"registrationType": "initial", "registrationResult": "threeGPPAccess", "sUPI": USER["sUPI"],
		"gUTI": GUTI},
	"AMFDeregistration": {"deregistrationDirection": "uEInitiated", "accessType": "threeGPPAccess", "gUTI": GUTI},
	"AMFLocationUpdate": {"sUPI": USER["sUPI"], "location": PLACE},
	"AMFStartOfInterceptionWithRegisteredUE": {"registrationResult": "threeGPPAccess", "sUPI": USER["sUPI"], "gUTI": GUTI},
	"AMFUnsuccessfulProcedure": {"failedProcedureType": "registration", "failureCause": {"fiveGMMCause": 3},
		"sUPI": USER["sUPI"]},
	"AMFIdentifierAssociation": {"sUPI": USER["sUPI"], "gUTI": GUTI, "location": PLACE},
	"AMFPositioningInfoTransfer": {"sUPI": USER["sUPI"], "lcsCorrelationId": "1"},
	"AMFRANHandoverCommand": HANDOVER,
	"AMFRANHandoverRequest": {**HANDOVER, "handoverCause": 1, "pDUSessionResourceInformation": {"pDUSessionID": 5},
		"sourceToTargetContainer": b"\0"},
	"AMFUEConfigurationUpdate": {"userIdentifiers": WHO, "gUTI": GUTI},
	"SMFPDUSessionEstablishment": {**USER, **SESSION, "gTPTunnelID": TEID, "gTPTunnelInfo": INFO},
	"SMFPDUSessionModification": {**USER, "gTPTunnelInfo": INFO},
	"SMFPDUSessionRelease": {"sUPI": USER["sUPI"], "pDUSessionID": 5},
	"SMFStartOfInterceptionWithEstablishedPDUSession": {**USER, **SESSION, "gTPTunnelID": TEID, "uEEndpoint": [],
		"gTPTunnelInfo": INFO},
	"SMFUnsuccessfulProcedure": {**USER, **FAILED},
	"SMFMAPDUSessionEstablishment": {**USER, **SESSION, **MA, "accessInfo": ACCESS},
	"SMFMAPDUSessionModification": {**USER, **MA, "pDUSessionID": 5},
	"SMFMAPDUSessionRelease": {"sUPI": USER["sUPI"], "pDUSessionID": 5},
	"SMFStartOfInterceptionWithEstablishedMAPDUSession": {**USER, **MA, "pDUSessionID": 5, "pDUSessionType": "iPv4",
		"dNN": "internet.example", "accessInfo": ACCESS},
	"SMFMAUnsuccessfulProcedure": {**USER, **FAILED, "accessInfo": ACCESS},
	"SMFPDUtoMAPDUSessionModification": {**USER, "requestType": "modificationRequest", "pDUSessionID": 5,
		"requestIndication": "uEREQPDUSESMOD", "aTSSSContainer": b"\0", "gTPTunnelInfo": INFO},
	"SMSMessage": {"originatingSMSParty": USER, "terminatingSMSParty": {}, "direction": "fromTarget",
		"linkTransferStatus": "transferSucceeded"},
	"SMSReport": {"sMSTPDUData": {"sMSTPDU": b"\1"}, "messageType": "submitReportAck", "rPMessageReference": 7},
}
RULE = {"pCCRuleID": "r", "appId": "a", "trafficRoutes": [{}]}
# A record, what is put into it (None: taken out; dots and numbers go inside), and the words that must come.
PLANTED = (
	("AMFRegistration", {"sUPI": None, "gUTI": None}, ["sUPI: mandatory, missing", "gUTI: mandatory, missing"]),
	("AMFRegistration", {"fiveGSTAIList": []}, ["fiveGSTAIList: list too short"]),
	("AMFRegistration", {"fiveGSTAIList": {}}, ["fiveGSTAIList: not a list"]),
	("AMFRegistration", {"rATType": "nR"}, ["rATType: not in the table (the module has it)"]),
	("AMFRegistration", {"sMSOverNasIndicator": 1, "sMSoverNASIndicator": 1}, ["sMSoverNASIndicator: twice"]),
	("AMFRegistration", {"nonIMEISVPEI": {}}, ["mACRestIndicator: mandatory with nonIMEISVPEI, missing"]),
	("AMFRegistration", {"slice": {}},
		["slice.allowedNSSAI, configuredNSSAI, rejectedNSSAI: one of them is mandatory"]),
	("AMFRegistration", {"location": {"locationInfo": {}}}, ["location.locationInfo.userLocation: mandatory, missing"]),
	("AMFRegistration", {"non3GPPAccessEndpoint": {"iPv4Address": bytes(5)}},
		["non3GPPAccessEndpoint.iPv4Address: 5 is out of 4..4"]),
	("AMFRegistration", {"non3GPPAccessEndpoint": {"ethernetAddress": bytes(6)}},
		["non3GPPAccessEndpoint.ethernetAddress: not in the table"]),
	("AMFRegistration", {"non3GPPAccessEndpoint": {}}, ["non3GPPAccessEndpoint: 0 alternatives"]),
	("AMFStartOfInterceptionWithRegisteredUE", {"slice": {"allowedNSSAI": [{}], "rejectedNSSAI": [{}]}},
		["slice.rejectedNSSAI: not in the table"]),
	("AMFDeregistration", {"gUTI": None, "sUPI": "s", "gPSI": "g"}, ["sUCI, pEI, gUTI: one of them is mandatory"]),
	("AMFLocationUpdate", {"location": None}, ["location: mandatory, missing"]),
	("AMFLocationUpdate", {"location": {}},
		["location.locationInfo, locationPresenceReport, positioningInfo: one of them is mandatory"]),
	("AMFLocationUpdate", {"deprecatedOldGUTI": GUTI}, ["oldGUTI: no longer used"]),
	("AMFUnsuccessfulProcedure", {"sUPI": None}, ["sUPI, sUCI, pEI, gPSI, gUTI: one of them is mandatory"]),
	("AMFPositioningInfoTransfer", {"lcsCorrelationId": ""}, ["lcsCorrelationId: 0 is out of 1..255"]),
	("AMFRANHandoverCommand", {"userIdentifiers": {"fiveGSSubscriberIDs": []}}, ["userIdentifiers: list too short"]),
	("AMFRANHandoverCommand", {"handoverCause": 1}, ["handoverCause: not in the table"]),
	("AMFRANHandoverRequest", {"sourceToTargetContainer": None}, ["rANSourceToTargetContainer: mandatory, missing"]),
	("SMFPDUSessionEstablishment", {"gTPTunnelInfo": None}, ["gTPTunnelInfo: mandatory, missing"]),
	("SMFPDUSessionEstablishment", {"gTPTunnelInfo": {"ePSGTPTunnels": {}}},
		["gTPTunnelInfo.fiveGSGTPTunnels: mandatory for a PDU session, missing"]),
	("SMFPDUSessionEstablishment", {"gTPTunnelInfo": {"ePSGTPTunnels": {}}, "ePSPDNConnectionEstablishment": {}}, []),
	("SMFPDUSessionEstablishment", {"gTPTunnelInfo.fiveGSGTPTunnels.tEID": 1},
		["gTPTunnelInfo.fiveGSGTPTunnels.tEID: not in the table"]),
	("SMFPDUSessionEstablishment", {"gTPTunnelInfo.fiveGSGTPTunnels.additionalULNGUUPTunnelInformation": []},
		["gTPTunnelInfo.fiveGSGTPTunnels.additionalULNGUUPTunnelInformation: list too short"]),
	("SMFPDUSessionEstablishment", {"sUPIUnauthenticated": None}, ["sUPIUnauthenticated: mandatory with sUPI, missing"]),
	("SMFPDUSessionEstablishment", {"sUPI": None, "gPSI": "g"}, ["sUPI: mandatory without pEI, missing"]),
	("SMFPDUSessionEstablishment", {"sUPI": None, "sUPIUnauthenticated": None, "pEI": "p"}, []),
	("SMFPDUSessionEstablishment", {"pDUSessionID": 256}, ["pDUSessionID: 256 is out of 0..255"]),
	("SMFPDUSessionEstablishment", {"uEEndpoint": [{"iPv4Address": bytes(4)}, {"iPv6Address": bytes(4)}]},
		["uEEndpoint[1].iPv6Address: 4 is out of 16..16"]),
	("SMFPDUSessionEstablishment", {"timeOfSessionEstablishment": "t"}, ["timeOfSessionEstablishment: not in the table"]),
	("SMFPDUSessionEstablishment", {"ePS5GSComboInfo": {"ePSInterworkingIndication": "none"}},
		["ePS5GSComboInfo.ePSSubscriberIDs: mandatory, missing"]),
	("SMFPDUSessionEstablishment", {"pCCRules": [RULE, {**RULE, "pCCRuleID": None, "flowInfos": [{}]}]},
		["pCCRules[1].flowInfos: beside appId or pFD"]),
	("SMFPDUSessionModification", {"pCCRules": [{"trafficRoutes": []}]}, ["pCCRules[0].pCCRuleID: mandatory, missing",
		"pCCRules[0].appId, pFD, flowInfos: one of them is mandatory"]),
	("SMFPDUSessionModification", {"pCCRules": [{**RULE, "trafficSteeringPolIdUl": "p", "deprecatedSourceDNAI": "d"}]},
		["pCCRules[0].sourceDNAI: no longer used", "pCCRules[0].routeToLocs: beside a steering policy"]),
	("SMFPDUSessionModification", {"uPPathChange": {"mACAddress": bytes(5)}}, ["uPPathChange.mACAddress: 5 is out of 6..6"]),
	("SMFPDUSessionModification", {"pFDDataForApp": {"pFDs": [{}]}},
		["pFDDataForApp.appId: mandatory, missing", "pFDDataForApp.pFDs[0].pFDId: mandatory, missing"]),
	("SMFPDUSessionRelease", {"gTPTunnelInfo": INFO, "pCCRuleIDs": []},
		["gTPTunnelInfo: not in the table", "pCCRuleIDs: list too short"]),
	("SMFStartOfInterceptionWithEstablishedPDUSession", {"requestType": None, "handoverState": "none"},
		["handoverState: not in the table", "requestType: mandatory, missing"]),
	("SMFUnsuccessfulProcedure", {"sUPI": None, "initiator": None},
		["initiator: mandatory, missing", "sUPI, pEI, gPSI: one of them is mandatory"]),
	("SMFMAPDUSessionEstablishment", {"accessInfo": []}, ["accessInfo: list too short"]),
	("SMFMAPDUSessionEstablishment", {"accessInfo": ACCESS * 3}, ["accessInfo: list too long"]),
	("SMFMAPDUSessionEstablishment", {"accessInfo.0.gTPTunnelInfo": None},
		["accessInfo[0].gTPTunnelInfo: mandatory, missing"]),
	("SMFMAPDUSessionEstablishment", {"accessInfo.0.gTPTunnelInfo": {"ePSGTPTunnels": {}}},
		["accessInfo[0].gTPTunnelInfo.fiveGSGTPTunnels: mandatory for a PDU session, missing"]),
	("SMFMAPDUSessionModification", {"requestType": "initialRequest"}, ["requestType: initialRequest is no value here"]),
	("SMFMAPDUSessionModification", {"accessInfo": "x"}, ["accessInfo: not a list"]),
	("SMFMAPDUSessionRelease", {"pCCRuleIDs": ["a"], "ePS5GSComboInfo": {}}, ["ePS5GSComboInfo: not in the table"]),
	("SMFStartOfInterceptionWithEstablishedMAPDUSession", {"servingNetwork": None}, ["servingNetwork: mandatory, missing"]),
	("SMFMAUnsuccessfulProcedure", {"accessInfo.0.accessType": None}, ["accessInfo[0].accessType: mandatory, missing"]),
	("SMFPDUtoMAPDUSessionModification", {"aTSSSContainer": None}, ["aTSSSContainer: mandatory, missing"]),
	("SMSMessage", {"direction": "toNobody", "linkTransferStatus": "undefined"},
		["direction: toNobody is no value here", "linkTransferStatus: undefined is no value here"]),
	("SMSMessage", {"messageType": "command", "sMSTPDUData": {"truncatedSMSTPDU": b"\1"}},
		["sMSTPDUData.truncatedSMSTPDU: not with messageType command"]),
	("SMSMessage", {"sMSTPDUData": {"sMSTPDU": b"\1", "truncatedSMSTPDU": b"\1"}}, ["sMSTPDUData: 2 alternatives"]),
	("SMSMessage", {"sMSTPDUData": {"sMSTPDU": bytes(271)}}, ["sMSTPDUData.sMSTPDU: 271 is out of 1..270"]),
	("SMSReport", {"sMSTPDUData": {"truncatedSMSTPDU": b"\1"}}, ["sMSTPDUData.truncatedSMSTPDU: not in a report"]),
	("SMSReport", {"direction": "toTarget"}, ["direction: not in the table"]),
	("SMSReport", {"sMSTPDUData": b"\1"}, ["sMSTPDUData: not a structure"]),
	("SMFMAUnsuccessfulProcedure", {"sUPI": None}, ["sUPI, pEI, gPSI: one of them is mandatory"]),
	("SMFMAPDUSessionEstablishment", {"accessInfo": ACCESS * 2}, []),
	("SMFPDUtoMAPDUSessionModification", {"requestType": "reserved"}, ["requestType: reserved is no value here"]),
	("AMFRANHandoverRequest", {"userIdentifiers": {}}, ["userIdentifiers: list too short"]),
	("AMFUEConfigurationUpdate", {"userIdentifiers": {}}, ["userIdentifiers: list too short"]),
	*((name, {"sUPI": None}, ["sUPI: mandatory without pEI, missing"]) for name in tables.RECORDS
		if name in ("SMFPDUSessionModification", "SMFStartOfInterceptionWithEstablishedPDUSession",
			"SMFStartOfInterceptionWithEstablishedMAPDUSession", "SMFPDUtoMAPDUSessionModification")),
)


def planted(record, changes):
	record = copy.deepcopy(record)
	for path, value in changes.items():
		*way, last = path.split(".")
		at = record
		for step in way:
			at = at[int(step)] if isinstance(at, list) else at[step]
		if value is None:
			del at[last]
		else:
			at[last] = value
	return record


class Judge(unittest.TestCase):
	def test_right_records(self):
		self.assertEqual(set(RIGHT), set(tables.RECORDS))
		for name, record in RIGHT.items():
			with self.subTest(name):
				self.assertEqual(judge(name, record), [])

	def test_planted_violations(self):
		for name, changes, words in PLANTED:
			with self.subTest(name, changes=sorted(changes)):
				self.assertEqual(judge(name, planted(RIGHT[name], changes)), words)

	def test_every_member_of_a_smallest_record(self):
		"""Each smallest record loses each member in turn: what it has beyond conditions is mandatory, and is missed."""
		free = {"sUPIUnauthenticated", "uEEndpoint", "requestType", "sUPI", "gUTI"}
		for name, record in RIGHT.items():
			for member in record:
				words = judge(name, planted(record, {member: None}))
				if member not in free:
					field, = (f for f in tables.TABLES[name] if member in (f.name, f.module))
					self.assertEqual(words, [f"{field.name}: mandatory, missing"], name)

	def test_a_member_of_another_record(self):
		for name in RIGHT:
			self.assertEqual(judge(name, {**RIGHT[name], "noSuchMember": 1}), ["noSuchMember: not in the table"])

	def test_unknown_record(self):
		self.assertEqual(judge("AMFNothing", {}), ["AMFNothing: no such record"])


def text_tables():
	"""The tables of the text: title's word -> (name, letter) in order."""
	out, rows, cells = {}, None, []
	with open(TEXT, encoding="utf-8") as text:
		for line in text:
			line = line.strip()
			title = re.match(r"Table [\w.-]+: (?:(?:Payload (?:for|of)|Contents of) )?(\w+)", line)
			if title:
				rows = out.setdefault(TITLES.get(title[1], title[1]), [])
				cells = []
			elif rows is not None and line.endswith("|"):
				cell = line[:-1].strip()
				if cell in ("M", "C", "O") and len(cells) >= 2:
					rows.append((cells[-2], cell))
					cells = []
				elif cell:
					cells.append(cell)
			elif rows is not None and re.match(r"6\.2\.\d", line):
				rows = None
	return out


def module_types(path):
	"""SEQUENCE and CHOICE types of a module: name -> members in order."""
	with open(path, encoding="utf-8") as text:
		types = re.findall(r"^(\w+) ::= (?:SEQUENCE|CHOICE)\n\{\n(.*?)^\}", text.read(), re.S | re.M)
	return {name: re.findall(r"^\s+(\w+)\s*\[\d+\]", body, re.M) for name, body in types}


class Transcription(unittest.TestCase):
	@unittest.skipUnless(os.path.exists(TEXT), "the specification's text is not here")
	def test_against_the_text(self):
		found = text_tables()
		for name in (*tables.RECORDS, *tables.NESTED):
			if name == "SMSTPDUData":  # a table without the letter
				continue
			with self.subTest(name):
				self.assertEqual([(f.name, f.need) for f in tables.TABLES[name]], found.get(name))

	@unittest.skipUnless(all(map(os.path.exists, MODULES)), "the modules are not here")
	def test_against_the_modules(self):
		types = [module_types(path) for path in MODULES]
		for name in (*tables.RECORDS, *tables.NESTED):
			with self.subTest(name):
				ours = {f.module for f in tables.TABLES[name] if f.module} | tables.NEWER.get(name, set())
				self.assertEqual(ours, set(types[0][name]) | set(types[1][name]))


if __name__ == "__main__":
	unittest.main()
